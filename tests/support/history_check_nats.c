#include "tests/support/history_check.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/archive_entry.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/message.h"

/* How far one shard's chain was followed. */
struct chain {
	uint64_t sequence; /* of the last batch; 0 = none yet */
	struct hash128 hash;
	struct hash128 *hashes; /* of all, by sequence */
	uint64_t capacity;
};

struct work {
	struct history_check *check;
	jsCtx *js;
	struct chain chains[HISTORY_CHECK_SHARDS_MAX];
};

static void complain(struct work *w, uint32_t shard, uint64_t sequence, const char *what)
{
	if (w->check->trouble[0] == '\0')
		(void)snprintf(w->check->trouble, sizeof w->check->trouble,
			       "shard %u, batch %llu: %s", shard, (unsigned long long)sequence,
			       what);
}

static void count_records(struct work *w, struct slice records)
{
	uint32_t size;

	while (records.size > 0 && wire_value_size(records, &size) == 0) {
		enum wire_kind kind;

		if (wire_peek_kind(slice_of(records.data, size), &kind) == 0) {
			w->check->accepted += kind == WIRE_RECORD_ACCEPTED;
			w->check->finished += kind == WIRE_RECORD_FINISHED;
		}
		records = slice_of(records.data + size, records.size - size);
	}
}

static void keep_hash(struct work *w, struct chain *c)
{
	if (c->sequence >= c->capacity) {
		c->capacity = 2 * c->sequence + 1024;
		c->hashes = realloc(c->hashes, c->capacity * sizeof *c->hashes);
		if (c->hashes == NULL) {
			complain(w, 0, 0, "no memory");
			abort();
		}
	}
	c->hashes[c->sequence] = c->hash;
}

static void take(struct work *w, uint32_t shard, uint64_t sequence, struct slice bytes,
		 bool history)
{
	struct chain *c = &w->chains[shard];
	const struct hash128 hash = batch_hash(bytes);
	struct batch_header header;
	struct slice records;

	if (sequence <= c->sequence) { /* twice */
		if (!hash128_equal(&c->hashes[sequence], &hash))
			complain(w, shard, sequence, "is there twice, and differs");
		w->check->repeated += history;
		return;
	}
	if (sequence != c->sequence + 1) {
		complain(w, shard, c->sequence + 1, "is missing");
		return;
	}
	if (batch_decode(bytes, &header, &records) != 0 || header.shard != shard) {
		complain(w, shard, sequence, "cannot be read");
		return;
	}
	if (sequence > 1 && header.first_record != 0 && !hash128_equal(&header.previous, &c->hash))
		complain(w, shard, sequence, "does not name the one before it");
	c->sequence = sequence;
	c->hash = hash;
	keep_hash(w, c);
	count_records(w, records);
	w->check->batches++;
}

static void take_entry(struct work *w, struct slice bytes, uint32_t shard_count)
{
	struct archive_entry entry;
	struct slice batches, batch;

	if (archive_entry_decode(bytes, &entry, &batches) != 0 || entry.shard >= shard_count) {
		complain(w, 0, 0, "an entry of history cannot be read");
		return;
	}
	w->check->entries++;
	for (uint64_t at = entry.first_sequence; archive_entry_next(&batches, &batch); at++)
		take(w, entry.shard, at, batch, true);
}

static struct slice data_of(natsMsg *message)
{
	return slice_of(natsMsg_GetData(message), (uint32_t)natsMsg_GetDataLength(message));
}

static void read_history(struct work *w, uint32_t shard_count)
{
	jsStreamInfo *info = NULL;

	if (js_GetStreamInfo(&info, w->js, "SAGA_HISTORY", NULL, NULL) != NATS_OK) {
		complain(w, 0, 0, "there is no history stream");
		return;
	}
	for (uint64_t at = info->State.FirstSeq; at > 0 && at <= info->State.LastSeq; at++) {
		natsMsg *message = NULL;

		if (js_GetMsg(&message, w->js, "SAGA_HISTORY", at, NULL, NULL) != NATS_OK)
			complain(w, 0, at, "history lost an entry");
		else
			take_entry(w, data_of(message), shard_count);
		natsMsg_Destroy(message);
	}
	jsStreamInfo_Destroy(info);
}

/* Old segments that came back stand in front, and are compared too. */
static void read_journal(struct work *w, uint32_t shard)
{
	jsStreamInfo *info = NULL;
	char name[32];

	(void)snprintf(name, sizeof name, "SAGA_J_%u", shard);
	if (js_GetStreamInfo(&info, w->js, name, NULL, NULL) != NATS_OK) {
		complain(w, shard, 0, "there is no journal");
		return;
	}
	uint64_t oldest = 0;
	for (uint64_t at = info->State.FirstSeq; at <= info->State.LastSeq; at++) {
		natsMsg *message = NULL;
		const natsStatus status = js_GetMsg(&message, w->js, name, at, NULL, NULL);

		if (status == NATS_OK) {
			oldest = oldest == 0 ? at : oldest;
			take(w, shard, at, data_of(message), false);
		} else if (at > w->chains[shard].sequence) {
			complain(w, shard, at, natsStatus_GetText(status));
		}
		natsMsg_Destroy(message);
	}
	w->check->retired += oldest > 0 ? oldest - 1 : 0;
	if (w->chains[shard].sequence != info->State.LastSeq)
		complain(w, shard, info->State.LastSeq, "the journal's end is missing");
	jsStreamInfo_Destroy(info);
}

void history_check(const char *nats_url, uint32_t shard_count, struct history_check *check)
{
	struct work *w = calloc(1, sizeof *w);
	natsConnection *connection = NULL;

	*check = (struct history_check){0};
	if (w == NULL)
		abort();
	w->check = check;
	if (natsConnection_ConnectTo(&connection, nats_url) != NATS_OK ||
	    natsConnection_JetStream(&w->js, connection, NULL) != NATS_OK) {
		complain(w, 0, 0, "the broker cannot be reached");
	} else {
		read_history(w, shard_count);
		for (uint32_t shard = 0; shard < shard_count; shard++)
			read_journal(w, shard);
	}
	for (uint32_t shard = 0; shard < shard_count; shard++)
		free(w->chains[shard].hashes);
	jsCtx_Destroy(w->js);
	natsConnection_Destroy(connection);
	free(w);
}
