/* GENESIS: the first batch of each journal (S7), for jetstream_admin_jansson.c. */
#include "base/arena.h"
#include "base/os_clock.h"
#include "journal/jetstream_jansson.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/record.h"

enum { RECORD_SIZE_MAX = 4096 };

static struct wire_record_genesis genesis_of(const struct jetstream_wish *wish,
					     const struct hash128 *slots, const char *created)
{
	return (struct wire_record_genesis){
		.cluster = slice_str(wish->cluster),
		.shard = wish->shard,
		.shard_count = wish->shard_count,
		.slots = *slots,
		.created = slice_str(created),
	};
}

int jetstream_genesis_encode(const struct jetstream_wish *wish, const struct hash128 *slots,
			     const char *created, struct buf *out)
{
	const struct wire_record_genesis genesis = genesis_of(wish, slots, created);
	struct batch_header header = {
		.shard = wish->shard,
		.record_count = 1,
		.first_record = 1,
		.shard_time = os_clock_wall_ms(), /* S16: shard time begins at Unix time */
	};
	uint8_t memory[RECORD_SIZE_MAX];
	struct buf record;
	int rc = id_from(&header.cluster, genesis.cluster);

	buf_init_fixed(&record, memory, sizeof memory);
	if (rc == 0)
		rc = wire_encode(WIRE_RECORD_GENESIS, &genesis, &record);
	if (rc == 0)
		rc = batch_encode(&header, buf_slice(&record), out);
	return rc;
}

int jetstream_genesis_compare(const struct jetstream_wish *wish, const struct hash128 *slots,
			      const char *created, struct slice bytes, bool *made_again)
{
	const struct wire_record_genesis want = genesis_of(wish, slots, created);
	struct wire_record_genesis is;
	struct batch_header header;
	struct slice record;
	struct arena none;

	*made_again = false;
	arena_init(&none, NULL, 0);
	if (batch_decode(bytes, &header, &record) != 0 ||
	    wire_decode(WIRE_RECORD_GENESIS, record, &none, &is, NULL) != 0)
		return SAGA_E_JOURNAL_CORRUPT;
	if (!slice_equal(is.cluster, want.cluster) || is.shard != want.shard)
		return SAGA_E_JOURNAL_FOREIGN;
	if (is.shard_count != want.shard_count || !hash128_equal(&is.slots, &want.slots))
		return SAGA_E_CLUSTER_MISMATCH;
	*made_again = !slice_equal(is.created, want.created);
	return *made_again ? SAGA_E_JOURNAL_FOREIGN : 0;
}
