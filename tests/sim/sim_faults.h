/* Which faults a seed has, and how often. */
#ifndef SAGAD_TESTS_SIM_SIM_FAULTS_H
#define SAGAD_TESTS_SIM_SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

struct sim;

/* Swarm: each is on or off for a whole seed. */
enum sim_class_of_faults {
	SIM_OF_NETWORK,
	SIM_OF_JOURNAL,
	SIM_OF_ETCD,
	SIM_OF_NODES,
	SIM_OF_CLOCKS,
	SIM_OF_SERVICES,
	SIM_OF_STREAM,
	SIM_OF_INBOX,
	SIM_OF_OPERATORS,
	SIM_CLASSES_OF_FAULTS,
};

/* clang-format off */
/* Per mille and ms; those that end in _ms and strike at times: the mean gap, 0 = never. All zero once
 * healed. no_self_stop: safety must not rest on S28. */
#define SIM_FAULTS_X(X) \
	X(loss) X(doubling) X(slow) X(delay_ms) X(reorder) X(publish_busy) X(misroute) \
	X(dumb_ms) X(hold_ms) X(broker_ms) X(disk_ms) X(burst_ms) X(append_lost) \
	X(append_mute) X(append_late) X(read_fails) X(read_stale) X(journal_ms) X(etcd_lost) \
	X(etcd_mute) X(etcd_late) X(etcd_ms) X(hint_lost) X(crash_ms) X(pause_ms) X(cut_ms) \
	X(deaf_ms) X(journal_cut_ms) X(expire_early_ms) X(expire_late) X(clock_ms) \
	X(drain_ms) X(zombie_ms) X(service_silent) X(service_retries) X(service_parks) \
	X(service_crashes) X(heuristics) X(store_fails) X(mailbox_slow) X(restore_ms) \
	X(refused_wrongly) X(unsent) X(leader_ms) X(etcd_refused) X(etcd_broken) X(etcd_twice) X(renew_lied) \
	X(hint_again) X(etcd_leader_ms) X(age_late) X(consumer_stuck_ms) X(consumer_made_ms) \
	X(inbox_lost) X(inbox_ack_lost) X(inbox_slow) X(inbox_depose_ms) X(inbox_ms) \
	X(stuck_ms) X(operator_ms) X(come_back_ms) X(leave_ms) X(no_self_stop)
/* clang-format on */
struct sim_faults {
#define X(name) uint32_t name;
	SIM_FAULTS_X(X)
#undef X
};
enum { SIM_FAULTS_MAX = 128 };
/* A class of faults by its number; NULL: there is none. */
const char *sim_fault_name(uint32_t number);
/* Those whose bit is set never strike. */
void sim_faults_calm(struct sim *sim, const uint64_t calm[SIM_FAULTS_MAX / 64]);

/* sim_faults.c */
void sim_faults_draw(struct sim *sim);
void sim_outage_draw(struct sim *sim); /* after it */
void sim_faults_burst(struct sim *sim);
void sim_heal(struct sim *sim);

/* sim_operator.c */
void sim_operator_strikes(struct sim *sim);
void sim_operator_heal(struct sim *sim);

/* sim_strikes.c */
void sim_faults_start(struct sim *sim);

#endif
