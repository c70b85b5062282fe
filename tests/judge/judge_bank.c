/* The judge of conservation (31). Money is where accounts say it is (balances, and what is held of
 * them), or on its way with a transaction that the journal calls open. So: outside of the time
 * between its acceptance and its end a transaction moves nothing; when it is over, what it moved
 * adds up to nothing and it holds nothing; what is read at the end is the opening and all deltas.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/judge/facts.h"

struct sums {
	int64_t balance, held;
};

struct bank {
	struct facts *facts;
	struct sums *sagas, *accounts;
	struct moment *touched; /* by saga: last */
};

static struct moment when(const struct history_effect *e)
{
	return (struct moment){.order = e->order, .at_ms = e->at_ms};
}

static void take(struct bank *b, const struct history_effect *e)
{
	struct facts *f = b->facts;
	struct sums *account = &b->accounts[e->account];
	bool interactive;

	account->balance += e->delta;
	account->held += e->held;
	f->verdict->count.held_sums += e->held != 0;
	if (e->saga == HISTORY_NONE)
		return;
	b->sagas[e->saga].balance += e->delta;
	b->sagas[e->saga].held += e->held;
	b->touched[e->saga] = when(e);
	/* There a branch works before anybody is told, may come too late, and goes back alone (S9).
	 */
	interactive = history_interactive(&f->history->sagas[e->saga]);
	if (!moment_by(f->sagas[e->saga].accepted, e->order) && !interactive)
		verdict_broken(f->verdict, LAW(31, ""), e->saga, e->step, when(e),
			       "saga %u moves money before it is accepted", e->saga);
	if (moment_by(f->sagas[e->saga].finished, e->order) && !facts_lies(f, e->saga, e->step) &&
	    (e->delta != 0 || (e->held != 0 && !interactive)))
		verdict_broken(f->verdict, LAW(31, ""), e->saga, e->step, when(e),
			       "saga %u moves money when it is over", e->saga);
}

static void check_saga(struct bank *b, uint32_t saga)
{
	const struct facts_saga *s = &b->facts->sagas[saga];
	const struct sums *sums = &b->sagas[saga];
	const bool over = s->finished.order != 0 || s->accepted_times == 0;

	b->facts->verdict->count.transfers += b->touched[saga].order != 0;
	/* What decided by itself, or lies, is somebody's to mend by hand. */
	if (!over || s->heuristics > 0 || facts_has_liar(b->facts, saga) ||
	    facts_excused(b->facts, saga))
		return;
	if (sums->balance + sums->held != 0)
		verdict_broken(b->facts->verdict, LAW(31, ""), saga, HISTORY_NONE, b->touched[saga],
			       "saga %u is over, and %" PRId64 " came out of nothing", saga,
			       sums->balance + sums->held);
	else if (sums->held != 0)
		verdict_broken(b->facts->verdict, LAW(31, ""), saga, HISTORY_NONE, b->touched[saga],
			       "saga %u is over, and still holds %" PRId64, saga, sums->held);
}

static void check_account(struct bank *b, uint32_t number)
{
	const struct history_account *a = &b->facts->history->accounts[number];
	const struct sums *sums = &b->accounts[number];
	const struct moment end = {.order = b->facts->history->order,
				   .at_ms = b->facts->history->end_ms};

	if (!a->read)
		return;
	if (a->balance != a->opening + sums->balance || a->held != sums->held)
		verdict_broken(b->facts->verdict, LAW(31, ""), HISTORY_NONE, HISTORY_NONE, end,
			       "account %u is read as %" PRId64 " and %" PRId64
			       " held, its ledger says %" PRId64 " and %" PRId64,
			       number, a->balance, a->held, a->opening + sums->balance, sums->held);
}

void judge_bank(struct facts *f)
{
	const struct history *h = f->history;
	struct bank b = {.facts = f};

	b.sagas = calloc(h->saga_count + 1, sizeof *b.sagas);
	b.accounts = calloc(h->account_count + 1, sizeof *b.accounts);
	b.touched = calloc(h->saga_count + 1, sizeof *b.touched);
	CHECK(b.sagas != NULL && b.accounts != NULL && b.touched != NULL);
	for (uint32_t i = 0; i < h->effect_count; i++)
		if (h->effects[i].account < h->account_count)
			take(&b, &h->effects[i]);
	for (uint32_t i = 0; i < h->saga_count; i++)
		check_saga(&b, i);
	for (uint32_t i = 0; i < h->account_count; i++)
		check_account(&b, i);
	free(b.sagas);
	free(b.accounts);
	free(b.touched);
}
