#include "tests/judge/history.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

enum { FIRST_CAPACITY = 64 };

/* Room for one more element, which is zeroed. */
static void *grow(void *array, uint32_t count, uint32_t *capacity, size_t size)
{
	if (count == *capacity) {
		CHECK_LT(*capacity, UINT32_MAX / 2);
		*capacity = *capacity == 0 ? FIRST_CAPACITY : *capacity * 2;
		array = realloc(array, *capacity * size);
		CHECK(array != NULL);
	}
	memset((uint8_t *)array + count * size, 0, size);
	return array;
}

#define ADD(history, name)                                                                         \
	((history)->name##s = grow((history)->name##s, (history)->name##_count,                    \
				   &(history)->name##_capacity, sizeof *(history)->name##s),       \
	 &(history)->name##s[(history)->name##_count++])

/* Of what has a time. */
#define ADD_TIMED(history, name, ms)                                                               \
	do {                                                                                       \
		struct history_##name *added_ = ADD(history, name);                                \
		added_->at_ms = (ms);                                                              \
		added_->order = ++(history)->order;                                                \
		return added_;                                                                     \
	} while (0)

void history_init(struct history *h, uint32_t shard_count)
{
	CHECK(shard_count > 0 && shard_count <= HISTORY_SHARDS_MAX);
	memset(h, 0, sizeof *h);
	h->shard_count = shard_count;
	h->journals = calloc(shard_count, sizeof *h->journals);
	CHECK(h->journals != NULL);
}

static void close_journals(struct history *h)
{
	for (uint32_t n = 0; h->journals != NULL && n < h->shard_count; n++) {
		for (uint32_t i = 0; i < h->journals[n].count; i++)
			free(h->journals[n].batches[i].bytes);
		free(h->journals[n].batches);
	}
	free(h->journals);
}

void history_close(struct history *h)
{
	close_journals(h);
	free(h->nodes);
	free(h->services);
	free(h->steps);
	free(h->sagas);
	free(h->saga_index);
	free(h->requests);
	free(h->answers);
	free(h->listed);
	free(h->commands);
	free(h->effects);
	free(h->replies);
	free(h->accounts);
	free(h->owners);
	free(h->samples);
	free(h->states);
	free(h->faults);
	free(h->letters);
	free(h->incarnations);
	free(h->entries);
	memset(h, 0, sizeof *h);
}

uint32_t history_add_node(struct history *h, struct slice name)
{
	CHECK_EQ(id_from(ADD(h, node), name), 0);
	return h->node_count - 1;
}

uint32_t history_add_service(struct history *h, struct slice name)
{
	CHECK_EQ(id_from(ADD(h, service), name), 0);
	return h->service_count - 1;
}

/* ---- sagas by their id -------------------------------------------------------------------------
 */

static uint32_t *slot_of(const struct history *h, struct slice id)
{
	const uint32_t mask = h->saga_index_size - 1;
	uint32_t at = (uint32_t)hash_xxh3_64(id) & mask;

	while (h->saga_index[at] != 0 &&
	       !slice_equal(id, id_slice(&h->sagas[h->saga_index[at] - 1].id)))
		at = (at + 1) & mask;
	return &h->saga_index[at];
}

static void index_grow(struct history *h)
{
	if (h->saga_count * 2 < h->saga_index_size)
		return;
	free(h->saga_index);
	h->saga_index_size = h->saga_index_size == 0 ? 4 * FIRST_CAPACITY : h->saga_index_size * 2;
	h->saga_index = calloc(h->saga_index_size, sizeof *h->saga_index);
	CHECK(h->saga_index != NULL);
	for (uint32_t i = 0; i < h->saga_count; i++)
		*slot_of(h, id_slice(&h->sagas[i].id)) = i + 1;
}

uint32_t history_add_saga(struct history *h, const struct history_saga *saga)
{
	uint32_t *slot;

	index_grow(h);
	slot = slot_of(h, id_slice(&saga->id));
	CHECK_EQ(*slot, 0); /* ids are the client's keys: each has one */
	*slot = h->saga_count + 1;
	*ADD(h, saga) = *saga;
	h->sagas[h->saga_count - 1].first_step = h->step_count;
	h->sagas[h->saga_count - 1].step_count = 0;
	return h->saga_count - 1;
}

struct history_step *history_add_step(struct history *h, const struct history_step *step)
{
	struct history_step *added;

	CHECK(h->saga_count > 0);
	CHECK_LT(h->sagas[h->saga_count - 1].step_count, WIRE_STEPS_MAX);
	h->sagas[h->saga_count - 1].step_count++;
	added = ADD(h, step);
	*added = *step;
	return added;
}

bool history_find_saga(const struct history *h, struct slice id, uint32_t *saga)
{
	const uint32_t found = h->saga_index_size > 0 ? *slot_of(h, id) : 0;

	*saga = found - 1;
	return found != 0;
}

bool history_find_step(const struct history *h, uint32_t saga, struct slice name, uint32_t *step)
{
	for (*step = 0; *step < h->sagas[saga].step_count; ++*step)
		if (slice_equal(name, id_slice(&history_step_of(h, saga, *step)->name)))
			return true;
	*step = HISTORY_NONE;
	return false;
}

/* ---- what has a time ---------------------------------------------------------------------------
 */

struct history_request *history_add_request(struct history *h, uint64_t at_ms)
{
	ADD_TIMED(h, request, at_ms);
}

struct history_answer *history_add_answer(struct history *h, uint64_t at_ms)
{
	ADD_TIMED(h, answer, at_ms);
}

struct history_listed *history_add_listed(struct history *h, uint64_t at_ms)
{
	struct history_listed *added;

	h->listed = grow(h->listed, h->listed_count, &h->listed_capacity, sizeof *h->listed);
	added = &h->listed[h->listed_count++];
	added->at_ms = at_ms;
	added->order = ++h->order;
	return added;
}

struct history_batch *history_add_batch(struct history *h, uint64_t at_ms, uint32_t shard,
					uint8_t *bytes, uint32_t size)
{
	struct history_journal *j;
	struct history_batch *added;

	CHECK_LT(shard, h->shard_count);
	CHECK(bytes != NULL);
	j = &h->journals[shard];
	j->batches = grow(j->batches, j->count, &j->capacity, sizeof *j->batches);
	added = &j->batches[j->count++];
	*added = (struct history_batch){
		.at_ms = at_ms, .order = ++h->order, .bytes = bytes, .size = size};
	return added;
}

void history_lose_batches(struct history *h, uint32_t shard, uint32_t count)
{
	struct history_journal *j = &h->journals[shard];

	for (; count > 0 && j->count > 0; count--)
		free(j->batches[--j->count].bytes);
}

struct history_command *history_add_command(struct history *h, uint64_t at_ms)
{
	ADD_TIMED(h, command, at_ms);
}

struct history_effect *history_add_effect(struct history *h, uint64_t at_ms)
{
	struct history_effect *added = ADD(h, effect);

	added->at_ms = at_ms;
	added->order = ++h->order;
	added->account = HISTORY_NONE;
	return added;
}

struct history_reply *history_add_reply(struct history *h, uint64_t at_ms)
{
	struct history_reply *added;

	h->replies = grow(h->replies, h->reply_count, &h->reply_capacity, sizeof *h->replies);
	added = &h->replies[h->reply_count++];
	added->at_ms = at_ms;
	added->order = ++h->order;
	return added;
}

struct history_account *history_add_account(struct history *h)
{
	return ADD(h, account);
}

struct history_owner *history_add_owner(struct history *h, uint64_t at_ms)
{
	ADD_TIMED(h, owner, at_ms);
}

struct history_sample *history_add_sample(struct history *h, uint64_t at_ms)
{
	ADD_TIMED(h, sample, at_ms);
}

struct history_state *history_add_state(struct history *h, uint64_t at_ms)
{
	ADD_TIMED(h, state, at_ms);
}

struct history_fault *history_add_fault(struct history *h, uint64_t at_ms, const char *what)
{
	struct history_fault *added = ADD(h, fault);

	added->at_ms = at_ms;
	added->order = ++h->order;
	added->node = added->shard = HISTORY_NONE;
	(void)snprintf(added->what, sizeof added->what, "%s", what);
	return added;
}

/* ---- the inbox ---------------------------------------------------------------------------------
 */

uint32_t history_add_letter(struct history *h, const struct history_letter *letter)
{
	*ADD(h, letter) = *letter;
	return h->letter_count - 1;
}

void history_add_incarnation(struct history *h, const char *created)
{
	struct history_incarnation *added = ADD(h, incarnation);

	(void)snprintf(added->created, sizeof added->created, "%s", created);
	added->first_entry = h->entry_count;
}

struct history_entry *history_add_entry(struct history *h, uint64_t at_ms)
{
	struct history_incarnation *in;
	struct history_entry *added;

	CHECK(h->incarnation_count > 0);
	in = &h->incarnations[h->incarnation_count - 1];
	h->entries = grow(h->entries, h->entry_count, &h->entry_capacity, sizeof *h->entries);
	added = &h->entries[h->entry_count++];
	added->at_ms = at_ms;
	added->order = ++h->order;
	added->incarnation = h->incarnation_count - 1;
	added->sequence = ++in->entry_count;
	return added;
}

bool history_find_entry(const struct history *h, uint32_t shard, struct slice created,
			uint64_t sequence, uint32_t *entry)
{
	for (uint32_t i = 0; i < h->incarnation_count; i++) {
		const struct history_incarnation *in = &h->incarnations[i];

		if (!slice_equal(created, slice_str(in->created)) || sequence == 0 ||
		    sequence > in->entry_count)
			continue;
		*entry = in->first_entry + (uint32_t)sequence - 1;
		return h->letters[h->entries[*entry].letter].shard == shard;
	}
	*entry = HISTORY_NONE;
	return false;
}

const char *history_part_name(enum history_part part)
{
	static const char *const names[HISTORY_PARTS] = {
		"clients", "journal", "wire",   "ledger", "accounts", "owners",
		"inbox",   "samples", "states", "end",    "replies",
	};

	for (uint32_t i = 0; i < HISTORY_PARTS; i++)
		if ((uint32_t)part == 1U << i)
			return names[i];
	return "?";
}
