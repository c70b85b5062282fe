#include "examples/quickstart/check.h"

#include <string.h>

int64_t quickstart_expect(const struct quickstart_row *row, const struct quickstart_order *orders,
			  uint32_t order_count)
{
	int64_t expected = row->opening;

	for (uint32_t i = 0; i < order_count; i++) {
		const struct quickstart_order *order = &orders[i];

		if (!order->completed)
			continue;
		if (strcmp(order->item, row->name) == 0)
			expected -= order->quantity;
		if (strcmp(order->customer, row->name) == 0)
			expected -= order->amount;
	}
	return expected;
}
