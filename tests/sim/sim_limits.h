/* Bounds of a simulated world. */
#ifndef SAGAD_TESTS_SIM_SIM_LIMITS_H
#define SAGAD_TESTS_SIM_SIM_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* What a run has is drawn (struct sim_sizes); these are only what small arrays are made for. */
enum {
	SIM_NODES_MAX = 7,
	SIM_SHARDS_MAX = 16,
	SIM_SERVICES_MAX = 8,
	SIM_CLIENTS_MAX = 8,
	SIM_SAGAS_MAX = 256,
	SIM_STEPS = 6,
	SIM_KEYS = 160,
	SIM_LEASES = 512,
	SIM_PENDING = 512,
	SIM_TOKENS = 128,
	SIM_WHEEL_MS = 32768, /* events due later are few */
	SIM_WORK = 0,    /* beside enum wire_op: what an interactive branch does before its vote */
	SIM_OPS = 5,     /* enum wire_op + 1 */
	SIM_WORLD = 255, /* as an event's node: it happens outside of all nodes */
};
#define SIM_START_MS  UINT64_C(1700000000000)
#define SIM_WINDOW_MS UINT64_C(2400000) /* no clock fault makes it pass */

struct sim_sizes {
	uint32_t nodes, shards, services, clients, sagas;
};

#endif
