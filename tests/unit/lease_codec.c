/* etcd's JSON: what is built, what is read, where a stream is cut, what each error means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "lease/etcd_codec.h"
#include "lease/etcd_frames.h"

static void assert_text(const struct buf *text, const char *expected)
{
	assert_int_equal(text->size, strlen(expected));
	assert_memory_equal(text->data, expected, text->size);
}

/* ---- building ----------------------------------------------------------------------------- */

static void build(const struct lease_request *request, const char *expected)
{
	struct buf body;

	buf_init(&body, 64 * 1024);
	assert_int_equal(etcd_request_build(request, &body), 0);
	assert_text(&body, expected);
	buf_close(&body);
}

static void requests_are_built(void **state)
{
	struct lease_request request = {.kind = LEASE_GRANT, .ttl_s = 2};

	(void)state;
	build(&request, "{\"TTL\":\"2\"}");
	request = (struct lease_request){.kind = LEASE_RENEW, .lease_id = INT64_MAX};
	build(&request, "{\"ID\":\"9223372036854775807\"}");
	request.kind = LEASE_REVOKE;
	build(&request, "{\"ID\":\"9223372036854775807\"}");
	request = (struct lease_request){.kind = LEASE_RANGE, .prefix = slice_str("/s/")};
	build(&request, "{\"key\":\"L3Mv\",\"range_end\":\"L3Mw\"}");
	request.prefix = slice_str("a\xff");
	build(&request, "{\"key\":\"Yf8=\",\"range_end\":\"Yg==\"}");
	request.prefix = slice_str("\xff");
	build(&request, "{\"key\":\"/w==\",\"range_end\":\"AA==\"}");
	request = (struct lease_request){
		.kind = LEASE_TXN,
		.compares = {{slice_str("a"), LEASE_CREATE_REVISION, 0},
			     {slice_str("b"), LEASE_MOD_REVISION, 7}},
		.compare_count = 2,
		.writes = {{false, slice_str("a"), slice_str("v"), 12},
			   {true, slice_str("b"), {NULL, 0}, 0},
			   {false, slice_str("c"), {NULL, 0}, 0}},
		.write_count = 3,
	};
	build(&request,
	      "{\"compare\":[{\"key\":\"YQ==\",\"target\":\"CREATE\",\"result\":\"EQUAL\","
	      "\"create_revision\":\"0\"},{\"key\":\"Yg==\",\"target\":\"MOD\","
	      "\"result\":\"EQUAL\",\"mod_revision\":\"7\"}],\"success\":["
	      "{\"request_put\":{\"key\":\"YQ==\",\"value\":\"dg==\",\"lease\":\"12\"}},"
	      "{\"request_delete_range\":{\"key\":\"Yg==\"}},"
	      "{\"request_put\":{\"key\":\"Yw==\",\"value\":\"\"}}]}");
}

static void senseless_requests_are_refused(void **state)
{
	static const struct lease_request bad[] = {
		{.kind = LEASE_GRANT},
		{.kind = LEASE_RENEW},
		{.kind = LEASE_REVOKE},
		{.kind = LEASE_RANGE},
		{.kind = LEASE_TXN, .compare_count = LEASE_COMPARES_MAX + 1},
		{.kind = LEASE_TXN, .write_count = LEASE_WRITES_MAX + 1},
		{.kind = (enum lease_request_kind)0},
	};
	const struct lease_request large = {.kind = LEASE_RANGE, .prefix = slice_str("/a/")};
	struct buf body;

	(void)state;
	buf_init(&body, 1024);
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(etcd_request_build(&bad[i], &body), SAGA_E_RANGE);
	assert_int_equal(body.size, 0);
	buf_close(&body);
	buf_init(&body, 10);
	assert_int_equal(etcd_request_build(&large, &body), SAGA_E_FULL);
	buf_close(&body);
}

static void a_password_may_hold_anything(void **state)
{
	struct buf body;

	(void)state;
	buf_init(&body, 1024);
	assert_int_equal(etcd_authenticate_build("me", slice_str("a\"\\\n"), &body), 0);
	assert_text(&body, "{\"name\":\"me\",\"password\":\"a\\\"\\\\\\n\"}");
	buf_clear(&body);
	assert_int_equal(etcd_authenticate_build("me", slice_str("\xff"), &body), SAGA_E_CONFIG);
	buf_close(&body);
}

/* ---- answers ------------------------------------------------------------------------------ */

struct answer_row {
	enum lease_request_kind kind;
	long http;
	const char *body;
	int error;
	int64_t lease_id;
	uint32_t ttl_s;
	int64_t revision;
	bool succeeded;
};

static const struct answer_row answers[] = {
	{LEASE_GRANT, 200, "{\"header\":{\"revision\":\"5\"},\"ID\":\"123\",\"TTL\":\"2\"}", 0, 123,
	 2, 5, false},
	{LEASE_GRANT, 200, "{\"header\":{\"revision\":5},\"ID\":123,\"TTL\":2}", 0, 123, 2, 5,
	 false},
	{LEASE_GRANT, 200, "{\"ID\":\"9223372036854775807\",\"TTL\":\"60\",\"new\":[1,{}]}", 0,
	 INT64_MAX, 60, 0, false},
	{LEASE_GRANT, 200, "{\"TTL\":\"2\"}", SAGA_E_UNKNOWN, 0, 2, 0, false},
	{LEASE_GRANT, 200, "{\"ID\":\"12x\",\"TTL\":\"2\"}", SAGA_E_UNKNOWN, 0, 0, 0, false},
	{LEASE_GRANT, 200, "{\"ID\":\"9223372036854775808\",\"TTL\":\"2\"}", SAGA_E_UNKNOWN, 0, 0,
	 0, false},
	{LEASE_RENEW, 200, "{\"result\":{\"ID\":\"123\",\"TTL\":\"2\"}}\n", 0, 123, 2, 0, false},
	{LEASE_RENEW, 200, "{\"result\":{\"ID\":\"1\",\"TTL\":\"2\"}}\n{\"result\":{}}\n", 0, 1, 2,
	 0, false},
	{LEASE_RENEW, 200, "{\"result\":{\"ID\":\"123\"}}", SAGA_E_LEASE_LOST, 123, 0, 0, false},
	{LEASE_RENEW, 200, "{\"result\":{\"ID\":\"123\",\"TTL\":\"-1\"}}", SAGA_E_LEASE_LOST, 123,
	 0, 0, false},
	{LEASE_RENEW, 200, "{\"ID\":\"123\",\"TTL\":\"2\"}", SAGA_E_BAD_REPLY, 0, 0, 0, false},
	{LEASE_REVOKE, 200, "{\"header\":{\"revision\":\"5\"}}", 0, 0, 0, 5, false},
	{LEASE_REVOKE, 404,
	 "{\"error\":\"etcdserver: requested lease not found\",\"message\":\"etcdserver: requested "
	 "lease not found\",\"code\":5}",
	 0, 0, 0, 0, false},
	{LEASE_TXN, 200, "{\"header\":{\"revision\":\"9\"},\"succeeded\":true,\"responses\":[]}", 0,
	 0, 0, 9, true},
	{LEASE_TXN, 200, "{\"header\":{\"revision\":\"9\"}}", 0, 0, 0, 9, false},
	{LEASE_TXN, 200, "{}", SAGA_E_UNKNOWN, 0, 0, 0, false},
	{LEASE_TXN, 502, "<html>Bad gateway</html>", SAGA_E_UNKNOWN, 0, 0, 0, false},
	{LEASE_TXN, 200, "", SAGA_E_UNKNOWN, 0, 0, 0, false},
	{LEASE_TXN, 200, "{\"header\":{\"revision\":\"9\"},\"succee", SAGA_E_UNKNOWN, 0, 0, 0,
	 false},
	{LEASE_RANGE, 200, "{\"header\":{\"revision\":\"9\"}}", 0, 0, 0, 9, false},
	{LEASE_RANGE, 200, "{}", SAGA_E_BAD_REPLY, 0, 0, 0, false},
	{LEASE_RANGE, 200, "[]", SAGA_E_BAD_REPLY, 0, 0, 0, false},
	{LEASE_RANGE, 200, "null", SAGA_E_BAD_REPLY, 0, 0, 0, false},
	{LEASE_RANGE, 500, "{}", SAGA_E_BAD_REPLY, 0, 0, 0, false},
	{LEASE_RANGE, 200, "{\"header\":7}", SAGA_E_BAD_REPLY, 0, 0, 0, false},
	{LEASE_RANGE, 200, "{\"header\":{\"revision\":\"9\"},\"kvs\":{}}", SAGA_E_BAD_REPLY, 0, 0,
	 9, false},
	{LEASE_RANGE, 200, "{\"header\":{\"revision\":\"9\"},\"kvs\":[1]}", SAGA_E_BAD_REPLY, 0, 0,
	 9, false},
	{LEASE_RANGE, 200, "{\"header\":{\"revision\":\"9\"},\"kvs\":[{\"key\":\"*\"}]}",
	 SAGA_E_BAD_REPLY, 0, 0, 9, false},
	{LEASE_RANGE, 200, "{\"header\":{\"revision\":\"9\"},\"kvs\":[{\"key\":5}]}",
	 SAGA_E_BAD_REPLY, 0, 0, 9, false},
};

static void answers_are_read(void **state)
{
	struct etcd_reply reply;

	(void)state;
	etcd_reply_init(&reply, 64 * 1024);
	for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		const struct answer_row *row = &answers[i];

		etcd_reply_parse(row->kind, row->http, slice_str(row->body), &reply);
		if (reply.error != row->error)
			fail_msg("%s: %s", row->body, err_name(reply.error));
		assert_false(reply.authenticate);
		if (row->error != 0 && row->error != SAGA_E_LEASE_LOST)
			continue;
		assert_true(reply.lease_id == row->lease_id);
		assert_int_equal(reply.ttl_s, row->ttl_s);
		assert_true(reply.revision == row->revision);
		assert_int_equal(reply.succeeded, row->succeeded);
	}
	etcd_reply_close(&reply);
}

static void keys_are_read(void **state)
{
	static const char body[] =
		"{\"header\":{\"cluster_id\":\"1\",\"revision\":\"9\"},\"kvs\":["
		"{\"key\":\"L2E=\",\"create_revision\":\"2\",\"mod_revision\":3,"
		"\"version\":\"1\",\"value\":\"AAECAw==\",\"lease\":\"77\"},"
		"{\"key\":\"L2I=\",\"create_revision\":\"4\",\"mod_revision\":\"4\"}],"
		"\"count\":\"2\"}";
	struct etcd_reply reply;

	(void)state;
	etcd_reply_init(&reply, 64 * 1024);
	for (int round = 0; round < 2; round++) { /* its memory is used again */
		etcd_reply_parse(LEASE_RANGE, 200, slice_str(body), &reply);
		assert_int_equal(reply.error, 0);
		assert_int_equal(reply.kv_count, 2);
		assert_true(slice_equal(reply.kvs[0].key, slice_str("/a")));
		assert_true(slice_equal(reply.kvs[0].value, slice_of("\0\1\2\3", 4)));
		assert_true(reply.kvs[0].create_revision == 2);
		assert_true(reply.kvs[0].mod_revision == 3);
		assert_true(reply.kvs[0].lease_id == 77);
		assert_true(slice_equal(reply.kvs[1].key, slice_str("/b")));
		assert_int_equal(reply.kvs[1].value.size, 0);
		assert_true(reply.kvs[1].lease_id == 0);
	}
	etcd_reply_close(&reply);
	etcd_reply_init(&reply, 5); /* more than may be kept */
	etcd_reply_parse(LEASE_RANGE, 200, slice_str(body), &reply);
	assert_int_equal(reply.error, SAGA_E_BAD_REPLY);
	assert_int_equal(reply.kv_count, 0);
	etcd_reply_close(&reply);
}

/* ---- errors ------------------------------------------------------------------------------- */

struct error_row {
	int code;
	const char *message;
	int txn, renew, range;
	bool authenticate;
};

static const struct error_row errors[] = {
	{14, "etcdserver: no leader", SAGA_E_NO_LEADER, SAGA_E_NO_LEADER, SAGA_E_NO_LEADER, false},
	{14, "etcdserver: request timed out", SAGA_E_UNKNOWN, SAGA_E_ETCD, SAGA_E_ETCD, false},
	{14, "etcdserver: leader changed", SAGA_E_UNKNOWN, SAGA_E_ETCD, SAGA_E_ETCD, false},
	{4, "context deadline exceeded", SAGA_E_UNKNOWN, SAGA_E_ETCD, SAGA_E_ETCD, false},
	{2, "anything", SAGA_E_UNKNOWN, SAGA_E_ETCD, SAGA_E_ETCD, false},
	{13, "internal", SAGA_E_UNKNOWN, SAGA_E_ETCD, SAGA_E_ETCD, false},
	{8, "etcdserver: mvcc: database space exceeded", SAGA_E_ETCD, SAGA_E_ETCD, SAGA_E_ETCD,
	 false},
	{3, "etcdserver: duplicate key given in txn request", SAGA_E_ETCD, SAGA_E_ETCD, SAGA_E_ETCD,
	 false},
	{5, "etcdserver: requested lease not found", SAGA_E_LEASE_LOST, SAGA_E_LEASE_LOST,
	 SAGA_E_ETCD, false},
	{7, "etcdserver: permission denied", SAGA_E_AUTH, SAGA_E_AUTH, SAGA_E_AUTH, false},
	{16, "etcdserver: invalid auth token", SAGA_E_AUTH, SAGA_E_AUTH, SAGA_E_AUTH, true},
	{3, "etcdserver: user name is empty", SAGA_E_AUTH, SAGA_E_AUTH, SAGA_E_AUTH, true},
	{3, "etcdserver: revision of auth store is old", SAGA_E_AUTH, SAGA_E_AUTH, SAGA_E_AUTH,
	 true},
};

/* What stands before the text, between text and code, and after the code. */
static const char *const shapes[][3] = {
	{"{\"error\":\"x\",\"message\":\"", "\",\"code\":", "}"},
	{"{\"message\":\"", "\",\"code\":", ",\"details\":[]}"},
	{"{\"error\":\"", "\",\"code\":", "}"},
	{"{\"message\":\"", "\",\"code\":\"", "\"}"},
	{"{\"error\":{\"message\":\"", "\",\"http_code\":503,\"grpc_code\":", "}}"},
	{"{\"error\":{\"message\":\"", "\",\"code\":", "}}"},
};

static void check_error(enum lease_request_kind kind, const char *const shape[3],
			const struct error_row *row, int expected)
{
	char body[512];
	struct etcd_reply reply;

	(void)snprintf(body, sizeof body, "%s%s%s%d%s", shape[0], row->message, shape[1], row->code,
		       shape[2]);
	etcd_reply_init(&reply, 1024);
	etcd_reply_parse(kind, 503, slice_str(body), &reply);
	if (reply.error != expected)
		fail_msg("%s: %s", body, err_name(reply.error));
	assert_int_equal(reply.code, row->code);
	assert_string_equal(reply.message, row->message);
	assert_int_equal(reply.authenticate, row->authenticate);
	/* A stream tells its errors with HTTP status 200. */
	etcd_reply_parse(kind, 200, slice_str(body), &reply);
	assert_int_equal(reply.error, expected);
	etcd_reply_close(&reply);
}

static void errors_of_all_shapes_mean_the_same(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		for (unsigned shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
			check_error(LEASE_TXN, shapes[shape], &errors[i], errors[i].txn);
			check_error(LEASE_RENEW, shapes[shape], &errors[i], errors[i].renew);
			check_error(LEASE_RANGE, shapes[shape], &errors[i], errors[i].range);
		}
	}
}

static void strange_errors_are_errors(void **state)
{
	static const char *const bodies[] = {
		"{\"error\":{}}",   "{\"error\":{\"grpc_code\":99}}",
		"{\"error\":null}", "{\"code\":-1}",
		"{\"code\":\"x\"}", "{\"error\":{\"code\":0,\"message\":{}}}",
	};
	struct etcd_reply reply;

	(void)state;
	etcd_reply_init(&reply, 1024);
	for (unsigned i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		etcd_reply_parse(LEASE_TXN, 200, slice_str(bodies[i]), &reply);
		assert_int_equal(reply.error, SAGA_E_UNKNOWN);
		etcd_reply_parse(LEASE_RANGE, 200, slice_str(bodies[i]), &reply);
		assert_true(reply.error == SAGA_E_ETCD);
	}
	etcd_reply_close(&reply);
}

static void failed_transfers_are_judged(void **state)
{
	(void)state;
	assert_int_equal(etcd_error_of_transfer(LEASE_TXN, true, true), SAGA_E_UNKNOWN);
	assert_int_equal(etcd_error_of_transfer(LEASE_TXN, false, true), SAGA_E_UNKNOWN);
	assert_int_equal(etcd_error_of_transfer(LEASE_GRANT, false, true), SAGA_E_UNKNOWN);
	assert_int_equal(etcd_error_of_transfer(LEASE_TXN, true, false), SAGA_E_TIMEOUT);
	assert_int_equal(etcd_error_of_transfer(LEASE_TXN, false, false), SAGA_E_ETCD);
	assert_int_equal(etcd_error_of_transfer(LEASE_RENEW, true, true), SAGA_E_TIMEOUT);
	assert_int_equal(etcd_error_of_transfer(LEASE_RANGE, false, true), SAGA_E_ETCD);
	assert_int_equal(etcd_error_of_transfer(LEASE_REVOKE, true, true), SAGA_E_TIMEOUT);
}

/* ---- tokens ------------------------------------------------------------------------------- */

static void tokens_are_read(void **state)
{
	static const struct {
		long http;
		const char *body;
		int error;
	} rows[] = {
		{200, "{\"header\":{},\"token\":\"abc.123\"}", 0},
		{200, "{\"header\":{}}", SAGA_E_BAD_REPLY},
		{200, "{\"token\":\"\"}", SAGA_E_BAD_REPLY},
		{200, "{\"token\":\"a b\"}", SAGA_E_BAD_REPLY},
		{200, "{\"token\":\"a\\r\\nX: y\"}", SAGA_E_BAD_REPLY},
		{200, "{\"token\":7}", SAGA_E_BAD_REPLY},
		{500, "{\"token\":\"abc\"}", SAGA_E_BAD_REPLY},
		{400,
		 "{\"error\":\"x\",\"message\":\"etcdserver: authentication failed, invalid user "
		 "ID or password\",\"code\":3}",
		 SAGA_E_AUTH},
		{400, "{\"message\":\"etcdserver: authentication is not enabled\",\"code\":9}",
		 SAGA_E_STATE},
		{503, "{\"message\":\"etcdserver: no leader\",\"code\":14}", SAGA_E_NO_LEADER},
		{502, "oops", SAGA_E_BAD_REPLY},
	};
	char token[ETCD_TOKEN_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		token[0] = '\0';
		assert_int_equal(
			etcd_authenticate_parse(rows[i].http, slice_str(rows[i].body), token),
			rows[i].error);
		assert_string_equal(token, rows[i].error == 0 ? "abc.123" : "");
	}
}

/* ---- watch -------------------------------------------------------------------------------- */

static void watch_frames_are_read(void **state)
{
	struct etcd_watch_frame frame;
	struct buf body;

	(void)state;
	buf_init(&body, 1024);
	assert_int_equal(etcd_watch_build(slice_str("/s/"), &body), 0);
	assert_text(&body, "{\"create_request\":{\"key\":\"L3Mv\",\"range_end\":\"L3Mw\"}}");
	buf_close(&body);

	assert_int_equal(etcd_watch_parse(slice_str("{\"result\":{\"header\":{\"revision\":\"2\"},"
						    "\"created\":true}}"),
					  &frame),
			 0);
	assert_true(frame.created);
	assert_int_equal(frame.events, 0);
	assert_int_equal(etcd_watch_parse(slice_str("{\"result\":{\"events\":[{\"kv\":{}},"
						    "{\"type\":\"DELETE\"}]}}"),
					  &frame),
			 0);
	assert_false(frame.created);
	assert_int_equal(frame.events, 2);
	assert_int_equal(etcd_watch_parse(slice_str("{\"result\":{\"canceled\":true,"
						    "\"compact_revision\":\"9\"}}"),
					  &frame),
			 0);
	assert_true(frame.canceled);
	assert_int_equal(
		etcd_watch_parse(slice_str("{\"error\":{\"grpc_code\":14,\"http_code\":503,"
					   "\"message\":\"etcdserver: no leader\"}}"),
				 &frame),
		0);
	assert_int_equal(frame.code, 14);
	assert_int_equal(
		etcd_watch_parse(slice_str("{\"error\":{\"code\":16,\"message\":\"\"}}"), &frame),
		0);
	assert_true(frame.authenticate);
	assert_int_equal(etcd_watch_parse(slice_str("{}"), &frame), SAGA_E_BAD_REPLY);
	assert_int_equal(etcd_watch_parse(slice_str("{\"result\":{\"events\":7}}"), &frame),
			 SAGA_E_BAD_REPLY);
	assert_int_equal(etcd_watch_parse(slice_str("garbage"), &frame), SAGA_E_BAD_REPLY);
}

/* ---- frames ------------------------------------------------------------------------------- */

static const char stream[] = "{\"a\":\"}{\\\"\\\\\"}\n{\"b\":{\"c\":[{},{}]}} \r\n\t{}{\"d\":1}";
static const char *const objects[] = {"{\"a\":\"}{\\\"\\\\\"}", "{\"b\":{\"c\":[{},{}]}}", "{}",
				      "{\"d\":1}"};

/* Feeds `text` in the pieces that `cuts` marks, and expects the objects above. */
static void feed(const char *text, size_t size, uint64_t cuts)
{
	struct etcd_frames frames;
	uint32_t seen = 0;
	size_t at = 0;

	etcd_frames_init(&frames, 64);
	while (at < size) {
		size_t end = at + 1;
		struct slice input;
		struct slice frame;
		int got;

		while (end < size && !(cuts >> (end % 64) & 1))
			end++;
		input = slice_of(text + at, (uint32_t)(end - at));
		while ((got = etcd_frames_next(&frames, &input, &frame)) == 1) {
			assert_true(seen < sizeof objects / sizeof objects[0]);
			assert_true(slice_equal(frame, slice_str(objects[seen++])));
		}
		assert_int_equal(got, 0);
		assert_int_equal(input.size, 0);
		at = end;
	}
	assert_int_equal(seen, sizeof objects / sizeof objects[0]);
	etcd_frames_close(&frames);
}

static void a_stream_may_be_cut_anywhere(void **state)
{
	struct prng prng;

	(void)state;
	prng_seed(&prng, 1);
	feed(stream, sizeof stream - 1, 0);
	feed(stream, sizeof stream - 1, UINT64_MAX);
	for (unsigned i = 0; i < sizeof stream - 1; i++)
		feed(stream, sizeof stream - 1, UINT64_C(1) << i);
	for (int i = 0; i < 2000; i++)
		feed(stream, sizeof stream - 1, prng_next(&prng) & prng_next(&prng));
}

static void frames_are_bounded(void **state)
{
	struct etcd_frames frames;
	struct slice frame;
	struct slice input = slice_str("{\"aaaaaaaa");
	int got = 0;

	(void)state;
	etcd_frames_init(&frames, 64);
	for (int i = 0; i < 20 && got == 0; i++) {
		got = etcd_frames_next(&frames, &input, &frame);
		input = slice_str("bbbbbbbb");
	}
	assert_int_equal(got, SAGA_E_FULL);
	etcd_frames_reset(&frames);
	input = slice_str("{\"x\":1}");
	assert_int_equal(etcd_frames_next(&frames, &input, &frame), 1);
	input = slice_str(" x");
	assert_int_equal(etcd_frames_next(&frames, &input, &frame), SAGA_E_BAD_REPLY);
	etcd_frames_reset(&frames);
	input = slice_str("}");
	assert_int_equal(etcd_frames_next(&frames, &input, &frame), SAGA_E_BAD_REPLY);
	etcd_frames_close(&frames);
}

/* Damaged bytes of a good answer: any verdict, but no crash, and never a success that is not one.
 */
static void damage_is_survived(void **state)
{
	struct etcd_reply reply;
	struct prng prng;

	(void)state;
	prng_seed(&prng, 7);
	etcd_reply_init(&reply, 64 * 1024);
	for (int i = 0; i < 20000; i++) {
		const struct answer_row *row =
			&answers[prng_below(&prng, sizeof answers / sizeof answers[0])];
		char body[512];
		uint32_t size = (uint32_t)strlen(row->body);
		struct etcd_watch_frame frame;

		memcpy(body, row->body, size);
		for (uint64_t flips = prng_below(&prng, 4); size > 0 && flips > 0; flips--)
			body[prng_below(&prng, size)] = (char)prng_next(&prng);
		size = (uint32_t)prng_below(&prng, size + 1);
		etcd_reply_parse(row->kind, 200, slice_of(body, size), &reply);
		if (reply.error == 0 && row->kind == LEASE_GRANT)
			assert_true(reply.lease_id != 0 && reply.ttl_s > 0);
		if (reply.error == 0 && row->kind == LEASE_RENEW)
			assert_true(reply.ttl_s > 0);
		(void)!etcd_watch_parse(slice_of(body, size), &frame);
	}
	etcd_reply_close(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_built),
		cmocka_unit_test(senseless_requests_are_refused),
		cmocka_unit_test(a_password_may_hold_anything),
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(keys_are_read),
		cmocka_unit_test(errors_of_all_shapes_mean_the_same),
		cmocka_unit_test(strange_errors_are_errors),
		cmocka_unit_test(failed_transfers_are_judged),
		cmocka_unit_test(tokens_are_read),
		cmocka_unit_test(watch_frames_are_read),
		cmocka_unit_test(a_stream_may_be_cut_anywhere),
		cmocka_unit_test(frames_are_bounded),
		cmocka_unit_test(damage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
