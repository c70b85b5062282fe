/* One stream's way through initialisation or verification: what jetstream_admin_jansson.c (which
 * walks) and jetstream_steps_jansson.c (which asks and judges) share. */
#ifndef SAGAD_JOURNAL_JETSTREAM_ITEM_JANSSON_H
#define SAGAD_JOURNAL_JETSTREAM_ITEM_JANSSON_H

#include "base/id.h"
#include "journal/jetstream_jansson.h"

enum {
	JETSTREAM_CREATED_SIZE = 64,
	JETSTREAM_TEXT_SIZE = 512,
	JETSTREAM_ITEMS_MAX = WIRE_SHARDS_MAX + 2,
};

/* In the order of their progress. */
enum step {
	STEP_CREATE,
	STEP_LOOK,
	STEP_DELETE,
	STEP_GENESIS,
	STEP_FIRST,
	STEP_INSPECT,
	STEP_DONE,
	STEPS,
};

struct job;

struct item {
	struct job *job;
	struct jetstream_wish wish;
	enum step step, furthest;
	uint32_t tries; /* since it got further than ever before */
	uint32_t renewals;
	bool deleted;     /* just before: creation finds nothing of an earlier one */
	uint64_t request; /* 0 = none */
	char created[JETSTREAM_CREATED_SIZE];
};

struct job {
	struct transport *transport;
	struct jetstream_config config;
	struct hash128 slots;
	bool provisions;       /* else verifies */
	jetstream_wrong wrong; /* of a verification */
	jetstream_provisioned done;
	void *context;
	struct jetstream_waiter waiter;
	uint32_t shard_count;
	uint32_t item_count, begun, finished, window;
	char cluster[ID_SIZE_MAX + 1], prefix[ID_SIZE_MAX + 1], stream_prefix[ID_SIZE_MAX + 1];
	struct item items[JETSTREAM_ITEMS_MAX];
};

/* These may end the job: neither it nor its items are there afterwards. */
void item_fail(struct item *item, int error, const char *text);
/* As item_fail with the whole sentence; but a verification tells it and goes on with the others,
 * unless it may pass by itself. */
void item_wrong(struct item *item, int error, const char *sentence);
void item_go(struct item *item, enum step to);
/* Waits a little, then begins the item anew. */
void item_again(struct item *item, int error, const char *why);
void job_end(struct job *job, int error, const char *text);

/* Sends the request of the item's step. */
int item_send(struct item *item) MUST_CHECK;

#endif
