#include "examples/shop/wishes.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	QUANTITY_MAX = 3, /* of one order: 2 on average */
	PRICE = 20,       /* of one piece */
	POOR_EVERY = 8,
	CARD_POOR = PRICE / 2,
	CARD_RICH = 1000000,
};

void wishes_init(struct wishes *wishes, uint64_t seed, uint32_t orders, uint32_t customers)
{
	*wishes = (struct wishes){.orders = orders, .customers = customers, .seed = seed};
	prng_seed(&wishes->prng, seed);
}

/* Half of all want the first item. */
static uint32_t choose_item(struct wishes *wishes)
{
	if (prng_below(&wishes->prng, 2) == 0)
		return 0;
	return (uint32_t)prng_below(&wishes->prng, WISHES_ITEMS);
}

void wishes_next(struct wishes *wishes, char *id, char line[WISHES_LINE_SIZE])
{
	const uint32_t customer = (uint32_t)prng_below(&wishes->prng, wishes->customers);
	const uint32_t item = choose_item(wishes);
	const uint32_t quantity = 1 + (uint32_t)prng_below(&wishes->prng, QUANTITY_MAX);

	(void)snprintf(id, 32, "o-%" PRIu64 "-%u", wishes->seed, wishes->made++);
	(void)snprintf(line, WISHES_LINE_SIZE,
		       "{\"id\":\"%s\",\"customer\":\"c%u\",\"item\":\"i%u\",\"quantity\":%u,"
		       "\"price\":%u}",
		       id, customer, item, quantity, quantity * PRICE);
}

static bool write_line(FILE *file, const char *service, char letter, uint32_t number,
		       uint32_t quantity)
{
	return fprintf(file, "{\"service\":\"%s\",\"name\":\"%c%u\",\"quantity\":%u}\n", service,
		       letter, number, quantity) > 0;
}

bool wishes_write_stock(const struct wishes *wishes, const char *path)
{
	/* Of all pieces that will be asked for, the first item is (1 + 1/8) / 2 and each other one
	 * 1/8 / 2; two thirds of that are there. */
	const uint32_t share = wishes->orders * 2 / (2 * WISHES_ITEMS) * 2 / 3 + 1;
	FILE *file = fopen(path, "we");
	bool good = file != NULL;

	for (uint32_t i = 0; good && i < WISHES_ITEMS; i++)
		good = write_line(file, "inventory", 'i', i,
				  i == 0 ? share * (WISHES_ITEMS + 1) : share);
	for (uint32_t i = 0; good && i < wishes->customers; i++)
		good = write_line(file, "payment", 'c', i,
				  i % POOR_EVERY == POOR_EVERY - 1 ? CARD_POOR : CARD_RICH);
	good = good &&
	       fprintf(file, "{\"service\":\"shipping\",\"name\":\"gift\",\"quantity\":%u}\n",
		       wishes->orders / 3 + 1) > 0;
	if (file != NULL)
		good = fclose(file) == 0 && good;
	return good;
}
