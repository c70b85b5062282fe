/* The way forward: order, attempts, back-off, time-outs, what each kind of reply does. */
#include "tests/unit/txn_host.h"

#define FORWARD WIRE_OP_FORWARD
#define OK      WIRE_OUTCOME_OK
#define RETRY   WIRE_OUTCOME_RETRY

static const char *const two[] = {"a", "b"};

static void start(struct host *h, struct host_plan *p)
{
	host_submit(h, "s", p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running final\n"
		       ">a-svc s a forward 1 left=1000\n");
}

static void runs_in_sequence(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	host_submit_wait(h, "s", &p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running\n"
		       ">a-svc s a forward 1 left=1000\n");
	assert_true(slice_equal(h->command.input, slice_str("input")));
	assert_int_equal(h->command.admission, 1);
	h->reply_to = 2;
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 2\n");
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       "+finished #1 completed\n"
		       ">answer 1 s completed final\n"
		       ">recorded 2\n");
	assert_int_equal(txn_next_deadline(h->t), UINT64_MAX);
	assert_int_equal(txn_low_water(h->t), 2);
}

static void runs_a_diamond(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, names, 4);
	host_plan_after(&p, 2, (const uint8_t[]){0}, 1);
	host_plan_after(&p, 3, (const uint8_t[]){1, 2}, 2);
	start(h, &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 1\n");
	host_reply(h, "s", 2, "c", FORWARD, 1, OK);
	expect_step(h, "+branch #1 2 forward ok 1\n>recorded 1\n");
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       ">d-svc s d forward 1 left=1000\n"
		       ">recorded 1\n");
	host_reply(h, "s", 3, "d", FORWARD, 1, OK);
	expect_step(h, "+branch #1 3 forward ok 1\n+finished #1 completed\n>recorded 1\n");
}

static void silence_leads_to_the_next_attempt(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	start(h, &p);
	assert_int_equal(txn_next_deadline(h->t), h->now + 1000);
	host_tick(h, 999);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s running final\n"
		       "  a active 1/0 code=5001 at=+100\n"
		       "  b pending 0/0\n");
	host_tick(h, 99);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, ">a-svc s a forward 2 left=1000\n");
	/* An answer to the first attempt is an answer. */
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 1\n");
}

static void retry_waits_at_least_as_asked(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_reply reply = host_reply_of("s", 0, "a", FORWARD, 1, RETRY);

	host_plan(&p, two, 2);
	start(h, &p);
	reply.retry_after_ms = 700;
	reply.code = 7005;
	reply.text = slice_str("locked");
	host_reply_as(h, &reply, "a-svc");
	expect_step(h, "+branch #1 0 forward again 1 code=7005 at=+700\n>recorded 1\n");
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s running final\n"
		       "  a active 1/0 code=7005 'locked' at=+700\n"
		       "  b pending 0/0\n");
	/* The same trouble again is no news. */
	host_reply_as(h, &reply, "a-svc");
	expect_step(h, ">recorded 1\n");
	host_tick(h, 700);
	expect_step(h, ">a-svc s a forward 2 left=1000\n");
	host_reply_as(h, &reply, "a-svc");
	expect_step(h, ">recorded 1\n");
	/* Less than the back-off does not shorten it. */
	reply.attempt = 2;
	reply.retry_after_ms = 1;
	host_reply_as(h, &reply, "a-svc");
	expect_step(h, "+branch #1 0 forward again 2 code=7005 at=+200\n>recorded 1\n");
}

static void exhausted_forward_is_unknown_and_undone(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	start(h, &p);
	host_tick(h, 1000);
	host_tick(h, 100);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 0 forward again 2 code=5001 at=+200\n");
	host_tick(h, 200);
	expect_step(h, ">a-svc s a forward 3 left=1000 call fallback\n");
	host_tick(h, 1000);
	expect_step(h, "+branch #1 0 forward unknown 3 code=5001\n"
		       "+decision #1 exhausted 0\n"
		       ">a-svc s a undo 1 left=1000\n");
	host_reply(h, "s", 0, "a", WIRE_OP_UNDO, 1, OK);
	expect_step(h, "+branch #1 0 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
}

static void park_gives_a_forward_up(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	start(h, &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_PARK);
	expect_step(h, "+branch #1 0 forward unknown 1\n"
		       "+decision #1 exhausted 0\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
}

static void working_restarts_the_attempt(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	start(h, &p);
	h->now += 900;
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_WORKING);
	expect_step(h, ">recorded 1\n");
	host_tick(h, 999);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
	/* While the next attempt waits there is nothing to restart. */
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_WORKING);
	host_tick(h, 100);
	expect_step(h, ">a-svc s a forward 2 left=1000\n");
}

static void stale_sends_again_but_not_too_often(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	start(h, &p);
	h->now += 199;
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_STALE);
	expect_step(h, ">recorded 1\n");
	h->now += 1;
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_STALE);
	expect_step(h, ">a-svc s a forward 1 left=800 call again\n>recorded 1\n");
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_STALE);
	expect_step(h, ">recorded 1\n");
	/* It does not prolong the attempt. */
	host_tick(h, 800);
	expect_step(h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
}

static void expired_is_a_failed_attempt(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	start(h, &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_EXPIRED);
	expect_step(h, "+branch #1 0 forward again 1 code=7002 at=+100\n>recorded 1\n");
}

static void durable_commands_outlast_the_brokers_age_limit(void **state)
{
	struct host h;
	struct host_plan p;

	(void)state;
	host_init(&h);
	h.config.command_age_ms = 4000;
	host_start(&h);
	host_plan(&p, two, 2);
	host_submit(&h, "s", &p);
	expect_step(&h, "+accepted s #1\n"
			">answer 1 s running final\n"
			">a-svc s a forward 1 left=4000\n");
	host_tick(&h, 3999);
	expect_step(&h, "");
	host_tick(&h, 1);
	expect_step(&h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
	host_close(&h);
}

static void budget_ends_the_step(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	p.steps[0].budget_ms = 1500;
	start(h, &p);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
	host_tick(h, 100);
	expect_step(h, ">a-svc s a forward 2 left=400\n");
	host_tick(h, 400);
	expect_step(h, "+branch #1 0 forward unknown 2 code=5001\n"
		       "+decision #1 exhausted 0\n"
		       ">a-svc s a undo 1 left=1000\n");
}

static void deadline_turns_the_saga_round(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	p.plan.deadline_ms = 1200;
	start(h, &p);
	h->now += 700;
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       ">b-svc s b forward 1 left=500\n"
		       ">recorded 1\n");
	host_tick(h, 500);
	expect_step(h, "+decision #1 deadline\n>b-svc s b undo 1 left=1000\n");
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s undoing final\n"
		       "  a ok 1/0\n"
		       "  b undoing 0/1\n");
	assert_int_equal(h->answer.reason, WIRE_REASON_DEADLINE);
	/* Row 36: the late ok changes nothing any more, it is undone. */
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+noop\n>obsolete 1\n");
	host_reply(h, "s", 1, "b", WIRE_OP_UNDO, 1, OK);
	expect_step(h, "+branch #1 1 undo ok 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
	host_reply(h, "s", 0, "a", WIRE_OP_UNDO, 1, OK);
	expect_step(h, "+branch #1 0 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
}

/* Attempt timer and deadline at once: the attempt fails, its successor is overtaken. */
static void deadline_and_attempt_in_one_tick(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	p.plan.deadline_ms = 1150;
	start(h, &p);
	host_tick(h, 1000);
	host_tick(h, 5000);
	expect_step(h, "+decision #1 deadline\n>a-svc s a undo 1 left=1000\n");
}

static void late_and_foreign_replies(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_reply reply;
	struct txn_stats stats;

	host_plan(&p, two, 2);
	start(h, &p);
	/* Another service, another operation, an attempt never made, an operation never asked for,
	 * an outcome nobody knows: nothing happens, nothing is said. */
	reply = host_reply_of("s", 0, "a", FORWARD, 1, OK);
	host_reply_as(h, &reply, "b-svc");
	expect_step(h, "");
	reply.operation.bytes[3] ^= 1;
	host_reply_as(h, &reply, "a-svc");
	expect_step(h, "");
	host_reply(h, "s", 0, "a", FORWARD, 2, OK);
	expect_step(h, "");
	host_reply(h, "s", 0, "a", FORWARD, 0, OK);
	expect_step(h, "");
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "");
	host_reply(h, "s", 0, "a", WIRE_OP_UNDO, 1, OK);
	expect_step(h, "");
	host_reply(h, "s", 0, "a", WIRE_OP_FINISH, 1, OK);
	expect_step(h, "");
	host_reply(h, "s", 7, "a", FORWARD, 1, OK);
	expect_step(h, "");
	host_reply(h, "s", 0, "a", FORWARD, 1, 99);
	expect_step(h, "");
	txn_stats(h->t, &stats);
	assert_int_equal(stats.ignored_total, 9);

	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	/* Said before: recorded. Contradiction: the first answer stands (28). */
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, ">recorded 1\n");
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_REJECTED);
	expect_step(h, "+noop\n>obsolete 1\n");
	txn_stats(h->t, &stats);
	assert_int_equal(stats.contradictions_total, 1);

	host_reply(h, "nobody", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+noop\n>obsolete 1\n");
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+noop\n>obsolete 1\n");
}

static void large_outputs_become_a_marker(void **state)
{
	static uint8_t output[WIRE_OUTPUT_SIZE_MAX + 1];
	struct host *h = *state;
	struct host_plan p;
	struct wire_reply reply = host_reply_of("s", 0, "a", FORWARD, 1, OK);

	host_plan(&p, two, 2);
	start(h, &p);
	reply.output = slice_of(output, sizeof output);
	host_reply_as(h, &reply, "a-svc");
	expect_step(h, "+branch #1 0 forward ok 1 code=1011\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 1\n");
	reply = host_reply_of("s", 1, "b", FORWARD, 1, OK);
	reply.output = slice_of(output, 5000);
	host_reply_as(h, &reply, "b-svc");
	expect_step(h, "+branch #1 1 forward ok 1 output=5000\n"
		       "+finished #1 completed\n"
		       ">recorded 1\n");
}

static void outputs_never_stop_progress(void **state)
{
	static uint8_t output[WIRE_OUTPUT_SIZE_MAX];
	static const char *const names[] = {"a", "b", "c"};
	struct host small;
	struct host_plan p;
	struct wire_reply reply = host_reply_of("s", 0, "a", FORWARD, 1, OK);

	(void)state;
	host_init(&small);
	small.limits.payload_max = 64 * 1024;
	host_start(&small);
	host_plan(&p, names, 3);
	start(&small, &p);
	reply.output = slice_of(output, 40 * 1024); /* its block would be all there is */
	host_reply_as(&small, &reply, "a-svc");
	expect_step(&small, "+branch #1 0 forward ok 1 code=1011\n"
			    ">b-svc s b forward 1 left=1000\n"
			    ">recorded 1\n");
	reply = host_reply_of("s", 1, "b", FORWARD, 1, OK);
	reply.output = slice_of(output, TXN_OUTPUT_SHARE);
	host_reply_as(&small, &reply, "b-svc");
	expect_step(&small, "+branch #1 1 forward ok 1 output=32\n"
			    ">c-svc s c forward 1 left=1000\n"
			    ">recorded 1\n");
	host_close(&small);
}

static void backoff_stays_in_its_band(void **state)
{
	const struct wire_retry retry = {.initial_ms = 100,
					 .factor_percent = 300,
					 .cap_ms = 5000,
					 .jitter_percent = 20,
					 .attempts = 9};
	static const uint64_t expected[] = {100, 300, 900, 2700, 5000, 5000};
	uint64_t low = UINT64_MAX;
	uint64_t high = 0;

	(void)state;
	for (uint32_t attempt = 1; attempt <= 6; attempt++) {
		const uint64_t base = expected[attempt - 1];

		for (uint64_t i = 0; i < 1000; i++) {
			const uint64_t wait = txn_backoff_ms(&retry, attempt, i * 7919);

			assert_in_range(wait, base - base / 5, base + base / 5 + 10);
			if (attempt == 1) {
				low = wait < low ? wait : low;
				high = wait > high ? wait : high;
			}
		}
	}
	assert_int_equal(low, 80);
	assert_int_equal(high, 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(runs_in_sequence),
		T(runs_a_diamond),
		T(silence_leads_to_the_next_attempt),
		T(retry_waits_at_least_as_asked),
		T(exhausted_forward_is_unknown_and_undone),
		T(park_gives_a_forward_up),
		T(working_restarts_the_attempt),
		T(stale_sends_again_but_not_too_often),
		T(expired_is_a_failed_attempt),
		T(durable_commands_outlast_the_brokers_age_limit),
		T(budget_ends_the_step),
		T(deadline_turns_the_saga_round),
		T(deadline_and_attempt_in_one_tick),
		T(late_and_foreign_replies),
		T(large_outputs_become_a_marker),
		T(outputs_never_stop_progress),
		T(backoff_stays_in_its_band),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
