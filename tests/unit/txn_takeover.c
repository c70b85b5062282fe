/* Replay, take-over at every record, pacing, and records that do not fit. */
#include <stdio.h>
#include <sys/mman.h>

#include "tests/unit/txn_host.h"

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO
#define OK      WIRE_OUTCOME_OK

static const char *const three[] = {"a", "b", "c"};

static int setup(void **state)
{
	static struct host h;

	host_init(&h);
	host_start(&h);
	*state = &h;
	return 0;
}

static int teardown(void **state)
{
	host_close(*state);
	return 0;
}

static void attempts_go_on_where_they_were(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 3);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 1 forward again 1 code=5001 at=+100\n");
	h->now += 50;
	host_take_over(h, h->record_count);
	host_tick(h, 49);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, ">b-svc s b forward 2 left=1000\n");
	h->now += 900;
	/* The attempt that may be out is sent again under its number, and starts in full. */
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">b-svc s b forward 2 left=1000\n");
	/* S24: an answer to what the owner before had sent. */
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 1\n");
	host_query(h, "s", false);
	assert_int_equal(h->answer.epoch, 3);
}

static void answers_reach_the_new_owner_before_it_sends(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	host_submit(h, "s", &p);
	host_take_over(h, h->record_count);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n+finished #1 completed\n>recorded 1\n");
	host_tick(h, 0);
	expect_step(h, "");
}

static void deadlines_and_parked_survive(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	p.plan.deadline_ms = 2000;
	host_submit(h, "s", &p);
	h->now += 1999;
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">a-svc s a forward 1 left=1\n");
	host_tick(h, 1);
	expect_step(h, "+decision #1 deadline\n>a-svc s a undo 1 left=1000\n");
	host_reply(h, "s", 0, "a", UNDO, 1, WIRE_OUTCOME_PARK);
	h->now += 1000;
	host_take_over(h, h->record_count);
	host_query(h, "s", false);
	assert_int_equal(h->answer.state, WIRE_STATE_PARKED);
	host_tick(h, 3999);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, ">a-svc s a undo 2 left=1000\n");
}

static void resends_are_paced(void **state)
{
	struct host h;
	struct host_plan p;
	char id[16];
	uint32_t sent = 0;

	(void)state;
	host_init(&h);
	h.config.resend_per_second = 10;
	host_start(&h);
	host_plan(&p, three, 1);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
	}
	host_take_over(&h, h.record_count);
	for (uint32_t i = 0; i < 30; i++) {
		assert_int_equal(txn_next_deadline(h.t), i == 0 ? h.now : h.now + 100);
		host_tick(&h, i == 0 ? 0 : 100);
		assert_int_equal(h.command_count, 1);
		sent += h.command_count;
		(void)snprintf(id, sizeof id, "s%u", i);
		assert_true(slice_equal(slice_str(id), h.command.saga));
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
	}
	assert_int_equal(sent, 30);
	host_close(&h);
}

/* The re-send is due in the tick that ends the way forward: only the undo leaves. */
static void overtaken_in_one_tick(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	p.plan.deadline_ms = 500;
	host_submit(h, "s", &p);
	h->now += 100;
	host_take_over(h, h->record_count);
	host_tick(h, 400);
	expect_step(h, "+decision #1 deadline\n>a-svc s a undo 1 left=1000\n");
}

/* More re-sends at once than one step may say: the next ticks say the rest. */
static void many_resends_take_several_ticks(void **state)
{
	enum { SAGAS = 5000 };
	struct host h;
	struct host_plan p;
	char id[16];
	uint32_t sent = 0;
	uint32_t ticks = 0;

	(void)state;
	host_init(&h);
	h.limits.open_max = SAGAS;
	h.limits.branches_max = SAGAS;
	h.limits.payload_max = 16 * 1024 * 1024;
	h.no_replay = true;
	h.no_verify = true;
	host_start(&h);
	host_plan(&p, three, 1);
	for (int i = 0; i < SAGAS; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
	}
	host_take_over(&h, h.record_count);
	while (txn_next_deadline(h.t) <= h.now) {
		host_tick(&h, 0);
		assert_true(h.command_count > 0 && h.command_count <= 256);
		sent += h.command_count;
		ticks++;
	}
	assert_int_equal(sent, SAGAS);
	assert_int_equal(ticks, 20);
	host_close(&h);
}

/* Large inputs: few commands a tick, so that whoever sends them can keep up. */
static void large_resends_take_several_ticks(void **state)
{
	enum { SAGAS = 40, INPUT = 200000 };
	static uint8_t input[INPUT];
	struct host h;
	struct host_plan p;
	struct wire_submit submit;
	char id[16];
	uint32_t sent = 0;

	(void)state;
	host_init(&h);
	h.limits.payload_max = 32 * 1024 * 1024;
	h.no_replay = true;
	host_start(&h);
	host_plan(&p, three, 1);
	for (int i = 0; i < SAGAS; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		submit = host_submit_of(&h, id, &p);
		submit.input = slice_of(input, INPUT);
		assert_int_equal(host_step(&h, (struct txn_event){.kind = TXN_EVENT_SUBMIT,
								  .u.submit = &submit}),
				 0);
	}
	host_take_over(&h, h.record_count);
	while (txn_next_deadline(h.t) <= h.now) {
		host_tick(&h, 0);
		assert_int_equal(h.command_count, 1024 * 1024 / INPUT);
		sent += h.command_count;
	}
	assert_int_equal(sent, SAGAS);
	host_close(&h);
}

/* Sagas with many steps at once, all over their deadline in the same moment: what one of them has
 * to say goes out whole, and as many of them in a tick as may. */
static void wide_sagas_take_several_ticks(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	static const uint32_t inputs[] = {60000, 200000, 10};
	static const uint32_t commands[3][4] = {{16, 8, 0, 0}, {8, 8, 8, 0}, {24, 0, 0, 0}};
	static uint8_t input[200000];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct host h;
		struct host_plan p;
		struct wire_submit submit;

		host_init(&h);
		h.limits.payload_max = 32 * 1024 * 1024;
		host_start(&h);
		host_plan(&p, names, 8);
		for (uint32_t j = 0; j < 8; j++)
			host_plan_after(&p, j, NULL, 0);
		p.plan.deadline_ms = 500;
		for (int j = 0; j < 3; j++) {
			const char *const ids[] = {"s", "t", "u"};

			submit = host_submit_of(&h, ids[j], &p);
			submit.input = slice_of(input, inputs[i]);
			assert_int_equal(host_step(&h, (struct txn_event){.kind = TXN_EVENT_SUBMIT,
									  .u.submit = &submit}),
					 0);
			assert_int_equal(h.command_count, 8);
		}
		h.now += 500;
		for (int j = 0; j < 4; j++) {
			assert_int_equal(txn_next_deadline(h.t) <= h.now, commands[i][j] > 0);
			host_tick(&h, 0);
			assert_int_equal(h.command_count, commands[i][j]);
		}
		host_close(&h);
	}
}

/* I5: a journal may end between the records of one step. The new owner draws the conclusion. */
static void concludes_what_was_cut_off(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	uint32_t mark;

	host_plan(&p, three, 3);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	mark = h->record_count;
	host_reply(h, "s", 1, "b", FORWARD, 1, WIRE_OUTCOME_REJECTED);
	expect_step(h, "+branch #1 1 forward rejected 1\n"
		       "+decision #1 rejected 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
	host_take_over(h, mark + 1);
	assert_int_equal(txn_next_deadline(h->t), h->now);
	host_tick(h, 0);
	expect_step(h, "+decision #1 rejected 1\n>a-svc s a undo 1 left=1000\n");
	mark = h->record_count;
	host_reply(h, "s", 0, "a", UNDO, 1, OK);
	expect_step(h, "+branch #1 0 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
	host_take_over(h, mark + 1);
	host_tick(h, 0);
	expect_step(h, "+finished #1 compensated\n");

	host_submit(h, "t", &p);
	mark = h->record_count;
	host_reply(h, "t", 0, "a", FORWARD, 1, WIRE_OUTCOME_PARK);
	host_take_over(h, mark + 1);
	host_tick(h, 0);
	expect_step(h, "+decision #2 exhausted 0\n>a-svc t a undo 1 left=1000\n");

	host_plan(&p, three, 1);
	host_submit(h, "u", &p);
	mark = h->record_count;
	host_reply(h, "u", 0, "a", FORWARD, 1, OK);
	host_take_over(h, mark + 1);
	host_tick(h, 0);
	expect_step(h, "+finished #3 completed\n>a-svc t a undo 1 left=1000\n");
}

static void tombstones_and_memory_survive(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	host_cancel(h, "x");
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_take_over(h, h->record_count);
	host_submit(h, "x", &p);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_CANCELLED));
	host_submit(h, "s", &p);
	expect_step(h, "+noop\n>answer 1 s completed final\n");
	p.plan.version++;
	host_submit(h, "s", &p);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_CONFLICT));
}

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

/* ---- records that do not fit
 * --------------------------------------------------------------------- */

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

/* ---- a configuration that is not the one of the owner before
 * ------------------------------------- */

/* Under the host's limits and settings of now: the engine goes on as the host's. */
static void take_over_under_other_settings(struct host *h)
{
	struct hash128 before = txn_state_hash(h->t);
	struct hash128 after;

	assert_int_equal(munmap(h->replay_memory, h->memory_size), 0);
	assert_int_equal(munmap(h->memory, h->memory_size), 0);
	h->memory_size = txn_memory_size(&h->limits);
	h->memory = mmap(NULL, h->memory_size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	h->replay_memory = mmap(NULL, h->memory_size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(h->memory != MAP_FAILED && h->replay_memory != MAP_FAILED);
	host_take_over(h, h->record_count);
	after = txn_state_hash(h->t);
	assert_true(hash128_equal(&before, &after));
}

/* Half the limits: all of the journal is taken, nothing new until there is less. */
static void smaller_limits_take_the_journal(void **state)
{
	struct host h;
	struct host_plan p;
	char id[16];

	(void)state;
	host_init(&h);
	h.limits = (struct txn_limits){.open_max = 8,
				       .remembered_max = 8,
				       .branches_max = 16,
				       .waiters_max = 8,
				       .payload_max = 64 * 1024};
	host_start(&h);
	host_plan(&p, three, 2);
	for (int i = 0; i < 16; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
		assert_int_equal(h.answer.code, 0);
		if (i >= 8)
			continue;
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
		host_reply(&h, id, 1, "b", FORWARD, 1, OK);
	}
	h.limits = (struct txn_limits){.open_max = 4,
				       .remembered_max = 4,
				       .branches_max = 8,
				       .waiters_max = 8,
				       .payload_max = 8 * 1024};
	take_over_under_other_settings(&h);
	host_submit(&h, "t", &p);
	expect_step(&h, ">answer 1 t none busy final\n");
	host_cancel(&h, "u");
	expect_step(&h, ">answer 1 u none busy final\n");
	host_tick(&h, 0);
	for (int i = 8; i < 16; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
		host_reply(&h, id, 1, "b", FORWARD, 1, i % 2 ? OK : WIRE_OUTCOME_REJECTED);
		if (i % 2 == 0)
			host_reply(&h, id, 0, "a", UNDO, 1, OK);
	}
	assert_int_equal(h.t->open, 0);
	/* Still more remembered than we would take in. */
	host_submit(&h, "t", &p);
	expect_step(&h, ">answer 1 t none busy final\n");
	h.now += 80000;
	for (int i = 0; i < 4; i++) {
		(void)snprintf(id, sizeof id, "t%d", i);
		host_submit(&h, id, &p);
		assert_int_equal(h.answer.code, 0);
	}
	host_submit(&h, "t4", &p);
	expect_step(&h, ">answer 1 t4 none busy final\n");
	host_close(&h);
}

/* The margin of the owner at the time goes, whatever that of the next ones is. */
static void another_margin_forgets_no_sooner_or_later(void **state)
{
	static const uint32_t margins[] = {1000, 10000, 600000};
	struct host h;
	struct host_plan p;
	char id[16];

	(void)state;
	host_init(&h); /* 10 s */
	host_start(&h);
	host_plan(&p, three, 1);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
		(void)snprintf(id, sizeof id, "x%d", i);
		host_cancel(&h, id);
		h.now += 5000;
		h.config.remember_margin_ms = margins[i % 3];
		take_over_under_other_settings(&h); /* compares the states */
	}
	host_close(&h);

	host_init(&h);
	host_start(&h);
	host_submit(&h, "s", &p);
	host_reply(&h, "s", 0, "a", FORWARD, 1, OK);
	host_cancel(&h, "x");
	h.now += 69999;
	h.config.remember_margin_ms = 1000;
	take_over_under_other_settings(&h);
	host_submit(&h, "s", &p);
	expect_step(&h, "+noop\n>answer 1 s completed final\n");
	host_submit(&h, "x", &p);
	expect_step(&h, "+noop\n>answer 1 x cancelled cancelled final\n");
	h.now += 1;
	h.config.remember_margin_ms = 600000;
	take_over_under_other_settings(&h);
	host_submit(&h, "s", &p);
	assert_non_null(strstr(h.text, "+accepted s"));
	host_submit(&h, "x", &p);
	assert_non_null(strstr(h.text, "+accepted x"));
	host_close(&h);
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

/* Each limit by itself, when the journal holds more than it allows. */
static void each_smaller_limit_refuses(void **state)
{
	struct host h;
	struct host_plan p;
	struct txn_limits full;
	char id[16];

	(void)state;
	host_init(&h);
	host_start(&h);
	full = h.limits;
	host_plan(&p, three, 2);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
	}
	for (int i = 0; i < 10; i++) {
		(void)snprintf(id, sizeof id, "x%d", i);
		host_cancel(&h, id);
	}
	for (int i = 0; i < 4; i++) {
		h.limits = full;
		h.limits.open_max = i == 0 ? 30 : full.open_max;
		h.limits.branches_max = i == 1 ? 60 : full.branches_max;
		h.limits.payload_max = i == 2 ? 20000 : full.payload_max;
		if (i == 3) {
			h.limits.open_max = 41;
			h.limits.remembered_max = 8;
		}
		take_over_under_other_settings(&h);
		host_submit(&h, "t", &p);
		expect_step(&h, ">answer 1 t none busy final\n");
	}
	h.limits = full;
	take_over_under_other_settings(&h);
	host_submit(&h, "t", &p);
	assert_int_equal(h.answer.code, 0);
	host_close(&h);
}

static int replay_under(const struct host *h, const struct txn_limits *limits)
{
	const size_t size = txn_memory_size(limits);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct txn_shard *t;
	int err = 0;

	assert_true(memory != MAP_FAILED);
	t = txn_create(memory, size, limits, &h->config);
	for (uint32_t i = 0; i < h->record_count && err == 0; i++)
		err = txn_apply(
			t, slice_of(h->journal.data + h->records[i].offset, h->records[i].size),
			i + 1, h->now);
	assert_int_equal(munmap(memory, size), 0);
	return err;
}

/* A journal of a far larger configuration than ours: told as what it is, neither as damage nor by a
 * crash, whichever pool it is that runs out. */
static void too_small_for_the_journal(void **state)
{
	static uint8_t input[WIRE_INPUT_SIZE_MAX];
	struct host h;
	struct host_plan p;
	struct txn_limits small;
	char id[16];

	(void)state;
	host_init(&h);
	h.limits.payload_max = 16 * 1024 * 1024;
	h.no_replay = true;
	host_start(&h);
	host_plan(&p, three, 2);
	for (int i = 0; i < 24; i++) {
		struct wire_submit s;

		(void)snprintf(id, sizeof id, "s%d", i);
		s = host_submit_of(&h, id, &p);
		s.input = slice_of(input, sizeof input);
		assert_int_equal(
			host_step(&h, (struct txn_event){.kind = TXN_EVENT_SUBMIT, .u.submit = &s}),
			0);
		assert_int_equal(h.answer.code, 0);
	}
	host_cancel(&h, "x");
	small = h.limits;
	assert_int_equal(replay_under(&h, &small), 0);
	small.open_max = 12;
	assert_int_equal(replay_under(&h, &small), 0);
	small.open_max = 11;
	assert_int_equal(replay_under(&h, &small), SAGA_E_NO_MEMORY);
	small = h.limits;
	small.branches_max = 23;
	assert_int_equal(replay_under(&h, &small), SAGA_E_NO_MEMORY);
	small = h.limits;
	small.open_max = 12;
	small.remembered_max = 0; /* no entry for the tombstone */
	assert_int_equal(replay_under(&h, &small), SAGA_E_NO_MEMORY);
	small = h.limits;
	small.payload_max = 4 * 1024 * 1024; /* 24 bodies of 512 KiB in 8 MiB */
	assert_int_equal(replay_under(&h, &small), SAGA_E_NO_MEMORY);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(attempts_go_on_where_they_were),
		T(answers_reach_the_new_owner_before_it_sends),
		T(deadlines_and_parked_survive),
		T(resends_are_paced),
		T(overtaken_in_one_tick),
		T(many_resends_take_several_ticks),
		T(large_resends_take_several_ticks),
		T(wide_sagas_take_several_ticks),
		T(concludes_what_was_cut_off),
		T(tombstones_and_memory_survive),
		T(state_hash_covers_the_fold),
		T(records_must_fit),
		T(numbers_and_bytes_must_be_right),
		T(smaller_limits_take_the_journal),
		T(another_margin_forgets_no_sooner_or_later),
		T(no_record_forgets_within_the_window),
		T(each_smaller_limit_refuses),
		T(too_small_for_the_journal),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
