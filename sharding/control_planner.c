/* The planner's office and its work (S21): one node writes the plan, the others follow. */
#include "sharding/control_internal.h"

bool control_is_planner(const struct control *c)
{
	return c->lease_id != 0 && c->planner.create != 0 && c->planner.lease == c->lease_id;
}

/* Only who takes a shard by order writes the plan beside me (S21): the node that had not come for
 * that shard gets no new one for a while, or the two would swing for ever. */
void control_planner_overruled(struct control *c, const struct plan *now)
{
	/* My own writing may be read before it is answered. */
	if (!control_is_planner(c) ||
	    (now->version == c->plan_wanted.version && plan_equal(now, &c->plan_wanted)))
		return;
	for (uint32_t i = 0; i < c->shard_count && i < c->plan.shard_count; i++) {
		const struct id *target = &c->plan.target[i];

		if (target->size > 0 && !id_equal(target, &now->target[i]))
			control_suspect(c, target, i, c->now_ns);
	}
}

static void control_plan_write(struct control *c)
{
	char planner_key[CONTROL_KEY_MAX];
	char plan_key[CONTROL_KEY_MAX];
	struct buf text;
	struct lease_request request = {
		.kind = LEASE_TXN,
		.timeout_ms = (uint32_t)control_request_ms(c),
		.compare_count = 2,
		.write_count = 1,
	};

	buf_init_fixed(&text, c->text, sizeof c->text);
	if (plan_encode(&c->plan_wanted, &text) != 0)
		return; /* no id that was read cannot be written */
	request.compares[0].key = control_key_fixed(c, "planner", planner_key);
	request.compares[0].target = LEASE_CREATE_REVISION;
	request.compares[0].equals = c->planner.create;
	request.compares[1].key = control_key_fixed(c, "plan", plan_key);
	request.compares[1].target = LEASE_MOD_REVISION;
	request.compares[1].equals = c->plan_key.mod;
	request.writes[0].key = request.compares[1].key;
	request.writes[0].value = buf_slice(&text);
	c->plan_op = control_send(c, CONTROL_OP_PLAN, CONTROL_NO_SHARD, &request);
}

static void control_plan_again(struct control *c, uint64_t now_ns)
{
	c->plan_dirty = false;
	c->plan_due_ns = CONTROL_NEVER;
	if (now_ns < c->first_view_ns + c->join_delay_ms * CONTROL_MS) {
		/* The whole cluster may be starting: the plan's nodes get their time to come. */
		control_plan_due(c, c->first_view_ns + c->join_delay_ms * CONTROL_MS, now_ns);
		return;
	}
	if (!control_plan_compute(c, now_ns))
		return;
	control_plan_write(c);
	if (!c->plan_op)
		c->plan_dirty = true;
}

static void control_planner_elect(struct control *c)
{
	char key[CONTROL_KEY_MAX];
	struct lease_request request = {
		.kind = LEASE_TXN,
		.timeout_ms = (uint32_t)control_request_ms(c),
		.compare_count = 1,
		.write_count = 1,
	};

	request.compares[0].key = control_key_fixed(c, "planner", key);
	request.compares[0].target = LEASE_CREATE_REVISION;
	request.writes[0].key = request.compares[0].key;
	request.writes[0].value = id_slice(&c->node);
	request.writes[0].lease_id = c->lease_id;
	c->planner_op = control_send(c, CONTROL_OP_PLANNER, CONTROL_NO_SHARD, &request);
}

void control_planner_step(struct control *c, uint64_t now_ns)
{
	if (c->node_revision == 0 || c->planner_op || c->plan_op ||
	    c->view_sequence < c->planner_need_range || c->view_sequence < c->plan_need_range ||
	    now_ns < c->plan_retry_ns)
		return;
	if (c->planner.create == 0 && !c->stopping)
		control_planner_elect(c);
	else if (control_is_planner(c) && (c->plan_dirty || now_ns >= c->plan_due_ns))
		control_plan_again(c, now_ns);
}

static void control_planner_elected(struct control *c, const struct lease_result *result)
{
	c->plan_dirty = true;
	if (!control_wrote(c, result->revision))
		return;
	c->planner = (struct control_key){result->revision, result->revision, c->lease_id};
	c->planner_id = c->node;
	control_note(c, "planner.elected", CONTROL_NO_SHARD, 0, (uint64_t)result->revision);
}

static void control_plan_written(struct control *c, const struct lease_result *result)
{
	control_note(c, "plan.written", CONTROL_NO_SHARD, 0, c->plan_wanted.version);
	c->plan_dirty = true;
	if (!control_wrote(c, result->revision))
		return;
	c->plan_key.mod = result->revision;
	if (c->plan_key.create == 0)
		c->plan_key.create = result->revision;
	c->plan = c->plan_wanted;
}

void control_planner_result(struct control *c, uint64_t now_ns, enum control_op_kind kind,
			    const struct lease_result *result)
{
	const bool election = kind == CONTROL_OP_PLANNER;
	uint64_t *need_range = election ? &c->planner_need_range : &c->plan_need_range;

	if (election)
		c->planner_op = false;
	else
		c->plan_op = false;
	if (result->error == 0 && result->succeeded) {
		if (election)
			control_planner_elected(c, result);
		else
			control_plan_written(c, result);
		return;
	}
	*need_range = control_next_range(c); /* C2 */
	c->plan_dirty = true;
	control_read_again(c);
	if (result->error != 0) {
		c->plan_retry_ns = now_ns + CONTROL_RETRY_MS * CONTROL_MS;
		control_note(c, election ? "planner.write_failed" : "plan.write_failed",
			     CONTROL_NO_SHARD, result->error, 0);
	}
}

uint64_t control_planner_deadline(const struct control *c)
{
	if (c->node_revision == 0 || c->planner_op || c->plan_op)
		return CONTROL_NEVER;
	return control_is_planner(c) ? c->plan_due_ns : CONTROL_NEVER;
}
