/* bank-demo: a whole cluster, thousands of transfers under trouble, kills of the nodes that own
 * them, and a verdict.
 *
 * The main thread drives everything; libsaga's callbacks (on its own thread) only note what they
 * were told (examples/common/load.h).
 */
#ifndef SAGAD_EXAMPLES_BANK_DEMO_H
#define SAGAD_EXAMPLES_BANK_DEMO_H

#include <saga.h>

#include "examples/bank/check.h"
#include "examples/common/judged.h"
#include "examples/common/load.h"
#include "examples/common/stage.h"

enum {
	DEMO_TRANSFERS_MAX = 100000,
	DEMO_INSTANCES = 2, /* of each bank */
	DEMO_SHARDS = 16,
	DEMO_OPEN_AT_KILL_MIN = 20,
	DEMO_ENDED_MIN = 10, /* committed, and aborted, by each protocol */
};

struct demo_flags {
	uint32_t transfers;
	uint32_t in_flight;
	uint32_t accounts;
	uint32_t trouble_percent; /* of the transfers, at one of the banks or both */
	uint32_t kills;
	uint64_t seed;
	bool with_2pc, with_tcc;
	const char *sabotage; /* what bank_b does wrong; NULL = nothing */
	bool keep, json;
	const char *data_dir; /* the definitions */
	const char *folder;
};
/* demo_flags.c; ends the program on wrong usage. */
void demo_flags_parse(int argc, char **argv, struct demo_flags *flags);

struct demo {
	struct demo_flags flags;
	struct stage stage;
	struct saga_definition *definitions[CHECK_PROTOCOLS];
	struct load load; /* the transfers */
	uint64_t kill_tried_ms;
	uint32_t crashes; /* of services, on purpose; each was restarted */
	uint32_t parked;
	uint32_t ended_early; /* processes that ended by themselves, and not on purpose */
	struct check_report report;
	struct judged judged;
};

/* demo_cluster.c */
bool demo_cluster_start(struct demo *demo);
bool demo_services_start(struct demo *demo);
/* Restarts services that died on purpose. */
bool demo_services_mend(struct demo *demo);
void demo_services_stop(struct demo *demo);

/* demo_transfers.c */
bool demo_transfers_make(struct demo *demo); /* and writes transfers.jsonl */
bool demo_connect(struct demo *demo);
bool demo_answers_write(struct demo *demo, const char *file);

/* demo_judges_sqlite.c: when the load is connected, and when the services have ended. */
bool demo_judges_open(struct demo *demo);
bool demo_judges_ask(struct demo *demo);

/* demo_table.c; the verdict is the exit code. */
void demo_progress(struct demo *demo, bool last);
int demo_verdict(struct demo *demo);

#endif
