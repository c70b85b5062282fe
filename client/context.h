/* What a handler sees of its command, and what becomes of its answer. */
#ifndef SAGAD_CLIENT_CONTEXT_H
#define SAGAD_CLIENT_CONTEXT_H

#include <saga.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "wire/message.h"

struct context_block {
	struct context_block *next;
	size_t size;
	uint8_t bytes[];
};

/* A handler's result in the form in which it is sent. */
struct context_answer {
	uint32_t outcome; /* enum wire_outcome */
	uint32_t retry_after_ms;
	uint32_t code; /* of the wire */
	uint32_t barrier;
	char text[256];
	struct slice output;          /* in one of the blocks */
	struct context_block *blocks; /* freed with the answer */
};

struct saga_context {
	const struct wire_command *command;
	uint32_t shard;
	uint64_t epoch, low_water;
	uint64_t expires_ms; /* monotonic: the attempt's end */
	struct id saga, step, operation;
	char operation_id[UUID_TEXT_SIZE + 1];
	enum saga_verdict verdict;
	int code;
	struct context_block *blocks;
	/* Set by saga_context_heartbeat, after which `wake` is called; both may be NULL. */
	atomic_bool *heartbeat;
	void (*wake)(void *wake_context);
	void *wake_context;
};

/* `command` is borrowed until the context is finished. */
void context_open(struct saga_context *context, const struct wire_command *command, uint32_t shard,
		  uint64_t epoch, uint64_t low_water, uint64_t received_ms);
/* Turns the handler's result into what is sent; takes the context's memory over. */
void context_finish(struct saga_context *context, const struct saga_result *result,
		    struct context_answer *answer);
void context_answer_free(struct context_answer *answer);

#endif
