/* What is recorded beside what passes anyway: what clients mean, who owns what, samples, states. */
#include <stdio.h>
#include <sys/mman.h>

#include "base/check.h"
#include "node/core_internal.h"
#include "tests/sim/sim.h"
#include "wire/batch.h"
#include "wire/plan.h"

enum { OUTBOX_MAX = 40 * 1024 * 1024, SAMPLES_EVERY = 16 };

void sim_record_open(struct sim *sim)
{
	char name[16];

	history_init(&sim->history, sim->shard_count);
	(void)snprintf(sim->history.source, sizeof sim->history.source, "sim, seed %llu",
		       (unsigned long long)sim->seed);
	sim->history.start_ms = SIM_START_MS;
	sim->history.parts = HISTORY_CLIENTS | HISTORY_JOURNAL | HISTORY_WIRE | HISTORY_LEDGER |
			     HISTORY_OWNERS | HISTORY_INBOX | HISTORY_SAMPLES | HISTORY_STATES |
			     HISTORY_REPLIES | HISTORY_ACCOUNTS;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		(void)history_add_node(&sim->history, slice_str(name));
	}
	for (uint32_t i = 0; i < sim->service_count; i++) {
		(void)snprintf(name, sizeof name, "s%u", i);
		(void)history_add_service(&sim->history, slice_str(name));
		history_add_account(&sim->history)->service = i;
	}
	sim->judging = judge_defaults();
	for (uint32_t i = 0; i < sim->service_count; i++)
		sim->history.liars |= (uint64_t)sim->services[i].person.liar << i;
	sim->facts = facts_create(&sim->history, &sim->judging, &sim->verdict);
}

void sim_record_close(struct sim *sim)
{
	facts_close(sim->facts);
	history_close(&sim->history);
}

/* ---- what clients mean -------------------------------------------------------------------------
 */

static uint64_t hash_of(const char *text)
{
	return hash_xxh3_64(slice_str(text));
}

static void fill_inputs(const struct sim *sim, const struct sim_saga *saga, uint32_t number,
			uint32_t step, struct history_step *out)
{
	char text[96], output[32];

	out->input_from = HISTORY_NONE;
	if (sim_interactive(saga) || saga->steps[step].after == 0)
		return;
	out->input_from = (uint32_t)__builtin_ctz(saga->steps[step].after);
	/* Nobody but it knows what it said. */
	if (sim->services[saga->steps[out->input_from].service].person.liar) {
		out->input_from = HISTORY_NONE;
		return;
	}
	sim_output_text(number, out->input_from, output);
	output[strlen(output) - 1] = '\0'; /* {"v":12} */
	for (uint32_t other = 0; other < 2; other++)
		for (uint32_t ok = 0; ok < 2; ok++) {
			sim_input_text(saga, step, other != 0 ? "null" : "7",
				       ok != 0 ? output + strlen("{\"v\":") : "null", text);
			out->input[other][ok] = hash_of(text);
		}
}

static void record_step(struct sim *sim, uint32_t number, uint32_t step)
{
	const struct sim_saga *saga = &sim->sagas[number];
	const struct wire_plan whole = {.protocol = saga->protocol};
	const struct sim_step_plan *plan = &saga->steps[step];
	struct history_step out;
	struct wire_step wire;

	sim_step_fill(sim, saga, step, &wire);
	wire_step_resolve(&whole, &wire); /* the defaults are documented */
	out = (struct history_step){
		.service = plan->service,
		.class = plan->class,
		.kind = plan->kind,
		.after = plan->after,
		.has_undo = plan->has_undo,
		.one_phase = plan->one_phase,
		.timeout_ms = wire.attempt_timeout_ms,
		.budget_ms = wire.budget_ms,
		.retry = wire.retry,
		.undo_retry = wire.undo_retry,
	};
	CHECK_EQ(id_from(&out.name, wire.name), 0);
	fill_inputs(sim, saga, number, step, &out);
	(void)history_add_step(&sim->history, &out);
}

void sim_record_plans(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		const struct sim_saga *saga = &sim->sagas[i];

		(void)history_add_saga(
			&sim->history,
			&(struct history_saga){.id = saga->id,
					       .shard = saga->shard,
					       .client = saga->client,
					       .protocol = saga->protocol,
					       .deadline_ms = saga->deadline_ms,
					       .idle_ms = saga->idle_ms,
					       .retry_until_at = saga->retry_until_ms,
					       .body = hash_of("{\"x\":7}"),
					       .other_body = hash_of("other"),
					       .inbox_only_until =
						       saga->inbox_only ? UINT64_MAX : 0});
		for (uint32_t k = 0; k < saga->step_count; k++)
			record_step(sim, i, k);
	}
	for (uint32_t i = 0; i < sim->inbox.letter_count; i++) {
		const struct sim_letter *letter = &sim->inbox.letters[i];

		(void)history_add_letter(&sim->history,
					 &(struct history_letter){.kind = letter->kind,
								  .saga = letter->saga,
								  .shard = letter->shard});
	}
}

/* ---- nodes -------------------------------------------------------------------------------------
 */

void sim_record_owner(const struct sim_node *node, enum history_owner_kind kind, uint32_t shard,
		      uint64_t epoch)
{
	struct history_owner *owner = history_add_owner(&node->sim->history, node->sim->now_ms);

	owner->kind = kind;
	owner->node = node->index;
	owner->shard = shard;
	owner->epoch = epoch;
}

static void sample(const struct sim_node *node, enum history_sample_kind kind, uint64_t value,
		   uint64_t limit)
{
	struct history_sample *s = history_add_sample(&node->sim->history, node->sim->now_ms);

	s->node = node->index;
	s->shard = HISTORY_NONE;
	s->kind = kind;
	s->value = value;
	s->limit = limit;
}

void sim_record_samples(struct sim_node *node, const struct core_stats *stats)
{
	const struct txn_limits *limits = &node->core->config.limits;
	uint64_t shards = 0;

	if (node->samples++ % SAMPLES_EVERY != 0)
		return;
	for (uint32_t n = 0; n < node->sim->shard_count; n++)
		shards += node->core->shards[n] != NULL && node->core->shards[n]->engine != NULL;
	sample(node, HISTORY_OPEN_SAGAS, stats->txn.open, shards * limits->open_max);
	sample(node, HISTORY_WAITERS, stats->txn.waiters, shards * limits->waiters_max);
	sample(node, HISTORY_PAYLOAD_BYTES, stats->txn.payload_used, shards * limits->payload_max);
	sample(node, HISTORY_OUTBOX_BYTES, stats->outbox_bytes, shards * OUTBOX_MAX);
}

/* ---- replays (22) ------------------------------------------------------------------------------
 */

static void record_state(struct sim *sim, uint32_t node, uint32_t shard, const struct txn_shard *t,
			 bool replayed)
{
	struct history_state *state = history_add_state(&sim->history, sim->now_ms);

	state->node = node;
	state->shard = shard;
	state->record_number = txn_last_record(t);
	state->replayed = replayed;
	state->hash = txn_state_hash(t);
}

static bool counts(uint64_t *epoch, const struct batch_header *header, struct slice records)
{
	enum wire_kind kind;

	CHECK_EQ(wire_peek_kind(records, &kind), 0);
	if (kind == WIRE_RECORD_EPOCH && header->epoch > *epoch)
		*epoch = header->epoch;
	else if (kind == WIRE_RECORD_EPOCH)
		return false;
	return kind == WIRE_RECORD_GENESIS || header->epoch == *epoch;
}

/* Where the oldest segment begins of which nothing is gone. */
static uint32_t oldest_segment(const struct sim *sim, uint32_t shard)
{
	const struct history_journal *j = &sim->history.journals[shard];
	uint32_t first = 0;

	for (uint32_t i = 0; i < j->count; i++) {
		struct batch_header header;
		struct slice records;
		enum wire_kind kind;

		if (sim->logs[shard].stands[i].gone_at != 0 &&
		    sim->logs[shard].stands[i].name != JOURNAL_UNFENCED_NAME)
			first = UINT32_MAX;
		if (first != UINT32_MAX || sim->logs[shard].stands[i].gone_at != 0)
			continue;
		CHECK_EQ(batch_decode(slice_of(j->batches[i].bytes, j->batches[i].size), &header,
				      &records),
			 0);
		if (header.record_count > 0 && wire_peek_kind(records, &kind) == 0 &&
		    kind == WIRE_RECORD_SEGMENT)
			first = i;
	}
	return first == UINT32_MAX ? 0 : first;
}

static void replay(struct sim *sim, uint32_t shard, uint32_t first, uint64_t last,
		   struct txn_shard *t)
{
	const struct history_journal *j = &sim->history.journals[shard];
	uint64_t number = 0, epoch = 0;

	for (uint32_t i = first; i < j->count; i++) {
		struct batch_header header;
		struct slice records;
		uint32_t size;

		CHECK_EQ(batch_decode(slice_of(j->batches[i].bytes, j->batches[i].size), &header,
				      &records),
			 0);
		if (i == first && first > 0) {
			number = header.first_record - 1;
			epoch = header.epoch;
		}
		if (!counts(&epoch, &header, records))
			continue;
		for (uint32_t k = 0; k < header.record_count && number < last; k++) {
			CHECK_EQ(wire_value_size(records, &size), 0);
			CHECK_EQ(txn_apply(t, slice_of(records.data, size), ++number,
					   header.shard_time),
				 0);
			records = slice_of(records.data + size, records.size - size);
		}
	}
}

static void replay_of(struct sim *sim, const struct sim_node *node, uint32_t shard, uint32_t first,
		      uint64_t last)
{
	struct txn_limits limits = node->core->config.limits;
	struct txn_config config = node->core->config.txn;
	const size_t size = txn_memory_size(&limits);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct txn_shard *t;

	CHECK(memory != MAP_FAILED);
	config.shard = shard;
	config.slots = &sim->slots;
	t = txn_create(memory, size, &limits, &config);
	replay(sim, shard, first, last, t);
	record_state(sim, HISTORY_NONE, shard, t, true);
	CHECK_EQ(munmap(memory, size), 0);
}

void sim_record_states(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->node_count; i++) {
		const struct sim_node *node = &sim->nodes[i];

		for (uint32_t n = 0; node->core != NULL && n < sim->shard_count; n++) {
			const struct shard *s = node->core->shards[n];

			if (s == NULL || s->state != OWNERSHIP_SERVING ||
			    txn_last_record(s->engine) != s->durable_record)
				continue;
			record_state(sim, i, n, s->engine, false);
			replay_of(sim, node, n, 0, s->durable_record);
			if (oldest_segment(sim, n) > 0) {
				sim->count.replays_from_the_middle++;
				replay_of(sim, node, n, oldest_segment(sim, n), s->durable_record);
			}
		}
	}
}
