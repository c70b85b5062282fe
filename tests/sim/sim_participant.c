/* What participants ask owners: to be enlisted (A4), and what was decided when they are in doubt
 * (S2). What they are told they act on. */
#include "base/check.h"
#include "tests/sim/sim.h"

enum { RETRY_MS = 400, DOUBT_MS = 600 };

/* Nothing is done while the service is away; what it knows survives. */
static bool away(struct sim *sim, struct sim_event *e, sim_run run)
{
	const struct sim_service *service = &sim->services[sim->sagas[e->a].steps[e->b].service];
	struct sim_event *later;

	if (service->down_until_ms <= sim->now_ms)
		return false;
	later = sim_at(sim, service->down_until_ms, SIM_WORLD, run);
	later->a = e->a;
	later->b = e->b;
	return true;
}

static void again(struct sim *sim, const struct sim_event *e, uint64_t wait_ms, sim_run run)
{
	struct sim_event *next = sim_at(
		sim, sim->now_ms + wait_ms + sim_draw(sim, SIM_BRANCHES, wait_ms), SIM_WORLD, run);

	next->a = e->a;
	next->b = e->b;
}

/* ---- enlisting
 * ------------------------------------------------------------------------------------
 */

static void enlist(struct sim *sim, struct sim_event *e)
{
	const struct sim_step_plan *step = &sim->sagas[e->a].steps[e->b];

	if (step->enlisted != SIM_BRANCH_NEW || away(sim, e, enlist))
		return;
	(void)sim_ask(sim, HISTORY_ENLIST, (uint32_t)e->a, (uint32_t)e->b, true);
	again(sim, e, RETRY_MS, enlist);
}

void sim_participant_enlist(struct sim *sim, uint32_t saga, uint32_t step)
{
	struct sim_event *e = sim_at(sim, sim->now_ms, SIM_WORLD, enlist);

	e->a = saga;
	e->b = step;
}

/* The first definite answer stands. Refused: it rolls back by itself (row 42). */
static void enlisted(struct sim *sim, const struct history_request *r, uint32_t code)
{
	struct sim_step_plan *step = &sim->sagas[r->saga].steps[r->step];

	if (step->enlisted != SIM_BRANCH_NEW || code == err_to_wire(SAGA_E_BUSY) ||
	    code == err_to_wire(SAGA_E_NOT_OWNER))
		return;
	step->enlisted = code == 0 ? SIM_BRANCH_CONFIRMED : SIM_BRANCH_REFUSED;
	if (code != 0)
		sim_bank_decide(sim, r->saga, r->step, false);
	else if (sim_draw(sim, SIM_BRANCHES, 12) > 0)
		sim_interactive_told(sim, r->saga, r->step, true);
}

/* ---- in doubt
 * -------------------------------------------------------------------------------------
 */

static void doubt(struct sim *sim, struct sim_event *e)
{
	if (!sim_bank_in_doubt(sim, (uint32_t)e->a, (uint32_t)e->b) || away(sim, e, doubt))
		return;
	(void)sim_ask(sim, HISTORY_INQUIRE, (uint32_t)e->a, (uint32_t)e->b, true);
	again(sim, e, DOUBT_MS, doubt);
}

void sim_participant_doubt(struct sim *sim, uint32_t saga, uint32_t step)
{
	const struct sim_event e = {.a = saga, .b = step};

	again(sim, &e, DOUBT_MS, doubt);
}

static void decided(struct sim *sim, const struct history_request *r, const struct wire_answer *a)
{
	const bool voted = sim_bank_voted(sim, r->saga, r->step);

	if (a->code == err_to_wire(SAGA_E_CLOSED)) { /* it is no branch, and never will be */
		sim_bank_decide(sim, r->saga, r->step, false);
		return;
	}
	if (a->code != 0 || a->decision == WIRE_DECISION_NONE)
		return;
	/* What has not voted is no part of what was committed. */
	sim_bank_decide(sim, r->saga, r->step, a->decision == WIRE_DECISION_COMMIT && voted);
}

void sim_participant_hear(struct sim *sim, uint32_t request, struct slice data)
{
	struct history_request *r = &sim->history.requests[request];
	struct wire_answer answer;
	struct arena arena;

	CHECK_LT(request, sim->history.request_count);
	CHECK(r->by_participant);
	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_EQ(wire_decode(WIRE_ANSWER, data, &arena, &answer, NULL), 0);
	r->answered = true;
	if (r->kind == HISTORY_ENLIST)
		enlisted(sim, r, answer.code);
	else
		decided(sim, r, &answer);
}

/* Whoever has worked has been told what becomes of it. */
bool sim_participants_done(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->saga_count; i++)
		for (uint32_t k = 0; k < sim->sagas[i].step_count; k++)
			if (!sim->sagas[i].excused &&
			    !sim->services[sim->sagas[i].steps[k].service].person.liar &&
			    sim_bank_in_doubt(sim, i, k))
				return false;
	return true;
}
