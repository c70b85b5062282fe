/* What replay refuses, and what the state hash covers. */

#include "tests/unit/txn_host.h"
#include "wire/batch.h"
#include "wire/record.h"

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO
#define OK      WIRE_OUTCOME_OK

static const char *const three[] = {"a", "b", "c"};

static void differs(struct host *h, const struct hash128 *before)
{
	const struct hash128 after = txn_state_hash(h->t);

	assert_false(hash128_equal(before, &after));
}

#define DIFFERS(field)                                                                             \
	do {                                                                                       \
		(field)++;                                                                         \
		differs(h, &before);                                                               \
		(field)--;                                                                         \
	} while (0)

/* The state hash sees every folded field, and nothing else. */
static void state_hash_covers_the_fold(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct hash128 before, after;
	struct txn_entry *e;
	struct txn_branch *b;

	host_plan(&p, three, 2);
	host_submit(h, "s", &p);
	host_tick(h, 1000);
	e = txn_entry_find(h->t, slice_str("s"));
	assert_non_null(e);
	b = &e->body->branches[0];
	before = txn_state_hash(h->t);
	for (int i = 0; i < 3; i++) {
		DIFFERS(b->attempts[i]);
		DIFFERS(b->result[i]);
	}
	DIFFERS(b->state);
	DIFFERS(b->op);
	DIFFERS(b->code);
	DIFFERS(b->next_at);
	DIFFERS(b->text_size);
	DIFFERS(e->admission);
	DIFFERS(e->names[0]);
	DIFFERS(e->state);
	DIFFERS(e->reason);
	DIFFERS(e->body_hash.bytes[15]);
	DIFFERS(e->accepted_at);
	DIFFERS(e->deadline_at);
	DIFFERS(e->finished_at);
	DIFFERS(e->retry_until_at);
	DIFFERS(e->first_record);
	DIFFERS(e->last_record);
	DIFFERS(e->definition_version);
	DIFFERS(e->body->parked);
	DIFFERS(h->t->last_record);
	DIFFERS(h->t->next_admission);
	DIFFERS(h->t->clock);
	DIFFERS(h->t->journal_epoch);
	b->wait++;
	b->sent_at++;
	e->timer.deadline++;
	h->t->now++;
	h->t->epoch++;
	after = txn_state_hash(h->t);
	assert_true(hash128_equal(&before, &after));
	host_take_over(h, h->record_count);
	host_cancel(h, "x");
	before = txn_state_hash(h->t);
	e = txn_entry_find(h->t, slice_str("x"));
	DIFFERS(e->timer.deadline);
}

static int apply(struct host *h, enum wire_kind kind, const void *record)
{
	struct buf bytes;
	int err;

	buf_init(&bytes, 64 * 1024);
	assert_int_equal(wire_encode(kind, record, &bytes), 0);
	err = txn_apply(h->t, buf_slice(&bytes), txn_last_record(h->t) + 1, h->now);
	buf_close(&bytes);
	return err;
}

static int apply_branch(struct host *h, uint32_t step, uint32_t op, uint32_t event,
			uint32_t attempt)
{
	const struct wire_record_branch r = {
		.admission = 1, .step = step, .op = op, .event = event, .attempt = attempt};

	return apply(h, WIRE_RECORD_BRANCH, &r);
}

static void records_must_fit(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	const struct wire_record_noop noop = {0};
	const struct wire_record_genesis genesis = {.cluster = slice_str("c"), .shard_count = 1};
	struct wire_record_epoch epoch = {.epoch = 5, .node = slice_str("n"), .format = 1};
	struct wire_record_decision decision = {.admission = 1, .reason = 9};
	struct wire_record_parked parked = {.admission = 1, .op = UNDO, .attempts = 1};
	struct wire_record_finished finished = {.admission = 1, .state = WIRE_STATE_COMPLETED};
	struct wire_record_tombstone tombstone = {.saga = slice_str("s")};
	struct wire_submit s;
	struct wire_record_accepted accepted = {.accepted_at = 1};

	host_plan(&p, three, 2);
	host_submit(h, "s", &p);
	s = host_submit_of(h, "t", &p);
	accepted.saga = s.id;
	accepted.plan = s.plan;
	wire_plan_resolve(&accepted.plan);

	accepted.admission = 1;
	assert_int_equal(apply(h, WIRE_RECORD_ACCEPTED, &accepted), SAGA_E_STATE);
	accepted.admission = 2;
	p.steps[1].undo_retry.jitter_percent = 101; /* no wait could be reckoned with it */
	assert_int_equal(apply(h, WIRE_RECORD_ACCEPTED, &accepted), SAGA_E_STATE);
	p.steps[1].undo_retry.jitter_percent = 100;
	accepted.saga = slice_str("s");
	assert_int_equal(apply(h, WIRE_RECORD_ACCEPTED, &accepted), SAGA_E_STATE);
	assert_int_equal(apply(h, WIRE_RECORD_GENESIS, &genesis), SAGA_E_STATE);
	assert_int_equal(apply(h, WIRE_RECORD_EPOCH, &epoch), 0);
	epoch.epoch = 4;
	assert_int_equal(apply(h, WIRE_RECORD_EPOCH, &epoch), SAGA_E_STATE);
	assert_int_equal(apply_branch(h, 2, FORWARD, WIRE_EVENT_OK, 1), SAGA_E_STATE);
	assert_int_equal(apply_branch(h, 1, FORWARD, WIRE_EVENT_OK, 1), SAGA_E_STATE);
	assert_int_equal(apply_branch(h, 0, UNDO, WIRE_EVENT_OK, 1), SAGA_E_STATE);
	assert_int_equal(apply_branch(h, 0, FORWARD, WIRE_EVENT_OK, 0), SAGA_E_STATE);
	assert_int_equal(apply_branch(h, 0, FORWARD, WIRE_EVENT_OK, 2), SAGA_E_STATE);
	assert_int_equal(apply_branch(h, 0, WIRE_OP_FINISH, WIRE_EVENT_OK, 1), SAGA_E_STATE);
	assert_int_equal(apply(h, WIRE_RECORD_PARKED, &parked), SAGA_E_STATE);
	assert_int_equal(apply(h, WIRE_RECORD_FINISHED, &finished), SAGA_E_STATE);
	finished.state = WIRE_STATE_COMPENSATED;
	assert_int_equal(apply(h, WIRE_RECORD_FINISHED, &finished), SAGA_E_STATE);
	finished.admission = 7;
	assert_int_equal(apply(h, WIRE_RECORD_FINISHED, &finished), SAGA_E_STATE);
	assert_int_equal(apply(h, WIRE_RECORD_TOMBSTONE, &tombstone), SAGA_E_STATE);
	tombstone.saga = slice_str("u");
	tombstone.at = UINT64_MAX; /* "never" */
	assert_int_equal(apply(h, WIRE_RECORD_TOMBSTONE, &tombstone), SAGA_E_STATE);
	tombstone.at = BATCH_TIME_MAX + 1;
	assert_int_equal(apply(h, WIRE_RECORD_TOMBSTONE, &tombstone), SAGA_E_STATE);
	decision.reason = WIRE_REASON_DEADLINE;
	decision.has_step = true;
	decision.step = 2;
	assert_int_equal(apply(h, WIRE_RECORD_DECISION, &decision), SAGA_E_STATE);
	assert_int_equal(apply(h, WIRE_RECORD_NOOP, &noop), 0);
	assert_int_equal(apply_branch(h, 0, FORWARD, WIRE_EVENT_DISPATCHED, 1), 0);

	/* None of that has done anything: it goes on. */
	decision.has_step = false;
	assert_int_equal(apply(h, WIRE_RECORD_DECISION, &decision), 0);
	assert_int_equal(apply(h, WIRE_RECORD_DECISION, &decision), SAGA_E_STATE);
	parked.attempts = 2;
	assert_int_equal(apply(h, WIRE_RECORD_PARKED, &parked), SAGA_E_STATE);
	assert_int_equal(apply_branch(h, 0, UNDO, WIRE_EVENT_REJECTED, 1), SAGA_E_STATE);
}

/* A journal of damaged times must not end one owner after the other: what is added to them fits. */
static void the_latest_time_of_all_can_be_reckoned_with(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	const struct wire_record_noop noop = {0};

	host_plan(&p, three, 2);
	h->now = BATCH_TIME_MAX;
	host_submit(h, "s", &p);
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">a-svc s a forward 1 left=1000 call again\n");
	h->now = BATCH_TIME_MAX + 1;
	assert_int_equal(apply(h, WIRE_RECORD_NOOP, &noop), SAGA_E_STATE);
}

/* A record of a time to come moves the clock that forgetting goes by. What ends behind it is still
 * there when its waiters are told. */
static void a_time_to_come_forgets_nothing_at_once(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	host_submit_wait(h, "s", &p);
	h->t->clock = h->now + 10000000; /* as such a record leaves it */
	h->no_replay = true;
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	assert_int_equal(h->answer.state, WIRE_STATE_COMPLETED);
	assert_non_null(txn_entry_known(h->t, slice_str("s"), h->now + 1000));
}

static void numbers_and_bytes_must_be_right(void **state)
{
	struct host *h = *state;
	const struct wire_record_genesis foreign = {
		.cluster = slice_str("c"), .shard = 1, .shard_count = 2};
	const struct wire_query query = {.id = slice_str("s")};
	const struct wire_record_noop noop = {0};
	struct buf bytes;

	buf_init(&bytes, 1024);
	assert_int_equal(wire_encode(WIRE_RECORD_NOOP, &noop, &bytes), 0);
	assert_int_equal(txn_apply(h->t, buf_slice(&bytes), 2, h->now), SAGA_E_JOURNAL_GAP);
	assert_int_equal(txn_apply(h->t, buf_slice(&bytes), 0, h->now), SAGA_E_JOURNAL_GAP);
	bytes.size--;
	assert_int_not_equal(txn_apply(h->t, buf_slice(&bytes), 1, h->now), 0);
	buf_clear(&bytes);
	assert_int_not_equal(txn_apply(h->t, buf_slice(&bytes), 1, h->now), 0);
	assert_int_equal(wire_encode(WIRE_QUERY, &query, &bytes), 0);
	assert_int_equal(txn_apply(h->t, buf_slice(&bytes), 1, h->now), SAGA_E_KIND);
	buf_close(&bytes);
	assert_int_equal(apply(h, WIRE_RECORD_GENESIS, &foreign), SAGA_E_JOURNAL_FOREIGN);
	assert_int_equal(txn_last_record(h->t), 0);
}

/* A record that says too little: the window itself is always kept. */
static void no_record_forgets_within_the_window(void **state)
{
	struct host *h = *state;
	const struct wire_record_tombstone r = {
		.saga = slice_str("x"), .retry_until_at = h->now + 5000, .at = h->now};

	assert_int_equal(apply(h, WIRE_RECORD_TOMBSTONE, &r), 0);
	assert_non_null(txn_entry_known(h->t, r.saga, h->now + 4999));
	assert_null(txn_entry_known(h->t, r.saga, h->now + 5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(state_hash_covers_the_fold),
		T(records_must_fit),
		T(the_latest_time_of_all_can_be_reckoned_with),
		T(a_time_to_come_forgets_nothing_at_once),
		T(numbers_and_bytes_must_be_right),
		T(no_record_forgets_within_the_window),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
