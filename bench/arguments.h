/* The command line of a benchmark's programs, as a table: what is wrong in it ends the program with
 * 64 and a sentence, before anything is started. */
#ifndef SAGAD_BENCH_ARGUMENTS_H
#define SAGAD_BENCH_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

enum { ARGUMENTS_MAX = 24, ARGUMENTS_USAGE = 64 };

/* One option. What stands at the place of its value before is the default. */
struct argument {
	const char *name, *value, *help; /* value: what --help calls it */
	int key;                         /* the short option's letter */
	/* Exactly one of these is set. */
	uint32_t *count;
	bool *flag;
	const char **text;
	const char **list;
	uint32_t min, max; /* of the count, or the most texts of the list */
	bool choice;       /* the text must be one of the words of `value` */
};

struct argument argument_count(const char *name, int key, const char *help, uint32_t *count,
			       uint32_t min, uint32_t max);
struct argument argument_flag(const char *name, int key, const char *help, bool *flag);
struct argument argument_text(const char *name, int key, const char *value, const char *help,
			      const char **text);
/* One of the words: "durable|direct". */
struct argument argument_choice(const char *name, int key, const char *words, const char *help,
				const char **text);
/* May be repeated; `list` has room for `max` texts and a NULL, and begins with NULLs. */
struct argument argument_list(const char *name, int key, const char *value, const char *help,
			      const char **list, uint32_t max);

/* Returns only when all is well. `about` is a sentence for --help. The texts stay argv's. */
void arguments_take(int argc, char **argv, const char *about, const struct argument *arguments,
		    uint32_t count);

#endif
