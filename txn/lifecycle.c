/* The two life cycles as tables, and the one function each that moves along them.
 *
 *   saga:    none -> open -> running ---------> completed
 *                      |      |  |                 ^
 *                      |      |  `-> finishing ----'          (decided to commit)
 *                      |      v
 *                      `--> undoing --> compensated           (decided to abort)
 *
 *            running, finishing, undoing <-> parked           none -> cancelled (tombstone)
 *
 *   branch:  enlisted -.     .-> rejected
 *            pending ----> active -> ok -> finishing -> done
 *               |            |`--> done (read only)  `-> heuristic
 *               |            `-> unknown -> settling -> ok, rejected
 *               |                   |
 *               |                   |  ok, enlisted, unknown -> undoing -> undone
 *               `---> skipped <-----'                                  `-> heuristic
 *
 *            active, settling, finishing, undoing -> parked -> what they lead to
 */
#include "txn/state.h"

#define BIT(state) (1U << (state))

struct life {
	const char *name;
	uint32_t successors; /* bits */
};

static const struct life saga_life[] = {
	[WIRE_STATE_NONE] = {"none", BIT(WIRE_STATE_RUNNING) | BIT(WIRE_STATE_OPEN) |
					     BIT(WIRE_STATE_CANCELLED)},
	[WIRE_STATE_OPEN] = {"open", BIT(WIRE_STATE_RUNNING) | BIT(WIRE_STATE_UNDOING)},
	[WIRE_STATE_RUNNING] = {"running", BIT(WIRE_STATE_UNDOING) | BIT(WIRE_STATE_FINISHING) |
						   BIT(WIRE_STATE_PARKED) |
						   BIT(WIRE_STATE_COMPLETED)},
	[WIRE_STATE_FINISHING] = {"finishing", BIT(WIRE_STATE_PARKED) | BIT(WIRE_STATE_COMPLETED)},
	[WIRE_STATE_UNDOING] = {"undoing", BIT(WIRE_STATE_PARKED) | BIT(WIRE_STATE_COMPENSATED)},
	[WIRE_STATE_PARKED] = {"parked", BIT(WIRE_STATE_RUNNING) | BIT(WIRE_STATE_FINISHING) |
						 BIT(WIRE_STATE_UNDOING)},
	[WIRE_STATE_COMPLETED] = {"completed", 0},
	[WIRE_STATE_COMPENSATED] = {"compensated", 0},
	[WIRE_STATE_CANCELLED] = {"cancelled", 0},
};

static const struct life branch_life[] = {
	[WIRE_BRANCH_PENDING] = {"pending", BIT(WIRE_BRANCH_ACTIVE) | BIT(WIRE_BRANCH_SKIPPED)},
	[WIRE_BRANCH_ENLISTED] = {"enlisted", BIT(WIRE_BRANCH_ACTIVE) | BIT(WIRE_BRANCH_UNDOING)},
	[WIRE_BRANCH_ACTIVE] = {"active", BIT(WIRE_BRANCH_OK) | BIT(WIRE_BRANCH_REJECTED) |
						  BIT(WIRE_BRANCH_UNKNOWN) | BIT(WIRE_BRANCH_DONE) |
						  BIT(WIRE_BRANCH_PARKED)},
	[WIRE_BRANCH_OK] = {"ok", BIT(WIRE_BRANCH_UNDOING) | BIT(WIRE_BRANCH_SKIPPED) |
					  BIT(WIRE_BRANCH_FINISHING)},
	[WIRE_BRANCH_REJECTED] = {"rejected", 0},
	[WIRE_BRANCH_UNKNOWN] = {"unknown", BIT(WIRE_BRANCH_UNDOING) | BIT(WIRE_BRANCH_SKIPPED) |
						    BIT(WIRE_BRANCH_SETTLING)},
	[WIRE_BRANCH_SETTLING] = {"settling", BIT(WIRE_BRANCH_OK) | BIT(WIRE_BRANCH_REJECTED) |
						      BIT(WIRE_BRANCH_PARKED) |
						      BIT(WIRE_BRANCH_SKIPPED)},
	[WIRE_BRANCH_FINISHING] = {"finishing", BIT(WIRE_BRANCH_DONE) | BIT(WIRE_BRANCH_PARKED) |
							BIT(WIRE_BRANCH_HEURISTIC)},
	[WIRE_BRANCH_UNDOING] = {"undoing", BIT(WIRE_BRANCH_UNDONE) | BIT(WIRE_BRANCH_PARKED) |
						    BIT(WIRE_BRANCH_HEURISTIC)},
	[WIRE_BRANCH_PARKED] = {"parked", BIT(WIRE_BRANCH_OK) | BIT(WIRE_BRANCH_REJECTED) |
						  BIT(WIRE_BRANCH_DONE) | BIT(WIRE_BRANCH_UNDONE) |
						  BIT(WIRE_BRANCH_HEURISTIC) |
						  BIT(WIRE_BRANCH_SKIPPED)},
	[WIRE_BRANCH_UNDONE] = {"undone", 0},
	[WIRE_BRANCH_SKIPPED] = {"skipped", 0},
	[WIRE_BRANCH_DONE] = {"done", 0},
	[WIRE_BRANCH_HEURISTIC] = {"heuristic", 0},
};

enum {
	SAGA_STATES = sizeof saga_life / sizeof saga_life[0],
	BRANCH_STATES = sizeof branch_life / sizeof branch_life[0],
};

const char *txn_state_name(uint32_t state)
{
	return state < SAGA_STATES ? saga_life[state].name : "?";
}

const char *txn_branch_state_name(uint32_t state)
{
	return state < BRANCH_STATES && branch_life[state].name ? branch_life[state].name : "?";
}

bool txn_state_may(uint32_t from, uint32_t to)
{
	return from < SAGA_STATES && to < SAGA_STATES && (saga_life[from].successors & BIT(to));
}

bool txn_branch_may(uint32_t from, uint32_t to)
{
	return from < BRANCH_STATES && to < BRANCH_STATES &&
	       (branch_life[from].successors & BIT(to));
}

void txn_entry_move(struct txn_shard *t, struct txn_entry *e, uint32_t to)
{
	CHECK(txn_state_may(e->state, to));
	CHECK(!wire_state_final(e->state));
	if (wire_state_final(to))
		timer_cancel(&t->timers, &e->timer);
	if (e->state == WIRE_STATE_PARKED) {
		CHECK(t->parked > 0);
		t->parked--;
	}
	if (to == WIRE_STATE_PARKED)
		t->parked++;
	e->state = (uint8_t)to;
}

void txn_entry_settle(struct txn_shard *t, struct txn_entry *e)
{
	static const uint32_t phases[] = {
		[WIRE_DECISION_NONE] = WIRE_STATE_RUNNING,
		[WIRE_DECISION_COMMIT] = WIRE_STATE_FINISHING,
		[WIRE_DECISION_ABORT] = WIRE_STATE_UNDOING,
	};
	const uint32_t to = e->body->parked > 0 ? WIRE_STATE_PARKED : phases[e->decision];

	CHECK(e->body != NULL);
	if (e->state != to)
		txn_entry_move(t, e, to);
}

void txn_entry_decide(struct txn_shard *t, struct txn_entry *e, uint32_t decision)
{
	CHECK_EQ(e->decision, WIRE_DECISION_NONE);
	CHECK(decision != WIRE_DECISION_NONE);
	e->decision = (uint8_t)decision;
	timer_cancel(&t->timers, &e->timer); /* the deadline ends the way to a decision only */
	txn_entry_settle(t, e);
}

void txn_branch_move(struct txn_shard *t, struct txn_branch *b, uint32_t to)
{
	CHECK(txn_branch_may(b->state, to));
	CHECK_LT(to, BRANCH_STATES);
	timer_cancel(&t->timers, &b->timer);
	b->wait = TXN_WAIT_NOTHING;
	b->next_at = 0;
	b->state = (uint8_t)to;
}
