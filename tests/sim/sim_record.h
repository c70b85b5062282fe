/* What is recorded at the borders: effects, commands, requests, answers; and what is counted. */
#ifndef SAGAD_TESTS_SIM_SIM_RECORD_H
#define SAGAD_TESTS_SIM_SIM_RECORD_H

#include <stdbool.h>
#include <stdint.h>

enum sim_effect_kind {
	SIM_DONE = 1,
	SIM_REFUSED,
	SIM_EMPTY, /* an undo of nothing; as a forward row: that undo was first */
	SIM_READ_ONLY,
	SIM_HEURISTIC,
	SIM_BLOCKED, /* by a settle that found nothing */
};
/* The participant's ledger, in its own order. */
struct sim_effect {
	uint64_t at_ms;
	uint32_t saga, step, op;
	enum sim_effect_kind kind;
	bool asked;     /* nobody commanded it: the participant had asked what was decided */
	bool one_phase; /* the forward operation was all there is */
	uint32_t service, shard;
	uint64_t epoch;      /* of the command; 0 = of none */
	int64_t delta, held; /* changes of the account, and of what is held on it */
};

/* A command on its way out of a node. */
struct sim_command_sent {
	uint64_t at_ms, epoch;
	uint32_t node, shard, saga, step, op, attempt;
	uint64_t input; /* its hash */
};

struct sim_answer {
	uint64_t at_ms, epoch, record_number;
	uint32_t node, request, code, state, shard, decision, heuristics;
};

enum sim_request_kind {
	SIM_SUBMIT = 1,
	SIM_CONFLICT,
	SIM_CANCEL,
	SIM_QUERY,
	SIM_WAIT_QUERY,
	SIM_WAIT_DECIDED,
	SIM_LIST, /* of sagas with heuristic branches, on the shard of this one */
	SIM_ENLIST,
	SIM_ENLIST_OTHER, /* the same name, another branch */
	SIM_COMMIT,
	SIM_INQUIRE,
};
struct sim_request {
	enum sim_request_kind kind;
	uint32_t saga, step;
	uint64_t sent_ms;
	bool probe, answered; /* as the client sees it */
	bool by_participant;
};

/* clang-format off */
#define SIM_COUNTERS(X) \
	X(accepted) X(completed) X(compensated) X(tombstones) X(failovers) X(crashes) \
	X(pauses) X(cuts) X(early_expiries) X(zombies) X(two_owners) X(unknown_appends) X(late_appends) \
	X(refused_appends) X(unfenced_epochs) X(skipped_batches) X(lost_messages) \
	X(doubled_messages) X(redeliveries) X(commands) X(resends) X(first_runs) \
	X(duplicates) X(rejections) X(empty_undos) X(late_forwards) X(stale_commands) \
	X(expired_commands) X(calls) X(fallbacks) X(obsolete) X(conflicts) X(expired_submits) X(cancels) \
	X(late_duplicates) X(parked) X(releases) X(service_crashes) X(unknown_steps) X(inbox_stored) \
	X(inbox_stored_again) X(inbox_acks_lost) X(inbox_taken) X(inbox_refused) X(inbox_purged) \
	X(inbox_failed) X(inbox_told_short) X(inbox_read_again) X(inbox_made_again) \
	X(busy) X(stuck_journals) X(sagas) X(pivots) X(retriables) X(optionals) X(mixed) X(votes) \
	X(one_phases) X(last_resources) X(read_only) X(confirms) X(commits) X(settles) X(settled_ok) \
	X(blocked) X(heuristics) X(optional_undos) X(gone_on_without) X(interactive) X(enlists) \
	X(enlists_refused) X(enlists_other) X(branch_sets_refused) X(closed_sets) X(idle_aborts) X(inquiries) \
	X(inquired_commits) X(inquired_aborts) X(rolled_back_alone) X(finished_alone) \
	X(pending_cancels) X(late_cancels) X(told_decided) X(picked_inputs) X(listed) \
	X(consumers_stuck) X(consumers_made_again) X(leader_changes) X(leaderless_appends) \
	X(deposed_appends) X(deposed_reads) X(refused_wrongly) X(unsent) X(etcd_leader_changes) \
	X(etcd_leaderless) X(etcd_refused) X(etcd_broken) X(etcd_twice) X(lying_renewals) \
	X(lying_renewals_dead) X(hints_again) \
	X(crashes_before_commit) X(crashes_after_commit) X(store_failures) X(cleanings) X(transfers) \
	X(prompt_answers) X(slow_answers) X(silences) X(answers_twice) X(contradictions) X(overloads) \
	X(lies) X(bursts) X(dumb_nodes) X(held_links) X(broker_outages) X(disks_lost) X(reordered) \
	X(publish_busy) X(misrouted)
/* clang-format on */
struct sim_counters {
#define X(name) uint64_t name;
	SIM_COUNTERS(X)
#undef X
};

#endif
