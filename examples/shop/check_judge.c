/* The verdict over the judge's tables. */
#include <string.h>

#include "examples/shop/check_tables.h"

static void lose(struct check *check, struct check_order *order, const char *why)
{
	order->lost = true;
	findings_add(&check->report.findings, CHECK_LOST, "%s: %s", order->id, why);
}

static bool stands(const struct check_order *order, enum check_step step)
{
	return order->parts[step].forwards > order->parts[step].undos;
}

static void judge_part(struct check *check, const struct check_order *order, uint32_t step)
{
	struct findings *findings = &check->report.findings;
	const struct check_part *part = &order->parts[step];
	const char *name = check_steps[step].name;

	if (part->forwards != part->logged_forwards || part->undos != part->logged_undos)
		findings_add(findings, CHECK_UNLOGGED,
			     "%s: %s was done %u and undone %u times, by the log %u and %u",
			     order->id, name, part->forwards, part->undos, part->logged_forwards,
			     part->logged_undos);
	if (part->rejections > 0 && part->forwards > 0)
		findings_add(findings, CHECK_UNLOGGED, "%s: %s was both rejected and done",
			     order->id, name);
	/* What the barrier called an undo of nothing had nothing before it, and bars the way. */
	if (part->empty_undos > 0 && part->forwards > 0)
		findings_add(findings, CHECK_LATE_FORWARD,
			     "%s: %s was done although its undo came first", order->id, name);
	if (part->settled_ok > 0 && part->settled_no > 0)
		findings_add(findings, CHECK_SETTLED, "%s: %s was settled both ways", order->id,
			     name);
	else if (part->settled_ok > 0 && part->forwards == 0)
		findings_add(findings, CHECK_SETTLED, "%s: %s was settled as done, and is not",
			     order->id, name);
	else if (part->settled_no > 0 && part->forwards > 0)
		findings_add(findings, CHECK_LATE_FORWARD,
			     "%s: %s was done although it was settled as not done", order->id,
			     name);
}

/* What stands in the tables of the business, next to what the ledger says was done. */
static void judge_books(struct check *check, const struct check_order *order)
{
	static const enum check_step held[] = {CHECK_STEP_STOCK, CHECK_STEP_GIFT, CHECK_STEP_CARD,
					       CHECK_STEP_SHIP};
	const struct check_part *created = &order->parts[CHECK_STEP_ORDER];
	const char *status = created->forwards == 0              ? ""
			     : created->undos > 0                ? "cancelled"
			     : stands(order, CHECK_STEP_CONFIRM) ? "confirmed"
								 : "open";

	for (uint32_t i = 0; i < sizeof held / sizeof held[0]; i++) {
		const struct check_part *part = &order->parts[held[i]];

		if (part->stands + part->undos != part->forwards)
			findings_add(&check->report.findings, CHECK_BOOKS,
				     "%s: %s stands %u times, was done %u and undone %u times",
				     order->id, check_steps[held[i]].name, part->stands,
				     part->forwards, part->undos);
	}
	if (order->rows != created->forwards || strcmp(order->status, status) != 0)
		findings_add(&check->report.findings, CHECK_BOOKS,
			     "%s: %u orders, the last is \"%s\"; what was done makes it \"%s\"",
			     order->id, order->rows, order->status, status);
}

/* What one step gave out is what the other has got. */
static void judge_flow(struct check *check, const struct check_order *order, enum check_step from,
		       enum check_step to)
{
	if (stands(order, to) && strcmp(order->parts[from].gave, order->parts[to].took) != 0)
		findings_add(&check->report.findings, CHECK_AMOUNT,
			     "%s: %s has got \"%s\" from %s, which gave \"%s\"", order->id,
			     check_steps[to].name, order->parts[to].took, check_steps[from].name,
			     order->parts[from].gave);
}

static void count_completed(struct check *check, struct check_order *order)
{
	struct check_report *report = &check->report;
	const struct check_part *wrapped = &order->parts[CHECK_STEP_GIFT];
	const bool gift = stands(order, CHECK_STEP_GIFT);

	report->completed++;
	report->gifts += gift ? 1 : 0;
	report->without_gift += gift ? 0 : 1;
	report->gifts_undone += !gift && (wrapped->undos > 0 || wrapped->empty_undos > 0) ? 1 : 0;
	report->patient +=
		order->parts[CHECK_STEP_SHIP].parked || order->parts[CHECK_STEP_CONFIRM].parked ? 1
												: 0;
	if (strcmp(order->outcome, "compensated") == 0)
		lose(check, order, "answered compensated, but it is completed");
}

static void count_undone(struct check *check, struct check_order *order)
{
	struct check_report *report = &check->report;

	report->undone++;
	if (order->parts[CHECK_STEP_STOCK].rejections > 0)
		report->sold_out++;
	else if (order->parts[CHECK_STEP_CARD].rejections > 0)
		report->declined++;
	else
		report->undone_otherwise++;
	if (strcmp(order->outcome, "completed") == 0)
		lose(check, order, "answered completed, but nothing is left of it");
}

/* Has any service heard of it? */
static bool is_known(const struct check_order *order)
{
	for (uint32_t step = 0; step < CHECK_STEPS; step++) {
		const struct check_part *part = &order->parts[step];

		if (part->forwards + part->undos + part->rejections + part->empty_undos +
			    part->settled_ok + part->settled_no >
		    0)
			return true;
	}
	return false;
}

static void judge_outcome(struct check *check, struct check_order *order)
{
	static const enum check_step needed[] = {CHECK_STEP_ORDER, CHECK_STEP_STOCK,
						 CHECK_STEP_CARD, CHECK_STEP_SHIP,
						 CHECK_STEP_CONFIRM};
	const uint32_t needed_count = sizeof needed / sizeof needed[0];
	uint32_t standing = 0;

	for (uint32_t i = 0; i < needed_count; i++)
		standing += stands(order, needed[i]) ? 1 : 0;
	if (standing == needed_count) {
		count_completed(check, order);
	} else if (standing > 0 || stands(order, CHECK_STEP_GIFT)) {
		check->report.open++;
		findings_add(&check->report.findings,
			     stands(order, CHECK_STEP_CARD) ? CHECK_UNSHIPPED : CHECK_HALF,
			     "%s: %u of %u steps are done%s", order->id, standing, needed_count,
			     stands(order, CHECK_STEP_GIFT) ? ", and a gift is wrapped" : "");
		lose(check, order, "has no final outcome");
	} else if (is_known(order)) {
		count_undone(check, order);
	} else {
		check->report.open++;
		lose(check, order,
		     order->accepted == CHECK_TAKEN_YES ? "answered accepted, but no service "
							  "has heard of it"
							: "no service has heard of it");
		return;
	}
	if (order->accepted == CHECK_TAKEN_NO)
		lose(check, order, "answered refused, but services have worked for it");
}

static void judge_items(struct check *check)
{
	int64_t taken = 0;

	for (uint32_t i = 0; i < check->item_count; i++) {
		const struct check_item *item = &check->items[i];

		if (item->service == CHECK_PAYMENT)
			taken += item->total - item->left;
		if (item->total - item->given != item->left)
			findings_add(&check->report.findings,
				     item->service == CHECK_PAYMENT ? CHECK_CONSERVED : CHECK_BOOKS,
				     "%s %s: %lld of %lld are given, but %lld are left",
				     check_service_name(item->service), item->name,
				     (long long)item->given, (long long)item->total,
				     (long long)item->left);
		if (item->version != item->changes)
			findings_add(&check->report.findings, CHECK_VERSIONS,
				     "%s %s: its version is %lld after %lld changes",
				     check_service_name(item->service), item->name,
				     (long long)item->version, (long long)item->changes);
		if (item->left < 0)
			findings_add(&check->report.findings, CHECK_OVERSOLD, "%s %s: %lld left",
				     check_service_name(item->service), item->name,
				     (long long)item->left);
	}
	if (taken != check->charged)
		findings_add(&check->report.findings, CHECK_CONSERVED,
			     "cards have given %lld, the charges that stand are %lld",
			     (long long)taken, (long long)check->charged);
}

const struct check_report *check_finish(struct check *check)
{
	for (uint32_t i = 0; i < check->order_count; i++) {
		struct check_order *order = &check->orders[i];
		const struct check_part *card = &order->parts[CHECK_STEP_CARD];

		for (uint32_t step = 0; step < CHECK_STEPS; step++)
			judge_part(check, order, step);
		judge_books(check, order);
		judge_flow(check, order, CHECK_STEP_STOCK, CHECK_STEP_SHIP);
		judge_flow(check, order, CHECK_STEP_SHIP, CHECK_STEP_CONFIRM);
		judge_outcome(check, order);
		check->report.settled_done += card->settled_ok > 0 ? 1 : 0;
		check->report.settled_blocked += card->blocked ? 1 : 0;
		check->report.lost += order->lost ? 1 : 0;
		check->report.doubled += order->doubled ? 1 : 0;
	}
	judge_items(check);
	return &check->report;
}
