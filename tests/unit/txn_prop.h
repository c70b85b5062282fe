/* Property tests of the engine: one case is one random transaction of any kind with random
 * participants, a network that loses, doubles and reorders, clients, and owners that crash.
 *
 * What happened is a history: the records that became durable, the commands and answers that left,
 * what the participants did (their ledger). The checkers (txn_prop_check.c, txn_prop_end.c) look at
 * nothing else. As a message leaves in the very moment when the journal is durable up to its gate,
 * the durable records at that moment are those it rests on, and a crash takes back nothing that a
 * checker has seen.
 *
 * Numbers in comments and failures are those of the reliability catalogue. */
#ifndef SAGAD_TESTS_UNIT_TXN_PROP_H
#define SAGAD_TESTS_UNIT_TXN_PROP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/prng.h"
#include "txn/state.h"
#include "txn/txn.h"
#include "wire/plan.h"

enum {
	PROP_STEPS = 6,
	PROP_AREAS = 4, /* engines at a time: see txn_prop_carry.c */
	PROP_OPS = 5,   /* indexes are enum wire_op */
	PROP_RECORDS = 4096,
	PROP_PACKETS = 256,
	PROP_REQUESTS = 48,
	PROP_NOTES = 16384,
	PROP_INPUT_MAX = 384,
	PROP_BIG_PICKS = 40, /* of a big output are more than an input may have */
	PROP_BIG_OUTPUT = 7000,
	PROP_START_MS = 1000000,
	PROP_AGE_MS = 1500,
	PROP_LEAVE_MS = 100,
	PROP_RETRY_AFTER_MAX_MS = 700,
	PROP_PARKED_RETRY_MS = 2000,
	PROP_DISPOSITION = 1000000, /* stands for a service that waits for one */
};

/* What must have happened sometimes, else a run has proven nothing. Names: prop_seen_names. */
enum prop_seen {
	SEEN_SAGA,
	SEEN_PIVOT,
	SEEN_RETRIABLE,
	SEEN_OPTIONAL,
	SEEN_TCC,
	SEEN_2PC,
	SEEN_LAST_RESOURCE,
	SEEN_ONE_PHASE,
	SEEN_MIXED,
	SEEN_INTERACTIVE,
	SEEN_COMPLETED,
	SEEN_COMPENSATED,
	SEEN_LEFT_PARKED,
	SEEN_TOMBSTONE,
	SEEN_DECIDED_BY_VOTES,
	SEEN_DECIDED_BY_PIVOT,
	SEEN_DECIDED_BY_SETTLE,
	SEEN_ABORT_REJECTED,
	SEEN_ABORT_EXHAUSTED,
	SEEN_ABORT_DEADLINE,
	SEEN_ABORT_CANCELLED,
	SEEN_ABORT_IDLE,
	SEEN_ABORT_BY_SETTLE,
	SEEN_READ_ONLY,
	SEEN_HEURISTIC_FINISH,
	SEEN_HEURISTIC_UNDO,
	SEEN_OPTIONAL_REJECTED,
	SEEN_OPTIONAL_UNDONE,
	SEEN_OPTIONAL_SETTLED,
	SEEN_PARKED_FORWARD,
	SEEN_PARKED_FINISH,
	SEEN_PARKED_UNDO,
	SEEN_PARKED_SETTLE,
	SEEN_CANCEL_TAKEN,
	SEEN_CANCEL_PENDING,
	SEEN_CANCEL_TOO_LATE,
	SEEN_ENLIST_CLOSED,
	SEEN_ENLIST_CONFLICT,
	SEEN_COMMIT_REFUSED,
	SEEN_INQUIRE_NONE,
	SEEN_INQUIRE_COMMIT,
	SEEN_INQUIRE_ABORT,
	SEEN_INQUIRE_UNKNOWN,
	SEEN_INQUIRE_OTHER,
	SEEN_TOLD_DECIDED,
	SEEN_SUBMIT_CONFLICT,
	SEEN_NOT_FOUND,
	SEEN_NOT_INTERACTIVE,
	SEEN_DUPLICATE,
	SEEN_EMPTY_UNDO,
	SEEN_BLOCKED,
	SEEN_LATE_WORK,
	SEEN_STALE,
	SEEN_PARKED_FOR_GOOD,
	SEEN_WORKING,
	SEEN_ODD_OUTCOME,
	SEEN_CONTRADICTION,
	SEEN_BOGUS,
	SEEN_EARLY_TROUBLE,
	SEEN_CALL,
	SEEN_FALLBACK,
	SEEN_PICKED,
	SEEN_INPUT_TOO_LARGE,
	SEEN_OUTPUT_DROPPED,
	SEEN_CRASH_UNBORN,
	SEEN_CRASH_OPEN,
	SEEN_CRASH_ENLISTED,
	SEEN_CRASH_RUNNING,
	SEEN_CRASH_VOTES_IN,
	SEEN_CRASH_PIVOT_OUT,
	SEEN_CRASH_SETTLING,
	SEEN_CRASH_FINISHING,
	SEEN_CRASH_UNDOING,
	SEEN_CRASH_PARKED,
	SEEN_CRASH_OVER,
	SEEN_CRASH_WITHIN_STEP,
	SEEN_SEGMENT,
	SEEN_FROM_THE_MIDDLE,
	SEEN_SKIPPED,
	SEEN_COUNT,
};

/* One branch: its participant, what was sent to it, what the journal says of it. */
struct prop_step {
	/* The participant: what its barrier stored for each operation (S3), 0 = nothing yet. */
	uint8_t row[PROP_OPS];
	bool blocked; /* the forward row is one that an undo or a settle put in */
	bool held;    /* it has done something that is neither finished nor taken back */
	bool worked;  /* interactive: the client had it do something */
	uint8_t effects[PROP_OPS];
	uint32_t code;       /* of a heuristic row */
	uint8_t output;      /* enum prop_output */
	bool output_dropped; /* the journal says that there was no room for it */
	uint8_t silent;      /* operations, as bits, that it never answers */
	uint8_t refused;     /* likewise, refused for ever */
	uint64_t seen_epoch;

	/* What left. */
	uint32_t sent[PROP_OPS];       /* the last attempt */
	uint64_t sent_epoch[PROP_OPS]; /* and whose it was */
	struct uuid operation[PROP_OPS];
	char input[PROP_INPUT_MAX];
	uint32_t input_size;

	/* Durable records. */
	uint32_t attempts[PROP_OPS];
	uint64_t next_at[PROP_OPS];
	uint8_t result[PROP_OPS]; /* enum wire_branch_event that ended the operation */
	bool parked[PROP_OPS];
	bool enlisted;

	/* The client of an interactive transaction. */
	bool enlist_answered;
};

enum prop_output { PROP_OUTPUT_NONE, PROP_OUTPUT_SMALL, PROP_OUTPUT_BIG };

/* The reply in hand: what was made in its step may come of it. */
struct prop_answered {
	uint32_t step, op, attempt; /* attempt 0 = none is */
	uint32_t hold_ms;           /* what it asked for */
};

struct prop_record {
	uint32_t offset, size;
	uint64_t at;      /* the batch's time */
	uint64_t made_at; /* when the step was that made it */
	bool ends_step;
	uint32_t parked_retry_ms; /* of its owner */
	struct prop_answered answered;
	uint32_t step_number;
};

enum prop_packet_kind {
	PACKET_COMMAND = 1,
	PACKET_REPLY,
	PACKET_ANSWER,
	PACKET_ALERT,
	PACKET_LIST
};

struct prop_packet {
	enum prop_packet_kind kind;
	uint64_t gate, made_at, epoch;
	/* commands, replies */
	bool call, again, fallback;
	bool overdue; /* made when the deadline had been over for a tick */
	uint32_t step, op, attempt, outcome, code, hold_ms;
	uint32_t index; /* of the step in the plan as the engine has it */
	struct uuid operation;
	char op_name[8], service[8];
	char input[PROP_INPUT_MAX];
	uint32_t input_size;
	uint8_t output;
	/* answers */
	uint64_t token;
	bool final;
	uint32_t answer_code, state, decision, heuristics, reason, listed;
};

struct prop_request {
	uint8_t kind; /* enum txn_event_kind */
	bool wait, until_decided;
	bool wrong; /* it must not be taken as it is */
	bool done, lost;
	uint8_t step; /* of enlist */
	uint8_t set;  /* of commit: the branches it means, as bits */
	uint8_t answers;
	uint32_t step_number;
};

/* One line of the story. */
struct prop_note {
	uint8_t kind; /* a letter, see txn_prop_story.c */
	uint8_t step, op, what;
	uint32_t number, code;
	uint64_t at, until;
	const char *text;
};

struct prop_case {
	uint64_t seed;
	struct prng random;
	uint32_t trouble_percent;

	/* The plan. */
	struct wire_plan plan;
	struct wire_step steps[PROP_STEPS];
	uint8_t after_bytes[PROP_STEPS][PROP_STEPS];
	uint32_t templates[PROP_STEPS];
	uint32_t count;
	bool interactive;
	uint32_t after[PROP_STEPS], before[PROP_STEPS], behind[PROP_STEPS]; /* bits; see plan.c */
	uint32_t pivot; /* the one that nothing takes back, PROP_STEPS = none */
	bool one_phase; /* it is a branch of 2PC, alone */

	/* The engine, and its replica, which folds the records and does nothing else. */
	struct txn_shard *t, *replica;
	uint64_t now, epoch, entropy;
	struct txn_config config;
	struct prop_record records[PROP_RECORDS];
	uint32_t record_count, durable;
	uint32_t step_first; /* record_count before the step under way */

	struct prop_packet outbox[PROP_PACKETS], network[PROP_PACKETS];
	uint32_t outbox_count, network_count;
	struct prop_request requests[PROP_REQUESTS];
	uint32_t request_count;

	/* What the clients mean to do, and what they have done. */
	uint32_t cancel_percent;
	bool healing, cancel_asked, cancel_taken, begun, closing;
	bool wants_commit, wants_rollback;
	uint32_t told; /* a final state that was told */
	uint32_t steps_done;
	struct prop_answered answered;
	uint32_t dispositions; /* of the last step */
	uint32_t decided_step, finished_step;
	bool contradicted; /* the engine said so in the last step */
	bool overdue;      /* a tick has come since the deadline */

	/* Durable records. */
	struct prop_step s[PROP_STEPS];
	uint32_t order[PROP_STEPS]; /* which step the engine's index means */
	uint32_t order_count;
	bool accepted, tombstone, closed, finished;
	bool other_input; /* given with the commit */
	uint32_t decision, reason, final_state, heuristics;
	uint64_t admission, deadline_at, active_at;
	uint32_t alerts, parked_records;
};

extern struct prop_case prop;
extern uint64_t prop_seen[SEEN_COUNT];

/* ---- txn_prop_story.c ---- */

struct prop_note *prop_note(char kind, uint32_t step, uint32_t op, uint32_t what);
__attribute__((format(printf, 1, 2), noreturn)) void prop_fail(const char *format, ...);
void prop_story(void);
void prop_story_begin(void);
void prop_describe_plan(void);

#define PROP_REQUIRE(condition, ...)                                                               \
	do {                                                                                       \
		if (!(condition))                                                                  \
			prop_fail(__VA_ARGS__);                                                    \
	} while (0)

/* ---- txn_prop_plan.c ---- */

uint64_t prop_below(uint64_t bound);
bool prop_chance(uint32_t percent);
/* Something goes wrong, `weight` of a hundred times when everything does. */
bool prop_trouble(uint32_t weight);
void prop_plan_random(void);
/* What the input of a step must be, from what the journal says. */
uint32_t prop_input_of(uint32_t step, char *text);
/* It cannot be made: more than an input may have. */
bool prop_input_too_large(uint32_t step);
bool prop_picks(uint32_t step);
static inline uint32_t prop_kind(uint32_t step)
{
	return wire_step_kind(&prop.plan, &prop.steps[step]);
}
static inline bool prop_has_finish(uint32_t step)
{
	return prop.steps[step].finish.size > 0 && !prop.one_phase;
}
static inline bool prop_has_undo(uint32_t step)
{
	return prop.steps[step].undo.size > 0 && !prop.one_phase;
}

/* ---- txn_prop_world.c ---- */

void prop_memory_take(void);
void prop_run(uint64_t seed);
void prop_step_engine(struct txn_event event);
struct txn_shard *prop_fresh_engine(int area);
void prop_fold_into(struct txn_shard *t, uint32_t index);
void prop_flush(uint32_t durable);
struct slice prop_record_bytes(const struct prop_record *r);
void prop_send(const struct prop_packet *p); /* into the network, which may lose or double it */

/* ---- txn_prop_carry.c ---- */

void prop_carry_begin(void);
void prop_carry_random(void); /* perhaps something is carried, or a segment begins */
void prop_carry_heard(const struct txn_message *m);
void prop_carry_step(const struct txn_event *event, struct slice written);
struct txn_shard *prop_carry_take_over(int area); /* replayed, from wherever */
void prop_carry_resumed(uint64_t entropy);
void prop_carry_end(void);

/* ---- txn_prop_service.c ---- */

void prop_command_arrives(const struct prop_packet *p);
void prop_reply_arrives(const struct prop_packet *p);
void prop_bogus_reply(void);
void prop_contradiction(void);
void prop_client_works(uint32_t step);
struct slice prop_output(uint32_t output);

/* ---- txn_prop_client.c ---- */

void prop_client(void);
void prop_client_answer(const struct prop_packet *p);
void prop_client_end(void);

/* ---- txn_prop_check.c, txn_prop_end.c ---- */

void prop_check_record(const struct prop_record *r);
void prop_check_command(const struct prop_packet *p);
void prop_check_answer(const struct prop_packet *p);
void prop_check_end(void);
/* Forward work is done with, one way or the other: what depends on it may begin. */
bool prop_satisfied(uint32_t step);
/* It may have acted, as far as the journal tells. */
bool prop_may_have_acted(uint32_t step);
bool prop_any_parked(void);

static inline void prop_saw(enum prop_seen what)
{
	prop_seen[what]++;
}

#endif
