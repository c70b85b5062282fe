/* shop-service inventory|payment|shipping|order: flags, main loop and trouble on demand. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/prng.h"
#include "examples/common/args.h"
#include "examples/common/serve.h"
#include "examples/shop/desk.h"
#include "examples/shop/service.h"

enum { DOWN_RETRY_MS = 100, LOOK_MS = 50, SETTLE_WAIT_MAX_MS = 5000 };

struct flags {
	const struct shop_kind *kind;
	const char *db, *nats, *instance, *init_file, *desk;
	double failure_rate, lose_answers, double_answers, mute_rate, late_rate, down_rate;
	uint32_t latency_ms, late_ms, down_attempts, threads;
	uint64_t seed;
};

struct server {
	struct flags flags;
	struct shop_store *store;
	pthread_mutex_t lock;
	struct prng prng; /* under lock */
	atomic_uint_fast64_t failed, lost_answers, doubled_answers, muted, late, down;
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
	FLAG_MUTE,
	FLAG_LATE_RATE,
	FLAG_LATE_MS,
	FLAG_DESK,
	FLAG_DOWN,
	FLAG_DOWN_ATTEMPTS,
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
	{"mute-rate", FLAG_MUTE, "P", 0,
	 "say nothing to any attempt to charge or wrap for this part of the sagas", 0},
	{"late-rate", FLAG_LATE_RATE, "P", 0,
	 "hold charges and wraps of this part of the sagas back before the barrier, until the "
	 "coordinator has given them up",
	 0},
	{"late-ms", FLAG_LATE_MS, "MS", 0, "at most for so long; default 20000", 0},
	{"desk", FLAG_DESK, "DIR", 0,
	 "wait with some reservations and charges until the customer, who wants to cancel, has an "
	 "answer; they meet by files in this folder",
	 0},
	{"down-rate", FLAG_DOWN, "P", 0,
	 "fail to send or confirm this part of the sagas, until they are parked", 0},
	{"down-attempts", FLAG_DOWN_ATTEMPTS, "N", 0, "so many times; default 6", 0},
	{"seed", FLAG_SEED, "N", 0, "of the chances above", 0},
	{"threads", FLAG_THREADS, "N", 0, "calls at a time; default 8", 0},
	{0},
};

static const struct shop_kind *find_kind(struct argp_state *state, const char *name)
{
	static const struct shop_kind *const kinds[] = {&shop_inventory, &shop_payment,
							&shop_shipping, &shop_order};

	for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i]->service, name) == 0)
			return kinds[i];
	argp_error(state, "%s is not inventory, payment, shipping or order", name);
	return NULL;
}

/* True when the key was one of the chances. */
static bool parse_chance(int key, char *text, struct argp_state *state, struct flags *flags)
{
	double *const chance = key == FLAG_FAILURE     ? &flags->failure_rate
			       : key == FLAG_LOSE      ? &flags->lose_answers
			       : key == FLAG_DOUBLE    ? &flags->double_answers
			       : key == FLAG_MUTE      ? &flags->mute_rate
			       : key == FLAG_LATE_RATE ? &flags->late_rate
			       : key == FLAG_DOWN      ? &flags->down_rate
						       : NULL;

	if (chance != NULL)
		*chance = args_chance(state, text);
	return chance != NULL;
}

static error_t parse_flag(int key, char *text, struct argp_state *state)
{
	struct flags *flags = state->input;

	if (parse_chance(key, text, state, flags))
		return 0;
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
	case FLAG_LATENCY:
		flags->latency_ms = (uint32_t)args_number(state, text, 0, 3600000);
		break;
	case FLAG_LATE_MS:
		flags->late_ms = (uint32_t)args_number(state, text, 0, 3600000);
		break;
	case FLAG_DESK:
		flags->desk = text;
		break;
	case FLAG_DOWN_ATTEMPTS:
		flags->down_attempts = (uint32_t)args_number(state, text, 0, 1000);
		break;
	case FLAG_SEED:
		flags->seed = args_number(state, text, 0, UINT64_MAX);
		break;
	case FLAG_THREADS:
		flags->threads = (uint32_t)args_number(state, text, 0, 1024);
		break;
	case ARGP_KEY_ARG:
		if (flags->kind != NULL)
			argp_usage(state);
		flags->kind = find_kind(state, text);
		break;
	case ARGP_KEY_END:
		if (flags->kind == NULL || flags->db == NULL)
			argp_error(state, "the service or --db is missing");
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

/* The same for all attempts of a step, whichever instance gets them, so that all of them fail. */
static bool is_chosen(const struct server *server, const struct saga_context *context,
		      uint64_t purpose, double chance)
{
	const uint64_t saga = hash_xxh3_64(slice_str(saga_context_saga(context)));
	const uint64_t step = hash_xxh3_64(slice_str(saga_context_step(context)));

	return serve_hits(prng_mix(saga ^ prng_mix(step ^ server->flags.seed) ^ purpose), chance);
}

static const struct shop_operation *find_operation(const struct server *server, const char *name)
{
	const struct shop_operation *operations = server->flags.kind->operations;

	for (uint32_t i = 0; i < SHOP_OPERATIONS_MAX && operations[i].name != NULL; i++)
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	return NULL;
}

static bool is_late(const struct server *server, const struct shop_call *call)
{
	return call->operation->risky &&
	       is_chosen(server, call->context, 'l', server->flags.late_rate);
}

/* Those that are late say something in the end, so none is both. */
static bool is_dumb(const struct server *server, const struct saga_context *context)
{
	return !is_chosen(server, context, 'l', server->flags.late_rate) &&
	       is_chosen(server, context, 'm', server->flags.mute_rate);
}

static bool is_muted(const struct server *server, const struct saga_context *context)
{
	const struct shop_operation *operation =
		find_operation(server, saga_context_operation_name(context));

	return operation != NULL && operation->risky &&
	       saga_context_op(context) == SAGA_OP_FORWARD && is_dumb(server, context);
}

/* Until the coordinator has given it up, and not for a time that is long enough on most machines.
 */
static void be_late(struct server *server, const struct shop_call *call)
{
	atomic_fetch_add(&server->late, 1);
	for (uint32_t waited_ms = 0;
	     waited_ms < server->flags.late_ms && !shop_store_is_given_up(server->store, call);
	     waited_ms += LOOK_MS)
		serve_work(LOOK_MS);
}

static bool is_down(const struct server *server, const struct shop_call *call)
{
	return call->operation->retriable &&
	       saga_context_attempt(call->context) <= server->flags.down_attempts &&
	       is_chosen(server, call->context, 'd', server->flags.down_rate);
}

static int answer_fault(void *user, const struct saga_context *context,
			const struct saga_result *result)
{
	struct server *server = user;

	(void)result;
	if (is_muted(server, context)) {
		atomic_fetch_add(&server->muted, 1);
		return 1;
	}
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

static void fail_on_demand(struct saga_result *result, uint32_t retry_after_ms)
{
	result->outcome = SAGA_RETRY;
	result->retry_after_ms = retry_after_ms;
	(void)snprintf(result->text, sizeof result->text, "a failure was asked for");
}

/* ---- the handlers ------------------------------------------------------------------------- */

static void handle(struct saga_context *context, struct saga_result *result, void *user)
{
	struct server *server = user;
	const struct flags *flags = &server->flags;
	struct shop_call call = {.context = context};
	size_t size = 0;
	const void *input = saga_context_input(context, &size);

	call.operation = find_operation(server, saga_context_operation_name(context));
	call.understood = shop_input_parse(input, size, &call.input, call.why);
	if (call.understood)
		call.operation->select(&call);
	if (flags->desk != NULL && !call.operation->undo &&
	    desk_has(saga_context_saga(context), saga_context_step(context)))
		desk_wait(flags->desk, context);
	if (is_late(server, &call))
		be_late(server, &call);
	if (is_down(server, &call)) {
		atomic_fetch_add(&server->down, 1);
		fail_on_demand(result, DOWN_RETRY_MS);
		return;
	}
	if (serve_hits(roll(server), flags->failure_rate)) {
		atomic_fetch_add(&server->failed, 1);
		fail_on_demand(result, 0);
		return;
	}
	/* Looked at before the work and changed after it: that is what versions are for. */
	if (call.understood && call.operation->looks)
		shop_store_look(server->store, &call);
	if (flags->latency_ms > 0)
		serve_work_and_tell(context, flags->latency_ms / 2 +
						     (uint32_t)(roll(server) %
								(flags->latency_ms * 3 / 2 + 1)));
	shop_store_run(server->store, &call, result);
}

static void settle(struct saga_context *context, struct saga_result *result, void *user)
{
	struct server *server = user;
	struct shop_call call = {.context = context};

	/* What says nothing has been done: settling is not to overtake it on a slow machine. */
	for (uint32_t waited_ms = 0; is_dumb(server, context) && waited_ms < SETTLE_WAIT_MAX_MS &&
				     !shop_store_has_run(server->store, &call);
	     waited_ms += LOOK_MS)
		serve_work(LOOK_MS);
	shop_store_settle(server->store, &call, result);
}

/* ---- main loop ---------------------------------------------------------------------------- */

static int add_handlers(struct saga_service *service, void *user)
{
	struct server *server = user;
	const struct shop_operation *operations = server->flags.kind->operations;
	int err = saga_service_settle(service, settle, server);

	for (uint32_t i = 0; err == 0 && i < SHOP_OPERATIONS_MAX && operations[i].name != NULL; i++)
		err = saga_service_handle(service, operations[i].name, handle, server);
	return err;
}

static void count(void *user, char *text, size_t size)
{
	struct server *server = user;

	(void)snprintf(text, size,
		       ",\"failed\":%llu,\"answers_lost\":%llu,\"answers_doubled\":%llu,"
		       "\"muted\":%llu,\"late\":%llu,\"down\":%llu",
		       (unsigned long long)atomic_load(&server->failed),
		       (unsigned long long)atomic_load(&server->lost_answers),
		       (unsigned long long)atomic_load(&server->doubled_answers),
		       (unsigned long long)atomic_load(&server->muted),
		       (unsigned long long)atomic_load(&server->late),
		       (unsigned long long)atomic_load(&server->down));
}

static int serve_shop(struct server *server, const sigset_t *signals)
{
	struct serve_options options = {
		.program = "shop-service",
		.service = server->flags.kind->service,
		.instance = server->flags.instance,
		.nats = server->flags.nats,
		.threads = server->flags.threads,
		.handle = add_handlers,
		.fault = answer_fault,
		.count = count,
		.user = server,
	};

	return serve(&options, signals);
}

int main(int argc, char **argv)
{
	const struct argp argp = {flag_table,
				  parse_flag,
				  "inventory|payment|shipping|order",
				  "One instance of a service of the shop, on the SQLite database "
				  "that it shares with the others.",
				  NULL,
				  NULL,
				  NULL};
	struct server server = {
		.flags = {.instance = "1", .late_ms = 20000, .down_attempts = 6, .threads = 8}};
	sigset_t signals;
	int code = 1;

	if (argp_parse(&argp, argc, argv, 0, NULL, &server.flags) != 0)
		return 64;
	serve_block_signals(&signals);
	(void)pthread_mutex_init(&server.lock, NULL);
	prng_seed(&server.prng, hash_xxh3_64(slice_str(server.flags.instance)) ^ server.flags.seed);
	server.store = shop_store_open(server.flags.db, server.flags.kind);
	if (server.store != NULL && server.flags.init_file != NULL)
		code = shop_store_init(server.store, server.flags.init_file) ? 0 : 1;
	else if (server.store != NULL)
		code = serve_shop(&server, &signals);
	shop_store_close(server.store);
	(void)pthread_mutex_destroy(&server.lock);
	return code;
}
