/* A participant's database as SQLite itself, with the product's statements, on a disk of ours. What
 * judges see is read from its ledger: whatever a commit said, what is there counts. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "client/barrier_store_sqlite.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_disk_sqlite.h"

enum statement { ADD_EFFECT, MOVE_MONEY, READ_HOLD, WRITE_HOLD, READ_LEDGER, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[ADD_EFFECT] = "INSERT INTO ledger(saga, step, op, kind, asked, one_phase, shard, epoch, "
		       "delta, held) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[MOVE_MONEY] = "UPDATE account SET balance = balance + ?1, held = held + ?2",
	[READ_HOLD] = "SELECT state FROM hold WHERE saga = ?1 AND step = ?2",
	[WRITE_HOLD] = "INSERT INTO hold(saga, step, state) VALUES(?1, ?2, ?3) "
		       "ON CONFLICT DO UPDATE SET state = excluded.state",
	[READ_LEDGER] = "SELECT saga, step, op, kind, asked, one_phase, shard, epoch, delta, held "
			"FROM ledger WHERE n > ?1 ORDER BY n",
};

static const char tables[] =
	"CREATE TABLE ledger(n INTEGER PRIMARY KEY, saga, step, op, kind, asked, one_phase, shard, "
	"epoch, delta, held);"
	"CREATE TABLE hold(saga, step, state, PRIMARY KEY(saga, step));"
	"CREATE TABLE account(balance, held);"
	"INSERT INTO account VALUES(0, 0);";

/* What "durably" takes (docs/libsaga.md). */
static const char *const modes[] = {
	("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	 "PRAGMA wal_autocheckpoint = 40"),
	"PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA",
	"PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL",
	"PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL",
};

struct on_disk {
	struct sim_database store;
	struct barrier_store_sqlite rows; /* what is within */
	struct sim_disk disk;
	struct sim_disk_faults faults;
	sqlite3 *db; /* NULL = it does not run */
	sqlite3_stmt *statements[STATEMENTS];
	const char *mode;
	int64_t seen; /* entries of the ledger */
};

static struct on_disk *outer(struct sim_database *store)
{
	return (struct on_disk *)store;
}

/* ---- statements --------------------------------------------------------------------------------
 */

static sqlite3_stmt *statement(struct on_disk *d, enum statement which)
{
	if (d->statements[which] == NULL &&
	    sqlite3_prepare_v2(d->db, texts[which], -1, &d->statements[which], NULL) != SQLITE_OK)
		return NULL;
	return d->statements[which];
}

static bool bind(sqlite3_stmt *s, const int64_t *values, int count)
{
	for (int i = 0; i < count; i++)
		if (sqlite3_bind_int64(s, i + 1, values[i]) != SQLITE_OK)
			return false;
	return true;
}

static bool run(struct on_disk *d, enum statement which, const int64_t *values, int count)
{
	sqlite3_stmt *s = d->db != NULL ? statement(d, which) : NULL;

	if (s == NULL || !bind(s, values, count))
		return false;
	(void)sqlite3_step(s);
	return sqlite3_reset(s) == SQLITE_OK;
}

static bool add_effect(struct sim_database *store, const struct history_effect *e)
{
	const int64_t row[] = {e->saga,  e->step,      e->op,    e->kind,
			       e->asked, e->one_phase, e->shard, (int64_t)e->epoch,
			       e->delta, e->held};
	const int64_t money[] = {e->delta, e->held};

	return run(outer(store), ADD_EFFECT, row, 10) && run(outer(store), MOVE_MONEY, money, 2);
}

static bool read_hold(struct sim_database *store, enum sim_hold *hold)
{
	struct on_disk *d = outer(store);
	const int64_t key[] = {store->at.saga, store->at.step};
	sqlite3_stmt *s = d->db != NULL ? statement(d, READ_HOLD) : NULL;

	if (s == NULL || !bind(s, key, 2))
		return false;
	if (sqlite3_step(s) == SQLITE_ROW)
		*hold = (enum sim_hold)sqlite3_column_int(s, 0);
	return sqlite3_reset(s) == SQLITE_OK;
}

static bool write_hold(struct sim_database *store, enum sim_hold hold)
{
	const int64_t row[] = {store->at.saga, store->at.step, hold};

	return run(outer(store), WRITE_HOLD, row, 3);
}

static bool forget(struct sim_database *store, enum saga_op op)
{
	const struct slice step = sim_step_name(store->at.step);
	char *text = sqlite3_mprintf("DELETE FROM saga_barrier WHERE saga = %Q AND step = '%.*s' "
				     "AND op = %d",
				     store->sim->sagas[store->at.saga].id.text, (int)step.size,
				     (const char *)step.data, (int)op);
	const bool done = sqlite3_exec(outer(store)->db, text, NULL, NULL, NULL) == SQLITE_OK;

	sqlite3_free(text);
	return done;
}

/* ---- what is there -----------------------------------------------------------------------------
 */

/* Judges look without disturbing, and are not disturbed. */
static void look(struct on_disk *d, bool begins)
{
	d->disk.faults = (struct sim_disk_faults){0};
	d->disk.busy_calls = 0;
	if (!begins)
		d->disk.faults = d->faults;
}

static int64_t number(struct on_disk *d, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int64_t value = -1;

	if (sqlite3_prepare_v2(d->db, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return value;
}

static void take(struct on_disk *d, sqlite3_stmt *s)
{
	const struct history_effect effect = {
		.saga = (uint32_t)sqlite3_column_int64(s, 0),
		.step = (uint32_t)sqlite3_column_int64(s, 1),
		.op = (uint32_t)sqlite3_column_int64(s, 2),
		.kind = (enum history_effect_kind)sqlite3_column_int(s, 3),
		.asked = sqlite3_column_int(s, 4) != 0,
		.one_phase = sqlite3_column_int(s, 5) != 0,
		.service = d->store.service,
		.shard = (uint32_t)sqlite3_column_int64(s, 6),
		.epoch = (uint64_t)sqlite3_column_int64(s, 7),
		.delta = sqlite3_column_int64(s, 8),
		.held = sqlite3_column_int64(s, 9),
	};

	sim_database_publish(d->store.sim, &effect);
	d->seen++;
}

/* After a commit that has said so: then the database is well. */
static void publish(struct sim_database *store)
{
	struct on_disk *d = outer(store);
	sqlite3_stmt *s;

	store->dead |= d->disk.dead;
	if (store->dead || !store->committed)
		return;
	store->committed = false;
	look(d, true);
	s = statement(d, READ_LEDGER);
	if (s != NULL && bind(s, &d->seen, 1))
		while (sqlite3_step(s) == SQLITE_ROW)
			take(d, s);
	if (s == NULL || sqlite3_reset(s) != SQLITE_OK)
		sim_fail(store->sim, false, "the database of service %u: %s", store->service,
			 sqlite3_errmsg(d->db));
	look(d, false);
}

/* B1: nothing that was committed is gone, and all of each transaction is there. */
static void audit(struct on_disk *d)
{
	struct sim *sim = d->store.sim;

	look(d, true);
	const int64_t found = number(d, "SELECT count(*) FROM ledger");
	if (found < d->seen)
		sim_fail(sim, false,
			 "the database of service %u has %" PRId64 " entries of %" PRId64
			 " that were committed: %s; %s",
			 d->store.service, found, d->seen, sqlite3_errmsg(d->db), d->mode);
	if (number(d, "SELECT (SELECT balance FROM account) = (SELECT total(delta) FROM ledger) "
		      "AND (SELECT held FROM account) = (SELECT total(held) FROM ledger)") != 1)
		sim_fail(sim, false, "the database of service %u has half of a transaction",
			 d->store.service);
	if (number(d, "SELECT count(*) FROM pragma_quick_check WHERE quick_check = 'ok'") != 1)
		sim_fail(sim, false, "the database of service %u is damaged", d->store.service);
	look(d, false);
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void stop(struct on_disk *d)
{
	for (uint32_t i = 0; i < STATEMENTS; i++) {
		(void)sqlite3_finalize(d->statements[i]);
		d->statements[i] = NULL;
	}
	CHECK_EQ(sqlite3_close(d->db), SQLITE_OK);
	d->db = NULL;
	d->rows.db = NULL;
}

/* Comes up with what is on the disk; recovery may fail too, and then somebody tries again. */
static bool ready(struct sim_database *store)
{
	struct on_disk *d = outer(store);

	if (d->db != NULL)
		return true;
	if (sqlite3_open_v2("db", &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
			    d->disk.name) != SQLITE_OK ||
	    sqlite3_exec(d->db, d->mode, NULL, NULL, NULL) != SQLITE_OK ||
	    number(d, "SELECT count(*) FROM sqlite_schema") < 0 ||
	    saga_sqlite_prepare(d->db) != 0) {
		stop(d);
		return false;
	}
	d->rows.db = d->db;
	/* What a process left in the page cache when it died can be read, and may still go with the
	 * power: judges hear of it when a commit of this process, which syncs it, has said so, and
	 * so does everybody else. */
	if (number(d, "SELECT count(*) FROM sqlite_schema WHERE name = 'ledger'") == 1)
		audit(d);
	return true;
}

static void crash(struct sim_database *store, bool power)
{
	struct on_disk *d = outer(store);

	sim_disk_fail(&d->disk, power);
	stop(d);
	sim_disk_start(&d->disk);
}

static void arm(struct sim_database *store, uint32_t dies_in)
{
	outer(store)->disk.dies_in = dies_in;
}

static void add_counts(struct on_disk *d)
{
	struct sim_counters *count = &d->store.sim->count;
	const struct sim_disk_counts *c = &d->disk.counts;

	count->disk_failures += c->read_failures + c->write_failures + c->sync_failures;
	count->disk_full += c->full;
	count->disk_short_writes += c->short_writes;
	count->disk_busy += c->busy;
	count->disk_power_failures += c->power_failures;
	count->disk_lost_writes += c->lost_sectors + c->torn_sectors + c->undeleted;
}

static void heal(struct sim_database *store)
{
	struct on_disk *d = outer(store);

	d->faults = d->disk.faults = (struct sim_disk_faults){0};
	d->disk.busy_calls = 0;
	CHECK(ready(store));
	audit(d);
	store->committed = true;
	publish(store);
	add_counts(d);
}

static void read_account(struct sim_database *store, struct history_account *account)
{
	struct on_disk *d = outer(store);

	look(d, true);
	CHECK(ready(store));
	look(d, true);
	account->balance = number(d, "SELECT balance FROM account");
	account->held = number(d, "SELECT held FROM account");
	look(d, false);
}

static void close_disk(struct sim_database *store)
{
	struct on_disk *d = outer(store);

	stop(d);
	sim_disk_close(&d->disk);
	free(d);
}

static uint64_t draw(void *context, uint64_t bound)
{
	return sim_draw(context, SIM_DISK, bound);
}

/* What shrinking may take away. */
static bool strikes(void *context, uint32_t per_10000)
{
	return draw(context, 10000) < per_10000 && sim_chance(context, SIM_DISK, 1000);
}

static uint32_t rate(struct sim *sim, uint32_t max)
{
	return sim_draw(sim, SIM_DISK, 2) == 0 ? 0 : 1 + (uint32_t)sim_draw(sim, SIM_DISK, max);
}

struct sim_database *sim_database_sqlite_create(struct sim *sim, uint32_t service)
{
	static const struct sim_database_ops ops = {
		.ready = ready,
		.arm = arm,
		.add_effect = add_effect,
		.read_hold = read_hold,
		.write_hold = write_hold,
		.forget = forget,
		.crash = crash,
		.publish = publish,
		.read_account = read_account,
		.heal = heal,
		.close = close_disk,
	};
	const struct sim_disk_chance chance = {.draw = draw, .strikes = strikes, .context = sim};
	struct on_disk *d = calloc(1, sizeof *d);

	CHECK(d != NULL);
	sim_disk_open(&d->disk, service, &chance);
	d->mode = modes[sim_draw(sim, SIM_DISK, sizeof modes / sizeof modes[0])];
	d->store.ops = &ops;
	d->store.sim = sim;
	d->store.service = service;
	barrier_store_sqlite_open(&d->rows, NULL);
	d->store.within = &d->rows.base;
	CHECK(ready(&d->store));
	CHECK_EQ(sqlite3_exec(d->db, tables, NULL, NULL, NULL), SQLITE_OK);
	d->faults.read = rate(sim, 20);
	d->faults.write = rate(sim, 40);
	d->faults.full = rate(sim, 30);
	d->faults.sync = rate(sim, 60);
	d->faults.busy = rate(sim, 60);
	d->disk.faults = d->faults;
	return &d->store;
}
