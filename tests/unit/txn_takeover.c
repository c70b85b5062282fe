/* Take-over at every record, and the pace of what is sent again. */
#include <stdio.h>

#include "tests/unit/txn_host.h"

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO
#define OK      WIRE_OUTCOME_OK

static const char *const three[] = {"a", "b", "c"};

static void attempts_go_on_where_they_were(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 3);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 1 forward again 1 code=5001 at=+100\n");
	h->now += 50;
	host_take_over(h, h->record_count);
	host_tick(h, 49);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, ">b-svc s b forward 2 left=1000 call again\n");
	h->now += 900;
	/* The attempt that may be out is sent again under its number, and starts in full. */
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">b-svc s b forward 2 left=1000 call again\n");
	/* S24: an answer to what the owner before had sent. */
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 1\n");
	host_query(h, "s", false);
	assert_int_equal(h->answer.epoch, 3);
}

static void answers_reach_the_new_owner_before_it_sends(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	host_submit(h, "s", &p);
	host_take_over(h, h->record_count);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n+finished #1 completed\n>recorded 1\n");
	host_tick(h, 0);
	expect_step(h, "");
}

static void deadlines_and_parked_survive(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	p.plan.deadline_ms = 2000;
	host_submit(h, "s", &p);
	h->now += 1999;
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">a-svc s a forward 1 left=1 call again\n");
	host_tick(h, 1);
	expect_step(h, "+decision #1 deadline\n>a-svc s a undo 1 left=1000\n");
	host_reply(h, "s", 0, "a", UNDO, 1, WIRE_OUTCOME_PARK);
	h->now += 1000;
	host_take_over(h, h->record_count);
	host_query(h, "s", false);
	assert_int_equal(h->answer.state, WIRE_STATE_PARKED);
	host_tick(h, 3999);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, ">a-svc s a undo 2 left=1000 call again\n");
}

static void resends_are_paced(void **state)
{
	struct host h;
	struct host_plan p;
	char id[16];
	uint32_t sent = 0;

	(void)state;
	host_init(&h);
	h.config.resend_per_second = 10;
	host_start(&h);
	host_plan(&p, three, 1);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
	}
	host_take_over(&h, h.record_count);
	for (uint32_t i = 0; i < 30; i++) {
		assert_int_equal(txn_next_deadline(h.t), i == 0 ? h.now : h.now + 100);
		host_tick(&h, i == 0 ? 0 : 100);
		assert_int_equal(h.command_count, 1);
		sent += h.command_count;
		(void)snprintf(id, sizeof id, "s%u", i);
		assert_true(slice_equal(slice_str(id), h.command.saga));
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
	}
	assert_int_equal(sent, 30);
	host_close(&h);
}

/* The re-send is due in the tick that ends the way forward: only the undo leaves. */
static void overtaken_in_one_tick(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	p.plan.deadline_ms = 500;
	host_submit(h, "s", &p);
	h->now += 100;
	host_take_over(h, h->record_count);
	host_tick(h, 400);
	expect_step(h, "+decision #1 deadline\n>a-svc s a undo 1 left=1000\n");
}

/* More re-sends at once than one step may say: the next ticks say the rest. */
static void many_resends_take_several_ticks(void **state)
{
	enum { SAGAS = 5000 };
	struct host h;
	struct host_plan p;
	char id[16];
	uint32_t sent = 0;
	uint32_t ticks = 0;

	(void)state;
	host_init(&h);
	h.limits.open_max = SAGAS;
	h.limits.branches_max = SAGAS;
	h.limits.payload_max = 16 * 1024 * 1024;
	h.no_replay = true;
	h.no_verify = true;
	host_start(&h);
	host_plan(&p, three, 1);
	for (int i = 0; i < SAGAS; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
	}
	host_take_over(&h, h.record_count);
	while (txn_next_deadline(h.t) <= h.now) {
		host_tick(&h, 0);
		assert_true(h.command_count > 0 && h.command_count <= 256);
		sent += h.command_count;
		ticks++;
	}
	assert_int_equal(sent, SAGAS);
	assert_int_equal(ticks, 20);
	host_close(&h);
}

/* Large inputs: few commands a tick, so that whoever sends them can keep up. */
static void large_resends_take_several_ticks(void **state)
{
	enum { SAGAS = 40, INPUT = 200000 };
	static uint8_t input[INPUT];
	struct host h;
	struct host_plan p;
	struct wire_submit submit;
	char id[16];
	uint32_t sent = 0;

	(void)state;
	host_init(&h);
	h.limits.payload_max = 32 * 1024 * 1024;
	h.no_replay = true;
	host_start(&h);
	host_plan(&p, three, 1);
	for (int i = 0; i < SAGAS; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		submit = host_submit_of(&h, id, &p);
		submit.input = slice_of(input, INPUT);
		assert_int_equal(host_submit_event(&h, &submit), 0);
	}
	host_take_over(&h, h.record_count);
	while (txn_next_deadline(h.t) <= h.now) {
		host_tick(&h, 0);
		assert_int_equal(h.command_count, 1024 * 1024 / INPUT);
		sent += h.command_count;
	}
	assert_int_equal(sent, SAGAS);
	host_close(&h);
}

/* Sagas with many steps at once, all over their deadline in the same moment: what one of them has
 * to say goes out whole, and as many of them in a tick as may. */
static void wide_sagas_take_several_ticks(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	static const uint32_t inputs[] = {60000, 200000, 10};
	static const uint32_t commands[3][4] = {{16, 8, 0, 0}, {8, 8, 8, 0}, {24, 0, 0, 0}};
	static uint8_t input[200000];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct host h;
		struct host_plan p;
		struct wire_submit submit;

		host_init(&h);
		h.limits.payload_max = 32 * 1024 * 1024;
		host_start(&h);
		host_plan(&p, names, 8);
		for (uint32_t j = 0; j < 8; j++)
			host_plan_after(&p, j, NULL, 0);
		p.plan.deadline_ms = 500;
		for (int j = 0; j < 3; j++) {
			const char *const ids[] = {"s", "t", "u"};

			submit = host_submit_of(&h, ids[j], &p);
			submit.input = slice_of(input, inputs[i]);
			assert_int_equal(host_submit_event(&h, &submit), 0);
			assert_int_equal(h.command_count, 8);
		}
		h.now += 500;
		for (int j = 0; j < 4; j++) {
			assert_int_equal(txn_next_deadline(h.t) <= h.now, commands[i][j] > 0);
			host_tick(&h, 0);
			assert_int_equal(h.command_count, commands[i][j]);
		}
		host_close(&h);
	}
}

/* I5: a journal may end between the records of one step. The new owner draws the conclusion. */
static void concludes_what_was_cut_off(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	uint32_t mark;

	host_plan(&p, three, 3);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	mark = h->record_count;
	host_reply(h, "s", 1, "b", FORWARD, 1, WIRE_OUTCOME_REJECTED);
	expect_step(h, "+branch #1 1 forward rejected 1\n"
		       "+decision #1 rejected 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
	host_take_over(h, mark + 1);
	assert_int_equal(txn_next_deadline(h->t), h->now);
	host_tick(h, 0);
	expect_step(h, "+decision #1 rejected 1\n>a-svc s a undo 1 left=1000\n");
	mark = h->record_count;
	host_reply(h, "s", 0, "a", UNDO, 1, OK);
	expect_step(h, "+branch #1 0 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
	host_take_over(h, mark + 1);
	host_tick(h, 0);
	expect_step(h, "+finished #1 compensated\n");

	host_submit(h, "t", &p);
	mark = h->record_count;
	host_reply(h, "t", 0, "a", FORWARD, 1, WIRE_OUTCOME_PARK);
	host_take_over(h, mark + 1);
	host_tick(h, 0);
	expect_step(h, "+decision #2 exhausted 0\n>a-svc t a undo 1 left=1000\n");

	host_plan(&p, three, 1);
	host_submit(h, "u", &p);
	mark = h->record_count;
	host_reply(h, "u", 0, "a", FORWARD, 1, OK);
	host_take_over(h, mark + 1);
	host_tick(h, 0);
	expect_step(h, "+finished #3 completed\n>a-svc t a undo 1 left=1000 call again\n");
}

static void tombstones_and_memory_survive(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	host_cancel(h, "x");
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_take_over(h, h->record_count);
	host_submit(h, "x", &p);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_CANCELLED));
	host_submit(h, "s", &p);
	expect_step(h, "+noop\n>answer 1 s completed final\n");
	p.plan.version++;
	host_submit(h, "s", &p);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_CONFLICT));
}

/* ---- records that do not fit
 * --------------------------------------------------------------------- */

/* ---- a configuration that is not the one of the owner before
 * ------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(attempts_go_on_where_they_were),
		T(answers_reach_the_new_owner_before_it_sends),
		T(deadlines_and_parked_survive),
		T(resends_are_paced),
		T(overtaken_in_one_tick),
		T(many_resends_take_several_ticks),
		T(large_resends_take_several_ticks),
		T(wide_sagas_take_several_ticks),
		T(concludes_what_was_cut_off),
		T(tombstones_and_memory_survive),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
