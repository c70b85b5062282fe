#include "tests/unit/judge_tale.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/unit/unit.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/record.h"

/* ---- what the transactions are -----------------------------------------------------------------
 */

struct plan_step {
	const char *name;
	enum history_class class;
	uint32_t after;
	bool undo, one_phase;
};
struct plan {
	const char *id;
	uint32_t protocol, idle_ms;
	uint32_t step_count;
	struct plan_step steps[3];
};

#define SAGA   WIRE_PROTOCOL_SAGA
#define TCC    WIRE_PROTOCOL_TCC
#define TWO_PC WIRE_PROTOCOL_2PC
static const struct plan plans[TALE_SAGAS] = {
	[DONE] = {"done",
		  SAGA,
		  0,
		  3,
		  {{"a", HISTORY_ACTION, 0, true, false},
		   {"b", HISTORY_ACTION, 1, true, false},
		   {"c", HISTORY_ACTION, 2, true, false}}},
	[UNDONE] = {"undone",
		    SAGA,
		    0,
		    3,
		    {{"a", HISTORY_ACTION, 0, true, false},
		     {"b", HISTORY_ACTION, 1, true, false},
		     {"c", HISTORY_ACTION, 2, true, false}}},
	[VOTES] = {"votes",
		   TCC,
		   0,
		   2,
		   {{"x", HISTORY_VOTE, 0, true, false}, {"y", HISTORY_VOTE, 0, true, false}}},
	[NOES] = {"noes",
		  TWO_PC,
		  0,
		  2,
		  {{"x", HISTORY_VOTE, 0, true, false}, {"y", HISTORY_VOTE, 0, true, false}}},
	[PIVOT] = {"pivot",
		   SAGA,
		   0,
		   3,
		   {{"a", HISTORY_ACTION, 0, true, false},
		    {"p", HISTORY_PIVOT, 0, false, false},
		    {"r", HISTORY_RETRIABLE, 0, false, false}}},
	[MAYBE] = {"maybe",
		   SAGA,
		   0,
		   3,
		   {{"a", HISTORY_ACTION, 0, true, false},
		    {"o", HISTORY_OPTIONAL, 1, true, false},
		    {"b", HISTORY_ACTION, 2, true, false}}},
	[OPEN] = {"open",
		  TWO_PC,
		  5000,
		  2,
		  {{"x", HISTORY_VOTE, 0, true, false}, {"y", HISTORY_VOTE, 0, true, false}}},
	[NEVER] = {"never", SAGA, 0, 1, {{"a", HISTORY_ACTION, 0, true, false}}},
	[LETTER] = {"letter", SAGA, 0, 1, {{"a", HISTORY_ACTION, 0, true, false}}},
	[LATE] = {"late", SAGA, 0, 1, {{"a", HISTORY_ACTION, 0, true, false}}},
	[ALONE] = {"alone", TWO_PC, 0, 1, {{"x", HISTORY_VOTE, 0, true, true}}},
	[CONFLICT] = {"conflict", SAGA, 0, 1, {{"a", HISTORY_ACTION, 0, true, false}}},
};

static const struct wire_retry retry = {100, 200, 1000, 20, 3};
static const char body[] = "body", other[] = "other";
static uint32_t deadline_of(uint32_t saga)
{
	return saga == LATE ? 2000 : 60000;
}

static uint32_t flags_of(enum history_class class)
{
	return class == HISTORY_PIVOT       ? WIRE_STEP_PIVOT
	       : class == HISTORY_RETRIABLE ? WIRE_STEP_RETRIABLE
	       : class == HISTORY_OPTIONAL  ? WIRE_STEP_OPTIONAL
					    : 0;
}

static struct wire_step step_of(const struct plan_step *from)
{
	return (struct wire_step){
		.name = slice_str(from->name),
		.service = slice_str("s0"),
		.forward = slice_str("do"),
		.undo = from->undo ? slice_str("undo") : slice_of(NULL, 0),
		.attempt_timeout_ms = 200,
		.delivery = WIRE_DELIVERY_DURABLE,
		.retry = retry,
		.undo_retry = retry,
		.flags = flags_of(from->class),
	};
}

static void add_plans(struct history *h)
{
	for (uint32_t i = 0; i < TALE_SAGAS; i++) {
		struct history_saga saga = {
			.client = 0,
			.protocol = plans[i].protocol,
			.idle_ms = plans[i].idle_ms,
			.deadline_ms = deadline_of(i),
			.retry_until_at = TALE_START_MS + 86400000,
			.body = hash_xxh3_64(slice_str(body)),
			.other_body = hash_xxh3_64(slice_str(other)),
			.inbox_only_until = i == LETTER ? UINT64_MAX : 0,
		};

		CHECK_EQ(id_from(&saga.id, slice_str(plans[i].id)), 0);
		(void)history_add_saga(h, &saga);
		for (uint32_t k = 0; k < plans[i].step_count; k++) {
			struct history_step step = {
				.class = plans[i].steps[k].class,
				.kind = plans[i].protocol,
				.after = plans[i].steps[k].after,
				.has_undo = plans[i].steps[k].undo,
				.one_phase = plans[i].steps[k].one_phase,
				.timeout_ms = 200,
				.retry = retry,
				.undo_retry = retry,
				.input_from = HISTORY_NONE,
			};

			CHECK_EQ(id_from(&step.name, slice_str(plans[i].steps[k].name)), 0);
			(void)history_add_step(h, &step);
		}
	}
}

/* ---- records -----------------------------------------------------------------------------------
 */

static void encode_accepted(const struct tale *t, const struct tale_event *e, struct buf *out)
{
	const struct plan *plan = &plans[e->saga];
	struct wire_step steps[3];
	struct wire_record_accepted r = {
		.saga = slice_str(plan->id),
		.admission = e->number != 0 ? e->number : e->saga + 1,
		.plan = {.name = slice_str("plan"),
			 .version = 1,
			 .protocol = e->state == 1 ? (uint32_t)TCC : plan->protocol,
			 .deadline_ms = deadline_of(e->saga),
			 .idle_ms = plan->idle_ms,
			 .steps = steps,
			 .step_count = plan->idle_ms > 0 ? 0 : plan->step_count},
		.input = slice_str(e->body == 1 ? other : body),
		.accepted_at = e->at_ms,
		.deadline_at = e->at_ms + deadline_of(e->saga) -
			       (e->saga == LATE ? t->deadline_cut_ms : 0),
		.retry_until_at = TALE_START_MS + 86400000,
	};

	for (uint32_t k = 0; k < plan->step_count; k++)
		steps[k] = step_of(&plan->steps[k]);
	CHECK_EQ(wire_encode(WIRE_RECORD_ACCEPTED, &r, out), 0);
}

static void encode_branch(const struct tale_event *e, struct buf *out)
{
	const struct wire_record_branch r = {
		.admission = e->saga + 1,
		.step = e->index,
		.op = e->op,
		.event = e->event,
		.attempt = e->attempt,
		.code = e->code,
		.next_at = e->next_at,
		.instance = e->silent ? slice_of(NULL, 0) : slice_str("i1"),
	};

	CHECK_EQ(wire_encode(WIRE_RECORD_BRANCH, &r, out), 0);
}

static void encode_open(const struct tale_event *e, struct buf *out)
{
	if (e->record == WIRE_RECORD_ENLISTED) {
		const struct wire_record_enlisted r = {
			.admission = e->saga + 1,
			.step = step_of(&plans[e->saga].steps[e->step]),
			.at = e->at_ms};

		CHECK_EQ(wire_encode(WIRE_RECORD_ENLISTED, &r, out), 0);
	} else {
		const struct wire_record_closed r = {.admission = e->saga + 1, .at = e->at_ms};

		CHECK_EQ(wire_encode(WIRE_RECORD_CLOSED, &r, out), 0);
	}
}

static void encode_end(const struct tale_event *e, struct buf *out)
{
	const struct wire_record_decision decision = {
		.admission = e->saga + 1, .reason = e->reason, .verdict = e->decision};
	const struct wire_record_finished finished = {
		.admission = e->saga + 1, .state = e->state, .at = e->at_ms};
	const struct wire_record_tombstone tombstone = {.saga = slice_str(plans[e->saga].id),
							.at = e->at_ms};
	const struct wire_record_noop noop = {0};
	const struct wire_record_inbox inbox = {.created = slice_str("2026"),
						.sequence = e->number,
						.code = e->code,
						.saga = slice_str(plans[e->saga].id),
						.at = e->at_ms};

	if (e->record == WIRE_RECORD_DECISION)
		CHECK_EQ(wire_encode(e->record, &decision, out), 0);
	else if (e->record == WIRE_RECORD_FINISHED)
		CHECK_EQ(wire_encode(e->record, &finished, out), 0);
	else if (e->record == WIRE_RECORD_TOMBSTONE)
		CHECK_EQ(wire_encode(e->record, &tombstone, out), 0);
	else if (e->record == WIRE_RECORD_NOOP)
		CHECK_EQ(wire_encode(e->record, &noop, out), 0);
	else
		CHECK_EQ(wire_encode(e->record, &inbox, out), 0);
}

static void encode_first(const struct tale_event *e, struct buf *out)
{
	char node[16];
	const struct wire_record_genesis genesis = {
		.cluster = slice_str("c"), .shard_count = 1, .created = slice_str("2026")};
	struct wire_record_epoch epoch = {.epoch = e->epoch, .nonce = e->epoch * 10, .format = 1};

	(void)snprintf(node, sizeof node, "n%u", e->node);
	epoch.node = slice_str(node);
	if (e->record == WIRE_RECORD_GENESIS)
		CHECK_EQ(wire_encode(e->record, &genesis, out), 0);
	else
		CHECK_EQ(wire_encode(e->record, &epoch, out), 0);
}

static void encode(const struct tale *t, const struct tale_event *e, struct buf *out)
{
	switch ((int)e->record) {
	case WIRE_RECORD_ACCEPTED:
		encode_accepted(t, e, out);
		break;
	case WIRE_RECORD_BRANCH:
		encode_branch(e, out);
		break;
	case WIRE_RECORD_ENLISTED:
	case WIRE_RECORD_CLOSED:
		encode_open(e, out);
		break;
	case WIRE_RECORD_GENESIS:
	case WIRE_RECORD_EPOCH:
		encode_first(e, out);
		break;
	default:
		encode_end(e, out);
	}
}

/* ---- building ----------------------------------------------------------------------------------
 */

struct builder {
	const struct tale *tale;
	struct history *history;
	struct hash128 hash;
	uint64_t records;
	uint32_t batches, joined;
	uint32_t asks[TALE_EVENTS];    /* name -> request + 1 */
	uint64_t orders[TALE_EVENTS];  /* of each event */
	uint32_t entries[TALE_EVENTS]; /* event -> entry + 1 */
};

static void add_batch(struct builder *b, const struct tale_event *e, struct slice records,
		      uint32_t count)
{
	const bool third = ++b->batches == 3;
	struct batch_header header = {.record_count = count,
				      .epoch = e->epoch,
				      .nonce = e->epoch * 10,
				      .first_record = b->records + 1,
				      .shard_time = e->shard_time != 0 ? e->shard_time : e->at_ms,
				      .previous = b->hash};
	struct buf out;
	uint8_t *copy;

	b->records += third && b->tale->gap; /* one is missing */
	header.first_record = b->records + 1;
	header.first_record -= third && b->tale->repeat;
	header.previous.bytes[0] ^= third && b->tale->broken_chain;
	header.nonce += third && b->tale->second_writer;
	CHECK_EQ(id_from(&header.cluster, slice_str("c")), 0);
	buf_init(&out, 65536);
	CHECK_EQ(batch_encode(&header, records, &out), 0);
	b->hash = batch_hash(buf_slice(&out));
	b->records += count;
	copy = malloc(out.size);
	CHECK(copy != NULL);
	memcpy(copy, out.data, out.size);
	copy[out.size - 1] ^= third && b->tale->damaged;
	(void)history_add_batch(b->history, e->at_ms, 0, copy, out.size);
	buf_close(&out);
}

/* What the record of an outcome rests on. */
static void build_reply(struct builder *b, const struct tale_event *e)
{
	static const uint32_t outcomes[] = {
		[WIRE_EVENT_OK] = WIRE_OUTCOME_OK,
		[WIRE_EVENT_REJECTED] = WIRE_OUTCOME_REJECTED,
		[WIRE_EVENT_AGAIN] = WIRE_OUTCOME_RETRY,
		[WIRE_EVENT_UNKNOWN] = WIRE_OUTCOME_PARK,
		[WIRE_EVENT_READ_ONLY] = WIRE_OUTCOME_READ_ONLY,
		[WIRE_EVENT_HEURISTIC] = WIRE_OUTCOME_HEURISTIC,
	};
	struct history_reply *r;

	if (e->record != WIRE_RECORD_BRANCH || e->silent || e->unsaid)
		return;
	r = history_add_reply(b->history, e->at_ms);
	r->saga = e->saga;
	r->step = e->step;
	r->op = e->op;
	r->attempt = e->attempt;
	r->outcome = outcomes[e->event];
}

static void build_record(struct builder *b, uint32_t at)
{
	const struct tale *t = b->tale;
	struct buf records;
	uint32_t count = 1;

	build_reply(b, &t->events[at]);
	if (t->events[at].joins)
		return; /* with the one before */
	buf_init(&records, 65536);
	encode(t, &t->events[at], &records);
	for (uint32_t i = at + 1; i < t->count && t->events[i].joins; i++, count++)
		encode(t, &t->events[i], &records);
	add_batch(b, &t->events[at], buf_slice(&records), count);
	buf_close(&records);
}

static void build_ask(struct builder *b, const struct tale_event *e)
{
	struct history_request *r = history_add_request(b->history, e->at_ms);

	r->kind = e->asks;
	r->saga = e->saga;
	r->step = e->step;
	r->branches = e->branches;
	r->filtered = e->filtered;
	r->until_decided = e->until_decided;
	r->by_participant = e->asks == HISTORY_INQUIRE;
	b->asks[e->ask] = b->history->request_count;
}

static void build_answer(struct builder *b, const struct tale_event *e)
{
	struct history_answer *a = history_add_answer(b->history, e->at_ms);

	CHECK(b->asks[e->ask] > 0);
	a->request = b->asks[e->ask] - 1;
	a->heard = a->order;
	a->epoch = e->epoch;
	a->node = e->node;
	a->code = e->code;
	a->state = e->state;
	a->decision = e->decision;
	a->heuristics = e->heuristics;
	a->record_number = e->number != 0 ? e->number : b->records;
}

static void build_command(struct builder *b, const struct tale_event *e)
{
	struct history_command *c = history_add_command(b->history, e->at_ms);

	c->epoch = e->epoch;
	c->node = e->node;
	c->saga = e->saga;
	c->step = e->step;
	c->op = e->op;
	c->attempt = e->attempt;
	c->input = e->input;
}

static void build_effect(struct builder *b, const struct tale_event *e)
{
	struct history_effect *f = history_add_effect(b->history, e->at_ms);

	f->saga = e->saga;
	f->step = e->step;
	f->op = e->op;
	f->kind = e->effect;
	f->one_phase = e->one_phase;
	f->epoch = e->epoch;
	f->delta = e->delta;
	f->held = e->held;
	f->account = 0;
}

static void build_rest(struct builder *b, uint32_t at)
{
	const struct tale_event *e = &b->tale->events[at];
	struct history *h = b->history;

	if (e->kind == TALE_OWNER) {
		struct history_owner *o = history_add_owner(h, e->at_ms);

		*o = (struct history_owner){.at_ms = o->at_ms,
					    .order = o->order,
					    .epoch = e->epoch,
					    .kind = e->owner,
					    .node = e->node};
		if (e->owner == HISTORY_DIES)
			o->shard = HISTORY_NONE;
	} else if (e->kind == TALE_SAMPLE) {
		struct history_sample *s = history_add_sample(h, e->at_ms);

		s->kind = HISTORY_OPEN_SAGAS;
		s->value = e->value;
		s->limit = e->limit;
	} else if (e->kind == TALE_STATE) {
		struct history_state *s = history_add_state(h, e->at_ms);

		s->node = e->node;
		s->record_number = b->records;
		s->hash.bytes[0] = e->hash;
	} else if (e->kind == TALE_ENTRY) {
		struct history_entry *entry = history_add_entry(h, e->at_ms);

		entry->letter = 0;
		entry->lost = e->lost;
		b->entries[at] = h->entry_count;
	} else if (e->kind == TALE_LISTED) {
		struct history_listed *l = history_add_listed(h, e->at_ms);

		l->request = b->asks[e->ask] - 1;
		l->saga = e->saga;
	} else if (e->kind == TALE_HEAL) {
		h->heal_ms = e->at_ms;
	}
}

static void build_event(struct builder *b, uint32_t at)
{
	const struct tale_event *e = &b->tale->events[at];

	switch (e->kind) {
	case TALE_ASK:
		build_ask(b, e);
		break;
	case TALE_ANSWER:
		build_answer(b, e);
		break;
	case TALE_RECORD:
		build_record(b, at);
		break;
	case TALE_COMMAND:
		build_command(b, e);
		break;
	case TALE_EFFECT:
		build_effect(b, e);
		break;
	default:
		build_rest(b, at);
	}
	b->orders[at] = b->history->order;
}

void tale_build(const struct tale *t, struct history *h)
{
	struct builder *b = calloc(1, sizeof *b);

	CHECK(b != NULL);
	*b = (struct builder){.tale = t, .history = h};
	history_init(h, 1);
	h->parts = (1U << HISTORY_PARTS) - 1;
	h->start_ms = TALE_START_MS;
	h->liars = t->liars;
	(void)snprintf(h->source, sizeof h->source, "a tale");
	(void)history_add_node(h, slice_str("n0"));
	(void)history_add_node(h, slice_str("n1"));
	(void)history_add_service(h, slice_str("s0"));
	*history_add_account(h) = (struct history_account){
		.opening = 1000, .read = true, .balance = 1000 + t->balance_off};
	add_plans(h);
	(void)history_add_letter(
		h, &(struct history_letter){.kind = HISTORY_LETTER_GOOD, .saga = LETTER});
	history_add_incarnation(h, "2026");
	for (uint32_t i = 0; i < t->count; i++)
		build_event(b, i);
	for (uint32_t i = 0; i < t->count; i++)
		if (b->entries[i] > 0 && t->events[i].purged > 0)
			h->entries[b->entries[i] - 1].purge_sent =
				b->orders[t->events[i].purged - 1];
	h->end_ms = t->events[t->count - 1].at_ms;
	free(b);
}

/* ---- changing it -------------------------------------------------------------------------------
 */

static bool like(const struct tale_event *e, const struct tale_like *l)
{
	if (e->kind != l->kind || e->saga != l->saga || e->step != l->step || e->op != l->op)
		return false;
	if (e->kind == TALE_RECORD)
		return e->record == l->what && e->event == l->event;
	return (e->kind != TALE_ASK && e->kind != TALE_ANSWER) || e->asks == l->what;
}

uint32_t tale_find(const struct tale *t, struct tale_like l)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < t->count; i++)
		if (like(&t->events[i], &l) && found++ == l.nth)
			return i;
	fail_msg("no such event: kind %d, saga %u, step %u, op %u, what %u, event %u, nth %u",
		 (int)l.kind, l.saga, l.step, l.op, l.what, l.event, l.nth);
	return 0;
}

/* What joined it stands alone then. */
void tale_remove(struct tale *t, uint32_t at)
{
	if (!t->events[at].joins && at + 1 < t->count)
		t->events[at + 1].joins = false;
	memmove(&t->events[at], &t->events[at + 1], (t->count - at - 1) * sizeof t->events[0]);
	t->count--;
}

void tale_insert(struct tale *t, uint32_t at, const struct tale_event *event)
{
	const struct tale_event copy = *event;

	while (at < t->count && t->events[at].joins)
		at++; /* what joins the batch before stays with it */
	assert_true(t->count < TALE_EVENTS && at <= t->count);
	memmove(&t->events[at + 1], &t->events[at], (t->count - at) * sizeof t->events[0]);
	t->events[at] = copy;
	t->count++;
}

/* The times are those of the place where it comes to stand. */
void tale_move(struct tale *t, uint32_t from, uint32_t to)
{
	struct tale_event event = t->events[from];

	event.joins = false;
	tale_remove(t, from);
	event.at_ms = t->events[to < t->count ? to : t->count - 1].at_ms;
	tale_insert(t, to, &event);
}
