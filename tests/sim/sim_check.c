/* The judges: what was recorded at the borders (answers, commands, the participants' ledger, the
 * journals), against the invariants of the reliability catalogue. Nothing of the engine's own. */
#include <inttypes.h>

#include "base/check.h"
#include "tests/sim/sim.h"

/* ---- what takes part ---------------------------------------------------------------------------
 */

bool sim_step_takes_part(const struct sim *sim, const struct sim_history *h, uint32_t saga,
			 uint32_t step)
{
	return !sim_interactive(&sim->sagas[saga]) || h->sagas[saga].steps[step].enlisted_ms != 0;
}

bool sim_step_irrevocable(const struct sim *sim, const struct sim_saga_facts *facts, uint32_t saga,
			  uint32_t step)
{
	return sim->sagas[saga].steps[step].class == SIM_PIVOT || facts->one_phase;
}

/* ---- decisions: 3, 11, 13, 15, 18, S10
 * -----------------------------------------------------------
 */

static void check_decision(struct sim *sim, const struct sim_saga_facts *f, uint32_t saga)
{
	if (f->decision_times > 1 || f->finished_times > 1 ||
	    (f->decision_ms != 0 && f->commit_ms != 0))
		sim_fail(sim, false, "invariant 11: saga %u was decided twice", saga);
	if (f->finished_ms != 0 &&
	    (f->final_state == WIRE_STATE_COMPENSATED) != (f->decision_ms != 0))
		sim_fail(sim, false, "invariant 11: saga %u ended against its decision", saga);
}

/* 13: everything that the decision does not come before has said yes. 18: and what nothing takes
 * back is not aborted while it may have happened. */
static void check_branches(struct sim *sim, const struct sim_history *h, uint32_t saga,
			   uint32_t step)
{
	const struct sim_saga_facts *f = &h->sagas[saga];
	const struct sim_branch_facts *b = &f->steps[step];
	const struct sim_step_plan *s = &sim->sagas[saga].steps[step];

	if (f->commit_ms != 0 && s->class == SIM_VOTE && !sim_by(b->ok_ms, f->commit_ms) &&
	    !sim_by(b->read_only_ms, f->commit_ms))
		sim_fail(sim, false,
			 "invariant 13: saga %u is committed without the yes of step %u", saga,
			 step);
	if (f->decision_ms != 0 && sim_step_irrevocable(sim, f, saga, step) &&
	    h->sent_ms[saga][step][WIRE_OP_FORWARD] != 0 && !sim_by(b->rejected_ms, f->decision_ms))
		sim_fail(sim, false,
			 "S4, invariant 18: saga %u is aborted while step %u is out and unknown",
			 saga, step);
	if (f->final_state != WIRE_STATE_COMPLETED)
		return;
	if (s->class == SIM_VOTE && !f->one_phase && b->ok_ms != 0 &&
	    (!sim_by(f->commit_ms, f->finished_ms) ||
	     (!sim_by(b->finished_ms, f->finished_ms) && !sim_by(b->heuristic_ms, f->finished_ms))))
		sim_fail(sim, false, "invariant 15: saga %u is over before step %u is finished",
			 saga, step);
	if (b->unknown_ms != 0 && b->ok_ms == 0 && b->rejected_ms == 0 && b->undone_ms == 0)
		sim_fail(sim, false, "S23: saga %u is completed, step %u is still unknown", saga,
			 step);
}

static void count_saga(struct sim *sim, const struct sim_history *h, uint32_t number)
{
	const struct sim_saga_facts *f = &h->sagas[number];
	const struct sim_saga *saga = &sim->sagas[number];
	struct sim_counters *count = &sim->count;

	count->sagas += saga->protocol == WIRE_PROTOCOL_SAGA;
	count->mixed += saga->protocol == WIRE_PROTOCOL_MIXED;
	count->interactive += sim_interactive(saga) && f->accepted_times > 0;
	count->accepted += f->accepted_times;
	count->completed += f->final_state == WIRE_STATE_COMPLETED;
	count->compensated += f->final_state == WIRE_STATE_COMPENSATED;
	count->tombstones += f->tombstone_ms != 0;
	count->commits += f->commit_ms != 0;
	count->closed_sets += f->closed_ms != 0;
	count->idle_aborts += f->reason == WIRE_REASON_IDLE;
	count->one_phases += f->one_phase && f->commit_ms != 0;
	for (uint32_t k = 0; k < saga->step_count; k++) {
		const struct sim_branch_facts *b = &f->steps[k];
		const struct sim_step_plan *s = &saga->steps[k];
		const bool optional = s->class == SIM_OPTIONAL;

		count->unknown_steps += b->unknown_ms != 0;
		count->enlists += b->enlisted_ms != 0;
		count->votes += s->class == SIM_VOTE && b->ok_ms != 0;
		count->pivots += s->class == SIM_PIVOT && b->ok_ms != 0;
		count->last_resources +=
			s->class == SIM_PIVOT && b->ok_ms != 0 && s->kind == WIRE_PROTOCOL_2PC;
		count->retriables += s->class == SIM_RETRIABLE && b->ok_ms != 0;
		count->optionals += optional && b->ok_ms != 0;
		count->optional_undos += optional && b->undone_ms != 0 && f->decision_ms == 0;
		count->gone_on_without +=
			optional && b->ok_ms == 0 && f->final_state == WIRE_STATE_COMPLETED;
		count->settles += h->sent_ms[number][k][WIRE_OP_SETTLE] != 0;
	}
}

static void check_sagas(struct sim *sim, const struct sim_history *h)
{
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		const struct sim_saga_facts *f = &h->sagas[i];

		if (f->accepted_times > 1)
			sim_fail(sim, false, "invariant 3: saga %u was accepted %u times", i,
				 f->accepted_times);
		/* The other way round is well: cancelled again when all was forgotten. */
		if (f->tombstone_ms != 0 && f->accepted_ms > f->tombstone_ms)
			sim_fail(sim, false, "S10: saga %u was accepted after its cancel", i);
		check_decision(sim, f, i);
		for (uint32_t k = 0; k < sim->sagas[i].step_count; k++)
			if (sim_step_takes_part(sim, h, i, k))
				check_branches(sim, h, i, k);
		count_saga(sim, h, i);
	}
}

/* ---- the end: every accepted saga is final, everybody is answered
 * --------------------------------
 */

static void check_probes(struct sim *sim)
{
	bool asked[SIM_SAGAS_MAX] = {0}, answered[SIM_SAGAS_MAX] = {0};

	for (uint32_t i = 0; i < sim->request_count; i++) {
		const struct sim_request *r = &sim->requests[i];

		asked[r->saga] |= r->probe;
		answered[r->saga] |= r->probe && r->answered;
	}
	for (uint32_t i = 0; i < sim->saga_count; i++)
		if (asked[i] && !answered[i])
			sim_fail(sim, true, "nobody answers for saga %u after the healing", i);
}

void sim_check(struct sim *sim)
{
	struct sim_history *h = sim_history_read(sim);

	sim_check_commands(sim, h); /* first: it notes when what was sent */
	check_sagas(sim, h);
	sim_check_answers(sim, h);
	sim_check_effects(sim, h);
	sim_check_inbox(sim, h);
	for (uint32_t i = 0; i < sim->saga_count; i++)
		if (h->sagas[i].accepted_times > 0 && h->sagas[i].finished_ms == 0)
			sim_fail(sim, true, "liveness: saga %u is not final after the healing", i);
	check_probes(sim);
	sim->count.skipped_batches += h->skipped;
	sim->count.inbox_read_again += h->read_again;
	sim_history_close(h);
}
