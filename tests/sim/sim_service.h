/* Services: the stream of commands, what they do with them, what participants ask. */
#ifndef SAGAD_TESTS_SIM_SIM_SERVICE_H
#define SAGAD_TESTS_SIM_SIM_SERVICE_H

#include "base/id.h"
#include "tests/sim/sim_database.h"
#include "tests/sim/sim_limits.h"
#include "tests/sim/sim_person.h"
#include "tests/sim/sim_record.h"

struct sim;

/* What a participant's database in memory has of one operation; of SIM_WORK, as the outcome, what
 * is held (enum sim_hold). */
struct sim_row {
	bool used;
	int8_t outcome; /* enum stored_outcome */
	uint8_t output_size;
	char output[32];
	int code;
	int64_t admission;
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
	uint8_t *contradiction; /* what is said when it has been recorded; may be NULL */
	uint32_t contradiction_size;
};

struct sim_service {
	uint64_t life;
	uint64_t down_until_ms;
	struct sim_database *store; /* durable */
	struct sim_pending pending[SIM_PENDING];
	struct sim_person person;
	uint32_t in_hand; /* commands that it works on */
	bool direct;      /* how definitions reach it */
};

/* A command that came to a service. */
struct sim_work {
	uint32_t service, queued, entry, shard, saga, step, op, attempt;
	uint32_t index; /* of the step, as the engine has it */
	bool one_phase;
	bool refused; /* there is no room for it */
	uint64_t life, epoch, low_water, admission;
	struct uuid operation;
};

/* sim_bank.c: what a service does with it. False: its machine died meanwhile, and there is no
 * answer. */
struct context_answer;
bool sim_bank_run(struct sim *sim, const struct sim_work *work, struct context_answer *answer);
/* Beside all commands: what it did before its vote, or decided by what it was told. */
bool sim_bank_work(struct sim *sim, uint32_t saga, uint32_t step);
void sim_bank_decide(struct sim *sim, uint32_t saga, uint32_t step, bool commit);
/* It holds something, and nobody has told it what becomes of that. */
bool sim_bank_in_doubt(const struct sim *sim, uint32_t saga, uint32_t step);
bool sim_bank_voted(const struct sim *sim, uint32_t saga, uint32_t step);

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
