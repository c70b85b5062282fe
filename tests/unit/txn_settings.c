/* Replay by an owner whose limits and settings are not those of the owner before. */
#include <stdio.h>
#include <sys/mman.h>

#include "tests/unit/txn_host.h"

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO
#define OK      WIRE_OUTCOME_OK

static const char *const three[] = {"a", "b", "c"};

/* Under the host's limits and settings of now: the engine goes on as the host's. */
static void take_over_under_other_settings(struct host *h)
{
	struct hash128 before = txn_state_hash(h->t);
	struct hash128 after;

	assert_int_equal(munmap(h->replay_memory, h->memory_size), 0);
	assert_int_equal(munmap(h->memory, h->memory_size), 0);
	h->memory_size = txn_memory_size(&h->limits);
	h->memory = mmap(NULL, h->memory_size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	h->replay_memory = mmap(NULL, h->memory_size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(h->memory != MAP_FAILED && h->replay_memory != MAP_FAILED);
	host_take_over(h, h->record_count);
	after = txn_state_hash(h->t);
	assert_true(hash128_equal(&before, &after));
}

/* Half the limits: all of the journal is taken, nothing new until there is less. */
static void smaller_limits_take_the_journal(void **state)
{
	struct host h;
	struct host_plan p;
	char id[16];

	(void)state;
	host_init(&h);
	h.limits = (struct txn_limits){.open_max = 8,
				       .remembered_max = 8,
				       .branches_max = 16,
				       .waiters_max = 8,
				       .payload_max = 64 * 1024};
	host_start(&h);
	host_plan(&p, three, 2);
	for (int i = 0; i < 16; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
		assert_int_equal(h.answer.code, 0);
		if (i >= 8)
			continue;
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
		host_reply(&h, id, 1, "b", FORWARD, 1, OK);
	}
	h.limits = (struct txn_limits){.open_max = 4,
				       .remembered_max = 4,
				       .branches_max = 8,
				       .waiters_max = 8,
				       .payload_max = 8 * 1024};
	take_over_under_other_settings(&h);
	host_submit(&h, "t", &p);
	expect_step(&h, ">answer 1 t none busy final\n");
	host_cancel(&h, "u");
	expect_step(&h, ">answer 1 u none busy final\n");
	host_tick(&h, 0);
	for (int i = 8; i < 16; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
		host_reply(&h, id, 1, "b", FORWARD, 1, i % 2 ? OK : WIRE_OUTCOME_REJECTED);
		if (i % 2 == 0)
			host_reply(&h, id, 0, "a", UNDO, 1, OK);
	}
	assert_int_equal(h.t->open, 0);
	/* Still more remembered than we would take in. */
	host_submit(&h, "t", &p);
	expect_step(&h, ">answer 1 t none busy final\n");
	h.now += 80000;
	for (int i = 0; i < 4; i++) {
		(void)snprintf(id, sizeof id, "t%d", i);
		host_submit(&h, id, &p);
		assert_int_equal(h.answer.code, 0);
	}
	host_submit(&h, "t4", &p);
	expect_step(&h, ">answer 1 t4 none busy final\n");
	host_close(&h);
}

/* The margin of the owner at the time goes, whatever that of the next ones is. */
static void another_margin_forgets_no_sooner_or_later(void **state)
{
	static const uint32_t margins[] = {1000, 10000, 600000};
	struct host h;
	struct host_plan p;
	char id[16];

	(void)state;
	host_init(&h); /* 10 s */
	host_start(&h);
	host_plan(&p, three, 1);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
		(void)snprintf(id, sizeof id, "x%d", i);
		host_cancel(&h, id);
		h.now += 5000;
		h.config.remember_margin_ms = margins[i % 3];
		take_over_under_other_settings(&h); /* compares the states */
	}
	host_close(&h);

	host_init(&h);
	host_start(&h);
	host_submit(&h, "s", &p);
	host_reply(&h, "s", 0, "a", FORWARD, 1, OK);
	host_cancel(&h, "x");
	h.now += 69999;
	h.config.remember_margin_ms = 1000;
	take_over_under_other_settings(&h);
	host_submit(&h, "s", &p);
	expect_step(&h, "+noop\n>answer 1 s completed final\n");
	host_submit(&h, "x", &p);
	expect_step(&h, "+noop\n>answer 1 x cancelled cancelled final\n");
	h.now += 1;
	h.config.remember_margin_ms = 600000;
	take_over_under_other_settings(&h);
	host_submit(&h, "s", &p);
	assert_non_null(strstr(h.text, "+accepted s"));
	host_submit(&h, "x", &p);
	assert_non_null(strstr(h.text, "+accepted x"));
	host_close(&h);
}

/* Each limit by itself, when the journal holds more than it allows. */
static void each_smaller_limit_refuses(void **state)
{
	struct host h;
	struct host_plan p;
	struct txn_limits full;
	char id[16];

	(void)state;
	host_init(&h);
	host_start(&h);
	full = h.limits;
	host_plan(&p, three, 2);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
	}
	for (int i = 0; i < 10; i++) {
		(void)snprintf(id, sizeof id, "x%d", i);
		host_cancel(&h, id);
	}
	for (int i = 0; i < 4; i++) {
		h.limits = full;
		h.limits.open_max = i == 0 ? 30 : full.open_max;
		h.limits.branches_max = i == 1 ? 60 : full.branches_max;
		h.limits.payload_max = i == 2 ? 20000 : full.payload_max;
		if (i == 3) {
			h.limits.open_max = 41;
			h.limits.remembered_max = 8;
		}
		take_over_under_other_settings(&h);
		host_submit(&h, "t", &p);
		expect_step(&h, ">answer 1 t none busy final\n");
	}
	h.limits = full;
	take_over_under_other_settings(&h);
	host_submit(&h, "t", &p);
	assert_int_equal(h.answer.code, 0);
	host_close(&h);
}

static int replay_under(const struct host *h, const struct txn_limits *limits)
{
	const size_t size = txn_memory_size(limits);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct txn_shard *t;
	int err = 0;

	assert_true(memory != MAP_FAILED);
	t = txn_create(memory, size, limits, &h->config);
	for (uint32_t i = 0; i < h->record_count && err == 0; i++)
		err = txn_apply(
			t, slice_of(h->journal.data + h->records[i].offset, h->records[i].size),
			i + 1, h->now);
	assert_int_equal(munmap(memory, size), 0);
	return err;
}

/* A journal of a far larger configuration than ours: told as what it is, neither as damage nor by a
 * crash, whichever pool it is that runs out. */
static void too_small_for_the_journal(void **state)
{
	static uint8_t input[WIRE_INPUT_SIZE_MAX];
	struct host h;
	struct host_plan p;
	struct txn_limits small;
	char id[16];

	(void)state;
	host_init(&h);
	h.limits.payload_max = 16 * 1024 * 1024;
	h.no_replay = true;
	host_start(&h);
	host_plan(&p, three, 2);
	for (int i = 0; i < 24; i++) {
		struct wire_submit s;

		(void)snprintf(id, sizeof id, "s%d", i);
		s = host_submit_of(&h, id, &p);
		s.input = slice_of(input, sizeof input);
		assert_int_equal(host_submit_event(&h, &s), 0);
		assert_int_equal(h.answer.code, 0);
	}
	host_cancel(&h, "x");
	small = h.limits;
	assert_int_equal(replay_under(&h, &small), 0);
	small.open_max = 12;
	assert_int_equal(replay_under(&h, &small), 0);
	small.open_max = 11;
	assert_int_equal(replay_under(&h, &small), SAGA_E_NO_MEMORY);
	small = h.limits;
	small.branches_max = 23;
	assert_int_equal(replay_under(&h, &small), SAGA_E_NO_MEMORY);
	small = h.limits;
	small.open_max = 12;
	small.remembered_max = 0; /* no entry for the tombstone */
	assert_int_equal(replay_under(&h, &small), SAGA_E_NO_MEMORY);
	small = h.limits;
	small.payload_max = 4 * 1024 * 1024; /* 24 bodies of 512 KiB in 8 MiB */
	assert_int_equal(replay_under(&h, &small), SAGA_E_NO_MEMORY);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(smaller_limits_take_the_journal),
		T(another_margin_forgets_no_sooner_or_later),
		T(each_smaller_limit_refuses),
		T(too_small_for_the_journal),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
