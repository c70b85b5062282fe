#include "wire/plan.h"

#include "base/prng.h"
#include "wire/check.h"
#include "wire/encode.h"
#include "wire/names.h"

enum {
	TIMEOUT_MIN_MS = 10,
	TIMEOUT_MAX_MS = 86400000, /* a day: of an attempt, and the cap between attempts */
	RETRY_INITIAL_MAX_MS = 3600000,
	RETRY_FACTOR_MIN_PERCENT = 100,
	RETRY_FACTOR_MAX_PERCENT = 10000,
	RETRY_JITTER_MAX_PERCENT = 100,
	RETRY_ATTEMPTS_MAX = 1000,
};
#define DEADLINE_MAX_MS UINT32_C(2592000000) /* 30 days */
_Static_assert(WIRE_STEPS_MAX <= 64, "sets of steps are 64-bit words here");

struct wire_retry wire_retry_default(void)
{
	return (struct wire_retry){
		.initial_ms = 200,
		.factor_percent = 200,
		.cap_ms = 30000,
		.jitter_percent = 20,
		.attempts = 3,
	};
}

struct wire_retry wire_retry_default_undo(void)
{
	struct wire_retry retry = wire_retry_default();

	/* An undo must succeed in the end: a parked saga costs an operator, an attempt nearly
	 * nothing. */
	retry.attempts = 10;
	return retry;
}

static void retry_resolve(struct wire_retry *retry, struct wire_retry defaults)
{
	/* No jitter is a choice, but only of someone who chose anything at all. */
	if (retry->initial_ms == 0 && retry->factor_percent == 0 && retry->cap_ms == 0 &&
	    retry->attempts == 0 && retry->jitter_percent == 0)
		*retry = defaults;
	if (retry->initial_ms == 0)
		retry->initial_ms = defaults.initial_ms;
	if (retry->factor_percent == 0)
		retry->factor_percent = defaults.factor_percent;
	if (retry->cap_ms == 0)
		retry->cap_ms =
			retry->initial_ms > defaults.cap_ms ? retry->initial_ms : defaults.cap_ms;
	if (retry->attempts == 0)
		retry->attempts = defaults.attempts;
}

void wire_plan_resolve(struct wire_plan *plan)
{
	plan->encoded = (struct slice){0};
	plan->known = NULL;
	if (plan->protocol == 0)
		plan->protocol = WIRE_PROTOCOL_SAGA;
	if (plan->deadline_ms == 0)
		plan->deadline_ms = WIRE_DEADLINE_DEFAULT_MS;
	for (uint32_t i = 0; i < plan->step_count; i++) {
		struct wire_step *step = &plan->steps[i];
		if (step->attempt_timeout_ms == 0)
			step->attempt_timeout_ms = WIRE_ATTEMPT_TIMEOUT_DEFAULT_MS;
		if (step->delivery == 0)
			step->delivery = WIRE_DELIVERY_DURABLE;
		retry_resolve(&step->retry, wire_retry_default());
		retry_resolve(&step->undo_retry, wire_retry_default_undo());
	}
}

/* ---- checks -------------------------------------------------------------------------------- */

struct plan_check {
	const struct wire_plan *plan;
	struct buf *why;
	uint32_t step;
};

/* `what` is a sentence about the step, without the step. A bad name is not echoed. */
static int step_fault(const struct plan_check *check, int code, const char *what)
{
	const struct slice name = check->plan->steps[check->step].name;

	if (check->why == NULL)
		return code;
	if (id_valid(name))
		(void)buf_printf(check->why, "step \"%.*s\": %s", (int)name.size,
				 (const char *)name.data, what);
	else
		(void)buf_printf(check->why, "step number %u: %s", check->step + 1, what);
	return code;
}

static int plan_fault(const struct plan_check *check, int code, const char *what)
{
	if (check->why != NULL)
		(void)buf_printf(check->why, "the plan %s", what);
	return code;
}

static bool name_or_empty(struct slice name)
{
	return name.size == 0 || id_valid(name);
}

static int check_names(const struct plan_check *check)
{
	const struct wire_step *step = &check->plan->steps[check->step];

	if (!id_valid(step->name))
		return step_fault(check, SAGA_E_NAME, "its name must match [A-Za-z0-9_-]{1,64}");
	if (!id_valid(step->service))
		return step_fault(check, SAGA_E_NAME, "its service must match [A-Za-z0-9_-]{1,64}");
	if (!id_valid(step->forward))
		return step_fault(check, SAGA_E_NAME,
				  "its forward operation must match [A-Za-z0-9_-]{1,64}");
	if (!name_or_empty(step->undo))
		return step_fault(check, SAGA_E_NAME,
				  "its undo operation must match [A-Za-z0-9_-]{1,64}");
	if (step->finish.size != 0)
		return step_fault(check, SAGA_E_PLAN, "a step of a saga has no finish operation");
	for (uint32_t i = 0; i < check->step; i++)
		if (slice_equal(check->plan->steps[i].name, step->name))
			return step_fault(check, SAGA_E_PLAN, "another step has the same name");
	return 0;
}

static int check_retry(const struct plan_check *check, const struct wire_retry *retry)
{
	if (retry->initial_ms < 1 || retry->initial_ms > RETRY_INITIAL_MAX_MS)
		return step_fault(check, SAGA_E_POLICY,
				  "the first retry interval must be 1 ms to 1 hour");
	if (retry->factor_percent < RETRY_FACTOR_MIN_PERCENT ||
	    retry->factor_percent > RETRY_FACTOR_MAX_PERCENT)
		return step_fault(check, SAGA_E_POLICY, "the retry factor must be 1 to 100");
	if (retry->cap_ms < retry->initial_ms || retry->cap_ms > TIMEOUT_MAX_MS)
		return step_fault(check, SAGA_E_POLICY,
				  "the longest retry interval must be at least the first and at "
				  "most 1 day");
	if (retry->jitter_percent > RETRY_JITTER_MAX_PERCENT)
		return step_fault(check, SAGA_E_POLICY, "the retry jitter must be 0 to 1");
	if (retry->attempts < 1 || retry->attempts > RETRY_ATTEMPTS_MAX)
		return step_fault(check, SAGA_E_POLICY, "the attempts must be 1 to 1000");
	return 0;
}

static int check_times(const struct plan_check *check)
{
	const struct wire_step *step = &check->plan->steps[check->step];

	if (step->attempt_timeout_ms < TIMEOUT_MIN_MS || step->attempt_timeout_ms > TIMEOUT_MAX_MS)
		return step_fault(check, SAGA_E_POLICY,
				  "the attempt time-out must be 10 ms to 1 day");
	if (step->budget_ms != 0 &&
	    (step->budget_ms < TIMEOUT_MIN_MS || step->budget_ms > DEADLINE_MAX_MS))
		return step_fault(check, SAGA_E_POLICY,
				  "the budget must be 0 (none) or 10 ms to 30 days");
	const int error = check_retry(check, &step->retry);
	return error != 0 ? error : check_retry(check, &step->undo_retry);
}

static int check_shape(const struct plan_check *check)
{
	const struct wire_step *step = &check->plan->steps[check->step];
	uint64_t seen = 0;

	if (step->delivery != WIRE_DELIVERY_DURABLE && step->delivery != WIRE_DELIVERY_DIRECT)
		return step_fault(check, SAGA_E_PLAN, "its delivery must be durable or direct");
	/* It says something about the service: how fast and how forgetful it is. */
	for (uint32_t i = 0; i < check->step; i++)
		if (slice_equal(check->plan->steps[i].service, step->service) &&
		    check->plan->steps[i].delivery != step->delivery)
			return step_fault(
				check, SAGA_E_PLAN,
				"another step reaches the same service by another delivery");
	if (step->flags != 0)
		return step_fault(check, SAGA_E_PLAN, "its flags must be 0 in this version");
	for (uint32_t i = 0; i < step->after.size; i++) {
		const uint32_t index = step->after.data[i];
		if (index >= check->plan->step_count)
			return step_fault(check, SAGA_E_PLAN, "it depends on a step there is not");
		if (index == check->step)
			return step_fault(check, SAGA_E_PLAN, "it depends on itself");
		if ((seen >> index & 1) != 0)
			return step_fault(check, SAGA_E_PLAN, "it depends twice on the same step");
		seen |= UINT64_C(1) << index;
	}
	return 0;
}

/* Takes away, round by round, the steps whose dependencies are gone; what stays is in a cycle. */
static int check_cycles(struct plan_check *check)
{
	uint64_t waits_for[WIRE_STEPS_MAX] = {0};
	const uint32_t count = check->plan->step_count;
	uint64_t open = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < check->plan->steps[i].after.size; j++)
			waits_for[i] |= UINT64_C(1) << check->plan->steps[i].after.data[j];

	for (bool moved = true; moved && open != 0;) {
		moved = false;
		for (uint32_t i = 0; i < count; i++) {
			const uint64_t bit = UINT64_C(1) << i;
			if ((open & bit) == 0 || (waits_for[i] & open) != 0)
				continue;
			open &= ~bit;
			moved = true;
		}
	}
	if (open == 0)
		return 0;
	check->step = (uint32_t)__builtin_ctzll(open);
	return step_fault(check, SAGA_E_PLAN, "it is part of, or waits for, a cycle");
}

static int check_plan(const struct plan_check *check)
{
	const struct wire_plan *plan = check->plan;

	if (!id_valid(plan->name))
		return plan_fault(check, SAGA_E_NAME, "must have a name of [A-Za-z0-9_-]{1,64}");
	if (plan->version < 1)
		return plan_fault(check, SAGA_E_PLAN, "must have a version of at least 1");
	if (plan->protocol != WIRE_PROTOCOL_SAGA)
		return plan_fault(check, SAGA_E_PLAN, "must be a saga in this version");
	if (plan->deadline_ms < TIMEOUT_MIN_MS || plan->deadline_ms > DEADLINE_MAX_MS)
		return plan_fault(check, SAGA_E_DEADLINE,
				  "must have a deadline of 10 ms to 30 days");
	if (plan->step_count < 1)
		return plan_fault(check, SAGA_E_PLAN, "has no steps");
	if (plan->step_count > WIRE_STEPS_MAX)
		return plan_fault(check, SAGA_E_PLAN, "has more than 64 steps");
	return 0;
}

int wire_plan_check(const struct wire_plan *plan, struct buf *why)
{
	struct plan_check check = {.plan = plan, .why = why};
	int error = check_plan(&check);

	for (uint32_t i = 0; error == 0 && i < plan->step_count; i++) {
		check.step = i;
		error = check_names(&check);
		if (error == 0)
			error = check_shape(&check);
		if (error == 0)
			error = check_times(&check);
	}
	return error != 0 ? error : check_cycles(&check);
}

int wire_plan_encode(const struct wire_plan *plan, struct buf *out)
{
	return wire_encode_table(&wire_table_plan, plan, out);
}

/* ---- hashes -------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return prng_mix(hash ^ value);
}

static uint64_t pair(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

static uint64_t mix_retry(uint64_t hash, const struct wire_retry *retry)
{
	hash = mix(hash, pair(retry->initial_ms, retry->factor_percent));
	hash = mix(hash, pair(retry->cap_ms, retry->jitter_percent));
	return mix(hash, retry->attempts);
}

static uint64_t mix_step(uint64_t hash, const struct wire_step *step)
{
	const struct slice slices[] = {step->name,   step->service, step->forward,
				       step->finish, step->undo,    step->after};

	for (uint32_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
		if (slices[i].size > 0)
			hash = mix(hash + i, hash_xxh3_64(slices[i]));
	}
	hash = mix(hash, pair(step->attempt_timeout_ms, step->budget_ms));
	hash = mix(hash, pair(step->delivery, step->flags));
	return mix_retry(mix_retry(hash, &step->retry), &step->undo_retry);
}

uint64_t wire_plan_hash(const struct wire_plan *plan)
{
	uint64_t hash = mix(hash_xxh3_64(plan->name), pair(plan->version, plan->protocol));

	hash = mix(hash, pair(plan->deadline_ms, plan->step_count));
	for (uint32_t i = 0; i < plan->step_count; i++)
		hash = mix_step(hash, &plan->steps[i]);
	return hash;
}

int wire_body_hash(const struct wire_submit *submit, struct buf *scratch, struct hash128 *hash)
{
	buf_clear(scratch);
	const int error = wire_encode_table(&wire_table_body, submit, scratch);
	if (error != 0)
		return error;
	*hash = hash_xxh3_128(buf_slice(scratch));
	return 0;
}
