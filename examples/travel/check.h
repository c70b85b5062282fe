/* Judges what the four services did, from their databases alone: was every booking done wholly or
 * not at all, and everything once?
 *
 * The judge (check.c) is fed rows in the order of their numbers and knows neither SQLite nor JSON;
 * check_sqlite.c and check_jansson.c feed it. Feed in this order: bookings, items, units, ledger,
 * log, till, answers; then check_finish.
 */
#ifndef SAGAD_EXAMPLES_TRAVEL_CHECK_H
#define SAGAD_EXAMPLES_TRAVEL_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "examples/common/findings.h"

enum {
	CHECK_NAME_SIZE = 65,
};

/* In the order of the steps. */
enum check_service { CHECK_USER, CHECK_FLIGHT, CHECK_HOTEL, CHECK_PAYMENT, CHECK_SERVICES };
const char *check_service_name(enum check_service service);

/* X(symbol, name, meaning) */
#define CHECK_RULE_MAP(X)                                                                          \
	X(CHECK_HALF, "half", "done at some services, not at all four")                            \
	X(CHECK_DOUBLED, "doubled", "an operation has two effects")                                \
	X(CHECK_UNDO_OF_NOTHING, "undo_of_nothing", "undone without having been done")             \
	X(CHECK_LATE_FORWARD, "late_forward", "done after it was undone")                          \
	X(CHECK_SOLD_TWICE, "sold_twice", "a seat or room is held by two bookings")                \
	X(CHECK_OVERSOLD, "oversold", "more is given than there is, or the books differ")          \
	X(CHECK_CONSERVED, "conserved", "money has appeared or vanished")                          \
	X(CHECK_RESERVED, "reserved", "money is still reserved, but nothing was charged")          \
	X(CHECK_AMOUNT, "amount", "an effect is not what was booked")                              \
	X(CHECK_STRANGER, "stranger", "an effect of a booking that nobody made")                   \
	X(CHECK_UNLOGGED, "unlogged", "effects and the log of the barrier contradict each other")  \
	X(CHECK_LOST, "lost", "a booking without an outcome, or with another than was answered")

enum check_rule {
#define CHECK_RULE_ENUM(symbol, name, meaning) symbol,
	CHECK_RULE_MAP(CHECK_RULE_ENUM)
#undef CHECK_RULE_ENUM
		CHECK_RULES
};
extern const struct findings_rule check_rules[CHECK_RULES];

struct check_report {
	uint32_t bookings, completed, compensated, open;
	uint32_t rejected_at[CHECK_SERVICES]; /* of the compensated: where it was refused */
	uint32_t undone_otherwise;            /* of the compensated: refused nowhere (time-outs) */
	uint32_t lost, doubled;               /* bookings */
	uint64_t effects;
	uint64_t duplicates, empty_undos, late_forwards; /* what the barriers met */
	struct findings findings;
};

struct check_booking_row {
	const char *id;
	const char *names[CHECK_SERVICES];  /* customer, flight, hotel, customer */
	int64_t quantities[CHECK_SERVICES]; /* price, seats, rooms, price */
};
struct check_effect_row {
	int64_t id;
	const char *saga, *name, *units;
	bool undo;
	int64_t quantity;
};
struct check_log_row {
	const char *saga, *verdict, *outcome;
	bool undo;
};
enum check_taken { CHECK_TAKEN_UNKNOWN, CHECK_TAKEN_YES, CHECK_TAKEN_NO };
struct check_answer_row {
	const char *id;
	enum check_taken accepted;
	const char *outcome; /* "completed", "compensated", "" = none was heard */
};

struct check; /* fixed-size tables grow by realloc; a failed one ends the process */
struct check *check_create(void);
void check_free(struct check *check);

void check_booking(struct check *check, const struct check_booking_row *row);
void check_bookings_end(struct check *check); /* after the last one */
void check_item(struct check *check, enum check_service service, const char *name, int64_t total,
		int64_t left);
/* In the order of (name, number); saga NULL = free. */
void check_unit(struct check *check, enum check_service service, const char *name, int64_t number,
		const char *saga);
void check_effect(struct check *check, enum check_service service,
		  const struct check_effect_row *row);
void check_log(struct check *check, enum check_service service, const struct check_log_row *row);
void check_till(struct check *check, int64_t amount);
void check_answer(struct check *check, const struct check_answer_row *row);
const struct check_report *check_finish(struct check *check);

/* ---- everything at once ------------------------------------------------------------------- */

struct check_options {
	const char *folder;        /* with user.db, flight.db, hotel.db, payment.db */
	const char *bookings_file; /* bookings.jsonl */
	uint32_t bookings_max;     /* only the first ones; 0 = all */
	const char *answers_file;  /* what clients were told, a line each; NULL = none */
};
/* False: something cannot be read, `why` says what. There is no report then: that is no pass. */
bool check_run(const struct check_options *options, struct check_report *report, char *why,
	       uint32_t why_size);
/* Reads one database; used by check_run. */
bool check_read_database(struct check *check, enum check_service service, const char *file,
			 char *why, uint32_t why_size);
bool check_read_bookings(struct check *check, const char *file, uint32_t max, char *why,
			 uint32_t why_size);
bool check_read_answers(struct check *check, const char *file, char *why, uint32_t why_size);
void check_print(const struct check_report *report, FILE *file);
/* One JSON object, without an end of line. */
void check_print_json(const struct check_report *report, FILE *file);

#endif
