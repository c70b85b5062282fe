/* Planted: a branch without return that is out counts as one that is not. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S4"};

struct txn_branch *__wrap_txn_no_return(const struct txn_body *body);

struct txn_branch *__wrap_txn_no_return(const struct txn_body *body)
{
	(void)body;
	return NULL;
}
