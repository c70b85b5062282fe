/* A node: control core and worker core, wired as daemon_control.c and worker_uv.c wire them. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "tests/sim/sim.h"

enum {
	NS_PER_MS = 1000000,
	TURN_MS = 10,
	CONTROL_MS = 50,
	UNHEALTHY_MS = 5000,
	LEASE_TTL_MS = 2000,
	SUPERVISOR_MS = 1500,
};

static const char INBOXES[1][64] = {"_INBOX"};

struct core_time sim_node_time(const struct sim_node *node)
{
	const uint64_t now_ms = node->sim->now_ms;

	return (struct core_time){.mono_ms = now_ms - SIM_START_MS + 1000,
				  .wall_ms = (uint64_t)((int64_t)now_ms + node->wall_offset_ms)};
}

static uint64_t now_ns(const struct sim_node *node)
{
	return node->sim->now_ms * NS_PER_MS;
}

/* ---- what the worker core asks ------------------------------------------------------------------
 */

static bool may_emit(void *context, uint64_t generation)
{
	struct sim_node *node = context;

	return node->sim->faults.no_self_stop ||
	       lease_clock_valid(&node->lease, generation, now_ns(node));
}

static uint64_t mailbox_ms(struct sim_node *node, uint64_t *last_ms)
{
	struct sim *sim = node->sim;
	uint64_t at = sim->now_ms + sim_draw(sim, SIM_NODE, 2);

	if (node->bad == SIM_SLUGGISH || sim_chance(sim, SIM_NODE, sim->faults.mailbox_slow))
		at += sim_draw(sim, SIM_NODE, 500);
	if (at < *last_ms)
		at = *last_ms;
	*last_ms = at;
	return at;
}

static void control_hears(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];

	control_report(node->control, now_ns(node), (uint32_t)e->a, (enum ownership)e->b, e->c,
		       (int)(int64_t)e->d);
}

static void count_state(struct sim_node *node, uint32_t shard, enum ownership state, uint64_t epoch)
{
	struct sim *sim = node->sim;

	node->state[shard] = state;
	if (state == OWNERSHIP_SERVING)
		sim->count.failovers++;
	sim->count.releases += state == OWNERSHIP_RELEASED;
	if (state == OWNERSHIP_SERVING)
		sim_record_owner(node, HISTORY_SERVES, shard, epoch);
	else if (state == OWNERSHIP_RELEASED)
		sim_record_owner(node, HISTORY_RELEASES, shard, epoch);
	else if (state == OWNERSHIP_FENCED)
		sim_record_owner(node, HISTORY_FENCED, shard, epoch);
	else if (state == OWNERSHIP_HALTED)
		sim_record_owner(node, HISTORY_HALTS, shard, epoch);
	for (uint32_t i = 0; state == OWNERSHIP_SERVING && i < sim->node_count; i++)
		sim->count.two_owners += i != node->index && sim->nodes[i].running &&
					 sim->nodes[i].state[shard] == OWNERSHIP_SERVING;
}

static void report(void *context, uint32_t shard, enum ownership state, uint64_t epoch, int code)
{
	struct sim_node *node = context;
	struct sim_event *e =
		sim_at(node->sim, mailbox_ms(node, &node->report_ms), node->index, control_hears);

	e->a = shard;
	e->b = state;
	e->c = epoch;
	e->d = (uint64_t)(int64_t)code;
	sim_note(node->sim, ownership_name(state), node->index, shard, epoch, (uint64_t)-code);
	count_state(node, shard, state, epoch);
	if (state == OWNERSHIP_SERVING)
		sim_beyond_serves(node, shard);
	if (state == OWNERSHIP_HALTED && !sim_damaged(node->sim, shard))
		sim_fail(node->sim, false, "invariant 21: node %u halts shard %u with code %d (%s)",
			 node->index, shard, -code, err_text(code));
}

static void control_hears_warm(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];

	control_warm(node->control, now_ns(node), (uint32_t)e->a, e->b != 0);
}

static void warm(void *context, uint32_t shard, bool is)
{
	struct sim_node *node = context;
	struct sim_event *e = sim_at(node->sim, mailbox_ms(node, &node->report_ms), node->index,
				     control_hears_warm);

	e->a = shard;
	e->b = is;
	node->sim->count.standbys_warm += is;
}

static void mark_written(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];

	memcpy(&node->disk[e->a], e->bytes, sizeof node->disk[0]);
}

static void highwater(void *context, uint32_t shard, const struct highwater *mark)
{
	struct sim_node *node = context;
	struct sim_event *e =
		sim_at(node->sim, node->sim->now_ms + 1 + sim_draw(node->sim, SIM_NODE, 20),
		       node->index, mark_written);

	node->marks[shard] = *mark;
	e->a = shard;
	sim_event_bytes(e, slice_of(mark, sizeof *mark));
}

static void *reserve(void *context, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)context;
	return memory == MAP_FAILED ? NULL : memory;
}

static void release(void *context, void *memory, size_t size)
{
	(void)context;
	CHECK_EQ(munmap(memory, size), 0);
}

static void note(void *context, const struct core_note *n)
{
	struct sim_node *node = context;

	sim_note(node->sim, n->event, node->index, n->shard, n->epoch, (uint64_t)-n->code);
}

static void point(void *context, const char *name)
{
	(void)context, (void)name;
}

static void core_open(struct sim_node *node)
{
	struct sim *sim = node->sim;
	const struct core_io io = {.may_emit = may_emit,
				   .report = report,
				   .highwater = highwater,
				   .reserve = reserve,
				   .release = release,
				   .note = note,
				   .point = point,
				   .standby = warm,
				   .context = node};
	struct core_config config = {
		.cluster = sim->cluster,
		.slots = &node->cluster->slots,
		.prefix = "saga",
		.inbox_prefixes = INBOXES,
		.inbox_prefix_count = 1,
		.limits = {.open_max = sim->open_max,
			   .remembered_max = 256,
			   .branches_max = sim->branches_max,
			   .waiters_max = 64,
			   .payload_max = 4 * 1024 * 1024},
		.txn = {.retry_window_max_ms = 3600000,
			.remember_margin_ms = 1000,
			.parked_retry_ms = 1500,
			.command_age_ms = 800,
			.command_leave_ms = 300,
			.deadline_max_ms = 3600000,
			.resend_per_second = 500,
			.resend_after_ms = 60},
		.segment_bytes = sim->segment_bytes,
		.segment_batches = sim->segment_batches,
		.inbox = &node->inbox.base,
		.seed = sim_draw_seed(sim, SIM_NODE),
	};
	char name[8];

	(void)snprintf(name, sizeof name, "n%u", node->index);
	CHECK_EQ(id_from(&config.node, slice_str(name)), 0);
	node->core = core_create(&config, &io, &node->journal.base, &node->transport.base);
	CHECK(node->core != NULL);
}

/* ---- what the control core asks -----------------------------------------------------------------
 */

enum order {
	ORDER_ASSIGN,
	ORDER_RELEASE,
	ORDER_KEEP,
	ORDER_FENCE,
	ORDER_STAND_BY,
	ORDER_STAND_DOWN,
};

static void worker_hears(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];
	const uint32_t shard = (uint32_t)e->b;
	const struct core_time now = sim_node_time(node);
	struct highwater mark = node->disk[shard];

	if (node->marks[shard].sequence > mark.sequence)
		mark = node->marks[shard];
	switch ((enum order)e->a) {
	case ORDER_STAND_BY:
		sim_beyond_tails(node, shard, true);
		core_standby(node->core, now, shard, true, &mark);
		break;
	case ORDER_STAND_DOWN:
		sim_beyond_tails(node, shard, false);
		core_standby(node->core, now, shard, false, NULL);
		break;
	case ORDER_ASSIGN:
		node->state[shard] = OWNERSHIP_REPLAYING;
		sim_beyond_assigned(node, shard, &mark);
		core_assign(node->core, now, shard, e->c, e->d, &mark, 0);
		break;
	case ORDER_RELEASE:
		core_release(node->core, now, shard);
		break;
	case ORDER_KEEP:
		core_keep(node->core, now, shard);
		break;
	case ORDER_FENCE:
		core_fence(node->core, now, shard, SAGA_E_LEASE_LOST);
		break;
	}
}

static void order(struct sim_node *node, enum order what, uint32_t shard, uint64_t revision,
		  uint64_t generation)
{
	struct sim_event *e =
		sim_at(node->sim, mailbox_ms(node, &node->order_ms), node->index, worker_hears);

	e->a = what;
	e->b = shard;
	e->c = revision;
	e->d = generation;
}

static void told(void *context, uint64_t token, const struct lease_result *result)
{
	struct sim_node *node = context;

	control_result(node->control, now_ns(node), token, result);
}

static void request(void *context, const struct lease_request *r, uint64_t token)
{
	struct sim_node *node = context;
	struct lease *store = &node->store.base;

	CHECK_EQ(store->ops->submit(store, r, token, told, node), 0);
}

static void assign(void *context, uint32_t shard, uint64_t revision)
{
	struct sim_node *node = context;

	order(node, ORDER_ASSIGN, shard, revision, lease_clock_generation(&node->lease));
}

static void give_up(void *context, uint32_t shard)
{
	order(context, ORDER_RELEASE, shard, 0, 0);
}

static void keep(void *context, uint32_t shard)
{
	order(context, ORDER_KEEP, shard, 0, 0);
}

static void fence(void *context, uint32_t shard)
{
	order(context, ORDER_FENCE, shard, 0, 0);
}

static void stand_by(void *context, uint32_t shard, bool on)
{
	order(context, on ? ORDER_STAND_BY : ORDER_STAND_DOWN, shard, 0, 0);
}

static void lease_until(void *context, uint64_t boottime_ns)
{
	struct sim_node *node = context;

	lease_clock_set(&node->lease, boottime_ns);
}

static void cluster(void *context, const struct control_cluster *c)
{
	struct sim_node *node = context;

	CHECK(node->core == NULL);
	node->cluster = malloc(sizeof *c);
	CHECK(node->cluster != NULL);
	*node->cluster = *c;
	core_open(node);
}

static void control_note(void *context, const char *event, uint32_t shard, int code,
			 uint64_t number)
{
	struct sim_node *node = context;

	sim_note(node->sim, event, node->index, shard, number, (uint64_t)-code);
}

/* ---- life ---------------------------------------------------------------------------------------
 */

void sim_node_start(struct sim_node *node)
{
	struct sim *sim = node->sim;
	const struct control_io io = {.request = request,
				      .assign = assign,
				      .release = give_up,
				      .keep = keep,
				      .fence = fence,
				      .lease_until = lease_until,
				      .cluster = cluster,
				      .note = control_note,
				      .context = node,
				      .standby = sim->no_standby ? NULL : stand_by};
	struct control_config config = {
		.weight = 100,
		.address = "127.0.0.1:7000",
		.version = "0.1.0",
		.ttl_ms = LEASE_TTL_MS,
		.grace_ms = sim->grace_ms,
		.no_standby = sim->no_standby,
		.start_unix_ms = sim->now_ms,
		.seed = sim_draw_seed(sim, SIM_NODE),
	};
	char name[8];

	CHECK(!node->running);
	sim_fault(sim, "node.start", node->index, 0, 0, 0);
	(void)snprintf(name, sizeof name, "n%u", node->index);
	CHECK_EQ(id_from(&config.cluster, slice_str("sim")), 0);
	CHECK_EQ(id_from(&config.node, slice_str(name)), 0);
	node->life++;
	memset(&node->lease, 0, sizeof node->lease);
	memset(node->state, 0, sizeof node->state);
	memset(node->tailing, 0, sizeof node->tailing);
	memcpy(node->marks, node->disk, sizeof node->marks);
	node->order_ms = node->report_ms = 0;
	node->paused_until_ms = 0;
	node->healthy = true;
	node->tick_ms = node->control_ms = sim->now_ms;
	sim_wires_open(node);
	node->control_memory = calloc(1, control_memory_size());
	CHECK(node->control_memory != NULL);
	CHECK_EQ(control_create(&config, &io, node->control_memory, control_memory_size(),
				&node->control),
		 0);
	node->running = true;
}

void sim_node_count(const struct sim_node *node)
{
	struct core_stats stats;

	if (node->core == NULL)
		return;
	core_stats(node->core, &stats);
	node->sim->count.warm_takeovers += stats.takeovers_warm_total;
	node->sim->count.cold_takeovers += stats.takeovers_cold_total;
	node->sim->count.standbys_dropped += stats.standby_drops_total;
}

/* kill -9: not a word to anybody; the disk stays. */
void sim_node_crash(struct sim_node *node)
{
	if (!node->running)
		return;
	sim_note(node->sim, "node.crash", node->index, 0, 0, 0);
	sim_record_owner(node, HISTORY_DIES, HISTORY_NONE, 0);
	node->running = false;
	node->life++;
	node->store.hint = NULL;
	sim_node_count(node);
	if (node->core != NULL)
		core_destroy(node->core);
	node->core = NULL;
	free(node->control_memory);
	free(node->cluster);
	node->control_memory = NULL;
	node->control = NULL;
	node->cluster = NULL;
}

void sim_node_stop(struct sim_node *node)
{
	if (!node->running)
		return;
	sim_fault(node->sim, "node.stop", node->index, 0, 0, 0);
	control_stop(node->control, now_ns(node));
}

static void check_health(struct sim_node *node)
{
	struct core_stats stats;
	const uint64_t now_ms = node->sim->now_ms;

	core_stats(node->core, &stats);
	sim_record_samples(node, &stats);
	if (!sim_link_down(node))
		node->cut_since_ms = 0;
	else if (node->cut_since_ms == 0)
		node->cut_since_ms = now_ms;
	const bool cut = node->cut_since_ms != 0 && now_ms - node->cut_since_ms > UNHEALTHY_MS;
	const bool healthy = !cut && !stats.journal_stuck;

	if (healthy == node->healthy)
		return;
	node->healthy = healthy;
	sim_fault(node->sim, "node.healthy", node->index, healthy, 0, 0);
	control_set_healthy(node->control, now_ns(node), healthy);
}

static void control_turn(struct sim_node *node)
{
	control_tick(node->control, now_ns(node));
	const uint64_t due_ms = (control_next_deadline(node->control) + NS_PER_MS - 1) / NS_PER_MS;
	const uint64_t latest_ms = node->sim->now_ms + CONTROL_MS;

	node->control_ms = due_ms < latest_ms ? due_ms : latest_ms;
	if (node->control_ms <= node->sim->now_ms)
		node->control_ms = node->sim->now_ms + 1;
	if (node->core != NULL)
		check_health(node);
}

static void supervise(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->a];

	if (!node->running)
		sim_node_start(node);
}

void sim_node_tick(struct sim_node *node)
{
	if (node->control_ms <= node->sim->now_ms)
		control_turn(node);
	if (node->tick_ms <= node->sim->now_ms) {
		node->tick_ms = node->sim->now_ms + TURN_MS;
		node->touched = true;
	}
	const enum control_phase phase = control_phase(node->control);

	if (phase == CONTROL_STOPPED || phase == CONTROL_FAILED)
		sim_node_crash(node);
	/* Whoever gives up is started again, as any supervisor does. */
	if (phase == CONTROL_FAILED)
		sim_at(node->sim, node->sim->now_ms + SUPERVISOR_MS, SIM_WORLD, supervise)->a =
			node->index;
}

void sim_node_turn(struct sim_node *node)
{
	if (node->core != NULL)
		core_turn(node->core, sim_node_time(node));
}
