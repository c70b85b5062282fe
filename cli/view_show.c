/* sagas show: the saga, its steps, and its history. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/shown.h"
#include "wire/names.h"
#include "wire/plan.h"

enum { PLAN_ARENA_SIZE = 64 * 1024, SCRATCH_SIZE = 64 * 1024 };

const char *shown_code(uint32_t code)
{
	return code == 0 ? NULL : err_name(err_from_wire(code));
}

static const struct wire_label *labels_of(const struct shown *s, uint32_t *count)
{
	if (s->show->answer->label_count > 0 || !s->history.accepted) {
		*count = s->show->answer->label_count;
		return s->show->answer->labels;
	}
	*count = s->history.record.label_count;
	return s->history.record.labels;
}

static void put_saga(const struct shown *s, struct doc *d)
{
	const struct wire_answer *a = s->show->answer;
	uint32_t label_count = 0;
	const struct wire_label *labels = labels_of(s, &label_count);

	doc_object(d, "saga");
	doc_text(d, "id", a->id);
	doc_text(d, "definition", a->definition);
	doc_number(d, "definition_version", a->definition_version);
	doc_str(d, "state", wire_state_name(a->state));
	doc_str(d, "reason", wire_reason_name(a->reason));
	doc_str(d, "decision", wire_decision_name(a->decision));
	doc_number(d, "heuristics", a->heuristics);
	doc_text(d, "text", a->text);
	doc_number(d, "shard", a->shard);
	doc_number(d, "epoch", a->epoch);
	doc_number(d, "accepted_unix_ms", a->accepted_at);
	doc_number(d, "deadline_unix_ms", a->deadline_at);
	doc_number(d, "finished_unix_ms", a->finished_at);
	doc_object(d, "labels");
	for (uint32_t i = 0; i < label_count; i++) {
		char key[ID_SIZE_MAX + 1];

		(void)snprintf(key, sizeof key, "%.*s", (int)labels[i].key.size,
			       (const char *)labels[i].key.data);
		doc_text(d, key, labels[i].value);
	}
	doc_end(d);
	if (s->history.accepted) {
		doc_str(d, "protocol", wire_protocol_name(s->history.record.plan.protocol));
		doc_bool(d, "interactive", wire_plan_interactive(&s->history.record.plan));
		doc_payload(d, "input", s->history.record.input);
		doc_number(d, "input_bytes", s->history.record.input.size);
	}
	shown_steps_put(s, d);
	doc_end(d);
}

static int show_json(const struct shown *s)
{
	struct doc *d = doc_open();

	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	put_saga(s, d);
	shown_events_put(s, d);
	doc_bool(d, "history_complete", !s->show->history_cut && s->show->history_error == 0);
	return doc_close(d, s->output);
}

static void text_times(const struct wire_answer *a, struct output *o)
{
	char at[TIME_TEXT_SIZE];
	char took[TIME_TEXT_SIZE];

	time_text(a->accepted_at, at);
	output_line(o, "accepted", STYLE_PLAIN, "%s", at);
	time_text(a->deadline_at, at);
	if (a->deadline_at != 0)
		output_line(o, "deadline", STYLE_PLAIN, "%s", at);
	if (a->finished_at == 0)
		return;
	time_text(a->finished_at, at);
	elapsed_text(a->finished_at > a->accepted_at ? a->finished_at - a->accepted_at : 0, took);
	if (a->accepted_at == 0)
		output_line(o, "finished", STYLE_PLAIN, "%s", at);
	else
		output_line(o, "finished", STYLE_PLAIN, "%s, after %s", at, took);
}

/* A plain saga's need not be told. */
static void text_definition(const struct shown *s)
{
	const struct wire_answer *a = s->show->answer;
	const struct wire_plan *plan = &s->history.record.plan;
	const bool tell = s->history.accepted && plan->protocol != WIRE_PROTOCOL_SAGA;

	output_line(s->output, "definition", STYLE_PLAIN, "%.*s v%u%s%s%s", (int)a->definition.size,
		    (const char *)a->definition.data, a->definition_version, tell ? ", " : "",
		    tell ? wire_protocol_name(plan->protocol) : "",
		    tell && wire_plan_interactive(plan) ? ", interactive" : "");
}

static void text_saga(const struct shown *s)
{
	const struct wire_answer *a = s->show->answer;
	struct output *o = s->output;
	uint32_t label_count = 0;
	const struct wire_label *labels = labels_of(s, &label_count);

	output_line(o, "saga", STYLE_PLAIN, "%.*s", (int)a->id.size, (const char *)a->id.data);
	output_state(o, a->state, a->reason);
	output_decision(o, a->state, a->decision, a->heuristics);
	if (a->text.size > 0)
		output_line(o, "text", STYLE_PLAIN, "%.*s", (int)a->text.size,
			    (const char *)a->text.data);
	if (a->definition.size > 0)
		text_definition(s);
	output_line(o, "shard", STYLE_PLAIN, "%u, epoch %llu", a->shard,
		    (unsigned long long)a->epoch);
	text_times(a, o);
	for (uint32_t i = 0; i < label_count; i++)
		output_line(o, i == 0 ? "labels" : "", STYLE_PLAIN, "%.*s=%.*s",
			    (int)labels[i].key.size, (const char *)labels[i].key.data,
			    (int)labels[i].value.size, (const char *)labels[i].value.data);
	if (s->history.accepted)
		output_line(o, "input", STYLE_PLAIN, "%u bytes", s->history.record.input.size);
}

static void show_text(const struct shown *s)
{
	const struct show_view *show = s->show;

	text_saga(s);
	if (shown_step_count(s) > 0) {
		(void)buf_printf(&s->output->text, "\n");
		shown_steps_table(s);
	}
	if (show->entry_count > 0) {
		(void)buf_printf(&s->output->text, "\n");
		shown_events_table(s);
	}
	if (show->history_cut)
		(void)buf_printf(&s->output->text, "... and more\n");
}

/* Of a plan that nobody has vouched for here. */
static void read_edges(struct shown *s)
{
	const struct wire_plan *plan = &s->history.record.plan;

	if (!s->history.accepted)
		return;
	for (uint32_t i = 0; i < plan->step_count; i++) {
		for (uint32_t j = 0; j < plan->steps[i].after.size; j++) {
			if (plan->steps[i].after.data[j] >= plan->step_count)
				return;
		}
	}
	wire_plan_edges(plan, s->after);
}

/* A record that a newer sagad wrote is no reason to hide the others. */
static void read_events(struct shown *s)
{
	struct arena scratch;

	arena_init(&scratch, s->scratch_memory, SCRATCH_SIZE);
	for (uint32_t i = 0; i < s->show->entry_count; i++) {
		if (history_read(&s->history, &s->show->entries[i], &scratch, &s->events[i]) != 0)
			s->events[i].word = "unreadable";
		else
			history_fold(s->steps, &s->events[i]);
	}
}

int view_show(const struct show_view *show, struct output *o)
{
	struct shown *s = calloc(1, sizeof *s);
	int err = SAGA_E_NO_MEMORY;

	if (s == NULL)
		return err;
	s->show = show;
	s->output = o;
	s->events = calloc(show->entry_count + 1, sizeof *s->events);
	s->plan_memory = malloc(PLAN_ARENA_SIZE);
	s->scratch_memory = malloc(SCRATCH_SIZE);
	if (s->events == NULL || s->plan_memory == NULL || s->scratch_memory == NULL)
		goto out;
	history_init(&s->history, s->plan_memory, PLAN_ARENA_SIZE);
	read_events(s);
	read_edges(s);
	if (o->json) {
		err = show_json(s);
	} else {
		show_text(s);
		err = 0;
	}
out:
	free(s->events);
	free(s->plan_memory);
	free(s->scratch_memory);
	free(s);
	return err;
}
