/* explain-error and version: they ask nobody. */
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "cli/command.h"

enum { ROWS_MAX = 128 };

struct error_word {
	int code;
	const char *name;
	const char *slug;
};

#define ERROR_WORD(symbol, number, class, slug, text) {symbol, "SAGA-" #number, slug},
static const struct error_word error_words[] = {SAGA_ERROR_MAP(ERROR_WORD)};
enum { ERROR_WORD_COUNT = sizeof error_words / sizeof error_words[0] };
_Static_assert(2 * (int)ERROR_WORD_COUNT <= 2 * (int)ROWS_MAX, "near_error has room for all");

static const char *near_error(const char *word)
{
	const char *names[2 * ROWS_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < ERROR_WORD_COUNT; i++) {
		names[count++] = error_words[i].name;
		names[count++] = error_words[i].slug;
	}
	return near_name(word, names, count);
}

static const char *class_text(int error)
{
	switch (err_class(error)) {
	case ERR_CLASS_NONE:
		return "success";
	case ERR_CLASS_RETRY:
		return "retry";
	case ERR_CLASS_REFUSE:
		return "refuse";
	case ERR_CLASS_FATAL:
		return "fatal";
	}
	return "";
}

static const char *class_meaning(int error)
{
	switch (err_class(error)) {
	case ERR_CLASS_NONE:
		return "nothing is wrong";
	case ERR_CLASS_RETRY:
		return "the same request may succeed later";
	case ERR_CLASS_REFUSE:
		return "the request is refused: repeating it cannot help";
	case ERR_CLASS_FATAL:
		return "an operator is needed";
	}
	return "";
}

enum cli_exit command_explain_error(struct cli *cli)
{
	const char *word = cli->arguments[0];
	const char *lower = strncmp(word, "saga-", 5) == 0 ? word + 5 : word;
	const int error = err_find(lower);
	struct output *o = &cli->output;
	struct doc *d;

	if (error == SAGA_E_NONE) {
		const char *near = near_error(word);

		(void)fprintf(stderr, "there is no error \"%.80s\"", word);
		if (near != NULL)
			(void)fprintf(stderr, ": did you mean %s?", near);
		(void)fputc('\n', stderr);
		return CLI_EXIT_NOT_FOUND;
	}
	if (!o->json) {
		output_line(o, "error", STYLE_PLAIN, "%s %s", err_name(error), err_slug(error));
		output_line(o, "meaning", STYLE_PLAIN, "%s", err_text(error));
		output_line(o, "class", STYLE_PLAIN, "%s: %s", class_text(error),
			    class_meaning(error));
		if (cli_hint(error)[0] != '\0')
			output_line(o, "next step", STYLE_PLAIN, "%s", cli_hint(error));
		output_line(o, "exit code", STYLE_PLAIN, "%u", (unsigned)cli_exit_of(error));
		return CLI_EXIT_OK;
	}
	d = doc_open();
	if (d == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "output");
	doc_str(d, "code", err_name(error));
	doc_str(d, "slug", err_slug(error));
	doc_str(d, "class", class_text(error));
	doc_str(d, "text", err_text(error));
	doc_str(d, "hint", cli_hint(error));
	doc_number(d, "exit_code", (uint64_t)cli_exit_of(error));
	return doc_close(d, o) == 0 ? CLI_EXIT_OK : cli_fail_plain(SAGA_E_NO_MEMORY, "output");
}

enum cli_exit command_version(struct cli *cli)
{
	struct output *o = &cli->output;
	struct doc *d;

	if (!o->json) {
		(void)buf_printf(&o->text, "sagactl %s\n", SAGA_VERSION);
		return CLI_EXIT_OK;
	}
	d = doc_open();
	if (d == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "output");
	doc_str(d, "version", SAGA_VERSION);
	return doc_close(d, o) == 0 ? CLI_EXIT_OK : cli_fail_plain(SAGA_E_NO_MEMORY, "output");
}
