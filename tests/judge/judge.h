/* The judges: pure functions over a history. They know the codec, the catalogue of invariants and
 * the rules of safety, and nothing of the engine or of who made the history.
 *
 *   judge         invariants and rules                           parts it needs
 *   journal       2, 3, 4, 11, 13, 15, 18, 19, 21, 25, 26, S10   journal
 *   wire          10, 12, 13, 16, 17, 18, 19, 20, 26, 40, S4,    journal, wire
 *                 S9, S23
 *   ledger        2, 5 to 10, 13, 15, 17, 18, 23, 24, 38, S9     journal, ledger
 *   replies       27                                             journal, replies
 *   bank          31                                             journal, ledger, accounts
 *   answers       1, 3, 11, 14, 30, 38, S1, S2, S5, S9, S10      journal, clients
 *   status        29                                             journal, clients
 *   set           1, 2, 3                                        journal, clients
 *   inbox         S12                                            journal, inbox
 *   states        22                                             states
 *   time          L1, L2, L5, L7                                 journal, end; wire, owners
 *   resource      34, L10                                        samples; wire
 */
#ifndef SAGAD_TESTS_JUDGE_JUDGE_H
#define SAGAD_TESTS_JUDGE_JUDGE_H

#include "tests/judge/history.h"
#include "tests/judge/verdict.h"

struct judge_options {
	uint32_t excused;   /* bits of enum history_part: not expected in this run */
	uint32_t completed; /* at least; less is too little seen */
	uint32_t compensated;
	/* Bounds of liveness, from the healing on, ms; 0 = not judged. grace_ms: what the healing
	 * itself takes (processes that were stopped go on), before L5, L7 and L10 are judged. */
	uint32_t grace_ms;
	uint32_t end_ms;   /* L1: every saga is final or parked */
	uint32_t owner_ms; /* L2: a shard without an owner has one again */
	uint32_t timer_ms; /* L5: what is due is sent */
	bool history_kept; /* S25: what leaves a journal is in the history stream */
	uint32_t moves;    /* L7: owners of one shard in a minute */
	uint32_t sends;    /* L10: commands for one operation */
	/* S16: what one take-over may add to shard time; and how far it stands behind when a
	 * process that was stopped hears what waited for it. */
	uint32_t clock_step_ms, clock_behind_ms;
};
/* What holds for the product's defaults. */
struct judge_options judge_defaults(void);

/* What the journals say, folded by a reader of its own; opaque but for facts.h. */
struct facts;

/* For who asks while a run goes on. All of it borrows the history; findings go to the verdict. */
struct facts *facts_create(const struct history *history, const struct judge_options *options,
			   struct verdict *verdict);
void facts_read(struct facts *facts); /* what has come since */
/* Accepted and not over; entries of the inbox without a record. As of the last facts_read. */
uint32_t facts_open(const struct facts *facts);
uint32_t facts_unread_entries(const struct facts *facts);
void facts_close(struct facts *facts); /* NULL is fine */

/* All judges; the findings are sorted then: safety first, then the smallest witness. `facts` may
 * have been used before, of the same verdict, or NULL. */
void judge_all(const struct history *history, const struct judge_options *options,
	       struct facts *facts, struct verdict *verdict);

enum judge_outcome { JUDGE_PASSED, JUDGE_BROKEN, JUDGE_LATE, JUDGE_INCONCLUSIVE };
enum judge_outcome judge_outcome(const struct verdict *verdict);
const char *judge_outcome_name(enum judge_outcome outcome);

#endif
