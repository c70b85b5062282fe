/* Runs the engine over one transaction in virtual time, with participants that answer as told. No
 * server, no clock: the same input gives the same path.
 */
#ifndef SAGAD_CLI_DRY_RUN_H
#define SAGAD_CLI_DRY_RUN_H

#include "base/buf.h"
#include "wire/message.h"
#include "wire/record.h"

/* What a participant does instead of saying yes. */
enum dry_answer {
	DRY_OK = 0,
	DRY_REJECTED,  /* a definite no; of a finish or undo a failed attempt */
	DRY_UNKNOWN,   /* it happens, and no attempt is ever answered */
	DRY_EXHAUSTED, /* nothing happens, and no attempt is ever answered */
	DRY_RETRY,     /* the first attempt fails, the second is good */
	DRY_LOST,      /* it happens, the first attempt is not answered, the second is */
	DRY_READ_ONLY,
	DRY_HEURISTIC_COMMIT,
	DRY_HEURISTIC_ROLLBACK,
	DRY_HEURISTIC_MIXED,
	DRY_HEURISTIC_HAZARD,
	DRY_ANSWERS
};
const char *dry_answer_name(enum dry_answer answer);
/* Has this answer a meaning to this class of operations? */
bool dry_answer_fits(enum dry_answer answer, uint32_t op);

enum { DRY_OPS = WIRE_OP_SETTLE + 1, DRY_EVENTS_MAX = 8192, DRY_INPUT_SHOWN_MAX = 512 };

enum dry_event_kind {
	DRY_EVENT_ACCEPTED,
	DRY_EVENT_COMMAND,  /* is sent: step, op, attempt; input */
	DRY_EVENT_BRANCH,   /* word: enum wire_branch_event, of step, op, attempt; code */
	DRY_EVENT_DECISION, /* word: enum wire_decision; code: enum wire_reason */
	DRY_EVENT_PARKED,   /* step, op; code */
	DRY_EVENT_FINISHED, /* word: enum wire_state */
};

struct dry_event {
	uint64_t at_ms; /* since the submit */
	enum dry_event_kind kind;
	uint32_t step, op, attempt;
	uint32_t word, code;
	uint32_t input_at, input_size; /* in run->inputs; what of it is shown */
};

struct dry_run {
	/* In. */
	const struct wire_plan *plan; /* good */
	struct slice input;
	enum dry_answer answers[WIRE_STEPS_MAX][DRY_OPS];
	/* Out. */
	struct buf events; /* struct dry_event each */
	struct buf inputs;
	bool cut; /* more happened than DRY_EVENTS_MAX */
	uint32_t state, reason, decision, heuristics;
	uint32_t branches[WIRE_STEPS_MAX]; /* enum wire_branch_state */
};

/* 0, or why it was refused: SAGA_E_PLAN, SAGA_E_TOO_LARGE, SAGA_E_NO_MEMORY, ... The caller closes
 * the run in any case. It ends when the transaction has, or when it is parked. */
int dry_run(struct dry_run *run) MUST_CHECK;
void dry_run_close(struct dry_run *run);
static inline uint32_t dry_event_count(const struct dry_run *run)
{
	return run->events.size / (uint32_t)sizeof(struct dry_event);
}
struct dry_event dry_event_at(const struct dry_run *run, uint32_t index);
/* What the plan calls the operation. */
struct slice dry_operation_name(const struct wire_plan *plan, uint32_t step, uint32_t op);

#endif
