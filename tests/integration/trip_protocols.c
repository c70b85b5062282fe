/* Every protocol on a real cluster, one transaction at a time: who is asked, in which order, and
 * what stands in the services' databases in the end. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/trip.h"

enum { WAIT_MS = 60000 };

#define TIMES                                                                                      \
	"deadline: 60s\n"                                                                          \
	"defaults:\n"                                                                              \
	"  timeout: 2s\n"                                                                          \
	"  retry: {attempts: 3, initial: 100ms, factor: 2, cap: 1s}\n"                             \
	"  undo_retry: {attempts: 50, initial: 50ms, factor: 2, cap: 1s}\n"
#define VOTE(name)                                                                                 \
	"  - {name: " name ", service: svc-" name                                                  \
	", prepare: prepare, commit: commit, rollback: rollback, budget: 20s, after: []}\n"

static const char two_phase[] =
	"name: vote\nprotocol: 2pc\n" TIMES "steps:\n" VOTE("a") VOTE("b") VOTE("c");
static const char one_phase[] =
	"name: alone\nprotocol: 2pc\n" TIMES "steps:\n"
	"  - {name: a, service: svc-a, prepare: prepare, commit: commit, rollback: rollback,"
	" one_phase: once}\n";
static const char last_resource[] = "name: last\nprotocol: 2pc\n" TIMES "steps:\n" VOTE("a")
	VOTE("b") "  - {name: c, service: svc-c, commit: once, last_resource: true, after: []}\n";
static const char pivot[] = "name: pivot\n" TIMES "steps:\n"
			    "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
			    "  - {name: b, service: svc-b, action: do, pivot: true}\n"
			    "  - {name: c, service: svc-c, action: do, retriable: true}\n";
static const char optional_undo[] =
	"name: optional\n" TIMES "steps:\n"
	"  - {name: a, service: svc-a, action: do, compensate: undo}\n"
	"  - {name: b, service: svc-b, action: do, compensate: undo, optional: true}\n"
	"  - {name: c, service: svc-c, action: do, compensate: undo}\n";
static const char optional_settle[] =
	"name: optional\n" TIMES "steps:\n"
	"  - {name: a, service: svc-a, action: do, compensate: undo}\n"
	"  - {name: b, service: svc-b, action: do, compensate: none, optional: true}\n"
	"  - {name: c, service: svc-c, action: do, compensate: undo}\n";
/* All in one database, so that the order of their effects can be read there. */
static const char diamond[] =
	"name: diamond\n" TIMES "steps:\n"
	"  - {name: a, service: svc-a, action: do, compensate: undo}\n"
	"  - {name: b, service: svc-a, action: do, compensate: undo, after: [a]}\n"
	"  - {name: c, service: svc-a, action: do, compensate: undo, after: [a]}\n"
	"  - {name: d, service: svc-a, action: do, compensate: undo, after: [b, c]}\n"
	"  - {name: e, service: svc-a, action: do, compensate: undo, after: [d]}\n";

static struct trip trip;

static int open_trip(void **state)
{
	static const char *const set[] = {"saga.parked_retry=1s", NULL};
	struct cluster_options options;
	(void)state;
	trip_options(&options);
	options.set = set;
	trip_open(&trip, &options);
	return 0;
}

static int close_trip(void **state)
{
	(void)state;
	trip_close(&trip);
	return 0;
}

static const char *service_of(const char *step)
{
	static char name[32];
	(void)snprintf(name, sizeof name, "svc-%s", step);
	return name;
}

static uint32_t done(const char *id, const char *step, enum saga_op op)
{
	return trip_rows(&trip, "effect", service_of(step), id, step, op);
}

static uint32_t called(const char *id, const char *step, enum saga_op op)
{
	return trip_rows(&trip, "call", service_of(step), id, step, op);
}

static struct saga_status status_of(const char *id)
{
	struct saga_status status;
	assert_int_equal(saga_query(trip.connection, id, WAIT_MS, &status), 0);
	return status;
}

/* ---- two-phase commit ----------------------------------------------------------------------- */

static void votes_are_committed(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, two_phase);
	assert_int_equal(trip_run(&trip, "", id), SAGA_STATE_COMPLETED);
	for (const char *step = "a\0b\0c\0"; *step; step += 2) {
		assert_int_equal(done(id, step, SAGA_OP_FORWARD), 1);
		assert_int_equal(done(id, step, SAGA_OP_FINISH), 1);
		assert_int_equal(called(id, step, SAGA_OP_UNDO), 0);
	}
	assert_int_equal(status_of(id).decision, SAGA_DECISION_COMMIT);
}

static void one_no_rolls_back(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, two_phase);
	assert_int_equal(trip_run(&trip, "reject:b", id), SAGA_STATE_COMPENSATED);
	for (const char *step = "a\0b\0c\0"; *step; step += 2) {
		assert_int_equal(done(id, step, SAGA_OP_FORWARD), done(id, step, SAGA_OP_UNDO));
		assert_int_equal(called(id, step, SAGA_OP_FINISH), 0);
	}
	assert_int_equal(called(id, "b", SAGA_OP_UNDO), 0); /* presumed abort */
	assert_int_equal(status_of(id).decision, SAGA_DECISION_ABORT);
}

static void read_only_is_asked_once(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, two_phase);
	assert_int_equal(trip_run(&trip, "readonly:b", id), SAGA_STATE_COMPLETED);
	assert_int_equal(done(id, "a", SAGA_OP_FINISH), 1);
	assert_int_equal(done(id, "c", SAGA_OP_FINISH), 1);
	assert_int_equal(called(id, "b", SAGA_OP_FINISH), 0);
	assert_int_equal(trip_run(&trip, "readonly:b slow:a:1000 reject:a", id),
			 SAGA_STATE_COMPENSATED);
	assert_int_equal(called(id, "b", SAGA_OP_UNDO), 0);
}

static void alone_is_one_phase(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, one_phase);
	assert_int_equal(trip_run(&trip, "", id), SAGA_STATE_COMPLETED);
	assert_int_equal(called(id, "a", SAGA_OP_FORWARD), 1);
	assert_int_equal(done(id, "a", SAGA_OP_FORWARD), 1);
	assert_int_equal(called(id, "a", SAGA_OP_FINISH), 0);
	assert_int_equal(trip_run(&trip, "reject:a", id), SAGA_STATE_COMPENSATED);
	assert_int_equal(called(id, "a", SAGA_OP_UNDO), 0);
}

static void last_resource_comes_last(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, last_resource);
	assert_int_equal(trip_run(&trip, "", id), SAGA_STATE_COMPLETED);
	assert_int_equal(done(id, "a", SAGA_OP_FINISH), 1);
	assert_int_equal(done(id, "c", SAGA_OP_FORWARD), 1);
	assert_int_equal(trip_run(&trip, "reject:a", id), SAGA_STATE_COMPENSATED);
	assert_int_equal(called(id, "c", SAGA_OP_FORWARD), 0);
	assert_int_equal(trip_run(&trip, "reject:c", id), SAGA_STATE_COMPENSATED);
	assert_int_equal(done(id, "a", SAGA_OP_UNDO), 1);
	assert_int_equal(done(id, "b", SAGA_OP_UNDO), 1);
	/* Its answers are lost, and it is done: nobody may roll back. */
	assert_int_equal(trip_run(&trip, "lose:c:99", id), SAGA_STATE_COMPLETED);
	assert_int_equal(done(id, "c", SAGA_OP_FORWARD), 1);
	assert_true(called(id, "c", SAGA_OP_SETTLE) > 0);
	assert_int_equal(called(id, "a", SAGA_OP_UNDO), 0);
}

static void heuristics_stay_in_view(void **state)
{
	char id[SAGA_ID_SIZE];
	struct saga_status status;
	(void)state;
	trip_define(&trip, two_phase);
	assert_int_equal(trip_run(&trip, "heuristic:b", id), SAGA_STATE_COMPLETED);
	status = status_of(id);
	assert_int_equal(status.heuristics, 1);
	assert_int_equal(status.decision, SAGA_DECISION_COMMIT);
	assert_int_equal(done(id, "a", SAGA_OP_FINISH), 1);
}

/* ---- in doubt ------------------------------------------------------------------------------- */

struct voted {
	char id[SAGA_ID_SIZE];
};

static bool two_have_voted(void *context)
{
	const struct voted *v = context;
	return done(v->id, "a", SAGA_OP_FORWARD) == 1 && done(v->id, "b", SAGA_OP_FORWARD) == 1;
}

/* The owner dies when two have voted and the third is still at it: those two hold their locks and
 * ask. Nobody tells them anything but what the next owner decides. */
static void killed_between_votes_and_decision(void **state)
{
	struct voted v;
	struct saga_status status;
	char owner[16];
	(void)state;
	trip_define(&trip, two_phase);
	trip_submit(&trip, "slow:c:3000", v.id);
	assert_true(wait_until(two_have_voted, &v, WAIT_MS));
	(void)snprintf(owner, sizeof owner, "%s", trip_owner(&trip, v.id));
	assert_int_equal(done(v.id, "c", SAGA_OP_FORWARD), 0);
	assert_int_equal(cluster_signal(trip.cluster, owner, SIGKILL), 0);
	assert_true(cluster_wait_end(trip.cluster, owner, WAIT_MS));
	assert_int_equal(saga_inquire(trip.connection, "svc-a", v.id, "a", WAIT_MS, &status), 0);
	assert_true(status.decision == SAGA_DECISION_COMMIT ||
		    status.decision == SAGA_DECISION_ABORT);
	const bool committed = status.decision == SAGA_DECISION_COMMIT;
	assert_int_equal(trip_wait(&trip, v.id),
			 committed ? SAGA_STATE_COMPLETED : SAGA_STATE_COMPENSATED);
	for (const char *step = "a\0b\0c\0"; *step; step += 2) {
		assert_int_equal(done(v.id, step, SAGA_OP_FINISH), committed);
		if (committed)
			assert_int_equal(called(v.id, step, SAGA_OP_UNDO), 0);
		else
			assert_int_equal(done(v.id, step, SAGA_OP_FORWARD),
					 done(v.id, step, SAGA_OP_UNDO));
	}
	assert_int_equal(cluster_restart(trip.cluster, owner), 0);
	assert_int_equal(cluster_wait_serving(trip.cluster, WAIT_MS), 0);
}

/* Row 43: what nobody knows was aborted, and can never be begun any more (S2). */
static void inquiry_about_the_unknown_is_an_abort(void **state)
{
	struct saga_submit_options options;
	struct saga_status status;
	(void)state;
	trip_define(&trip, two_phase);
	assert_int_equal(
		saga_inquire(trip.connection, "svc-a", "never-seen", "a", WAIT_MS, &status), 0);
	assert_int_equal(status.decision, SAGA_DECISION_ABORT);
	saga_submit_options_init(&options);
	options.id = "never-seen";
	options.timeout_ms = WAIT_MS;
	assert_int_equal(saga_submit(trip.connection, trip.definition, &options, &status),
			 SAGA_ERR_CANCELLED);
}

/* ---- the point of no return -------------------------------------------------------------------
 */

static void unknown_pivot_that_was_done(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, pivot);
	assert_int_equal(trip_run(&trip, "lose:b:99", id), SAGA_STATE_COMPLETED);
	assert_int_equal(done(id, "b", SAGA_OP_FORWARD), 1);
	assert_true(called(id, "b", SAGA_OP_FORWARD) >=
		    3); /* attempts, and what the broker repeats */
	assert_true(called(id, "b", SAGA_OP_SETTLE) > 0);
	assert_int_equal(done(id, "c", SAGA_OP_FORWARD), 1);
	assert_int_equal(called(id, "a", SAGA_OP_UNDO), 0);
}

static void unknown_pivot_that_was_not_done(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, pivot);
	assert_int_equal(trip_run(&trip, "retry:b:99", id), SAGA_STATE_COMPENSATED);
	assert_int_equal(done(id, "b", SAGA_OP_FORWARD), 0);
	assert_true(called(id, "b", SAGA_OP_SETTLE) > 0);
	assert_int_equal(done(id, "a", SAGA_OP_UNDO), 1);
	assert_int_equal(called(id, "c", SAGA_OP_FORWARD), 0);
}

static bool pivot_is_out(void *context)
{
	return called(context, "b", SAGA_OP_FORWARD) > 0;
}

static void pivot_that_is_out_is_not_cancelled(void **state)
{
	char id[SAGA_ID_SIZE];
	struct saga_status status;
	(void)state;
	trip_define(&trip, pivot);
	trip_submit(&trip, "slow:b:1500", id);
	assert_true(wait_until(pivot_is_out, id, WAIT_MS));
	const int error = saga_cancel(trip.connection, id, "test", 500, &status);
	assert_int_equal(error, SAGA_ERR_PENDING);
	assert_int_equal(trip_wait(&trip, id), SAGA_STATE_COMPLETED);
	assert_int_equal(saga_cancel(trip.connection, id, "test", WAIT_MS, &status),
			 SAGA_ERR_TOO_LATE);
	assert_int_equal(called(id, "a", SAGA_OP_UNDO), 0);
}

static void retriable_goes_on_until_it_is_done(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, pivot);
	/* Past its three attempts it is parked, and tried on. */
	assert_int_equal(trip_run(&trip, "retry:c:4", id), SAGA_STATE_COMPLETED);
	assert_int_equal(called(id, "c", SAGA_OP_FORWARD), 5);
	assert_int_equal(done(id, "c", SAGA_OP_FORWARD), 1);
}

/* ---- optional steps ---------------------------------------------------------------------------
 */

static void unknown_optional_is_undone_first(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, optional_undo);
	assert_int_equal(trip_run(&trip, "lose:b:99", id), SAGA_STATE_COMPLETED);
	assert_int_equal(done(id, "b", SAGA_OP_FORWARD), 1);
	assert_int_equal(done(id, "b", SAGA_OP_UNDO), 1); /* S23 */
	assert_int_equal(done(id, "c", SAGA_OP_FORWARD), 1);
	assert_int_equal(trip_run(&trip, "reject:b", id), SAGA_STATE_COMPLETED);
	assert_int_equal(called(id, "b", SAGA_OP_UNDO), 0);
}

static void unknown_optional_is_found_out(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, optional_settle);
	assert_int_equal(trip_run(&trip, "lose:b:99", id), SAGA_STATE_COMPLETED);
	assert_int_equal(done(id, "b", SAGA_OP_FORWARD), 1);
	assert_true(called(id, "b", SAGA_OP_SETTLE) > 0);
	assert_int_equal(trip_run(&trip, "retry:b:99", id), SAGA_STATE_COMPLETED);
	assert_int_equal(done(id, "b", SAGA_OP_FORWARD), 0);
	assert_int_equal(done(id, "c", SAGA_OP_FORWARD), 1);
}

/* ---- the order of undo ------------------------------------------------------------------------
 */

static uint32_t place(const char *id, const char *step, enum saga_op op)
{
	const uint32_t found = trip_place(&trip, "svc-a", id, step, op);
	assert_true(found > 0);
	return found;
}

static void diamond_is_undone_in_reverse(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	trip_define(&trip, diamond);
	assert_int_equal(trip_run(&trip, "reject:e", id), SAGA_STATE_COMPENSATED);
	assert_true(place(id, "a", SAGA_OP_FORWARD) < place(id, "b", SAGA_OP_FORWARD));
	assert_true(place(id, "a", SAGA_OP_FORWARD) < place(id, "c", SAGA_OP_FORWARD));
	assert_true(place(id, "b", SAGA_OP_FORWARD) < place(id, "d", SAGA_OP_FORWARD));
	assert_true(place(id, "c", SAGA_OP_FORWARD) < place(id, "d", SAGA_OP_FORWARD));
	assert_true(place(id, "d", SAGA_OP_UNDO) < place(id, "b", SAGA_OP_UNDO));
	assert_true(place(id, "d", SAGA_OP_UNDO) < place(id, "c", SAGA_OP_UNDO));
	assert_true(place(id, "b", SAGA_OP_UNDO) < place(id, "a", SAGA_OP_UNDO));
	assert_true(place(id, "c", SAGA_OP_UNDO) < place(id, "a", SAGA_OP_UNDO));
}

/* ---- interactive ------------------------------------------------------------------------------
 */

static struct saga_transaction *begin(const char *id, uint32_t idle_ms)
{
	struct saga_begin_options options;
	struct saga_transaction *transaction = NULL;
	saga_begin_options_init(&options);
	options.id = id;
	options.idle_timeout_ms = idle_ms;
	options.timeout_ms = WAIT_MS;
	assert_int_equal(saga_begin(trip.connection, &options, &transaction, NULL), 0);
	return transaction;
}

static int enlist(struct saga_transaction *transaction, const char *step)
{
	struct saga_branch branch;
	saga_branch_init(&branch);
	branch.name = step;
	branch.service = service_of(step);
	branch.prepare = "prepare";
	branch.commit = "commit";
	branch.rollback = "rollback";
	return saga_enlist(transaction, &branch, WAIT_MS, NULL);
}

static int commit(struct saga_transaction *transaction, struct saga_status *status)
{
	struct saga_commit_options options;
	saga_commit_options_init(&options);
	options.timeout_ms = WAIT_MS;
	return saga_commit(transaction, &options, status);
}

static void late_enlist_is_told_to_roll_back(void **state)
{
	struct saga_transaction *transaction = begin("late", 30000);
	struct saga_status status;
	(void)state;
	assert_int_equal(enlist(transaction, "a"), 0);
	assert_int_equal(enlist(transaction, "b"), 0);
	assert_int_equal(enlist(transaction, "b"), 0); /* again is the same */
	assert_int_equal(commit(transaction, &status), 0);
	assert_int_equal(status.state, SAGA_STATE_COMPLETED);
	assert_int_equal(enlist(transaction, "c"), SAGA_ERR_CLOSED);
	assert_int_equal(done("late", "a", SAGA_OP_FINISH), 1);
	assert_int_equal(done("late", "b", SAGA_OP_FINISH), 1);
	assert_int_equal(called("late", "c", SAGA_OP_FORWARD), 0);
	saga_transaction_free(transaction);
}

static void other_branches_are_not_committed(void **state)
{
	struct saga_transaction *transaction = begin("others", 30000);
	struct saga_transaction *other = NULL;
	struct saga_branches branches;
	struct saga_status status;
	(void)state;
	assert_int_equal(saga_join(trip.connection, "others", &other), 0);
	assert_int_equal(enlist(transaction, "a"), 0);
	assert_int_equal(enlist(other, "b"), 0);
	assert_int_equal(commit(transaction, &status), SAGA_ERR_BRANCHES); /* S9 */
	assert_int_equal(called("others", "a", SAGA_OP_FORWARD), 0);
	saga_transaction_branches(other, &branches);
	assert_int_equal(saga_transaction_add(transaction, &branches), 0);
	assert_int_equal(commit(transaction, &status), 0);
	assert_int_equal(done("others", "b", SAGA_OP_FINISH), 1);
	saga_transaction_free(other);
	saga_transaction_free(transaction);
}

static void idle_one_is_rolled_back(void **state)
{
	struct saga_transaction *transaction = begin("idle", 1000);
	struct saga_status status;
	(void)state;
	assert_int_equal(enlist(transaction, "a"), 0);
	assert_int_equal(enlist(transaction, "b"), 0);
	assert_int_equal(trip_wait(&trip, "idle"), SAGA_STATE_COMPENSATED);
	status = status_of("idle");
	assert_int_equal(status.reason, SAGA_REASON_IDLE);
	/* It may have worked for the transaction already: each enlisted one is told. */
	assert_int_equal(called("idle", "a", SAGA_OP_UNDO), 1);
	assert_int_equal(called("idle", "b", SAGA_OP_UNDO), 1);
	assert_int_equal(called("idle", "a", SAGA_OP_FORWARD), 0);
	assert_int_equal(enlist(transaction, "c"), SAGA_ERR_CLOSED);
	assert_int_equal(commit(transaction, &status), SAGA_ERR_ABORTED);
	saga_transaction_free(transaction);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(votes_are_committed),
		cmocka_unit_test(one_no_rolls_back),
		cmocka_unit_test(read_only_is_asked_once),
		cmocka_unit_test(alone_is_one_phase),
		cmocka_unit_test(last_resource_comes_last),
		cmocka_unit_test(heuristics_stay_in_view),
		cmocka_unit_test(killed_between_votes_and_decision),
		cmocka_unit_test(inquiry_about_the_unknown_is_an_abort),
		cmocka_unit_test(unknown_pivot_that_was_done),
		cmocka_unit_test(unknown_pivot_that_was_not_done),
		cmocka_unit_test(pivot_that_is_out_is_not_cancelled),
		cmocka_unit_test(retriable_goes_on_until_it_is_done),
		cmocka_unit_test(unknown_optional_is_undone_first),
		cmocka_unit_test(unknown_optional_is_found_out),
		cmocka_unit_test(diamond_is_undone_in_reverse),
		cmocka_unit_test(late_enlist_is_told_to_roll_back),
		cmocka_unit_test(other_branches_are_not_committed),
		cmocka_unit_test(idle_one_is_rolled_back),
	};
	return cmocka_run_group_tests(tests, open_trip, close_trip);
}
