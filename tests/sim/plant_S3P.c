/* Planted: a participant does not store its rejections. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S3P", .forgets_rejections = true};
