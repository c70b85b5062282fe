/* Plans are shared: most sagas of a shard follow a few definitions, and a plan is the largest part
 * of an open saga (H4). Equal = equal in every field, so sharing can never be seen from outside. */
#include <stdalign.h>

#include "txn/state.h"
#include "wire/plan.h"
#include "wire/plan_cache.h"

enum { PLAN_SLICES = 8 };

static void step_slices(const struct wire_step *step, struct slice slices[PLAN_SLICES])
{
	slices[0] = step->name;
	slices[1] = step->service;
	slices[2] = step->forward;
	slices[3] = step->finish;
	slices[4] = step->undo;
	slices[5] = step->after;
	slices[6] = step->one_phase;
	slices[7] = step->input;
}

static bool retry_equal(const struct wire_retry *a, const struct wire_retry *b)
{
	return a->initial_ms == b->initial_ms && a->factor_percent == b->factor_percent &&
	       a->cap_ms == b->cap_ms && a->jitter_percent == b->jitter_percent &&
	       a->attempts == b->attempts;
}

bool txn_step_equal(const struct wire_step *a, const struct wire_step *b)
{
	struct slice left[PLAN_SLICES];
	struct slice right[PLAN_SLICES];

	step_slices(a, left);
	step_slices(b, right);
	for (uint32_t i = 0; i < PLAN_SLICES; i++) {
		if (!slice_equal(left[i], right[i]))
			return false;
	}
	return a->attempt_timeout_ms == b->attempt_timeout_ms && a->budget_ms == b->budget_ms &&
	       a->delivery == b->delivery && a->flags == b->flags && a->kind == b->kind &&
	       retry_equal(&a->retry, &b->retry) && retry_equal(&a->undo_retry, &b->undo_retry);
}

bool txn_plan_equal(const struct wire_plan *a, const struct wire_plan *b)
{
	if (!slice_equal(a->name, b->name) || a->version != b->version ||
	    a->protocol != b->protocol || a->deadline_ms != b->deadline_ms ||
	    a->step_count != b->step_count || a->idle_ms != b->idle_ms)
		return false;
	for (uint32_t i = 0; i < a->step_count; i++) {
		if (!txn_step_equal(&a->steps[i], &b->steps[i]))
			return false;
	}
	return true;
}

bool txn_step_sound(const struct wire_step *step)
{
	/* A journal may come from an engine that knows more ways than we do. */
	return step->name.size > 0 && step->service.size > 0 && step->forward.size > 0 &&
	       (step->delivery == WIRE_DELIVERY_DURABLE ||
		step->delivery == WIRE_DELIVERY_DIRECT) &&
	       step->retry.jitter_percent <= 100 && step->undo_retry.jitter_percent <= 100;
}

bool txn_vote_sound(const struct wire_step *step)
{
	return step->finish.size > 0 && step->undo.size > 0;
}

bool txn_plan_sound(const struct wire_plan *plan)
{
	return wire_plan_interactive(plan) == (plan->step_count == 0) &&
	       txn_plan_sound_carried(plan);
}

bool txn_plan_sound_carried(const struct wire_plan *plan)
{
	uint32_t pivots = 0;

	if (plan->step_count > WIRE_STEPS_MAX || plan->name.size == 0 ||
	    plan->protocol < WIRE_PROTOCOL_SAGA || plan->protocol > WIRE_PROTOCOL_MIXED ||
	    (plan->step_count == 0 && !wire_plan_interactive(plan)))
		return false;
	for (uint32_t i = 0; i < plan->step_count; i++) {
		const struct wire_step *step = &plan->steps[i];
		const enum txn_class class = txn_class_of(plan, i);

		if (!txn_step_sound(step) || class == TXN_CLASSES)
			return false;
		if ((class == TXN_CLASS_VOTE || class == TXN_CLASS_ONE_PHASE) &&
		    !txn_vote_sound(step))
			return false;
		pivots += step->flags == WIRE_STEP_PIVOT;
		for (uint32_t j = 0; j < step->after.size; j++) {
			if (step->after.data[j] >= plan->step_count || step->after.data[j] == i)
				return false;
		}
	}
	return pivots <= 1;
}

/* Blocks lie in the payload slab, so that a plan's number is its place there. */
static uint32_t plan_number(const struct txn_shard *t, const struct txn_plan *plan)
{
	const size_t place = (size_t)((const uint8_t *)plan - t->payload.memory);

	CHECK_EQ(place % SLAB_BLOCK_MIN, 0);
	CHECK(place / SLAB_BLOCK_MIN < UINT32_MAX);
	return (uint32_t)(place / SLAB_BLOCK_MIN);
}

static uint64_t plan_hash(const struct wire_plan *plan)
{
	return plan->known ? plan->known->hash : wire_plan_hash(plan);
}

/* Plans with an identity were compared once already. */
static bool plan_same(const struct txn_plan *held, const struct wire_plan *plan)
{
	return (plan->known && held->identity == plan->known->identity) ||
	       txn_plan_equal(&held->plan, plan);
}

static struct txn_plan *plan_find(const struct txn_shard *t, const struct wire_plan *plan,
				  uint64_t hash)
{
	uint32_t at = txn_index_start(&t->by_plan, hash);
	uint32_t number;

	while (txn_index_next(&t->by_plan, hash, &at, &number)) {
		void *place = t->payload.memory + (size_t)number * SLAB_BLOCK_MIN;
		struct txn_plan *held = place;

		CHECK(held->references > 0);
		if (held->hash == hash && plan_same(held, plan))
			return held;
	}
	return NULL;
}

static size_t plan_size(const struct wire_plan *plan)
{
	size_t size = sizeof(struct txn_plan) + plan->name.size;

	size += plan->step_count * (sizeof(struct wire_step) + 2 * sizeof(uint64_t));
	for (uint32_t i = 0; i < plan->step_count; i++) {
		struct slice slices[PLAN_SLICES];

		step_slices(&plan->steps[i], slices);
		for (uint32_t j = 0; j < PLAN_SLICES; j++)
			size += slices[j].size;
	}
	return size;
}

size_t txn_plan_measure(const struct txn_shard *t, const struct wire_plan *plan)
{
	return plan_find(t, plan, plan_hash(plan)) ? 0 : plan_size(plan);
}

static struct slice copy_slice(uint8_t **at, struct slice s)
{
	struct slice copy = slice_of(*at, s.size);

	if (s.size == 0)
		return (struct slice){0};
	memcpy(*at, s.data, s.size);
	*at += s.size;
	return copy;
}

static void plan_link(struct txn_plan *p)
{
	uint64_t after[WIRE_STEPS_MAX];

	wire_plan_edges(&p->plan, after);
	for (uint32_t i = 0; i < p->plan.step_count; i++) {
		p->after[i] = after[i];
		for (uint32_t j = 0; j < p->plan.step_count; j++) {
			if (after[i] & TXN_BIT(j))
				p->dependents[j] |= TXN_BIT(i);
		}
	}
}

static void plan_copy(struct txn_plan *p, const struct wire_plan *plan)
{
	void *steps = p + 1;
	uint8_t *at;

	_Static_assert(sizeof(struct txn_plan) % alignof(struct wire_step) == 0, "steps follow");
	_Static_assert(sizeof(struct wire_step) % alignof(uint64_t) == 0, "masks follow");
	p->plan = *plan;
	p->plan.encoded = (struct slice){0}; /* these stay with whoever vouches for them */
	p->plan.known = NULL;
	p->plan.steps = steps;
	p->after = (void *)(p->plan.steps + plan->step_count);
	p->dependents = p->after + plan->step_count;
	at = (void *)(p->dependents + plan->step_count);
	p->plan.name = copy_slice(&at, plan->name);
	for (uint32_t i = 0; i < plan->step_count; i++) {
		struct wire_step *step = &p->plan.steps[i];

		*step = plan->steps[i];
		step->name = copy_slice(&at, step->name);
		step->service = copy_slice(&at, step->service);
		step->forward = copy_slice(&at, step->forward);
		step->finish = copy_slice(&at, step->finish);
		step->undo = copy_slice(&at, step->undo);
		step->after = copy_slice(&at, step->after);
		step->one_phase = copy_slice(&at, step->one_phase);
		step->input = copy_slice(&at, step->input);
		p->after[i] = 0;
		p->dependents[i] = 0;
	}
	CHECK_EQ((size_t)(at - (uint8_t *)p), p->block_size);
	plan_link(p);
}

struct txn_plan *txn_plan_take(struct txn_shard *t, const struct wire_plan *plan)
{
	const uint64_t hash = plan_hash(plan);
	struct txn_plan *p = plan_find(t, plan, hash);

	if (p) {
		if (plan->known)
			p->identity = plan->known->identity;
		p->references++;
		return p;
	}
	p = slab_alloc(&t->payload, plan_size(plan));
	if (!p)
		return NULL;
	*p = (struct txn_plan){.hash = hash,
			       .identity = plan->known ? plan->known->identity : 0,
			       .references = 1,
			       .block_size = (uint32_t)plan_size(plan)};
	plan_copy(p, plan);
	txn_index_put(&t->by_plan, hash, plan_number(t, p));
	return p;
}

void txn_plan_release(struct txn_shard *t, struct txn_plan *p)
{
	CHECK(p->references > 0);
	if (--p->references > 0)
		return;
	txn_index_remove(&t->by_plan, p->hash, plan_number(t, p));
	slab_free(&t->payload, p, p->block_size);
}
