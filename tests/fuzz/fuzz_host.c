#include "tests/fuzz/fuzz_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "txn/state.h"
#include "wire/codec.h"

enum { RECORDS_MAX = 4 * 1024 * 1024, LOG_MAX = 64 * 1024 * 1024 };

struct fuzz_record {
	uint64_t shard_time;
	uint32_t size;
};

/* Fresh zeroes each time: what a run leaves behind must not help or hurt the next. */
static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

static struct txn_shard *create(const struct fuzz_host *h, void *memory)
{
	return txn_create(memory, h->memory_size, &h->limits, &h->config);
}

void fuzz_host_open(struct fuzz_host *h, uint32_t shard)
{
	*h = (struct fuzz_host){
		.limits = {.open_max = 16,
			   .remembered_max = 32,
			   .branches_max = 64,
			   .waiters_max = 8,
			   .payload_max = 256 * 1024,
			   .parked_max = 4},
		.config = {.shard = shard,
			   .retry_window_max_ms = 600000,
			   .remember_margin_ms = 10000,
			   .parked_retry_ms = 5000,
			   .command_age_ms = 1000,
			   .deadline_max_ms = 3600000,
			   .resend_per_second = 100},
		.epoch = 1,
		.entropy = 1,
	};
	h->slots.shard_count = WIRE_SHARDS_MAX;
	memset(h->slots.shard_of_slot, (int)shard, sizeof h->slots.shard_of_slot);
	h->config.slots = &h->slots;
	h->memory_size = txn_memory_size(&h->limits);
	h->memory = map(h->memory_size);
	h->t = create(h, h->memory);
	buf_init(&h->log, LOG_MAX);
	buf_init(&h->records, RECORDS_MAX);
	buf_init(&h->encoded, WIRE_MESSAGE_SIZE_MAX);
}

void fuzz_host_close(struct fuzz_host *h)
{
	CHECK_EQ(munmap(h->memory, h->memory_size), 0);
	buf_close(&h->log);
	buf_close(&h->records);
	buf_close(&h->encoded);
}

static void log_put(struct fuzz_host *h, struct slice record, uint64_t shard_time)
{
	struct fuzz_record head;

	memset(&head, 0, sizeof head);
	head.shard_time = shard_time;
	head.size = record.size;
	CHECK_EQ(buf_put(&h->log, &head, sizeof head), 0);
	CHECK_EQ(buf_put_slice(&h->log, record), 0);
}

int fuzz_host_apply(struct fuzz_host *h, struct slice record, uint64_t number, uint64_t shard_time)
{
	const int error = txn_apply(h->t, record, number, shard_time);

	if (h->log.size == 0)
		h->log_first = number;
	if (error == 0)
		log_put(h, record, shard_time);
	return error;
}

void fuzz_host_genesis(struct fuzz_host *h)
{
	const struct wire_record_genesis genesis = {
		.cluster = slice_str("fuzz"), .shard = h->config.shard, .shard_count = 1};

	buf_clear(&h->records);
	CHECK_EQ(wire_encode(WIRE_RECORD_GENESIS, &genesis, &h->records), 0);
	CHECK_EQ(fuzz_host_apply(h, buf_slice(&h->records), 1, h->now), 0);
}

static void replay_from(const struct fuzz_host *h, struct txn_shard *t, uint32_t at,
			uint64_t number)
{
	struct fuzz_record head;

	for (; at < h->log.size; at += head.size) {
		memcpy(&head, h->log.data + at, sizeof head);
		at += (uint32_t)sizeof head;
		CHECK_EQ(txn_apply(t, slice_of(h->log.data + at, head.size), number++,
				   head.shard_time),
			 0);
	}
}

static void replay(const struct fuzz_host *h, struct txn_shard *t)
{
	replay_from(h, t, 0, h->log_first);
}

static void verify(const struct txn_shard *t, bool live)
{
	const char *wrong = txn_verify(t, live);

	if (wrong == NULL)
		return;
	(void)fprintf(stderr, "the state is not sound: %s\n", wrong);
	abort();
}

void fuzz_host_take_over(struct fuzz_host *h)
{
	CHECK_EQ(munmap(h->memory, h->memory_size), 0);
	h->memory = map(h->memory_size);
	h->t = create(h, h->memory);
	replay(h, h->t);
	h->command_count = 0;
	if (h->now < txn_now(h->t))
		h->now = txn_now(h->t);
	txn_resume(h->t, h->now, ++h->epoch, ++h->entropy);
	verify(h->t, true);
}

static void check_from(const struct fuzz_host *h, uint32_t at, uint64_t number)
{
	void *memory = map(h->memory_size);
	struct txn_shard *other = create(h, memory);

	replay_from(h, other, at, number);
	verify(other, false);
	const struct hash128 here = txn_state_hash(h->t);
	const struct hash128 there = txn_state_hash(other);

	CHECK(hash128_equal(&here, &there) || (at > 0 && !txn_replay(other).complete));
	CHECK_EQ(munmap(memory, h->memory_size), 0);
}

void fuzz_host_check(struct fuzz_host *h, bool live)
{
	verify(h->t, live);
	check_from(h, 0, h->log_first);
	if (h->segment_at > 0)
		check_from(h, h->segment_at, h->segment_record);
}

/* ---- what comes out -------------------------------------------------------------------------- */

static void remember(struct fuzz_host *h, const struct txn_message *m)
{
	struct fuzz_command *c = &h->commands[h->command_count++ % FUZZ_COMMANDS_MAX];

	CHECK_EQ(id_from(&c->saga, m->u.command.saga), 0);
	CHECK_EQ(id_from(&c->service, m->service), 0);
	c->step = m->u.command.step;
	c->op = m->u.command.op;
	c->attempt = m->u.command.attempt;
	c->operation = m->u.command.operation;
}

/* Whatever the engine says can be sent. */
static void emit(void *context, const struct txn_message *m)
{
	struct fuzz_host *h = context;
	struct wire_command command;
	struct wire_disposition disposition;
	int error = 0;

	CHECK_LE(m->gate, txn_last_record(h->t));
	buf_clear(&h->encoded);
	switch (m->kind) {
	case TXN_MESSAGE_COMMAND:
		remember(h, m);
		command = m->u.command;
		error = wire_encode(WIRE_COMMAND_FRAME,
				    &(struct wire_command_frame){.shard = h->config.shard,
								 .service = m->service,
								 .commands = &command,
								 .command_count = 1},
				    &h->encoded);
		break;
	case TXN_MESSAGE_ANSWER:
		error = wire_encode(WIRE_ANSWER, &m->u.answer, &h->encoded);
		h->answered_well = m->u.answer.code == 0;
		break;
	case TXN_MESSAGE_LIST:
		error = wire_encode(WIRE_LIST, &m->u.list, &h->encoded);
		break;
	case TXN_MESSAGE_ALERT:
		error = wire_encode(WIRE_ALERT, &m->u.alert, &h->encoded);
		break;
	case TXN_MESSAGE_DISPOSITION:
		disposition = m->u.disposition;
		error = wire_encode(WIRE_DISPOSITION_FRAME,
				    &(struct wire_disposition_frame){.shard = h->config.shard,
								     .dispositions = &disposition,
								     .disposition_count = 1},
				    &h->encoded);
		break;
	}
	CHECK_EQ(error, 0);
}

static void keep(struct fuzz_host *h, uint32_t count)
{
	struct slice rest = buf_slice(&h->records);
	uint32_t size;

	for (uint32_t i = 0; i < count; i++) {
		CHECK_EQ(wire_value_size(rest, &size), 0);
		log_put(h, slice_of(rest.data, size), h->now);
		rest = slice_of(rest.data + size, rest.size - size);
	}
	CHECK_EQ(rest.size, 0);
}

void fuzz_host_step(struct fuzz_host *h, struct txn_event *event)
{
	struct txn_effects effects = {.records = &h->records, .emit = emit, .emit_context = h};

	if (h->now < txn_now(h->t))
		h->now = txn_now(h->t);
	event->now_ms = h->now;
	event->entropy = prng_mix(++h->entropy);
	buf_clear(&h->records);
	CHECK_EQ(txn_step(h->t, event, &effects), 0);
	h->inbox_waits = effects.inbox_waits;
	keep(h, effects.record_count);
}

static void begin_segment(struct fuzz_host *h, uint32_t choice)
{
	const struct txn_segments s = txn_segments(h->t);
	const uint64_t span = txn_whole_from(h->t) - s.whole_from;
	struct txn_event event = {
		.kind = TXN_EVENT_SEGMENT,
		.u.segment = {.number = s.number + 1,
			      .whole_from = s.whole_from + (choice < span ? choice : span)}};

	h->segment_at = h->next_at;
	h->segment_record = h->next_record;
	h->next_at = h->log.size;
	h->next_record = txn_last_record(h->t) + 1;
	fuzz_host_step(h, &event);
}

void fuzz_host_carry(struct fuzz_host *h, struct slice bytes)
{
	const uint64_t bound = txn_last_record(h->t) + 1;
	const uint64_t history = txn_segments(h->t).history_record;
	const uint32_t what = bytes.size > 0 ? bytes.data[0] : 0;
	const uint32_t choice = bytes.size > 1 ? bytes.data[1] : UINT8_MAX;
	struct txn_event event = {.kind = TXN_EVENT_CARRY,
				  .u.carry = {.below = choice < bound ? bound - choice : bound,
					      .budget_bytes = what * 64}};

	if (what % 4 == 1) {
		begin_segment(h, choice == UINT8_MAX ? UINT32_MAX : choice);
		return;
	}
	if (what % 4 == 2 && history + 1 < bound)
		event = (struct txn_event){.kind = TXN_EVENT_HISTORY,
					   .u.history_record = history + 1};
	fuzz_host_step(h, &event);
}

void fuzz_host_ticks(struct fuzz_host *h, uint32_t count)
{
	struct txn_event event = {.kind = TXN_EVENT_TICK};

	while (count-- > 0) {
		const uint64_t next = txn_next_deadline(h->t);

		if (next == UINT64_MAX)
			return;
		if (h->now < next)
			h->now = next;
		fuzz_host_step(h, &event);
	}
}
