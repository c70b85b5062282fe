/* Clients: they submit, lose patience, submit again, send another body under the same id, cancel
 * (also before the submit), ask and wait. Each request has a reply subject of its own. What
 * participants ask goes the same way. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"
#include "wire/plan.h"

enum { RETRY_MS = 400, MANY = 32 };

bool sim_saga_from(const struct sim *sim, struct slice id, uint32_t *saga)
{
	uint32_t number = 0, at = id.size;

	/* Its number stands at the end; whether the rest is right is looked at, too. */
	for (uint32_t tens = 1;
	     at > 0 && id.data[at - 1] >= '0' && id.data[at - 1] <= '9' && id.size - at < 4;
	     at--, tens *= 10)
		number += tens * (uint32_t)(id.data[at - 1] - '0');
	if (number >= sim->saga_count || !slice_equal(id, id_slice(&sim->sagas[number].id)))
		return false;
	*saga = number;
	return true;
}

/* ---- requests -----------------------------------------------------------------------------------
 */

static void encode_submit(struct sim *sim, enum history_request_kind kind,
			  const struct sim_saga *saga, uint32_t deadline_ms, struct buf *out)
{
	struct sim_plan_memory memory;
	struct wire_submit submit = {
		.id = id_slice(&saga->id),
		.input = slice_str(kind == HISTORY_CONFLICT ? "other" : "{\"x\":7}"),
		.retry_until_at = saga->retry_until_ms,
		.deadline_ms = deadline_ms,
		.wait = saga->wait,
		.until = saga->until_decided ? WIRE_UNTIL_DECIDED : WIRE_UNTIL_FINAL,
	};

	sim_plan_fill(sim, saga, &memory, &submit.plan);
	CHECK_EQ(wire_encode(WIRE_SUBMIT, &submit, out), 0);
}

static void encode_commit(struct sim *sim, const struct sim_saga *saga, struct buf *out)
{
	struct wire_commit commit = {
		.id = id_slice(&saga->id),
		.wait = saga->wait,
		.until = saga->until_decided ? WIRE_UNTIL_DECIDED : WIRE_UNTIL_FINAL,
	};
	struct wire_step step;

	for (uint32_t i = 0; i < saga->step_count; i++) {
		if ((saga->branch_set >> i & 1) == 0)
			continue;
		sim_step_fill(sim, saga, i, &step);
		wire_branch_set_add(&commit.branch_hash, &step);
		commit.branch_count++;
	}
	CHECK_EQ(wire_encode(WIRE_COMMIT, &commit, out), 0);
}

static void encode_branch(struct sim *sim, enum history_request_kind kind,
			  const struct sim_saga *saga, uint32_t step, struct buf *out)
{
	struct wire_enlist enlist = {.id = id_slice(&saga->id)};

	sim_step_fill(sim, saga, step, &enlist.step);
	if (kind == HISTORY_ENLIST_OTHER)
		enlist.step.undo = slice_str("other");
	if (kind != HISTORY_INQUIRE) {
		CHECK_EQ(wire_encode(WIRE_ENLIST, &enlist, out), 0);
		return;
	}
	const struct wire_inquire inquire = {.id = enlist.id, .step = enlist.step.name};
	CHECK_EQ(wire_encode(WIRE_INQUIRE, &inquire, out), 0);
}

void sim_client_encode(struct sim *sim, enum history_request_kind kind, const struct sim_saga *saga,
		       uint32_t deadline_ms, struct buf *out)
{
	const struct wire_query query = {.id = id_slice(&saga->id),
					 .wait = kind != HISTORY_QUERY,
					 .until = kind == HISTORY_WAIT_DECIDED ? WIRE_UNTIL_DECIDED
									       : WIRE_UNTIL_FINAL};
	const struct wire_cancel cancel = {.id = id_slice(&saga->id),
					   .reason = slice_str("changed my mind"),
					   .retry_until_at = saga->retry_until_ms};

	const struct wire_list_request list = {.limit = WIRE_LIST_MAX, .heuristic = true};

	switch (kind) {
	case HISTORY_SUBMIT:
	case HISTORY_CONFLICT:
		encode_submit(sim, kind, saga, deadline_ms, out);
		break;
	case HISTORY_CANCEL:
		CHECK_EQ(wire_encode(WIRE_CANCEL, &cancel, out), 0);
		break;
	case HISTORY_QUERY:
	case HISTORY_WAIT_QUERY:
	case HISTORY_WAIT_DECIDED:
		CHECK_EQ(wire_encode(WIRE_QUERY, &query, out), 0);
		break;
	case HISTORY_LIST:
		CHECK_EQ(wire_encode(WIRE_LIST_REQUEST, &list, out), 0);
		break;
	case HISTORY_COMMIT:
		encode_commit(sim, saga, out);
		break;
	case HISTORY_ENLIST:
	case HISTORY_ENLIST_OTHER:
	case HISTORY_INQUIRE:
		CHECK(false); /* of a branch */
	}
}

static enum subject_verb verb_of(enum history_request_kind kind)
{
	static const enum subject_verb verbs[] = {
		[HISTORY_SUBMIT] = SUBJECT_SUBMIT,       [HISTORY_CONFLICT] = SUBJECT_SUBMIT,
		[HISTORY_CANCEL] = SUBJECT_CANCEL,       [HISTORY_QUERY] = SUBJECT_QUERY,
		[HISTORY_WAIT_QUERY] = SUBJECT_QUERY,    [HISTORY_WAIT_DECIDED] = SUBJECT_QUERY,
		[HISTORY_LIST] = SUBJECT_LIST,           [HISTORY_ENLIST] = SUBJECT_ENLIST,
		[HISTORY_ENLIST_OTHER] = SUBJECT_ENLIST, [HISTORY_COMMIT] = SUBJECT_COMMIT,
		[HISTORY_INQUIRE] = SUBJECT_INQUIRE,
	};

	return verbs[kind];
}

static bool may_ask(const struct sim *sim, enum history_request_kind kind,
		    const struct sim_saga *saga)
{
	if (saga->mute)
		return false;
	/* S5: after its window nobody submits this id again. */
	if (kind <= HISTORY_CANCEL && sim->now_ms >= saga->retry_until_ms)
		return false;
	return kind > HISTORY_CONFLICT || !saga->inbox_only || sim->probe_ms != 0;
}

static bool until_decided(enum history_request_kind kind, const struct sim_saga *saga)
{
	return kind == HISTORY_WAIT_DECIDED ||
	       ((kind == HISTORY_SUBMIT || kind == HISTORY_COMMIT) && saga->wait &&
		saga->until_decided);
}

bool sim_ask(struct sim *sim, enum history_request_kind kind, uint32_t number, uint32_t step,
	     bool by_participant)
{
	const struct sim_saga *saga = &sim->sagas[number];
	const uint32_t request = sim->history.request_count;
	const uint32_t party = by_participant ? saga->steps[step].service : saga->client;
	struct history_request *r;
	char reply[32], token[16] = "default";
	struct buf out;

	if (!may_ask(sim, kind, saga))
		return false;
	r = history_add_request(&sim->history, sim->now_ms);
	r->kind = kind;
	r->saga = number;
	r->step = step;
	r->party = party;
	r->branches = saga->branch_set;
	r->until_decided = until_decided(kind, saga);
	r->by_participant = by_participant;
	sim_note(sim, by_participant ? "ask.participant" : "ask", party, request, kind, number);
	if (by_participant)
		(void)snprintf(token, sizeof token, "s%u", party);
	const struct subject subject =
		subject_shard("saga", saga->shard, verb_of(kind), slice_str(token));
	const uint32_t from = (by_participant ? SIM_AT_PARTICIPANT : SIM_AT_CLIENT) + party;
	sim_reply_subject(reply, by_participant ? 'p' : 'c', party, request);
	if (kind == HISTORY_SUBMIT) {
		sim_send_node(sim, from, subject.text, reply,
			      slice_of(saga->submit, saga->submit_size));
		return true;
	}
	buf_init(&out, 65536);
	if (kind == HISTORY_ENLIST || kind == HISTORY_ENLIST_OTHER || kind == HISTORY_INQUIRE)
		encode_branch(sim, kind, saga, step, &out);
	else
		sim_client_encode(sim, kind, saga, 0, &out);
	sim_send_node(sim, from, subject.text, reply, buf_slice(&out));
	buf_close(&out);
	return true;
}

static void ask_later(struct sim *sim, struct sim_event *e)
{
	(void)sim_ask(sim, (enum history_request_kind)e->a, (uint32_t)e->b, 0, false);
}

static void plan_request(struct sim *sim, uint64_t at_ms, enum history_request_kind kind,
			 uint32_t saga)
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
	(void)sim_ask(sim, HISTORY_SUBMIT, (uint32_t)e->b, 0, false);
	sim_at(sim, sim->now_ms + RETRY_MS + sim_draw(sim, SIM_CLIENT, RETRY_MS), SIM_WORLD, submit)
		->b = e->b;
}

void sim_client_hear(struct sim *sim, uint32_t client, uint32_t request, struct slice data)
{
	const struct history_request *r = &sim->history.requests[request];
	struct sim_saga *saga = &sim->sagas[r->saga];
	struct wire_answer answer;
	struct arena arena;
	enum wire_kind kind;

	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_LT(request, sim->history.request_count);
	CHECK_EQ(saga->client, client);
	CHECK_EQ(wire_peek_kind(data, &kind), 0);
	if (kind == WIRE_LIST) {
		sim->history.requests[request].answered = true;
		return;
	}
	CHECK_EQ(wire_decode(WIRE_ANSWER, data, &arena, &answer, NULL), 0);
	sim->history.requests[request].answered = true;
	if (r->kind == HISTORY_ENLIST || r->kind == HISTORY_COMMIT)
		sim_interactive_hear(sim, r, answer.code);
	if (r->kind != HISTORY_SUBMIT)
		return;
	if (answer.code == 0 || (answer.code != err_to_wire(SAGA_E_BUSY) &&
				 answer.code != err_to_wire(SAGA_E_NOT_OWNER)))
		saga->answered = true;
	if (answer.code == 0 && sim_interactive(saga) && sim->probe_ms == 0)
		sim_interactive_begun(sim, r->saga);
}

/* ---- the script ---------------------------------------------------------------------------------
 */

static void draw_saga(struct sim *sim, uint32_t number, uint64_t span_ms)
{
	struct sim_saga *saga = &sim->sagas[number];
	struct buf submit;
	char name[32];

	(void)snprintf(name, sizeof name, "saga-%llu-%u", (unsigned long long)sim->seed, number);
	CHECK_EQ(id_from(&saga->id, slice_str(name)), 0);
	saga->shard = wire_shard_of(&sim->slots, id_slice(&saga->id));
	saga->client = (uint32_t)sim_draw(sim, SIM_PLAN, sim->client_count);
	sim_plan_draw(sim, saga);
	saga->deadline_ms = 3000 + (uint32_t)sim_draw(sim, SIM_PLAN, 12000);
	if (sim_draw(sim, SIM_KIND, 6) == 0)
		saga->deadline_ms = 200 + (uint32_t)sim_draw(sim, SIM_KIND, 1500);
	saga->wait = sim_draw(sim, SIM_PLAN, 2) == 0;
	saga->until_decided = sim_draw(sim, SIM_KIND, 2) == 0;
	saga->submit_ms = sim->now_ms + 300 + sim_draw(sim, SIM_PLAN, span_ms);
	saga->retry_until_ms = saga->submit_ms + SIM_WINDOW_MS;
	if (sim_draw(sim, SIM_PLAN, 6) == 0)
		saga->retry_until_ms = saga->submit_ms + 2000 + sim_draw(sim, SIM_PLAN, 8000);
	buf_init(&submit, 65536);
	encode_submit(sim, HISTORY_SUBMIT, saga, 0, &submit);
	saga->submit = submit.data; /* ours from now on */
	saga->submit_size = submit.size;
}

static uint64_t soon(struct sim *sim, const struct sim_saga *saga, uint64_t span_ms)
{
	return saga->submit_ms + sim_draw(sim, SIM_PLAN, span_ms);
}

/* Among many, each is asked for less: what is new comes from others. */
void sim_client_create(struct sim *sim)
{
	const uint32_t insistence = sim->saga_count > MANY ? 1 : 3;
	uint64_t span_ms = sim->heal_ms - sim->now_ms - 500;

	if (sim_draw(sim, SIM_PLAN, 4) == 0)
		span_ms = 300; /* all at once: frames and batches of many */
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		struct sim_saga *saga = &sim->sagas[i];

		draw_saga(sim, i, span_ms);
		sim_at(sim, saga->submit_ms, SIM_WORLD, submit)->b = i;
		if (sim_draw(sim, SIM_PLAN, 3) == 0)
			plan_request(sim, soon(sim, saga, 50), HISTORY_SUBMIT, i);
		for (uint32_t k = 0; k < insistence; k++)
			plan_request(sim, soon(sim, saga, 8000), HISTORY_SUBMIT, i);
		if (sim_draw(sim, SIM_PLAN, 5) == 0)
			plan_request(sim, soon(sim, saga, 3000), HISTORY_CONFLICT, i);
		if (sim_draw(sim, SIM_PLAN, 6) == 0)
			plan_request(sim, soon(sim, saga, 2000), HISTORY_CANCEL, i);
		if (sim_draw(sim, SIM_PLAN, 12) == 0)
			plan_request(sim, saga->submit_ms - 200, HISTORY_CANCEL, i);
		for (uint32_t k = 0; k < 2 * insistence; k++)
			plan_request(sim, soon(sim, saga, 1500),
				     k % 2 == 0 ? HISTORY_WAIT_QUERY : HISTORY_WAIT_DECIDED, i);
		plan_request(sim, soon(sim, saga, 6000), HISTORY_WAIT_QUERY, i);
		plan_request(sim, soon(sim, saga, 5000), HISTORY_QUERY, i);
		if (sim_interactive(saga))
			sim_interactive_create(sim, i);
		sim_amounts_draw(sim, saga);
	}
	sim_letters_create(sim, span_ms);
	sim_record_plans(sim);
}

static void probe(struct sim *sim, struct sim_event *e)
{
	const enum history_request_kind kind = (enum history_request_kind)e->a;
	const uint32_t before = sim->history.request_count;

	if (e->d != 0 && sim->history.requests[e->c].answered)
		return;
	if (!sim_ask(sim, kind, (uint32_t)e->b, 0, false))
		return;
	sim->history.requests[before].probe = true;
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
	for (uint32_t i = 0; i < sim->saga_count; i++)
		if (sim->sagas[i].inbox_only)
			sim->history.sagas[i].inbox_only_until = sim->history.order;
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		const uint64_t at = sim->now_ms + sim_draw(sim, SIM_CLIENT, 200);
		struct sim_event *e = sim_at(sim, at, SIM_WORLD, probe);

		e->a = HISTORY_SUBMIT;
		e->b = i;
		e = sim_at(sim, at + 20, SIM_WORLD, probe);
		e->a = HISTORY_WAIT_QUERY;
		e->b = i;
		e = sim_at(sim, at + 40, SIM_WORLD, probe);
		e->a = HISTORY_LIST;
		e->b = i;
		sim->count.late_duplicates++;
	}
}
