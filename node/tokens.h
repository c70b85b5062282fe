/* Reply subjects behind numbers: the engine keeps tokens, the node keeps what they stand for.
 * A token holds a generation, so that one that was given back is never mistaken for its successor.
 * Pure; memory is the caller's. */
#ifndef SAGAD_NODE_TOKENS_H
#define SAGAD_NODE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { TOKEN_SUBJECT_MAX = 119 };

struct token_slot {
	uint32_t generation;
	uint32_t next_free;                  /* index + 1; 0 = last */
	char subject[TOKEN_SUBJECT_MAX + 1]; /* "" = free */
};

struct tokens {
	struct token_slot *slots;
	uint32_t capacity;
	uint32_t fresh;      /* slots never used yet begin here */
	uint32_t first_free; /* index + 1 */
	uint32_t used;
};

size_t tokens_memory_size(uint32_t capacity);
void tokens_init(struct tokens *t, void *zeroed_memory, uint32_t capacity);
/* 0 when full or the subject is too long. */
uint64_t tokens_take(struct tokens *t, struct slice subject);
/* NULL for a token that is not in use. */
const char *tokens_find(const struct tokens *t, uint64_t token);
/* The next subject in use, from index *at = 0 on; NULL = there are no more. */
const char *tokens_next(const struct tokens *t, uint32_t *at);
void tokens_drop(struct tokens *t, uint64_t token); /* unknown: no-op */

#endif
