/* The two life cycles as tables, and the one function each that moves along them.
 *
 *   saga:    none -> running -> completed
 *                      |
 *                      v
 *                   undoing <-> parked
 *                      |
 *                      v
 *                  compensated            none -> cancelled (tombstone)
 *
 *   branch:  pending -> active -> ok -------.
 *               |         |--> rejected     |
 *               |         `--> unknown -----+--> undoing <-> ... -> undone
 *               `--> skipped <--------------'       `--> parked --'
 */
#include "txn/state.h"

#define BIT(state) (1U << (state))

struct life {
	const char *name;
	uint32_t successors; /* bits */
};

static const struct life saga_life[] = {
	[WIRE_STATE_NONE] = {"none", BIT(WIRE_STATE_RUNNING) | BIT(WIRE_STATE_CANCELLED)},
	[WIRE_STATE_RUNNING] = {"running", BIT(WIRE_STATE_UNDOING) | BIT(WIRE_STATE_COMPLETED)},
	[WIRE_STATE_UNDOING] = {"undoing", BIT(WIRE_STATE_PARKED) | BIT(WIRE_STATE_COMPENSATED)},
	[WIRE_STATE_PARKED] = {"parked", BIT(WIRE_STATE_UNDOING)},
	[WIRE_STATE_COMPLETED] = {"completed", 0},
	[WIRE_STATE_COMPENSATED] = {"compensated", 0},
	[WIRE_STATE_CANCELLED] = {"cancelled", 0},
};

static const struct life branch_life[] = {
	[WIRE_BRANCH_PENDING] = {"pending", BIT(WIRE_BRANCH_ACTIVE) | BIT(WIRE_BRANCH_SKIPPED)},
	[WIRE_BRANCH_ACTIVE] = {"active", BIT(WIRE_BRANCH_OK) | BIT(WIRE_BRANCH_REJECTED) |
						  BIT(WIRE_BRANCH_UNKNOWN)},
	[WIRE_BRANCH_OK] = {"ok", BIT(WIRE_BRANCH_UNDOING) | BIT(WIRE_BRANCH_SKIPPED)},
	[WIRE_BRANCH_REJECTED] = {"rejected", 0},
	[WIRE_BRANCH_UNKNOWN] = {"unknown", BIT(WIRE_BRANCH_UNDOING) | BIT(WIRE_BRANCH_SKIPPED)},
	[WIRE_BRANCH_UNDOING] = {"undoing", BIT(WIRE_BRANCH_UNDONE) | BIT(WIRE_BRANCH_PARKED)},
	[WIRE_BRANCH_UNDONE] = {"undone", 0},
	[WIRE_BRANCH_PARKED] = {"parked", BIT(WIRE_BRANCH_UNDONE)},
	[WIRE_BRANCH_SKIPPED] = {"skipped", 0},
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
	if (e->state == WIRE_STATE_RUNNING)
		timer_cancel(&t->timers, &e->timer); /* the deadline does not stop an undo */
	if (e->state == WIRE_STATE_PARKED) {
		CHECK(t->parked > 0);
		t->parked--;
	}
	if (to == WIRE_STATE_PARKED)
		t->parked++;
	e->state = (uint8_t)to;
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
