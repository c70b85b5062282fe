/* What the launcher asks sagactl. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cluster_parts.h"

enum { ARGUMENTS_MAX = 64, ANSWER_SIZE = 256 * 1024 };

int cluster_run(struct cluster *cluster, const char *const *argv, uint32_t timeout_ms, char *output,
		uint32_t size, int *exit_code)
{
	const char *copy[ARGUMENTS_MAX] = {NULL};
	char program[CLUSTER_TEXT_SIZE];
	char log_path[CLUSTER_TEXT_SIZE + 32];
	int err = cluster_find_program(cluster, argv[0], program, sizeof program);

	if (err != SAGA_E_NONE)
		return err;
	copy[0] = program;
	for (uint32_t i = 1; argv[i] != NULL; i++) {
		if (i + 1 >= ARGUMENTS_MAX)
			return cluster_fail(cluster, SAGA_E_FULL, "too many arguments");
		copy[i] = argv[i];
	}
	(void)snprintf(log_path, sizeof log_path, "%s/tools.log", cluster->folder);
	err = process_run(copy, (const char *const[]){cluster->env_nats_url, NULL}, log_path,
			  timeout_ms, output, size, exit_code);
	if (err == SAGA_E_TIMEOUT)
		return cluster_fail(cluster, err, "%s did not end within %u ms", argv[0],
				    timeout_ms);
	if (err != SAGA_E_NONE)
		return cluster_fail(cluster, err, "cannot run %s: %s", program, strerror(errno));
	return SAGA_E_NONE;
}

struct init_wait {
	struct cluster *cluster;
	int err;
	int exit_code;
	bool done;
};

static bool init_done(void *context)
{
	enum { EXIT_CONFLICT = 4, EXIT_UNREACHABLE = 5 };
	struct init_wait *wait = context;
	const struct cluster_options *options = &wait->cluster->options;
	char shards[16];
	char replicas[16];
	char output[4096];

	(void)snprintf(shards, sizeof shards, "%u", options->shards);
	(void)snprintf(replicas, sizeof replicas, "%u", options->replicas);
	wait->err = cluster_run(wait->cluster,
				(const char *const[]){"sagactl", "init", "--shards", shards,
						      "--replicas", replicas, NULL},
				30000, output, sizeof output, &wait->exit_code);
	if (wait->err == SAGA_E_FILE)
		return true;
	/* 4 = it was initialised before: by the try whose answer we did not get, or by a former
	 * run on this folder. */
	wait->done = wait->err == SAGA_E_NONE &&
		     (wait->exit_code == 0 || wait->exit_code == EXIT_CONFLICT);
	return wait->done;
}

int cluster_init(struct cluster *cluster, uint32_t timeout_ms)
{
	struct init_wait wait = {cluster, SAGA_E_NONE, 0, false};

	(void)wait_until(init_done, &wait, timeout_ms);
	if (wait.done)
		return SAGA_E_NONE;
	if (wait.err != SAGA_E_NONE)
		return wait.err;
	return cluster_fail(cluster, SAGA_E_TIMEOUT, "sagactl init ends with %d: see %s/tools.log",
			    wait.exit_code, cluster->folder);
}

int cluster_shards(struct cluster *cluster, struct cluster_shards *shards, uint32_t timeout_ms)
{
	char *output = malloc(ANSWER_SIZE);
	int exit_code = 0;
	int err = SAGA_E_NO_MEMORY;

	memset(shards, 0, sizeof *shards);
	if (output == NULL)
		return cluster_fail(cluster, err, "out of memory");
	err = cluster_run(cluster,
			  (const char *const[]){"sagactl", "shards", "list", "-o", "json", NULL},
			  timeout_ms, output, ANSWER_SIZE, &exit_code);
	if (err == SAGA_E_NONE && exit_code != 0)
		err = cluster_fail(cluster, SAGA_E_BAD_REPLY, "sagactl shards list ends with %d",
				   exit_code);
	else if (err == SAGA_E_NONE && view_shards(output, shards) != SAGA_E_NONE)
		err = cluster_fail(cluster, SAGA_E_BAD_REPLY,
				   "sagactl shards list gives no list of shards: %.200s", output);
	free(output);
	return err;
}

struct serving_wait {
	struct cluster *cluster;
	struct cluster_shards shards;
	uint32_t serving;
	int err;
};

static bool all_serving(void *context)
{
	struct serving_wait *wait = context;

	wait->serving = 0;
	wait->err = cluster_shards(wait->cluster, &wait->shards, 10000);
	for (uint32_t i = 0; wait->err == SAGA_E_NONE && i < wait->shards.count; i++)
		wait->serving += wait->shards.shards[i].serving ? 1 : 0;
	return wait->serving == wait->cluster->options.shards || wait->err == SAGA_E_FILE;
}

int cluster_wait_serving(struct cluster *cluster, uint32_t timeout_ms)
{
	struct serving_wait *wait = calloc(1, sizeof *wait);
	int err = SAGA_E_NONE;

	if (wait == NULL)
		return cluster_fail(cluster, SAGA_E_NO_MEMORY, "out of memory");
	wait->cluster = cluster;
	(void)wait_until(all_serving, wait, timeout_ms);
	if (wait->err != SAGA_E_NONE)
		err = wait->err;
	else if (wait->serving != cluster->options.shards)
		err = cluster_fail(cluster, SAGA_E_TIMEOUT, "%u of %u shards have an owner",
				   wait->serving, cluster->options.shards);
	free(wait);
	return err;
}
