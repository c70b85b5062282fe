/* Spoils one row of one ledger: the check has to find it. */
#include <sqlite3.h>
#include <stdio.h>

#include "base/prng.h"
#include "examples/common/witness_sqlite.h"
#include "examples/travel/demo.h"

bool demo_sabotage(struct demo *demo)
{
	static const char erase[] = "DELETE FROM ledger WHERE id = (SELECT id FROM ledger"
				    " ORDER BY id LIMIT 1 OFFSET"
				    " (SELECT ?1 % count(*) FROM ledger))";
	static const char repeat[] =
		"INSERT INTO ledger(saga, step, op, operation, name, quantity, units, attempt, "
		"at_ms)"
		" SELECT saga, step, op, operation, name, quantity, units, attempt, at_ms FROM "
		"ledger"
		" ORDER BY id LIMIT 1 OFFSET (SELECT ?1 % count(*) FROM ledger)";
	const uint64_t chance = prng_mix(demo->flags.seed);
	const enum check_service service = (enum check_service)(chance % CHECK_SERVICES);
	const bool doubles = demo->flags.sabotage == SABOTAGE_DOUBLE;
	char path[1200];
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	bool good = false;

	(void)snprintf(path, sizeof path, "%s/%s.db", cluster_folder(demo->stage.cluster),
		       check_service_name(service));
	good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	       witness_attach(db) &&
	       sqlite3_prepare_v2(db, doubles ? repeat : erase, -1, &statement, NULL) ==
		       SQLITE_OK &&
	       sqlite3_bind_int64(statement, 1, (sqlite3_int64)(chance >> 8)) == SQLITE_OK &&
	       sqlite3_step(statement) == SQLITE_DONE && sqlite3_changes(db) == 1;
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	if (!good)
		return stage_fail(&demo->stage, "cannot spoil %s", path);
	stage_say("sabotage: one row of %s's ledger is %s", check_service_name(service),
		  doubles ? "doubled" : "deleted");
	return true;
}
