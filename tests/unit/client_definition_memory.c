/* Every allocation that reading a definition makes fails once: it is told, and nothing else. Those
 * of libyaml are its own. */
#include "tests/unit/unit.h"

#include <saga.h>
#include <stdlib.h>

#include "client/definition.h"
#include "client/definition_problems.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static int left = -1; /* allocations until one fails; -1 = none does */

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

static const char text[] =
	"name: n\n"
	"steps:\n"
	"  - {name: a, service: s, action: do, compensate: none, input: {x: $.input}}\n"
	"  - {name: b, service: s, action: do, compensate: none, input: $.steps.a.output}\n";

static void each_allocation_may_fail(void **state)
{
	struct saga_definition *definition = NULL;
	char why[512];
	int failures = 0;

	(void)state;
	for (int at = 0;; at++) {
		left = at;
		const int err = saga_definition_parse(text, sizeof text - 1, "t", &definition, why,
						      sizeof why);
		const bool failed = left == -1;

		left = -1;
		if (!failed) {
			assert_int_equal(err, 0);
			break;
		}
		failures++;
		assert_true(err == SAGA_ERR_NO_MEMORY || err == SAGA_ERR_DEFINITION);
		assert_null(definition);
		if (strstr(why, "memory") == NULL && strstr(why, "full") == NULL)
			fail_msg("allocation %d: %s", at, why);
	}
	assert_true(failures >= 6);
	saga_definition_free(definition);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
