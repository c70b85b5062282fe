#include "transport/request_table.h"

#include <stdlib.h>

#include "base/check.h"

enum { SLOT_NONE = UINT32_MAX };

struct request_entry {
	struct timer timer; /* armed exactly while the request is open */
	struct request request;
	uint32_t generation; /* never 0 */
	uint32_t next_free;
};

static struct request_entry *entry_at(const struct request_table *table, uint32_t slot)
{
	return &table->blocks[slot / REQUEST_BLOCK_SIZE][slot % REQUEST_BLOCK_SIZE];
}

void request_table_init(struct request_table *table, uint32_t max)
{
	CHECK(max > 0);
	*table = (struct request_table){
		.block_max = (max + REQUEST_BLOCK_SIZE - 1) / REQUEST_BLOCK_SIZE,
		.free_head = SLOT_NONE,
	};
	timer_heap_init(&table->heap, NULL, 0);
}

void request_table_close(struct request_table *table)
{
	CHECK_EQ(table->open, 0);
	for (uint32_t i = 0; i < table->block_count; i++)
		free(table->blocks[i]);
	free(table->blocks);
	free(table->heap.slots);
	*table = (struct request_table){.free_head = SLOT_NONE};
}

/* On failure the table works on as before: a larger array without the block does no harm. */
static int add_block(struct request_table *table)
{
	const uint32_t count = table->block_count + 1;
	struct request_entry **blocks;
	struct request_entry *block;
	struct timer **slots;

	if (table->block_count == table->block_max)
		return SAGA_E_BUSY;
	blocks = realloc(table->blocks, count * sizeof *blocks);
	if (blocks == NULL)
		return SAGA_E_NO_MEMORY;
	table->blocks = blocks;
	slots = realloc(table->heap.slots, (size_t)count * REQUEST_BLOCK_SIZE * sizeof *slots);
	if (slots == NULL)
		return SAGA_E_NO_MEMORY;
	table->heap.slots = slots;
	block = calloc(REQUEST_BLOCK_SIZE, sizeof *block);
	if (block == NULL)
		return SAGA_E_NO_MEMORY;
	table->heap.capacity = count * REQUEST_BLOCK_SIZE;
	table->blocks[table->block_count] = block;
	for (uint32_t i = REQUEST_BLOCK_SIZE; i-- > 0;) {
		const uint32_t slot = table->block_count * REQUEST_BLOCK_SIZE + i;

		timer_init(&block[i].timer, slot);
		block[i].generation = 1;
		block[i].next_free = table->free_head;
		table->free_head = slot;
	}
	table->block_count = count;
	return 0;
}

int request_table_open(struct request_table *table, uint64_t deadline_ms, struct request request,
		       uint64_t *token)
{
	struct request_entry *entry;
	uint32_t slot;

	CHECK(request.done != NULL);
	if (table->free_head == SLOT_NONE) {
		const int err = add_block(table);

		if (err != 0)
			return err;
	}
	slot = table->free_head;
	entry = entry_at(table, slot);
	CHECK(!timer_armed(&entry->timer));
	table->free_head = entry->next_free;
	entry->request = request;
	timer_arm(&table->heap, &entry->timer, deadline_ms);
	table->open++;
	*token = (uint64_t)entry->generation << 32 | slot;
	return 0;
}

static void end_entry(struct request_table *table, struct request_entry *entry, uint32_t slot,
		      struct request *request)
{
	timer_cancel(&table->heap, &entry->timer);
	*request = entry->request;
	entry->request = (struct request){NULL, NULL};
	entry->generation++;
	if (entry->generation == 0)
		entry->generation = 1;
	entry->next_free = table->free_head;
	table->free_head = slot;
	CHECK(table->open > 0);
	table->open--;
}

bool request_table_take(struct request_table *table, uint64_t token, struct request *request)
{
	const uint32_t slot = (uint32_t)token;
	struct request_entry *entry;

	if (slot / REQUEST_BLOCK_SIZE >= table->block_count)
		return false;
	entry = entry_at(table, slot);
	if (entry->generation != (uint32_t)(token >> 32) || !timer_armed(&entry->timer))
		return false;
	end_entry(table, entry, slot, request);
	return true;
}

bool request_table_take_due(struct request_table *table, uint64_t now_ms, struct request *request)
{
	const struct timer *timer = timer_heap_peek(&table->heap);

	if (timer == NULL || timer->deadline > now_ms)
		return false;
	end_entry(table, entry_at(table, timer->owner), timer->owner, request);
	return true;
}

bool request_table_take_any(struct request_table *table, struct request *request)
{
	return request_table_take_due(table, UINT64_MAX, request);
}

bool request_table_next_deadline(const struct request_table *table, uint64_t *deadline_ms)
{
	const struct timer *timer = timer_heap_peek(&table->heap);

	if (timer == NULL)
		return false;
	*deadline_ms = timer->deadline;
	return true;
}

void request_token_format(uint64_t token, char text[REQUEST_TOKEN_TEXT_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (uint32_t i = 0; i < REQUEST_TOKEN_TEXT_SIZE; i++)
		text[i] = digits[token >> (60 - 4 * i) & 15];
	text[REQUEST_TOKEN_TEXT_SIZE] = '\0';
}

bool request_token_parse(struct slice text, uint64_t *token)
{
	uint64_t value = 0;

	if (text.size != REQUEST_TOKEN_TEXT_SIZE)
		return false;
	for (uint32_t i = 0; i < text.size; i++) {
		const uint8_t c = text.data[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*token = value;
	return true;
}
