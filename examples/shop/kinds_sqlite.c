/* What the operations of the four services do, each inside the barrier's transaction. */
#include <stdio.h>

#include "examples/common/rows_sqlite.h"
#include "examples/shop/schema.h"
#include "examples/shop/service.h"

/* ---- inventory: reserve, release --------------------------------------------------------------
 */

static void select_goods(struct shop_call *call)
{
	call->name = call->input.item;
	call->quantity = call->input.quantity;
}

static void reserve(sqlite3 *db, struct shop_call *call, struct saga_result *result)
{
	if (shop_take(db, call, "is sold out", result) && shop_hold(db, call, 'R'))
		shop_done(db, call, "", "reservation", result);
}

static void give_back(sqlite3 *db, struct shop_call *call, struct saga_result *result)
{
	if (shop_give_back(db, call, result))
		shop_done(db, call, "", NULL, result);
}

/* ---- payment: charge --------------------------------------------------------------------------
 */

static void select_card(struct shop_call *call)
{
	call->name = call->input.customer;
	call->quantity = call->input.price;
}

static void charge(sqlite3 *db, struct shop_call *call, struct saga_result *result)
{
	if (shop_take(db, call, "has a card that is declined", result) && shop_hold(db, call, 'C'))
		shop_done(db, call, "", "charge", result);
}

/* ---- shipping: wrap, unwrap, schedule ---------------------------------------------------------
 */

static void select_gift(struct shop_call *call)
{
	call->name = "gift";
	call->quantity = 1;
}

static void wrap(sqlite3 *db, struct shop_call *call, struct saga_result *result)
{
	if (shop_take(db, call, "is not there any more", result) && shop_hold(db, call, 'G'))
		shop_done(db, call, "", "gift", result);
}

static void schedule(sqlite3 *db, struct shop_call *call, struct saga_result *result)
{
	if (call->input.reservation[0] == '\0') {
		shop_refuse(result, SAGA_PARK, "nothing says what was reserved");
		return;
	}
	if (!rows_change(db, 1,
			 "INSERT INTO shipment(saga, name, quantity, reservation)"
			 " VALUES(?1, ?2, ?3, ?4)",
			 "ttit", saga_context_saga(call->context), call->name, call->quantity,
			 call->input.reservation))
		return;
	(void)snprintf(call->gave, sizeof call->gave, "T%lld",
		       (long long)sqlite3_last_insert_rowid(db));
	call->version = 1;
	shop_done(db, call, call->input.reservation, "tracking", result);
}

/* ---- order: create, cancel, confirm -----------------------------------------------------------
 */

static void create(sqlite3 *db, struct shop_call *call, struct saga_result *result)
{
	if (!rows_change(db, 1,
			 "INSERT INTO orders(saga, customer, name, quantity, status, tracking,"
			 " version) VALUES(?1, ?2, ?3, ?4, 'open', '', 1)",
			 "ttti", saga_context_saga(call->context), call->input.customer,
			 call->input.item, call->input.quantity))
		return;
	(void)snprintf(call->gave, sizeof call->gave, "O%lld",
		       (long long)sqlite3_last_insert_rowid(db));
	call->version = 1;
	shop_done(db, call, "", "order", result);
}

/* Only the coordinator moves an open order on, so version 1 is what it must find. */
static bool move_order(sqlite3 *db, struct shop_call *call, const char *status,
		       struct saga_result *result)
{
	call->version = 2;
	if (rows_change(db, 1,
			"UPDATE orders SET status = ?2, tracking = ?3, version = version + 1"
			" WHERE saga = ?1 AND version = 1",
			"ttt", saga_context_saga(call->context), status, call->input.tracking))
		return true;
	shop_refuse(result, SAGA_PARK, "there is not one open order");
	return false;
}

static void cancel(sqlite3 *db, struct shop_call *call, struct saga_result *result)
{
	if (move_order(db, call, "cancelled", result))
		shop_done(db, call, "", NULL, result);
}

static void confirm(sqlite3 *db, struct shop_call *call, struct saga_result *result)
{
	if (call->input.tracking[0] == '\0')
		shop_refuse(result, SAGA_PARK, "nothing says how it was sent");
	else if (move_order(db, call, "confirmed", result))
		shop_done(db, call, call->input.tracking, NULL, result);
}

/* ---- the services -----------------------------------------------------------------------------
 */

const struct shop_kind shop_inventory = {
	.service = "inventory",
	.schema = SHOP_SCHEMA_ITEM SHOP_SCHEMA_HELD,
	.operations =
		{
			{.name = "reserve",
			 .select = select_goods,
			 .apply = reserve,
			 .looks = true},
			{.name = "release",
			 .select = select_goods,
			 .apply = give_back,
			 .undo = true},
		},
};

const struct shop_kind shop_payment = {
	.service = "payment",
	.schema = SHOP_SCHEMA_ITEM SHOP_SCHEMA_HELD,
	.operations =
		{
			{.name = "charge",
			 .select = select_card,
			 .apply = charge,
			 .looks = true,
			 .risky = true},
		},
};

const struct shop_kind shop_shipping = {
	.service = "shipping",
	.schema = SHOP_SCHEMA_ITEM SHOP_SCHEMA_HELD SHOP_SCHEMA_SHIPMENT,
	.operations =
		{
			{.name = "wrap",
			 .select = select_gift,
			 .apply = wrap,
			 .looks = true,
			 .risky = true},
			{.name = "unwrap", .select = select_gift, .apply = give_back, .undo = true},
			{.name = "schedule",
			 .select = select_goods,
			 .apply = schedule,
			 .retriable = true},
		},
};

const struct shop_kind shop_order = {
	.service = "order",
	.schema = SHOP_SCHEMA_ORDERS,
	.operations =
		{
			{.name = "create", .select = select_goods, .apply = create},
			{.name = "cancel", .select = select_goods, .apply = cancel, .undo = true},
			{.name = "confirm",
			 .select = select_goods,
			 .apply = confirm,
			 .retriable = true},
		},
};
