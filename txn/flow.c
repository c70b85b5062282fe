/* The input of a step: the saga's, or what its template picks out of that and of earlier outputs.
 * What it picks from is complete before the step begins and never changes, so every attempt of
 * every operation of the step gets the same bytes (invariant 40). */
#include "txn/state.h"
#include "wire/pick.h"

static struct slice output_of(const void *context, uint32_t step)
{
	const struct txn_body *body = context;

	CHECK_LT(step, txn_step_count(body));
	return slice_of(body->branches[step].output, body->branches[step].output_size);
}

int txn_input_of(struct txn_shard *t, const struct txn_body *body, const struct txn_branch *b,
		 struct slice *input)
{
	const struct slice template = txn_step_of(body, b)->input;
	const struct wire_pick_source source = {
		.input = body->input, .output = output_of, .context = body};
	struct buf out;
	int err;

	*input = body->input;
	if (template.size == 0)
		return 0;
	/* Behind what else a step may have in its scratch. */
	buf_init_fixed(&out, t->scratch + TXN_SCRATCH_SIZE - WIRE_INPUT_SIZE_MAX,
		       WIRE_INPUT_SIZE_MAX);
	err = wire_pick_fill(template, &body->plan->plan, &source, &out);
	*input = buf_slice(&out);
	return err;
}

uint32_t txn_input_bound(const struct txn_body *body, const struct txn_branch *b)
{
	const struct slice template = txn_step_of(body, b)->input;
	uint64_t sources = body->input.size;
	uint64_t picks = 0;

	if (template.size == 0)
		return body->input.size;
	for (uint32_t i = 0; i < txn_step_count(body); i++)
		sources += body->branches[i].output_size;
	for (uint32_t i = 0; i < template.size; i++)
		picks += template.data[i] == '$';
	sources = template.size + picks * (sources + sizeof "null");
	return sources < WIRE_INPUT_SIZE_MAX ? (uint32_t)sources : WIRE_INPUT_SIZE_MAX;
}

/* It has never been sent, so it is not too late to find out. */
static bool to_begin(const struct txn_body *body, const struct txn_branch *b)
{
	return b->state == WIRE_BRANCH_ACTIVE && b->wait != TXN_WAIT_ANSWER &&
	       b->attempts[WIRE_OP_FORWARD - 1] == 0 && txn_step_of(body, b)->input.size > 0;
}

/* Nothing was sent, so that it is refused is definite. What cannot be refused waits for somebody
 * who sees the alert. */
static void refuse_input(struct txn_shard *t, const struct txn_entry *e, struct txn_branch *b)
{
	const struct txn_failure why = {
		.code = err_to_wire(SAGA_E_TOO_LARGE),
		.text = slice_str("what its input picks is too large"),
	};
	const struct wire_record_branch r = {
		.admission = e->admission,
		.step = b->step,
		.op = b->op,
		.event = WIRE_EVENT_REJECTED,
		.attempt = 1,
		.code = why.code,
		.text = why.text,
	};

	if (txn_outstanding(b)->refusable)
		txn_record(t, WIRE_RECORD_BRANCH, &r);
	else
		txn_attempt_park(t, e, b, 1, &why);
}

void txn_refuse_inputs(struct txn_shard *t, struct txn_entry *e)
{
	for (bool again = true; again;) {
		again = false;
		for (uint32_t i = 0; i < txn_step_count(e->body); i++) {
			struct txn_branch *b = &e->body->branches[i];
			struct slice input;

			if (!to_begin(e->body, b) || txn_input_of(t, e->body, b, &input) == 0)
				continue;
			refuse_input(t, e, b);
			again = true; /* what is behind an optional step may begin now */
		}
	}
}

bool txn_refuse_input(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b)
{
	struct slice input;

	if (!to_begin(e->body, b) || txn_input_of(t, e->body, b, &input) == 0)
		return false;
	refuse_input(t, e, b);
	txn_advance(t, e);
	return true;
}
