/* What happened, one line each, and how a case fails. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/txn_prop.h"

static struct prop_note notes[PROP_NOTES];
static uint32_t note_count;

struct prop_note *prop_note(char kind, uint32_t step, uint32_t op, uint32_t what)
{
	struct prop_note *n = &notes[note_count < PROP_NOTES ? note_count++ : PROP_NOTES - 1];

	*n = (struct prop_note){.kind = (uint8_t)kind,
				.step = (uint8_t)step,
				.op = (uint8_t)op,
				.what = (uint8_t)what,
				.at = prop.now};
	return n;
}

static const char *op_text(uint32_t op)
{
	static const char *const names[] = {"-", "forward", "finish", "undo", "settle"};

	return op < 5 ? names[op] : "?";
}

static const char *outcome_text(uint32_t outcome)
{
	static const char *const names[] = {"nothing",   "ok",       "rejected", "retry",
					    "park",      "working",  "stale",    "expired",
					    "read-only", "heuristic"};

	return outcome < 10 ? names[outcome] : "odd";
}

static const char *event_text(uint32_t event)
{
	static const char *const names[] = {"?",       "ok",         "rejected",  "again",
					    "unknown", "dispatched", "read-only", "heuristic"};

	return event < 8 ? names[event] : "?";
}

static const char *request_text(uint32_t kind)
{
	static const char *const names[] = {"?",      "submit", "query",   "cancel",
					    "reply",  "list",   "tick",    "inbox",
					    "enlist", "commit", "inquire", "probe"};

	return kind < 12 ? names[kind] : "?";
}

static void tell_traffic(const struct prop_note *n)
{
	const char step = (char)('a' + n->step);

	if (n->kind == '>')
		printf("> %c %s attempt %u%s\n", step, op_text(n->op), n->number,
		       n->code ? " call" : "");
	else if (n->kind == 'P')
		printf("  %c at its service: %s, attempt %u of epoch %llu: %s\n", step,
		       op_text(n->op), n->number, (unsigned long long)n->until,
		       outcome_text(n->what));
	else if (n->kind == '<')
		printf("< %c %s attempt %u: %s%s%s\n", step, op_text(n->op), n->number,
		       outcome_text(n->what), n->text ? ", " : "", n->text ? n->text : "");
	else if (n->kind == 'A')
		printf("> answer %u: code %u state %u decision %u%s\n", n->number, n->code, n->what,
		       n->op, n->step ? " final" : "");
	else if (n->kind == 'C')
		printf("< %s as %u%s%s", request_text(n->what), n->number, n->text ? " " : "",
		       n->text ? n->text : "");
	if (n->kind == 'C')
		printf(n->what == TXN_EVENT_ENLIST ? " %c\n" : "\n", step);
}

static void tell_record(const struct prop_note *n)
{
	const char step = (char)('a' + n->step);

	printf("+ %u ", n->number);
	if (n->kind == 'b')
		printf("branch %c %s %s, attempt %u", step, op_text(n->op), event_text(n->what),
		       n->code);
	else if (n->kind == 'd')
		printf("decision verdict %u reason %u", n->op, n->what);
	else if (n->kind == 'p')
		printf("parked %c %s, attempts %u", step, op_text(n->op), n->code);
	else if (n->kind == 'e')
		printf("enlisted %c", step);
	else if (n->kind == 'f')
		printf("finished %s", txn_state_name(n->what));
	else
		printf("%s", n->text ? n->text : "?");
	if (n->until)
		printf(" until %llu", (unsigned long long)n->until);
	printf("\n");
}

static void tell(const struct prop_note *n)
{
	printf("%7llu ", (unsigned long long)(n->at - PROP_START_MS));
	if (strchr(">P<AC", n->kind))
		tell_traffic(n);
	else if (n->kind == 'T')
		printf("- tick\n");
	else if (n->kind == 'X')
		printf("X crash: of %u records %u stay\n", n->number, n->code);
	else if (n->kind == 'H')
		printf("= no more trouble from here on\n");
	else
		tell_record(n);
}

void prop_describe_plan(void)
{
	static const char *const kinds[] = {"?", "saga", "tcc", "2pc", "mixed"};

	printf("seed %llu: %s%s, %u steps, deadline %u ms, idle %u ms, trouble %u %%\n",
	       (unsigned long long)prop.seed, kinds[prop.plan.protocol],
	       prop.interactive ? ", interactive" : "", prop.count, prop.plan.deadline_ms,
	       prop.plan.idle_ms, prop.trouble_percent);
	for (uint32_t i = 0; i < prop.count; i++) {
		const struct wire_step *s = &prop.steps[i];

		printf("  %c %s%s%s%s%s%s%s%s after", (char)('a' + i), kinds[prop_kind(i)],
		       s->flags & WIRE_STEP_PIVOT ? " pivot" : "",
		       s->flags & WIRE_STEP_RETRIABLE ? " retriable" : "",
		       s->flags & WIRE_STEP_OPTIONAL ? " optional" : "",
		       s->finish.size ? " finish" : "", s->undo.size ? " undo" : "",
		       s->one_phase.size ? " one-phase" : "",
		       s->delivery == WIRE_DELIVERY_DIRECT ? " call" : " durable");
		for (uint32_t j = 0; j < prop.count; j++)
			if (prop.after[i] >> j & 1)
				printf(" %c", (char)('a' + j));
		printf("; attempts %u, undo %u; attempt %u ms, budget %u ms%s%s\n",
		       s->retry.attempts, s->undo_retry.attempts, s->attempt_timeout_ms,
		       s->budget_ms, prop.s[i].silent ? "; silent" : "",
		       prop.s[i].refused ? "; refuses" : "");
	}
}

void prop_story(void)
{
	prop_describe_plan();
	for (uint32_t i = 0; i < note_count; i++)
		tell(&notes[i]);
}

static void on_check(const char *file, int line, const char *expression, int64_t left,
		     int64_t right)
{
	prop_fail("CHECK at %s:%d: %s (%lld, %lld)", file, line, expression, (long long)left,
		  (long long)right);
}

void prop_story_begin(void)
{
	note_count = 0;
	check_set_sink(on_check);
}

void prop_fail(const char *format, ...)
{
	va_list args;

	prop_story();
	printf("FAILED, seed %llu: ", (unsigned long long)prop.seed);
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	printf("\nagain: --seed %llu --cases 1\n", (unsigned long long)prop.seed);
	(void)fflush(stdout);
	_exit(1);
}
