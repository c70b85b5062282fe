/* What can be seen of the state: branches of a saga, pages of sagas, numbers. */
#include "txn/state.h"
#include "wire/plan.h"

static uint32_t attempts_made(struct txn_branch *b, uint32_t op)
{
	const bool out = b->op == op && b->wait == TXN_WAIT_ANSWER;

	return *txn_attempts(b, op) + out;
}

uint32_t txn_view_branches(const struct txn_shard *t, struct txn_entry *e)
{
	const uint32_t count = txn_step_count(e->body);

	CHECK_LE(count, WIRE_STEPS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct txn_branch *b = &e->body->branches[i];

		const uint32_t kind = wire_step_kind(&e->body->plan->plan, txn_step_of(e->body, b));

		t->branch_views[i] = (struct wire_branch_view){
			.kind = kind == WIRE_PROTOCOL_SAGA ? 0 : kind,
			.step = txn_step_of(e->body, b)->name,
			.service = txn_step_of(e->body, b)->service,
			.state = b->state,
			.forward_attempts = attempts_made(b, WIRE_OP_FORWARD),
			.undo_attempts = attempts_made(b, WIRE_OP_UNDO),
			.finish_attempts = attempts_made(b, WIRE_OP_FINISH),
			.settle_attempts = attempts_made(b, WIRE_OP_SETTLE),
			.flags = txn_step_of(e->body, b)->flags,
			.code = b->code,
			.text = txn_branch_text(e->body, b),
			.next_at = b->next_at > t->now ? b->next_at : 0,
		};
	}
	return count;
}

/* The step that a saga is at: the first parked one, else the first whose operation is out. */
static struct txn_branch *current_branch(const struct txn_body *body)
{
	struct txn_branch *found = NULL;

	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		struct txn_branch *b = &body->branches[i];

		if (b->state == WIRE_BRANCH_PARKED)
			return b;
		if (!found && txn_outstanding(b))
			found = b;
	}
	return found;
}

static void view_entry(const struct txn_entry *e, struct wire_saga_view *view)
{
	struct txn_branch *b = e->body ? current_branch(e->body) : NULL;

	CHECK(e->state != WIRE_STATE_NONE);
	*view = (struct wire_saga_view){
		.id = txn_entry_id(e),
		.definition = txn_entry_definition(e),
		.state = e->state,
		.reason = e->reason,
		.decision = e->decision,
		.heuristics = e->heuristics,
		.admission = e->admission,
		.accepted_at = e->accepted_at,
		.finished_at = e->finished_at,
	};
	if (!b)
		return;
	view->step = txn_step_of(e->body, b)->name;
	view->attempts = attempts_made(b, b->op);
	view->code = b->code;
}

/* The first entry behind the cursor. The one it names may be forgotten by now; then its successor
 * is looked for, a bounded number of admissions far. False: not found so far, *cursor moved on. */
static bool list_start(const struct txn_shard *t, uint64_t *cursor, uint32_t *number)
{
	const struct txn_entry *e;

	*number = t->first;
	if (t->first == TXN_NONE || *cursor < t->entries[t->first].admission)
		return true;
	e = txn_entry_by_admission(t, *cursor);
	if (e) {
		*number = e->next;
		return true;
	}
	*number = TXN_NONE;
	if (*cursor >= t->entries[t->last].admission)
		return true;
	for (uint32_t i = 0; i < TXN_LIST_SCAN_MAX; i++) {
		e = txn_entry_by_admission(t, ++*cursor);
		if (e) {
			*number = txn_entry_number(t, e);
			return true;
		}
	}
	return false;
}

void txn_view_list(const struct txn_shard *t, const struct wire_list_request *request,
		   struct wire_list *list)
{
	const uint32_t limit = request->limit > 0 && request->limit < WIRE_LIST_MAX ? request->limit
										    : WIRE_LIST_MAX;
	uint64_t cursor = request->after;
	uint32_t scanned = 0;
	uint32_t number;

	*list = (struct wire_list){
		.shard = t->config.shard,
		.epoch = t->epoch,
		.sagas = t->saga_views,
		.open = t->open,
		.parked = t->parked,
		.now_at = t->now,
	};
	if (!list_start(t, &cursor, &number)) {
		list->next = cursor;
		return;
	}
	while (number != TXN_NONE && list->saga_count < limit && scanned < TXN_LIST_SCAN_MAX) {
		const struct txn_entry *e = &t->entries[number];

		CHECK(e->admission > request->after);
		if ((request->states == 0 || (request->states & (1U << e->state))) &&
		    (!request->heuristic || e->heuristics > 0))
			view_entry(e, &t->saga_views[list->saga_count++]);
		cursor = e->admission;
		number = e->next;
		scanned++;
	}
	if (number != TXN_NONE)
		list->next = cursor;
}

uint64_t txn_next_deadline(const struct txn_shard *t)
{
	const struct timer *first = timer_heap_peek(&t->timers);

	return first ? first->deadline : UINT64_MAX;
}

uint64_t txn_last_record(const struct txn_shard *t)
{
	return t->last_record;
}

uint64_t txn_low_water(const struct txn_shard *t)
{
	return t->open_first == TXN_NONE ? t->next_admission : t->entries[t->open_first].admission;
}

uint64_t txn_now(const struct txn_shard *t)
{
	return t->now;
}

struct txn_span txn_find(const struct txn_shard *t, struct slice saga)
{
	const struct txn_entry *e = txn_entry_find(t, saga);

	if (!e)
		return (struct txn_span){0};
	return (struct txn_span){.known = true,
				 .first_record = e->first_record,
				 .last_record = e->last_record,
				 .admission = e->admission};
}

struct txn_inbox_cursor txn_inbox(const struct txn_shard *t)
{
	return (struct txn_inbox_cursor){
		.created = slice_of(t->inbox.created, t->inbox.created_size),
		.sequence = t->inbox.sequence,
	};
}

void txn_stats(const struct txn_shard *t, struct txn_stats *stats)
{
	*stats = t->stats;
	stats->open = t->open;
	stats->parked = t->parked;
	stats->remembered = t->entries_used - t->open;
	stats->waiters = t->waiters_used;
	stats->payload_used = t->payload.used;
	stats->timers = t->timers.count;
}
