/* Participant of `bench saga`: the four services of its definition in one process, which do nothing
 * and say so at once. Runs until it is told to stop. */
#include <saga.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tally.h"

enum { SERVICES = 4, THREADS = 2, FRAMES = 256 };

static void handler(struct saga_context *context, struct saga_result *result, void *user)
{
	(void)context;
	(void)user;
	result->outcome = SAGA_OK;
}

static void log_line(void *context, int level, const char *text)
{
	(void)context;
	(void)fprintf(stderr, "%d %s\n", level, text);
}

static int serve(struct saga_connection *connection, const char *name,
		 struct saga_service **service)
{
	struct saga_service_options options;
	saga_service_options_init(&options);
	options.threads = THREADS;
	options.frames_max = FRAMES;
	options.ack_wait_ms = 30000;
	int error = saga_service_create(connection, name, &options, service);
	if (error == 0)
		error = saga_service_handle(*service, "do", handler, NULL);
	if (error == 0)
		error = saga_service_handle(*service, "undo", handler, NULL);
	return error == 0 ? saga_service_start(*service) : error;
}

int main(void)
{
	static const char *const names[SERVICES] = {"bench-a", "bench-b", "bench-c", "bench-d"};
	struct saga_connection *connection = NULL;
	struct saga_options connect;
	struct saga_service *services[SERVICES] = {NULL};
	sigset_t stop;
	int number, error;
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &stop, NULL); /* before threads: they inherit it */
	saga_options_init(&connect);
	connect.url = getenv("SAGA_NATS_URL");
	connect.log = log_line;
	error = saga_open(&connect, &connection);
	for (uint32_t i = 0; i < SERVICES && error == 0; i++)
		error = serve(connection, names[i], &services[i]);
	if (error != 0) {
		(void)fprintf(stderr, "%s: %s\n", saga_error_name(error), saga_error_text(error));
		return 1;
	}
	tally_ready();
	(void)sigwait(&stop, &number);
	for (uint32_t i = 0; i < SERVICES; i++) {
		struct saga_service_stats stats;
		saga_service_stats(services[i], &stats);
		(void)printf("service %s commands=%llu frames=%llu redelivered=%llu "
			     "holds_expired=%llu\n",
			     names[i], (unsigned long long)stats.commands,
			     (unsigned long long)stats.frames,
			     (unsigned long long)stats.redelivered,
			     (unsigned long long)stats.holds_expired);
		(void)saga_service_stop(services[i], 1000);
		saga_service_free(services[i]);
	}
	saga_close(connection, 0);
	return 0;
}
