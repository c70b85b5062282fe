/* sagas show: the steps. */
#include <stdio.h>

#include "cli/shown.h"
#include "wire/names.h"
#include "wire/plan.h"

/* The owner's view when it has one; else what the records say. */
uint32_t shown_step_count(const struct shown *s)
{
	if (s->show->answer->branch_count > 0)
		return s->show->answer->branch_count;
	return s->history.accepted ? s->history.record.plan.step_count : 0;
}

/* Is it done with, so that what waits for it may have begun? Without an optional step the saga goes
 * on (S23). */
static bool is_past(const struct shown *s, uint32_t i)
{
	const struct history_step *step = &s->steps[i];

	if (step->forward_ok)
		return true;
	return (s->history.record.plan.steps[i].flags & WIRE_STEP_OPTIONAL) != 0 &&
	       step->state != 0 && step->state != WIRE_BRANCH_ACTIVE &&
	       step->state != WIRE_BRANCH_SETTLING;
}

/* A step that the records do not name was never begun, or its only attempt has no answer: nothing
 * is recorded of an undo when there is nothing that could undo. Unknown is not "skipped". */
static uint32_t silent_state(const struct shown *s, uint32_t i)
{
	if (s->show->history_cut || s->show->history_error != 0)
		return WIRE_BRANCH_SKIPPED;
	for (uint32_t before = 0; before < s->history.record.plan.step_count; before++) {
		if ((s->after[i] >> before & 1U) != 0 && !is_past(s, before))
			return WIRE_BRANCH_SKIPPED;
	}
	return WIRE_BRANCH_UNKNOWN;
}

/* As the owner says it: only what is not a plain saga's. */
static uint32_t kind_of(const struct wire_plan *plan, const struct wire_step *step)
{
	const uint32_t kind = wire_step_kind(plan, step);

	return kind == WIRE_PROTOCOL_SAGA ? 0 : kind;
}

static struct wire_branch_view step_of(const struct shown *s, uint32_t i)
{
	const struct wire_plan *plan = &s->history.record.plan;
	const struct history_step *step = &s->steps[i];
	uint32_t state = step->state;

	if (s->show->answer->branch_count > 0)
		return s->show->answer->branches[i];
	if (state == 0)
		state = wire_state_final(s->show->answer->state) ? silent_state(s, i)
								 : WIRE_BRANCH_PENDING;
	return (struct wire_branch_view){
		.step = plan->steps[i].name,
		.service = plan->steps[i].service,
		.kind = kind_of(plan, &plan->steps[i]),
		.flags = plan->steps[i].flags,
		.state = state,
		.forward_attempts = step->forward_attempts,
		.undo_attempts = step->undo_attempts,
		.finish_attempts = step->finish_attempts,
		.settle_attempts = step->settle_attempts,
		.code = step->code,
		.text = step->text,
	};
}

static enum style style_of_branch(uint32_t state)
{
	switch ((enum wire_branch_state)state) {
	case WIRE_BRANCH_OK:
	case WIRE_BRANCH_DONE:
		return STYLE_GOOD;
	case WIRE_BRANCH_REJECTED:
	case WIRE_BRANCH_UNKNOWN:
	case WIRE_BRANCH_UNDOING:
	case WIRE_BRANCH_UNDONE:
	case WIRE_BRANCH_SETTLING:
		return STYLE_WARN;
	case WIRE_BRANCH_PARKED:
	case WIRE_BRANCH_HEURISTIC:
		return STYLE_BAD;
	case WIRE_BRANCH_PENDING:
	case WIRE_BRANCH_ACTIVE:
	case WIRE_BRANCH_SKIPPED:
	case WIRE_BRANCH_FINISHING:
	case WIRE_BRANCH_ENLISTED:
		break;
	}
	return STYLE_PLAIN;
}

static const char *flag_name(uint32_t flags)
{
	switch (flags) {
	case WIRE_STEP_PIVOT:
		return "pivot";
	case WIRE_STEP_RETRIABLE:
		return "retriable";
	case WIRE_STEP_OPTIONAL:
		return "optional";
	default:
		return NULL;
	}
}

/* "2pc, pivot"; nothing for a plain step. */
static void table_kind(struct table *t, const struct wire_branch_view *step)
{
	const char *kind = step->kind == 0 ? NULL : wire_protocol_name(step->kind);
	const char *flag = flag_name(step->flags);
	char text[64];

	(void)snprintf(text, sizeof text, "%s%s%s", kind != NULL ? kind : "",
		       kind != NULL && flag != NULL ? ", " : "", flag != NULL ? flag : "");
	table_str(t, STYLE_PLAIN, text);
}

/* Columns that a plain saga has nothing in. */
struct columns {
	bool kind, finish, settle;
};

static struct columns columns_of(const struct shown *s)
{
	struct columns columns = {0};

	for (uint32_t i = 0; i < shown_step_count(s); i++) {
		const struct wire_branch_view step = step_of(s, i);

		columns.kind = columns.kind || step.kind != 0 || step.flags != 0;
		columns.finish = columns.finish || step.finish_attempts > 0;
		columns.settle = columns.settle || step.settle_attempts > 0;
	}
	return columns;
}

static void table_step(struct table *t, const struct wire_branch_view *step, struct columns columns)
{
	table_text(t, STYLE_PLAIN, step->step);
	if (columns.kind)
		table_kind(t, step);
	table_text(t, STYLE_PLAIN, step->service);
	table_str(t, style_of_branch(step->state), wire_branch_state_name(step->state));
	table_number(t, step->forward_attempts);
	if (columns.settle)
		table_number(t, step->settle_attempts);
	if (columns.finish)
		table_number(t, step->finish_attempts);
	table_number(t, step->undo_attempts);
	table_str(t, STYLE_PLAIN, step->code == 0 ? "" : shown_code(step->code));
	table_text(t, STYLE_PLAIN, step->text);
}

void shown_steps_table(const struct shown *s)
{
	const struct columns columns = columns_of(s);
	const char *headers[16];
	uint32_t count = 0;
	struct table t;

	headers[count++] = "STEP";
	if (columns.kind)
		headers[count++] = "KIND";
	headers[count++] = "SERVICE";
	headers[count++] = "STATE";
	headers[count++] = ">ATTEMPTS";
	if (columns.settle)
		headers[count++] = ">SETTLE";
	if (columns.finish)
		headers[count++] = ">FINISH";
	headers[count++] = ">UNDO";
	headers[count++] = "CODE";
	headers[count++] = "TEXT";
	headers[count] = NULL;
	table_open(&t, s->output, headers);
	for (uint32_t i = 0; i < shown_step_count(s); i++) {
		const struct wire_branch_view step = step_of(s, i);

		table_step(&t, &step, columns);
	}
	table_close(&t);
}

void shown_steps_put(const struct shown *s, struct doc *d)
{
	doc_array(d, "steps");
	for (uint32_t i = 0; i < shown_step_count(s); i++) {
		const struct wire_branch_view step = step_of(s, i);

		doc_object(d, NULL);
		doc_text(d, "step", step.step);
		doc_text(d, "service", step.service);
		doc_str(d, "kind",
			wire_protocol_name(step.kind == 0 ? WIRE_PROTOCOL_SAGA : step.kind));
		doc_str(d, "flag", flag_name(step.flags));
		doc_str(d, "state", wire_branch_state_name(step.state));
		doc_number(d, "forward_attempts", step.forward_attempts);
		doc_number(d, "undo_attempts", step.undo_attempts);
		doc_number(d, "finish_attempts", step.finish_attempts);
		doc_number(d, "settle_attempts", step.settle_attempts);
		doc_str(d, "code", shown_code(step.code));
		doc_text(d, "text", step.text);
		doc_number(d, "next_unix_ms", step.next_at);
		doc_end(d);
	}
	doc_end(d);
}
