/* What a benchmark's report makes of its figures. */
#ifndef SAGAD_BENCH_FIGURES_H
#define SAGAD_BENCH_FIGURES_H

#include <stdint.h>

/* The value that stands at so many thousandths when all are sorted, and it sorts them; 500 is the
 * median. At least one value. */
double figures_quantile(double *values, uint32_t count, uint32_t per_mille);

#endif
