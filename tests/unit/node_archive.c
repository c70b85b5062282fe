/* What the journal forgets is in history first (S25): entries leave nothing out, whatever fails and
 * whoever takes over; while nothing can be written nothing is retired, and then work is refused. */
#include "tests/unit/node_world.h"

#include <stdlib.h>

#include "node/core_internal.h"
#include "wire/archive_entry.h"
#include "wire/record.h"

enum { SEGMENT_BYTES = 3000, ENTRIES_MAX = 1024, SHARD = 1 };

/* The stream, and what is on its way. */
struct store {
	struct archive base;
	struct world *world;
	struct buf entries[ENTRIES_MAX];
	uint32_t count;
	int error; /* of the next writes; 0 = they are stored */
	bool store_anyway;
	bool writing, finding;
	enum archive_key key;
	uint64_t value;
};

static struct store *store_of(struct archive *archive)
{
	return (struct store *)(void *)archive;
}

static int store_write(struct archive *archive, uint32_t shard, struct slice entry)
{
	struct store *s = store_of(archive);

	assert_int_equal(shard, SHARD);
	assert_false(s->writing);
	s->writing = true;
	if (s->error == 0 || s->store_anyway) {
		assert_in_range(s->count, 0, ENTRIES_MAX - 1);
		buf_init(&s->entries[s->count], 2 * 1024 * 1024);
		assert_int_equal(buf_put_slice(&s->entries[s->count++], entry), 0);
	}
	return 0;
}

static int store_find(struct archive *archive, uint32_t shard, enum archive_key key, uint64_t value)
{
	struct store *s = store_of(archive);

	assert_int_equal(shard, SHARD);
	s->finding = true;
	s->key = key;
	s->value = value;
	return 0;
}

static void store_cancel(struct archive *archive, uint32_t shard)
{
	(void)shard;
	store_of(archive)->writing = store_of(archive)->finding = false;
}

static void store_close(struct archive *archive)
{
	(void)archive;
}

static const struct archive_ops store_ops = {
	.write = store_write, .find = store_find, .cancel = store_cancel, .close = store_close};

static struct slice look_up(const struct store *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		struct archive_entry e;
		struct slice batches;

		assert_int_equal(archive_entry_decode(buf_slice(&s->entries[i]), &e, &batches), 0);
		if (s->key == ARCHIVE_BY_RECORD
			    ? s->value >= e.first_record && s->value <= e.last_record
			    : s->value >= e.first_sequence &&
				      s->value < e.first_sequence + e.batch_count)
			return buf_slice(&s->entries[i]);
	}
	return slice_of(NULL, 0);
}

/* The store's answers, to whoever owns the shard. */
static void pump(struct store *s, uint32_t node)
{
	struct core *core = s->world->nodes[node].core;

	if (s->writing) {
		s->writing = false;
		core_history_written(core, s->world->now, SHARD, s->error);
	}
	if (s->finding) {
		const struct slice entry = look_up(s);

		s->finding = false;
		core_history_found(core, s->world->now, SHARD,
				   entry.size > 0 ? 0 : SAGA_E_NOT_FOUND, entry);
	}
}

static struct store *open_nodes(struct world *w)
{
	struct store *s = calloc(1, sizeof *s);

	assert_non_null(s);
	s->base.ops = &store_ops;
	s->world = w;
	w->config.segment_bytes = SEGMENT_BYTES;
	w->config.limits.remembered_max = 2000;
	w->config.archive = &s->base;
	for (uint32_t i = 0; i < 2; i++) {
		world_node_close(&w->nodes[i]);
		world_node_open(w, &w->nodes[i], i == 0 ? "n1" : "n2");
	}
	return s;
}

static void close_store(struct store *s)
{
	for (uint32_t i = 0; i < 2; i++)
		world_node_close(&s->world->nodes[i]);
	s->world->config.archive = NULL;
	for (uint32_t i = 0; i < 2; i++)
		world_node_open(s->world, &s->world->nodes[i], i == 0 ? "n1" : "n2");
	for (uint32_t i = 0; i < s->count; i++)
		buf_close(&s->entries[i]);
	free(s);
}

static void run_others(struct store *s, uint32_t node, uint32_t first, uint32_t count)
{
	struct world *w = s->world;

	w->no_wait = true;
	for (uint32_t i = 0; i < count; i++) {
		const struct id id = world_id_on(w, SHARD, first + i);

		w->caught_count = 0;
		world_submit(w, &id, "_INBOX.client.2");
		for (uint32_t step = 0; step < 2; step++) {
			world_settle(w);
			world_answer_ok(w, SHARD);
		}
		world_settle(w);
		world_turn(w, 1000);
		pump(s, node);
		world_settle(w);
	}
}

static uint64_t first_left(const struct world *w)
{
	uint64_t at = 1;

	while (at <= w->log.count[SHARD] && w->log.batches[SHARD][at - 1].bytes == NULL)
		at++;
	return at;
}

/* Every batch that has left the journal is in some entry, and each entry goes on where those before
 * it end, or before. */
static void assert_kept(const struct store *s)
{
	uint64_t next = 1;

	for (uint32_t i = 0; i < s->count; i++) {
		struct archive_entry e;
		struct slice batches, batch;

		assert_int_equal(archive_entry_decode(buf_slice(&s->entries[i]), &e, &batches), 0);
		assert_true(e.first_sequence <= next);
		for (uint64_t at = e.first_sequence; archive_entry_next(&batches, &batch); at++) {
			const struct model_batch *kept = &s->world->log.batches[SHARD][at - 1];

			if (kept->bytes != NULL)
				assert_true(slice_equal(batch, slice_of(kept->bytes, kept->size)));
		}
		if (e.first_sequence + e.batch_count > next)
			next = e.first_sequence + e.batch_count;
	}
	assert_true(next >= first_left(s->world));
}

static void nothing_leaves_before_it_is_kept(void **state)
{
	struct world *w = *state;
	struct store *s = open_nodes(w);

	world_serve(w, 0, SHARD, 5);
	s->error = SAGA_E_TIMEOUT;
	run_others(s, 0, 1, 25);
	for (uint32_t i = 0; i < 20; i++) {
		world_turn(w, 1000);
		pump(s, 0);
		world_settle(w);
	}
	assert_int_equal(first_left(w), 1);
	assert_int_equal(s->count, 0);
	assert_true(world_noted(w, "history.not_written") > 0);
	s->error = 0;
	run_others(s, 0, 100, 60);
	assert_true(first_left(w) > 1);
	assert_kept(s);
	close_store(s);
}

/* Not known to be there: it is written again, and once more by who takes over. */
static void doubt_repeats(void **state)
{
	struct world *w = *state;
	struct store *s = open_nodes(w);

	world_serve(w, 0, SHARD, 5);
	run_others(s, 0, 1, 30);
	s->error = SAGA_E_TIMEOUT;
	s->store_anyway = true;
	run_others(s, 0, 100, 20);
	s->error = 0;
	world_serve(w, 1, SHARD, 9);
	run_others(s, 1, 200, 60);
	assert_true(first_left(w) > 1);
	assert_kept(s);
	close_store(s);
}

static void long_trouble_refuses_work(void **state)
{
	struct world *w = *state;
	struct store *s = open_nodes(w);

	world_serve(w, 0, SHARD, 5);
	s->error = SAGA_E_TIMEOUT;
	w->no_wait = true;
	for (uint32_t i = 0; i < 200 && core_archive_room(w->nodes[0].core->shards[SHARD]); i++)
		run_others(s, 0, 1 + i, 1);
	assert_false(core_archive_room(w->nodes[0].core->shards[SHARD]));
	const struct id id = world_id_on(w, SHARD, 900);
	w->caught_count = 0;
	world_submit(w, &id, "_INBOX.client.2");
	world_settle(w);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_BUSY));
	s->error = 0;
	for (uint32_t i = 0; i < 10; i++) {
		world_turn(w, 1000);
		pump(s, 0);
		world_settle(w);
	}
	assert_true(core_archive_room(w->nodes[0].core->shards[SHARD]));
	run_others(s, 0, 1000, 20);
	assert_true(first_left(w) > 1);
	assert_kept(s);
	close_store(s);
}

static void what_left_is_shown(void **state)
{
	static uint8_t memory[ARENA_SIZE];
	struct world *w = *state;
	struct store *s = open_nodes(w);
	const struct id id = world_id_on(w, SHARD, 1);
	struct wire_history history;
	struct arena arena;
	uint32_t entries = 0, pages = 0;
	uint64_t from = 0;

	world_serve(w, 0, SHARD, 5);
	run_others(s, 0, 1, 120); /* `id` among them */
	assert_true(first_left(w) > 20);
	do {
		const struct wire_history_request request = {.id = id_slice(&id),
							     .from_sequence = from};

		w->caught_count = 0;
		world_send(w, WIRE_HISTORY_REQUEST, &request, SHARD, SUBJECT_HISTORY, "default",
			   "_INBOX.client.3");
		world_settle(w);
		pump(s, 0);
		world_settle(w);
		const struct caught *c = world_last(w, WIRE_HISTORY);
		arena_init(&arena, memory, sizeof memory);
		assert_int_equal(wire_decode(WIRE_HISTORY, slice_of(c->bytes, c->size), &arena,
					     &history, NULL),
				 0);
		assert_int_equal(history.code, 0);
		entries += history.entry_count;
		from = history.next_sequence;
	} while (from != 0 && ++pages < 50);
	assert_int_equal(from, 0);
	assert_int_equal(entries, 4); /* accepted, two steps, finished */
	close_store(s);
}

int main(void)
{
#define ARCHIVE_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		ARCHIVE_TEST(nothing_leaves_before_it_is_kept),
		ARCHIVE_TEST(doubt_repeats),
		ARCHIVE_TEST(long_trouble_refuses_work),
		ARCHIVE_TEST(what_left_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
