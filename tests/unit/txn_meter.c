/* What the engine counts, on the live path and nowhere else. */
#include "tests/unit/txn_host.h"
#include "txn/meter.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {"a", "b"};

struct fixture {
	struct host host;
	struct txn_meter *meter;
	struct host_plan plan;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->meter = calloc(1, sizeof *f->meter);
	assert_non_null(f->meter);
	txn_meter_init(f->meter);
	host_init(&f->host);
	f->host.config.meter = f->meter;
	host_start(&f->host);
	host_plan(&f->plan, names, 2);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	host_close(&f->host);
	free(f->meter);
	free(f);
	return 0;
}

static struct txn_meter_definition *definition(struct fixture *f)
{
	const uint32_t number =
		series_number(&f->meter->definitions, (uint8_t)f->plan.plan.protocol,
			      f->plan.plan.name, (struct slice){0});

	assert_int_not_equal(number, 0);
	return &f->meter->definition[number];
}

static struct txn_meter_step *step(struct fixture *f, uint32_t number)
{
	const uint32_t row = series_number(&f->meter->steps, 0, f->plan.plan.steps[number].service,
					   f->plan.plan.steps[number].name);

	assert_int_not_equal(row, 0);
	return &f->meter->step[row];
}

static struct buckets *duration(struct fixture *f, uint32_t number, uint32_t op)
{
	const uint32_t row = series_number(&f->meter->services, 0,
					   f->plan.plan.steps[number].service, (struct slice){0});

	assert_int_not_equal(row, 0);
	return &f->meter->service[row].duration_ms[op - 1];
}

static uint64_t counted(const struct buckets *b)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i <= BUCKETS_MAX; i++)
		sum += b->counts[i];
	return sum;
}

static void survey(struct fixture *f, uint32_t budget)
{
	struct txn_survey s;

	txn_survey_begin(&s);
	while (!txn_survey_step(&s, f->host.t, budget))
		;
	txn_survey_end(&s, f->meter);
}

static void test_completed(void **state)
{
	struct fixture *f = *state;
	struct host *h = &f->host;

	host_submit(h, "s", &f->plan);
	assert_int_equal(counter_get(&definition(f)->started), 1);
	host_tick(h, 40);
	host_reply(h, "s", 0, "a", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	host_tick(h, 60);
	host_reply(h, "s", 1, "b", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	assert_int_equal(counter_get(&definition(f)->finished[TXN_METER_COMPLETED]), 1);
	assert_int_equal(counter_get(&definition(f)->finished[TXN_METER_COMPENSATED]), 0);
	assert_int_equal(definition(f)->duration_ms[TXN_METER_COMPLETED].sum, 100);
	assert_int_equal(counter_get(&step(f, 0)->attempts[0][TXN_METER_OK]), 1);
	assert_int_equal(counter_get(&step(f, 1)->attempts[0][TXN_METER_OK]), 1);
	assert_int_equal(duration(f, 0, WIRE_OP_FORWARD)->sum, 40);
	assert_int_equal(duration(f, 1, WIRE_OP_FORWARD)->sum, 60);
	assert_int_equal(counted(&f->meter->phase_ms[0][0]), 0); /* no 2PC */
}

static void test_rejected_and_undone(void **state)
{
	struct fixture *f = *state;
	struct host *h = &f->host;

	host_submit(h, "s", &f->plan);
	host_reply(h, "s", 0, "a", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	host_reply(h, "s", 1, "b", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_REJECTED);
	host_reply(h, "s", 0, "a", WIRE_OP_UNDO, 1, WIRE_OUTCOME_OK);
	assert_int_equal(counter_get(&definition(f)->finished[TXN_METER_COMPENSATED]), 1);
	assert_int_equal(counter_get(&step(f, 1)->attempts[0][TXN_METER_TERMINAL]), 1);
	assert_int_equal(counter_get(&step(f, 0)->attempts[2][TXN_METER_OK]), 1);
}

/* Silence, failures, the end of all attempts, and what is parked. */
static void test_trouble(void **state)
{
	struct fixture *f = *state;
	struct host *h = &f->host;

	host_submit(h, "s", &f->plan);
	host_tick(h, 1000); /* nobody answers */
	assert_int_equal(counter_get(&step(f, 0)->attempts[0][TXN_METER_TIMEOUT]), 1);
	assert_int_equal(duration(f, 0, WIRE_OP_FORWARD)->sum, 1000);
	host_tick(h, 100);
	host_reply(h, "s", 0, "a", WIRE_OP_FORWARD, 2, WIRE_OUTCOME_RETRY);
	assert_int_equal(counter_get(&step(f, 0)->attempts[0][TXN_METER_RETRYABLE]), 1);
	assert_int_equal(counter_get(&step(f, 0)->exhausted[0]), 0);
	host_tick(h, 200);
	host_reply(h, "s", 0, "a", WIRE_OP_FORWARD, 3, WIRE_OUTCOME_RETRY); /* the last */
	assert_int_equal(counter_get(&step(f, 0)->attempts[0][TXN_METER_RETRYABLE]), 2);
	assert_int_equal(counter_get(&step(f, 0)->exhausted[0]), 1);
	/* It is undone, and that fails for good. */
	survey(f, 16);
	assert_int_equal(
		counter_get(&f->meter->gauges.inflight[f->plan.plan.protocol][TXN_METER_UNDOING]),
		1);
	for (uint32_t i = 0; i < 60 && counter_get(&step(f, 0)->exhausted[2]) == 0; i++)
		host_tick(h, 1000);
	assert_int_equal(counter_get(&step(f, 0)->exhausted[2]), 1);
	survey(f, 16);
	assert_int_equal(
		counter_get(
			&f->meter->gauges.inflight[f->plan.plan.protocol][TXN_METER_PARKED_STATE]),
		1);
	assert_int_equal(counter_get(&f->meter->gauges.parked[0].count), 1);
	assert_int_equal(counter_get(&f->meter->gauges.parked[0].code),
			 err_to_wire(SAGA_E_TIMEOUT));
	assert_int_equal(series_number(&f->meter->definitions, (uint8_t)f->plan.plan.protocol,
				       f->plan.plan.name, (struct slice){0}),
			 counter_get(&f->meter->gauges.parked[0].definition));
	assert_int_equal(counter_get(&f->meter->gauges.parked[1].count), 0);
}

static void make_votes(struct host_plan *p)
{
	p->plan.protocol = WIRE_PROTOCOL_2PC;
	for (uint32_t i = 0; i < 2; i++) {
		p->steps[i].forward = slice_str("prepare");
		p->steps[i].finish = slice_str("commit");
		p->steps[i].undo = slice_str("rollback");
		p->steps[i].after = (struct slice){0};
		p->steps[i].retry.attempts = 1;
	}
}

static void test_two_phases(void **state)
{
	struct fixture *f = *state;
	struct host *h = &f->host;

	make_votes(&f->plan);
	host_submit(h, "s", &f->plan);
	survey(f, 16);
	assert_int_equal(counter_get(&f->meter->gauges.in_doubt), 0);
	host_tick(h, 20);
	host_reply(h, "s", 0, "a", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	host_reply(h, "s", 1, "b", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	assert_int_equal(f->meter->phase_ms[TXN_METER_PREPARE][TXN_METER_COMPLETED].sum, 20);
	host_tick(h, 300);
	survey(f, 16);
	assert_int_equal(counter_get(&f->meter->gauges.in_doubt), 1);
	assert_int_equal(counter_get(&f->meter->gauges.in_doubt_oldest_ms), 300);
	assert_int_equal(
		counter_get(&f->meter->gauges.inflight[WIRE_PROTOCOL_2PC][TXN_METER_FINISHING]), 1);
	assert_int_equal(
		counter_get(&f->meter->gauges.oldest_ms[WIRE_PROTOCOL_2PC][TXN_METER_FINISHING]),
		320);
	host_reply(h, "s", 0, "a", WIRE_OP_FINISH, 1, WIRE_OUTCOME_OK);
	host_tick(h, 100);
	host_reply(h, "s", 1, "b", WIRE_OP_FINISH, 1, WIRE_OUTCOME_HEURISTIC);
	assert_int_equal(f->meter->phase_ms[TXN_METER_DELIVER][TXN_METER_COMPLETED].sum, 400);
	assert_int_equal(counter_get(&step(f, 1)->attempts[1][TXN_METER_HEURISTIC]), 1);
	assert_int_equal(counter_get(&definition(f)->finished[TXN_METER_COMPLETED]), 1);
	survey(f, 16);
	assert_int_equal(counter_get(&f->meter->gauges.in_doubt), 0);

	host_submit(h, "no", &f->plan);
	host_reply(h, "no", 0, "a", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_REJECTED);
	assert_int_equal(counted(&f->meter->phase_ms[TXN_METER_PREPARE][TXN_METER_COMPENSATED]), 1);
}

/* A replay repeats what was counted by whoever made the records. */
static void test_a_replay_counts_nothing(void **state)
{
	struct fixture *f = *state;
	struct host *h = &f->host;

	host_submit(h, "s", &f->plan);
	host_reply(h, "s", 0, "a", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	host_take_over(h, h->record_count);
	assert_int_equal(counter_get(&definition(f)->started), 1);
	assert_int_equal(counter_get(&step(f, 0)->attempts[0][TXN_METER_OK]), 1);
	host_tick(h, 1);
	host_reply(h, "s", 1, "b", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_OK);
	assert_int_equal(counter_get(&definition(f)->finished[TXN_METER_COMPLETED]), 1);
}

/* Some at a time, while sagas come and end: each is seen once at most. */
static void test_survey_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct host *h = &f->host;
	struct txn_survey s;
	char id[16];

	for (uint32_t i = 0; i < 10; i++) {
		(void)snprintf(id, sizeof id, "s%u", i);
		host_submit(h, id, &f->plan);
	}
	for (uint32_t budget = 1; budget <= 11; budget++) {
		survey(f, budget);
		assert_int_equal(counter_get(&f->meter->gauges.inflight[f->plan.plan.protocol]
								       [TXN_METER_RUNNING]),
				 10);
	}
	txn_survey_begin(&s);
	assert_false(txn_survey_step(&s, h->t, 4));
	/* The one it stands at ends, with the next. */
	for (uint32_t i = 3; i < 5; i++) {
		(void)snprintf(id, sizeof id, "s%u", i);
		host_reply(h, id, 0, "a", WIRE_OP_FORWARD, 1, WIRE_OUTCOME_REJECTED);
	}
	assert_true(txn_survey_step(&s, h->t, 100));
	assert_int_equal(s.seen[f->plan.plan.protocol][TXN_METER_RUNNING].count, 4 + 5);
	/* It is forgotten meanwhile, or so long ago that the way on is too far. */
	assert_false(txn_survey_step(&s, h->t, 1));
	s.after = UINT64_MAX;
	assert_true(txn_survey_step(&s, h->t, 1));
	s.after = 4;
	assert_true(txn_survey_step(&s, h->t, 1));
	/* Nothing at all. */
	txn_survey_begin(&s);
	host_close(h);
	host_init(h);
	h->config.meter = f->meter;
	host_start(h);
	assert_true(txn_survey_step(&s, h->t, 1));
}

/* More pairs of definition and code than are told apart. */
static void test_many_kinds_of_parked(void **state)
{
	struct fixture *f = *state;
	struct txn_survey s;
	uint64_t sum = 0;

	txn_survey_begin(&s);
	for (uint32_t i = 0; i < TXN_METER_PARKED; i++) {
		s.parked[i].definition = 1;
		s.parked[i].code = 100000 + i;
		s.parked[i].count = 1;
	}
	host_submit(&f->host, "s", &f->plan);
	for (uint32_t i = 0; i < 200; i++)
		host_tick(&f->host, 1000);
	assert_int_equal(f->host.t->parked, 1);
	assert_true(txn_survey_step(&s, f->host.t, 10));
	txn_survey_end(&s, f->meter);
	assert_int_equal(counter_get(&f->meter->gauges.parked[TXN_METER_PARKED].count), 1);
	for (uint32_t i = 0; i <= TXN_METER_PARKED; i++)
		sum += counter_get(&f->meter->gauges.parked[i].count);
	assert_int_equal(sum, TXN_METER_PARKED + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_completed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rejected_and_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trouble, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_phases, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_replay_counts_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_survey_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_kinds_of_parked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
