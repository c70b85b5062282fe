#include "cli/dry_run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/check.h"
#include "txn/txn.h"
#include "wire/codec.h"
#include "wire/plan.h"
#include "wire/record.h"

enum {
	START_MS = 1000000, /* shard time is never 0 */
	ANSWER_AFTER_MS = 10,
	COMMAND_AGE_MS = 15000, /* the default of commands.max_age */
	REPLIES_MAX = 1024,
	ROUNDS_MAX = 100000,
	WAITER = 1,
	ASKER = 2,
	DAYS_30_MS = 2147483647,
};

/* An answer that is under way. */
struct dry_reply {
	uint64_t at_ms;
	struct wire_reply reply; /* its slices are the plan's or static */
};

struct dry {
	struct dry_run *run;
	struct txn_shard *engine;
	void *memory;
	size_t memory_size;
	uint64_t now_ms;
	uint64_t entropy;
	struct wire_slots slots;
	struct dry_reply replies[REPLIES_MAX];
	uint32_t reply_count;
	struct buf records;
	uint8_t space[512 * 1024]; /* of a record that is read */
	/* What the barriers hold: has the forward operation of a step happened, or been blocked? */
	bool done[WIRE_STEPS_MAX], blocked[WIRE_STEPS_MAX];
	uint32_t attempts[WIRE_STEPS_MAX][DRY_OPS]; /* the last that was seen */
	int refused;
	bool final, parked;
};

static const struct slice SAGA = {(const uint8_t *)"dry-run", 7};

const char *dry_answer_name(enum dry_answer answer)
{
	static const char *const names[DRY_ANSWERS] = {
		"ok",
		"rejected",
		"unknown",
		"exhausted",
		"retry",
		"lost",
		"read-only",
		"heuristic-commit",
		"heuristic-rollback",
		"heuristic-mixed",
		"heuristic-hazard",
	};

	return names[answer];
}

bool dry_answer_fits(enum dry_answer answer, uint32_t op)
{
	if (answer == DRY_READ_ONLY)
		return op == WIRE_OP_FORWARD;
	if (answer >= DRY_HEURISTIC_COMMIT)
		return op == WIRE_OP_FINISH || op == WIRE_OP_UNDO;
	return true;
}

struct dry_event dry_event_at(const struct dry_run *run, uint32_t index)
{
	struct dry_event event;

	CHECK_LT(index, dry_event_count(run));
	memcpy(&event, run->events.data + index * sizeof event, sizeof event);
	return event;
}

struct slice dry_operation_name(const struct wire_plan *plan, uint32_t step, uint32_t op)
{
	const struct wire_step *of = &plan->steps[step];

	if (op == WIRE_OP_FINISH)
		return of->finish;
	if (op == WIRE_OP_UNDO)
		return of->undo;
	return plan->step_count == 1 && of->one_phase.size > 0 ? of->one_phase : of->forward;
}

static void note(struct dry *dry, struct dry_event event)
{
	event.at_ms = dry->now_ms - START_MS;
	if (dry_event_count(dry->run) >= DRY_EVENTS_MAX)
		dry->run->cut = true;
	else
		(void)buf_put(&dry->run->events, &event, sizeof event);
}

/* ---- participants -------------------------------------------------------------------------------
 */

static struct wire_reply reply_to(const struct dry *dry, const struct wire_command *command,
				  uint32_t outcome, int code)
{
	return (struct wire_reply){
		.saga = SAGA,
		.step = command->step,
		.op = command->op,
		.operation = command->operation,
		.attempt = command->attempt,
		.epoch = 1,
		.outcome = outcome,
		.code = err_to_wire(code),
		.output = command->op == WIRE_OP_FORWARD && outcome == WIRE_OUTCOME_OK &&
					  !dry->blocked[command->step]
				  ? slice_str("{}")
				  : (struct slice){0},
	};
}

/* What the barrier finds out about the forward operation, or makes of it. */
static uint32_t settle(struct dry *dry, uint32_t step)
{
	dry->blocked[step] = !dry->done[step];
	return dry->done[step] ? WIRE_OUTCOME_OK : WIRE_OUTCOME_REJECTED;
}

/* True: it is answered, with *outcome and *code. */
static bool perform(struct dry *dry, const struct wire_command *command, enum dry_answer answer,
		    uint32_t *outcome, int *code)
{
	static const int heuristics[] = {SAGA_E_HEURISTIC_COMMIT, SAGA_E_HEURISTIC_ROLLBACK,
					 SAGA_E_HEURISTIC_MIXED, SAGA_E_HEURISTIC_HAZARD};
	const bool first = command->attempt == 1;
	const bool forward = command->op == WIRE_OP_FORWARD;
	const bool happens = answer != DRY_REJECTED && answer != DRY_EXHAUSTED &&
			     (answer != DRY_RETRY || !first);

	*outcome = WIRE_OUTCOME_OK;
	*code = 0;
	if (forward && happens)
		dry->done[command->step] = true;
	if (answer == DRY_UNKNOWN || answer == DRY_EXHAUSTED || (answer == DRY_LOST && first))
		return false;
	if (answer == DRY_READ_ONLY) {
		*outcome = WIRE_OUTCOME_READ_ONLY;
	} else if (answer >= DRY_HEURISTIC_COMMIT) {
		*outcome = WIRE_OUTCOME_HEURISTIC;
		*code = heuristics[answer - DRY_HEURISTIC_COMMIT];
	} else if (answer == DRY_REJECTED) {
		*outcome = WIRE_OUTCOME_REJECTED;
		*code = SAGA_E_REJECTED;
	} else if (answer == DRY_RETRY && first) {
		*outcome = WIRE_OUTCOME_RETRY;
	} else if (command->op == WIRE_OP_SETTLE) {
		*outcome = settle(dry, command->step);
	}
	return true;
}

static void on_command(struct dry *dry, const struct txn_message *message)
{
	const struct wire_command *command = &message->u.command;
	struct dry_run *run = dry->run;
	const uint32_t shown = command->input.size < DRY_INPUT_SHOWN_MAX ? command->input.size
									 : DRY_INPUT_SHOWN_MAX;
	uint32_t outcome;
	int code;

	/* A copy of an attempt that is out: its first was answered, or not, as that is. */
	if (command->attempt <= dry->attempts[command->step][command->op])
		return;
	dry->attempts[command->step][command->op] = command->attempt;
	note(dry, (struct dry_event){
			  .kind = DRY_EVENT_COMMAND,
			  .step = command->step,
			  .op = command->op,
			  .attempt = command->attempt,
			  .input_at = run->inputs.size,
			  .input_size = shown,
		  });
	(void)buf_put(&run->inputs, command->input.data, shown);
	if (!perform(dry, command, run->answers[command->step][command->op], &outcome, &code) ||
	    dry->reply_count == REPLIES_MAX)
		return;
	dry->replies[dry->reply_count++] = (struct dry_reply){
		.at_ms = dry->now_ms + ANSWER_AFTER_MS,
		.reply = reply_to(dry, command, outcome, code),
	};
}

/* ---- the engine ---------------------------------------------------------------------------------
 */

static void on_answer(struct dry *dry, const struct txn_message *message)
{
	const struct wire_answer *answer = &message->u.answer;

	if (answer->code != 0)
		dry->refused = err_from_wire(answer->code);
	if (message->reply_to == WAITER && !message->final)
		return;
	if (message->reply_to == WAITER)
		dry->final = true;
	dry->run->state = answer->state;
	dry->run->reason = answer->reason;
	dry->run->decision = answer->decision;
	dry->run->heuristics = answer->heuristics;
	for (uint32_t i = 0; i < answer->branch_count && i < WIRE_STEPS_MAX; i++)
		dry->run->branches[i] = answer->branches[i].state;
}

/* What an ended operation makes of its step. The engine forgets the steps of what is final. */
static uint32_t state_after(uint32_t op, uint32_t event, uint32_t before)
{
	if (event == WIRE_EVENT_HEURISTIC)
		return WIRE_BRANCH_HEURISTIC;
	if (event == WIRE_EVENT_READ_ONLY)
		return WIRE_BRANCH_DONE;
	if (event == WIRE_EVENT_REJECTED)
		return WIRE_BRANCH_REJECTED;
	if (event == WIRE_EVENT_UNKNOWN)
		return WIRE_BRANCH_UNKNOWN;
	if (event != WIRE_EVENT_OK)
		return before;
	if (op == WIRE_OP_UNDO)
		return WIRE_BRANCH_UNDONE;
	return op == WIRE_OP_FINISH ? WIRE_BRANCH_DONE : WIRE_BRANCH_OK;
}

static void on_branch(struct dry *dry, const struct wire_record_branch *record)
{
	uint32_t *state = &dry->run->branches[record->step];

	*state = state_after(record->op, record->event, *state);
	if (record->event != WIRE_EVENT_DISPATCHED)
		note(dry, (struct dry_event){.kind = DRY_EVENT_BRANCH,
					     .step = record->step,
					     .op = record->op,
					     .attempt = record->attempt,
					     .word = record->event,
					     .code = record->code});
}

static void on_record(struct dry *dry, struct slice bytes)
{
	union {
		struct wire_record_branch branch;
		struct wire_record_decision decision;
		struct wire_record_parked parked;
		struct wire_record_finished finished;
	} record;
	struct arena arena;
	enum wire_kind kind;

	if (wire_peek_kind(bytes, &kind) != 0)
		return;
	if (kind == WIRE_RECORD_ACCEPTED)
		note(dry, (struct dry_event){.kind = DRY_EVENT_ACCEPTED});
	if (kind != WIRE_RECORD_BRANCH && kind != WIRE_RECORD_DECISION &&
	    kind != WIRE_RECORD_PARKED && kind != WIRE_RECORD_FINISHED)
		return;
	arena_init(&arena, dry->space, sizeof dry->space);
	const int error = wire_decode(kind, bytes, &arena, &record, NULL);

	CHECK_EQ(error, 0); /* the engine made it */
	if (kind == WIRE_RECORD_BRANCH) {
		on_branch(dry, &record.branch);
	} else if (kind == WIRE_RECORD_DECISION) {
		const struct wire_record_decision *d = &record.decision;

		note(dry,
		     (struct dry_event){.kind = DRY_EVENT_DECISION,
					.step = d->has_step ? d->step : WIRE_STEPS_MAX,
					.word = d->verdict != 0 ? d->verdict : WIRE_DECISION_ABORT,
					.code = d->reason});
	} else if (kind == WIRE_RECORD_PARKED) {
		dry->parked = true;
		note(dry, (struct dry_event){.kind = DRY_EVENT_PARKED,
					     .step = record.parked.step,
					     .op = record.parked.op,
					     .attempt = record.parked.attempts,
					     .code = record.parked.code});
	} else {
		note(dry,
		     (struct dry_event){.kind = DRY_EVENT_FINISHED, .word = record.finished.state});
	}
}

/* They are all made by the time of the first message, which rests on them. */
static void take_records(struct dry *dry)
{
	struct slice rest = buf_slice(&dry->records);

	while (rest.size > 0) {
		uint32_t size;
		const int error = wire_value_size(rest, &size);

		CHECK_EQ(error, 0);
		on_record(dry, slice_of(rest.data, size));
		rest = slice_of(rest.data + size, rest.size - size);
	}
	buf_clear(&dry->records);
}

static void on_message(void *context, const struct txn_message *message)
{
	struct dry *dry = context;

	take_records(dry);
	if (message->kind == TXN_MESSAGE_COMMAND)
		on_command(dry, message);
	else if (message->kind == TXN_MESSAGE_ANSWER)
		on_answer(dry, message);
}

static int step(struct dry *dry, struct txn_event event)
{
	struct txn_effects effects = {
		.records = &dry->records, .emit = on_message, .emit_context = dry};

	event.now_ms = dry->now_ms;
	event.entropy = ++dry->entropy;
	const int error = txn_step(dry->engine, &event, &effects);

	if (error == 0)
		take_records(dry);
	return error;
}

static int submit(struct dry *dry)
{
	const struct wire_submit submit = {
		.id = SAGA,
		.plan = *dry->run->plan,
		.input = dry->run->input,
		.retry_until_at = dry->now_ms + 1000,
		.wait = true,
	};

	return step(dry, (struct txn_event){.kind = TXN_EVENT_SUBMIT,
					    .reply_to = WAITER,
					    .u.submit = &submit});
}

static int ask(struct dry *dry)
{
	const struct wire_query query = {.id = SAGA};

	return step(dry, (struct txn_event){
				 .kind = TXN_EVENT_QUERY, .reply_to = ASKER, .u.query = &query});
}

/* The first that comes, in the order of sending where several do. */
static int deliver(struct dry *dry, uint32_t first)
{
	const struct dry_reply taken = dry->replies[first];
	struct txn_event event = {.kind = TXN_EVENT_REPLY};

	dry->reply_count--;
	memmove(&dry->replies[first], &dry->replies[first + 1],
		(dry->reply_count - first) * sizeof dry->replies[0]);
	if (dry->now_ms < taken.at_ms)
		dry->now_ms = taken.at_ms;
	event.u.reply.reply = &taken.reply;
	event.u.reply.service = dry->run->plan->steps[taken.reply.step].service;
	event.u.reply.instance = slice_str("dry-run");
	return step(dry, event);
}

/* *more is false when nothing will happen any more. */
static int advance(struct dry *dry, bool *more)
{
	const uint64_t deadline_ms = txn_next_deadline(dry->engine);
	uint32_t first = 0;

	for (uint32_t i = 1; i < dry->reply_count; i++)
		if (dry->replies[i].at_ms < dry->replies[first].at_ms)
			first = i;
	if (dry->reply_count > 0 && dry->replies[first].at_ms <= deadline_ms)
		return deliver(dry, first);
	*more = deadline_ms != UINT64_MAX;
	if (!*more)
		return 0;
	if (dry->now_ms < deadline_ms)
		dry->now_ms = deadline_ms;
	return step(dry, (struct txn_event){.kind = TXN_EVENT_TICK});
}

/* Parked, and all that could still come has come. */
static bool stuck(const struct dry *dry)
{
	return dry->parked && dry->reply_count == 0 && dry->run->state == WIRE_STATE_PARKED;
}

static int play(struct dry *dry)
{
	bool more = true;
	int error = submit(dry);

	for (uint32_t round = 0; error == 0 && more && !dry->final; round++) {
		if (dry->refused != 0)
			return dry->refused;
		if (round == ROUNDS_MAX) {
			dry->run->cut = true;
			break;
		}
		error = advance(dry, &more);
		if (error == 0 && dry->parked)
			error = ask(dry);
		if (stuck(dry))
			break;
	}
	return error == 0 ? ask(dry) : error;
}

static int open_engine(struct dry *dry)
{
	static const struct txn_limits limits = {
		.open_max = 4,
		.remembered_max = 16,
		.branches_max = 4 * WIRE_STEPS_MAX,
		.waiters_max = 4,
		.payload_max = 8 * 1024 * 1024,
	};
	const struct txn_config config = {
		.slots = &dry->slots,
		.retry_window_max_ms = DAYS_30_MS,
		.remember_margin_ms = DAYS_30_MS,
		.command_age_ms = COMMAND_AGE_MS,
		.deadline_max_ms = UINT32_C(2592000000),
	};
	int error = wire_slots_even(&dry->slots, 1);

	CHECK_EQ(error, 0);
	dry->memory_size = txn_memory_size(&limits);
	dry->memory = mmap(NULL, dry->memory_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (dry->memory == MAP_FAILED)
		return SAGA_E_NO_MEMORY;
	dry->engine = txn_create(dry->memory, dry->memory_size, &limits, &config);
	txn_resume(dry->engine, dry->now_ms, 1, 1);
	return 0;
}

int dry_run(struct dry_run *run)
{
	struct dry *dry = calloc(1, sizeof *dry);
	int error = SAGA_E_NO_MEMORY;

	buf_init(&run->events, DRY_EVENTS_MAX * (uint32_t)sizeof(struct dry_event));
	buf_init(&run->inputs, DRY_EVENTS_MAX * DRY_INPUT_SHOWN_MAX);
	if (dry == NULL)
		return error;
	dry->run = run;
	for (uint32_t i = 0; i < WIRE_STEPS_MAX; i++)
		run->branches[i] = WIRE_BRANCH_SKIPPED;
	dry->now_ms = START_MS;
	dry->memory = MAP_FAILED;
	buf_init(&dry->records, TXN_STEP_RECORDS_MAX);
	/* All at once: the engine wants the room for the worst case. */
	if (buf_grow(&dry->records, TXN_STEP_RECORDS_MAX) != NULL)
		error = 0;
	buf_clear(&dry->records);
	if (error == 0)
		error = open_engine(dry);
	if (error == 0)
		error = play(dry);
	if (error == 0 && (buf_error(&run->events) != 0 || buf_error(&run->inputs) != 0))
		error = SAGA_E_NO_MEMORY;
	if (dry->memory != MAP_FAILED)
		(void)munmap(dry->memory, dry->memory_size);
	buf_close(&dry->records);
	free(dry);
	return error;
}

void dry_run_close(struct dry_run *run)
{
	buf_close(&run->events);
	buf_close(&run->inputs);
}
