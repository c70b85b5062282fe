/* Reads the journals without the product's reader and engine: the checkers must not share their
 * mistakes. Only the codec is the same. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"
#include "wire/batch.h"

struct fold {
	struct sim *sim;
	struct sim_history *history;
	uint32_t shard;
	uint64_t epoch, nonce, highest_epoch;
	struct hash128 hash;
	uint32_t saga_of[4096]; /* by admission: saga + 1 */
	uint64_t at_ms, position;
	uint8_t created[64]; /* the inbox's cursor */
	uint32_t created_size;
	uint64_t sequence;
};

static void damaged(struct fold *f, const char *what, uint64_t position)
{
	sim_fail(f->sim, false, "invariants 19, 21: journal %u, batch %" PRIu64 ": %s", f->shard,
		 position, what);
}

static void first(uint64_t *when, uint64_t at_ms)
{
	if (*when == 0)
		*when = at_ms;
}

static struct sim_saga_facts *saga_of(struct fold *f, uint64_t admission)
{
	if (admission >= sizeof f->saga_of / sizeof f->saga_of[0] || f->saga_of[admission] == 0) {
		damaged(f, "a record of an admission that never was", admission);
		return NULL;
	}
	return &f->history->sagas[f->saga_of[admission] - 1];
}

static void take_accepted(struct fold *f, const struct wire_record_accepted *r)
{
	struct sim_saga_facts *facts;
	uint32_t saga;

	if (!sim_saga_from(f->sim, r->saga, &saga)) {
		sim_fail(f->sim, false, "invariant 2: an unknown saga was accepted");
		return;
	}
	facts = &f->history->sagas[saga];
	facts->accepted_times++;
	first(&facts->accepted_ms, f->at_ms);
	first(&facts->accepted_batch, f->position);
	facts->other_body = slice_equal(r->input, slice_str("other"));
	if (r->admission < sizeof f->saga_of / sizeof f->saga_of[0])
		f->saga_of[r->admission] = saga + 1;
	facts->one_phase = f->sim->sagas[saga].step_count == 1 &&
			   !sim_interactive(&f->sim->sagas[saga]) &&
			   f->sim->sagas[saga].steps[0].class == SIM_VOTE &&
			   f->sim->sagas[saga].steps[0].one_phase;
	if (f->sim->sagas[saga].shard != f->shard)
		sim_fail(f->sim, false, "S11: saga %u was accepted by shard %u", saga, f->shard);
}

/* The sim's number of the engine's index; SIM_STEPS: there is none. */
static uint32_t step_of(struct fold *f, const struct sim_saga_facts *facts, uint32_t index)
{
	const struct sim_saga *saga = &f->sim->sagas[facts - f->history->sagas];

	if (!sim_interactive(saga))
		return index < saga->step_count ? index : SIM_STEPS;
	return index < facts->member_count ? facts->step_of[index] : SIM_STEPS;
}

static void take_yes(struct fold *f, struct sim_saga_facts *saga, uint32_t step,
		     const struct wire_record_branch *r)
{
	struct sim_branch_facts *b = &saga->steps[step];

	if (r->op == WIRE_OP_UNDO) {
		first(&b->undone_ms, f->at_ms);
	} else if (r->op == WIRE_OP_FINISH) {
		first(&b->finished_ms, f->at_ms);
	} else {
		first(&b->ok_ms, f->at_ms);
		/* S4: nothing takes it back, so it is the decision. */
		if (sim_step_irrevocable(f->sim, saga, (uint32_t)(saga - f->history->sagas), step))
			first(&saga->commit_ms, f->at_ms);
	}
}

static void take_branch(struct fold *f, const struct wire_record_branch *r)
{
	struct sim_saga_facts *saga = saga_of(f, r->admission);
	struct sim_branch_facts *b;
	uint32_t step;

	if (saga == NULL)
		return;
	step = step_of(f, saga, r->step);
	if (step == SIM_STEPS) {
		damaged(f, "a record of a branch that never was", f->position);
		return;
	}
	b = &saga->steps[step];
	if (r->event == WIRE_EVENT_OK) {
		take_yes(f, saga, step, r);
	} else if (r->event == WIRE_EVENT_REJECTED) {
		first(&b->rejected_ms, f->at_ms);
	} else if (r->event == WIRE_EVENT_UNKNOWN) {
		first(&b->unknown_ms, f->at_ms);
	} else if (r->event == WIRE_EVENT_READ_ONLY) {
		first(&b->read_only_ms, f->at_ms);
	} else if (r->event == WIRE_EVENT_HEURISTIC) {
		first(&b->heuristic_ms, f->at_ms);
		saga->heuristics++;
	}
}

/* S9. */
static void take_enlisted(struct fold *f, const struct wire_record_enlisted *r)
{
	struct sim_saga_facts *saga = saga_of(f, r->admission);
	uint32_t step;

	if (saga == NULL)
		return;
	if (!sim_step_from(r->step.name, &step) || saga->member_count == SIM_STEPS ||
	    saga->steps[step].enlisted_ms != 0) {
		damaged(f, "a branch is enlisted that is none, or is one already", f->position);
		return;
	}
	if (saga->closed_ms != 0 || saga->decision_times > 0)
		sim_fail(f->sim, false, "S9: step %u of saga %u is enlisted after the end", step,
			 (uint32_t)(saga - f->history->sagas));
	saga->steps[step].enlisted_ms = f->at_ms;
	saga->step_of[saga->member_count++] = step;
}

static void take_closed(struct fold *f, const struct wire_record_closed *r)
{
	struct sim_saga_facts *saga = saga_of(f, r->admission);
	uint32_t members = 0;

	if (saga == NULL)
		return;
	if (saga->closed_ms != 0 || saga->decision_times > 0)
		damaged(f, "a set of branches is closed after the end", f->position);
	first(&saga->closed_ms, f->at_ms);
	for (uint32_t i = 0; i < saga->member_count; i++)
		members |= UINT32_C(1) << saga->step_of[i];
	if (members != f->sim->sagas[saga - f->history->sagas].branch_set)
		sim_fail(f->sim, false,
			 "S9: saga %u is closed with branches that its client "
			 "did not mean",
			 (uint32_t)(saga - f->history->sagas));
	saga->one_phase = saga->member_count == 1 &&
			  f->sim->sagas[saga - f->history->sagas].steps[saga->step_of[0]].one_phase;
}

static void take_decision(struct fold *f, const struct wire_record_decision *r)
{
	struct sim_saga_facts *saga = saga_of(f, r->admission);

	if (saga == NULL)
		return;
	saga->decision_times++;
	if (r->verdict == WIRE_DECISION_COMMIT) {
		first(&saga->commit_ms, f->at_ms);
	} else {
		first(&saga->decision_ms, f->at_ms);
		saga->reason = r->reason;
	}
}

static void take_end(struct fold *f, enum wire_kind kind, const void *record)
{
	struct sim_saga_facts *saga;
	uint32_t number;

	if (kind == WIRE_RECORD_TOMBSTONE) {
		const struct wire_record_tombstone *r = record;

		if (sim_saga_from(f->sim, r->saga, &number))
			first(&f->history->sagas[number].tombstone_ms, f->at_ms);
	} else if (kind == WIRE_RECORD_FINISHED) {
		const struct wire_record_finished *r = record;

		saga = saga_of(f, r->admission);
		if (saga == NULL)
			return;
		saga->finished_times++;
		saga->final_state = r->state;
		first(&saga->finished_ms, f->at_ms);
	}
}

/* S12: the cursor only rises, but where a stream ends before it. */
static void move_cursor(struct fold *f, const struct wire_record_inbox *r)
{
	const struct slice held = slice_of(f->created, f->created_size);

	if (r->sequence == 0) {
		f->history->read_again++;
		if (!f->sim->inbox.told_short)
			damaged(f, "the inbox is read again, and nobody knew it shorter",
				f->position);
	} else if (slice_equal(r->created, held) && r->sequence <= f->sequence) {
		damaged(f, "the cursor of the inbox went back", f->position);
	}
	CHECK_LE(r->created.size, sizeof f->created);
	memcpy(f->created, r->created.data, r->created.size);
	f->created_size = r->created.size;
	f->sequence = r->sequence;
}

static void take_inbox(struct fold *f, const struct wire_record_inbox *r)
{
	struct sim_saga_facts *facts;
	uint32_t entry, saga;

	move_cursor(f, r);
	if (r->sequence == 0)
		return;
	if (!sim_inbox_find(f->sim, f->shard, r->created, r->sequence, &entry)) {
		damaged(f, "an entry of the inbox that never was", f->position);
		return;
	}
	if (f->history->entries[entry].at_ms == 0)
		f->history->entries[entry] =
			(struct sim_entry_facts){.at_ms = f->at_ms, .code = r->code};
	if (!sim_saga_from(f->sim, r->saga, &saga))
		return;
	facts = &f->history->sagas[saga];
	if (r->code == 0)
		first(&facts->taken_batch, f->position);
	else if (r->remember_until_at > 0)
		first(&facts->refused_ms, f->at_ms);
}

static void take_record(struct fold *f, struct slice record)
{
	union {
		struct wire_record_accepted accepted;
		struct wire_record_branch branch;
		struct wire_record_decision decision;
		struct wire_record_finished finished;
		struct wire_record_tombstone tombstone;
		struct wire_record_parked parked;
		struct wire_record_epoch epoch;
		struct wire_record_genesis genesis;
		struct wire_record_noop noop;
		struct wire_record_inbox inbox;
		struct wire_record_enlisted enlisted;
		struct wire_record_closed closed;
	} u;
	struct sim_history *h = f->history;
	struct arena arena;
	enum wire_kind kind;

	arena_init(&arena, f->sim->arena_memory, 65536);
	CHECK_EQ(wire_peek_kind(record, &kind), 0);
	CHECK_EQ(wire_decode(kind, record, &arena, &u, NULL), 0);
	h->record_ms[f->shard][++h->record_count[f->shard]] = f->at_ms;
	if (kind == WIRE_RECORD_ACCEPTED)
		take_accepted(f, &u.accepted);
	else if (kind == WIRE_RECORD_BRANCH)
		take_branch(f, &u.branch);
	else if (kind == WIRE_RECORD_INBOX)
		take_inbox(f, &u.inbox);
	else if (kind == WIRE_RECORD_ENLISTED)
		take_enlisted(f, &u.enlisted);
	else if (kind == WIRE_RECORD_CLOSED)
		take_closed(f, &u.closed);
	else if (kind == WIRE_RECORD_DECISION)
		take_decision(f, &u.decision);
	else
		take_end(f, kind, &u);
}

/* S22: does this batch count? */
static bool current(struct fold *f, const struct batch_header *header, struct slice records,
		    uint64_t position)
{
	enum wire_kind kind;

	CHECK_EQ(wire_peek_kind(records, &kind), 0);
	if (kind == WIRE_RECORD_GENESIS)
		return true;
	if (kind == WIRE_RECORD_EPOCH) {
		if (header->epoch <= f->epoch)
			return false;
		f->epoch = header->epoch;
		f->nonce = header->nonce;
		return true;
	}
	if (header->epoch < f->epoch)
		damaged(f, "a fenced batch of an older epoch landed", position);
	if (header->epoch > f->epoch)
		damaged(f, "a batch without its epoch record", position);
	return header->epoch == f->epoch && header->nonce == f->nonce;
}

static void take_batch(struct fold *f, uint64_t position, const struct sim_batch *batch)
{
	const struct slice bytes = slice_of(batch->bytes, batch->size);
	struct batch_header header;
	struct slice records;

	f->at_ms = batch->at_ms;
	f->position = position;
	CHECK_EQ(batch_decode(bytes, &header, &records), 0);
	if (!current(f, &header, records, position)) {
		f->history->skipped++;
		f->hash = batch_hash(bytes);
		return;
	}
	if (header.first_record != 0) {
		if (header.first_record != f->history->record_count[f->shard] + 1)
			damaged(f, "a gap in the record numbers", position);
		if (!hash128_equal(&header.previous, &f->hash))
			damaged(f, "the chain is broken", position);
	}
	f->hash = batch_hash(bytes);
	for (uint32_t i = 0; i < header.record_count; i++) {
		uint32_t size;

		CHECK_EQ(wire_value_size(records, &size), 0);
		take_record(f, slice_of(records.data, size));
		records = slice_of(records.data + size, records.size - size);
	}
}

static uint64_t records_in(const struct sim *sim, uint32_t shard)
{
	uint64_t count = 1;

	for (uint32_t i = 0; i < sim->log_count[shard]; i++) {
		struct batch_header header;
		struct slice records;

		CHECK_EQ(batch_decode(slice_of(sim->log[shard][i].bytes, sim->log[shard][i].size),
				      &header, &records),
			 0);
		count += header.record_count;
	}
	return count;
}

struct sim_history *sim_history_read(struct sim *sim)
{
	struct sim_history *history = calloc(1, sizeof *history);
	struct fold *f = malloc(sizeof *f);

	CHECK(history != NULL && f != NULL);
	history->sagas = calloc(sim->saga_count, sizeof *history->sagas);
	history->sent_ms = calloc(sim->saga_count, sizeof *history->sent_ms);
	history->entries = calloc(sim->inbox.entry_count + 1, sizeof *history->entries);
	CHECK(history->sagas != NULL && history->sent_ms != NULL && history->entries != NULL);
	for (uint32_t n = 0; n < sim->shard_count; n++) {
		*f = (struct fold){.sim = sim, .history = history, .shard = n};
		history->record_ms[n] = calloc(records_in(sim, n) + 1, sizeof(uint64_t));
		CHECK(history->record_ms[n] != NULL);
		for (uint32_t i = 0; i < sim->log_count[n]; i++)
			take_batch(f, i + 1, &sim->log[n][i]);
	}
	free(f);
	return history;
}

void sim_history_close(struct sim_history *history)
{
	for (uint32_t n = 0; n < SIM_SHARDS_MAX; n++)
		free(history->record_ms[n]);
	free(history->sagas);
	free(history->sent_ms);
	free(history->entries);
	free(history);
}
