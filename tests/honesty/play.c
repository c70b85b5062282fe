/* Runs a script on a stage: real servers or models, it cannot tell. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/honesty/honesty.h"

enum { WORDS_MAX = 6, WORD_SIZE = 24, KEYS_MAX = 8, LEASES_MAX = 4, REVISIONS_MAX = 64 };

struct play_result {
	char text[192];
	bool done;
	uint32_t client;
	char word[WORD_SIZE], letter; /* of a request to the store: its verb, its key or lease */
	char key[WORD_SIZE];
};

struct play {
	struct stage *stage;
	const struct script *script;
	struct play_result results[PLAY_RESULTS];
	uint32_t count, open;
	bool idle;
	int64_t leases[LEASES_MAX];
	struct known {
		char key[WORD_SIZE];
		int64_t mod;
	} known[STAGE_CLIENTS][KEYS_MAX];
	uint32_t look[STAGE_CLIENTS], seek[STAGE_CLIENTS], put[STAGE_CLIENTS], pull[STAGE_CLIENTS];
};

/* A client's words, between two ';'. */
struct statement {
	char words[WORDS_MAX][WORD_SIZE];
	uint32_t count;
	uint32_t client;
	bool starts; /* with & */
};

static void die(const struct play *play, const char *what)
{
	(void)fprintf(stderr, "script %s: %s\n", play->script->name, what);
	abort();
}

__attribute__((format(printf, 2, 3))) static void say(struct play_result *r, const char *format,
						      ...)
{
	const size_t used = strlen(r->text);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(r->text + used, sizeof r->text - used, format, arguments);
	va_end(arguments);
}

static const char *of_error(int error)
{
	return error == 0 ? "ok" : err_slug(error);
}

static void finish(struct play *play, struct play_result *r)
{
	CHECK(!r->done); /* exactly once */
	r->done = true;
	play->open--;
	play->idle = play->open == 0;
}

static struct play_result *begin(struct play *play, const struct statement *s)
{
	struct play_result *r = &play->results[play->count];

	CHECK_LT(play->count, PLAY_RESULTS);
	play->count++;
	*r = (struct play_result){.client = s->client};
	for (uint32_t i = 1; i < s->count; i++)
		say(r, "%s ", s->words[i]);
	say(r, "-> ");
	play->open++;
	play->idle = false;
	return r;
}

static uint64_t token_of(const struct play *play, const struct play_result *r)
{
	return (uint64_t)(r - play->results) + 1;
}

static struct play_result *of_token(struct play *play, uint64_t token)
{
	CHECK(token >= 1 && token <= play->count);
	return &play->results[token - 1];
}

/* ---- the journal --------------------------------------------------------------------------------
 */

static void on_appended(void *context, uint32_t shard, uint64_t token,
			enum journal_append_status status, uint64_t sequence)
{
	struct stage_end *end = context;
	struct play_result *r = of_token(end->play, token);

	CHECK_EQ(shard, end->play->stage->shard);
	if (status == JOURNAL_STORED)
		say(r, "stored %" PRIu64, sequence);
	else if (status == JOURNAL_REFUSED)
		say(r, "refused, ends at %" PRIu64, sequence);
	else
		say(r, "unknown");
	finish(end->play, r);
}

static void on_batch(void *context, uint32_t shard, uint64_t token, uint64_t sequence,
		     struct slice bytes)
{
	struct stage_end *end = context;
	struct play_result *r = of_token(end->play, token);

	CHECK_EQ(shard, end->play->stage->shard);
	if (bytes.size > 8)
		say(r, "%" PRIu64 "=g ", sequence);
	else
		say(r, "%" PRIu64 "=%.*s ", sequence, (int)bytes.size, (const char *)bytes.data);
}

static void on_read_end(void *context, uint32_t shard, uint64_t token, int error,
			uint64_t last_sequence)
{
	struct stage_end *end = context;
	struct play_result *r = of_token(end->play, token);

	CHECK_EQ(shard, end->play->stage->shard);
	if (error == 0)
		say(r, "end %" PRIu64, last_sequence);
	else if (err_class(error) == ERR_CLASS_RETRY)
		say(r, "fails");
	else
		say(r, "%s", err_slug(error));
	finish(end->play, r);
}

struct journal_events stage_journal_events(struct stage_end *end)
{
	return (struct journal_events){.appended = on_appended,
				       .batch = on_batch,
				       .read_end = on_read_end,
				       .context = end};
}

static uint64_t number(const char *word, uint64_t otherwise)
{
	return word[0] >= '0' && word[0] <= '9' ? strtoull(word, NULL, 10) : otherwise;
}

/* Nothing was sent, and nothing will come of it. */
static void not_sent(struct play *play, struct play_result *r, int error)
{
	if (error == 0)
		return;
	say(r, "not sent: %s", of_error(error));
	finish(play, r);
}

static void do_append(struct play *play, const struct statement *s)
{
	struct journal *journal = play->stage->journals[s->client];
	struct play_result *r = begin(play, s);

	not_sent(play, r,
		 journal->ops->append(
			 journal, play->stage->shard, number(s->words[3], JOURNAL_UNFENCED),
			 (struct journal_place){0}, slice_str(s->words[2]), token_of(play, r)));
}

static void do_read(struct play *play, const struct statement *s)
{
	struct journal *journal = play->stage->journals[s->client];
	struct play_result *r = begin(play, s);

	not_sent(play, r,
		 journal->ops->read(journal, play->stage->shard, number(s->words[2], 1),
				    number(s->words[3], UINT64_MAX), token_of(play, r)));
}

/* ---- the store ----------------------------------------------------------------------------------
 */

static struct known *known(struct play *play, uint32_t client, struct slice key)
{
	struct known *all = play->known[client];

	for (uint32_t i = 0; i < KEYS_MAX; i++) {
		if (all[i].key[0] == '\0')
			(void)snprintf(all[i].key, sizeof all[i].key, "%.*s", (int)key.size,
				       (const char *)key.data);
		if (slice_equal(key, slice_str(all[i].key)))
			return &all[i];
	}
	CHECK(false);
	return NULL;
}

static void tell_range(struct play *play, struct play_result *r, const struct lease_result *result)
{
	const uint32_t skip = (uint32_t)strlen(play->stage->prefix);

	for (uint32_t i = 0; i < KEYS_MAX; i++)
		play->known[r->client][i].mod = 0;
	for (uint32_t i = 0; i < result->kv_count; i++) {
		const struct lease_kv *kv = &result->kvs[i];
		const struct slice key = slice_of(kv->key.data + skip, kv->key.size - skip);

		known(play, r->client, key)->mod = kv->mod_revision;
		say(r, "%.*s=%.*s #%" PRId64 " #%" PRId64 "%s ", (int)key.size,
		    (const char *)key.data, (int)kv->value.size, (const char *)kv->value.data,
		    kv->create_revision, kv->mod_revision, kv->lease_id != 0 ? " leased" : "");
	}
	say(r, "end");
}

static void tell_txn(struct play *play, struct play_result *r, const struct lease_result *result)
{
	if (!result->succeeded) {
		say(r, "not so");
		return;
	}
	say(r, "done #%" PRId64, result->revision);
	known(play, r->client, slice_str(r->key))->mod =
		strcmp(r->word, "remove") == 0 ? 0 : result->revision;
}

static void on_result(void *context, uint64_t token, const struct lease_result *result)
{
	struct stage_end *end = context;
	struct play *play = end->play;
	struct play_result *r = of_token(play, token);

	if (result->error != 0) {
		say(r, "%s", err_slug(result->error));
	} else if (strcmp(r->word, "range") == 0) {
		tell_range(play, r, result);
	} else if (strcmp(r->word, "grant") == 0) {
		play->leases[r->letter - 'A'] = result->lease_id;
		say(r, "granted %u s", result->ttl_s);
	} else if (r->key[0] != '\0') {
		tell_txn(play, r, result);
	} else {
		say(r, "ok");
	}
	finish(play, r);
}

static void submit(struct play *play, struct play_result *r, struct lease_request *request)
{
	struct lease *store = play->stage->stores[r->client];

	request->timeout_ms = 400;
	not_sent(play, r,
		 store->ops->submit(store, request, token_of(play, r), on_result,
				    &play->stage->ends[r->client]));
}

static void do_lease(struct play *play, const struct statement *s, enum lease_request_kind kind)
{
	struct play_result *r = begin(play, s);
	const char *letter = s->words[kind == LEASE_GRANT ? 3 : 2];
	struct lease_request request = {.kind = kind, .ttl_s = (uint32_t)number(s->words[2], 0)};

	if (letter[0] < 'A' || letter[0] >= 'A' + LEASES_MAX)
		die(play, "which lease?");
	(void)snprintf(r->word, sizeof r->word, "%s", s->words[1]);
	r->letter = letter[0];
	if (kind != LEASE_GRANT)
		request.lease_id = play->leases[letter[0] - 'A'];
	submit(play, r, &request);
}

static void do_range(struct play *play, const struct statement *s)
{
	struct play_result *r = begin(play, s);
	struct lease_request request = {.kind = LEASE_RANGE,
					.prefix = slice_str(play->stage->prefix)};

	(void)snprintf(r->word, sizeof r->word, "range");
	submit(play, r, &request);
}

static void do_txn(struct play *play, const struct statement *s)
{
	struct play_result *r = begin(play, s);
	const struct slice name = slice_str(s->words[2]);
	const bool creates = strcmp(s->words[1], "create") == 0;
	char key[sizeof play->stage->prefix + WORD_SIZE];
	struct lease_request request = {.kind = LEASE_TXN, .compare_count = 1, .write_count = 1};

	(void)snprintf(key, sizeof key, "%s%s", play->stage->prefix, s->words[2]);
	(void)snprintf(r->word, sizeof r->word, "%s", s->words[1]);
	(void)snprintf(r->key, sizeof r->key, "%s", s->words[2]);
	request.compares[0].key = slice_str(key);
	request.compares[0].target = creates ? LEASE_CREATE_REVISION : LEASE_MOD_REVISION;
	request.compares[0].equals = creates ? 0 : known(play, s->client, name)->mod;
	request.writes[0].key = slice_str(key);
	request.writes[0].value = slice_str(s->words[3]);
	request.writes[0].remove = strcmp(s->words[1], "remove") == 0;
	if (s->count > 4)
		request.writes[0].lease_id = play->leases[s->words[4][0] - 'A'];
	submit(play, r, &request);
}

void stage_hint(void *context)
{
	struct stage_end *end = context;

	end->hints++;
}

static void do_watch(struct play *play, const struct statement *s)
{
	struct lease *store = play->stage->stores[s->client];

	CHECK_EQ(store->ops->watch(store, slice_str(play->stage->prefix), stage_hint,
				   &play->stage->ends[s->client]),
		 0);
}

static void do_hint(struct play *play, const struct statement *s)
{
	struct stage_end *end = &play->stage->ends[s->client];
	const uint32_t steps = (uint32_t)number(s->words[2], 0) / 10;
	struct play_result *r = begin(play, s);

	for (uint32_t i = 0; i < steps && end->hints == 0; i++)
		(void)play->stage->ops->run(play->stage, NULL, 10);
	say(r, end->hints > 0 ? "yes" : "no");
	end->hints = 0;
	finish(play, r);
}

/* ---- the inbox ----------------------------------------------------------------------------------
 */

static void on_looked(void *context, int error, struct slice created, uint64_t last_sequence)
{
	struct stage_end *end = context;
	struct play_result *r = &end->play->results[end->play->look[end->client]];

	(void)created;
	if (error == 0)
		say(r, "ends at %" PRIu64, last_sequence - end->play->stage->inbox_base);
	else
		say(r, "%s", err_class(error) == ERR_CLASS_RETRY ? "fails" : err_slug(error));
	finish(end->play, r);
}

static void on_sought(void *context, uint32_t shard, int error, const struct inbox_message *message)
{
	struct stage_end *end = context;
	struct play_result *r = &end->play->results[end->play->seek[end->client]];

	CHECK_EQ(shard, end->play->stage->shard);
	if (error != 0)
		say(r, "%s", err_class(error) == ERR_CLASS_RETRY ? "fails" : err_slug(error));
	else if (message->sequence == 0)
		say(r, "nothing");
	else
		say(r, "%" PRIu64 "=%.*s", message->sequence - end->play->stage->inbox_base,
		    (int)message->bytes.size, (const char *)message->bytes.data);
	finish(end->play, r);
}

struct inbox_events stage_inbox_events(struct stage_end *end)
{
	return (struct inbox_events){on_looked, on_sought, end};
}

static void do_inbox(struct play *play, const struct statement *s)
{
	struct inbox *inbox = play->stage->inboxes[s->client];
	struct play_result *r;

	if (strcmp(s->words[1], "purge") == 0) {
		inbox->ops->purge(inbox, play->stage->shard,
				  play->stage->inbox_base + number(s->words[2], 0));
		return;
	}
	r = begin(play, s);
	if (strcmp(s->words[1], "leave") == 0) {
		say(r, "%s",
		    play->stage->ops->leave(play->stage, s->client, s->words[2]) == 0 ? "taken"
										      : "unknown");
		finish(play, r);
	} else if (strcmp(s->words[1], "look") == 0) {
		play->look[s->client] = (uint32_t)token_of(play, r) - 1;
		not_sent(play, r, inbox->ops->look(inbox));
	} else {
		play->seek[s->client] = (uint32_t)token_of(play, r) - 1;
		not_sent(play, r,
			 inbox->ops->read(inbox, play->stage->shard,
					  play->stage->inbox_base + number(s->words[2], 1)));
	}
}

/* ---- the stream of commands ---------------------------------------------------------------------
 */

static void on_put(void *context, bool stored)
{
	struct stage_end *end = context;
	struct play_result *r = &end->play->results[end->play->put[end->client]];

	say(r, stored ? "stored" : "unknown");
	finish(end->play, r);
}

static void on_pulled(void *context, const char *text, uint64_t delivery)
{
	struct stage_end *end = context;
	struct play_result *r = &end->play->results[end->play->pull[end->client]];

	if (text == NULL)
		say(r, "nothing");
	else
		say(r, "%s for the %" PRIu64 ". time", text, delivery);
	finish(end->play, r);
}

struct queue_events stage_queue_events(struct stage_end *end)
{
	return (struct queue_events){on_put, on_pulled, end};
}

static void do_queue(struct play *play, const struct statement *s)
{
	struct queue *queue = play->stage->queues[s->client];
	struct play_result *r;

	if (strcmp(s->words[1], "put") == 0) {
		r = begin(play, s);
		play->put[s->client] = (uint32_t)token_of(play, r) - 1;
		not_sent(play, r, queue->ops->put(queue, s->words[2]));
	} else if (strcmp(s->words[1], "pull") == 0) {
		r = begin(play, s);
		play->pull[s->client] = (uint32_t)token_of(play, r) - 1;
		not_sent(play, r, queue->ops->pull(queue, (uint32_t)number(s->words[2], 100)));
	} else if (strcmp(s->words[1], "ack") == 0) {
		queue->ops->say(queue, s->words[2], "+ACK");
	} else if (strcmp(s->words[1], "nak") == 0) {
		queue->ops->say(queue, s->words[2], "-NAK");
	} else {
		queue->ops->say(queue, s->words[2], "+WPI");
	}
}

/* ---- statements ---------------------------------------------------------------------------------
 */

static bool one_of(const char *word, const char *all)
{
	const char *found = strstr(all, word);

	return found != NULL && (found == all || found[-1] == ' ') &&
	       (found[strlen(word)] == ' ' || found[strlen(word)] == '\0');
}

static void do_client(struct play *play, const struct statement *s)
{
	const char *verb = s->words[1];

	if (strcmp(verb, "append") == 0)
		do_append(play, s);
	else if (strcmp(verb, "read") == 0)
		do_read(play, s);
	else if (strcmp(verb, "grant") == 0)
		do_lease(play, s, LEASE_GRANT);
	else if (strcmp(verb, "renew") == 0)
		do_lease(play, s, LEASE_RENEW);
	else if (strcmp(verb, "revoke") == 0)
		do_lease(play, s, LEASE_REVOKE);
	else if (strcmp(verb, "range") == 0)
		do_range(play, s);
	else if (one_of(verb, "create swap remove"))
		do_txn(play, s);
	else if (strcmp(verb, "watch") == 0)
		do_watch(play, s);
	else if (strcmp(verb, "hint") == 0)
		do_hint(play, s);
	else if (one_of(verb, "look seek purge leave"))
		do_inbox(play, s);
	else if (one_of(verb, "put pull ack nak progress"))
		do_queue(play, s);
	else if (one_of(verb, "mute hold pass cut up down"))
		play->stage->ops->act(play->stage, s->client, verb, "");
	else
		die(play, verb);
}

static void settle(struct play *play)
{
	if (!play->idle && !play->stage->ops->run(play->stage, &play->idle, PLAY_PATIENCE_MS))
		die(play, "something never ends");
}

static void carry_out(struct play *play, const struct statement *s)
{
	const char *verb = s->words[0];

	if (strcmp(verb, "p") == 0 || strcmp(verb, "q") == 0)
		do_client(play, s);
	else if (strcmp(verb, "sleep") == 0)
		(void)play->stage->ops->run(play->stage, NULL, (uint32_t)number(s->words[1], 0));
	else if (one_of(verb, "stop go kill start stepdown damage consumer"))
		play->stage->ops->act(play->stage, 0, verb, s->words[1]);
	else if (strcmp(verb, "wait") != 0)
		die(play, verb);
	if (!s->starts)
		settle(play);
}

static bool read_statement(const char **text, struct statement *s)
{
	*s = (struct statement){0};
	for (; **text != '\0' && **text != ';'; (*text)++) {
		uint32_t size = 0;

		if (**text == ' ')
			continue;
		CHECK_LT(s->count, WORDS_MAX);
		for (; **text != '\0' && **text != ';' && **text != ' '; (*text)++) {
			CHECK_LT(size + 1, WORD_SIZE);
			s->words[s->count][size++] = **text;
		}
		(*text)--;
		s->count++;
	}
	if (**text == ';')
		(*text)++;
	if (s->count > 0 && strcmp(s->words[s->count - 1], "&") == 0) {
		s->starts = true;
		s->count--;
		s->words[s->count][0] = '\0';
	}
	s->client = s->words[0][0] == 'q' ? 1 : 0;
	return s->count > 0;
}

/* ---- the outcome --------------------------------------------------------------------------------
 */

static int by_number(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* "#4711" becomes "#2" when it is the second smallest of those that are told. */
static void rank_revisions(const char *raw, char outcome[OUTCOME_SIZE])
{
	uint64_t all[REVISIONS_MAX];
	uint32_t count = 0, size = 0;

	for (const char *at = strchr(raw, '#'); at != NULL; at = strchr(at + 1, '#')) {
		const uint64_t revision = strtoull(at + 1, NULL, 10);
		bool there = false;

		for (uint32_t i = 0; i < count; i++)
			there |= all[i] == revision;
		CHECK_LT(count, REVISIONS_MAX);
		if (!there)
			all[count++] = revision;
	}
	qsort(all, count, sizeof all[0], by_number);
	for (const char *at = raw; *at != '\0' && size + 8 < OUTCOME_SIZE;) {
		char *rest = NULL;

		outcome[size++] = *at;
		if (*at++ != '#')
			continue;
		const uint64_t revision = strtoull(at, &rest, 10);
		for (uint32_t i = 0; i < count; i++)
			if (all[i] == revision)
				size += (uint32_t)snprintf(outcome + size, OUTCOME_SIZE - size,
							   "%u", i + 1);
		at = rest;
	}
	outcome[size] = '\0';
}

void play_run(struct stage *stage, const struct script *script, char outcome[OUTCOME_SIZE])
{
	struct play play = {.stage = stage, .script = script, .idle = true};
	const char *text = script->text;
	struct statement statement;
	char raw[OUTCOME_SIZE * 2] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < STAGE_CLIENTS; i++)
		stage->ends[i] = (struct stage_end){.play = &play, .client = i};
	stage->ops->begin(stage, script);
	while (read_statement(&text, &statement))
		carry_out(&play, &statement);
	settle(&play);
	stage->ops->end(stage);
	for (uint32_t i = 0; i < play.count; i++)
		used += (size_t)snprintf(raw + used, sizeof raw - used, "%s%s", i == 0 ? "" : " | ",
					 play.results[i].text);
	CHECK_LT(used, OUTCOME_SIZE);
	rank_revisions(raw, outcome);
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++)
		stage->ends[i].play = NULL;
}
