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
	SIM_CLASSES_OF_FAULTS,
};

/* Per mille and ms; all zero once healed. */
struct sim_faults {
	uint32_t loss, doubling, slow, delay_ms, reorder, publish_busy, misroute;
	uint32_t dumb_ms, hold_ms, broker_ms, disk_ms, burst_ms;
	uint32_t append_lost, append_mute, append_late, read_fails, read_stale, journal_ms;
	uint32_t etcd_lost, etcd_mute, etcd_late, etcd_ms, hint_lost;
	uint32_t crash_ms, pause_ms, cut_ms, deaf_ms, journal_cut_ms; /* mean gap; 0 = never */
	uint32_t expire_early_ms, expire_late, clock_ms, drain_ms, zombie_ms;
	uint32_t service_silent, service_retries, service_parks;
	uint32_t service_crashes, heuristics;
	uint32_t store_fails; /* a call to a participant's database */
	uint32_t mailbox_slow;
	uint32_t refused_wrongly, unsent, leader_ms;
	uint32_t etcd_refused, etcd_broken, etcd_twice, renew_lied, hint_again, etcd_leader_ms;
	uint32_t age_late, consumer_stuck_ms, consumer_made_ms;
	uint32_t inbox_lost, inbox_ack_lost, inbox_slow, inbox_depose_ms, inbox_ms;
	uint32_t stuck_ms; /* mean gap */
	bool no_self_stop; /* safety must not rest on S28 */
};

/* sim_faults.c */
void sim_faults_draw(struct sim *sim);
void sim_outage_draw(struct sim *sim); /* after it */
void sim_faults_burst(struct sim *sim);
void sim_heal(struct sim *sim);

/* sim_strikes.c */
void sim_faults_start(struct sim *sim);

#endif
