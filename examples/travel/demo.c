#include "examples/travel/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_MS = 20,
	RUN_MAX_MS = 110000,
	PROGRESS_TERMINAL_MS = 200,
	PROGRESS_PLAIN_MS = 5000,
	SERVICE_DOWN_MS = 1500,
	NODE_DOWN_MAX_MS = 10000,
	KILL_AGAIN_MS = 250,
	NATS_DOWN_MAX_MS = 30000,
};

/* A pause that Ctrl-C ends at once; false = it did. */
static bool pause_for(struct demo *demo, uint32_t pause_ms)
{
	const struct timespec tick = {.tv_sec = 0, .tv_nsec = (long)pause_ms * 1000000};

	if (sigtimedwait(&demo->signals, NULL, &tick) > 0)
		demo->interrupted = true;
	return !demo->interrupted;
}

static uint32_t count_final(struct demo *demo)
{
	uint32_t final = 0;

	(void)pthread_mutex_lock(&demo->lock);
	final = demo->final;
	(void)pthread_mutex_unlock(&demo->lock);
	return final;
}

static uint32_t count_without(struct demo *demo)
{
	uint32_t ended = 0;

	(void)pthread_mutex_lock(&demo->lock);
	ended = demo->ended_without;
	(void)pthread_mutex_unlock(&demo->lock);
	return ended;
}

static bool is_past(uint64_t since_ms, uint64_t span_ms)
{
	return wait_now_ms() >= since_ms + span_ms;
}

/* Down until others have all its shards; then it comes back and gets some again. */
static bool trouble_node(struct demo *demo)
{
	if (!demo->node_killed) {
		if (count_final(demo) >= demo->booking_count / 6 &&
		    is_past(demo->kill_tried_ms, KILL_AGAIN_MS)) {
			demo->kill_tried_ms = wait_now_ms();
			(void)demo_kill_node(demo);
		}
		return true;
	}
	if (demo->node_restarted ||
	    (!demo_takeovers_read(demo) && !is_past(demo->killed_ms, NODE_DOWN_MAX_MS)))
		return true;
	demo->node_restarted = true;
	return demo_restart(demo, demo->victim);
}

/* Down until others lead its journals and bookings end on them: an election takes 4 to 9 s. */
static bool trouble_nats(struct demo *demo)
{
	if (!demo->nats_killed) {
		if (demo->node_restarted && count_final(demo) >= demo->booking_count / 3 &&
		    is_past(demo->nats_kill_tried_ms, KILL_AGAIN_MS)) {
			demo->nats_kill_tried_ms = wait_now_ms();
			(void)demo_kill_nats(demo);
		}
		return true;
	}
	if (demo->nats_restarted || (count_without(demo) < DEMO_ENDED_WITHOUT_MIN &&
				     !is_past(demo->nats_killed_ms, NATS_DOWN_MAX_MS)))
		return true;
	demo->nats_restarted = true;
	return demo_restart(demo, demo->nats_victim);
}

static bool trouble_service(struct demo *demo)
{
	const bool before = demo->flags.nats_cluster ? demo->nats_restarted : demo->node_restarted;

	if (!demo->service_killed) {
		if (before && count_final(demo) >= demo->booking_count / 2)
			(void)demo_kill_service(demo);
		return true;
	}
	if (demo->service_restarted || !is_past(demo->service_killed_ms, SERVICE_DOWN_MS))
		return true;
	demo->service_restarted = true;
	return demo_restart(demo, demo_service_victim());
}

/* The kills and the restarts, each when its time has come. False = cannot go on. */
static bool make_trouble(struct demo *demo)
{
	if (demo->flags.slow)
		return true;
	return trouble_node(demo) && (!demo->flags.nats_cluster || trouble_nats(demo)) &&
	       trouble_service(demo);
}

/* Until every booking is final, or the time is over. */
static bool book(struct demo *demo)
{
	const uint64_t progress_ms =
		isatty(STDERR_FILENO) == 1 ? PROGRESS_TERMINAL_MS : PROGRESS_PLAIN_MS;
	uint64_t shown_ms = 0;
	bool done = false;

	demo_say(demo, "booking %u trips, %u at a time", demo->booking_count,
		 demo->flags.in_flight);
	demo->started_ms = wait_now_ms();
	while (!done && !demo->interrupted && wait_now_ms() - demo->started_ms < RUN_MAX_MS) {
		demo_submit_some(demo);
		if (!make_trouble(demo))
			return false;
		if (wait_now_ms() - shown_ms >= progress_ms) {
			demo_progress(demo, false);
			shown_ms = wait_now_ms();
		}
		(void)pause_for(demo, TICK_MS);
		(void)pthread_mutex_lock(&demo->lock);
		done = demo->final + demo->refused == demo->booking_count;
		(void)pthread_mutex_unlock(&demo->lock);
	}
	demo->ended_ms = wait_now_ms();
	demo_progress(demo, true);
	return !demo->interrupted;
}

static int judge(struct demo *demo)
{
	char bookings[1200];
	char answers[1200];
	char why[1300] = "";
	const struct check_options options = {
		.folder = cluster_folder(demo->cluster),
		.bookings_file = bookings,
		.bookings_max = demo->booking_count,
		.answers_file = answers,
	};

	(void)snprintf(bookings, sizeof bookings, "%s/bookings.jsonl", demo->flags.data_dir);
	(void)snprintf(answers, sizeof answers, "%s/answers.jsonl", cluster_folder(demo->cluster));
	(void)demo_takeovers_read(demo);
	demo_ask_parked(demo);
	demo_find_ended(demo);
	demo_say(demo, "stopping the services, checking their databases");
	demo_services_stop(demo);
	if (!demo_answers_write(demo, answers) ||
	    (demo->flags.sabotage != SABOTAGE_NONE && !demo_sabotage(demo)))
		return DEMO_EXIT_FAILED;
	if (!check_run(&options, &demo->report, why, sizeof why)) {
		(void)demo_fail(demo, "%s", why);
		return DEMO_EXIT_FAILED;
	}
	return demo_verdict(demo);
}

static int run(struct demo *demo)
{
	if (!demo_load(demo) || !demo_cluster_start(demo) || !pause_for(demo, 0) ||
	    !demo_services_start(demo) || !demo_connect(demo) || !book(demo))
		return demo->interrupted ? DEMO_EXIT_INTERRUPTED : DEMO_EXIT_FAILED;
	return judge(demo);
}

int main(int argc, char **argv)
{
	struct demo *demo = calloc(1, sizeof *demo);
	int code = DEMO_EXIT_FAILED;

	if (demo == NULL)
		return code;
	demo_flags_parse(argc, argv, &demo->flags);
	/* Before there are threads, so that only the main thread ever takes them. */
	(void)sigemptyset(&demo->signals);
	(void)sigaddset(&demo->signals, SIGINT);
	(void)sigaddset(&demo->signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &demo->signals, NULL);
	(void)pthread_mutex_init(&demo->lock, NULL);
	code = run(demo);
	if (demo->connection != NULL)
		saga_close(demo->connection, 0);
	if (demo->definition != NULL)
		saga_definition_free(demo->definition);
	if (demo->cluster != NULL && code == DEMO_EXIT_FAILED)
		cluster_keep(demo->cluster); /* what went wrong stands in its logs */
	if (demo->cluster != NULL &&
	    (demo->flags.keep || demo->flags.folder != NULL || code == DEMO_EXIT_FAILED))
		demo_say(demo, "databases and logs are in %s", cluster_folder(demo->cluster));
	cluster_destroy(demo->cluster);
	for (uint32_t i = 0; i < demo->booking_count; i++)
		free(demo->bookings[i].line);
	free(demo->bookings);
	(void)pthread_mutex_destroy(&demo->lock);
	free(demo);
	return code;
}
