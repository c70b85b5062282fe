#include "tests/unit/txn_states.h"

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO
#define OK      WIRE_OUTCOME_OK

static const char *const names[] = {"a", "b", "c"};

struct txn_entry *state_entry(struct host *h, const char *id)
{
	struct txn_entry *e = txn_entry_find(h->t, slice_str(id));

	assert_non_null(e);
	return e;
}

struct txn_branch *state_branch(struct host *h, uint32_t step)
{
	return &state_entry(h, "s")->body->branches[step];
}

void state_running(struct host *h)
{
	struct host_plan p;

	host_plan(&p, names, 2);
	host_submit_wait(h, "s", &p);
}

void state_two_running(struct host *h)
{
	struct host_plan p;

	state_running(h);
	host_plan(&p, names, 1);
	host_submit(h, "z", &p);
}

void state_halfway(struct host *h)
{
	state_running(h);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
}

void state_undoing(struct host *h)
{
	state_halfway(h);
	host_cancel(h, "s");
	assert_int_equal(state_branch(h, 1)->state, WIRE_BRANCH_UNDOING);
	assert_int_equal(state_branch(h, 0)->state, WIRE_BRANCH_OK);
}

void state_parked(struct host *h)
{
	state_undoing(h);
	host_reply(h, "s", 1, "b", UNDO, 1, OK);
	host_reply(h, "s", 0, "a", UNDO, 1, WIRE_OUTCOME_PARK);
	assert_int_equal(state_branch(h, 0)->state, WIRE_BRANCH_PARKED);
}

void state_without_return(struct host *h)
{
	struct host_plan p;

	host_plan(&p, names, 3);
	p.steps[1].flags = WIRE_STEP_PIVOT;
	p.steps[1].undo = (struct slice){0};
	p.steps[2].flags = WIRE_STEP_RETRIABLE;
	p.steps[2].undo = (struct slice){0};
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	assert_int_equal(state_branch(h, 1)->state, WIRE_BRANCH_ACTIVE);
}

void state_decided(struct host *h)
{
	state_without_return(h);
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	assert_int_equal(state_branch(h, 2)->state, WIRE_BRANCH_ACTIVE);
}

void state_voting(struct host *h)
{
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_TCC, names, 2);
	host_submit(h, "s", &p);
}

void state_finishing(struct host *h)
{
	state_voting(h);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	assert_int_equal(state_branch(h, 0)->state, WIRE_BRANCH_FINISHING);
}

void state_enlisted(struct host *h)
{
	const struct wire_step step = host_branch(WIRE_PROTOCOL_2PC, "a");

	host_begin(h, "s", WIRE_PROTOCOL_2PC);
	host_enlist(h, "s", &step);
}

void state_remembered(struct host *h)
{
	struct host_plan p;

	host_plan(&p, names, 1);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_cancel(h, "x");
	assert_null(state_entry(h, "s")->body);
}
