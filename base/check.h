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

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (__builtin_expect(!(condition), 0))                                             \
			check_fail(__FILE__, __LINE__, #condition, 0, 0);                          \
	} while (0)

#define CHECK_OP(left, op, right)                                                                  \
	do {                                                                                       \
		const int64_t check_left_ = (int64_t)(left);                                       \
		const int64_t check_right_ = (int64_t)(right);                                     \
		if (__builtin_expect(!(check_left_ op check_right_), 0))                           \
			check_fail(__FILE__, __LINE__, #left " " #op " " #right, check_left_,      \
				   check_right_);                                                  \
	} while (0)

#define CHECK_EQ(left, right) CHECK_OP(left, ==, right)
#define CHECK_LE(left, right) CHECK_OP(left, <=, right)
#define CHECK_LT(left, right) CHECK_OP(left, <, right)

#endif
