/* bank-account: flags, and trouble on purpose around the calls. */
#include "examples/bank/account.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "examples/common/args.h"
#include "examples/common/serve.h"

struct flags {
	const char *service, *db, *nats, *instance;
	uint32_t accounts, threads;
	int64_t balance;
	struct bank_trouble trouble;
	enum bank_sabotage sabotage;
};

struct server {
	struct flags flags;
	struct bank_store *store;
	bool out; /* bank_a */
	atomic_uint_fast64_t held_back, lost_answers, doubled_answers;
};

/* ---- flags --------------------------------------------------------------------------------- */

enum flag_key {
	FLAG_SERVICE = 0x100,
	FLAG_DB,
	FLAG_NATS,
	FLAG_INSTANCE,
	FLAG_INIT,
	FLAG_BALANCE,
	FLAG_NO,
	FLAG_LATE,
	FLAG_TWICE,
	FLAG_NEVER,
	FLAG_CRASH,
	FLAG_LATE_MS,
	FLAG_SEED,
	FLAG_THREADS,
	FLAG_SABOTAGE,
};

static const struct argp_option flag_table[] = {
	{"service", FLAG_SERVICE, "bank_a|bank_b", 0, "bank_a debits, bank_b credits", 0},
	{"db", FLAG_DB, "FILE", 0, "the service's SQLite database, shared by its instances", 0},
	{"nats", FLAG_NATS, "URL", 0, "default $SAGA_NATS_URL or nats://127.0.0.1:4222", 0},
	{"instance", FLAG_INSTANCE, "NAME", 0, "of this process", 0},
	{"init", FLAG_INIT, "N", 0, "make N accounts, a1 ... or b1 ..., then end", 0},
	{"balance", FLAG_BALANCE, "N", 0, "of each account; with --init", 0},
	{"no", FLAG_NO, "P", 0, "vote no for this part of the transfers (0..1)", 1},
	{"late", FLAG_LATE, "P", 0,
	 "hold the vote or the decision back before the barrier, for longer than it is waited for",
	 1},
	{"twice", FLAG_TWICE, "P", 0, "say everything twice", 1},
	{"never", FLAG_NEVER, "P", 0,
	 "do the work and never say so (a vote), or not at the first attempt (a decision)", 1},
	{"crash", FLAG_CRASH, "P", 0,
	 "die by SIGKILL, once: when the vote is stored and not answered yet, or when the decision "
	 "comes",
	 1},
	{"late-ms", FLAG_LATE_MS, "MS", 0, "how long --late is; default 6000", 1},
	{"seed", FLAG_SEED, "N", 0, "of the chances above", 1},
	{"threads", FLAG_THREADS, "N", 0, "calls at a time; default 16", 0},
	{"sabotage", FLAG_SABOTAGE, "barrier|double|forget", 0,
	 "be broken: work without the barrier, move some money twice, forget some commits", 2},
	{0},
};

static void parse_sabotage(struct argp_state *state, const char *text, struct flags *flags)
{
	if (strcmp(text, "barrier") == 0)
		flags->sabotage = BANK_NO_BARRIER;
	else if (strcmp(text, "double") == 0)
		flags->sabotage = BANK_COMMITS_TWICE;
	else if (strcmp(text, "forget") == 0)
		flags->sabotage = BANK_FORGETS;
	else
		argp_error(state, "sabotage is barrier, double or forget, not %s", text);
}

static error_t parse_trouble(int key, char *text, struct argp_state *state)
{
	struct flags *flags = state->input;
	struct bank_trouble *trouble = &flags->trouble;

	switch (key) {
	case FLAG_NO:
		trouble->no = args_chance(state, text);
		break;
	case FLAG_LATE:
		trouble->late = args_chance(state, text);
		break;
	case FLAG_TWICE:
		trouble->twice = args_chance(state, text);
		break;
	case FLAG_NEVER:
		trouble->never = args_chance(state, text);
		break;
	case FLAG_CRASH:
		trouble->crash = args_chance(state, text);
		break;
	case FLAG_LATE_MS:
		trouble->late_ms = (uint32_t)args_number(state, text, 0, 3600000);
		break;
	case FLAG_SEED:
		trouble->seed = args_number(state, text, 0, UINT64_MAX);
		break;
	case FLAG_SABOTAGE:
		parse_sabotage(state, text, flags);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse_flag(int key, char *text, struct argp_state *state)
{
	struct flags *flags = state->input;

	switch (key) {
	case FLAG_SERVICE:
		flags->service = text;
		break;
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
		flags->accounts = (uint32_t)args_number(state, text, 1, 1000000);
		break;
	case FLAG_BALANCE:
		flags->balance = (int64_t)args_number(state, text, 0, 1000000000);
		break;
	case FLAG_THREADS:
		flags->threads = (uint32_t)args_number(state, text, 1, 1024);
		break;
	case ARGP_KEY_END:
		if (flags->service == NULL || (strcmp(flags->service, "bank_a") != 0 &&
					       strcmp(flags->service, "bank_b") != 0))
			argp_error(state, "--service is bank_a or bank_b");
		if (flags->db == NULL)
			argp_error(state, "--db is missing");
		break;
	default:
		return parse_trouble(key, text, state);
	}
	return 0;
}

/* ---- trouble on purpose ---------------------------------------------------------------------- */

static bool is_decision(enum saga_op op)
{
	return op == SAGA_OP_FINISH || op == SAGA_OP_UNDO;
}

/* Is this the call that the fate of the transfer means? */
static bool is_hit(const struct bank_fate *fate, const struct bank_call *call,
		   enum bank_trouble_kind kind)
{
	if (fate->kind != kind)
		return false;
	return fate->at_vote ? call->op == SAGA_OP_FORWARD : is_decision(call->op);
}

/* Once for each transfer: it comes back and has to live with what it had stored. */
static void die(struct server *server, const struct bank_call *call)
{
	if (bank_store_trouble(server->store, call, bank_trouble_name(TROUBLE_CRASH)))
		(void)raise(SIGKILL);
}

/* Before the barrier, so that what overtakes the vote finds nothing. */
static void come_late(struct server *server, const struct bank_fate *fate,
		      const struct bank_call *call)
{
	if (!is_hit(fate, call, TROUBLE_LATE) ||
	    (!fate->at_vote && saga_context_attempt(call->context) > 1))
		return;
	(void)bank_store_trouble(server->store, call, bank_trouble_name(TROUBLE_LATE));
	atomic_fetch_add(&server->held_back, 1);
	serve_work(server->flags.trouble.late_ms);
}

static int answer_fault(void *user, const struct saga_context *context,
			const struct saga_result *result)
{
	struct server *server = user;
	const struct bank_call call = {.context = (struct saga_context *)(uintptr_t)context,
				       .op = saga_context_op(context)};
	const struct bank_fate fate = bank_trouble_draw(
		&server->flags.trouble, server->flags.service, saga_context_saga(context));

	(void)result;
	if (is_hit(&fate, &call, TROUBLE_NEVER) &&
	    (fate.at_vote || saga_context_attempt(context) == 1)) {
		(void)bank_store_trouble(server->store, &call, bank_trouble_name(fate.kind));
		atomic_fetch_add(&server->lost_answers, 1);
		return 1;
	}
	if (fate.kind == TROUBLE_TWICE) {
		(void)bank_store_trouble(server->store, &call, bank_trouble_name(fate.kind));
		atomic_fetch_add(&server->doubled_answers, 1);
		return 2;
	}
	return 0;
}

/* ---- the handler ----------------------------------------------------------------------------- */

static void handle(struct saga_context *context, struct saga_result *result, void *user)
{
	struct server *server = user;
	struct bank_call call = {.context = context,
				 .op = saga_context_op(context),
				 .out = server->out,
				 .sabotage = server->flags.sabotage};
	const struct bank_fate fate = bank_trouble_draw(
		&server->flags.trouble, server->flags.service, saga_context_saga(context));
	size_t size = 0;
	const void *input = saga_context_input(context, &size);

	call.understood = bank_transfer_parse(input, size, &call.transfer, call.why);
	call.one_phase = strcmp(saga_context_operation_name(context), "transfer") == 0;
	call.refuse = fate.kind == TROUBLE_NO && call.op == SAGA_OP_FORWARD;
	if (call.refuse)
		(void)bank_store_trouble(server->store, &call, bank_trouble_name(fate.kind));
	/* Looked at before the work and changed after it: that is what versions are for. */
	if (call.understood)
		bank_store_look(server->store, &call);
	come_late(server, &fate, &call);
	if (is_decision(call.op) && is_hit(&fate, &call, TROUBLE_CRASH))
		die(server, &call);
	bank_store_run(server->store, &call, result);
	if (result->outcome == SAGA_OK && call.op == SAGA_OP_FORWARD &&
	    is_hit(&fate, &call, TROUBLE_CRASH))
		die(server, &call);
	/* Were the transfer over before the late vote comes, that would be told `expired` (S8) and
	 * never meet the barrier's row. */
	if (fate.kind == TROUBLE_LATE && fate.at_vote && call.op != SAGA_OP_FORWARD)
		serve_work(server->flags.trouble.late_ms / 2);
}

static int add_handlers(struct saga_service *service, void *user)
{
	static const char *const operations[] = {"prepare", "commit",  "rollback", "transfer",
						 "try",     "confirm", "cancel"};
	int err = saga_service_settle(service, handle, user);

	for (uint32_t i = 0; err == 0 && i < sizeof operations / sizeof operations[0]; i++)
		err = saga_service_handle(service, operations[i], handle, user);
	return err;
}

/* After a start: asks what became of the transfers that we hold money for. Their commands come in
 * any case, and only those move money; but people may be told at once. What is not decided yet
 * stays held, however long it takes: after a yes it is not ours to decide. */
static void ask_around(struct saga_connection *connection, void *user)
{
	enum { DOUBTS_MAX = 16, ASK_MS = 2000, SILENT_MAX = 3 };
	struct server *server = user;
	struct bank_doubt doubts[DOUBTS_MAX];
	const uint32_t found = bank_store_doubts(server->store, doubts, DOUBTS_MAX);
	uint32_t silent = 0;

	for (uint32_t i = 0; i < found && silent < SILENT_MAX; i++) {
		struct saga_status status;

		memset(&status, 0, sizeof status);
		if (saga_inquire(connection, server->flags.service, doubts[i].saga, doubts[i].step,
				 ASK_MS, &status) != 0)
			silent++;
		else
			bank_store_told(server->store, &doubts[i], status.decision);
	}
}

static void count(void *user, char *text, size_t size)
{
	struct server *server = user;

	(void)snprintf(text, size,
		       ",\"lost_races\":%llu,\"held_back\":%llu,\"answers_lost\":%llu,"
		       "\"answers_doubled\":%llu",
		       (unsigned long long)bank_store_lost_races(server->store),
		       (unsigned long long)atomic_load(&server->held_back),
		       (unsigned long long)atomic_load(&server->lost_answers),
		       (unsigned long long)atomic_load(&server->doubled_answers));
}

int main(int argc, char **argv)
{
	const struct argp argp = {
		flag_table,
		parse_flag,
		NULL,
		"One instance of an account service, on the SQLite database that it shares with "
		"the others.",
		NULL,
		NULL,
		NULL};
	struct server server = {
		.flags = {.instance = "1", .threads = 16, .trouble = {.late_ms = 6000}}};
	struct serve_options options = {.program = "bank-account",
					.handle = add_handlers,
					.fault = answer_fault,
					.ready = ask_around,
					.count = count,
					.user = &server};
	const struct flags *flags = &server.flags;
	sigset_t signals;
	int code = 1;

	if (argp_parse(&argp, argc, argv, 0, NULL, &server.flags) != 0)
		return 64;
	serve_block_signals(&signals);
	server.out = strcmp(flags->service, "bank_a") == 0;
	server.store = bank_store_open(flags->db, flags->service);
	options.service = flags->service;
	options.instance = flags->instance;
	options.nats = flags->nats;
	options.threads = flags->threads;
	if (server.store != NULL && flags->accounts > 0)
		code = bank_store_fill(server.store, server.out ? "a" : "b", flags->accounts,
				       flags->balance)
			       ? 0
			       : 1;
	else if (server.store != NULL)
		code = serve(&options, &signals);
	bank_store_close(server.store);
	return code;
}
