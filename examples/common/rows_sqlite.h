/* One SQL statement with its values in one call. */
#ifndef SAGAD_EXAMPLES_COMMON_ROWS_SQLITE_H
#define SAGAD_EXAMPLES_COMMON_ROWS_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Steps a statement to its end. `types` names the values behind it, which become ?1, ?2 ...:
 * t = const char *, i = int64_t. False on any error or count of changed rows but `rows` (-1 = any).
 */
bool rows_change(sqlite3 *db, int rows, const char *sql, const char *types, ...);
/* Is there a row? An error is no row. */
bool rows_exist(sqlite3 *db, const char *sql, const char *types, ...);
/* The first row's integers, as many as `count`; *found says whether there was a row. False on any
 * error. */
bool rows_read(sqlite3 *db, int64_t *numbers, uint32_t count, bool *found, const char *sql,
	       const char *types, ...);

/* Calls `take` for each row; *count says how many. False on any error: a table that is missing is
 * not an empty one. */
bool rows_each(sqlite3 *db, uint64_t *count, const char *sql,
	       void (*take)(void *context, sqlite3_stmt *row), void *context);
const char *rows_text(sqlite3_stmt *row, int column); /* "" for NULL */
/* Opens a database that nobody writes any more, and looks at its pages. False when it is missing or
 * damaged; *db is to be closed all the same. */
bool rows_open_sound(const char *file, sqlite3 **db);

/* Times of rows, for people. */
int64_t rows_now_ms(void);

#endif
