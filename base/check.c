#include "base/check.h"

#include <stddef.h>
#include <stdlib.h>

static check_sink installed_sink;

void check_set_sink(check_sink sink)
{
	installed_sink = sink;
}

void check_fail(const char *file, int line, const char *expression, int64_t left, int64_t right)
{
	check_sink sink = installed_sink;

	/* A CHECK that fails inside the sink must abort, not call the sink for ever. */
	installed_sink = NULL;
	if (sink)
		sink(file, line, expression, left, right);
	abort();
}
