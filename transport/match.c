#include "transport/match.h"

static uint32_t token_end(struct slice text, uint32_t from)
{
	while (from < text.size && text.data[from] != '.')
		from++;
	return from;
}

static bool token_is(struct slice text, uint32_t from, uint32_t end, char wildcard)
{
	return end - from == 1 && text.data[from] == (uint8_t)wildcard;
}

bool match_subject(struct slice pattern, struct slice subject)
{
	uint32_t p = 0;
	uint32_t s = 0;

	if (pattern.size == 0 || subject.size == 0)
		return false;
	for (;;) {
		const uint32_t p_end = token_end(pattern, p);
		const uint32_t s_end = token_end(subject, s);

		if (p_end == pattern.size && token_is(pattern, p, p_end, '>'))
			return s_end > s;
		if (!token_is(pattern, p, p_end, '*') &&
		    !slice_equal(slice_of(pattern.data + p, p_end - p),
				 slice_of(subject.data + s, s_end - s)))
			return false;
		if (p_end == pattern.size || s_end == subject.size)
			return p_end == pattern.size && s_end == subject.size;
		p = p_end + 1;
		s = s_end + 1;
	}
}

bool match_publish_valid(struct slice subject)
{
	if (subject.size == 0 || subject.size > MATCH_SUBJECT_SIZE_MAX)
		return false;
	for (uint32_t i = 0; i < subject.size; i++) {
		if (subject.data[i] <= ' ' || subject.data[i] == 0x7f)
			return false;
	}
	return true;
}

bool match_pattern_valid(struct slice pattern)
{
	if (!match_publish_valid(pattern))
		return false;
	for (uint32_t from = 0;;) {
		const uint32_t end = token_end(pattern, from);

		if (end == from)
			return false;
		if (token_is(pattern, from, end, '>') && end != pattern.size)
			return false;
		if (end == pattern.size)
			return true;
		from = end + 1;
	}
}
