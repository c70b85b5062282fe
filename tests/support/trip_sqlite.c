#include "tests/support/trip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/support/journal_check.h"
#include "wire/codec.h"

enum { END_MS = 90000, START_MS = 60000 };

static const char DEFINITION[] = "name: trip\n"
				 "version: 1\n"
				 "protocol: saga\n"
				 "deadline: 60s\n"
				 "defaults:\n"
				 "  timeout: %s\n"
				 "  delivery: %s\n"
				 "  retry: {attempts: 3, initial: 100ms, factor: 2, cap: 1s}\n"
				 "  undo_retry: {attempts: 3, initial: 50ms, factor: 2, cap: 1s}\n"
				 "steps:\n"
				 "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
				 "  - {name: b, service: svc-b, action: do, compensate: undo}\n"
				 "  - {name: c, service: svc-c, action: do, compensate: undo}\n";
static const char *const steps[TRIP_STEPS] = {"a", "b", "c"};
static const char *const services[TRIP_STEPS] = {"svc-a", "svc-b", "svc-c"};

const char *trip_service_name(uint32_t step)
{
	return services[step];
}

void trip_options(struct cluster_options *options)
{
	cluster_options_init(options);
	options->shards = 4;
	options->command_age_ms = 1000;
	options->keep = getenv("TRIP_KEEP") != NULL; /* to look at a failure */
}

static void db_path(struct trip *t, const char *service, char path[1024])
{
	(void)snprintf(path, 1024, "%s/%s.db", cluster_folder(t->cluster), service);
}

void trip_service_start(struct trip *t, uint32_t step)
{
	trip_service_start_on(t, step, NULL);
}

void trip_service_start_on(struct trip *t, uint32_t step, const char *stream_prefix)
{
	char db[1024];
	db_path(t, services[step], db);
	const char *const argv[] = {"sagad-script-service",
				    "--service",
				    services[step],
				    "--instance",
				    services[step],
				    "--db",
				    db,
				    stream_prefix == NULL ? NULL : "--stream-prefix",
				    stream_prefix,
				    NULL};
	if (cluster_service_start(t->cluster, services[step], argv, NULL) != 0)
		fail_msg("%s", cluster_trouble(t->cluster));
}

void trip_define(struct trip *t, const char *yaml)
{
	char why[512] = "";
	saga_definition_free(t->definition);
	t->definition = NULL;
	if (saga_definition_parse(yaml, strlen(yaml), "trip", &t->definition, why, sizeof why) != 0)
		fail_msg("%s", why);
}

void trip_deliver(struct trip *t, const char *delivery, const char *timeout)
{
	char text[sizeof DEFINITION + 16];
	(void)snprintf(text, sizeof text, DEFINITION, timeout, delivery);
	trip_define(t, text);
}

void trip_open(struct trip *t, const struct cluster_options *options)
{
	struct saga_options connect;
	*t = (struct trip){.shards = options->shards};
	if (cluster_create(options, &t->cluster) != 0 || cluster_start(t->cluster) != 0)
		fail_msg("%s", cluster_trouble(t->cluster));
	for (uint32_t i = 0; i < TRIP_STEPS; i++)
		trip_service_start(t, i);
	saga_options_init(&connect);
	connect.url = cluster_nats_url(t->cluster);
	assert_int_equal(saga_open(&connect, &t->connection), 0);
	trip_deliver(t, "durable", "2s");
}

void trip_close(struct trip *t)
{
	assert_true(journal_check(cluster_nats_url(t->cluster), t->shards) > t->shards);
	saga_definition_free(t->definition);
	if (t->connection != NULL)
		saga_close(t->connection, 0);
	cluster_destroy(t->cluster);
}

static void options_of(struct trip *t, const char *script, struct saga_submit_options *options,
		       char id[SAGA_ID_SIZE])
{
	(void)snprintf(id, SAGA_ID_SIZE, "trip-%llu", (unsigned long long)++t->next_id);
	saga_submit_options_init(options);
	options->id = id;
	options->input = script;
	options->input_size = strlen(script);
	options->timeout_ms = START_MS;
}

void trip_submit(struct trip *t, const char *script, char id[SAGA_ID_SIZE])
{
	struct saga_submit_options options;
	struct saga_status status;
	options_of(t, script, &options, id);
	const int error = saga_submit(t->connection, t->definition, &options, &status);
	if (error != 0)
		fail_msg("submit of %s: %s %s", id, saga_error_name(error), saga_error_text(error));
}

void trip_encode_submit(const char *id, const char *script, uint64_t retry_until_at,
			struct buf *out)
{
	static uint8_t after[2] = {0, 1};
	struct wire_step chain[TRIP_STEPS];
	for (uint32_t i = 0; i < TRIP_STEPS; i++)
		chain[i] = (struct wire_step){
			.name = slice_str(steps[i]),
			.service = slice_str(trip_service_name(i)),
			.forward = slice_str("do"),
			.undo = slice_str("undo"),
			.after = i == 0 ? slice_of(NULL, 0) : slice_of(&after[i - 1], 1),
		};
	const struct wire_submit submit = {
		.id = slice_str(id),
		.plan = {.name = slice_str("trip"),
			 .version = 1,
			 .steps = chain,
			 .step_count = TRIP_STEPS},
		.input = slice_str(script),
		.retry_until_at = retry_until_at,
	};
	buf_clear(out);
	assert_int_equal(wire_encode(WIRE_SUBMIT, &submit, out), 0);
}

enum saga_state trip_wait(struct trip *t, const char *id)
{
	struct saga_status status;
	const int error = saga_wait(t->connection, id, END_MS, &status);
	if (error != 0)
		fail_msg("wait for %s: %s %s", id, saga_error_name(error), saga_error_text(error));
	return status.state;
}

enum saga_state trip_run(struct trip *t, const char *script, char id[SAGA_ID_SIZE])
{
	trip_submit(t, script, id);
	return trip_wait(t, id);
}

struct asked {
	const char *what, *table, *service, *id, *step;
	enum saga_op op;
};

static uint32_t ask(struct trip *t, const struct asked *asked)
{
	static const int columns[] = {[SAGA_OP_FORWARD] = 0,
				      [SAGA_OP_UNDO] = 1,
				      [SAGA_OP_FINISH] = 2,
				      [SAGA_OP_SETTLE] = 3};
	char path[1024], sql[256];
	sqlite3 *db = NULL;
	sqlite3_stmt *query = NULL;
	db_path(t, asked->service, path);
	(void)snprintf(sql, sizeof sql, "SELECT %s FROM %s WHERE saga=? AND step=? AND undo=?",
		       asked->what, asked->table);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
	(void)sqlite3_bind_text(query, 1, asked->id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(query, 2, asked->step, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(query, 3, columns[asked->op]);
	assert_int_equal(sqlite3_step(query), SQLITE_ROW);
	const uint32_t rows = (uint32_t)sqlite3_column_int(query, 0);
	(void)sqlite3_finalize(query);
	(void)sqlite3_close(db);
	return rows;
}

uint32_t trip_rows(struct trip *t, const char *table, const char *service, const char *id,
		   const char *step, enum saga_op op)
{
	const struct asked asked = {"count(*)", table, service, id, step, op};
	return ask(t, &asked);
}

uint32_t trip_place(struct trip *t, const char *service, const char *id, const char *step,
		    enum saga_op op)
{
	const struct asked asked = {"ifnull(min(id), 0)", "effect", service, id, step, op};
	return ask(t, &asked);
}

static uint32_t count(struct trip *t, const char *table, const char *id, uint32_t step, bool undo)
{
	return trip_rows(t, table, services[step], id, steps[step],
			 undo ? SAGA_OP_UNDO : SAGA_OP_FORWARD);
}

uint32_t trip_attempt(struct trip *t, const char *id, uint32_t step, bool undo)
{
	const struct asked asked = {"max(attempt)", "call",
				    services[step], id,
				    steps[step],    undo ? SAGA_OP_UNDO : SAGA_OP_FORWARD};
	return ask(t, &asked);
}

uint32_t trip_effects(struct trip *t, const char *id, uint32_t step, bool undo)
{
	return count(t, "effect", id, step, undo);
}

uint32_t trip_calls(struct trip *t, const char *id, uint32_t step, bool undo)
{
	return count(t, "call", id, step, undo);
}

uint32_t trip_ended(struct trip *t, const char *id, uint32_t step, bool undo)
{
	return count(t, "ended", id, step, undo);
}

void trip_assert_outcome(struct trip *t, const char *id, enum saga_state state)
{
	assert_true(state == SAGA_STATE_COMPLETED || state == SAGA_STATE_COMPENSATED);
	for (uint32_t i = 0; i < TRIP_STEPS; i++) {
		const uint32_t done = trip_effects(t, id, i, false);
		const uint32_t undone = trip_effects(t, id, i, true);
		if (state == SAGA_STATE_COMPLETED && (done != 1 || undone != 0))
			fail_msg("%s completed, but step %s was done %u and undone %u times", id,
				 steps[i], done, undone);
		if (state == SAGA_STATE_COMPENSATED && (done > 1 || done != undone))
			fail_msg("%s compensated, but step %s was done %u and undone %u times", id,
				 steps[i], done, undone);
	}
}

const char *trip_owner(struct trip *t, const char *id)
{
	struct saga_status status;
	struct cluster_shards shards;
	assert_int_equal(saga_query(t->connection, id, START_MS, &status), 0);
	assert_int_equal(cluster_shards(t->cluster, &shards, START_MS), 0);
	assert_true(status.shard < shards.count);
	for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
		if (strcmp(cluster_node_name(i), shards.shards[status.shard].owner) == 0)
			return cluster_node_name(i);
	fail_msg("nobody owns shard %u", status.shard);
	return NULL;
}
