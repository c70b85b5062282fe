/* What goes wrong is said on standard error: what, and the next step. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/command.h"

static void print_hint(int error)
{
	const char *hint = cli_hint(error);

	if (hint[0] != '\0')
		(void)fprintf(stderr, "  hint: %s\n", hint);
}

static void print_error(int error, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

static void print_error(int error, const char *format, va_list arguments)
{
	(void)fprintf(stderr, "error[%s]: ", err_name(error));
	(void)vfprintf(stderr, format, arguments);
	(void)fputc('\n', stderr);
}

enum cli_exit cli_fail(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_error(error, format, arguments);
	va_end(arguments);
	print_hint(error);
	return cli_exit_of(error);
}

enum cli_exit cli_fail_without_hint(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_error(error, format, arguments);
	va_end(arguments);
	return cli_exit_of(error);
}

enum cli_exit cli_fail_plain(int error, const char *about)
{
	return cli_fail(error, "%s: %s", about, err_text(error));
}

enum cli_exit cli_usage(const struct command *command, const struct buf *why)
{
	(void)fprintf(stderr, "error[%s]: %.*s\n  hint: sagactl %s%s--help\n",
		      err_name(SAGA_E_USAGE), (int)why->size, (const char *)why->data,
		      command == NULL ? "" : command->path, command == NULL ? "" : " ");
	return CLI_EXIT_USAGE;
}
