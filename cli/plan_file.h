/* A plan in a file: what `--out` wrote is what `--apply` reads. */
#ifndef SAGAD_CLI_PLAN_FILE_H
#define SAGAD_CLI_PLAN_FILE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"
#include "wire/admin.h"

struct plan_file {
	char kind[16];
	char node[ID_SIZE_MAX + 1]; /* "" = none */
	uint64_t plan_version;
	uint32_t move_count;
	struct wire_admin_move moves[WIRE_MOVES_MAX]; /* their texts are in `names` */
	char names[WIRE_MOVES_MAX][2][ID_SIZE_MAX + 1];
};
/* SAGA_E_FILE, SAGA_E_USAGE with a sentence in `why`. */
int plan_file_read(const char *path, struct plan_file *plan, struct buf *why) MUST_CHECK;
int plan_file_write(const char *path, struct slice text) MUST_CHECK;

#endif
