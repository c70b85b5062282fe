/* Sound states of an engine that holds one saga "s": what tests damage, or feed wrong records. */
#ifndef SAGAD_TESTS_UNIT_TXN_STATES_H
#define SAGAD_TESTS_UNIT_TXN_STATES_H

#include "tests/unit/txn_courses.h"

/* a is out, b waits for it, and somebody waits for all of it. */
void state_running(struct host *h);
/* And behind it a saga "z" of one step. */
void state_two_running(struct host *h);
/* a is done, b is out. */
void state_halfway(struct host *h);
/* b is being undone, a waits for it. */
void state_undoing(struct host *h);
/* a's undo is parked. */
void state_parked(struct host *h);
/* The pivot b, behind a and before the retriable c, is out. */
void state_without_return(struct host *h);
/* And has said yes: c is out, and will be until it succeeds. */
void state_decided(struct host *h);
/* TCC: a and b are out. */
void state_voting(struct host *h);
/* Both have voted, and are told to finish. */
void state_finishing(struct host *h);
/* Interactive, with branch a. */
void state_enlisted(struct host *h);
/* "s" is completed, and "x" was cancelled before anybody submitted it. */
void state_remembered(struct host *h);

struct txn_entry *state_entry(struct host *h, const char *id);
struct txn_branch *state_branch(struct host *h, uint32_t step); /* of "s" */

#endif
