/* Spoils one row of one ledger: the check has to find it. */
#include "base/prng.h"
#include "examples/common/rows_sqlite.h"
#include "examples/common/witness_sqlite.h"
#include "examples/shop/demo.h"

bool demo_sabotage(struct demo *demo)
{
	static const char erase[] = "DELETE FROM ledger WHERE id = (SELECT id FROM ledger"
				    " ORDER BY id LIMIT 1 OFFSET"
				    " (SELECT ?1 % count(*) FROM ledger))";
	static const char repeat[] =
		"INSERT INTO ledger(saga, step, op, name, quantity, version, races, took, gave,"
		" attempt, at_ms) SELECT saga, step, op, name, quantity, version, races, took,"
		" gave, attempt, at_ms FROM ledger"
		" ORDER BY id LIMIT 1 OFFSET (SELECT ?1 % count(*) FROM ledger)";
	const uint64_t chance = prng_mix(demo->flags.seed);
	const enum check_service service = (enum check_service)(chance % CHECK_SERVICES);
	const bool doubles = demo->flags.sabotage == SABOTAGE_DOUBLE;
	char path[1200];
	sqlite3 *db = NULL;
	bool good = false;

	(void)snprintf(path, sizeof path, "%s/%s.db", cluster_folder(demo->stage.cluster),
		       check_service_name(service));
	good = rows_open_sound(path, &db) && witness_attach(db) &&
	       rows_change(db, 1, doubles ? repeat : erase, "i", (int64_t)(chance >> 8));
	(void)sqlite3_close(db);
	if (!good)
		return stage_fail(&demo->stage, "cannot spoil %s", path);
	stage_say("sabotage: one row of %s's ledger is %s", check_service_name(service),
		  doubles ? "doubled" : "deleted");
	return true;
}
