/* sagas show: the history, a line for each record. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/shown.h"
#include "wire/names.h"

enum { DETAIL_SIZE = 1400 };

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
		doc_str(d, "code", shown_code(e->code));
		doc_number(d, "next_unix_ms", e->next_at);
	}
	if (e->kind == WIRE_RECORD_BRANCH) {
		doc_text(d, "instance", e->instance);
		doc_str(d, "barrier", wire_barrier_name(e->barrier));
		doc_payload(d, "output", e->output);
		doc_number(d, "output_bytes", e->output.size);
	}
	if (e->kind == WIRE_RECORD_INBOX)
		doc_str(d, "code", shown_code(e->code));
	if (e->decision != WIRE_DECISION_NONE)
		doc_str(d, "decision", wire_decision_name(e->decision));
	if (e->kind == WIRE_RECORD_DECISION)
		doc_str(d, "reason", wire_reason_name(e->reason));
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

/* What is settled has the name of what it is about. */
static void table_operation(struct table *t, const struct history_event *e)
{
	char text[ID_SIZE_MAX + 16];

	if (e->op != WIRE_OP_SETTLE || e->operation.size == 0 || e->operation.size > ID_SIZE_MAX) {
		table_text(t, STYLE_PLAIN,
			   e->operation.size > 0
				   ? e->operation
				   : slice_str(e->op == 0 ? "" : wire_op_name(e->op)));
		return;
	}
	(void)snprintf(text, sizeof text, "%s %.*s", wire_op_name(e->op), (int)e->operation.size,
		       (const char *)e->operation.data);
	table_str(t, STYLE_PLAIN, text);
}

static void table_event(struct table *t, const struct history_event *e, uint64_t begin_at)
{
	char memory[2 * DETAIL_SIZE];
	char at[TIME_TEXT_SIZE];
	char attempt[16] = "";
	struct buf detail;

	buf_init_fixed(&detail, memory, sizeof memory);
	if (e->kind == WIRE_RECORD_DECISION && e->reason != WIRE_REASON_NONE)
		add_detail(&detail, "%s", wire_reason_name(e->reason));
	if (e->kind == WIRE_RECORD_BRANCH && e->decision == WIRE_DECISION_COMMIT)
		add_detail(&detail, "commit decided");
	if (e->code != 0)
		add_detail(&detail, "%s", shown_code(e->code));
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
	table_operation(t, e);
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

void shown_events_table(const struct shown *s)
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

void shown_events_put(const struct shown *s, struct doc *d)
{
	doc_array(d, "history");
	for (uint32_t i = 0; i < s->show->entry_count; i++)
		put_event(&s->events[i], d);
	doc_end(d);
}
