/* A program of somebody else's: C99 and C++11 at once, knows only what was installed. It finds no
 * broker, and must be told so. */
#include <saga_sqlite.h>
#include <stdio.h>

static void work(sqlite3 *db, struct saga_context *context, struct saga_result *result, void *user)
{
	(void)db;
	(void)user;
	result->outcome = saga_context_is_undo(context) ? SAGA_OK : SAGA_REJECTED;
}

static void handle(struct saga_context *context, struct saga_result *result, void *user)
{
	saga_sqlite_run((sqlite3 *)user, context, result, work, NULL);
}

static int serve(struct saga_connection *connection, sqlite3 *db)
{
	struct saga_service_options options;
	struct saga_service *service = NULL;
	struct saga_service_stats stats;
	int error;

	saga_service_options_init(&options);
	options.threads = 1;
	error = saga_service_create(connection, "stock", &options, &service);
	if (error == 0)
		error = saga_service_handle(service, "reserve", handle, db);
	if (error == 0)
		error = saga_service_start(service);
	if (error == 0) {
		saga_service_stats(service, &stats);
		error = stats.commands == 0 ? 0 : 1;
	}
	(void)saga_service_stop(service, 10);
	saga_service_free(service);
	return error;
}

int main(int argc, char **argv)
{
	struct saga_definition *definition = NULL;
	struct saga_connection *connection = NULL;
	struct saga_submit_options submit;
	struct saga_options options;
	struct saga_status status;
	sqlite3 *db = NULL;
	char why[1024];
	int error;

	if (argc != 2 || saga_definition_load(argv[1], &definition, why, sizeof why) != 0 ||
	    sqlite3_open(":memory:", &db) != SQLITE_OK || saga_sqlite_prepare(db) != 0)
		return 1;
	saga_options_init(&options);
	options.url = "nats://127.0.0.1:1";
	options.party = "stock";
	if (saga_open(&options, &connection) != 0 || serve(connection, db) != 0)
		return 2;
	saga_submit_options_init(&submit);
	submit.timeout_ms = 300;
	error = saga_submit(connection, definition, &submit, &status);
	(void)printf("%s %s ", saga_definition_name(definition), saga_error_name(error));
	saga_close(connection, 0);
	saga_definition_free(definition);
	(void)printf("closed\n");
	return sqlite3_close(db) == SQLITE_OK ? 0 : 3;
}
