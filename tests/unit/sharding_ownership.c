/* Each permitted move, and by that each refused one, of a shard's life on a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "sharding/ownership.h"

/* Written out by hand on purpose: a second opinion on the table in ownership.c. */
static const char *const permitted[][2] = {
	{"unowned", "acquiring"},  {"acquiring", "replaying"}, {"acquiring", "unowned"},
	{"acquiring", "released"}, {"acquiring", "fenced"},    {"acquiring", "halted"},
	{"replaying", "serving"},  {"replaying", "quiescing"}, {"replaying", "fenced"},
	{"replaying", "halted"},   {"serving", "quiescing"},   {"serving", "fenced"},
	{"serving", "halted"},     {"quiescing", "serving"},   {"quiescing", "released"},
	{"quiescing", "fenced"},   {"quiescing", "halted"},    {"released", "unowned"},
	{"released", "fenced"},    {"fenced", "unowned"},      {"halted", "fenced"},
};

static bool listed(const char *from, const char *to)
{
	for (unsigned i = 0; i < sizeof permitted / sizeof permitted[0]; i++) {
		if (strcmp(permitted[i][0], from) == 0 && strcmp(permitted[i][1], to) == 0)
			return true;
	}
	return false;
}

static void every_pair_is_as_listed(void **state)
{
	unsigned count = 0;

	(void)state;
	for (int from = 0; from < OWNERSHIP_STATES; from++) {
		for (int to = 0; to < OWNERSHIP_STATES; to++) {
			const char *from_name = ownership_name((enum ownership)from);
			const char *to_name = ownership_name((enum ownership)to);
			const bool is = ownership_permits((enum ownership)from, (enum ownership)to);

			if (is != listed(from_name, to_name))
				fail_msg("%s -> %s is %s", from_name, to_name,
					 is ? "permitted" : "refused");
			count += is;
		}
	}
	assert_int_equal(count, sizeof permitted / sizeof permitted[0]);
}

static void a_permitted_move_moves(void **state)
{
	enum ownership shard = OWNERSHIP_UNOWNED;

	(void)state;
	ownership_move(&shard, OWNERSHIP_ACQUIRING);
	ownership_move(&shard, OWNERSHIP_REPLAYING);
	ownership_move(&shard, OWNERSHIP_SERVING);
	ownership_move(&shard, OWNERSHIP_QUIESCING);
	ownership_move(&shard, OWNERSHIP_SERVING);
	ownership_move(&shard, OWNERSHIP_FENCED);
	ownership_move(&shard, OWNERSHIP_UNOWNED);
	assert_int_equal(shard, OWNERSHIP_UNOWNED);
}

static jmp_buf check_jump;

static void check_jumps(const char *file, int line, const char *expression, int64_t left,
			int64_t right)
{
	(void)file;
	(void)line;
	(void)expression;
	(void)left;
	(void)right;
	longjmp(check_jump, 1);
}

static void a_refused_move_is_a_bug(void **state)
{
	enum ownership shard = OWNERSHIP_FENCED;

	(void)state;
	check_set_sink(check_jumps);
	if (setjmp(check_jump) == 0) {
		ownership_move(&shard, OWNERSHIP_SERVING);
		check_set_sink(NULL);
		fail_msg("a fenced shard went on serving");
	}
	check_set_sink(NULL);
	assert_int_equal(shard, OWNERSHIP_FENCED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_is_as_listed),
		cmocka_unit_test(a_permitted_move_moves),
		cmocka_unit_test(a_refused_move_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
