/* A saga's records as an owner would hand them out. */
#ifndef SAGAD_UNIT_CLI_SHOW_JOURNAL_H
#define SAGAD_UNIT_CLI_SHOW_JOURNAL_H

#include "base/buf.h"
#include "wire/codec.h"

enum { ENTRIES_MAX = 24 };

struct journal {
	struct buf bytes[ENTRIES_MAX];
	struct wire_history_entry entries[ENTRIES_MAX];
	uint32_t count;
};

void journal_record(struct journal *j, uint64_t at_ms, uint64_t epoch, enum wire_kind kind,
		    const void *body);
void journal_close(struct journal *j);

#endif
