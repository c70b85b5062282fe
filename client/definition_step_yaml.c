/* The steps of a definition, and their order. */
#include <inttypes.h>
#include <stdio.h>

#include "base/near.h"
#include "client/definition_reader_yaml.h"
#include "wire/plan.h"

/* How a service is reached is one thing, not one for each step. */
static void check_delivery(struct reader *reader, uint32_t index)
{
	const struct definition_step_names *names = reader->definition->names;
	const struct wire_step *steps = reader->definition->steps;
	const yaml_node_t *node = reader->values[index][STEP_DELIVERY];

	for (uint32_t i = 0; i < index && names[index].service.size > 0; i++) {
		if (!id_equal(&names[i].service, &names[index].service) ||
		    steps[i].delivery == steps[index].delivery)
			continue;
		reader_problem(reader, node != NULL ? node : reader->steps[index],
			       node != NULL ? NULL : "delivery", PROBLEM_DELIVERY,
			       "delivery: step \"%s\" reaches service \"%s\" by %s delivery: a "
			       "service has one in a definition",
			       names[i].name.text, names[index].service.text,
			       steps[i].delivery == WIRE_DELIVERY_DIRECT ? "direct" : "durable");
		return;
	}
}

static void take_step_name(struct reader *reader, uint32_t index)
{
	struct definition_step_names *names = reader->definition->names;
	const yaml_node_t *node = reader->values[index][STEP_NAME];

	if (node == NULL)
		return;
	take_name(reader, node, "name", &names[index].name);
	for (uint32_t i = 0; i < index && names[index].name.size > 0; i++) {
		if (id_equal(&names[i].name, &names[index].name)) {
			reader_problem(reader, node, NULL, PROBLEM_DUPLICATE_STEP,
				       "name: step \"%s\" stands already in line %u",
				       names[i].name.text,
				       place_of(reader->values[i][STEP_NAME]).line);
			return;
		}
	}
}

static void take_numbers(struct reader *reader, uint32_t index)
{
	struct wire_step *step = &reader->definition->steps[index];
	const yaml_node_t *const *values = reader->values[index];

	take_duration(reader, values[STEP_TIMEOUT], "timeout", DEFINITION_TIMEOUT_MIN_MS,
		      DEFINITION_DAY_MS, "10ms to 1d", &step->attempt_timeout_ms);
	take_duration(reader, values[STEP_BUDGET], "budget", DEFINITION_TIMEOUT_MIN_MS,
		      DEFINITION_MONTH_MS, "10ms to 30d", &step->budget_ms);
	take_retry(reader, values[STEP_RETRY], "retry", &step->retry);
	take_retry(reader, values[STEP_UNDO_RETRY], "undo_retry", &step->undo_retry);
	take_delivery(reader, values[STEP_DELIVERY], &step->delivery);
}

static void keep_places(struct reader *reader, uint32_t index)
{
	reader->places->step[index] = place_of(reader->steps[index]);
	for (uint32_t key = 0; key < STEP_KEYS; key++)
		if (reader->values[index][key] != NULL)
			reader->places->keys[index][key] = place_of(reader->values[index][key]);
}

static void take_step(struct reader *reader, uint32_t index)
{
	struct definition_step_names *names = &reader->definition->names[index];
	struct wire_step *step = &reader->definition->steps[index];
	const yaml_node_t *keys[STEP_KEYS] = {NULL};
	char what[32];

	(void)snprintf(what, sizeof what, "step %" PRIu32, index + 1);
	step->attempt_timeout_ms = reader->timeout_ms;
	step->delivery = reader->delivery;
	step->retry = reader->retry;
	step->undo_retry = reader->undo_retry;
	if (!take_map(reader, reader->steps[index], what, definition_step_keys, STEP_KEYS,
		      reader->values[index], keys))
		return;
	keep_places(reader, index);
	for (uint32_t key = STEP_NAME; key <= STEP_SERVICE; key++)
		if (reader->values[index][key] == NULL)
			reader_problem(reader, reader->steps[index], definition_step_keys[key],
				       PROBLEM_MISSING_KEY, "%s has no %s", what,
				       definition_step_keys[key]);
	take_step_name(reader, index);
	take_name(reader, reader->values[index][STEP_SERVICE], "service", &names->service);
	take_kind(reader, index, keys);
	take_numbers(reader, index);
	check_delivery(reader, index);
	step->name = id_slice(&names->name);
	step->service = id_slice(&names->service);
	step->forward = id_slice(&names->forward);
	step->finish = id_slice(&names->finish);
	step->undo = id_slice(&names->undo);
	step->one_phase = id_slice(&names->one_phase);
	wire_step_resolve(&reader->definition->plan, step);
}

/* ---- order --------------------------------------------------------------------------------------
 */

static void unknown_step(struct reader *reader, const yaml_node_t *node)
{
	const struct saga_definition *definition = reader->definition;
	const char *names[WIRE_STEPS_MAX];
	const char *near;
	char text[49];

	for (uint32_t i = 0; i < definition->plan.step_count; i++)
		names[i] = definition->names[i].name.text;
	near = near_name(shown(node, text), names, definition->plan.step_count);
	if (near != NULL)
		reader_problem(reader, node, NULL, PROBLEM_UNKNOWN_STEP,
			       "after: no step \"%s\": did you mean \"%s\"?", text, near);
	else
		reader_problem(reader, node, NULL, PROBLEM_UNKNOWN_STEP, "after: no step \"%s\"",
			       text);
}

static void take_dependency(struct reader *reader, uint32_t index, const yaml_node_t *node,
			    uint64_t *depends)
{
	const struct saga_definition *definition = reader->definition;
	uint32_t other = 0;

	if (!want_scalar(reader, node, "after"))
		return;
	while (other < definition->plan.step_count &&
	       !slice_equal(scalar_of(node), id_slice(&definition->names[other].name)))
		other++;
	if (other == definition->plan.step_count)
		unknown_step(reader, node);
	else if (other == index)
		reader_problem(reader, node, NULL, PROBLEM_ORDER,
			       "after: step \"%s\" cannot come after itself",
			       definition->names[index].name.text);
	else if ((*depends >> other & 1) != 0)
		reader_problem(reader, node, NULL, PROBLEM_ORDER,
			       "after: step \"%s\" stands here twice",
			       definition->names[other].name.text);
	else
		*depends |= UINT64_C(1) << other;
}

/* Without the key a step comes after the one above it; of TCC and 2PC all begin at once. */
static void take_after(struct reader *reader, uint32_t index)
{
	const struct wire_plan *plan = &reader->definition->plan;
	const bool at_once =
		plan->protocol == WIRE_PROTOCOL_TCC || plan->protocol == WIRE_PROTOCOL_2PC;
	struct definition_step_names *names = &reader->definition->names[index];
	const yaml_node_t *node = reader->values[index][STEP_AFTER];
	const uint32_t problems = reader->problems->count;
	uint64_t depends = 0;
	uint32_t count = 0;

	if (node == NULL && index > 0 && !at_once)
		depends = UINT64_C(1) << (index - 1);
	if (node != NULL && node->type != YAML_SEQUENCE_NODE) {
		reader_problem(reader, node, NULL, PROBLEM_TYPE,
			       "after: expected a list of steps, e.g. [%s]",
			       reader->definition->names[0].name.text);
	} else if (node != NULL) {
		for (const yaml_node_item_t *item = node->data.sequence.items.start;
		     item < node->data.sequence.items.top; item++)
			take_dependency(reader, index, node_of(reader, *item), &depends);
	}
	for (uint32_t i = 0; i < WIRE_STEPS_MAX; i++) {
		if ((depends >> i & 1) != 0)
			names->after[count++] = (uint8_t)i;
	}
	reader->definition->steps[index].after = slice_of(names->after, count);
	if (reader->problems->count != problems)
		reader->bad_after = true;
}

void take_steps(struct reader *reader, const yaml_node_t *node)
{
	struct wire_plan *plan = &reader->definition->plan;
	ptrdiff_t count;

	if (node->type != YAML_SEQUENCE_NODE) {
		reader_problem(reader, node, NULL, PROBLEM_TYPE, "steps: expected a list");
		return;
	}
	count = node->data.sequence.items.top - node->data.sequence.items.start;
	if (count < 1 || count > WIRE_STEPS_MAX) {
		reader_problem(reader, node, NULL, PROBLEM_STEPS,
			       "steps: %td steps: 1 to %d are possible", count, WIRE_STEPS_MAX);
		return;
	}
	plan->steps = reader->definition->steps;
	plan->step_count = (uint32_t)count;
	for (uint32_t i = 0; i < plan->step_count; i++) {
		const uint32_t problems = reader->problems->count;

		reader->steps[i] = node_of(reader, node->data.sequence.items.start[i]);
		take_step(reader, i);
		if (reader->problems->count != problems)
			reader->bad_steps |= UINT64_C(1) << i;
	}
	for (uint32_t i = 0; i < plan->step_count; i++)
		take_after(reader, i);
	take_inputs(reader);
}
