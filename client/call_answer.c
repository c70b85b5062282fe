/* What owners answer. */
#include <string.h>

#include "base/check.h"
#include "client/call.h"
#include "client/connection.h"
#include "client/status.h"
#include "wire/codec.h"

/* Not worth telling the caller while there is time: the same bytes may be taken later. */
static void ask_again(struct saga_connection *connection, struct call *call, int error,
		      uint32_t retry_after_ms)
{
	const bool moves = error == SAGA_E_NOT_OWNER || error == SAGA_E_NO_RESPONDERS;
	const uint32_t least_ms = moves ? CLIENT_MOVED_MIN_MS : CLIENT_BACKOFF_MIN_MS;
	uint32_t most_ms = CLIENT_BACKOFF_MAX_MS;
	uint32_t delay_ms = call->backoff_ms;

	if (call->phase == CALL_QUEUED || call->phase == CALL_RESTING)
		return; /* it will, without that */
	call->error = error;
	if (call->phase == CALL_AWAITING) {
		/* The owner is changing, most likely: ask the next one soon. */
		call->promised = false;
		most_ms = CLIENT_BACKOFF_MAX_MS / 2;
	}
	if (delay_ms < least_ms)
		delay_ms = least_ms;
	/* Between two owners it pays to ask often: a pause is short, or else long. */
	call->backoff_ms = moves ? delay_ms * 3 / 2 : delay_ms * 2;
	if (call->backoff_ms > most_ms)
		call->backoff_ms = most_ms;
	if (retry_after_ms > delay_ms)
		delay_ms = retry_after_ms;
	call_wait_for(connection, call, delay_ms, client_now_ms());
}

/* S2: true when something newer was seen of this id. The call's own memory does not depend on what
 * other ids did to the table. */
static bool is_older(struct client_calls *calls, const struct call *call,
		     const struct wire_answer *answer)
{
	const uint64_t hash = hash_xxh3_64(answer->id);
	struct call_seen *seen = &calls->seen[hash % CALL_SEEN_ENTRIES];

	if (answer->epoch < call->status.epoch)
		return true;
	if (seen->id_hash == hash &&
	    (answer->epoch < seen->epoch ||
	     (answer->epoch == seen->epoch && answer->record_number < seen->record_number)))
		return true;
	*seen = (struct call_seen){
		.id_hash = hash, .epoch = answer->epoch, .record_number = answer->record_number};
	return false;
}

/* What the caller waits for. */
static bool is_outcome(const struct call *call)
{
	return saga_state_final(call->status.state) ||
	       (call->until == WIRE_UNTIL_DECIDED && call->status.decision != SAGA_DECISION_NONE);
}

static bool is_undecided(const struct call *call)
{
	return call->status.decision == SAGA_DECISION_NONE && !saga_state_final(call->status.state);
}

/* "Not decided yet" is an answer, and asked again. */
static void on_undecided(struct saga_connection *connection, struct call *call,
			 uint32_t retry_after_ms)
{
	call->answered = true;
	call->error = 0;
	call_set_phase(connection, call, CALL_AWAITING);
	call_wait_for(connection, call,
		      retry_after_ms > CLIENT_BACKOFF_MIN_MS ? retry_after_ms
							     : CLIENT_BACKOFF_MIN_MS,
		      client_now_ms());
}

static void on_state(struct saga_connection *connection, struct call *call)
{
	const bool first = !call->answered;

	/* An end tells its decision, also of an id that never was one. */
	if (call->kind == CALL_INQUIRE && call->status.decision == SAGA_DECISION_NONE)
		call->status.decision = call->status.state == SAGA_STATE_COMPLETED
						? SAGA_DECISION_COMMIT
						: SAGA_DECISION_ABORT;
	if (call->kind == CALL_QUERY || call->kind == CALL_CANCEL || call->kind == CALL_ENLIST ||
	    call->kind == CALL_INQUIRE) {
		if (call->kind == CALL_ENLIST)
			calls_count_taken(&connection->calls, client_now_ms());
		call_end(connection, call, 0);
		return;
	}
	call->answered = true;
	call->error = 0;
	call->backoff_ms = 0; /* its owner is there */
	if (first)
		calls_count_taken(&connection->calls, client_now_ms());
	if (first && call->kind == CALL_SUBMIT && call->accepted != NULL)
		call->accepted(call->context, 0, &call->status);
	if (!call->want_final || is_outcome(call)) {
		if (!call->want_final)
			call->finished = NULL;
		call_end(connection, call, 0);
		return;
	}
	if (call->wants_promise) {
		call->promised = true;
		call->promised_epoch = call->status.epoch;
		call->promised_connects = connection->connects;
	}
	call_set_phase(connection, call, CALL_AWAITING);
	call_wait_for(connection, call, CALL_OUTCOME_MS, client_now_ms());
}

static void on_answer(struct saga_connection *connection, struct call *call,
		      const struct wire_answer *answer)
{
	const int error = answer->code == 0 ? 0 : err_from_wire(answer->code);

	if (error == SAGA_E_BUSY && call->phase != CALL_AWAITING) {
		call_refused(connection, call, answer);
		return;
	}
	if (err_class(error) == ERR_CLASS_RETRY) {
		if (error == SAGA_E_PENDING)
			call->refusals++; /* it has changed nothing */
		ask_again(connection, call, error, answer->retry_after_ms);
		return;
	}
	if (error == SAGA_E_WRONG_SHARD) {
		connection_want_info(connection);
		ask_again(connection, call, error, 0);
		return;
	}
	/* A final state is durable whoever says it; everything else could be of the past. What
	 * refuses a request for its form has no place in the journal, hence no epoch. */
	if ((error == 0 || answer->epoch != 0) && is_older(&connection->calls, call, answer) &&
	    !(error == 0 && wire_state_final(answer->state)))
		return;
	if (error == SAGA_E_NOT_FOUND && call->phase == CALL_AWAITING && !call->wants_promise) {
		/* A plain question's answer may be of the past (S2), and this one would end the
		 * call: whoever asks for the outcome gets an answer that is not. */
		ask_again(connection, call, error, 0);
		return;
	}
	if (error == 0 || answer->state != WIRE_STATE_NONE)
		status_from_answer(&call->status, answer);
	else
		status_set_text(&call->status, answer->text);
	if (error == 0 && call->kind == CALL_INQUIRE && is_undecided(call))
		on_undecided(connection, call, answer->retry_after_ms);
	else if (error == 0)
		on_state(connection, call);
	else if ((call->kind == CALL_SUBMIT || call->kind == CALL_COMMIT) && call->answered &&
		 error != SAGA_E_NOT_FOUND)
		/* A duplicate of the request may be refused after the first was taken. */
		return;
	else
		call_end(connection, call, error);
}

/* The broker has it, and has said so; what becomes of it nobody tells us. */
static void on_stored(struct saga_connection *connection, struct call *call,
		      const struct transport_message *message)
{
	const int error = call_inbox_answer(message->data);

	if (err_class(error) == ERR_CLASS_RETRY)
		ask_again(connection, call, error, 0);
	else
		call_end(connection, call, error);
}

/* The last token of the subject is the generation and the slot, in hex. */
static struct call *find_call(const struct client_calls *calls, struct slice subject)
{
	uint64_t token = 0;
	uint32_t slot;

	if (subject.size < CALL_TOKEN_SIZE)
		return NULL;
	for (uint32_t i = subject.size - CALL_TOKEN_SIZE; i < subject.size; i++) {
		const uint8_t digit = subject.data[i];

		if (digit >= '0' && digit <= '9')
			token = token << 4U | (uint32_t)(digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			token = token << 4U | (uint32_t)(digit - 'a' + 10);
		else
			return NULL;
	}
	slot = (uint32_t)token;
	if (slot >= calls->slot_count || calls->slots[slot].generation != token >> 32U)
		return NULL;
	return calls->slots[slot].call;
}

void call_on_message(void *context, const struct transport_message *message)
{
	struct saga_connection *connection = context;
	struct call *call = find_call(&connection->calls, message->subject);
	struct wire_answer answer;
	struct arena arena;

	if (call == NULL || call->sends == 0)
		return;
	if (message->status != 0) {
		ask_again(connection, call, SAGA_E_NO_RESPONDERS, 0);
		return;
	}
	if (call->inbox) {
		on_stored(connection, call, message);
		return;
	}
	arena_init(&arena, connection->scratch, CLIENT_SCRATCH_SIZE);
	if (wire_decode(WIRE_ANSWER, message->data, &arena, &answer, NULL) != 0) {
		connection_log(connection, 2, "an answer that cannot be read was dropped");
		return;
	}
	/* What is refused unread is refused without its id; the subject names the call. */
	if (answer.id.size == 0 && answer.code != 0)
		answer.id = id_slice(&call->id);
	if (slice_equal(answer.id, id_slice(&call->id)))
		on_answer(connection, call, &answer);
}
