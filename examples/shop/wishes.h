/* Makes up what customers want and what the shop has, from a seed: always the same of the same. */
#ifndef SAGAD_EXAMPLES_SHOP_WISHES_H
#define SAGAD_EXAMPLES_SHOP_WISHES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"

enum {
	WISHES_ITEMS = 8, /* few: customers race for them */
	WISHES_LINE_SIZE = 256,
};

struct wishes {
	struct prng prng;
	uint32_t orders, customers;
	uint64_t seed;
	uint32_t made;
};

void wishes_init(struct wishes *wishes, uint64_t seed, uint32_t orders, uint32_t customers);
/* The next order as a line of JSON, without an end of line; its id goes to `id` (at least 32
 * bytes). */
void wishes_next(struct wishes *wishes, char *id, char line[WISHES_LINE_SIZE]);
/* Writes stock.jsonl: about two thirds of the goods that will be asked for, gifts for a third of
 * the orders, and cards of which one in eight takes nothing. */
bool wishes_write_stock(const struct wishes *wishes, const char *path);

#endif
