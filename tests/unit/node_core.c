/* The worker's pure part against a journal in memory and a loopback transport: what may leave,
 * when, and what stops it. Safety rules are cited at the tests that fail without them. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "node/core.h"
#include "tests/support/model_journal.h"
#include "transport/loopback.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/plan.h"
#include "wire/subject.h"

enum { SHARDS = 4, ARENA_SIZE = 1024 * 1024, CAUGHT_MAX = 256, T0 = 1000000 };

static const char INBOXES[1][64] = {"_INBOX"};

/* One node: its core, and what it reported. */
struct node {
	struct world *world;
	struct core *core;
	struct model_journal journal;
	struct transport *transport;
	bool lease;
	enum ownership state[SHARDS];
	uint64_t epoch[SHARDS];
	int code[SHARDS];
	struct highwater mark[SHARDS];
};

struct caught {
	enum wire_kind kind;
	char subject[128];
	uint8_t bytes[4096];
	uint32_t size;
};

struct world {
	struct model_log log;
	struct loopback_hub *hub;
	struct transport *outside; /* a client and a service in one */
	struct wire_slots slots;
	struct id cluster;
	struct core_time now;
	struct node nodes[2];
	struct caught caught[CAUGHT_MAX];
	uint32_t caught_count;
};

/* ---- the node's io ------------------------------------------------------------------------------
 */

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
	(void)context;
	void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
	if (memory != NULL)
		memset(memory, 0, size);
	return memory;
}

static void release(void *context, void *memory, size_t size)
{
	(void)context;
	(void)size;
	free(memory);
}

static void note(void *context, const struct core_note *n)
{
	(void)context;
	assert_non_null(n->event);
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

static void node_open(struct world *w, struct node *n, const char *name)
{
	const struct journal_events events = {on_appended, on_batch, on_read_end, n};
	const struct core_io io = {.may_emit = may_emit,
				   .report = report,
				   .highwater = highwater,
				   .reserve = reserve,
				   .release = release,
				   .note = note,
				   .point = point,
				   .context = n};
	struct core_config config = {
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
			.deadline_max_ms = 3600000},
		.seed = 42,
	};
	assert_int_equal(id_from(&config.node, slice_str(name)), 0);
	*n = (struct node){.world = w, .lease = true};
	model_journal_open(&n->journal, &w->log, &events);
	n->transport = loopback_open(w->hub);
	n->core = core_create(&config, &io, &n->journal.base, n->transport);
	assert_non_null(n->core);
}

static void node_close(struct node *n)
{
	if (n->core == NULL)
		return;
	core_destroy(n->core);
	model_journal_close(&n->journal);
	n->transport->ops->close(n->transport, false);
	n->core = NULL;
}

/* ---- the world
 * ------------------------------------------------------------------------------------- */

static void on_outside(void *context, const struct transport_message *m)
{
	struct world *w = context;
	assert_in_range(w->caught_count, 0, CAUGHT_MAX - 1);
	struct caught *c = &w->caught[w->caught_count++];
	assert_int_equal(wire_peek_kind(m->data, &c->kind), 0);
	assert_true(m->subject.size < sizeof c->subject && m->data.size < sizeof c->bytes);
	memcpy(c->subject, m->subject.data, m->subject.size);
	c->subject[m->subject.size] = '\0';
	memcpy(c->bytes, m->data.data, m->data.size);
	c->size = m->data.size;
}

static void listen_to(struct world *w, const char *subject)
{
	struct transport_subscription *s;
	assert_int_equal(w->outside->ops->subscribe(w->outside, subject, NULL, on_outside, w, &s),
			 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->hub = loopback_hub_create();
	w->outside = loopback_open(w->hub);
	w->now = (struct core_time){.mono_ms = 5000, .wall_ms = T0};
	assert_int_equal(id_from(&w->cluster, slice_str("test-cluster")), 0);
	assert_int_equal(wire_slots_even(&w->slots, SHARDS), 0);
	model_log_init(&w->log, &w->cluster, &w->slots, T0);
	listen_to(w, "_INBOX.>");
	listen_to(w, "saga.v1.cmd.>");
	listen_to(w, "elsewhere.>");
	node_open(w, &w->nodes[0], "n1");
	node_open(w, &w->nodes[1], "n2");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	node_close(&w->nodes[0]);
	node_close(&w->nodes[1]);
	w->outside->ops->close(w->outside, false);
	loopback_hub_destroy(w->hub);
	model_log_close(&w->log);
	free(w);
	return 0;
}

static void turn(struct world *w, uint64_t ms)
{
	w->now.mono_ms += ms;
	w->now.wall_ms += ms;
	for (int i = 0; i < 2; i++)
		if (w->nodes[i].core != NULL)
			core_turn(w->nodes[i].core, w->now);
	(void)loopback_pump(w->hub, w->now.mono_ms);
}

/* Journal and messages until nothing moves any more. */
static void settle(struct world *w)
{
	for (int i = 0; i < 12; i++) {
		for (int k = 0; k < 2; k++)
			if (w->nodes[k].core != NULL)
				(void)model_journal_pump(&w->nodes[k].journal);
		turn(w, 1);
	}
}

static void assign(struct world *w, int node, uint32_t shard, uint64_t revision)
{
	struct node *n = &w->nodes[node];
	core_assign(n->core, w->now, shard, revision, 7, &n->mark[shard], 0);
}

static uint32_t count_kind(const struct world *w, enum wire_kind kind)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < w->caught_count; i++)
		count += w->caught[i].kind == kind;
	return count;
}

static struct caught *last_kind(struct world *w, enum wire_kind kind)
{
	for (uint32_t i = w->caught_count; i > 0; i--)
		if (w->caught[i - 1].kind == kind)
			return &w->caught[i - 1];
	fail_msg("nothing of kind %s was sent", wire_kind_name(kind));
	return NULL;
}

/* An id of the given shard. */
static struct id id_on(const struct world *w, uint32_t shard, uint32_t nth)
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

static void send(struct world *w, enum wire_kind kind, const void *body, uint32_t shard,
		 enum subject_verb verb, const char *party, const char *reply)
{
	struct buf out;
	buf_init(&out, 65536);
	assert_int_equal(wire_encode(kind, body, &out), 0);
	const struct subject s = subject_shard("saga", shard, verb, slice_str(party));
	assert_int_equal(w->outside->ops->publish(w->outside, s.text, slice_str(reply), NULL, 0,
						  buf_slice(&out)),
			 0);
	buf_close(&out);
	(void)loopback_pump(w->hub, w->now.mono_ms);
}

static void submit(struct world *w, const struct id *id, const char *reply)
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
		.wait = true,
	};
	wire_plan_resolve(&s.plan);
	send(w, WIRE_SUBMIT, &s, wire_shard_of(&w->slots, id_slice(id)), SUBJECT_SUBMIT, "default",
	     reply);
}

static struct wire_command last_command(struct world *w, uint64_t *epoch)
{
	static uint8_t memory[ARENA_SIZE];
	struct arena arena;
	struct wire_command_frame frame;
	struct caught *c = last_kind(w, WIRE_COMMAND_FRAME);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(
		wire_decode(WIRE_COMMAND_FRAME, slice_of(c->bytes, c->size), &arena, &frame, NULL),
		0);
	assert_int_equal(frame.command_count, 1);
	*epoch = frame.epoch;
	return frame.commands[0];
}

static void answer_ok(struct world *w, uint32_t shard)
{
	uint64_t epoch;
	const struct wire_command c = last_command(w, &epoch);
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
	send(w, WIRE_REPLY_FRAME, &frame, shard, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
}

static struct wire_answer last_answer(struct world *w)
{
	static uint8_t memory[ARENA_SIZE];
	struct arena arena;
	struct wire_answer answer;
	struct caught *c = last_kind(w, WIRE_ANSWER);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(
		wire_decode(WIRE_ANSWER, slice_of(c->bytes, c->size), &arena, &answer, NULL), 0);
	return answer;
}

/* ---- tests
 * --------------------------------------------------------------------------------------------- */

static void serves_after_its_epoch_record(void **state)
{
	struct world *w = *state;
	assign(w, 0, 1, 55);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_UNOWNED);
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
	assert_int_equal(w->nodes[0].epoch[1], 55);
	assert_int_equal(w->log.count[1], 2); /* GENESIS, EPOCH */
}

static void epoch_is_above_the_journals(void **state) /* S22 */
{
	struct world *w = *state;
	assign(w, 0, 1, 55);
	settle(w);
	/* etcd was restored from a backup: its revisions are small again. */
	assign(w, 1, 1, 3);
	settle(w);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	assert_int_equal(w->nodes[1].epoch[1], 56);
}

static void nothing_leaves_before_it_is_durable(void **state) /* S1 */
{
	struct world *w = *state;
	const struct id id = id_on(w, 1, 0);
	assign(w, 0, 1, 5);
	settle(w);
	w->nodes[0].journal.append_fault = MODEL_HOLD;
	submit(w, &id, "_INBOX.client.1");
	settle(w);
	assert_int_equal(w->caught_count, 0);
	/* The same id again: it is in memory, not yet durable. No answer either. */
	submit(w, &id, "_INBOX.client.2");
	settle(w);
	assert_int_equal(w->caught_count, 0);
	w->nodes[0].journal.append_fault = MODEL_FINE;
	settle(w);
	assert_int_equal(count_kind(w, WIRE_ANSWER), 2);
	assert_int_equal(count_kind(w, WIRE_COMMAND_FRAME), 1);
}

static void refused_append_fences_and_silences(void **state) /* S1, C8, N5 */
{
	struct world *w = *state;
	const struct id id = id_on(w, 1, 0);
	assign(w, 0, 1, 5);
	settle(w);
	assign(w, 1, 1, 9); /* a second owner, by an early lease expiry */
	settle(w);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	/* Both hear the request; the stale one's append is refused and it says nothing. */
	submit(w, &id, "_INBOX.client.1");
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_FENCED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_FENCED);
	assert_int_equal(count_kind(w, WIRE_ANSWER), 1);
	assert_int_equal(last_answer(w).epoch, 9);
}

static void nothing_leaves_without_a_lease(void **state) /* S28 */
{
	struct world *w = *state;
	const struct id id = id_on(w, 1, 0);
	assign(w, 0, 1, 5);
	settle(w);
	submit(w, &id, "_INBOX.client.1");
	turn(w, 1); /* the batch is under way */
	w->nodes[0].lease = false;
	settle(w); /* its acknowledgement comes too late */
	assert_int_equal(w->caught_count, 0);
	const uint32_t batches = w->log.count[1];
	submit(w, &id, "_INBOX.client.2");
	settle(w);
	assert_int_equal(w->caught_count, 0);
	assert_int_equal(w->log.count[1], batches);
}

static void unknown_append_is_sent_again_as_it_was(void **state) /* S6 */
{
	struct world *w = *state;
	const struct id id = id_on(w, 1, 0);
	assign(w, 0, 1, 5);
	settle(w);
	submit(w, &id, "_INBOX.client.1");
	turn(w, 1);
	w->nodes[0].journal.append_fault = MODEL_LOSE_ANSWER; /* stored, but nobody says so */
	(void)model_journal_pump(&w->nodes[0].journal);
	assert_int_equal(w->log.count[1], 3);
	w->nodes[0].journal.append_fault = MODEL_FINE;
	for (int i = 0; i < 20; i++) {
		turn(w, 100);
		settle(w);
	}
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
	assert_int_equal(count_kind(w, WIRE_ANSWER), 1);
	/* The position holds our batch once: what follows it are later batches. */
	struct batch_header a, b;
	struct slice records;
	for (uint32_t i = 3; i < w->log.count[1]; i++) {
		const struct model_batch *x = &w->log.batches[1][i - 1];
		const struct model_batch *y = &w->log.batches[1][i];
		assert_int_equal(batch_decode(slice_of(x->bytes, x->size), &a, &records), 0);
		assert_int_equal(batch_decode(slice_of(y->bytes, y->size), &b, &records), 0);
		assert_int_equal(b.first_record, a.first_record + a.record_count);
	}
}

static void saga_runs_to_its_end(void **state)
{
	struct world *w = *state;
	const struct id id = id_on(w, 1, 0);
	assign(w, 0, 1, 5);
	settle(w);
	submit(w, &id, "_INBOX.client.1");
	settle(w);
	answer_ok(w, 1);
	settle(w);
	answer_ok(w, 1);
	settle(w);
	assert_int_equal(count_kind(w, WIRE_COMMAND_FRAME), 2);
	assert_int_equal(count_kind(w, WIRE_DISPOSITION_FRAME), 2);
	assert_int_equal(count_kind(w, WIRE_ANSWER), 2);
	assert_int_equal(last_answer(w).state, WIRE_STATE_COMPLETED);
}

static void another_node_goes_on(void **state) /* C7 */
{
	struct world *w = *state;
	const struct id id = id_on(w, 1, 0);
	uint64_t epoch;
	assign(w, 0, 1, 5);
	settle(w);
	submit(w, &id, "_INBOX.client.1");
	settle(w);
	answer_ok(w, 1);
	settle(w);
	node_close(&w->nodes[0]); /* kill -9 */
	assign(w, 1, 1, 9);
	settle(w);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	const struct wire_command c = last_command(w, &epoch);
	assert_int_equal(c.step, 1);
	assert_int_equal(epoch, 9);
	answer_ok(w, 1);
	settle(w);
	const struct wire_query query = {.id = id_slice(&id)};
	send(w, WIRE_QUERY, &query, 1, SUBJECT_QUERY, "default", "_INBOX.client.2");
	settle(w);
	assert_int_equal(last_answer(w).state, WIRE_STATE_COMPLETED);
}

static void shorter_journal_halts(void **state) /* S7 */
{
	struct world *w = *state;
	const struct id id = id_on(w, 1, 0);
	assign(w, 0, 1, 5);
	settle(w);
	submit(w, &id, "_INBOX.client.1");
	settle(w);
	turn(w, 2000); /* the high-water is stored once a second */
	assert_int_equal(w->nodes[0].mark[1].sequence, w->log.count[1]);
	core_fence(w->nodes[0].core, w->now, 1, SAGA_E_LEASE_LOST);
	free(w->log.batches[1][w->log.count[1] - 1].bytes); /* the broker lost its tail */
	w->log.count[1]--;
	assign(w, 0, 1, 9);
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_SHORT);
}

static void other_bytes_at_the_mark_halt(void **state) /* S7 */
{
	struct world *w = *state;
	assign(w, 0, 1, 5);
	settle(w);
	turn(w, 2000);
	core_fence(w->nodes[0].core, w->now, 1, SAGA_E_LEASE_LOST);
	w->nodes[0].mark[1].hash.bytes[3] ^= 1;
	assign(w, 0, 1, 9);
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_CORRUPT);
}

static void foreign_genesis_halts(void **state) /* S7, S11 */
{
	struct world *w = *state;
	struct id other;
	assert_int_equal(id_from(&other, slice_str("other-cluster")), 0);
	model_log_close(&w->log);
	memset(&w->log, 0, sizeof w->log);
	model_log_init(&w->log, &other, &w->slots, T0);
	assign(w, 0, 1, 5);
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_FOREIGN);
}

static void missing_journal_halts(void **state) /* S7 */
{
	struct world *w = *state;
	model_log_close(&w->log);
	memset(&w->log, 0, sizeof w->log);
	assign(w, 0, 1, 5);
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_MISSING);
}

/* A stale owner appends whenever the new one is about to: the fenced epoch record never fits. */
static void unfenced_epoch_ends_the_race(void **state) /* S22 */
{
	struct world *w = *state;
	assign(w, 0, 1, 5);
	settle(w);
	assign(w, 1, 1, 9);
	for (uint32_t i = 0; i < 60 && w->nodes[1].state[1] != OWNERSHIP_SERVING; i++) {
		const struct id id = id_on(w, 1, i);
		if (w->nodes[0].state[1] == OWNERSHIP_SERVING)
			submit(w, &id, "_INBOX.client.1");
		turn(w, 1);
		(void)model_journal_pump(&w->nodes[0].journal);
		(void)model_journal_pump(&w->nodes[1].journal);
		turn(w, 100);
	}
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	const struct id id = id_on(w, 1, 61);
	submit(w, &id, "_INBOX.client.9");
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_FENCED);
	assert_int_equal(last_answer(w).epoch, 9);
	/* And a third replay agrees with all of it. */
	node_close(&w->nodes[0]);
	node_open(w, &w->nodes[0], "n1");
	assign(w, 0, 1, 11);
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

static void release_drains_first(void **state)
{
	struct world *w = *state;
	const struct id id = id_on(w, 1, 0);
	assign(w, 0, 1, 5);
	settle(w);
	w->nodes[0].journal.append_fault = MODEL_HOLD;
	submit(w, &id, "_INBOX.client.1");
	turn(w, 1);
	core_release(w->nodes[0].core, w->now, 1);
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING); /* last report */
	w->nodes[0].journal.append_fault = MODEL_FINE;
	settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_RELEASED);
	assert_int_equal(count_kind(w, WIRE_ANSWER), 1);
	assert_int_equal(w->nodes[0].mark[1].sequence, w->log.count[1]);
}

static void reply_subjects_are_checked(void **state) /* S20 */
{
	struct world *w = *state;
	const struct id id = id_on(w, 1, 0);
	assign(w, 0, 1, 5);
	settle(w);
	submit(w, &id, "elsewhere.secret");
	settle(w);
	assert_int_equal(w->caught_count, 0);
	assert_int_equal(w->log.count[1], 2);
}

static void wrong_shard_is_refused(void **state) /* S11 */
{
	struct world *w = *state;
	const struct id id = id_on(w, 2, 0);
	const struct wire_query query = {.id = id_slice(&id)};
	assign(w, 0, 1, 5);
	settle(w);
	send(w, WIRE_QUERY, &query, 1, SUBJECT_QUERY, "default", "_INBOX.client.1");
	settle(w);
	assert_int_equal(last_answer(w).code, err_to_wire(SAGA_E_WRONG_SHARD));
}

static void history_tells_every_record(void **state) /* F1 */
{
	struct world *w = *state;
	static uint8_t memory[ARENA_SIZE];
	struct arena arena;
	struct wire_history history;
	const struct id id = id_on(w, 1, 0);
	const struct id other = id_on(w, 1, 1);
	assign(w, 0, 1, 5);
	settle(w);
	submit(w, &id, "_INBOX.client.1");
	settle(w);
	answer_ok(w, 1);
	settle(w);
	answer_ok(w, 1);
	settle(w);
	submit(w, &other, "_INBOX.client.2");
	settle(w);
	const struct wire_history_request request = {.id = id_slice(&id)};
	send(w, WIRE_HISTORY_REQUEST, &request, 1, SUBJECT_HISTORY, "default", "_INBOX.client.3");
	settle(w);
	struct caught *c = last_kind(w, WIRE_HISTORY);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(
		wire_decode(WIRE_HISTORY, slice_of(c->bytes, c->size), &arena, &history, NULL), 0);
	assert_int_equal(history.code, 0);
	assert_int_equal(history.next_sequence, 0);
	assert_int_equal(history.entry_count, 4); /* accepted, ok, ok, finished */
	enum wire_kind kind;
	assert_int_equal(wire_peek_kind(history.entries[0].record, &kind), 0);
	assert_int_equal(kind, WIRE_RECORD_ACCEPTED);
	assert_int_equal(wire_peek_kind(history.entries[3].record, &kind), 0);
	assert_int_equal(kind, WIRE_RECORD_FINISHED);
}

static void garbage_hurts_nobody(void **state)
{
	struct world *w = *state;
	static const uint8_t garbage[][8] = {{0},          {0xc1}, {0xdf, 0xff, 0xff, 0xff, 0xff},
					     {0x81, 0x00}, {0xc0}, {0x93, 0x93, 0x93}};
	assign(w, 0, 1, 5);
	settle(w);
	for (int verb = 0; verb < SUBJECT_VERBS; verb++) {
		const struct subject s =
			subject_shard("saga", 1, (enum subject_verb)verb, slice_str("default"));
		for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
			for (uint32_t size = 0; size <= 8; size++)
				assert_int_equal(
					w->outside->ops->publish(w->outside, s.text,
								 slice_str("_INBOX.x.1"), NULL, 0,
								 slice_of(garbage[i], size)),
					0);
		(void)loopback_pump(w->hub, w->now.mono_ms);
		for (uint32_t i = 0; i < w->caught_count; i++)
			assert_int_equal(w->caught[i].kind, WIRE_ANSWER);
		w->caught_count = 0;
		settle(w);
	}
	const struct id id = id_on(w, 1, 0);
	submit(w, &id, "_INBOX.client.1");
	settle(w);
	assert_int_equal(last_answer(w).code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(serves_after_its_epoch_record),
		TEST(epoch_is_above_the_journals),
		TEST(nothing_leaves_before_it_is_durable),
		TEST(refused_append_fences_and_silences),
		TEST(nothing_leaves_without_a_lease),
		TEST(unknown_append_is_sent_again_as_it_was),
		TEST(saga_runs_to_its_end),
		TEST(another_node_goes_on),
		TEST(shorter_journal_halts),
		TEST(other_bytes_at_the_mark_halt),
		TEST(foreign_genesis_halts),
		TEST(missing_journal_halts),
		TEST(unfenced_epoch_ends_the_race),
		TEST(release_drains_first),
		TEST(reply_subjects_are_checked),
		TEST(wrong_shard_is_refused),
		TEST(history_tells_every_record),
		TEST(garbage_hurts_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
