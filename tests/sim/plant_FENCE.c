/* Planted: appends are stored wherever the log ends. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "FENCE", .appends_unfenced = true};
