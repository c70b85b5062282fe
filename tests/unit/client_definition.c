/* Definitions in YAML: what they mean, and where each mistake is reported. */
#include "tests/unit/unit.h"

#include <saga.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/definition.h"
#include "wire/plan.h"

static struct saga_definition *parse(const char *text)
{
	struct saga_definition *definition = NULL;
	char why[2048];

	if (saga_definition_parse(text, strlen(text), "t", &definition, why, sizeof why) != 0)
		fail_msg("%s", why);
	assert_string_equal(why, "");
	return definition;
}

static void assert_slice(struct slice slice, const char *text)
{
	if (!slice_equal(slice, slice_str(text)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)slice.size, (const char *)slice.data, text);
}

static const char travel[] = "name: travel\n"
			     "version: 3\n"
			     "protocol: saga\n"
			     "deadline: 90s\n"
			     "defaults:\n"
			     "  timeout: 4s\n"
			     "  retry: {attempts: 5, initial: 100ms}\n"
			     "steps:\n"
			     "  - name: reserve\n"
			     "    service: user\n"
			     "    action: reserve\n"
			     "    compensate: release\n"
			     "  - name: flight\n"
			     "    service: flight\n"
			     "    action: book\n"
			     "    compensate: cancel\n"
			     "    timeout: 12s\n"
			     "    budget: 1m\n"
			     "    retry: {factor: 1.5, cap: 2s, jitter: 0.05}\n"
			     "    undo_retry: {attempts: 20, jitter: 0}\n"
			     "  - {name: hotel, service: hotel, action: book, compensate: none,\n"
			     "     after: [reserve]}\n"
			     "  - name: pay\n"
			     "    service: payment\n"
			     "    action: charge\n"
			     "    compensate: none\n"
			     "    after: [hotel, flight]\n"
			     "  - {name: alone, service: mail, action: send, compensate: none,\n"
			     "     after: []}\n";

static void a_definition_becomes_a_plan(void **state)
{
	struct saga_definition *definition = parse(travel);
	const struct wire_plan *plan = &definition->plan;
	const struct wire_retry undo = wire_retry_default_undo();

	(void)state;
	assert_string_equal(saga_definition_name(definition), "travel");
	assert_slice(plan->name, "travel");
	assert_int_equal(plan->version, 3);
	assert_int_equal(plan->protocol, WIRE_PROTOCOL_SAGA);
	assert_int_equal(plan->deadline_ms, 90000);
	assert_int_equal(plan->step_count, 5);

	assert_slice(plan->steps[0].name, "reserve");
	assert_slice(plan->steps[0].service, "user");
	assert_slice(plan->steps[0].forward, "reserve");
	assert_slice(plan->steps[0].undo, "release");
	assert_int_equal(plan->steps[0].after.size, 0);
	assert_int_equal(plan->steps[0].attempt_timeout_ms, 4000);
	assert_int_equal(plan->steps[0].budget_ms, 0);
	assert_int_equal(plan->steps[0].delivery, WIRE_DELIVERY_DURABLE);
	assert_int_equal(plan->steps[0].retry.attempts, 5);
	assert_int_equal(plan->steps[0].retry.initial_ms, 100);
	assert_int_equal(plan->steps[0].retry.factor_percent, 200);
	assert_int_equal(plan->steps[0].retry.cap_ms, 30000);
	assert_int_equal(plan->steps[0].retry.jitter_percent, 20);
	assert_memory_equal(&plan->steps[0].undo_retry, &undo, sizeof undo);

	/* Without the key: after the step above. */
	assert_int_equal(plan->steps[1].after.size, 1);
	assert_int_equal(plan->steps[1].after.data[0], 0);
	assert_int_equal(plan->steps[1].attempt_timeout_ms, 12000);
	assert_int_equal(plan->steps[1].budget_ms, 60000);
	assert_int_equal(plan->steps[1].retry.attempts, 5);
	assert_int_equal(plan->steps[1].retry.initial_ms, 100);
	assert_int_equal(plan->steps[1].retry.factor_percent, 150);
	assert_int_equal(plan->steps[1].retry.cap_ms, 2000);
	assert_int_equal(plan->steps[1].retry.jitter_percent, 5);
	assert_int_equal(plan->steps[1].undo_retry.attempts, 20);
	assert_int_equal(plan->steps[1].undo_retry.jitter_percent, 0);
	assert_int_equal(plan->steps[1].undo_retry.initial_ms, undo.initial_ms);

	assert_int_equal(plan->steps[2].undo.size, 0);
	assert_int_equal(plan->steps[2].after.size, 1);
	assert_int_equal(plan->steps[3].undo.size, 0);
	/* In the order of the steps, however it was written: equal plans have equal bytes. */
	assert_int_equal(plan->steps[3].after.size, 2);
	assert_int_equal(plan->steps[3].after.data[0], 1);
	assert_int_equal(plan->steps[3].after.data[1], 2);
	assert_int_equal(plan->steps[4].after.size, 0);
	saga_definition_free(definition);
}

static void little_is_required(void **state)
{
	struct saga_definition *definition =
		parse("{\"name\": \"j\", \"steps\": [{\"name\": \"a\", \"service\": \"s\", "
		      "\"action\": \"do\", \"compensate\": \"none\"}]}");
	const struct wire_retry retry = wire_retry_default();

	(void)state;
	assert_int_equal(definition->plan.version, 1);
	assert_int_equal(definition->plan.deadline_ms, WIRE_DEADLINE_DEFAULT_MS);
	assert_int_equal(definition->plan.steps[0].attempt_timeout_ms,
			 WIRE_ATTEMPT_TIMEOUT_DEFAULT_MS);
	assert_int_equal(definition->plan.steps[0].undo.size, 0);
	assert_memory_equal(&definition->plan.steps[0].retry, &retry, sizeof retry);
	saga_definition_free(definition);
	/* A longer first interval raises a cap that nobody named. */
	definition = parse("{name: j, steps: [{name: a, service: s, action: do, "
			   "compensate: none, retry: {initial: 1m}}]}");
	assert_int_equal(definition->plan.steps[0].retry.cap_ms, 60000);
	saga_definition_free(definition);
	saga_definition_free(NULL);
}

static void steps_of_tcc_and_2pc(void **state)
{
	struct saga_definition *definition =
		parse("name: n\n"
		      "protocol: tcc\n"
		      "steps:\n"
		      "  - {name: a, service: s, try: t, confirm: c, cancel: x}\n"
		      "  - {name: b, service: s, try: t, confirm: c, cancel: x}\n"
		      "  - {name: d, service: s, try: t, confirm: c, cancel: y, after: [a]}\n");

	(void)state;
	assert_int_equal(definition->plan.protocol, WIRE_PROTOCOL_TCC);
	assert_slice(definition->plan.steps[1].forward, "t");
	assert_slice(definition->plan.steps[1].finish, "c");
	assert_slice(definition->plan.steps[1].undo, "x");
	assert_int_equal(definition->plan.steps[1].kind, 0);
	assert_int_equal(definition->plan.steps[1].attempt_timeout_ms, 15000);
	assert_int_equal(definition->plan.steps[1].after.size, 0); /* side by side */
	assert_int_equal(definition->plan.steps[2].after.size, 1);
	saga_definition_free(definition);

	definition = parse(
		"name: n\n"
		"protocol: 2pc\n"
		"steps:\n"
		"  - {name: a, service: s, prepare: p, commit: c, rollback: r, one_phase: o}\n"
		"  - {name: b, service: s, prepare: p, commit: c, rollback: r, timeout: 1s,\n"
		"     budget: 2s}\n"
		"  - {name: l, service: s, commit: c, last_resource: true}\n");
	assert_int_equal(definition->plan.protocol, WIRE_PROTOCOL_2PC);
	assert_slice(definition->plan.steps[0].forward, "p");
	assert_slice(definition->plan.steps[0].finish, "c");
	assert_slice(definition->plan.steps[0].undo, "r");
	assert_slice(definition->plan.steps[0].one_phase, "o");
	assert_int_equal(definition->plan.steps[0].attempt_timeout_ms, 5000);
	assert_int_equal(definition->plan.steps[0].budget_ms, 5000);
	assert_int_equal(definition->plan.steps[1].attempt_timeout_ms, 1000);
	assert_int_equal(definition->plan.steps[1].budget_ms, 2000);
	assert_slice(definition->plan.steps[2].forward, "c");
	assert_int_equal(definition->plan.steps[2].finish.size, 0);
	assert_int_equal(definition->plan.steps[2].flags, WIRE_STEP_PIVOT);
	assert_int_equal(definition->plan.steps[2].budget_ms, 0);
	assert_int_equal(definition->plan.steps[2].after.size, 0);
	saga_definition_free(definition);
}

static void mixed_steps_and_flags(void **state)
{
	struct saga_definition *definition =
		parse("name: n\n"
		      "protocol: mixed\n"
		      "defaults: {timeout: 7s}\n"
		      "steps:\n"
		      "  - {name: a, kind: saga, service: s, action: do, compensate: u}\n"
		      "  - {name: b, kind: tcc, service: s, try: t, confirm: c, cancel: x}\n"
		      "  - {name: v, kind: 2pc, service: s, prepare: p, commit: c, rollback: r}\n"
		      "  - {name: p, kind: saga, service: s, action: do, pivot: true,\n"
		      "     compensate: none, optional: false}\n"
		      "  - {name: r, kind: saga, service: s, action: do, retriable: true}\n"
		      "  - {name: o, kind: saga, service: s, action: do, optional: true,\n"
		      "     compensate: u}\n");
	static const uint32_t flags[] = {
		0, 0, 0, WIRE_STEP_PIVOT, WIRE_STEP_RETRIABLE, WIRE_STEP_OPTIONAL};
	static const uint32_t kinds[] = {1, 2, 3, 1, 1, 1};

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(definition->plan.steps[i].flags, flags[i]);
		assert_int_equal(definition->plan.steps[i].kind, kinds[i]);
		assert_int_equal(definition->plan.steps[i].attempt_timeout_ms, 7000);
		assert_int_equal(definition->plan.steps[i].after.size, i > 0 ? 1 : 0);
	}
	assert_slice(definition->plan.steps[5].undo, "u");
	saga_definition_free(definition);
}

static void inputs_become_json(void **state)
{
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{"$.input", "\"$.input\""},
		{"{}", "{}"},
		{"[]", "[]"},
		{"{a: $.input.x, \"b\": '$.steps.first.output.y.0'}",
		 "{\"a\":\"$.input.x\",\"b\":\"$.steps.first.output.y.0\"}"},
		{"[1, -2.50, 1e3, true, false, null, ~]", "[1,-2.50,1e3,true,false,null,null]"},
		{"[\"1\", 'true', \"\"]", "[\"1\",\"true\",\"\"]"},
		/* What JSON does not read as a number is text. */
		{"[0x10, +1, .5, 1., 01, 1_000, yes, True, NaN, 2026-01-01]",
		 "[\"0x10\",\"+1\",\".5\",\"1.\",\"01\",\"1_000\",\"yes\",\"True\",\"NaN\","
		 "\"2026-01-01\"]"},
		{"[\"a\\\"b\\\\c\\n\\0\", '\xc3\xa9', $$5]",
		 "[\"a\\\"b\\\\c\\u000a\\u0000\",\"\xc3\xa9\",\"$$5\"]"},
		{"{a: {b: [{c: 1}, {}]}, d: }", "{\"a\":{\"b\":[{\"c\":1},{}]},\"d\":null}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct saga_definition *definition;
		char text[512];

		(void)snprintf(text, sizeof text,
			       "name: n\n"
			       "steps:\n"
			       "  - {name: first, service: s, action: do, compensate: none}\n"
			       "  - {name: b, service: s, action: do, compensate: none,\n"
			       "     input: %s}\n"
			       "  - {name: c, service: s, action: do, compensate: none,\n"
			       "     input: {x: $.steps.first.output}}\n",
			       cases[i].yaml);
		definition = parse(text);
		assert_int_equal(definition->plan.steps[0].input.size, 0);
		assert_slice(definition->plan.steps[1].input, cases[i].json);
		assert_slice(definition->plan.steps[2].input, "{\"x\":\"$.steps.first.output\"}");
		saga_definition_free(definition);
	}
}

static int why_of(const char *text, char why[1024])
{
	struct saga_definition *definition = NULL;
	const int err = saga_definition_parse(text, strlen(text), "t", &definition, why, 1024);

	saga_definition_free(definition);
	return err;
}

static void inputs_are_limited(void **state)
{
	char text[8192], why[1024];
	size_t size;

	(void)state;
	for (int extra = 0; extra < 2; extra++) {
		size = (size_t)snprintf(text, sizeof text,
					"name: n\nsteps:\n"
					"  - {name: a, service: s, action: do, compensate: none,\n"
					"     input: \"");
		memset(text + size, 'x', WIRE_TEMPLATE_SIZE_MAX);
		memcpy(text + size + WIRE_TEMPLATE_SIZE_MAX - 2 + extra, "\"}\n", sizeof "\"}\n");
		assert_int_equal(why_of(text, why), extra ? SAGA_ERR_DEFINITION : 0);
	}
	assert_string_equal(why, "t:4:13: input: larger than 1024 bytes [input /steps/0/input]");

	size = (size_t)snprintf(text, sizeof text,
				"name: n\nsteps:\n"
				"  - {name: a, service: s, action: do, compensate: none,\n"
				"     input: [$.input");
	for (int i = 1; i < 65; i++)
		size += (size_t)snprintf(text + size, sizeof text - size, ", $.input");
	(void)snprintf(text + size, sizeof text - size, "]}\n");
	assert_int_equal(why_of(text, why), SAGA_ERR_DEFINITION);
	assert_string_equal(why, "t:4:13: step \"a\": its input has more than 64 picks [input "
				 "/steps/0/input]");
}

static void delivery_is_the_steps_or_the_default(void **state)
{
	struct saga_definition *definition = parse(
		"name: n\n"
		"defaults: {delivery: direct}\n"
		"steps:\n"
		"  - {name: a, compensate: none, service: s, action: do}\n"
		"  - {name: b, compensate: none, service: t, action: do, delivery: durable}\n"
		"  - {name: c, compensate: none, service: s, action: do, delivery: direct}\n");

	(void)state;
	assert_int_equal(definition->plan.steps[0].delivery, WIRE_DELIVERY_DIRECT);
	assert_int_equal(definition->plan.steps[1].delivery, WIRE_DELIVERY_DURABLE);
	assert_int_equal(definition->plan.steps[2].delivery, WIRE_DELIVERY_DIRECT);
	saga_definition_free(definition);
}

static void a_small_buffer_keeps_whole_lines(void **state)
{
	static const char text[] = "version: x\nsteps: 3\n";
	struct saga_definition *definition = NULL;
	char why[96];

	(void)state;
	assert_int_equal(
		saga_definition_parse(text, sizeof text - 1, "t", &definition, why, sizeof why),
		SAGA_ERR_DEFINITION);
	assert_string_equal(why, "t:1:1: the definition has no name [missing_key /name]\n");
	assert_int_equal(saga_definition_parse(text, sizeof text - 1, "t", &definition, NULL, 0),
			 SAGA_ERR_DEFINITION);
	assert_int_equal(saga_definition_parse(text, sizeof text - 1, "t", &definition, why, 5),
			 SAGA_ERR_DEFINITION);
	assert_int_equal(strlen(why), 4);
}

/* What an empty file is read as; libyaml would assert. */
static void nothing_is_no_definition(void **state)
{
	struct saga_definition *definition = NULL;
	char why[256] = "";

	(void)state;
	assert_int_equal(saga_definition_parse(NULL, 0, "t", &definition, why, sizeof why),
			 SAGA_ERR_DEFINITION);
	assert_memory_equal(why, "t:1:1: ", 7);
}

static void steps_are_limited(void **state)
{
	struct saga_definition *definition = NULL;
	char text[8192], why[512];
	size_t size = (size_t)snprintf(text, sizeof text, "name: n\nsteps:\n");

	(void)state;
	for (int i = 0; i < WIRE_STEPS_MAX; i++)
		size += (size_t)snprintf(
			text + size, sizeof text - size,
			"  - {name: s%d, service: s, action: do, compensate: none}\n", i);
	definition = parse(text);
	assert_int_equal(definition->plan.step_count, WIRE_STEPS_MAX);
	saga_definition_free(definition);
	(void)snprintf(text + size, sizeof text - size, "  - {name: z, service: s, action: do}\n");
	assert_int_equal(
		saga_definition_parse(text, strlen(text), "t", &definition, why, sizeof why),
		SAGA_ERR_DEFINITION);
	assert_string_equal(why, "t:3:3: steps: 65 steps: 1 to 64 are possible [steps /steps]");
}

static void a_file_is_read(void **state)
{
	struct saga_definition *definition = NULL;
	char path[] = "/tmp/client_definition_XXXXXX", why[512];
	const int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, travel, sizeof travel - 1), (ssize_t)sizeof travel - 1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(saga_definition_load(path, &definition, why, sizeof why), 0);
	saga_definition_free(definition);
	assert_int_equal(unlink(path), 0);
	assert_true(saga_definition_load(path, &definition, why, sizeof why) < 0);
	assert_null(definition);
	assert_non_null(strstr(why, path));
	assert_true(saga_definition_load("/tmp", &definition, why, sizeof why) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_definition_becomes_a_plan),
		cmocka_unit_test(little_is_required),
		cmocka_unit_test(steps_of_tcc_and_2pc),
		cmocka_unit_test(mixed_steps_and_flags),
		cmocka_unit_test(inputs_become_json),
		cmocka_unit_test(inputs_are_limited),
		cmocka_unit_test(delivery_is_the_steps_or_the_default),
		cmocka_unit_test(a_small_buffer_keeps_whole_lines),
		cmocka_unit_test(nothing_is_no_definition),
		cmocka_unit_test(steps_are_limited),
		cmocka_unit_test(a_file_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
