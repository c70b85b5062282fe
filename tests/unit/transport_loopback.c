#include <stdio.h>

#include "tests/unit/unit.h"
#include "transport/loopback.h"

enum { LOG_SIZE = 1024 };

struct fixture {
	struct loopback_hub *hub;
	struct transport *a;
	struct transport *b;
};

/* What arrived, as text: "subject=data;" */
struct received {
	char text[LOG_SIZE];
	uint32_t size;
	uint32_t count;
	struct transport *answer_with; /* replies "re:<data>" when set */
	struct transport *end_with;    /* unsubscribes itself when set */
	struct transport_subscription *subscription;
};

struct completed {
	uint32_t count;
	int error;
	char data[64];
};

static int setup(void **state)
{
	static struct fixture fixture;

	fixture.hub = loopback_hub_create();
	fixture.a = loopback_open(fixture.hub);
	fixture.b = loopback_open(fixture.hub);
	*state = &fixture;
	return fixture.a == NULL || fixture.b == NULL;
}

static int teardown(void **state)
{
	loopback_hub_destroy(((struct fixture *)*state)->hub);
	return 0;
}

static void on_message(void *context, const struct transport_message *message)
{
	struct received *received = context;
	const int length =
		snprintf(received->text + received->size, LOG_SIZE - received->size, "%.*s=%.*s%s;",
			 (int)message->subject.size, (const char *)message->subject.data,
			 (int)message->data.size, (const char *)message->data.data,
			 message->status == 503 ? "(503)" : "");

	assert_true(length > 0);
	received->size += (uint32_t)length;
	received->count++;
	if (received->answer_with != NULL && message->reply.size > 0) {
		char subject[128];
		char data[64];

		(void)snprintf(subject, sizeof subject, "%.*s", (int)message->reply.size,
			       (const char *)message->reply.data);
		(void)snprintf(data, sizeof data, "re:%.*s", (int)message->data.size,
			       (const char *)message->data.data);
		assert_int_equal(received->answer_with->ops->publish(received->answer_with, subject,
								     slice_of(NULL, 0), NULL, 0,
								     slice_str(data)),
				 0);
	}
	if (received->end_with != NULL) {
		received->end_with->ops->unsubscribe(received->end_with, received->subscription);
		received->end_with = NULL;
	}
}

static void on_completion(void *context, int error, const struct transport_message *message)
{
	struct completed *completed = context;

	completed->count++;
	completed->error = error;
	assert_true((error == 0) == (message != NULL));
	if (message != NULL)
		(void)snprintf(completed->data, sizeof completed->data, "%.*s",
			       (int)message->data.size, (const char *)message->data.data);
}

static struct transport_subscription *subscribe(struct transport *t, const char *subject,
						const char *queue, struct received *received)
{
	struct transport_subscription *subscription = NULL;

	assert_int_equal(t->ops->subscribe(t, subject, queue, on_message, received, &subscription),
			 0);
	received->subscription = subscription;
	return subscription;
}

static void publish(struct transport *t, const char *subject, const char *data)
{
	assert_int_equal(t->ops->publish(t, subject, slice_of(NULL, 0), NULL, 0, slice_str(data)),
			 0);
}

static uint64_t request(struct transport *t, const char *subject, const char *data,
			uint32_t timeout_ms, struct completed *completed)
{
	uint64_t token = 0;

	assert_int_equal(t->ops->request(t, subject, NULL, 0, slice_str(data), timeout_ms,
					 on_completion, completed, &token),
			 0);
	assert_true(token != 0);
	assert_int_equal(completed->count, 0); /* never inside the call */
	return token;
}

static void test_order_and_wildcards(void **state)
{
	struct fixture *f = *state;
	struct received all = {0};
	struct received one = {0};
	struct received other = {0};

	(void)subscribe(f->a, "saga.>", NULL, &all);
	(void)subscribe(f->b, "saga.*.x", NULL, &one);
	(void)subscribe(f->b, "other", NULL, &other);
	publish(f->a, "saga.1.x", "1");
	publish(f->b, "saga.1.y", "2");
	publish(f->a, "saga.2.x", "3");
	assert_int_equal(all.count, 0); /* only the pump delivers */
	assert_int_equal(loopback_pump(f->hub, 0), 5);
	assert_string_equal(all.text, "saga.1.x=1;saga.1.y=2;saga.2.x=3;");
	assert_string_equal(one.text, "saga.1.x=1;saga.2.x=3;");
	assert_int_equal(other.count, 0);
	assert_int_equal(loopback_pump(f->hub, 0), 0);
}

static void test_a_group_gets_each_message_once(void **state)
{
	struct fixture *f = *state;
	struct received members[3] = {0};
	struct received second_group = {0};
	struct received plain = {0};

	(void)subscribe(f->a, "work", "g", &members[0]);
	(void)subscribe(f->b, "work", "g", &members[1]);
	(void)subscribe(f->b, "*", "g", &members[2]);
	(void)subscribe(f->a, "work", "h", &second_group);
	(void)subscribe(f->a, "work", NULL, &plain);
	for (int i = 0; i < 30; i++)
		publish(f->b, "work", "x");
	assert_int_equal(loopback_pump(f->hub, 0), 90);
	for (int i = 0; i < 3; i++)
		assert_int_equal(members[i].count, 10);
	assert_int_equal(second_group.count, 30);
	assert_int_equal(plain.count, 30);
}

static void test_request_and_reply(void **state)
{
	struct fixture *f = *state;
	struct received server = {.answer_with = f->b};
	struct completed completed = {0};
	struct transport_stats stats;

	(void)subscribe(f->b, "ask", NULL, &server);
	(void)request(f->a, "ask", "hello", 1000, &completed);
	f->a->ops->stats(f->a, &stats);
	assert_int_equal(stats.requests_open, 1);
	(void)loopback_pump(f->hub, 0);
	assert_int_equal(completed.count, 1);
	assert_int_equal(completed.error, 0);
	assert_string_equal(completed.data, "re:hello");
	f->a->ops->stats(f->a, &stats);
	assert_int_equal(stats.requests_open, 0);
	assert_int_equal(stats.sent_messages, 1);
	assert_int_equal(stats.received_messages, 1);
	(void)loopback_pump(f->hub, 100000);
	assert_int_equal(completed.count, 1);
}

static void test_time_out_is_by_the_given_time(void **state)
{
	struct fixture *f = *state;
	struct received server = {0};
	struct completed completed = {0};

	(void)subscribe(f->b, "ask", NULL, &server);
	(void)loopback_pump(f->hub, 5000);
	(void)request(f->a, "ask", "hello", 1000, &completed);
	(void)loopback_pump(f->hub, 5999);
	assert_int_equal(completed.count, 0);
	(void)loopback_pump(f->hub, 6000);
	assert_int_equal(completed.count, 1);
	assert_int_equal(completed.error, SAGA_E_TIMEOUT);
}

static void test_a_reply_that_waits_beats_the_time_out(void **state)
{
	struct fixture *f = *state;
	struct received server = {.answer_with = f->b};
	struct completed completed = {0};

	(void)subscribe(f->b, "ask", NULL, &server);
	(void)request(f->a, "ask", "hello", 1000, &completed);
	(void)loopback_pump(f->hub, 50000);
	assert_int_equal(completed.count, 1);
	assert_int_equal(completed.error, 0);
}

static void test_no_responders(void **state)
{
	struct fixture *f = *state;
	struct received inbox = {0};
	struct received stranger = {0};
	struct completed completed = {0};

	(void)request(f->a, "nobody", "hello", 1000, &completed);
	(void)subscribe(f->a, "my.inbox", NULL, &inbox);
	(void)subscribe(f->b, "my.inbox", NULL, &stranger);
	assert_int_equal(
		f->a->ops->publish(f->a, "nobody", slice_str("my.inbox"), NULL, 0, slice_str("hi")),
		0);
	(void)loopback_pump(f->hub, 0);
	assert_int_equal(completed.count, 1);
	assert_int_equal(completed.error, SAGA_E_NO_RESPONDERS);
	assert_string_equal(inbox.text, "my.inbox=(503);");
	assert_int_equal(stranger.count, 0); /* the broker tells the sender only */
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	struct received server = {.answer_with = f->b};
	struct completed completed = {0};
	uint64_t token;

	(void)subscribe(f->b, "ask", NULL, &server);
	token = request(f->a, "ask", "hello", 1000, &completed);
	f->a->ops->cancel(f->a, token);
	f->a->ops->cancel(f->a, token);
	f->a->ops->cancel(f->a, 12345);
	(void)loopback_pump(f->hub, 5000);
	assert_int_equal(server.count, 1); /* it was sent all the same */
	assert_int_equal(completed.count, 0);
}

static void test_unsubscribe(void **state)
{
	struct fixture *f = *state;
	struct received received = {0};
	struct received once = {0};

	(void)subscribe(f->a, "x", NULL, &received);
	(void)subscribe(f->a, "x", NULL, &once);
	once.end_with = f->a; /* inside its handler */
	publish(f->b, "x", "1");
	publish(f->b, "x", "2");
	(void)loopback_pump(f->hub, 0);
	assert_string_equal(received.text, "x=1;x=2;");
	assert_string_equal(once.text, "x=1;");
	publish(f->b, "x", "3");
	f->a->ops->unsubscribe(f->a, received.subscription);
	(void)loopback_pump(f->hub, 0);
	assert_int_equal(received.count, 2);
}

static void test_close_ends_requests(void **state)
{
	struct fixture *f = *state;
	struct received gone = {0};
	struct completed completed = {0};

	(void)subscribe(f->a, "x", NULL, &gone);
	(void)request(f->a, "ask", "hello", 1000, &completed);
	publish(f->a, "y", "1");
	publish(f->b, "x", "1");
	f->a->ops->close(f->a, true);
	assert_int_equal(completed.count, 1);
	assert_int_equal(completed.error, SAGA_E_STOPPING);
	assert_int_equal(loopback_pump(f->hub, 5000), 0);
	assert_int_equal(completed.count, 1);
	assert_int_equal(gone.count, 0);
}

static void close_in_handler(void *context, const struct transport_message *message)
{
	struct fixture *f = context;

	(void)message;
	f->a->ops->close(f->a, false);
}

static void test_close_inside_a_handler(void **state)
{
	struct fixture *f = *state;
	struct transport_subscription *subscription;
	struct received after = {0};
	struct completed completed = {0};

	assert_int_equal(f->a->ops->subscribe(f->a, "x", NULL, close_in_handler, f, &subscription),
			 0);
	(void)subscribe(f->a, "x", NULL, &after);
	(void)request(f->a, "x", "own", 1000, &completed);
	(void)loopback_pump(f->hub, 0);
	assert_int_equal(after.count, 0);
	assert_int_equal(completed.error, SAGA_E_STOPPING);
	assert_int_equal(completed.count, 1);
}

static void test_disconnect(void **state)
{
	struct fixture *f = *state;
	struct received received = {0};
	struct received server = {0};
	struct completed completed = {0};
	struct transport_stats stats;

	(void)subscribe(f->a, "x", NULL, &received);
	(void)subscribe(f->b, "ask", NULL, &server);
	(void)request(f->a, "ask", "hello", 1000, &completed);
	loopback_set_connected(f->a, false);
	assert_int_equal(completed.count, 0);
	assert_int_equal(f->a->ops->publish(f->a, "y", slice_of(NULL, 0), NULL, 0, slice_str("1")),
			 SAGA_E_DISCONNECTED);
	publish(f->b, "x", "lost");
	(void)loopback_pump(f->hub, 0);
	assert_int_equal(completed.count, 1);
	assert_int_equal(completed.error, SAGA_E_DISCONNECTED);
	assert_int_equal(server.count, 1); /* it may have arrived all the same */
	loopback_set_connected(f->a, true);
	publish(f->b, "x", "back");
	(void)loopback_pump(f->hub, 0);
	assert_string_equal(received.text, "x=back;");
	f->a->ops->stats(f->a, &stats);
	assert_true(stats.connected);
	assert_int_equal(stats.reconnects, 1);
}

static void test_refusals(void **state)
{
	static uint8_t large[1024 * 1024 + 1];
	struct fixture *f = *state;
	const struct slice nothing = slice_of(NULL, 0);
	struct transport_subscription *subscription;
	char inbox[64];
	char other[64];

	assert_int_equal(
		f->a->ops->publish(f->a, "x", nothing, NULL, 0, slice_of(large, sizeof large)),
		SAGA_E_TOO_LARGE);
	assert_int_equal(
		f->a->ops->publish(f->a, "x", nothing, NULL, 0, slice_of(large, sizeof large - 1)),
		0);
	assert_int_equal(f->a->ops->publish(f->a, "a b", nothing, NULL, 0, nothing), SAGA_E_NAME);
	assert_int_equal(f->a->ops->publish(f->a, "x", slice_str("a\r\nb"), NULL, 0, nothing),
			 SAGA_E_NAME);
	assert_int_equal(f->a->ops->subscribe(f->a, "a..b", NULL, on_message, NULL, &subscription),
			 SAGA_E_NAME);
	f->a->ops->inbox(f->a, inbox, sizeof inbox);
	f->a->ops->inbox(f->a, other, sizeof other);
	assert_string_not_equal(inbox, other);
	assert_memory_equal(inbox, "_INBOX.", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_wildcards, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_group_gets_each_message_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_request_and_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_out_is_by_the_given_time, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_reply_that_waits_beats_the_time_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_responders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unsubscribe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_ends_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_inside_a_handler, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disconnect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
