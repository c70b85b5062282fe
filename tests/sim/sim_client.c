/* Clients: they submit, lose patience, submit again, send another body under the same id, cancel
 * (also before the submit), ask and wait. Each request has a reply subject of its own. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"
#include "wire/plan.h"

enum { RETRY_MS = 400 };

static const char *const STEP_NAMES[SIM_STEPS] = {"a", "b", "c", "d"};
static const char *const SERVICE_NAMES[SIM_SERVICES] = {"s0", "s1", "s2", "s3"};

bool sim_saga_from(const struct sim *sim, struct slice id, uint32_t *saga)
{
	for (uint32_t i = 0; i < sim->saga_count; i++)
		if (slice_equal(id, id_slice(&sim->sagas[i].id))) {
			*saga = i;
			return true;
		}
	return false;
}

/* ---- requests -----------------------------------------------------------------------------------
 */

struct plan_memory {
	struct wire_step steps[SIM_STEPS];
	uint8_t after[SIM_STEPS][SIM_STEPS];
};

/* With a service away, impatient sagas: an attempt is over long before the stream forgets its
 * command (S14). */
static void fill_plan(const struct sim *sim, const struct sim_saga *saga,
		      struct plan_memory *memory, struct wire_plan *plan)
{
	for (uint32_t i = 0; i < saga->step_count; i++) {
		const struct sim_step_plan *from = &saga->steps[i];
		uint32_t count = 0;

		for (uint32_t k = 0; k < i; k++)
			if (from->after & 1U << k)
				memory->after[i][count++] = (uint8_t)k;
		memory->steps[i] = (struct wire_step){
			.name = slice_str(STEP_NAMES[i]),
			.service = slice_str(SERVICE_NAMES[from->service]),
			.delivery = from->direct ? WIRE_DELIVERY_DIRECT : WIRE_DELIVERY_DURABLE,
			.forward = slice_str("do"),
			.undo = from->has_undo ? slice_str("undo") : slice_of(NULL, 0),
			.after = slice_of(memory->after[i], count),
			.attempt_timeout_ms = sim->outage ? 100 : 1000,
			.retry = {100, 200, 1000, 20, 3},
			.undo_retry = {100, 200, 1000, 20, 4},
		};
	}
	*plan = (struct wire_plan){.name = slice_str("plan"),
				   .version = 1,
				   .protocol = WIRE_PROTOCOL_SAGA,
				   .deadline_ms = saga->deadline_ms,
				   .steps = memory->steps,
				   .step_count = saga->step_count};
	wire_plan_resolve(plan);
}

void sim_client_encode(struct sim *sim, enum sim_request_kind kind, const struct sim_saga *saga,
		       uint32_t deadline_ms, struct buf *out)
{
	struct plan_memory memory;
	struct wire_submit submit = {
		.id = id_slice(&saga->id),
		.input = slice_str(kind == SIM_CONFLICT ? "other" : "input"),
		.retry_until_at = saga->retry_until_ms,
		.deadline_ms = deadline_ms,
		.wait = saga->wait,
	};
	const struct wire_query query = {.id = id_slice(&saga->id), .wait = kind == SIM_WAIT_QUERY};
	const struct wire_cancel cancel = {.id = id_slice(&saga->id),
					   .reason = slice_str("changed my mind"),
					   .retry_until_at = saga->retry_until_ms};

	switch (kind) {
	case SIM_SUBMIT:
	case SIM_CONFLICT:
		fill_plan(sim, saga, &memory, &submit.plan);
		CHECK_EQ(wire_encode(WIRE_SUBMIT, &submit, out), 0);
		break;
	case SIM_CANCEL:
		CHECK_EQ(wire_encode(WIRE_CANCEL, &cancel, out), 0);
		break;
	case SIM_QUERY:
	case SIM_WAIT_QUERY:
		CHECK_EQ(wire_encode(WIRE_QUERY, &query, out), 0);
		break;
	}
}

static void ask(struct sim *sim, enum sim_request_kind kind, uint32_t number)
{
	const struct sim_saga *saga = &sim->sagas[number];
	const uint32_t request = sim->request_count;
	enum subject_verb verb = SUBJECT_SUBMIT;
	char reply[32];
	struct buf out;

	if (request == SIM_REQUESTS)
		return;
	/* S5: after its window nobody submits this id again. */
	if (kind <= SIM_CANCEL && sim->now_ms >= saga->retry_until_ms)
		return;
	if (kind <= SIM_CONFLICT && saga->inbox_only && sim->probe_ms == 0)
		return;
	if (kind == SIM_CANCEL)
		verb = SUBJECT_CANCEL;
	else if (kind >= SIM_QUERY)
		verb = SUBJECT_QUERY;
	sim->requests[sim->request_count++] =
		(struct sim_request){.kind = kind, .saga = number, .sent_ms = sim->now_ms};
	sim_note(sim, "ask", saga->client, request, kind, number);
	buf_init(&out, 65536);
	sim_client_encode(sim, kind, saga, 0, &out);
	(void)snprintf(reply, sizeof reply, "_INBOX.c%u.%u", saga->client, request);
	const struct subject subject =
		subject_shard("saga", saga->shard, verb, slice_str("default"));
	sim_send_node(sim, SIM_AT_CLIENT + saga->client, subject.text, reply, buf_slice(&out));
	buf_close(&out);
}

static void ask_later(struct sim *sim, struct sim_event *e)
{
	ask(sim, (enum sim_request_kind)e->a, (uint32_t)e->b);
}

static void plan_request(struct sim *sim, uint64_t at_ms, enum sim_request_kind kind, uint32_t saga)
{
	struct sim_event *e = sim_at(sim, at_ms, SIM_WORLD, ask_later);

	e->a = kind;
	e->b = saga;
}

/* Until somebody answers. */
static void submit(struct sim *sim, struct sim_event *e)
{
	struct sim_saga *saga = &sim->sagas[e->b];

	if (saga->answered || saga->inbox_only || sim->now_ms >= saga->retry_until_ms)
		return;
	ask(sim, SIM_SUBMIT, (uint32_t)e->b);
	sim_at(sim, sim->now_ms + RETRY_MS + sim_draw(sim, SIM_CLIENT, RETRY_MS), SIM_WORLD, submit)
		->b = e->b;
}

void sim_client_hear(struct sim *sim, uint32_t client, uint32_t request, struct slice data)
{
	const struct sim_request *r = &sim->requests[request];
	struct sim_saga *saga = &sim->sagas[r->saga];
	struct wire_answer answer;
	struct arena arena;

	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_LT(request, sim->request_count);
	CHECK_EQ(saga->client, client);
	CHECK_EQ(wire_decode(WIRE_ANSWER, data, &arena, &answer, NULL), 0);
	sim->requests[request].answered = true;
	if (r->kind != SIM_SUBMIT)
		return;
	if (answer.code == 0 || (answer.code != err_to_wire(SAGA_E_BUSY) &&
				 answer.code != err_to_wire(SAGA_E_NOT_OWNER)))
		saga->answered = true;
}

/* ---- the script ---------------------------------------------------------------------------------
 */

static void draw_saga(struct sim *sim, uint32_t number, uint64_t span_ms)
{
	struct sim_saga *saga = &sim->sagas[number];
	char name[32];

	(void)snprintf(name, sizeof name, "saga-%llu-%u", (unsigned long long)sim->seed, number);
	CHECK_EQ(id_from(&saga->id, slice_str(name)), 0);
	saga->shard = wire_shard_of(&sim->slots, id_slice(&saga->id));
	saga->client = (uint32_t)sim_draw(sim, SIM_PLAN, SIM_CLIENTS);
	saga->step_count = 1 + (uint32_t)sim_draw(sim, SIM_PLAN, SIM_STEPS);
	for (uint32_t i = 0; i < saga->step_count; i++) {
		struct sim_step_plan *step = &saga->steps[i];

		step->service = (uint32_t)sim_draw(sim, SIM_PLAN, SIM_SERVICES);
		step->direct = sim->services[step->service].direct;
		step->has_undo = true;
		for (uint32_t k = 0; k < i; k++)
			if (sim_draw(sim, SIM_PLAN, 3) > 0)
				step->after |= 1U << k;
	}
	saga->deadline_ms = 3000 + (uint32_t)sim_draw(sim, SIM_PLAN, 12000);
	saga->wait = sim_draw(sim, SIM_PLAN, 2) == 0;
	saga->submit_ms = sim->now_ms + 300 + sim_draw(sim, SIM_PLAN, span_ms);
	saga->retry_until_ms = saga->submit_ms + SIM_WINDOW_MS;
	if (sim_draw(sim, SIM_PLAN, 6) == 0)
		saga->retry_until_ms = saga->submit_ms + 2000 + sim_draw(sim, SIM_PLAN, 8000);
}

static uint64_t soon(struct sim *sim, const struct sim_saga *saga, uint64_t span_ms)
{
	return saga->submit_ms + sim_draw(sim, SIM_PLAN, span_ms);
}

void sim_client_create(struct sim *sim)
{
	uint64_t span_ms = sim->heal_ms - sim->now_ms - 500;

	if (sim_draw(sim, SIM_PLAN, 4) == 0)
		span_ms = 300; /* all at once: frames and batches of many */
	sim->saga_count = 8 + (uint32_t)sim_draw(sim, SIM_PLAN, SIM_SAGAS - 8 + 1);
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		struct sim_saga *saga = &sim->sagas[i];

		draw_saga(sim, i, span_ms);
		sim_at(sim, saga->submit_ms, SIM_WORLD, submit)->b = i;
		if (sim_draw(sim, SIM_PLAN, 3) == 0)
			plan_request(sim, soon(sim, saga, 50), SIM_SUBMIT, i);
		for (uint32_t k = 0; k < 3; k++)
			plan_request(sim, soon(sim, saga, 8000), SIM_SUBMIT, i);
		if (sim_draw(sim, SIM_PLAN, 5) == 0)
			plan_request(sim, soon(sim, saga, 3000), SIM_CONFLICT, i);
		if (sim_draw(sim, SIM_PLAN, 6) == 0)
			plan_request(sim, soon(sim, saga, 2000), SIM_CANCEL, i);
		if (sim_draw(sim, SIM_PLAN, 12) == 0)
			plan_request(sim, saga->submit_ms - 200, SIM_CANCEL, i);
		for (uint32_t k = 0; k < 5; k++)
			plan_request(sim, soon(sim, saga, 1500), SIM_WAIT_QUERY, i);
		plan_request(sim, soon(sim, saga, 6000), SIM_WAIT_QUERY, i);
		plan_request(sim, soon(sim, saga, 5000), SIM_QUERY, i);
	}
	sim_letters_create(sim, span_ms);
}

static void probe(struct sim *sim, struct sim_event *e)
{
	const enum sim_request_kind kind = (enum sim_request_kind)e->a;
	const uint32_t before = sim->request_count;

	if (e->d != 0 && sim->requests[e->c].answered)
		return;
	ask(sim, kind, (uint32_t)e->b);
	if (sim->request_count == before)
		return;
	sim->requests[before].probe = true;
	struct sim_event *again = sim_at(sim, sim->now_ms + 2 * RETRY_MS, SIM_WORLD, probe);
	again->a = e->a;
	again->b = e->b;
	again->c = before;
	again->d = e->d + 1;
}

/* When all is over each id is submitted and asked for once more: what is remembered must be. */
void sim_client_probe(struct sim *sim)
{
	sim->probe_ms = sim->now_ms;
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		const uint64_t at = sim->now_ms + sim_draw(sim, SIM_CLIENT, 200);
		struct sim_event *e = sim_at(sim, at, SIM_WORLD, probe);

		e->a = SIM_SUBMIT;
		e->b = i;
		e = sim_at(sim, at + 20, SIM_WORLD, probe);
		e->a = SIM_WAIT_QUERY;
		e->b = i;
		sim->count.late_duplicates++;
	}
}
