#include "tests/unit/node_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static const char INBOXES[1][64] = {"_INBOX"};

/* ---- the node's io ---- */

static bool may_emit(void *context, uint64_t generation)
{
	const struct node *n = context;
	assert_int_equal(generation, 7);
	return n->lease;
}

static void report(void *context, uint32_t shard, enum ownership state, uint64_t epoch, int code)
{
	struct node *n = context;
	n->state[shard] = state;
	n->epoch[shard] = epoch;
	n->code[shard] = code;
}

static void highwater(void *context, uint32_t shard, const struct highwater *mark)
{
	struct node *n = context;
	n->mark[shard] = *mark;
}

static void *reserve(void *context, size_t size)
{
	struct node *n = context;
	if (n->world->reserve_fails_at > 0 && --n->world->reserve_fails_at == 0)
		return NULL;
	/* As the daemon does: what is not used costs nothing. */
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	n->world->reserved++;
	return memory;
}

static void release(void *context, void *memory, size_t size)
{
	struct node *n = context;
	assert_non_null(memory);
	n->world->reserved--;
	assert_int_equal(munmap(memory, size), 0);
}

static void note(void *context, const struct core_note *note)
{
	struct node *n = context;
	assert_non_null(note->event);
	n->world->noted[n->world->noted_count++ % NOTED_MAX] = note->event;
}

static void standby(void *context, uint32_t shard, bool warm)
{
	struct node *n = context;
	assert_true(n->warm[shard] != warm);
	n->warm[shard] = warm;
}

static void point(void *context, const char *name)
{
	(void)context;
	assert_non_null(name);
}

static void on_appended(void *context, uint32_t shard, uint64_t token,
			enum journal_append_status status, uint64_t sequence)
{
	struct node *n = context;
	core_appended(n->core, n->world->now, shard, token, status, sequence);
}

static void on_batch(void *context, uint32_t shard, uint64_t token, uint64_t sequence,
		     struct slice bytes)
{
	struct node *n = context;
	core_batch(n->core, n->world->now, shard, token, sequence, bytes);
}

static void on_read_end(void *context, uint32_t shard, uint64_t token, int error, uint64_t last)
{
	struct node *n = context;
	core_read_end(n->core, n->world->now, shard, token, error, last);
}

static void on_tailed(void *context, uint32_t shard, uint64_t token, uint64_t last)
{
	struct node *n = context;
	core_tailed(n->core, n->world->now, shard, token, last);
}

void world_node_open(struct world *w, struct node *n, const char *name)
{
	const struct journal_events events = {.appended = on_appended,
					      .batch = on_batch,
					      .read_end = on_read_end,
					      .context = n,
					      .tailed = on_tailed};
	const struct core_io io = {.may_emit = may_emit,
				   .report = report,
				   .highwater = highwater,
				   .reserve = reserve,
				   .release = release,
				   .note = note,
				   .standby = standby,
				   .point = point,
				   .context = n};
	struct core_config config = w->config;
	assert_int_equal(id_from(&config.node, slice_str(name)), 0);
	*n = (struct node){.world = w, .lease = true};
	model_journal_open(&n->journal, &w->log, &events);
	n->transport = loopback_open(w->hub);
	n->core = core_create(&config, &io, &n->journal.base, n->transport);
}

void world_node_close(struct node *n)
{
	if (n->transport == NULL)
		return;
	if (n->core != NULL)
		core_destroy(n->core);
	model_journal_close(&n->journal);
	n->transport->ops->close(n->transport, false);
	n->transport = NULL;
	n->core = NULL;
}

/* ---- the world ---- */

static void on_outside(void *context, const struct transport_message *m)
{
	struct world *w = context;
	if (m->status != 0)
		return; /* nobody serves the shard at the moment */
	assert_in_range(w->caught_count, 0, CAUGHT_MAX - 1);
	struct caught *c = &w->caught[w->caught_count++];
	assert_int_equal(wire_peek_kind(m->data, &c->kind), 0);
	assert_true(m->subject.size < sizeof c->subject);
	memcpy(c->subject, m->subject.data, m->subject.size);
	c->subject[m->subject.size] = '\0';
	c->bytes = realloc(c->bytes, m->data.size + 1);
	assert_non_null(c->bytes);
	memcpy(c->bytes, m->data.data, m->data.size);
	c->size = m->data.size;
}

static void listen_to(struct world *w, const char *subject)
{
	struct transport_subscription *s;
	assert_int_equal(w->outside->ops->subscribe(w->outside, subject, NULL, on_outside, w, &s),
			 0);
}

static struct core_config config_of(const struct world *w)
{
	return (struct core_config){
		.cluster = w->cluster,
		.slots = &w->slots,
		.prefix = "saga",
		.inbox_prefixes = INBOXES,
		.inbox_prefix_count = 1,
		.limits = {.open_max = 64,
			   .remembered_max = 64,
			   .branches_max = 256,
			   .waiters_max = 64,
			   .payload_max = 16 * 1024 * 1024},
		.txn = {.retry_window_max_ms = 3600000,
			.remember_margin_ms = 1000,
			.parked_retry_ms = 1000,
			.command_age_ms = 1000,
			.command_leave_ms = CORE_COMMAND_LEAVE_MS,
			.deadline_max_ms = 3600000},
		.seed = 42,
	};
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->hub = loopback_hub_create();
	w->outside = loopback_open(w->hub);
	w->now = (struct core_time){.mono_ms = 5000, .wall_ms = T0};
	assert_int_equal(id_from(&w->cluster, slice_str("test-cluster")), 0);
	assert_int_equal(wire_slots_even(&w->slots, SHARDS), 0);
	model_log_init(&w->log, &w->cluster, &w->slots, T0);
	w->config = config_of(w);
	listen_to(w, "_INBOX.>");
	listen_to(w, "saga.v1.cmd.>");
	listen_to(w, "saga.v1.call.>");
	listen_to(w, "elsewhere.>");
	listen_to(w, "saga.v1.alert");
	world_node_open(w, &w->nodes[0], "n1");
	world_node_open(w, &w->nodes[1], "n2");
	assert_non_null(w->nodes[0].core);
	assert_non_null(w->nodes[1].core);
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;
	world_node_close(&w->nodes[0]);
	world_node_close(&w->nodes[1]);
	assert_int_equal(w->reserved, 0);
	w->outside->ops->close(w->outside, false);
	loopback_hub_destroy(w->hub);
	model_log_close(&w->log);
	for (uint32_t i = 0; i < CAUGHT_MAX; i++)
		free(w->caught[i].bytes);
	free(w);
	return 0;
}

void world_turn(struct world *w, uint64_t ms)
{
	w->now.mono_ms += ms;
	w->now.wall_ms += ms;
	for (int i = 0; i < 2; i++)
		if (w->nodes[i].core != NULL)
			core_turn(w->nodes[i].core, w->now);
	(void)loopback_pump(w->hub, w->now.mono_ms);
}

/* Journal and messages until nothing moves any more. */
void world_settle(struct world *w)
{
	for (int i = 0; i < 12; i++) {
		for (int k = 0; k < 2; k++)
			if (w->nodes[k].core != NULL)
				(void)model_journal_pump(&w->nodes[k].journal);
		world_turn(w, 1);
	}
}

void world_assign(struct world *w, int node, uint32_t shard, uint64_t revision)
{
	struct node *n = &w->nodes[node];
	n->warm[shard] = false;
	core_assign(n->core, w->now, shard, revision, 7, &n->mark[shard], 0);
}

uint32_t world_count(const struct world *w, enum wire_kind kind)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < w->caught_count; i++)
		count += w->caught[i].kind == kind;
	return count;
}

uint32_t world_noted(const struct world *w, const char *event)
{
	uint32_t count = 0;
	assert_in_range(w->noted_count, 0, NOTED_MAX);
	for (uint32_t i = 0; i < w->noted_count; i++)
		count += strcmp(w->noted[i], event) == 0;
	return count;
}

struct caught *world_last(struct world *w, enum wire_kind kind)
{
	for (uint32_t i = w->caught_count; i > 0; i--)
		if (w->caught[i - 1].kind == kind)
			return &w->caught[i - 1];
	fail_msg("nothing of kind %s was sent", wire_kind_name(kind));
	return NULL;
}

/* An id of the given shard. */
struct id world_id_on(const struct world *w, uint32_t shard, uint32_t nth)
{
	struct id id;
	char text[32];
	for (uint32_t i = 0;; i++) {
		(void)snprintf(text, sizeof text, "saga-%u", i);
		assert_int_equal(id_from(&id, slice_str(text)), 0);
		if (wire_shard_of(&w->slots, id_slice(&id)) == shard && nth-- == 0)
			return id;
	}
}

void world_send(struct world *w, enum wire_kind kind, const void *body, uint32_t shard,
		enum subject_verb verb, const char *party, const char *reply)
{
	struct buf out;
	buf_init(&out, WIRE_MESSAGE_SIZE_MAX);
	assert_int_equal(wire_encode(kind, body, &out), 0);
	const struct subject s = subject_shard("saga", shard, verb, slice_str(party));
	assert_int_equal(w->outside->ops->publish(w->outside, s.text, slice_str(reply), NULL, 0,
						  buf_slice(&out)),
			 0);
	buf_close(&out);
	(void)loopback_pump(w->hub, w->now.mono_ms);
}

void world_encode_submit(struct world *w, const struct id *id, struct buf *out)
{
	static uint8_t after_first[] = {0};
	struct wire_step steps[2] = {
		{.name = slice_str("one"),
		 .service = slice_str("svc"),
		 .forward = slice_str("do"),
		 .undo = slice_str("undo")},
		{.name = slice_str("two"),
		 .service = slice_str("svc"),
		 .forward = slice_str("do"),
		 .undo = slice_str("undo"),
		 .after = slice_of(after_first, 1)},
	};
	struct wire_submit s = {
		.id = id_slice(id),
		.plan = {.name = slice_str("test"),
			 .version = 1,
			 .protocol = WIRE_PROTOCOL_SAGA,
			 .steps = steps,
			 .step_count = 2},
		.input = slice_str("{}"),
		.retry_until_at = T0 + 1000000,
		.wait = !w->no_wait,
	};
	for (uint32_t i = 0; i < 2 && w->direct; i++)
		steps[i].delivery = WIRE_DELIVERY_DIRECT;
	wire_plan_resolve(&s.plan);
	assert_int_equal(wire_encode(WIRE_SUBMIT, &s, out), 0);
}

static void publish_submit(struct world *w, const struct id *id, const char *subject,
			   const char *reply)
{
	struct buf out;
	buf_init(&out, 65536);
	world_encode_submit(w, id, &out);
	assert_int_equal(w->outside->ops->publish(w->outside, subject, slice_str(reply), NULL, 0,
						  buf_slice(&out)),
			 0);
	buf_close(&out);
	(void)loopback_pump(w->hub, w->now.mono_ms);
}

void world_submit(struct world *w, const struct id *id, const char *reply)
{
	const uint32_t shard = wire_shard_of(&w->slots, id_slice(id));
	const struct subject subject =
		subject_shard("saga", shard, SUBJECT_SUBMIT, slice_str("default"));
	publish_submit(w, id, subject.text, reply);
}

void world_submit_any(struct world *w, const struct id *id, const char *tenant, const char *reply)
{
	publish_submit(w, id, subject_submit("saga", slice_str(tenant)).text, reply);
}

void world_serve(struct world *w, int node, uint32_t shard, uint64_t revision)
{
	world_assign(w, node, shard, revision);
	world_settle(w);
}

struct id world_begin(struct world *w)
{
	const struct id id = world_id_on(w, 1, 0);
	world_serve(w, 0, 1, 5);
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	return id;
}

struct wire_command world_last_command(struct world *w, uint64_t *epoch)
{
	static uint8_t memory[ARENA_SIZE];
	struct arena arena;
	struct wire_command_frame frame;
	struct caught *c = world_last(w, WIRE_COMMAND_FRAME);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(
		wire_decode(WIRE_COMMAND_FRAME, slice_of(c->bytes, c->size), &arena, &frame, NULL),
		0);
	assert_int_equal(frame.command_count, 1);
	*epoch = frame.epoch;
	return frame.commands[0];
}

void world_answer_ok(struct world *w, uint32_t shard)
{
	uint64_t epoch;
	const struct wire_command c = world_last_command(w, &epoch);
	struct wire_reply reply = {
		.saga = c.saga,
		.step = c.step,
		.op = c.op,
		.operation = c.operation,
		.attempt = c.attempt,
		.epoch = epoch,
		.outcome = WIRE_OUTCOME_OK,
	};
	const struct wire_reply_frame frame = {.shard = shard,
					       .service = slice_str("svc"),
					       .instance = slice_str("i1"),
					       .replies = &reply,
					       .reply_count = 1};
	world_send(w, WIRE_REPLY_FRAME, &frame, shard, SUBJECT_REPLY, "svc",
		   w->direct ? "" : "_INBOX.svc.1");
}

struct wire_answer world_last_answer(struct world *w)
{
	static uint8_t memory[ARENA_SIZE];
	struct arena arena;
	struct wire_answer answer;
	struct caught *c = world_last(w, WIRE_ANSWER);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(
		wire_decode(WIRE_ANSWER, slice_of(c->bytes, c->size), &arena, &answer, NULL), 0);
	return answer;
}
