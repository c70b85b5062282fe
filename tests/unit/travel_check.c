/* The checker of the travel example: a right set of databases passes, and each of a table of
 * hand-made mistakes is found under its name. */
#include "tests/unit/unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/travel/check.h"
#include "examples/travel/schema.h"

/* b1 was completed; b2 refused by the card and undone; b3 refused at once for want of balance; b4's
 * flight came too late: its undo was empty. b5 took the seat that b2 had given back. */
static const char bookings_text[] = "{\"id\":\"b1\",\"customer\":\"c1\",\"flight\":\"f1\","
				    "\"seats\":2,\"hotel\":\"h1\",\"rooms\":1,"
				    "\"price\":100}\n"
				    "{\"id\":\"b2\",\"customer\":\"c2\",\"flight\":\"f1\","
				    "\"seats\":1,\"hotel\":\"h1\",\"rooms\":1,"
				    "\"price\":50}\n"
				    "{\"id\":\"b3\",\"customer\":\"c3\",\"flight\":\"f1\","
				    "\"seats\":1,\"hotel\":\"h1\",\"rooms\":1,"
				    "\"price\":70}\n"
				    "{\"id\":\"b4\",\"customer\":\"c1\",\"flight\":\"f1\","
				    "\"seats\":1,\"hotel\":\"h1\",\"rooms\":1,"
				    "\"price\":10}\n"
				    "{\"id\":\"b5\",\"customer\":\"c1\",\"flight\":\"f1\","
				    "\"seats\":1,\"hotel\":\"h1\",\"rooms\":2,"
				    "\"price\":20}\n";

static const char answers_text[] =
	"{\"id\":\"b1\",\"accepted\":\"yes\",\"outcome\":\"completed\"}\n"
	"{\"id\":\"b2\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n"
	"{\"id\":\"b3\",\"accepted\":\"unknown\",\"outcome\":\"\"}\n"
	"{\"id\":\"b4\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n"
	"{\"id\":\"b5\",\"accepted\":\"yes\",\"outcome\":\"completed\"}\n";

#define LEDGER(saga, op, name, quantity, units)                                                    \
	"INSERT INTO ledger(saga, step, op, operation, name, quantity, units, attempt, at_ms)"     \
	" VALUES('" saga "', 's', '" op "', 'o', '" name "', " #quantity ", '" units "', 1, 1);"   \
	"INSERT INTO barrier_log(saga, step, op, attempt, verdict, outcome, text, at_ms)"          \
	" VALUES('" saga "', 's', '" op "', 1, 'first', 'ok', '', 1);"
#define LOG(saga, op, verdict, outcome)                                                            \
	"INSERT INTO barrier_log(saga, step, op, attempt, verdict, outcome, text, at_ms)"          \
	" VALUES('" saga "', 's', '" op "', 1, '" verdict "', '" outcome "', '', 1);"

static const char *const database_sql[CHECK_SERVICES] = {
	TRAVEL_SCHEMA_LEDGER TRAVEL_SCHEMA_ITEMS_OF_MONEY
	"INSERT INTO item VALUES('c1', 500, 380, 4), ('c2', 60, 60, 2), ('c3', 5, 5, 0);" LEDGER(
		"b1", "forward", "c1", 100, "") LEDGER("b2", "forward", "c2", 50, "")
		LOG("b3", "forward", "first", "rejected") LEDGER("b4", "forward", "c1", 10, "")
			LEDGER("b2", "undo", "c2", 50, "") LEDGER("b4", "undo", "c1", 10, "")
				LOG("b4", "undo", "duplicate", "ok")
					LEDGER("b5", "forward", "c1", 20, ""),
	TRAVEL_SCHEMA_LEDGER TRAVEL_SCHEMA_UNITS
	"INSERT INTO item VALUES('f1', 4, 1, 4);"
	"INSERT INTO unit VALUES('f1', 1, 'b1'), ('f1', 2, 'b1'), ('f1', 3, 'b5'),"
	" ('f1', 4, NULL);" LEDGER("b1", "forward", "f1", 2, "1,2")
		LEDGER("b2", "forward", "f1", 1, "3") LEDGER("b2", "undo", "f1", 1, "3")
			LOG("b4", "undo", "empty_undo", "ok")
				LOG("b4", "forward", "late_forward", "rejected")
					LEDGER("b5", "forward", "f1", 1, "3"),
	TRAVEL_SCHEMA_LEDGER TRAVEL_SCHEMA_UNITS
	"INSERT INTO item VALUES('h1', 4, 1, 4);"
	"INSERT INTO unit VALUES('h1', 1, 'b1'), ('h1', 2, 'b5'), ('h1', 3, 'b5'),"
	" ('h1', 4, NULL);" LEDGER("b1", "forward", "h1", 1, "1")
		LEDGER("b2", "forward", "h1", 1, "2") LEDGER("b2", "undo", "h1", 1, "2")
			LEDGER("b5", "forward", "h1", 2, "2,3"),
	TRAVEL_SCHEMA_LEDGER TRAVEL_SCHEMA_ITEMS_OF_MONEY TRAVEL_SCHEMA_TILL
	"INSERT INTO item VALUES('c1', 900, 780, 2), ('c2', 5, 5, 0), ('c3', 5, 5, 0);"
	"UPDATE till SET amount = 120;" LEDGER("b1", "forward", "c1", 100,
					       "") LOG("b2", "forward", "first", "rejected")
		LOG("b2", "forward", "duplicate", "rejected") LEDGER("b5", "forward", "c1", 20, ""),
};

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
	write_text(folder, "bookings.jsonl", bookings_text);
	write_text(folder, "answers.jsonl", answers_text);
}

static void remove_world(const char *folder)
{
	static const char *const names[] = {"user.db",    "flight.db",      "hotel.db",
					    "payment.db", "bookings.jsonl", "answers.jsonl"};
	char path[256];

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static bool judge(const char *folder, struct check_report *report)
{
	char bookings[256];
	char answers[256];
	char why[1200];
	struct check_options options = {folder, bookings, 0, answers};

	(void)snprintf(bookings, sizeof bookings, "%s/bookings.jsonl", folder);
	(void)snprintf(answers, sizeof answers, "%s/answers.jsonl", folder);
	memset(report, 0, sizeof *report);
	return check_run(&options, report, why, sizeof why);
}

static void test_right_world_passes(void **state)
{
	char folder[] = "/tmp/sagad-check-XXXXXX";
	static struct check_report report;

	(void)state;
	make_world(folder);
	assert_true(judge(folder, &report));
	if (report.findings.violations != 0)
		check_print(&report, stderr);
	assert_int_equal(report.findings.violations, 0);
	assert_int_equal(report.bookings, 5);
	assert_int_equal(report.completed, 2);
	assert_int_equal(report.compensated, 3);
	assert_int_equal(report.open, 0);
	assert_int_equal(report.lost, 0);
	assert_int_equal(report.doubled, 0);
	assert_int_equal(report.rejected_at[CHECK_USER], 1);
	assert_int_equal(report.rejected_at[CHECK_PAYMENT], 1);
	assert_int_equal(report.undone_otherwise, 1);
	assert_int_equal(report.duplicates, 2);
	assert_int_equal(report.empty_undos, 1);
	assert_int_equal(report.late_forwards, 1);
	remove_world(folder);
}

struct mistake {
	const char *what;
	uint32_t service;
	const char *sql;
	enum check_rule rule;
	uint32_t lost, doubled;
};

static const struct mistake mistakes[] = {
	{"a ledger row is gone", CHECK_HOTEL,
	 "DELETE FROM ledger WHERE saga = 'b1'; DELETE FROM barrier_log WHERE saga = 'b1';"
	 "UPDATE item SET left = 2; UPDATE unit SET saga = NULL WHERE saga = 'b1';",
	 CHECK_HALF, 1, 0},
	{"an undo is gone", CHECK_FLIGHT,
	 "DELETE FROM ledger WHERE saga = 'b2' AND op = 'undo';"
	 "DELETE FROM barrier_log WHERE saga = 'b2' AND op = 'undo';"
	 "DELETE FROM ledger WHERE saga = 'b5'; DELETE FROM barrier_log WHERE saga = 'b5';"
	 "UPDATE unit SET saga = 'b2' WHERE saga = 'b5';",
	 CHECK_HALF, 2, 0},
	{"an effect is doubled, books and all", CHECK_PAYMENT,
	 LEDGER("b1", "forward", "c1", 100,
		"") "UPDATE item SET left = left - 100 WHERE name = 'c1';"
		    "UPDATE till SET amount = amount + 100;",
	 CHECK_DOUBLED, 0, 1},
	{"an undo is doubled, books and all", CHECK_USER,
	 LEDGER("b4", "undo", "c1", 10, "") "UPDATE item SET left = left + 10 WHERE name = 'c1';",
	 CHECK_DOUBLED, 0, 1},
	{"undone without having been done", CHECK_PAYMENT,
	 LEDGER("b2", "undo", "c2", 50, "") "UPDATE item SET left = left + 50 WHERE name = 'c2';"
					    "UPDATE till SET amount = amount - 50;",
	 CHECK_UNDO_OF_NOTHING, 0, 0},
	{"done again after its undo", CHECK_USER,
	 LEDGER("b2", "forward", "c2", 50, "") "UPDATE item SET left = 10 WHERE name = 'c2';",
	 CHECK_LATE_FORWARD, 1, 1},
	{"done although its empty undo came first", CHECK_FLIGHT,
	 LEDGER("b4", "forward", "f1", 1, "4") "UPDATE item SET left = 0;"
					       "UPDATE unit SET saga = 'b4' WHERE number = 4;",
	 CHECK_LATE_FORWARD, 1, 0},
	{"a seat is sold twice", CHECK_FLIGHT,
	 "UPDATE ledger SET units = '2' WHERE saga = 'b5';"
	 "UPDATE unit SET saga = 'b5' WHERE number = 2; UPDATE unit SET saga = NULL WHERE number = "
	 "3;",
	 CHECK_SOLD_TWICE, 0, 0},
	{"a room of another is given back", CHECK_HOTEL,
	 "UPDATE ledger SET units = '1' WHERE saga = 'b2' AND op = 'undo';", CHECK_SOLD_TWICE, 0,
	 0},
	{"more seats are sold than there are", CHECK_FLIGHT,
	 "UPDATE item SET total = 2, left = 0; DELETE FROM unit WHERE number > 2;", CHECK_OVERSOLD,
	 0, 0},
	{"more are left than should be", CHECK_HOTEL, "UPDATE item SET left = 2;", CHECK_OVERSOLD,
	 0, 0},
	{"a room is held by one who has none", CHECK_HOTEL,
	 "UPDATE unit SET saga = 'b2' WHERE number = 4;", CHECK_OVERSOLD, 0, 0},
	{"a balance is too high", CHECK_USER, "UPDATE item SET left = 61 WHERE name = 'c2';",
	 CHECK_CONSERVED, 0, 0},
	{"the till is short", CHECK_PAYMENT, "UPDATE till SET amount = 119;", CHECK_CONSERVED, 0,
	 0},
	{"money is still reserved", CHECK_USER,
	 "DELETE FROM ledger WHERE saga = 'b2' AND op = 'undo';"
	 "DELETE FROM barrier_log WHERE saga = 'b2' AND op = 'undo';"
	 "UPDATE item SET left = 10 WHERE name = 'c2';",
	 CHECK_RESERVED, 1, 0},
	{"charged what was not booked", CHECK_PAYMENT,
	 "UPDATE ledger SET quantity = 99 WHERE saga = 'b1';", CHECK_AMOUNT, 0, 0},
	{"another flight than booked", CHECK_FLIGHT,
	 "UPDATE ledger SET name = 'f2' WHERE saga = 'b1';", CHECK_AMOUNT, 0, 0},
	{"fewer seats than counted", CHECK_FLIGHT,
	 "UPDATE ledger SET units = '1' WHERE saga = 'b1';", CHECK_AMOUNT, 0, 0},
	{"an effect of nobody's booking", CHECK_USER, LEDGER("b9", "forward", "c1", 1, ""),
	 CHECK_STRANGER, 0, 0},
	{"a row of the ledger was deleted", CHECK_USER,
	 "DELETE FROM ledger WHERE id = (SELECT max(id) FROM ledger);", CHECK_UNLOGGED, 1, 0},
	{"a row of the ledger was doubled", CHECK_PAYMENT,
	 "INSERT INTO ledger(saga, step, op, operation, name, quantity, units, attempt, at_ms)"
	 " SELECT saga, step, op, operation, name, quantity, units, attempt, at_ms FROM ledger "
	 "LIMIT 1;",
	 CHECK_DOUBLED, 0, 1},
	{"the log tells of an effect that is not there", CHECK_PAYMENT,
	 LOG("b3", "forward", "first", "ok"), CHECK_UNLOGGED, 0, 0},
	{"rejected and yet done", CHECK_HOTEL, LOG("b1", "forward", "first", "rejected"),
	 CHECK_UNLOGGED, 0, 0},
	{"nobody has heard of it", CHECK_USER, "DELETE FROM barrier_log WHERE saga = 'b3';",
	 CHECK_LOST, 1, 0},
};

static void test_each_mistake_is_found(void **state)
{
	static struct check_report report;

	(void)state;
	for (uint32_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		const struct mistake *mistake = &mistakes[i];
		char folder[] = "/tmp/sagad-check-XXXXXX";

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
		{"{\"id\":\"b1\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n", 1},
		{"{\"id\":\"b2\",\"accepted\":\"yes\",\"outcome\":\"completed\"}\n", 1},
		{"{\"id\":\"b3\",\"accepted\":\"unknown\",\"outcome\":\"completed\"}\n", 1},
		{"{\"id\":\"b1\",\"accepted\":\"no\",\"outcome\":\"\"}\n", 1},
		{"{\"id\":\"b2\",\"accepted\":\"no\",\"outcome\":\"\"}\n", 1},
		{"{\"id\":\"b7\",\"accepted\":\"yes\",\"outcome\":\"\"}\n", 1},
		{"{\"id\":\"b1\",\"accepted\":\"no\",\"outcome\":\"\"}\n"
		 "{\"id\":\"b1\",\"accepted\":\"yes\",\"outcome\":\"\"}\n",
		 0},
		{"{\"id\":\"b1\",\"accepted\":\"unknown\",\"outcome\":\"completed\"}\n", 0},
	};
	char folder[] = "/tmp/sagad-check-XXXXXX";
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
	remove_world(folder);
}

static void test_what_cannot_be_read_is_no_pass(void **state)
{
	char folder[] = "/tmp/sagad-check-XXXXXX";
	char path[256];
	static struct check_report report;

	(void)state;
	make_world(folder);
	run_sql(folder, CHECK_USER, "DROP TABLE ledger;");
	assert_false(judge(folder, &report));
	remove_world(folder);

	(void)snprintf(folder, sizeof folder, "/tmp/sagad-check-XXXXXX");
	make_world(folder);
	run_sql(folder, CHECK_HOTEL, "DELETE FROM item;");
	assert_false(judge(folder, &report));
	remove_world(folder);

	(void)snprintf(folder, sizeof folder, "/tmp/sagad-check-XXXXXX");
	make_world(folder);
	(void)snprintf(path, sizeof path, "%s/hotel.db", folder);
	assert_int_equal(unlink(path), 0);
	assert_false(judge(folder, &report));
	remove_world(folder);

	(void)snprintf(folder, sizeof folder, "/tmp/sagad-check-XXXXXX");
	make_world(folder);
	write_text(folder, "bookings.jsonl", "");
	assert_false(judge(folder, &report));
	write_text(folder, "bookings.jsonl", "{\"id\":\"b1\"}\n");
	assert_false(judge(folder, &report));
	write_text(folder, "bookings.jsonl", bookings_text);
	write_text(folder, "answers.jsonl", "{\"id\":\"b1\"}\n");
	assert_false(judge(folder, &report));
	remove_world(folder);
}

/* Reads a file wholly; free it. */
static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 1024 * 1024);

	if (file == NULL || text == NULL)
		fail_msg("cannot read %s", path);
	assert_true(fread(text, 1, 1024 * 1024 - 1, file) > 0);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void test_bookings_are_what_the_generator_makes(void **state)
{
	static const char *const names[] = {"bookings.jsonl", "stock.jsonl"};
	char folder[] = "/tmp/sagad-check-XXXXXX";
	char command[1024];
	char path[512];

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(command, sizeof command, "'%s' '%s' > /dev/null", TRAVEL_MAKE_BOOKINGS,
		       folder);
	assert_int_equal(system(command), 0);
	for (uint32_t i = 0; i < 2; i++) {
		char *made = NULL;
		char *kept = NULL;

		(void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		made = read_file(path);
		(void)unlink(path);
		(void)snprintf(path, sizeof path, SAGAD_SOURCE_DIR "/examples/travel/%s", names[i]);
		kept = read_file(path);
		assert_string_equal(made, kept);
		free(made);
		free(kept);
	}
	(void)rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_world_passes),
		cmocka_unit_test(test_each_mistake_is_found),
		cmocka_unit_test(test_every_rule_has_a_mistake),
		cmocka_unit_test(test_answers_that_the_databases_contradict),
		cmocka_unit_test(test_what_cannot_be_read_is_no_pass),
		cmocka_unit_test(test_bookings_are_what_the_generator_makes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
