/* How much a connection asks of a cluster that is busy. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "client/call.h"
#include "client/connection.h"
#include "client/status.h"
#include "wire/message.h"

/* ---- the queue -------------------------------------------------------------------------------
 */

/* Who has been refused before is older than all who wait. */
void call_queue(struct saga_connection *connection, struct call *call, uint64_t now_ms)
{
	struct client_calls *calls = &connection->calls;

	CHECK(!call->queued);
	call->queued = true;
	calls->queued++;
	call->older = call->newer = NULL;
	if (call->queued_ms == 0)
		call->queued_ms = now_ms;
	if (calls->oldest == NULL) {
		calls->oldest = calls->newest = call;
	} else if (call->sends > 0) {
		call->newer = calls->oldest;
		calls->oldest->older = call;
		calls->oldest = call;
	} else {
		call->older = calls->newest;
		calls->newest->newer = call;
		calls->newest = call;
	}
}

void call_unqueue(struct client_calls *calls, struct call *call)
{
	CHECK(call->queued);
	if (call->older != NULL)
		call->older->newer = call->newer;
	else
		calls->oldest = call->newer;
	if (call->newer != NULL)
		call->newer->older = call->older;
	else
		calls->newest = call->older;
	call->older = call->newer = NULL;
	call->queued = false;
	calls->queued--;
}

/* First come, first served, while that is quick. When more come than the cluster takes, that would
 * give each of them its turn when its time is nearly over, and nobody would be done in time: then
 * the newest are served in time, and the others end as busy. */
struct call *calls_next(const struct saga_connection *connection, uint64_t now_ms)
{
	const struct client_calls *calls = &connection->calls;
	struct call *call = calls->oldest;

	CHECK(call != NULL);
	if (connection->info.known)
		return now_ms - call->queued_ms > CALL_FAIR_MS ? calls->newest : call;
	while (call != NULL && !call->any_node)
		call = call->newer;
	return call;
}

/* While the window is smaller than it could be, an answer takes its time. */
bool call_is_too_late(const struct client_calls *calls, const struct call *call, uint64_t now_ms)
{
	return calls->window < CALL_WINDOW && now_ms + CALL_SILENCE_MIN_MS > call->deadline_ms &&
	       now_ms - call->queued_ms > CALL_SILENCE_MIN_MS;
}

/* ---- the window ------------------------------------------------------------------------------
 */

/* Nobody waits for it, nobody was refused, and half of it was enough. */
static bool window_is_idle(const struct client_calls *calls)
{
	return calls->refused == 0 && calls->queued == 0 && calls->resting == 0 &&
	       calls->asking <= calls->window / 2;
}

/* Less by half of the share that was refused, so that one full shard among many costs little. A
 * window that is not used up learns nothing more from answers: quiet times open it again, or it
 * would turn away a crowd for what was refused long ago. */
static void pace(struct client_calls *calls, uint64_t now_ms)
{
	const uint32_t answers = calls->taken + calls->refused;

	if (now_ms - calls->paced_ms < CALL_PACE_MS)
		return;
	if (calls->refused > 0) {
		const uint32_t used = calls->asking < calls->window ? calls->asking : calls->window;

		calls->window = used - (uint32_t)((uint64_t)used * calls->refused / answers / 2);
		if (calls->window < CALL_WINDOW_MIN)
			calls->window = CALL_WINDOW_MIN;
	} else if (window_is_idle(calls)) {
		calls->window = calls->window < CALL_WINDOW / 2 ? calls->window * 2 : CALL_WINDOW;
	}
	calls->taken = calls->refused = 0;
	calls->paced_ms = now_ms;
}

/* Whoever comes to a crowd that waits in vain would only make it larger: that is said at once. */
void calls_watch_crowd(struct saga_connection *connection)
{
	const struct client_calls *calls = &connection->calls;
	const bool crowded =
		calls->window < CALL_WINDOW && calls->queued + calls->resting >= CALL_CROWD;

	if (crowded != atomic_load_explicit(&connection->crowded, memory_order_relaxed))
		atomic_store(&connection->crowded, crowded);
}

/* Larger by eight, about, each time that a whole window was taken. */
void calls_count_taken(struct client_calls *calls, uint64_t now_ms)
{
	calls->taken++;
	if (calls->window < CALL_WINDOW && calls->taken % (calls->window / 8 + 1) == 0)
		calls->window++;
	pace(calls, now_ms);
}

void call_explain(struct call *call, int error)
{
	char *text = call->status.text;
	const size_t size = sizeof call->status.text;
	const size_t used = strlen(text);

	/* What a refusal said is no explanation of another end. */
	if (error == SAGA_E_UNKNOWN || (error != 0 && used == 0))
		(void)snprintf(text, size, "%s", err_text(error));
	if (error == SAGA_E_BUSY && call->refusals > 0)
		(void)snprintf(text + (call->explained ? used : 0), size - used,
			       "%stry again in %" PRIu32 " ms", call->explained ? ": " : "",
			       call->retry_after_ms);
}

/* The owner's hint has its own jitter and grows with its load; ours keeps those apart who got the
 * same one, and never comes before it. */
void call_refused(struct saga_connection *connection, struct call *call,
		  const struct wire_answer *answer)
{
	const uint64_t now_ms = client_now_ms();
	uint64_t rest_ms = answer->retry_after_ms > CLIENT_BACKOFF_MIN_MS ? answer->retry_after_ms
									  : CLIENT_BACKOFF_MIN_MS;

	rest_ms += prng_below(&connection->prng, rest_ms / 4 + 1);
	call->refusals++;
	call->error = SAGA_E_BUSY;
	call->retry_after_ms = answer->retry_after_ms;
	call->explained = answer->text.size > 0;
	if (call->explained)
		status_set_text(&call->status, answer->text);
	connection->calls.refused++;
	pace(&connection->calls, now_ms);
	if (call->phase != CALL_ASKING || !call_was_refused(call))
		return; /* something else of it is on its way, or it rests already */
	call_set_phase(connection, call, CALL_RESTING);
	call_arm(&connection->calls, call,
		 now_ms + rest_ms < call->deadline_ms ? now_ms + rest_ms : call->deadline_ms);
}
