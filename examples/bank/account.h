/* One instance of an account service: bank_a, whose accounts are debited, or bank_b, whose accounts
 * are credited.
 *
 * A yes vote (prepare, try) holds the money; commit or confirm moves it, rollback or cancel
 * releases it. Accounts carry a version and change by UPDATE ... WHERE version = ? (optimistic
 * locking). Nothing of what a service writes has any uniqueness: only libsaga's barrier keeps an
 * operation from being done twice. bank-check proves it.
 */
#ifndef SAGAD_EXAMPLES_BANK_ACCOUNT_H
#define SAGAD_EXAMPLES_BANK_ACCOUNT_H

#include <saga.h>

enum { BANK_NAME_SIZE = 65 };

/* The input of each branch. */
struct bank_transfer {
	char from[BANK_NAME_SIZE], to[BANK_NAME_SIZE];
	int64_t amount;
};
/* account_jansson.c. False: `why` (256 bytes) says what is wrong. */
bool bank_transfer_parse(const void *json, size_t size, struct bank_transfer *transfer, char *why);

enum bank_sabotage {
	BANK_SOUND,
	BANK_NO_BARRIER,    /* works without the barrier */
	BANK_COMMITS_TWICE, /* moves the money of some transfers twice */
	BANK_FORGETS,       /* says yes to the commit of some transfers and does nothing */
};

/* Trouble on purpose: no more than one kind hits a transfer at one service. */
struct bank_trouble {
	double no, late, twice, never, crash;
	uint32_t late_ms;
	uint64_t seed;
};
enum bank_trouble_kind {
	TROUBLE_NONE,
	TROUBLE_NO,    /* refuses */
	TROUBLE_LATE,  /* comes to the barrier when the coordinator has given up */
	TROUBLE_TWICE, /* says everything twice */
	TROUBLE_NEVER, /* does the work and says nothing */
	TROUBLE_CRASH, /* dies between its vote and the decision */
};
/* trouble.c: the same for all attempts, whichever instance gets them. */
struct bank_fate {
	enum bank_trouble_kind kind;
	bool at_vote; /* else at the decision */
};
struct bank_fate bank_trouble_draw(const struct bank_trouble *trouble, const char *service,
				   const char *saga);
const char *bank_trouble_name(enum bank_trouble_kind kind);

/* A row as it was last looked at. */
struct bank_account {
	bool found;
	int64_t balance, held, version;
};

/* What one call works with, in and outside the barrier's transaction. */
struct bank_call {
	struct bank_transfer transfer;
	struct saga_context *context;
	enum saga_op op;
	bool out;       /* the money leaves this bank */
	bool one_phase; /* from one account of this bank to another, at once */
	bool understood;
	char why[256];
	bool refuse;              /* on purpose */
	struct bank_account seen; /* our account, before the transaction */
	bool ran;                 /* the barrier let it through */
	bool had_nothing;         /* to undo: there was no hold */
	uint32_t lost_races;
	enum bank_sabotage sabotage;
};
const char *bank_op_name(enum saga_op op); /* "forward", as in the tables */

/* ---- store_sqlite.c ------------------------------------------------------------------------ */

struct bank_store; /* the database, for all threads of this process */
struct bank_store *bank_store_open(const char *file, const char *service);
void bank_store_close(struct bank_store *store);
/* Makes `count` accounts <prefix>1 ... with so much in each; those that are there stay. */
bool bank_store_fill(struct bank_store *store, const char *prefix, uint32_t count, int64_t balance);
void bank_store_look(struct bank_store *store, struct bank_call *call);
/* Barrier, work, and a row in barrier_log about what the barrier met. */
void bank_store_run(struct bank_store *store, struct bank_call *call, struct saga_result *result);
/* Remembers trouble; true when it is the first of its kind for this saga and operation. */
bool bank_store_trouble(struct bank_store *store, const struct bank_call *call, const char *kind);
/* A hold that is there: its transfer may be decided, and we may not know. */
struct bank_doubt {
	char saga[SAGA_ID_SIZE], step[SAGA_ID_SIZE];
};
uint32_t bank_store_doubts(struct bank_store *store, struct bank_doubt *doubts, uint32_t max);
/* Writes down what we were told of it. */
void bank_store_told(struct bank_store *store, const struct bank_doubt *doubt,
		     enum saga_decision decision);
uint64_t bank_store_lost_races(struct bank_store *store);

#endif
