/* status, nodes list, shards list. */
#include <stdio.h>

#include "base/id.h"
#include "cli/views.h"
#include "wire/admin.h"
#include "wire/names.h"

enum { NODE_STOPPING = 2 };

static const struct wire_admin_node *asked_of_node(const struct wire_admin_answer *asked,
						   struct slice id)
{
	for (uint32_t i = 0; asked != NULL && i < asked->node_count; i++) {
		if (slice_equal(asked->nodes[i].id, id))
			return &asked->nodes[i];
	}
	return NULL;
}

static void put_node(struct doc *d, const struct wire_node_view *node,
		     const struct wire_admin_answer *asked)
{
	const struct wire_admin_node *more = asked_of_node(asked, node->id);

	doc_object(d, NULL);
	doc_text(d, "id", node->id);
	doc_str(d, "state", wire_node_state_name(node->state));
	doc_text(d, "zone", node->zone);
	doc_text(d, "address", node->address);
	doc_text(d, "version", node->version);
	doc_number(d, "shards", node->shards);
	doc_number(d, "since_unix_ms", node->since_unix_ms);
	if (more != NULL) {
		doc_number(d, "targets", more->targets);
		doc_number(d, "weight", more->weight);
		doc_bool(d, "healthy", more->healthy);
		doc_bool(d, "cordoned", more->cordoned);
		doc_bool(d, "drained", more->drained);
	}
	doc_end(d);
}

static void put_nodes(struct doc *d, const struct wire_info *info,
		      const struct wire_admin_answer *asked)
{
	doc_array(d, "nodes");
	for (uint32_t i = 0; i < info->node_count; i++)
		put_node(d, &info->nodes[i], asked);
	doc_end(d);
}

static const char *node_note(const struct wire_admin_node *more)
{
	if (more == NULL)
		return "";
	if (more->drained)
		return "drained";
	if (more->cordoned)
		return "cordoned";
	return more->healthy ? "" : "not healthy";
}

static void table_nodes(const struct wire_info *info, const struct wire_admin_answer *asked,
			struct output *o)
{
	const char *const headers[] = {
		"NODE",    "STATE",   ">SHARDS", "ZONE",
		"ADDRESS", "VERSION", "SINCE",   asked != NULL ? "NOTE" : NULL,
		NULL};
	struct table t;

	table_open(&t, o, headers);
	for (uint32_t i = 0; i < info->node_count; i++) {
		const struct wire_node_view *node = &info->nodes[i];
		char since[TIME_TEXT_SIZE];

		time_text(node->since_unix_ms, since);
		table_text(&t, STYLE_PLAIN, node->id);
		table_str(&t, node->state == NODE_STOPPING ? STYLE_WARN : STYLE_GOOD,
			  wire_node_state_name(node->state));
		table_number(&t, node->shards);
		table_text(&t, STYLE_PLAIN, node->zone);
		table_text(&t, STYLE_PLAIN, node->address);
		table_text(&t, STYLE_PLAIN, node->version);
		table_str(&t, STYLE_PLAIN, since);
		if (asked != NULL)
			table_str(&t, STYLE_WARN, node_note(asked_of_node(asked, node->id)));
	}
	table_close(&t);
}

int view_nodes(const struct wire_info *info, const struct wire_admin_answer *asked,
	       struct output *o)
{
	struct doc *d;

	if (!o->json) {
		table_nodes(info, asked, o);
		return 0;
	}
	d = doc_open();
	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	put_nodes(d, info, asked);
	return doc_close(d, o);
}

/* ---- shards -------------------------------------------------------------------------------- */

static const struct wire_admin_shard *asked_of_shard(const struct wire_admin_answer *asked,
						     uint32_t shard)
{
	for (uint32_t i = 0; asked != NULL && i < asked->shard_count; i++) {
		if (asked->shards[i].shard == shard)
			return &asked->shards[i];
	}
	return NULL;
}

static void put_shard(struct doc *d, const struct wire_shard_view *shard,
		      const struct wire_admin_answer *asked)
{
	const struct wire_admin_shard *more = asked_of_shard(asked, shard->shard);

	doc_object(d, NULL);
	doc_number(d, "shard", shard->shard);
	doc_text(d, "owner", shard->owner);
	doc_number(d, "epoch", shard->epoch);
	doc_text(d, "target", shard->target);
	doc_str(d, "state", wire_shard_state_name(shard->state));
	doc_str(d, "code", shard->code != 0 ? err_name(err_from_wire(shard->code)) : NULL);
	if (more != NULL) {
		doc_text(d, "standby", more->standby);
		doc_text(d, "operation", more->operation);
		doc_str(d, "phase", more->phase != 0 ? wire_phase_name(more->phase) : NULL);
		doc_bool(d, "pinned", more->pinned);
		doc_bool(d, "frozen", more->frozen);
	}
	doc_end(d);
}

static enum style style_of(const struct wire_shard_view *shard)
{
	switch (shard->state) {
	case WIRE_SHARD_SERVING:
		return STYLE_GOOD;
	case WIRE_SHARD_REPLAYING:
		return STYLE_WARN;
	default:
		return STYLE_BAD;
	}
}

static void shard_note(struct table *t, const struct wire_admin_shard *more)
{
	char text[2 * ID_SIZE_MAX + 32] = "";

	if (more != NULL && more->operation.size > 0)
		(void)snprintf(text, sizeof text, "%.*s: %s", (int)more->operation.size,
			       (const char *)more->operation.data, wire_phase_name(more->phase));
	else if (more != NULL && more->frozen)
		(void)snprintf(text, sizeof text, "frozen");
	else if (more != NULL && more->pinned)
		(void)snprintf(text, sizeof text, "pinned to %.*s", (int)more->pin_node.size,
			       (const char *)more->pin_node.data);
	table_str(t, STYLE_WARN, text);
}

int view_shards(const struct wire_info *info, const struct wire_admin_answer *asked,
		struct output *o)
{
	const char *const headers[] = {">SHARD",
				       "STATE",
				       "OWNER",
				       ">EPOCH",
				       "TARGET",
				       "CODE",
				       asked != NULL ? "NOTE" : NULL,
				       NULL};
	struct table t;
	struct doc *d;

	if (o->json) {
		d = doc_open();
		if (d == NULL)
			return SAGA_E_NO_MEMORY;
		doc_text(d, "cluster", info->cluster);
		doc_number(d, "plan_version", info->plan_version);
		doc_array(d, "shards");
		for (uint32_t i = 0; i < info->shard_view_count; i++)
			put_shard(d, &info->shards[i], asked);
		doc_end(d);
		return doc_close(d, o);
	}
	table_open(&t, o, headers);
	for (uint32_t i = 0; i < info->shard_view_count; i++) {
		const struct wire_shard_view *shard = &info->shards[i];

		table_number(&t, shard->shard);
		table_str(&t, style_of(shard), wire_shard_state_name(shard->state));
		table_text(&t, shard->owner.size > 0 ? STYLE_PLAIN : STYLE_BAD, shard->owner);
		table_number(&t, shard->epoch);
		table_text(&t, slice_equal(shard->owner, shard->target) ? STYLE_PLAIN : STYLE_WARN,
			   shard->target);
		table_str(&t, STYLE_BAD,
			  shard->code != 0 ? err_name(err_from_wire(shard->code)) : "");
		if (asked != NULL)
			shard_note(&t, asked_of_shard(asked, shard->shard));
	}
	table_close(&t);
	return 0;
}

/* ---- status -------------------------------------------------------------------------------- */

void status_count(struct status_view *status)
{
	const struct wire_info *info = status->info;

	status->owned = 0;
	status->halted = 0;
	for (uint32_t i = 0; i < info->shard_view_count; i++) {
		/* Without an accepted epoch nobody serves it yet. */
		status->owned += info->shards[i].state == WIRE_SHARD_SERVING;
		status->halted += info->shards[i].state == WIRE_SHARD_HALTED;
	}
	status->orphaned = info->shard_count - status->owned - status->halted;
}

static uint32_t ready_nodes(const struct wire_info *info)
{
	uint32_t ready = 0;

	for (uint32_t i = 0; i < info->node_count; i++)
		ready += info->nodes[i].state == NODE_STOPPING ? 0U : 1U;
	return ready;
}

static int status_json(const struct status_view *status, struct output *o)
{
	const struct wire_info *info = status->info;
	struct doc *d = doc_open();

	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	doc_text(d, "cluster", info->cluster);
	doc_bool(d, "initialised", info->code == 0);
	doc_number(d, "format", info->format);
	doc_text(d, "answered_by", info->node);
	doc_text(d, "version", info->version);
	doc_text(d, "planner", info->planner);
	doc_number(d, "plan_version", info->plan_version);
	put_nodes(d, info, NULL);
	doc_object(d, "shards");
	doc_number(d, "count", info->shard_count);
	doc_number(d, "owned", status->owned);
	doc_number(d, "orphaned", status->orphaned);
	doc_number(d, "halted", status->halted);
	doc_number(d, "silent", status->silent_shards);
	doc_end(d);
	doc_object(d, "sagas");
	doc_number(d, "open", status->open);
	doc_number(d, "parked", status->parked);
	doc_end(d);
	doc_object(d, "backends");
	doc_text(d, "nats_version", info->nats_version);
	doc_end(d);
	doc_array(d, "warnings");
	if (info->warnings.size > 0)
		doc_text(d, NULL, info->warnings);
	doc_end(d);
	return doc_close(d, o);
}

static void attention_halted(const struct status_view *status, struct output *o)
{
	const struct wire_info *info = status->info;

	for (uint32_t i = 0; i < info->shard_view_count; i++) {
		const struct wire_shard_view *shard = &info->shards[i];
		const int code = err_from_wire(shard->code);

		if (shard->state == WIRE_SHARD_HALTED)
			output_line(o, "attention", STYLE_BAD,
				    "shard %u is halted by %.*s: %s, %s; its sagas wait for an "
				    "operator",
				    shard->shard, (int)shard->owner.size,
				    (const char *)shard->owner.data, err_name(code),
				    err_text(code));
	}
}

static void status_text(const struct status_view *status, struct output *o)
{
	const struct wire_info *info = status->info;
	const bool whole = info->code == 0;

	output_line(o, "cluster", whole ? STYLE_PLAIN : STYLE_BAD, "%.*s, sagad %.*s",
		    whole ? (int)info->cluster.size : (int)sizeof "not initialised" - 1,
		    whole ? (const char *)info->cluster.data : "not initialised",
		    (int)info->version.size, (const char *)info->version.data);
	output_line(o, "nodes", ready_nodes(info) == info->node_count ? STYLE_PLAIN : STYLE_WARN,
		    "%u alive, %u stopping, planner %.*s (plan %llu)", info->node_count,
		    info->node_count - ready_nodes(info),
		    info->planner.size > 0 ? (int)info->planner.size : 1,
		    info->planner.size > 0 ? (const char *)info->planner.data : "-",
		    (unsigned long long)info->plan_version);
	output_line(o, "shards", status->orphaned + status->halted > 0 ? STYLE_BAD : STYLE_PLAIN,
		    "%u owned, %u orphaned, %u halted", status->owned, status->orphaned,
		    status->halted);
	output_line(o, "sagas", status->parked > 0 ? STYLE_BAD : STYLE_PLAIN,
		    "%llu unfinished, %llu parked", (unsigned long long)status->open,
		    (unsigned long long)status->parked);
	output_line(o, "backends", STYLE_PLAIN, "NATS %.*s", (int)info->nats_version.size,
		    (const char *)info->nats_version.data);
	attention_halted(status, o);
	if (status->silent_shards > 0)
		output_line(o, "attention", STYLE_BAD,
			    "%u shards did not answer: their sagas are not counted; a "
			    "take-over lasts seconds, after that see the nodes' logs",
			    status->silent_shards);
	if (status->parked > 0)
		output_line(o, "attention", STYLE_BAD,
			    "parked sagas need an operator: sagactl sagas list --state parked");
	if (info->warnings.size > 0)
		output_line(o, "warning", STYLE_WARN, "%.*s", (int)info->warnings.size,
			    (const char *)info->warnings.data);
}

int view_status(const struct status_view *status, struct output *o)
{
	if (o->json)
		return status_json(status, o);
	status_text(status, o);
	return 0;
}
