/* The judge of what clients and participants were told, against the journals. */
#include <inttypes.h>

#include "base/check.h"
#include "tests/sim/sim.h"

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
	if (a->state == WIRE_STATE_CANCELLED && !sim_by(f->tombstone_ms, a->at_ms) &&
	    !sim_by(f->refused_ms, a->at_ms))
		sim_fail(sim, false, "S10: saga %u is said cancelled without a tombstone", saga);
	if ((a->state == WIRE_STATE_COMPLETED || a->state == WIRE_STATE_COMPENSATED) &&
	    (!sim_by(f->finished_ms, a->at_ms) || f->final_state != a->state))
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
	if (!sim_by(f->accepted_ms, a->at_ms))
		sim_fail(sim, false,
			 "invariant 1: saga %u was acknowledged by node %u at %" PRIu64
			 " without a stored record",
			 r->saga, a->node, a->at_ms - SIM_START_MS);
	else if (f->other_body != other)
		sim_fail(sim, false, "invariant 3: saga %u was acknowledged for another body",
			 r->saga);
}

/* ---- decisions: 11, 14, 38, S4, S9
 * ---------------------------------------------------------------
 */

static bool in_window(const struct sim *sim, uint32_t saga)
{
	return sim->sagas[saga].retry_until_ms == sim->sagas[saga].submit_ms + SIM_WINDOW_MS;
}

/* The truth, durable when it was said, and nothing else before or after. */
static void check_decision(struct sim *sim, const struct sim_saga_facts *f,
			   const struct sim_answer *a, uint32_t saga)
{
	const bool commit = a->decision == WIRE_DECISION_COMMIT || a->state == WIRE_STATE_FINISHING;
	const bool abort = a->decision == WIRE_DECISION_ABORT || a->state == WIRE_STATE_UNDOING;
	/* What is forgotten can be cancelled again: that is not about the one before. */
	const bool never = sim_by(f->tombstone_ms, a->at_ms) || sim_by(f->refused_ms, a->at_ms);
	const bool completed =
		f->final_state == WIRE_STATE_COMPLETED && sim_by(f->finished_ms, a->at_ms);

	if (commit && !sim_by(f->commit_ms, a->at_ms) && !completed)
		sim_fail(sim, false,
			 "invariants 11, 14: node %u tells request %u at %" PRIu64
			 " that saga %u is committed, and it is not",
			 a->node, a->request, a->at_ms - SIM_START_MS, saga);
	if (abort && !sim_by(f->decision_ms, a->at_ms) && !never)
		sim_fail(sim, false,
			 "invariants 11, 14: node %u tells request %u at %" PRIu64
			 " that saga %u is aborted, and it is not",
			 a->node, a->request, a->at_ms - SIM_START_MS, saga);
	if (wire_state_final(a->state) && a->state != WIRE_STATE_CANCELLED &&
	    a->heuristics != f->heuristics)
		sim_fail(sim, false,
			 "invariant 38: saga %u is said to have %u heuristic branches of %u", saga,
			 a->heuristics, f->heuristics);
}

static void check_cancel_answer(struct sim *sim, const struct sim_saga_facts *f,
				const struct sim_answer *a, uint32_t saga)
{
	if (a->code == 0 && !sim_by(f->tombstone_ms, a->at_ms) && !sim_by(f->decision_ms, a->at_ms))
		sim_fail(sim, false, "S10: the cancel of saga %u left no record", saga);
	if (a->code == err_to_wire(SAGA_E_TOO_LATE)) {
		sim->count.late_cancels++;
		if (!sim_by(f->commit_ms, a->at_ms) && !sim_by(f->finished_ms, a->at_ms))
			sim_fail(sim, false, "S4: the cancel of saga %u was not too late", saga);
	}
	sim->count.pending_cancels += a->code == err_to_wire(SAGA_E_PENDING);
	sim->count.cancels += a->code == 0;
}

static void check_branch_answer(struct sim *sim, const struct sim_saga_facts *f,
				const struct sim_answer *a, const struct sim_request *r)
{
	const bool over = sim_by(f->closed_ms, a->at_ms) || sim_by(f->decision_ms, a->at_ms) ||
			  sim_by(f->tombstone_ms, a->at_ms) || sim_by(f->refused_ms, a->at_ms);

	if (r->kind == SIM_INQUIRE) {
		sim->count.inquiries++;
		sim->count.inquired_commits += a->decision == WIRE_DECISION_COMMIT;
		sim->count.inquired_aborts += a->decision == WIRE_DECISION_ABORT;
	}
	if (r->kind == SIM_ENLIST && a->code == err_to_wire(SAGA_E_CLOSED)) {
		sim->count.enlists_refused++;
		if (!over && sim_interactive(&sim->sagas[r->saga]))
			sim_fail(sim, false, "S9: saga %u is said to be closed, and is not",
				 r->saga);
	}
	if (r->kind == SIM_ENLIST_OTHER) {
		sim->count.enlists_other += a->code == err_to_wire(SAGA_E_CONFLICT);
		if (a->code == 0)
			sim_fail(sim, false, "S9: step %u of saga %u is enlisted as another",
				 r->step, r->saga);
	}
	if (r->kind == SIM_ENLIST && a->code == 0 &&
	    !sim_by(f->steps[r->step].enlisted_ms, a->at_ms))
		sim_fail(sim, false,
			 "S9: node %u says at %" PRIu64
			 " that step %u of saga %u is enlisted, and it is not",
			 a->node, a->at_ms - SIM_START_MS, r->step, r->saga);
	sim->count.branch_sets_refused += a->code == err_to_wire(SAGA_E_BRANCHES);
	if (r->kind == SIM_COMMIT && a->code == 0 && a->decision != WIRE_DECISION_ABORT &&
	    !sim_by(f->closed_ms, a->at_ms))
		sim_fail(sim, false, "S9: the commit of saga %u left no record", r->saga);
}

/* Whoever waits for the decision is told it when it is durable, not when all is over. */
static void check_decided(struct sim *sim, const struct sim_history *h, uint32_t number)
{
	const struct sim_answer *a = &sim->answers[number];
	const struct sim_request *r = &sim->requests[a->request];
	const struct sim_saga_facts *f = &h->sagas[r->saga];
	bool waited = false;

	if (a->code != 0 || a->decision == WIRE_DECISION_NONE)
		return;
	for (uint32_t i = number; i > 0; i--) {
		const struct sim_answer *before = &sim->answers[i - 1];

		if (before->request != a->request || before->node != a->node ||
		    before->epoch != a->epoch || before->code != 0)
			continue;
		if (before->decision != WIRE_DECISION_NONE)
			return;
		waited = true;
	}
	sim->count.told_decided += waited && !wire_state_final(a->state);
	if (waited && wire_state_final(a->state) && f->finished_ms != f->commit_ms &&
	    f->finished_ms != f->decision_ms && (f->commit_ms != 0 || f->decision_ms != 0))
		sim_fail(sim, false,
			 "until: node %u tells request %u the decision about saga %u at %" PRIu64
			 " only, when all is over",
			 a->node, a->request, r->saga, a->at_ms - SIM_START_MS);
}

static bool until_decided(const struct sim *sim, const struct sim_request *r)
{
	const struct sim_saga *saga = &sim->sagas[r->saga];

	return r->kind == SIM_WAIT_DECIDED || ((r->kind == SIM_SUBMIT || r->kind == SIM_COMMIT) &&
					       saga->wait && saga->until_decided);
}

/* ---- all of them
 * ---------------------------------------------------------------------------------
 */

/* S2. A plain status may be old: it carries (epoch, record). */
static void check_absence(struct sim *sim, const struct sim_saga_facts *f,
			  const struct sim_answer *a, const struct sim_request *r)
{
	if (r->kind == SIM_QUERY || a->code != err_to_wire(SAGA_E_NOT_FOUND) ||
	    !in_window(sim, r->saga))
		return;
	if (sim_by(f->accepted_ms, r->sent_ms - 1) || sim_by(f->tombstone_ms, r->sent_ms - 1))
		sim_fail(sim, false,
			 "S2: node %u told request %u at %" PRIu64 " that there is no saga %u",
			 a->node, a->request, a->at_ms - SIM_START_MS, r->saga);
}

/* Invariant 38: as long as it is remembered. */
static void check_list(struct sim *sim, const struct sim_history *h)
{
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		const struct sim_saga *saga = &sim->sagas[i];

		sim->count.listed += sim->listed[i];
		if (sim->list_told[saga->shard] && in_window(sim, i) &&
		    (h->sagas[i].heuristics > 0) != sim->listed[i])
			sim_fail(sim, false,
				 "invariant 38: saga %u with %u heuristic branches is%s listed", i,
				 h->sagas[i].heuristics, sim->listed[i] ? "" : " not");
	}
}

void sim_check_answers(struct sim *sim, const struct sim_history *h)
{
	for (uint32_t i = 0; i < sim->answer_count; i++) {
		const struct sim_answer *a = &sim->answers[i];
		const struct sim_request *r = &sim->requests[a->request];
		const struct sim_saga_facts *f = &h->sagas[r->saga];

		check_gate(sim, h, a);
		check_final(sim, f, a, r->saga);
		check_decision(sim, f, a, r->saga);
		check_absence(sim, f, a, r);
		sim->count.busy += a->code == err_to_wire(SAGA_E_BUSY);
		if (r->kind == SIM_SUBMIT || r->kind == SIM_CONFLICT)
			check_submit_answer(sim, f, a, r);
		else if (r->kind == SIM_CANCEL)
			check_cancel_answer(sim, f, a, r->saga);
		else if (r->kind >= SIM_ENLIST)
			check_branch_answer(sim, f, a, r);
		if (until_decided(sim, r))
			check_decided(sim, h, i);
	}
	check_list(sim, h);
}
