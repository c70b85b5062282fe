/* One command of a frame kills the process that works on it, each time. Its neighbours in the frame
 * are done exactly once and need no second attempt (S15); the crasher is delivered max_deliver
 * times at most, its attempts run out, and its saga is undone. The test is the supervisor. */
#include "tests/unit/unit.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/trip.h"
#include "wire/codec.h"
#include "wire/shard.h"

enum {
	SHARDS = 4,
	SAGAS = 24,
	CRASHER = 11,
	ROUNDS_MAX = 5,
	AGE_MS = 15000, /* three deliveries and starts of the service fit well into it */
	END_MS = 120000,
	ARENA_SIZE = 1024 * 1024,
	DELIVERIES_MAX = 5, /* libsaga's max_deliver */
	ATTEMPTS = 2,
};
static const char DEFINITION[] = "name: crash\n"
				 "version: 1\n"
				 "protocol: saga\n"
				 "deadline: 10m\n"
				 "defaults:\n"
				 "  timeout: 2s\n"
				 "  retry: {attempts: 2, initial: 100ms, factor: 2, cap: 1s}\n"
				 "  undo_retry: {attempts: 3, initial: 50ms, factor: 2, cap: 1s}\n"
				 "steps:\n"
				 "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
				 "  - {name: b, service: svc-b, action: do, compensate: undo}\n"
				 "  - {name: c, service: svc-c, action: do, compensate: undo}\n";

struct world {
	struct trip trip;
	struct saga_definition *definition;
	natsConnection *nats;
	natsSubscription *frames, *calls; /* of svc-a, as the owners send them */
	struct wire_slots slots;
	char ids[SAGAS][SAGA_ID_SIZE];
	uint32_t number, restarts;
	uint32_t crasher_frame; /* how many commands its first frame held */
	uint8_t *memory;
};

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct cluster_options options;
	char why[256] = "";
	assert_non_null(w);
	w->memory = malloc(ARENA_SIZE);
	assert_non_null(w->memory);
	trip_options(&options);
	options.shards = SHARDS;
	options.command_age_ms = AGE_MS;
	trip_open(&w->trip, &options);
	if (saga_definition_parse(DEFINITION, sizeof DEFINITION - 1, "crash", &w->definition, why,
				  sizeof why) != 0)
		fail_msg("%s", why);
	assert_int_equal(wire_slots_even(&w->slots, SHARDS), 0);
	assert_int_equal(natsConnection_ConnectTo(&w->nats, cluster_nats_url(w->trip.cluster)),
			 NATS_OK);
	assert_int_equal(natsConnection_SubscribeSync(&w->frames, w->nats, "saga.v1.cmd.svc-a"),
			 NATS_OK);
	assert_int_equal(natsConnection_SubscribeSync(&w->calls, w->nats, "saga.v1.call.svc-a"),
			 NATS_OK);
	assert_int_equal(natsConnection_Flush(w->nats), NATS_OK);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	natsSubscription_Destroy(w->frames);
	natsSubscription_Destroy(w->calls);
	natsConnection_Destroy(w->nats);
	saga_definition_free(w->definition);
	trip_close(&w->trip);
	free(w->memory);
	free(w);
	return 0;
}

/* All at once and on one shard, so that commands travel together. */
static void submit_all(struct world *w)
{
	for (uint32_t i = 0; i < SAGAS; i++) {
		struct saga_submit_options options;
		const char *script = i == CRASHER ? "abort:a" : "";
		do
			(void)snprintf(w->ids[i], SAGA_ID_SIZE, "crash-%u", ++w->number);
		while (wire_shard_of(&w->slots, slice_str(w->ids[i])) != 1);
		saga_submit_options_init(&options);
		options.id = w->ids[i];
		options.input = script;
		options.input_size = strlen(script);
		options.timeout_ms = END_MS;
		assert_int_equal(saga_submit_async(w->trip.connection, w->definition, &options,
						   NULL, NULL, NULL),
				 0);
	}
}

/* Says what became of the first attempt: silence, an answer that got lost, or one that was no. */
static void needed_another(struct world *w, const struct wire_command *c)
{
	struct id saga;
	assert_int_equal(id_from(&saga, c->saga), 0);
	fail_msg("%s needed attempt %u: begun %u times, ended %u, done %u; the crasher begun %u "
		 "times, the service started again %u times",
		 saga.text, c->attempt, trip_calls(&w->trip, saga.text, 0, false),
		 trip_ended(&w->trip, saga.text, 0, false),
		 trip_effects(&w->trip, saga.text, 0, false),
		 trip_calls(&w->trip, w->ids[CRASHER], 0, false), w->restarts);
}

/* Whoever is not the crasher needs one attempt: the frame that came again did it (S15). */
static void judge_frame(struct world *w, const natsMsg *message)
{
	struct wire_command_frame frame;
	struct arena arena;
	arena_init(&arena, w->memory, ARENA_SIZE);
	assert_int_equal(wire_decode(WIRE_COMMAND_FRAME,
				     slice_of(natsMsg_GetData(message),
					      (uint32_t)natsMsg_GetDataLength(message)),
				     &arena, &frame, NULL),
			 0);
	for (uint32_t i = 0; i < frame.command_count; i++) {
		const struct wire_command *c = &frame.commands[i];
		const bool crasher = slice_equal(c->saga, slice_str(w->ids[CRASHER]));
		if (crasher && c->op == WIRE_OP_FORWARD && c->attempt == 1)
			w->crasher_frame = frame.command_count;
		if (crasher && c->attempt > 1)
			assert_int_equal(frame.command_count, 1); /* a re-send travels alone */
		if (!crasher && c->attempt > 1)
			needed_another(w, c);
	}
}

static void judge_frames(struct world *w, natsSubscription *from)
{
	natsMsg *message = NULL;
	while (natsSubscription_NextMsg(&message, from, 1) == NATS_OK) {
		judge_frame(w, message);
		natsMsg_Destroy(message);
	}
}

static bool all_final(void *context)
{
	struct world *w = context;
	struct saga_status status;
	if (cluster_pid(w->trip.cluster, "svc-a") == 0) {
		w->restarts++;
		trip_service_start(&w->trip, 0);
	}
	judge_frames(w, w->frames);
	judge_frames(w, w->calls);
	for (uint32_t i = 0; i < SAGAS; i++)
		if (saga_query(w->trip.connection, w->ids[i], 10000, &status) != 0 ||
		    !saga_state_final(status.state))
			return false;
	return true;
}

static void a_crashing_command_hurts_no_neighbour(void **state) /* S15 */
{
	struct world *w = *state;
	for (uint32_t round = 0; round < ROUNDS_MAX && w->crasher_frame < 3; round++) {
		w->restarts = 0;
		w->crasher_frame = 0;
		submit_all(w);
		if (!wait_until(all_final, w, END_MS))
			fail_msg("not all are final after %u restarts", w->restarts);
		for (uint32_t i = 0; i < SAGAS; i++) {
			const enum saga_state end = trip_wait(&w->trip, w->ids[i]);
			assert_int_equal(end, i == CRASHER ? SAGA_STATE_COMPENSATED
							   : SAGA_STATE_COMPLETED);
			trip_assert_outcome(&w->trip, w->ids[i], end);
		}
		const uint32_t begun = trip_calls(&w->trip, w->ids[CRASHER], 0, false);
		assert_int_equal(trip_ended(&w->trip, w->ids[CRASHER], 0, false), 0);
		assert_int_equal(trip_effects(&w->trip, w->ids[CRASHER], 0, false), 0);
		assert_in_range(begun, ATTEMPTS, ATTEMPTS * DELIVERIES_MAX);
		assert_true(w->restarts >= begun);
	}
	assert_true(w->crasher_frame >= 3); /* it had neighbours */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crashing_command_hurts_no_neighbour),
	};
	return cmocka_run_group_tests(tests, open_world, close_world);
}
