/* The durable inbox in the engine (S12): each entry once, whatever it is, and the cursor in the
 * step that deals with it. The host replays the journal after each event. */
#include "tests/unit/txn_host.h"
#include "wire/record.h"

#include <stdio.h>

static const char *const one[] = {"a"};

/* One entry; `submit` NULL: what cannot be decoded. */
static int entry(struct host *h, const char *created, uint64_t sequence,
		 const struct wire_submit *submit, const char *id)
{
	const struct txn_inbox_entry e = {
		.created = slice_str(created),
		.sequence = sequence,
		.tenant = slice_str("shop"),
		.submit = submit,
		.code = submit ? 0 : SAGA_E_DECODE,
		.id = slice_str(id),
		.text = slice_str(submit ? "" : "at byte 0"),
	};

	h->reply_to = 0;
	return host_step(h, (struct txn_event){.kind = TXN_EVENT_INBOX, .u.inbox = &e});
}

static void taken(struct host *h, uint64_t sequence, const char *id, struct host_plan *p)
{
	const struct wire_submit submit = host_submit_of(h, id, p);

	assert_int_equal(entry(h, "c1", sequence, &submit, ""), 0);
}

static uint64_t cursor(const struct host *h)
{
	return txn_inbox(h->t).sequence;
}

static void query(struct host *h, const char *id)
{
	h->reply_to = 7;
	host_query(h, id, false);
	h->reply_to = 0;
}

static void accept_and_cursor_are_one_step(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, one, 1);
	assert_int_equal(txn_inbox(h->t).created.size, 0);
	taken(h, 5, "s", &p);
	expect_step(h, "+accepted s #1\n+inbox\n>a-svc s a forward 1 left=1000\n");
	assert_int_equal(cursor(h), 5);
	assert_true(slice_equal(txn_inbox(h->t).created, slice_str("c1")));
	/* Read again, by a reader that knows nothing: no record, no command. */
	taken(h, 5, "s", &p);
	expect_step(h, "");
	taken(h, 4, "t", &p);
	expect_step(h, "");
	/* The history of the saga has the record of the entry too. */
	assert_int_equal(txn_find(h->t, slice_str("s")).last_record, 2);
}

/* The next owner stands where the journal ends: behind ACCEPTED alone an entry would run twice, so
 * both are of one batch; behind both it is passed. */
static void the_next_owner_goes_on_there(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, one, 1);
	taken(h, 5, "s", &p);
	host_take_over(h, 2);
	assert_int_equal(cursor(h), 5);
	taken(h, 5, "s", &p);
	expect_step(h, "");
	taken(h, 6, "t", &p);
	expect_step(h, "+accepted t #2\n+inbox\n>a-svc t a forward 1 left=1000\n");
	/* Nothing of the last batch was stored: the entry is read again. */
	host_take_over(h, 2);
	assert_int_equal(cursor(h), 5);
	taken(h, 6, "t", &p);
	expect_step(h, "+accepted t #2\n+inbox\n>a-svc t a forward 1 left=1000\n");
}

static void duplicates_are_passed(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, one, 1);
	taken(h, 5, "s", &p);
	taken(h, 6, "s", &p);
	expect_step(h, "+inbox\n");
	host_reply(h, "s", 0, "a", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	taken(h, 7, "s", &p);
	expect_step(h, "+inbox\n");
	assert_int_equal(cursor(h), 7);
	query(h, "s");
	expect_step(h, ">answer 7 s completed final\n");
}

static void a_conflict_changes_nothing(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit other;

	host_plan(&p, one, 1);
	taken(h, 5, "s", &p);
	other = host_submit_of(h, "s", &p);
	other.input = slice_str("other");
	assert_int_equal(entry(h, "c1", 6, &other, ""), 0);
	expect_step(h, "+inbox\n");
	assert_int_equal(cursor(h), 6);
	query(h, "s");
	assert_int_equal(h->answer.code, 0);
	assert_int_equal(h->answer.state, WIRE_STATE_RUNNING);
	host_reply(h, "s", 0, "a", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	query(h, "s");
	expect_step(h, ">answer 7 s completed final\n");
}

static void what_is_refused_is_told_to_who_asks(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit submit;

	host_plan(&p, one, 1);
	/* A plan that is none, a window that is over, one that is too long, bytes that are no
	 * submit. */
	submit = host_submit_of(h, "plan", &p);
	submit.plan.step_count = 0;
	assert_int_equal(entry(h, "c1", 1, &submit, ""), 0);
	submit = host_submit_of(h, "late", &p);
	submit.retry_until_at = h->now;
	assert_int_equal(entry(h, "c1", 2, &submit, ""), 0);
	submit.id = slice_str("long");
	submit.retry_until_at = UINT64_MAX;
	assert_int_equal(entry(h, "c1", 3, &submit, ""), 0);
	assert_int_equal(entry(h, "c1", 4, NULL, "bytes"), 0);
	expect_step(h, "+inbox\n");
	assert_int_equal(entry(h, "c1", 5, NULL, ""), 0); /* not even an id */
	expect_step(h, "+inbox\n");
	assert_int_equal(cursor(h), 5);
	query(h, "plan");
	expect_step(h, ">answer 7 plan cancelled bad_request/plan final\n");
	assert_int_equal(h->answer.reason, WIRE_REASON_REFUSED);
	query(h, "late");
	expect_step(h, ">answer 7 late cancelled expired final\n");
	query(h, "long");
	expect_step(h, ">answer 7 long cancelled bad_request/range final\n");
	query(h, "bytes");
	expect_step(h, ">answer 7 bytes cancelled bad_request/decode final\n");
	/* It holds nobody up: the corrected submit is taken, the cancel blocks the id. */
	taken(h, 6, "plan", &p);
	expect_step(h, "+accepted plan #5\n+inbox\n>a-svc plan a forward 1 left=1000\n");
	h->reply_to = 8;
	host_cancel(h, "bytes");
	expect_step(h, "+tombstone bytes\n>answer 8 bytes cancelled final\n");
	taken(h, 7, "bytes", &p);
	expect_step(h, "+inbox\n");
	query(h, "bytes");
	assert_int_equal(h->answer.reason, WIRE_REASON_CANCELLED);
	/* Remembered as long as a submit may be, no longer. */
	h->now += h->config.retry_window_max_ms + h->config.remember_margin_ms;
	query(h, "late");
	expect_step(h, ">answer 7 late none not_found final\n");
}

static void an_entry_of_another_shard_is_passed(void **state)
{
	static struct host h;
	struct host_plan p;
	uint64_t sequence = 0;
	(void)state;

	host_init(&h);
	assert_int_equal(wire_slots_even(&h.slots, 4), 0);
	h.config.shard = 1;
	host_start(&h);
	host_plan(&p, one, 1);
	for (int i = 0; i < 20; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "s%d", i);
		taken(&h, ++sequence, id, &p);
		assert_int_equal(cursor(&h), sequence);
		assert_int_equal(txn_find(h.t, slice_str(id)).known,
				 wire_shard_of(&h.slots, slice_str(id)) == 1);
	}
	host_close(&h);
}

/* S19: it stays where it is, and is taken when there is room. */
static void without_room_it_waits(void **state)
{
	static struct host h;
	struct host_plan p;
	(void)state;

	host_init(&h);
	h.limits.open_max = 1;
	host_start(&h);
	host_plan(&p, one, 1);
	taken(&h, 5, "s", &p);
	taken(&h, 6, "t", &p);
	expect_step(&h, "");
	assert_int_equal(cursor(&h), 5);
	host_reply(&h, "s", 0, "a", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	taken(&h, 6, "t", &p);
	expect_step(&h, "+accepted t #2\n+inbox\n>a-svc t a forward 1 left=1000\n");
	host_close(&h);
}

/* A stream that was made again counts anew, as does one that lost its end; known ids stay known. */
static void another_stream_is_read_from_its_beginning(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit s, t;

	host_plan(&p, one, 1);
	s = host_submit_of(h, "s", &p);
	t = host_submit_of(h, "t", &p);
	assert_int_equal(entry(h, "c1", 9, &s, ""), 0);
	assert_int_equal(entry(h, "c2", 1, &s, ""), 0);
	expect_step(h, "+inbox\n");
	assert_int_equal(cursor(h), 1);
	assert_int_equal(entry(h, "c2", 2, &t, ""), 0);
	expect_step(h, "+accepted t #2\n+inbox\n>a-svc t a forward 1 left=1000\n");
	assert_int_equal(entry(h, "c2", 0, NULL, ""), 0);
	expect_step(h, "+inbox\n");
	assert_int_equal(cursor(h), 0);
	assert_int_equal(entry(h, "c2", 1, &s, ""), 0);
	expect_step(h, "+inbox\n");
}

/* What no owner writes does not fit: a cursor that goes back, or no stream. */
static void bad_records_are_refused(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_record_inbox r = {.created = slice_str("c1"), .sequence = 5};
	struct txn_shard *t;

	host_plan(&p, one, 1);
	taken(h, 5, "s", &p);
	t = host_replay(h, h->record_count);
	assert_int_equal(txn_fold(t, WIRE_RECORD_INBOX, &r), SAGA_E_STATE);
	r.created = slice_of(NULL, 0);
	r.sequence = 6;
	assert_int_equal(txn_fold(t, WIRE_RECORD_INBOX, &r), SAGA_E_STATE);
	r.created = slice_str("c1");
	r.remember_until_at = 1;
	r.code = 1;
	assert_int_equal(txn_fold(t, WIRE_RECORD_INBOX, &r), SAGA_E_STATE); /* of nobody */
	r.saga = slice_str("s");
	assert_int_equal(txn_fold(t, WIRE_RECORD_INBOX, &r), SAGA_E_STATE); /* it runs */
	r.remember_until_at = 0;
	assert_int_equal(txn_fold(t, WIRE_RECORD_INBOX, &r), 0);
}

/* Ids can be made up: what is remembered of refused ones has the tombstones' share; the cursor
 * passes all the same. */
static void refused_ids_are_bounded(void **state)
{
	struct host *h = *state;

	h->no_replay = true;
	for (uint64_t i = 1; i <= 1000; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "x%llu", (unsigned long long)i);
		assert_int_equal(entry(h, "c1", i, NULL, id), 0);
		assert_int_equal(cursor(h), i);
	}
	assert_int_equal(h->t->tombstones.count, h->limits.remembered_max / 2);
}

#define T(test) cmocka_unit_test_setup_teardown(test, host_set_up, host_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(accept_and_cursor_are_one_step),
		T(the_next_owner_goes_on_there),
		T(duplicates_are_passed),
		T(a_conflict_changes_nothing),
		T(what_is_refused_is_told_to_who_asks),
		cmocka_unit_test(an_entry_of_another_shard_is_passed),
		cmocka_unit_test(without_room_it_waits),
		T(another_stream_is_read_from_its_beginning),
		T(bad_records_are_refused),
		T(refused_ids_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
