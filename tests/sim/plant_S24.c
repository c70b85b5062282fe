/* Planted: participants do not look at the epoch of a command. */
#include <saga.h>

#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S24"};

uint64_t __wrap_saga_context_epoch(const struct saga_context *context);

uint64_t __wrap_saga_context_epoch(const struct saga_context *context)
{
	(void)context;
	return UINT64_C(1) << 40;
}
