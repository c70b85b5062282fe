/* The journal reader and the fold behind it, on any batches. What they take is a state that is
 * sound, hashes alike however it was reached, and can be gone on from. The input is batches as
 * parts (fuzz.h). Blindly changed bytes never get past the checksum: the mutator changes records
 * and headers and then makes checksum, numbers and chain right again, most of the time. */
#include <string.h>

#include "journal/reader.h"
#include "tests/fuzz/fuzz_host.h"
#include "wire/codec.h"

enum { TICKS_MAX = 100 };

struct fold {
	struct fuzz_host host;
	bool dead; /* the engine has refused a record: it is not to be used any more */
};

static int on_record(void *context, struct slice record, uint64_t number, uint64_t shard_time)
{
	struct fold *fold = context;
	const int error = fuzz_host_apply(&fold->host, record, number, shard_time);

	CHECK(error <= 0);
	fold->dead = error != 0;
	return error;
}

/* Every part is judged by the first: its shard and cluster are ours. */
static void begin(struct slice input, struct reader *reader, uint32_t *shard)
{
	struct batch_header header;
	struct slice part, records;
	struct id cluster;

	*shard = 0;
	CHECK_EQ(id_from(&cluster, slice_str("fuzz")), 0);
	if (fuzz_part_next(&input, &part) && batch_decode(part, &header, &records) == 0) {
		cluster = header.cluster;
		*shard = header.shard;
	}
	reader_init(reader, &cluster, *shard);
}

static void go_on(struct fuzz_host *h)
{
	fuzz_host_check(h, false);
	fuzz_host_take_over(h);
	fuzz_host_ticks(h, TICKS_MAX);
	fuzz_host_check(h, true);
}

static int apply_all(struct fuzz_host *h, const struct batch_header *header, struct slice records,
		     uint64_t *number)
{
	int error = 0;

	while (error == 0 && records.size > 0) {
		uint32_t size = 0;

		if (wire_value_size(records, &size) != 0)
			return SAGA_E_DECODE;
		error = fuzz_host_apply(h, slice_of(records.data, size), (*number)++,
					header->shard_time);
		records = slice_of(records.data + size, records.size - size);
	}
	return error;
}

/* The fold alone, from whatever record the first batch says: the reader knows better than to let
 * most of that through, and the fold must not rest on it. */
static void without_reader(struct slice input, uint32_t shard)
{
	static struct fuzz_host host;
	struct batch_header header;
	struct slice part, records;
	uint64_t number = 0;
	int error = 0;

	fuzz_host_open(&host, shard);
	while (error == 0 && fuzz_part_next(&input, &part)) {
		if (batch_decode(part, &header, &records) != 0)
			continue;
		if (number == 0)
			number = header.first_record > 0 ? header.first_record : 1;
		error = apply_all(&host, &header, records, &number);
	}
	if (error == 0 && txn_last_record(host.t) > 0 && txn_replay(host.t).complete)
		go_on(&host);
	fuzz_host_close(&host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, (uint32_t)size);
	static struct fold fold;
	struct reader reader;
	struct slice part;
	uint32_t shard;
	int error = 0;

	begin(input, &reader, &shard);
	fold.dead = false;
	fuzz_host_open(&fold.host, shard);
	while (error == 0 && fuzz_part_next(&input, &part)) {
		const uint64_t sequence = reader.sequence;

		error = reader_take(&reader, sequence + 1, part, on_record, &fold);
		CHECK_EQ(reader.sequence, sequence + (error == 0));
	}
	CHECK(fold.dead || reader.next_record == txn_last_record(fold.host.t) + 1);
	/* A part of a journal that is not enough is nothing to go on from (S17). */
	if (!fold.dead && txn_replay(fold.host.t).complete)
		go_on(&fold.host);
	fuzz_host_close(&fold.host);
	without_reader(slice_of(data, (uint32_t)size), shard);
	return 0;
}

/* ---- the mutator ----------------------------------------------------------------------------- */

enum { BATCHES_MAX = 64, RECORDS_OF_BATCH_MAX = 64, BYTES_MAX = 64 * 1024 };

struct draft {
	struct batch_header header;
	struct slice records[RECORDS_OF_BATCH_MAX];
	uint32_t count;
	bool unfenced;
};

struct drafts {
	struct draft batches[BATCHES_MAX];
	uint32_t count;
	struct buf bytes; /* of records that were changed; never grows once it is used */
	struct prng prng;
};

static void read_draft(struct draft *draft, struct slice records)
{
	uint32_t size;

	draft->count = 0;
	draft->unfenced = draft->header.first_record == 0;
	while (records.size > 0 && draft->count < RECORDS_OF_BATCH_MAX) {
		CHECK_EQ(wire_value_size(records, &size), 0);
		draft->records[draft->count++] = slice_of(records.data, size);
		records = slice_of(records.data + size, records.size - size);
	}
}

static void read_drafts(struct drafts *drafts, struct slice input)
{
	struct slice part, records;

	drafts->count = 0;
	while (drafts->count < BATCHES_MAX && fuzz_part_next(&input, &part)) {
		struct draft *draft = &drafts->batches[drafts->count];

		if (batch_decode(part, &draft->header, &records) != 0)
			continue;
		read_draft(draft, records);
		drafts->count++;
	}
}

static struct draft *any_batch(struct drafts *drafts)
{
	return &drafts->batches[prng_below(&drafts->prng, drafts->count)];
}

static struct slice any_record(struct drafts *drafts)
{
	const struct draft *draft = any_batch(drafts);

	return draft->records[prng_below(&drafts->prng, draft->count)];
}

static void change_header(struct drafts *drafts)
{
	struct batch_header *header = &any_batch(drafts)->header;
	const uint64_t number = prng_next(&drafts->prng) >> prng_below(&drafts->prng, 64);

	switch (prng_below(&drafts->prng, 5)) {
	case 0:
		header->epoch = prng_below(&drafts->prng, 2) == 0 ? number : header->epoch + 1;
		break;
	case 1:
		header->nonce = number;
		break;
	case 2:
		header->shard_time += number % 100000;
		break;
	case 3:
		header->shard_time = number;
		break;
	default:
		header->shard = (uint32_t)(number % WIRE_SHARDS_MAX);
		break;
	}
}

static void change_record(struct drafts *drafts)
{
	struct draft *draft = any_batch(drafts);
	struct slice *record = &draft->records[prng_below(&drafts->prng, draft->count)];
	const uint32_t start = drafts->bytes.size;

	if (fuzz_message_change(*record, &drafts->prng, &drafts->bytes))
		*record = slice_of(drafts->bytes.data + start, drafts->bytes.size - start);
}

static void insert_record(struct drafts *drafts, struct slice record)
{
	struct draft *draft = any_batch(drafts);
	const uint32_t at = (uint32_t)prng_below(&drafts->prng, draft->count + 1);

	if (draft->count == RECORDS_OF_BATCH_MAX)
		return;
	memmove(&draft->records[at + 1], &draft->records[at],
		(draft->count - at) * sizeof draft->records[0]);
	draft->records[at] = record;
	draft->count++;
}

static void remove_record(struct drafts *drafts)
{
	struct draft *draft = any_batch(drafts);

	if (draft->count < 2)
		return;
	draft->count--;
	draft->records[prng_below(&drafts->prng, draft->count)] = draft->records[draft->count];
}

static void move_batches(struct drafts *drafts)
{
	struct draft *one = any_batch(drafts), *other = any_batch(drafts);
	const struct draft kept = *one;

	if (prng_below(&drafts->prng, 2) == 0) {
		*one = *other;
		*other = kept;
	} else if (drafts->count > 1 && prng_below(&drafts->prng, 2) == 0) {
		*one = drafts->batches[--drafts->count];
	} else if (drafts->count < BATCHES_MAX) {
		drafts->batches[drafts->count++] = kept;
	}
}

static void change(struct drafts *drafts)
{
	switch (prng_below(&drafts->prng, 10)) {
	case 0:
		change_header(drafts);
		break;
	case 1:
		insert_record(drafts, any_record(drafts));
		break;
	case 2:
		remove_record(drafts);
		break;
	case 3:
		move_batches(drafts);
		break;
	case 4:
		any_batch(drafts)->unfenced = true;
		break;
	default:
		change_record(drafts);
		break;
	}
}

/* A part of a journal, from a segment's begin on, keeps its numbers. */
static bool begins_in_the_middle(const struct drafts *drafts)
{
	const struct draft *first = &drafts->batches[0];
	enum wire_kind kind;

	return drafts->count > 0 && first->count > 0 && first->header.first_record > 1 &&
	       wire_peek_kind(first->records[0], &kind) == 0 && kind == WIRE_RECORD_SEGMENT;
}

/* Right checksums always; right numbers, times and hashes when asked to. */
static void write_drafts(struct drafts *drafts, bool repair, struct buf *out)
{
	struct hash128 hash = {{0}};
	uint64_t next_record = 1, shard_time = 0;
	struct buf records, batch;

	if (begins_in_the_middle(drafts)) {
		next_record = drafts->batches[0].header.first_record;
		hash = drafts->batches[0].header.previous;
	}
	buf_init(&records, BYTES_MAX);
	buf_init(&batch, BYTES_MAX + BATCH_HEADER_SIZE);
	for (uint32_t i = 0; i < drafts->count; i++) {
		struct draft *draft = &drafts->batches[i];
		struct batch_header *header = &draft->header;

		buf_clear(&records);
		buf_clear(&batch);
		for (uint32_t r = 0; r < draft->count; r++)
			(void)buf_put_slice(&records, draft->records[r]);
		header->record_count = draft->count;
		draft->unfenced = draft->unfenced && draft->count == 1;
		if (repair) {
			if (header->shard_time < shard_time)
				header->shard_time = shard_time;
			shard_time = header->shard_time;
			header->first_record = draft->unfenced ? 0 : next_record;
			header->previous = draft->unfenced ? (struct hash128){{0}} : hash;
			next_record += draft->count;
		}
		if (header->first_record == 0 && draft->count != 1)
			header->first_record = next_record;
		if (buf_error(&records) != 0 ||
		    batch_encode(header, buf_slice(&records), &batch) != 0)
			continue;
		hash = batch_hash(buf_slice(&batch));
		(void)fuzz_part_put(out, buf_slice(&batch));
	}
	buf_close(&records);
	buf_close(&batch);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	static struct drafts drafts;
	static uint8_t bytes[4 * BYTES_MAX];
	struct buf out;

	prng_seed(&drafts.prng, seed);
	read_drafts(&drafts, slice_of(data, (uint32_t)size));
	if (drafts.count == 0 || prng_below(&drafts.prng, 20) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	buf_init_fixed(&drafts.bytes, bytes, sizeof bytes);
	for (uint64_t i = 1 + prng_below(&drafts.prng, 3); i > 0; i--)
		change(&drafts);
	buf_init(&out, (uint32_t)max_size);
	write_drafts(&drafts, prng_below(&drafts.prng, 16) != 0, &out);
	if (out.size > 0) {
		size = out.size;
		memcpy(data, out.data, size);
	}
	buf_close(&out);
	return size;
}
