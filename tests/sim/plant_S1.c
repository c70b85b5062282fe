/* Planted: messages leave before the journal has what they rest on. */
#include "node/outbox.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S1"};

int __real_outbox_put(struct outbox *o, uint64_t gate, uint64_t leave_by_ms, const char *subject,
		      struct slice data);
int __wrap_outbox_put(struct outbox *o, uint64_t gate, uint64_t leave_by_ms, const char *subject,
		      struct slice data);

int __wrap_outbox_put(struct outbox *o, uint64_t gate, uint64_t leave_by_ms, const char *subject,
		      struct slice data)
{
	(void)gate;
	return __real_outbox_put(o, 0, leave_by_ms, subject, data);
}
