/* The node core at the durable inbox (S12): from where it reads, what stands in one batch, when it
 * deletes, and what another stream or owner changes. */
#include "tests/unit/node_world.h"

#include "node/core_internal.h"

enum { SHARD = 1, LONG_MS = 6000 };

/* The stream: answers when the test says so. */
struct fake {
	struct inbox inbox;
	uint32_t looks, reads, purges;
	uint64_t from, purged;
	bool open;
	/* What a look is answered with; NULL = nobody does. */
	bool looking;
	const char *created;
	uint64_t last;
};
static struct fake fake;

static int fake_look(struct inbox *inbox)
{
	(void)inbox;
	fake.looks++;
	fake.looking = true;
	return 0;
}

static int fake_read(struct inbox *inbox, uint32_t shard, uint64_t from)
{
	(void)inbox;
	assert_int_equal(shard, SHARD);
	assert_false(fake.open);
	fake.open = true;
	fake.reads++;
	fake.from = from;
	return 0;
}

static void fake_purge(struct inbox *inbox, uint32_t shard, uint64_t last)
{
	(void)inbox;
	assert_int_equal(shard, SHARD);
	fake.purges++;
	fake.purged = last;
}

static void fake_cancel(struct inbox *inbox, uint32_t shard)
{
	(void)inbox;
	assert_int_equal(shard, SHARD);
	fake.open = false;
}

static const struct inbox_ops fake_ops = {
	.look = fake_look, .read = fake_read, .purge = fake_purge, .cancel = fake_cancel};

static int setup(void **state)
{
	const int error = world_setup(state);
	struct world *w = *state;
	fake = (struct fake){.inbox.ops = &fake_ops};
	for (int i = 0; i < 2; i++)
		w->nodes[i].core->config.inbox = &fake.inbox;
	return error;
}

static void answer_look(struct world *w, int node)
{
	fake.looking = false;
	core_inbox_looked(w->nodes[node].core, w->now, 0, slice_str(fake.created), fake.last);
	world_turn(w, 1);
}

/* The answer to the look under way, and to those that follow. */
static void looked(struct world *w, int node, const char *created, uint64_t last)
{
	fake.created = created;
	fake.last = last;
	answer_look(w, node);
}

/* Time, with looks that are answered. */
static void pass(struct world *w, int node, uint64_t ms)
{
	for (uint64_t at = 0; at < ms; at += 100) {
		world_turn(w, 100);
		if (fake.looking && fake.created != NULL)
			answer_look(w, node);
	}
}

/* Hands over what was asked for; `id` NULL: there is nothing. */
static void give(struct world *w, int node, uint64_t sequence, const struct id *id)
{
	struct inbox_message message = {.sequence = sequence,
					.subject = slice_str("saga.v1.inbox.1.shop")};
	struct buf bytes;
	buf_init(&bytes, 65536);
	if (id != NULL)
		world_encode_submit(w, id, &bytes);
	message.bytes = buf_slice(&bytes);
	assert_true(fake.open);
	fake.open = false;
	core_inbox_read(w->nodes[node].core, w->now, SHARD, 0, &message);
	buf_close(&bytes);
	world_turn(w, 1);
}

static bool known(struct world *w, int node, const struct id *id)
{
	return txn_find(w->nodes[node].core->shards[SHARD]->engine, id_slice(id)).known;
}

static uint64_t cursor(struct world *w, int node)
{
	return txn_inbox(w->nodes[node].core->shards[SHARD]->engine).sequence;
}

/* The kinds in the newest batch, as a set. */
static uint64_t newest_batch(struct world *w)
{
	const struct model_batch *b = &w->log.batches[SHARD][w->log.count[SHARD] - 1];
	struct batch_header header;
	struct slice records;
	uint64_t kinds = 0;
	assert_int_equal(batch_decode(slice_of(b->bytes, b->size), &header, &records), 0);
	while (records.size > 0) {
		enum wire_kind kind;
		uint32_t size = 0;
		assert_int_equal(wire_peek_kind(records, &kind), 0);
		assert_int_equal(wire_value_size(records, &size), 0);
		kinds |= UINT64_C(1) << (kind - 64U);
		records = slice_of(records.data + size, records.size - size);
	}
	return kinds;
}

static void one_batch_holds_saga_and_cursor(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, SHARD, 0);
	const uint64_t both = UINT64_C(1) << (WIRE_RECORD_ACCEPTED - 64U) |
			      UINT64_C(1) << (WIRE_RECORD_INBOX - 64U);
	world_turn(w, 1000);
	assert_int_equal(fake.looks, 0); /* for whom? */
	world_serve(w, 0, SHARD, 5);
	assert_true(fake.looks > 0);
	assert_int_equal(fake.reads, 0);
	looked(w, 0, "c1", 3);
	assert_int_equal(fake.from, 1);
	give(w, 0, 2, &id);
	assert_true(known(w, 0, &id));
	world_settle(w);
	assert_int_equal(newest_batch(w), both);
	assert_int_equal(fake.from, 3);
	give(w, 0, 0, NULL);
	world_settle(w);
	assert_int_equal(fake.reads, 2); /* up to the end */
	looked(w, 0, "c1", 9);
	assert_int_equal(fake.reads, 3);
	assert_int_equal(fake.from, 3);
	assert_int_equal(cursor(w, 0), 2);
}

static void is_deleted_only_behind_the_journal(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, SHARD, 0);
	world_serve(w, 0, SHARD, 5);
	looked(w, 0, "c1", 2);
	give(w, 0, 2, &id);
	pass(w, 0, LONG_MS); /* the append is out, and nobody has answered it */
	pass(w, 0, LONG_MS);
	pass(w, 0, LONG_MS);
	assert_int_equal(fake.purges, 0);
	world_settle(w);
	pass(w, 0, LONG_MS);
	world_settle(w);
	pass(w, 0, LONG_MS);
	assert_int_equal(fake.purges, 1);
	assert_int_equal(fake.purged, 2);
	pass(w, 0, LONG_MS);
	pass(w, 0, LONG_MS);
	assert_int_equal(fake.purges, 1);
}

static void the_next_owner_reads_behind_the_cursor(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, SHARD, 0);
	world_serve(w, 0, SHARD, 5);
	looked(w, 0, "c1", 7);
	give(w, 0, 6, &id);
	world_settle(w);
	fake.open = false; /* that owner is no more */
	world_node_close(&w->nodes[0]);
	world_serve(w, 1, SHARD, 9);
	looked(w, 1, "c1", 8);
	assert_int_equal(fake.from, 7);
	assert_int_equal(cursor(w, 1), 6);
	give(w, 1, 6, &id); /* a reader gone wrong: the engine skips it */
	world_settle(w);
	assert_int_equal(cursor(w, 1), 6);
}

static void another_stream_is_read_from_its_beginning(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, SHARD, 0), other = world_id_on(w, SHARD, 1);
	world_serve(w, 0, SHARD, 5);
	looked(w, 0, "c1", 9);
	give(w, 0, 8, &id);
	for (int i = 0; i < 4; i++) {
		world_settle(w);
		pass(w, 0, LONG_MS);
	}
	assert_int_equal(fake.purged, 8);
	assert_int_equal(fake.from, 9);
	/* Made again while a read is under way: its answer may be of either. */
	looked(w, 0, "c2", 3);
	give(w, 0, 9, &other);
	assert_false(known(w, 0, &other));
	world_settle(w);
	assert_int_equal(fake.from, 1);
	give(w, 0, 1, &other);
	assert_true(known(w, 0, &other));
	assert_int_equal(cursor(w, 0), 1);
	/* Positions of the old one are never purged from the new one; its own are. */
	assert_int_equal(fake.purged, 8);
	for (int i = 0; i < 4; i++) {
		world_settle(w);
		pass(w, 0, LONG_MS);
	}
	assert_int_equal(fake.purged, 1);
}

/* The server has lost what it had acknowledged; a look that says so once is not enough. */
static void a_shorter_stream_is_read_again(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, SHARD, 0);
	world_serve(w, 0, SHARD, 5);
	looked(w, 0, "c1", 8);
	give(w, 0, 8, &id);
	world_settle(w);
	looked(w, 0, "c1", 5);
	looked(w, 0, "c1", 8);
	pass(w, 0, LONG_MS);
	assert_int_equal(fake.reads, 1);
	looked(w, 0, "c1", 5);
	pass(w, 0, LONG_MS);
	world_settle(w);
	assert_int_equal(cursor(w, 0), 0);
	assert_int_equal(fake.from, 1);
}

/* What is known of the end may be from before another owner's cursor: that is no shorter stream. */
static void an_old_look_proves_nothing(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, SHARD, 0);
	world_serve(w, 0, SHARD, 5);
	looked(w, 0, "c1", 8);
	give(w, 0, 8, &id);
	world_settle(w);
	looked(w, 0, "c1", 5);
	fake.created = NULL;
	pass(w, 0, 2900);
	assert_int_equal(cursor(w, 0), 8);
	looked(w, 0, "c1", 5); /* asked when the doubt was young */
	assert_int_equal(cursor(w, 0), 8);
	pass(w, 0, LONG_MS);
	world_settle(w);
	assert_int_equal(cursor(w, 0), 0);
}

/* A server that leads no more says that there is nothing: the entry stays before the cursor until
 * it is read, or until it must have been the leader who says so. */
static void nothing_is_believed_late(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, SHARD, 0);
	uint64_t waited_ms = 0;
	world_serve(w, 0, SHARD, 5);
	looked(w, 0, "c1", 4);
	give(w, 0, 0, NULL);
	pass(w, 0, 1000);
	assert_int_equal(fake.reads, 1);
	pass(w, 0, 2000);
	assert_int_equal(fake.reads, 2);
	assert_int_equal(fake.from, 1);
	give(w, 0, 3, &id);
	assert_true(known(w, 0, &id));
	assert_int_equal(fake.from, 4);
	for (; waited_ms < 60000; waited_ms += 100) {
		if (fake.open)
			give(w, 0, 0, NULL);
		pass(w, 0, 100);
	}
	/* Every 2 s for 25 s, and then no more. */
	assert_in_range(fake.reads, 13, 17);
	looked(w, 0, "c1", 6);
	assert_int_equal(fake.from, 5);
}

/* Who stood still, or served nothing, knows an older stream: nothing is done by that. */
static void old_knowledge_is_not_used(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, SHARD, 0);
	world_serve(w, 0, SHARD, 5);
	looked(w, 0, "c1", 8);
	world_turn(w, 4000);
	give(w, 0, 2, &id);
	assert_false(known(w, 0, &id));
	assert_int_equal(fake.reads, 1);
	looked(w, 0, "c2", 2);
	assert_int_equal(fake.reads, 2);
	assert_int_equal(fake.from, 1);
	give(w, 0, 2, &id);
	world_settle(w);
	assert_int_equal(cursor(w, 0), 2);
	/* Neither are positions purged by it. */
	world_turn(w, LONG_MS);
	world_turn(w, LONG_MS);
	world_settle(w);
	world_turn(w, LONG_MS);
	assert_int_equal(fake.purges, 0);
	pass(w, 0, 2 * LONG_MS);
	assert_int_equal(fake.purges, 1);
}

static void garbage_is_passed(void **state)
{
	struct world *w = *state;
	struct inbox_message message = {.sequence = 1,
					.subject = slice_str("saga.v1.inbox.1.a+b"),
					.bytes = slice_str("garbage")};
	struct core_stats stats;
	world_serve(w, 0, SHARD, 5);
	looked(w, 0, "c1", 3);
	fake.open = false;
	core_inbox_read(w->nodes[0].core, w->now, SHARD, 0, &message);
	world_turn(w, 1);
	assert_int_equal(fake.from, 2);
	message.sequence = 2;
	message.subject = slice_str("saga.v1.inbox.1.shop");
	fake.open = false;
	core_inbox_read(w->nodes[0].core, w->now, SHARD, 0, &message);
	world_settle(w);
	assert_int_equal(fake.from, 3);
	assert_int_equal(cursor(w, 0), 2);
	core_stats(w->nodes[0].core, &stats);
	assert_int_equal(stats.txn.inbox_refused_total, 2);
}

/* A read that fails moves nothing, and comes again. */
static void a_failed_read_comes_again(void **state)
{
	struct world *w = *state;
	const struct inbox_message nothing = {0};
	world_serve(w, 0, SHARD, 5);
	looked(w, 0, "c1", 3);
	fake.open = false;
	core_inbox_read(w->nodes[0].core, w->now, SHARD, SAGA_E_TIMEOUT, &nothing);
	world_turn(w, 1);
	assert_int_equal(fake.reads, 1);
	world_turn(w, 200);
	assert_int_equal(fake.reads, 2);
	assert_int_equal(fake.from, 1);
	/* Without the stream nothing is read. */
	fake.open = false;
	core_inbox_read(w->nodes[0].core, w->now, SHARD, SAGA_E_TIMEOUT, &nothing);
	core_inbox_looked(w->nodes[0].core, w->now, SAGA_E_JOURNAL_MISSING, slice_of(NULL, 0), 0);
	world_turn(w, 500);
	assert_int_equal(fake.reads, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_batch_holds_saga_and_cursor),
		TEST(is_deleted_only_behind_the_journal),
		TEST(the_next_owner_reads_behind_the_cursor),
		TEST(another_stream_is_read_from_its_beginning),
		TEST(a_shorter_stream_is_read_again),
		TEST(an_old_look_proves_nothing),
		TEST(nothing_is_believed_late),
		TEST(old_knowledge_is_not_used),
		TEST(garbage_is_passed),
		TEST(a_failed_read_comes_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
