/* See meter.h. Everything here only reads the engine. */
#include "txn/meter.h"

#include "txn/state.h"
#include "wire/record.h"

_Static_assert((int)TXN_METER_OPS == (int)TXN_OPS, "every class of operations is counted");

void txn_meter_init(struct txn_meter *meter)
{
	series_init(&meter->definitions, TXN_METER_NAMES);
	series_init(&meter->services, TXN_METER_NAMES);
	series_init(&meter->steps, TXN_METER_STEPS);
}

static uint32_t kind_of(const struct wire_plan *plan)
{
	return plan->protocol < TXN_METER_KINDS ? plan->protocol : 0;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static struct txn_meter_definition *definition_of(struct txn_meter *m, const struct wire_plan *plan)
{
	const uint32_t number = series_number(&m->definitions, (uint8_t)kind_of(plan), plan->name,
					      (struct slice){0});

	return &m->definition[number];
}

/* ---- records -----------------------------------------------------------------------------------
 */

/* As the fold finds it right after, which costs it nothing then. */
static const struct txn_entry *entry_of(struct txn_shard *t, uint64_t admission)
{
	struct txn_entry *e = NULL;

	CHECK_EQ(txn_find_open(t, admission, &e), 0);
	CHECK(e->body != NULL);
	return e;
}

/* DISPATCHED tells of no result. */
static bool result_of(uint32_t event, uint32_t code, enum txn_meter_result *result)
{
	switch ((enum wire_branch_event)event) {
	case WIRE_EVENT_OK:
	case WIRE_EVENT_READ_ONLY:
		*result = TXN_METER_OK;
		return true;
	case WIRE_EVENT_REJECTED:
		*result = TXN_METER_TERMINAL;
		return true;
	case WIRE_EVENT_HEURISTIC:
		*result = TXN_METER_HEURISTIC;
		return true;
	case WIRE_EVENT_AGAIN:
	case WIRE_EVENT_UNKNOWN:
		*result = code == err_to_wire(SAGA_E_TIMEOUT) ? TXN_METER_TIMEOUT
							      : TXN_METER_RETRYABLE;
		return true;
	case WIRE_EVENT_DISPATCHED:
		break;
	}
	return false;
}

static void count_attempt(struct txn_shard *t, uint64_t admission, uint32_t number, uint32_t op,
			  enum txn_meter_result result, bool exhausted)
{
	struct txn_meter *m = t->config.meter;
	const struct txn_entry *e = entry_of(t, admission);

	CHECK(op >= WIRE_OP_FORWARD && op <= TXN_METER_OPS);
	CHECK_LT(number, txn_step_count(e->body));
	const struct txn_branch *b = &e->body->branches[number];
	const struct wire_step *step = txn_step_of(e->body, b);
	const uint32_t number_of_step = series_number(&m->steps, 0, step->service, step->name);
	struct txn_meter_step *row = &m->step[number_of_step];

	counter_add(&row->attempts[op - 1][result], 1);
	if (exhausted)
		counter_add(&row->exhausted[op - 1], 1);
	if (b->wait != TXN_WAIT_ANSWER || b->op != op)
		return;
	/* Looked up once for each step that is told apart. */
	if (row->service == 0 || number_of_step == 0)
		row->service = series_number(&m->services, 0, step->service, (struct slice){0}) + 1;
	buckets_record(&m->service[row->service - 1].duration_ms[op - 1], &bucket_latency_ms,
		       since(t->now, b->sent_at));
}

/* The decision is what follows the last vote, and what is decided is told to all at once: so the
 * first of those operations began then. */
static uint64_t decided_at(const struct txn_body *body, uint64_t now)
{
	uint64_t at = now;

	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		const struct txn_branch *b = &body->branches[i];

		if ((b->op == WIRE_OP_FINISH || b->op == WIRE_OP_UNDO) && b->active_since < at)
			at = b->active_since;
	}
	return at;
}

static void count_decision(struct txn_shard *t, const struct wire_record_decision *r)
{
	const struct txn_entry *e = entry_of(t, r->admission);
	const uint32_t outcome =
		r->verdict == WIRE_DECISION_COMMIT ? TXN_METER_COMPLETED : TXN_METER_COMPENSATED;

	if (e->body->plan->plan.protocol == WIRE_PROTOCOL_2PC)
		buckets_record(&t->config.meter->phase_ms[TXN_METER_PREPARE][outcome],
			       &bucket_latency_ms, since(t->now, e->accepted_at));
}

static void count_end(struct txn_shard *t, const struct wire_record_finished *r)
{
	struct txn_meter *m = t->config.meter;
	const struct txn_entry *e = entry_of(t, r->admission);
	const uint32_t outcome =
		r->state == WIRE_STATE_COMPLETED ? TXN_METER_COMPLETED : TXN_METER_COMPENSATED;

	struct txn_meter_definition *row = definition_of(m, &e->body->plan->plan);

	counter_add(&row->finished[outcome], 1);
	buckets_record(&row->duration_ms[outcome], &bucket_duration_ms,
		       since(t->now, e->accepted_at));
	if (e->body->plan->plan.protocol == WIRE_PROTOCOL_2PC)
		buckets_record(&m->phase_ms[TXN_METER_DELIVER][outcome], &bucket_latency_ms,
			       since(t->now, decided_at(e->body, t->now)));
}

void txn_meter_record(struct txn_shard *t, enum wire_kind kind, const void *record)
{
	const struct wire_record_accepted *accepted = record;
	const struct wire_record_branch *branch = record;
	const struct wire_record_parked *parked = record;
	enum txn_meter_result result;

	CHECK(t->config.meter != NULL);
	if (kind == WIRE_RECORD_ACCEPTED) {
		counter_add(&definition_of(t->config.meter, &accepted->plan)->started, 1);
	} else if (kind == WIRE_RECORD_BRANCH) {
		if (result_of(branch->event, branch->code, &result))
			count_attempt(t, branch->admission, branch->step, branch->op, result,
				      branch->event == WIRE_EVENT_UNKNOWN);
	} else if (kind == WIRE_RECORD_PARKED) {
		(void)result_of(WIRE_EVENT_UNKNOWN, parked->code, &result);
		count_attempt(t, parked->admission, parked->step, parked->op, result, true);
	} else if (kind == WIRE_RECORD_DECISION) {
		count_decision(t, record);
	} else if (kind == WIRE_RECORD_FINISHED) {
		count_end(t, record);
	}
}

/* ---- what stands there -------------------------------------------------------------------------
 */

static uint32_t state_of(uint32_t state)
{
	switch ((enum wire_state)state) {
	case WIRE_STATE_OPEN:
		return TXN_METER_OPEN;
	case WIRE_STATE_FINISHING:
		return TXN_METER_FINISHING;
	case WIRE_STATE_UNDOING:
		return TXN_METER_UNDOING;
	case WIRE_STATE_PARKED:
		return TXN_METER_PARKED_STATE;
	default:
		return TXN_METER_RUNNING;
	}
}

static void raise(uint64_t *to, uint64_t value)
{
	if (value > *to)
		*to = value;
}

/* The code is that of the first branch that is parked. */
static void look_parked(struct txn_survey *survey, const struct txn_shard *t,
			const struct txn_entry *e)
{
	const struct txn_body *body = e->body;
	const uint32_t number =
		series_number(&t->config.meter->definitions, (uint8_t)kind_of(&body->plan->plan),
			      txn_entry_definition(e), (struct slice){0});
	uint32_t code = 0;
	uint32_t i = 0;

	for (uint32_t j = txn_step_count(body); j-- > 0;) {
		if (body->branches[j].state == WIRE_BRANCH_PARKED)
			code = body->branches[j].code;
	}
	while (i < TXN_METER_PARKED && survey->parked[i].count > 0 &&
	       (survey->parked[i].definition != number || survey->parked[i].code != code))
		i++;
	survey->parked[i].count++;
	if (i == TXN_METER_PARKED)
		return; /* all others */
	survey->parked[i].definition = number;
	survey->parked[i].code = code;
}

static void look(struct txn_survey *survey, const struct txn_shard *t, const struct txn_entry *e)
{
	const uint32_t kind = kind_of(&e->body->plan->plan);
	const uint32_t state = state_of(e->state);

	CHECK(!wire_state_final(e->state));
	survey->seen[kind][state].count++;
	raise(&survey->seen[kind][state].oldest_ms, since(t->now, e->accepted_at));
	if (kind == WIRE_PROTOCOL_2PC && e->decision != WIRE_DECISION_NONE) {
		survey->in_doubt++;
		raise(&survey->in_doubt_oldest_ms, since(t->now, decided_at(e->body, t->now)));
	}
	if (e->state == WIRE_STATE_PARKED)
		look_parked(survey, t, e);
}

/* The open saga behind the one that was looked at last. That may be over by now, and even
 * forgotten: then this shard is left for this time. */
static uint32_t go_on(const struct txn_survey *survey, const struct txn_shard *t, uint32_t budget)
{
	const struct txn_entry *e;

	if (survey->after == 0)
		return t->open_first;
	e = txn_entry_by_admission(t, survey->after);
	if (e == NULL)
		return TXN_NONE;
	if (e->body != NULL)
		return e->body->open_next;
	while (budget-- > 0 && e->next != TXN_NONE) {
		e = &t->entries[e->next];
		if (e->body != NULL)
			return txn_entry_number(t, e);
	}
	return TXN_NONE;
}

void txn_survey_begin(struct txn_survey *survey)
{
	*survey = (struct txn_survey){0};
}

bool txn_survey_step(struct txn_survey *survey, const struct txn_shard *t, uint32_t budget)
{
	uint32_t number = go_on(survey, t, budget);

	CHECK(budget > 0);
	while (number != TXN_NONE && budget-- > 0) {
		const struct txn_entry *e = &t->entries[number];

		/* In order of admission, so that each is seen once, whatever happens. */
		if (e->admission <= survey->after)
			break;
		look(survey, t, e);
		survey->after = e->admission;
		number = e->body->open_next;
		if (budget == 0 && number != TXN_NONE)
			return false;
	}
	survey->after = 0;
	return true;
}

void txn_survey_end(const struct txn_survey *survey, struct txn_meter *meter)
{
	struct txn_meter_gauges *g = &meter->gauges;

	for (uint32_t k = 0; k < TXN_METER_KINDS; k++) {
		for (uint32_t s = 0; s < TXN_METER_STATES; s++) {
			counter_set(&g->inflight[k][s], survey->seen[k][s].count);
			counter_set(&g->oldest_ms[k][s], survey->seen[k][s].oldest_ms);
		}
	}
	counter_set(&g->in_doubt, survey->in_doubt);
	counter_set(&g->in_doubt_oldest_ms, survey->in_doubt_oldest_ms);
	for (uint32_t i = 0; i <= TXN_METER_PARKED; i++) {
		counter_set(&g->parked[i].definition, survey->parked[i].definition);
		counter_set(&g->parked[i].code, survey->parked[i].code);
		counter_set(&g->parked[i].count, survey->parked[i].count);
	}
}
