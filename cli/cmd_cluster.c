/* status, nodes list, shards list, init. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/admin.h"
#include "cli/views.h"

enum { WHY_SIZE = 512, WAIT_TIMEOUT_MS = 300000, LIST_ARENA_SIZE = 256 * 1024 };

static enum cli_exit shown(int err)
{
	return err == 0 ? CLI_EXIT_OK : cli_fail_plain(err, "output");
}

/* What operators asked for is told beside it, where a node tells it: older ones do not. */
static enum cli_exit list(struct cli *cli, uint32_t verb,
			  int (*view)(const struct wire_info *, const struct wire_admin_answer *,
				      struct output *))
{
	struct wire_admin_request request = {0};
	struct admin_session s;
	enum cli_exit code =
		verb == WIRE_ADMIN_NODES ? admin_open_any(cli, &s) : admin_open(cli, &s);

	if (code == CLI_EXIT_OK)
		code = shown(view(&s.view.info,
				  admin_ask_quietly(&s, verb, &request) ? &s.answer : NULL,
				  &cli->output));
	admin_close(&s);
	return code;
}

enum cli_exit command_nodes_list(struct cli *cli)
{
	return list(cli, WIRE_ADMIN_NODES, view_nodes);
}

enum cli_exit command_shards_list(struct cli *cli)
{
	return list(cli, WIRE_ADMIN_SHARDS, view_shards);
}

/* ---- status -------------------------------------------------------------------------------- */

static int judge_list(struct slice answer)
{
	struct wire_list list;
	struct arena arena;
	void *memory = malloc(LIST_ARENA_SIZE);
	int err = SAGA_E_NO_MEMORY;

	if (memory == NULL)
		return err;
	arena_init(&arena, memory, LIST_ARENA_SIZE);
	err = wire_decode(WIRE_LIST, answer, &arena, &list, NULL);
	free(memory);
	/* An owner that cannot answer now says so in an ordinary answer. */
	if (err != 0)
		return err == SAGA_E_KIND ? SAGA_E_NOT_OWNER : err;
	return err_from_wire(list.code);
}

static void add_counts(struct status_view *status, struct cluster_request *r, void *memory)
{
	struct wire_list list;
	struct arena arena;

	arena_init(&arena, memory, INFO_ARENA_SIZE);
	if (r->error != 0 ||
	    wire_decode(WIRE_LIST, buf_slice(&r->answer), &arena, &list, NULL) != 0) {
		status->silent_shards++;
		return;
	}
	status->open += list.open;
	status->parked += list.parked;
}

/* Only shards with an owner that may serve are asked: of the others the answer is known. */
static int count_sagas(struct cli *cli, struct cluster_view *view, struct status_view *status)
{
	const struct wire_list_request body = {.states = 1U << WIRE_STATE_PARKED, .limit = 1};
	const struct wire_info *info = &view->info;
	struct cluster_request *requests = calloc(info->shard_view_count + 1, sizeof *requests);
	void *memory = malloc(INFO_ARENA_SIZE);
	uint32_t count = 0;
	int err = requests == NULL || memory == NULL ? SAGA_E_NO_MEMORY : 0;

	for (uint32_t i = 0; err == 0 && i < info->shard_view_count; i++) {
		const struct subject subject =
			cli_shard_subject(cli, info->shards[i].shard, SUBJECT_LIST);

		if (info->shards[i].owner.size == 0 || info->shards[i].state == WIRE_SHARD_HALTED)
			continue;
		err = cluster_request_make(&requests[count], &subject, WIRE_LIST_REQUEST, &body,
					   judge_list);
		count += err == 0 ? 1U : 0U;
	}
	if (err == 0)
		cluster_ask(view->link, requests, count, cli->timeout_ms);
	for (uint32_t i = 0; i < count; i++) {
		if (err == 0)
			add_counts(status, &requests[i], memory);
		cluster_request_close(&requests[i]);
	}
	free(requests);
	free(memory);
	return err;
}

enum cli_exit command_status(struct cli *cli)
{
	struct cluster_view view;
	struct status_view status = {.info = &view.info};
	enum cli_exit code = cluster_view_open(cli, true, false, &view);
	int err = 0;

	if (code == CLI_EXIT_OK) {
		status_count(&status);
		err = count_sagas(cli, &view, &status);
		if (err == 0)
			err = view_status(&status, &cli->output);
		code = shown(err);
	}
	cluster_view_close(&view);
	return code;
}

/* ---- init ---------------------------------------------------------------------------------- */

/* Repeating init is safe, so whatever may pass by itself is asked again: another init at work, etcd
 * not read yet, a write to it that nobody confirmed. */
static int judge_init(struct slice answer)
{
	struct wire_init init;
	struct arena none;
	int err;

	arena_init(&none, NULL, 0);
	err = wire_decode(WIRE_INIT, answer, &none, &init, NULL);
	if (err == 0)
		err = err_from_wire(init.code);
	return err_class(err) == ERR_CLASS_RETRY ? err : 0;
}

static enum cli_exit init_failed(const struct wire_init *init, int err)
{
	if (err == SAGA_E_ALREADY_INITIALISED)
		return cli_fail(err, "%s: %.*s with %u shards", err_text(err),
				(int)init->cluster.size, (const char *)init->cluster.data,
				init->shard_count);
	return cli_fail(err, "%s%s%.*s", err_text(err), init->text.size > 0 ? ": " : "",
			(int)init->text.size, (const char *)init->text.data);
}

static int show_init(const struct wire_init *init, uint32_t replicas, struct output *o)
{
	struct doc *d;

	if (!o->json) {
		if (!o->quiet)
			output_line(o, "initialised", STYLE_GOOD, "%.*s, %u shards, %u %s",
				    (int)init->cluster.size, (const char *)init->cluster.data,
				    init->shard_count, replicas,
				    replicas == 1 ? "replica" : "replicas");
		return 0;
	}
	d = doc_open();
	if (d == NULL)
		return SAGA_E_NO_MEMORY;
	doc_text(d, "cluster", init->cluster);
	doc_number(d, "shards", init->shard_count);
	doc_number(d, "replicas", replicas);
	return doc_close(d, o);
}

static int judge_serving(struct slice answer)
{
	struct wire_info info;
	struct arena arena;
	struct status_view status = {.info = &info};
	void *memory = malloc(INFO_ARENA_SIZE);
	int err = SAGA_E_NO_MEMORY;

	if (memory == NULL)
		return err;
	arena_init(&arena, memory, INFO_ARENA_SIZE);
	err = wire_decode(WIRE_INFO, answer, &arena, &info, NULL);
	if (err == 0)
		err = err_from_wire(info.code);
	if (err == 0) {
		status_count(&status);
		err = status.owned > 0 && status.owned == info.shard_count ? 0 : SAGA_E_NOT_OWNER;
	}
	free(memory);
	return err;
}

/* The nodes go on by themselves; this only watches. */
static enum cli_exit wait_serving(struct cli *cli, struct cluster_link *link, uint32_t wait_ms)
{
	const struct wire_info_request body = {.verbose = true};
	const struct subject subject = subject_info(cli->server.prefix);
	struct cluster_request r;
	int err = cluster_request_make(&r, &subject, WIRE_INFO_REQUEST, &body, judge_serving);

	if (err != 0)
		return cli_fail_plain(err, "info");
	cluster_ask(link, &r, 1, wait_ms);
	err = r.error;
	cluster_request_close(&r);
	if (err == 0)
		return CLI_EXIT_OK;
	(void)fprintf(stderr, "not every shard has an owner yet: see `sagactl shards list`\n");
	return CLI_EXIT_WAIT_TIMEOUT;
}

static enum cli_exit take_init(struct cli *cli, const struct cluster_request *r,
			       const struct wire_init_request *body)
{
	struct wire_init init;
	struct arena none;
	int err;

	if (r->error != 0)
		return cli_fail_plain(r->error, "init");
	arena_init(&none, NULL, 0);
	err = wire_decode(WIRE_INIT, buf_slice(&r->answer), &none, &init, NULL);
	if (err != 0)
		return cli_fail_plain(err, "the answer to init");
	err = err_from_wire(init.code);
	/* Our own try, whose answer was lost, may have done it. */
	if (err == SAGA_E_ALREADY_INITIALISED && init.shard_count == body->shard_count &&
	    (r->doubtful || cli_given(&cli->parsed, OPTION_IF_NEEDED)))
		err = 0;
	if (err != 0)
		return init_failed(&init, err);
	if (init.shard_count == 0)
		init.shard_count = body->shard_count;
	return shown(show_init(&init, body->replicas, &cli->output));
}

static int read_init(struct cli *cli, struct wire_init_request *body, uint32_t *wait_ms,
		     struct buf *why)
{
	const struct cli_parsed *parsed = &cli->parsed;
	int err = cli_number(parsed, OPTION_SHARDS, 16, 1, 128, &body->shard_count, why);

	if (err == 0)
		err = cli_number(parsed, OPTION_REPLICAS, 1, 1, 5, &body->replicas, why);
	if (err == 0 && body->replicas % 2 == 0) {
		(void)buf_printf(why, "--replicas must be 1, 3 or 5");
		err = SAGA_E_USAGE;
	}
	if (err == 0)
		err = cli_duration(parsed, OPTION_WAIT_TIMEOUT, WAIT_TIMEOUT_MS, wait_ms, why);
	if (err == 0 && cli_given(parsed, OPTION_CLUSTER)) {
		body->cluster = slice_str(parsed->values[OPTION_CLUSTER]);
		if (!id_valid(body->cluster)) {
			(void)buf_printf(why, "--cluster \"%.80s\" is not a name",
					 parsed->values[OPTION_CLUSTER]);
			err = SAGA_E_USAGE;
		}
	}
	return err;
}

static enum cli_exit ask_init(struct cli *cli, struct cluster_link *link,
			      const struct wire_init_request *body)
{
	/* Creating 128 streams takes a broker its time. */
	enum { INIT_TRY_MS = 20000 };
	const struct subject subject = subject_init(cli->server.prefix);
	struct cluster_request r;
	enum cli_exit code;
	const int err = cluster_request_make(&r, &subject, WIRE_INIT_REQUEST, body, judge_init);

	if (err != 0)
		return cli_fail_plain(err, "init");
	r.try_ms = INIT_TRY_MS;
	cluster_ask(link, &r, 1, cli->timeout_ms > INIT_TRY_MS ? cli->timeout_ms : INIT_TRY_MS);
	code = take_init(cli, &r, body);
	cluster_request_close(&r);
	return code;
}

enum cli_exit command_init(struct cli *cli)
{
	struct wire_init_request body = {0};
	struct cluster_view view;
	char memory[WHY_SIZE];
	struct buf why;
	uint32_t wait_ms = 0;
	enum cli_exit code;

	buf_init_fixed(&why, memory, sizeof memory);
	if (read_init(cli, &body, &wait_ms, &why) != 0)
		return cli_usage(cli->command, &why);
	code = cluster_view_open(cli, false, false, &view);
	if (code == CLI_EXIT_OK)
		code = ask_init(cli, view.link, &body);
	if (code == CLI_EXIT_OK && cli_given(&cli->parsed, OPTION_WAIT))
		code = wait_serving(cli, view.link, wait_ms);
	cluster_view_close(&view);
	return code;
}
