/* sagad: a configuration file for what is the same each time, flags for what the test adds. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cluster_parts.h"

enum { NODE_ARGUMENTS_MAX = 128 };

const char *cluster_node_name(uint32_t index)
{
	static const char *const names[CLUSTER_NODES_MAX] = {"n1", "n2", "n3", "n4", "n5"};

	return index < CLUSTER_NODES_MAX ? names[index] : "";
}

int node_add(struct cluster *cluster)
{
	for (uint32_t i = 0; i < cluster->options.nodes; i++) {
		struct cluster_part *part = NULL;
		const int err =
			cluster_part_add(cluster, PART_NODE, i, cluster_node_name(i), &part);

		if (err != SAGA_E_NONE)
			return err;
	}
	return SAGA_E_NONE;
}

static int write_config(struct cluster *cluster, const char *name, const char *data_folder,
			const char *file)
{
	const struct cluster_options *options = &cluster->options;
	char age[64] = "";
	char text[8 * CLUSTER_TEXT_SIZE];

	if (options->command_age_ms > 0)
		(void)snprintf(age, sizeof age, "commands:\n  max_age: %ums\n",
			       options->command_age_ms);
	(void)snprintf(text, sizeof text,
		       "node:\n  id: %s\ndata_dir: \"%s\"\nnats:\n  url: \"%s\"\n"
		       "etcd:\n  endpoints: \"%s\"\nlease:\n  ttl: %ums\n"
		       "log:\n  level: %s\n  format: json\n%s",
		       name, data_folder, cluster->nats_url, cluster->etcd_endpoints,
		       options->lease_ttl_ms, cluster->log_level, age);
	return cluster_write_file(cluster, file, text);
}

int node_start(struct cluster *cluster, struct cluster_part *part)
{
	const char *name = part->process.name;
	const char *arguments[NODE_ARGUMENTS_MAX];
	const char *const *set = cluster->options.set;
	char program[CLUSTER_TEXT_SIZE];
	char folder[CLUSTER_TEXT_SIZE];
	char file[CLUSTER_TEXT_SIZE + PROCESS_NAME_SIZE + 8];
	uint32_t count = 0;
	int err = cluster_find_program(cluster, "sagad", program, sizeof program);

	if (err == SAGA_E_NONE)
		err = cluster_make_folder(cluster, name, folder, sizeof folder);
	if (err != SAGA_E_NONE)
		return err;
	(void)snprintf(file, sizeof file, "%s/%s.yaml", cluster->folder, name);
	err = write_config(cluster, name, folder, file);
	if (err != SAGA_E_NONE)
		return err;
	arguments[count++] = program;
	arguments[count++] = "--config";
	arguments[count++] = file;
	for (uint32_t i = 0; set != NULL && set[i] != NULL; i++) {
		if (count + 3 > NODE_ARGUMENTS_MAX)
			return cluster_fail(cluster, SAGA_E_FULL, "too many --set lines");
		arguments[count++] = "--set";
		arguments[count++] = set[i];
	}
	arguments[count] = NULL;
	return cluster_part_run(cluster, part, arguments, cluster->options.env[part->index]);
}
