/* Many sagas on their way, a bounded number at a time, each until it is final: sent again with the
 * same id when nobody knows what became of it.
 *
 * libsaga's callbacks, on its own thread, only note what they were told, under one lock; load_send
 * and all else belong to the main thread.
 */
#ifndef SAGAD_EXAMPLES_COMMON_LOAD_H
#define SAGAD_EXAMPLES_COMMON_LOAD_H

#include <pthread.h>
#include <saga.h>

enum load_phase {
	LOAD_WAITING, /* to be sent (again) at `due_ms` */
	LOAD_SENT,    /* not answered yet */
	LOAD_OPEN,    /* accepted */
	LOAD_FINAL,
	LOAD_REFUSED, /* for good */
};

struct load;
struct load_saga {
	struct load *load;
	const struct saga_definition *definition;
	char id[SAGA_ID_SIZE];
	char *input; /* freed by load_close */
	size_t input_size;
	enum load_phase phase;
	bool accepted;
	enum saga_state state;
	enum saga_reason reason;
	uint32_t shard;
	uint64_t due_ms, first_sent_ms, final_ms; /* monotonic */
	int error;                                /* the last one */
};

/* Somebody who wants to know what is asked and what is told, as it happens. */
struct load_watch {
	/* Before it leaves; on the main thread, without the lock. */
	void (*sent)(void *context, const struct load_saga *saga);
	/* Accepted, final, or why not; on libsaga's thread, without the lock. */
	void (*told)(void *context, const struct load_saga *saga, int error,
		     const struct saga_status *status);
	void *context;
};

struct load {
	struct saga_connection *connection;
	uint32_t in_flight;  /* at most */
	uint32_t per_second; /* new ones, evenly from started_ms on; 0 = as many as may be in flight
			      */
	uint32_t deadline_ms; /* 0 = the definition's */
	uint64_t retry_until_unix_ms;
	uint64_t started_ms, ended_ms; /* for load_measure */
	/* Called under the lock when one has become final; may be NULL. */
	void (*on_final)(void *context, struct load_saga *saga);
	void *context;
	struct load_watch watch; /* or zeroed */

	pthread_mutex_t lock; /* of all that follows */
	struct load_saga *sagas;
	uint32_t count;
	uint32_t sent, open, final, refused;
	uint32_t begun; /* sent at least once; they are the first ones */
	uint32_t ended; /* those below it are final or refused: nothing to look for */
	uint32_t completed, compensated, for_deadline;
};

/* Room for so many; false = no memory. Then fill id, input and definition of `count` sagas. */
bool load_init(struct load *load, uint32_t capacity);
/* Connects; 0 or a code. */
int load_open(struct load *load, const char *url, const char *name,
	      void (*log)(void *context, int level, const char *text), void *log_context);
void load_close(struct load *load);

void load_send(struct load *load); /* as many as are due and may be in flight */
bool load_done(struct load *load); /* all are final, or refused for good */
uint32_t load_count_final(struct load *load);
/* Open ones, as far as they have told us; the caller holds the lock. */
uint32_t load_open_on_shard(const struct load *load, uint32_t shard);
/* Asks what has become of one that is not final; false = nobody says. */
bool load_ask(struct load *load, const struct load_saga *saga, struct saga_status *status);

/* {"id":"...","accepted":"yes|no|unknown","outcome":"..."} a line: what clients were told. */
bool load_answers_write(struct load *load, const char *path);

struct load_figures {
	uint64_t p50_ms, p99_ms;
	double rate;
};
struct load_figures load_measure(const struct load *load);

#endif
