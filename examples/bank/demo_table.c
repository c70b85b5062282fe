/* The progress line, the table and the verdict. */
#include <inttypes.h>
#include <stdio.h>

#include "examples/bank/demo.h"

void demo_progress(struct demo *demo, bool last)
{
	struct load *load = &demo->load;
	uint32_t final = 0;
	uint32_t completed = 0;
	uint32_t open = 0;

	(void)pthread_mutex_lock(&load->lock);
	final = load->final;
	completed = load->completed;
	open = load->open + load->sent;
	(void)pthread_mutex_unlock(&load->lock);
	stage_progress(
		last,
		"%5u of %u final: %u committed, %u aborted; %u under way; %u crashes of banks",
		final, load->count, completed, final - completed, open, demo->crashes);
}

/* ---- inconclusive? --------------------------------------------------------------------------- */

static void doubt_kills(const struct demo *demo, char *text, size_t size)
{
	const struct stage *stage = &demo->stage;

	if (demo->flags.kills == 0)
		stage_doubt(text, size, "no node was to be killed");
	if (stage->kill_count < demo->flags.kills)
		stage_doubt(text, size, "%u of %u kills: no node ever had %d open transfers",
			    stage->kill_count, demo->flags.kills, DEMO_OPEN_AT_KILL_MIN);
	for (uint32_t i = 0; i < stage->kill_count; i++)
		if (!stage->kills[i].restarted)
			stage_doubt(text, size, "%s was killed and never restarted",
				    stage->kills[i].victim);
}

static void doubt_trouble(const struct demo *demo, char *text, size_t size)
{
	const struct check_report *report = &demo->report;
	const uint64_t wanted = (uint64_t)report->transfers * demo->flags.trouble_percent / 100;

	if (wanted == 0)
		stage_doubt(text, size, "there was to be no trouble");
	/* Some that were to have trouble end before it is their turn. */
	else if (report->troubled < wanted / 2)
		stage_doubt(text, size, "only %u of %" PRIu64 " transfers had trouble",
			    report->troubled, wanted);
	for (uint32_t i = 0; i < CHECK_TROUBLES; i++)
		if (report->troubles[i] == 0)
			stage_doubt(text, size, "no trouble of kind %s", check_trouble_names[i]);
	if (demo->crashes == 0)
		stage_doubt(text, size, "no bank crashed");
	if (report->inquiries == 0)
		stage_doubt(text, size, "no bank in doubt was answered");
	if (report->duplicates == 0)
		stage_doubt(text, size, "no duplicate met a barrier");
	if (report->empty_undos == 0)
		stage_doubt(text, size, "no rollback came before its vote");
	if (report->late_forwards == 0)
		stage_doubt(text, size, "no vote came after its rollback");
}

static void find_doubts(const struct demo *demo, char *text, size_t size)
{
	const struct check_report *report = &demo->report;
	const bool used[CHECK_PROTOCOLS] = {demo->flags.with_2pc, demo->flags.with_tcc,
					    demo->flags.with_2pc};

	text[0] = '\0';
	doubt_kills(demo, text, size);
	doubt_trouble(demo, text, size);
	judged_doubt(&demo->judged, text, size);
	if (report->read_only == 0)
		stage_doubt(text, size, "nothing was read only");
	for (uint32_t i = 0; i < CHECK_PROTOCOLS; i++) {
		if (used[i] && report->committed[i] < DEMO_ENDED_MIN)
			stage_doubt(text, size, "only %u committed by %s", report->committed[i],
				    check_protocol_names[i]);
		if (used[i] && i != CHECK_INSIDE && report->aborted[i] < DEMO_ENDED_MIN)
			stage_doubt(text, size, "only %u aborted by %s", report->aborted[i],
				    check_protocol_names[i]);
	}
}

/* ---- output ----------------------------------------------------------------------------------
 */

static void print_table(const struct demo *demo, const char *doubts)
{
	const struct load_figures figures = load_measure(&demo->load);

	check_print(&demo->report, stdout);
	judged_print(&demo->judged, stdout);
	(void)printf("parked         %8u\n", demo->parked);
	if (demo->ended_early > 0)
		(void)printf("ended early    %8u   processes that nobody killed\n",
			     demo->ended_early);
	(void)printf("transfers/s    %8.1f\n", figures.rate);
	(void)printf("p50            %8" PRIu64 " ms\n", figures.p50_ms);
	(void)printf("p99            %8" PRIu64 " ms\n", figures.p99_ms);
	for (uint32_t i = 0; i < demo->stage.kill_count; i++) {
		const struct stage_kill *kill = &demo->stage.kills[i];

		(void)printf("open at kill   %8u   on %s\n", kill->open, kill->victim);
		stage_print_takeovers(kill);
	}
	if (doubts[0] != '\0')
		(void)printf("inconclusive: %s\n", doubts);
}

static void print_json(const struct demo *demo, const char *doubts, int code)
{
	const struct load_figures figures = load_measure(&demo->load);

	(void)printf("{\"exit\":%d,\"seed\":%" PRIu64
		     ",\"parked\":%u,\"crashes\":%u,\"rate\":%.1f,\"p50_ms\":%" PRIu64
		     ",\"p99_ms\":%" PRIu64 ",\"inconclusive\":\"%s\",\"kills\":[",
		     code, demo->flags.seed, demo->parked, demo->crashes, figures.rate,
		     figures.p50_ms, figures.p99_ms, doubts);
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
