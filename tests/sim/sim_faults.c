/* Which faults a seed has. Swarm: some classes of them are off, so that others get room to do what
 * they do alone; now and then all rates rise for a moment. */
#include <stddef.h>

#include "base/check.h"
#include "tests/sim/sim.h"

enum { BURST = 4, RATE_MOST = 500 };

enum fault_kind {
	RATE, /* per mille, up to `most` */
	GAP,  /* mean of some ms between two of them: `most` to four times that */
};

struct fault_row {
	size_t at; /* in struct sim_faults */
	enum sim_class_of_faults class;
	enum fault_kind kind;
	uint32_t one_in; /* has it, where its class is on */
	uint32_t most;
};

#define ROW(name, class, kind, one_in, most)                                                       \
	{                                                                                          \
		offsetof(struct sim_faults, name), class, kind, one_in, most                       \
	}
static const struct fault_row rows[] = {
	ROW(loss, SIM_OF_NETWORK, RATE, 2, 150),
	ROW(doubling, SIM_OF_NETWORK, RATE, 2, 100),
	ROW(slow, SIM_OF_NETWORK, RATE, 2, 30),
	ROW(reorder, SIM_OF_NETWORK, RATE, 3, 100),
	ROW(publish_busy, SIM_OF_NETWORK, RATE, 3, 60),
	ROW(misroute, SIM_OF_NETWORK, RATE, 3, 100),
	ROW(cut_ms, SIM_OF_NETWORK, GAP, 3, 2500),
	ROW(deaf_ms, SIM_OF_NETWORK, GAP, 2, 1000),
	ROW(dumb_ms, SIM_OF_NETWORK, GAP, 3, 1500),
	ROW(hold_ms, SIM_OF_NETWORK, GAP, 3, 1500),
	ROW(broker_ms, SIM_OF_NETWORK, GAP, 8, 4000),
	ROW(append_lost, SIM_OF_JOURNAL, RATE, 2, 80),
	ROW(append_mute, SIM_OF_JOURNAL, RATE, 2, 80),
	ROW(append_late, SIM_OF_JOURNAL, RATE, 2, 60),
	ROW(read_fails, SIM_OF_JOURNAL, RATE, 2, 150),
	ROW(read_stale, SIM_OF_JOURNAL, RATE, 2, 80),
	ROW(refused_wrongly, SIM_OF_JOURNAL, RATE, 3, 20),
	ROW(unsent, SIM_OF_JOURNAL, RATE, 2, 40),
	ROW(journal_cut_ms, SIM_OF_JOURNAL, GAP, 3, 2500),
	ROW(leader_ms, SIM_OF_JOURNAL, GAP, 3, 2000),
	ROW(stuck_ms, SIM_OF_JOURNAL, GAP, 5, 2000),
	ROW(come_back_ms, SIM_OF_JOURNAL, GAP, 4, 1500),
	ROW(etcd_lost, SIM_OF_ETCD, RATE, 2, 80),
	ROW(etcd_mute, SIM_OF_ETCD, RATE, 2, 80),
	ROW(etcd_late, SIM_OF_ETCD, RATE, 2, 40),
	ROW(etcd_refused, SIM_OF_ETCD, RATE, 2, 40),
	ROW(etcd_broken, SIM_OF_ETCD, RATE, 2, 700),
	ROW(etcd_twice, SIM_OF_ETCD, RATE, 2, 40),
	ROW(renew_lied, SIM_OF_ETCD, RATE, 3, 200),
	ROW(hint_lost, SIM_OF_ETCD, RATE, 2, 500),
	ROW(hint_again, SIM_OF_ETCD, RATE, 2, 200),
	ROW(expire_late, SIM_OF_ETCD, RATE, 2, 400),
	ROW(expire_early_ms, SIM_OF_ETCD, GAP, 2, 800),
	ROW(etcd_leader_ms, SIM_OF_ETCD, GAP, 4, 2500),
	ROW(restore_ms, SIM_OF_ETCD, GAP, 8, 1500),
	ROW(zombie_ms, SIM_OF_ETCD, GAP, 3, 1000),
	ROW(crash_ms, SIM_OF_NODES, GAP, 2, 2000),
	ROW(pause_ms, SIM_OF_NODES, GAP, 3, 2500),
	ROW(drain_ms, SIM_OF_NODES, GAP, 4, 4000),
	ROW(disk_ms, SIM_OF_NODES, GAP, 6, 4000),
	ROW(mailbox_slow, SIM_OF_NODES, RATE, 2, 60),
	ROW(clock_ms, SIM_OF_CLOCKS, GAP, 2, 1000),
	ROW(service_silent, SIM_OF_SERVICES, RATE, 2, 150),
	ROW(service_retries, SIM_OF_SERVICES, RATE, 2, 120),
	ROW(service_parks, SIM_OF_SERVICES, RATE, 2, 30),
	ROW(service_crashes, SIM_OF_SERVICES, RATE, 2, 80),
	ROW(store_fails, SIM_OF_SERVICES, RATE, 3, 20),
	ROW(age_late, SIM_OF_STREAM, RATE, 2, 200),
	ROW(consumer_stuck_ms, SIM_OF_STREAM, GAP, 3, 2000),
	ROW(consumer_made_ms, SIM_OF_STREAM, GAP, 3, 2000),
	ROW(inbox_lost, SIM_OF_INBOX, RATE, 2, 150),
	ROW(inbox_ack_lost, SIM_OF_INBOX, RATE, 2, 300),
	ROW(inbox_slow, SIM_OF_INBOX, RATE, 2, 80),
	ROW(inbox_depose_ms, SIM_OF_INBOX, GAP, 2, 1500),
	ROW(operator_ms, SIM_OF_OPERATORS, GAP, 2, 700),
	ROW(leave_ms, SIM_OF_OPERATORS, GAP, 2, 2500),
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static uint32_t *value_of(struct sim_faults *faults, const struct fault_row *row)
{
	return (uint32_t *)(void *)((uint8_t *)faults + row->at);
}

static uint32_t below(struct sim *sim, uint32_t bound)
{
	return (uint32_t)sim_draw(sim, SIM_FAULTS, bound);
}

static bool one_in(struct sim *sim, uint32_t number)
{
	return below(sim, number) == 0;
}

static uint32_t rate(struct sim *sim, uint32_t most)
{
	return one_in(sim, 2) ? 0 : 1 + below(sim, most);
}

/* ---- what a seed has ----------------------------------------------------------------------------
 */

static void draw_classes(struct sim *sim)
{
	const bool all = one_in(sim, 4);

	for (uint32_t i = 0; i < SIM_CLASSES_OF_FAULTS; i++)
		sim->faulty[i] = all || below(sim, 10) < 7;
}

static void draw_rows(struct sim *sim)
{
	for (uint32_t i = 0; i < ROWS; i++) {
		const struct fault_row *row = &rows[i];

		if (!one_in(sim, row->one_in) || !sim->faulty[row->class])
			continue;
		*value_of(&sim->faults, row) = row->kind == RATE
						       ? 1 + below(sim, row->most)
						       : row->most + below(sim, 3 * row->most);
	}
}

/* How long everything takes, and what lasts. */
static void draw_paces(struct sim *sim)
{
	struct sim_faults *f = &sim->faults;

	f->delay_ms = below(sim, 12);
	f->journal_ms = below(sim, 30);
	f->etcd_ms = below(sim, 20);
	f->inbox_ms = below(sim, 30);
	f->no_self_stop = one_in(sim, 8);
	f->burst_ms = one_in(sim, 3) ? 1500 + below(sim, 4000) : 0;
	/* A replica that lags for long makes fenced epochs fail until an unfenced one is sent. */
	if (one_in(sim, 6) && sim->faulty[SIM_OF_JOURNAL])
		f->read_stale = 300 + below(sim, 600);
	if (one_in(sim, 6) && sim->faulty[SIM_OF_ETCD])
		f->etcd_ms = 100 + below(sim, 700);
	if (one_in(sim, 8) && sim->faulty[SIM_OF_JOURNAL])
		f->journal_ms = 50 + below(sim, 300);
	f->heuristics = one_in(sim, 3) ? 40 : 0;
	/* Nobody knows what became of anything (S4, S23). */
	if (one_in(sim, 3) && sim->faulty[SIM_OF_SERVICES]) {
		f->service_silent = 100 + below(sim, 500);
		f->service_parks = below(sim, 200);
	}
}

void sim_faults_draw(struct sim *sim)
{
	sim->faults = (struct sim_faults){0};
	draw_classes(sim);
	draw_rows(sim);
	draw_paces(sim);
	for (uint32_t i = 0; i < sim->service_count; i++)
		sim->services[i].direct = one_in(sim, 2);
	sim_person_draw(sim);
	sim->calm = sim->faults;
}

static const char *const NAMES[] = {
#define X(name) #name,
	SIM_FAULTS_X(X)
#undef X
};
_Static_assert(sizeof NAMES / sizeof NAMES[0] <= SIM_FAULTS_MAX, "SIM_FAULTS_MAX is too small");

const char *sim_fault_name(uint32_t number)
{
	return number < sizeof NAMES / sizeof NAMES[0] ? NAMES[number] : NULL;
}

void sim_faults_calm(struct sim *sim, const uint64_t calm[SIM_FAULTS_MAX / 64])
{
	uint32_t number = 0;

#define X(name)                                                                                    \
	if ((calm[number / 64] >> number % 64 & 1) != 0)                                           \
		sim->faults.name = 0;                                                              \
	number++;
	SIM_FAULTS_X(X)
#undef X
	sim->calm = sim->faults;
}

/* One service is away from the beginning; owners die now and then, and some messages are lost. */
void sim_outage_draw(struct sim *sim)
{
	struct sim_service *away = &sim->services[sim_draw(sim, SIM_FAULTS, sim->service_count)];

	sim->faults = (struct sim_faults){0};
	sim->faults.loss = rate(sim, 30);
	sim->faults.delay_ms = below(sim, 12);
	sim->faults.journal_ms = below(sim, 30);
	sim->faults.etcd_ms = below(sim, 20);
	sim->faults.crash_ms = one_in(sim, 2) ? 30000 + below(sim, 90000) : 0;
	sim->faults.drain_ms = one_in(sim, 3) ? 60000 + below(sim, 180000) : 0;
	sim->calm = sim->faults;
	sim_person_heal(sim);
	away->direct = false;
	away->down_until_ms = sim->heal_ms;
}

/* ---- bursts -------------------------------------------------------------------------------------
 */

static void calm_down(struct sim *sim, struct sim_event *e)
{
	(void)e;
	if (!sim->healed)
		sim->faults = sim->calm;
}

void sim_faults_burst(struct sim *sim)
{
	sim->count.bursts++;
	for (uint32_t i = 0; i < ROWS; i++) {
		uint32_t *value = value_of(&sim->faults, &rows[i]);

		if (rows[i].kind == RATE && *value < RATE_MOST)
			*value = *value * BURST < RATE_MOST ? *value * BURST : RATE_MOST;
	}
	sim_fault(sim, "burst", 0, 0, 0, 0);
	(void)sim_at(sim, sim->now_ms + 100 + below(sim, 1500), SIM_WORLD, calm_down);
}

void sim_heal(struct sim *sim)
{
	sim_fault(sim, "HEALED", 0, 0, 0, 0);
	sim->healed = true;
	sim->faults =
		(struct sim_faults){.delay_ms = 2, .journal_ms = 2, .etcd_ms = 2, .inbox_ms = 2};
	sim_person_heal(sim);
	for (uint32_t i = 0; i < sim->service_count; i++)
		sim->consumers[i].stuck_until_ms = 0;
	memset(sim->leaders, 0, sizeof sim->leaders);
	sim_etcd_heal(sim);
	sim_operator_heal(sim);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];

		/* A pause ends when it ends: what waited for it keeps its order. */
		node->cut_until_ms = node->deaf_until_ms = node->journal_cut_until_ms = 0;
		node->etcd_cut_until_ms = node->dumb_until_ms = 0;
		if (!node->running)
			sim_node_start(node);
	}
}
