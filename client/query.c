/* saga_query, saga_wait, saga_cancel, saga_inquire. */
#include "client/connection.h"
#include "client/waiter.h"
#include "wire/codec.h"

static int encode(struct call *call, const char *reason)
{
	const struct wire_query query = {
		.id = id_slice(&call->id), .wait = call->kind == CALL_WAIT, .until = call->until};
	/* Without an end of its own: who submits this id, and for how long, is not known here, and
	 * a submit that comes after the tombstone has gone would run (S10). */
	const struct wire_cancel cancel = {.id = id_slice(&call->id),
					   .reason = slice_str(reason != NULL ? reason : "")};

	if (call->kind == CALL_CANCEL)
		return wire_encode(WIRE_CANCEL, &cancel, &call->request);
	return wire_encode(WIRE_QUERY, &query, &call->request);
}

static int ask(struct saga_connection *connection, enum call_kind kind, const char *id,
	       const char *reason, enum saga_answer until, uint32_t timeout_ms,
	       struct saga_status *status)
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
	call->until = (uint32_t)until;
	call->finished = waiter_on_end;
	call->deadline_ms = call_deadline(timeout_ms);
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
	return ask(connection, CALL_QUERY, id, NULL, SAGA_ANSWER_COMPLETED, timeout_ms, status);
}

int saga_wait(struct saga_connection *connection, const char *id, uint32_t timeout_ms,
	      struct saga_status *status)
{
	return ask(connection, CALL_WAIT, id, NULL, SAGA_ANSWER_COMPLETED, timeout_ms, status);
}

int saga_wait_decided(struct saga_connection *connection, const char *id, uint32_t timeout_ms,
		      struct saga_status *status)
{
	return ask(connection, CALL_WAIT, id, NULL, SAGA_ANSWER_DECIDED, timeout_ms, status);
}

int saga_cancel(struct saga_connection *connection, const char *id, const char *reason,
		uint32_t timeout_ms, struct saga_status *status)
{
	return ask(connection, CALL_CANCEL, id, reason, SAGA_ANSWER_COMPLETED, timeout_ms, status);
}

int saga_inquire(struct saga_connection *connection, const char *service, const char *id,
		 const char *step, uint32_t timeout_ms, struct saga_status *status)
{
	struct waiter waiter = {.status = status};
	struct wire_inquire inquire = {.step = slice_str(step != NULL ? step : "")};
	struct call *call;
	int err;

	if (status != NULL)
		*status = (struct saga_status){.state = SAGA_STATE_NONE};
	call = call_create(CALL_INQUIRE, id, &err);
	if (call == NULL)
		return err;
	inquire.id = id_slice(&call->id);
	call->finished = waiter_on_end;
	call->deadline_ms = call_deadline(timeout_ms);
	if (service != NULL)
		err = id_from(&call->party, slice_str(service));
	if (err == 0 && !id_valid(inquire.step))
		err = SAGA_E_NAME;
	if (err == 0)
		err = wire_encode(WIRE_INQUIRE, &inquire, &call->request);
	if (err != 0) {
		call_free(call);
		return err;
	}
	return waiter_run(connection, call, &waiter);
}
