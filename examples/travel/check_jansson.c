/* Reads bookings.jsonl and the answers that clients got. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "examples/travel/check.h"

static const char *text_of(const json_t *root, const char *key)
{
	const char *text = json_string_value(json_object_get(root, key));

	return text == NULL ? "" : text;
}

static bool take_booking(struct check *check, const json_t *root)
{
	const char *customer = text_of(root, "customer");
	const int64_t price = (int64_t)json_integer_value(json_object_get(root, "price"));
	const struct check_booking_row row = {
		.id = text_of(root, "id"),
		.names = {customer, text_of(root, "flight"), text_of(root, "hotel"), customer},
		.quantities = {price, (int64_t)json_integer_value(json_object_get(root, "seats")),
			       (int64_t)json_integer_value(json_object_get(root, "rooms")), price},
	};

	if (row.id[0] == '\0' || price <= 0)
		return false;
	check_booking(check, &row);
	return true;
}

static bool take_answer(struct check *check, const json_t *root)
{
	const char *accepted = text_of(root, "accepted");
	const struct check_answer_row row = {
		.id = text_of(root, "id"),
		.accepted = strcmp(accepted, "yes") == 0  ? CHECK_TAKEN_YES
			    : strcmp(accepted, "no") == 0 ? CHECK_TAKEN_NO
							  : CHECK_TAKEN_UNKNOWN,
		.outcome = text_of(root, "outcome"),
	};

	if (row.id[0] == '\0' || accepted[0] == '\0')
		return false;
	check_answer(check, &row);
	return true;
}

/* False when a line is not what it should be, or there is none. */
static bool read_lines(struct check *check, const char *file, uint32_t max,
		       bool (*take)(struct check *check, const json_t *root), char *why,
		       uint32_t why_size)
{
	FILE *stream = fopen(file, "re");
	char *line = NULL;
	size_t capacity = 0;
	uint32_t count = 0;
	bool good = stream != NULL;

	while (good && (max == 0 || count < max)) {
		const ssize_t size = getline(&line, &capacity, stream);
		json_t *root = NULL;

		if (size <= 0)
			break;
		count++;
		root = json_loadb(line, (size_t)size, 0, NULL);
		good = json_is_object(root) && take(check, root);
		json_decref(root);
	}
	if (!good || count == 0)
		(void)snprintf(why, why_size, "%s:%u: cannot be used", file, count);
	free(line);
	if (stream != NULL)
		(void)fclose(stream);
	return good && count > 0;
}

bool check_read_bookings(struct check *check, const char *file, uint32_t max, char *why,
			 uint32_t why_size)
{
	const bool good = read_lines(check, file, max, take_booking, why, why_size);

	check_bookings_end(check);
	return good;
}

bool check_read_answers(struct check *check, const char *file, char *why, uint32_t why_size)
{
	return read_lines(check, file, 0, take_answer, why, why_size);
}
