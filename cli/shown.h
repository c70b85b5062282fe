/* What the files of `sagas show` share. */
#ifndef SAGAD_CLI_SHOWN_H
#define SAGAD_CLI_SHOWN_H

#include "cli/history.h"
#include "cli/views.h"

struct shown {
	const struct show_view *show;
	struct output *output;
	struct history history;
	struct history_event *events;
	struct history_step steps[WIRE_STEPS_MAX];
	uint64_t after[WIRE_STEPS_MAX]; /* wire_plan_edges */
	uint8_t *plan_memory, *scratch_memory;
};

/* "SAGA-5001"; NULL for 0. */
const char *shown_code(uint32_t code);

/* view_steps.c */
uint32_t shown_step_count(const struct shown *s);
void shown_steps_table(const struct shown *s);
void shown_steps_put(const struct shown *s, struct doc *d);

/* view_events.c */
void shown_events_table(const struct shown *s);
void shown_events_put(const struct shown *s, struct doc *d);

#endif
