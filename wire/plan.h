/* Rules that a plan must meet before it may be accepted; and the hash that makes two submits the
 * same. Both sides use them: the client to fail early, the owner because it must. */
#ifndef SAGAD_WIRE_PLAN_H
#define SAGAD_WIRE_PLAN_H

#include "base/buf.h"
#include "wire/message.h"

/* The defaults of design.md section 3. */
struct wire_retry wire_retry_default(void);
struct wire_retry wire_retry_default_undo(void);
enum {
	WIRE_ATTEMPT_TIMEOUT_DEFAULT_MS = 15000,
	WIRE_PREPARE_TIMEOUT_DEFAULT_MS = 5000, /* of 2PC: of an attempt, and of all of them */
	WIRE_DEADLINE_DEFAULT_MS = 60000,
};
/* Fills what is zero with the defaults (S18: the owner then journals the resolved plan). What was
 * vouched for (`encoded`, `known`) it no longer is. */
void wire_plan_resolve(struct wire_plan *plan);
/* The same of one step; the plan's protocol is known. */
void wire_step_resolve(const struct wire_plan *plan, struct wire_step *step);

static inline uint32_t wire_step_kind(const struct wire_plan *plan, const struct wire_step *step)
{
	return step->kind != 0 ? step->kind : plan->protocol;
}
static inline bool wire_plan_interactive(const struct wire_plan *plan)
{
	return plan->idle_ms > 0;
}

/* For each step the steps it waits for, as bits: those of `after`, and those that S4 implies: the
 * pivot waits for every step that does not wait for it, and what is retriable for the pivot.
 * Indexes are in range; there is no cycle of `after` (else the result has one, too). */
void wire_plan_edges(const struct wire_plan *plan, uint64_t after[WIRE_STEPS_MAX]);
/* All steps that this one waits for, directly or not; `after` as above. */
uint64_t wire_plan_ancestors(const uint64_t *after, uint32_t step);

/* Over every field: clients may make up plans that differ in any of them, and those that hash alike
 * make a chain that each submit walks. */
uint64_t wire_plan_hash(const struct wire_plan *plan);
/* Appends the canonical encoding, for plan->encoded. Errors as of wire_encode. */
int wire_plan_encode(const struct wire_plan *plan, struct buf *out) MUST_CHECK;

/* The steps that wait for this one, directly or not, by what is written: S4 adds more, see
 * wire_plan_edges. */
uint64_t wire_plan_behind(const struct wire_plan *plan, uint32_t step);

/* Judges a resolved plan. 0 or SAGA_E_PLAN / SAGA_E_POLICY / SAGA_E_DEADLINE / SAGA_E_NAME; `why`
 * (may be NULL) gets one sentence that names the step. Checks names, uniqueness, after-indexes
 * (known, no cycle, not itself, not twice), limits, delivery (one for all steps of a service),
 * which operations each kind has, the one point of no return (S4), and what inputs pick from
 * (wire/pick.h). What stands without undo in a saga has nothing to undo, wherever it stands.
 *
 *   kind   flags                          forward      finish    undo          one_phase
 *   saga   none, optional                 action       -         compensate?   -
 *   saga   pivot, retriable               action       -         -             -
 *   tcc    none                           try          confirm   cancel        -
 *   2pc    none                           prepare      commit    rollback      name?
 *   2pc    pivot (the last resource)      commit       -         -             -
 *
 * An interactive plan is tcc or 2pc, and has no steps yet. */
int wire_plan_check(const struct wire_plan *plan, struct buf *why) MUST_CHECK;

/* What a fault is about: the numbers that the fields have on the wire. */
enum wire_plan_key {
	WIRE_PLAN_KEY_NAME = 2,
	WIRE_PLAN_KEY_VERSION = 3,
	WIRE_PLAN_KEY_PROTOCOL = 4,
	WIRE_PLAN_KEY_DEADLINE = 5,
	WIRE_PLAN_KEY_STEPS = 6,
	WIRE_PLAN_KEY_IDLE = 7,
};
enum wire_step_key {
	WIRE_STEP_KEY_NAME = 2,
	WIRE_STEP_KEY_SERVICE = 3,
	WIRE_STEP_KEY_FORWARD = 4,
	WIRE_STEP_KEY_FINISH = 5,
	WIRE_STEP_KEY_UNDO = 6,
	WIRE_STEP_KEY_AFTER = 7,
	WIRE_STEP_KEY_ATTEMPT_TIMEOUT = 8,
	WIRE_STEP_KEY_BUDGET = 9,
	WIRE_STEP_KEY_DELIVERY = 10,
	WIRE_STEP_KEY_RETRY = 11,
	WIRE_STEP_KEY_UNDO_RETRY = 12,
	WIRE_STEP_KEY_FLAGS = 13,
	WIRE_STEP_KEY_KIND = 14,
	WIRE_STEP_KEY_ONE_PHASE = 15,
	WIRE_STEP_KEY_INPUT = 16,
};
struct wire_plan_fault {
	int code;         /* as of wire_plan_check */
	uint32_t step;    /* its index; WIRE_STEPS_MAX: it is the plan's */
	uint32_t key;     /* enum wire_plan_key or wire_step_key; 0: of several together */
	const char *text; /* the end of a sentence about the step or the plan; for now only */
};
/* The same for whoever can mend several at once: tells every fault that is one for sure, at most
 * once about each rule and step. `plan` has at most WIRE_STEPS_MAX steps. */
void wire_plan_faults(const struct wire_plan *plan,
		      void (*tell)(void *context, const struct wire_plan_fault *fault),
		      void *context);

/* The same of the step with this index, which is enlisted in an interactive plan: its steps before
 * it are good. */
int wire_step_check(const struct wire_plan *plan, uint32_t step, struct buf *why) MUST_CHECK;

/* Adds a branch to the hash of a set, which begins as zeros; in any order (S9). Over the names:
 * what the owner filled in changes nothing. */
void wire_branch_set_add(struct hash128 *set, const struct wire_step *step);

/* XXH3-128 over the canonical encoding of (plan, input, deadline, labels): not of the id, the retry
 * window, the trace or the wait flag. Hash the submit as it came, before wire_plan_resolve: a
 * default that changes with a version must not turn the same submit into a conflict. `scratch` is
 * cleared and used. Errors as of wire_encode. */
int wire_body_hash(const struct wire_submit *submit, struct buf *scratch,
		   struct hash128 *hash) MUST_CHECK;

#endif
