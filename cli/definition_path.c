/* The path of a dry run: what was sent, answered, decided, and where it ended. */
#include <stdio.h>

#include "cli/definition_views.h"
#include "cli/views.h"
#include "wire/names.h"

struct row {
	const char *event;
	enum style style;
	struct slice step, operation;
	uint32_t attempt;
	char detail[256];
};

static const char *branch_word(const struct dry_event *event, enum style *style)
{
	switch ((enum wire_branch_event)event->word) {
	case WIRE_EVENT_OK:
	case WIRE_EVENT_READ_ONLY:
		*style = STYLE_GOOD;
		break;
	case WIRE_EVENT_AGAIN:
		*style = STYLE_WARN;
		/* Nobody has answered, or "try again". */
		return event->code == err_to_wire(SAGA_E_TIMEOUT) ? "no answer" : "again";
	case WIRE_EVENT_DISPATCHED:
		break;
	case WIRE_EVENT_REJECTED:
	case WIRE_EVENT_UNKNOWN:
	case WIRE_EVENT_HEURISTIC:
		*style = STYLE_BAD;
		break;
	}
	return wire_event_name(event->word);
}

static void put_code(struct row *row, uint32_t code)
{
	if (code != 0)
		(void)snprintf(row->detail, sizeof row->detail, "%s",
			       err_slug(err_from_wire(code)));
}

static void command_row(const struct dry_run *run, const struct dry_event *event, struct row *row)
{
	row->event = "send";
	row->style = STYLE_DIM;
	if (run->plan->steps[event->step].input.size > 0)
		(void)snprintf(row->detail, sizeof row->detail, "%.*s", (int)event->input_size,
			       (const char *)run->inputs.data + event->input_at);
}

static void decision_row(const struct dry_run *run, const struct dry_event *event, struct row *row)
{
	const bool commit = event->word == WIRE_DECISION_COMMIT;

	row->event = commit ? "commit" : "abort";
	row->style = commit ? STYLE_GOOD : STYLE_BAD;
	if (event->step < run->plan->step_count)
		row->step = run->plan->steps[event->step].name;
	if (!commit)
		(void)snprintf(row->detail, sizeof row->detail, "%s",
			       wire_reason_name(event->code));
}

static struct row row_of(const struct dry_run *run, const struct dry_event *event)
{
	struct row row = {.event = "accepted"};

	switch (event->kind) {
	case DRY_EVENT_ACCEPTED:
		return row;
	case DRY_EVENT_DECISION:
		decision_row(run, event, &row);
		return row;
	case DRY_EVENT_FINISHED:
		row.event = wire_state_name(event->word);
		row.style = style_of_state(event->word);
		return row;
	case DRY_EVENT_COMMAND:
		command_row(run, event, &row);
		break;
	case DRY_EVENT_BRANCH:
		row.event = branch_word(event, &row.style);
		put_code(&row, event->code);
		break;
	case DRY_EVENT_PARKED:
		row.event = "parked";
		row.style = STYLE_BAD;
		put_code(&row, event->code);
		break;
	}
	row.step = run->plan->steps[event->step].name;
	row.operation = event->op == WIRE_OP_SETTLE
				? slice_str("settle")
				: dry_operation_name(run->plan, event->step, event->op);
	row.attempt = event->attempt;
	return row;
}

static void put_table(const struct dry_run *run, struct output *o)
{
	static const char *const headers[] = {">AFTER",   "EVENT",  "STEP", "OPERATION",
					      ">ATTEMPT", "DETAIL", NULL};
	struct table table;

	table_open(&table, o, headers);
	for (uint32_t i = 0; i < dry_event_count(run); i++) {
		const struct dry_event event = dry_event_at(run, i);
		const struct row row = row_of(run, &event);
		char text[TIME_TEXT_SIZE];

		elapsed_text(event.at_ms, text);
		table_str(&table, STYLE_PLAIN, text);
		table_str(&table, row.style, row.event);
		table_text(&table, STYLE_PLAIN, row.step.size > 0 ? row.step : slice_str("-"));
		table_text(&table, STYLE_PLAIN,
			   row.operation.size > 0 ? row.operation : slice_str("-"));
		if (row.attempt > 0)
			table_number(&table, row.attempt);
		else
			table_str(&table, STYLE_PLAIN, "-");
		table_str(&table, STYLE_PLAIN, row.detail[0] != '\0' ? row.detail : "-");
	}
	table_close(&table);
}

static void put_end(const struct dry_run *run, struct output *o)
{
	(void)buf_printf(&o->text, "\n");
	output_state(o, run->state, run->reason);
	if (run->decision != WIRE_DECISION_NONE)
		output_line(o, "decision", STYLE_PLAIN, "%s", wire_decision_name(run->decision));
	for (uint32_t i = 0; i < run->plan->step_count; i++) {
		const struct slice name = run->plan->steps[i].name;

		output_line(o, i == 0 ? "steps" : "", STYLE_PLAIN, "%.*s: %s", (int)name.size,
			    (const char *)name.data, wire_branch_state_name(run->branches[i]));
	}
	if (run->heuristics > 0)
		output_line(o, "heuristics", STYLE_BAD, "%u", run->heuristics);
	if (run->cut)
		output_line(o, "cut", STYLE_WARN, "there was more than is shown");
}

static void put_event(struct doc *d, const struct dry_run *run, const struct dry_event *event)
{
	const struct row row = row_of(run, event);
	const bool of_step = event->kind == DRY_EVENT_COMMAND || event->kind == DRY_EVENT_BRANCH ||
			     event->kind == DRY_EVENT_PARKED;

	doc_object(d, NULL);
	doc_number(d, "after_ms", event->at_ms);
	doc_str(d, "event", row.event);
	if (row.step.size > 0)
		doc_text(d, "step", row.step);
	if (of_step) {
		doc_str(d, "class", wire_op_name(event->op));
		doc_text(d, "operation", dry_operation_name(run->plan, event->step, event->op));
		doc_number(d, "attempt", event->attempt);
	}
	if (of_step && event->code != 0)
		doc_str(d, "code", err_name(err_from_wire(event->code)));
	if (event->kind == DRY_EVENT_DECISION)
		doc_str(d, "reason", wire_reason_name(event->code));
	if (event->kind == DRY_EVENT_COMMAND)
		doc_payload(d, "input",
			    slice_of(run->inputs.data + event->input_at, event->input_size));
	doc_end(d);
}

static int put_json(const struct dry_run *run, struct output *o)
{
	struct doc *d = doc_open();

	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	doc_text(d, "definition", run->plan->name);
	doc_str(d, "state", wire_state_name(run->state));
	doc_str(d, "reason", wire_reason_name(run->reason));
	doc_str(d, "decision", wire_decision_name(run->decision));
	doc_number(d, "heuristics", run->heuristics);
	doc_bool(d, "complete", !run->cut);
	doc_array(d, "steps");
	for (uint32_t i = 0; i < run->plan->step_count; i++) {
		doc_object(d, NULL);
		doc_text(d, "name", run->plan->steps[i].name);
		doc_str(d, "state", wire_branch_state_name(run->branches[i]));
		doc_end(d);
	}
	doc_end(d);
	doc_array(d, "events");
	for (uint32_t i = 0; i < dry_event_count(run); i++) {
		const struct dry_event event = dry_event_at(run, i);

		put_event(d, run, &event);
	}
	doc_end(d);
	return doc_close(d, o);
}

int view_dry_run(const struct dry_run *run, struct output *o)
{
	if (o->json)
		return put_json(run, o);
	if (o->quiet) {
		(void)buf_printf(&o->text, "%s\n", wire_state_name(run->state));
		return 0;
	}
	put_table(run, o);
	put_end(run, o);
	return 0;
}
