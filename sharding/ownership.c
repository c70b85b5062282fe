#include "sharding/ownership.h"

#include "base/check.h"

#define BIT(state) (1U << OWNERSHIP_##state)

struct ownership_row {
	const char *name;
	uint32_t successors; /* bits of the permitted ones */
};

/* Beyond the diagram in the header:
 * acquiring -> unowned: the store refused the key;  acquiring -> released: the key was won, but by
 * then no longer wanted, and the worker was never told;  replaying -> quiescing: the plan changed
 * before the replay was done. */
static const struct ownership_row ownership_table[OWNERSHIP_STATES] = {
	[OWNERSHIP_UNOWNED] = {"unowned", BIT(ACQUIRING)},
	[OWNERSHIP_ACQUIRING] = {"acquiring", BIT(REPLAYING) | BIT(UNOWNED) | BIT(RELEASED) |
						      BIT(FENCED) | BIT(HALTED)},
	[OWNERSHIP_REPLAYING] = {"replaying",
				 BIT(SERVING) | BIT(QUIESCING) | BIT(FENCED) | BIT(HALTED)},
	[OWNERSHIP_SERVING] = {"serving", BIT(QUIESCING) | BIT(FENCED) | BIT(HALTED)},
	[OWNERSHIP_QUIESCING] = {"quiescing",
				 BIT(SERVING) | BIT(RELEASED) | BIT(FENCED) | BIT(HALTED)},
	[OWNERSHIP_RELEASED] = {"released", BIT(UNOWNED) | BIT(FENCED)},
	[OWNERSHIP_FENCED] = {"fenced", BIT(UNOWNED)},
	[OWNERSHIP_HALTED] = {"halted", BIT(FENCED)},
};

const char *ownership_name(enum ownership state)
{
	CHECK((unsigned)state < OWNERSHIP_STATES);
	return ownership_table[state].name;
}

bool ownership_permits(enum ownership from, enum ownership to)
{
	CHECK((unsigned)from < OWNERSHIP_STATES);
	CHECK((unsigned)to < OWNERSHIP_STATES);
	return (ownership_table[from].successors & (1U << to)) != 0;
}

void ownership_move(enum ownership *state, enum ownership to)
{
	CHECK(ownership_permits(*state, to));
	*state = to;
}
