#include "tests/judge/history_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
	VERSION = 1,
	HEAD_SIZE = 8,
	RECORD_MAX = 2 * 1024 * 1024,
	FILE_MAX = 1024 * 1024 * 1024,
};

enum kind {
	KIND_HEAD = 1,
	KIND_NODE,
	KIND_SERVICE,
	KIND_SAGA,
	KIND_STEP,
	KIND_ACCOUNT,
	KIND_LETTER,
	KIND_INCARNATION,
	KIND_ENTRY,
	KIND_REQUEST,
	KIND_ANSWER,
	KIND_LISTED,
	KIND_BATCH,
	KIND_COMMAND,
	KIND_EFFECT,
	KIND_OWNER,
	KIND_SAMPLE,
	KIND_STATE,
	KIND_FAULT,
	KIND_REPLY,
	KIND_END,
};

/* One walk over the fields of an element serves both ways. */
struct coder {
	struct history *h;
	struct buf *out;   /* NULL: decoding */
	struct slice left; /* of the payload that is decoded */
	const char *wrong; /* the first thing */
};

static void refuse(struct coder *c, const char *why)
{
	if (c->wrong == NULL)
		c->wrong = why;
}

/* ---- fields ------------------------------------------------------------------------------------
 */

static void bytes(struct coder *c, void *data, uint32_t size)
{
	if (c->out != NULL) {
		(void)buf_put(c->out, data, size);
	} else if (c->left.size < size) {
		refuse(c, "it ends too early");
		memset(data, 0, size);
	} else {
		memcpy(data, c->left.data, size);
		c->left = slice_of(c->left.data + size, c->left.size - size);
	}
}

static void u64(struct coder *c, uint64_t *value)
{
	uint8_t raw[8];

	for (uint32_t i = 0; i < sizeof raw; i++)
		raw[i] = (uint8_t)(*value >> 8 * i);
	bytes(c, raw, sizeof raw);
	if (c->out != NULL)
		return;
	*value = 0;
	for (uint32_t i = 0; i < sizeof raw; i++)
		*value |= (uint64_t)raw[i] << 8 * i;
}

static void i64(struct coder *c, int64_t *value)
{
	uint64_t raw = (uint64_t)*value;

	u64(c, &raw);
	*value = (int64_t)raw;
}

static void u32(struct coder *c, uint32_t *value)
{
	uint8_t raw[4];

	for (uint32_t i = 0; i < sizeof raw; i++)
		raw[i] = (uint8_t)(*value >> 8 * i);
	bytes(c, raw, sizeof raw);
	if (c->out != NULL)
		return;
	*value = 0;
	for (uint32_t i = 0; i < sizeof raw; i++)
		*value |= (uint32_t)raw[i] << 8 * i;
}

/* least..most */
static uint32_t range(struct coder *c, uint32_t value, uint32_t least, uint32_t most)
{
	u32(c, &value);
	if (value < least || value > most) {
		refuse(c, "a number is out of range");
		return least;
	}
	return value;
}

/* Below the count, or none. */
static void index_of(struct coder *c, uint32_t *value, uint32_t count, bool may_be_none)
{
	u32(c, value);
	if (*value >= count && !(may_be_none && *value == HISTORY_NONE))
		refuse(c, "it points to nothing");
}

static void flag(struct coder *c, bool *value)
{
	uint8_t raw = *value;

	bytes(c, &raw, 1);
	if (raw > 1)
		refuse(c, "a flag is neither yes nor no");
	*value = raw == 1;
}

static void name(struct coder *c, struct id *id)
{
	uint8_t text[ID_SIZE_MAX] = {0};

	memcpy(text, id->text, id->size);
	bytes(c, &id->size, 1);
	if (id->size > ID_SIZE_MAX) {
		refuse(c, "a name is too long");
		return;
	}
	bytes(c, text, id->size);
	if (c->out == NULL && id_from(id, slice_of(text, id->size)) != 0)
		refuse(c, "a name is none");
}

static void text(struct coder *c, char *data, uint32_t size)
{
	bytes(c, data, size);
	if (c->out == NULL && memchr(data, '\0', size) == NULL)
		refuse(c, "a text has no end");
}

static void when(struct coder *c, uint64_t *at_ms, uint64_t *order)
{
	u64(c, at_ms);
	u64(c, order);
}

/* A saga and a step of it, which are known. */
static void place(struct coder *c, uint32_t *saga, uint32_t *step)
{
	index_of(c, saga, c->h->saga_count, true);
	u32(c, step);
	if (c->wrong != NULL || *saga == HISTORY_NONE || *step == HISTORY_NONE)
		return;
	if (*step >= c->h->sagas[*saga].step_count && *step > 0)
		refuse(c, "there is no such step");
}

/* ---- elements ----------------------------------------------------------------------------------
 */

static void head(struct coder *c, struct history *h)
{
	h->parts = range(c, h->parts, 0, (1U << HISTORY_PARTS) - 1);
	text(c, h->source, sizeof h->source);
	u64(c, &h->start_ms);
	u64(c, &h->heal_ms);
	u64(c, &h->end_ms);
	h->shard_count = range(c, h->shard_count, 1, HISTORY_SHARDS_MAX);
	u64(c, &h->liars);
	u64(c, &h->dead);
	flag(c, &h->lasting);
	flag(c, &h->inbox_told_short);
}

static void code_retry(struct coder *c, struct wire_retry *r)
{
	r->initial_ms = range(c, r->initial_ms, 0, UINT32_MAX);
	u32(c, &r->factor_percent);
	u32(c, &r->cap_ms);
	r->jitter_percent = range(c, r->jitter_percent, 0, 100);
	u32(c, &r->attempts);
}

static void code_saga(struct coder *c, struct history_saga *s)
{
	name(c, &s->id);
	index_of(c, &s->shard, c->h->shard_count, false);
	u32(c, &s->client);
	s->protocol = range(c, s->protocol, WIRE_PROTOCOL_SAGA, WIRE_PROTOCOL_MIXED);
	u32(c, &s->deadline_ms);
	u32(c, &s->idle_ms);
	u64(c, &s->retry_until_at);
	u64(c, &s->body);
	u64(c, &s->other_body);
	u64(c, &s->inbox_only_until);
}

static void code_step(struct coder *c, struct history_step *s)
{
	name(c, &s->name);
	index_of(c, &s->service, c->h->service_count, false);
	s->class = (enum history_class)range(c, s->class, HISTORY_ACTION, HISTORY_VOTE);
	s->kind = range(c, s->kind, WIRE_PROTOCOL_SAGA, WIRE_PROTOCOL_2PC);
	u64(c, &s->after);
	flag(c, &s->has_undo);
	flag(c, &s->one_phase);
	u32(c, &s->timeout_ms);
	u32(c, &s->budget_ms);
	code_retry(c, &s->retry);
	code_retry(c, &s->undo_retry);
	for (uint32_t i = 0; i < 4; i++)
		u64(c, &s->input[i / 2][i % 2]);
	index_of(c, &s->input_from, WIRE_STEPS_MAX, true);
}

static void code_account(struct coder *c, struct history_account *a)
{
	index_of(c, &a->service, c->h->service_count, false);
	i64(c, &a->opening);
	flag(c, &a->read);
	i64(c, &a->balance);
	i64(c, &a->held);
}

static void code_letter(struct coder *c, struct history_letter *l)
{
	l->kind = (enum history_letter_kind)range(c, l->kind, HISTORY_LETTER_GOOD,
						  HISTORY_LETTER_WRONG);
	index_of(c, &l->saga, c->h->saga_count, false);
	index_of(c, &l->shard, c->h->shard_count, false);
}

static void code_entry(struct coder *c, struct history_entry *e)
{
	when(c, &e->at_ms, &e->order);
	index_of(c, &e->letter, c->h->letter_count, false);
	u64(c, &e->purge_sent);
	flag(c, &e->lost);
}

static void code_request(struct coder *c, struct history_request *r)
{
	when(c, &r->at_ms, &r->order);
	r->kind = (enum history_request_kind)range(c, r->kind, 1, HISTORY_REQUEST_KINDS);
	place(c, &r->saga, &r->step);
	if (r->step == HISTORY_NONE)
		refuse(c, "a request of no step");
	u32(c, &r->party);
	u64(c, &r->branches);
	flag(c, &r->until_decided);
	flag(c, &r->probe);
	flag(c, &r->filtered);
	flag(c, &r->by_participant);
	flag(c, &r->answered);
}

static void code_answer(struct coder *c, struct history_answer *a)
{
	when(c, &a->at_ms, &a->order);
	u64(c, &a->heard);
	u64(c, &a->epoch);
	u64(c, &a->record_number);
	u32(c, &a->node);
	index_of(c, &a->request, c->h->request_count, false);
	u32(c, &a->code);
	a->state = range(c, a->state, 0, WIRE_STATE_OPEN);
	u32(c, &a->shard);
	a->decision = range(c, a->decision, 0, WIRE_DECISION_ABORT);
	u32(c, &a->heuristics);
}

static void code_listed(struct coder *c, struct history_listed *l)
{
	when(c, &l->at_ms, &l->order);
	index_of(c, &l->request, c->h->request_count, false);
	index_of(c, &l->shard, c->h->shard_count, false);
	index_of(c, &l->saga, c->h->saga_count, true);
}

/* Of what was sent or done. */
static void branch(struct coder *c, uint32_t *saga, uint32_t *step)
{
	place(c, saga, step);
	if (c->wrong == NULL && *saga != HISTORY_NONE && *step != HISTORY_NONE &&
	    c->h->sagas[*saga].step_count == 0)
		refuse(c, "there is no such step");
}

static void code_command(struct coder *c, struct history_command *m)
{
	when(c, &m->at_ms, &m->order);
	u64(c, &m->epoch);
	u32(c, &m->node);
	index_of(c, &m->shard, c->h->shard_count, false);
	branch(c, &m->saga, &m->step);
	m->op = range(c, m->op, WIRE_OP_FORWARD, WIRE_OP_SETTLE);
	u32(c, &m->attempt);
	u64(c, &m->input);
}

static void code_effect(struct coder *c, struct history_effect *e)
{
	when(c, &e->at_ms, &e->order);
	branch(c, &e->saga, &e->step);
	e->op = range(c, e->op, HISTORY_WORK, WIRE_OP_SETTLE);
	e->kind = (enum history_effect_kind)range(c, e->kind, 1, HISTORY_EFFECT_KINDS);
	flag(c, &e->asked);
	flag(c, &e->one_phase);
	u32(c, &e->service);
	u32(c, &e->shard);
	u64(c, &e->epoch);
	index_of(c, &e->account, c->h->account_count, true);
	i64(c, &e->delta);
	i64(c, &e->held);
}

static void code_reply(struct coder *c, struct history_reply *r)
{
	when(c, &r->at_ms, &r->order);
	branch(c, &r->saga, &r->step);
	r->op = range(c, r->op, WIRE_OP_FORWARD, WIRE_OP_SETTLE);
	u32(c, &r->attempt);
	u32(c, &r->outcome);
}

static void code_owner(struct coder *c, struct history_owner *o)
{
	when(c, &o->at_ms, &o->order);
	u64(c, &o->epoch);
	o->kind = (enum history_owner_kind)range(c, o->kind, 1, HISTORY_OWNER_KINDS);
	u32(c, &o->node);
	index_of(c, &o->shard, c->h->shard_count, true);
}

static void code_sample(struct coder *c, struct history_sample *s)
{
	when(c, &s->at_ms, &s->order);
	u64(c, &s->value);
	u64(c, &s->limit);
	s->kind = (enum history_sample_kind)range(c, s->kind, 1, HISTORY_SAMPLE_KINDS);
	u32(c, &s->node);
	u32(c, &s->shard);
}

static void code_state(struct coder *c, struct history_state *s)
{
	when(c, &s->at_ms, &s->order);
	u64(c, &s->record_number);
	u32(c, &s->node);
	index_of(c, &s->shard, c->h->shard_count, false);
	flag(c, &s->replayed);
	bytes(c, s->hash.bytes, sizeof s->hash.bytes);
}

static void code_fault(struct coder *c, struct history_fault *f)
{
	when(c, &f->at_ms, &f->order);
	u64(c, &f->until_ms);
	text(c, f->what, sizeof f->what);
	u32(c, &f->node);
	u32(c, &f->shard);
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static void put_u32(uint8_t *at, uint32_t value)
{
	for (uint32_t i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t begin(struct coder *c, enum kind kind)
{
	const uint8_t open[9] = {0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)kind};

	(void)buf_put(c->out, open, sizeof open);
	return c->out->size - 9;
}

static void finish(struct coder *c, uint32_t at)
{
	const uint32_t size = c->out->size - at - 8;

	if (buf_error(c->out) != 0)
		return;
	put_u32(c->out->data + at, size);
	put_u32(c->out->data + at + 4, hash_crc32c(0, c->out->data + at + 8, size));
}

#define PUT(c, kind, code, element)                                                                \
	do {                                                                                       \
		const uint32_t at_ = begin((c), (kind));                                           \
		code((c), &(element));                                                             \
		finish((c), at_);                                                                  \
	} while (0)
#define PUT_ALL(c, kind, code, array, count)                                                       \
	for (uint32_t i = 0; i < (count); i++)                                                     \
	PUT((c), (kind), (code), (array)[i])

static void put_plans(struct coder *c)
{
	struct history *h = c->h;

	for (uint32_t i = 0; i < h->saga_count; i++) {
		PUT(c, KIND_SAGA, code_saga, h->sagas[i]);
		for (uint32_t k = 0; k < h->sagas[i].step_count; k++)
			PUT(c, KIND_STEP, code_step, h->steps[h->sagas[i].first_step + k]);
	}
}

static void put_inbox(struct coder *c)
{
	struct history *h = c->h;

	PUT_ALL(c, KIND_LETTER, code_letter, h->letters, h->letter_count);
	for (uint32_t i = 0; i < h->incarnation_count; i++) {
		const uint32_t at = begin(c, KIND_INCARNATION);

		text(c, h->incarnations[i].created, sizeof h->incarnations[i].created);
		finish(c, at);
		for (uint32_t k = 0; k < h->incarnations[i].entry_count; k++)
			PUT(c, KIND_ENTRY, code_entry,
			    h->entries[h->incarnations[i].first_entry + k]);
	}
}

static void put_batches(struct coder *c)
{
	struct history *h = c->h;

	for (uint32_t n = 0; n < h->shard_count; n++)
		for (uint32_t i = 0; i < h->journals[n].count; i++) {
			struct history_batch *batch = &h->journals[n].batches[i];
			const uint32_t at = begin(c, KIND_BATCH);
			uint32_t shard = n;

			when(c, &batch->at_ms, &batch->order);
			u32(c, &shard);
			bytes(c, batch->bytes, batch->size);
			finish(c, at);
		}
}

int history_encode(const struct history *history, struct buf *out)
{
	struct history copy = *history; /* the walk is the same both ways: it may write */
	struct coder c = {.h = &copy, .out = out};
	struct history *h = &copy;

	(void)buf_put(out, "SAGH\1\0\0\0", HEAD_SIZE);
	PUT(&c, KIND_HEAD, head, copy);
	PUT_ALL(&c, KIND_NODE, name, h->nodes, h->node_count);
	PUT_ALL(&c, KIND_SERVICE, name, h->services, h->service_count);
	put_plans(&c);
	PUT_ALL(&c, KIND_ACCOUNT, code_account, h->accounts, h->account_count);
	put_inbox(&c);
	PUT_ALL(&c, KIND_REQUEST, code_request, h->requests, h->request_count);
	PUT_ALL(&c, KIND_ANSWER, code_answer, h->answers, h->answer_count);
	PUT_ALL(&c, KIND_LISTED, code_listed, h->listed, h->listed_count);
	put_batches(&c);
	PUT_ALL(&c, KIND_COMMAND, code_command, h->commands, h->command_count);
	PUT_ALL(&c, KIND_EFFECT, code_effect, h->effects, h->effect_count);
	PUT_ALL(&c, KIND_REPLY, code_reply, h->replies, h->reply_count);
	PUT_ALL(&c, KIND_OWNER, code_owner, h->owners, h->owner_count);
	PUT_ALL(&c, KIND_SAMPLE, code_sample, h->samples, h->sample_count);
	PUT_ALL(&c, KIND_STATE, code_state, h->states, h->state_count);
	PUT_ALL(&c, KIND_FAULT, code_fault, h->faults, h->fault_count);
	const uint32_t at = begin(&c, KIND_END);
	u64(&c, &h->order);
	finish(&c, at);
	CHECK(c.wrong == NULL); /* what is recorded can be read */
	return buf_error(out);
}

/* ---- reading -----------------------------------------------------------------------------------
 */

static void take_saga(struct coder *c)
{
	struct history_saga saga = {0};
	uint32_t known;

	code_saga(c, &saga);
	if (c->wrong != NULL)
		return;
	if (history_find_saga(c->h, id_slice(&saga.id), &known))
		refuse(c, "the same saga twice");
	else
		(void)history_add_saga(c->h, &saga);
}

static void take_step(struct coder *c)
{
	struct history_step step = {0};

	code_step(c, &step);
	if (c->h->saga_count == 0 || c->h->sagas[c->h->saga_count - 1].step_count == WIRE_STEPS_MAX)
		refuse(c, "a step of no saga");
	if (c->wrong == NULL)
		(void)history_add_step(c->h, &step);
}

static void take_batch(struct coder *c)
{
	uint64_t at_ms = 0, order = 0;
	struct history_batch *batch;
	uint32_t shard = 0;
	uint8_t *copy;

	when(c, &at_ms, &order);
	index_of(c, &shard, c->h->shard_count, false);
	if (c->wrong != NULL || c->left.size == 0) {
		refuse(c, "a batch of no bytes");
		return;
	}
	copy = malloc(c->left.size);
	CHECK(copy != NULL);
	memcpy(copy, c->left.data, c->left.size);
	batch = history_add_batch(c->h, at_ms, shard, copy, c->left.size);
	batch->order = order;
	c->left.size = 0;
}

static void take_node(struct coder *c, bool service)
{
	struct id id = {0};

	name(c, &id);
	if (c->wrong != NULL)
		return;
	if (service)
		(void)history_add_service(c->h, id_slice(&id));
	else
		(void)history_add_node(c->h, id_slice(&id));
}

static void take_inbox(struct coder *c, enum kind kind)
{
	struct history_letter letter = {0};
	char created[32];

	if (kind == KIND_LETTER) {
		code_letter(c, &letter);
		if (c->wrong == NULL)
			(void)history_add_letter(c->h, &letter);
	} else if (kind == KIND_INCARNATION) {
		text(c, created, sizeof created);
		if (c->wrong == NULL)
			history_add_incarnation(c->h, created);
	} else if (c->h->incarnation_count == 0) {
		refuse(c, "an entry of no stream");
	} else {
		code_entry(c, history_add_entry(c->h, 0));
	}
}

static void take_timed(struct coder *c, enum kind kind)
{
	struct history *h = c->h;

	switch ((int)kind) {
	case KIND_REQUEST:
		code_request(c, history_add_request(h, 0));
		break;
	case KIND_ANSWER:
		code_answer(c, history_add_answer(h, 0));
		break;
	case KIND_LISTED:
		code_listed(c, history_add_listed(h, 0));
		break;
	case KIND_COMMAND:
		code_command(c, history_add_command(h, 0));
		break;
	case KIND_EFFECT:
		code_effect(c, history_add_effect(h, 0));
		break;
	case KIND_REPLY:
		code_reply(c, history_add_reply(h, 0));
		break;
	case KIND_OWNER:
		code_owner(c, history_add_owner(h, 0));
		break;
	case KIND_SAMPLE:
		code_sample(c, history_add_sample(h, 0));
		break;
	case KIND_STATE:
		code_state(c, history_add_state(h, 0));
		break;
	case KIND_FAULT:
		code_fault(c, history_add_fault(h, 0, ""));
		break;
	default:
		refuse(c, "a record of no known kind");
	}
}

static void take(struct coder *c, enum kind kind)
{
	switch (kind) {
	case KIND_NODE:
	case KIND_SERVICE:
		take_node(c, kind == KIND_SERVICE);
		break;
	case KIND_SAGA:
		take_saga(c);
		break;
	case KIND_STEP:
		take_step(c);
		break;
	case KIND_ACCOUNT:
		code_account(c, history_add_account(c->h));
		break;
	case KIND_LETTER:
	case KIND_INCARNATION:
	case KIND_ENTRY:
		take_inbox(c, kind);
		break;
	case KIND_BATCH:
		take_batch(c);
		break;
	case KIND_END:
		u64(c, &c->h->order);
		break;
	default:
		take_timed(c, kind);
	}
	if (c->left.size > 0)
		refuse(c, "there is more in it than there should be");
}

/* What can only be told when all of it is there: graphs, and orders. */
static const char *whole(const struct history *h)
{
	for (uint32_t i = 0; i < h->saga_count; i++)
		for (uint32_t k = 0; k < h->sagas[i].step_count; k++) {
			const struct history_step *s = history_step_of(h, i, k);
			const uint32_t count = h->sagas[i].step_count;

			if ((count < 64 && s->after >> count != 0) ||
			    (s->input_from != HISTORY_NONE && s->input_from >= count))
				return "a step waits for one that is none";
		}
	return NULL;
}

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

/* The payload of the record that begins there. */
static bool next(struct slice file, uint64_t offset, struct slice *payload, const char **why)
{
	const uint8_t *at = file.data + offset;
	uint32_t size;

	*why = "it ends too early";
	if (file.size - offset < 9)
		return false;
	size = get_u32(at);
	if (size == 0 || size > RECORD_MAX || size > file.size - offset - 8)
		return false;
	*payload = slice_of(at + 8, size);
	*why = "its checksum is wrong";
	return hash_crc32c(0, payload->data, size) == get_u32(at + 4);
}

static bool decode_head(struct slice payload, struct history *h, const char **why)
{
	struct history read = {0};
	struct coder c = {.h = &read, .left = payload};
	uint8_t kind;

	bytes(&c, &kind, 1);
	head(&c, &read);
	if (kind != KIND_HEAD || c.left.size > 0)
		refuse(&c, "it is no head");
	*why = c.wrong;
	if (c.wrong != NULL)
		return false;
	history_init(h, read.shard_count);
	h->parts = read.parts;
	memcpy(h->source, read.source, sizeof h->source);
	h->start_ms = read.start_ms;
	h->heal_ms = read.heal_ms;
	h->end_ms = read.end_ms;
	h->liars = read.liars;
	h->dead = read.dead;
	h->lasting = read.lasting;
	h->inbox_told_short = read.inbox_told_short;
	return true;
}

static const char *decode_rest(struct slice file, struct history *h, uint64_t *offset)
{
	struct slice payload;
	const char *why;
	uint8_t kind = 0;

	while (kind != KIND_END) {
		struct coder c = {.h = h};

		if (!next(file, *offset, &payload, &why))
			return why;
		c.left = payload;
		bytes(&c, &kind, 1);
		take(&c, (enum kind)kind);
		if (c.wrong != NULL)
			return c.wrong;
		*offset += 8 + payload.size;
	}
	return *offset == file.size ? whole(h) : "there is something behind the end";
}

bool history_decode(struct slice file, struct history *h, struct history_refusal *refusal)
{
	struct slice payload;
	const char *why = "it is no history of this version";

	memset(h, 0, sizeof *h);
	*refusal = (struct history_refusal){0};
	if (file.size >= HEAD_SIZE && memcmp(file.data, "SAGH\1\0\0\0", HEAD_SIZE) == 0) {
		refusal->offset = HEAD_SIZE;
		if (next(file, HEAD_SIZE, &payload, &why) && decode_head(payload, h, &why)) {
			refusal->offset += 8 + payload.size;
			why = decode_rest(file, h, &refusal->offset);
		}
	}
	if (why == NULL)
		return true;
	(void)snprintf(refusal->text, sizeof refusal->text, "%s", why);
	history_close(h);
	return false;
}

/* ---- files -------------------------------------------------------------------------------------
 */

bool history_save(const struct history *h, const char *path)
{
	struct buf out;
	FILE *file;
	bool good;

	buf_init(&out, FILE_MAX);
	good = history_encode(h, &out) == 0;
	file = good ? fopen(path, "wb") : NULL;
	good = file != NULL && fwrite(out.data, 1, out.size, file) == out.size;
	if (file != NULL)
		good &= fclose(file) == 0;
	buf_close(&out);
	return good;
}

bool history_load(const char *path, struct history *h, struct history_refusal *refusal)
{
	FILE *file = fopen(path, "rb");
	uint8_t block[65536];
	struct buf in;
	size_t size;
	bool good;

	buf_init(&in, FILE_MAX);
	while (file != NULL && (size = fread(block, 1, sizeof block, file)) > 0)
		(void)buf_put(&in, block, (uint32_t)size);
	good = file != NULL && ferror(file) == 0 && buf_error(&in) == 0;
	if (file != NULL)
		(void)fclose(file);
	memset(h, 0, sizeof *h);
	*refusal = (struct history_refusal){.text = "it cannot be read"};
	good = good && history_decode(buf_slice(&in), h, refusal);
	buf_close(&in);
	return good;
}
