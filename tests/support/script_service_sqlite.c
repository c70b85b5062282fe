/* A participant whose behaviour is scripted by the saga's input, for integration tests. The input
 * is text: words "verb:step[:number]" separated by spaces:
 *
 *   reject:b        forward of step b is rejected
 *   lose:b[:n]      the first n (1) answers of step b's forward are lost
 *   miss:b[:n]      the answers of the first n (1) runs of step b's forward are lost, whatever
 *                   attempt they belong to
 *   double:b        each answer of step b is sent twice
 *   late:b:ms       the first attempt of b's forward sleeps that long *before* its barrier
 *   slow:b:ms       each attempt of b's forward takes that long
 *   retry:b:n       the first n attempts of b's forward answer "retry"
 *   abort:b         each attempt of b's forward kills the process
 *   failundo:b:n    the first n attempts of b's undo answer "retry"
 *   failfinish:b:n  the same of b's finish
 *   readonly:b      b votes "read only"
 *   heuristic:b     b says at its finish or undo that it had decided by itself
 *   die:b           the first run of b's forward kills the process between commit and answer
 *
 * Operations: do and undo; prepare, commit and rollback; once, for one phase. All are the same but
 * for the class of the command, which stands in the column `undo`: 0 forward, 1 undo, 2 finish,
 * 3 settle.
 *
 * Every effect is a row of `effect`, written in the barrier's transaction and unique by nothing.
 * Every call is a row of `call`, written outside of it when it begins; `ended` gets the outcome.
 */
#include <argp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/include/saga_sqlite.h"
#include "examples/common/witness_sqlite.h"

enum { HANDLER_THREADS = 4 };

struct options {
	const char *service, *instance, *db, *nats, *stream_prefix;
	bool no_barrier;
};

static __thread sqlite3 *handle;

static sqlite3 *open_db(const char *path)
{
	sqlite3 *db = NULL;
	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_busy_timeout(db, 5000) != SQLITE_OK) {
		(void)fprintf(stderr, "cannot open %s: %s\n", path, sqlite3_errmsg(db));
		exit(1);
	}
	if (!witness_attach(db))
		exit(1);
	return db;
}

/* Once, before the handlers run: the schema. */
static int prepare_db(const char *path)
{
	sqlite3 *db = open_db(path);
	char *why = NULL;
	if (saga_sqlite_prepare(db) != 0 || !witness_prepare(db) ||
	    sqlite3_exec(db,
			 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			 "CREATE TABLE IF NOT EXISTS effect(id INTEGER PRIMARY KEY, saga TEXT,"
			 " step TEXT, undo INT);"
			 "CREATE INDEX IF NOT EXISTS effect_of ON effect(saga, step, undo);"
			 "CREATE TABLE IF NOT EXISTS call(id INTEGER PRIMARY KEY, saga TEXT,"
			 " step TEXT, undo INT, attempt INT);"
			 "CREATE TABLE IF NOT EXISTS ended(id INTEGER PRIMARY KEY, saga TEXT,"
			 " step TEXT, undo INT, outcome INT);"
			 "CREATE TRIGGER IF NOT EXISTS witness_effect AFTER INSERT ON effect BEGIN"
			 " INSERT INTO witness(saga, step, op, kind, at_ns) VALUES(NEW.saga,"
			 " NEW.step, CASE NEW.undo WHEN 0 THEN 1 WHEN 1 THEN 3 ELSE 2 END, 'done',"
			 " " WITNESS_NOW "); END;",
			 NULL, NULL, &why) != SQLITE_OK) {
		(void)fprintf(stderr, "cannot prepare %s: %s\n", path, why);
		return 1;
	}
	(void)sqlite3_close(db);
	return 0;
}

/* The number behind "verb:step", `missing` when the script does not say it, 1 without a number. */
static uint32_t scripted(const struct saga_context *context, const char *verb, uint32_t missing)
{
	char script[512];
	char want[128];
	size_t size;
	const void *input = saga_context_input(context, &size);
	if (size == 0 || size >= sizeof script)
		return missing;
	memcpy(script, input, size);
	script[size] = '\0';
	const int length = snprintf(want, sizeof want, "%s:%s", verb, saga_context_step(context));
	char *rest = NULL;
	for (char *word = strtok_r(script, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		if (strncmp(word, want, (size_t)length) != 0)
			continue;
		if (word[length] == '\0')
			return 1;
		if (word[length] == ':')
			return (uint32_t)strtoul(word + length + 1, NULL, 10);
	}
	return missing;
}

/* The service works for that long: a part of what is tested, not a wait for something. */
static void work_for(uint32_t ms)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) != 0)
		continue;
}

static int class_of(const struct saga_context *context)
{
	switch (saga_context_op(context)) {
	case SAGA_OP_FORWARD:
		break;
	case SAGA_OP_UNDO:
		return 1;
	case SAGA_OP_FINISH:
		return 2;
	case SAGA_OP_SETTLE:
		return 3;
	}
	return 0;
}

/* `number` is the fourth column, if the statement has one. */
static void insert(sqlite3 *db, const char *sql, const struct saga_context *context, int number)
{
	sqlite3_stmt *row = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
		return;
	(void)sqlite3_bind_text(row, 1, saga_context_saga(context), -1, SQLITE_TRANSIENT);
	(void)sqlite3_bind_text(row, 2, saga_context_step(context), -1, SQLITE_TRANSIENT);
	(void)sqlite3_bind_int(row, 3, class_of(context));
	(void)sqlite3_bind_int(row, 4, number);
	(void)sqlite3_step(row);
	(void)sqlite3_finalize(row);
}

static void work(sqlite3 *db, struct saga_context *context, struct saga_result *result, void *user)
{
	const bool forward = saga_context_op(context) == SAGA_OP_FORWARD;
	(void)user;
	if (forward && scripted(context, "readonly", 0) != 0) {
		result->outcome = SAGA_READ_ONLY;
		return;
	}
	if (!forward && scripted(context, "heuristic", 0) != 0) {
		saga_context_set_code(context, SAGA_ERR_HEURISTIC_MIXED);
		result->outcome = SAGA_HEURISTIC;
		return;
	}
	insert(db, "INSERT INTO effect(saga, step, undo) VALUES(?,?,?)", context, 0);
	if (forward && scripted(context, "reject", 0) != 0) {
		result->outcome = SAGA_REJECTED; /* the barrier takes the row back */
		(void)snprintf(result->text, sizeof result->text, "scripted rejection");
		return;
	}
	result->outcome = SAGA_OK;
}

/* How often the operation has been run, this time too. */
static uint32_t runs(const struct saga_context *context)
{
	sqlite3_stmt *query = NULL;
	uint32_t count = 0;
	if (sqlite3_prepare_v2(handle,
			       "SELECT count(*) FROM call WHERE saga=? AND step=? AND undo=0", -1,
			       &query, NULL) != SQLITE_OK)
		return 0;
	(void)sqlite3_bind_text(query, 1, saga_context_saga(context), -1, SQLITE_TRANSIENT);
	(void)sqlite3_bind_text(query, 2, saga_context_step(context), -1, SQLITE_TRANSIENT);
	if (sqlite3_step(query) == SQLITE_ROW)
		count = (uint32_t)sqlite3_column_int(query, 0);
	(void)sqlite3_finalize(query);
	return count;
}

/* A service that has forgotten its barrier. */
static void run_bare(struct saga_context *context, struct saga_result *result)
{
	result->outcome = SAGA_RETRY;
	if (sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return;
	work(handle, context, result, NULL);
	if (sqlite3_exec(handle, result->outcome == SAGA_OK ? "COMMIT" : "ROLLBACK", NULL, NULL,
			 NULL) != SQLITE_OK)
		result->outcome = SAGA_RETRY;
}

static void handler(struct saga_context *context, struct saga_result *result, void *user)
{
	static const char *const failing[] = {"retry", "failundo", "failfinish"};
	const struct options *o = user;
	const int class = class_of(context);
	const uint32_t attempt = saga_context_attempt(context);
	if (handle == NULL)
		handle = open_db(o->db);
	insert(handle, "INSERT INTO call(saga, step, undo, attempt) VALUES(?,?,?,?)", context,
	       (int)attempt);
	if (class == 0 && scripted(context, "abort", 0) != 0)
		(void)raise(SIGKILL); /* as good as an abort, and leaves no core file */
	if (class == 0)
		work_for(scripted(context, "slow", 0));
	if (class == 0 && attempt == 1)
		work_for(scripted(context, "late", 0));
	if (attempt <= scripted(context, failing[class], 0)) {
		result->outcome = SAGA_RETRY;
		return;
	}
	if (o->no_barrier)
		run_bare(context, result);
	else
		saga_sqlite_run(handle, context, result, work, NULL);
	if (class == 0 && runs(context) == 1 && scripted(context, "die", 0) != 0)
		(void)raise(SIGKILL);
	insert(handle, "INSERT INTO ended(saga, step, undo, outcome) VALUES(?,?,?,?)", context,
	       (int)result->outcome);
}

static void settle(struct saga_context *context, struct saga_result *result, void *user)
{
	const struct options *o = user;
	if (handle == NULL)
		handle = open_db(o->db);
	insert(handle, "INSERT INTO call(saga, step, undo, attempt) VALUES(?,?,?,?)", context,
	       (int)saga_context_attempt(context));
	saga_sqlite_settle(handle, context, result);
}

static int answer_fault(void *user, const struct saga_context *context,
			const struct saga_result *result)
{
	(void)user;
	(void)result;
	if (saga_context_op(context) != SAGA_OP_FORWARD)
		return 0;
	if (saga_context_attempt(context) <= scripted(context, "lose", 0))
		return 1;
	/* An operation without a handler has no runs, and its answer is not to be lost. */
	const uint32_t missed = scripted(context, "miss", 0);
	if (missed > 0 && runs(context) <= missed)
		return 1;
	return scripted(context, "double", 0) != 0 ? 2 : 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *o = state->input;
	switch (key) {
	case 's':
		o->service = argument;
		break;
	case 'i':
		o->instance = argument;
		break;
	case 'd':
		o->db = argument;
		break;
	case 'n':
		o->nats = argument;
		break;
	case 'p':
		o->stream_prefix = argument;
		break;
	case 'b':
		o->no_barrier = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void log_line(void *context, int level, const char *text)
{
	(void)context;
	(void)fprintf(stderr, "%d %s\n", level, text);
}

int main(int argc, char **argv)
{
	static const struct argp_option known[] = {
		{"service", 's', "NAME", 0, "name of the service", 0},
		{"instance", 'i', "NAME", 0, "name of this process", 0},
		{"db", 'd', "FILE", 0, "its database", 0},
		{"nats", 'n', "URL", 0, "the broker", 0},
		{"stream-prefix", 'p', "NAME", 0, "another stream than the cluster's", 0},
		{"no-barrier", 'b', NULL, 0, "works without one", 0},
		{0}};
	const struct argp argp = {known, parse, NULL, "a scripted participant", NULL, NULL, NULL};
	static const char *const operations[] = {"do",     "undo",     "prepare",
						 "commit", "rollback", "once"};
	struct options o = {
		.service = "a", .instance = "a1", .db = "a.db", .nats = getenv("SAGA_NATS_URL")};
	struct saga_options connect;
	struct saga_service_options options;
	struct saga_connection *connection = NULL;
	struct saga_service *service = NULL;
	sigset_t stop;
	int number;
	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return 2;
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &stop, NULL); /* before threads: they inherit it */
	if (prepare_db(o.db) != 0)
		return 1;
	saga_options_init(&connect);
	connect.url = o.nats;
	connect.party = o.service;
	connect.log = log_line;
	saga_service_options_init(&options);
	options.instance = o.instance;
	options.threads = HANDLER_THREADS;
	options.ack_wait_ms = 2000;
	options.stream_prefix = o.stream_prefix;
	if (saga_open(&connect, &connection) != 0 ||
	    saga_service_create(connection, o.service, &options, &service) != 0 ||
	    saga_service_settle(service, settle, &o) != 0)
		return 1;
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (saga_service_handle(service, operations[i], handler, &o) != 0)
			return 1;
	saga_service_set_answer_fault(service, answer_fault, NULL);
	if (saga_service_start(service) != 0)
		return 1;
	(void)sigwait(&stop, &number);
	(void)saga_service_stop(service, 5000);
	saga_service_free(service);
	saga_close(connection, 0);
	return 0;
}
