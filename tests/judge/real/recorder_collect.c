/* All of it, in order. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/judge/real/recorder_parts.h"

/* How late a busy machine may let the tap hear. */
static const uint64_t LAG_NS = UINT64_C(2000000000);

/* ---- what was told while it happened -----------------------------------------------------------
 */

static void copy_plans(const struct history *live, struct history *h)
{
	for (uint32_t i = 0; i < live->node_count; i++)
		(void)history_add_node(h, id_slice(&live->nodes[i]));
	for (uint32_t i = 0; i < live->service_count; i++)
		(void)history_add_service(h, id_slice(&live->services[i]));
	for (uint32_t i = 0; i < live->account_count; i++)
		*history_add_account(h) = live->accounts[i];
	for (uint32_t i = 0; i < live->saga_count; i++) {
		(void)history_add_saga(h, &live->sagas[i]);
		for (uint32_t k = 0; k < live->sagas[i].step_count; k++)
			(void)history_add_step(h, history_step_of(live, i, k));
	}
}

static void copy_clients(const struct history *live, struct history *h)
{
	for (uint32_t i = 0; i < live->request_count; i++)
		*history_add_request(h, 0) = live->requests[i];
	for (uint32_t i = 0; i < live->answer_count; i++)
		*history_add_answer(h, 0) = live->answers[i];
	for (uint32_t i = 0; i < live->fault_count; i++)
		*history_add_fault(h, 0, "") = live->faults[i];
}

/* ---- ledgers -----------------------------------------------------------------------------------
 */

/* Effects of one participant never have the same time, so its order stays. */
static int by_order(const void *left, const void *right)
{
	const struct history_effect *a = left, *b = right;

	return a->order < b->order ? -1 : a->order > b->order;
}

static bool read_ledgers(struct recorder *r, struct history *h, char *why, uint32_t size)
{
	for (uint32_t i = 0; i < r->ledger_count; i++)
		if (!recorder_read_ledger(r, &r->ledgers[i], h, why, size))
			return false;
	qsort(h->effects, h->effect_count, sizeof h->effects[0], by_order);
	h->parts |= r->ledger_count > 0 ? HISTORY_LEDGER : 0;
	return true;
}

/* ---- the wire ----------------------------------------------------------------------------------
 */

static bool find(const struct history *h, const struct recorder_heard *heard, uint32_t *saga,
		 uint32_t *step)
{
	*step = HISTORY_NONE;
	return history_find_saga(h, id_slice(&heard->saga), saga) &&
	       history_find_step(h, *saga, id_slice(&heard->step), step);
}

/* The first effect of each operation, by step * HISTORY_OPS + op: a command is earlier than that.
 */
static uint64_t *first_effects(const struct history *h)
{
	uint64_t *first = calloc((size_t)(h->step_count + 1) * HISTORY_OPS, sizeof *first);

	CHECK(first != NULL);
	for (uint32_t i = h->effect_count; i > 0; i--) {
		const struct history_effect *e = &h->effects[i - 1];

		if (e->saga != HISTORY_NONE && e->step != HISTORY_NONE)
			first[(h->sagas[e->saga].first_step + e->step) * HISTORY_OPS + e->op] =
				e->order;
	}
	return first;
}

static int by_time(const void *left, const void *right)
{
	const struct recorder_heard *a = left, *b = right;

	return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

/* Only the first command of an operation can be what led to its first effect. */
static void hear_in_time(struct recorder *r, const struct history *h)
{
	uint64_t *effects = first_effects(h);

	for (uint32_t i = 0; i < r->heard_count; i++) {
		struct recorder_heard *heard = &r->heard[i];
		uint32_t saga, step;
		uint64_t *effect;

		if (!find(h, heard, &saga, &step) || heard->op >= HISTORY_OPS)
			continue;
		effect = &effects[(h->sagas[saga].first_step + step) * HISTORY_OPS + heard->op];
		if (*effect != 0 && heard->at_ns >= *effect && heard->at_ns - *effect < LAG_NS)
			heard->at_ns = *effect - 1;
		*effect = 0;
	}
	free(effects);
	qsort(r->heard, r->heard_count, sizeof r->heard[0], by_time);
}

void recorder_add_commands(struct recorder *r, struct history *h)
{
	hear_in_time(r, h);
	for (uint32_t i = 0; i < r->heard_count; i++) {
		const struct recorder_heard *heard = &r->heard[i];
		struct history_command *c = history_add_command(h, recorder_ms(heard->at_ns));

		c->order = heard->at_ns;
		c->epoch = heard->epoch;
		c->node = HISTORY_NONE;
		c->shard = heard->shard;
		c->op = heard->op;
		c->attempt = heard->attempt;
		c->input = heard->input;
		(void)find(h, heard, &c->saga, &c->step);
	}
	if (r->options.tap && !r->deaf)
		h->parts |= HISTORY_WIRE;
}

/* ------------------------------------------------------------------------------------------------
 */

struct history *recorder_collect(struct recorder *r, bool ended, char *why, uint32_t size)
{
	struct history *h = &r->history;
	uint64_t now_ns;
	bool good;

	history_close(h);
	history_init(h, r->options.shard_count);
	now_ns = recorder_lock(r);
	copy_plans(&r->live, h);
	copy_clients(&r->live, h);
	h->parts = r->live.parts | HISTORY_CLIENTS | (ended ? (uint32_t)HISTORY_END : 0);
	h->start_ms = r->live.start_ms;
	h->heal_ms = r->live.heal_ms;
	h->end_ms = recorder_ms(now_ns);
	(void)snprintf(h->source, sizeof h->source, "%s", r->source);
	recorder_unlock(r); /* the tap goes on */
	good = recorder_read_journals(r, h, why, size) && read_ledgers(r, h, why, size);
	if (!good)
		return NULL;
	h->parts |= HISTORY_JOURNAL;
	now_ns = recorder_lock(r);
	recorder_add_commands(r, h);
	h->order = now_ns;
	recorder_unlock(r);
	return h;
}

static void print_finding(const struct history *h, const struct finding *finding, FILE *file)
{
	const uint32_t saga = finding->saga, step = finding->step;
	char text[512];

	finding_text(finding, text, sizeof text);
	(void)fprintf(file, "  %s", text);
	if (saga < h->saga_count)
		(void)fprintf(file, " (%s", h->sagas[saga].id.text);
	if (saga < h->saga_count && step < h->sagas[saga].step_count)
		(void)fprintf(file, ", %s", history_step_of(h, saga, step)->name.text);
	(void)fprintf(file, saga < h->saga_count ? ")\n" : "\n");
}

void recorder_print(const struct history *h, const struct verdict *v, uint32_t most, FILE *file)
{
	for (uint32_t i = 0; i < verdict_kept(v) && i < most; i++)
		print_finding(h, &v->findings[i], file);
	if (v->finding_count > most)
		(void)fprintf(file, "  and %" PRIu32 " more\n", v->finding_count - most);
	for (uint32_t i = 0; i < v->unseen_count && i < VERDICT_UNSEEN; i++)
		(void)fprintf(file, "  %s\n", v->unseen[i]);
}
