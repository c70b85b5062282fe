#include "tests/unit/txn_world.h"

#include <stdio.h>
#include <stdlib.h>

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO

static uint64_t below(struct world *w, uint64_t bound)
{
	return prng_below(&w->random, bound);
}

/* Something goes wrong, `weight` of a hundred times when everything does. */
static bool trouble(struct world *w, uint64_t weight)
{
	return below(w, 10000) < weight * w->trouble_percent;
}

/* ---- set-up ------------------------------------------------------------------------------------
 */

static void plan_random(struct world *w, struct world_saga *s)
{
	static const char *const names[] = {"a", "b", "c", "d"};

	s->step_count = 1 + (uint32_t)below(w, WORLD_STEPS);
	host_plan(&s->plan, names, s->step_count);
	s->plan.plan.deadline_ms = 1000 + (uint32_t)below(w, 20000);
	for (uint32_t i = 0; i < s->step_count; i++) {
		struct wire_step *step = &s->plan.steps[i];

		step->delivery = below(w, 2) ? WIRE_DELIVERY_DIRECT : WIRE_DELIVERY_DURABLE;
		uint8_t after[WORLD_STEPS];
		uint32_t count = 0;

		for (uint32_t j = 0; j < i; j++) {
			if (below(w, 3) > 0)
				after[count++] = (uint8_t)j;
		}
		if (below(w, 2))
			host_plan_after(&s->plan, i, after, count);
		step->retry.jitter_percent = 20;
		step->undo_retry.jitter_percent = 20;
		if (below(w, 5) == 0)
			step->budget_ms = 500 + (uint32_t)below(w, 3000);
		if (below(w, 6) == 0)
			step->undo = (struct slice){0};
		for (uint32_t j = 0; j < step->after.size; j++) {
			s->after[i] |= UINT64_C(1) << step->after.data[j];
			s->dependents[step->after.data[j]] |= UINT64_C(1) << i;
		}
	}
}

static void on_engine_message(void *context, const struct txn_message *m);

void world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	prng_seed(&w->random, seed);
	host_init(&w->h);
	w->h.config.retry_window_max_ms = 86400000;
	w->h.config.resend_per_second = below(w, 2) ? 0 : 100;
	w->h.config.resend_after_ms = below(w, 3) ? 100 : 0;
	w->h.config.command_age_ms = WORLD_AGE_MS;
	w->h.config.command_leave_ms = WORLD_LEAVE_MS;
	w->h.limits.open_max = 12;
	w->h.limits.remembered_max = 12;
	w->h.limits.branches_max = 30;
	w->h.limits.payload_max = 64 * 1024;
	w->h.message = on_engine_message;
	w->h.context = w;
	w->h.reply_to = 0;
	w->largest = w->h.limits;
	host_start(&w->h);
	w->trouble_percent = (uint32_t)below(w, 101);
	w->next_token = 1;
	for (uint32_t i = 0; i < WORLD_SAGAS; i++) {
		(void)snprintf(w->sagas[i].id, sizeof w->sagas[i].id, "s%u", i);
		plan_random(w, &w->sagas[i]);
	}
}

void world_close(struct world *w)
{
	host_close(&w->h);
}

/* ---- the network
 * --------------------------------------------------------------------------------- */

static void send_packet(struct world *w, const struct packet *p)
{
	const uint32_t copies = trouble(w, 20) ? 0 : trouble(w, 20) ? 2 : 1;

	for (uint32_t i = 0; i < copies && w->network_count < WORLD_PACKETS; i++)
		w->network[w->network_count++] = *p;
}

static void answer_arrives(struct world *w, const struct packet *p)
{
	struct world_request *request = &w->requests[p->token];
	struct world_saga *s = &w->sagas[request->saga];

	if (request->kind == TXN_EVENT_SUBMIT && p->answer.code == 0)
		s->acknowledged = true;
	if (p->answer.code == err_to_wire(SAGA_E_CANCELLED))
		s->refused = true;
	if (wire_state_final(p->answer.state) && p->answer.state != WIRE_STATE_CANCELLED) {
		assert_true(s->told == 0 || s->told == p->answer.state); /* 29 */
		s->told = p->answer.state;
	}
}

static void command_leaves(struct world *w, const struct packet *p)
{
	struct world_step *step = &w->sagas[p->saga].steps[p->step];

	if (p->op == FORWARD)
		step->forward_sent = true;
	if (p->call)
		return;
	step->durable_attempt[p->op] = p->attempt;
	step->durable_at[p->op] = p->made_at;
}

/* What is durable may leave (S1). */
static void flush(struct world *w, uint32_t durable)
{
	uint32_t kept = 0;

	assert_true(durable >= w->durable && durable <= w->h.record_count);
	w->durable = durable;
	for (uint32_t i = 0; i < w->outbox_count; i++) {
		const struct packet p = w->outbox[i];

		if (p.gate > durable)
			w->outbox[kept++] = p;
		else if (p.kind == PACKET_ANSWER)
			answer_arrives(w, &p);
		else {
			if (p.kind == PACKET_COMMAND)
				command_leaves(w, &p);
			send_packet(w, &p);
		}
	}
	w->outbox_count = kept;
}

static void on_engine_message(void *context, const struct txn_message *m)
{
	struct world *w = context;
	struct packet p = {.gate = m->gate, .epoch = w->h.epoch};

	p.call = m->delivery == WIRE_DELIVERY_DIRECT;
	p.made_at = w->h.now;

	if (m->kind == TXN_MESSAGE_COMMAND) {
		const struct wire_command *c = &m->u.command;
		struct world_saga *s = world_saga_of(w, c->saga);

		world_check_command(w, m);
		world_check_delivery(w, m);
		p.kind = PACKET_COMMAND;
		p.saga = (uint32_t)(s - w->sagas);
		p.step = c->step;
		p.op = c->op;
		p.attempt = c->attempt;
		p.admission = c->admission;
		p.low_water = txn_low_water(w->h.t);
	} else if (m->kind == TXN_MESSAGE_ANSWER) {
		struct world_request *request = &w->requests[m->reply_to];

		assert_true(m->reply_to > 0 && m->reply_to < w->next_token);
		assert_false(request->done); /* nothing after the final one */
		request->done = m->final;
		p.kind = PACKET_ANSWER;
		p.token = m->reply_to;
		p.answer = m->u.answer;
	} else {
		return;
	}
	assert_true(w->outbox_count < WORLD_PACKETS);
	w->outbox[w->outbox_count++] = p;
}

/* ---- participants
 * -------------------------------------------------------------------------------- */

static uint32_t run_forward(struct world *w, struct world_step *step)
{
	if (step->forward_row) {
		w->duplicates++;
		return step->forward_row;
	}
	if (below(w, 100) < 12) {
		step->forward_row = WIRE_OUTCOME_REJECTED;
	} else {
		step->forward_row = WIRE_OUTCOME_OK;
		step->forward_effects++;
	}
	return step->forward_row;
}

static uint32_t run_undo(struct world *w, struct world_step *step)
{
	if (step->undo_row) {
		w->duplicates++;
		return step->undo_row;
	}
	if (!step->forward_row) {
		step->forward_row = WIRE_OUTCOME_REJECTED; /* blocks a late run (8) */
		w->empty_undos++;
	} else if (step->forward_row == WIRE_OUTCOME_OK) {
		step->undo_effects++;
	}
	step->undo_row = WIRE_OUTCOME_OK;
	return step->undo_row;
}

static uint32_t run_command(struct world *w, const struct packet *p)
{
	struct world_saga *s = &w->sagas[p->saga];
	struct world_step *step = &s->steps[p->step];

	if (p->low_water > w->low_water_seen)
		w->low_water_seen = p->low_water;
	if (p->admission < w->low_water_seen) {
		assert_true(s->finished); /* S8: only what is over is below the mark */
		w->expired++;
		return WIRE_OUTCOME_EXPIRED;
	}
	if (p->epoch < s->seen_epoch) {
		w->stale++;
		return WIRE_OUTCOME_STALE;
	}
	s->seen_epoch = p->epoch;
	if (trouble(w, 15))
		return WIRE_OUTCOME_RETRY;
	if (trouble(w, 4))
		return WIRE_OUTCOME_PARK;
	if (trouble(w, 5))
		return 42;
	if (p->op == UNDO && trouble(w, 20))
		return WIRE_OUTCOME_REJECTED; /* row 38 */
	if (p->op == FORWARD && step->undo_row)
		w->blocked++;
	return p->op == FORWARD ? run_forward(w, step) : run_undo(w, step);
}

static void command_arrives(struct world *w, const struct packet *p)
{
	struct packet reply = *p;

	reply.kind = PACKET_REPLY;
	if (trouble(w, 10)) {
		reply.outcome = WIRE_OUTCOME_WORKING;
		reply.hold_ms = (uint32_t)below(w, 2) * 500;
		send_packet(w, &reply);
	}
	reply.outcome = run_command(w, p);
	send_packet(w, &reply);
}

/* ---- events
 * ---------------------------------------------------------------------------------------- */

static void step(struct world *w, struct txn_event event)
{
	assert_int_equal(host_step(&w->h, event), 0);
	world_model(w);
	w->events++;
}

static uint64_t token(struct world *w, enum txn_event_kind kind, uint32_t saga)
{
	assert_true(w->next_token < WORLD_REQUESTS);
	w->requests[w->next_token] = (struct world_request){.kind = kind, .saga = saga};
	return w->next_token++;
}

static void reply_arrives(struct world *w, const struct packet *p, const char *service)
{
	static uint8_t output[3000];
	struct world_saga *s = &w->sagas[p->saga];
	struct wire_reply reply;
	struct txn_event event = {.kind = TXN_EVENT_REPLY};

	reply = host_reply_of(s->id, p->step,
			      (const char *)(const char *[]){"a", "b", "c", "d"}[p->step], p->op,
			      p->attempt, p->outcome);
	reply.epoch = p->epoch;
	if (p->outcome == WIRE_OUTCOME_OK)
		reply.output = slice_of(output, (uint32_t)below(w, sizeof output));
	if (p->outcome == WIRE_OUTCOME_RETRY)
		reply.retry_after_ms = (uint32_t)below(w, 1500);
	if (p->outcome == WIRE_OUTCOME_WORKING)
		reply.retry_after_ms = p->hold_ms;
	reply.text = slice_str("why");
	event.u.reply.reply = &reply;
	event.u.reply.service = service ? slice_str(service) : s->plan.steps[p->step].service;
	event.u.reply.instance = slice_str("one");
	w->h.reply_to = p->call ? 0 : WORLD_DISPOSITION;
	/* What answers a call has not used up what is in the stream. */
	if (!p->call && p->made_at > 0 && p->attempt >= s->steps[p->step].durable_attempt[p->op])
		s->steps[p->step].durable_attempt[p->op] = 0;
	step(w, event);
	w->h.reply_to = 0;
}

static void deliver_one(struct world *w)
{
	const uint32_t n = (uint32_t)below(w, w->network_count);
	const struct packet p = w->network[n];

	w->network[n] = w->network[--w->network_count];
	if (p.kind == PACKET_COMMAND)
		command_arrives(w, &p);
	else
		reply_arrives(w, &p, NULL);
}

/* From somebody else, or for something never asked: changes nothing (27). */
static void bogus_reply(struct world *w)
{
	const uint32_t saga = (uint32_t)below(w, WORLD_SAGAS);
	const struct world_saga *s = &w->sagas[saga];
	const bool open = s->accepted && !s->finished;
	const uint32_t before = w->h.record_count;
	struct packet p = {.saga = saga,
			   .call = below(w, 2),
			   .step = (uint32_t)below(w, s->step_count),
			   .op = below(w, 2) ? FORWARD : UNDO,
			   .attempt = 1,
			   .outcome = 1 + (uint32_t)below(w, 8)};
	const struct world_step *target = &s->steps[p.step];

	if (below(w, 2) && !target->sent_attempt[p.op]) {
		reply_arrives(w, &p, NULL);
	} else if (below(w, 2) && target->sent_attempt[p.op]) {
		p.attempt = target->sent_attempt[p.op] + 10000;
		if (target->result[p.op] || (s->decided && p.op == FORWARD))
			return; /* over: obsolete, whatever it says */
		reply_arrives(w, &p, NULL);
	} else {
		reply_arrives(w, &p, "mallory");
	}
	if (open || p.call)
		assert_int_equal(w->h.record_count, before);
	else
		assert_int_equal(w->h.record_count, before + 1); /* S2: a NOOP */
}

static void client_request(struct world *w)
{
	const uint32_t saga = (uint32_t)below(w, WORLD_SAGAS);
	struct world_saga *s = &w->sagas[saga];
	const uint64_t kind = below(w, 10);

	if (kind < 6) {
		struct wire_submit submit = host_submit_of(&w->h, s->id, &s->plan);

		submit.input = slice_str(s->id);
		submit.wait = below(w, 2);
		submit.retry_until_at = w->h.now + 80000000;
		w->h.reply_to = token(w, TXN_EVENT_SUBMIT, saga);
		step(w, (struct txn_event){.kind = TXN_EVENT_SUBMIT, .u.submit = &submit});
	} else if (kind < 8) {
		const struct wire_cancel cancel = {.id = slice_str(s->id),
						   .retry_until_at = w->h.now + 80000000};

		w->h.reply_to = token(w, TXN_EVENT_CANCEL, saga);
		step(w, (struct txn_event){.kind = TXN_EVENT_CANCEL, .u.cancel = &cancel});
	} else {
		const struct wire_query query = {.id = slice_str(s->id), .wait = below(w, 2)};

		w->h.reply_to = token(w, TXN_EVENT_QUERY, saga);
		step(w, (struct txn_event){.kind = TXN_EVENT_QUERY, .u.query = &query});
		if (below(w, 3) == 0) {
			txn_forget_waiter(w->h.t, w->h.reply_to);
			w->requests[w->h.reply_to].done = true;
		}
	}
	w->h.reply_to = 0;
}

static void tick(struct world *w)
{
	const uint64_t deadline = txn_next_deadline(w->h.t);

	if (deadline != UINT64_MAX && below(w, 3) > 0)
		w->h.now = deadline > w->h.now ? deadline : w->h.now;
	else
		w->h.now += below(w, 2000);
	step(w, (struct txn_event){.kind = TXN_EVENT_TICK});
}

/* The next owner is configured as it likes, within what the pools have room for. Its memory is that
 * of the largest limits. */
static void other_settings(struct world *w)
{
	const struct txn_limits *largest = &w->largest;
	const uint32_t share = below(w, 2) ? 1 : 2;

	w->h.limits = (struct txn_limits){.open_max = largest->open_max / share,
					  .remembered_max = largest->remembered_max / share,
					  .branches_max = largest->branches_max / share,
					  .waiters_max = largest->waiters_max,
					  .payload_max = largest->payload_max / share,
					  .parked_max = (uint32_t)below(w, 3)};
	w->h.config.remember_margin_ms = 1000U << below(w, 10);
	w->h.config.retry_window_max_ms = 80000000U << below(w, 2);
	w->h.config.parked_retry_ms = 1000U << below(w, 4);
}

/* The owner dies: what is not durable is gone, what was to be said is not said; what was said stays
 * on its way. The journal may end anywhere, also within the records of one step. */
static void crash(struct world *w)
{
	const uint32_t left = w->h.record_count - w->durable;
	struct hash128 before, after;

	flush(w, w->durable + (uint32_t)below(w, left + 1));
	w->outbox_count = 0;
	for (uint64_t i = 1; i < w->next_token; i++)
		w->requests[i].done = true; /* its clients ask again */
	before = txn_state_hash(host_replay(&w->h, w->durable));
	other_settings(w);
	host_take_over(&w->h, w->durable);
	after = txn_state_hash(w->h.t);
	assert_memory_equal(before.bytes, after.bytes, sizeof before.bytes); /* 22 */
	world_model_from_start(w);
	w->takeovers++;
}

void world_random_event(struct world *w)
{
	const uint64_t kind = below(w, 100);

	/* A turn that comes late: what is queued is handled before the timers (S16). */
	if (below(w, 8) == 0)
		w->h.now += below(w, 2000);
	if (kind < 18) {
		client_request(w);
	} else if (kind < 60) {
		if (w->network_count > 0)
			deliver_one(w);
		else
			flush(w, w->h.record_count);
	} else if (kind < 75) {
		tick(w);
	} else if (kind < 79) {
		bogus_reply(w);
	} else if (kind < 80) {
		step(w, (struct txn_event){.kind = TXN_EVENT_PROBE});
	} else if (kind < 98) {
		flush(w, w->durable + (uint32_t)below(w, w->h.record_count - w->durable + 1));
	} else {
		crash(w);
	}
}

void world_heal(struct world *w)
{
	struct txn_stats stats;

	w->trouble_percent = 0;
	for (int i = 0; i < 20000; i++) {
		flush(w, w->h.record_count);
		txn_stats(w->h.t, &stats);
		if (stats.open == 0 && w->network_count == 0)
			return;
		if (w->network_count > 0) {
			deliver_one(w);
			continue;
		}
		assert_true(txn_next_deadline(w->h.t) != UINT64_MAX); /* L1: nobody is forgotten */
		if (txn_next_deadline(w->h.t) > w->h.now)
			w->h.now = txn_next_deadline(w->h.t);
		step(w, (struct txn_event){.kind = TXN_EVENT_TICK});
	}
	fail_msg("%u sagas do not end", stats.open);
}
