/* A full walk over everything that must hold between steps. */
#include "txn/state.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return #condition;                                                         \
	} while (0)

/* What a branch may be doing, by what was decided. */
static const char *verify_phase(const struct txn_entry *e, const struct txn_branch *b)
{
	const bool forward = b->state == WIRE_BRANCH_ACTIVE || b->state == WIRE_BRANCH_PENDING ||
			     b->state == WIRE_BRANCH_SETTLING;
	const bool abort = e->decision == WIRE_DECISION_ABORT;

	REQUIRE(!forward || !abort);
	REQUIRE(b->state != WIRE_BRANCH_ENLISTED || e->state == WIRE_STATE_OPEN || abort);
	REQUIRE(b->state != WIRE_BRANCH_UNDOING || abort || b->class == TXN_CLASS_OPTIONAL);
	/* Invariants 9, 10, 12, 13 and 18 */
	REQUIRE(b->op != WIRE_OP_FINISH ||
		(e->decision == WIRE_DECISION_COMMIT && b->result[0] == WIRE_EVENT_OK));
	REQUIRE(!txn_class_rule(b->class)->irrevocable || b->state != WIRE_BRANCH_OK ||
		e->decision == WIRE_DECISION_COMMIT);
	REQUIRE(b->class != TXN_CLASS_RETRIABLE || b->op == 0 ||
		e->decision == WIRE_DECISION_COMMIT);
	return NULL;
}

static const char *verify_branch(const struct txn_shard *t, const struct txn_entry *e,
				 const struct txn_branch *b, bool live)
{
	const bool outstanding = txn_outstanding(b) != NULL;
	const bool timed = b->wait == TXN_WAIT_ANSWER || b->wait == TXN_WAIT_RETRY;

	REQUIRE(b->entry == txn_entry_number(t, e));
	REQUIRE(&e->body->branches[b->step] == b);
	REQUIRE(b->output_size == 0 || b->output != NULL);
	REQUIRE(b->text_size <= TXN_TEXT_KEPT_MAX);
	REQUIRE(timer_armed(&b->timer) == timed);
	REQUIRE(b->wait != TXN_WAIT_ANSWER || b->timer.deadline <= b->ends_at);
	REQUIRE(outstanding || b->wait == TXN_WAIT_NOTHING);
	REQUIRE(!live || !outstanding || b->wait != TXN_WAIT_NOTHING);
	REQUIRE(b->wait != TXN_WAIT_OPERATOR || b->state == WIRE_BRANCH_PARKED);
	REQUIRE(outstanding || b->next_at == 0);
	REQUIRE(b->class == txn_class_of(&e->body->plan->plan, b->step));
	REQUIRE((b->state == WIRE_BRANCH_PENDING) <= (b->op == 0));
	REQUIRE(b->state != WIRE_BRANCH_ENLISTED || b->op == 0);
	return verify_phase(e, b);
}

/* What waits for it could begin. */
static bool went_by(const struct txn_branch *b)
{
	return b->result[0] == WIRE_EVENT_OK || b->result[0] == WIRE_EVENT_READ_ONLY ||
	       b->result[WIRE_OP_SETTLE - 1] == WIRE_EVENT_OK ||
	       (b->class == TXN_CLASS_OPTIONAL && b->result[0] != 0);
}

/* Invariants 16 and 17, from the states alone. */
static const char *verify_order(const struct txn_entry *e)
{
	const struct txn_body *body = e->body;
	const uint64_t begun =
		~txn_branches_in(body, TXN_BIT(WIRE_BRANCH_PENDING) | TXN_BIT(WIRE_BRANCH_SKIPPED) |
					       TXN_BIT(WIRE_BRANCH_ENLISTED));
	const uint64_t undoing =
		txn_branches_in(body, TXN_BIT(WIRE_BRANCH_UNDOING) | TXN_BIT(WIRE_BRANCH_PARKED) |
					      TXN_BIT(WIRE_BRANCH_UNDONE));
	const uint64_t settled = txn_branches_in(
		body, TXN_BIT(WIRE_BRANCH_UNDONE) | TXN_BIT(WIRE_BRANCH_SKIPPED) |
			      TXN_BIT(WIRE_BRANCH_REJECTED) | TXN_BIT(WIRE_BRANCH_DONE) |
			      TXN_BIT(WIRE_BRANCH_HEURISTIC));

	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		if (begun & TXN_BIT(i)) {
			for (uint32_t j = 0; j < txn_step_count(body); j++) {
				if (body->plan->after[i] & TXN_BIT(j))
					REQUIRE(went_by(&body->branches[j]));
			}
		}
		if ((undoing & TXN_BIT(i)) && e->decision == WIRE_DECISION_ABORT &&
		    body->branches[i].class != TXN_CLASS_OPTIONAL)
			REQUIRE((body->plan->dependents[i] & ~settled) == 0);
	}
	return NULL;
}

/* Whether the state is the one that decision and parked branches make. */
static bool verify_state(const struct txn_entry *e)
{
	switch ((enum wire_state)e->state) {
	case WIRE_STATE_OPEN:
	case WIRE_STATE_RUNNING:
		return e->decision == WIRE_DECISION_NONE;
	case WIRE_STATE_FINISHING:
		return e->decision == WIRE_DECISION_COMMIT;
	case WIRE_STATE_UNDOING:
		return e->decision == WIRE_DECISION_ABORT;
	default:
		return e->state == WIRE_STATE_PARKED;
	}
}

const char *txn_verify_open(const struct txn_shard *t, const struct txn_entry *e, bool live)
{
	const struct txn_body *body = e->body;
	const uint64_t parked = txn_branches_in(body, TXN_BIT(WIRE_BRANCH_PARKED));
	const char *wrong;

	REQUIRE(!wire_state_final(e->state));
	REQUIRE(body->plan->references > 0);
	REQUIRE(body->parked == (uint32_t)__builtin_popcountll(parked));
	REQUIRE((body->parked > 0) == (e->state == WIRE_STATE_PARKED));
	REQUIRE((e->decision == WIRE_DECISION_ABORT) == (e->reason != WIRE_REASON_NONE));
	REQUIRE(verify_state(e));
	/* S4: the deadline has nothing more to end when a branch without return is out. */
	REQUIRE(!live || txn_advance_due(e) || e->decision != WIRE_DECISION_NONE ||
		timer_armed(&e->timer) || txn_no_return(body));
	REQUIRE(e->decision != WIRE_DECISION_ABORT || txn_no_return(body) == NULL);
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		wrong = verify_branch(t, e, &body->branches[i], live);
		if (wrong)
			return wrong;
	}
	return verify_order(e);
}

static const char *verify_entry(const struct txn_shard *t, const struct txn_entry *e, bool live)
{
	uint32_t waiters = 0;

	REQUIRE(e->state != WIRE_STATE_NONE);
	REQUIRE(txn_entry_find(t, txn_entry_id(e)) == e);
	REQUIRE(txn_entry_by_admission(t, e->admission) == e);
	REQUIRE(e->first_record <= e->last_record && e->last_record <= t->last_record);
	REQUIRE(e->whole_record >= e->first_record && e->whole_record <= t->last_record);
	for (uint32_t w = e->waiters; w != TXN_NONE; w = t->waiters[w].next, waiters++) {
		REQUIRE(t->waiters[w].entry == txn_entry_number(t, e));
		REQUIRE(t->waiters[w].reply_to != 0);
	}
	REQUIRE(waiters <= TXN_WAITERS_OF_SAGA_MAX);
	if (e->body)
		return txn_verify_open(t, e, live);
	REQUIRE(wire_state_final(e->state));
	REQUIRE(e->waiters == TXN_NONE);
	REQUIRE(timer_armed(&e->timer));
	/* T6; the margin is that of the owner who wrote it down */
	REQUIRE(e->timer.deadline >= e->retry_until_at && e->timer.deadline > e->finished_at);
	return NULL;
}

/* The order of what is to be carried. */
static const char *verify_whole(const struct txn_shard *t)
{
	uint32_t previous = TXN_NONE, count = 0;

	for (uint32_t i = t->whole_first; i != TXN_NONE; i = t->entries[i].whole_next) {
		const struct txn_entry *e = &t->entries[i];

		REQUIRE(count++ < t->entries_used);
		REQUIRE(e->whole_previous == previous);
		REQUIRE(previous == TXN_NONE ||
			t->entries[previous].whole_record <= e->whole_record);
		previous = i;
	}
	REQUIRE(previous == t->whole_last);
	REQUIRE(count == t->entries_used);
	REQUIRE(t->replay.incomplete || t->segment.whole_from <= txn_whole_from(t));
	return NULL;
}

const char *txn_verify(const struct txn_shard *t, bool live)
{
	uint32_t entries = 0, open = 0, parked = 0, branches = 0, tombstones = 0;
	uint64_t admission = 0;

	for (uint32_t i = t->first; i != TXN_NONE; i = t->entries[i].next) {
		const struct txn_entry *e = &t->entries[i];
		const char *wrong = verify_entry(t, e, live);

		if (wrong)
			return wrong;
		REQUIRE(e->admission > admission || t->replay.incomplete);
		admission = e->admission;
		entries++;
		open += e->body != NULL;
		tombstones += e->state == WIRE_STATE_CANCELLED;
		parked += e->state == WIRE_STATE_PARKED;
		branches += e->body ? txn_step_count(e->body) : 0;
	}
	REQUIRE(admission < t->next_admission);
	REQUIRE(entries == t->entries_used);
	REQUIRE(entries == t->by_id.count && entries == t->by_admission.count);
	REQUIRE(open == t->open && parked == t->parked && branches == t->branches);
	REQUIRE(entries - open == t->forget.count + t->tombstones.count);
	REQUIRE(tombstones == t->tombstones.count);
	REQUIRE(t->waiters_used == t->by_reply.count);
	REQUIRE(t->effects == NULL && t->pending_count == 0);
	REQUIRE(open > 0 || (t->payload.used == 0 && t->timers.count == 0));
	for (uint32_t i = t->open_first; i != TXN_NONE; i = t->entries[i].body->open_next)
		open--;
	REQUIRE(open == 0);
	return verify_whole(t);
}
