/* What an answer says in the words of saga.h. */
#include "client/status.h"

#include <saga.h>

#include "tests/unit/unit.h"

static void the_fate_of_each_state_and_decision(void **state)
{
#define U SAGA_FATE_UNDECIDED
#define C SAGA_FATE_COMMITTED
#define A SAGA_FATE_ABORTED
#define P SAGA_FATE_PENDING
	static const struct {
		enum saga_state state;
		enum saga_fate none, commit, abort;
	} rows[] = {
		{SAGA_STATE_NONE, U, P, A},      {SAGA_STATE_RUNNING, U, P, A},
		{SAGA_STATE_UNDOING, A, P, A},   {SAGA_STATE_PARKED, U, P, A},
		{SAGA_STATE_COMPLETED, C, C, C}, {SAGA_STATE_COMPENSATED, A, P, A},
		{SAGA_STATE_STOPPED, A, P, A},   {SAGA_STATE_FINISHING, P, P, P},
		{SAGA_STATE_OPEN, U, P, A},
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const enum saga_fate fates[] = {rows[i].none, rows[i].commit, rows[i].abort};

		for (uint32_t decision = 0; decision < 3; decision++) {
			const struct saga_status status = {
				.state = rows[i].state, .decision = (enum saga_decision)decision};

			if (saga_status_fate(&status) != fates[decision])
				fail_msg("%s, %s: %s", saga_state_name(status.state),
					 saga_decision_name(status.decision),
					 saga_fate_name(saga_status_fate(&status)));
		}
	}
}

static void an_answer_tells_its_decision(void **state)
{
	const struct wire_answer answer = {.state = WIRE_STATE_FINISHING,
					   .decision = WIRE_DECISION_COMMIT,
					   .heuristics = 2,
					   .text = slice_str("two of three")};
	struct saga_status status = {0};
	(void)state;

	status_from_answer(&status, &answer);
	assert_int_equal(status.state, SAGA_STATE_FINISHING);
	assert_int_equal(status.decision, SAGA_DECISION_COMMIT);
	assert_int_equal(status.heuristics, 2);
	assert_string_equal(status.text, "two of three");
}

/* Every value has a word of its own, and what is none has the word that says so. */
static void every_number_has_its_word(void **state)
{
	(void)state;
	for (int i = 0; i <= SAGA_STATE_OPEN; i++) {
		assert_string_not_equal(saga_state_name((enum saga_state)i), "unknown");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(saga_state_name((enum saga_state)i),
						saga_state_name((enum saga_state)k));
	}
	for (int i = 0; i <= SAGA_REASON_IDLE; i++)
		assert_string_not_equal(saga_reason_name((enum saga_reason)i), "unknown");
	for (int i = 0; i <= SAGA_DECISION_ABORT; i++)
		assert_string_not_equal(saga_decision_name((enum saga_decision)i), "unknown");
	for (int i = 0; i <= SAGA_FATE_PENDING; i++)
		assert_string_not_equal(saga_fate_name((enum saga_fate)i), "unknown");
	assert_string_equal(saga_state_name((enum saga_state)9), "unknown");
	assert_string_equal(saga_reason_name((enum saga_reason)7), "unknown");
	assert_string_equal(saga_decision_name((enum saga_decision)3), "unknown");
	assert_string_equal(saga_fate_name((enum saga_fate)4), "unknown");
	assert_false(saga_state_final(SAGA_STATE_FINISHING));
	assert_false(saga_state_final(SAGA_STATE_OPEN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fate_of_each_state_and_decision),
		cmocka_unit_test(an_answer_tells_its_decision),
		cmocka_unit_test(every_number_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
