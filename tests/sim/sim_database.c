/* What stands between the barrier and its store: death at any call, failures, the ledger of what
 * the barrier decides by itself, and planted bugs. */
#include "tests/sim/sim_database.h"

#include "base/check.h"
#include "client/context.h"
#include "tests/sim/sim.h"

static struct sim_database *of(struct barrier_store *base)
{
	return (struct sim_database *)base;
}

/* ---- faults ------------------------------------------------------------------------------------
 */

/* The machine dies in this call. A commit may be done with, or not. */
static void die(struct sim_database *store, bool commits)
{
	struct sim *sim = store->sim;

	if (commits && sim_draw(sim, SIM_STORE, 2) == 0) {
		sim->count.crashes_after_commit++;
		(void)store->within->ops->transact(store->within, BARRIER_COMMIT);
	} else {
		sim->count.crashes_before_commit++;
	}
	store->dead = true;
}

/* May this call be made? */
static bool alive(struct sim_database *store, bool commits)
{
	if (store->dead)
		return false;
	if (store->dies_in > 0 && --store->dies_in == 0) {
		die(store, commits);
		return false;
	}
	if (!sim_chance(store->sim, SIM_STORE, store->sim->faults.store_fails))
		return true;
	store->sim->count.store_failures++;
	/* Nobody is told that it was done. */
	if (commits && sim_draw(store->sim, SIM_STORE, 2) == 0)
		(void)store->within->ops->transact(store->within, BARRIER_COMMIT);
	return false;
}

/* ---- what the barrier asks ---------------------------------------------------------------------
 */

static bool transact(struct barrier_store *base, enum barrier_act act)
{
	struct sim_database *store = of(base);

	if (act == BARRIER_BEGIN && store->ops->ready != NULL && !store->ops->ready(store))
		return false;
	/* What it cannot roll back by itself is rolled back when it has died. */
	if (act != BARRIER_ROLLBACK && !alive(store, act == BARRIER_COMMIT))
		return false;
	if (store->dead || !store->within->ops->transact(store->within, act))
		return false;
	store->begun |= act == BARRIER_BEGIN;
	store->committed |= act == BARRIER_COMMIT;
	return true;
}

static bool in_transaction(struct barrier_store *base)
{
	struct sim_database *store = of(base);

	store->begun =
		store->begun && !store->dead && store->within->ops->in_transaction(store->within);
	return store->begun;
}

/* Planted: the row is there before, and whatever becomes of, the work. */
static bool insert_alone(struct sim_database *store, const struct saga_context *context,
			 enum saga_op op, bool *inserted)
{
	struct barrier_store *within = store->within;

	return within->ops->insert(within, context, op, STORED_OK, inserted) &&
	       (!*inserted ||
		(transact(&store->base, BARRIER_COMMIT) && transact(&store->base, BARRIER_BEGIN)));
}

static bool insert(struct barrier_store *base, const struct saga_context *context, enum saga_op op,
		   enum stored_outcome outcome, bool *inserted)
{
	struct sim_database *store = of(base);
	const bool settles = saga_context_op(context) == SAGA_OP_SETTLE;

	*inserted = false;
	if (!alive(store, false))
		return false;
	if (sim_plants.row_alone && outcome == STORED_PENDING)
		return insert_alone(store, context, op, inserted);
	if (!store->within->ops->insert(store->within, context, op, outcome, inserted))
		return false;
	if (!settles || !*inserted)
		return true;
	if (sim_plants.settles_blindly)
		return store->ops->forget(store, op);
	return sim_database_effect(store, WIRE_OP_FORWARD, HISTORY_BLOCKED, 0, 0);
}

static bool update(struct barrier_store *base, const struct saga_context *context,
		   const struct saga_result *result, enum stored_outcome outcome)
{
	struct sim_database *store = of(base);
	const enum saga_op op = saga_context_op(context);
	const bool empty = context->verdict == SAGA_VERDICT_EMPTY_UNDO;

	if (!alive(store, false) ||
	    !store->within->ops->update(store->within, context, result, outcome))
		return false;
	if (empty && sim_plants.undo_unmarked && !store->ops->forget(store, SAGA_OP_FORWARD))
		return false;
	if (empty)
		return sim_database_effect(store, op, HISTORY_EMPTY, 0, 0);
	if (outcome != STORED_REJECTED)
		return true;
	return (!sim_plants.forgets_rejections || store->ops->forget(store, op)) &&
	       sim_database_effect(store, op, HISTORY_REFUSED, 0, 0);
}

static bool read_row(struct barrier_store *base, struct saga_context *context, enum saga_op op,
		     struct saga_result *result, enum stored_outcome *outcome)
{
	struct sim_database *store = of(base);

	*outcome = STORED_NONE;
	return alive(store, false) &&
	       store->within->ops->read(store->within, context, op, result, outcome);
}

static bool read_shard(struct barrier_store *base, const struct saga_context *context,
		       struct barrier_shard *shard)
{
	struct sim_database *store = of(base);

	return alive(store, false) && store->within->ops->read_shard(store->within, context, shard);
}

static bool write_shard(struct barrier_store *base, const struct saga_context *context,
			const struct barrier_shard *shard)
{
	struct sim_database *store = of(base);

	return alive(store, false) &&
	       store->within->ops->write_shard(store->within, context, shard);
}

static bool add_worked(struct barrier_store *base, const char *saga, const char *step, bool *added)
{
	struct sim_database *store = of(base);

	*added = false;
	return alive(store, false) &&
	       store->within->ops->add_worked(store->within, saga, step, added);
}

static bool take_worked(struct barrier_store *base, const char *saga, const char *step,
			bool unasked, bool *taken)
{
	struct sim_database *store = of(base);

	*taken = false;
	return alive(store, false) &&
	       store->within->ops->take_worked(store->within, saga, step, unasked, taken);
}

static bool touch(struct barrier_store *base)
{
	struct sim_database *store = of(base);

	return alive(store, false) && store->within->ops->touch(store->within);
}

static bool clean(struct barrier_store *base, const struct saga_context *context, int64_t *mark)
{
	struct sim_database *store = of(base);

	store->sim->count.cleanings++;
	store->cleaned = true;
	return alive(store, false) && store->within->ops->clean(store->within, context, mark);
}

static const struct barrier_store_ops store_ops = {
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

/* ---- what the application asks -----------------------------------------------------------------
 */

bool sim_database_effect(struct sim_database *store, uint32_t op, enum history_effect_kind kind,
			 int64_t delta, int64_t held)
{
	const struct history_effect effect = {
		.saga = store->at.saga,
		.step = store->at.step,
		.op = op,
		.kind = kind,
		.asked = store->at.asked,
		.one_phase = store->at.one_phase,
		.service = store->service,
		.shard = store->at.shard,
		.epoch = store->at.epoch,
		.delta = delta,
		.held = held,
	};

	return alive(store, false) && store->ops->add_effect(store, &effect);
}

bool sim_database_read_hold(struct sim_database *store, enum sim_hold *hold)
{
	*hold = SIM_HOLD_NONE;
	return alive(store, false) && store->ops->read_hold(store, hold);
}

bool sim_database_write_hold(struct sim_database *store, enum sim_hold hold)
{
	return alive(store, false) && store->ops->write_hold(store, hold);
}

/* ---- life --------------------------------------------------------------------------------------
 */

void sim_database_open(struct sim *sim, uint32_t service, bool on_disk)
{
	struct sim_database *store =
		on_disk ? sim_database_sqlite_create(sim, service) : sim_database_memory_create();

	sim->count.disks += on_disk;
	store->base = (struct barrier_store){
		.ops = &store_ops, .clean_step = 1 + (int64_t)sim_draw(sim, SIM_STORE, 4)};
	store->sim = sim;
	store->service = service;
	sim->services[service].store = store;
}

void sim_database_close(struct sim *sim, uint32_t service)
{
	struct sim_database *store = sim->services[service].store;

	store->ops->close(store);
}

void sim_database_crash(struct sim_database *store)
{
	store->ops->crash(store, sim_draw(store->sim, SIM_STORE, 2) == 0);
	store->dead = store->begun = store->committed = false;
	store->dies_in = 0;
}

void sim_database_arm(struct sim_database *store)
{
	struct sim *sim = store->sim;

	if (!sim_chance(sim, SIM_STORE, sim->services[store->service].person.crashes))
		return;
	if (store->ops->arm != NULL && sim_draw(sim, SIM_STORE, 3) > 0)
		store->ops->arm(store, 1 + (uint32_t)sim_draw(sim, SIM_STORE, 24));
	else
		store->dies_in = 1 + (uint32_t)sim_draw(sim, SIM_STORE, 14);
}

void sim_database_disarm(struct sim_database *store)
{
	store->dies_in = 0;
	if (store->ops->arm != NULL)
		store->ops->arm(store, 0);
}

void sim_databases_read(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->service_count; i++) {
		struct sim_database *store = sim->services[i].store;

		store->ops->read_account(store, &sim->history.accounts[i]);
		sim->history.accounts[i].read = true;
	}
}

void sim_databases_heal(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->service_count; i++) {
		struct sim_database *store = sim->services[i].store;

		if (store != NULL && store->ops->heal != NULL)
			store->ops->heal(store);
	}
}

/* What was worked before is still there. */
static bool leaves_work(enum history_effect_kind kind)
{
	return kind == HISTORY_REFUSED || kind == HISTORY_EMPTY || kind == HISTORY_BLOCKED;
}

/* What a branch holds is read from the ledger alone: that is what judges see too. */
static enum sim_hold hold_after(const struct sim *sim, const struct history_effect *effect)
{
	if (effect->op == SIM_WORK)
		return SIM_HOLD_WORKED;
	if (effect->op == WIRE_OP_FORWARD && effect->kind == HISTORY_DONE && !effect->one_phase &&
	    sim->sagas[effect->saga].steps[effect->step].class == HISTORY_VOTE)
		return SIM_HOLD_VOTED;
	return SIM_HOLD_OVER;
}

void sim_database_publish(struct sim *sim, const struct history_effect *effect)
{
	enum sim_hold *hold = &sim->holds[effect->saga][effect->step];
	struct history_effect *added;
	uint64_t order;

	added = history_add_effect(&sim->history, sim->now_ms);
	order = added->order;
	*added = *effect;
	added->at_ms = sim->now_ms;
	added->order = order;
	added->account = effect->service;
	if (*hold != SIM_HOLD_WORKED || !leaves_work(effect->kind))
		*hold = hold_after(sim, effect);
	sim_note(sim, effect->kind == HISTORY_DONE ? "effect" : "no_effect", effect->saga,
		 effect->step, effect->op, effect->kind);
}
