/* What anybody may ask any node: `info`, and, before there is a cluster, `init`. */
#include <stdio.h>

#include "base/check.h"
#include "base/os_entropy.h"
#include "base/os_log.h"
#include "node/daemon_uv_internal.h"
#include "node/init.h"
#include "node/reply_subject.h"
#include "node/version.h"

static const char QUEUE[] = "sagad"; /* one node answers */

static bool reply_allowed(const struct daemon *d, struct slice reply)
{
	return reply_subject_allowed(d->config->nats_inbox_prefixes,
				     d->config->nats_inbox_prefix_count, reply);
}

static void publish(struct daemon *d, const char *subject, enum wire_kind kind, const void *body)
{
	buf_clear(&d->scratch);
	int error = wire_encode(kind, body, &d->scratch);
	if (error == 0)
		error = d->transport->ops->publish(d->transport, subject, slice_of(NULL, 0), NULL,
						   0, buf_slice(&d->scratch));
	if (error != 0)
		LOG(LOG_WARN, "info.not_answered", log_code(error));
}

/* ---- info
 * ------------------------------------------------------------------------------------------ */

static void fill_verbose(struct daemon *d, struct wire_info *info)
{
	struct control_view view;
	control_view(d->control, &view);
	/* The codec reads only; the view is const because nobody else may write it. */
	info->nodes = (struct wire_node_view *)(uintptr_t)view.nodes;
	info->node_count = view.node_count;
	info->shards = (struct wire_shard_view *)(uintptr_t)view.shards;
	info->shard_view_count = view.shard_count;
	info->planner = view.planner;
	info->plan_version = view.plan_version;
}

static struct slice warnings(const struct daemon *d)
{
	if (d->stream_errors[JETSTREAM_COMMANDS] != 0)
		return slice_str("the stream of commands is missing or was changed: durable steps "
				 "do not reach their services; see commands.not_verified in the "
				 "nodes' logs");
	if (d->stream_errors[JETSTREAM_INBOX] != 0)
		return slice_str("the stream of the inbox is missing or was changed: what is "
				 "published to it may not be taken in; see inbox.not_verified in "
				 "the nodes' logs");
	return slice_str(d->warning == NULL ? "" : d->warning);
}

static void on_info(void *context, const struct transport_message *message)
{
	struct daemon *d = context;
	struct wire_info_request request = {0};
	struct arena none;
	struct transport_stats stats;
	char subject[SUBJECT_SIZE_MAX];
	arena_init(&none, NULL, 0);
	if (message->status != 0 || !reply_allowed(d, message->reply))
		return;
	reply_subject_copy(message->reply, subject);
	const int refused = wire_decode(WIRE_INFO_REQUEST, message->data, &none, &request, NULL);
	if (refused != 0) {
		const struct wire_info why = {.code = err_to_wire(refused),
					      .node = id_slice(&d->config->node_id)};
		publish(d, subject, WIRE_INFO, &why);
		return;
	}
	d->transport->ops->stats(d->transport, &stats);
	struct wire_info info = {
		.node = id_slice(&d->config->node_id),
		.version = slice_str(SAGAD_VERSION),
		.nats_version = slice_str(stats.server_version),
		.warnings = warnings(d),
		.input_size_max = WIRE_INPUT_SIZE_MAX,
	};
	if (d->cluster_known) {
		info.cluster = id_slice(&d->cluster.cluster);
		info.shard_count = d->cluster.slots.shard_count;
		info.slots = slice_of(d->cluster.slots.shard_of_slot, WIRE_SLOTS);
		info.format = d->cluster.format;
	} else {
		info.code = err_to_wire(control_phase(d->control) == CONTROL_UNINITIALISED
						? SAGA_E_NOT_INITIALISED
						: SAGA_E_ETCD);
	}
	if (request.verbose)
		fill_verbose(d, &info);
	publish(d, subject, WIRE_INFO, &info);
}

/* ---- init
 * ------------------------------------------------------------------------------------------- */

static void answer_init(struct daemon *d, const char *subject, int code, const char *cluster,
			const char *text)
{
	const struct wire_init body = {
		.code = err_to_wire(code),
		.cluster = slice_str(cluster),
		.shard_count = d->cluster_known ? d->cluster.slots.shard_count : 0,
		.text = slice_str(text),
	};
	publish(d, subject, WIRE_INIT, &body);
}

static void on_init_done(void *context, int error, const char *cluster, const char *text)
{
	struct daemon *d = context;
	LOG(error == 0 ? LOG_INFO : LOG_ERROR, "cluster.init", log_str("cluster", cluster),
	    log_code(error), log_str("text", text));
	if (!d->closing)
		answer_init(d, d->init_reply, error, cluster, text);
	d->init_reply[0] = '\0';
}

static void on_extras_made(void *context, int error, const char *text)
{
	struct daemon *d = context;
	char words[512];
	(void)snprintf(words, sizeof words, "the cluster is initialised already%s%s",
		       error != 0 ? ", but " : "", error != 0 ? text : "");
	on_init_done(d, SAGA_E_ALREADY_INITIALISED, d->cluster.cluster.text, words);
}

/* Streams that came with later versions (S25). */
static bool make_extras(struct daemon *d, const char *subject)
{
	const struct jetstream_extras extras = {
		.replicas = d->cluster.replicas,
		.history_age_ms = d->config->history_age_ms,
		.history_bytes = d->config->history_bytes,
	};
	if (jetstream_make_extras(d->transport, &d->jetstream, &extras, on_extras_made, d) != 0)
		return false;
	(void)snprintf(d->init_reply, sizeof d->init_reply, "%s", subject);
	return true;
}

static void on_init(void *context, const struct transport_message *message)
{
	struct daemon *d = context;
	struct wire_init_request request = {0};
	struct arena none;
	struct wire_fault fault = {0};
	char subject[SUBJECT_SIZE_MAX];
	arena_init(&none, NULL, 0);
	if (message->status != 0 || !reply_allowed(d, message->reply))
		return;
	reply_subject_copy(message->reply, subject);
	if (wire_decode(WIRE_INIT_REQUEST, message->data, &none, &request, &fault) != 0) {
		answer_init(d, subject, fault.code, "", fault.field == NULL ? "" : fault.field);
		return;
	}
	if (d->cluster_known && d->init_reply[0] == '\0' && make_extras(d, subject))
		return;
	if (d->cluster_known || control_phase(d->control) != CONTROL_UNINITIALISED) {
		answer_init(d, subject, d->cluster_known ? SAGA_E_ALREADY_INITIALISED : SAGA_E_ETCD,
			    d->cluster_known ? d->cluster.cluster.text : "",
			    d->cluster_known ? "" : "etcd has not been read yet: try again");
		return;
	}
	if (d->init_reply[0] != '\0') {
		answer_init(d, subject, SAGA_E_BUSY, "", "an init is at work: try again");
		return;
	}
	const struct init_config config = {
		.name = d->config->cluster_name,
		.prefix = d->config->nats_prefix,
		.stream_prefix = d->config->nats_stream_prefix,
		.command_age_ms = d->config->command_age_ms,
		.history_age_ms = d->config->history_age_ms,
		.history_bytes = d->config->history_bytes,
		.entropy = os_entropy_u64(),
	};
	if (request.cluster.size != 0 &&
	    !slice_equal(request.cluster, id_slice(&d->config->cluster_name))) {
		answer_init(d, subject, SAGA_E_CLUSTER_MISMATCH, d->config->cluster_name.text,
			    "the nodes are configured for another cluster name");
		return;
	}
	memcpy(d->init_reply, subject, sizeof subject);
	const int error = init_start(&config, request.shard_count, request.replicas, d->lease,
				     d->transport, on_init_done, d);
	if (error != 0)
		on_init_done(d, error, "", "shards must be 1..128 and replicas 1, 3 or 5");
}

int daemon_info_open(struct daemon *d)
{
	const struct subject info = subject_info(d->config->nats_prefix);
	const struct subject init = subject_init(d->config->nats_prefix);
	int error = d->transport->ops->subscribe(d->transport, info.text, QUEUE, on_info, d,
						 &d->info_subscription);
	if (error == 0)
		error = d->transport->ops->subscribe(d->transport, init.text, QUEUE, on_init, d,
						     &d->init_subscription);
	return error;
}

void daemon_info_close(struct daemon *d)
{
	if (d->info_subscription != NULL)
		d->transport->ops->unsubscribe(d->transport, d->info_subscription);
	if (d->init_subscription != NULL)
		d->transport->ops->unsubscribe(d->transport, d->init_subscription);
	d->info_subscription = d->init_subscription = NULL;
}
