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

void tally_ready(void);
void tally_init(struct tally *tally, uint32_t seconds); /* the warm-up begins */
void tally_saga(struct tally *tally, uint64_t latency_ns);
bool tally_over(struct tally *tally); /* says "begin" when the warm-up is over */
void tally_print(const struct tally *tally);

#endif
