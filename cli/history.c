#include "cli/history.h"

#include "wire/names.h"
#include "wire/plan.h"
#include "wire/record.h"

union record {
	struct wire_record_accepted accepted;
	struct wire_record_branch branch;
	struct wire_record_decision decision;
	struct wire_record_parked parked;
	struct wire_record_finished finished;
	struct wire_record_tombstone tombstone;
	struct wire_record_inbox inbox;
	struct wire_record_enlisted enlisted;
	struct wire_record_closed closed;
};

void history_init(struct history *h, void *memory, size_t size)
{
	*h = (struct history){0};
	arena_init(&h->arena, memory, size);
}

/* Alone in its plan it need not prepare. Of an interactive one that counts once it is closed, and
 * nothing is sent before. */
static bool is_one_phase(const struct wire_plan *plan, const struct wire_step *step)
{
	return plan->step_count == 1 && wire_step_kind(plan, step) == WIRE_PROTOCOL_2PC &&
	       step->flags == 0 && step->one_phase.size > 0;
}

static struct slice operation_of(const struct wire_plan *plan, uint32_t index, uint32_t op)
{
	const struct wire_step *step = &plan->steps[index];

	switch ((enum wire_op)op) {
	case WIRE_OP_FORWARD:
	case WIRE_OP_SETTLE: /* of what the forward operation left open */
		return is_one_phase(plan, step) ? step->one_phase : step->forward;
	case WIRE_OP_FINISH:
		return step->finish;
	case WIRE_OP_UNDO:
		return step->undo;
	}
	return slice_of(NULL, 0);
}

/* The success of a point of no return is the decision: no record of its own says so (S4). */
static bool decides(const struct history *h, const struct wire_record_branch *r)
{
	const struct wire_plan *plan = &h->record.plan;

	return r->event == WIRE_EVENT_OK && (r->op == WIRE_OP_FORWARD || r->op == WIRE_OP_SETTLE) &&
	       h->accepted && r->step < plan->step_count &&
	       ((plan->steps[r->step].flags & WIRE_STEP_PIVOT) != 0 ||
		is_one_phase(plan, &plan->steps[r->step]));
}

static void name_step(const struct history *h, uint32_t index, uint32_t op,
		      struct history_event *event)
{
	event->has_step = true;
	event->step_index = index;
	event->op = op;
	if (!h->accepted || index >= h->record.plan.step_count)
		return;
	event->step = h->record.plan.steps[index].name;
	event->service = h->record.plan.steps[index].service;
	event->operation = operation_of(&h->record.plan, index, op);
}

static void take_branch(const struct history *h, const struct wire_record_branch *r,
			struct history_event *event)
{
	name_step(h, r->step, r->op, event);
	event->event = r->event;
	event->word = wire_event_name(r->event);
	event->attempt = r->attempt;
	event->code = r->code;
	event->text = r->text;
	event->output = r->output;
	event->next_at = r->next_at;
	event->instance = r->instance;
	event->barrier = r->barrier;
	if (decides(h, r))
		event->decision = WIRE_DECISION_COMMIT;
}

static void take_parked(const struct history *h, const struct wire_record_parked *r,
			struct history_event *event)
{
	name_step(h, r->step, r->op, event);
	event->word = "parked";
	event->attempt = r->attempts;
	event->code = r->code;
	event->text = r->text;
	event->next_at = r->next_at;
}

/* Its plan has one more step, which later records count with. */
static void take_enlisted(struct history *h, const struct wire_record_enlisted *r,
			  struct history_event *event)
{
	struct wire_plan *plan = &h->record.plan;

	event->word = "enlisted";
	event->has_step = true;
	event->step = r->step.name;
	event->service = r->step.service;
	event->step_index = plan->step_count;
	if (!h->accepted || plan->step_count >= WIRE_STEPS_MAX)
		return;
	h->enlisted[plan->step_count++] = r->step;
	plan->steps = h->enlisted;
}

static int take(struct history *h, const union record *r, struct history_event *event)
{
	switch (event->kind) {
	case WIRE_RECORD_ACCEPTED:
		event->word = "accepted";
		return 0;
	case WIRE_RECORD_BRANCH:
		take_branch(h, &r->branch, event);
		return 0;
	case WIRE_RECORD_DECISION:
		event->decision = r->decision.verdict == WIRE_DECISION_COMMIT ? WIRE_DECISION_COMMIT
									      : WIRE_DECISION_ABORT;
		event->word =
			event->decision == WIRE_DECISION_COMMIT ? "commit decided" : "undo decided";
		event->reason = r->decision.reason;
		event->text = r->decision.text;
		if (r->decision.has_step)
			name_step(h, r->decision.step, 0, event);
		return 0;
	case WIRE_RECORD_PARKED:
		take_parked(h, &r->parked, event);
		return 0;
	case WIRE_RECORD_FINISHED:
		event->word = wire_state_name(r->finished.state);
		event->state = r->finished.state;
		return 0;
	case WIRE_RECORD_TOMBSTONE:
		event->word = "blocked";
		event->text = r->tombstone.reason;
		event->state = WIRE_STATE_CANCELLED;
		return 0;
	case WIRE_RECORD_INBOX:
		event->word =
			r->inbox.code == 0 ? "taken from the inbox" : "refused from the inbox";
		event->text = r->inbox.text;
		event->code = r->inbox.code;
		return 0;
	case WIRE_RECORD_ENLISTED:
		take_enlisted(h, &r->enlisted, event);
		return 0;
	case WIRE_RECORD_CLOSED:
		event->word = "commit asked";
		return 0;
	default:
		return SAGA_E_KIND;
	}
}

int history_read(struct history *h, const struct wire_history_entry *entry, struct arena *scratch,
		 struct history_event *event)
{
	union record record;
	int err;

	*event = (struct history_event){.record_number = entry->record_number,
					.at = entry->at,
					.epoch = entry->epoch,
					.word = ""};
	err = wire_peek_kind(entry->record, &event->kind);
	if (err != 0)
		return err;
	if (event->kind < WIRE_RECORD_ACCEPTED || event->kind > WIRE_RECORD_CLOSED)
		return SAGA_E_KIND;
	if (event->kind == WIRE_RECORD_ACCEPTED) {
		err = wire_decode(event->kind, entry->record, &h->arena, &h->record, NULL);
		h->accepted = err == 0;
	} else {
		arena_reset(scratch);
		err = wire_decode(event->kind, entry->record, scratch, &record, NULL);
	}
	return err == 0 ? take(h, &record, event) : err;
}

/* ---- steps --------------------------------------------------------------------------------- */

static uint32_t state_after(const struct history_event *event, uint32_t before)
{
	static const uint32_t done[] = {[WIRE_OP_FORWARD] = WIRE_BRANCH_OK,
					[WIRE_OP_FINISH] = WIRE_BRANCH_DONE,
					[WIRE_OP_UNDO] = WIRE_BRANCH_UNDONE,
					[WIRE_OP_SETTLE] = WIRE_BRANCH_OK};
	static const uint32_t out[] = {[WIRE_OP_FORWARD] = WIRE_BRANCH_ACTIVE,
				       [WIRE_OP_FINISH] = WIRE_BRANCH_FINISHING,
				       [WIRE_OP_UNDO] = WIRE_BRANCH_UNDOING,
				       [WIRE_OP_SETTLE] = WIRE_BRANCH_SETTLING};

	if (event->kind == WIRE_RECORD_PARKED)
		return WIRE_BRANCH_PARKED;
	if (event->kind == WIRE_RECORD_ENLISTED)
		return WIRE_BRANCH_ENLISTED;
	if (event->kind != WIRE_RECORD_BRANCH)
		return before;
	switch ((enum wire_branch_event)event->event) {
	case WIRE_EVENT_OK:
		return event->op <= WIRE_OP_SETTLE ? done[event->op] : before;
	case WIRE_EVENT_REJECTED:
		return WIRE_BRANCH_REJECTED;
	case WIRE_EVENT_UNKNOWN:
		return WIRE_BRANCH_UNKNOWN;
	case WIRE_EVENT_READ_ONLY:
		return WIRE_BRANCH_DONE;
	case WIRE_EVENT_HEURISTIC:
		return WIRE_BRANCH_HEURISTIC;
	case WIRE_EVENT_AGAIN:
	case WIRE_EVENT_DISPATCHED:
		break;
	}
	return event->op <= WIRE_OP_SETTLE ? out[event->op] : before;
}

static uint32_t *attempts_of(struct history_step *step, uint32_t op)
{
	switch ((enum wire_op)op) {
	case WIRE_OP_FINISH:
		return &step->finish_attempts;
	case WIRE_OP_UNDO:
		return &step->undo_attempts;
	case WIRE_OP_SETTLE:
		return &step->settle_attempts;
	case WIRE_OP_FORWARD:
		break;
	}
	return &step->forward_attempts;
}

void history_fold(struct history_step steps[WIRE_STEPS_MAX], const struct history_event *event)
{
	struct history_step *step;
	uint32_t *attempts;

	if (!event->has_step || event->step_index >= WIRE_STEPS_MAX)
		return;
	step = &steps[event->step_index];
	step->state = state_after(event, step->state);
	attempts = attempts_of(step, event->op);
	if (event->attempt > *attempts)
		*attempts = event->attempt;
	if (event->code != 0)
		step->code = event->code;
	if (event->text.size > 0)
		step->text = event->text;
	if (event->kind == WIRE_RECORD_BRANCH &&
	    (event->event == WIRE_EVENT_OK || event->event == WIRE_EVENT_READ_ONLY) &&
	    (event->op == WIRE_OP_FORWARD || event->op == WIRE_OP_SETTLE))
		step->forward_ok = true;
}
