/* Names, and the small things that appending, reading and initialisation share. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "journal/jetstream_internal.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/record.h"

struct jetstream_name jetstream_stream(const char *stream_prefix, uint32_t shard)
{
	struct jetstream_name name;
	const int size = snprintf(name.text, sizeof name.text, "%s_J_%u", stream_prefix, shard);

	CHECK(size > 0 && (size_t)size < sizeof name.text);
	return name;
}

static struct jetstream_name stream_with(const char *stream_prefix, const char *end)
{
	struct jetstream_name name;
	const int size = snprintf(name.text, sizeof name.text, "%s_%s", stream_prefix, end);

	CHECK(size > 0 && (size_t)size < sizeof name.text);
	return name;
}

struct jetstream_name jetstream_command_stream(const char *stream_prefix)
{
	return stream_with(stream_prefix, "CMD");
}

struct jetstream_name jetstream_inbox_stream(const char *stream_prefix)
{
	return stream_with(stream_prefix, "INBOX");
}

struct jetstream_name jetstream_history_stream(const char *stream_prefix)
{
	return stream_with(stream_prefix, "HISTORY");
}

struct jetstream_name jetstream_ops_stream(const char *stream_prefix)
{
	return stream_with(stream_prefix, "OPS");
}

struct jetstream_api jetstream_api(const char *verb, const char *stream, const char *consumer)
{
	struct jetstream_api api;
	const int size = snprintf(api.text, sizeof api.text, "$JS.API.%s.%s%s%s", verb, stream,
				  consumer != NULL ? "." : "", consumer != NULL ? consumer : "");

	CHECK(size > 0 && (size_t)size < sizeof api.text);
	return api;
}

void jetstream_description(char text[JETSTREAM_API_SIZE], const char *cluster, uint32_t shard)
{
	const int size = snprintf(text, JETSTREAM_API_SIZE,
				  "sagad journal cluster=%s shard=%u shards=", cluster, shard);

	CHECK(size > 0 && size < JETSTREAM_API_SIZE);
}

bool jetstream_described(struct slice description, const char *cluster, uint32_t shard)
{
	char text[JETSTREAM_API_SIZE];
	uint32_t size;

	jetstream_description(text, cluster, shard);
	size = (uint32_t)strlen(text);
	return description.size > size && memcmp(description.data, text, size) == 0;
}

int jetstream_check_config(const struct jetstream_config *config)
{
	if (config->prefix == NULL || config->stream_prefix == NULL || config->cluster == NULL ||
	    !id_valid(slice_str(config->prefix)) || !id_valid(slice_str(config->stream_prefix)) ||
	    !id_valid(slice_str(config->cluster)))
		return SAGA_E_CONFIG;
	return 0;
}

int jetstream_check_created(struct slice bytes, struct slice created)
{
	struct wire_record_genesis genesis;
	struct wire_record_segment segment;
	struct batch_header header;
	struct slice records;
	struct arena none;
	uint32_t size;

	arena_init(&none, NULL, 0);
	if (batch_decode(bytes, &header, &records) != 0 || wire_value_size(records, &size) != 0)
		return SAGA_E_JOURNAL_CORRUPT;
	records.size = size;
	if (wire_decode(WIRE_RECORD_GENESIS, records, &none, &genesis, NULL) == 0)
		return slice_equal(genesis.created, created) ? 0 : SAGA_E_JOURNAL_FOREIGN;
	if (wire_decode(WIRE_RECORD_SEGMENT, records, &none, &segment, NULL) == 0)
		return slice_equal(segment.created, created) ? 0 : SAGA_E_JOURNAL_FOREIGN;
	return SAGA_E_JOURNAL_CORRUPT;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void hear_nothing(void *context, const struct transport_message *message)
{
	(void)context;
	(void)message;
}

void jetstream_waiter_init(struct jetstream_waiter *w, struct transport *transport)
{
	*w = (struct jetstream_waiter){.transport = transport};
}

void jetstream_waiter_close(struct jetstream_waiter *w)
{
	if (w->silence != NULL)
		w->transport->ops->unsubscribe(w->transport, w->silence);
	w->silence = NULL;
}

int jetstream_wait(struct jetstream_waiter *w, uint32_t time_ms, transport_completion done,
		   void *context, uint64_t *token)
{
	CHECK_LT(0, time_ms);
	/* Late, because a transport that is not connected yet may refuse to subscribe. */
	if (w->silence == NULL) {
		int rc;

		w->transport->ops->inbox(w->transport, w->subject, sizeof w->subject);
		rc = w->transport->ops->subscribe(w->transport, w->subject, NULL, hear_nothing, w,
						  &w->silence);
		if (rc != 0) {
			w->silence = NULL;
			return rc;
		}
	}
	return w->transport->ops->request(w->transport, w->subject, NULL, 0, slice_of(NULL, 0),
					  time_ms, done, context, token);
}
