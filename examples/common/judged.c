#include "examples/common/judged.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/definition.h"
#include "tests/judge/history_file.h"

enum { SHOWN = 5, BOUND_MS = 30000 };

uint32_t judged_asked(struct judged *judged, const struct load_saga *saga,
		      enum history_request_kind kind)
{
	const struct recorder_ask ask = {.kind = kind,
					 .saga = judged->numbers[saga - judged->load->sagas],
					 .step = HISTORY_NONE};

	return recorder_asked(judged->recorder, &ask);
}

static void on_sent(void *context, const struct load_saga *saga)
{
	struct judged *judged = context;

	judged->requests[saga - judged->load->sagas] = judged_asked(judged, saga, HISTORY_SUBMIT);
}

static void on_told(void *context, const struct load_saga *saga, int error,
		    const struct saga_status *status)
{
	struct judged *judged = context;

	recorder_told(judged->recorder, judged->requests[saga - judged->load->sagas], error,
		      status);
}

static void add_sagas(struct judged *judged)
{
	const struct load *load = judged->load;

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
}

static void add_parts(struct judged *judged, const struct judged_setup *setup)
{
	for (uint32_t i = 0; i < STAGE_NODES; i++)
		recorder_node(judged->recorder, cluster_node_name(i));
	for (uint32_t i = 0; setup->services[i] != NULL; i++) {
		char file[1200];

		(void)snprintf(file, sizeof file, "%s/%s.db",
			       cluster_folder(judged->stage->cluster), setup->services[i]);
		recorder_ledger(judged->recorder, setup->services[i], file);
	}
}

bool judged_open(struct judged *judged, struct stage *stage, struct load *load,
		 const struct judged_setup *setup)
{
	char why[512] = "out of memory";
	const struct recorder_options options = {.source = setup->source,
						 .nats_url = cluster_nats_url(stage->cluster),
						 .shard_count = setup->shards,
						 .tap = setup->tap};

	judged->stage = stage;
	judged->spoiled = setup->spoiled;
	judged->load = load;
	judged->numbers = calloc(load->count + 1, sizeof *judged->numbers);
	judged->requests = calloc(load->count + 1, sizeof *judged->requests);
	if (judged->numbers != NULL && judged->requests != NULL)
		judged->recorder = recorder_create(&options, why, sizeof why);
	if (judged->recorder == NULL)
		return stage_fail(stage, "%s", why);
	add_sagas(judged);
	add_parts(judged, setup);
	load->watch = (struct load_watch){.sent = on_sent, .told = on_told, .context = judged};
	return true;
}

struct judge_options judged_options(uint32_t excused)
{
	struct judge_options options = judge_defaults();

	options.excused = HISTORY_OWNERS | HISTORY_SAMPLES | HISTORY_STATES | HISTORY_INBOX |
			  HISTORY_REPLIES | excused;
	options.grace_ms = options.timer_ms = BOUND_MS;
	options.completed = options.compensated = 1;
	return options;
}

bool judged_run(struct judged *judged, const struct judge_options *options)
{
	const struct load *load = judged->load;
	const bool ended = load->final + load->refused == load->count;
	char why[512] = "";

	(void)memset(&judged->verdict, 0, sizeof judged->verdict);
	judged->history = recorder_collect(judged->recorder, ended, why, sizeof why);
	if (judged->history == NULL)
		return stage_fail(judged->stage, "%s", why);
	judge_all(judged->history, options, NULL, &judged->verdict);
	judged->outcome = judge_outcome(&judged->verdict);
	if (judged->verdict.finding_count > 0 && !judged->spoiled)
		judged_keep(judged);
	return true;
}

void judged_keep(struct judged *judged)
{
	(void)snprintf(judged->kept, sizeof judged->kept, "%s/run.history",
		       cluster_folder(judged->stage->cluster));
	cluster_keep(judged->stage->cluster);
	if (history_save(judged->history, judged->kept)) {
		stage_say("kept: sagad-judge %s", judged->kept);
		return;
	}
	(void)stage_fail(judged->stage, "cannot write %s", judged->kept);
	judged->kept[0] = '\0';
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

void judged_doubt(const struct judged *judged, char *text, size_t size)
{
	for (uint32_t i = 0; i < judged->verdict.unseen_count && i < VERDICT_UNSEEN; i++)
		stage_doubt(text, size, "%s", judged->verdict.unseen[i]);
}

void judged_close(struct judged *judged)
{
	recorder_free(judged->recorder);
	free(judged->numbers);
	free(judged->requests);
}
