/* What the fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput, and perhaps a
 * mutator that knows the format. Built with libFuzzer (`./dev fuzz`) it looks for new inputs;
 * built with fuzz_replay.c it repeats the known ones and some mutations of them in every test run.
 *
 * A finding is a crash: a failed CHECK, a report of a sanitizer, or a time-out.
 */
#ifndef SAGAD_TESTS_FUZZ_FUZZ_H
#define SAGAD_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/prng.h"
#include "base/slice.h"

/* ---- libFuzzer's names ----------------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* May be missing: then bytes are mutated blindly. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
/* Blind mutation, for mutators that want it for a part. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* ---- fuzz_message.c -------------------------------------------------------------------------- */

/* Changes some field of an encoded message of any kind by its table, and encodes it again. False:
 * it cannot be decoded, or what came out cannot be encoded; `out` is then as before. */
bool fuzz_message_change(struct slice message, struct prng *prng, struct buf *out);

/* ---- fuzz_mutate.c --------------------------------------------------------------------------- */

/* Half of the time blindly, half of it by the message's table. As LLVMFuzzerCustomMutator. */
size_t fuzz_message_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* ---- fuzz_frames.c --------------------------------------------------------------------------- */

/* Inputs of several parts: each is a little-endian u16 of its size and its bytes. A last part that
 * is cut short ends where the input does. False: there is no further part. */
bool fuzz_part_next(struct slice *input, struct slice *part);
/* False: it does not fit. */
bool fuzz_part_put(struct buf *out, struct slice part);

#endif
