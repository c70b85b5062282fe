/* What the services' databases say, held against what the clients were told. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/rows_sqlite.h"
#include "tests/soak/moves.h"

/* How often each saga was done and undone at one service. */
struct tally {
	struct moves *moves;
	uint32_t *done, *undone;
};

const char *moves_service(uint32_t index)
{
	static const char *const names[MOVES_SERVICES] = {"svc-a", "svc-b", "svc-c"};

	return names[index];
}

static void take(void *context, sqlite3_stmt *row)
{
	struct tally *tally = context;
	struct moves_check *check = &tally->moves->check;
	unsigned number = 0;

	check->effects++;
	if (sscanf(rows_text(row, 0), "move-%u", &number) != 1 ||
	    number >= tally->moves->load.count) {
		check->strangers++;
		return;
	}
	if (sqlite3_column_int(row, 1) == 0)
		tally->done[number]++;
	else
		tally->undone[number]++;
}

static void judge(struct moves_check *check, const struct load_saga *saga, uint32_t done,
		  uint32_t undone)
{
	check->doubled += (done > 1 ? 1U : 0U) + (undone > 1 ? 1U : 0U);
	if (saga->phase != LOAD_FINAL)
		return;
	if (saga->state == SAGA_STATE_COMPLETED) {
		check->lost += done == 0 ? 1 : 0;
		check->undone_in_vain += undone > 0 ? 1 : 0;
		return;
	}
	check->lost += done > 0 && undone == 0 ? 1 : 0;
	check->undone_in_vain += undone > 0 && done == 0 ? 1 : 0;
}

static bool check_service(struct moves *moves, struct tally *tally, const char *service)
{
	char path[1200];
	sqlite3 *db = NULL;
	uint64_t rows = 0;
	bool good;

	(void)snprintf(path, sizeof path, "%s/%s.db", cluster_folder(moves->stage.cluster),
		       service);
	good = rows_open_sound(path, &db) &&
	       rows_each(db, &rows, "SELECT saga, undo FROM effect", take, tally);
	(void)sqlite3_close(db);
	if (!good)
		return stage_fail(&moves->stage, "cannot read %s", path);
	for (uint32_t i = 0; i < moves->load.count; i++)
		judge(&moves->check, &moves->load.sagas[i], tally->done[i], tally->undone[i]);
	return true;
}

bool moves_check(struct moves *moves)
{
	const uint32_t count = moves->load.count;
	bool good = true;

	for (uint32_t s = 0; good && s < MOVES_SERVICES; s++) {
		struct tally tally = {moves, calloc(count + 1, sizeof(uint32_t)),
				      calloc(count + 1, sizeof(uint32_t))};

		good = tally.done != NULL && tally.undone != NULL &&
		       check_service(moves, &tally, moves_service(s));
		free(tally.done);
		free(tally.undone);
	}
	moves->check.completed = moves->load.completed;
	moves->check.undone = moves->load.compensated;
	return good;
}
