/* Making the streams of a new cluster, and checking those of an old one.
 *
 * Each stream is one item; a few items are worked on at a time (a cluster of servers takes half a
 * second to make one, and 64 at once time out). An item walks
 *
 *   create --> genesis --> done          a journal
 *      |          `---> first --> done   something is there already: it must be our GENESIS
 *      |`--> done                        the command stream
 *      `---> look                        the name is taken: only to say what differs
 *   look --> done                        verification
 *
 * and repeats a step whose answer did not come: all of them may be repeated, for creation is
 * idempotent and GENESIS is fenced at 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_log.h"
#include "journal/ack.h"
#include "journal/base64.h"
#include "journal/jetstream_jansson.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/subject.h"

enum {
	WINDOW_ALONE = 16,   /* items at a time with one replica */
	WINDOW_REPLICAS = 4, /* and with more */
	REQUEST_TIMEOUT_MS = 8000,
	TRIES_MAX = 12, /* some 15 s: servers that start take 4-9 s to elect a leader */
	PAUSE_MS = 100,
	PAUSE_DOUBLINGS_MAX = 4,
	ITEMS_MAX = WIRE_SHARDS_MAX + 1,
	TEXT_SIZE = 512,
	CREATED_SIZE = 64,
	GENESIS_SIZE_MAX = 4096,
};

enum step { STEP_CREATE, STEP_LOOK, STEP_GENESIS, STEP_FIRST, STEP_DONE, STEPS };

static const bool permitted[STEPS][STEPS] = {
	[STEP_CREATE] = {[STEP_LOOK] = true, [STEP_GENESIS] = true, [STEP_DONE] = true},
	[STEP_LOOK] = {[STEP_DONE] = true},
	[STEP_GENESIS] = {[STEP_FIRST] = true, [STEP_DONE] = true},
	[STEP_FIRST] = {[STEP_DONE] = true},
};

struct job;

struct item {
	struct job *job;
	struct jetstream_wish wish;
	enum step step;
	uint32_t tries;   /* of this step */
	uint64_t request; /* 0 = none */
	char created[CREATED_SIZE];
};

struct job {
	struct transport *transport;
	struct jetstream_config config;
	struct hash128 slots;
	bool provisions; /* else verifies */
	jetstream_provisioned done;
	void *context;
	struct jetstream_waiter waiter;
	uint32_t shard_count;
	uint32_t item_count, begun, finished, window;
	char cluster[ID_SIZE_MAX + 1], prefix[ID_SIZE_MAX + 1], stream_prefix[ID_SIZE_MAX + 1];
	struct item items[ITEMS_MAX];
};

static int send_step(struct item *item);
static int begin_more(struct job *job);

static void end(struct job *job, int error, const char *text)
{
	const jetstream_provisioned done = job->done;
	void *context = job->context;
	char copy[TEXT_SIZE];

	(void)snprintf(copy, sizeof copy, "%s", text);
	for (uint32_t i = 0; i < job->item_count; i++) {
		if (job->items[i].request != 0)
			job->transport->ops->cancel(job->transport, job->items[i].request);
	}
	jetstream_waiter_close(&job->waiter);
	free(job);
	done(context, error, copy);
}

static void fail(struct item *item, int error, const char *text)
{
	const struct jetstream_name name = jetstream_wish_stream(&item->wish);
	char sentence[TEXT_SIZE];

	(void)snprintf(sentence, sizeof sentence, "stream %s: %s", name.text, text);
	end(item->job, error, sentence);
}

static void go(struct item *item, enum step to)
{
	struct job *job = item->job;
	int rc = 0;

	CHECK_LT(item->step, STEPS);
	CHECK(permitted[item->step][to]);
	CHECK_EQ(item->request, 0);
	item->step = to;
	item->tries = 0;
	if (to != STEP_DONE) {
		rc = send_step(item);
	} else {
		job->finished++;
		if (job->finished == job->item_count) {
			end(job, 0,
			    job->provisions ? "all streams are there"
					    : "all streams are as they must be");
			return;
		}
		rc = begin_more(job);
	}
	if (rc != 0)
		fail(item, rc, err_text(rc));
}

static void paused(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;

	(void)message;
	item->request = 0;
	if (error == SAGA_E_TIMEOUT)
		error = send_step(item);
	if (error != 0)
		fail(item, error, err_text(error));
}

static void again(struct item *item, int error, const char *why)
{
	const uint32_t doublings =
		item->tries < PAUSE_DOUBLINGS_MAX ? item->tries : PAUSE_DOUBLINGS_MAX;
	int rc;

	if (error == SAGA_E_STOPPING || ++item->tries >= TRIES_MAX) {
		fail(item, error, why);
		return;
	}
	rc = jetstream_wait(&item->job->waiter, (uint32_t)PAUSE_MS << doublings, paused, item,
			    &item->request);
	if (rc != 0) {
		item->request = 0;
		fail(item, rc, err_text(rc));
	}
}

/* The parsed answer, or NULL when the trouble has been dealt with. *code = the server's error. */
static json_t *answer_of(struct item *item, int error, const struct transport_message *message,
			 uint32_t *code, const char **why)
{
	uint32_t http = 0;
	json_t *answer;

	if (error != 0) {
		again(item, error, err_text(error));
		return NULL;
	}
	answer = message->status == 0 ? jetstream_parse(message->data) : NULL;
	if (answer == NULL) {
		again(item, SAGA_E_BAD_REPLY, err_text(SAGA_E_BAD_REPLY));
		return NULL;
	}
	*code = jetstream_answer_error(answer, &http, why);
	if (http == 503) { /* no leader yet, or busy */
		again(item, SAGA_E_NATS, *why);
		json_decref(answer);
		return NULL;
	}
	return answer;
}

/* ---- create and look --------------------------------------------------------------------------
 */

/* True when the stream in the answer is the wished one; else the job has ended. */
static bool wished(struct item *item, const json_t *answer)
{
	const char *created = json_string_value(json_object_get(answer, "created"));
	char why[TEXT_SIZE] = "";
	int rc = jetstream_wish_compare(&item->wish, json_object_get(answer, "config"), why,
					sizeof why);

	if (rc == 0 && (created == NULL || strlen(created) >= sizeof item->created)) {
		rc = SAGA_E_BAD_REPLY;
		(void)snprintf(why, sizeof why, "no creation time in the server's answer");
	}
	if (rc == 0) {
		(void)snprintf(item->created, sizeof item->created, "%s", created);
		return true;
	}
	if (rc == SAGA_E_JOURNAL_CONFIG && item->job->provisions)
		rc = SAGA_E_CLUSTER_MISMATCH;
	end(item->job, rc, why);
	return false;
}

static void create_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	const char *why = "";
	uint32_t code = 0;
	json_t *answer;

	item->request = 0;
	answer = answer_of(item, error, message, &code, &why);
	if (answer == NULL)
		return;
	if (code == ACK_STREAM_NAME_IN_USE)
		go(item, STEP_LOOK);
	else if (code == ACK_NO_PEERS)
		again(item, SAGA_E_CONFIG, why); /* a cluster of servers that is still starting */
	else if (code != 0)
		fail(item, code == ACK_SUBJECTS_OVERLAP ? SAGA_E_CLUSTER_MISMATCH : SAGA_E_CONFIG,
		     why);
	else if (wished(item, answer))
		go(item, item->wish.shard == JETSTREAM_COMMANDS ? STEP_DONE : STEP_GENESIS);
	json_decref(answer);
}

static void look_done(struct item *item)
{
	/* When creation was refused the server saw a difference where we see none. */
	if (item->job->provisions)
		fail(item, SAGA_E_CLUSTER_MISMATCH, "is there with another configuration");
	else
		go(item, STEP_DONE);
}

static void look_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	const char *why = "";
	uint32_t code = 0;
	json_t *answer;

	item->request = 0;
	answer = answer_of(item, error, message, &code, &why);
	if (answer == NULL)
		return;
	if (code != 0)
		fail(item, code == ACK_STREAM_NOT_FOUND ? SAGA_E_JOURNAL_MISSING : SAGA_E_NATS,
		     why);
	else if (wished(item, answer))
		look_done(item);
	json_decref(answer);
}

/* ---- the first record -------------------------------------------------------------------------
 */

static struct wire_record_genesis genesis_of(const struct item *item)
{
	return (struct wire_record_genesis){
		.cluster = slice_str(item->wish.cluster),
		.shard = item->wish.shard,
		.shard_count = item->wish.shard_count,
		.slots = item->job->slots,
		.created = slice_str(item->created),
	};
}

static int encode_genesis(const struct item *item, struct buf *out)
{
	const struct wire_record_genesis genesis = genesis_of(item);
	struct batch_header header = {
		.shard = item->wish.shard,
		.record_count = 1,
		.first_record = 1,
		.shard_time = os_clock_wall_ms(), /* S16: shard time begins at Unix time */
	};
	uint8_t memory[GENESIS_SIZE_MAX];
	struct buf record;
	int rc = id_from(&header.cluster, genesis.cluster);

	buf_init_fixed(&record, memory, sizeof memory);
	if (rc == 0)
		rc = wire_encode(WIRE_RECORD_GENESIS, &genesis, &record);
	if (rc == 0)
		rc = batch_encode(&header, buf_slice(&record), out);
	return rc;
}

static void genesis_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	const struct jetstream_name name = jetstream_wish_stream(&item->wish);
	struct ack ack = {.status = JOURNAL_UNKNOWN};

	item->request = 0;
	if (error == 0 && message->status == 0)
		ack = ack_read(message->data, name.text, 0);
	if (ack.broken)
		fail(item, SAGA_E_INTERNAL, "the server does not keep the fence");
	else if (ack.status == JOURNAL_STORED)
		go(item, STEP_DONE);
	else if (ack.status == JOURNAL_REFUSED)
		go(item, STEP_FIRST); /* an earlier try, or somebody else's */
	else
		again(item, error != 0 ? error : SAGA_E_UNKNOWN, "GENESIS was not acknowledged");
}

/* 0 when the batch is the GENESIS that this item would write, whenever it was written. */
static int compare_genesis(const struct item *item, struct slice bytes)
{
	const struct wire_record_genesis want = genesis_of(item);
	struct wire_record_genesis is;
	struct batch_header header;
	struct slice record;
	struct arena none;

	arena_init(&none, NULL, 0);
	if (batch_decode(bytes, &header, &record) != 0 ||
	    wire_decode(WIRE_RECORD_GENESIS, record, &none, &is, NULL) != 0)
		return SAGA_E_JOURNAL_CORRUPT;
	if (!slice_equal(is.cluster, want.cluster) || is.shard != want.shard ||
	    !slice_equal(is.created, want.created))
		return SAGA_E_JOURNAL_FOREIGN;
	if (is.shard_count != want.shard_count || !hash128_equal(&is.slots, &want.slots))
		return SAGA_E_CLUSTER_MISMATCH;
	return 0;
}

static void first_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	const char *why = "", *data;
	struct buf payload;
	uint32_t code = 0;
	json_t *answer;
	int rc;

	item->request = 0;
	answer = answer_of(item, error, message, &code, &why);
	if (answer == NULL)
		return;
	buf_init(&payload, JETSTREAM_MESSAGE_SIZE_MAX);
	data = json_string_value(json_object_get(json_object_get(answer, "message"), "data"));
	if (code != 0) {
		fail(item, SAGA_E_CLUSTER_MISMATCH, why);
	} else {
		rc = base64_decode(slice_str(data != NULL ? data : ""), &payload);
		if (rc == 0)
			rc = compare_genesis(item, buf_slice(&payload));
		if (rc == 0)
			go(item, STEP_DONE);
		else
			fail(item, rc, "its first record is not this cluster's");
	}
	buf_close(&payload);
	json_decref(answer);
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static int ask(struct item *item, const char *verb, struct slice body, transport_completion done)
{
	struct transport *t = item->job->transport;
	const struct jetstream_name name = jetstream_wish_stream(&item->wish);
	const struct jetstream_api api = jetstream_api(verb, name.text, NULL);

	return t->ops->request(t, api.text, NULL, 0, body, REQUEST_TIMEOUT_MS, done, item,
			       &item->request);
}

static int send_create(struct item *item)
{
	json_t *config = jetstream_wish_config(&item->wish);
	char *text = config != NULL ? json_dumps(config, JSON_COMPACT) : NULL;
	int rc = SAGA_E_NO_MEMORY;

	if (text != NULL)
		rc = ask(item, "STREAM.CREATE", slice_str(text), create_answered);
	free(text);
	json_decref(config);
	return rc;
}

static int send_genesis(struct item *item)
{
	const struct transport_header fence = {"Nats-Expected-Last-Sequence", "0"};
	const struct subject subject =
		subject_journal(item->job->config.prefix, item->wish.shard, 0);
	struct transport *t = item->job->transport;
	struct buf bytes;
	int rc;

	buf_init(&bytes, GENESIS_SIZE_MAX);
	rc = encode_genesis(item, &bytes);
	if (rc == 0)
		rc = t->ops->request(t, subject.text, &fence, 1, buf_slice(&bytes),
				     REQUEST_TIMEOUT_MS, genesis_answered, item, &item->request);
	buf_close(&bytes);
	return rc;
}

static int send_step(struct item *item)
{
	int rc;

	CHECK_EQ(item->request, 0);
	switch (item->step) {
	case STEP_CREATE:
		rc = send_create(item);
		break;
	case STEP_LOOK:
		rc = ask(item, "STREAM.INFO", slice_of(NULL, 0), look_answered);
		break;
	case STEP_GENESIS:
		rc = send_genesis(item);
		break;
	case STEP_FIRST:
		rc = ask(item, "STREAM.MSG.GET", slice_str("{\"seq\":1}"), first_answered);
		break;
	case STEP_DONE:
	case STEPS:
	default:
		CHECK(false);
		rc = SAGA_E_INTERNAL;
	}
	if (rc != 0)
		item->request = 0;
	return rc;
}

static int begin_more(struct job *job)
{
	while (job->begun < job->item_count && job->begun - job->finished < job->window) {
		const int rc = send_step(&job->items[job->begun]);

		if (rc != 0)
			return rc;
		job->begun++;
	}
	return 0;
}

/* ---- beginning --------------------------------------------------------------------------------
 */

static struct job *job_create(struct transport *transport, const struct jetstream_config *config,
			      const struct jetstream_wish *wish, jetstream_provisioned done,
			      void *context)
{
	struct job *job = calloc(1, sizeof *job);

	if (job == NULL)
		return NULL;
	job->transport = transport;
	job->config = *config;
	job->done = done;
	job->context = context;
	job->shard_count = wish->shard_count;
	job->item_count = wish->shard_count + 1;
	/* The caller's strings need not live as long as the job. */
	(void)snprintf(job->cluster, sizeof job->cluster, "%s", wish->cluster);
	(void)snprintf(job->prefix, sizeof job->prefix, "%s", config->prefix);
	(void)snprintf(job->stream_prefix, sizeof job->stream_prefix, "%s", config->stream_prefix);
	job->config.cluster = job->cluster;
	job->config.prefix = job->prefix;
	job->config.stream_prefix = job->stream_prefix;
	jetstream_waiter_init(&job->waiter, transport);
	for (uint32_t i = 0; i < job->item_count; i++) {
		struct item *item = &job->items[i];

		item->job = job;
		item->wish = *wish;
		item->wish.config = &job->config;
		item->wish.cluster = job->cluster;
		item->wish.shard = i < wish->shard_count ? i : JETSTREAM_COMMANDS;
	}
	return job;
}

/* Sends for the first item only: `done` may not run inside this call, and the answer to the first
 * brings the others along. */
static int job_begin(struct job *job, enum step step)
{
	int rc;

	for (uint32_t i = 0; i < job->item_count; i++)
		job->items[i].step = step;
	job->window = job->items[0].wish.replicas == 1 || step == STEP_LOOK ? WINDOW_ALONE
									    : WINDOW_REPLICAS;
	rc = send_step(&job->items[0]);
	if (rc != 0) {
		jetstream_waiter_close(&job->waiter);
		free(job);
		return rc;
	}
	job->begun = 1;
	return 0;
}

int jetstream_provision(struct transport *transport, const struct jetstream_config *config,
			const struct jetstream_provision *what, jetstream_provisioned done,
			void *context)
{
	const struct jetstream_wish wish = {
		.cluster = what->cluster,
		.shard_count = what->shard_count,
		.replicas = what->replicas,
		.command_age_ms = what->command_age_ms,
	};
	struct jetstream_config own = *config;
	struct job *job;
	int rc;

	own.cluster = what->cluster;
	rc = jetstream_check_config(&own);
	if (rc != 0)
		return rc;
	if (what->shard_count < 1 || what->shard_count > WIRE_SHARDS_MAX || what->replicas < 1 ||
	    what->replicas > 5 || what->command_age_ms == 0)
		return SAGA_E_RANGE;
	job = job_create(transport, &own, &wish, done, context);
	if (job == NULL)
		return SAGA_E_NO_MEMORY;
	job->provisions = true;
	job->slots = what->slots;
	return job_begin(job, STEP_CREATE);
}

int jetstream_verify(struct transport *transport, const struct jetstream_config *config,
		     uint32_t shard_count, jetstream_provisioned done, void *context)
{
	const struct jetstream_wish wish = {
		.cluster = config->cluster,
		.shard_count = shard_count,
		.replicas = config->replicas,
	};
	struct job *job;
	const int rc = jetstream_check_config(config);

	if (rc != 0)
		return rc;
	if (shard_count < 1 || shard_count > WIRE_SHARDS_MAX)
		return SAGA_E_RANGE;
	job = job_create(transport, config, &wish, done, context);
	if (job == NULL)
		return SAGA_E_NO_MEMORY;
	return job_begin(job, STEP_LOOK);
}
