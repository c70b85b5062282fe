#include "examples/common/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DRAIN_MS = 5000, CONNECT_TRIES = 60 };

static void log_line(void *context, int level, const char *text)
{
	const struct serve_options *options = context;

	if (level >= 1)
		(void)fprintf(stderr, "%s %s: %s\n", options->program, options->instance, text);
}

static void print_stats(const struct serve_options *options, const struct saga_service *service)
{
	struct saga_service_stats stats;
	char more[512] = "";

	memset(&stats, 0, sizeof stats);
	saga_service_stats(service, &stats);
	if (options->count != NULL)
		options->count(options->user, more, sizeof more);
	(void)fprintf(stderr,
		      "{\"event\":\"service.stats\",\"service\":\"%s\",\"instance\":\"%s\","
		      "\"commands\":%llu,\"ok\":%llu,\"rejected\":%llu,\"retried\":%llu,"
		      "\"duplicates\":%llu,\"empty_undos\":%llu,\"late_forwards\":%llu,"
		      "\"stale\":%llu,\"expired\":%llu,\"redelivered\":%llu%s}\n",
		      options->service, options->instance, (unsigned long long)stats.commands,
		      (unsigned long long)stats.ok, (unsigned long long)stats.rejected,
		      (unsigned long long)stats.retried, (unsigned long long)stats.duplicates,
		      (unsigned long long)stats.empty_undos,
		      (unsigned long long)stats.late_forwards, (unsigned long long)stats.stale,
		      (unsigned long long)stats.expired, (unsigned long long)stats.redelivered,
		      more);
}

/* Waits at most a second for SIGTERM or SIGINT; true when one came. SIGUSR1 prints the counters. */
static bool told_to_stop(const struct serve_options *options, const struct saga_service *service,
			 const sigset_t *signals)
{
	const struct timespec second = {.tv_sec = 1, .tv_nsec = 0};
	const int number = sigtimedwait(signals, NULL, &second);

	if (number == SIGUSR1)
		print_stats(options, service);
	return number == SIGTERM || number == SIGINT;
}

static int open_service(struct serve_options *options, struct saga_connection **connection,
			struct saga_service **service)
{
	struct saga_service_options service_options;
	struct saga_options connection_options;
	const char *url = options->nats != NULL ? options->nats : getenv("SAGA_NATS_URL");
	int err = 0;

	saga_options_init(&connection_options);
	connection_options.url = url != NULL ? url : "nats://127.0.0.1:4222";
	connection_options.name = options->instance;
	connection_options.log = log_line;
	connection_options.log_context = options;
	saga_service_options_init(&service_options);
	service_options.instance = options->instance;
	service_options.threads = options->threads;
	err = saga_open(&connection_options, connection);
	if (err == 0)
		err = saga_service_create(*connection, options->service, &service_options, service);
	if (err == 0)
		err = options->handle(*service, options->user);
	if (err == 0 && options->fault != NULL)
		saga_service_set_answer_fault(*service, options->fault, options->user);
	return err;
}

int serve(struct serve_options *options, const sigset_t *signals)
{
	struct saga_connection *connection = NULL;
	struct saga_service *service = NULL;
	uint32_t left = 0;
	bool stop = false;
	int err = open_service(options, &connection, &service);

	if (err != 0)
		goto out;
	/* The cluster may come up after us. */
	err = saga_service_start(service);
	for (int i = 0; err != 0 && !stop && i < CONNECT_TRIES; i++) {
		log_line(options, 1, saga_error_text(err));
		stop = told_to_stop(options, service, signals);
		err = stop ? 0 : saga_service_start(service);
	}
	if (err == 0)
		log_line(options, 1, "serving");
	if (err == 0 && !stop && options->ready != NULL)
		options->ready(connection, options->user);
	while (err == 0 && !stop)
		stop = told_to_stop(options, service, signals);
	left = saga_service_stop(service, DRAIN_MS);
	print_stats(options, service);
	if (left > 0)
		log_line(options, 2, "some calls were left undone: they will come again");
out:
	if (err != 0)
		(void)fprintf(stderr, "%s: %s: %s\n", options->program, saga_error_name(err),
			      saga_error_text(err));
	saga_service_free(service);
	saga_close(connection, DRAIN_MS);
	return err == 0 ? 0 : 1;
}

void serve_block_signals(sigset_t *signals)
{
	(void)sigemptyset(signals);
	(void)sigaddset(signals, SIGTERM);
	(void)sigaddset(signals, SIGINT);
	(void)sigaddset(signals, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, signals, NULL);
}

bool serve_hits(uint64_t random, double chance)
{
	return (double)(random >> 11) * 0x1p-53 < chance;
}

void serve_work(uint32_t duration_ms)
{
	struct timespec left = {.tv_sec = duration_ms / 1000,
				.tv_nsec = (long)(duration_ms % 1000) * 1000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		continue;
}

void serve_work_and_tell(struct saga_context *context, uint32_t duration_ms)
{
	enum { HEARTBEAT_MS = 1000 };

	for (; duration_ms > HEARTBEAT_MS; duration_ms -= HEARTBEAT_MS) {
		serve_work(HEARTBEAT_MS);
		(void)saga_context_heartbeat(context);
	}
	serve_work(duration_ms);
}

const char *serve_outcome_name(enum saga_outcome outcome)
{
	static const struct {
		int outcome;
		const char *name;
	} names[] = {
		{SAGA_OK, "ok"},     {SAGA_REJECTED, "rejected"},   {SAGA_RETRY, "retry"},
		{SAGA_PARK, "park"}, {SAGA_READ_ONLY, "read_only"}, {SAGA_HEURISTIC, "heuristic"},
	};

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].outcome == (int)outcome)
			return names[i].name;
	return "?";
}
