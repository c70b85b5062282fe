/* Making the streams of a new cluster, and checking those of an old one.
 *
 * Each stream is one item; a few items are worked on at a time (a cluster of servers takes half a
 * second to make one, and 64 at once time out). An item walks
 *
 *   create --> delete --> create --> genesis --> done   a journal, on a lone server
 *     | | |                   `--> done                   the other streams, on a lone server
 *     | | `---------------------------> genesis           a journal, on a cluster of servers
 *     | `-----------------------------> first --> done    something is there already: our GENESIS
 *     `--> look                                           the name is taken: says what differs
 *   look --> done                                         verification
 *
 * Why an empty stream is deleted: a lone server that is killed between the two files of a new
 * stream's metadata does not find the stream when it starts again. Creation then takes up the
 * folder, under a new creation time, but leaves the metadata as they are: the stream works, and is
 * gone after the next start. Only a deletion removes the folder, and whether there was one nobody
 * tells us (docs/decisions/0002). A cluster of servers keeps its streams in a log of its own.
 *
 * A journal with our GENESIS but another creation time is one that was lost and made again. Nobody
 * can have served it (S7), so if there is nothing else in it, it is made anew as well:
 *
 *   first --> inspect --> delete --> create
 *
 * An item whose answer does not come begins anew: the server may have lost the stream meanwhile.
 * All of it may be repeated: creation is idempotent, GENESIS is fenced at 0, and what is deleted
 * nobody can have used. GENESIS with the right creation time says that its stream is whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "journal/jetstream_item_jansson.h"

enum {
	WINDOW_ALONE = 16,   /* items at a time with one replica */
	WINDOW_REPLICAS = 4, /* and with more */
	TRIES_MAX = 12,      /* some 15 s: servers that start take 4-9 s to elect a leader */
	PAUSE_MS = 100,
	PAUSE_DOUBLINGS_MAX = 4,
};

static const bool permitted[STEPS][STEPS] = {
	[STEP_CREATE] = {[STEP_LOOK] = true,
			 [STEP_DELETE] = true,
			 [STEP_GENESIS] = true,
			 [STEP_FIRST] = true,
			 [STEP_DONE] = true},
	[STEP_LOOK] = {[STEP_DONE] = true},
	[STEP_DELETE] = {[STEP_CREATE] = true},
	[STEP_GENESIS] = {[STEP_FIRST] = true, [STEP_DONE] = true},
	[STEP_FIRST] = {[STEP_INSPECT] = true, [STEP_DONE] = true},
	[STEP_INSPECT] = {[STEP_DELETE] = true},
};

static int begin_more(struct job *job);

void job_end(struct job *job, int error, const char *text)
{
	const jetstream_provisioned done = job->done;
	void *context = job->context;
	char copy[JETSTREAM_TEXT_SIZE];

	(void)snprintf(copy, sizeof copy, "%s", text);
	for (uint32_t i = 0; i < job->item_count; i++) {
		if (job->items[i].request != 0)
			job->transport->ops->cancel(job->transport, job->items[i].request);
	}
	jetstream_waiter_close(&job->waiter);
	free(job);
	done(context, error, copy);
}

void item_fail(struct item *item, int error, const char *text)
{
	const struct jetstream_name name = jetstream_wish_stream(&item->wish);
	char sentence[JETSTREAM_TEXT_SIZE];

	(void)snprintf(sentence, sizeof sentence, "stream %s: %s", name.text, text);
	item_wrong(item, error, sentence);
}

void item_wrong(struct item *item, int error, const char *sentence)
{
	struct job *job = item->job;

	if (job->provisions || err_class(error) == ERR_CLASS_RETRY) {
		job_end(job, error, sentence);
		return;
	}
	job->wrong(job->context, item->wish.shard, error, sentence);
	item_go(item, STEP_DONE);
}

void item_go(struct item *item, enum step to)
{
	struct job *job = item->job;
	int rc = 0;

	CHECK_LT(item->step, STEPS);
	CHECK(permitted[item->step][to]);
	CHECK_EQ(item->request, 0);
	item->step = to;
	if (to > item->furthest) {
		item->furthest = to;
		item->tries = 0;
	}
	if (to != STEP_DONE) {
		rc = item_send(item);
	} else {
		job->finished++;
		if (job->finished == job->item_count) {
			job_end(job, 0,
				job->provisions ? "all streams are there"
						: "all streams were looked at");
			return;
		}
		rc = begin_more(job);
	}
	if (rc != 0)
		item_fail(item, rc, err_text(rc));
}

static void paused(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;

	(void)message;
	item->request = 0;
	if (error == SAGA_E_TIMEOUT)
		error = item_send(item);
	if (error != 0)
		item_fail(item, error, err_text(error));
}

void item_again(struct item *item, int error, const char *why)
{
	const uint32_t doublings =
		item->tries < PAUSE_DOUBLINGS_MAX ? item->tries : PAUSE_DOUBLINGS_MAX;
	int rc;

	if (error == SAGA_E_STOPPING || ++item->tries >= TRIES_MAX) {
		item_fail(item, error, why);
		return;
	}
	if (item->job->provisions)
		item->step = STEP_CREATE;
	item->deleted = false;
	rc = jetstream_wait(&item->job->waiter, (uint32_t)PAUSE_MS << doublings, paused, item,
			    &item->request);
	if (rc != 0) {
		item->request = 0;
		item_fail(item, rc, err_text(rc));
	}
}

/* The inbox may be made anew, and has nothing that tells whose it was: so it comes when all else
 * was found right, and not beside something that is about to be refused. */
static bool may_begin(const struct job *job)
{
	if (job->begun + 1 == job->item_count && job->provisions)
		return job->finished == job->begun;
	return job->begun < job->item_count && job->begun - job->finished < job->window;
}

static int begin_more(struct job *job)
{
	while (may_begin(job)) {
		const int rc = item_send(&job->items[job->begun]);

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
	job->item_count = wish->shard_count + 2;
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
		item->wish.shard =
			i < wish->shard_count ? i : JETSTREAM_COMMANDS + i - wish->shard_count;
	}
	return job;
}

/* Sends for the first item only: `done` may not run inside this call, and the answer to the first
 * brings the others along. */
static int job_begin(struct job *job, enum step step)
{
	int rc;

	for (uint32_t i = 0; i < job->item_count; i++)
		job->items[i].step = job->items[i].furthest = step;
	job->window = job->items[0].wish.replicas == 1 || step == STEP_LOOK ? WINDOW_ALONE
									    : WINDOW_REPLICAS;
	rc = item_send(&job->items[0]);
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
		     uint32_t shard_count, jetstream_wrong wrong, jetstream_provisioned done,
		     void *context)
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
	job->wrong = wrong;
	return job_begin(job, STEP_LOOK);
}
