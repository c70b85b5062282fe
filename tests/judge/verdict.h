/* What the judges found: broken invariants with their witnesses, what was counted, and what too
 * little was seen of. */
#ifndef SAGAD_TESTS_JUDGE_VERDICT_H
#define SAGAD_TESTS_JUDGE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* The number in the catalogue of invariants, the rule of safety or the bound of liveness ("S4",
 * "L2"): at least one of them. */
struct law {
	uint32_t invariant; /* 0 = none */
	const char *rule;   /* "" = none; static */
};
#define LAW(number, rule) ((struct law){(number), (rule)})

/* When something was; order 0 = never. */
struct moment {
	uint64_t order, at_ms;
};
static inline bool moment_by(struct moment when, uint64_t order)
{
	return when.order != 0 && when.order <= order;
}
static inline void moment_first(struct moment *when, struct moment now)
{
	if (when->order == 0)
		*when = now;
}

struct finding {
	struct law law;
	bool liveness;       /* something did not end in time; else something went wrong */
	uint32_t saga, step; /* or HISTORY_NONE */
	struct moment at;
	uint32_t witness; /* so many things recorded about that saga up to then */
	char text[224];
};

/* clang-format off */
#define JUDGE_COUNTERS(X) \
	X(accepted) X(completed) X(compensated) X(tombstones) X(skipped_batches) X(commits) \
	X(sagas) X(mixed) X(interactive) X(pivots) X(retriables) X(optionals) X(votes) X(one_phases) \
	X(last_resources) X(unknown_steps) X(settles) X(optional_undos) X(gone_on_without) \
	X(enlists) X(closed_sets) X(idle_aborts) X(deadline_aborts) X(retries) X(parkings) \
	X(conflicts) X(expired_submits) X(busy) X(cancels) X(late_cancels) X(pending_cancels) \
	X(enlists_refused) X(enlists_other) X(branch_sets_refused) X(inquiries) \
	X(inquired_commits) X(inquired_aborts) X(told_decided) X(listed) X(picked_inputs) \
	X(versions) X(stale_commands_sent) X(epochs) X(inbox_taken) X(inbox_refused) \
	X(inbox_read_again) X(transfers) X(held_sums) X(samples_judged) X(states_compared) X(outcomes) \
	X(carried) X(carried_ids) X(segments_begun)
/* clang-format on */
struct judge_counters {
#define X(name) uint64_t name;
	JUDGE_COUNTERS(X)
#undef X
};

enum { VERDICT_FINDINGS = 64, VERDICT_UNSEEN = 32 };

struct verdict {
	struct finding findings[VERDICT_FINDINGS]; /* the first ones */
	uint32_t finding_count;                    /* all of them */
	char unseen[VERDICT_UNSEEN][96];
	uint32_t unseen_count;
	struct judge_counters count;
};

/* Safety: it went wrong. `saga`, `step`: or HISTORY_NONE. */
void verdict_broken(struct verdict *verdict, struct law law, uint32_t saga, uint32_t step,
		    struct moment at, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
/* Liveness: it did not end, or too late. */
void verdict_late(struct verdict *verdict, struct law law, uint32_t saga, uint32_t step,
		  struct moment at, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Too little was seen: the run proves nothing about that. */
void verdict_unseen(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline uint32_t verdict_kept(const struct verdict *verdict)
{
	return verdict->finding_count < VERDICT_FINDINGS ? verdict->finding_count
							 : (uint32_t)VERDICT_FINDINGS;
}
/* False: it has no such counter. */
bool verdict_counter(const struct verdict *verdict, const char *name, uint64_t *value);
/* "invariant 18, S4: ..." */
void finding_text(const struct finding *finding, char *text, uint32_t size);

#endif
