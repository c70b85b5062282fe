#include "tests/unit/sharding_model.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void trace(struct model *m, uint32_t node, const char *event, uint32_t shard, int64_t number)
{
	m->digest = prng_mix(m->digest ^ (m->now_ns + node * 131 + shard * 31 + (uint64_t)number));
	for (const char *at = event; *at; at++)
		m->digest = prng_mix(m->digest ^ (uint64_t)*at);
	if (m->trace)
		(void)fprintf(stderr, "%8.3f n%u %-20s %3d %" PRId64 "\n", (double)m->now_ns / 1e9,
			      node, event, (int)shard, number);
}

/* ---- events ------------------------------------------------------------------------------- */

static struct model_event *add_event(struct model *m, enum model_event_kind kind, uint32_t node,
				     uint64_t due_ns)
{
	struct model_event *e = &m->events[m->event_count++];

	assert_true(m->event_count <= MODEL_EVENTS);
	*e = (struct model_event){.kind = kind,
				  .node = node,
				  .due_ns = due_ns,
				  .order = m->next_order++,
				  .life = m->nodes[node].life};
	return e;
}

void model_tell_watchers(struct model *m)
{
	for (uint32_t i = 0; i < m->node_count; i++) {
		if (m->nodes[i].running && !m->nodes[i].deaf && !m->nodes[i].cut)
			(void)add_event(m, MODEL_HINT, i,
					m->now_ns + prng_below(&m->prng, m->hint_ms_max + 1) *
							    MODEL_MS);
	}
}

/* ---- the network -------------------------------------------------------------------------- */

static struct slice own(struct slice text)
{
	char *copy = malloc((size_t)text.size + 1);

	assert_non_null(copy);
	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	copy[text.size] = '\0'; /* keys are used as C text here */
	return slice_of(copy, text.size);
}

static void disown(struct slice *text)
{
	free((void *)(uintptr_t)text->data);
	*text = slice_of(NULL, 0);
}

static void free_event(struct model_event *e)
{
	disown(&e->request.prefix);
	for (uint32_t i = 0; i < LEASE_COMPARES_MAX; i++)
		disown(&e->request.compares[i].key);
	for (uint32_t i = 0; i < LEASE_WRITES_MAX; i++) {
		disown(&e->request.writes[i].key);
		disown(&e->request.writes[i].value);
	}
	for (uint32_t i = 0; e->reply && i < e->reply->result.kv_count; i++) {
		disown(&e->reply->kvs[i].key);
		disown(&e->reply->kvs[i].value);
	}
	free(e->reply);
	e->reply = NULL;
}

static bool chance(struct model *m, uint32_t percent)
{
	return prng_below(&m->prng, 100) < percent;
}

static uint64_t latency_ns(struct model *m)
{
	return (1 + prng_below(&m->prng, m->latency_ms_max * 1000 + 1)) * 1000;
}

static void add_result(struct model *m, const struct model_event *cause, uint64_t due_ns,
		       struct model_reply *reply)
{
	struct model_event *e = add_event(m, MODEL_RESULT, cause->node, due_ns);

	e->life = cause->life;
	e->token = cause->token;
	reply->result.sent_ns = cause->sent_ns;
	e->reply = reply;
}

static bool is_acquire(const struct lease_request *r)
{
	return r->kind == LEASE_TXN && r->compare_count == 2 &&
	       r->compares[0].target == LEASE_CREATE_REVISION && r->compares[0].equals == 0;
}

static void on_request(void *context, const struct lease_request *request, uint64_t token)
{
	struct model_node *n = context;
	struct model *m = n->model;
	const uint64_t timeout_ns = m->now_ns + request->timeout_ms * MODEL_MS;
	const bool unknown = request->kind == LEASE_GRANT || request->kind == LEASE_TXN;
	const bool lost = n->cut || m->down || chance(m, m->lose_request_percent) ||
			  (n->no_shards && is_acquire(request));
	const bool late = !lost && chance(m, m->late_percent);
	const bool mute = late || (!lost && chance(m, m->lose_answer_percent));
	struct model_event *e = add_event(m, MODEL_APPLY, n->index, m->now_ns + latency_ns(m));
	struct model_event cause;

	assert_true(request->timeout_ms > 0);
	if (late) /* carried out after everybody has given it up */
		e->due_ns = timeout_ns + prng_below(&m->prng, 3000) * MODEL_MS;
	e->token = token;
	e->sent_ns = m->now_ns;
	e->lose_answer = mute;
	e->request = *request;
	e->request.prefix = own(request->prefix);
	for (uint32_t i = 0; i < LEASE_COMPARES_MAX; i++)
		e->request.compares[i].key = own(request->compares[i].key);
	for (uint32_t i = 0; i < LEASE_WRITES_MAX; i++) {
		e->request.writes[i].key = own(request->writes[i].key);
		e->request.writes[i].value = own(request->writes[i].value);
	}
	cause = *e;
	if (lost) {
		free_event(e);
		m->event_count--;
	}
	if (lost || mute) {
		struct model_reply *reply = calloc(1, sizeof *reply);

		assert_non_null(reply);
		reply->result.error = unknown ? SAGA_E_UNKNOWN : SAGA_E_TIMEOUT;
		add_result(m, &cause, timeout_ns, reply);
	}
}

static void apply(struct model *m, struct model_event *e)
{
	struct model_reply *reply;

	if (m->down)
		return; /* its sender sees a time-out that this model does not bother to send */
	reply = calloc(1, sizeof *reply);
	assert_non_null(reply);
	m->nodes[e->node].applied[e->request.kind]++;
	model_carry_out(m, &e->request, reply);
	reply->result.revision = m->revision;
	if (e->lose_answer) {
		struct model_event scrap = {.reply = reply};

		free_event(&scrap);
		return;
	}
	add_result(m, e, m->now_ns + latency_ns(m), reply);
}

/* ---- the nodes ---------------------------------------------------------------------------- */

static void on_assign(void *context, uint32_t shard, uint64_t revision)
{
	struct model_node *n = context;
	struct model *m = n->model;
	struct model_worker *w = &n->workers[shard];
	struct model_event *e;

	trace(m, n->index, "assign", shard, (int64_t)revision);
	if (w->has)
		fail_msg("n%u is assigned shard %u twice", n->index, shard);
	assert_true(n->until_ns > m->now_ns);
	n->assigns++;
	*w = (struct model_worker){.standby_order = w->standby_order,
				   .has = true,
				   .revision = revision,
				   .assignment = ++m->next_assignment};
	e = add_event(m, MODEL_REPORT, n->index, m->now_ns + m->replay_ms * MODEL_MS);
	e->shard = shard;
	e->state = OWNERSHIP_SERVING;
	e->assignment = w->assignment;
}

static void on_release(void *context, uint32_t shard)
{
	struct model_node *n = context;
	struct model *m = n->model;
	struct model_event *e;

	trace(m, n->index, "release", shard, 0);
	n->releases++;
	n->workers[shard].quiescing = true;
	e = add_event(m, MODEL_REPORT, n->index, m->now_ns + m->quiesce_ms * MODEL_MS);
	e->shard = shard;
	e->state = OWNERSHIP_RELEASED;
	e->assignment = n->workers[shard].assignment;
}

static void on_keep(void *context, uint32_t shard)
{
	struct model_node *n = context;
	struct model *m = n->model;
	struct model_event *e;

	trace(m, n->index, "keep", shard, 0);
	if (!n->workers[shard].has)
		return; /* released meanwhile: that report is on its way */
	n->workers[shard].quiescing = false;
	e = add_event(m, MODEL_REPORT, n->index, m->now_ns);
	e->shard = shard;
	e->state = OWNERSHIP_SERVING;
	e->assignment = n->workers[shard].assignment;
}

static void on_fence(void *context, uint32_t shard)
{
	struct model_node *n = context;

	trace(n->model, n->index, "fence", shard, 0);
	n->fences++;
	n->workers[shard] = (struct model_worker){0};
}

static void on_standby(void *context, uint32_t shard, bool on)
{
	struct model_node *n = context;
	struct model *m = n->model;
	struct model_worker *w = &n->workers[shard];
	struct model_event *e;

	trace(m, n->index, on ? "standby" : "no standby", shard, 0);
	if (w->standby == on || (on && w->has))
		fail_msg("n%u: shard %u is stood by for twice, or owned", n->index, shard);
	w->standby = on;
	w->standby_order = ++m->next_assignment;
	if (!on) {
		n->standby_offs++;
		return;
	}
	n->standby_ons++;
	e = add_event(m, MODEL_WARM, n->index, m->now_ns + m->warm_ms * MODEL_MS);
	e->shard = shard;
	e->assignment = w->standby_order;
}

static void deliver_warm(struct model *m, const struct model_event *e)
{
	struct model_node *n = &m->nodes[e->node];
	const struct model_worker *w = &n->workers[e->shard];

	if (w->standby && w->standby_order == e->assignment)
		control_warm(n->control, m->now_ns, e->shard, true);
}

static void on_lease_until(void *context, uint64_t until_ns)
{
	struct model_node *n = context;

	if (until_ns == 0)
		n->granted = false;
	else if (!n->granted)
		fail_msg("n%u: a lease that was given up came back", n->index);
	n->until_ns = until_ns;
}

static void on_cluster(void *context, const struct control_cluster *cluster)
{
	struct model_node *n = context;

	assert_string_equal(cluster->cluster.text, "test-1");
	assert_int_equal(cluster->slots.shard_count, MODEL_SHARDS);
	n->clusters++;
}

static void on_note(void *context, const char *event, uint32_t shard, int code, uint64_t number)
{
	const struct model_node *n = context;

	(void)code;
	n->model->notes[n->model->note_count++ % MODEL_NOTES] = event;
	trace(n->model, n->index, event, shard, (int64_t)number);
	/* The workers' stop has been told already; a grant comes before its lease_until. */
}

uint32_t model_noted(const struct model *m, const char *event)
{
	uint32_t count = 0;

	assert_in_range(m->note_count, 0, MODEL_NOTES);
	for (uint32_t i = 0; i < m->note_count; i++)
		count += strcmp(m->notes[i], event) == 0;
	return count;
}

struct model *model_create(uint64_t seed, uint32_t nodes)
{
	struct model *m = calloc(1, sizeof *m);

	assert_non_null(m);
	assert_true(nodes <= MODEL_NODES);
	prng_seed(&m->prng, seed);
	m->now_ns = 1000 * MODEL_MS;
	m->revision = 1;
	m->node_count = nodes;
	m->latency_ms_max = 2;
	m->hint_ms_max = 2;
	m->replay_ms = 20;
	m->quiesce_ms = 20;
	m->trace = getenv("SAGAD_MODEL_TRACE") != NULL;
	for (uint32_t i = 0; i < nodes; i++) {
		m->nodes[i].model = m;
		m->nodes[i].index = i;
	}
	return m;
}

void model_crash(struct model *m, uint32_t node)
{
	struct model_node *n = &m->nodes[node];

	trace(m, node, "CRASH", 0, 0);
	n->running = false;
	n->until_ns = 0;
	n->life++;
	n->paused = false;
	free(n->memory);
	n->memory = NULL;
	n->control = NULL;
	memset(n->workers, 0, sizeof n->workers);
}

void model_destroy(struct model *m)
{
	for (uint32_t i = 0; i < m->node_count; i++)
		model_crash(m, i);
	for (uint32_t i = 0; i < m->event_count; i++)
		free_event(&m->events[i]);
	for (uint32_t i = 0; i < MODEL_KEYS; i++)
		model_remove_kv(&m->kvs[i]);
	free(m);
}

void model_initialise(struct model *m)
{
	struct control_cluster *cluster = calloc(1, sizeof *cluster);
	struct buf text;

	assert_non_null(cluster);
	assert_int_equal(id_from(&cluster->cluster, slice_str("test-1")), 0);
	cluster->format = 1;
	cluster->replicas = 3;
	cluster->slots.shard_count = MODEL_SHARDS;
	for (uint32_t i = 0; i < WIRE_SLOTS; i++)
		cluster->slots.shard_of_slot[i] = (uint8_t)(i * MODEL_SHARDS / WIRE_SLOTS);
	buf_init(&text, 16 * 1024);
	assert_int_equal(control_cluster_encode(cluster, &text), 0);
	assert_int_equal(buf_put(&text, "", 1), 0); /* its NUL */
	model_put(m, "/sagad/test/config", (const char *)text.data, 0);
	buf_close(&text);
	free(cluster);
}

void model_start(struct model *m, uint32_t node)
{
	struct model_node *n = &m->nodes[node];
	struct control_config config = {
		.weight = 100,
		.address = "127.0.0.1:7000",
		.version = "0.1.0",
		.ttl_ms = 2000,
		.grace_ms = m->grace_ms,
		.acquires_max = m->acquires_max,
		.start_unix_ms = 1700000000000 + m->now_ns / MODEL_MS,
		.seed = prng_next(&m->prng),
	};
	const struct control_io io = {.request = on_request,
				      .assign = on_assign,
				      .release = on_release,
				      .keep = on_keep,
				      .fence = on_fence,
				      .lease_until = on_lease_until,
				      .cluster = on_cluster,
				      .note = on_note,
				      .standby = m->warm_ms == 0 ? NULL : on_standby,
				      .context = n};
	char name[8];

	trace(m, node, "START", 0, 0);
	(void)snprintf(name, sizeof name, "n%u", node);
	assert_int_equal(id_from(&config.cluster, slice_str("test")), 0);
	assert_int_equal(id_from(&config.node, slice_str(name)), 0);
	if (m->skew_ms_max > 0)
		config.start_unix_ms += prng_below(&m->prng, m->skew_ms_max);
	assert_null(n->memory);
	n->memory = malloc(control_memory_size());
	assert_non_null(n->memory);
	memset(n->memory, 0xa5, control_memory_size());
	assert_int_equal(
		control_create(&config, &io, n->memory, control_memory_size(), &n->control), 0);
	n->running = true;
	n->granted = false;
	n->ticked_ns = m->now_ns;
	control_tick(n->control, m->now_ns);
}

void model_stop(struct model *m, uint32_t node)
{
	trace(m, node, "STOP", 0, 0);
	control_stop(m->nodes[node].control, m->now_ns);
}

static void deliver_report(struct model *m, const struct model_event *e)
{
	struct model_node *n = &m->nodes[e->node];
	struct model_worker *w = &n->workers[e->shard];

	if (!w->has || w->assignment != e->assignment)
		return;
	if (e->state == OWNERSHIP_RELEASED) {
		if (!w->quiescing)
			return; /* kept */
		*w = (struct model_worker){0};
	} else if (e->state == OWNERSHIP_SERVING) {
		if (!w->serving) {
			const uint64_t next = m->journal_epoch[e->shard] + 1;

			m->journal_epoch[e->shard] = w->revision > next ? w->revision : next;
		}
		w->serving = true;
	} else if (e->state == OWNERSHIP_FENCED) {
		*w = (struct model_worker){0};
	}
	trace(m, e->node, ownership_name(e->state), e->shard, 0);
	control_report(n->control, m->now_ns, e->shard, e->state,
		       e->state == OWNERSHIP_SERVING ? m->journal_epoch[e->shard] : 0,
		       e->state == OWNERSHIP_HALTED ? SAGA_E_JOURNAL_SHORT : 0);
}

void model_report(struct model *m, uint32_t node, uint32_t shard, enum ownership state)
{
	const struct model_event e = {
		.node = node,
		.shard = shard,
		.state = state,
		.assignment = m->nodes[node].workers[shard].assignment,
	};

	deliver_report(m, &e);
}

enum control_phase model_phase(const struct model *m, uint32_t node)
{
	return control_phase(m->nodes[node].control);
}

uint32_t model_serving(const struct model *m, uint32_t node)
{
	const struct model_node *n = &m->nodes[node];
	uint32_t count = 0;

	for (uint32_t s = 0; s < MODEL_SHARDS; s++)
		count += n->running && n->workers[s].serving && m->now_ns < n->until_ns &&
			 control_ownership(n->control, s) == OWNERSHIP_SERVING;
	return count;
}

bool model_all_serving(const struct model *m)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < m->node_count; i++)
		count += model_serving(m, i);
	for (uint32_t s = 0; s < MODEL_SHARDS; s++) {
		const struct model_kv *kv = model_owner(m, s);
		char epoch[32];

		(void)snprintf(epoch, sizeof epoch, " %" PRIu64, m->journal_epoch[s]);
		if (!kv || !strstr(kv->value, epoch))
			return false;
	}
	return count == MODEL_SHARDS;
}

/* ---- time --------------------------------------------------------------------------------- */

static void check(const struct model *m)
{
	for (uint32_t s = 0; s < MODEL_SHARDS; s++) {
		uint32_t holders = 0;

		for (uint32_t i = 0; i < m->node_count; i++) {
			const struct model_node *n = &m->nodes[i];
			const struct model_kv *kv;

			if (!n->running || !n->workers[s].has || m->now_ns >= n->until_ns)
				continue;
			holders++;
			kv = model_owner(m, s);
			if (!m->tampered && (!kv || kv->create != (int64_t)n->workers[s].revision))
				fail_msg("n%u has shard %u without its key", i, s);
		}
		if (holders > 1)
			fail_msg("shard %u has %u owners", s, holders);
	}
}

static void expire_leases(struct model *m)
{
	/* Like etcd: a scan every 500 ms, and nothing expires while the store is down. */
	for (uint32_t i = 0; i < m->lease_count && !m->down; i++) {
		if (m->leases[i].alive && m->leases[i].expires_ns <= m->now_ns)
			model_end_lease(m, (int64_t)i + 1);
	}
}

static uint64_t tick_due(const struct model_node *n)
{
	const uint64_t latest = n->ticked_ns + 50 * MODEL_MS;
	const uint64_t wanted = control_next_deadline(n->control);

	return wanted < latest ? wanted : latest;
}

static uint64_t next_due(const struct model *m, uint32_t *event)
{
	uint64_t due = (m->now_ns / (500 * MODEL_MS) + 1) * 500 * MODEL_MS;

	*event = UINT32_MAX;
	for (uint32_t i = 0; i < m->node_count; i++) {
		const struct model_node *n = &m->nodes[i];

		if (n->running && !n->paused && tick_due(n) < due)
			due = tick_due(n);
	}
	for (uint32_t i = 0; i < m->event_count; i++) {
		const struct model_event *e = &m->events[i];

		if (e->kind != MODEL_APPLY && m->nodes[e->node].paused)
			continue;
		if (e->due_ns < due || (e->due_ns == due && (*event == UINT32_MAX ||
							     e->order < m->events[*event].order))) {
			due = e->due_ns;
			*event = i;
		}
	}
	return due;
}

static void run_event(struct model *m, struct model_event *e)
{
	struct model_node *n = &m->nodes[e->node];
	const bool alive = n->running && n->life == e->life;

	if (e->kind == MODEL_APPLY) {
		apply(m, e);
		return;
	}
	if (!alive)
		return;
	if (e->kind == MODEL_HINT) {
		control_hint(n->control, m->now_ns);
	} else if (e->kind == MODEL_REPORT) {
		deliver_report(m, e);
	} else if (e->kind == MODEL_WARM) {
		deliver_warm(m, e);
	} else {
		if (e->reply->result.error == 0 && e->reply->result.lease_id != 0)
			n->granted = true;
		control_result(n->control, m->now_ns, e->token, &e->reply->result);
	}
}

static void run_ticks(struct model *m)
{
	for (uint32_t i = 0; i < m->node_count; i++) {
		struct model_node *n = &m->nodes[i];

		if (!n->running || n->paused || tick_due(n) > m->now_ns)
			continue;
		n->ticked_ns = m->now_ns;
		control_tick(n->control, m->now_ns);
		if (control_next_deadline(n->control) <= m->now_ns)
			fail_msg("n%u: what is due is not done", i);
	}
}

bool model_run(struct model *m, bool (*done)(const struct model *m), uint64_t ms)
{
	const uint64_t end_ns = m->now_ns + ms * MODEL_MS;

	while (!done || !done(m)) {
		uint32_t index;
		uint64_t due_ns = next_due(m, &index);

		if (due_ns > end_ns) {
			m->now_ns = end_ns;
			return false;
		}
		if (due_ns < m->now_ns)
			due_ns = m->now_ns;
		if (due_ns / (500 * MODEL_MS) != m->now_ns / (500 * MODEL_MS)) {
			m->now_ns = due_ns;
			expire_leases(m);
		}
		m->now_ns = due_ns;
		if (index != UINT32_MAX) {
			struct model_event e = m->events[index];

			m->events[index] = m->events[--m->event_count];
			run_event(m, &e);
			free_event(&e);
		}
		run_ticks(m);
		check(m);
	}
	return true;
}

/* ---- what tests ask ----------------------------------------------------------------------- */

uint32_t model_assigns(const struct model *m)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < m->node_count; i++)
		count += m->nodes[i].assigns;
	return count;
}

struct model *model_cluster(uint32_t nodes)
{
	struct model *m = model_create(nodes, nodes);

	model_initialise(m);
	for (uint32_t i = 0; i < nodes; i++)
		model_start(m, i);
	assert_true(model_run(m, model_all_serving, 5000));
	return m;
}

const struct model_kv *model_node_key(const struct model *m, uint32_t node)
{
	char key[64];

	(void)snprintf(key, sizeof key, "/sagad/test/nodes/n%u", node);
	return model_get(m, key);
}

uint32_t model_planner(const struct model *m)
{
	const struct model_kv *kv = model_get(m, "/sagad/test/planner");

	assert_non_null(kv);
	return (uint32_t)(kv->value[1] - '0');
}
