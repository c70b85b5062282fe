/* The checker of the bank example: a right set of databases passes, and each of a table of
 * hand-made mistakes is found under its name. */
#include "tests/unit/unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/bank/check.h"
#include "examples/bank/schema.h"

/* t1 was committed; bank_b refused t2; bank_a's part of t3 came after its rollback; t4 moves
 * nothing; t5 stays inside bank_a; t6 was committed after a crash; t7 was aborted before anybody
 * did anything. */
static const char transfers_text[] =
	"{\"id\":\"t1\",\"protocol\":\"2pc\",\"from\":\"a1\",\"to\":\"b1\",\"amount\":100}\n"
	"{\"id\":\"t2\",\"protocol\":\"tcc\",\"from\":\"a2\",\"to\":\"b1\",\"amount\":50}\n"
	"{\"id\":\"t3\",\"protocol\":\"2pc\",\"from\":\"a1\",\"to\":\"b2\",\"amount\":20}\n"
	"{\"id\":\"t4\",\"protocol\":\"tcc\",\"from\":\"a1\",\"to\":\"b2\",\"amount\":0}\n"
	"{\"id\":\"t5\",\"protocol\":\"inside\",\"from\":\"a1\",\"to\":\"a3\",\"amount\":30}\n"
	"{\"id\":\"t6\",\"protocol\":\"tcc\",\"from\":\"a2\",\"to\":\"b2\",\"amount\":10}\n"
	"{\"id\":\"t7\",\"protocol\":\"2pc\",\"from\":\"a3\",\"to\":\"b2\",\"amount\":1}\n";

static const char answers_text[] = "{\"id\":\"t1\",\"committed\":true}\n"
				   "{\"id\":\"t2\",\"committed\":false}\n"
				   "{\"id\":\"t3\",\"committed\":false}\n"
				   "{\"id\":\"t4\",\"committed\":true}\n"
				   "{\"id\":\"t5\",\"committed\":true}\n"
				   "{\"id\":\"t6\",\"committed\":true}\n"
				   "{\"id\":\"t7\",\"committed\":false}\n";

#define LOG(saga, op, verdict, outcome)                                                            \
	"INSERT INTO barrier_log(saga, step, op, attempt, verdict, outcome, text, at_ms)"          \
	" VALUES('" saga "', 's', '" op "', 1, '" verdict "', '" outcome "', '', 1);"
#define CHANGE(saga, op, account, balance, held, version)                                          \
	"INSERT INTO ledger(saga, step, op, account, balance_change, held_change, version,"        \
	" attempt, at_ms) VALUES('" saga "', 's', '" op "', '" account "', " #balance ", " #held   \
	", " #version ", 1, 1);"
#define HOLD(saga, account, amount, version)                                                       \
	CHANGE(saga, "hold", account, 0, amount, version) LOG(saga, "forward", "first", "ok")
#define MOVE(saga, account, balance, held, version)                                                \
	CHANGE(saga, "move", account, balance, held, version) LOG(saga, "finish", "first", "ok")
#define RELEASE(saga, account, held, version)                                                      \
	CHANGE(saga, "release", account, 0, held, version) LOG(saga, "undo", "first", "ok")

static const char bank_a_sql[] =
	BANK_SCHEMA "INSERT INTO account VALUES('a1', 500, 370, 0, 3), ('a2', 60, 50, 0, 4),"
		    " ('a3', 5, 35, 0, 1);"
	/* clang-format off */
	HOLD("t1", "a1", 100, 1)
	HOLD("t2", "a2", 50, 1)
	MOVE("t1", "a1", -100, -100, 2)
	LOG("t1", "finish", "duplicate", "ok")
	RELEASE("t2", "a2", -50, 2)
	LOG("t3", "undo", "empty_undo", "ok")
	LOG("t3", "forward", "late_forward", "rejected")
	LOG("t4", "forward", "first", "read_only")
	CHANGE("t5", "move", "a1", -30, 0, 3)
	CHANGE("t5", "move", "a3", 30, 0, 1)
	LOG("t5", "forward", "first", "ok")
	LOG("t5", "settle", "duplicate", "ok")
	HOLD("t6", "a2", 10, 3)
	MOVE("t6", "a2", -10, -10, 4)
	"INSERT INTO inquiry(saga, step, decision, at_ms) VALUES('t1', 's', 'commit', 1),"
	" ('t2', 's', 'abort', 1);"
	"INSERT INTO trouble VALUES('t3', 'forward', 'late', 1), ('t6', 'forward', 'crash', 1);";

static const char bank_b_sql[] =
	BANK_SCHEMA "INSERT INTO account VALUES('b1', 10, 110, 0, 2), ('b2', 0, 10, 0, 4);"
	HOLD("t1", "b1", 100, 1)
	LOG("t2", "forward", "first", "rejected")
	HOLD("t3", "b2", 20, 1)
	MOVE("t1", "b1", 100, -100, 2)
	RELEASE("t3", "b2", -20, 2)
	LOG("t4", "forward", "first", "read_only")
	HOLD("t6", "b2", 10, 3)
	MOVE("t6", "b2", 10, -10, 4)
	"INSERT INTO trouble VALUES('t2', 'forward', 'no', 1), ('t6', 'finish', 'never', 1);";
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

static void run_sql(const char *folder, enum check_bank bank, const char *sql)
{
	char path[256];
	sqlite3 *db = NULL;
	char *error = NULL;

	(void)snprintf(path, sizeof path, "%s/%s.db", folder, check_bank_names[bank]);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void make_world(char *folder)
{
	(void)snprintf(folder, 32, "/tmp/sagad-check-XXXXXX");
	assert_non_null(mkdtemp(folder));
	run_sql(folder, CHECK_BANK_A, bank_a_sql);
	run_sql(folder, CHECK_BANK_B, bank_b_sql);
	write_text(folder, "transfers.jsonl", transfers_text);
	write_text(folder, "answers.jsonl", answers_text);
}

static void remove_world(const char *folder)
{
	static const char *const names[] = {"bank_a.db", "bank_b.db", "transfers.jsonl",
					    "answers.jsonl"};
	char path[256];

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static bool judge(const char *folder, struct check_report *report)
{
	char transfers[256];
	char answers[256];
	char why[1300];
	const struct check_options options = {folder, transfers, answers};

	(void)snprintf(transfers, sizeof transfers, "%s/transfers.jsonl", folder);
	(void)snprintf(answers, sizeof answers, "%s/answers.jsonl", folder);
	memset(report, 0, sizeof *report);
	return check_run(&options, report, why, sizeof why);
}

static void test_right_world_passes(void **state)
{
	static struct check_report report;
	char folder[32];

	(void)state;
	make_world(folder);
	assert_true(judge(folder, &report));
	if (report.findings.violations != 0)
		check_print(&report, stderr);
	assert_int_equal(report.findings.violations, 0);
	assert_int_equal(report.transfers, 7);
	assert_int_equal(report.committed[CHECK_2PC], 1);
	assert_int_equal(report.aborted[CHECK_2PC], 2);
	assert_int_equal(report.committed[CHECK_TCC], 2);
	assert_int_equal(report.aborted[CHECK_TCC], 1);
	assert_int_equal(report.committed[CHECK_INSIDE], 1);
	assert_int_equal(report.read_only, 1);
	assert_int_equal(report.refused, 1);
	assert_int_equal(report.moved, 140);
	assert_int_equal(report.troubled, 3);
	assert_int_equal(report.troubles[CHECK_TROUBLE_CRASH], 1);
	assert_int_equal(report.crashes_survived, 1);
	assert_int_equal(report.inquiries, 2);
	assert_int_equal(report.duplicates, 1);
	assert_int_equal(report.empty_undos, 1);
	assert_int_equal(report.late_forwards, 1);
	assert_int_equal(report.settled, 1);
	remove_world(folder);
}

struct mistake {
	const char *what;
	enum check_bank bank;
	const char *sql;
	enum check_rule rule;
	bool alone; /* no other rule is broken */
};

static const struct mistake mistakes[] = {
	{"a balance is too high", CHECK_BANK_A,
	 "UPDATE account SET balance = balance + 1 WHERE name = 'a2';", CHECK_CONSERVED, false},
	{"money goes from one account to another without a word", CHECK_BANK_A,
	 "UPDATE account SET balance = balance + 1 WHERE name = 'a2';"
	 "UPDATE account SET balance = balance - 1 WHERE name = 'a1';",
	 CHECK_BOOKS, true},
	{"an opening balance was changed", CHECK_BANK_B,
	 "UPDATE account SET opening = opening - 1 WHERE name = 'b1';", CHECK_CONSERVED, false},
	{"a change without a version", CHECK_BANK_A,
	 "UPDATE account SET version = version - 1 WHERE name = 'a2';", CHECK_VERSION, true},
	{"two changes saw the same version", CHECK_BANK_B,
	 "UPDATE ledger SET version = 1 WHERE saga = 't1' AND op = 'move';", CHECK_VERSION, true},
	{"more is promised than there is", CHECK_BANK_A,
	 "UPDATE ledger SET held_change = 70 WHERE saga = 't2' AND op = 'hold';"
	 "UPDATE ledger SET held_change = -70 WHERE saga = 't2' AND op = 'release';",
	 CHECK_OVERDRAWN, false},
	{"a hold is left", CHECK_BANK_B,
	 "INSERT INTO hold(saga, step, account, amount, at_ms) VALUES('t3', 's', 'b2', 20, 1);",
	 CHECK_HELD, true},
	{"an account still holds", CHECK_BANK_A, "UPDATE account SET held = 1 WHERE name = 'a1';",
	 CHECK_HELD, false},
	{"a release is gone, books and all", CHECK_BANK_B,
	 "DELETE FROM ledger WHERE saga = 't3' AND op = 'release';"
	 "DELETE FROM barrier_log WHERE saga = 't3' AND op = 'undo';"
	 "UPDATE ledger SET version = version - 1 WHERE saga = 't6';"
	 "UPDATE account SET held = 20, version = 3 WHERE name = 'b2';",
	 CHECK_HELD, true},
	{"a release is gone, and the account does not know", CHECK_BANK_B,
	 "DELETE FROM ledger WHERE saga = 't3' AND op = 'release';"
	 "DELETE FROM barrier_log WHERE saga = 't3' AND op = 'undo';",
	 CHECK_HELD, false},
	{"an account is gone", CHECK_BANK_A, "DELETE FROM account WHERE name = 'a3';", CHECK_AMOUNT,
	 false},
	{"moved at bank_b only", CHECK_BANK_A,
	 "DELETE FROM ledger WHERE saga = 't6'; DELETE FROM barrier_log WHERE saga = 't6';"
	 "UPDATE account SET balance = 60, version = 2 WHERE name = 'a2';",
	 CHECK_HALF, false},
	{"moved at one account inside", CHECK_BANK_A,
	 "DELETE FROM ledger WHERE saga = 't5' AND account = 'a3';"
	 "UPDATE account SET balance = 5, version = 0 WHERE name = 'a3';",
	 CHECK_HALF, false},
	{"a move is doubled, books and all", CHECK_BANK_B, MOVE("t6", "b2", 10, -10, 5),
	 CHECK_DOUBLED, false},
	{"a hold is doubled", CHECK_BANK_A, HOLD("t6", "a2", 10, 5), CHECK_DOUBLED, false},
	{"moved and released", CHECK_BANK_A, RELEASE("t1", "a1", -100, 4), CHECK_BOTH, false},
	{"moved without a hold", CHECK_BANK_B,
	 "DELETE FROM ledger WHERE saga = 't1' AND op = 'hold';", CHECK_UNHELD, false},
	{"released without a hold", CHECK_BANK_B, RELEASE("t2", "b1", -50, 3), CHECK_UNHELD, false},
	{"held after it was called off", CHECK_BANK_A,
	 HOLD("t3", "a1", 20, 4) "UPDATE account SET held = 20, version = 4 WHERE name = 'a1';",
	 CHECK_LATE_FORWARD, false},
	{"held after it was released", CHECK_BANK_B,
	 HOLD("t3", "b2", 20, 5) RELEASE("t3", "b2", -20, 6), CHECK_LATE_FORWARD, false},
	{"moved although refused", CHECK_BANK_A, LOG("t6", "forward", "first", "rejected"),
	 CHECK_OUTVOTED, false},
	{"told abort when in doubt, but moved", CHECK_BANK_B,
	 "INSERT INTO inquiry(saga, step, decision, at_ms) VALUES('t6', 's', 'abort', 1);",
	 CHECK_INQUIRY, true},
	{"told commit when in doubt, but released", CHECK_BANK_B,
	 "INSERT INTO inquiry(saga, step, decision, at_ms) VALUES('t3', 's', 'commit', 1);",
	 CHECK_INQUIRY, true},
	{"in doubt of nobody's transfer", CHECK_BANK_B,
	 "INSERT INTO inquiry(saga, step, decision, at_ms) VALUES('t9', 's', 'commit', 1);",
	 CHECK_STRANGER, true},
	{"another amount than ordered", CHECK_BANK_B,
	 "UPDATE ledger SET balance_change = 9 WHERE saga = 't6' AND op = 'move';"
	 "UPDATE account SET balance = 9 WHERE name = 'b2';",
	 CHECK_AMOUNT, false},
	{"another account than ordered", CHECK_BANK_A,
	 "UPDATE ledger SET account = 'a3', version = 1 WHERE saga = 't1' AND op = 'hold';",
	 CHECK_AMOUNT, false},
	{"an account that there is not", CHECK_BANK_A,
	 "UPDATE ledger SET account = 'a9' WHERE saga = 't6';", CHECK_AMOUNT, false},
	{"an operation that there is not", CHECK_BANK_B,
	 "UPDATE ledger SET op = 'gift' WHERE saga = 't6' AND op = 'move';", CHECK_AMOUNT, false},
	{"an effect at the bank that has no part in it", CHECK_BANK_B, HOLD("t5", "b1", 30, 3),
	 CHECK_AMOUNT, false},
	{"an effect where there is nothing to move", CHECK_BANK_A, HOLD("t4", "a1", 1, 4),
	 CHECK_AMOUNT, false},
	{"an effect of nobody's transfer", CHECK_BANK_A, HOLD("t9", "a1", 1, 4), CHECK_STRANGER,
	 false},
	{"an effect of nobody's transfer, and no word of it", CHECK_BANK_A,
	 CHANGE("t9", "hold", "a1", 0, 1, 4), CHECK_STRANGER, false},
	{"asked for nobody's transfer", CHECK_BANK_A, LOG("t9", "undo", "empty_undo", "ok"),
	 CHECK_STRANGER, true},
	{"trouble for nobody's transfer", CHECK_BANK_A,
	 "INSERT INTO trouble VALUES('t9', 'forward', 'no', 1);", CHECK_STRANGER, true},
	{"a row of the ledger was deleted", CHECK_BANK_A,
	 "DELETE FROM ledger WHERE saga = 't2' AND op = 'release';", CHECK_UNLOGGED, false},
	{"the log tells of an effect that is not there", CHECK_BANK_B,
	 LOG("t7", "forward", "first", "ok"), CHECK_UNLOGGED, true},
	{"refused and yet held", CHECK_BANK_B, LOG("t3", "forward", "first", "rejected"),
	 CHECK_UNLOGGED, true},
	{"no word of there being nothing to move", CHECK_BANK_A,
	 "DELETE FROM barrier_log WHERE saga = 't4';", CHECK_ANSWER, true},
};

static void test_each_mistake_is_found(void **state)
{
	static struct check_report report;

	(void)state;
	for (uint32_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		const struct mistake *mistake = &mistakes[i];
		char folder[32];

		make_world(folder);
		run_sql(folder, mistake->bank, mistake->sql);
		assert_true(judge(folder, &report));
		if (report.findings.found[mistake->rule] == 0 ||
		    (mistake->alone &&
		     report.findings.found[mistake->rule] != report.findings.violations)) {
			check_print(&report, stderr);
			fail_msg("%s: not found, or not it alone", mistake->what);
		}
		remove_world(folder);
	}
}

static const struct {
	const char *answers;
	enum check_rule rule;
	uint32_t count;
} answer_cases[] = {
	/* The six others are not answered at all. */
	{"{\"id\":\"t1\",\"committed\":true}\n", CHECK_LOST, 6},
	{"{\"id\":\"t1\",\"committed\":null}\n", CHECK_LOST, 7},
	{"{\"id\":\"t1\",\"committed\":false}\n", CHECK_ANSWER, 1},
	{"{\"id\":\"t2\",\"committed\":true}\n", CHECK_ANSWER, 1},
	{"{\"id\":\"t5\",\"committed\":false}\n", CHECK_ANSWER, 1},
	{"{\"id\":\"t7\",\"committed\":true}\n", CHECK_ANSWER, 1},
	{"{\"id\":\"t8\",\"committed\":true}\n", CHECK_STRANGER, 1},
};

static void test_answers_that_the_databases_contradict(void **state)
{
	static struct check_report report;
	char folder[32];

	(void)state;
	make_world(folder);
	for (uint32_t i = 0; i < sizeof answer_cases / sizeof answer_cases[0]; i++) {
		write_text(folder, "answers.jsonl", answer_cases[i].answers);
		assert_true(judge(folder, &report));
		if (report.findings.found[answer_cases[i].rule] != answer_cases[i].count) {
			check_print(&report, stderr);
			fail_msg("%s: not found", answer_cases[i].answers);
		}
	}
	remove_world(folder);
}

static void test_every_rule_has_a_mistake(void **state)
{
	bool covered[CHECK_RULES] = {false};

	(void)state;
	for (uint32_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
		covered[mistakes[i].rule] = true;
	for (uint32_t i = 0; i < sizeof answer_cases / sizeof answer_cases[0]; i++)
		covered[answer_cases[i].rule] = true;
	for (uint32_t rule = 0; rule < CHECK_RULES; rule++)
		if (!covered[rule])
			fail_msg("no mistake for %s", check_rules[rule].name);
}

static void test_what_cannot_be_read_is_no_pass(void **state)
{
	static const char *const tables[] = {"account",     "hold",    "ledger",
					     "barrier_log", "inquiry", "trouble"};
	static struct check_report report;
	char folder[32];
	char text[256];

	(void)state;
	for (uint32_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		make_world(folder);
		(void)snprintf(text, sizeof text, "DROP TABLE %s;", tables[i]);
		run_sql(folder, CHECK_BANK_B, text);
		assert_false(judge(folder, &report));
		remove_world(folder);
	}
	make_world(folder);
	run_sql(folder, CHECK_BANK_A, "DELETE FROM account;");
	assert_false(judge(folder, &report));
	(void)snprintf(text, sizeof text, "%s/bank_a.db", folder);
	assert_int_equal(unlink(text), 0);
	assert_false(judge(folder, &report));
	run_sql(folder, CHECK_BANK_A, bank_a_sql);
	assert_true(judge(folder, &report));
	write_text(folder, "transfers.jsonl", "");
	assert_false(judge(folder, &report));
	write_text(folder, "transfers.jsonl", "{\"id\":\"t1\",\"protocol\":\"2pc\"}\n");
	assert_false(judge(folder, &report));
	write_text(folder, "transfers.jsonl", transfers_text);
	write_text(folder, "answers.jsonl", "{\"id\":\"t1\"}\n");
	assert_false(judge(folder, &report));
	remove_world(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_world_passes),
		cmocka_unit_test(test_each_mistake_is_found),
		cmocka_unit_test(test_answers_that_the_databases_contradict),
		cmocka_unit_test(test_every_rule_has_a_mistake),
		cmocka_unit_test(test_what_cannot_be_read_is_no_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
