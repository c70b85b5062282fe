/* "Did you mean": the nearest of some names by edit distance. */
#ifndef SAGAD_BASE_NEAR_H
#define SAGAD_BASE_NEAR_H

#include <stdint.h>

/* Returns the nearest name whose distance is at most a third of the longer length (at least 1),
 * else NULL. Names longer than 64 are never near. */
const char *near_name(const char *word, const char *const *names, uint32_t count);

#endif
