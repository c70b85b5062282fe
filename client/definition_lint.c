/* What a definition that is valid will hardly be meant to do. Warnings, since only its author
 * knows: each says what may happen, and is silent where nobody has chosen anything. */
#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"
#include "client/definition.h"
#include "client/definition_problems.h"
#include "wire/plan.h"

enum { LOCKS_LONG_MS = 30000, NO_STEP = WIRE_STEPS_MAX };

struct lint {
	const struct wire_plan *plan;
	const struct definition_places *places;
	struct problems *problems;
	uint64_t edges[WIRE_STEPS_MAX];
	uint64_t before[WIRE_STEPS_MAX]; /* all that a step waits for */
	uint32_t pivot;                  /* or NO_STEP */
	/* Of the slowest chain of steps that ends with this one. */
	uint64_t slowest_ms[WIRE_STEPS_MAX];
	uint32_t previous[WIRE_STEPS_MAX]; /* the one before it there, or NO_STEP */
	uint32_t last;                     /* of the slowest chain of all */
};

static const char *name_of(const struct lint *lint, uint32_t step)
{
	/* Names of a definition end with a NUL. */
	return (const char *)lint->plan->steps[step].name.data;
}

/* Where a key of a step stands; without it the step. */
static struct problem_place key_place(const struct lint *lint, uint32_t step,
				      enum definition_step_key key, char *pointer, size_t size)
{
	struct definition_place place = lint->places->keys[step][key];

	if (place.line == 0)
		place = lint->places->step[step];
	(void)snprintf(pointer, size, "/steps/%" PRIu32 "/%s", step, definition_step_keys[key]);
	return (struct problem_place){place.line, place.column, pointer};
}

#define WARN(lint, step, key, code, ...)                                                           \
	do {                                                                                       \
		char warn_pointer[PROBLEM_POINTER_SIZE];                                           \
		problems_add((lint)->problems,                                                     \
			     key_place(lint, step, key, warn_pointer, sizeof warn_pointer), code,  \
			     __VA_ARGS__);                                                         \
	} while (0)

static bool written(const struct lint *lint, uint32_t step, enum definition_step_key key)
{
	return lint->places->keys[step][key].line != 0;
}

/* ---- how long it may take -----------------------------------------------------------------------
 */

/* All attempts unanswered, with the waits between them; jitter is as often shorter as longer. */
static uint64_t attempts_ms(const struct wire_step *step)
{
	uint64_t total_ms = (uint64_t)step->attempt_timeout_ms * step->retry.attempts;
	uint64_t wait_ms = step->retry.initial_ms;

	for (uint32_t i = 1; i < step->retry.attempts; i++) {
		wait_ms = wait_ms < step->retry.cap_ms ? wait_ms : step->retry.cap_ms;
		total_ms += wait_ms;
		wait_ms = wait_ms * step->retry.factor_percent / 100;
	}
	return total_ms;
}

/* What is behind the point of no return the deadline does not end. */
static bool counts(const struct lint *lint, uint32_t step)
{
	return lint->pivot == NO_STEP || (lint->before[step] >> lint->pivot & 1) == 0;
}

static uint64_t worst_ms(const struct lint *lint, uint32_t step)
{
	const struct wire_step *of = &lint->plan->steps[step];
	const uint64_t attempts = attempts_ms(of);

	if (!counts(lint, step))
		return 0;
	return of->budget_ms > 0 && of->budget_ms < attempts ? of->budget_ms : attempts;
}

/* Step by step, those first whose chains are known. */
static void find_slowest(struct lint *lint)
{
	const uint32_t count = lint->plan->step_count;
	uint64_t done = 0;

	for (bool moved = true; moved;) {
		moved = false;
		for (uint32_t i = 0; i < count; i++) {
			if ((done >> i & 1) != 0 || (lint->edges[i] & ~done) != 0)
				continue;
			lint->previous[i] = NO_STEP;
			for (uint32_t j = 0; j < count; j++) {
				if ((lint->edges[i] >> j & 1) == 0 ||
				    (lint->previous[i] != NO_STEP &&
				     lint->slowest_ms[lint->previous[i]] >= lint->slowest_ms[j]))
					continue;
				lint->previous[i] = j;
			}
			lint->slowest_ms[i] = worst_ms(lint, i);
			if (lint->previous[i] != NO_STEP)
				lint->slowest_ms[i] += lint->slowest_ms[lint->previous[i]];
			done |= UINT64_C(1) << i;
			moved = true;
		}
	}
	for (uint32_t i = 0; i < count; i++)
		if (counts(lint, i) && (!counts(lint, lint->last) ||
					lint->slowest_ms[i] > lint->slowest_ms[lint->last]))
			lint->last = i;
}

/* "a, b, c", from the first; what does not fit is left out. */
static void chain_text(const struct lint *lint, char *text, uint32_t size)
{
	uint32_t steps[WIRE_STEPS_MAX];
	uint32_t count = 0;
	struct buf out;

	for (uint32_t step = lint->last; step != NO_STEP; step = lint->previous[step])
		steps[count++] = step;
	buf_init_fixed(&out, text, size - 4);
	for (uint32_t i = count; i > 0; i--)
		(void)buf_printf(&out, "%s%s", i == count ? "" : ", ", name_of(lint, steps[i - 1]));
	(void)snprintf(text + out.size, 4, "%s", buf_error(&out) != 0 ? "..." : "");
}

static bool times_chosen(const struct lint *lint)
{
	if (lint->places->root[ROOT_DEADLINE].line != 0)
		return true;
	for (uint32_t i = 0; i < lint->plan->step_count; i++)
		if (written(lint, i, STEP_TIMEOUT) || written(lint, i, STEP_RETRY) ||
		    written(lint, i, STEP_BUDGET))
			return true;
	return lint->places->root[ROOT_DEFAULTS].line != 0;
}

static void check_deadline(const struct lint *lint)
{
	const uint64_t slowest_ms = lint->slowest_ms[lint->last];
	struct definition_place place = lint->places->root[ROOT_DEADLINE];
	char deadline[UNITS_TEXT_SIZE];
	char slowest[UNITS_TEXT_SIZE];
	char chain[100];

	if (slowest_ms <= lint->plan->deadline_ms || !times_chosen(lint))
		return;
	if (place.line == 0)
		place = (struct definition_place){1, 1};
	units_format_duration(lint->plan->deadline_ms, deadline);
	units_format_duration(slowest_ms, slowest);
	chain_text(lint, chain, sizeof chain);
	problems_add(lint->problems, (struct problem_place){place.line, place.column, "/deadline"},
		     PROBLEM_LINT_DEADLINE,
		     "deadline: %s ends before the attempts of %s, which may last %s", deadline,
		     chain, slowest);
}

static void check_budget(const struct lint *lint, uint32_t step)
{
	const struct wire_step *of = &lint->plan->steps[step];
	char budget[UNITS_TEXT_SIZE];
	char wanted[UNITS_TEXT_SIZE];

	if (!written(lint, step, STEP_BUDGET) || of->budget_ms >= attempts_ms(of) ||
	    (of->flags & WIRE_STEP_RETRIABLE) != 0)
		return;
	units_format_duration(of->budget_ms, budget);
	units_format_duration(attempts_ms(of), wanted);
	WARN(lint, step, STEP_BUDGET, PROBLEM_LINT_BUDGET,
	     "budget: %s ends before the %" PRIu32 " attempts of step \"%s\", which may last %s",
	     budget, of->retry.attempts, name_of(lint, step), wanted);
}

/* Whoever has voted holds its locks until the slowest is through. */
static void check_locks(const struct lint *lint, uint32_t step)
{
	const struct wire_plan *plan = lint->plan;
	uint64_t held_ms = lint->slowest_ms[lint->last];
	char held[UNITS_TEXT_SIZE];

	if (wire_step_kind(plan, &plan->steps[step]) != WIRE_PROTOCOL_2PC ||
	    plan->steps[step].flags != 0 || plan->step_count == 1)
		return;
	if (held_ms > plan->deadline_ms)
		held_ms = plan->deadline_ms;
	if (held_ms <= LOCKS_LONG_MS)
		return;
	units_format_duration(held_ms, held);
	WARN(lint, step, STEP_PREPARE, PROBLEM_LINT_LOCKS,
	     "prepare: step \"%s\" may hold its locks for %s, until \"%s\" is through",
	     name_of(lint, step), held, name_of(lint, lint->last));
}

/* ---- what may be left over ----------------------------------------------------------------------
 */

/* A no of it undoes the rest. */
static bool may_fail(const struct lint *lint, uint32_t step)
{
	const uint32_t flags = lint->plan->steps[step].flags;

	return (flags & (WIRE_STEP_RETRIABLE | WIRE_STEP_OPTIONAL)) == 0;
}

static void check_undo(const struct lint *lint, uint32_t step)
{
	const struct wire_plan *plan = lint->plan;
	const struct wire_step *of = &plan->steps[step];

	if (wire_step_kind(plan, of) != WIRE_PROTOCOL_SAGA || of->undo.size > 0 ||
	    (of->flags & (WIRE_STEP_PIVOT | WIRE_STEP_RETRIABLE)) != 0 || !counts(lint, step))
		return;
	for (uint32_t i = 0; i < plan->step_count; i++) {
		const bool later = (lint->before[i] >> step & 1) != 0;

		if (i == step || (lint->before[step] >> i & 1) != 0 || !may_fail(lint, i))
			continue;
		WARN(lint, step, STEP_COMPENSATE, PROBLEM_LINT_UNDO,
		     "compensate: nothing undoes step \"%s\", and \"%s\" %s it may fail: right "
		     "only "
		     "if it changes nothing",
		     name_of(lint, step), name_of(lint, i), later ? "behind" : "beside");
		return;
	}
}

/* The order on paper is not the order of events. */
static void check_order(const struct lint *lint)
{
	if (lint->pivot == NO_STEP)
		return;
	for (uint32_t i = lint->pivot + 1; i < lint->plan->step_count; i++) {
		if (!counts(lint, i))
			continue;
		WARN(lint, i, STEP_AFTER, PROBLEM_LINT_ORDER,
		     "step \"%s\" stands below the point of no return, \"%s\", which waits for it: "
		     "write it above",
		     name_of(lint, i), name_of(lint, lint->pivot));
	}
}

void definition_lint(const struct saga_definition *definition,
		     const struct definition_places *places, struct problems *problems)
{
	struct lint lint = {
		.plan = &definition->plan,
		.places = places,
		.problems = problems,
		.pivot = NO_STEP,
	};

	wire_plan_edges(lint.plan, lint.edges);
	for (uint32_t i = 0; i < lint.plan->step_count; i++) {
		lint.before[i] = wire_plan_ancestors(lint.edges, i);
		if (lint.plan->steps[i].flags & WIRE_STEP_PIVOT)
			lint.pivot = i;
	}
	find_slowest(&lint);
	check_deadline(&lint);
	check_order(&lint);
	for (uint32_t i = 0; i < lint.plan->step_count; i++) {
		check_budget(&lint, i);
		check_locks(&lint, i);
		check_undo(&lint, i);
	}
}
