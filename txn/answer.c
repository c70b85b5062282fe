/* The messages of a step. They are noted while it decides and built when all its records are made,
 * so that each carries the newest record number as its gate (T1) and speaks of the newest state. */
#include "txn/state.h"

struct txn_pending *txn_pend(struct txn_shard *t, enum txn_pending_kind kind)
{
	struct txn_pending *p;

	CHECK(t->effects != NULL);
	CHECK_LT(t->pending_count, TXN_PENDING_MAX);
	p = &t->pending[t->pending_count++];
	*p = (struct txn_pending){.kind = (uint8_t)kind, .entry = TXN_NONE};
	return p;
}

struct txn_pending *txn_pend_answer(struct txn_shard *t, struct txn_entry *e, struct slice id,
				    int code)
{
	struct txn_pending *p = txn_pend(t, TXN_PENDING_ANSWER);

	CHECK(code <= 0);
	CHECK(!e || slice_equal(txn_entry_id(e), id));
	p->reply_to = t->event->reply_to;
	p->entry = e ? txn_entry_number(t, e) : TXN_NONE;
	p->id = id;
	p->code = err_to_wire(code);
	p->final = true;
	return p;
}

uint32_t txn_busy_retry_ms(struct txn_shard *t)
{
	uint32_t span = t->event->busy_retry_ms > 0 ? t->event->busy_retry_ms : TXN_BUSY_RETRY_MS;

	if (span > TXN_BUSY_RETRY_MAX_MS)
		span = TXN_BUSY_RETRY_MAX_MS;
	CHECK(span > 0);
	return span + (uint32_t)(txn_random(t) % span);
}

void txn_pend_dismissal(struct txn_shard *t, const struct txn_entry *e, uint64_t reply_to)
{
	struct txn_pending *p = txn_pend(t, TXN_PENDING_ANSWER);

	CHECK(reply_to != 0);
	CHECK(e->body != NULL);
	p->reply_to = reply_to;
	p->entry = txn_entry_number(t, e);
	p->id = txn_entry_id(e);
	p->code = err_to_wire(SAGA_E_BUSY);
	p->retry_after_ms = txn_busy_retry_ms(t);
	p->final = true;
	t->stats.refused_total++;
}

static struct slice keep_name(uint8_t place[ID_SIZE_MAX], struct slice name)
{
	CHECK_LE(name.size, ID_SIZE_MAX);
	memcpy(place, name.data, name.size);
	return slice_of(place, name.size);
}

void txn_pend_alert(struct txn_shard *t, const struct txn_branch *b, uint32_t attempt,
		    uint32_t code, struct slice text)
{
	const struct wire_step *step = txn_step_of(t->entries[b->entry].body, b);
	struct txn_pending *p = txn_pend(t, TXN_PENDING_ALERT);

	p->entry = b->entry;
	p->step = b->step;
	p->op = b->op;
	p->attempt = attempt;
	p->code = code;
	p->text = text;
	p->record_number = t->last_record;
	/* The saga may end with this very step; then its plan is gone when the alert is built. */
	t->alert.step = keep_name(t->alert.step_name, step->name);
	t->alert.service = keep_name(t->alert.service_name, step->service);
}

static void emit(const struct txn_shard *t, struct txn_message *message)
{
	CHECK(t->effects->emit != NULL);
	message->gate = t->last_record;
	t->effects->emit(t->effects->emit_context, message);
}

static struct slice operation_name(const struct txn_branch *b, const struct wire_step *step)
{
	switch ((enum wire_op)b->op) {
	case WIRE_OP_FINISH:
		return step->finish;
	case WIRE_OP_UNDO:
		return step->undo;
	case WIRE_OP_FORWARD:
	case WIRE_OP_SETTLE: /* of the forward operation */
		break;
	}
	return b->class == TXN_CLASS_ONE_PHASE ? step->one_phase : step->forward;
}

static void emit_command(struct txn_shard *t, const struct txn_pending *p)
{
	struct txn_message m = {.kind = TXN_MESSAGE_COMMAND};
	struct txn_entry *e = &t->entries[p->entry];
	const struct txn_op_rule *rule;
	const struct wire_step *step;
	struct txn_branch *b;
	struct slice input;
	uint64_t end;

	CHECK_LT(p->entry, t->entries_top);
	if (!e->body)
		return;
	/* A later timer of the same tick may have overtaken it. */
	b = &e->body->branches[p->step];
	if (b->wait != TXN_WAIT_ANSWER || b->op != p->op ||
	    *txn_attempts(b, b->op) + 1 != p->attempt)
		return;
	rule = txn_outstanding(b);
	CHECK(rule != NULL);
	step = txn_step_of(e->body, b);
	if (txn_input_of(t, e->body, b, &input) != 0)
		return; /* parked for that, and tried again */
	end = b->ends_at;
	if (rule->has_deadline && e->decision == WIRE_DECISION_NONE && end > e->deadline_at)
		end = e->deadline_at;

	m.service = step->service;
	m.delivery = b->delivery;
	m.again = p->again;
	m.fallback = b->fallback;
	m.u.command = (struct wire_command){
		.saga = txn_entry_id(e),
		.step = b->step,
		.step_name = step->name,
		.op = b->op,
		.op_name = operation_name(b, step),
		.operation = *txn_operation(e, b),
		.attempt = p->attempt,
		.admission = e->admission,
		.remaining_ms = end <= t->now               ? 0
				: end - t->now < UINT32_MAX ? (uint32_t)(end - t->now)
							    : UINT32_MAX,
		.input = input,
		.traceparent = e->body->traceparent,
	};
	emit(t, &m);
}

static void fill_answer(const struct txn_shard *t, struct txn_entry *e, struct wire_answer *a)
{
	CHECK(e->state != WIRE_STATE_NONE);
	CHECK(a->code == 0 || a->id.size > 0);
	a->id = txn_entry_id(e);
	a->state = e->state;
	a->reason = e->reason;
	a->decision = e->decision;
	a->heuristics = e->heuristics;
	a->accepted_at = e->accepted_at;
	a->deadline_at = e->deadline_at;
	a->finished_at = e->finished_at;
	a->definition = txn_entry_definition(e);
	a->definition_version = e->definition_version;
	a->shard = t->config.shard;
}

static void emit_answer(struct txn_shard *t, const struct txn_pending *p)
{
	struct txn_message m = {
		.kind = TXN_MESSAGE_ANSWER, .reply_to = p->reply_to, .final = p->final};
	struct wire_answer *a = &m.u.answer;

	if (p->reply_to == 0)
		return;
	a->code = p->code;
	a->id = p->id;
	a->shard = t->config.shard;
	a->epoch = t->epoch;
	a->record_number = t->last_record;
	a->retry_after_ms = p->retry_after_ms;
	a->text = p->text;
	if (p->entry != TXN_NONE) {
		struct txn_entry *e = &t->entries[p->entry];

		CHECK_LT(p->entry, t->entries_top);
		fill_answer(t, e, a);
		if (p->with_branches && e->body) {
			a->branches = t->branch_views;
			a->branch_count = txn_view_branches(t, e);
			a->labels = e->body->labels;
			a->label_count = e->body->label_count;
		}
	}
	emit(t, &m);
}

/* The outcome, or what was decided, to those who wait for that. */
static void emit_notify(struct txn_shard *t, const struct txn_pending *p)
{
	const bool all = p->kind == TXN_PENDING_NOTIFY;
	uint32_t next;

	CHECK(!all || wire_state_final(t->entries[p->entry].state));
	for (uint32_t w = t->entries[p->entry].waiters; w != TXN_NONE; w = next) {
		const struct txn_pending outcome = {.kind = TXN_PENDING_ANSWER,
						    .entry = p->entry,
						    .reply_to = t->waiters[w].reply_to,
						    .final = true};

		next = t->waiters[w].next;
		if (!all && !t->waiters[w].decided)
			continue;
		txn_waiter_remove(t, w);
		emit_answer(t, &outcome);
	}
}

static void emit_disposition(const struct txn_shard *t, const struct txn_pending *p)
{
	struct txn_message m = {.kind = TXN_MESSAGE_DISPOSITION, .reply_to = p->reply_to};

	CHECK(p->disposition != 0);
	if (p->reply_to == 0)
		return;
	m.u.disposition = (struct wire_disposition){
		.operation = p->operation, .attempt = p->attempt, .kind = p->disposition};
	emit(t, &m);
}

static void emit_alert(struct txn_shard *t, const struct txn_pending *p)
{
	struct txn_message m = {.kind = TXN_MESSAGE_ALERT};
	struct txn_entry *e = &t->entries[p->entry];
	const struct wire_step *step = e->body ? &e->body->plan->plan.steps[p->step] : NULL;

	CHECK_LT(p->entry, t->entries_top);
	m.u.alert = (struct wire_alert){
		.shard = t->config.shard,
		.epoch = t->epoch,
		.record_number = p->record_number,
		.saga = txn_entry_id(e),
		.step = step ? step->name : t->alert.step,
		.op = p->op,
		.attempts = p->attempt,
		.code = p->code,
		.text = p->text,
		.definition = txn_entry_definition(e),
		.service = step ? step->service : t->alert.service,
	};
	emit(t, &m);
}

static void emit_list(struct txn_shard *t)
{
	struct txn_message m = {
		.kind = TXN_MESSAGE_LIST, .reply_to = t->event->reply_to, .final = true};

	CHECK(t->event->kind == TXN_EVENT_LIST);
	if (m.reply_to == 0)
		return;
	txn_view_list(t, t->event->u.list, &m.u.list);
	emit(t, &m);
}

void txn_emit_all(struct txn_shard *t)
{
	CHECK(t->effects != NULL);
	for (uint32_t i = 0; i < t->pending_count; i++) {
		const struct txn_pending *p = &t->pending[i];

		switch (p->kind) {
		case TXN_PENDING_COMMAND:
			emit_command(t, p);
			break;
		case TXN_PENDING_ANSWER:
			emit_answer(t, p);
			break;
		case TXN_PENDING_NOTIFY:
		case TXN_PENDING_DECIDED:
			emit_notify(t, p);
			break;
		case TXN_PENDING_DISPOSITION:
			emit_disposition(t, p);
			break;
		case TXN_PENDING_ALERT:
			emit_alert(t, p);
			break;
		default:
			CHECK_EQ(p->kind, TXN_PENDING_LIST);
			emit_list(t);
		}
	}
	t->pending_count = 0;
	t->pending_commands = 0;
	t->pending_bytes = 0;
}
