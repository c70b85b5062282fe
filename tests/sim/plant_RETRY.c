/* Planted: an etcd txn of unknown outcome is sent again, blindly, and its last answer counts. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "RETRY", .retries_txns = true};
