/* Asks owners by itself, for the record numbers in their answers (29, 30, S2). */
#include <nats/nats.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "tests/judge/real/recorder_parts.h"
#include "wire/codec.h"
#include "wire/subject.h"

enum { ANSWER_MS = 2000, ARENA_SIZE = 64 * 1024 };

struct recorder_probe {
	struct recorder *recorder;
	natsConnection *connection;
	pthread_t thread;
	uint32_t pause_ms;
	pthread_mutex_t mutex;
	pthread_cond_t stopped;
	bool stop; /* under the mutex */
	uint8_t arena[ARENA_SIZE];
};

/* The next one that somebody has asked about: before that there is nothing to see. */
static bool choose(struct recorder *r, uint32_t number, struct id *id, uint32_t *saga,
		   uint32_t *shard)
{
	bool found = false;

	(void)recorder_lock(r);
	if (r->live.request_count > 0) {
		*saga = r->live.requests[number % r->live.request_count].saga;
		*id = r->live.sagas[*saga].id;
		*shard = r->live.sagas[*saga].shard;
		found = true;
	}
	recorder_unlock(r);
	return found;
}

static void take_answer(struct recorder *r, uint32_t request, const struct wire_answer *wire)
{
	struct history_answer *answer = recorder_add_answer(r, request, recorder_lock(r));

	answer->epoch = wire->epoch;
	answer->record_number = wire->record_number;
	answer->code = wire->code;
	answer->state = wire->state;
	answer->shard = wire->shard;
	answer->decision = wire->decision;
	answer->heuristics = wire->heuristics;
	recorder_unlock(r);
}

static void ask(struct recorder_probe *probe, uint32_t number)
{
	struct wire_query query = {.wait = number % 2 == 1};
	struct recorder_ask about = {.kind = query.wait ? HISTORY_WAIT_QUERY : HISTORY_QUERY,
				     .step = HISTORY_NONE};
	uint8_t memory[512];
	struct subject subject;
	struct wire_answer wire;
	struct arena arena;
	struct buf bytes;
	struct id id;
	natsMsg *reply = NULL;
	uint32_t shard, request;

	if (!choose(probe->recorder, number * 7919, &id, &about.saga, &shard))
		return;
	query.id = id_slice(&id);
	buf_init_fixed(&bytes, memory, sizeof memory);
	CHECK_EQ(wire_encode(WIRE_QUERY, &query, &bytes), 0);
	subject = subject_shard(probe->recorder->options.prefix, shard, SUBJECT_QUERY,
				slice_str("default"));
	request = recorder_asked(probe->recorder, &about);
	if (natsConnection_Request(&reply, probe->connection, subject.text, bytes.data,
				   (int)bytes.size, ANSWER_MS) != NATS_OK)
		return; /* between two owners, say: nobody has answered */
	arena_init(&arena, probe->arena, ARENA_SIZE);
	if (wire_decode(WIRE_ANSWER,
			slice_of(natsMsg_GetData(reply), (uint32_t)natsMsg_GetDataLength(reply)),
			&arena, &wire, NULL) == 0)
		take_answer(probe->recorder, request, &wire);
	natsMsg_Destroy(reply);
}

/* False: it is over. */
static bool rest(struct recorder_probe *probe)
{
	struct timespec until;
	bool stop;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)probe->pause_ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_mutex_lock(&probe->mutex);
	while (!probe->stop && pthread_cond_timedwait(&probe->stopped, &probe->mutex, &until) == 0)
		continue;
	stop = probe->stop;
	(void)pthread_mutex_unlock(&probe->mutex);
	return !stop;
}

static void *run(void *argument)
{
	struct recorder_probe *probe = argument;
	uint32_t number = 0;

	do
		ask(probe, number++);
	while (rest(probe));
	return NULL;
}

bool recorder_probe(struct recorder *r, uint32_t pause_ms, char *why, uint32_t size)
{
	struct recorder_probe *probe = calloc(1, sizeof *probe);
	natsStatus status;

	CHECK(probe != NULL);
	status = natsConnection_ConnectTo(&probe->connection, r->options.nats_url);
	probe->recorder = r;
	probe->pause_ms = pause_ms;
	(void)pthread_mutex_init(&probe->mutex, NULL);
	(void)pthread_cond_init(&probe->stopped, NULL);
	if (status == NATS_OK && pthread_create(&probe->thread, NULL, run, probe) == 0) {
		r->probe = probe;
		return true;
	}
	(void)snprintf(why, size, "cannot ask: %s", natsStatus_GetText(status));
	natsConnection_Destroy(probe->connection);
	free(probe);
	return false;
}

void recorder_probe_stop(struct recorder *r)
{
	struct recorder_probe *probe = r->probe;

	if (probe == NULL)
		return;
	r->probe = NULL;
	(void)pthread_mutex_lock(&probe->mutex);
	probe->stop = true;
	(void)pthread_cond_signal(&probe->stopped);
	(void)pthread_mutex_unlock(&probe->mutex);
	(void)pthread_join(probe->thread, NULL);
	natsConnection_Destroy(probe->connection);
	(void)pthread_cond_destroy(&probe->stopped);
	(void)pthread_mutex_destroy(&probe->mutex);
	free(probe);
}
