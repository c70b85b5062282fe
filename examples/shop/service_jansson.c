#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "examples/common/lines_jansson.h"
#include "examples/shop/service.h"

enum { NUMBER_MAX = 1000000000 };

static bool get_name(const json_t *root, const char *key, char *name, char *why)
{
	const char *text = json_string_value(json_object_get(root, key));

	if (text == NULL || text[0] == '\0' || strlen(text) >= SHOP_NAME_SIZE) {
		(void)snprintf(why, SHOP_WHY_SIZE, "the order has no valid \"%s\"", key);
		return false;
	}
	(void)snprintf(name, SHOP_NAME_SIZE, "%s", text);
	return true;
}

static bool get_count(const json_t *root, const char *key, int64_t *count, char *why)
{
	const json_t *value = json_object_get(root, key);

	*count = json_is_integer(value) ? (int64_t)json_integer_value(value) : 0;
	if (*count > 0 && *count <= NUMBER_MAX)
		return true;
	(void)snprintf(why, SHOP_WHY_SIZE, "the order has no valid \"%s\"", key);
	return false;
}

/* The order itself, or {"order": ..., "reservation": ...} as shop.yaml puts it together. */
bool shop_input_parse(const void *json, size_t size, struct shop_input *input, char *why)
{
	json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *inner = json_object_get(root, "order");
	const json_t *order = json_is_object(inner) ? inner : root;
	bool good = json_is_object(root);

	memset(input, 0, sizeof *input);
	if (!good)
		(void)snprintf(why, SHOP_WHY_SIZE, "the input is not a JSON object");
	good = good && get_name(order, "customer", input->customer, why);
	good = good && get_name(order, "item", input->item, why);
	good = good && get_count(order, "quantity", &input->quantity, why);
	good = good && get_count(order, "price", &input->price, why);
	(void)snprintf(input->reservation, SHOP_NAME_SIZE, "%s", lines_text(root, "reservation"));
	(void)snprintf(input->tracking, SHOP_NAME_SIZE, "%s", lines_text(root, "tracking"));
	json_decref(root);
	return good;
}

struct stock_reader {
	const char *service;
	bool (*visit)(void *context, const struct shop_stock *stock);
	void *context;
};

static bool take_stock(void *context, const json_t *root)
{
	const struct stock_reader *reader = context;
	struct shop_stock stock;
	char why[SHOP_WHY_SIZE] = "";

	memset(&stock, 0, sizeof stock);
	if (!get_name(root, "service", stock.service, why) ||
	    !get_name(root, "name", stock.name, why) ||
	    !get_count(root, "quantity", &stock.quantity, why))
		return false;
	return strcmp(stock.service, reader->service) != 0 ||
	       reader->visit(reader->context, &stock);
}

bool shop_stock_read(const char *file, const char *service,
		     bool (*visit)(void *context, const struct shop_stock *stock), void *context)
{
	struct stock_reader reader = {service, visit, context};
	char why[1200] = "";

	if (lines_read(file, 0, take_stock, &reader, why, sizeof why))
		return true;
	(void)fprintf(stderr, "%s\n", why);
	return false;
}
