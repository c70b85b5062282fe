/* Planted: what a participant decided by itself is not told. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "N38"};

void __real_txn_emit_all(struct txn_shard *t);
void __wrap_txn_emit_all(struct txn_shard *t);

void __wrap_txn_emit_all(struct txn_shard *t)
{
	struct txn_entry *e = NULL;
	uint8_t heuristics;

	if (t->event->kind == TXN_EVENT_QUERY)
		e = txn_entry_find(t, t->event->u.query->id);
	if (e == NULL) {
		__real_txn_emit_all(t);
		return;
	}
	heuristics = e->heuristics;
	e->heuristics = 0;
	__real_txn_emit_all(t);
	e->heuristics = heuristics;
}
