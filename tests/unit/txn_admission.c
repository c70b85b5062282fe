/* S19: what admission reserves, what it tells those whom it sends away, and what memory that is. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/txn_host.h"

#define FORWARD WIRE_OP_FORWARD
#define OK      WIRE_OUTCOME_OK

static const char *const one[] = {"a"};

static int step(struct host *h, const struct wire_submit *s, uint32_t busy_retry_ms)
{
	return host_step(h, (struct txn_event){.kind = TXN_EVENT_SUBMIT,
					       .u.submit = s,
					       .busy_retry_ms = busy_retry_ms});
}

/* The host knows the load: its hint is what those who are sent away get, with as much jitter. */
static void hint_is_the_hosts(void **state)
{
	static const uint32_t hints[] = {50, 4000, 3600000};
	struct host h;
	struct host_plan p;
	struct wire_submit s;
	uint32_t least = UINT32_MAX, most = 0;

	(void)state;
	host_init(&h);
	h.limits.open_max = 1;
	h.no_replay = true;
	host_start(&h);
	host_plan(&p, one, 1);
	host_submit(&h, "first", &p);
	s = host_submit_of(&h, "second", &p);
	for (uint32_t i = 0; i < 3; i++) {
		const uint32_t hint = hints[i] < 60000 ? hints[i] : 60000;

		assert_int_equal(step(&h, &s, hints[i]), 0);
		assert_int_equal(h.answer.code, err_to_wire(SAGA_E_BUSY));
		assert_in_range(h.answer.retry_after_ms, hint, 2 * hint);
	}
	for (uint32_t i = 0; i < 200; i++) {
		h.entropy = i * 7919;
		assert_int_equal(step(&h, &s, 1000), 0);
		least = h.answer.retry_after_ms < least ? h.answer.retry_after_ms : least;
		most = h.answer.retry_after_ms > most ? h.answer.retry_after_ms : most;
	}
	assert_true(most - least > 500); /* they do not come back together */
	host_close(&h);
}

/* Ticks until so many commands have left; returns how long that took, and how many left at most in
 * one moment. */
static uint64_t tick_commands(struct host *h, uint32_t count, uint32_t *in_one_moment)
{
	const uint64_t first = txn_next_deadline(h->t);
	uint32_t sum = 0;

	*in_one_moment = 0;
	assert_true(first > h->now && first != UINT64_MAX);
	while (sum < count) {
		if (txn_next_deadline(h->t) > h->now)
			h->now = txn_next_deadline(h->t);
		host_tick(h, 0);
		sum += h->command_count;
		if (h->command_count > *in_one_moment)
			*in_one_moment = h->command_count;
	}
	return h->now - first;
}

/* What one outage parked comes back one after the other, not in one moment; also at an owner that
 * finds it all parked. */
static void parked_retries_are_paced(void **state)
{
	enum { SAGAS = 40, PER_SECOND = 100, GAP_MS = 100 };

	(void)state;
	for (uint32_t taken_over = 0; taken_over < 2; taken_over++) {
		struct host h;
		struct host_plan p;
		char id[16];
		uint32_t in_one_moment;

		host_init(&h);
		h.config.resend_per_second = PER_SECOND; /* a tenth of it is for what is parked */
		h.config.parked_retry_ms = taken_over ? 0 : 5000;
		h.limits.parked_max = SAGAS;
		h.no_replay = true;
		host_start(&h);
		host_plan(&p, one, 1);
		for (uint32_t i = 0; i < SAGAS; i++) {
			(void)snprintf(id, sizeof id, "s%u", i);
			host_submit(&h, id, &p);
			host_reply(&h, id, 0, "a", FORWARD, 1, WIRE_OUTCOME_PARK);
			host_reply(&h, id, 0, "a", WIRE_OP_UNDO, 1, WIRE_OUTCOME_PARK);
		}
		assert_int_equal(h.t->parked, SAGAS);
		/* The journal tells the times that they will have. */
		assert_int_equal(txn_entry_find(h.t, slice_str(id))->body->branches[0].next_at,
				 taken_over ? 0 : h.now + 5000 + (SAGAS - 1) * GAP_MS);
		if (taken_over) {
			h.config.parked_retry_ms = 4000;
			host_take_over(&h, h.record_count);
		}
		assert_in_range(tick_commands(&h, SAGAS, &in_one_moment), (SAGAS - 1) * GAP_MS,
				SAGAS * GAP_MS);
		assert_int_equal(in_one_moment, 1);
		host_close(&h);
	}
}

struct counts {
	uint32_t running, parked; /* commands of sagas r..., s... */
};

static void count_command(void *context, const struct txn_message *message)
{
	struct counts *counts = context;

	if (message->kind != TXN_MESSAGE_COMMAND)
		return;
	counts->running += message->u.command.saga.data[0] == 'r';
	counts->parked += message->u.command.saga.data[0] == 's';
}

static void park_many(struct host *h, struct host_plan *p, uint32_t first, uint32_t count)
{
	char id[16];

	for (uint32_t i = first; i < first + count; i++) {
		(void)snprintf(id, sizeof id, "s%u", i);
		host_submit(h, id, p);
		host_reply(h, id, 0, "a", FORWARD, 1, WIRE_OUTCOME_PARK);
		host_reply(h, id, 0, "a", WIRE_OP_UNDO, 1, WIRE_OUTCOME_PARK);
	}
}

/* Those whose time came while nobody owned the shard too; and they neither hold up what was under
 * way, nor come beside those whose time comes then. */
static void overdue_parked_retries_are_paced(void **state)
{
	enum { DUE = 20, LATER = 20, RUNNING = 5, PER_SECOND = 100, GAP_MS = 100 };
	struct host h;
	struct host_plan p;
	struct counts counts = {0};
	uint64_t start, last_ms = 0;

	(void)state;
	host_init(&h);
	h.config.resend_per_second = PER_SECOND;
	h.config.parked_retry_ms = 5000;
	h.limits.parked_max = DUE + LATER + 1;
	h.no_replay = true;
	host_start(&h);
	host_plan(&p, one, 1);
	park_many(&h, &p, 0, DUE);
	h.now += 8000; /* nobody ticks: these are overdue */
	park_many(&h, &p, DUE, LATER);
	for (uint32_t i = 0; i < RUNNING; i++)
		host_submit(&h, (const char *const[]){"r0", "r1", "r2", "r3", "r4"}[i], &p);
	h.now += 4000; /* the later ones become due while the overdue ones leave */
	host_take_over(&h, h.record_count);
	h.message = count_command;
	h.context = &counts;
	start = h.now;
	while (counts.parked < DUE + LATER) {
		const uint32_t before = counts.parked;

		if (txn_next_deadline(h.t) > h.now)
			h.now = txn_next_deadline(h.t);
		host_tick(&h, 0);
		assert_in_range(counts.parked - before, 0, 1);
		if (counts.parked == before)
			continue;
		assert_true(before == 0 || h.now - last_ms >= GAP_MS);
		last_ms = h.now;
		if (h.now > start + RUNNING * 1000 / PER_SECOND)
			assert_true(counts.running >= RUNNING);
	}
	assert_in_range(h.now - start, (DUE + LATER - 1) * GAP_MS, (DUE + LATER) * GAP_MS);
	host_close(&h);
}

/* A saga is carried whole into a new segment of the journal: what it was answered must not make it
 * larger than a message. One output more than fits is dropped with a marker, and the saga goes on
 * (row 40). */
static void outputs_beyond_it_are_dropped(void **state)
{
	enum { STEPS = 8 };
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	static uint8_t output[WIRE_OUTPUT_SIZE_MAX];
	struct host h;
	struct host_plan p;
	const struct txn_body *body;

	(void)state;
	host_init(&h);
	h.limits.payload_max = 16 * 1024 * 1024;
	host_start(&h);
	host_plan(&p, names, STEPS);
	for (uint32_t i = 0; i < STEPS; i++)
		p.steps[i].after = (struct slice){0}; /* side by side */
	host_submit(&h, "s", &p);
	body = txn_entry_find(h.t, slice_str("s"))->body;
	for (uint32_t i = 0; i + 1 < STEPS; i++) {
		struct wire_reply r = host_reply_of("s", i, names[i], FORWARD, 1, OK);

		r.output = slice_of(output, sizeof output);
		host_reply_as(&h, &r, p.services[i]);
	}
	/* Seven of 64 KiB leave less than one more. */
	assert_true(txn_output_fits(h.t, body, 32 * 1024));
	assert_false(txn_output_fits(h.t, body, WIRE_OUTPUT_SIZE_MAX));
	assert_true(txn_output_fits(h.t, body, TXN_OUTPUT_SHARE));
	host_close(&h);
}

/* ---- memory ------------------------------------------------------------------------------------
 */

/* docs/configuration.md says this formula; whoever changes a structure changes it there too. */
static uint64_t documented_ceiling(const struct txn_limits *l)
{
	const uint64_t ids = (uint64_t)l->open_max + l->remembered_max;

	return 400 * ids + 150 * (uint64_t)l->open_max + 10 * (uint64_t)l->branches_max +
	       100 * (uint64_t)l->waiters_max + l->payload_max + l->payload_max / 200 + 10000000;
}

static void ceiling_is_the_documented_one(void **state)
{
	static const struct txn_limits cases[] = {
		{100000, 1000000, 400000, 100000, 1073741824, 0}, /* the defaults */
		{4096, 65536, 16384, 4096, 16777216, 0},
		{1, 1, 1, 1, 1048576, 0},
		{1000000, 1000000, 4000000, 100000, 4294967296, 0},
		{4000000, 16000000, 16000000, 4000000, 68719476736, 0},
		{131073, 131073, 524289, 131073, 1048576, 0}, /* just past powers of two */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const uint64_t ceiling = txn_memory_ceiling(&cases[i]);
		const uint64_t says = documented_ceiling(&cases[i]);

		assert_in_range(ceiling, 0, says);
		/* Not so far off that it would be of no use. */
		assert_true(ceiling >= says / 2 || says < 20000000);
		assert_in_range(txn_memory_size(&cases[i]), ceiling, 2 * ceiling + 4194304);
	}
}

static uint64_t touched(void *memory, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t pages = (size + page - 1) / page;
	unsigned char *vector = malloc(pages);
	uint64_t count = 0;

	assert_non_null(vector);
	assert_int_equal(mincore(memory, size, vector), 0);
	for (size_t i = 0; i < pages; i++)
		count += vector[i] & 1;
	free(vector);
	return count * page;
}

/* An engine that is full of sagas, ids and inputs is below its ceiling, of which it then uses most:
 * limits are what keeps a node's memory. */
static void a_full_engine_is_below_its_ceiling(void **state)
{
	static uint8_t input[3500];
	struct host h;
	struct host_plan p;
	struct wire_submit s;
	char id[ID_SIZE_MAX + 1];
	uint32_t open = 0;
	uint64_t used;

	(void)state;
	host_init(&h);
	h.limits = (struct txn_limits){.open_max = 4000,
				       .remembered_max = 4000,
				       .branches_max = 4000,
				       .waiters_max = 4000,
				       .payload_max = 16 * 1024 * 1024};
	h.no_replay = h.no_verify = true;
	host_start(&h);
	host_plan(&p, one, 1);
	for (uint32_t i = 0; i < 12000; i++) {
		(void)snprintf(id, sizeof id, "%064u", i);
		s = host_submit_of(&h, id, &p);
		s.input = slice_of(input, sizeof input);
		s.wait = true;
		h.reply_to = i + 1;
		assert_int_equal(step(&h, &s, 0), 0);
		if (h.answer.code == 0 && i < 4000)
			host_reply(&h, id, 0, "a", FORWARD, 1, OK); /* remembered */
		else
			open += h.answer.code == 0;
	}
	assert_in_range(open, 3000, 4000);
	used = touched(h.memory, h.memory_size);
	assert_in_range(used, txn_memory_ceiling(&h.limits) / 2, txn_memory_ceiling(&h.limits));
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hint_is_the_hosts),
		cmocka_unit_test(parked_retries_are_paced),
		cmocka_unit_test(overdue_parked_retries_are_paced),
		cmocka_unit_test(outputs_beyond_it_are_dropped),
		cmocka_unit_test(ceiling_is_the_documented_one),
		cmocka_unit_test(a_full_engine_is_below_its_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
