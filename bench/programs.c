#include "bench/programs.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/support/launcher.h"

enum { START_MS = 60000 };

double programs_cpu_s(pid_t pid)
{
	char path[64], line[1024];
	unsigned long long user = 0, system = 0;
	(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	/* The name stands in brackets and may hold anything. */
	const char *after = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')');
	if (after != NULL)
		(void)sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			     &user, &system);
	(void)fclose(file);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

struct look {
	struct cluster *cluster;
	const char *name, *word;
	char line[PROGRAMS_LINE_SIZE]; /* the one that begins with the word */
	bool found, ended;
};

static bool look_for_line(void *context)
{
	struct look *l = context;
	struct process *process = cluster_process(l->cluster, l->name);
	if (process == NULL)
		return true;
	l->ended = !process_running(process); /* before reading: its last words count */
	FILE *file = fopen(process->log_path, "re");
	while (file != NULL && !l->found && fgets(l->line, sizeof l->line, file) != NULL)
		l->found = strncmp(l->line, l->word, strlen(l->word)) == 0 &&
			   strchr(l->line, '\n') != NULL;
	if (file != NULL)
		(void)fclose(file);
	return l->found || l->ended;
}

int programs_hear(struct cluster *cluster, const char *name, const char *word, uint32_t timeout_ms,
		  char line[PROGRAMS_LINE_SIZE])
{
	struct look l = {.cluster = cluster, .name = name, .word = word};
	(void)wait_until(look_for_line, &l, timeout_ms);
	if (l.found) {
		memcpy(line, l.line, sizeof l.line);
		return 0;
	}
	(void)fprintf(stderr, "%s %s without '%s': see %s/%s.log\n", name,
		      l.ended ? "ended" : "goes on", word, cluster_folder(cluster), name);
	return SAGA_E_TIMEOUT;
}

int programs_start(struct cluster *cluster, const char *name, const char *const *argv)
{
	char line[PROGRAMS_LINE_SIZE];
	const int error = cluster_service_start(cluster, name, argv, NULL);
	return error != 0 ? error : programs_hear(cluster, name, "ready", START_MS, line);
}
