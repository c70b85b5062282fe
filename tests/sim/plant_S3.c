/* Planted: silence and trouble are taken for a definite no. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S3"};

void __real_txn_attempt_failed(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			       const struct txn_failure *why);
void __wrap_txn_attempt_failed(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			       const struct txn_failure *why);

void __wrap_txn_attempt_failed(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			       const struct txn_failure *why)
{
	const struct wire_record_branch r = {
		.admission = e->admission,
		.step = b->step,
		.op = b->op,
		.event = WIRE_EVENT_REJECTED,
		.attempt = *txn_attempts(b, b->op) + 1,
		.code = why->code,
	};

	if (!txn_outstanding(b)->refusable) {
		__real_txn_attempt_failed(t, e, b, why);
		return;
	}
	txn_record(t, WIRE_RECORD_BRANCH, &r);
	txn_advance(t, e);
}
