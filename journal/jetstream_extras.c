/* The streams that are no truth: history (S25) and what became of operations. Limits of age and
 * size drop their oldest messages; where they are missing, nothing but history and reports suffers.
 * So they are made one after the other, and left alone when they are there: an operator may have
 * given them other limits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/id.h"
#include "journal/ack.h"
#include "journal/jetstream_internal.h"
#include "journal/json_scan.h"

enum {
	REQUEST_MS = 8000,
	BODY_SIZE = 1024,
	TEXT_SIZE = 256,
	TRIES_MAX = 5,
	OPS_BYTES_MAX = 64 * 1024 * 1024,
	OPS_DAYS = 90,
};
#define NS_PER_MS UINT64_C(1000000)

enum extra { EXTRA_HISTORY, EXTRA_OPS, EXTRAS };

struct extras {
	struct transport *transport;
	struct jetstream_config config;
	char prefix[ID_SIZE_MAX + 1], stream_prefix[ID_SIZE_MAX + 1], cluster[ID_SIZE_MAX + 1];
	struct jetstream_extras what;
	enum extra at;
	uint32_t tries;
	uint64_t request;
	jetstream_provisioned done;
	void *context;
};

static void finish(struct extras *x, int error, const char *text)
{
	const jetstream_provisioned done = x->done;
	void *context = x->context;

	free(x);
	done(context, error, text);
}

static struct jetstream_name name_of(const struct extras *x)
{
	return x->at == EXTRA_HISTORY ? jetstream_history_stream(x->stream_prefix)
				      : jetstream_ops_stream(x->stream_prefix);
}

static int create(struct extras *x);

static void next(struct extras *x)
{
	int rc;

	x->tries = 0;
	x->at++;
	if (x->at == EXTRAS) {
		finish(x, 0, "");
		return;
	}
	rc = create(x);
	if (rc != 0)
		finish(x, rc, err_text(rc));
}

static void created(void *context, int error, const struct transport_message *message)
{
	struct extras *x = context;
	char text[TEXT_SIZE];
	struct slice why = slice_str(err_text(error != 0 ? error : SAGA_E_NATS));
	uint64_t code = 0;

	if (error == 0 && message->status == 0 && json_scan_whole(message->data)) {
		if (!json_scan_find(message->data, "error", &why) ||
		    (json_scan_u64(message->data, "error.err_code", &code) &&
		     code == ACK_STREAM_NAME_IN_USE)) {
			next(x);
			return;
		}
		if (!json_scan_text(message->data, "error.description", &why))
			why = slice_str("refused");
	}
	/* The server was asked to make what it has: it says so again. */
	if (error != SAGA_E_STOPPING && ++x->tries < TRIES_MAX && create(x) == 0)
		return;
	(void)snprintf(text, sizeof text, "stream %s: %.*s", name_of(x).text,
		       (int)(why.size < 150 ? why.size : 150), (const char *)why.data);
	finish(x, error != 0 ? error : SAGA_E_NATS, text);
}

static int create(struct extras *x)
{
	const bool history = x->at == EXTRA_HISTORY;
	const struct jetstream_name name = name_of(x);
	const struct jetstream_api api = jetstream_api("STREAM.CREATE", name.text, NULL);
	char body[BODY_SIZE];
	const int size =
		snprintf(body, sizeof body,
			 "{\"name\":\"%s\",\"description\":\"sagad %s "
			 "cluster=%s\",\"subjects\":[\"%s.v1.%s.>\"],"
			 "\"storage\":\"file\",\"retention\":\"limits\",\"discard\":\"old\","
			 "\"num_replicas\":%" PRIu32
			 ",\"max_msgs\":-1,\"max_consumers\":-1,\"max_age\":%" PRIu64
			 ",\"max_bytes\":%" PRIu64 ",\"duplicate_window\":100000000}",
			 name.text, history ? "history" : "operations", x->cluster, x->prefix,
			 history ? "history" : "ops", x->what.replicas,
			 history ? x->what.history_age_ms * NS_PER_MS
				 : OPS_DAYS * UINT64_C(86400000) * NS_PER_MS,
			 history ? x->what.history_bytes : OPS_BYTES_MAX);

	CHECK(size > 0 && (size_t)size < sizeof body);
	return x->transport->ops->request(x->transport, api.text, NULL, 0,
					  slice_of(body, (uint32_t)size), REQUEST_MS, created, x,
					  &x->request);
}

int jetstream_make_extras(struct transport *transport, const struct jetstream_config *config,
			  const struct jetstream_extras *what, jetstream_provisioned done,
			  void *context)
{
	struct extras *x;
	int rc = jetstream_check_config(config);

	if (rc != 0)
		return rc;
	x = calloc(1, sizeof *x);
	if (x == NULL)
		return SAGA_E_NO_MEMORY;
	x->transport = transport;
	x->what = *what;
	x->done = done;
	x->context = context;
	(void)snprintf(x->prefix, sizeof x->prefix, "%s", config->prefix);
	(void)snprintf(x->stream_prefix, sizeof x->stream_prefix, "%s", config->stream_prefix);
	(void)snprintf(x->cluster, sizeof x->cluster, "%s", config->cluster);
	rc = create(x);
	if (rc != 0)
		free(x);
	return rc;
}
