#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "tests/integration/trip_judged.h"
#include "wire/plan.h"

enum {
	CALL_MS = 3000,
	BRANCHES = 4,
	IDLE_MS = 30000,
	SHORT_IDLE_MS = 1000,
	STRIDE = 17,
	CANCELS = 3
};

/* One interactive transaction, as its client sees it. */
struct by_hand {
	struct judged_trip *trip;
	struct recorder *recorder;
	char id[SAGA_ID_SIZE];
	const char *script;
	uint32_t idle_ms, saga;
	struct saga_transaction *transaction;
	uint64_t meant; /* branches, as bits */
	struct saga_status status;
};

/* Nobody ever enlists the last one. */
static const char *const steps[BRANCHES] = {"a", "b", "c", "never"};
static const char *const services[BRANCHES] = {"svc-a", "svc-b", "svc-c", "svc-a"};

static struct saga_branch branch_of(uint32_t number)
{
	struct saga_branch branch;

	saga_branch_init(&branch);
	branch.name = steps[number];
	branch.service = services[number];
	branch.prepare = "prepare";
	branch.commit = "commit";
	branch.rollback = "rollback";
	branch.attempt_timeout_ms = 1000;
	branch.budget_ms = 20000;
	return branch;
}

/* Before anything is asked: what the client means by the id. */
static void mean(struct by_hand *h)
{
	struct wire_step branches[BRANCHES];
	struct saga_branch given[BRANCHES];
	struct wire_plan plan = {.name = slice_str("interactive"),
				 .version = 1,
				 .protocol = WIRE_PROTOCOL_2PC,
				 .idle_ms = h->idle_ms};

	wire_plan_resolve(&plan);
	for (uint32_t i = 0; i < BRANCHES; i++) {
		given[i] = branch_of(i);
		branches[i] = recorder_branch(&given[i]);
	}
	plan.steps = branches;
	plan.step_count = BRANCHES;
	h->saga = recorder_saga(h->recorder, h->id, &plan, slice_str(h->script),
				h->trip->load.retry_until_unix_ms);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

struct ask {
	enum history_request_kind kind;
	uint32_t step;
	struct saga_transaction *transaction;
};

static int send(struct by_hand *h, const struct ask *ask)
{
	struct saga_connection *connection = h->trip->load.connection;
	struct saga_begin_options begin;
	struct saga_commit_options commit;
	struct saga_branch branch;

	switch (ask->kind) {
	case HISTORY_SUBMIT:
		saga_begin_options_init(&begin);
		begin.id = h->id;
		begin.idle_timeout_ms = h->idle_ms;
		begin.input = h->script;
		begin.input_size = strlen(h->script);
		begin.retry_until_unix_ms = h->trip->load.retry_until_unix_ms;
		begin.timeout_ms = CALL_MS;
		return saga_begin(connection, &begin, &h->transaction, &h->status);
	case HISTORY_ENLIST:
		branch = branch_of(ask->step);
		return saga_enlist(ask->transaction, &branch, CALL_MS, &h->status);
	case HISTORY_COMMIT:
		saga_commit_options_init(&commit);
		commit.timeout_ms = CALL_MS;
		return saga_commit(ask->transaction, &commit, &h->status);
	case HISTORY_CANCEL:
		return saga_cancel(connection, h->id, "by hand", CALL_MS, &h->status);
	default:
		return saga_wait(connection, h->id, CALL_MS, &h->status);
	}
}

static bool unknown(int error)
{
	return error == SAGA_ERR_UNKNOWN || error == SAGA_ERR_TIMEOUT ||
	       error == SAGA_ERR_DISCONNECTED || error == SAGA_ERR_BUSY ||
	       error == SAGA_ERR_PENDING;
}

/* Again, each time as a request of its own, until it is known. */
static int ask_until_known(struct by_hand *h, const struct ask *ask)
{
	const uint64_t begun_ms = wait_now_ms();
	int error;

	do {
		const uint32_t request =
			recorder_asked(h->recorder, &(struct recorder_ask){.kind = ask->kind,
									   .saga = h->saga,
									   .step = ask->step,
									   .branches = h->meant});

		(void)memset(&h->status, 0, sizeof h->status);
		error = send(h, ask);
		recorder_told(h->recorder, request, error, &h->status);
	} while (unknown(error) && !stage_is_past(begun_ms, TRIP_WAIT_MS));
	return error;
}

static int request(struct by_hand *h, enum history_request_kind kind)
{
	return ask_until_known(
		h,
		&(struct ask){.kind = kind, .step = HISTORY_NONE, .transaction = h->transaction});
}

static int enlist(struct by_hand *h, uint32_t step)
{
	const int error = ask_until_known(
		h,
		&(struct ask){.kind = HISTORY_ENLIST, .step = step, .transaction = h->transaction});

	if (error == 0)
		h->meant |= UINT64_C(1) << step;
	return error;
}

/* ---- what clients do ---------------------------------------------------------------------------
 */

/* As many branches as are enlisted, and another one among them (S9). */
static void commit_as_many_others(struct by_hand *h)
{
	const struct saga_branch never = branch_of(BRANCHES - 1);
	const struct wire_step step = recorder_branch(&never);
	const uint64_t meant = h->meant;
	struct saga_transaction *wrong = NULL;
	struct saga_branches branches;
	struct hash128 hash = {.bytes = {0}};

	saga_transaction_branches(h->transaction, &branches);
	wire_branch_set_add(&hash, &step);
	for (size_t i = 0; i < sizeof branches.hash; i++)
		branches.hash[i] ^= hash.bytes[i];
	branches.count++;
	if (saga_join(h->trip->load.connection, h->id, &wrong) != 0)
		return;
	(void)saga_transaction_add(wrong, &branches);
	h->meant |= UINT64_C(1) << (BRANCHES - 1);
	(void)ask_until_known(
		h,
		&(struct ask){.kind = HISTORY_COMMIT, .step = HISTORY_NONE, .transaction = wrong});
	h->meant = meant;
	saga_transaction_free(wrong);
}

/* Somebody else has enlisted a branch, and this one does not know yet. */
static void commit_with_another(struct by_hand *h)
{
	struct saga_transaction *other = NULL;
	struct saga_branches branches;

	if (saga_join(h->trip->load.connection, h->id, &other) != 0)
		return;
	const int error = ask_until_known(
		h, &(struct ask){.kind = HISTORY_ENLIST, .step = 2, .transaction = other});
	commit_as_many_others(h);
	(void)request(h, HISTORY_COMMIT); /* S9: another set */
	if (error == 0) {
		saga_transaction_branches(other, &branches);
		(void)saga_transaction_add(h->transaction, &branches);
		h->meant |= UINT64_C(1) << 2;
		(void)request(h, HISTORY_COMMIT);
	}
	saga_transaction_free(other);
}

enum { TURN_COMMITS, TURN_REFUSED, TURN_ROLLS_BACK, TURN_IDLE, TURN_LATE, TURN_OTHER, TURN_KINDS };

static void take_turn(struct judged_trip *trip, uint32_t number)
{
	const uint32_t kind = number % TURN_KINDS;
	struct by_hand h = {.trip = trip,
			    .recorder = trip->judged.recorder,
			    .script = kind == TURN_REFUSED ? "reject:b" : "",
			    .idle_ms = kind == TURN_IDLE ? SHORT_IDLE_MS : IDLE_MS};

	(void)snprintf(h.id, sizeof h.id, "by-hand-%u", number);
	mean(&h);
	if (request(&h, HISTORY_SUBMIT) != 0)
		return;
	(void)enlist(&h, 0);
	(void)enlist(&h, 1);
	if (kind == TURN_ROLLS_BACK)
		(void)request(&h, HISTORY_CANCEL);
	else if (kind == TURN_OTHER)
		commit_with_another(&h);
	else if (kind != TURN_IDLE)
		(void)request(&h, HISTORY_COMMIT);
	if (kind == TURN_LATE)
		(void)enlist(&h, 2);
	(void)request(&h, HISTORY_WAIT_QUERY);
	saga_transaction_free(h.transaction);
}

/* One that is open and has a point of no return; else any that runs, is over, or has not been
 * submitted yet. */
static uint32_t choose(struct judged_trip *trip, uint32_t number)
{
	struct load *load = &trip->load;
	uint32_t chosen = number * STRIDE % load->count;

	(void)pthread_mutex_lock(&load->lock);
	for (uint32_t i = 0; number % 3 != 0 && i < load->count; i++)
		if (load->sagas[i].phase == LOAD_OPEN && trip_plan_irrevocable(i)) {
			chosen = i;
			break;
		}
	(void)pthread_mutex_unlock(&load->lock);
	return chosen;
}

static void cancel_one(struct judged_trip *trip, uint32_t number)
{
	const uint32_t i = choose(trip, number);
	struct by_hand h = {
		.trip = trip, .recorder = trip->judged.recorder, .saga = trip->judged.numbers[i]};
	const struct ask ask = {.kind = HISTORY_CANCEL, .step = HISTORY_NONE};

	(void)snprintf(h.id, sizeof h.id, "%s", trip->load.sagas[i].id);
	(void)ask_until_known(&h, &ask);
}

static void *run(void *argument)
{
	struct judged_trip *trip = argument;

	for (uint32_t i = 0; i < trip->turns; i++) {
		take_turn(trip, i);
		for (uint32_t k = 0; k < CANCELS; k++)
			cancel_one(trip, i * CANCELS + k);
	}
	return NULL;
}

void trip_by_hand_start(struct judged_trip *trip)
{
	assert_int_equal(pthread_create(&trip->by_hand, NULL, run, trip), 0);
}

void trip_by_hand_join(struct judged_trip *trip)
{
	assert_int_equal(pthread_join(trip->by_hand, NULL), 0);
}
