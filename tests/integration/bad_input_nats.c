/* The cluster, the raw client and the raw participant of the bad-input tests. */
#include <jansson.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/os_clock.h"
#include "tests/integration/bad_input.h"
#include "tests/support/ports.h"
#include "wire/shard.h"

enum { ARENA_SIZE = 1024 * 1024, COUNTED_MS = 60000, NODES = 3 };

struct trip bad_trip;
struct bad_counts bad_expected;

static natsConnection *nats;
static natsSubscription *commands;
static struct wire_slots slots;
static struct cluster_shards shards_before;
static pid_t pids[NODES + TRIP_STEPS];

/* ---- before and after ------------------------------------------------------------------------ */

static const char *process_name(uint32_t number)
{
	return number < NODES ? cluster_node_name(number) : trip_service_name(number - NODES);
}

int bad_open(void **state)
{
	static const char *const set[] = {"saga.remember_margin=1s", "saga.parked_retry=1s",
					  "limits.open_sagas=40", NULL};
	struct cluster_options options;
	(void)state;
	trip_options(&options);
	options.set = set;
	options.shards = BAD_SHARDS;
	options.log_level = "debug"; /* what it says when it says most */
	trip_open(&bad_trip, &options);
	assert_int_equal(wire_slots_even(&slots, BAD_SHARDS), 0);
	assert_int_equal(natsConnection_ConnectTo(&nats, cluster_nats_url(bad_trip.cluster)),
			 NATS_OK);
	/* Both ways of delivery. */
	assert_int_equal(natsConnection_SubscribeSync(&commands, nats, "saga.v1.*.svc-x"), NATS_OK);
	assert_int_equal(natsSubscription_SetPendingLimits(commands, -1, -1), NATS_OK);
	assert_int_equal(natsConnection_Flush(nats), NATS_OK);
	assert_int_equal(cluster_shards(bad_trip.cluster, &shards_before, BAD_ANSWER_MS), 0);
	for (uint32_t i = 0; i < NODES + TRIP_STEPS; i++)
		pids[i] = cluster_pid(bad_trip.cluster, process_name(i));
	return 0;
}

int bad_after(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&bad_trip, "", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&bad_trip, id, SAGA_STATE_COMPLETED);
	return 0;
}

static uint64_t member(const json_t *line, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(line, name));
}

/* One worker a node: its last line tells the totals. */
static void on_event(void *context, const struct cluster_event *event)
{
	struct bad_counts *counts = context;
	json_t *line;
	if (strcmp(event->event, "node.refusals") != 0)
		return;
	line = json_loads(event->line, 0, NULL);
	assert_non_null(line);
	*counts = (struct bad_counts){.malformed = member(line, "malformed"),
				      .refused = member(line, "refused"),
				      .ignored = member(line, "ignored_replies"),
				      .obsolete = member(line, "obsolete_replies"),
				      .late = member(line, "late_replies"),
				      .contradictions = member(line, "contradictions")};
	json_decref(line);
}

static struct bad_counts count_all(void)
{
	struct bad_counts sum = {0};
	for (uint32_t n = 0; n < NODES; n++) {
		struct bad_counts one = {0};
		uint64_t offset = 0;
		assert_int_equal(cluster_events(bad_trip.cluster, cluster_node_name(n), &offset,
						on_event, &one),
				 0);
		sum.malformed += one.malformed;
		sum.refused += one.refused;
		sum.ignored += one.ignored;
		sum.obsolete += one.obsolete;
		sum.late += one.late;
		sum.contradictions += one.contradictions;
	}
	return sum;
}

static bool counted(void *context)
{
	const struct bad_counts now = count_all();
	(void)context;
	return now.malformed >= bad_expected.malformed && now.refused >= bad_expected.refused &&
	       now.ignored >= bad_expected.ignored && now.obsolete >= bad_expected.obsolete &&
	       now.late >= bad_expected.late && now.contradictions >= bad_expected.contradictions;
}

/* Clean text in clean lines, and nothing of what was sent damaged. */
static void check_log(const char *name)
{
	char path[1200], line[8192];
	FILE *file;
	(void)snprintf(path, sizeof path, "%s/%s.log", cluster_folder(bad_trip.cluster), name);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		if (strstr(line, BAD_MARK) != NULL)
			fail_msg("%s logged what was sent to it: %s", name, line);
		for (const char *c = line; *c != '\0'; c++)
			if ((*c < ' ' || *c > '~') && *c != '\n')
				fail_msg("%s logged the byte %d: %s", name, *c, line);
	}
	(void)fclose(file);
}

int bad_close(void **state)
{
	struct cluster_shards after;
	(void)state;
	if (!wait_until(counted, NULL, COUNTED_MS)) {
		const struct bad_counts now = count_all();
		fail_msg("counted %llu malformed, %llu refused, %llu ignored, %llu obsolete, %llu "
			 "late, %llu contradictions",
			 (unsigned long long)now.malformed, (unsigned long long)now.refused,
			 (unsigned long long)now.ignored, (unsigned long long)now.obsolete,
			 (unsigned long long)now.late, (unsigned long long)now.contradictions);
	}
	assert_int_equal(cluster_shards(bad_trip.cluster, &after, BAD_ANSWER_MS), 0);
	assert_int_equal(after.count, shards_before.count);
	for (uint32_t i = 0; i < after.count; i++) {
		assert_int_equal(after.shards[i].epoch, shards_before.shards[i].epoch);
		assert_string_equal(after.shards[i].owner, shards_before.shards[i].owner);
	}
	for (uint32_t i = 0; i < NODES + TRIP_STEPS; i++) {
		assert_int_equal(cluster_pid(bad_trip.cluster, process_name(i)), pids[i]);
		check_log(process_name(i));
	}
	natsSubscription_Destroy(commands);
	natsConnection_Destroy(nats);
	trip_close(&bad_trip);
	return 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

uint32_t bad_shard_of(const char *id)
{
	return wire_shard_of(&slots, slice_str(id));
}

void bad_id(uint32_t shard, const char *word, char id[SAGA_ID_SIZE])
{
	static uint32_t number;
	do
		(void)snprintf(id, SAGA_ID_SIZE, "%s-%u", word, ++number);
	while (bad_shard_of(id) != shard);
}

struct subject bad_subject(uint32_t shard, enum subject_verb verb)
{
	return subject_shard("saga", shard, verb, slice_str("default"));
}

static void decode_answer(const void *data, uint32_t size, struct wire_answer *answer)
{
	static _Alignas(16) uint8_t memory[ARENA_SIZE], copy[ARENA_SIZE];
	struct arena arena;
	assert_in_range(size, 1, sizeof copy);
	memcpy(copy, data, size);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(wire_decode(WIRE_ANSWER, slice_of(copy, size), &arena, answer, NULL), 0);
}

bool bad_ask(const char *subject, struct slice request, uint32_t timeout_ms,
	     struct wire_answer *answer)
{
	natsMsg *message = NULL;
	const natsStatus status = natsConnection_Request(&message, nats, subject, request.data,
							 (int)request.size, timeout_ms);
	if (status == NATS_TIMEOUT || status == NATS_NO_RESPONDERS)
		return false;
	assert_int_equal(status, NATS_OK);
	decode_answer(natsMsg_GetData(message), (uint32_t)natsMsg_GetDataLength(message), answer);
	natsMsg_Destroy(message);
	return true;
}

void bad_publish(const char *subject, struct slice data)
{
	assert_int_equal(natsConnection_Publish(nats, subject, data.data, (int)data.size), NATS_OK);
	assert_int_equal(natsConnection_Flush(nats), NATS_OK);
}

struct wire_answer bad_ask_for(enum subject_verb verb, enum wire_kind kind, const char *id,
			       const void *body)
{
	static uint8_t memory[BAD_MESSAGE_MAX];
	struct wire_answer answer;
	struct buf bytes;
	buf_init_fixed(&bytes, memory, sizeof memory);
	assert_int_equal(wire_encode(kind, body, &bytes), 0);
	const struct subject subject = bad_subject(bad_shard_of(id), verb);
	if (!bad_ask(subject.text, buf_slice(&bytes), BAD_ANSWER_MS, &answer))
		fail_msg("no answer on %s", subject.text);
	return answer;
}

struct wire_answer bad_query(const char *id)
{
	const struct wire_query query = {.id = slice_str(id)};
	return bad_ask_for(SUBJECT_QUERY, WIRE_QUERY, id, &query);
}

struct awaited {
	const char *id;
	uint32_t state;
};

static bool in_state(void *context)
{
	const struct awaited *awaited = context;
	return bad_query(awaited->id).state == awaited->state;
}

void bad_wait_state(const char *id, uint32_t state)
{
	struct awaited awaited = {id, state};
	if (!wait_until(in_state, &awaited, 60000))
		fail_msg("%s is in state %u, not %u", id, bad_query(id).state, state);
}

void bad_submit_init(struct bad_submit *s, uint32_t shard)
{
	memset(s, 0, sizeof *s);
	bad_id(shard, "bad", s->id);
	s->steps[0] = (struct wire_step){
		.name = slice_str("x"),
		.service = slice_str("svc-x"),
		.forward = slice_str("do"),
		.undo = slice_str("undo"),
		.retry = {.initial_ms = 50, .factor_percent = 100, .cap_ms = 100, .attempts = 3},
		.undo_retry = {.initial_ms = 50,
			       .factor_percent = 100,
			       .cap_ms = 100,
			       .attempts = 3},
		.attempt_timeout_ms = 20000,
	};
	s->submit = (struct wire_submit){
		.id = slice_str(s->id),
		.plan = {.name = slice_str("bad"),
			 .version = 1,
			 .steps = s->steps,
			 .step_count = 1},
		.input = slice_str("input"),
		.retry_until_at = os_clock_wall_ms() + 600000,
	};
}

struct wire_answer bad_submit_send(const struct bad_submit *s)
{
	return bad_ask_for(SUBJECT_SUBMIT, WIRE_SUBMIT, s->id, &s->submit);
}

/* ---- the broker's protocol by hand ----------------------------------------------------------- */

static void send_all(int socket, const void *data, size_t size)
{
	const uint8_t *at = data;
	while (size > 0) {
		const ssize_t sent = write(socket, at, size);
		assert_true(sent > 0);
		at += sent;
		size -= (size_t)sent;
	}
}

/* The inbox is the other connection's, which also decodes what comes. */
bool bad_ask_with_head(const char *subject, const char *head, struct slice data,
		       uint32_t timeout_ms, struct wire_answer *answer)
{
	static const char connect[] = "CONNECT {\"verbose\":false,\"headers\":true}\r\nPING\r\n";
	natsSubscription *inbox = NULL;
	natsMsg *message = NULL;
	char line[512];
	const int socket = ports_connect(cluster_port(bad_trip.cluster, "nats1"));
	assert_true(socket >= 0);
	assert_int_equal(natsConnection_SubscribeSync(&inbox, nats, "_INBOX.by-hand"), NATS_OK);
	assert_int_equal(natsConnection_Flush(nats), NATS_OK);
	const int size = snprintf(line, sizeof line, "HPUB %s _INBOX.by-hand %zu %zu\r\n", subject,
				  strlen(head), strlen(head) + data.size);
	send_all(socket, connect, sizeof connect - 1);
	send_all(socket, line, (size_t)size);
	send_all(socket, head, strlen(head));
	send_all(socket, data.data, data.size);
	send_all(socket, "\r\nPING\r\n", 8);
	const natsStatus status = natsSubscription_NextMsg(&message, inbox, timeout_ms);
	if (status == NATS_OK) {
		decode_answer(natsMsg_GetData(message), (uint32_t)natsMsg_GetDataLength(message),
			      answer);
		natsMsg_Destroy(message);
	}
	natsSubscription_Destroy(inbox);
	(void)close(socket);
	return status == NATS_OK;
}

/* ---- the participant svc-x ------------------------------------------------------------------- */

static bool find_command(natsMsg *message, const char *saga, struct bad_command *command)
{
	static _Alignas(16) uint8_t memory[ARENA_SIZE];
	struct wire_command_frame frame;
	struct arena arena;
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(wire_decode(WIRE_COMMAND_FRAME,
				     slice_of(natsMsg_GetData(message),
					      (uint32_t)natsMsg_GetDataLength(message)),
				     &arena, &frame, NULL),
			 0);
	for (uint32_t i = 0; i < frame.command_count; i++) {
		const struct wire_command *c = &frame.commands[i];
		if (!slice_equal(c->saga, slice_str(saga)))
			continue;
		*command = (struct bad_command){.shard = frame.shard,
						.epoch = frame.epoch,
						.step = c->step,
						.op = c->op,
						.attempt = c->attempt,
						.operation = c->operation};
		(void)snprintf(command->saga, sizeof command->saga, "%s", saga);
		return true;
	}
	return false;
}

bool bad_next_command(const char *saga, uint32_t timeout_ms, struct bad_command *command)
{
	const uint64_t end_ms = os_clock_mono_ns() / 1000000 + timeout_ms;
	for (;;) {
		const uint64_t now_ms = os_clock_mono_ns() / 1000000;
		natsMsg *message = NULL;
		if (now_ms >= end_ms ||
		    natsSubscription_NextMsg(&message, commands, (int64_t)(end_ms - now_ms)) !=
			    NATS_OK)
			return false;
		const bool found = find_command(message, saga, command);
		natsMsg_Destroy(message);
		if (found)
			return true;
	}
}

void bad_take_command(const char *saga, uint32_t op, struct bad_command *command)
{
	do {
		if (!bad_next_command(saga, 60000, command))
			fail_msg("no command %u of %s", op, saga);
	} while (command->op != op);
}

struct wire_reply bad_reply_to(const struct bad_command *command, uint32_t outcome)
{
	return (struct wire_reply){.saga = slice_str(command->saga),
				   .step = command->step,
				   .op = command->op,
				   .operation = command->operation,
				   .attempt = command->attempt,
				   .epoch = command->epoch,
				   .outcome = outcome};
}

uint32_t bad_reply(const struct wire_reply *reply, const char *service, uint32_t timeout_ms)
{
	static uint8_t memory[BAD_MESSAGE_MAX];
	struct wire_reply copy = *reply;
	char id[SAGA_ID_SIZE];
	(void)snprintf(id, sizeof id, "%.*s", (int)reply->saga.size,
		       (const char *)reply->saga.data);
	const uint32_t shard = bad_shard_of(id);
	const struct wire_reply_frame frame = {
		.shard = shard, .service = slice_str(service), .replies = &copy, .reply_count = 1};
	struct wire_disposition_frame taken;
	struct arena arena;
	struct buf bytes;
	natsMsg *message = NULL;
	buf_init_fixed(&bytes, memory, sizeof memory);
	assert_int_equal(wire_encode(WIRE_REPLY_FRAME, &frame, &bytes), 0);
	const struct subject subject =
		subject_shard("saga", shard, SUBJECT_REPLY, slice_str(service));
	if (natsConnection_Request(&message, nats, subject.text, bytes.data, (int)bytes.size,
				   timeout_ms) != NATS_OK)
		return 0;
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(wire_decode(WIRE_DISPOSITION_FRAME,
				     slice_of(natsMsg_GetData(message),
					      (uint32_t)natsMsg_GetDataLength(message)),
				     &arena, &taken, NULL),
			 0);
	assert_int_equal(taken.disposition_count, 1);
	assert_true(uuid_equal(&taken.dispositions[0].operation, &reply->operation));
	const uint32_t kind = taken.dispositions[0].kind;
	natsMsg_Destroy(message);
	return kind;
}

void bad_play(const char *saga, uint32_t op, uint32_t outcome)
{
	struct bad_command command;
	bad_take_command(saga, op, &command);
	const struct wire_reply reply = bad_reply_to(&command, outcome);
	assert_int_equal(bad_reply(&reply, "svc-x", BAD_ANSWER_MS), WIRE_DISPOSITION_RECORDED);
}
