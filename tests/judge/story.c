#include "tests/judge/story.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/names.h"
#include "wire/record.h"

enum column { CLIENT, JOURNAL, WIRE, PARTICIPANT, AROUND, COLUMNS };
enum { TEXT_SIZE = 96, ARENA_SIZE = 256 * 1024 };

static const char *const HEADS[COLUMNS] = {
	[CLIENT] = "client",           [JOURNAL] = "journal",          [WIRE] = "wire",
	[PARTICIPANT] = "participant", [AROUND] = "owners and faults",
};
static const int WIDTHS[COLUMNS] = {
	[CLIENT] = 30, [JOURNAL] = 30, [WIRE] = 26, [PARTICIPANT] = 26, [AROUND] = 0};

struct line {
	uint64_t order, at_ms;
	enum column column;
	char text[TEXT_SIZE];
};

struct story {
	const struct history *history;
	uint32_t saga;
	struct line *lines;
	uint32_t count, capacity;
	uint64_t admission; /* 0 = not accepted yet */
	void *memory;
};

static void tell(struct story *s, uint64_t order, uint64_t at_ms, enum column column,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));
static void tell(struct story *s, uint64_t order, uint64_t at_ms, enum column column,
		 const char *format, ...)
{
	struct line *line;
	va_list arguments;

	if (s->count == s->capacity) {
		s->capacity = s->capacity == 0 ? 256 : 2 * s->capacity;
		s->lines = realloc(s->lines, s->capacity * sizeof *s->lines);
		CHECK(s->lines != NULL);
	}
	line = &s->lines[s->count++];
	*line = (struct line){.order = order, .at_ms = at_ms, .column = column};
	va_start(arguments, format);
	(void)vsnprintf(line->text, sizeof line->text, format, arguments);
	va_end(arguments);
}

static const char *step_name(const struct story *s, uint32_t step)
{
	if (step >= s->history->sagas[s->saga].step_count)
		return "?";
	return history_step_of(s->history, s->saga, step)->name.text;
}

/* ---- clients ----------------------------------------------------------------------------------
 */

static const char *request_name(enum history_request_kind kind)
{
	static const char *const names[HISTORY_REQUEST_KINDS + 1] = {
		"",     "submit", "submit another", "cancel", "query",  "wait", "wait for decision",
		"list", "enlist", "enlist another", "commit", "inquire"};

	return (uint32_t)kind <= HISTORY_REQUEST_KINDS ? names[kind] : "?";
}

static bool of_branch(enum history_request_kind kind)
{
	return kind == HISTORY_ENLIST || kind == HISTORY_ENLIST_OTHER || kind == HISTORY_INQUIRE;
}

static void tell_clients(struct story *s)
{
	const struct history *h = s->history;

	for (uint32_t i = 0; i < h->request_count; i++) {
		const struct history_request *r = &h->requests[i];

		if (r->saga == s->saga)
			tell(s, r->order, r->at_ms, r->by_participant ? PARTICIPANT : CLIENT,
			     "%s%s%s #%u", request_name(r->kind), of_branch(r->kind) ? " " : "",
			     of_branch(r->kind) ? step_name(s, r->step) : "", i);
	}
	for (uint32_t i = 0; i < h->answer_count; i++) {
		const struct history_answer *a = &h->answers[i];
		const struct history_request *r;

		if (a->request >= h->request_count || h->requests[a->request].saga != s->saga)
			continue;
		r = &h->requests[a->request];
		tell(s, a->order, a->at_ms, r->by_participant ? PARTICIPANT : CLIENT,
		     a->code != 0 ? "#%u <- n%u: code %u%s" : "#%u <- n%u: %.0u%s", a->request,
		     a->node, a->code,
		     a->code != 0       ? ""
		     : a->decision != 0 ? wire_decision_name(a->decision)
					: wire_state_name(a->state));
	}
}

/* ---- the journal ------------------------------------------------------------------------------
 */

static void tell_branch(struct story *s, const struct history_batch *b,
			const struct wire_record_branch *r)
{
	tell(s, b->order, b->at_ms, JOURNAL, "%s %s: %s, attempt %u", wire_op_name(r->op),
	     step_name(s, r->step), wire_event_name(r->event), r->attempt);
}

union record {
	struct wire_record_accepted accepted;
	struct wire_record_branch branch;
	struct wire_record_decision decision;
	struct wire_record_parked parked;
	struct wire_record_finished finished;
	struct wire_record_tombstone tombstone;
	struct wire_record_inbox inbox;
	struct wire_record_enlisted enlisted;
	struct wire_record_closed closed;
};

static bool by_id(const struct story *s, struct slice id)
{
	return slice_equal(id, id_slice(&s->history->sagas[s->saga].id));
}

static void tell_named(struct story *s, const struct history_batch *b, enum wire_kind kind,
		       const union record *r)
{
	if (kind == WIRE_RECORD_ACCEPTED && by_id(s, r->accepted.saga)) {
		s->admission = r->accepted.admission;
		tell(s, b->order, b->at_ms, JOURNAL, "accepted as %" PRIu64, r->accepted.admission);
	} else if (kind == WIRE_RECORD_TOMBSTONE && by_id(s, r->tombstone.saga)) {
		tell(s, b->order, b->at_ms, JOURNAL, "tombstone");
	} else if (kind == WIRE_RECORD_INBOX && by_id(s, r->inbox.saga)) {
		tell(s, b->order, b->at_ms, JOURNAL, "inbox %" PRIu64 ": code %u",
		     r->inbox.sequence, r->inbox.code);
	}
}

static void tell_admitted(struct story *s, const struct history_batch *b, enum wire_kind kind,
			  const union record *r)
{
	/* Each of these begins with whose it is. */
	if (s->admission == 0 || r->branch.admission != s->admission)
		return;
	if (kind == WIRE_RECORD_BRANCH)
		tell_branch(s, b, &r->branch);
	else if (kind == WIRE_RECORD_DECISION)
		tell(s, b->order, b->at_ms, JOURNAL, "decision: %s %s",
		     r->decision.verdict == 0 ? "abort" : wire_decision_name(r->decision.verdict),
		     r->decision.reason == 0 ? "" : wire_reason_name(r->decision.reason));
	else if (kind == WIRE_RECORD_PARKED)
		tell(s, b->order, b->at_ms, JOURNAL, "parked: %s %s", wire_op_name(r->parked.op),
		     step_name(s, r->parked.step));
	else if (kind == WIRE_RECORD_FINISHED)
		tell(s, b->order, b->at_ms, JOURNAL, "finished: %s",
		     wire_state_name(r->finished.state));
	else if (kind == WIRE_RECORD_ENLISTED)
		tell(s, b->order, b->at_ms, JOURNAL, "enlisted %.*s",
		     (int)r->enlisted.step.name.size, (const char *)r->enlisted.step.name.data);
	else if (kind == WIRE_RECORD_CLOSED)
		tell(s, b->order, b->at_ms, JOURNAL, "the set is closed");
}

static void tell_record(struct story *s, const struct history_batch *b, struct slice bytes)
{
	union record r;
	struct arena arena;
	enum wire_kind kind;

	if (wire_peek_kind(bytes, &kind) != 0 || kind < WIRE_RECORD_ACCEPTED)
		return;
	arena_init(&arena, s->memory, ARENA_SIZE);
	if (wire_struct_size(kind) > sizeof r || wire_decode(kind, bytes, &arena, &r, NULL) != 0)
		return;
	if (kind == WIRE_RECORD_ACCEPTED || kind == WIRE_RECORD_TOMBSTONE ||
	    kind == WIRE_RECORD_INBOX)
		tell_named(s, b, kind, &r);
	else
		tell_admitted(s, b, kind, &r);
}

/* A batch of an owner whose epoch is over counts for nothing (S22). */
static void tell_journal(struct story *s)
{
	const struct history_journal *journal =
		&s->history->journals[s->history->sagas[s->saga].shard];
	uint64_t epoch = 0;

	for (uint32_t i = 0; i < journal->count; i++) {
		const struct history_batch *b = &journal->batches[i];
		struct batch_header header;
		struct slice records;

		if (batch_decode(slice_of(b->bytes, b->size), &header, &records) != 0 ||
		    header.epoch < epoch)
			continue;
		epoch = header.epoch;
		for (uint32_t k = 0; k < header.record_count; k++) {
			uint32_t size;

			if (wire_value_size(records, &size) != 0)
				break;
			tell_record(s, b, slice_of(records.data, size));
			records = slice_of(records.data + size, records.size - size);
		}
	}
}

/* ---- wire, participants, what is around -------------------------------------------------------
 */

static const char *effect_name(enum history_effect_kind kind)
{
	static const char *const names[HISTORY_EFFECT_KINDS + 1] = {
		"", "done", "refused", "empty", "read only", "by itself (!)", "blocked"};

	return (uint32_t)kind <= HISTORY_EFFECT_KINDS ? names[kind] : "?";
}

static void tell_work(struct story *s)
{
	const struct history *h = s->history;

	for (uint32_t i = 0; i < h->command_count; i++) {
		const struct history_command *c = &h->commands[i];

		if (c->saga == s->saga)
			tell(s, c->order, c->at_ms, WIRE, "n%u: %s %s, attempt %u", c->node,
			     wire_op_name(c->op), step_name(s, c->step), c->attempt);
	}
	for (uint32_t i = 0; i < h->effect_count; i++) {
		const struct history_effect *e = &h->effects[i];

		if (e->saga == s->saga)
			tell(s, e->order, e->at_ms, PARTICIPANT, "%s %s: %s%s",
			     e->op == HISTORY_WORK ? "work" : wire_op_name(e->op),
			     step_name(s, e->step), effect_name(e->kind),
			     e->asked ? ", was told" : "");
	}
}

static void tell_around(struct story *s)
{
	static const char *const owner_names[HISTORY_OWNER_KINDS + 1] = {
		"", "serves", "releases", "is fenced", "halts", "dies"};
	const struct history *h = s->history;
	const uint32_t shard = h->sagas[s->saga].shard;

	for (uint32_t i = 0; i < h->owner_count; i++) {
		const struct history_owner *o = &h->owners[i];

		if (o->shard == shard || o->shard == HISTORY_NONE)
			tell(s, o->order, o->at_ms, AROUND, "n%u %s, epoch %" PRIu64, o->node,
			     owner_names[o->kind], o->epoch);
	}
	for (uint32_t i = 0; i < h->fault_count; i++) {
		const struct history_fault *f = &h->faults[i];

		if (f->shard != HISTORY_NONE && f->shard != shard)
			continue;
		if (f->until_ms > f->at_ms)
			tell(s, f->order, f->at_ms, AROUND, "%s %.0d for %" PRIu64 " ms", f->what,
			     f->node == HISTORY_NONE ? 0 : (int)f->node, f->until_ms - f->at_ms);
		else
			tell(s, f->order, f->at_ms, AROUND, "%s %d", f->what,
			     f->node == HISTORY_NONE ? 0 : (int)f->node);
	}
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static int by_order(const void *a, const void *b)
{
	const struct line *left = a, *right = b;

	if (left->order != right->order)
		return left->order < right->order ? -1 : 1;
	return left < right ? -1 : 1;
}

static void print_head(FILE *out, const struct story *s)
{
	const struct history_saga *saga = &s->history->sagas[s->saga];

	(void)fprintf(out, "saga %u (%s), %s, shard %u\n", s->saga, saga->id.text,
		      wire_protocol_name(saga->protocol), saga->shard);
	for (uint32_t i = 0; i < saga->step_count; i++) {
		const struct history_step *step = history_step_of(s->history, s->saga, i);

		(void)fprintf(out, "  step %s at service %u%s\n", step->name.text, step->service,
			      step->class == HISTORY_PIVOT       ? ", pivot"
			      : step->class == HISTORY_RETRIABLE ? ", retriable"
			      : step->class == HISTORY_OPTIONAL  ? ", optional"
			      : step->class == HISTORY_VOTE      ? ", votes"
								 : "");
	}
	(void)fprintf(out, "%10s", "s");
	for (uint32_t i = 0; i < COLUMNS; i++)
		(void)fprintf(out, " | %-*s", WIDTHS[i], HEADS[i]);
	(void)fprintf(out, "\n");
}

void story_print(FILE *out, const struct history *history, uint32_t saga)
{
	struct story s = {.history = history, .saga = saga, .memory = malloc(ARENA_SIZE)};

	CHECK(s.memory != NULL);
	CHECK_LT(saga, history->saga_count);
	tell_clients(&s);
	tell_journal(&s);
	tell_work(&s);
	tell_around(&s);
	if (s.count > 0)
		qsort(s.lines, s.count, sizeof *s.lines, by_order);
	print_head(out, &s);
	for (uint32_t i = 0; i < s.count; i++) {
		const struct line *line = &s.lines[i];

		(void)fprintf(out, "%10.3f", (double)(line->at_ms - history->start_ms) / 1000);
		for (uint32_t k = 0; k < (uint32_t)line->column; k++)
			(void)fprintf(out, " | %-*s", WIDTHS[k], "");
		(void)fprintf(out, " | %s\n", line->text);
	}
	free(s.lines);
	free(s.memory);
}
