#include "base/os_clock.h"

#include <time.h>

#include "base/check.h"

static struct timespec read_clock(clockid_t clock)
{
	struct timespec now;

	CHECK_EQ(clock_gettime(clock, &now), 0);
	return now;
}

static uint64_t clock_ns(clockid_t clock)
{
	const struct timespec now = read_clock(clock);

	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t os_clock_wall_ms(void)
{
	const struct timespec now = read_clock(CLOCK_REALTIME);

	return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

uint64_t os_clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t os_clock_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}
