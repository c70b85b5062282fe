#include "journal/appender.h"

#include "base/prng.h"
#include "journal/reader.h"
#include "journal_batches.h"

enum { BATCH_MAX = 16 * 1024, EPOCH = 5, NONCE = 77, OTHER_NONCE = 78 };

static struct batch_header header_of(uint64_t epoch, uint64_t nonce)
{
	return (struct batch_header){.shard = 3,
				     .epoch = epoch,
				     .nonce = nonce,
				     .shard_time = 1000,
				     .cluster = name_of("prod")};
}

static void begin(struct appender *a, uint64_t nonce, uint32_t records)
{
	const struct batch_header header = header_of(EPOCH, nonce);
	struct buf bytes;

	buf_init(&bytes, 4096);
	encode_noops(&bytes, records);
	assert_int_equal(appender_begin(a, &header, buf_slice(&bytes), records), 0);
	buf_close(&bytes);
}

/* A started appender at log end 10, next record 21. */
static struct appender started(void)
{
	const struct hash128 hash = {{1, 2, 3}};
	struct appender a;

	appender_init(&a, BATCH_MAX);
	appender_start(&a, 10, &hash, 21);
	return a;
}

/* Brings a fresh appender into each state the regular way. */
static struct appender in_state(enum appender_state state)
{
	struct appender a = started();

	if (state == APPENDER_IDLE)
		return a;
	begin(&a, NONCE, 3);
	if (state == APPENDER_SENT)
		return a;
	if (state == APPENDER_FENCED) {
		assert_int_equal(appender_appended(&a, JOURNAL_REFUSED, 11, 0), APPENDER_LOST);
		return a;
	}
	assert_int_equal(appender_appended(&a, JOURNAL_UNKNOWN, 0, 1000), APPENDER_NOTHING);
	if (state == APPENDER_RESEND)
		return a;
	assert_int_equal(appender_due(&a, 2000), APPENDER_SEND);
	if (state == APPENDER_SENT_AGAIN)
		return a;
	assert_int_equal(appender_appended(&a, JOURNAL_REFUSED, 11, 2000), APPENDER_READ);
	assert_int_equal(a.state, APPENDER_SETTLING);
	return a;
}

/* ---- each transition ---------------------------------------------------------------------- */

static void a_batch_carries_the_chain(void **state)
{
	struct appender a = started();
	struct batch_header header;
	struct slice records;
	const struct hash128 hash = {{1, 2, 3}};

	(void)state;
	assert_true(appender_idle(&a));
	assert_int_equal(appender_last_record(&a), 20);
	assert_int_equal(appender_sequence(&a), 10);
	begin(&a, NONCE, 3);
	assert_false(appender_idle(&a));
	assert_int_equal(appender_expected(&a), 10);
	assert_int_equal(batch_decode(appender_bytes(&a), &header, &records), 0);
	assert_int_equal(header.first_record, 21);
	assert_int_equal(header.record_count, 3);
	assert_int_equal(header.epoch, EPOCH);
	assert_int_equal(header.nonce, NONCE);
	assert_int_equal(header.shard_time, 1000);
	assert_true(hash128_equal(&header.previous, &hash));

	const struct hash128 own = batch_hash(appender_bytes(&a));
	assert_int_equal(appender_appended(&a, JOURNAL_STORED, 11, 0), APPENDER_DURABLE);
	assert_true(appender_idle(&a));
	assert_int_equal(appender_last_record(&a), 23);
	assert_int_equal(appender_sequence(&a), 11);
	begin(&a, NONCE, 1);
	assert_int_equal(batch_decode(appender_bytes(&a), &header, &records), 0);
	assert_int_equal(header.first_record, 24);
	assert_true(hash128_equal(&header.previous, &own));
	appender_close(&a);
}

static void too_large_a_batch_changes_nothing(void **state)
{
	struct appender a;
	const struct hash128 hash = {{9}};
	const struct batch_header header = header_of(EPOCH, NONCE);
	struct buf bytes;

	(void)state;
	appender_init(&a, BATCH_HEADER_SIZE + 8);
	appender_start(&a, 4, &hash, 5);
	buf_init(&bytes, 4096);
	encode_noops(&bytes, 20);
	assert_int_equal(appender_begin(&a, &header, buf_slice(&bytes), 20), SAGA_E_FULL);
	assert_true(appender_idle(&a));
	assert_int_equal(appender_last_record(&a), 4);
	assert_true(hash128_equal(&a.hash, &hash));
	buf_clear(&bytes);
	encode_noops(&bytes, 1);
	assert_int_equal(appender_begin(&a, &header, buf_slice(&bytes), 1), 0);
	buf_close(&bytes);
	appender_close(&a);
}

static void refused_at_the_first_send_is_definite(void **state)
{
	struct appender a = in_state(APPENDER_SENT);

	(void)state;
	assert_int_equal(appender_appended(&a, JOURNAL_REFUSED, 0, 0), APPENDER_LOST);
	assert_int_equal(a.state, APPENDER_FENCED);
	assert_int_equal(appender_due(&a, UINT64_MAX), APPENDER_NOTHING);
	appender_close(&a);
}

static void stored_elsewhere_stops_the_shard(void **state)
{
	struct appender a = in_state(APPENDER_SENT);
	struct appender b = in_state(APPENDER_SENT_AGAIN);

	(void)state;
	assert_int_equal(appender_appended(&a, JOURNAL_STORED, 12, 0), APPENDER_LOST);
	assert_int_equal(a.state, APPENDER_FENCED);
	assert_int_equal(appender_appended(&b, JOURNAL_STORED, 10, 0), APPENDER_READ);
	assert_int_equal(b.state, APPENDER_SETTLING);
	appender_close(&a);
	appender_close(&b);
}

static void unknown_is_sent_again_when_due_with_the_same_bytes(void **state)
{
	struct appender a = in_state(APPENDER_SENT);
	struct buf first;

	(void)state;
	buf_init(&first, BATCH_MAX);
	assert_int_equal(buf_put_slice(&first, appender_bytes(&a)), 0);
	assert_int_equal(appender_due(&a, UINT64_MAX), APPENDER_NOTHING);
	assert_int_equal(appender_appended(&a, JOURNAL_UNKNOWN, 0, 1000), APPENDER_NOTHING);
	assert_int_equal(a.unknowns, 1);
	assert_true(a.resend_at_ms > 1000);
	assert_int_equal(appender_due(&a, a.resend_at_ms - 1), APPENDER_NOTHING);
	assert_int_equal(a.state, APPENDER_RESEND);
	assert_int_equal(appender_due(&a, a.resend_at_ms), APPENDER_SEND);
	assert_int_equal(a.state, APPENDER_SENT_AGAIN);
	assert_int_equal(appender_due(&a, UINT64_MAX), APPENDER_NOTHING);
	assert_true(slice_equal(appender_bytes(&a), buf_slice(&first)));
	assert_int_equal(appender_expected(&a), 10);
	assert_int_equal(appender_appended(&a, JOURNAL_STORED, 11, 0), APPENDER_DURABLE);
	assert_int_equal(appender_last_record(&a), 23);
	buf_close(&first);
	appender_close(&a);
}

static void the_wait_between_sends_grows_and_is_bounded(void **state)
{
	struct appender a = in_state(APPENDER_SENT);
	uint64_t now = 0, last = 0;

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		assert_int_equal(appender_appended(&a, JOURNAL_UNKNOWN, 0, now), APPENDER_NOTHING);
		assert_true(a.resend_at_ms - now >= last);
		last = a.resend_at_ms - now;
		assert_in_range(last, 1, 1000);
		now = a.resend_at_ms;
		assert_int_equal(appender_due(&a, now), APPENDER_SEND);
	}
	assert_int_equal(a.sends, 41);
	appender_close(&a);
}

/* ---- S6: what the settling read finds -------------------------------------------------------- */

static void settling_finds_ours(void **state)
{
	struct appender a = in_state(APPENDER_SETTLING);
	struct buf copy;

	(void)state;
	buf_init(&copy, BATCH_MAX);
	assert_int_equal(buf_put_slice(&copy, appender_bytes(&a)), 0);
	assert_int_equal(appender_read_batch(&a, 11, buf_slice(&copy)), APPENDER_NOTHING);
	assert_int_equal(appender_read_end(&a, 0, 2000), APPENDER_DURABLE);
	assert_int_equal(appender_last_record(&a), 23);
	assert_int_equal(appender_sequence(&a), 11);
	buf_close(&copy);
	appender_close(&a);
}

static void settling_keeps_what_it_found_when_the_read_fails(void **state)
{
	struct appender a = in_state(APPENDER_SETTLING);
	struct buf copy;

	(void)state;
	buf_init(&copy, BATCH_MAX);
	assert_int_equal(buf_put_slice(&copy, appender_bytes(&a)), 0);
	assert_int_equal(appender_read_batch(&a, 11, buf_slice(&copy)), APPENDER_NOTHING);
	assert_int_equal(appender_read_end(&a, SAGA_E_TIMEOUT, 2000), APPENDER_DURABLE);
	buf_close(&copy);
	appender_close(&a);
}

/* Reads a batch by a header that differs from ours in one thing. */
static enum appender_act settle_with(struct appender *a, struct batch_header header,
				     uint32_t records)
{
	struct buf body, bytes;

	buf_init(&body, 4096);
	buf_init(&bytes, BATCH_MAX);
	encode_noops(&body, records);
	header.record_count = records;
	assert_int_equal(batch_encode(&header, buf_slice(&body), &bytes), 0);
	assert_int_equal(appender_read_batch(a, 11, buf_slice(&bytes)), APPENDER_NOTHING);
	buf_close(&body);
	buf_close(&bytes);
	return appender_read_end(a, 0, 2000);
}

static void settling_finds_another(void **state)
{
	(void)state;
	for (uint32_t difference = 0; difference < 4; difference++) {
		struct appender a = in_state(APPENDER_SETTLING);
		struct batch_header header = a.header;
		uint32_t records = 3;

		switch (difference) {
		case 0:
			header.nonce = OTHER_NONCE;
			break;
		case 1:
			header.first_record++;
			break;
		case 2: /* same writer and number, yet other bytes: damage, not ours */
			header.shard_time++;
			break;
		default:
			records = 2;
			break;
		}
		assert_int_equal(settle_with(&a, header, records), APPENDER_LOST);
		assert_int_equal(a.state, APPENDER_FENCED);
		appender_close(&a);
	}
}

static void settling_finds_damage(void **state)
{
	struct appender a = in_state(APPENDER_SETTLING);

	(void)state;
	assert_int_equal(appender_read_batch(&a, 11, slice_str("garbage")), APPENDER_NOTHING);
	assert_int_equal(appender_read_end(&a, 0, 2000), APPENDER_LOST);
	appender_close(&a);
}

static void settling_finds_nothing(void **state)
{
	struct appender a = in_state(APPENDER_SETTLING);

	(void)state;
	assert_int_equal(appender_read_batch(&a, 10, slice_str("before")), APPENDER_NOTHING);
	assert_int_equal(appender_read_end(&a, 0, 2000), APPENDER_NOTHING);
	assert_int_equal(a.state, APPENDER_RESEND);
	assert_int_equal(appender_due(&a, 10000), APPENDER_SEND);
	assert_int_equal(appender_appended(&a, JOURNAL_STORED, 11, 10000), APPENDER_DURABLE);
	appender_close(&a);
}

/* What one settling saw must not colour the next. */
static void each_settling_begins_blank(void **state)
{
	struct appender a = in_state(APPENDER_SETTLING);

	(void)state;
	assert_int_equal(appender_read_end(&a, SAGA_E_TIMEOUT, 2000), APPENDER_NOTHING);
	assert_int_equal(appender_due(&a, 10000), APPENDER_SEND);
	a.settle_found = true;
	a.settle_ours = true;
	assert_int_equal(appender_appended(&a, JOURNAL_REFUSED, 11, 10000), APPENDER_READ);
	assert_int_equal(appender_read_end(&a, SAGA_E_TIMEOUT, 10000), APPENDER_NOTHING);
	assert_int_equal(a.state, APPENDER_RESEND);
	appender_close(&a);
}

static void a_read_that_fails_decides_by_its_error(void **state)
{
	static const struct {
		int error;
		enum appender_act act;
	} cases[] = {
		{SAGA_E_TIMEOUT, APPENDER_NOTHING},      {SAGA_E_DISCONNECTED, APPENDER_NOTHING},
		{SAGA_E_NATS, APPENDER_NOTHING},         {SAGA_E_JOURNAL_GAP, APPENDER_LOST},
		{SAGA_E_JOURNAL_MISSING, APPENDER_LOST}, {SAGA_E_JOURNAL_FOREIGN, APPENDER_LOST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct appender a = in_state(APPENDER_SETTLING);

		assert_int_equal(appender_read_end(&a, cases[i].error, 2000), cases[i].act);
		assert_int_equal(a.state,
				 cases[i].act == APPENDER_LOST ? APPENDER_FENCED : APPENDER_RESEND);
		appender_close(&a);
	}
}

static void starting_anew_drops_what_was_in_flight(void **state)
{
	const struct hash128 hash = {{4}};

	(void)state;
	for (enum appender_state s = APPENDER_IDLE; s < APPENDER_STATES; s++) {
		struct appender a = in_state(s);

		appender_start(&a, 50, &hash, 60);
		assert_true(appender_idle(&a));
		assert_int_equal(appender_sequence(&a), 50);
		assert_int_equal(appender_last_record(&a), 59);
		assert_int_equal(appender_bytes(&a).size, 0);
		begin(&a, NONCE, 1);
		assert_int_equal(appender_appended(&a, JOURNAL_STORED, 51, 0), APPENDER_DURABLE);
		appender_close(&a);
	}
}

/* ---- each refused call ----------------------------------------------------------------------- */

static enum appender_state refused_state;

static void call_begin(void)
{
	struct appender a = in_state(refused_state);

	begin(&a, NONCE, 1);
}

static void call_appended(void)
{
	struct appender a = in_state(refused_state);

	(void)appender_appended(&a, JOURNAL_STORED, 11, 0);
}

static void call_read_batch(void)
{
	struct appender a = in_state(refused_state);

	(void)appender_read_batch(&a, 11, slice_str("x"));
}

static void call_read_end(void)
{
	struct appender a = in_state(refused_state);

	(void)appender_read_end(&a, 0, 0);
}

static void call_last_record(void)
{
	const struct appender a = in_state(refused_state);

	(void)appender_last_record(&a);
}

static void call_sequence(void)
{
	const struct appender a = in_state(refused_state);

	(void)appender_sequence(&a);
}

static void calls_in_the_wrong_state_are_bugs(void **state)
{
	(void)state;
	for (refused_state = APPENDER_IDLE; refused_state < APPENDER_STATES; refused_state++) {
		const bool idle = refused_state == APPENDER_IDLE;
		const bool out =
			refused_state == APPENDER_SENT || refused_state == APPENDER_SENT_AGAIN;
		const bool settling = refused_state == APPENDER_SETTLING;

		assert_int_equal(aborts(call_begin), !idle);
		assert_int_equal(aborts(call_appended), !out);
		assert_int_equal(aborts(call_read_batch), !settling);
		assert_int_equal(aborts(call_read_end), !settling);
		assert_int_equal(aborts(call_last_record), !idle);
		assert_int_equal(aborts(call_sequence), !idle);
	}
}

/* ---- random walk against a model of the log ----------------------------------------------------
 */

struct copy {
	struct buf bytes;
	uint64_t expected;
};

enum { COPIES_MAX = 64 };

/* A broker that loses answers, holds sends back, and serves a second writer. */
struct model {
	struct batches log;
	struct copy late[COPIES_MAX]; /* sends still on their way */
	uint32_t late_count;
	struct prng prng;
	uint64_t durable; /* batches that the appender was told of */
};

static bool model_store(struct model *m, struct slice bytes, uint64_t expected)
{
	if (expected != m->log.count)
		return false;
	batches_land(&m->log, bytes);
	return true;
}

/* Anything held back may arrive at any time, in any order. */
static void model_arrivals(struct model *m)
{
	while (m->late_count > 0 && prng_below(&m->prng, 3) == 0) {
		const uint32_t pick = (uint32_t)prng_below(&m->prng, m->late_count);
		struct copy copy = m->late[pick];

		m->late[pick] = m->late[--m->late_count];
		(void)model_store(m, buf_slice(&copy.bytes), copy.expected);
		buf_close(&copy.bytes);
	}
}

static enum journal_append_status model_append(struct model *m, const struct appender *a,
					       uint64_t *sequence)
{
	const uint64_t dice = prng_below(&m->prng, 10);

	*sequence = 0;
	if (dice == 0) /* never arrives */
		return JOURNAL_UNKNOWN;
	if (dice <= 2 && m->late_count < COPIES_MAX) {
		struct copy *copy = &m->late[m->late_count++];

		buf_init(&copy->bytes, BATCH_MAX);
		assert_int_equal(buf_put_slice(&copy->bytes, appender_bytes(a)), 0);
		copy->expected = appender_expected(a);
		return JOURNAL_UNKNOWN;
	}
	if (!model_store(m, appender_bytes(a), appender_expected(a))) {
		*sequence = m->log.count;
		return dice <= 4 ? JOURNAL_UNKNOWN : JOURNAL_REFUSED;
	}
	*sequence = m->log.count;
	return dice <= 5 ? JOURNAL_UNKNOWN : JOURNAL_STORED;
}

/* How often these bytes stand in the log. */
static uint32_t model_count(const struct model *m, struct slice bytes)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < m->log.count; i++)
		count += slice_equal(buf_slice(&m->log.bytes[i]), bytes);
	return count;
}

static enum appender_act model_settle(struct model *m, struct appender *a, uint64_t now)
{
	const uint64_t position = appender_expected(a) + 1;

	if (prng_below(&m->prng, 4) == 0)
		return appender_read_end(a, SAGA_E_TIMEOUT, now);
	if (position <= m->log.count)
		(void)appender_read_batch(a, position, batches_at(&m->log, position));
	return appender_read_end(a, 0, now);
}

/* Appends one batch to the end, whatever that takes. Returns DURABLE or LOST. */
static enum appender_act model_drive(struct model *m, struct appender *a, uint64_t epoch)
{
	enum appender_act act = APPENDER_SEND;
	uint64_t now = 0;

	for (uint32_t turn = 0; turn < 10000; turn++) {
		uint64_t sequence;

		model_arrivals(m);
		/* A newer owner takes over now and then. */
		if (prng_below(&m->prng, 60) == 0 && m->log.count + 8 < BATCHES_MAX) {
			batches_epoch(&m->log, epoch + 1, OTHER_NONCE, false);
		}
		if (act == APPENDER_DURABLE || act == APPENDER_LOST)
			return act;
		if (act == APPENDER_SEND) {
			const enum journal_append_status status = model_append(m, a, &sequence);

			act = appender_appended(a, status, sequence, now);
		} else if (act == APPENDER_READ) {
			act = model_settle(m, a, now);
		} else {
			now += 10;
			act = appender_due(a, now);
		}
	}
	fail_msg("the appender came to no end");
	return APPENDER_NOTHING;
}

static void walk(uint64_t seed)
{
	struct model *m = test_calloc(1, sizeof *m);
	struct appender a;
	struct reader r;

	prng_seed(&m->prng, seed);
	batches_init(&m->log, "prod", 3);
	batches_genesis(&m->log);
	batches_epoch(&m->log, EPOCH, NONCE, true);
	appender_init(&a, BATCH_MAX);
	appender_start(&a, m->log.count, &m->log.hash, m->log.next_record);
	for (uint32_t i = 0; i < 100; i++) {
		const uint64_t before = appender_last_record(&a);
		struct buf copy;

		begin(&a, NONCE, 1 + (uint32_t)prng_below(&m->prng, 3));
		buf_init(&copy, BATCH_MAX);
		assert_int_equal(buf_put_slice(&copy, appender_bytes(&a)), 0);
		const enum appender_act act = model_drive(m, &a, EPOCH);
		/* S6: durable = in the log once; lost = not in it, nor ever. */
		assert_int_equal(model_count(m, buf_slice(&copy)), act == APPENDER_DURABLE);
		if (act == APPENDER_LOST)
			assert_true(m->log.count > appender_expected(&a));
		for (uint32_t k = 0; k < m->late_count; k++)
			assert_true(m->late[k].expected < m->log.count);
		buf_close(&copy);
		if (act == APPENDER_LOST)
			break;
		assert_true(appender_last_record(&a) > before);
	}
	/* And all of it is one sound log. */
	reader_init(&r, &m->log.cluster, 3);
	for (uint64_t s = 1; s <= m->log.count; s++)
		assert_int_equal(reader_take(&r, s, batches_at(&m->log, s), NULL, NULL), 0);
	if (r.epoch == EPOCH)
		assert_int_equal(appender_last_record(&a), r.next_record - 1);
	while (m->late_count > 0)
		buf_close(&m->late[--m->late_count].bytes);
	appender_close(&a);
	batches_close(&m->log);
	test_free(m);
}

static void a_random_walk_never_loses_or_doubles(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++)
		walk(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_carries_the_chain),
		cmocka_unit_test(too_large_a_batch_changes_nothing),
		cmocka_unit_test(refused_at_the_first_send_is_definite),
		cmocka_unit_test(stored_elsewhere_stops_the_shard),
		cmocka_unit_test(unknown_is_sent_again_when_due_with_the_same_bytes),
		cmocka_unit_test(the_wait_between_sends_grows_and_is_bounded),
		cmocka_unit_test(settling_finds_ours),
		cmocka_unit_test(settling_keeps_what_it_found_when_the_read_fails),
		cmocka_unit_test(settling_finds_another),
		cmocka_unit_test(settling_finds_damage),
		cmocka_unit_test(settling_finds_nothing),
		cmocka_unit_test(each_settling_begins_blank),
		cmocka_unit_test(a_read_that_fails_decides_by_its_error),
		cmocka_unit_test(starting_anew_drops_what_was_in_flight),
		cmocka_unit_test(calls_in_the_wrong_state_are_bugs),
		cmocka_unit_test(a_random_walk_never_loses_or_doubles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
