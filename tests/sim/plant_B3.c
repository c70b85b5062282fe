/* Planted: the barrier's row is in a transaction of its own, before the work. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "B3", .row_alone = true};
