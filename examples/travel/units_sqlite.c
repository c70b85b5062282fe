/* Seats of flights and rooms of hotels: both are numbered units that one booking holds at a time.
 */
#include <stdio.h>
#include <string.h>

#include "examples/travel/schema.h"
#include "examples/travel/service.h"

enum { UNITS_TEXT_SIZE = 1024, UNITS_MAX = 64 };

static const char look[] = "SELECT version, left FROM item WHERE name = ?1";

static bool add_stock(sqlite3 *db, const struct travel_stock *stock)
{
	bool good = travel_sql(db, "INSERT OR IGNORE INTO item VALUES(?1, ?2, ?2, 0)", stock->name,
			       &stock->amount, 1, -1);

	for (int64_t number = 1; good && number <= stock->amount; number++)
		good = travel_sql(db, "INSERT OR IGNORE INTO unit VALUES(?1, ?2, NULL)",
				  stock->name, &number, 1, -1);
	return good;
}

/* Units of `call->name` that are held by this saga (undo) or by nobody, as many as wanted. */
static uint32_t find_units(sqlite3 *db, const struct travel_call *call, int64_t *numbers)
{
	const char *sql =
		call->undo
			? "SELECT number FROM unit WHERE name = ?1 AND saga = ?2 ORDER BY number "
			  "LIMIT ?3"
			: "SELECT number FROM unit WHERE name = ?1 AND saga IS NULL ORDER BY number"
			  " LIMIT ?3";
	sqlite3_stmt *statement = NULL;
	uint32_t count = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		return 0;
	(void)sqlite3_bind_text(statement, 1, call->name, -1, SQLITE_STATIC);
	if (call->undo)
		(void)sqlite3_bind_text(statement, 2, saga_context_saga(call->context), -1,
					SQLITE_STATIC);
	(void)sqlite3_bind_int64(statement, 3, call->quantity);
	while (count < UNITS_MAX && sqlite3_step(statement) == SQLITE_ROW)
		numbers[count++] = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	return count;
}

static bool hold_unit(sqlite3 *db, const struct travel_call *call, int64_t number)
{
	const char *sql = call->undo ? "UPDATE unit SET saga = NULL WHERE name = ?1 AND number = ?2"
				     : "UPDATE unit SET saga = ?3 WHERE name = ?1 AND number = ?2"
				       " AND saga IS NULL";
	sqlite3_stmt *statement = NULL;
	bool good = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK;

	good = good &&
	       sqlite3_bind_text(statement, 1, call->name, -1, SQLITE_STATIC) == SQLITE_OK &&
	       sqlite3_bind_int64(statement, 2, number) == SQLITE_OK;
	if (good && !call->undo)
		good = sqlite3_bind_text(statement, 3, saga_context_saga(call->context), -1,
					 SQLITE_STATIC) == SQLITE_OK;
	good = good && sqlite3_step(statement) == SQLITE_DONE && sqlite3_changes(db) == 1;
	(void)sqlite3_finalize(statement);
	return good;
}

/* Moves the units and writes the ledger's row. */
static void move_units(sqlite3 *db, struct travel_call *call, struct saga_result *result)
{
	int64_t numbers[UNITS_MAX];
	char text[UNITS_TEXT_SIZE] = "";
	const uint32_t count = find_units(db, call, numbers);
	size_t used = 0;
	bool good = count == (uint64_t)call->quantity;

	if (!good) {
		/* Our own books contradict each other: no retry can help. */
		(void)snprintf(result->text, sizeof result->text, "%s: %u units instead of %lld",
			       call->name, count, (long long)call->quantity);
		result->outcome = SAGA_PARK;
		return;
	}
	for (uint32_t i = 0; good && i < count; i++) {
		good = hold_unit(db, call, numbers[i]);
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld",
					 i == 0 ? "" : ",", (long long)numbers[i]);
	}
	good = good && travel_ledger_add(db, call, text);
	result->outcome = good ? SAGA_OK : SAGA_RETRY;
}

static void apply(sqlite3 *db, struct travel_call *call, struct saga_result *result)
{
	if (call->quantity > UNITS_MAX) {
		travel_reject(result, "at most %d at a time", UNITS_MAX);
		return;
	}
	if (call->undo) {
		if (travel_sql(db,
			       "UPDATE item SET left = left + ?2, version = version + 1"
			       " WHERE name = ?1",
			       call->name, &call->quantity, 1, 1))
			move_units(db, call, result);
		return;
	}
	if (travel_take(db, call,
			"UPDATE item SET left = left - ?2, version = version + 1"
			" WHERE name = ?1 AND version = ?3",
			"not enough left", result))
		move_units(db, call, result);
}

static void select_flight(struct travel_call *call)
{
	call->name = call->booking.flight;
	call->quantity = call->booking.seats;
	call->expected_version = call->booking.flight_version;
}

static void select_hotel(struct travel_call *call)
{
	call->name = call->booking.hotel;
	call->quantity = call->booking.rooms;
	call->expected_version = call->booking.hotel_version;
}

const struct travel_kind travel_flight = {
	.service = "flight",
	.forward = "book",
	.undo = "cancel",
	.schema = TRAVEL_SCHEMA_UNITS,
	.stock_kind = "flight",
	.look = look,
	.add_stock = add_stock,
	.select = select_flight,
	.apply = apply,
};

const struct travel_kind travel_hotel = {
	.service = "hotel",
	.forward = "book",
	.undo = "cancel",
	.schema = TRAVEL_SCHEMA_UNITS,
	.stock_kind = "hotel",
	.look = look,
	.add_stock = add_stock,
	.select = select_hotel,
	.apply = apply,
};
