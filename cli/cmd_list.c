/* sagas list: all shards are asked at once; then the sagas are taken shard by shard, so that a list
 * that was cut goes on from one place: "<shard>.<admission>". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/command.h"
#include "cli/views.h"

enum { WHY_SIZE = 512, LIMIT_DEFAULT = 100, LIMIT_MAX = 1000000, PAGE_ARENA_SIZE = 160 * 1024 };

struct page {
	struct cluster_request request;
	uint8_t *memory;
	struct wire_list list;
	struct page *next; /* of those that are kept for their texts */
};

struct listing {
	struct cli *cli;
	struct cluster_view view;
	uint32_t states, limit;
	uint32_t first_shard, shard_end;
	uint64_t after; /* in first_shard */
	struct page *pages[WIRE_SHARDS_MAX];
	struct page *kept;
	struct list_row *rows;
	uint32_t silent[WIRE_SHARDS_MAX];
	struct list_view result;
};

static int decode(struct slice answer, uint8_t *memory, struct wire_list *list)
{
	struct arena arena;
	int err;

	arena_init(&arena, memory, PAGE_ARENA_SIZE);
	err = wire_decode(WIRE_LIST, answer, &arena, list, NULL);
	/* An owner that cannot answer now says so in an ordinary answer. */
	if (err == SAGA_E_KIND)
		return SAGA_E_NOT_OWNER;
	return err == 0 ? err_from_wire(list->code) : err;
}

static int judge(struct slice answer)
{
	struct wire_list list;
	uint8_t *memory = malloc(PAGE_ARENA_SIZE);
	const int err = memory == NULL ? SAGA_E_NO_MEMORY : decode(answer, memory, &list);

	free(memory);
	return err;
}

static struct page *page_create(struct listing *l, uint32_t shard, uint64_t after, uint32_t limit)
{
	const struct wire_list_request body = {
		.states = l->states,
		.after = after,
		.heuristic = cli_given(&l->cli->parsed, OPTION_HEURISTIC),
		.limit = limit < WIRE_LIST_MAX ? limit : WIRE_LIST_MAX};
	const struct subject subject = cli_shard_subject(l->cli, shard, SUBJECT_LIST);
	struct page *page = calloc(1, sizeof *page);

	if (page == NULL)
		return NULL;
	page->memory = malloc(PAGE_ARENA_SIZE);
	if (page->memory == NULL ||
	    cluster_request_make(&page->request, &subject, WIRE_LIST_REQUEST, &body, judge) != 0) {
		free(page->memory);
		free(page);
		return NULL;
	}
	page->next = l->kept;
	l->kept = page;
	return page;
}

/* ---- taking -------------------------------------------------------------------------------- */

static void take_rows(struct listing *l, uint32_t shard, const struct wire_list *list)
{
	for (uint32_t i = 0; i < list->saga_count && l->result.count < l->limit; i++)
		l->rows[l->result.count++] =
			(struct list_row){.shard = shard, .saga = list->sagas[i]};
}

static void stop_at(struct listing *l, uint32_t shard, uint64_t after)
{
	l->result.more = true;
	l->result.next_shard = shard;
	l->result.next_after = after;
}

/* All of one shard, from its first page on. */
static int take_shard(struct listing *l, uint32_t shard, struct page *page)
{
	uint64_t after = shard == l->first_shard ? l->after : 0;

	for (;;) {
		const struct wire_list *list = &page->list;

		if (page->request.error != 0 ||
		    decode(buf_slice(&page->request.answer), page->memory, &page->list) != 0) {
			l->silent[l->result.silent_count++] = shard;
			return 0;
		}
		if (list->saga_count > l->limit - l->result.count) {
			take_rows(l, shard, list);
			stop_at(l, shard,
				l->result.count > 0 ? l->rows[l->result.count - 1].saga.admission
						    : after);
			return 0;
		}
		take_rows(l, shard, list);
		if (list->next == 0)
			return 0;
		after = list->next;
		if (l->result.count == l->limit) {
			stop_at(l, shard, after);
			return 0;
		}
		page = page_create(l, shard, after, l->limit - l->result.count);
		if (page == NULL)
			return SAGA_E_NO_MEMORY;
		cluster_ask(l->view.link, &page->request, 1, l->cli->timeout_ms);
	}
}

/* Requests must lie side by side to be asked at once, pages must stay where they are. */
static int ask_all(struct listing *l)
{
	const uint32_t count = l->shard_end - l->first_shard;
	struct cluster_request *requests = calloc(count, sizeof *requests);
	int err = requests == NULL ? SAGA_E_NO_MEMORY : 0;

	for (uint32_t i = 0; err == 0 && i < count; i++) {
		struct page *page =
			page_create(l, l->first_shard + i, i == 0 ? l->after : 0, l->limit);

		if (page == NULL) {
			err = SAGA_E_NO_MEMORY;
			break;
		}
		l->pages[l->first_shard + i] = page;
		requests[i] = page->request;
	}
	if (err == 0) {
		cluster_ask(l->view.link, requests, count, l->cli->timeout_ms);
		for (uint32_t i = 0; i < count; i++)
			l->pages[l->first_shard + i]->request = requests[i];
	}
	free(requests);
	return err;
}

static int take_all(struct listing *l)
{
	int err = ask_all(l);

	for (uint32_t shard = l->first_shard; err == 0 && shard < l->shard_end; shard++) {
		if (l->result.count == l->limit && !l->result.more) {
			/* Whether there is more here was not asked for: the next list will tell. */
			const struct page *page = l->pages[shard];
			struct wire_list list;

			if (page->request.error == 0 &&
			    decode(buf_slice(&page->request.answer), page->memory, &list) == 0 &&
			    list.saga_count == 0 && list.next == 0)
				continue;
			stop_at(l, shard, 0);
		}
		if (l->result.more)
			break;
		err = take_shard(l, shard, l->pages[shard]);
	}
	return err;
}

/* ---- the command --------------------------------------------------------------------------- */

static int read_cursor(const char *text, uint32_t *shard, uint64_t *after)
{
	char number[16];
	const size_t size = strcspn(text, ".");
	uint64_t value = 0;

	if (size >= sizeof number || text[size] != '.')
		return SAGA_E_USAGE;
	memcpy(number, text, size);
	number[size] = '\0';
	if (units_parse_count(number, &value) != 0 || value >= WIRE_SHARDS_MAX ||
	    units_parse_count(text + size + 1, after) != 0)
		return SAGA_E_USAGE;
	*shard = (uint32_t)value;
	return 0;
}

static int read_flags(struct listing *l, struct buf *why)
{
	const struct cli_parsed *parsed = &l->cli->parsed;
	int err = cli_states(parsed, &l->states, why);

	l->shard_end = WIRE_SHARDS_MAX;
	if (err == 0)
		err = cli_number(parsed, OPTION_LIMIT, LIMIT_DEFAULT, 1, LIMIT_MAX, &l->limit, why);
	if (err == 0 && cli_given(parsed, OPTION_SHARD)) {
		err = cli_number(parsed, OPTION_SHARD, 0, 0, WIRE_SHARDS_MAX - 1, &l->first_shard,
				 why);
		l->shard_end = l->first_shard + 1;
	}
	if (err == 0 && cli_given(parsed, OPTION_AFTER)) {
		const uint32_t wanted = l->first_shard;

		err = read_cursor(parsed->values[OPTION_AFTER], &l->first_shard, &l->after);
		if (err == 0 && cli_given(parsed, OPTION_SHARD) && wanted != l->first_shard)
			err = SAGA_E_USAGE;
		if (err != 0)
			(void)buf_printf(why, "--after \"%.80s\" is not where such a list ended",
					 parsed->values[OPTION_AFTER]);
	}
	return err;
}

static enum cli_exit tell(struct listing *l)
{
	const struct list_view *result = &l->result;
	const int err = view_list(result, &l->cli->output);

	if (err != 0)
		return cli_fail_plain(err, "output");
	cli_flush(l->cli);
	if (result->more && !l->cli->output.json && !l->cli->output.quiet)
		(void)fprintf(stderr, "there are more: go on with --after %u.%llu\n",
			      result->next_shard, (unsigned long long)result->next_after);
	if (result->silent_count == 0)
		return CLI_EXIT_OK;
	return cli_fail(SAGA_E_NOT_OWNER, "%u shards did not answer: their sagas are missing",
			result->silent_count);
}

static enum cli_exit run(struct listing *l)
{
	int err = 0;

	if (l->first_shard >= l->view.info.shard_count)
		return cli_fail_without_hint(SAGA_E_NOT_FOUND,
					     "there is no shard %u: the cluster has %u, from 0 on",
					     l->first_shard, l->view.info.shard_count);
	if (l->shard_end > l->view.info.shard_count)
		l->shard_end = l->view.info.shard_count;
	l->rows = calloc(l->limit, sizeof *l->rows);
	l->result.rows = l->rows;
	l->result.silent_shards = l->silent;
	err = l->rows == NULL ? SAGA_E_NO_MEMORY : take_all(l);
	return err == 0 ? tell(l) : cli_fail_plain(err, "list");
}

enum cli_exit command_sagas_list(struct cli *cli)
{
	struct listing *l = calloc(1, sizeof *l);
	char memory[WHY_SIZE];
	struct buf why;
	enum cli_exit code;

	if (l == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "list");
	l->cli = cli;
	buf_init_fixed(&why, memory, sizeof memory);
	if (read_flags(l, &why) != 0) {
		free(l);
		return cli_usage(cli->command, &why);
	}
	code = cluster_view_open(cli, false, true, &l->view);
	if (code == CLI_EXIT_OK)
		code = run(l);
	cluster_view_close(&l->view);
	while (l->kept != NULL) {
		struct page *page = l->kept;

		l->kept = page->next;
		cluster_request_close(&page->request);
		free(page->memory);
		free(page);
	}
	free(l->rows);
	free(l);
	return code;
}
