/* The judges, and what they read in the journals. */
#ifndef SAGAD_TESTS_SIM_SIM_CHECK_H
#define SAGAD_TESTS_SIM_SIM_CHECK_H

#include "tests/sim/sim_inbox.h"
#include "tests/sim/sim_limits.h"

struct sim;

/* sim_history.c: what the journals say, by a reader of its own. A time of 0 = never. */
struct sim_branch_facts {
	/* ok, rejected: of the forward operation, or what its settling found */
	uint64_t ok_ms, rejected_ms, unknown_ms, undone_ms;
	uint64_t read_only_ms, finished_ms, heuristic_ms, enlisted_ms;
};
struct sim_saga_facts {
	uint64_t accepted_ms, decision_ms, finished_ms, tombstone_ms;
	uint32_t accepted_times, decision_times, finished_times;
	uint64_t commit_ms, closed_ms; /* decision_ms is the abort's */
	uint32_t final_state, reason, heuristics;
	bool one_phase;                            /* its one branch is told to do it all at once */
	uint32_t step_of[SIM_STEPS], member_count; /* interactive: by the engine's index */
	bool other_body;                           /* that of SIM_CONFLICT was accepted */
	uint64_t accepted_batch;
	uint64_t taken_batch; /* the first that counts an entry of the inbox for it as taken */
	uint64_t refused_ms;  /* when one was refused, and that is remembered */
	struct sim_branch_facts steps[SIM_STEPS];
};
struct sim_history {
	struct sim_saga_facts *sagas;
	struct sim_entry_facts *entries;
	uint64_t *record_ms[SIM_SHARDS_MAX]; /* by record number: when it was stored */
	uint64_t record_count[SIM_SHARDS_MAX];
	uint64_t skipped, read_again;
	/* When a command was first sent. */
	uint64_t (*sent_ms)[SIM_STEPS][SIM_OPS]; /* by saga */
};
/* NULL: memory is short. Free it with sim_history_close. */
struct sim_history *sim_history_read(struct sim *sim);
void sim_history_close(struct sim_history *history);

/* The first time of something that is over by then. */
static inline bool sim_by(uint64_t when, uint64_t at_ms)
{
	return when != 0 && when <= at_ms;
}

/* sim_check_answers.c, sim_check_commands.c, sim_check_effects.c */
void sim_check_answers(struct sim *sim, const struct sim_history *h);
void sim_check_commands(struct sim *sim, struct sim_history *h);
void sim_check_effects(struct sim *sim, const struct sim_history *h);
bool sim_step_takes_part(const struct sim *sim, const struct sim_history *h, uint32_t saga,
			 uint32_t step);
bool sim_step_irrevocable(const struct sim *sim, const struct sim_saga_facts *facts, uint32_t saga,
			  uint32_t step);

/* sim_check.c */
void sim_check(struct sim *sim);

#endif
