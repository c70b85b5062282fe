/* What a service does with a command: the handler of an account service, behind the barrier of the
 * product. Steps move money from or to one of its accounts; votes hold it first. Beside all
 * commands it works for branches of interactive transactions, and acts on what it was told when it
 * asked. What it holds is its own business, and so is not in the barrier's rows. */
#include <string.h>

#include "base/check.h"
#include "client/barrier.h"
#include "client/context.h"
#include "tests/sim/sim.h"

struct visit {
	struct sim *sim;
	const struct sim_work *work;
	const struct sim_saga *saga;
	const struct sim_step_plan *step;
	bool ran;
};

static struct sim_database *store_of(struct sim *sim, uint32_t service)
{
	return sim->services[service].store;
}

/* ---- the work, inside the barrier's transaction ------------------------------------------------
 */

static bool votes(const struct visit *v)
{
	return v->step->class == HISTORY_VOTE && !v->work->one_phase;
}

/* Where no money moves, a vote may be all there is. */
static bool reads_only(struct visit *v)
{
	return votes(v) && v->step->amount == 0 && sim_chance(v->sim, SIM_SERVICE, 150);
}

static bool do_forward(struct visit *v, struct sim_database *store, enum sim_hold hold)
{
	const bool worked = hold == SIM_HOLD_WORKED;
	const int64_t amount = v->step->amount;

	if (votes(v))
		return sim_database_write_hold(store, SIM_HOLD_VOTED) &&
		       sim_database_effect(store, WIRE_OP_FORWARD, HISTORY_DONE, 0,
					   worked ? 0 : amount);
	return sim_database_write_hold(store, SIM_HOLD_OVER) &&
	       sim_database_effect(store, WIRE_OP_FORWARD, HISTORY_DONE, amount,
				   worked ? -amount : 0);
}

/* Nobody may commit what is not there; and what must succeed in the end is never refused for good.
 */
static bool refuses(const struct visit *v, enum sim_hold hold)
{
	if (sim_interactive(v->saga) && hold != SIM_HOLD_WORKED)
		return true;
	return v->step->class != HISTORY_RETRIABLE &&
	       sim_chance(v->sim, SIM_SERVICE, v->sim->services[v->work->service].person.rejects);
}

static void forward(struct visit *v, struct sim_database *store, struct saga_context *context,
		    struct saga_result *result)
{
	enum sim_hold hold;
	char output[32];

	v->sim->count.first_runs++;
	if (!sim_database_read_hold(store, &hold))
		return;
	if (refuses(v, hold)) {
		v->sim->count.rejections++;
		result->outcome = SAGA_REJECTED;
		return;
	}
	if (reads_only(v)) {
		if (!sim_database_write_hold(store, SIM_HOLD_OVER) ||
		    !sim_database_effect(store, WIRE_OP_FORWARD, HISTORY_READ_ONLY, 0, 0))
			return;
		v->sim->count.read_only++;
		result->outcome = SAGA_READ_ONLY;
		return;
	}
	if (!do_forward(v, store, hold))
		return;
	sim_output_text(v->work->saga, v->work->step, output);
	result->output_size = strlen(output);
	result->output = saga_context_copy(context, output, result->output_size);
	result->outcome = SAGA_OK;
}

/* Confirm, commit; compensate, cancel, roll back. False: the database failed. */
static bool settle_hold(const struct sim_step_plan *step, struct sim_database *store, uint32_t op,
			enum sim_hold hold)
{
	const bool held = hold == SIM_HOLD_VOTED || hold == SIM_HOLD_WORKED;
	const int64_t amount = step->amount;

	if (!sim_database_write_hold(store, SIM_HOLD_OVER))
		return false;
	if (op == WIRE_OP_FINISH)
		return sim_database_effect(store, op, HISTORY_DONE, amount, -amount);
	return sim_database_effect(store, op, HISTORY_DONE, held ? 0 : -amount, held ? -amount : 0);
}

/* Invariant 38. */
static void decide_alone(struct visit *v, struct sim_database *store, struct saga_context *context,
			 struct saga_result *result)
{
	if (!sim_database_write_hold(store, SIM_HOLD_OVER) ||
	    !sim_database_effect(store, v->work->op, HISTORY_HEURISTIC, 0, 0))
		return;
	v->sim->count.heuristics++;
	result->outcome = SAGA_HEURISTIC;
	saga_context_set_code(context, SAGA_ERR_HEURISTIC_MIXED);
}

static void second_phase(struct visit *v, struct sim_database *store, struct saga_context *context,
			 struct saga_result *result)
{
	const bool vote = v->step->class == HISTORY_VOTE;
	enum sim_hold hold;

	if (!sim_database_read_hold(store, &hold))
		return;
	/* It had asked, and has acted. */
	if (vote && hold == SIM_HOLD_OVER) {
		result->outcome = SAGA_OK;
		return;
	}
	if (vote && sim_chance(v->sim, SIM_SERVICE, v->sim->faults.heuristics)) {
		decide_alone(v, store, context, result);
		return;
	}
	if (!settle_hold(v->step, store, v->work->op, hold))
		return;
	v->sim->count.confirms += v->work->op == WIRE_OP_FINISH;
	result->outcome = SAGA_OK;
}

static void work_on(struct barrier_store *base, struct saga_context *context,
		    struct saga_result *result, void *user)
{
	struct sim_database *store = (struct sim_database *)base;
	struct visit *v = user;

	v->ran = true;
	if (v->work->op == WIRE_OP_FORWARD)
		forward(v, store, context, result);
	else
		second_phase(v, store, context, result);
}

/* ---- beside the barrier ------------------------------------------------------------------------
 */

static void begin_visit(struct sim_database *store, uint32_t saga, uint32_t step)
{
	store->at = (struct sim_database_at){
		.saga = saga, .step = step, .shard = store->sim->sagas[saga].shard, .asked = true};
}

/* A transaction of the application's own. False: nothing is known of it. */
static bool alone(struct sim_database *store,
		  bool (*change)(struct sim_database *store, uint32_t op), uint32_t op)
{
	const struct barrier_store_ops *ops = store->base.ops;
	bool done = ops->transact(&store->base, BARRIER_BEGIN);

	done = done && change(store, op) && ops->transact(&store->base, BARRIER_COMMIT);
	if (ops->in_transaction(&store->base))
		(void)ops->transact(&store->base, BARRIER_ROLLBACK);
	store->ops->publish(store);
	return done;
}

static const char *saga_at(const struct sim_database *store)
{
	return store->sim->sagas[store->at.saga].id.text;
}

static const char *step_at(const struct sim_database *store)
{
	return (const char *)sim_step_name(store->at.step).data;
}

/* What it holds, it finishes or gives back; twice is once. */
static bool change_end(struct sim_database *store, uint32_t op)
{
	const struct sim_step_plan *step = &store->sim->sagas[store->at.saga].steps[store->at.step];
	enum sim_hold hold;
	int rc;

	if (!sim_database_read_hold(store, &hold))
		return false;
	if (hold == SIM_HOLD_OVER || hold == SIM_HOLD_NONE)
		return true;
	if (hold == SIM_HOLD_VOTED)
		return settle_hold(step, store, op, hold);
	rc = barrier_took_back(&store->base, saga_at(store), step_at(store));
	return rc == SAGA_ERR_NOT_FOUND || (rc == 0 && settle_hold(step, store, op, hold));
}

/* What was worked before the vote, with a no of its own or when it is settled. */
static void give_back(struct barrier_store *base, struct saga_context *context,
		      struct saga_result *result, void *user)
{
	struct sim_database *store = (struct sim_database *)base;
	const struct visit *v = user;
	enum sim_hold hold;

	(void)context;
	if (sim_database_read_hold(store, &hold) && settle_hold(v->step, store, WIRE_OP_UNDO, hold))
		result->outcome = SAGA_OK;
}

/* ---- a command ---------------------------------------------------------------------------------
 */

static void count_visit(const struct visit *v, const struct saga_context *context,
			const struct saga_result *result)
{
	struct sim_counters *count = &v->sim->count;
	const enum saga_verdict verdict = context->verdict;
	const bool settles = v->work->op == WIRE_OP_SETTLE;

	count->stale_commands += verdict == SAGA_VERDICT_STALE;
	count->expired_commands += verdict == SAGA_VERDICT_EXPIRED;
	count->duplicates += verdict == SAGA_VERDICT_DUPLICATE;
	count->late_forwards += verdict == SAGA_VERDICT_LATE_FORWARD;
	count->empty_undos += verdict == SAGA_VERDICT_EMPTY_UNDO;
	count->settled_ok += settles && result->outcome == SAGA_OK;
	count->blocked +=
		settles && result->outcome == SAGA_REJECTED && verdict == SAGA_VERDICT_FIRST;
}

static void run_barrier(struct visit *v, struct sim_database *store, struct saga_context *context,
			struct saga_result *result)
{
	if (sim_interactive(v->saga))
		barrier_run_branch(&store->base, context, result, work_on, give_back, v);
	else if (v->work->op == WIRE_OP_SETTLE)
		barrier_settle(&store->base, context, result);
	else
		barrier_run(&store->base, context, result, work_on, v);
	store->ops->publish(store);
	/* What a liar said made the barrier park: in the end somebody has looked, and said so. */
	if (result->outcome == SAGA_PARK && v->sim->healed &&
	    v->sim->services[v->work->service].person.liar)
		result->outcome = SAGA_OK;
	count_visit(v, context, result);
}

/* Before it comes to the barrier: nothing is promised by that. What must succeed is refused for
 * now only (row 38). */
static bool turned_away(struct visit *v, struct saga_result *result)
{
	struct sim *sim = v->sim;

	if (sim_chance(sim, SIM_SERVICE, sim->faults.service_retries)) {
		result->outcome = SAGA_RETRY;
		result->retry_after_ms = 30;
	} else if (sim_chance(sim, SIM_SERVICE, sim->faults.service_parks)) {
		result->outcome = SAGA_PARK;
	} else if (v->step->class == HISTORY_RETRIABLE && v->work->op == WIRE_OP_FORWARD &&
		   sim_chance(sim, SIM_SERVICE, sim->services[v->work->service].person.rejects)) {
		result->outcome = SAGA_REJECTED;
	} else {
		return false;
	}
	return true;
}

bool sim_bank_run(struct sim *sim, const struct sim_work *w, struct context_answer *answer)
{
	static const char *const names[] = {"work", "do", "finish", "undo", "settle"};
	const struct sim_saga *saga = &sim->sagas[w->saga];
	struct sim_database *store = store_of(sim, w->service);
	struct visit v = {.sim = sim, .work = w, .saga = saga, .step = &saga->steps[w->step]};
	const struct wire_command command = {
		.saga = id_slice(&saga->id),
		.step_name = sim_step_name(w->step),
		.op = w->op,
		.op_name = slice_str(names[w->op]),
		.operation = w->operation,
		.attempt = w->attempt,
		.admission = w->admission,
	};
	struct saga_result result = {.outcome = SAGA_RETRY};
	struct saga_context context;

	context_open(&context, &command, w->shard, w->epoch, w->low_water, 0);
	store->at = (struct sim_database_at){.saga = w->saga,
					     .step = w->step,
					     .shard = w->shard,
					     .epoch = w->epoch,
					     .one_phase = w->one_phase};
	sim_database_arm(store);
	if (!turned_away(&v, &result))
		run_barrier(&v, store, &context, &result);
	sim_database_disarm(store);
	context_finish(&context, &result, answer);
	if (w->op == WIRE_OP_FORWARD && result.outcome == SAGA_OK && v.ran && votes(&v) &&
	    v.step->asks)
		sim_participant_doubt(sim, w->saga, w->step);
	return !store->dead;
}

/* ---- beside all commands -----------------------------------------------------------------------
 */

/* A rollback or a vote may have been first. */
static bool change_work(struct sim_database *store, uint32_t op)
{
	const struct sim *sim = store->sim;
	const struct sim_database_at *at = &store->at;
	enum sim_hold hold;

	if (!sim_database_read_hold(store, &hold))
		return false;
	if (hold != SIM_HOLD_NONE)
		return true;
	return barrier_worked(&store->base, saga_at(store), step_at(store)) == 0 &&
	       sim_database_write_hold(store, SIM_HOLD_WORKED) &&
	       sim_database_effect(store, op, HISTORY_DONE, 0,
				   sim->sagas[at->saga].steps[at->step].amount);
}

/* Work of which nobody was told is given back, unless it was voted for meanwhile. It writes in any
 * case: what was read alone proves nothing, as SQLite may find a failed commit whole in its WAL
 * when it starts again, unless something was written over it. */
static bool change_back(struct sim_database *store, uint32_t op)
{
	enum sim_hold hold;

	(void)op;
	return sim_database_read_hold(store, &hold) &&
	       (hold == SIM_HOLD_WORKED
			? change_end(store, WIRE_OP_UNDO)
			: hold != SIM_HOLD_NONE || sim_database_write_hold(store, SIM_HOLD_OVER));
}

static void act(struct sim *sim, struct sim_event *e);

static void act_later(struct sim *sim, uint32_t saga, uint32_t step, uint32_t op)
{
	enum { AGAIN_MS = 100 };
	struct sim_event *e = sim_at(sim, sim->now_ms + AGAIN_MS, SIM_WORLD, act);

	e->a = saga;
	e->b = step;
	e->c = op;
}

/* When the database has not said that it is done, it may be, and it may not be: again, until it
 * says so. */
static void act(struct sim *sim, struct sim_event *e)
{
	const uint32_t service = sim->sagas[e->a].steps[e->b].service;
	struct sim_database *store = store_of(sim, service);
	bool done = false;

	if (sim->services[service].down_until_ms <= sim->now_ms) {
		begin_visit(store, (uint32_t)e->a, (uint32_t)e->b);
		done = alone(store, e->c == SIM_WORK ? change_back : change_end, (uint32_t)e->c);
	}
	if (!done)
		act_later(sim, (uint32_t)e->a, (uint32_t)e->b, (uint32_t)e->c);
}

bool sim_bank_work(struct sim *sim, uint32_t saga, uint32_t step)
{
	const struct sim_step_plan *s = &sim->sagas[saga].steps[step];
	struct sim_database *store = store_of(sim, s->service);

	/* A rollback or a vote was first: the barrier says so, unless its rows are gone. */
	if (store->cleaned && sim->holds[saga][step] != SIM_HOLD_NONE)
		return false;
	begin_visit(store, saga, step);
	if (!alone(store, change_work, SIM_WORK)) {
		act_later(sim, saga, step, SIM_WORK);
		return false;
	}
	if (sim->holds[saga][step] != SIM_HOLD_WORKED)
		return false;
	if (s->asks)
		sim_participant_doubt(sim, saga, step);
	return true;
}

bool sim_bank_in_doubt(const struct sim *sim, uint32_t saga, uint32_t step)
{
	return sim->holds[saga][step] == SIM_HOLD_WORKED ||
	       sim->holds[saga][step] == SIM_HOLD_VOTED;
}

bool sim_bank_voted(const struct sim *sim, uint32_t saga, uint32_t step)
{
	return sim->holds[saga][step] == SIM_HOLD_VOTED;
}

void sim_bank_decide(struct sim *sim, uint32_t saga, uint32_t step, bool commit)
{
	struct sim_database *store = store_of(sim, sim->sagas[saga].steps[step].service);

	if (!sim_bank_in_doubt(sim, saga, step))
		return;
	begin_visit(store, saga, step);
	if (!alone(store, change_end, commit ? WIRE_OP_FINISH : WIRE_OP_UNDO)) {
		act_later(sim, saga, step, commit ? WIRE_OP_FINISH : WIRE_OP_UNDO);
		return;
	}
	sim->count.finished_alone += commit;
	sim->count.rolled_back_alone += !commit;
}
