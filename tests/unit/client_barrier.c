/* The barrier's decision over a store that is nothing but an array: each call of each course fails
 * in turn, with and without the transaction being over, and what is left must be nothing at all, or
 * all of it. */
#include "tests/unit/unit.h"

#include "client/barrier.h"
#include "client/context.h"

enum { OPS = 5, SHARD = 3 };

struct row {
	bool used;
	enum stored_outcome outcome;
	int64_t admission;
	int code;
	char output[16];
	size_t output_size;
};

struct content {
	struct row rows[OPS];
	struct barrier_shard shard;
	int effects; /* of the application's */
	bool touched;
};

struct store {
	struct barrier_store base;
	struct content now, at_begin, at_savepoint;
	bool open;
	uint32_t calls, fails_at; /* 0 = never */
	bool commit_is_done;      /* when it is the commit that fails */
	bool ends; /* a failure also ends the transaction, as SQLite does when its disk is full */
};

static struct store *of(struct barrier_store *base)
{
	return (struct store *)base;
}

static bool works(struct store *store)
{
	if (++store->calls != store->fails_at)
		return true;
	if (store->ends && store->open) {
		store->now = store->at_begin;
		store->open = false;
	}
	return false;
}

static bool transact(struct barrier_store *base, enum barrier_act act)
{
	struct store *store = of(base);

	if (act == BARRIER_ROLLBACK) {
		assert_true(store->open);
		store->now = store->at_begin;
		store->open = false;
		return true;
	}
	if (act == BARRIER_COMMIT && store->commit_is_done && store->calls + 1 == store->fails_at) {
		store->calls++;
		store->open = false;
		return false;
	}
	if (!works(store))
		return false;
	assert_int_equal(store->open, act != BARRIER_BEGIN);
	if (act == BARRIER_BEGIN)
		store->at_begin = store->now;
	if (act == BARRIER_BEGIN || act == BARRIER_COMMIT)
		store->open = act == BARRIER_BEGIN;
	if (act == BARRIER_SAVEPOINT)
		store->at_savepoint = store->now;
	if (act == BARRIER_BACK_TO_SAVEPOINT)
		store->now = store->at_savepoint;
	return true;
}

static bool in_transaction(struct barrier_store *base)
{
	return of(base)->open;
}

static bool insert(struct barrier_store *base, const struct saga_context *context, enum saga_op op,
		   enum stored_outcome outcome, bool *inserted)
{
	struct row *row = &of(base)->now.rows[op];

	if (!works(of(base)))
		return false;
	*inserted = !row->used;
	if (!row->used)
		*row = (struct row){.used = true,
				    .outcome = outcome,
				    .admission = (int64_t)saga_context_admission(context)};
	return true;
}

static bool update(struct barrier_store *base, const struct saga_context *context,
		   const struct saga_result *result, enum stored_outcome outcome)
{
	struct row *row = &of(base)->now.rows[saga_context_op(context)];

	if (!works(of(base)))
		return false;
	assert_true(row->used && result->output_size <= sizeof row->output);
	row->outcome = outcome;
	row->code = saga_context_code(context);
	row->output_size = result->output_size;
	if (result->output_size > 0)
		memcpy(row->output, result->output, result->output_size);
	return true;
}

static bool read_row(struct barrier_store *base, struct saga_context *context, enum saga_op op,
		     struct saga_result *result, enum stored_outcome *outcome)
{
	const struct row *row = &of(base)->now.rows[op];

	*outcome = STORED_NONE;
	if (!works(of(base)))
		return false;
	if (!row->used)
		return true;
	*outcome = row->outcome;
	if (result == NULL)
		return true;
	result->output_size = row->output_size;
	result->output = saga_context_copy(context, row->output, row->output_size);
	saga_context_set_code(context, row->code);
	return result->output != NULL;
}

static bool read_shard(struct barrier_store *base, const struct saga_context *context,
		       struct barrier_shard *shard)
{
	assert_int_equal(saga_context_shard(context), SHARD);
	*shard = of(base)->now.shard;
	return works(of(base));
}

static bool write_shard(struct barrier_store *base, const struct saga_context *context,
			const struct barrier_shard *shard)
{
	(void)context;
	if (!works(of(base)))
		return false;
	of(base)->now.shard = *shard;
	return true;
}

static bool add_worked(struct barrier_store *base, const char *saga, const char *step, bool *added)
{
	struct content *now = &of(base)->now;

	assert_string_equal(saga, "saga");
	assert_string_equal(step, "step");
	if (!works(of(base)))
		return false;
	*added = !now->rows[SAGA_OP_FORWARD].used;
	now->rows[0].used |= *added;
	return true;
}

static bool take_worked(struct barrier_store *base, const char *saga, const char *step,
			bool unasked, bool *taken)
{
	struct content *now = &of(base)->now;

	assert_string_equal(saga, "saga");
	assert_string_equal(step, "step");
	if (!works(of(base)))
		return false;
	*taken = now->rows[0].used && !(unasked && now->rows[SAGA_OP_FORWARD].used);
	now->rows[0].used &= !*taken;
	return true;
}

static bool touch(struct barrier_store *base)
{
	of(base)->now.touched = true;
	return works(of(base));
}

static bool clean(struct barrier_store *base, const struct saga_context *context, int64_t *mark)
{
	(void)context;
	if (!works(of(base)))
		return false;
	for (int i = 0; i < OPS; i++)
		if (of(base)->now.rows[i].admission < *mark)
			of(base)->now.rows[i].used = false;
	return true;
}

static const struct barrier_store_ops ops = {
	.transact = transact,
	.in_transaction = in_transaction,
	.insert = insert,
	.update = update,
	.read = read_row,
	.read_shard = read_shard,
	.write_shard = write_shard,
	.add_worked = add_worked,
	.take_worked = take_worked,
	.touch = touch,
	.clean = clean,
};

static void store_init(struct store *store)
{
	*store = (struct store){.base = {.ops = &ops, .clean_step = BARRIER_CLEAN_STEP}};
}

/* ---- commands ----------------------------------------------------------------------------------
 */

struct command {
	enum saga_op op;
	enum saga_outcome says; /* the work */
	uint64_t epoch, low_water, admission;
	bool gives; /* back what was worked before */
	struct context_answer answer;
	int runs, given;
};

static void work(struct barrier_store *store, struct saga_context *context,
		 struct saga_result *result, void *user)
{
	struct command *command = user;

	command->runs++;
	of(store)->now.effects++;
	result->outcome = command->says;
	result->output = saga_context_copy(context, "out", 3);
	result->output_size = 3;
}

static void give_back(struct barrier_store *store, struct saga_context *context,
		      struct saga_result *result, void *user)
{
	struct command *command = user;

	(void)context;
	command->given++;
	of(store)->now.effects--;
	result->outcome = SAGA_OK;
}

/* In a transaction of the application's; op 0 in what came before. */
static void work_before(struct store *store)
{
	assert_true(transact(&store->base, BARRIER_BEGIN));
	store->now.effects++;
	assert_int_equal(barrier_worked(&store->base, "saga", "step"), 0);
	assert_true(transact(&store->base, BARRIER_COMMIT));
}

static void run(struct store *store, struct command *command)
{
	const struct wire_command wire = {
		.saga = slice_str("saga"),
		.step_name = slice_str("step"),
		.op = (uint32_t)command->op,
		.op_name = slice_str("do"),
		.attempt = 1,
		.admission = command->admission,
	};
	struct saga_result result = {.outcome = SAGA_OK};
	struct saga_context context;

	store->calls = 0;
	command->runs = 0;
	context_open(&context, &wire, SHARD, command->epoch, command->low_water, 0);
	if (command->gives)
		barrier_run_branch(&store->base, &context, &result, work, give_back, command);
	else if (command->op == SAGA_OP_SETTLE)
		barrier_settle(&store->base, &context, &result);
	else
		barrier_run(&store->base, &context, &result, work, command);
	context_finish(&context, &result, &command->answer);
	assert_false(store->open);
}

/* A course: what came before, then the command whose calls fail. */
struct course {
	const char *name;
	struct command before[2], last;
	uint32_t outcome;
	uint32_t barrier;
	int effects;
};

static const struct course courses[] = {
	{"a first run",
	 {{0}},
	 {.op = SAGA_OP_FORWARD, .says = SAGA_OK},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_FIRST,
	 1},
	{"a refusal",
	 {{0}},
	 {.op = SAGA_OP_FORWARD, .says = SAGA_REJECTED},
	 WIRE_OUTCOME_REJECTED,
	 WIRE_BARRIER_FIRST,
	 0},
	{"a yes with nothing to do",
	 {{0}},
	 {.op = SAGA_OP_FORWARD, .says = SAGA_READ_ONLY},
	 WIRE_OUTCOME_READ_ONLY,
	 WIRE_BARRIER_FIRST,
	 1},
	{"work that parks",
	 {{0}},
	 {.op = SAGA_OP_FORWARD, .says = SAGA_PARK},
	 WIRE_OUTCOME_PARK,
	 WIRE_BARRIER_FIRST,
	 0},
	{"a duplicate",
	 {{.op = SAGA_OP_FORWARD, .says = SAGA_OK}},
	 {.op = SAGA_OP_FORWARD, .says = SAGA_REJECTED},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_DUPLICATE,
	 1},
	{"a refusal again",
	 {{.op = SAGA_OP_FORWARD, .says = SAGA_REJECTED}},
	 {.op = SAGA_OP_FORWARD, .says = SAGA_OK},
	 WIRE_OUTCOME_REJECTED,
	 WIRE_BARRIER_DUPLICATE,
	 0},
	{"an undo",
	 {{.op = SAGA_OP_FORWARD, .says = SAGA_OK}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_FIRST,
	 2},
	{"an undo of nothing",
	 {{0}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_EMPTY_UNDO,
	 0},
	{"a late forward",
	 {{.op = SAGA_OP_UNDO, .says = SAGA_OK}},
	 {.op = SAGA_OP_FORWARD, .says = SAGA_OK},
	 WIRE_OUTCOME_REJECTED,
	 WIRE_BARRIER_LATE_FORWARD,
	 0},
	{"a finish",
	 {{.op = SAGA_OP_FORWARD, .says = SAGA_OK}},
	 {.op = SAGA_OP_FINISH, .says = SAGA_OK},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_FIRST,
	 2},
	{"a finish of nothing",
	 {{0}},
	 {.op = SAGA_OP_FINISH, .says = SAGA_OK},
	 WIRE_OUTCOME_PARK,
	 WIRE_BARRIER_FIRST,
	 0},
	{"an undo behind its finish",
	 {{.op = SAGA_OP_FORWARD, .says = SAGA_OK}, {.op = SAGA_OP_FINISH, .says = SAGA_OK}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK},
	 WIRE_OUTCOME_PARK,
	 WIRE_BARRIER_FIRST,
	 2},
	{"a settle of what is done",
	 {{.op = SAGA_OP_FORWARD, .says = SAGA_OK}},
	 {.op = SAGA_OP_SETTLE},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_DUPLICATE,
	 1},
	{"a settle that blocks",
	 {{0}},
	 {.op = SAGA_OP_SETTLE},
	 WIRE_OUTCOME_REJECTED,
	 WIRE_BARRIER_FIRST,
	 0},
	{"an old epoch",
	 {{.op = SAGA_OP_FORWARD, .says = SAGA_OK, .epoch = 9}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK, .epoch = 8},
	 WIRE_OUTCOME_STALE,
	 WIRE_BARRIER_FIRST,
	 1},
	{"a cleaning",
	 {{.op = SAGA_OP_FORWARD, .says = SAGA_OK}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK, .low_water = 1000, .admission = 1000},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_EMPTY_UNDO,
	 1},
	{"what is long over",
	 {{.op = SAGA_OP_FORWARD, .says = SAGA_OK, .low_water = 500, .admission = 700}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK, .admission = 400},
	 WIRE_OUTCOME_EXPIRED,
	 WIRE_BARRIER_FIRST,
	 1},
	{"an undo of what has worked before its vote",
	 {{.gives = true}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_FIRST,
	 2},
	{"the same, again",
	 {{.gives = true}, {.op = SAGA_OP_UNDO, .says = SAGA_OK}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_DUPLICATE,
	 2},
	{"a no of what has worked before",
	 {{.gives = true}},
	 {.op = SAGA_OP_FORWARD, .says = SAGA_REJECTED, .gives = true},
	 WIRE_OUTCOME_REJECTED,
	 WIRE_BARRIER_FIRST,
	 0},
	{"an undo after that no",
	 {{.gives = true}, {.op = SAGA_OP_FORWARD, .says = SAGA_REJECTED, .gives = true}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_EMPTY_UNDO,
	 0},
	{"a no that cannot be given back",
	 {{.gives = true}},
	 {.op = SAGA_OP_FORWARD, .says = SAGA_REJECTED},
	 WIRE_OUTCOME_PARK,
	 WIRE_BARRIER_FIRST,
	 1},
	{"and its undo",
	 {{.gives = true}, {.op = SAGA_OP_FORWARD, .says = SAGA_REJECTED}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_FIRST,
	 2},
	{"a settle of what has worked, and was not asked",
	 {{.gives = true}},
	 {.op = SAGA_OP_SETTLE, .gives = true},
	 WIRE_OUTCOME_REJECTED,
	 WIRE_BARRIER_FIRST,
	 0},
	{"that settle without anybody to give back",
	 {{.gives = true}},
	 {.op = SAGA_OP_SETTLE},
	 WIRE_OUTCOME_PARK,
	 WIRE_BARRIER_FIRST,
	 1},
	{"a settle after a no that gave back",
	 {{.gives = true}, {.op = SAGA_OP_FORWARD, .says = SAGA_REJECTED, .gives = true}},
	 {.op = SAGA_OP_SETTLE, .gives = true},
	 WIRE_OUTCOME_REJECTED,
	 WIRE_BARRIER_DUPLICATE,
	 0},
	{"a yes of what has worked, and its undo",
	 {{.gives = true}, {.op = SAGA_OP_FORWARD, .says = SAGA_OK, .gives = true}},
	 {.op = SAGA_OP_UNDO, .says = SAGA_OK},
	 WIRE_OUTCOME_OK,
	 WIRE_BARRIER_FIRST,
	 3},
};
enum { COURSES = sizeof courses / sizeof courses[0] };

static void prepare(const struct course *course, struct store *store)
{
	store_init(store);
	for (int i = 0; i < 2; i++) {
		struct command command = course->before[i];

		if (command.op == 0) {
			if (command.gives)
				work_before(store);
			continue;
		}
		run(store, &command);
		context_answer_free(&command.answer);
	}
}

static void expect(const struct course *course, const struct store *store,
		   const struct command *command)
{
	if (command->answer.outcome != course->outcome ||
	    command->answer.barrier != course->barrier || store->now.effects != course->effects)
		fail_msg("%s: outcome %u, barrier %u, %d effects", course->name,
			 command->answer.outcome, command->answer.barrier, store->now.effects);
}

static void each_course_ends_as_it_should(void **state)
{
	(void)state;
	for (int i = 0; i < COURSES; i++) {
		struct command command = courses[i].last;
		struct store store;

		prepare(&courses[i], &store);
		run(&store, &command);
		expect(&courses[i], &store, &command);
		context_answer_free(&command.answer);
	}
}

/* The call that fails leaves everything as it was, and the answer promises nothing. */
static bool fail_call(const struct course *course, uint32_t call, bool ends)
{
	struct command command = course->last;
	struct content before;
	struct store store;
	bool failed;

	prepare(course, &store);
	before = store.now;
	store.fails_at = call;
	store.ends = ends;
	run(&store, &command);
	failed = store.calls >= call;
	if (!failed) {
		expect(course, &store, &command);
	} else {
		if (command.answer.outcome != WIRE_OUTCOME_RETRY ||
		    command.answer.code != err_to_wire(SAGA_ERR_DATABASE) ||
		    command.answer.retry_after_ms == 0 || command.answer.output.size != 0)
			fail_msg("%s, call %u: outcome %u, code %u", course->name, call,
				 command.answer.outcome, command.answer.code);
		assert_memory_equal(&store.now, &before, sizeof before);
		/* Again: nothing stands in its way. */
		context_answer_free(&command.answer);
		store.fails_at = 0;
		run(&store, &command);
		expect(course, &store, &command);
	}
	context_answer_free(&command.answer);
	return failed;
}

static void a_call_that_fails_leaves_nothing(void **state)
{
	uint32_t failures = 0;

	(void)state;
	for (int i = 0; i < COURSES; i++)
		for (int ends = 0; ends < 2; ends++)
			for (uint32_t call = 1; fail_call(&courses[i], call, ends != 0); call++)
				failures++;
	assert_true(failures > 150);
}

/* Nobody knows whether it is done; the next attempt is told what is true. */
static void a_commit_that_nobody_heard_of_is_done_once(void **state)
{
	(void)state;
	for (int i = 0; i < COURSES; i++) {
		struct command command = courses[i].last;
		struct store store;
		uint32_t commit;

		prepare(&courses[i], &store);
		run(&store, &command);
		commit = store.calls;
		context_answer_free(&command.answer);
		prepare(&courses[i], &store);
		store.fails_at = commit;
		store.commit_is_done = true;
		run(&store, &command);
		context_answer_free(&command.answer);
		store.fails_at = 0;
		run(&store, &command);
		if (command.answer.outcome != courses[i].outcome ||
		    store.now.effects != courses[i].effects)
			fail_msg("%s: outcome %u, %d effects", courses[i].name,
				 command.answer.outcome, store.now.effects);
		context_answer_free(&command.answer);
	}
}

/* Marks far below zero are numbers as others are: nothing overflows, nothing is cleaned. */
static void a_mark_beyond_all_numbers_cleans_nothing(void **state)
{
	struct command command = {
		.op = SAGA_OP_FORWARD, .says = SAGA_OK, .low_water = 300, .admission = 300};
	struct store store;

	(void)state;
	store_init(&store);
	run(&store, &command);
	context_answer_free(&command.answer);
	assert_int_equal(store.now.shard.low_water, 300);
	command.low_water = UINT64_C(1) << 63;
	run(&store, &command);
	assert_int_equal(command.answer.outcome, WIRE_OUTCOME_OK);
	assert_int_equal(store.now.shard.low_water, 300);
	context_answer_free(&command.answer);
}

/* After any command of its branch, and beside a transaction, nothing may be worked any more. */
static void work_that_comes_late_is_refused(void **state)
{
	static const struct command commands[] = {
		{.op = SAGA_OP_UNDO, .says = SAGA_OK},
		{.op = SAGA_OP_SETTLE},
		{.op = SAGA_OP_FORWARD, .says = SAGA_REJECTED},
		{.op = SAGA_OP_FORWARD, .says = SAGA_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		struct command command = commands[i];
		struct store store;

		store_init(&store);
		assert_int_equal(barrier_worked(&store.base, "saga", "step"), SAGA_ERR_USAGE);
		assert_int_equal(barrier_took_back(&store.base, "saga", "step"), SAGA_ERR_USAGE);
		run(&store, &command);
		context_answer_free(&command.answer);
		assert_true(transact(&store.base, BARRIER_BEGIN));
		assert_int_equal(barrier_worked(&store.base, "saga", "step"), SAGA_ERR_SUSPENDED);
		assert_int_equal(barrier_took_back(&store.base, "saga", "step"),
				 SAGA_ERR_NOT_FOUND);
		assert_false(store.now.rows[0].used);
		store.fails_at = store.calls + 1;
		assert_int_equal(barrier_worked(&store.base, "saga", "step"), SAGA_ERR_DATABASE);
	}
}

/* Once, and not what has voted: a command says what becomes of that. */
static void what_has_worked_is_taken_back_by_itself(void **state)
{
	struct command undo = {.op = SAGA_OP_UNDO, .says = SAGA_OK};
	struct command yes = {.op = SAGA_OP_FORWARD, .says = SAGA_OK};
	struct store store;

	(void)state;
	store_init(&store);
	work_before(&store);
	assert_true(transact(&store.base, BARRIER_BEGIN));
	assert_int_equal(barrier_took_back(&store.base, "saga", "step"), 0);
	assert_int_equal(barrier_took_back(&store.base, "saga", "step"), SAGA_ERR_NOT_FOUND);
	assert_true(transact(&store.base, BARRIER_COMMIT));
	run(&store, &undo);
	assert_int_equal(undo.runs, 0);
	context_answer_free(&undo.answer);

	store_init(&store);
	work_before(&store);
	run(&store, &yes);
	context_answer_free(&yes.answer);
	assert_true(transact(&store.base, BARRIER_BEGIN));
	assert_int_equal(barrier_took_back(&store.base, "saga", "step"), SAGA_ERR_NOT_FOUND);
}

/* Invariant 23: what is told again may not have been told before. */
static void what_is_told_again_is_written(void **state)
{
	static const enum saga_op ops_again[] = {SAGA_OP_FORWARD, SAGA_OP_SETTLE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct command command = {.op = SAGA_OP_FORWARD, .says = SAGA_OK};
		struct store store;

		store_init(&store);
		run(&store, &command);
		context_answer_free(&command.answer);
		assert_false(store.now.touched);
		command.op = ops_again[i];
		run(&store, &command);
		context_answer_free(&command.answer);
		assert_true(store.now.touched);
	}
}

static void begin_inside_a_transaction_fails(void **state)
{
	struct command command = {.op = SAGA_OP_FORWARD, .says = SAGA_OK};
	struct store store;

	(void)state;
	store_init(&store);
	store.fails_at = 1; /* as a database does that is in one already */
	run(&store, &command);
	assert_int_equal(command.runs, 0);
	assert_int_equal(command.answer.outcome, WIRE_OUTCOME_RETRY);
	context_answer_free(&command.answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_course_ends_as_it_should),
		cmocka_unit_test(a_call_that_fails_leaves_nothing),
		cmocka_unit_test(a_commit_that_nobody_heard_of_is_done_once),
		cmocka_unit_test(a_mark_beyond_all_numbers_cleans_nothing),
		cmocka_unit_test(work_that_comes_late_is_refused),
		cmocka_unit_test(what_has_worked_is_taken_back_by_itself),
		cmocka_unit_test(what_is_told_again_is_written),
		cmocka_unit_test(begin_inside_a_transaction_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
