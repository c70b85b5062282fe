/* Sets of outcomes: a few dozen texts at most. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/honesty/honesty.h"

static struct outcome *find(const struct outcomes *o, const char *text)
{
	for (uint32_t i = 0; i < o->count; i++)
		if (strcmp(o->all[i].text, text) == 0)
			return &o->all[i];
	return NULL;
}

bool outcomes_have(const struct outcomes *o, const char *text)
{
	return find(o, text) != NULL;
}

void outcomes_add(struct outcomes *o, const char *text)
{
	struct outcome *outcome = find(o, text);

	if (outcome == NULL) {
		if (o->count == o->capacity) {
			o->capacity = o->capacity == 0 ? 16 : 2 * o->capacity;
			o->all = realloc(o->all, o->capacity * sizeof *o->all);
			CHECK(o->all != NULL);
		}
		outcome = &o->all[o->count++];
		(void)snprintf(outcome->text, sizeof outcome->text, "%s", text);
		outcome->times = 0;
	}
	outcome->times++;
}

static int more_often(const void *a, const void *b)
{
	const struct outcome *x = a, *y = b;

	return x->times != y->times ? (x->times < y->times ? 1 : -1) : strcmp(x->text, y->text);
}

void outcomes_print(const struct outcomes *o, const char *title, uint32_t most)
{
	qsort(o->all, o->count, sizeof *o->all, more_often);
	(void)printf("  %s, %u outcomes:\n", title, o->count);
	for (uint32_t i = 0; i < o->count && i < most; i++)
		(void)printf("  %6u x  %s\n", o->all[i].times, o->all[i].text);
	if (o->count > most)
		(void)printf("           and %u more\n", o->count - most);
}

void outcomes_close(struct outcomes *o)
{
	free(o->all);
	*o = (struct outcomes){0};
}
