/* A command that kills its participant: its neighbours in the frame must not suffer (S15). The
 * participant is this program again, as a process of its own. */
#include "tests/integration/client_owner_uv.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { COMMANDS = 5, CRASHER = 2 };

/* ---- the participant
 * ------------------------------------------------------------------------------- */

static void do_or_die(struct saga_context *context, struct saga_result *result, void *user)
{
	(void)user;
	if (strcmp(saga_context_saga(context), "s2") == 0)
		(void)kill(getpid(), SIGKILL);
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
	uint32_t recorded[COMMANDS]; /* replies that got their disposition */
};

static void on_replies(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;

	for (uint32_t i = 0; i < request->replies->reply_count; i++) {
		const struct slice saga = request->replies->replies[i].saga;

		assert_int_equal(saga.size, 2);
		bench->recorded[saga.data[1] - '0']++;
	}
	owner_dispose(owner, request, WIRE_DISPOSITION_RECORDED);
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
	struct bench *bench = calloc(1, sizeof *bench);
	struct owner_frame *frame = malloc(sizeof *frame);
	const char *argv[] = {"/proc/self/exe", "participate", NULL, NULL};
	char log[PROCESS_PATH_SIZE], self[PROCESS_PATH_SIZE];
	struct process process;
	uint32_t deaths = 0;
	ssize_t size;

	(void)state;
	owner_open(&bench->owner);
	bench->owner.context = bench;
	owner_create_stream(&bench->owner);
	owner_listen(&bench->owner, on_replies);
	size = readlink("/proc/self/exe", self, sizeof self - 1);
	assert_true(size > 0);
	self[size] = '\0';
	argv[0] = self;
	argv[2] = owner_url(&bench->owner);
	(void)snprintf(log, sizeof log, "%s/participant.log", cluster_folder(bench->owner.cluster));
	assert_int_equal(process_init(&process, "participant", log, argv, NULL, false), 0);
	assert_int_equal(process_start(&process), 0);

	owner_frame_init(frame, 1, "s", COMMANDS);
	owner_send_frame(&bench->owner, frame);
	while (!neighbours_recorded(bench)) {
		RUN_UNTIL(&bench->owner, neighbours_recorded(bench) || !process_running(&process));
		if (process_running(&process))
			continue;
		assert_true(++deaths < 5); /* max_deliver */
		assert_int_equal(process_start(&process), 0);
	}
	assert_true(deaths >= 1);
	assert_int_equal(bench->recorded[CRASHER], 0);
	process_stop(&process, 0);
	process_destroy(&process);
	owner_close(&bench->owner);
	free(frame);
	free(bench);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killer_hurts_no_neighbour),
	};

	if (argc == 3 && strcmp(argv[1], "participate") == 0)
		return participate(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
