/* Planted: an answer is taken for one to the attempt that is out, whichever it is to (26, 27). */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "ATTEMPT"};

void __real_txn_decide_reply(struct txn_shard *t, const struct wire_reply *reply,
			     struct slice service, struct slice instance);
void __wrap_txn_decide_reply(struct txn_shard *t, const struct wire_reply *reply,
			     struct slice service, struct slice instance);

void __wrap_txn_decide_reply(struct txn_shard *t, const struct wire_reply *reply,
			     struct slice service, struct slice instance)
{
	struct txn_entry *e = txn_entry_find(t, reply->saga);
	struct wire_reply other = *reply;

	if (e && e->body && reply->step < txn_step_count(e->body)) {
		struct txn_branch *b = &e->body->branches[reply->step];

		if (txn_outstanding(b) && b->op == reply->op)
			other.attempt = *txn_attempts(b, b->op) + 1;
	}
	__real_txn_decide_reply(t, &other, service, instance);
}
