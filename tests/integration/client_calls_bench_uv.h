/* What the tests of the client half of libsaga share: a connection to a broker, a scripted owner
 * that notes what it gets, and callbacks that note what they are told. */
#ifndef SAGAD_TESTS_INTEGRATION_CLIENT_CALLS_BENCH_UV_H
#define SAGAD_TESTS_INTEGRATION_CLIENT_CALLS_BENCH_UV_H

#include <pthread.h>

#include "tests/integration/client_owner_uv.h"

struct ids;

enum { REQUESTS_MAX = 64 };

/* What the owner got, and what callbacks told. */
struct bench {
	struct owner owner;
	struct saga_connection *connection;
	struct saga_definition *definition;
	uint32_t count; /* requests */
	struct owner_request requests[REQUESTS_MAX];
	struct hash128 hashes[REQUESTS_MAX]; /* of their bytes */
	uint64_t times_ms[REQUESTS_MAX];
	int step; /* the script's */
	struct ids *ids;
};

/* Callbacks run on the connection's thread. */
struct told {
	pthread_mutex_t mutex;
	int accepted, finished; /* how often */
	int accepted_error, finished_error;
	struct saga_status status;
};
#define TOLD_INIT                                                                                  \
	{                                                                                          \
		.mutex = PTHREAD_MUTEX_INITIALIZER                                                 \
	}

bool told_ended(struct told *told, bool finished);
void calls_note(struct bench *bench, const struct owner_request *request);
int calls_setup(void **state);
int calls_teardown(void **state);
void calls_submit(struct bench *bench, const char *id, uint32_t timeout_ms, bool wait,
		  struct told *told);
void calls_script_accept(struct owner *owner, const struct owner_request *request);
void calls_script_silent(struct owner *owner, const struct owner_request *request);
/* Accepts, and says at once how it went: compensated. */
void calls_script_finish(struct owner *owner, const struct owner_request *request);

#endif
