/* The progress line, the table and the verdict. */
#include <inttypes.h>
#include <stdio.h>

#include "examples/travel/demo.h"

void demo_progress(struct demo *demo, bool last)
{
	struct load *load = &demo->load;
	uint32_t final = 0;
	uint32_t completed = 0;
	uint32_t compensated = 0;
	uint32_t open = 0;

	(void)pthread_mutex_lock(&load->lock);
	final = load->final;
	completed = load->completed;
	compensated = load->compensated;
	open = load->open + load->sent;
	(void)pthread_mutex_unlock(&load->lock);
	stage_progress(last, "%5u of %u final: %u completed, %u compensated; %u under way", final,
		       load->count, completed, compensated, open);
}

/* ---- inconclusive? --------------------------------------------------------------------------- */

static void find_doubts(const struct demo *demo, char *text, size_t size)
{
	const struct check_report *report = &demo->report;

	text[0] = '\0';
	judged_doubt(&demo->judged, text, size);
	if (demo->flags.slow) {
		if (report->completed < DEMO_SLOW_MIN)
			stage_doubt(text, size, "only %u completed", report->completed);
		if (demo->load.for_deadline < DEMO_SLOW_MIN)
			stage_doubt(text, size, "only %u undone for their deadline",
				    demo->load.for_deadline);
	} else {
		if (demo->node == NULL)
			stage_doubt(text, size,
				    "no node was killed: none ever had %d open bookings",
				    DEMO_OPEN_AT_KILL_MIN);
		else if (demo->node->open < DEMO_OPEN_AT_KILL_MIN)
			stage_doubt(text, size, "only %u open bookings on the killed node",
				    demo->node->open);
		if (demo->flags.nats_cluster && demo->ended_without < DEMO_ENDED_WITHOUT_MIN)
			stage_doubt(
				text, size,
				"only %u bookings ended on the journals of the killed NATS server "
				"while it was down",
				demo->ended_without);
		if (demo->node == NULL || !demo->node->restarted || !demo->service_restarted ||
		    (demo->flags.nats_cluster && !demo->nats_restarted))
			stage_doubt(text, size, "not everything was killed and restarted");
		if (demo->moves.phase != DEMO_LEVELLED || !demo->moves.level)
			stage_doubt(text, size, "the shards were not levelled by hand");
		if (report->completed < DEMO_COMPLETED_MIN)
			stage_doubt(text, size, "only %u completed", report->completed);
		if (report->compensated < DEMO_COMPENSATED_MIN)
			stage_doubt(text, size, "only %u compensated", report->compensated);
		if (report->duplicates == 0)
			stage_doubt(text, size, "no duplicate met a barrier");
		if (report->empty_undos == 0)
			stage_doubt(text, size, "no undo came before its forward operation");
		if (report->late_forwards == 0)
			stage_doubt(text, size, "no forward operation came after its undo");
	}
}

/* ---- output -----------------------------------------------------------------------------------
 */

static void print_table(const struct demo *demo, const char *doubts)
{
	const struct load_figures latencies = load_measure(&demo->load);

	check_print(&demo->report, stdout);
	judged_print(&demo->judged, stdout);
	(void)printf("parked         %8u\n", demo->parked);
	if (demo->ended_early > 0)
		(void)printf("ended early    %8u   processes that nobody killed\n",
			     demo->ended_early);
	(void)printf("bookings/s     %8.1f\n", latencies.rate);
	(void)printf("p50            %8" PRIu64 " ms\n", latencies.p50_ms);
	(void)printf("p99            %8" PRIu64 " ms\n", latencies.p99_ms);
	if (demo->flags.slow)
		(void)printf("past deadline  %8u\n", demo->load.for_deadline);
	else if (demo->node != NULL)
		(void)printf("open at kill   %8u   on %s\n", demo->node->open, demo->node->victim);
	else
		(void)printf("open at kill          -   no node was killed\n");
	if (demo->nats_killed)
		(void)printf("ended without  %8u   on the %u journals that %s led, while it was "
			     "down\n",
			     demo->ended_without, demo->led_count, demo->nats_victim);
	if (demo->node != NULL)
		stage_print_takeovers(demo->node);
	if (doubts[0] != '\0')
		(void)printf("inconclusive: %s\n", doubts);
}

static void print_json(const struct demo *demo, const char *doubts, int code)
{
	static const struct stage_kill no_kill;
	const struct load_figures latencies = load_measure(&demo->load);

	(void)printf("{\"exit\":%d,\"seed\":%" PRIu64
		     ",\"parked\":%u,\"rate\":%.1f,\"p50_ms\":%" PRIu64 ",\"p99_ms\":%" PRIu64
		     ",\"for_deadline\":%u,\"nats_victim\":\"%s\",\"nats_led\":%u,"
		     "\"ended_without\":%u,\"levelled\":%s,\"inconclusive\":\"%s\",",
		     code, demo->flags.seed, demo->parked, latencies.rate, latencies.p50_ms,
		     latencies.p99_ms, demo->load.for_deadline, demo->nats_victim, demo->led_count,
		     demo->ended_without, demo->moves.level ? "true" : "false", doubts);
	stage_print_takeovers_json(demo->node != NULL ? demo->node : &no_kill);
	(void)printf(",\"judges\":");
	judged_print_json(&demo->judged, stdout);
	(void)printf(",\"check\":");
	(void)fflush(stdout);
	check_print_json(&demo->report, stdout);
	(void)printf("}\n");
}

int demo_verdict(struct demo *demo)
{
	char doubts[1024];
	int code = STAGE_EXIT_OK;

	find_doubts(demo, doubts, sizeof doubts);
	if (doubts[0] != '\0')
		code = STAGE_EXIT_INCONCLUSIVE;
	if (demo->report.findings.violations > 0 || demo->parked > 0 || demo->load.refused > 0 ||
	    demo->ended_early > 0 || demo->load.final < demo->load.count ||
	    demo->judged.verdict.finding_count > 0)
		code = STAGE_EXIT_VIOLATION;
	if (demo->flags.json)
		print_json(demo, doubts, code);
	else
		print_table(demo, doubts);
	return code;
}
