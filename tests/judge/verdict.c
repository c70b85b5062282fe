#include "tests/judge/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(struct verdict *v, const struct finding *finding, const char *format, va_list list)
	__attribute__((format(printf, 3, 0)));
static void add(struct verdict *v, const struct finding *finding, const char *format, va_list list)
{
	struct finding *kept;

	if (v->finding_count++ >= VERDICT_FINDINGS)
		return;
	kept = &v->findings[v->finding_count - 1];
	*kept = *finding;
	(void)vsnprintf(kept->text, sizeof kept->text, format, list);
}

void verdict_broken(struct verdict *v, struct law law, uint32_t saga, uint32_t step,
		    struct moment at, const char *format, ...)
{
	const struct finding finding = {.law = law, .saga = saga, .step = step, .at = at};
	va_list list;

	va_start(list, format);
	add(v, &finding, format, list);
	va_end(list);
}

void verdict_late(struct verdict *v, struct law law, uint32_t saga, uint32_t step, struct moment at,
		  const char *format, ...)
{
	const struct finding finding = {
		.law = law, .liveness = true, .saga = saga, .step = step, .at = at};
	va_list list;

	va_start(list, format);
	add(v, &finding, format, list);
	va_end(list);
}

void verdict_unseen(struct verdict *v, const char *format, ...)
{
	va_list list;

	if (v->unseen_count == VERDICT_UNSEEN)
		return;
	va_start(list, format);
	(void)vsnprintf(v->unseen[v->unseen_count], sizeof v->unseen[0], format, list);
	va_end(list);
	v->unseen_count++;
}

bool verdict_counter(const struct verdict *v, const char *name, uint64_t *value)
{
#define X(name_)                                                                                   \
	if (strcmp(name, #name_) == 0) {                                                           \
		*value = v->count.name_;                                                           \
		return true;                                                                       \
	}
	JUDGE_COUNTERS(X)
#undef X
	return false;
}

void finding_text(const struct finding *f, char *text, uint32_t size)
{
	char law[48] = "";

	if (f->law.invariant != 0)
		(void)snprintf(law, sizeof law, "invariant %u%s%s", f->law.invariant,
			       f->law.rule[0] != '\0' ? ", " : "", f->law.rule);
	else
		(void)snprintf(law, sizeof law, "%s", f->law.rule);
	(void)snprintf(text, size, "%s: %s", law, f->text);
}
