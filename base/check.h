/* CHECK: always-on assertions for bugs (never for bad input or expected trouble).
 *
 * A failed CHECK reports through the sink that the program installed at start (nothing else in
 * the pure folders may write), then aborts. The sink is the one process-wide variable of base:
 * an assertion has no context pointer to carry one.
 */
#ifndef SAGAD_BASE_CHECK_H
#define SAGAD_BASE_CHECK_H

#include <stdint.h>

/* Called once with a static or stack string; must not return to normal work. */
typedef void (*check_sink)(const char *file, int line, const char *expression, int64_t left,
			   int64_t right);

/* Installs the sink; call before threads start. NULL restores the silent default (abort only). */
void check_set_sink(check_sink sink);

__attribute__((noreturn, cold)) void check_fail(const char *file, int line, const char *expression,
						int64_t left, int64_t right);

/* In the coverage build (./dev test --coverage) a CHECK is a call of a function of its own, which
 * is not instrumented: the arm that reports a bug is not counted as one that tests must reach, and
 * nothing around it is left out. What a condition calls is counted as ever.
 */
#ifdef SAGAD_COVERAGE
/* clang-format off */
#define CHECK_RUN(...)                                                                             \
	do {                                                                                       \
		__attribute__((no_profile_instrument_function)) void check_run_(void)              \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
		check_run_();                                                                      \
	} while (0)
/* clang-format on */
#else
#define CHECK_RUN(...)                                                                             \
	do {                                                                                       \
		__VA_ARGS__                                                                        \
	} while (0)
#endif

#define CHECK(condition)                                                                           \
	CHECK_RUN(if (__builtin_expect(!(condition), 0))                                           \
			  check_fail(__FILE__, __LINE__, #condition, 0, 0);)

#define CHECK_OP(left, op, right)                                                                  \
	CHECK_RUN(const int64_t check_left_ = (int64_t)(left);                                     \
		  const int64_t check_right_ = (int64_t)(right);                                   \
		  if (__builtin_expect(!(check_left_ op check_right_), 0))                         \
			  check_fail(__FILE__, __LINE__, #left " " #op " " #right, check_left_,    \
				     check_right_);)

#define CHECK_EQ(left, right) CHECK_OP(left, ==, right)
#define CHECK_LE(left, right) CHECK_OP(left, <=, right)
#define CHECK_LT(left, right) CHECK_OP(left, <, right)

#endif
