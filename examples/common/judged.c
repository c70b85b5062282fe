#include "examples/common/judged.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/definition.h"

enum { SHOWN = 5 };

static void on_sent(void *context, const struct load_saga *saga)
{
	struct judged *judged = context;
	const size_t i = (size_t)(saga - saga->load->sagas);

	judged->requests[i] =
		recorder_asked(judged->recorder, &(struct recorder_ask){.kind = HISTORY_SUBMIT,
									.saga = judged->numbers[i],
									.step = HISTORY_NONE});
}

static void on_told(void *context, const struct load_saga *saga, int error,
		    const struct saga_status *status)
{
	struct judged *judged = context;

	recorder_told(judged->recorder, judged->requests[saga - saga->load->sagas], error, status);
}

bool judged_open(struct judged *judged, struct load *load, const struct recorder_options *options,
		 char *why, uint32_t size)
{
	(void)snprintf(why, size, "out of memory");
	judged->numbers = calloc(load->count + 1, sizeof *judged->numbers);
	judged->requests = calloc(load->count + 1, sizeof *judged->requests);
	if (judged->numbers == NULL || judged->requests == NULL)
		return false;
	judged->recorder = recorder_create(options, why, size);
	if (judged->recorder == NULL)
		return false;
	for (uint32_t i = 0; i < load->count; i++) {
		const struct load_saga *saga = &load->sagas[i];
		struct wire_plan plan = saga->definition->plan;

		if (load->deadline_ms != 0)
			plan.deadline_ms = load->deadline_ms;
		judged->numbers[i] =
			recorder_saga(judged->recorder, saga->id, &plan,
				      slice_of(saga->input, (uint32_t)saga->input_size),
				      load->retry_until_unix_ms);
	}
	load->watch = (struct load_watch){.sent = on_sent, .told = on_told, .context = judged};
	return true;
}

bool judged_run(struct judged *judged, const struct judge_options *options, bool ended, char *why,
		uint32_t size)
{
	(void)memset(&judged->verdict, 0, sizeof judged->verdict);
	judged->history = recorder_collect(judged->recorder, ended, why, size);
	if (judged->history == NULL)
		return false;
	judge_all(judged->history, options, NULL, &judged->verdict);
	judged->outcome = judge_outcome(&judged->verdict);
	return true;
}

void judged_print(const struct judged *judged, FILE *file)
{
	const struct verdict *v = &judged->verdict;

	(void)fprintf(file, "judges         %8" PRIu64 "   transactions, %" PRIu32 " findings\n",
		      v->count.accepted, v->finding_count);
	recorder_print(judged->history, v, SHOWN, file);
}

void judged_print_json(const struct judged *judged, FILE *file)
{
	const struct verdict *v = &judged->verdict;

	(void)fprintf(file,
		      "{\"transactions\":%" PRIu64 ",\"findings\":%" PRIu32 ",\"outcome\":\"%s\"}",
		      v->count.accepted, v->finding_count, judge_outcome_name(judged->outcome));
}

void judged_close(struct judged *judged)
{
	recorder_free(judged->recorder);
	free(judged->numbers);
	free(judged->requests);
}
