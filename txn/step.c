/* The engine of one shard. See txn.h for the contract and its invariants T1-T6; here is how they
 * come about.
 *
 *           event                     records                          messages
 *   SUBMIT  --> decide_submit.c --.                                .--> COMMAND
 *   REPLY   --> decide_reply.c  --+-> record.c --> apply.c (fold) -+--> ANSWER, DISPOSITION
 *   CANCEL  --> decide_cancel.c --|      ^             |           `--> ALERT, LIST
 *   INBOX   --> decide_inbox.c  --|      |             |            |
 *   TICK    --> decide_timer.c  --'      |             v            ^
 *                    |                   `-------- advance.c -------' answer.c
 *                    `--> attempt.c (failures, back-off, parking, dispatch)
 *
 *  I1  State changes only in txn_fold. A decision looks at the state, makes records, and
 *      txn_record folds each at once, so the next look sees it (T3 falls out of the order).
 *  I2  Messages are noted while deciding and built after the last record of the step (T1).
 *  I3  A saga is open <=> it has a body <=> it is on the open list; final <=> it is in the forget
 *      heap. Its entry stays the same from admission to forgetting (S19, T6).
 *  I4  A branch waits for something <=> its operation is outstanding; it has a timer <=> it waits
 *      for an answer or a retry. Holds between steps, not within one.
 *  I5  What follows from a state (decision, end, dispatch) is found by txn_advance from the folded
 *      state alone, never from what has just happened. So a new owner goes on where the journal
 *      ends, even within the records of one step.
 *  I6  No event costs more than its own saga's steps, or a bounded number of timers or views.
 *
 * Life cycles: lifecycle.c. Order of steps: graph.c. Protocols and operation classes: protocol.c.
 */
#include "txn/state.h"

enum {
	LABEL_BYTES = ID_SIZE_MAX + WIRE_TEXT_SIZE_MAX + 16,
	STEP_BYTES = 7 * ID_SIZE_MAX + 256 + WIRE_TEMPLATE_SIZE_MAX,
};
_Static_assert(WIRE_INPUT_SIZE_MAX + WIRE_TEXT_SIZE_MAX + WIRE_LABELS_MAX * LABEL_BYTES +
			       WIRE_STEPS_MAX * STEP_BYTES + TXN_RECORDS_PER_TIMER <=
		       TXN_STEP_RECORDS_MAX,
	       "what the caller keeps free is enough for the largest submit");
_Static_assert(WIRE_INPUT_SIZE_MAX + WIRE_TEXT_SIZE_MAX + WIRE_LABELS_MAX * LABEL_BYTES +
			       WIRE_STEPS_MAX * (STEP_BYTES + TXN_STEP_SHARE) + TXN_OUTPUTS_MAX <=
		       WIRE_MESSAGE_SIZE_MAX,
	       "S19: a whole saga, with all it has been answered, fits one message");

static uint64_t worst_case_of_submit(const struct wire_submit *submit)
{
	uint64_t size = (uint64_t)submit->input.size + submit->traceparent.size;

	if (submit->label_count <= WIRE_LABELS_MAX)
		size += (uint64_t)submit->label_count * LABEL_BYTES;
	if (submit->plan.step_count <= WIRE_STEPS_MAX)
		size += (uint64_t)submit->plan.step_count * STEP_BYTES;
	return size;
}

/* The most that one event can write: what it brings in, and the few records that follow from it. */
static uint64_t worst_case(const struct txn_shard *t, const struct txn_event *event)
{
	uint64_t size = TXN_RECORDS_PER_TIMER;

	if (event->kind == TXN_EVENT_CARRY) /* nothing follows from it */
		return txn_carry_worst_case(t, &event->u.carry);
	if (event->kind == TXN_EVENT_SUBMIT) {
		size += worst_case_of_submit(event->u.submit);
	} else if (event->kind == TXN_EVENT_INBOX) {
		if (event->u.inbox->submit != NULL)
			size += worst_case_of_submit(event->u.inbox->submit);
	} else if (event->kind == TXN_EVENT_ENLIST) {
		size += STEP_BYTES;
	} else if (event->kind == TXN_EVENT_COMMIT) {
		size += event->u.commit->input.size;
	} else if (event->kind == TXN_EVENT_REPLY) {
		if (event->u.reply.reply->output.size <= WIRE_OUTPUT_SIZE_MAX)
			size += event->u.reply.reply->output.size; /* larger ones are dropped */
	}
	return size;
}

/* Room for the worst case, allocated now so that nothing fails half-way. */
static bool reserve(struct buf *records, uint64_t size)
{
	const uint32_t mark = records->size;
	bool grown;

	CHECK(records->error == 0);
	CHECK_LE(records->size, records->max);
	if (size > records->max - records->size)
		return false;
	grown = buf_grow(records, (uint32_t)size) != NULL;
	buf_truncate(records, mark);
	return grown;
}

static void decide(struct txn_shard *t, const struct txn_event *event)
{
	switch (event->kind) {
	case TXN_EVENT_SUBMIT:
		txn_decide_submit(t, event->u.submit);
		break;
	case TXN_EVENT_QUERY:
		txn_decide_query(t, event->u.query);
		break;
	case TXN_EVENT_CANCEL:
		txn_decide_cancel(t, event->u.cancel);
		break;
	case TXN_EVENT_REPLY:
		txn_decide_reply(t, event->u.reply.reply, event->u.reply.service,
				 event->u.reply.instance);
		break;
	case TXN_EVENT_LIST:
		txn_decide_list(t);
		break;
	case TXN_EVENT_INBOX:
		txn_decide_inbox(t, event->u.inbox);
		break;
	case TXN_EVENT_TICK:
		txn_decide_timers(t);
		break;
	case TXN_EVENT_ENLIST:
		txn_decide_enlist(t, event->u.enlist);
		break;
	case TXN_EVENT_COMMIT:
		txn_decide_commit(t, event->u.commit);
		break;
	case TXN_EVENT_INQUIRE:
		txn_decide_inquire(t, event->u.inquire.inquire, event->u.inquire.service);
		break;
	case TXN_EVENT_PROBE:
		txn_record_noop(t);
		break;
	case TXN_EVENT_CARRY:
		txn_decide_carry(t, &event->u.carry);
		break;
	case TXN_EVENT_SEGMENT:
		txn_decide_segment(t, &event->u.segment);
		break;
	case TXN_EVENT_HISTORY:
		txn_decide_history(t, event->u.history_record);
		break;
	}
}

int txn_step(struct txn_shard *t, const struct txn_event *event, struct txn_effects *effects)
{
	CHECK(t->effects == NULL);
	CHECK(effects->records != NULL && effects->emit != NULL);
	CHECK(event->now_ms >= t->now); /* S16 */
	if (!reserve(effects->records, worst_case(t, event)))
		return SAGA_E_EFFECTS_FULL;

	t->effects = effects;
	t->event = event;
	t->now = event->now_ms;
	t->entropy = event->entropy;
	t->entropy_taken = 0;
	t->step_first_record = t->last_record;
	CHECK_EQ(t->pending_count, 0);
	decide(t, event);
	txn_emit_all(t);
	CHECK(t->last_record >= t->step_first_record);
	t->effects = NULL;
	t->event = NULL;
	return 0;
}
