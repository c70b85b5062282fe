#include "bench/figures.h"

#include <stdlib.h>

#include "base/check.h"

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;
	return (x > y) - (x < y);
}

double figures_quantile(double *values, uint32_t count, uint32_t per_mille)
{
	CHECK_LT(0, count);
	CHECK_LE(per_mille, 1000);
	qsort(values, count, sizeof values[0], by_size);
	const uint64_t at = (uint64_t)count * per_mille / 1000;
	return values[at < count ? at : count - 1];
}
