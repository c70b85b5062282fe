/* Limits: full pools, payload, effects that do not fit. */
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "tests/unit/txn_host.h"
#include "wire/plan_cache.h"

#define FORWARD WIRE_OP_FORWARD
#define OK      WIRE_OUTCOME_OK

static const char *const one[] = {"a"};
static const char *const three[] = {"a", "b", "c"};

static void full_pools_refuse(void **state)
{
	struct host h;
	struct host_plan p;
	char id[16];

	(void)state;
	host_init(&h);
	h.limits.open_max = 4;
	h.limits.remembered_max = 4;
	h.limits.branches_max = 3;
	h.limits.waiters_max = 1;
	host_start(&h);
	host_plan(&p, one, 1);
	host_submit_wait(&h, "s0", &p);
	h.reply_to = 2;
	host_submit_wait(&h, "s1", &p); /* no waiter */
	expect_step(&h, ">answer 2 s1 none busy final\n");
	assert_in_range(h.answer.retry_after_ms, 500, 1000);
	host_query(&h, "s0", true);
	expect_step(&h, ">answer 2 s0 running busy final\n  a active 1/0\n");
	host_submit(&h, "s1", &p);
	host_submit(&h, "s2", &p);
	host_submit(&h, "s3", &p); /* no branch */
	expect_step(&h, ">answer 2 s3 none busy final\n");
	for (int i = 0; i < 8; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(&h, id, &p);
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
	}
	/* All entries are taken by what must be remembered. */
	host_submit(&h, "t", &p);
	expect_step(&h, ">answer 2 t none busy final\n");
	host_cancel(&h, "t");
	expect_step(&h, ">answer 2 t none busy final\n");
	h.now += 70000;
	host_cancel(&h, "t");
	expect_step(&h, "+tombstone t\n>answer 2 t cancelled final\n");
	host_submit(&h, "u", &p);
	assert_int_equal(h.answer.code, 0);
	host_close(&h);
}

static void payload_is_bounded(void **state)
{
	static uint8_t input[WIRE_INPUT_SIZE_MAX + 1];
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit s;
	struct txn_stats stats;
	char id[16];
	int accepted = 0;

	host_plan(&p, one, 1);
	s = host_submit_of(h, "s", &p);
	s.input = slice_of(input, sizeof input);
	assert_int_equal(host_submit_event(h, &s), 0);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_TOO_LARGE));
	for (int i = 0; i < 20; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		s = host_submit_of(h, id, &p);
		s.input = slice_of(input, 100000);
		assert_int_equal(host_submit_event(h, &s), 0);
		accepted += h->answer.code == 0;
	}
	assert_int_equal(accepted, 7); /* of 1 MiB, in blocks of 128 KiB, a part kept free */
	for (int i = 0; i < 7; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_reply(h, id, 0, "a", FORWARD, 1, OK);
	}
	txn_stats(h->t, &stats);
	assert_int_equal(stats.payload_used, 0);
}

/* Submits sagas with inputs of this size until one is refused; how many were taken. */
static uint32_t fill(struct host *h, const char *prefix, struct host_plan *p, uint32_t size)
{
	static uint8_t input[WIRE_INPUT_SIZE_MAX];
	struct wire_submit s;
	char id[16];

	for (uint32_t n = 0;; n++) {
		(void)snprintf(id, sizeof id, "%s%u", prefix, n);
		s = host_submit_of(h, id, p);
		s.input = slice_of(input, size);
		assert_int_equal(host_submit_event(h, &s), 0);
		if (h->answer.code != 0) {
			assert_int_equal(h->answer.code, err_to_wire(SAGA_E_BUSY));
			return n;
		}
	}
}

static void finish(struct host *h, const char *prefix, uint32_t from, uint32_t to)
{
	char id[16];

	for (uint32_t i = from; i < to; i++) {
		(void)snprintf(id, sizeof id, "%s%u", prefix, i);
		host_reply(h, id, 0, "a", FORWARD, 1, OK);
	}
}

/* What large sagas leave serves small ones, and the other way round. */
static void memory_moves_between_sizes(void **state)
{
	struct host h;
	struct host_plan p;
	uint32_t small, large;

	(void)state;
	host_init(&h);
	h.limits.open_max = h.limits.branches_max = h.limits.remembered_max = 4000;
	h.no_replay = h.no_verify = true;
	host_start(&h);
	host_plan(&p, one, 1);
	large = fill(&h, "large", &p, 100000);
	assert_int_equal(large, 7);
	finish(&h, "large", 0, large);
	small = fill(&h, "small", &p, 500);
	assert_in_range(small, 900, 1000);
	finish(&h, "small", 0, small);
	assert_int_equal(fill(&h, "again", &p, 100000), large);
	host_take_over(&h, h.record_count);
	finish(&h, "again", 0, large);
	assert_int_equal(fill(&h, "more", &p, 500), small);
	host_close(&h);
}

/* Bodies, outputs and texts of all sizes, at the brink of what fits: refusals and dropped outputs
 * leave no trace in the memory that a replay would not have too (txn_host.c looks at each block
 * after each step). */
static void memory_follows_the_records(void **state)
{
	static uint8_t bytes[WIRE_INPUT_SIZE_MAX];
	enum { STEPS = 300, IDS = 40 }; /* quadratic: each step is replayed */
	struct host h;
	struct host_plan p;
	struct prng random;
	char text[WIRE_TEXT_SIZE_MAX];
	uint32_t busy = 0, dropped = 0;

	(void)state;
	memset(text, 'x', sizeof text);
	prng_seed(&random, 1);
	host_init(&h);
	h.limits.remembered_max = 1000;
	h.limits.payload_max = 256 * 1024;
	host_start(&h);
	host_plan(&p, three, 3);
	for (uint32_t i = 0; i < STEPS; i++) {
		char id[16];
		struct wire_submit s;
		struct wire_reply r;

		(void)snprintf(id, sizeof id, "s%u",
			       i / IDS * 7 + (uint32_t)prng_below(&random, IDS));
		s = host_submit_of(&h, id, &p);
		s.plan.version = 1 + (uint32_t)prng_below(&random, 5);
		s.input = slice_of(bytes,
				   (uint32_t)prng_below(&random, 1U << prng_below(&random, 17)));
		assert_int_equal(host_submit_event(&h, &s), 0);
		busy += h.answer.code == err_to_wire(SAGA_E_BUSY);
		(void)snprintf(id, sizeof id, "s%u",
			       i / IDS * 7 + (uint32_t)prng_below(&random, IDS));
		for (uint32_t step = 0; step < 3; step++) {
			r = host_reply_of(id, step, three[step], FORWARD, 1,
					  prng_below(&random, 9) ? OK : WIRE_OUTCOME_RETRY);
			r.output = slice_of(
				bytes, r.outcome == OK ? (uint32_t)prng_below(&random, 40000) : 0);
			r.text = slice_of(text, (uint32_t)prng_below(&random, sizeof text));
			host_reply_as(&h, &r, p.services[step]);
			dropped += strstr(h.text, "ok 1 code=1011") != NULL;
		}
		host_tick(&h, 50);
	}
	assert_true(busy > 10 && dropped > 10);
	host_take_over(&h, h.record_count);
	host_close(&h);
}

/* A text is kept as far as its place reaches, and takes no other. */
static void texts_are_cut(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_reply r;
	struct txn_stats stats;
	uint64_t used;

	host_plan(&p, one, 1);
	host_submit(h, "s", &p);
	txn_stats(h->t, &stats);
	used = stats.payload_used;
	r = host_reply_of("s", 0, "a", FORWARD, 1, WIRE_OUTCOME_RETRY);
	/* A character of two bytes lies across the end. */
	r.text = slice_str("0123456789012345678901234567890123456789012345678901234567890_\xc3\xa4"
			   "\xc3\xa4");
	host_reply_as(h, &r, "a-svc");
	host_query(h, "s", false);
	assert_non_null(strstr(h->text, "890_\xc3\xa4'"));
	assert_null(strstr(h->text, "890_\xc3\xa4\xc3"));
	r.attempt = 2;
	r.text = slice_str("short");
	host_tick(h, 100);
	host_reply_as(h, &r, "a-svc");
	host_take_over(h, h->record_count);
	host_query(h, "s", false);
	assert_non_null(strstr(h->text, " 'short'"));
	txn_stats(h->t, &stats);
	assert_int_equal(stats.payload_used, used);
}

static void plans_are_shared(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct txn_stats stats;
	uint64_t used;

	host_plan(&p, one, 1);
	host_submit(h, "s0", &p);
	txn_stats(h->t, &stats);
	used = stats.payload_used;
	host_submit(h, "s1", &p);
	txn_stats(h->t, &stats);
	assert_int_equal(stats.payload_used - used, 512); /* its body alone */
	used = stats.payload_used;
	p.steps[0].retry.attempts++;
	host_submit(h, "s2", &p);
	txn_stats(h->t, &stats);
	assert_true(stats.payload_used - used > 512);
	host_reply(h, "s0", 0, "a", FORWARD, 1, OK);
	host_query(h, "s1", false);
	expect_step(h, ">answer 1 s1 running final\n  a active 1/0\n");
}

/* The submit as the cache of plans reads it when its plan is known. */
static void submit_known(struct host *h, const char *id, struct host_plan *p,
			 struct wire_plan_cache *cache, uint64_t *identity)
{
	static uint8_t memory[16384], bytes[4096];
	const struct wire_submit s = host_submit_of(h, id, p);
	struct wire_submit read;
	struct arena arena;
	struct buf out;

	buf_init_fixed(&out, bytes, sizeof bytes);
	assert_int_equal(wire_encode(WIRE_SUBMIT, &s, &out), 0);
	for (int i = 0; i < 3; i++) {
		arena_init(&arena, memory, sizeof memory);
		assert_int_equal(wire_decode_submit(buf_slice(&out), &arena, cache, &read, NULL),
				 0);
	}
	assert_non_null(read.plan.known);
	*identity = read.plan.known->identity;
	assert_int_equal(host_submit_event(h, &read), 0);
	assert_int_equal(h->answer.code, 0);
}

/* A plan that the cache knows makes the records, and takes the memory, of any other. */
static void known_plans_are_shared_too(void **state)
{
	struct host *h = *state;
	void *memory = calloc(1, wire_plan_cache_size() + 16);
	struct wire_plan_cache *cache =
		wire_plan_cache_init((void *)(((uintptr_t)memory + 15) & ~(uintptr_t)15));
	struct host_plan p;
	struct txn_stats stats;
	uint64_t used, identity, other;

	host_plan(&p, three, 3);
	host_submit(h, "s0", &p);
	txn_stats(h->t, &stats);
	used = stats.payload_used;
	submit_known(h, "s1", &p, cache, &identity);
	submit_known(h, "s2", &p, cache, &identity);
	host_submit(h, "s3", &p);
	txn_stats(h->t, &stats);
	assert_int_equal(stats.payload_used - used, 3 * 1024);
	assert_int_equal(h->t->by_plan.count, 1);

	p.steps[0].retry.attempts++;
	submit_known(h, "s4", &p, cache, &other);
	assert_true(other != identity);
	assert_int_equal(h->t->by_plan.count, 2);
	/* The same body, however it was read. */
	host_submit(h, "s4", &p);
	assert_int_equal(h->answer.code, 0);
	p.steps[0].retry.attempts--;
	submit_known(h, "s1", &p, cache, &identity);
	host_submit(h, "s4", &p);
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_CONFLICT));
	host_take_over(h, h->record_count);
	host_submit(h, "s5", &p);
	submit_known(h, "s6", &p, cache, &identity);
	assert_int_equal(h->t->by_plan.count, 2);
	free(memory);
}

/* Hashes may meet; only the identity, or every field, says that two plans are the same. */
static void known_plans_that_hash_alike(void **state)
{
	struct host *h = *state;
	struct wire_known_plan known[2];
	struct host_plan plans[2];
	const char *const ids[] = {"s0", "s1", "s2", "s3"};

	h->no_replay = true; /* where the real hashes would be seen */
	for (uint32_t i = 0; i < 4; i++) {
		struct wire_known_plan *k = &known[i % 2];

		host_plan(&plans[i % 2], three, 3);
		plans[i % 2].plan.version += i % 2;
		struct wire_submit s = host_submit_of(h, ids[i], &plans[i % 2]);
		*k = (struct wire_known_plan){
			.plan = s.plan, .resolved = s.plan, .identity = 1 + i % 2, .hash = 42};
		k->plan.known = k->resolved.known = k;
		s.plan = k->plan;
		assert_int_equal(host_submit_event(h, &s), 0);
		assert_int_equal(h->answer.code, 0);
		assert_int_equal(h->answer.definition_version, plans[i % 2].plan.version);
	}
	assert_int_equal(h->t->by_plan.count, 2);
}

/* Parks a new saga of one step. */
static void park(struct host *h, const char *id, struct host_plan *p)
{
	host_submit(h, id, p);
	assert_int_equal(h->answer.code, 0);
	host_reply(h, id, 0, "a", FORWARD, 1, WIRE_OUTCOME_PARK);
	host_reply(h, id, 0, "a", WIRE_OP_UNDO, 1, WIRE_OUTCOME_PARK);
}

/* Parked sagas have a quota: beyond it nothing new comes in, but all that is there goes on. */
static void parked_sagas_have_a_quota(void **state)
{
	(void)state;
	for (uint32_t quota = 0; quota <= 3; quota += 3) {
		struct host h;
		struct host_plan p;
		const uint32_t count = quota ? quota : 4; /* half of 7, up */
		char id[16];

		host_init(&h);
		h.limits.open_max = 7;
		h.limits.parked_max = quota;
		h.config.parked_retry_ms = 0;
		host_start(&h);
		host_plan(&p, one, 1);
		host_submit(&h, "running", &p);
		host_submit(&h, "late", &p);
		for (uint32_t i = 0; i < count; i++) {
			(void)snprintf(id, sizeof id, "s%u", i);
			park(&h, id, &p);
		}
		assert_int_equal(h.t->parked, count);
		host_submit(&h, "t", &p);
		expect_step(&h, ">answer 1 t none busy final "
				"'too many parked sagas: they need an operator'\n");
		assert_in_range(h.answer.retry_after_ms, 500, 1000);
		host_submit(&h, "s0", &p); /* a known one is as it is */
		assert_int_equal(h.answer.code, 0);
		/* What runs may end, and park, too. */
		host_reply(&h, "running", 0, "a", FORWARD, 1, OK);
		expect_step(&h, "+branch #1 0 forward ok 1\n"
				"+finished #1 completed\n"
				">recorded 1\n");
		host_reply(&h, "late", 0, "a", FORWARD, 1, WIRE_OUTCOME_PARK);
		host_reply(&h, "late", 0, "a", WIRE_OP_UNDO, 1, WIRE_OUTCOME_PARK);
		assert_int_equal(h.t->parked, count + 1);
		host_take_over(&h, h.record_count);
		host_reply(&h, "s0", 0, "a", WIRE_OP_UNDO, 2, OK);
		host_submit(&h, "t", &p);
		assert_int_equal(h.answer.code, err_to_wire(SAGA_E_BUSY));
		host_reply(&h, "s1", 0, "a", WIRE_OP_UNDO, 2, OK);
		host_submit(&h, "t", &p);
		assert_int_equal(h.answer.code, 0);
		host_close(&h);
	}
}

/* Cancels of `count` made-up ids; how many left a tombstone. */
static uint32_t cancel_many(struct host *h, const char *prefix, uint32_t count)
{
	uint32_t taken = 0;
	char id[16];

	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(id, sizeof id, "%s%u", prefix, i);
		host_cancel(h, id);
		if (h->answer.code == 0)
			taken++;
		else
			assert_int_equal(h->answer.code, err_to_wire(SAGA_E_BUSY));
	}
	return taken;
}

/* Half of the memory is theirs, the other half stays for sagas. */
static void tombstones_have_a_share(void **state)
{
	struct host h;
	struct host_plan p;
	char id[16];

	(void)state;
	host_init(&h);
	h.limits.open_max = 4;
	h.limits.remembered_max = 20;
	host_start(&h);
	host_plan(&p, one, 1);
	for (uint32_t i = 0; i < 5; i++) {
		(void)snprintf(id, sizeof id, "s%u", i);
		host_submit(&h, id, &p);
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
	}
	h.now += 30000;
	assert_int_equal(cancel_many(&h, "x", 40), 10);
	for (uint32_t i = 0; i < 5; i++) {
		(void)snprintf(id, sizeof id, "t%u", i);
		host_submit(&h, id, &p);
		assert_int_equal(h.answer.code, 0);
		host_reply(&h, id, 0, "a", FORWARD, 1, OK);
	}
	/* Places of finished sagas that are due to be forgotten are not the tombstones' either. */
	h.now += 40000;
	assert_int_equal(cancel_many(&h, "y", 40), 0);
	host_take_over(&h, h.record_count);
	assert_int_equal(cancel_many(&h, "y", 40), 0);
	host_submit(&h, "u", &p);
	assert_int_equal(h.answer.code, 0);
	/* Their own ones are. */
	h.now += 30000;
	assert_int_equal(cancel_many(&h, "z", 40), 10);
	assert_int_equal(h.t->tombstones.count, 10);
	/* Tombstones go when they are due, though a finished saga is to stay. */
	h.now += 1000;
	host_reply(&h, "u", 0, "a", FORWARD, 1, OK);
	host_submit(&h, "v", &p);
	host_reply(&h, "v", 0, "a", FORWARD, 1, OK);
	h.now += 69000;
	assert_int_equal(cancel_many(&h, "y", 40), 10);
	assert_int_equal(h.t->tombstones.count, 10);
	assert_non_null(txn_entry_find(h.t, slice_str("v")));
	host_close(&h);
}

static uint64_t hash_of_plan(struct host *h, struct host_plan *p)
{
	static uint32_t made;
	const struct txn_entry *e;
	char id[16];

	(void)snprintf(id, sizeof id, "p%u", made++);
	host_submit(h, id, p);
	e = txn_entry_find(h->t, slice_str(id));
	assert_non_null(e);
	return e->body->plan->hash;
}

/* Plans that differ in one number only: each has a hash of its own, so that they do not make one
 * long chain in the index, and each is kept apart. */
static void plans_differ_in_any_field(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	uint64_t hashes[32];
	uint32_t count = 0;

	host_plan(&p, three, 3);
	hashes[count++] = hash_of_plan(h, &p);
	assert_true(hash_of_plan(h, &p) == hashes[0]);
#define WITH(field)                                                                                \
	do {                                                                                       \
		(field)++;                                                                         \
		hashes[count++] = hash_of_plan(h, &p);                                             \
		(field)--;                                                                         \
	} while (0)
	WITH(p.plan.version);
	WITH(p.plan.deadline_ms);
	for (uint32_t i = 0; i < 3; i += 2) {
		WITH(p.steps[i].attempt_timeout_ms);
		p.steps[i].budget_ms = 10000;
		hashes[count++] = hash_of_plan(h, &p);
		WITH(p.steps[i].budget_ms);
		p.steps[i].budget_ms = 0;
		for (int j = 0; j < 2; j++) {
			struct wire_retry *retry = j ? &p.steps[i].undo_retry : &p.steps[i].retry;

			WITH(retry->initial_ms);
			WITH(retry->factor_percent);
			WITH(retry->cap_ms);
			WITH(retry->jitter_percent);
			WITH(retry->attempts);
		}
	}
#undef WITH
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < i; j++)
			assert_true(hashes[i] != hashes[j]);
	assert_int_equal(h->t->by_plan.count, count);
}

/* Records that would not fit: nothing happens at all, and later it does. */
static void effects_that_do_not_fit(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit s;
	uint8_t *filler;

	host_plan(&p, one, 1);
	s = host_submit_of(h, "s", &p);
	filler = buf_grow(&h->step_records, h->step_records.max - 4000);
	assert_non_null(filler);
	{
		struct txn_effects effects = {.records = &h->step_records, .emit = host_no_message};
		const struct txn_event event = {
			.kind = TXN_EVENT_SUBMIT, .now_ms = h->now, .reply_to = 1, .u.submit = &s};
		const struct txn_event tick = {.kind = TXN_EVENT_TICK, .now_ms = h->now};

		assert_int_equal(txn_step(h->t, &event, &effects), SAGA_E_EFFECTS_FULL);
		assert_int_equal(txn_step(h->t, &tick, &effects), SAGA_E_EFFECTS_FULL);
		assert_int_equal(effects.record_count, 0);
		assert_int_equal(h->step_records.size, h->step_records.max - 4000);
		assert_int_equal(buf_error(&h->step_records), 0);
	}
	buf_clear(&h->step_records);
	assert_false(txn_find(h->t, slice_str("s")).known);
	host_submit(h, "s", &p);
	assert_int_equal(h->answer.code, 0);
}

static void tick_takes_as_many_as_fit(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	char id[16];
	uint32_t seen = 0;
	int rounds = 0;

	host_plan(&p, one, 1);
	for (int i = 0; i < 64; i++) {
		(void)snprintf(id, sizeof id, "s%d", i);
		host_submit(h, id, &p);
	}
	buf_close(&h->step_records);
	buf_init(&h->step_records, TXN_RECORDS_PER_TIMER + 200);
	h->now += 1000;
	while (txn_next_deadline(h->t) <= h->now) {
		const uint32_t before = h->record_count;

		host_tick(h, 0);
		assert_true(h->record_count > before);
		seen += h->record_count - before;
		rounds++;
	}
	assert_int_equal(seen, 64);
	assert_true(rounds > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(full_pools_refuse),
		T(payload_is_bounded),
		T(plans_are_shared),
		T(known_plans_are_shared_too),
		T(known_plans_that_hash_alike),
		T(plans_differ_in_any_field),
		T(memory_moves_between_sizes),
		T(memory_follows_the_records),
		T(texts_are_cut),
		T(parked_sagas_have_a_quota),
		T(tombstones_have_a_share),
		T(effects_that_do_not_fit),
		T(tick_takes_as_many_as_fit),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
