/* The services that work on commands: their instances, replies and what they keep of them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
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

static void encode_reply(struct sim *sim, const struct sim_work *w, const struct sim_verdict *v,
			 struct buf *out)
{
	const char service[3] = {'s', (char)('0' + w->service), '\0'};
	char output[32] = "";
	struct wire_reply reply = {
		.saga = id_slice(&sim->sagas[w->saga].id),
		.step = w->index,
		.op = w->op,
		.operation = w->operation,
		.attempt = w->attempt,
		.epoch = w->epoch,
		.outcome = v->outcome,
		.barrier = v->barrier,
		.code = v->code,
		.retry_after_ms = v->outcome == WIRE_OUTCOME_RETRY     ? 30
				  : v->outcome == WIRE_OUTCOME_WORKING ? 300
								       : 0,
	};
	if ((w->op == WIRE_OP_FORWARD || w->op == WIRE_OP_SETTLE) && v->outcome == WIRE_OUTCOME_OK)
		sim_output_text(w->saga, w->step, output);
	reply.output = slice_str(output);
	const struct wire_reply_frame frame = {.shard = w->shard,
					       .service = slice_str(service),
					       .instance = slice_str("i1"),
					       .replies = &reply,
					       .reply_count = 1};

	CHECK_EQ(wire_encode(WIRE_REPLY_FRAME, &frame, out), 0);
}

static void answer_call(struct sim *sim, const struct sim_work *w, const struct sim_verdict *v)
{
	struct buf out;

	buf_init(&out, 8192);
	encode_reply(sim, w, v, &out);
	send_bytes(sim, w->service, w->shard, buf_slice(&out), false);
	buf_close(&out);
}

static void answer(struct sim *sim, const struct sim_work *w, const struct sim_verdict *v)
{
	struct sim_service *service = &sim->services[w->service];
	struct sim_pending *p = NULL;
	struct buf out;

	if (w->queued == CALLED) {
		answer_call(sim, w, v);
		return;
	}
	/* The owner may send the next attempt before this one's disposition has come. */
	if (v->outcome == WIRE_OUTCOME_RETRY)
		sim_stream_retried(sim, w->queued, w->entry);
	for (uint32_t i = 0; p == NULL && i < SIM_PENDING; i++)
		if (!service->pending[i].used)
			p = &service->pending[i];
	if (p == NULL)
		return; /* the stream delivers it again */
	buf_init(&out, 8192);
	encode_reply(sim, w, v, &out);
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
	struct sim_event *e = sim_at(sim, sim->now_ms, SIM_WORLD, resend);
	e->a = w->service;
	e->b = (uint64_t)(p - service->pending);
	e->c = p->serial;
}

static void crash(struct sim *sim, struct sim_service *service)
{
	sim->count.service_crashes++;
	service->life++;
	service->down_until_ms = sim->now_ms + 50 + sim_draw(sim, SIM_SERVICE, 600);
	for (uint32_t i = 0; i < SIM_PENDING; i++)
		if (service->pending[i].used)
			pending_free(&service->pending[i]);
}

static void work_ends(struct sim *sim, struct sim_event *e)
{
	const struct sim_work *w = (const void *)e->bytes;
	struct sim_service *service = &sim->services[w->service];

	if (service->life != w->life)
		return;
	const struct sim_verdict v = sim_barrier_run(sim, w);
	/* Between effect and answer. */
	if (sim_chance(sim, SIM_SERVICE, sim->faults.service_crashes)) {
		crash(sim, service);
		return;
	}
	answer(sim, w, &v);
}

static void work_goes_on(struct sim *sim, struct sim_event *e)
{
	const struct sim_work *w = (const void *)e->bytes;
	const struct sim_verdict v = {.outcome = WIRE_OUTCOME_WORKING};

	if (sim->services[w->service].life == w->life)
		answer_call(sim, w, &v);
}

/* The commands of a frame, with their own pace each. Returns how many they are. */
static uint32_t begin_frame(struct sim *sim, uint32_t to, uint32_t queued, struct slice bytes)
{
	const struct sim_service *service = &sim->services[to];
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
			.life = service->life,
			.epoch = frame.epoch,
			.low_water = frame.low_water,
			.admission = c->admission,
			.operation = c->operation,
		};
		uint64_t ms = 1 + sim_draw(sim, SIM_SERVICE, 5);

		if (!sim_saga_from(sim, c->saga, &w.saga) ||
		    !sim_step_from(c->step_name, &w.step) ||
		    sim_chance(sim, SIM_SERVICE, sim->faults.service_silent))
			continue;
		if (sim_chance(sim, SIM_SERVICE, sim->healed ? 0 : service->slow))
			ms += sim_draw(sim, SIM_SERVICE, 2500);
		sim_event_bytes(sim_at(sim, sim->now_ms + ms, SIM_WORLD, work_ends),
				slice_of(&w, sizeof w));
		if (queued == CALLED && ms > WORKING_MS)
			sim_event_bytes(
				sim_at(sim, sim->now_ms + WORKING_MS, SIM_WORLD, work_goes_on),
				slice_of(&w, sizeof w));
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
			pending_free(p);
		}
	}
}
