/* The operator's verbs: asking a node, plans in files, following an operation. */
#ifndef SAGAD_CLI_ADMIN_H
#define SAGAD_CLI_ADMIN_H

#include "cli/command.h"
#include "cli/plan_file.h"
#include "wire/admin.h"

enum { ADMIN_ARENA_SIZE = 512 * 1024, ADMIN_WHY_SIZE = 512 };

struct admin_session {
	struct cli *cli;
	struct cluster_view view;
	struct cluster_request request; /* the last one */
	void *memory;                   /* of the answer's arena */
	struct wire_admin_answer answer;
	int error; /* of the answer */
	char actor[WIRE_ACTOR_SIZE_MAX + 1];
};

/* Connects. On failure it has said so, and returns the exit code; close it in any case. */
enum cli_exit admin_open(struct cli *cli, struct admin_session *s);
/* Also of a cluster that is not initialised. */
enum cli_exit admin_open_any(struct cli *cli, struct admin_session *s);
void admin_close(struct admin_session *s);
/* Asks; what a node refuses with is in s->error, and s->answer is there. A failure to ask is said.
 * Fills in the actor. Slices of an answer live until the next one. */
enum cli_exit admin_ask(struct admin_session *s, uint32_t verb, struct wire_admin_request *request);
/* The same, but nothing is said; false when there is no good answer. Asks briefly. */
bool admin_ask_quietly(struct admin_session *s, uint32_t verb, struct wire_admin_request *request);
/* The same, and a refusal is said, too. `about` = of whom: "shard 3". */
enum cli_exit admin_ask_plainly(struct admin_session *s, uint32_t verb,
				struct wire_admin_request *request, const char *about);

/* Of flags and arguments; SAGA_E_USAGE with a sentence in `why`. */
int admin_take_reason(const struct cli *cli, struct wire_admin_request *request,
		      struct buf *why) MUST_CHECK;
int admin_take_limits(const struct cli *cli, struct wire_admin_request *request,
		      struct buf *why) MUST_CHECK;
int admin_take_shard(const char *word, uint32_t *shard, struct buf *why) MUST_CHECK;
int admin_take_node(const char *word, struct slice *node, struct buf *why) MUST_CHECK;
/* Unfinished sagas of all shards, from their owners; of silent ones 0. `loads` has room for all. */
int admin_take_loads(struct admin_session *s, struct wire_admin_load *loads,
		     uint32_t *count) MUST_CHECK;

/* cmd_plan.c: rebalance, move, drain, remove: tells the plan, or begins the operation */
enum cli_exit admin_plan(struct admin_session *s, uint32_t verb,
			 struct wire_admin_request *request);

/* cmd_ops.c: until the operation has ended, with progress; `id` is copied. */
enum cli_exit admin_follow(struct admin_session *s, struct slice id);

/* ---- views (view_admin.c, view_ops.c) ------------------------------------------------------ */

int view_shard(const struct wire_admin_answer *answer, struct output *o) MUST_CHECK;
int view_explain(const struct wire_admin_answer *answer, struct output *o) MUST_CHECK;
int view_shard_history(const struct wire_admin_answer *answer, struct output *o) MUST_CHECK;
int view_node(const struct wire_admin_answer *answer, uint32_t index, struct output *o) MUST_CHECK;
int view_plan(uint32_t verb, const struct wire_admin_request *request,
	      const struct wire_admin_answer *answer, struct output *o) MUST_CHECK;
int view_operations(const struct wire_admin_answer *answer, struct output *o) MUST_CHECK;
int view_operation(const struct wire_operation *op, struct output *o) MUST_CHECK;
/* "op-12 [####....] 6/11 moved, 2 moving, 0 failed" */
void view_progress(const struct wire_operation *op, char text[160]);
/* How many ended otherwise than done. */
static inline uint32_t operation_troubles(const struct wire_operation *op)
{
	return op->failed + op->rolled_back + op->skipped;
}

#endif
