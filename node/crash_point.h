/* For tests of recovery: dies by SIGKILL when a named point is reached for the n-th time. Armed by
 * the key test.crash_point = "after_append" or "before_send:120"; never set in production. */
#ifndef SAGAD_NODE_CRASH_POINT_H
#define SAGAD_NODE_CRASH_POINT_H

#include <stdint.h>

struct crash_point {
	char name[64];
	uint64_t countdown; /* 0 = not armed */
};

void crash_point_arm(struct crash_point *p, const char *text);
void crash_point_reached(struct crash_point *p, const char *name);

#endif
