/* Finding programs, writing files, reading logs. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cluster_parts.h"

static bool try_program(char *path, uint32_t size, const char *folder, const char *below,
			const char *name)
{
	const int length = snprintf(path, size, "%s/%s%s", folder, below, name);

	return length > 0 && (uint32_t)length < size && access(path, X_OK) == 0;
}

/* The build tree that the calling program lies in: the nearest folder above it with a
 * CMakeCache.txt; "" = none, it is installed. */
static void find_build_folder(char *folder, uint32_t size)
{
	char path[CLUSTER_TEXT_SIZE] = "";
	const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
	char *end = NULL;

	folder[0] = '\0';
	if (length <= 0)
		return;
	path[length] = '\0';
	while ((end = strrchr(path, '/')) != NULL && end != path) {
		char mark[CLUSTER_TEXT_SIZE + 32];

		*end = '\0';
		(void)snprintf(mark, sizeof mark, "%s/CMakeCache.txt", path);
		if (access(mark, R_OK) == 0) {
			(void)snprintf(folder, size, "%s", path);
			return;
		}
	}
}

static bool try_tree(char *path, uint32_t size, const char *folder, const char *name)
{
	static const char *const below[] = {"",
					    "bin/",
					    "node/",
					    "cli/",
					    "examples/quickstart/",
					    "examples/shop/",
					    "examples/travel/",
					    "tests/support/"};

	for (uint32_t i = 0; folder[0] != '\0' && i < sizeof below / sizeof below[0]; i++)
		if (try_program(path, size, folder, below[i], name))
			return true;
	return false;
}

int cluster_find_program(struct cluster *cluster, const char *name, char *path, uint32_t size)
{
	const char *from_env = getenv("SAGAD_BIN");
	char own[CLUSTER_TEXT_SIZE] = "";
	const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
	char build[CLUSTER_TEXT_SIZE];

	if (cluster->bin_dir[0] != '\0') {
		if (try_tree(path, size, cluster->bin_dir, name))
			return SAGA_E_NONE;
	} else if (from_env != NULL && from_env[0] != '\0') {
		if (try_tree(path, size, from_env, name))
			return SAGA_E_NONE;
	} else {
		find_build_folder(build, sizeof build);
		if (try_tree(path, size, build, name))
			return SAGA_E_NONE;
		if (length > 0 && try_program(path, size, dirname(own), "", name))
			return SAGA_E_NONE;
	}
	return cluster_fail(cluster, SAGA_E_FILE,
			    "cannot find the program %s: build it, or set SAGAD_BIN", name);
}

static bool try_path(char *path, uint32_t size, const char *name)
{
	const char *from_env = getenv("PATH");
	char *copy = strdup(from_env == NULL ? "" : from_env);
	char *rest = copy;
	bool found = false;

	while (!found && rest != NULL) {
		const char *folder = strsep(&rest, ":");

		found = folder[0] == '/' && try_program(path, size, folder, "", name);
	}
	free(copy);
	return found;
}

int cluster_find_tool(struct cluster *cluster, const char *name, char *path, uint32_t size)
{
	static const char *const below[] = {"usr/sbin/", "usr/bin/", "bin/", ""};
	const char *folder =
		cluster->tools_dir[0] != '\0' ? cluster->tools_dir : getenv("SAGAD_TOOLS");

	if (folder == NULL || folder[0] == '\0')
		folder = SAGAD_SOURCE_DIR "/.tools";
	for (uint32_t i = 0; i < sizeof below / sizeof below[0]; i++)
		if (try_program(path, size, folder, below[i], name))
			return SAGA_E_NONE;
	if (try_path(path, size, name) || try_program(path, size, "/usr/sbin", "", name))
		return SAGA_E_NONE;
	return cluster_fail(cluster, SAGA_E_FILE,
			    "cannot find %s in %s or PATH: `./dev build` fetches it, or set "
			    "SAGAD_TOOLS",
			    name, folder);
}

int cluster_write_file(struct cluster *cluster, const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	bool written = false;

	if (file != NULL) {
		written = fputs(text, file) >= 0;
		written = fclose(file) == 0 && written;
	}
	if (!written)
		return cluster_fail(cluster, SAGA_E_FILE, "cannot write %s: %s", path,
				    strerror(errno));
	return SAGA_E_NONE;
}

int cluster_make_folder(struct cluster *cluster, const char *name, char *path, uint32_t size)
{
	const int length = snprintf(path, size, "%s/%s", cluster->folder, name);

	if (length < 0 || (uint32_t)length >= size)
		return cluster_fail(cluster, SAGA_E_FILE, "the folder's name is too long");
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return cluster_fail(cluster, SAGA_E_FILE, "cannot make %s: %s", path,
				    strerror(errno));
	return SAGA_E_NONE;
}

int cluster_events(struct cluster *cluster, const char *name, uint64_t *offset,
		   void (*visit)(void *context, const struct cluster_event *event), void *context)
{
	char path[CLUSTER_TEXT_SIZE + PROCESS_NAME_SIZE + 8];
	char *line = NULL;
	size_t capacity = 0;
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/%s.log", cluster->folder, name);
	file = fopen(path, "re");
	if (file == NULL || fseek(file, (long)*offset, SEEK_SET) != 0) {
		if (file != NULL)
			(void)fclose(file);
		return cluster_fail(cluster, SAGA_E_FILE, "cannot read %s: %s", path,
				    strerror(errno));
	}
	for (;;) {
		const ssize_t length = getline(&line, &capacity, file);

		/* A line without its end is still being written: it is for the next time. */
		if (length <= 0 || line[length - 1] != '\n')
			break;
		line[length - 1] = '\0';
		*offset += (uint64_t)length;
		if (line[0] == '{')
			view_event(line, name, visit, context);
	}
	free(line);
	(void)fclose(file);
	return SAGA_E_NONE;
}
