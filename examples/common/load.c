#include "examples/common/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_clock.h"
#include "tests/support/process.h"

enum { AGAIN_MS = 200, OUTCOME_MS = 180000, ASK_MS = 3000, RETRY_WINDOW_MS = 1800000 };

bool load_init(struct load *load, uint32_t capacity)
{
	(void)pthread_mutex_init(&load->lock, NULL);
	load->sagas = calloc(capacity, sizeof *load->sagas);
	return load->sagas != NULL;
}

int load_open(struct load *load, const char *url, const char *name,
	      void (*log)(void *context, int level, const char *text), void *log_context)
{
	struct saga_options options;

	saga_options_init(&options);
	options.url = url;
	options.name = name;
	options.log = log;
	options.log_context = log_context;
	load->retry_until_unix_ms = os_clock_wall_ms() + RETRY_WINDOW_MS;
	return saga_open(&options, &load->connection);
}

void load_close(struct load *load)
{
	if (load->connection != NULL)
		saga_close(load->connection, 0);
	if (load->sagas == NULL)
		return;
	for (uint32_t i = 0; i < load->count; i++)
		free(load->sagas[i].input);
	free(load->sagas);
	(void)pthread_mutex_destroy(&load->lock);
}

/* ---- what became of one ---------------------------------------------------------------------- */

static void set_phase(struct load_saga *saga, enum load_phase phase)
{
	struct load *load = saga->load;

	load->sent -= saga->phase == LOAD_SENT ? 1 : 0;
	load->open -= saga->phase == LOAD_OPEN ? 1 : 0;
	load->sent += phase == LOAD_SENT ? 1 : 0;
	load->open += phase == LOAD_OPEN ? 1 : 0;
	saga->phase = phase;
}

/* Nobody knows: the same id with the same body may be sent as often as we like. */
static void send_again(struct load_saga *saga, int error)
{
	saga->error = error;
	saga->due_ms = wait_now_ms() + AGAIN_MS;
	set_phase(saga, LOAD_WAITING);
}

static bool is_for_good(int error)
{
	return error == SAGA_ERR_CONFLICT || error == SAGA_ERR_EXPIRED ||
	       error == SAGA_ERR_CANCELLED || error == SAGA_ERR_DEFINITION ||
	       error == SAGA_ERR_RANGE || error == SAGA_ERR_USAGE;
}

static void tell(const struct load_saga *saga, int error, const struct saga_status *status)
{
	const struct load_watch *watch = &saga->load->watch;

	if (watch->told != NULL)
		watch->told(watch->context, saga, error, status);
}

static void on_accepted(void *context, int error, const struct saga_status *status)
{
	struct load_saga *saga = context;
	struct load *load = saga->load;

	tell(saga, error, status);
	(void)pthread_mutex_lock(&load->lock);
	if (error == 0) {
		saga->accepted = true;
		saga->shard = status->shard;
		set_phase(saga, LOAD_OPEN);
	} else if (is_for_good(error)) {
		saga->error = error;
		load->refused++;
		set_phase(saga, LOAD_REFUSED);
	} else {
		send_again(saga, error);
	}
	(void)pthread_mutex_unlock(&load->lock);
}

static void on_finished(void *context, int error, const struct saga_status *status)
{
	struct load_saga *saga = context;
	struct load *load = saga->load;

	tell(saga, error, status);
	(void)pthread_mutex_lock(&load->lock);
	if (error != 0 || !saga_state_final(status->state)) {
		send_again(saga, error);
	} else {
		saga->final_ms = wait_now_ms();
		saga->state = status->state;
		saga->reason = status->reason;
		load->final++;
		load->completed += status->state == SAGA_STATE_COMPLETED ? 1 : 0;
		load->compensated += status->state == SAGA_STATE_COMPENSATED ? 1 : 0;
		load->for_deadline += status->reason == SAGA_REASON_DEADLINE ? 1 : 0;
		set_phase(saga, LOAD_FINAL);
		if (load->on_final != NULL)
			load->on_final(load->context, saga);
	}
	(void)pthread_mutex_unlock(&load->lock);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void submit(struct load *load, struct load_saga *saga)
{
	struct saga_submit_options options;
	int err = 0;

	saga_submit_options_init(&options);
	options.id = saga->id;
	options.input = saga->input;
	options.input_size = saga->input_size;
	options.deadline_ms = load->deadline_ms;
	options.retry_until_unix_ms = load->retry_until_unix_ms;
	options.timeout_ms = OUTCOME_MS;
	if (load->watch.sent != NULL)
		load->watch.sent(load->watch.context, saga);
	err = saga_submit_async(load->connection, saga->definition, &options, on_accepted,
				on_finished, saga);
	if (err == 0)
		return;
	(void)pthread_mutex_lock(&load->lock);
	send_again(saga, err);
	(void)pthread_mutex_unlock(&load->lock);
}

/* How many may have been begun by now. */
static uint32_t allowance(const struct load *load, uint64_t now_ms)
{
	const uint64_t allowed = load->per_second == 0
					 ? UINT32_MAX
					 : (now_ms - load->started_ms) * load->per_second / 1000;

	return allowed > UINT32_MAX ? UINT32_MAX : (uint32_t)allowed;
}

static void pass_ended(struct load *load)
{
	while (load->ended < load->count && (load->sagas[load->ended].phase == LOAD_FINAL ||
					     load->sagas[load->ended].phase == LOAD_REFUSED))
		load->ended++;
}

/* The next one that is due, marked as sent; NULL when there is none or enough are under way. */
static struct load_saga *next_due(struct load *load, uint32_t *cursor)
{
	const uint64_t now_ms = wait_now_ms();
	const uint32_t allowed = allowance(load, now_ms);
	struct load_saga *next = NULL;

	(void)pthread_mutex_lock(&load->lock);
	pass_ended(load);
	if (*cursor < load->ended)
		*cursor = load->ended;
	for (; *cursor < load->count && load->sent + load->open < load->in_flight; (*cursor)++) {
		struct load_saga *saga = &load->sagas[*cursor];

		if (*cursor >= load->begun && load->begun >= allowed)
			break;
		if (saga->phase != LOAD_WAITING || saga->due_ms > now_ms)
			continue;
		next = saga;
		saga->load = load;
		if (*cursor >= load->begun) {
			saga->first_sent_ms = now_ms;
			load->begun = *cursor + 1;
		}
		set_phase(saga, LOAD_SENT);
		break;
	}
	(void)pthread_mutex_unlock(&load->lock);
	return next;
}

void load_send(struct load *load)
{
	struct load_saga *saga = NULL;
	uint32_t cursor = 0;

	while ((saga = next_due(load, &cursor)) != NULL)
		submit(load, saga);
}

/* ---- looking --------------------------------------------------------------------------------- */

bool load_done(struct load *load)
{
	bool done = false;

	(void)pthread_mutex_lock(&load->lock);
	done = load->final + load->refused == load->count;
	(void)pthread_mutex_unlock(&load->lock);
	return done;
}

uint32_t load_count_final(struct load *load)
{
	uint32_t final = 0;

	(void)pthread_mutex_lock(&load->lock);
	final = load->final;
	(void)pthread_mutex_unlock(&load->lock);
	return final;
}

uint32_t load_open_on_shard(const struct load *load, uint32_t shard)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < load->count; i++)
		open += load->sagas[i].phase == LOAD_OPEN && load->sagas[i].shard == shard ? 1 : 0;
	return open;
}

bool load_ask(struct load *load, const struct load_saga *saga, struct saga_status *status)
{
	memset(status, 0, sizeof *status);
	return saga_query(load->connection, saga->id, ASK_MS, status) == 0;
}

bool load_answers_write(struct load *load, const char *path)
{
	FILE *file = fopen(path, "we");
	bool good = file != NULL;

	(void)pthread_mutex_lock(&load->lock);
	for (uint32_t i = 0; good && i < load->count; i++) {
		const struct load_saga *saga = &load->sagas[i];

		good = fprintf(file, "{\"id\":\"%s\",\"accepted\":\"%s\",\"outcome\":\"%s\"}\n",
			       saga->id,
			       saga->accepted                ? "yes"
			       : saga->phase == LOAD_REFUSED ? "no"
							     : "unknown",
			       saga->phase == LOAD_FINAL ? saga_state_name(saga->state) : "") > 0;
	}
	(void)pthread_mutex_unlock(&load->lock);
	if (file != NULL)
		good = fclose(file) == 0 && good;
	return good;
}

static int compare_numbers(const void *left, const void *right)
{
	const uint64_t l = *(const uint64_t *)left;
	const uint64_t r = *(const uint64_t *)right;

	return l < r ? -1 : l > r;
}

struct load_figures load_measure(const struct load *load)
{
	uint64_t *taken = load->count == 0 ? NULL : calloc(load->count, sizeof *taken);
	struct load_figures result = {0, 0, 0.0};
	uint32_t count = 0;

	if (taken == NULL)
		return result;
	for (uint32_t i = 0; i < load->count; i++)
		if (load->sagas[i].phase == LOAD_FINAL)
			taken[count++] = load->sagas[i].final_ms - load->sagas[i].first_sent_ms;
	if (count > 0) {
		qsort(taken, count, sizeof *taken, compare_numbers);
		result.p50_ms = taken[(count - 1) / 2];
		result.p99_ms = taken[(uint64_t)(count - 1) * 99 / 100];
	}
	if (load->ended_ms > load->started_ms)
		result.rate = count * 1000.0 / (double)(load->ended_ms - load->started_ms);
	free(taken);
	return result;
}
