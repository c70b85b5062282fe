/* A saga's journal records, as events with names instead of numbers. Pure. */
#ifndef SAGAD_CLI_HISTORY_H
#define SAGAD_CLI_HISTORY_H

#include "base/arena.h"
#include "base/error.h"
#include "wire/codec.h"
#include "wire/message.h"
#include "wire/record.h"

/* What earlier records told; the accepted record brings the plan. */
struct history {
	struct arena arena; /* the accepted record's arrays live here */
	bool accepted;
	struct wire_record_accepted record;
	struct wire_step enlisted[WIRE_STEPS_MAX]; /* of an interactive one: its plan grows */
};

struct history_event {
	uint64_t record_number, at, epoch;
	enum wire_kind kind;
	uint32_t event;   /* enum wire_branch_event of a branch record */
	const char *word; /* "accepted", "ok", "rejected", "again", ... */
	bool has_step;
	struct slice step, service, operation; /* empty when the plan is not known */
	uint32_t step_index;
	uint32_t op;      /* enum wire_op, 0 = none */
	uint32_t attempt; /* 0 = none */
	uint32_t code;
	struct slice text, instance, output;
	uint32_t barrier;
	uint64_t next_at;
	uint32_t reason;   /* of a decision */
	uint32_t decision; /* enum wire_decision: made by this record */
	uint32_t state;    /* of the end */
};

void history_init(struct history *h, void *memory, size_t size);
/* `scratch` is reset and used. SAGA_E_* of the decoder, SAGA_E_KIND for a record that speaks of no
 * saga. */
int history_read(struct history *h, const struct wire_history_entry *entry, struct arena *scratch,
		 struct history_event *event) MUST_CHECK;

/* What became of each step, folded from its events: for sagas whose owner keeps no branches. */
struct history_step {
	uint32_t state; /* enum wire_branch_state */
	uint32_t forward_attempts, undo_attempts, finish_attempts, settle_attempts;
	uint32_t code;
	struct slice text; /* of the last trouble */
	bool forward_ok;
};
void history_fold(struct history_step steps[WIRE_STEPS_MAX], const struct history_event *event);

#endif
