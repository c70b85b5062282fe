/* The tap, and the journals as they stand in their streams. */
#include <nats/nats.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/judge/real/recorder_parts.h"
#include "wire/codec.h"

enum { ARENA_SIZE = 1024 * 1024, SUBJECTS = 2, SERVERS_MAX = 8 };

struct recorder_tap {
	struct recorder *recorder;
	natsConnection *connection;
	natsSubscription *subscriptions[SUBJECTS];
	void *memory[SUBJECTS]; /* of the decoder: each subscription has its own thread */
};

static bool failed(char *why, uint32_t size, const char *what, natsStatus status)
{
	(void)snprintf(why, size, "%s: %s", what, natsStatus_GetText(status));
	return false;
}

/* ---- the tap -----------------------------------------------------------------------------------
 */

static void hear(struct recorder *r, const struct wire_command_frame *frame, uint64_t now_ns)
{
	for (uint32_t i = 0; i < frame->command_count; i++) {
		const struct wire_command *command = &frame->commands[i];
		struct recorder_heard *heard;

		r->heard = recorder_grow(r->heard, r->heard_count, &r->heard_capacity,
					 sizeof *r->heard);
		heard = &r->heard[r->heard_count++];
		*heard = (struct recorder_heard){.at_ns = now_ns,
						 .epoch = frame->epoch,
						 .input = hash_xxh3_64(command->input),
						 .shard = frame->shard,
						 .op = command->op,
						 .attempt = command->attempt};
		CHECK_EQ(id_from(&heard->saga, command->saga), 0);
		CHECK_EQ(id_from(&heard->step, command->step_name), 0);
	}
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
		       void *closure)
{
	struct recorder_tap *tap = closure;
	struct recorder *r = tap->recorder;
	const struct slice bytes =
		slice_of(natsMsg_GetData(message), (uint32_t)natsMsg_GetDataLength(message));
	const uint64_t now_ns = recorder_lock(r);
	struct wire_command_frame frame;
	struct arena arena;

	(void)connection;
	/* Under the mutex, so one of the memories would do; but they are the tap's by subject. */
	arena_init(&arena, tap->memory[subscription == tap->subscriptions[1]], ARENA_SIZE);
	/* What cannot be read is no command of ours: services drop it, too. */
	if (wire_decode(WIRE_COMMAND_FRAME, bytes, &arena, &frame, NULL) == 0)
		hear(r, &frame, now_ns);
	recorder_unlock(r);
	natsMsg_Destroy(message);
}

static void on_lost(natsConnection *connection, void *closure)
{
	struct recorder *r = closure;

	(void)connection;
	(void)recorder_lock(r);
	r->deaf = true;
	recorder_unlock(r);
}

/* natsOptions_SetURL takes one address, and there may be several. */
static natsStatus set_addresses(natsOptions *options, const char *text)
{
	const char *addresses[SERVERS_MAX];
	char copy[1024], *rest = NULL;
	int count = 0;

	(void)snprintf(copy, sizeof copy, "%s", text);
	for (char *word = strtok_r(copy, ",", &rest); word != NULL && count < SERVERS_MAX;
	     word = strtok_r(NULL, ",", &rest))
		addresses[count++] = word;
	return natsOptions_SetServers(options, addresses, count);
}

static natsStatus connect_tap(struct recorder_tap *tap)
{
	natsOptions *options = NULL;
	natsStatus status = natsOptions_Create(&options);

	if (status == NATS_OK)
		status = set_addresses(options, tap->recorder->options.nats_url);
	if (status == NATS_OK)
		status = natsOptions_SetMaxReconnect(options, -1);
	if (status == NATS_OK)
		status = natsOptions_SetDisconnectedCB(options, on_lost, tap->recorder);
	/* One that is slow is not to lose anything. */
	if (status == NATS_OK)
		status = natsOptions_SetMaxPendingMsgs(options, 10000000);
	if (status == NATS_OK)
		status = natsConnection_Connect(&tap->connection, options);
	natsOptions_Destroy(options);
	return status;
}

bool recorder_tap_open(struct recorder *r, char *why, uint32_t size)
{
	static const char *const kinds[SUBJECTS] = {"cmd", "call"};
	struct recorder_tap *tap = calloc(1, sizeof *tap);
	natsStatus status;

	CHECK(tap != NULL);
	r->tap = tap;
	tap->recorder = r;
	status = connect_tap(tap);
	for (uint32_t i = 0; i < SUBJECTS; i++) {
		tap->memory[i] = malloc(ARENA_SIZE);
		CHECK(tap->memory[i] != NULL);
	}
	for (uint32_t i = 0; i < SUBJECTS && status == NATS_OK; i++) {
		char subject[128];

		(void)snprintf(subject, sizeof subject, "%s.v1.%s.>", r->options.prefix, kinds[i]);
		status = natsConnection_Subscribe(&tap->subscriptions[i], tap->connection, subject,
						  on_message, tap);
		if (status == NATS_OK)
			status = natsSubscription_SetPendingLimits(tap->subscriptions[i], -1, -1);
	}
	/* The broker knows of it when it answers. */
	if (status == NATS_OK)
		status = natsConnection_FlushTimeout(tap->connection, 10000);
	return status == NATS_OK || failed(why, size, "cannot listen to commands", status);
}

void recorder_tap_close(struct recorder_tap *tap)
{
	if (tap == NULL)
		return;
	/* No callback runs once its connection is gone: it waits for those that do. */
	for (uint32_t i = 0; i < SUBJECTS; i++) {
		natsSubscription_Destroy(tap->subscriptions[i]);
	}
	natsConnection_Destroy(tap->connection);
	for (uint32_t i = 0; i < SUBJECTS; i++)
		free(tap->memory[i]);
	free(tap);
}

/* ---- journals ----------------------------------------------------------------------------------
 */

static void add_batch(struct history *h, uint32_t shard, natsMsg *message)
{
	const struct history_journal *journal = &h->journals[shard];
	const uint32_t size = (uint32_t)natsMsg_GetDataLength(message);
	const uint64_t before = journal->count > 0 ? journal->batches[journal->count - 1].order : 0;
	uint64_t at_ns = (uint64_t)natsMsg_GetTime(message);
	uint8_t *bytes = malloc(size);

	CHECK(bytes != NULL);
	(void)memcpy(bytes, natsMsg_GetData(message), size);
	at_ns = at_ns > before ? at_ns : before + 1;
	history_add_batch(h, recorder_ms(at_ns), shard, bytes, size)->order = at_ns;
}

static bool read_journal(struct recorder *r, jsCtx *js, uint32_t shard, struct history *h,
			 char *why, uint32_t size)
{
	jsStreamInfo *info = NULL;
	char name[128];
	natsStatus status;
	uint64_t first, last;

	(void)snprintf(name, sizeof name, "%s_J_%u", r->options.stream_prefix, shard);
	status = js_GetStreamInfo(&info, js, name, NULL, NULL);
	if (status != NATS_OK)
		return failed(why, size, name, status);
	first = info->State.FirstSeq;
	last = info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	for (uint64_t sequence = first; sequence <= last; sequence++) {
		natsMsg *message = NULL;

		status = js_GetMsg(&message, js, name, sequence, NULL, NULL);
		if (status != NATS_OK)
			return failed(why, size, name, status);
		add_batch(h, shard, message);
		natsMsg_Destroy(message);
	}
	return true;
}

bool recorder_read_journals(struct recorder *r, struct history *h, char *why, uint32_t size)
{
	natsConnection *connection = NULL;
	jsCtx *js = NULL;
	natsStatus status = natsConnection_ConnectTo(&connection, r->options.nats_url);
	bool good;

	if (status == NATS_OK)
		status = natsConnection_JetStream(&js, connection, NULL);
	good = status == NATS_OK || failed(why, size, "cannot read the journals", status);
	for (uint32_t shard = 0; good && shard < h->shard_count; shard++)
		good = read_journal(r, js, shard, h, why, size);
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	return good;
}
