/* Checks on the checkers: the base tale passes; with one thing changed it is refused under the
 * right number, and nothing else pretends to be broken but what follows from it. */
#include "tests/unit/unit.h"

#include "tests/unit/judge_mangles.h"
#include <stdio.h>

static struct judge_options options_of(void)
{
	struct judge_options o = judge_defaults();

	o.timer_ms = 50;
	return o;
}

static void judge_tale(const struct tale *t, const struct judge_options *o, struct verdict *v)
{
	struct history h;

	memset(v, 0, sizeof *v);
	tale_build(t, &h);
	judge_all(&h, o, NULL, v);
	history_close(&h);
}

static bool same(struct law a, struct law b)
{
	return a.invariant == b.invariant && strcmp(a.rule, b.rule) == 0;
}

static bool may_be(const struct mangle *m, struct law law)
{
	for (size_t i = 0; i < sizeof m->also / sizeof m->also[0]; i++)
		if (m->also[i].rule != NULL && same(m->also[i], law) &&
		    (law.invariant != 0 || law.rule[0] != '\0'))
			return true;
	return same(m->law, law);
}

static bool refused(const struct mangle *m, const struct verdict *v)
{
	bool found = false, good = v->finding_count <= VERDICT_FINDINGS;
	char text[320];

	for (uint32_t i = 0; i < verdict_kept(v); i++) {
		found |= same(m->law, v->findings[i].law);
		finding_text(&v->findings[i], text, sizeof text);
		if (may_be(m, v->findings[i].law))
			continue;
		print_error("%s: %s\n", m->name, text);
		good = false;
	}
	if (!found)
		print_error("%s: invariant %u %s is not found\n", m->name, m->law.invariant,
			    m->law.rule);
	return found && good;
}

static void each_is_refused(void **state)
{
	static struct tale tale;
	static struct verdict verdict;
	const struct judge_options options = options_of();
	uint32_t bad = 0;
	(void)state;

	for (size_t i = 0; i < mangle_count; i++) {
		tale_tell(&tale);
		mangles[i].change(&tale);
		judge_tale(&tale, &options, &verdict);
		bad += !refused(&mangles[i], &verdict);
	}
	assert_int_equal(bad, 0);
}

static void base_passes(void **state)
{
	static struct tale tale;
	static struct verdict v;
	const struct judge_options options = options_of();
	char text[320];
	(void)state;

	tale_tell(&tale);
	judge_tale(&tale, &options, &v);
	for (uint32_t i = 0; i < verdict_kept(&v); i++) {
		finding_text(&v.findings[i], text, sizeof text);
		print_error("%s\n", text);
	}
	assert_int_equal(v.finding_count, 0);
	assert_int_equal(v.unseen_count, 0);
	assert_int_equal(judge_outcome(&v), JUDGE_PASSED);
	assert_int_equal(v.count.completed, 8);
	assert_int_equal(v.count.compensated, 3);
}

/* Bounds are the caller's. */
static void bounds_bind(void **state)
{
	static struct tale tale;
	static struct verdict v;
	struct judge_options o = options_of();
	(void)state;

	tale_tell(&tale);
	o.moves = 1;
	judge_tale(&tale, &o, &v);
	assert_int_equal(v.finding_count, 1);
	assert_string_equal(v.findings[0].law.rule, "L7");
	o = options_of();
	o.sends = 1;
	judge_tale(&tale, &o, &v);
	assert_true(v.finding_count > 0);
	assert_string_equal(v.findings[0].law.rule, "L10");
	o = options_of();
	o.end_ms = 100;
	judge_tale(&tale, &o, &v);
	assert_true(v.finding_count > 0);
	assert_string_equal(v.findings[0].law.rule, "L1");
	assert_int_equal(judge_outcome(&v), JUDGE_LATE);
}

/* What a liar says is not held against the coordinator. */
static void liars_are_excused(void **state)
{
	static struct tale tale;
	static struct verdict v;
	const struct judge_options o = options_of();
	(void)state;

	tale_tell(&tale);
	mangle_ok(&tale);
	tale.liars = 1;
	judge_tale(&tale, &o, &v);
	assert_int_equal(v.finding_count, 0);
}

static void too_little_is_inconclusive(void **state)
{
	static struct tale tale;
	static struct verdict v;
	struct judge_options o = options_of();
	struct history h;
	(void)state;

	tale_tell(&tale);
	for (uint32_t i = 0; i < HISTORY_PARTS; i++) {
		tale_build(&tale, &h);
		h.parts &= ~(1U << i);
		memset(&v, 0, sizeof v);
		judge_all(&h, &o, NULL, &v);
		assert_int_equal(v.unseen_count, i == 1 ? 2 : 1);
		assert_int_equal(judge_outcome(&v), JUDGE_INCONCLUSIVE);
		o.excused = 1U << i;
		memset(&v, 0, sizeof v);
		judge_all(&h, &o, NULL, &v);
		assert_int_equal(judge_outcome(&v), i == 1 ? JUDGE_INCONCLUSIVE : JUDGE_PASSED);
		o.excused = 0;
		history_close(&h);
	}
	o.completed = 9;
	judge_tale(&tale, &o, &v);
	assert_int_equal(judge_outcome(&v), JUDGE_INCONCLUSIVE);
}

/* Safety before liveness, then what is told in fewer words. */
static void smallest_is_first(void **state)
{
	static struct tale tale;
	static struct verdict v;
	const struct judge_options options = options_of();
	(void)state;

	tale_tell(&tale);
	mangle_status(&tale);
	judge_tale(&tale, &options, &v);
	assert_true(v.finding_count >= 3);
	assert_int_equal(v.findings[0].saga, ALONE);
	for (uint32_t i = 1; i < verdict_kept(&v); i++) {
		assert_true(!v.findings[i - 1].liveness || v.findings[i].liveness);
		if (v.findings[i - 1].liveness == v.findings[i].liveness)
			assert_true(v.findings[i - 1].witness <= v.findings[i].witness);
	}
	assert_int_equal(judge_outcome(&v), JUDGE_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_passes),
		cmocka_unit_test(each_is_refused),
		cmocka_unit_test(bounds_bind),
		cmocka_unit_test(liars_are_excused),
		cmocka_unit_test(too_little_is_inconclusive),
		cmocka_unit_test(smallest_is_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
