/* What a recorder makes of a real run: the witness of a real barrier, what clients heard, and when
 * commands were sent. */
#include "tests/unit/client_barrier_sqlite.h"

#include "base/error.h"
#include "examples/common/witness_sqlite.h"
#include "tests/judge/real/recorder_parts.h"

struct fixture {
	struct bench bench;
	struct recorder *recorder;
	struct history history;
	uint32_t saga;
};

static int setup(void **state)
{
	static struct wire_step step = {.name = {(const uint8_t *)"step", 4},
					.service = {(const uint8_t *)"svc", 3},
					.forward = {(const uint8_t *)"do", 2},
					.undo = {(const uint8_t *)"undo", 4}};
	const struct wire_plan plan = {.protocol = WIRE_PROTOCOL_SAGA,
				       .deadline_ms = 1000,
				       .steps = &step,
				       .step_count = 1};
	const struct recorder_options options = {.source = "unit", .shard_count = 1};
	struct fixture *f = calloc(1, sizeof *f);

	bench_open(&f->bench);
	assert_true(witness_prepare(f->bench.db));
	assert_true(witness_prepare(f->bench.db)); /* again is the same */
	execute(f->bench.db, "CREATE TRIGGER done AFTER INSERT ON ledger BEGIN INSERT INTO witness"
			     "(saga, step, op, kind, at_ns) VALUES(NEW.saga, 'step', NEW.op, "
			     "'done', " WITNESS_NOW "); END");
	f->recorder = recorder_create(&options, NULL, 0);
	f->saga = recorder_saga(f->recorder, "s1", &plan, slice_str("input"), 0);
	recorder_ledger(f->recorder, "svc", f->bench.path);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	recorder_free(f->recorder);
	history_close(&f->history);
	bench_close(&f->bench);
	free(f);
	return 0;
}

/* ---- ledgers -----------------------------------------------------------------------------------
 */

static void work(struct fixture *f, enum saga_op op, enum saga_outcome outcome)
{
	struct order order;

	order_init(&order, "s1", op);
	order.outcome = outcome;
	run_order(f->bench.db, &order);
	context_answer_free(&order.answer);
}

/* Each effect as op and kind: "1 done, 3 empty". */
static void expect(struct fixture *f, const char *effects)
{
	static const char *const kinds[] = {"?",         "done",      "refused", "empty",
					    "read_only", "heuristic", "blocked"};
	char text[256] = "", why[256] = "";
	uint64_t before = 0;

	history_close(&f->history);
	history_init(&f->history, 1);
	(void)history_add_service(&f->history, slice_str("svc"));
	(void)history_add_saga(&f->history, &f->recorder->live.sagas[0]);
	(void)history_add_step(&f->history, &f->recorder->live.steps[0]);
	if (!recorder_read_ledger(f->recorder, &f->recorder->ledgers[0], &f->history, why,
				  sizeof why))
		fail_msg("%s", why);
	for (uint32_t i = 0; i < f->history.effect_count; i++) {
		const struct history_effect *e = &f->history.effects[i];
		const size_t size = strlen(text);

		assert_true(e->order > before);
		before = e->order;
		(void)snprintf(text + size, sizeof text - size, "%s%u %s", i == 0 ? "" : ", ",
			       e->op, kinds[e->kind]);
	}
	assert_string_equal(text, effects);
}

static void done_and_undone_once(void **state)
{
	struct fixture *f = *state;

	work(f, SAGA_OP_FORWARD, SAGA_RETRY);
	expect(f, "");
	work(f, SAGA_OP_FORWARD, SAGA_OK);
	work(f, SAGA_OP_FORWARD, SAGA_OK);
	expect(f, "1 done");
	work(f, SAGA_OP_UNDO, SAGA_OK);
	work(f, SAGA_OP_UNDO, SAGA_OK);
	expect(f, "1 done, 3 done");
}

static void refused_leaves_no_effect(void **state)
{
	struct fixture *f = *state;

	work(f, SAGA_OP_FORWARD, SAGA_REJECTED);
	expect(f, "1 refused");
	work(f, SAGA_OP_UNDO, SAGA_OK);
	expect(f, "1 refused, 3 empty");
}

static void undo_before_its_forward(void **state)
{
	struct fixture *f = *state;

	work(f, SAGA_OP_UNDO, SAGA_OK);
	expect(f, "1 empty, 3 empty");
	work(f, SAGA_OP_FORWARD, SAGA_OK);
	expect(f, "1 empty, 3 empty");
}

static void settled_before_its_forward(void **state)
{
	struct fixture *f = *state;

	work(f, SAGA_OP_SETTLE, SAGA_OK);
	work(f, SAGA_OP_FORWARD, SAGA_OK);
	expect(f, "1 blocked");
}

static void votes_and_own_decisions(void **state)
{
	struct fixture *f = *state;

	work(f, SAGA_OP_FORWARD, SAGA_OK);
	work(f, SAGA_OP_FINISH, SAGA_HEURISTIC);
	/* Its work wrote to the ledger, and what it says is what it had decided before. */
	expect(f, "1 done, 2 done, 2 heuristic");
	execute(f->bench.db, "DELETE FROM saga_barrier; DELETE FROM witness");
	work(f, SAGA_OP_FORWARD, SAGA_READ_ONLY);
	expect(f, "1 done, 1 read_only");
}

static void what_is_taken_out_was_not_done(void **state)
{
	struct fixture *f = *state;

	execute(f->bench.db, "DROP TABLE ledger; CREATE TABLE ledger(saga TEXT, step TEXT, op "
			     "TEXT)");
	assert_true(witness_follow_ledger(f->bench.db));
	execute(f->bench.db, "INSERT INTO ledger VALUES('s1', 'step', 'forward'), ('s1', 'step', "
			     "'undo')");
	expect(f, "1 done, 3 done");
	execute(f->bench.db, "DELETE FROM ledger WHERE op = 'forward'");
	expect(f, "3 done");
}

/* ---- the wire ----------------------------------------------------------------------------------
 */

static void hear(struct fixture *f, uint64_t at_ns, uint32_t attempt)
{
	struct recorder *r = f->recorder;
	struct recorder_heard *heard;

	r->heard = recorder_grow(r->heard, r->heard_count, &r->heard_capacity, sizeof *r->heard);
	heard = &r->heard[r->heard_count++];
	*heard = (struct recorder_heard){.at_ns = at_ns, .op = WIRE_OP_FORWARD, .attempt = attempt};
	assert_int_equal(id_from(&heard->saga, slice_str("s1")), 0);
	assert_int_equal(id_from(&heard->step, slice_str("step")), 0);
}

static void a_tap_hears_late_but_not_very_late(void **state)
{
	static const uint64_t ms = 1000000;
	struct fixture *f = *state;
	uint64_t effect;

	work(f, SAGA_OP_FORWARD, SAGA_OK);
	expect(f, "1 done");
	effect = f->history.effects[0].order;
	hear(f, effect + 5 * ms, 1);
	hear(f, effect + 9 * ms, 2);
	recorder_add_commands(f->recorder, &f->history);
	assert_int_equal(f->history.command_count, 2);
	assert_true(f->history.commands[0].order == effect - 1);
	assert_true(f->history.commands[1].order == effect + 9 * ms);
	/* Nobody may have sent this one before. */
	f->recorder->heard_count = 0;
	hear(f, effect + 3000 * ms, 1);
	recorder_add_commands(f->recorder, &f->history);
	assert_true(f->history.commands[2].order == effect + 3000 * ms);
	assert_int_equal(f->history.parts & HISTORY_WIRE, 0); /* there is no tap */
}

/* ---- clients -----------------------------------------------------------------------------------
 */

static void silence_is_no_answer(void **state)
{
	static const int silent[] = {SAGA_ERR_UNKNOWN, SAGA_ERR_TIMEOUT, SAGA_ERR_DISCONNECTED};
	struct fixture *f = *state;
	struct saga_status status = {.state = SAGA_STATE_COMPENSATED};
	const struct history *live = &f->recorder->live;

	for (uint32_t i = 0; i < 3; i++)
		recorder_told(
			f->recorder,
			recorder_asked(f->recorder, &(struct recorder_ask){.kind = HISTORY_SUBMIT}),
			silent[i], &status);
	assert_int_equal(live->request_count, 3);
	assert_int_equal(live->answer_count, 0);
	recorder_told(f->recorder, 1, SAGA_ERR_BUSY, &status);
	assert_int_equal(live->answers[0].code, err_to_wire(SAGA_E_BUSY));
	assert_int_equal(live->answers[0].request, 1);
	assert_true(live->answers[0].order > live->requests[2].order);
	/* libsaga's word for "rolled back": the owner took the request. */
	recorder_told(f->recorder, 2, SAGA_ERR_ABORTED, &status);
	assert_int_equal(live->answers[1].code, 0);
	assert_int_equal(live->answers[1].state, WIRE_STATE_COMPENSATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(done_and_undone_once, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_leaves_no_effect, setup, teardown),
		cmocka_unit_test_setup_teardown(undo_before_its_forward, setup, teardown),
		cmocka_unit_test_setup_teardown(settled_before_its_forward, setup, teardown),
		cmocka_unit_test_setup_teardown(votes_and_own_decisions, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_taken_out_was_not_done, setup, teardown),
		cmocka_unit_test_setup_teardown(a_tap_hears_late_but_not_very_late, setup,
						teardown),
		cmocka_unit_test_setup_teardown(silence_is_no_answer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
