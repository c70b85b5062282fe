#include "tests/unit/cli_show_journal.h"

#include "tests/unit/unit.h"

void journal_record(struct journal *j, uint64_t at_ms, uint64_t epoch, enum wire_kind kind,
		    const void *body)
{
	struct buf *bytes = &j->bytes[j->count];

	assert_true(j->count < ENTRIES_MAX);
	buf_init(bytes, 64 * 1024);
	assert_int_equal(wire_encode(kind, body, bytes), 0);
	j->entries[j->count] = (struct wire_history_entry){.record_number = 100 + j->count,
							   .at = at_ms,
							   .epoch = epoch,
							   .record = buf_slice(bytes)};
	j->count++;
}

void journal_close(struct journal *j)
{
	for (uint32_t i = 0; i < j->count; i++)
		buf_close(&j->bytes[i]);
}
