/* Carry-forward (S17): what is written, in which order and how much of it; replays that begin with
 * a segment; and many ids over many segments. What single sagas of every kind come to is a matter
 * of the random transactions (txn_prop_carry.c). */
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "tests/unit/txn_states.h"
#include "wire/batch.h"

#define FORWARD WIRE_OP_FORWARD
#define OK      WIRE_OUTCOME_OK

static const char *const one[] = {"a"};

/* A journal begins with its genesis. */
static int set_up(void **state)
{
	const int err = host_set_up(state);

	host_genesis(*state);
	return err;
}

static void submit(struct host *h, const char *id)
{
	struct host_plan p;

	host_plan(&p, one, 1);
	host_submit(h, id, &p);
}

static void same_hash(const struct txn_shard *a, const struct txn_shard *b)
{
	const struct hash128 left = txn_state_hash(a);
	const struct hash128 right = txn_state_hash(b);

	assert_memory_equal(left.bytes, right.bytes, sizeof left.bytes);
	assert_int_equal(txn_live_bytes(a), txn_live_bytes(b));
}

/* ---- what is carried ---- */

static void the_oldest_come_first(void **state)
{
	struct host *h = *state;

	submit(h, "s"); /* record 2 */
	submit(h, "t");
	host_cancel(h, "x");
	submit(h, "u");
	assert_int_equal(txn_whole_from(h->t), 2);
	host_carry(h, 3, 100000);
	expect_step(h, "+carried s\n");
	assert_int_equal(txn_whole_from(h->t), 3);
	host_carry(h, 3, 100000);
	expect_step(h, "");
	host_reply(h, "t", 0, "a", FORWARD, 1, OK);
	/* Finished, but what tells it whole is still where it was accepted. */
	assert_int_equal(txn_whole_from(h->t), 3);
	host_carry(h, h->record_count + 1, 100000);
	expect_step(h, "+remembered t x\n+carried u\n+carried s\n");
	assert_int_equal(txn_whole_from(h->t), h->record_count - 2);
	/* Its history has not become longer for it. */
	assert_int_equal(txn_find(h->t, slice_str("s")).first_record, 2);
	assert_int_equal(txn_find(h->t, slice_str("s")).last_record, 2);
}

static void a_budget_is_kept(void **state)
{
	struct host *h = *state;
	char id[8];

	for (uint32_t i = 0; i < 20; i++) {
		(void)snprintf(id, sizeof id, "s%u", i);
		submit(h, id);
	}
	host_carry(h, h->record_count + 1, 0);
	expect_step(h, "+carried s0\n"); /* one is always written */
	const uint32_t before = h->journal.size;

	host_carry(h, 22, 2000);
	assert_true(h->journal.size - before <= 2000);
	assert_true(txn_whole_from(h->t) > 4 && txn_whole_from(h->t) < 15);
	for (uint32_t i = 1; i < 20; i++) {
		(void)snprintf(id, sizeof id, "s%u", i);
		host_reply(h, id, 0, "a", FORWARD, 1, OK);
	}
	host_carry(h, 22, 1000);
	assert_non_null(strstr(h->text, "+remembered s"));
	assert_int_equal(h->record_count, txn_last_record(h->t));
	assert_true(txn_whole_from(h->t) < 22);
}

static void without_room_nothing_is_written(void **state)
{
	uint8_t memory[800];
	struct buf small;
	struct host *h = *state;
	struct txn_effects effects = {.records = &small, .emit = host_no_message};
	struct txn_event event = {
		.kind = TXN_EVENT_CARRY, .now_ms = h->now, .u.carry = {3, 100000}};

	submit(h, "s");
	buf_init_fixed(&small, memory, 400);
	assert_int_equal(txn_step(h->t, &event, &effects), SAGA_E_EFFECTS_FULL);
	assert_int_equal(txn_last_record(h->t), 2);
	assert_int_equal(txn_whole_from(h->t), 2);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	assert_int_equal(txn_step(h->t, &event, &effects), 0);
	assert_int_equal(effects.record_count, 1);
	assert_true(small.size > 0);
	assert_int_equal(txn_whole_from(h->t), txn_last_record(h->t));
	h->no_replay = true;
}

/* S19: the largest saga that is taken, with the largest outputs, is carried in one message. */
static void the_largest_saga_fits(void **state)
{
	static uint8_t input[WIRE_INPUT_SIZE_MAX], output[WIRE_OUTPUT_SIZE_MAX];
	static char names[HOST_STEPS_MAX][ID_SIZE_MAX + 1];
	static char text[WIRE_TEXT_SIZE_MAX];
	struct wire_label labels[WIRE_LABELS_MAX];
	char keys[WIRE_LABELS_MAX][ID_SIZE_MAX + 1];
	struct host h;
	struct host_plan p;
	const char *steps[HOST_STEPS_MAX];

	(void)state;
	host_init(&h);
	h.limits.payload_max = 64 * 1024 * 1024;
	host_start(&h);
	host_genesis(&h);
	memset(input, 'i', sizeof input);
	memset(text, 't', sizeof text);
	for (uint32_t i = 0; i < HOST_STEPS_MAX; i++) {
		memset(names[i], 'a' + (int)i, 20);
		steps[i] = names[i];
	}
	host_plan(&p, steps, HOST_STEPS_MAX);
	for (uint32_t i = 0; i < WIRE_LABELS_MAX; i++) {
		memset(keys[i], 'k', ID_SIZE_MAX);
		keys[i][ID_SIZE_MAX - 1] = (char)('a' + i);
		labels[i] = (struct wire_label){.key = slice_of((uint8_t *)keys[i], ID_SIZE_MAX),
						.value = slice_of((uint8_t *)text, sizeof text)};
	}
	struct wire_submit s = host_submit_of(&h, "s", &p);

	s.input = slice_of(input, sizeof input);
	s.labels = labels;
	s.label_count = WIRE_LABELS_MAX;
	assert_int_equal(host_submit_event(&h, &s), 0);
	assert_int_equal(h.answer.code, 0);
	for (uint32_t i = 0; i + 1 < HOST_STEPS_MAX; i++) {
		struct wire_reply reply = host_reply_of("s", i, names[i], FORWARD, 1, OK);

		reply.output = slice_of(output, sizeof output);
		host_reply_as(&h, &reply, p.services[i]);
	}
	assert_true(txn_live_bytes(h.t) > 700 * 1024);
	const uint32_t before = h.journal.size;

	host_carry(&h, 3, 0);
	expect_step(&h, "+carried s\n");
	assert_true(h.journal.size - before > 700 * 1024);
	assert_true(h.journal.size - before < WIRE_MESSAGE_SIZE_MAX);
	assert_true(h.journal.size - before < txn_live_bytes(h.t));
	const uint32_t from = host_segment(&h, 3);

	host_carry(&h, h.record_count + 1, 0);
	(void)host_segment(&h, from + 1);
	same_hash(h.t, host_replay_from(&h, from, h.record_count));
	host_close(&h);
}

/* ---- replays from the middle ---- */

/* "s" and "z" run, "f" is finished, "x" is blocked, "i" was refused by the inbox. */
static void all_sorts(struct host *h)
{
	const struct txn_inbox_entry refused = {.created = slice_str("c1"),
						.sequence = 7,
						.tenant = slice_str("shop"),
						.code = SAGA_E_DECODE,
						.id = slice_str("i"),
						.text = slice_str("at byte 0")};

	state_two_running(h);
	submit(h, "f");
	host_reply(h, "f", 0, "a", FORWARD, 1, OK);
	host_cancel(h, "x");
	h->reply_to = 0;
	assert_int_equal(
		host_step(h, (struct txn_event){.kind = TXN_EVENT_INBOX, .u.inbox = &refused}), 0);
	h->reply_to = 1;
}

static void it_is_complete_when_all_has_been_seen(void **state)
{
	struct host *h = *state;
	struct txn_shard *t;

	all_sorts(h);
	const uint32_t first = host_segment(h, 2);

	host_reply(h, "s", 0, "a", FORWARD, 1, OK); /* b is out */
	host_carry(h, first + 1, 100000);
	expect_step(h, "+carried s\n+carried z\n+remembered f x i\n");
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	const uint32_t end = h->record_count;
	const uint32_t second = host_segment(h, first + 1);

	t = host_replay_from(h, first, end);
	assert_false(txn_replay(t).complete);
	assert_int_equal(txn_replay(t).first_record, first + 1);
	assert_int_equal(txn_replay(t).skipped, 1);
	assert_null(txn_verify(t, false));
	t = host_replay_from(h, first, second + 1);
	assert_true(txn_replay(t).complete);
	assert_null(txn_verify(t, false));
	same_hash(h->t, t);
	assert_int_equal(txn_inbox(t).sequence, 7);
	assert_int_equal(txn_segments(t).number, 2);
	assert_int_equal(txn_segments(t).first_record, second + 1);
	assert_int_equal(txn_segments(t).whole_from, first + 1);
	/* Behind the first one nothing is complete: what was carried stands before it. */
	t = host_replay_from(h, second, second + 1);
	assert_false(txn_replay(t).complete);
	/* A replay from the start always is. */
	assert_true(txn_replay(host_replay(h, h->record_count)).complete);
	assert_int_equal(txn_replay(host_replay(h, h->record_count)).first_record, 1);
}

static void an_empty_shard_is_complete_at_once(void **state)
{
	struct host *h = *state;

	const uint32_t first = host_segment(h, 2);
	const struct txn_shard *t = host_replay_from(h, first, h->record_count);

	assert_int_equal(txn_whole_from(h->t), 3);
	assert_true(txn_replay(t).complete);
	same_hash(h->t, t);
}

static void history_is_marked(void **state)
{
	struct host *h = *state;

	submit(h, "s");
	assert_int_equal(
		host_step(h, (struct txn_event){.kind = TXN_EVENT_HISTORY, .u.history_record = 2}),
		0);
	expect_step(h, "+history_mark\n");
	assert_int_equal(txn_segments(h->t).history_record, 2);
	(void)host_segment(h, 2);
	assert_int_equal(txn_segments(h->t).history_record, 2);
}

static void block(struct host *h, char prefix, uint32_t count)
{
	char id[16];

	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(id, sizeof id, "%c%u", prefix, i);
		host_cancel(h, id);
	}
}

static uint32_t remembered(const struct txn_shard *t)
{
	struct txn_stats stats;

	txn_stats(t, &stats);
	return stats.remembered;
}

/* A replay that knows less forgets earlier what is due: behind a segment they know the same. */
static void what_is_due_goes_with_a_segment(void **state)
{
	struct host *h = *state;

	block(h, 'x', 10);
	const uint32_t first = host_segment(h, 2);

	block(h, 'y', 10);
	h->now += 1000000;
	submit(h, "s"); /* it forgets some; of those from before, where they are known */
	assert_int_equal(remembered(h->t), 16);
	assert_int_equal(remembered(host_replay_from(h, first, h->record_count)), 6);
	const uint32_t second = host_segment(h, 2);

	assert_int_equal(remembered(h->t), 0);
	same_hash(h->t, host_replay(h, h->record_count));
	host_carry(h, h->record_count + 1, 100000);
	(void)host_segment(h, second + 1);
	const struct txn_shard *t = host_replay_from(h, first, h->record_count);

	assert_true(txn_replay(t).complete);
	same_hash(h->t, t);
}

/* The same of what is carried though it is due. */
static void what_is_due_may_be_carried(void **state)
{
	struct host *h = *state;

	block(h, 'x', 10);
	const uint32_t first = host_segment(h, 2);

	block(h, 'y', 10);
	h->now += 1000000;
	submit(h, "s");
	host_carry(h, h->record_count + 1, 100000);
	assert_non_null(strstr(h->text, " y0 y1 "));
	assert_int_equal(remembered(h->t), 0);
	(void)host_segment(h, first + 1);
	const struct txn_shard *t = host_replay_from(h, first, h->record_count);

	assert_true(txn_replay(t).complete);
	same_hash(h->t, t);
}

/* The order of the list of sagas is that of their admissions, however they were carried. */
static void sagas_are_in_order_again(void **state)
{
	struct host *h = *state;
	char id[8];

	for (uint32_t i = 0; i < 40; i++) {
		(void)snprintf(id, sizeof id, "s%u", i);
		submit(h, id);
	}
	const uint32_t first = host_segment(h, 2);

	for (uint32_t i = 0; i < 20; i++) { /* in turns with new ones, old ones twice */
		host_carry(h, first + 1 + i, 1200);
		(void)snprintf(id, sizeof id, "t%u", i);
		submit(h, id);
	}
	host_carry(h, first + 1, 1000000);
	(void)host_segment(h, first + 1);
	const uint32_t count = h->record_count;
	struct txn_shard *const live = h->t;
	char *expected = NULL;

	h->reply_to = 3;
	h->no_replay = h->no_verify = true;
	for (uint32_t from = 0; from <= first; from += first) { /* the whole, then a part */
		h->record_count = count;
		h->t = host_replay_from(h, from, count);
		txn_resume(h->t, h->now, h->epoch, 1);
		assert_null(txn_verify(h->t, true));
		assert_int_equal(txn_low_water(h->t), 1);
		host_list(h, 0, 0, 100);
		if (expected == NULL)
			expected = strdup(h->text);
		assert_string_equal(h->text, expected);
	}
	h->t = live;
	free(expected);
}

/* ---- many ids ---- */

enum { RING = 4, SEGMENTS = 26, EVENTS = 100, LOOKED_AT = 61 };

static uint64_t below(struct prng *random, uint64_t bound)
{
	return prng_below(random, bound);
}

static void random_event(struct host *h, struct prng *random, uint32_t n)
{
	struct host_plan p;
	struct wire_submit s;
	char id[16];

	host_plan(&p, one, 1);
	h->now += below(random, 100);
	if (below(random, 3) == 0) /* many that are due together */
		h->now -= h->now % 1000;
	h->now = h->now < txn_now(h->t) ? txn_now(h->t) : h->now;
	(void)snprintf(id, sizeof id, "n%u", n);
	s = host_submit_of(h, id, &p);
	s.retry_until_at = (h->now / 5000 + 1 + below(random, 12)) * 5000;
	switch (below(random, 6)) {
	case 0: {
		const struct wire_cancel cancel = {.id = s.id, .retry_until_at = s.retry_until_at};
		const struct txn_event event = {.kind = TXN_EVENT_CANCEL, .u.cancel = &cancel};

		assert_int_equal(host_step(h, event), 0);
		break;
	}
	case 1: /* an old one, now for good */
		(void)snprintf(id, sizeof id, "n%u", (uint32_t)below(random, n + 1));
		host_reply(h, id, 0, "a", FORWARD, 1, OK);
		break;
	case 2: /* an id that may have been forgotten */
		(void)snprintf(id, sizeof id, "n%u", (uint32_t)below(random, n + 1));
		s.id = slice_str(id);
		assert_int_equal(host_submit_event(h, &s), 0);
		host_reply(h, id, 0, "a", FORWARD, 1, OK);
		break;
	default:
		assert_int_equal(host_submit_event(h, &s), 0);
		if (below(random, 16) > 0)
			host_reply(h, id, 0, "a", FORWARD, 1, OK);
	}
}

/* From there on the same as the whole replay, at each record that is looked at. */
static void check_from(struct host *h, uint32_t first, const struct hash128 *hashes)
{
	struct txn_shard *t = host_fresh(h);
	uint32_t compared = 0;

	for (uint32_t i = first; i < h->record_count; i++) {
		assert_int_equal(txn_apply(t, host_record_bytes(h, i), i + 1, h->records[i].at), 0);
		if (!txn_replay(t).complete || i % LOOKED_AT != 0)
			continue;
		const struct hash128 found = txn_state_hash(t);

		assert_memory_equal(found.bytes, hashes[i].bytes, sizeof found.bytes);
		compared++;
	}
	assert_true(compared > 0 || !txn_replay(t).complete || h->record_count - first < 2000);
	assert_null(txn_verify(t, false));
}

static struct hash128 *whole_replay(struct host *h)
{
	struct hash128 *hashes = calloc(h->record_count, sizeof *hashes);
	struct txn_shard *t = host_fresh(h);

	assert_non_null(hashes);
	for (uint32_t i = 0; i < h->record_count; i++) {
		assert_int_equal(txn_apply(t, host_record_bytes(h, i), i + 1, h->records[i].at), 0);
		if (i % LOOKED_AT == 0)
			hashes[i] = txn_state_hash(t);
	}
	same_hash(h->t, t);
	return hashes;
}

/* As an owner does it: the ring's oldest segment is carried, with a pace, then retired. */
struct run {
	struct host h;
	uint32_t firsts[SEGMENTS + 1]; /* indexes of the segments' records */
	struct prng random;
	uint32_t ids;
};

static void run_ring(struct run *r, uint64_t seed, uint32_t segments, uint32_t events)
{
	struct host *h = &r->h;
	uint32_t *const firsts = r->firsts;

	*r = (struct run){0};
	prng_seed(&r->random, seed);
	host_init(h);
	h->limits.open_max = h->limits.branches_max = 400;
	h->limits.remembered_max = 2000;
	h->no_replay = h->no_verify = true;
	host_start(h);
	host_genesis(h);
	for (uint32_t s = 1; s <= segments; s++) {
		const uint64_t whole_from = s < RING ? 1 : firsts[s - RING + 1] + 1;

		if (seed % 2 && s % 13 == 7)
			h->now += 120000; /* nobody came: much is due at once */
		for (uint32_t i = 0; i < events; i++, r->ids++) {
			random_event(h, &r->random, r->ids);
			if (below(&r->random, 4) == 0)
				host_carry(h, whole_from, (uint32_t)below(&r->random, 6000));
		}
		while (txn_whole_from(h->t) < whole_from)
			host_carry(h, whole_from, 100000);
		assert_null(txn_verify(h->t, true));
		firsts[s] = host_segment(h, whole_from);
	}
}

static void one_run(uint64_t seed, uint64_t *skipped)
{
	struct txn_stats stats;
	struct run r;

	run_ring(&r, seed, SEGMENTS, EVENTS);
	txn_stats(r.h.t, &stats);
	assert_true(stats.remembered > 100 && stats.open > 30);
	assert_true(r.ids > stats.remembered + stats.open + 500); /* much was forgotten */
	struct hash128 *hashes = whole_replay(&r.h);

	for (uint32_t s = 1; s <= SEGMENTS; s += 1 + (uint32_t)below(&r.random, 6))
		check_from(&r.h, r.firsts[s], hashes);
	const struct txn_shard *t =
		host_replay_from(&r.h, r.firsts[SEGMENTS - RING + 1], r.h.record_count);

	assert_true(txn_replay(t).complete);
	*skipped += txn_replay(t).skipped;
	t = host_replay_from(&r.h, r.firsts[SEGMENTS - RING + 2], r.h.record_count);
	assert_false(txn_replay(t).complete);
	free(hashes);
	host_close(&r.h);
}

static void many_ids_over_many_segments(void **state)
{
	uint64_t skipped = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		one_run(seed, &skipped);
	assert_true(skipped > 0);
}

/* ---- a fixture for unit.txn_recorded ---- */

/* Up to so many records a batch; a segment's begin one. */
static void write_journal(const struct run *r, uint32_t first, const char *path)
{
	enum { RECORDS = 16 };
	struct batch_header header = {.epoch = 1, .nonce = 1, .first_record = first + 1};
	static uint8_t memory[WIRE_MESSAGE_SIZE_MAX + BATCH_HEADER_SIZE];
	struct buf batch;
	FILE *file = fopen(path, "wb");
	uint32_t segment = 1;

	assert_non_null(file);
	assert_int_equal(id_from(&header.cluster, slice_str("test")), 0);
	while (r->firsts[segment] <= first)
		segment++;
	for (uint32_t at = first; at < r->h.record_count;) {
		const struct host_record *from = &r->h.records[at];
		uint32_t end = at + 1;

		while (at > 0 && end < r->h.record_count && end - at < RECORDS &&
		       end != r->firsts[segment])
			end++;
		if (end == r->firsts[segment] && segment < SEGMENTS)
			segment++;
		header.record_count = end - at;
		header.shard_time = r->h.records[end - 1].at;
		buf_init_fixed(&batch, memory, sizeof memory);
		const struct host_record *last = &r->h.records[end - 1];
		assert_int_equal(batch_encode(&header,
					      slice_of(r->h.journal.data + from->offset,
						       last->offset + last->size - from->offset),
					      &batch),
				 0);
		for (uint32_t i = 0; i < 4; i++)
			(void)fputc((int)(batch.size >> (8 * i) & 0xff), file);
		assert_int_equal(fwrite(batch.data, 1, batch.size, file), batch.size);
		header.previous = batch_hash(buf_slice(&batch));
		header.first_record += header.record_count;
		at = end;
	}
	assert_int_equal(fclose(file), 0);
}

/* The whole of a small one, and what is left of it when its ring has turned. */
static int write_fixture(const char *folder)
{
	enum { FEW = 9, SHORT = 40 };
	static struct run r;
	char path[1024];

	run_ring(&r, 5, FEW, SHORT);
	(void)snprintf(path, sizeof path, "%s/segments-all.journal", folder);
	write_journal(&r, 0, path);
	(void)snprintf(path, sizeof path, "%s/segments-rest.journal", folder);
	write_journal(&r, r.firsts[FEW - RING + 1], path);
	host_close(&r.h);
	return 0;
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, host_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_oldest_come_first),
		TEST(a_budget_is_kept),
		TEST(without_room_nothing_is_written),
		cmocka_unit_test(the_largest_saga_fits),
		TEST(it_is_complete_when_all_has_been_seen),
		TEST(an_empty_shard_is_complete_at_once),
		TEST(history_is_marked),
		TEST(what_is_due_goes_with_a_segment),
		TEST(what_is_due_may_be_carried),
		TEST(sagas_are_in_order_again),
		cmocka_unit_test(many_ids_over_many_segments),
	};

	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_fixture(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
