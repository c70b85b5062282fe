/* What a checker has found: rules that were broken, counted, and the first words about each. */
#ifndef SAGAD_EXAMPLES_COMMON_FINDINGS_H
#define SAGAD_EXAMPLES_COMMON_FINDINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	FINDINGS_RULES_MAX = 32,
	FINDINGS_TEXTS_MAX = 200, /* that are kept; all are counted */
	FINDINGS_TEXT_SIZE = 256,
};

struct findings_rule {
	const char *name, *meaning;
};

struct findings {
	uint64_t violations; /* of all rules together */
	uint64_t found[FINDINGS_RULES_MAX];
	struct {
		uint32_t rule;
		char text[FINDINGS_TEXT_SIZE];
	} texts[FINDINGS_TEXTS_MAX];
	uint32_t text_count;
};

void findings_add(struct findings *findings, uint32_t rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void findings_print(const struct findings *findings, const struct findings_rule *rules,
		    uint32_t rule_count, FILE *file);
/* "violations":0,"found":{"half":0,...} */
void findings_print_json(const struct findings *findings, const struct findings_rule *rules,
			 uint32_t rule_count, FILE *file);

/* Makes room for one more element, which is zero then. Ends the process when there is no memory. */
void *findings_grow(void *table, uint32_t *count, uint32_t *capacity, size_t size);

#endif
