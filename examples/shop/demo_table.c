/* The progress line, the table and the verdict. */
#include <inttypes.h>
#include <stdio.h>

#include "examples/shop/demo.h"

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
	stage_progress(last, "%5u of %u final: %u completed, %u undone; %u under way", final,
		       load->count, completed, compensated, open);
}

/* ---- inconclusive? --------------------------------------------------------------------------- */

static void find_doubts(const struct demo *demo, char *text, size_t size)
{
	const struct check_report *report = &demo->report;
	const struct stage *stage = &demo->stage;
	const struct {
		uint64_t value, min;
		const char *what;
	} counts[] = {
		{report->completed, DEMO_COMPLETED_MIN, "completed"},
		{report->sold_out, DEMO_SOLD_OUT_MIN, "undone for want of goods"},
		{report->declined, DEMO_DECLINED_MIN, "declined"},
		{report->races, DEMO_RACES_MIN, "races for a row"},
		{report->settled_done, DEMO_SETTLED_MIN, "charges settled as done"},
		{report->settled_blocked, DEMO_SETTLED_MIN, "charges blocked by settling"},
		{demo->regret.cancelled, DEMO_CANCELLED_MIN, "cancelled by their customers"},
		{demo->regret.pending, DEMO_PENDING_MIN,
		 "cancelled in vain while the charge was out"},
		{report->patient, 1, "sent after being parked"},
		{report->without_gift, 1, "completed without a gift"},
		{report->gifts_undone, 1, "gifts that were undone because nobody knew"},
		{report->duplicates, 1, "duplicates at a barrier"},
	};

	text[0] = '\0';
	judged_doubt(&demo->judged, text, size);
	for (uint32_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		if (counts[i].value < counts[i].min)
			stage_doubt(text, size, "only %" PRIu64 " %s", counts[i].value,
				    counts[i].what);
	if (stage->kill_count < demo->flags.kills)
		stage_doubt(text, size, "only %u of %u kills: there never were %d open orders",
			    stage->kill_count, demo->flags.kills, DEMO_OPEN_AT_KILL_MIN);
	for (uint32_t i = 0; i < stage->kill_count; i++)
		if (!stage->kills[i].restarted)
			stage_doubt(text, size, "%s was not restarted", stage->kills[i].victim);
}

/* ---- output -----------------------------------------------------------------------------------
 */

static void print_table(const struct demo *demo, const char *doubts)
{
	const struct load_figures figures = load_measure(&demo->load);

	check_print(&demo->report, stdout);
	(void)printf("cancels        %8u   %u done, %u too late, %u pending: the charge was out\n",
		     demo->regret.asked, demo->regret.cancelled, demo->regret.too_late,
		     demo->regret.pending);
	judged_print(&demo->judged, stdout);
	(void)printf("parked         %8u\n", demo->parked);
	if (demo->ended_early > 0)
		(void)printf("ended early    %8u   processes that nobody killed\n",
			     demo->ended_early);
	(void)printf("orders/s       %8.1f\n", figures.rate);
	(void)printf("p50            %8" PRIu64 " ms\n", figures.p50_ms);
	(void)printf("p99            %8" PRIu64 " ms\n", figures.p99_ms);
	for (uint32_t i = 0; i < demo->stage.kill_count; i++) {
		(void)printf("open at kill   %8u   on %s\n", demo->stage.kills[i].open,
			     demo->stage.kills[i].victim);
		stage_print_takeovers(&demo->stage.kills[i]);
	}
	if (doubts[0] != '\0')
		(void)printf("inconclusive: %s\n", doubts);
}

static void print_json(const struct demo *demo, const char *doubts, int code)
{
	const struct load_figures figures = load_measure(&demo->load);

	(void)printf("{\"exit\":%d,\"seed\":%" PRIu64
		     ",\"parked\":%u,\"rate\":%.1f,\"p50_ms\":%" PRIu64 ",\"p99_ms\":%" PRIu64
		     ",\"cancelled\":%u,\"cancelled_in_vain\":%u,\"inconclusive\":\"%s\","
		     "\"kills\":[",
		     code, demo->flags.seed, demo->parked, figures.rate, figures.p50_ms,
		     figures.p99_ms, demo->regret.cancelled, demo->regret.pending, doubts);
	for (uint32_t i = 0; i < demo->stage.kill_count; i++) {
		(void)printf("%s{", i == 0 ? "" : ",");
		stage_print_takeovers_json(&demo->stage.kills[i]);
		(void)printf("}");
	}
	(void)printf("],\"judges\":");
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
