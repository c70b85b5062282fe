/* Reads the services' databases for the judge. */
#include <string.h>

#include "examples/common/rows_sqlite.h"
#include "examples/shop/check.h"

struct reader {
	struct check *check;
	enum check_service service;
	enum check_step step; /* of what stands */
	sqlite3 *db;
	uint64_t rows;
};

static void take_item(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;

	check_item(reader->check, reader->service, rows_text(row, 0), sqlite3_column_int64(row, 1),
		   sqlite3_column_int64(row, 2), sqlite3_column_int64(row, 3));
}

static void take_effect(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;
	const struct check_effect_row effect = {
		.saga = rows_text(row, 0),
		.step = rows_text(row, 1),
		.undo = strcmp(rows_text(row, 2), "undo") == 0,
		.name = rows_text(row, 3),
		.quantity = sqlite3_column_int64(row, 4),
		.version = sqlite3_column_int64(row, 5),
		.races = sqlite3_column_int64(row, 6),
		.took = rows_text(row, 7),
		.gave = rows_text(row, 8),
		.attempt = sqlite3_column_int64(row, 9),
	};

	check_effect(reader->check, reader->service, &effect);
}

static void take_log(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;
	const struct check_log_row entry = {
		.saga = rows_text(row, 0),
		.step = rows_text(row, 1),
		.op = rows_text(row, 2),
		.verdict = rows_text(row, 3),
		.outcome = rows_text(row, 4),
	};

	check_log(reader->check, reader->service, &entry);
}

static void take_held(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;
	const struct check_held_row held = {
		.saga = rows_text(row, 0),
		.name = rows_text(row, 1),
		.quantity = sqlite3_column_int64(row, 2),
	};

	check_held(reader->check, reader->step, &held);
}

static void take_status(void *context, sqlite3_stmt *row)
{
	struct reader *reader = context;

	check_status(reader->check, rows_text(row, 0), rows_text(row, 1));
}

static bool read_rows(struct reader *reader, const char *sql,
		      void (*take)(void *context, sqlite3_stmt *row))
{
	return rows_each(reader->db, &reader->rows, sql, take, reader);
}

static bool read_held(struct reader *reader, enum check_step step)
{
	reader->step = step;
	return read_rows(reader,
			 step == CHECK_STEP_SHIP
				 ? "SELECT saga, name, quantity FROM shipment ORDER BY id"
				 : "SELECT saga, name, quantity FROM held ORDER BY id",
			 take_held);
}

static bool read_standing(struct reader *reader)
{
	switch (reader->service) {
	case CHECK_INVENTORY:
		return read_held(reader, CHECK_STEP_STOCK);
	case CHECK_PAYMENT:
		return read_held(reader, CHECK_STEP_CARD);
	case CHECK_SHIPPING:
		return read_held(reader, CHECK_STEP_GIFT) && read_held(reader, CHECK_STEP_SHIP);
	case CHECK_ORDER:
	case CHECK_SERVICES:
		break;
	}
	return read_rows(reader, "SELECT saga, status FROM orders ORDER BY id", take_status);
}

bool check_read_database(struct check *check, enum check_service service, const char *file,
			 char *why, uint32_t why_size)
{
	struct reader reader = {.check = check, .service = service};
	bool good = rows_open_sound(file, &reader.db);

	/* One transaction: the tables are seen as of one moment. */
	good = good && sqlite3_exec(reader.db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
	if (service != CHECK_ORDER)
		good = good &&
		       read_rows(&reader,
				 "SELECT name, total, left, version FROM item ORDER BY name",
				 take_item) &&
		       reader.rows > 0;
	good = good &&
	       read_rows(&reader,
			 "SELECT saga, step, op, name, quantity, version, races, took, gave,"
			 " attempt FROM ledger ORDER BY id",
			 take_effect) &&
	       read_rows(&reader,
			 "SELECT saga, step, op, verdict, outcome FROM barrier_log ORDER BY id",
			 take_log) &&
	       read_standing(&reader);
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
	good = good && check_read_orders(check, options->orders_file, why, why_size);
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
