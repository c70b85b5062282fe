/* The edges of what is asked for: no id, too much of something, nobody who wants to know; and the
 * pools of the fold when they are used up. */
#include "tests/unit/txn_states.h"
#include "wire/record.h"

#include <stdio.h>

#define FORWARD WIRE_OP_FORWARD
#define OK      WIRE_OUTCOME_OK

static const char *const names[] = {"a", "b", "c"};

/* ---- requests about no id ---- */

static void expect_refusal(struct host *h, struct txn_event event, int code)
{
	const uint32_t records = h->record_count;

	h->answer = (struct wire_answer){0};
	assert_int_equal(host_step(h, event), 0);
	assert_int_equal(h->answer.code, err_to_wire(code));
	assert_int_equal(h->record_count, records);
}

static void ids_must_be_names(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	const struct slice bad = slice_str("no name!");
	const struct wire_cancel cancel = {.id = bad};
	const struct wire_query query = {.id = bad};
	const struct wire_enlist enlist = {.id = bad, .step = host_branch(WIRE_PROTOCOL_2PC, "a")};
	const struct wire_commit commit = {.id = bad};
	const struct wire_inquire inquire = {.id = bad};
	struct wire_submit submit;
	struct wire_reply reply = host_reply_of("s", 0, "a", FORWARD, 1, OK);
	struct txn_stats stats;

	host_plan(&p, names, 1);
	submit = host_submit_of(h, "s", &p);
	submit.id = bad;
	const struct txn_event events[] = {
		{.kind = TXN_EVENT_SUBMIT, .u.submit = &submit},
		{.kind = TXN_EVENT_CANCEL, .u.cancel = &cancel},
		{.kind = TXN_EVENT_QUERY, .u.query = &query},
		{.kind = TXN_EVENT_ENLIST, .u.enlist = &enlist},
		{.kind = TXN_EVENT_COMMIT, .u.commit = &commit},
		{.kind = TXN_EVENT_INQUIRE, .u.inquire = {&inquire, slice_str("a-svc")}},
	};

	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
		expect_refusal(h, events[i], SAGA_E_NAME);
		assert_int_equal(h->answer.id.size, 0); /* nothing of it is echoed */
	}
	/* A reply about no id gets no disposition: it is about nothing that anybody asked for. */
	host_submit(h, "s", &p);
	reply.saga = bad;
	host_reply_as(h, &reply, "a-svc");
	expect_step(h, "");
	txn_stats(h->t, &stats);
	assert_int_equal(stats.ignored_total, 1);
	assert_int_equal(stats.refused_total, sizeof events / sizeof events[0]);
}

/* ---- too much ---- */

static void what_is_too_much_is_refused(void **state)
{
	static struct wire_step many[WIRE_STEPS_MAX + 1];
	static uint8_t large[WIRE_INPUT_SIZE_MAX + 1];
	struct wire_label labels[WIRE_LABELS_MAX + 1];
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit submit;
	const struct txn_event event = {.kind = TXN_EVENT_SUBMIT, .u.submit = &submit};

	host_plan(&p, names, 1);
	for (uint32_t i = 0; i <= WIRE_STEPS_MAX; i++)
		many[i] = p.steps[0];
	for (uint32_t i = 0; i <= WIRE_LABELS_MAX; i++)
		labels[i] = (struct wire_label){slice_str("key"), slice_str("value")};
	submit = host_submit_of(h, "s", &p);
	submit.plan.steps = many;
	submit.plan.step_count = WIRE_STEPS_MAX + 1;
	expect_refusal(h, event, SAGA_E_PLAN);
	submit = host_submit_of(h, "s", &p);
	submit.labels = labels;
	submit.label_count = WIRE_LABELS_MAX + 1;
	expect_refusal(h, event, SAGA_E_TOO_LARGE);
	submit.label_count = WIRE_LABELS_MAX;
	submit.input = slice_of(large, sizeof large);
	expect_refusal(h, event, SAGA_E_TOO_LARGE);
	submit.input.size--;
	submit.traceparent = slice_str("no\ntext"); /* cannot be written into the record */
	assert_int_equal(host_step(h, event), 0);
	assert_int_not_equal(h->answer.code, 0);
	assert_int_equal(h->record_count, 0);
	submit.traceparent = slice_str("00-1-2-00");
	assert_int_equal(host_step(h, event), 0);
	assert_int_equal(h->answer.code, 0);
}

/* Commit and enlist are refused as a whole: the set stays open, and can be committed otherwise. */
static void an_open_set_survives_what_is_refused(void **state)
{
	static uint8_t large[WIRE_INPUT_SIZE_MAX + 1];
	struct host *h = *state;
	const struct wire_step step = host_branch(WIRE_PROTOCOL_2PC, "a");
	const struct wire_step other = host_branch(WIRE_PROTOCOL_2PC, "b");
	const struct wire_enlist enlist = {.id = slice_str("s"), .step = other};
	struct wire_commit commit = {
		.id = slice_str("s"), .branch_count = 1, .input = slice_of(large, sizeof large)};
	const struct txn_event event = {.kind = TXN_EVENT_COMMIT, .u.commit = &commit};
	struct host_plan p;
	struct wire_submit filler;
	uint32_t filled = 0;

	state_enlisted(h);
	wire_branch_set_add(&commit.branch_hash, &step);
	expect_refusal(h, event, SAGA_E_TOO_LARGE);
	/* Other sagas take all the room, so that even a branch more does not fit. */
	host_plan(&p, names, 1);
	for (uint32_t size = sizeof large - 1; size > 0; size /= 2) {
		for (h->answer.code = 0; h->answer.code == 0;) {
			char id[16];

			(void)snprintf(id, sizeof id, "f%u", filled++);
			filler = host_submit_of(h, id, &p);
			filler.input = slice_of(large, size);
			assert_int_equal(host_submit_event(h, &filler), 0);
		}
	}
	assert_true(h->t->open < h->limits.open_max);
	commit.input.size--;
	expect_refusal(h, event, SAGA_E_BUSY);
	assert_true(h->answer.retry_after_ms > 0);
	expect_refusal(h, (struct txn_event){.kind = TXN_EVENT_ENLIST, .u.enlist = &enlist},
		       SAGA_E_BUSY);
	assert_int_equal(state_entry(h, "s")->state, WIRE_STATE_OPEN);
	commit.input = (struct slice){0};
	assert_int_equal(host_step(h, event), 0);
	assert_int_equal(h->answer.code, 0);
	assert_int_equal(state_entry(h, "s")->state, WIRE_STATE_RUNNING);
}

/* A submit may bring a shorter deadline than its plan has. */
static void a_submits_own_deadline_counts(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit submit;

	host_plan(&p, names, 1);
	p.steps[0].attempt_timeout_ms = 30000;
	submit = host_submit_of(h, "s", &p);
	submit.deadline_ms = 5000;
	assert_int_equal(host_submit_event(h, &submit), 0);
	host_tick(h, 4999);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, "+decision #1 deadline\n>a-svc s a undo 1 left=30000\n");
}

/* ---- nobody wants to know ---- */

static void without_a_reply_subject_nobody_is_told(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	const struct wire_step step = host_branch(WIRE_PROTOCOL_2PC, "a");

	h->reply_to = 0;
	host_plan(&p, names, 1);
	host_submit_wait(h, "t", &p);
	expect_step(h, "+accepted t #1\n>a-svc t a forward 1 left=1000\n");
	host_submit_wait(h, "t", &p);
	expect_step(h, "");
	host_query(h, "t", true);
	expect_step(h, "");
	host_list(h, 0, 0, 10);
	expect_step(h, "");
	host_reply(h, "t", 0, "a", FORWARD, 1, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n+finished #1 completed\n");
	host_cancel(h, "x");
	expect_step(h, "+tombstone x\n");
	host_begin(h, "s", WIRE_PROTOCOL_2PC);
	expect_step(h, "+accepted s #3\n");
	host_enlist(h, "s", &step);
	expect_step(h, "+enlisted #3 a\n");
	host_commit(h, "s", &step, 1, true);
	expect_step(h, "+closed\n>a-svc s a forward 1 left=1000\n");
	host_inquire(h, "s");
	expect_step(h, "");
	assert_int_equal(h->t->waiters_used, 0);
}

/* Who waits for nothing takes nobody's place, and needs none. */
static void waiting_without_a_reply_subject_takes_no_place(void **state)
{
	static struct host h;
	struct host_plan p;
	const struct wire_step step = host_branch(WIRE_PROTOCOL_2PC, "a");

	(void)state;
	host_init(&h);
	h.limits.waiters_max = 1;
	host_start(&h);
	host_plan(&p, names, 1);
	host_submit_wait(&h, "t", &p);
	assert_int_equal(h.t->waiters_used, 1);
	h.reply_to = 0;
	host_submit_wait(&h, "u", &p);
	expect_step(&h, "+accepted u #2\n>a-svc u a forward 1 left=1000\n");
	host_begin(&h, "s", WIRE_PROTOCOL_2PC);
	host_enlist(&h, "s", &step);
	host_commit(&h, "s", &step, 1, true);
	expect_step(&h, "+closed\n>a-svc s a forward 1 left=1000\n");
	assert_int_equal(h.t->waiters_used, 1);
	host_close(&h);
}

/* ---- a list over what is forgotten ---- */

/* Where thousands of ids between two sagas are forgotten, a page says how far it has looked. */
static void a_list_goes_over_a_gap(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	const uint64_t gap = TXN_LIST_SCAN_MAX + TXN_LIST_SCAN_MAX / 2;

	h->no_replay = true; /* of admissions that never were */
	host_plan(&p, names, 1);
	host_submit(h, "s", &p);
	h->t->next_admission += gap;
	host_submit(h, "z", &p);
	assert_int_equal(txn_now(h->t), h->now);
	host_list(h, 0, 0, 1);
	expect_step(h, ">list open=2 parked=0 next=1\n  #1 s running a 1\n");
	host_list(h, 0, 2, 10); /* a cursor within the gap */
	expect_step(h, ">list open=2 parked=0 next=4098\n");
	host_list(h, 0, 4098, 10);
	expect_step(h, ">list open=2 parked=0 next=0\n  #6146 z running a 1\n");
}

/* ---- labels, texts ---- */

struct seen_labels {
	uint32_t count;
	char key[16], value[16];
};

static void see_labels(void *context, const struct txn_message *m)
{
	struct seen_labels *seen = context;
	const struct wire_answer *a = &m->u.answer;

	if (m->kind != TXN_MESSAGE_ANSWER)
		return;
	seen->count = a->label_count;
	if (a->label_count < 2)
		return;
	(void)snprintf(seen->key, sizeof seen->key, "%.*s", (int)a->labels[1].key.size,
		       (const char *)a->labels[1].key.data);
	(void)snprintf(seen->value, sizeof seen->value, "%.*s", (int)a->labels[1].value.size,
		       (const char *)a->labels[1].value.data);
}

static void labels_are_kept_and_told(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_submit submit;
	struct wire_label labels[] = {{slice_str("kind"), slice_str("test")},
				      {slice_str("customer"), slice_str("anna")}};
	struct seen_labels seen = {0};

	host_plan(&p, names, 2);
	submit = host_submit_of(h, "s", &p);
	submit.labels = labels;
	submit.label_count = 2;
	assert_int_equal(host_submit_event(h, &submit), 0);
	host_take_over(h, h->record_count);
	h->message = see_labels;
	h->context = &seen;
	host_query(h, "s", false);
	h->message = NULL;
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.key, "customer");
	assert_string_equal(seen.value, "anna");
}

static void a_text_is_cut_between_characters(void **state)
{
	static const struct {
		const char *text;
		uint32_t max, kept;
	} cases[] = {
		{"", 0, 0},
		{"abc", 3, 3},
		{"abcd", 3, 3},
		{"ab\xc3\xa4", 4, 4},
		{"ab\xc3\xa4", 3, 2},
		{"ab\xc3\xa4z", 4, 4},
		{"a\xe2\x82\xac", 3, 1},
		{"a\xe2\x82\xac", 2, 1},
		{"\xf0\x9f\x98\x80x", 4, 4},
		{"\xf0\x9f\x98\x80x", 3, 0},
		{"\x80\x80\x80\x80", 3, 0}, /* no text, and no endless search for its begin */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(txn_text_cut(slice_str(cases[i].text), cases[i].max).size,
				 cases[i].kept);
}

/* ---- pools that are used up ---- */

/* What is left of the payload is one block of this size. */
static void leave(struct host *h, size_t size)
{
	struct slab *payload = &h->t->payload;
	void *last = slab_alloc(payload, size);

	assert_non_null(last);
	for (size_t block = SLAB_BLOCK_MAX; block >= SLAB_BLOCK_MIN; block /= 2)
		while (slab_alloc(payload, block) != NULL)
			continue;
	slab_free(payload, last, size);
}

static int fold_accepted(struct host *h)
{
	struct host_plan p;
	struct wire_record_accepted r = {.saga = slice_str("t"), .accepted_at = 1};

	host_plan(&p, names, 3);
	p.plan.version = 9; /* nobody holds this one */
	r.plan = p.plan;
	r.plan.steps = p.steps;
	r.admission = h->t->next_admission;
	return txn_fold(h->t, WIRE_RECORD_ACCEPTED, &r);
}

static int fold_enlisted(struct host *h)
{
	const struct wire_record_enlisted r = {
		.admission = 1, .step = host_branch(WIRE_PROTOCOL_2PC, "b"), .at = 1};

	return txn_fold(h->t, WIRE_RECORD_ENLISTED, &r);
}

static int fold_closed(struct host *h)
{
	static uint8_t large[3000];
	const struct wire_record_closed r = {
		.admission = 1, .has_input = true, .input = slice_of(large, sizeof large), .at = 1};

	return txn_fold(h->t, WIRE_RECORD_CLOSED, &r);
}

static int fold_output(struct host *h)
{
	static uint8_t large[3000];
	const struct wire_record_branch r = {.admission = 1,
					     .op = FORWARD,
					     .event = WIRE_EVENT_OK,
					     .attempt = 1,
					     .output = slice_of(large, sizeof large)};

	return txn_fold(h->t, WIRE_RECORD_BRANCH, &r);
}

/* A journal that holds more than the pools: SAGA_E_NO_MEMORY up to the size that suffices, and
 * nothing is kept of what did not fit. */
static void the_fold_says_when_memory_ends(void **state)
{
	static const struct {
		void (*state)(struct host *h);
		int (*fold)(struct host *h);
	} cases[] = {
		{state_running, fold_accepted},
		{state_enlisted, fold_enlisted},
		{state_enlisted, fold_closed},
		{state_running, fold_output},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t refused = 0;
		int said = SAGA_E_NO_MEMORY;

		for (size_t size = SLAB_BLOCK_MIN; said != 0; size *= 2) {
			static struct host h;
			size_t used;

			assert_true(size <= 1024 * 1024);
			host_init(&h);
			host_start(&h);
			cases[i].state(&h);
			leave(&h, size);
			used = h.t->payload.used;
			said = cases[i].fold(&h);
			if (said != 0) {
				refused++;
				assert_int_equal(said, SAGA_E_NO_MEMORY);
				assert_int_equal(h.t->payload.used, used);
				assert_int_equal(txn_last_record(h.t), h.record_count);
			}
			host_close(&h);
		}
		assert_true(refused > 2);
	}
}

/* The same of entries and branches, which are counted. */
static void the_fold_says_when_places_end(void **state)
{
	static struct host h;
	struct wire_record_tombstone tombstone = {.at = 1, .remember_until_at = 1000000000};
	uint32_t places = 0;
	int said = 0;

	(void)state;
	host_init(&h);
	h.limits = (struct txn_limits){.open_max = 2,
				       .remembered_max = 2,
				       .branches_max = 2,
				       .waiters_max = 2,
				       .payload_max = 1024 * 1024};
	host_start(&h);
	state_enlisted(&h);
	while (said == 0) {
		struct wire_record_enlisted r = {
			.admission = 1, .step = host_branch(WIRE_PROTOCOL_2PC, "b"), .at = 1};
		char name[16];

		(void)snprintf(name, sizeof name, "n%u", places++);
		r.step.name = slice_str(name);
		said = txn_fold(h.t, WIRE_RECORD_ENLISTED, &r);
	}
	assert_int_equal(said, SAGA_E_NO_MEMORY);
	assert_int_equal(h.t->branches, TXN_SLACK * h.limits.branches_max);
	said = 0;
	while (said == 0) {
		char name[16];

		(void)snprintf(name, sizeof name, "t%u", places++);
		tombstone.saga = slice_str(name);
		said = txn_fold(h.t, WIRE_RECORD_TOMBSTONE, &tombstone);
	}
	assert_int_equal(said, SAGA_E_NO_MEMORY);
	assert_int_equal(h.t->entries_used, h.t->room.entries);
	host_close(&h);
}

int main(void)
{
#define BOUNDS_TEST(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
	const struct CMUnitTest tests[] = {
		BOUNDS_TEST(ids_must_be_names),
		BOUNDS_TEST(what_is_too_much_is_refused),
		BOUNDS_TEST(an_open_set_survives_what_is_refused),
		BOUNDS_TEST(a_submits_own_deadline_counts),
		BOUNDS_TEST(without_a_reply_subject_nobody_is_told),
		cmocka_unit_test(waiting_without_a_reply_subject_takes_no_place),
		BOUNDS_TEST(a_list_goes_over_a_gap),
		BOUNDS_TEST(labels_are_kept_and_told),
		cmocka_unit_test(a_text_is_cut_between_characters),
		cmocka_unit_test(the_fold_says_when_memory_ends),
		cmocka_unit_test(the_fold_says_when_places_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
