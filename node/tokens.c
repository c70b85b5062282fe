#include "node/tokens.h"

#include "base/check.h"

size_t tokens_memory_size(uint32_t capacity)
{
	return (size_t)capacity * sizeof(struct token_slot);
}

void tokens_init(struct tokens *t, void *zeroed_memory, uint32_t capacity)
{
	*t = (struct tokens){.slots = zeroed_memory, .capacity = capacity};
}

uint64_t tokens_take(struct tokens *t, struct slice subject)
{
	if (subject.size == 0 || subject.size > TOKEN_SUBJECT_MAX)
		return 0;
	uint32_t at;
	if (t->first_free != 0) {
		at = t->first_free - 1;
		t->first_free = t->slots[at].next_free;
	} else if (t->fresh < t->capacity) {
		at = t->fresh++;
	} else {
		return 0;
	}
	struct token_slot *slot = &t->slots[at];
	CHECK_EQ(slot->subject[0], 0);
	memcpy(slot->subject, subject.data, subject.size);
	slot->subject[subject.size] = '\0';
	slot->generation++;
	t->used++;
	return (uint64_t)slot->generation << 32 | (at + 1);
}

static struct token_slot *slot_of(const struct tokens *t, uint64_t token)
{
	const uint32_t at = (uint32_t)token - 1;
	if ((uint32_t)token == 0 || at >= t->fresh)
		return NULL;
	struct token_slot *slot = &t->slots[at];
	if (slot->generation != (uint32_t)(token >> 32) || slot->subject[0] == '\0')
		return NULL;
	return slot;
}

const char *tokens_find(const struct tokens *t, uint64_t token)
{
	const struct token_slot *slot = slot_of(t, token);
	return slot == NULL ? NULL : slot->subject;
}

const char *tokens_next(const struct tokens *t, uint32_t *at)
{
	while (*at < t->fresh) {
		const struct token_slot *slot = &t->slots[(*at)++];
		if (slot->subject[0] != '\0')
			return slot->subject;
	}
	return NULL;
}

void tokens_drop(struct tokens *t, uint64_t token)
{
	struct token_slot *slot = slot_of(t, token);
	if (slot == NULL)
		return;
	slot->subject[0] = '\0';
	slot->next_free = t->first_free;
	t->first_free = (uint32_t)token;
	CHECK(t->used > 0);
	t->used--;
}
