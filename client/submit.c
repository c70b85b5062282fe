/* saga_submit and its kin: builds the request on the caller's thread, so that the loop only sends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_clock.h"
#include "base/os_entropy.h"
#include "client/connection.h"
#include "client/definition.h"
#include "client/submit.h"
#include "client/waiter.h"
#include "wire/codec.h"

enum {
	RETRY_WINDOW_DEFAULT_MS = 600000,
	INBOX_WINDOW_DEFAULT_MS = 86400000, /* it may lie there while no node is up */
	REQUEST_OVERHEAD = 192              /* of a submit beside its plan and input */
};

void saga_submit_options_init(struct saga_submit_options *options)
{
	*options = (struct saga_submit_options){.size = sizeof *options};
}

/* "key=value" of the caller's, NULL-terminated. */
static int take_labels(const char *const *texts, struct wire_label labels[WIRE_LABELS_MAX],
		       uint32_t *count)
{
	*count = 0;
	for (; texts != NULL && *texts != NULL; texts++) {
		const char *equals = strchr(*texts, '=');

		if (equals == NULL)
			return SAGA_E_USAGE;
		if (*count == WIRE_LABELS_MAX)
			return SAGA_E_TOO_LARGE;
		labels[*count].key = slice_of(*texts, (uint32_t)(equals - *texts));
		labels[*count].value = slice_str(equals + 1);
		(*count)++;
	}
	return 0;
}

static int encode(struct call *call, const struct wire_plan *plan,
		  const struct saga_submit_options *options)
{
	struct wire_label labels[WIRE_LABELS_MAX];
	struct wire_submit submit = {
		.id = id_slice(&call->id),
		.plan = *plan,
		.retry_until_at = call->retry_until_at,
		.deadline_ms = options->deadline_ms,
		.labels = labels,
		.wait = call->want_final,
		.until = call->until,
	};
	int err;

	if (options->input_size > WIRE_INPUT_SIZE_MAX)
		return SAGA_E_TOO_LARGE;
	if (options->input_size > 0)
		submit.input = slice_of(options->input, (uint32_t)options->input_size);
	if (options->traceparent != NULL)
		submit.traceparent = slice_str(options->traceparent);
	err = take_labels(options->labels, labels, &submit.label_count);
	if (err != 0)
		return err;
	/* Room at once for what it will be, as a rule. */
	(void)buf_grow(&call->request,
		       submit.plan.encoded.size + submit.input.size + REQUEST_OVERHEAD);
	buf_clear(&call->request);
	return wire_encode(WIRE_SUBMIT, &submit, &call->request);
}

static uint32_t window_of(const struct saga_submit_options *options)
{
	if (options->retry_window_ms != 0)
		return options->retry_window_ms;
	return options->inbox != 0 ? INBOX_WINDOW_DEFAULT_MS : RETRY_WINDOW_DEFAULT_MS;
}

static int take_inbox(struct call *call, const struct saga_submit_options *options)
{
	const char *prefix = options->stream_prefix != NULL ? options->stream_prefix : "SAGA";

	if (options->inbox == 0)
		return 0;
	if (call->want_final || call->any_node)
		return SAGA_E_USAGE; /* nobody would tell the outcome; and the broker is no node */
	if (!id_valid(slice_str(prefix)))
		return SAGA_E_NAME;
	call->inbox = true;
	(void)snprintf(call->inbox_stream, sizeof call->inbox_stream, "%s_INBOX", prefix);
	return 0;
}

struct call *submit_create(const struct wire_plan *plan, const struct saga_submit_options *options,
			   bool want_final, int *error)
{
	char fresh[UUID_TEXT_SIZE + 1];
	const char *id = options->id;
	const uint64_t now_at = os_clock_wall_ms();
	struct call *call;

	if (id == NULL) {
		uint8_t random[10];
		struct uuid uuid;

		os_entropy(random, sizeof random);
		uuid = uuid_v7(now_at, random);
		uuid_format(&uuid, fresh);
		id = fresh;
	}
	call = call_create(CALL_SUBMIT, id, error);
	if (call == NULL)
		return NULL;
	call->want_final = want_final;
	if (want_final)
		call->until = (uint32_t)options->answer;
	call->any_node = options->any_node != 0;
	call->retry_until_at = options->retry_until_unix_ms;
	if (call->retry_until_at == 0)
		call->retry_until_at = now_at + window_of(options);
	call->deadline_ms = call_deadline(options->timeout_ms);
	*error = take_inbox(call, options);
	if (*error == 0)
		*error = call->retry_until_at <= now_at ? SAGA_E_EXPIRED
							: encode(call, plan, options);
	if (*error != 0) {
		call_free(call);
		return NULL;
	}
	return call;
}

static struct saga_submit_options copy_options(const struct saga_submit_options *from)
{
	struct saga_submit_options options = {.size = sizeof options};

	if (from != NULL)
		client_options_copy(&options, sizeof options, from);
	return options;
}

void submit_fill_status(struct saga_status *status, const char *id, int error)
{
	if (status == NULL)
		return;
	*status = (struct saga_status){.state = SAGA_STATE_NONE};
	if (id != NULL)
		(void)snprintf(status->id, sizeof status->id, "%s", id);
	if (error != 0)
		(void)snprintf(status->text, sizeof status->text, "%s", err_text(error));
}

static int submit_and_block(struct saga_connection *connection,
			    const struct saga_definition *definition,
			    const struct saga_submit_options *options_in, bool want_final,
			    struct saga_status *status)
{
	const struct saga_submit_options options = copy_options(options_in);
	struct waiter waiter = {.status = status};
	int err = SAGA_E_USAGE;
	struct call *call;

	if (definition == NULL)
		return err;
	call = submit_create(&definition->plan, &options, want_final, &err);
	submit_fill_status(status, call != NULL ? call->id.text : options.id, err);
	if (call == NULL)
		return err;
	call->accepted = want_final ? waiter_on_accepted : waiter_on_end;
	call->finished = want_final ? waiter_on_end : NULL;
	return waiter_run(connection, call, &waiter);
}

int saga_submit(struct saga_connection *connection, const struct saga_definition *definition,
		const struct saga_submit_options *options, struct saga_status *status)
{
	return submit_and_block(connection, definition, options, false, status);
}

int saga_run(struct saga_connection *connection, const struct saga_definition *definition,
	     const struct saga_submit_options *options, struct saga_status *status)
{
	return submit_and_block(connection, definition, options, true, status);
}

int saga_submit_async(struct saga_connection *connection, const struct saga_definition *definition,
		      const struct saga_submit_options *options_in, saga_callback accepted,
		      saga_callback finished, void *context)
{
	const struct saga_submit_options options = copy_options(options_in);
	int err = SAGA_E_USAGE;
	struct call *call;

	if (definition == NULL)
		return err;
	if (calls_full(connection)) /* before all the work of encoding */
		return SAGA_E_BUSY;
	call = submit_create(&definition->plan, &options, finished != NULL, &err);
	if (call == NULL)
		return err;
	call->accepted = accepted;
	call->finished = finished;
	call->context = context;
	return call_submit(connection, call);
}
