/* A service away for minutes, on real servers: how many copies of one command live in the stream at
 * a time (S14)? Looks into SAGA_CMD every half second, kills an owner every minute, and when the
 * service is back demands that every saga ends.
 *
 *   soak-outage [--minutes 10] [--per-second 1] [--kill-every 60] [--copies 2]
 *
 * Exit: 0 = all well, 1 = more copies, or a saga that did not end, or a cluster that did not start.
 */
#include <nats/nats.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_clock.h"
#include "bench/arguments.h"
#include "client/include/saga.h"
#include "tests/support/launcher.h"
#include "wire/codec.h"

enum {
	NODES = 3,
	SHARDS = 4,
	WAIT_MS = 60000,
	END_MS = 300000, /* after the service is back */
	LOOK_MS = 500,
	COPIES_MAX = 1 << 20,
	ARENA_SIZE = 4 * 1024 * 1024,
	UNDOS = 20, /* sagas whose undo meets the outage */
};
static const char STREAM[] = "SAGA_CMD";
static const char DEFINITION[] = "name: outage\n"
				 "version: 1\n"
				 "protocol: saga\n"
				 "deadline: 24h\n"
				 "defaults:\n"
				 "  timeout: 2s\n"
				 "  retry: {attempts: 1000, initial: 100ms, factor: 2, cap: 1s}\n"
				 "  undo_retry: {attempts: 5, initial: 100ms, factor: 2, cap: 1s}\n"
				 "steps:\n"
				 "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
				 "  - {name: b, service: svc-b, action: do, compensate: undo}\n"
				 "  - {name: c, service: svc-c, action: do, compensate: undo}\n";

struct options {
	uint32_t minutes, per_second, kill_every_s, copies;
};

/* A command in the stream. */
struct copy {
	uint64_t sequence;
	struct uuid operation;
	uint32_t attempt, op;
};

struct run {
	struct options options;
	struct cluster *cluster;
	struct saga_connection *connection;
	struct saga_definition *definition;
	natsConnection *nats;
	jsCtx *js;
	uint64_t next_sequence; /* the first that was not read */
	struct copy *copies;    /* that may still be there, by sequence */
	uint32_t count, most;
	uint64_t stored, looks;
	uint32_t submitted, kills;
	atomic_uint ended, failed;
	uint8_t *memory;
};

/* ---- looking into the stream -------------------------------------------------------------------
 */

static void take_frame(struct run *r, uint64_t sequence, struct slice bytes)
{
	struct wire_command_frame frame;
	struct arena arena;
	arena_init(&arena, r->memory, ARENA_SIZE);
	if (wire_decode(WIRE_COMMAND_FRAME, bytes, &arena, &frame, NULL) != 0)
		return;
	for (uint32_t i = 0; i < frame.command_count && r->count < COPIES_MAX; i++)
		r->copies[r->count++] = (struct copy){.sequence = sequence,
						      .operation = frame.commands[i].operation,
						      .attempt = frame.commands[i].attempt,
						      .op = frame.commands[i].op};
	r->stored += frame.command_count;
}

static void read_new(struct run *r, const jsStreamInfo *info)
{
	if (r->next_sequence < info->State.FirstSeq)
		r->next_sequence = info->State.FirstSeq;
	for (; r->next_sequence <= info->State.LastSeq; r->next_sequence++) {
		natsMsg *message = NULL;
		if (js_GetMsg(&message, r->js, STREAM, r->next_sequence, NULL, NULL) != NATS_OK)
			continue; /* acknowledged meanwhile */
		take_frame(r, r->next_sequence,
			   slice_of(natsMsg_GetData(message),
				    (uint32_t)natsMsg_GetDataLength(message)));
		natsMsg_Destroy(message);
	}
}

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void forget_gone(struct run *r, const jsStreamInfo *info)
{
	uint32_t kept = 0;
	if (info->State.DeletedLen > 1)
		qsort(info->State.Deleted, (size_t)info->State.DeletedLen, sizeof(uint64_t),
		      compare_numbers);
	for (uint32_t i = 0; i < r->count; i++) {
		const uint64_t sequence = r->copies[i].sequence;
		const bool gone =
			sequence < info->State.FirstSeq ||
			(info->State.DeletedLen > 0 &&
			 bsearch(&sequence, info->State.Deleted, (size_t)info->State.DeletedLen,
				 sizeof(uint64_t), compare_numbers) != NULL);
		if (!gone)
			r->copies[kept++] = r->copies[i];
	}
	r->count = kept;
}

static int compare_copies(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;
	return memcmp(&x->operation, &y->operation, sizeof x->operation);
}

/* The most copies of one operation. The order by sequence is of no use to anybody else. */
static uint32_t count_most(struct run *r)
{
	uint32_t most = 0, same = 0;
	qsort(r->copies, r->count, sizeof *r->copies, compare_copies);
	for (uint32_t i = 0; i < r->count; i++) {
		same = i > 0 && compare_copies(&r->copies[i - 1], &r->copies[i]) == 0 ? same + 1
										      : 1;
		if (same > most)
			most = same;
	}
	return most;
}

static void look(struct run *r)
{
	jsStreamInfo *info = NULL;
	jsOptions options;
	(void)jsOptions_Init(&options);
	options.Stream.Info.DeletedDetails = true;
	if (js_GetStreamInfo(&info, r->js, STREAM, &options, NULL) != NATS_OK)
		return;
	read_new(r, info);
	forget_gone(r, info);
	jsStreamInfo_Destroy(info);
	const uint32_t most = count_most(r);
	if (most > r->most)
		r->most = most;
	r->looks++;
}

/* ---- the load ----------------------------------------------------------------------------------
 */

static void on_end(void *context, int error, const struct saga_status *status)
{
	struct run *r = context;
	if (error == 0 && saga_state_final(status->state))
		(void)atomic_fetch_add(&r->ended, 1);
	else
		(void)atomic_fetch_add(&r->failed, 1);
}

static void on_accepted(void *context, int error, const struct saga_status *status)
{
	struct run *r = context;
	(void)status;
	if (error != 0)
		(void)atomic_fetch_add(&r->failed, 1);
}

static int submit(struct run *r, const char *script)
{
	struct saga_submit_options options;
	saga_submit_options_init(&options);
	options.input = script;
	options.input_size = strlen(script);
	options.timeout_ms = r->options.minutes * 60000 + END_MS + WAIT_MS;
	const int error =
		saga_submit_async(r->connection, r->definition, &options, on_accepted, on_end, r);
	r->submitted += error == 0;
	return error;
}

static int service(struct run *r, const char *name)
{
	char db[PROCESS_PATH_SIZE];
	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(r->cluster), name);
	const char *const argv[] = {
		"sagad-script-service", "--service", name, "--instance", name, "--db", db, NULL};
	return cluster_service_start(r->cluster, name, argv, NULL);
}

static int kill_an_owner(struct run *r)
{
	const char *name = cluster_node_name(r->kills++ % NODES);
	int error = cluster_signal(r->cluster, name, SIGKILL);
	if (error == 0 && !cluster_wait_end(r->cluster, name, WAIT_MS))
		error = SAGA_E_TIMEOUT;
	return error != 0 ? error : cluster_restart(r->cluster, name);
}

/* ---- the story ---------------------------------------------------------------------------------
 */

static int open_all(struct run *r)
{
	static const char *const set[] = {"saga.parked_retry=20s", NULL};
	struct cluster_options options;
	struct saga_options connect;
	int error;
	cluster_options_init(&options);
	options.nodes = NODES;
	options.shards = SHARDS;
	options.set = set;
	error = cluster_create(&options, &r->cluster);
	if (error == 0)
		error = cluster_start(r->cluster);
	for (uint32_t i = 0; error == 0 && i < 3; i++)
		error = service(r, i == 0 ? "svc-a" : i == 1 ? "svc-b" : "svc-c");
	if (error != 0)
		return error;
	saga_options_init(&connect);
	connect.url = cluster_nats_url(r->cluster);
	error = saga_open(&connect, &r->connection);
	if (error == 0)
		error = saga_definition_parse(DEFINITION, sizeof DEFINITION - 1, "outage",
					      &r->definition, NULL, 0);
	if (error == 0 &&
	    (natsConnection_ConnectTo(&r->nats, cluster_nats_url(r->cluster)) != NATS_OK ||
	     natsConnection_JetStream(&r->js, r->nats, NULL) != NATS_OK))
		error = SAGA_E_NATS;
	return error;
}

static bool all_ended(void *context)
{
	struct run *r = context;
	look(r);
	return atomic_load(&r->ended) + atomic_load(&r->failed) >= r->submitted;
}

static bool first_steps_done(void *context)
{
	const uint64_t *until_ms = context;
	return os_clock_mono_ns() / 1000000 >= *until_ms;
}

/* Sagas that are about to be undone when svc-b goes. */
static int begin(struct run *r)
{
	int error = 0;
	uint64_t until_ms = os_clock_mono_ns() / 1000000 + 3000;
	for (uint32_t i = 0; error == 0 && i < UNDOS; i++)
		error = submit(r, "slow:c:6000 reject:c");
	if (error != 0)
		return error;
	(void)wait_until(first_steps_done, &until_ms, WAIT_MS); /* step c works for 6 s */
	error = cluster_signal(r->cluster, "svc-b", SIGKILL);
	if (error == 0 && !cluster_wait_end(r->cluster, "svc-b", WAIT_MS))
		error = SAGA_E_TIMEOUT;
	return error;
}

struct pace {
	struct run *run;
	uint64_t next_ms;
};

static bool is_time(void *context)
{
	const struct pace *p = context;
	return os_clock_mono_ns() / 1000000 >= p->next_ms;
}

static int outage(struct run *r)
{
	const uint64_t start_ms = os_clock_mono_ns() / 1000000;
	const uint64_t end_ms = start_ms + r->options.minutes * UINT64_C(60000);
	uint64_t kill_ms = start_ms + r->options.kill_every_s * UINT64_C(1000);
	uint64_t minute = 0;
	struct pace pace = {r, start_ms};
	int error = 0;
	while (error == 0 && pace.next_ms < end_ms) {
		(void)wait_until(is_time, &pace, WAIT_MS);
		pace.next_ms += LOOK_MS;
		for (uint32_t i = 0; error == 0 && i < r->options.per_second &&
				     (pace.next_ms - start_ms) / LOOK_MS % 2 == 1;
		     i++)
			error = submit(r, "");
		look(r);
		if (error == 0 && r->options.kill_every_s > 0 && pace.next_ms >= kill_ms) {
			error = kill_an_owner(r);
			kill_ms += r->options.kill_every_s * UINT64_C(1000);
		}
		if ((pace.next_ms - start_ms) / 60000 > minute) {
			minute = (pace.next_ms - start_ms) / 60000;
			(void)fprintf(stderr,
				      "minute %u: %u commands in the stream, at most %u copies of "
				      "one so far\n",
				      (unsigned)minute, r->count, r->most);
		}
	}
	return error;
}

static int report(struct run *r)
{
	const uint32_t ended = atomic_load(&r->ended), failed = atomic_load(&r->failed);
	(void)printf("away for %u min   sagas %u   owners killed %u   commands stored %llu   looks "
		     "%llu\n"
		     "live copies of a command: at most %u   sagas that ended: %u\n",
		     r->options.minutes, r->submitted, r->kills, (unsigned long long)r->stored,
		     (unsigned long long)r->looks, r->most, ended);
	if (r->most > r->options.copies)
		(void)fprintf(stderr, "more than %u copies of one command (S14)\n",
			      r->options.copies);
	if (failed > 0 || ended != r->submitted)
		(void)fprintf(stderr, "%u of %u sagas did not end\n", r->submitted - ended,
			      r->submitted);
	if (r->most == 0)
		(void)fprintf(stderr, "no command was ever seen: nothing was shown\n");
	return r->most > 0 && r->most <= r->options.copies && ended == r->submitted ? 0 : 1;
}

static void close_all(struct run *r)
{
	if (r->connection != NULL)
		saga_close(r->connection, 0);
	saga_definition_free(r->definition);
	jsCtx_Destroy(r->js);
	natsConnection_Destroy(r->nats);
	cluster_destroy(r->cluster);
	free(r->copies);
	free(r->memory);
}

int main(int argc, char **argv)
{
	static struct run r = {
		.options = {.minutes = 10, .per_second = 1, .kill_every_s = 60, .copies = 2}};
	const struct argument known[] = {
		argument_count("minutes", 'm', "how long the service is away (10)",
			       &r.options.minutes, 1, 24 * 60),
		argument_count("per-second", 'n', "sagas a second (1)", &r.options.per_second, 1,
			       100),
		argument_count("kill-every", 'k', "seconds between two kills of an owner (60)",
			       &r.options.kill_every_s, 0, 3600),
		argument_count("copies", 'c', "fail when there are more of one command (2)",
			       &r.options.copies, 1, 100),
	};
	arguments_take(argc, argv, "Counts copies of commands while a service is away.", known,
		       sizeof known / sizeof known[0]);
	r.copies = malloc(COPIES_MAX * sizeof *r.copies);
	r.memory = malloc(ARENA_SIZE);
	int error = r.copies == NULL || r.memory == NULL ? SAGA_E_NO_MEMORY : open_all(&r);
	if (error == 0)
		error = begin(&r);
	if (error == 0)
		error = outage(&r);
	if (error == 0)
		error = service(&r, "svc-b");
	if (error == 0)
		(void)wait_until(all_ended, &r, END_MS);
	if (error != 0)
		(void)fprintf(stderr, "%s: %s\n", err_name(error),
			      r.cluster != NULL ? cluster_trouble(r.cluster) : "");
	const int code = error != 0 ? 1 : report(&r);
	close_all(&r);
	return code;
}
