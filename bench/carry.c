/* What carry-forward costs (S17): one engine with N unfinished four-step sagas and N remembered
 * ids, carried whole, and a replay of what was carried. CPU time and bytes, each. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/check.h"
#include "txn/txn.h"
#include "wire/codec.h"
#include "wire/cursor.h"
#include "wire/plan.h"
#include "wire/record.h"

enum { STEPS = 4, INPUT_BYTES = 256, T0 = 1000000, BUDGET = 64 * 1024 };

struct bench {
	struct wire_slots slots;
	struct txn_limits limits;
	struct txn_config config;
	struct txn_shard *t;
	struct buf records; /* of a step */
	struct buf carried; /* of all carries, one after the other */
	uint64_t first;     /* the number of the first of them */
};

static void ignore(void *context, const struct txn_message *m)
{
	(void)context;
	(void)m;
}

/* Of this process: not what others take of the core meanwhile. */
static uint64_t cpu_ns(void)
{
	struct timespec time;
	CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), 0);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static struct txn_shard *engine(const struct bench *b)
{
	const size_t size = txn_memory_size(&b->limits);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(memory != MAP_FAILED);
	return txn_create(memory, size, &b->limits, &b->config);
}

static void step(struct bench *b, struct txn_event event)
{
	struct txn_effects effects = {.records = &b->records, .emit = ignore};
	event.now_ms = T0;
	event.entropy = 1;
	buf_clear(&b->records);
	CHECK_EQ(txn_step(b->t, &event, &effects), 0);
}

static void genesis(struct bench *b)
{
	const struct wire_record_genesis record = {
		.cluster = slice_str("bench"), .shard_count = 1, .created = slice_str("now")};
	buf_clear(&b->records);
	CHECK_EQ(wire_encode(WIRE_RECORD_GENESIS, &record, &b->records), 0);
	CHECK_EQ(txn_apply(b->t, buf_slice(&b->records), 1, T0), 0);
}

static void submit(struct bench *b, const struct wire_plan *plan, unsigned long long number)
{
	static const uint8_t input[INPUT_BYTES];
	char id[64];
	(void)snprintf(id, sizeof id, "bench-0123456789abcdef-%llu", number);
	const struct wire_submit submit = {.id = slice_str(id),
					   .plan = *plan,
					   .input = slice_of(input, sizeof input),
					   .retry_until_at = T0 + 60000};
	step(b, (struct txn_event){.kind = TXN_EVENT_SUBMIT, .reply_to = 1, .u.submit = &submit});
}

static void cancel(struct bench *b, unsigned long long number)
{
	char id[64];
	(void)snprintf(id, sizeof id, "bench-0123456789abcdef-%llu", number);
	const struct wire_cancel cancel = {.id = slice_str(id), .retry_until_at = T0 + 60000};
	step(b, (struct txn_event){.kind = TXN_EVENT_CANCEL, .reply_to = 1, .u.cancel = &cancel});
}

/* All that there is, in steps of the budget. */
static uint64_t carry_all(struct bench *b)
{
	const uint64_t below = txn_last_record(b->t) + 1;
	uint64_t spent_ns = 0;
	b->first = below;
	buf_clear(&b->carried);
	while (txn_whole_from(b->t) < below) {
		const uint64_t begun_ns = cpu_ns();
		step(b, (struct txn_event){.kind = TXN_EVENT_CARRY,
					   .u.carry = {.below = below, .budget_bytes = BUDGET}});
		spent_ns += cpu_ns() - begun_ns;
		CHECK_EQ(buf_put_slice(&b->carried, buf_slice(&b->records)), 0);
	}
	return spent_ns;
}

static void begin_segment(struct bench *b, uint64_t whole_from)
{
	step(b, (struct txn_event){.kind = TXN_EVENT_SEGMENT,
				   .u.segment = {.number = txn_segments(b->t).number + 1,
						 .whole_from = whole_from}});
}

/* A segment, what was carried, and the segment that says that this is all. */
static uint64_t replay(struct bench *b, struct slice segment)
{
	struct txn_shard *other = engine(b);
	struct wire_cursor cursor = wire_cursor_of(buf_slice(&b->carried));
	uint64_t number = b->first - 1;
	const uint64_t begun_ns = cpu_ns();
	CHECK_EQ(txn_apply(other, segment, number++, T0), 0);
	while (cursor.at < b->carried.size) {
		const uint32_t from = cursor.at;
		CHECK_EQ(wire_cursor_skip(&cursor), 0);
		CHECK_EQ(txn_apply(other, slice_of(b->carried.data + from, cursor.at - from),
				   number++, T0),
			 0);
	}
	begin_segment(b, b->first - 1);
	CHECK_EQ(txn_apply(other, buf_slice(&b->records), number, T0), 0);
	CHECK(txn_replay(other).complete);
	return cpu_ns() - begun_ns;
}

static void measure(struct bench *b, const char *what, uint32_t count)
{
	uint8_t memory[1024];
	struct buf segment;
	buf_init_fixed(&segment, memory, sizeof memory);
	begin_segment(b, txn_segments(b->t).whole_from);
	CHECK_EQ(buf_put_slice(&segment, buf_slice(&b->records)), 0);
	const uint64_t carried_ns = carry_all(b);
	const uint64_t replayed_ns = replay(b, buf_slice(&segment));
	(void)printf("%s: %.2f us CPU to carry one, %.2f us to replay it, %.0f bytes; of %u\n",
		     what, (double)carried_ns / 1000 / count, (double)replayed_ns / 1000 / count,
		     (double)b->carried.size / count, count);
}

int main(int argc, char **argv)
{
	static struct bench b;
	static struct wire_step steps[STEPS];
	static const char *const names[STEPS] = {"a", "b", "c", "d"};
	static const uint8_t afters[STEPS] = {0, 0, 1, 2};
	const uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 50000;
	struct wire_plan plan = {
		.name = slice_str("bench"), .version = 1, .steps = steps, .step_count = STEPS};

	for (uint32_t i = 0; i < STEPS; i++)
		steps[i] = (struct wire_step){.name = slice_str(names[i]),
					      .service = slice_str("bench-a"),
					      .forward = slice_str("do"),
					      .undo = slice_str("undo"),
					      .after = slice_of(&afters[i], i > 0)};
	wire_plan_resolve(&plan);
	CHECK_EQ(wire_slots_even(&b.slots, 1), 0);
	b.limits = (struct txn_limits){.open_max = count,
				       .remembered_max = 2 * count,
				       .branches_max = count * STEPS,
				       .waiters_max = 1,
				       .payload_max = (uint64_t)count * 4096};
	b.config = (struct txn_config){.slots = &b.slots,
				       .retry_window_max_ms = 3600000,
				       .remember_margin_ms = 1000,
				       .deadline_max_ms = 3600000};
	buf_init(&b.records, WIRE_MESSAGE_SIZE_MAX);
	buf_init(&b.carried, UINT32_MAX / 2);

	b.t = engine(&b);
	genesis(&b);
	txn_resume(b.t, T0, 1, 1);
	for (uint32_t i = 0; i < count; i++)
		submit(&b, &plan, i);
	measure(&b, "open sagas of four steps", count);

	b.t = engine(&b);
	genesis(&b);
	txn_resume(b.t, T0, 1, 1);
	for (uint32_t i = 0; i < count; i++)
		cancel(&b, i);
	measure(&b, "remembered ids", count);
	return 0;
}
