#include "examples/travel/check.h"

#include <stdlib.h>
#include <string.h>

/* One service's part in one booking. */
struct side {
	char name[CHECK_NAME_SIZE]; /* as booked */
	int64_t quantity;
	uint32_t forwards, undos;               /* effects in the ledger */
	uint32_t logged_forwards, logged_undos; /* effects in the log */
	uint32_t rejections, empty_undos;       /* in the log */
	int64_t net;                            /* of the quantities */
};

struct booking {
	char id[CHECK_NAME_SIZE];
	struct side sides[CHECK_SERVICES];
	bool lost, doubled;
	enum check_taken accepted;
	char outcome[16];
};

struct item {
	enum check_service service;
	char name[CHECK_NAME_SIZE];
	int64_t total, left;
	int64_t given; /* by the ledger */
};

struct unit {
	enum check_service service;
	char name[CHECK_NAME_SIZE];
	int64_t number;
	char holder[CHECK_NAME_SIZE];  /* by the unit table; "" = free */
	char sold_to[CHECK_NAME_SIZE]; /* by the ledger so far */
};

struct check {
	struct booking *bookings; /* sorted by id */
	uint32_t booking_count, booking_capacity;
	struct item *items;
	uint32_t item_count, item_capacity;
	struct unit *units;
	uint32_t unit_count, unit_capacity;
	int64_t till;
	struct check_report report;
};

static const char *const service_names[CHECK_SERVICES] = {"user", "flight", "hotel", "payment"};

const char *check_service_name(enum check_service service)
{
	return service_names[service];
}

const struct findings_rule check_rules[CHECK_RULES] = {
#define CHECK_RULE_NAME(symbol, name, meaning) {name, meaning},
	CHECK_RULE_MAP(CHECK_RULE_NAME)
#undef CHECK_RULE_NAME
};

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
	free(check->bookings);
	free(check->items);
	free(check->units);
	free(check);
}

/* ---- what was asked for, and what there is ------------------------------------------------- */

void check_booking(struct check *check, const struct check_booking_row *row)
{
	struct booking *booking = NULL;

	check->bookings = findings_grow(check->bookings, &check->booking_count,
					&check->booking_capacity, sizeof *check->bookings);
	booking = &check->bookings[check->booking_count - 1];
	copy_name(booking->id, row->id);
	for (uint32_t s = 0; s < CHECK_SERVICES; s++) {
		copy_name(booking->sides[s].name, row->names[s]);
		booking->sides[s].quantity = row->quantities[s];
	}
}

static int compare_bookings(const void *left, const void *right)
{
	return strcmp(((const struct booking *)left)->id, ((const struct booking *)right)->id);
}

void check_bookings_end(struct check *check)
{
	if (check->booking_count > 0)
		qsort(check->bookings, check->booking_count, sizeof *check->bookings,
		      compare_bookings);
	check->report.bookings = check->booking_count;
}

static struct booking *find_booking(const struct check *check, const char *id)
{
	struct booking wanted;

	if (check->booking_count == 0)
		return NULL;
	copy_name(wanted.id, id);
	return bsearch(&wanted, check->bookings, check->booking_count, sizeof *check->bookings,
		       compare_bookings);
}

void check_item(struct check *check, enum check_service service, const char *name, int64_t total,
		int64_t left)
{
	struct item *item = NULL;

	check->items = findings_grow(check->items, &check->item_count, &check->item_capacity,
				     sizeof *check->items);
	item = &check->items[check->item_count - 1];
	item->service = service;
	copy_name(item->name, name);
	item->total = total;
	item->left = left;
}

static struct item *find_item(struct check *check, enum check_service service, const char *name)
{
	for (uint32_t i = 0; i < check->item_count; i++)
		if (check->items[i].service == service && strcmp(check->items[i].name, name) == 0)
			return &check->items[i];
	return NULL;
}

static int compare_units(const void *left, const void *right)
{
	const struct unit *l = left;
	const struct unit *r = right;
	const int names = strcmp(l->name, r->name);

	if (l->service != r->service)
		return l->service < r->service ? -1 : 1;
	if (names != 0)
		return names;
	return l->number < r->number ? -1 : l->number > r->number;
}

void check_unit(struct check *check, enum check_service service, const char *name, int64_t number,
		const char *saga)
{
	struct unit *unit = NULL;

	check->units = findings_grow(check->units, &check->unit_count, &check->unit_capacity,
				     sizeof *check->units);
	unit = &check->units[check->unit_count - 1];
	unit->service = service;
	copy_name(unit->name, name);
	unit->number = number;
	copy_name(unit->holder, saga == NULL ? "" : saga);
}

/* ---- what was done -------------------------------------------------------------------------- */

static void sell(struct check *check, enum check_service service,
		 const struct check_effect_row *row, int64_t number)
{
	struct unit wanted = {.service = service, .number = number};
	struct unit *unit = NULL;

	copy_name(wanted.name, row->name);
	if (check->unit_count > 0)
		unit = bsearch(&wanted, check->units, check->unit_count, sizeof wanted,
			       compare_units);
	if (unit == NULL) {
		findings_add(&check->report.findings, CHECK_OVERSOLD,
			     "%s: %s sells %s number %lld, which there is not", row->saga,
			     service_names[service], row->name, (long long)number);
	} else if (row->undo) {
		if (strcmp(unit->sold_to, row->saga) != 0)
			findings_add(&check->report.findings, CHECK_SOLD_TWICE,
				     "%s: gives back %s %s number %lld of %s", row->saga,
				     service_names[service], row->name, (long long)number,
				     unit->sold_to[0] == '\0' ? "nobody" : unit->sold_to);
		unit->sold_to[0] = '\0';
	} else {
		if (unit->sold_to[0] != '\0')
			findings_add(&check->report.findings, CHECK_SOLD_TWICE,
				     "%s and %s: both have %s %s number %lld", unit->sold_to,
				     row->saga, service_names[service], row->name,
				     (long long)number);
		copy_name(unit->sold_to, row->saga);
	}
}

static void sell_units(struct check *check, enum check_service service,
		       const struct check_effect_row *row)
{
	const char *rest = row->units;
	int64_t count = 0;

	while (*rest != '\0') {
		char *end = NULL;
		const long long number = strtoll(rest, &end, 10);

		if (end == rest)
			break;
		sell(check, service, row, number);
		count++;
		rest = *end == ',' ? end + 1 : end;
	}
	if (count != row->quantity)
		findings_add(&check->report.findings, CHECK_AMOUNT,
			     "%s: %s counts %lld units and names %lld", row->saga,
			     service_names[service], (long long)row->quantity, (long long)count);
}

void check_effect(struct check *check, enum check_service service,
		  const struct check_effect_row *row)
{
	const char *place = service_names[service];
	struct booking *booking = find_booking(check, row->saga);
	struct item *item = find_item(check, service, row->name);
	struct side *side = NULL;

	check->report.effects++;
	if (item != NULL)
		item->given += row->undo ? -row->quantity : row->quantity;
	if (service == CHECK_FLIGHT || service == CHECK_HOTEL)
		sell_units(check, service, row);
	if (booking == NULL) {
		findings_add(&check->report.findings, CHECK_STRANGER,
			     "%s: unknown to us, but %s has done something for it", row->saga,
			     place);
		return;
	}
	side = &booking->sides[service];
	if (item == NULL || row->quantity != side->quantity || strcmp(row->name, side->name) != 0)
		findings_add(&check->report.findings, CHECK_AMOUNT,
			     "%s: %s of %lld %s, booked is %lld %s", row->saga, place,
			     (long long)row->quantity, row->name, (long long)side->quantity,
			     side->name);
	if (row->undo) {
		if (side->forwards == 0)
			findings_add(&check->report.findings, CHECK_UNDO_OF_NOTHING,
				     "%s: %s undid what it never did", row->saga, place);
		side->undos++;
	} else {
		if (side->undos > 0)
			findings_add(&check->report.findings, CHECK_LATE_FORWARD,
				     "%s: %s did it after undoing it", row->saga, place);
		side->forwards++;
	}
	side->net += row->undo ? -row->quantity : row->quantity;
	if (side->forwards > 1 || side->undos > 1) {
		booking->doubled = true;
		findings_add(&check->report.findings, CHECK_DOUBLED, "%s: %s %s it twice",
			     row->saga, place, row->undo ? "undid" : "did");
	}
}

void check_log(struct check *check, enum check_service service, const struct check_log_row *row)
{
	struct booking *booking = find_booking(check, row->saga);
	const bool first = strcmp(row->verdict, "first") == 0;
	const bool ok = strcmp(row->outcome, "ok") == 0;
	struct side *side = NULL;

	if (strcmp(row->verdict, "duplicate") == 0)
		check->report.duplicates++;
	else if (strcmp(row->verdict, "empty_undo") == 0)
		check->report.empty_undos++;
	else if (strcmp(row->verdict, "late_forward") == 0)
		check->report.late_forwards++;
	if (booking == NULL) {
		findings_add(&check->report.findings, CHECK_STRANGER,
			     "%s: unknown to us, but %s was asked for it", row->saga,
			     service_names[service]);
		return;
	}
	side = &booking->sides[service];
	if (first && ok && row->undo)
		side->logged_undos++;
	else if (first && ok)
		side->logged_forwards++;
	else if (strcmp(row->verdict, "empty_undo") == 0)
		side->empty_undos++;
	else if (strcmp(row->outcome, "rejected") == 0 && strcmp(row->verdict, "late_forward") != 0)
		side->rejections++;
}

void check_till(struct check *check, int64_t amount)
{
	check->till = amount;
}

void check_answer(struct check *check, const struct check_answer_row *row)
{
	struct booking *booking = find_booking(check, row->id);

	if (booking == NULL) {
		findings_add(&check->report.findings, CHECK_LOST,
			     "%s: was answered, but is unknown to us", row->id);
		check->report.lost++;
		return;
	}
	/* One yes outweighs whatever else was said about this id. */
	if (booking->accepted != CHECK_TAKEN_YES)
		booking->accepted = row->accepted;
	if (row->outcome[0] != '\0')
		(void)snprintf(booking->outcome, sizeof booking->outcome, "%s", row->outcome);
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static void lose(struct check *check, struct booking *booking, const char *why)
{
	booking->lost = true;
	findings_add(&check->report.findings, CHECK_LOST, "%s: %s", booking->id, why);
}

static void judge_side(struct check *check, const struct booking *booking, uint32_t s)
{
	const struct side *side = &booking->sides[s];

	if (side->forwards != side->logged_forwards || side->undos != side->logged_undos)
		findings_add(&check->report.findings, CHECK_UNLOGGED,
			     "%s: %s did %u and undid %u, by its log %u and %u", booking->id,
			     service_names[s], side->forwards, side->undos, side->logged_forwards,
			     side->logged_undos);
	/* What the barrier called an undo of nothing had nothing before it, and bars the way. */
	if (side->empty_undos > 0 && side->forwards > 0)
		findings_add(&check->report.findings, CHECK_LATE_FORWARD,
			     "%s: %s did it although its undo came first", booking->id,
			     service_names[s]);
	if (side->rejections > 0 && side->forwards > 0)
		findings_add(&check->report.findings, CHECK_UNLOGGED,
			     "%s: %s both rejected and did it", booking->id, service_names[s]);
}

static void judge_booking(struct check *check, struct booking *booking)
{
	struct check_report *report = &check->report;
	uint32_t standing = 0;
	uint32_t rejected_at = CHECK_SERVICES;
	bool undone = false;

	for (uint32_t s = 0; s < CHECK_SERVICES; s++) {
		const struct side *side = &booking->sides[s];

		judge_side(check, booking, s);
		standing += side->net > 0 ? 1 : 0;
		undone = undone || side->undos > 0 || side->empty_undos > 0;
		if (side->rejections > 0 && rejected_at == CHECK_SERVICES)
			rejected_at = s;
	}
	if (standing == CHECK_SERVICES) {
		report->completed++;
		if (strcmp(booking->outcome, "compensated") == 0)
			lose(check, booking, "answered compensated, but it is completed");
	} else if (standing > 0) {
		report->open++;
		findings_add(&check->report.findings, CHECK_HALF, "%s: done at %u of 4 services",
			     booking->id, standing);
		if (booking->sides[CHECK_USER].net > 0 && booking->sides[CHECK_PAYMENT].net == 0)
			findings_add(&check->report.findings, CHECK_RESERVED,
				     "%s: %lld are still reserved", booking->id,
				     (long long)booking->sides[CHECK_USER].net);
		lose(check, booking, "has no final outcome");
	} else if (rejected_at < CHECK_SERVICES || undone) {
		report->compensated++;
		if (rejected_at < CHECK_SERVICES)
			report->rejected_at[rejected_at]++;
		else
			report->undone_otherwise++;
		if (strcmp(booking->outcome, "completed") == 0)
			lose(check, booking, "answered completed, but nothing is left of it");
	} else {
		report->open++;
		lose(check, booking,
		     booking->accepted == CHECK_TAKEN_YES ? "answered accepted, but no service "
							    "has heard of it"
							  : "no service has heard of it");
		return;
	}
	if (booking->accepted == CHECK_TAKEN_NO)
		lose(check, booking, "answered refused, but services have worked for it");
}

static void judge_items(struct check *check)
{
	for (uint32_t i = 0; i < check->item_count; i++) {
		const struct item *item = &check->items[i];
		const bool money = item->service == CHECK_USER || item->service == CHECK_PAYMENT;

		if (item->total - item->given != item->left)
			findings_add(
				&check->report.findings, money ? CHECK_CONSERVED : CHECK_OVERSOLD,
				"%s %s: %lld of %lld are given, but %lld are left",
				service_names[item->service], item->name, (long long)item->given,
				(long long)item->total, (long long)item->left);
		if (item->given > item->total || item->left < 0)
			findings_add(&check->report.findings, CHECK_OVERSOLD,
				     "%s %s: %lld given, only %lld there",
				     service_names[item->service], item->name,
				     (long long)item->given, (long long)item->total);
	}
}

static void judge_units(struct check *check)
{
	for (uint32_t i = 0; i < check->unit_count; i++) {
		const struct unit *unit = &check->units[i];

		if (strcmp(unit->holder, unit->sold_to) != 0)
			findings_add(&check->report.findings, CHECK_OVERSOLD,
				     "%s %s number %lld: held by \"%s\", sold to \"%s\"",
				     service_names[unit->service], unit->name,
				     (long long)unit->number, unit->holder, unit->sold_to);
	}
}

/* Money that customers gave, the cards were charged, and the till took: one number. */
static void judge_money(struct check *check)
{
	int64_t reserved = 0;
	int64_t charged = 0;

	for (uint32_t i = 0; i < check->item_count; i++) {
		const struct item *item = &check->items[i];

		if (item->service == CHECK_USER)
			reserved += item->total - item->left;
		else if (item->service == CHECK_PAYMENT)
			charged += item->total - item->left;
	}
	if (reserved != charged || charged != check->till)
		findings_add(&check->report.findings, CHECK_CONSERVED,
			     "customers gave %lld, cards were charged %lld, the till holds %lld",
			     (long long)reserved, (long long)charged, (long long)check->till);
}

const struct check_report *check_finish(struct check *check)
{
	for (uint32_t i = 0; i < check->booking_count; i++) {
		struct booking *booking = &check->bookings[i];

		judge_booking(check, booking);
		check->report.lost += booking->lost ? 1 : 0;
		check->report.doubled += booking->doubled ? 1 : 0;
	}
	judge_items(check);
	judge_units(check);
	judge_money(check);
	return &check->report;
}
