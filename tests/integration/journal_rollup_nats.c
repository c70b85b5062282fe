/* What the row of segments rests on (S17, docs/decisions/0006): a fenced publish with a roll-up
 * begins a segment on the name of the oldest and removes that one, in a single step; whatever is
 * killed around it, no batch of a later segment is missing afterwards. Straight at the server, with
 * nothing of the product in between. ROLLUP_ROUNDS=N kills more often, ROLLUP_TIMES=1 measures. */
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/os_entropy.h"
#include "base/prng.h"
#include "journal/json_scan.h"
#include "tests/support/launcher.h"

enum {
	NAMES = 4,
	SEGMENT = 40, /* batches */
	BODY_SIZE = 600,
	PATIENCE_MS = 90000, /* several elections, on a busy machine */
	ASK_MS = 2000,
	MOMENT_MAX_US = 4000,
	WRONG_LAST_SEQUENCE = 10071,
	NO_MESSAGE_FOUND = 10037,
};

/* One writer and its log as it must be. */
struct ring {
	struct cluster *cluster;
	uint32_t servers;
	natsConnection *nats;
	char stream[32];
	uint64_t last;          /* acknowledged */
	uint64_t begins[NAMES]; /* first sequence of what stands on each name; 0 = nothing */
	uint64_t segment;
	bool killed; /* some server, some time */
	struct prng random;
};

enum answer_kind { ANSWER_STORED, ANSWER_REFUSED, ANSWER_NONE };

static void api(struct ring *r, const char *subject, const char *body, struct buf *answer)
{
	const uint64_t end_ms = wait_now_ms() + PATIENCE_MS;

	for (;;) {
		natsMsg *message = NULL;
		const natsStatus status =
			natsConnection_RequestString(&message, r->nats, subject, body, ASK_MS);

		if (status == NATS_OK && natsMsg_GetDataLength(message) > 0) {
			buf_clear(answer);
			assert_int_equal(buf_put(answer, natsMsg_GetData(message),
						 (uint32_t)natsMsg_GetDataLength(message)),
					 0);
			natsMsg_Destroy(message);
			return;
		}
		natsMsg_Destroy(message);
		if (wait_now_ms() >= end_ms)
			fail_msg("%s: %s", subject, natsStatus_GetText(status));
		nats_Sleep(50);
	}
}

static void make_stream(struct ring *r, const char *name, const char *subject, uint32_t replicas)
{
	struct buf answer;
	uint64_t code = 0;
	char api_subject[96], body[512];

	buf_init(&answer, 64 * 1024);
	(void)snprintf(api_subject, sizeof api_subject, "$JS.API.STREAM.CREATE.%s", name);
	(void)snprintf(body, sizeof body,
		       "{\"name\":\"%s\",\"subjects\":[\"%s.>\"],\"storage\":\"file\","
		       "\"retention\":\"limits\",\"discard\":\"new\",\"num_replicas\":%u,"
		       "\"max_msgs\":-1,\"max_bytes\":-1,\"allow_rollup_hdrs\":true,"
		       "\"deny_delete\":true,\"duplicate_window\":100000000}",
		       name, subject, replicas);
	api(r, api_subject, body, &answer);
	if (json_scan_u64(buf_slice(&answer), "error.err_code", &code))
		fail_msg("%.*s", (int)answer.size, (const char *)answer.data);
	buf_close(&answer);
}

static void open_ring(struct ring *r, uint32_t servers)
{
	struct cluster_options options;
	natsOptions *nats_options = NULL;
	const uint64_t seed = os_entropy_u64();
	char *list, *next;
	const char *urls[CLUSTER_NATS_MAX];
	int count = 0;

	*r = (struct ring){.servers = servers};
	print_message("seed %" PRIu64 "\n", seed);
	prng_seed(&r->random, seed);
	cluster_options_init(&options);
	options.nats_count = servers;
	options.etcd_count = 0;
	options.nodes = 0;
	if (cluster_create(&options, &r->cluster) != 0 || cluster_start_servers(r->cluster) != 0)
		fail_msg("%s", cluster_trouble(r->cluster));
	list = strdup(cluster_nats_url(r->cluster));
	for (char *at = strtok_r(list, ",", &next); at != NULL; at = strtok_r(NULL, ",", &next))
		urls[count++] = at;
	assert_int_equal(natsOptions_Create(&nats_options), NATS_OK);
	assert_int_equal(natsOptions_SetServers(nats_options, urls, count), NATS_OK);
	(void)natsOptions_SetMaxReconnect(nats_options, 1000000);
	(void)natsOptions_SetReconnectWait(nats_options, 20);
	(void)natsOptions_SetReconnectBufSize(nats_options, 0);
	assert_int_equal(natsConnection_Connect(&r->nats, nats_options), NATS_OK);
	natsOptions_Destroy(nats_options);
	free(list);
	(void)snprintf(r->stream, sizeof r->stream, "RING");
	make_stream(r, r->stream, "ring", servers);
}

static void close_ring(struct ring *r)
{
	natsConnection_Destroy(r->nats);
	cluster_destroy(r->cluster);
}

/* ---- appending --------------------------------------------------------------------------------
 */

/* What stands at this sequence, for ever. */
static void body_of(uint64_t sequence, char body[BODY_SIZE])
{
	memset(body, (int)('a' + sequence % 26), BODY_SIZE);
	(void)snprintf(body, BODY_SIZE, "batch %" PRIu64, sequence);
}

static natsMsg *message_for(const char *subject, const char *reply, uint64_t expected, bool begins,
			    const char *body, int size)
{
	natsMsg *message = NULL;
	char number[24];

	assert_int_equal(natsMsg_Create(&message, subject, reply, body, size), NATS_OK);
	(void)snprintf(number, sizeof number, "%" PRIu64, expected);
	assert_int_equal(natsMsgHeader_Set(message, "Nats-Expected-Last-Sequence", number),
			 NATS_OK);
	if (begins)
		assert_int_equal(natsMsgHeader_Set(message, "Nats-Rollup", "sub"), NATS_OK);
	return message;
}

static enum answer_kind judge(natsMsg *answer, uint64_t expected)
{
	const struct slice text =
		slice_of(natsMsg_GetData(answer), (uint32_t)natsMsg_GetDataLength(answer));
	uint64_t number;

	if (text.size == 0)
		return ANSWER_NONE; /* no responders */
	if (json_scan_u64(text, "error.err_code", &number))
		return number == WRONG_LAST_SEQUENCE ? ANSWER_REFUSED : ANSWER_NONE;
	assert_true(json_scan_u64(text, "seq", &number));
	assert_int_equal(number, expected + 1);
	return ANSWER_STORED;
}

static enum answer_kind send_at(struct ring *r, uint64_t segment, uint64_t expected, bool begins)
{
	char subject[32], body[BODY_SIZE];
	natsMsg *answer = NULL, *message;
	enum answer_kind kind = ANSWER_NONE;

	(void)snprintf(subject, sizeof subject, "ring.%" PRIu64, segment % NAMES);
	body_of(expected + 1, body);
	message = message_for(subject, NULL, expected, begins, body, BODY_SIZE);
	if (natsConnection_RequestMsg(&answer, r->nats, message, ASK_MS) == NATS_OK)
		kind = judge(answer, expected);
	natsMsg_Destroy(answer);
	natsMsg_Destroy(message);
	return kind;
}

/* Does our own batch stand there? */
static bool is_ours(struct ring *r, uint64_t sequence)
{
	jsCtx *js = NULL;
	natsMsg *message = NULL;
	char body[BODY_SIZE];
	bool ours = false;

	body_of(sequence, body);
	assert_int_equal(natsConnection_JetStream(&js, r->nats, NULL), NATS_OK);
	if (js_GetMsg(&message, js, r->stream, sequence, NULL, NULL) == NATS_OK) {
		assert_int_equal(natsMsg_GetDataLength(message), BODY_SIZE);
		assert_memory_equal(natsMsg_GetData(message), body, BODY_SIZE);
		ours = true;
	}
	natsMsg_Destroy(message);
	jsCtx_Destroy(js);
	return ours;
}

/* As the appender does (S6): the same bytes at the same position until it is known. */
static void settle(struct ring *r, uint64_t segment, bool begins)
{
	const uint64_t end_ms = wait_now_ms() + PATIENCE_MS;

	for (;;) {
		const enum answer_kind kind = send_at(r, segment, r->last, begins);

		if (kind == ANSWER_STORED || (kind == ANSWER_REFUSED && is_ours(r, r->last + 1)))
			break;
		if (wait_now_ms() >= end_ms)
			fail_msg("batch %" PRIu64 " was never stored", r->last + 1);
		nats_Sleep(50);
	}
	r->last++;
	r->segment = segment;
	if (begins)
		r->begins[segment % NAMES] = r->last;
}

static void append(struct ring *r, bool begins)
{
	settle(r, r->segment + (begins ? 1 : 0), begins);
}

/* The first segment has nothing to roll up, and begins like it all the same. */
static void fill_segment(struct ring *r)
{
	while (r->last + 1 < r->begins[r->segment % NAMES] + SEGMENT)
		append(r, false);
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static uint64_t oldest(const struct ring *r)
{
	uint64_t first = UINT64_MAX;

	for (uint32_t i = 0; i < NAMES; i++)
		if (r->begins[i] != 0 && r->begins[i] < first)
			first = r->begins[i];
	return first;
}

struct state {
	uint64_t first, last, messages, deleted, bytes;
};

static struct state look(struct ring *r)
{
	struct state state = {0};
	struct buf answer;
	char subject[64];

	buf_init(&answer, 64 * 1024);
	(void)snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", r->stream);
	do {
		api(r, subject, "", &answer);
	} while (!json_scan_u64(buf_slice(&answer), "state.first_seq", &state.first));
	assert_true(json_scan_u64(buf_slice(&answer), "state.last_seq", &state.last));
	assert_true(json_scan_u64(buf_slice(&answer), "state.messages", &state.messages));
	assert_true(json_scan_u64(buf_slice(&answer), "state.bytes", &state.bytes));
	(void)json_scan_u64(buf_slice(&answer), "state.num_deleted", &state.deleted);
	buf_close(&answer);
	return state;
}

/* All that was acknowledged since the oldest segment began is there, in one piece. */
static void check(struct ring *r)
{
	const uint64_t end_ms = wait_now_ms() + PATIENCE_MS;
	struct state state = look(r);

	/* A leader that was just elected may not have applied all that its log holds. */
	while (state.last < r->last && wait_now_ms() < end_ms) {
		nats_Sleep(20);
		state = look(r);
	}
	assert_int_equal(state.last, r->last);
	if (!r->killed) {
		assert_int_equal(state.first, oldest(r));
		assert_int_equal(state.deleted, 0);
		assert_int_equal(state.messages, r->last - oldest(r) + 1);
	} else if (state.messages != r->last - oldest(r) + 1 || state.first != oldest(r)) {
		/* Killed servers of 2.9.10 bring back what was rolled up. It all stands in front of
		 * the oldest segment, has gaps, and goes with its name the next time. */
		print_message("%" PRIu64 " batches too many, from %" PRIu64 " on, %" PRIu64
			      " between deleted\n",
			      state.messages - (r->last - oldest(r) + 1), state.first,
			      state.deleted);
		assert_true(state.first <= oldest(r));
		assert_true(state.messages >= r->last - oldest(r) + 1);
	}
	for (uint64_t sequence = oldest(r); sequence <= r->last; sequence++) {
		/* Who has just been elected may answer nothing, and an old leader anything. */
		while (!is_ours(r, sequence)) {
			if (wait_now_ms() >= end_ms) {
				cluster_keep(r->cluster);
				fail_msg("batch %" PRIu64 " of %" PRIu64 "..%" PRIu64
					 " is gone: %s",
					 sequence, state.first, state.last,
					 cluster_folder(r->cluster));
			}
			nats_Sleep(20);
		}
	}
}

/* ---- one step ---------------------------------------------------------------------------------
 */

static void begin_ring(struct ring *r)
{
	r->begins[0] = 1;
	settle(r, 0, false);
	fill_segment(r);
	for (uint32_t i = 1; i < NAMES; i++) {
		append(r, true);
		fill_segment(r);
	}
	check(r);
}

static void one_step(uint32_t servers)
{
	struct ring ring;
	struct state before, after;

	open_ring(&ring, servers);
	begin_ring(&ring);
	before = look(&ring);
	assert_int_equal(before.first, 1);
	/* a wrong fence rolls nothing up */
	assert_int_equal(send_at(&ring, NAMES, ring.last - 1, true), ANSWER_REFUSED);
	assert_int_equal(send_at(&ring, NAMES, ring.last + 1, true), ANSWER_REFUSED);
	after = look(&ring);
	assert_memory_equal(&before, &after, sizeof before);
	/* the step */
	assert_int_equal(send_at(&ring, NAMES, ring.last, true), ANSWER_STORED);
	ring.segment = NAMES;
	ring.begins[0] = ++ring.last;
	after = look(&ring);
	assert_int_equal(after.first, SEGMENT + 1);
	assert_int_equal(after.last, before.last + 1);
	check(&ring);
	/* the same bytes once more, at once and after others */
	assert_int_equal(send_at(&ring, NAMES, ring.last - 1, true), ANSWER_REFUSED);
	fill_segment(&ring);
	assert_int_equal(send_at(&ring, NAMES, ring.begins[0] - 1, true), ANSWER_REFUSED);
	check(&ring);
	/* and round again */
	for (uint32_t i = 0; i < 2 * NAMES; i++) {
		append(&ring, true);
		fill_segment(&ring);
		check(&ring);
	}
	close_ring(&ring);
}

static void one_step_on_one_server(void **state)
{
	(void)state;
	one_step(1);
}

static void one_step_on_three_servers(void **state)
{
	(void)state;
	one_step(3);
}

/* ---- kills ------------------------------------------------------------------------------------
 */

static void kill_servers(struct ring *r, uint32_t from, uint32_t to)
{
	char name[16];

	r->killed = true;
	for (uint32_t i = from; i <= to; i++) {
		(void)snprintf(name, sizeof name, "nats%u", i);
		assert_int_equal(cluster_signal(r->cluster, name, SIGKILL), 0);
	}
	for (uint32_t i = from; i <= to; i++) {
		(void)snprintf(name, sizeof name, "nats%u", i);
		assert_true(cluster_wait_end(r->cluster, name, PATIENCE_MS));
	}
}

/* The batch that begins a segment is on its way; nobody waits for its answer. */
static void send_and_kill(struct ring *r, uint32_t from, uint32_t to)
{
	char subject[32], body[BODY_SIZE];
	natsMsg *message;
	int64_t end_ns;
	const uint64_t segment = r->segment + 1;

	(void)snprintf(subject, sizeof subject, "ring.%" PRIu64, segment % NAMES);
	body_of(r->last + 1, body);
	message = message_for(subject, "nobody.listens", r->last, true, body, BODY_SIZE);
	assert_int_equal(natsConnection_PublishMsg(r->nats, message), NATS_OK);
	(void)natsConnection_Flush(r->nats);
	natsMsg_Destroy(message);
	nats_Sleep(0);
	end_ns = nats_NowInNanoSeconds() + (int64_t)prng_below(&r->random, MOMENT_MAX_US) * 1000;
	while (nats_NowInNanoSeconds() < end_ns)
		continue;
	kill_servers(r, from, to);
}

/* Some kills hit the step itself, others what comes after it. */
static void round_of(struct ring *r, uint32_t from, uint32_t to, uint32_t after)
{
	if (after == 0) {
		send_and_kill(r, from, to);
	} else {
		append(r, true);
		for (uint32_t i = 1; i < after; i++)
			append(r, false);
		kill_servers(r, from, to);
	}
	if (cluster_start_servers(r->cluster) != 0)
		fail_msg("%s", cluster_trouble(r->cluster));
	if (after == 0)
		append(r, true);
	check(r);
	fill_segment(r);
	check(r);
}

static uint32_t rounds(uint32_t usual)
{
	const char *wish = getenv("ROLLUP_ROUNDS");

	return wish != NULL ? (uint32_t)strtoul(wish, NULL, 10) : usual;
}

static void survives_kills_of_one_server(void **state)
{
	struct ring ring;

	(void)state;
	open_ring(&ring, 1);
	begin_ring(&ring);
	for (uint32_t i = rounds(8); i > 0; i--)
		round_of(&ring, 1, 1, (uint32_t)prng_below(&ring.random, 3) * 5);
	close_ring(&ring);
}

static void survives_kills_of_three_servers(void **state)
{
	struct ring ring;
	uint32_t one;

	(void)state;
	open_ring(&ring, 3);
	begin_ring(&ring);
	for (uint32_t i = rounds(4); i > 0; i--) {
		const uint32_t after = (uint32_t)prng_below(&ring.random, 3) * 5;

		one = 1 + (uint32_t)prng_below(&ring.random, 3);
		if (i % 2 == 0)
			round_of(&ring, 1, 3, after);
		else
			round_of(&ring, one, one, after);
	}
	close_ring(&ring);
}

/* ---- how long it takes ------------------------------------------------------------------------
 */

/* `count` messages of `size` bytes on the name that is rolled up, while another stream is written
 * to. */
static void measure(uint32_t servers, uint32_t count, int size)
{
	struct ring ring;
	struct state state;
	char *body = calloc(1, (size_t)size);
	natsMsg *message, *answer = NULL;
	uint64_t start_ms, other_ms = 0, worst_ms = 0;

	open_ring(&ring, servers);
	make_stream(&ring, "OTHER", "other", servers);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(natsConnection_Publish(ring.nats, "ring.0", body, size), NATS_OK);
		if (i % 64 == 63)
			assert_int_equal(natsConnection_FlushTimeout(ring.nats, 60000), NATS_OK);
	}
	do
		state = look(&ring);
	while (state.last < count);
	message = message_for("ring.0", "ring-answer", count, true, body, size);
	natsSubscription *answers = NULL;
	assert_int_equal(natsConnection_SubscribeSync(&answers, ring.nats, "ring-answer"), NATS_OK);
	start_ms = wait_now_ms();
	assert_int_equal(natsConnection_PublishMsg(ring.nats, message), NATS_OK);
	natsMsg *done = NULL;
	while (natsSubscription_NextMsg(&done, answers, 1) != NATS_OK) {
		other_ms = wait_now_ms();
		assert_int_equal(
			natsConnection_RequestString(&answer, ring.nats, "other.1", "x", 60000),
			NATS_OK);
		natsMsg_Destroy(answer);
		other_ms = wait_now_ms() - other_ms;
		worst_ms = other_ms > worst_ms ? other_ms : worst_ms;
	}
	print_message("R%u: %u messages of %d bytes (%" PRIu64 " MiB) rolled up in %" PRIu64
		      " ms; worst append to another stream %" PRIu64 " ms\n",
		      servers, count, size, state.bytes >> 20, wait_now_ms() - start_ms, worst_ms);
	natsMsg_Destroy(done);
	natsMsg_Destroy(message);
	natsSubscription_Destroy(answers);
	state = look(&ring);
	/* 2.9.10 says a first_seq somewhere among what is gone, when that filled several of its
	 * files: so where the log begins is what a read brings first, and not what the stream says.
	 */
	assert_int_equal(state.messages, 1);
	print_message("first_seq %" PRIu64 " of %u\n", state.first, count + 1);
	free(body);
	close_ring(&ring);
}

static void takes_little_time(void **state)
{
	(void)state;
	if (getenv("ROLLUP_TIMES") == NULL)
		return;
	for (uint32_t servers = 1; servers <= 3; servers += 2) {
		measure(servers, 1000, 16 * 1024);
		measure(servers, 16000, 1024);
		measure(servers, 16000, 4 * 1024);
		measure(servers, 400, 256 * 1024);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_step_on_one_server),
		cmocka_unit_test(one_step_on_three_servers),
		cmocka_unit_test(survives_kills_of_one_server),
		cmocka_unit_test(survives_kills_of_three_servers),
		cmocka_unit_test(takes_little_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
