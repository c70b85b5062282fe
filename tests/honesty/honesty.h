/* Are the models of the simulator honest? Scripts of a few operations run against real servers,
 * through the product's own adapters, and against the models, through the same interfaces, with
 * many seeds. What was seen of a script for real must be among what the model shows.
 *
 * A script is a text of statements, separated by ';'. The clients are p and q, each with its own
 * connection:
 *
 *   p append a 1     text "a", fenced at 1; at * = unfenced
 *   p read 1 -       from 1 to the end
 *   p grant 2 A      a lease of 2 s, called A by everybody
 *   p renew A; p revoke A; p range; p create k v [A]; p swap k v; p remove k
 *                    swap and remove compare with what p last knew of k
 *   p watch; p hint 500           has the watch said something since last time?
 *   p look; p seek 1; p purge 2   of the inbox; seek reads the first entry from there on
 *   p leave x                     an entry for the inbox
 *   p put m; p pull 500; p ack m; p nak m; p progress m; age 500; consumer
 *                    the stream of commands; pull waits for a message, at most so long
 *   ... &            does not wait for the end of it; `wait` does, for all of them
 *   sleep 500
 *
 * What only happens to real servers, for a model has chances of its own:
 *   stop, go, kill, start         the server
 *   stepdown                      its leader hands over
 *   p mute, p hold, p pass, p cut the connection: answers swallowed, everything held back,
 *                                 as always, broken
 *   p up, p down                  waits until the client has noticed
 *   damage <how>                  beyond the model: purge, remake, roll
 *
 * The outcome is a text, too: what each operation said, in the order of the script. Revisions are
 * told by their rank. */
#ifndef SAGAD_TESTS_HONESTY_HONESTY_H
#define SAGAD_TESTS_HONESTY_HONESTY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "journal/inbox.h"
#include "journal/journal.h"
#include "lease/lease.h"

enum {
	STAGE_CLIENTS = 2,
	OUTCOME_SIZE = 1024,
	PLAY_RESULTS = 32,
	PLAY_PATIENCE_MS = 60000, /* far above anything expected */
};

/* What a script needs. */
enum script_subject { OF_JOURNAL, OF_STORE, OF_INBOX, OF_QUEUE, OF_JOURNAL_CLUSTER };

struct script {
	const char *name;
	enum script_subject subject;
	uint32_t rounds; /* for real; 0 = 1: nothing of it is left to chance */
	bool beyond;     /* the model is to lose what it had acknowledged */
	const char *text;
};
extern const struct script scripts[];
extern const uint32_t script_count;

/* The stream of commands, as a service uses it. Calls end through struct queue_events. */
struct queue;
struct queue_events {
	void (*put)(void *context, bool stored);
	/* NULL: nothing came. `delivery`: how often it was delivered by now. */
	void (*pulled)(void *context, const char *text, uint64_t delivery);
	void *context;
};
struct queue_ops {
	int (*put)(struct queue *q, const char *text);
	int (*pull)(struct queue *q, uint32_t wait_ms);
	void (*say)(struct queue *q, const char *text, const char *word); /* "+ACK", "-NAK" */
};
struct queue {
	const struct queue_ops *ops;
};

struct play;
/* One end of a client: where the events of its interfaces go. */
struct stage_end {
	struct play *play; /* NULL: between two of them */
	uint32_t client, hints;
};

struct stage;
struct stage_ops {
	/* Another play: a journal of its own with nothing but GENESIS, keys of its own. */
	void (*begin)(struct stage *stage, const struct script *script);
	/* Lets time pass until *done, or for so long: false. `done` may be NULL. */
	bool (*run)(struct stage *stage, const bool *done, uint32_t ms);
	/* What a script does to servers and connections. */
	void (*act)(struct stage *stage, uint32_t client, const char *verb, const char *word);
	int (*leave)(struct stage *stage, uint32_t client, const char *text);
	void (*end)(struct stage *stage);
};
struct stage {
	const struct stage_ops *ops;
	struct stage_end ends[STAGE_CLIENTS];
	struct journal *journals[STAGE_CLIENTS];
	struct lease *stores[STAGE_CLIENTS];
	struct inbox *inboxes[STAGE_CLIENTS];
	struct queue *queues[STAGE_CLIENTS];
	uint32_t shard;
	char prefix[32];     /* of keys */
	uint64_t inbox_base; /* what the inbox held before */
};

/* What the interfaces told, for `end`. */
struct journal_events stage_journal_events(struct stage_end *end);
struct inbox_events stage_inbox_events(struct stage_end *end);
struct queue_events stage_queue_events(struct stage_end *end);
void stage_hint(void *end);

/* Runs a script to its end. Exits loudly when it cannot be understood, or something never ends. */
void play_run(struct stage *stage, const struct script *script, char outcome[OUTCOME_SIZE]);

/* Sets of outcomes. */
struct outcomes {
	struct outcome {
		char text[OUTCOME_SIZE];
		uint32_t times;
	} * all;
	uint32_t count, capacity;
};
void outcomes_add(struct outcomes *o, const char *text);
bool outcomes_have(const struct outcomes *o, const char *text);
void outcomes_print(const struct outcomes *o, const char *title, uint32_t most);
void outcomes_close(struct outcomes *o);

/* The models. */
struct stage *stage_model_open(void);
void stage_model_seed(struct stage *stage, uint64_t seed);
void stage_model_be_kind(struct stage *stage); /* nothing ever fails: what must be seen */
void stage_model_close(struct stage *stage);

/* Real servers, on loopback. */
struct stage *stage_nats_open(uint32_t servers);
void stage_nats_close(struct stage *stage);
struct stage *stage_etcd_open(void);
void stage_etcd_close(struct stage *stage);

#endif
