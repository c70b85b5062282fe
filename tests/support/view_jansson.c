/* What the launcher reads as JSON: the answers of sagactl and the nodes' log lines. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/support/cluster_parts.h"

static uint64_t number_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) && json_integer_value(value) > 0
		       ? (uint64_t)json_integer_value(value)
		       : 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

int view_shards(const char *json, struct cluster_shards *shards)
{
	json_t *root = json_loads(json, 0, NULL);
	const json_t *list = json_is_array(root) ? root : json_object_get(root, "shards");
	int err = SAGA_E_NONE;

	memset(shards, 0, sizeof *shards);
	if (!json_is_array(list) || json_array_size(list) > CLUSTER_SHARDS_MAX)
		err = SAGA_E_BAD_REPLY;
	for (size_t i = 0; err == SAGA_E_NONE && i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		const uint64_t number = number_of(entry, "shard");
		const char *state = text_of(entry, "state");
		struct cluster_shard *shard = NULL;

		if (number >= json_array_size(list)) {
			err = SAGA_E_BAD_REPLY;
			break;
		}
		shard = &shards->shards[number];
		(void)snprintf(shard->owner, sizeof shard->owner, "%s", text_of(entry, "owner"));
		shard->epoch = number_of(entry, "epoch");
		shard->serving = shard->owner[0] != '\0' && shard->epoch > 0 &&
				 (state[0] == '\0' || strcmp(state, "serving") == 0);
		shards->count++;
	}
	json_decref(root);
	return err;
}

bool view_leader(const char *json, char leader[PROCESS_NAME_SIZE])
{
	json_t *root = json_loads(json, 0, NULL);
	const char *name = text_of(json_object_get(root, "cluster"), "leader");

	(void)snprintf(leader, PROCESS_NAME_SIZE, "%s", name);
	json_decref(root);
	return leader[0] != '\0';
}

/* "2025-01-31T12:00:00.123Z" -> Unix ms; 0 = not such a text. */
static uint64_t parse_time(const char *text)
{
	struct tm parts;
	unsigned ms = 0;
	const char *rest = NULL;

	memset(&parts, 0, sizeof parts);
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
	if (rest == NULL || sscanf(rest, ".%3u", &ms) != 1)
		return 0;
	return (uint64_t)timegm(&parts) * 1000 + ms;
}

void view_event(const char *line, const char *node,
		void (*visit)(void *context, const struct cluster_event *event), void *context)
{
	json_t *root = json_loads(line, 0, NULL);

	if (json_is_object(root)) {
		const struct cluster_event event = {
			.node = node,
			.event = text_of(root, "event"),
			.unix_ms = parse_time(text_of(root, "ts")),
			.shard = number_of(root, "shard"),
			.epoch = number_of(root, "epoch"),
			.line = line,
		};

		visit(context, &event);
	}
	json_decref(root);
}
