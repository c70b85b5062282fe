/* A definition's steps in their order, with what S4 adds to it: for people, for Graphviz, for
 * programs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cli/definition_views.h"
#include "wire/names.h"
#include "wire/plan.h"

struct graph {
	const struct wire_plan *plan;
	uint64_t edges[WIRE_STEPS_MAX];   /* with the implied ones, without those that follow */
	uint64_t written[WIRE_STEPS_MAX]; /* what `after` says, or leaves unsaid */
	uint32_t level[WIRE_STEPS_MAX];   /* from 0: the longest way to it */
	uint32_t levels;
	uint32_t pivot; /* or WIRE_STEPS_MAX */
};

#define SLICE(s) (int)(s).size, (const char *)(s).data

static void set_levels(struct graph *graph)
{
	const uint32_t count = graph->plan->step_count;

	for (bool moved = true; moved;) {
		moved = false;
		for (uint32_t i = 0; i < count; i++) {
			for (uint64_t set = graph->edges[i]; set != 0; set &= set - 1) {
				const uint32_t before = (uint32_t)__builtin_ctzll(set);

				if (graph->level[i] > graph->level[before])
					continue;
				graph->level[i] = graph->level[before] + 1;
				moved = true;
			}
			if (graph->levels <= graph->level[i])
				graph->levels = graph->level[i] + 1;
		}
	}
}

static void make_graph(struct graph *graph, const struct wire_plan *plan)
{
	uint64_t all[WIRE_STEPS_MAX];

	*graph = (struct graph){.plan = plan, .pivot = WIRE_STEPS_MAX};
	wire_plan_edges(plan, all);
	for (uint32_t i = 0; i < plan->step_count; i++) {
		uint64_t follows = 0;

		/* What one of them waits for anyway need not be said again. */
		for (uint64_t set = all[i]; set != 0; set &= set - 1)
			follows |= wire_plan_ancestors(all, (uint32_t)__builtin_ctzll(set));
		graph->edges[i] = all[i] & ~follows;
		for (uint32_t j = 0; j < plan->steps[i].after.size; j++)
			graph->written[i] |= UINT64_C(1) << plan->steps[i].after.data[j];
		if (plan->steps[i].flags & WIRE_STEP_PIVOT)
			graph->pivot = i;
	}
	set_levels(graph);
}

/* "saga", "pivot", "2pc, last resource" */
static const char *role_of(const struct wire_plan *plan, const struct wire_step *step)
{
	const uint32_t kind = wire_step_kind(plan, step);

	if (kind == WIRE_PROTOCOL_2PC)
		return step->flags & WIRE_STEP_PIVOT ? "last resource" : "2pc";
	if (step->flags & WIRE_STEP_PIVOT)
		return "pivot";
	if (step->flags & WIRE_STEP_RETRIABLE)
		return "retriable";
	if (step->flags & WIRE_STEP_OPTIONAL)
		return "optional";
	return wire_protocol_name(kind);
}

static void put_operations(struct buf *out, const struct wire_plan *plan,
			   const struct wire_step *step)
{
	const bool alone = plan->step_count == 1 && step->one_phase.size > 0;

	(void)buf_printf(out, "%.*s: %.*s", SLICE(step->service),
			 SLICE(alone ? step->one_phase : step->forward));
	if (step->finish.size > 0 && !alone)
		(void)buf_printf(out, " / %.*s", SLICE(step->finish));
	if (step->undo.size > 0 && !alone)
		(void)buf_printf(out, " / %.*s", SLICE(step->undo));
	else if (wire_step_kind(plan, step) == WIRE_PROTOCOL_SAGA &&
		 (step->flags & (WIRE_STEP_PIVOT | WIRE_STEP_RETRIABLE)) == 0)
		(void)buf_printf(out, " / nothing to undo");
}

/* ---- for people ---------------------------------------------------------------------------------
 */

static uint32_t widest_name(const struct wire_plan *plan)
{
	uint32_t widest = 0;

	for (uint32_t i = 0; i < plan->step_count; i++)
		if (plan->steps[i].name.size > widest)
			widest = plan->steps[i].name.size;
	return widest;
}

static void put_waits(struct buf *out, const struct graph *graph, uint32_t step)
{
	const char *before = "  after ";

	for (uint64_t set = graph->edges[step]; set != 0; set &= set - 1) {
		const uint32_t other = (uint32_t)__builtin_ctzll(set);

		(void)buf_printf(out, "%s%.*s%s", before, SLICE(graph->plan->steps[other].name),
				 (graph->written[step] >> other & 1) != 0 ? "" : "*");
		before = ", ";
	}
}

static void put_step(struct buf *out, const struct graph *graph, uint32_t step, const char *rail)
{
	const struct wire_plan *plan = graph->plan;
	char operations[256];
	struct buf text;

	buf_init_fixed(&text, operations, sizeof operations);
	put_operations(&text, plan, &plan->steps[step]);
	(void)buf_printf(out, "  %s %-*.*s  %-13s  %.*s", rail, (int)widest_name(plan),
			 SLICE(plan->steps[step].name), role_of(plan, &plan->steps[step]),
			 (int)text.size, operations);
	put_waits(out, graph, step);
	(void)buf_printf(out, "\n");
}

/* The steps of a level can run side by side. */
static void put_level(struct buf *out, const struct graph *graph, uint32_t level)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < graph->plan->step_count; i++)
		count += graph->level[i] == level ? 1 : 0;
	for (uint32_t i = 0; i < graph->plan->step_count; i++)
		if (graph->level[i] == level)
			put_step(out, graph, i, count == 1 ? "o  " : "+-o");
}

static void graph_text(const struct graph *graph, struct buf *out)
{
	const struct wire_plan *plan = graph->plan;
	char deadline[UNITS_TEXT_SIZE];
	bool implied = false;

	units_format_duration(plan->deadline_ms, deadline);
	(void)buf_printf(out, "%.*s, version %" PRIu32 ": %s, %" PRIu32 " steps, deadline %s\n\n",
			 SLICE(plan->name), plan->version, wire_protocol_name(plan->protocol),
			 plan->step_count, deadline);
	for (uint32_t level = 0; level < graph->levels; level++) {
		if (level > 0)
			(void)buf_printf(out, "  |\n");
		put_level(out, graph, level);
		if (graph->pivot < WIRE_STEPS_MAX && graph->level[graph->pivot] == level)
			(void)buf_printf(out, "  |\n  = = = the point of no return\n");
	}
	for (uint32_t i = 0; i < plan->step_count; i++)
		implied = implied || (graph->edges[i] & ~graph->written[i]) != 0;
	if (implied)
		(void)buf_printf(out,
				 "\n  * not written: it follows from the point of no return\n");
}

/* ---- for Graphviz -------------------------------------------------------------------------------
 */

static void graph_dot(const struct graph *graph, struct buf *out)
{
	const struct wire_plan *plan = graph->plan;

	(void)buf_printf(out, "digraph \"%.*s\" {\n\trankdir=LR;\n\tnode [shape=box];\n",
			 SLICE(plan->name));
	for (uint32_t i = 0; i < plan->step_count; i++) {
		const struct wire_step *step = &plan->steps[i];
		const char *look = "";

		if (step->flags & WIRE_STEP_PIVOT)
			look = ", shape=octagon, penwidth=2";
		else if (step->flags & WIRE_STEP_OPTIONAL)
			look = ", style=dashed";
		else if (step->flags & WIRE_STEP_RETRIABLE)
			look = ", style=rounded";
		(void)buf_printf(out, "\t\"%.*s\" [label=\"%.*s\\n%s\\n", SLICE(step->name),
				 SLICE(step->name), role_of(plan, step));
		put_operations(out, plan, step);
		(void)buf_printf(out, "\"%s];\n", look);
	}
	for (uint32_t i = 0; i < plan->step_count; i++)
		for (uint64_t set = graph->edges[i]; set != 0; set &= set - 1) {
			const uint32_t before = (uint32_t)__builtin_ctzll(set);

			(void)buf_printf(
				out, "\t\"%.*s\" -> \"%.*s\"%s;\n", SLICE(plan->steps[before].name),
				SLICE(plan->steps[i].name),
				(graph->written[i] >> before & 1) != 0 ? "" : " [style=dashed]");
		}
	(void)buf_printf(out, "}\n");
}

/* ---- for programs -------------------------------------------------------------------------------
 */

static void put_optional_text(struct doc *d, const char *key, struct slice text)
{
	if (text.size > 0)
		doc_text(d, key, text);
	else
		doc_str(d, key, NULL);
}

static int graph_json(const struct graph *graph, struct output *o)
{
	const struct wire_plan *plan = graph->plan;
	struct doc *d = doc_open();

	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	doc_object(d, "definition");
	doc_text(d, "name", plan->name);
	doc_number(d, "version", plan->version);
	doc_str(d, "protocol", wire_protocol_name(plan->protocol));
	doc_number(d, "deadline_ms", plan->deadline_ms);
	doc_end(d);
	doc_array(d, "steps");
	for (uint32_t i = 0; i < plan->step_count; i++) {
		const struct wire_step *step = &plan->steps[i];

		doc_object(d, NULL);
		doc_text(d, "name", step->name);
		doc_text(d, "service", step->service);
		doc_str(d, "kind", wire_protocol_name(wire_step_kind(plan, step)));
		doc_bool(d, "pivot", (step->flags & WIRE_STEP_PIVOT) != 0);
		doc_bool(d, "retriable", (step->flags & WIRE_STEP_RETRIABLE) != 0);
		doc_bool(d, "optional", (step->flags & WIRE_STEP_OPTIONAL) != 0);
		doc_text(d, "forward", step->forward);
		put_optional_text(d, "finish", step->finish);
		put_optional_text(d, "undo", step->undo);
		put_optional_text(d, "one_phase", step->one_phase);
		doc_number(d, "level", graph->level[i]);
		doc_end(d);
	}
	doc_end(d);
	doc_array(d, "edges");
	for (uint32_t i = 0; i < plan->step_count; i++)
		for (uint64_t set = graph->edges[i]; set != 0; set &= set - 1) {
			const uint32_t before = (uint32_t)__builtin_ctzll(set);

			doc_object(d, NULL);
			doc_text(d, "from", plan->steps[before].name);
			doc_text(d, "to", plan->steps[i].name);
			doc_bool(d, "implied", (graph->written[i] >> before & 1) == 0);
			doc_end(d);
		}
	doc_end(d);
	return doc_close(d, o);
}

int view_graph(const struct wire_plan *plan, bool dot, struct output *o)
{
	struct graph graph;

	make_graph(&graph, plan);
	if (o->json)
		return graph_json(&graph, o);
	if (dot)
		graph_dot(&graph, &o->text);
	else
		graph_text(&graph, &o->text);
	return 0;
}
