#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = ""};
