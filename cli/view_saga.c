/* One line of a saga's state, and pages of them. */
#include <saga.h>

#include <stdio.h>
#include <string.h>

#include "cli/views.h"
#include "wire/names.h"

void output_state(struct output *o, uint32_t state, uint32_t reason)
{
	const char *word = wire_state_name(state);
	const char *why = reason == WIRE_REASON_NONE ? "" : wire_reason_name(reason);

	if (why[0] == '\0' || strcmp(why, word) == 0) /* "cancelled (cancelled)" */
		output_line(o, "state", style_of_state(state), "%s", word);
	else
		output_line(o, "state", style_of_state(state), "%s (%s)", word, why);
}

void output_decision(struct output *o, uint32_t state, uint32_t decision, uint32_t heuristics)
{
	if (!wire_state_final(state) && decision != WIRE_DECISION_NONE)
		output_line(o, "decision", STYLE_PLAIN, "%s%s", wire_decision_name(decision),
			    decision == WIRE_DECISION_COMMIT ? ", delivery pending" : "");
	if (heuristics > 0)
		output_line(o, "heuristic", STYLE_BAD, "%u %s", heuristics,
			    heuristics == 1 ? "step had decided by itself"
					    : "steps had decided by themselves");
}

int view_saga(const struct saga_status *status, const char *word, struct output *o)
{
	const uint32_t state = (uint32_t)status->state;
	struct doc *d;

	if (o->json) {
		d = doc_open();
		if (d == NULL)
			return SAGA_E_NO_MEMORY;
		doc_object(d, "saga");
		doc_str(d, "id", status->id);
		doc_str(d, "state", wire_state_name(state));
		doc_str(d, "reason", wire_reason_name((uint32_t)status->reason));
		doc_str(d, "decision", saga_decision_name(status->decision));
		doc_number(d, "heuristics", status->heuristics);
		doc_number(d, "shard", status->shard);
		doc_number(d, "epoch", status->epoch);
		doc_number(d, "accepted_unix_ms", status->accepted_unix_ms);
		doc_number(d, "deadline_unix_ms", status->deadline_unix_ms);
		doc_number(d, "finished_unix_ms", status->finished_unix_ms);
		doc_str(d, "text", status->text);
		doc_end(d);
		return doc_close(d, o);
	}
	if (o->quiet) {
		(void)buf_printf(&o->text, "%s\n", word);
		return 0;
	}
	output_line(o, "saga", STYLE_PLAIN, "%s", status->id);
	output_state(o, state, (uint32_t)status->reason);
	output_decision(o, state, (uint32_t)status->decision, status->heuristics);
	output_line(o, "shard", STYLE_PLAIN, "%u, epoch %llu", status->shard,
		    (unsigned long long)status->epoch);
	if (status->text[0] != '\0')
		output_line(o, "text", STYLE_PLAIN, "%s", status->text);
	return 0;
}

/* ---- list ---------------------------------------------------------------------------------- */

static void put_row(struct doc *d, const struct list_row *row)
{
	const struct wire_saga_view *saga = &row->saga;

	doc_object(d, NULL);
	doc_text(d, "id", saga->id);
	doc_text(d, "definition", saga->definition);
	doc_str(d, "state", wire_state_name(saga->state));
	doc_str(d, "reason", wire_reason_name(saga->reason));
	doc_number(d, "shard", row->shard);
	doc_number(d, "admission", saga->admission);
	doc_text(d, "step", saga->step);
	doc_number(d, "attempts", saga->attempts);
	doc_str(d, "code", saga->code == 0 ? NULL : err_name(err_from_wire(saga->code)));
	doc_str(d, "decision", wire_decision_name(saga->decision));
	doc_number(d, "heuristics", saga->heuristics);
	doc_number(d, "accepted_unix_ms", saga->accepted_at);
	doc_number(d, "finished_unix_ms", saga->finished_at);
	doc_end(d);
}

static void format_cursor(const struct list_view *list, char text[64])
{
	(void)snprintf(text, 64, "%u.%llu", list->next_shard, (unsigned long long)list->next_after);
}

static int list_json(const struct list_view *list, struct output *o)
{
	struct doc *d = doc_open();
	char cursor[64];

	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	doc_array(d, "sagas");
	for (uint32_t i = 0; i < list->count; i++)
		put_row(d, &list->rows[i]);
	doc_end(d);
	format_cursor(list, cursor);
	doc_str(d, "next", list->more ? cursor : NULL);
	doc_array(d, "silent_shards");
	for (uint32_t i = 0; i < list->silent_count; i++)
		doc_number(d, NULL, list->silent_shards[i]);
	doc_end(d);
	return doc_close(d, o);
}

/* Most states tell the decision by themselves. */
static bool tells_decision(const struct wire_saga_view *saga)
{
	return saga->state == WIRE_STATE_PARKED && saga->decision != WIRE_DECISION_NONE;
}

/* Columns that most lists have nothing in. */
struct columns {
	bool decision, heuristic;
};

static struct columns columns_of(const struct list_view *list)
{
	struct columns columns = {0};

	for (uint32_t i = 0; i < list->count; i++) {
		columns.decision = columns.decision || tells_decision(&list->rows[i].saga);
		columns.heuristic = columns.heuristic || list->rows[i].saga.heuristics > 0;
	}
	return columns;
}

static void table_row(struct table *t, const struct list_row *row, struct columns columns)
{
	const struct wire_saga_view *saga = &row->saga;
	char at[TIME_TEXT_SIZE];

	table_text(t, STYLE_PLAIN, saga->id);
	table_text(t, STYLE_PLAIN, saga->definition);
	table_str(t, style_of_state(saga->state), wire_state_name(saga->state));
	if (columns.decision)
		table_str(t, STYLE_PLAIN,
			  tells_decision(saga) ? wire_decision_name(saga->decision) : "");
	table_str(t, STYLE_PLAIN,
		  saga->reason == WIRE_REASON_NONE ? "" : wire_reason_name(saga->reason));
	if (columns.heuristic)
		table_number(t, saga->heuristics);
	table_number(t, row->shard);
	table_text(t, STYLE_PLAIN, saga->step);
	table_number(t, saga->attempts);
	table_str(t, STYLE_PLAIN, saga->code == 0 ? "" : err_name(err_from_wire(saga->code)));
	time_text(saga->accepted_at, at);
	table_str(t, STYLE_PLAIN, at);
	time_text(saga->finished_at, at);
	table_str(t, STYLE_PLAIN, at);
}

static void table_list(const struct list_view *list, struct output *o)
{
	const struct columns columns = columns_of(list);
	const char *headers[16];
	uint32_t count = 0;
	struct table t;

	headers[count++] = "SAGA";
	headers[count++] = "DEFINITION";
	headers[count++] = "STATE";
	if (columns.decision)
		headers[count++] = "DECISION";
	headers[count++] = "REASON";
	if (columns.heuristic)
		headers[count++] = ">HEURISTIC";
	headers[count++] = ">SHARD";
	headers[count++] = "STEP";
	headers[count++] = ">ATTEMPTS";
	headers[count++] = "CODE";
	headers[count++] = "ACCEPTED";
	headers[count++] = "FINISHED";
	headers[count] = NULL;
	table_open(&t, o, headers);
	for (uint32_t i = 0; i < list->count; i++)
		table_row(&t, &list->rows[i], columns);
	table_close(&t);
}

int view_list(const struct list_view *list, struct output *o)
{
	if (o->json)
		return list_json(list, o);
	if (o->quiet) {
		for (uint32_t i = 0; i < list->count; i++) {
			(void)buf_put_slice(&o->text, list->rows[i].saga.id);
			(void)buf_put(&o->text, "\n", 1);
		}
		return 0;
	}
	table_list(list, o);
	return 0;
}
