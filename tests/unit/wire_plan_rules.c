/* Which steps a plan may be made of, and in which order: kinds, operations, the point of no return,
 * what S4 adds to what is written, branches that are enlisted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/plan.h"

enum { STEPS = 6 };

struct sample {
	struct wire_plan plan;
	struct wire_step steps[WIRE_STEPS_MAX];
	uint8_t after[STEPS][STEPS];
};

static char words[256];

static int check(const struct wire_plan *plan)
{
	struct buf why;

	buf_init_fixed(&why, words, sizeof words - 1);
	const int error = wire_plan_check(plan, &why);
	words[why.size] = '\0';
	assert_true((error == 0) == (why.size == 0));
	assert_int_equal(wire_plan_check(plan, NULL), error);
	return error;
}

/* ---- kinds, operations, flags -----------------------------------------------------------------*/

enum operation { FINISH = 1, UNDO = 2, ONE_PHASE = 4 };

/* By the table of plan.h: which of finish, undo and one-phase go with a kind and its flags. */
static bool allowed(uint32_t kind, uint32_t flags, uint32_t operations)
{
	if (kind == WIRE_PROTOCOL_SAGA && (flags == 0 || flags == WIRE_STEP_OPTIONAL))
		return (operations & ~(uint32_t)UNDO) == 0;
	if (kind == WIRE_PROTOCOL_SAGA)
		return (flags == WIRE_STEP_PIVOT || flags == WIRE_STEP_RETRIABLE) &&
		       operations == 0;
	if (kind == WIRE_PROTOCOL_TCC)
		return flags == 0 && operations == (FINISH | UNDO);
	if (kind == WIRE_PROTOCOL_2PC && flags == 0)
		return (operations & ~(uint32_t)ONE_PHASE) == (FINISH | UNDO);
	return kind == WIRE_PROTOCOL_2PC && flags == WIRE_STEP_PIVOT && operations == 0;
}

/* A step behind a pivot, so that a retriable one is where it belongs. */
static void one_step(struct sample *sample, uint32_t protocol, uint32_t kind, uint32_t flags,
		     uint32_t operations)
{
	const bool behind = (flags & WIRE_STEP_RETRIABLE) != 0;

	*sample = (struct sample){0};
	sample->steps[0] = (struct wire_step){
		.name = slice_str("subject"),
		.service = slice_str("service"),
		.forward = slice_str("do"),
		.finish = slice_str(operations & FINISH ? "finish" : ""),
		.undo = slice_str(operations & UNDO ? "undo" : ""),
		.one_phase = slice_str(operations & ONE_PHASE ? "both" : ""),
		.flags = flags,
		.kind = kind,
	};
	sample->steps[1] = (struct wire_step){
		.name = slice_str("pivot"),
		.service = slice_str("service"),
		.forward = slice_str("do"),
		.flags = WIRE_STEP_PIVOT,
		.kind = protocol == WIRE_PROTOCOL_MIXED ? WIRE_PROTOCOL_SAGA : 0,
	};
	sample->plan = (struct wire_plan){
		.name = slice_str("plan"),
		.version = 1,
		.protocol = protocol,
		.steps = sample->steps,
		.step_count = behind ? 2 : 1,
	};
	wire_plan_resolve(&sample->plan);
}

static void every_kind_of_step(void **state)
{
	uint32_t good = 0;

	(void)state;
	for (uint32_t all = 0; all < 4 * 6 * 16 * 8; all++) {
		const uint32_t protocol = all % 4 + 1;
		const uint32_t kind = all / 4 % 6; /* 4 and 5 are none */
		const uint32_t flags = all / 24 % 16;
		const uint32_t operations = all / 384;
		const bool mixed = protocol == WIRE_PROTOCOL_MIXED;
		struct sample sample;

		/* A pivot for it to stand behind is there in these only. */
		if ((flags & WIRE_STEP_RETRIABLE) && protocol != WIRE_PROTOCOL_SAGA && !mixed)
			continue;
		one_step(&sample, protocol, kind, flags, operations);
		const bool expected =
			(kind == 0) != mixed && allowed(mixed ? kind : protocol, flags, operations);

		if (check(&sample.plan) != (expected ? 0 : SAGA_E_PLAN))
			fail_msg("protocol %u kind %u flags %u operations %u: %s", protocol, kind,
				 flags, operations, words);
		good += expected ? 1 : 0;
	}
	/* saga 2+2+1+1, tcc 1, 2pc 2+1; each by its protocol and in a mixed plan. */
	assert_int_equal(good, 2 * (6 + 1 + 3));
}

static void what_they_are_told(void **state)
{
	static const struct {
		uint32_t protocol, kind, flags, operations;
		const char *sentence;
	} cases[] = {
		{1, 0, 0, FINISH,
		 "a step of a saga has an action, an undo or none, and nothing else"},
		{1, 0, WIRE_STEP_OPTIONAL, ONE_PHASE,
		 "an optional step has an action, an undo or none, and nothing else"},
		{1, 0, WIRE_STEP_PIVOT, UNDO, "a pivot has an action alone: nothing undoes it"},
		{1, 0, WIRE_STEP_RETRIABLE, UNDO,
		 "a retriable step has an action alone: it is never undone"},
		{2, 0, 0, UNDO, "a step of TCC has try, confirm and cancel, and nothing else"},
		{3, 0, 0, FINISH, "a step of 2PC has prepare, commit and rollback"},
		{3, 0, WIRE_STEP_PIVOT, FINISH | UNDO,
		 "the last resource of 2PC has one operation alone: it does not vote"},
		{4, 0, 0, 0, "a step of a mixed plan must say its kind: saga, tcc or 2pc"},
		{1, 1, 0, 0, "only a step of a mixed plan says its kind"},
		{2, 0, WIRE_STEP_OPTIONAL, FINISH | UNDO,
		 "there is no such kind of step: pivot, retriable and optional stand alone, and "
		 "the last two in a saga only"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct sample sample;

		one_step(&sample, cases[i].protocol, cases[i].kind, cases[i].flags,
			 cases[i].operations);
		assert_int_equal(check(&sample.plan), SAGA_E_PLAN);
		assert_memory_equal(words, "step \"subject\": ", 16);
		assert_string_equal(words + 16, cases[i].sentence);
	}
}

static void one_phase_is_a_name(void **state)
{
	struct sample sample;

	(void)state;
	one_step(&sample, WIRE_PROTOCOL_2PC, 0, 0, FINISH | UNDO | ONE_PHASE);
	sample.steps[0].one_phase = slice_str("a b");
	assert_int_equal(check(&sample.plan), SAGA_E_NAME);
	sample.steps[0].one_phase = slice_str("both");
	sample.steps[0].finish = slice_str("a b");
	assert_int_equal(check(&sample.plan), SAGA_E_NAME);
}

static void defaults_of_votes(void **state)
{
	struct sample sample;

	(void)state;
	one_step(&sample, WIRE_PROTOCOL_2PC, 0, 0, FINISH | UNDO);
	assert_int_equal(sample.steps[0].attempt_timeout_ms, 5000);
	assert_int_equal(sample.steps[0].budget_ms, 5000);
	one_step(&sample, WIRE_PROTOCOL_MIXED, WIRE_PROTOCOL_2PC, WIRE_STEP_PIVOT, 0);
	assert_int_equal(sample.steps[0].attempt_timeout_ms, 5000);
	assert_int_equal(sample.steps[0].budget_ms, 0); /* unknown is no reason to give it up */
	one_step(&sample, WIRE_PROTOCOL_TCC, 0, 0, FINISH | UNDO);
	assert_int_equal(sample.steps[0].attempt_timeout_ms, 15000);
	assert_int_equal(sample.steps[0].budget_ms, 0);
}

/* ---- the point of no return ---------------------------------------------------------------------
 */

/* A graph in letters, a word a step: its kind, and the numbers of the steps that it waits for.
 *   s saga, o optional, p pivot, r retriable, t tcc, v 2pc (votes), l last resource
 */
static void draw(struct sample *sample, const char *graph)
{
	static const char *const names[STEPS] = {"s0", "s1", "s2", "s3", "s4", "s5"};
	uint32_t count = 0;

	*sample = (struct sample){0};
	while (*graph != '\0') {
		struct wire_step *step = &sample->steps[count];
		const char kind = *graph++;
		uint32_t waits = 0;

		assert_true(count < STEPS);
		*step = (struct wire_step){
			.name = slice_str(names[count]),
			.service = slice_str("service"),
			.forward = slice_str("do"),
			.kind = kind == 't'                  ? WIRE_PROTOCOL_TCC
				: kind == 'v' || kind == 'l' ? WIRE_PROTOCOL_2PC
							     : WIRE_PROTOCOL_SAGA,
			.flags = kind == 'o'                  ? WIRE_STEP_OPTIONAL
				 : kind == 'p' || kind == 'l' ? WIRE_STEP_PIVOT
				 : kind == 'r'                ? WIRE_STEP_RETRIABLE
							      : 0,
		};
		if (kind == 't' || kind == 'v')
			step->finish = slice_str("finish");
		if (kind == 't' || kind == 'v' || kind == 's')
			step->undo = slice_str("undo");
		for (; *graph >= '0' && *graph <= '9'; graph++)
			sample->after[count][waits++] = (uint8_t)(*graph - '0');
		step->after = slice_of(sample->after[count], waits);
		count++;
		graph += *graph == ' ' ? 1 : 0;
	}
	sample->plan = (struct wire_plan){
		.name = slice_str("plan"),
		.version = 1,
		.protocol = WIRE_PROTOCOL_MIXED,
		.steps = sample->steps,
		.step_count = count,
	};
	wire_plan_resolve(&sample->plan);
}

static void collect(void *context, const struct wire_plan_fault *fault)
{
	char *text = context;
	const size_t size = strlen(text);

	(void)snprintf(text + size, 256 - size, "%u:%s\n", fault->step, fault->text);
}

static const char TWO[] = "another step is the point of no return: there is one at most";
static const char NO_PIVOT[] = "it is retriable, and the plan has no pivot before it";
static const char BEFORE[] = "it is retriable, so it comes behind the pivot, which waits for it";
static const char BEHIND[] =
	"it waits for the point of no return, so it must be retriable or optional";

static void the_point_of_no_return(void **state)
{
	static const struct {
		const char *graph;
		uint32_t step;
		const char *sentence; /* NULL: good */
	} cases[] = {
		{"p", 0, NULL},
		{"l", 0, NULL},
		{"s p0 r1", 0, NULL},
		{"s p0 o1 r2 o3", 0, NULL},
		{"p r r1", 0, NULL},
		{"s t v l", 0, NULL},
		{"p0", 0, "it depends on itself"},
		/* One of them. */
		{"p p", 1, TWO},
		{"p s l", 2, TWO},
		{"l0 p", 0, "it depends on itself"},
		{"l l0", 1, TWO},
		/* Retriable only behind one. */
		{"s r0", 1, NO_PIVOT},
		{"r p0", 0, BEFORE},
		{"r o0 p1", 0, BEFORE},
		{"s r0 s1 p2", 1, BEFORE},
		/* Nothing that may be refused, or votes, behind it. */
		{"p s0", 1, BEHIND},
		{"p t0", 1, BEHIND},
		{"p v0", 1, BEHIND},
		{"l v0", 1, BEHIND},
		{"p o0 s1", 2, BEHIND},
		{"p r0 t1", 2, BEHIND},
		{"s3 s r p", 0, BEHIND},
		/* Not by what is written, but by what S4 adds. */
		{"p r s1", 2, BEHIND},
		{"p r t1", 2, BEHIND},
		{"p r v1", 2, BEHIND},
		{"p r o1 s2", 3, BEHIND},
		{"s1 r p", 0, BEHIND},
		/* Beside it is before it. */
		{"p s t v o", 0, NULL},
		{"s1 s2 p r2", 0,
		 "it waits for the point of no return, so it must be retriable or "
		 "optional"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct sample sample;
		char told[256] = "";
		char expected[256] = "";

		draw(&sample, cases[i].graph);
		const int error = check(&sample.plan);

		if (cases[i].sentence != NULL)
			(void)snprintf(expected, sizeof expected, "step \"s%u\": %s", cases[i].step,
				       cases[i].sentence);
		if (strcmp(words, expected) != 0)
			fail_msg("%s: %s, not %s", cases[i].graph, words, expected);
		assert_int_equal(error, cases[i].sentence != NULL ? SAGA_E_PLAN : 0);
		wire_plan_faults(&sample.plan, collect, told);
		assert_int_equal(told[0] != '\0', error != 0);
	}
}

static void all_faults_at_once(void **state)
{
	struct sample sample;
	char told[256] = "";
	char expected[512];

	(void)state;
	draw(&sample, "p p r s2 s1");
	wire_plan_faults(&sample.plan, collect, told);
	(void)snprintf(expected, sizeof expected, "1:%s\n3:%s\n4:%s\n", TWO, BEHIND, BEHIND);
	assert_string_equal(told, expected);

	told[0] = '\0';
	draw(&sample, "r s0 p1");
	sample.steps[1].undo = slice_str("a b");
	sample.steps[2].attempt_timeout_ms = 1;
	wire_plan_faults(&sample.plan, collect, told);
	(void)snprintf(expected, sizeof expected,
		       "1:its undo operation must match [A-Za-z0-9_-]{1,64}\n"
		       "2:the attempt time-out must be 10 ms to 1 day\n0:%s\n",
		       BEFORE);
	assert_string_equal(told, expected);
}

/* ---- what S4 adds -------------------------------------------------------------------------------
 */

static void implied_edges(void **state)
{
	static const struct {
		const char *graph;
		uint64_t after[STEPS];
	} cases[] = {
		{"s s0 s1", {0, 1, 2}},      {"s s p", {0, 0, 3}},
		{"p s s1", {6, 0, 2}},       {"p r", {0, 1}},
		{"p r r1 o0", {0, 1, 3, 1}}, {"s p r o o2", {0, 1 | 8, 2, 0, 4}},
		{"l t v r", {6, 0, 0, 1}},   {"t s v l2 r", {0, 0, 0, 7, 8}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t after[WIRE_STEPS_MAX];
		struct sample sample;

		draw(&sample, cases[i].graph);
		assert_int_equal(check(&sample.plan), 0);
		wire_plan_edges(&sample.plan, after);
		for (uint32_t step = 0; step < sample.plan.step_count; step++)
			if (after[step] != cases[i].after[step])
				fail_msg("%s: step %u waits for %llx", cases[i].graph, step,
					 (unsigned long long)after[step]);
	}
}

static void behind_and_before(void **state)
{
	struct sample sample;
	uint64_t after[WIRE_STEPS_MAX];

	(void)state;
	draw(&sample, "s s0 s0 s12 s");
	assert_int_equal(wire_plan_behind(&sample.plan, 0), 0xe);
	assert_int_equal(wire_plan_behind(&sample.plan, 2), 0x8);
	assert_int_equal(wire_plan_behind(&sample.plan, 4), 0);
	wire_plan_edges(&sample.plan, after);
	assert_int_equal(wire_plan_ancestors(after, 3), 0x7);
	assert_int_equal(wire_plan_ancestors(after, 0), 0);
	/* Also in what has a cycle: it ends, and each is before itself. */
	after[0] = UINT64_C(1) << 3;
	assert_int_equal(wire_plan_ancestors(after, 3), 0xf);
}

/* Over random graphs: the pivot splits them; before it nothing waits for it; no cycle comes in. */
static void edges_of_random_graphs(void **state)
{
	uint32_t seed = 1;
	uint32_t good = 0;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		static const char kinds[] = "sotvrrp";
		uint64_t after[WIRE_STEPS_MAX];
		struct sample sample;
		char graph[64];
		uint32_t size = 0;
		uint32_t pivot = STEPS;

		for (uint32_t i = 0; i < STEPS; i++) {
			seed = seed * 1664525 + 1013904223;
			const char kind = kinds[(seed >> 16) % 7];

			graph[size++] = kind == 'p' && pivot < STEPS ? 's' : kind;
			pivot = kind == 'p' && pivot == STEPS ? i : pivot;
			for (uint32_t j = 0; j < i; j++) {
				seed = seed * 1664525 + 1013904223;
				if (seed >> 30 == 0)
					graph[size++] = (char)('0' + j);
			}
			graph[size++] = ' ';
		}
		graph[size - 1] = '\0';
		draw(&sample, graph);
		if (check(&sample.plan) != 0)
			continue;
		good++;
		wire_plan_edges(&sample.plan, after);
		for (uint32_t i = 0; i < STEPS && pivot < STEPS; i++) {
			const bool later = (wire_plan_ancestors(after, i) >> pivot & 1) != 0;
			const bool before = (wire_plan_ancestors(after, pivot) >> i & 1) != 0;
			const uint32_t flags = sample.steps[i].flags;

			if (i == pivot ? later || before : later == before)
				fail_msg("%s: step %u", graph, i);
			if (later && flags != WIRE_STEP_RETRIABLE && flags != WIRE_STEP_OPTIONAL)
				fail_msg("%s: step %u behind the pivot", graph, i);
			assert_true(later || flags != WIRE_STEP_RETRIABLE);
		}
	}
	assert_true(good > 500);
}

/* ---- interactive ------------------------------------------------------------------------------*/

static void interactive_plans(void **state)
{
	static const struct {
		uint32_t protocol, idle_ms, step_count;
		int code;
		const char *sentence;
	} cases[] = {
		{WIRE_PROTOCOL_TCC, 100, 0, 0, ""},
		{WIRE_PROTOCOL_2PC, 2592000000U, 0, 0, ""},
		{WIRE_PROTOCOL_2PC, 99, 0, SAGA_E_DEADLINE,
		 "the plan must have an idle time-out of 100 ms to 30 days"},
		{WIRE_PROTOCOL_2PC, 2592000001U, 0, SAGA_E_DEADLINE,
		 "the plan must have an idle time-out of 100 ms to 30 days"},
		{WIRE_PROTOCOL_SAGA, 100, 0, SAGA_E_PLAN,
		 "the plan is interactive, so it must be tcc or 2pc"},
		{WIRE_PROTOCOL_MIXED, 100, 0, SAGA_E_PLAN,
		 "the plan is interactive, so it must be tcc or 2pc"},
		{WIRE_PROTOCOL_2PC, 100, 1, SAGA_E_PLAN,
		 "the plan is interactive: its steps are enlisted, not written down"},
		{WIRE_PROTOCOL_2PC, 0, 0, SAGA_E_PLAN, "the plan has no steps"},
		{5, 100, 0, SAGA_E_PLAN, "the plan must be a saga, tcc, 2pc or mixed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct sample sample;

		one_step(&sample, cases[i].protocol, 0, 0, FINISH | UNDO);
		sample.plan.idle_ms = cases[i].idle_ms;
		sample.plan.step_count = cases[i].step_count;
		assert_int_equal(check(&sample.plan), cases[i].code);
		assert_string_equal(words, cases[i].sentence);
	}
}

static int enlist(struct sample *sample, uint32_t step)
{
	struct buf why;

	sample->plan.step_count = step + 1;
	sample->plan.idle_ms = 1000;
	buf_init_fixed(&why, words, sizeof words - 1);
	const int error = wire_step_check(&sample->plan, step, &why);
	words[why.size] = '\0';
	assert_true((error == 0) == (why.size == 0));
	return error;
}

static void enlisted_steps(void **state)
{
	static const char refused[] = "step \"second\": a branch that is enlisted waits for no "
				      "other, has no flags and no input of its own";
	struct sample sample;
	struct wire_step *step = &sample.steps[1];

	(void)state;
	one_step(&sample, WIRE_PROTOCOL_2PC, 0, 0, FINISH | UNDO);
	*step = sample.steps[0];
	step->name = slice_str("second");
	const struct wire_step good = *step;

	assert_int_equal(enlist(&sample, 0), 0);
	assert_int_equal(enlist(&sample, 1), 0);
	step->after = slice_of("\x00", 1);
	assert_int_equal(enlist(&sample, 1), SAGA_E_PLAN);
	assert_string_equal(words, refused);
	*step = good;
	step->flags = WIRE_STEP_PIVOT;
	assert_int_equal(enlist(&sample, 1), SAGA_E_PLAN);
	assert_string_equal(words, refused);
	*step = good;
	step->input = slice_str("{}");
	assert_int_equal(enlist(&sample, 1), SAGA_E_PLAN);
	assert_string_equal(words, refused);
	*step = good;
	step->name = sample.steps[0].name;
	assert_int_equal(enlist(&sample, 1), SAGA_E_PLAN);
	*step = good;
	step->kind = WIRE_PROTOCOL_2PC;
	assert_int_equal(enlist(&sample, 1), SAGA_E_PLAN);
	*step = good;
	step->undo = slice_str("");
	assert_int_equal(enlist(&sample, 1), SAGA_E_PLAN);
	*step = good;
	step->delivery = WIRE_DELIVERY_DIRECT;
	assert_int_equal(enlist(&sample, 1), SAGA_E_PLAN);
	*step = good;
	step->retry.attempts = 1001;
	assert_int_equal(enlist(&sample, 1), SAGA_E_POLICY);
	*step = good;
	step->service = slice_str("a.b");
	assert_int_equal(enlist(&sample, 1), SAGA_E_NAME);
}

static struct hash128 set_of(const struct wire_step *steps, const char *order)
{
	struct hash128 set = {0};

	for (; *order != '\0'; order++)
		wire_branch_set_add(&set, &steps[*order - '0']);
	return set;
}

static void sets_of_branches(void **state)
{
	struct sample sample;
	struct wire_step *steps = sample.steps;

	(void)state;
	draw(&sample, "v v v v");
	const struct hash128 set = set_of(steps, "0123");
	const struct hash128 other = set_of(steps, "3102");
	const struct hash128 fewer = set_of(steps, "012");

	assert_true(hash128_equal(&set, &other));
	assert_false(hash128_equal(&set, &fewer));

	/* What the owner fills in is not of it; each of its names is, at its place. */
	steps[3].attempt_timeout_ms++;
	steps[3].retry.attempts++;
	steps[3].delivery = WIRE_DELIVERY_DIRECT;
	struct hash128 again = set_of(steps, "0123");

	assert_true(hash128_equal(&set, &again));
	struct slice *const names[] = {&steps[3].name,   &steps[3].service, &steps[3].forward,
				       &steps[3].finish, &steps[3].undo,    &steps[3].one_phase};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const struct slice was = *names[i];

		*names[i] = slice_str("changed");
		again = set_of(steps, "0123");
		assert_false(hash128_equal(&set, &again));
		*names[i] = was;
	}
	steps[3].undo = slice_str("");
	steps[3].one_phase = slice_str("undo");
	again = set_of(steps, "0123");
	assert_false(hash128_equal(&set, &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_step),     cmocka_unit_test(what_they_are_told),
		cmocka_unit_test(one_phase_is_a_name),    cmocka_unit_test(defaults_of_votes),
		cmocka_unit_test(the_point_of_no_return), cmocka_unit_test(all_faults_at_once),
		cmocka_unit_test(implied_edges),          cmocka_unit_test(behind_and_before),
		cmocka_unit_test(edges_of_random_graphs), cmocka_unit_test(interactive_plans),
		cmocka_unit_test(enlisted_steps),         cmocka_unit_test(sets_of_branches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
