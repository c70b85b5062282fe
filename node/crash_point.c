#include "node/crash_point.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

void crash_point_arm(struct crash_point *p, const char *text)
{
	const char *colon = strchr(text, ':');
	const size_t size = colon == NULL ? strlen(text) : (size_t)(colon - text);
	*p = (struct crash_point){0};
	if (size == 0 || size >= sizeof p->name)
		return;
	memcpy(p->name, text, size);
	p->countdown = colon == NULL ? 1 : strtoull(colon + 1, NULL, 10);
}

void crash_point_reached(struct crash_point *p, const char *name)
{
	if (p->countdown == 0 || strcmp(p->name, name) != 0)
		return;
	if (--p->countdown == 0)
		(void)raise(SIGKILL);
}
