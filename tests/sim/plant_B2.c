/* Planted: the key of the barrier's rows does not hold the operation. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "B2", .key_without_op = true};
