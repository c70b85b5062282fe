/* The durable inbox, as a client sees it: JSON of the broker's. Looked at for the few words that
 * matter, and never trusted with more than a retry: the owner judges each entry. */
#include <string.h>

#include "client/call.h"
#include "wire/shard.h"

enum { SERVER_MESSAGE_TOO_LARGE = 10054 };

/* Just behind `word`, or NULL. */
static const uint8_t *find(struct slice json, const char *word)
{
	const uint32_t size = (uint32_t)strlen(word);

	for (uint32_t i = 0; i + size <= json.size; i++)
		if (memcmp(json.data + i, word, size) == 0)
			return json.data + i + size;
	return NULL;
}

static uint32_t number_at(struct slice json, const uint8_t *at)
{
	uint32_t number = 0;

	for (; at != NULL && at < json.data + json.size && *at >= '0' && *at <= '9'; at++)
		number = number < 1000000 ? number * 10 + (*at - '0') : number;
	return number;
}

int call_inbox_answer(struct slice json)
{
	if (find(json, "\"error\"") == NULL)
		return find(json, "\"stream\"") != NULL && find(json, "\"seq\"") != NULL
			       ? 0
			       : SAGA_E_BAD_REPLY;
	/* Full, without a leader, short of resources: all of it passes. */
	return number_at(json, find(json, "\"err_code\":")) == SERVER_MESSAGE_TOO_LARGE
		       ? SAGA_E_TOO_LARGE
		       : SAGA_E_BUSY;
}

uint32_t call_inbox_shards(struct slice json)
{
	const uint8_t *at = find(json, "\"description\":\"sagad inbox cluster=");
	struct slice rest;
	uint32_t shards;

	if (at == NULL)
		return 0;
	rest = slice_of(at, (uint32_t)(json.data + json.size - at));
	shards = number_at(rest, find(rest, " shards="));
	return shards <= WIRE_SHARDS_MAX ? shards : 0;
}
