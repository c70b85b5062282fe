/* Planted: a participant tells that nothing has run, and does not stop what still may. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S4P", .settles_blindly = true};
