/* The progress line, the table and the verdict. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "examples/travel/demo.h"

static bool on_terminal(void)
{
	return isatty(STDERR_FILENO) == 1;
}

__attribute__((format(printf, 2, 0))) static void say(const char *head, const char *format,
						      va_list arguments)
{
	if (on_terminal())
		(void)fputs("\r\033[K", stderr);
	(void)fputs(head, stderr);
	(void)vfprintf(stderr, format, arguments);
	(void)fputc('\n', stderr);
}

void demo_say(const struct demo *demo, const char *format, ...)
{
	va_list arguments;

	(void)demo;
	va_start(arguments, format);
	say("", format, arguments);
	va_end(arguments);
}

bool demo_fail(const struct demo *demo, const char *format, ...)
{
	va_list arguments;

	(void)demo;
	va_start(arguments, format);
	say("travel-demo: ", format, arguments);
	va_end(arguments);
	return false;
}

void demo_progress(struct demo *demo, bool last)
{
	const bool terminal = on_terminal();
	uint32_t final = 0;
	uint32_t completed = 0;
	uint32_t compensated = 0;
	uint32_t open = 0;

	(void)pthread_mutex_lock(&demo->lock);
	final = demo->final;
	completed = demo->completed;
	compensated = demo->compensated;
	open = demo->open + demo->sent;
	(void)pthread_mutex_unlock(&demo->lock);
	(void)fprintf(stderr, "%s%5u of %u final: %u completed, %u compensated; %u under way%s",
		      terminal ? "\r\033[K" : "", final, demo->booking_count, completed,
		      compensated, open, terminal && !last ? "" : "\n");
	(void)fflush(stderr);
}

static int compare_numbers(const void *left, const void *right)
{
	const uint64_t l = *(const uint64_t *)left;
	const uint64_t r = *(const uint64_t *)right;

	return l < r ? -1 : l > r;
}

struct latencies {
	uint64_t p50_ms, p99_ms;
	double rate;
};

static struct latencies measure(const struct demo *demo)
{
	uint64_t *taken = calloc(demo->booking_count, sizeof *taken);
	struct latencies result = {0, 0, 0.0};
	uint32_t count = 0;

	if (taken == NULL)
		return result;
	for (uint32_t i = 0; i < demo->booking_count; i++)
		if (demo->bookings[i].phase == BOOKING_FINAL)
			taken[count++] =
				demo->bookings[i].final_ms - demo->bookings[i].first_sent_ms;
	if (count > 0) {
		qsort(taken, count, sizeof *taken, compare_numbers);
		result.p50_ms = taken[(count - 1) / 2];
		result.p99_ms = taken[(uint64_t)(count - 1) * 99 / 100];
	}
	if (demo->ended_ms > demo->started_ms)
		result.rate = count * 1000.0 / (double)(demo->ended_ms - demo->started_ms);
	free(taken);
	return result;
}

/* ---- inconclusive? --------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void doubt(char *text, size_t size, const char *format,
							...)
{
	const size_t used = strlen(text);
	va_list arguments;

	if (used >= size)
		return;
	(void)snprintf(text + used, size - used, "%s", used == 0 ? "" : "; ");
	va_start(arguments, format);
	(void)vsnprintf(text + strlen(text), size - strlen(text), format, arguments);
	va_end(arguments);
}

static void find_doubts(const struct demo *demo, char *text, size_t size)
{
	const struct check_report *report = &demo->report;

	text[0] = '\0';
	if (demo->flags.slow) {
		if (report->completed < DEMO_SLOW_MIN)
			doubt(text, size, "only %u completed", report->completed);
		if (demo->for_deadline < DEMO_SLOW_MIN)
			doubt(text, size, "only %u undone for their deadline", demo->for_deadline);
	} else {
		if (!demo->node_killed)
			doubt(text, size, "no node was killed: none ever had %d open bookings",
			      DEMO_OPEN_AT_KILL_MIN);
		else if (demo->open_at_kill < DEMO_OPEN_AT_KILL_MIN)
			doubt(text, size, "only %u open bookings on the killed node",
			      demo->open_at_kill);
		if (demo->flags.nats_cluster && demo->ended_without < DEMO_ENDED_WITHOUT_MIN)
			doubt(text, size,
			      "only %u bookings ended on the journals of the killed NATS server "
			      "while it was down",
			      demo->ended_without);
		if (!demo->node_restarted || !demo->service_restarted ||
		    (demo->flags.nats_cluster && !demo->nats_restarted))
			doubt(text, size, "not everything was killed and restarted");
		if (report->completed < DEMO_COMPLETED_MIN)
			doubt(text, size, "only %u completed", report->completed);
		if (report->compensated < DEMO_COMPENSATED_MIN)
			doubt(text, size, "only %u compensated", report->compensated);
		if (report->duplicates == 0)
			doubt(text, size, "no duplicate met a barrier");
		if (report->empty_undos == 0)
			doubt(text, size, "no undo came before its forward operation");
		if (report->late_forwards == 0)
			doubt(text, size, "no forward operation came after its undo");
	}
}

/* ---- output -----------------------------------------------------------------------------------
 */

static void print_takeovers(const struct demo *demo)
{
	if (demo->takeover_count == 0)
		return;
	(void)printf("take-over of %s's shards, ms from the kill\n", demo->victim);
	for (uint32_t i = 0; i < demo->takeover_count; i++) {
		const struct demo_takeover *takeover = &demo->takeovers[i];

		if (takeover->took_ms == 0)
			(void)printf("  shard %-3u      nobody\n", takeover->shard);
		else
			(void)printf("  shard %-3u  %8u  by %s\n", takeover->shard,
				     takeover->took_ms, takeover->node);
	}
}

static void print_table(const struct demo *demo, const char *doubts)
{
	const struct latencies latencies = measure(demo);

	check_print(&demo->report, stdout);
	(void)printf("parked         %8u\n", demo->parked);
	if (demo->ended_early > 0)
		(void)printf("ended early    %8u   processes that nobody killed\n",
			     demo->ended_early);
	(void)printf("bookings/s     %8.1f\n", latencies.rate);
	(void)printf("p50            %8" PRIu64 " ms\n", latencies.p50_ms);
	(void)printf("p99            %8" PRIu64 " ms\n", latencies.p99_ms);
	if (demo->flags.slow)
		(void)printf("past deadline  %8u\n", demo->for_deadline);
	else if (demo->node_killed)
		(void)printf("open at kill   %8u   on %s\n", demo->open_at_kill, demo->victim);
	else
		(void)printf("open at kill          -   no node was killed\n");
	if (demo->nats_killed)
		(void)printf("ended without  %8u   on the %u journals that %s led, while it was "
			     "down\n",
			     demo->ended_without, demo->led_count, demo->nats_victim);
	print_takeovers(demo);
	if (doubts[0] != '\0')
		(void)printf("inconclusive: %s\n", doubts);
}

static void print_json(const struct demo *demo, const char *doubts, int code)
{
	const struct latencies latencies = measure(demo);

	(void)printf("{\"exit\":%d,\"seed\":%" PRIu64
		     ",\"parked\":%u,\"rate\":%.1f,\"p50_ms\":%" PRIu64 ",\"p99_ms\":%" PRIu64
		     ",\"for_deadline\":%u,\"victim\":\"%s\","
		     "\"open_at_kill\":%u,\"nats_victim\":\"%s\",\"nats_led\":%u,"
		     "\"ended_without\":%u,\"inconclusive\":\"%s\",\"takeovers\":[",
		     code, demo->flags.seed, demo->parked, latencies.rate, latencies.p50_ms,
		     latencies.p99_ms, demo->for_deadline, demo->victim, demo->open_at_kill,
		     demo->nats_victim, demo->led_count, demo->ended_without, doubts);
	for (uint32_t i = 0; i < demo->takeover_count; i++)
		(void)printf("%s{\"shard\":%u,\"ms\":%u,\"node\":\"%s\"}", i == 0 ? "" : ",",
			     demo->takeovers[i].shard, demo->takeovers[i].took_ms,
			     demo->takeovers[i].node);
	(void)printf("],\"check\":");
	(void)fflush(stdout);
	check_print_json(&demo->report, stdout);
	(void)printf("}\n");
}

int demo_verdict(struct demo *demo)
{
	char doubts[1024];
	int code = DEMO_EXIT_OK;

	find_doubts(demo, doubts, sizeof doubts);
	if (doubts[0] != '\0')
		code = DEMO_EXIT_INCONCLUSIVE;
	if (demo->report.violations > 0 || demo->parked > 0 || demo->refused > 0 ||
	    demo->ended_early > 0 || demo->final < demo->booking_count)
		code = DEMO_EXIT_VIOLATION;
	if (demo->flags.json)
		print_json(demo, doubts, code);
	else
		print_table(demo, doubts);
	return code;
}
