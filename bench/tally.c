#include "bench/tally.h"

#include <stdio.h>

#include "base/os_clock.h"

void tally_ready(void)
{
	(void)printf("ready\n");
	(void)fflush(stdout);
}

void tally_init(struct tally *tally, uint32_t seconds)
{
	tally_ready();
	*tally = (struct tally){0};
	histogram_init(&tally->latency_us);
	tally->begin_ns = os_clock_mono_ns() + (uint64_t)TALLY_WARM_UP_MS * 1000000;
	tally->end_ns = tally->begin_ns + (uint64_t)seconds * 1000000000;
}

void tally_saga(struct tally *tally, uint64_t latency_ns)
{
	if (tally->begun)
		histogram_record(&tally->latency_us, latency_ns / 1000);
}

bool tally_over(struct tally *tally)
{
	const uint64_t now_ns = os_clock_mono_ns();
	if (!tally->begun && now_ns >= tally->begin_ns) {
		tally->begun = true;
		tally->end_ns += now_ns - tally->begin_ns;
		tally->begin_ns = now_ns;
		(void)printf("begin\n");
		(void)fflush(stdout);
	}
	if (!tally->begun || now_ns < tally->end_ns)
		return false;
	tally->end_ns = now_ns;
	return true;
}

void tally_print(const struct tally *tally)
{
	const struct histogram *h = &tally->latency_us;
	(void)printf("result count=%llu ms=%llu p50_us=%llu p99_us=%llu p999_us=%llu failed=%llu\n",
		     (unsigned long long)h->count,
		     (unsigned long long)((tally->end_ns - tally->begin_ns) / 1000000),
		     (unsigned long long)histogram_quantile(h, 500000),
		     (unsigned long long)histogram_quantile(h, 990000),
		     (unsigned long long)histogram_quantile(h, 999000),
		     (unsigned long long)tally->failed);
	(void)fflush(stdout);
}

bool tally_read(const char *line, struct tally_result *result)
{
	unsigned long long count = 0, ms = 0, p50 = 0, p99 = 0, p999 = 0, failed = 0;
	if (sscanf(line,
		   "result count=%llu ms=%llu p50_us=%llu p99_us=%llu p999_us=%llu failed=%llu",
		   &count, &ms, &p50, &p99, &p999, &failed) != 6 ||
	    ms == 0)
		return false;
	*result = (struct tally_result){.per_second = (double)count * 1000 / (double)ms,
					.p50_ms = (double)p50 / 1000,
					.p99_ms = (double)p99 / 1000,
					.p999_ms = (double)p999 / 1000,
					.failed = failed};
	return true;
}
