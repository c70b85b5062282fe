/* The services that work on commands: their instances, replies and what they keep of them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "client/context.h"
#include "tests/sim/sim.h"

enum {
	RESEND_MS = 200,
	HOLD_MS = 2000,      /* S13 */
	WORKING_MS = 100,    /* a call that takes longer is told to be in hand */
	CALLED = UINT32_MAX, /* in the place of a queued message */
};

/* ---- replies ------------------------------------------------------------------------------------
 */

/* `wants` a disposition, or not: then there is no reply subject. */
static void send_bytes(struct sim *sim, uint32_t number, uint32_t shard, struct slice bytes,
		       bool wants)
{
	char reply[32], service[8];
	struct subject subject;

	(void)snprintf(service, sizeof service, "s%u", number);
	reply[0] = '\0';
	if (wants)
		sim_reply_subject(reply, 's', number, 1);
	subject = subject_shard("saga", shard, SUBJECT_REPLY, slice_str(service));
	sim_send_node(sim, SIM_AT_SERVICE + number, subject.text, reply, bytes);
}

static void send_reply(struct sim *sim, uint32_t number, const struct sim_pending *p)
{
	send_bytes(sim, number, p->shard, slice_of(p->bytes, p->size), true);
}

static void pending_free(struct sim_pending *p)
{
	free(p->bytes);
	free(p->contradiction);
	memset(p, 0, sizeof *p);
}

static void resend(struct sim *sim, struct sim_event *e)
{
	struct sim_service *service = &sim->services[e->a];
	struct sim_pending *p = &service->pending[e->b];

	if (!p->used || p->serial != e->c)
		return;
	if (sim->now_ms - p->since_ms >= HOLD_MS) { /* S13: the step's timer is the guarantee */
		sim_stream_done(sim, p->queued, p->entry);
		pending_free(p);
		return;
	}
	send_reply(sim, (uint32_t)e->a, p);
	struct sim_event *next = sim_at(sim, sim->now_ms + RESEND_MS, SIM_WORLD, resend);
	next->a = e->a;
	next->b = e->b;
	next->c = e->c;
}

static void record_reply(struct sim *sim, const struct sim_work *w, uint32_t outcome)
{
	struct history_reply *r = history_add_reply(&sim->history, sim->now_ms);

	r->saga = w->saga;
	r->step = w->step;
	r->op = w->op;
	r->attempt = w->attempt;
	r->outcome = outcome;
}

static void encode_reply(struct sim *sim, const struct sim_work *w, const struct context_answer *a,
			 struct buf *out)
{
	const char service[3] = {'s', (char)('0' + w->service), '\0'};
	struct wire_reply reply = {
		.saga = id_slice(&sim->sagas[w->saga].id),
		.step = w->index,
		.op = w->op,
		.operation = w->operation,
		.attempt = w->attempt,
		.epoch = w->epoch,
		.outcome = a->outcome,
		.barrier = a->barrier,
		.code = a->code,
		.retry_after_ms = a->retry_after_ms,
		.text = slice_str(a->text),
		.output = a->output,
	};
	const struct wire_reply_frame frame = {.shard = w->shard,
					       .service = slice_str(service),
					       .instance = slice_str("i1"),
					       .replies = &reply,
					       .reply_count = 1};

	record_reply(sim, w, a->outcome);
	buf_init(out, 8192);
	CHECK_EQ(wire_encode(WIRE_REPLY_FRAME, &frame, out), 0);
}

/* Of a call, or of what waits for no disposition any more. */
static void send_later(struct sim *sim, struct sim_event *e)
{
	const struct sim_service *service = &sim->services[e->a];

	if (service->down_until_ms <= sim->now_ms)
		send_bytes(sim, (uint32_t)e->a, (uint32_t)e->b, slice_of(e->bytes, e->size),
			   e->c != 0);
}

static void say_later(struct sim *sim, uint32_t service, uint32_t shard, struct slice bytes,
		      bool wants)
{
	struct sim_event *e = sim_at(sim, sim->now_ms + 1 + sim_draw(sim, SIM_PERSON, 3000),
				     SIM_WORLD, send_later);

	e->a = service;
	e->b = shard;
	e->c = wants;
	sim_event_bytes(e, bytes);
}

static void say_again(struct sim *sim, const struct sim_work *w, struct slice bytes)
{
	if (!sim_chance(sim, SIM_PERSON, sim->services[w->service].person.twice))
		return;
	sim->count.answers_twice++;
	say_later(sim, w->service, w->shard, bytes, w->queued != CALLED);
}

/* A disposition does not say which of several answers to one attempt it is for: where one of them
 * was evasive, nobody knows that the definite one has been recorded. */
static void note_evasion(struct sim *sim, const struct sim_work *w, const struct context_answer *a)
{
	struct sim_service *service = &sim->services[w->service];
	uint32_t *evasive = &sim->evasive[w->saga][w->step][w->op];

	if (a->outcome == WIRE_OUTCOME_OK || a->outcome == WIRE_OUTCOME_REJECTED)
		return;
	*evasive = w->attempt > *evasive ? w->attempt : *evasive;
	for (uint32_t i = 0; i < SIM_PENDING; i++) {
		struct sim_pending *p = &service->pending[i];

		if (!p->used || p->attempt > w->attempt ||
		    !uuid_equal(&p->operation, &w->operation))
			continue;
		free(p->contradiction);
		p->contradiction = NULL;
	}
}

static void answer_call(struct sim *sim, const struct sim_work *w, const struct context_answer *a)
{
	struct buf out;

	note_evasion(sim, w, a);
	encode_reply(sim, w, a, &out);
	send_bytes(sim, w->service, w->shard, buf_slice(&out), false);
	say_again(sim, w, buf_slice(&out));
	buf_close(&out);
}

/* Is this the one answer to its attempt that somebody can have recorded? What is refused for now
 * only is no definite one; and of two answers nobody knows which a disposition is for. */
static bool is_definite(const struct sim *sim, const struct sim_work *w,
			const struct context_answer *a)
{
	const uint32_t evasive = sim->evasive[w->saga][w->step][w->op];
	const bool refused = a->outcome == WIRE_OUTCOME_REJECTED;

	return (a->outcome == WIRE_OUTCOME_OK || refused) && w->attempt > evasive &&
	       !(refused && sim->sagas[w->saga].steps[w->step].class == HISTORY_RETRIABLE);
}

/* The other answer is kept until this one has been recorded: what is recorded first stands. */
static void prepare_contradiction(struct sim *sim, const struct sim_work *w,
				  const struct context_answer *a, struct sim_pending *p)
{
	struct context_answer other = *a;
	struct buf out;

	if (!is_definite(sim, w, a) || !sim_person_contradicts(sim, w->service, &other))
		return;
	encode_reply(sim, w, &other, &out);
	p->contradiction = out.data;
	p->contradiction_size = out.size;
}

static void answer(struct sim *sim, const struct sim_work *w, const struct context_answer *a)
{
	struct sim_service *service = &sim->services[w->service];
	struct sim_pending *p = NULL;
	struct buf out;

	if (w->queued == CALLED) {
		answer_call(sim, w, a);
		return;
	}
	note_evasion(sim, w, a);
	/* The owner may send the next attempt before this one's disposition has come. */
	if (a->outcome != WIRE_OUTCOME_OK)
		sim_stream_retried(sim, w->queued, w->entry);
	for (uint32_t i = 0; p == NULL && i < SIM_PENDING; i++)
		if (!service->pending[i].used)
			p = &service->pending[i];
	if (p == NULL)
		return; /* the stream delivers it again */
	encode_reply(sim, w, a, &out);
	*p = (struct sim_pending){.used = true,
				  .queued = w->queued,
				  .entry = w->entry,
				  .shard = w->shard,
				  .operation = w->operation,
				  .attempt = w->attempt,
				  .since_ms = sim->now_ms,
				  .serial = ++sim->pending_serial,
				  .bytes = out.data,
				  .size = out.size};
	prepare_contradiction(sim, w, a, p);
	say_again(sim, w, buf_slice(&out));
	struct sim_event *e = sim_at(sim, sim->now_ms, SIM_WORLD, resend);
	e->a = w->service;
	e->b = (uint64_t)(p - service->pending);
	e->c = p->serial;
}

static void crash(struct sim *sim, struct sim_service *service)
{
	sim->count.service_crashes++;
	service->life++;
	service->in_hand = 0;
	service->down_until_ms = sim->now_ms + 50 + sim_draw(sim, SIM_SERVICE, 600);
	for (uint32_t i = 0; i < SIM_PENDING; i++)
		if (service->pending[i].used)
			pending_free(&service->pending[i]);
	sim_database_crash(service->store);
}

/* False: there is no answer, as it died. */
static bool run(struct sim *sim, const struct sim_work *w, struct context_answer *a)
{
	if (w->refused) {
		*a = (struct context_answer){
			.outcome = WIRE_OUTCOME_RETRY,
			.retry_after_ms = 20 + (uint32_t)sim_draw(sim, SIM_PERSON, 1500)};
		sim->count.overloads++;
		return true;
	}
	return sim_person_lies(sim, w, a) || sim_bank_run(sim, w, a);
}

static void work_ends(struct sim *sim, struct sim_event *e)
{
	const struct sim_work *w = (const void *)e->bytes;
	struct sim_service *service = &sim->services[w->service];
	struct context_answer a;

	if (service->life != w->life)
		return;
	service->in_hand -= !w->refused;
	/* Within its work, or between effect and answer. */
	if (!run(sim, w, &a) || sim_chance(sim, SIM_SERVICE, sim->faults.service_crashes))
		crash(sim, service);
	else
		answer(sim, w, &a);
	context_answer_free(&a);
}

static void work_goes_on(struct sim *sim, struct sim_event *e)
{
	const struct sim_work *w = (const void *)e->bytes;
	const struct context_answer a = {.outcome = WIRE_OUTCOME_WORKING, .retry_after_ms = 300};

	if (sim->services[w->service].life == w->life)
		answer_call(sim, w, &a);
}

/* How long it takes. False: nobody will ever hear of it. */
static bool draw_pace(struct sim *sim, const struct sim_service *service, uint64_t *ms)
{
	const struct sim_person *person = &service->person;

	*ms = 1;
	if (person->prompt) {
		sim->count.prompt_answers++;
		return true;
	}
	*ms += sim_draw(sim, SIM_SERVICE, 5);
	if (sim_chance(sim, SIM_SERVICE, sim->faults.service_silent) ||
	    sim_chance(sim, SIM_SERVICE, person->silent)) {
		sim->count.silences++;
		return false;
	}
	if (sim_chance(sim, SIM_SERVICE, person->slow)) {
		sim->count.slow_answers++;
		*ms += sim_draw(sim, SIM_SERVICE, 2500);
	}
	return true;
}

static void begin_work(struct sim *sim, struct sim_work *w)
{
	struct sim_service *service = &sim->services[w->service];
	const uint32_t capacity = service->person.capacity;
	uint64_t ms;

	if (!draw_pace(sim, service, &ms))
		return;
	w->refused = capacity > 0 && service->in_hand >= capacity;
	service->in_hand += !w->refused;
	sim_event_bytes(sim_at(sim, sim->now_ms + ms, SIM_WORLD, work_ends),
			slice_of(w, sizeof *w));
	if (w->queued == CALLED && ms > WORKING_MS)
		sim_event_bytes(sim_at(sim, sim->now_ms + WORKING_MS, SIM_WORLD, work_goes_on),
				slice_of(w, sizeof *w));
}

/* The commands of a frame, with their own pace each. Returns how many they are. */
static uint32_t begin_frame(struct sim *sim, uint32_t to, uint32_t queued, struct slice bytes)
{
	struct wire_command_frame frame;
	struct arena arena;

	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_EQ(wire_decode(WIRE_COMMAND_FRAME, bytes, &arena, &frame, NULL), 0);
	CHECK_LE(frame.command_count, 64);
	for (uint32_t i = 0; i < frame.command_count; i++) {
		const struct wire_command *c = &frame.commands[i];
		struct sim_work w = {
			.service = to,
			.queued = queued,
			.entry = i,
			.shard = frame.shard,
			.index = c->step,
			.op = c->op,
			.attempt = c->attempt,
			.one_phase = slice_equal(c->op_name, slice_str("one")),
			.life = sim->services[to].life,
			.epoch = frame.epoch,
			.low_water = frame.low_water,
			.admission = c->admission,
			.operation = c->operation,
		};

		if (sim_saga_from(sim, c->saga, &w.saga) && sim_step_from(c->step_name, &w.step))
			begin_work(sim, &w);
	}
	return frame.command_count;
}

bool sim_service_take(struct sim *sim, uint32_t number)
{
	struct sim_queued *q = &sim->queue[number];

	q->commands = begin_frame(sim, q->service, number, slice_of(q->bytes, q->size));
	return true;
}

/* Nothing keeps a call for a service that is away. */
static void call_arrives(struct sim *sim, struct sim_event *e)
{
	if (sim->services[e->a].down_until_ms <= sim->now_ms)
		(void)begin_frame(sim, (uint32_t)e->a, CALLED, slice_of(e->bytes, e->size));
}

uint64_t sim_service_number(const struct sim *sim, struct slice name)
{
	CHECK(name.size == 2 && name.data[0] == 's');
	CHECK(name.data[1] >= '0' && (uint32_t)(name.data[1] - '0') < sim->service_count);
	return (uint64_t)(name.data[1] - '0');
}

void sim_service_call(struct sim *sim, struct slice service, struct slice bytes)
{
	struct sim_event *e = sim_at(sim, sim->now_ms + sim_delay(sim), SIM_WORLD, call_arrives);

	e->a = sim_service_number(sim, service);
	sim_event_bytes(e, bytes);
}

/* Dispositions. */
void sim_service_hear(struct sim *sim, uint32_t number, struct slice data)
{
	struct sim_service *service = &sim->services[number];
	struct wire_disposition_frame frame;
	struct arena arena;

	if (service->down_until_ms > sim->now_ms)
		return;
	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_EQ(wire_decode(WIRE_DISPOSITION_FRAME, data, &arena, &frame, NULL), 0);
	for (uint32_t i = 0; i < frame.disposition_count; i++) {
		const struct wire_disposition *d = &frame.dispositions[i];

		if (d->kind == WIRE_DISPOSITION_NOT_OWNER)
			continue;
		sim->count.obsolete += d->kind == WIRE_DISPOSITION_OBSOLETE;
		for (uint32_t k = 0; k < SIM_PENDING; k++) {
			struct sim_pending *p = &service->pending[k];

			if (!p->used || p->attempt != d->attempt ||
			    !uuid_equal(&p->operation, &d->operation))
				continue;
			sim_stream_done(sim, p->queued, p->entry);
			if (p->contradiction != NULL && d->kind == WIRE_DISPOSITION_RECORDED)
				say_later(sim, number, p->shard,
					  slice_of(p->contradiction, p->contradiction_size), true);
			pending_free(p);
		}
	}
}
