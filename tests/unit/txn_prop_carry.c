/* Carry-forward in the random transactions (S17): carries, segments and history marks at any
 * moment; owners that begin their replay at any segment; and a second owner beside the first, which
 *
 *   until the first crash   is told nothing of carries: it must write the same records, but for
 *                           those of the carries, and say the same, but for numbers of records (T9)
 *   after it                has replayed the whole journal, whatever part of it the first one has:
 *                           it must write and say the same, byte for byte. */
#include "base/hash.h"
#include "tests/unit/txn_prop.h"
#include "wire/record.h"

enum { SEGMENTS_MAX = 256, WHOLE_AREA = 1, BESIDE_AREA = 2, MIDDLE_AREA = 3 };

static struct {
	struct prng random; /* of its own: the course of a case is that of one without carries */
	uint32_t percent;   /* of the events before which something is carried */
	bool thorough;
	uint32_t segments[SEGMENTS_MAX]; /* indexes of their records */
	uint32_t segment_count;

	struct txn_shard *beside;
	bool plain; /* it knows of no carry */
	struct buf records, message;
	struct hash128 said, said_beside;
} carry;

static uint64_t below(uint64_t bound)
{
	return prng_below(&carry.random, bound);
}

/* ---- the owner beside ------------------------------------------------------------------------ */

static void mask(struct txn_message *m)
{
	m->gate = 0;
	if (m->kind == TXN_MESSAGE_ANSWER)
		m->u.answer.record_number = 0;
	if (m->kind == TXN_MESSAGE_ALERT)
		m->u.alert.record_number = 0;
}

static int put_message(const struct txn_message *m, struct buf *out)
{
	struct wire_command command = m->u.command;
	const struct wire_command_frame commands = {
		.service = m->service, .commands = &command, .command_count = 1};
	struct wire_disposition disposition = m->u.disposition;
	const struct wire_disposition_frame dispositions = {.dispositions = &disposition,
							    .disposition_count = 1};

	switch (m->kind) {
	case TXN_MESSAGE_COMMAND:
		return wire_encode(WIRE_COMMAND_FRAME, &commands, out);
	case TXN_MESSAGE_ANSWER:
		return wire_encode(WIRE_ANSWER, &m->u.answer, out);
	case TXN_MESSAGE_DISPOSITION:
		return wire_encode(WIRE_DISPOSITION_FRAME, &dispositions, out);
	case TXN_MESSAGE_LIST:
		return wire_encode(WIRE_LIST, &m->u.list, out);
	case TXN_MESSAGE_ALERT:
		return wire_encode(WIRE_ALERT, &m->u.alert, out);
	}
	return SAGA_E_KIND;
}

static void add_to(struct hash128 *said, const struct txn_message *message)
{
	struct txn_message m = *message;

	if (carry.plain)
		mask(&m);
	const uint64_t head[] = {m.kind,     m.gate,  m.reply_to, m.final,
				 m.delivery, m.again, m.fallback};

	buf_clear(&carry.message);
	PROP_REQUIRE(buf_put(&carry.message, said, sizeof *said) == 0 &&
			     buf_put(&carry.message, head, sizeof head) == 0 &&
			     put_message(&m, &carry.message) == 0,
		     "a message cannot be written down");
	*said = hash_xxh3_128(buf_slice(&carry.message));
}

void prop_carry_heard(const struct txn_message *m)
{
	if (carry.beside)
		add_to(&carry.said, m);
}

static void heard_beside(void *context, const struct txn_message *m)
{
	(void)context;
	add_to(&carry.said_beside, m);
}

void prop_carry_step(const struct txn_event *event, struct slice written)
{
	struct txn_effects effects = {.records = &carry.records, .emit = heard_beside};
	const bool carries = event->kind >= TXN_EVENT_CARRY;

	if (!carry.beside || (carry.plain && carries))
		return;
	buf_clear(&carry.records);
	PROP_REQUIRE(txn_step(carry.beside, event, &effects) == 0, "a step fails beside");
	PROP_REQUIRE(slice_equal(buf_slice(&carry.records), written), "T9: other records than %s",
		     carry.plain ? "without carries" : "after a whole replay");
	PROP_REQUIRE(hash128_equal(&carry.said, &carry.said_beside), "T9: other messages than %s",
		     carry.plain ? "without carries" : "after a whole replay");
	PROP_REQUIRE(txn_next_deadline(carry.beside) == txn_next_deadline(prop.t),
		     "T9: another deadline");
}

/* ---- events ---------------------------------------------------------------------------------- */

static void carry_some(void)
{
	const uint64_t bound = prop.record_count + 1;
	const struct txn_event event = {
		.kind = TXN_EVENT_CARRY,
		.u.carry = {.below = below(2) ? bound : below(bound + 1),
			    .budget_bytes = below(3) ? 65536 : (uint32_t)below(1000)},
	};

	prop_step_engine(event);
	PROP_REQUIRE(txn_whole_from(prop.t) >= event.u.carry.below ||
			     event.u.carry.budget_bytes < 65536,
		     "S17: not everything was carried");
}

static void begin_segment(void)
{
	const struct txn_segments s = txn_segments(prop.t);
	const uint64_t span = txn_whole_from(prop.t) - s.whole_from + 1;

	if (carry.segment_count == SEGMENTS_MAX)
		return;
	prop_step_engine((struct txn_event){
		.kind = TXN_EVENT_SEGMENT,
		.u.segment = {.number = s.number + 1,
			      .whole_from = s.whole_from + (below(2) ? span - 1 : below(span))},
	});
	carry.segments[carry.segment_count++] = prop.record_count - 1;
	prop_saw(SEEN_SEGMENT);
}

static void mark_history(void)
{
	const uint64_t known = txn_segments(prop.t).history_record;

	if (known < prop.record_count)
		prop_step_engine((struct txn_event){
			.kind = TXN_EVENT_HISTORY,
			.u.history_record = known + 1 + below(prop.record_count - known)});
}

void prop_carry_random(void)
{
	while (below(100) < carry.percent) {
		const uint64_t kind = below(10);

		if (kind < 5)
			carry_some();
		else if (kind < 9)
			begin_segment();
		else
			mark_history();
	}
}

/* ---- replays --------------------------------------------------------------------------------- */

/* Into the area, from this record; false: it has not come to be complete. */
static bool replay_from(uint32_t from, int area, struct txn_shard **t)
{
	*t = prop_fresh_engine(area);
	for (uint32_t i = from; i < prop.record_count; i++)
		prop_fold_into(*t, i);
	return txn_replay(*t).complete;
}

struct txn_shard *prop_carry_take_over(int area)
{
	struct txn_shard *t;

	while (carry.segment_count > 0 &&
	       carry.segments[carry.segment_count - 1] >= prop.record_count)
		carry.segment_count--;
	if (carry.segment_count > 0 && below(4) > 0 &&
	    replay_from(carry.segments[below(carry.segment_count)], area, &t)) {
		prop_saw(SEEN_FROM_THE_MIDDLE);
		return t;
	}
	PROP_REQUIRE(replay_from(0, area, &t), "S17: a whole replay is not complete");
	return t;
}

void prop_carry_resumed(uint64_t entropy)
{
	if (!carry.beside)
		return;
	PROP_REQUIRE(replay_from(0, BESIDE_AREA, &carry.beside),
		     "S17: a whole replay is not complete");
	carry.plain = false;
	carry.said = carry.said_beside = (struct hash128){0};
	txn_resume(carry.beside, prop.now, prop.epoch, entropy);
}

/* From there on the two must be the same after each record. */
static void check_segment(uint32_t from, const struct txn_shard *live)
{
	struct txn_shard *whole = prop_fresh_engine(WHOLE_AREA);
	struct txn_shard *middle = prop_fresh_engine(MIDDLE_AREA);
	struct hash128 a, b;

	for (uint32_t i = 0; i < prop.record_count; i++) {
		prop_fold_into(whole, i);
		if (i < from)
			continue;
		prop_fold_into(middle, i);
		const char *wrong = txn_verify(middle, false);
		PROP_REQUIRE(wrong == NULL, "S17: from record %u, at %u: %s", from + 1, i + 1,
			     wrong);
		if (!txn_replay(middle).complete)
			continue;
		a = txn_state_hash(whole);
		b = txn_state_hash(middle);
		PROP_REQUIRE(hash128_equal(&a, &b), "S17: from record %u: another state at %u",
			     from + 1, i + 1);
	}
	PROP_REQUIRE(txn_segments(middle).whole_from <= from || txn_replay(middle).complete,
		     "S17: never complete");
	if (!txn_replay(middle).complete)
		return;
	a = txn_state_hash(live);
	PROP_REQUIRE(hash128_equal(&a, &b), "S17: the owner has another state");
	if (txn_replay(middle).skipped > 0)
		prop_saw(SEEN_SKIPPED);
}

void prop_carry_end(void)
{
	for (uint32_t i = 0; i < carry.segment_count && carry.thorough; i++)
		check_segment(carry.segments[i], prop.t);
}

/* ---- the case -------------------------------------------------------------------------------- */

void prop_carry_begin(void)
{
	static const uint32_t percents[] = {0, 0, 10, 40};

	if (carry.records.max == 0) {
		buf_init(&carry.records, 2 * TXN_STEP_RECORDS_MAX);
		buf_init(&carry.message, 2 * TXN_STEP_RECORDS_MAX);
	}
	prng_seed(&carry.random, ~prop.seed);
	carry.percent = percents[below(4)];
	carry.thorough = below(3) == 0;
	carry.segment_count = 0;
	carry.plain = true;
	carry.said = carry.said_beside = (struct hash128){0};
	carry.beside = NULL;
	if (carry.percent == 0)
		return;
	PROP_REQUIRE(replay_from(0, BESIDE_AREA, &carry.beside), "S17: not complete");
	txn_resume(carry.beside, prop.now, prop.epoch, prng_mix(prop.seed));
}
