/* What makes a plan acceptable, what the defaults are, and when two submits are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire/plan.h"

struct sample {
	struct wire_plan plan;
	struct wire_step steps[WIRE_STEPS_MAX + 1];
	char names[WIRE_STEPS_MAX + 1][8];
};

static void make(struct sample *sample, uint32_t count)
{
	*sample = (struct sample){0};
	for (uint32_t i = 0; i <= WIRE_STEPS_MAX; i++) {
		(void)snprintf(sample->names[i], sizeof sample->names[i], "s%u", i);
		sample->steps[i] = (struct wire_step){
			.name = slice_str(sample->names[i]),
			.service = slice_str("service"),
			.forward = slice_str("do"),
			.undo = slice_str("undo"),
		};
	}
	sample->plan = (struct wire_plan){.name = slice_str("trip"),
					  .version = 1,
					  .steps = sample->steps,
					  .step_count = count};
	wire_plan_resolve(&sample->plan);
}

static char words[256];

static int check(const struct sample *sample)
{
	struct buf why;

	buf_init_fixed(&why, words, sizeof words - 1);
	const int error = wire_plan_check(&sample->plan, &why);
	words[why.size] = '\0';
	assert_int_equal(buf_error(&why), 0);
	assert_true((error == 0) == (why.size == 0));
	assert_int_equal(wire_plan_check(&sample->plan, NULL), error);
	return error;
}

static void defaults(void **state)
{
	(void)state;
	struct sample sample;

	make(&sample, 2);
	assert_int_equal(sample.plan.protocol, WIRE_PROTOCOL_SAGA);
	assert_int_equal(sample.plan.deadline_ms, 60000);
	for (uint32_t i = 0; i < 2; i++) {
		const struct wire_step *step = &sample.steps[i];
		assert_int_equal(step->attempt_timeout_ms, 15000);
		assert_int_equal(step->budget_ms, 0);
		assert_int_equal(step->delivery, WIRE_DELIVERY_DURABLE);
		assert_int_equal(step->retry.initial_ms, 200);
		assert_int_equal(step->retry.factor_percent, 200);
		assert_int_equal(step->retry.cap_ms, 30000);
		assert_int_equal(step->retry.jitter_percent, 20);
		assert_int_equal(step->retry.attempts, 3);
		assert_int_equal(step->undo_retry.attempts, 10);
	}
	assert_int_equal(check(&sample), 0);
}

/* What was vouched for before is not true of what comes out. */
static void resolving_ends_what_is_known(void **state)
{
	(void)state;
	uint8_t memory[4096];
	struct sample sample;
	struct buf out;

	make(&sample, 1);
	sample.plan.deadline_ms = 0;
	buf_init_fixed(&out, memory, sizeof memory);
	assert_int_equal(wire_plan_encode(&sample.plan, &out), 0);
	sample.plan.encoded = buf_slice(&out);
	sample.plan.known = (const void *)memory;
	wire_plan_resolve(&sample.plan);
	assert_int_equal(sample.plan.encoded.size, 0);
	assert_null(sample.plan.known);
}

static void what_is_set_stays(void **state)
{
	(void)state;
	struct sample sample;

	make(&sample, 1);
	sample.plan.deadline_ms = 77;
	sample.steps[0].attempt_timeout_ms = 11;
	sample.steps[0].retry = (struct wire_retry){.attempts = 1};
	sample.steps[0].undo_retry = (struct wire_retry){.initial_ms = 60000, .attempts = 5};
	wire_plan_resolve(&sample.plan);
	assert_int_equal(sample.plan.deadline_ms, 77);
	assert_int_equal(sample.steps[0].attempt_timeout_ms, 11);
	assert_int_equal(sample.steps[0].retry.attempts, 1);
	assert_int_equal(sample.steps[0].retry.initial_ms, 200);
	assert_int_equal(sample.steps[0].retry.jitter_percent, 0);  /* chosen, not forgotten */
	assert_int_equal(sample.steps[0].undo_retry.cap_ms, 60000); /* never below the first */
	assert_int_equal(check(&sample), 0);

	const struct wire_plan once = sample.plan;
	wire_plan_resolve(&sample.plan);
	assert_memory_equal(&once, &sample.plan, sizeof once);
}

static void the_plan_itself(void **state)
{
	(void)state;
	struct sample sample;

	make(&sample, 0);
	assert_int_equal(check(&sample), SAGA_E_PLAN);
	assert_string_equal(words, "the plan has no steps");
	make(&sample, WIRE_STEPS_MAX);
	assert_int_equal(check(&sample), 0);
	make(&sample, WIRE_STEPS_MAX + 1);
	assert_int_equal(check(&sample), SAGA_E_PLAN);

	make(&sample, 1);
	sample.plan.name = slice_str("a.b");
	assert_int_equal(check(&sample), SAGA_E_NAME);
	make(&sample, 1);
	sample.plan.version = 0;
	assert_int_equal(check(&sample), SAGA_E_PLAN);
	make(&sample, 1);
	sample.plan.protocol = WIRE_PROTOCOL_TCC;
	assert_int_equal(check(&sample), SAGA_E_PLAN);
	make(&sample, 1);
	sample.plan.deadline_ms = 9;
	assert_int_equal(check(&sample), SAGA_E_DEADLINE);
	sample.plan.deadline_ms = 10;
	assert_int_equal(check(&sample), 0);
	sample.plan.deadline_ms = 2592000000U;
	assert_int_equal(check(&sample), 0);
	sample.plan.deadline_ms++;
	assert_int_equal(check(&sample), SAGA_E_DEADLINE);
}

static void names(void **state)
{
	(void)state;
	struct sample sample;

	make(&sample, 3);
	sample.steps[1].undo = slice_str(""); /* nothing to undo is fine anywhere */
	assert_int_equal(check(&sample), 0);
	sample.steps[2].name = slice_str("s0");
	assert_int_equal(check(&sample), SAGA_E_PLAN);
	assert_string_equal(words, "step \"s0\": another step has the same name");
	sample.steps[2].name = slice_str("bad name\n");
	assert_int_equal(check(&sample), SAGA_E_NAME);
	assert_string_equal(words, "step number 3: its name must match [A-Za-z0-9_-]{1,64}");

	make(&sample, 2);
	sample.steps[1].service = slice_str("");
	assert_int_equal(check(&sample), SAGA_E_NAME);
	make(&sample, 2);
	sample.steps[1].forward = slice_str(">");
	assert_int_equal(check(&sample), SAGA_E_NAME);
	make(&sample, 2);
	sample.steps[1].undo = slice_str("*");
	assert_int_equal(check(&sample), SAGA_E_NAME);
	make(&sample, 2);
	sample.steps[1].finish = slice_str("confirm");
	assert_int_equal(check(&sample), SAGA_E_PLAN);
}

static void dependencies(void **state)
{
	(void)state;
	struct sample sample;

	make(&sample, 4); /* a diamond */
	sample.steps[1].after = slice_of("\x00", 1);
	sample.steps[2].after = slice_of("\x00", 1);
	sample.steps[3].after = slice_of("\x01\x02", 2);
	assert_int_equal(check(&sample), 0);
	sample.steps[3].after = slice_of("\x01\x01", 2);
	assert_int_equal(check(&sample), SAGA_E_PLAN);
	sample.steps[3].after = slice_of("\x03", 1);
	assert_int_equal(check(&sample), SAGA_E_PLAN);
	assert_string_equal(words, "step \"s3\": it depends on itself");
	sample.steps[3].after = slice_of("\x04", 1);
	assert_int_equal(check(&sample), SAGA_E_PLAN);
	sample.steps[3].after = slice_of("\xff", 1);
	assert_int_equal(check(&sample), SAGA_E_PLAN);

	make(&sample, 4);
	sample.steps[1].after = slice_of("\x03", 1);
	sample.steps[2].after = slice_of("\x01", 1);
	sample.steps[3].after = slice_of("\x02", 1);
	assert_int_equal(check(&sample), SAGA_E_PLAN);
	assert_string_equal(words, "step \"s1\": it is part of, or waits for, a cycle");
}

/* A chain against the order of the array is the slowest case of the cycle check. */
static void long_chains(void **state)
{
	(void)state;
	struct sample sample;
	uint8_t next[WIRE_STEPS_MAX];

	make(&sample, WIRE_STEPS_MAX);
	for (uint32_t i = 0; i < WIRE_STEPS_MAX; i++) {
		next[i] = (uint8_t)(i + 1);
		if (i + 1 < WIRE_STEPS_MAX)
			sample.steps[i].after = slice_of(&next[i], 1);
	}
	assert_int_equal(check(&sample), 0);
	sample.steps[WIRE_STEPS_MAX - 1].after = slice_of("\x00", 1);
	assert_int_equal(check(&sample), SAGA_E_PLAN);
}

static void set_number(struct wire_step *step, size_t offset, uint32_t value)
{
	memcpy((uint8_t *)step + offset, &value, sizeof value);
}

static void numbers(void **state)
{
	static const struct {
		size_t offset;
		uint32_t value;
		int code;
	} cases[] = {
		{offsetof(struct wire_step, attempt_timeout_ms), 9, SAGA_E_POLICY},
		{offsetof(struct wire_step, attempt_timeout_ms), 10, 0},
		{offsetof(struct wire_step, attempt_timeout_ms), 86400000, 0},
		{offsetof(struct wire_step, attempt_timeout_ms), 86400001, SAGA_E_POLICY},
		{offsetof(struct wire_step, budget_ms), 9, SAGA_E_POLICY},
		{offsetof(struct wire_step, budget_ms), 10, 0},
		{offsetof(struct wire_step, budget_ms), 2592000001U, SAGA_E_POLICY},
		{offsetof(struct wire_step, delivery), WIRE_DELIVERY_DIRECT, 0},
		{offsetof(struct wire_step, delivery), 3, SAGA_E_PLAN},
		{offsetof(struct wire_step, flags), 1, SAGA_E_PLAN},
		{offsetof(struct wire_step, retry.initial_ms), 0, SAGA_E_POLICY},
		{offsetof(struct wire_step, retry.initial_ms), 1, 0},
		{offsetof(struct wire_step, retry.initial_ms), 30001, SAGA_E_POLICY}, /* > cap */
		{offsetof(struct wire_step, retry.initial_ms), 3600001, SAGA_E_POLICY},
		{offsetof(struct wire_step, retry.factor_percent), 99, SAGA_E_POLICY},
		{offsetof(struct wire_step, retry.factor_percent), 100, 0},
		{offsetof(struct wire_step, retry.factor_percent), 10001, SAGA_E_POLICY},
		{offsetof(struct wire_step, retry.cap_ms), 86400001, SAGA_E_POLICY},
		{offsetof(struct wire_step, retry.jitter_percent), 0, 0},
		{offsetof(struct wire_step, retry.jitter_percent), 101, SAGA_E_POLICY},
		{offsetof(struct wire_step, retry.attempts), 0, SAGA_E_POLICY},
		{offsetof(struct wire_step, retry.attempts), 1000, 0},
		{offsetof(struct wire_step, retry.attempts), 1001, SAGA_E_POLICY},
		{offsetof(struct wire_step, undo_retry.attempts), 1001, SAGA_E_POLICY},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct sample sample;

		make(&sample, 2);
		sample.steps[1].service = slice_str("other");
		set_number(&sample.steps[1], cases[i].offset, cases[i].value);
		assert_int_equal(check(&sample), cases[i].code);
		if (cases[i].code != 0)
			assert_memory_equal(words, "step \"s1\": ", 11);
	}
}

static void one_delivery_for_a_service(void **state)
{
	struct sample sample;

	(void)state;
	make(&sample, 3);
	sample.steps[0].delivery = WIRE_DELIVERY_DIRECT;
	sample.steps[1].service = slice_str("other");
	assert_int_equal(check(&sample), SAGA_E_PLAN);
	assert_string_equal(words, "step \"s2\": another step reaches the same service by another "
				   "delivery");
	sample.steps[2].delivery = WIRE_DELIVERY_DIRECT;
	assert_int_equal(check(&sample), 0);
}

static struct hash128 hash_of(const struct wire_submit *submit)
{
	struct buf scratch;
	struct hash128 hash;

	buf_init(&scratch, 65536);
	assert_int_equal(wire_body_hash(submit, &scratch, &hash), 0);
	buf_close(&scratch);
	return hash;
}

static bool same(const struct wire_submit *left, const struct wire_submit *right)
{
	const struct hash128 a = hash_of(left);
	const struct hash128 b = hash_of(right);

	return hash128_equal(&a, &b);
}

static void body_hash(void **state)
{
	(void)state;
	struct sample sample;
	struct wire_label label = {.key = slice_str("k"), .value = slice_str("v")};

	make(&sample, 2);
	const struct wire_submit base = {.id = slice_str("a"),
					 .plan = sample.plan,
					 .input = slice_str("input"),
					 .deadline_ms = 500};
	struct wire_submit other = base;
	assert_true(same(&base, &other));

	/* Not part of the body. */
	other.id = slice_str("b");
	other.retry_until_at = 99;
	other.traceparent = slice_str("00-1-2-01");
	other.wait = true;
	assert_true(same(&base, &other));

	/* Part of it. */
	other = base;
	other.input = slice_str("Input");
	assert_false(same(&base, &other));
	other = base;
	other.deadline_ms = 501;
	assert_false(same(&base, &other));
	other = base;
	other.labels = &label;
	other.label_count = 1;
	assert_false(same(&base, &other));

	struct sample second;
	make(&second, 2);
	other = base;
	other.plan = second.plan;
	assert_true(same(&base, &other));
	second.steps[1].retry.attempts = 4;
	assert_false(same(&base, &other));
}

static void body_hash_errors(void **state)
{
	(void)state;
	struct sample sample;
	struct buf scratch;
	struct hash128 hash;
	uint8_t memory[8];

	make(&sample, 2);
	struct wire_submit submit = {.id = slice_str("a"), .plan = sample.plan};
	buf_init_fixed(&scratch, memory, sizeof memory);
	assert_int_equal(wire_body_hash(&submit, &scratch, &hash), SAGA_E_FULL);
	submit.plan.name = slice_str("");
	buf_init(&scratch, 65536);
	assert_int_equal(wire_body_hash(&submit, &scratch, &hash), SAGA_E_NAME);
	buf_close(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(resolving_ends_what_is_known),
		cmocka_unit_test(what_is_set_stays),
		cmocka_unit_test(the_plan_itself),
		cmocka_unit_test(names),
		cmocka_unit_test(dependencies),
		cmocka_unit_test(long_chains),
		cmocka_unit_test(numbers),
		cmocka_unit_test(one_delivery_for_a_service),
		cmocka_unit_test(body_hash),
		cmocka_unit_test(body_hash_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
