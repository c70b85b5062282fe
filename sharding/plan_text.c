/* The stored form of a plan. */
#include <inttypes.h>

#include "base/check.h"
#include "sharding/plan.h"
#include "sharding/text.h"

/* "-" is a valid id, but here it says nobody. */
static const char *plan_word(const struct id *id)
{
	return id->size == 0 ? "-" : id->text;
}

static bool plan_id_storable(const struct id *id)
{
	return id->size == 0 || !slice_equal(id_slice(id), slice_str("-"));
}

int plan_encode(const struct plan *plan, struct buf *out)
{
	const uint32_t start = out->size;

	CHECK(plan->shard_count >= 1 && plan->shard_count <= WIRE_SHARDS_MAX);
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		if (!plan_id_storable(&plan->target[s]) || !plan_id_storable(&plan->standby[s]))
			return SAGA_E_NAME;
	}
	(void)buf_printf(out, "sagad-plan 1 %" PRIu64 " %" PRIu32 "\n", plan->version,
			 plan->shard_count);
	for (uint32_t s = 0; s < plan->shard_count; s++)
		(void)buf_printf(out, "%s %s\n", plan_word(&plan->target[s]),
				 plan_word(&plan->standby[s]));
	if (buf_error(out)) {
		const int error = buf_error(out);

		buf_truncate(out, start);
		return error;
	}
	return 0;
}

int plan_decode(struct slice text, struct plan *plan)
{
	struct text_cursor cursor = text_cursor_of(text);
	uint64_t version;
	uint64_t shards;

	if (!text_literal(&cursor, "sagad-plan 1 ") ||
	    !text_number(&cursor, UINT64_MAX, &version) || !text_literal(&cursor, " ") ||
	    !text_number(&cursor, WIRE_SHARDS_MAX, &shards) || !text_literal(&cursor, "\n"))
		return SAGA_E_BAD_REPLY;
	if (version == 0 || shards == 0)
		return SAGA_E_BAD_REPLY;
	*plan = (struct plan){.version = version, .shard_count = (uint32_t)shards};
	for (uint32_t s = 0; s < shards; s++) {
		if (!text_id(&cursor, false, &plan->target[s]) || !text_literal(&cursor, " ") ||
		    !text_id(&cursor, false, &plan->standby[s]) || !text_literal(&cursor, "\n"))
			return SAGA_E_BAD_REPLY;
	}
	return text_ended(&cursor) ? 0 : SAGA_E_BAD_REPLY;
}
