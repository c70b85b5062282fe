/* Reads the banks' databases for the judge. */
#include "examples/bank/check.h"
#include "examples/common/rows_sqlite.h"

struct reader {
	struct check *check;
	enum check_bank bank;
	sqlite3 *db;
	uint64_t rows;
};

static void take_account(void *context, sqlite3_stmt *row)
{
	const struct reader *reader = context;
	const struct check_account_row account = {
		.name = rows_text(row, 0),
		.opening = sqlite3_column_int64(row, 1),
		.balance = sqlite3_column_int64(row, 2),
		.held = sqlite3_column_int64(row, 3),
		.version = sqlite3_column_int64(row, 4),
	};

	check_account(reader->check, reader->bank, &account);
}

static void take_hold(void *context, sqlite3_stmt *row)
{
	const struct reader *reader = context;

	check_hold(reader->check, reader->bank, rows_text(row, 0), rows_text(row, 1),
		   sqlite3_column_int64(row, 2));
}

static void take_change(void *context, sqlite3_stmt *row)
{
	const struct reader *reader = context;
	const struct check_change_row change = {
		.saga = rows_text(row, 0),
		.op = rows_text(row, 1),
		.account = rows_text(row, 2),
		.balance_change = sqlite3_column_int64(row, 3),
		.held_change = sqlite3_column_int64(row, 4),
		.version = sqlite3_column_int64(row, 5),
	};

	check_change(reader->check, reader->bank, &change);
}

static void take_log(void *context, sqlite3_stmt *row)
{
	const struct reader *reader = context;
	const struct check_log_row entry = {
		.saga = rows_text(row, 0),
		.op = rows_text(row, 1),
		.verdict = rows_text(row, 2),
		.outcome = rows_text(row, 3),
	};

	check_log(reader->check, reader->bank, &entry);
}

static void take_trouble(void *context, sqlite3_stmt *row)
{
	const struct reader *reader = context;

	check_trouble(reader->check, reader->bank, rows_text(row, 0), rows_text(row, 1));
}

static void take_inquiry(void *context, sqlite3_stmt *row)
{
	const struct reader *reader = context;

	check_inquiry(reader->check, reader->bank, rows_text(row, 0), rows_text(row, 1));
}

static bool read_rows(struct reader *reader, const char *sql,
		      void (*take)(void *context, sqlite3_stmt *row))
{
	return rows_each(reader->db, &reader->rows, sql, take, reader);
}

bool check_read_database(struct check *check, enum check_bank bank, const char *file, char *why,
			 uint32_t why_size)
{
	struct reader reader = {.check = check, .bank = bank};
	bool good = rows_open_sound(file, &reader.db);

	/* One transaction: the tables are seen as of one moment. */
	good = good && sqlite3_exec(reader.db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
	good = good &&
	       read_rows(&reader,
			 "SELECT name, opening, balance, held, version FROM account ORDER BY name",
			 take_account) &&
	       reader.rows > 0;
	good = good &&
	       read_rows(&reader, "SELECT saga, account, amount FROM hold ORDER BY id", take_hold);
	good = good && read_rows(&reader,
				 "SELECT saga, op, account, balance_change, held_change, version"
				 " FROM ledger ORDER BY id",
				 take_change);
	good = good &&
	       read_rows(&reader, "SELECT saga, op, verdict, outcome FROM barrier_log ORDER BY id",
			 take_log);
	good = good && read_rows(&reader, "SELECT saga, kind FROM trouble ORDER BY saga, op, kind",
				 take_trouble);
	good = good &&
	       read_rows(&reader, "SELECT saga, decision FROM inquiry ORDER BY id", take_inquiry);
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
	good = good && check_read_transfers(check, options->transfers_file, why, why_size);
	for (uint32_t bank = 0; good && bank < CHECK_BANKS; bank++) {
		char file[1024];

		(void)snprintf(file, sizeof file, "%s/%s.db", options->folder,
			       check_bank_names[bank]);
		good = check_read_database(check, (enum check_bank)bank, file, why, why_size);
	}
	if (good && options->answers_file != NULL)
		good = check_read_answers(check, options->answers_file, why, why_size);
	if (good)
		*report = *check_finish(check);
	check_free(check);
	return good;
}
