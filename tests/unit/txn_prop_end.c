/* The checkers of answers, and of what the participants' ledgers hold in the end. */
#include "tests/unit/txn_prop.h"
#include "wire/record.h"

#define FORWARD      WIRE_OP_FORWARD
#define FINISH       WIRE_OP_FINISH
#define UNDO         WIRE_OP_UNDO
#define SETTLE       WIRE_OP_SETTLE
#define LETTER(step) ('a' + (int)(step))

static bool code_is(const struct prop_packet *p, int code)
{
	return p->answer_code == err_to_wire(code);
}

/* 14, 29, 30: as an answer leaves when just the records are durable that it rests on, it tells what
 * they say, neither more nor less. */
static void check_status(const struct prop_packet *p)
{
	if (p->state == WIRE_STATE_NONE)
		return;
	PROP_REQUIRE(p->decision == prop.decision, "14, 30: told decision %u, and it is %u",
		     p->decision, prop.decision);
	PROP_REQUIRE(p->heuristics == prop.heuristics, "38: told %u of %u heuristics",
		     p->heuristics, prop.heuristics);
	PROP_REQUIRE(wire_state_final(p->state) == (prop.finished || prop.tombstone), "30: told %s",
		     txn_state_name(p->state));
	if (prop.finished)
		PROP_REQUIRE(p->state == prop.final_state, "30: told %s", txn_state_name(p->state));
	else if (!prop.tombstone)
		PROP_REQUIRE((p->state == WIRE_STATE_PARKED) == prop_any_parked(), "29: told %s",
			     txn_state_name(p->state));
	PROP_REQUIRE(prop.told == 0 || prop.told == p->state, "29: told %s after %s",
		     txn_state_name(p->state), txn_state_name(prop.told));
	if (wire_state_final(p->state))
		prop.told = p->state;
	/* A cancel that was taken is an abort, whatever comes. */
	PROP_REQUIRE(!prop.cancel_taken || prop.decision == WIRE_DECISION_ABORT,
		     "30: cancelled, and not aborted");
}

static void check_submit(const struct prop_packet *p, const struct prop_request *r)
{
	if (p->answer_code == 0) {
		PROP_REQUIRE(prop.accepted && !r->wrong, "1, S9: acknowledged, and not accepted");
	} else if (code_is(p, SAGA_E_CONFLICT)) {
		PROP_REQUIRE(r->wrong, "3: the same submit is a conflict");
		prop_saw(SEEN_SUBMIT_CONFLICT);
	} else {
		PROP_REQUIRE(code_is(p, SAGA_E_CANCELLED) && prop.tombstone,
			     "a submit is refused with %u", p->answer_code);
	}
}

static void check_cancel(const struct prop_packet *p)
{
	const struct prop_step *pivot = prop.pivot < PROP_STEPS ? &prop.s[prop.pivot] : NULL;

	if (p->answer_code == 0) {
		PROP_REQUIRE(prop.decision == WIRE_DECISION_ABORT, "30: cancelled, not aborted");
		prop.cancel_taken = true;
		prop_saw(prop.tombstone ? SEEN_TOMBSTONE : SEEN_CANCEL_TAKEN);
	} else if (code_is(p, SAGA_E_PENDING)) {
		PROP_REQUIRE(prop.decision == WIRE_DECISION_NONE && pivot,
			     "S4: pending, and nothing is");
		for (uint32_t i = 0; i < prop.count; i++)
			PROP_REQUIRE(!(prop.before[prop.pivot] >> i & 1) || prop_satisfied(i),
				     "S4: pending before %c is asked", LETTER(prop.pivot));
		prop_saw(SEEN_CANCEL_PENDING);
	} else {
		PROP_REQUIRE(code_is(p, SAGA_E_TOO_LATE) &&
				     (prop.decision == WIRE_DECISION_COMMIT || prop.finished),
			     "a cancel is refused with %u", p->answer_code);
		prop_saw(SEEN_CANCEL_TOO_LATE);
	}
}

static void check_enlist(const struct prop_packet *p, const struct prop_request *r)
{
	const bool open = prop.accepted && prop.interactive && !prop.closed && !prop.finished &&
			  prop.decision == WIRE_DECISION_NONE;

	if (p->answer_code == 0) {
		PROP_REQUIRE(open && prop.s[r->step].enlisted && !r->wrong,
			     "S9: enlist is answered, and not durable");
	} else if (code_is(p, SAGA_E_CLOSED)) {
		PROP_REQUIRE(!open, "S9: closed, and it is open");
		prop_saw(prop.interactive ? SEEN_ENLIST_CLOSED : SEEN_NOT_INTERACTIVE);
	} else {
		PROP_REQUIRE(code_is(p, SAGA_E_CONFLICT) && r->wrong, "enlist is refused with %u",
			     p->answer_code);
		prop_saw(SEEN_ENLIST_CONFLICT);
	}
}

static void check_commit(const struct prop_packet *p, const struct prop_request *r)
{
	uint32_t enlisted = 0;

	for (uint32_t i = 0; i < prop.count; i++)
		enlisted |= prop.s[i].enlisted ? 1U << i : 0;
	const bool same = enlisted == r->set && !r->wrong;

	if (code_is(p, SAGA_E_BRANCHES)) {
		PROP_REQUIRE(!same, "S9: the right set is refused");
		prop_saw(SEEN_COMMIT_REFUSED);
		return;
	}
	if (code_is(p, SAGA_E_CLOSED)) {
		PROP_REQUIRE(prop.accepted && !prop.interactive, "S9: closed, and it is open");
		prop_saw(SEEN_NOT_INTERACTIVE);
		return;
	}
	PROP_REQUIRE(p->answer_code == 0, "commit is refused with %u", p->answer_code);
	PROP_REQUIRE(prop.finished || prop.tombstone || same, "S9: another set is committed");
	PROP_REQUIRE(prop.finished || prop.tombstone || prop.closed ||
			     prop.decision == WIRE_DECISION_ABORT,
		     "S9: commit is answered, and not durable");
}

static void check_inquire(const struct prop_packet *p, const struct prop_request *r)
{
	static const uint8_t seen[] = {SEEN_INQUIRE_NONE, SEEN_INQUIRE_COMMIT, SEEN_INQUIRE_ABORT};

	if (r->wrong) {
		PROP_REQUIRE(code_is(p, SAGA_E_NOT_BRANCH) || prop.finished || prop.tombstone ||
				     (prop.interactive && !prop.s[0].enlisted),
			     "S20: somebody else may inquire");
		if (code_is(p, SAGA_E_NOT_BRANCH))
			prop_saw(SEEN_INQUIRE_OTHER);
		return;
	}
	if (code_is(p, SAGA_E_CLOSED)) {
		PROP_REQUIRE(prop.interactive && !prop.s[0].enlisted &&
				     (prop.closed || prop.decision != WIRE_DECISION_NONE),
			     "S9: a branch that may be enlisted is told that it is too late");
		return;
	}
	PROP_REQUIRE(p->answer_code == 0, "an inquiry is refused with %u", p->answer_code);
	PROP_REQUIRE(prop.accepted || prop.tombstone, "14: abort is told, and not recorded");
	prop_saw(prop.tombstone ? SEEN_INQUIRE_UNKNOWN : seen[prop.decision]);
}

static void check_waited(const struct prop_packet *p, const struct prop_request *r)
{
	if (p->answer_code != 0 || !r->wait || !p->final)
		return;
	if (r->until_decided && prop.decision != WIRE_DECISION_NONE && !prop.finished)
		prop_saw(SEEN_TOLD_DECIDED);
	PROP_REQUIRE(!r->until_decided || !prop.finished ||
			     prop.decided_step == prop.finished_step ||
			     r->step_number > prop.decided_step,
		     "a waiter for the decision is told the end");
	PROP_REQUIRE(wire_state_final(p->state) ||
			     (r->until_decided && prop.decision != WIRE_DECISION_NONE),
		     "a waiter is told %s, and no more", txn_state_name(p->state));
}

void prop_check_answer(const struct prop_packet *p)
{
	struct prop_request *r;

	PROP_REQUIRE(p->token > 0 && p->token <= prop.request_count, "an answer to nobody");
	r = &prop.requests[p->token - 1];
	PROP_REQUIRE(!r->done, "an answer after the final one");
	r->done = p->final;
	r->answers++;
	check_status(p);
	check_waited(p, r);
	if (r->answers > 1)
		return;
	if (r->kind != TXN_EVENT_SUBMIT && r->kind != TXN_EVENT_CANCEL &&
	    r->kind != TXN_EVENT_INQUIRE && code_is(p, SAGA_E_NOT_FOUND)) {
		PROP_REQUIRE(!prop.accepted && !prop.tombstone, "S2: it is known");
		prop_saw(SEEN_NOT_FOUND);
		return;
	}
	switch (r->kind) {
	case TXN_EVENT_SUBMIT:
		check_submit(p, r);
		break;
	case TXN_EVENT_CANCEL:
		check_cancel(p);
		break;
	case TXN_EVENT_ENLIST:
		check_enlist(p, r);
		break;
	case TXN_EVENT_COMMIT:
		check_commit(p, r);
		break;
	case TXN_EVENT_INQUIRE:
		check_inquire(p, r);
		break;
	default:
		PROP_REQUIRE(p->answer_code == 0, "a query is refused with %u", p->answer_code);
	}
}

/* ---- the ledger ------------------------------------------------------------------------------ */

/* 5: everything has happened, once; and nothing of it was taken back. */
static void check_completed(uint32_t step)
{
	const struct prop_step *s = &prop.s[step];
	const bool optional = (prop.steps[step].flags & WIRE_STEP_OPTIONAL) != 0;
	const bool left_out = optional && s->result[FORWARD] != WIRE_EVENT_OK &&
			      s->result[SETTLE] != WIRE_EVENT_OK;

	if (prop.interactive && !s->enlisted) {
		PROP_REQUIRE(!s->held, "S9: %c holds what nobody enlisted", LETTER(step));
		return;
	}
	if (left_out) {
		PROP_REQUIRE(!s->held, "S23: %c was left out, and has happened", LETTER(step));
		prop_saw(s->result[FORWARD] == WIRE_EVENT_REJECTED ? SEEN_OPTIONAL_REJECTED
			 : s->result[SETTLE] != 0                  ? SEEN_OPTIONAL_SETTLED
								   : SEEN_OPTIONAL_UNDONE);
		return;
	}
	if (s->result[FORWARD] == WIRE_EVENT_READ_ONLY) {
		PROP_REQUIRE(s->effects[FINISH] == 0, "5: %c has finished nothing", LETTER(step));
		return;
	}
	PROP_REQUIRE(s->held && s->effects[FORWARD] == 1 && s->effects[UNDO] == 0,
		     "5: completed without %c", LETTER(step));
	PROP_REQUIRE(!prop_has_finish(step) || s->effects[FINISH] == 1 ||
			     s->row[FINISH] == WIRE_OUTCOME_HEURISTIC,
		     "5: completed, and %c was not finished", LETTER(step));
}

/* 5: and nothing is left. What has no undo stands: its author said so. */
static void check_compensated(uint32_t step)
{
	const struct prop_step *s = &prop.s[step];

	PROP_REQUIRE(s->effects[FINISH] == 0, "9: %c is finished, and it is aborted", LETTER(step));
	PROP_REQUIRE(!s->held || s->row[UNDO] == WIRE_OUTCOME_HEURISTIC ||
			     (prop.steps[step].undo.size == 0 && step != prop.pivot),
		     "5: aborted, and %c stands", LETTER(step));
	PROP_REQUIRE(!(prop.steps[step].flags & WIRE_STEP_RETRIABLE) || s->effects[FORWARD] == 0,
		     "S4: aborted, and %c is behind the pivot", LETTER(step));
}

static void saw_plan(void)
{
	static const uint8_t kinds[] = {0, SEEN_SAGA, SEEN_TCC, SEEN_2PC, SEEN_MIXED};

	prop_saw(kinds[prop.plan.protocol]);
	if (prop.interactive)
		prop_saw(SEEN_INTERACTIVE);
	if (prop.one_phase)
		prop_saw(SEEN_ONE_PHASE);
	for (uint32_t i = 0; i < prop.count; i++) {
		const uint32_t flags = prop.steps[i].flags;

		if (flags & WIRE_STEP_PIVOT)
			prop_saw(prop_kind(i) == WIRE_PROTOCOL_2PC ? SEEN_LAST_RESOURCE
								   : SEEN_PIVOT);
		else if (flags & WIRE_STEP_RETRIABLE)
			prop_saw(SEEN_RETRIABLE);
		else if (flags & WIRE_STEP_OPTIONAL)
			prop_saw(SEEN_OPTIONAL);
	}
}

void prop_check_end(void)
{
	uint32_t heuristics = 0;

	saw_plan();
	for (uint32_t i = 0; i < prop.count; i++) {
		const struct prop_step *s = &prop.s[i];

		for (uint32_t op = FORWARD; op <= SETTLE; op++)
			PROP_REQUIRE(s->effects[op] <= 1, "6: %c has acted twice", LETTER(i));
		PROP_REQUIRE(s->effects[UNDO] <= s->effects[FORWARD] + s->worked,
			     "7: %c has undone nothing", LETTER(i));
		heuristics += s->row[FINISH] == WIRE_OUTCOME_HEURISTIC ||
			      s->row[UNDO] == WIRE_OUTCOME_HEURISTIC;
		if (!prop.accepted)
			PROP_REQUIRE(s->effects[FORWARD] == 0 && !s->held, "2: %c has acted",
				     LETTER(i));
		else if (prop.finished && prop.final_state == WIRE_STATE_COMPLETED)
			check_completed(i);
		else if (prop.finished)
			check_compensated(i);
	}
	if (!prop.finished)
		return;
	PROP_REQUIRE(heuristics == prop.heuristics, "38: %u of %u heuristics are recorded",
		     prop.heuristics, heuristics);
	PROP_REQUIRE(prop.alerts == heuristics + prop.parked_records || prop.epoch > 1,
		     "38: %u alerts of %u heuristics and %u parkings", prop.alerts, heuristics,
		     prop.parked_records);
	prop_saw(prop.final_state == WIRE_STATE_COMPLETED ? SEEN_COMPLETED : SEEN_COMPENSATED);
}
