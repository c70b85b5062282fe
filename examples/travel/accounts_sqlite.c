/* Money: the customers' balances (reserve, release) and their cards (charge, refund). What is
 * charged goes into the till, so that money only ever moves. */
#include "examples/travel/schema.h"
#include "examples/travel/service.h"

static const char look[] = "SELECT version, left FROM item WHERE name = ?1";
static const char take[] = "UPDATE item SET left = left - ?2, version = version + 1"
			   " WHERE name = ?1 AND version = ?3";
static const char give[] = "UPDATE item SET left = left + ?2, version = version + 1"
			   " WHERE name = ?1";

static bool add_stock(sqlite3 *db, const struct travel_stock *stock)
{
	return travel_sql(db, "INSERT OR IGNORE INTO item VALUES(?1, ?2, ?2, 0)", stock->name,
			  &stock->amount, 1, -1);
}

static void select_customer(struct travel_call *call)
{
	call->name = call->booking.customer;
	call->quantity = call->booking.price;
	call->expected_version = call->booking.customer_version;
}

static void select_card(struct travel_call *call)
{
	call->name = call->booking.customer;
	call->quantity = call->booking.price;
	call->expected_version = call->booking.card_version;
}

static void apply_user(sqlite3 *db, struct travel_call *call, struct saga_result *result)
{
	const bool moved = call->undo ? travel_sql(db, give, call->name, &call->quantity, 1, 1)
				      : travel_take(db, call, take, "not enough balance", result);

	if (moved && travel_ledger_add(db, call, ""))
		result->outcome = SAGA_OK;
}

static void apply_payment(sqlite3 *db, struct travel_call *call, struct saga_result *result)
{
	const int64_t change = call->undo ? -call->quantity : call->quantity;
	const bool moved = call->undo
				   ? travel_sql(db, give, call->name, &call->quantity, 1, 1)
				   : travel_take(db, call, take, "a card that is declined", result);

	if (moved &&
	    travel_sql(db, "UPDATE till SET amount = amount + ?2 WHERE name = ?1", "till", &change,
		       1, 1) &&
	    travel_ledger_add(db, call, ""))
		result->outcome = SAGA_OK;
}

const struct travel_kind travel_user = {
	.service = "user",
	.forward = "reserve",
	.undo = "release",
	.schema = TRAVEL_SCHEMA_ITEMS_OF_MONEY,
	.stock_kind = "customer",
	.look = look,
	.add_stock = add_stock,
	.select = select_customer,
	.apply = apply_user,
};

const struct travel_kind travel_payment = {
	.service = "payment",
	.forward = "charge",
	.undo = "refund",
	.schema = TRAVEL_SCHEMA_ITEMS_OF_MONEY TRAVEL_SCHEMA_TILL,
	.stock_kind = "card",
	.look = look,
	.add_stock = add_stock,
	.select = select_card,
	.apply = apply_payment,
};
