/* The tables of the life cycles, and the index. */
#include "tests/unit/txn_host.h"

#include "base/prng.h"
#include "wire/names.h"

#define NONE WIRE_STATE_NONE

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static const uint32_t saga_moves[][2] = {
	{WIRE_STATE_NONE, WIRE_STATE_RUNNING},        {WIRE_STATE_NONE, WIRE_STATE_OPEN},
	{WIRE_STATE_NONE, WIRE_STATE_CANCELLED},      {WIRE_STATE_OPEN, WIRE_STATE_RUNNING},
	{WIRE_STATE_OPEN, WIRE_STATE_UNDOING},        {WIRE_STATE_RUNNING, WIRE_STATE_UNDOING},
	{WIRE_STATE_RUNNING, WIRE_STATE_FINISHING},   {WIRE_STATE_RUNNING, WIRE_STATE_PARKED},
	{WIRE_STATE_RUNNING, WIRE_STATE_COMPLETED},   {WIRE_STATE_FINISHING, WIRE_STATE_PARKED},
	{WIRE_STATE_FINISHING, WIRE_STATE_COMPLETED}, {WIRE_STATE_UNDOING, WIRE_STATE_PARKED},
	{WIRE_STATE_UNDOING, WIRE_STATE_COMPENSATED}, {WIRE_STATE_PARKED, WIRE_STATE_RUNNING},
	{WIRE_STATE_PARKED, WIRE_STATE_FINISHING},    {WIRE_STATE_PARKED, WIRE_STATE_UNDOING},
};

static const uint32_t branch_moves[][2] = {
	{WIRE_BRANCH_PENDING, WIRE_BRANCH_ACTIVE},
	{WIRE_BRANCH_PENDING, WIRE_BRANCH_SKIPPED},
	{WIRE_BRANCH_ENLISTED, WIRE_BRANCH_ACTIVE},
	{WIRE_BRANCH_ENLISTED, WIRE_BRANCH_UNDOING},
	{WIRE_BRANCH_ACTIVE, WIRE_BRANCH_OK},
	{WIRE_BRANCH_ACTIVE, WIRE_BRANCH_REJECTED},
	{WIRE_BRANCH_ACTIVE, WIRE_BRANCH_UNKNOWN},
	{WIRE_BRANCH_ACTIVE, WIRE_BRANCH_DONE},
	{WIRE_BRANCH_ACTIVE, WIRE_BRANCH_PARKED},
	{WIRE_BRANCH_OK, WIRE_BRANCH_UNDOING},
	{WIRE_BRANCH_OK, WIRE_BRANCH_SKIPPED},
	{WIRE_BRANCH_OK, WIRE_BRANCH_FINISHING},
	{WIRE_BRANCH_UNKNOWN, WIRE_BRANCH_UNDOING},
	{WIRE_BRANCH_UNKNOWN, WIRE_BRANCH_SKIPPED},
	{WIRE_BRANCH_UNKNOWN, WIRE_BRANCH_SETTLING},
	{WIRE_BRANCH_SETTLING, WIRE_BRANCH_OK},
	{WIRE_BRANCH_SETTLING, WIRE_BRANCH_REJECTED},
	{WIRE_BRANCH_SETTLING, WIRE_BRANCH_PARKED},
	{WIRE_BRANCH_SETTLING, WIRE_BRANCH_SKIPPED},
	{WIRE_BRANCH_FINISHING, WIRE_BRANCH_DONE},
	{WIRE_BRANCH_FINISHING, WIRE_BRANCH_PARKED},
	{WIRE_BRANCH_FINISHING, WIRE_BRANCH_HEURISTIC},
	{WIRE_BRANCH_UNDOING, WIRE_BRANCH_UNDONE},
	{WIRE_BRANCH_UNDOING, WIRE_BRANCH_PARKED},
	{WIRE_BRANCH_UNDOING, WIRE_BRANCH_HEURISTIC},
	{WIRE_BRANCH_PARKED, WIRE_BRANCH_OK},
	{WIRE_BRANCH_PARKED, WIRE_BRANCH_REJECTED},
	{WIRE_BRANCH_PARKED, WIRE_BRANCH_DONE},
	{WIRE_BRANCH_PARKED, WIRE_BRANCH_UNDONE},
	{WIRE_BRANCH_PARKED, WIRE_BRANCH_HEURISTIC},
	{WIRE_BRANCH_PARKED, WIRE_BRANCH_SKIPPED},
};

static bool listed(const uint32_t moves[][2], size_t count, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < count; i++) {
		if (moves[i][0] == from && moves[i][1] == to)
			return true;
	}
	return false;
}

/* A move that is not in the table ends the process. */
static struct {
	bool branch;
	uint32_t from, to;
} wanted;

static void make_move(void)
{
	static struct host h;
	struct txn_entry e = {.waiters = TXN_NONE};
	struct txn_branch b = {0};

	host_init(&h);
	host_start(&h);
	timer_init(&e.timer, 0);
	timer_init(&b.timer, TXN_TIMER_OF_BRANCH);
	e.state = (uint8_t)wanted.from;
	b.state = (uint8_t)wanted.from;
	h.t->parked = 1;
	if (wanted.branch)
		txn_branch_move(h.t, &b, wanted.to);
	else
		txn_entry_move(h.t, &e, wanted.to);
	if ((wanted.branch ? b.state : e.state) != wanted.to)
		_exit(1);
}

static void saga_life(void **state)
{
	(void)state;
	for (uint32_t from = 0; from <= 9; from++) {
		for (uint32_t to = 0; to <= 9; to++) {
			const bool may = listed(saga_moves, LENGTH(saga_moves), from, to);

			assert_int_equal(txn_state_may(from, to), may);
			wanted.branch = false;
			wanted.from = from;
			wanted.to = to;
			assert_int_equal(aborts(make_move), !may);
		}
	}
	assert_string_equal(txn_state_name(WIRE_STATE_PARKED), "parked");
	assert_string_equal(txn_state_name(77), "?");
}

static void branch_life(void **state)
{
	(void)state;
	for (uint32_t from = 0; from <= 15; from++) {
		for (uint32_t to = 0; to <= 15; to++) {
			const bool may = listed(branch_moves, LENGTH(branch_moves), from, to);

			assert_int_equal(txn_branch_may(from, to), may);
			wanted.branch = true;
			wanted.from = from;
			wanted.to = to;
			assert_int_equal(aborts(make_move), !may);
		}
	}
	assert_string_equal(txn_branch_state_name(WIRE_BRANCH_OK), "ok");
	assert_string_equal(txn_branch_state_name(0), "?");
}

static void class_rows(void **state)
{
	static const struct {
		uint32_t protocol, kind, flags, steps;
		const char *one_phase;
		enum txn_class class;
	} rows[] = {
		{WIRE_PROTOCOL_SAGA, 0, 0, 1, "", TXN_CLASS_ACTION},
		{WIRE_PROTOCOL_SAGA, 0, WIRE_STEP_OPTIONAL, 2, "", TXN_CLASS_OPTIONAL},
		{WIRE_PROTOCOL_SAGA, 0, WIRE_STEP_PIVOT, 2, "", TXN_CLASS_PIVOT},
		{WIRE_PROTOCOL_SAGA, 0, WIRE_STEP_RETRIABLE, 2, "", TXN_CLASS_RETRIABLE},
		{WIRE_PROTOCOL_SAGA, 0, 3, 2, "", TXN_CLASSES},
		{WIRE_PROTOCOL_TCC, 0, 0, 1, "x", TXN_CLASS_VOTE},
		{WIRE_PROTOCOL_TCC, 0, WIRE_STEP_PIVOT, 2, "", TXN_CLASSES},
		{WIRE_PROTOCOL_2PC, 0, 0, 2, "x", TXN_CLASS_VOTE},
		{WIRE_PROTOCOL_2PC, 0, 0, 1, "", TXN_CLASS_VOTE},
		{WIRE_PROTOCOL_2PC, 0, 0, 1, "x", TXN_CLASS_ONE_PHASE},
		{WIRE_PROTOCOL_2PC, 0, WIRE_STEP_PIVOT, 2, "", TXN_CLASS_PIVOT},
		{WIRE_PROTOCOL_MIXED, WIRE_PROTOCOL_TCC, 0, 2, "", TXN_CLASS_VOTE},
		{WIRE_PROTOCOL_MIXED, WIRE_PROTOCOL_SAGA, 0, 2, "", TXN_CLASS_ACTION},
		{WIRE_PROTOCOL_MIXED, 0, 0, 2, "", TXN_CLASSES},
		{9, 0, 0, 1, "", TXN_CLASSES},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct wire_step steps[2] = {{.kind = rows[i].kind,
					      .flags = rows[i].flags,
					      .one_phase = slice_str(rows[i].one_phase)}};
		const struct wire_plan plan = {
			.protocol = rows[i].protocol, .steps = steps, .step_count = rows[i].steps};

		assert_int_equal(txn_class_of(&plan, 0), rows[i].class);
	}
}

/* S4 and row 38, as the tables say them. */
static void operation_rows(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < TXN_CLASSES; c++) {
		const struct txn_class_rule *rule = txn_class_rule(c);

		for (uint32_t op = WIRE_OP_FORWARD; op <= WIRE_OP_SETTLE; op++) {
			const struct txn_op_rule *o = txn_op_rule(c, op);

			if (!o)
				continue;
			assert_string_equal(o->name, wire_op_name(op));
			assert_int_equal(o->op, op);
			/* What must succeed is tried for ever; what may fail has an end. */
			assert_true(o->parks || o->refusable);
			assert_true(!o->has_deadline || !o->parks);
			if (op == WIRE_OP_FINISH || op == WIRE_OP_UNDO)
				assert_true(o->parks && !o->refusable);
		}
		assert_non_null(txn_op_rule(c, WIRE_OP_FORWARD));
		if (rule->irrevocable)
			assert_non_null(txn_op_rule(c, WIRE_OP_SETTLE));
		assert_null(txn_op_rule(c, 0));
		assert_null(txn_op_rule(c, WIRE_OP_SETTLE + 1));
	}
	assert_null(txn_op_rule(TXN_CLASS_PIVOT, WIRE_OP_UNDO));
	assert_null(txn_op_rule(TXN_CLASS_RETRIABLE, WIRE_OP_UNDO));
	assert_null(txn_op_rule(TXN_CLASS_ACTION, WIRE_OP_FINISH));
	assert_false(txn_op_rule(TXN_CLASS_RETRIABLE, WIRE_OP_FORWARD)->refusable);
}

/* Against a plain array, with few homes so that runs wrap and collide. */
static void index_holds_what_was_put(void **state)
{
	enum { NUMBERS = 100, SLOTS = 256 };
	struct txn_index_slot slots[SLOTS] = {{0, 0}};
	uint64_t hashes[NUMBERS];
	bool held[NUMBERS] = {false};
	struct txn_index index;
	struct prng random;

	(void)state;
	prng_seed(&random, 1);
	assert_int_equal(txn_index_slots(NUMBERS), SLOTS);
	txn_index_init(&index, slots, SLOTS);
	for (uint32_t i = 0; i < NUMBERS; i++)
		hashes[i] = (prng_below(&random, 8) + 250) << 32;
	for (int round = 0; round < 20000; round++) {
		const uint32_t n = (uint32_t)prng_below(&random, NUMBERS);
		uint32_t at = txn_index_start(&index, hashes[n]);
		uint32_t number;
		bool found = false;

		while (txn_index_next(&index, hashes[n], &at, &number))
			found = found || number == n;
		assert_int_equal(found, held[n]);
		if (found)
			txn_index_remove(&index, hashes[n], n);
		else
			txn_index_put(&index, hashes[n], n);
		held[n] = !found;
	}
}

static bool index_has(const struct txn_index *index, uint64_t hash, uint32_t sought)
{
	uint32_t at = txn_index_start(index, hash);
	uint32_t number;

	while (txn_index_next(index, hash, &at, &number))
		if (number == sought)
			return true;
	return false;
}

/* Homes in a narrow band around the end of the table: whatever its size is, runs wrap over it. */
static void index_grows(void **state)
{
	enum { NUMBERS = 3000, SLOTS = 8192, BAND = 1500 };
	static struct txn_index_slot slots[SLOTS];
	static uint64_t hashes[NUMBERS];
	struct txn_index index;
	struct prng random;

	(void)state;
	prng_seed(&random, 2);
	assert_int_equal(txn_index_slots(NUMBERS), SLOTS);
	txn_index_init(&index, slots, SLOTS);
	for (uint32_t i = 0; i < NUMBERS; i++) {
		const uint32_t home = (uint32_t)prng_below(&random, BAND) - BAND / 2;

		hashes[i] = (uint64_t)home << 32;
		txn_index_put(&index, hashes[i], i);
		assert_true(index.mask >= 2 * i && index.mask <= 4 * i + 256);
		for (uint32_t known = i % 16; known <= i; known += 16)
			assert_true(index_has(&index, hashes[known], known));
	}
	for (uint32_t i = 0; i < NUMBERS; i++) {
		assert_true(index_has(&index, hashes[i], i));
		txn_index_remove(&index, hashes[i], i);
		assert_false(index_has(&index, hashes[i], i));
	}
	for (uint32_t at = 0; at < SLOTS; at++)
		assert_true(slots[at].number == 0 && slots[at].tag == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saga_life),
		cmocka_unit_test(branch_life),
		cmocka_unit_test(class_rows),
		cmocka_unit_test(operation_rows),
		cmocka_unit_test(index_holds_what_was_put),
		cmocka_unit_test(index_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
