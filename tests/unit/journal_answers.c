/* The JetStream journal over a transport that the test plays: every answer, lost, late or odd. */
#include <stdlib.h>

#include "journal/jetstream.h"
#include "journal_fake.h"

/* ---- the journal on it ------------------------------------------------------------------------
 */

struct seen {
	struct journal *journal;
	uint32_t appended, ended, batches;
	uint64_t token, sequence, end_token, last_sequence;
	enum journal_append_status status;
	uint64_t next; /* sequence that must come now */
	int error;
	bool cancels; /* each read at its first batch */
};

struct rig {
	struct fake fake;
	struct seen seen;
	struct journal *journal;
	struct journal_place place; /* of appends */
};

static void on_appended(void *context, uint32_t shard, uint64_t token,
			enum journal_append_status status, uint64_t sequence)
{
	struct seen *seen = context;

	assert_int_equal(shard, 3);
	seen->appended++;
	seen->token = token;
	seen->status = status;
	seen->sequence = sequence;
}

static void on_batch(void *context, uint32_t shard, uint64_t token, uint64_t sequence,
		     struct slice bytes)
{
	struct seen *seen = context;

	assert_int_equal(shard, 3);
	assert_true(slice_equal(bytes, slice_str("batch")));
	assert_int_equal(sequence, seen->next);
	seen->next++;
	seen->batches++;
	if (seen->cancels)
		seen->journal->ops->cancel(seen->journal, token);
}

static void on_read_end(void *context, uint32_t shard, uint64_t token, int error,
			uint64_t last_sequence)
{
	struct seen *seen = context;

	assert_int_equal(shard, 3);
	seen->ended++;
	seen->end_token = token;
	seen->error = error;
	seen->last_sequence = last_sequence;
}

static int setup(void **state)
{
	static const struct jetstream_config config = {
		.prefix = "saga", .stream_prefix = "SAGA", .cluster = "prod"};
	struct rig *rig = calloc(1, sizeof *rig);

	if (rig == NULL)
		return -1;
	const struct journal_events events = {.appended = on_appended,
					      .batch = on_batch,
					      .read_end = on_read_end,
					      .context = &rig->seen};

	rig->fake.transport.ops = &fake_ops;
	if (jetstream_open(&rig->fake.transport, &config, &events, &rig->journal) != 0)
		return -1;
	rig->seen.journal = rig->journal;
	*state = rig;
	return 0;
}

/* Whatever a test left open, nothing of it outlives the journal. */
static int teardown(void **state)
{
	struct rig *rig = *state;

	rig->journal->ops->close(rig->journal);
	const bool clean = open_calls(&rig->fake) == 0 && open_subscriptions(&rig->fake) == 0;

	free(rig);
	return clean ? 0 : -1;
}

static int append(struct rig *rig, uint64_t expected, uint64_t token)
{
	return rig->journal->ops->append(rig->journal, 3, expected, rig->place, slice_str("bytes"),
					 token);
}

static int start(struct rig *rig, uint64_t from, uint64_t to)
{
	const uint32_t ended = rig->seen.ended;
	const int rc = rig->journal->ops->read(rig->journal, 3, from, to, 50);

	rig->seen.next = from;
	assert_int_equal(rig->seen.ended, ended); /* never inside the call */
	return rc;
}

/* ---- appending --------------------------------------------------------------------------------
 */

static const char journal_subject[] = "saga.v1.journal.3.0";

static void an_append_is_one_fenced_request(void **state)
{
	struct rig *rig = *state;
	struct call *call;

	assert_int_equal(append(rig, 10, 7), 0);
	call = find(&rig->fake, journal_subject);
	assert_non_null(call);
	assert_string_equal(call->header, "Nats-Expected-Last-Sequence: 10");
	assert_string_equal(call->body, "bytes");
	assert_int_equal(call->timeout_ms, 2000);
	assert_int_equal(append(rig, 10, 8), SAGA_E_BUSY);
	answer(&rig->fake, journal_subject, "{\"stream\":\"SAGA_J_3\",\"seq\":11}");
	assert_int_equal(rig->seen.appended, 1);
	assert_int_equal(rig->seen.token, 7);
	assert_int_equal(rig->seen.status, JOURNAL_STORED);
	assert_int_equal(rig->seen.sequence, 11);

	assert_int_equal(append(rig, 0, 9), 0); /* an empty log is fenced too */
	assert_string_equal(find(&rig->fake, journal_subject)->header,
			    "Nats-Expected-Last-Sequence: 0");
	answer(&rig->fake, journal_subject,
	       "{\"error\":{\"code\":400,\"err_code\":10071,\"description\":\"wrong last "
	       "sequence: 5\"}}");
	assert_int_equal(rig->seen.status, JOURNAL_REFUSED);
	assert_int_equal(rig->seen.sequence, 5);

	/* on a name that no segment has */
	rig->place.segment = 7;
	assert_int_equal(append(rig, JOURNAL_UNFENCED, 10), 0);
	assert_string_equal(find(&rig->fake, "saga.v1.journal.3.4")->header, "");
	answer(&rig->fake, "saga.v1.journal.3.4", "{\"stream\":\"SAGA_J_3\",\"seq\":99}");
	assert_int_equal(rig->seen.status, JOURNAL_STORED);
	assert_int_equal(rig->seen.sequence, 99);
}

/* S17: the batch that begins a segment takes with it what stands on its name. */
static void a_segment_begins_with_a_roll_up(void **state)
{
	struct rig *rig = *state;

	rig->place = (struct journal_place){.segment = 5};
	assert_int_equal(append(rig, 10, 7), 0);
	assert_string_equal(find(&rig->fake, "saga.v1.journal.3.1")->header,
			    "Nats-Expected-Last-Sequence: 10");
	answer(&rig->fake, "saga.v1.journal.3.1", "{\"stream\":\"SAGA_J_3\",\"seq\":11}");
	rig->place = (struct journal_place){.segment = 6, .begins = true};
	assert_int_equal(append(rig, 11, 8), 0);
	assert_string_equal(find(&rig->fake, "saga.v1.journal.3.2")->header,
			    "Nats-Expected-Last-Sequence: 11, Nats-Rollup: sub");
	answer(&rig->fake, "saga.v1.journal.3.2", "{\"stream\":\"SAGA_J_3\",\"seq\":12}");
	assert_int_equal(rig->seen.appended, 2);
	assert_int_equal(rig->seen.status, JOURNAL_STORED);
}

static void silence_and_errors_are_unknown(void **state)
{
	static const int errors[] = {SAGA_E_TIMEOUT, SAGA_E_NO_RESPONDERS, SAGA_E_DISCONNECTED,
				     SAGA_E_STOPPING};
	struct rig *rig = *state;

	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(append(rig, 10, 20 + i), 0);
		end_call(&rig->fake, journal_subject, errors[i], NULL);
		assert_int_equal(rig->seen.appended, i + 1);
		assert_int_equal(rig->seen.status, JOURNAL_UNKNOWN);
		assert_int_equal(rig->seen.sequence, 0);
	}
	assert_int_equal(append(rig, 10, 30), 0);
	answer(&rig->fake, journal_subject,
	       "{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"no\"}}");
	assert_int_equal(rig->seen.status, JOURNAL_UNKNOWN);
	assert_int_equal(append(rig, 10, 31), 0);
	answer(&rig->fake, journal_subject, "");
	assert_int_equal(rig->seen.status, JOURNAL_UNKNOWN);
}

static void a_broken_fence_is_not_stored(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(append(rig, 10, 1), 0);
	answer(&rig->fake, journal_subject, "{\"stream\":\"SAGA_J_3\",\"seq\":12}");
	assert_int_equal(rig->seen.status, JOURNAL_REFUSED);
	assert_int_equal(append(rig, 10, 2), 0);
	answer(&rig->fake, journal_subject,
	       "{\"stream\":\"SAGA_J_3\",\"seq\":11,\"duplicate\":true}");
	assert_int_equal(rig->seen.status, JOURNAL_REFUSED);
	assert_int_equal(append(rig, 10, 3), 0);
	answer(&rig->fake, journal_subject, "{\"stream\":\"SAGA_J_4\",\"seq\":11}");
	assert_int_equal(rig->seen.status, JOURNAL_REFUSED);
}

static void what_was_not_sent_is_not_answered(void **state)
{
	struct rig *rig = *state;

	rig->fake.error = SAGA_E_DISCONNECTED;
	assert_int_equal(append(rig, 10, 1), SAGA_E_DISCONNECTED);
	assert_int_equal(start(rig, 1, UINT64_MAX), SAGA_E_DISCONNECTED);
	assert_int_equal(start(rig, 5, 5), SAGA_E_DISCONNECTED);
	rig->fake.error = 0;
	assert_int_equal(append(rig, 10, 2), 0); /* the shard is free */
	rig->journal->ops->cancel(rig->journal, 2);
	assert_int_equal(open_calls(&rig->fake), 0);
	assert_int_equal(rig->seen.appended, 0);
	assert_int_equal(rig->seen.ended, 0);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static const char info_subject[] = "$JS.API.STREAM.INFO.SAGA_J_3";
static const char get_subject[] = "$JS.API.STREAM.MSG.GET.SAGA_J_3";
static const char create_subject[] = "$JS.API.CONSUMER.CREATE.SAGA_J_3.sagad_";
static const char wait_subject[] = "_INBOX."; /* a request to ourselves: a timer */

static void inform(struct rig *rig, uint64_t first, uint64_t last)
{
	char text[512];

	(void)snprintf(text, sizeof text,
		       "{\"config\":{\"name\":\"SAGA_J_3\",\"description\":\"sagad journal "
		       "cluster=prod shard=3 shards=16\"},\"created\":\"2026\",\"state\":{"
		       "\"first_seq\":%" PRIu64 ",\"last_seq\":%" PRIu64 "}}",
		       first, last);
	answer(&rig->fake, info_subject, text);
}

/* Brings a read from `from` to the state of pulling; the stream ends at `last`. */
static void pulling(struct rig *rig, uint64_t from, uint64_t last)
{
	assert_int_equal(start(rig, from, UINT64_MAX), 0);
	inform(rig, 1, last);
	answer(&rig->fake, create_subject, "{\"name\":\"x\",\"num_pending\":9}");
}

static struct transport_subscription *data_subscription(struct rig *rig)
{
	struct transport_subscription *found = NULL;

	for (uint32_t i = 0; i < OPEN_MAX; i++) {
		struct transport_subscription *s = &rig->fake.subscriptions[i];

		if (s->open && strchr(s->subject, '*') != NULL) {
			assert_null(found);
			found = s;
		}
	}
	assert_non_null(found);
	return found;
}

static void push(struct rig *rig, uint64_t sequence)
{
	const struct transport_subscription *s = data_subscription(rig);
	const struct transport_message message = {.subject = slice_str(journal_subject),
						  .data = slice_str("batch"),
						  .delivered = 1,
						  .stream_sequence = sequence};

	s->handler(s->context, &message);
}

/* A status to the pull with this index. */
static void push_status(struct rig *rig, uint32_t pull, uint32_t status)
{
	const struct transport_subscription *s = data_subscription(rig);
	const struct transport_message message = {.subject = slice_str(rig->fake.pulls[pull]),
						  .status = status};

	s->handler(s->context, &message);
}

static void expect_end(struct rig *rig, int error, uint64_t last)
{
	assert_int_equal(rig->seen.ended, 1);
	assert_int_equal(rig->seen.end_token, 50);
	assert_int_equal(rig->seen.error, error);
	assert_int_equal(rig->seen.last_sequence, last);
	assert_int_equal(open_calls(&rig->fake), 0);
	rig->seen.ended = 0;
}

static void a_long_read_pulls(void **state)
{
	struct rig *rig = *state;
	struct call *call;

	assert_int_equal(start(rig, 2, UINT64_MAX), 0);
	assert_string_equal(find(&rig->fake, info_subject)->body, "");
	inform(rig, 1, 2500);
	call = find(&rig->fake, create_subject);
	assert_non_null(strstr(call->body, "\"opt_start_seq\":2,"));
	assert_non_null(strstr(call->body, "\"ack_policy\":\"none\""));
	answer(&rig->fake, create_subject, "{\"name\":\"x\",\"num_pending\":2499}");
	/* Two bounded pulls, and the rest when one of them is used up. */
	assert_int_equal(rig->fake.pull_count, 2);
	assert_non_null(strstr(rig->fake.pull_bodies[0], "\"batch\":1000,\"max_bytes\":"));
	assert_non_null(strstr(rig->fake.pull_bodies[1], "\"batch\":1000,"));
	for (uint64_t s = 2; s <= 1000; s++)
		push(rig, s);
	assert_int_equal(rig->fake.pull_count, 2);
	push(rig, 1001);
	assert_int_equal(rig->fake.pull_count, 3);
	assert_non_null(strstr(rig->fake.pull_bodies[2], "\"batch\":499,"));
	for (uint64_t s = 1002; s <= 2499; s++)
		push(rig, s);
	assert_int_equal(rig->seen.ended, 0);
	assert_int_equal(rig->fake.pull_count, 3);
	push(rig, 2500);
	expect_end(rig, 0, 2500);
	assert_int_equal(rig->seen.batches, 2499);
	assert_int_equal(rig->fake.deletes, 1);
}

/* Wherever the log begins, and wherever the server says that it does (2.9.10). */
static void the_oldest_may_be_anywhere(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(start(rig, JOURNAL_OLDEST, UINT64_MAX), 0);
	inform(rig, 500, 1002);
	assert_non_null(strstr(find(&rig->fake, create_subject)->body, "\"opt_start_seq\":500,"));
	answer(&rig->fake, create_subject, "{\"name\":\"x\",\"num_pending\":3}");
	rig->seen.next = 1000;
	push(rig, 1000);
	assert_int_equal(rig->seen.batches, 1);
	push(rig, 1001);
	push(rig, 1002);
	assert_int_equal(rig->seen.batches, 3);
	expect_end(rig, 0, 1002);
	/* but once it has begun, nothing may be missing */
	assert_int_equal(start(rig, JOURNAL_ANYWHERE | 700, UINT64_MAX), 0);
	inform(rig, 500, 1002);
	assert_non_null(strstr(find(&rig->fake, create_subject)->body, "\"opt_start_seq\":700,"));
	answer(&rig->fake, create_subject, "{\"name\":\"x\",\"num_pending\":3}");
	rig->seen.next = 900;
	push(rig, 900);
	push(rig, 1001);
	assert_int_equal(rig->seen.batches, 4);
	time_out(&rig->fake, wait_subject);
	inform(rig, 500, 1002);
	assert_non_null(strstr(find(&rig->fake, create_subject)->body, "\"opt_start_seq\":901,"));
	answer(&rig->fake, create_subject, "{\"name\":\"x\",\"num_pending\":2}");
	push(rig, 1001);
	expect_end(rig, SAGA_E_JOURNAL_GAP, 900);
}

static void a_pull_that_ends_early_is_followed_by_another(void **state)
{
	struct rig *rig = *state;

	pulling(rig, 2, 2500);
	for (uint64_t s = 2; s <= 400; s++)
		push(rig, s);
	push_status(rig, 0, 100); /* a heartbeat says nothing */
	assert_int_equal(rig->fake.pull_count, 2);
	push_status(rig, 0, 409); /* enough bytes */
	assert_int_equal(rig->fake.pull_count, 3);
	push_status(rig, 0, 409); /* of one that is over: late, nothing */
	assert_int_equal(rig->fake.pull_count, 3);
	for (uint64_t s = 401; s <= 2500; s++)
		push(rig, s);
	expect_end(rig, 0, 2500);
	assert_int_equal(rig->fake.deletes, 1);
}

static void again_from(struct rig *rig, uint64_t next)
{
	char wanted[64];

	assert_int_equal(open_subscriptions(&rig->fake), 1); /* only the timer's */
	time_out(&rig->fake, wait_subject);                  /* the pause */
	inform(rig, 1, 100);
	(void)snprintf(wanted, sizeof wanted, "\"opt_start_seq\":%" PRIu64 ",", next);
	assert_non_null(strstr(find(&rig->fake, create_subject)->body, wanted));
	answer(&rig->fake, create_subject, "{\"name\":\"x\",\"num_pending\":9}");
}

static void a_lost_message_is_fetched_again(void **state)
{
	struct rig *rig = *state;

	pulling(rig, 2, 100);
	push(rig, 2);
	push(rig, 3);
	push(rig, 3); /* doubled: not handed out twice */
	assert_int_equal(rig->seen.batches, 2);
	push(rig, 5);
	again_from(rig, 4);
	push(rig, 4);
	push(rig, 5);
	push(rig, 7);
	again_from(rig, 6);
	push(rig, 7); /* twice at the same place: it is not there */
	expect_end(rig, SAGA_E_JOURNAL_GAP, 5);
}

static void a_consumer_that_is_gone_or_stuck_is_replaced(void **state)
{
	struct rig *rig = *state;

	pulling(rig, 2, 100);
	push(rig, 2);
	push_status(rig, 0, 503);
	again_from(rig, 3);
	/* The watchdog looks twice: once there was progress, once there was none. */
	push(rig, 3);
	time_out(&rig->fake, wait_subject);
	push(rig, 4);
	time_out(&rig->fake, wait_subject);
	assert_int_equal(open_subscriptions(&rig->fake), 2);
	time_out(&rig->fake, wait_subject);
	again_from(rig, 5);
	/* a pull that ends without having brought anything */
	push_status(rig, rig->fake.pull_count - 1, 409);
	again_from(rig, 5);
	for (uint64_t s = 5; s <= 100; s++)
		push(rig, s);
	expect_end(rig, 0, 100);
	assert_int_equal(rig->fake.deletes, 4);
}

/* Trouble between messages is not added up. */
static void progress_forgives_failures(void **state)
{
	struct rig *rig = *state;

	pulling(rig, 2, 100);
	for (uint64_t s = 2; s <= 30; s++) {
		push(rig, s);
		push_status(rig, 0, 503);
		assert_int_equal(rig->seen.ended, 0);
		rig->fake.pull_count = 0;
		again_from(rig, s + 1);
	}
	for (uint64_t s = 31; s <= 100; s++)
		push(rig, s);
	expect_end(rig, 0, 100);
}

static void failure_without_progress_comes_to_an_end(void **state)
{
	struct rig *rig = *state;
	uint32_t tries = 0;

	assert_int_equal(start(rig, 1, UINT64_MAX), 0);
	while (rig->seen.ended == 0) {
		time_out(&rig->fake, info_subject);
		tries++;
		assert_in_range(tries, 1, 20);
		if (rig->seen.ended == 0)
			time_out(&rig->fake, wait_subject);
	}
	assert_true(tries > 3);
	expect_end(rig, SAGA_E_TIMEOUT, 0);
	/* with the server's words, or without sense */
	assert_int_equal(start(rig, 1, UINT64_MAX), 0);
	while (rig->seen.ended == 0) {
		answer(&rig->fake, info_subject,
		       ++tries % 2 == 0 ? "{\"error\":{\"code\":503,\"err_code\":10008}}" : "{}}");
		if (rig->seen.ended == 0)
			time_out(&rig->fake, wait_subject);
	}
	assert_int_equal(err_class(rig->seen.error), ERR_CLASS_RETRY);
}

static void a_lost_connection_ends_a_read(void **state)
{
	struct rig *rig = *state;

	/* as the transport does it: all requests end, and no new one is taken */
	pulling(rig, 2, 100);
	push(rig, 2);
	rig->fake.error = SAGA_E_DISCONNECTED;
	end_call(&rig->fake, wait_subject, SAGA_E_DISCONNECTED, NULL);
	expect_end(rig, SAGA_E_DISCONNECTED, 2);
	rig->fake.error = 0;
	assert_int_equal(start(rig, 1, UINT64_MAX), 0);
	rig->fake.error = SAGA_E_DISCONNECTED;
	end_call(&rig->fake, info_subject, SAGA_E_DISCONNECTED, NULL);
	expect_end(rig, SAGA_E_DISCONNECTED, 0);
	rig->fake.error = 0;
	assert_int_equal(start(rig, 4, 4), 0);
	end_call(&rig->fake, get_subject, SAGA_E_STOPPING, NULL);
	expect_end(rig, SAGA_E_STOPPING, 3);
}

static void a_stream_that_shrank_is_not_an_end(void **state)
{
	struct rig *rig = *state;

	pulling(rig, 2, 100);
	for (uint64_t s = 2; s <= 50; s++)
		push(rig, s);
	push_status(rig, 0, 503);
	time_out(&rig->fake, wait_subject);
	inform(rig, 1, 40); /* an old leader speaks */
	assert_int_equal(rig->seen.ended, 0);
	time_out(&rig->fake, wait_subject);
	inform(rig, 1, 51);
	assert_string_equal(find(&rig->fake, get_subject)->body, "{\"seq\":51}");
	answer(&rig->fake, get_subject, "{\"message\":{\"seq\":51,\"data\":\"YmF0Y2g=\"}}");
	expect_end(rig, 0, 51);
}

static void a_short_read_asks_for_each_message(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(start(rig, 8, 9), 0);
	assert_string_equal(find(&rig->fake, get_subject)->body, "{\"seq\":8}");
	answer(&rig->fake, get_subject, "{\"message\":{\"seq\":8,\"data\":\"YmF0Y2g=\"}}");
	assert_int_equal(rig->seen.batches, 1);
	assert_string_equal(find(&rig->fake, get_subject)->body, "{\"seq\":9}");
	/* not there: is that the end or a hole? */
	answer(&rig->fake, get_subject, "{\"error\":{\"code\":404,\"err_code\":10037}}");
	inform(rig, 1, 8);
	expect_end(rig, 0, 8);

	assert_int_equal(start(rig, 8, 8), 0);
	answer(&rig->fake, get_subject, "{\"error\":{\"code\":404,\"err_code\":10037}}");
	inform(rig, 1, 20);
	answer(&rig->fake, get_subject, "{\"error\":{\"code\":404,\"err_code\":10037}}");
	time_out(&rig->fake, wait_subject);
	inform(rig, 1, 20);
	answer(&rig->fake, get_subject, "{\"error\":{\"code\":404,\"err_code\":10037}}");
	expect_end(rig, SAGA_E_JOURNAL_GAP, 7);

	/* another message than the one asked for is not delivered */
	assert_int_equal(start(rig, 8, 8), 0);
	rig->seen.batches = 0;
	answer(&rig->fake, get_subject, "{\"message\":{\"seq\":7,\"data\":\"YmF0Y2g=\"}}");
	time_out(&rig->fake, wait_subject);
	inform(rig, 1, 20);
	answer(&rig->fake, get_subject, "{\"message\":{\"seq\":8,\"data\":\"YmF0Y2g\"}}");
	time_out(&rig->fake, wait_subject);
	inform(rig, 1, 20);
	assert_int_equal(rig->seen.batches, 0);
	answer(&rig->fake, get_subject, "{\"message\":{\"seq\":8,\"data\":\"YmF0Y2g=\"}}");
	expect_end(rig, 0, 8);

	assert_int_equal(start(rig, 8, 8), 0);
	answer(&rig->fake, get_subject, "{\"error\":{\"code\":404,\"err_code\":10059}}");
	expect_end(rig, SAGA_E_JOURNAL_MISSING, 7);
}

static void a_foreign_stream_is_not_read(void **state)
{
	static const char *const descriptions[] = {
		"",
		"sagad journal cluster=prod2 shard=3 shards=16",
		"sagad journal cluster=prod shard=33 shards=16",
		"sagad journal cluster=prod shard=3 shards=",
		"somebody else's",
	};
	struct rig *rig = *state;
	char text[512];

	for (uint32_t i = 0; i < sizeof descriptions / sizeof descriptions[0]; i++) {
		assert_int_equal(start(rig, 1, UINT64_MAX), 0);
		(void)snprintf(text, sizeof text,
			       "{\"config\":{\"description\":\"%s\"},\"created\":\"2026\","
			       "\"state\":{\"first_seq\":1,\"last_seq\":9}}",
			       descriptions[i]);
		answer(&rig->fake, info_subject, text);
		expect_end(rig, SAGA_E_JOURNAL_FOREIGN, 0);
	}
}

/* In each state: no callback, and nothing left open. */
static void cancel_works_everywhere(void **state)
{
	struct rig *rig = *state;

	for (uint32_t i = 0; i < 7; i++) {
		rig->fake.pull_count = 0;
		rig->seen.cancels = i >= 5;
		assert_int_equal(
			start(rig, i == 1 || i == 5 ? 4 : 2, i == 1 || i == 5 ? 5 : UINT64_MAX), 0);
		if (i >= 2 && i != 5)
			inform(rig, 1, 100);
		if (i == 3 || i == 6)
			answer(&rig->fake, create_subject, "{\"num_pending\":9}");
		if (i == 4)
			time_out(&rig->fake, create_subject);
		if (i == 5)
			answer(&rig->fake, get_subject,
			       "{\"message\":{\"seq\":4,\"data\":\"YmF0Y2g=\"}}");
		if (i == 6)
			push(rig, 2);
		if (i < 5) {
			assert_int_equal(open_calls(&rig->fake), 1);
			rig->journal->ops->cancel(rig->journal, 51); /* another one's */
			assert_int_equal(open_calls(&rig->fake), 1);
			rig->journal->ops->cancel(rig->journal, 50);
		}
		assert_int_equal(open_calls(&rig->fake), 0);
		assert_true(open_subscriptions(&rig->fake) <= 1);
		assert_int_equal(rig->seen.ended, 0);
	}
}

/* teardown looks */
static void close_leaves_nothing_open(void **state)
{
	struct rig *rig = *state;

	pulling(rig, 2, 100);
	push(rig, 2);
	assert_int_equal(append(rig, 10, 1), 0);
	assert_int_equal(rig->journal->ops->read(rig->journal, 3, 4, 5, 60), 0);
	assert_int_equal(open_calls(&rig->fake), 3);
}

static void names_must_be_valid(void **state)
{
	struct rig *rig = *state;
	const struct journal_events events = {.appended = on_appended,
					      .batch = on_batch,
					      .read_end = on_read_end,
					      .context = &rig->seen};
	struct jetstream_config config = {
		.prefix = "sa.ga", .stream_prefix = "SAGA", .cluster = "prod"};
	struct journal *journal = NULL;

	assert_int_equal(jetstream_open(&rig->fake.transport, &config, &events, &journal),
			 SAGA_E_CONFIG);
	config.prefix = "saga";
	config.stream_prefix = "";
	assert_int_equal(jetstream_open(&rig->fake.transport, &config, &events, &journal),
			 SAGA_E_CONFIG);
	config.stream_prefix = "SAGA";
	config.cluster = NULL;
	assert_int_equal(jetstream_open(&rig->fake.transport, &config, &events, &journal),
			 SAGA_E_CONFIG);
	assert_null(journal);
}

int main(void)
{
#define JETSTREAM_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		JETSTREAM_TEST(an_append_is_one_fenced_request),
		JETSTREAM_TEST(a_segment_begins_with_a_roll_up),
		JETSTREAM_TEST(silence_and_errors_are_unknown),
		JETSTREAM_TEST(a_broken_fence_is_not_stored),
		JETSTREAM_TEST(what_was_not_sent_is_not_answered),
		JETSTREAM_TEST(a_long_read_pulls),
		JETSTREAM_TEST(the_oldest_may_be_anywhere),
		JETSTREAM_TEST(a_pull_that_ends_early_is_followed_by_another),
		JETSTREAM_TEST(a_lost_message_is_fetched_again),
		JETSTREAM_TEST(a_consumer_that_is_gone_or_stuck_is_replaced),
		JETSTREAM_TEST(progress_forgives_failures),
		JETSTREAM_TEST(failure_without_progress_comes_to_an_end),
		JETSTREAM_TEST(a_lost_connection_ends_a_read),
		JETSTREAM_TEST(a_stream_that_shrank_is_not_an_end),
		JETSTREAM_TEST(a_short_read_asks_for_each_message),
		JETSTREAM_TEST(a_foreign_stream_is_not_read),
		JETSTREAM_TEST(cancel_works_everywhere),
		JETSTREAM_TEST(close_leaves_nothing_open),
		JETSTREAM_TEST(names_must_be_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
