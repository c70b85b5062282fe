/* Property tests of the engine over random transactions: see txn_prop.h.
 *
 *   test_txn_prop [--seed FIRST] [--cases COUNT] [--story]
 *
 * Case n has seed FIRST + n, and nothing else decides what happens in it. A case that fails prints
 * its story and how to run it alone; --story prints it for cases that pass, too. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/txn_prop.h"

enum {
	CASES = 55000,
	CASES_SANITIZED = 10000,
	CASES_COUNTED = 2000, /* from so many on it must have met everything */
};

/* How often, in 100,000 cases, each must have happened at least. */
static const struct {
	const char *name;
	uint32_t least;
} expected[SEEN_COUNT] = {
	[SEEN_SAGA] = {"saga", 1000},
	[SEEN_PIVOT] = {"pivot", 1000},
	[SEEN_RETRIABLE] = {"retriable", 1000},
	[SEEN_OPTIONAL] = {"optional", 1000},
	[SEEN_TCC] = {"tcc", 1000},
	[SEEN_2PC] = {"2pc", 1000},
	[SEEN_LAST_RESOURCE] = {"last resource", 1000},
	[SEEN_ONE_PHASE] = {"one-phase", 1000},
	[SEEN_MIXED] = {"mixed", 1000},
	[SEEN_INTERACTIVE] = {"interactive", 1000},
	[SEEN_COMPLETED] = {"completed", 1000},
	[SEEN_COMPENSATED] = {"compensated", 1000},
	[SEEN_LEFT_PARKED] = {"left parked", 100},
	[SEEN_TOMBSTONE] = {"tombstone", 100},
	[SEEN_DECIDED_BY_VOTES] = {"decided by votes", 1000},
	[SEEN_DECIDED_BY_PIVOT] = {"decided by the pivot", 1000},
	[SEEN_DECIDED_BY_SETTLE] = {"decided by a settle", 100},
	[SEEN_ABORT_REJECTED] = {"abort: rejected", 1000},
	[SEEN_ABORT_EXHAUSTED] = {"abort: exhausted", 1000},
	[SEEN_ABORT_DEADLINE] = {"abort: deadline", 100},
	[SEEN_ABORT_CANCELLED] = {"abort: cancelled", 1000},
	[SEEN_ABORT_IDLE] = {"abort: idle", 100},
	[SEEN_ABORT_BY_SETTLE] = {"abort: settled", 100},
	[SEEN_READ_ONLY] = {"read-only", 1000},
	[SEEN_HEURISTIC_FINISH] = {"heuristic finish", 100},
	[SEEN_HEURISTIC_UNDO] = {"heuristic undo", 100},
	[SEEN_OPTIONAL_REJECTED] = {"optional, rejected", 100},
	[SEEN_OPTIONAL_UNDONE] = {"optional, undone", 100},
	[SEEN_OPTIONAL_SETTLED] = {"optional, settled", 100},
	[SEEN_PARKED_FORWARD] = {"parked forward", 100},
	[SEEN_PARKED_FINISH] = {"parked finish", 100},
	[SEEN_PARKED_UNDO] = {"parked undo", 100},
	[SEEN_PARKED_SETTLE] = {"parked settle", 100},
	[SEEN_CANCEL_TAKEN] = {"cancel taken", 1000},
	[SEEN_CANCEL_PENDING] = {"cancel pending", 100},
	[SEEN_CANCEL_TOO_LATE] = {"cancel too late", 100},
	[SEEN_ENLIST_CLOSED] = {"enlist closed", 100},
	[SEEN_ENLIST_CONFLICT] = {"enlist conflict", 100},
	[SEEN_COMMIT_REFUSED] = {"commit refused", 100},
	[SEEN_INQUIRE_NONE] = {"inquiry: none", 1000},
	[SEEN_INQUIRE_COMMIT] = {"inquiry: commit", 100},
	[SEEN_INQUIRE_ABORT] = {"inquiry: abort", 100},
	[SEEN_INQUIRE_UNKNOWN] = {"inquiry: unknown id", 100},
	[SEEN_INQUIRE_OTHER] = {"inquiry: by somebody else", 50},
	[SEEN_TOLD_DECIDED] = {"told the decision before the end", 100},
	[SEEN_SUBMIT_CONFLICT] = {"submit conflict", 100},
	[SEEN_NOT_FOUND] = {"not found", 100},
	[SEEN_NOT_INTERACTIVE] = {"not interactive", 100},
	[SEEN_DUPLICATE] = {"duplicate at a barrier", 1000},
	[SEEN_EMPTY_UNDO] = {"empty undo", 100},
	[SEEN_BLOCKED] = {"late run blocked", 100},
	[SEEN_LATE_WORK] = {"late work blocked", 100},
	[SEEN_STALE] = {"stale", 100},
	[SEEN_PARKED_FOR_GOOD] = {"parked for good", 100},
	[SEEN_WORKING] = {"working", 1000},
	[SEEN_ODD_OUTCOME] = {"odd outcome", 1000},
	[SEEN_CONTRADICTION] = {"contradiction", 100},
	[SEEN_BOGUS] = {"reply from elsewhere", 1000},
	[SEEN_EARLY_TROUBLE] = {"trouble without an attempt", 100},
	[SEEN_CALL] = {"call", 1000},
	[SEEN_FALLBACK] = {"fallback", 100},
	[SEEN_PICKED] = {"picked from an output", 100},
	[SEEN_INPUT_TOO_LARGE] = {"picked too much", 100},
	[SEEN_OUTPUT_DROPPED] = {"output dropped", 100},
	[SEEN_CRASH_UNBORN] = {"crash: nothing accepted", 100},
	[SEEN_CRASH_OPEN] = {"crash: open", 100},
	[SEEN_CRASH_ENLISTED] = {"crash: enlisted", 100},
	[SEEN_CRASH_RUNNING] = {"crash: running", 1000},
	[SEEN_CRASH_VOTES_IN] = {"crash: votes in, not decided", 10},
	[SEEN_CRASH_PIVOT_OUT] = {"crash: pivot out", 100},
	[SEEN_CRASH_SETTLING] = {"crash: settling", 100},
	[SEEN_CRASH_FINISHING] = {"crash: finishing", 100},
	[SEEN_CRASH_UNDOING] = {"crash: undoing", 100},
	[SEEN_CRASH_PARKED] = {"crash: parked", 100},
	[SEEN_CRASH_OVER] = {"crash: over", 100},
	[SEEN_CRASH_WITHIN_STEP] = {"crash: within the records of a step", 100},
	[SEEN_SEGMENT] = {"segment", 10000},
	[SEEN_FROM_THE_MIDDLE] = {"replay from the middle", 1000},
	[SEEN_SKIPPED] = {"records skipped at its beginning", 100},
};

static int report(uint64_t cases)
{
	int missing = 0;

	for (uint32_t i = 0; i < SEEN_COUNT; i++) {
		const uint64_t least = expected[i].least * cases / 100000;
		const bool good = prop_seen[i] >= least;

		printf("%-36s %8llu%s\n", expected[i].name, (unsigned long long)prop_seen[i],
		       good ? "" : "  TOO FEW");
		missing += !good;
	}
	if (missing > 0 && cases >= CASES_COUNTED)
		printf("FAILED: %d kinds of events were not met often enough\n", missing);
	return missing > 0 && cases >= CASES_COUNTED;
}

static uint64_t number(const char *text)
{
	char *end;
	const uint64_t value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0') {
		(void)fprintf(stderr, "\"%s\" is no number\n", text);
		exit(64);
	}
	return value;
}

int main(int argc, char **argv)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	uint64_t cases = CASES_SANITIZED;
#else
	uint64_t cases = CASES;
#endif
	uint64_t first = 1, events = 0;
	bool story = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--story") == 0) {
			story = true;
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
			first = number(argv[++i]);
		} else if (strcmp(argv[i], "--cases") == 0 && i + 1 < argc) {
			cases = number(argv[++i]);
		} else {
			(void)fprintf(stderr, "usage: %s [--seed N] [--cases N] [--story]\n",
				      argv[0]);
			return 64;
		}
	}
	prop_memory_take();
	for (uint64_t i = 0; i < cases; i++) {
		prop_run(first + i);
		events += prop.steps_done;
		if (story)
			prop_story();
	}
	printf("%llu cases from seed %llu, %llu events\n", (unsigned long long)cases,
	       (unsigned long long)first, (unsigned long long)events);
	return report(cases);
}
