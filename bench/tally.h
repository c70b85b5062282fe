/* What every client of a benchmark counts, and the lines by which the programs of a benchmark speak
 * to the one that started them: "ready", "begin", "result key=value ...". */
#ifndef SAGAD_BENCH_TALLY_H
#define SAGAD_BENCH_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/metrics.h"

enum { TALLY_WARM_UP_MS = 2000 };

/* One thread's. */
struct tally {
	struct histogram latency_us;
	uint64_t begin_ns, end_ns; /* of the measured time */
	uint64_t failed;
	bool begun;
};

/* What "result" says, as the one that started the program reads it. */
struct tally_result {
	double per_second, p50_ms, p99_ms, p999_ms;
	uint64_t failed;
};

void tally_ready(void);
void tally_init(struct tally *tally, uint32_t seconds); /* ready, and the warm-up begins */
void tally_saga(struct tally *tally, uint64_t latency_ns);
bool tally_over(struct tally *tally); /* says "begin" when the warm-up is over */
void tally_print(const struct tally *tally);
bool tally_read(const char *line, struct tally_result *result); /* false: no such line */

#endif
