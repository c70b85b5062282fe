/* Reads the services' databases for the judge. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "examples/travel/check.h"

struct reader {
	struct check *check;
	enum check_service service;
	sqlite3 *db;
	uint64_t rows;
};

static const char *text_of(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return text == NULL ? "" : (const char *)text;
}

static void take_item(struct reader *reader, sqlite3_stmt *row)
{
	check_item(reader->check, reader->service, text_of(row, 0), sqlite3_column_int64(row, 1),
		   sqlite3_column_int64(row, 2));
}

static void take_unit(struct reader *reader, sqlite3_stmt *row)
{
	check_unit(reader->check, reader->service, text_of(row, 0), sqlite3_column_int64(row, 1),
		   sqlite3_column_type(row, 2) == SQLITE_NULL ? NULL : text_of(row, 2));
}

static void take_effect(struct reader *reader, sqlite3_stmt *row)
{
	const struct check_effect_row effect = {
		.id = sqlite3_column_int64(row, 0),
		.saga = text_of(row, 1),
		.undo = strcmp(text_of(row, 2), "undo") == 0,
		.name = text_of(row, 3),
		.quantity = sqlite3_column_int64(row, 4),
		.units = text_of(row, 5),
	};

	check_effect(reader->check, reader->service, &effect);
}

static void take_log(struct reader *reader, sqlite3_stmt *row)
{
	const struct check_log_row entry = {
		.saga = text_of(row, 0),
		.undo = strcmp(text_of(row, 1), "undo") == 0,
		.verdict = text_of(row, 2),
		.outcome = text_of(row, 3),
	};

	check_log(reader->check, reader->service, &entry);
}

static void take_till(struct reader *reader, sqlite3_stmt *row)
{
	check_till(reader->check, sqlite3_column_int64(row, 0));
}

static void take_integrity(struct reader *reader, sqlite3_stmt *row)
{
	/* Anything but a single "ok" is counted as one row too many. */
	reader->rows += strcmp(text_of(row, 0), "ok") == 0 ? 0 : 1;
}

/* False when the query fails: a table that is missing is not an empty one. */
static bool read_rows(struct reader *reader, const char *sql,
		      void (*take)(struct reader *reader, sqlite3_stmt *row))
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(reader->db, sql, -1, &statement, NULL);

	reader->rows = 0;
	if (code == SQLITE_OK) {
		while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
			reader->rows++;
			take(reader, statement);
		}
	}
	(void)sqlite3_finalize(statement);
	return code == SQLITE_DONE;
}

bool check_read_database(struct check *check, enum check_service service, const char *file,
			 char *why, uint32_t why_size)
{
	const bool units = service == CHECK_FLIGHT || service == CHECK_HOTEL;
	struct reader reader = {.check = check, .service = service};
	bool good = sqlite3_open_v2(file, &reader.db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK;

	good = good && sqlite3_busy_timeout(reader.db, 10000) == SQLITE_OK;
	good = good && read_rows(&reader, "PRAGMA integrity_check", take_integrity) &&
	       reader.rows == 1;
	/* One transaction: the tables are seen as of one moment. */
	good = good && sqlite3_exec(reader.db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
	good = good &&
	       read_rows(&reader, "SELECT name, total, left FROM item ORDER BY name", take_item) &&
	       reader.rows > 0;
	if (units)
		good = good && read_rows(&reader,
					 "SELECT name, number, saga FROM unit"
					 " ORDER BY name, number",
					 take_unit);
	good = good && read_rows(&reader,
				 "SELECT id, saga, op, name, quantity, units FROM ledger"
				 " ORDER BY id",
				 take_effect);
	good = good &&
	       read_rows(&reader, "SELECT saga, op, verdict, outcome FROM barrier_log ORDER BY id",
			 take_log);
	if (service == CHECK_PAYMENT)
		good = good &&
		       read_rows(&reader, "SELECT amount FROM till WHERE name = 'till'",
				 take_till) &&
		       reader.rows == 1;
	if (!good)
		(void)snprintf(why, why_size, "cannot read %s: %s", file,
			       reader.db == NULL ? "no memory" : sqlite3_errmsg(reader.db));
	(void)sqlite3_close(reader.db);
	return good;
}

bool check_run(const struct check_options *options, struct check_report *report, char *why,
	       uint32_t why_size)
{
	struct check *check = check_create();
	bool good = check != NULL;

	if (!good)
		(void)snprintf(why, why_size, "out of memory");
	good = good && check_read_bookings(check, options->bookings_file, options->bookings_max,
					   why, why_size);
	for (uint32_t s = 0; good && s < CHECK_SERVICES; s++) {
		char file[1024];

		(void)snprintf(file, sizeof file, "%s/%s.db", options->folder,
			       check_service_name((enum check_service)s));
		good = check_read_database(check, (enum check_service)s, file, why, why_size);
	}
	if (good && options->answers_file != NULL)
		good = check_read_answers(check, options->answers_file, why, why_size);
	if (good)
		*report = *check_finish(check);
	check_free(check);
	return good;
}
