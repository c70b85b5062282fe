/* The participants' own word: table `witness` (examples/common/witness_sqlite.h). */
#include <sqlite3.h>
#include <string.h>

#include "base/check.h"
#include "tests/judge/real/recorder_parts.h"

static enum history_effect_kind kind_of(const char *name)
{
	static const char *const names[HISTORY_EFFECT_KINDS + 1] = {
		[HISTORY_DONE] = "done",           [HISTORY_REFUSED] = "refused",
		[HISTORY_EMPTY] = "empty",         [HISTORY_READ_ONLY] = "read_only",
		[HISTORY_HEURISTIC] = "heuristic", [HISTORY_BLOCKED] = "blocked",
	};

	for (uint32_t i = HISTORY_DONE; i <= HISTORY_EFFECT_KINDS; i++)
		if (strcmp(names[i], name) == 0)
			return (enum history_effect_kind)i;
	/* One effect on two accounts: the second counts as nothing else. */
	return strcmp(name, "moved") == 0 ? HISTORY_EMPTY : 0;
}

static struct slice text_at(sqlite3_stmt *row, int column)
{
	return slice_of(sqlite3_column_text(row, column),
			(uint32_t)sqlite3_column_bytes(row, column));
}

/* It is all there is when it is the transaction's only branch, and can be done at once. */
static bool alone(const struct history *h, const struct history_effect *e)
{
	const struct history_saga *saga = &h->sagas[e->saga];

	return !history_interactive(saga) && saga->step_count == 1 &&
	       history_step_of(h, e->saga, e->step)->one_phase;
}

static void add_effect(struct recorder *r, const struct recorder_ledger *ledger, struct history *h,
		       sqlite3_stmt *row, uint64_t at_ns)
{
	const char *kind = (const char *)sqlite3_column_text(row, 3);
	const char *account = (const char *)sqlite3_column_text(row, 4);
	struct history_effect *e = history_add_effect(h, recorder_ms(at_ns));

	e->order = at_ns;
	e->service = ledger->service;
	e->op = (uint32_t)sqlite3_column_int(row, 2);
	e->saga = e->step = HISTORY_NONE;
	if (history_find_saga(h, text_at(row, 0), &e->saga))
		(void)history_find_step(h, e->saga, text_at(row, 1), &e->step);
	if (account[0] != '\0')
		e->account = recorder_account_number(r, ledger->service, account);
	e->delta = sqlite3_column_int64(row, 5);
	e->held = sqlite3_column_int64(row, 6);
	e->kind = kind_of(kind);
	CHECK(e->kind != 0); /* nobody else writes there */
	if (e->saga != HISTORY_NONE && e->step != HISTORY_NONE)
		e->one_phase = e->op == WIRE_OP_FORWARD && alone(h, e);
}

/* Barred by its own undo, in the same transaction, is no settling. */
static void join_undo(struct history *h, uint32_t first)
{
	struct history_effect *e = &h->effects[h->effect_count - 1];

	if (h->effect_count < first + 2 || e->op != WIRE_OP_UNDO || e->kind != HISTORY_EMPTY)
		return;
	if (e[-1].kind == HISTORY_BLOCKED && e[-1].saga == e->saga && e[-1].step == e->step)
		e[-1].kind = HISTORY_EMPTY;
}

static void read_rows(struct recorder *r, const struct recorder_ledger *ledger, struct history *h,
		      sqlite3_stmt *query, int *code)
{
	const uint32_t first = h->effect_count;
	uint64_t before = 0;

	while ((*code = sqlite3_step(query)) == SQLITE_ROW) {
		uint64_t at_ns = (uint64_t)sqlite3_column_int64(query, 7);

		at_ns = at_ns > before ? at_ns : before + 1;
		before = at_ns;
		add_effect(r, ledger, h, query, at_ns);
		join_undo(h, first);
	}
}

bool recorder_read_ledger(struct recorder *r, const struct recorder_ledger *ledger,
			  struct history *h, char *why, uint32_t size)
{
	sqlite3_stmt *query = NULL;
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(ledger->file, &db, SQLITE_OPEN_READWRITE, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(db, 10000);
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(db,
					  "SELECT saga, step, op, kind, account, delta, held, at_ns"
					  " FROM witness ORDER BY id",
					  -1, &query, NULL);
	if (code == SQLITE_OK)
		read_rows(r, ledger, h, query, &code);
	if (code != SQLITE_DONE)
		(void)snprintf(why, size, "cannot read %s: %s", ledger->file, sqlite3_errmsg(db));
	(void)sqlite3_finalize(query);
	(void)sqlite3_close(db);
	return code == SQLITE_DONE;
}
