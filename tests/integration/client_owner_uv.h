/* A scripted owner of all shards against a real nats-server: answers what the test tells it to. It
 * lives on the test's thread, libsaga on threads of its own, so tests use the asynchronous calls or
 * a helper thread for the blocking ones. */
#ifndef SAGAD_TESTS_CLIENT_OWNER_UV_H
#define SAGAD_TESTS_CLIENT_OWNER_UV_H

#include <saga.h>
#include <uv.h>

#include "base/arena.h"
#include "tests/support/launcher.h"
#include "tests/unit/unit.h"
#include "transport/nats.h"
#include "wire/codec.h"
#include "wire/shard.h"
#include "wire/subject.h"

enum {
	OWNER_SHARDS = 4,
	OWNER_EPOCH = 7,
	OWNER_ARENA_SIZE = 256 * 1024,
	/* Far above anything expected: a test that meets it has failed. */
	PATIENCE_MS = 30000
};

/* A request to the owner, or a frame of replies; `bytes` live until the hook returns. */
struct owner_request {
	uint32_t shard;
	enum subject_verb verb;
	char party[65];
	char id[65]; /* but of SUBJECT_REPLY */
	bool wait;
	struct slice bytes;
	char reply_to[SUBJECT_SIZE_MAX];
	const struct wire_reply_frame *replies; /* of SUBJECT_REPLY */
};

struct owner {
	struct cluster *cluster;
	uv_loop_t loop;
	uv_timer_t tick; /* so that a wait looks at its condition now and then */
	struct transport *transport;
	bool connected;
	struct transport_subscription *info, *shards;
	uint32_t info_code; /* what info answers; 0 = the slot table */
	uint32_t info_count;
	uint8_t *arena;
	void (*on_request)(struct owner *owner, const struct owner_request *request);
	void *context;         /* the test's */
	int64_t commands_sent; /* messages for the stream */
	/* the last answer to owner_ask */
	char answer[8192];
	bool answered;
};

/* Starts a broker and connects; on_request and the info service come with owner_listen. */
void owner_open(struct owner *owner);
void owner_close(struct owner *owner);
void owner_listen(struct owner *owner,
		  void (*on_request)(struct owner *, const struct owner_request *));
void owner_answer_info(struct owner *owner, bool on);
const char *owner_url(const struct owner *owner);

#define RUN_UNTIL(owner, condition)                                                                \
	do {                                                                                       \
		const uint64_t run_end_ms_ = wait_now_ms() + PATIENCE_MS;                          \
		while (!(condition)) {                                                             \
			if (wait_now_ms() > run_end_ms_)                                           \
				fail_msg("not within %d ms: %s", PATIENCE_MS, #condition);         \
			(void)uv_run(&(owner)->loop, UV_RUN_ONCE);                                 \
		}                                                                                  \
	} while (0)
/* For what must not happen. */
void owner_run_for(struct owner *owner, uint32_t duration_ms);

void owner_answer(struct owner *owner, const char *reply_to, const struct wire_answer *answer);
/* An ordinary one: taken, in this state, by OWNER_EPOCH. */
struct wire_answer owner_says(const struct owner_request *request, enum wire_state state,
			      uint64_t record_number);
void owner_dispose(struct owner *owner, const struct owner_request *request,
		   enum wire_disposition_kind kind);
void owner_publish(struct owner *owner, const char *subject, struct slice bytes);

/* ---- the command stream -------------------------------------------------------------------------
 */

void owner_create_stream(struct owner *owner);
/* The answer of JetStream's API, in owner->answer. */
void owner_ask(struct owner *owner, const char *subject, const char *body);
/* A number of the service's consumer, e.g. "num_ack_pending"; -1 = no consumer. */
int64_t owner_consumer_number(struct owner *owner, const char *service, const char *name);
int64_t owner_stream_messages(struct owner *owner);

enum { OWNER_COMMANDS_MAX = 64 };
struct owner_frame {
	struct wire_command_frame frame;
	struct wire_command commands[OWNER_COMMANDS_MAX];
	char names[OWNER_COMMANDS_MAX][65];
};
/* `count` forward operations "do" of sagas <prefix>0, <prefix>1, ... for service "svc". */
void owner_frame_init(struct owner_frame *frame, uint32_t shard, const char *prefix,
		      uint32_t count);
void owner_send_frame(struct owner *owner, struct owner_frame *frame); /* to "svc" */
void owner_send_frame_to(struct owner *owner, const char *service, struct owner_frame *frame);
/* owner_send_frame as a direct call. */
void owner_call_frame(struct owner *owner, struct owner_frame *frame);

#endif
