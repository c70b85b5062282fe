/* The floor of `bench saga`: what the broker and the client library give to sagas that are strictly
 * written ahead, without any coordinator logic. Three processes, as in the real thing:
 *
 *	pump       one stream a shard, fenced appends, one batch in flight a shard; a command leaves
 *	           only when the outcome before it is durable, in frames of up to 32; a frame is
 *	           acknowledged when all its outcomes are durable
 *	services   four, which answer each command at once, a frame for a frame (with direct
 *	           delivery a frame is a core message to a queue group: nothing is acknowledged)
 *	client     keeps sagas of four steps in flight
 *
 * The broker's threads only enqueue; one loop a process does the work. The step travels with the
 * messages, so that the pump remembers nothing but what waits for the journal.
 */
#include <nats/nats.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "bench/arguments.h"
#include "bench/tally.h"

enum {
	STEPS = 4,
	SHARDS_MAX = 64,
	FRAME_MAX = 32,
	COMMAND_BYTES = 120,
	REPLY_BYTES = 60,
	ACK_BYTES = 128, /* an acknowledgement's subject, as it travels */
	ENTRIES_MAX = 8192,
	QUEUE_MAX = 1 << 16, /* a power of two */
	SETUP_MS = 30000,
	SERVERS_MAX = 8
};

struct options {
	const char *role, *url, *delivery;
	uint32_t shards, in_flight, seconds, replicas;
};

/* One saga at one step: in submits, records, commands, replies and ends alike. */
struct entry {
	uint32_t saga, step;
};
struct frame_head {
	uint32_t shard, service, count, padding;
	char ack[ACK_BYTES];
};

static void demand(natsStatus status, const char *what)
{
	if (status == NATS_OK)
		return;
	const char *text = nats_GetLastError(NULL);
	(void)fprintf(stderr, "floor: %s: %s %s\n", what, natsStatus_GetText(status),
		      text == NULL ? "" : text);
	exit(1);
}

/* ---- the hand-over to the loop ------------------------------------------------------------------
 */

struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	natsMsg **messages, **taken; /* two halves that change places */
	uint32_t count;
};

static void queue_init(struct queue *q)
{
	CHECK_EQ(pthread_mutex_init(&q->mutex, NULL), 0);
	CHECK_EQ(pthread_cond_init(&q->filled, NULL), 0);
	q->messages = calloc(QUEUE_MAX, sizeof(natsMsg *));
	q->taken = calloc(QUEUE_MAX, sizeof(natsMsg *));
	CHECK(q->messages != NULL && q->taken != NULL);
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
		       void *closure)
{
	struct queue *q = closure;
	(void)connection;
	(void)subscription;
	CHECK_EQ(pthread_mutex_lock(&q->mutex), 0);
	CHECK_LT(q->count, QUEUE_MAX);
	q->messages[q->count++] = message;
	if (q->count == 1)
		CHECK_EQ(pthread_cond_signal(&q->filled), 0);
	CHECK_EQ(pthread_mutex_unlock(&q->mutex), 0);
}

static uint32_t queue_take(struct queue *q)
{
	CHECK_EQ(pthread_mutex_lock(&q->mutex), 0);
	while (q->count == 0)
		CHECK_EQ(pthread_cond_wait(&q->filled, &q->mutex), 0);
	natsMsg **messages = q->messages;
	const uint32_t count = q->count;
	q->messages = q->taken;
	q->taken = messages;
	q->count = 0;
	CHECK_EQ(pthread_mutex_unlock(&q->mutex), 0);
	return count;
}

static natsConnection *connect_to(const char *url)
{
	natsConnection *connection = NULL;
	natsOptions *options = NULL;
	const char *servers[SERVERS_MAX];
	char *rest = NULL;
	int count = 0;
	char *copy = strdup(url);
	CHECK(copy != NULL);
	for (char *one = strtok_r(copy, ",", &rest); one != NULL && count < SERVERS_MAX;
	     one = strtok_r(NULL, ",", &rest))
		servers[count++] = one;
	demand(natsOptions_Create(&options), "options");
	demand(natsOptions_SetServers(options, servers, count), "url");
	free(copy);
	demand(natsOptions_SetSendAsap(options, true), "send as soon as possible");
	demand(natsOptions_UseGlobalMessageDelivery(options, true), "delivery");
	demand(natsConnection_Connect(&connection, options), "connect");
	natsOptions_Destroy(options);
	return connection;
}

static bool direct(const struct options *o)
{
	return strcmp(o->delivery, "direct") == 0;
}

static void subscribe(natsConnection *connection, const char *subject, struct queue *q)
{
	natsSubscription *subscription = NULL;
	demand(natsConnection_Subscribe(&subscription, connection, subject, on_message, q),
	       "subscribe");
	demand(natsSubscription_SetPendingLimits(subscription, -1, -1), "pending limits");
}

static void subscribe_group(natsConnection *connection, const char *subject, struct queue *q)
{
	natsSubscription *subscription = NULL;
	demand(natsConnection_QueueSubscribe(&subscription, connection, subject, "floor",
					     on_message, q),
	       "subscribe");
	demand(natsSubscription_SetPendingLimits(subscription, -1, -1), "pending limits");
}

static bool subject_is(const natsMsg *message, const char *prefix)
{
	return strncmp(natsMsg_GetSubject(message), prefix, strlen(prefix)) == 0;
}

/* ---- pump ---------------------------------------------------------------------------------------
 */

/* What stands in one batch, and what may leave once it is durable. */
struct batch {
	struct entry entries[ENTRIES_MAX];
	uint32_t count;
	uint8_t bytes[ENTRIES_MAX * COMMAND_BYTES];
	uint32_t size;
	char acks[ENTRIES_MAX][ACK_BYTES];
	uint32_t ack_count;
};
struct shard {
	struct batch *gathering, *flying;
	uint64_t sequence;
	bool in_flight;
};
struct pump {
	natsConnection *connection;
	struct queue queue;
	const char *kind; /* of the subjects of commands */
	uint32_t shard_count;
	struct shard shards[SHARDS_MAX];
};

static void add_stream(jsCtx *js, const char *name, const char *subject, jsRetentionPolicy policy,
		       uint32_t replicas)
{
	const uint64_t until_ms = os_clock_mono_ns() / 1000000 + SETUP_MS;
	const char *subjects[] = {subject};
	jsStreamConfig config;
	natsStatus status;
	jsErrCode code = 0;
	demand(jsStreamConfig_Init(&config), "stream configuration");
	config.Name = name;
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.Retention = policy;
	config.Replicas = replicas;
	do /* creating is idempotent, and a young cluster refuses at first */
		status = js_AddStream(NULL, js, &config, NULL, &code);
	while (status != NATS_OK && os_clock_mono_ns() / 1000000 < until_ms);
	demand(status, name);
}

static void add_streams(struct pump *p, const struct options *o)
{
	jsOptions options;
	jsCtx *js = NULL;
	demand(jsOptions_Init(&options), "JetStream options");
	demand(natsConnection_JetStream(&js, p->connection, &options), "JetStream");
	for (uint32_t i = 0; i < o->shards; i++) {
		char name[32], subject[32];
		(void)snprintf(name, sizeof name, "FLOOR_J_%u", i);
		(void)snprintf(subject, sizeof subject, "floor.journal.%u", i);
		add_stream(js, name, subject, js_LimitsPolicy, o->replicas);
	}
	if (!direct(o))
		add_stream(js, "FLOOR_CMD", "floor.cmd.*", js_WorkQueuePolicy, o->replicas);
	for (uint32_t i = 0; i < STEPS && !direct(o); i++) {
		char name[32], filter[32], deliver[32];
		jsConsumerConfig config;
		jsErrCode code = 0;
		(void)snprintf(name, sizeof name, "floor_%u", i);
		(void)snprintf(filter, sizeof filter, "floor.cmd.%u", i);
		(void)snprintf(deliver, sizeof deliver, "floor.deliver.%u", i);
		demand(jsConsumerConfig_Init(&config), "consumer configuration");
		config.Durable = name;
		config.FilterSubject = filter;
		config.DeliverSubject = deliver;
		config.AckPolicy = js_AckExplicit;
		config.AckWait = INT64_C(30) * 1000000000;
		config.MaxAckPending = ENTRIES_MAX;
		demand(js_AddConsumer(NULL, js, "FLOOR_CMD", &config, NULL, &code), "consumer");
	}
	jsCtx_Destroy(js);
}

static void put(struct shard *s, struct entry entry, uint32_t record_bytes)
{
	struct batch *b = s->gathering;
	CHECK_LT(b->count, ENTRIES_MAX);
	b->entries[b->count++] = entry;
	memset(b->bytes + b->size, 'r', record_bytes);
	memcpy(b->bytes + b->size, &entry, sizeof entry);
	b->size += record_bytes;
}

static void append(struct pump *p, uint32_t number)
{
	struct shard *s = &p->shards[number];
	char subject[32], inbox[32], expected[24];
	natsMsg *message = NULL;
	if (s->in_flight || s->gathering->count == 0)
		return;
	struct batch *b = s->gathering;
	s->gathering = s->flying;
	s->flying = b;
	s->in_flight = true;
	(void)snprintf(subject, sizeof subject, "floor.journal.%u", number);
	(void)snprintf(inbox, sizeof inbox, "floor.ack.%u", number);
	(void)snprintf(expected, sizeof expected, "%llu", (unsigned long long)s->sequence);
	demand(natsMsg_Create(&message, subject, inbox, (const char *)b->bytes, (int)b->size),
	       "message");
	demand(natsMsgHeader_Set(message, "Nats-Expected-Last-Sequence", expected), "header");
	demand(natsConnection_PublishMsg(p->connection, message), "append");
	natsMsg_Destroy(message);
}

static void send_frame(struct pump *p, uint32_t number, uint32_t service,
		       const struct entry *entries, uint32_t count)
{
	static uint8_t bytes[sizeof(struct frame_head) + FRAME_MAX * COMMAND_BYTES];
	const struct frame_head head = {.shard = number, .service = service, .count = count};
	char subject[32];
	memcpy(bytes, &head, sizeof head);
	for (uint32_t i = 0; i < count; i++)
		memcpy(bytes + sizeof head + (size_t)i * COMMAND_BYTES, &entries[i],
		       sizeof entries[i]);
	(void)snprintf(subject, sizeof subject, "floor.%s.%u", p->kind, service);
	demand(natsConnection_Publish(p->connection, subject, bytes,
				      (int)(sizeof head + (size_t)count * COMMAND_BYTES)),
	       "command");
}

/* The batch is durable: next commands, ends, acknowledgements. */
static void release(struct pump *p, uint32_t number)
{
	struct batch *b = p->shards[number].flying;
	struct entry group[STEPS][FRAME_MAX];
	uint32_t counts[STEPS] = {0};
	for (uint32_t i = 0; i < b->count; i++) {
		const struct entry entry = b->entries[i];
		if (entry.step == STEPS) {
			uint8_t end[REPLY_BYTES] = {0};
			memcpy(end, &entry, sizeof entry);
			demand(natsConnection_Publish(p->connection, "floor.end", end, sizeof end),
			       "end");
			continue;
		}
		group[entry.step][counts[entry.step]++] = entry;
		if (counts[entry.step] == FRAME_MAX) {
			send_frame(p, number, entry.step, group[entry.step], FRAME_MAX);
			counts[entry.step] = 0;
		}
	}
	for (uint32_t service = 0; service < STEPS; service++)
		if (counts[service] > 0)
			send_frame(p, number, service, group[service], counts[service]);
	for (uint32_t i = 0; i < b->ack_count; i++)
		demand(natsConnection_Publish(p->connection, b->acks[i], "+ACK", 4), "ack");
	b->count = 0;
	b->size = 0;
	b->ack_count = 0;
}

static void on_appended(struct pump *p, natsMsg *message)
{
	const uint32_t number =
		(uint32_t)strtoul(natsMsg_GetSubject(message) + strlen("floor.ack."), NULL, 10);
	CHECK_LT(number, p->shard_count);
	struct shard *s = &p->shards[number];
	char text[256];
	(void)snprintf(text, sizeof text, "%.*s", natsMsg_GetDataLength(message),
		       natsMsg_GetData(message));
	const char *sequence = strstr(text, "\"seq\":");
	if (strstr(text, "\"error\"") != NULL || sequence == NULL ||
	    strtoull(sequence + 6, NULL, 10) != s->sequence + 1) {
		(void)fprintf(stderr, "floor: append refused: %s\n", text);
		exit(1);
	}
	s->sequence++;
	s->in_flight = false;
	release(p, number);
}

static void on_replies(struct pump *p, natsMsg *message)
{
	const char *data = natsMsg_GetData(message);
	struct frame_head head;
	CHECK_LE(sizeof head, (size_t)natsMsg_GetDataLength(message));
	memcpy(&head, data, sizeof head);
	CHECK_LT(head.shard, p->shard_count);
	struct shard *s = &p->shards[head.shard];
	for (uint32_t i = 0; i < head.count; i++) {
		struct entry entry;
		memcpy(&entry, data + sizeof head + (size_t)i * REPLY_BYTES, sizeof entry);
		entry.step++;
		put(s, entry, REPLY_BYTES);
	}
	if (head.ack[0] != '\0')
		memcpy(s->gathering->acks[s->gathering->ack_count++], head.ack, sizeof head.ack);
}

static void on_submit(struct pump *p, natsMsg *message)
{
	struct entry entry;
	CHECK_LE(sizeof entry, (size_t)natsMsg_GetDataLength(message));
	memcpy(&entry, natsMsg_GetData(message), sizeof entry);
	put(&p->shards[entry.saga % p->shard_count], entry, COMMAND_BYTES);
}

static void run_pump(const struct options *o)
{
	static struct pump p;
	p.shard_count = o->shards;
	p.kind = direct(o) ? "call" : "cmd";
	queue_init(&p.queue);
	p.connection = connect_to(o->url);
	for (uint32_t i = 0; i < o->shards; i++) {
		p.shards[i].gathering = calloc(1, sizeof(struct batch));
		p.shards[i].flying = calloc(1, sizeof(struct batch));
		CHECK(p.shards[i].gathering != NULL && p.shards[i].flying != NULL);
	}
	add_streams(&p, o);
	subscribe(p.connection, "floor.submit", &p.queue);
	subscribe(p.connection, "floor.reply", &p.queue);
	subscribe(p.connection, "floor.ack.*", &p.queue);
	demand(natsConnection_Flush(p.connection), "flush");
	tally_ready();
	for (;;) {
		const uint32_t count = queue_take(&p.queue);
		for (uint32_t i = 0; i < count; i++) {
			natsMsg *message = p.queue.taken[i];
			if (subject_is(message, "floor.ack."))
				on_appended(&p, message);
			else if (subject_is(message, "floor.reply"))
				on_replies(&p, message);
			else
				on_submit(&p, message);
			natsMsg_Destroy(message);
		}
		for (uint32_t i = 0; i < o->shards; i++)
			append(&p, i);
	}
}

/* ---- services -----------------------------------------------------------------------------------
 */

static void answer(natsConnection *connection, natsMsg *message)
{
	static uint8_t bytes[sizeof(struct frame_head) + FRAME_MAX * REPLY_BYTES];
	const char *data = natsMsg_GetData(message);
	const char *ack = natsMsg_GetReply(message);
	struct frame_head head;
	CHECK_LE(sizeof head, (size_t)natsMsg_GetDataLength(message));
	memcpy(&head, data, sizeof head);
	CHECK((ack == NULL || strlen(ack) < sizeof head.ack) && head.count <= FRAME_MAX);
	(void)snprintf(head.ack, sizeof head.ack, "%s", ack == NULL ? "" : ack);
	memcpy(bytes, &head, sizeof head);
	for (uint32_t i = 0; i < head.count; i++)
		memcpy(bytes + sizeof head + (size_t)i * REPLY_BYTES,
		       data + sizeof head + (size_t)i * COMMAND_BYTES, sizeof(struct entry));
	demand(natsConnection_Publish(connection, "floor.reply", bytes,
				      (int)(sizeof head + (size_t)head.count * REPLY_BYTES)),
	       "reply");
}

static void run_services(const struct options *o)
{
	static struct queue queue;
	queue_init(&queue);
	natsConnection *connection = connect_to(o->url);
	/* Four plain ones: the broker does not see the interest of a wildcard in a consumer. */
	for (uint32_t i = 0; i < STEPS; i++) {
		char subject[32];
		(void)snprintf(subject, sizeof subject, "floor.%s.%u",
			       direct(o) ? "call" : "deliver", i);
		if (direct(o))
			subscribe_group(connection, subject, &queue);
		else
			subscribe(connection, subject, &queue);
	}
	demand(natsConnection_Flush(connection), "flush");
	tally_ready();
	for (;;) {
		const uint32_t count = queue_take(&queue);
		for (uint32_t i = 0; i < count; i++) {
			answer(connection, queue.taken[i]);
			natsMsg_Destroy(queue.taken[i]);
		}
	}
}

/* ---- client -------------------------------------------------------------------------------------
 */

static void submit(natsConnection *connection, uint32_t saga, uint64_t *begun_ns)
{
	uint8_t bytes[COMMAND_BYTES] = {0};
	const struct entry entry = {.saga = saga};
	memcpy(bytes, &entry, sizeof entry);
	begun_ns[saga] = os_clock_mono_ns();
	demand(natsConnection_Publish(connection, "floor.submit", bytes, sizeof bytes), "submit");
}

static void run_client(const struct options *o)
{
	static struct queue queue;
	static struct tally tally;
	uint64_t *begun_ns = calloc(o->in_flight, sizeof *begun_ns);
	CHECK(begun_ns != NULL);
	queue_init(&queue);
	natsConnection *connection = connect_to(o->url);
	subscribe(connection, "floor.end", &queue);
	demand(natsConnection_Flush(connection), "flush");
	tally_init(&tally, o->seconds);
	for (uint32_t i = 0; i < o->in_flight; i++)
		submit(connection, i, begun_ns);
	while (!tally_over(&tally)) {
		const uint32_t count = queue_take(&queue);
		for (uint32_t i = 0; i < count; i++) {
			struct entry entry;
			memcpy(&entry, natsMsg_GetData(queue.taken[i]), sizeof entry);
			CHECK_LT(entry.saga, o->in_flight);
			tally_saga(&tally, os_clock_mono_ns() - begun_ns[entry.saga]);
			submit(connection, entry.saga, begun_ns);
			natsMsg_Destroy(queue.taken[i]);
		}
	}
	tally_print(&tally);
}

int main(int argc, char **argv)
{
	struct options o = {.role = "client",
			    .url = getenv("SAGA_NATS_URL"),
			    .shards = 16,
			    .in_flight = 2000,
			    .seconds = 10,
			    .replicas = 1,
			    .delivery = "durable"};
	const struct argument known[] = {
		argument_choice("role", 'r', "pump|services|client", "which of the three to be",
				&o.role),
		argument_text("url", 'u', "URL", "the broker ($SAGA_NATS_URL)", &o.url),
		argument_count("shards", 's', "streams (16)", &o.shards, 1, SHARDS_MAX),
		argument_count("inflight", 'n', "sagas in flight (2000)", &o.in_flight, 1,
			       ENTRIES_MAX),
		argument_count("seconds", 't', "measured time (10)", &o.seconds, 1, UINT32_MAX),
		argument_count("replicas", 'c', "of each stream (1)", &o.replicas, 1, 5),
		argument_choice("delivery", 'd', "durable|direct", "of commands (durable)",
				&o.delivery),
	};
	arguments_take(argc, argv, "The floor of `bench saga`.", known,
		       sizeof known / sizeof known[0]);
	if (strcmp(o.role, "pump") == 0)
		run_pump(&o);
	else if (strcmp(o.role, "services") == 0)
		run_services(&o);
	else
		run_client(&o);
	return 0;
}
