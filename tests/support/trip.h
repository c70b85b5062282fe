/* A cluster with three scripted services a, b, c and the saga a -> b -> c over them, and questions
 * to the services' databases: what the integration tests have in common. */
#ifndef SAGAD_TESTS_SUPPORT_TRIP_H
#define SAGAD_TESTS_SUPPORT_TRIP_H

#include "base/buf.h"
#include "client/include/saga.h"
#include "tests/support/launcher.h"

enum { TRIP_STEPS = 3 };

struct trip {
	struct cluster *cluster;
	struct saga_connection *connection;
	struct saga_definition *definition;
	uint64_t next_id;
	uint32_t shards;
};

/* Fails the running cmocka test with the launcher's words when something does not start. */
void trip_open(struct trip *t, const struct cluster_options *options);
void trip_options(struct cluster_options *options); /* three nodes, short times */
/* Also has the journals judged (journal_check.h). */
void trip_close(struct trip *t);
/* All steps by "durable" or "direct" delivery from now on, an attempt being given up after
 * `timeout`. At the begin: "durable", "2s". */
void trip_deliver(struct trip *t, const char *delivery, const char *timeout);
void trip_service_start(struct trip *t, uint32_t step); /* service of step 0..2 */
/* The same on streams whose names begin with that: there are none. NULL = the cluster's. */
void trip_service_start_on(struct trip *t, uint32_t step, const char *stream_prefix);
const char *trip_service_name(uint32_t step); /* "svc-a" */

/* Another definition from now on, in YAML. */
void trip_define(struct trip *t, const char *yaml);
/* Submits with this script as input; `id` gets the saga's id. */
void trip_submit(struct trip *t, const char *script, char id[SAGA_ID_SIZE]);
/* A submit of the same saga as bytes, into `out` (cleared first), for who sends it past libsaga. */
void trip_encode_submit(const char *id, const char *script, uint64_t retry_until_at,
			struct buf *out);
/* Submits and waits for the end; fails the test when that takes too long. */
enum saga_state trip_run(struct trip *t, const char *script, char id[SAGA_ID_SIZE]);
enum saga_state trip_wait(struct trip *t, const char *id);

/* From the database of the step's service: how often its effect stands there. */
uint32_t trip_effects(struct trip *t, const char *id, uint32_t step, bool undo);
uint32_t trip_calls(struct trip *t, const char *id, uint32_t step, bool undo); /* begun */
/* The newest attempt among those. */
uint32_t trip_attempt(struct trip *t, const char *id, uint32_t step, bool undo);
uint32_t trip_ended(struct trip *t, const char *id, uint32_t step, bool undo);
/* Of any step and operation class, in the table "effect", "call" or "ended" of that service. */
uint32_t trip_rows(struct trip *t, const char *table, const char *service, const char *id,
		   const char *step, enum saga_op op);
/* The place of the first effect among all of that service, 0 = there is none. */
uint32_t trip_place(struct trip *t, const char *service, const char *id, const char *step,
		    enum saga_op op);
/* All or nothing, each at most once: completed = every forward once and no undo; compensated =
 * forwards and undos in pairs. Fails the test otherwise. */
void trip_assert_outcome(struct trip *t, const char *id, enum saga_state state);

/* The node that owns the shard of this saga ("n1"), and another one. */
const char *trip_owner(struct trip *t, const char *id);

#endif
