/* The reader: what of a raw log may be applied, and in which order. The fold of every node must
 * come to the same verdict on the same bytes, so nothing here depends on when or where it runs.
 */
#include "journal/reader.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "wire/codec.h"
#include "wire/record.h"

/* What is to become of a sound batch. */
enum verdict { VERDICT_TAKE, VERDICT_SKIP };

struct batch_view {
	struct batch_header header;
	struct slice records;
	struct slice first;  /* the first record */
	enum wire_kind kind; /* of the first record */
};

static const struct hash128 no_hash;

void reader_init(struct reader *r, const struct id *cluster, uint32_t shard)
{
	CHECK_LT(0, cluster->size);
	*r = (struct reader){.cluster = *cluster, .shard = shard, .next_record = 1};
}

/* The size of the record at the start of `rest`; anything odd is corrupt, for the CRC said that
 * these are the writer's bytes. */
static int record_at(struct slice rest, struct slice *record, enum wire_kind *kind)
{
	uint32_t size = 0;

	if (wire_value_size(rest, &size) != 0 || size == 0 || size > rest.size)
		return SAGA_E_JOURNAL_CORRUPT;
	*record = slice_of(rest.data, size);
	if (wire_peek_kind(*record, kind) != 0)
		return SAGA_E_JOURNAL_CORRUPT;
	return 0;
}

/* Walks all records before any is handed out, so that a damaged batch is applied not at all. */
static int view_records(struct batch_view *view)
{
	struct slice rest = view->records;
	uint32_t count = 0;

	while (rest.size > 0) {
		struct slice record;
		enum wire_kind kind;

		if (record_at(rest, &record, &kind) != 0)
			return SAGA_E_JOURNAL_CORRUPT;
		/* Both stand alone: a batch that opens an epoch holds nothing else. */
		if ((kind == WIRE_RECORD_EPOCH || kind == WIRE_RECORD_GENESIS) &&
		    view->header.record_count != 1)
			return SAGA_E_JOURNAL_CORRUPT;
		if (kind == WIRE_RECORD_SEGMENT && count > 0)
			return SAGA_E_JOURNAL_CORRUPT;
		if (count == 0) {
			view->first = record;
			view->kind = kind;
		}
		count++;
		rest = slice_of(rest.data + record.size, rest.size - record.size);
	}
	return count > 0 && count == view->header.record_count ? 0 : SAGA_E_JOURNAL_CORRUPT;
}

/* The stamp of S7, in either record. */
static int check_stamp(const struct reader *r, const struct wire_record_genesis *record,
		       struct reader_genesis *genesis)
{
	if (!slice_equal(record->cluster, id_slice(&r->cluster)) || record->shard != r->shard)
		return SAGA_E_JOURNAL_FOREIGN;
	if (record->created.size > READER_CREATED_SIZE_MAX)
		return SAGA_E_JOURNAL_CORRUPT;
	*genesis =
		(struct reader_genesis){.shard_count = record->shard_count, .slots = record->slots};
	if (record->created.size > 0)
		memcpy(genesis->created, record->created.data, record->created.size);
	return 0;
}

static int check_segment(const struct reader *r, const struct batch_view *view,
			 struct reader_genesis *genesis)
{
	struct wire_record_segment record;
	struct arena none;

	arena_init(&none, NULL, 0);
	/* Whoever begins a segment has an epoch, and records before it. */
	if (view->header.epoch == 0 || view->header.epoch > BATCH_EPOCH_MAX ||
	    view->header.first_record <= 1 ||
	    wire_decode(WIRE_RECORD_SEGMENT, view->first, &none, &record, NULL) != 0)
		return SAGA_E_JOURNAL_CORRUPT;
	const struct wire_record_genesis stamp = {
		.cluster = record.cluster,
		.shard = record.shard,
		.shard_count = record.shard_count,
		.slots = record.slots,
		.created = record.created,
	};
	return check_stamp(r, &stamp, genesis);
}

static int check_genesis(const struct reader *r, const struct batch_view *view,
			 struct reader_genesis *genesis)
{
	struct wire_record_genesis record;
	struct arena none;

	arena_init(&none, NULL, 0);
	if (view->kind != WIRE_RECORD_GENESIS || view->header.epoch != 0 ||
	    view->header.first_record != 1 || !hash128_equal(&view->header.previous, &no_hash))
		return SAGA_E_JOURNAL_CORRUPT;
	if (wire_decode(WIRE_RECORD_GENESIS, view->first, &none, &record, NULL) != 0)
		return SAGA_E_JOURNAL_CORRUPT;
	return check_stamp(r, &record, genesis);
}

/* An EPOCH record must speak for its own batch. */
static int check_epoch_record(const struct batch_view *view)
{
	struct wire_record_epoch record;
	struct arena none;

	arena_init(&none, NULL, 0);
	if (wire_decode(WIRE_RECORD_EPOCH, view->first, &none, &record, NULL) != 0)
		return SAGA_E_JOURNAL_CORRUPT;
	if (record.epoch != view->header.epoch || record.nonce != view->header.nonce)
		return SAGA_E_JOURNAL_CORRUPT;
	if (record.format > BATCH_FORMAT)
		return SAGA_E_VERSION;
	return 0;
}

static int check_chain(const struct reader *r, const struct batch_header *header)
{
	if (header->first_record != r->next_record || !hash128_equal(&header->previous, &r->hash) ||
	    header->shard_time < r->shard_time)
		return SAGA_E_JOURNAL_CORRUPT;
	return 0;
}

/* Every batch after the first. */
static int judge(const struct reader *r, const struct batch_view *view, enum verdict *verdict)
{
	const struct batch_header *header = &view->header;
	const bool unfenced = header->first_record == 0;
	int rc;

	*verdict = VERDICT_TAKE;
	if (view->kind == WIRE_RECORD_GENESIS || header->epoch == 0 ||
	    header->epoch > BATCH_EPOCH_MAX)
		return SAGA_E_JOURNAL_CORRUPT;
	if (unfenced &&
	    (view->kind != WIRE_RECORD_EPOCH || !hash128_equal(&header->previous, &no_hash)))
		return SAGA_E_JOURNAL_CORRUPT;
	if (view->kind == WIRE_RECORD_EPOCH) {
		rc = check_epoch_record(view);
		if (rc != 0)
			return rc;
	}
	if (header->epoch < r->epoch ||
	    (header->epoch == r->epoch && (header->nonce != r->nonce || unfenced))) {
		*verdict = VERDICT_SKIP;
		return 0;
	}
	/* A newer epoch begins with its EPOCH record, and has one only. */
	if ((header->epoch > r->epoch) != (view->kind == WIRE_RECORD_EPOCH))
		return SAGA_E_JOURNAL_CORRUPT;
	return unfenced ? 0 : check_chain(r, header);
}

static int hand_out(const struct batch_view *view, uint64_t first_record, uint64_t shard_time,
		    reader_record each, void *context)
{
	struct slice rest = view->records;
	uint64_t number = first_record;

	while (rest.size > 0) {
		struct slice record;
		enum wire_kind kind;
		int rc = record_at(rest, &record, &kind);

		CHECK_EQ(rc, 0); /* view_records has been here */
		rest = slice_of(rest.data + record.size, rest.size - record.size);
		if (each == NULL)
			continue;
		rc = each(context, record, number, shard_time);
		if (rc != 0)
			return rc;
		number++;
	}
	return 0;
}

static int take(struct reader *r, const struct batch_view *view, reader_record each, void *context)
{
	/* Only an unfenced EPOCH may lie behind: its writer had not read what landed before it. */
	const uint64_t shard_time =
		view->header.shard_time > r->shard_time ? view->header.shard_time : r->shard_time;
	const int rc = hand_out(view, r->next_record, shard_time, each, context);

	if (rc != 0)
		return rc;
	r->batch_record = r->next_record;
	r->next_record += view->header.record_count;
	r->epoch = view->header.epoch;
	r->nonce = view->header.nonce;
	r->shard_time = shard_time;
	return 0;
}

/* The first batch, of a reader that begins with it. What a SEGMENT says of the chain before it is
 * taken on trust; whether it is early enough to begin with, the fold finds out (S17). */
static int begin(struct reader *r, uint64_t sequence, const struct batch_view *view,
		 struct reader_genesis *genesis)
{
	int rc;

	if (view->kind != WIRE_RECORD_SEGMENT)
		return check_genesis(r, view, genesis);
	if (sequence <= 1)
		return SAGA_E_JOURNAL_CORRUPT; /* GENESIS stands there, or nothing */
	rc = check_segment(r, view, genesis);
	if (rc != 0)
		return rc;
	r->next_record = view->header.first_record;
	return 0;
}

int reader_take(struct reader *r, uint64_t sequence, struct slice bytes, reader_record each,
		void *context)
{
	struct batch_view view = {.kind = WIRE_NONE};
	struct reader_genesis genesis = r->genesis;
	enum verdict verdict = VERDICT_TAKE;
	const uint64_t next_record = r->next_record;
	int rc;

	CHECK_EQ(r->has_genesis, r->sequence > 0);
	CHECK(r->next_record >= 1);
	if (r->has_genesis && sequence != r->sequence + 1)
		return SAGA_E_JOURNAL_GAP;
	rc = batch_decode(bytes, &view.header, &view.records);
	if (rc != 0)
		return rc;
	if (view.header.shard != r->shard || !id_equal(&view.header.cluster, &r->cluster))
		return SAGA_E_JOURNAL_FOREIGN;
	if (view.header.shard_time > BATCH_TIME_MAX)
		return SAGA_E_JOURNAL_CORRUPT;
	rc = view_records(&view);
	if (rc != 0)
		return rc;
	if (!r->has_genesis && sequence > 1 && view.kind != WIRE_RECORD_SEGMENT) {
		r->passed_over++;
		return 0;
	}
	rc = r->has_genesis ? judge(r, &view, &verdict) : begin(r, sequence, &view, &genesis);
	if (rc != 0)
		return rc;
	if (verdict == VERDICT_TAKE) {
		rc = take(r, &view, each, context);
		if (rc != 0) {
			r->next_record = next_record;
			return rc;
		}
	} else {
		r->skipped++;
	}
	if (!r->has_genesis)
		r->first = sequence;
	r->began_segment = verdict == VERDICT_TAKE && view.kind == WIRE_RECORD_SEGMENT;
	r->genesis = genesis;
	r->has_genesis = true;
	r->sequence = sequence;
	r->hash = batch_hash(bytes);
	return 0;
}
