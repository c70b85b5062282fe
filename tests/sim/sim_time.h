/* Virtual time: events, the story and its digest. */
#ifndef SAGAD_TESTS_SIM_SIM_TIME_H
#define SAGAD_TESTS_SIM_SIM_TIME_H

#include "base/slice.h"
#include "tests/sim/sim_chance.h"
#include "tests/sim/sim_limits.h"

struct sim;
struct sim_event;
typedef void (*sim_run)(struct sim *sim, struct sim_event *event);

struct sim_event {
	uint64_t due_ms, order;
	sim_run run;
	uint32_t node; /* whose it is, or SIM_WORLD */
	uint64_t life; /* of that node: the event dies with it */
	uint64_t a, b, c, d;
	uint8_t *bytes; /* owned */
	uint32_t size;
	void (*drop)(struct sim_event *event); /* frees what the bytes point to; may be NULL */
	struct sim_event *next;                /* in its list */
};
struct sim_due {
	uint64_t due_ms, order;
	struct sim_event *event;
};

/* sim_time.c */
struct sim_event *sim_at(struct sim *sim, uint64_t due_ms, uint32_t node, sim_run run);
void sim_event_bytes(struct sim_event *event, struct slice bytes);
bool sim_step(struct sim *sim, uint64_t until_ms); /* false = until_ms is reached */
void sim_close_heap(struct sim *sim);
void sim_note(struct sim *sim, const char *what, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
/* The same, and it stands in everybody's story; a: of whom, b: for how many ms. */
void sim_fault(struct sim *sim, const char *what, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
uint64_t sim_digest(struct sim *sim);
void sim_fail(struct sim *sim, bool liveness, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void *sim_grow(void *array, uint32_t count, uint32_t *capacity, size_t size);

#endif
