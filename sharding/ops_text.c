/* The stored form of an operation: what an operator reads with etcdctl. */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "sharding/ops.h"
#include "sharding/text.h"

static const char MAGIC[] = "sagad-op 1\n";

struct id ops_id(uint64_t number)
{
	struct id id = {0};
	const int size = snprintf(id.text, sizeof id.text, "op-%" PRIu64, number);

	CHECK(size > 0 && (size_t)size < sizeof id.text);
	id.size = (uint8_t)size;
	return id;
}

int ops_id_parse(struct slice text, uint64_t *number)
{
	struct text_cursor cursor = text_cursor_of(text);

	if (!text_literal(&cursor, "op-") || !text_number(&cursor, UINT64_MAX - 1, number) ||
	    !text_ended(&cursor) || *number == 0)
		return SAGA_E_NAME;
	return 0;
}

/* The rest of a line, which may hold anything but control characters. */
static bool line_valid(struct slice text, uint32_t size_max)
{
	if (text.size > size_max)
		return false;
	for (uint32_t i = 0; i < text.size; i++) {
		if (text.data[i] < ' ' || text.data[i] == 0x7f)
			return false;
	}
	return true;
}

static bool take_line(struct text_cursor *cursor, uint32_t size_max, struct slice *line)
{
	const uint8_t *at = cursor->at;

	while (at < cursor->end && *at != '\n')
		at++;
	*line = slice_of(cursor->at, (uint32_t)(at - cursor->at));
	if (!line_valid(*line, size_max))
		return false;
	cursor->at = at;
	return true;
}

/* "-" is a valid id, but here it says nobody. */
static const char *word_of(const struct id *id)
{
	return id->size == 0 ? "-" : id->text;
}

static bool storable(const struct ops *op)
{
	for (uint32_t i = 0; i < op->item_count; i++) {
		if (strcmp(op->items[i].from.text, "-") == 0 ||
		    strcmp(op->items[i].to.text, "-") == 0)
			return false;
	}
	return strcmp(op->node.text, "-") != 0 &&
	       text_word_valid(slice_str(op->actor), WIRE_ACTOR_SIZE_MAX) &&
	       line_valid(slice_str(op->reason), WIRE_REASON_SIZE_MAX);
}

int ops_encode(const struct ops *op, struct buf *out)
{
	const uint32_t start = out->size;
	struct ops_counts counts;

	if (!storable(op))
		return SAGA_E_CHARSET;
	ops_count(op, &counts);
	(void)buf_printf(out,
			 "%sid op-%" PRIu64 "\nkind %s\nstate %s\nversion %" PRIu64
			 "\nplan %" PRIu64 "\nnode %s\nactor %s\nreason %s\n",
			 MAGIC, op->number, wire_ops_kind_name(op->kind),
			 wire_ops_state_name(op->state), op->version, op->plan_version,
			 word_of(&op->node), op->actor, op->reason);
	(void)buf_printf(out, "times %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", op->created_ms,
			 op->updated_ms, op->ended_ms);
	(void)buf_printf(out, "limits %u %u %u %u\n", op->limits.max_moves,
			 op->limits.max_moves_per_node, op->limits.pace_ms, op->limits.timeout_ms);
	(void)buf_printf(out, "ended %u %u %u %u longest %u\n", counts.done, counts.failed,
			 counts.rolled_back, counts.skipped, counts.longest_ms);
	(void)buf_printf(out, "archived %d\nitems %u\n", op->archived ? 1 : 0, op->item_count);
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct ops_item *item = &op->items[i];

		(void)buf_printf(out, "%u %s %s %s %" PRIu64 " %u %u %u\n", item->shard,
				 word_of(&item->from), word_of(&item->to),
				 wire_phase_name(item->phase), item->begun_ms, item->ms, item->why,
				 item->load);
	}
	if (buf_error(out)) {
		const int error = buf_error(out);

		buf_truncate(out, start);
		return error;
	}
	return 0;
}

static bool take_name(struct text_cursor *cursor, const char *(*name)(uint32_t), uint32_t last,
		      uint32_t *value)
{
	struct slice word;

	if (!text_word(cursor, ID_SIZE_MAX, &word))
		return false;
	for (uint32_t i = 1; i <= last; i++) {
		if (slice_equal(word, slice_str(name(i)))) {
			*value = i;
			return true;
		}
	}
	return false;
}

static bool take_u32(struct text_cursor *cursor, const char *literal, uint32_t max, uint32_t *value)
{
	uint64_t number;

	if (!text_literal(cursor, literal) || !text_number(cursor, max, &number))
		return false;
	*value = (uint32_t)number;
	return true;
}

static bool take_u64(struct text_cursor *cursor, const char *literal, uint64_t *value)
{
	return text_literal(cursor, literal) && text_number(cursor, UINT64_MAX, value);
}

static bool take_text(struct text_cursor *cursor, const char *literal, bool line, uint32_t max,
		      char *text)
{
	struct slice taken;

	if (!text_literal(cursor, literal) ||
	    !(line ? take_line(cursor, max, &taken) : text_word(cursor, max, &taken)))
		return false;
	if (taken.size > 0)
		memcpy(text, taken.data, taken.size);
	text[taken.size] = '\0';
	return true;
}

static bool take_item(struct text_cursor *cursor, struct ops_item *item)
{
	return take_u32(cursor, "", WIRE_SHARDS_MAX - 1, &item->shard) &&
	       text_literal(cursor, " ") && text_id(cursor, false, &item->from) &&
	       text_literal(cursor, " ") && text_id(cursor, false, &item->to) &&
	       text_literal(cursor, " ") &&
	       take_name(cursor, wire_phase_name, WIRE_PHASE_SKIPPED, &item->phase) &&
	       take_u64(cursor, " ", &item->begun_ms) &&
	       take_u32(cursor, " ", UINT32_MAX, &item->ms) &&
	       take_u32(cursor, " ", UINT32_MAX, &item->why) &&
	       take_u32(cursor, " ", UINT32_MAX, &item->load) && text_literal(cursor, "\n");
}

static bool take_head(struct text_cursor *cursor, struct ops *op)
{
	uint32_t archived = 0;

	if (!text_literal(cursor, MAGIC) || !take_u64(cursor, "id op-", &op->number) ||
	    !text_literal(cursor, "\nkind ") ||
	    !take_name(cursor, wire_ops_kind_name, WIRE_OPS_REMOVE, &op->kind) ||
	    !text_literal(cursor, "\nstate ") ||
	    !take_name(cursor, wire_ops_state_name, WIRE_OPS_FAILED, &op->state) ||
	    !take_u64(cursor, "\nversion ", &op->version) ||
	    !take_u64(cursor, "\nplan ", &op->plan_version) || !text_literal(cursor, "\nnode ") ||
	    !text_id(cursor, false, &op->node) ||
	    !take_text(cursor, "\nactor ", false, WIRE_ACTOR_SIZE_MAX, op->actor) ||
	    !take_text(cursor, "\nreason ", true, WIRE_REASON_SIZE_MAX, op->reason) ||
	    !take_u64(cursor, "\ntimes ", &op->created_ms) ||
	    !take_u64(cursor, " ", &op->updated_ms) || !take_u64(cursor, " ", &op->ended_ms))
		return false;
	if (!take_u32(cursor, "\nlimits ", WIRE_SHARDS_MAX, &op->limits.max_moves) ||
	    !take_u32(cursor, " ", WIRE_SHARDS_MAX, &op->limits.max_moves_per_node) ||
	    !take_u32(cursor, " ", UINT32_MAX, &op->limits.pace_ms) ||
	    !take_u32(cursor, " ", UINT32_MAX, &op->limits.timeout_ms) ||
	    !take_u32(cursor, "\nended ", UINT32_MAX, &op->done) ||
	    !take_u32(cursor, " ", UINT32_MAX, &op->failed) ||
	    !take_u32(cursor, " ", UINT32_MAX, &op->rolled_back) ||
	    !take_u32(cursor, " ", UINT32_MAX, &op->skipped) ||
	    !take_u32(cursor, " longest ", UINT32_MAX, &op->longest_ms) ||
	    !take_u32(cursor, "\narchived ", 1, &archived) ||
	    !take_u32(cursor, "\nitems ", WIRE_SHARDS_MAX, &op->item_count) ||
	    !text_literal(cursor, "\n"))
		return false;
	op->archived = archived == 1;
	return true;
}

/* What a damaged or a foreign hand may have written must not reach the CHECKs of ops.c. */
static bool consistent(const struct ops *op)
{
	bool seen[WIRE_SHARDS_MAX] = {false};

	if (op->number == 0 || op->limits.max_moves == 0 || op->limits.max_moves_per_node == 0 ||
	    op->limits.timeout_ms == 0 || (op->archived && op->item_count > 0) ||
	    (op->archived && !ops_final(op)))
		return false;
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct ops_item *item = &op->items[i];

		if (seen[item->shard] || item->from.size == 0 || item->to.size == 0 ||
		    (ops_final(op) && !ops_phase_final(item->phase)) ||
		    (item->phase > WIRE_PHASE_QUIESCING && !ops_phase_final(item->phase)))
			return false;
		seen[item->shard] = true;
	}
	return true;
}

int ops_decode(struct slice text, struct ops *op)
{
	struct text_cursor cursor = text_cursor_of(text);

	memset(op, 0, sizeof *op);
	if (!take_head(&cursor, op))
		return SAGA_E_BAD_REPLY;
	for (uint32_t i = 0; i < op->item_count; i++) {
		if (!take_item(&cursor, &op->items[i]))
			return SAGA_E_BAD_REPLY;
	}
	return text_ended(&cursor) && consistent(op) ? 0 : SAGA_E_BAD_REPLY;
}
