/* Values of flags, for argp parsers: what is wrong ends the program with a word about it. */
#ifndef SAGAD_EXAMPLES_COMMON_ARGS_H
#define SAGAD_EXAMPLES_COMMON_ARGS_H

#include <argp.h>
#include <stdint.h>

uint64_t args_number(struct argp_state *state, const char *text, uint64_t min, uint64_t max);
double args_chance(struct argp_state *state, const char *text); /* 0..1 */

#endif
