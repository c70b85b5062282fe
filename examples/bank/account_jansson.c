#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "examples/bank/account.h"

static bool get_name(const json_t *root, const char *key, char *name, char *why)
{
	const char *text = json_string_value(json_object_get(root, key));

	if (text == NULL || text[0] == '\0' || strlen(text) >= BANK_NAME_SIZE) {
		(void)snprintf(why, 256, "the transfer has no valid \"%s\"", key);
		return false;
	}
	(void)snprintf(name, BANK_NAME_SIZE, "%s", text);
	return true;
}

bool bank_transfer_parse(const void *json, size_t size, struct bank_transfer *transfer, char *why)
{
	json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *amount = json_object_get(root, "amount");
	bool good = json_is_object(root);

	memset(transfer, 0, sizeof *transfer);
	if (!good)
		(void)snprintf(why, 256, "the input is not a JSON object");
	good = good && get_name(root, "from", transfer->from, why);
	good = good && get_name(root, "to", transfer->to, why);
	transfer->amount = json_is_integer(amount) ? (int64_t)json_integer_value(amount) : -1;
	if (good && (transfer->amount < 0 || transfer->amount > 1000000000)) {
		(void)snprintf(why, 256, "the transfer has no valid \"amount\"");
		good = false;
	}
	json_decref(root);
	return good;
}
