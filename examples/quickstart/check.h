/* What must stand in the databases after the orders of the quick start. */
#ifndef SAGAD_EXAMPLES_QUICKSTART_CHECK_H
#define SAGAD_EXAMPLES_QUICKSTART_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct quickstart_order {
	const char *id, *item, *customer;
	int64_t quantity, amount;
	bool completed; /* as its client was told; else it was undone */
};

/* A row of a database, as it was in the beginning and as it is now. */
struct quickstart_row {
	const char *name; /* of an item or a customer */
	int64_t opening, now;
};

/* What a row should hold: its opening, less what completed orders have taken. */
int64_t quickstart_expect(const struct quickstart_row *row, const struct quickstart_order *orders,
			  uint32_t order_count);

#endif
