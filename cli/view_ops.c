/* Operations and plans. */
#include <stdio.h>
#include <string.h>

#include "cli/admin.h"

static enum style style_of_operation(const struct wire_operation *op)
{
	switch (op->state) {
	case WIRE_OPS_DONE:
		return STYLE_GOOD;
	case WIRE_OPS_FAILED:
		return STYLE_BAD;
	case WIRE_OPS_RUNNING:
		return op->stalled ? STYLE_BAD : STYLE_PLAIN;
	default:
		return STYLE_WARN;
	}
}

static enum style style_of_phase(uint32_t phase)
{
	switch (phase) {
	case WIRE_PHASE_DONE:
		return STYLE_GOOD;
	case WIRE_PHASE_FAILED:
	case WIRE_PHASE_ROLLED_BACK:
		return STYLE_BAD;
	case WIRE_PHASE_SKIPPED:
		return STYLE_WARN;
	default:
		return STYLE_PLAIN;
	}
}

static uint32_t total(const struct wire_operation *op)
{
	return op->planned + op->moving + op->done + operation_troubles(op);
}

void view_progress(const struct wire_operation *op, char text[160])
{
	enum { WIDTH = 20 };
	const uint32_t all = total(op);
	const uint32_t over = op->done + operation_troubles(op);
	char bar[WIDTH + 1];

	for (uint32_t i = 0; i < WIDTH; i++)
		bar[i] = i < (all == 0 ? WIDTH : over * WIDTH / all) ? '#' : '.';
	bar[WIDTH] = '\0';
	(void)snprintf(text, 160, "%.*s %s [%s] %u/%u moved, %u moving, %u not%s", (int)op->id.size,
		       (const char *)op->id.data, wire_ops_state_name(op->state), bar, op->done,
		       all, op->moving, operation_troubles(op),
		       op->stalled ? ", NO PROGRESS for 2 min" : "");
}

/* ---- operations ----------------------------------------------------------------------------- */

static void put_item(struct doc *d, const struct wire_ops_item *item)
{
	doc_object(d, NULL);
	doc_number(d, "shard", item->shard);
	doc_text(d, "from", item->from);
	doc_text(d, "to", item->to);
	doc_str(d, "phase", wire_phase_name(item->phase));
	doc_number(d, "begun_unix_ms", item->begun);
	doc_number(d, "ms", item->ms);
	doc_str(d, "why", wire_why_name(item->why));
	doc_number(d, "load", item->load);
	doc_end(d);
}

static void put_operation(struct doc *d, const char *key, const struct wire_operation *op,
			  bool items)
{
	doc_object(d, key);
	doc_text(d, "id", op->id);
	doc_str(d, "kind", wire_ops_kind_name(op->kind));
	doc_str(d, "state", wire_ops_state_name(op->state));
	doc_bool(d, "stalled", op->stalled);
	doc_number(d, "plan_version", op->plan_version);
	doc_text(d, "node", op->node);
	doc_text(d, "actor", op->actor);
	doc_text(d, "reason", op->reason);
	doc_number(d, "created_unix_ms", op->created);
	doc_number(d, "updated_unix_ms", op->updated);
	doc_number(d, "ended_unix_ms", op->ended);
	doc_object(d, "limits");
	doc_number(d, "max_moves", op->max_moves);
	doc_number(d, "max_moves_per_node", op->max_moves_per_node);
	doc_number(d, "pace_ms", op->pace_ms);
	doc_number(d, "timeout_ms", op->timeout_ms);
	doc_end(d);
	doc_object(d, "counts");
	doc_number(d, "planned", op->planned);
	doc_number(d, "moving", op->moving);
	doc_number(d, "done", op->done);
	doc_number(d, "failed", op->failed);
	doc_number(d, "rolled_back", op->rolled_back);
	doc_number(d, "skipped", op->skipped);
	doc_end(d);
	doc_number(d, "longest_ms", op->longest_ms);
	if (items) {
		doc_array(d, "items");
		for (uint32_t i = 0; i < op->item_count; i++)
			put_item(d, &op->items[i]);
		doc_end(d);
	}
	doc_end(d);
}

int view_operations(const struct wire_admin_answer *answer, struct output *o)
{
	static const char *const headers[] = {"OPERATION", "KIND",  "STATE",   ">MOVED", ">OF",
					      ">NOT",      "ACTOR", "CREATED", "REASON", NULL};
	char created[TIME_TEXT_SIZE];
	struct table t;
	struct doc *d;

	if (o->json) {
		d = doc_open();
		if (d == NULL)
			return SAGA_E_NO_MEMORY;
		doc_array(d, "operations");
		for (uint32_t i = 0; i < answer->operation_count; i++)
			put_operation(d, NULL, &answer->operations[i], false);
		doc_end(d);
		return doc_close(d, o);
	}
	for (uint32_t i = 0; o->quiet && i < answer->operation_count; i++)
		(void)buf_printf(&o->text, "%.*s\n", (int)answer->operations[i].id.size,
				 (const char *)answer->operations[i].id.data);
	if (o->quiet)
		return buf_error(&o->text);
	table_open(&t, o, headers);
	for (uint32_t i = 0; i < answer->operation_count; i++) {
		const struct wire_operation *op = &answer->operations[i];

		time_text(op->created, created);
		table_text(&t, STYLE_PLAIN, op->id);
		table_str(&t, STYLE_PLAIN, wire_ops_kind_name(op->kind));
		table_str(&t, style_of_operation(op),
			  op->stalled ? "stalled" : wire_ops_state_name(op->state));
		table_number(&t, op->done);
		table_number(&t, total(op));
		table_number(&t, operation_troubles(op));
		table_text(&t, STYLE_PLAIN, op->actor);
		table_str(&t, STYLE_PLAIN, created);
		table_text(&t, STYLE_PLAIN, op->reason);
	}
	table_close(&t);
	return 0;
}

static void table_items(const struct wire_operation *op, struct output *o)
{
	static const char *const headers[] = {">SHARD", "FROM",  "TO",  "PHASE",
					      ">MS",    ">LOAD", "WHY", NULL};
	struct table t;

	table_open(&t, o, headers);
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct wire_ops_item *item = &op->items[i];

		table_number(&t, item->shard);
		table_text(&t, STYLE_PLAIN, item->from);
		table_text(&t, STYLE_PLAIN, item->to);
		table_str(&t, style_of_phase(item->phase), wire_phase_name(item->phase));
		table_number(&t, item->ms);
		table_number(&t, item->load);
		table_str(&t, STYLE_PLAIN, wire_why_text(item->why));
	}
	table_close(&t);
}

int view_operation(const struct wire_operation *op, struct output *o)
{
	char text[TIME_TEXT_SIZE];
	struct doc *d;

	if (o->json) {
		d = doc_open();
		if (d == NULL)
			return SAGA_E_NO_MEMORY;
		put_operation(d, "operation", op, true);
		return doc_close(d, o);
	}
	if (o->quiet)
		return buf_printf(&o->text, "%s\n", wire_ops_state_name(op->state));
	output_line(o, "operation", STYLE_PLAIN, "%.*s, %s%s%.*s", (int)op->id.size,
		    (const char *)op->id.data, wire_ops_kind_name(op->kind),
		    op->node.size > 0 ? " of " : "", (int)op->node.size,
		    op->node.size > 0 ? (const char *)op->node.data : "");
	output_line(o, "state", style_of_operation(op), "%s%s", wire_ops_state_name(op->state),
		    op->stalled ? ", no progress for 2 minutes" : "");
	output_line(o, "moves", STYLE_PLAIN,
		    "%u done, %u moving, %u planned, %u failed, %u rolled back, %u skipped",
		    op->done, op->moving, op->planned, op->failed, op->rolled_back, op->skipped);
	output_line(o, "limits", STYLE_PLAIN, "%u at a time, %u per node, pace %ums, time-out %ums",
		    op->max_moves, op->max_moves_per_node, op->pace_ms, op->timeout_ms);
	time_text(op->created, text);
	output_line(o, "begun", STYLE_PLAIN, "%s by %.*s: %.*s", text, (int)op->actor.size,
		    (const char *)op->actor.data, (int)op->reason.size,
		    (const char *)op->reason.data);
	if (op->ended > op->created) {
		elapsed_text(op->ended - op->created, text);
		output_line(o, "took", STYLE_PLAIN, "%s, longest move %ums", text, op->longest_ms);
	}
	if (op->item_count > 0) {
		(void)buf_printf(&o->text, "\n");
		table_items(op, o);
	}
	return buf_error(&o->text);
}

/* ---- plans ---------------------------------------------------------------------------------- */

enum { PAUSE_GUESS_MS = 150, MOVES_DEFAULT = 4 };

struct cost {
	uint32_t moves, skipped;
	uint64_t load, total_ms;
	uint32_t max_moves;
};

static struct cost cost_of(const struct wire_admin_request *request,
			   const struct wire_admin_answer *answer)
{
	struct cost cost = {.max_moves = request->max_moves != 0 ? request->max_moves
								 : (uint32_t)MOVES_DEFAULT};

	for (uint32_t i = 0; i < answer->move_count; i++) {
		cost.moves += !answer->moves[i].skipped;
		cost.skipped += answer->moves[i].skipped;
		cost.load += answer->moves[i].skipped ? 0 : answer->moves[i].load;
	}
	if (cost.moves > 0)
		cost.total_ms = (cost.moves + cost.max_moves - 1) / cost.max_moves *
					(uint64_t)PAUSE_GUESS_MS +
				(cost.moves - 1) * (uint64_t)request->pace_ms;
	return cost;
}

/* (most - least) / all, in thousandths, over nodes that may have shards. */
static uint32_t skew_of(const struct wire_admin_answer *answer, bool after)
{
	uint32_t most = 0;
	uint32_t least = UINT32_MAX;
	uint64_t all = 0;

	for (uint32_t i = 0; i < answer->node_count; i++) {
		const struct wire_admin_node *node = &answer->nodes[i];
		const uint32_t shards = after ? node->after : node->targets;

		all += shards;
		if (node->state != 1 || node->drained || node->weight == 0)
			continue;
		most = shards > most ? shards : most;
		least = shards < least ? shards : least;
	}
	return all == 0 || least > most ? 0 : (uint32_t)((most - least) * 1000 / all);
}

static void put_plan_moves(struct doc *d, const struct wire_admin_answer *answer, bool skipped)
{
	doc_array(d, skipped ? "skipped" : "moves");
	for (uint32_t i = 0; i < answer->move_count; i++) {
		const struct wire_admin_move *move = &answer->moves[i];

		if (move->skipped != skipped)
			continue;
		doc_object(d, NULL);
		doc_number(d, "shard", move->shard);
		doc_text(d, "from", move->from);
		if (!skipped)
			doc_text(d, "to", move->to);
		doc_number(d, "load", move->load);
		doc_str(d, "why", wire_why_name(move->why));
		doc_end(d);
	}
	doc_end(d);
}

static int plan_json(uint32_t verb, const struct wire_admin_request *request,
		     const struct wire_admin_answer *answer, struct output *o)
{
	const struct cost cost = cost_of(request, answer);
	struct doc *d = doc_open();

	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	doc_str(d, "kind", wire_admin_verb_name(verb));
	doc_text(d, "node", request->node);
	doc_number(d, "plan_version", answer->plan_version);
	doc_str(d, "strategy",
		request->strategy == 0 ? NULL : wire_strategy_name(request->strategy));
	doc_text(d, "text", answer->text);
	put_plan_moves(d, answer, false);
	put_plan_moves(d, answer, true);
	doc_array(d, "nodes");
	for (uint32_t i = 0; i < answer->node_count; i++) {
		const struct wire_admin_node *node = &answer->nodes[i];

		doc_object(d, NULL);
		doc_text(d, "id", node->id);
		doc_number(d, "shards", node->targets);
		doc_number(d, "shards_after", node->after);
		doc_number(d, "load", node->load);
		doc_number(d, "load_after", node->load_after);
		doc_end(d);
	}
	doc_end(d);
	doc_number(d, "skew_permille", skew_of(answer, false));
	doc_number(d, "skew_permille_after", skew_of(answer, true));
	doc_object(d, "cost");
	doc_number(d, "moves", cost.moves);
	doc_number(d, "load", cost.load);
	doc_number(d, "pause_ms", PAUSE_GUESS_MS);
	doc_number(d, "total_ms", cost.total_ms);
	doc_end(d);
	return doc_close(d, o);
}

static void balance_text(const struct wire_admin_answer *answer, bool after, char *text,
			 size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < answer->node_count && used < size; i++) {
		const struct wire_admin_node *node = &answer->nodes[i];
		const int printed = snprintf(text + used, size - used, "%s%u", i == 0 ? "" : "/",
					     after ? node->after : node->targets);

		used += printed > 0 ? (size_t)printed : 0;
	}
}

static void table_plan(const struct wire_admin_answer *answer, struct output *o)
{
	static const char *const headers[] = {">SHARD", "FROM", "TO", ">LOAD", "WHY", NULL};
	struct table t;

	table_open(&t, o, headers);
	for (uint32_t i = 0; i < answer->move_count; i++) {
		const struct wire_admin_move *move = &answer->moves[i];

		table_number(&t, move->shard);
		table_text(&t, STYLE_PLAIN, move->from);
		if (move->skipped)
			table_str(&t, STYLE_DIM, "stays");
		else
			table_text(&t, STYLE_PLAIN, move->to);
		table_number(&t, move->load);
		table_str(&t, STYLE_PLAIN, wire_why_text(move->why));
	}
	table_close(&t);
}

int view_plan(uint32_t verb, const struct wire_admin_request *request,
	      const struct wire_admin_answer *answer, struct output *o)
{
	const struct cost cost = cost_of(request, answer);
	char before[256];
	char after[256];
	char took[TIME_TEXT_SIZE];

	if (o->json)
		return plan_json(verb, request, answer, o);
	output_line(o, "plan", STYLE_PLAIN, "%s, for plan %llu: void once that changes",
		    wire_admin_verb_name(verb), (unsigned long long)answer->plan_version);
	balance_text(answer, false, before, sizeof before);
	balance_text(answer, true, after, sizeof after);
	output_line(o, "moves", STYLE_PLAIN, "%u shards; balance %s -> %s, skew %u.%u%% -> %u.%u%%",
		    cost.moves, before, after, skew_of(answer, false) / 10,
		    skew_of(answer, false) % 10, skew_of(answer, true) / 10,
		    skew_of(answer, true) % 10);
	elapsed_text(cost.total_ms, took);
	output_line(o, "cost", STYLE_PLAIN,
		    "%llu unfinished sagas change owner; a pause of about %ums a shard; about %s "
		    "with %u at a time",
		    (unsigned long long)cost.load, (unsigned)PAUSE_GUESS_MS, took, cost.max_moves);
	if (answer->text.size > 0)
		output_line(o, "check", STYLE_PLAIN, "%.*s", (int)answer->text.size,
			    (const char *)answer->text.data);
	if (answer->move_count > 0) {
		(void)buf_printf(&o->text, "\n");
		table_plan(answer, o);
	}
	return buf_error(&o->text);
}
