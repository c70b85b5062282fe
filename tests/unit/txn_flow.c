/* What a step gets as input: the saga's, or what its template picks (B11), the same bytes in every
 * attempt and operation (invariant 40); and what becomes of one that cannot be made. */
#include "tests/unit/txn_host.h"

#include <stdio.h>

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO
#define OK      WIRE_OUTCOME_OK

enum { KEPT_MAX = 4096 };

/* Input of the last command, which is dead when the step is over. */
static struct {
	char text[KEPT_MAX];
	uint32_t size;
	uint32_t step, op;
	uint32_t commands, alerts;
} seen;

static void keep(void *context, const struct txn_message *message)
{
	const struct wire_command *c = &message->u.command;

	(void)context;
	seen.alerts += message->kind == TXN_MESSAGE_ALERT;
	if (message->kind != TXN_MESSAGE_COMMAND)
		return;
	seen.commands++;
	seen.step = c->step;
	seen.op = c->op;
	seen.size = c->input.size;
	if (c->input.size < KEPT_MAX && c->input.size > 0)
		memcpy(seen.text, c->input.data, c->input.size);
	seen.text[c->input.size < KEPT_MAX ? c->input.size : 0] = '\0';
}

static void expect_command(uint32_t step, uint32_t op, const char *input)
{
	assert_int_equal(seen.step, step);
	assert_int_equal(seen.op, op);
	assert_string_equal(seen.text, input);
	seen.commands = 0;
}

static void reply(struct host *h, uint32_t step, const char *name, uint32_t op, uint32_t attempt,
		  uint32_t outcome, const char *output)
{
	struct wire_reply r = host_reply_of("s", step, name, op, attempt, outcome);
	char service[32];

	r.output = slice_str(output);
	(void)snprintf(service, sizeof service, "%s-svc", name);
	host_reply_as(h, &r, service);
}

static void submit(struct host *h, struct host_plan *p, struct slice input)
{
	struct wire_submit s = host_submit_of(h, "s", p);

	memset(&seen, 0, sizeof seen);
	h->message = keep;
	s.input = input;
	assert_int_equal(host_submit_event(h, &s), 0);
}

static const char *const three[] = {"a", "b", "c"};

static void picks_are_the_same_each_time(void **state)
{
	static const char picked[] = "{\"id\": 17, \"sum\": 5, \"none\": null}";
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 3);
	p.steps[1].input = slice_str("{\"id\": \"$.steps.a.output.id\", \"sum\": \"$.input.sum\", "
				     "\"none\": \"$.input.not.there\"}");
	submit(h, &p, slice_str("{\"sum\": 5}"));
	expect_command(0, FORWARD, "{\"sum\": 5}");
	reply(h, 0, "a", FORWARD, 1, OK, "{\"id\": 17}");
	expect_command(1, FORWARD, picked);
	reply(h, 1, "b", FORWARD, 1, WIRE_OUTCOME_RETRY, "");
	host_tick(h, 5000);
	expect_command(1, FORWARD, picked);
	host_take_over(h, h->record_count);
	host_tick(h, 5000);
	expect_command(1, FORWARD, picked);
	reply(h, 1, "b", FORWARD, 2, OK, "");
	expect_command(2, FORWARD, "{\"sum\": 5}"); /* without a template: the saga's */
	reply(h, 2, "c", FORWARD, 1, WIRE_OUTCOME_REJECTED, "");
	expect_command(1, UNDO, picked);
}

/* Two picks of an input that fits once. */
static void large_plan(struct host_plan *p, uint32_t flags)
{
	host_plan(p, three, 3);
	p->steps[1].input = slice_str("[\"$.input\", \"$.input\"]");
	p->steps[1].flags = flags;
	if (flags == WIRE_STEP_PIVOT)
		p->steps[1].undo = (struct slice){0};
	if (flags == WIRE_STEP_RETRIABLE) {
		p->steps[0].flags = WIRE_STEP_PIVOT;
		p->steps[0].undo = p->steps[1].undo = p->steps[2].undo = (struct slice){0};
		p->steps[2].flags = WIRE_STEP_RETRIABLE;
	}
	if (flags == WIRE_STEP_PIVOT) {
		p->steps[2].flags = WIRE_STEP_RETRIABLE;
		p->steps[2].undo = (struct slice){0};
	}
}

static struct slice large_input(void)
{
	static uint8_t bytes[WIRE_INPUT_SIZE_MAX / 2 + 16];

	memset(bytes, '1', sizeof bytes); /* a number */
	return slice_of(bytes, sizeof bytes);
}

static uint32_t branch_state(struct host *h, uint32_t step)
{
	return txn_entry_find(h->t, slice_str("s"))->body->branches[step].state;
}

static void too_large_is_refused_unsent(void **state)
{
	static const uint32_t flags[] = {0, WIRE_STEP_PIVOT};
	struct host *h = *state;
	struct host_plan p;

	for (uint32_t i = 0; i < 2; i++) {
		large_plan(&p, flags[i]);
		submit(h, &p, large_input());
		reply(h, 0, "a", FORWARD, 1, OK, "");
		/* Definite, as it was never sent: what was done before is undone at once. */
		assert_int_equal(seen.step, 0);
		assert_int_equal(seen.op, UNDO);
		assert_int_equal(seen.commands, 2);
		assert_int_equal(branch_state(h, 1), WIRE_BRANCH_REJECTED);
		reply(h, 0, "a", UNDO, 1, OK, "");
		assert_int_equal(txn_entry_find(h->t, slice_str("s"))->state,
				 WIRE_STATE_COMPENSATED);
		host_close(h);
		host_init(h);
		host_start(h);
	}
}

static void too_large_optional_is_left_out(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	large_plan(&p, WIRE_STEP_OPTIONAL);
	submit(h, &p, large_input());
	reply(h, 0, "a", FORWARD, 1, OK, "");
	assert_int_equal(branch_state(h, 1), WIRE_BRANCH_REJECTED);
	assert_int_equal(seen.step, 2);
	reply(h, 2, "c", FORWARD, 1, OK, "");
	assert_int_equal(txn_entry_find(h->t, slice_str("s"))->state, WIRE_STATE_COMPLETED);
}

/* It may not be refused, so somebody is called. */
static void too_large_retriable_is_parked(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	large_plan(&p, WIRE_STEP_RETRIABLE);
	submit(h, &p, large_input());
	reply(h, 0, "a", FORWARD, 1, OK, "");
	assert_int_equal(branch_state(h, 1), WIRE_BRANCH_PARKED);
	assert_int_equal(seen.alerts, 1);
	assert_int_equal(seen.commands, 1);
	host_tick(h, 6000);
	assert_int_equal(branch_state(h, 1), WIRE_BRANCH_PARKED);
}

/* The owner died between the ok and the refusal: the next one finds out when its turn comes. */
static void next_owner_refuses_too(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	uint32_t ok;

	large_plan(&p, 0);
	submit(h, &p, large_input());
	ok = h->record_count + 1;
	reply(h, 0, "a", FORWARD, 1, OK, "");
	assert_true(h->record_count > ok);
	host_take_over(h, ok);
	assert_int_equal(branch_state(h, 1), WIRE_BRANCH_ACTIVE);
	seen.commands = 0;
	host_tick(h, 1000);
	assert_int_equal(branch_state(h, 1), WIRE_BRANCH_REJECTED);
	assert_int_equal(seen.op, UNDO);
	assert_int_equal(seen.commands, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(picks_are_the_same_each_time, host_set_up,
						host_tear_down),
		cmocka_unit_test_setup_teardown(too_large_is_refused_unsent, host_set_up,
						host_tear_down),
		cmocka_unit_test_setup_teardown(too_large_optional_is_left_out, host_set_up,
						host_tear_down),
		cmocka_unit_test_setup_teardown(too_large_retriable_is_parked, host_set_up,
						host_tear_down),
		cmocka_unit_test_setup_teardown(next_owner_refuses_too, host_set_up,
						host_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
