/* The stream of commands: what is in it, and who delivers it. */
#ifndef SAGAD_TESTS_SIM_SIM_STREAM_H
#define SAGAD_TESTS_SIM_SIM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct sim;

struct sim_command {
	uint32_t saga, step, op;
};

struct sim_queued {
	uint32_t service, deliveries, commands;
	uint64_t sent_ms, stored_ms, mask; /* of commands that need no delivery any more */
	uint64_t retried;                  /* of those answered with "again" */
	uint64_t serial;                   /* of its next delivery */
	uint64_t linger_ms;                /* that it stays beyond its age limit */
	uint32_t consumer;                 /* generation of the one that delivered it */
	bool acked;
	uint8_t *bytes;
	uint32_t size;
	struct sim_command *contents;
	uint32_t content_count;
};

/* A service's. */
struct sim_consumer {
	uint32_t generation; /* made anew: the next */
	uint64_t stuck_until_ms;
};

/* sim_stream.c */
void sim_queue_put(struct sim *sim, struct slice service, struct slice bytes); /* by a node */
void sim_stream_store(struct sim *sim, uint32_t service, uint64_t sent_ms, struct slice bytes);
/* Of a message that was taken; each may be lost. */
void sim_stream_ack(struct sim *sim, uint32_t queued);
void sim_stream_nak(struct sim *sim, uint32_t queued);
void sim_stream_progress(struct sim *sim, uint32_t queued);
/* Of one of its commands: the last one acknowledges the message. */
void sim_stream_done(struct sim *sim, uint32_t queued, uint32_t entry);
void sim_stream_retried(struct sim *sim, uint32_t queued, uint32_t entry);
void sim_stream_hang(struct sim *sim, uint32_t service, uint64_t until_ms);
void sim_stream_remake(struct sim *sim, uint32_t service);

#endif
