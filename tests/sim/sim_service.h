/* Services: the stream of commands, the barrier, what participants ask. */
#ifndef SAGAD_TESTS_SIM_SIM_SERVICE_H
#define SAGAD_TESTS_SIM_SIM_SERVICE_H

#include "base/id.h"
#include "tests/sim/sim_limits.h"
#include "tests/sim/sim_record.h"

struct sim;

/* S3, S8, S24: what a participant's database holds of one operation. */
struct sim_row {
	uint8_t outcome; /* 0 = none; else enum sim_effect_kind */
	bool one_phase;  /* the forward operation was all there is */
	uint64_t admission;
};

/* A reply that waits for its disposition. */
struct sim_pending {
	bool used;
	uint32_t queued, entry, shard;
	struct uuid operation;
	uint32_t attempt;
	uint64_t since_ms, serial;
	uint8_t *bytes;
	uint32_t size;
};

struct sim_service {
	uint64_t life;
	uint64_t down_until_ms;
	uint64_t epoch[SIM_SHARDS_MAX], low_water[SIM_SHARDS_MAX]; /* durable */
	struct sim_pending pending[SIM_PENDING];
	uint32_t rejects, slow; /* per mille: its personality */
	bool direct;            /* how definitions reach it */
};

/* sim_barrier.c: what a participant does with a command */
struct sim_work {
	uint32_t service, queued, entry, shard, saga, step, op, attempt;
	uint32_t index; /* of the step, as the engine has it */
	bool one_phase;
	uint64_t life, epoch, low_water, admission;
	struct uuid operation;
};
struct sim_verdict {
	uint32_t outcome, barrier, code;
};
struct sim_verdict sim_barrier_run(struct sim *sim, const struct sim_work *work);
/* Beside all commands: what it did before (SIM_WORK), or decided by what it was told. */
bool sim_barrier_work(struct sim *sim, uint32_t saga, uint32_t step);
void sim_barrier_decide(struct sim *sim, uint32_t saga, uint32_t step, bool commit);
bool sim_barrier_in_doubt(const struct sim *sim, uint32_t saga, uint32_t step);
/* sim_participant.c: what services ask owners */
void sim_participant_enlist(struct sim *sim, uint32_t saga, uint32_t step);
void sim_participant_doubt(struct sim *sim, uint32_t saga, uint32_t step);
void sim_participant_hear(struct sim *sim, uint32_t request, struct slice data);
bool sim_participants_done(struct sim *sim);

/* sim_service.c: those who work on commands */
bool sim_service_take(struct sim *sim, uint32_t queued);
uint64_t sim_service_number(const struct sim *sim, struct slice name);
void sim_service_hear(struct sim *sim, uint32_t service, struct slice data);
void sim_service_call(struct sim *sim, struct slice service, struct slice bytes);

#endif
