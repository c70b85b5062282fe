/* Hundreds of transactions of every kind on a real cluster while things break, recorded for the
 * judges. */
#ifndef SAGAD_TESTS_INTEGRATION_TRIP_JUDGED_H
#define SAGAD_TESTS_INTEGRATION_TRIP_JUDGED_H

#include "examples/common/judged.h"
#include "examples/common/stage.h"

enum { TRIP_PLANS = 11, TRIP_SERVICES = 3, TRIP_WAIT_MS = 60000 };

struct judged_trip {
	struct stage stage;
	struct load load;
	struct judged judged;
	struct saga_definition *definitions[TRIP_PLANS];
	uint32_t services_died, turns;
	pthread_t by_hand;
};

/* trip_judged_plans.c. Fails the running cmocka test when one is wrong. */
void trip_plans_parse(struct judged_trip *trip);
/* What the n-th transaction is, and how its services are to behave. */
const struct saga_definition *trip_plan(const struct judged_trip *trip, uint32_t number,
					const char **script);

bool trip_plan_irrevocable(uint32_t number);

/* trip_judged_by_hand.c: interactive transactions one after the other, and cancels of the load's,
 * on a thread of its own. `turns` in all; joins. */
void trip_by_hand_start(struct judged_trip *trip);
void trip_by_hand_join(struct judged_trip *trip);

#endif
