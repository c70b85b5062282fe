/* Writes the inputs to begin with that can be made from elsewhere: messages out of the test
 * vectors, and journals and conversations of a real engine. `fuzz-seeds <folder>` fills
 * <folder>/<target>/. The corpora in tests/fuzz/corpus hold what cannot be made: recorded bytes. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz_host.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/record.h"

#define VECTORS SAGAD_SOURCE_DIR "/tests/vectors/wire/"
enum { BYTES_MAX = 64 * 1024, PATH_SIZE = 4096 };

static const char *root;
static uint32_t written;

static void write_seed(const char *target, const char *name, struct slice bytes)
{
	char path[PATH_SIZE];
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/%s", root, target);
	if (mkdir(path, 0755) != 0 && errno != EEXIST) {
		perror(path);
		exit(1);
	}
	(void)snprintf(path, sizeof path, "%s/%s/%s-%03u", root, target, name, written++);
	file = fopen(path, "we");
	if (file == NULL || fwrite(bytes.data, 1, bytes.size, file) != bytes.size ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

/* ---- vectors --------------------------------------------------------------------------------- */

static struct slice from_hex(const char *hex)
{
	static uint8_t bytes[BYTES_MAX];
	uint32_t digits = 0;

	for (; *hex != '\0'; hex++) {
		if (!isxdigit((unsigned char)*hex))
			continue;
		const int value = *hex <= '9' ? *hex - '0' : (*hex | 0x20) - 'a' + 10;

		CHECK(digits / 2 < sizeof bytes);
		bytes[digits / 2] =
			(uint8_t)(digits % 2 == 0 ? value << 4 : bytes[digits / 2] | value);
		digits++;
	}
	return slice_of(bytes, digits / 2);
}

static void take_vectors(const char *file)
{
	json_t *vectors = json_load_file(file, 0, NULL);
	json_t *vector;
	size_t i;

	if (!json_is_array(vectors)) {
		(void)fprintf(stderr, "%s is no array\n", file);
		exit(1);
	}
	json_array_foreach(vectors, i, vector)
	{
		const char *hex = json_string_value(json_object_get(vector, "hex"));
		const char *kind = json_string_value(json_object_get(vector, "kind"));

		if (hex == NULL)
			continue;
		write_seed("wire", kind == NULL ? "batch" : kind, from_hex(hex));
		if (kind != NULL && (strcmp(kind, "answer") == 0 || strcmp(kind, "info") == 0))
			write_seed("answer", kind, from_hex(hex));
	}
	json_decref(vectors);
}

/* ---- conversations --------------------------------------------------------------------------- */

static struct buf conversation;

static void say(uint8_t what, struct slice bytes)
{
	uint8_t memory[BYTES_MAX];
	struct buf part;

	buf_init_fixed(&part, memory, sizeof memory);
	(void)buf_put(&part, &what, 1);
	(void)buf_put_slice(&part, bytes);
	CHECK(fuzz_part_put(&conversation, buf_slice(&part)));
}

static void say_message(uint8_t what, enum wire_kind kind, const void *message)
{
	uint8_t memory[BYTES_MAX];
	struct buf bytes;

	buf_init_fixed(&bytes, memory, sizeof memory);
	CHECK_EQ(wire_encode(kind, message, &bytes), 0);
	say(what, buf_slice(&bytes));
}

/* The numbers are those of enum part in fuzz_engine.c. */
enum {
	SUBMIT,
	QUERY,
	CANCEL,
	LIST,
	REPLIES,
	TIME,
	ANSWER,
	TAKE_OVER,
	INBOX,
	ENLIST,
	COMMIT,
	INQUIRE,
	CARRY
};

static void say_submit(const char *id, bool side_by_side)
{
	static const uint8_t before[3][1] = {{0}, {0}, {1}};
	static const char *const names[] = {"a", "b", "c"};
	struct wire_step steps[3];
	struct wire_label label = {.key = slice_str("k"), .value = slice_str("v")};
	const struct wire_submit submit = {
		.id = slice_str(id),
		.plan = {.name = slice_str("p"), .version = 1, .steps = steps, .step_count = 3},
		.input = slice_str("input"),
		.retry_until_at = 1300000,
		.labels = &label,
		.label_count = 1,
		.wait = true,
	};

	for (uint32_t i = 0; i < 3; i++)
		steps[i] = (struct wire_step){
			.name = slice_str(names[i]),
			.service = slice_str("svc-a"),
			.forward = slice_str("do"),
			.undo = slice_str("undo"),
			.after =
				i == 0 || side_by_side ? slice_of(NULL, 0) : slice_of(before[i], 1),
			.attempt_timeout_ms = 100,
		};
	say_message(SUBMIT, WIRE_SUBMIT, &submit);
}

static void say_answers(const uint8_t *outcomes, uint32_t count)
{
	static const uint8_t carries[][2] = {{1, 255}, {252, 0}, {1, 255}, {2, 0}};

	for (uint32_t i = 0; i < count; i++) {
		const uint8_t bytes[] = {outcomes[i], 0, 1, 1, 'o', 'u', 't'};

		say(ANSWER, slice_of(bytes, sizeof bytes));
		say(CARRY, slice_of(carries[i % 4], 2));
		if (outcomes[i] != WIRE_OUTCOME_OK)
			say(TIME, slice_of((const uint8_t[]){0, 60}, 2));
	}
}

static void say_rest(const char *id)
{
	const struct wire_query query = {.id = slice_str(id), .wait = true};
	const struct wire_cancel cancel = {.id = slice_str(id), .reason = slice_str("why")};
	const struct wire_cancel other = {.id = slice_str("never"), .retry_until_at = 1200000};
	const struct wire_list_request list = {.limit = 10};
	struct wire_reply reply = {
		.saga = slice_str(id),
		.op = WIRE_OP_FORWARD,
		.operation = uuid_operation(slice_str(id), slice_str("a"), slice_str("forward")),
		.attempt = 1,
		.outcome = WIRE_OUTCOME_OK};
	const struct wire_reply_frame frame = {
		.service = slice_str("svc-a"), .replies = &reply, .reply_count = 1};

	say_message(QUERY, WIRE_QUERY, &query);
	say_message(LIST, WIRE_LIST_REQUEST, &list);
	say_message(REPLIES, WIRE_REPLY_FRAME, &frame);
	say_message(CANCEL, WIRE_CANCEL, &cancel);
	say_message(CANCEL, WIRE_CANCEL, &other);
	say(TAKE_OVER, slice_of(NULL, 0));
}

static void say_entry_of(uint8_t what, const uint8_t *head, uint32_t size, struct slice message)
{
	uint8_t memory[BYTES_MAX];
	struct buf bytes;

	buf_init_fixed(&bytes, memory, sizeof memory);
	(void)buf_put(&bytes, head, size);
	(void)buf_put_slice(&bytes, message);
	say(what, buf_slice(&bytes));
}

static void say_entry(const uint8_t head[2], struct slice submit)
{
	say_entry_of(INBOX, head, 2, submit);
}

/* A submit as entries of the durable inbox: taken, there already, cut short, passed, of a stream
 * that was made again, begun again, of no valid subject. */
static void say_entries(struct slice submit)
{
	enum { CUT = 2 };
	static const uint8_t heads[][2] = {{0, 1}, {0, 1},    {2, 1},   {0, 0},
					   {1, 3}, {1, 0xff}, {0x41, 2}};

	for (uint32_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
		say_entry(heads[i], slice_of(submit.data, submit.size / (i == CUT ? 2 : 1)));
}

/* The last part of the conversation, a submit, is taken back. */
static struct slice take_submit(const char *id, struct buf *memory)
{
	const uint32_t before = conversation.size;
	struct slice input, part;

	say_submit(id, false);
	input = slice_of(conversation.data + before, conversation.size - before);
	CHECK(fuzz_part_next(&input, &part));
	buf_clear(memory);
	CHECK_EQ(buf_put(memory, part.data + 1, part.size - 1), 0);
	buf_truncate(&conversation, before);
	return buf_slice(memory);
}

static void write_inbox_conversation(const uint8_t *outcomes, uint32_t count)
{
	static uint8_t bytes[BYTES_MAX];
	struct slice submit;
	struct buf memory;

	buf_init_fixed(&memory, bytes, sizeof bytes);
	buf_clear(&conversation);
	submit = take_submit("t1", &memory);
	say_entries(submit);
	say_answers(outcomes, count);
	say_rest("t1");
	say_entries(submit);
	write_seed("engine", "inbox", buf_slice(&conversation));
}

/* More entries than there is room for, so that some have to wait, until a saga ends. */
static void write_full_inbox(void)
{
	static const uint8_t outcomes[] = {WIRE_OUTCOME_OK, WIRE_OUTCOME_OK, WIRE_OUTCOME_OK};
	static uint8_t bytes[BYTES_MAX];
	struct buf memory;
	char id[16];

	buf_init_fixed(&memory, bytes, sizeof bytes);
	buf_clear(&conversation);
	for (uint32_t i = 0; i < 20; i++) {
		(void)snprintf(id, sizeof id, "s%u", i);
		say_entry((const uint8_t[]){0, 1}, take_submit(id, &memory));
	}
	say_answers(outcomes, sizeof outcomes);
	say_entry((const uint8_t[]){0, 1}, take_submit("s20", &memory));
	write_seed("engine", "inbox_full", buf_slice(&conversation));
}

/* ---- journals of the same -------------------------------------------------------------------- */

static struct {
	struct buf bytes;
	struct batch_header header;
} journal;

static void put_batch(struct slice records, uint32_t count)
{
	uint8_t memory[BYTES_MAX];
	struct buf batch;

	buf_init_fixed(&batch, memory, sizeof memory);
	journal.header.record_count = count;
	CHECK_EQ(batch_encode(&journal.header, records, &batch), 0);
	CHECK(fuzz_part_put(&journal.bytes, buf_slice(&batch)));
	journal.header.previous = batch_hash(buf_slice(&batch));
	journal.header.first_record += count;
}

static void put_record(struct fuzz_host *h, enum wire_kind kind, const void *record)
{
	uint8_t memory[1024];
	struct buf bytes;

	buf_init_fixed(&bytes, memory, sizeof memory);
	CHECK_EQ(wire_encode(kind, record, &bytes), 0);
	CHECK_EQ(fuzz_host_apply(h, buf_slice(&bytes), journal.header.first_record,
				 journal.header.shard_time),
		 0);
	put_batch(buf_slice(&bytes), 1);
}

static void begin_journal(struct fuzz_host *h)
{
	const struct wire_record_genesis genesis = {
		.cluster = slice_str("fuzz"), .shard_count = 1, .created = slice_str("today")};
	const struct wire_record_epoch epoch = {
		.epoch = 1, .node = slice_str("n1"), .nonce = 7, .format = 1, .unix_ms = 1000000};

	memset(&journal.header, 0, sizeof journal.header);
	CHECK_EQ(id_from(&journal.header.cluster, slice_str("fuzz")), 0);
	journal.header.first_record = 1;
	journal.header.shard_time = 1000000;
	buf_clear(&journal.bytes);
	put_record(h, WIRE_RECORD_GENESIS, &genesis);
	journal.header.epoch = 1;
	journal.header.nonce = 7;
	put_record(h, WIRE_RECORD_EPOCH, &epoch);
}

static void step(struct fuzz_host *h, struct txn_event *event)
{
	const uint64_t before = txn_last_record(h->t);

	fuzz_host_step(h, event);
	journal.header.shard_time = h->now;
	if (txn_last_record(h->t) > before)
		put_batch(buf_slice(&h->records), (uint32_t)(txn_last_record(h->t) - before));
}

/* What the last command's participant answers; 0 = nothing, until its time is over. */
static void answer_last(struct fuzz_host *h, uint32_t outcome)
{
	const struct fuzz_command *c = &h->commands[(h->command_count - 1) % FUZZ_COMMANDS_MAX];
	const struct wire_reply reply = {.saga = id_slice(&c->saga),
					 .step = c->step,
					 .op = c->op,
					 .operation = c->operation,
					 .attempt = c->attempt,
					 .outcome = outcome,
					 .output = slice_str("out"),
					 .text = slice_str("words")};
	struct txn_event event = {.kind = TXN_EVENT_REPLY,
				  .reply_to = 1,
				  .u.reply = {.reply = &reply,
					      .service = id_slice(&c->service),
					      .instance = slice_str("i1")}};

	if (outcome != 0 && h->command_count > 0)
		step(h, &event);
	else
		h->now = txn_next_deadline(h->t) < UINT64_MAX ? txn_next_deadline(h->t) : h->now;
	event = (struct txn_event){.kind = TXN_EVENT_TICK};
	if (txn_next_deadline(h->t) <= h->now + 10000) {
		if (h->now < txn_next_deadline(h->t))
			h->now = txn_next_deadline(h->t);
		step(h, &event);
	}
}

/* An entry of the durable inbox; `submit` NULL: one that is none. */
static void take_entry(struct fuzz_host *h, uint64_t sequence, const struct wire_submit *submit)
{
	const struct txn_inbox_entry entry = {
		.created = slice_str("2026-11-21T07:43:16.474000667Z"),
		.sequence = sequence,
		.tenant = slice_str("shop"),
		.submit = submit,
		.code = submit != NULL ? 0 : SAGA_E_DECODE,
		.id = slice_str("never"),
		.text = slice_str("at byte 0"),
	};
	struct txn_event event = {.kind = TXN_EVENT_INBOX, .u.inbox = &entry};

	step(h, &event);
}

/* S17: a segment begins, with whatever lives carried before it or after. Where its batch begins. */
static uint32_t begin_segment(struct fuzz_host *h)
{
	const struct txn_segments s = txn_segments(h->t);
	const uint32_t at = journal.bytes.size;
	struct txn_event event = {
		.kind = TXN_EVENT_SEGMENT,
		.u.segment = {.number = s.number + 1, .whole_from = txn_whole_from(h->t)}};

	step(h, &event);
	event = (struct txn_event){
		.kind = TXN_EVENT_CARRY,
		.u.carry = {.below = txn_last_record(h->t) + 1, .budget_bytes = 65536}};
	step(h, &event);
	event = (struct txn_event){.kind = TXN_EVENT_HISTORY,
				   .u.history_record = txn_last_record(h->t)};
	step(h, &event);
	return at;
}

static void write_from(uint32_t at)
{
	write_seed("journal", "segment",
		   slice_of(journal.bytes.data + at, journal.bytes.size - at));
}

/* The conversation's submit and what became of it; `durable`: by way of the inbox. Segments begin
 * on the way: the seed is the whole, and what each of the later two leaves when the first goes. */
static void write_journal(bool durable, const uint8_t *outcomes, uint32_t count)
{
	uint32_t segments[2] = {0, 0};

	static struct fuzz_host host;
	static _Alignas(16) uint8_t memory[BYTES_MAX];
	struct slice input = buf_slice(&conversation), part;
	struct wire_submit submit;
	struct txn_event event = {.kind = TXN_EVENT_SUBMIT, .reply_to = 1, .u.submit = &submit};
	struct arena arena;

	fuzz_host_open(&host, 0);
	host.now = 1000000;
	begin_journal(&host);
	txn_resume(host.t, host.now, 1, 1);
	CHECK(fuzz_part_next(&input, &part));
	arena_init(&arena, memory, sizeof memory);
	CHECK_EQ(wire_decode(WIRE_SUBMIT, slice_of(part.data + 1, part.size - 1), &arena, &submit,
			     NULL),
		 0);
	if (durable) {
		take_entry(&host, 1, &submit);
		take_entry(&host, 2, NULL);
	} else {
		step(&host, &event);
	}
	for (uint32_t i = 0; i < count; i++) {
		answer_last(&host, outcomes[i]);
		if (i == 0)
			segments[0] = begin_segment(&host);
		if (i == 2)
			segments[1] = begin_segment(&host);
	}
	fuzz_host_check(&host, true);
	fuzz_host_close(&host);
	write_seed("journal", "engine", buf_slice(&journal.bytes));
	for (uint32_t i = 0; i < 2; i++)
		if (segments[i] > 0)
			write_from(segments[i]);
}

static void converse(bool side_by_side, const uint8_t *outcomes, uint32_t count)
{
	buf_clear(&conversation);
	say_submit("t1", side_by_side);
	write_journal(false, outcomes, count);
	write_journal(true, outcomes, count);
	say_answers(outcomes, count);
	say_rest("t1");
	write_seed("engine", "conversation", buf_slice(&conversation));
}

/* ---- the other protocols ----------------------------------------------------------------------
 */

static struct wire_step vote_of(const char *name)
{
	return (struct wire_step){
		.name = slice_str(name),
		.service = slice_str("svc-a"),
		.forward = slice_str("prepare"),
		.finish = slice_str("commit"),
		.undo = slice_str("rollback"),
		.one_phase = slice_str("once"),
	};
}

static void say_plan(const struct wire_plan *plan)
{
	const struct wire_submit submit = {.id = slice_str("t1"),
					   .plan = *plan,
					   .input = slice_str("{\"sum\": 5}"),
					   .retry_until_at = 1300000,
					   .wait = true,
					   .until = WIRE_UNTIL_DECIDED};

	say_message(SUBMIT, WIRE_SUBMIT, &submit);
}

static void say_votes(uint32_t count)
{
	static const char *const names[] = {"a", "b", "c"};
	struct wire_step steps[3];

	for (uint32_t i = 0; i < 3; i++)
		steps[i] = vote_of(names[i]);
	say_plan(&(struct wire_plan){.name = slice_str("p"),
				     .version = 1,
				     .protocol = WIRE_PROTOCOL_2PC,
				     .steps = steps,
				     .step_count = count});
}

/* All kinds of a mixed plan, and an input that is picked. */
static void say_mixed(void)
{
	struct wire_step steps[] = {
		vote_of("a"),
		{.name = slice_str("b"), .forward = slice_str("do"), .undo = slice_str("undo")},
		{.name = slice_str("c"), .forward = slice_str("do"), .flags = WIRE_STEP_OPTIONAL},
		{.name = slice_str("d"), .forward = slice_str("do"), .flags = WIRE_STEP_PIVOT},
		{.name = slice_str("e"), .forward = slice_str("do"), .flags = WIRE_STEP_RETRIABLE},
	};
	const uint32_t count = sizeof steps / sizeof steps[0];

	for (uint32_t i = 0; i < count; i++) {
		steps[i].service = slice_str("svc-a");
		steps[i].kind = i == 0 ? WIRE_PROTOCOL_2PC : WIRE_PROTOCOL_SAGA;
	}
	steps[4].input = slice_str("{\"s\": \"$.input.sum\", \"b\": \"$.steps.b.output\"}");
	steps[4].after = slice_of((const uint8_t[]){1, 3}, 2);
	say_plan(&(struct wire_plan){.name = slice_str("p"),
				     .version = 1,
				     .protocol = WIRE_PROTOCOL_MIXED,
				     .steps = steps,
				     .step_count = count});
}

static void say_interactive(uint32_t branches)
{
	static const char *const names[] = {"a", "b", "c"};
	const struct wire_commit commit = {.id = slice_str("t1"), .wait = true};
	uint8_t memory[BYTES_MAX];
	struct buf bytes;

	say_plan(&(struct wire_plan){.name = slice_str("p"),
				     .version = 1,
				     .protocol = WIRE_PROTOCOL_2PC,
				     .idle_ms = 5000});
	for (uint32_t i = 0; i < branches; i++) {
		const struct wire_enlist enlist = {.id = slice_str("t1"),
						   .step = vote_of(names[i % 3])};

		say_message(ENLIST, WIRE_ENLIST, &enlist);
	}
	buf_init_fixed(&bytes, memory, sizeof memory);
	CHECK_EQ(wire_encode(WIRE_COMMIT, &commit, &bytes), 0);
	say_entry_of(COMMIT, (const uint8_t[]){1}, 1, buf_slice(&bytes));
}

static void say_end(const char *name, const uint8_t *outcomes, uint32_t count)
{
	const struct wire_inquire asked = {.id = slice_str("t1"), .step = slice_str("a")};
	const struct wire_inquire unknown = {.id = slice_str("x9"), .step = slice_str("a")};

	say_answers(outcomes, count);
	say_message(INQUIRE, WIRE_INQUIRE, &asked);
	say_message(INQUIRE, WIRE_INQUIRE, &unknown);
	say_rest("t1");
	say_answers(outcomes, count);
	write_seed("engine", name, buf_slice(&conversation));
	buf_clear(&conversation);
}

static void write_protocols(void)
{
	enum { OK = WIRE_OUTCOME_OK, NO = WIRE_OUTCOME_REJECTED, RETRY = WIRE_OUTCOME_RETRY };
	static const uint8_t all[][9] = {
		{OK, OK, OK, OK, OK, OK, OK, OK, OK},
		{OK, NO, OK, OK, OK, OK, OK, OK, OK},
		{WIRE_OUTCOME_READ_ONLY, OK, OK, OK, WIRE_OUTCOME_HEURISTIC, OK, OK, OK, OK},
		{OK, OK, OK, RETRY, RETRY, RETRY, OK, OK, OK},
		{RETRY, RETRY, RETRY, NO, OK, OK, NO, OK, OK},
		{OK, OK, OK, OK, NO, NO, WIRE_OUTCOME_PARK, OK, OK},
	};

	buf_clear(&conversation);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		say_votes(3);
		say_end("votes", all[i], 9);
		say_votes(1);
		say_end("one_phase", all[i], 9);
		say_mixed();
		say_end("mixed", all[i], 9);
		say_interactive((uint32_t)i % 4);
		say_end("interactive", all[i], 9);
	}
}

static void write_conversations(void)
{
	enum { OK = WIRE_OUTCOME_OK, NO = WIRE_OUTCOME_REJECTED, RETRY = WIRE_OUTCOME_RETRY };
	static const uint8_t all[][8] = {
		{OK, OK, OK},
		{OK, NO, OK},
		{OK, RETRY, RETRY, RETRY, OK, OK},
		{OK, OK, NO, NO, OK, OK},
		{OK, WIRE_OUTCOME_PARK, OK, OK},
		{0, 0, 0, OK},
		{OK, 0, WIRE_OUTCOME_STALE, WIRE_OUTCOME_WORKING, OK, OK},
		{OK, NO, WIRE_OUTCOME_PARK, WIRE_OUTCOME_EXPIRED, OK},
		{NO},
	};

	buf_init(&conversation, BYTES_MAX);
	buf_init(&journal.bytes, BYTES_MAX);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		uint32_t count = 8;

		while (count > 1 && all[i][count - 1] == 0)
			count--;
		converse(i % 2 == 1, all[i], count);
	}
	write_inbox_conversation(all[0], 3);
	write_inbox_conversation(all[1], 3);
	write_full_inbox();
	write_protocols();
	buf_close(&conversation);
	buf_close(&journal.bytes);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: fuzz-seeds <folder>\n");
		return 2;
	}
	root = argv[1];
	(void)LLVMFuzzerInitialize(&argc, &argv);
	if (mkdir(root, 0755) != 0 && errno != EEXIST) {
		perror(root);
		return 1;
	}
	take_vectors(VECTORS "messages.json");
	take_vectors(VECTORS "refused.json");
	take_vectors(VECTORS "batches.json");
	write_conversations();
	(void)printf("%u seeds in %s\n", written, root);
	return 0;
}
