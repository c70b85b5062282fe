/* What came of many seeds: counted, told while it goes on, judged at the end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/sim/sim_line.h"

enum { VACUOUS_FROM = 200, FINDINGS_MAX = 1000, TELL_MS = 1000, TELL_LOG_MS = 30000 };

static uint64_t now_ms(void)
{
	struct timespec now;

	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct slice sim_rule_of(const char *failure)
{
	const char *colon = strchr(failure, ':');

	return slice_of(failure,
			colon == NULL ? (uint32_t)strlen(failure) : (uint32_t)(colon - failure));
}

const char *sim_ending_name(enum sim_ending ending)
{
	static const char *const names[] = {
		[SIM_ENDED_WELL] = "good",
		[SIM_ENDED_UNSAFE] = "SAFETY",
		[SIM_ENDED_STUCK] = "LIVENESS",
		[SIM_ENDED_DEAD] = "CRASH",
	};

	return names[ending];
}

const char *sim_mode_name(enum sim_mode mode)
{
	static const char *const names[SIM_MODES] = {
		[SIM_BY_SEED] = "by-seed",
		[SIM_SAFETY] = "safety",
		[SIM_LIVENESS] = "liveness",
		[SIM_OUTAGE] = "outage",
	};

	return names[mode];
}

void sim_totals_begin(struct sim_totals *totals, const struct sim_line *line)
{
	*totals = (struct sim_totals){.line = line, .started_ms = now_ms()};
	totals->told_ms = totals->started_ms;
	if (line->json)
		return;
	(void)printf("sagad-sim at %s: seeds %" PRIu64 " to %" PRIu64 ", mode %s",
		     line->commit != NULL ? line->commit : "(no commit given)", line->first,
		     line->first + line->seeds - 1, sim_mode_name(line->options.mode));
	if (line->options.outage_ms > 0)
		(void)printf(" of %" PRIu64 " min", line->options.outage_ms / 60000);
	if (sim_plants.name[0] != '\0')
		(void)printf(", bug %s", sim_plants.name);
	(void)printf(", %u jobs\n", line->jobs);
}

static void complain(const struct sim_totals *totals, const struct sim_report *report,
		     const char *what, const char *text)
{
	const struct sim_line *line = totals->line;
	const char *saga = strstr(text, "saga ");
	char *end = NULL;

	(void)printf("seed %" PRIu64 ": %s: %s\n", report->result.seed, what, text);
	(void)printf("  again: ./dev sim --seed %" PRIu64 " --seeds 1 --mode %s",
		     report->result.seed, sim_mode_name(line->options.mode));
	if (line->options.outage_ms > 0)
		(void)printf(" --outage %" PRIu64, line->options.outage_ms / 60000);
	if (sim_plants.name[0] != '\0')
		(void)printf(" --bug %s", sim_plants.name);
	(void)printf("%s%s --trace", line->options.disk ? " --disk" : "",
		     line->options.beyond ? " --beyond" : "");
	if (saga != NULL) {
		const unsigned long number = strtoul(saga + 5, &end, 10);

		if (end != saga + 5)
			(void)printf(" --saga %lu", number);
	}
	(void)printf("\n");
}

static void remember(struct sim_totals *totals, const struct sim_report *report)
{
	if (totals->finding_count == FINDINGS_MAX)
		return;
	totals->findings = sim_grow(totals->findings, totals->finding_count,
				    &totals->finding_capacity, sizeof *totals->findings);
	totals->findings[totals->finding_count++] = *report;
}

/* In place where somebody looks on, else a line now and then. */
static void tell(struct sim_totals *totals)
{
	const uint64_t now = now_ms();
	const bool watched = isatty(STDERR_FILENO) == 1;
	const uint64_t took_ms = now - totals->started_ms;

	if (now - totals->told_ms < (watched ? TELL_MS : TELL_LOG_MS))
		return;
	totals->told_ms = now;
	(void)fprintf(stderr,
		      "%s%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " transactions, %" PRIu64
		      " a second, %u findings%s",
		      watched ? "\r" : "", totals->seeds, totals->line->seeds,
		      totals->count.accepted, totals->count.accepted * 1000 / took_ms,
		      totals->finding_count, watched ? "   " : "\n");
}

void sim_totals_add(void *context, const struct sim_report *report)
{
	struct sim_totals *totals = context;
	const struct sim_result *result = &report->result;

	totals->seeds++;
	totals->endings[report->ending]++;
	if (result->copies_max > totals->copies_max)
		totals->copies_max = result->copies_max;
	totals->digest ^= prng_mix(result->digest + result->seed);
#define X(name) totals->count.name += result->count.name;
	SIM_COUNTERS(X)
	SIM_DAMAGE_COUNTERS(X)
#undef X
	if (report->two_stories) {
		totals->two_stories++;
		if (!totals->line->json)
			complain(totals, report, "NOT REPEATABLE",
				 "the same seed gave two digests");
	}
	if (report->ending != SIM_ENDED_WELL) {
		if (!totals->found || result->seed < totals->found_seed)
			totals->found_seed = result->seed;
		totals->found = true;
		remember(totals, report);
		if (!totals->line->json)
			complain(totals, report, sim_ending_name(report->ending), result->failure);
	}
	tell(totals);
}

bool sim_totals_enough(void *context)
{
	const struct sim_totals *totals = context;

	return totals->line->find && totals->found;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* What never happened proves nothing about itself. */
static bool vacuous(const struct sim_totals *totals, uint32_t zeros)
{
	const struct sim_counters *count = &totals->count;

	if (totals->line->options.beyond)
		return count->journal_tails_lost == 0 || count->journals_purged == 0 ||
		       count->journals_made_again == 0 || count->damage_halts == 0;
	if (totals->line->options.mode == SIM_OUTAGE)
		return totals->count.parked == 0 || totals->copies_max == 0;
	return zeros > 0 && totals->line->seeds >= VACUOUS_FROM &&
	       totals->line->options.mode != SIM_LIVENESS;
}

static enum sim_exit judge(const struct sim_totals *totals, uint32_t zeros)
{
	if (totals->line->find)
		return totals->found ? SIM_EXIT_GOOD : SIM_EXIT_NOT_FOUND;
	if (totals->endings[SIM_ENDED_DEAD] > 0)
		return SIM_EXIT_CRASH;
	if (totals->endings[SIM_ENDED_UNSAFE] > 0)
		return SIM_EXIT_SAFETY;
	if (totals->endings[SIM_ENDED_STUCK] > 0)
		return SIM_EXIT_LIVENESS;
	if (totals->two_stories > 0)
		return SIM_EXIT_TWO_STORIES;
	return vacuous(totals, zeros) ? SIM_EXIT_VACUOUS : SIM_EXIT_GOOD;
}

/* Runs of safety freeze nothing. */
static bool expected(const struct sim_totals *totals, const char *counter)
{
	return totals->line->options.mode != SIM_SAFETY ||
	       strncmp(counter, "frozen_", sizeof "frozen_" - 1) != 0;
}

static uint32_t count_zeros(const struct sim_totals *totals)
{
	uint32_t zeros = 0;

#define X(name) zeros += totals->count.name == 0 && expected(totals, #name);
	SIM_COUNTERS(X)
#undef X
	return zeros;
}

static void print_text(const struct sim_totals *totals, uint64_t took_ms, enum sim_exit verdict)
{
	const bool wanted = !totals->line->options.trace;
	uint32_t column = 0;

#define X(name)                                                                                    \
	if (wanted)                                                                                \
		(void)printf("  %-20s %9" PRIu64 "%s", #name, totals->count.name,                  \
			     ++column % 3 == 0 ? "\n" : "");
	SIM_COUNTERS(X)
#undef X
	if (column % 3 != 0)
		(void)printf("\n");
	(void)printf("%" PRIu64 " seeds from %" PRIu64 ", digest %016" PRIx64 ": %" PRIu64
		     " broke a safety rule, %" PRIu64 " did not end, %" PRIu64 " died, %" PRIu64
		     " were not repeatable\n",
		     totals->seeds, totals->line->first, totals->digest,
		     totals->endings[SIM_ENDED_UNSAFE], totals->endings[SIM_ENDED_STUCK],
		     totals->endings[SIM_ENDED_DEAD], totals->two_stories);
	(void)printf("beyond the model: ");
#define X(name) (void)printf("%s %" PRIu64 "  ", #name, totals->count.name);
	SIM_DAMAGE_COUNTERS(X)
#undef X
	(void)printf("\n%" PRIu64 " transactions in %.1f s; at most %u live copies of a command in "
		     "the stream (S14)\n",
		     totals->count.accepted, (double)took_ms / 1000, totals->copies_max);
	if (totals->line->find && totals->found)
		(void)printf("bug %s found: seed %" PRIu64 ", after %" PRIu64 " seeds\n",
			     sim_plants.name, totals->found_seed, totals->seeds);
	else if (totals->line->find)
		(void)printf("bug %s was NOT found\n", sim_plants.name);
	if (verdict != SIM_EXIT_VACUOUS)
		return;
#define X(name)                                                                                    \
	if (totals->count.name == 0 && expected(totals, #name))                                    \
		(void)printf("never happened: %s\n", #name);
	SIM_COUNTERS(X)
#undef X
	(void)printf("these runs prove too little\n");
}

static void print_json_text(const char *text)
{
	(void)putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)putchar('\\');
		(void)putchar((unsigned char)*text < ' ' ? ' ' : *text);
	}
	(void)putchar('"');
}

static const char *verdict_name(enum sim_exit verdict)
{
	switch (verdict) {
	case SIM_EXIT_GOOD:
		return "good";
	case SIM_EXIT_SAFETY:
		return "safety";
	case SIM_EXIT_LIVENESS:
		return "liveness";
	case SIM_EXIT_VACUOUS:
		return "too-little-seen";
	case SIM_EXIT_TWO_STORIES:
		return "not-repeatable";
	case SIM_EXIT_NOT_FOUND:
		return "not-found";
	case SIM_EXIT_CRASH:
		return "crash";
	case SIM_EXIT_USAGE:
		break;
	}
	return "usage";
}

static void print_json(const struct sim_totals *totals, uint64_t took_ms, enum sim_exit verdict)
{
	const struct sim_line *line = totals->line;

	(void)printf("{\"verdict\":\"%s\",\"commit\":", verdict_name(verdict));
	print_json_text(line->commit != NULL ? line->commit : "");
	(void)printf(",\"bug\":\"%s\",\"mode\":\"%s\",\"outage_ms\":%" PRIu64 ",\"first\":%" PRIu64
		     ",\"seeds\":%" PRIu64 ",\"run\":%" PRIu64 ",\"jobs\":%u,\"took_ms\":%" PRIu64
		     ",\"digest\":\"%016" PRIx64 "\",\"copies_max\":%u,\"not_repeatable\":%" PRIu64,
		     sim_plants.name, sim_mode_name(line->options.mode), line->options.outage_ms,
		     line->first, line->seeds, totals->seeds, line->jobs, took_ms, totals->digest,
		     totals->copies_max, totals->two_stories);
	(void)printf(",\"findings\":[");
	for (uint32_t i = 0; i < totals->finding_count; i++) {
		const struct sim_report *report = &totals->findings[i];

		(void)printf(
			"%s{\"seed\":%" PRIu64 ",\"ending\":\"%s\",\"text\":", i > 0 ? "," : "",
			report->result.seed, sim_ending_name(report->ending));
		print_json_text(report->result.failure);
		(void)printf("}");
	}
	const char *comma = "";
	(void)printf("],\"counters\":{");
#define X(name)                                                                                    \
	(void)printf("%s\"%s\":%" PRIu64, comma, #name, totals->count.name);                       \
	comma = ",";
	SIM_COUNTERS(X)
#undef X
	(void)printf("}}\n");
}

enum sim_exit sim_totals_end(struct sim_totals *totals)
{
	const enum sim_exit verdict = judge(totals, count_zeros(totals));
	const uint64_t took_ms = now_ms() - totals->started_ms + 1;

	if (isatty(STDERR_FILENO) == 1 && totals->told_ms != totals->started_ms)
		(void)fprintf(stderr, "\n");
	if (totals->line->json)
		print_json(totals, took_ms, verdict);
	else
		print_text(totals, took_ms, verdict);
	free(totals->findings);
	return verdict;
}
