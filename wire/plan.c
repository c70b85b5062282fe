#include "wire/plan.h"

#include <string.h>

#include "base/check.h"
#include "base/prng.h"
#include "wire/encode.h"

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

void wire_step_resolve(const struct wire_plan *plan, struct wire_step *step)
{
	const bool votes = wire_step_kind(plan, step) == WIRE_PROTOCOL_2PC;

	if (step->attempt_timeout_ms == 0)
		step->attempt_timeout_ms =
			votes ? WIRE_PREPARE_TIMEOUT_DEFAULT_MS : WIRE_ATTEMPT_TIMEOUT_DEFAULT_MS;
	/* Whoever has voted holds its locks until the slowest has: so all of them together have
	 * this long. Of a last resource no answer is no reason to give it up. */
	if (step->budget_ms == 0 && votes && step->flags == 0)
		step->budget_ms = WIRE_PREPARE_TIMEOUT_DEFAULT_MS;
	if (step->delivery == 0)
		step->delivery = WIRE_DELIVERY_DURABLE;
	retry_resolve(&step->retry, wire_retry_default());
	retry_resolve(&step->undo_retry, wire_retry_default_undo());
}

void wire_plan_resolve(struct wire_plan *plan)
{
	plan->encoded = (struct slice){0};
	plan->known = NULL;
	if (plan->protocol == 0)
		plan->protocol = WIRE_PROTOCOL_SAGA;
	if (plan->deadline_ms == 0)
		plan->deadline_ms = WIRE_DEADLINE_DEFAULT_MS;
	for (uint32_t i = 0; i < plan->step_count; i++)
		wire_step_resolve(plan, &plan->steps[i]);
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
	const struct slice slices[] = {step->name, step->service, step->forward,   step->finish,
				       step->undo, step->after,   step->one_phase, step->input};

	for (uint32_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
		if (slices[i].size > 0)
			hash = mix(hash + i, hash_xxh3_64(slices[i]));
	}
	hash = mix(hash, pair(step->attempt_timeout_ms, step->budget_ms));
	hash = mix(hash, pair(step->delivery, step->flags));
	if (step->kind != 0)
		hash = mix(hash, step->kind);
	return mix_retry(mix_retry(hash, &step->retry), &step->undo_retry);
}

uint64_t wire_plan_hash(const struct wire_plan *plan)
{
	uint64_t hash = mix(hash_xxh3_64(plan->name), pair(plan->version, plan->protocol));

	hash = mix(hash, pair(plan->deadline_ms, plan->step_count));
	if (plan->idle_ms != 0)
		hash = mix(hash, plan->idle_ms);
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

void wire_branch_set_add(struct hash128 *set, const struct wire_step *step)
{
	const struct slice slices[] = {step->name,   step->service, step->forward,
				       step->finish, step->undo,    step->one_phase};
	uint8_t text[sizeof slices / sizeof slices[0] * (ID_SIZE_MAX + 1)];
	uint32_t size = 0;

	for (uint32_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
		CHECK_LE(slices[i].size, ID_SIZE_MAX);
		if (slices[i].size > 0)
			memcpy(text + size, slices[i].data, slices[i].size);
		size += slices[i].size;
		text[size++] = '/'; /* no name holds one */
	}
	const struct hash128 hash = hash_xxh3_128(slice_of(text, size));
	for (uint32_t i = 0; i < sizeof set->bytes; i++)
		set->bytes[i] ^= hash.bytes[i];
}
