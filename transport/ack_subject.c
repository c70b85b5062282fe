#include "transport/ack_subject.h"

enum { TOKENS_MAX = 12, TOKENS_SHORT = 9, TOKENS_LONG = 11 };

static uint32_t split(struct slice text, struct slice tokens[TOKENS_MAX])
{
	uint32_t count = 0;
	uint32_t from = 0;

	for (uint32_t i = 0; i <= text.size; i++) {
		if (i < text.size && text.data[i] != '.')
			continue;
		if (count == TOKENS_MAX)
			return TOKENS_MAX + 1;
		tokens[count++] = slice_of(text.data + from, i - from);
		from = i + 1;
	}
	return count;
}

static bool parse_number(struct slice token, uint64_t *value)
{
	uint64_t sum = 0;

	if (token.size == 0 || token.size > 20)
		return false;
	for (uint32_t i = 0; i < token.size; i++) {
		const uint64_t digit = (uint64_t)token.data[i] - '0';

		if (token.data[i] < '0' || token.data[i] > '9' || sum > (UINT64_MAX - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*value = sum;
	return true;
}

/* How many tokens stand before <delivered>; 0 = it is no such subject. */
static uint32_t place_of(struct slice reply, struct slice tokens[TOKENS_MAX])
{
	static const char prefix[] = "$JS.ACK.";
	const uint32_t prefix_size = sizeof prefix - 1;
	uint32_t found;

	if (reply.size <= prefix_size || memcmp(reply.data, prefix, prefix_size) != 0)
		return 0;
	found = split(reply, tokens);
	if (found == TOKENS_SHORT)
		return 4;
	return found == TOKENS_LONG || found == TOKENS_MAX ? 6 : 0;
}

bool ack_subject_parse(struct slice reply, uint64_t *delivered, uint64_t *stream_sequence)
{
	struct slice tokens[TOKENS_MAX];
	const uint32_t place = place_of(reply, tokens);
	uint64_t count = 0;
	uint64_t sequence = 0;

	if (place == 0 || !parse_number(tokens[place], &count) ||
	    !parse_number(tokens[place + 1], &sequence))
		return false;
	*delivered = count;
	*stream_sequence = sequence;
	return true;
}

bool ack_subject_pending(struct slice reply, uint64_t *pending)
{
	struct slice tokens[TOKENS_MAX];
	const uint32_t place = place_of(reply, tokens);
	uint64_t count = 0;

	if (place == 0 || !parse_number(tokens[place + 4], &count))
		return false;
	*pending = count;
	return true;
}
