#include "tests/integration/journal_bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "journal/json_scan.h"
#include "wire/codec.h"
#include "wire/record.h"

/* ---- what the journal tells ------------------------------------------------------------------ */

static void on_appended(void *context, uint32_t shard, uint64_t token,
			enum journal_append_status status, uint64_t sequence)
{
	struct bench *bench = context;

	bench->append = (struct bench_append){.count = bench->append.count + 1,
					      .shard = shard,
					      .token = token,
					      .sequence = sequence,
					      .status = status};
}

static void on_batch(void *context, uint32_t shard, uint64_t token, uint64_t sequence,
		     struct slice bytes)
{
	struct bench *bench = context;
	struct bench_read *read = &bench->read;

	(void)shard;
	assert_int_equal(token, read->token);
	assert_false(read->ended);
	assert_int_equal(sequence, read->next);
	read->next++;
	read->bytes += bytes.size;
	if (read->reader != NULL && read->reader_error == 0)
		read->reader_error = reader_take(read->reader, sequence, bytes, NULL, NULL);
	if (read->settles != NULL)
		(void)appender_read_batch(read->settles, sequence, bytes);
	if (sequence == read->cancel_at)
		bench->journal->ops->cancel(bench->journal, token);
}

static void on_read_end(void *context, uint32_t shard, uint64_t token, int error,
			uint64_t last_sequence)
{
	struct bench *bench = context;
	struct bench_read *read = &bench->read;

	(void)shard;
	assert_int_equal(token, read->token);
	assert_false(read->ended);
	read->ended = true;
	read->error = error;
	read->last_sequence = last_sequence;
}

static void on_tailed(void *context, uint32_t shard, uint64_t token, uint64_t last_sequence)
{
	struct bench *bench = context;

	(void)shard;
	assert_int_equal(token, bench->read.token);
	bench->tailed = last_sequence;
}

/* ---- servers and connections ----------------------------------------------------------------- */

static void on_connection(void *context, bool connected)
{
	struct bench *bench = context;

	bench->connected = connected;
}

/* Only so that RUN_UNTIL looks at its condition. */
static void on_tick(uv_timer_t *tick)
{
	(void)tick;
}

void bench_reopen(struct bench *bench, const char *cluster, uint32_t append_timeout_ms)
{
	const struct journal_events events = {.appended = on_appended,
					      .batch = on_batch,
					      .read_end = on_read_end,
					      .tailed = on_tailed,
					      .context = bench};

	if (bench->journal != NULL)
		bench->journal->ops->close(bench->journal);
	bench->config = (struct jetstream_config){.prefix = "saga",
						  .stream_prefix = "SAGA",
						  .cluster = cluster,
						  .append_timeout_ms = append_timeout_ms};
	assert_int_equal(id_from(&bench->cluster_id, slice_str(cluster)), 0);
	assert_int_equal(jetstream_open(bench->transport, &bench->config, &events, &bench->journal),
			 0);
}

void bench_init(struct bench *bench, uint32_t servers)
{
	const struct nats_hooks hooks = {.connection = on_connection, .context = bench};
	struct cluster_options options;
	struct nats_config config = {.name = "journal test"};
	char why[256] = "";

	*bench = (struct bench){.token = 100};
	cluster_options_init(&options);
	options.nats_count = servers;
	options.etcd_count = 0;
	options.nodes = 0;
	if (cluster_create(&options, &bench->cluster) != 0 ||
	    cluster_start_servers(bench->cluster) != 0)
		fail_msg("%s", cluster_trouble(bench->cluster));
	assert_int_equal(uv_loop_init(&bench->loop), 0);
	assert_int_equal(uv_timer_init(&bench->loop, &bench->tick), 0);
	assert_int_equal(uv_timer_start(&bench->tick, on_tick, 10, 10), 0);
	config.url = cluster_nats_url(bench->cluster);
	if (nats_transport_open(&bench->loop, &config, &hooks, &bench->transport, why) != 0)
		fail_msg("%s", why);
	RUN_UNTIL(bench, bench->connected);
	bench_reopen(bench, "prod", 0);
}

void bench_destroy(struct bench *bench)
{
	bench->journal->ops->close(bench->journal);
	bench->transport->ops->close(bench->transport, false);
	uv_close((uv_handle_t *)&bench->tick, NULL);
	assert_int_equal(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&bench->loop), 0);
	cluster_destroy(bench->cluster);
}

void bench_kill_server(struct bench *bench, const char *name)
{
	assert_int_equal(cluster_signal(bench->cluster, name, SIGKILL), 0);
	assert_true(cluster_wait_end(bench->cluster, name, BENCH_PATIENCE_MS));
	if (cluster_process(bench->cluster, "nats2") == NULL)
		RUN_UNTIL(bench, !bench->connected); /* it was the only one */
}

void bench_restart_server(struct bench *bench, const char *name)
{
	if (cluster_restart(bench->cluster, name) != 0)
		fail_msg("%s", cluster_trouble(bench->cluster));
}

/* ---- initialisation -------------------------------------------------------------------------- */

struct jetstream_provision bench_what(uint32_t shards, uint32_t replicas)
{
	return (struct jetstream_provision){.cluster = "prod",
					    .shard_count = shards,
					    .replicas = replicas,
					    .command_age_ms = BENCH_COMMAND_AGE_MS,
					    .slots = {{1, 2, 3}}};
}

void bench_provisioned(void *context, int error, const char *text)
{
	struct bench *bench = context;

	assert_false(bench->provision_ended);
	bench->provision_ended = true;
	bench->provision_error = error;
	(void)snprintf(bench->provision_text, sizeof bench->provision_text, "%s", text);
}

int bench_provision(struct bench *bench, const struct jetstream_provision *what)
{
	bench->provision_ended = false;
	assert_int_equal(jetstream_provision(bench->transport, &bench->config, what,
					     bench_provisioned, bench),
			 0);
	assert_false(bench->provision_ended);
	RUN_UNTIL(bench, bench->provision_ended);
	return bench->provision_error;
}

static void bench_wrong(void *context, uint32_t shard, int error, const char *text)
{
	struct bench *bench = context;

	assert_non_null(strstr(text, "stream "));
	assert_in_range(shard, 0, JETSTREAM_INBOX);
	bench->wrong_shard = shard;
	bench->wrong_error = error;
	bench->wrong_count++;
	(void)snprintf(bench->wrong_text, sizeof bench->wrong_text, "%s", text);
}

/* The error of the last stream that is not as it must be. */
int bench_verify(struct bench *bench, uint32_t shards)
{
	bench->provision_ended = false;
	bench->wrong_error = 0;
	bench->wrong_count = 0;
	assert_int_equal(jetstream_verify(bench->transport, &bench->config, shards, bench_wrong,
					  bench_provisioned, bench),
			 0);
	RUN_UNTIL(bench, bench->provision_ended);
	return bench->provision_error != 0 ? bench->provision_error : bench->wrong_error;
}

/* ---- single calls ---------------------------------------------------------------------------- */

struct bench_append bench_append(struct bench *bench, uint32_t shard, uint64_t expected,
				 struct slice bytes)
{
	const uint32_t before = bench->append.count;

	assert_int_equal(bench->journal->ops->append(bench->journal, shard, expected, bench->place,
						     bytes, ++bench->token),
			 0);
	assert_int_equal(bench->append.count, before);
	RUN_UNTIL(bench, bench->append.count > before);
	assert_int_equal(bench->append.count, before + 1);
	assert_int_equal(bench->append.token, bench->token);
	assert_int_equal(bench->append.shard, shard);
	return bench->append;
}

static int start_read(struct bench *bench, uint32_t shard, uint64_t from, uint64_t to,
		      struct reader *reader, struct appender *settles)
{
	bench->read = (struct bench_read){.token = ++bench->token,
					  .first = from,
					  .next = from,
					  .reader = reader,
					  .settles = settles};
	return bench->journal->ops->read(bench->journal, shard, from, to, bench->token);
}

struct bench_read bench_read(struct bench *bench, uint32_t shard, uint64_t from, uint64_t to)
{
	assert_int_equal(start_read(bench, shard, from, to, NULL, NULL), 0);
	assert_false(bench->read.ended);
	RUN_UNTIL(bench, bench->read.ended);
	return bench->read;
}

int bench_replay(struct bench *bench, uint32_t shard, struct reader *reader)
{
	assert_int_equal(start_read(bench, shard, reader->sequence + 1, UINT64_MAX, reader, NULL),
			 0);
	RUN_UNTIL(bench, bench->read.ended);
	if (bench->read.error == 0 && bench->read.reader_error == 0)
		assert_int_equal(bench->read.last_sequence, reader->sequence);
	return bench->read.error != 0 ? bench->read.error : bench->read.reader_error;
}

/* ---- an owner -------------------------------------------------------------------------------- */

/* The call failed or not, the appender gets an outcome: see appender.h. */
static enum appender_act send_once(struct bench_owner *owner)
{
	struct bench *bench = owner->bench;
	struct appender *a = &owner->appender;
	const uint32_t before = bench->append.count;
	const int rc =
		bench->journal->ops->append(bench->journal, owner->shard, appender_expected(a),
					    bench->place, appender_bytes(a), ++bench->token);

	if (rc != 0)
		return appender_appended(a, JOURNAL_UNKNOWN, 0, wait_now_ms());
	RUN_UNTIL(bench, bench->append.count > before);
	return appender_appended(a, bench->append.status, bench->append.sequence, wait_now_ms());
}

static enum appender_act settling_read(struct bench_owner *owner)
{
	struct bench *bench = owner->bench;
	struct appender *a = &owner->appender;
	const uint64_t position = appender_expected(a) + 1;
	const int rc = start_read(bench, owner->shard, position, position, NULL, a);

	owner->settles++;
	if (rc != 0)
		return appender_read_end(a, rc, wait_now_ms());
	RUN_UNTIL(bench, bench->read.ended);
	return appender_read_end(a, bench->read.error, wait_now_ms());
}

static bool carry_out(struct bench_owner *owner, enum appender_act act)
{
	for (;;) {
		switch (act) {
		case APPENDER_DURABLE:
			return true;
		case APPENDER_LOST:
			owner->lost = true;
			return false;
		case APPENDER_SEND:
			act = send_once(owner);
			break;
		case APPENDER_READ:
			act = settling_read(owner);
			break;
		case APPENDER_NOTHING:
		default:
			RUN_UNTIL(owner->bench,
				  (act = appender_due(&owner->appender, wait_now_ms())) !=
					  APPENDER_NOTHING);
			break;
		}
	}
}

static void begin_with(struct bench_owner *owner, struct slice records, uint32_t count)
{
	const struct batch_header header = {.shard = owner->shard,
					    .epoch = owner->epoch,
					    .nonce = owner->nonce,
					    .shard_time = BATCH_TIME_MAX,
					    .cluster = owner->bench->cluster_id};

	assert_int_equal(appender_begin(&owner->appender, &header, records, count), 0);
}

void bench_begin(struct bench_owner *owner, uint32_t records, uint32_t size)
{
	struct wire_record_decision record = {.admission = 1, .reason = WIRE_REASON_CANCELLED};
	char text[WIRE_TEXT_SIZE_MAX];
	struct buf bytes;

	memset(text, 'x', sizeof text);
	record.text = slice_of(text, size);
	buf_init(&bytes, BENCH_BATCH_MAX);
	for (uint32_t i = 0; i < records; i++)
		assert_int_equal(wire_encode(WIRE_RECORD_DECISION, &record, &bytes), 0);
	begin_with(owner, buf_slice(&bytes), records);
	buf_close(&bytes);
}

bool bench_settle(struct bench_owner *owner)
{
	return carry_out(owner, APPENDER_SEND);
}

void bench_own(struct bench *bench, struct bench_owner *owner, uint32_t shard, uint64_t epoch)
{
	const struct wire_record_epoch record = {.epoch = epoch,
						 .node = slice_str("n1"),
						 .nonce = epoch * 1000,
						 .format = BATCH_FORMAT,
						 .unix_ms = 1};
	struct reader reader;
	struct buf bytes;

	*owner = (struct bench_owner){
		.bench = bench, .shard = shard, .epoch = epoch, .nonce = epoch * 1000};
	appender_init(&owner->appender, BENCH_BATCH_MAX);
	reader_init(&reader, &bench->cluster_id, shard);
	assert_int_equal(bench_replay(bench, shard, &reader), 0);
	appender_start(&owner->appender, reader.sequence, &reader.hash, reader.next_record);
	buf_init(&bytes, 4096);
	assert_int_equal(wire_encode(WIRE_RECORD_EPOCH, &record, &bytes), 0);
	begin_with(owner, buf_slice(&bytes), 1);
	(void)bench_settle(owner);
	buf_close(&bytes);
}

void bench_disown(struct bench_owner *owner)
{
	appender_close(&owner->appender);
}

/* ---- the server's API ------------------------------------------------------------------------ */

struct answer {
	struct buf *to;
	bool ended;
	int error;
};

static void on_answer(void *context, int error, const struct transport_message *message)
{
	struct answer *answer = context;

	answer->ended = true;
	answer->error = error;
	if (error == 0)
		assert_int_equal(buf_put_slice(answer->to, message->data), 0);
}

static void ask(struct bench *bench, const char *subject, const struct transport_header *headers,
		uint32_t count, struct slice body, struct buf *to)
{
	struct answer answer = {.to = to};

	assert_int_equal(bench->transport->ops->request(bench->transport, subject, headers, count,
							body, BENCH_PATIENCE_MS, on_answer, &answer,
							NULL),
			 0);
	RUN_UNTIL(bench, answer.ended);
	assert_int_equal(answer.error, 0);
}

void bench_api(struct bench *bench, const char *subject, struct slice body, struct buf *answer)
{
	buf_clear(answer);
	ask(bench, subject, NULL, 0, body, answer);
}

/* While nats-server 2.14 removes the files of one deletion, another of the same stream leaves them
 * where they are, and what is made then has its messages again. */
void bench_make_empty(struct bench *bench, const char *stream)
{
	const uint64_t end_ms = wait_now_ms() + BENCH_PATIENCE_MS;
	char subject[64];
	struct buf info, answer;
	struct slice config;
	uint64_t messages = 0;

	buf_init(&info, 64 * 1024);
	buf_init(&answer, 64 * 1024);
	(void)snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", stream);
	bench_api(bench, subject, slice_of(NULL, 0), &info);
	assert_true(json_scan_find(buf_slice(&info), "config", &config));
	do {
		assert_true(wait_now_ms() < end_ms);
		(void)snprintf(subject, sizeof subject, "$JS.API.STREAM.DELETE.%s", stream);
		bench_api(bench, subject, slice_of(NULL, 0), &answer);
		(void)snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", stream);
		bench_api(bench, subject, config, &answer);
	} while (!json_scan_u64(buf_slice(&answer), "state.messages", &messages) || messages != 0);
	buf_close(&info);
	buf_close(&answer);
}

void bench_publish(struct bench *bench, const char *subject, const char *header, const char *value,
		   struct slice body)
{
	const struct transport_header headers[] = {{header, value}};
	struct buf answer;

	buf_init(&answer, 64 * 1024);
	ask(bench, subject, headers, header != NULL ? 1 : 0, body, &answer);
	assert_null(memmem(answer.data, answer.size, "error", 5));
	buf_close(&answer);
}
