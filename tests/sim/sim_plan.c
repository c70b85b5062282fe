/* What a transaction is, drawn from the seed: graphs with diamonds, a pivot and what is behind it,
 * votes, a last resource, steps of several kinds, or nothing yet but a beginning. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/sim/sim.h"
#include "wire/plan.h"

static const char *const STEP_NAMES[SIM_STEPS] = {"a", "b", "c", "d", "e", "f"};
static const char *const SERVICE_NAMES[SIM_SERVICES_MAX] = {"s0", "s1", "s2", "s3",
							    "s4", "s5", "s6", "s7"};

bool sim_step_from(struct slice name, uint32_t *step)
{
	for (uint32_t i = 0; i < SIM_STEPS; i++)
		if (slice_equal(name, slice_str(STEP_NAMES[i]))) {
			*step = i;
			return true;
		}
	return false;
}

struct slice sim_step_name(uint32_t step)
{
	return slice_str(STEP_NAMES[step]);
}

void sim_output_text(uint32_t saga, uint32_t step, char text[32])
{
	(void)snprintf(text, 32, "{\"v\":%u}", saga * 10 + step);
}

/* ---- drawing ----------------------------------------------------------------------------------
 */

static uint64_t draw(struct sim *sim, uint64_t bound)
{
	return sim_draw(sim, SIM_KIND, bound);
}

static uint32_t bit(uint32_t step)
{
	return UINT32_C(1) << step;
}

static void draw_graph(struct sim *sim, struct sim_saga *saga)
{
	const uint64_t shape = draw(sim, 4); /* dense, sparse, side by side, diamonds */

	for (uint32_t i = 1; i < saga->step_count; i++) {
		struct sim_step_plan *step = &saga->steps[i];

		step->after = 0;
		for (uint32_t k = 0; k < i; k++)
			if ((shape == 0 && draw(sim, 3) > 0) || (shape == 1 && draw(sim, 3) == 0))
				step->after |= bit(k);
		if (shape == 3)
			step->after = i % 3 == 0 ? bit(i - 1) | bit(i - 2) : bit(i - i % 3);
	}
}

/* By what is written, and by the retriable steps, which come behind the pivot. */
static bool behind(const struct sim_saga *saga, uint32_t pivot, uint32_t step)
{
	uint32_t found = bit(pivot);

	for (uint32_t i = pivot + 1; i <= step; i++)
		if ((saga->steps[i].after & found) != 0 ||
		    (i < step && saga->steps[i].class == HISTORY_RETRIABLE))
			found |= bit(i);
	return (found & bit(step)) != 0;
}

static void draw_optional(struct sim *sim, struct sim_step_plan *step)
{
	step->class = HISTORY_OPTIONAL;
	step->has_undo = draw(sim, 2) == 0;
}

static void draw_pivot(struct sim *sim, struct sim_saga *saga, uint32_t pivot)
{
	saga->steps[pivot].class = HISTORY_PIVOT;
	saga->steps[pivot].has_undo = false;
	for (uint32_t i = pivot + 1; i < saga->step_count; i++) {
		struct sim_step_plan *step = &saga->steps[i];
		const bool must = behind(saga, pivot, i);

		if (!must && (step->kind != WIRE_PROTOCOL_SAGA || draw(sim, 3) > 0))
			continue;
		step->kind = WIRE_PROTOCOL_SAGA;
		step->class = HISTORY_RETRIABLE;
		step->has_undo = step->one_phase = false;
		if (must && draw(sim, 3) == 0)
			draw_optional(sim, step);
	}
}

static void draw_kind(struct sim *sim, struct sim_saga *saga, struct sim_step_plan *step)
{
	step->kind = saga->protocol;
	if (saga->protocol == WIRE_PROTOCOL_MIXED)
		step->kind = WIRE_PROTOCOL_SAGA + (uint32_t)draw(sim, 3);
	step->class = step->kind == WIRE_PROTOCOL_SAGA ? HISTORY_ACTION : HISTORY_VOTE;
	step->has_undo = step->class == HISTORY_VOTE || draw(sim, 6) > 0;
	step->one_phase = step->kind == WIRE_PROTOCOL_2PC && draw(sim, 2) == 0;
	if (step->class == HISTORY_ACTION && draw(sim, 6) == 0)
		draw_optional(sim, step);
}

/* The last resource of 2PC has nobody behind it; a saga's pivot may have. */
static void draw_no_return(struct sim *sim, struct sim_saga *saga)
{
	uint32_t pivot = (uint32_t)draw(sim, saga->step_count);

	if (draw(sim, 2) == 0 || saga->protocol == WIRE_PROTOCOL_TCC || sim_interactive(saga))
		return;
	if (saga->protocol == WIRE_PROTOCOL_2PC)
		pivot = saga->step_count - 1;
	if (saga->protocol == WIRE_PROTOCOL_2PC && pivot == 0)
		return;
	if (saga->steps[pivot].kind == WIRE_PROTOCOL_TCC)
		saga->steps[pivot].kind = WIRE_PROTOCOL_SAGA;
	saga->steps[pivot].one_phase = false;
	draw_pivot(sim, saga, pivot);
}

static void draw_protocol(struct sim *sim, struct sim_saga *saga)
{
	const uint64_t kind = draw(sim, 20);

	saga->protocol = kind < 9    ? WIRE_PROTOCOL_SAGA
			 : kind < 11 ? WIRE_PROTOCOL_TCC
			 : kind < 14 ? WIRE_PROTOCOL_2PC
			 : kind < 16 ? WIRE_PROTOCOL_MIXED
			 : kind < 18 ? WIRE_PROTOCOL_2PC
				     : WIRE_PROTOCOL_TCC;
	saga->idle_ms = kind >= 16 ? 700 + (uint32_t)draw(sim, 3000) : 0;
}

/* Money moves only where a saga that ends leaves everything or nothing of it. */
static bool moves_money(const struct sim_step_plan *step)
{
	return !step->late && step->class != HISTORY_OPTIONAL &&
	       (step->has_undo || step->class == HISTORY_PIVOT || step->class == HISTORY_RETRIABLE);
}

void sim_amounts_draw(struct sim *sim, struct sim_saga *saga)
{
	struct sim_step_plan *last = NULL;
	int64_t sum = 0;

	/* A careless client commits whatever part of it is there. */
	if (sim_draw(sim, SIM_BANK, 3) == 0 || saga->careless)
		return;
	for (uint32_t i = 0; i < saga->step_count; i++) {
		struct sim_step_plan *step = &saga->steps[i];

		if (!moves_money(step))
			continue;
		step->amount = 1 + (int64_t)sim_draw(sim, SIM_BANK, 100);
		if (sim_draw(sim, SIM_BANK, 2) == 0)
			step->amount = -step->amount;
		sum += step->amount;
		last = step;
	}
	if (last == NULL)
		return;
	last->amount -= sum;
	sim->count.transfers += last->amount != 0;
}

void sim_plan_draw(struct sim *sim, struct sim_saga *saga)
{
	draw_protocol(sim, saga);
	saga->step_count = 1 + (uint32_t)draw(sim, SIM_STEPS);
	if (saga->protocol == WIRE_PROTOCOL_2PC && draw(sim, 3) == 0)
		saga->step_count = 1;
	for (uint32_t i = 0; i < saga->step_count; i++) {
		struct sim_step_plan *step = &saga->steps[i];

		step->service = (uint32_t)sim_draw(sim, SIM_PLAN, sim->service_count);
		step->direct = sim->services[step->service].direct;
		draw_kind(sim, saga, step);
		step->asks = draw(sim, 3) == 0;
		step->timeout_ms = draw(sim, 2) == 0 ? 1000 : 200;
		step->attempts = draw(sim, 3) == 0 ? 1 : 3;
		step->budget_ms = draw(sim, 6) == 0 ? 100 + (uint32_t)draw(sim, 2000) : 0;
		step->by_participant = draw(sim, 2) == 0;
	}
	if (!sim_interactive(saga))
		draw_graph(sim, saga);
	draw_no_return(sim, saga);
}

/* ---- the wire's form ----------------------------------------------------------------------------
 */

/* Of a step that waits for another by what is written; else it gets the saga's. */
static bool picks(const struct sim_saga *saga, uint32_t step)
{
	return !sim_interactive(saga) && saga->steps[step].after != 0;
}

void sim_input_text(const struct sim_saga *saga, uint32_t step, const char *x, const char *p,
		    char text[96])
{
	text[0] = '\0';
	if (picks(saga, step))
		(void)snprintf(text, 96, "{\"x\":%s,\"p\":%s}", x, p);
}

static uint32_t flags_of(const struct sim_step_plan *step)
{
	switch (step->class) {
	case HISTORY_OPTIONAL:
		return WIRE_STEP_OPTIONAL;
	case HISTORY_PIVOT:
		return WIRE_STEP_PIVOT;
	case HISTORY_RETRIABLE:
		return WIRE_STEP_RETRIABLE;
	case HISTORY_ACTION:
	case HISTORY_VOTE:
		break;
	}
	return 0;
}

/* With a service away, impatient sagas: an attempt is over long before the stream forgets its
 * command (S14). */
void sim_step_fill(const struct sim *sim, const struct sim_saga *saga, uint32_t step,
		   struct wire_step *out)
{
	const struct sim_step_plan *from = &saga->steps[step];
	const bool votes = from->class == HISTORY_VOTE;

	*out = (struct wire_step){
		.name = slice_str(STEP_NAMES[step]),
		.service = slice_str(SERVICE_NAMES[from->service]),
		.delivery = from->direct ? WIRE_DELIVERY_DIRECT : WIRE_DELIVERY_DURABLE,
		.forward = slice_str("do"),
		.finish = votes ? slice_str("finish") : slice_of(NULL, 0),
		.undo = from->has_undo ? slice_str("undo") : slice_of(NULL, 0),
		.one_phase = from->one_phase ? slice_str("one") : slice_of(NULL, 0),
		.attempt_timeout_ms = sim->outage ? 100 : from->timeout_ms,
		.retry = {100, 200, 1000, 20, from->attempts},
		.undo_retry = {100, 200, 1000, 20, 4},
		.budget_ms = from->budget_ms,
		.flags = flags_of(from),
		.kind = saga->protocol == WIRE_PROTOCOL_MIXED ? from->kind : 0,
	};
}

static void fill_step(const struct sim *sim, const struct sim_saga *saga,
		      struct sim_plan_memory *memory, uint32_t step)
{
	const struct sim_step_plan *from = &saga->steps[step];
	uint32_t count = 0;
	char pick[40];

	sim_step_fill(sim, saga, step, &memory->steps[step]);
	for (uint32_t k = 0; k < step; k++)
		if (from->after & bit(k))
			memory->after[step][count++] = (uint8_t)k;
	memory->steps[step].after = slice_of(memory->after[step], count);
	if (count == 0)
		return;
	(void)snprintf(pick, sizeof pick, "\"$.steps.%s.output.v\"",
		       STEP_NAMES[memory->after[step][0]]);
	sim_input_text(saga, step, "\"$.input.x\"", pick, memory->input[step]);
	memory->steps[step].input = slice_str(memory->input[step]);
}

void sim_plan_fill(const struct sim *sim, const struct sim_saga *saga,
		   struct sim_plan_memory *memory, struct wire_plan *plan)
{
	const uint32_t count = sim_interactive(saga) ? 0 : saga->step_count;

	for (uint32_t i = 0; i < count; i++)
		fill_step(sim, saga, memory, i);
	*plan = (struct wire_plan){.name = slice_str("plan"),
				   .version = 1,
				   .protocol = saga->protocol,
				   .deadline_ms = saga->deadline_ms,
				   .idle_ms = saga->idle_ms,
				   .steps = memory->steps,
				   .step_count = count};
	wire_plan_resolve(plan);
	CHECK_EQ(wire_plan_check(plan, NULL), 0);
}
