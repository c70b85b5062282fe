/* Dry runs: the path of each protocol, and what becomes of it when a step fails. */
#include "tests/unit/unit.h"

#include <saga.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/dry_run.h"
#include "client/definition.h"
#include "wire/names.h"

enum { PATH_SIZE = 4096 };

#define SAGA                                                                                       \
	"name: n\n"                                                                                \
	"defaults: {delivery: direct, timeout: 1s, retry: {attempts: 2, jitter: 0},\n"             \
	"           undo_retry: {attempts: 2, jitter: 0}}\n"

static const char two[] = SAGA "steps:\n"
			       "  - {name: a, service: s, action: do, compensate: undo}\n"
			       "  - {name: b, service: s, action: do, compensate: undo}\n";
static const char pivot[] = SAGA "steps:\n"
				 "  - {name: a, service: s, action: do, compensate: undo}\n"
				 "  - {name: p, service: s, action: do, pivot: true}\n"
				 "  - {name: r, service: s, action: do, retriable: true}\n";
static const char optional[] =
	SAGA "steps:\n"
	     "  - {name: o, service: s, action: do, compensate: undo, optional: true}\n"
	     "  - {name: x, service: s, action: do, compensate: none, optional: true}\n"
	     "  - {name: b, service: s, action: do, compensate: undo}\n";
static const char diamond[] =
	SAGA "steps:\n"
	     "  - {name: a, service: s, action: do, compensate: undo}\n"
	     "  - {name: b, service: s, action: do, compensate: undo, after: [a]}\n"
	     "  - {name: c, service: s, action: do, compensate: undo, after: [a]}\n"
	     "  - {name: d, service: s, action: do, compensate: undo, after: [b, c]}\n";
static const char late[] = "name: n\n"
			   "deadline: 1500ms\n"
			   "defaults: {delivery: direct, timeout: 1s}\n"
			   "steps:\n"
			   "  - {name: a, service: s, action: do, compensate: undo}\n"
			   "  - {name: b, service: s, action: do, compensate: undo}\n";
static const char tcc[] = SAGA "protocol: tcc\n"
			       "steps:\n"
			       "  - {name: a, service: s, try: t, confirm: c, cancel: x}\n"
			       "  - {name: b, service: s, try: t, confirm: c, cancel: x}\n";
static const char votes[] = SAGA "protocol: 2pc\n"
				 "steps:\n"
				 "  - {name: a, service: s, prepare: p, commit: c, rollback: r}\n"
				 "  - {name: b, service: s, prepare: p, commit: c, rollback: r}\n";
static const char alone[] =
	SAGA "protocol: 2pc\n"
	     "steps:\n"
	     "  - {name: a, service: s, prepare: p, commit: c, rollback: r, one_phase: o}\n";
static const char last[] = SAGA "protocol: 2pc\n"
				"steps:\n"
				"  - {name: l, service: s, commit: c, last_resource: true}\n"
				"  - {name: a, service: s, prepare: p, commit: c, rollback: r}\n";
static const char mixed[] =
	SAGA "protocol: mixed\n"
	     "steps:\n"
	     "  - {name: a, kind: saga, service: s, action: do, compensate: undo}\n"
	     "  - {name: b, kind: tcc, service: s, try: t, confirm: c, cancel: x}\n"
	     "  - {name: v, kind: 2pc, service: s, prepare: p, commit: c, rollback: r}\n";

/* >a.do = sent, a.do ok = what became of it. */
static void path_of(const struct dry_run *run, char path[PATH_SIZE])
{
	size_t size = 0;

	path[0] = '\0';
	for (uint32_t i = 0; i < dry_event_count(run); i++) {
		const struct dry_event event = dry_event_at(run, i);
		const bool of_step = event.kind == DRY_EVENT_COMMAND ||
				     event.kind == DRY_EVENT_BRANCH ||
				     event.kind == DRY_EVENT_PARKED;
		char name[160] = "";
		const char *word = "";

		if (of_step) {
			const struct slice step = run->plan->steps[event.step].name;
			const struct slice op =
				event.op == WIRE_OP_SETTLE
					? slice_str("settle")
					: dry_operation_name(run->plan, event.step, event.op);

			(void)snprintf(name, sizeof name, "%.*s.%.*s", (int)step.size,
				       (const char *)step.data, (int)op.size,
				       (const char *)op.data);
		}
		if (event.kind == DRY_EVENT_BRANCH)
			word = wire_event_name(event.word);
		else if (event.kind == DRY_EVENT_PARKED)
			word = "parked";
		else if (event.kind == DRY_EVENT_DECISION)
			word = event.word == WIRE_DECISION_COMMIT ? "COMMIT" : "ABORT";
		else if (event.kind == DRY_EVENT_FINISHED)
			word = wire_state_name(event.word);
		else if (event.kind == DRY_EVENT_ACCEPTED)
			continue;
		size += (size_t)snprintf(path + size, PATH_SIZE - size, "%s%s%s%s%s",
					 size > 0 ? ", " : "",
					 event.kind == DRY_EVENT_COMMAND ? ">" : "", name,
					 name[0] != '\0' && word[0] != '\0' ? " " : "", word);
		assert_true(size < PATH_SIZE);
	}
}

static const struct {
	const char *definition;
	struct {
		uint32_t step, op;
		enum dry_answer answer;
	} fails[2];
	const char *path;
} cases[] = {
	{two, {{0}}, ">a.do, a.do ok, >b.do, b.do ok, completed"},
	{two,
	 {{1, WIRE_OP_FORWARD, DRY_REJECTED}},
	 ">a.do, a.do ok, >b.do, b.do rejected, ABORT, >a.undo, a.undo ok, compensated"},
	{two,
	 {{1, WIRE_OP_FORWARD, DRY_RETRY}},
	 ">a.do, a.do ok, >b.do, b.do again, >b.do, b.do ok, completed"},
	{two,
	 {{1, WIRE_OP_FORWARD, DRY_LOST}},
	 ">a.do, a.do ok, >b.do, b.do again, >b.do, b.do ok, completed"},
	/* Unknown counts as done. */
	{two,
	 {{1, WIRE_OP_FORWARD, DRY_EXHAUSTED}},
	 ">a.do, a.do ok, >b.do, b.do again, >b.do, b.do uncertain, ABORT, >b.undo, b.undo ok, "
	 ">a.undo, a.undo ok, compensated"},
	{two,
	 {{1, WIRE_OP_FORWARD, DRY_REJECTED}, {0, WIRE_OP_UNDO, DRY_EXHAUSTED}},
	 ">a.do, a.do ok, >b.do, b.do rejected, ABORT, >a.undo, a.undo again, >a.undo, a.undo "
	 "parked"},
	{late,
	 {{1, WIRE_OP_FORWARD, DRY_EXHAUSTED}},
	 ">a.do, a.do ok, >b.do, b.do again, >b.do, ABORT, >b.undo, b.undo ok, >a.undo, a.undo "
	 "ok, compensated"},
	{diamond,
	 {{3, WIRE_OP_FORWARD, DRY_REJECTED}},
	 ">a.do, a.do ok, >b.do, >c.do, b.do ok, c.do ok, >d.do, d.do rejected, ABORT, >b.undo, "
	 ">c.undo, b.undo ok, c.undo ok, >a.undo, a.undo ok, compensated"},
	{pivot, {{0}}, ">a.do, a.do ok, >p.do, p.do ok, >r.do, r.do ok, completed"},
	{pivot,
	 {{1, WIRE_OP_FORWARD, DRY_REJECTED}},
	 ">a.do, a.do ok, >p.do, p.do rejected, ABORT, >a.undo, a.undo ok, compensated"},
	/* Block and tell. */
	{pivot,
	 {{1, WIRE_OP_FORWARD, DRY_UNKNOWN}},
	 ">a.do, a.do ok, >p.do, p.do again, >p.do, p.do uncertain, >p.settle, p.settle ok, "
	 ">r.do, r.do ok, completed"},
	{pivot,
	 {{1, WIRE_OP_FORWARD, DRY_EXHAUSTED}},
	 ">a.do, a.do ok, >p.do, p.do again, >p.do, p.do uncertain, >p.settle, p.settle rejected, "
	 "ABORT, >a.undo, a.undo ok, compensated"},
	{pivot,
	 {{2, WIRE_OP_FORWARD, DRY_REJECTED}},
	 ">a.do, a.do ok, >p.do, p.do ok, >r.do, r.do again, >r.do, r.do parked"},
	{optional,
	 {{0, WIRE_OP_FORWARD, DRY_REJECTED}},
	 ">o.do, o.do rejected, >x.do, x.do ok, >b.do, b.do ok, completed"},
	{optional,
	 {{0, WIRE_OP_FORWARD, DRY_UNKNOWN}, {1, WIRE_OP_FORWARD, DRY_EXHAUSTED}},
	 ">o.do, o.do again, >o.do, o.do uncertain, >o.undo, o.undo ok, >x.do, x.do again, >x.do, "
	 "x.do uncertain, >x.settle, x.settle rejected, >b.do, b.do ok, completed"},
	{tcc, {{0}}, ">a.t, >b.t, a.t ok, b.t ok, COMMIT, >a.c, >b.c, a.c ok, b.c ok, completed"},
	{tcc,
	 {{1, WIRE_OP_FORWARD, DRY_REJECTED}},
	 ">a.t, >b.t, a.t ok, b.t rejected, ABORT, >a.x, a.x ok, compensated"},
	{tcc,
	 {{0, WIRE_OP_FINISH, DRY_EXHAUSTED}},
	 ">a.t, >b.t, a.t ok, b.t ok, COMMIT, >a.c, >b.c, b.c ok, a.c again, >a.c, a.c parked"},
	{votes, {{0}}, ">a.p, >b.p, a.p ok, b.p ok, COMMIT, >a.c, >b.c, a.c ok, b.c ok, completed"},
	{votes,
	 {{0, WIRE_OP_FORWARD, DRY_READ_ONLY}},
	 ">a.p, >b.p, a.p read_only, b.p ok, COMMIT, >b.c, b.c ok, completed"},
	{votes,
	 {{0, WIRE_OP_FINISH, DRY_HEURISTIC_ROLLBACK}},
	 ">a.p, >b.p, a.p ok, b.p ok, COMMIT, >a.c, >b.c, a.c heuristic, b.c ok, completed"},
	{alone, {{0}}, ">a.o, a.o ok, completed"},
	{alone,
	 {{0, WIRE_OP_FORWARD, DRY_EXHAUSTED}},
	 ">a.o, a.o again, >a.o, a.o uncertain, >a.settle, a.settle rejected, ABORT, compensated"},
	{last, {{0}}, ">a.p, a.p ok, >l.c, l.c ok, >a.c, a.c ok, completed"},
	{last,
	 {{0, WIRE_OP_FORWARD, DRY_REJECTED}},
	 ">a.p, a.p ok, >l.c, l.c rejected, ABORT, >a.r, a.r ok, compensated"},
	{mixed,
	 {{0}},
	 ">a.do, a.do ok, >b.t, b.t ok, >v.p, v.p ok, COMMIT, >b.c, >v.c, b.c ok, v.c ok, "
	 "completed"},
	{mixed,
	 {{2, WIRE_OP_FORWARD, DRY_REJECTED}},
	 ">a.do, a.do ok, >b.t, b.t ok, >v.p, v.p rejected, ABORT, >b.x, b.x ok, >a.undo, a.undo "
	 "ok, compensated"},
};

static void paths(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct saga_definition *definition = NULL;
		struct dry_run *run = calloc(1, sizeof *run);
		char why[1024], path[PATH_SIZE], again[PATH_SIZE];

		assert_non_null(run);
		if (saga_definition_parse(cases[i].definition, strlen(cases[i].definition), "t",
					  &definition, why, sizeof why) != 0)
			fail_msg("%s", why);
		run->plan = &definition->plan;
		for (uint32_t j = 0; j < 2; j++)
			if (cases[i].fails[j].op != 0)
				run->answers[cases[i].fails[j].step][cases[i].fails[j].op] =
					cases[i].fails[j].answer;
		assert_int_equal(dry_run(run), 0);
		path_of(run, path);
		if (strcmp(path, cases[i].path) != 0) {
			good = false;
			print_error("case %zu gave\n%s\ninstead of\n%s\n", i, path, cases[i].path);
		}
		/* The same again is the same. */
		dry_run_close(run);
		assert_int_equal(dry_run(run), 0);
		path_of(run, again);
		assert_string_equal(path, again);
		dry_run_close(run);
		free(run);
		saga_definition_free(definition);
	}
	assert_true(good);
}

/* Whatever one operation does, the run ends, and the same answer never ends it both ways. */
static void every_single_failure(void **state)
{
	static const char *const definitions[] = {two, pivot, optional, diamond, late,
						  tcc, votes, alone,    last,    mixed};
	struct dry_run *run = calloc(1, sizeof *run);

	(void)state;
	assert_non_null(run);
	for (size_t i = 0; i < sizeof definitions / sizeof definitions[0]; i++) {
		struct saga_definition *definition = NULL;
		char why[1024];

		assert_int_equal(saga_definition_parse(definitions[i], strlen(definitions[i]), "t",
						       &definition, why, sizeof why),
				 0);
		const uint32_t all = definition->plan.step_count * (DRY_OPS - 1) * DRY_ANSWERS;

		for (uint32_t one = 0; one < all; one++) {
			const enum dry_answer answer = one % DRY_ANSWERS;
			const uint32_t op = one / DRY_ANSWERS % (DRY_OPS - 1) + 1;
			const uint32_t step = one / DRY_ANSWERS / (DRY_OPS - 1);

			if (!dry_answer_fits(answer, op))
				continue;
			memset(run, 0, sizeof *run);
			run->plan = &definition->plan;
			run->answers[step][op] = answer;
			assert_int_equal(dry_run(run), 0);
			assert_false(run->cut);
			if (run->state != WIRE_STATE_COMPLETED &&
			    run->state != WIRE_STATE_COMPENSATED && run->state != WIRE_STATE_PARKED)
				fail_msg("definition %zu, step %u %s %s: %s", i, step,
					 wire_op_name(op), dry_answer_name(answer),
					 wire_state_name(run->state));
			/* A no undoes what is not decided yet, and a plain yes changes nothing. */
			if (answer == DRY_OK)
				assert_int_equal(run->state, WIRE_STATE_COMPLETED);
			if (run->state == WIRE_STATE_COMPENSATED)
				assert_int_equal(run->decision, WIRE_DECISION_ABORT);
			dry_run_close(run);
		}
		saga_definition_free(definition);
	}
	free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(every_single_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
