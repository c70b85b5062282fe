/* Rows 20-31, 52: requests that are messages, and still cannot be, or come too late or twice. */
#include <nats/nats.h>
#include <stdio.h>

#include "base/os_clock.h"
#include "tests/integration/bad_input.h"

/* A refused submit: the code, the words, and nobody knows the id. */
static void expect_refused(const struct bad_submit *s, int code, const char *words)
{
	const struct wire_answer answer = bad_submit_send(s);
	if (answer.code != err_to_wire(code) || !slice_equal(answer.text, slice_str(words)))
		fail_msg("answered %s \"%.*s\", not %s \"%s\"",
			 err_slug(err_from_wire(answer.code)), (int)answer.text.size,
			 (const char *)answer.text.data, err_slug(code), words);
	assert_int_equal(answer.state, WIRE_STATE_NONE);
	assert_int_equal(bad_query(s->id).code, err_to_wire(SAGA_E_NOT_FOUND));
	bad_expected.refused++;
}

static void finish(const char *id)
{
	bad_play(id, WIRE_OP_FORWARD, WIRE_OUTCOME_OK);
	bad_wait_state(id, WIRE_STATE_COMPLETED);
}

static void row_20(void **state)
{
	struct bad_submit s;
	struct wire_answer first, second;
	(void)state;
	bad_submit_init(&s, 2);
	first = bad_submit_send(&s);
	assert_int_equal(first.code, 0);
	assert_int_equal(first.state, WIRE_STATE_RUNNING);
	const uint64_t accepted_at = first.accepted_at;
	second = bad_submit_send(&s);
	assert_int_equal(second.code, 0);
	assert_true(slice_equal(second.id, slice_str(s.id)));
	assert_int_equal(second.state, WIRE_STATE_RUNNING);
	assert_int_equal(second.accepted_at, accepted_at);
	finish(s.id);
	second = bad_submit_send(&s);
	assert_int_equal(second.code, 0);
	assert_int_equal(second.state, WIRE_STATE_COMPLETED);
	assert_int_equal(second.accepted_at, accepted_at);
}

static void row_21(void **state)
{
	struct bad_submit s;
	struct wire_answer answer;
	(void)state;
	bad_submit_init(&s, 2);
	assert_int_equal(bad_submit_send(&s).code, 0);
	for (uint32_t i = 0; i < 2; i++) { /* while it is open, and when it is final */
		s.submit.input = slice_str("another input");
		answer = bad_submit_send(&s);
		assert_int_equal(answer.code, err_to_wire(SAGA_E_CONFLICT));
		s.submit.input = slice_str("input");
		s.steps[0].forward = slice_str("do-else");
		answer = bad_submit_send(&s);
		assert_int_equal(answer.code, err_to_wire(SAGA_E_CONFLICT));
		s.steps[0].forward = slice_str("do");
		bad_expected.refused += 2;
		if (i == 0)
			finish(s.id);
	}
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_COMPLETED);
}

static void row_23(void **state)
{
	static const char words[] = "deadline_ms must be 10 ms to saga.deadline_max";
	struct bad_submit s;
	(void)state;
	bad_submit_init(&s, 2);
	s.submit.deadline_ms = 9;
	expect_refused(&s, SAGA_E_DEADLINE, words);
	s.submit.deadline_ms = 86400001;
	expect_refused(&s, SAGA_E_DEADLINE, words);
	s.submit.deadline_ms = UINT32_MAX;
	expect_refused(&s, SAGA_E_DEADLINE, words);
	s.submit.deadline_ms = 0;
	s.submit.plan.deadline_ms = 9;
	expect_refused(&s, SAGA_E_DEADLINE, "the plan must have a deadline of 10 ms to 30 days");
	s.submit.plan.deadline_ms = 2592000001;
	expect_refused(&s, SAGA_E_DEADLINE, "the plan must have a deadline of 10 ms to 30 days");
	/* In the past: the window, the one time that is absolute. */
	s.submit.plan.deadline_ms = 0;
	s.submit.retry_until_at = os_clock_wall_ms() - 1000;
	expect_refused(&s, SAGA_E_EXPIRED, "");
	s.submit.retry_until_at = 0;
	expect_refused(&s, SAGA_E_EXPIRED, "");
	s.submit.retry_until_at = os_clock_wall_ms() + 2 * UINT64_C(86400000);
	const struct wire_answer answer = bad_submit_send(&s);
	assert_int_equal(answer.code, err_to_wire(SAGA_E_RANGE));
	assert_true(answer.text.size > 0);
	bad_expected.refused++;
}

static void row_24(void **state)
{
	static const struct {
		struct wire_retry retry;
		const char *words;
	} cases[] = {
		{{3600001, 200, 7200000, 0, 3},
		 "step \"x\": the first retry interval must be 1 ms to 1 hour"},
		{{200, 99, 300, 0, 3}, "step \"x\": the retry factor must be 1 to 100"},
		{{200, 10001, 300, 0, 3}, "step \"x\": the retry factor must be 1 to 100"},
		{{200, 200, 199, 0, 3},
		 "step \"x\": the longest retry interval must be at least the first and at most 1 "
		 "day"},
		{{200, 200, 86400001, 0, 3},
		 "step \"x\": the longest retry interval must be at least the first and at most 1 "
		 "day"},
		{{200, 200, 300, 101, 3}, "step \"x\": the retry jitter must be 0 to 1"},
		{{200, 200, 300, 0, 1001}, "step \"x\": the attempts must be 1 to 1000"},
		{{200, 200, 300, 0, UINT32_MAX}, "step \"x\": the attempts must be 1 to 1000"},
	};
	struct bad_submit s;
	(void)state;
	bad_submit_init(&s, 2);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct wire_retry good = s.steps[0].retry;
		s.steps[0].retry = cases[i].retry;
		expect_refused(&s, SAGA_E_POLICY, cases[i].words);
		s.steps[0].retry = good;
		s.steps[0].undo_retry = cases[i].retry;
		expect_refused(&s, SAGA_E_POLICY, cases[i].words);
		s.steps[0].undo_retry = good;
	}
	s.steps[0].attempt_timeout_ms = 9;
	expect_refused(&s, SAGA_E_POLICY,
		       "step \"x\": the attempt time-out must be 10 ms to 1 day");
	s.steps[0].attempt_timeout_ms = 1000;
	s.steps[0].budget_ms = 9;
	expect_refused(&s, SAGA_E_POLICY,
		       "step \"x\": the budget must be 0 (none) or 10 ms to 30 days");
}

static void row_25(void **state)
{
	static struct bad_submit all[BAD_OPEN_MAX + 5];
	uint32_t taken = 0, busy = 0;
	(void)state;
	for (uint32_t i = 0; i < BAD_OPEN_MAX + 5; i++) {
		bad_submit_init(&all[taken], 3);
		const struct wire_answer answer = bad_submit_send(&all[taken]);
		if (answer.code == 0) {
			assert_int_equal(busy, 0);
			taken++;
			continue;
		}
		assert_int_equal(answer.code, err_to_wire(SAGA_E_BUSY));
		assert_true(answer.retry_after_ms > 0);
		assert_int_equal(answer.state, WIRE_STATE_NONE);
		busy++;
	}
	assert_int_equal(taken, BAD_OPEN_MAX);
	assert_int_equal(busy, 5);
	bad_expected.refused += busy;
	/* What was taken in is finished, and then there is room again. */
	for (uint32_t i = 0; i < taken; i++) {
		struct bad_submit *s = &all[i];
		s->submit.plan.steps = s->steps;
		bad_play(s->id, WIRE_OP_FORWARD, WIRE_OUTCOME_OK);
	}
	bad_wait_state(all[taken - 1].id, WIRE_STATE_COMPLETED);
	bad_submit_init(&all[0], 3);
	assert_int_equal(bad_submit_send(&all[0]).code, 0);
	finish(all[0].id);
}

/* A node that does not own the shard passes a submit on once: integration.trip_submit. Here: the
 * owner of another shard. */
static void row_26(void **state)
{
	static uint8_t memory[4096];
	struct bad_submit s;
	struct wire_answer answer;
	struct buf bytes;
	(void)state;
	buf_init_fixed(&bytes, memory, sizeof memory);
	bad_submit_init(&s, 1);
	assert_int_equal(wire_encode(WIRE_SUBMIT, &s.submit, &bytes), 0);
	const struct subject wrong = bad_subject(2, SUBJECT_SUBMIT);
	assert_true(bad_ask(wrong.text, buf_slice(&bytes), BAD_ANSWER_MS, &answer));
	assert_int_equal(answer.code, err_to_wire(SAGA_E_WRONG_SHARD));
	assert_int_equal(bad_query(s.id).code, err_to_wire(SAGA_E_NOT_FOUND));
	bad_expected.refused++;
	const struct subject nobody = bad_subject(77, SUBJECT_SUBMIT);
	assert_false(bad_ask(nobody.text, buf_slice(&bytes), BAD_SILENCE_MS, &answer));
}

static struct wire_answer cancel(const char *id)
{
	const struct wire_cancel body = {.id = slice_str(id),
					 .reason = slice_str("test"),
					 .retry_until_at = os_clock_wall_ms() + 60000};
	return bad_ask_for(SUBJECT_CANCEL, WIRE_CANCEL, id, &body);
}

/* S10 outranks "not found": a submit may be on its way, and it is refused. */
static void row_27(void **state)
{
	struct bad_submit s;
	struct wire_answer answer;
	(void)state;
	bad_submit_init(&s, 2);
	answer = cancel(s.id);
	assert_int_equal(answer.code, 0);
	assert_int_equal(answer.state, WIRE_STATE_CANCELLED);
	answer = bad_submit_send(&s);
	assert_int_equal(answer.code, err_to_wire(SAGA_E_CANCELLED));
	assert_int_equal(answer.state, WIRE_STATE_CANCELLED);
	bad_expected.refused++;
}

static void row_28_and_30(void **state)
{
	struct bad_submit s;
	struct wire_answer first, second;
	(void)state;
	bad_submit_init(&s, 2);
	assert_int_equal(bad_submit_send(&s).code, 0);
	first = cancel(s.id);
	assert_int_equal(first.code, 0);
	assert_int_equal(first.state, WIRE_STATE_UNDOING);
	assert_int_equal(first.reason, WIRE_REASON_CANCELLED);
	second = cancel(s.id);
	assert_int_equal(second.code, 0);
	assert_int_equal(second.state, first.state);
	assert_int_equal(second.reason, first.reason);
	bad_play(s.id, WIRE_OP_UNDO, WIRE_OUTCOME_OK); /* what was out counts as done */
	bad_wait_state(s.id, WIRE_STATE_COMPENSATED);
	first = cancel(s.id);
	assert_int_equal(first.code, 0);
	assert_int_equal(first.state, WIRE_STATE_COMPENSATED);
	second = cancel(s.id);
	assert_int_equal(second.code, 0);
	assert_int_equal(second.state, WIRE_STATE_COMPENSATED);
}

static void row_29(void **state)
{
	struct bad_submit s;
	struct wire_answer answer;
	(void)state;
	bad_submit_init(&s, 2);
	assert_int_equal(bad_submit_send(&s).code, 0);
	finish(s.id);
	for (uint32_t i = 0; i < 2; i++) {
		answer = cancel(s.id);
		assert_int_equal(answer.code, err_to_wire(SAGA_E_TOO_LATE));
		assert_int_equal(answer.state, WIRE_STATE_COMPLETED);
	}
	bad_expected.refused += 2;
	assert_int_equal(bad_query(s.id).state, WIRE_STATE_COMPLETED);
}

static bool forgotten(void *context)
{
	return bad_query(context).code == err_to_wire(SAGA_E_NOT_FOUND);
}

/* Whoever asks cannot tell which it was. */
static void row_31(void **state)
{
	struct bad_submit s;
	char id[SAGA_ID_SIZE];
	(void)state;
	bad_submit_init(&s, 2);
	s.submit.retry_until_at = os_clock_wall_ms() + 3000;
	assert_int_equal(bad_submit_send(&s).code, 0);
	finish(s.id);
	assert_true(wait_until(forgotten, s.id, 60000));
	bad_id(2, "unknown", id);
	const struct wire_answer unknown = bad_query(id);
	assert_int_equal(unknown.code, err_to_wire(SAGA_E_NOT_FOUND));
	assert_int_equal(unknown.text.size, 0);
	const struct wire_answer gone = bad_query(s.id);
	assert_int_equal(gone.code, err_to_wire(SAGA_E_NOT_FOUND));
	assert_int_equal(gone.text.size, 0);
	assert_int_equal(gone.state, WIRE_STATE_NONE);
	assert_int_equal(gone.accepted_at, 0);
	assert_int_equal(gone.finished_at, 0);
	assert_int_equal(gone.definition.size, 0);
	assert_int_equal(gone.branch_count, 0);
}

struct bad_cases bad_requests(void)
{
	static const struct CMUnitTest tests[] = {
		BAD_CASE("row 20: the same submit again", row_20),
		BAD_CASE("row 21: the same id with another body", row_21),
		BAD_CASE("row 23: deadlines and windows", row_23),
		BAD_CASE("row 24: retry policies", row_24),
		BAD_CASE("row 25: more than there is room for", row_25),
		BAD_CASE("row 26: another shard's submit", row_26),
		BAD_CASE("row 27: cancel of an unknown saga", row_27),
		BAD_CASE("rows 28, 30: cancel, and again", row_28_and_30),
		BAD_CASE("row 29: cancel when it is over", row_29),
		BAD_CASE("row 31: query of an unknown and of a forgotten saga", row_31),
	};
	return (struct bad_cases){tests, sizeof tests / sizeof tests[0]};
}
