/* Which faults a seed has, when they strike, and the healing. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

static uint32_t rate(struct sim *sim, uint32_t max)
{
	return sim_draw(sim, SIM_FAULTS, 2) == 0 ? 0 : 1 + (uint32_t)sim_draw(sim, SIM_FAULTS, max);
}

/* With chance of its own: the stories of older seeds stay what they were. */
static uint32_t inbox_rate(struct sim *sim, uint32_t max)
{
	return sim_draw(sim, SIM_INBOX, 2) == 0 ? 0 : 1 + (uint32_t)sim_draw(sim, SIM_INBOX, max);
}

/* A mean gap: 0 = never. */
static uint32_t gap(struct sim *sim, uint32_t one_in, uint32_t min_ms)
{
	return sim_draw(sim, SIM_FAULTS, one_in) != 0
		       ? 0
		       : min_ms + (uint32_t)sim_draw(sim, SIM_FAULTS, 3 * min_ms);
}

void sim_faults_draw(struct sim *sim)
{
	sim->faults = (struct sim_faults){
		.loss = rate(sim, 150),
		.doubling = rate(sim, 100),
		.slow = rate(sim, 30),
		.delay_ms = (uint32_t)sim_draw(sim, SIM_FAULTS, 12),
		.append_lost = rate(sim, 80),
		.append_mute = rate(sim, 80),
		.append_late = rate(sim, 60),
		.read_fails = rate(sim, 150),
		.read_stale = rate(sim, 80),
		.journal_ms = (uint32_t)sim_draw(sim, SIM_FAULTS, 30),
		.etcd_lost = rate(sim, 80),
		.etcd_mute = rate(sim, 80),
		.etcd_late = rate(sim, 40),
		.etcd_ms = (uint32_t)sim_draw(sim, SIM_FAULTS, 20),
		.hint_lost = rate(sim, 500),
		.crash_ms = gap(sim, 2, 2000),
		.pause_ms = gap(sim, 3, 2500),
		.cut_ms = gap(sim, 3, 2500),
		.deaf_ms = gap(sim, 2, 1000),
		.journal_cut_ms = gap(sim, 3, 2500),
		.expire_early_ms = gap(sim, 2, 800),
		.expire_late = rate(sim, 400),
		.clock_ms = gap(sim, 3, 1000),
		.drain_ms = gap(sim, 4, 4000),
		.zombie_ms = gap(sim, 3, 1000),
		.service_silent = rate(sim, 150),
		.service_retries = rate(sim, 120),
		.service_parks = rate(sim, 30),
		.service_crashes = rate(sim, 80),
		.mailbox_slow = rate(sim, 60),
		.refused_wrongly = rate(sim, 20),
		.unsent = rate(sim, 40),
		.leader_ms = gap(sim, 3, 2000),
		.etcd_refused = rate(sim, 40),
		.etcd_broken = rate(sim, 700),
		.etcd_twice = rate(sim, 40),
		.renew_lied = rate(sim, 200),
		.hint_again = rate(sim, 200),
		.etcd_leader_ms = gap(sim, 4, 2500),
		.age_late = rate(sim, 200),
		.consumer_stuck_ms = gap(sim, 4, 2000),
		.consumer_made_ms = gap(sim, 4, 2000),
		.no_self_stop = sim_draw(sim, SIM_FAULTS, 8) == 0,
	};
	/* A replica that lags for long makes fenced epochs fail until an unfenced one is sent. */
	if (sim_draw(sim, SIM_FAULTS, 6) == 0)
		sim->faults.read_stale = 300 + (uint32_t)sim_draw(sim, SIM_FAULTS, 600);
	if (sim_draw(sim, SIM_FAULTS, 6) == 0)
		sim->faults.etcd_ms = 100 + (uint32_t)sim_draw(sim, SIM_FAULTS, 700);
	if (sim_draw(sim, SIM_FAULTS, 8) == 0)
		sim->faults.journal_ms = 50 + (uint32_t)sim_draw(sim, SIM_FAULTS, 300);
	sim->faults.inbox_lost = inbox_rate(sim, 150);
	sim->faults.inbox_ack_lost = inbox_rate(sim, 300);
	sim->faults.inbox_slow = inbox_rate(sim, 80);
	sim->faults.inbox_depose_ms = sim_draw(sim, SIM_INBOX, 3) != 0
					      ? 0
					      : 1500 + (uint32_t)sim_draw(sim, SIM_INBOX, 4000);
	if (sim_draw(sim, SIM_INBOX, 6) == 0)
		sim->faults.stuck_ms = 2000 + (uint32_t)sim_draw(sim, SIM_INBOX, 4000);
	sim->faults.heuristics = sim_draw(sim, SIM_KIND, 3) == 0 ? 40 : 0;
	/* Nobody knows what became of anything (S4, S23). */
	if (sim_draw(sim, SIM_KIND, 3) == 0) {
		sim->faults.service_silent = 100 + (uint32_t)sim_draw(sim, SIM_KIND, 500);
		sim->faults.service_parks = (uint32_t)sim_draw(sim, SIM_KIND, 200);
	}
	sim->faults.inbox_ms = (uint32_t)sim_draw(sim, SIM_INBOX, 30);
	for (uint32_t i = 0; i < sim->service_count; i++) {
		sim->services[i].direct = sim_draw(sim, SIM_FAULTS, 2) == 0;
	}
	sim->faults.store_fails =
		sim_draw(sim, SIM_STORE, 3) == 0 ? 1 + (uint32_t)sim_draw(sim, SIM_STORE, 20) : 0;
	sim_person_draw(sim);
}

/* One service is away from the beginning; owners die now and then, and some messages are lost. */
void sim_outage_draw(struct sim *sim)
{
	struct sim_service *away = &sim->services[sim_draw(sim, SIM_FAULTS, sim->service_count)];

	sim->faults = (struct sim_faults){
		.loss = rate(sim, 30),
		.delay_ms = (uint32_t)sim_draw(sim, SIM_FAULTS, 12),
		.journal_ms = (uint32_t)sim_draw(sim, SIM_FAULTS, 30),
		.etcd_ms = (uint32_t)sim_draw(sim, SIM_FAULTS, 20),
		.crash_ms = gap(sim, 2, 30000),
		.drain_ms = gap(sim, 3, 60000),
	};
	sim_person_heal(sim);
	away->direct = false;
	away->down_until_ms = sim->heal_ms;
}

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

static void strike_crash(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	sim->count.crashes += node->running;
	sim_node_crash(node);
	sim_at(sim, for_ms(sim, 4000), SIM_WORLD, restart)->a = node->index;
}

static void strike_pause(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	if (!node->running)
		return;
	node->paused_until_ms = for_ms(sim, 4000);
	sim->count.pauses++;
	sim_note(sim, "node.paused", node->index, node->paused_until_ms - sim->now_ms, 0, 0);
}

static void strike_cut(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	node->cut_until_ms = for_ms(sim, 4000);
	sim->count.cuts++;
	sim_note(sim, "node.cut", node->index, node->cut_until_ms - sim->now_ms, 0, 0);
}

static void strike_deaf(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	node->deaf_until_ms = for_ms(sim, 2000);
	sim_note(sim, "node.deaf", node->index, node->deaf_until_ms - sim->now_ms, 0, 0);
}

static void strike_journal(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	node->journal_cut_until_ms = for_ms(sim, 3000);
	sim_note(sim, "node.no_journal", node->index, node->journal_cut_until_ms - sim->now_ms, 0,
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
	any_node(sim)->wall_offset_ms = (int64_t)sim_draw(sim, SIM_FAULTS, 120000) - 60000;
}

static void strike_drain(struct sim *sim)
{
	struct sim_node *node = any_node(sim);

	sim_node_stop(node);
	sim_at(sim, for_ms(sim, 4000) + 3000, SIM_WORLD, restart)->a = node->index;
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
	sim_note(sim, "node.zombie", node->index, node->deaf_until_ms - sim->now_ms, 0, 0);
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
	sim_note(sim, "node.no_journal", node->index, node->journal_cut_until_ms - sim->now_ms, 0,
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

	sim_journal_depose(sim, shard, sim_draw(sim, SIM_FAULTS, slow ? 9000 : 600),
			   sim_draw(sim, SIM_FAULTS, 2) == 0
				   ? 0
				   : 500 + sim_draw(sim, SIM_FAULTS, slow ? 20000 : 5000));
}

static void strike_etcd(struct sim *sim)
{
	sim_etcd_depose(sim, 100 + sim_draw(sim, SIM_FAULTS, 2500));
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
		{strike_zombie, sim->faults.zombie_ms},
		{strike_inbox, sim->faults.inbox_depose_ms},
		{strike_stuck, sim->faults.stuck_ms},
		{strike_leader, sim->faults.leader_ms},
		{strike_etcd, sim->faults.etcd_leader_ms},
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

void sim_heal(struct sim *sim)
{
	sim_note(sim, "HEALED", 0, 0, 0, 0);
	sim->healed = true;
	sim->faults =
		(struct sim_faults){.delay_ms = 2, .journal_ms = 2, .etcd_ms = 2, .inbox_ms = 2};
	sim_person_heal(sim);
	for (uint32_t i = 0; i < sim->service_count; i++)
		sim->consumers[i].stuck_until_ms = 0;
	memset(sim->leaders, 0, sizeof sim->leaders);
	sim->etcd_away_until_ms = 0;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];

		/* A pause ends when it ends: what waited for it keeps its order. */
		node->cut_until_ms = node->deaf_until_ms = node->journal_cut_until_ms = 0;
		node->etcd_cut_until_ms = 0;
		if (!node->running)
			sim_node_start(node);
	}
}
