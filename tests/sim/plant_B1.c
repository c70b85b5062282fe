/* Planted: an undo of nothing leaves no row in the place of the forward operation. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "B1", .undo_unmarked = true};
