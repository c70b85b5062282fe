/* A node's ends of the models: they tell its cores what the adapters of the daemon tell them. */
#include "base/check.h"
#include "tests/sim/sim.h"

enum { NS_PER_MS = 1000000 };

static void appended(void *context, uint32_t shard, uint64_t token,
		     enum journal_append_status status, uint64_t sequence)
{
	struct sim_node *node = context;

	core_appended(node->core, sim_node_time(node), shard, token, status, sequence);
}

static void batch(void *context, uint32_t shard, uint64_t token, uint64_t sequence,
		  struct slice bytes)
{
	struct sim_node *node = context;

	core_batch(node->core, sim_node_time(node), shard, token, sequence, bytes);
}

static void read_end(void *context, uint32_t shard, uint64_t token, int error,
		     uint64_t last_sequence)
{
	struct sim_node *node = context;

	core_read_end(node->core, sim_node_time(node), shard, token, error, last_sequence);
}

static void tailed(void *context, uint32_t shard, uint64_t token, uint64_t last_sequence)
{
	struct sim_node *node = context;

	core_tailed(node->core, sim_node_time(node), shard, token, last_sequence);
}

static void looked(void *context, int error, struct slice created, uint64_t last_sequence)
{
	struct sim_node *node = context;

	core_inbox_looked(node->core, sim_node_time(node), error, created, last_sequence);
}

static void inbox_read(void *context, uint32_t shard, int error,
		       const struct inbox_message *message)
{
	struct sim_node *node = context;

	core_inbox_read(node->core, sim_node_time(node), shard, error, message);
}

static void hint(void *context)
{
	struct sim_node *node = context;

	control_hint(node->control, node->sim->now_ms * NS_PER_MS);
}

void sim_wires_open(struct sim_node *node)
{
	sim_journal_open(node, &(struct journal_events){.appended = appended,
							.batch = batch,
							.read_end = read_end,
							.context = node,
							.tailed = tailed});
	sim_inbox_open(node, &(struct inbox_events){looked, inbox_read, node});
	sim_transport_open(node);
	sim_etcd_open(node);
	CHECK_EQ(node->store.base.ops->watch(&node->store.base, slice_str("/"), hint, node), 0);
}
