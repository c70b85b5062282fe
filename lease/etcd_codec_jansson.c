#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/check.h"
#include "lease/etcd_codec.h"

enum { ETCD_KVS_MAX = 100000 };

/* ---- building ----------------------------------------------------------------------------- */

const char *etcd_request_path(enum lease_request_kind kind)
{
	switch (kind) {
	case LEASE_GRANT:
		return "/v3/lease/grant";
	case LEASE_RENEW:
		return "/v3/lease/keepalive";
	case LEASE_REVOKE:
		return "/v3/lease/revoke";
	case LEASE_RANGE:
		return "/v3/kv/range";
	case LEASE_TXN:
		return "/v3/kv/txn";
	}
	return NULL;
}

static void put_base64(struct buf *body, const char *name, struct slice bytes)
{
	(void)buf_printf(body, "\"%s\":\"", name);
	(void)base64_encode(bytes, body);
	(void)buf_printf(body, "\"");
}

/* The first key after all that begin with the prefix: its last byte that is not 255, plus one.
 * "\0" = to the very end. */
static void put_range_end(struct buf *body, struct slice prefix)
{
	static const uint8_t end = 0;
	uint32_t size = prefix.size;
	uint8_t copy[512];

	while (size > 0 && prefix.data[size - 1] == 0xff)
		size--;
	if (size == 0 || size > sizeof copy) {
		put_base64(body, "range_end", slice_of(&end, 1));
		return;
	}
	memcpy(copy, prefix.data, size);
	copy[size - 1]++;
	put_base64(body, "range_end", slice_of(copy, size));
}

static void put_prefix(struct buf *body, struct slice prefix)
{
	put_base64(body, "key", prefix);
	(void)buf_printf(body, ",");
	put_range_end(body, prefix);
}

static void put_compare(struct buf *body, const struct lease_compare *compare)
{
	const bool create = compare->target == LEASE_CREATE_REVISION;

	(void)buf_printf(body, "{");
	put_base64(body, "key", compare->key);
	(void)buf_printf(body, ",\"target\":\"%s\",\"result\":\"EQUAL\",\"%s\":\"%" PRId64 "\"}",
			 create ? "CREATE" : "MOD", create ? "create_revision" : "mod_revision",
			 compare->equals);
}

static void put_write(struct buf *body, const struct lease_write *write)
{
	(void)buf_printf(body, "{\"%s\":{", write->remove ? "request_delete_range" : "request_put");
	put_base64(body, "key", write->key);
	if (!write->remove) {
		(void)buf_printf(body, ",");
		put_base64(body, "value", write->value);
		if (write->lease_id != 0)
			(void)buf_printf(body, ",\"lease\":\"%" PRId64 "\"", write->lease_id);
	}
	(void)buf_printf(body, "}}");
}

static void put_txn(struct buf *body, const struct lease_request *request)
{
	(void)buf_printf(body, "{\"compare\":[");
	for (uint32_t i = 0; i < request->compare_count; i++) {
		(void)buf_printf(body, "%s", i > 0 ? "," : "");
		put_compare(body, &request->compares[i]);
	}
	(void)buf_printf(body, "],\"success\":[");
	for (uint32_t i = 0; i < request->write_count; i++) {
		(void)buf_printf(body, "%s", i > 0 ? "," : "");
		put_write(body, &request->writes[i]);
	}
	(void)buf_printf(body, "]}");
}

static bool request_valid(const struct lease_request *request)
{
	switch (request->kind) {
	case LEASE_GRANT:
		return request->ttl_s > 0;
	case LEASE_RENEW:
	case LEASE_REVOKE:
		return request->lease_id != 0;
	case LEASE_RANGE:
		return request->prefix.size > 0;
	case LEASE_TXN:
		return request->compare_count <= LEASE_COMPARES_MAX &&
		       request->write_count <= LEASE_WRITES_MAX;
	}
	return false;
}

int etcd_request_build(const struct lease_request *request, struct buf *body)
{
	if (!request_valid(request))
		return SAGA_E_RANGE;
	switch (request->kind) {
	case LEASE_GRANT:
		(void)buf_printf(body, "{\"TTL\":\"%" PRIu32 "\"}", request->ttl_s);
		break;
	case LEASE_RENEW:
	case LEASE_REVOKE:
		(void)buf_printf(body, "{\"ID\":\"%" PRId64 "\"}", request->lease_id);
		break;
	case LEASE_RANGE:
		(void)buf_printf(body, "{");
		put_prefix(body, request->prefix);
		(void)buf_printf(body, "}");
		break;
	case LEASE_TXN:
		put_txn(body, request);
		break;
	}
	return buf_error(body);
}

int etcd_watch_build(struct slice prefix, struct buf *body)
{
	(void)buf_printf(body, "{\"create_request\":{");
	put_prefix(body, prefix);
	(void)buf_printf(body, "}}");
	return buf_error(body);
}

int etcd_authenticate_build(const char *user, struct slice password, struct buf *body)
{
	json_t *object = json_pack("{s:s,s:s%}", "name", user, "password",
				   (const char *)password.data, (size_t)password.size);
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (!text) /* the only other cause is text that is not UTF-8 */
		return SAGA_E_CONFIG;
	(void)buf_put(body, text, (uint32_t)strlen(text));
	explicit_bzero(text, strlen(text)); /* the password */
	free(text);
	return buf_error(body);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* A 64-bit integer as a string or a number; missing = 0. */
static bool get_number(const json_t *object, const char *name, int64_t *number)
{
	const json_t *value = json_object_get(object, name);
	const char *text;
	char *end;

	*number = 0;
	if (!value || json_is_null(value))
		return true;
	if (json_is_integer(value)) {
		*number = json_integer_value(value);
		return true;
	}
	text = json_string_value(value);
	if (!text || (text[0] != '-' && (text[0] < '0' || text[0] > '9')))
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool get_flag(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

static void copy_message(const json_t *value, char message[ETCD_MESSAGE_MAX])
{
	const char *text = json_string_value(value);

	(void)snprintf(message, ETCD_MESSAGE_MAX, "%s", text ? text : "");
}

/* The four shapes of an error; false when there is none. A stream's stands in `error`; a unary
 * one's `error`, if any, is only its text. */
static bool get_error(const json_t *root, int *code, char message[ETCD_MESSAGE_MAX])
{
	const json_t *error = json_object_get(root, "error");
	const json_t *from = json_is_object(error) ? error : root;
	const bool has_code = json_object_get(from, "grpc_code") || json_object_get(from, "code");
	int64_t number = 0;

	if (!error && !has_code)
		return false;
	if (!get_number(from, "grpc_code", &number) ||
	    (number == 0 && !get_number(from, "code", &number)) || number < 0 || number > 16)
		number = 0;
	*code = number == 0 ? 2 : (int)number; /* 2 is gRPC's "unknown" */
	copy_message(json_object_get(from, "message"), message);
	if (message[0] == '\0' && json_is_string(error))
		copy_message(error, message);
	return true;
}

static json_t *parse_object(struct slice body)
{
	json_t *root;

	if (body.size == 0)
		return NULL;
	/* The first object counts: a renewal's answer is a stream of one. */
	root = json_loadb((const char *)body.data, body.size,
			  JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, NULL);
	if (root && !json_is_object(root)) {
		json_decref(root);
		return NULL;
	}
	return root;
}

void etcd_reply_init(struct etcd_reply *reply, uint32_t text_size_max)
{
	*reply = (struct etcd_reply){0};
	buf_init(&reply->text, text_size_max);
}

void etcd_reply_close(struct etcd_reply *reply)
{
	free(reply->kvs);
	buf_close(&reply->text);
	*reply = (struct etcd_reply){0};
}

void etcd_reply_clear(struct etcd_reply *reply)
{
	struct lease_kv *kvs = reply->kvs;
	const uint32_t capacity = reply->kv_capacity;
	struct buf text = reply->text;

	buf_clear(&text);
	*reply = (struct etcd_reply){.kvs = kvs, .kv_capacity = capacity, .text = text};
}

/* Decodes into `text`, which may move: the slice gets its place only at the end (fix_slices). */
static int get_bytes(const json_t *object, const char *name, struct buf *text, struct slice *bytes)
{
	const json_t *value = json_object_get(object, name);
	const uint32_t start = text->size;
	int error;

	*bytes = slice_of(NULL, 0);
	if (!value)
		return 0;
	if (!json_is_string(value) || json_string_length(value) > UINT32_MAX)
		return SAGA_E_BAD_REPLY;
	error = base64_decode(
		slice_of(json_string_value(value), (uint32_t)json_string_length(value)), text);
	bytes->size = text->size - start;
	return error;
}

static int get_kv(const json_t *object, struct etcd_reply *reply, struct lease_kv *kv)
{
	int error;

	if (!json_is_object(object) ||
	    !get_number(object, "create_revision", &kv->create_revision) ||
	    !get_number(object, "mod_revision", &kv->mod_revision) ||
	    !get_number(object, "lease", &kv->lease_id))
		return SAGA_E_BAD_REPLY;
	error = get_bytes(object, "key", &reply->text, &kv->key);
	return error ? error : get_bytes(object, "value", &reply->text, &kv->value);
}

/* Keys and values stand in `text` one after the other. */
static void fix_slices(struct etcd_reply *reply)
{
	const uint8_t *at = reply->text.data;

	if (at == NULL)
		return; /* all of them are empty: there is no text to point into */
	for (uint32_t i = 0; i < reply->kv_count; i++) {
		reply->kvs[i].key.data = at;
		at += reply->kvs[i].key.size;
		reply->kvs[i].value.data = at;
		at += reply->kvs[i].value.size;
	}
}

static int get_kvs(const json_t *root, struct etcd_reply *reply)
{
	const json_t *kvs = json_object_get(root, "kvs");
	const size_t count = json_array_size(kvs);

	if (kvs && !json_is_array(kvs))
		return SAGA_E_BAD_REPLY;
	if (count > ETCD_KVS_MAX)
		return SAGA_E_TOO_LARGE;
	if (count > reply->kv_capacity) {
		struct lease_kv *grown = realloc(reply->kvs, count * sizeof *grown);

		if (!grown)
			return SAGA_E_NO_MEMORY;
		reply->kvs = grown;
		reply->kv_capacity = (uint32_t)count;
	}
	for (size_t i = 0; i < count; i++) {
		const int error = get_kv(json_array_get(kvs, i), reply, &reply->kvs[i]);

		if (error)
			return error;
	}
	reply->kv_count = (uint32_t)count;
	fix_slices(reply);
	return 0;
}

static int get_ttl(const json_t *root, struct etcd_reply *reply)
{
	int64_t ttl_s;

	if (!get_number(root, "ID", &reply->lease_id) || !get_number(root, "TTL", &ttl_s) ||
	    ttl_s > UINT32_MAX)
		return SAGA_E_BAD_REPLY;
	reply->ttl_s = ttl_s > 0 ? (uint32_t)ttl_s : 0;
	return 0;
}

static int parse_result(enum lease_request_kind kind, const json_t *root, struct etcd_reply *reply)
{
	const json_t *from = kind == LEASE_RENEW ? json_object_get(root, "result") : root;
	int error = 0;

	if (!json_is_object(from))
		return SAGA_E_BAD_REPLY;
	if (!get_number(json_object_get(from, "header"), "revision", &reply->revision))
		return SAGA_E_BAD_REPLY;
	if (kind == LEASE_GRANT || kind == LEASE_RENEW)
		error = get_ttl(from, reply);
	if (kind == LEASE_RANGE)
		error = get_kvs(from, reply);
	if (kind == LEASE_TXN)
		reply->succeeded = get_flag(from, "succeeded");
	if (error)
		return error;
	if (kind == LEASE_GRANT && (reply->lease_id == 0 || reply->ttl_s == 0))
		return SAGA_E_BAD_REPLY;
	if (kind == LEASE_RENEW && reply->ttl_s == 0)
		return SAGA_E_LEASE_LOST; /* no TTL: it is gone */
	/* Every answer about keys says which revision it speaks of. */
	if ((kind == LEASE_RANGE || kind == LEASE_TXN) && reply->revision == 0)
		return SAGA_E_BAD_REPLY;
	return 0;
}

void etcd_reply_parse(enum lease_request_kind kind, long http_status, struct slice body,
		      struct etcd_reply *reply)
{
	json_t *root = parse_object(body);

	etcd_reply_clear(reply);
	if (root && get_error(root, &reply->code, reply->message)) {
		reply->error =
			etcd_error_of(kind, reply->code, reply->message, &reply->authenticate);
	} else if (root && http_status == 200) {
		reply->error = parse_result(kind, root, reply);
	} else {
		/* Not etcd's words: a proxy's, or cut short. */
		reply->error = SAGA_E_BAD_REPLY;
		(void)snprintf(reply->message, sizeof reply->message, "HTTP status %ld",
			       http_status);
	}
	/* It may have been carried out all the same. */
	if (reply->error == SAGA_E_BAD_REPLY || reply->error == SAGA_E_TOO_LARGE ||
	    reply->error == SAGA_E_NO_MEMORY || reply->error == SAGA_E_FULL)
		reply->error = kind == LEASE_GRANT || kind == LEASE_TXN ? SAGA_E_UNKNOWN
									: SAGA_E_BAD_REPLY;
	json_decref(root);
}

int etcd_watch_parse(struct slice frame, struct etcd_watch_frame *parsed)
{
	json_t *root = parse_object(frame);
	const json_t *result = json_object_get(root, "result");
	const json_t *events = json_object_get(result, "events");
	int error = 0;

	*parsed = (struct etcd_watch_frame){0};
	if (root && get_error(root, &parsed->code, parsed->message)) {
		(void)etcd_error_of(LEASE_RANGE, parsed->code, parsed->message,
				    &parsed->authenticate);
	} else if (!json_is_object(result) || (events && !json_is_array(events))) {
		error = SAGA_E_BAD_REPLY;
	} else {
		parsed->created = get_flag(result, "created");
		parsed->canceled = get_flag(result, "canceled");
		parsed->events = (uint32_t)json_array_size(events);
		copy_message(json_object_get(result, "cancel_reason"), parsed->message);
	}
	json_decref(root);
	return error;
}

/* It goes into a header: anything else could end that. */
static bool token_valid(const char *text)
{
	if (!text || text[0] == '\0' || strlen(text) >= ETCD_TOKEN_MAX)
		return false;
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

int etcd_authenticate_parse(long http_status, struct slice body, char token[ETCD_TOKEN_MAX])
{
	json_t *root = parse_object(body);
	const char *text = json_string_value(json_object_get(root, "token"));
	char message[ETCD_MESSAGE_MAX];
	int code = 0;
	int error = SAGA_E_BAD_REPLY;

	if (root && get_error(root, &code, message)) {
		bool authenticate;

		error = etcd_error_of(LEASE_RANGE, code, message, &authenticate);
		if (strstr(message, "authentication is not enabled"))
			error = SAGA_E_STATE;
		else if (code == ETCD_GRPC_INVALID_ARGUMENT) /* "authentication failed" */
			error = SAGA_E_AUTH;
	} else if (http_status == 200 && token_valid(text)) {
		(void)snprintf(token, ETCD_TOKEN_MAX, "%s", text);
		error = 0;
	}
	json_decref(root);
	return error;
}
