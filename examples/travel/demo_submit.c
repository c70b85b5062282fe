/* The bookings on their way: a bounded number at a time, each until it is final. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_clock.h"
#include "examples/travel/demo.h"

enum { AGAIN_MS = 200, OUTCOME_MS = 180000, ASK_MS = 3000 };

/* Cuts the id out of {"id":"...",...}; the services and the checker read the line as JSON. */
static bool read_id(const char *line, char *id)
{
	const char *start = strstr(line, "\"id\":\"");
	const char *end = start == NULL ? NULL : strchr(start + 6, '"');

	if (end == NULL || end == start + 6 || end - start - 6 >= SAGA_ID_SIZE)
		return false;
	memcpy(id, start + 6, (size_t)(end - start) - 6);
	id[end - start - 6] = '\0';
	return true;
}

bool demo_load(struct demo *demo)
{
	const uint32_t max = demo->flags.bookings == 0 ? DEMO_BOOKINGS_MAX : demo->flags.bookings;
	char path[1200];
	FILE *file = NULL;
	bool good = true;

	(void)snprintf(path, sizeof path, "%s/bookings.jsonl", demo->flags.data_dir);
	file = fopen(path, "re");
	demo->bookings = calloc(max, sizeof *demo->bookings);
	if (file == NULL || demo->bookings == NULL)
		good = demo_fail(demo, "cannot read %s", path);
	while (good && demo->booking_count < max) {
		struct demo_booking *booking = &demo->bookings[demo->booking_count];
		size_t capacity = 0;
		const ssize_t size = getline(&booking->line, &capacity, file);

		if (size <= 0) {
			free(booking->line);
			booking->line = NULL;
			break;
		}
		demo->booking_count++;
		booking->demo = demo;
		booking->line_size = (size_t)size;
		if (!read_id(booking->line, booking->id))
			good = demo_fail(demo, "%s:%u has no id", path, demo->booking_count);
	}
	if (file != NULL)
		(void)fclose(file);
	if (good && demo->flags.bookings > demo->booking_count)
		return demo_fail(demo, "%s has only %u bookings", path, demo->booking_count);
	return good && demo->booking_count > 0;
}

static void log_line(void *context, int level, const char *text)
{
	if (level >= 2)
		demo_say(context, "client: %s", text);
}

bool demo_connect(struct demo *demo)
{
	struct saga_options options;
	char path[1200];
	char why[2048] = "";
	int err = 0;

	(void)snprintf(path, sizeof path, "%s/%s", demo->flags.data_dir, demo->flags.definition);
	err = saga_definition_load(path, &demo->definition, why, sizeof why);
	if (err != 0)
		return demo_fail(demo, "%s", why);
	saga_options_init(&options);
	options.url = cluster_nats_url(demo->cluster);
	options.name = "travel-demo";
	options.log = log_line;
	options.log_context = demo;
	err = saga_open(&options, &demo->connection);
	if (err != 0)
		return demo_fail(demo, "%s: %s", saga_error_name(err), saga_error_text(err));
	demo->retry_until_unix_ms = os_clock_wall_ms() + 600000;
	return true;
}

/* ---- what became of one ---------------------------------------------------------------------- */

static void set_phase(struct demo_booking *booking, enum booking_phase phase)
{
	struct demo *demo = booking->demo;

	demo->sent -= booking->phase == BOOKING_SENT ? 1 : 0;
	demo->open -= booking->phase == BOOKING_OPEN ? 1 : 0;
	demo->sent += phase == BOOKING_SENT ? 1 : 0;
	demo->open += phase == BOOKING_OPEN ? 1 : 0;
	booking->phase = phase;
}

/* Nobody knows: the same id with the same body may be sent as often as we like. */
static void send_again(struct demo_booking *booking, int error)
{
	booking->error = error;
	booking->due_ms = wait_now_ms() + AGAIN_MS;
	set_phase(booking, BOOKING_WAITING);
}

static bool is_for_good(int error)
{
	return error == SAGA_ERR_CONFLICT || error == SAGA_ERR_EXPIRED ||
	       error == SAGA_ERR_CANCELLED || error == SAGA_ERR_DEFINITION ||
	       error == SAGA_ERR_USAGE;
}

static void on_accepted(void *context, int error, const struct saga_status *status)
{
	struct demo_booking *booking = context;
	struct demo *demo = booking->demo;

	(void)pthread_mutex_lock(&demo->lock);
	if (error == 0) {
		booking->accepted = true;
		booking->shard = status->shard;
		set_phase(booking, BOOKING_OPEN);
	} else if (is_for_good(error)) {
		booking->error = error;
		demo->refused++;
		set_phase(booking, BOOKING_REFUSED);
	} else {
		send_again(booking, error);
	}
	(void)pthread_mutex_unlock(&demo->lock);
}

static void on_finished(void *context, int error, const struct saga_status *status)
{
	struct demo_booking *booking = context;
	struct demo *demo = booking->demo;

	(void)pthread_mutex_lock(&demo->lock);
	if (error != 0 || !saga_state_final(status->state)) {
		send_again(booking, error);
	} else {
		booking->final_ms = wait_now_ms();
		booking->state = status->state;
		booking->reason = status->reason;
		demo->final++;
		demo->ended_without +=
			demo->nats_killed && !demo->nats_restarted && demo->led[booking->shard] ? 1
												: 0;
		demo->completed += status->state == SAGA_STATE_COMPLETED ? 1 : 0;
		demo->compensated += status->state == SAGA_STATE_COMPENSATED ? 1 : 0;
		demo->for_deadline += status->reason == SAGA_REASON_DEADLINE ? 1 : 0;
		set_phase(booking, BOOKING_FINAL);
	}
	(void)pthread_mutex_unlock(&demo->lock);
}

static void submit(struct demo *demo, struct demo_booking *booking)
{
	struct saga_submit_options options;
	int err = 0;

	saga_submit_options_init(&options);
	options.id = booking->id;
	options.input = booking->line;
	options.input_size = booking->line_size;
	options.deadline_ms = demo->flags.slow ? DEMO_SLOW_DEADLINE_MS : 0;
	options.retry_until_unix_ms = demo->retry_until_unix_ms;
	options.timeout_ms = OUTCOME_MS;
	err = saga_submit_async(demo->connection, demo->definition, &options, on_accepted,
				on_finished, booking);
	if (err == 0)
		return;
	(void)pthread_mutex_lock(&demo->lock);
	send_again(booking, err);
	(void)pthread_mutex_unlock(&demo->lock);
}

/* The next one that is due, marked as sent; NULL when there is none or enough are under way. */
static struct demo_booking *next_due(struct demo *demo, uint32_t *cursor)
{
	const uint64_t now_ms = wait_now_ms();
	struct demo_booking *next = NULL;

	(void)pthread_mutex_lock(&demo->lock);
	for (; *cursor < demo->booking_count && demo->sent + demo->open < demo->flags.in_flight;
	     (*cursor)++) {
		struct demo_booking *booking = &demo->bookings[*cursor];

		if (booking->phase != BOOKING_WAITING || booking->due_ms > now_ms)
			continue;
		next = booking;
		if (booking->first_sent_ms == 0)
			booking->first_sent_ms = now_ms;
		set_phase(booking, BOOKING_SENT);
		break;
	}
	(void)pthread_mutex_unlock(&demo->lock);
	return next;
}

void demo_submit_some(struct demo *demo)
{
	struct demo_booking *booking = NULL;
	uint32_t cursor = 0;

	while ((booking = next_due(demo, &cursor)) != NULL)
		submit(demo, booking);
}

void demo_ask_parked(struct demo *demo)
{
	for (uint32_t i = 0; i < demo->booking_count; i++) {
		struct saga_status status;

		if (demo->bookings[i].phase == BOOKING_FINAL)
			continue;
		memset(&status, 0, sizeof status);
		if (saga_query(demo->connection, demo->bookings[i].id, ASK_MS, &status) == 0 &&
		    status.state == SAGA_STATE_PARKED)
			demo->parked++;
		demo_say(demo, "%s is not final: %s %s", demo->bookings[i].id,
			 saga_state_name(status.state), status.text);
	}
}

bool demo_answers_write(struct demo *demo, const char *path)
{
	FILE *file = fopen(path, "we");
	bool good = file != NULL;

	(void)pthread_mutex_lock(&demo->lock);
	for (uint32_t i = 0; good && i < demo->booking_count; i++) {
		const struct demo_booking *booking = &demo->bookings[i];

		good = fprintf(file, "{\"id\":\"%s\",\"accepted\":\"%s\",\"outcome\":\"%s\"}\n",
			       booking->id,
			       booking->accepted                   ? "yes"
			       : booking->phase == BOOKING_REFUSED ? "no"
								   : "unknown",
			       booking->phase == BOOKING_FINAL ? saga_state_name(booking->state)
							       : "") > 0;
	}
	(void)pthread_mutex_unlock(&demo->lock);
	if (file != NULL)
		good = fclose(file) == 0 && good;
	return good || demo_fail(demo, "cannot write %s", path);
}
