/* The judges: what was recorded at the borders (answers, commands, the participants' ledger, the
 * journals), against the invariants of the reliability catalogue. Nothing of the engine's own. */
#include <inttypes.h>

#include "base/check.h"
#include "tests/sim/sim.h"

static bool by(uint64_t when, uint64_t at_ms)
{
	return when != 0 && when <= at_ms;
}

/* ---- answers: 1, 3, 30 and rules S1, S2, S5
 * -------------------------------------------------------
 */

static void check_gate(struct sim *sim, const struct sim_history *h, const struct sim_answer *a)
{
	if (a->record_number == 0)
		return;
	if (a->record_number > h->record_count[a->shard] ||
	    h->record_ms[a->shard][a->record_number] > a->at_ms)
		sim_fail(sim, false,
			 "S1: an answer of node %u to request %u at %" PRIu64
			 " rests on record %" PRIu64 " of shard %u, which was not stored",
			 a->node, a->request, a->at_ms - SIM_START_MS, a->record_number, a->shard);
}

static void check_final(struct sim *sim, const struct sim_saga_facts *f, const struct sim_answer *a,
			uint32_t saga)
{
	if (a->state == WIRE_STATE_CANCELLED && !by(f->tombstone_ms, a->at_ms) &&
	    !by(f->refused_ms, a->at_ms))
		sim_fail(sim, false, "S10: saga %u is said cancelled without a tombstone", saga);
	if ((a->state == WIRE_STATE_COMPLETED || a->state == WIRE_STATE_COMPENSATED) &&
	    (!by(f->finished_ms, a->at_ms) || f->final_state != a->state))
		sim_fail(sim, false, "invariant 30: saga %u is said to be in state %u, and is not",
			 saga, a->state);
}

static void check_submit_answer(struct sim *sim, const struct sim_saga_facts *f,
				const struct sim_answer *a, const struct sim_request *r)
{
	const bool other = r->kind == SIM_CONFLICT;

	if (a->code == err_to_wire(SAGA_E_CONFLICT))
		sim->count.conflicts++;
	if (a->code == err_to_wire(SAGA_E_EXPIRED)) {
		sim->count.expired_submits++;
		if (sim->sagas[r->saga].retry_until_ms ==
		    sim->sagas[r->saga].submit_ms + SIM_WINDOW_MS)
			sim_fail(sim, false, "S5: saga %u expired within its window", r->saga);
	}
	if (a->code != 0)
		return;
	if (!by(f->accepted_ms, a->at_ms))
		sim_fail(sim, false,
			 "invariant 1: saga %u was acknowledged by node %u at %" PRIu64
			 " without a stored record",
			 r->saga, a->node, a->at_ms - SIM_START_MS);
	else if (f->other_body != other)
		sim_fail(sim, false, "invariant 3: saga %u was acknowledged for another body",
			 r->saga);
}

static void check_answers(struct sim *sim, const struct sim_history *h)
{
	for (uint32_t i = 0; i < sim->answer_count; i++) {
		const struct sim_answer *a = &sim->answers[i];
		const struct sim_request *r = &sim->requests[a->request];
		const struct sim_saga_facts *f = &h->sagas[r->saga];

		check_gate(sim, h, a);
		check_final(sim, f, a, r->saga);
		sim->count.busy += a->code == err_to_wire(SAGA_E_BUSY);
		sim->count.cancels += r->kind == SIM_CANCEL && a->code == 0;
		if (r->kind == SIM_SUBMIT || r->kind == SIM_CONFLICT)
			check_submit_answer(sim, f, a, r);
		if (r->kind == SIM_CANCEL && a->code == 0 && !by(f->tombstone_ms, a->at_ms) &&
		    !by(f->accepted_ms, a->at_ms))
			sim_fail(sim, false, "S10: the cancel of saga %u left no record", r->saga);
		/* A plain status may be old: it carries (epoch, record). */
		if (r->kind == SIM_WAIT_QUERY && a->code == err_to_wire(SAGA_E_NOT_FOUND) &&
		    sim->sagas[r->saga].retry_until_ms ==
			    sim->sagas[r->saga].submit_ms + SIM_WINDOW_MS &&
		    (by(f->accepted_ms, r->sent_ms - 1) || by(f->tombstone_ms, r->sent_ms - 1)))
			sim_fail(sim, false,
				 "S2: node %u told request %u at %" PRIu64
				 " that there is no saga %u",
				 a->node, a->request, a->at_ms - SIM_START_MS, r->saga);
	}
}

/* ---- commands: 12, 16, 17, 20
 * ---------------------------------------------------------------------
 */

/* Was the forward of this step ever on its way before? */
static bool was_sent(const struct sim *sim, const struct sim_command_sent *before, uint32_t step)
{
	for (uint32_t i = 0; i < sim->command_count; i++) {
		const struct sim_command_sent *c = &sim->commands[i];

		if (c->at_ms < before->at_ms && c->saga == before->saga && c->step == step &&
		    c->op == WIRE_OP_FORWARD)
			return true;
	}
	return false;
}

static void check_undo(struct sim *sim, const struct sim_saga_facts *f,
		       const struct sim_command_sent *c)
{
	const struct sim_saga *saga = &sim->sagas[c->saga];

	if (!by(f->decision_ms, c->at_ms))
		sim_fail(sim, false,
			 "invariant 12: node %u undoes step %u of saga %u at %" PRIu64
			 " without a stored decision",
			 c->node, c->step, c->saga, c->at_ms - SIM_START_MS);
	for (uint32_t k = c->step + 1; k < saga->step_count; k++) {
		const struct sim_branch_facts *b = &f->steps[k];

		if ((saga->steps[k].after & 1U << c->step) && was_sent(sim, c, k) &&
		    !by(b->rejected_ms, c->at_ms) && !by(b->undone_ms, c->at_ms))
			sim_fail(sim, false,
				 "invariant 16: step %u of saga %u is undone before step %u",
				 c->step, c->saga, k);
	}
}

static void check_forward(struct sim *sim, const struct sim_saga_facts *f,
			  const struct sim_command_sent *c)
{
	if (!by(f->accepted_ms, c->at_ms))
		sim_fail(sim, false,
			 "invariants 12, 20: node %u sends step %u of saga %u at %" PRIu64
			 " before its acceptance is stored",
			 c->node, c->step, c->saga, c->at_ms - SIM_START_MS);
	for (uint32_t k = 0; k < c->step; k++)
		if ((sim->sagas[c->saga].steps[c->step].after & 1U << k) &&
		    !by(f->steps[k].ok_ms, c->at_ms))
			sim_fail(sim, false,
				 "invariants 12, 17: node %u sends step %u of saga %u at %" PRIu64
				 " before the ok of step %u is stored",
				 c->node, c->step, c->saga, c->at_ms - SIM_START_MS, k);
}

static void check_commands(struct sim *sim, const struct sim_history *h)
{
	for (uint32_t i = 0; i < sim->command_count; i++) {
		const struct sim_command_sent *c = &sim->commands[i];

		if (c->op == WIRE_OP_UNDO)
			check_undo(sim, &h->sagas[c->saga], c);
		else
			check_forward(sim, &h->sagas[c->saga], c);
	}
}

/* ---- effects: 2, 5, 6, 7, 8, 23, 24
 * -----------------------------------------------------------------
 */

struct net {
	uint32_t done, undone;
	bool undo_came;
	uint64_t done_ms;
};

static void add_effect(struct sim *sim, struct net *n, const struct sim_effect *e)
{
	if (e->op == WIRE_OP_UNDO) {
		if (e->kind == SIM_DONE && n->done == 0)
			sim_fail(sim, false, "invariant 7: step %u of saga %u undone, never done",
				 e->step, e->saga);
		n->undo_came = true;
		n->undone += e->kind == SIM_DONE;
	} else if (e->kind == SIM_DONE) {
		if (n->undo_came)
			sim_fail(sim, false, "invariant 8: step %u of saga %u done after its undo",
				 e->step, e->saga);
		n->done++;
		n->done_ms = e->at_ms;
	}
	if (n->done > 1 || n->undone > 1)
		sim_fail(sim, false, "invariant 6: step %u of saga %u twice", e->step, e->saga);
}

static void check_step(struct sim *sim, const struct sim_saga_facts *f, uint32_t saga,
		       uint32_t step, const struct net *n)
{
	const struct sim_branch_facts *b = &f->steps[step];
	const struct sim_command_sent end = {.at_ms = UINT64_MAX, .saga = saga};

	if (n->done > 0 && f->accepted_times == 0)
		sim_fail(sim, false, "invariant 2: step %u of saga %u, never accepted", step, saga);
	if (b->ok_ms != 0 && (n->done == 0 || n->done_ms > b->ok_ms))
		sim_fail(sim, false, "invariant 23: the ok of step %u of saga %u is not true", step,
			 saga);
	if (b->rejected_ms != 0 && n->done > 0)
		sim_fail(sim, false,
			 "invariant 23, S3: step %u of saga %u is recorded as rejected, and was "
			 "done",
			 step, saga);
	if (f->final_state == WIRE_STATE_COMPLETED && (n->done != 1 || n->undone != 0))
		sim_fail(sim, false, "invariant 5: saga %u is completed, step %u is %u - %u", saga,
			 step, n->done, n->undone);
	if (f->final_state != WIRE_STATE_COMPENSATED)
		return;
	if (n->done != n->undone)
		sim_fail(sim, false, "invariant 5: saga %u is compensated, step %u is %u - %u",
			 saga, step, n->done, n->undone);
	if (was_sent(sim, &end, step) && b->rejected_ms == 0 && b->undone_ms == 0)
		sim_fail(sim, false, "invariant 24: step %u of saga %u was sent, and not undone",
			 step, saga);
}

static void check_effects(struct sim *sim, const struct sim_history *h)
{
	struct net net[SIM_SAGAS][SIM_STEPS] = {0};

	for (uint32_t i = 0; i < sim->effect_count; i++) {
		const struct sim_effect *e = &sim->effects[i];

		add_effect(sim, &net[e->saga][e->step], e);
	}
	for (uint32_t i = 0; i < sim->saga_count; i++)
		for (uint32_t k = 0; k < sim->sagas[i].step_count; k++)
			check_step(sim, &h->sagas[i], i, k, &net[i][k]);
}

/* ---- decisions: 3, 11, S10
 * --------------------------------------------------------------------------
 */

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
		if (f->decision_times > 1 || f->finished_times > 1)
			sim_fail(sim, false, "invariant 11: saga %u was decided twice", i);
		if (f->finished_ms != 0 &&
		    (f->final_state == WIRE_STATE_COMPENSATED) != (f->decision_ms != 0))
			sim_fail(sim, false, "invariant 11: saga %u ended against its decision", i);
		sim->count.accepted += f->accepted_times;
		sim->count.completed += f->final_state == WIRE_STATE_COMPLETED;
		sim->count.compensated += f->final_state == WIRE_STATE_COMPENSATED;
		sim->count.tombstones += f->tombstone_ms != 0;
		for (uint32_t k = 0; k < SIM_STEPS; k++)
			sim->count.unknown_steps += f->steps[k].unknown_ms != 0;
	}
}

/* ---- the end: every accepted saga is final, everybody is answered
 * --------------------------------
 */

bool sim_all_final(struct sim *sim)
{
	struct sim_history *h = sim_history_read(sim);
	bool all = true;

	for (uint32_t i = 0; i < sim->saga_count; i++)
		all &= h->sagas[i].accepted_times == 0 || h->sagas[i].finished_ms != 0;
	all &= sim_inbox_done(sim, h);
	sim_history_close(h);
	return all;
}

static void check_probes(struct sim *sim)
{
	bool asked[SIM_SAGAS] = {0}, answered[SIM_SAGAS] = {0};

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

	check_sagas(sim, h);
	check_answers(sim, h);
	check_commands(sim, h);
	check_effects(sim, h);
	sim_check_inbox(sim, h);
	for (uint32_t i = 0; i < sim->saga_count; i++)
		if (h->sagas[i].accepted_times > 0 && h->sagas[i].finished_ms == 0)
			sim_fail(sim, true, "liveness: saga %u is not final after the healing", i);
	check_probes(sim);
	sim->count.skipped_batches += h->skipped;
	sim->count.inbox_read_again += h->read_again;
	sim_history_close(h);
}
