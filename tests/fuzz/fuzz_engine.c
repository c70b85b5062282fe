/* Requests and answers of anybody and entries of the durable inbox, in any order, at a live engine:
 * it never fails a check, every message it sends can be sent, its state stays sound and a fold of
 * its records.
 *
 * The input is parts (fuzz.h); the first byte of each says what it is. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_host.h"
#include "wire/codec.h"
#include "wire/plan.h"
#include "wire/plan_cache.h"

enum { ARENA_SIZE = 4 * 1024 * 1024, EVENTS_MAX = 200 };

enum part {
	PART_SUBMIT,
	PART_QUERY,
	PART_CANCEL,
	PART_LIST,
	PART_REPLIES,
	PART_TIME,      /* u16: so many times 16 ms go by */
	PART_ANSWER,    /* outcome, which command from the last, and more for the reply */
	PART_TAKE_OVER, /* another owner goes on */
	PART_INBOX,     /* which stream and tenant, how far on in it, and the entry's bytes */
	PART_ENLIST,
	PART_COMMIT, /* first byte odd: of the set that was enlisted under that id */
	PART_INQUIRE,
	PART_CARRY, /* fuzz_host_carry */
	PART_KINDS
};

static _Alignas(16) uint8_t memory[ARENA_SIZE];
static struct wire_plan_cache *cache;

static bool decode(enum wire_kind kind, struct slice bytes, void *message)
{
	struct arena arena;

	arena_init(&arena, memory, sizeof memory);
	return wire_decode(kind, bytes, &arena, message, NULL) == 0;
}

/* As a node does: with the plans that have come before. */
static bool decode_submit(struct slice bytes, struct wire_submit *submit)
{
	struct arena arena;

	arena_init(&arena, memory, sizeof memory);
	return wire_decode_submit(bytes, &arena, cache, submit, NULL) == 0;
}

static void request(struct fuzz_host *h, enum wire_kind kind, struct slice bytes)
{
	union {
		struct wire_submit submit;
		struct wire_query query;
		struct wire_cancel cancel;
		struct wire_list_request list;
	} u;
	struct txn_event event = {.reply_to = ++h->reply_to, .wall_ms = h->now};

	if (!(kind == WIRE_SUBMIT ? decode_submit(bytes, &u.submit) : decode(kind, bytes, &u)))
		return;
	if (kind == WIRE_SUBMIT) {
		event.kind = TXN_EVENT_SUBMIT;
		event.u.submit = &u.submit;
	} else if (kind == WIRE_QUERY) {
		event.kind = TXN_EVENT_QUERY;
		event.u.query = &u.query;
	} else if (kind == WIRE_CANCEL) {
		event.kind = TXN_EVENT_CANCEL;
		event.u.cancel = &u.cancel;
	} else {
		event.kind = TXN_EVENT_LIST;
		event.u.list = &u.list;
	}
	fuzz_host_step(h, &event);
}

/* ---- interactive transactions (S9) ----------------------------------------------------------- */

/* What was enlisted: a hash that no mutation finds. */
enum { SETS_MAX = 4 };
static struct set {
	struct id id;
	struct hash128 hash;
	uint32_t count;
} sets[SETS_MAX];

static struct set *set_of(struct slice id)
{
	for (uint32_t i = 0; i < SETS_MAX; i++) {
		if (sets[i].id.size == 0 && id_from(&sets[i].id, id) != 0)
			return NULL;
		if (slice_equal(id_slice(&sets[i].id), id))
			return &sets[i];
	}
	return NULL;
}

static void enlist(struct fuzz_host *h, struct slice bytes)
{
	struct wire_enlist enlist;
	struct txn_event event = {
		.kind = TXN_EVENT_ENLIST, .reply_to = ++h->reply_to, .u.enlist = &enlist};
	const uint64_t before = txn_last_record(h->t);

	if (!decode(WIRE_ENLIST, bytes, &enlist))
		return;
	fuzz_host_step(h, &event);
	struct set *set = set_of(enlist.id);
	if (set == NULL || txn_last_record(h->t) == before || !h->answered_well)
		return;
	wire_branch_set_add(&set->hash, &enlist.step);
	set->count++;
}

static void commit(struct fuzz_host *h, struct slice bytes)
{
	struct wire_commit commit;
	struct txn_event event = {
		.kind = TXN_EVENT_COMMIT, .reply_to = ++h->reply_to, .u.commit = &commit};

	if (bytes.size == 0 ||
	    !decode(WIRE_COMMIT, slice_of(bytes.data + 1, bytes.size - 1), &commit))
		return;
	const struct set *set = set_of(commit.id);
	if (set != NULL && bytes.data[0] % 2 == 1) {
		commit.branch_count = set->count;
		commit.branch_hash = set->hash;
	}
	fuzz_host_step(h, &event);
}

static void inquire(struct fuzz_host *h, struct slice bytes)
{
	struct wire_inquire inquire;
	struct txn_event event = {.kind = TXN_EVENT_INQUIRE,
				  .reply_to = ++h->reply_to,
				  .u.inquire = {&inquire, slice_str("s1")}};

	if (decode(WIRE_INQUIRE, bytes, &inquire))
		fuzz_host_step(h, &event);
}

static void reply(struct fuzz_host *h, const struct wire_reply *r, struct slice service)
{
	struct txn_event event = {
		.kind = TXN_EVENT_REPLY,
		.reply_to = 1,
		.u.reply = {.reply = r, .service = service, .instance = slice_str("i1")}};

	fuzz_host_step(h, &event);
}

static void replies(struct fuzz_host *h, struct slice bytes)
{
	struct wire_reply_frame frame;

	if (!decode(WIRE_REPLY_FRAME, bytes, &frame))
		return;
	for (uint32_t i = 0; i < frame.reply_count; i++)
		reply(h, &frame.replies[i], frame.service);
}

/* Ids of operations are hashes, which no mutation finds. */
static void answer(struct fuzz_host *h, struct slice bytes)
{
	const struct fuzz_command *c;
	struct wire_reply r;
	uint32_t back;

	if (bytes.size < 4 || h->command_count == 0)
		return;
	back = bytes.data[1] % FUZZ_COMMANDS_MAX;
	if (back >= h->command_count)
		back = 0;
	c = &h->commands[(h->command_count - 1 - back) % FUZZ_COMMANDS_MAX];
	r = (struct wire_reply){
		.saga = id_slice(&c->saga),
		.step = c->step,
		.op = c->op,
		.operation = c->operation,
		.attempt = c->attempt + bytes.data[2] % 3,
		.outcome = bytes.data[0] % 10,
		.retry_after_ms = bytes.data[3] * 64U,
		.code = bytes.data[3],
		.barrier = bytes.data[2] / 3 % 5,
		.output = slice_of(bytes.data + 4, bytes.size - 4),
		.text = wire_text_cut(slice_of(bytes.data + 4, bytes.size - 4), WIRE_TEXT_SIZE_MAX),
	};
	reply(h, &r, id_slice(&c->service));
}

/* ---- the durable inbox (S12) ----------------------------------------------------------------- */

enum { INBOX_HEAD = 2, SUBJECT_BAD = 0x40, BEGIN_AGAIN = 0xff };

/* What a node makes of an entry's bytes. */
static void read_entry(struct slice bytes, struct wire_submit *submit,
		       struct txn_inbox_entry *entry)
{
	struct wire_fault fault = {0};
	struct arena arena;

	arena_init(&arena, memory, sizeof memory);
	if (wire_decode_submit(bytes, &arena, cache, submit, &fault) == 0) {
		entry->submit = submit;
		return;
	}
	entry->code = fault.code;
	entry->text = slice_str(fault.field);
	if (wire_peek_id(WIRE_SUBMIT, bytes, &entry->id, NULL) != 0)
		entry->id = slice_of(NULL, 0);
}

/* Dealt with and passed in one step, or left where it is with nothing changed. */
static void deal_with(struct fuzz_host *h, const struct txn_inbox_entry *entry)
{
	struct txn_event event = {.kind = TXN_EVENT_INBOX, .wall_ms = h->now, .u.inbox = entry};
	const uint64_t before = txn_last_record(h->t), here = txn_inbox(h->t).sequence;

	fuzz_host_step(h, &event);
	if (h->inbox_waits) {
		CHECK_EQ(txn_last_record(h->t), before);
		CHECK_EQ(txn_inbox(h->t).sequence, here);
		return;
	}
	CHECK(slice_equal(txn_inbox(h->t).created, entry->created));
	CHECK(entry->sequence > 0 ? txn_inbox(h->t).sequence >= entry->sequence
				  : txn_inbox(h->t).sequence == 0);
	if (entry->sequence == 0)
		return;
	/* Read once more, it changes nothing. */
	const uint64_t after = txn_last_record(h->t);

	fuzz_host_step(h, &event);
	CHECK(!h->inbox_waits);
	CHECK_EQ(txn_last_record(h->t), after);
}

static void inbox(struct fuzz_host *h, struct slice bytes)
{
	static const char *const streams[] = {"c1", "c2"}, *const tenants[] = {"t1", "t2"};
	struct wire_submit submit;
	struct txn_inbox_entry entry = {0};

	if (bytes.size < INBOX_HEAD)
		return;
	entry.created = slice_str(streams[bytes.data[0] % 2]);
	entry.tenant = slice_str(tenants[bytes.data[0] / 2 % 2]);
	if (bytes.data[1] != BEGIN_AGAIN) {
		if (slice_equal(txn_inbox(h->t).created, entry.created))
			entry.sequence = txn_inbox(h->t).sequence;
		entry.sequence += bytes.data[1] % 4;
	}
	if ((bytes.data[0] & SUBJECT_BAD) != 0) {
		entry.tenant = slice_of(NULL, 0);
		entry.code = SAGA_E_NAME;
		entry.text = slice_str("tenant");
	} else {
		read_entry(slice_of(bytes.data + INBOX_HEAD, bytes.size - INBOX_HEAD), &submit,
			   &entry);
	}
	deal_with(h, &entry);
}

static void pass(struct fuzz_host *h, struct slice bytes)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < bytes.size && i < 2; i++)
		count = count << 8 | bytes.data[i];
	h->now += 16 * count;
	while (txn_next_deadline(h->t) <= h->now) {
		struct txn_event event = {.kind = TXN_EVENT_TICK};

		fuzz_host_step(h, &event);
	}
}

static void play(struct fuzz_host *h, struct slice part)
{
	const struct slice rest = slice_of(part.data + 1, part.size - 1);

	switch ((enum part)(part.data[0] % PART_KINDS)) {
	case PART_SUBMIT:
		request(h, WIRE_SUBMIT, rest);
		break;
	case PART_QUERY:
		request(h, WIRE_QUERY, rest);
		break;
	case PART_CANCEL:
		request(h, WIRE_CANCEL, rest);
		break;
	case PART_LIST:
		request(h, WIRE_LIST_REQUEST, rest);
		break;
	case PART_REPLIES:
		replies(h, rest);
		break;
	case PART_TIME:
		pass(h, rest);
		break;
	case PART_ANSWER:
		answer(h, rest);
		break;
	case PART_TAKE_OVER:
		fuzz_host_take_over(h);
		break;
	case PART_INBOX:
		inbox(h, rest);
		break;
	case PART_ENLIST:
		enlist(h, rest);
		break;
	case PART_COMMIT:
		commit(h, rest);
		break;
	case PART_INQUIRE:
		inquire(h, rest);
		break;
	case PART_CARRY:
		fuzz_host_carry(h, rest);
		break;
	case PART_KINDS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, (uint32_t)size);
	static struct fuzz_host host;
	static void *cache_memory;
	struct slice part;

	fuzz_host_open(&host, 0);
	memset(sets, 0, sizeof sets);
	if (cache_memory == NULL)
		cache_memory = malloc(wire_plan_cache_size());
	CHECK(cache_memory != NULL);
	/* Fresh: an input is not judged by what came before it. */
	memset(cache_memory, 0, wire_plan_cache_size());
	cache = wire_plan_cache_init(cache_memory);
	host.now = 1000000;
	fuzz_host_genesis(&host);
	txn_resume(host.t, host.now, host.epoch, host.entropy);
	for (uint32_t i = 0; i < EVENTS_MAX && fuzz_part_next(&input, &part); i++)
		if (part.size > 0)
			play(&host, part);
	fuzz_host_check(&host, true);
	fuzz_host_close(&host);
	return 0;
}

/* ---- the mutator ----------------------------------------------------------------------------- */

enum { PARTS_MAX = 64, PART_SIZE_MAX = 4096 };

/* What stands before the message. A submit often becomes an entry of the inbox, and the other way
 * round. False: there is none. */
static bool write_head(struct slice *part, struct prng *prng, struct buf *out)
{
	const bool entry = part->size > INBOX_HEAD && part->data[0] % PART_KINDS == PART_INBOX;
	const bool submit = part->size > 0 && part->data[0] % PART_KINDS == PART_SUBMIT;
	const uint8_t head[] = {PART_INBOX, (uint8_t)prng_next(prng), (uint8_t)prng_next(prng)};
	uint32_t size = entry ? 1 + INBOX_HEAD : 1;

	if (part->size < size)
		return false;
	if ((entry || submit) && prng_below(prng, 4) == 0) {
		(void)buf_put(out, head, sizeof head);
	} else if (entry && prng_below(prng, 8) == 0) {
		(void)buf_put(out, &(uint8_t){PART_SUBMIT}, 1);
	} else {
		(void)buf_put(out, part->data, size);
	}
	*part = slice_of(part->data + size, part->size - size);
	return true;
}

/* A part that may mean something: a message changed by its table, or a few bytes. */
static void write_part(struct slice part, struct prng *prng, struct buf *out)
{
	uint8_t bytes[PART_SIZE_MAX];
	struct buf changed;

	buf_init_fixed(&changed, bytes, sizeof bytes);
	if (write_head(&part, prng, &changed) && fuzz_message_change(part, prng, &changed)) {
		(void)fuzz_part_put(out, buf_slice(&changed));
		return;
	}
	buf_clear(&changed);
	bytes[0] =
		prng_below(prng, 4) == 0 ? PART_CARRY : (uint8_t)(PART_TIME + prng_below(prng, 3));
	for (uint32_t i = 1; i < 6; i++)
		bytes[i] = (uint8_t)(prng_next(prng) >> prng_below(prng, 64));
	changed.size = 6;
	(void)fuzz_part_put(out, buf_slice(&changed));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct slice input = slice_of(data, (uint32_t)size);
	struct slice parts[PARTS_MAX];
	struct prng prng;
	struct buf out;
	uint32_t count = 0;

	prng_seed(&prng, seed);
	while (count < PARTS_MAX && fuzz_part_next(&input, &parts[count]))
		count++;
	if (count == 0 || prng_below(&prng, 10) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	const uint32_t at = (uint32_t)prng_below(&prng, count);
	const uint64_t choice = prng_below(&prng, 8);

	buf_init(&out, (uint32_t)max_size);
	for (uint32_t i = 0; i < count; i++) {
		if (i == at && choice == 0)
			continue; /* without it */
		if (i == at && choice < 4)
			write_part(parts[i], &prng, &out); /* in its place */
		else
			(void)fuzz_part_put(&out, parts[i]);
		if (i == at && choice == 4)
			(void)fuzz_part_put(&out, parts[prng_below(&prng, count)]);
		if (i == at && choice > 4)
			write_part(parts[prng_below(&prng, count)], &prng, &out);
	}
	if (out.size > 0) {
		size = out.size;
		memcpy(data, out.data, size);
	}
	buf_close(&out);
	return size;
}
