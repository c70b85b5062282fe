/* Keys and values in the store. All values are small text that an operator can read with etcdctl;
 * reading is strict: what is not exactly in this form is reported and ignored. */
#include <inttypes.h>
#include <stdio.h>

#include "sharding/control_internal.h"
#include "sharding/text.h"

static const char control_hex[] = "0123456789abcdef";

static struct slice control_text(const char *text, int size, size_t room)
{
	CHECK(size > 0 && (size_t)size < room);
	return slice_of(text, (uint32_t)size);
}

struct slice control_key_fixed(const struct control *c, const char *tail,
			       char text[CONTROL_KEY_MAX])
{
	return control_text(text, snprintf(text, CONTROL_KEY_MAX, "%s%s", c->prefix, tail),
			    CONTROL_KEY_MAX);
}

struct slice control_key_node(const struct control *c, char text[CONTROL_KEY_MAX])
{
	return control_text(text,
			    snprintf(text, CONTROL_KEY_MAX, "%snodes/%s", c->prefix, c->node.text),
			    CONTROL_KEY_MAX);
}

struct slice control_key_owner(const struct control *c, uint32_t shard, char text[CONTROL_KEY_MAX])
{
	return control_text(
		text,
		snprintf(text, CONTROL_KEY_MAX, "%sshards/%" PRIu32 "/owner", c->prefix, shard),
		CONTROL_KEY_MAX);
}

struct slice control_key_numbered(const struct control *c, const char *folder, uint32_t shard,
				  char text[CONTROL_KEY_MAX])
{
	return control_text(
		text, snprintf(text, CONTROL_KEY_MAX, "%s%s%" PRIu32, c->prefix, folder, shard),
		CONTROL_KEY_MAX);
}

struct slice control_key_named(const struct control *c, const char *folder, const struct id *id,
			       char text[CONTROL_KEY_MAX])
{
	return control_text(text,
			    snprintf(text, CONTROL_KEY_MAX, "%s%s%s", c->prefix, folder, id->text),
			    CONTROL_KEY_MAX);
}

struct slice control_key_operation(const struct control *c, uint64_t number,
				   char text[CONTROL_KEY_MAX])
{
	const struct id id = ops_id(number);

	return control_key_named(c, "ops/", &id, text);
}

/* True when the key is in a folder of marks; name->kind says whether it is one. */
static bool control_mark_parse(struct text_cursor *cursor, struct control_key_name *name)
{
	for (uint32_t kind = 0; kind < MARK_KINDS; kind++) {
		uint64_t shard = 0;
		bool good;

		if (!text_literal(cursor, mark_folder((enum mark_kind)kind)))
			continue;
		if (kind == MARK_PIN || kind == MARK_FREEZE)
			good = text_number(cursor, WIRE_SHARDS_MAX - 1, &shard);
		else
			good = text_id(cursor, false, &name->id) && name->id.size > 0;
		name->shard = (uint32_t)shard;
		name->mark = (enum mark_kind)kind;
		if (good && text_ended(cursor))
			name->kind = CONTROL_KEY_MARK;
		return true;
	}
	return false;
}

struct slice control_key_ready(const struct control *c, uint32_t shard, char text[CONTROL_KEY_MAX])
{
	return control_text(
		text,
		snprintf(text, CONTROL_KEY_MAX, "%sshards/%" PRIu32 "/ready", c->prefix, shard),
		CONTROL_KEY_MAX);
}

void control_key_parse(const struct control *c, struct slice key, struct control_key_name *name)
{
	struct text_cursor cursor = text_cursor_of(key);
	const struct text_cursor none = {NULL, NULL};
	uint64_t shard;

	*name = (struct control_key_name){.kind = CONTROL_KEY_OTHER};
	if (!text_literal(&cursor, c->prefix))
		return;
	if (text_literal(&cursor, "nodes/")) {
		if (text_id(&cursor, false, &name->id) && text_ended(&cursor) && name->id.size > 0)
			name->kind = CONTROL_KEY_NODE;
		return;
	}
	if (control_mark_parse(&cursor, name))
		return;
	if (text_literal(&cursor, "ops/")) {
		const uint32_t size = (uint32_t)(cursor.end - cursor.at);

		if (ops_id_parse(slice_of(cursor.at, size), &name->number) == 0)
			name->kind = CONTROL_KEY_OPERATION;
		return;
	}
	if (text_literal(&cursor, "shards/")) {
		if (!text_number(&cursor, WIRE_SHARDS_MAX - 1, &shard))
			return;
		const bool owner = text_literal(&cursor, "/owner");

		if ((!owner && !text_literal(&cursor, "/ready")) || !text_ended(&cursor))
			return;
		name->shard = (uint32_t)shard;
		name->kind = owner ? CONTROL_KEY_OWNER : CONTROL_KEY_READY;
		return;
	}
	if (text_literal(&cursor, "planner"))
		name->kind = CONTROL_KEY_PLANNER;
	else if (text_literal(&cursor, "plan"))
		name->kind = CONTROL_KEY_PLAN;
	else if (text_literal(&cursor, "config"))
		name->kind = CONTROL_KEY_CONFIG;
	else
		cursor = none;
	if (!text_ended(&cursor))
		name->kind = CONTROL_KEY_OTHER;
}

static bool control_flag(struct text_cursor *cursor, const char *name, bool *flag)
{
	uint64_t number;

	if (!text_literal(cursor, name) || !text_number(cursor, 1, &number))
		return false;
	*flag = number == 1;
	return true;
}

static bool control_string(struct text_cursor *cursor, const char *name, char *text, uint32_t max)
{
	struct slice word;

	if (!text_literal(cursor, name) || !text_word(cursor, max, &word))
		return false;
	if (word.size > 0)
		memcpy(text, word.data, word.size);
	text[word.size] = '\0';
	return true;
}

/* Fills what the value says, and nothing else of `node`. */
int control_node_decode(struct slice value, struct control_node *node)
{
	struct text_cursor cursor = text_cursor_of(value);
	struct control_node n = *node;
	uint64_t weight;

	if (!text_literal(&cursor, "sagad-node 1 ") ||
	    !control_string(&cursor, "address=", n.address, CONTROL_ADDRESS_MAX) ||
	    !text_literal(&cursor, " zone=") || !text_id(&cursor, true, &n.zone) ||
	    !text_literal(&cursor, " weight=") || !text_number(&cursor, 1000, &weight) ||
	    !control_string(&cursor, " version=", n.version, CONTROL_VERSION_MAX) ||
	    !control_flag(&cursor, " healthy=", &n.healthy) ||
	    !control_flag(&cursor, " stopping=", &n.stopping) ||
	    !text_literal(&cursor, " since=") ||
	    !text_number(&cursor, UINT64_MAX, &n.since_unix_ms) || !text_ended(&cursor))
		return SAGA_E_BAD_REPLY;
	n.weight = (uint32_t)weight;
	*node = n;
	return 0;
}

struct slice control_node_value(const struct control *c, char text[CONTROL_VALUE_MAX])
{
	return control_text(text,
			    snprintf(text, CONTROL_VALUE_MAX,
				     "sagad-node 1 address=%s zone=%s weight=%" PRIu32
				     " version=%s healthy=%d stopping=%d since=%" PRIu64,
				     c->address, c->zone.text, c->weight, c->version,
				     c->healthy_published ? 1 : 0, c->stopping ? 1 : 0,
				     c->start_unix_ms),
			    CONTROL_VALUE_MAX);
}

/* "<node> <epoch>", and of a halted shard " halted <code>" behind it. */
int control_owner_decode(struct slice value, struct id *owner, uint64_t *epoch, uint32_t *code)
{
	struct text_cursor cursor = text_cursor_of(value);
	struct id id;
	uint64_t number;
	uint64_t halted = 0;

	if (!text_id(&cursor, false, &id) || id.size == 0 || !text_literal(&cursor, " ") ||
	    !text_number(&cursor, UINT64_MAX, &number))
		return SAGA_E_BAD_REPLY;
	if (!text_ended(&cursor) && (!text_literal(&cursor, " halted ") ||
				     !text_number(&cursor, UINT32_MAX, &halted) || halted == 0))
		return SAGA_E_BAD_REPLY;
	if (!text_ended(&cursor))
		return SAGA_E_BAD_REPLY;
	*owner = id;
	*epoch = number;
	*code = (uint32_t)halted;
	return 0;
}

struct slice control_owner_value(const struct control *c, uint64_t epoch, uint32_t code,
				 char text[CONTROL_VALUE_MAX])
{
	if (code != 0)
		return control_text(text,
				    snprintf(text, CONTROL_VALUE_MAX,
					     "%s %" PRIu64 " halted %" PRIu32, c->node.text, epoch,
					     code),
				    CONTROL_VALUE_MAX);
	return control_text(text,
			    snprintf(text, CONTROL_VALUE_MAX, "%s %" PRIu64, c->node.text, epoch),
			    CONTROL_VALUE_MAX);
}

int control_ready_decode(struct slice value, struct id *node, uint64_t *revision)
{
	struct text_cursor cursor = text_cursor_of(value);
	struct id id;
	uint64_t number;

	if (!text_id(&cursor, false, &id) || id.size == 0 || !text_literal(&cursor, " ") ||
	    !text_number(&cursor, INT64_MAX, &number) || !text_ended(&cursor))
		return SAGA_E_BAD_REPLY;
	*node = id;
	*revision = number;
	return 0;
}

struct slice control_ready_value(const struct control *c, uint64_t revision,
				 char text[CONTROL_VALUE_MAX])
{
	return control_text(
		text, snprintf(text, CONTROL_VALUE_MAX, "%s %" PRIu64, c->node.text, revision),
		CONTROL_VALUE_MAX);
}

static bool control_cluster_valid(const struct control_cluster *cluster)
{
	if (cluster->cluster.size == 0 || cluster->format == 0 || cluster->replicas == 0 ||
	    cluster->slots.shard_count == 0 || cluster->slots.shard_count > WIRE_SHARDS_MAX)
		return false;
	for (uint32_t i = 0; i < WIRE_SLOTS; i++) {
		if (cluster->slots.shard_of_slot[i] >= cluster->slots.shard_count)
			return false;
	}
	return true;
}

int control_cluster_encode(const struct control_cluster *cluster, struct buf *out)
{
	const uint32_t start = out->size;
	uint8_t *hex;

	if (!control_cluster_valid(cluster))
		return SAGA_E_RANGE;
	(void)buf_printf(out,
			 "sagad-config 1\ncluster %s\nformat %" PRIu32 "\nshards %" PRIu32
			 "\nreplicas %" PRIu32 "\nslots ",
			 cluster->cluster.text, cluster->format, cluster->slots.shard_count,
			 cluster->replicas);
	hex = buf_grow(out, 2 * WIRE_SLOTS);
	for (uint32_t i = 0; hex && i < WIRE_SLOTS; i++) {
		hex[2 * i] = (uint8_t)control_hex[cluster->slots.shard_of_slot[i] >> 4];
		hex[2 * i + 1] = (uint8_t)control_hex[cluster->slots.shard_of_slot[i] & 15];
	}
	(void)buf_printf(out, "\n");
	if (buf_error(out)) {
		const int error = buf_error(out);

		buf_truncate(out, start);
		return error;
	}
	return 0;
}

static int control_hex_value(uint8_t character)
{
	for (int i = 0; i < 16; i++) {
		if (control_hex[i] == (char)character)
			return i;
	}
	return -1;
}

int control_cluster_decode(struct slice text, struct control_cluster *cluster)
{
	struct text_cursor cursor = text_cursor_of(text);
	uint64_t format;
	uint64_t shards;
	uint64_t replicas;

	*cluster = (struct control_cluster){0};
	if (!text_literal(&cursor, "sagad-config 1\ncluster ") ||
	    !text_id(&cursor, false, &cluster->cluster) || !text_literal(&cursor, "\nformat ") ||
	    !text_number(&cursor, UINT32_MAX, &format) || !text_literal(&cursor, "\nshards ") ||
	    !text_number(&cursor, WIRE_SHARDS_MAX, &shards) ||
	    !text_literal(&cursor, "\nreplicas ") || !text_number(&cursor, 255, &replicas) ||
	    !text_literal(&cursor, "\nslots "))
		return SAGA_E_BAD_REPLY;
	if (cursor.end - cursor.at != 2 * WIRE_SLOTS + 1 || cursor.end[-1] != '\n')
		return SAGA_E_BAD_REPLY;
	cluster->format = (uint32_t)format;
	cluster->replicas = (uint32_t)replicas;
	cluster->slots.shard_count = (uint32_t)shards;
	for (uint32_t i = 0; i < WIRE_SLOTS; i++) {
		const int high = control_hex_value(cursor.at[2 * i]);
		const int low = control_hex_value(cursor.at[2 * i + 1]);

		if (high < 0 || low < 0)
			return SAGA_E_BAD_REPLY;
		cluster->slots.shard_of_slot[i] = (uint8_t)(high << 4 | low);
	}
	return control_cluster_valid(cluster) ? 0 : SAGA_E_BAD_REPLY;
}
