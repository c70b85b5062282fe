/* Processes that outlive the program that starts them, but not another one that they are for. */
#ifndef SAGAD_TESTS_SUPPORT_GUARD_H
#define SAGAD_TESTS_SUPPORT_GUARD_H

#include <sys/types.h>

/* Runs `work` in a process of its own and returns what it returns, or -1 when that could not be
 * done. A guard stays behind: what `work` has started, and whatever that starts, it kills as soon
 * as the owner has ended, however that ends; the guard itself ends with the last of them. */
int guard_run(pid_t owner, int (*work)(void *context), void *context);

#endif
