/* Warnings about definitions that are good, and where there are none. */
#include "tests/unit/unit.h"

#include <saga.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/definition.h"
#include "client/definition_problems.h"

static const struct {
	const char *text, *warnings;
} cases[] = {
	/* Nobody chose a time. */
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo}\n"
	 "  - {name: b, service: s, action: do, compensate: undo}\n",
	 ""},
	/* 2 * (3 * 1s + 200ms + 400ms) */
	{"name: n\n"
	 "deadline: 7200ms\n"
	 "defaults: {timeout: 1s}\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo}\n"
	 "  - {name: b, service: s, action: do, compensate: undo}\n",
	 ""},
	{"name: n\n"
	 "deadline: 7199ms\n"
	 "defaults: {timeout: 1s}\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo}\n"
	 "  - {name: b, service: s, action: do, compensate: undo}\n",
	 "t:2:11: warning: deadline: 7199ms ends before the attempts of a, b, which may last "
	 "7200ms [deadline_short /deadline]"},
	{"name: n\n"
	 "deadline: 10ms\n"
	 "steps:\n"
	 "  - {name: a123456789a123456789a123456789a123456789, service: s, action: do,\n"
	 "     compensate: undo, timeout: 1s}\n"
	 "  - {name: b123456789b123456789b123456789b123456789, service: s, action: do,\n"
	 "     compensate: undo, timeout: 1s}\n"
	 "  - {name: c123456789c123456789c123456789c123456789, service: s, action: do,\n"
	 "     compensate: undo, timeout: 1s}\n",
	 "t:2:11: warning: deadline: 10ms ends before the attempts of "
	 "a123456789a123456789a123456789a123456789, b123456789b123456789b123456789b123456789..., "
	 "which may last 10800ms [deadline_short /deadline]"},
	/* Beside each other they last as long as the slower. */
	{"name: n\n"
	 "deadline: 3600ms\n"
	 "defaults: {timeout: 1s}\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo}\n"
	 "  - {name: b, service: s, action: do, compensate: undo, after: []}\n",
	 ""},
	/* The default deadline, but a time was chosen; cap and factor count. */
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo, timeout: 1s,\n"
	 "     retry: {attempts: 5, initial: 10s, factor: 3, cap: 20s}}\n",
	 "t:1:1: warning: deadline: 1m ends before the attempts of a, which may last 75s "
	 "[deadline_short /deadline]"},
	/* A budget shortens it; behind the pivot nothing counts. */
	{"name: n\n"
	 "deadline: 10s\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo, timeout: 1s, retry: {attempts: "
	 "1}}\n"
	 "  - {name: p, service: s, action: do, pivot: true, timeout: 8s, retry: {attempts: 1}}\n"
	 "  - {name: r, service: s, action: do, retriable: true, timeout: 1h}\n",
	 ""},
	{"name: n\n"
	 "deadline: 2s\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo, timeout: 1s, budget: 2s}\n",
	 "t:4:78: warning: budget: 2s ends before the 3 attempts of step \"a\", which may last "
	 "3600ms [budget_short /steps/0/budget]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo, timeout: 1s, budget: 3600ms}\n"
	 "  - {name: b, service: s, action: do, compensate: undo, timeout: 1s, budget: 3599ms}\n",
	 "t:4:78: warning: budget: 3599ms ends before the 3 attempts of step \"b\", which may last "
	 "3600ms [budget_short /steps/1/budget]"},
	/* Without undo. */
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: none}\n",
	 ""},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo}\n"
	 "  - {name: b, service: s, action: do, compensate: none}\n",
	 ""},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: none}\n"
	 "  - {name: b, service: s, action: do, compensate: undo}\n",
	 "t:3:51: warning: compensate: nothing undoes step \"a\", and \"b\" behind it may fail: "
	 "right only if it changes nothing [no_undo /steps/0/compensate]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: undo}\n"
	 "  - {name: b, service: s, action: do, compensate: none, optional: true, after: []}\n",
	 "t:4:51: warning: compensate: nothing undoes step \"b\", and \"a\" beside it may fail: "
	 "right only if it changes nothing [no_undo /steps/1/compensate]"},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: a, service: s, action: do, compensate: none}\n"
	 "  - {name: o, service: s, action: do, compensate: undo, optional: true}\n",
	 ""},
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n"
	 "  - {name: o, service: s, action: do, compensate: none, optional: true}\n"
	 "  - {name: r, service: s, action: do, retriable: true}\n",
	 ""},
	{"name: n\n"
	 "protocol: mixed\n"
	 "steps:\n"
	 "  - {name: a, kind: saga, service: s, action: do, compensate: none}\n"
	 "  - {name: b, kind: tcc, service: s, try: t, confirm: c, cancel: x}\n",
	 "t:4:63: warning: compensate: nothing undoes step \"a\", and \"b\" behind it may fail: "
	 "right only if it changes nothing [no_undo /steps/0/compensate]"},
	/* The pivot waits for what stands below it. */
	{"name: n\n"
	 "steps:\n"
	 "  - {name: p, service: s, action: do, pivot: true}\n"
	 "  - {name: r, service: s, action: do, retriable: true}\n"
	 "  - {name: a, service: s, action: do, compensate: undo, after: []}\n",
	 "t:5:64: warning: step \"a\" stands below the point of no return, \"p\", which waits for "
	 "it: write it above [pivot_order /steps/2/after]"},
	/* Locks. */
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, prepare: p, commit: c, rollback: r}\n"
	 "  - {name: b, service: s, prepare: p, commit: c, rollback: r, budget: 30s, timeout: "
	 "30s,\n"
	 "     retry: {attempts: 1}}\n",
	 ""},
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, prepare: p, commit: c, rollback: r}\n"
	 "  - {name: b, service: s, prepare: p, commit: c, rollback: r, budget: 31s, timeout: "
	 "31s,\n"
	 "     retry: {attempts: 1}}\n",
	 "t:4:36: warning: prepare: step \"a\" may hold its locks for 31s, until \"b\" is through "
	 "[long_locks /steps/0/prepare]\n"
	 "t:5:36: warning: prepare: step \"b\" may hold its locks for 31s, until \"b\" is through "
	 "[long_locks /steps/1/prepare]"},
	{"name: n\n"
	 "protocol: 2pc\n"
	 "steps:\n"
	 "  - {name: a, service: s, prepare: p, commit: c, rollback: r, budget: 31s, timeout: "
	 "31s,\n"
	 "     retry: {attempts: 1}}\n",
	 ""},
};

static void warnings_and_their_places(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct problems *problems = calloc(1, sizeof *problems);
		struct definition_places *places = calloc(1, sizeof *places);
		struct saga_definition *definition;
		char why[2048] = "";

		assert_non_null(problems);
		assert_non_null(places);
		const int err = definition_read(cases[i].text, strlen(cases[i].text), &definition,
						places, problems);

		if (err == 0)
			definition_lint(definition, places, problems);
		problems_print(problems, "t", why, sizeof why);
		if (err != 0 || strcmp(why, cases[i].warnings) != 0) {
			good = false;
			print_error("%s\ngave:\n%s\ninstead of:\n%s\n", cases[i].text, why,
				    cases[i].warnings);
		}
		assert_int_equal(problems->errors, 0);
		saga_definition_free(definition);
		free(places);
		free(problems);
	}
	assert_true(good);
}

static void every_warning_has_a_case(void **state)
{
	(void)state;
	for (uint32_t code = PROBLEM_LINT_DEADLINE; code < PROBLEM_CODES; code++) {
		char mark[64];
		bool found = false;

		(void)snprintf(mark, sizeof mark, "[%s ", problem_code_name(code));
		for (size_t i = 0; i < sizeof cases / sizeof cases[0] && !found; i++)
			found = strstr(cases[i].warnings, mark) != NULL;
		if (!found)
			fail_msg("no definition gives the warning %s", mark);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warnings_and_their_places),
		cmocka_unit_test(every_warning_has_a_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
