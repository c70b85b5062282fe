/* The stream SAGA_OPS: what operations did, and the owners that shards have had. For people: what
 * cannot be written is tried again some times and then left, and a cluster without the stream
 * serves as well. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_log.h"
#include "journal/json_scan.h"
#include "node/admin.h"

enum {
	REQUEST_MS = 2000,
	ARCHIVE_RETRY_MS = 5000,
	ARCHIVE_TRIES_MAX = 3,
	ARCHIVE_LATER_MS = 60000,
	ARCHIVE_KEPT_MAX = 4, /* a cluster without the stream keeps the items of so many */
	NOTE_TRIES_MAX = 3,
	BODY_SIZE = SUBJECT_SIZE_MAX + 32,
	NO_MESSAGE_FOUND = 10037,
};

void admin_stream_init(struct admin *a)
{
	buf_init(&a->stream.bytes, WIRE_MESSAGE_SIZE_MAX);
	buf_init(&a->stream.message, WIRE_MESSAGE_SIZE_MAX);
}

/* No completion may come after it. */
void admin_stream_close(struct admin *a)
{
	struct transport *t = a->daemon->transport;

	if (a->stream.archiving)
		t->ops->cancel(t, a->stream.archive_request);
	if (a->stream.noting)
		t->ops->cancel(t, a->stream.note_request);
	buf_close(&a->stream.bytes);
	buf_close(&a->stream.message);
}

/* The newest message of a subject. */
static int ask_last(struct admin *a, const char *subject, transport_completion done, void *context,
		    uint64_t *token)
{
	struct transport *t = a->daemon->transport;
	char api[SUBJECT_SIZE_MAX];
	char body[BODY_SIZE];
	int size;

	(void)snprintf(api, sizeof api, "$JS.API.STREAM.MSG.GET.%s_OPS",
		       a->daemon->config->nats_stream_prefix);
	size = snprintf(body, sizeof body, "{\"last_by_subj\":\"%s\"}", subject);
	CHECK(size > 0 && (size_t)size < sizeof body);
	return t->ops->request(t, api, NULL, 0, slice_of(body, (uint32_t)size), REQUEST_MS, done,
			       context, token);
}

/* Its bytes, in a->stream.message; empty when there is none. */
static int take_last(struct admin *a, int error, const struct transport_message *message)
{
	struct slice data;
	uint64_t code;

	buf_clear(&a->stream.message);
	if (error != 0)
		return error;
	if (message->status != 0)
		return SAGA_E_NO_RESPONDERS;
	if (json_scan_u64(message->data, "error.err_code", &code))
		return code == NO_MESSAGE_FOUND ? 0 : SAGA_E_NATS;
	if (!json_scan_text(message->data, "message.data", &data))
		return SAGA_E_BAD_REPLY;
	return base64_decode(data, &a->stream.message);
}

/* An acknowledgement of the stream, or why there is none. */
static int take_ack(int error, const struct transport_message *message)
{
	uint64_t sequence;

	if (error != 0)
		return error;
	if (message->status != 0)
		return SAGA_E_NO_RESPONDERS;
	return json_scan_u64(message->data, "seq", &sequence) ? 0 : SAGA_E_NATS;
}

static int publish(struct admin *a, const char *subject, enum wire_kind kind, const void *body,
		   transport_completion done, uint64_t *token)
{
	struct transport *t = a->daemon->transport;
	int error;

	buf_clear(&a->stream.bytes);
	error = wire_encode(kind, body, &a->stream.bytes);
	if (error != 0)
		return error;
	return t->ops->request(t, subject, NULL, 0, buf_slice(&a->stream.bytes), REQUEST_MS, done,
			       a, token);
}

/* ---- operations that have ended ----------------------------------------------------------------
 */

static void forget_items(struct admin *a)
{
	const struct control_order order = {.verb = CONTROL_ORDER_ARCHIVED,
					    .operation = a->stream.archived,
					    .actor = "",
					    .reason = ""};
	/* A ticket of nobody: when it fails it is archived once more. */
	const int error = control_order(a->daemon->control, os_clock_boot_ns(), &order, 0);

	if (error != 0)
		LOG(LOG_DEBUG, "operation.not_archived", log_code(error));
}

/* Operations that have ended and wait for the stream. */
static uint32_t waiting(const struct control *c)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < control_operation_count(c); i++)
		count += control_operation_at(c, i)->kind != 0 &&
			 ops_final(control_operation_at(c, i)) &&
			 !control_operation_at(c, i)->archived;
	return count;
}

static void on_archived(void *context, int error, const struct transport_message *message)
{
	struct admin *a = context;
	const int rc = take_ack(error, message);

	a->stream.archiving = false;
	if (a->daemon->closing)
		return;
	if (rc == 0) {
		forget_items(a);
		return;
	}
	if (++a->stream.archive_failures < ARCHIVE_TRIES_MAX)
		return;
	a->stream.archive_failures = 0;
	a->stream.archive_at_ns = os_clock_boot_ns() + ARCHIVE_LATER_MS * UINT64_C(1000000);
	LOG(LOG_WARN, "operation.not_archived", log_num("operation", (int64_t)a->stream.archived),
	    log_code(rc));
	if (waiting(a->daemon->control) > ARCHIVE_KEPT_MAX)
		forget_items(a);
}

static void archive(struct admin *a, uint64_t number)
{
	struct wire_admin_answer answer = {0};
	const struct id id = ops_id(number);
	const struct subject subject =
		subject_ops_operation(a->daemon->config->nats_prefix, id_slice(&id));

	CHECK(admin_put_operation(a, number, &answer));
	a->stream.archived = number;
	a->stream.archiving = publish(a, subject.text, WIRE_OPERATION, &a->operations[0],
				      on_archived, &a->stream.archive_request) == 0;
}

static void archive_step(struct admin *a, uint64_t now_ns)
{
	const struct control *c = a->daemon->control;

	if (a->stream.archiving || !control_is_planner(c) || now_ns < a->stream.archive_at_ns)
		return;
	for (uint32_t i = 0; i < control_operation_count(c); i++) {
		const struct ops *op = control_operation_at(c, i);

		if (op->kind == 0 || !ops_final(op) || op->archived)
			continue;
		a->stream.archive_at_ns = now_ns + ARCHIVE_RETRY_MS * UINT64_C(1000000);
		archive(a, op->number);
		return;
	}
}

static void on_operation(void *context, int error, const struct transport_message *message)
{
	struct admin_slot *slot = context;
	struct admin *a = slot->admin;
	struct wire_admin_answer answer = admin_answer_begin(a, 0);
	struct wire_operation op;
	struct arena arena;
	int rc = take_last(a, error, message);

	slot->used = false;
	slot->request = 0;
	arena_init(&arena, a->stream.arena_memory, sizeof a->stream.arena_memory);
	if (!admin_put_operation(a, slot->operation, &answer)) {
		admin_refuse(a, slot->reply, SAGA_E_NO_SUCH, "operation");
		return;
	}
	if (rc == 0 && a->stream.message.size > 0)
		rc = wire_decode(WIRE_OPERATION, buf_slice(&a->stream.message), &arena, &op, NULL);
	if (rc == 0 && a->stream.message.size > 0) {
		a->operations[0].items = op.items;
		a->operations[0].item_count = op.item_count;
	}
	answer.events_cut = rc != 0;
	admin_answer(a, slot->reply, &answer);
}

void admin_read_operation(struct admin *a, uint64_t number, const char *reply)
{
	const struct id id = ops_id(number);
	const struct subject subject =
		subject_ops_operation(a->daemon->config->nats_prefix, id_slice(&id));
	struct admin_slot *slot = admin_slot_take(a, reply);

	if (slot == NULL) {
		admin_refuse(a, reply, SAGA_E_BUSY, "other requests are at work: try again");
		return;
	}
	slot->operation = number;
	if (ask_last(a, subject.text, on_operation, slot, &slot->request) != 0) {
		slot->used = false;
		admin_refuse(a, reply, SAGA_E_DISCONNECTED, "");
	}
}

/* ---- owners ------------------------------------------------------------------------------------
 */

static int take_history(struct admin *a, int error, const struct transport_message *message,
			struct wire_ops_history *history)
{
	struct arena arena;
	int rc = take_last(a, error, message);

	*history = (struct wire_ops_history){0};
	arena_init(&arena, a->stream.arena_memory, sizeof a->stream.arena_memory);
	if (rc == 0 && a->stream.message.size > 0)
		rc = wire_decode(WIRE_OPS_HISTORY, buf_slice(&a->stream.message), &arena, history,
				 NULL);
	if (rc != 0)
		*history = (struct wire_ops_history){0};
	return rc;
}

static void on_history(void *context, int error, const struct transport_message *message)
{
	struct admin_slot *slot = context;
	struct admin *a = slot->admin;
	struct wire_admin_answer answer = admin_answer_begin(a, 0);
	struct wire_ops_history history;
	const int rc = take_history(a, error, message, &history);

	slot->used = false;
	slot->request = 0;
	admin_put_shard(a, slot->shard, &answer);
	answer.events = rc == 0 ? history.events : NULL;
	answer.event_count = rc == 0 ? history.event_count : 0;
	answer.events_cut = rc != 0 || history.event_count == WIRE_EVENTS_MAX;
	admin_answer(a, slot->reply, &answer);
}

void admin_read_history(struct admin *a, uint32_t shard, const char *reply)
{
	const struct subject subject = subject_ops_shard(a->daemon->config->nats_prefix, shard);
	struct admin_slot *slot = admin_slot_take(a, reply);

	if (slot == NULL) {
		admin_refuse(a, reply, SAGA_E_BUSY, "other requests are at work: try again");
		return;
	}
	slot->shard = shard;
	if (ask_last(a, subject.text, on_history, slot, &slot->request) != 0) {
		slot->used = false;
		admin_refuse(a, reply, SAGA_E_DISCONNECTED, "");
	}
}

/* The operation that moves the shard now; 0 = none. */
static uint64_t moved_by(const struct control *c, uint32_t shard)
{
	for (uint32_t i = control_operation_count(c); i > 0; i--) {
		const struct ops *op = control_operation_at(c, i - 1);

		for (uint32_t j = 0; j < op->item_count && !ops_final(op); j++) {
			if (op->items[j].shard == shard && !ops_phase_final(op->items[j].phase))
				return op->number;
		}
	}
	return 0;
}

void admin_note_owner(struct admin *a, uint32_t shard, uint64_t epoch)
{
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	a->stream.epoch[shard] = epoch;
	a->stream.at_ms[shard] = os_clock_wall_ms();
	a->stream.operation[shard] = moved_by(a->daemon->control, shard);
	a->stream.tries[shard] = 0;
}

static void note_failed(struct admin *a)
{
	const uint32_t shard = a->stream.noted;

	a->stream.noting = false;
	if (++a->stream.tries[shard] >= NOTE_TRIES_MAX)
		a->stream.epoch[shard] = 0;
}

static void on_noted(void *context, int error, const struct transport_message *message)
{
	struct admin *a = context;

	if (take_ack(error, message) != 0) {
		note_failed(a);
		return;
	}
	a->stream.noting = false;
	a->stream.epoch[a->stream.noted] = 0;
}

static void on_before(void *context, int error, const struct transport_message *message)
{
	struct admin *a = context;
	const uint32_t shard = a->stream.noted;
	const struct subject subject = subject_ops_shard(a->daemon->config->nats_prefix, shard);
	const struct id operation = ops_id(a->stream.operation[shard]);
	struct wire_ops_history history;

	/* One that cannot be read is begun anew. */
	if (a->daemon->closing ||
	    (take_history(a, error, message, &history) != 0 && a->stream.message.size == 0)) {
		note_failed(a);
		return;
	}
	a->stream.events[0] = (struct wire_ops_event){
		.at = a->stream.at_ms[shard],
		.shard = shard,
		.epoch = a->stream.epoch[shard],
		.node = id_slice(&a->daemon->config->node_id),
		.operation =
			a->stream.operation[shard] == 0 ? slice_of(NULL, 0) : id_slice(&operation),
	};
	if (history.event_count == WIRE_EVENTS_MAX)
		history.event_count--;
	for (uint32_t i = 0; i < history.event_count; i++)
		a->stream.events[i + 1] = history.events[i];
	history.shard = shard;
	history.events = a->stream.events;
	history.event_count++;
	if (publish(a, subject.text, WIRE_OPS_HISTORY, &history, on_noted,
		    &a->stream.note_request) != 0)
		note_failed(a);
}

static void note_step(struct admin *a)
{
	for (uint32_t shard = 0; shard < WIRE_SHARDS_MAX && !a->stream.noting; shard++) {
		const struct subject subject =
			subject_ops_shard(a->daemon->config->nats_prefix, shard);

		if (a->stream.epoch[shard] == 0)
			continue;
		a->stream.noted = shard;
		a->stream.noting =
			ask_last(a, subject.text, on_before, a, &a->stream.note_request) == 0;
		return;
	}
}

void admin_stream_tick(struct admin *a, uint64_t now_ns)
{
	struct transport_stats stats;

	a->daemon->transport->ops->stats(a->daemon->transport, &stats);
	if (!stats.connected || a->daemon->closing)
		return;
	archive_step(a, now_ns);
	note_step(a);
}
