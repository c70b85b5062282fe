/* Planted: the commit is over with the first participant that has finished (15). */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "FORGET"};

bool __real_txn_all_finished(const struct txn_body *body);
bool __wrap_txn_all_finished(const struct txn_body *body);
void __real_txn_remember(struct txn_shard *t, struct txn_entry *e, uint64_t until);
void __wrap_txn_remember(struct txn_shard *t, struct txn_entry *e, uint64_t until);

bool __wrap_txn_all_finished(const struct txn_body *body)
{
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		const struct txn_branch *b = &body->branches[i];

		if (b->op == WIRE_OP_FINISH && b->state == WIRE_BRANCH_DONE && body->parked == 0)
			return true;
	}
	return __real_txn_all_finished(body);
}

void __wrap_txn_remember(struct txn_shard *t, struct txn_entry *e, uint64_t until)
{
	for (uint32_t i = 0; e->body != NULL && i < txn_step_count(e->body); i++) {
		timer_cancel(&t->timers, &e->body->branches[i].timer);
		e->body->branches[i].wait = TXN_WAIT_NOTHING;
	}
	__real_txn_remember(t, e, until);
}
