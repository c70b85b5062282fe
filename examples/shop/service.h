/* What the shop's four services share: flags, trouble on demand, and one handler that runs an
 * operation behind the SQLite barrier.
 *
 * A service keeps its rows with a version each and changes them with UPDATE ... WHERE version = ?
 * (optimistic locking). Each thing it does is one row in `ledger`, which has no uniqueness of its
 * own: only the barrier keeps an operation from being done twice. shop-check proves it.
 */
#ifndef SAGAD_EXAMPLES_SHOP_SERVICE_H
#define SAGAD_EXAMPLES_SHOP_SERVICE_H

#include <saga.h>
#include <sqlite3.h>

enum { SHOP_NAME_SIZE = 65, SHOP_WHY_SIZE = 256, SHOP_OPERATIONS_MAX = 4 };

/* A line of orders.jsonl, and what the definition adds to it for some steps. */
struct shop_input {
	char customer[SHOP_NAME_SIZE];
	char item[SHOP_NAME_SIZE];
	int64_t quantity, price;
	char reservation[SHOP_NAME_SIZE]; /* "" = none came */
	char tracking[SHOP_NAME_SIZE];
};
/* service_jansson.c. False: `why` (SHOP_WHY_SIZE bytes) says what is wrong. */
bool shop_input_parse(const void *json, size_t size, struct shop_input *input, char *why);

/* A line of stock.jsonl: what a service owns before the first order. */
struct shop_stock {
	char service[SHOP_NAME_SIZE];
	char name[SHOP_NAME_SIZE];
	int64_t quantity;
};
/* Calls `visit` for each line of that service; false when the file is not right or visit says no.
 */
bool shop_stock_read(const char *file, const char *service,
		     bool (*visit)(void *context, const struct shop_stock *stock), void *context);

/* A row of `item` as it was last looked at. */
struct shop_row {
	bool found;
	int64_t version, left;
};

/* What one call works with, in and outside of the barrier's transaction. */
struct shop_call {
	const struct shop_operation *operation; /* NULL = settle */
	struct shop_store *store;
	struct saga_context *context;
	struct shop_input input;
	bool understood; /* if not, `why` says what is wrong with the input */
	char why[SHOP_WHY_SIZE];
	const char *name; /* of the row that is to change */
	int64_t quantity;
	struct shop_row seen; /* before the transaction */
	uint32_t races;       /* lost */
	int64_t version;      /* of the row, after the change */
	char gave[32];        /* the reference that goes out */
	bool ran;             /* the barrier let it through */
};

/* `apply` runs inside the barrier's transaction and sets outcome and text. */
struct shop_operation {
	const char *name;                       /* "reserve" */
	void (*select)(struct shop_call *call); /* sets name and quantity */
	void (*apply)(sqlite3 *db, struct shop_call *call, struct saga_result *result);
	bool undo;
	bool looks;     /* reads its row of `item` first: before the transaction */
	bool risky;     /* may be made to answer too late, or never */
	bool retriable; /* may be made to fail for long: it has to succeed in the end */
};

struct shop_kind {
	const char *service; /* "inventory" */
	const char *schema;  /* SQL: CREATE TABLE IF NOT EXISTS ... */
	struct shop_operation operations[SHOP_OPERATIONS_MAX];
};
extern const struct shop_kind shop_inventory, shop_payment, shop_shipping, shop_order;

/* ---- for operations: kinds_sqlite.c uses what service_sqlite.c has ----------------------------
 */

/* The optimistic loop: takes `call->quantity` from its row of `item` with the version seen, looks
 * again when another was faster. Rejects with `lack` only on a fresh look. True = taken. */
bool shop_take(sqlite3 *db, struct shop_call *call, const char *lack, struct saga_result *result);
/* Gives back what the order holds; the books are in order or it says park. */
bool shop_give_back(sqlite3 *db, struct shop_call *call, struct saga_result *result);
/* One row in `held`, and its number as the reference that goes out. */
bool shop_hold(sqlite3 *db, struct shop_call *call, char letter);
/* The row in the ledger, and the answer ok with the output {"<key>":"<reference>"}, or none when
 * `key` is NULL. Without it nothing was done. */
void shop_done(sqlite3 *db, struct shop_call *call, const char *took, const char *key,
	       struct saga_result *result);
void shop_refuse(struct saga_result *result, enum saga_outcome outcome, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- for service.c --------------------------------------------------------------------------- */

struct shop_store; /* the database, for all threads of this process */
struct shop_store *shop_store_open(const char *file, const struct shop_kind *kind);
void shop_store_close(struct shop_store *store);
bool shop_store_init(struct shop_store *store, const char *stock_file);
void shop_store_look(struct shop_store *store, struct shop_call *call);
/* Barrier, work, and a row in barrier_log about what the barrier met. */
void shop_store_run(struct shop_store *store, struct shop_call *call, struct saga_result *result);
/* Has an undo, or settling, seen to it that this call never does anything? */
bool shop_store_is_given_up(struct shop_store *store, const struct shop_call *call);
/* Has the step that is to be settled been done, or refused? */
bool shop_store_has_run(struct shop_store *store, const struct shop_call *call);
/* "Block and tell". */
void shop_store_settle(struct shop_store *store, struct shop_call *call,
		       struct saga_result *result);

#endif
