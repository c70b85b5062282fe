#include "examples/travel/demo.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	TICK_MS = 20,
	RUN_MAX_MS = 110000,
	SERVICE_DOWN_MS = 1500,
	KILL_AGAIN_MS = 250,
	NATS_DOWN_MAX_MS = 30000,
};

static uint32_t count_without(struct demo *demo)
{
	uint32_t ended = 0;

	(void)pthread_mutex_lock(&demo->load.lock);
	ended = demo->ended_without;
	(void)pthread_mutex_unlock(&demo->load.lock);
	return ended;
}

/* Down until others have all its shards; then it comes back and gets some again. */
static bool trouble_node(struct demo *demo)
{
	if (demo->node != NULL)
		return stage_kill_mend(&demo->stage, demo->node);
	if (load_count_final(&demo->load) < demo->load.count / 6 ||
	    !stage_is_past(demo->node_tried_ms, KILL_AGAIN_MS))
		return true;
	demo->node_tried_ms = wait_now_ms();
	if (stage_kill_owner(&demo->stage, &demo->load, DEMO_OPEN_AT_KILL_MIN, "bookings"))
		demo->node = &demo->stage.kills[0];
	return true;
}

static bool is_node_back(const struct demo *demo)
{
	return demo->node != NULL && demo->node->restarted;
}

/* Down until others lead its journals and bookings end on them: an election takes 4 to 9 s. */
static bool trouble_nats(struct demo *demo)
{
	if (!demo->nats_killed) {
		if (is_node_back(demo) && load_count_final(&demo->load) >= demo->load.count / 3 &&
		    stage_is_past(demo->nats_kill_tried_ms, KILL_AGAIN_MS)) {
			demo->nats_kill_tried_ms = wait_now_ms();
			(void)demo_kill_nats(demo);
		}
		return true;
	}
	if (demo->nats_restarted || (count_without(demo) < DEMO_ENDED_WITHOUT_MIN &&
				     !stage_is_past(demo->nats_killed_ms, NATS_DOWN_MAX_MS)))
		return true;
	demo->nats_restarted = true;
	return stage_restart(&demo->stage, demo->nats_victim);
}

static bool trouble_service(struct demo *demo)
{
	const bool before = demo->flags.nats_cluster ? demo->nats_restarted : is_node_back(demo);

	if (!demo->service_killed) {
		if (before && load_count_final(&demo->load) >= demo->load.count / 2)
			(void)demo_kill_service(demo);
		return true;
	}
	/* Before all is over, on a fast machine, too. */
	if (demo->service_restarted || (!stage_is_past(demo->service_killed_ms, SERVICE_DOWN_MS) &&
					load_count_final(&demo->load) < demo->load.count * 5 / 6))
		return true;
	demo->service_restarted = true;
	return stage_restart(&demo->stage, demo_service_victim());
}

/* The kills and the restarts, each when its time has come. False = cannot go on. */
static bool make_trouble(struct demo *demo)
{
	if (demo->flags.slow)
		return true;
	return trouble_node(demo) && (!demo->flags.nats_cluster || trouble_nats(demo)) &&
	       trouble_service(demo);
}

/* The rest of the bookings come more slowly, so that there are some to the end. */
static bool move_shards(struct demo *demo)
{
	struct demo_moves *moves = &demo->moves;

	if (moves->phase == DEMO_BEFORE_MOVES &&
	    (!demo->service_restarted || load_count_final(&demo->load) < demo->load.count * 2 / 3 ||
	     !stage_is_past(moves->tried_ms, KILL_AGAIN_MS)))
		return true;
	if (moves->phase == DEMO_BEFORE_MOVES) {
		moves->tried_ms = wait_now_ms();
		demo->load.in_flight = demo->flags.in_flight / 4 + 1;
	}
	return demo_moves_step(demo);
}

/* The last act is played to its end, and also when the bookings ended before it; with too few of
 * them nothing was killed, and there is none. */
static bool is_over(struct demo *demo)
{
	const enum demo_moves_phase phase = demo->moves.phase;

	return load_done(&demo->load) && (demo->flags.slow || phase == DEMO_LEVELLED ||
					  (phase == DEMO_BEFORE_MOVES && !demo->service_restarted));
}

/* Until every booking is final and the last act over, or the time is. */
static bool book(struct demo *demo)
{
	struct stage *stage = &demo->stage;
	uint64_t shown_ms = 0;

	stage_say("booking %u trips, %u at a time", demo->load.count, demo->flags.in_flight);
	demo->load.started_ms = wait_now_ms();
	while (!is_over(demo) && !stage->interrupted &&
	       !stage_is_past(demo->load.started_ms, RUN_MAX_MS)) {
		load_send(&demo->load);
		if (!make_trouble(demo) || (!demo->flags.slow && !move_shards(demo)))
			return false;
		if (stage_is_past(shown_ms, stage_progress_ms())) {
			demo_progress(demo, false);
			shown_ms = wait_now_ms();
		}
		(void)stage_pause(stage, TICK_MS);
	}
	demo->load.ended_ms = wait_now_ms();
	demo_progress(demo, true);
	return !stage->interrupted;
}

static int judge(struct demo *demo)
{
	char bookings[1200];
	char answers[1200];
	char why[1300] = "";
	const struct check_options options = {
		.folder = cluster_folder(demo->stage.cluster),
		.bookings_file = bookings,
		.bookings_max = demo->load.count,
		.answers_file = answers,
	};

	(void)snprintf(bookings, sizeof bookings, "%s/bookings.jsonl", demo->flags.data_dir);
	(void)snprintf(answers, sizeof answers, "%s/answers.jsonl",
		       cluster_folder(demo->stage.cluster));
	if (demo->node != NULL)
		(void)stage_takeovers_read(&demo->stage, demo->node);
	demo->parked = stage_say_open(&demo->stage, &demo->load);
	demo_find_ended(demo);
	stage_say("stopping the services, checking their databases");
	demo_services_stop(demo);
	if (!load_answers_write(&demo->load, answers)) {
		(void)stage_fail(&demo->stage, "cannot write %s", answers);
		return STAGE_EXIT_FAILED;
	}
	if (demo->flags.sabotage != SABOTAGE_NONE && !demo_sabotage(demo))
		return STAGE_EXIT_FAILED;
	if (!check_run(&options, &demo->report, why, sizeof why)) {
		(void)stage_fail(&demo->stage, "%s", why);
		return STAGE_EXIT_FAILED;
	}
	if (!demo_ask_judges(demo))
		return STAGE_EXIT_FAILED;
	return demo_verdict(demo);
}

static int run(struct demo *demo)
{
	if (!demo_load(demo) || !demo_cluster_start(demo) || !stage_pause(&demo->stage, 0) ||
	    !demo_services_start(demo) || !demo_connect(demo) || !book(demo))
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
	stage_init(&demo->stage, "travel-demo");
	code = run(demo);
	load_close(&demo->load);
	judged_close(&demo->judged);
	if (demo->definition != NULL)
		saga_definition_free(demo->definition);
	stage_close(&demo->stage, code, demo->flags.keep || demo->flags.folder != NULL);
	free(demo);
	return code;
}
