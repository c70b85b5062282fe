/* sagad-cluster up | down | status: a cluster on this machine to play with.
 *
 * It outlives this program. Who is who stands in <folder>/state, a line each: name, pid, the
 * process's start time, address. With pid and start time together a process that only happens to
 * have the same number is never signalled.
 */
#include <argp.h>
#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/guard.h"
#include "tests/support/launcher.h"

enum {
	SHARDS_DEFAULT = 16,
	STATE_MAX = 64,
	STATE_NAME_SIZE = 64,
	STATE_ADDRESS_SIZE = 96,
	STOP_GRACE_MS = 15000,
	INIT_MS = 60000,
	SLICE_MS = 500, /* of a wait: Ctrl-C is looked for between them */
	EXIT_FAILED = 1,
	EXIT_DOWN = 3, /* status: not everything runs */
	EXIT_INTERRUPTED = 130,
};

#define TRAVEL SAGAD_SOURCE_DIR "/examples/travel/"

struct flags {
	const char *verb;
	const char *folder;
	pid_t owner;            /* the cluster ends with it; 0 = with nobody */
	uint32_t nodes, shards; /* shards: 0 = as before, else SHARDS_DEFAULT */
	bool travel;
	bool nats_cluster; /* three NATS servers */
	bool exports;      /* of a status: what the shell needs, and nothing else */
};

struct state_entry {
	char name[STATE_NAME_SIZE];
	char address[STATE_ADDRESS_SIZE];
	int pid;
	unsigned long long start_time;
};

struct state {
	struct state_entry entries[STATE_MAX];
	uint32_t count;
	char path[PROCESS_PATH_SIZE];
};

/* ---- the state file -------------------------------------------------------------------------- */

static void state_load(struct state *state, const char *folder)
{
	FILE *file = NULL;

	memset(state, 0, sizeof *state);
	(void)snprintf(state->path, sizeof state->path, "%s/state", folder);
	file = fopen(state->path, "re");
	while (file != NULL && state->count < STATE_MAX) {
		struct state_entry *entry = &state->entries[state->count];

		if (fscanf(file, "%63s %d %llu %95s", entry->name, &entry->pid, &entry->start_time,
			   entry->address) != 4)
			break;
		state->count++;
	}
	if (file != NULL)
		(void)fclose(file);
}

static bool state_save(const struct state *state)
{
	char fresh[PROCESS_PATH_SIZE + 8];
	FILE *file = NULL;
	bool good = true;

	(void)snprintf(fresh, sizeof fresh, "%s.new", state->path);
	file = fopen(fresh, "we");
	if (file == NULL)
		return false;
	for (uint32_t i = 0; i < state->count; i++)
		good = fprintf(file, "%s %d %llu %s\n", state->entries[i].name,
			       state->entries[i].pid, state->entries[i].start_time,
			       state->entries[i].address) > 0 &&
		       good;
	good = fclose(file) == 0 && good;
	return good && rename(fresh, state->path) == 0;
}

static bool entry_runs(const struct state_entry *entry)
{
	return entry->pid > 0 && entry->start_time > 0 &&
	       process_start_time(entry->pid) == entry->start_time;
}

static uint32_t state_running(const struct state *state)
{
	uint32_t running = 0;

	for (uint32_t i = 0; i < state->count; i++)
		running += entry_runs(&state->entries[i]) ? 1 : 0;
	return running;
}

static const char *address_of(const struct state *state, const char *name)
{
	for (uint32_t i = 0; i < state->count; i++)
		if (strcmp(state->entries[i].name, name) == 0)
			return state->entries[i].address;
	return "";
}

/* ---- down -------------------------------------------------------------------------------------
 */

static bool adopt(struct process *process, const struct state_entry *entry)
{
	static const char *const nothing[] = {"", NULL};

	return process_init(process, entry->name, "", nothing, NULL, true) == 0 &&
	       process_adopt(process, entry->pid, entry->start_time);
}

/* Services and nodes first, servers last: those that were started first. */
static uint32_t stop_all(const struct state *state)
{
	uint32_t stopped = 0;

	for (uint32_t i = state->count; i > 0; i--) {
		struct process process;

		if (adopt(&process, &state->entries[i - 1])) {
			process_stop(&process, STOP_GRACE_MS);
			stopped++;
		}
		process_leave(&process);
		process_destroy(&process);
	}
	return stopped;
}

static int down(const struct flags *flags)
{
	struct state *state = calloc(1, sizeof *state);

	if (state == NULL)
		return EXIT_FAILED;
	state_load(state, flags->folder);
	if (state->count == 0)
		(void)printf("nothing is up in %s\n", flags->folder);
	else
		(void)printf("%u processes stopped; data and logs stay in %s: the next `up` goes "
			     "on with them\n",
			     stop_all(state), flags->folder);
	(void)unlink(state->path);
	free(state);
	return 0;
}

/* ---- status ------------------------------------------------------------------------------------
 */

/* Beside us in the build tree; installed they are in PATH anyway. */
static bool find_program_folder(const char *name, const char *program, char *folder, uint32_t size)
{
	char own[PROCESS_PATH_SIZE] = "";
	char path[PROCESS_PATH_SIZE + 32];
	const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
	char *absolute = NULL;

	if (length <= 0)
		return false;
	(void)snprintf(path, sizeof path, "%s/../../%s", dirname(own), name);
	absolute = realpath(path, NULL);
	if (absolute == NULL)
		return false;
	(void)snprintf(folder, size, "%s", absolute);
	(void)snprintf(path, sizeof path, "%s/%s", folder, program);
	free(absolute);
	return access(path, X_OK) == 0;
}

static void print_nats_url(const struct state *state)
{
	const char *before = "";

	for (uint32_t i = 0; i < state->count; i++) {
		if (strncmp(state->entries[i].name, "nats", 4) != 0)
			continue;
		(void)printf("%s%s", before, state->entries[i].address);
		before = ",";
	}
}

/* What `eval` takes. */
static void print_exports(const struct flags *flags, const struct state *state, const char *indent)
{
	char tools[PROCESS_PATH_SIZE];
	char nodes[PROCESS_PATH_SIZE];

	if (find_program_folder("cli", "sagactl", tools, sizeof tools) &&
	    find_program_folder("node", "sagad", nodes, sizeof nodes))
		(void)printf("%sexport PATH=\"%s:%s:$PATH\"\n", indent, tools, nodes);
	(void)printf("%sexport SAGA_NATS_URL=", indent);
	print_nats_url(state);
	(void)printf("\n%sexport SAGA_UP=\"%s\"\n", indent, flags->folder);
}

static void print_state(const struct flags *flags, const struct state *state)
{
	(void)printf("%-10s %8s  %-8s %s\n", "NAME", "PID", "STATE", "ADDRESS");
	for (uint32_t i = 0; i < state->count; i++)
		(void)printf("%-10s %8d  %-8s %s\n", state->entries[i].name, state->entries[i].pid,
			     entry_runs(&state->entries[i]) ? "running" : "ended",
			     state->entries[i].address);
	(void)printf("\ndata and logs: %s\n", flags->folder);
	(void)printf("next:\n");
	print_exports(flags, state, "  ");
	(void)printf("  sagactl status\n  sagactl shards list\n");
	if (address_of(state, "user-1")[0] != '\0')
		(void)printf(
			"  sagactl sagas submit -f " TRAVEL "travel.yaml --id my-trip --wait "
			"--input '{\"id\":\"my-trip\",\"customer\":\"c505\",\"flight\":\"f36\","
			"\"seats\":1,\"hotel\":\"h26\",\"rooms\":1,\"price\":191}'\n"
			"  sagactl sagas show my-trip\n");
}

static int status(const struct flags *flags)
{
	struct state *state = calloc(1, sizeof *state);
	int code = EXIT_DOWN;

	if (state == NULL)
		return EXIT_FAILED;
	state_load(state, flags->folder);
	if (state->count == 0) {
		(void)fprintf(flags->exports ? stderr : stdout, "nothing is up in %s\n",
			      flags->folder);
	} else {
		if (flags->exports)
			print_exports(flags, state, "");
		else
			print_state(flags, state);
		code = state_running(state) == state->count ? 0 : EXIT_DOWN;
	}
	free(state);
	return code;
}

/* ---- up ----------------------------------------------------------------------------------------
 */

static void note_part(void *context, struct process *process, const char *address)
{
	struct state *state = context;
	struct state_entry *entry = &state->entries[state->count];

	if (state->count == STATE_MAX || !process_running(process))
		return;
	(void)snprintf(entry->name, sizeof entry->name, "%s", process->name);
	(void)snprintf(entry->address, sizeof entry->address, "%s",
		       address[0] == '\0' ? "-" : address);
	entry->pid = (int)process->pid;
	entry->start_time = process->start_time;
	state->count++;
}

/* After each part, so that what was started can be stopped whatever comes next. */
static bool note_all(struct cluster *cluster, struct state *state)
{
	state->count = 0;
	cluster_each(cluster, note_part, state);
	return state_save(state);
}

static int start_travel(struct cluster *cluster)
{
	static const char *const names[] = {"user", "flight", "hotel", "payment"};
	const char *stock = TRAVEL "stock.jsonl";
	char program[64];
	char name[64];
	char db[PROCESS_PATH_SIZE];
	char output[256];
	int exit_code = 0;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < 8; i++) {
		(void)snprintf(program, sizeof program, "travel-%s", names[i / 2]);
		(void)snprintf(name, sizeof name, "%s-%u", names[i / 2], i % 2 + 1);
		(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(cluster), names[i / 2]);
		if (i % 2 == 0)
			err = cluster_run(
				cluster,
				(const char *const[]){program, "--db", db, "--init", stock, NULL},
				60000, output, sizeof output, &exit_code);
		if (err == 0)
			err = cluster_service_start(cluster, name,
						    (const char *const[]){program, "--db", db,
									  "--instance", name, NULL},
						    NULL);
	}
	return err;
}

/* What the data in the folder was made with, which is fixed for ever; zeros = no data yet. */
struct made {
	uint32_t shards, nats_count;
};

static struct made made_load(const struct flags *flags)
{
	char path[PROCESS_PATH_SIZE];
	struct made made = {0, 0};
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/shards", flags->folder);
	file = fopen(path, "re");
	if (file == NULL)
		return made;
	if (fscanf(file, "%3u", &made.shards) != 1)
		made.shards = 0;
	else if (fscanf(file, "%1u", &made.nats_count) != 1)
		made.nats_count = 1; /* made before there was a choice */
	(void)fclose(file);
	return made;
}

static void made_save(const struct flags *flags)
{
	char path[PROCESS_PATH_SIZE];
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/shards", flags->folder);
	file = fopen(path, "we");
	if (file == NULL)
		return;
	(void)fprintf(file, "%u %u\n", flags->shards, flags->nats_cluster ? CLUSTER_NATS_MAX : 1);
	(void)fclose(file);
}

/* The signals that end `up` are blocked: what was started outlives us, so we must not die between
 * a start and its note in the state file. */
static bool interrupted(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}

static void hold_signals(void)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

static int in_slices(struct cluster *cluster, int (*wait)(struct cluster *, uint32_t))
{
	int err = SAGA_E_TIMEOUT;

	for (uint32_t spent_ms = 0; err != 0 && spent_ms < INIT_MS && !interrupted();
	     spent_ms += SLICE_MS)
		err = wait(cluster, SLICE_MS);
	return err;
}

/* Each part stands in the state file before the next one starts. */
static int start_all(const struct flags *flags, struct state *state, struct cluster **cluster)
{
	struct cluster_options options;
	int err = 0;

	cluster_options_init(&options);
	options.folder = flags->folder;
	options.nodes = flags->nodes;
	options.shards = flags->shards;
	options.nats_count = flags->nats_cluster ? CLUSTER_NATS_MAX : 1;
	options.detached = true;
	err = cluster_create(&options, cluster);
	if (err == 0)
		err = cluster_start_servers(*cluster);
	if (*cluster != NULL && !note_all(*cluster, state))
		err = SAGA_E_FILE;
	if (err == 0 && !interrupted())
		err = cluster_start_nodes(*cluster);
	if (*cluster != NULL && !note_all(*cluster, state))
		err = SAGA_E_FILE;
	if (err == 0)
		err = in_slices(*cluster, cluster_init);
	if (err == 0)
		made_save(flags);
	if (err == 0)
		err = in_slices(*cluster, cluster_wait_serving);
	if (err == 0 && flags->travel && !interrupted())
		err = start_travel(*cluster);
	if (*cluster != NULL && !note_all(*cluster, state))
		err = SAGA_E_FILE;
	return err;
}

/* What is left of a cluster that lost some of its parts is started anew, on its data and ports. */
static void clear_rest(const struct state *state)
{
	const char *before = "";

	if (state_running(state) == 0)
		return;
	(void)printf("starting all of it anew on its data, since some has ended: ");
	for (uint32_t i = 0; i < state->count; i++) {
		if (entry_runs(&state->entries[i]))
			continue;
		(void)printf("%s%s", before, state->entries[i].name);
		before = ", ";
	}
	(void)printf("\n");
	(void)fflush(stdout);
	(void)stop_all(state);
}

static int start_fresh(const struct flags *flags, struct state *state)
{
	struct cluster *cluster = NULL;
	int code = 0;
	int err = start_all(flags, state, &cluster);

	if (interrupted()) {
		(void)fprintf(stderr, "interrupted: stopping what was started\n");
		code = EXIT_INTERRUPTED;
	} else if (err != 0) {
		(void)fprintf(stderr, "sagad-cluster: %s\n", cluster_trouble(cluster));
		code = EXIT_FAILED;
	}
	if (code == 0) {
		print_state(flags, state);
	} else {
		(void)stop_all(state);
		(void)unlink(state->path);
	}
	cluster_destroy(cluster);
	return code;
}

/* Flags that were not given are as the data was made. False = the two contradict each other. */
static bool fits_data(struct flags *flags)
{
	const struct made made = made_load(flags);
	const char *differs = NULL;

	if (made.shards > 0 && flags->shards > 0 && made.shards != flags->shards)
		differs = "another number of shards";
	else if (made.nats_count == 1 && flags->nats_cluster)
		differs = "one NATS server";
	if (differs != NULL) {
		(void)fprintf(stderr,
			      "sagad-cluster: the data in %s was made with %s, which never "
			      "changes: `down`, then remove that folder or give another --folder\n",
			      flags->folder, differs);
		return false;
	}
	if (flags->shards == 0)
		flags->shards = made.shards > 0 ? made.shards : SHARDS_DEFAULT;
	flags->nats_cluster = flags->nats_cluster || made.nats_count == CLUSTER_NATS_MAX;
	return true;
}

static int up(void *context)
{
	struct flags *flags = context;
	struct state *state = calloc(1, sizeof *state);
	int code = EXIT_FAILED;

	if (state == NULL)
		return code;
	state_load(state, flags->folder);
	if (!fits_data(flags)) {
		free(state);
		return code;
	}
	if (state->count > 0 && state_running(state) == state->count) {
		(void)printf("already up%s\n",
			     flags->travel && address_of(state, "user-1")[0] == '\0'
				     ? ", without the travel services: `down` first"
				     : "");
		print_state(flags, state);
		code = 0;
	} else {
		hold_signals();
		clear_rest(state);
		code = start_fresh(flags, state);
	}
	free(state);
	return code;
}

/* ---- flags --------------------------------------------------------------------------------------
 */

static const struct argp_option flag_table[] = {
	{"nodes", 'n', "N", 0, "1 to 5; default 3", 0},
	{"shards", 's', "N", 0, "1 to 128, fixed when the cluster is initialised; default 16", 0},
	{"folder", 'd', "DIR", 0, "data, logs and state; default $XDG_RUNTIME_DIR or /tmp", 0},
	{"with", 'w', "PID", 0, "up: all of it is killed when that process ends", 0},
	{"nats-cluster", 'c', NULL, 0, "three NATS servers, streams with three replicas", 0},
	{"exports", 'e', NULL, 0, "status: only what a shell needs, for eval", 0},
	{"travel", 't', NULL, 0, "start the travel services too, two of each", 0},
	{0},
};

static uint32_t parse_number(struct argp_state *state, const char *text, uint32_t max)
{
	char *end = NULL;
	unsigned long number = 0;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || number < 1 || number > max)
		argp_error(state, "%s is not a number from 1 to %u", text, max);
	return (uint32_t)number;
}

static error_t parse_flag(int key, char *text, struct argp_state *state)
{
	struct flags *flags = state->input;

	switch (key) {
	case 'n':
		flags->nodes = parse_number(state, text, CLUSTER_NODES_MAX);
		break;
	case 's':
		flags->shards = parse_number(state, text, CLUSTER_SHARDS_MAX);
		break;
	case 'd':
		flags->folder = text;
		break;
	case 'w':
		flags->owner = (pid_t)parse_number(state, text, INT32_MAX);
		break;
	case 'c':
		flags->nats_cluster = true;
		break;
	case 'e':
		flags->exports = true;
		break;
	case 't':
		flags->travel = true;
		break;
	case ARGP_KEY_ARG:
		if (flags->verb != NULL)
			argp_usage(state);
		flags->verb = text;
		break;
	case ARGP_KEY_END:
		if (flags->verb == NULL)
			argp_usage(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct argp argp = {flag_table,
				  parse_flag,
				  "up|down|status",
				  "Starts, stops or shows a cluster on this machine: nats-server, "
				  "etcd and sagad nodes, initialised. Safe to repeat.",
				  NULL,
				  NULL,
				  NULL};
	const char *base = getenv("XDG_RUNTIME_DIR");
	struct flags flags = {.nodes = 3};
	char folder[PROCESS_PATH_SIZE];

	if (argp_parse(&argp, argc, argv, 0, NULL, &flags) != 0)
		return 64;
	(void)snprintf(folder, sizeof folder, "%s/sagad-cluster-%u",
		       base == NULL || base[0] == '\0' ? "/tmp" : base, (unsigned)getuid());
	if (flags.folder == NULL)
		flags.folder = folder;
	if (strcmp(flags.verb, "up") == 0 && flags.owner != 0)
		return guard_run(flags.owner, up, &flags) == 0 ? 0 : EXIT_FAILED;
	if (strcmp(flags.verb, "up") == 0)
		return up(&flags);
	if (strcmp(flags.verb, "down") == 0)
		return down(&flags);
	if (strcmp(flags.verb, "status") == 0)
		return status(&flags);
	(void)fprintf(stderr, "sagad-cluster: there is no %s: up, down or status\n", flags.verb);
	return 64;
}
