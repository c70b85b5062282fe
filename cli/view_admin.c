/* One shard, one node: with what operators asked for. */
#include <stdio.h>

#include "cli/admin.h"
#include "wire/names.h"

static void put_shard(struct doc *d, const struct wire_admin_shard *shard)
{
	doc_object(d, "shard");
	doc_number(d, "shard", shard->shard);
	doc_text(d, "owner", shard->owner);
	doc_number(d, "epoch", shard->epoch);
	doc_text(d, "target", shard->target);
	doc_text(d, "standby", shard->standby);
	doc_str(d, "state", wire_shard_state_name(shard->state));
	doc_str(d, "code", shard->code != 0 ? err_name(err_from_wire(shard->code)) : NULL);
	doc_text(d, "operation", shard->operation);
	doc_str(d, "phase", shard->phase != 0 ? wire_phase_name(shard->phase) : NULL);
	doc_bool(d, "pinned", shard->pinned);
	doc_text(d, "pin_node", shard->pin_node);
	doc_text(d, "pin_actor", shard->pin_actor);
	doc_text(d, "pin_reason", shard->pin_reason);
	doc_bool(d, "frozen", shard->frozen);
	doc_text(d, "freeze_actor", shard->freeze_actor);
	doc_text(d, "freeze_reason", shard->freeze_reason);
	doc_end(d);
}

static void text_shard(const struct wire_admin_shard *shard, struct output *o)
{
	output_line(o, "shard", STYLE_PLAIN, "%u, %s", shard->shard,
		    wire_shard_state_name(shard->state));
	output_line(o, "owner", STYLE_PLAIN, "%.*s, epoch %llu", (int)shard->owner.size,
		    shard->owner.size > 0 ? (const char *)shard->owner.data : "",
		    (unsigned long long)shard->epoch);
	output_line(o, "target", STYLE_PLAIN, "%.*s, standby %.*s", (int)shard->target.size,
		    shard->target.size > 0 ? (const char *)shard->target.data : "",
		    (int)shard->standby.size,
		    shard->standby.size > 0 ? (const char *)shard->standby.data : "");
	if (shard->operation.size > 0)
		output_line(o, "operation", STYLE_WARN, "%.*s: %s", (int)shard->operation.size,
			    (const char *)shard->operation.data, wire_phase_name(shard->phase));
	if (shard->pinned)
		output_line(o, "pinned", STYLE_WARN, "to %.*s by %.*s: %.*s",
			    (int)shard->pin_node.size, (const char *)shard->pin_node.data,
			    (int)shard->pin_actor.size, (const char *)shard->pin_actor.data,
			    (int)shard->pin_reason.size, (const char *)shard->pin_reason.data);
	if (shard->frozen)
		output_line(o, "frozen", STYLE_WARN, "by %.*s: %.*s", (int)shard->freeze_actor.size,
			    (const char *)shard->freeze_actor.data, (int)shard->freeze_reason.size,
			    (const char *)shard->freeze_reason.data);
}

int view_shard(const struct wire_admin_answer *answer, struct output *o)
{
	struct doc *d;

	if (!o->json) {
		text_shard(&answer->shards[0], o);
		return buf_error(&o->text);
	}
	d = doc_open();
	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	put_shard(d, &answer->shards[0]);
	return doc_close(d, o);
}

static const char *allowed(uint32_t why)
{
	switch (why) {
	case WIRE_WHY_CURRENT:
	case WIRE_WHY_LEAVES:
		return "current";
	case WIRE_WHY_ALLOWED:
	case WIRE_WHY_GOAL:
	case WIRE_WHY_STANDBY:
		return "yes";
	default:
		return "no";
	}
}

int view_explain(const struct wire_admin_answer *answer, struct output *o)
{
	static const char *const headers[] = {"NODE", "ALLOWED", ">SHARDS", "ZONE", "REASON", NULL};
	struct table t;
	struct doc *d;

	if (o->json) {
		d = doc_open();
		if (d == NULL)
			return SAGA_E_NO_MEMORY;
		put_shard(d, &answer->shards[0]);
		doc_array(d, "nodes");
		for (uint32_t i = 0; i < answer->node_count; i++) {
			const struct wire_admin_node *node = &answer->nodes[i];

			doc_object(d, NULL);
			doc_text(d, "id", node->id);
			doc_str(d, "allowed", allowed(node->why));
			doc_str(d, "why", wire_why_name(node->why));
			doc_number(d, "shards", node->targets);
			doc_text(d, "zone", node->zone);
			doc_end(d);
		}
		doc_end(d);
		return doc_close(d, o);
	}
	text_shard(&answer->shards[0], o);
	(void)buf_printf(&o->text, "\n");
	table_open(&t, o, headers);
	for (uint32_t i = 0; i < answer->node_count; i++) {
		const struct wire_admin_node *node = &answer->nodes[i];

		table_text(&t, STYLE_PLAIN, node->id);
		table_str(&t, allowed(node->why)[0] == 'n' ? STYLE_DIM : STYLE_GOOD,
			  allowed(node->why));
		table_number(&t, node->targets);
		table_text(&t, STYLE_PLAIN, node->zone);
		table_str(&t, STYLE_PLAIN, wire_why_text(node->why));
	}
	table_close(&t);
	return 0;
}

int view_shard_history(const struct wire_admin_answer *answer, struct output *o)
{
	static const char *const headers[] = {"SINCE", ">EPOCH", "OWNER", "OPERATION", NULL};
	char at[TIME_TEXT_SIZE];
	struct table t;
	struct doc *d;

	if (o->json) {
		d = doc_open();
		if (d == NULL)
			return SAGA_E_NO_MEMORY;
		doc_number(d, "shard", answer->shards[0].shard);
		doc_array(d, "owners");
		for (uint32_t i = 0; i < answer->event_count; i++) {
			const struct wire_ops_event *event = &answer->events[i];

			doc_object(d, NULL);
			doc_number(d, "at_unix_ms", event->at);
			doc_number(d, "epoch", event->epoch);
			doc_text(d, "node", event->node);
			doc_text(d, "operation", event->operation);
			doc_end(d);
		}
		doc_end(d);
		doc_bool(d, "complete", !answer->events_cut);
		return doc_close(d, o);
	}
	table_open(&t, o, headers);
	for (uint32_t i = 0; i < answer->event_count; i++) {
		const struct wire_ops_event *event = &answer->events[i];

		time_text(event->at, at);
		table_str(&t, STYLE_PLAIN, at);
		table_number(&t, event->epoch);
		table_text(&t, STYLE_PLAIN, event->node);
		table_text(&t, STYLE_PLAIN, event->operation);
	}
	table_close(&t);
	if (answer->events_cut)
		(void)buf_printf(&o->text, "there may have been more\n");
	return buf_error(&o->text);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static int node_json(const struct wire_admin_node *node, struct output *o)
{
	struct doc *d = doc_open();

	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	doc_object(d, "node");
	doc_text(d, "id", node->id);
	doc_str(d, "state", node->state == 0 ? "absent" : wire_node_state_name(node->state));
	doc_text(d, "zone", node->zone);
	doc_number(d, "weight", node->weight);
	doc_text(d, "address", node->address);
	doc_text(d, "version", node->version);
	doc_number(d, "shards", node->shards);
	doc_number(d, "targets", node->targets);
	doc_bool(d, "healthy", node->healthy);
	doc_bool(d, "cordoned", node->cordoned);
	doc_text(d, "cordon_actor", node->cordon_actor);
	doc_text(d, "cordon_reason", node->cordon_reason);
	doc_bool(d, "drained", node->drained);
	doc_text(d, "drain_actor", node->drain_actor);
	doc_text(d, "drain_reason", node->drain_reason);
	doc_number(d, "since_unix_ms", node->since);
	doc_end(d);
	return doc_close(d, o);
}

int view_node(const struct wire_admin_answer *answer, uint32_t index, struct output *o)
{
	const struct wire_admin_node *node = &answer->nodes[index];
	char since[TIME_TEXT_SIZE];

	if (o->json)
		return node_json(node, o);
	time_text(node->since, since);
	output_line(o, "node", STYLE_PLAIN, "%.*s, %s%s", (int)node->id.size,
		    (const char *)node->id.data,
		    node->state == 0 ? "absent" : wire_node_state_name(node->state),
		    node->state != 0 && !node->healthy ? ", not healthy" : "");
	output_line(o, "shards", STYLE_PLAIN, "%u owned, %u by the plan; weight %u", node->shards,
		    node->targets, node->weight);
	output_line(o, "where", STYLE_PLAIN, "%.*s zone %.*s", (int)node->address.size,
		    node->address.size > 0 ? (const char *)node->address.data : "",
		    (int)node->zone.size, node->zone.size > 0 ? (const char *)node->zone.data : "");
	output_line(o, "since", STYLE_PLAIN, "%s, sagad %.*s", since, (int)node->version.size,
		    node->version.size > 0 ? (const char *)node->version.data : "");
	if (node->cordoned)
		output_line(o, "cordoned", STYLE_WARN, "by %.*s: %.*s",
			    (int)node->cordon_actor.size, (const char *)node->cordon_actor.data,
			    (int)node->cordon_reason.size, (const char *)node->cordon_reason.data);
	if (node->drained)
		output_line(o, "drained", STYLE_WARN, "by %.*s: %.*s", (int)node->drain_actor.size,
			    (const char *)node->drain_actor.data, (int)node->drain_reason.size,
			    (const char *)node->drain_reason.data);
	return buf_error(&o->text);
}
