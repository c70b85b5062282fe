#include "examples/common/args.h"

#include <errno.h>
#include <stdlib.h>

uint64_t args_number(struct argp_state *state, const char *text, uint64_t min, uint64_t max)
{
	char *end = NULL;
	unsigned long long number = 0;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || number < min ||
	    number > max)
		argp_error(state, "%s is not a number from %llu to %llu", text,
			   (unsigned long long)min, (unsigned long long)max);
	return number;
}

double args_chance(struct argp_state *state, const char *text)
{
	char *end = NULL;
	const double chance = strtod(text, &end);

	if (end == text || *end != '\0' || !(chance >= 0.0 && chance <= 1.0))
		argp_error(state, "%s is not a number from 0 to 1", text);
	return chance;
}
