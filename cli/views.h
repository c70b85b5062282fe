/* From what the cluster answered to what is printed. Pure but for memory, so that unit tests can
 * show them any cluster. All return 0 or SAGA_E_NO_MEMORY. */
#ifndef SAGAD_CLI_VIEWS_H
#define SAGAD_CLI_VIEWS_H

#include "cli/output.h"
#include "wire/message.h"

struct wire_admin_answer;
/* With what operators asked for, where a node told it; NULL = none did. */
int view_nodes(const struct wire_info *info, const struct wire_admin_answer *asked,
	       struct output *o) MUST_CHECK;
int view_shards(const struct wire_info *info, const struct wire_admin_answer *asked,
		struct output *o) MUST_CHECK;

struct status_view {
	const struct wire_info *info;
	uint32_t owned, halted, orphaned; /* shards; the last: nobody serves them now */
	uint64_t open, parked;            /* sagas, on the shards that answered */
	uint32_t silent_shards;
};
/* Fills owned, halted and orphaned. */
void status_count(struct status_view *status);
int view_status(const struct status_view *status, struct output *o) MUST_CHECK;

/* ---- sagas list ---------------------------------------------------------------------------- */

struct list_row {
	uint32_t shard;
	struct wire_saga_view saga;
};
struct list_view {
	const struct list_row *rows;
	uint32_t count;
	bool more; /* go on with --after */
	uint32_t next_shard;
	uint64_t next_after;
	const uint32_t *silent_shards;
	uint32_t silent_count;
};
int view_list(const struct list_view *list, struct output *o) MUST_CHECK;

/* ---- sagas submit, wait, cancel ------------------------------------------------------------ */

/* "state       compensated (rejected)" */
void output_state(struct output *o, uint32_t state, uint32_t reason);

/* The decision, while the state need not tell it; and branches that had decided by themselves. */
void output_decision(struct output *o, uint32_t state, uint32_t decision, uint32_t heuristics);

struct saga_status;
/* `word`: what a script needs, for --quiet: the id or the state. */
int view_saga(const struct saga_status *status, const char *word, struct output *o) MUST_CHECK;

/* ---- sagas show ---------------------------------------------------------------------------- */

struct show_view {
	const struct wire_answer *answer;
	const struct wire_history_entry *entries;
	uint32_t entry_count;
	bool history_cut;  /* there would be more */
	int history_error; /* why there is none */
};

int view_show(const struct show_view *show, struct output *o) MUST_CHECK;

#endif
