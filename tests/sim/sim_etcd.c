/* etcd: a linearizable store with revisions and leases behind a network that loses and delays. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

enum {
	NS_PER_MS = 1000000,
	WATCH_MS = 3000,   /* until a watch that hangs is opened again */
	ELECTION_MS = 500, /* its time-out, which each lease gets on top of its TTL after one */
};

/* A request with its own copies, then its answer. */
struct call {
	struct lease_request request;
	struct lease_result result;
	uint64_t token, sent_ns;
	lease_completion done;
	void *context;
	uint32_t node;
	uint64_t life;
	bool mute;
	struct lease_kv kvs[SIM_KEYS]; /* last: only what is there is kept */
};

static bool link_down(const struct sim_node *node)
{
	return sim_link_down(node) || node->etcd_cut_until_ms > node->sim->now_ms;
}

static struct slice own(struct slice text)
{
	char *copy = malloc((size_t)text.size + 1);

	CHECK(copy != NULL);
	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return slice_of(copy, text.size);
}

static void disown(struct slice text)
{
	free((void *)(uintptr_t)text.data);
}

static void drop_call(struct sim_event *event)
{
	struct call *call = (void *)event->bytes;

	disown(call->request.prefix);
	for (uint32_t i = 0; i < LEASE_COMPARES_MAX; i++)
		disown(call->request.compares[i].key);
	for (uint32_t i = 0; i < LEASE_WRITES_MAX; i++) {
		disown(call->request.writes[i].key);
		disown(call->request.writes[i].value);
	}
	for (uint32_t i = 0; i < call->result.kv_count; i++) {
		disown(call->kvs[i].key);
		disown(call->kvs[i].value);
	}
}

/* ---- the store ----------------------------------------------------------------------------------
 */

/* Where it is, or would be. */
static uint32_t place_of(const struct sim *sim, const char *key, bool *there)
{
	uint32_t from = 0, to = sim->kv_count;

	*there = false;
	while (from < to) {
		const uint32_t middle = (from + to) / 2;
		const int order = strcmp(sim->kvs[middle].key, key);

		if (order == 0) {
			*there = true;
			return middle;
		}
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct sim_kv *find_key(struct sim *sim, const char *key)
{
	bool there;
	const uint32_t place = place_of(sim, key, &there);

	return there ? &sim->kvs[place] : NULL;
}

static void remove_kv(struct sim *sim, struct sim_kv *kv)
{
	const size_t behind = (size_t)(&sim->kvs[sim->kv_count] - kv) - 1;

	free(kv->value);
	memmove(kv, kv + 1, behind * sizeof *kv);
	sim->kv_count--;
}

static struct sim_kv *new_key(struct sim *sim, const char *key)
{
	bool there;
	const uint32_t place = place_of(sim, key, &there);
	struct sim_kv *kv = &sim->kvs[place];

	CHECK(!there);
	CHECK_LT(sim->kv_count, SIM_KEYS);
	memmove(kv + 1, kv, (sim->kv_count - place) * sizeof *kv);
	sim->kv_count++;
	*kv = (struct sim_kv){.create = sim->revision};
	(void)snprintf(kv->key, sizeof kv->key, "%s", key);
	return kv;
}

static void put_key(struct sim *sim, const char *key, struct slice value, int64_t lease)
{
	struct sim_kv *kv = find_key(sim, key);

	if (kv == NULL)
		kv = new_key(sim, key);
	free(kv->value);
	kv->value = malloc(value.size + 1);
	CHECK(kv->value != NULL);
	if (value.size > 0)
		memcpy(kv->value, value.data, value.size);
	kv->size = value.size;
	kv->mod = sim->revision;
	kv->lease = lease;
}

static void hint(struct sim *sim, struct sim_event *e)
{
	const struct sim_store *store = &sim->nodes[e->node].store;

	store->hint(store->hint_context);
}

static void tell_watchers(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->node_count; i++) {
		if (sim->nodes[i].store.hint == NULL || link_down(&sim->nodes[i]) ||
		    sim_chance(sim, SIM_ETCD, sim->faults.hint_lost))
			continue;
		(void)sim_at(sim, sim->now_ms + 1 + sim_draw(sim, SIM_ETCD, 5), i, hint);
		/* A watch that is opened again may tell of it once more, much later. */
		if (!sim_chance(sim, SIM_ETCD, sim->faults.hint_again))
			continue;
		sim->count.hints_again++;
		(void)sim_at(sim, sim->now_ms + 1 + sim_draw(sim, SIM_ETCD, WATCH_MS), i, hint);
	}
}

void sim_etcd_end_lease(struct sim *sim, uint32_t index)
{
	sim->leases[index].alive = false;
	sim->revision++;
	sim_note(sim, "etcd.lease_over", index + 1, 0, 0, 0);
	for (uint32_t i = sim->kv_count; i > 0; i--)
		if (sim->kvs[i - 1].lease == (int64_t)index + 1)
			remove_kv(sim, &sim->kvs[i - 1]);
	tell_watchers(sim);
}

bool sim_etcd_end_node(struct sim *sim, const struct sim_node *node)
{
	char key[64];
	const struct sim_kv *kv;

	(void)snprintf(key, sizeof key, "/sagad/sim/nodes/n%u", node->index);
	kv = find_key(sim, key);
	if (kv == NULL || kv->lease == 0)
		return false;
	sim_etcd_end_lease(sim, (uint32_t)kv->lease - 1);
	return true;
}

static bool lease_alive(const struct sim *sim, int64_t id)
{
	return id >= 1 && id <= (int64_t)sim->lease_count && sim->leases[id - 1].alive;
}

static void apply_txn(struct sim *sim, struct call *call)
{
	const struct lease_request *r = &call->request;

	for (uint32_t i = 0; i < r->compare_count; i++) {
		const struct lease_compare *c = &r->compares[i];
		const struct sim_kv *kv = find_key(sim, (const char *)c->key.data);
		int64_t is = 0;

		if (kv != NULL)
			is = c->target == LEASE_CREATE_REVISION ? kv->create : kv->mod;
		if (is != c->equals)
			return;
	}
	for (uint32_t i = 0; i < r->write_count; i++)
		if (!r->writes[i].remove && r->writes[i].lease_id != 0 &&
		    !lease_alive(sim, r->writes[i].lease_id)) {
			call->result.error = SAGA_E_LEASE_LOST;
			return;
		}
	sim->revision++;
	for (uint32_t i = 0; i < r->write_count; i++) {
		const struct lease_write *w = &r->writes[i];
		struct sim_kv *kv = find_key(sim, (const char *)w->key.data);

		if (!w->remove)
			put_key(sim, (const char *)w->key.data, w->value, w->lease_id);
		else if (kv != NULL)
			remove_kv(sim, kv);
	}
	call->result.succeeded = true;
	if (sim->office != NULL)
		sim_office_wrote(sim, call->node, r);
	tell_watchers(sim);
}

struct sim_kv *sim_etcd_find(struct sim *sim, const char *key)
{
	return find_key(sim, key);
}

void sim_etcd_put(struct sim *sim, const char *key, struct slice value)
{
	sim->revision++;
	put_key(sim, key, value, 0);
	tell_watchers(sim);
}

void sim_etcd_remove(struct sim *sim, const char *key)
{
	sim->revision++;
	remove_kv(sim, find_key(sim, key));
	tell_watchers(sim);
}

static void apply_lease(struct sim *sim, struct call *call)
{
	const struct lease_request *r = &call->request;
	struct sim_lease *lease;

	if (r->kind == LEASE_GRANT) {
		CHECK_LT(sim->lease_count, SIM_LEASES);
		lease = &sim->leases[sim->lease_count++];
		lease->ttl_ms = (uint64_t)r->ttl_s * 1000;
		lease->alive = true;
		lease->expires_ms = sim->now_ms + lease->ttl_ms;
		call->result.lease_id = sim->lease_count;
		call->result.ttl_s = r->ttl_s;
		return;
	}
	/* A leader that is none any more, and does not know it, confirms what is over, and renews
	 * nothing of what is not. */
	if (r->kind == LEASE_RENEW && sim_chance(sim, SIM_ETCD, sim->faults.renew_lied)) {
		sim->count.lying_renewals++;
		sim->count.lying_renewals_dead += !lease_alive(sim, r->lease_id);
		call->result.ttl_s = (uint32_t)(sim->leases[r->lease_id - 1].ttl_ms / 1000);
		return;
	}
	if (!lease_alive(sim, r->lease_id)) {
		call->result.error = r->kind == LEASE_RENEW ? SAGA_E_LEASE_LOST : 0;
		return;
	}
	lease = &sim->leases[r->lease_id - 1];
	if (r->kind == LEASE_REVOKE) {
		sim_etcd_end_lease(sim, (uint32_t)r->lease_id - 1);
		return;
	}
	lease->expires_ms = sim->now_ms + lease->ttl_ms;
	call->result.ttl_s = (uint32_t)(lease->ttl_ms / 1000);
}

static void apply_range(const struct sim *sim, struct call *call)
{
	const char *want = (const char *)call->request.prefix.data;

	for (uint32_t i = 0; i < sim->kv_count; i++) {
		const struct sim_kv *kv = &sim->kvs[i];

		if (strncmp(kv->key, want, strlen(want)) != 0)
			continue;
		call->kvs[call->result.kv_count++] = (struct lease_kv){
			.key = own(slice_str(kv->key)),
			.value = own(slice_of(kv->value, kv->size)),
			.create_revision = kv->create,
			.mod_revision = kv->mod,
			.lease_id = kv->lease,
		};
	}
}

void sim_etcd_expire(struct sim *sim)
{
	if (sim->etcd_away_until_ms > sim->now_ms)
		return; /* only a leader ends them */
	for (uint32_t i = 0; i < sim->lease_count; i++) {
		if (!sim->leases[i].alive || sim->leases[i].expires_ms > sim->now_ms)
			continue;
		/* After a change of leader leases live on for another TTL. */
		if (sim_chance(sim, SIM_ETCD, sim->faults.expire_late))
			sim->leases[i].expires_ms = sim->now_ms + sim->leases[i].ttl_ms;
		else
			sim_etcd_end_lease(sim, i);
	}
}

/* ---- requests -----------------------------------------------------------------------------------
 */

/* What arrives at the node; the call travels in the event's bytes. */
static void result(struct sim *sim, struct sim_event *e)
{
	struct call *call = (void *)e->bytes;

	call->result.kvs = call->kvs;
	call->result.sent_ns = call->sent_ns;
	sim_note(sim, "etcd.result", e->node, call->request.kind, (uint64_t)-call->result.error,
		 call->result.succeeded);
	call->done(call->context, call->token, &call->result);
}

static void put_call(struct sim_event *e, const struct call *call)
{
	/* A range is told in its answer: that has room for what was found, all else for nothing. */
	const uint32_t room = call->request.kind == LEASE_RANGE && call->request.prefix.size > 0
				      ? SIM_KEYS
				      : call->result.kv_count;

	sim_event_bytes(e, slice_of(call, (uint32_t)(offsetof(struct call, kvs) +
						     room * sizeof call->kvs[0])));
	e->drop = drop_call;
}

static bool may_be_done(enum lease_request_kind kind)
{
	return kind == LEASE_GRANT || kind == LEASE_TXN;
}

static void fail(struct sim *sim, const struct call *call, int error, uint64_t after_ms)
{
	const struct call answer = {.request = {.kind = call->request.kind},
				    .result = {.error = error},
				    .token = call->token,
				    .sent_ns = sim->now_ms * NS_PER_MS,
				    .done = call->done,
				    .context = call->context};

	put_call(sim_at(sim, sim->now_ms + after_ms, call->node, result), &answer);
}

/* No answer comes; or the connection breaks at once. */
static void give_up(struct sim *sim, const struct call *call)
{
	const bool broken = sim_chance(sim, SIM_ETCD, sim->faults.etcd_broken);
	const int error = may_be_done(call->request.kind) ? SAGA_E_UNKNOWN
			  : broken                        ? SAGA_E_ETCD
							  : SAGA_E_TIMEOUT;

	sim->count.etcd_broken += broken;
	fail(sim, call, error, broken ? 1 + sim_draw(sim, SIM_ETCD, 20) : call->request.timeout_ms);
}

/* Without a leader each member says so at once, to all but who has waited for it before. */
static bool turned_away(struct sim *sim, const struct call *call)
{
	if (sim->etcd_away_until_ms > sim->now_ms) {
		sim->count.etcd_leaderless++;
		fail(sim, call, SAGA_E_NO_LEADER, 1 + sim_draw(sim, SIM_ETCD, 20));
		return true;
	}
	if (sim_chance(sim, SIM_ETCD, sim->faults.etcd_refused)) { /* nobody is there */
		sim->count.etcd_refused++;
		fail(sim, call, SAGA_E_ETCD, 1);
		return true;
	}
	return false;
}

static void apply(struct sim *sim, struct sim_event *e)
{
	struct call *call = (void *)e->bytes;
	const struct sim_node *node = &sim->nodes[call->node];

	if (sim->etcd_away_until_ms > sim->now_ms) { /* its leader is gone; it may never know */
		if (!call->mute && node->life == call->life)
			give_up(sim, call);
		return;
	}
	if (call->request.kind == LEASE_TXN) {
		apply_txn(sim, call);
		/* libcurl sends it again on another connection when the first one dies. */
		if (sim_chance(sim, SIM_ETCD, sim->faults.etcd_twice)) {
			sim->count.etcd_twice++;
			call->result.succeeded = false;
			call->result.error = 0;
			apply_txn(sim, call);
		}
	} else if (call->request.kind == LEASE_RANGE)
		apply_range(sim, call);
	else
		apply_lease(sim, call);
	call->result.revision = sim->revision;
	if (call->mute || node->life != call->life)
		return;
	if (link_down(node)) {
		give_up(sim, call);
		return;
	}
	struct call answer;
	memcpy(&answer, call, offsetof(struct call, kvs));
	memcpy(answer.kvs, call->kvs, call->result.kv_count * sizeof call->kvs[0]);
	answer.request = (struct lease_request){.kind = call->request.kind};
	call->result.kv_count = 0; /* they are the answer's now */
	put_call(sim_at(sim, sim->now_ms + 1 + sim_draw(sim, SIM_ETCD, sim->faults.etcd_ms + 1),
			call->node, result),
		 &answer);
}

static void send_copy(struct sim *sim, uint64_t at_ms, struct call call)
{
	const struct lease_request request = call.request;

	call.request.prefix = own(request.prefix);
	for (uint32_t i = 0; i < LEASE_COMPARES_MAX; i++)
		call.request.compares[i].key = own(request.compares[i].key);
	for (uint32_t i = 0; i < LEASE_WRITES_MAX; i++) {
		call.request.writes[i].key = own(request.writes[i].key);
		call.request.writes[i].value = own(request.writes[i].value);
	}
	put_call(sim_at(sim, at_ms, SIM_WORLD, apply), &call);
}

static int submit(struct lease *lease, const struct lease_request *request, uint64_t token,
		  lease_completion done, void *context)
{
	struct sim_node *node = ((struct sim_store *)(void *)lease)->node;
	struct sim *sim = node->sim;
	const bool lost = link_down(node) || sim_chance(sim, SIM_ETCD, sim->faults.etcd_lost);
	const bool late = !lost && sim_chance(sim, SIM_ETCD, sim->faults.etcd_late);
	const bool mute = late || (!lost && (node->etcd_deaf_until_ms > sim->now_ms ||
					     sim_chance(sim, SIM_ETCD, sim->faults.etcd_mute)));
	uint64_t at_ms = sim->now_ms + 1 + sim_draw(sim, SIM_ETCD, sim->faults.etcd_ms + 1);
	struct call call = {.request = *request,
			    .token = token,
			    .sent_ns = sim->now_ms * NS_PER_MS,
			    .done = done,
			    .context = context,
			    .node = node->index,
			    .life = node->life,
			    .mute = mute};

	if (turned_away(sim, &call))
		return 0;
	if (late)
		at_ms = sim->now_ms + request->timeout_ms + sim_draw(sim, SIM_ETCD, 3000);
	if (lost || mute)
		give_up(sim, &call);
	if (!lost)
		send_copy(sim, at_ms, call);
	return 0;
}

static int watch(struct lease *lease, struct slice prefix, lease_hint on_hint, void *context)
{
	struct sim_store *store = (struct sim_store *)(void *)lease;

	(void)prefix; /* all that there is */
	store->hint = on_hint;
	store->hint_context = context;
	/* It is open: what came before is not told. */
	(void)sim_at(store->node->sim, store->node->sim->now_ms + 1, store->node->index, hint);
	return 0;
}

static void close_nothing(struct lease *lease)
{
	(void)lease;
}

static const struct lease_ops ops = {.submit = submit, .watch = watch, .close = close_nothing};

void sim_etcd_open(struct sim_node *node)
{
	node->store = (struct sim_store){.base = {.ops = &ops}, .node = node};
}

void sim_etcd_heal(struct sim *sim)
{
	const uint64_t latest_ms = sim->now_ms + ELECTION_MS;

	sim->etcd_away_until_ms = 0;
	for (uint32_t i = 0; i < sim->lease_count; i++)
		if (sim->leases[i].expires_ms > latest_ms + sim->leases[i].ttl_ms)
			sim->leases[i].expires_ms = latest_ms + sim->leases[i].ttl_ms;
}

/* The next one lets all leases live on, for their TTL and an election's time-out. */
void sim_etcd_depose(struct sim *sim, uint64_t away_ms)
{
	sim->etcd_away_until_ms = sim->now_ms + away_ms;
	sim->count.etcd_leader_changes++;
	sim_note(sim, "etcd.leader", away_ms, 0, 0, 0);
	for (uint32_t i = 0; i < sim->lease_count; i++)
		sim->leases[i].expires_ms =
			sim->etcd_away_until_ms + sim->leases[i].ttl_ms + ELECTION_MS;
	for (uint32_t i = 0; i < sim->node_count; i++) /* their watches break */
		if (sim->nodes[i].store.hint != NULL && sim_draw(sim, SIM_ETCD, 2) == 0)
			(void)sim_at(sim, sim->now_ms + 1 + sim_draw(sim, SIM_ETCD, WATCH_MS), i,
				     hint);
}

/* ---- from a backup ------------------------------------------------------------------------------
 */

static struct sim_kv copy_of(const struct sim_kv *kv)
{
	struct sim_kv copy = *kv;

	copy.value = malloc((size_t)kv->size + 1);
	CHECK(copy.value != NULL);
	if (kv->size > 0)
		memcpy(copy.value, kv->value, kv->size);
	return copy;
}

static void drop_kvs(struct sim_kv *kvs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		free(kvs[i].value);
}

void sim_etcd_save(struct sim *sim)
{
	struct sim_backup *b = &sim->backup;

	drop_kvs(b->kvs, b->kv_count);
	for (uint32_t i = 0; i < sim->kv_count; i++)
		b->kvs[i] = copy_of(&sim->kvs[i]);
	b->kv_count = sim->kv_count;
	b->revision = sim->revision;
	b->lease_count = sim->lease_count;
	for (uint32_t i = 0; i < sim->lease_count; i++)
		b->alive[i] = sim->leases[i].alive;
	sim_note(sim, "etcd.saved", (uint64_t)b->revision, 0, 0, 0);
}

/* Revisions begin again where they were; leases that were there live for their TTL, the others are
 * unknown, and no id is given twice. Watches break. */
void sim_etcd_restore(struct sim *sim)
{
	const struct sim_backup *b = &sim->backup;

	drop_kvs(sim->kvs, sim->kv_count);
	for (uint32_t i = 0; i < b->kv_count; i++)
		sim->kvs[i] = copy_of(&b->kvs[i]);
	sim->kv_count = b->kv_count;
	sim_note(sim, "etcd.restored", (uint64_t)sim->revision, (uint64_t)b->revision, 0, 0);
	sim->revision = b->revision;
	for (uint32_t i = 0; i < sim->lease_count; i++) {
		sim->leases[i].alive = i < b->lease_count && b->alive[i];
		sim->leases[i].expires_ms = sim->now_ms + sim->leases[i].ttl_ms;
	}
	sim->count.etcd_restored++;
	if (sim->office != NULL)
		sim_office_restored(sim);
	tell_watchers(sim);
}

void sim_etcd_create(struct sim *sim)
{
	struct control_cluster *cluster = calloc(1, sizeof *cluster);
	struct buf text;

	CHECK(cluster != NULL);
	cluster->cluster = sim->cluster;
	cluster->format = 1;
	cluster->replicas = 3;
	cluster->slots = sim->slots;
	buf_init(&text, 16 * 1024);
	CHECK_EQ(control_cluster_encode(cluster, &text), 0);
	sim->revision = 1;
	put_key(sim, "/sagad/sim/config", buf_slice(&text), 0);
	buf_close(&text);
	free(cluster);
}

void sim_etcd_close(struct sim *sim)
{
	drop_kvs(sim->backup.kvs, sim->backup.kv_count);
	for (uint32_t i = 0; i < sim->kv_count; i++)
		free(sim->kvs[i].value);
}
