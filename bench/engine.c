/* The coordinator without I/O: one core with 16 shards in memory, N four-step sagas in flight, a
 * client and four services that cost nothing here. Prints what a saga costs the core; with
 *   valgrind --tool=callgrind --toggle-collect='core_*' bench-engine 64 5000
 * the same as instructions, which a busy machine cannot blur. A fourth argument, `metered`, has all
 * counted as the daemon counts it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/check.h"
#include "node/core.h"
#include "node/core_meter.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/plan.h"
#include "wire/record.h"
#include "wire/subject.h"

enum { SHARDS = 16, STEPS = 4, INPUT_BYTES = 32, QUEUE_BYTES = 64 * 1024 * 1024, T0 = 1000000 };

/* Messages one way: subject, reply, data with their sizes before them. */
struct queue {
	struct buf bytes;
};

struct bench {
	struct transport transport;
	struct journal journal;
	struct core *core;
	struct wire_slots slots;
	struct id cluster;
	struct core_time now;
	struct queue in, out;
	uint64_t sequence[SHARDS];
	uint64_t append_token[SHARDS];
	uint64_t read_token[SHARDS];
	uint32_t serving;
	struct arena arena;
	uint8_t memory[1024 * 1024];
	struct buf scratch;
	struct wire_submit submit;
	uint64_t next_id, ended, wanted, window_ms;
	struct core_meter *meter;
};

static const char INBOXES[1][64] = {"_INBOX"};

static void put(struct queue *q, struct slice subject, struct slice reply, struct slice data)
{
	const uint32_t sizes[3] = {subject.size, reply.size, data.size};
	CHECK_EQ(buf_put(&q->bytes, sizes, sizeof sizes), 0);
	CHECK_EQ(buf_put_slice(&q->bytes, subject), 0);
	CHECK_EQ(buf_put_slice(&q->bytes, reply), 0);
	CHECK_EQ(buf_put_slice(&q->bytes, data), 0);
}

static bool next(const struct queue *q, uint32_t *at, struct transport_message *message)
{
	uint32_t sizes[3];
	if (*at == q->bytes.size)
		return false;
	memcpy(sizes, q->bytes.data + *at, sizeof sizes);
	const uint8_t *data = q->bytes.data + *at + sizeof sizes;
	*message = (struct transport_message){
		.subject = slice_of(data, sizes[0]),
		.reply = slice_of(data + sizes[0], sizes[1]),
		.data = slice_of(data + sizes[0] + sizes[1], sizes[2]),
	};
	*at += (uint32_t)sizeof sizes + sizes[0] + sizes[1] + sizes[2];
	return true;
}

/* ---- what the core talks to ----------------------------------------------------------------- */

static struct bench *of_transport(struct transport *t)
{
	return (struct bench *)(void *)t;
}

static struct bench *of_journal(struct journal *j)
{
	return (struct bench *)(void *)((uint8_t *)j - offsetof(struct bench, journal));
}

static int publish(struct transport *t, const char *subject, struct slice reply,
		   const struct transport_header *headers, uint32_t header_count, struct slice data)
{
	(void)headers;
	(void)header_count;
	put(&of_transport(t)->out, slice_str(subject), reply, data);
	return 0;
}

static int subscribe(struct transport *t, const char *subject, const char *queue,
		     transport_handler handler, void *context,
		     struct transport_subscription **subscription)
{
	(void)t;
	(void)subject;
	(void)queue;
	(void)handler;
	(void)context;
	*subscription = NULL;
	return 0;
}

static void stats(const struct transport *t, struct transport_stats *s)
{
	(void)t;
	*s = (struct transport_stats){.connected = true};
}

static const struct transport_ops transport_ops = {
	.publish = publish, .subscribe = subscribe, .stats = stats};

static int append(struct journal *j, uint32_t shard, uint64_t expected, struct journal_place place,
		  struct slice bytes, uint64_t token)
{
	struct bench *b = of_journal(j);
	(void)bytes;
	(void)place;
	CHECK_EQ(expected, b->sequence[shard]);
	b->append_token[shard] = token;
	return 0;
}

static int read(struct journal *j, uint32_t shard, uint64_t from, uint64_t to, uint64_t token)
{
	(void)from;
	(void)to;
	of_journal(j)->read_token[shard] = token;
	return 0;
}

static void cancel(struct journal *j, uint64_t token)
{
	(void)j;
	(void)token;
}

static const struct journal_ops journal_ops = {.append = append, .read = read, .cancel = cancel};

static bool may_emit(void *context, uint64_t generation)
{
	(void)context;
	return generation == 1;
}

static void report(void *context, uint32_t shard, enum ownership state, uint64_t epoch, int code)
{
	struct bench *b = context;
	(void)shard;
	(void)epoch;
	CHECK_EQ(code, 0);
	b->serving += state == OWNERSHIP_SERVING;
}

static void highwater(void *context, uint32_t shard, const struct highwater *mark)
{
	(void)context;
	(void)shard;
	(void)mark;
}

static void *reserve(void *context, size_t size)
{
	(void)context;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void release(void *context, void *memory, size_t size)
{
	(void)context;
	CHECK_EQ(munmap(memory, size), 0);
}

static void note(void *context, const struct core_note *n)
{
	(void)context;
	(void)n;
}

static void point(void *context, const char *name)
{
	(void)context;
	(void)name;
}

static void answer_reads(struct bench *b)
{
	for (uint32_t n = 0; n < SHARDS; n++) {
		const struct wire_record_genesis genesis = {.cluster = id_slice(&b->cluster),
							    .shard = n,
							    .shard_count = SHARDS,
							    .slots = wire_slots_hash(&b->slots),
							    .created = slice_str("2026-01-01")};
		const struct batch_header header = {.shard = n,
						    .record_count = 1,
						    .first_record = 1,
						    .shard_time = T0,
						    .cluster = b->cluster};
		const uint64_t token = b->read_token[n];
		struct buf batch;
		if (token == 0)
			continue;
		b->read_token[n] = 0;
		b->sequence[n] = 1;
		buf_init(&batch, 8192);
		buf_clear(&b->scratch);
		CHECK_EQ(wire_encode(WIRE_RECORD_GENESIS, &genesis, &b->scratch), 0);
		CHECK_EQ(batch_encode(&header, buf_slice(&b->scratch), &batch), 0);
		core_batch(b->core, b->now, n, token, 1, buf_slice(&batch));
		core_read_end(b->core, b->now, n, token, 0, 1);
		buf_close(&batch);
	}
}

static void answer_appends(struct bench *b)
{
	for (uint32_t n = 0; n < SHARDS; n++) {
		const uint64_t token = b->append_token[n];
		if (token == 0)
			continue;
		b->append_token[n] = 0;
		core_appended(b->core, b->now, n, token, JOURNAL_STORED, ++b->sequence[n]);
	}
}

/* ---- client and services -------------------------------------------------------------------- */

static void send(struct bench *b, enum wire_kind kind, const void *body, uint32_t shard,
		 enum subject_verb verb, struct slice party, struct slice reply)
{
	const struct subject subject = subject_shard("saga", shard, verb, party);
	buf_clear(&b->scratch);
	CHECK_EQ(wire_encode(kind, body, &b->scratch), 0);
	put(&b->in, slice_str(subject.text), reply, buf_slice(&b->scratch));
}

static void submit(struct bench *b)
{
	char id[64];
	char inbox[64];
	const unsigned long long number = b->next_id++;
	(void)snprintf(id, sizeof id, "bench-0123456789abcdef-%llu", number);
	(void)snprintf(inbox, sizeof inbox, "_INBOX.0123456789ABCDEFGHIJKL.%llu", number);
	b->submit.id = slice_str(id);
	b->submit.retry_until_at = b->now.wall_ms + b->window_ms;
	send(b, WIRE_SUBMIT, &b->submit, wire_shard_of(&b->slots, b->submit.id), SUBJECT_SUBMIT,
	     slice_str("default"), slice_str(inbox));
}

static void on_commands(struct bench *b, struct slice bytes)
{
	struct wire_command_frame frame;
	struct wire_reply replies[WIRE_FRAME_MAX];
	arena_reset(&b->arena);
	CHECK_EQ(wire_decode(WIRE_COMMAND_FRAME, bytes, &b->arena, &frame, NULL), 0);
	for (uint32_t i = 0; i < frame.command_count; i++) {
		const struct wire_command *c = &frame.commands[i];
		replies[i] = (struct wire_reply){
			.saga = c->saga,
			.step = c->step,
			.op = c->op,
			.operation = c->operation,
			.attempt = c->attempt,
			.epoch = frame.epoch,
			.outcome = WIRE_OUTCOME_OK,
		};
	}
	const struct wire_reply_frame reply = {.shard = frame.shard,
					       .service = frame.service,
					       .instance = slice_str("bench-1"),
					       .replies = replies,
					       .reply_count = frame.command_count};
	send(b, WIRE_REPLY_FRAME, &reply, frame.shard, SUBJECT_REPLY, frame.service,
	     slice_str("_INBOX.0123456789ABCDEFGHIJKL.svc"));
}

static void on_answer(struct bench *b, struct slice bytes)
{
	struct wire_answer answer;
	arena_reset(&b->arena);
	CHECK_EQ(wire_decode(WIRE_ANSWER, bytes, &b->arena, &answer, NULL), 0);
	CHECK_EQ(answer.code, 0);
	if (!wire_state_final(answer.state))
		return;
	CHECK_EQ(answer.state, WIRE_STATE_COMPLETED);
	b->ended++;
	submit(b);
}

/* Everything that the core has said becomes what it will hear next. */
static void outside(struct bench *b)
{
	struct transport_message message;
	uint32_t at = 0;
	buf_clear(&b->in.bytes);
	while (next(&b->out, &at, &message)) {
		enum wire_kind kind;
		CHECK_EQ(wire_peek_kind(message.data, &kind), 0);
		if (kind == WIRE_COMMAND_FRAME)
			on_commands(b, message.data);
		else if (kind == WIRE_ANSWER)
			on_answer(b, message.data);
	}
	buf_clear(&b->out.bytes);
}

static void inside(struct bench *b)
{
	struct transport_message message;
	uint32_t at = 0;
	b->now.mono_ms++;
	b->now.wall_ms++;
	answer_appends(b);
	while (next(&b->in, &at, &message))
		core_message(b->core, b->now, &message);
	core_turn(b->core, b->now);
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static void open_core(struct bench *b)
{
	const struct core_io io = {.may_emit = may_emit,
				   .report = report,
				   .highwater = highwater,
				   .reserve = reserve,
				   .release = release,
				   .note = note,
				   .point = point,
				   .context = b};
	struct core_config config = {
		.cluster = b->cluster,
		.slots = &b->slots,
		.prefix = "saga",
		.inbox_prefixes = INBOXES,
		.inbox_prefix_count = 1,
		.limits = {.open_max = 10000,
			   .remembered_max = 100000,
			   .branches_max = 80000,
			   .waiters_max = 10000,
			   .payload_max = 64 * 1024 * 1024},
		.txn = {.retry_window_max_ms = 3600000,
			.remember_margin_ms = 1000,
			.parked_retry_ms = 300000,
			.command_age_ms = 60000,
			.command_leave_ms = CORE_COMMAND_LEAVE_MS,
			.deadline_max_ms = 3600000},
		.seed = 42,
	};
	const struct highwater mark = {0};
	CHECK_EQ(id_from(&config.node, slice_str("bench")), 0);
	config.meter = b->meter;
	config.txn.meter = b->meter == NULL ? NULL : &b->meter->txn;
	b->transport.ops = &transport_ops;
	b->journal.ops = &journal_ops;
	b->core = core_create(&config, &io, &b->journal, &b->transport);
	CHECK(b->core != NULL);
	for (uint32_t n = 0; n < SHARDS; n++)
		core_assign(b->core, b->now, n, 1, 1, &mark, 0);
	while (b->serving < SHARDS) {
		answer_reads(b);
		inside(b);
	}
}

/* Of this process: not what others take of the core meanwhile. */
static uint64_t cpu_ns(void)
{
	struct timespec time;
	CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), 0);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int main(int argc, char **argv)
{
	static struct bench b;
	static struct wire_step steps[STEPS];
	static const char *const names[STEPS] = {"a", "b", "c", "d"};
	static const char *const services[STEPS] = {"bench-a", "bench-b", "bench-c", "bench-d"};
	static const uint8_t afters[STEPS] = {0, 0, 1, 2};
	static const uint8_t input[INPUT_BYTES];
	const uint32_t in_flight = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2000;
	uint64_t spent_ns = 0;

	b.wanted = argc > 2 ? strtoul(argv[2], NULL, 10) : 200000;
	b.window_ms = argc > 3 ? strtoul(argv[3], NULL, 10) : 10000;
	if (argc > 4 && strcmp(argv[4], "metered") == 0) {
		b.meter = calloc(1, sizeof *b.meter);
		CHECK(b.meter != NULL);
		core_meter_init(b.meter);
	}
	b.now = (struct core_time){.mono_ms = 5000, .wall_ms = T0};
	CHECK_EQ(id_from(&b.cluster, slice_str("bench")), 0);
	CHECK_EQ(wire_slots_even(&b.slots, SHARDS), 0);
	arena_init(&b.arena, b.memory, sizeof b.memory);
	buf_init(&b.scratch, WIRE_MESSAGE_SIZE_MAX);
	buf_init(&b.in.bytes, QUEUE_BYTES);
	buf_init(&b.out.bytes, QUEUE_BYTES);
	for (uint32_t i = 0; i < STEPS; i++)
		steps[i] = (struct wire_step){.name = slice_str(names[i]),
					      .service = slice_str(services[i]),
					      .forward = slice_str("do"),
					      .undo = slice_str("undo"),
					      .after = slice_of(&afters[i], i > 0)};
	b.submit = (struct wire_submit){
		.plan = {.name = slice_str("bench"),
			 .version = 1,
			 .steps = steps,
			 .step_count = STEPS},
		.input = slice_of(input, sizeof input),
		.wait = true,
	};
	wire_plan_resolve(&b.submit.plan);
	open_core(&b);
	outside(&b);
	for (uint32_t i = 0; i < in_flight; i++)
		submit(&b);
	while (b.ended < b.wanted) {
		const uint64_t begun_ns = cpu_ns();
		inside(&b);
		spent_ns += cpu_ns() - begun_ns;
		outside(&b);
	}
	(void)printf("%llu sagas, %.2f us CPU each\n", (unsigned long long)b.ended,
		     (double)spent_ns / 1000 / (double)b.ended);
	core_destroy(b.core);
	free(b.meter);
	buf_close(&b.in.bytes);
	buf_close(&b.out.bytes);
	buf_close(&b.scratch);
	return 0;
}
