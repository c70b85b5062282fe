/* Two services of an order, each with a database of its own in the folder that is named, or here:
 *
 *	inventory   reserve, release   how many of an item are on the shelf
 *	payment     charge, refund     what customers have; declines more than 100 at once
 *
 * They share a process only to keep the example small. The input of an order, which every step
 * gets:
 *
 *	{"item":"book","quantity":2,"customer":"ada","amount":40}
 */
#include <saga_sqlite.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char shelf[] =
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	"CREATE TABLE IF NOT EXISTS stock(item TEXT PRIMARY KEY, quantity INTEGER);"
	"INSERT OR IGNORE INTO stock VALUES('book', 10), ('lamp', 1);";

static const char accounts[] =
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	"CREATE TABLE IF NOT EXISTS account(customer TEXT PRIMARY KEY, balance INTEGER);"
	"INSERT OR IGNORE INTO account VALUES('ada', 500), ('bob', 20);";

/* An operation is one statement here. ?1 is the input of the saga, and changing no row means no. */
struct operation {
	const char *name, *sql, *no;
	sqlite3 *db;
};

static struct operation reserve = {
	.name = "reserve",
	.sql = "UPDATE stock SET quantity = quantity - json_extract(?1, '$.quantity')"
	       " WHERE item = json_extract(?1, '$.item')"
	       " AND json_extract(?1, '$.quantity') BETWEEN 1 AND quantity",
	.no = "not enough on the shelf",
};
static struct operation release = {
	.name = "release",
	.sql = "UPDATE stock SET quantity = quantity + json_extract(?1, '$.quantity')"
	       " WHERE item = json_extract(?1, '$.item')",
};
static struct operation charge = {
	.name = "charge",
	.sql = "UPDATE account SET balance = balance - json_extract(?1, '$.amount')"
	       " WHERE customer = json_extract(?1, '$.customer')"
	       " AND json_extract(?1, '$.amount') BETWEEN 1 AND min(balance, 100)",
	.no = "declined",
};
static struct operation refund = {
	.name = "refund",
	.sql = "UPDATE account SET balance = balance + json_extract(?1, '$.amount')"
	       " WHERE customer = json_extract(?1, '$.customer')",
};

/* Runs in the barrier's transaction: what it does and that it did it are stored together, once. */
static void change(sqlite3 *db, struct saga_context *context, struct saga_result *result,
		   void *user)
{
	const struct operation *operation = user;
	sqlite3_stmt *statement = NULL;
	size_t size = 0;
	const char *input = saga_context_input(context, &size);

	if (sqlite3_prepare_v2(db, operation->sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(statement, 1, input, (int)size, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_DONE) {
		if (sqlite3_changes(db) == 1) {
			result->outcome = SAGA_OK;
		} else if (operation->no != NULL) {
			result->outcome = SAGA_REJECTED;
			(void)snprintf(result->text, sizeof result->text, "%s", operation->no);
		}
	}
	/* What went wrong with the database has left the outcome as it was: SAGA_RETRY. */
	(void)sqlite3_finalize(statement);
}

/* On a thread of the service's. The barrier keeps commands that come twice, late or after their
 * undo from doing harm. */
static void handle(struct saga_context *context, struct saga_result *result, void *user)
{
	struct operation *operation = user;

	saga_sqlite_run(operation->db, context, result, change, operation);
}

static int start(struct saga_connection *connection, const char *name, const char *file,
		 const char *schema, struct operation *forward, struct operation *undo,
		 struct saga_service **service)
{
	struct saga_service_options options;
	sqlite3 *db = NULL;
	int error = 0;

	if (sqlite3_open(file, &db) != SQLITE_OK || saga_sqlite_prepare(db) != 0 ||
	    sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK)
		error = SAGA_ERR_DATABASE;
	forward->db = db;
	undo->db = db;
	saga_service_options_init(&options);
	options.threads = 1; /* a handle of the database is for one thread */
	if (error == 0)
		error = saga_service_create(connection, name, &options, service);
	if (error == 0)
		error = saga_service_handle(*service, forward->name, handle, forward);
	if (error == 0)
		error = saga_service_handle(*service, undo->name, handle, undo);
	return error != 0 ? error : saga_service_start(*service);
}

int main(int argc, char **argv)
{
	struct saga_service *inventory = NULL, *payment = NULL;
	struct saga_connection *connection = NULL;
	struct saga_options options;
	sigset_t ends;
	int error = 0, signal_number = 0;

	/* Before there are threads: all of them inherit it, and only sigwait takes signals. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);

	if (argc > 1 && chdir(argv[1]) != 0) {
		perror(argv[1]);
		return 1;
	}
	saga_options_init(&options);
	options.url = getenv("SAGA_NATS_URL");
	if (options.url == NULL)
		options.url = "nats://127.0.0.1:4222";
	error = saga_open(&options, &connection);
	if (error == 0)
		error = start(connection, "inventory", "inventory.db", shelf, &reserve, &release,
			      &inventory);
	if (error == 0)
		error = start(connection, "payment", "payment.db", accounts, &charge, &refund,
			      &payment);
	if (error == 0)
		sigwait(&ends, &signal_number);
	else
		(void)fprintf(stderr, "%s: %s\n", saga_error_name(error), saga_error_text(error));

	saga_close(connection, 5000); /* lets handlers end and their answers leave */
	saga_service_free(inventory);
	saga_service_free(payment);
	sqlite3_close(reserve.db);
	sqlite3_close(charge.db);
	return error == 0 ? 0 : 1;
}
