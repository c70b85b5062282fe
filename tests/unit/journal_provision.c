/* Initialisation over a transport that the test plays: what a server says while it makes a stream.
 */
#include <stdlib.h>

#include "journal/jetstream.h"
#include "journal_fake.h"

static const char create_subject[] = "$JS.API.STREAM.CREATE.SAGA_J_0";
static const char delete_subject[] = "$JS.API.STREAM.DELETE.SAGA_J_0";
static const char wait_subject[] = "_INBOX.";

/* nats-server 2.14: anything that went wrong with its files. The packaged one says it with 503. */
static const char store_failed[] = "{\"error\":{\"code\":500,\"err_code\":10049,"
				   "\"description\":\"error creating store for stream\"}}";

struct rig {
	struct fake fake;
	uint32_t ended;
	int error;
	char text[TEXT_MAX];
};

static void on_end(void *context, int error, const char *text)
{
	struct rig *rig = context;

	rig->ended++;
	rig->error = error;
	(void)snprintf(rig->text, sizeof rig->text, "%s", text);
}

static int setup(void **state)
{
	static const struct jetstream_config config = {
		.prefix = "saga", .stream_prefix = "SAGA", .cluster = "prod"};
	static const struct jetstream_provision what = {
		.cluster = "prod", .shard_count = 1, .replicas = 1, .command_age_ms = 30000};
	struct rig *rig = calloc(1, sizeof *rig);

	if (rig == NULL)
		return -1;
	rig->fake.transport.ops = &fake_ops;
	*state = rig;
	return jetstream_provision(&rig->fake.transport, &config, &what, on_end, rig);
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	const bool clean = open_calls(&rig->fake) == 0 && open_subscriptions(&rig->fake) == 0;

	free(rig);
	return clean ? 0 : -1;
}

/* The server gives back what was asked for, as a new and empty stream. */
static void answer_created(struct rig *rig)
{
	const struct call *call = find(&rig->fake, create_subject);
	char text[BODY_MAX + TEXT_MAX];

	assert_non_null(call);
	(void)snprintf(text, sizeof text,
		       "{\"config\":%s,\"created\":\"2026-08-01T00:00:00Z\","
		       "\"state\":{\"last_seq\":0}}",
		       call->body);
	answer(&rig->fake, create_subject, text);
}

/* A lone server tidies up behind a deletion while it answers already: a creation that meets it
 * finds its folder taken away. Nothing is wrong with the configuration. */
static void a_store_that_could_not_be_made_is_tried_again(void **state)
{
	struct rig *rig = *state;

	answer_created(rig);
	answer(&rig->fake, delete_subject, "{\"success\":true}");
	answer(&rig->fake, create_subject, store_failed);
	assert_int_equal(rig->ended, 0);
	time_out(&rig->fake, wait_subject);
	answer_created(rig);
	answer(&rig->fake, delete_subject, "{\"success\":true}");
	answer_created(rig);
	assert_non_null(find(&rig->fake, "saga.v1.journal.0.0")); /* GENESIS is on its way */
	end_call(&rig->fake, "saga.v1.journal.0.0", SAGA_E_STOPPING, NULL);
	assert_int_equal(rig->error, SAGA_E_STOPPING);
}

/* A full disk stays one: then the server's words are said, as its trouble and not as ours. */
static void a_store_that_cannot_be_made_is_the_servers_trouble(void **state)
{
	struct rig *rig = *state;
	uint32_t tries = 0;

	while (rig->ended == 0) {
		assert_in_range(++tries, 1, 20);
		answer(&rig->fake, create_subject, store_failed);
		if (rig->ended == 0)
			time_out(&rig->fake, wait_subject);
	}
	assert_true(tries > 5);
	assert_int_equal(rig->error, SAGA_E_NATS);
	assert_string_equal(rig->text, "stream SAGA_J_0: error creating store for stream");
}

static void what_the_server_will_not_do_is_said_at_once(void **state)
{
	struct rig *rig = *state;

	answer(&rig->fake, create_subject,
	       "{\"error\":{\"code\":500,\"err_code\":10074,\"description\":\"replicas\"}}");
	assert_int_equal(rig->ended, 1);
	assert_int_equal(rig->error, SAGA_E_CONFIG);
	assert_string_equal(rig->text, "stream SAGA_J_0: replicas");
}

int main(void)
{
#define PROVISION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		PROVISION_TEST(a_store_that_could_not_be_made_is_tried_again),
		PROVISION_TEST(a_store_that_cannot_be_made_is_the_servers_trouble),
		PROVISION_TEST(what_the_server_will_not_do_is_said_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
