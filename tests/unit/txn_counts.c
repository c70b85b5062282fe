/* What a transaction of each protocol costs: commands, records, answers and round trips, exactly;
 * and docs/protocols.md says the same. `test_txn_counts --write` makes its table. */
#include "tests/unit/txn_courses.h"

#include <stdio.h>
#include <stdlib.h>

#define DOC   SAGAD_SOURCE_DIR "/docs/protocols.md"
#define BEGIN "<!-- table: counts -->\n"
#define END   "<!-- end -->\n"

enum { DOC_SIZE_MAX = 256 * 1024 };

static const uint32_t sizes[] = {1, 2, 3, 8};

static uint32_t at(struct linear formula, uint32_t n)
{
	return (uint32_t)(formula.a * (int)n + formula.b);
}

static struct linear records_of(const struct course *c)
{
	return (struct linear){c->branch.a + c->decision.a + c->interactive.a,
			       c->branch.b + c->decision.b + c->interactive.b + 2};
}

#define SAME(is, should)                                                                           \
	do {                                                                                       \
		if ((is) != (should))                                                              \
			fail_msg("%s, n = %u: %s is %u, not %u", run->course->name, run->n, #is,   \
				 (is), (should));                                                  \
	} while (0)

#define SAME_AT(cut, is, should)                                                                   \
	do {                                                                                       \
		if ((is) != (should))                                                              \
			fail_msg("%s, taken over at record %u: %s is %u, not %u", c->name, cut,    \
				 #is, (is), (should));                                             \
	} while (0)

static void check(struct course_run *run)
{
	const struct course *c = run->course;
	const uint32_t n = run->n;
	uint32_t operations = 0;

	SAME(run->commands, at(c->commands, n));
	SAME(course_records(run, WIRE_RECORD_ACCEPTED), 1);
	SAME(course_records(run, WIRE_RECORD_BRANCH), at(c->branch, n));
	SAME(course_records(run, WIRE_RECORD_DECISION), at(c->decision, n));
	SAME(course_records(run, WIRE_RECORD_ENLISTED) + course_records(run, WIRE_RECORD_CLOSED),
	     at(c->interactive, n));
	SAME(course_records(run, WIRE_RECORD_FINISHED), 1);
	SAME(run->host.record_count, at(records_of(c), n));
	SAME(run->answers, at(c->answers, n));
	SAME(run->rounds, at(c->rounds, n));
	/* Nothing is asked twice. */
	for (uint32_t i = 0; i < n; i++)
		operations += (uint32_t)__builtin_popcount(run->asked[i]);
	SAME(run->commands, operations);
	host_query(&run->host, "s", false);
	SAME(run->host.answer.state, c->state);
}

static void counts_are_exact(void **state)
{
	static struct course_run run;

	(void)state;
	for (uint32_t i = 0; i < course_count; i++) {
		for (uint32_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
			if (sizes[j] < courses[i].from || sizes[j] > courses[i].to)
				continue;
			course_run(&run, &courses[i], sizes[j], UINT32_MAX);
			check(&run);
			host_close(&run.host);
		}
	}
}

/* What no transaction of its kind can do without, whatever the table says. */
static void counts_are_the_least(void **state)
{
	static struct course_run run;

	(void)state;
	for (uint32_t i = 0; i < course_count; i++) {
		const struct course *c = &courses[i];
		uint32_t least = 0;

		course_run(&run, c, c->to, UINT32_MAX);
		for (uint32_t step = 0; step < c->to; step++) {
			const uint32_t said = c->says(c->to, step, WIRE_OP_FORWARD);
			const bool prepared = (run.asked[step] & (1U << WIRE_OP_FORWARD)) != 0;

			/* One to ask; and one to tell the decision, but not to who said no, or
			 * has nothing to do with it. Silence is found out about. */
			least += prepared;
			if (c->state == WIRE_STATE_COMPENSATED)
				least += said != WIRE_OUTCOME_REJECTED;
			else if (said == 0)
				least++;
			else if (said == WIRE_OUTCOME_OK && c->client != COURSE_SUBMITS)
				least++;
			else if (said == WIRE_OUTCOME_OK && run.plan.steps[step].finish.size > 0)
				least += run.plan.plan.step_count > 1 ||
					 run.plan.steps[step].one_phase.size == 0;
		}
		if (run.commands != least)
			fail_msg("%s: %u commands, %u would do", c->name, run.commands, least);
		host_close(&run.host);
	}
}

/* ---- take-over ---------------------------------------------------------------------------------
 */

/* Wherever the journal ends when the owner dies, the next one brings it to the same end, asking
 * everybody for the same operations. */
static void take_over_at_any_record(void **state)
{
	static struct course_run whole, run;

	(void)state;
	for (uint32_t i = 0; i < course_count; i++) {
		const struct course *c = &courses[i];
		const uint32_t n = c->to < 3 ? c->to : 3;

		course_run(&whole, c, n, UINT32_MAX);
		for (uint32_t cut = 0; cut < whole.host.record_count; cut++) {
			course_run(&run, c, n, cut);
			host_query(&run.host, "s", false);
			SAME_AT(cut, run.host.answer.state, c->state);
			for (uint32_t step = 0; step < n; step++)
				SAME_AT(cut, run.asked[step], whole.asked[step]);
			host_close(&run.host);
		}
		host_close(&whole.host);
	}
}

/* ---- the page ----------------------------------------------------------------------------------
 */

static void put_formula(struct buf *out, struct linear f)
{
	if (f.a == 0)
		(void)buf_printf(out, " %d |", f.b);
	else if (f.a == 1)
		(void)buf_printf(out, f.b ? " n %c %d |" : " n |", f.b < 0 ? '-' : '+', abs(f.b));
	else
		(void)buf_printf(out, f.b ? " %dn %c %d |" : " %dn |", f.a, f.b < 0 ? '-' : '+',
				 abs(f.b));
}

static void put_table(struct buf *out)
{
	(void)buf_printf(out, "| course | commands | of a branch | decision | enlisted, closed "
			      "| records in all | answers | round trips |\n"
			      "|---|---|---|---|---|---|---|---|\n");
	for (uint32_t i = 0; i < course_count; i++) {
		const struct course *c = &courses[i];

		(void)buf_printf(out, "| %s |", c->name);
		put_formula(out, c->commands);
		put_formula(out, c->branch);
		put_formula(out, c->decision);
		put_formula(out, c->interactive);
		put_formula(out, records_of(c));
		put_formula(out, c->answers);
		put_formula(out, c->rounds);
		(void)buf_printf(out, "\n");
	}
}

static char *read_doc(void)
{
	static char doc[DOC_SIZE_MAX];
	FILE *file = fopen(DOC, "r");

	assert_non_null(file);
	doc[fread(doc, 1, sizeof doc - 1, file)] = '\0';
	assert_int_equal(fclose(file), 0);
	return doc;
}

/* The page with its table made anew. */
static void rebuild(const char *doc, struct buf *out)
{
	const char *begin = strstr(doc, BEGIN);
	const char *end = begin ? strstr(begin, END) : NULL;

	assert_non_null(end);
	buf_init(out, DOC_SIZE_MAX);
	(void)buf_put(out, doc, (uint32_t)(begin - doc) + (uint32_t)strlen(BEGIN));
	put_table(out);
	(void)buf_put(out, end, (uint32_t)strlen(end));
	assert_int_equal(buf_error(out), 0);
}

static void doc_agrees(void **state)
{
	const char *doc = read_doc();
	struct buf should;

	(void)state;
	rebuild(doc, &should);
	if (should.size != strlen(doc) || memcmp(should.data, doc, should.size) != 0)
		fail_msg("the table of docs/protocols.md is another one (test_txn_counts --write)");
	buf_close(&should);
}

static void write_doc(void **state)
{
	struct buf should;
	FILE *file;

	(void)state;
	rebuild(read_doc(), &should);
	file = fopen(DOC, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(should.data, 1, should.size, file), should.size);
	assert_int_equal(fclose(file), 0);
	buf_close(&should);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_exact),
		cmocka_unit_test(counts_are_the_least),
		cmocka_unit_test(take_over_at_any_record),
		cmocka_unit_test(doc_agrees),
	};
	const struct CMUnitTest write[] = {cmocka_unit_test(write_doc)};

	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return cmocka_run_group_tests(write, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
