/* Real nats-servers: two clients, each behind a connection that can be cut; with one server. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "journal/json_scan.h"
#include "tests/honesty/cutter.h"
#include "tests/honesty/honesty.h"
#include "tests/integration/journal_bench.h"
#include "wire/subject.h"

enum {
	SHARDS = 64, /* a play uses one up; when all are, there is another cluster */
	APPEND_TIMEOUT_MS = 250,
	CLUSTER_APPEND_TIMEOUT_MS = 1000,
	COMMAND_AGE_MS = 800, /* as the model's */
	ACK_WAIT_MS = 500,
	DELIVERIES_MAX = 5, /* as client/service.h */
	LATE_MS = 1000,
	HELD_MAX = 8,
};

struct end {
	struct queue queue;
	struct stage_nats *stage;
	uint32_t index;
	struct cutter *cutter; /* NULL with three servers */
	struct transport *transport;
	bool connected;
	struct queue_events events;
	struct transport_subscription *inbox;
	char inbox_subject[128];
	uint64_t pull_until_ms; /* 0 = none is open */
	struct held {
		char text[16], ack[256];
	} held[HELD_MAX];
};

struct stage_nats {
	struct stage stage;
	struct bench bench;
	uint32_t servers, used, generation, plays;
	struct end ends[STAGE_CLIENTS];
	char prefix[8], stream_prefix[8], service[16], killed[PROCESS_NAME_SIZE];
	uv_timer_t tick;
	uint64_t inbox_base; /* what the inbox held before the play */
};

static struct stage_nats *of(struct stage *stage)
{
	return (struct stage_nats *)(void *)stage;
}

/* ---- the stream of commands ---------------------------------------------------------------------
 */

static struct end *of_queue(struct queue *queue)
{
	return (struct end *)(void *)queue;
}

static void pulled(struct end *end, const char *text, uint64_t delivery)
{
	if (end->pull_until_ms == 0)
		return;
	end->pull_until_ms = 0;
	end->events.pulled(end->events.context, text, delivery);
}

static void on_message(void *context, const struct transport_message *message)
{
	struct end *end = context;
	char text[16];

	if (message->status != 0) {
		pulled(end, NULL, 0);
		return;
	}
	(void)snprintf(text, sizeof text, "%.*s", (int)message->data.size,
		       (const char *)message->data.data);
	for (uint32_t i = 0; i < HELD_MAX; i++) {
		struct held *held = &end->held[i];

		if (held->text[0] != '\0' && strcmp(held->text, text) != 0)
			continue;
		(void)snprintf(held->text, sizeof held->text, "%s", text);
		(void)snprintf(held->ack, sizeof held->ack, "%.*s", (int)message->reply.size,
			       (const char *)message->reply.data);
		break;
	}
	pulled(end, text, message->delivered);
}

static void on_put(void *context, int error, const struct transport_message *message)
{
	struct end *end = context;
	uint64_t sequence = 0;

	end->events.put(end->events.context,
			error == 0 && message->status == 0 &&
				json_scan_u64(message->data, "seq", &sequence));
}

static int queue_put(struct queue *queue, const char *text)
{
	struct end *end = of_queue(queue);
	const struct subject subject =
		subject_command(end->stage->prefix, slice_str(end->stage->service));

	return end->transport->ops->request(end->transport, subject.text, NULL, 0, slice_str(text),
					    400, on_put, end, NULL);
}

static int queue_pull(struct queue *queue, uint32_t wait_ms)
{
	struct end *end = of_queue(queue);
	char subject[128], body[64];
	int err;

	(void)snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s_CMD.%s",
		       end->stage->stream_prefix, end->stage->service);
	(void)snprintf(body, sizeof body, "{\"batch\":1,\"expires\":%" PRIu32 "000000}", wait_ms);
	err = end->transport->ops->publish(end->transport, subject, slice_str(end->inbox_subject),
					   NULL, 0, slice_str(body));
	if (err == 0)
		end->pull_until_ms = wait_now_ms() + wait_ms + LATE_MS;
	return err;
}

static void queue_say(struct queue *queue, const char *text, const char *word)
{
	struct end *end = of_queue(queue);

	for (uint32_t i = 0; i < HELD_MAX; i++)
		if (strcmp(end->held[i].text, text) == 0)
			(void)end->transport->ops->publish(end->transport, end->held[i].ack,
							   slice_of(NULL, 0), NULL, 0,
							   slice_str(word));
}

static const struct queue_ops queue_ops = {queue_put, queue_pull, queue_say};

static void on_tick(uv_timer_t *timer)
{
	struct stage_nats *s = timer->data;

	for (uint32_t i = 0; i < STAGE_CLIENTS; i++)
		if (s->ends[i].pull_until_ms != 0 && wait_now_ms() > s->ends[i].pull_until_ms)
			pulled(&s->ends[i], NULL, 0);
}

static void api(struct stage_nats *s, const char *verb, const char *name, const char *body)
{
	char subject[192];
	struct buf answer;

	buf_init(&answer, 64 * 1024);
	(void)snprintf(subject, sizeof subject, "$JS.API.%s.%s", verb, name);
	bench_api(&s->bench, subject, slice_str(body), &answer);
	buf_close(&answer);
}

/* As client/service_pull.c makes it. */
static void make_consumer(struct stage_nats *s)
{
	const struct subject filter = subject_command(s->prefix, slice_str(s->service));
	char name[64], body[512];

	(void)snprintf(name, sizeof name, "%s_CMD.%s", s->stream_prefix, s->service);
	(void)snprintf(
		body, sizeof body,
		"{\"stream_name\":\"%s_CMD\",\"config\":{\"durable_name\":\"%s\","
		"\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":%d000000,"
		"\"max_deliver\":%d,\"filter_subject\":\"%s\",\"replay_policy\":\"instant\","
		"\"max_ack_pending\":100}}",
		s->stream_prefix, s->service, ACK_WAIT_MS, DELIVERIES_MAX, filter.text);
	api(s, "CONSUMER.DURABLE.CREATE", name, body);
}

static void remake_consumer(struct stage_nats *s)
{
	char name[64];

	(void)snprintf(name, sizeof name, "%s_CMD.%s", s->stream_prefix, s->service);
	api(s, "CONSUMER.DELETE", name, "");
	make_consumer(s);
}

/* ---- time ---------------------------------------------------------------------------------------
 */

static bool run(struct stage *stage, const bool *done, uint32_t ms)
{
	struct stage_nats *s = of(stage);
	const uint64_t end_ms = wait_now_ms() + ms;

	while (!(done != NULL && *done) && wait_now_ms() < end_ms)
		(void)uv_run(&s->bench.loop, UV_RUN_ONCE);
	return done != NULL && *done;
}

/* ---- what a script does to servers and connections ----------------------------------------------
 */

static void signal_server(struct stage_nats *s, int number)
{
	assert_int_equal(cluster_signal(s->bench.cluster, "nats1", number), 0);
}

static void stream_name(const struct stage_nats *s, char name[32])
{
	(void)snprintf(name, 32, "%s_J_%u", s->stream_prefix, s->stage.shard);
}

/* With three, that which leads. */
static void kill_server(struct stage_nats *s)
{
	char stream[32];

	stream_name(s, stream);
	(void)snprintf(s->killed, sizeof s->killed, "nats1");
	if (s->servers > 1)
		assert_int_equal(cluster_stream_leader(s->bench.cluster, stream, s->killed,
						       BENCH_PATIENCE_MS),
				 0);
	assert_int_equal(cluster_signal(s->bench.cluster, s->killed, SIGKILL), 0);
	assert_true(cluster_wait_end(s->bench.cluster, s->killed, BENCH_PATIENCE_MS));
}

static void damage(struct stage_nats *s, const char *how)
{
	char stream[32], subject[64];

	stream_name(s, stream);
	(void)snprintf(subject, sizeof subject, "%s.v1.journal.%u.0", s->prefix, s->stage.shard);
	if (strcmp(how, "purge") == 0)
		api(s, "STREAM.PURGE", stream, "");
	else if (strcmp(how, "remake") == 0)
		bench_make_empty(&s->bench, stream);
	else
		bench_publish(&s->bench, subject, "Nats-Rollup", "all", slice_str("r"));
}

static void act_on_server(struct stage_nats *s, const char *verb, const char *word)
{
	char stream[32];

	stream_name(s, stream);
	if (strcmp(verb, "stop") == 0)
		signal_server(s, SIGSTOP);
	else if (strcmp(verb, "go") == 0)
		signal_server(s, SIGCONT);
	else if (strcmp(verb, "kill") == 0)
		kill_server(s);
	else if (strcmp(verb, "start") == 0)
		bench_restart_server(&s->bench, s->killed);
	else if (strcmp(verb, "stepdown") == 0)
		api(s, "STREAM.LEADER.STEPDOWN", stream, "");
	else if (strcmp(verb, "consumer") == 0)
		remake_consumer(s);
	else
		damage(s, word);
}

static void act(struct stage *stage, uint32_t client, const char *verb, const char *word)
{
	struct stage_nats *s = of(stage);
	struct end *end = &s->ends[client];

	if (strcmp(verb, "mute") == 0)
		cutter_set(end->cutter, CUTTER_MUTE);
	else if (strcmp(verb, "hold") == 0)
		cutter_set(end->cutter, CUTTER_HOLD);
	else if (strcmp(verb, "pass") == 0)
		cutter_set(end->cutter, CUTTER_PASS);
	else if (strcmp(verb, "cut") == 0)
		cutter_cut(end->cutter);
	else if (strcmp(verb, "up") == 0)
		RUN_UNTIL(&s->bench, end->connected && s->bench.connected);
	else if (strcmp(verb, "down") == 0)
		RUN_UNTIL(&s->bench, !end->connected);
	else
		act_on_server(s, verb, word);
}

static int leave(struct stage *stage, uint32_t client, const char *text)
{
	struct stage_nats *s = of(stage);
	const struct subject subject =
		subject_inbox(s->prefix, s->stage.shard, slice_str("tenant"));

	(void)client;
	bench_publish(&s->bench, subject.text, NULL, NULL, slice_str(text));
	return 0;
}

/* ---- a play -------------------------------------------------------------------------------------
 */

/* Streams for the next plays, under another name. */
static void provision(struct stage_nats *s)
{
	struct jetstream_provision what = bench_what(SHARDS, s->servers);

	(void)snprintf(s->prefix, sizeof s->prefix, "sag%c", 'a' + s->generation);
	(void)snprintf(s->stream_prefix, sizeof s->stream_prefix, "SAG%c", 'A' + s->generation);
	CHECK_LT(s->generation, 26);
	s->generation++;
	if (s->servers > 1)
		what.shard_count = 4;
	what.command_age_ms = COMMAND_AGE_MS;
	s->bench.config.prefix = s->prefix;
	s->bench.config.stream_prefix = s->stream_prefix;
	if (bench_provision(&s->bench, &what) != 0)
		fail_msg("%s", s->bench.provision_text);
	s->used = 0;
}

static void open_interfaces(struct stage_nats *s, struct end *end)
{
	struct stage_end *stage_end = &s->stage.ends[end->index];
	struct jetstream_config config = s->bench.config;
	const struct journal_events journal = stage_journal_events(stage_end);
	const struct inbox_events inbox = stage_inbox_events(stage_end);

	config.append_timeout_ms = s->servers > 1 ? CLUSTER_APPEND_TIMEOUT_MS : APPEND_TIMEOUT_MS;
	assert_int_equal(
		jetstream_open(end->transport, &config, &journal, &s->stage.journals[end->index]),
		0);
	assert_int_equal(inbox_open(end->transport, &config, &inbox, &s->stage.inboxes[end->index]),
			 0);
	end->events = stage_queue_events(stage_end);
	memset(end->held, 0, sizeof end->held);
}

static void note_inbox(struct stage_nats *s)
{
	char subject[64];
	struct buf answer;

	buf_init(&answer, 64 * 1024);
	(void)snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s_INBOX", s->stream_prefix);
	bench_api(&s->bench, subject, slice_of(NULL, 0), &answer);
	assert_true(json_scan_u64(buf_slice(&answer), "state.last_seq", &s->inbox_base));
	buf_close(&answer);
}

static void begin(struct stage *stage, const struct script *script)
{
	struct stage_nats *s = of(stage);

	if (s->generation == 0 || s->used == (s->servers > 1 ? 4 : SHARDS))
		provision(s);
	stage->shard = s->used++;
	(void)snprintf(s->service, sizeof s->service, "h%u", ++s->plays);
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++) {
		RUN_UNTIL(&s->bench, s->ends[i].connected && s->bench.connected);
		open_interfaces(s, &s->ends[i]);
	}
	if (script->subject == OF_QUEUE)
		make_consumer(s);
	if (script->subject == OF_INBOX)
		note_inbox(s);
	stage->inbox_base = s->inbox_base;
}

static void end_play(struct stage *stage)
{
	struct stage_nats *s = of(stage);

	for (uint32_t i = 0; i < STAGE_CLIENTS; i++) {
		stage->journals[i]->ops->close(stage->journals[i]);
		stage->inboxes[i]->ops->close(stage->inboxes[i]);
		if (s->ends[i].cutter != NULL)
			cutter_set(s->ends[i].cutter, CUTTER_PASS);
	}
}

/* ---- opening ------------------------------------------------------------------------------------
 */

static const struct stage_ops ops = {begin, run, act, leave, end_play};

static void on_connection(void *context, bool connected)
{
	struct end *end = context;

	end->connected = connected;
}

static void open_end(struct stage_nats *s, uint32_t index)
{
	struct end *end = &s->ends[index];
	const struct nats_hooks hooks = {.connection = on_connection, .context = end};
	struct nats_config config = {.name = "honesty", .url = cluster_nats_url(s->bench.cluster)};
	char url[64], why[256] = "";

	end->stage = s;
	end->index = index;
	end->queue.ops = &queue_ops;
	s->stage.queues[index] = &end->queue;
	if (s->servers == 1) {
		end->cutter = cutter_open(cluster_port(s->bench.cluster, "nats1"));
		(void)snprintf(url, sizeof url, "nats://127.0.0.1:%u", cutter_port(end->cutter));
		config.url = url;
	}
	if (nats_transport_open(&s->bench.loop, &config, &hooks, &end->transport, why) != 0)
		fail_msg("%s", why);
	RUN_UNTIL(&s->bench, end->connected);
	end->transport->ops->inbox(end->transport, end->inbox_subject, sizeof end->inbox_subject);
	assert_int_equal(end->transport->ops->subscribe(end->transport, end->inbox_subject, NULL,
							on_message, end, &end->inbox),
			 0);
}

struct stage *stage_nats_open(uint32_t servers)
{
	struct stage_nats *s = calloc(1, sizeof *s);

	CHECK(s != NULL);
	s->stage.ops = &ops;
	s->servers = servers;
	bench_init(&s->bench, servers);
	assert_int_equal(uv_timer_init(&s->bench.loop, &s->tick), 0);
	s->tick.data = s;
	assert_int_equal(uv_timer_start(&s->tick, on_tick, 10, 10), 0);
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++)
		open_end(s, i);
	return &s->stage;
}

void stage_nats_close(struct stage *stage)
{
	struct stage_nats *s = of(stage);

	uv_close((uv_handle_t *)&s->tick, NULL);
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++)
		s->ends[i].transport->ops->close(s->ends[i].transport, false);
	bench_destroy(&s->bench);
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++)
		cutter_close(s->ends[i].cutter);
	free(s);
}
