/* Planted: an append of unknown outcome is given up as not stored, and the next one is built. */
#include "journal/appender.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S6"};

enum appender_act __real_appender_appended(struct appender *a, enum journal_append_status status,
					   uint64_t sequence, uint64_t mono_ms);
enum appender_act __wrap_appender_appended(struct appender *a, enum journal_append_status status,
					   uint64_t sequence, uint64_t mono_ms);

enum appender_act __wrap_appender_appended(struct appender *a, enum journal_append_status status,
					   uint64_t sequence, uint64_t mono_ms)
{
	if (status != JOURNAL_UNKNOWN)
		return __real_appender_appended(a, status, sequence, mono_ms);
	a->state = APPENDER_IDLE;
	a->hash = a->header.previous;
	a->sends = 0;
	buf_clear(&a->bytes);
	return APPENDER_NOTHING;
}
