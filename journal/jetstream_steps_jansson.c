/* What is asked for one stream, and what the answers say: see jetstream_admin_jansson.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/check.h"
#include "journal/ack.h"
#include "journal/jetstream_item_jansson.h"
#include "wire/subject.h"

enum {
	REQUEST_TIMEOUT_MS = 8000,
	GENESIS_SIZE_MAX = 4096,
	RENEWALS_MAX = 3, /* of one stream: more means that somebody works against us */
};

/* The request has ended: its parsed answer, or NULL when the trouble has been dealt with. *code =
 * the server's error. */
static json_t *answer_of(struct item *item, int error, const struct transport_message *message,
			 uint32_t *code, const char **why)
{
	uint32_t http = 0;
	json_t *answer;

	item->request = 0;
	if (error != 0) {
		item_again(item, error, err_text(error));
		return NULL;
	}
	answer = message->status == 0 ? jetstream_parse(message->data) : NULL;
	if (answer == NULL) {
		item_again(item, SAGA_E_BAD_REPLY, err_text(SAGA_E_BAD_REPLY));
		return NULL;
	}
	*code = jetstream_answer_error(answer, &http, why);
	if (http == 503) { /* no leader yet, or busy */
		item_again(item, SAGA_E_NATS, *why);
		json_decref(answer);
		return NULL;
	}
	return answer;
}

/* ---- create and look -------------------------------------------------------------------------
 */

/* Of the stream in an answer; zeros when the server does not say. */
struct state {
	uint64_t last_sequence, consumers;
	bool clustered;
};

static uint64_t number_of(const json_t *object, const char *key)
{
	const json_int_t number = json_integer_value(json_object_get(object, key));

	return number > 0 ? (uint64_t)number : 0;
}

static struct state state_of(const json_t *answer)
{
	const json_t *state = json_object_get(answer, "state");

	return (struct state){.last_sequence = number_of(state, "last_seq"),
			      .consumers = number_of(state, "consumer_count"),
			      .clustered = json_object_get(answer, "cluster") != NULL};
}

/* True when the stream in the answer is the wished one; else the job has ended. */
static bool wished(struct item *item, const json_t *answer)
{
	const char *created = json_string_value(json_object_get(answer, "created"));
	char why[JETSTREAM_TEXT_SIZE] = "";
	int rc = jetstream_wish_compare(&item->wish, json_object_get(answer, "config"), why,
					sizeof why);

	if (rc == 0 && (created == NULL || strlen(created) >= sizeof item->created)) {
		rc = SAGA_E_BAD_REPLY;
		(void)snprintf(why, sizeof why, "no creation time in the server's answer");
	}
	if (rc == 0) {
		(void)snprintf(item->created, sizeof item->created, "%s", created);
		return true;
	}
	if (rc == SAGA_E_JOURNAL_CONFIG && item->job->provisions)
		rc = SAGA_E_CLUSTER_MISMATCH;
	item_wrong(item, rc, why);
	return false;
}

static enum step after_creation(const struct item *item, struct state state)
{
	const bool whole = item->deleted || state.clustered;

	if (item->wish.shard < WIRE_SHARDS_MAX) {
		if (state.last_sequence > 0)
			return STEP_FIRST;
		return whole ? STEP_GENESIS : STEP_DELETE;
	}
	/* With messages or consumers it has been in use: not for us to delete. */
	return whole || state.last_sequence > 0 || state.consumers > 0 ? STEP_DONE : STEP_DELETE;
}

static void create_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	const char *why = "";
	uint32_t code = 0;
	json_t *answer;

	answer = answer_of(item, error, message, &code, &why);
	if (answer == NULL)
		return;
	if (code == ACK_STREAM_NAME_IN_USE)
		item_go(item, STEP_LOOK);
	else if (code == ACK_NO_PEERS)
		item_again(item, SAGA_E_CONFIG, why); /* a cluster that is still starting */
	else if (code == ACK_CREATION_FAILED)
		/* Its files: a server alone removes the empty folders that a deletion left after it
		 * has answered, and a creation that comes meanwhile finds them gone. */
		item_again(item, SAGA_E_NATS, why);
	else if (code != 0)
		item_fail(item,
			  code == ACK_SUBJECTS_OVERLAP ? SAGA_E_CLUSTER_MISMATCH : SAGA_E_CONFIG,
			  why);
	else if (wished(item, answer))
		item_go(item, after_creation(item, state_of(answer)));
	json_decref(answer);
}

static void look_done(struct item *item)
{
	/* When creation was refused the server saw a difference where we see none. */
	if (item->job->provisions)
		item_fail(item, SAGA_E_CLUSTER_MISMATCH, "is there with another configuration");
	else
		item_go(item, STEP_DONE);
}

static void look_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	const char *why = "";
	uint32_t code = 0;
	json_t *answer;

	answer = answer_of(item, error, message, &code, &why);
	if (answer == NULL)
		return;
	if (code != 0)
		item_fail(item, code == ACK_STREAM_NOT_FOUND ? SAGA_E_JOURNAL_MISSING : SAGA_E_NATS,
			  why);
	else if (wished(item, answer))
		look_done(item);
	json_decref(answer);
}

/* ---- the first record -------------------------------------------------------------------------
 */

static void genesis_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	const struct jetstream_name name = jetstream_wish_stream(&item->wish);
	struct ack ack = {.status = JOURNAL_UNKNOWN};

	item->request = 0;
	if (error == 0 && message->status == 0)
		ack = ack_read(message->data, name.text, 0);
	if (ack.broken)
		item_fail(item, SAGA_E_INTERNAL, "the server does not keep the fence");
	else if (ack.status == JOURNAL_STORED)
		item_go(item, STEP_DONE);
	else if (ack.status == JOURNAL_REFUSED)
		item_go(item, STEP_FIRST); /* an earlier try, or somebody else's */
	else
		item_again(item, error != 0 ? error : SAGA_E_UNKNOWN,
			   "GENESIS was not acknowledged");
}

static const char *genesis_trouble(int rc)
{
	switch (rc) {
	case SAGA_E_JOURNAL_FOREIGN:
		return "its first record names another cluster, shard or creation time";
	case SAGA_E_CLUSTER_MISMATCH:
		return "its first record names other shards";
	default:
		return "its first record cannot be read";
	}
}

/* What the answer with the first message says about the journal; *made_again as in
 * jetstream_genesis_compare. */
static int judge_first(const struct item *item, const json_t *answer, bool *made_again)
{
	const char *data =
		json_string_value(json_object_get(json_object_get(answer, "message"), "data"));
	struct buf payload;
	int rc;

	buf_init(&payload, JETSTREAM_MESSAGE_SIZE_MAX);
	rc = base64_decode(slice_str(data != NULL ? data : ""), &payload);
	if (rc == 0)
		rc = jetstream_genesis_compare(&item->wish, &item->job->slots, item->created,
					       buf_slice(&payload), made_again);
	buf_close(&payload);
	return rc;
}

static void first_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	bool made_again = false;
	const char *why = "";
	uint32_t code = 0;
	json_t *answer;
	int rc = 0;

	answer = answer_of(item, error, message, &code, &why);
	if (answer == NULL)
		return;
	if (code == 0)
		rc = judge_first(item, answer, &made_again);
	if (code == ACK_STREAM_NOT_FOUND)
		item_again(item, SAGA_E_NATS, why);
	else if (made_again || code == ACK_NO_MESSAGE_FOUND) /* a deletion that was cut short */
		item_go(item, STEP_INSPECT);
	else if (code != 0)
		item_fail(item, SAGA_E_CLUSTER_MISMATCH, why);
	else if (rc != 0)
		item_fail(item, rc, genesis_trouble(rc));
	else
		item_go(item, STEP_DONE);
	json_decref(answer);
}

/* ---- a journal that was lost and made again ---------------------------------------------------
 */

/* No owner takes a journal whose GENESIS is missing or names another creation time, so what is
 * deleted here nobody can have written to. More than one message is not of our making all the same:
 * that is for a person to judge. */
static void inspect_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	char created[JETSTREAM_CREATED_SIZE];
	const char *why = "";
	struct state state;
	uint32_t code = 0;
	json_t *answer;

	answer = answer_of(item, error, message, &code, &why);
	if (answer == NULL)
		return;
	memcpy(created, item->created, sizeof created);
	if (code != 0) {
		item_again(item, SAGA_E_NATS, why);
	} else if (wished(item, answer)) {
		state = state_of(answer);
		/* Seen at another time than the first message was: then somebody else is at it. */
		if (strcmp(created, item->created) != 0 || state.last_sequence == 0)
			item_again(item, SAGA_E_NATS, "somebody else makes it anew");
		else if (state.last_sequence > 1 || item->renewals++ >= RENEWALS_MAX)
			item_fail(item, SAGA_E_JOURNAL_FOREIGN,
				  genesis_trouble(SAGA_E_JOURNAL_FOREIGN));
		else
			item_go(item, STEP_DELETE);
	}
	json_decref(answer);
}

/* A lost answer begins the item anew (see again): a deletion is never sent twice for one look. */
static void delete_answered(void *context, int error, const struct transport_message *message)
{
	struct item *item = context;
	const char *why = "";
	uint32_t code = 0;
	json_t *answer;

	answer = answer_of(item, error, message, &code, &why);
	if (answer == NULL)
		return;
	if (code != 0 && code != ACK_STREAM_NOT_FOUND) {
		item_again(item, SAGA_E_NATS, why);
	} else {
		item->deleted = true;
		item_go(item, STEP_CREATE);
	}
	json_decref(answer);
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static int ask(struct item *item, const char *verb, struct slice body, transport_completion done)
{
	struct transport *t = item->job->transport;
	const struct jetstream_name name = jetstream_wish_stream(&item->wish);
	const struct jetstream_api api = jetstream_api(verb, name.text, NULL);

	return t->ops->request(t, api.text, NULL, 0, body, REQUEST_TIMEOUT_MS, done, item,
			       &item->request);
}

static int send_create(struct item *item)
{
	json_t *config = jetstream_wish_config(&item->wish);
	char *text = config != NULL ? json_dumps(config, JSON_COMPACT) : NULL;
	int rc = SAGA_E_NO_MEMORY;

	if (text != NULL)
		rc = ask(item, "STREAM.CREATE", slice_str(text), create_answered);
	free(text);
	json_decref(config);
	return rc;
}

static int send_genesis(struct item *item)
{
	const struct transport_header fence = {"Nats-Expected-Last-Sequence", "0"};
	const struct subject subject =
		subject_journal(item->job->config.prefix, item->wish.shard, 0);
	struct transport *t = item->job->transport;
	struct buf bytes;
	int rc;

	buf_init(&bytes, GENESIS_SIZE_MAX);
	rc = jetstream_genesis_encode(&item->wish, &item->job->slots, item->created, &bytes);
	if (rc == 0)
		rc = t->ops->request(t, subject.text, &fence, 1, buf_slice(&bytes),
				     REQUEST_TIMEOUT_MS, genesis_answered, item, &item->request);
	buf_close(&bytes);
	return rc;
}

int item_send(struct item *item)
{
	int rc;

	CHECK_EQ(item->request, 0);
	switch (item->step) {
	case STEP_CREATE:
		rc = send_create(item);
		break;
	case STEP_LOOK:
		rc = ask(item, "STREAM.INFO", slice_of(NULL, 0), look_answered);
		break;
	case STEP_GENESIS:
		rc = send_genesis(item);
		break;
	case STEP_FIRST:
		rc = ask(item, "STREAM.MSG.GET", slice_str("{\"seq\":1}"), first_answered);
		break;
	case STEP_INSPECT:
		rc = ask(item, "STREAM.INFO", slice_of(NULL, 0), inspect_answered);
		break;
	case STEP_DELETE:
		rc = ask(item, "STREAM.DELETE", slice_of(NULL, 0), delete_answered);
		break;
	case STEP_DONE:
	case STEPS:
	default:
		CHECK(false);
		rc = SAGA_E_INTERNAL;
	}
	if (rc != 0)
		item->request = 0;
	return rc;
}
