/* Planted: a new owner of a shard in which nothing is due at that moment forgets what will be. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "TIMER"};

void __real_txn_resume(struct txn_shard *t, uint64_t now_ms, uint64_t epoch, uint64_t entropy);
void __wrap_txn_resume(struct txn_shard *t, uint64_t now_ms, uint64_t epoch, uint64_t entropy);

void __wrap_txn_resume(struct txn_shard *t, uint64_t now_ms, uint64_t epoch, uint64_t entropy)
{
	__real_txn_resume(t, now_ms, epoch, entropy);
	if (txn_next_deadline(t) <= t->now)
		return;
	while (timer_heap_peek(&t->timers))
		timer_cancel(&t->timers, timer_heap_peek(&t->timers));
}
