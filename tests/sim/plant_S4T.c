/* Planted: nobody finds out what became of a branch without return: no answer is a no. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S4T"};

struct txn_branch *__real_txn_no_return(const struct txn_body *body);
struct txn_branch *__wrap_txn_no_return(const struct txn_body *body);
const struct txn_op_rule *__real_txn_op_rule(enum txn_class branch_class, uint32_t op);
const struct txn_op_rule *__wrap_txn_op_rule(enum txn_class branch_class, uint32_t op);

struct txn_branch *__wrap_txn_no_return(const struct txn_body *body)
{
	struct txn_branch *b = __real_txn_no_return(body);

	return b != NULL && b->state == WIRE_BRANCH_UNKNOWN ? NULL : b;
}

const struct txn_op_rule *__wrap_txn_op_rule(enum txn_class branch_class, uint32_t op)
{
	if (op == WIRE_OP_SETTLE && branch_class != TXN_CLASS_OPTIONAL)
		return NULL;
	return __real_txn_op_rule(branch_class, op);
}
