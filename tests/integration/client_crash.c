/* A command that kills its participant: its neighbours must not suffer, neither those in its frame
 * nor other frames that the process had in hand (S15). The participant is this program again, as a
 * process of its own. */
#include "tests/integration/client_owner_uv.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { COMMANDS = 5, CRASHER = 2, OTHERS = 12, WORK_MS = 2, DEATHS_MAX = 5 /* max_deliver */ };

/* ---- the participant
 * ------------------------------------------------------------------------------- */

static void do_or_die(struct saga_context *context, struct saga_result *result, void *user)
{
	const char *saga = saga_context_saga(context);

	(void)user;
	if (strcmp(saga, "s2") == 0 || strcmp(saga, "killer0") == 0)
		(void)kill(getpid(), SIGKILL);
	(void)poll(NULL, 0, WORK_MS);
	result->outcome = SAGA_OK;
}

static int participate(const char *url)
{
	struct saga_service_options service_options;
	struct saga_connection *connection;
	struct saga_service *service;
	struct saga_options options;

	saga_options_init(&options);
	options.url = url;
	options.party = "svc";
	saga_service_options_init(&service_options);
	service_options.threads = 2;
	service_options.ack_wait_ms = 600;
	if (saga_open(&options, &connection) != 0 ||
	    saga_service_create(connection, "svc", &service_options, &service) != 0 ||
	    saga_service_handle(service, "do", do_or_die, NULL) != 0 ||
	    saga_service_start(service) != 0)
		return 1;
	for (;;)
		(void)poll(NULL, 0, -1);
}

/* ---- the owner
 * -------------------------------------------------------------------------------------- */

struct bench {
	struct owner owner;
	struct process process;
	char log[PROCESS_PATH_SIZE], self[PROCESS_PATH_SIZE];
	uint32_t deaths;
	uint32_t recorded[COMMANDS], others[OTHERS]; /* replies that got their disposition */
};

static void on_replies(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;

	for (uint32_t i = 0; i < request->replies->reply_count; i++) {
		struct id saga;
		unsigned number = 0;

		assert_int_equal(id_from(&saga, request->replies->replies[i].saga), 0);
		if (sscanf(saga.text, "other%u", &number) == 1)
			bench->others[number]++;
		else if (sscanf(saga.text, "s%u", &number) == 1)
			bench->recorded[number]++;
		else
			fail_msg("%s has answered", saga.text);
	}
	owner_dispose(owner, request, WIRE_DISPOSITION_RECORDED);
}

static int open_bench(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);
	const char *argv[] = {NULL, "participate", NULL, NULL};
	ssize_t size;

	assert_non_null(bench);
	owner_open(&bench->owner);
	bench->owner.context = bench;
	owner_create_stream(&bench->owner);
	owner_listen(&bench->owner, on_replies);
	size = readlink("/proc/self/exe", bench->self, sizeof bench->self - 1);
	assert_true(size > 0);
	bench->self[size] = '\0';
	argv[0] = bench->self;
	argv[2] = owner_url(&bench->owner);
	(void)snprintf(bench->log, sizeof bench->log, "%s/participant.log",
		       cluster_folder(bench->owner.cluster));
	assert_int_equal(
		process_init(&bench->process, "participant", bench->log, argv, NULL, false), 0);
	*state = bench;
	return 0;
}

static int close_bench(void **state)
{
	struct bench *bench = *state;

	process_stop(&bench->process, 0);
	process_destroy(&bench->process);
	owner_close(&bench->owner);
	free(bench);
	return 0;
}

/* Starts the participant again as often as it dies, until its neighbours are answered. */
static void supervise(struct bench *bench, bool (*done)(const struct bench *))
{
	assert_int_equal(process_start(&bench->process), 0);
	while (!done(bench)) {
		RUN_UNTIL(&bench->owner, done(bench) || !process_running(&bench->process));
		if (process_running(&bench->process))
			continue;
		assert_true(++bench->deaths < DEATHS_MAX);
		assert_int_equal(process_start(&bench->process), 0);
	}
	assert_true(bench->deaths >= 1);
}

static void send_frame(struct bench *bench, const char *prefix, uint32_t count)
{
	struct owner_frame *frame = malloc(sizeof *frame);

	assert_non_null(frame);
	owner_frame_init(frame, 1, prefix, count);
	owner_send_frame(&bench->owner, frame);
	free(frame);
}

static bool neighbours_recorded(const struct bench *bench)
{
	for (uint32_t i = 0; i < COMMANDS; i++) {
		if (i != CRASHER && bench->recorded[i] == 0)
			return false;
	}
	return true;
}

static void a_killer_hurts_no_neighbour(void **state)
{
	struct bench *bench = *state;

	send_frame(bench, "s", COMMANDS);
	supervise(bench, neighbours_recorded);
	assert_int_equal(bench->recorded[CRASHER], 0);
}

static bool others_recorded(const struct bench *bench)
{
	for (uint32_t i = 0; i < OTHERS; i++) {
		if (bench->others[i] == 0)
			return false;
	}
	return true;
}

/* Both are delivered together, each time: the killer's frame must not always be first to be worked,
 * nor both side by side, where it takes as long as its few commands. */
static void a_killer_hurts_no_other_frame(void **state)
{
	struct bench *bench = *state;

	send_frame(bench, "killer", 1);
	send_frame(bench, "other", OTHERS);
	supervise(bench, others_recorded);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_killer_hurts_no_neighbour, open_bench,
						close_bench),
		cmocka_unit_test_setup_teardown(a_killer_hurts_no_other_frame, open_bench,
						close_bench),
	};

	if (argc == 3 && strcmp(argv[1], "participate") == 0)
		return participate(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
