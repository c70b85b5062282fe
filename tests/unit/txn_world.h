/* A small world around one engine: a journal that becomes durable late, a network that loses,
 * doubles and reorders, participants with a barrier, clients, crashes of the owner, whose successor
 * is configured otherwise. And a model of the journal that checks each record and each message
 * against the invariants of the catalogue.
 *
 * Numbers in comments and failures are those of the reliability catalogue. */
#ifndef SAGAD_TESTS_UNIT_TXN_WORLD_H
#define SAGAD_TESTS_UNIT_TXN_WORLD_H

#include "base/prng.h"
#include "tests/unit/txn_host.h"
#include "wire/record.h"

enum {
	WORLD_SAGAS = 10,
	WORLD_STEPS = 4,
	WORLD_PACKETS = 512,
	WORLD_REQUESTS = 4096,
	WORLD_AGE_MS = 6000,
	WORLD_LEAVE_MS = 300,
	WORLD_DISPOSITION = 1000000, /* stands for a service that waits for one */
};

/* One branch as its participant and the checker see it. */
struct world_step {
	/* The participant's barrier rows: 0 none, else the stored outcome (S3). */
	uint8_t forward_row, undo_row;
	uint32_t forward_effects, undo_effects;
	/* What was sent. */
	bool forward_sent;
	uint32_t sent_attempt[4];
	/* S14: the last durable copy that left and has no answer, 0 = none; when it was made. */
	uint32_t durable_attempt[4];
	uint64_t durable_at[4];
	/* What the journal says; indexed by op. */
	uint32_t attempts[4];
	uint64_t next_at[4];
	uint8_t result[4]; /* enum wire_branch_event that ended the operation */
	bool parked;
};

struct world_saga {
	char id[8];
	struct host_plan plan;
	uint32_t step_count;
	uint64_t after[WORLD_STEPS], dependents[WORLD_STEPS];
	struct world_step steps[WORLD_STEPS];
	uint64_t seen_epoch; /* by its participants */
	bool acknowledged;   /* a client was told so */
	bool refused;        /* a client was told that it never will be */
	uint32_t told;       /* the final state a client was told, 0 = none */
	/* The journal. */
	uint64_t admission;
	bool accepted, tombstone, decided, finished;
	uint32_t final_state;
};

enum packet_kind { PACKET_COMMAND = 1, PACKET_REPLY, PACKET_ANSWER };

struct packet {
	enum packet_kind kind;
	uint64_t gate;
	bool call; /* a command that is one, and its replies */
	uint64_t made_at;
	uint32_t hold_ms;
	uint32_t saga, step, op, attempt, outcome;
	uint64_t epoch, admission, low_water;
	uint64_t token;
	struct wire_answer answer;
};

struct world_request {
	enum txn_event_kind kind;
	uint32_t saga;
	bool done;
};

struct world {
	struct host h;
	struct prng random;
	struct txn_limits largest; /* of all owners */
	struct world_saga sagas[WORLD_SAGAS];
	struct packet outbox[WORLD_PACKETS];
	uint32_t outbox_count;
	struct packet network[WORLD_PACKETS];
	uint32_t network_count;
	struct world_request requests[WORLD_REQUESTS];
	uint64_t next_token;
	uint32_t durable; /* records */
	uint32_t modelled;
	uint64_t low_water_seen;
	uint32_t trouble_percent; /* of what can go wrong */
	uint64_t events;
	/* What the run met, to prove that it met it. */
	uint32_t calls, copies, fallbacks;
	uint32_t completed, compensated, parked, duplicates, empty_undos, blocked, stale, expired,
		takeovers;
};

void world_init(struct world *w, uint64_t seed);
void world_close(struct world *w);
void world_random_event(struct world *w);
/* No more trouble and no new work: everything must come to its end. */
void world_heal(struct world *w);
void world_check_end(struct world *w);

/* txn_world_check.c */
void world_model(struct world *w);            /* reads the records that are new */
void world_model_from_start(struct world *w); /* after a crash cut the journal */
void world_check_command(struct world *w, const struct txn_message *m);
void world_check_delivery(struct world *w, const struct txn_message *m);
struct world_saga *world_saga_of(struct world *w, struct slice id);

#endif
