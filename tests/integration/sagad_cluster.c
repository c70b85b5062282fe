/* `sagad-cluster`: what is up stays up, is shown, survives a repeated `up` and a killed part on the
 * same ports, and goes away. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/process.h"

enum { RUN_MS = 120000, OUTPUT_SIZE = 8192, END_MS = 10000 };

/* Whatever becomes of this test, its cluster must not stay. */
static int run_verb_of(pid_t owner, const char *verb, const char *folder, char *output)
{
	const bool is_up = strcmp(verb, "up") == 0;
	char owner_text[16];
	const char *const argv[] = {
		SAGAD_CLUSTER,           verb,       "--nodes", "1", "--shards", "4", "-d", folder,
		is_up ? "--with" : NULL, owner_text, NULL};
	int exit_code = -1;

	(void)snprintf(owner_text, sizeof owner_text, "%d", (int)owner);

	assert_int_equal(process_run(argv, NULL, NULL, RUN_MS, output, OUTPUT_SIZE, &exit_code), 0);
	return exit_code;
}

static int run_verb(const char *verb, const char *folder, char *output)
{
	return run_verb_of(getpid(), verb, folder, output);
}

/* From "NAME PID STATE ADDRESS". */
static int find_pid(const char *output, const char *name)
{
	const char *line = strstr(output, name);
	int pid = 0;

	assert_non_null(line);
	assert_int_equal(sscanf(line + strlen(name), "%d", &pid), 1);
	assert_true(pid > 0);
	return pid;
}

/* What a shell is told must lead it to this very cluster. */
static void check_exports(const char *folder, const char *nats)
{
	static const char script[] = "eval \"$(\"$0\" status --exports -d \"$1\")\" && "
				     "test \"$SAGA_UP\" = \"$1\" && "
				     "test \"$SAGA_NATS_URL\" = \"$2\" && "
				     "sagad --version && sagactl nodes list --no-headers";
	static char output[OUTPUT_SIZE];
	int exit_code = -1;

	assert_int_equal(process_run((const char *const[]){"/bin/sh", "-c", script, SAGAD_CLUSTER,
							   folder, nats, NULL},
				     NULL, NULL, RUN_MS, output, sizeof output, &exit_code),
			 0);
	assert_int_equal(exit_code, 0);
	assert_non_null(strstr(output, "n1 "));
}

static void find_url(const char *output, char *url, const char *from)
{
	const char *start = strstr(output, from);

	assert_non_null(start);
	assert_int_equal(sscanf(start, "%63s", url), 1);
}

static bool has_ended(void *context)
{
	return process_start_time(*(const pid_t *)context) == 0;
}

static void remove_folder(const char *folder)
{
	char command[128];

	(void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
	assert_int_equal(system(command), 0);
}

static void test_up_repeat_kill_up_down(void **state)
{
	char folder[] = "/tmp/sagad-up-XXXXXX";
	static char output[OUTPUT_SIZE];
	char nats[64];
	char etcd[64];
	char again[64];
	pid_t nats_pid = 0;
	pid_t node_pid = 0;
	int exit_code = 0;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(run_verb("status", folder, output), 3);
	assert_int_equal(run_verb("up", folder, output), 0);
	find_url(output, nats, "nats://");
	find_url(output, etcd, "http://");
	nats_pid = find_pid(output, "nats1");
	node_pid = find_pid(output, "n1 ");
	assert_int_equal(run_verb("status", folder, output), 0);
	check_exports(folder, nats);

	assert_int_equal(run_verb("up", folder, output), 0);
	assert_non_null(strstr(output, "already up"));
	assert_int_equal(find_pid(output, "nats1"), nats_pid);

	assert_int_equal(kill(node_pid, SIGKILL), 0);
	assert_true(wait_until(has_ended, &node_pid, END_MS));
	assert_int_equal(run_verb("status", folder, output), 3);
	assert_int_equal(run_verb("up", folder, output), 0);
	assert_null(strstr(output, "already up"));
	find_url(output, again, "nats://");
	assert_string_equal(again, nats);
	find_url(output, again, "http://");
	assert_string_equal(again, etcd);
	nats_pid = find_pid(output, "nats1");
	node_pid = find_pid(output, "n1 ");

	/* What was made on one NATS server stays on one. */
	assert_int_equal(process_run((const char *const[]){SAGAD_CLUSTER, "up", "--nats-cluster",
							   "-d", folder, NULL},
				     NULL, NULL, RUN_MS, output, OUTPUT_SIZE, &exit_code),
			 0);
	assert_int_equal(exit_code, 1);

	assert_int_equal(run_verb("down", folder, output), 0);
	assert_non_null(strstr(output, "3 processes stopped"));
	assert_true(wait_until(has_ended, &nats_pid, END_MS));
	assert_true(wait_until(has_ended, &node_pid, END_MS));
	assert_int_equal(run_verb("status", folder, output), 3);
	remove_folder(folder);
}

/* A test that is killed takes its cluster along, and says nothing to anybody. */
static void test_a_cluster_ends_with_its_owner(void **state)
{
	static const char *const names[] = {"nats1", "etcd1", "n1 "};
	char folder[] = "/tmp/sagad-up-XXXXXX";
	static char output[OUTPUT_SIZE];
	pid_t pids[3];
	pid_t owner = 0;

	(void)state;
	assert_non_null(mkdtemp(folder));
	owner = fork();
	if (owner == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	assert_true(owner > 0);
	assert_int_equal(run_verb_of(owner, "up", folder, output), 0);
	for (int i = 0; i < 3; i++)
		pids[i] = find_pid(output, names[i]);
	assert_int_equal(run_verb("status", folder, output), 0);
	assert_int_equal(kill(owner, SIGKILL), 0);
	assert_int_equal(waitpid(owner, NULL, 0), owner);
	for (int i = 0; i < 3; i++)
		assert_true(wait_until(has_ended, &pids[i], END_MS));
	assert_int_equal(run_verb("status", folder, output), 3);
	/* And its data is as good as after any crash. */
	assert_int_equal(run_verb("up", folder, output), 0);
	assert_int_equal(run_verb("down", folder, output), 0);
	remove_folder(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_repeat_kill_up_down),
		cmocka_unit_test(test_a_cluster_ends_with_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
