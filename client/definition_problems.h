/* Everything that is wrong with a definition, in the order of its lines. */
#ifndef SAGAD_CLIENT_DEFINITION_PROBLEMS_H
#define SAGAD_CLIENT_DEFINITION_PROBLEMS_H

#include <stddef.h>
#include <stdint.h>

enum { PROBLEMS_MAX = 64, PROBLEM_TEXT_SIZE = 240 };

struct problem {
	uint32_t line, column; /* from 1; 0 = of the file as a whole */
	char text[PROBLEM_TEXT_SIZE];
};

struct problems {
	uint32_t count; /* also of those that found no room */
	struct problem list[PROBLEMS_MAX];
};

void problems_add(struct problems *problems, uint32_t line, uint32_t column, const char *format,
		  ...) __attribute__((format(printf, 4, 5)));
/* "name:line:column: text", one a line, sorted; only whole lines, as many as fit. */
void problems_print(struct problems *problems, const char *name, char *into, size_t into_size);

#endif
