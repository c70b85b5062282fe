/* A participant's database: the barrier's rows, what its application holds, its accounts and its
 * ledger, all changed in one transaction. The barrier is the product's (client/barrier.c); it works
 * on `base`, which strikes with faults, writes into the ledger what the barrier itself decides, and
 * hands everything to the store within: in memory (sim_database_memory.c), or SQLite on a disk of
 * ours (sim_database_sqlite.c).
 */
#ifndef SAGAD_TESTS_SIM_SIM_DATABASE_H
#define SAGAD_TESTS_SIM_SIM_DATABASE_H

#include "client/barrier.h"
#include "tests/sim/sim_limits.h"
#include "tests/sim/sim_record.h"

struct sim;
struct sim_database;

/* What an application holds for a branch until it is told what becomes of it. */
enum sim_hold {
	SIM_HOLD_NONE,
	SIM_HOLD_WORKED, /* interactive: done before the vote */
	SIM_HOLD_VOTED,
	SIM_HOLD_OVER,
};

/* What is in hand: of whom the rows are that are asked for. */
struct sim_database_at {
	uint32_t saga, step, shard;
	uint64_t epoch;
	bool asked, one_phase;
};

/* Beside those of the barrier, in the same transactions. False: the database failed. */
struct sim_database_ops {
	/* Comes up again after a crash; optional. */
	bool (*ready)(struct sim_database *store);
	/* The power fails at a change of the disk so far ahead, 0 = it does not; optional. */
	void (*arm)(struct sim_database *store, uint32_t dies_in);
	bool (*add_effect)(struct sim_database *store, const struct history_effect *effect);
	bool (*read_hold)(struct sim_database *store, enum sim_hold *hold);
	bool (*write_hold)(struct sim_database *store, enum sim_hold hold);
	/* Only bugs do that. */
	bool (*forget)(struct sim_database *store, enum saga_op op);
	/* Nothing stays of what was not committed; power: nor of what was not synced. */
	void (*crash)(struct sim_database *store, bool power);
	/* Tells sim_database_publish of what has become durable, and sees whether it lives. */
	void (*publish)(struct sim_database *store);
	/* At the end: what its account has come to. */
	void (*read_account)(struct sim_database *store, struct history_account *account);
	/* Nothing fails any more; optional. */
	void (*heal)(struct sim_database *store);
	void (*close)(struct sim_database *store);
};

struct sim_database {
	struct barrier_store base;
	const struct sim_database_ops *ops;
	struct barrier_store *within;
	struct sim *sim;
	uint32_t service;
	struct sim_database_at at;
	uint32_t dies_in; /* calls until the machine dies; 0 = it does not */
	bool dead, begun;
	bool committed; /* and not looked at since */
	bool cleaned;   /* rows may be gone (S8) */
};

/* In memory or, when asked for, on a disk. */
void sim_database_open(struct sim *sim, uint32_t service, bool on_disk);
void sim_database_close(struct sim *sim, uint32_t service);
/* It may die before it is disarmed. */
void sim_database_arm(struct sim_database *store);
void sim_database_disarm(struct sim_database *store);
void sim_databases_heal(struct sim *sim);
/* For the judges, at the end. */
void sim_databases_read(struct sim *sim);
/* The machine comes up again: whatever was durable is there. */
void sim_database_crash(struct sim_database *store);
/* An effect is durable: for the judges. */
void sim_database_publish(struct sim *sim, const struct history_effect *effect);

/* For those who work on it: fails when the machine is dead. */
bool sim_database_effect(struct sim_database *store, uint32_t op, enum history_effect_kind kind,
			 int64_t delta, int64_t held);
bool sim_database_read_hold(struct sim_database *store, enum sim_hold *hold);
bool sim_database_write_hold(struct sim_database *store, enum sim_hold hold);

/* The stores within. */
struct sim_database *sim_database_memory_create(void);
struct sim_database *sim_database_sqlite_create(struct sim *sim, uint32_t service);

#endif
