/* How commands travel: calls and their copies, "working", silence and the other delivery (S14),
 * take-over, replies that want no disposition. */
#include <stdio.h>

#include "tests/unit/txn_host.h"

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO
#define OK      WIRE_OUTCOME_OK

static const char *const two[] = {"a", "b"};

static int setup(void **state)
{
	static struct host h;

	host_init(&h);
	h.config.resend_after_ms = 100;
	host_start(&h);
	*state = &h;
	return 0;
}

static int teardown(void **state)
{
	host_close(*state);
	return 0;
}

static void plan_direct(struct host_plan *p)
{
	host_plan(p, two, 2);
	for (uint32_t i = 0; i < 2; i++) {
		p->steps[i].delivery = WIRE_DELIVERY_DIRECT;
		p->steps[i].attempt_timeout_ms = 10000;
	}
}

/* From the participant's library: it is in hand, no copies for `hold_ms`. */
static void in_hand(struct host *h, uint32_t attempt, uint32_t hold_ms)
{
	struct wire_reply reply =
		host_reply_of("s", 0, "a", FORWARD, attempt, WIRE_OUTCOME_WORKING);

	reply.retry_after_ms = hold_ms;
	h->reply_to = 0;
	host_reply_as(h, &reply, "a-svc");
}

static void silence_sends_the_same_attempt_again(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	plan_direct(&p);
	host_submit(h, "s", &p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running final\n"
		       ">a-svc s a forward 1 left=10000 call\n");
	host_tick(h, 99);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, ">a-svc s a forward 1 left=9900 call again\n");
	/* Twice as long each time, and no record of it (T5: attempts count in the journal). */
	host_tick(h, 199);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, ">a-svc s a forward 1 left=9700 call again\n");
	host_tick(h, 400);
	expect_step(h, ">a-svc s a forward 1 left=9300 call again\n");
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       ">b-svc s b forward 1 left=10000 call\n"
		       ">recorded 1\n");
}

static void copies_end_with_the_attempt(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	uint64_t longest = 0;
	uint32_t copies = 0;

	plan_direct(&p);
	p.steps[0].attempt_timeout_ms = 60000;
	p.plan.deadline_ms = 600000;
	host_submit(h, "s", &p);
	for (;;) {
		const uint64_t wait = txn_next_deadline(h->t) - h->now;

		host_tick(h, wait);
		if (h->command_count == 0)
			break;
		assert_int_equal(h->command.attempt, 1);
		longest = wait > longest ? wait : longest;
		copies++;
	}
	expect_step(h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
	assert_int_equal(h->now, HOST_START_MS + 60000);
	assert_int_equal(longest, TXN_RESEND_CAP_MS);
	assert_in_range(copies, 10, 30);
	/* The next attempt begins with short silences again. */
	host_tick(h, 100);
	expect_step(h, ">a-svc s a forward 2 left=60000 call\n");
	host_tick(h, 100);
	expect_step(h, ">a-svc s a forward 2 left=59900 call again\n");
}

/* Replies are handled before timers (S16), so one may come when the attempt is over already. */
static void stale_after_the_end_leaves_it_to_the_timer(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	plan_direct(&p);
	host_submit(h, "s", &p);
	h->now += 10001;
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_STALE);
	expect_step(h, ">recorded 1\n");
	host_tick(h, 0);
	expect_step(h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
}

static void in_hand_puts_copies_off_but_not_the_end(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	plan_direct(&p);
	host_submit(h, "s", &p);
	h->now += 50;
	in_hand(h, 1, 3000);
	expect_step(h, ""); /* no record, and nobody waits for a disposition */
	host_tick(h, 2999);
	expect_step(h, "");
	h->now += 0;
	in_hand(h, 1, 3000);
	host_tick(h, 2999);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, ">a-svc s a forward 1 left=3951 call again\n");
	/* A handler that hangs: however often it is said, the attempt ends in its time. */
	for (uint32_t i = 0; i < 3; i++) {
		h->now += 1000;
		in_hand(h, 1, 3000);
		expect_step(h, "");
	}
	host_tick(h, 951);
	expect_step(h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
	/* Somebody who still has the first attempt says nothing about the second. */
	host_tick(h, 100);
	expect_step(h, ">a-svc s a forward 2 left=10000 call\n");
	in_hand(h, 1, 3000);
	host_tick(h, 100);
	expect_step(h, ">a-svc s a forward 2 left=9900 call again\n");
}

static void nobody_puts_copies_off_for_long(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	plan_direct(&p);
	p.steps[0].attempt_timeout_ms = 100000;
	p.plan.deadline_ms = 600000;
	host_submit(h, "s", &p);
	in_hand(h, 1, UINT32_MAX);
	assert_int_equal(txn_next_deadline(h->t), h->now + TXN_WORKING_HOLD_MAX_MS);
}

/* A handler's own heartbeat begins the attempt's time anew, within budget and deadline. */
static void heartbeat_prolongs_within_the_budget(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	plan_direct(&p);
	p.steps[0].budget_ms = 15000;
	host_submit(h, "s", &p);
	h->now += 4000;
	in_hand(h, 1, 0);
	host_tick(h, TXN_WORKING_HOLD_MS);
	expect_step(h, ">a-svc s a forward 1 left=7000 call again\n");
	h->now += 2000;
	in_hand(h, 1, 0);
	host_tick(h, TXN_WORKING_HOLD_MS);
	expect_step(h, ">a-svc s a forward 1 left=3000 call again\n");
	h->now += 2999;
	in_hand(h, 1, 0);
	host_tick(h, 1);
	expect_step(h, "+branch #1 0 forward unknown 1 code=5001\n"
		       "+decision #1 exhausted 0\n"
		       ">a-svc s a undo 1 left=10000 call\n");
}

/* S2 only where an answer leaves: copies are answered often, and must not cost a record each. */
static void late_answers_to_calls_leave_no_record(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	plan_direct(&p);
	host_submit(h, "s", &p);
	h->reply_to = 0;
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n>b-svc s b forward 1 left=10000 call\n");
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "");
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_REJECTED);
	expect_step(h, "");
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n+finished #1 completed\n");
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "");
	host_reply(h, "unknown", 1, "b", FORWARD, 1, OK);
	expect_step(h, "");
	/* With somebody who waits, as ever. */
	h->reply_to = 1;
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+noop\n>obsolete 1\n");
}

/* S14: a lost consumer does not stop the saga; nor do lost calls. */
static void silence_falls_back_to_calls_and_back(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	char expected[64];

	host_plan(&p, two, 2);
	p.steps[0].retry.attempts = 1000;
	p.plan.deadline_ms = 3000000;
	host_submit(h, "s", &p);
	for (uint32_t attempt = 1; attempt <= 600; attempt++) {
		const bool call = attempt > TXN_SILENT_MAX && attempt % 2 == 1;

		(void)snprintf(expected, sizeof expected, ">a-svc s a forward %u left=1000%s\n",
			       attempt, call ? " call fallback" : "");
		if (attempt > 1)
			expect_step(h, expected);
		while (h->now < h->t->entries[0].body->branches[0].ends_at) {
			const uint64_t wait = txn_next_deadline(h->t) - h->now;

			host_tick(h, wait);
			if (h->text_size > 0 && h->text[0] == '>')
				assert_true(call); /* S14: only calls have copies */
		}
		host_tick(h, txn_next_deadline(h->t) - h->now);
		if (attempt == 2)
			h->no_replay = h->no_verify = true;
	}
}

/* Whoever answers has a working consumer: the count of silent attempts begins anew. */
static void any_answer_ends_the_fallback(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	p.steps[0].retry.attempts = 10;
	host_submit(h, "s", &p);
	host_tick(h, 1000);
	host_tick(h, 100);
	expect_step(h, ">a-svc s a forward 2 left=1000\n");
	host_reply(h, "s", 0, "a", FORWARD, 2, WIRE_OUTCOME_RETRY);
	host_tick(h, 200);
	expect_step(h, ">a-svc s a forward 3 left=1000\n");
	host_tick(h, 1000);
	host_tick(h, 400);
	expect_step(h, ">a-svc s a forward 4 left=1000\n");
	host_tick(h, 1000);
	host_tick(h, 800);
	expect_step(h, ">a-svc s a forward 5 left=1000 call fallback\n");
	host_reply(h, "s", 0, "a", FORWARD, 5, OK);
	expect_step(h, "+branch #1 0 forward ok 5\n>b-svc s b forward 1 left=1000\n>recorded 1\n");
}

/* S14 to the letter: what the owner before has put into the stream may be there for its whole age,
 * so the new one's first word goes past the stream. */
static void take_over_calls_first(void **state)
{
	struct host h;
	struct host_plan p;

	(void)state;
	host_init(&h);
	h.config.command_age_ms = 4000;
	h.config.resend_after_ms = 1000;
	host_start(&h);
	host_plan(&p, two, 2);
	host_submit(&h, "s", &p);
	expect_step(&h, "+accepted s #1\n"
			">answer 1 s running final\n"
			">a-svc s a forward 1 left=4000\n");
	h.now += 3900;
	host_take_over(&h, h.record_count);
	host_tick(&h, 0);
	expect_step(&h, ">a-svc s a forward 1 left=4000 call again\n");
	host_tick(&h, 1000);
	expect_step(&h, ">a-svc s a forward 1 left=3000 call again\n");
	host_tick(&h, 2000);
	host_tick(&h, 1000);
	expect_step(&h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
	host_tick(&h, 100);
	expect_step(&h, ">a-svc s a forward 2 left=4000\n");
	host_tick(&h, 4000);
	/* It may have been sent although its time has not come by our clock: the one before was
	 * ahead of the last time that it wrote down. */
	host_take_over(&h, h.record_count);
	host_tick(&h, 200);
	expect_step(&h, ">a-svc s a forward 3 left=4000 call again\n");
	host_close(&h);
}

/* An answer to the call does not use up what the owner before put into the stream. */
static void take_over_calls_until_old_copies_are_too_old(void **state)
{
	struct host h;
	struct host_plan p;

	(void)state;
	host_init(&h);
	h.config.command_age_ms = 4000;
	host_start(&h);
	host_plan(&p, two, 2);
	p.steps[0].retry.attempts = 10;
	host_submit(&h, "s", &p);
	h.now += 10;
	host_take_over(&h, h.record_count);
	host_tick(&h, 0);
	expect_step(&h, ">a-svc s a forward 1 left=4000 call again\n");
	host_reply(&h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_RETRY);
	host_tick(&h, 100);
	expect_step(&h, ">a-svc s a forward 2 left=4000 call\n");
	h.now += 3800;
	host_reply(&h, "s", 0, "a", FORWARD, 2, WIRE_OUTCOME_RETRY);
	host_tick(&h, 200);
	expect_step(&h, ">a-svc s a forward 3 left=4000\n");
	host_close(&h);
}

/* Nor does an answer to the copy of an owner between: it says nothing of what the first one sent.
 */
static void two_take_overs_call_until_old_copies_are_too_old(void **state)
{
	struct host h;
	struct host_plan p;

	(void)state;
	host_init(&h);
	h.config.command_age_ms = 4000;
	host_start(&h);
	host_plan(&p, two, 2);
	p.steps[0].retry.attempts = 10;
	host_submit(&h, "s", &p);
	expect_step(&h, "+accepted s #1\n"
			">answer 1 s running final\n"
			">a-svc s a forward 1 left=4000\n");
	host_take_over(&h, h.record_count);
	host_tick(&h, 0);
	expect_step(&h, ">a-svc s a forward 1 left=4000 call again\n");
	host_take_over(&h, h.record_count);
	host_reply(&h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_RETRY); /* to the call */
	host_tick(&h, 100);
	expect_step(&h, ">a-svc s a forward 2 left=4000 call\n");
	host_close(&h);
}

/* The broker counts from when a copy arrives: it may leave a little after it was made. */
static void a_copy_that_left_late_is_waited_for(void **state)
{
	struct host h;
	struct host_plan p;

	(void)state;
	host_init(&h);
	h.config.command_age_ms = 4000;
	h.config.command_leave_ms = 300;
	host_start(&h);
	host_plan(&p, two, 2);
	p.steps[0].retry.attempts = 10;
	host_submit(&h, "s", &p);
	expect_step(&h, "+accepted s #1\n"
			">answer 1 s running final\n"
			">a-svc s a forward 1 left=4300\n");
	host_tick(&h, 4299);
	expect_step(&h, "");
	host_tick(&h, 1);
	expect_step(&h, "+branch #1 0 forward again 1 code=5001 at=+100\n");
	h.now += 4200;
	/* Likewise by the next owner. */
	host_take_over(&h, h.record_count);
	host_tick(&h, 0);
	expect_step(&h, ">a-svc s a forward 2 left=4300 call again\n");
	host_reply(&h, "s", 0, "a", FORWARD, 2, WIRE_OUTCOME_RETRY);
	host_tick(&h, 4200);
	expect_step(&h, ">a-svc s a forward 3 left=4300 call\n");
	host_reply(&h, "s", 0, "a", FORWARD, 3, WIRE_OUTCOME_RETRY);
	host_tick(&h, 400);
	expect_step(&h, ">a-svc s a forward 4 left=4300\n");
	host_close(&h);
}

/* What begins under the new owner was never sent: it is durable at once. */
static void take_over_ends_with_the_operation(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, two, 2);
	host_submit(h, "s", &p);
	host_take_over(h, h->record_count);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n>b-svc s b forward 1 left=1000\n>recorded 1\n");
	host_take_over(h, h->record_count);
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       ">answer 1 s undoing final\n"
		       ">b-svc s b undo 1 left=1000\n");
}

/* However often it is said that the next attempt went wrong: nobody has made it yet. */
static void trouble_before_the_attempt_is_no_news(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	plan_direct(&p);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_RETRY);
	expect_step(h, "+branch #1 0 forward again 1 at=+100\n>recorded 1\n");
	host_reply(h, "s", 0, "a", FORWARD, 2, WIRE_OUTCOME_RETRY);
	expect_step(h, ">recorded 1\n");
	/* Of one that the owner before may have made it is. */
	host_take_over(h, h->record_count);
	host_reply(h, "s", 0, "a", FORWARD, 2, WIRE_OUTCOME_RETRY);
	expect_step(h, "+branch #1 0 forward again 2 at=+200\n>recorded 1\n");
	host_reply(h, "s", 0, "a", FORWARD, 3, WIRE_OUTCOME_RETRY);
	expect_step(h, ">recorded 1\n");
}

/* A service that is away is not sent its whole backlog in one go, again and again. */
static void copies_take_turns(void **state)
{
	enum { SAGAS = 40 };
	struct host h;
	struct host_plan p;
	uint32_t copies = 0;
	char id[16];

	(void)state;
	host_init(&h);
	h.config.resend_after_ms = 100;
	h.config.resend_per_second = 100;
	h.no_replay = true;
	host_start(&h);
	plan_direct(&p);
	for (int i = 0; i < SAGAS; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
	}
	h.now += 99;
	for (uint32_t ms = 1; ms <= 1000; ms++) {
		host_tick(&h, 1);
		copies += h.command_count;
		assert_in_range(copies, ms / 20, ms / 10 + 1);
	}
	/* An answer while it waits for its turn. */
	host_reply(&h, "s0", 0, "a", FORWARD, 1, OK);
	host_close(&h);
}

/* More sagas than turns, for long: the turns must be where the time is, not hours ahead. */
static void an_outage_does_not_put_turns_off(void **state)
{
	enum { SAGAS = 40, PER_SECOND = 2 };
	struct host h;
	struct host_plan p;
	uint32_t copies = 0;
	char id[16];

	(void)state;
	host_init(&h);
	h.config.resend_after_ms = 100;
	h.config.resend_per_second = PER_SECOND;
	h.no_replay = h.no_verify = true;
	host_start(&h);
	plan_direct(&p);
	p.steps[0].attempt_timeout_ms = 2000;
	p.steps[0].retry.attempts = 1000;
	p.plan.deadline_ms = 3000000;
	for (int i = 0; i < SAGAS; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
	}
	for (uint32_t ms = 0; ms < 300000; ms += 10)
		host_tick(&h, 10);
	for (uint32_t ms = 0; ms < 60000; ms += 10) {
		const uint64_t before = h.t->stats.copies_total;

		host_tick(&h, 10);
		copies += (uint32_t)(h.t->stats.copies_total - before);
	}
	assert_in_range(copies, 60 * PER_SECOND / 2, 60 * PER_SECOND + 1);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(silence_sends_the_same_attempt_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(copies_end_with_the_attempt, setup, teardown),
		cmocka_unit_test_setup_teardown(stale_after_the_end_leaves_it_to_the_timer, setup,
						teardown),
		cmocka_unit_test_setup_teardown(in_hand_puts_copies_off_but_not_the_end, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nobody_puts_copies_off_for_long, setup, teardown),
		cmocka_unit_test_setup_teardown(heartbeat_prolongs_within_the_budget, setup,
						teardown),
		cmocka_unit_test_setup_teardown(late_answers_to_calls_leave_no_record, setup,
						teardown),
		cmocka_unit_test_setup_teardown(silence_falls_back_to_calls_and_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(any_answer_ends_the_fallback, setup, teardown),
		cmocka_unit_test(take_over_calls_first),
		cmocka_unit_test(take_over_calls_until_old_copies_are_too_old),
		cmocka_unit_test(two_take_overs_call_until_old_copies_are_too_old),
		cmocka_unit_test(a_copy_that_left_late_is_waited_for),
		cmocka_unit_test_setup_teardown(take_over_ends_with_the_operation, setup, teardown),
		cmocka_unit_test_setup_teardown(trouble_before_the_attempt_is_no_news, setup,
						teardown),
		cmocka_unit_test(copies_take_turns),
		cmocka_unit_test(an_outage_does_not_put_turns_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
