/* Records that do not fit the state: a journal with one of them is damaged, or was written by an
 * engine that knows more than we do, and nobody may go on with it. */
#include "tests/unit/txn_states.h"

#include <stdio.h>

#include "wire/plan_cache.h"
#include "wire/record.h"

#define FORWARD WIRE_OP_FORWARD
#define FINISH  WIRE_OP_FINISH
#define UNDO    WIRE_OP_UNDO

/* ---- records; "s" has admission 1 ---- */

#define RECORD(name, kind_, type, ...)                                                             \
	static int name(struct host *h)                                                            \
	{                                                                                          \
		const struct wire_record_##type r = {__VA_ARGS__};                                 \
                                                                                                   \
		return txn_fold(h->t, WIRE_RECORD_##kind_, &r);                                    \
	}
#define BRANCH(name, step_, op_, event_, attempt_)                                                 \
	RECORD(name, BRANCH, branch, .admission = 1, .step = (step_), .op = (op_),                 \
	       .event = (event_), .attempt = (attempt_))
#define ABORT(name, ...) RECORD(name, DECISION, decision, .admission = 1, __VA_ARGS__)

BRANCH(ok, 0, FORWARD, WIRE_EVENT_OK, 1)
BRANCH(no_event, 0, FORWARD, 0, 1)
BRANCH(no_such_event, 0, FORWARD, WIRE_EVENT_HEURISTIC + 1, 1)
BRANCH(read_only, 0, FORWARD, WIRE_EVENT_READ_ONLY, 1)
BRANCH(heuristic, 0, FORWARD, WIRE_EVENT_HEURISTIC, 1)
BRANCH(unknown_finish, 0, FINISH, WIRE_EVENT_UNKNOWN, 1)
BRANCH(again_of_old, 0, FORWARD, WIRE_EVENT_AGAIN, 1)
BRANCH(unknown_of_old, 0, FORWARD, WIRE_EVENT_UNKNOWN, 1)
BRANCH(ok_of_old, 0, FORWARD, WIRE_EVENT_OK, 1)
RECORD(branch_of_nobody, BRANCH, branch, .admission = 9, .op = FORWARD, .event = WIRE_EVENT_OK,
       .attempt = 1)
RECORD(parks_nobody, PARKED, parked, .admission = 9, .op = FORWARD, .attempts = 1)
RECORD(parks_forward, PARKED, parked, .admission = 1, .op = FORWARD, .attempts = 1)
RECORD(parks_twice, PARKED, parked, .admission = 1, .op = UNDO, .attempts = 2)
RECORD(parks_too_late, PARKED, parked, .admission = 1, .step = 1, .op = UNDO, .attempts = 2)
RECORD(parks, PARKED, parked, .admission = 1, .step = 1, .op = UNDO, .attempts = 1)
ABORT(no_reason, .reason = WIRE_REASON_NONE)
ABORT(reason_of_the_inbox, .reason = WIRE_REASON_REFUSED)
ABORT(no_such_reason, .reason = WIRE_REASON_IDLE + 1)
ABORT(by_no_step, .reason = WIRE_REASON_DEADLINE, .has_step = true, .step = 2)
ABORT(by_a_step, .reason = WIRE_REASON_REJECTED, .has_step = true, .step = 1)
ABORT(aborted, .reason = WIRE_REASON_DEADLINE)
ABORT(committed, .verdict = WIRE_DECISION_COMMIT)
RECORD(decides_nobody, DECISION, decision, .admission = 9, .reason = WIRE_REASON_DEADLINE)
RECORD(completed, FINISHED, finished, .admission = 1, .state = WIRE_STATE_COMPLETED)
RECORD(compensated, FINISHED, finished, .admission = 1, .state = WIRE_STATE_COMPENSATED)
RECORD(closed, CLOSED, closed, .admission = 1)
RECORD(closes_nobody, CLOSED, closed, .admission = 9)
RECORD(blocks_nobody, TOMBSTONE, tombstone, .at = 1)
RECORD(inbox_of_no_time, INBOX, inbox, .sequence = 1, .at = 1)
RECORD(inbox_for_ever, INBOX, inbox, .created = slice_str("now"), .sequence = 1, .at = UINT64_MAX,
       .saga = slice_str("i"), .code = 1, .remember_until_at = 9)
RECORD(inbox_refused_for_nothing, INBOX, inbox, .created = slice_str("now"), .sequence = 1, .at = 1,
       .saga = slice_str("i"), .remember_until_at = 9)
RECORD(inbox, INBOX, inbox, .created = slice_str("now"), .sequence = 1, .at = 1)

static int blocks_a_long_id(struct host *h)
{
	static const uint8_t letters[ID_SIZE_MAX + 1] = {'a'};
	const struct wire_record_tombstone r = {.saga = slice_of(letters, sizeof letters), .at = 1};

	return txn_fold(h->t, WIRE_RECORD_TOMBSTONE, &r);
}

static int inbox_of_a_long_time(struct host *h)
{
	static const uint8_t letters[TXN_INBOX_CREATED_MAX + 1] = {'a'};
	const struct wire_record_inbox r = {
		.created = slice_of(letters, sizeof letters), .sequence = 1, .at = 1};

	return txn_fold(h->t, WIRE_RECORD_INBOX, &r);
}

static int no_record(struct host *h)
{
	const struct wire_query query = {.id = slice_str("s")};

	return txn_fold(h->t, WIRE_QUERY, &query);
}

/* Two of a vote said yes, and one of them is done already: its end would leave the other. */
static void one_is_done(struct host *h)
{
	state_finishing(h);
	host_reply(h, "s", 0, "a", FINISH, 1, WIRE_OUTCOME_OK);
}

static void tried_twice(struct host *h)
{
	state_running(h);
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_RETRY);
	host_tick(h, 100);
	assert_int_equal(state_branch(h, 0)->attempts[0], 1);
}

static const struct {
	const char *what;
	void (*state)(struct host *h);
	int (*fold)(struct host *h);
	int expected;
} cases[] = {
	{"the kind", state_running, no_record, SAGA_E_KIND},
	{"a branch of what is over", state_remembered, ok, SAGA_E_STATE},
	{"a branch of nobody", state_running, branch_of_nobody, SAGA_E_STATE},
	{"no event", state_running, no_event, SAGA_E_STATE},
	{"an event to come", state_running, no_such_event, SAGA_E_STATE},
	{"read only without a vote", state_running, read_only, SAGA_E_STATE},
	{"heuristic without a vote", state_running, heuristic, SAGA_E_STATE},
	{"read only by a vote", state_voting, read_only, 0},
	{"an unknown finish", state_finishing, unknown_finish, SAGA_E_STATE},
	{"again of an attempt before", tried_twice, again_of_old, SAGA_E_STATE},
	{"unknown of an attempt before", tried_twice, unknown_of_old, SAGA_E_STATE},
	{"ok of an attempt before", tried_twice, ok_of_old, 0}, /* invariant 28 */
	{"parks nobody", state_running, parks_nobody, SAGA_E_STATE},
	{"parks what is given up instead", state_running, parks_forward, SAGA_E_STATE},
	{"parks what is parked", state_parked, parks_twice, SAGA_E_STATE},
	{"parks with a wrong count", state_undoing, parks_too_late, SAGA_E_STATE},
	{"parks", state_undoing, parks, 0},
	{"an abort for nothing", state_running, no_reason, SAGA_E_STATE},
	{"an abort as of an entry", state_running, reason_of_the_inbox, SAGA_E_STATE},
	{"an abort for a reason to come", state_running, no_such_reason, SAGA_E_STATE},
	{"an abort by no step", state_running, by_no_step, SAGA_E_STATE},
	{"an abort by a step", state_running, by_a_step, 0},
	{"an abort without return", state_without_return, aborted, SAGA_E_STATE}, /* S4 */
	{"an abort after the commit", state_finishing, aborted, SAGA_E_STATE},    /* 11 */
	{"a commit after the abort", state_undoing, committed, SAGA_E_STATE},     /* 11 */
	{"a commit before the votes", state_voting, committed, SAGA_E_STATE},     /* 13 */
	{"a commit before the end", state_enlisted, committed, SAGA_E_STATE},     /* S9 */
	{"a decision on nobody", state_running, decides_nobody, SAGA_E_STATE},
	{"completed while it runs", state_running, completed, SAGA_E_STATE}, /* 15 */
	{"compensated while it runs", state_running, compensated, SAGA_E_STATE},
	{"completed while it is undone", state_undoing, completed, SAGA_E_STATE},
	{"compensated while it is undone", state_undoing, compensated, SAGA_E_STATE},
	{"completed before all is", one_is_done, completed, SAGA_E_STATE},
	{"ends twice", state_remembered, completed, SAGA_E_STATE},
	{"closed twice", state_running, closed, SAGA_E_STATE},
	{"closes nobody", state_enlisted, closes_nobody, SAGA_E_STATE},
	{"closed", state_enlisted, closed, 0},
	{"blocks no id", state_running, blocks_nobody, SAGA_E_STATE},
	{"blocks a long id", state_running, blocks_a_long_id, SAGA_E_STATE},
	{"an inbox without a time", state_running, inbox_of_no_time, SAGA_E_STATE},
	{"an inbox with a long one", state_running, inbox_of_a_long_time, SAGA_E_STATE},
	{"an entry for ever", state_running, inbox_for_ever, SAGA_E_STATE},
	{"refused for no reason", state_running, inbox_refused_for_nothing, SAGA_E_STATE},
	{"an entry", state_running, inbox, 0},
};

static void each_record_is_taken_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		static struct host h;
		int said;

		host_init(&h);
		host_start(&h);
		cases[i].state(&h);
		said = cases[i].fold(&h);
		if (said != cases[i].expected)
			fail_msg("%s: %s instead of %s", cases[i].what, err_slug(said),
				 err_slug(cases[i].expected));
		assert_int_equal(txn_last_record(h.t), h.record_count + (said == 0));
		host_close(&h);
	}
}

/* ---- what is accepted or enlisted ---- */

static int accept(struct host *h, const struct wire_plan *plan, struct slice id, uint64_t at)
{
	const struct wire_record_accepted r = {
		.saga = id, .admission = h->t->next_admission, .plan = *plan, .accepted_at = at};

	return txn_fold(h->t, WIRE_RECORD_ACCEPTED, &r);
}

#define SPOILT(change)                                                                             \
	do {                                                                                       \
		host_plan(&p, names, 3);                                                           \
		p.plan.steps = p.steps;                                                            \
		change;                                                                            \
		assert_int_equal(accept(h, &p.plan, slice_str("t"), 1), SAGA_E_STATE);             \
	} while (0)

/* The fold carries what an owner could have accepted, and nothing else. */
static void no_unsound_plan_is_accepted(void **state)
{
	static const char *const names[] = {"a", "b", "c"};
	static const uint8_t itself[] = {1}, beyond[] = {3}, letters[ID_SIZE_MAX + 1] = {'a'};
	struct host *h = *state;
	static struct wire_step many[WIRE_STEPS_MAX + 1];
	struct host_plan p;

	SPOILT(p.plan.name = (struct slice){0});
	SPOILT(p.plan.protocol = 0);
	SPOILT(p.plan.protocol = WIRE_PROTOCOL_MIXED + 1);
	SPOILT(p.plan.idle_ms = 1000); /* interactive, and has steps */
	SPOILT(p.plan.step_count = 0); /* neither */
	SPOILT(p.plan.steps = many; p.plan.step_count = WIRE_STEPS_MAX + 1);
	SPOILT(p.steps[1].name = (struct slice){0});
	SPOILT(p.steps[1].service = (struct slice){0});
	SPOILT(p.steps[1].forward = (struct slice){0});
	SPOILT(p.steps[1].delivery = WIRE_DELIVERY_DIRECT + 1);
	SPOILT(p.steps[1].delivery = 0);
	SPOILT(p.steps[1].retry.jitter_percent = 101);
	SPOILT(p.steps[1].undo_retry.jitter_percent = 101);
	SPOILT(p.steps[1].flags = WIRE_STEP_PIVOT | WIRE_STEP_OPTIONAL);
	SPOILT(p.steps[1].kind = WIRE_PROTOCOL_TCC; p.plan.protocol = WIRE_PROTOCOL_MIXED);
	SPOILT(p.steps[1].kind = WIRE_PROTOCOL_TCC; p.steps[1].finish = slice_str("confirm");
	       p.steps[1].undo = (struct slice){0}; p.plan.protocol = WIRE_PROTOCOL_MIXED);
	SPOILT(p.steps[1].after = slice_of(itself, 1));
	SPOILT(p.steps[1].after = slice_of(beyond, 1));
	SPOILT(p.steps[1].flags = p.steps[2].flags = WIRE_STEP_PIVOT);

	host_plan(&p, names, 3);
	assert_int_equal(accept(h, &p.plan, (struct slice){0}, 1), SAGA_E_STATE);
	assert_int_equal(accept(h, &p.plan, slice_of(letters, sizeof letters), 1), SAGA_E_STATE);
	assert_int_equal(accept(h, &p.plan, slice_str("t"), UINT64_MAX), SAGA_E_STATE);
	assert_int_equal(accept(h, &p.plan, slice_str("t"), 1), 0);
	assert_int_equal(accept(h, &p.plan, slice_str("t"), 1), SAGA_E_STATE);
}

static int enlist(struct host *h, uint64_t admission, const struct wire_step *step)
{
	const struct wire_record_enlisted r = {.admission = admission, .step = *step, .at = 1};

	return txn_fold(h->t, WIRE_RECORD_ENLISTED, &r);
}

#define UNFIT(change)                                                                              \
	do {                                                                                       \
		struct wire_step step = host_branch(WIRE_PROTOCOL_2PC, "b");                       \
                                                                                                   \
		change;                                                                            \
		assert_int_equal(enlist(h, 1, &step), SAGA_E_STATE);                               \
	} while (0)

static void no_unsound_branch_is_enlisted(void **state)
{
	static const uint8_t first[] = {0};
	struct host *h = *state;
	struct wire_step good = host_branch(WIRE_PROTOCOL_2PC, "b");

	state_enlisted(h);
	UNFIT(step.service = (struct slice){0});
	UNFIT(step.finish = (struct slice){0});
	UNFIT(step.undo = (struct slice){0});
	UNFIT(step.kind = WIRE_PROTOCOL_TCC);
	UNFIT(step.flags = WIRE_STEP_PIVOT);
	UNFIT(step.after = slice_of(first, 1));
	UNFIT(step.name = slice_str("a")); /* is enlisted */
	assert_int_equal(enlist(h, 9, &good), SAGA_E_STATE);
	for (uint32_t i = 1; i < WIRE_STEPS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "n%u", i);
		good.name = slice_str(name);
		assert_int_equal(enlist(h, 1, &good), 0);
	}
	good.name = slice_str("more");
	assert_int_equal(enlist(h, 1, &good), SAGA_E_STATE);
	assert_int_equal(closed(h), 0);
	assert_int_equal(enlist(h, 1, &good), SAGA_E_STATE);
}

/* ---- equal plans ---- */

#define OTHER(change)                                                                              \
	do {                                                                                       \
		struct wire_step other = step;                                                     \
                                                                                                   \
		change;                                                                            \
		assert_false(txn_step_equal(&step, &other));                                       \
		assert_false(txn_step_equal(&other, &step));                                       \
	} while (0)

static void steps_are_equal_in_every_field(void **state)
{
	const struct wire_step step = host_branch(WIRE_PROTOCOL_2PC, "a");
	const struct wire_step same = host_branch(WIRE_PROTOCOL_2PC, "a");

	(void)state;
	assert_true(txn_step_equal(&step, &same));
	OTHER(other.name = slice_str("x"));
	OTHER(other.service = slice_str("x"));
	OTHER(other.forward = slice_str("x"));
	OTHER(other.finish = slice_str("x"));
	OTHER(other.undo = slice_str("x"));
	OTHER(other.after = slice_str("x"));
	OTHER(other.one_phase = slice_str("x"));
	OTHER(other.input = slice_str("x"));
	OTHER(other.attempt_timeout_ms++);
	OTHER(other.budget_ms++);
	OTHER(other.delivery++);
	OTHER(other.flags++);
	OTHER(other.kind++);
	OTHER(other.retry.initial_ms++);
	OTHER(other.retry.factor_percent++);
	OTHER(other.retry.cap_ms++);
	OTHER(other.retry.jitter_percent++);
	OTHER(other.retry.attempts++);
	OTHER(other.undo_retry.initial_ms++);
	OTHER(other.undo_retry.factor_percent++);
	OTHER(other.undo_retry.cap_ms++);
	OTHER(other.undo_retry.jitter_percent++);
	OTHER(other.undo_retry.attempts++);
}

#define UNLIKE(change)                                                                             \
	do {                                                                                       \
		host_plan(&p, names, 2);                                                           \
		p.plan.known = &known;                                                             \
		change;                                                                            \
		assert_int_not_equal(txn_plan_measure(h->t, &p.plan), 0);                          \
	} while (0)

/* That two hashes agree is no proof: the plan of another saga must never be taken for this one's.
 */
static void plans_are_compared_beyond_their_hash(void **state)
{
	static const char *const names[] = {"a", "b", "c"};
	struct host *h = *state;
	struct host_plan p;
	struct wire_known_plan known = {.identity = 77};

	state_running(h);
	known.hash = state_entry(h, "s")->body->plan->hash;
	host_plan(&p, names, 2);
	p.plan.known = &known;
	assert_int_equal(txn_plan_measure(h->t, &p.plan), 0);
	UNLIKE(p.plan.name = slice_str("x"));
	UNLIKE(p.plan.version++);
	UNLIKE(p.plan.protocol++);
	UNLIKE(p.plan.deadline_ms++);
	UNLIKE(p.plan.idle_ms++);
	UNLIKE(p.plan.step_count--);
	UNLIKE(p.steps[1].budget_ms++);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_record_is_taken_or_refused),
		cmocka_unit_test_setup_teardown(no_unsound_plan_is_accepted, host_set_up,
						host_tear_down),
		cmocka_unit_test_setup_teardown(no_unsound_branch_is_enlisted, host_set_up,
						host_tear_down),
		cmocka_unit_test(steps_are_equal_in_every_field),
		cmocka_unit_test_setup_teardown(plans_are_compared_beyond_their_hash, host_set_up,
						host_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
