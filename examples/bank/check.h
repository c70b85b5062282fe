/* Judges what the two account services did, from their databases alone: is all money still there,
 * and was every transfer done wholly or not at all, once, as its client was told?
 *
 * The judge (check.c) is fed rows in the order of their numbers and knows neither SQLite nor JSON;
 * check_sqlite.c and check_jansson.c feed it. Feed in this order: transfers, accounts, holds,
 * changes, log, trouble, inquiries, answers; then check_finish.
 */
#ifndef SAGAD_EXAMPLES_BANK_CHECK_H
#define SAGAD_EXAMPLES_BANK_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "examples/common/findings.h"

enum { CHECK_NAME_SIZE = 65 };

enum check_bank { CHECK_BANK_A, CHECK_BANK_B, CHECK_BANKS };
extern const char *const check_bank_names[CHECK_BANKS]; /* "bank_a", "bank_b" */

/* inside: from one account of bank_a to another, one branch alone. */
enum check_protocol { CHECK_2PC, CHECK_TCC, CHECK_INSIDE, CHECK_PROTOCOLS };
extern const char *const check_protocol_names[CHECK_PROTOCOLS]; /* "2pc", "tcc", "inside" */

/* X(symbol, name, meaning) */
#define CHECK_RULE_MAP(X)                                                                          \
	X(CHECK_CONSERVED, "conserved", "money has appeared or vanished")                          \
	X(CHECK_BOOKS, "books", "an account is not what its ledger makes of it")                   \
	X(CHECK_VERSION, "version", "an account's version is not the number of its changes")       \
	X(CHECK_OVERDRAWN, "overdrawn", "more was promised or moved than the account had")         \
	X(CHECK_HELD, "held", "a hold is left, and nobody will come for it")                       \
	X(CHECK_HALF, "half", "moved on one side, not on the other")                               \
	X(CHECK_DOUBLED, "doubled", "an operation has two effects")                                \
	X(CHECK_BOTH, "both", "moved and released")                                                \
	X(CHECK_UNHELD, "unheld", "moved or released without having been held")                    \
	X(CHECK_LATE_FORWARD, "late_forward", "held after it was released or called off")          \
	X(CHECK_OUTVOTED, "outvoted", "moved although a service had said no")                      \
	X(CHECK_AMOUNT, "amount", "an effect is not what was ordered")                             \
	X(CHECK_STRANGER, "stranger", "an effect of a transfer that nobody ordered")               \
	X(CHECK_UNLOGGED, "unlogged", "ledger and log of the barrier contradict each other")       \
	X(CHECK_INQUIRY, "inquiry", "a bank in doubt was told something else")                     \
	X(CHECK_ANSWER, "answer", "the client was told something else")                            \
	X(CHECK_LOST, "lost", "the client was told nothing")

enum check_rule {
#define CHECK_RULE_ENUM(symbol, name, meaning) symbol,
	CHECK_RULE_MAP(CHECK_RULE_ENUM)
#undef CHECK_RULE_ENUM
		CHECK_RULES
};
extern const struct findings_rule check_rules[CHECK_RULES];

/* X(symbol, name): what services do on purpose. */
#define CHECK_TROUBLE_MAP(X)                                                                       \
	X(CHECK_TROUBLE_NO, "no")                                                                  \
	X(CHECK_TROUBLE_LATE, "late")                                                              \
	X(CHECK_TROUBLE_TWICE, "twice")                                                            \
	X(CHECK_TROUBLE_NEVER, "never")                                                            \
	X(CHECK_TROUBLE_CRASH, "crash")

enum check_trouble {
#define CHECK_TROUBLE_ENUM(symbol, name) symbol,
	CHECK_TROUBLE_MAP(CHECK_TROUBLE_ENUM)
#undef CHECK_TROUBLE_ENUM
		CHECK_TROUBLES
};
extern const char *const check_trouble_names[CHECK_TROUBLES];

struct check_report {
	uint32_t transfers;
	uint32_t committed[CHECK_PROTOCOLS], aborted[CHECK_PROTOCOLS];
	uint32_t read_only;                /* of the committed: there was nothing to move */
	uint32_t refused;                  /* of the aborted: a service said no */
	uint32_t troubled;                 /* transfers with trouble on purpose, at either bank */
	uint32_t troubles[CHECK_TROUBLES]; /* how often each was done */
	uint32_t inquiries;                /* of banks in doubt, answered */
	uint32_t crashes_survived;         /* of the crashes: the transfer was committed */
	int64_t moved;
	uint64_t effects, duplicates, empty_undos, late_forwards, settled;
	struct findings findings;
};

struct check_transfer_row {
	const char *id, *from, *to;
	enum check_protocol protocol;
	int64_t amount;
};
struct check_account_row {
	const char *name;
	int64_t opening, balance, held, version;
};
struct check_change_row {
	const char *saga, *op, *account;
	int64_t balance_change, held_change, version;
};
struct check_log_row {
	const char *saga, *op, *verdict, *outcome;
};
enum check_told { CHECK_TOLD_NOTHING, CHECK_TOLD_COMMITTED, CHECK_TOLD_ABORTED };

struct check; /* fixed-size tables grow by realloc; a failed one ends the process */
struct check *check_create(void);
void check_free(struct check *check);

void check_transfer(struct check *check, const struct check_transfer_row *row);
void check_transfers_end(struct check *check); /* after the last one */
void check_account(struct check *check, enum check_bank bank, const struct check_account_row *row);
void check_hold(struct check *check, enum check_bank bank, const char *saga, const char *account,
		int64_t amount);
void check_change(struct check *check, enum check_bank bank, const struct check_change_row *row);
void check_log(struct check *check, enum check_bank bank, const struct check_log_row *row);
void check_trouble(struct check *check, enum check_bank bank, const char *saga, const char *kind);
void check_inquiry(struct check *check, enum check_bank bank, const char *saga,
		   const char *decision);
void check_answer(struct check *check, const char *id, enum check_told told);
const struct check_report *check_finish(struct check *check);

/* ---- everything at once ------------------------------------------------------------------- */

struct check_options {
	const char *folder;         /* with bank_a.db, bank_b.db */
	const char *transfers_file; /* what was ordered, a line each */
	const char *answers_file;   /* what clients were told, a line each; NULL = none */
};
/* False: something cannot be read, `why` says what. There is no report then: that is no pass. */
bool check_run(const struct check_options *options, struct check_report *report, char *why,
	       uint32_t why_size);
bool check_read_database(struct check *check, enum check_bank bank, const char *file, char *why,
			 uint32_t why_size);
bool check_read_transfers(struct check *check, const char *file, char *why, uint32_t why_size);
bool check_read_answers(struct check *check, const char *file, char *why, uint32_t why_size);
void check_print(const struct check_report *report, FILE *file);
/* One JSON object, without an end of line. */
void check_print_json(const struct check_report *report, FILE *file);

#endif
