/* The one general model as two tables: what an operation class means, and what a protocol makes of
 * them. TCC and two-phase commit are further rows, not further engines. */
#ifndef SAGAD_TXN_PROTOCOL_H
#define SAGAD_TXN_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

/* An operation class: which states of a branch it leads through, and what trouble leads to. */
struct txn_op_rule {
	uint32_t op;      /* enum wire_op */
	const char *name; /* part of the operation id (UUIDv5), so it never changes */
	uint32_t out;     /* state of the branch while the operation is outstanding */
	uint32_t done;    /* and after its ok */
	bool refusable;   /* a rejection is a definite no; else it is a failed attempt (row 38) */
	bool parks; /* exhausted: parked and still tried; else unknown, and the saga is undone */
	bool has_deadline; /* bounded by the whole deadline and by the step's budget */
};

struct txn_protocol {
	uint32_t protocol; /* enum wire_protocol */
	const char *name;
	uint32_t forward_done; /* state of the saga when every forward operation is ok */
	uint32_t undo_done;    /* and when nothing is left to undo */
	uint64_t undo_states;  /* bits 1 << branch state: these may have acted and need an undo (T4)
				*/
};

const struct txn_op_rule *txn_op_rule(uint32_t op);              /* NULL for an unknown one */
const struct txn_protocol *txn_protocol_find(uint32_t protocol); /* NULL */

#endif
