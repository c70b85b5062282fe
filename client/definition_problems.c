#include "client/definition_problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void problems_add(struct problems *problems, uint32_t line, uint32_t column, const char *format,
		  ...)
{
	struct problem *problem;
	va_list arguments;

	if (problems->count++ >= PROBLEMS_MAX)
		return;
	problem = &problems->list[problems->count - 1];
	problem->line = line;
	problem->column = column;
	va_start(arguments, format);
	(void)vsnprintf(problem->text, sizeof problem->text, format, arguments);
	va_end(arguments);
}

/* Insertion sort: few, nearly sorted, and equal places keep their order. */
static void sort(struct problem *list, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
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

void problems_print(struct problems *problems, const char *name, char *into, size_t into_size)
{
	const uint32_t kept = problems->count < PROBLEMS_MAX ? problems->count : PROBLEMS_MAX;
	char line[PROBLEM_TEXT_SIZE + 512];
	size_t used = 0;

	if (into == NULL || into_size == 0)
		return;
	into[0] = '\0';
	sort(problems->list, kept);
	for (uint32_t i = 0; i < kept; i++) {
		const struct problem *problem = &problems->list[i];
		const char *end = i + 1 < kept ? "\n" : "";
		int size;

		if (problem->line > 0)
			size = snprintf(line, sizeof line, "%.400s:%u:%u: %s%s", name,
					problem->line, problem->column, problem->text, end);
		else
			size = snprintf(line, sizeof line, "%.400s: %s%s", name, problem->text,
					end);
		if (size < 0 || used + (size_t)size + 1 > into_size)
			break;
		(void)memcpy(into + used, line, (size_t)size + 1);
		used += (size_t)size;
	}
	if (used == 0 && kept > 0)
		(void)snprintf(into, into_size, "%s", problems->list[0].text);
}
