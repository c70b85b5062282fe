/* What is recorded at the borders, for the judges, and what is counted. */
#ifndef SAGAD_TESTS_SIM_SIM_RECORD_H
#define SAGAD_TESTS_SIM_SIM_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/judge/history.h"
#include "tests/judge/judge.h"
#include "tests/sim/sim_limits.h"

/* clang-format off */
#include "tests/judge/history.h"
#include "tests/judge/judge.h"
#include "tests/sim/sim_limits.h"

/* clang-format off */
#define SIM_WORLD_COUNTERS(X) \
	X(failovers) X(crashes) X(pauses) X(cuts) X(early_expiries) X(zombies) X(two_owners) \
	X(unknown_appends) X(late_appends) X(refused_appends) X(unfenced_epochs) X(lost_messages) \
	X(doubled_messages) X(redeliveries) X(commands) X(resends) X(first_runs) X(duplicates) \
	X(rejections) X(empty_undos) X(late_forwards) X(stale_commands) X(expired_commands) \
	X(calls) X(fallbacks) X(obsolete) X(late_duplicates) X(parked) X(releases) \
	X(service_crashes) X(inbox_stored) X(inbox_stored_again) X(inbox_acks_lost) \
	X(inbox_purged) X(inbox_failed) X(inbox_told_short) X(inbox_made_again) X(stuck_journals) \
	X(read_only) X(confirms) X(settled_ok) X(blocked) X(heuristics) X(rolled_back_alone) \
	X(finished_alone) X(consumers_stuck) X(consumers_made_again) X(leader_changes) \
	X(leaderless_appends) X(deposed_appends) X(deposed_reads) X(refused_wrongly) X(unsent) \
	X(etcd_leader_changes) X(etcd_leaderless) X(etcd_refused) X(etcd_broken) X(etcd_twice) \
	X(lying_renewals) X(lying_renewals_dead) X(hints_again) X(etcd_restored) X(crashes_before_commit) \
	X(crashes_after_commit) X(store_failures) X(cleanings) X(prompt_answers) X(slow_answers) \
	X(silences) X(answers_twice) X(contradictions) X(overloads) X(lies) X(bursts) \
	X(dumb_nodes) X(held_links) X(broker_outages) X(disks_lost) X(reordered) X(publish_busy) \
	X(misrouted) X(disks) X(disk_failures) X(disk_full) X(disk_short_writes) X(disk_busy) \
	X(disk_power_failures) X(disk_lost_writes) \
	X(frozen_nodes) X(frozen_services) X(pins) X(freezes) X(cordons) X(drains) X(leaves) \
	X(planner_deaths) X(plans_written) X(plan_moves) X(acquired) X(taken_by_order) \
	X(tails) X(standbys_warm) X(standbys_dropped) X(warm_takeovers) X(cold_takeovers) \
	X(segments) X(batches_rolled_up) X(segments_come_back) X(refused_roll_ups) X(gaps_read) \
	X(replays_from_the_middle)
/* Of the few runs beyond the model; the last two are what the design does not see. */
#define SIM_DAMAGE_COUNTERS(X) \
	X(journal_tails_lost) X(journals_purged) X(journals_made_again) X(damage_halts) \
	X(damage_unnoticed) X(damage_denials) X(damage_mended)
#define SIM_COUNTERS(X) SIM_WORLD_COUNTERS(X) JUDGE_COUNTERS(X)
/* clang-format on */
struct sim_counters {
#define X(name) uint64_t name;
	SIM_COUNTERS(X)
#undef X
#define X(name) uint64_t name;
	SIM_DAMAGE_COUNTERS(X)
#undef X
};

struct sim;
struct sim_node;
struct core_stats;

/* sim_record.c */
void sim_record_open(struct sim *sim);
void sim_record_close(struct sim *sim);
void sim_record_plans(struct sim *sim); /* what clients mean: when all is drawn */
void sim_record_owner(const struct sim_node *node, enum history_owner_kind kind, uint32_t shard,
		      uint64_t epoch);
/* Of the node's use of what is limited. */
void sim_record_samples(struct sim_node *node, const struct core_stats *stats);
/* What each owner holds, and what a replay of its journal gives (22). */
void sim_record_states(struct sim *sim);

#endif
