/* Reads what was ordered and what clients were told. */
#include <string.h>

#include "examples/bank/check.h"
#include "examples/common/lines_jansson.h"

static bool take_transfer(void *context, const json_t *root)
{
	const char *protocol = lines_text(root, "protocol");
	const json_t *amount = json_object_get(root, "amount");
	struct check_transfer_row row = {
		.id = lines_text(root, "id"),
		.from = lines_text(root, "from"),
		.to = lines_text(root, "to"),
		.protocol = CHECK_PROTOCOLS,
		.amount = (int64_t)json_integer_value(amount),
	};

	for (uint32_t i = 0; i < CHECK_PROTOCOLS; i++)
		if (strcmp(protocol, check_protocol_names[i]) == 0)
			row.protocol = (enum check_protocol)i;
	if (row.id[0] == '\0' || row.protocol == CHECK_PROTOCOLS || !json_is_integer(amount) ||
	    row.amount < 0)
		return false;
	check_transfer(context, &row);
	return true;
}

static bool take_answer(void *context, const json_t *root)
{
	const char *id = lines_text(root, "id");
	const json_t *committed = json_object_get(root, "committed");

	if (id[0] == '\0' || !(json_is_boolean(committed) || json_is_null(committed)))
		return false;
	check_answer(context, id,
		     json_is_null(committed)   ? CHECK_TOLD_NOTHING
		     : json_is_true(committed) ? CHECK_TOLD_COMMITTED
					       : CHECK_TOLD_ABORTED);
	return true;
}

bool check_read_transfers(struct check *check, const char *file, char *why, uint32_t why_size)
{
	const bool good = lines_read(file, 0, take_transfer, check, why, why_size);

	check_transfers_end(check);
	return good;
}

bool check_read_answers(struct check *check, const char *file, char *why, uint32_t why_size)
{
	return lines_read(file, 0, take_answer, check, why, why_size);
}
