/* What services are like. */
#include "tests/sim/sim_person.h"

#include <string.h>

#include "client/context.h"
#include "tests/sim/sim.h"

enum kind { USUAL, PROMPT, SLOW, SILENT, CRASHY, DUPLICATE, CONTRADICTORY, OVERLOADED, KINDS };

static uint32_t draw(struct sim *sim, uint32_t least, uint32_t most)
{
	return least + (uint32_t)sim_draw(sim, SIM_PERSON, most - least + 1);
}

static void draw_kind(struct sim *sim, struct sim_person *person)
{
	switch ((enum kind)sim_draw(sim, SIM_PERSON, KINDS)) {
	case PROMPT:
		*person = (struct sim_person){.prompt = true, .rejects = person->rejects};
		break;
	case SLOW:
		person->slow = draw(sim, 200, 900);
		break;
	case SILENT:
		person->silent = draw(sim, 100, 600);
		break;
	case CRASHY:
		person->crashes = draw(sim, 50, 300);
		break;
	case DUPLICATE:
		person->twice = draw(sim, 100, 1000);
		break;
	case CONTRADICTORY:
		person->contradicts = draw(sim, 100, 1000);
		break;
	case OVERLOADED:
		person->capacity = draw(sim, 1, 4);
		break;
	case USUAL:
	case KINDS:
		break;
	}
}

void sim_person_draw(struct sim *sim)
{
	sim->faults.store_fails =
		sim_draw(sim, SIM_STORE, 3) == 0 ? 1 + (uint32_t)sim_draw(sim, SIM_STORE, 20) : 0;
	for (uint32_t i = 0; i < sim->service_count; i++) {
		struct sim_person *person = &sim->services[i].person;

		*person = (struct sim_person){0};
		if (sim_draw(sim, SIM_PERSON, 2) == 0)
			person->rejects = draw(sim, 1, 250);
		if (sim_draw(sim, SIM_PERSON, 2) == 0)
			person->slow = draw(sim, 1, 200);
		draw_kind(sim, person);
		if (sim_draw(sim, SIM_PERSON, 40) == 0) {
			person->liar = true;
			person->lies = draw(sim, 50, 500);
		}
	}
}

void sim_person_heal(struct sim *sim)
{
	sim_databases_heal(sim);
	for (uint32_t i = 0; i < sim->service_count; i++)
		sim->services[i].person = (struct sim_person){.liar = sim->services[i].person.liar};
}

bool sim_person_lies(struct sim *sim, const struct sim_work *work, struct context_answer *answer)
{
	static const uint32_t outcomes[] = {WIRE_OUTCOME_OK,       WIRE_OUTCOME_OK,
					    WIRE_OUTCOME_REJECTED, WIRE_OUTCOME_READ_ONLY,
					    WIRE_OUTCOME_PARK,     WIRE_OUTCOME_HEURISTIC,
					    WIRE_OUTCOME_STALE,    WIRE_OUTCOME_RETRY};
	enum { OUTCOMES = sizeof outcomes / sizeof outcomes[0] };
	static const char *const outputs[] = {"", "{\"v\":7}", "{\"v\":", "no JSON"};

	if (!sim_chance(sim, SIM_PERSON, sim->services[work->service].person.lies))
		return false;
	sim->count.lies++;
	*answer = (struct context_answer){0};
	answer->outcome = outcomes[sim_draw(sim, SIM_PERSON, OUTCOMES)];
	answer->barrier = (uint32_t)sim_draw(sim, SIM_PERSON, WIRE_BARRIER_LATE_FORWARD + 1);
	answer->code = (uint32_t)sim_draw(sim, SIM_PERSON, 9000);
	answer->retry_after_ms = (uint32_t)sim_draw(sim, SIM_PERSON, 200);
	answer->output = slice_str(outputs[sim_draw(sim, SIM_PERSON, 4)]);
	return true;
}

bool sim_person_contradicts(struct sim *sim, uint32_t service, struct context_answer *answer)
{
	const uint32_t said = answer->outcome;

	if ((said != WIRE_OUTCOME_OK && said != WIRE_OUTCOME_REJECTED) ||
	    !sim_chance(sim, SIM_PERSON, sim->services[service].person.contradicts))
		return false;
	sim->count.contradictions++;
	*answer = (struct context_answer){.outcome = said == WIRE_OUTCOME_OK ? WIRE_OUTCOME_REJECTED
									     : WIRE_OUTCOME_OK};
	return true;
}
