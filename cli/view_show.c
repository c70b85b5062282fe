/* sagas show: the saga, its steps, and its history. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/history.h"
#include "cli/views.h"
#include "wire/names.h"

enum { PLAN_ARENA_SIZE = 64 * 1024, SCRATCH_SIZE = 64 * 1024, DETAIL_SIZE = 1400 };

struct shown {
	const struct show_view *show;
	struct output *output;
	struct history history;
	struct history_event *events;
	struct history_step steps[WIRE_STEPS_MAX];
	uint8_t *plan_memory, *scratch_memory;
};

static const char *code_text(uint32_t code)
{
	return code == 0 ? NULL : err_name(err_from_wire(code));
}

/* ---- steps --------------------------------------------------------------------------------- */

/* The owner's view when it has one; else what the records say. */
static uint32_t step_count(const struct shown *s)
{
	if (s->show->answer->branch_count > 0)
		return s->show->answer->branch_count;
	return s->history.accepted ? s->history.record.plan.step_count : 0;
}

/* A step that the records do not name was never begun, or its only attempt has no answer: nothing
 * is recorded of an undo when there is nothing that could undo. Unknown is not "skipped". */
static uint32_t silent_state(const struct shown *s, uint32_t i)
{
	const struct slice after = s->history.record.plan.steps[i].after;

	if (s->show->history_cut || s->show->history_error != 0)
		return WIRE_BRANCH_SKIPPED;
	for (uint32_t j = 0; j < after.size; j++) {
		const uint8_t before = ((const uint8_t *)after.data)[j];

		if (before >= WIRE_STEPS_MAX || !s->steps[before].forward_ok)
			return WIRE_BRANCH_SKIPPED;
	}
	return WIRE_BRANCH_UNKNOWN;
}

static struct wire_branch_view step_of(const struct shown *s, uint32_t i)
{
	const struct history_step *step = &s->steps[i];
	uint32_t state = step->state;

	if (s->show->answer->branch_count > 0)
		return s->show->answer->branches[i];
	if (state == 0)
		state = wire_state_final(s->show->answer->state) ? silent_state(s, i)
								 : WIRE_BRANCH_PENDING;
	return (struct wire_branch_view){
		.step = s->history.record.plan.steps[i].name,
		.service = s->history.record.plan.steps[i].service,
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

static void table_steps(const struct shown *s)
{
	static const char *const headers[] = {"STEP",  "SERVICE", "STATE", ">ATTEMPTS",
					      ">UNDO", "CODE",    "TEXT",  NULL};
	struct table t;

	table_open(&t, s->output, headers);
	for (uint32_t i = 0; i < step_count(s); i++) {
		const struct wire_branch_view step = step_of(s, i);

		table_text(&t, STYLE_PLAIN, step.step);
		table_text(&t, STYLE_PLAIN, step.service);
		table_str(&t, style_of_branch(step.state), wire_branch_state_name(step.state));
		table_number(&t, step.forward_attempts);
		table_number(&t, step.undo_attempts);
		table_str(&t, STYLE_PLAIN, step.code == 0 ? "" : code_text(step.code));
		table_text(&t, STYLE_PLAIN, step.text);
	}
	table_close(&t);
}

static void put_steps(const struct shown *s, struct doc *d)
{
	doc_array(d, "steps");
	for (uint32_t i = 0; i < step_count(s); i++) {
		const struct wire_branch_view step = step_of(s, i);

		doc_object(d, NULL);
		doc_text(d, "step", step.step);
		doc_text(d, "service", step.service);
		doc_str(d, "state", wire_branch_state_name(step.state));
		doc_number(d, "forward_attempts", step.forward_attempts);
		doc_number(d, "undo_attempts", step.undo_attempts);
		doc_number(d, "finish_attempts", step.finish_attempts);
		doc_number(d, "settle_attempts", step.settle_attempts);
		doc_str(d, "code", code_text(step.code));
		doc_text(d, "text", step.text);
		doc_number(d, "next_unix_ms", step.next_at);
		doc_end(d);
	}
	doc_end(d);
}

/* ---- history ------------------------------------------------------------------------------- */

static const char *kind_word(enum wire_kind kind)
{
	switch (kind) {
	case WIRE_RECORD_ACCEPTED:
		return "accepted";
	case WIRE_RECORD_BRANCH:
		return "attempt";
	case WIRE_RECORD_DECISION:
		return "decision";
	case WIRE_RECORD_PARKED:
		return "parked";
	case WIRE_RECORD_FINISHED:
		return "finished";
	case WIRE_RECORD_TOMBSTONE:
		return "blocked";
	case WIRE_RECORD_INBOX:
		return "inbox";
	case WIRE_RECORD_ENLISTED:
		return "enlisted";
	case WIRE_RECORD_CLOSED:
		return "closed";
	default:
		return "unknown";
	}
}

static void put_event(const struct history_event *e, struct doc *d)
{
	doc_object(d, NULL);
	doc_number(d, "record", e->record_number);
	doc_number(d, "at_unix_ms", e->at);
	doc_number(d, "epoch", e->epoch);
	doc_str(d, "kind", kind_word(e->kind));
	doc_str(d, "event", e->word);
	if (e->has_step) {
		doc_text(d, "step", e->step);
		doc_text(d, "service", e->service);
	}
	if (e->op != 0) {
		doc_str(d, "op", wire_op_name(e->op));
		doc_text(d, "operation", e->operation);
		doc_number(d, "attempt", e->attempt);
		doc_str(d, "code", code_text(e->code));
		doc_number(d, "next_unix_ms", e->next_at);
	}
	if (e->kind == WIRE_RECORD_BRANCH) {
		doc_text(d, "instance", e->instance);
		doc_str(d, "barrier", wire_barrier_name(e->barrier));
		doc_payload(d, "output", e->output);
		doc_number(d, "output_bytes", e->output.size);
	}
	if (e->kind == WIRE_RECORD_INBOX)
		doc_str(d, "code", code_text(e->code));
	if (e->kind == WIRE_RECORD_DECISION) {
		doc_str(d, "decision", wire_decision_name(e->decision));
		doc_str(d, "reason", wire_reason_name(e->reason));
	}
	doc_text(d, "text", e->text);
	doc_end(d);
}

static void add_detail(struct buf *detail, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_detail(struct buf *detail, const char *format, ...)
{
	char text[DETAIL_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	(void)buf_printf(detail, "%s%s", detail->size > 0 ? ", " : "", text);
}

static void add_slice(struct buf *detail, const char *before, struct slice text)
{
	if (text.size > 0)
		add_detail(detail, "%s%.*s", before, (int)text.size, (const char *)text.data);
}

/* Jitter makes odd numbers; nobody wants their last digits. */
static void add_next(struct buf *detail, uint64_t in_ms)
{
	if (in_ms < 1000)
		add_detail(detail, "next in %llu ms", (unsigned long long)in_ms);
	else if (in_ms < 100000)
		add_detail(detail, "next in %llu.%llu s", (unsigned long long)(in_ms / 1000),
			   (unsigned long long)(in_ms % 1000 / 100));
	else
		add_detail(detail, "next in %llu min", (unsigned long long)(in_ms + 30000) / 60000);
}

static void table_event(struct table *t, const struct history_event *e, uint64_t begin_at)
{
	char memory[2 * DETAIL_SIZE];
	char at[TIME_TEXT_SIZE];
	char attempt[16] = "";
	struct buf detail;

	buf_init_fixed(&detail, memory, sizeof memory);
	if (e->kind == WIRE_RECORD_DECISION)
		add_detail(&detail, "%s", wire_reason_name(e->reason));
	if (e->code != 0)
		add_detail(&detail, "%s", code_text(e->code));
	add_slice(&detail, "", e->text);
	if (e->barrier != WIRE_BARRIER_FIRST)
		add_detail(&detail, "barrier: %s", wire_barrier_name(e->barrier));
	add_slice(&detail, "by ", e->instance);
	if (e->next_at > e->at)
		add_next(&detail, e->next_at - e->at);
	elapsed_text(e->at > begin_at ? e->at - begin_at : 0, at);
	if (e->attempt > 0)
		(void)snprintf(attempt, sizeof attempt, "%u", e->attempt);
	table_str(t, STYLE_PLAIN, at);
	table_number(t, e->epoch);
	table_str(t, STYLE_PLAIN, e->word);
	table_text(t, STYLE_PLAIN, e->step);
	table_text(t, STYLE_PLAIN,
		   e->operation.size > 0 ? e->operation
					 : slice_str(e->op == 0 ? "" : wire_op_name(e->op)));
	table_str(t, STYLE_PLAIN, attempt);
	table_text(t, STYLE_PLAIN, buf_slice(&detail));
}

/* A row between those of two owners. */
static void table_takeover(struct table *t, uint64_t from, uint64_t to)
{
	char text[80];

	(void)snprintf(text, sizeof text, "epoch %llu ended", (unsigned long long)from);
	table_str(t, STYLE_DIM, "");
	table_number(t, to);
	table_str(t, STYLE_WARN, "new owner");
	table_str(t, STYLE_DIM, "");
	table_str(t, STYLE_DIM, "");
	table_str(t, STYLE_DIM, "");
	table_str(t, STYLE_DIM, text);
}

static void table_history(const struct shown *s)
{
	static const char *const headers[] = {">AFTER",    ">EPOCH",  "EVENT",  "STEP",
					      "OPERATION", "ATTEMPT", "DETAIL", NULL};
	const struct show_view *show = s->show;
	struct table t;

	table_open(&t, s->output, headers);
	for (uint32_t i = 0; i < show->entry_count; i++) {
		if (i > 0 && s->events[i].epoch != s->events[i - 1].epoch)
			table_takeover(&t, s->events[i - 1].epoch, s->events[i].epoch);
		table_event(&t, &s->events[i], s->events[0].at);
	}
	table_close(&t);
}

/* ---- the whole ----------------------------------------------------------------------------- */

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
		doc_payload(d, "input", s->history.record.input);
		doc_number(d, "input_bytes", s->history.record.input.size);
	}
	put_steps(s, d);
	doc_end(d);
}

static int show_json(const struct shown *s)
{
	struct doc *d = doc_open();

	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	put_saga(s, d);
	doc_array(d, "history");
	for (uint32_t i = 0; i < s->show->entry_count; i++)
		put_event(&s->events[i], d);
	doc_end(d);
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

static void text_saga(const struct shown *s)
{
	const struct wire_answer *a = s->show->answer;
	struct output *o = s->output;
	uint32_t label_count = 0;
	const struct wire_label *labels = labels_of(s, &label_count);

	output_line(o, "saga", STYLE_PLAIN, "%.*s", (int)a->id.size, (const char *)a->id.data);
	output_state(o, a->state, a->reason);
	if (a->text.size > 0)
		output_line(o, "text", STYLE_PLAIN, "%.*s", (int)a->text.size,
			    (const char *)a->text.data);
	if (a->definition.size > 0)
		output_line(o, "definition", STYLE_PLAIN, "%.*s v%u", (int)a->definition.size,
			    (const char *)a->definition.data, a->definition_version);
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
	if (step_count(s) > 0) {
		(void)buf_printf(&s->output->text, "\n");
		table_steps(s);
	}
	if (show->entry_count > 0) {
		(void)buf_printf(&s->output->text, "\n");
		table_history(s);
	}
	if (show->history_cut)
		(void)buf_printf(&s->output->text, "... and more\n");
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
