#include "examples/bank/check.h"

#include <stdlib.h>
#include <string.h>

/* What one bank did for one transfer. */
struct side {
	uint32_t holds, moves, releases;        /* effects in the ledger */
	uint32_t logged_forwards, logged_ends;  /* effects in the log: forward; finish and undo */
	uint32_t rejections, read_only, undone; /* in the log; undone: an undo was answered ok */
	bool told_commit, told_abort;           /* when it asked */
	uint32_t held_rows;                     /* of the table hold */
	int64_t balance;                        /* all changes together */
};

struct transfer {
	char id[CHECK_NAME_SIZE], from[CHECK_NAME_SIZE], to[CHECK_NAME_SIZE];
	enum check_protocol protocol;
	int64_t amount;
	struct side sides[CHECK_BANKS];
	bool answered; /* there is a line for it */
	enum check_told told;
	bool troubled, crashed;
};

struct account {
	enum check_bank bank;
	char name[CHECK_NAME_SIZE];
	int64_t opening, balance, held, version;
	int64_t running, running_held; /* by the ledger so far */
	int64_t changes;
};

struct check {
	struct transfer *transfers; /* sorted by id */
	uint32_t transfer_count, transfer_capacity;
	struct account *accounts;
	uint32_t account_count, account_capacity;
	struct check_report report;
};

const char *const check_bank_names[CHECK_BANKS] = {"bank_a", "bank_b"};
const char *const check_protocol_names[CHECK_PROTOCOLS] = {"2pc", "tcc", "inside"};
const char *const check_trouble_names[CHECK_TROUBLES] = {
#define CHECK_TROUBLE_NAME(symbol, name) name,
	CHECK_TROUBLE_MAP(CHECK_TROUBLE_NAME)
#undef CHECK_TROUBLE_NAME
};
const struct findings_rule check_rules[CHECK_RULES] = {
#define CHECK_RULE_NAME(symbol, name, meaning) {name, meaning},
	CHECK_RULE_MAP(CHECK_RULE_NAME)
#undef CHECK_RULE_NAME
};

#define FIND(rule, ...) findings_add(&check->report.findings, rule, __VA_ARGS__)

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
	free(check->transfers);
	free(check->accounts);
	free(check);
}

/* ---- what was ordered, and what there is ---------------------------------------------------- */

void check_transfer(struct check *check, const struct check_transfer_row *row)
{
	struct transfer *transfer = NULL;

	check->transfers = findings_grow(check->transfers, &check->transfer_count,
					 &check->transfer_capacity, sizeof *check->transfers);
	transfer = &check->transfers[check->transfer_count - 1];
	copy_name(transfer->id, row->id);
	copy_name(transfer->from, row->from);
	copy_name(transfer->to, row->to);
	transfer->protocol = row->protocol;
	transfer->amount = row->amount;
}

static int compare_transfers(const void *left, const void *right)
{
	return strcmp(((const struct transfer *)left)->id, ((const struct transfer *)right)->id);
}

void check_transfers_end(struct check *check)
{
	if (check->transfer_count > 0)
		qsort(check->transfers, check->transfer_count, sizeof *check->transfers,
		      compare_transfers);
	check->report.transfers = check->transfer_count;
}

static struct transfer *find_transfer(const struct check *check, const char *id)
{
	struct transfer wanted;

	if (check->transfer_count == 0)
		return NULL;
	copy_name(wanted.id, id);
	return bsearch(&wanted, check->transfers, check->transfer_count, sizeof *check->transfers,
		       compare_transfers);
}

void check_account(struct check *check, enum check_bank bank, const struct check_account_row *row)
{
	struct account *account = NULL;

	check->accounts = findings_grow(check->accounts, &check->account_count,
					&check->account_capacity, sizeof *check->accounts);
	account = &check->accounts[check->account_count - 1];
	account->bank = bank;
	copy_name(account->name, row->name);
	account->opening = row->opening;
	account->balance = row->balance;
	account->held = row->held;
	account->version = row->version;
	account->running = row->opening;
}

static struct account *find_account(struct check *check, enum check_bank bank, const char *name)
{
	for (uint32_t i = 0; i < check->account_count; i++)
		if (check->accounts[i].bank == bank && strcmp(check->accounts[i].name, name) == 0)
			return &check->accounts[i];
	return NULL;
}

void check_hold(struct check *check, enum check_bank bank, const char *saga, const char *account,
		int64_t amount)
{
	struct transfer *transfer = find_transfer(check, saga);

	FIND(CHECK_HELD, "%s: %s still holds %lld of %s", saga, check_bank_names[bank],
	     (long long)amount, account);
	if (transfer != NULL)
		transfer->sides[bank].held_rows++;
}

/* ---- what was done -------------------------------------------------------------------------- */

enum effect { EFFECT_HOLD, EFFECT_MOVE, EFFECT_RELEASE, EFFECT_NONE };

static enum effect effect_of(const char *op)
{
	static const char *const names[] = {"hold", "move", "release"};

	for (uint32_t i = 0; i < EFFECT_NONE; i++)
		if (strcmp(op, names[i]) == 0)
			return (enum effect)i;
	return EFFECT_NONE;
}

static void book(struct check *check, enum check_bank bank, const struct check_change_row *row)
{
	struct account *account = find_account(check, bank, row->account);

	if (account == NULL) {
		FIND(CHECK_AMOUNT, "%s: %s has no account %s", row->saga, check_bank_names[bank],
		     row->account);
		return;
	}
	account->changes++;
	account->running += row->balance_change;
	account->running_held += row->held_change;
	if (row->version != account->changes)
		FIND(CHECK_VERSION, "%s: change %lld of %s %s made version %lld", row->saga,
		     (long long)account->changes, check_bank_names[bank], row->account,
		     (long long)row->version);
	/* What bank_b holds is on its way in: nobody can spend it. */
	if (account->running < 0 || account->running_held < 0 ||
	    (bank == CHECK_BANK_A && account->running < account->running_held))
		FIND(CHECK_OVERDRAWN, "%s: %s %s has %lld, of which %lld are promised", row->saga,
		     check_bank_names[bank], row->account, (long long)account->running,
		     (long long)account->running_held);
}

/* The changes that this transfer may make to this account at this bank. */
static bool is_ordered(const struct transfer *transfer, enum check_bank bank, enum effect effect,
		       const struct check_change_row *row)
{
	const bool inside = transfer->protocol == CHECK_INSIDE;
	const bool in = bank == CHECK_BANK_B || (inside && strcmp(row->account, transfer->to) == 0);
	const int64_t amount = transfer->amount;
	const int64_t moved = in ? amount : -amount;

	if (strcmp(row->account, in ? transfer->to : transfer->from) != 0 ||
	    (inside && bank == CHECK_BANK_B))
		return false;
	switch (effect) {
	case EFFECT_HOLD:
		return row->balance_change == 0 && row->held_change == amount;
	case EFFECT_MOVE:
		return row->balance_change == moved && row->held_change == (inside ? 0 : -amount);
	case EFFECT_RELEASE:
		return row->balance_change == 0 && row->held_change == -amount;
	case EFFECT_NONE:
		break;
	}
	return false;
}

/* Each operation has one effect; inside the bank a move is two rows, one of each account. */
static void count_effect(struct check *check, struct transfer *transfer, enum check_bank bank,
			 enum effect effect)
{
	const char *place = check_bank_names[bank];
	struct side *side = &transfer->sides[bank];
	const bool inside = transfer->protocol == CHECK_INSIDE;
	uint32_t *count = effect == EFFECT_HOLD   ? &side->holds
			  : effect == EFFECT_MOVE ? &side->moves
						  : &side->releases;

	(*count)++;
	if (*count > (inside && effect == EFFECT_MOVE ? 2 : 1))
		FIND(CHECK_DOUBLED, "%s: %s did it %u times", transfer->id, place, *count);
	if (effect == EFFECT_HOLD) {
		if (side->releases + side->moves > 0)
			FIND(CHECK_LATE_FORWARD, "%s: %s held it when it was over", transfer->id,
			     place);
		return;
	}
	if (!inside && side->holds == 0)
		FIND(CHECK_UNHELD, "%s: %s moved or released what it never held", transfer->id,
		     place);
	if (side->moves > 0 && side->releases > 0)
		FIND(CHECK_BOTH, "%s: %s moved and released it", transfer->id, place);
}

void check_change(struct check *check, enum check_bank bank, const struct check_change_row *row)
{
	struct transfer *transfer = find_transfer(check, row->saga);
	const enum effect effect = effect_of(row->op);

	check->report.effects++;
	book(check, bank, row);
	if (transfer == NULL) {
		FIND(CHECK_STRANGER, "%s: unknown to us, but %s has done something for it",
		     row->saga, check_bank_names[bank]);
		return;
	}
	if (!is_ordered(transfer, bank, effect, row))
		FIND(CHECK_AMOUNT, "%s: %s of %lld (%lld held) at %s %s is not what was ordered",
		     row->saga, row->op, (long long)row->balance_change,
		     (long long)row->held_change, check_bank_names[bank], row->account);
	transfer->sides[bank].balance += row->balance_change;
	if (effect != EFFECT_NONE)
		count_effect(check, transfer, bank, effect);
}

void check_log(struct check *check, enum check_bank bank, const struct check_log_row *row)
{
	struct transfer *transfer = find_transfer(check, row->saga);
	const bool first = strcmp(row->verdict, "first") == 0;
	const bool ok = strcmp(row->outcome, "ok") == 0;
	const bool forward = strcmp(row->op, "forward") == 0;
	struct check_report *report = &check->report;
	struct side *side = NULL;

	if (strcmp(row->op, "settle") == 0)
		report->settled++;
	else if (strcmp(row->verdict, "duplicate") == 0)
		report->duplicates++;
	else if (strcmp(row->verdict, "empty_undo") == 0)
		report->empty_undos++;
	else if (strcmp(row->verdict, "late_forward") == 0)
		report->late_forwards++;
	if (transfer == NULL) {
		FIND(CHECK_STRANGER, "%s: unknown to us, but %s was asked for it", row->saga,
		     check_bank_names[bank]);
		return;
	}
	side = &transfer->sides[bank];
	if (strcmp(row->op, "undo") == 0 && ok)
		side->undone++;
	if (!first || strcmp(row->op, "settle") == 0)
		return;
	if (forward && strcmp(row->outcome, "rejected") == 0)
		side->rejections++;
	else if (forward && strcmp(row->outcome, "read_only") == 0)
		side->read_only++;
	else if (forward && ok)
		side->logged_forwards++;
	else if (ok)
		side->logged_ends++;
}

void check_trouble(struct check *check, enum check_bank bank, const char *saga, const char *kind)
{
	struct transfer *transfer = find_transfer(check, saga);

	for (uint32_t i = 0; i < CHECK_TROUBLES; i++)
		if (strcmp(kind, check_trouble_names[i]) == 0)
			check->report.troubles[i]++;
	if (transfer == NULL) {
		FIND(CHECK_STRANGER, "%s: unknown to us, but %s made trouble for it", saga,
		     check_bank_names[bank]);
		return;
	}
	check->report.troubled += transfer->troubled ? 0 : 1;
	transfer->troubled = true;
	if (strcmp(kind, check_trouble_names[CHECK_TROUBLE_CRASH]) == 0)
		transfer->crashed = true;
}

void check_inquiry(struct check *check, enum check_bank bank, const char *saga,
		   const char *decision)
{
	struct transfer *transfer = find_transfer(check, saga);

	check->report.inquiries++;
	if (transfer == NULL) {
		FIND(CHECK_STRANGER, "%s: unknown to us, but %s was in doubt of it", saga,
		     check_bank_names[bank]);
		return;
	}
	if (strcmp(decision, "commit") == 0)
		transfer->sides[bank].told_commit = true;
	else
		transfer->sides[bank].told_abort = true;
}

void check_answer(struct check *check, const char *id, enum check_told told)
{
	struct transfer *transfer = find_transfer(check, id);

	if (transfer == NULL) {
		FIND(CHECK_STRANGER, "%s: answered, but nobody ordered it", id);
		return;
	}
	transfer->answered = true;
	transfer->told = told;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

/* Is money of this transfer moved at this bank? */
static bool has_moved(const struct transfer *transfer, enum check_bank bank)
{
	return transfer->sides[bank].moves > 0;
}

static void judge_side(struct check *check, const struct transfer *transfer, enum check_bank bank)
{
	const struct side *side = &transfer->sides[bank];
	const char *place = check_bank_names[bank];
	const bool inside = transfer->protocol == CHECK_INSIDE;
	const uint32_t forwards = inside ? (side->moves + 1) / 2 : side->holds;
	const uint32_t ends = inside ? 0 : side->moves + side->releases;

	if (forwards != side->logged_forwards || ends != side->logged_ends)
		FIND(CHECK_UNLOGGED,
		     "%s: %s has %u forward and %u later effects, its log %u and %u", transfer->id,
		     place, forwards, ends, side->logged_forwards, side->logged_ends);
	if (side->rejections + side->read_only > 0 && forwards > 0)
		FIND(CHECK_UNLOGGED, "%s: %s refused or skipped it, and did it", transfer->id,
		     place);
	/* An undo that released nothing had nothing before it, and bars the way. */
	if (!inside && side->undone > 0 && side->holds > 0 && side->releases == 0)
		FIND(CHECK_LATE_FORWARD, "%s: %s held it although it was called off", transfer->id,
		     place);
	if ((side->told_commit && side->moves == 0) || (side->told_abort && side->moves > 0))
		FIND(CHECK_INQUIRY, "%s: %s asked and was told %s, but it %s", transfer->id, place,
		     side->told_commit ? "commit" : "abort",
		     side->moves > 0 ? "was moved" : "was not moved");
	if (inside && side->moves == 1)
		FIND(CHECK_HALF, "%s: moved at one account of %s, not at the other", transfer->id,
		     place);
	if (side->holds > side->moves + side->releases && side->held_rows == 0)
		FIND(CHECK_HELD, "%s: %s held it and neither moved nor released it", transfer->id,
		     place);
}

/* With nothing to move, nothing is to be seen: the votes have to say that there was nothing. */
static bool was_nothing(const struct transfer *transfer)
{
	return transfer->amount == 0 && transfer->told == CHECK_TOLD_COMMITTED &&
	       transfer->sides[CHECK_BANK_A].read_only > 0 &&
	       transfer->sides[CHECK_BANK_B].read_only > 0;
}

static void judge_transfer(struct check *check, const struct transfer *transfer)
{
	struct check_report *report = &check->report;
	const bool a = has_moved(transfer, CHECK_BANK_A);
	const bool b = has_moved(transfer, CHECK_BANK_B);
	const bool inside = transfer->protocol == CHECK_INSIDE;
	const bool committed = inside ? a : a && b;
	bool refused = false;

	for (uint32_t bank = 0; bank < CHECK_BANKS; bank++) {
		judge_side(check, transfer, (enum check_bank)bank);
		refused = refused || transfer->sides[bank].rejections > 0;
	}
	if (a != b && !inside)
		FIND(CHECK_HALF, "%s: moved at %s, not at the other bank", transfer->id,
		     check_bank_names[a ? CHECK_BANK_A : CHECK_BANK_B]);
	if ((a || b) && refused)
		FIND(CHECK_OUTVOTED, "%s: moved although a bank refused it", transfer->id);
	if (!transfer->answered || transfer->told == CHECK_TOLD_NOTHING)
		FIND(CHECK_LOST, "%s: the client was told nothing", transfer->id);
	else if (transfer->told == CHECK_TOLD_ABORTED && (a || b))
		FIND(CHECK_ANSWER, "%s: told aborted, but money was moved", transfer->id);
	else if (transfer->told == CHECK_TOLD_COMMITTED && !committed && !was_nothing(transfer))
		FIND(CHECK_ANSWER, "%s: told committed, but %s", transfer->id,
		     a || b ? "money was moved on one side only" : "no money was moved");
	if (committed || was_nothing(transfer)) {
		report->committed[transfer->protocol]++;
		report->read_only += committed ? 0 : 1;
		report->crashes_survived += transfer->crashed ? 1 : 0;
		report->moved += transfer->amount;
	} else if (!a && !b) {
		report->aborted[transfer->protocol]++;
		report->refused += refused ? 1 : 0;
	}
}

static void judge_accounts(struct check *check)
{
	int64_t opening = 0;
	int64_t balance = 0;

	for (uint32_t i = 0; i < check->account_count; i++) {
		const struct account *account = &check->accounts[i];
		const char *place = check_bank_names[account->bank];

		opening += account->opening;
		balance += account->balance;
		if (account->balance != account->running || account->held != account->running_held)
			FIND(CHECK_BOOKS,
			     "%s %s: has %lld and holds %lld, by its ledger %lld and %lld", place,
			     account->name, (long long)account->balance, (long long)account->held,
			     (long long)account->running, (long long)account->running_held);
		if (account->version != account->changes)
			FIND(CHECK_VERSION, "%s %s: version %lld after %lld changes", place,
			     account->name, (long long)account->version,
			     (long long)account->changes);
		if (account->held != 0)
			FIND(CHECK_HELD, "%s %s: %lld are still held", place, account->name,
			     (long long)account->held);
	}
	if (opening != balance)
		FIND(CHECK_CONSERVED, "there were %lld, there are %lld", (long long)opening,
		     (long long)balance);
}

const struct check_report *check_finish(struct check *check)
{
	for (uint32_t i = 0; i < check->transfer_count; i++)
		judge_transfer(check, &check->transfers[i]);
	judge_accounts(check);
	return &check->report;
}
