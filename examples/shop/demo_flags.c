#include <string.h>

#include "examples/common/args.h"
#include "examples/shop/demo.h"

static const struct argp_option flag_table[] = {
	{"orders", 'n', "N", 0, "how many; default 2400", 0},
	{"customers", 'c', "C", 0, "so many at a time; default 200", 0},
	{"kill-owner", 'K', "K", 0,
	 "so many times kill -9 the node that owns most open orders; default 2", 0},
	{"seed", 's', "N", 0, "of the orders and of the services' chances; default 1", 0},
	{"sabotage", 'x', "delete|double", OPTION_ARG_OPTIONAL,
	 "spoil one row of a ledger before the check, which must then fail", 0},
	{"keep", 'k', NULL, 0, "leave databases and logs behind", 0},
	{"folder", 'd', "DIR", 0, "where databases and logs go; kept", 0},
	{"output", 'o', "table|json", 0, "default table", 0},
	{0},
};

static void parse_sabotage(struct argp_state *state, const char *text, struct demo_flags *flags)
{
	if (text == NULL || strcmp(text, "delete") == 0)
		flags->sabotage = SABOTAGE_DELETE;
	else if (strcmp(text, "double") == 0)
		flags->sabotage = SABOTAGE_DOUBLE;
	else
		argp_error(state, "sabotage is delete or double, not %s", text);
}

static error_t parse_flag(int key, char *text, struct argp_state *state)
{
	struct demo_flags *flags = state->input;

	switch (key) {
	case 'n':
		flags->orders = (uint32_t)args_number(state, text, 1, DEMO_ORDERS_MAX);
		break;
	case 'c':
		flags->customers = (uint32_t)args_number(state, text, 1, 5000);
		break;
	case 'K':
		flags->kills = (uint32_t)args_number(state, text, 0, STAGE_KILLS_MAX);
		break;
	case 's':
		flags->seed = args_number(state, text, 0, UINT64_MAX);
		break;
	case 'x':
		parse_sabotage(state, text, flags);
		break;
	case 'k':
		flags->keep = true;
		break;
	case 'd':
		flags->folder = text;
		break;
	case 'o':
		flags->json = strcmp(text, "json") == 0;
		if (!flags->json && strcmp(text, "table") != 0)
			argp_error(state, "the output is table or json, not %s", text);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

void demo_flags_parse(int argc, char **argv, struct demo_flags *flags)
{
	const struct argp argp = {
		flag_table,
		parse_flag,
		NULL,
		"Starts a cluster of its own, lets customers race for few items of a shop, kills "
		"nodes, and checks from the services' databases that every order was done wholly "
		"or not at all, once, and that nobody was charged for what is not sent.\v"
		"Ends with 0 = all is well, 1 = a violation, 2 = inconclusive: too little has "
		"happened to prove anything, 3 = it could not be run.",
		NULL,
		NULL,
		NULL};

	*flags = (struct demo_flags){.orders = 2400, .customers = 200, .kills = 2, .seed = 1};
	(void)argp_parse(&argp, argc, argv, 0, NULL, flags);
}
