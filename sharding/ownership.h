/* The life cycle of one shard on one node: a table moved by one function.
 *
 *   unowned -> acquiring -> replaying -> serving -> quiescing -> released -> unowned
 *   quiescing -> serving (the plan changed its mind);  any -> fenced -> unowned;  any -> halted
 *
 * halted: the journal is damaged, foreign or shorter than what was seen (S7). The node keeps the
 * owner key so that nobody else goes on with it, and raises an alarm, until an operator acts.
 *
 * Also permitted: acquiring -> unowned (the store refused), acquiring -> released (won, but no
 * longer wanted), replaying -> quiescing (the plan changed before the replay was done), and halted
 * only -> fenced (the lease is lost).
 */
#ifndef SAGAD_SHARDING_OWNERSHIP_H
#define SAGAD_SHARDING_OWNERSHIP_H

#include <stdbool.h>

enum ownership {
	OWNERSHIP_UNOWNED,
	OWNERSHIP_ACQUIRING, /* the owner key is asked for or won, the worker not yet told */
	OWNERSHIP_REPLAYING,
	OWNERSHIP_SERVING,
	OWNERSHIP_QUIESCING, /* takes no new work, flushes what it has */
	OWNERSHIP_RELEASED,  /* stopped cleanly; the key is being deleted */
	OWNERSHIP_FENCED, /* lost: by the journal's fence or by the lease; nothing leaves any more
			   */
	OWNERSHIP_HALTED,
	OWNERSHIP_STATES,
};

const char *ownership_name(enum ownership state);
bool ownership_permits(enum ownership from, enum ownership to);
/* CHECKs that the move is permitted. */
void ownership_move(enum ownership *state, enum ownership to);

#endif
