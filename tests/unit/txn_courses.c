#include "tests/unit/txn_courses.h"

#include <stdio.h>

#define ID "s"

static const char *const letters[] = {"a", "b", "c", "d", "e", "f", "g", "h"};

/* ---- plans --------------------------------------------------------------------------------------
 */

static void make_vote(struct wire_step *step, uint32_t protocol)
{
	const bool tcc = protocol == WIRE_PROTOCOL_TCC;

	step->forward = slice_str(tcc ? "try" : "prepare");
	step->finish = slice_str(tcc ? "confirm" : "commit");
	step->undo = slice_str(tcc ? "cancel" : "rollback");
	step->after = (struct slice){0};
	step->retry.attempts = 1;
	step->budget_ms = 0;
}

void host_votes(struct host_plan *p, uint32_t protocol, const char *const *names, uint32_t count)
{
	host_plan(p, names, count);
	p->plan.protocol = protocol;
	for (uint32_t i = 0; i < count; i++)
		make_vote(&p->steps[i], protocol);
}

static void make_pivot(struct wire_step *step)
{
	step->flags = WIRE_STEP_PIVOT;
	step->undo = (struct slice){0};
	step->finish = (struct slice){0};
}

static void plan_saga(struct host_plan *p, uint32_t n)
{
	host_plan(p, letters, n);
	for (uint32_t i = 0; i < n; i++)
		p->steps[i].retry.attempts = 1;
}

static void plan_pivot_last(struct host_plan *p, uint32_t n)
{
	plan_saga(p, n);
	make_pivot(&p->steps[n - 1]);
}

static void plan_pivot_first(struct host_plan *p, uint32_t n)
{
	plan_saga(p, n);
	make_pivot(&p->steps[0]);
	for (uint32_t i = 1; i < n; i++) {
		p->steps[i].flags = WIRE_STEP_RETRIABLE;
		p->steps[i].undo = (struct slice){0};
	}
}

static void plan_optional(struct host_plan *p, uint32_t n)
{
	plan_saga(p, n);
	p->steps[n - 1].flags = WIRE_STEP_OPTIONAL;
}

static void plan_optional_bare(struct host_plan *p, uint32_t n)
{
	plan_optional(p, n);
	p->steps[n - 1].undo = (struct slice){0};
}

static void plan_tcc(struct host_plan *p, uint32_t n)
{
	host_votes(p, WIRE_PROTOCOL_TCC, letters, n);
}

static void plan_2pc(struct host_plan *p, uint32_t n)
{
	host_votes(p, WIRE_PROTOCOL_2PC, letters, n);
}

static void plan_one_phase(struct host_plan *p, uint32_t n)
{
	plan_2pc(p, n);
	for (uint32_t i = 0; i < n; i++)
		p->steps[i].one_phase = slice_str("at_once");
}

static void plan_last_resource(struct host_plan *p, uint32_t n)
{
	plan_2pc(p, n);
	make_pivot(&p->steps[n - 1]);
}

/* The last one is a step of a saga. */
static void plan_mixed(struct host_plan *p, uint32_t n)
{
	plan_saga(p, n);
	p->plan.protocol = WIRE_PROTOCOL_MIXED;
	for (uint32_t i = 0; i < n; i++) {
		p->steps[i].kind = i % 2 ? WIRE_PROTOCOL_TCC : WIRE_PROTOCOL_2PC;
		if (i + 1 < n)
			make_vote(&p->steps[i], p->steps[i].kind);
	}
	p->steps[n - 1].kind = WIRE_PROTOCOL_SAGA;
	p->steps[n - 1].after = (struct slice){0};
}

static void plan_mixed_pivot(struct host_plan *p, uint32_t n)
{
	plan_mixed(p, n);
	make_pivot(&p->steps[n - 1]);
}

static void plan_none(struct host_plan *p, uint32_t n)
{
	(void)n;
	host_plan(p, letters, 0);
	p->plan.protocol = WIRE_PROTOCOL_2PC;
	p->plan.idle_ms = 5000;
}

/* ---- participants ------------------------------------------------------------------------------
 */

static uint32_t yes(uint32_t n, uint32_t step, uint32_t op)
{
	(void)n;
	(void)step;
	(void)op;
	return WIRE_OUTCOME_OK;
}

static uint32_t last_no(uint32_t n, uint32_t step, uint32_t op)
{
	return op == WIRE_OP_FORWARD && step + 1 == n ? WIRE_OUTCOME_REJECTED : WIRE_OUTCOME_OK;
}

static uint32_t last_silent(uint32_t n, uint32_t step, uint32_t op)
{
	return op == WIRE_OP_FORWARD && step + 1 == n ? 0 : WIRE_OUTCOME_OK;
}

static uint32_t last_blocked(uint32_t n, uint32_t step, uint32_t op)
{
	return op == WIRE_OP_SETTLE ? WIRE_OUTCOME_REJECTED : last_silent(n, step, op);
}

static uint32_t read_only(uint32_t n, uint32_t step, uint32_t op)
{
	(void)n;
	(void)step;
	return op == WIRE_OP_FORWARD ? WIRE_OUTCOME_READ_ONLY : WIRE_OUTCOME_OK;
}

static uint32_t but_first_read_only(uint32_t n, uint32_t step, uint32_t op)
{
	return step == 0 ? WIRE_OUTCOME_OK : read_only(n, step, op);
}

/* ---- the table ---------------------------------------------------------------------------------
 */

#define DONE                        .state = WIRE_STATE_COMPLETED
#define UNDONE                      .state = WIRE_STATE_COMPENSATED
#define COURSE(name_, plan_, says_) .name = (name_), .plan = plan_, .says = says_
#define N                                                                                          \
	{                                                                                          \
		1, 0                                                                               \
	}
#define CONST(k)                                                                                   \
	{                                                                                          \
		0, k                                                                               \
	}

const struct course courses[] = {
	{COURSE("saga of n steps in a row, all ok", plan_saga, yes), .from = 1, .to = 8, DONE,
	 .answers = CONST(2), .commands = N, .branch = N, .rounds = N},
	{COURSE("saga, the last step says no", plan_saga, last_no), .from = 1, .to = 8, UNDONE,
	 .answers = CONST(2), .commands = {2, -1}, .branch = {2, -1}, .decision = CONST(1),
	 .rounds = {2, -1}},
	{COURSE("saga, the last step stays unknown", plan_saga, last_silent), .from = 1, .to = 8,
	 UNDONE, .answers = CONST(2), .commands = {2, 0}, .branch = {2, 0}, .decision = CONST(1),
	 .rounds = {2, 0}},
	{COURSE("saga, the last step is the pivot", plan_pivot_last, yes), .from = 1, .to = 8, DONE,
	 .answers = CONST(2), .commands = N, .branch = N, .rounds = N},
	{COURSE("saga, the first is the pivot, the rest retriable", plan_pivot_first, yes),
	 .from = 1, .to = 8, DONE, .answers = CONST(2), .commands = N, .branch = N, .rounds = N},
	{COURSE("saga, the pivot is unknown and was done", plan_pivot_last, last_silent), .from = 1,
	 .to = 8, DONE, .answers = CONST(2), .commands = {1, 1}, .branch = {1, 1},
	 .rounds = {1, 1}},
	{COURSE("saga, the pivot is unknown and was blocked", plan_pivot_last, last_blocked),
	 .from = 1, .to = 8, UNDONE, .answers = CONST(2), .commands = {2, 0}, .branch = {2, 0},
	 .decision = CONST(1), .rounds = {2, 0}},
	{COURSE("saga, its optional last step says no", plan_optional, last_no), .from = 1, .to = 8,
	 DONE, .answers = CONST(2), .commands = N, .branch = N, .rounds = N},
	{COURSE("saga, its optional last step is unknown and undone", plan_optional, last_silent),
	 .from = 1, .to = 8, DONE, .answers = CONST(2), .commands = {1, 1}, .branch = {1, 1},
	 .rounds = {1, 1}},
	{COURSE("saga, its optional last step has no undo and is blocked", plan_optional_bare,
		last_blocked),
	 .from = 1, .to = 8, DONE, .answers = CONST(2), .commands = {1, 1}, .branch = {1, 1},
	 .rounds = {1, 1}},
	{COURSE("TCC of n, all yes", plan_tcc, yes), .from = 1, .to = 8, DONE, .answers = CONST(2),
	 .commands = {2, 0}, .branch = {2, 0}, .decision = CONST(1), .rounds = CONST(2)},
	{COURSE("TCC, one says no", plan_tcc, last_no), .from = 2, .to = 8, UNDONE,
	 .answers = CONST(2), .commands = {2, -1}, .branch = {2, -1}, .decision = CONST(1),
	 .rounds = CONST(2)},
	{COURSE("2PC of n, all yes", plan_2pc, yes), .from = 1, .to = 8, DONE, .answers = CONST(2),
	 .commands = {2, 0}, .branch = {2, 0}, .decision = CONST(1), .rounds = CONST(2)},
	{COURSE("2PC, one says no", plan_2pc, last_no), .from = 2, .to = 8, UNDONE,
	 .answers = CONST(2), .commands = {2, -1}, .branch = {2, -1}, .decision = CONST(1),
	 .rounds = CONST(2)},
	{COURSE("2PC, one does not answer", plan_2pc, last_silent), .from = 1, .to = 8, UNDONE,
	 .answers = CONST(2), .commands = {2, 0}, .branch = {2, 0}, .decision = CONST(1),
	 .rounds = CONST(2)},
	{COURSE("2PC, all read-only", plan_2pc, read_only), .from = 1, .to = 8, DONE,
	 .answers = CONST(2), .commands = N, .branch = N, .rounds = CONST(1)},
	{COURSE("2PC, all but one read-only", plan_2pc, but_first_read_only), .from = 1, .to = 8,
	 DONE, .answers = CONST(2), .commands = {1, 1}, .branch = {1, 1}, .decision = CONST(1),
	 .rounds = CONST(2)},
	{COURSE("2PC of one branch with `one_phase`", plan_one_phase, yes), .from = 1, .to = 1,
	 DONE, .answers = CONST(2), .commands = CONST(1), .branch = CONST(1), .rounds = CONST(1)},
	{COURSE("2PC of one branch with `one_phase`, it says no", plan_one_phase, last_no),
	 .from = 1, .to = 1, UNDONE, .answers = CONST(2), .commands = CONST(1), .branch = CONST(1),
	 .decision = CONST(1), .rounds = CONST(1)},
	{COURSE("2PC of n - 1 and a last resource", plan_last_resource, yes), .from = 2, .to = 8,
	 DONE, .answers = CONST(2), .commands = {2, -1}, .branch = {2, -1}, .rounds = CONST(3)},
	{COURSE("2PC, the last resource says no", plan_last_resource, last_no), .from = 2, .to = 8,
	 UNDONE, .answers = CONST(2), .commands = {2, -1}, .branch = {2, -1}, .decision = CONST(1),
	 .rounds = CONST(3)},
	{COURSE("mixed: n - 1 of TCC and 2PC, a step with undo", plan_mixed, yes), .from = 2,
	 .to = 8, DONE, .answers = CONST(2), .commands = {2, -1}, .branch = {2, -1},
	 .decision = CONST(1), .rounds = CONST(2)},
	{COURSE("mixed: n - 1 of TCC and 2PC, a pivot", plan_mixed_pivot, yes), .from = 2, .to = 8,
	 DONE, .answers = CONST(2), .commands = {2, -1}, .branch = {2, -1}, .rounds = CONST(3)},
	{COURSE("interactive 2PC of n", plan_none, yes), .client = COURSE_COMMITS, .from = 1,
	 .to = 8, DONE, .commands = {2, 0}, .branch = {2, 0}, .decision = CONST(1),
	 .interactive = {1, 1}, .answers = {1, 3}, .rounds = CONST(2)},
	{COURSE("interactive 2PC of n, rolled back", plan_none, yes), .client = COURSE_ROLLS_BACK,
	 .from = 1, .to = 8, UNDONE, .commands = N, .branch = N, .decision = CONST(1),
	 .interactive = N, .answers = {1, 2}, .rounds = CONST(1)},
};
const uint32_t course_count = sizeof courses / sizeof courses[0];

/* ---- driver ------------------------------------------------------------------------------------
 */

void host_begin(struct host *h, const char *id, uint32_t protocol)
{
	struct host_plan p;

	plan_none(&p, 0);
	p.plan.protocol = protocol;
	host_submit(h, id, &p);
}

struct wire_step host_branch(uint32_t protocol, const char *name)
{
	static const char *const services[] = {"a-svc", "b-svc", "c-svc", "d-svc",
					       "e-svc", "f-svc", "g-svc", "h-svc"};
	struct host_plan p;
	struct wire_step step;

	host_votes(&p, protocol, &name, 1);
	step = p.steps[0];
	step.service = slice_str(services[name[0] - 'a']);
	return step;
}

void host_enlist(struct host *h, const char *id, const struct wire_step *step)
{
	const struct wire_enlist enlist = {.id = slice_str(id), .step = *step};
	const struct txn_event event = {.kind = TXN_EVENT_ENLIST, .u.enlist = &enlist};

	assert_int_equal(host_step(h, event), 0);
}

void host_commit(struct host *h, const char *id, const struct wire_step *steps, uint32_t count,
		 bool wait)
{
	struct wire_commit commit = {.id = slice_str(id), .branch_count = count, .wait = wait};
	const struct txn_event event = {.kind = TXN_EVENT_COMMIT, .u.commit = &commit};

	for (uint32_t i = 0; i < count; i++)
		wire_branch_set_add(&commit.branch_hash, &steps[i]);
	assert_int_equal(host_step(h, event), 0);
}

void host_inquire_as(struct host *h, const char *id, const char *step, const char *service)
{
	const struct wire_inquire inquire = {.id = slice_str(id), .step = slice_str(step)};
	const struct txn_event event = {.kind = TXN_EVENT_INQUIRE,
					.u.inquire = {&inquire, slice_str(service)}};

	assert_int_equal(host_step(h, event), 0);
}

void host_inquire(struct host *h, const char *id)
{
	host_inquire_as(h, id, "a", "a-svc");
}

static void on_message(void *context, const struct txn_message *m)
{
	struct course_run *run = context;

	run->answers += m->kind == TXN_MESSAGE_ANSWER;
	if (m->kind != TXN_MESSAGE_COMMAND)
		return;
	assert_in_range(run->queued, 0, sizeof run->queue / sizeof run->queue[0] - 1);
	run->queue[run->queued].step = m->u.command.step;
	run->queue[run->queued].op = m->u.command.op;
	run->queue[run->queued++].attempt = m->u.command.attempt;
	run->commands++;
	run->asked[m->u.command.step] |= 1U << m->u.command.op;
}

/* True: the journal has come that far, and nothing that was said after the cut was ever said. */
static bool taken_over(struct course_run *run)
{
	if (run->host.record_count < run->cut)
		return false;
	host_take_over(&run->host, run->cut);
	run->queued = 0;
	run->cut = UINT32_MAX;
	return true;
}

/* A request without an answer is sent again. */
static void request(struct course_run *run, uint32_t number)
{
	static struct wire_step steps[HOST_STEPS_MAX];
	struct host *h = &run->host;
	const uint32_t n = run->n;

	do {
		if (number == 0) {
			run->plan.plan.idle_ms > 0 ? host_submit(h, ID, &run->plan)
						   : host_submit_wait(h, ID, &run->plan);
		} else if (number <= n) {
			steps[number - 1] = host_branch(WIRE_PROTOCOL_2PC, letters[number - 1]);
			host_enlist(h, ID, &steps[number - 1]);
		} else if (run->course->client == COURSE_COMMITS) {
			host_commit(h, ID, steps, n, true);
		} else {
			host_cancel(h, ID);
		}
	} while (taken_over(run));
}

static bool is_open(const struct course_run *run)
{
	struct txn_stats stats;

	txn_stats(run->host.t, &stats);
	return stats.open > 0;
}

/* Everybody answers what came in the same round trip, but the silent, whose time passes. */
static void turn(struct course_run *run)
{
	struct host *h = &run->host;
	const uint32_t count = run->queued;
	struct course_run said = *run;

	if (count == 0) {
		const uint64_t next = txn_next_deadline(h->t);

		assert_true(next != UINT64_MAX);
		host_tick(h, next > h->now ? next - h->now : 0);
		(void)taken_over(run);
		return;
	}
	run->rounds++;
	run->queued = 0;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t step = said.queue[i].step, op = said.queue[i].op;
		const uint32_t outcome = run->course->says(run->n, step, op);

		if (outcome == 0)
			continue;
		host_reply(h, ID, step, letters[step], op, said.queue[i].attempt, outcome);
		if (taken_over(run))
			return;
	}
}

void course_run(struct course_run *run, const struct course *course, uint32_t n, uint32_t cut)
{
	const uint32_t requests = course->client == COURSE_SUBMITS ? 1 : n + 2;

	memset(run, 0, sizeof *run);
	run->course = course;
	run->n = n;
	run->cut = cut;
	host_init(&run->host);
	host_start(&run->host);
	run->host.message = on_message;
	run->host.context = run;
	course->plan(&run->plan, n);
	for (uint32_t i = 0; i < requests; i++)
		request(run, i);
	for (uint32_t i = 0; is_open(run); i++) {
		if (i > 1000)
			fail_msg("%s: the course does not end", course->name);
		turn(run);
	}
}

uint32_t course_records(const struct course_run *run, enum wire_kind kind)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < run->host.record_count; i++) {
		const struct host_record *r = &run->host.records[i];
		enum wire_kind is;

		assert_int_equal(
			wire_peek_kind(slice_of(run->host.journal.data + r->offset, r->size), &is),
			0);
		count += is == kind;
	}
	return count;
}
