/* The checkers: what each durable record, and each message that leaves, must be. They fold the
 * records into a model of their own, and know the engine by its contract only. */
#include "base/arena.h"
#include "tests/unit/txn_prop.h"
#include "wire/record.h"

#define FORWARD      WIRE_OP_FORWARD
#define FINISH       WIRE_OP_FINISH
#define UNDO         WIRE_OP_UNDO
#define SETTLE       WIRE_OP_SETTLE
#define LETTER(step) ('a' + (int)(step))

/* ---- the model ------------------------------------------------------------------------------- */

static bool has_flag(uint32_t step, uint32_t flag)
{
	return (prop.steps[step].flags & flag) != 0;
}

static bool ended(uint32_t result)
{
	return result == WIRE_EVENT_OK || result == WIRE_EVENT_HEURISTIC;
}

static bool takes_part(uint32_t step)
{
	return !prop.interactive || prop.s[step].enlisted;
}

static bool said_no(const struct prop_step *s)
{
	return s->result[FORWARD] == WIRE_EVENT_REJECTED ||
	       s->result[SETTLE] == WIRE_EVENT_REJECTED;
}

static bool said_yes(const struct prop_step *s)
{
	return s->result[FORWARD] == WIRE_EVENT_OK || s->result[FORWARD] == WIRE_EVENT_READ_ONLY ||
	       s->result[SETTLE] == WIRE_EVENT_OK;
}

bool prop_satisfied(uint32_t step)
{
	const struct prop_step *s = &prop.s[step];

	if (!takes_part(step) || said_yes(s))
		return true;
	/* S23: an optional step's unknown result is taken back or blocked first. */
	return has_flag(step, WIRE_STEP_OPTIONAL) &&
	       (said_no(s) || (s->result[FORWARD] == WIRE_EVENT_UNKNOWN && ended(s->result[UNDO])));
}

bool prop_may_have_acted(uint32_t step)
{
	const struct prop_step *s = &prop.s[step];

	if (!takes_part(step) || said_no(s) || s->result[FORWARD] == WIRE_EVENT_READ_ONLY)
		return false;
	return s->enlisted || s->sent[FORWARD] > 0;
}

bool prop_any_parked(void)
{
	for (uint32_t i = 0; i < prop.count; i++)
		for (uint32_t op = FORWARD; op <= SETTLE; op++)
			if (prop.s[i].parked[op])
				return true;
	return false;
}

static const struct wire_retry *policy(uint32_t step, uint32_t op)
{
	return op == FORWARD ? &prop.steps[step].retry : &prop.steps[step].undo_retry;
}

/* 13, S4: yes from everybody whose yes is needed before the point of no return is passed. */
static void check_unanimous(uint32_t except)
{
	for (uint32_t i = 0; i < prop.count; i++) {
		if (i == except || (except < PROP_STEPS && prop.behind[except] >> i & 1))
			continue;
		PROP_REQUIRE(prop_satisfied(i), "13: it is committed without a yes of %c",
			     LETTER(i));
	}
}

static void commit_by(uint32_t step)
{
	PROP_REQUIRE(prop.decision == WIRE_DECISION_NONE, "11: a second decision");
	check_unanimous(step);
	prop.decision = WIRE_DECISION_COMMIT;
}

/* ---- records --------------------------------------------------------------------------------- */

static void on_accepted(const struct wire_record_accepted *a)
{
	PROP_REQUIRE(!prop.accepted && !prop.tombstone,
		     "3, S10: accepted twice, or after a cancel");
	PROP_REQUIRE(slice_equal(a->saga, slice_str("s")), "2: another id");
	PROP_REQUIRE(a->plan.step_count == prop.plan.step_count, "2: another plan");
	prop.accepted = true;
	prop.admission = a->admission;
	prop.deadline_at = a->deadline_at;
	prop.active_at = a->accepted_at;
}

static void on_enlisted(const struct wire_record_enlisted *e)
{
	const uint32_t step = e->step.name.data[0] - (uint32_t)'a';

	PROP_REQUIRE(prop.interactive && prop.accepted && !prop.closed && !prop.finished &&
			     prop.decision == WIRE_DECISION_NONE,
		     "S9: enlisted after the set was closed");
	PROP_REQUIRE(step < prop.count && !prop.s[step].enlisted, "S9: enlisted twice");
	prop_note('e', step, 0, 0)->number = prop.durable + 1;
	prop.s[step].enlisted = true;
	prop.order[prop.order_count++] = step;
	prop.active_at = e->at;
}

static void on_closed(const struct wire_record_closed *c)
{
	PROP_REQUIRE(prop.interactive && prop.accepted && !prop.closed && !prop.finished &&
			     prop.decision == WIRE_DECISION_NONE,
		     "S9: closed twice, or after the decision");
	prop.closed = true;
	prop.other_input = c->has_input;
	if (prop.order_count == 1 && prop.steps[prop.order[0]].one_phase.size > 0) {
		prop.one_phase = true;
		prop.pivot = prop.order[0];
	}
}

/* 26: within the band of the policy, or as long as the participant asked for. */
static void check_backoff(uint32_t step, const struct wire_record_branch *b,
			  const struct prop_record *r)
{
	const struct wire_retry *retry = policy(step, b->op);
	const uint64_t wait = b->next_at - r->made_at;
	uint64_t base = retry->initial_ms, jitter;

	if (prop.s[step].parked[b->op]) {
		PROP_REQUIRE(r->parked_retry_ms == 0
				     ? b->next_at == 0
				     : b->next_at >= r->made_at + r->parked_retry_ms,
			     "26: what is parked comes back too soon");
		return;
	}
	PROP_REQUIRE(wait >= r->answered.hold_ms, "26: sooner than the participant asked for");
	PROP_REQUIRE(b->attempt < retry->attempts, "26: an attempt beyond the cap of %u",
		     retry->attempts);
	for (uint32_t i = 1; i < b->attempt && base < retry->cap_ms; i++)
		base = base * retry->factor_percent / 100;
	if (base > retry->cap_ms)
		base = retry->cap_ms;
	jitter = base * retry->jitter_percent / 100;
	PROP_REQUIRE(b->next_at >= r->made_at && wait + jitter >= base &&
			     (wait <= base + jitter || wait < PROP_RETRY_AFTER_MAX_MS),
		     "26: the next attempt after %llu ms", (unsigned long long)wait);
}

static void check_ok(uint32_t step, const struct wire_record_branch *b)
{
	struct prop_step *s = &prop.s[step];
	const uint32_t row = s->row[b->op == SETTLE ? FORWARD : b->op];

	PROP_REQUIRE(row == WIRE_OUTCOME_OK, "23: ok of %c, which never said so", LETTER(step));
	if ((b->op == FORWARD || b->op == SETTLE) && b->output.size == 0 &&
	    s->output == PROP_OUTPUT_BIG && b->code == err_to_wire(SAGA_E_TOO_LARGE)) {
		s->output_dropped = true; /* row 40 */
		prop_saw(SEEN_OUTPUT_DROPPED);
	} else if (b->op == FORWARD || b->op == SETTLE)
		PROP_REQUIRE(slice_equal(b->output, prop_output(s->output)),
			     "23: the output of %c is another", LETTER(step));
	if (step == prop.pivot && (b->op == FORWARD || b->op == SETTLE)) {
		commit_by(step);
		prop_saw(b->op == FORWARD ? SEEN_DECIDED_BY_PIVOT : SEEN_DECIDED_BY_SETTLE);
	}
}

static void check_event(uint32_t step, const struct wire_record_branch *b)
{
	struct prop_step *s = &prop.s[step];
	const bool retriable = has_flag(step, WIRE_STEP_RETRIABLE);

	switch ((enum wire_branch_event)b->event) {
	case WIRE_EVENT_OK:
		check_ok(step, b);
		break;
	case WIRE_EVENT_REJECTED:
		PROP_REQUIRE((b->op == FORWARD || b->op == SETTLE) && !retriable,
			     "%c cannot be refused for good", LETTER(step));
		if (s->sent[FORWARD] == 0 && b->code == err_to_wire(SAGA_E_TOO_LARGE) &&
		    prop_input_too_large(step))
			prop_saw(SEEN_INPUT_TOO_LARGE);
		else
			PROP_REQUIRE(s->row[FORWARD] == WIRE_OUTCOME_REJECTED,
				     "23: a no of %c, which never said so", LETTER(step));
		PROP_REQUIRE(s->effects[FORWARD] == 0, "23: a no of %c, which acted", LETTER(step));
		break;
	case WIRE_EVENT_UNKNOWN:
		PROP_REQUIRE(b->op == FORWARD && !retriable, "given up what must succeed");
		PROP_REQUIRE(b->attempt <= policy(step, FORWARD)->attempts, "26: beyond the cap");
		break;
	case WIRE_EVENT_READ_ONLY:
		PROP_REQUIRE(b->op == FORWARD && s->row[FORWARD] == WIRE_OUTCOME_READ_ONLY,
			     "23: read-only of %c, which never said so", LETTER(step));
		prop_saw(SEEN_READ_ONLY);
		break;
	case WIRE_EVENT_HEURISTIC:
		PROP_REQUIRE((b->op == FINISH || b->op == UNDO) &&
				     s->row[b->op] == WIRE_OUTCOME_HEURISTIC && b->code == s->code,
			     "38: not what %c said", LETTER(step));
		prop.heuristics++;
		break;
	case WIRE_EVENT_AGAIN:
	case WIRE_EVENT_DISPATCHED:
		break;
	}
}

/* What a branch's records may be in the phase that the saga is in. */
static void check_phase(uint32_t step, uint32_t op)
{
	const struct prop_step *s = &prop.s[step];
	const bool unknown = s->result[FORWARD] == WIRE_EVENT_UNKNOWN;
	const bool optional = has_flag(step, WIRE_STEP_OPTIONAL);

	PROP_REQUIRE(takes_part(step) && (!prop.interactive || prop.closed || op == UNDO),
		     "%c is not asked yet", LETTER(step));
	if (op == FORWARD)
		PROP_REQUIRE(
			prop.decision != WIRE_DECISION_ABORT &&
				(prop.decision == WIRE_DECISION_NONE ||
				 (prop.pivot < PROP_STEPS && prop.behind[prop.pivot] >> step & 1)),
			"11: forward of %c after the decision", LETTER(step));
	else if (op == FINISH)
		PROP_REQUIRE(prop.decision == WIRE_DECISION_COMMIT && prop_has_finish(step) &&
				     s->result[FORWARD] == WIRE_EVENT_OK,
			     "10, 12: finish of %c without its yes and the decision", LETTER(step));
	else if (op == UNDO)
		PROP_REQUIRE(prop_has_undo(step) && (prop.decision == WIRE_DECISION_ABORT ||
						     (optional && unknown)),
			     "12, 18: undo of %c without the decision", LETTER(step));
	else
		PROP_REQUIRE(unknown && prop.decision != WIRE_DECISION_ABORT &&
				     (step == prop.pivot || (optional && !prop_has_undo(step))),
			     "S4: %c is settled, and is not unknown", LETTER(step));
}

/* 26: trouble with an attempt that was over before is no news of the one that is out. */
static void check_news(uint32_t step, uint32_t op, uint32_t attempt, const struct prop_record *r)
{
	const struct prop_answered *a = &r->answered;

	PROP_REQUIRE(a->attempt == 0 || a->step != step || a->op != op || a->attempt == attempt,
		     "26: trouble with attempt %u counts as that of %u", a->attempt, attempt);
}

static void on_branch(const struct wire_record_branch *b, const struct prop_record *r)
{
	struct prop_note *n;
	struct prop_step *s;
	uint32_t step;

	PROP_REQUIRE(prop.accepted && !prop.finished && b->admission == prop.admission &&
			     b->step < prop.order_count && b->op >= FORWARD && b->op <= SETTLE,
		     "a record of a branch there is not");
	step = prop.order[b->step];
	s = &prop.s[step];
	n = prop_note('b', step, b->op, b->event);
	n->number = prop.durable + 1;
	n->code = b->attempt;
	n->until = b->next_at ? b->next_at - PROP_START_MS : 0;
	PROP_REQUIRE(s->result[b->op] == 0, "28: %c has its result already", LETTER(step));
	check_phase(step, b->op);
	if (b->event == WIRE_EVENT_AGAIN || b->event == WIRE_EVENT_UNKNOWN) {
		PROP_REQUIRE(b->attempt == s->attempts[b->op] + 1, "26: not the next attempt");
		check_news(step, b->op, b->attempt, r);
	}
	PROP_REQUIRE(b->attempt > 0 && b->attempt <= s->attempts[b->op] + 1,
		     "26: an attempt that nobody made");
	check_event(step, b);
	if (b->event == WIRE_EVENT_AGAIN)
		check_backoff(step, b, r);
	if (b->attempt > s->attempts[b->op])
		s->attempts[b->op] = b->attempt;
	s->next_at[b->op] = b->next_at;
	if (b->event != WIRE_EVENT_AGAIN && b->event != WIRE_EVENT_DISPATCHED) {
		s->result[b->op] = (uint8_t)b->event;
		s->parked[b->op] = false;
	}
}

static bool abort_is_due(const struct wire_record_decision *d, const struct prop_record *r)
{
	const struct prop_step *s =
		d->has_step && d->step < prop.order_count ? &prop.s[prop.order[d->step]] : NULL;

	switch ((enum wire_reason)d->reason) {
	case WIRE_REASON_REJECTED:
		return s && said_no(s) &&
		       !has_flag(prop.order[d->step], WIRE_STEP_OPTIONAL | WIRE_STEP_RETRIABLE);
	case WIRE_REASON_EXHAUSTED:
		return s && s->result[FORWARD] == WIRE_EVENT_UNKNOWN &&
		       prop.order[d->step] != prop.pivot &&
		       !has_flag(prop.order[d->step], WIRE_STEP_OPTIONAL | WIRE_STEP_RETRIABLE);
	case WIRE_REASON_DEADLINE:
		return r->made_at >= prop.deadline_at;
	case WIRE_REASON_CANCELLED:
		return prop.cancel_asked;
	case WIRE_REASON_IDLE:
		return prop.interactive && !prop.closed &&
		       r->made_at >= prop.active_at + prop.plan.idle_ms;
	case WIRE_REASON_NONE:
	case WIRE_REASON_REFUSED:
		break;
	}
	return false;
}

static void on_decision(const struct wire_record_decision *d, const struct prop_record *r)
{
	static const uint8_t seen[] = {
		[WIRE_REASON_REJECTED] = SEEN_ABORT_REJECTED,
		[WIRE_REASON_EXHAUSTED] = SEEN_ABORT_EXHAUSTED,
		[WIRE_REASON_DEADLINE] = SEEN_ABORT_DEADLINE,
		[WIRE_REASON_CANCELLED] = SEEN_ABORT_CANCELLED,
		[WIRE_REASON_IDLE] = SEEN_ABORT_IDLE,
	};
	struct prop_note *n = prop_note('d', 0, d->verdict, d->reason);

	n->number = prop.durable + 1;
	PROP_REQUIRE(prop.accepted && !prop.finished && d->admission == prop.admission,
		     "a decision about nothing");
	if (d->verdict == WIRE_DECISION_COMMIT) {
		PROP_REQUIRE(!prop.interactive || prop.closed, "S9: committed, and not closed");
		commit_by(PROP_STEPS);
		prop_saw(SEEN_DECIDED_BY_VOTES);
		return;
	}
	PROP_REQUIRE(prop.decision == WIRE_DECISION_NONE, "11: a second decision");
	PROP_REQUIRE(abort_is_due(d, r), "25: aborted for no reason");
	if (prop.pivot < PROP_STEPS) {
		const struct prop_step *s = &prop.s[prop.pivot];

		PROP_REQUIRE(s->sent[FORWARD] == 0 || said_no(s),
			     "S4: aborted, and %c may have passed the point of no return",
			     LETTER(prop.pivot));
		if (s->result[SETTLE] == WIRE_EVENT_REJECTED)
			prop_saw(SEEN_ABORT_BY_SETTLE);
	}
	/* An optional step that nothing would undo need not be found out any more. */
	for (uint32_t i = 0; i < prop.count; i++)
		prop.s[i].parked[SETTLE] = false;
	prop.decision = WIRE_DECISION_ABORT;
	prop.reason = d->reason;
	prop_saw(seen[d->reason]);
}

static void on_parked(const struct wire_record_parked *p, const struct prop_record *r)
{
	static const uint8_t seen[] = {0, SEEN_PARKED_FORWARD, SEEN_PARKED_FINISH, SEEN_PARKED_UNDO,
				       SEEN_PARKED_SETTLE};
	struct prop_note *n;
	struct prop_step *s;
	uint32_t step;

	PROP_REQUIRE(prop.accepted && !prop.finished && p->step < prop.order_count &&
			     p->op >= FORWARD && p->op <= SETTLE,
		     "a branch is parked that is not there");
	step = prop.order[p->step];
	s = &prop.s[step];
	n = prop_note('p', step, p->op, 0);
	n->number = prop.durable + 1;
	n->code = p->attempts;
	n->until = p->next_at ? p->next_at - PROP_START_MS : 0;
	check_phase(step, p->op);
	check_news(step, p->op, p->attempts, r);
	PROP_REQUIRE(p->op != FORWARD || has_flag(step, WIRE_STEP_RETRIABLE),
		     "forward of %c is parked", LETTER(step));
	PROP_REQUIRE(s->result[p->op] == 0 && !s->parked[p->op] &&
			     p->attempts == s->attempts[p->op] + 1,
		     "26: parked after %u attempts, of %u", p->attempts, s->attempts[p->op]);
	s->parked[p->op] = true;
	prop.parked_records++;
	if (p->next_at == 0)
		prop_saw(SEEN_PARKED_FOR_GOOD);
	s->attempts[p->op] = p->attempts;
	s->next_at[p->op] = p->next_at;
	prop_saw(seen[p->op]);
}

/* 15, 24: nothing that might be left is forgotten. */
static void on_finished(const struct wire_record_finished *f)
{
	prop_note('f', 0, 0, f->state)->number = prop.durable + 1;
	PROP_REQUIRE(prop.accepted && !prop.finished && f->admission == prop.admission,
		     "11: a second end");
	if (f->state == WIRE_STATE_COMPLETED && prop.decision == WIRE_DECISION_NONE)
		commit_by(PROP_STEPS);
	PROP_REQUIRE(prop.decision == (f->state == WIRE_STATE_COMPLETED ? WIRE_DECISION_COMMIT
									: WIRE_DECISION_ABORT),
		     "11: the end is not what was decided");
	for (uint32_t i = 0; i < prop.count; i++) {
		const struct prop_step *s = &prop.s[i];

		if (f->state == WIRE_STATE_COMPLETED) {
			PROP_REQUIRE(prop_satisfied(i), "15: over before %c", LETTER(i));
			PROP_REQUIRE(!prop_has_finish(i) || !takes_part(i) ||
					     s->result[FORWARD] == WIRE_EVENT_READ_ONLY ||
					     ended(s->result[FINISH]),
				     "15: over before %c has finished", LETTER(i));
		} else {
			PROP_REQUIRE(!prop_may_have_acted(i) || !prop_has_undo(i) ||
					     ended(s->result[UNDO]),
				     "24: over before %c is undone", LETTER(i));
		}
	}
	prop.finished = true;
	prop.final_state = f->state;
}

void prop_check_record(const struct prop_record *r)
{
	const uint32_t decision = prop.decision;
	const bool finished = prop.finished;
	static uint64_t space[4096];
	union {
		struct wire_record_accepted accepted;
		struct wire_record_enlisted enlisted;
		struct wire_record_closed closed;
		struct wire_record_branch branch;
		struct wire_record_decision decision;
		struct wire_record_parked parked;
		struct wire_record_finished finished;
		struct wire_record_tombstone tombstone;
		struct wire_record_noop noop;
	} d;
	const struct slice bytes = prop_record_bytes(r);
	struct prop_note *n;
	struct arena arena;
	enum wire_kind kind;

	arena_init(&arena, space, sizeof space);
	if (wire_peek_kind(bytes, &kind) == 0 &&
	    (kind == WIRE_RECORD_GENESIS || kind >= WIRE_RECORD_CARRIED))
		return; /* T9: it changes nothing */
	PROP_REQUIRE(wire_peek_kind(bytes, &kind) == 0 &&
			     wire_decode(kind, bytes, &arena, &d, NULL) == 0,
		     "a record cannot be decoded");
	if (kind == WIRE_RECORD_ACCEPTED || kind == WIRE_RECORD_CLOSED ||
	    kind == WIRE_RECORD_TOMBSTONE || kind == WIRE_RECORD_NOOP) {
		n = prop_note('+', 0, 0, 0);
		n->number = prop.durable + 1;
		n->text = wire_kind_name(kind);
	}
	if (kind == WIRE_RECORD_ACCEPTED) {
		on_accepted(&d.accepted);
	} else if (kind == WIRE_RECORD_ENLISTED) {
		on_enlisted(&d.enlisted);
	} else if (kind == WIRE_RECORD_CLOSED) {
		on_closed(&d.closed);
	} else if (kind == WIRE_RECORD_BRANCH) {
		on_branch(&d.branch, r);
	} else if (kind == WIRE_RECORD_DECISION) {
		on_decision(&d.decision, r);
	} else if (kind == WIRE_RECORD_PARKED) {
		on_parked(&d.parked, r);
	} else if (kind == WIRE_RECORD_FINISHED) {
		on_finished(&d.finished);
	} else if (kind == WIRE_RECORD_TOMBSTONE) {
		PROP_REQUIRE(!prop.accepted && !prop.tombstone,
			     "S10: a tombstone of what is known");
		prop.tombstone = true;
		prop.decision = WIRE_DECISION_ABORT;
	} else {
		PROP_REQUIRE(kind == WIRE_RECORD_NOOP, "a record of kind %d", (int)kind);
	}
	if (prop.decision != decision)
		prop.decided_step = r->step_number;
	if (prop.finished != finished)
		prop.finished_step = r->step_number;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* 16: what depends on it is undone first. */
static void check_undo_order(uint32_t step)
{
	for (uint32_t i = 0; i < prop.count; i++)
		PROP_REQUIRE(!(prop.behind[step] >> i & 1) || !prop_may_have_acted(i) ||
				     !prop_has_undo(i) || ended(prop.s[i].result[UNDO]),
			     "16: undo of %c before that of %c", LETTER(step), LETTER(i));
}

static void check_forward_order(uint32_t step)
{
	for (uint32_t i = 0; i < prop.count; i++)
		PROP_REQUIRE(!(prop.before[step] >> i & 1) || prop_satisfied(i),
			     "17, S23: forward of %c before the end of %c", LETTER(step),
			     LETTER(i));
	if (step == prop.pivot)
		check_unanimous(step);
	/* S4: no vote and no try follows the point of no return. */
	if (step != prop.pivot && prop.pivot < PROP_STEPS)
		PROP_REQUIRE(prop.behind[prop.pivot] >> step & 1 ||
				     prop.s[prop.pivot].sent[FORWARD] == 0,
			     "S4: forward of %c behind the point of no return", LETTER(step));
}

/* Its intent is durable: what it waits for is done (24). */
static bool may_have_begun(uint32_t step)
{
	for (uint32_t i = 0; i < prop.count; i++)
		if (prop.before[step] >> i & 1 && !prop_satisfied(i))
			return false;
	return !said_no(&prop.s[step]) && prop.s[step].result[FORWARD] != WIRE_EVENT_READ_ONLY;
}

static struct slice name_of(uint32_t step, uint32_t op)
{
	const struct wire_step *s = &prop.steps[step];

	if (op == FINISH || op == UNDO)
		return op == FINISH ? s->finish : s->undo;
	return prop.one_phase ? s->one_phase : s->forward;
}

/* 40: whatever the attempt and the owner. */
static void check_content(const struct prop_packet *p)
{
	struct prop_step *s = &prop.s[p->step];
	char expected[PROP_INPUT_MAX];
	const uint32_t size = prop_input_of(p->step, expected);

	PROP_REQUIRE(!prop_input_too_large(p->step), "40: an input that is too large leaves");
	PROP_REQUIRE(p->input_size == size && memcmp(p->input, expected, size) == 0,
		     "40: the input of %c is %s, not %s", LETTER(p->step), p->input, expected);
	PROP_REQUIRE(slice_equal(slice_str(p->op_name), name_of(p->step, p->op)),
		     "the operation of %c is called %s", LETTER(p->step), p->op_name);
	PROP_REQUIRE(slice_equal(slice_str(p->service), prop.steps[p->step].service),
		     "2: a command of %c for %s", LETTER(p->step), p->service);
	PROP_REQUIRE(p->token == prop.admission, "S8: another admission");
	if (s->sent[p->op] > 0)
		PROP_REQUIRE(uuid_equal(&p->operation, &s->operation[p->op]),
			     "4: another operation id");
	s->operation[p->op] = p->operation;
}

void prop_check_command(const struct prop_packet *p)
{
	struct prop_step *s = &prop.s[p->step];

	PROP_REQUIRE(prop.accepted && !prop.finished && p->step < prop.count &&
			     p->index < prop.order_count && prop.order[p->index] == p->step,
		     "2: a command of nothing");
	PROP_REQUIRE(s->result[p->op] == 0, "%c is asked for what it has done", LETTER(p->step));
	check_phase(p->step, p->op);
	if (p->op == FORWARD) {
		check_forward_order(p->step);
		PROP_REQUIRE(!p->overdue || prop.decision == WIRE_DECISION_COMMIT,
			     "forward of %c although the deadline is over", LETTER(p->step));
	}
	if (p->op == FINISH) /* begins when all forward work is done */
		for (uint32_t i = 0; i < prop.count; i++)
			PROP_REQUIRE(prop_satisfied(i), "13: finish of %c before the yes of %c",
				     LETTER(p->step), LETTER(i));
	if (p->op == UNDO) {
		PROP_REQUIRE(prop_may_have_acted(p->step) || may_have_begun(p->step),
			     "7: undo of %c, which has done nothing", LETTER(p->step));
		check_undo_order(p->step);
	}
	check_content(p);
	PROP_REQUIRE(p->attempt == s->attempts[p->op] + 1, "26: attempt %u of %c after %u",
		     p->attempt, LETTER(p->step), s->attempts[p->op]);
	PROP_REQUIRE(p->attempt <= policy(p->step, p->op)->attempts || s->parked[p->op],
		     "26: an attempt beyond the cap");
	PROP_REQUIRE(p->made_at >= s->next_at[p->op], "26: an attempt before its time");
	PROP_REQUIRE(p->again || s->sent[p->op] != p->attempt || s->sent_epoch[p->op] != p->epoch,
		     "S15: a copy of attempt %u of %c, said to be the first", p->attempt,
		     LETTER(p->step));
	s->sent[p->op] = p->attempt;
	s->sent_epoch[p->op] = p->epoch;
	if (p->call)
		prop_saw(SEEN_CALL);
	if (p->fallback)
		prop_saw(SEEN_FALLBACK);
	if (prop_picks(p->step))
		prop_saw(SEEN_PICKED);
}
