/* A history as a file, so that what one run showed can be judged again: by other judges, elsewhere.
 *
 *   "SAGH", u16 version (1), u16 zero, then records:
 *   u32 size of the payload, u32 CRC-32C of it, payload: u8 kind, fields in little-endian
 *
 * The first record is the head, the last one the end; between them the elements of each array,
 * steps behind their saga, entries of the inbox behind the creation of their stream. Whatever is
 * damaged, out of range, or points to nothing is refused, with the place. */
#ifndef SAGAD_TESTS_JUDGE_HISTORY_FILE_H
#define SAGAD_TESTS_JUDGE_HISTORY_FILE_H

#include "base/buf.h"
#include "tests/judge/history.h"

struct history_refusal {
	uint64_t offset; /* of the record in the file */
	char text[96];
};

/* Appends the file to `out`. 0 or the error of the buffer. */
int history_encode(const struct history *history, struct buf *out) MUST_CHECK;
/* False: refused; *history is closed then. */
bool history_decode(struct slice file, struct history *history, struct history_refusal *refusal);
/* Writes the file anew; false: errno says why. */
bool history_save(const struct history *history, const char *path);
/* Reads and decodes it. */
bool history_load(const char *path, struct history *history, struct history_refusal *refusal);

#endif
