/* Asking a node for an operator's verb, and the flags that the verbs share. */
#include "cli/admin.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"

static const char PARTY[] = "default";

enum { READ_TRY_MS = 3000, ORDER_TRY_MS = 8000, LOADS_ARENA_SIZE = 64 * 1024, QUIET_MS = 1000 };

static int decode(struct slice bytes, void *memory, struct wire_admin_answer *answer)
{
	struct arena arena;

	arena_init(&arena, memory, ADMIN_ARENA_SIZE);
	return wire_decode(WIRE_ADMIN_ANSWER, bytes, &arena, answer, NULL);
}

/* Trouble that may pass is asked again; another operation does not pass soon. */
static int judge(struct slice bytes)
{
	struct wire_admin_answer answer;
	void *memory = malloc(ADMIN_ARENA_SIZE);
	int err = SAGA_E_NO_MEMORY;

	if (memory == NULL)
		return err;
	err = decode(bytes, memory, &answer);
	if (err == 0) {
		err = err_from_wire(answer.code);
		if (err == SAGA_E_OPERATION || err == SAGA_E_COMPARE ||
		    err_class(err) != ERR_CLASS_RETRY)
			err = 0;
	}
	free(memory);
	return err;
}

/* Who asks: as he says. */
static int take_actor(const struct cli *cli, char actor[WIRE_ACTOR_SIZE_MAX + 1], struct buf *why)
{
	const char *given = cli->parsed.values[OPTION_ACTOR];
	const struct passwd *user = NULL;

	if (given == NULL)
		given = cli->actor;
	if (given == NULL) {
		user = getpwuid(geteuid());
		given = user != NULL && user->pw_name[0] != '\0' ? user->pw_name : "operator";
	}
	if (given[0] == '\0' || strlen(given) > WIRE_ACTOR_SIZE_MAX)
		goto bad;
	for (const char *at = given; *at != '\0'; at++) {
		if (*at <= ' ' || *at > '~')
			goto bad;
	}
	(void)snprintf(actor, WIRE_ACTOR_SIZE_MAX + 1, "%s", given);
	return 0;
bad:
	(void)buf_printf(why, "--actor \"%.80s\" is not one word of at most %u characters", given,
			 (unsigned)WIRE_ACTOR_SIZE_MAX);
	return SAGA_E_USAGE;
}

static enum cli_exit open_session(struct cli *cli, bool initialised, struct admin_session *s)
{
	char memory[ADMIN_WHY_SIZE];
	struct buf why;

	*s = (struct admin_session){.cli = cli};
	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	if (take_actor(cli, s->actor, &why) != 0)
		return cli_usage(cli->command, &why);
	s->memory = malloc(ADMIN_ARENA_SIZE);
	if (s->memory == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "sagactl");
	return cluster_view_open(cli, true, initialised, &s->view);
}

enum cli_exit admin_open(struct cli *cli, struct admin_session *s)
{
	return open_session(cli, true, s);
}

enum cli_exit admin_open_any(struct cli *cli, struct admin_session *s)
{
	return open_session(cli, false, s);
}

void admin_close(struct admin_session *s)
{
	cluster_request_close(&s->request);
	cluster_view_close(&s->view);
	free(s->memory);
}

static int by_name(const void *left, const void *right)
{
	const struct slice a = ((const struct wire_admin_node *)left)->id;
	const struct slice b = ((const struct wire_admin_node *)right)->id;
	const int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Sends, and takes the answer; why there is none. */
static int ask(struct admin_session *s, uint32_t verb, struct wire_admin_request *request,
	       uint32_t timeout_ms)
{
	const struct subject subject = subject_admin(s->cli->server.prefix, verb, slice_str(PARTY));
	int err;

	request->actor = slice_str(s->actor);
	cluster_request_close(&s->request);
	err = cluster_request_make(&s->request, &subject, WIRE_ADMIN_REQUEST, request, judge);
	if (err != 0)
		return err;
	s->request.try_ms = wire_admin_verb_orders(verb) ? ORDER_TRY_MS : READ_TRY_MS;
	cluster_ask(s->view.link, &s->request, 1, timeout_ms);
	err = s->request.error;
	/* What was refused for a reason that may pass has an answer with words. */
	if (s->request.answer.size == 0 || err == SAGA_E_TIMEOUT || err == SAGA_E_DISCONNECTED ||
	    err == SAGA_E_NO_RESPONDERS)
		return err;
	err = decode(buf_slice(&s->request.answer), s->memory, &s->answer);
	if (err != 0)
		return err;
	s->error = err_from_wire(s->answer.code);
	if (s->answer.node_count > 1)
		qsort(s->answer.nodes, s->answer.node_count, sizeof *s->answer.nodes, by_name);
	return 0;
}

enum cli_exit admin_ask(struct admin_session *s, uint32_t verb, struct wire_admin_request *request)
{
	const int err = ask(s, verb, request, s->cli->timeout_ms);

	return err == 0 ? CLI_EXIT_OK : cli_fail_plain(err, "no node answers");
}

bool admin_ask_quietly(struct admin_session *s, uint32_t verb, struct wire_admin_request *request)
{
	return ask(s, verb, request, QUIET_MS) == 0 && s->error == 0;
}

enum cli_exit admin_ask_plainly(struct admin_session *s, uint32_t verb,
				struct wire_admin_request *request, const char *about)
{
	const enum cli_exit code = admin_ask(s, verb, request);

	if (code != CLI_EXIT_OK || s->error == 0)
		return code;
	if (s->answer.text.size == 0)
		return cli_fail_plain(s->error, about);
	return cli_fail(s->error, "%s: %s: %.*s", about, err_text(s->error),
			(int)s->answer.text.size, (const char *)s->answer.text.data);
}

/* ---- flags ---------------------------------------------------------------------------------- */

int admin_take_reason(const struct cli *cli, struct wire_admin_request *request, struct buf *why)
{
	const char *reason = cli->parsed.values[OPTION_REASON];
	struct slice cut;

	if (reason == NULL || reason[0] == '\0') {
		(void)buf_printf(why, "--reason is missing: it is kept with what is done");
		return SAGA_E_USAGE;
	}
	cut = wire_text_cut(slice_str(reason), WIRE_REASON_SIZE_MAX);
	if (cut.size != strlen(reason)) {
		(void)buf_printf(why, "--reason is longer than %u bytes, or no plain text",
				 (unsigned)WIRE_REASON_SIZE_MAX);
		return SAGA_E_USAGE;
	}
	request->reason = slice_str(reason);
	return 0;
}

static int take_pace(const struct cli_parsed *parsed, struct wire_admin_request *request,
		     struct buf *why)
{
	const char *text = parsed->values[OPTION_PACE];

	request->has_pace = text != NULL;
	if (text != NULL && (strcmp(text, "0") == 0 || strcmp(text, "0s") == 0))
		return 0;
	return cli_duration(parsed, OPTION_PACE, 0, &request->pace_ms, why);
}

int admin_take_limits(const struct cli *cli, struct wire_admin_request *request, struct buf *why)
{
	const struct cli_parsed *parsed = &cli->parsed;
	int err = cli_number(parsed, OPTION_MAX_MOVES, 0, 1, WIRE_MOVES_MAX, &request->max_moves,
			     why);

	if (err == 0)
		err = cli_number(parsed, OPTION_MAX_MOVES_PER_NODE, 0, 1, WIRE_MOVES_MAX,
				 &request->max_moves_per_node, why);
	if (err == 0)
		err = take_pace(parsed, request, why);
	if (err == 0)
		err = cli_duration(parsed, OPTION_MOVE_TIMEOUT, 0, &request->timeout_ms, why);
	if (err == 0 && request->timeout_ms != 0 && request->timeout_ms < 1000) {
		(void)buf_printf(why, "--move-timeout is at least 1s");
		err = SAGA_E_USAGE;
	}
	return err;
}

int admin_take_shard(const char *word, uint32_t *shard, struct buf *why)
{
	uint64_t number;

	if (units_parse_count(word, &number) != 0 || number >= WIRE_SHARDS_MAX) {
		(void)buf_printf(why, "\"%.80s\" is not a shard's number", word);
		return SAGA_E_USAGE;
	}
	*shard = (uint32_t)number;
	return 0;
}

int admin_take_node(const char *word, struct slice *node, struct buf *why)
{
	if (!id_valid(slice_str(word))) {
		(void)buf_printf(why, "\"%.80s\" is not a node's name", word);
		return SAGA_E_USAGE;
	}
	*node = slice_str(word);
	return 0;
}

/* ---- loads ---------------------------------------------------------------------------------- */

static int judge_list(struct slice bytes)
{
	enum wire_kind kind;
	const int err = wire_peek_kind(bytes, &kind);

	if (err != 0)
		return err;
	return kind == WIRE_LIST ? 0 : SAGA_E_NOT_OWNER;
}

static uint32_t open_sagas(const struct cluster_request *r, void *memory)
{
	struct wire_list list;
	struct arena arena;

	arena_init(&arena, memory, LOADS_ARENA_SIZE);
	if (r->error != 0 ||
	    wire_decode(WIRE_LIST, buf_slice(&r->answer), &arena, &list, NULL) != 0)
		return 0;
	return list.open;
}

int admin_take_loads(struct admin_session *s, struct wire_admin_load *loads, uint32_t *count)
{
	const struct wire_list_request body = {.states = 1U << WIRE_STATE_PARKED, .limit = 1};
	const struct wire_info *info = &s->view.info;
	struct cluster_request *requests = calloc(info->shard_view_count + 1, sizeof *requests);
	void *memory = malloc(LOADS_ARENA_SIZE);
	uint32_t asked = 0;
	int err = requests == NULL || memory == NULL ? SAGA_E_NO_MEMORY : 0;

	for (uint32_t i = 0; err == 0 && i < info->shard_view_count; i++) {
		const struct subject subject =
			cli_shard_subject(s->cli, info->shards[i].shard, SUBJECT_LIST);

		if (info->shards[i].state != WIRE_SHARD_SERVING)
			continue;
		loads[asked].shard = info->shards[i].shard;
		err = cluster_request_make(&requests[asked], &subject, WIRE_LIST_REQUEST, &body,
					   judge_list);
		asked += err == 0;
	}
	if (err == 0)
		cluster_ask(s->view.link, requests, asked,
			    s->cli->timeout_ms < READ_TRY_MS ? s->cli->timeout_ms : READ_TRY_MS);
	for (uint32_t i = 0; i < asked; i++) {
		loads[i].load = err == 0 ? open_sagas(&requests[i], memory) : 0;
		cluster_request_close(&requests[i]);
	}
	*count = asked;
	free(requests);
	free(memory);
	return err;
}
