/* What a transaction is, in the model. */
#ifndef SAGAD_TESTS_SIM_SIM_SAGA_H
#define SAGAD_TESTS_SIM_SIM_SAGA_H

#include "base/id.h"
#include "tests/judge/history.h"
#include "tests/sim/sim_limits.h"
#include "wire/message.h"

struct sim;
struct wire_plan;

/* Of an interactive transaction, what its client and its participant know of a branch. */
enum sim_branch_state { SIM_BRANCH_NEW, SIM_BRANCH_CONFIRMED, SIM_BRANCH_REFUSED };

struct sim_step_plan {
	uint32_t service;
	uint32_t after; /* bits: as written */
	enum history_class class;
	uint32_t kind; /* enum wire_protocol */
	bool has_undo, direct, one_phase;
	bool asks;      /* the participant asks when it is in doubt */
	int64_t amount; /* to its account; those of a saga make 0 */
	uint32_t timeout_ms, attempts, budget_ms;
	/* Interactive: */
	bool by_participant; /* it enlists itself, and has worked before */
	bool late;           /* only when the set is closed */
	enum sim_branch_state enlisted;
	bool told; /* the client counts it in */
};

struct sim_saga {
	struct id id;
	uint32_t shard, client, step_count;
	struct sim_step_plan steps[SIM_STEPS];
	uint64_t submit_ms, retry_until_ms;
	uint32_t deadline_ms;
	bool wait, answered, cancelled_first;
	bool until_decided; /* what the submit and the commit wait for */
	uint32_t protocol;
	/* Interactive: */
	uint32_t idle_ms; /* 0 = it is not */
	bool begun, ended, careless;
	uint32_t branch_set; /* of the commit, as bits; ended = it is sent */
	uint32_t finale;     /* enum in sim_interactive.c */
	bool inbox_only;     /* until the probes */
	bool excused;        /* it needs a service that is away for ever */
	bool mute;           /* nobody begins it */
	/* The submit is the same each time. */
	uint8_t *submit;
	uint32_t submit_size;
};

/* sim_plan.c: what a transaction is, drawn */
void sim_plan_draw(struct sim *sim, struct sim_saga *saga);
void sim_amounts_draw(struct sim *sim, struct sim_saga *saga); /* when all else is drawn */
struct sim_plan_memory {
	struct wire_step steps[SIM_STEPS];
	uint8_t after[SIM_STEPS][SIM_STEPS];
	char input[SIM_STEPS][96];
};
/* Borrows from the memory. */
void sim_plan_fill(const struct sim *sim, const struct sim_saga *saga,
		   struct sim_plan_memory *memory, struct wire_plan *plan);
void sim_step_fill(const struct sim *sim, const struct sim_saga *saga, uint32_t step,
		   struct wire_step *out);
bool sim_step_from(struct slice name, uint32_t *step);
struct slice sim_step_name(uint32_t step);
static inline bool sim_interactive(const struct sim_saga *saga)
{
	return saga->idle_ms > 0;
}
/* What a participant answers to a step, and what a step is sent that picks from it. */
void sim_output_text(uint32_t saga, uint32_t step, char text[32]);
void sim_input_text(const struct sim_saga *saga, uint32_t step, const char *x, const char *p,
		    char text[96]);

#endif
