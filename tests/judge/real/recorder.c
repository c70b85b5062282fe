/* What is told while it happens. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/error.h"
#include "tests/judge/real/recorder_parts.h"
#include "wire/plan.h"
#include "wire/shard.h"

enum { FIRST_CAPACITY = 256 };

uint64_t recorder_lock(struct recorder *r)
{
	struct timespec now;
	uint64_t now_ns;

	(void)pthread_mutex_lock(&r->mutex);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	r->stamped_ns = now_ns > r->stamped_ns ? now_ns : r->stamped_ns + 1;
	return r->stamped_ns;
}

void recorder_unlock(struct recorder *r)
{
	(void)pthread_mutex_unlock(&r->mutex);
}

void *recorder_grow(void *array, uint32_t count, uint32_t *capacity, size_t size)
{
	if (count == *capacity) {
		*capacity = *capacity == 0 ? FIRST_CAPACITY : *capacity * 2;
		array = realloc(array, *capacity * size);
		CHECK(array != NULL);
	}
	(void)memset((uint8_t *)array + count * size, 0, size);
	return array;
}

struct recorder *recorder_create(const struct recorder_options *options, char *why, uint32_t size)
{
	struct recorder *r = calloc(1, sizeof *r);

	CHECK(r != NULL);
	r->options = *options;
	if (r->options.prefix == NULL)
		r->options.prefix = "saga";
	if (r->options.stream_prefix == NULL)
		r->options.stream_prefix = "SAGA";
	(void)snprintf(r->source, sizeof r->source, "%s", options->source);
	(void)pthread_mutex_init(&r->mutex, NULL);
	history_init(&r->live, options->shard_count);
	r->live.start_ms = recorder_ms(recorder_lock(r));
	recorder_unlock(r);
	if (!options->tap || recorder_tap_open(r, why, size))
		return r;
	recorder_free(r);
	return NULL;
}

void recorder_free(struct recorder *r)
{
	if (r == NULL)
		return;
	recorder_probe_stop(r);
	recorder_tap_close(r->tap);
	history_close(&r->live);
	history_close(&r->history);
	free(r->heard);
	free(r->accounts);
	(void)pthread_mutex_destroy(&r->mutex);
	free(r);
}

/* ---- who there is ------------------------------------------------------------------------------
 */

void recorder_node(struct recorder *r, const char *name)
{
	(void)recorder_lock(r);
	(void)history_add_node(&r->live, slice_str(name));
	recorder_unlock(r);
}

uint32_t recorder_service(struct recorder *r, struct slice name)
{
	for (uint32_t i = 0; i < r->live.service_count; i++)
		if (slice_equal(id_slice(&r->live.services[i]), name))
			return i;
	return history_add_service(&r->live, name);
}

void recorder_ledger(struct recorder *r, const char *service, const char *file)
{
	struct recorder_ledger *ledger = &r->ledgers[r->ledger_count++];

	CHECK(r->ledger_count <= RECORDER_LEDGERS_MAX);
	(void)recorder_lock(r);
	ledger->service = recorder_service(r, slice_str(service));
	recorder_unlock(r);
	CHECK((size_t)snprintf(ledger->file, sizeof ledger->file, "%s", file) <
	      sizeof ledger->file);
}

uint32_t recorder_account_number(struct recorder *r, uint32_t service, const char *name)
{
	for (uint32_t i = 0; i < r->account_count; i++)
		if (r->accounts[i].service == service && strcmp(r->accounts[i].name, name) == 0)
			return i;
	return HISTORY_NONE;
}

void recorder_account(struct recorder *r, const char *service, const char *name, int64_t opening,
		      int64_t balance, int64_t held)
{
	struct recorder_account *account;
	struct history_account *added;

	r->accounts = recorder_grow(r->accounts, r->account_count, &r->account_capacity,
				    sizeof *r->accounts);
	account = &r->accounts[r->account_count++];
	(void)snprintf(account->name, sizeof account->name, "%s", name);
	(void)recorder_lock(r);
	account->service = recorder_service(r, slice_str(service));
	added = history_add_account(&r->live);
	*added = (struct history_account){.service = account->service,
					  .opening = opening,
					  .read = true,
					  .balance = balance,
					  .held = held};
	r->live.parts |= HISTORY_ACCOUNTS;
	recorder_unlock(r);
}

/* ---- what is meant -----------------------------------------------------------------------------
 */

static enum history_class class_of(const struct wire_plan *plan, const struct wire_step *step)
{
	if ((step->flags & WIRE_STEP_PIVOT) != 0)
		return HISTORY_PIVOT;
	if ((step->flags & WIRE_STEP_RETRIABLE) != 0)
		return HISTORY_RETRIABLE;
	if ((step->flags & WIRE_STEP_OPTIONAL) != 0)
		return HISTORY_OPTIONAL;
	return wire_step_kind(plan, step) == WIRE_PROTOCOL_SAGA ? HISTORY_ACTION : HISTORY_VOTE;
}

static void add_step(struct recorder *r, const struct wire_plan *plan, struct wire_step step)
{
	struct history_step *added;

	/* The defaults of an enlisted branch are the owner's to fill in, by the documentation. */
	wire_step_resolve(plan, &step);
	added = history_add_step(&r->live, &(struct history_step){
						   .service = recorder_service(r, step.service),
						   .class = class_of(plan, &step),
						   .kind = wire_step_kind(plan, &step),
						   .has_undo = step.undo.size > 0,
						   .one_phase = step.one_phase.size > 0,
						   .timeout_ms = step.attempt_timeout_ms,
						   .budget_ms = step.budget_ms,
						   .retry = step.retry,
						   .undo_retry = step.undo_retry,
						   .input_from = HISTORY_NONE,
					   });
	CHECK_EQ(id_from(&added->name, step.name), 0);
	for (uint32_t i = 0; i < step.after.size; i++)
		added->after |= UINT64_C(1) << step.after.data[i];
}

uint32_t recorder_saga(struct recorder *r, const char *id, const struct wire_plan *plan,
		       struct slice input, uint64_t retry_until_unix_ms)
{
	struct history_saga saga = {
		.protocol = plan->protocol,
		.deadline_ms = plan->deadline_ms,
		.idle_ms = plan->idle_ms,
		.retry_until_at = retry_until_unix_ms,
		.body = hash_xxh3_64(input),
	};
	struct wire_slots slots;
	uint32_t number;

	CHECK_EQ(id_from(&saga.id, slice_str(id)), 0);
	CHECK_EQ(wire_slots_even(&slots, r->options.shard_count), 0);
	saga.shard = wire_shard_of(&slots, slice_str(id));
	(void)recorder_lock(r);
	number = history_add_saga(&r->live, &saga);
	for (uint32_t i = 0; i < plan->step_count; i++)
		add_step(r, plan, plan->steps[i]);
	recorder_unlock(r);
	return number;
}

static struct slice text_of(const char *text)
{
	return slice_str(text != NULL ? text : "");
}

static struct wire_retry retry_of(const struct saga_retry *retry)
{
	return (struct wire_retry){.initial_ms = retry->initial_ms,
				   .factor_percent = retry->factor_percent,
				   .cap_ms = retry->cap_ms,
				   .jitter_percent = retry->jitter_percent,
				   .attempts = retry->attempts};
}

struct wire_step recorder_branch(const struct saga_branch *branch)
{
	return (struct wire_step){
		.name = text_of(branch->name),
		.service = text_of(branch->service),
		.forward = text_of(branch->prepare),
		.finish = text_of(branch->commit),
		.undo = text_of(branch->rollback),
		.one_phase = text_of(branch->one_phase),
		.attempt_timeout_ms = branch->attempt_timeout_ms,
		.budget_ms = branch->budget_ms,
		.retry = retry_of(&branch->retry),
		.undo_retry = retry_of(&branch->finish_retry),
		.delivery = (uint32_t)branch->delivery,
	};
}

/* ---- what is asked and told --------------------------------------------------------------------
 */

uint32_t recorder_asked(struct recorder *r, const struct recorder_ask *ask)
{
	const uint64_t now_ns = recorder_lock(r);
	struct history_request *request = history_add_request(&r->live, recorder_ms(now_ns));
	const uint32_t number = r->live.request_count - 1;

	request->order = now_ns;
	request->kind = ask->kind;
	request->saga = ask->saga;
	request->step = ask->step != HISTORY_NONE ? ask->step : 0;
	request->branches = ask->branches;
	request->filtered = true; /* libsaga does (S2) */
	recorder_unlock(r);
	return number;
}

/* What says nothing about the transaction: it stays unknown. */
static bool silence(int error)
{
	static const int silent[] = {SAGA_E_UNKNOWN, SAGA_E_TIMEOUT, SAGA_E_DISCONNECTED,
				     SAGA_E_NO_MEMORY, SAGA_E_STOPPING};

	for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
		if (error == silent[i])
			return true;
	return false;
}

/* libsaga's words for an answer without a code, whose decision is not what was asked for. */
static bool told_otherwise(int error)
{
	return error == SAGA_E_ABORTED || error == SAGA_E_HEURISTIC_HAZARD;
}

struct history_answer *recorder_add_answer(struct recorder *r, uint32_t request, uint64_t now_ns)
{
	struct history_answer *answer = history_add_answer(&r->live, recorder_ms(now_ns));

	answer->order = answer->heard = now_ns;
	answer->node = HISTORY_NONE;
	answer->request = request;
	r->live.requests[request].answered = true;
	return answer;
}

void recorder_told(struct recorder *r, uint32_t request, int error,
		   const struct saga_status *status)
{
	struct history_answer *answer;
	uint64_t now_ns;

	if (silence(error))
		return;
	now_ns = recorder_lock(r);
	answer = recorder_add_answer(r, request, now_ns);
	answer->code = told_otherwise(error) ? 0 : err_to_wire(error);
	answer->epoch = status->epoch;
	answer->state = status->state;
	answer->shard = status->shard;
	answer->decision = status->decision;
	answer->heuristics = status->heuristics;
	recorder_unlock(r);
}

void recorder_fault(struct recorder *r, const char *what)
{
	const uint64_t now_ns = recorder_lock(r);

	history_add_fault(&r->live, recorder_ms(now_ns), what)->order = now_ns;
	recorder_unlock(r);
}

void recorder_healed(struct recorder *r)
{
	r->live.heal_ms = recorder_ms(recorder_lock(r));
	recorder_unlock(r);
}
