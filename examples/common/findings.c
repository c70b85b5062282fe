#include "examples/common/findings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS_SHOWN = 20 };

void findings_add(struct findings *findings, uint32_t rule, const char *format, ...)
{
	va_list arguments;

	findings->violations++;
	findings->found[rule]++;
	if (findings->text_count == FINDINGS_TEXTS_MAX)
		return;
	findings->texts[findings->text_count].rule = rule;
	va_start(arguments, format);
	(void)vsnprintf(findings->texts[findings->text_count].text, FINDINGS_TEXT_SIZE, format,
			arguments);
	va_end(arguments);
	findings->text_count++;
}

void findings_print(const struct findings *findings, const struct findings_rule *rules,
		    uint32_t rule_count, FILE *file)
{
	(void)fprintf(file, "violations     %8" PRIu64 "\n", findings->violations);
	for (uint32_t rule = 0; rule < rule_count; rule++)
		if (findings->found[rule] > 0)
			(void)fprintf(file, "  %-15s %6" PRIu64 "   %s\n", rules[rule].name,
				      findings->found[rule], rules[rule].meaning);
	for (uint32_t i = 0; i < findings->text_count && i < TEXTS_SHOWN; i++)
		(void)fprintf(file, "    %s: %s\n", rules[findings->texts[i].rule].name,
			      findings->texts[i].text);
	if (findings->violations > TEXTS_SHOWN)
		(void)fprintf(file, "    and %" PRIu64 " more\n",
			      findings->violations - TEXTS_SHOWN);
}

void findings_print_json(const struct findings *findings, const struct findings_rule *rules,
			 uint32_t rule_count, FILE *file)
{
	(void)fprintf(file, "\"violations\":%" PRIu64 ",\"found\":{", findings->violations);
	for (uint32_t rule = 0; rule < rule_count; rule++)
		(void)fprintf(file, "%s\"%s\":%" PRIu64, rule == 0 ? "" : ",", rules[rule].name,
			      findings->found[rule]);
	(void)fprintf(file, "}");
}

void *findings_grow(void *table, uint32_t *count, uint32_t *capacity, size_t size)
{
	if (*count == *capacity) {
		*capacity = *capacity == 0 ? 1024 : *capacity * 2;
		table = realloc(table, *capacity * size);
		if (table == NULL) {
			(void)fprintf(stderr, "out of memory\n");
			abort();
		}
	}
	memset((char *)table + *count * size, 0, size);
	(*count)++;
	return table;
}
