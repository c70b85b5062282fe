/* What submitting a definition and beginning an interactive transaction have in common. */
#ifndef SAGAD_CLIENT_SUBMIT_H
#define SAGAD_CLIENT_SUBMIT_H

#include <saga.h>
#include <stdbool.h>

struct call;
struct wire_plan;

/* A call with its request, ready to be handed over; NULL and why not in *error. */
struct call *submit_create(const struct wire_plan *plan, const struct saga_submit_options *options,
			   bool want_final, int *error);
/* What a caller finds in its status (may be NULL) even when nothing was sent. */
void submit_fill_status(struct saga_status *status, const char *id, int error);

#endif
