/* The judge's tables: filled by check.c, judged by check_judge.c. */
#ifndef SAGAD_EXAMPLES_SHOP_CHECK_TABLES_H
#define SAGAD_EXAMPLES_SHOP_CHECK_TABLES_H

#include "examples/shop/check.h"

/* One step's part in one order. */
struct check_part {
	uint32_t forwards, undos;               /* effects in the ledger */
	uint32_t logged_forwards, logged_undos; /* effects in the log */
	uint32_t rejections, empty_undos;       /* in the log */
	uint32_t settled_ok, settled_no;        /* answers to settle, in the log */
	bool blocked;                           /* by settle, before it ever ran */
	uint32_t stands;                        /* reservations, charges ... now */
	bool parked;                            /* done after more attempts than it had */
	char took[CHECK_NAME_SIZE], gave[CHECK_NAME_SIZE];
};

struct check_order {
	char id[CHECK_NAME_SIZE], customer[CHECK_NAME_SIZE], item[CHECK_NAME_SIZE];
	int64_t quantity, price;
	struct check_part parts[CHECK_STEPS];
	uint32_t rows; /* in the table orders */
	char status[16];
	bool lost, doubled;
	enum check_taken accepted;
	char outcome[16];
};

struct check_item {
	enum check_service service;
	char name[CHECK_NAME_SIZE];
	int64_t total, left, version;
	int64_t given, changes; /* by the ledger so far */
};

struct check {
	struct check_order *orders; /* sorted by id */
	uint32_t order_count, order_capacity;
	struct check_item *items;
	uint32_t item_count, item_capacity;
	int64_t charged; /* by what stands */
	struct check_report report;
};

struct check_step_of {
	const char *name;
	enum check_service service;
};
extern const struct check_step_of check_steps[CHECK_STEPS];

#endif
