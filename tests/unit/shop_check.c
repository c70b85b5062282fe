/* The checker of the shop example: a right set of databases passes, and each of a table of
 * hand-made mistakes is found under its name. */
#include "tests/unit/unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/shop/check.h"
#include "examples/shop/schema.h"
#include "examples/shop/wishes.h"

/* o1 was completed, with a gift. o2's card was declined, and all of it undone. o3's goods were sold
 * out; its gift came too late, after its empty undo. o4's charge was blocked before it ran, and
 * came too late. o5's charge was settled as done; it had no gift, and was parked before it was
 * sent.
 */
static const char orders_text[] =
	"{\"id\":\"o1\",\"customer\":\"c1\",\"item\":\"i1\",\"quantity\":2,\"price\":40}\n"
	"{\"id\":\"o2\",\"customer\":\"c2\",\"item\":\"i1\",\"quantity\":1,\"price\":20}\n"
	"{\"id\":\"o3\",\"customer\":\"c1\",\"item\":\"i2\",\"quantity\":3,\"price\":60}\n"
	"{\"id\":\"o4\",\"customer\":\"c1\",\"item\":\"i1\",\"quantity\":1,\"price\":20}\n"
	"{\"id\":\"o5\",\"customer\":\"c1\",\"item\":\"i1\",\"quantity\":2,\"price\":40}\n";

static const char answers_text[] =
	"{\"id\":\"o1\",\"accepted\":\"yes\",\"outcome\":\"completed\"}\n"
	"{\"id\":\"o2\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n"
	"{\"id\":\"o3\",\"accepted\":\"unknown\",\"outcome\":\"\"}\n"
	"{\"id\":\"o4\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n"
	"{\"id\":\"o5\",\"accepted\":\"yes\",\"outcome\":\"completed\"}\n";

#define LOG(saga, step, op, verdict, outcome)                                                      \
	"INSERT INTO barrier_log(saga, step, op, attempt, verdict, outcome, text, at_ms)"          \
	" VALUES('" saga "', '" step "', '" op "', 1, '" verdict "', '" outcome "', '', 1);"
#define DONE(saga, step, op, name, quantity, version, races, took, gave, attempt)                  \
	"INSERT INTO ledger(saga, step, op, name, quantity, version, races, took, gave, attempt,"  \
	" at_ms) VALUES('" saga "', '" step "', '" op "', '" name "', " #quantity ", " #version    \
	", " #races ", '" took "', '" gave "', " #attempt                                          \
	", 1);" LOG(saga, step, op, "first", "ok")
#define HELD(saga, name, quantity)                                                                 \
	"INSERT INTO held(saga, name, quantity) VALUES('" saga "', '" name "', " #quantity ");"
#define SHIPMENT(saga, name, quantity, reservation)                                                \
	"INSERT INTO shipment(saga, name, quantity, reservation) VALUES('" saga "', '" name        \
	"', " #quantity ", '" reservation "');"
#define ORDER(saga, status)                                                                        \
	"INSERT INTO orders(saga, customer, name, quantity, status, tracking, version)"            \
	" VALUES('" saga "', 'c', 'i', 1, '" status "', '', 2);"

/* clang-format off */
static const char *const database_sql[CHECK_SERVICES] = {
	[CHECK_INVENTORY] = SHOP_SCHEMA_LEDGER SHOP_SCHEMA_ITEM SHOP_SCHEMA_HELD
	"INSERT INTO item VALUES('i1', 5, 1, 6), ('i2', 2, 2, 0);"
	DONE("o1", "stock", "forward", "i1", 2, 1, 0, "", "R1", 1)
	DONE("o2", "stock", "forward", "i1", 1, 2, 0, "", "R2", 1)
	LOG("o3", "stock", "forward", "first", "rejected")
	DONE("o4", "stock", "forward", "i1", 1, 3, 0, "", "R3", 1)
	DONE("o2", "stock", "undo", "i1", 1, 4, 0, "", "", 1)
	DONE("o5", "stock", "forward", "i1", 2, 5, 1, "", "R4", 1)
	LOG("o5", "stock", "forward", "duplicate", "ok")
	DONE("o4", "stock", "undo", "i1", 1, 6, 0, "", "", 1)
	HELD("o1", "i1", 2) HELD("o5", "i1", 2),
	[CHECK_PAYMENT] = SHOP_SCHEMA_LEDGER SHOP_SCHEMA_ITEM SHOP_SCHEMA_HELD
	"INSERT INTO item VALUES('c1', 1000, 920, 2), ('c2', 5, 5, 0);"
	DONE("o1", "card", "forward", "c1", 40, 1, 0, "", "C1", 1)
	LOG("o2", "card", "forward", "first", "rejected")
	LOG("o4", "card", "settle", "blocked", "rejected")
	LOG("o4", "card", "forward", "late_forward", "rejected")
	DONE("o5", "card", "forward", "c1", 40, 2, 0, "", "C2", 1)
	LOG("o5", "card", "settle", "done", "ok")
	HELD("o1", "c1", 40) HELD("o5", "c1", 40),
	[CHECK_SHIPPING] = SHOP_SCHEMA_LEDGER SHOP_SCHEMA_ITEM SHOP_SCHEMA_HELD SHOP_SCHEMA_SHIPMENT
	"INSERT INTO item VALUES('gift', 2, 1, 5);"
	DONE("o1", "gift", "forward", "gift", 1, 1, 0, "", "G1", 1)
	DONE("o2", "gift", "forward", "gift", 1, 2, 0, "", "G2", 1)
	LOG("o5", "gift", "undo", "empty_undo", "ok")
	DONE("o2", "gift", "undo", "gift", 1, 3, 0, "", "", 1)
	DONE("o4", "gift", "forward", "gift", 1, 4, 0, "", "G3", 1)
	DONE("o4", "gift", "undo", "gift", 1, 5, 0, "", "", 1)
	LOG("o3", "gift", "undo", "empty_undo", "ok")
	LOG("o3", "gift", "forward", "late_forward", "rejected")
	DONE("o1", "ship", "forward", "i1", 2, 1, 0, "R1", "T1", 2)
	DONE("o5", "ship", "forward", "i1", 2, 1, 0, "R4", "T2", 7)
	HELD("o1", "gift", 1)
	SHIPMENT("o1", "i1", 2, "R1") SHIPMENT("o5", "i1", 2, "R4"),
	[CHECK_ORDER] = SHOP_SCHEMA_LEDGER SHOP_SCHEMA_ORDERS
	DONE("o1", "order", "forward", "i1", 2, 1, 0, "", "O1", 1)
	DONE("o2", "order", "forward", "i1", 1, 1, 0, "", "O2", 1)
	DONE("o3", "order", "forward", "i2", 3, 1, 0, "", "O3", 1)
	DONE("o4", "order", "forward", "i1", 1, 1, 0, "", "O4", 1)
	DONE("o5", "order", "forward", "i1", 2, 1, 0, "", "O5", 1)
	DONE("o2", "order", "undo", "i1", 1, 2, 0, "", "", 1)
	DONE("o3", "order", "undo", "i2", 3, 2, 0, "", "", 1)
	DONE("o4", "order", "undo", "i1", 1, 2, 0, "", "", 1)
	DONE("o1", "confirm", "forward", "i1", 2, 2, 0, "T1", "", 1)
	DONE("o5", "confirm", "forward", "i1", 2, 2, 0, "T2", "", 1)
	ORDER("o1", "confirmed") ORDER("o2", "cancelled") ORDER("o3", "cancelled")
	ORDER("o4", "cancelled") ORDER("o5", "confirmed"),
};
/* clang-format on */

static void write_text(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void run_sql(const char *folder, uint32_t service, const char *sql)
{
	char path[256];
	sqlite3 *db = NULL;
	char *error = NULL;

	(void)snprintf(path, sizeof path, "%s/%s.db", folder,
		       check_service_name((enum check_service)service));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	/* Nothing here has to outlive a power cut, and there are many worlds. */
	assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous = OFF; BEGIN", NULL, NULL, NULL),
			 SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void make_world(char *folder)
{
	assert_non_null(mkdtemp(folder));
	for (uint32_t s = 0; s < CHECK_SERVICES; s++)
		run_sql(folder, s, database_sql[s]);
	write_text(folder, "orders.jsonl", orders_text);
	write_text(folder, "answers.jsonl", answers_text);
}

static void remove_world(const char *folder)
{
	static const char *const names[] = {"inventory.db", "payment.db",   "shipping.db",
					    "order.db",     "orders.jsonl", "answers.jsonl"};
	char path[256];

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static bool judge(const char *folder, struct check_report *report)
{
	char orders[256];
	char answers[256];
	char why[1200];
	const struct check_options options = {folder, orders, answers};

	(void)snprintf(orders, sizeof orders, "%s/orders.jsonl", folder);
	(void)snprintf(answers, sizeof answers, "%s/answers.jsonl", folder);
	memset(report, 0, sizeof *report);
	return check_run(&options, report, why, sizeof why);
}

static void test_right_world_passes(void **state)
{
	char folder[] = "/tmp/sagad-shop-XXXXXX";
	static struct check_report report;

	(void)state;
	make_world(folder);
	assert_true(judge(folder, &report));
	if (report.findings.violations != 0)
		check_print(&report, stderr);
	assert_int_equal(report.findings.violations, 0);
	assert_int_equal(report.orders, 5);
	assert_int_equal(report.completed, 2);
	assert_int_equal(report.undone, 3);
	assert_int_equal(report.open, 0);
	assert_int_equal(report.sold_out, 1);
	assert_int_equal(report.declined, 1);
	assert_int_equal(report.undone_otherwise, 1);
	assert_int_equal(report.gifts, 1);
	assert_int_equal(report.without_gift, 1);
	assert_int_equal(report.gifts_undone, 1);
	assert_int_equal(report.races, 1);
	assert_int_equal(report.settled_done, 1);
	assert_int_equal(report.settled_blocked, 1);
	assert_int_equal(report.patient, 1);
	assert_int_equal(report.lost, 0);
	assert_int_equal(report.doubled, 0);
	assert_int_equal(report.duplicates, 1);
	assert_int_equal(report.empty_undos, 2);
	assert_int_equal(report.late_forwards, 2);
	remove_world(folder);
}

struct mistake {
	const char *what;
	uint32_t service;
	const char *sql;
	enum check_rule rule;
	uint32_t lost, doubled;
};

/* Takes an effect away as if it had never been, log and all. */
#define NEVER(saga, step, op)                                                                      \
	"DELETE FROM ledger WHERE saga = '" saga "' AND step = '" step "' AND op = '" op "';"      \
	"DELETE FROM barrier_log WHERE saga = '" saga "' AND step = '" step "' AND op = '" op "';"

static const struct mistake mistakes[] = {
	{"never sent, though charged", CHECK_SHIPPING,
	 NEVER("o1", "ship", "forward") "DELETE FROM shipment WHERE saga = 'o1';", CHECK_UNSHIPPED,
	 1, 0},
	{"never confirmed, though charged", CHECK_ORDER,
	 NEVER("o5", "confirm", "forward") "UPDATE orders SET status = 'open' WHERE saga = 'o5';",
	 CHECK_UNSHIPPED, 1, 0},
	{"charged for an order that was undone", CHECK_PAYMENT,
	 "UPDATE item SET left = left - 20, version = 3 WHERE name = 'c1';"
	 "DELETE FROM barrier_log WHERE saga = 'o4';" DONE("o4", "card", "forward", "c1", 20, 3, 0,
							   "", "C3", 1) HELD("o4", "c1", 20),
	 CHECK_UNSHIPPED, 1, 0},
	{"completed without a charge", CHECK_PAYMENT,
	 NEVER("o5", "card",
	       "forward") "DELETE FROM barrier_log WHERE saga = 'o5';"
			  "DELETE FROM held WHERE saga = 'o5';"
			  "UPDATE item SET left = 960, version = 1 WHERE name = 'c1';",
	 CHECK_HALF, 1, 0},
	{"an order that was declined is not cancelled", CHECK_ORDER,
	 NEVER("o2", "order", "undo") "UPDATE orders SET status = 'open' WHERE saga = 'o2';",
	 CHECK_HALF, 1, 0},
	{"a gift is left of an order that was undone", CHECK_SHIPPING,
	 NEVER("o4", "gift", "undo") HELD("o4", "gift", 1) "UPDATE item SET left = 0, version = 4;",
	 CHECK_HALF, 1, 0},
	{"charged twice, books and all", CHECK_PAYMENT,
	 "UPDATE item SET left = left - 40, version = 3 WHERE name = 'c1';" DONE(
		 "o1", "card", "forward", "c1", 40, 3, 0, "", "C3", 2) HELD("o1", "c1", 40),
	 CHECK_DOUBLED, 0, 1},
	{"sent twice", CHECK_SHIPPING,
	 DONE("o1", "ship", "forward", "i1", 2, 1, 0, "R1", "T3", 2) SHIPMENT("o1", "i1", 2, "R1"),
	 CHECK_DOUBLED, 0, 1},
	{"released twice, books and all", CHECK_INVENTORY,
	 "UPDATE item SET left = left + 1, version = 7 WHERE name = 'i1';" DONE(
		 "o2", "stock", "undo", "i1", 1, 7, 0, "", "", 1),
	 CHECK_DOUBLED, 0, 1},
	{"released without having been reserved", CHECK_INVENTORY,
	 "UPDATE item SET left = left + 3, version = 1 WHERE name = 'i2';" DONE(
		 "o3", "stock", "undo", "i2", 3, 1, 0, "", "", 1),
	 CHECK_UNDO_OF_NOTHING, 0, 0},
	{"reserved again after its undo", CHECK_INVENTORY,
	 "UPDATE item SET left = left - 1, version = 7 WHERE name = 'i1';" DONE(
		 "o2", "stock", "forward", "i1", 1, 7, 0, "", "R5", 1) HELD("o2", "i1", 1),
	 CHECK_LATE_FORWARD, 1, 1},
	{"a gift although its empty undo came first", CHECK_SHIPPING,
	 "UPDATE item SET left = left - 1, version = 6;" DONE("o3", "gift", "forward", "gift", 1, 6,
							      0, "", "G4", 1) HELD("o3", "gift", 1),
	 CHECK_LATE_FORWARD, 1, 0},
	{"charged although settled as not done", CHECK_PAYMENT,
	 "UPDATE item SET left = left - 20, version = 3 WHERE name = 'c1';" DONE(
		 "o4", "card", "forward", "c1", 20, 3, 0, "", "C3", 1) HELD("o4", "c1", 20),
	 CHECK_LATE_FORWARD, 1, 0},
	{"settled as done, and is not", CHECK_PAYMENT, LOG("o2", "card", "settle", "blocked", "ok"),
	 CHECK_SETTLED, 0, 0},
	{"settled both ways", CHECK_PAYMENT, LOG("o5", "card", "settle", "done", "rejected"),
	 CHECK_SETTLED, 0, 0},
	{"more is sold than there was", CHECK_INVENTORY,
	 "UPDATE item SET total = 4, left = 0 WHERE name = 'i1';", CHECK_OVERSOLD, 0, 0},
	{"what is sold was never there", CHECK_INVENTORY, "DELETE FROM item WHERE name = 'i1';",
	 CHECK_OVERSOLD, 0, 0},
	{"more is left than should be", CHECK_INVENTORY,
	 "UPDATE item SET left = 2 WHERE name = 'i1';", CHECK_BOOKS, 0, 0},
	{"a reservation is gone", CHECK_INVENTORY, "DELETE FROM held WHERE saga = 'o1';",
	 CHECK_BOOKS, 0, 0},
	{"a reservation is left", CHECK_INVENTORY, HELD("o2", "i1", 1), CHECK_BOOKS, 0, 0},
	{"an order is there twice", CHECK_ORDER, ORDER("o1", "confirmed"), CHECK_BOOKS, 0, 0},
	{"an order is not marked as confirmed", CHECK_ORDER,
	 "UPDATE orders SET status = 'open' WHERE saga = 'o1';", CHECK_BOOKS, 0, 0},
	{"two changes made the same version", CHECK_INVENTORY,
	 "UPDATE ledger SET version = 4 WHERE saga = 'o5';", CHECK_VERSIONS, 0, 0},
	{"a version was skipped", CHECK_PAYMENT, "UPDATE item SET version = 3 WHERE name = 'c1';",
	 CHECK_VERSIONS, 0, 0},
	{"a card has lost money", CHECK_PAYMENT, "UPDATE item SET left = 919 WHERE name = 'c1';",
	 CHECK_CONSERVED, 0, 0},
	{"a charge is of another amount than the card gave", CHECK_PAYMENT,
	 "UPDATE held SET quantity = 41 WHERE saga = 'o1';", CHECK_CONSERVED, 0, 0},
	{"charged what was not ordered", CHECK_PAYMENT,
	 "UPDATE ledger SET quantity = 39 WHERE saga = 'o1';", CHECK_AMOUNT, 0, 0},
	{"another item than ordered", CHECK_SHIPPING,
	 "UPDATE ledger SET name = 'i2' WHERE saga = 'o1' AND step = 'ship';", CHECK_AMOUNT, 0, 0},
	{"sent another's reservation", CHECK_SHIPPING,
	 "UPDATE ledger SET took = 'R4' WHERE saga = 'o1' AND step = 'ship';", CHECK_AMOUNT, 0, 0},
	{"confirmed without the parcel's number", CHECK_ORDER,
	 "UPDATE ledger SET took = '' WHERE saga = 'o1' AND step = 'confirm';", CHECK_AMOUNT, 0, 0},
	{"an effect of nobody's order", CHECK_ORDER,
	 DONE("o9", "order", "forward", "i1", 1, 1, 0, "", "O9", 1), CHECK_STRANGER, 0, 0},
	{"an effect of a step that there is not", CHECK_ORDER,
	 DONE("o1", "party", "forward", "i1", 2, 1, 0, "", "O9", 1), CHECK_STRANGER, 0, 0},
	{"a row of the ledger was deleted", CHECK_ORDER,
	 "DELETE FROM ledger WHERE id = (SELECT max(id) FROM ledger);", CHECK_UNLOGGED, 1, 0},
	{"a row of the ledger was doubled", CHECK_SHIPPING,
	 "INSERT INTO ledger(saga, step, op, name, quantity, version, races, took, gave, attempt,"
	 " at_ms) SELECT saga, step, op, name, quantity, version, races, took, gave, attempt,"
	 " at_ms FROM ledger LIMIT 1;",
	 CHECK_DOUBLED, 0, 1},
	{"rejected and yet done", CHECK_INVENTORY,
	 LOG("o1", "stock", "forward", "first", "rejected"), CHECK_UNLOGGED, 0, 0},
};

static void test_each_mistake_is_found(void **state)
{
	static struct check_report report;

	(void)state;
	for (uint32_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		const struct mistake *mistake = &mistakes[i];
		char folder[] = "/tmp/sagad-shop-XXXXXX";

		make_world(folder);
		run_sql(folder, mistake->service, mistake->sql);
		assert_true(judge(folder, &report));
		if (report.findings.found[mistake->rule] == 0 || report.lost != mistake->lost ||
		    report.doubled != mistake->doubled) {
			check_print(&report, stderr);
			fail_msg("%s: not found, or lost and doubled are not %u and %u",
				 mistake->what, mistake->lost, mistake->doubled);
		}
		remove_world(folder);
	}
}

static void test_every_rule_has_a_mistake(void **state)
{
	bool covered[CHECK_RULES] = {false};

	(void)state;
	covered[CHECK_LOST] = true; /* by the answers */
	for (uint32_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
		covered[mistakes[i].rule] = true;
	for (uint32_t rule = 0; rule < CHECK_RULES; rule++)
		if (!covered[rule])
			fail_msg("no mistake for %s", check_rules[rule].name);
}

static void test_answers_that_the_databases_contradict(void **state)
{
	static const struct {
		const char *answer;
		uint32_t lost;
	} cases[] = {
		{"{\"id\":\"o1\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n", 1},
		{"{\"id\":\"o2\",\"accepted\":\"yes\",\"outcome\":\"completed\"}\n", 1},
		{"{\"id\":\"o3\",\"accepted\":\"unknown\",\"outcome\":\"completed\"}\n", 1},
		{"{\"id\":\"o1\",\"accepted\":\"no\",\"outcome\":\"\"}\n", 1},
		{"{\"id\":\"o4\",\"accepted\":\"no\",\"outcome\":\"\"}\n", 1},
		{"{\"id\":\"o7\",\"accepted\":\"yes\",\"outcome\":\"\"}\n", 1},
		{"{\"id\":\"o1\",\"accepted\":\"no\",\"outcome\":\"\"}\n"
		 "{\"id\":\"o1\",\"accepted\":\"yes\",\"outcome\":\"\"}\n",
		 0},
		{"{\"id\":\"o1\",\"accepted\":\"unknown\",\"outcome\":\"completed\"}\n", 0},
		/* Cancelled, and completed all the same. */
		{"{\"id\":\"o1\",\"accepted\":\"yes\",\"outcome\":\"completed\"}\n"
		 "{\"id\":\"o1\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n",
		 1},
		{"{\"id\":\"o2\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n"
		 "{\"id\":\"o2\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n",
		 0},
	};
	char folder[] = "/tmp/sagad-shop-XXXXXX";
	static struct check_report report;

	(void)state;
	make_world(folder);
	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		write_text(folder, "answers.jsonl", cases[i].answer);
		assert_true(judge(folder, &report));
		if (report.lost != cases[i].lost)
			fail_msg("%s: lost is %u", cases[i].answer, report.lost);
		assert_int_equal(report.findings.found[CHECK_LOST], cases[i].lost);
	}
	/* Nobody has heard of one. */
	write_text(folder, "answers.jsonl", answers_text);
	write_text(folder, "orders.jsonl",
		   "{\"id\":\"o9\",\"customer\":\"c1\",\"item\":\"i1\",\"quantity\":1,"
		   "\"price\":20}\n");
	assert_true(judge(folder, &report));
	assert_int_equal(report.open, 1);
	assert_true(report.findings.found[CHECK_LOST] > 0);
	remove_world(folder);
}

static void test_what_cannot_be_read_is_no_pass(void **state)
{
	static const struct {
		uint32_t service;
		const char *sql;
	} cases[] = {
		{CHECK_INVENTORY, "DROP TABLE ledger;"}, {CHECK_PAYMENT, "DROP TABLE barrier_log;"},
		{CHECK_PAYMENT, "DROP TABLE held;"},     {CHECK_SHIPPING, "DROP TABLE shipment;"},
		{CHECK_SHIPPING, "DELETE FROM item;"},   {CHECK_ORDER, "DROP TABLE orders;"},
	};
	char folder[] = "/tmp/sagad-shop-XXXXXX";
	char path[256];
	static struct check_report report;

	(void)state;
	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char other[] = "/tmp/sagad-shop-XXXXXX";

		make_world(other);
		run_sql(other, cases[i].service, cases[i].sql);
		assert_false(judge(other, &report));
		remove_world(other);
	}
	make_world(folder);
	write_text(folder, "orders.jsonl", "");
	assert_false(judge(folder, &report));
	write_text(folder, "orders.jsonl", "{\"id\":\"o1\"}\n");
	assert_false(judge(folder, &report));
	write_text(folder, "orders.jsonl", orders_text);
	write_text(folder, "answers.jsonl", "{\"id\":\"o1\"}\n");
	assert_false(judge(folder, &report));
	write_text(folder, "answers.jsonl", answers_text);
	assert_true(judge(folder, &report));
	(void)snprintf(path, sizeof path, "%s/order.db", folder);
	assert_int_equal(unlink(path), 0);
	assert_false(judge(folder, &report));
	remove_world(folder);
}

static void test_the_same_seed_makes_the_same_orders(void **state)
{
	struct wishes left;
	struct wishes right;
	char ids[2][32];
	char lines[2][WISHES_LINE_SIZE];
	uint32_t differ = 0;

	(void)state;
	wishes_init(&left, 7, 100, 10);
	wishes_init(&right, 7, 100, 10);
	for (uint32_t i = 0; i < 100; i++) {
		wishes_next(&left, ids[0], lines[0]);
		wishes_next(&right, ids[1], lines[1]);
		assert_string_equal(ids[0], ids[1]);
		assert_string_equal(lines[0], lines[1]);
	}
	wishes_init(&right, 8, 100, 10);
	for (uint32_t i = 0; i < 100; i++) {
		wishes_next(&left, ids[0], lines[0]);
		wishes_next(&right, ids[1], lines[1]);
		differ += strcmp(strstr(lines[0], "customer"), strstr(lines[1], "customer")) != 0;
	}
	assert_true(differ > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_world_passes),
		cmocka_unit_test(test_each_mistake_is_found),
		cmocka_unit_test(test_every_rule_has_a_mistake),
		cmocka_unit_test(test_answers_that_the_databases_contradict),
		cmocka_unit_test(test_what_cannot_be_read_is_no_pass),
		cmocka_unit_test(test_the_same_seed_makes_the_same_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
