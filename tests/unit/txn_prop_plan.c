/* Random plans of every kind, and what they ask for. */
#include <stdio.h>

#include "base/check.h"
#include "tests/unit/txn_prop.h"
#include "wire/record.h"

#define BIT(step) (1U << (step))

uint64_t prop_below(uint64_t bound)
{
	return bound == 0 ? 0 : prng_next(&prop.random) % bound;
}

bool prop_chance(uint32_t percent)
{
	return prop_below(100) < percent;
}

bool prop_trouble(uint32_t weight)
{
	return prop_below(10000) < (uint64_t)weight * prop.trouble_percent;
}

/* ---- edges: made here once more, not taken from wire_plan_edges ----------------------------- */

static void close_over(const uint32_t *after, uint32_t *before)
{
	for (uint32_t i = 0; i < prop.count; i++)
		before[i] = after[i];
	for (uint32_t round = 0; round < prop.count; round++)
		for (uint32_t i = 0; i < prop.count; i++)
			for (uint32_t j = 0; j < prop.count; j++)
				if (before[i] & BIT(j))
					before[i] |= before[j];
}

static void edges(void)
{
	uint32_t *after = prop.after, *before = prop.before;

	memset(prop.behind, 0, sizeof prop.behind);
	memset(prop.after, 0, sizeof prop.after);
	prop.pivot = PROP_STEPS;
	for (uint32_t i = 0; i < prop.count; i++) {
		for (uint32_t j = 0; j < prop.steps[i].after.size; j++)
			after[i] |= BIT(prop.steps[i].after.data[j]);
		if (prop.steps[i].flags & WIRE_STEP_PIVOT)
			prop.pivot = i;
	}
	for (uint32_t i = 0; i < prop.count; i++)
		if (prop.steps[i].flags & WIRE_STEP_RETRIABLE && prop.pivot < PROP_STEPS)
			after[i] |= BIT(prop.pivot);
	close_over(after, before);
	/* S4: whatever is not behind the point of no return comes before it. */
	for (uint32_t i = 0; i < prop.count && prop.pivot < PROP_STEPS; i++)
		if (i != prop.pivot && !(before[i] & BIT(prop.pivot)))
			after[prop.pivot] |= BIT(i);
	close_over(after, before);
	for (uint32_t i = 0; i < prop.count; i++)
		for (uint32_t j = 0; j < prop.count; j++)
			if (before[i] & BIT(j))
				prop.behind[j] |= BIT(i);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static struct wire_retry retry_random(void)
{
	return (struct wire_retry){
		.initial_ms = 50U << prop_below(3),
		.factor_percent = prop_chance(70) ? 200 : 100,
		.cap_ms = 600,
		.jitter_percent = prop_chance(50) ? 20 : 0,
		.attempts = 1 + (uint32_t)prop_below(3),
	};
}

static void operations_of(struct wire_step *step, uint32_t kind)
{
	static const uint32_t alone = WIRE_STEP_PIVOT | WIRE_STEP_RETRIABLE;

	step->forward = slice_str("do");
	step->finish = step->undo = step->one_phase = (struct slice){0};
	if (step->flags & alone)
		return;
	if (kind == WIRE_PROTOCOL_SAGA) {
		if (prop_chance(80))
			step->undo = slice_str("undo");
		return;
	}
	step->finish = slice_str("fin");
	step->undo = slice_str("undo");
	if (kind == WIRE_PROTOCOL_2PC && prop_chance(prop.count == 1    ? 80
						     : prop.interactive ? 50
									: 20))
		step->one_phase = slice_str("once");
}

static void step_random(uint32_t i, uint32_t sharing)
{
	static const char *const names[PROP_STEPS] = {"a", "b", "c", "d", "e", "f"};
	static const char *const services[PROP_STEPS] = {"s0", "s1", "s2", "s3", "s4", "s5"};
	struct wire_step *step = &prop.steps[i];
	const uint32_t service = i / sharing;

	*step = (struct wire_step){
		.name = slice_str(names[i]),
		.service = slice_str(services[service]),
		.attempt_timeout_ms = 100U << prop_below(4),
		.delivery = (prop.seed >> service & 1) != 0 ? WIRE_DELIVERY_DIRECT
							    : WIRE_DELIVERY_DURABLE,
		.retry = retry_random(),
		.undo_retry = retry_random(),
	};
	if (prop_chance(20))
		step->budget_ms = 200 + (uint32_t)prop_below(2000);
	if (prop.plan.protocol == WIRE_PROTOCOL_MIXED)
		step->kind = 1 + (uint32_t)prop_below(3);
}

/* Steps in a random order, each after some of those before it. */
static void graph_random(void)
{
	const uint32_t dense = (uint32_t)prop_below(3) * 45;
	uint32_t place[PROP_STEPS];

	for (uint32_t i = 0; i < prop.count; i++) {
		const uint32_t other = (uint32_t)prop_below(i + 1);

		place[i] = place[other];
		place[other] = i;
	}
	for (uint32_t i = 0; i < prop.count; i++) {
		uint32_t size = 0;

		for (uint32_t j = 0; j < prop.count; j++)
			if (place[j] < place[i] && prop_chance(dense))
				prop.after_bytes[i][size++] = (uint8_t)j;
		prop.steps[i].after = slice_of(prop.after_bytes[i], size);
	}
}

static void flags_random(void)
{
	const bool saga = prop.plan.protocol == WIRE_PROTOCOL_SAGA ||
			  prop.plan.protocol == WIRE_PROTOCOL_MIXED;
	const bool votes = prop.plan.protocol == WIRE_PROTOCOL_2PC;
	const uint32_t pivot =
		prop_chance(saga ? 50 : 25) ? (uint32_t)prop_below(prop.count) : PROP_STEPS;

	if (pivot < PROP_STEPS && (saga || votes)) {
		struct wire_step *step = &prop.steps[pivot];

		step->flags = WIRE_STEP_PIVOT;
		if (step->kind == WIRE_PROTOCOL_TCC)
			step->kind = WIRE_PROTOCOL_SAGA;
	}
	edges();
	for (uint32_t i = 0; i < prop.count && saga; i++) {
		struct wire_step *step = &prop.steps[i];
		const bool late = prop.pivot < PROP_STEPS && prop.before[i] & BIT(prop.pivot);

		if (i == prop.pivot)
			continue;
		if (late && step->kind != 0)
			step->kind = WIRE_PROTOCOL_SAGA;
		if (prop_kind(i) != WIRE_PROTOCOL_SAGA)
			continue;
		if (late)
			step->flags = prop_chance(70) ? WIRE_STEP_RETRIABLE : WIRE_STEP_OPTIONAL;
		else if (prop_chance(25))
			step->flags = WIRE_STEP_OPTIONAL;
		else if (prop.pivot < PROP_STEPS && prop_chance(10))
			step->flags = WIRE_STEP_RETRIABLE;
	}
}

/* What the template of a step picks. */
enum { PICK_NOTHING, PICK_INPUT, PICK_OUTPUT, PICK_MUCH = PICK_OUTPUT + PROP_STEPS };

static uint32_t picks_from(uint32_t picks)
{
	return (picks - PICK_OUTPUT) % PROP_STEPS;
}

static uint32_t write_template(uint32_t picks, char *text, size_t size)
{
	const char from = (char)('a' + picks_from(picks));
	uint32_t used;

	if (picks == PICK_INPUT)
		return (uint32_t)snprintf(text, size, "{\"n\":\"$.input.n\",\"k\":\"$$x\"}");
	if (picks < PICK_MUCH)
		return (uint32_t)snprintf(text, size,
					  "{\"v\":\"$.steps.%c.output.v\",\"id\":"
					  "\"$.input.who.id\",\"gone\":\"$.input.zip\"}",
					  from);
	used = 0;
	for (uint32_t i = 0; i < PROP_BIG_PICKS; i++)
		used += (uint32_t)snprintf(text + used, size - used, "%c\"$.steps.%c.output.p\"",
					   i == 0 ? '[' : ',', from);
	return used + (uint32_t)snprintf(text + used, size - used, "]");
}

static void inputs_random(void)
{
	static char texts[PROP_STEPS][32 * PROP_BIG_PICKS];

	for (uint32_t i = 0; i < prop.count; i++) {
		const uint32_t behind = (uint32_t)prop_below(prop.count);
		uint32_t *picks = &prop.templates[i];

		*picks = prop_chance(10) ? PICK_MUCH : (uint32_t)prop_below(3);
		if (*picks >= PICK_OUTPUT && !(prop.before[i] & BIT(behind)))
			*picks = PICK_INPUT;
		if (*picks >= PICK_OUTPUT)
			*picks += behind;
		if (*picks != PICK_NOTHING)
			prop.steps[i].input = slice_of(
				texts[i], write_template(*picks, texts[i], sizeof texts[i]));
	}
}

bool prop_picks(uint32_t step)
{
	return prop.templates[step] >= PICK_OUTPUT;
}

/* Nothing is picked from what did not happen, or was not kept. */
static uint32_t output_known(uint32_t step)
{
	const struct prop_step *s = &prop.s[step];
	const bool ok = s->result[WIRE_OP_FORWARD] == WIRE_EVENT_OK ||
			s->result[WIRE_OP_SETTLE] == WIRE_EVENT_OK;

	return ok && !s->output_dropped ? s->output : PROP_OUTPUT_NONE;
}

bool prop_input_too_large(uint32_t step)
{
	const uint32_t picks = prop.templates[step];

	return picks >= PICK_MUCH && output_known(picks_from(picks)) == PROP_OUTPUT_BIG;
}

uint32_t prop_input_of(uint32_t step, char *text)
{
	const uint32_t picks = prop.templates[step];
	uint32_t size = 0;

	if (prop.other_input)
		return (uint32_t)snprintf(text, PROP_INPUT_MAX, "{\"c\":1}");
	if (picks == PICK_NOTHING)
		return (uint32_t)snprintf(text, PROP_INPUT_MAX, "{\"n\":7,\"who\":{\"id\":\"x\"}}");
	if (picks == PICK_INPUT)
		return (uint32_t)snprintf(text, PROP_INPUT_MAX, "{\"n\":7,\"k\":\"$x\"}");
	if (picks < PICK_MUCH)
		return (uint32_t)snprintf(text, PROP_INPUT_MAX,
					  "{\"v\":%s,\"id\":\"x\",\"gone\":null}",
					  output_known(picks_from(picks)) ? "17" : "null");
	for (uint32_t i = 0; i < PROP_BIG_PICKS; i++)
		size += (uint32_t)snprintf(text + size, PROP_INPUT_MAX - size, "%cnull",
					   i == 0 ? '[' : ',');
	return size + (uint32_t)snprintf(text + size, PROP_INPUT_MAX - size, "]");
}

static void plan_try(void)
{
	static const uint32_t protocols[20] = {1, 1, 1, 1, 1, 1, 1, 1, 2, 2,
					       2, 2, 3, 3, 3, 3, 3, 4, 4, 4};
	static const uint32_t counts[12] = {1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6};
	const uint32_t sharing = 1 + (uint32_t)prop_below(2);

	prop.count = counts[prop_below(12)];
	prop.plan = (struct wire_plan){
		.name = slice_str("trip"),
		.version = 1,
		.protocol = protocols[prop_below(20)],
		.deadline_ms = prop_chance(25) ? 500 + (uint32_t)prop_below(3000) : 60000,
		.steps = prop.steps,
	};
	prop.interactive = (prop.plan.protocol == WIRE_PROTOCOL_TCC ||
			    prop.plan.protocol == WIRE_PROTOCOL_2PC) &&
			   prop_chance(40);
	memset(prop.templates, 0, sizeof prop.templates);
	for (uint32_t i = 0; i < prop.count; i++)
		step_random(i, sharing);
	if (!prop.interactive) {
		graph_random();
		flags_random();
	}
	edges();
	for (uint32_t i = 0; i < prop.count; i++)
		operations_of(&prop.steps[i], prop_kind(i));
	if (!prop.interactive)
		inputs_random();
}

void prop_plan_random(void)
{
	static char text[256];
	struct buf why;
	int error;

	for (uint32_t tries = 0;; tries++) {
		plan_try();
		buf_init_fixed(&why, text, sizeof text - 1);
		prop.plan.step_count = prop.count;
		error = wire_plan_check(&prop.plan, &why);
		if (error == 0)
			break;
		text[why.size] = '\0';
		PROP_REQUIRE(tries < 20, "no good plan: %s", text);
	}
	prop.one_phase = !prop.interactive && prop.count == 1 &&
			 prop_kind(0) == WIRE_PROTOCOL_2PC && prop.steps[0].one_phase.size > 0;
	if (prop.one_phase)
		prop.pivot = 0;
	if (prop.interactive) {
		prop.plan.step_count = 0;
		prop.plan.idle_ms = 500 + (uint32_t)prop_below(6000);
	} else {
		prop.order_count = prop.count;
		for (uint32_t i = 0; i < prop.count; i++)
			prop.order[i] = i;
	}
}
