/* The control core's outside: what comes in, what is in flight, and the order of the steps. */
#include "sharding/control_internal.h"

#include <stdio.h>

#include "sharding/text.h"

enum { CONTROL_SLOT_BITS = 8 };
_Static_assert(CONTROL_OPS_MAX == 1 << CONTROL_SLOT_BITS, "a token's low bits name the slot");

void control_note(struct control *c, const char *event, uint32_t shard, int code, uint64_t number)
{
	c->io.note(c->io.context, event, shard, code, number);
}

static uint32_t control_free_slot(const struct control *c)
{
	uint32_t slot = 0;

	while (slot < CONTROL_OPS_MAX && c->ops[slot].kind != CONTROL_OP_NONE)
		slot++;
	return slot;
}

bool control_send(struct control *c, enum control_op_kind kind, uint32_t shard,
		  struct lease_request *request)
{
	const uint32_t slot = control_free_slot(c);
	struct control_op *op;

	if (slot == CONTROL_OPS_MAX)
		return false;
	op = &c->ops[slot];
	*op = (struct control_op){
		.kind = kind,
		.shard = shard,
		.sequence = ++c->op_sequence,
		.incarnation = c->incarnation,
		.range = c->range_sequence,
		.by_order = kind == CONTROL_OP_ACQUIRE && request->write_count == 2,
		.overdue_ns = c->now_ns +
			      (2 * (uint64_t)request->timeout_ms + CONTROL_OVERDUE_MS) * CONTROL_MS,
	};
	c->io.request(c->io.context, request, op->sequence << CONTROL_SLOT_BITS | slot);
	return true;
}

bool control_wrote(struct control *c, int64_t revision)
{
	if (revision > c->my_write_revision) {
		c->my_write_revision = revision;
		c->my_write_range = c->range_sequence;
	}
	return revision > c->view_revision;
}

void control_fail(struct control *c, int error)
{
	if (c->phase == CONTROL_FAILED)
		return;
	c->phase = CONTROL_FAILED;
	c->error = error;
	control_note(c, "control.failed", CONTROL_NO_SHARD, error, 0);
	if (c->lease_id != 0)
		control_lease_lost(c, 0, error);
}

void control_read_again(struct control *c)
{
	c->dirty = true;
}

static uint64_t control_range_due(const struct control *c)
{
	uint64_t due = c->range_started_ns +
		       (c->dirty ? CONTROL_RANGE_GAP_MS : c->refresh_ms) * CONTROL_MS;

	if (c->range_sequence == 0)
		due = 0;
	return due > c->range_retry_ns ? due : c->range_retry_ns;
}

static void control_range_step(struct control *c, uint64_t now_ns)
{
	struct lease_request request = {
		.kind = LEASE_RANGE,
		.timeout_ms = (uint32_t)control_request_ms(c),
		.prefix = slice_str(c->prefix),
	};

	if (c->range_op || c->phase == CONTROL_STOPPED || c->phase == CONTROL_FAILED ||
	    now_ns < control_range_due(c))
		return;
	c->range_sequence++;
	if (!control_send(c, CONTROL_OP_RANGE, CONTROL_NO_SHARD, &request)) {
		c->range_sequence--;
		return;
	}
	c->range_op = true;
	c->range_started_ns = now_ns;
	c->dirty = false;
}

static void control_range_result(struct control *c, uint64_t now_ns, const struct control_op *op,
				 const struct lease_result *result)
{
	c->range_op = false;
	if (result->error != 0) {
		c->range_retry_ns = now_ns + CONTROL_RETRY_MS * CONTROL_MS;
		control_read_again(c);
		control_note(c, "store.read_failed", CONTROL_NO_SHARD, result->error, 0);
		return;
	}
	control_view_read(c, now_ns, op->range, result);
	if (c->phase == CONTROL_CONNECTING)
		c->phase = CONTROL_UNINITIALISED;
	if (c->phase == CONTROL_UNINITIALISED && c->has_cluster)
		c->phase = CONTROL_JOINING;
}

/* Stopping ends when the worker has nothing and the lease is given back. */
static void control_stop_step(struct control *c, uint64_t now_ns)
{
	if (c->phase != CONTROL_STOPPING || !control_shards_given_up(c))
		return;
	if (c->lease_id != 0) {
		control_lease_lost(c, now_ns, SAGA_E_STOPPING);
		return;
	}
	if (c->old_lease_id != 0 || c->lease_op)
		return;
	c->phase = CONTROL_STOPPED;
	control_note(c, "control.stopped", CONTROL_NO_SHARD, 0, 0);
}

static void control_run(struct control *c, uint64_t now_ns)
{
	control_lease_step(c, now_ns);
	control_member_step(c, now_ns);
	control_ops_step(c, now_ns);
	control_planner_step(c, now_ns);
	control_shards_step(c, now_ns);
	control_stop_step(c, now_ns);
	control_lease_step(c, now_ns); /* what was given up in between is revoked at once */
	control_range_step(c, now_ns);
	control_orders_step(c);
}

static bool control_config_valid(const struct control_config *config)
{
	return config->cluster.size > 0 && config->node.size > 0 &&
	       strcmp(config->node.text, "-") != 0 && strcmp(config->zone.text, "-") != 0 &&
	       config->weight <= 1000 && config->ttl_ms >= 2000 && config->ttl_ms <= 60000 &&
	       config->ttl_ms % 1000 == 0 && config->acquires_max <= WIRE_SHARDS_MAX &&
	       text_word_valid(slice_str(config->address), CONTROL_ADDRESS_MAX) &&
	       text_word_valid(slice_str(config->version), CONTROL_VERSION_MAX);
}

size_t control_memory_size(void)
{
	return sizeof(struct control);
}

int control_create(const struct control_config *config, const struct control_io *io, void *memory,
		   size_t size, struct control **control)
{
	struct control *c = memory;

	CHECK(size >= sizeof *c);
	if (!control_config_valid(config))
		return SAGA_E_CONFIG;
	memset(c, 0, sizeof *c);
	c->cluster_name = config->cluster;
	c->node = config->node;
	c->zone = config->zone;
	c->weight = config->weight;
	(void)snprintf(c->address, sizeof c->address, "%s", config->address);
	(void)snprintf(c->version, sizeof c->version, "%s", config->version);
	(void)snprintf(c->prefix, sizeof c->prefix, "/sagad/%s/", config->cluster.text);
	c->ttl_ms = config->ttl_ms;
	c->refresh_ms = config->refresh_ms ? config->refresh_ms : 2000;
	c->join_delay_ms = config->join_delay_ms ? config->join_delay_ms : 500;
	c->acquires_max = config->acquires_max ? config->acquires_max : 16;
	c->grace_ms = config->grace_ms ? config->grace_ms : 60000;
	c->no_standby = config->no_standby || io->standby == NULL;
	c->start_unix_ms = config->start_unix_ms;
	c->io = *io;
	c->phase = CONTROL_CONNECTING;
	c->incarnation = 1;
	c->healthy = true;
	c->healthy_published = true;
	c->plan_due_ns = CONTROL_NEVER;
	c->operation_due_ns = CONTROL_NEVER;
	c->operation_next = 1;
	prng_seed(&c->prng, config->seed);
	/* Nodes that start together do not read in step for ever. */
	c->refresh_ms += (uint32_t)prng_below(&c->prng, c->refresh_ms / 8 + 1);
	*control = c;
	return 0;
}

static void control_dispatch(struct control *c, uint64_t now_ns, const struct control_op *op,
			     const struct lease_result *result)
{
	switch (op->kind) {
	case CONTROL_OP_RANGE:
		control_range_result(c, now_ns, op, result);
		break;
	case CONTROL_OP_GRANT:
	case CONTROL_OP_RENEW:
	case CONTROL_OP_REVOKE:
		control_lease_result(c, now_ns, op->kind, result);
		break;
	case CONTROL_OP_NODE:
		control_member_result(c, now_ns, result);
		break;
	case CONTROL_OP_PLANNER:
	case CONTROL_OP_PLAN:
		control_planner_result(c, now_ns, op->kind, result);
		break;
	case CONTROL_OP_ACQUIRE:
	case CONTROL_OP_RELEASE:
	case CONTROL_OP_OWNER:
	case CONTROL_OP_READY:
		control_shards_result(c, now_ns, op, result);
		break;
	case CONTROL_OP_OPERATION:
		control_ops_result(c, now_ns, result);
		break;
	case CONTROL_OP_ORDER:
		control_orders_result(c, op, result);
		break;
	case CONTROL_OP_NONE:
		break;
	}
}

/* Each call from outside begins here. First my own clock: what comes too late does not revive the
 * lease (S28). */
static void control_enter(struct control *c, uint64_t now_ns)
{
	c->now_ns = now_ns;
	if (c->start_ns == 0)
		c->start_ns = now_ns;
	if (c->lease_id != 0 && now_ns >= c->until_ns)
		control_lease_lost(c, now_ns, SAGA_E_LEASE_LOST);
}

/* Whether its answer counts under whatever lease of mine it was sent. */
static bool control_of_any_lease(const struct control_op *op)
{
	return op->kind == CONTROL_OP_RANGE || op->kind == CONTROL_OP_OPERATION ||
	       op->kind == CONTROL_OP_ORDER;
}

/* The store promises an answer to each request; one that it forgot must not block a key for ever.
 */
static void control_give_up_overdue(struct control *c, uint64_t now_ns)
{
	const struct lease_result unknown = {.error = SAGA_E_UNKNOWN};

	for (uint32_t i = 0; i < CONTROL_OPS_MAX; i++) {
		if (c->ops[i].kind == CONTROL_OP_NONE || now_ns < c->ops[i].overdue_ns)
			continue;
		const struct control_op op = c->ops[i];

		c->ops[i].kind = CONTROL_OP_NONE;
		control_note(c, "store.no_answer", op.shard, SAGA_E_UNKNOWN, op.kind);
		if (control_of_any_lease(&op) || op.incarnation == c->incarnation)
			control_dispatch(c, now_ns, &op, &unknown);
	}
}

void control_tick(struct control *c, uint64_t now_ns)
{
	control_enter(c, now_ns);
	control_give_up_overdue(c, now_ns);
	control_run(c, now_ns);
}

void control_hint(struct control *c, uint64_t now_ns)
{
	control_enter(c, now_ns);
	control_read_again(c);
	control_run(c, now_ns);
}

uint64_t control_read_now(struct control *c, uint64_t now_ns)
{
	const uint64_t number = control_next_range(c);

	control_hint(c, now_ns);
	return number;
}

bool control_has_read(const struct control *c, uint64_t number)
{
	return c->view_sequence >= number;
}

void control_result(struct control *c, uint64_t now_ns, uint64_t token,
		    const struct lease_result *result)
{
	struct control_op *slot = &c->ops[token & (CONTROL_OPS_MAX - 1)];
	const struct control_op op = *slot;

	control_enter(c, now_ns);
	if (op.kind == CONTROL_OP_NONE || op.sequence != token >> CONTROL_SLOT_BITS)
		return; /* given up as overdue */
	slot->kind = CONTROL_OP_NONE;
	if (control_of_any_lease(&op) || op.incarnation == c->incarnation) /* C4 */
		control_dispatch(c, now_ns, &op, result);
	control_run(c, now_ns);
}

void control_report(struct control *c, uint64_t now_ns, uint32_t shard, enum ownership state,
		    uint64_t epoch, int code)
{
	control_enter(c, now_ns);
	control_shards_report(c, now_ns, shard, state, epoch, code);
	control_run(c, now_ns);
}

void control_warm(struct control *c, uint64_t now_ns, uint32_t shard, bool warm)
{
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	control_enter(c, now_ns);
	/* What crossed with an order to stop is of no use. */
	c->shards[shard].warm = warm && c->shards[shard].standby;
	control_run(c, now_ns);
}

void control_set_healthy(struct control *c, uint64_t now_ns, bool healthy)
{
	control_enter(c, now_ns);
	if (healthy != c->healthy) {
		c->healthy = healthy;
		c->healthy_ns = now_ns;
		control_note(c, healthy ? "node.healthy" : "node.unhealthy", CONTROL_NO_SHARD, 0,
			     0);
	}
	control_run(c, now_ns);
}

void control_stop(struct control *c, uint64_t now_ns)
{
	if (c->stopping)
		return;
	control_enter(c, now_ns);
	c->stopping = true;
	c->stopping_ns = now_ns;
	if (c->phase != CONTROL_FAILED)
		c->phase = CONTROL_STOPPING;
	control_run(c, now_ns);
}

/* What is due by now and was not done waits for an answer of the store, not for the clock. */
static uint64_t control_earlier(const struct control *c, uint64_t a, uint64_t b)
{
	if (b <= c->now_ns)
		return a;
	return a < b ? a : b;
}

uint64_t control_next_deadline(const struct control *c)
{
	uint64_t deadline = CONTROL_NEVER;

	if (c->phase == CONTROL_STOPPED)
		return deadline;
	if (!c->range_op && c->phase != CONTROL_FAILED)
		deadline = control_earlier(c, deadline, control_range_due(c));
	deadline = control_earlier(c, deadline, control_lease_deadline(c));
	deadline = control_earlier(c, deadline, control_member_deadline(c));
	deadline = control_earlier(c, deadline, control_planner_deadline(c));
	deadline = control_earlier(c, deadline, control_ops_deadline(c));
	return control_earlier(c, deadline, control_shards_deadline(c));
}

enum control_phase control_phase(const struct control *c)
{
	return c->phase;
}

bool control_has_plan(const struct control *c)
{
	return c->plan.version > 0;
}

int control_error(const struct control *c)
{
	return c->error;
}

enum ownership control_ownership(const struct control *c, uint32_t shard)
{
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	return c->shards[shard].state;
}
