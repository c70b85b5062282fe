/* Flags, main loop and trouble on demand of the travel services. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/prng.h"
#include "examples/common/args.h"
#include "examples/common/serve.h"
#include "examples/travel/service.h"

struct server {
	const struct travel_kind *kind;
	struct travel_flags flags;
	struct travel_store *store;
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
		flags->failure_rate = args_chance(state, text);
		break;
	case FLAG_LATENCY:
		flags->latency_ms = (uint32_t)args_number(state, text, 0, 3600000);
		break;
	case FLAG_LOSE:
		flags->lose_answers = args_chance(state, text);
		break;
	case FLAG_DOUBLE:
		flags->double_answers = args_chance(state, text);
		break;
	case FLAG_LATE_RATE:
		flags->late_rate = args_chance(state, text);
		break;
	case FLAG_LATE_MS:
		flags->late_ms = (uint32_t)args_number(state, text, 0, 3600000);
		break;
	case FLAG_SEED:
		flags->seed = args_number(state, text, 0, UINT64_MAX);
		break;
	case FLAG_THREADS:
		flags->threads = (uint32_t)args_number(state, text, 0, 1024);
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

static uint64_t roll(struct server *server)
{
	uint64_t value = 0;

	(void)pthread_mutex_lock(&server->lock);
	value = prng_next(&server->prng);
	(void)pthread_mutex_unlock(&server->lock);
	return value;
}

/* The same for all attempts of a saga, whichever instance gets them, so that its forward calls all
 * come late and the coordinator gives up and undoes. */
static bool is_held_back(const struct server *server, const struct saga_context *context)
{
	const struct slice saga = slice_str(saga_context_saga(context));
	const uint64_t hash = hash_xxh3_64(saga) ^ server->flags.seed;

	return serve_hits(prng_mix(hash), server->flags.late_rate);
}

static int answer_fault(void *user, const struct saga_context *context,
			const struct saga_result *result)
{
	struct server *server = user;

	(void)context;
	(void)result;
	if (serve_hits(roll(server), server->flags.lose_answers)) {
		atomic_fetch_add(&server->lost_answers, 1);
		return 1;
	}
	if (serve_hits(roll(server), server->flags.double_answers)) {
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
		serve_work(flags->late_ms);
	}
	if (serve_hits(roll(server), flags->failure_rate)) {
		atomic_fetch_add(&server->failed, 1);
		result->outcome = SAGA_RETRY;
		(void)snprintf(result->text, sizeof result->text, "a failure was asked for");
		return;
	}
	/* Looked at before the work and changed after it: that is what versions are for. */
	if (call.booked)
		travel_store_look(server->store, &call);
	if (flags->latency_ms > 0)
		serve_work_and_tell(context, flags->latency_ms / 2 +
						     (uint32_t)(roll(server) %
								(flags->latency_ms * 3 / 2 + 1)));
	travel_store_run(server->store, &call, result);
	/* Were the saga over before the late call comes, that would be told `expired` (S8) and
	 * never meet the barrier's row. */
	if (held_back && call.undo)
		serve_work(flags->late_ms / 2);
}

/* ---- main loop ---------------------------------------------------------------------------- */

static int add_handlers(struct saga_service *service, void *user)
{
	struct server *server = user;
	const int err = saga_service_handle(service, server->kind->forward, handle, server);

	return err != 0 ? err : saga_service_handle(service, server->kind->undo, handle, server);
}

static void count(void *user, char *text, size_t size)
{
	struct server *server = user;

	(void)snprintf(text, size,
		       ",\"lost_races\":%llu,\"held_back\":%llu,\"failed\":%llu,"
		       "\"answers_lost\":%llu,\"answers_doubled\":%llu",
		       (unsigned long long)travel_store_lost_races(server->store),
		       (unsigned long long)atomic_load(&server->delayed),
		       (unsigned long long)atomic_load(&server->failed),
		       (unsigned long long)atomic_load(&server->lost_answers),
		       (unsigned long long)atomic_load(&server->doubled_answers));
}

static int serve_travel(struct server *server, const sigset_t *signals)
{
	char program[TRAVEL_NAME_SIZE];
	struct serve_options options = {
		.program = program,
		.service = server->kind->service,
		.instance = server->flags.instance,
		.nats = server->flags.nats,
		.threads = server->flags.threads,
		.handle = add_handlers,
		.fault = answer_fault,
		.count = count,
		.user = server,
	};

	(void)snprintf(program, sizeof program, "travel-%s", server->kind->service);
	return serve(&options, signals);
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

	if (argp_parse(&argp, argc, argv, 0, NULL, &server.flags) != 0)
		return 64;
	serve_block_signals(&signals);
	(void)pthread_mutex_init(&server.lock, NULL);
	prng_seed(&server.prng, hash_xxh3_64(slice_str(server.flags.instance)) ^ server.flags.seed);
	server.store = travel_store_open(server.flags.db, kind);
	if (server.store != NULL && server.flags.init_file != NULL) {
		code = travel_store_init(server.store, server.flags.init_file) ? 0 : 1;
		if (code != 0)
			(void)fprintf(stderr, "travel-%s: cannot use %s\n", kind->service,
				      server.flags.init_file);
	} else if (server.store != NULL) {
		code = serve_travel(&server, &signals);
	}
	travel_store_close(server.store);
	(void)pthread_mutex_destroy(&server.lock);
	return code;
}
