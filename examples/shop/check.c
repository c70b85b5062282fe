/* Fills the judge's tables; what a single row shows to be wrong is found here. */
#include "examples/shop/check.h"

#include <stdlib.h>
#include <string.h>

#include "examples/shop/check_tables.h"

enum { ATTEMPTS_BEFORE_PARKED = 4 }; /* of ship and confirm: shop.yaml */

static const char *const service_names[CHECK_SERVICES] = {"inventory", "payment", "shipping",
							  "order"};

const struct check_step_of check_steps[CHECK_STEPS] = {
	[CHECK_STEP_ORDER] = {"order", CHECK_ORDER},
	[CHECK_STEP_STOCK] = {"stock", CHECK_INVENTORY},
	[CHECK_STEP_GIFT] = {"gift", CHECK_SHIPPING},
	[CHECK_STEP_CARD] = {"card", CHECK_PAYMENT},
	[CHECK_STEP_SHIP] = {"ship", CHECK_SHIPPING},
	[CHECK_STEP_CONFIRM] = {"confirm", CHECK_ORDER},
};

const struct findings_rule check_rules[CHECK_RULES] = {
#define CHECK_RULE_NAME(symbol, name, meaning) {name, meaning},
	CHECK_RULE_MAP(CHECK_RULE_NAME)
#undef CHECK_RULE_NAME
};

const char *check_service_name(enum check_service service)
{
	return service_names[service];
}

static void copy_name(char *name, const char *text)
{
	(void)snprintf(name, CHECK_NAME_SIZE, "%s", text);
}

struct check *check_create(void)
{
	return calloc(1, sizeof(struct check));
}

void check_free(struct check *check)
{
	if (check == NULL)
		return;
	free(check->orders);
	free(check->items);
	free(check);
}

/* ---- what was asked for, and what there is ------------------------------------------------- */

void check_order(struct check *check, const struct check_order_row *row)
{
	struct check_order *order = NULL;

	check->orders = findings_grow(check->orders, &check->order_count, &check->order_capacity,
				      sizeof *check->orders);
	order = &check->orders[check->order_count - 1];
	copy_name(order->id, row->id);
	copy_name(order->customer, row->customer);
	copy_name(order->item, row->item);
	order->quantity = row->quantity;
	order->price = row->price;
}

static int compare_orders(const void *left, const void *right)
{
	return strcmp(((const struct check_order *)left)->id,
		      ((const struct check_order *)right)->id);
}

void check_orders_end(struct check *check)
{
	if (check->order_count > 0)
		qsort(check->orders, check->order_count, sizeof *check->orders, compare_orders);
	check->report.orders = check->order_count;
}

static struct check_order *find_order(const struct check *check, const char *id)
{
	struct check_order wanted;

	if (check->order_count == 0)
		return NULL;
	copy_name(wanted.id, id);
	return bsearch(&wanted, check->orders, check->order_count, sizeof *check->orders,
		       compare_orders);
}

void check_item(struct check *check, enum check_service service, const char *name, int64_t total,
		int64_t left, int64_t version)
{
	struct check_item *item = NULL;

	check->items = findings_grow(check->items, &check->item_count, &check->item_capacity,
				     sizeof *check->items);
	item = &check->items[check->item_count - 1];
	item->service = service;
	copy_name(item->name, name);
	item->total = total;
	item->left = left;
	item->version = version;
}

static struct check_item *find_item(struct check *check, enum check_service service,
				    const char *name)
{
	for (uint32_t i = 0; i < check->item_count; i++)
		if (check->items[i].service == service && strcmp(check->items[i].name, name) == 0)
			return &check->items[i];
	return NULL;
}

/* CHECK_STEPS = the service has no such step. */
static enum check_step find_step(enum check_service service, const char *name)
{
	uint32_t step = 0;

	while (step < CHECK_STEPS &&
	       (check_steps[step].service != service || strcmp(check_steps[step].name, name) != 0))
		step++;
	return (enum check_step)step;
}

/* The part of an order that a row is about; NULL, and a finding, when there is none. */
static struct check_part *find_part(struct check *check, enum check_service service,
				    const char *saga, const char *step)
{
	struct check_order *order = find_order(check, saga);
	const enum check_step index = find_step(service, step);

	if (order != NULL && index != CHECK_STEPS)
		return &order->parts[index];
	findings_add(&check->report.findings, CHECK_STRANGER,
		     "%s: %s has a row about step %s of it, which nobody asked for", saga,
		     service_names[service], step);
	return NULL;
}

/* ---- what was done -------------------------------------------------------------------------- */

/* Each change of an item is its next version, and there is never less than nothing left. */
static void change_item(struct check *check, struct check_item *item,
			const struct check_effect_row *row)
{
	item->given += row->undo ? -row->quantity : row->quantity;
	item->changes++;
	if (row->version != item->changes)
		findings_add(&check->report.findings, CHECK_VERSIONS,
			     "%s: made version %lld of %s %s, the ledger's change number %lld",
			     row->saga, (long long)row->version, service_names[item->service],
			     item->name, (long long)item->changes);
	if (item->given > item->total)
		findings_add(&check->report.findings, CHECK_OVERSOLD,
			     "%s: %s %s: %lld given then, only %lld there", row->saga,
			     service_names[item->service], item->name, (long long)item->given,
			     (long long)item->total);
}

/* What the ledger should say, by the order. */
static void judge_amount(struct check *check, enum check_step step, const struct check_order *order,
			 const struct check_effect_row *row)
{
	const char *name = step == CHECK_STEP_CARD   ? order->customer
			   : step == CHECK_STEP_GIFT ? "gift"
						     : order->item;
	const int64_t quantity = step == CHECK_STEP_CARD   ? order->price
				 : step == CHECK_STEP_GIFT ? 1
							   : order->quantity;

	if (strcmp(row->name, name) != 0 || row->quantity != quantity)
		findings_add(&check->report.findings, CHECK_AMOUNT,
			     "%s: %s of %lld %s, ordered is %lld %s", row->saga,
			     check_steps[step].name, (long long)row->quantity, row->name,
			     (long long)quantity, name);
}

static void count_effect(struct check *check, struct check_order *order, enum check_step step,
			 const struct check_effect_row *row)
{
	struct check_part *part = &order->parts[step];
	const char *name = check_steps[step].name;

	if (row->undo) {
		if (part->forwards == 0)
			findings_add(&check->report.findings, CHECK_UNDO_OF_NOTHING,
				     "%s: %s was undone and never done", row->saga, name);
		part->undos++;
	} else {
		if (part->undos > 0)
			findings_add(&check->report.findings, CHECK_LATE_FORWARD,
				     "%s: %s was done after it was undone", row->saga, name);
		part->forwards++;
		part->parked = row->attempt > ATTEMPTS_BEFORE_PARKED;
		copy_name(part->took, row->took);
		copy_name(part->gave, row->gave);
	}
	if (part->forwards > 1 || part->undos > 1) {
		order->doubled = true;
		findings_add(&check->report.findings, CHECK_DOUBLED, "%s: %s was %s twice",
			     row->saga, name, row->undo ? "undone" : "done");
	}
}

void check_effect(struct check *check, enum check_service service,
		  const struct check_effect_row *row)
{
	struct check_item *item = NULL;
	const enum check_step step = find_step(service, row->step);

	check->report.effects++;
	check->report.races += (uint64_t)row->races;
	if (find_part(check, service, row->saga, row->step) == NULL)
		return;
	if (step == CHECK_STEP_STOCK || step == CHECK_STEP_CARD || step == CHECK_STEP_GIFT) {
		item = find_item(check, service, row->name);
		if (item == NULL)
			findings_add(&check->report.findings, CHECK_OVERSOLD,
				     "%s: %s gives %s, which there is not", row->saga,
				     service_names[service], row->name);
		else
			change_item(check, item, row);
	}
	judge_amount(check, step, find_order(check, row->saga), row);
	count_effect(check, find_order(check, row->saga), step, row);
}

void check_log(struct check *check, enum check_service service, const struct check_log_row *row)
{
	struct check_part *part = find_part(check, service, row->saga, row->step);
	const bool first = strcmp(row->verdict, "first") == 0;
	const bool ok = strcmp(row->outcome, "ok") == 0;

	if (strcmp(row->verdict, "duplicate") == 0)
		check->report.duplicates++;
	else if (strcmp(row->verdict, "empty_undo") == 0)
		check->report.empty_undos++;
	else if (strcmp(row->verdict, "late_forward") == 0)
		check->report.late_forwards++;
	if (part == NULL)
		return;
	if (strcmp(row->op, "settle") == 0) {
		part->settled_ok += ok ? 1 : 0;
		part->settled_no += ok ? 0 : 1;
		part->blocked = part->blocked || strcmp(row->verdict, "blocked") == 0;
	} else if (first && ok && strcmp(row->op, "undo") == 0) {
		part->logged_undos++;
	} else if (first && ok) {
		part->logged_forwards++;
	} else if (strcmp(row->verdict, "empty_undo") == 0) {
		part->empty_undos++;
	} else if (strcmp(row->outcome, "rejected") == 0 &&
		   strcmp(row->verdict, "late_forward") != 0) {
		part->rejections++;
	}
}

/* ---- what stands ---------------------------------------------------------------------------- */

void check_held(struct check *check, enum check_step step, const struct check_held_row *row)
{
	struct check_part *part =
		find_part(check, check_steps[step].service, row->saga, check_steps[step].name);

	if (step == CHECK_STEP_CARD)
		check->charged += row->quantity;
	if (part != NULL)
		part->stands++;
}

void check_status(struct check *check, const char *saga, const char *status)
{
	struct check_order *order = find_order(check, saga);

	if (order == NULL) {
		findings_add(&check->report.findings, CHECK_STRANGER,
			     "%s: is in the books of orders, and nobody made it", saga);
		return;
	}
	order->rows++;
	(void)snprintf(order->status, sizeof order->status, "%s", status);
}

void check_answer(struct check *check, const struct check_answer_row *row)
{
	struct check_order *order = find_order(check, row->id);

	if (order == NULL) {
		findings_add(&check->report.findings, CHECK_LOST,
			     "%s: was answered, but is unknown to us", row->id);
		check->report.lost++;
		return;
	}
	/* One yes outweighs whatever else was said about this id. */
	if (order->accepted != CHECK_TAKEN_YES)
		order->accepted = row->accepted;
	if (row->outcome[0] == '\0')
		return;
	if (order->outcome[0] != '\0' && strcmp(order->outcome, row->outcome) != 0) {
		findings_add(&check->report.findings, CHECK_LOST, "%s: was answered %s, and %s too",
			     row->id, order->outcome, row->outcome);
		order->lost = true;
	} else {
		(void)snprintf(order->outcome, sizeof order->outcome, "%s", row->outcome);
	}
}
