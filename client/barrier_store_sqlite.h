/* The barrier's store in SQLite. */
#ifndef SAGAD_CLIENT_BARRIER_STORE_SQLITE_H
#define SAGAD_CLIENT_BARRIER_STORE_SQLITE_H

#include <saga_sqlite.h>

#include "client/barrier.h"

struct barrier_store_sqlite {
	struct barrier_store base;
	sqlite3 *db; /* the caller's, prepared by saga_sqlite_prepare */
};

/* Holds nothing that would have to be closed. */
void barrier_store_sqlite_open(struct barrier_store_sqlite *store, sqlite3 *db);

#endif
