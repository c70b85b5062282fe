/* The judge of what was sent to participants: invariants 12, 13, 16, 17, 18, 20, 40 and rules S4,
 * S23, by the graph as the simulator drew it. */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "tests/sim/sim.h"

static uint64_t ms(uint64_t at_ms)
{
	return at_ms - SIM_START_MS;
}

static void note_first(struct sim *sim, struct sim_history *h)
{
	for (uint32_t i = 0; i < sim->command_count; i++) {
		const struct sim_command_sent *c = &sim->commands[i];
		uint64_t *sent = &h->sent_ms[c->saga][c->step][c->op];

		if (*sent == 0 || c->at_ms < *sent)
			*sent = c->at_ms;
	}
}

static bool was_sent(const struct sim_history *h, const struct sim_command_sent *before,
		     uint32_t step)
{
	const uint64_t sent_ms = h->sent_ms[before->saga][step][WIRE_OP_FORWARD];

	return sent_ms != 0 && sent_ms < before->at_ms;
}

/* ---- undo
 * ----------------------------------------------------------------------------------------
 */

/* Nothing of it is left, nor of what comes behind it: what has nothing to undo, or nothing left of
 * it, still stands between its neighbours. */
static bool undone(const struct sim *sim, const struct sim_history *h,
		   const struct sim_command_sent *c, uint32_t step)
{
	const struct sim_saga *saga = &sim->sagas[c->saga];
	const struct sim_branch_facts *b = &h->sagas[c->saga].steps[step];

	if (was_sent(h, c, step) && saga->steps[step].has_undo &&
	    !sim_by(b->rejected_ms, c->at_ms) && !sim_by(b->undone_ms, c->at_ms) &&
	    !sim_by(b->heuristic_ms, c->at_ms) && !sim_by(b->read_only_ms, c->at_ms))
		return false;
	for (uint32_t k = 0; k < saga->step_count; k++)
		if ((saga->steps[k].edges >> step & 1) != 0 && !undone(sim, h, c, k))
			return false;
	return true;
}

static void check_undo(struct sim *sim, const struct sim_history *h,
		       const struct sim_command_sent *c)
{
	const struct sim_saga *saga = &sim->sagas[c->saga];
	const struct sim_saga_facts *f = &h->sagas[c->saga];
	const bool alone = saga->steps[c->step].class == SIM_OPTIONAL &&
			   sim_by(f->steps[c->step].unknown_ms, c->at_ms);

	if (!sim_by(f->decision_ms, c->at_ms) && !alone)
		sim_fail(sim, false,
			 "invariant 12: node %u undoes step %u of saga %u at %" PRIu64
			 " without a stored decision",
			 c->node, c->step, c->saga, ms(c->at_ms));
	if (!saga->steps[c->step].has_undo)
		sim_fail(sim, false, "S4: step %u of saga %u is undone, and has no undo", c->step,
			 c->saga);
	/* A copy of an owner that does not know yet that it is none, and that the saga has gone on.
	 */
	if (sim_by(f->steps[c->step].undone_ms, c->at_ms))
		return;
	for (uint32_t k = 0; k < saga->step_count; k++)
		if ((saga->steps[k].edges >> c->step & 1) != 0 &&
		    (!undone(sim, h, c, k) ||
		     (!sim_by(f->decision_ms, c->at_ms) && was_sent(h, c, k))))
			sim_fail(sim, false,
				 "invariant 16: step %u of saga %u is undone before step %u",
				 c->step, c->saga, k);
}

/* ---- forward
 * -------------------------------------------------------------------------------------
 */

/* S23: never while it is unknown. */
static bool passed(const struct sim_saga *saga, const struct sim_saga_facts *f, uint32_t step,
		   uint64_t at_ms)
{
	const struct sim_branch_facts *b = &f->steps[step];

	if (sim_by(b->ok_ms, at_ms) || sim_by(b->read_only_ms, at_ms))
		return true;
	return saga->steps[step].class == SIM_OPTIONAL &&
	       (sim_by(b->rejected_ms, at_ms) || sim_by(b->undone_ms, at_ms));
}

static void check_forward(struct sim *sim, const struct sim_saga_facts *f,
			  const struct sim_command_sent *c)
{
	const struct sim_saga *saga = &sim->sagas[c->saga];

	if (!sim_by(f->accepted_ms, c->at_ms) ||
	    (sim_interactive(saga) && !sim_by(f->closed_ms, c->at_ms)))
		sim_fail(sim, false,
			 "invariants 12, 20: node %u sends step %u of saga %u at %" PRIu64
			 " before its acceptance is stored",
			 c->node, c->step, c->saga, ms(c->at_ms));
	for (uint32_t k = 0; k < saga->step_count; k++) {
		if ((saga->steps[c->step].edges >> k & 1) == 0 || passed(saga, f, k, c->at_ms))
			continue;
		sim_fail(sim, false,
			 "%s: node %u sends step %u of saga %u at %" PRIu64
			 " before the end of step %u is stored",
			 saga->steps[k].class == SIM_OPTIONAL      ? "S23"
			 : saga->steps[c->step].class == SIM_PIVOT ? "invariant 18"
								   : "invariants 12, 17",
			 c->node, c->step, c->saga, ms(c->at_ms), k);
	}
}

/* Behind the decision, and in mixed transactions behind all forward work. */
static void check_finish(struct sim *sim, const struct sim_history *h,
			 const struct sim_command_sent *c)
{
	const struct sim_saga_facts *f = &h->sagas[c->saga];

	for (uint32_t k = 0; k < sim->sagas[c->saga].step_count; k++)
		if (sim_step_takes_part(sim, h, c->saga, k) &&
		    !passed(&sim->sagas[c->saga], f, k, c->at_ms))
			sim_fail(sim, false,
				 "invariant 13: step %u of saga %u is finished before the yes of "
				 "step %u is stored",
				 c->step, c->saga, k);
	if (!sim_by(f->commit_ms, c->at_ms))
		sim_fail(sim, false,
			 "invariant 12: node %u finishes step %u of saga %u at %" PRIu64
			 " without a stored decision",
			 c->node, c->step, c->saga, ms(c->at_ms));
	if (!sim_by(f->steps[c->step].ok_ms, c->at_ms))
		sim_fail(sim, false, "invariant 10: step %u of saga %u is finished without its yes",
			 c->step, c->saga);
}

static void check_settle(struct sim *sim, const struct sim_saga_facts *f,
			 const struct sim_command_sent *c)
{
	const struct sim_step_plan *step = &sim->sagas[c->saga].steps[c->step];

	if (!sim_by(f->steps[c->step].unknown_ms, c->at_ms) ||
	    (step->class != SIM_OPTIONAL && !sim_step_irrevocable(sim, f, c->saga, c->step)))
		sim_fail(sim, false,
			 "S4: node %u settles step %u of saga %u at %" PRIu64
			 " without need, or before it is known to be unknown",
			 c->node, c->step, c->saga, ms(c->at_ms));
}

/* ---- inputs: 40
 * ----------------------------------------------------------------------------------
 */

static uint64_t expected_input(const struct sim *sim, const struct sim_saga_facts *f, uint32_t saga,
			       uint32_t step)
{
	const struct sim_saga *s = &sim->sagas[saga];
	const uint32_t from = (uint32_t)__builtin_ctz(s->steps[step].after);
	char text[96], output[32];

	sim_output_text(saga, from, output);
	output[strlen(output) - 1] = '\0'; /* {"v":12} */
	sim_input_text(s, step, f->other_body ? "null" : "7",
		       f->steps[from].ok_ms != 0 ? output + strlen("{\"v\":") : "null", text);
	return hash_xxh3_64(slice_str(text));
}

/* Nobody but it knows what it said. */
static bool picks_from_liar(const struct sim *sim, uint32_t saga, uint32_t step)
{
	const struct sim_step_plan *steps = sim->sagas[saga].steps;
	const uint32_t from = (uint32_t)__builtin_ctz(steps[step].after);

	return sim->services[steps[from].service].person.liar;
}

static void check_inputs(struct sim *sim, const struct sim_history *h)
{
	uint64_t seen[SIM_SAGAS_MAX][SIM_STEPS] = {{0}};

	for (uint32_t i = 0; i < sim->command_count; i++) {
		const struct sim_command_sent *c = &sim->commands[i];
		uint64_t *first = &seen[c->saga][c->step];
		const struct sim_saga *saga = &sim->sagas[c->saga];

		if (*first == 0 && saga->steps[c->step].after != 0 &&
		    !picks_from_liar(sim, c->saga, c->step)) {
			sim->count.picked_inputs++;
			*first = expected_input(sim, &h->sagas[c->saga], c->saga, c->step);
		}
		if (*first == 0)
			*first = c->input;
		if (*first != c->input)
			sim_fail(sim, false,
				 "invariant 40: step %u of saga %u is sent another input at "
				 "%" PRIu64,
				 c->step, c->saga, ms(c->at_ms));
	}
}

void sim_check_commands(struct sim *sim, struct sim_history *h)
{
	note_first(sim, h);
	for (uint32_t i = 0; i < sim->command_count; i++) {
		const struct sim_command_sent *c = &sim->commands[i];
		const struct sim_saga_facts *f = &h->sagas[c->saga];

		if (!sim_step_takes_part(sim, h, c->saga, c->step))
			sim_fail(sim, false, "S9: step %u of saga %u was never enlisted", c->step,
				 c->saga);
		switch ((enum wire_op)c->op) {
		case WIRE_OP_FORWARD:
			check_forward(sim, f, c);
			break;
		case WIRE_OP_FINISH:
			check_finish(sim, h, c);
			break;
		case WIRE_OP_UNDO:
			check_undo(sim, h, c);
			break;
		case WIRE_OP_SETTLE:
			check_settle(sim, f, c);
			break;
		}
	}
	check_inputs(sim, h);
}
