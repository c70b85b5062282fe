/* docs/errors.md says what base/error.h says, for every code, and names no others. */
#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdio.h>

#include "base/error.h"

#define DOC SAGAD_SOURCE_DIR "/docs/errors.md"
enum { LINE_MAX_SIZE = 2048 };

static FILE *doc;

static int open_doc(void **state)
{
	(void)state;
	doc = fopen(DOC, "re");
	return doc == NULL ? 1 : 0;
}

static int close_doc(void **state)
{
	(void)state;
	return fclose(doc);
}

/* The next line that begins so. */
static bool next_line(const char *begin, char line[LINE_MAX_SIZE])
{
	while (fgets(line, LINE_MAX_SIZE, doc) != NULL)
		if (strncmp(line, begin, strlen(begin)) == 0)
			return true;
	return false;
}

static const char *class_word(int code)
{
	static const char *const words[] = {[ERR_CLASS_RETRY] = "retry",
					    [ERR_CLASS_REFUSE] = "refused",
					    [ERR_CLASS_FATAL] = "fatal"};
	return words[err_class(code)];
}

static void every_code_is_explained(void **state)
{
	static const int codes[] = {
#define CODE(symbol, number, class, slug, text) symbol,
		SAGA_ERROR_MAP(CODE)
#undef CODE
	};
	char line[LINE_MAX_SIZE], begin[LINE_MAX_SIZE];
	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		const int code = codes[i];
		(void)snprintf(begin, sizeof begin, "| %s | `%s` | %s | %s | ", err_name(code),
			       err_slug(code), class_word(code), err_text(code));
		if (!next_line("| SAGA-", line))
			fail_msg("docs/errors.md lacks %s", err_name(code));
		if (strncmp(line, begin, strlen(begin)) != 0)
			fail_msg("docs/errors.md: should begin with \"%s\", not: %s", begin, line);
		/* What to do, and the end of the row. */
		if (strlen(line) < strlen(begin) + 8)
			fail_msg("docs/errors.md: what is to be done about %s?", err_name(code));
	}
	if (next_line("| SAGA-", line))
		fail_msg("docs/errors.md: no such code: %s", line);
}

/* The first word of the third column, when it is a code, is one that there is. */
static void bad_input_names_codes(void **state)
{
	char line[LINE_MAX_SIZE];
	uint32_t rows = 0;
	(void)state;
	rewind(doc);
	assert_true(next_line("## Bad input", line));
	while (next_line("| ", line)) {
		char *slug = strrchr(line, '|');
		if (!isdigit((unsigned char)line[2]))
			continue;
		rows++;
		*slug = '\0';
		slug = strrchr(line, '|') + 2;
		if (*slug != '`')
			continue;
		slug++;
		slug[strcspn(slug, "`")] = '\0';
		if (err_find(slug) == SAGA_E_NONE && strcmp(slug, "obsolete") != 0)
			fail_msg("docs/errors.md: there is no code `%s`", slug);
	}
	assert_in_range(rows, 40, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_is_explained),
		cmocka_unit_test(bad_input_names_codes),
	};
	return cmocka_run_group_tests(tests, open_doc, close_doc);
}
