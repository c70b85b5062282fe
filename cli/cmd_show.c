/* sagas show: one query, then the history page by page. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/views.h"

enum {
	ANSWER_ARENA_SIZE = 64 * 1024,
	PAGE_ARENA_SIZE = 128 * 1024,
	PAGES_MAX = 64,
	ENTRIES_MAX = PAGES_MAX * WIRE_HISTORY_MAX
};

struct showing {
	struct cli *cli;
	struct cluster_view view;
	struct id id;
	uint32_t shard;
	struct cluster_request query;
	uint8_t *memory; /* of the answer, then of each page */
	struct wire_answer answer;
	struct cluster_request pages[PAGES_MAX];
	uint32_t page_count;
	struct wire_history_entry *entries;
	struct show_view show;
};

static int judge_answer(struct slice answer)
{
	struct wire_answer body;
	struct arena arena;
	void *memory = malloc(ANSWER_ARENA_SIZE);
	int err = SAGA_E_NO_MEMORY;

	if (memory == NULL)
		return err;
	arena_init(&arena, memory, ANSWER_ARENA_SIZE);
	err = wire_decode(WIRE_ANSWER, answer, &arena, &body, NULL);
	if (err == 0)
		err = err_from_wire(body.code);
	free(memory);
	return err_class(err) == ERR_CLASS_RETRY ? err : 0;
}

static int judge_history(struct slice answer)
{
	struct wire_history body;
	struct arena arena;
	void *memory = malloc(PAGE_ARENA_SIZE);
	int err = SAGA_E_NO_MEMORY;

	if (memory == NULL)
		return err;
	arena_init(&arena, memory, PAGE_ARENA_SIZE);
	err = wire_decode(WIRE_HISTORY, answer, &arena, &body, NULL);
	/* An owner that cannot answer now says so in an ordinary answer. */
	if (err == SAGA_E_KIND)
		err = SAGA_E_NOT_OWNER;
	else if (err == 0)
		err = err_from_wire(body.code);
	free(memory);
	return err_class(err) == ERR_CLASS_RETRY ? err : 0;
}

static enum cli_exit ask_answer(struct showing *s)
{
	const struct wire_query body = {.id = id_slice(&s->id)};
	const struct subject subject = cli_shard_subject(s->cli, s->shard, SUBJECT_QUERY);
	struct arena arena;
	char about[ID_SIZE_MAX + 8];
	int err = cluster_request_make(&s->query, &subject, WIRE_QUERY, &body, judge_answer);

	(void)snprintf(about, sizeof about, "saga %s", s->id.text);
	if (err == 0) {
		cluster_ask(s->view.link, &s->query, 1, s->cli->timeout_ms);
		err = s->query.error;
	}
	arena_init(&arena, s->memory, ANSWER_ARENA_SIZE);
	if (err == 0)
		err = wire_decode(WIRE_ANSWER, buf_slice(&s->query.answer), &arena, &s->answer,
				  NULL);
	/* A refused entry of the inbox has a state, and a history that tells why. */
	if (err == 0 && s->answer.state == WIRE_STATE_NONE)
		err = err_from_wire(s->answer.code);
	return err == 0 ? CLI_EXIT_OK : cli_fail_plain(err, about);
}

/* ---- history ------------------------------------------------------------------------------- */

/* *from: the page's begin, and then the next one's; 0 = that was all. */
static int ask_page(struct showing *s, uint64_t *from, uint8_t *memory)
{
	const struct wire_history_request body = {.id = id_slice(&s->id), .from_sequence = *from};
	const struct subject subject = cli_shard_subject(s->cli, s->shard, SUBJECT_HISTORY);
	struct cluster_request *r = &s->pages[s->page_count];
	struct wire_history history;
	struct arena arena;
	int err = cluster_request_make(r, &subject, WIRE_HISTORY_REQUEST, &body, judge_history);

	if (err != 0)
		return err;
	s->page_count++;
	cluster_ask(s->view.link, r, 1, s->cli->timeout_ms);
	if (r->error != 0)
		return r->error;
	arena_init(&arena, memory, PAGE_ARENA_SIZE);
	err = wire_decode(WIRE_HISTORY, buf_slice(&r->answer), &arena, &history, NULL);
	if (err == 0)
		err = err_from_wire(history.code);
	if (err != 0)
		return err;
	for (uint32_t i = 0; i < history.entry_count && s->show.entry_count < ENTRIES_MAX; i++)
		s->entries[s->show.entry_count++] = history.entries[i];
	*from = history.next_sequence;
	return 0;
}

static void ask_history(struct showing *s)
{
	uint8_t *memory = malloc(PAGE_ARENA_SIZE);
	uint64_t from = 0;
	int err = memory == NULL ? SAGA_E_NO_MEMORY : 0;

	while (err == 0 && s->page_count < PAGES_MAX) {
		err = ask_page(s, &from, memory);
		if (from == 0)
			break;
	}
	s->show.history_cut = from != 0;
	s->show.history_error = err;
	free(memory);
}

static enum cli_exit run(struct showing *s)
{
	enum cli_exit code;
	int err;

	s->shard = wire_shard_of(&s->view.slots, id_slice(&s->id));
	s->memory = malloc(ANSWER_ARENA_SIZE);
	s->entries = calloc(ENTRIES_MAX, sizeof *s->entries);
	if (s->memory == NULL || s->entries == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "show");
	code = ask_answer(s);
	if (code != CLI_EXIT_OK)
		return code;
	ask_history(s);
	s->show.answer = &s->answer;
	s->show.entries = s->entries;
	err = view_show(&s->show, &s->cli->output);
	if (err != 0)
		return cli_fail_plain(err, "output");
	cli_flush(s->cli);
	if (s->show.history_error != 0)
		return cli_fail_plain(s->show.history_error, "its history");
	return CLI_EXIT_OK;
}

enum cli_exit command_sagas_show(struct cli *cli)
{
	struct showing *s = calloc(1, sizeof *s);
	enum cli_exit code;

	if (s == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "show");
	s->cli = cli;
	if (id_from(&s->id, slice_str(cli->arguments[0])) != 0) {
		free(s);
		return cli_fail_plain(SAGA_E_NAME, cli->arguments[0]);
	}
	code = cluster_view_open(cli, false, true, &s->view);
	if (code == CLI_EXIT_OK)
		code = run(s);
	cluster_view_close(&s->view);
	cluster_request_close(&s->query);
	for (uint32_t i = 0; i < s->page_count; i++)
		cluster_request_close(&s->pages[i]);
	free(s->entries);
	free(s->memory);
	free(s);
	return code;
}
