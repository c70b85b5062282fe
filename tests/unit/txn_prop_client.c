/* Clients: submit, ask, cancel, and the program of an interactive transaction. */
#include "tests/unit/txn_prop.h"

static const char input[] = "{\"n\":7,\"who\":{\"id\":\"x\"}}";

/* The request and the token that answers will carry, or NULL when there were enough of them. */
static struct prop_request *ask(enum txn_event_kind kind, struct txn_event *event, const char *what)
{
	struct prop_request *r;
	struct prop_note *n;

	if (prop.request_count + (prop.healing ? 0 : 8) >= PROP_REQUESTS)
		return NULL;
	r = &prop.requests[prop.request_count++];
	*r = (struct prop_request){.kind = (uint8_t)kind, .step_number = prop.steps_done};
	*event = (struct txn_event){.kind = kind, .reply_to = prop.request_count};
	n = prop_note('C', 0, 0, kind);
	n->number = prop.request_count;
	n->text = what;
	return r;
}

static void waits(struct prop_request *r, bool *wait, uint32_t *until)
{
	r->wait = *wait = prop_chance(60);
	r->until_decided = prop_chance(50);
	*until = r->until_decided ? WIRE_UNTIL_DECIDED : WIRE_UNTIL_FINAL;
}

static void submit(bool conflict)
{
	struct wire_submit s = {.id = slice_str("s"),
				.plan = prop.plan,
				.input = conflict ? slice_str("{}") : slice_str(input),
				.retry_until_at = PROP_START_MS + 3600000};
	struct txn_event event;
	struct prop_request *r =
		ask(TXN_EVENT_SUBMIT, &event, conflict ? "with another body" : NULL);

	if (!r)
		return;
	r->wrong = conflict;
	waits(r, &s.wait, &s.until);
	event.u.submit = &s;
	prop_step_engine(event);
}

static void query(void)
{
	struct wire_query q = {.id = slice_str("s")};
	struct txn_event event;
	struct prop_request *r = ask(TXN_EVENT_QUERY, &event, NULL);

	if (!r)
		return;
	waits(r, &q.wait, &q.until);
	event.u.query = &q;
	prop_step_engine(event);
}

static void cancel(void)
{
	const struct wire_cancel c = {.id = slice_str("s"),
				      .reason = slice_str("why not"),
				      .retry_until_at = PROP_START_MS + 3600000};
	struct txn_event event;

	if (!ask(TXN_EVENT_CANCEL, &event, NULL))
		return;
	prop.cancel_asked = true;
	event.u.cancel = &c;
	prop_step_engine(event);
}

static void inquire(void)
{
	const struct wire_inquire i = {.id = slice_str("s"), .step = slice_str("a")};
	const bool other = prop_chance(15);
	struct txn_event event;
	struct prop_request *r =
		ask(TXN_EVENT_INQUIRE, &event, other ? "by another service" : NULL);

	if (!r)
		return;
	r->wrong = other;
	event.u.inquire.inquire = &i;
	event.u.inquire.service = other ? slice_str("other") : prop.steps[0].service;
	prop_step_engine(event);
}

static void list(void)
{
	const struct wire_list_request l = {.limit = 10, .heuristic = true};
	struct txn_event event = {.kind = TXN_EVENT_LIST, .reply_to = PROP_DISPOSITION};

	event.u.list = &l;
	prop_step_engine(event);
}

/* ---- interactive ----------------------------------------------------------------------------- */

static void enlist(uint32_t step, bool conflict)
{
	struct wire_enlist e = {.id = slice_str("s"), .step = prop.steps[step]};
	struct txn_event event;
	struct prop_request *r =
		ask(TXN_EVENT_ENLIST, &event, conflict ? "with another content" : NULL);

	if (!r)
		return;
	r->step = (uint8_t)step;
	r->wrong = conflict;
	if (conflict)
		e.step.forward = slice_str("other");
	event.u.enlist = &e;
	prop_step_engine(event);
}

static uint32_t answered(void)
{
	uint32_t set = 0;

	for (uint32_t i = 0; i < prop.count; i++)
		set |= prop.s[i].enlist_answered ? 1U << i : 0;
	return set;
}

static void commit(uint32_t set)
{
	struct wire_commit c = {.id = slice_str("s")};
	struct txn_event event;
	struct prop_request *r = ask(TXN_EVENT_COMMIT, &event, NULL);

	if (!r)
		return;
	r->set = (uint8_t)set;
	for (uint32_t i = 0; i < prop.count; i++)
		if (set >> i & 1)
			wire_branch_set_add(&c.branch_hash, &prop.steps[i]);
	c.branch_count = (uint32_t)__builtin_popcount(set);
	if (prop_chance(5)) {
		r->wrong = true; /* the number is not that of the hash */
		c.branch_count++;
	}
	if (prop_chance(40))
		c.input = slice_str("{\"c\":1}");
	waits(r, &c.wait, &c.until);
	event.u.commit = &c;
	prop_step_engine(event);
}

static void go_on(void)
{
	const uint32_t step = (uint32_t)prop_below(prop.count);
	const uint32_t set = answered();

	if (set >> step & 1 && !prop.s[step].worked && prop_chance(60)) {
		prop_client_works(step);
	} else if (prop_chance(8)) {
		commit(set ^ 1U << step);
	} else if (prop_chance(8) && set >> step & 1) {
		enlist(step, true);
	} else if (!(set >> step & 1) || prop_chance(10)) {
		enlist(step, false);
	} else if (set == (1U << prop.count) - 1 || prop_chance(8)) {
		if (prop.wants_commit)
			commit(set);
		else if (prop.wants_rollback)
			cancel();
	}
}

/* ---- what the test calls --------------------------------------------------------------------- */

void prop_client(void)
{
	const uint64_t kind = prop_below(100);

	if ((!prop.begun && kind >= 96) || (prop.begun && kind == 99 && !prop.interactive)) {
		if (prop_chance(50))
			enlist(0, false);
		else
			commit(0);
		return;
	}
	if (!prop.begun && kind >= 10) {
		submit(false);
		return;
	}
	if (prop.begun && prop.interactive && prop_chance(75)) {
		go_on();
		return;
	}
	if (kind < 3)
		inquire();
	else if (kind < 3 + prop.cancel_percent / 3)
		cancel();
	else if (kind < 10)
		query();
	else if (kind < 20)
		submit(false);
	else if (kind < 25)
		submit(true);
	else if (kind < 45)
		query();
	else if (kind < 60)
		inquire();
	else if (kind < 60 + prop.cancel_percent)
		cancel();
	else if (kind < 80)
		list();
}

void prop_client_answer(const struct prop_packet *p)
{
	struct prop_request *r = &prop.requests[p->token - 1];

	if (p->answer_code != 0)
		return;
	if (r->kind == TXN_EVENT_SUBMIT)
		prop.begun = true;
	if (r->kind == TXN_EVENT_ENLIST)
		prop.s[r->step].enlist_answered = true;
}

void prop_client_end(void)
{
	for (uint32_t i = 0; i < prop.request_count; i++) {
		const struct prop_request *r = &prop.requests[i];

		PROP_REQUIRE(r->done || r->lost || !prop.finished, "L1: nobody answers request %u",
			     i + 1);
		PROP_REQUIRE(r->done || r->lost || !r->until_decided ||
				     prop.decision == WIRE_DECISION_NONE,
			     "request %u is not told the decision", i + 1);
	}
	query();
	list();
	prop_flush(prop.record_count);
	if (prop.accepted && prop_chance(30)) {
		inquire();
		cancel();
		prop_flush(prop.record_count);
	}
}
