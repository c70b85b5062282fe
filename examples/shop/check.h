/* Judges what the shop's four services did, from their databases alone: is every order done wholly
 * or not at all, everything once, and nobody charged for what is not sent?
 *
 * The judge (check.c, check_judge.c) is fed rows in the order of their numbers and knows neither
 * SQLite nor JSON; check_sqlite.c and check_jansson.c feed it. Feed in this order: orders, items,
 * ledger, log, what stands, answers; then check_finish.
 */
#ifndef SAGAD_EXAMPLES_SHOP_CHECK_H
#define SAGAD_EXAMPLES_SHOP_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "examples/common/findings.h"

enum { CHECK_NAME_SIZE = 65 };

enum check_service { CHECK_INVENTORY, CHECK_PAYMENT, CHECK_SHIPPING, CHECK_ORDER, CHECK_SERVICES };
const char *check_service_name(enum check_service service);

/* The steps of shop.yaml. */
enum check_step {
	CHECK_STEP_ORDER,
	CHECK_STEP_STOCK,
	CHECK_STEP_GIFT,
	CHECK_STEP_CARD,
	CHECK_STEP_SHIP,
	CHECK_STEP_CONFIRM,
	CHECK_STEPS
};

/* X(symbol, name, meaning) */
#define CHECK_RULE_MAP(X)                                                                          \
	X(CHECK_HALF, "half", "done at some services, not at all of them")                         \
	X(CHECK_UNSHIPPED, "unshipped", "charged, but not sent or not confirmed")                  \
	X(CHECK_DOUBLED, "doubled", "an operation has two effects")                                \
	X(CHECK_UNDO_OF_NOTHING, "undo_of_nothing", "undone without having been done")             \
	X(CHECK_LATE_FORWARD, "late_forward", "done after it was undone or blocked")               \
	X(CHECK_SETTLED, "settled", "payment has told other than what it did")                     \
	X(CHECK_OVERSOLD, "oversold", "more is given than there is")                               \
	X(CHECK_BOOKS, "books", "what stands and what was done differ")                            \
	X(CHECK_VERSIONS, "versions", "versions that do not follow one another")                   \
	X(CHECK_CONSERVED, "conserved", "money has appeared or vanished")                          \
	X(CHECK_AMOUNT, "amount", "an effect is not what was ordered")                             \
	X(CHECK_STRANGER, "stranger", "an effect of an order that nobody made")                    \
	X(CHECK_UNLOGGED, "unlogged", "effects and the log of the barrier contradict each other")  \
	X(CHECK_LOST, "lost", "an order without an outcome, or with another than was answered")

enum check_rule {
#define CHECK_RULE_ENUM(symbol, name, meaning) symbol,
	CHECK_RULE_MAP(CHECK_RULE_ENUM)
#undef CHECK_RULE_ENUM
		CHECK_RULES
};
extern const struct findings_rule check_rules[CHECK_RULES];

struct check_report {
	uint32_t orders, completed, undone, open;
	uint32_t sold_out, declined, undone_otherwise; /* of the undone */
	uint32_t gifts, without_gift;                  /* of the completed */
	uint32_t gifts_undone;  /* of those without: nobody knew, so undone */
	uint32_t lost, doubled; /* orders */
	uint64_t effects;
	uint64_t races;                         /* lost, and tried again */
	uint32_t settled_done, settled_blocked; /* orders whose charge was settled so */
	uint32_t patient;                       /* sent or confirmed only after being parked */
	uint64_t duplicates, empty_undos, late_forwards; /* what the barriers met */
	struct findings findings;
};

struct check_order_row {
	const char *id, *customer, *item;
	int64_t quantity, price;
};
struct check_effect_row {
	const char *saga, *step, *name, *took, *gave;
	bool undo;
	int64_t quantity, version, races, attempt;
};
struct check_log_row {
	const char *saga, *step, *op, *verdict, *outcome;
};
/* A reservation, charge, gift or shipment. */
struct check_held_row {
	const char *saga, *name;
	int64_t quantity;
};
enum check_taken { CHECK_TAKEN_UNKNOWN, CHECK_TAKEN_YES, CHECK_TAKEN_NO };
struct check_answer_row {
	const char *id;
	enum check_taken accepted;
	const char *outcome; /* "completed", "compensated", "" = none was heard */
};

struct check; /* tables grow by realloc; a failed one ends the process */
struct check *check_create(void);
void check_free(struct check *check);

void check_order(struct check *check, const struct check_order_row *row);
void check_orders_end(struct check *check); /* after the last one */
void check_item(struct check *check, enum check_service service, const char *name, int64_t total,
		int64_t left, int64_t version);
void check_effect(struct check *check, enum check_service service,
		  const struct check_effect_row *row);
void check_log(struct check *check, enum check_service service, const struct check_log_row *row);
/* What stands for this step now. */
void check_held(struct check *check, enum check_step step, const struct check_held_row *row);
/* A row of the table orders. */
void check_status(struct check *check, const char *saga, const char *status);
void check_answer(struct check *check, const struct check_answer_row *row);
const struct check_report *check_finish(struct check *check);

/* ---- everything at once ------------------------------------------------------------------- */

struct check_options {
	const char *folder;       /* with inventory.db, payment.db, shipping.db, order.db */
	const char *orders_file;  /* orders.jsonl */
	const char *answers_file; /* what clients were told, a line each; NULL = none */
};
/* False: something cannot be read, `why` says what. There is no report then: that is no pass. */
bool check_run(const struct check_options *options, struct check_report *report, char *why,
	       uint32_t why_size);
/* Reads one database; used by check_run. */
bool check_read_database(struct check *check, enum check_service service, const char *file,
			 char *why, uint32_t why_size);
bool check_read_orders(struct check *check, const char *file, char *why, uint32_t why_size);
bool check_read_answers(struct check *check, const char *file, char *why, uint32_t why_size);
void check_print(const struct check_report *report, FILE *file);
/* One JSON object, without an end of line. */
void check_print_json(const struct check_report *report, FILE *file);

#endif
