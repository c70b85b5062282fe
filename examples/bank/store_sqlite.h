/* Between the store and the work that is done in its transactions. */
#ifndef SAGAD_EXAMPLES_BANK_STORE_SQLITE_H
#define SAGAD_EXAMPLES_BANK_STORE_SQLITE_H

#include <sqlite3.h>

#include "examples/bank/account.h"

/* account_sqlite.c */
bool bank_account_read(sqlite3 *db, const char *name, struct bank_account *account);
/* The account of the transfer that is ours. */
const char *bank_own_name(const struct bank_call *call);
/* One operation: outcome and text; what it changes stands in the ledger. */
void bank_work(sqlite3 *db, struct bank_call *call, struct saga_result *result);

#endif
