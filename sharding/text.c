#include "sharding/text.h"

static bool text_character_valid(uint8_t c)
{
	return c > ' ' && c < 0x7f;
}

bool text_word_valid(struct slice text, uint32_t size_max)
{
	if (text.size > size_max)
		return false;
	for (uint32_t i = 0; i < text.size; i++) {
		if (!text_character_valid(text.data[i]))
			return false;
	}
	return true;
}

bool text_literal(struct text_cursor *cursor, const char *literal)
{
	const size_t size = strlen(literal);

	if ((size_t)(cursor->end - cursor->at) < size)
		return false;
	if (size > 0 && memcmp(cursor->at, literal, size) != 0)
		return false;
	cursor->at += size;
	return true;
}

bool text_number(struct text_cursor *cursor, uint64_t max, uint64_t *number)
{
	const uint8_t *at = cursor->at;
	uint64_t value = 0;

	while (at < cursor->end && *at >= '0' && *at <= '9') {
		const uint64_t digit = (uint64_t)(*at - '0');

		if (at > cursor->at && value == 0)
			return false; /* one spelling a number */
		if (value > (max - digit) / 10 || digit > max)
			return false;
		value = value * 10 + digit;
		at++;
	}
	if (at == cursor->at)
		return false;
	cursor->at = at;
	*number = value;
	return true;
}

bool text_word(struct text_cursor *cursor, uint32_t size_max, struct slice *word)
{
	const uint8_t *at = cursor->at;

	while (at < cursor->end && text_character_valid(*at))
		at++;
	if ((uint64_t)(at - cursor->at) > size_max)
		return false;
	*word = slice_of(cursor->at, (uint32_t)(at - cursor->at));
	cursor->at = at;
	return true;
}

bool text_id(struct text_cursor *cursor, bool may_be_empty, struct id *id)
{
	struct text_cursor ahead = *cursor;
	struct slice word;

	if (!text_word(&ahead, ID_SIZE_MAX, &word))
		return false;
	if (word.size == 0 ? may_be_empty : slice_equal(word, slice_str("-")))
		*id = (struct id){0};
	else if (id_from(id, word) != 0)
		return false;
	*cursor = ahead;
	return true;
}
