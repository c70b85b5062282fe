/* Bad input on a live cluster (the table in docs/errors.md, whose row numbers are the names of the
 * tests): one cluster for all of them, a raw NATS client where libsaga would refuse earlier, and
 * "svc-x", a participant that this test plays itself. */
#ifndef SAGAD_TESTS_INTEGRATION_BAD_INPUT_H
#define SAGAD_TESTS_INTEGRATION_BAD_INPUT_H

#include "tests/support/trip.h"
#include "tests/unit/unit.h"
#include "wire/codec.h"
#include "wire/subject.h"

enum {
	BAD_SHARDS = 4,
	BAD_OPEN_MAX = 40, /* limits.open_sagas of a shard */
	BAD_ANSWER_MS = 10000,
	BAD_SILENCE_MS = 700,      /* how long "no answer" is waited for */
	BAD_STRANGE_SHARD = 100,   /* none of the cluster's: commands "from" it disturb nobody */
	BAD_MESSAGE_MAX = 1048576, /* the broker's max_payload */
};

/* Stands in damaged messages; no log may show it. */
#define BAD_MARK "raw-bytes-mark"

extern struct trip bad_trip;

/* What must have been counted by all nodes together, at least. */
struct bad_counts {
	uint64_t malformed, refused, ignored, obsolete, late, contradictions;
};
extern struct bad_counts bad_expected;

int bad_open(void **state);
/* No shard has changed hands, nobody has died, counters have moved, no log shows raw bytes. */
int bad_close(void **state);
/* After each case: a saga runs through as ever. */
int bad_after(void **state);

uint32_t bad_shard_of(const char *id);
/* "<word>-<n>", new each time; on that shard. */
void bad_id(uint32_t shard, const char *word, char id[SAGA_ID_SIZE]);

/* ---- requests -------------------------------------------------------------------------------- */

/* The subject of a verb at the owner of the shard, tenant "default". */
struct subject bad_subject(uint32_t shard, enum subject_verb verb);
/* One request, one answer; false when none came within the time. Slices live until the next call.
 */
bool bad_ask(const char *subject, struct slice request, uint32_t timeout_ms,
	     struct wire_answer *answer);
/* Fails without an answer. */
struct wire_answer bad_ask_for(enum subject_verb verb, enum wire_kind kind, const char *id,
			       const void *body);
/* A query's answer. */
struct wire_answer bad_query(const char *id);
/* Until the saga is in that state. */
void bad_wait_state(const char *id, uint32_t state);
void bad_publish(const char *subject, struct slice data);
/* Speaks the broker's protocol itself: `head` goes between "HPUB <subject> <reply> <sizes>" and the
 * data, as it is. The answer, if one comes in time. */
bool bad_ask_with_head(const char *subject, const char *head, struct slice data,
		       uint32_t timeout_ms, struct wire_answer *answer);

/* A saga of one step at svc-x; change it before it is sent. */
struct bad_submit {
	struct wire_submit submit;
	struct wire_step steps[2];
	char id[SAGA_ID_SIZE];
};
void bad_submit_init(struct bad_submit *s, uint32_t shard);
struct wire_answer bad_submit_send(const struct bad_submit *s);

/* ---- the participant svc-x ------------------------------------------------------------------- */

struct bad_command {
	char saga[SAGA_ID_SIZE];
	uint32_t shard, step, op, attempt;
	uint64_t epoch;
	struct uuid operation;
};
/* The next command about that saga; false when none came in time. */
bool bad_next_command(const char *saga, uint32_t timeout_ms, struct bad_command *command);
/* Fails when none comes. */
void bad_take_command(const char *saga, uint32_t op, struct bad_command *command);
struct wire_reply bad_reply_to(const struct bad_command *command, uint32_t outcome);
/* Sends it as that service; the disposition, 0 when none came in time. */
uint32_t bad_reply(const struct wire_reply *reply, const char *service, uint32_t timeout_ms);
/* Takes the next command of that operation and answers so; the answer must be recorded. */
void bad_play(const char *saga, uint32_t op, uint32_t outcome);

/* ---- the cases ------------------------------------------------------------------------------- */

struct bad_cases {
	const struct CMUnitTest *tests;
	size_t count;
};
struct bad_cases bad_forms(void);
struct bad_cases bad_requests(void);
struct bad_cases bad_replies(void);
struct bad_cases bad_commands(void);

#define BAD_CASE(row, function)                                                                    \
	{                                                                                          \
		.name = row, .test_func = (function), .teardown_func = bad_after                   \
	}

#endif
