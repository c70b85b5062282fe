/* Whole transactions of every protocol, driven to their end by participants whose answers follow a
 * rule: what docs/protocols.md counts, and what a take-over at any record must not change. */
#ifndef SAGAD_TESTS_UNIT_TXN_COURSES_H
#define SAGAD_TESTS_UNIT_TXN_COURSES_H

#include "tests/unit/txn_host.h"

/* a * n + b */
struct linear {
	int a, b;
};

enum course_client { COURSE_SUBMITS, COURSE_COMMITS, COURSE_ROLLS_BACK };

struct course {
	const char *name; /* its row in the page */
	void (*plan)(struct host_plan *p, uint32_t n);
	/* enum wire_outcome; 0 = silence. Every operation has one attempt. */
	uint32_t (*says)(uint32_t n, uint32_t step, uint32_t op);
	enum course_client client;
	uint32_t from, to; /* n */
	uint32_t state;    /* in the end */
	struct linear commands, branch, decision, interactive, answers, rounds;
};

extern const struct course courses[];
extern const uint32_t course_count;

struct course_run {
	struct host host;
	const struct course *course;
	uint32_t n;
	struct host_plan plan;
	uint32_t cut; /* a new owner takes over at this record; UINT32_MAX = none does */
	struct {
		uint32_t step, op, attempt;
	} queue[64];
	uint32_t queued;
	uint32_t commands, answers, rounds;
	uint32_t asked[HOST_STEPS_MAX]; /* bit (1 << op): it had such a command */
};

/* To the end; the caller closes run->host. */
void course_run(struct course_run *run, const struct course *course, uint32_t n, uint32_t cut);
uint32_t course_records(const struct course_run *run, enum wire_kind kind);

/* ---- short forms, of which `id` is always the transaction ---- */

/* Branches of 2PC or TCC, none of which waits for another; one attempt each way. */
void host_votes(struct host_plan *p, uint32_t protocol, const char *const *names, uint32_t count);
/* Begin: idle time 5 s, deadline 60 s. */
void host_begin(struct host *h, const char *id, uint32_t protocol);
/* As it would stand in a plan of host_votes. */
struct wire_step host_branch(uint32_t protocol, const char *name);
void host_enlist(struct host *h, const char *id, const struct wire_step *step);
void host_commit(struct host *h, const char *id, const struct wire_step *steps, uint32_t count,
		 bool wait);
void host_inquire(struct host *h, const char *id); /* by a-svc for a */
void host_inquire_as(struct host *h, const char *id, const char *step, const char *service);

#endif
