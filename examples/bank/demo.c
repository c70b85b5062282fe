#include "examples/bank/demo.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	TICK_MS = 20,
	STALLED_MS = 90000, /* longer than a transfer may take */
	KILL_AGAIN_MS = 250,
};

/* One kill after the other, spread over the run; each node comes back when others have its shards.
 */
static bool make_trouble(struct demo *demo)
{
	struct stage *stage = &demo->stage;
	const uint32_t done = stage->kill_count;
	const uint64_t due = (uint64_t)demo->load.count * (done + 1) / (demo->flags.kills + 2);

	if (done > 0 && !stage->kills[done - 1].restarted)
		return stage_kill_mend(stage, &stage->kills[done - 1]);
	if (done == demo->flags.kills || load_count_final(&demo->load) < due ||
	    !stage_is_past(demo->kill_tried_ms, KILL_AGAIN_MS))
		return true;
	demo->kill_tried_ms = wait_now_ms();
	(void)stage_kill_owner(stage, &demo->load, DEMO_OPEN_AT_KILL_MIN, "transfers");
	return true;
}

/* Until every transfer is final, or none has become so for long. */
static bool transfer(struct demo *demo)
{
	struct stage *stage = &demo->stage;
	uint64_t shown_ms = 0;
	uint64_t moved_ms = wait_now_ms();
	uint32_t final = 0;

	stage_say("making %u transfers, %u at a time, trouble in %u %% of them", demo->load.count,
		  demo->flags.in_flight, demo->flags.trouble_percent);
	demo->load.started_ms = wait_now_ms();
	while (!load_done(&demo->load) && !stage->interrupted &&
	       !stage_is_past(moved_ms, STALLED_MS)) {
		load_send(&demo->load);
		if (!make_trouble(demo) || !demo_services_mend(demo))
			return false;
		if (stage_is_past(shown_ms, stage_progress_ms())) {
			demo_progress(demo, false);
			shown_ms = wait_now_ms();
		}
		if (load_count_final(&demo->load) != final) {
			final = load_count_final(&demo->load);
			moved_ms = wait_now_ms();
		}
		(void)stage_pause(stage, TICK_MS);
	}
	demo->load.ended_ms = wait_now_ms();
	demo_progress(demo, true);
	return !stage->interrupted;
}

static int judge(struct demo *demo)
{
	const char *folder = cluster_folder(demo->stage.cluster);
	char transfers[1200];
	char answers[1200];
	char why[1300] = "";
	const struct check_options options = {
		.folder = folder, .transfers_file = transfers, .answers_file = answers};

	(void)snprintf(transfers, sizeof transfers, "%s/transfers.jsonl", folder);
	(void)snprintf(answers, sizeof answers, "%s/answers.jsonl", folder);
	for (uint32_t i = 0; i < demo->stage.kill_count; i++)
		(void)stage_takeovers_read(&demo->stage, &demo->stage.kills[i]);
	demo->parked = stage_say_open(&demo->stage, &demo->load);
	(void)demo_services_mend(demo);
	demo->ended_early += stage_count_ended(&demo->stage, NULL, NULL);
	stage_say("stopping the services, checking their databases");
	demo_services_stop(demo);
	if (!demo_answers_write(demo, answers))
		return STAGE_EXIT_FAILED;
	if (!check_run(&options, &demo->report, why, sizeof why)) {
		(void)stage_fail(&demo->stage, "%s", why);
		return STAGE_EXIT_FAILED;
	}
	if (!demo_judges_ask(demo))
		return STAGE_EXIT_FAILED;
	return demo_verdict(demo);
}

static int run(struct demo *demo)
{
	if (!demo_cluster_start(demo) || !demo_transfers_make(demo) ||
	    !stage_pause(&demo->stage, 0) || !demo_services_start(demo) || !demo_connect(demo) ||
	    !demo_judges_open(demo) || !transfer(demo))
		return demo->stage.interrupted ? STAGE_EXIT_INTERRUPTED : STAGE_EXIT_FAILED;
	return judge(demo);
}

int main(int argc, char **argv)
{
	struct demo *demo = calloc(1, sizeof *demo);
	int code = STAGE_EXIT_FAILED;

	if (demo == NULL)
		return code;
	demo_flags_parse(argc, argv, &demo->flags);
	stage_init(&demo->stage, "bank-demo");
	code = run(demo);
	load_close(&demo->load);
	judged_close(&demo->judged);
	for (uint32_t i = 0; i < CHECK_PROTOCOLS; i++)
		saga_definition_free(demo->definitions[i]);
	stage_close(&demo->stage, code, demo->flags.keep || demo->flags.folder != NULL);
	free(demo);
	return code;
}
