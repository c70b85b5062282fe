#include <time.h>

#include "base/os_clock.h"
#include "base/os_entropy.h"
#include "unit.h"

static void the_wall_clock_is_unix_time_in_ms(void **state)
{
	const uint64_t before_s = (uint64_t)time(NULL);
	const uint64_t now_ms = os_clock_wall_ms();

	(void)state;
	/* Two seconds of slack: time() may read a coarser clock. */
	assert_in_range(now_ms / 1000, before_s - 2, before_s + 60);
}

static void steady_clocks_never_go_back(void **state)
{
	uint64_t mono_ns = os_clock_mono_ns();
	uint64_t boot_ns = os_clock_boot_ns();

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		const uint64_t next_mono_ns = os_clock_mono_ns();
		const uint64_t next_boot_ns = os_clock_boot_ns();

		assert_true(next_mono_ns >= mono_ns);
		assert_true(next_boot_ns >= boot_ns);
		mono_ns = next_mono_ns;
		boot_ns = next_boot_ns;
	}
	/* Time asleep counts for one of them only. */
	assert_true(os_clock_boot_ns() >= mono_ns);
}

static void entropy_fills_all_and_only_its_bytes(void **state)
{
	uint8_t bytes[1026] = {0};
	unsigned zeros = 0;

	(void)state;
	os_entropy(bytes + 1, sizeof bytes - 2);
	assert_int_equal(bytes[0], 0);
	assert_int_equal(bytes[sizeof bytes - 1], 0);
	for (unsigned i = 1; i < sizeof bytes - 1; i++)
		zeros += bytes[i] == 0;
	/* Expected 4 of 1024. */
	assert_in_range(zeros, 0, 64);
	os_entropy(bytes, 0);
	assert_int_equal(bytes[0], 0);
	assert_true(os_entropy_u64() != os_entropy_u64());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wall_clock_is_unix_time_in_ms),
		cmocka_unit_test(steady_clocks_never_go_back),
		cmocka_unit_test(entropy_fills_all_and_only_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
