/* Reads the services' databases for the judge. */
#include <string.h>

#include "examples/common/rows_sqlite.h"
#include "examples/travel/check.h"

struct reader {
	struct check *check;
	enum check_service service;
	sqlite3 *db;
	uint64_t rows;
};

static void take_item(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;
	check_item(reader->check, reader->service, rows_text(row, 0), sqlite3_column_int64(row, 1),
		   sqlite3_column_int64(row, 2));
}

static void take_unit(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;
	check_unit(reader->check, reader->service, rows_text(row, 0), sqlite3_column_int64(row, 1),
		   sqlite3_column_type(row, 2) == SQLITE_NULL ? NULL : rows_text(row, 2));
}

static void take_effect(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;
	const struct check_effect_row effect = {
		.id = sqlite3_column_int64(row, 0),
		.saga = rows_text(row, 1),
		.undo = strcmp(rows_text(row, 2), "undo") == 0,
		.name = rows_text(row, 3),
		.quantity = sqlite3_column_int64(row, 4),
		.units = rows_text(row, 5),
	};

	check_effect(reader->check, reader->service, &effect);
}

static void take_log(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;
	const struct check_log_row entry = {
		.saga = rows_text(row, 0),
		.undo = strcmp(rows_text(row, 1), "undo") == 0,
		.verdict = rows_text(row, 2),
		.outcome = rows_text(row, 3),
	};

	check_log(reader->check, reader->service, &entry);
}

static void take_till(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;
	check_till(reader->check, sqlite3_column_int64(row, 0));
}

static bool read_rows(struct reader *reader, const char *sql,
		      void (*take)(void *context, sqlite3_stmt *row))
{
	return rows_each(reader->db, &reader->rows, sql, take, reader);
}

bool check_read_database(struct check *check, enum check_service service, const char *file,
			 char *why, uint32_t why_size)
{
	const bool units = service == CHECK_FLIGHT || service == CHECK_HOTEL;
	struct reader reader = {.check = check, .service = service};
	bool good = rows_open_sound(file, &reader.db);

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
