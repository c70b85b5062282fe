/* The stored form of a plan. */
#include <inttypes.h>

#include "base/check.h"
#include "sharding/plan.h"
#include "sharding/text.h"

/* The longest plan there can be has a first line of at most 80 bytes, three ids a shard, and an id
 * and three numbers for each node that is away. */
_Static_assert(80 + WIRE_SHARDS_MAX * 3 * (ID_SIZE_MAX + 1) +
			       PLAN_NODES_MAX * (ID_SIZE_MAX + 1 + 21 + 21 + 11) <=
		       PLAN_TEXT_MAX,
	       "every plan fits");

/* "-" is a valid id, but here it says nobody. */
static const char *plan_word(const struct id *id)
{
	return id->size == 0 ? "-" : id->text;
}

static bool plan_id_storable(const struct id *id)
{
	return id->size == 0 || !slice_equal(id_slice(id), slice_str("-"));
}

static bool plan_storable(const struct plan *plan)
{
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		if (!plan_id_storable(&plan->target[s]) || !plan_id_storable(&plan->standby[s]) ||
		    !plan_id_storable(&plan->home[s]))
			return false;
	}
	for (uint32_t i = 0; i < plan->away_count; i++) {
		if (plan->away[i].node.size == 0 || !plan_id_storable(&plan->away[i].node))
			return false;
	}
	return true;
}

int plan_encode(const struct plan *plan, struct buf *out)
{
	const uint32_t start = out->size;

	CHECK(plan->shard_count >= 1 && plan->shard_count <= WIRE_SHARDS_MAX);
	CHECK_LE(plan->away_count, PLAN_NODES_MAX);
	if (!plan_storable(plan))
		return SAGA_E_NAME;
	(void)buf_printf(out, "sagad-plan 2 %" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu64 "\n",
			 plan->version, plan->shard_count, plan->away_count, plan->members);
	for (uint32_t s = 0; s < plan->shard_count; s++)
		(void)buf_printf(out, "%s %s %s\n", plan_word(&plan->target[s]),
				 plan_word(&plan->standby[s]), plan_word(&plan->home[s]));
	for (uint32_t i = 0; i < plan->away_count; i++)
		(void)buf_printf(out, "%s %" PRIu64 " %" PRIu64 " %" PRIu32 "\n",
				 plan->away[i].node.text, plan->away[i].since_unix_ms,
				 plan->away[i].back_unix_ms, plan->away[i].times);
	if (buf_error(out)) {
		const int error = buf_error(out);

		buf_truncate(out, start);
		return error;
	}
	return 0;
}

static bool plan_read_shards(struct text_cursor *cursor, bool homes, struct plan *plan)
{
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		if (!text_id(cursor, false, &plan->target[s]) || !text_literal(cursor, " ") ||
		    !text_id(cursor, false, &plan->standby[s]))
			return false;
		if (homes &&
		    (!text_literal(cursor, " ") || !text_id(cursor, false, &plan->home[s])))
			return false;
		if (!text_literal(cursor, "\n"))
			return false;
	}
	return true;
}

static bool plan_read_away(struct text_cursor *cursor, struct plan_away *away)
{
	uint64_t times;

	if (!text_id(cursor, false, &away->node) || away->node.size == 0 ||
	    !text_literal(cursor, " ") || !text_number(cursor, UINT64_MAX, &away->since_unix_ms) ||
	    !text_literal(cursor, " ") || !text_number(cursor, UINT64_MAX, &away->back_unix_ms) ||
	    !text_literal(cursor, " ") || !text_number(cursor, UINT32_MAX, &times) ||
	    !text_literal(cursor, "\n"))
		return false;
	away->times = (uint32_t)times;
	return times > 0;
}

int plan_decode(struct slice text, struct plan *plan)
{
	struct text_cursor cursor = text_cursor_of(text);
	const bool first_form = text_literal(&cursor, "sagad-plan 1 ");
	uint64_t version;
	uint64_t shards;
	uint64_t away = 0;
	uint64_t members = 0;

	if ((!first_form && !text_literal(&cursor, "sagad-plan 2 ")) ||
	    !text_number(&cursor, UINT64_MAX, &version) || !text_literal(&cursor, " ") ||
	    !text_number(&cursor, WIRE_SHARDS_MAX, &shards) || version == 0 || shards == 0)
		return SAGA_E_BAD_REPLY;
	if (!first_form &&
	    (!text_literal(&cursor, " ") || !text_number(&cursor, PLAN_NODES_MAX, &away) ||
	     !text_literal(&cursor, " ") || !text_number(&cursor, UINT64_MAX, &members)))
		return SAGA_E_BAD_REPLY;
	if (!text_literal(&cursor, "\n"))
		return SAGA_E_BAD_REPLY;
	*plan = (struct plan){.version = version,
			      .shard_count = (uint32_t)shards,
			      .away_count = (uint32_t)away,
			      .members = members};
	if (!plan_read_shards(&cursor, !first_form, plan))
		return SAGA_E_BAD_REPLY;
	for (uint32_t i = 0; i < away; i++) {
		if (!plan_read_away(&cursor, &plan->away[i]))
			return SAGA_E_BAD_REPLY;
	}
	return text_ended(&cursor) ? 0 : SAGA_E_BAD_REPLY;
}
