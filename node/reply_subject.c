#include "node/reply_subject.h"

#include "base/check.h"

static bool under(const char *prefix, struct slice reply)
{
	const struct slice start = slice_str(prefix);

	return reply.size > start.size + 1 && reply.data[start.size] == '.' &&
	       memcmp(reply.data, start.data, start.size) == 0;
}

bool reply_subject_allowed(const char (*prefixes)[64], uint32_t prefix_count, struct slice reply)
{
	bool is_inbox = false;

	if (reply.size >= SUBJECT_SIZE_MAX)
		return false;
	for (uint32_t i = 0; i < prefix_count && !is_inbox; i++)
		is_inbox = under(prefixes[i], reply);
	for (uint32_t i = 0; is_inbox && i < reply.size; i++)
		is_inbox = reply.data[i] > ' ' && reply.data[i] != '*' && reply.data[i] != '>' &&
			   reply.data[i] != 0x7f;
	return is_inbox;
}

void reply_subject_copy(struct slice reply, char subject[SUBJECT_SIZE_MAX])
{
	CHECK_LT(reply.size, SUBJECT_SIZE_MAX);
	memcpy(subject, reply.data, reply.size);
	subject[reply.size] = '\0';
}
