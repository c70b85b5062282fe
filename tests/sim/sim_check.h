/* The judges (tests/judge/judge.h), over what was recorded. */
#ifndef SAGAD_TESTS_SIM_SIM_CHECK_H
#define SAGAD_TESTS_SIM_SIM_CHECK_H

#include <stdbool.h>

struct sim;

/* sim_check.c */
bool sim_all_final(struct sim *sim); /* and nothing is left in the inbox */
bool sim_probes_answered(const struct sim *sim);
void sim_check(struct sim *sim);

#endif
