#ifndef SAGAD_CLIENT_STATUS_H
#define SAGAD_CLIENT_STATUS_H

#include <saga.h>

#include "base/slice.h"
#include "wire/message.h"

/* Everything but the id. */
void status_from_answer(struct saga_status *status, const struct wire_answer *answer);
/* Cut at a character's border. */
void status_set_text(struct saga_status *status, struct slice text);

#endif
