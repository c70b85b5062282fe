/* Rules that a plan must meet before it may be accepted; and the hash that makes two submits the
 * same. Both sides use them: the client to fail early, the owner because it must. */
#ifndef SAGAD_WIRE_PLAN_H
#define SAGAD_WIRE_PLAN_H

#include "base/buf.h"
#include "wire/message.h"

/* The defaults of design.md section 3. */
struct wire_retry wire_retry_default(void);
struct wire_retry wire_retry_default_undo(void);
enum { WIRE_ATTEMPT_TIMEOUT_DEFAULT_MS = 15000, WIRE_DEADLINE_DEFAULT_MS = 60000 };
/* Fills what is zero with the defaults (S18: the owner then journals the resolved plan). What was
 * vouched for (`encoded`, `known`) it no longer is. */
void wire_plan_resolve(struct wire_plan *plan);

/* Over every field: clients may make up plans that differ in any of them, and those that hash alike
 * make a chain that each submit walks. */
uint64_t wire_plan_hash(const struct wire_plan *plan);
/* Appends the canonical encoding, for plan->encoded. Errors as of wire_encode. */
int wire_plan_encode(const struct wire_plan *plan, struct buf *out) MUST_CHECK;

/* Judges a resolved plan. 0 or SAGA_E_PLAN / SAGA_E_POLICY / SAGA_E_DEADLINE / SAGA_E_NAME; `why`
 * (may be NULL) gets one sentence that names the step. Checks names, uniqueness, after-indexes
 * (known, no cycle, not itself, not twice), limits, protocol (only saga now, so no finish), and
 * delivery (one for all steps of a service). A step without undo may stand anywhere: nothing to
 * undo. */
int wire_plan_check(const struct wire_plan *plan, struct buf *why) MUST_CHECK;

/* XXH3-128 over the canonical encoding of (plan, input, deadline, labels): not of the id, the retry
 * window, the trace or the wait flag. Hash the submit as it came, before wire_plan_resolve: a
 * default that changes with a version must not turn the same submit into a conflict. `scratch` is
 * cleared and used. Errors as of wire_encode. */
int wire_body_hash(const struct wire_submit *submit, struct buf *scratch,
		   struct hash128 *hash) MUST_CHECK;

#endif
