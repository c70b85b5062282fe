#include "client/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "client/text.h"

enum { COPY_SIZE_MAX = 16 * 1024 * 1024 };

static uint64_t now_ms(void)
{
	return os_clock_mono_ns() / 1000000U;
}

void context_open(struct saga_context *context, const struct wire_command *command, uint32_t shard,
		  uint64_t epoch, uint64_t low_water, uint64_t received_ms)
{
	*context = (struct saga_context){.command = command,
					 .shard = shard,
					 .epoch = epoch,
					 .low_water = low_water,
					 .expires_ms = received_ms + command->remaining_ms};
	/* The decoder has seen to the names. */
	CHECK_EQ(id_from(&context->saga, command->saga), 0);
	CHECK_EQ(id_from(&context->step, command->step_name), 0);
	CHECK_EQ(id_from(&context->operation, command->op_name), 0);
	uuid_format(&command->operation, context->operation_id);
}

const char *saga_context_saga(const struct saga_context *context)
{
	return context->saga.text;
}

const char *saga_context_step(const struct saga_context *context)
{
	return context->step.text;
}

const char *saga_context_operation_name(const struct saga_context *context)
{
	return context->operation.text;
}

const char *saga_context_operation_id(const struct saga_context *context)
{
	return context->operation_id;
}

uint32_t saga_context_attempt(const struct saga_context *context)
{
	return context->command->attempt;
}

int saga_context_is_undo(const struct saga_context *context)
{
	return context->command->op == WIRE_OP_UNDO;
}

const void *saga_context_input(const struct saga_context *context, size_t *size)
{
	if (size != NULL)
		*size = context->command->input.size;
	return context->command->input.data;
}

uint32_t saga_context_remaining_ms(const struct saga_context *context)
{
	const uint64_t now = now_ms();

	return now >= context->expires_ms ? 0 : (uint32_t)(context->expires_ms - now);
}

int saga_context_heartbeat(struct saga_context *context)
{
	if (context->heartbeat == NULL)
		return 0;
	atomic_store(context->heartbeat, true);
	if (context->wake != NULL)
		context->wake(context->wake_context);
	return 0;
}

enum saga_op saga_context_op(const struct saga_context *context)
{
	return (enum saga_op)context->command->op;
}

uint32_t saga_context_shard(const struct saga_context *context)
{
	return context->shard;
}

uint64_t saga_context_epoch(const struct saga_context *context)
{
	return context->epoch;
}

uint64_t saga_context_admission(const struct saga_context *context)
{
	return context->command->admission;
}

uint64_t saga_context_low_water(const struct saga_context *context)
{
	return context->low_water;
}

void saga_context_set_verdict(struct saga_context *context, enum saga_verdict verdict)
{
	context->verdict = verdict;
}

void saga_context_set_code(struct saga_context *context, int code)
{
	context->code = code;
}

int saga_context_code(const struct saga_context *context)
{
	return context->code;
}

void *saga_context_copy(struct saga_context *context, const void *data, size_t size)
{
	struct context_block *block;

	if (size > COPY_SIZE_MAX)
		return NULL;
	block = malloc(sizeof *block + size + 1);
	if (block == NULL)
		return NULL;
	block->size = size;
	if (size > 0)
		(void)memcpy(block->bytes, data, size);
	block->bytes[size] = 0;
	block->next = context->blocks;
	context->blocks = block;
	return block->bytes;
}

/* ---- from the handler's words to the wire's ---------------------------------------------------
 */

static uint32_t outcome_of(const struct saga_context *context, enum saga_outcome outcome)
{
	const uint32_t op = context->command->op;

	if (context->verdict == SAGA_VERDICT_STALE)
		return WIRE_OUTCOME_STALE;
	if (context->verdict == SAGA_VERDICT_EXPIRED)
		return WIRE_OUTCOME_EXPIRED;
	switch (outcome) {
	case SAGA_OK:
		return WIRE_OUTCOME_OK;
	case SAGA_REJECTED:
		return WIRE_OUTCOME_REJECTED;
	case SAGA_PARK:
		return WIRE_OUTCOME_PARK;
	case SAGA_READ_ONLY:
		if (op == WIRE_OP_FORWARD)
			return WIRE_OUTCOME_READ_ONLY;
		break;
	case SAGA_HEURISTIC:
		if (op == WIRE_OP_FINISH || op == WIRE_OP_UNDO)
			return WIRE_OUTCOME_HEURISTIC;
		break;
	case SAGA_RETRY:
		break;
	}
	/* Also for a number that is none of these, or none of this operation's: nothing is
	 * promised. */
	return WIRE_OUTCOME_RETRY;
}

static bool is_heuristic(int code)
{
	return code == SAGA_E_HEURISTIC_COMMIT || code == SAGA_E_HEURISTIC_ROLLBACK ||
	       code == SAGA_E_HEURISTIC_MIXED || code == SAGA_E_HEURISTIC_HAZARD;
}

static int code_of(const struct saga_context *context, uint32_t outcome)
{
	if (outcome == WIRE_OUTCOME_HEURISTIC && !is_heuristic(context->code))
		return SAGA_E_HEURISTIC_HAZARD;
	if (outcome == WIRE_OUTCOME_STALE)
		return SAGA_E_STALE;
	if (outcome == WIRE_OUTCOME_EXPIRED)
		return SAGA_E_BELOW_LOW_WATER;
	if (outcome == WIRE_OUTCOME_REJECTED)
		return context->verdict == SAGA_VERDICT_LATE_FORWARD ? SAGA_E_SUSPENDED
		       : context->code != 0                          ? context->code
								     : SAGA_E_REJECTED;
	return context->code;
}

static uint32_t barrier_of(enum saga_verdict verdict)
{
	switch (verdict) {
	case SAGA_VERDICT_DUPLICATE:
		return WIRE_BARRIER_DUPLICATE;
	case SAGA_VERDICT_EMPTY_UNDO:
		return WIRE_BARRIER_EMPTY_UNDO;
	case SAGA_VERDICT_LATE_FORWARD:
		return WIRE_BARRIER_LATE_FORWARD;
	case SAGA_VERDICT_FIRST:
	case SAGA_VERDICT_STALE:
	case SAGA_VERDICT_EXPIRED:
		break;
	}
	return WIRE_BARRIER_FIRST;
}

/* The output may stand in the handler's memory or in a block that it asked for. */
static bool keep_output(struct saga_context *context, const void *output, size_t size,
			struct slice *kept)
{
	*kept = slice_of(NULL, 0);
	if (output == NULL || size == 0)
		return true;
	if (size > WIRE_OUTPUT_SIZE_MAX)
		return false;
	for (const struct context_block *block = context->blocks; block != NULL;
	     block = block->next) {
		if (block->bytes == output && size <= block->size) {
			*kept = slice_of(output, (uint32_t)size);
			return true;
		}
	}
	kept->data = saga_context_copy(context, output, size);
	kept->size = kept->data != NULL ? (uint32_t)size : 0;
	return kept->data != NULL;
}

void context_finish(struct saga_context *context, const struct saga_result *result,
		    struct context_answer *answer)
{
	*answer = (struct context_answer){.retry_after_ms = result->retry_after_ms,
					  .barrier = barrier_of(context->verdict)};
	answer->outcome = outcome_of(context, result->outcome);
	answer->code = err_to_wire(code_of(context, answer->outcome));
	text_clean(answer->text, sizeof answer->text, result->text, sizeof result->text);
	if (!keep_output(context, result->output, result->output_size, &answer->output)) {
		/* The outcome stands: what was done was done. Only the payload is missing. */
		answer->code = err_to_wire(SAGA_E_TOO_LARGE);
		(void)snprintf(answer->text, sizeof answer->text,
			       "the output of %zu bytes is too large and was dropped",
			       result->output_size);
	}
	answer->blocks = context->blocks;
	context->blocks = NULL;
}

void context_answer_free(struct context_answer *answer)
{
	while (answer->blocks != NULL) {
		struct context_block *block = answer->blocks;

		answer->blocks = block->next;
		free(block);
	}
	answer->output = slice_of(NULL, 0);
}
