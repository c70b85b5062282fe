#include "tests/unit/txn_world.h"
#include "wire/record.h"

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO

struct world_saga *world_saga_of(struct world *w, struct slice id)
{
	for (uint32_t i = 0; i < WORLD_SAGAS; i++) {
		if (slice_equal(slice_str(w->sagas[i].id), id))
			return &w->sagas[i];
	}
	fail_msg("unknown saga");
	return NULL;
}

static struct world_saga *by_admission(struct world *w, uint64_t admission)
{
	for (uint32_t i = 0; i < WORLD_SAGAS; i++) {
		if (w->sagas[i].admission == admission)
			return &w->sagas[i];
	}
	fail_msg("unknown admission");
	return NULL;
}

static void model_branch(struct world *w, const struct wire_record_branch *r)
{
	struct world_saga *s = by_admission(w, r->admission);
	struct world_step *step = &s->steps[r->step];

	assert_true(s->accepted && !s->finished);
	assert_true(r->step < s->step_count);
	assert_int_equal(step->result[r->op], 0); /* 28 */
	assert_int_equal(r->op == UNDO, s->decided);
	assert_true(r->attempt >= 1 && r->attempt <= step->attempts[r->op] + 1);
	step->next_at[r->op] = 0;
	if (r->event == WIRE_EVENT_AGAIN) {
		assert_int_equal(r->attempt, step->attempts[r->op] + 1); /* 26 */
		step->next_at[r->op] = r->next_at;
	} else {
		assert_true(r->event == WIRE_EVENT_OK || r->op == FORWARD);
		step->result[r->op] = (uint8_t)r->event;
		step->parked = false;
	}
	if (r->attempt > step->attempts[r->op])
		step->attempts[r->op] = r->attempt;
	/* 26: the cap counts all attempts; only a parked undo goes on beyond it. */
	if (!step->parked)
		assert_true(r->attempt <= 3 || r->op == UNDO);
	/* 23: a recorded outcome is what the participant stored. */
	if (r->event == WIRE_EVENT_OK && r->op == FORWARD)
		assert_true(step->forward_row == WIRE_OUTCOME_OK);
	if (r->event == WIRE_EVENT_REJECTED)
		assert_true(step->forward_row == WIRE_OUTCOME_REJECTED);
	if (r->event == WIRE_EVENT_OK && r->op == UNDO)
		assert_true(step->undo_row == WIRE_OUTCOME_OK);
}

static void model_finished(struct world *w, const struct wire_record_finished *r)
{
	struct world_saga *s = by_admission(w, r->admission);

	assert_true(s->accepted && !s->finished);
	assert_int_equal(s->decided, r->state == WIRE_STATE_COMPENSATED); /* 11 */
	s->finished = true;
	s->final_state = r->state;
	for (uint32_t i = 0; i < s->step_count; i++) {
		const struct world_step *step = &s->steps[i];

		if (r->state == WIRE_STATE_COMPLETED) {
			assert_int_equal(step->result[FORWARD], WIRE_EVENT_OK);
			assert_int_equal(step->attempts[UNDO], 0);
		} else if (step->forward_sent && step->result[FORWARD] != WIRE_EVENT_REJECTED &&
			   s->plan.steps[i].undo.size > 0) {
			assert_int_equal(step->result[UNDO], WIRE_EVENT_OK); /* 24 */
		}
	}
}

static void model_record(struct world *w, struct slice bytes)
{
	static uint64_t space[8192];
	union {
		struct wire_record_accepted accepted;
		struct wire_record_branch branch;
		struct wire_record_decision decision;
		struct wire_record_parked parked;
		struct wire_record_finished finished;
		struct wire_record_tombstone tombstone;
	} r;
	struct world_saga *s;
	struct arena arena;
	enum wire_kind kind;

	arena_init(&arena, space, sizeof space);
	assert_int_equal(wire_peek_kind(bytes, &kind), 0);
	if (kind == WIRE_RECORD_NOOP)
		return;
	assert_int_equal(wire_decode(kind, bytes, &arena, &r, NULL), 0);
	switch (kind) {
	case WIRE_RECORD_ACCEPTED:
		s = world_saga_of(w, r.accepted.saga);
		assert_false(s->accepted || s->tombstone || s->refused); /* 3, S10 */
		s->accepted = true;
		s->admission = r.accepted.admission;
		break;
	case WIRE_RECORD_BRANCH:
		model_branch(w, &r.branch);
		break;
	case WIRE_RECORD_DECISION:
		s = by_admission(w, r.decision.admission);
		assert_false(s->decided || s->finished); /* 11 */
		s->decided = true;
		break;
	case WIRE_RECORD_PARKED:
		s = by_admission(w, r.parked.admission);
		assert_true(s->decided && !s->finished && r.parked.op == UNDO);
		s->steps[r.parked.step].parked = true;
		assert_int_equal(r.parked.attempts, s->steps[r.parked.step].attempts[UNDO] + 1);
		s->steps[r.parked.step].attempts[UNDO] = r.parked.attempts;
		s->steps[r.parked.step].next_at[UNDO] = r.parked.next_at;
		w->parked++;
		break;
	case WIRE_RECORD_FINISHED:
		model_finished(w, &r.finished);
		break;
	case WIRE_RECORD_TOMBSTONE:
		s = world_saga_of(w, r.tombstone.saga);
		assert_false(s->accepted || s->tombstone);
		s->tombstone = true;
		break;
	default:
		fail_msg("record kind %d", (int)kind);
	}
}

void world_model(struct world *w)
{
	for (; w->modelled < w->h.record_count; w->modelled++) {
		const struct host_record *r = &w->h.records[w->modelled];

		model_record(w, slice_of(w->h.journal.data + r->offset, r->size));
	}
}

void world_model_from_start(struct world *w)
{
	for (uint32_t i = 0; i < WORLD_SAGAS; i++) {
		struct world_saga *s = &w->sagas[i];

		s->accepted = s->tombstone = s->decided = s->finished = false;
		s->admission = s->final_state = 0;
		for (uint32_t j = 0; j < WORLD_STEPS; j++) {
			struct world_step *step = &s->steps[j];

			memset(step->attempts, 0, sizeof step->attempts);
			memset(step->next_at, 0, sizeof step->next_at);
			memset(step->result, 0, sizeof step->result);
			step->parked = false;
		}
	}
	w->modelled = 0;
	world_model(w);
}

/* A message's gate is the newest record, so the model of all records is what will be durable when
 * it leaves. */
void world_check_command(struct world *w, const struct txn_message *m)
{
	const struct wire_command *c = &m->u.command;
	struct world_saga *s;
	struct world_step *step;

	world_model(w);
	s = world_saga_of(w, c->saga);
	step = &s->steps[c->step];
	assert_true(s->accepted && !s->finished);
	assert_int_equal(c->admission, s->admission);
	assert_true(c->step < s->step_count);
	assert_int_equal(step->result[c->op], 0);
	assert_true(slice_equal(m->service, s->plan.steps[c->step].service));
	for (uint32_t i = 0; i < s->step_count; i++) {
		const struct world_step *other = &s->steps[i];
		const bool may_have_acted =
			other->forward_sent && other->result[FORWARD] != WIRE_EVENT_REJECTED;

		if (c->op == FORWARD && (s->after[c->step] >> i & 1))
			assert_int_equal(other->result[FORWARD], WIRE_EVENT_OK); /* 12, 17 */
		if (c->op == UNDO && (s->dependents[c->step] >> i & 1) && may_have_acted &&
		    s->plan.steps[i].undo.size > 0)
			assert_int_equal(other->result[UNDO], WIRE_EVENT_OK); /* 16 */
	}
	assert_int_equal(c->op == UNDO, s->decided); /* 12 */

	/* 26, T5: the attempt after those that are journaled, and not before its time. */
	assert_int_equal(c->attempt, step->attempts[c->op] + 1);
	assert_true(w->h.now >= step->next_at[c->op]);
	assert_true(slice_equal(c->input, slice_str(s->id))); /* 40 */
	step->sent_attempt[c->op] = c->attempt;
}

/* S14: no second durable copy before the first one's age limit, unless it was answered; a step that
 * is called always is never in the stream. Both hold across owners. */
void world_check_delivery(struct world *w, const struct txn_message *m)
{
	const struct wire_command *c = &m->u.command;
	struct world_saga *s = world_saga_of(w, c->saga);
	struct world_step *step = &s->steps[c->step];
	const bool durable = s->plan.steps[c->step].delivery == WIRE_DELIVERY_DURABLE;

	assert_true(m->delivery == WIRE_DELIVERY_DIRECT || durable);
	assert_true(!m->fallback || (m->delivery == WIRE_DELIVERY_DIRECT && durable));
	w->calls += m->delivery == WIRE_DELIVERY_DIRECT;
	w->copies += m->again;
	w->fallbacks += m->fallback;
	if (m->delivery == WIRE_DELIVERY_DIRECT)
		return;
	assert_false(m->again);
	assert_true(step->durable_attempt[c->op] == 0 ||
		    w->h.now - step->durable_at[c->op] >= WORLD_AGE_MS + WORLD_LEAVE_MS);
}

void world_check_end(struct world *w)
{
	for (uint32_t i = 0; i < WORLD_SAGAS; i++) {
		const struct world_saga *s = &w->sagas[i];

		/* 1, T4, L1 */
		assert_true(!s->acknowledged || s->accepted);
		assert_true(!s->accepted || s->finished);
		assert_true(s->told == 0 || s->told == s->final_state); /* 29, 30 */
		for (uint32_t j = 0; j < s->step_count; j++) {
			const struct world_step *step = &s->steps[j];

			assert_true(step->forward_effects <= 1 && step->undo_effects <= 1); /* 6 */
			assert_true(step->undo_effects <= step->forward_effects);           /* 7 */
			if (!s->accepted)
				assert_int_equal(step->forward_effects, 0); /* 2 */
			else if (s->final_state == WIRE_STATE_COMPLETED)
				assert_true(step->forward_effects == 1 &&
					    step->undo_effects == 0); /* 5 */
			else if (s->plan.steps[j].undo.size > 0)
				assert_int_equal(step->forward_effects, step->undo_effects);
		}
		w->completed += s->accepted && s->final_state == WIRE_STATE_COMPLETED;
		w->compensated += s->accepted && s->final_state == WIRE_STATE_COMPENSATED;
	}
}
