/* The durable inbox in the simulator (S12): the stream, who publishes into it, who reads it. */
#ifndef SAGAD_TESTS_SIM_SIM_INBOX_H
#define SAGAD_TESTS_SIM_SIM_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/inbox.h"
#include "tests/sim/sim_limits.h"

struct sim;
struct sim_node;
struct sim_history;

enum sim_letter_kind {
	SIM_LETTER_GOOD = 1, /* the saga's own body */
	SIM_LETTER_OTHER,    /* another body under its id */
	SIM_LETTER_WRONG,    /* whatever can only be refused */
};

/* What a client leaves, until the broker's acknowledgement has come. */
struct sim_letter {
	enum sim_letter_kind kind;
	uint32_t shard; /* whose subject */
	uint32_t saga;
	bool ended, acknowledged;
	uint64_t until_ms; /* nobody publishes it after that (S5) */
	char subject[64];
	uint8_t *bytes;
	uint32_t size;
};

/* What the stream has stored of it: as often as it came. */
struct sim_entry {
	uint32_t letter;
	uint64_t incarnation, sequence, stored_ms;
	uint64_t purge_sent_ms; /* of the purge that deleted it; 0 = none has */
	bool lost;              /* it went with its stream, unpurged */
	bool recorded;          /* sim_end.c has seen it in a journal */
};

struct sim_stream_inbox {
	struct sim_entry *entries;
	uint32_t entry_count, entry_capacity;
	uint64_t incarnation, last;
	bool missing;
	/* Until then a server that leads no more answers, too, from what it had at first: so often
	 * (per mille) it is the one that is reached. */
	uint64_t deposed_until_ms, deposed_last;
	uint32_t deposed_odds;
	bool told_short; /* somebody was told of an end that was none */
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

/* What the journals say of an entry. */
struct sim_entry_facts {
	uint64_t at_ms; /* 0 = nothing */
	uint32_t code;
};

/* sim_inbox.c */
void sim_inbox_create(struct sim *sim);
void sim_inbox_open(struct sim_node *node, const struct inbox_events *events);
void sim_inbox_close(struct sim *sim);
void sim_inbox_depose(struct sim *sim, uint64_t until_ms); /* its leader, for a new one */
/* The broker has it; returns its sequence, 0 = there is no stream. */
uint64_t sim_inbox_store(struct sim *sim, uint32_t letter);
/* False: no such entry was ever stored. */
bool sim_inbox_find(const struct sim *sim, uint32_t shard, struct slice created, uint64_t sequence,
		    uint32_t *entry);

/* sim_letters.c: after the sagas */
void sim_letters_create(struct sim *sim, uint64_t span_ms);

/* sim_check_inbox.c */
void sim_check_inbox(struct sim *sim, const struct sim_history *history);

#endif
