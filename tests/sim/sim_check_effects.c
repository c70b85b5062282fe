/* The judge of the participants' ledger: invariants 2, 5 to 10, 13, 15, 17, 18, 23, 24, 38, and
 * that nobody is left with what nobody will end (S9). */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

/* What the ledger says of a branch. Orders: number of the entry, from 1. */
struct net {
	uint32_t work, done, read_only, finished, undone, heuristics;
	uint32_t done_order, finish_order;
	bool undo_came, blocked;
	uint64_t done_ms, finished_ms, undo_ms;
};

static void add_done(struct sim *sim, struct net *n, const struct sim_effect *e, uint32_t order)
{
	if (n->undo_came || n->blocked)
		sim_fail(sim, false, "invariant 8: step %u of saga %u done after its undo", e->step,
			 e->saga);
	n->done += e->kind == SIM_DONE;
	n->read_only += e->kind == SIM_READ_ONLY;
	n->done_order = order;
	n->done_ms = e->at_ms;
}

static void add_finish(struct sim *sim, struct net *n, const struct sim_effect *e, uint32_t order)
{
	if (n->done == 0)
		sim_fail(sim, false, "invariant 10: step %u of saga %u finished, never done",
			 e->step, e->saga);
	n->finished++;
	n->finish_order = order;
	n->finished_ms = e->at_ms;
}

static void add_undo(struct sim *sim, struct net *n, const struct sim_effect *e)
{
	if (e->kind == SIM_DONE && n->done == 0 && n->work == 0)
		sim_fail(sim, false, "invariant 7: step %u of saga %u undone, never done", e->step,
			 e->saga);
	n->undo_came = true;
	n->undo_ms = e->at_ms;
	n->undone += e->kind == SIM_DONE;
}

static void add_effect(struct sim *sim, struct net *n, const struct sim_effect *e, uint32_t order)
{
	if (e->kind == SIM_HEURISTIC)
		n->heuristics++;
	else if (e->kind == SIM_BLOCKED)
		n->blocked = true;
	else if (e->op == SIM_WORK)
		n->work++;
	else if (e->op == WIRE_OP_UNDO)
		add_undo(sim, n, e);
	else if (e->op == WIRE_OP_FINISH)
		add_finish(sim, n, e, order);
	else if (e->kind != SIM_REFUSED)
		add_done(sim, n, e, order);
	if (n->done > 1 || n->undone > 1 || n->finished > 1 || n->work > 1 || n->heuristics > 1)
		sim_fail(sim, false, "invariant 6: step %u of saga %u twice", e->step, e->saga);
	if (n->finished + n->undone > 1)
		sim_fail(sim, false, "invariant 9: step %u of saga %u finished and undone", e->step,
			 e->saga);
}

/* ---- what the journal says is true: 2, 15, 23, 38, S3 -------------------------------------------
 */

static void check_truth(struct sim *sim, const struct sim_saga_facts *f, uint32_t saga,
			uint32_t step, const struct net *n)
{
	const struct sim_branch_facts *b = &f->steps[step];

	if (n->done > 0 && f->accepted_times == 0)
		sim_fail(sim, false, "invariant 2: step %u of saga %u, never accepted", step, saga);
	if ((b->ok_ms != 0 && (n->done == 0 || n->done_ms > b->ok_ms)) ||
	    (b->read_only_ms != 0 && (n->read_only == 0 || n->done_ms > b->read_only_ms)))
		sim_fail(sim, false, "invariant 23: the ok of step %u of saga %u is not true", step,
			 saga);
	if (b->rejected_ms != 0 && n->done > 0)
		sim_fail(sim, false,
			 "invariant 23, S3: step %u of saga %u is recorded as rejected, and was "
			 "done",
			 step, saga);
	if (b->finished_ms != 0 && (n->finished == 0 || n->finished_ms > b->finished_ms))
		sim_fail(
			sim, false,
			"invariants 15, 23: step %u of saga %u is recorded as finished, and is not",
			step, saga);
	if (b->undone_ms != 0 && (!n->undo_came || n->undo_ms > b->undone_ms))
		sim_fail(sim, false,
			 "invariant 23: step %u of saga %u is recorded as undone, and is not", step,
			 saga);
	if (n->heuristics > 0 && f->finished_ms != 0 && b->heuristic_ms == 0)
		sim_fail(sim, false,
			 "invariant 38: step %u of saga %u decided by itself, and nobody knows",
			 step, saga);
	if (b->heuristic_ms != 0 && n->heuristics == 0)
		sim_fail(sim, false, "invariant 38: step %u of saga %u decided nothing by itself",
			 step, saga);
}

/* ---- the outcome: 5, 18, 24
 * -----------------------------------------------------------------------
 */

static bool committed(const struct sim *sim, const struct sim_saga_facts *f, uint32_t saga,
		      uint32_t step, const struct net *n)
{
	const struct sim_step_plan *s = &sim->sagas[saga].steps[step];

	if (s->class == SIM_VOTE && !f->one_phase)
		return n->undone == 0 && n->finished + n->read_only + n->heuristics == 1;
	if (s->class == SIM_OPTIONAL && f->steps[step].ok_ms == 0)
		return n->done == n->undone;
	return n->done == 1 && n->undone == 0;
}

static bool aborted(const struct sim *sim, const struct sim_saga_facts *f, uint32_t saga,
		    uint32_t step, const struct net *n)
{
	const struct sim_step_plan *s = &sim->sagas[saga].steps[step];

	if (n->finished > 0)
		return false;
	if (sim_step_irrevocable(sim, f, saga, step) || s->class == SIM_RETRIABLE)
		return n->done == 0;
	return n->done == n->undone || n->heuristics > 0 || !s->has_undo ||
	       (n->done == 0 && n->work == n->undone);
}

/* What it says and what it did are two things; nothing is asked of the latter. */
static bool lies(const struct sim *sim, uint32_t saga, uint32_t step)
{
	return sim->services[sim->sagas[saga].steps[step].service].person.liar;
}

static void check_outcome(struct sim *sim, const struct sim_history *h, uint32_t saga,
			  uint32_t step, const struct net *n)
{
	const struct sim_saga_facts *f = &h->sagas[saga];
	const struct sim_branch_facts *b = &f->steps[step];
	const bool part = sim_step_takes_part(sim, h, saga, step);

	if (!part && (n->done > 0 || n->finished > 0))
		sim_fail(sim, false, "S9: step %u of saga %u took part, and was never enlisted",
			 step, saga);
	if (part && f->final_state == WIRE_STATE_COMPLETED && !committed(sim, f, saga, step, n))
		sim_fail(sim, false,
			 "invariant 5: saga %u is completed, step %u is %u, finished %u, undone %u",
			 saga, step, n->done + n->read_only, n->finished, n->undone);
	if (!part || f->final_state != WIRE_STATE_COMPENSATED)
		return;
	if (!aborted(sim, f, saga, step, n))
		sim_fail(sim, false,
			 "invariants 5, 18: saga %u is compensated, step %u is %u, finished %u, "
			 "undone %u",
			 saga, step, n->done, n->finished, n->undone);
	if (h->sent_ms[saga][step][WIRE_OP_FORWARD] != 0 && sim->sagas[saga].steps[step].has_undo &&
	    b->rejected_ms == 0 && b->undone_ms == 0 && b->read_only_ms == 0 &&
	    b->heuristic_ms == 0)
		sim_fail(sim, false, "invariant 24: step %u of saga %u was sent, and not undone",
			 step, saga);
}

/* S9, 5: when all is over, nobody waits to be told. */
static void check_left(struct sim *sim, const struct sim_saga_facts *f, uint32_t saga,
		       uint32_t step)
{
	if (sim_bank_in_doubt(sim, saga, step))
		sim_fail(sim, f->accepted_times > 0 && f->finished_ms == 0,
			 "S9: step %u of saga %u holds what it did, and nobody will end it", step,
			 saga);
}

/* ---- order: 13, 17, S23
 * ---------------------------------------------------------------------------
 */

static void check_order(struct sim *sim, const struct sim_history *h, uint32_t number,
			const struct net *net)
{
	const struct sim_saga *saga = &sim->sagas[number];

	for (uint32_t i = 0; i < saga->step_count; i++)
		for (uint32_t k = 0; k < saga->step_count; k++) {
			const bool behind = (saga->steps[i].edges >> k & 1) != 0;

			if (lies(sim, number, i) || lies(sim, number, k))
				continue;
			if (behind && net[i].done_order != 0 &&
			    net[k].done_order > net[i].done_order)
				sim_fail(sim, false, "%s: step %u of saga %u ran before step %u",
					 saga->steps[k].class == SIM_OPTIONAL ? "S23"
									      : "invariant 17",
					 i, number, k);
			if (net[i].finish_order != 0 && saga->steps[k].class == SIM_VOTE &&
			    sim_step_takes_part(sim, h, number, k) &&
			    (net[k].done_order == 0 || net[k].done_order > net[i].finish_order))
				sim_fail(sim, false,
					 "invariant 13: step %u of saga %u is finished before step "
					 "%u has voted",
					 i, number, k);
		}
}

/* S24: what an older owner commands is not done once a newer one was heard. */
static void check_epochs(struct sim *sim)
{
	uint64_t newest[SIM_SERVICES_MAX][SIM_SHARDS_MAX] = {{0}};

	for (uint32_t i = 0; i < sim->effect_count; i++) {
		const struct sim_effect *e = &sim->effects[i];
		uint64_t *epoch = &newest[e->service][e->shard];

		if (e->epoch == 0)
			continue;
		if (e->epoch < *epoch)
			sim_fail(sim, false,
				 "S24: operation %u of step %u of saga %u was done for an owner "
				 "that "
				 "is one no more",
				 e->op, e->step, e->saga);
		*epoch = e->epoch;
	}
}

/* Invariant 31: each saga that ended in peace leaves as much money as there was. */
static void check_money(struct sim *sim, const struct sim_history *h)
{
	struct sums {
		int64_t delta, held;
	} *sums = calloc(sim->saga_count, sizeof *sums);

	CHECK(sums != NULL);
	for (uint32_t i = 0; i < sim->effect_count; i++) {
		sums[sim->effects[i].saga].delta += sim->effects[i].delta;
		sums[sim->effects[i].saga].held += sim->effects[i].held;
	}
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		bool excused = h->sagas[i].heuristics > 0;

		for (uint32_t k = 0; k < sim->sagas[i].step_count; k++)
			excused |= lies(sim, i, k);
		if (!excused && (sums[i].delta != 0 || sums[i].held != 0))
			sim_fail(sim, false,
				 "invariant 31: saga %u has made %" PRId64 ", and holds %" PRId64,
				 i, sums[i].delta, sums[i].held);
	}
	free(sums);
}

void sim_check_effects(struct sim *sim, const struct sim_history *h)
{
	struct net(*net)[SIM_STEPS] = calloc(sim->saga_count, sizeof *net);

	CHECK(net != NULL);
	for (uint32_t i = 0; i < sim->effect_count; i++) {
		const struct sim_effect *e = &sim->effects[i];

		if (!lies(sim, e->saga, e->step))
			add_effect(sim, &net[e->saga][e->step], e, i + 1);
	}
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		for (uint32_t k = 0; k < sim->sagas[i].step_count; k++) {
			if (lies(sim, i, k))
				continue;
			check_truth(sim, &h->sagas[i], i, k, &net[i][k]);
			check_outcome(sim, h, i, k, &net[i][k]);
			check_left(sim, &h->sagas[i], i, k);
		}
		check_order(sim, h, i, net[i]);
	}
	free(net);
	check_epochs(sim);
	check_money(sim, h);
}
