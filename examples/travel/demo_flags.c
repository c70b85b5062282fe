#include <string.h>

#include "examples/common/args.h"
#include "examples/travel/demo.h"

static const struct argp_option flag_table[] = {
	{"bookings", 'n', "N", 0, "only the first N bookings; default all, with --slow 120", 0},
	{"in-flight", 'f', "N", 0, "bookings under way at a time; default 400", 0},
	{"seed", 's', "N", 0, "of the services' chances; default 1", 0},
	{"nats-cluster", 'c', NULL, 0,
	 "three NATS servers and streams with three replicas; kills -9 the server that leads most "
	 "journals too",
	 0},
	{"slow", 'l', NULL, 0,
	 "hotel takes 10 s and the whole booking has 15 s: late ones must be undone", 0},
	{"delivery", 'y', "durable|direct|mixed", 0,
	 "how commands reach the services; default durable", 0},
	{"sabotage", 'x', "delete|double", OPTION_ARG_OPTIONAL,
	 "spoil one row of a ledger before the check, which must then fail", 0},
	{"keep", 'k', NULL, 0, "leave databases and logs behind", 0},
	{"folder", 'd', "DIR", 0, "where databases and logs go; kept", 0},
	{"data", 'D', "DIR", 0, "with the definitions, bookings.jsonl and stock.jsonl", 0},
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

static void parse_delivery(struct argp_state *state, const char *text, struct demo_flags *flags)
{
	if (strcmp(text, "durable") == 0)
		flags->definition = "travel.yaml";
	else if (strcmp(text, "direct") == 0)
		flags->definition = "travel-direct.yaml";
	else if (strcmp(text, "mixed") == 0)
		flags->definition = "travel-mixed.yaml";
	else
		argp_error(state, "delivery is durable, direct or mixed, not %s", text);
}

static error_t parse_flag(int key, char *text, struct argp_state *state)
{
	struct demo_flags *flags = state->input;

	switch (key) {
	case 'n':
		flags->bookings = (uint32_t)args_number(state, text, 1, DEMO_BOOKINGS_MAX);
		break;
	case 'f':
		flags->in_flight = (uint32_t)args_number(state, text, 1, 5000);
		break;
	case 's':
		flags->seed = args_number(state, text, 0, UINT64_MAX);
		break;
	case 'c':
		flags->nats_cluster = true;
		break;
	case 'l':
		flags->slow = true;
		break;
	case 'y':
		parse_delivery(state, text, flags);
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
	case 'D':
		flags->data_dir = text;
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
	const struct argp argp = {flag_table,
				  parse_flag,
				  NULL,
				  "Starts a cluster of its own, books trips on it, kills one node "
				  "and one service, and "
				  "checks from the services' databases that every booking was done "
				  "wholly or not at all, "
				  "once.\vEnds with 0 = all is well, 1 = a violation, 2 = "
				  "inconclusive: too little has "
				  "happened to prove anything, 3 = it could not be run.",
				  NULL,
				  NULL,
				  NULL};

	*flags = (struct demo_flags){.in_flight = 400,
				     .seed = 1,
				     .data_dir = TRAVEL_DATA_DIR,
				     .definition = "travel.yaml"};
	(void)argp_parse(&argp, argc, argv, 0, NULL, flags);
	if (flags->bookings == 0 && flags->slow)
		flags->bookings = 120;
}
