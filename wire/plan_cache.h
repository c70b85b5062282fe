/* Plans that have come before. Most submits follow a few definitions, and reading, checking and
 * writing a plan is most of the work of a submit: a plan that comes again, byte for byte, costs one
 * comparison. Nothing but time depends on it: with and without, the results are the same.
 *
 * One cache serves one thread, and an engine is fed from one cache only (identity).
 */
#ifndef SAGAD_WIRE_PLAN_CACHE_H
#define SAGAD_WIRE_PLAN_CACHE_H

#include <stddef.h>

#include "base/arena.h"
#include "wire/codec.h"

/* What is known of a plan that was read, checked and found good. Both plans have their canonical
 * encoding with them, and point back to here. */
struct wire_known_plan {
	struct wire_plan plan;     /* as it came */
	struct wire_plan resolved; /* as wire_plan_resolve makes it; passes wire_plan_check */
	uint64_t identity;         /* equal numbers, equal `resolved`; never 0, never given twice */
	uint64_t hash;             /* wire_plan_hash of `resolved` */
};

struct wire_plan_cache;

size_t wire_plan_cache_size(void);
/* In zeroed memory of that size, aligned to 16; the caller keeps it. */
struct wire_plan_cache *wire_plan_cache_init(void *memory);

/* As wire_decode of a WIRE_SUBMIT. The plan of one that is known lies in the cache, until the next
 * call. */
int wire_decode_submit(struct slice bytes, struct arena *arena, struct wire_plan_cache *cache,
		       struct wire_submit *submit, struct wire_fault *fault) MUST_CHECK;

/* ---- for the decoder ------------------------------------------------------------------------ */

/* The known plan whose bytes `rest` begins with, or NULL. */
const struct wire_known_plan *wire_plan_cache_find(const struct wire_plan_cache *cache,
						   struct slice rest, uint32_t *size);
/* Offers a plan that was not found; taken in when it is good and was offered before. */
void wire_plan_cache_offer(struct wire_plan_cache *cache, struct slice bytes);

#endif
