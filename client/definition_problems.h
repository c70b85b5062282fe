/* Everything that is wrong with a definition, in the order of its lines. */
#ifndef SAGAD_CLIENT_DEFINITION_PROBLEMS_H
#define SAGAD_CLIENT_DEFINITION_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBLEMS_MAX = 64, PROBLEM_TEXT_SIZE = 240, PROBLEM_POINTER_SIZE = 160 };

/* X(code, name): names are stable, programs may look at them. The last ones are warnings'. */
#define PROBLEM_CODE_MAP(X)                                                                        \
	X(SYNTAX, "syntax")                                                                        \
	X(EMPTY, "empty")                                                                          \
	X(DOCUMENTS, "second_document")                                                            \
	X(ALIAS, "alias")                                                                          \
	X(TAG, "tag")                                                                              \
	X(TYPE, "type")                                                                            \
	X(UNKNOWN_KEY, "unknown_key")                                                              \
	X(DUPLICATE_KEY, "duplicate_key")                                                          \
	X(MISSING_KEY, "missing_key")                                                              \
	X(NAME, "name")                                                                            \
	X(DURATION, "duration")                                                                    \
	X(NUMBER, "number")                                                                        \
	X(RANGE, "range")                                                                          \
	X(CHOICE, "choice")                                                                        \
	X(STEPS, "steps")                                                                          \
	X(DUPLICATE_STEP, "duplicate_step")                                                        \
	X(UNKNOWN_STEP, "unknown_step")                                                            \
	X(ORDER, "order")                                                                          \
	X(DELIVERY, "delivery")                                                                    \
	X(KIND, "kind")                                                                            \
	X(PIVOT, "pivot")                                                                          \
	X(INPUT, "input")                                                                          \
	X(PLAN, "plan")                                                                            \
	X(MEMORY, "memory")                                                                        \
	X(LINT_DEADLINE, "deadline_short")                                                         \
	X(LINT_BUDGET, "budget_short")                                                             \
	X(LINT_UNDO, "no_undo")                                                                    \
	X(LINT_ORDER, "pivot_order")                                                               \
	X(LINT_LOCKS, "long_locks")

enum problem_code {
#define PROBLEM_ENUM(code, name) PROBLEM_##code,
	PROBLEM_CODE_MAP(PROBLEM_ENUM)
#undef PROBLEM_ENUM
		PROBLEM_CODES
};
const char *problem_code_name(enum problem_code code);
static inline bool problem_is_warning(enum problem_code code)
{
	return code >= PROBLEM_LINT_DEADLINE;
}

/* Where: line and column from 1, both 0 = the file as a whole. `pointer` is a JSON pointer (RFC
 * 6901); for a key that is missing it names the key, and the place is that of the map. */
struct problem_place {
	uint32_t line, column;
	const char *pointer;
};

struct problem {
	uint32_t line, column;
	enum problem_code code;
	char pointer[PROBLEM_POINTER_SIZE];
	char text[PROBLEM_TEXT_SIZE];
};

struct problems {
	uint32_t count;  /* also of those that found no room */
	uint32_t errors; /* of them, those that are no warnings */
	struct problem list[PROBLEMS_MAX];
};

void problems_add(struct problems *problems, struct problem_place place, enum problem_code code,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));
static inline uint32_t problems_kept(const struct problems *problems)
{
	return problems->count < PROBLEMS_MAX ? problems->count : PROBLEMS_MAX;
}
/* By line and column; those of one place stay as they came. */
void problems_sort(struct problems *problems);
/* "name:line:column: text [code pointer]", one a line, sorted; only whole lines, as many as fit. */
void problems_print(struct problems *problems, const char *name, char *into, size_t into_size);

#endif
