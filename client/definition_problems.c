#include "client/definition_problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *problem_code_name(enum problem_code code)
{
	static const char *const names[] = {
#define PROBLEM_NAME(code, name) name,
		PROBLEM_CODE_MAP(PROBLEM_NAME)
#undef PROBLEM_NAME
	};
	return code < PROBLEM_CODES ? names[code] : "plan";
}

void problems_add(struct problems *problems, struct problem_place place, enum problem_code code,
		  const char *format, ...)
{
	struct problem *problem;
	va_list arguments;

	problems->errors += problem_is_warning(code) ? 0 : 1;
	if (problems->count++ >= PROBLEMS_MAX)
		return;
	problem = &problems->list[problems->count - 1];
	problem->line = place.line;
	problem->column = place.column;
	problem->code = code;
	(void)snprintf(problem->pointer, sizeof problem->pointer, "%s", place.pointer);
	va_start(arguments, format);
	(void)vsnprintf(problem->text, sizeof problem->text, format, arguments);
	va_end(arguments);
}

/* Insertion sort: few, nearly sorted, and equal places keep their order. */
void problems_sort(struct problems *problems)
{
	struct problem *list = problems->list;

	for (uint32_t i = 1; i < problems_kept(problems); i++) {
		const struct problem moved = list[i];
		uint32_t at = i;

		while (at > 0 &&
		       (list[at - 1].line > moved.line ||
			(list[at - 1].line == moved.line && list[at - 1].column > moved.column))) {
			list[at] = list[at - 1];
			at--;
		}
		list[at] = moved;
	}
}

static int print_one(const struct problem *problem, const char *name, char *line, size_t size)
{
	const char *kind = problem_is_warning(problem->code) ? "warning: " : "";
	const char *space = problem->pointer[0] != '\0' ? " " : "";
	char place[32] = "";

	if (problem->line > 0)
		(void)snprintf(place, sizeof place, ":%u:%u", problem->line, problem->column);
	return snprintf(line, size, "%.400s%s: %s%s [%s%s%s]", name, place, kind, problem->text,
			problem_code_name(problem->code), space, problem->pointer);
}

void problems_print(struct problems *problems, const char *name, char *into, size_t into_size)
{
	const uint32_t kept = problems_kept(problems);
	char line[PROBLEM_TEXT_SIZE + PROBLEM_POINTER_SIZE + 512];
	size_t used = 0;

	if (into == NULL || into_size == 0)
		return;
	into[0] = '\0';
	problems_sort(problems);
	for (uint32_t i = 0; i < kept; i++) {
		int size = print_one(&problems->list[i], name, line, sizeof line - 1);

		if (i + 1 < kept && size >= 0)
			line[size++] = '\n';
		if (size < 0 || used + (size_t)size + 1 > into_size)
			break;
		line[size] = '\0';
		(void)memcpy(into + used, line, (size_t)size + 1);
		used += (size_t)size;
	}
	if (used == 0 && kept > 0)
		(void)snprintf(into, into_size, "%s", problems->list[0].text);
}
