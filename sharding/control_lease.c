/* The lease: granted, renewed every quarter of its TTL, and given up by my own clock at three
 * quarters of it (S28). What was lost stays lost: a late renewal changes nothing, the next lease is
 * a new incarnation (C4). */
#include "sharding/control_internal.h"

static uint64_t control_ttl_ns(const struct control *c)
{
	return c->granted_ms * CONTROL_MS;
}

static bool control_lease_wanted(const struct control *c)
{
	return !c->stopping && (c->phase == CONTROL_JOINING || c->phase == CONTROL_READY);
}

/* ---- leases that were lost ----------------------------------------------------------------------
 */

static void control_lease_forget(struct control *c, int64_t lease_id)
{
	for (uint32_t i = 0; i < CONTROL_LOST_LEASES; i++)
		if (c->lost_leases[i] == lease_id)
			c->lost_leases[i] = 0;
}

static void control_lease_remember(struct control *c, int64_t lease_id)
{
	c->lost_leases[c->lost_next] = lease_id;
	c->lost_next = (c->lost_next + 1) % CONTROL_LOST_LEASES;
}

/* A store that was away when it was lost may keep it for another TTL: once it answers again, it is
 * told again. */
bool control_lease_reclaim(struct control *c, uint64_t now_ns, int64_t lease_id)
{
	for (uint32_t i = 0; lease_id != 0 && i < CONTROL_LOST_LEASES; i++) {
		if (c->lost_leases[i] != lease_id)
			continue;
		if (c->old_lease_id == 0) {
			c->old_lease_id = lease_id;
			c->revokes = 0;
			c->lease_retry_ns = now_ns;
		}
		return true;
	}
	return false;
}

/* ---- a life ------------------------------------------------------------------------------------
 */

void control_lease_lost(struct control *c, uint64_t now_ns, int code)
{
	CHECK(c->lease_id != 0);
	c->io.lease_until(c->io.context, 0); /* before anything else: nothing leaves any more */
	control_note(c, "lease.lost", CONTROL_NO_SHARD, code, (uint64_t)c->lease_id);
	control_shards_lost(c);
	/* Revoking frees my keys for the others, and my id for myself, at once. */
	control_lease_remember(c, c->lease_id);
	c->old_lease_id = c->lease_id;
	c->revokes = 0;
	c->lease_id = 0;
	c->until_ns = 0;
	c->lease_op = false;
	c->lease_retry_ns = now_ns;
	c->incarnation++;
	c->node_revision = 0;
	c->taken_ns = 0;
	c->node_op = false;
	c->planner_op = false;
	c->plan_op = false;
	c->my_write_revision = 0;
	if (c->phase == CONTROL_READY)
		c->phase = CONTROL_JOINING;
	control_read_again(c);
}

static void control_lease_granted(struct control *c, uint64_t now_ns,
				  const struct lease_result *result)
{
	const uint64_t ttl_ms = (uint64_t)result->ttl_s * 1000;
	const uint64_t until_ns = result->sent_ns + ttl_ms * CONTROL_MS * 3 / 4;

	if (result->lease_id == 0 || ttl_ms == 0) {
		c->lease_retry_ns = now_ns + CONTROL_RETRY_MS * CONTROL_MS;
		return;
	}
	if (until_ns <= now_ns) { /* too old already: never used */
		c->old_lease_id = result->lease_id;
		c->revokes = 0;
		return;
	}
	c->lease_id = result->lease_id;
	c->granted_ms = ttl_ms;
	c->until_ns = until_ns;
	c->renew_ns = result->sent_ns + control_ttl_ns(c) / 4;
	c->io.lease_until(c->io.context, until_ns);
	control_note(c, "lease.granted", CONTROL_NO_SHARD, 0, ttl_ms);
	c->node_need_range = control_next_range(c);
	control_read_again(c);
}

static void control_lease_renewed(struct control *c, uint64_t now_ns,
				  const struct lease_result *result)
{
	uint64_t until_ns;

	if (result->error == SAGA_E_LEASE_LOST) {
		control_lease_lost(c, now_ns, SAGA_E_LEASE_LOST);
		return;
	}
	if (result->error != 0 || result->ttl_s == 0) {
		/* At once if it took long to fail, else after a pause. */
		const uint64_t pause_ns = result->sent_ns + CONTROL_RETRY_MS * CONTROL_MS;

		c->renew_ns = pause_ns > now_ns ? pause_ns : now_ns;
		control_note(c, "lease.renew_failed", CONTROL_NO_SHARD, result->error,
			     c->until_ns > now_ns ? (c->until_ns - now_ns) / CONTROL_MS : 0);
		return;
	}
	/* The tick before this has seen to it that the lease is not past its self-stop. */
	CHECK(now_ns < c->until_ns);
	c->granted_ms = (uint64_t)result->ttl_s * 1000;
	until_ns = result->sent_ns + control_ttl_ns(c) * 3 / 4;
	c->renew_ns = result->sent_ns + control_ttl_ns(c) / 4;
	if (until_ns <= c->until_ns)
		return;
	c->until_ns = until_ns;
	c->io.lease_until(c->io.context, until_ns);
}

/* The old lease is gone, or nobody will say so: in the latter case it dies by its own TTL. */
static void control_lease_revoked(struct control *c, uint64_t now_ns,
				  const struct lease_result *result)
{
	if (result->error != 0 && result->error != SAGA_E_LEASE_LOST &&
	    c->revokes < CONTROL_REVOKES_MAX) {
		c->lease_retry_ns = now_ns + CONTROL_RETRY_MS * CONTROL_MS;
		return;
	}
	if (result->error == 0 || result->error == SAGA_E_LEASE_LOST)
		control_lease_forget(c, c->old_lease_id);
	c->old_lease_id = 0;
	c->revokes = 0;
	control_read_again(c);
}

void control_lease_result(struct control *c, uint64_t now_ns, enum control_op_kind kind,
			  const struct lease_result *result)
{
	c->lease_op = false;
	if (kind == CONTROL_OP_GRANT && result->error == 0) {
		control_lease_granted(c, now_ns, result);
	} else if (kind == CONTROL_OP_GRANT) {
		control_note(c, "lease.grant_failed", CONTROL_NO_SHARD, result->error, 0);
		c->lease_retry_ns = now_ns + CONTROL_RETRY_MS * CONTROL_MS;
	} else if (kind == CONTROL_OP_RENEW) {
		control_lease_renewed(c, now_ns, result);
	} else {
		control_lease_revoked(c, now_ns, result);
	}
}

/* A lease that is used goes before one that is over. */
static bool control_renew_due(const struct control *c, uint64_t now_ns)
{
	return c->lease_id != 0 && now_ns >= c->renew_ns;
}

static void control_lease_send(struct control *c, uint64_t now_ns)
{
	struct lease_request request = {.timeout_ms = (uint32_t)control_request_ms(c)};

	if (c->old_lease_id != 0 && !control_renew_due(c, now_ns)) {
		request.kind = LEASE_REVOKE;
		request.lease_id = c->old_lease_id;
		if (now_ns < c->lease_retry_ns ||
		    !control_send(c, CONTROL_OP_REVOKE, CONTROL_NO_SHARD, &request))
			return;
		c->revokes++;
	} else if (c->lease_id == 0) {
		request.kind = LEASE_GRANT;
		request.ttl_s = c->ttl_ms / 1000;
		if (!control_lease_wanted(c) || now_ns < c->lease_retry_ns ||
		    !control_send(c, CONTROL_OP_GRANT, CONTROL_NO_SHARD, &request))
			return;
	} else {
		request.kind = LEASE_RENEW;
		request.lease_id = c->lease_id;
		/* The next renewal goes out when this one times out. */
		request.timeout_ms = (uint32_t)(c->granted_ms / 4);
		if (now_ns < c->renew_ns ||
		    !control_send(c, CONTROL_OP_RENEW, CONTROL_NO_SHARD, &request))
			return;
	}
	c->lease_op = true;
}

void control_lease_step(struct control *c, uint64_t now_ns)
{
	if (c->lease_id != 0 && now_ns >= c->until_ns)
		control_lease_lost(c, now_ns, SAGA_E_LEASE_LOST);
	if (!c->lease_op)
		control_lease_send(c, now_ns);
}

uint64_t control_lease_deadline(const struct control *c)
{
	if (c->lease_id == 0)
		return !c->lease_op && (c->old_lease_id != 0 || control_lease_wanted(c))
			       ? c->lease_retry_ns
			       : CONTROL_NEVER;
	const uint64_t revoke_ns = c->old_lease_id != 0 ? c->lease_retry_ns : CONTROL_NEVER;
	const uint64_t next_ns = c->renew_ns < revoke_ns ? c->renew_ns : revoke_ns;

	if (c->lease_op || next_ns > c->until_ns)
		return c->until_ns;
	return next_ns;
}
