/* --help, from the tables. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static void put_options(uint64_t options, struct buf *out)
{
	for (uint32_t i = 0; i < OPTION_COUNT; i++) {
		const struct cli_option_row *row = &cli_options[i];
		char name[64];
		char letter[8] = "    ";

		if ((options & OPTION_BIT(i)) == 0)
			continue;
		if (row->letter != 0)
			(void)snprintf(letter, sizeof letter, "-%c, ", row->letter);
		(void)snprintf(name, sizeof name, "--%s %s", row->name,
			       row->value == NULL ? "" : row->value);
		(void)buf_printf(out, "  %s%-24s %s\n", letter, name, row->help);
	}
}

static void put_command(const struct command *command, struct buf *out)
{
	char name[64];

	(void)snprintf(name, sizeof name, "%s %s", command->path, command->arguments);
	(void)buf_printf(out, "  %-20s %s\n", name, command->summary);
}

void help_all(struct buf *out)
{
	(void)buf_printf(out, "Usage: sagactl COMMAND [flags]\n\n"
			      "Operate a sagad cluster and its sagas.\n\nCommands:\n");
	for (uint32_t i = 0; i < cli_command_count; i++)
		put_command(&cli_commands[i], out);
	(void)buf_printf(out, "\nFlags of every command:\n");
	put_options(OPTIONS_GLOBAL, out);
	(void)buf_printf(
		out,
		"\nEnds with 0 done, 1 failed, 2 wrong usage or file, 3 not found, 4 conflict,\n"
		"5 cluster unreachable, 6 not permitted, 7 partly done, 8 wait timed out,\n"
		"10 saga undone, 11 saga parked, 130 detached.\n\n"
		"Examples:\n"
		"  sagactl init --wait\n"
		"  sagactl sagas submit -f trip.yaml --input '{\"user\": 7}' --wait\n"
		"  sagactl sagas list --state unfinished -o json\n"
		"  sagactl sagas submit --help\n");
}

void help_group(const char *group, struct buf *out)
{
	const size_t size = strlen(group);

	(void)buf_printf(out, "Usage: sagactl %s COMMAND [flags]\n\nCommands:\n", group);
	for (uint32_t i = 0; i < cli_command_count; i++) {
		if (strncmp(cli_commands[i].path, group, size) == 0 &&
		    cli_commands[i].path[size] == ' ')
			put_command(&cli_commands[i], out);
	}
	(void)buf_printf(out, "\nExamples:\n  sagactl %s list\n  sagactl %s list --help\n", group,
			 group);
}

void help_command(const struct command *command, struct buf *out)
{
	(void)buf_printf(out, "Usage: sagactl %s%s%s [flags]\n\n%s.\n\n%s", command->path,
			 command->arguments[0] == '\0' ? "" : " ", command->arguments,
			 command->summary, command->details);
	if (command->options != 0) {
		(void)buf_printf(out, "\nFlags:\n");
		put_options(command->options, out);
	}
	(void)buf_printf(out, "\nFlags of every command:\n");
	put_options(OPTIONS_GLOBAL, out);
}
