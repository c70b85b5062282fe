/* What every target begins with: a failed check says which it was. Not in the library, where a
 * linker would leave it out. */
#include <stdio.h>

#include "tests/fuzz/fuzz.h"

static void on_check(const char *file, int line, const char *expression, int64_t left,
		     int64_t right)
{
	(void)fprintf(stderr, "CHECK failed at %s:%d: %s (%lld, %lld)\n", file, line, expression,
		      (long long)left, (long long)right);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	check_set_sink(on_check);
	return 0;
}
