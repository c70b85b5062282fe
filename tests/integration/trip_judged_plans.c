#include "tests/unit/unit.h"

#include <string.h>

#include "tests/integration/trip_judged.h"

#define TIMES                                                                                      \
	"deadline: 60s\n"                                                                          \
	"defaults:\n"                                                                              \
	"  timeout: 1s\n"                                                                          \
	"  retry: {attempts: 4, initial: 100ms, factor: 2, cap: 1s}\n"                             \
	"  undo_retry: {attempts: 60, initial: 50ms, factor: 2, cap: 1s}\n"                        \
	"steps:\n"
#define DO(name, more)                                                                             \
	"  - {name: " name ", service: svc-" name ", action: do, compensate: undo" more "}\n"
#define VOTE(name)                                                                                 \
	"  - {name: " name ", service: svc-" name                                                  \
	", prepare: prepare, commit: commit, rollback: rollback, budget: 20s, after: []}\n"
#define TRY(name)                                                                                  \
	"  - {name: " name ", service: svc-" name                                                  \
	", try: prepare, confirm: commit, cancel: rollback, after: []}\n"

struct plan {
	const char *yaml;
	const char *scripts[8]; /* in turn; see script_service_sqlite.c */
};

static const struct plan plans[TRIP_PLANS] = {
	{"name: chain\n" TIMES DO("a", "") DO("b", "") DO("c", ""),
	 {"", "reject:c", "lose:b", "double:a double:c", "retry:a:2", "reject:b failundo:a:2",
	  "slow:b:300", "die:c"}},
	{"name: diamond\n" TIMES "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
	 "  - {name: b, service: svc-a, action: do, compensate: undo, after: [a]}\n"
	 "  - {name: c, service: svc-b, action: do, compensate: undo, after: [a]}\n"
	 "  - {name: d, service: svc-c, action: do, compensate: undo, after: [b, c]}\n"
	 "  - {name: e, service: svc-a, action: do, compensate: undo, after: [d]}\n",
	 {"", "reject:e", "lose:d reject:e", "late:c:1500 reject:d", "slow:d:200"}},
	{"name: pivot\n" TIMES DO("a",
				  "") "  - {name: b, service: svc-b, action: do, pivot: true}\n"
				      "  - {name: c, service: svc-c, action: do, retriable: "
				      "true}\n",
	 {"", "reject:b", "lose:b:99", "retry:b:99", "retry:c:5", "double:b lose:c", "slow:b:900"}},
	{"name: optional-undo\n" TIMES DO("a", "") DO("b", ", optional: true") DO("c", ""),
	 {"", "reject:b", "lose:b:99", "reject:c", "retry:b:99"}},
	{"name: optional-settle\n" TIMES DO(
		 "a", "") "  - {name: b, service: svc-b, action: do, compensate: none, optional: "
			  "true}\n" DO("c", "") "  - {name: d, service: svc-b, action: do, "
						"compensate: undo}\n",
	 {"", "lose:b:99", "retry:b:99", "reject:b", "reject:d", "reject:b reject:d"}},
	{"name: vote\nprotocol: 2pc\n" TIMES VOTE("a") VOTE("b") VOTE("c"),
	 {"", "reject:b", "readonly:b", "lose:a", "slow:c:300", "heuristic:b",
	  "readonly:a reject:c", "failfinish:a:3"}},
	{"name: tcc\nprotocol: tcc\n" TIMES TRY("a") TRY("b") TRY("c"),
	 {"", "reject:a", "lose:c", "late:b:1500", "double:a", "readonly:c", "failfinish:b:2"}},
	{"name: alone\nprotocol: 2pc\n" TIMES
	 "  - {name: a, service: svc-a, prepare: prepare, commit: commit, rollback: rollback,"
	 " one_phase: once}\n",
	 {"", "reject:a", "lose:a:99"}},
	{"name: last\nprotocol: 2pc\n" TIMES VOTE("a")
		 VOTE("b") "  - {name: c, service: svc-c, commit: once, last_resource: true, "
			   "after: []}\n",
	 {"", "reject:c", "slow:c:900", "lose:c:99", "reject:a"}},
	{"name: mixed\nprotocol: mixed\n" TIMES
	 "  - {name: a, kind: saga, service: svc-a, action: do, compensate: undo}\n"
	 "  - {name: b, kind: tcc, service: svc-b, try: prepare, confirm: commit, cancel: "
	 "rollback}\n"
	 "  - {name: c, kind: saga, service: svc-c, action: do, pivot: true}\n"
	 "  - {name: d, kind: saga, service: svc-a, action: do, retriable: true}\n",
	 {"", "retry:d:3", "reject:b", "reject:c", "lose:c:99", "slow:c:900 retry:d:2", "lose:a"}},
	{"name: direct\n" TIMES
	 "  - {name: a, service: svc-a, action: do, compensate: undo, delivery: direct}\n"
	 "  - {name: b, service: svc-b, action: do, compensate: undo, delivery: direct}\n",
	 {"", "reject:b", "lose:a", "slow:b:200"}},
};

void trip_plans_parse(struct judged_trip *trip)
{
	for (uint32_t i = 0; i < TRIP_PLANS; i++) {
		char why[1024] = "";

		if (saga_definition_parse(plans[i].yaml, strlen(plans[i].yaml), "trip",
					  &trip->definitions[i], why, sizeof why) != 0)
			fail_msg("%s", why);
	}
}

const struct saga_definition *trip_plan(const struct judged_trip *trip, uint32_t number,
					const char **script)
{
	const struct plan *plan = &plans[number % TRIP_PLANS];
	uint32_t count = 0;

	while (count < sizeof plan->scripts / sizeof plan->scripts[0] &&
	       plan->scripts[count] != NULL)
		count++;
	*script = plan->scripts[number / TRIP_PLANS % count];
	return trip->definitions[number % TRIP_PLANS];
}

bool trip_plan_irrevocable(uint32_t number)
{
	return strstr(plans[number % TRIP_PLANS].yaml, "pivot") != NULL ||
	       strstr(plans[number % TRIP_PLANS].yaml, "last_resource") != NULL;
}
