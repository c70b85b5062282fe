/* Participants with a barrier: what they store, answer, and hold. */
#include "tests/unit/txn_prop.h"
#include "wire/record.h"

enum { OUTCOME_ODD = 42 };

/* ---- the barrier ----------------------------------------------------------------------------- */

static bool votes(uint32_t step)
{
	return prop_kind(step) != WIRE_PROTOCOL_SAGA && prop.steps[step].flags == 0 &&
	       !prop.one_phase;
}

static bool met_row(struct prop_step *s, uint32_t op)
{
	if (s->row[op] == 0)
		return false;
	prop_saw(SEEN_DUPLICATE);
	return true;
}

static uint32_t run_forward(uint32_t step)
{
	struct prop_step *s = &prop.s[step];
	uint8_t *row = &s->row[WIRE_OP_FORWARD];

	if (met_row(s, WIRE_OP_FORWARD)) {
		if (s->blocked)
			prop_saw(SEEN_BLOCKED);
		return *row;
	}
	PROP_REQUIRE(s->row[WIRE_OP_UNDO] == 0, "8: %c runs after its undo", 'a' + (int)step);
	*row = WIRE_OUTCOME_OK;
	if (s->refused || (prop_chance(9) && !(prop.steps[step].flags & WIRE_STEP_RETRIABLE)))
		*row = WIRE_OUTCOME_REJECTED;
	else if (votes(step) && prop_chance(15))
		*row = WIRE_OUTCOME_READ_ONLY;
	s->held = *row == WIRE_OUTCOME_OK;
	s->effects[WIRE_OP_FORWARD] += s->held;
	if (s->held && prop_chance(70))
		s->output = prop_chance(20) ? PROP_OUTPUT_BIG : PROP_OUTPUT_SMALL;
	return *row;
}

/* Block and tell (S4). */
static uint32_t run_settle(uint32_t step)
{
	struct prop_step *s = &prop.s[step];

	if (!met_row(s, WIRE_OP_FORWARD)) {
		s->row[WIRE_OP_FORWARD] = WIRE_OUTCOME_REJECTED;
		s->blocked = true;
		s->held = false;
	}
	return s->row[WIRE_OP_FORWARD];
}

/* Now and then a participant has decided by itself what it should have asked for. */
static bool heuristic(uint32_t step, uint32_t op)
{
	static const int codes[] = {SAGA_E_HEURISTIC_COMMIT, SAGA_E_HEURISTIC_ROLLBACK,
				    SAGA_E_HEURISTIC_MIXED, SAGA_E_HEURISTIC_HAZARD};
	struct prop_step *s = &prop.s[step];

	if (!s->held || !votes(step) || !prop_chance(6))
		return false;
	s->row[op] = WIRE_OUTCOME_HEURISTIC;
	s->code = err_to_wire(codes[prop_below(4)]);
	prop_saw(op == WIRE_OP_FINISH ? SEEN_HEURISTIC_FINISH : SEEN_HEURISTIC_UNDO);
	return true;
}

static uint32_t run_undo(uint32_t step)
{
	struct prop_step *s = &prop.s[step];

	PROP_REQUIRE(s->row[WIRE_OP_FINISH] == 0, "9: %c is undone after its finish",
		     'a' + (int)step);
	if (met_row(s, WIRE_OP_UNDO))
		return s->row[WIRE_OP_UNDO];
	if (s->row[WIRE_OP_FORWARD] == 0) {
		s->row[WIRE_OP_FORWARD] = WIRE_OUTCOME_REJECTED; /* 7, 8 */
		s->blocked = true;
		prop_saw(SEEN_EMPTY_UNDO);
	}
	if (heuristic(step, WIRE_OP_UNDO))
		return s->row[WIRE_OP_UNDO];
	s->effects[WIRE_OP_UNDO] += s->held;
	s->held = false;
	return s->row[WIRE_OP_UNDO] = WIRE_OUTCOME_OK;
}

static uint32_t run_finish(uint32_t step)
{
	struct prop_step *s = &prop.s[step];

	PROP_REQUIRE(s->row[WIRE_OP_FORWARD] == WIRE_OUTCOME_OK, "10: %c is finished without a yes",
		     'a' + (int)step);
	PROP_REQUIRE(s->row[WIRE_OP_UNDO] == 0, "9: %c is finished after its undo",
		     'a' + (int)step);
	if (met_row(s, WIRE_OP_FINISH) || heuristic(step, WIRE_OP_FINISH))
		return s->row[WIRE_OP_FINISH];
	s->effects[WIRE_OP_FINISH]++;
	return s->row[WIRE_OP_FINISH] = WIRE_OUTCOME_OK;
}

void prop_client_works(uint32_t step)
{
	struct prop_step *s = &prop.s[step];

	if (s->row[WIRE_OP_FORWARD] != 0 || s->row[WIRE_OP_UNDO] != 0) {
		prop_saw(SEEN_LATE_WORK); /* the barrier stops it */
		return;
	}
	s->worked = s->held = true;
}

struct slice prop_output(uint32_t output)
{
	static char big[PROP_BIG_OUTPUT];

	if (output == PROP_OUTPUT_NONE)
		return (struct slice){0};
	if (output == PROP_OUTPUT_SMALL)
		return slice_str("{\"v\":17}");
	if (big[0] == '\0') {
		memset(big, 'x', sizeof big);
		memcpy(big, "{\"v\":17,\"p\":\"", 13);
		memcpy(big + sizeof big - 2, "\"}", 2);
	}
	return slice_of(big, sizeof big);
}

/* ---- commands -------------------------------------------------------------------------------- */

static uint32_t run(const struct prop_packet *p)
{
	struct prop_step *s = &prop.s[p->step];

	if (p->epoch < s->seen_epoch) {
		prop_saw(SEEN_STALE);
		return WIRE_OUTCOME_STALE;
	}
	s->seen_epoch = p->epoch;
	if (prop_trouble(12))
		return WIRE_OUTCOME_RETRY;
	if (prop_trouble(5))
		return WIRE_OUTCOME_PARK;
	if (prop_trouble(5)) {
		prop_saw(SEEN_ODD_OUTCOME);
		/* Who cannot decide by itself cannot say that it has. */
		if (prop_chance(30) && (!votes(p->step) || p->op == WIRE_OP_FORWARD))
			return WIRE_OUTCOME_HEURISTIC;
		return prop_chance(50) ? OUTCOME_ODD : WIRE_OUTCOME_EXPIRED;
	}
	if ((p->op == WIRE_OP_UNDO || p->op == WIRE_OP_FINISH) && prop_trouble(12))
		return WIRE_OUTCOME_REJECTED; /* row 38 */
	switch (p->op) {
	case WIRE_OP_FORWARD:
		return run_forward(p->step);
	case WIRE_OP_FINISH:
		return run_finish(p->step);
	case WIRE_OP_UNDO:
		return run_undo(p->step);
	default:
		return run_settle(p->step);
	}
}

void prop_command_arrives(const struct prop_packet *p)
{
	struct prop_step *s = &prop.s[p->step];
	struct prop_packet reply = *p;
	struct prop_note *n;

	if (s->silent >> p->op & 1)
		return;
	reply.kind = PACKET_REPLY;
	if (prop_trouble(8)) {
		prop_saw(SEEN_WORKING);
		reply.outcome = WIRE_OUTCOME_WORKING;
		reply.hold_ms = (uint32_t)prop_below(2) * 300;
		prop_send(&reply);
	}
	reply.outcome = run(p);
	reply.hold_ms = reply.outcome == WIRE_OUTCOME_RETRY
				? (uint32_t)prop_below(PROP_RETRY_AFTER_MAX_MS)
				: 0;
	reply.code = reply.outcome == WIRE_OUTCOME_HEURISTIC ? s->code : 0;
	if (reply.outcome == WIRE_OUTCOME_OK &&
	    (p->op == WIRE_OP_FORWARD || p->op == WIRE_OP_SETTLE))
		reply.output = s->output;
	n = prop_note('P', p->step, p->op, reply.outcome);
	n->number = p->attempt;
	n->until = p->epoch;
	prop_send(&reply);
}

/* ---- replies --------------------------------------------------------------------------------- */

static void tell_engine(const struct prop_packet *p, const char *service, const char *what)
{
	struct wire_reply reply = {
		.saga = slice_str("s"),
		.step = p->index,
		.op = p->op,
		.operation = p->operation,
		.attempt = p->attempt,
		.epoch = p->epoch,
		.outcome = p->outcome,
		.code = p->code,
		.retry_after_ms = p->hold_ms,
		.text = slice_str("why"),
		.output = prop_output(p->output),
	};
	struct txn_event event = {.kind = TXN_EVENT_REPLY, .reply_to = p->token};
	struct prop_note *n = prop_note('<', p->step, p->op, p->outcome);

	n->number = p->attempt;
	n->text = what;
	event.u.reply.reply = &reply;
	event.u.reply.service = slice_str(service);
	event.u.reply.instance = slice_str("one");
	prop.answered = (struct prop_answered){.step = p->step, .op = p->op, .attempt = p->attempt};
	if (p->outcome == WIRE_OUTCOME_RETRY)
		prop.answered.hold_ms = p->hold_ms;
	prop_step_engine(event);
	prop.answered = (struct prop_answered){0};
}

void prop_reply_arrives(const struct prop_packet *p)
{
	struct prop_packet reply = *p;

	reply.token = p->call ? 0 : PROP_DISPOSITION;
	tell_engine(&reply, p->service, NULL);
	PROP_REQUIRE(prop.dispositions == (reply.token != 0) || p->outcome == OUTCOME_ODD,
		     "S13: %u dispositions", prop.dispositions);
}

static struct prop_packet reply_of(uint32_t step, uint32_t op)
{
	static const char *const names[PROP_OPS] = {"", "forward", "finish", "undo", "settle"};
	struct prop_packet p = {.kind = PACKET_REPLY, .step = step, .op = op, .attempt = 1};

	p.operation = uuid_operation(slice_str("s"), prop.steps[step].name, slice_str(names[op]));
	p.epoch = prop.epoch;
	p.index = PROP_STEPS;
	for (uint32_t i = 0; i < prop.order_count; i++)
		if (prop.order[i] == step)
			p.index = i;
	memcpy(p.service, prop.steps[step].service.data, prop.steps[step].service.size);
	return p;
}

/* While the next attempt waits for its time, nobody has made it. */
static bool waits_for_retry(uint32_t step, uint32_t op)
{
	const struct prop_step *s = &prop.s[step];

	return s->result[op] == 0 && s->next_at[op] > prop.now && s->sent[op] == s->attempts[op] &&
	       s->sent_epoch[op] == prop.epoch && prop.decision != WIRE_DECISION_ABORT;
}

/* From somebody else, or for something never asked: changes nothing (27). */
void prop_bogus_reply(void)
{
	const uint32_t step = (uint32_t)prop_below(prop.count);
	const uint32_t before = prop.record_count;
	struct prop_packet p = reply_of(step, 1 + (uint32_t)prop_below(4));
	const char *service = p.service;
	const char *what = NULL;

	prop_flush(prop.record_count);
	if (!prop.accepted)
		return;
	p.attempt = prop.s[step].attempts[p.op] + 1;
	p.outcome = prop_chance(70) ? WIRE_OUTCOME_OK : WIRE_OUTCOME_REJECTED;
	if (waits_for_retry(step, p.op) && prop_chance(70)) {
		p.outcome = prop_chance(70) ? WIRE_OUTCOME_RETRY : WIRE_OUTCOME_PARK;
		tell_engine(&p, service, "of trouble that nobody can have had");
		PROP_REQUIRE(prop.record_count == before, "26: trouble without an attempt counts");
		prop_saw(SEEN_EARLY_TROUBLE);
		return;
	}
	switch (prop_below(5)) {
	case 0:
		service = "other";
		what = "from another service";
		break;
	case 1:
		p.operation.bytes[prop_below(UUID_SIZE)] ^= 1;
		what = "to another operation";
		break;
	case 2:
		p.attempt += 1 + (uint32_t)prop_below(5);
		what = "to an attempt that was not made";
		break;
	case 3:
		p.index = PROP_STEPS + (uint32_t)prop_below(100);
		what = "of a step there is not";
		break;
	default:
		p.outcome = prop_below(2) ? 0 : OUTCOME_ODD;
		what = "that means nothing";
	}
	tell_engine(&p, service, what);
	PROP_REQUIRE(prop.record_count == before, "27: a reply %s is recorded", what);
	prop_saw(SEEN_BOGUS);
}

/* Against what the journal says: the first definite answer stands (28). */
void prop_contradiction(void)
{
	const uint32_t step = (uint32_t)prop_below(prop.count);
	const uint32_t op = 1 + (uint32_t)prop_below(4);
	const uint32_t result = prop.s[step].result[op];
	struct prop_packet p = reply_of(step, op);
	uint32_t before;

	if (prop.finished || (result != WIRE_EVENT_OK && result != WIRE_EVENT_READ_ONLY &&
			      result != WIRE_EVENT_REJECTED))
		return;
	prop_flush(prop.record_count);
	if (prop.finished)
		return;
	before = prop.record_count;
	p.outcome = result == WIRE_EVENT_REJECTED ? WIRE_OUTCOME_OK : WIRE_OUTCOME_REJECTED;
	tell_engine(&p, p.service, "against what is recorded");
	PROP_REQUIRE(prop.record_count == before, "28: a contradiction is recorded");
	PROP_REQUIRE(prop.contradicted, "28: a contradiction is not reported");
	prop_saw(SEEN_CONTRADICTION);
}
