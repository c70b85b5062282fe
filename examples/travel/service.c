/* Flags, main loop and trouble on demand of the travel services. */
#include <argp.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/prng.h"
#include "examples/travel/service.h"

enum { DRAIN_MS = 5000, CONNECT_TRIES = 60 };

struct server {
	const struct travel_kind *kind;
	struct travel_flags flags;
	struct travel_store *store;
	struct saga_service *service;
	pthread_mutex_t lock;
	struct prng prng; /* under lock */
	atomic_uint_fast64_t delayed, failed, lost_answers, doubled_answers;
};

/* ---- flags ------------------------------------------------------------------------------- */

enum flag_key {
	FLAG_DB = 0x100,
	FLAG_NATS,
	FLAG_INSTANCE,
	FLAG_INIT,
	FLAG_FAILURE,
	FLAG_LATENCY,
	FLAG_LOSE,
	FLAG_DOUBLE,
	FLAG_LATE_RATE,
	FLAG_LATE_MS,
	FLAG_SEED,
	FLAG_THREADS,
};

static const struct argp_option flag_table[] = {
	{"db", FLAG_DB, "FILE", 0, "the service's SQLite database, shared by its instances", 0},
	{"nats", FLAG_NATS, "URL", 0, "default $SAGA_NATS_URL or nats://127.0.0.1:4222", 0},
	{"instance", FLAG_INSTANCE, "NAME", 0, "of this process", 0},
	{"init", FLAG_INIT, "FILE", 0, "fill the database from stock.jsonl, then end", 0},
	{"failure-rate", FLAG_FAILURE, "P", 0, "answer `retry` to this part of the attempts (0..1)",
	 0},
	{"latency", FLAG_LATENCY, "MS", 0, "work takes half to twice this long", 0},
	{"lose-answers", FLAG_LOSE, "P", 0, "do the work and say nothing", 0},
	{"double-answers", FLAG_DOUBLE, "P", 0, "say it twice", 0},
	{"late-rate", FLAG_LATE_RATE, "P", 0,
	 "hold all forward calls of this part of the sagas back before the barrier, so long that "
	 "their undo comes first",
	 0},
	{"late-ms", FLAG_LATE_MS, "MS", 0, "for how long; default 6000", 0},
	{"seed", FLAG_SEED, "N", 0, "of the chances above", 0},
	{"threads", FLAG_THREADS, "N", 0, "calls at a time; default 8", 0},
	{0},
};

static uint64_t parse_number(struct argp_state *state, const char *text, uint64_t max)
{
	char *end = NULL;
	unsigned long long number = 0;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || number > max)
		argp_error(state, "%s is not a number from 0 to %llu", text,
			   (unsigned long long)max);
	return number;
}

static double parse_chance(struct argp_state *state, const char *text)
{
	char *end = NULL;
	const double chance = strtod(text, &end);

	if (end == text || *end != '\0' || !(chance >= 0.0 && chance <= 1.0))
		argp_error(state, "%s is not a number from 0 to 1", text);
	return chance;
}

static error_t parse_flag(int key, char *text, struct argp_state *state)
{
	struct travel_flags *flags = state->input;

	switch (key) {
	case FLAG_DB:
		flags->db = text;
		break;
	case FLAG_NATS:
		flags->nats = text;
		break;
	case FLAG_INSTANCE:
		flags->instance = text;
		break;
	case FLAG_INIT:
		flags->init_file = text;
		break;
	case FLAG_FAILURE:
		flags->failure_rate = parse_chance(state, text);
		break;
	case FLAG_LATENCY:
		flags->latency_ms = (uint32_t)parse_number(state, text, 3600000);
		break;
	case FLAG_LOSE:
		flags->lose_answers = parse_chance(state, text);
		break;
	case FLAG_DOUBLE:
		flags->double_answers = parse_chance(state, text);
		break;
	case FLAG_LATE_RATE:
		flags->late_rate = parse_chance(state, text);
		break;
	case FLAG_LATE_MS:
		flags->late_ms = (uint32_t)parse_number(state, text, 3600000);
		break;
	case FLAG_SEED:
		flags->seed = parse_number(state, text, UINT64_MAX);
		break;
	case FLAG_THREADS:
		flags->threads = (uint32_t)parse_number(state, text, 1024);
		break;
	case ARGP_KEY_END:
		if (flags->db == NULL)
			argp_error(state, "--db is missing");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- trouble on demand -------------------------------------------------------------------- */

static bool hits(uint64_t value, double chance)
{
	return (double)(value >> 11) * 0x1p-53 < chance;
}

static uint64_t roll(struct server *server)
{
	uint64_t value = 0;

	(void)pthread_mutex_lock(&server->lock);
	value = prng_next(&server->prng);
	(void)pthread_mutex_unlock(&server->lock);
	return value;
}

/* A sleep that stands for work. */
static void work_for(uint32_t duration_ms)
{
	struct timespec left = {.tv_sec = duration_ms / 1000,
				.tv_nsec = (long)(duration_ms % 1000) * 1000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		continue;
}

/* Long work tells the coordinator that it goes on, or its attempt would be given up. */
static void work_and_tell(struct saga_context *context, uint32_t duration_ms)
{
	enum { HEARTBEAT_MS = 1000 };

	for (; duration_ms > HEARTBEAT_MS; duration_ms -= HEARTBEAT_MS) {
		work_for(HEARTBEAT_MS);
		(void)saga_context_heartbeat(context);
	}
	work_for(duration_ms);
}

/* The same for all attempts of a saga, whichever instance gets them, so that its forward calls all
 * come late and the coordinator gives up and undoes. */
static bool is_held_back(const struct server *server, const struct saga_context *context)
{
	const struct slice saga = slice_str(saga_context_saga(context));
	const uint64_t hash = hash_xxh3_64(saga) ^ server->flags.seed;

	return hits(prng_mix(hash), server->flags.late_rate);
}

static int answer_fault(void *user, const struct saga_context *context,
			const struct saga_result *result)
{
	struct server *server = user;

	(void)context;
	(void)result;
	if (hits(roll(server), server->flags.lose_answers)) {
		atomic_fetch_add(&server->lost_answers, 1);
		return 1;
	}
	if (hits(roll(server), server->flags.double_answers)) {
		atomic_fetch_add(&server->doubled_answers, 1);
		return 2;
	}
	return 0;
}

/* ---- the handler -------------------------------------------------------------------------- */

static void handle(struct saga_context *context, struct saga_result *result, void *user)
{
	struct server *server = user;
	const struct travel_flags *flags = &server->flags;
	struct travel_call call = {.kind = server->kind, .context = context};
	size_t size = 0;
	const void *input = saga_context_input(context, &size);
	bool held_back = false;

	call.undo = saga_context_is_undo(context) != 0;
	call.booked = travel_booking_parse(input, size, &call.booking, call.why);
	if (call.booked)
		server->kind->select(&call);
	held_back = is_held_back(server, context);
	if (held_back && !call.undo) {
		atomic_fetch_add(&server->delayed, 1);
		work_for(flags->late_ms);
	}
	if (hits(roll(server), flags->failure_rate)) {
		atomic_fetch_add(&server->failed, 1);
		result->outcome = SAGA_RETRY;
		(void)snprintf(result->text, sizeof result->text, "a failure was asked for");
		return;
	}
	/* Looked at before the work and changed after it: that is what versions are for. */
	if (call.booked)
		travel_store_look(server->store, &call);
	if (flags->latency_ms > 0)
		work_and_tell(context,
			      flags->latency_ms / 2 +
				      (uint32_t)(roll(server) % (flags->latency_ms * 3 / 2 + 1)));
	travel_store_run(server->store, &call, result);
	/* Were the saga over before the late call comes, that would be told `expired` (S8) and
	 * never meet the barrier's row. */
	if (held_back && call.undo)
		work_for(flags->late_ms / 2);
}

/* ---- main loop ---------------------------------------------------------------------------- */

static void log_line(void *context, int level, const char *text)
{
	const struct server *server = context;

	if (level >= 1)
		(void)fprintf(stderr, "travel-%s %s: %s\n", server->kind->service,
			      server->flags.instance, text);
}

static void print_stats(struct server *server)
{
	struct saga_service_stats stats;

	memset(&stats, 0, sizeof stats);
	saga_service_stats(server->service, &stats);
	(void)fprintf(stderr,
		      "{\"event\":\"service.stats\",\"service\":\"%s\",\"instance\":\"%s\","
		      "\"commands\":%llu,\"ok\":%llu,\"rejected\":%llu,\"retried\":%llu,"
		      "\"duplicates\":%llu,\"empty_undos\":%llu,\"late_forwards\":%llu,"
		      "\"stale\":%llu,\"expired\":%llu,\"redelivered\":%llu,\"lost_races\":%llu,"
		      "\"held_back\":%llu,\"failed\":%llu,\"answers_lost\":%llu,"
		      "\"answers_doubled\":%llu}\n",
		      server->kind->service, server->flags.instance,
		      (unsigned long long)stats.commands, (unsigned long long)stats.ok,
		      (unsigned long long)stats.rejected, (unsigned long long)stats.retried,
		      (unsigned long long)stats.duplicates, (unsigned long long)stats.empty_undos,
		      (unsigned long long)stats.late_forwards, (unsigned long long)stats.stale,
		      (unsigned long long)stats.expired, (unsigned long long)stats.redelivered,
		      (unsigned long long)travel_store_lost_races(server->store),
		      (unsigned long long)atomic_load(&server->delayed),
		      (unsigned long long)atomic_load(&server->failed),
		      (unsigned long long)atomic_load(&server->lost_answers),
		      (unsigned long long)atomic_load(&server->doubled_answers));
}

/* Waits at most a second for SIGTERM or SIGINT; true when one came. SIGUSR1 prints the counters. */
static bool told_to_stop(struct server *server, const sigset_t *signals)
{
	const struct timespec second = {.tv_sec = 1, .tv_nsec = 0};
	const int number = sigtimedwait(signals, NULL, &second);

	if (number == SIGUSR1)
		print_stats(server);
	return number == SIGTERM || number == SIGINT;
}

static int serve(struct server *server, const sigset_t *signals)
{
	const struct travel_kind *kind = server->kind;
	struct saga_connection *connection = NULL;
	struct saga_service_options service_options;
	struct saga_options options;
	uint32_t left = 0;
	bool stop = false;
	int err = 0;

	saga_options_init(&options);
	options.url = server->flags.nats;
	options.name = server->flags.instance;
	options.log = log_line;
	options.log_context = server;
	saga_service_options_init(&service_options);
	service_options.instance = server->flags.instance;
	service_options.threads = server->flags.threads;
	err = saga_open(&options, &connection);
	if (err == 0)
		err = saga_service_create(connection, kind->service, &service_options,
					  &server->service);
	if (err == 0)
		err = saga_service_handle(server->service, kind->forward, handle, server);
	if (err == 0)
		err = saga_service_handle(server->service, kind->undo, handle, server);
	if (err != 0)
		goto out;
	saga_service_set_answer_fault(server->service, answer_fault, server);
	/* The cluster may come up after us. */
	err = saga_service_start(server->service);
	for (int i = 0; err != 0 && !stop && i < CONNECT_TRIES; i++) {
		log_line(server, 1, saga_error_text(err));
		stop = told_to_stop(server, signals);
		err = stop ? 0 : saga_service_start(server->service);
	}
	if (err == 0)
		log_line(server, 1, "serving");
	while (err == 0 && !stop)
		stop = told_to_stop(server, signals);
	left = saga_service_stop(server->service, DRAIN_MS);
	print_stats(server);
	if (left > 0)
		log_line(server, 2, "some calls were left undone: they will come again");
out:
	if (err != 0)
		(void)fprintf(stderr, "travel-%s: %s: %s\n", kind->service, saga_error_name(err),
			      saga_error_text(err));
	saga_service_free(server->service);
	saga_close(connection, DRAIN_MS);
	return err == 0 ? 0 : 1;
}

int travel_main(int argc, char **argv, const struct travel_kind *kind)
{
	const struct argp argp = {
		flag_table,
		parse_flag,
		NULL,
		"One instance of a travel service, on the SQLite database that it "
		"shares with the others.",
		NULL,
		NULL,
		NULL};
	struct server server = {.kind = kind,
				.flags = {.instance = "1", .late_ms = 6000, .threads = 8}};
	sigset_t signals;
	int code = 1;

	server.flags.nats = getenv("SAGA_NATS_URL");
	if (server.flags.nats == NULL)
		server.flags.nats = "nats://127.0.0.1:4222";
	if (argp_parse(&argp, argc, argv, 0, NULL, &server.flags) != 0)
		return 64;
	/* Before any thread is there: all of them inherit it, and only we wait for signals. */
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)pthread_mutex_init(&server.lock, NULL);
	prng_seed(&server.prng, hash_xxh3_64(slice_str(server.flags.instance)) ^ server.flags.seed);
	server.store = travel_store_open(server.flags.db, kind);
	if (server.store != NULL && server.flags.init_file != NULL) {
		code = travel_store_init(server.store, server.flags.init_file) ? 0 : 1;
		if (code != 0)
			(void)fprintf(stderr, "travel-%s: cannot use %s\n", kind->service,
				      server.flags.init_file);
	} else if (server.store != NULL) {
		code = serve(&server, &signals);
	}
	travel_store_close(server.store);
	(void)pthread_mutex_destroy(&server.lock);
	return code;
}
