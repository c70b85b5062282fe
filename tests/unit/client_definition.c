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
			     "  - {name: hotel, service: hotel, action: book, after: [reserve]}\n"
			     "  - name: pay\n"
			     "    service: payment\n"
			     "    action: charge\n"
			     "    compensate: none\n"
			     "    after: [hotel, flight]\n"
			     "  - {name: alone, service: mail, action: send, after: []}\n";

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
		      "\"action\": \"do\", \"compensate\": null}]}");
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
			   "retry: {initial: 1m}}]}");
	assert_int_equal(definition->plan.steps[0].retry.cap_ms, 60000);
	saga_definition_free(definition);
	saga_definition_free(NULL);
}

/* ---- every mistake, with its place --------------------------------------------------------------
 */

#define STEP "steps:\n  - {name: a, service: s, action: do"

static const struct {
	const char *text, *why;
} mistakes[] = {
	/* the whole */
	{"", "t:1:1: the definition is empty"},
	{"- a\n", "t:1:1: the definition: expected a map of keys"},
	{"steps:\n  - {name: a, service: s, action: do}\n", "t:1:1: the definition has no name"},
	{"name: n\n", "t:1:1: the definition has no steps"},
	{"nmae: n\n" STEP "}\n", "t:1:1: unknown key \"nmae\" in the definition: did you mean "
				 "\"name\"?\n"
				 "t:1:1: the definition has no name"},
	{"name: n\nname: m\n" STEP "}\n", "t:2:1: key \"name\" stands in the definition twice"},
	{"name: n\n? [x]\n: 1\n" STEP "}\n", "t:2:3: the definition: expected a word as key"},
	{"name: a.b\n" STEP "}\n", "t:1:7: name: \"a.b\" does not match [A-Za-z0-9_-]{1,64}"},
	{"name:\n" STEP "}\n", "t:1:6: name: expected a single value"},
	{"name: [n]\n" STEP "}\n", "t:1:7: name: expected a single value"},
	{"name: n\nversion: 0\n" STEP "}\n", "t:2:10: version: 0 is out of range: 1 to 1000000000"},
	{"name: n\nversion: 1.5\n" STEP "}\n", "t:2:10: version: \"1.5\" is not a whole number"},
	{"name: n\nversion: -1\n" STEP "}\n", "t:2:10: version: \"-1\" is not a whole number"},
	{"name: n\nprotocol: tcc\n" STEP "}\n",
	 "t:2:11: protocol: \"tcc\" is not supported: only saga is"},
	{"name: n\ndeadline: 60\n" STEP "}\n",
	 "t:2:11: deadline: \"60\" is not a duration such as 500ms, 15s, 2m or 1h"},
	{"name: n\ndeadline: 9ms\n" STEP "}\n",
	 "t:2:11: deadline: 9ms is out of range: 10ms to 30d"},
	{"name: n\ndeadline: 31d\n" STEP "}\n",
	 "t:2:11: deadline: 31d is out of range: 10ms to 30d"},
	{"name: n\ndeadline: \"1s\\0\"\n" STEP "}\n",
	 "t:2:11: deadline: \"1s\" is not a duration such as 500ms, 15s, 2m or 1h"},
	/* defaults and policies */
	{"name: n\ndefaults: 3\n" STEP "}\n", "t:2:11: defaults: expected a map of keys"},
	{"name: n\ndefaults: {timeot: 1s}\n" STEP "}\n",
	 "t:2:12: unknown key \"timeot\" in defaults: did you mean \"timeout\"?"},
	{"name: n\ndefaults: {retry: {attempts: 0}}\n" STEP "}\n",
	 "t:2:30: attempts: 0 is out of range: 1 to 1000"},
	{"name: n\n" STEP ", retry: {factor: 0.5}}\n",
	 "t:3:55: factor: 0.5 is out of range: 1 to 100"},
	{"name: n\n" STEP ", retry: {factor: 1.234}}\n",
	 "t:3:55: factor: \"1.234\" is not a number with at most two decimals"},
	{"name: n\n" STEP ", retry: {factor: 1.}}\n",
	 "t:3:55: factor: \"1.\" is not a number with at most two decimals"},
	{"name: n\n" STEP ", retry: {jitter: 1.01}}\n",
	 "t:3:55: jitter: 1.01 is out of range: 0 to 1"},
	{"name: n\n" STEP ", retry: {initial: 2h}}\n",
	 "t:3:56: initial: 2h is out of range: 1ms to 1h"},
	{"name: n\n" STEP ", retry: {initial: 1s, cap: 500ms}}\n",
	 "t:3:65: cap: 500ms is shorter than initial (1000ms)"},
	{"name: n\n" STEP ", retry: 3}\n", "t:3:46: retry: expected a map of keys"},
	{"name: n\n" STEP ", undo_retry: {tries: 3}}\n",
	 "t:3:52: unknown key \"tries\" in undo_retry"},
	/* steps */
	{"name: n\nsteps: 3\n", "t:2:8: steps: expected a list"},
	{"name: n\nsteps: []\n", "t:2:8: steps: 0 steps: 1 to 64 are possible"},
	{"name: n\nsteps: [a]\n", "t:2:9: step 1: expected a map of keys"},
	{"name: n\nsteps:\n  - {}\n", "t:3:5: step 1 has no name\n"
				      "t:3:5: step 1 has no service\n"
				      "t:3:5: step 1 has no action"},
	{"name: n\n" STEP ", compensat: u}\n",
	 "t:3:39: unknown key \"compensat\" in step 1: did you mean \"compensate\"?"},
	{"name: n\n" STEP ", compensate: a b}\n",
	 "t:3:51: compensate: \"a b\" does not match [A-Za-z0-9_-]{1,64}"},
	{"name: n\n" STEP ", timeout: 2d}\n", "t:3:48: timeout: 2d is out of range: 10ms to 1d"},
	{"name: n\n" STEP ", budget: 5ms}\n", "t:3:47: budget: 5ms is out of range: 10ms to 30d"},
	{"name: n\n" STEP "}\n  - {name: a, service: s, action: do}\n",
	 "t:4:12: name: step \"a\" stands already in line 3"},
	{"name: n\n" STEP ", delivery: pigeon}\n",
	 "t:3:49: delivery: \"pigeon\" is neither durable nor direct"},
	{"name: n\n" STEP "}\n  - {name: b, service: s, action: do, delivery: direct}\n",
	 "t:4:49: delivery: step \"a\" reaches service \"s\" by durable delivery: a service has "
	 "one "
	 "in a definition"},
	/* order */
	{"name: n\n" STEP ", after: [a]}\n", "t:3:47: after: step \"a\" cannot come after itself"},
	{"name: n\n" STEP ", after: b}\n", "t:3:46: after: expected a list of steps, e.g. [a]"},
	{"name: n\n" STEP ", after: [[b]]}\n", "t:3:47: after: expected a single value"},
	{"name: n\n" STEP "}\n  - {name: flight, service: s, action: do, after: [flihgt]}\n",
	 "t:4:52: after: no step \"flihgt\": did you mean \"flight\"?"},
	{"name: n\n" STEP "}\n  - {name: b, service: s, action: do, after: [zzz]}\n",
	 "t:4:47: after: no step \"zzz\""},
	{"name: n\n" STEP "}\n  - {name: b, service: s, action: do, after: [a, a]}\n",
	 "t:4:50: after: step \"a\" stands here twice"},
	/* YAML itself */
	{"name: [n\n", "t:2:1: did not find expected ',' or ']'"},
	{"name: n\n\tx: 1\n", "t:2:1: found a tab character that violates indentation"},
	{"name: n\n" STEP "}\n---\nname: m\n", "t:4:1: a second document: one definition a file"},
	{"name: n\ndefaults: {retry: &r {attempts: 3}, undo_retry: *r}\n" STEP "}\n",
	 "t:2:19: anchors and aliases are not supported"},
	{"name: \xff\n", "t: byte 6: invalid leading UTF-8 octet"},
	/* all at once, in the order of the lines */
	{"name: n\nversion: x\ndeadline: y\nsteps:\n  - {name: a, service: s, action: do, after: "
	 "[zzz], "
	 "tmeout: 1s}\n",
	 "t:2:10: version: \"x\" is not a whole number\n"
	 "t:3:11: deadline: \"y\" is not a duration such as 500ms, 15s, 2m or 1h\n"
	 "t:5:47: after: no step \"zzz\"\n"
	 "t:5:53: unknown key \"tmeout\" in step 1: did you mean \"timeout\"?"},
};

static void every_mistake_has_its_place(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		struct saga_definition *definition = NULL;
		char why[2048];
		const int err = saga_definition_parse(mistakes[i].text, strlen(mistakes[i].text),
						      "t", &definition, why, sizeof why);

		if (err != SAGA_ERR_DEFINITION || definition != NULL ||
		    strcmp(why, mistakes[i].why) != 0) {
			good = false;
			print_error("%s\ngave %d and:\n%s\ninstead of:\n%s\n", mistakes[i].text,
				    err, why, mistakes[i].why);
		}
	}
	assert_true(good);
}

static void delivery_is_the_steps_or_the_default(void **state)
{
	struct saga_definition *definition =
		parse("name: n\n"
		      "defaults: {delivery: direct}\n"
		      "steps:\n"
		      "  - {name: a, service: s, action: do}\n"
		      "  - {name: b, service: t, action: do, delivery: durable}\n"
		      "  - {name: c, service: s, action: do, delivery: direct}\n");

	(void)state;
	assert_int_equal(definition->plan.steps[0].delivery, WIRE_DELIVERY_DIRECT);
	assert_int_equal(definition->plan.steps[1].delivery, WIRE_DELIVERY_DURABLE);
	assert_int_equal(definition->plan.steps[2].delivery, WIRE_DELIVERY_DIRECT);
	saga_definition_free(definition);
}

static void a_cycle_is_found(void **state)
{
	static const char text[] = "name: n\n"
				   "steps:\n"
				   "  - {name: a, service: s, action: do, after: [b]}\n"
				   "  - {name: b, service: s, action: do, after: [a]}\n";
	struct saga_definition *definition = NULL;
	char why[512];

	(void)state;
	assert_int_equal(
		saga_definition_parse(text, sizeof text - 1, "t", &definition, why, sizeof why),
		SAGA_ERR_DEFINITION);
	assert_null(definition);
	assert_memory_equal(why, "t:1:1: ", 7);
	assert_non_null(strstr(why, "step \""));
}

static void a_small_buffer_keeps_whole_lines(void **state)
{
	static const char text[] = "version: x\nsteps: 3\n";
	struct saga_definition *definition = NULL;
	char why[64];

	(void)state;
	assert_int_equal(
		saga_definition_parse(text, sizeof text - 1, "t", &definition, why, sizeof why),
		SAGA_ERR_DEFINITION);
	assert_string_equal(why, "t:1:1: the definition has no name\n");
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
	char text[8192], why[256];
	size_t size = (size_t)snprintf(text, sizeof text, "name: n\nsteps:\n");

	(void)state;
	for (int i = 0; i < WIRE_STEPS_MAX; i++)
		size += (size_t)snprintf(text + size, sizeof text - size,
					 "  - {name: s%d, service: s, action: do}\n", i);
	definition = parse(text);
	assert_int_equal(definition->plan.step_count, WIRE_STEPS_MAX);
	saga_definition_free(definition);
	(void)snprintf(text + size, sizeof text - size, "  - {name: z, service: s, action: do}\n");
	assert_int_equal(
		saga_definition_parse(text, strlen(text), "t", &definition, why, sizeof why),
		SAGA_ERR_DEFINITION);
	assert_string_equal(why, "t:3:3: steps: 65 steps: 1 to 64 are possible");
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
		cmocka_unit_test(every_mistake_has_its_place),
		cmocka_unit_test(delivery_is_the_steps_or_the_default),
		cmocka_unit_test(a_cycle_is_found),
		cmocka_unit_test(a_small_buffer_keeps_whole_lines),
		cmocka_unit_test(nothing_is_no_definition),
		cmocka_unit_test(steps_are_limited),
		cmocka_unit_test(a_file_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
