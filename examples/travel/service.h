/* What the four travel services share: flags, main loop, trouble on demand, and one handler that
 * runs an operation behind the SQLite barrier.
 *
 * A service keeps its rows with a version each and changes them with UPDATE ... WHERE version = ?
 * (optimistic locking). Each thing it does is one row in `ledger`, which has no uniqueness of its
 * own: only the barrier keeps an operation from being done twice. travel-check proves it.
 */
#ifndef SAGAD_EXAMPLES_TRAVEL_SERVICE_H
#define SAGAD_EXAMPLES_TRAVEL_SERVICE_H

#include <saga.h>
#include <sqlite3.h>

enum { TRAVEL_NAME_SIZE = 65 };

/* The input of each step: a line of bookings.jsonl. A version of -1 = none was given. */
struct travel_booking {
	char id[TRAVEL_NAME_SIZE];
	char customer[TRAVEL_NAME_SIZE];
	char flight[TRAVEL_NAME_SIZE];
	char hotel[TRAVEL_NAME_SIZE];
	int64_t seats, rooms;
	int64_t price;
	int64_t customer_version, flight_version, hotel_version, card_version;
};
/* service_jansson.c. False: `why` (256 bytes) says what is wrong. */
bool travel_booking_parse(const void *json, size_t size, struct travel_booking *booking, char *why);

/* A line of stock.jsonl: what a service owns before the first booking. */
struct travel_stock {
	char kind[TRAVEL_NAME_SIZE]; /* customer, card, flight or hotel */
	char name[TRAVEL_NAME_SIZE];
	int64_t amount;
};
/* Calls `visit` for each line of that kind; false when the file is not right or visit says no. */
bool travel_stock_read(const char *file, const char *kind,
		       bool (*visit)(void *context, const struct travel_stock *stock),
		       void *context);

/* A row as it was last looked at. */
struct travel_row {
	bool found;
	int64_t version;
	int64_t left; /* money, seats or rooms that can still be given */
};

/* What one call works with, in and outside the barrier's transaction. */
struct travel_call {
	struct travel_booking booking;
	const struct travel_kind *kind;
	struct travel_store *store;
	struct saga_context *context;
	const char *name; /* of the row: a customer, a flight, a hotel */
	int64_t quantity;
	int64_t expected_version; /* -1 = any */
	bool undo;
	bool booked; /* the input is a booking; if not, `why` says what is wrong */
	char why[256];
	struct travel_row seen; /* before the transaction */
	uint32_t lost_races;
	bool ran; /* the barrier let it through */
};

/* One service: its tables and what its two operations do. `apply` runs inside the barrier's
 * transaction and sets outcome and text; a lost race is retried there. */
struct travel_kind {
	const char *service;    /* "flight" */
	const char *forward;    /* "book" */
	const char *undo;       /* "cancel" */
	const char *schema;     /* SQL: CREATE TABLE IF NOT EXISTS ... */
	const char *stock_kind; /* lines of stock.jsonl that are ours */
	const char *look;       /* SQL: name -> version, what is left */
	bool (*add_stock)(sqlite3 *db, const struct travel_stock *stock);
	void (*select)(struct travel_call *call); /* sets name, quantity, expected_version */
	void (*apply)(sqlite3 *db, struct travel_call *call, struct saga_result *result);
};
extern const struct travel_kind travel_user, travel_flight, travel_hotel, travel_payment;

int travel_main(int argc, char **argv, const struct travel_kind *kind);

/* ---- inside: service.c, service_sqlite.c ------------------------------------------------- */

struct travel_flags {
	const char *db, *nats, *instance, *init_file;
	double failure_rate, lose_answers, double_answers, late_rate;
	uint32_t latency_ms, late_ms, threads;
	uint64_t seed;
};

struct travel_store; /* the database, for all threads of this process */
struct travel_store *travel_store_open(const char *file, const struct travel_kind *kind);
void travel_store_close(struct travel_store *store);
bool travel_store_init(struct travel_store *store, const char *stock_file);
void travel_store_look(struct travel_store *store, struct travel_call *call);
/* Barrier, work, and a row in barrier_log about what the barrier met. */
void travel_store_run(struct travel_store *store, struct travel_call *call,
		      struct saga_result *result);
uint64_t travel_store_lost_races(struct travel_store *store);

/* One row in the ledger, inside the transaction. */
bool travel_ledger_add(sqlite3 *db, const struct travel_call *call, const char *units);
/* Steps a prepared statement to its end; false on any error or row count but `rows` (-1 = any). */
bool travel_sql(sqlite3 *db, const char *sql, const char *text, const int64_t *numbers,
		uint32_t number_count, int rows);
bool travel_row_read(sqlite3 *db, const struct travel_call *call, struct travel_row *row);
void travel_reject(struct saga_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The optimistic loop: tries `update` with the version seen, looks again when another was faster.
 * Rejects when the row is missing, has changed against the caller's expectation, or holds less than
 * wanted; only ever on a fresh look. True = done, false = result says why not. */
enum { TRAVEL_RACES_MAX = 5 };
bool travel_take(sqlite3 *db, struct travel_call *call, const char *update, const char *lack,
		 struct saga_result *result);

#endif
