/* Planted: whoever is in doubt is told that all was aborted. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "N14"};

void __real_txn_emit_all(struct txn_shard *t);
void __wrap_txn_emit_all(struct txn_shard *t);

void __wrap_txn_emit_all(struct txn_shard *t)
{
	struct txn_entry *e = NULL;

	if (t->event->kind == TXN_EVENT_INQUIRE)
		e = txn_entry_find(t, t->event->u.inquire.inquire->id);
	if (e == NULL || e->decision != WIRE_DECISION_COMMIT) {
		__real_txn_emit_all(t);
		return;
	}
	e->decision = WIRE_DECISION_ABORT;
	__real_txn_emit_all(t);
	e->decision = WIRE_DECISION_COMMIT;
}
