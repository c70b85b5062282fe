/* Submits, cancels of unknown ids, queries, lists; memory of finished ids. */
#include <stdio.h>

#include "tests/unit/txn_host.h"

#define FORWARD WIRE_OP_FORWARD
#define OK      WIRE_OUTCOME_OK

static const char *const one[] = {"a"};

static void same_id_same_body(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, one, 1);
	host_submit(h, "s", &p);
	host_submit(h, "s", &p);
	expect_step(h, ">answer 1 s running final\n");
	h->reply_to = 5;
	host_submit_wait(h, "s", &p);
	expect_step(h, ">answer 5 s running\n");
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       "+finished #1 completed\n"
		       ">answer 5 s completed final\n"
		       ">recorded 5\n");
	/* The outcome told again has a record behind it (S2). */
	host_submit_wait(h, "s", &p);
	expect_step(h, "+noop\n>answer 5 s completed final\n");
}

/* For the journal's sake, not for a saga's (S21). */
static void a_probe_is_one_record(void **state)
{
	struct host *h = *state;
	struct hash128 before = txn_state_hash(h->t), after;

	assert_int_equal(host_step(h, (struct txn_event){.kind = TXN_EVENT_PROBE}), 0);
	expect_step(h, "+noop\n");
	after = txn_state_hash(h->t);
	assert_memory_not_equal(before.bytes, after.bytes, sizeof before.bytes); /* its number */
	assert_true(txn_next_deadline(h->t) == UINT64_MAX);
}

static void same_id_other_body(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit s;

	host_plan(&p, one, 1);
	host_submit(h, "s", &p);
	s = host_submit_of(h, "s", &p);
	s.input = slice_str("other");
	assert_int_equal(host_submit_event(h, &s), 0);
	expect_step(h, ">answer 1 s running conflict final\n");
	/* The window and the wish to wait are not part of the body. */
	s = host_submit_of(h, "s", &p);
	s.retry_until_at += 5;
	assert_int_equal(host_submit_event(h, &s), 0);
	expect_step(h, ">answer 1 s running final\n");
}

static void refusals(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit s;

	host_plan(&p, one, 1);
	s = host_submit_of(h, "s", &p);
	s.retry_until_at = h->now;
	assert_int_equal(host_submit_event(h, &s), 0);
	expect_step(h, "+noop\n>answer 1 s none expired final\n");
	s = host_submit_of(h, "s", &p);
	s.deadline_ms = 9;
	assert_int_equal(host_submit_event(h, &s), 0);
	expect_step(h, ">answer 1 s none bad_request/deadline final 'deadline_ms must be 10 ms to "
		       "saga.deadline_max'\n");
	s.deadline_ms = 3600001;
	assert_int_equal(host_submit_event(h, &s), 0);
	expect_step(h, ">answer 1 s none bad_request/deadline final 'deadline_ms must be 10 ms to "
		       "saga.deadline_max'\n");
	s = host_submit_of(h, "s s", &p);
	assert_int_equal(host_submit_event(h, &s), 0);
	expect_step(h, ">answer 1  none bad_request/id final\n");
	s = host_submit_of(h, "s", &p);
	s.plan.step_count = 0;
	assert_int_equal(host_submit_event(h, &s), 0);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_PLAN));
	p.steps[0].after = slice_of("\0", 1);
	host_submit(h, "s", &p);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_PLAN));
	assert_true(h->answer.text.size > 0);
	assert_int_equal(txn_find(h->t, slice_str("s")).known, false);
}

/* S5: a window that is longer than what we remember is refused, never cut short in silence. */
static void window_is_limited(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit s;

	host_plan(&p, one, 1);
	s = host_submit_of(h, "s", &p);
	s.retry_until_at = UINT64_MAX;
	assert_int_equal(host_submit_event(h, &s), 0);
	expect_step(h,
		    "+noop\n>answer 1 s none bad_request/range final "
		    "'retry_until_at must be at most 600000 ms ahead, the longest retry window of "
		    "this cluster'\n");
	/* A minute for clocks that differ; what is taken in is kept as it is. */
	s.retry_until_at = h->now + 660001;
	assert_int_equal(host_submit_event(h, &s), 0);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_RANGE));
	assert_false(txn_find(h->t, s.id).known);
	s.retry_until_at = h->now + 660000;
	assert_int_equal(host_submit_event(h, &s), 0);
	assert_int_equal(h->answer.code, 0);
	assert_int_equal(txn_entry_find(h->t, s.id)->retry_until_at, h->now + 660000);
}

/* A shard that was down for a day is a day behind its clients, and stays so. */
static void windows_are_counted_in_unix_time(void **state)
{
	const uint64_t day = 86400000;
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit s;

	host_plan(&p, one, 1);
	h->wall_ms = h->now + day;
	s = host_submit_of(h, "s", &p);
	s.retry_until_at = h->wall_ms + 660001;
	assert_int_equal(host_submit_event(h, &s), 0);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_RANGE));
	s.retry_until_at--;
	assert_int_equal(host_submit_event(h, &s), 0);
	assert_int_equal(h->answer.code, 0);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	/* It is known until then in shard time, which is later. */
	h->now += day;
	h->wall_ms += day;
	assert_int_equal(host_submit_event(h, &s), 0);
	expect_step(h, "+noop\n>answer 1 s completed final\n");
	/* A wall clock that is behind shard time is wrong. */
	h->wall_ms = 1;
	s = host_submit_of(h, "t", &p);
	assert_int_equal(host_submit_event(h, &s), 0);
	assert_int_equal(h->answer.code, 0);
}

/* Whatever window a sender asks for: as long as it lasts, its saga runs at most once. */
static void an_id_runs_once_within_its_window(void **state)
{
	static const uint64_t windows[] = {1,     1000,   10000,  60000,   69999,    70000,
					   70001, 100000, 600000, 1000000, 100000000};
	(void)state;
	for (uint32_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		struct host h;
		struct host_plan p;
		struct wire_submit s;
		uint32_t runs = 0;
		uint64_t end;

		host_init(&h);
		h.config.retry_window_max_ms = 10000;
		host_start(&h);
		host_plan(&p, one, 1);
		s = host_submit_of(&h, "s", &p);
		s.retry_until_at = end = h.now + windows[i];
		for (int j = 0; j < 200; j++) {
			char other[16];

			assert_int_equal(host_submit_event(&h, &s), 0);
			runs += h.command_count;
			if (h.command_count > 0)
				host_reply(&h, "s", 0, "a", FORWARD, 1, OK);
			/* Time passes in the fold as well. */
			(void)snprintf(other, sizeof other, "x%d", j);
			host_cancel(&h, other);
			h.now += windows[i] / 100 + 1;
			if (j % 50 == 49)
				host_take_over(&h, h.record_count);
		}
		assert_true(h.now > end);
		/* A longer one is refused until what is left of it is short enough. */
		assert_in_range(runs, windows[i] <= 70000, 1);
		host_close(&h);
	}
}

/* S11: with two shards, every id belongs to one of them only. */
static void wrong_shard(void **state)
{
	struct host h;
	struct host_plan p;
	char id[16];
	int here = 0;

	(void)state;
	host_init(&h);
	assert_int_equal(wire_slots_even(&h.slots, 2), 0);
	h.config.shard = 1;
	host_start(&h);
	host_plan(&p, one, 1);
	for (int i = 0; i < 20; i++) {
		const uint32_t records = h.record_count;
		bool mine;

		(void)snprintf(id, sizeof id, "s%d", i);
		mine = wire_shard_of(&h.slots, slice_str(id)) == 1;
		here += mine;
		host_submit(&h, id, &p);
		assert_int_equal(h.answer.code, mine ? 0 : err_to_wire(SAGA_E_WRONG_SHARD));
		host_query(&h, id, true);
		assert_int_equal(h.answer.code, mine ? 0 : err_to_wire(SAGA_E_WRONG_SHARD));
		txn_forget_waiter(h.t, h.reply_to);
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
		host_cancel(&h, id);
		assert_int_equal(h.answer.code, mine ? err_to_wire(SAGA_E_TOO_LATE)
						     : err_to_wire(SAGA_E_WRONG_SHARD));
		assert_int_equal(h.record_count > records, mine);
	}
	assert_in_range(here, 1, 19);
	host_close(&h);
}

static void tombstones(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct txn_span span;

	host_plan(&p, one, 1);
	host_cancel(h, "s");
	expect_step(h, "+tombstone s\n>answer 1 s cancelled final\n");
	host_cancel(h, "s");
	expect_step(h, "+noop\n>answer 1 s cancelled final\n");
	host_submit(h, "s", &p);
	expect_step(h, "+noop\n>answer 1 s cancelled cancelled final\n");
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s cancelled final\n");
	span = txn_find(h->t, slice_str("s"));
	assert_true(span.known && span.first_record == 1 && span.last_record == 1 &&
		    span.admission == 1);
	/* Until its window and the margin are over (60 s + 10 s). */
	h->now += 69999;
	host_submit(h, "s", &p);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_CANCELLED));
	h->now += 1;
	host_submit(h, "s", &p);
	expect_step(h, "+accepted s #2\n"
		       ">answer 1 s running final\n"
		       ">a-svc s a forward 1 left=1000\n");
}

static void finished_ids_are_remembered(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, one, 1);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	h->now += 69999;
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s completed final\n");
	h->now += 1;
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s none not_found final\n");
	host_query(h, "s", true);
	expect_step(h, "+noop\n>answer 1 s none not_found final\n");
	assert_true(txn_find(h->t, slice_str("s")).known); /* the fold has not seen the time yet */
	host_submit(h, "r", &p);
	assert_false(txn_find(h->t, slice_str("s")).known);
	host_submit(h, "s", &p);
	expect_step(h, "+accepted s #3\n"
		       ">answer 1 s running final\n"
		       ">a-svc s a forward 1 left=1000\n");
}

/* It may outlive its window; who waits for the outcome still has the margin. */
static void late_outcomes_are_remembered_too(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, one, 1);
	p.steps[0].retry.attempts = 1000;
	p.plan.deadline_ms = 3600000;
	host_submit(h, "s", &p);
	h->now += 1000000;
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	h->now += 9999;
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s completed final\n");
	h->now += 1;
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s none not_found final\n");
}

/* Forgetting is bounded per record, so an id may come again before its old entry has gone. */
static void an_id_comes_again_before_it_is_evicted(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	char id[16];

	host_plan(&p, one, 1);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(h, id, &p);
		host_reply(h, id, 0, "a", FORWARD, 1, OK);
	}
	h->now += 100000;
	host_submit(h, "s19", &p);
	expect_step(h, "+accepted s19 #21\n"
		       ">answer 1 s19 running final\n"
		       ">a-svc s19 a forward 1 left=1000\n");
	host_cancel(h, "s18");
	expect_step(h, "+tombstone s18\n>answer 1 s18 cancelled final\n");
	for (int i = 0; i < 3; i++) {
		(void)snprintf(id, sizeof id, "t%d", i);
		host_submit(h, id, &p);
	}
	assert_int_equal(h->t->entries_used, 5);
}

static void tombstones_are_kept_as_long_as_a_submit_may_come(void **state)
{
	static const uint64_t asked[] = {0, 1};
	struct host *h = *state;
	struct wire_cancel too_long = {.id = slice_str("z"), .retry_until_at = h->now + 660001};
	struct txn_event event = {.kind = TXN_EVENT_CANCEL, .u.cancel = &too_long};

	for (uint32_t i = 0; i < 2; i++) {
		const char *const ids[] = {"x", "y"};
		const struct wire_cancel cancel = {.id = slice_str(ids[i]),
						   .retry_until_at = asked[i]};

		assert_int_equal(host_step(h, (struct txn_event){.kind = TXN_EVENT_CANCEL,
								 .u.cancel = &cancel}),
				 0);
		assert_int_equal(txn_entry_find(h->t, cancel.id)->retry_until_at, h->now + 660000);
	}
	assert_int_equal(host_step(h, event), 0);
	expect_step(h,
		    "+noop\n>answer 1 z none bad_request/range final "
		    "'retry_until_at must be at most 600000 ms ahead, the longest retry window of "
		    "this cluster'\n");
	too_long.retry_until_at--;
	assert_int_equal(host_step(h, event), 0);
	assert_int_equal(txn_entry_find(h->t, too_long.id)->retry_until_at, h->now + 660000);
}

/* By somebody who knows nothing of its window. */
static void block(struct host *h, const char *id)
{
	const struct wire_cancel cancel = {.id = slice_str(id)};
	const struct txn_event event = {.kind = TXN_EVENT_CANCEL, .u.cancel = &cancel};

	assert_int_equal(host_step(h, event), 0);
}

/* A shard that is behind Unix time gains on it with each take-over; a submit that was on its way
 * when its id was blocked has its window in Unix time. */
static void tombstones_outlast_windows_in_unix_time(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit s;

	host_plan(&p, one, 1);
	h->wall_ms = h->now + 300000;
	s = host_submit_of(h, "s", &p);
	s.retry_until_at = h->wall_ms + 600000;
	block(h, "s");
	assert_int_equal(txn_entry_find(h->t, s.id)->retry_until_at, h->wall_ms + 660000);
	h->now += 670001;
	h->wall_ms += 370001;
	assert_int_equal(host_submit_event(h, &s), 0);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_CANCELLED));
	/* A wall clock that is wrong blocks it for two windows, not for years. */
	h->wall_ms = h->now + UINT64_C(400000000000);
	block(h, "t");
	assert_int_equal(txn_entry_find(h->t, slice_str("t"))->retry_until_at, h->now + 1260000);
	h->wall_ms = UINT64_MAX;
	block(h, "u");
	assert_int_equal(txn_entry_find(h->t, slice_str("u"))->retry_until_at, h->now + 1260000);
}

static void waiters(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct txn_stats stats;

	host_plan(&p, one, 1);
	host_submit_wait(h, "s", &p);
	for (uint64_t i = 2; i <= 4; i++) {
		h->reply_to = i;
		host_query(h, "s", true);
	}
	expect_step(h, ">answer 4 s running\n  a active 1/0\n");
	txn_forget_waiter(h->t, 3);
	txn_forget_waiter(h->t, 3);
	txn_forget_waiter(h->t, 99);
	txn_stats(h->t, &stats);
	assert_int_equal(stats.waiters, 3);
	h->reply_to = 9;
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       "+finished #1 completed\n"
		       ">answer 4 s completed final\n"
		       ">answer 2 s completed final\n"
		       ">answer 1 s completed final\n"
		       ">recorded 9\n");
	/* Nobody to answer to: the step does its work in silence. */
	h->reply_to = 0;
	host_submit_wait(h, "r", &p);
	expect_step(h, "+accepted r #2\n>a-svc r a forward 1 left=1000\n");
	host_reply(h, "r", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #2 0 forward ok 1\n+finished #2 completed\n");
}

/* A client that asks again and again from new inboxes pushes out its own old ones, nobody else. */
static void waiters_of_one_saga_are_bounded(void **state)
{
	struct host h;
	struct host_plan p;
	struct txn_stats stats;

	(void)state;
	host_init(&h);
	h.limits.waiters_max = TXN_WAITERS_OF_SAGA_MAX + 1;
	host_start(&h);
	host_plan(&p, one, 1);
	host_submit(&h, "s", &p);
	for (uint64_t i = 0; i < 3 * TXN_WAITERS_OF_SAGA_MAX; i++) {
		char expected[128];

		h.reply_to = 100 + i;
		host_query(&h, "s", true);
		(void)snprintf(expected, sizeof expected, ">answer %u s running\n  a active 1/0\n",
			       (unsigned)h.reply_to);
		if (i >= TXN_WAITERS_OF_SAGA_MAX)
			(void)snprintf(expected, sizeof expected,
				       ">answer %u s running busy final\n"
				       ">answer %u s running\n  a active 1/0\n",
				       (unsigned)h.reply_to - TXN_WAITERS_OF_SAGA_MAX,
				       (unsigned)h.reply_to);
		expect_step(&h, expected);
	}
	txn_stats(h.t, &stats);
	assert_int_equal(stats.waiters, TXN_WAITERS_OF_SAGA_MAX);
	/* A submit of the same saga pushes as well. */
	h.reply_to = 7;
	host_submit_wait(&h, "s", &p);
	expect_step(&h, ">answer 228 s running busy final\n>answer 7 s running\n");
	/* There is room for other sagas, and the last ones are told. */
	h.reply_to = 8;
	host_submit_wait(&h, "r", &p);
	assert_int_equal(h.answer.code, 0);
	host_reply(&h, "s", 0, "a", FORWARD, 1, OK);
	assert_non_null(
		strstr(h.text, ">answer 7 s completed final\n>answer 291 s completed final\n"));
	assert_non_null(strstr(h.text, ">answer 229 s completed final\n>recorded 8\n"));
	assert_null(strstr(h.text, ">answer 228 "));
	host_close(&h);
}

/* The same token, asking again: one place, one outcome; in another saga it gives up the first. */
static void a_token_waits_once(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct txn_stats stats;

	host_plan(&p, one, 1);
	host_submit_wait(h, "s", &p);
	for (int i = 0; i < 100; i++) {
		host_query(h, "s", true);
		expect_step(h, ">answer 1 s running\n  a active 1/0\n");
		host_submit_wait(h, "s", &p);
		expect_step(h, ">answer 1 s running\n");
	}
	txn_stats(h->t, &stats);
	assert_int_equal(stats.waiters, 1);
	host_submit_wait(h, "r", &p);
	txn_stats(h->t, &stats);
	assert_int_equal(stats.waiters, 1);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n+finished #1 completed\n>recorded 1\n");
	host_reply(h, "r", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #2 0 forward ok 1\n"
		       "+finished #2 completed\n"
		       ">answer 1 r completed final\n"
		       ">recorded 1\n");
}

static void lists_by_page(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	char id[16];

	host_plan(&p, one, 1);
	host_list(h, 0, 0, 10);
	expect_step(h, ">list open=0 parked=0 next=0\n");
	for (int i = 1; i <= 6; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(h, id, &p);
		if (i % 2)
			host_reply(h, id, 0, "a", FORWARD, 1, OK);
	}
	host_list(h, 0, 0, 2);
	expect_step(h, ">list open=3 parked=0 next=2\n"
		       "  #1 s1 completed\n"
		       "  #2 s2 running a 1\n");
	host_list(h, 0, 2, 500);
	expect_step(h, ">list open=3 parked=0 next=0\n"
		       "  #3 s3 completed\n"
		       "  #4 s4 running a 1\n"
		       "  #5 s5 completed\n"
		       "  #6 s6 running a 1\n");
	host_list(h, 1U << WIRE_STATE_RUNNING, 0, 2);
	expect_step(h, ">list open=3 parked=0 next=4\n"
		       "  #2 s2 running a 1\n"
		       "  #4 s4 running a 1\n");
	/* Cursors of what is forgotten by now, and beyond the end. */
	h->now += 70000;
	host_submit(h, "t", &p);
	host_list(h, 0, 1, 1);
	expect_step(h, ">list open=4 parked=0 next=2\n  #2 s2 running a 1\n");
	host_list(h, 0, 3, 0);
	expect_step(h, ">list open=4 parked=0 next=0\n"
		       "  #4 s4 running a 1\n"
		       "  #6 s6 running a 1\n"
		       "  #7 t running a 1\n");
	host_list(h, 0, 7, 0);
	expect_step(h, ">list open=4 parked=0 next=0\n");
	host_list(h, 0, 7000, 0);
	expect_step(h, ">list open=4 parked=0 next=0\n");
}

static void list_looks_at_a_bounded_number(void **state)
{
	struct host h;
	struct host_plan p;
	char id[16];

	(void)state;
	host_init(&h);
	h.limits.remembered_max = 3 * TXN_LIST_SCAN_MAX;
	h.no_replay = true;
	host_start(&h);
	host_plan(&p, one, 1);
	for (int i = 1; i <= TXN_LIST_SCAN_MAX + 10; i++) {
		const struct wire_cancel cancel = {.id = slice_of(id, 5),
						   .retry_until_at = h.now + 60000};
		struct txn_effects effects = {.records = &h.step_records, .emit = host_no_message};

		(void)snprintf(id, sizeof id, "s%04d", i % 10000);
		buf_clear(&h.step_records);
		assert_int_equal(txn_step(h.t,
					  &(struct txn_event){.kind = TXN_EVENT_CANCEL,
							      .now_ms = h.now,
							      .u.cancel = &cancel},
					  &effects),
				 0);
		h.record_count += effects.record_count;
	}
	buf_clear(&h.step_records);
	host_list(&h, 1U << WIRE_STATE_RUNNING, 0, 10);
	expect_step(&h, ">list open=0 parked=0 next=4096\n");
	host_list(&h, 1U << WIRE_STATE_RUNNING, 4096, 10);
	expect_step(&h, ">list open=0 parked=0 next=0\n");
	host_close(&h);
}

/* Two engines, same events: same bytes. */
static void deterministic(void **state)
{
	struct host twins[2];
	char texts[2][1024];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct host_plan p;

		host_init(&twins[i]);
		host_start(&twins[i]);
		host_plan(&p, one, 1);
		p.steps[0].retry.jitter_percent = 50;
		host_submit(&twins[i], "s", &p);
		host_tick(&twins[i], 1000);
		(void)snprintf(texts[i], sizeof texts[i], "%s", twins[i].text);
	}
	assert_string_equal(texts[0], texts[1]);
	assert_int_equal(twins[0].journal.size, twins[1].journal.size);
	assert_memory_equal(twins[0].journal.data, twins[1].journal.data, twins[0].journal.size);
	host_close(&twins[0]);
	host_close(&twins[1]);
}

/* What is told to come need not be true, nor come. */
static void expecting_changes_nothing(void **state)
{
	struct host *h = *state;
	struct wire_reply replies[WIRE_FRAME_MAX];
	struct host_plan p;

	host_plan(&p, one, 1);
	txn_expect(h->t, replies, 0);
	host_submit(h, "s1", &p);
	host_submit(h, "s2", &p);
	for (uint32_t i = 0; i < WIRE_FRAME_MAX; i++)
		replies[i] =
			host_reply_of(i % 3 == 0 ? "s1" : "nobody", i, "a", WIRE_OP_FORWARD, i, i);
	replies[3].step = UINT32_MAX;
	replies[6].saga = (struct slice){0};
	const struct hash128 before = txn_state_hash(h->t);
	txn_expect(h->t, replies, WIRE_FRAME_MAX);
	const struct hash128 after = txn_state_hash(h->t);
	assert_true(hash128_equal(&before, &after));
	assert_null(txn_verify(h->t, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(same_id_same_body),
		T(a_probe_is_one_record),
		T(same_id_other_body),
		T(refusals),
		T(window_is_limited),
		T(windows_are_counted_in_unix_time),
		T(an_id_runs_once_within_its_window),
		T(wrong_shard),
		T(tombstones),
		T(finished_ids_are_remembered),
		T(late_outcomes_are_remembered_too),
		T(an_id_comes_again_before_it_is_evicted),
		T(tombstones_are_kept_as_long_as_a_submit_may_come),
		T(tombstones_outlast_windows_in_unix_time),
		T(waiters),
		T(waiters_of_one_saga_are_bounded),
		T(a_token_waits_once),
		T(lists_by_page),
		T(list_looks_at_a_bounded_number),
		T(deterministic),
		T(expecting_changes_nothing),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
