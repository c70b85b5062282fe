/* Interactive transactions, questions in doubt and the decision as an outcome, against a scripted
 * owner: what is sent, and what the caller is told of each answer. */
#include "tests/integration/client_calls_bench_uv.h"

#include "wire/plan.h"

/* ---- a script: one line for each request, the last one for all that follow ----------------------
 */

enum { LINES_MAX = 4, ANSWERS_MAX = 3, SHORT_MS = 700 };

struct line {
	bool silent;
	struct wire_answer answers[ANSWERS_MAX]; /* until one of neither state nor code */
};

static const struct line *script_lines;
static uint64_t record_number;

static void script(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;
	const struct line *line = &script_lines[bench->step];

	calls_note(bench, request);
	if (bench->step + 1 < LINES_MAX &&
	    (line[1].silent || line[1].answers[0].state != 0 || line[1].answers[0].code != 0))
		bench->step++;
	if (line->silent)
		return;
	for (uint32_t i = 0; i < ANSWERS_MAX; i++) {
		struct wire_answer answer = line->answers[i];

		if (answer.state == 0 && answer.code == 0)
			break;
		answer.id = slice_str(request->id);
		answer.shard = request->shard;
		answer.epoch = OWNER_EPOCH;
		answer.record_number = ++record_number;
		owner_answer(owner, request->reply_to, &answer);
	}
}

static void begin_script(struct bench *bench, const struct line *lines)
{
	bench->step = 0;
	bench->count = 0;
	script_lines = lines;
	owner_listen(&bench->owner, script);
}

/* ---- blocking calls, on a thread of their own ---------------------------------------------------
 */

struct blocking {
	struct bench *bench;
	int (*what)(struct blocking *blocking);
	struct saga_transaction *transaction;
	const char *branch, *one_phase, *input;
	enum saga_answer answer;
	uint32_t timeout_ms;
	int error;
	struct saga_status status;
	pthread_t thread;
	pthread_mutex_t mutex;
	bool done;
};

static int do_begin(struct blocking *b)
{
	struct saga_begin_options options;

	saga_begin_options_init(&options);
	options.id = "t1";
	options.name = "order";
	options.protocol = SAGA_PROTOCOL_TCC;
	options.idle_timeout_ms = 7000;
	options.deadline_ms = 9000;
	options.input = "first";
	options.input_size = 5;
	options.timeout_ms = b->timeout_ms;
	return saga_begin(b->bench->connection, &options, &b->transaction, &b->status);
}

static void fill_branch(const struct blocking *b, struct saga_branch *branch)
{
	saga_branch_init(branch);
	branch->name = b->branch;
	branch->service = "bank";
	branch->prepare = "reserve";
	branch->commit = "book";
	branch->rollback = "release";
	branch->one_phase = b->one_phase;
	branch->attempt_timeout_ms = 1234;
	branch->retry.attempts = 2;
	branch->finish_retry.attempts = 7;
	branch->delivery = SAGA_DELIVERY_DIRECT;
}

static int do_enlist(struct blocking *b)
{
	struct saga_branch branch;

	fill_branch(b, &branch);
	return saga_enlist(b->transaction, &branch, b->timeout_ms, &b->status);
}

static int do_commit(struct blocking *b)
{
	struct saga_commit_options options;

	saga_commit_options_init(&options);
	options.answer = b->answer;
	options.timeout_ms = b->timeout_ms;
	options.input = b->input;
	options.input_size = b->input != NULL ? strlen(b->input) : 0;
	return saga_commit(b->transaction, &options, &b->status);
}

static int do_rollback(struct blocking *b)
{
	return saga_rollback(b->transaction, "no more money", b->timeout_ms, &b->status);
}

static int do_inquire(struct blocking *b)
{
	return saga_inquire(b->bench->connection, "bank", "t1", "debit", b->timeout_ms, &b->status);
}

static int do_wait_decided(struct blocking *b)
{
	return saga_wait_decided(b->bench->connection, "t1", b->timeout_ms, &b->status);
}

static int do_run(struct blocking *b)
{
	struct saga_submit_options options;

	saga_submit_options_init(&options);
	options.id = "t1";
	options.timeout_ms = b->timeout_ms;
	options.answer = b->answer;
	return saga_run(b->bench->connection, b->bench->definition, &options, &b->status);
}

static void *blocking_thread(void *argument)
{
	struct blocking *b = argument;
	const int error = b->what(b);

	(void)pthread_mutex_lock(&b->mutex);
	b->error = error;
	b->done = true;
	(void)pthread_mutex_unlock(&b->mutex);
	return NULL;
}

static bool is_done(struct blocking *b)
{
	bool done;

	(void)pthread_mutex_lock(&b->mutex);
	done = b->done;
	(void)pthread_mutex_unlock(&b->mutex);
	return done;
}

/* To its end, while the owner plays. */
static int play(struct blocking *b, int (*what)(struct blocking *), const struct line *lines)
{
	begin_script(b->bench, lines);
	b->what = what;
	b->done = false;
	if (b->timeout_ms == 0)
		b->timeout_ms = PATIENCE_MS / 2;
	(void)pthread_mutex_init(&b->mutex, NULL);
	assert_int_equal(pthread_create(&b->thread, NULL, blocking_thread, b), 0);
	RUN_UNTIL(&b->bench->owner, is_done(b));
	assert_int_equal(pthread_join(b->thread, NULL), 0);
	return b->error;
}

/* ---- answers
 * --------------------------------------------------------------------------------------- */

#define SAYS(what)                                                                                 \
	{                                                                                          \
		.state = WIRE_STATE_##what                                                         \
	}
#define DECIDED(what, verdict)                                                                     \
	{                                                                                          \
		.state = WIRE_STATE_##what, .decision = WIRE_DECISION_##verdict                    \
	}
#define REFUSES(number)                                                                            \
	{                                                                                          \
		.code = (number)                                                                   \
	}
#define SILENT                                                                                     \
	{                                                                                          \
		.silent = true                                                                     \
	}
enum { CLOSED = 2010, PENDING = 2011, BRANCHES = 2012, TOO_LATE = 2005, NOT_FOUND = 2001 };

static const struct line open_lines[LINES_MAX] = {{.answers = {SAYS(OPEN)}}};
static const struct line silent_lines[LINES_MAX] = {SILENT};

static void begin(struct blocking *b)
{
	assert_int_equal(play(b, do_begin, open_lines), 0);
	assert_non_null(b->transaction);
}

static void enlist(struct blocking *b, const char *branch)
{
	b->branch = branch;
	assert_int_equal(play(b, do_enlist, open_lines), 0);
}

/* What commit would say is enlisted. */
static struct saga_branches branches_of(struct blocking *b)
{
	struct saga_branches branches;

	saga_transaction_branches(b->transaction, &branches);
	return branches;
}

static struct hash128 hash_of(const char *const *names, size_t count)
{
	struct hash128 hash = {0};

	for (size_t i = 0; i < count; i++) {
		const struct wire_step step = {.name = slice_str(names[i]),
					       .service = slice_str("bank"),
					       .forward = slice_str("reserve"),
					       .finish = slice_str("book"),
					       .undo = slice_str("release")};

		wire_branch_set_add(&hash, &step);
	}
	return hash;
}

static void expect_set(struct blocking *b, const char *const *names, size_t count)
{
	const struct saga_branches branches = branches_of(b);
	const struct hash128 hash = hash_of(names, count);

	assert_int_equal(branches.count, count);
	assert_memory_equal(branches.hash, hash.bytes, sizeof hash.bytes);
}

/* ---- what is sent
 * ---------------------------------------------------------------------------------- */

/* The next request, decoded while its bytes are there. */
static struct {
	struct wire_submit submit;
	struct wire_enlist enlist;
	struct wire_commit commit;
	char party[65];
	bool right;
} seen;

static void look(struct owner *owner, const struct owner_request *request)
{
	struct arena arena;

	arena_init(&arena, owner->arena, OWNER_ARENA_SIZE);
	seen.right = false;
	if (request->verb == SUBJECT_SUBMIT) {
		const struct wire_plan *plan = &seen.submit.plan;

		assert_int_equal(
			wire_decode(WIRE_SUBMIT, request->bytes, &arena, &seen.submit, NULL), 0);
		seen.right = slice_equal(plan->name, slice_str("order")) &&
			     plan->protocol == WIRE_PROTOCOL_TCC && plan->step_count == 0 &&
			     plan->idle_ms == 7000 && plan->deadline_ms == 9000 &&
			     slice_equal(seen.submit.input, slice_str("first")) &&
			     !seen.submit.wait && wire_plan_check(plan, NULL) == 0;
	} else if (request->verb == SUBJECT_ENLIST) {
		const struct wire_step *step = &seen.enlist.step;

		assert_int_equal(
			wire_decode(WIRE_ENLIST, request->bytes, &arena, &seen.enlist, NULL), 0);
		seen.right = slice_equal(step->name, slice_str("debit")) &&
			     slice_equal(step->service, slice_str("bank")) &&
			     slice_equal(step->forward, slice_str("reserve")) &&
			     slice_equal(step->finish, slice_str("book")) &&
			     slice_equal(step->undo, slice_str("release")) &&
			     slice_equal(step->one_phase, slice_str("at-once")) &&
			     step->attempt_timeout_ms == 1234 && step->retry.attempts == 2 &&
			     step->undo_retry.attempts == 7 &&
			     step->delivery == WIRE_DELIVERY_DIRECT;
	} else if (request->verb == SUBJECT_COMMIT) {
		assert_int_equal(
			wire_decode(WIRE_COMMIT, request->bytes, &arena, &seen.commit, NULL), 0);
		seen.right = seen.commit.wait && seen.commit.branch_count == 1 &&
			     seen.commit.until == WIRE_UNTIL_DECIDED &&
			     slice_equal(seen.commit.input, slice_str("second"));
	}
	script(owner, request);
}

static int play_and_look(struct blocking *b, int (*what)(struct blocking *),
			 const struct line *lines)
{
	script_lines = lines;
	b->bench->owner.on_request = look;
	seen.right = false;
	b->what = what;
	b->done = false;
	b->bench->step = 0;
	assert_int_equal(pthread_create(&b->thread, NULL, blocking_thread, b), 0);
	RUN_UNTIL(&b->bench->owner, is_done(b));
	assert_int_equal(pthread_join(b->thread, NULL), 0);
	return b->error;
}

static void the_requests_say_what_was_asked_for(void **state)
{
	static const struct line committed[LINES_MAX] = {
		{.answers = {SAYS(RUNNING), DECIDED(FINISHING, COMMIT)}}};
	struct blocking b = {.bench = *state,
			     .timeout_ms = PATIENCE_MS,
			     .branch = "debit",
			     .one_phase = "at-once",
			     .input = "second",
			     .answer = SAGA_ANSWER_DECIDED,
			     .mutex = PTHREAD_MUTEX_INITIALIZER};

	begin_script(b.bench, open_lines);
	assert_int_equal(play_and_look(&b, do_begin, open_lines), 0);
	assert_true(seen.right);
	assert_string_equal(saga_transaction_id(b.transaction), "t1");
	assert_int_equal(b.status.state, SAGA_STATE_OPEN);
	assert_int_equal(play_and_look(&b, do_enlist, open_lines), 0);
	assert_true(seen.right);
	assert_int_equal(play_and_look(&b, do_commit, committed), 0);
	assert_true(seen.right);
	assert_int_equal(saga_status_fate(&b.status), SAGA_FATE_PENDING);
	saga_transaction_free(b.transaction);
}

/* Each of them, to an owner that does not hear the first two. */
static void every_request_is_sent_again_as_it_was(void **state)
{
	static const struct line opens[LINES_MAX] = {SILENT, SILENT, {.answers = {SAYS(OPEN)}}};
	static const struct line commits[LINES_MAX] = {
		SILENT, SILENT, {.answers = {SAYS(RUNNING), SAYS(COMPLETED)}}};
	static const struct line undoes[LINES_MAX] = {
		SILENT, SILENT, {.answers = {DECIDED(UNDOING, ABORT)}}};
	static const struct {
		int (*what)(struct blocking *);
		const struct line *lines;
		enum subject_verb verb;
	} rows[] = {{do_begin, opens, SUBJECT_SUBMIT},
		    {do_enlist, opens, SUBJECT_ENLIST},
		    {do_commit, commits, SUBJECT_COMMIT},
		    {do_rollback, undoes, SUBJECT_CANCEL},
		    {do_inquire, undoes, SUBJECT_INQUIRE}};
	struct bench *bench = *state;
	struct blocking b = {.bench = bench, .branch = "debit"};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(play(&b, rows[i].what, rows[i].lines), 0);
		assert_int_equal(bench->count, 3);
		for (uint32_t k = 0; k < 3; k++) {
			assert_int_equal(bench->requests[k].verb, rows[i].verb);
			assert_true(hash128_equal(&bench->hashes[k], &bench->hashes[0]));
		}
	}
	saga_transaction_free(b.transaction);
}

/* ---- the set of branches (S9)
 * ---------------------------------------------------------------------- */

static void a_branch_counts_once_and_only_when_it_is_enlisted(void **state)
{
	static const char *const names[] = {"debit", "credit"};
	static const struct line closed[LINES_MAX] = {{.answers = {REFUSES(CLOSED)}}};
	struct blocking b = {.bench = *state};

	begin(&b);
	expect_set(&b, NULL, 0);
	b.branch = "debit";
	b.timeout_ms = SHORT_MS;
	assert_int_equal(play(&b, do_enlist, silent_lines), SAGA_ERR_UNKNOWN);
	expect_set(&b, NULL, 0);
	b.timeout_ms = PATIENCE_MS;
	enlist(&b, "debit");
	enlist(&b, "debit");
	expect_set(&b, names, 1);
	b.branch = "late";
	assert_int_equal(play(&b, do_enlist, closed), SAGA_ERR_CLOSED);
	expect_set(&b, names, 1);
	enlist(&b, "credit");
	expect_set(&b, names, 2);
	saga_transaction_free(b.transaction);
}

static void branches_of_several_processes_are_one_set(void **state)
{
	static const char *const names[] = {"a", "b", "c"};
	struct blocking one = {.bench = *state}, two = {.bench = *state};
	struct saga_branches branches, many = {.count = 64};

	begin(&one);
	assert_int_equal(saga_join(two.bench->connection, "t1", &two.transaction), 0);
	assert_string_equal(saga_transaction_id(two.transaction), "t1");
	enlist(&one, "b");
	enlist(&two, "c");
	enlist(&two, "a");
	branches = branches_of(&two);
	assert_int_equal(branches.count, 2);
	assert_int_equal(saga_transaction_add(one.transaction, &branches), 0);
	expect_set(&one, names, 3);
	assert_int_equal(saga_transaction_add(one.transaction, &many), SAGA_ERR_USAGE);
	expect_set(&one, names, 3);
	saga_transaction_free(one.transaction);
	saga_transaction_free(two.transaction);
	assert_int_equal(saga_join(two.bench->connection, "no name", &two.transaction), -1013);
	assert_null(two.transaction);
}

static void a_branch_without_names_is_not_sent(void **state)
{
	static const char *const names[] = {"", NULL, "a b", "a/b"};
	struct blocking b = {.bench = *state};

	begin(&b);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		b.branch = names[i];
		assert_int_equal(play(&b, do_enlist, open_lines), -1013);
		assert_int_equal(b.bench->count, 0);
	}
	b.branch = "debit";
	b.one_phase = "at once";
	assert_int_equal(play(&b, do_enlist, open_lines), -1013);
	saga_transaction_free(b.transaction);
}

static void a_begin_that_cannot_be_is_not_sent(void **state)
{
	struct bench *bench = *state;
	struct saga_transaction *transaction = (void *)bench;
	struct saga_begin_options options;
	struct saga_status status;

	begin_script(bench, open_lines);
	saga_begin_options_init(&options);
	options.idle_timeout_ms = 99;
	assert_true(saga_begin(bench->connection, &options, &transaction, &status) < 0);
	assert_null(transaction);
	assert_true(strlen(status.text) > 0);
	saga_begin_options_init(&options);
	options.protocol = (enum saga_protocol)1;
	assert_true(saga_begin(bench->connection, &options, &transaction, &status) < 0);
	assert_int_equal(bench->count, 0);
}

/* ---- what the caller is told
 * ----------------------------------------------------------------------- */

/* A4: success only when every participant has committed. After a decision to commit it is never
 * called aborted. */
#define COMPLETED SAGA_ANSWER_COMPLETED
#define DECIDES   SAGA_ANSWER_DECIDED
static const struct {
	const char *name;
	enum saga_answer answer;
	struct line lines[LINES_MAX];
	int error;
	enum saga_fate fate;
	bool brief; /* its time is over soon */
} commit_rows[] = {
	{"committed",
	 COMPLETED,
	 {{.answers = {SAYS(RUNNING), DECIDED(FINISHING, COMMIT), DECIDED(COMPLETED, COMMIT)}}},
	 0,
	 SAGA_FATE_COMMITTED,
	 false},
	{"decided is not enough",
	 COMPLETED,
	 {{.answers = {SAYS(RUNNING), DECIDED(FINISHING, COMMIT)}}, SILENT},
	 SAGA_ERR_TIMEOUT,
	 SAGA_FATE_PENDING,
	 true},
	{"parked behind the decision",
	 COMPLETED,
	 {{.answers = {SAYS(RUNNING), DECIDED(PARKED, COMMIT)}}, SILENT},
	 SAGA_ERR_TIMEOUT,
	 SAGA_FATE_PENDING,
	 true},
	{"unless it is",
	 DECIDES,
	 {{.answers = {SAYS(RUNNING), DECIDED(FINISHING, COMMIT)}}},
	 0,
	 SAGA_FATE_PENDING,
	 false},
	{"not decided",
	 DECIDES,
	 {{.answers = {SAYS(RUNNING)}}, SILENT},
	 SAGA_ERR_TIMEOUT,
	 SAGA_FATE_UNDECIDED,
	 true},
	{"rolled back",
	 COMPLETED,
	 {{.answers = {SAYS(RUNNING), DECIDED(UNDOING, ABORT), DECIDED(COMPENSATED, ABORT)}}},
	 SAGA_ERR_ABORTED,
	 SAGA_FATE_ABORTED,
	 false},
	{"decided to roll back",
	 DECIDES,
	 {{.answers = {SAYS(RUNNING), DECIDED(UNDOING, ABORT)}}},
	 SAGA_ERR_ABORTED,
	 SAGA_FATE_ABORTED,
	 false},
	{"not rolled back everywhere",
	 COMPLETED,
	 {{.answers = {DECIDED(PARKED, ABORT)}}, SILENT},
	 SAGA_ERR_ABORTED,
	 SAGA_FATE_ABORTED,
	 true},
	{"rolled back before",
	 COMPLETED,
	 {{.answers = {{.code = CLOSED,
			.state = WIRE_STATE_COMPENSATED,
			.decision = WIRE_DECISION_ABORT}}}},
	 SAGA_ERR_ABORTED,
	 SAGA_FATE_ABORTED,
	 false},
	{"a participant had decided by itself",
	 COMPLETED,
	 {{.answers = {{.state = WIRE_STATE_COMPLETED,
			.decision = WIRE_DECISION_COMMIT,
			.heuristics = 1}}}},
	 SAGA_ERR_HEURISTIC_HAZARD,
	 SAGA_FATE_COMMITTED,
	 false},
	{"a participant had committed by itself",
	 COMPLETED,
	 {{.answers = {{.state = WIRE_STATE_COMPENSATED,
			.decision = WIRE_DECISION_ABORT,
			.heuristics = 1}}}},
	 SAGA_ERR_HEURISTIC_HAZARD,
	 SAGA_FATE_ABORTED,
	 false},
	/* Its end may bring more of them. */
	{"by itself, before the end",
	 DECIDES,
	 {{.answers = {{.state = WIRE_STATE_FINISHING,
			.decision = WIRE_DECISION_COMMIT,
			.heuristics = 1}}}},
	 0,
	 SAGA_FATE_PENDING,
	 false},
	{"another set",
	 COMPLETED,
	 {{.answers = {REFUSES(BRANCHES)}}},
	 SAGA_ERR_BRANCHES,
	 SAGA_FATE_UNDECIDED,
	 false},
	{"nobody knows it",
	 COMPLETED,
	 {{.answers = {REFUSES(NOT_FOUND)}}},
	 SAGA_ERR_NOT_FOUND,
	 SAGA_FATE_UNDECIDED,
	 false},
	{"nobody answers", COMPLETED, {SILENT}, SAGA_ERR_UNKNOWN, SAGA_FATE_UNDECIDED, true},
	{"a duplicate is refused",
	 COMPLETED,
	 {{.answers = {SAYS(RUNNING), REFUSES(BRANCHES), SAYS(COMPLETED)}}},
	 0,
	 SAGA_FATE_COMMITTED,
	 false},
};

static void a_commit_is_told_as_what_it_is(void **state)
{
	struct blocking b = {.bench = *state};

	for (size_t i = 0; i < sizeof commit_rows / sizeof commit_rows[0]; i++) {
		char id[8];

		/* Of its own: older answers of an id are dropped. */
		(void)snprintf(id, sizeof id, "c%zu", i);
		assert_int_equal(saga_join(b.bench->connection, id, &b.transaction), 0);
		b.answer = commit_rows[i].answer;
		b.timeout_ms = commit_rows[i].brief ? SHORT_MS : PATIENCE_MS;
		if (play(&b, do_commit, commit_rows[i].lines) != commit_rows[i].error ||
		    saga_status_fate(&b.status) != commit_rows[i].fate)
			fail_msg("%s: %s, %s", commit_rows[i].name, saga_error_name(b.error),
				 saga_fate_name(saga_status_fate(&b.status)));
		saga_transaction_free(b.transaction);
	}
}

static void a_rollback_is_told_as_what_it_is(void **state)
{
	static const struct {
		const char *name;
		struct line lines[LINES_MAX];
		int error;
		bool brief;
	} rows[] = {
		{"rolled back", {{.answers = {DECIDED(UNDOING, ABORT)}}}, 0, false},
		{"committed", {{.answers = {REFUSES(TOO_LATE)}}}, SAGA_ERR_TOO_LATE, false},
		{"out, and back",
		 {{.answers = {REFUSES(PENDING)}}, {.answers = {REFUSES(TOO_LATE)}}},
		 SAGA_ERR_TOO_LATE,
		 false},
		/* And not asked again before that time is over. */
		{"out to the end",
		 {{.answers = {{.code = PENDING, .retry_after_ms = PATIENCE_MS}}}},
		 SAGA_ERR_PENDING,
		 true},
		/* The one that nobody answered may have been taken. */
		{"out, then silence",
		 {{.answers = {REFUSES(PENDING)}}, SILENT},
		 SAGA_ERR_UNKNOWN,
		 true},
	};
	struct blocking b = {.bench = *state};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char id[8];

		(void)snprintf(id, sizeof id, "r%zu", i);
		assert_int_equal(saga_join(b.bench->connection, id, &b.transaction), 0);
		b.timeout_ms = rows[i].brief ? SHORT_MS : PATIENCE_MS;
		if (play(&b, do_rollback, rows[i].lines) != rows[i].error)
			fail_msg("%s: %s", rows[i].name, saga_error_name(b.error));
		saga_transaction_free(b.transaction);
	}
}

/* ---- in doubt
 * -------------------------------------------------------------------------------------- */

static void whoever_is_in_doubt_asks_until_it_is_decided(void **state)
{
	static const struct line lines[LINES_MAX] = {
		{.answers = {{.state = WIRE_STATE_RUNNING, .retry_after_ms = 300}}},
		{.answers = {{.state = WIRE_STATE_PARKED, .retry_after_ms = 300}}},
		{.answers = {DECIDED(FINISHING, COMMIT)}}};
	struct bench *bench = *state;
	struct blocking b = {.bench = bench};

	assert_int_equal(play(&b, do_inquire, lines), 0);
	assert_int_equal(b.status.decision, SAGA_DECISION_COMMIT);
	assert_int_equal(bench->count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(bench->requests[i].verb, SUBJECT_INQUIRE);
		assert_string_equal(bench->requests[i].party, "bank");
		assert_true(hash128_equal(&bench->hashes[i], &bench->hashes[0]));
	}
	/* Not before it is wanted: 300 ms less a fifth. */
	assert_true(bench->times_ms[1] - bench->times_ms[0] >= 200);
}

static void an_inquiry_ends_with_the_decision_or_its_time(void **state)
{
	static const struct {
		struct line line;
		int error;
		enum saga_decision decision;
		bool brief;
	} rows[] = {
		{{.answers = {DECIDED(UNDOING, ABORT)}}, 0, SAGA_DECISION_ABORT, false},
		/* Nobody knows it: it was aborted, and stays so. */
		{{.answers = {SAYS(CANCELLED)}}, 0, SAGA_DECISION_ABORT, false},
		{{.answers = {SAYS(COMPENSATED)}}, 0, SAGA_DECISION_ABORT, false},
		{{.answers = {SAYS(COMPLETED)}}, 0, SAGA_DECISION_COMMIT, false},
		{{.answers = {SAYS(RUNNING)}}, SAGA_ERR_TIMEOUT, SAGA_DECISION_NONE, true},
		{SILENT, SAGA_ERR_UNKNOWN, SAGA_DECISION_NONE, true},
	};
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct line lines[LINES_MAX] = {rows[i].line};
		struct blocking b = {.bench = bench,
				     .timeout_ms = rows[i].brief ? SHORT_MS : PATIENCE_MS};

		/* A connection of its own: what it has seen of the id would make this older. */
		saga_close(bench->connection, 0);
		struct saga_options options;
		saga_options_init(&options);
		options.url = owner_url(&bench->owner);
		assert_int_equal(saga_open(&options, &bench->connection), 0);
		if (play(&b, do_inquire, lines) != rows[i].error ||
		    b.status.decision != rows[i].decision)
			fail_msg("row %zu: %s, %s", i, saga_error_name(b.error),
				 saga_decision_name(b.status.decision));
	}
}

/* ---- the decision as an outcome
 * -------------------------------------------------------------------- */

static void a_wait_for_the_decision_ends_with_it(void **state)
{
	static const struct line lines[LINES_MAX] = {
		{.answers = {SAYS(RUNNING), DECIDED(FINISHING, COMMIT)}}, SILENT};
	struct bench *bench = *state;
	struct blocking b = {.bench = bench, .answer = SAGA_ANSWER_DECIDED};

	assert_int_equal(play(&b, do_wait_decided, lines), 0);
	assert_int_equal(saga_status_fate(&b.status), SAGA_FATE_PENDING);
	assert_int_equal(bench->count, 1);
	assert_int_equal(play(&b, do_run, lines), 0);
	assert_int_equal(saga_status_fate(&b.status), SAGA_FATE_PENDING);
	b.answer = SAGA_ANSWER_COMPLETED;
	b.timeout_ms = SHORT_MS;
	assert_int_equal(play(&b, do_run, lines), SAGA_ERR_TIMEOUT);
	assert_int_equal(saga_status_fate(&b.status), SAGA_FATE_PENDING);
}

/* The promise is asked for in the words of the wire, also when it is asked for again. */
static uint32_t untils[REQUESTS_MAX];

static void note_until(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;
	struct wire_submit submit;
	struct wire_query query;
	struct wire_answer answer = owner_says(request, WIRE_STATE_RUNNING, 10);
	struct arena arena;

	arena_init(&arena, owner->arena, OWNER_ARENA_SIZE);
	if (request->verb == SUBJECT_SUBMIT) {
		assert_int_equal(wire_decode(WIRE_SUBMIT, request->bytes, &arena, &submit, NULL),
				 0);
		untils[bench->count % REQUESTS_MAX] = submit.until;
	} else {
		assert_int_equal(wire_decode(WIRE_QUERY, request->bytes, &arena, &query, NULL), 0);
		untils[bench->count % REQUESTS_MAX] = query.wait ? query.until : 99;
		/* Of a new owner, who has promised nothing. */
		answer.epoch = OWNER_EPOCH + bench->count;
		if (bench->count >= 2)
			answer.decision = WIRE_DECISION_ABORT;
	}
	calls_note(bench, request);
	owner_answer(owner, request->reply_to, &answer);
}

static void the_promise_of_a_decision_is_asked_for(void **state)
{
	struct bench *bench = *state;
	struct blocking b = {.bench = bench,
			     .answer = SAGA_ANSWER_DECIDED,
			     .timeout_ms = PATIENCE_MS,
			     .what = do_run,
			     .mutex = PTHREAD_MUTEX_INITIALIZER};

	owner_listen(&bench->owner, note_until);
	assert_int_equal(pthread_create(&b.thread, NULL, blocking_thread, &b), 0);
	RUN_UNTIL(&bench->owner, is_done(&b));
	assert_int_equal(pthread_join(b.thread, NULL), 0);
	assert_int_equal(b.error, 0);
	assert_int_equal(b.status.decision, SAGA_DECISION_ABORT);
	assert_int_equal(bench->count, 3);
	assert_int_equal(untils[0], WIRE_UNTIL_DECIDED);
	assert_int_equal(untils[1], 99); /* the submit's promise holds */
	assert_int_equal(untils[2], WIRE_UNTIL_DECIDED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_requests_say_what_was_asked_for),
		TEST(every_request_is_sent_again_as_it_was),
		TEST(a_branch_counts_once_and_only_when_it_is_enlisted),
		TEST(branches_of_several_processes_are_one_set),
		TEST(a_branch_without_names_is_not_sent),
		TEST(a_begin_that_cannot_be_is_not_sent),
		TEST(a_commit_is_told_as_what_it_is),
		TEST(a_rollback_is_told_as_what_it_is),
		TEST(whoever_is_in_doubt_asks_until_it_is_decided),
		TEST(an_inquiry_ends_with_the_decision_or_its_time),
		TEST(a_wait_for_the_decision_ends_with_it),
		TEST(the_promise_of_a_decision_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
