/* A cluster in one process and in virtual time: the daemon's pure parts (control core, worker core,
 * engine, codec: the same archives) on models of journal, etcd, messages, services and clients.
 * Everything that happens is drawn from one seed, so the same seed gives the same story.
 *
 * The smallest unit of time is 1 ms. Within one, events run in the order in which they were made;
 * then each node that was touched has its turn, as a loop thread has after its queue is drained.
 */
#ifndef SAGAD_TESTS_SIM_SIM_H
#define SAGAD_TESTS_SIM_SIM_H

#include "tests/sim/sim_beyond.h"
#include "tests/sim/sim_chance.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_faults.h"
#include "tests/sim/sim_inbox.h"
#include "tests/sim/sim_models.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_record.h"
#include "tests/sim/sim_run.h"
#include "tests/sim/sim_saga.h"
#include "tests/sim/sim_service.h"
#include "tests/sim/sim_stream.h"
#include "tests/sim/sim_time.h"
#include "wire/codec.h"
#include "wire/subject.h"

struct sim {
	uint64_t seed, now_ms, heal_ms;
	const struct sim_options *options;
	enum sim_mode mode; /* never SIM_BY_SEED */
	bool healed;
	bool outage; /* one service is away until the healing, and little else happens */
	struct sim_luck luck[SIM_STREAMS];
	bool running;                   /* it is set up: choices count */
	const struct sim_choices *kept; /* NULL: whatever chance says strikes */
	struct sim_choices *struck;     /* what did; NULL: nobody wants to know */
	struct sim_faults faults, calm; /* calm: without the burst of the moment */
	bool faulty[SIM_CLASSES_OF_FAULTS];
	struct sim_due *heap;
	struct sim_event *free_events;
	struct sim_event *wheel[SIM_WHEEL_MS], *wheel_last[SIM_WHEEL_MS];
	uint64_t wheel_used[SIM_WHEEL_MS / 64];
	uint32_t heap_count, heap_capacity;
	uint64_t next_order;
	uint8_t digest_block[4096];
	uint32_t digest_used;
	uint64_t digest;

	struct wire_slots slots;
	struct id cluster;
	struct sim_node nodes[SIM_NODES_MAX];
	uint32_t node_count, shard_count, service_count, client_count;
	uint32_t open_max; /* sagas of a shard: beyond them is no room (S19) */
	uint32_t branches_max;
	uint64_t segment_bytes; /* small, so that many begin */
	uint32_t segment_batches;
	uint32_t grace_ms; /* so long a lost node's shards are only lent */
	bool no_standby;
	struct sim_service services[SIM_SERVICES_MAX];
	struct sim_saga *sagas;
	uint32_t saga_count;
	struct sim_row (*rows)[SIM_STEPS][SIM_OPS]; /* by saga: of services without a disk */
	uint32_t (*evasive)[SIM_STEPS][SIM_OPS];    /* by saga: attempts answered so, 0 = none */
	enum sim_hold (*holds)[SIM_STEPS];          /* by saga: as the ledger says */
	uint64_t arrive_ms[SIM_ENDPOINTS][SIM_ENDPOINTS];

	struct sim_log logs[SIM_SHARDS_MAX];
	struct sim_leader leaders[SIM_SHARDS_MAX];
	struct sim_writer last_writer[SIM_SHARDS_MAX];
	bool beyond; /* its damage is more than the design survives */
	struct sim_damage damage[SIM_SHARDS_MAX];
	struct sim_kv kvs[SIM_KEYS]; /* in the order of their names */
	uint32_t kv_count;
	struct sim_backup backup;
	struct sim_office *office;
	uint64_t etcd_away_until_ms;         /* it has no leader */
	struct sim_lease leases[SIM_LEASES]; /* id = index + 1 */
	uint32_t lease_count;
	int64_t revision;
	struct sim_consumer consumers[SIM_SERVICES_MAX];
	bool (*take)(struct sim *sim, uint32_t queued); /* false: nobody wants a message now */
	void *host;                                     /* of models alone: who drives them */
	struct sim_queued *queue;
	uint32_t queued, queue_capacity;
	uint32_t copies_max; /* live ones of one command in the stream (S14) */
	uint64_t pending_serial;
	uint64_t probe_ms; /* 0 = not yet */
	struct sim_stream_inbox inbox;

	struct history history;
	struct judge_options judging;
	struct verdict verdict;
	struct facts *facts;
	struct sim_counters count;
	uint8_t *arena_memory;
	char failure[256]; /* "" = none: the first thing that was wrong */
	bool liveness;     /* it is that something did not end */
};

static inline struct sim_row *sim_row(struct sim *sim, uint32_t saga, uint32_t step, uint32_t op)
{
	return &sim->rows[saga][step][op];
}

#endif
