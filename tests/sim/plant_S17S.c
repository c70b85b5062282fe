/* Planted: what is carried forward has had one attempt less than it had. */
#include "tests/sim/sim.h"
#include "wire/record.h"

const struct sim_plants sim_plants = {.name = "S17S"};

int __real_wire_encode(enum wire_kind kind, const void *record, struct buf *out);
int __wrap_wire_encode(enum wire_kind kind, const void *record, struct buf *out);

int __wrap_wire_encode(enum wire_kind kind, const void *record, struct buf *out)
{
	struct wire_carried_branch branches[WIRE_STEPS_MAX];
	struct wire_record_carried r;

	if (kind != WIRE_RECORD_CARRIED)
		return __real_wire_encode(kind, record, out);
	r = *(const struct wire_record_carried *)record;
	for (uint32_t i = 0; i < r.branch_count; i++) {
		branches[i] = r.branches[i];
		branches[i].undo_attempts -= branches[i].undo_attempts > 1;
	}
	r.branches = branches;
	return __real_wire_encode(kind, &r, out);
}
