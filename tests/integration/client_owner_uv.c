#include "tests/integration/client_owner_uv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

enum { TICK_MS = 5 };

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static void on_connection(void *context, bool connected)
{
	((struct owner *)context)->connected = connected;
}

void owner_open(struct owner *owner)
{
	struct cluster_options options;
	struct nats_config config = {.name = "scripted owner"};
	const struct nats_hooks hooks = {.connection = on_connection, .context = owner};
	char why[256] = "";

	(void)memset(owner, 0, sizeof *owner);
	cluster_options_init(&options);
	options.nodes = 0;
	options.etcd_count = 0;
	options.nats_count = 1;
	if (cluster_create(&options, &owner->cluster) != 0 ||
	    cluster_start_servers(owner->cluster) != 0)
		fail_msg("%s", cluster_trouble(owner->cluster));
	owner->arena = aligned_alloc(16, OWNER_ARENA_SIZE);
	assert_int_equal(uv_loop_init(&owner->loop), 0);
	assert_int_equal(uv_timer_init(&owner->loop, &owner->tick), 0);
	assert_int_equal(uv_timer_start(&owner->tick, on_tick, TICK_MS, TICK_MS), 0);
	config.url = owner_url(owner);
	if (nats_transport_open(&owner->loop, &config, &hooks, &owner->transport, why) != 0)
		fail_msg("%s", why);
	RUN_UNTIL(owner, owner->connected);
}

void owner_close(struct owner *owner)
{
	owner->transport->ops->close(owner->transport, false);
	uv_close((uv_handle_t *)&owner->tick, NULL);
	(void)uv_run(&owner->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&owner->loop), 0);
	free(owner->arena);
	cluster_destroy(owner->cluster);
}

const char *owner_url(const struct owner *owner)
{
	return cluster_nats_url(owner->cluster);
}

void owner_run_for(struct owner *owner, uint32_t duration_ms)
{
	const uint64_t end_ms = wait_now_ms() + duration_ms;

	while (wait_now_ms() < end_ms)
		(void)uv_run(&owner->loop, UV_RUN_ONCE);
}

/* ---- requests
 * ------------------------------------------------------------------------------------ */

void owner_publish(struct owner *owner, const char *subject, struct slice bytes)
{
	const int err = owner->transport->ops->publish(owner->transport, subject, slice_of(NULL, 0),
						       NULL, 0, bytes);

	/* With thousands of answers at once the way out may be full: then this one is lost, as
	 * messages may be, and is asked for again. */
	if (err == SAGA_E_BUSY)
		return;
	assert_int_equal(err, 0);
	owner->commands_sent += strncmp(subject, "saga.v1.cmd.", 12) == 0 ? 1 : 0;
}

static void encode_and_publish(struct owner *owner, const char *subject, enum wire_kind kind,
			       const void *message)
{
	struct buf bytes;

	buf_init(&bytes, WIRE_MESSAGE_SIZE_MAX);
	assert_int_equal(wire_encode(kind, message, &bytes), 0);
	owner_publish(owner, subject, buf_slice(&bytes));
	buf_close(&bytes);
}

static void copy_text(char *into, size_t into_size, struct slice from)
{
	assert_true(from.size < into_size);
	if (from.size > 0)
		(void)memcpy(into, from.data, from.size);
	into[from.size] = '\0';
}

static void on_info(void *context, const struct transport_message *message)
{
	struct owner *owner = context;
	char reply_to[SUBJECT_SIZE_MAX];
	struct wire_slots slots;
	struct wire_info info = {.cluster = slice_str("test"),
				 .shard_count = OWNER_SHARDS,
				 .node = slice_str("n1"),
				 .code = owner->info_code};

	owner->info_count++;
	copy_text(reply_to, sizeof reply_to, message->reply);
	assert_int_equal(wire_slots_even(&slots, OWNER_SHARDS), 0);
	info.slots = slice_of(slots.shard_of_slot, sizeof slots.shard_of_slot);
	encode_and_publish(owner, reply_to, WIRE_INFO, &info);
}

static void read_body(struct owner *owner, struct owner_request *request)
{
	static const enum wire_kind kinds[] = {
		[SUBJECT_SUBMIT] = WIRE_SUBMIT,   [SUBJECT_QUERY] = WIRE_QUERY,
		[SUBJECT_CANCEL] = WIRE_CANCEL,   [SUBJECT_REPLY] = WIRE_REPLY_FRAME,
		[SUBJECT_ENLIST] = WIRE_ENLIST,   [SUBJECT_COMMIT] = WIRE_COMMIT,
		[SUBJECT_INQUIRE] = WIRE_INQUIRE,
	};
	static _Thread_local struct wire_reply_frame replies;
	union {
		struct wire_submit submit;
		struct wire_query query;
		struct wire_cancel cancel;
		struct wire_enlist enlist;
		struct wire_commit commit;
		struct wire_inquire inquire;
		struct wire_reply_frame replies;
	} body;
	struct arena arena;

	arena_init(&arena, owner->arena, OWNER_ARENA_SIZE);
	assert_int_equal(wire_decode(kinds[request->verb], request->bytes, &arena, &body, NULL), 0);
	if (request->verb == SUBJECT_REPLY) {
		replies = body.replies;
		request->replies = &replies;
		assert_int_equal(replies.shard, request->shard);
		return;
	}
	/* All of them begin with the id. */
	copy_text(request->id, sizeof request->id, body.query.id);
	request->wait = request->verb == SUBJECT_QUERY    ? body.query.wait
			: request->verb == SUBJECT_SUBMIT ? body.submit.wait
			: request->verb == SUBJECT_COMMIT ? body.commit.wait
							  : false;
}

static void on_shard(void *context, const struct transport_message *message)
{
	struct owner *owner = context;
	struct owner_request request = {.bytes = message->data};
	struct slice party;

	assert_int_equal(subject_parse_shard("saga", message->subject, &request.shard,
					     &request.verb, &party),
			 0);
	copy_text(request.party, sizeof request.party, party);
	copy_text(request.reply_to, sizeof request.reply_to, message->reply);
	read_body(owner, &request);
	owner->on_request(owner, &request);
}

/* What was sent before has reached the broker when this returns. */
static void sync_with_broker(struct owner *owner)
{
	owner_ask(owner, "$JS.API.INFO", "");
}

void owner_answer_info(struct owner *owner, bool on)
{
	struct transport *transport = owner->transport;

	if (on && owner->info == NULL)
		assert_int_equal(transport->ops->subscribe(transport, "saga.v1.info", NULL, on_info,
							   owner, &owner->info),
				 0);
	if (!on && owner->info != NULL) {
		transport->ops->unsubscribe(transport, owner->info);
		owner->info = NULL;
	}
	sync_with_broker(owner);
}

void owner_listen(struct owner *owner,
		  void (*on_request)(struct owner *, const struct owner_request *))
{
	struct transport *transport = owner->transport;

	owner->on_request = on_request;
	if (owner->shards == NULL)
		assert_int_equal(transport->ops->subscribe(transport, "saga.v1.shard.>", NULL,
							   on_shard, owner, &owner->shards),
				 0);
	owner_answer_info(owner, true);
}

void owner_answer(struct owner *owner, const char *reply_to, const struct wire_answer *answer)
{
	encode_and_publish(owner, reply_to, WIRE_ANSWER, answer);
}

struct wire_answer owner_says(const struct owner_request *request, enum wire_state state,
			      uint64_t record_number)
{
	return (struct wire_answer){
		.id = slice_str(request->id),
		.state = state,
		.shard = request->shard,
		.epoch = OWNER_EPOCH,
		.record_number = record_number,
		.accepted_at = 1000,
		.deadline_at = 61000,
	};
}

void owner_dispose(struct owner *owner, const struct owner_request *request,
		   enum wire_disposition_kind kind)
{
	struct wire_disposition dispositions[WIRE_FRAME_MAX];
	struct wire_disposition_frame frame = {.shard = request->shard,
					       .epoch = OWNER_EPOCH,
					       .dispositions = dispositions,
					       .disposition_count = request->replies->reply_count};

	for (uint32_t i = 0; i < frame.disposition_count; i++)
		dispositions[i] = (struct wire_disposition){
			.operation = request->replies->replies[i].operation,
			.attempt = request->replies->replies[i].attempt,
			.kind = (uint32_t)kind};
	encode_and_publish(owner, request->reply_to, WIRE_DISPOSITION_FRAME, &frame);
}

/* ---- JetStream
 * ------------------------------------------------------------------------------------ */

static void on_asked(void *context, int error, const struct transport_message *message)
{
	struct owner *owner = context;

	owner->answered = true;
	owner->answer[0] = '\0';
	if (error == 0 && message->status == 0)
		copy_text(owner->answer, sizeof owner->answer, message->data);
}

void owner_ask(struct owner *owner, const char *subject, const char *body)
{
	const uint64_t end_ms = wait_now_ms() + PATIENCE_MS;
	int error;

	owner->answered = false;
	/* Busy is what a transport says for a moment after a write that took long. */
	while ((error = owner->transport->ops->request(owner->transport, subject, NULL, 0,
						       slice_str(body), PATIENCE_MS, on_asked,
						       owner, NULL)) == SAGA_E_BUSY &&
	       wait_now_ms() < end_ms)
		(void)uv_run(&owner->loop, UV_RUN_ONCE);
	assert_int_equal(error, 0);
	RUN_UNTIL(owner, owner->answered);
}

void owner_create_stream(struct owner *owner)
{
	owner_ask(owner, "$JS.API.STREAM.CREATE.SAGA_CMD",
		  "{\"name\":\"SAGA_CMD\",\"subjects\":[\"saga.v1.cmd.>\"],"
		  "\"retention\":\"workqueue\",\"storage\":\"file\",\"max_age\":60000000000}");
	assert_non_null(strstr(owner->answer, "\"did_create\":true"));
}

static int64_t number_in(const char *text, const char *name)
{
	char key[64];
	const char *found;

	(void)snprintf(key, sizeof key, "\"%s\":", name);
	found = strstr(text, key);
	return found == NULL ? -1 : strtoll(found + strlen(key), NULL, 10);
}

int64_t owner_consumer_number(struct owner *owner, const char *service, const char *name)
{
	char subject[128];

	(void)snprintf(subject, sizeof subject, "$JS.API.CONSUMER.INFO.SAGA_CMD.svc_%s", service);
	owner_ask(owner, subject, "");
	return number_in(owner->answer, name);
}

int64_t owner_stream_messages(struct owner *owner)
{
	/* What was sent before the question need not be stored before its answer. */
	const uint64_t end_ms = wait_now_ms() + PATIENCE_MS;

	do
		owner_ask(owner, "$JS.API.STREAM.INFO.SAGA_CMD", "");
	while (number_in(owner->answer, "last_seq") < owner->commands_sent &&
	       wait_now_ms() < end_ms);
	assert_true(number_in(owner->answer, "last_seq") >= owner->commands_sent);
	return number_in(owner->answer, "messages");
}

void owner_frame_init(struct owner_frame *frame, uint32_t shard, const char *prefix, uint32_t count)
{
	(void)memset(frame, 0, sizeof *frame);
	assert_true(count <= OWNER_COMMANDS_MAX);
	frame->frame = (struct wire_command_frame){.shard = shard,
						   .epoch = OWNER_EPOCH,
						   .low_water = 1,
						   .service = slice_str("svc"),
						   .commands = frame->commands,
						   .command_count = count,
						   .cluster = slice_str("test")};
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(frame->names[i], sizeof frame->names[i], "%s%u", prefix, i);
		frame->commands[i] = (struct wire_command){
			.saga = slice_str(frame->names[i]),
			.step_name = slice_str("step"),
			.op = WIRE_OP_FORWARD,
			.op_name = slice_str("do"),
			.operation = uuid_operation(slice_str(frame->names[i]), slice_str("step"),
						    slice_str("forward")),
			.attempt = 1,
			.admission = i + 1,
			.remaining_ms = 15000,
			.input = slice_str("input"),
		};
	}
}

void owner_send_frame_to(struct owner *owner, const char *service, struct owner_frame *frame)
{
	char subject[SUBJECT_SIZE_MAX];

	(void)snprintf(subject, sizeof subject, "saga.v1.cmd.%s", service);
	encode_and_publish(owner, subject, WIRE_COMMAND_FRAME, &frame->frame);
}

void owner_send_frame(struct owner *owner, struct owner_frame *frame)
{
	owner_send_frame_to(owner, "svc", frame);
}

void owner_call_frame(struct owner *owner, struct owner_frame *frame)
{
	encode_and_publish(owner, "saga.v1.call.svc", WIRE_COMMAND_FRAME, &frame->frame);
}
