#include "tests/judge/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/judge/facts.h"

struct judge_options judge_defaults(void)
{
	return (struct judge_options){
		.grace_ms = 5000,
		.end_ms = 120000,
		.owner_ms = 30000,
		.timer_ms = 3000,
		.moves = 10,
		.sends = 16, /* at most 8 in 300 seeds of the simulator */
		.clock_step_ms = 10000,
		.clock_behind_ms = 10,
	};
}

/* ---- which judges there are --------------------------------------------------------------------
 */

struct judge {
	const char *name;
	void (*run)(struct facts *f);
	uint32_t needs; /* parts */
};

static const struct judge judges[] = {
	{"journal", judge_journal, HISTORY_JOURNAL},
	{"set", judge_set, HISTORY_JOURNAL | HISTORY_CLIENTS},
	{"wire", judge_wire, HISTORY_JOURNAL | HISTORY_WIRE},
	{"ledger", judge_ledger, HISTORY_JOURNAL | HISTORY_LEDGER},
	{"replies", judge_replies, HISTORY_JOURNAL | HISTORY_REPLIES},
	{"bank", judge_bank, HISTORY_JOURNAL | HISTORY_LEDGER | HISTORY_ACCOUNTS},
	{"answers", judge_answers, HISTORY_JOURNAL | HISTORY_CLIENTS},
	{"status", judge_status, HISTORY_JOURNAL | HISTORY_CLIENTS},
	{"inbox", judge_inbox, HISTORY_JOURNAL | HISTORY_INBOX},
	{"states", judge_states, HISTORY_STATES},
	{"time", judge_time, HISTORY_JOURNAL},
	{"resource", judge_resource, HISTORY_JOURNAL},
};

/* What no judge needs to run at all, and each proves less without. */
static void check_parts(const struct history *h, const struct judge_options *o, struct verdict *v)
{
	static const char *const proves[HISTORY_PARTS] = {
		"what clients were told", "anything",          "what was sent",
		"what was done",          "conservation (31)", "who owned what (L2)",
		"the inbox (S12)",        "limits (34)",       "replays (22)",
		"that everything ended",  "outcomes (27)",
	};

	for (uint32_t i = 0; i < HISTORY_PARTS; i++) {
		const enum history_part part = (enum history_part)(1U << i);

		if ((h->parts & part) == 0 && (o->excused & part) == 0)
			verdict_unseen(v, "not judged: %s: no %s in the history", proves[i],
				       history_part_name(part));
	}
}

/* ---- the smallest witness first ----------------------------------------------------------------
 */

static uint32_t witness_of(const struct history *h, const struct finding *finding)
{
	uint32_t count = 0;

	if (finding->saga == HISTORY_NONE)
		return 1; /* of the whole journal, or of all: nothing else can be trusted then */
	for (uint32_t i = 0; i < h->command_count; i++)
		count += h->commands[i].saga == finding->saga &&
			 h->commands[i].order <= finding->at.order;
	for (uint32_t i = 0; i < h->effect_count; i++)
		count += h->effects[i].saga == finding->saga &&
			 h->effects[i].order <= finding->at.order;
	for (uint32_t i = 0; i < h->answer_count; i++)
		count += h->requests[h->answers[i].request].saga == finding->saga &&
			 h->answers[i].order <= finding->at.order;
	return count + 2;
}

static int by_size(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;

	if (a->liveness != b->liveness)
		return a->liveness ? 1 : -1;
	if (a->witness != b->witness)
		return a->witness < b->witness ? -1 : 1;
	return a->at.order < b->at.order ? -1 : a->at.order > b->at.order;
}

static void sort(const struct history *h, struct verdict *v)
{
	const uint32_t count = verdict_kept(v);

	for (uint32_t i = 0; i < count; i++)
		v->findings[i].witness = witness_of(h, &v->findings[i]);
	qsort(v->findings, count, sizeof v->findings[0], by_size);
}

/* ------------------------------------------------------------------------------------------------
 */

void judge_all(const struct history *h, const struct judge_options *options, struct facts *given,
	       struct verdict *v)
{
	struct facts *f = given != NULL ? given : facts_create(h, options, v);

	CHECK(f->history == h && f->verdict == v);
	facts_read(f);
	for (size_t i = 0; i < sizeof judges / sizeof judges[0]; i++)
		if ((h->parts & judges[i].needs) == judges[i].needs)
			judges[i].run(f);
	check_parts(h, options, v);
	/* Without journals nothing is known to have been taken. */
	if (v->count.accepted == 0)
		verdict_unseen(v, "nothing was accepted");
	if (v->count.completed < options->completed)
		verdict_unseen(v, "%u completed transactions of %u", (uint32_t)v->count.completed,
			       options->completed);
	if (v->count.compensated < options->compensated)
		verdict_unseen(v, "%u compensated transactions of %u",
			       (uint32_t)v->count.compensated, options->compensated);
	sort(h, v);
	if (given == NULL)
		facts_close(f);
}

enum judge_outcome judge_outcome(const struct verdict *v)
{
	for (uint32_t i = 0; i < verdict_kept(v); i++)
		if (!v->findings[i].liveness)
			return JUDGE_BROKEN;
	if (v->finding_count > 0)
		return JUDGE_LATE;
	return v->unseen_count > 0 ? JUDGE_INCONCLUSIVE : JUDGE_PASSED;
}

const char *judge_outcome_name(enum judge_outcome outcome)
{
	static const char *const names[] = {"passed", "broken", "late", "inconclusive"};

	return names[outcome];
}
