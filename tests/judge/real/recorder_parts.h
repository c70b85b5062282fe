/* What the recorder's files share. */
#ifndef SAGAD_TESTS_JUDGE_REAL_RECORDER_PARTS_H
#define SAGAD_TESTS_JUDGE_REAL_RECORDER_PARTS_H

#include <pthread.h>

#include "base/id.h"
#include "tests/judge/real/recorder.h"

/* A command as the tap heard it. */
struct recorder_heard {
	uint64_t at_ns, epoch, input;
	uint32_t shard, op, attempt;
	struct id saga, step;
};

struct recorder_ledger {
	uint32_t service;
	char file[1024];
};

/* An account of a ledger, in the order of history->accounts. */
struct recorder_account {
	char name[ID_SIZE_MAX + 1];
	uint32_t service;
};

struct recorder_tap;   /* recorder_nats.c */
struct recorder_probe; /* recorder_probe_nats.c */

enum { RECORDER_LEDGERS_MAX = 64 };

struct recorder {
	struct recorder_options options;
	char source[128];
	struct recorder_tap *tap;
	struct recorder_probe *probe;
	struct recorder_ledger ledgers[RECORDER_LEDGERS_MAX];
	uint32_t ledger_count;

	pthread_mutex_t mutex; /* of all that follows */
	uint64_t stamped_ns;   /* the last time given: they rise */
	/* What was told while it happened; `order` is ns in all of it. */
	struct history live;
	struct recorder_heard *heard;
	uint32_t heard_count, heard_capacity;
	bool deaf; /* the tap was without its broker */

	/* One thread's. */
	struct history history; /* all of it */
	struct recorder_account *accounts;
	uint32_t account_count, account_capacity;
};

/* Holds the mutex until recorder_unlock; returns the time, which rises. */
uint64_t recorder_lock(struct recorder *r);
void recorder_unlock(struct recorder *r);
static inline uint64_t recorder_ms(uint64_t ns)
{
	return ns / 1000000;
}
/* Room for one more element of an array, zeroed. */
void *recorder_grow(void *array, uint32_t count, uint32_t *capacity, size_t size);
uint32_t recorder_service(struct recorder *r, struct slice name); /* under the mutex */
uint32_t recorder_account_number(struct recorder *r, uint32_t service, const char *name);

/* An answer with its record; under the mutex. */
struct history_answer *recorder_add_answer(struct recorder *r, uint32_t request, uint64_t now_ns);

/* recorder_collect.c: what the tap heard, behind the effects. */
void recorder_add_commands(struct recorder *r, struct history *h);

/* recorder_nats.c. False: `why`. */
bool recorder_tap_open(struct recorder *r, char *why, uint32_t size);
void recorder_tap_close(struct recorder_tap *tap); /* NULL is fine */
bool recorder_read_journals(struct recorder *r, struct history *h, char *why, uint32_t size);
/* recorder_sqlite.c: adds the ledger's effects, each with its own time. */
bool recorder_read_ledger(struct recorder *r, const struct recorder_ledger *ledger,
			  struct history *h, char *why, uint32_t size);

#endif
