/* The one general model as two tables: what an operation class means, and what the class of a
 * branch makes of them. There is no engine for saga, TCC or two-phase commit: there are rows.
 *
 *   class      forward      ends as             finish   undo        unknown: settled by
 *   action     action       ok rejected ?       -        compensate  undo, with the whole saga
 *   optional   action       ok rejected ?       -        compensate  undo, or block and tell (S23)
 *   pivot      action       ok rejected ?       -        -           block and tell (S4)
 *   retriable  action       ok                  -        -           never: tried until ok
 *   vote       try,prepare  ok read-only no ?   confirm  cancel      undo (presumed abort)
 *   one-phase  at once      ok rejected ?       -        rollback*   block and tell (S4)
 *
 * Pivot is also the last resource of 2PC. * only of an interactive branch that was never asked: its
 * program may have acted (S9).
 */
#ifndef SAGAD_TXN_PROTOCOL_H
#define SAGAD_TXN_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/message.h"

enum { TXN_OPS = WIRE_OP_SETTLE };

/* An operation class: which states of a branch it leads through, and what trouble leads to. */
struct txn_op_rule {
	uint32_t op;       /* enum wire_op */
	const char *name;  /* part of the operation id (UUIDv5), so it never changes */
	uint32_t out;      /* state of the branch while the operation is outstanding */
	uint32_t done;     /* and after its ok */
	bool refusable;    /* a rejection is a definite no; else it is a failed attempt (row 38) */
	bool parks;        /* exhausted: parked and still tried; else unknown */
	bool has_deadline; /* bounded by the whole deadline and by the step's budget */
	bool read_only;    /* may be answered "yes, and nothing to finish or undo" */
	bool heuristic;    /* may be answered "I had decided by myself" */
	bool has_output;   /* its ok brings the output of the step */
	bool undo_retry;   /* by the step's second policy */
};

enum txn_class {
	TXN_CLASS_ACTION,
	TXN_CLASS_OPTIONAL,
	TXN_CLASS_PIVOT,
	TXN_CLASS_RETRIABLE,
	TXN_CLASS_VOTE,
	TXN_CLASS_ONE_PHASE,
	TXN_CLASSES,
};

struct txn_class_rule {
	const char *name;
	const struct txn_op_rule *ops[TXN_OPS]; /* by op - 1; NULL = it has none */
	bool aborts;                            /* without its ok the saga is undone */
	bool irrevocable; /* S4: from its dispatch on there is no abort without a definite no, and
			     its ok is the decision to commit */
};

/* TXN_CLASSES when there is no such kind of step. */
enum txn_class txn_class_of(const struct wire_plan *plan, uint32_t step);
const struct txn_class_rule *txn_class_rule(enum txn_class branch_class);
/* NULL for an operation that branches of this class do not have. */
const struct txn_op_rule *txn_op_rule(enum txn_class branch_class, uint32_t op);

#endif
