#include "client/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "client/connection.h"
#include "wire/codec.h"

enum { SLOT_NONE = UINT32_MAX, SLOTS_FIRST = 64 };

struct call *call_create(enum call_kind kind, const char *id, int *error)
{
	struct call *call = calloc(1, sizeof *call);

	*error = SAGA_E_NO_MEMORY;
	if (call == NULL)
		return NULL;
	*error = id == NULL ? SAGA_E_NAME : id_from(&call->id, slice_str(id));
	if (*error != 0) {
		free(call);
		return NULL;
	}
	call->kind = kind;
	call->retry_until_at = UINT64_MAX;
	timer_init(&call->timer, 0);
	buf_init(&call->request, WIRE_MESSAGE_SIZE_MAX);
	(void)memcpy(call->status.id, call->id.text, sizeof call->id.text);
	return call;
}

void call_free(struct call *call)
{
	buf_close(&call->request);
	free(call);
}

uint64_t call_deadline(uint32_t timeout_ms)
{
	return client_now_ms() + (timeout_ms != 0 ? timeout_ms : CLIENT_TIMEOUT_DEFAULT_MS);
}

/* ---- slots: a token names a slot and its generation, never memory ---------------------------- */

static bool slots_grow(struct client_calls *calls)
{
	const uint32_t count = calls->slot_count == 0 ? SLOTS_FIRST : calls->slot_count * 2;
	struct call_slot *slots = realloc(calls->slots, count * sizeof *slots);
	struct timer **timers;

	if (slots == NULL)
		return false;
	calls->slots = slots;
	timers = realloc(calls->timers.slots, count * sizeof(struct timer *));
	if (timers == NULL)
		return false;
	calls->timers.slots = timers;
	calls->timers.capacity = count;
	for (uint32_t i = count; i-- > calls->slot_count;) {
		slots[i] = (struct call_slot){.generation = 1, .next_free = calls->free_slot};
		calls->free_slot = i;
	}
	calls->slot_count = count;
	return true;
}

static bool slot_take(struct client_calls *calls, struct call *call)
{
	if (calls->free_slot == SLOT_NONE && !slots_grow(calls))
		return false;
	call->slot = calls->free_slot;
	calls->free_slot = calls->slots[call->slot].next_free;
	calls->slots[call->slot].call = call;
	call->generation = calls->slots[call->slot].generation;
	call->timer.owner = call->slot;
	return true;
}

static void slot_release(struct client_calls *calls, const struct call *call)
{
	struct call_slot *slot = &calls->slots[call->slot];

	CHECK(slot->call == call);
	slot->call = NULL;
	slot->generation++;
	slot->next_free = calls->free_slot;
	calls->free_slot = call->slot;
}

/* ---- life cycle -------------------------------------------------------------------------------
 */

/* What is put off stays where it is in the heap until it comes up: most calls end before that. */
void call_arm(struct client_calls *calls, struct call *call, uint64_t at_ms)
{
	call->due_ms = at_ms;
	if (!timer_armed(&call->timer) || at_ms < call->timer.deadline)
		timer_arm(&calls->timers, &call->timer, at_ms);
}

void call_set_phase(struct saga_connection *connection, struct call *call, enum call_phase phase)
{
	if (call->phase == CALL_ASKING && phase != CALL_ASKING)
		connection->calls.asking--;
	if (call->phase != CALL_ASKING && phase == CALL_ASKING)
		connection->calls.asking++;
	if (call->phase == CALL_RESTING)
		connection->calls.resting--;
	if (phase == CALL_RESTING)
		connection->calls.resting++;
	if (call->queued)
		call_unqueue(&connection->calls, call);
	call->phase = phase;
}

void call_end(struct saga_connection *connection, struct call *call, int error)
{
	const bool accepted_told = call->kind == CALL_SUBMIT && call->answered;
	saga_callback tell = call->finished;

	call_set_phase(connection, call, CALL_QUEUED);
	timer_cancel(&connection->calls.timers, &call->timer);
	slot_release(&connection->calls, call);
	(void)atomic_fetch_sub(&connection->calls_open, 1);
	if (call->kind == CALL_SUBMIT && !accepted_told)
		tell = call->accepted;
	call_explain(call, error);
	if (tell != NULL)
		tell(call->context, error, &call->status);
	call_free(call);
}

/* Nothing of the call has left this process: that is not unknown, and the reason is. */
static int why_unsent(const struct saga_connection *connection, const struct call *call)
{
	const int error = connection->info.error != 0 ? connection->info.error : call->error;

	/* To a caller a time-out would say that the saga goes on. */
	if (error == SAGA_E_TIMEOUT)
		return SAGA_E_NO_RESPONDERS;
	if (error != 0)
		return error;
	/* Only the window can have kept it. */
	return connection->connected && connection->info.known ? SAGA_E_BUSY : SAGA_E_DISCONNECTED;
}

/* The time of the call is over, or the connection closes. */
static void call_give_up(struct saga_connection *connection, struct call *call, int when_answered)
{
	int error = when_answered;

	if (!call->answered && call->sent)
		error = call_was_refused(call) ? call_refusal(call) : SAGA_E_UNKNOWN;
	else if (!call->answered && when_answered == SAGA_E_TIMEOUT)
		error = why_unsent(connection, call);
	call_end(connection, call, error);
}

static void call_run(struct saga_connection *connection, struct client_task *task)
{
	struct call *call = (struct call *)task;
	struct client_calls *calls = &connection->calls;

	if (!slot_take(calls, call)) {
		(void)atomic_fetch_sub(&connection->calls_open, 1);
		if (call->kind == CALL_SUBMIT && call->accepted != NULL)
			call->accepted(call->context, SAGA_E_NO_MEMORY, &call->status);
		else if (call->kind != CALL_SUBMIT)
			call->finished(call->context, SAGA_E_NO_MEMORY, &call->status);
		call_free(call);
		return;
	}
	call->phase = CALL_QUEUED;
	/* Then the stream is asked how many shards there are, when no node is up to tell. */
	if (call->inbox)
		memcpy(connection->info.inbox_stream, call->inbox_stream,
		       sizeof call->inbox_stream);
	call_queue(connection, call, client_now_ms());
	call_arm(calls, call, call->deadline_ms);
}

bool calls_full(struct saga_connection *connection)
{
	return atomic_load(&connection->crowded) ||
	       atomic_load(&connection->calls_open) >= CALL_LIMIT;
}

int call_submit(struct saga_connection *connection, struct call *call)
{
	int error = SAGA_E_STOPPING;

	call->task.run = call_run;
	if (atomic_fetch_add(&connection->calls_open, 1) >= CALL_LIMIT)
		error = SAGA_E_BUSY;
	else if (connection_post(connection, &call->task))
		return 0;
	(void)atomic_fetch_sub(&connection->calls_open, 1);
	call_free(call);
	return error;
}

/* ---- sending ----------------------------------------------------------------------------------
 */

void call_wait_for(struct saga_connection *connection, struct call *call, uint64_t delay_ms,
		   uint64_t now_ms)
{
	uint64_t at_ms = now_ms + connection_jitter(connection, delay_ms);

	if (at_ms > call->deadline_ms)
		at_ms = call->deadline_ms;
	call_arm(&connection->calls, call, at_ms);
}

static enum subject_verb verb_of(const struct call *call)
{
	if (call->kind == CALL_INQUIRE)
		return SUBJECT_INQUIRE;
	if (call->phase == CALL_AWAITING)
		return SUBJECT_QUERY;
	switch (call->kind) {
	case CALL_SUBMIT:
		return SUBJECT_SUBMIT;
	case CALL_CANCEL:
		return SUBJECT_CANCEL;
	case CALL_ENLIST:
		return SUBJECT_ENLIST;
	case CALL_COMMIT:
		return SUBJECT_COMMIT;
	case CALL_INQUIRE:
	case CALL_QUERY:
	case CALL_WAIT:
		break;
	}
	return SUBJECT_QUERY;
}

/* The question for an outcome, of a call that has an answer to its request. */
static int encode_question(const struct call *call, struct buf *bytes)
{
	const struct wire_query query = {.id = id_slice(&call->id),
					 .wait = call->wants_promise,
					 .until = call->wants_promise ? call->until : 0};

	return wire_encode(WIRE_QUERY, &query, bytes);
}

static bool to_any_node(const struct call *call)
{
	return call->any_node && call->phase == CALL_ASKING;
}

static struct subject subject_of(const struct saga_connection *connection, const struct call *call)
{
	if (to_any_node(call))
		return subject_submit(connection->prefix, id_slice(&connection->party));
	CHECK(connection->info.known);
	if (call->inbox)
		return subject_inbox(connection->prefix,
				     wire_shard_of(&connection->info.slots, id_slice(&call->id)),
				     id_slice(&connection->party));
	return subject_shard(
		connection->prefix, wire_shard_of(&connection->info.slots, id_slice(&call->id)),
		verb_of(call), id_slice(call->party.size > 0 ? &call->party : &connection->party));
}

/* "<inbox>.<generation><slot>", in hex. */
static uint32_t write_token(const struct saga_connection *connection, const struct call *call,
			    char reply[SUBJECT_SIZE_MAX])
{
	const uint32_t inbox_size = connection->calls.inbox_size;
	uint64_t token = (uint64_t)call->generation << 32U | call->slot;
	char *end = reply + inbox_size + 1 + CALL_TOKEN_SIZE;

	(void)memcpy(reply, connection->calls.inbox, inbox_size);
	reply[inbox_size] = '.';
	*end = '\0';
	for (uint32_t i = 0; i < CALL_TOKEN_SIZE; i++, token >>= 4U)
		*--end = "0123456789abcdef"[token & 0xfU];
	return inbox_size + 1 + CALL_TOKEN_SIZE;
}

static int publish(struct saga_connection *connection, const struct call *call)
{
	const struct subject subject = subject_of(connection, call);
	char reply[SUBJECT_SIZE_MAX];
	uint8_t memory[256];
	struct buf question;
	struct slice bytes = buf_slice(&call->request);
	const uint32_t size = write_token(connection, call, reply);

	if (verb_of(call) == SUBJECT_QUERY && call->phase == CALL_AWAITING) {
		buf_init_fixed(&question, memory, sizeof memory);
		CHECK_EQ(encode_question(call, &question), 0);
		bytes = buf_slice(&question);
	}
	return connection->transport->ops->publish(connection->transport, subject.text,
						   slice_of(reply, size), NULL, 0, bytes);
}

/* Another owner knows nothing of the promise, and what an owner sends while we are disconnected is
 * lost. */
static bool needs_promise(const struct saga_connection *connection, const struct call *call)
{
	return !call->promised || call->promised_epoch != call->status.epoch ||
	       call->promised_connects != connection->connects;
}

void call_send(struct saga_connection *connection, struct call *call, uint64_t now_ms)
{
	int err;

	/* After that moment the owner may have forgotten the id: it would be a new saga (S5). */
	if (call->phase == CALL_ASKING && os_clock_wall_ms() >= call->retry_until_at) {
		call_end(connection, call,
			 !call->sent              ? SAGA_E_EXPIRED
			 : call_was_refused(call) ? call_refusal(call)
						  : SAGA_E_UNKNOWN);
		return;
	}
	call->wants_promise =
		call->phase == CALL_ASKING ? call->want_final : needs_promise(connection, call);
	if (!to_any_node(call) && !connection->info.known) {
		/* Submitted through any node, and the outcome is late: now the owner matters. */
		connection_want_info(connection);
		call_wait_for(connection, call, CLIENT_BACKOFF_MAX_MS, now_ms);
		return;
	}
	err = publish(connection, call);
	if (err == SAGA_E_TOO_LARGE) {
		call_end(connection, call, err);
		return;
	}
	if (err != 0) {
		call->error = err;
		call_wait_for(connection, call, CLIENT_BACKOFF_MIN_MS, now_ms);
		return;
	}
	call->sent = true;
	call->sends++;
	if (call->phase == CALL_AWAITING) {
		call_wait_for(connection, call, CALL_OUTCOME_MS, now_ms);
		return;
	}
	call->silence_ms = call->silence_ms == 0 ? CALL_SILENCE_MIN_MS : CALL_SILENCE_MAX_MS;
	call_wait_for(connection, call, call->silence_ms, now_ms);
}

static bool resend_allowed(struct client_calls *calls, uint64_t now_ms)
{
	const uint64_t period = now_ms / 100U;

	if (calls->resend_period != period) {
		calls->resend_period = period;
		calls->resends = 0;
	}
	if (calls->resends >= CALL_RESENDS_PER_100MS)
		return false;
	calls->resends++;
	return true;
}

static void queue_again(struct saga_connection *connection, struct call *call, uint64_t now_ms)
{
	call_set_phase(connection, call, CALL_QUEUED);
	call_queue(connection, call, now_ms);
	call_arm(&connection->calls, call, call->deadline_ms);
}

static void on_due(struct saga_connection *connection, struct call *call, uint64_t now_ms)
{
	if (now_ms < call->due_ms)
		timer_arm(&connection->calls.timers, &call->timer, call->due_ms);
	else if (now_ms >= call->deadline_ms)
		call_give_up(connection, call, SAGA_E_TIMEOUT);
	else if (call->phase == CALL_RESTING)
		queue_again(connection, call, now_ms);
	else if (!resend_allowed(&connection->calls, now_ms))
		call_wait_for(connection, call, CLIENT_BACKOFF_MIN_MS, now_ms);
	else
		call_send(connection, call, now_ms);
}

void calls_turn(struct saga_connection *connection, uint64_t now_ms)
{
	struct client_calls *calls = &connection->calls;
	struct timer *timer;
	struct call *call;

	while ((timer = timer_heap_pop_due(&calls->timers, now_ms)) != NULL)
		on_due(connection, calls->slots[timer->owner].call, now_ms);
	while (calls->oldest != NULL && calls->asking < calls->window) {
		call = calls_next(connection, now_ms);
		if (call == NULL) {
			connection_want_info(connection);
			connection_info_turn(connection, now_ms);
			return;
		}
		if (call_is_too_late(calls, call, now_ms)) {
			call_end(connection, call, SAGA_E_BUSY);
			continue;
		}
		call_set_phase(connection, call, CALL_ASKING);
		call_send(connection, call, now_ms);
	}
}

uint64_t calls_next_ms(const struct saga_connection *connection)
{
	const struct timer *timer = timer_heap_peek(&connection->calls.timers);

	return timer != NULL ? timer->deadline : UINT64_MAX;
}

int calls_open(struct saga_connection *connection)
{
	struct client_calls *calls = &connection->calls;
	char subject[SUBJECT_SIZE_MAX];

	timer_heap_init(&calls->timers, NULL, 0);
	calls->free_slot = SLOT_NONE;
	calls->window = CALL_WINDOW;
	calls->seen = calloc(CALL_SEEN_ENTRIES, sizeof *calls->seen);
	if (calls->seen == NULL)
		return SAGA_E_NO_MEMORY;
	connection->transport->ops->inbox(connection->transport, calls->inbox, sizeof calls->inbox);
	calls->inbox_size = (uint32_t)strlen(calls->inbox);
	(void)snprintf(subject, sizeof subject, "%s.*", calls->inbox);
	return connection->transport->ops->subscribe(connection->transport, subject, NULL,
						     call_on_message, connection,
						     &calls->subscription);
}

void calls_close(struct saga_connection *connection)
{
	struct client_calls *calls = &connection->calls;

	for (uint32_t i = 0; i < calls->slot_count; i++) {
		if (calls->slots[i].call != NULL)
			call_give_up(connection, calls->slots[i].call, SAGA_E_STOPPING);
	}
	free(calls->slots);
	free(calls->timers.slots);
	free(calls->seen);
	*calls = (struct client_calls){.free_slot = SLOT_NONE};
}
