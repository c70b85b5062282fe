/* What several commands ask the cluster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cli/command.h"

/* As libsaga's clients: permissions for a tenant are permissions for its operators. */
static const char PARTY[] = "default";

enum { CONNECT_MIN_MS = 100, CONNECT_MAX_MS = 2000 };

struct subject cli_shard_subject(const struct cli *cli, uint32_t shard, enum subject_verb verb)
{
	return subject_shard(cli->server.prefix, shard, verb, slice_str(PARTY));
}

/* An attempt to connect cannot be given up before its time: one that has just begun when the
 * command's time is over, with a server that takes connections and says nothing, holds the command
 * for as long again. A quarter is late enough to be noticed by nobody and early enough for a server
 * that is far away. */
static uint32_t connect_timeout_ms(const struct cli *cli)
{
	const uint32_t quarter_ms = cli->timeout_ms / 4;

	if (quarter_ms < CONNECT_MIN_MS)
		return CONNECT_MIN_MS;
	return quarter_ms < CONNECT_MAX_MS ? quarter_ms : CONNECT_MAX_MS;
}

void cli_nats_config(const struct cli *cli, struct nats_config *config)
{
	const char *const *values = cli->parsed.values;

	*config = (struct nats_config){
		.url = cli->server.url,
		.name = "sagactl",
		.credentials_file = values[OPTION_CREDS],
		.nkey_seed_file = values[OPTION_NKEY_SEED_FILE],
		.user = values[OPTION_USER],
		.password_file = values[OPTION_PASSWORD_FILE],
		.token_file = values[OPTION_TOKEN_FILE],
		.tls_ca_file = values[OPTION_TLS_CA],
		.tls_cert_file = values[OPTION_TLS_CERT],
		.tls_key_file = values[OPTION_TLS_KEY],
		.connect_timeout_ms = connect_timeout_ms(cli),
	};
}

void cli_saga_options(const struct cli *cli, struct saga_options *options)
{
	const char *const *values = cli->parsed.values;

	saga_options_init(options);
	options->url = cli->server.url;
	options->name = "sagactl";
	options->prefix = cli->server.prefix;
	options->credentials_file = values[OPTION_CREDS];
	options->nkey_seed_file = values[OPTION_NKEY_SEED_FILE];
	options->user = values[OPTION_USER];
	options->password_file = values[OPTION_PASSWORD_FILE];
	options->token_file = values[OPTION_TOKEN_FILE];
	options->tls_ca_file = values[OPTION_TLS_CA];
	options->tls_cert_file = values[OPTION_TLS_CERT];
	options->tls_key_file = values[OPTION_TLS_KEY];
	options->connect_timeout_ms = connect_timeout_ms(cli);
}

int cluster_request_make(struct cluster_request *r, const struct subject *subject,
			 enum wire_kind kind, const void *body, cluster_judge judge)
{
	int err;

	cluster_request_init(r, subject, judge);
	err = wire_encode(kind, body, &r->data);
	if (err != 0)
		cluster_request_close(r);
	return err;
}

/* ---- info ---------------------------------------------------------------------------------- */

/* A node that has just started does not know the cluster yet: it, or another one, soon will. */
static int judge_info(struct slice answer)
{
	struct wire_info info;
	struct arena arena;
	void *memory = malloc(INFO_ARENA_SIZE);
	int err = SAGA_E_NO_MEMORY;

	if (memory == NULL)
		return err;
	arena_init(&arena, memory, INFO_ARENA_SIZE);
	err = wire_decode(WIRE_INFO, answer, &arena, &info, NULL);
	if (err == 0)
		err = err_from_wire(info.code);
	free(memory);
	return err == SAGA_E_NOT_INITIALISED ? 0 : err;
}

static int by_name(const void *left, const void *right)
{
	const struct slice a = ((const struct wire_node_view *)left)->id;
	const struct slice b = ((const struct wire_node_view *)right)->id;
	const int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static enum cli_exit ask_info(struct cli *cli, bool verbose, struct cluster_view *view)
{
	const struct wire_info_request body = {.verbose = verbose};
	const struct subject subject = subject_info(cli->server.prefix);
	struct arena arena;
	int err = cluster_request_make(&view->request, &subject, WIRE_INFO_REQUEST, &body,
				       judge_info);

	if (err != 0)
		return cli_fail_plain(err, "info");
	cluster_ask(view->link, &view->request, 1, cli->timeout_ms);
	err = view->request.error;
	if (err == SAGA_E_DISCONNECTED)
		return cli_fail(err, "cannot reach NATS at %s", cli->server.url);
	if (err == SAGA_E_NO_RESPONDERS)
		return cli_fail(err, "NATS answers at %s, but no sagad does", cli->server.url);
	if (err != 0)
		return cli_fail_plain(err, cli->server.url);
	arena_init(&arena, view->memory, INFO_ARENA_SIZE);
	err = wire_decode(WIRE_INFO, buf_slice(&view->request.answer), &arena, &view->info, NULL);
	if (err == 0 && view->info.node_count > 1)
		qsort(view->info.nodes, view->info.node_count, sizeof *view->info.nodes, by_name);
	if (err == 0 && view->info.code == 0)
		err = wire_slots_from(&view->slots, view->info.shard_count, view->info.slots);
	return err == 0 ? CLI_EXIT_OK : cli_fail_plain(err, "the answer of a node");
}

enum cli_exit cluster_view_open(struct cli *cli, bool verbose, bool initialised,
				struct cluster_view *view)
{
	struct nats_config config;
	char why[256];
	enum cli_exit code;
	int err;

	*view = (struct cluster_view){.memory = malloc(INFO_ARENA_SIZE)};
	if (view->memory == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "sagactl");
	cli_nats_config(cli, &config);
	err = cluster_open(&config, cli->notices ? "waiting for the cluster..." : NULL, &view->link,
			   why);
	if (err != 0)
		return cli_fail(err, "%s", why[0] != '\0' ? why : err_text(err));
	code = ask_info(cli, verbose, view);
	if (code == CLI_EXIT_OK && initialised && view->info.code != 0)
		return cli_fail_plain(err_from_wire(view->info.code), "cluster");
	return code;
}

void cluster_view_close(struct cluster_view *view)
{
	cluster_close(view->link);
	cluster_request_close(&view->request);
	free(view->memory);
	*view = (struct cluster_view){0};
}
