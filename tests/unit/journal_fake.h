/* A transport that only remembers what it was asked for, so that a test can play the answers. */
#ifndef SAGAD_TESTS_UNIT_JOURNAL_FAKE_H
#define SAGAD_TESTS_UNIT_JOURNAL_FAKE_H

#include <inttypes.h>
#include <stdio.h>

#include "transport/transport.h"
#include "unit.h"

enum { OPEN_MAX = 16, TEXT_MAX = 256, BODY_MAX = 1024 };

struct call {
	uint64_t token; /* 0 = free */
	char subject[TEXT_MAX], header[TEXT_MAX], body[BODY_MAX];
	uint32_t timeout_ms;
	transport_completion done;
	void *context;
};

struct transport_subscription {
	bool open;
	char subject[TEXT_MAX];
	transport_handler handler;
	void *context;
};

struct fake {
	struct transport transport;
	struct call calls[OPEN_MAX];
	struct transport_subscription subscriptions[OPEN_MAX];
	uint64_t tokens, inboxes;
	int error;                      /* of the next calls */
	char pulls[OPEN_MAX][TEXT_MAX]; /* reply subjects of MSG.NEXT */
	char pull_bodies[OPEN_MAX][BODY_MAX];
	uint32_t pull_count;
	uint32_t deletes; /* of consumers */
};

static void copy_slice(char *to, size_t size, struct slice from)
{
	assert_true(from.size < size);
	if (from.size > 0)
		memcpy(to, from.data, from.size);
	to[from.size] = '\0';
}

static int fake_publish(struct transport *t, const char *subject, struct slice reply,
			const struct transport_header *headers, uint32_t count, struct slice data)
{
	struct fake *fake = (struct fake *)t;

	(void)headers;
	assert_int_equal(count, 0);
	if (fake->error != 0)
		return fake->error;
	assert_non_null(strstr(subject, "$JS.API.CONSUMER.MSG.NEXT.SAGA_J_3."));
	assert_in_range(fake->pull_count, 0, OPEN_MAX - 1);
	copy_slice(fake->pulls[fake->pull_count], TEXT_MAX, reply);
	copy_slice(fake->pull_bodies[fake->pull_count++], BODY_MAX, data);
	return 0;
}

static int fake_request(struct transport *t, const char *subject,
			const struct transport_header *headers, uint32_t count, struct slice data,
			uint32_t timeout_ms, transport_completion done, void *context,
			uint64_t *token)
{
	struct fake *fake = (struct fake *)t;
	struct call *call = fake->calls;

	assert_in_range(timeout_ms, 1, 60000);
	if (fake->error != 0)
		return fake->error;
	if (strstr(subject, "CONSUMER.DELETE") != NULL) {
		assert_null(token);
		fake->deletes++;
		return 0;
	}
	while (call->token != 0)
		assert_true(++call < fake->calls + OPEN_MAX);
	*call = (struct call){.token = ++fake->tokens,
			      .timeout_ms = timeout_ms,
			      .done = done,
			      .context = context};
	(void)snprintf(call->subject, sizeof call->subject, "%s", subject);
	if (count > 0)
		(void)snprintf(call->header, sizeof call->header, "%s: %s%s%s%s%s", headers[0].name,
			       headers[0].value, count > 1 ? ", " : "",
			       count > 1 ? headers[1].name : "", count > 1 ? ": " : "",
			       count > 1 ? headers[1].value : "");
	assert_in_range(count, 0, 2);
	copy_slice(call->body, sizeof call->body, data);
	if (token != NULL)
		*token = call->token;
	return 0;
}

static void fake_cancel(struct transport *t, uint64_t token)
{
	struct fake *fake = (struct fake *)t;

	for (uint32_t i = 0; i < OPEN_MAX; i++) {
		if (fake->calls[i].token == token)
			fake->calls[i].token = 0;
	}
}

static int fake_subscribe(struct transport *t, const char *subject, const char *queue,
			  transport_handler handler, void *context,
			  struct transport_subscription **subscription)
{
	struct fake *fake = (struct fake *)t;
	struct transport_subscription *s = fake->subscriptions;

	assert_null(queue);
	while (s->open)
		assert_true(++s < fake->subscriptions + OPEN_MAX);
	*s = (struct transport_subscription){.open = true, .handler = handler, .context = context};
	(void)snprintf(s->subject, sizeof s->subject, "%s", subject);
	*subscription = s;
	return 0;
}

static void fake_unsubscribe(struct transport *t, struct transport_subscription *s)
{
	(void)t;
	assert_true(s->open);
	s->open = false;
}

static void fake_inbox(struct transport *t, char *text, uint32_t size)
{
	struct fake *fake = (struct fake *)t;

	(void)snprintf(text, size, "_INBOX.%" PRIu64, ++fake->inboxes);
}

static const struct transport_ops fake_ops = {
	.publish = fake_publish,
	.request = fake_request,
	.cancel = fake_cancel,
	.subscribe = fake_subscribe,
	.unsubscribe = fake_unsubscribe,
	.inbox = fake_inbox,
};

static uint32_t open_calls(const struct fake *fake)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < OPEN_MAX; i++)
		count += fake->calls[i].token != 0;
	return count;
}

static uint32_t open_subscriptions(const struct fake *fake)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < OPEN_MAX; i++)
		count += fake->subscriptions[i].open;
	return count;
}

/* The open request whose subject begins like this; NULL = none. */
static struct call *find(struct fake *fake, const char *start)
{
	for (uint32_t i = 0; i < OPEN_MAX; i++) {
		if (fake->calls[i].token != 0 &&
		    strncmp(fake->calls[i].subject, start, strlen(start)) == 0)
			return &fake->calls[i];
	}
	return NULL;
}

static void end_call(struct fake *fake, const char *start, int error,
		     const struct transport_message *message)
{
	struct call *call = find(fake, start);

	if (call == NULL)
		fail_msg("no request to %s", start);
	const struct call copy = *call;
	call->token = 0;
	copy.done(copy.context, error, message);
}

static void answer(struct fake *fake, const char *start, const char *text)
{
	const struct transport_message message = {.data = slice_str(text)};

	end_call(fake, start, 0, &message);
}

static void time_out(struct fake *fake, const char *start)
{
	end_call(fake, start, SAGA_E_TIMEOUT, NULL);
}

#endif
