/* The rules that a plan must meet. */
#include <stdio.h>

#include "base/check.h"
#include "wire/check.h"
#include "wire/pick.h"
#include "wire/plan.h"

enum {
	TIMEOUT_MIN_MS = 10,
	TIMEOUT_MAX_MS = 86400000, /* a day: of an attempt, and the cap between attempts */
	IDLE_MIN_MS = 100,
	RETRY_INITIAL_MAX_MS = 3600000,
	RETRY_FACTOR_MIN_PERCENT = 100,
	RETRY_FACTOR_MAX_PERCENT = 10000,
	RETRY_JITTER_MAX_PERCENT = 100,
	RETRY_ATTEMPTS_MAX = 1000,
};
#define DEADLINE_MAX_MS UINT32_C(2592000000) /* 30 days */
_Static_assert(WIRE_STEPS_MAX <= 64, "sets of steps are 64-bit words here");

struct plan_check {
	const struct wire_plan *plan;
	struct buf *why;
	/* Not NULL: wants all faults. A check that has told one then goes on, as if it were good.
	 */
	void (*tell)(void *context, const struct wire_plan_fault *fault);
	void *context;
	uint64_t all; /* its steps, as bits */
	uint32_t step;
	bool no_graph; /* what its steps wait for makes no sense */
};

/* `what` is a sentence about the step, without the step. A bad name is not echoed. */
static int step_fault(const struct plan_check *check, int code, uint32_t key, const char *what)
{
	const struct slice name = check->plan->steps[check->step].name;

	if (check->tell != NULL) {
		check->tell(check->context,
			    &(struct wire_plan_fault){
				    .code = code, .step = check->step, .key = key, .text = what});
		return 0;
	}
	if (check->why == NULL)
		return code;
	if (id_valid(name))
		(void)buf_printf(check->why, "step \"%.*s\": %s", (int)name.size,
				 (const char *)name.data, what);
	else
		(void)buf_printf(check->why, "step number %u: %s", check->step + 1, what);
	return code;
}

static int plan_fault(const struct plan_check *check, int code, uint32_t key, const char *what)
{
	if (check->tell != NULL) {
		check->tell(check->context, &(struct wire_plan_fault){.code = code,
								      .step = WIRE_STEPS_MAX,
								      .key = key,
								      .text = what});
		return 0;
	}
	if (check->why != NULL)
		(void)buf_printf(check->why, "the plan %s", what);
	return code;
}

static int check_name(const struct plan_check *check, struct slice name, bool needed, uint32_t key,
		      const char *what)
{
	char text[96];

	if (id_valid(name) || (name.size == 0 && !needed))
		return 0;
	(void)snprintf(text, sizeof text, "its %s must match [A-Za-z0-9_-]{1,64}", what);
	return step_fault(check, SAGA_E_NAME, key, text);
}

static int check_names(const struct plan_check *check)
{
	const struct wire_step *step = &check->plan->steps[check->step];
	int error = check_name(check, step->name, true, WIRE_STEP_KEY_NAME, "name");

	if (error == 0)
		error = check_name(check, step->service, true, WIRE_STEP_KEY_SERVICE, "service");
	if (error == 0)
		error = check_name(check, step->forward, true, WIRE_STEP_KEY_FORWARD,
				   "forward operation");
	if (error == 0)
		error = check_name(check, step->finish, false, WIRE_STEP_KEY_FINISH,
				   "finish operation");
	if (error == 0)
		error = check_name(check, step->undo, false, WIRE_STEP_KEY_UNDO, "undo operation");
	if (error == 0)
		error = check_name(check, step->one_phase, false, WIRE_STEP_KEY_ONE_PHASE,
				   "one-phase operation");
	for (uint32_t i = 0; error == 0 && i < check->step; i++)
		if (slice_equal(check->plan->steps[i].name, step->name))
			error = step_fault(check, SAGA_E_PLAN, WIRE_STEP_KEY_NAME,
					   "another step has the same name");
	return error;
}

/* What a kind of step must have, may have and must not have. */
struct kind_rule {
	uint32_t kind;  /* enum wire_protocol */
	uint32_t flags; /* exactly these */
	bool finish;    /* must, else must not */
	bool undo;      /* likewise, unless it may */
	bool may_undo;
	bool may_one_phase;
	const char *operations; /* of it, in words */
};

static const struct kind_rule kind_rules[] = {
	{.kind = WIRE_PROTOCOL_SAGA,
	 .may_undo = true,
	 .operations = "a step of a saga has an action, an undo or none, and nothing else"},
	{.kind = WIRE_PROTOCOL_SAGA,
	 .flags = WIRE_STEP_OPTIONAL,
	 .may_undo = true,
	 .operations = "an optional step has an action, an undo or none, and nothing else"},
	{.kind = WIRE_PROTOCOL_SAGA,
	 .flags = WIRE_STEP_PIVOT,
	 .operations = "a pivot has an action alone: nothing undoes it"},
	{.kind = WIRE_PROTOCOL_SAGA,
	 .flags = WIRE_STEP_RETRIABLE,
	 .operations = "a retriable step has an action alone: it is never undone"},
	{.kind = WIRE_PROTOCOL_TCC,
	 .finish = true,
	 .undo = true,
	 .operations = "a step of TCC has try, confirm and cancel, and nothing else"},
	{.kind = WIRE_PROTOCOL_2PC,
	 .finish = true,
	 .undo = true,
	 .may_one_phase = true,
	 .operations = "a step of 2PC has prepare, commit and rollback"},
	{.kind = WIRE_PROTOCOL_2PC,
	 .flags = WIRE_STEP_PIVOT,
	 .operations = "the last resource of 2PC has one operation alone: it does not vote"},
};

static int check_kind(const struct plan_check *check)
{
	const struct wire_plan *plan = check->plan;
	const struct wire_step *step = &plan->steps[check->step];

	if (plan->protocol == WIRE_PROTOCOL_MIXED && step->kind == 0)
		return step_fault(check, SAGA_E_PLAN, WIRE_STEP_KEY_KIND,
				  "a step of a mixed plan must say its kind: saga, tcc or 2pc");
	if (plan->protocol != WIRE_PROTOCOL_MIXED && step->kind != 0)
		return step_fault(check, SAGA_E_PLAN, WIRE_STEP_KEY_KIND,
				  "only a step of a mixed plan says its kind");
	for (uint32_t i = 0; i < sizeof kind_rules / sizeof kind_rules[0]; i++) {
		const struct kind_rule *rule = &kind_rules[i];

		if (rule->kind != wire_step_kind(plan, step) || rule->flags != step->flags)
			continue;
		if ((step->finish.size > 0) != rule->finish ||
		    ((step->undo.size > 0) != rule->undo && !rule->may_undo) ||
		    (step->one_phase.size > 0 && !rule->may_one_phase))
			return step_fault(check, SAGA_E_PLAN, 0, rule->operations);
		return 0;
	}
	return step_fault(
		check, SAGA_E_PLAN, WIRE_STEP_KEY_FLAGS,
		"there is no such kind of step: pivot, retriable and optional stand alone, "
		"and the last two in a saga only");
}

static int check_retry(const struct plan_check *check, const struct wire_retry *retry, uint32_t key)
{
	if (retry->initial_ms < 1 || retry->initial_ms > RETRY_INITIAL_MAX_MS)
		return step_fault(check, SAGA_E_POLICY, key,
				  "the first retry interval must be 1 ms to 1 hour");
	if (retry->factor_percent < RETRY_FACTOR_MIN_PERCENT ||
	    retry->factor_percent > RETRY_FACTOR_MAX_PERCENT)
		return step_fault(check, SAGA_E_POLICY, key, "the retry factor must be 1 to 100");
	if (retry->cap_ms < retry->initial_ms || retry->cap_ms > TIMEOUT_MAX_MS)
		return step_fault(check, SAGA_E_POLICY, key,
				  "the longest retry interval must be at least the first and at "
				  "most 1 day");
	if (retry->jitter_percent > RETRY_JITTER_MAX_PERCENT)
		return step_fault(check, SAGA_E_POLICY, key, "the retry jitter must be 0 to 1");
	if (retry->attempts < 1 || retry->attempts > RETRY_ATTEMPTS_MAX)
		return step_fault(check, SAGA_E_POLICY, key, "the attempts must be 1 to 1000");
	return 0;
}

static int check_times(const struct plan_check *check)
{
	const struct wire_step *step = &check->plan->steps[check->step];

	if (step->attempt_timeout_ms < TIMEOUT_MIN_MS || step->attempt_timeout_ms > TIMEOUT_MAX_MS)
		return step_fault(check, SAGA_E_POLICY, WIRE_STEP_KEY_ATTEMPT_TIMEOUT,
				  "the attempt time-out must be 10 ms to 1 day");
	if (step->budget_ms != 0 &&
	    (step->budget_ms < TIMEOUT_MIN_MS || step->budget_ms > DEADLINE_MAX_MS))
		return step_fault(check, SAGA_E_POLICY, WIRE_STEP_KEY_BUDGET,
				  "the budget must be 0 (none) or 10 ms to 30 days");
	const int error = check_retry(check, &step->retry, WIRE_STEP_KEY_RETRY);
	return error != 0 ? error : check_retry(check, &step->undo_retry, WIRE_STEP_KEY_UNDO_RETRY);
}

static int check_shape(const struct plan_check *check)
{
	const struct wire_step *step = &check->plan->steps[check->step];

	if (step->delivery != WIRE_DELIVERY_DURABLE && step->delivery != WIRE_DELIVERY_DIRECT)
		return step_fault(check, SAGA_E_PLAN, WIRE_STEP_KEY_DELIVERY,
				  "its delivery must be durable or direct");
	/* It says something about the service: how fast and how forgetful it is. */
	for (uint32_t i = 0; i < check->step; i++)
		if (slice_equal(check->plan->steps[i].service, step->service) &&
		    check->plan->steps[i].delivery != step->delivery)
			return step_fault(
				check, SAGA_E_PLAN, WIRE_STEP_KEY_DELIVERY,
				"another step reaches the same service by another delivery");
	return 0;
}

static int check_after(struct plan_check *check)
{
	const struct wire_step *step = &check->plan->steps[check->step];
	const char *what = NULL;
	uint64_t seen = 0;

	for (uint32_t i = 0; i < step->after.size && what == NULL; i++) {
		const uint32_t index = step->after.data[i];

		if (index >= check->plan->step_count)
			what = "it depends on a step there is not";
		else if (index == check->step)
			what = "it depends on itself";
		else if ((seen >> index & 1) != 0)
			what = "it depends twice on the same step";
		else
			seen |= UINT64_C(1) << index;
	}
	if (what == NULL)
		return 0;
	check->no_graph = true;
	return step_fault(check, SAGA_E_PLAN, WIRE_STEP_KEY_AFTER, what);
}

/* Takes away, round by round, the steps whose dependencies are gone; what stays is in a cycle. */
static int check_cycles(struct plan_check *check, const uint64_t *after)
{
	uint64_t open = check->all;

	for (bool moved = true; moved && open != 0;) {
		moved = false;
		for (uint32_t i = 0; i < check->plan->step_count; i++) {
			if ((open >> i & 1) == 0 || (after[i] & open) != 0)
				continue;
			open &= ~(UINT64_C(1) << i);
			moved = true;
		}
	}
	if (open == 0)
		return 0;
	check->step = (uint32_t)__builtin_ctzll(open);
	check->no_graph = true;
	return step_fault(check, SAGA_E_PLAN, WIRE_STEP_KEY_AFTER,
			  "it is part of, or waits for, a cycle");
}

static int one_pivot(struct plan_check *check, uint32_t *pivot)
{
	const struct wire_plan *plan = check->plan;
	int error = 0;

	*pivot = WIRE_STEPS_MAX;
	for (uint32_t i = 0; i < plan->step_count && error == 0; i++) {
		check->step = i;
		if (!(plan->steps[i].flags & WIRE_STEP_PIVOT))
			continue;
		if (*pivot == WIRE_STEPS_MAX)
			*pivot = i;
		else
			error = step_fault(
				check, SAGA_E_PLAN, WIRE_STEP_KEY_FLAGS,
				"another step is the point of no return: there is one at most");
	}
	return error;
}

/* *told: one stands where it cannot, so what comes behind it is not to be judged. */
static int check_retriable(struct plan_check *check, uint32_t pivot, bool *told)
{
	const struct wire_plan *plan = check->plan;
	int error = 0;

	for (uint32_t i = 0; i < plan->step_count && error == 0; i++) {
		const char *what = NULL;

		check->step = i;
		if (!(plan->steps[i].flags & WIRE_STEP_RETRIABLE))
			continue;
		if (pivot == WIRE_STEPS_MAX)
			what = "it is retriable, and the plan has no pivot before it";
		else if ((wire_plan_behind(plan, i) >> pivot & 1) != 0)
			what = "it is retriable, so it comes behind the pivot, which waits for it";
		if (what == NULL)
			continue;
		error = step_fault(check, SAGA_E_PLAN, WIRE_STEP_KEY_FLAGS, what);
		*told = true;
	}
	return error;
}

/* S4: at most one step that nothing can take back, and behind it only what need not be; also behind
 * it by what S4 itself adds, such as a step that waits for a retriable one. */
static int check_pivot(struct plan_check *check, const uint64_t *edges)
{
	const struct wire_plan *plan = check->plan;
	uint32_t pivot;
	bool told = false;
	int error = one_pivot(check, &pivot);

	if (error == 0)
		error = check_retriable(check, pivot, &told);
	for (uint32_t i = 0; i < plan->step_count && error == 0 && !told; i++) {
		const uint32_t flags = plan->steps[i].flags;

		check->step = i;
		if (pivot == WIRE_STEPS_MAX || flags != 0 ||
		    (wire_plan_ancestors(edges, i) >> pivot & 1) == 0)
			continue;
		error = step_fault(check, SAGA_E_PLAN, WIRE_STEP_KEY_AFTER,
				   "it waits for the point of no return, so it must be retriable "
				   "or optional");
	}
	return error;
}

/* A step may pick only from what is there for sure when it is sent. */
static int check_inputs(struct plan_check *check, const uint64_t *after)
{
	const struct wire_plan *plan = check->plan;
	char sentence[192];
	struct buf why;

	for (uint32_t i = 0; i < plan->step_count; i++) {
		if (plan->steps[i].input.size == 0)
			continue;
		check->step = i;
		buf_init_fixed(&why, sentence, sizeof sentence - 1);
		if (wire_pick_check(plan->steps[i].input, plan, i, wire_plan_ancestors(after, i),
				    &why) == 0)
			continue;
		sentence[why.size] = '\0';
		const int error = step_fault(check, SAGA_E_PLAN, WIRE_STEP_KEY_INPUT, sentence);
		if (error != 0)
			return error;
	}
	return 0;
}

static int check_graph(struct plan_check *check)
{
	uint64_t after[WIRE_STEPS_MAX] = {0};
	int error;

	for (uint32_t i = 0; i < check->plan->step_count; i++)
		for (uint32_t j = 0; j < check->plan->steps[i].after.size; j++)
			after[i] |= UINT64_C(1) << check->plan->steps[i].after.data[j];
	error = check_cycles(check, after);
	if (error != 0 || check->no_graph)
		return error;
	wire_plan_edges(check->plan, after);
	error = check_pivot(check, after);
	if (error != 0)
		return error;
	/* What S4 adds makes no cycle in a plan that keeps to it. */
	CHECK(check->tell != NULL || check_cycles(check, after) == 0);
	return check_inputs(check, after);
}

static int check_plan(const struct plan_check *check)
{
	const struct wire_plan *plan = check->plan;

	if (!id_valid(plan->name))
		return plan_fault(check, SAGA_E_NAME, WIRE_PLAN_KEY_NAME,
				  "must have a name of [A-Za-z0-9_-]{1,64}");
	if (plan->version < 1)
		return plan_fault(check, SAGA_E_PLAN, WIRE_PLAN_KEY_VERSION,
				  "must have a version of at least 1");
	if (plan->protocol < WIRE_PROTOCOL_SAGA || plan->protocol > WIRE_PROTOCOL_MIXED)
		return plan_fault(check, SAGA_E_PLAN, WIRE_PLAN_KEY_PROTOCOL,
				  "must be a saga, tcc, 2pc or mixed");
	if (plan->deadline_ms < TIMEOUT_MIN_MS || plan->deadline_ms > DEADLINE_MAX_MS)
		return plan_fault(check, SAGA_E_DEADLINE, WIRE_PLAN_KEY_DEADLINE,
				  "must have a deadline of 10 ms to 30 days");
	if (plan->step_count > WIRE_STEPS_MAX)
		return plan_fault(check, SAGA_E_PLAN, WIRE_PLAN_KEY_STEPS,
				  "has more than 64 steps");
	return 0;
}

/* S9. Its branches come later, one by one. */
static int check_interactive(const struct plan_check *check)
{
	const struct wire_plan *plan = check->plan;

	if (!wire_plan_interactive(plan))
		return plan->step_count > 0 ? 0
					    : plan_fault(check, SAGA_E_PLAN, WIRE_PLAN_KEY_STEPS,
							 "has no steps");
	if (plan->step_count > 0)
		return plan_fault(check, SAGA_E_PLAN, WIRE_PLAN_KEY_STEPS,
				  "is interactive: its steps are enlisted, not written down");
	if (plan->protocol != WIRE_PROTOCOL_TCC && plan->protocol != WIRE_PROTOCOL_2PC)
		return plan_fault(check, SAGA_E_PLAN, WIRE_PLAN_KEY_PROTOCOL,
				  "is interactive, so it must be tcc or 2pc");
	if (plan->idle_ms < IDLE_MIN_MS || plan->idle_ms > DEADLINE_MAX_MS)
		return plan_fault(check, SAGA_E_DEADLINE, WIRE_PLAN_KEY_IDLE,
				  "must have an idle time-out of 100 ms to 30 days");
	return 0;
}

static int check_step(struct plan_check *check)
{
	int error = check_names(check);

	if (error == 0)
		error = check_kind(check);
	if (error == 0)
		error = check_shape(check);
	if (error == 0)
		error = check_after(check);
	if (error == 0)
		error = check_times(check);
	return error;
}

static int check_all(struct plan_check *check)
{
	int error = check_plan(check);

	if (error == 0)
		error = check_interactive(check);
	for (uint32_t i = 0; error == 0 && i < check->plan->step_count; i++) {
		check->step = i;
		check->all |= UINT64_C(1) << i;
		error = check_step(check);
	}
	return error != 0 || check->no_graph ? error : check_graph(check);
}

int wire_plan_check(const struct wire_plan *plan, struct buf *why)
{
	struct plan_check check = {.plan = plan, .why = why};

	return check_all(&check);
}

void wire_plan_faults(const struct wire_plan *plan,
		      void (*tell)(void *context, const struct wire_plan_fault *fault),
		      void *context)
{
	struct plan_check check = {.plan = plan, .tell = tell, .context = context};

	CHECK_LE(plan->step_count, WIRE_STEPS_MAX);
	const int error = check_all(&check);
	CHECK_EQ(error, 0);
}

int wire_step_check(const struct wire_plan *plan, uint32_t step, struct buf *why)
{
	struct plan_check check = {.plan = plan, .why = why, .step = step};
	const struct wire_step *added = &plan->steps[step];

	CHECK_LT(step, plan->step_count);
	CHECK_LE(plan->step_count, WIRE_STEPS_MAX);
	if (added->after.size > 0 || added->flags != 0 || added->input.size > 0)
		return step_fault(
			&check, SAGA_E_PLAN, 0,
			"a branch that is enlisted waits for no other, has no flags and no "
			"input of its own");
	return check_step(&check);
}
