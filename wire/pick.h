/* Where a step's input comes from: JSON in which some strings pick values out of the saga's input
 * and of the outputs of earlier steps. Only picking, no computing.
 *
 *   "$.input"                     the saga's whole input
 *   "$.input.order.lines.0.sku"   a part of it: members of objects by name, of arrays by number
 *   "$.steps.reserve.output.id"   the same of a step's output
 *   "$$5"                         the text "$5"
 *
 * A string of another kind that begins with "$" is refused; names of members are never picks, and
 * no escapes are looked into. What is not there, and all of what is not JSON, picks as null. A
 * member that stands twice in its object counts with its last value.
 */
#ifndef SAGAD_WIRE_PICK_H
#define SAGAD_WIRE_PICK_H

#include "base/buf.h"
#include "wire/json.h"
#include "wire/message.h"

enum {
	WIRE_PICKS_MAX = 64,          /* in a template */
	WIRE_PICK_SEGMENTS_MAX = 16,  /* names and numbers in a path */
	WIRE_TEMPLATE_DEPTH_MAX = 16, /* a source may be WIRE_JSON_DEPTH_MAX deep */
};

/* Judges the template of the step with this index. `ancestors` are the steps it waits for, directly
 * or not, as bits (wire_plan_ancestors): it may pick from them only. 0 or SAGA_E_PLAN; `why` (may
 * be NULL) gets a sentence that begins with "its input". */
int wire_pick_check(struct slice template, const struct wire_plan *plan, uint32_t step,
		    uint64_t ancestors, struct buf *why) MUST_CHECK;

struct wire_pick_source {
	struct slice input; /* of the saga */
	/* Of a step by its index; empty = there is none. Borrowed until the fill returns. */
	struct slice (*output)(const void *context, uint32_t step);
	const void *context;
};

/* Appends the template with its picks filled in. Each source is read once. 0, or with `out` as it
 * was: SAGA_E_TOO_LARGE (beyond its bound), SAGA_E_NO_MEMORY, SAGA_E_PLAN (a template that
 * wire_pick_check refuses; it may take others that it refuses, too). */
int wire_pick_fill(struct slice template, const struct wire_plan *plan,
		   const struct wire_pick_source *source, struct buf *out) MUST_CHECK;

#endif
