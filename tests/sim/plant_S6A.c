/* Planted: an append of unknown outcome is taken for stored. */
#include "journal/appender.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S6A"};

enum appender_act __real_appender_appended(struct appender *a, enum journal_append_status status,
					   uint64_t sequence, uint64_t mono_ms);
enum appender_act __wrap_appender_appended(struct appender *a, enum journal_append_status status,
					   uint64_t sequence, uint64_t mono_ms);

enum appender_act __wrap_appender_appended(struct appender *a, enum journal_append_status status,
					   uint64_t sequence, uint64_t mono_ms)
{
	if (status != JOURNAL_UNKNOWN)
		return __real_appender_appended(a, status, sequence, mono_ms);
	return __real_appender_appended(a, JOURNAL_STORED, a->expected + 1, mono_ms);
}
