#include <string.h>

#include "examples/bank/demo.h"
#include "examples/common/args.h"

static const struct argp_option flag_table[] = {
	{"transfers", 'n', "N", 0, "how many; default 5000", 0},
	{"protocol", 'p', "2pc|tcc|both", 0, "default both", 0},
	{"trouble", 't', "PERCENT", 0,
	 "of the transfers meet a bank that says no, is late, says everything twice, says nothing, "
	 "or "
	 "dies between vote and decision; default 20",
	 0},
	{"kill-owner", 'K', "N", 0, "kill -9 the node with most open transfers so often; default 1",
	 0},
	{"in-flight", 'f', "N", 0, "transfers under way at a time; default 200", 0},
	{"accounts", 'a', "N", 0, "of each bank; default 200", 0},
	{"seed", 's', "N", 0, "of transfers and trouble; default 1", 0},
	{"sabotage", 'x', "barrier|double|forget", OPTION_ARG_OPTIONAL,
	 "let bank_b work without its barrier, move some money twice, or forget some commits: the "
	 "check must fail",
	 0},
	{"keep", 'k', NULL, 0, "leave databases and logs behind", 0},
	{"folder", 'd', "DIR", 0, "where databases and logs go; kept", 0},
	{"data", 'D', "DIR", 0, "with the definitions", 0},
	{"output", 'o', "table|json", 0, "default table", 0},
	{0},
};

static void parse_protocol(struct argp_state *state, const char *text, struct demo_flags *flags)
{
	const bool both = strcmp(text, "both") == 0;

	flags->with_2pc = both || strcmp(text, "2pc") == 0;
	flags->with_tcc = both || strcmp(text, "tcc") == 0;
	if (!flags->with_2pc && !flags->with_tcc)
		argp_error(state, "the protocol is 2pc, tcc or both, not %s", text);
}

static void parse_sabotage(struct argp_state *state, const char *text, struct demo_flags *flags)
{
	flags->sabotage = text == NULL ? "barrier" : text;
	if (strcmp(flags->sabotage, "barrier") != 0 && strcmp(flags->sabotage, "double") != 0 &&
	    strcmp(flags->sabotage, "forget") != 0)
		argp_error(state, "sabotage is barrier, double or forget, not %s", text);
}

static error_t parse_flag(int key, char *text, struct argp_state *state)
{
	struct demo_flags *flags = state->input;

	switch (key) {
	case 'n':
		flags->transfers = (uint32_t)args_number(state, text, 1, DEMO_TRANSFERS_MAX);
		break;
	case 'p':
		parse_protocol(state, text, flags);
		break;
	case 't':
		flags->trouble_percent = (uint32_t)args_number(state, text, 0, 100);
		break;
	case 'K':
		flags->kills = (uint32_t)args_number(state, text, 0, STAGE_KILLS_MAX);
		break;
	case 'f':
		flags->in_flight = (uint32_t)args_number(state, text, 1, 5000);
		break;
	case 'a':
		flags->accounts = (uint32_t)args_number(state, text, 2, 10000);
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
	const struct argp argp = {
		flag_table,
		parse_flag,
		NULL,
		"Starts a cluster of its own, moves money between two banks, makes trouble on "
		"purpose, kills nodes, and checks from the banks' databases that every transfer "
		"was "
		"done wholly or not at all, once, and that all money is still there.\vEnds with "
		"0 = all is well, 1 = a violation, 2 = inconclusive: too little has happened to "
		"prove "
		"anything, 3 = it could not be run.",
		NULL,
		NULL,
		NULL};

	*flags = (struct demo_flags){.transfers = 5000,
				     .in_flight = 200,
				     .accounts = 200,
				     .trouble_percent = 20,
				     .kills = 1,
				     .seed = 1,
				     .with_2pc = true,
				     .with_tcc = true,
				     .data_dir = BANK_DATA_DIR};
	(void)argp_parse(&argp, argc, argv, 0, NULL, flags);
}
