/* Reads orders.jsonl and the answers that clients got. */
#include <string.h>

#include "examples/common/lines_jansson.h"
#include "examples/shop/check.h"

static int64_t number(const json_t *root, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(root, key));
}

static bool take_order(void *context, const json_t *root)
{
	const struct check_order_row row = {
		.id = lines_text(root, "id"),
		.customer = lines_text(root, "customer"),
		.item = lines_text(root, "item"),
		.quantity = number(root, "quantity"),
		.price = number(root, "price"),
	};

	if (row.id[0] == '\0' || row.quantity <= 0 || row.price <= 0)
		return false;
	check_order(context, &row);
	return true;
}

static bool take_answer(void *context, const json_t *root)
{
	const char *accepted = lines_text(root, "accepted");
	const struct check_answer_row row = {
		.id = lines_text(root, "id"),
		.accepted = strcmp(accepted, "yes") == 0  ? CHECK_TAKEN_YES
			    : strcmp(accepted, "no") == 0 ? CHECK_TAKEN_NO
							  : CHECK_TAKEN_UNKNOWN,
		.outcome = lines_text(root, "outcome"),
	};

	if (row.id[0] == '\0' || accepted[0] == '\0')
		return false;
	check_answer(context, &row);
	return true;
}

bool check_read_orders(struct check *check, const char *file, char *why, uint32_t why_size)
{
	const bool good = lines_read(file, 0, take_order, check, why, why_size);

	check_orders_end(check);
	return good;
}

bool check_read_answers(struct check *check, const char *file, char *why, uint32_t why_size)
{
	return lines_read(file, 0, take_answer, check, why, why_size);
}
