/* Planted: one in four open sagas is not carried forward, and nobody notices. */
#include "tests/sim/sim.h"
#include "wire/record.h"

const struct sim_plants sim_plants = {.name = "S17"};

int __real_wire_encode(enum wire_kind kind, const void *record, struct buf *out);
int __wrap_wire_encode(enum wire_kind kind, const void *record, struct buf *out);

int __wrap_wire_encode(enum wire_kind kind, const void *record, struct buf *out)
{
	static const struct wire_record_noop nothing;
	const struct wire_record_carried *r = record;

	if (kind == WIRE_RECORD_CARRIED && r->admission % 4 == 0)
		return __real_wire_encode(WIRE_RECORD_NOOP, &nothing, out);
	return __real_wire_encode(kind, record, out);
}
