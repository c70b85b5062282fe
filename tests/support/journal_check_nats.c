#include "tests/support/journal_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nats/nats.h>

#include "wire/batch.h"

struct seen {
	uint64_t sequence;
	struct batch_header header;
	struct hash128 hash;
};

static void check_batch(struct seen *seen, uint32_t shard, uint64_t sequence, struct slice bytes)
{
	struct batch_header header;
	struct slice records;
	const struct batch_header *last = &seen->header;
	if (batch_decode(bytes, &header, &records) != 0)
		fail_msg("shard %u: batch %llu is damaged", shard, (unsigned long long)sequence);
	if (sequence != seen->sequence + 1 || header.shard != shard)
		fail_msg("shard %u: batch %llu follows %llu", shard, (unsigned long long)sequence,
			 (unsigned long long)seen->sequence);
	if (seen->sequence > 0) {
		assert_int_equal(header.first_record, last->first_record + last->record_count);
		assert_true(hash128_equal(&header.previous, &seen->hash));
		assert_true(header.shard_time >= last->shard_time);
		assert_true(header.epoch >= last->epoch);
		if (header.epoch == last->epoch)
			assert_int_equal(header.nonce, last->nonce);
	}
	seen->sequence = sequence;
	seen->header = header;
	seen->hash = batch_hash(bytes);
}

/* A file for the shard's batches where somebody wants to have them, else NULL. */
static FILE *keep_open(uint32_t shard)
{
	const char *folder = getenv("TRIP_JOURNALS");
	char path[1024];
	if (folder == NULL)
		return NULL;
	(void)snprintf(path, sizeof path, "%s/%u.journal", folder, shard);
	FILE *file = fopen(path, "wb");
	if (file == NULL)
		fail_msg("cannot write %s", path);
	return file;
}

static void keep_batch(FILE *file, natsMsg *message)
{
	const uint32_t size = (uint32_t)natsMsg_GetDataLength(message);
	const uint8_t head[] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
				(uint8_t)(size >> 24)};
	if (file == NULL)
		return;
	assert_int_equal(fwrite(head, 1, sizeof head, file), sizeof head);
	assert_int_equal(fwrite(natsMsg_GetData(message), 1, size, file), size);
}

static uint64_t check_stream(jsCtx *js, uint32_t shard)
{
	struct seen seen = {0};
	jsStreamInfo *info = NULL;
	FILE *file = keep_open(shard);
	char name[32];
	(void)snprintf(name, sizeof name, "SAGA_J_%u", shard);
	assert_int_equal(js_GetStreamInfo(&info, js, name, NULL, NULL), NATS_OK);
	const uint64_t last = info->State.LastSeq;
	assert_int_equal(info->State.FirstSeq, 1);
	jsStreamInfo_Destroy(info);
	for (uint64_t sequence = 1; sequence <= last; sequence++) {
		natsMsg *message = NULL;
		if (js_GetMsg(&message, js, name, sequence, NULL, NULL) != NATS_OK)
			fail_msg("shard %u: batch %llu is not there", shard,
				 (unsigned long long)sequence);
		keep_batch(file, message);
		check_batch(&seen, shard, sequence,
			    slice_of(natsMsg_GetData(message),
				     (uint32_t)natsMsg_GetDataLength(message)));
		natsMsg_Destroy(message);
	}
	if (file != NULL)
		assert_int_equal(fclose(file), 0);
	return last;
}

uint64_t journal_check(const char *nats_url, uint32_t shard_count)
{
	natsConnection *connection = NULL;
	jsCtx *js = NULL;
	uint64_t batches = 0;
	/* Takes several addresses, which natsOptions_SetURL does not. */
	assert_int_equal(natsConnection_ConnectTo(&connection, nats_url), NATS_OK);
	assert_int_equal(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
	for (uint32_t shard = 0; shard < shard_count; shard++)
		batches += check_stream(js, shard);
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	return batches;
}
