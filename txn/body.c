/* The block of an open saga, and what hangs on its branches: outputs and texts. Allocates in the
 * fold only, and always the same for the same records (state.h). */
#include "txn/state.h"
#include "wire/plan.h"

static size_t labels_size(const struct wire_record_accepted *r)
{
	size_t size = r->label_count * sizeof(struct wire_label);

	for (uint32_t i = 0; i < r->label_count; i++)
		size += (size_t)r->labels[i].key.size + r->labels[i].value.size;
	return size;
}

size_t txn_body_measure(const struct wire_record_accepted *r)
{
	return sizeof(struct txn_body) + labels_size(r) + r->input.size + r->traceparent.size +
	       r->plan.step_count * (sizeof(struct txn_branch) + TXN_STEP_SHARE);
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

static void body_fill(struct txn_body *body, const struct wire_record_accepted *r, uint32_t entry)
{
	const uint32_t steps = r->plan.step_count;
	uint8_t *at;

	body->branches = (void *)(body + 1);
	body->labels = (void *)(body->branches + steps);
	body->share = (void *)(body->labels + r->label_count);
	at = body->share + (size_t)steps * TXN_STEP_SHARE;
	body->input = copy_slice(&at, r->input);
	body->traceparent = copy_slice(&at, r->traceparent);
	body->label_count = r->label_count;
	for (uint32_t i = 0; i < r->label_count; i++) {
		body->labels[i].key = copy_slice(&at, r->labels[i].key);
		body->labels[i].value = copy_slice(&at, r->labels[i].value);
	}
	CHECK_EQ((size_t)(at - (uint8_t *)body), body->block_size);
	for (uint32_t i = 0; i < steps; i++) {
		struct txn_branch *b = &body->branches[i];

		*b = (struct txn_branch){.entry = entry,
					 .step = (uint8_t)i,
					 .class = (uint8_t)txn_class_of(&body->plan->plan, i),
					 .state = wire_plan_interactive(&body->plan->plan)
							  ? WIRE_BRANCH_ENLISTED
							  : WIRE_BRANCH_PENDING};
		CHECK_LT(b->class, TXN_CLASSES);
		timer_init(&b->timer, entry | TXN_TIMER_OF_BRANCH);
	}
}

struct txn_body *txn_body_create(struct txn_shard *t, const struct wire_record_accepted *r,
				 uint32_t entry)
{
	const size_t size = txn_body_measure(r);
	struct txn_body *body = slab_alloc(&t->payload, size);
	struct txn_plan *plan;

	CHECK_LT(entry, TXN_TIMER_OF_BRANCH);
	if (!body)
		return NULL;
	plan = txn_plan_take(t, &r->plan);
	if (!plan) {
		slab_free(&t->payload, body, size);
		return NULL;
	}
	*body = (struct txn_body){.plan = plan, .block_size = (uint32_t)size};
	body_fill(body, r, entry);
	return body;
}

static uint8_t *output_share(const struct txn_body *body, const struct txn_branch *b)
{
	return body->share + (size_t)b->step * TXN_STEP_SHARE;
}

static void output_free(struct txn_shard *t, const struct txn_body *body, struct txn_branch *b)
{
	if (b->output && b->output != output_share(body, b))
		slab_free(&t->payload, b->output, b->output_size);
	b->output = NULL;
	b->output_size = 0;
}

void txn_body_destroy(struct txn_shard *t, struct txn_body *body)
{
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		struct txn_branch *b = &body->branches[i];

		CHECK(!timer_armed(&b->timer));
		output_free(t, body, b);
	}
	txn_plan_release(t, body->plan);
	slab_free(&t->payload, body, body->block_size);
}

/* What would be accepted if it came like this at once. Its steps lie in t->steps. */
static struct wire_record_accepted changed(struct txn_shard *t, const struct txn_body *body,
					   const struct wire_step *step, const struct slice *input)
{
	struct wire_record_accepted r = {
		.plan = body->plan->plan,
		.input = input ? *input : body->input,
		.labels = body->labels,
		.label_count = body->label_count,
		.traceparent = body->traceparent,
	};

	CHECK(step == NULL || r.plan.step_count < WIRE_STEPS_MAX);
	if (r.plan.step_count > 0)
		memcpy(t->steps, r.plan.steps, r.plan.step_count * sizeof *t->steps);
	if (step)
		t->steps[r.plan.step_count++] = *step;
	r.plan.steps = t->steps;
	return r;
}

bool txn_body_change_fits(struct txn_shard *t, struct txn_entry *e, const struct wire_step *step,
			  const struct slice *input)
{
	const struct wire_record_accepted r = changed(t, e->body, step, input);

	return txn_body_fits(t, &r);
}

bool txn_body_change(struct txn_shard *t, struct txn_entry *e, const struct wire_step *step,
		     const struct slice *input)
{
	const struct wire_record_accepted r = changed(t, e->body, step, input);
	struct txn_body *old = e->body;
	struct txn_body *body = txn_body_create(t, &r, txn_entry_number(t, e));

	/* No branch has begun, so all that there is of them is in the plan. */
	CHECK_EQ(e->state, WIRE_STATE_OPEN);
	CHECK_EQ(old->parked, 0);
	if (!body)
		return false;
	body->touched_at = old->touched_at;
	body->open_previous = old->open_previous;
	body->open_next = old->open_next;
	t->branches += txn_step_count(body) - txn_step_count(old);
	t->open_plans = t->open_plans - old->plan->block_size + body->plan->block_size;
	e->body = body;
	txn_body_destroy(t, old);
	return true;
}

bool txn_body_fits(const struct txn_shard *t, const struct wire_record_accepted *r)
{
	/* Outputs beyond a step's share are best effort, and a part is kept for them. */
	const uint64_t max = t->limits.payload_max - t->limits.payload_max / 16;
	const size_t cost =
		slab_cost(txn_body_measure(r)) + slab_cost(txn_plan_measure(t, &r->plan));

	return t->payload.used + cost <= max && slab_fits(&t->payload, cost);
}

static uint64_t outputs_size(const struct txn_body *body)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < txn_step_count(body); i++)
		size += body->branches[i].output_size;
	CHECK(size <= (uint64_t)WIRE_STEPS_MAX * WIRE_OUTPUT_SIZE_MAX);
	return size;
}

bool txn_output_fits(const struct txn_shard *t, const struct txn_body *body, uint32_t size)
{
	_Static_assert(WIRE_STEPS_MAX * TXN_OUTPUT_SHARE <= TXN_OUTPUTS_MAX / 4, "shares always");
	return size <= TXN_OUTPUT_SHARE ||
	       (size <= WIRE_OUTPUT_SIZE_MAX &&
		outputs_size(body) + size <= TXN_OUTPUTS_MAX - WIRE_STEPS_MAX * TXN_OUTPUT_SHARE &&
		t->payload.used + slab_cost(size) <= t->limits.payload_max &&
		slab_fits(&t->payload, size));
}

int txn_output_set(struct txn_shard *t, struct txn_body *body, struct txn_branch *b,
		   struct slice output)
{
	uint8_t *place = output_share(body, b);

	CHECK_LT(b->step, txn_step_count(body));
	output_free(t, body, b);
	if (output.size == 0)
		return 0;
	if (output.size > TXN_OUTPUT_SHARE) {
		place = slab_alloc(&t->payload, output.size);
		if (!place)
			return SAGA_E_NO_MEMORY;
	}
	memcpy(place, output.data, output.size);
	b->output = place;
	b->output_size = output.size;
	return 0;
}

struct slice txn_text_cut(struct slice text, uint32_t max)
{
	uint32_t size = max;

	if (text.size <= max)
		return text;
	while (size > 0 && (text.data[size] & 0xc0) == 0x80)
		size--;
	return slice_of(text.data, size);
}

void txn_text_set(struct txn_body *body, struct txn_branch *b, struct slice text)
{
	const struct slice kept = txn_text_cut(text, TXN_TEXT_KEPT_MAX);

	CHECK_LE(kept.size, TXN_TEXT_KEPT_MAX);
	CHECK_LT(b->step, txn_step_count(body));
	b->text_size = (uint8_t)kept.size;
	if (kept.size > 0)
		memmove(output_share(body, b) + TXN_OUTPUT_SHARE, kept.data, kept.size);
}
