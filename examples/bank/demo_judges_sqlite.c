/* The judges of tests/judge over all of a run: journals, commands, the banks' own records, and what
 * clients were told. */
#include <stdio.h>

#include "examples/bank/demo.h"
#include "examples/common/rows_sqlite.h"

enum { BOUND_MS = 30000 };

static void database_of(const struct demo *demo, uint32_t bank, char path[1200])
{
	(void)snprintf(path, 1200, "%s/%s.db", cluster_folder(demo->stage.cluster),
		       check_bank_names[bank]);
}

bool demo_judges_open(struct demo *demo)
{
	char db[1200];
	char why[512] = "";
	char source[128];
	const struct recorder_options options = {.source = source,
						 .nats_url = cluster_nats_url(demo->stage.cluster),
						 .shard_count = DEMO_SHARDS,
						 .tap = true};

	(void)snprintf(source, sizeof source, "bank-demo, seed %llu",
		       (unsigned long long)demo->flags.seed);
	if (!judged_open(&demo->judged, &demo->load, &options, why, sizeof why))
		return stage_fail(&demo->stage, "%s", why);
	for (uint32_t i = 0; i < STAGE_NODES; i++)
		recorder_node(demo->judged.recorder, cluster_node_name(i));
	for (uint32_t bank = 0; bank < CHECK_BANKS; bank++) {
		database_of(demo, bank, db);
		recorder_ledger(demo->judged.recorder, check_bank_names[bank], db);
	}
	return true;
}

struct bank {
	struct recorder *recorder;
	uint32_t number;
};

/* What is held of bank_a's money has left the balance; what bank_b holds is no money yet. */
static void take_account(void *context, sqlite3_stmt *row)
{
	const struct bank *bank = context;
	const int64_t held = bank->number == CHECK_BANK_A ? sqlite3_column_int64(row, 3) : 0;

	recorder_account(bank->recorder, check_bank_names[bank->number], rows_text(row, 0),
			 sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2) - held, held);
}

static bool read_accounts(struct demo *demo, uint32_t number)
{
	struct bank bank = {.recorder = demo->judged.recorder, .number = number};
	char path[1200];
	sqlite3 *db = NULL;
	uint64_t rows = 0;
	bool good;

	database_of(demo, number, path);
	good = rows_open_sound(path, &db) &&
	       rows_each(db, &rows, "SELECT name, opening, balance, held FROM account",
			 take_account, &bank) &&
	       rows > 0;
	(void)sqlite3_close(db);
	return good ||
	       stage_fail(&demo->stage, "cannot read the accounts of %s", check_bank_names[number]);
}

bool demo_judges_ask(struct demo *demo)
{
	const bool ended = demo->load.final + demo->load.refused == demo->load.count;
	struct judge_options options = judge_defaults();
	char why[512] = "";

	/* Nobody records what nodes say about shards, what they need, or hashes of their states;
	 * and there is no inbox. */
	options.excused = HISTORY_OWNERS | HISTORY_SAMPLES | HISTORY_STATES | HISTORY_INBOX;
	options.grace_ms = options.timer_ms = BOUND_MS; /* a busy machine */
	options.completed = DEMO_ENDED_MIN;
	for (uint32_t bank = 0; bank < CHECK_BANKS; bank++)
		if (!read_accounts(demo, bank))
			return false;
	return judged_run(&demo->judged, &options, ended, why, sizeof why) ||
	       stage_fail(&demo->stage, "%s", why);
}
