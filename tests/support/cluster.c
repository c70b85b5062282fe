/* The parts of a cluster put together: table of parts, start and stop, by-name access. */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os_clock.h"
#include "tests/support/cluster_parts.h"

enum {
	SERVER_START_MS = 30000,
	NODE_INIT_MS = 30000,
	NODE_SERVING_MS = 30000,
	RESTART_WAIT_MS = 30000
};

void cluster_options_init(struct cluster_options *options)
{
	memset(options, 0, sizeof *options);
	options->nats_count = 1;
	options->etcd_count = 1;
	options->nodes = 3;
	options->shards = 16;
	options->lease_ttl_ms = 2000;
	options->log_level = "info";
}

int cluster_fail(struct cluster *cluster, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(cluster->trouble, sizeof cluster->trouble, format, arguments);
	va_end(arguments);
	return code;
}

const char *cluster_trouble(const struct cluster *cluster)
{
	return cluster == NULL ? "out of memory" : cluster->trouble;
}

static int make_root(struct cluster *cluster)
{
	const char *base = getenv("TMPDIR");
	char *absolute = NULL;
	struct stat info;

	if (cluster->options.folder == NULL) {
		(void)snprintf(cluster->folder, sizeof cluster->folder, "%s/sagad-XXXXXX",
			       base == NULL ? "/tmp" : base);
		if (mkdtemp(cluster->folder) == NULL)
			return cluster_fail(cluster, SAGA_E_FILE, "cannot make a folder in %s: %s",
					    base == NULL ? "/tmp" : base, strerror(errno));
		cluster->temporary = true;
		return SAGA_E_NONE;
	}
	if (mkdir(cluster->options.folder, 0755) != 0 && errno != EEXIST)
		return cluster_fail(cluster, SAGA_E_FILE, "cannot make %s: %s",
				    cluster->options.folder, strerror(errno));
	/* Servers get absolute names: they may change their working folder. */
	absolute = realpath(cluster->options.folder, NULL);
	if (absolute == NULL || strlen(absolute) >= sizeof cluster->folder ||
	    stat(absolute, &info) != 0 || !S_ISDIR(info.st_mode)) {
		free(absolute);
		return cluster_fail(cluster, SAGA_E_FILE, "%s is not a folder",
				    cluster->options.folder);
	}
	(void)snprintf(cluster->folder, sizeof cluster->folder, "%s", absolute);
	free(absolute);
	return SAGA_E_NONE;
}

/* A folder that is used again keeps its ports: etcd's member data and people's notes hold them. */
static void load_ports(struct cluster *cluster)
{
	char path[CLUSTER_TEXT_SIZE + 16];
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/ports", cluster->folder);
	file = fopen(path, "re");
	for (uint32_t i = 0; file != NULL && i < PORTS_MAX; i++)
		if (fscanf(file, "%hu", &cluster->ports.preferred[i]) != 1)
			break;
	if (file != NULL)
		(void)fclose(file);
}

static int save_ports(struct cluster *cluster)
{
	char path[CLUSTER_TEXT_SIZE + 16];
	char text[PORTS_MAX * 8] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < cluster->ports.count; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%u\n",
					 cluster->ports.numbers[i]);
	(void)snprintf(path, sizeof path, "%s/ports", cluster->folder);
	return cluster_write_file(cluster, path, text);
}

int cluster_create(const struct cluster_options *options, struct cluster **out)
{
	struct cluster *cluster = calloc(1, sizeof *cluster);
	int err = SAGA_E_NONE;

	*out = cluster;
	if (cluster == NULL)
		return SAGA_E_NO_MEMORY;
	cluster->options = *options;
	ports_init(&cluster->ports);
	if ((options->nats_count != 0 && options->nats_count != 1 &&
	     options->nats_count != CLUSTER_NATS_MAX) ||
	    options->etcd_count > 1 || options->nodes > CLUSTER_NODES_MAX || options->shards == 0 ||
	    options->shards > CLUSTER_SHARDS_MAX)
		return cluster_fail(cluster, SAGA_E_USAGE, "cluster options are out of range");
	(void)snprintf(cluster->bin_dir, sizeof cluster->bin_dir, "%s",
		       options->bin_dir == NULL ? "" : options->bin_dir);
	(void)snprintf(cluster->tools_dir, sizeof cluster->tools_dir, "%s",
		       options->tools_dir == NULL ? "" : options->tools_dir);
	(void)snprintf(cluster->log_level, sizeof cluster->log_level, "%s",
		       options->log_level == NULL ? "info" : options->log_level);
	if (cluster->options.replicas == 0)
		cluster->options.replicas = options->nats_count == CLUSTER_NATS_MAX ? 3 : 1;
	err = make_root(cluster);
	if (err != SAGA_E_NONE)
		return err;
	load_ports(cluster);
	err = nats_add(cluster);
	if (err == SAGA_E_NONE)
		err = etcd_add(cluster);
	if (err == SAGA_E_NONE)
		err = node_add(cluster);
	if (err == SAGA_E_NONE)
		err = save_ports(cluster);
	return err;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *position)
{
	(void)info;
	(void)type;
	(void)position;
	return remove(path);
}

void cluster_keep(struct cluster *cluster)
{
	cluster->options.keep = true;
}

void cluster_destroy(struct cluster *cluster)
{
	if (cluster == NULL)
		return;
	for (uint32_t i = cluster->part_count; i > 0; i--) {
		if (cluster->options.detached)
			process_leave(&cluster->parts[i - 1].process);
		process_destroy(&cluster->parts[i - 1].process);
	}
	ports_release(&cluster->ports);
	if (cluster->temporary && !cluster->options.keep && !cluster->options.detached)
		(void)nftw(cluster->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(cluster);
}

/* ---- parts ------------------------------------------------------------------------------- */

struct cluster_part *cluster_part(struct cluster *cluster, const char *name)
{
	for (uint32_t i = 0; i < cluster->part_count; i++)
		if (strcmp(cluster->parts[i].process.name, name) == 0)
			return &cluster->parts[i];
	return NULL;
}

int cluster_part_add(struct cluster *cluster, enum part_kind kind, uint32_t index, const char *name,
		     struct cluster_part **part)
{
	struct cluster_part *added = NULL;

	if (cluster->part_count == CLUSTER_PARTS_MAX)
		return cluster_fail(cluster, SAGA_E_FULL, "too many parts in the cluster");
	added = &cluster->parts[cluster->part_count++];
	added->kind = kind;
	added->index = index;
	added->process.pidfd = -1;
	(void)snprintf(added->process.name, sizeof added->process.name, "%s", name);
	*part = added;
	return SAGA_E_NONE;
}

int cluster_part_run(struct cluster *cluster, struct cluster_part *part, const char *const *argv,
		     const char *const *env)
{
	char name[PROCESS_NAME_SIZE];
	char log_path[CLUSTER_TEXT_SIZE + PROCESS_NAME_SIZE + 8];
	const char *merged[64] = {cluster->env_nats_url, NULL};
	int err = SAGA_E_NONE;

	(void)snprintf(name, sizeof name, "%s", part->process.name);
	(void)snprintf(log_path, sizeof log_path, "%s/%s.log", cluster->folder, name);
	for (uint32_t i = 0; env != NULL && env[i] != NULL; i++) {
		if (i + 2 >= sizeof merged / sizeof merged[0])
			return cluster_fail(cluster, SAGA_E_FULL, "too many variables for %s",
					    name);
		merged[i + 1] = env[i];
		merged[i + 2] = NULL;
	}
	process_destroy(&part->process);
	err = process_init(&part->process, name, log_path, argv, merged, cluster->options.detached);
	if (err == SAGA_E_NONE)
		err = process_start(&part->process);
	if (err != SAGA_E_NONE)
		return cluster_fail(cluster, err, "cannot run %s: %s", argv[0], strerror(errno));
	return SAGA_E_NONE;
}

struct part_wait {
	struct cluster_part *part;
	bool (*answers)(const struct cluster_part *part);
	bool answered;
};

static bool part_settled(void *context)
{
	struct part_wait *wait = context;

	wait->answered = wait->answers(wait->part);
	return wait->answered || !process_running(&wait->part->process);
}

int cluster_part_wait(struct cluster *cluster, struct cluster_part *part,
		      bool (*answers)(const struct cluster_part *part), uint32_t timeout_ms)
{
	struct part_wait wait = {part, answers, false};

	(void)wait_until(part_settled, &wait, timeout_ms);
	if (wait.answered)
		return SAGA_E_NONE;
	return cluster_fail(cluster, SAGA_E_TIMEOUT, "%s %s: see %s", part->process.name,
			    process_running(&part->process) ? "does not answer" : "has ended",
			    part->process.log_path);
}

/* ---- starting and stopping --------------------------------------------------------------- */

static int start_kind(struct cluster *cluster, enum part_kind kind)
{
	int err = SAGA_E_NONE;

	for (uint32_t i = 0; err == SAGA_E_NONE && i < cluster->part_count; i++) {
		struct cluster_part *part = &cluster->parts[i];

		if (part->kind != kind || process_running(&part->process))
			continue;
		if (kind == PART_NATS)
			err = nats_start(cluster, part);
		else if (kind == PART_ETCD)
			err = etcd_start(cluster, part);
		else
			err = node_start(cluster, part);
	}
	return err;
}

int cluster_start_servers(struct cluster *cluster)
{
	int err = start_kind(cluster, PART_NATS);

	if (err == SAGA_E_NONE)
		err = start_kind(cluster, PART_ETCD);
	for (uint32_t i = 0; err == SAGA_E_NONE && i < cluster->part_count; i++) {
		struct cluster_part *part = &cluster->parts[i];

		if (part->kind == PART_NATS)
			err = cluster_part_wait(cluster, part, nats_answers, SERVER_START_MS);
		else if (part->kind == PART_ETCD)
			err = cluster_part_wait(cluster, part, etcd_answers, SERVER_START_MS);
	}
	return err;
}

int cluster_start_nodes(struct cluster *cluster)
{
	return start_kind(cluster, PART_NODE);
}

int cluster_start_node(struct cluster *cluster, uint32_t index)
{
	struct cluster_part *part = cluster_part(cluster, cluster_node_name(index));

	if (part == NULL)
		return cluster_fail(cluster, SAGA_E_USAGE, "there is no node %u", index);
	if (process_running(&part->process))
		return SAGA_E_NONE;
	return node_start(cluster, part);
}

int cluster_start(struct cluster *cluster)
{
	int err = cluster_start_servers(cluster);

	if (err == SAGA_E_NONE)
		err = cluster_start_nodes(cluster);
	if (err == SAGA_E_NONE && cluster->options.nodes > 0)
		err = cluster_init(cluster, NODE_INIT_MS);
	if (err == SAGA_E_NONE && cluster->options.nodes > 0)
		err = cluster_wait_serving(cluster, NODE_SERVING_MS);
	return err;
}

void cluster_stop(struct cluster *cluster, uint32_t grace_ms)
{
	static const enum part_kind order[] = {PART_SERVICE, PART_NODE, PART_ETCD, PART_NATS};

	for (uint32_t k = 0; k < sizeof order / sizeof order[0]; k++) {
		/* All are told first, so that the grace is for all of them together. */
		for (uint32_t i = 0; grace_ms > 0 && i < cluster->part_count; i++) {
			if (cluster->parts[i].kind != order[k])
				continue;
			(void)process_signal(&cluster->parts[i].process, SIGCONT);
			(void)process_signal(&cluster->parts[i].process, SIGTERM);
		}
		for (uint32_t i = 0; i < cluster->part_count; i++) {
			if (cluster->parts[i].kind != order[k])
				continue;
			(void)process_wait(&cluster->parts[i].process, grace_ms);
			process_stop(&cluster->parts[i].process, 0);
		}
	}
}

int cluster_service_start(struct cluster *cluster, const char *name, const char *const *argv,
			  const char *const *env)
{
	struct cluster_part *part = cluster_part(cluster, name);
	const char *copy[64] = {NULL};
	char program[CLUSTER_TEXT_SIZE];
	int err = SAGA_E_NONE;

	if (part != NULL && (part->kind != PART_SERVICE || process_running(&part->process)))
		return cluster_fail(cluster, SAGA_E_USAGE, "the name %s is taken", name);
	(void)snprintf(program, sizeof program, "%s", argv[0]);
	if (strchr(argv[0], '/') == NULL)
		err = cluster_find_program(cluster, argv[0], program, sizeof program);
	if (err == SAGA_E_NONE && part == NULL)
		err = cluster_part_add(cluster, PART_SERVICE, 0, name, &part);
	if (err != SAGA_E_NONE)
		return err;
	copy[0] = program;
	for (uint32_t i = 1; argv[i] != NULL; i++) {
		if (i + 1 >= sizeof copy / sizeof copy[0])
			return cluster_fail(cluster, SAGA_E_FULL, "too many arguments for %s",
					    name);
		copy[i] = argv[i];
	}
	return cluster_part_run(cluster, part, copy, env);
}

/* ---- by name ----------------------------------------------------------------------------- */

struct process *cluster_process(struct cluster *cluster, const char *name)
{
	struct cluster_part *part = cluster_part(cluster, name);

	return part == NULL ? NULL : &part->process;
}

pid_t cluster_pid(struct cluster *cluster, const char *name)
{
	struct process *process = cluster_process(cluster, name);

	return process != NULL && process_running(process) ? process->pid : 0;
}

int cluster_signal(struct cluster *cluster, const char *name, int signal_number)
{
	struct process *process = cluster_process(cluster, name);

	if (process == NULL || process_signal(process, signal_number) != SAGA_E_NONE)
		return cluster_fail(cluster, SAGA_E_NOT_FOUND, "%s does not run", name);
	return SAGA_E_NONE;
}

bool cluster_wait_end(struct cluster *cluster, const char *name, uint32_t timeout_ms)
{
	struct process *process = cluster_process(cluster, name);

	return process == NULL || process_wait(process, timeout_ms);
}

int cluster_restart(struct cluster *cluster, const char *name)
{
	struct cluster_part *part = cluster_part(cluster, name);
	int err = SAGA_E_NONE;

	if (part == NULL || part->process.argv == NULL)
		return cluster_fail(cluster, SAGA_E_NOT_FOUND, "%s was never started", name);
	/* Even after SIGKILL a process lives on until its fsync returns. */
	if (!process_wait(&part->process, RESTART_WAIT_MS))
		return cluster_fail(cluster, SAGA_E_TIMEOUT, "%s still runs", name);
	err = process_start(&part->process);
	if (err != SAGA_E_NONE)
		return cluster_fail(cluster, err, "cannot run %s: %s", part->process.argv[0],
				    strerror(errno));
	if (part->kind == PART_NATS)
		return cluster_part_wait(cluster, part, nats_answers, SERVER_START_MS);
	if (part->kind == PART_ETCD)
		return cluster_part_wait(cluster, part, etcd_answers, SERVER_START_MS);
	return SAGA_E_NONE;
}

void cluster_each(struct cluster *cluster,
		  void (*visit)(void *context, struct process *process, const char *address),
		  void *context)
{
	for (uint32_t i = 0; i < cluster->part_count; i++) {
		struct cluster_part *part = &cluster->parts[i];
		char address[64] = "";

		if (part->kind == PART_NATS || part->kind == PART_ETCD)
			(void)snprintf(address, sizeof address, "%s://127.0.0.1:%u",
				       part->kind == PART_NATS ? "nats" : "http", part->port);
		visit(context, &part->process, address);
	}
}

const char *cluster_folder(const struct cluster *cluster)
{
	return cluster->folder;
}

const char *cluster_nats_url(const struct cluster *cluster)
{
	return cluster->nats_url;
}

const char *cluster_etcd_endpoints(const struct cluster *cluster)
{
	return cluster->etcd_endpoints;
}

uint16_t cluster_port(struct cluster *cluster, const char *name)
{
	const struct cluster_part *part = cluster_part(cluster, name);

	return part == NULL ? 0 : part->port;
}
