/* Reads bookings.jsonl and the answers that clients got. */
#include <string.h>

#include "examples/common/lines_jansson.h"
#include "examples/travel/check.h"

static bool take_booking(void *context, const json_t *root)
{
	const char *customer = lines_text(root, "customer");
	const int64_t price = (int64_t)json_integer_value(json_object_get(root, "price"));
	const struct check_booking_row row = {
		.id = lines_text(root, "id"),
		.names = {customer, lines_text(root, "flight"), lines_text(root, "hotel"),
			  customer},
		.quantities = {price, (int64_t)json_integer_value(json_object_get(root, "seats")),
			       (int64_t)json_integer_value(json_object_get(root, "rooms")), price},
	};

	if (row.id[0] == '\0' || price <= 0)
		return false;
	check_booking(context, &row);
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

bool check_read_bookings(struct check *check, const char *file, uint32_t max, char *why,
			 uint32_t why_size)
{
	const bool good = lines_read(file, max, take_booking, check, why, why_size);

	check_bookings_end(check);
	return good;
}

bool check_read_answers(struct check *check, const char *file, char *why, uint32_t why_size)
{
	return lines_read(file, 0, take_answer, check, why, why_size);
}
