/* quickstart-demo: a small cluster, one order that is done and one that is undone, and a look into
 * the databases of the two services. It types what a newcomer would type. */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "examples/common/rows_sqlite.h"
#include "examples/common/stage.h"
#include "examples/quickstart/check.h"

enum { SUBMIT_MS = 30000, DRAIN_MS = 10000 };
enum { EXIT_COMPLETED = 0, EXIT_UNDONE = 10 }; /* of a sagactl that has waited */

struct flags {
	const char *folder;
	bool keep, sabotage;
};

/* The second one asks for more than a customer may spend at once. */
static struct quickstart_order orders[] = {
	{"order-1", "book", "ada", 2, 40, true},
	{"order-2", "book", "ada", 3, 400, false},
};
enum { ORDERS = sizeof orders / sizeof orders[0] };

struct row {
	const char *database, *select;
	struct quickstart_row row;
};
static struct row rows[] = {
	{"inventory", "SELECT quantity FROM stock WHERE item = ?1", {"book", 10, 0}},
	{"inventory", "SELECT quantity FROM stock WHERE item = ?1", {"lamp", 1, 0}},
	{"payment", "SELECT balance FROM account WHERE customer = ?1", {"ada", 500, 0}},
	{"payment", "SELECT balance FROM account WHERE customer = ?1", {"bob", 20, 0}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* Runs one of our programs and shows it as a terminal would; its exit code, or -1. */
static int type(struct stage *stage, const char *const *argv)
{
	char output[8192];
	int exit_code = 0;

	(void)printf("$");
	for (uint32_t i = 0; argv[i] != NULL; i++) {
		const bool quoted = strpbrk(argv[i], " {\"") != NULL;

		/* The definition's path is nobody's business. */
		(void)printf(quoted ? " '%s'" : " %s",
			     strstr(argv[i], "/order.yaml") != NULL ? "order.yaml" : argv[i]);
	}
	(void)printf("\n");
	(void)fflush(stdout);
	if (cluster_run(stage->cluster, argv, SUBMIT_MS, output, sizeof output, &exit_code) != 0) {
		(void)stage_fail(stage, "%s", cluster_trouble(stage->cluster));
		return -1;
	}
	(void)printf("%s\n", output);
	(void)fflush(stdout);
	return exit_code;
}

/* Makes an order and shows step by step what has become of it; an exit code. */
static int make_order(struct stage *stage, const struct quickstart_order *order)
{
	char input[256];
	int exit_code = 0;

	(void)snprintf(input, sizeof input,
		       "{\"item\":\"%s\",\"quantity\":%lld,\"customer\":\"%s\",\"amount\":%lld}",
		       order->item, (long long)order->quantity, order->customer,
		       (long long)order->amount);
	exit_code = type(stage, (const char *const[]){"sagactl", "sagas", "submit", "-f",
						      QUICKSTART_DIR "/order.yaml", "--id",
						      order->id, "--input", input, "--wait", NULL});
	if (exit_code != EXIT_COMPLETED && exit_code != EXIT_UNDONE) {
		(void)stage_fail(stage, "%s ends with %d: see %s/tools.log", order->id, exit_code,
				 cluster_folder(stage->cluster));
		return STAGE_EXIT_FAILED;
	}
	if (type(stage, (const char *const[]){"sagactl", "sagas", "show", order->id, NULL}) != 0)
		return STAGE_EXIT_FAILED;
	if (order->completed == (exit_code == EXIT_COMPLETED))
		return STAGE_EXIT_OK;
	(void)stage_fail(stage, "%s should be %s", order->id,
			 order->completed ? "completed" : "undone");
	return STAGE_EXIT_VIOLATION;
}

/* ---- the databases --------------------------------------------------------------------------- */

static sqlite3 *open_database(struct stage *stage, const char *name)
{
	char path[1200];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof path, "%s/%s.db", cluster_folder(stage->cluster), name);
	if (rows_open_sound(path, &db))
		return db;
	(void)sqlite3_close(db);
	(void)stage_fail(stage, "cannot read %s", path);
	return NULL;
}

static bool spoil(struct stage *stage)
{
	sqlite3 *db = open_database(stage, "inventory");
	const bool good = db != NULL && rows_change(db, 1,
						    "UPDATE stock SET quantity = quantity - 1"
						    " WHERE item = ?1",
						    "t", "book");

	(void)sqlite3_close(db);
	if (good)
		stage_say("sabotage: a book has vanished");
	return good || stage_fail(stage, "cannot spoil inventory.db");
}

static bool read_row(struct stage *stage, struct row *row)
{
	sqlite3 *db = open_database(stage, row->database);
	bool found = false;
	const bool good = db != NULL &&
			  rows_read(db, &row->row.now, 1, &found, row->select, "t", row->row.name);

	(void)sqlite3_close(db);
	return (good && found) ||
	       stage_fail(stage, "%s.db has no %s", row->database, row->row.name);
}

static int judge(struct stage *stage)
{
	int code = STAGE_EXIT_OK;

	(void)printf("%-10s %-5s %8s %8s\n", "DATABASE", "ROW", "EXPECTED", "FOUND");
	for (uint32_t i = 0; i < ROWS; i++) {
		const int64_t expected = quickstart_expect(&rows[i].row, orders, ORDERS);

		if (!read_row(stage, &rows[i]))
			return STAGE_EXIT_FAILED;
		(void)printf("%-10s %-5s %8lld %8lld%s\n", rows[i].database, rows[i].row.name,
			     (long long)expected, (long long)rows[i].row.now,
			     rows[i].row.now == expected ? "" : "   WRONG");
		if (rows[i].row.now != expected)
			code = STAGE_EXIT_VIOLATION;
	}
	(void)printf("%s\n", code == STAGE_EXIT_OK
				     ? "order-1 is done wholly, and nothing is left of order-2"
				     : "violation: the databases do not hold what the orders say");
	return code;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool start(struct stage *stage, const struct flags *flags)
{
	struct cluster_options options;

	cluster_options_init(&options);
	options.nodes = 1;
	options.shards = 4;
	options.folder = flags->folder;
	options.keep = flags->keep;
	if (!stage_create(stage, &options) || !stage_start_servers(stage, "nats-server") ||
	    !stage_start_nodes(stage))
		return false;
	stage_say("starting inventory and payment");
	return cluster_service_start(stage->cluster, "services",
				     (const char *const[]){"quickstart-services",
							   cluster_folder(stage->cluster), NULL},
				     NULL) == 0 ||
	       stage_fail(stage, "%s", cluster_trouble(stage->cluster));
}

static int run(struct stage *stage, const struct flags *flags)
{
	int code = start(stage, flags) ? STAGE_EXIT_OK : STAGE_EXIT_FAILED;

	for (uint32_t i = 0; code == STAGE_EXIT_OK && i < ORDERS; i++)
		code = stage_pause(stage, 0) ? make_order(stage, &orders[i])
					     : STAGE_EXIT_INTERRUPTED;
	if (code != STAGE_EXIT_OK)
		return code;
	if (cluster_signal(stage->cluster, "services", SIGTERM) != 0 ||
	    !cluster_wait_end(stage->cluster, "services", DRAIN_MS)) {
		(void)stage_fail(stage, "the services do not stop");
		return STAGE_EXIT_FAILED;
	}
	if (flags->sabotage && !spoil(stage))
		return STAGE_EXIT_FAILED;
	return judge(stage);
}

static error_t parse_flag(int key, char *text, struct argp_state *state)
{
	struct flags *flags = state->input;

	switch (key) {
	case 'x':
		flags->sabotage = true;
		break;
	case 'k':
		flags->keep = true;
		break;
	case 'd':
		flags->folder = text;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option flag_table[] = {
		{"sabotage", 'x', NULL, 0, "spoil a row before the check, which must then fail", 0},
		{"keep", 'k', NULL, 0, "leave databases and logs behind", 0},
		{"folder", 'd', "DIR", 0, "where databases and logs go; kept", 0},
		{0},
	};
	const struct argp argp = {
		flag_table,
		parse_flag,
		NULL,
		"Starts a small cluster of its own, makes one order that is done and one that is "
		"declined and undone, and checks the databases of both services.\vEnds with 0 = "
		"all is well, 1 = a violation, 3 = it could not be run.",
		NULL,
		NULL,
		NULL};
	struct flags flags = {NULL, false, false};
	struct stage stage;
	int code = STAGE_EXIT_FAILED;

	if (argp_parse(&argp, argc, argv, 0, NULL, &flags) != 0)
		return 64;
	stage_init(&stage, "quickstart-demo");
	code = run(&stage, &flags);
	stage_close(&stage, code, flags.keep || flags.folder != NULL);
	return code;
}
