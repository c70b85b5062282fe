/* Publishes damaged and hostile messages on every subject that somebody of a cluster listens to. */
#ifndef SAGAD_TESTS_SUPPORT_GARBAGE_H
#define SAGAD_TESTS_SUPPORT_GARBAGE_H

#include <stdint.h>

/* `count` messages a subject, from a fixed seed; returns when the broker has taken them all. Fails
 * the running cmocka test when it cannot be reached. */
void garbage_everywhere(const char *nats_url, uint32_t shard_count, uint32_t count);

#endif
