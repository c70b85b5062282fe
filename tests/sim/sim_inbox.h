/* The durable inbox in the simulator (S12): the stream, who publishes into it, who reads it. */
#ifndef SAGAD_TESTS_SIM_SIM_INBOX_H
#define SAGAD_TESTS_SIM_SIM_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/inbox.h"
#include "tests/judge/history.h"
#include "tests/sim/sim_limits.h"

struct sim;
struct sim_node;

/* What a client leaves, until the broker's acknowledgement has come. */
struct sim_letter {
	enum history_letter_kind kind;
	uint32_t shard; /* whose subject */
	uint32_t saga;
	bool ended, acknowledged;
	uint64_t until_ms; /* nobody publishes it after that (S5) */
	char subject[64];
	uint8_t *bytes;
	uint32_t size;
};

struct sim_stream_inbox {
	uint64_t incarnation, last;
	bool missing;
	/* Until then a server that leads no more answers, too, from what it had at first: so often
	 * (per mille) it is the one that is reached. */
	uint64_t deposed_until_ms, deposed_last;
	uint32_t deposed_odds;
	struct sim_letter *letters;
	uint32_t letter_count, letter_capacity;
};

/* A node's end of it. */
struct sim_inbox {
	struct inbox base;
	struct sim_node *node;
	struct inbox_events events;
	uint64_t serial;
	uint64_t look_open, read_open[SIM_SHARDS_MAX]; /* serials; 0 = none */
};

/* sim_inbox.c */
void sim_inbox_create(struct sim *sim);
void sim_inbox_open(struct sim_node *node, const struct inbox_events *events);
void sim_inbox_close(struct sim *sim);
void sim_inbox_made(struct sim *sim); /* the stream, empty, at first or again */
void sim_inbox_depose(struct sim *sim, uint64_t until_ms); /* its leader, for a new one */
/* The broker has it; returns its sequence, 0 = there is no stream. */
uint64_t sim_inbox_store(struct sim *sim, uint32_t letter);
/* sim_letters.c: after the sagas */
void sim_letters_create(struct sim *sim, uint64_t span_ms);

#endif
