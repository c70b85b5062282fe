/* The judges of tests/judge over all of a run: journals, commands, the banks' own records, and what
 * clients were told. */
#include <stdio.h>

#include "examples/bank/demo.h"
#include "examples/common/rows_sqlite.h"

bool demo_judges_open(struct demo *demo)
{
	static const char *const banks[] = {"bank_a", "bank_b", NULL};
	char source[64];
	const struct judged_setup setup = {.source = source,
					   .shards = DEMO_SHARDS,
					   .services = banks,
					   .tap = true,
					   .spoiled = demo->flags.sabotage != NULL};

	(void)snprintf(source, sizeof source, "bank-demo, seed %llu",
		       (unsigned long long)demo->flags.seed);
	return judged_open(&demo->judged, &demo->stage, &demo->load, &setup);
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

	(void)snprintf(path, sizeof path, "%s/%s.db", cluster_folder(demo->stage.cluster),
		       check_bank_names[number]);
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
	const struct judge_options options = judged_options(0);

	for (uint32_t bank = 0; bank < CHECK_BANKS; bank++)
		if (!read_accounts(demo, bank))
			return false;
	return judged_run(&demo->judged, &options);
}
