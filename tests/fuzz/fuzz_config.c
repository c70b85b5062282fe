/* The daemon's configuration file: taken, or complained about, line by line. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "node/config.h"
#include "tests/fuzz/fuzz.h"

enum { ERRORS_MAX = 256 * 1024 };

static void take(char *path)
{
	static char memory[ERRORS_MAX];
	static struct config config;
	char name[] = "sagad", flag[] = "--config";
	char *argv[] = {name, flag, path, NULL};
	char *env[] = {NULL};
	enum config_action action;
	struct buf errors;

	buf_init_fixed(&errors, memory, sizeof memory);
	const int error = config_load(3, argv, env, &config, &action, &errors);

	CHECK(error == 0 || error == SAGA_E_CONFIG);
	CHECK_EQ(error != 0, errors.size > 0);
	if (error != 0)
		return;
	CHECK(config.workers >= 1 && config.workers <= 64);
	CHECK(id_valid(id_slice(&config.cluster_name)));
	CHECK(id_valid(id_slice(&config.node_id)));
	CHECK(config.nats_inbox_prefix_count <= CONFIG_LIST_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int file = -1;
	char path[64];

	/* The daemon reads files; this one never touches a disk. */
	if (file < 0)
		file = memfd_create("config", MFD_CLOEXEC);
	CHECK(file >= 0);
	CHECK_EQ(ftruncate(file, 0), 0);
	CHECK_EQ(pwrite(file, data, size, 0), (ssize_t)size);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	take(path);
	return 0;
}
