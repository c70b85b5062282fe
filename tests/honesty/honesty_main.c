/* Compares; honesty.h says what. test_honesty [--only <name>] [--seeds <n>] [--rounds <n>] [--show]
 * [--kind]: with models that never fail, which must be found out
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/honesty/honesty.h"
#include "tests/unit/unit.h"

enum { SEEDS = 20000, SHOWN = 12 };

struct options {
	const char *only; /* part of a script's name; NULL = all */
	uint32_t seeds, rounds;
	bool show, model_only, kind;
};
static struct options options = {.seeds = SEEDS}; /* cmocka's tests have no arguments */

static bool wanted(const struct script *script, enum script_subject subject)
{
	return script->subject == subject &&
	       (options.only == NULL || strstr(script->name, options.only) != NULL);
}

static void show_seed(struct stage *model, const struct script *script, struct outcomes *seen)
{
	char outcome[OUTCOME_SIZE];

	for (uint64_t seed = 1; seed <= options.seeds; seed++) {
		stage_model_seed(model, seed);
		play_run(model, script, outcome);
		outcomes_add(seen, outcome);
	}
}

/* As many seeds as it takes to show what was seen for real, up to a limit. */
static bool shows_all(struct stage *model, const struct script *script, const struct outcomes *real,
		      struct outcomes *seen)
{
	char outcome[OUTCOME_SIZE];
	uint32_t missing = real->count;

	for (uint64_t seed = 1; seed <= options.seeds && missing > 0; seed++) {
		stage_model_seed(model, seed);
		play_run(model, script, outcome);
		if (!outcomes_have(seen, outcome))
			missing -= outcomes_have(real, outcome);
		outcomes_add(seen, outcome);
	}
	return missing == 0;
}

static bool compare(struct stage *real, struct stage *model, const struct script *script)
{
	struct outcomes happened = {0}, shown = {0};
	const uint32_t own = script->rounds == 0 ? 1 : script->rounds;
	char outcome[OUTCOME_SIZE];
	bool honest;

	for (uint32_t i = 0; i < (options.rounds == 0 ? own : options.rounds); i++) {
		play_run(real, script, outcome);
		outcomes_add(&happened, outcome);
	}
	honest = shows_all(model, script, &happened, &shown);
	(void)printf("%s \"%s\": %u outcomes, the model shows %u\n", honest ? "ok  " : "FAIL",
		     script->name, happened.count, shown.count);
	if (!honest || options.show) {
		(void)printf("  %s\n", script->text);
		outcomes_print(&happened, "for real", SHOWN);
		outcomes_print(&shown, "the model", SHOWN);
		for (uint32_t i = 0; i < happened.count; i++)
			if (!outcomes_have(&shown, happened.all[i].text))
				(void)printf("  never in %u seeds: %s\n", options.seeds,
					     happened.all[i].text);
	}
	(void)fflush(stdout);
	outcomes_close(&happened);
	outcomes_close(&shown);
	return honest;
}

static bool any_wanted(enum script_subject a, enum script_subject b, enum script_subject c)
{
	for (uint32_t i = 0; i < script_count; i++)
		if (wanted(&scripts[i], a) || wanted(&scripts[i], b) || wanted(&scripts[i], c))
			return true;
	return false;
}

static uint32_t compare_all(struct stage *real, enum script_subject subject)
{
	struct stage *model = stage_model_open();
	uint32_t lies = 0;

	if (options.kind)
		stage_model_be_kind(model);

	for (uint32_t i = 0; i < script_count; i++)
		if (wanted(&scripts[i], subject))
			lies += !compare(real, model, &scripts[i]);
	stage_model_close(model);
	return lies;
}

static void jetstream(void **state)
{
	struct stage *real;
	uint32_t lies = 0;

	(void)state;
	if (!any_wanted(OF_JOURNAL, OF_INBOX, OF_QUEUE))
		return;
	real = stage_nats_open(1);
	lies += compare_all(real, OF_JOURNAL);
	lies += compare_all(real, OF_INBOX);
	lies += compare_all(real, OF_QUEUE);
	stage_nats_close(real);
	assert_int_equal(lies > 0, options.kind);
}

static void jetstream_of_three(void **state)
{
	struct stage *real;
	uint32_t lies;

	(void)state;
	if (!any_wanted(OF_JOURNAL_CLUSTER, OF_JOURNAL_CLUSTER, OF_JOURNAL_CLUSTER))
		return;
	real = stage_nats_open(3);
	lies = compare_all(real, OF_JOURNAL_CLUSTER);
	stage_nats_close(real);
	assert_int_equal(lies > 0, options.kind);
}

static void etcd(void **state)
{
	struct stage *real;
	uint32_t lies;

	(void)state;
	if (!any_wanted(OF_STORE, OF_STORE, OF_STORE))
		return;
	real = stage_etcd_open();
	lies = compare_all(real, OF_STORE);
	stage_etcd_close(real);
	assert_int_equal(lies > 0, options.kind);
}

/* Without servers: what the model shows. */
static void model_alone(void)
{
	struct stage *model = stage_model_open();

	for (uint32_t i = 0; i < script_count; i++) {
		struct outcomes shown = {0};

		if (!wanted(&scripts[i], scripts[i].subject))
			continue;
		show_seed(model, &scripts[i], &shown);
		(void)printf("\"%s\"\n  %s\n", scripts[i].name, scripts[i].text);
		outcomes_print(&shown, "the model", SHOWN);
		outcomes_close(&shown);
	}
	stage_model_close(model);
}

static bool parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const bool has_value = i + 1 < argc;

		if (strcmp(argv[i], "--show") == 0)
			options.show = true;
		else if (strcmp(argv[i], "--kind") == 0)
			options.kind = true;
		else if (strcmp(argv[i], "--model") == 0)
			options.model_only = true;
		else if (has_value && strcmp(argv[i], "--only") == 0)
			options.only = argv[++i];
		else if (has_value && strcmp(argv[i], "--seeds") == 0)
			options.seeds = (uint32_t)strtoul(argv[++i], NULL, 10);
		else if (has_value && strcmp(argv[i], "--rounds") == 0)
			options.rounds = (uint32_t)strtoul(argv[++i], NULL, 10);
		else
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jetstream),
		cmocka_unit_test(jetstream_of_three),
		cmocka_unit_test(etcd),
	};

	if (!parse(argc, argv)) {
		(void)fprintf(stderr,
			      "use: %s [--only name] [--seeds n] [--rounds n] [--show] [--model] "
			      "[--kind]\n",
			      argv[0]);
		return 2;
	}
	if (options.model_only) {
		model_alone();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
