#include "tests/unit/txn_host.h"
#include "wire/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/prng.h"
#include "wire/record.h"

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

void host_init(struct host *h)
{
	memset(h, 0, sizeof *h);
	h->limits = (struct txn_limits){.open_max = 64,
					.remembered_max = 256,
					.branches_max = 256,
					.waiters_max = 64,
					.payload_max = 1024 * 1024};
	h->config = (struct txn_config){.retry_window_max_ms = 600000,
					.remember_margin_ms = 10000,
					.parked_retry_ms = 5000,
					.deadline_max_ms = 3600000};
	assert_int_equal(wire_slots_even(&h->slots, 1), 0);
	h->now = HOST_START_MS;
	h->epoch = 1;
	h->reply_to = 1;
}

void host_start(struct host *h)
{
	h->config.slots = &h->slots;
	h->memory_size = txn_memory_size(&h->limits);
	h->memory = map(h->memory_size);
	h->replay_memory = map(h->memory_size);
	h->records = calloc(HOST_RECORDS_MAX, sizeof *h->records);
	h->text = malloc(HOST_TEXT_MAX);
	assert_non_null(h->records);
	assert_non_null(h->text);
	buf_init(&h->journal, 256 * 1024 * 1024);
	buf_init(&h->step_records, 1024 * 1024);
	h->t = txn_create(h->memory, h->memory_size, &h->limits, &h->config);
	txn_resume(h->t, h->now, h->epoch, 1);
}

void host_close(struct host *h)
{
	assert_int_equal(munmap(h->memory, h->memory_size), 0);
	assert_int_equal(munmap(h->replay_memory, h->memory_size), 0);
	buf_close(&h->journal);
	buf_close(&h->step_records);
	free(h->records);
	free(h->text);
}

int host_set_up(void **state)
{
	static struct host h;

	host_init(&h);
	host_start(&h);
	*state = &h;
	return 0;
}

int host_tear_down(void **state)
{
	host_close(*state);
	return 0;
}

void host_no_message(void *context, const struct txn_message *message)
{
	(void)context;
	fail_msg("message of kind %d", (int)message->kind);
}

__attribute__((format(printf, 2, 3))) static void note(struct host *h, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(h->text + h->text_size, HOST_TEXT_MAX - h->text_size, format, args);
	va_end(args);
	assert_true(size >= 0 && (size_t)size < HOST_TEXT_MAX - h->text_size);
	h->text_size += (size_t)size;
}

#define SLICE(s) (int)(s).size, (const char *)(s).data

static const char *op_text(uint32_t op)
{
	return wire_op_name(op);
}

static const char *event_text(uint32_t event)
{
	static const char *const names[] = {"?",       "ok",         "rejected",  "again",
					    "unknown", "dispatched", "read_only", "heuristic"};

	return event < 8 ? names[event] : "?";
}

static const char *reason_text(uint32_t reason)
{
	static const char *const names[] = {"none",      "rejected", "exhausted", "deadline",
					    "cancelled", "refused",  "idle"};

	return reason < 7 ? names[reason] : "?";
}

static void note_at(struct host *h, uint64_t at)
{
	if (at > 0)
		note(h, " at=+%llu", (unsigned long long)(at - h->now));
}

static void note_branch(struct host *h, const struct wire_record_branch *r)
{
	note(h, "+branch #%llu %u %s %s %u", (unsigned long long)r->admission, r->step,
	     op_text(r->op), event_text(r->event), r->attempt);
	if (r->code)
		note(h, " code=%u", r->code);
	if (r->output.size)
		note(h, " output=%u", r->output.size);
	note_at(h, r->next_at);
	note(h, "\n");
}

static void note_record(struct host *h, struct slice bytes)
{
	static uint64_t space[16 * 1024];
	union {
		struct wire_record_accepted accepted;
		struct wire_record_branch branch;
		struct wire_record_decision decision;
		struct wire_record_parked parked;
		struct wire_record_finished finished;
		struct wire_record_tombstone tombstone;
		struct wire_record_inbox inbox;
		struct wire_record_enlisted enlisted;
		struct wire_record_closed closed;
		struct wire_record_noop noop;
		struct wire_record_carried carried;
		struct wire_record_remembered remembered;
		struct wire_record_segment segment;
		struct wire_record_history_mark history_mark;
	} r;
	struct arena arena;
	enum wire_kind kind;

	arena_init(&arena, space, sizeof space);
	assert_int_equal(wire_peek_kind(bytes, &kind), 0);
	assert_int_equal(wire_decode(kind, bytes, &arena, &r, NULL), 0);
	switch (kind) {
	case WIRE_RECORD_ACCEPTED:
		note(h, "+accepted %.*s #%llu\n", SLICE(r.accepted.saga),
		     (unsigned long long)r.accepted.admission);
		break;
	case WIRE_RECORD_BRANCH:
		note_branch(h, &r.branch);
		break;
	case WIRE_RECORD_DECISION:
		note(h, "+decision #%llu %s", (unsigned long long)r.decision.admission,
		     r.decision.verdict == WIRE_DECISION_COMMIT ? "commit"
								: reason_text(r.decision.reason));
		if (r.decision.has_step)
			note(h, " %u", r.decision.step);
		note(h, "\n");
		break;
	case WIRE_RECORD_PARKED:
		note(h, "+parked #%llu %u %s %u code=%u", (unsigned long long)r.parked.admission,
		     r.parked.step, op_text(r.parked.op), r.parked.attempts, r.parked.code);
		note_at(h, r.parked.next_at);
		note(h, "\n");
		break;
	case WIRE_RECORD_FINISHED:
		note(h, "+finished #%llu %s\n", (unsigned long long)r.finished.admission,
		     txn_state_name(r.finished.state));
		break;
	case WIRE_RECORD_ENLISTED:
		note(h, "+enlisted #%llu %.*s\n", (unsigned long long)r.enlisted.admission,
		     SLICE(r.enlisted.step.name));
		break;
	case WIRE_RECORD_TOMBSTONE:
		note(h, "+tombstone %.*s\n", SLICE(r.tombstone.saga));
		break;
	case WIRE_RECORD_CARRIED:
		note(h, "+carried %.*s\n", SLICE(r.carried.saga));
		break;
	case WIRE_RECORD_REMEMBERED:
		note(h, "+remembered");
		for (uint32_t i = 0; i < r.remembered.id_count; i++)
			note(h, " %.*s", SLICE(r.remembered.ids[i].saga));
		note(h, "\n");
		break;
	default:
		note(h, "+%s\n", wire_kind_name(kind));
	}
}

static void note_answer(struct host *h, const struct txn_message *m)
{
	const struct wire_answer *a = &m->u.answer;

	h->answer = *a;
	note(h, ">answer %llu %.*s %s", (unsigned long long)m->reply_to, SLICE(a->id),
	     txn_state_name(a->state));
	if (a->code)
		note(h, " %s", err_slug(err_from_wire(a->code)));
	if (m->final)
		note(h, " final");
	if (a->text.size)
		note(h, " '%.*s'", SLICE(a->text));
	note(h, "\n");
	for (uint32_t i = 0; i < a->branch_count; i++) {
		const struct wire_branch_view *b = &a->branches[i];

		note(h, "  %.*s %s %u/%u", SLICE(b->step), txn_branch_state_name(b->state),
		     b->forward_attempts, b->undo_attempts);
		if (b->code)
			note(h, " code=%u", b->code);
		if (b->text.size)
			note(h, " '%.*s'", SLICE(b->text));
		note_at(h, b->next_at);
		note(h, "\n");
	}
}

static void note_list(struct host *h, const struct wire_list *list)
{
	note(h, ">list open=%u parked=%u next=%llu\n", list->open, list->parked,
	     (unsigned long long)list->next);
	for (uint32_t i = 0; i < list->saga_count; i++) {
		const struct wire_saga_view *v = &list->sagas[i];

		note(h, "  #%llu %.*s %s", (unsigned long long)v->admission, SLICE(v->id),
		     txn_state_name(v->state));
		if (v->step.size)
			note(h, " %.*s %u", SLICE(v->step), v->attempts);
		note(h, "\n");
	}
}

static void note_message(struct host *h, const struct txn_message *m)
{
	const struct wire_command *c = &m->u.command;

	switch (m->kind) {
	case TXN_MESSAGE_COMMAND:
		h->command = *c;
		h->command_count++;
		note(h, ">%.*s %.*s %.*s %s %u left=%u%s%s%s\n", SLICE(m->service), SLICE(c->saga),
		     SLICE(c->step_name), op_text(c->op), c->attempt, c->remaining_ms,
		     m->delivery == WIRE_DELIVERY_DIRECT ? " call" : "", m->again ? " again" : "",
		     m->fallback ? " fallback" : "");
		break;
	case TXN_MESSAGE_ANSWER:
		note_answer(h, m);
		break;
	case TXN_MESSAGE_DISPOSITION:
		note(h, ">%s %llu\n",
		     m->u.disposition.kind == WIRE_DISPOSITION_RECORDED ? "recorded" : "obsolete",
		     (unsigned long long)m->reply_to);
		break;
	case TXN_MESSAGE_LIST:
		note_list(h, &m->u.list);
		break;
	case TXN_MESSAGE_ALERT:
		note(h, ">alert %.*s %.*s %s %u code=%u\n", SLICE(m->u.alert.saga),
		     SLICE(m->u.alert.step), op_text(m->u.alert.op), m->u.alert.attempts,
		     m->u.alert.code);
		break;
	}
}

/* Records of the step are noted before its first message: they are all made by then. */
static void take_records(struct host *h)
{
	struct slice rest = buf_slice(&h->step_records);

	while (rest.size > 0) {
		struct host_record *r = &h->records[h->record_count];
		uint32_t size;

		assert_true(h->record_count < HOST_RECORDS_MAX);
		assert_int_equal(wire_value_size(rest, &size), 0);
		/* A batch has one time for all its records: never exactly that of the step. */
		*r = (struct host_record){
			.offset = h->journal.size, .size = size, .at = h->now - h->now % 64 - 1};
		assert_int_equal(buf_put(&h->journal, rest.data, size), 0);
		h->record_count++;
		note_record(h, slice_of(rest.data, size));
		rest = slice_of(rest.data + size, rest.size - size);
	}
	buf_clear(&h->step_records);
}

static void on_message(void *context, const struct txn_message *m)
{
	struct host *h = context;

	take_records(h);
	/* T1, in the strict form: all records of the step stand before its messages. */
	assert_int_equal(m->gate, h->record_count);
	h->message_count++;
	note_message(h, m);
	if (h->message)
		h->message(h->context, m);
}

struct slice host_record_bytes(const struct host *h, uint32_t index)
{
	assert_true(index < h->record_count);
	return slice_of(h->journal.data + h->records[index].offset, h->records[index].size);
}

struct txn_shard *host_fresh(struct host *h)
{
	assert_int_equal(madvise(h->replay_memory, h->memory_size, MADV_DONTNEED), 0);
	return txn_create(h->replay_memory, h->memory_size, &h->limits, &h->config);
}

struct txn_shard *host_replay_from(struct host *h, uint32_t first, uint32_t count)
{
	struct txn_shard *fresh = host_fresh(h);

	for (uint32_t i = first; i < count; i++)
		assert_int_equal(txn_apply(fresh, host_record_bytes(h, i), i + 1, h->records[i].at),
				 0);
	return fresh;
}

struct txn_shard *host_replay(struct host *h, uint32_t count)
{
	return host_replay_from(h, 0, count);
}

void host_genesis(struct host *h)
{
	const struct wire_record_genesis genesis = {
		.cluster = slice_str("test"),
		.shard_count = 1,
		.slots = wire_slots_hash(&h->slots),
		.created = slice_str("today"),
	};

	assert_int_equal(wire_encode(WIRE_RECORD_GENESIS, &genesis, &h->step_records), 0);
	h->text_size = 0;
	take_records(h);
	assert_int_equal(txn_apply(h->t, host_record_bytes(h, 0), 1, h->records[0].at), 0);
}

void host_carry(struct host *h, uint64_t below, uint32_t budget_bytes)
{
	assert_int_equal(host_step(h, (struct txn_event){.kind = TXN_EVENT_CARRY,
							 .u.carry = {below, budget_bytes}}),
			 0);
}

uint32_t host_segment(struct host *h, uint64_t whole_from)
{
	const struct txn_event event = {
		.kind = TXN_EVENT_SEGMENT,
		.u.segment = {.number = txn_segments(h->t).number + 1, .whole_from = whole_from},
	};

	assert_int_equal(host_step(h, event), 0);
	return h->record_count - 1;
}

static uintptr_t place_in(const struct slab *slab, const uint8_t *block)
{
	return block ? (uintptr_t)(block - slab->memory) : UINTPTR_MAX;
}

/* Only the fold allocates: block by block, the memory of a replay is that of the owner, so what had
 * room there has room in every replay. */
static void same_places(const struct txn_shard *a, const struct txn_shard *b)
{
	assert_int_equal(a->payload.used, b->payload.used);
	assert_int_equal(a->payload.ready, b->payload.ready);
	assert_int_equal(a->names.used, b->names.used);
	assert_int_equal(a->names.ready, b->names.ready);
	for (uint32_t i = a->first; i != TXN_NONE; i = a->entries[i].next) {
		const struct txn_entry *e = &a->entries[i], *f = &b->entries[i];

		assert_int_equal(place_in(&a->names, e->names), place_in(&b->names, f->names));
		assert_int_equal(e->body != NULL, f->body != NULL);
		if (!e->body)
			continue;
		assert_int_equal(place_in(&a->payload, (const uint8_t *)e->body),
				 place_in(&b->payload, (const uint8_t *)f->body));
		assert_int_equal(place_in(&a->payload, (const uint8_t *)e->body->plan),
				 place_in(&b->payload, (const uint8_t *)f->body->plan));
		for (uint32_t j = 0; j < txn_step_count(e->body); j++)
			assert_int_equal(place_in(&a->payload, e->body->branches[j].output),
					 place_in(&b->payload, f->body->branches[j].output));
	}
}

static void check_all(struct host *h)
{
	const char *wrong = h->no_verify ? NULL : txn_verify(h->t, true);
	struct hash128 live, replayed;
	struct txn_shard *fresh;

	if (wrong)
		fail_msg("%s", wrong);
	assert_int_equal(txn_last_record(h->t), h->record_count);
	if (h->no_replay)
		return;
	live = txn_state_hash(h->t);
	fresh = host_replay(h, h->record_count);
	replayed = txn_state_hash(fresh);
	assert_memory_equal(live.bytes, replayed.bytes, sizeof live.bytes);
	same_places(h->t, fresh);
}

int host_step(struct host *h, struct txn_event event)
{
	const uint32_t before = h->record_count;
	struct txn_effects effects = {
		.records = &h->step_records, .emit = on_message, .emit_context = h};
	int err;

	event.now_ms = h->now;
	event.wall_ms = h->wall_ms;
	event.entropy = prng_mix(++h->entropy);
	event.reply_to = h->reply_to;
	h->text_size = 0;
	h->text[0] = '\0';
	h->command_count = 0;
	h->message_count = 0;
	err = txn_step(h->t, &event, &effects);
	take_records(h);
	assert_int_equal(effects.record_count, h->record_count - before);
	assert_true(err == 0 || h->record_count == before);
	check_all(h);
	return err;
}

void host_take_over(struct host *h, uint32_t count)
{
	struct txn_shard *fresh;
	void *memory;

	assert_true(count <= h->record_count);
	h->record_count = count;
	h->journal.size = count ? h->records[count - 1].offset + h->records[count - 1].size : 0;
	fresh = host_replay(h, count);
	memory = h->memory;
	h->memory = h->replay_memory;
	h->replay_memory = memory;
	h->t = fresh;
	txn_resume(h->t, h->now, ++h->epoch, prng_mix(++h->entropy));
	check_all(h);
}

/* ---- short forms --------------------------------------------------------------------------------
 */

void host_plan(struct host_plan *p, const char *const *names, uint32_t count)
{
	const struct wire_retry retry = {
		.initial_ms = 100, .factor_percent = 200, .cap_ms = 1000, .attempts = 3};

	assert_true(count <= HOST_STEPS_MAX);
	memset(p, 0, sizeof *p);
	p->plan = (struct wire_plan){.name = slice_str("trip"),
				     .version = 1,
				     .protocol = WIRE_PROTOCOL_SAGA,
				     .deadline_ms = 60000,
				     .steps = p->steps,
				     .step_count = count};
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(p->services[i], sizeof p->services[i], "%s-svc", names[i]);
		p->steps[i] = (struct wire_step){
			.name = slice_str(names[i]),
			.service = slice_str(p->services[i]),
			.forward = slice_str("do"),
			.undo = slice_str("undo"),
			.attempt_timeout_ms = 1000,
			.delivery = WIRE_DELIVERY_DURABLE,
			.retry = retry,
			.undo_retry = retry,
		};
		if (i > 0)
			host_plan_after(p, i, &(uint8_t){(uint8_t)(i - 1)}, 1);
	}
}

void host_plan_after(struct host_plan *p, uint32_t step, const uint8_t *after, uint32_t count)
{
	if (count > 0)
		memcpy(p->after[step], after, count);
	p->steps[step].after = slice_of(p->after[step], count);
}

struct wire_submit host_submit_of(const struct host *h, const char *id, struct host_plan *p)
{
	p->plan.steps = p->steps;
	return (struct wire_submit){.id = slice_str(id),
				    .plan = p->plan,
				    .input = slice_str("input"),
				    .retry_until_at = h->now + 60000};
}

int host_submit_event(struct host *h, const struct wire_submit *submit)
{
	return host_step(h, (struct txn_event){.kind = TXN_EVENT_SUBMIT, .u.submit = submit});
}

void host_submit(struct host *h, const char *id, struct host_plan *p)
{
	const struct wire_submit submit = host_submit_of(h, id, p);

	assert_int_equal(host_submit_event(h, &submit), 0);
}

void host_submit_wait(struct host *h, const char *id, struct host_plan *p)
{
	struct wire_submit submit = host_submit_of(h, id, p);

	submit.wait = true;
	assert_int_equal(host_submit_event(h, &submit), 0);
}

void host_cancel(struct host *h, const char *id)
{
	const struct wire_cancel cancel = {.id = slice_str(id),
					   .reason = slice_str("why not"),
					   .retry_until_at = h->now + 60000};

	assert_int_equal(
		host_step(h, (struct txn_event){.kind = TXN_EVENT_CANCEL, .u.cancel = &cancel}), 0);
}

void host_query(struct host *h, const char *id, bool wait)
{
	const struct wire_query query = {.id = slice_str(id), .wait = wait};

	assert_int_equal(
		host_step(h, (struct txn_event){.kind = TXN_EVENT_QUERY, .u.query = &query}), 0);
}

void host_list(struct host *h, uint32_t states, uint64_t after, uint32_t limit)
{
	const struct wire_list_request list = {.states = states, .after = after, .limit = limit};

	assert_int_equal(host_step(h, (struct txn_event){.kind = TXN_EVENT_LIST, .u.list = &list}),
			 0);
}

void host_tick(struct host *h, uint64_t after_ms)
{
	h->now += after_ms;
	assert_int_equal(host_step(h, (struct txn_event){.kind = TXN_EVENT_TICK}), 0);
}

struct wire_reply host_reply_of(const char *id, uint32_t step, const char *name, uint32_t op,
				uint32_t attempt, uint32_t outcome)
{
	return (struct wire_reply){
		.saga = slice_str(id),
		.step = step,
		.op = op,
		.operation = uuid_operation(slice_str(id), slice_str(name), slice_str(op_text(op))),
		.attempt = attempt,
		.epoch = 1,
		.outcome = outcome,
	};
}

void host_reply_as(struct host *h, const struct wire_reply *reply, const char *service)
{
	struct txn_event event = {.kind = TXN_EVENT_REPLY};

	event.u.reply.reply = reply;
	event.u.reply.service = slice_str(service);
	event.u.reply.instance = slice_str("one");
	assert_int_equal(host_step(h, event), 0);
}

void host_reply(struct host *h, const char *id, uint32_t step, const char *name, uint32_t op,
		uint32_t attempt, uint32_t outcome)
{
	const struct wire_reply reply = host_reply_of(id, step, name, op, attempt, outcome);
	char service[64];

	(void)snprintf(service, sizeof service, "%s-svc", name);
	host_reply_as(h, &reply, service);
}
