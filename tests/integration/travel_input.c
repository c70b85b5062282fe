/* What the travel services make of an input that is no booking: a definite no, and an undo that has
 * nothing to undo. Neither may leave a saga parked for somebody to look at. */
#include "tests/unit/unit.h"

#include <saga.h>
#include <signal.h>
#include <stdio.h>

#include "tests/support/launcher.h"

enum { END_MS = 60000 };

static const char definition_text[] =
	"name: input\n"
	"version: 1\n"
	"protocol: saga\n"
	"deadline: 60s\n"
	"defaults: {timeout: 2s, retry: {attempts: 3, initial: 50ms, cap: 1s},\n"
	"           undo_retry: {attempts: 3, initial: 50ms, cap: 1s}}\n"
	"steps:\n"
	"  - {name: balance, service: user, action: reserve, compensate: release}\n";

static struct cluster *cluster;
static struct saga_connection *connection;
static struct saga_definition *definition;

static int open_all(void **state)
{
	struct cluster_options options;
	struct saga_options connect;
	char db[1024], why[512] = "";
	(void)state;
	cluster_options_init(&options);
	options.nodes = 1;
	options.shards = 1;
	options.command_age_ms = 1000;
	if (cluster_create(&options, &cluster) != 0 || cluster_start(cluster) != 0)
		fail_msg("%s", cluster_trouble(cluster));
	(void)snprintf(db, sizeof db, "%s/user.db", cluster_folder(cluster));
	const char *const argv[] = {TRAVEL_USER, "--db", db, "--instance", "user1", NULL};
	if (cluster_service_start(cluster, "user1", argv, NULL) != 0)
		fail_msg("%s", cluster_trouble(cluster));
	saga_options_init(&connect);
	connect.url = cluster_nats_url(cluster);
	assert_int_equal(saga_open(&connect, &connection), 0);
	if (saga_definition_parse(definition_text, sizeof definition_text - 1, "input", &definition,
				  why, sizeof why) != 0)
		fail_msg("%s", why);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	saga_definition_free(definition);
	saga_close(connection, 0);
	cluster_destroy(cluster);
	return 0;
}

static void submit(const char *id, const char *input)
{
	struct saga_submit_options options;
	struct saga_status status;
	saga_submit_options_init(&options);
	options.id = id;
	options.input = input;
	options.input_size = strlen(input);
	assert_int_equal(saga_submit(connection, definition, &options, &status), 0);
}

static void expect_compensated(const char *id, enum saga_reason reason)
{
	struct saga_status status;
	assert_int_equal(saga_wait(connection, id, END_MS, &status), 0);
	assert_int_equal(status.state, SAGA_STATE_COMPENSATED);
	assert_int_equal(status.reason, reason);
}

static void no_booking_is_rejected(void **state)
{
	static const char *const inputs[] = {"{}", "", "[]", "{\"id\":7}", "\xff\xfe"};
	char id[64];
	(void)state;
	for (uint32_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
		(void)snprintf(id, sizeof id, "no-booking-%u", i);
		submit(id, inputs[i]);
		expect_compensated(id, SAGA_REASON_REJECTED);
	}
}

/* The undo is out before anybody has looked at the input. */
static void undo_of_no_booking_is_ok(void **state)
{
	struct saga_status status;
	(void)state;
	assert_int_equal(cluster_signal(cluster, "user1", SIGSTOP), 0);
	submit("stopped", "{}");
	assert_int_equal(saga_cancel(connection, "stopped", "test", END_MS, &status), 0);
	assert_int_equal(cluster_signal(cluster, "user1", SIGCONT), 0);
	expect_compensated("stopped", SAGA_REASON_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_booking_is_rejected),
		cmocka_unit_test(undo_of_no_booking_is_ok),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}
