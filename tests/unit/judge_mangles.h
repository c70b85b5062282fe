#ifndef SAGAD_TESTS_UNIT_JUDGE_MANGLES_H
#define SAGAD_TESTS_UNIT_JUDGE_MANGLES_H

#include "tests/unit/judge_tale.h"

struct mangle {
	const char *name;
	void (*change)(struct tale *t);
	struct law law;
	struct law also[4]; /* what else is broken by that */
};
extern const struct mangle mangles[];
extern const uint32_t mangle_count;

/* Some of them, for other tests: three at once, of liveness and safety; an ok that is not true. */
void mangle_status(struct tale *tale);
void mangle_ok(struct tale *tale);

#endif
