/* What strikes now and then: nodes, links, leases, leaders, consumers, stores. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

static uint64_t next_ms(struct sim *sim, uint32_t mean_ms)
{
	return sim->now_ms + 1 + sim_draw(sim, SIM_FAULTS, 2 * (uint64_t)mean_ms);
}

static struct sim_node *any_node(struct sim *sim)
{
	return &sim->nodes[sim_draw(sim, SIM_FAULTS, sim->node_count)];
}

static uint64_t for_ms(struct sim *sim, uint64_t max_ms)
{
	return sim->now_ms + 20 + sim_draw(sim, SIM_FAULTS, max_ms);
}

/* ---- one kind each ------------------------------------------------------------------------------
 */

static void restart(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->a];

	if (!node->running)
		sim_node_start(node);
}

void sim_node_dies(struct sim_node *node)
{
	struct sim *sim = node->sim;

	sim->count.crashes += node->running;
	sim_node_crash(node);
	sim_at(sim, for_ms(sim, 4000), SIM_WORLD, restart)->a = node->index;
}

static void strike_crash(struct sim *sim)
{
	sim_node_dies(any_node(sim));
}

static void strike_pause(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	if (!node->running)
		return;
	node->paused_until_ms = for_ms(sim, 4000);
	sim->count.pauses++;
	sim_fault(sim, "node.paused", node->index, node->paused_until_ms - sim->now_ms, 0, 0);
}

static void strike_cut(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	node->cut_until_ms = for_ms(sim, 4000);
	sim->count.cuts++;
	sim_fault(sim, "node.cut", node->index, node->cut_until_ms - sim->now_ms, 0, 0);
}

static void strike_deaf(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	node->deaf_until_ms = for_ms(sim, 2000);
	sim_fault(sim, "node.deaf", node->index, node->deaf_until_ms - sim->now_ms, 0, 0);
}

static void strike_journal(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	node->journal_cut_until_ms = for_ms(sim, 3000);
	sim_fault(sim, "node.no_journal", node->index, node->journal_cut_until_ms - sim->now_ms, 0,
		  0);
}

/* An etcd leader that knew less ends a lease that its owner trusts. */
static void strike_lease(struct sim *sim)
{
	uint32_t alive[SIM_LEASES], count = 0;

	for (uint32_t i = 0; i < sim->lease_count; i++)
		if (sim->leases[i].alive)
			alive[count++] = i;
	if (count == 0)
		return;
	sim->count.early_expiries++;
	sim_etcd_end_lease(sim, alive[sim_draw(sim, SIM_FAULTS, count)]);
}

static void strike_clock(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	node->wall_offset_ms = (int64_t)sim_draw(sim, SIM_FAULTS, 120000) - 60000;
}

static void strike_drain(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	sim_node_stop(node);
	sim_at(sim, for_ms(sim, 4000) + 3000, SIM_WORLD, restart)->a = node->index;
}

/* Rolling restarts: most are back soon, some only when others have long had their shards. */
static void strike_leave(struct sim *sim)
{
	struct sim_node *node = any_node(sim);
	const bool soon = sim_draw(sim, SIM_FAULTS, 3) > 0;

	sim->count.leaves += node->running;
	sim_node_stop(node);
	sim_at(sim, for_ms(sim, soon ? 1500 : 9000) + 300, SIM_WORLD, restart)->a = node->index;
}

/* Its lease is over and others take its shards, but it cannot know: it hears nobody at first, and
 * then everybody, while it still trusts its lease (S2). */
static void strike_zombie(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	if (!node->running || !sim_etcd_end_node(sim, node))
		return;
	sim->count.zombies++;
	node->etcd_cut_until_ms = sim->now_ms + 2000;
	node->deaf_until_ms = sim->now_ms + 150 + sim_draw(sim, SIM_FAULTS, 700);
	sim_fault(sim, "node.zombie", node->index, node->deaf_until_ms - sim->now_ms, 0, 0);
}

/* The longest that a leader of JetStream that hears nobody takes itself for one. */
static void strike_inbox(struct sim *sim)
{
	sim_inbox_depose(sim, sim->now_ms + 20 + sim_draw(sim, SIM_INBOX, 10000));
}

/* The journals have no leader for longer than a purge of the inbox waits. */
static void strike_stuck(struct sim *sim)
{
	struct sim_node *node = &sim->nodes[sim_draw(sim, SIM_INBOX, sim->node_count)];

	node->journal_cut_until_ms = sim->now_ms + 5500 + sim_draw(sim, SIM_INBOX, 5000);
	sim->count.stuck_journals++;
	sim_fault(sim, "node.no_journal", node->index, node->journal_cut_until_ms - sim->now_ms, 0,
		  0);
}

static void strike_consumer(struct sim *sim)
{
	const uint32_t service = (uint32_t)sim_draw(sim, SIM_FAULTS, sim->service_count);

	sim_stream_hang(sim, service, for_ms(sim, 4000));
}

/* libsaga does that to one that does not deliver; an operator to any. */
static void strike_remake(struct sim *sim)
{
	sim_stream_remake(sim, (uint32_t)sim_draw(sim, SIM_FAULTS, sim->service_count));
}

/* JetStream elects within 4 to 9 s, or at once when its leader hands over. One that was deposed and
 * hears nobody looks each 10 s whether that has lasted for 10 s. */
static void strike_leader(struct sim *sim)
{
	const uint32_t shard = (uint32_t)sim_draw(sim, SIM_FAULTS, sim->shard_count);
	const bool slow = sim_draw(sim, SIM_FAULTS, 3) == 0;
	const uint64_t away_ms = sim_draw(sim, SIM_FAULTS, slow ? 9000 : 600);
	uint64_t deposed_ms = 0;

	if (sim_draw(sim, SIM_FAULTS, 2) > 0)
		deposed_ms = 500 + sim_draw(sim, SIM_FAULTS, slow ? 20000 : 5000);
	sim_journal_depose(sim, shard, away_ms, deposed_ms);
}

static void strike_come_back(struct sim *sim)
{
	sim_journal_comes_back(sim, (uint32_t)sim_draw(sim, SIM_FAULTS, sim->shard_count));
}

/* What was kept is put in its place, and kept again. */
static void strike_restore(struct sim *sim)
{
	if (sim->backup.revision != 0)
		sim_etcd_restore(sim);
	sim_etcd_save(sim);
}

static void strike_etcd(struct sim *sim)
{
	sim_etcd_depose(sim, 100 + sim_draw(sim, SIM_FAULTS, 2500));
}

/* Nobody hears it, and it hears everybody. */
static void strike_dumb(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	node->dumb_until_ms = for_ms(sim, 3000);
	sim->count.dumb_nodes++;
	sim_fault(sim, "node.dumb", node->index, node->dumb_until_ms - sim->now_ms, 0, 0);
}

/* What it sends and what is sent to it waits in buffers, and comes all at once. */
static void strike_hold(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	sim_network_hold(sim, node, for_ms(sim, 2000));
	sim->count.held_links++;
	sim_fault(sim, "node.held", node->index, 0, 0, 0);
}

/* All messages go through it. */
static void strike_broker(struct sim *sim)
{
	const uint64_t until_ms = for_ms(sim, 5000);

	for (uint32_t i = 0; i < sim->node_count; i++)
		sim->nodes[i].cut_until_ms = until_ms;
	sim->count.broker_outages++;
	sim_fault(sim, "broker.away", until_ms - sim->now_ms, 0, 0, 0);
}

/* It comes back on a new machine: its high-water marks are gone (S7). */
static void strike_disk(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	sim_node_crash(node);
	memset(node->disk, 0, sizeof node->disk);
	sim->count.disks_lost++;
	sim_fault(sim, "node.disk_lost", node->index, 0, 0, 0);
	sim_at(sim, for_ms(sim, 4000), SIM_WORLD, restart)->a = node->index;
}

struct fault {
	void (*strike)(struct sim *sim);
	uint32_t mean_ms;
};

static struct fault fault_of(const struct sim *sim, uint64_t number)
{
	const struct fault faults[] = {
		{strike_crash, sim->faults.crash_ms},
		{strike_pause, sim->faults.pause_ms},
		{strike_cut, sim->faults.cut_ms},
		{strike_deaf, sim->faults.deaf_ms},
		{strike_journal, sim->faults.journal_cut_ms},
		{strike_lease, sim->faults.expire_early_ms},
		{strike_clock, sim->faults.clock_ms},
		{strike_drain, sim->faults.drain_ms},
		{strike_leave, sim->faults.leave_ms},
		{sim_operator_strikes, sim->faults.operator_ms},
		{strike_zombie, sim->faults.zombie_ms},
		{strike_inbox, sim->faults.inbox_depose_ms},
		{strike_stuck, sim->faults.stuck_ms},
		{strike_leader, sim->faults.leader_ms},
		{strike_come_back, sim->faults.come_back_ms},
		{strike_etcd, sim->faults.etcd_leader_ms},
		{strike_restore, sim->faults.restore_ms},
		{strike_dumb, sim->faults.dumb_ms},
		{strike_hold, sim->faults.hold_ms},
		{strike_broker, sim->faults.broker_ms},
		{strike_disk, sim->faults.disk_ms},
		{sim_faults_burst, sim->faults.burst_ms},
		{strike_consumer, sim->faults.consumer_stuck_ms},
		{strike_remake, sim->faults.consumer_made_ms},
	};

	return number < sizeof faults / sizeof faults[0] ? faults[number] : (struct fault){NULL, 0};
}

static void strike(struct sim *sim, struct sim_event *e)
{
	const struct fault fault = fault_of(sim, e->a);

	if (sim->healed || fault.mean_ms == 0)
		return;
	if (sim_strikes(sim, SIM_FAULTS))
		fault.strike(sim);
	sim_at(sim, next_ms(sim, fault.mean_ms), SIM_WORLD, strike)->a = e->a;
}

static void expire(struct sim *sim, struct sim_event *e)
{
	(void)e;
	sim_etcd_expire(sim);
	(void)sim_at(sim, sim->now_ms + 250, SIM_WORLD, expire);
}

void sim_faults_start(struct sim *sim)
{
	(void)sim_at(sim, sim->now_ms + 250, SIM_WORLD, expire);
	for (uint64_t i = 0; fault_of(sim, i).strike != NULL; i++)
		if (fault_of(sim, i).mean_ms > 0)
			sim_at(sim, next_ms(sim, fault_of(sim, i).mean_ms) + 800, SIM_WORLD, strike)
				->a = i;
}
