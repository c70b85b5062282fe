/* Whatever comes in on a live cluster: see bad_input.h. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/bad_input.h"

enum { CASES_MAX = 128 };

int main(void)
{
	static struct CMUnitTest tests[CASES_MAX];
	const struct bad_cases all[] = {bad_forms(), bad_requests(), bad_replies(), bad_commands()};
	size_t count = 0;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (count + all[i].count > CASES_MAX)
			return 1;
		memcpy(tests + count, all[i].tests, all[i].count * sizeof *tests);
		count += all[i].count;
	}
	if (getenv("BAD_INPUT_ONLY") != NULL) /* a pattern like "row 4*", to look at a failure */
		cmocka_set_test_filter(getenv("BAD_INPUT_ONLY"));
	return _cmocka_run_group_tests("bad input", tests, count, bad_open, bad_close);
}
