/* Planted: how many attempts there were stands in memory only, so a new owner begins to count (26).
 */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "COUNT"};

void __real_txn_resume(struct txn_shard *t, uint64_t now_ms, uint64_t epoch, uint64_t entropy);
void __wrap_txn_resume(struct txn_shard *t, uint64_t now_ms, uint64_t epoch, uint64_t entropy);
int __real_txn_fold_branch(struct txn_shard *t, const struct wire_record_branch *r);
int __wrap_txn_fold_branch(struct txn_shard *t, const struct wire_record_branch *r);
int __real_txn_fold_parked(struct txn_shard *t, const struct wire_record_parked *r);
int __wrap_txn_fold_parked(struct txn_shard *t, const struct wire_record_parked *r);

void __wrap_txn_resume(struct txn_shard *t, uint64_t now_ms, uint64_t epoch, uint64_t entropy)
{
	for (uint32_t i = t->open_first; i != TXN_NONE; i = t->entries[i].body->open_next) {
		struct txn_body *body = t->entries[i].body;

		for (uint32_t j = 0; j < txn_step_count(body); j++)
			memset(body->branches[j].attempts, 0, sizeof body->branches[j].attempts);
	}
	__real_txn_resume(t, now_ms, epoch, entropy);
}

/* Replay takes what such an owner wrote. */
static void begin_again(struct txn_shard *t, uint64_t admission, uint32_t step, uint32_t op,
			uint32_t attempt)
{
	struct txn_entry *e;

	if (txn_find_open(t, admission, &e) == 0 && step < txn_step_count(e->body))
		*txn_attempts(&e->body->branches[step], op) = attempt - 1;
}

int __wrap_txn_fold_branch(struct txn_shard *t, const struct wire_record_branch *r)
{
	begin_again(t, r->admission, r->step, r->op, r->attempt);
	return __real_txn_fold_branch(t, r);
}

int __wrap_txn_fold_parked(struct txn_shard *t, const struct wire_record_parked *r)
{
	begin_again(t, r->admission, r->step, r->op, r->attempts);
	return __real_txn_fold_parked(t, r);
}
