#include "base/check.h"
#include "tests/sim/sim.h"

/* The first one is the cause, or next to it. */
static void tell(struct sim *sim)
{
	char text[sizeof sim->failure];

	if (sim->verdict.finding_count == 0)
		return;
	finding_text(&sim->verdict.findings[0], text, sizeof text);
	sim_fail(sim, sim->verdict.findings[0].liveness, "%s", text);
}

/* Everybody has given up publishing, and what is stored is recorded. */
static bool inbox_done(const struct sim *sim)
{
	bool done = !sim->inbox.missing && facts_unread_entries(sim->facts) == 0;

	for (uint32_t i = 0; i < sim->inbox.letter_count; i++)
		done &= sim->inbox.letters[i].ended || sim->inbox.letters[i].acknowledged;
	return done;
}

bool sim_all_final(struct sim *sim)
{
	facts_read(sim->facts);
	tell(sim);
	return facts_open(sim->facts) == 0 && inbox_done(sim) && sim_participants_done(sim);
}

/* Of whom nobody has told anything; saga_count = of nobody. */
static uint32_t unanswered(const struct sim *sim)
{
	const struct history *h = &sim->history;
	bool asked[SIM_SAGAS_MAX] = {0}, answered[SIM_SAGAS_MAX] = {0};

	for (uint32_t i = 0; i < h->request_count; i++) {
		const struct history_request *r = &h->requests[i];

		asked[r->saga] |= r->probe;
		answered[r->saga] |= r->probe && r->answered;
	}
	for (uint32_t i = 0; i < sim->saga_count; i++)
		if (asked[i] && !answered[i])
			return i;
	return sim->saga_count;
}

bool sim_probes_answered(const struct sim *sim)
{
	return unanswered(sim) == sim->saga_count;
}

static void check_probes(struct sim *sim)
{
	if (!sim_probes_answered(sim))
		sim_fail(sim, true, "nobody answers for saga %u after the healing",
			 unanswered(sim));
}

/* What shrinking has left is looked at for what it found, and shows little else. */
static bool shrunk(const struct sim_options *options)
{
	bool any = options->kept != NULL;

	for (uint32_t i = 0; i < sizeof options->mute / sizeof options->mute[0]; i++)
		any |= options->mute[i] != 0;
	return any;
}

void sim_check(struct sim *sim)
{
	sim_databases_read(sim);
	sim->history.end_ms = sim->now_ms;
	sim->history.parts |= HISTORY_END;
	judge_all(&sim->history, &sim->judging, sim->facts, &sim->verdict);
	tell(sim);
	if (sim->verdict.unseen_count > 0 && !shrunk(sim->options))
		sim_fail(sim, false, "%s", sim->verdict.unseen[0]);
	check_probes(sim);
#define X(name) sim->count.name = sim->verdict.count.name;
	JUDGE_COUNTERS(X)
#undef X
}
