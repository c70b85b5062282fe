/* Is it over? What a run waits for: every accepted saga final, every entry of the inbox recorded,
 * nobody in doubt. The journals are read on from where they were read to, and only as far as that
 * takes; the judges have a reader of their own. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"
#include "wire/batch.h"

/* S22: does this batch count? */
static bool current(struct sim_reading *r, const struct batch_header *header, enum wire_kind kind)
{
	if (kind == WIRE_RECORD_GENESIS)
		return true;
	if (kind != WIRE_RECORD_EPOCH)
		return header->epoch == r->epoch && header->nonce == r->nonce;
	if (header->epoch <= r->epoch)
		return false;
	r->epoch = header->epoch;
	r->nonce = header->nonce;
	return true;
}

static void begins(struct sim *sim, struct sim_reading *r, const struct wire_record_accepted *a)
{
	uint32_t saga;

	if (!sim_saga_from(sim, a->saga, &saga))
		return; /* the judges have words for it */
	while (r->saga_capacity <= a->admission)
		r->saga_of = sim_grow(r->saga_of, r->saga_capacity, &r->saga_capacity,
				      sizeof *r->saga_of);
	r->saga_of[a->admission] = saga;
	sim->sagas[saga].accepted = true;
}

static void read_record(struct sim *sim, struct sim_reading *r, uint32_t shard, struct slice record)
{
	union {
		struct wire_record_accepted accepted;
		struct wire_record_finished finished;
		struct wire_record_inbox inbox;
	} u;
	struct arena arena;
	enum wire_kind kind;
	uint32_t entry;

	CHECK_EQ(wire_peek_kind(record, &kind), 0);
	if (kind != WIRE_RECORD_ACCEPTED && kind != WIRE_RECORD_FINISHED &&
	    kind != WIRE_RECORD_INBOX)
		return;
	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_EQ(wire_decode(kind, record, &arena, &u, NULL), 0);
	if (kind == WIRE_RECORD_ACCEPTED)
		begins(sim, r, &u.accepted);
	else if (kind == WIRE_RECORD_FINISHED && u.finished.admission < r->saga_capacity)
		sim->sagas[r->saga_of[u.finished.admission]].finished = true;
	else if (kind == WIRE_RECORD_INBOX && u.inbox.sequence > 0 &&
		 sim_inbox_find(sim, shard, u.inbox.created, u.inbox.sequence, &entry))
		sim->inbox.entries[entry].recorded = true;
}

static void read_batch(struct sim *sim, struct sim_reading *r, uint32_t shard,
		       const struct sim_batch *batch)
{
	struct batch_header header;
	struct slice records;
	enum wire_kind kind;

	CHECK_EQ(batch_decode(slice_of(batch->bytes, batch->size), &header, &records), 0);
	CHECK_EQ(wire_peek_kind(records, &kind), 0);
	if (!current(r, &header, kind))
		return;
	for (uint32_t i = 0; i < header.record_count; i++) {
		uint32_t size;

		CHECK_EQ(wire_value_size(records, &size), 0);
		read_record(sim, r, shard, slice_of(records.data, size));
		records = slice_of(records.data + size, records.size - size);
	}
}

void sim_read_on(struct sim *sim)
{
	for (uint32_t n = 0; n < sim->shard_count; n++) {
		struct sim_reading *r = &sim->reading[n];

		while (r->count < sim->log_count[n])
			read_batch(sim, r, n, &sim->log[n][r->count++]);
	}
}

/* Everybody has given up publishing, and what is stored is recorded. */
static bool inbox_done(const struct sim *sim)
{
	bool done = !sim->inbox.missing;

	for (uint32_t i = 0; done && i < sim->inbox.letter_count; i++)
		done = sim->inbox.letters[i].ended || sim->inbox.letters[i].acknowledged;
	for (uint32_t i = 0; done && i < sim->inbox.entry_count; i++)
		done = sim->inbox.entries[i].lost || sim->inbox.entries[i].recorded;
	return done;
}

bool sim_all_final(struct sim *sim)
{
	bool all = true;

	sim_read_on(sim);
	for (uint32_t i = 0; all && i < sim->saga_count; i++)
		all = !sim->sagas[i].accepted || sim->sagas[i].finished;
	return all && inbox_done(sim) && sim_participants_done(sim);
}
