/* The barrier of a participant by S3, S4, S8 and S24: rows that survive its crashes, and the ledger
 * of what it did. */
#include "base/check.h"
#include "tests/sim/sim.h"

enum { CLEAN_STEP = 2 }; /* S8 */

static void effect(struct sim *sim, const struct sim_work *w, uint32_t op,
		   enum sim_effect_kind kind)
{
	sim->effects = sim_grow(sim->effects, sim->effect_count, &sim->effect_capacity,
				sizeof *sim->effects);
	sim->effects[sim->effect_count++] = (struct sim_effect){.at_ms = sim->now_ms,
								.saga = w->saga,
								.step = w->step,
								.op = op,
								.kind = kind,
								.asked = w->attempt == 0};
	sim_note(sim, kind == SIM_DONE ? "effect" : "no_effect", w->saga, w->step, op, kind);
}

static struct sim_row *row_of(struct sim *sim, const struct sim_work *w, uint32_t op)
{
	return sim_row(sim, w->saga, w->step, op);
}

static void put(struct sim *sim, const struct sim_work *w, uint32_t op, enum sim_effect_kind kind)
{
	*row_of(sim, w, op) = (struct sim_row){
		.outcome = (uint8_t)kind,
		.one_phase = w->one_phase,
		.admission = w->admission,
	};
	effect(sim, w, op, kind);
}

/* S8: whatever is deleted is answered `expired` from then on. */
static void clean(struct sim *sim, struct sim_service *service, const struct sim_work *w)
{
	for (uint32_t i = 0; i < sim->saga_count; i++)
		for (uint32_t k = 0; k < sim->sagas[i].step_count; k++)
			for (uint32_t op = 1; op < SIM_OPS; op++) {
				struct sim_row *row = sim_row(sim, i, k, op);

				if (sim->sagas[i].shard != w->shard ||
				    sim->sagas[i].steps[k].service != w->service ||
				    row->outcome == 0 || row->admission >= w->low_water)
					continue;
				row->outcome = 0;
				/* It is over: nobody works for it any more. */
				sim_row(sim, i, k, SIM_WORK)->outcome = SIM_EMPTY;
			}
	service->low_water[w->shard] = w->low_water;
}

static bool shard_allows(struct sim *sim, const struct sim_work *w, struct sim_verdict *v)
{
	struct sim_service *service = &sim->services[w->service];

	if (w->epoch < service->epoch[w->shard]) {
		sim->count.stale_commands++;
		v->outcome = WIRE_OUTCOME_STALE;
		return false;
	}
	if (w->low_water >= service->low_water[w->shard] + CLEAN_STEP)
		clean(sim, service, w);
	if (w->admission < service->low_water[w->shard]) {
		sim->count.expired_commands++;
		v->outcome = WIRE_OUTCOME_EXPIRED;
		return false;
	}
	if (w->epoch > service->epoch[w->shard])
		service->epoch[w->shard] = w->epoch;
	return true;
}

/* ---- the operations
 * ------------------------------------------------------------------------------
 */

static struct sim_verdict again(struct sim *sim, const struct sim_row *row)
{
	const bool late = row->outcome == SIM_EMPTY || row->outcome == SIM_BLOCKED;
	struct sim_verdict v = {.barrier =
					late ? WIRE_BARRIER_LATE_FORWARD : WIRE_BARRIER_DUPLICATE};

	sim->count.duplicates += !late;
	sim->count.late_forwards += late;
	switch ((enum sim_effect_kind)row->outcome) {
	case SIM_DONE:
		v.outcome = WIRE_OUTCOME_OK;
		break;
	case SIM_READ_ONLY:
		v.outcome = WIRE_OUTCOME_READ_ONLY;
		break;
	case SIM_HEURISTIC:
		v.outcome = WIRE_OUTCOME_HEURISTIC;
		v.code = err_to_wire(SAGA_E_HEURISTIC_MIXED);
		break;
	case SIM_REFUSED:
	case SIM_EMPTY:
	case SIM_BLOCKED:
		v.outcome = WIRE_OUTCOME_REJECTED;
		break;
	}
	return v;
}

/* Nobody may commit what is not there. */
static bool nothing_worked(struct sim *sim, const struct sim_work *w)
{
	return sim_interactive(&sim->sagas[w->saga]) &&
	       row_of(sim, w, SIM_WORK)->outcome != SIM_DONE;
}

static struct sim_verdict run_forward(struct sim *sim, const struct sim_work *w)
{
	const struct sim_step_plan *step = &sim->sagas[w->saga].steps[w->step];
	struct sim_row *row = row_of(sim, w, WIRE_OP_FORWARD);

	if (row->outcome != 0)
		return again(sim, row);
	sim->count.first_runs++;
	if (nothing_worked(sim, w) ||
	    sim_chance(sim, SIM_SERVICE, sim->services[w->service].rejects)) {
		sim->count.rejections++;
		/* Row 38: what must succeed is refused for now only. */
		if (step->class == SIM_RETRIABLE)
			return (struct sim_verdict){.outcome = WIRE_OUTCOME_REJECTED};
		if (sim_plants.forgets_rejections)
			effect(sim, w, WIRE_OP_FORWARD, SIM_REFUSED);
		else
			put(sim, w, WIRE_OP_FORWARD, SIM_REFUSED);
		return (struct sim_verdict){.outcome = WIRE_OUTCOME_REJECTED};
	}
	if (step->class == SIM_VOTE && !w->one_phase && sim_chance(sim, SIM_SERVICE, 150)) {
		sim->count.read_only++;
		put(sim, w, WIRE_OP_FORWARD, SIM_READ_ONLY);
		return (struct sim_verdict){.outcome = WIRE_OUTCOME_READ_ONLY};
	}
	put(sim, w, WIRE_OP_FORWARD, SIM_DONE);
	if (step->class == SIM_VOTE && !w->one_phase && step->asks)
		sim_participant_doubt(sim, w->saga, w->step);
	return (struct sim_verdict){.outcome = WIRE_OUTCOME_OK};
}

/* Invariant 38. */
static bool decides_alone(struct sim *sim, const struct sim_work *w)
{
	return sim->sagas[w->saga].steps[w->step].class == SIM_VOTE && w->attempt > 0 &&
	       sim_chance(sim, SIM_SERVICE, sim->faults.heuristics);
}

static struct sim_verdict run_heuristic(struct sim *sim, const struct sim_work *w, uint32_t op)
{
	sim->count.heuristics++;
	put(sim, w, op, SIM_HEURISTIC);
	return (struct sim_verdict){.outcome = WIRE_OUTCOME_HEURISTIC,
				    .code = err_to_wire(SAGA_E_HEURISTIC_MIXED)};
}

static struct sim_verdict run_finish(struct sim *sim, const struct sim_work *w)
{
	struct sim_row *row = row_of(sim, w, WIRE_OP_FINISH);

	if (row->outcome != 0)
		return again(sim, row);
	if (decides_alone(sim, w))
		return run_heuristic(sim, w, WIRE_OP_FINISH);
	sim->count.confirms++;
	put(sim, w, WIRE_OP_FINISH, SIM_DONE);
	return (struct sim_verdict){.outcome = WIRE_OUTCOME_OK};
}

static struct sim_verdict run_undo(struct sim *sim, const struct sim_work *w)
{
	const uint8_t forward = row_of(sim, w, WIRE_OP_FORWARD)->outcome;
	const bool open = row_of(sim, w, SIM_WORK)->outcome == SIM_DONE && forward == 0;
	struct sim_row *row = row_of(sim, w, WIRE_OP_UNDO);

	if (row->outcome != 0)
		return again(sim, row);
	if (forward == 0)
		*row_of(sim, w, WIRE_OP_FORWARD) =
			(struct sim_row){.outcome = SIM_EMPTY, .admission = w->admission};
	if (forward == SIM_DONE || open) {
		if (decides_alone(sim, w))
			return run_heuristic(sim, w, WIRE_OP_UNDO);
		put(sim, w, WIRE_OP_UNDO, SIM_DONE);
		return (struct sim_verdict){.outcome = WIRE_OUTCOME_OK};
	}
	sim->count.empty_undos++;
	put(sim, w, WIRE_OP_UNDO, SIM_EMPTY);
	row->outcome = SIM_DONE; /* the answer is the same */
	return (struct sim_verdict){WIRE_OUTCOME_OK, WIRE_BARRIER_EMPTY_UNDO, 0};
}

/* S4, "block and tell": the result, or a row in its place. */
static struct sim_verdict run_settle(struct sim *sim, const struct sim_work *w)
{
	struct sim_row *row = row_of(sim, w, WIRE_OP_FORWARD);

	if (row->outcome == 0) {
		sim->count.blocked++;
		if (sim_plants.settles_blindly)
			return (struct sim_verdict){.outcome = WIRE_OUTCOME_REJECTED};
		put(sim, w, WIRE_OP_FORWARD, SIM_BLOCKED);
	} else {
		sim->count.settled_ok += row->outcome == SIM_DONE;
	}
	return again(sim, row);
}

struct sim_verdict sim_barrier_run(struct sim *sim, const struct sim_work *w)
{
	struct sim_verdict v = {0};

	if (sim_chance(sim, SIM_SERVICE, sim->faults.service_retries))
		return (struct sim_verdict){.outcome = WIRE_OUTCOME_RETRY};
	if (sim_chance(sim, SIM_SERVICE, sim->faults.service_parks))
		return (struct sim_verdict){.outcome = WIRE_OUTCOME_PARK};
	if (!shard_allows(sim, w, &v))
		return v;
	switch ((enum wire_op)w->op) {
	case WIRE_OP_FORWARD:
		return run_forward(sim, w);
	case WIRE_OP_FINISH:
		return run_finish(sim, w);
	case WIRE_OP_UNDO:
		return run_undo(sim, w);
	case WIRE_OP_SETTLE:
		return run_settle(sim, w);
	}
	return v;
}

/* ---- beside all commands
 * -------------------------------------------------------------------------
 */

/* Nothing that cleans up knows the admission of what nobody commanded: these rows stay. */
static struct sim_work alone(const struct sim *sim, uint32_t saga, uint32_t step)
{
	return (struct sim_work){.service = sim->sagas[saga].steps[step].service,
				 .shard = sim->sagas[saga].shard,
				 .saga = saga,
				 .step = step,
				 .admission = UINT64_MAX};
}

bool sim_barrier_work(struct sim *sim, uint32_t saga, uint32_t step)
{
	const struct sim_work w = alone(sim, saga, step);

	/* A rollback or a vote was first. */
	for (uint32_t op = 0; op < SIM_OPS; op++)
		if (row_of(sim, &w, op)->outcome != 0)
			return false;
	put(sim, &w, SIM_WORK, SIM_DONE);
	if (sim->sagas[saga].steps[step].asks)
		sim_participant_doubt(sim, saga, step);
	return true;
}

/* It holds something, and nobody has told it what becomes of that. */
bool sim_barrier_in_doubt(const struct sim *sim, uint32_t saga, uint32_t step)
{
	const struct sim_row *rows = sim->rows[saga][step];
	const struct sim_row *forward = &rows[WIRE_OP_FORWARD];

	if (rows[WIRE_OP_FINISH].outcome != 0 || rows[WIRE_OP_UNDO].outcome != 0)
		return false;
	if (forward->outcome == 0)
		return rows[SIM_WORK].outcome == SIM_DONE;
	return forward->outcome == SIM_DONE && !forward->one_phase &&
	       sim->sagas[saga].steps[step].class == SIM_VOTE;
}

void sim_barrier_decide(struct sim *sim, uint32_t saga, uint32_t step, bool commit)
{
	const struct sim_work w = alone(sim, saga, step);

	if (!sim_barrier_in_doubt(sim, saga, step))
		return;
	sim->count.finished_alone += commit;
	sim->count.rolled_back_alone += !commit;
	if (commit)
		(void)run_finish(sim, &w);
	else
		(void)run_undo(sim, &w);
}
