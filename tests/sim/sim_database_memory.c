/* A participant's database in memory, with transactions: what is changed in one is changed back
 * when it does not end well. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "client/context.h"
#include "tests/sim/sim.h"

enum { CHANGES_MAX = 2048, EFFECTS_MAX = 8 };

struct money {
	int64_t balance, held;
};

/* What was there before. */
struct change {
	void *where;
	uint32_t size;
	union {
		struct sim_row row;
		struct barrier_shard shard;
		struct money money;
	} before;
};

struct memory {
	struct sim_database store;
	struct barrier_store rows; /* what is within */
	struct barrier_shard shards[SIM_SHARDS_MAX];
	struct money money;
	bool open;
	struct change changes[CHANGES_MAX];
	uint32_t change_count, saved_changes;
	struct history_effect effects[EFFECTS_MAX]; /* of the transaction */
	uint32_t effect_count, saved_effects;
};

static struct memory *within(struct barrier_store *rows)
{
	return (struct memory *)((uint8_t *)rows - offsetof(struct memory, rows));
}

static struct memory *outer(struct sim_database *store)
{
	return (struct memory *)store;
}

/* ---- transactions ------------------------------------------------------------------------------
 */

/* Before the object is changed. */
static void touch(struct memory *m, void *where, uint32_t size)
{
	struct change *change = &m->changes[m->change_count++];

	CHECK(m->open);
	CHECK_LE(m->change_count, CHANGES_MAX);
	CHECK_LE(size, sizeof change->before);
	change->where = where;
	change->size = size;
	memcpy(&change->before, where, size);
}

static void back_to(struct memory *m, uint32_t change_count, uint32_t effect_count)
{
	while (m->change_count > change_count) {
		const struct change *change = &m->changes[--m->change_count];

		memcpy(change->where, &change->before, change->size);
	}
	m->effect_count = effect_count;
}

static void commit(struct memory *m)
{
	for (uint32_t i = 0; i < m->effect_count; i++)
		sim_database_publish(m->store.sim, &m->effects[i]);
	m->change_count = m->effect_count = 0;
	m->open = false;
}

static bool transact(struct barrier_store *rows, enum barrier_act act)
{
	struct memory *m = within(rows);

	CHECK_EQ(m->open, act != BARRIER_BEGIN);
	switch (act) {
	case BARRIER_BEGIN:
		m->open = true;
		break;
	case BARRIER_COMMIT:
		commit(m);
		break;
	case BARRIER_ROLLBACK:
		back_to(m, 0, 0);
		m->open = false;
		break;
	case BARRIER_SAVEPOINT:
		m->saved_changes = m->change_count;
		m->saved_effects = m->effect_count;
		break;
	case BARRIER_BACK_TO_SAVEPOINT:
		back_to(m, m->saved_changes, m->saved_effects);
		break;
	case BARRIER_RELEASE_SAVEPOINT:
		break;
	}
	return true;
}

static bool in_transaction(struct barrier_store *rows)
{
	return within(rows)->open;
}

static void crash(struct sim_database *store, bool power)
{
	struct memory *m = outer(store);

	(void)power;
	back_to(m, 0, 0);
	m->open = false;
}

/* ---- rows --------------------------------------------------------------------------------------
 */

static struct sim_row *row_of(struct memory *m, enum saga_op op)
{
	const struct sim_database_at *at = &m->store.at;

	return sim_row(m->store.sim, at->saga, at->step,
		       sim_plants.key_without_op ? SAGA_OP_FORWARD : (uint32_t)op);
}

static bool insert(struct barrier_store *rows, const struct saga_context *context, enum saga_op op,
		   enum stored_outcome outcome, bool *inserted)
{
	struct memory *m = within(rows);
	struct sim_row *row = row_of(m, op);

	*inserted = !row->used;
	if (row->used)
		return true;
	touch(m, row, sizeof *row);
	*row = (struct sim_row){.used = true,
				.outcome = (int8_t)outcome,
				.admission = (int64_t)saga_context_admission(context)};
	return true;
}

static bool update(struct barrier_store *rows, const struct saga_context *context,
		   const struct saga_result *result, enum stored_outcome outcome)
{
	struct memory *m = within(rows);
	struct sim_row *row = row_of(m, saga_context_op(context));

	CHECK_LE(result->output_size, sizeof row->output);
	CHECK_EQ(result->text[0], '\0');
	touch(m, row, sizeof *row);
	row->outcome = (int8_t)outcome;
	row->code = saga_context_code(context);
	row->output_size = (uint8_t)result->output_size;
	if (result->output_size > 0)
		memcpy(row->output, result->output, result->output_size);
	return true;
}

static bool read_row(struct barrier_store *rows, struct saga_context *context, enum saga_op op,
		     struct saga_result *result, enum stored_outcome *outcome)
{
	const struct sim_row *row = row_of(within(rows), op);

	*outcome = row->used ? (enum stored_outcome)row->outcome : STORED_NONE;
	if (!row->used || result == NULL)
		return true;
	result->text[0] = '\0';
	result->output_size = row->output_size;
	result->output = saga_context_copy(context, row->output, row->output_size);
	saga_context_set_code(context, row->code);
	return result->output != NULL;
}

/* ---- work before the vote ----------------------------------------------------------------------
 */

/* Its row is that of the application's hold, too, which has the outcome. */
static struct sim_row *worked_of(struct memory *m)
{
	return sim_row(m->store.sim, m->store.at.saga, m->store.at.step, SIM_WORK);
}

static bool add_worked(struct barrier_store *rows, const char *saga, const char *step, bool *added)
{
	struct memory *m = within(rows);

	(void)saga;
	(void)step;
	*added = !row_of(m, SAGA_OP_FORWARD)->used;
	if (!*added)
		return true;
	touch(m, worked_of(m), sizeof(struct sim_row));
	worked_of(m)->used = true;
	return true;
}

static bool take_worked(struct barrier_store *rows, const char *saga, const char *step,
			bool unasked, bool *taken)
{
	struct memory *m = within(rows);

	(void)saga;
	(void)step;
	*taken = worked_of(m)->used && !(unasked && row_of(m, SAGA_OP_FORWARD)->used);
	if (!*taken)
		return true;
	touch(m, worked_of(m), sizeof(struct sim_row));
	worked_of(m)->used = false;
	return true;
}

/* What is committed here stays. */
static bool touch_nothing(struct barrier_store *rows)
{
	(void)rows;
	return true;
}

/* ---- shards (S8, S24) --------------------------------------------------------------------------
 */

static bool read_shard(struct barrier_store *rows, const struct saga_context *context,
		       struct barrier_shard *shard)
{
	*shard = within(rows)->shards[saga_context_shard(context)];
	return true;
}

static bool write_shard(struct barrier_store *rows, const struct saga_context *context,
			const struct barrier_shard *shard)
{
	struct memory *m = within(rows);
	struct barrier_shard *stored = &m->shards[saga_context_shard(context)];

	touch(m, stored, sizeof *stored);
	*stored = *shard;
	return true;
}

static bool has_rows(const struct sim *sim, uint32_t saga, uint32_t step, int64_t mark)
{
	for (uint32_t op = SAGA_OP_FORWARD; op < SIM_OPS; op++)
		if (sim->rows[saga][step][op].used && sim->rows[saga][step][op].admission < mark)
			return true;
	return false;
}

static void clean_step(struct memory *m, uint32_t saga, uint32_t step)
{
	for (uint32_t op = SIM_WORK; op < SIM_OPS; op++) {
		struct sim_row *row = sim_row(m->store.sim, saga, step, op);

		if (!row->used)
			continue;
		touch(m, row, sizeof *row);
		row->used = false;
	}
}

static bool clean(struct barrier_store *rows, const struct saga_context *context, int64_t *mark)
{
	struct memory *m = within(rows);
	const struct sim *sim = m->store.sim;
	const uint32_t shard = saga_context_shard(context);

	for (uint32_t i = 0; i < sim->saga_count; i++)
		for (uint32_t k = 0; sim->sagas[i].shard == shard && k < sim->sagas[i].step_count;
		     k++)
			if (sim->sagas[i].steps[k].service == m->store.service &&
			    has_rows(sim, i, k, *mark))
				clean_step(m, i, k);
	return true;
}

static const struct barrier_store_ops row_ops = {
	.transact = transact,
	.in_transaction = in_transaction,
	.insert = insert,
	.update = update,
	.read = read_row,
	.read_shard = read_shard,
	.write_shard = write_shard,
	.add_worked = add_worked,
	.take_worked = take_worked,
	.touch = touch_nothing,
	.clean = clean,
};

/* ---- the application's -------------------------------------------------------------------------
 */

static bool add_effect(struct sim_database *store, const struct history_effect *effect)
{
	struct memory *m = outer(store);

	CHECK(m->open);
	CHECK_LT(m->effect_count, EFFECTS_MAX);
	touch(m, &m->money, sizeof m->money);
	m->money.balance += effect->delta;
	m->money.held += effect->held;
	m->effects[m->effect_count++] = *effect;
	return true;
}

static struct sim_row *hold_of(struct memory *m)
{
	return sim_row(m->store.sim, m->store.at.saga, m->store.at.step, SIM_WORK);
}

static bool read_hold(struct sim_database *store, enum sim_hold *hold)
{
	*hold = (enum sim_hold)hold_of(outer(store))->outcome;
	return true;
}

static bool write_hold(struct sim_database *store, enum sim_hold hold)
{
	struct sim_row *row = hold_of(outer(store));

	touch(outer(store), row, sizeof *row);
	row->outcome = (int8_t)hold;
	return true;
}

static bool forget(struct sim_database *store, enum saga_op op)
{
	struct sim_row *row = row_of(outer(store), op);

	touch(outer(store), row, sizeof *row);
	row->used = false;
	return true;
}

static void read_account(struct sim_database *store, struct history_account *account)
{
	account->balance = outer(store)->money.balance;
	account->held = outer(store)->money.held;
}

/* A commit has told it. */
static void publish(struct sim_database *store)
{
	(void)store;
}

static void close_memory(struct sim_database *store)
{
	free(outer(store));
}

struct sim_database *sim_database_memory_create(void)
{
	static const struct sim_database_ops ops = {
		.add_effect = add_effect,
		.read_hold = read_hold,
		.write_hold = write_hold,
		.forget = forget,
		.crash = crash,
		.read_account = read_account,
		.publish = publish,
		.close = close_memory,
	};
	struct memory *m = calloc(1, sizeof *m);

	CHECK(m != NULL);
	m->store.ops = &ops;
	m->rows.ops = &row_ops;
	m->store.within = &m->rows;
	return &m->store;
}
