/* The NATS transport against a real server: messages, requests, JetStream's ways. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/transport_nats_server.h"

static const struct slice no_reply = {NULL, 0};

static int setup(void **state)
{
	struct bench *bench = malloc(sizeof *bench);

	if (bench == NULL)
		return -1;
	bench_init(bench);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	free(*state);
	return 0;
}

static void test_publish_and_subscribe(void **state)
{
	struct bench *bench = *state;
	struct inbox all = {0};
	struct inbox one = {0};
	struct client *a;
	struct client *b;
	struct transport_stats stats;
	uint32_t turns;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	b = bench_connect(bench, NULL);
	(void)client_subscribe(b, "saga.>", NULL, &all);
	(void)client_subscribe(b, "saga.*.x", NULL, &one);
	client_sync(bench, b);
	turns = b->turns;
	assert_int_equal(client_publish(a, "saga.1.x", "first"), 0);
	assert_int_equal(client_publish(a, "saga.1.y", "second"), 0);
	assert_int_equal(client_publish(a, "other", "third"), 0);
	RUN_UNTIL(bench, all.count == 2);
	RUN_UNTIL(bench, one.count == 1);
	assert_string_equal(all.subject, "saga.1.y");
	assert_string_equal(all.data, "second");
	assert_string_equal(all.reply, "");
	assert_string_equal(one.data, "first");
	assert_int_equal(all.status, 0);
	assert_true(b->turns > turns);
	stats = client_stats(a);
	assert_true(stats.connected);
	assert_int_equal(stats.sent_messages, 3);
	assert_int_equal(stats.disconnected_since_ns, 0);
	assert_int_equal(stats.max_payload, 1024 * 1024);
	assert_memory_equal(stats.server_version, "2.", 2);
	assert_int_equal(client_stats(b).dropped_messages, 0);
	assert_int_equal(client_stats(b).reconnects, 0);
}

static void test_unsubscribed_is_silent(void **state)
{
	struct bench *bench = *state;
	struct transport_subscription *subscription;
	struct inbox inbox = {0};
	struct inbox other = {0};
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	subscription = client_subscribe(a, "x", NULL, &inbox);
	(void)client_subscribe(a, "x", NULL, &other);
	assert_int_equal(client_publish(a, "x", "1"), 0);
	RUN_UNTIL(bench, inbox.count == 1 && other.count == 1);
	assert_int_equal(client_publish(a, "x", "2"), 0); /* on its way when the end comes */
	a->t->ops->unsubscribe(a->t, subscription);
	assert_int_equal(client_publish(a, "x", "3"), 0);
	RUN_UNTIL(bench, other.count == 3);
	client_sync(bench, a);
	assert_int_equal(inbox.count, 1);
}

static void test_queue_group(void **state)
{
	struct bench *bench = *state;
	struct inbox members[2] = {{0}, {0}};
	struct inbox plain = {0};
	struct client *a;
	struct client *b;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	b = bench_connect(bench, NULL);
	(void)client_subscribe(a, "work", "group", &members[0]);
	(void)client_subscribe(b, "work", "group", &members[1]);
	(void)client_subscribe(b, "work", NULL, &plain);
	client_sync(bench, a);
	client_sync(bench, b);
	for (int i = 0; i < 200; i++)
		assert_int_equal(client_publish(a, "work", "x"), 0);
	RUN_UNTIL(bench, members[0].count + members[1].count >= 200 && plain.count >= 200);
	client_sync(bench, a);
	client_sync(bench, b);
	assert_int_equal(members[0].count + members[1].count, 200);
	assert_int_equal(plain.count, 200);
	assert_true(members[0].count > 0 && members[1].count > 0);
}

static void test_request_and_reply(void **state)
{
	struct bench *bench = *state;
	struct inbox service = {0};
	struct inbox answers[100];
	struct client *a;
	struct client *b;
	char data[32];

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	b = bench_connect(bench, NULL);
	service.answer_with = b->t;
	(void)client_subscribe(b, "ask", NULL, &service);
	client_sync(bench, b);
	for (int i = 0; i < 100; i++) {
		answers[i] = (struct inbox){0};
		(void)snprintf(data, sizeof data, "%d", i);
		(void)client_request(a, "ask", data, PATIENCE_MS, &answers[i]);
	}
	assert_int_equal(client_stats(a).requests_open, 100);
	RUN_UNTIL(bench, client_stats(a).requests_open == 0);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(data, sizeof data, "re:%d", i);
		assert_int_equal(answers[i].count, 1);
		assert_int_equal(answers[i].error, 0);
		assert_string_equal(answers[i].data, data);
	}
}

static void test_time_out_and_cancel(void **state)
{
	struct bench *bench = *state;
	struct inbox silent = {0};
	struct inbox slow = {0};
	struct inbox quick = {0};
	struct inbox cancelled = {0};
	struct client *a;
	uint64_t begin_ms;
	uint64_t token;
	char reply[256];

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	(void)client_subscribe(a, "silent", NULL, &silent);
	begin_ms = wait_now_ms();
	(void)client_request(a, "silent", "x", 400, &slow);
	token = client_request(a, "silent", "x", 50, &cancelled);
	(void)client_request(a, "silent", "x", 100, &quick);
	a->t->ops->cancel(a->t, token);
	RUN_UNTIL(bench, quick.count == 1);
	assert_true(wait_now_ms() - begin_ms >= 100);
	assert_int_equal(quick.error, SAGA_E_TIMEOUT);
	assert_int_equal(slow.count, 0);
	RUN_UNTIL(bench, slow.count == 1);
	assert_true(wait_now_ms() - begin_ms >= 400);
	assert_int_equal(slow.error, SAGA_E_TIMEOUT);
	/* A late answer finds nobody, and does no harm. */
	RUN_UNTIL(bench, silent.count == 3);
	(void)snprintf(reply, sizeof reply, "%s", silent.reply);
	assert_int_equal(client_publish(a, reply, "late"), 0);
	assert_int_equal(client_publish(a, reply, "double"), 0);
	client_sync(bench, a);
	assert_int_equal(quick.count, 1);
	assert_int_equal(slow.count, 1);
	assert_int_equal(cancelled.count, 0);
}

static void test_no_responders(void **state)
{
	struct bench *bench = *state;
	struct inbox answer = {0};
	struct inbox own = {0};
	struct client *a;
	char prefix[128];
	char subject[160];

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	(void)client_request(a, "nobody", "x", PATIENCE_MS, &answer);
	RUN_UNTIL(bench, answer.count == 1);
	assert_int_equal(answer.error, SAGA_E_NO_RESPONDERS);
	/* The same for a publish with a reply subject of our own making. */
	a->t->ops->inbox(a->t, prefix, sizeof prefix);
	(void)snprintf(subject, sizeof subject, "%s.*", prefix);
	(void)client_subscribe(a, subject, NULL, &own);
	(void)snprintf(subject, sizeof subject, "%s.one", prefix);
	assert_int_equal(
		a->t->ops->publish(a->t, "nobody", slice_str(subject), NULL, 0, slice_str("x")), 0);
	RUN_UNTIL(bench, own.count == 1);
	assert_int_equal(own.status, 503);
	assert_string_equal(own.subject, subject);
	assert_string_equal(own.data, "");
}

struct order {
	uint32_t next;
	uint32_t wrong;
};

static void on_ordered(void *context, const struct transport_message *message)
{
	struct order *order = context;
	uint32_t number;

	assert_int_equal(message->data.size, sizeof number);
	memcpy(&number, message->data.data, sizeof number);
	if (number != order->next)
		order->wrong++;
	order->next = number + 1;
}

static void test_order_of_many(void **state)
{
	enum { MESSAGES = 100000, SUBJECTS = 4 };
	struct bench *bench = *state;
	struct order orders[SUBJECTS] = {{0, 0}};
	struct transport_subscription *subscription;
	struct client *a;
	struct client *b;
	char subject[32];

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	b = bench_connect(bench, NULL);
	for (uint32_t i = 0; i < SUBJECTS; i++) {
		(void)snprintf(subject, sizeof subject, "many.%u", i);
		assert_int_equal(b->t->ops->subscribe(b->t, subject, NULL, on_ordered, &orders[i],
						      &subscription),
				 0);
	}
	client_sync(bench, b);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		const uint32_t number = i / SUBJECTS;

		(void)snprintf(subject, sizeof subject, "many.%u", i % SUBJECTS);
		assert_int_equal(a->t->ops->publish(a->t, subject, no_reply, NULL, 0,
						    slice_of(&number, sizeof number)),
				 0);
	}
	for (uint32_t i = 0; i < SUBJECTS; i++) {
		RUN_UNTIL(bench, orders[i].next == MESSAGES / SUBJECTS);
		assert_int_equal(orders[i].wrong, 0);
	}
	assert_int_equal(client_stats(b).dropped_messages, 0);
	assert_int_equal(b->downs, 0);
}

static void test_sizes(void **state)
{
	enum { LIMIT = 64 * 1024 };
	static uint8_t data[LIMIT + 1];
	const struct transport_header header = {"Some-Header", "value"};
	struct bench *bench = *state;
	struct inbox inbox = {0};
	struct client *a;

	server_start(&bench->server, "max_payload: 65536");
	a = bench_connect(bench, NULL);
	assert_int_equal(client_stats(a).max_payload, LIMIT);
	(void)client_subscribe(a, "x", NULL, &inbox);
	assert_int_equal(
		a->t->ops->publish(a->t, "x", no_reply, NULL, 0, slice_of(data, LIMIT + 1)),
		SAGA_E_TOO_LARGE);
	assert_int_equal(a->t->ops->request(a->t, "x", NULL, 0, slice_of(data, LIMIT + 1), 1000,
					    inbox_completion, &inbox, NULL),
			 SAGA_E_TOO_LARGE);
	/* Headers count, too. */
	assert_int_equal(a->t->ops->publish(a->t, "x", no_reply, &header, 1, slice_of(data, LIMIT)),
			 SAGA_E_TOO_LARGE);
	assert_int_equal(a->t->ops->publish(a->t, "x", no_reply, NULL, 0, slice_of(data, LIMIT)),
			 0);
	RUN_UNTIL(bench, inbox.count == 1);
	assert_int_equal(client_stats(a).requests_open, 0);
	assert_int_equal(a->downs, 0);
}

static void test_bad_names_are_refused(void **state)
{
	struct bench *bench = *state;
	struct transport_subscription *subscription = NULL;
	struct inbox inbox = {0};
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	assert_int_equal(client_publish(a, "x 5\r\nhello\r\nPUB y", ""), SAGA_E_NAME);
	assert_int_equal(client_publish(a, "", ""), SAGA_E_NAME);
	assert_int_equal(a->t->ops->publish(a->t, "x", slice_str("a b"), NULL, 0, slice_str("")),
			 SAGA_E_NAME);
	assert_int_equal(
		a->t->ops->subscribe(a->t, "a..b", NULL, inbox_message, &inbox, &subscription),
		SAGA_E_NAME);
	assert_int_equal(
		a->t->ops->subscribe(a->t, "a", "b c", inbox_message, &inbox, &subscription),
		SAGA_E_NAME);
	client_sync(bench, a);
	assert_int_equal(a->downs, 0);
}

/* ---- what JetStream needs of us ------------------------------------------------------------- */

static void ask(struct bench *bench, struct client *client, const char *subject, const char *data,
		struct inbox *answer)
{
	*answer = (struct inbox){0};
	(void)client_request(client, subject, data, PATIENCE_MS, answer);
	RUN_UNTIL(bench, answer->count == 1);
	assert_int_equal(answer->error, 0);
}

static void append(struct bench *bench, struct client *client, const char *expected,
		   struct inbox *answer)
{
	const struct transport_header fence = {"Nats-Expected-Last-Sequence", expected};

	*answer = (struct inbox){0};
	assert_int_equal(client->t->ops->request(client->t, "log.1", &fence, 1, slice_str("batch"),
						 PATIENCE_MS, inbox_completion, answer, NULL),
			 0);
	RUN_UNTIL(bench, answer->count == 1);
	assert_int_equal(answer->error, 0);
}

static void test_fenced_append(void **state)
{
	struct bench *bench = *state;
	struct inbox answer;
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	ask(bench, a, "$JS.API.STREAM.CREATE.LOG", "{\"name\":\"LOG\",\"subjects\":[\"log.*\"]}",
	    &answer);
	assert_null(strstr(answer.data, "\"error\""));
	append(bench, a, "0", &answer);
	assert_non_null(strstr(answer.data, "\"seq\":1"));
	append(bench, a, "0", &answer);
	assert_non_null(strstr(answer.data, "10071"));
	append(bench, a, "1", &answer);
	assert_non_null(strstr(answer.data, "\"seq\":2"));
}

static void test_pull_consumer(void **state)
{
	static const char next[] = "$JS.API.CONSUMER.MSG.NEXT.LOG.C";
	struct bench *bench = *state;
	struct inbox answer;
	struct inbox pulled = {0};
	struct client *a;
	char prefix[128];
	char subject[160];

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	ask(bench, a, "$JS.API.STREAM.CREATE.LOG", "{\"name\":\"LOG\",\"subjects\":[\"log.*\"]}",
	    &answer);
	ask(bench, a, "$JS.API.CONSUMER.DURABLE.CREATE.LOG.C",
	    "{\"stream_name\":\"LOG\",\"config\":{\"durable_name\":\"C\","
	    "\"ack_policy\":\"explicit\",\"ack_wait\":200000000}}",
	    &answer);
	assert_null(strstr(answer.data, "\"error\""));
	a->t->ops->inbox(a->t, prefix, sizeof prefix);
	(void)snprintf(subject, sizeof subject, "%s.>", prefix);
	(void)client_subscribe(a, subject, NULL, &pulled);
	(void)snprintf(subject, sizeof subject, "%s.1", prefix);

	assert_int_equal(a->t->ops->publish(a->t, next, slice_str(subject), NULL, 0,
					    slice_str("{\"batch\":1,\"no_wait\":true}")),
			 0);
	RUN_UNTIL(bench, pulled.count == 1);
	assert_int_equal(pulled.status, 404);
	assert_int_equal(pulled.delivered, 0);

	append(bench, a, "0", &answer);
	append(bench, a, "1", &answer);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(a->t->ops->publish(a->t, next, slice_str(subject), NULL, 0,
						    slice_str("{\"batch\":1}")),
				 0);
		RUN_UNTIL(bench, pulled.count == 2 + i);
		assert_int_equal(pulled.status, 0);
		assert_string_equal(pulled.data, "batch");
		/* Nothing is acknowledged, so the first one comes back. */
		assert_int_equal(pulled.stream_sequence, i == 1 ? 2 : 1);
		assert_int_equal(pulled.delivered, i == 2 ? 2 : 1);
		if (i == 1) {
			pulled.answer_with = NULL;
			assert_int_equal(client_publish(a, pulled.reply, "+ACK"), 0);
		}
	}
	assert_int_equal(a->t->ops->publish(a->t, next, slice_str(subject), NULL, 0,
					    slice_str("{\"batch\":2,\"expires\":50000000}")),
			 0);
	RUN_UNTIL(bench, pulled.status == 408);
}

static bool is_later(struct slice subject)
{
	return slice_equal(subject, slice_str("later"));
}

static void work_a_little(void *context, const struct transport_message *message)
{
	const uint64_t end_ms = wait_now_ms() + 2;

	inbox_message(context, message);
	while (wait_now_ms() < end_ms)
		continue;
}

/* What came behind many that may wait is not kept by them; none of them is lost. */
static void test_what_may_wait_lets_others_pass(void **state)
{
	enum { MESSAGES = 200 };
	const struct nats_config config = {.name = "lanes", .may_wait = is_later};
	struct bench *bench = *state;
	struct transport_subscription *subscription;
	struct inbox later = {0};
	struct inbox first = {0};
	uint32_t turns;
	struct client *a;
	struct client *b;

	server_start(&bench->server, "");
	a = bench_connect(bench, &config);
	b = bench_connect(bench, NULL);
	assert_int_equal(
		a->t->ops->subscribe(a->t, "later", NULL, work_a_little, &later, &subscription), 0);
	(void)client_subscribe(a, "first", NULL, &first);
	client_sync(bench, a);
	turns = a->turns;
	for (int i = 0; i < MESSAGES; i++)
		assert_int_equal(client_publish(b, "later", "x"), 0);
	assert_int_equal(client_publish(b, "first", "x"), 0);
	RUN_UNTIL(bench, first.count == 1);
	assert_true(later.count < MESSAGES / 2);
	RUN_UNTIL(bench, later.count == MESSAGES);
	/* 5 ms of it a turn. */
	assert_true(a->turns - turns > MESSAGES * 2 / 5 / 10);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_publish_and_subscribe), TEST(test_unsubscribed_is_silent),
		TEST(test_queue_group),           TEST(test_request_and_reply),
		TEST(test_time_out_and_cancel),   TEST(test_no_responders),
		TEST(test_order_of_many),         TEST(test_sizes),
		TEST(test_bad_names_are_refused), TEST(test_fenced_append),
		TEST(test_pull_consumer),         TEST(test_what_may_wait_lets_others_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
