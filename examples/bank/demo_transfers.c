/* The transfers, and what their clients were told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "examples/bank/demo.h"

enum { AMOUNT_MAX = 60, INSIDE_EVERY = 10, NOTHING_EVERY = 25, LINE_SIZE = 256 };

static enum check_protocol choose_protocol(const struct demo_flags *flags, uint32_t number)
{
	if (flags->with_tcc && (!flags->with_2pc || number % 2 == 0))
		return CHECK_TCC;
	return number % INSIDE_EVERY == 1 ? CHECK_INSIDE : CHECK_2PC;
}

static bool make_transfer(struct demo *demo, uint32_t number, struct prng *prng, FILE *file)
{
	struct load_saga *saga = &demo->load.sagas[number];
	const uint32_t accounts = demo->flags.accounts;
	const enum check_protocol protocol = choose_protocol(&demo->flags, number);
	const bool inside = protocol == CHECK_INSIDE;
	const uint64_t from = prng_next(prng) % accounts;
	/* Not back to where it came from, which would be no transfer. */
	const uint64_t to = inside ? (from + 1 + prng_next(prng) % (accounts - 1)) % accounts
				   : prng_next(prng) % accounts;
	const uint64_t amount = 1 + prng_next(prng) % AMOUNT_MAX;
	char line[LINE_SIZE];

	(void)snprintf(saga->id, sizeof saga->id, "t-%06u", number + 1);
	/* The services read it as JSON, too: from, to, amount. */
	(void)snprintf(line, sizeof line,
		       "{\"id\":\"%s\",\"protocol\":\"%s\",\"from\":\"a%" PRIu64
		       "\",\"to\":\"%c%" PRIu64 "\",\"amount\":%" PRIu64 "}\n",
		       saga->id, check_protocol_names[protocol], from + 1, inside ? 'a' : 'b',
		       to + 1, !inside && number % NOTHING_EVERY == 0 ? 0 : amount);
	saga->definition = demo->definitions[protocol];
	saga->input = strdup(line);
	saga->input_size = strlen(line);
	demo->load.count++;
	return saga->input != NULL && fputs(line, file) >= 0;
}

static bool load_definitions(struct demo *demo)
{
	for (uint32_t i = 0; i < CHECK_PROTOCOLS; i++) {
		char path[1200];
		char why[2048] = "";

		(void)snprintf(path, sizeof path, "%s/bank-%s.yaml", demo->flags.data_dir,
			       check_protocol_names[i]);
		if (saga_definition_load(path, &demo->definitions[i], why, sizeof why) != 0)
			return stage_fail(&demo->stage, "%s", why);
	}
	return true;
}

bool demo_transfers_make(struct demo *demo)
{
	char path[1200];
	struct prng prng;
	FILE *file = NULL;
	bool good = load_definitions(demo) && load_init(&demo->load, demo->flags.transfers);

	if (!good)
		return false;
	prng_seed(&prng, demo->flags.seed);
	(void)snprintf(path, sizeof path, "%s/transfers.jsonl",
		       cluster_folder(demo->stage.cluster));
	file = fopen(path, "we");
	good = file != NULL;
	for (uint32_t i = 0; good && i < demo->flags.transfers; i++)
		good = make_transfer(demo, i, &prng, file);
	if (file != NULL)
		good = fclose(file) == 0 && good;
	return good || stage_fail(&demo->stage, "cannot write %s", path);
}

bool demo_connect(struct demo *demo)
{
	int err = 0;

	demo->load.in_flight = demo->flags.in_flight;
	err = load_open(&demo->load, cluster_nats_url(demo->stage.cluster), "bank-demo", stage_log,
			NULL);
	return err == 0 ||
	       stage_fail(&demo->stage, "%s: %s", saga_error_name(err), saga_error_text(err));
}

/* The plain answer: committed, or not, or nobody has said. */
static const char *told(const struct load_saga *saga)
{
	if (saga->phase != LOAD_FINAL)
		return "null";
	return saga->state == SAGA_STATE_COMPLETED ? "true" : "false";
}

bool demo_answers_write(struct demo *demo, const char *path)
{
	struct load *load = &demo->load;
	FILE *file = fopen(path, "we");
	bool good = file != NULL;

	(void)pthread_mutex_lock(&load->lock);
	for (uint32_t i = 0; good && i < load->count; i++)
		good = fprintf(file, "{\"id\":\"%s\",\"committed\":%s}\n", load->sagas[i].id,
			       told(&load->sagas[i])) > 0;
	(void)pthread_mutex_unlock(&load->lock);
	if (file != NULL)
		good = fclose(file) == 0 && good;
	return good || stage_fail(&demo->stage, "cannot write %s", path);
}
