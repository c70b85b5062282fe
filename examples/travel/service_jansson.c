#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/travel/service.h"

static bool get_name(const json_t *root, const char *key, char *name, char *why)
{
	const char *text = json_string_value(json_object_get(root, key));

	if (text == NULL || text[0] == '\0' || strlen(text) >= TRAVEL_NAME_SIZE) {
		(void)snprintf(why, 256, "the booking has no valid \"%s\"", key);
		return false;
	}
	(void)snprintf(name, TRAVEL_NAME_SIZE, "%s", text);
	return true;
}

static bool get_count(const json_t *root, const char *key, int64_t *count, char *why)
{
	const json_t *value = json_object_get(root, key);

	*count = json_is_integer(value) ? (int64_t)json_integer_value(value) : 0;
	if (*count > 0 && *count <= 1000000000)
		return true;
	(void)snprintf(why, 256, "the booking has no valid \"%s\"", key);
	return false;
}

static int64_t get_version(const json_t *root, const char *key)
{
	const json_t *value = json_object_get(root, key);

	return json_is_integer(value) ? (int64_t)json_integer_value(value) : -1;
}

bool travel_booking_parse(const void *json, size_t size, struct travel_booking *booking, char *why)
{
	json_error_t error;
	json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
	bool good = json_is_object(root);

	memset(booking, 0, sizeof *booking);
	if (!good)
		(void)snprintf(why, 256, "the input is not a JSON object");
	good = good && get_name(root, "id", booking->id, why);
	good = good && get_name(root, "customer", booking->customer, why);
	good = good && get_name(root, "flight", booking->flight, why);
	good = good && get_name(root, "hotel", booking->hotel, why);
	good = good && get_count(root, "seats", &booking->seats, why);
	good = good && get_count(root, "rooms", &booking->rooms, why);
	good = good && get_count(root, "price", &booking->price, why);
	booking->customer_version = get_version(root, "customer_version");
	booking->flight_version = get_version(root, "flight_version");
	booking->hotel_version = get_version(root, "hotel_version");
	booking->card_version = get_version(root, "card_version");
	json_decref(root);
	return good;
}

static bool read_line(const char *line, size_t size, const char *kind,
		      bool (*visit)(void *context, const struct travel_stock *stock), void *context)
{
	struct travel_stock stock;
	char why[256] = "";
	json_t *root = json_loadb(line, size, 0, NULL);
	bool good = json_is_object(root);

	memset(&stock, 0, sizeof stock);
	good = good && get_name(root, "kind", stock.kind, why);
	good = good && get_name(root, "name", stock.name, why);
	good = good && json_is_integer(json_object_get(root, "amount"));
	if (good)
		stock.amount = (int64_t)json_integer_value(json_object_get(root, "amount"));
	if (good && strcmp(stock.kind, kind) == 0)
		good = visit(context, &stock);
	json_decref(root);
	return good;
}

bool travel_stock_read(const char *file, const char *kind,
		       bool (*visit)(void *context, const struct travel_stock *stock),
		       void *context)
{
	FILE *stream = fopen(file, "re");
	char *line = NULL;
	size_t capacity = 0;
	bool good = stream != NULL;
	ssize_t size = 0;

	while (good && (size = getline(&line, &capacity, stream)) > 0)
		good = read_line(line, (size_t)size, kind, visit, context);
	free(line);
	if (stream != NULL)
		(void)fclose(stream);
	return good;
}
