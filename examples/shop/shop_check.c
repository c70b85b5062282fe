/* shop-check: 0 = all is well, 1 = violations, 2 = could not look. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "examples/shop/check.h"

struct flags {
	struct check_options check;
	bool json;
};

static const struct argp_option flag_table[] = {
	{"orders", 'b', "FILE", 0, "default FOLDER/orders.jsonl", 0},
	{"answers", 'a', "FILE", 0,
	 "what clients were told: {\"id\",\"accepted\",\"outcome\"} a line", 0},
	{"output", 'o', "table|json", 0, "default table", 0},
	{0},
};

static error_t parse_flag(int key, char *text, struct argp_state *state)
{
	struct flags *flags = state->input;

	switch (key) {
	case 'b':
		flags->check.orders_file = text;
		break;
	case 'a':
		flags->check.answers_file = text;
		break;
	case 'o':
		flags->json = strcmp(text, "json") == 0;
		if (!flags->json && strcmp(text, "table") != 0)
			argp_error(state, "the output is table or json, not %s", text);
		break;
	case ARGP_KEY_ARG:
		if (flags->check.folder != NULL)
			argp_usage(state);
		flags->check.folder = text;
		break;
	case ARGP_KEY_END:
		if (flags->check.folder == NULL)
			argp_error(state, "FOLDER is missing");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct argp argp = {flag_table,
				  parse_flag,
				  "FOLDER",
				  "Judges the shop's services from their databases in FOLDER "
				  "alone: inventory.db, payment.db, shipping.db, order.db.",
				  NULL,
				  NULL,
				  NULL};
	struct flags flags = {.json = false};
	struct check_report *report = calloc(1, sizeof *report);
	char orders[1200];
	char why[1300] = "";
	int code = 2;

	if (argp_parse(&argp, argc, argv, 0, NULL, &flags) != 0 || report == NULL)
		return 2;
	(void)snprintf(orders, sizeof orders, "%s/orders.jsonl", flags.check.folder);
	if (flags.check.orders_file == NULL)
		flags.check.orders_file = orders;
	if (!check_run(&flags.check, report, why, sizeof why)) {
		(void)fprintf(stderr, "shop-check: %s\n", why);
	} else {
		if (flags.json) {
			check_print_json(report, stdout);
			(void)putchar('\n');
		} else {
			check_print(report, stdout);
		}
		code = report->findings.violations == 0 ? 0 : 1;
	}
	free(report);
	return code;
}
