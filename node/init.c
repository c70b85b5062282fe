#include "node/init.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

enum { CALL_TIMEOUT_MS = 5000, TEXT_MAX = 256, KEY_SIZE = 128 };

enum key { KEY_INTENT, KEY_CONFIG };

struct init {
	struct init_config config;
	struct control_cluster cluster;
	struct lease *lease;
	struct transport *transport;
	init_done done;
	void *context;
	struct buf value;
	struct jetstream_config jetstream;
	struct jetstream_provision provision;
	int64_t revision; /* at which the intent became this attempt's */
	char key[2][KEY_SIZE];
	char text[TEXT_MAX];
};

static void finish(struct init *i, int error, const char *text)
{
	i->done(i->context, error, i->cluster.cluster.text, text);
	buf_close(&i->value);
	free(i);
}

static struct jetstream_config streams_config(const struct init *i)
{
	return (struct jetstream_config){
		.prefix = i->config.prefix,
		.stream_prefix = i->config.stream_prefix,
		.cluster = i->cluster.cluster.text,
		.replicas = i->cluster.replicas,
	};
}

/* History and reports: limits apply to them, and they may be missing in an older cluster. */
static int make_extras(struct init *i, jetstream_provisioned done)
{
	const struct jetstream_extras extras = {
		.replicas = i->cluster.replicas,
		.history_age_ms = i->config.history_age_ms,
		.history_bytes = i->config.history_bytes,
	};
	i->jetstream = streams_config(i);
	return jetstream_make_extras(i->transport, &i->jetstream, &extras, done, i);
}

static int submit(struct init *i, const struct lease_request *request, lease_completion next)
{
	return i->lease->ops->submit(i->lease, request, 0, next, i);
}

static struct slice key_of(const struct init *i, enum key key)
{
	return slice_str(i->key[key]);
}

static int read_key(struct init *i, enum key key, lease_completion next)
{
	const struct lease_request request = {
		.kind = LEASE_RANGE, .timeout_ms = CALL_TIMEOUT_MS, .prefix = key_of(i, key)};
	return submit(i, &request, next);
}

/* Writes a key if the intent is still as it was at `revision` (0 = not there) and there is no
 * config. */
static int write_key(struct init *i, enum key key, struct slice value, int64_t revision,
		     lease_completion next)
{
	const struct lease_request request = {
		.kind = LEASE_TXN,
		.timeout_ms = CALL_TIMEOUT_MS,
		.compares = {{.key = key_of(i, KEY_INTENT),
			      .target = revision == 0 ? LEASE_CREATE_REVISION : LEASE_MOD_REVISION,
			      .equals = revision},
			     {.key = key_of(i, KEY_CONFIG),
			      .target = LEASE_CREATE_REVISION,
			      .equals = 0}},
		.compare_count = 2,
		.writes = {{.key = key_of(i, key), .value = value}},
		.write_count = 1,
	};
	return submit(i, &request, next);
}

/* A write that was not to be: because all is done already, or because another attempt is at it. */
static void why_not(void *context, uint64_t token, const struct lease_result *result)
{
	struct init *i = context;
	(void)token;
	if (result->error != 0) {
		finish(i, result->error, "etcd cannot be read: run init again");
		return;
	}
	for (uint32_t k = 0; k < result->kv_count; k++) {
		if (!slice_equal(result->kvs[k].key, key_of(i, KEY_CONFIG)))
			continue;
		finish(i, SAGA_E_ALREADY_INITIALISED, "the cluster is initialised already");
		return;
	}
	finish(i, SAGA_E_BUSY, "another init is at work: try again");
}

static void refused(struct init *i)
{
	const int error = read_key(i, KEY_CONFIG, why_not);
	if (error != 0)
		finish(i, error, "etcd cannot be asked");
}

/* ---- third: config ------------------------------------------------------------------------------
 */

static void config_written(void *context, uint64_t token, const struct lease_result *result)
{
	struct init *i = context;
	(void)token;
	if (result->error != 0)
		finish(i, result->error, "etcd did not confirm the config: run init again");
	else if (!result->succeeded)
		refused(i);
	else
		finish(i, 0, "");
}

static void extras_ready(void *context, int error, const char *text)
{
	struct init *i = context;
	if (error != 0) {
		(void)snprintf(i->text, sizeof i->text, "%s", text == NULL ? "" : text);
		finish(i, error, i->text);
		return;
	}
	buf_clear(&i->value);
	CHECK_EQ(control_cluster_encode(&i->cluster, &i->value), 0);
	error = write_key(i, KEY_CONFIG, buf_slice(&i->value), i->revision, config_written);
	if (error != 0)
		finish(i, error, "etcd cannot be asked");
}

static void streams_ready(void *context, int error, const char *text)
{
	struct init *i = context;
	if (error == 0)
		error = make_extras(i, extras_ready);
	if (error != 0)
		extras_ready(i, error, text);
}

/* ---- second: streams
 * ------------------------------------------------------------------------------ */

static void make_streams(struct init *i)
{
	i->jetstream = streams_config(i);
	i->provision = (struct jetstream_provision){
		.cluster = i->cluster.cluster.text,
		.shard_count = i->cluster.slots.shard_count,
		.replicas = i->cluster.replicas,
		.command_age_ms = i->config.command_age_ms,
		.slots = wire_slots_hash(&i->cluster.slots),
	};
	const int error =
		jetstream_provision(i->transport, &i->jetstream, &i->provision, streams_ready, i);
	if (error != 0)
		finish(i, error, "NATS cannot be asked");
}

/* ---- first: the intent
 * ------------------------------------------------------------------------------ */

static void intent_taken(void *context, uint64_t token, const struct lease_result *result)
{
	struct init *i = context;
	(void)token;
	if (result->error != 0) {
		finish(i, result->error, "etcd did not confirm the intent: run init again");
		return;
	}
	if (!result->succeeded) {
		refused(i);
		return;
	}
	i->revision = result->revision;
	make_streams(i);
}

/* An earlier attempt that did not come to its end left its cluster id: go on with that one. The
 * same intent is written again, so that the earlier attempt, should it still be at work, cannot
 * write the config: it does not know which streams this one makes anew. And there must be no
 * config: in a cluster that is initialised a lost stream halts (S7). */
static void intent_read(void *context, uint64_t token, const struct lease_result *result)
{
	struct init *i = context;
	char cluster[ID_SIZE_MAX + 1];
	unsigned shards, replicas;
	char line[128] = {0};
	(void)token;
	if (result->error != 0) {
		finish(i, result->error, "etcd cannot be read: run init again");
		return;
	}
	if (result->kv_count == 0) {
		refused(i);
		return;
	}
	if (result->kv_count != 1 || result->kvs[0].value.size >= sizeof line) {
		finish(i, SAGA_E_BAD_REPLY, "the init key in etcd cannot be read");
		return;
	}
	memcpy(line, result->kvs[0].value.data, result->kvs[0].value.size);
	if (sscanf(line, "%64s %u %u", cluster, &shards, &replicas) != 3 ||
	    id_from(&i->cluster.cluster, slice_str(cluster)) != 0) {
		finish(i, SAGA_E_BAD_REPLY, "the init key in etcd cannot be read");
		return;
	}
	if (shards != i->cluster.slots.shard_count || replicas != i->cluster.replicas) {
		(void)snprintf(i->text, sizeof i->text,
			       "an earlier init asked for %u shards and %u replicas: repeat it "
			       "with these",
			       shards, replicas);
		finish(i, SAGA_E_CLUSTER_MISMATCH, i->text);
		return;
	}
	const int error = write_key(i, KEY_INTENT, result->kvs[0].value,
				    result->kvs[0].mod_revision, intent_taken);
	if (error != 0)
		finish(i, error, "etcd cannot be asked");
}

static void intent_written(void *context, uint64_t token, const struct lease_result *result)
{
	struct init *i = context;
	(void)token;
	if (result->error == 0 && result->succeeded) {
		i->revision = result->revision;
		make_streams(i);
		return;
	}
	if (result->error != 0 && result->error != SAGA_E_UNKNOWN) {
		finish(i, result->error, "etcd cannot be asked");
		return;
	}
	const int error = read_key(i, KEY_INTENT, intent_read);
	if (error != 0)
		finish(i, error, "etcd cannot be asked");
}

int init_start(const struct init_config *config, uint32_t shard_count, uint32_t replicas,
	       struct lease *lease, struct transport *transport, init_done done, void *context)
{
	if (replicas != 1 && replicas != 3 && replicas != 5)
		return SAGA_E_RANGE;
	struct init *i = calloc(1, sizeof *i);
	if (i == NULL)
		return SAGA_E_NO_MEMORY;
	*i = (struct init){.config = *config,
			   .lease = lease,
			   .transport = transport,
			   .done = done,
			   .context = context};
	buf_init(&i->value, 64 * 1024);
	(void)snprintf(i->key[KEY_INTENT], KEY_SIZE, "/sagad/%s/init", config->name.text);
	(void)snprintf(i->key[KEY_CONFIG], KEY_SIZE, "/sagad/%s/config", config->name.text);
	char cluster[ID_SIZE_MAX + 1];
	(void)snprintf(cluster, sizeof cluster, "%.50s-%08x", config->name.text,
		       (unsigned)(config->entropy & 0xffffffffU));
	int error = id_from(&i->cluster.cluster, slice_str(cluster));
	i->cluster.format = 1;
	i->cluster.replicas = replicas;
	if (error == 0)
		error = wire_slots_even(&i->cluster.slots, shard_count);
	if (error == 0)
		error = buf_printf(&i->value, "%s %u %u", cluster, shard_count, replicas);
	if (error == 0)
		error = write_key(i, KEY_INTENT, buf_slice(&i->value), 0, intent_written);
	if (error != 0) {
		buf_close(&i->value);
		free(i);
	}
	return error;
}
