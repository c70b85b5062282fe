/* A history told by hand, event by event, for the checks on the checkers: told well it passes all
 * judges; a test changes one thing in it, and exactly that must be found. */
#ifndef SAGAD_TESTS_UNIT_JUDGE_TALE_H
#define SAGAD_TESTS_UNIT_JUDGE_TALE_H

#include "tests/judge/judge.h"

enum { TALE_EVENTS = 640 };
#define TALE_START_MS UINT64_C(1700000000000)

/* The transactions of the base tale. */
enum tale_saga {
	DONE,     /* a, b, c, one after the other; b needs two attempts */
	UNDONE,   /* a, b, c; c says no */
	VOTES,    /* TCC: x, y */
	NOES,     /* 2PC: x, y; y says no */
	PIVOT,    /* a, p, r: p is unknown, and settled; the owner dies meanwhile */
	MAYBE,    /* a, o, b: o is optional, unknown, undone */
	OPEN,     /* interactive 2PC: x, y; y decides by itself */
	NEVER,    /* cancelled before its submit */
	LETTER,   /* through the inbox: a */
	LATE,     /* its deadline passes while a is out */
	ALONE,    /* 2PC of one branch, in one phase */
	CONFLICT, /* submitted with two bodies: a */
	TALE_SAGAS,
};

enum tale_kind {
	TALE_ASK,
	TALE_ANSWER,
	TALE_LISTED,
	TALE_RECORD,
	TALE_COMMAND,
	TALE_EFFECT,
	TALE_OWNER,
	TALE_SAMPLE,
	TALE_STATE,
	TALE_ENTRY,
	TALE_HEAL,
};

struct tale_event {
	enum tale_kind kind;
	uint64_t at_ms;
	uint32_t saga, step, op, attempt, node, code, state, decision, heuristics;
	uint64_t epoch, input, branches, number, next_at, shard_time;
	uint32_t ask; /* of an ASK and its ANSWERs: their common name */
	enum history_request_kind asks;
	enum history_effect_kind effect;
	enum history_owner_kind owner;
	enum wire_kind record;
	uint32_t event, index, reason; /* of a record: index of the branch as the engine has it */
	uint32_t body;                 /* ACCEPTED: 1 = the other one */
	int64_t delta, held;
	uint64_t value, limit;
	uint8_t hash;
	bool joins; /* RECORD: in the batch of the record before */
	bool filtered, until_decided, one_phase, lost, silent, unsaid;
	uint64_t purged; /* ENTRY: the tale's event (+ 1) before which its purge was sent */
};

struct tale {
	struct tale_event events[TALE_EVENTS];
	uint32_t count;
	uint64_t now_ms, epoch;
	uint32_t node, asks;
	bool damaged, broken_chain, gap, repeat, second_writer; /* of batch 3 */
	uint64_t deadline_cut_ms;                               /* off LATE's, in its record */
	int64_t balance_off;
	uint64_t liars;
};

void tale_tell(struct tale *tale); /* the base */
/* As a history with all parts. */
void tale_build(const struct tale *tale, struct history *history);

/* The n-th (from 0) event that is like the pattern in kind, saga, step and op, and of a record in
 * its kind and event; its place. Fails the test when there is none. */
struct tale_like {
	enum tale_kind kind;
	uint32_t saga, step, op;
	uint32_t what; /* RECORD: enum wire_kind; ASK, ANSWER: enum history_request_kind */
	uint32_t event, nth;
};
uint32_t tale_find(const struct tale *tale, struct tale_like like);
void tale_remove(struct tale *tale, uint32_t at);
void tale_insert(struct tale *tale, uint32_t at, const struct tale_event *event);
void tale_move(struct tale *tale, uint32_t from, uint32_t to);

#endif
