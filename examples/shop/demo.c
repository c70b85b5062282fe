#include "examples/shop/demo.h"

#include <stdio.h>
#include <stdlib.h>

enum { TICK_MS = 20, RUN_MAX_MS = 150000 };

/* Until every order is final, or the time is over. */
static bool wait_for_orders(struct demo *demo)
{
	struct stage *stage = &demo->stage;
	uint64_t shown_ms = 0;

	while (!load_done(&demo->load) && !stage->interrupted &&
	       !stage_is_past(demo->load.started_ms, RUN_MAX_MS)) {
		load_send(&demo->load);
		if (!demo_make_trouble(demo))
			return false;
		if (stage_is_past(shown_ms, stage_progress_ms())) {
			demo_progress(demo, false);
			shown_ms = wait_now_ms();
		}
		(void)stage_pause(stage, TICK_MS);
	}
	return !stage->interrupted;
}

static bool run_orders(struct demo *demo)
{
	bool good = demo_regret_start(demo);

	stage_say("%u orders, %u customers at a time", demo->load.count, demo->flags.customers);
	demo->load.started_ms = wait_now_ms();
	good = good && wait_for_orders(demo);
	demo->load.ended_ms = wait_now_ms();
	demo_regret_stop(demo);
	demo_progress(demo, true);
	return good;
}

static int judge(struct demo *demo)
{
	struct stage *stage = &demo->stage;
	char orders[1200];
	char answers[1200];
	char why[1300] = "";
	/* Whose money it is, is for the check to say. */
	const struct judge_options judges = judged_options(HISTORY_ACCOUNTS);
	const struct check_options options = {
		.folder = cluster_folder(stage->cluster),
		.orders_file = orders,
		.answers_file = answers,
	};

	(void)snprintf(orders, sizeof orders, "%s/orders.jsonl", options.folder);
	(void)snprintf(answers, sizeof answers, "%s/answers.jsonl", options.folder);
	for (uint32_t i = 0; i < stage->kill_count; i++)
		(void)stage_takeovers_read(stage, &stage->kills[i]);
	demo->parked = stage_say_open(stage, &demo->load);
	demo->ended_early = stage_count_ended(stage, NULL, NULL);
	stage_say("stopping the services, checking their databases");
	demo_services_stop(demo);
	if (!load_answers_write(&demo->load, answers) || !demo_regret_write(demo, answers)) {
		(void)stage_fail(stage, "cannot write %s", answers);
		return STAGE_EXIT_FAILED;
	}
	if (demo->flags.sabotage != SABOTAGE_NONE && !demo_sabotage(demo))
		return STAGE_EXIT_FAILED;
	if (!check_run(&options, &demo->report, why, sizeof why)) {
		(void)stage_fail(stage, "%s", why);
		return STAGE_EXIT_FAILED;
	}
	if (!judged_run(&demo->judged, &judges))
		return STAGE_EXIT_FAILED;
	return demo_verdict(demo);
}

int main(int argc, char **argv)
{
	struct demo *demo = calloc(1, sizeof *demo);
	int code = STAGE_EXIT_FAILED;

	if (demo == NULL)
		return code;
	demo_flags_parse(argc, argv, &demo->flags);
	stage_init(&demo->stage, "shop-demo");
	if (demo_start(demo) && demo_connect(demo) && run_orders(demo))
		code = judge(demo);
	else if (demo->stage.interrupted)
		code = STAGE_EXIT_INTERRUPTED;
	load_close(&demo->load);
	judged_close(&demo->judged);
	demo_regret_free(demo);
	if (demo->definition != NULL)
		saga_definition_free(demo->definition);
	stage_close(&demo->stage, code, demo->flags.keep || demo->flags.folder != NULL);
	free(demo);
	return code;
}
