/* The banks' trouble on purpose: as often as was asked for, one kind at most, the same for each
 * attempt, and independent of the other bank's. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "examples/bank/account.h"

enum { SAGAS = 20000, KINDS = TROUBLE_CRASH + 1 };

static const struct bank_trouble trouble = {
	.no = 0.10, .late = 0.02, .twice = 0.20, .never = 0.05, .crash = 0.01, .seed = 7};

static struct bank_fate draw(const struct bank_trouble *chances, const char *service,
			     uint32_t number)
{
	char saga[32];

	(void)snprintf(saga, sizeof saga, "t-%06u", number);
	return bank_trouble_draw(chances, service, saga);
}

static void assert_about(uint32_t count, double part)
{
	const double expected = part * SAGAS;

	/* Six standard deviations and more. */
	if (count < expected * 0.5 || count > expected * 1.5)
		fail_msg("%u of %d, not about %.0f", count, SAGAS, expected);
}

static void test_each_kind_as_often_as_asked(void **state)
{
	const double parts[KINDS] = {0.62, 0.10, 0.02, 0.20, 0.05, 0.01};
	uint32_t counts[KINDS] = {0};
	uint32_t at_vote = 0;
	uint32_t both = 0;

	(void)state;
	for (uint32_t i = 0; i < SAGAS; i++) {
		const struct bank_fate fate = draw(&trouble, "bank_a", i);
		const struct bank_fate again = draw(&trouble, "bank_a", i);

		assert_int_equal(fate.kind, again.kind);
		assert_int_equal(fate.at_vote, again.at_vote);
		counts[fate.kind]++;
		if (fate.kind == TROUBLE_NONE)
			continue;
		at_vote += fate.at_vote ? 1 : 0;
		both += draw(&trouble, "bank_b", i).kind != TROUBLE_NONE ? 1 : 0;
	}
	for (uint32_t kind = 0; kind < KINDS; kind++)
		assert_about(counts[kind], parts[kind]);
	assert_about(at_vote, 0.38 / 2);
	assert_about(both, 0.38 * 0.38);
}

static void test_none_and_always(void **state)
{
	const struct bank_trouble none = {.seed = 7};
	const struct bank_trouble always = {.never = 1.0, .seed = 7};

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(draw(&none, "bank_a", i).kind, TROUBLE_NONE);
		assert_int_equal(draw(&always, "bank_b", i).kind, TROUBLE_NEVER);
	}
}

static void test_seeds_differ(void **state)
{
	struct bank_trouble other = trouble;
	uint32_t differ = 0;

	(void)state;
	other.seed++;
	for (uint32_t i = 0; i < SAGAS; i++)
		differ +=
			draw(&trouble, "bank_a", i).kind != draw(&other, "bank_a", i).kind ? 1 : 0;
	/* Two independent draws agree mostly by both being none. */
	assert_about(differ, 0.56);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_as_often_as_asked),
		cmocka_unit_test(test_none_and_always),
		cmocka_unit_test(test_seeds_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
