/* shop-demo: a whole cluster, thousands of orders of customers who race for few items, kill -9 of
 * the nodes that own most of them, and a verdict.
 *
 * The main thread drives everything; libsaga's callbacks (on its own thread) only note what they
 * were told, under the load's lock.
 */
#ifndef SAGAD_EXAMPLES_SHOP_DEMO_H
#define SAGAD_EXAMPLES_SHOP_DEMO_H

#include <stdatomic.h>

#include "examples/common/judged.h"
#include "examples/common/load.h"
#include "examples/common/stage.h"
#include "examples/shop/check.h"

enum {
	DEMO_ORDERS_MAX = 50000,
	DEMO_SHARDS = 16,
	/* Less than these, and nothing is proved. */
	DEMO_OPEN_AT_KILL_MIN = 30,
	DEMO_COMPLETED_MIN = 100,
	DEMO_SOLD_OUT_MIN = 30,
	DEMO_DECLINED_MIN = 20,
	DEMO_RACES_MIN = 20,
	DEMO_SETTLED_MIN = 2, /* each way */
	DEMO_CANCELLED_MIN = 3,
	DEMO_PENDING_MIN = 2,
};

enum demo_sabotage { SABOTAGE_NONE, SABOTAGE_DELETE, SABOTAGE_DOUBLE };

struct demo_flags {
	uint32_t orders, customers, kills;
	uint64_t seed;
	enum demo_sabotage sabotage;
	bool keep, json;
	const char *folder;
};
/* demo_flags.c; ends the program on wrong usage. */
void demo_flags_parse(int argc, char **argv, struct demo_flags *flags);

/* Customers who change their mind. The thread owns all but `stop` while it runs. */
struct demo_regret {
	pthread_t thread;
	bool started;
	atomic_bool stop;
	/* Of each order: a cancel was sent (at the desk: was answered); was answered with yes. */
	bool *tried, *yes;
	uint32_t asked, cancelled, too_late, pending;
};

struct demo {
	struct demo_flags flags;
	struct stage stage;
	struct saga_definition *definition;
	struct load load; /* the orders */
	struct demo_regret regret;
	uint64_t kill_tried_ms;
	uint32_t parked, ended_early;
	struct check_report report;
	struct judged judged;
};

/* demo_cluster.c */
/* Makes orders and stock, starts servers, nodes and services. */
bool demo_start(struct demo *demo);
bool demo_connect(struct demo *demo);
void demo_services_stop(struct demo *demo);
/* The kills and the restarts, each when its time has come. False = cannot go on. */
bool demo_make_trouble(struct demo *demo);

/* demo_cancel.c */
bool demo_regret_start(struct demo *demo);
void demo_regret_stop(struct demo *demo);                       /* waits for it */
bool demo_regret_write(struct demo *demo, const char *answers); /* appends what it was told */
void demo_regret_free(struct demo *demo);

/* demo_sabotage_sqlite.c: spoils one row of one ledger. */
bool demo_sabotage(struct demo *demo);

/* demo_table.c; the verdict is the exit code. */
void demo_progress(struct demo *demo, bool last);
int demo_verdict(struct demo *demo);

#endif
