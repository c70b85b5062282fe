#include "examples/common/rows_sqlite.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql, const char *types, va_list values)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	for (int i = 0; code == SQLITE_OK && types[i] != '\0'; i++) {
		if (types[i] == 't')
			code = sqlite3_bind_text(statement, i + 1, va_arg(values, const char *), -1,
						 SQLITE_STATIC);
		else
			code = sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
	}
	if (code == SQLITE_OK)
		return statement;
	(void)sqlite3_finalize(statement);
	return NULL;
}

bool rows_change(sqlite3 *db, int rows, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement = NULL;
	va_list values;
	bool good = false;

	va_start(values, types);
	statement = prepare(db, sql, types, values);
	va_end(values);
	good = statement != NULL && sqlite3_step(statement) == SQLITE_DONE &&
	       (rows < 0 || sqlite3_changes(db) == rows);
	(void)sqlite3_finalize(statement);
	return good;
}

bool rows_exist(sqlite3 *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement = NULL;
	va_list values;
	bool found = false;

	va_start(values, types);
	statement = prepare(db, sql, types, values);
	va_end(values);
	found = statement != NULL && sqlite3_step(statement) == SQLITE_ROW;
	(void)sqlite3_finalize(statement);
	return found;
}

bool rows_read(sqlite3 *db, int64_t *numbers, uint32_t count, bool *found, const char *sql,
	       const char *types, ...)
{
	sqlite3_stmt *statement = NULL;
	va_list values;
	int code = SQLITE_ERROR;

	va_start(values, types);
	statement = prepare(db, sql, types, values);
	va_end(values);
	if (statement != NULL)
		code = sqlite3_step(statement);
	*found = code == SQLITE_ROW;
	for (uint32_t i = 0; *found && i < count; i++)
		numbers[i] = sqlite3_column_int64(statement, (int)i);
	(void)sqlite3_finalize(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE;
}

bool rows_each(sqlite3 *db, uint64_t *count, const char *sql,
	       void (*take)(void *context, sqlite3_stmt *row), void *context)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	*count = 0;
	if (code == SQLITE_OK) {
		while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
			(*count)++;
			take(context, statement);
		}
	}
	(void)sqlite3_finalize(statement);
	return code == SQLITE_DONE;
}

const char *rows_text(sqlite3_stmt *row, int column)
{
	const unsigned char *text = sqlite3_column_text(row, column);

	return text == NULL ? "" : (const char *)text;
}

static void take_integrity(void *context, sqlite3_stmt *row)
{
	bool *sound = context;

	*sound = *sound && strcmp(rows_text(row, 0), "ok") == 0;
}

bool rows_open_sound(const char *file, sqlite3 **db)
{
	uint64_t rows = 0;
	bool sound = true;

	return sqlite3_open_v2(file, db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	       sqlite3_busy_timeout(*db, 10000) == SQLITE_OK &&
	       rows_each(*db, &rows, "PRAGMA integrity_check", take_integrity, &sound) && sound;
}

int64_t rows_now_ms(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
