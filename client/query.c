/* saga_query, saga_wait, saga_cancel. */
#include "client/connection.h"
#include "client/waiter.h"
#include "wire/codec.h"

static int encode(struct call *call, const char *reason)
{
	const struct wire_query query = {.id = id_slice(&call->id),
					 .wait = call->kind == CALL_WAIT};
	/* Without an end of its own: who submits this id, and for how long, is not known here, and
	 * a submit that comes after the tombstone has gone would run (S10). */
	const struct wire_cancel cancel = {.id = id_slice(&call->id),
					   .reason = slice_str(reason != NULL ? reason : "")};

	if (call->kind == CALL_CANCEL)
		return wire_encode(WIRE_CANCEL, &cancel, &call->request);
	return wire_encode(WIRE_QUERY, &query, &call->request);
}

static int ask(struct saga_connection *connection, enum call_kind kind, const char *id,
	       const char *reason, uint32_t timeout_ms, struct saga_status *status)
{
	struct waiter waiter = {.status = status};
	struct call *call;
	int err;

	if (status != NULL)
		*status = (struct saga_status){.state = SAGA_STATE_NONE};
	call = call_create(kind, id, &err);
	if (call == NULL)
		return err;
	call->want_final = kind == CALL_WAIT;
	call->finished = waiter_on_end;
	call->deadline_ms =
		client_now_ms() + (timeout_ms != 0 ? timeout_ms : CLIENT_TIMEOUT_DEFAULT_MS);
	err = encode(call, reason);
	if (err != 0) {
		call_free(call);
		return err;
	}
	return waiter_run(connection, call, &waiter);
}

int saga_query(struct saga_connection *connection, const char *id, uint32_t timeout_ms,
	       struct saga_status *status)
{
	return ask(connection, CALL_QUERY, id, NULL, timeout_ms, status);
}

int saga_wait(struct saga_connection *connection, const char *id, uint32_t timeout_ms,
	      struct saga_status *status)
{
	return ask(connection, CALL_WAIT, id, NULL, timeout_ms, status);
}

int saga_cancel(struct saga_connection *connection, const char *id, const char *reason,
		uint32_t timeout_ms, struct saga_status *status)
{
	return ask(connection, CALL_CANCEL, id, reason, timeout_ms, status);
}
