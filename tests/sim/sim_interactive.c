/* Clients of interactive transactions (S9): they begin, have branches enlisted or enlist them, and
 * then commit, roll back or never come back. Some commit before they know all, and some branches
 * come when it is over. */
#include "base/check.h"
#include "tests/sim/sim.h"

enum { RETRY_MS = 300, WAITS_MAX = 12 };
enum finale { FINALE_COMMIT, FINALE_ROLLBACK, FINALE_VANISH };

static uint64_t draw(struct sim *sim, uint64_t bound)
{
	return sim_draw(sim, SIM_BRANCHES, bound);
}

static void at(struct sim *sim, uint64_t wait_ms, sim_run run, uint32_t saga, uint32_t step)
{
	struct sim_event *e = sim_at(sim, sim->now_ms + wait_ms, SIM_WORLD, run);

	e->a = saga;
	e->b = step;
}

/* ---- branches
 * ------------------------------------------------------------------------------------
 */

/* The client's own enlist, until somebody answers. */
static void enlist(struct sim *sim, struct sim_event *e)
{
	const struct sim_step_plan *step = &sim->sagas[e->a].steps[e->b];

	if (step->enlisted != SIM_BRANCH_NEW)
		return;
	(void)sim_ask(sim, HISTORY_ENLIST, (uint32_t)e->a, (uint32_t)e->b, false);
	at(sim, RETRY_MS + draw(sim, RETRY_MS), enlist, (uint32_t)e->a, (uint32_t)e->b);
}

/* The client calls the participant; calls may be lost, and then the client does not count it in. */
static void work(struct sim *sim, struct sim_event *e)
{
	const uint32_t saga = (uint32_t)e->a, step = (uint32_t)e->b;
	const struct sim_service *service = &sim->services[sim->sagas[saga].steps[step].service];
	const bool done = service->down_until_ms <= sim->now_ms && sim_bank_work(sim, saga, step);

	if (sim->sagas[saga].steps[step].by_participant) {
		if (done)
			sim_participant_enlist(sim, saga, step);
	} else if (done && draw(sim, 12) > 0) {
		sim_interactive_told(sim, saga, step, true);
	}
}

void sim_interactive_told(struct sim *sim, uint32_t saga, uint32_t step, bool good)
{
	struct sim_step_plan *s = &sim->sagas[saga].steps[step];

	s->told |= good && !sim->sagas[saga].ended;
}

static void begin_branch(struct sim *sim, uint32_t saga, uint32_t step, uint64_t wait_ms)
{
	const bool by_participant = sim->sagas[saga].steps[step].by_participant;

	at(sim, wait_ms, by_participant ? work : enlist, saga, step);
}

/* ---- the end
 * -------------------------------------------------------------------------------------
 */

/* Somebody else's idea of a branch that is enlisted: nothing comes of it. */
static void enlist_other(struct sim *sim, struct sim_event *e)
{
	if (sim->sagas[e->a].steps[e->b].enlisted == SIM_BRANCH_CONFIRMED)
		(void)sim_ask(sim, HISTORY_ENLIST_OTHER, (uint32_t)e->a, (uint32_t)e->b, false);
}

static void end_loop(struct sim *sim, struct sim_event *e)
{
	struct sim_saga *saga = &sim->sagas[e->a];
	const enum history_request_kind kind =
		saga->finale == FINALE_COMMIT ? HISTORY_COMMIT : HISTORY_CANCEL;

	if (saga->finale == FINALE_VANISH || e->c == WAITS_MAX)
		return;
	(void)sim_ask(sim, kind, (uint32_t)e->a, 0, false);
	struct sim_event *next =
		sim_at(sim, sim->now_ms + RETRY_MS + draw(sim, 2 * RETRY_MS), SIM_WORLD, end_loop);
	next->a = e->a;
	next->c = e->c + 1;
}

static bool all_told(const struct sim_saga *saga)
{
	for (uint32_t i = 0; i < saga->step_count; i++)
		if (!saga->steps[i].told && !saga->steps[i].late)
			return false;
	return true;
}

/* Some mean another set of as many branches. */
static void mistake(struct sim *sim, struct sim_saga *saga)
{
	const uint32_t meant = (uint32_t)draw(sim, saga->step_count);
	const uint32_t other = (uint32_t)draw(sim, saga->step_count);

	if (draw(sim, 4) > 0 || (saga->branch_set >> meant & 1) == 0 ||
	    (saga->branch_set >> other & 1) != 0)
		return;
	saga->branch_set ^= UINT32_C(1) << meant | UINT32_C(1) << other;
}

/* A client that cares waits for its branches, and rolls back without them. */
static void end(struct sim *sim, struct sim_event *e)
{
	struct sim_saga *saga = &sim->sagas[e->a];

	if (saga->finale == FINALE_COMMIT && !saga->careless && !all_told(saga)) {
		if (e->c < WAITS_MAX) {
			struct sim_event *next = sim_at(sim, sim->now_ms + 100, SIM_WORLD, end);

			next->a = e->a;
			next->c = e->c + 1;
			return;
		}
		saga->finale = FINALE_ROLLBACK;
	}
	saga->ended = true;
	for (uint32_t i = 0; i < saga->step_count; i++) {
		if (saga->steps[i].told)
			saga->branch_set |= UINT32_C(1) << i;
		if (saga->steps[i].late)
			begin_branch(sim, (uint32_t)e->a, i, draw(sim, 400));
	}
	mistake(sim, saga);
	at(sim, 0, end_loop, (uint32_t)e->a, 0);
}

void sim_interactive_begun(struct sim *sim, uint32_t number)
{
	struct sim_saga *saga = &sim->sagas[number];

	if (saga->begun || saga->mute)
		return;
	saga->begun = true;
	for (uint32_t i = 0; i < saga->step_count; i++)
		if (!saga->steps[i].late)
			begin_branch(sim, number, i, draw(sim, 300));
	at(sim, 50 + draw(sim, 1200), end, number, 0);
	if (draw(sim, 6) == 0) {
		const uint64_t wait_ms = draw(sim, 1500);

		at(sim, wait_ms, enlist_other, number, (uint32_t)draw(sim, saga->step_count));
	}
}

static bool definite(uint32_t code)
{
	return code != err_to_wire(SAGA_E_BUSY) && code != err_to_wire(SAGA_E_NOT_OWNER);
}

void sim_interactive_hear(struct sim *sim, const struct history_request *r, uint32_t code)
{
	struct sim_saga *saga = &sim->sagas[r->saga];
	struct sim_step_plan *step = &saga->steps[r->step];

	if (!definite(code))
		return;
	if (r->kind == HISTORY_COMMIT) {
		/* Whoever meant other branches than there are wants none of it. */
		if (code == err_to_wire(SAGA_E_BRANCHES))
			saga->finale = FINALE_ROLLBACK;
		else if (code == 0)
			saga->finale = FINALE_VANISH;
		return;
	}
	if (step->enlisted != SIM_BRANCH_NEW)
		return;
	step->enlisted = code == 0 ? SIM_BRANCH_CONFIRMED : SIM_BRANCH_REFUSED;
	if (code == 0)
		at(sim, draw(sim, 150), work, r->saga, r->step);
}

static void begin_impatiently(struct sim *sim, struct sim_event *e)
{
	sim_interactive_begun(sim, (uint32_t)e->a);
}

void sim_interactive_create(struct sim *sim, uint32_t number)
{
	struct sim_saga *saga = &sim->sagas[number];
	const uint64_t finale = draw(sim, 8);

	saga->finale = finale < 6 ? FINALE_COMMIT : finale == 6 ? FINALE_ROLLBACK : FINALE_VANISH;
	saga->careless = draw(sim, 6) == 0;
	for (uint32_t i = 1; i < saga->step_count; i++)
		saga->steps[i].late = draw(sim, 8) == 0;
	/* Some do not wait until it is begun. */
	if (draw(sim, 8) == 0)
		sim_at(sim, saga->submit_ms + draw(sim, 200), SIM_WORLD, begin_impatiently)->a =
			number;
}
