/* What the streams must look like.
 *
 * Journals: no limit of any kind may drop a batch, and nobody may delete one message. `deny_purge`
 * would be right too, but the server refuses it together with roll-ups, which retire segments
 * (S17). `discard: new` makes a limit that somebody sets later refuse appends and not eat history.
 * Nothing of ours asks for deduplication; its window is the smallest one the server takes.
 *
 * Commands: a work queue whose messages go when they are acknowledged or too old (S14).
 * `discard: new`, so that a full queue of a service answers "full" instead of losing the oldest
 * command without a word.
 *
 * Inbox (S12): what was acknowledged must be read, so no age limit; bounded, and full it refuses
 * publishers. No roll-ups: a publisher could wipe what others have sent. Owners purge what their
 * cursor has passed.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "journal/jetstream_jansson.h"
#include "wire/message.h"
#include "wire/subject.h"

enum {
	DUPLICATE_WINDOW_NS = 100 * 1000 * 1000,
	INBOX_MESSAGES_MAX = 1000 * 1000,
	INBOX_BYTES_MAX = 256 * 1024 * 1024,
	INBOX_MESSAGE_SIZE_MAX = 512 * 1024, /* more than any submit */
};
_Static_assert((int)INBOX_MESSAGE_SIZE_MAX > (int)WIRE_INPUT_SIZE_MAX + 128 * 1024,
	       "any submit fits the inbox");

struct jetstream_name jetstream_wish_stream(const struct jetstream_wish *wish)
{
	const char *prefix = wish->config->stream_prefix;

	if (wish->shard == JETSTREAM_COMMANDS)
		return jetstream_command_stream(prefix);
	return wish->shard == JETSTREAM_INBOX ? jetstream_inbox_stream(prefix)
					      : jetstream_stream(prefix, wish->shard);
}

static void describe(const struct jetstream_wish *wish, char *text, uint32_t size)
{
	int length;

	if (wish->shard >= WIRE_SHARDS_MAX) {
		length = snprintf(text, size, "sagad %s cluster=%s shards=%u",
				  wish->shard == JETSTREAM_INBOX ? "inbox" : "commands",
				  wish->cluster, wish->shard_count);
	} else {
		char start[JETSTREAM_API_SIZE];

		jetstream_description(start, wish->cluster, wish->shard);
		length = snprintf(text, size, "%s%u", start, wish->shard_count);
	}
	CHECK(length > 0 && (uint32_t)length < size);
}

/* Of the inbox one for each shard, so that the server stores nothing that nobody would read. */
static json_t *subjects_of(const struct jetstream_wish *wish)
{
	const char *prefix = wish->config->prefix;
	char subject[JETSTREAM_API_SIZE];
	json_t *subjects = json_array();

	if (wish->shard == JETSTREAM_COMMANDS)
		(void)snprintf(subject, sizeof subject, "%s.v1.cmd.>", prefix);
	else
		(void)snprintf(subject, sizeof subject, "%s.v1.journal.%u.>", prefix, wish->shard);
	if (wish->shard != JETSTREAM_INBOX)
		(void)json_array_append_new(subjects, json_string(subject));
	else
		for (uint32_t i = 0; i < wish->shard_count; i++)
			(void)json_array_append_new(subjects,
						    json_string(subject_inbox_all(prefix, i).text));
	return subjects;
}

static json_t *common_config(const struct jetstream_wish *wish)
{
	const struct jetstream_name name = jetstream_wish_stream(wish);
	const bool inbox = wish->shard == JETSTREAM_INBOX;
	char description[JETSTREAM_API_SIZE + 16];

	describe(wish, description, sizeof description);
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:b, s:b}",
			 "name", name.text, "description", description, "subjects",
			 subjects_of(wish), "storage", "file", "discard", "new", "max_msgs",
			 inbox ? INBOX_MESSAGES_MAX : -1, "max_bytes", inbox ? INBOX_BYTES_MAX : -1,
			 "max_msg_size", inbox ? INBOX_MESSAGE_SIZE_MAX : -1, "max_consumers", -1,
			 "max_msgs_per_subject", -1, "duplicate_window",
			 (json_int_t)DUPLICATE_WINDOW_NS, "no_ack", 0, "sealed", 0);
}

static json_t *own_config(const struct jetstream_wish *wish)
{
	if (wish->shard == JETSTREAM_COMMANDS)
		return json_pack("{s:s}", "retention", "workqueue");
	return json_pack("{s:s, s:i, s:b, s:b, s:b}", "retention", "limits", "max_age", 0,
			 "allow_rollup_hdrs", wish->shard != JETSTREAM_INBOX, "deny_delete", 1,
			 "deny_purge", 0);
}

json_t *jetstream_wish_config(const struct jetstream_wish *wish)
{
	json_t *config = common_config(wish);
	json_t *own;

	if (config == NULL)
		return NULL;
	own = own_config(wish);
	if (own != NULL && wish->shard == JETSTREAM_COMMANDS && wish->command_age_ms > 0)
		(void)json_object_set_new(
			own, "max_age",
			json_integer((json_int_t)wish->command_age_ms * 1000 * 1000));
	if (own != NULL && wish->replicas > 0)
		(void)json_object_set_new(own, "num_replicas", json_integer(wish->replicas));
	if (own == NULL || json_object_update(config, own) != 0) {
		json_decref(config);
		config = NULL;
	}
	json_decref(own);
	return config;
}

/* The server leaves out what is false or zero. */
static bool same_value(const json_t *wished, const json_t *actual)
{
	if (actual == NULL)
		return json_is_false(wished) ||
		       (json_is_integer(wished) && json_integer_value(wished) == 0);
	return json_equal(wished, actual);
}

static void say_difference(const char *stream, const char *key, const json_t *wished,
			   const json_t *actual, char *why, uint32_t size)
{
	char *is = actual != NULL ? json_dumps(actual, JSON_ENCODE_ANY) : NULL;
	char *should = json_dumps(wished, JSON_ENCODE_ANY);

	(void)snprintf(why, size, "stream %s: %s is %.100s, must be %.100s", stream, key,
		       is != NULL ? is : "not set", should != NULL ? should : "?");
	free(is);
	free(should);
}

int jetstream_wish_compare(const struct jetstream_wish *wish, const json_t *actual, char *why,
			   uint32_t size)
{
	const struct jetstream_name name = jetstream_wish_stream(wish);
	char description[JETSTREAM_API_SIZE + 16];
	const char *says = json_string_value(json_object_get(actual, "description"));
	json_t *config = jetstream_wish_config(wish);
	const char *key;
	json_t *wished;
	int rc = 0;

	if (config == NULL)
		return SAGA_E_NO_MEMORY;
	describe(wish, description, sizeof description);
	if (says == NULL || strcmp(says, description) != 0) {
		(void)snprintf(why, size, "stream %s is described as \"%.120s\", expected \"%s\"",
			       name.text, says != NULL ? says : "", description);
		rc = SAGA_E_JOURNAL_FOREIGN;
		goto out;
	}
	json_object_foreach(config, key, wished)
	{
		const json_t *value = json_object_get(actual, key);

		if (same_value(wished, value))
			continue;
		say_difference(name.text, key, wished, value, why, size);
		rc = SAGA_E_JOURNAL_CONFIG;
		goto out;
	}
	/* Of a copy of another stream the fence would mean nothing. */
	if (json_object_get(actual, "mirror") != NULL ||
	    json_object_get(actual, "sources") != NULL) {
		(void)snprintf(why, size, "stream %s copies another stream", name.text);
		rc = SAGA_E_JOURNAL_CONFIG;
	}
out:
	json_decref(config);
	return rc;
}

json_t *jetstream_parse(struct slice text)
{
	json_t *answer = json_loadb((const char *)text.data, text.size, 0, NULL);

	if (answer != NULL && !json_is_object(answer)) {
		json_decref(answer);
		return NULL;
	}
	return answer;
}

uint32_t jetstream_answer_error(const json_t *answer, uint32_t *http, const char **text)
{
	const json_t *error = json_object_get(answer, "error");
	const json_int_t code = json_integer_value(json_object_get(error, "err_code"));
	const json_int_t status = json_integer_value(json_object_get(error, "code"));

	*http = status > 0 && status < 1000 ? (uint32_t)status : 0;
	*text = json_string_value(json_object_get(error, "description"));
	if (*text == NULL)
		*text = "";
	if (error == NULL)
		return 0;
	return code > 0 && code <= UINT32_MAX ? (uint32_t)code : UINT32_MAX;
}
