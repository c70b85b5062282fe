/* What is wrong with an operator's request is answered with a code, changes nothing, and hurts
 * nobody else. */
#include "tests/unit/unit.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "tests/support/launcher.h"
#include "wire/admin.h"
#include "wire/codec.h"
#include "wire/subject.h"

enum { ARENA_SIZE = 512 * 1024, ASK_MS = 20000, MANGLED = 1500 };

struct fixture {
	struct cluster *cluster;
	natsConnection *nats;
	struct buf request;
	uint8_t answer[ARENA_SIZE];
	uint8_t arena[ARENA_SIZE];
};

static int setup(void **state)
{
	static struct fixture f;
	struct cluster_options options;

	cluster_options_init(&options);
	options.nodes = 2;
	options.shards = 4;
	if (cluster_create(&options, &f.cluster) != 0 || cluster_start(f.cluster) != 0 ||
	    natsConnection_ConnectTo(&f.nats, cluster_nats_url(f.cluster)) != NATS_OK) {
		(void)fprintf(stderr, "%s\n", cluster_trouble(f.cluster));
		return 1;
	}
	buf_init(&f.request, WIRE_MESSAGE_SIZE_MAX);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	natsConnection_Destroy(f->nats);
	nats_Close();
	buf_close(&f->request);
	cluster_destroy(f->cluster);
	return 0;
}

/* The answer's code; its text and the rest in *answer. */
static int ask_bytes(struct fixture *f, const char *subject, struct slice bytes,
		     struct wire_admin_answer *answer)
{
	natsMsg *reply = NULL;
	struct arena arena;
	int size;

	if (natsConnection_Request(&reply, f->nats, subject, bytes.data, (int)bytes.size, ASK_MS) !=
	    NATS_OK)
		fail_msg("no answer on %s", subject);
	size = natsMsg_GetDataLength(reply);
	assert_true(size > 0 && (size_t)size <= sizeof f->answer);
	memcpy(f->answer, natsMsg_GetData(reply), (size_t)size);
	natsMsg_Destroy(reply);
	arena_init(&arena, f->arena, sizeof f->arena);
	assert_int_equal(wire_decode(WIRE_ADMIN_ANSWER, slice_of(f->answer, (uint32_t)size), &arena,
				     answer, NULL),
			 0);
	return err_from_wire(answer->code);
}

static void encode(struct fixture *f, const struct wire_admin_request *request)
{
	buf_clear(&f->request);
	assert_int_equal(wire_encode(WIRE_ADMIN_REQUEST, request, &f->request), 0);
}

static int ask(struct fixture *f, uint32_t verb, const struct wire_admin_request *request,
	       struct wire_admin_answer *answer)
{
	const struct subject subject = subject_admin("saga", verb, slice_str("default"));

	encode(f, request);
	return ask_bytes(f, subject.text, buf_slice(&f->request), answer);
}

static void expect(struct fixture *f, uint32_t verb, const struct wire_admin_request *request,
		   int code, const char *text)
{
	struct wire_admin_answer answer;
	const int got = ask(f, verb, request, &answer);

	if (got != code || (text != NULL && !slice_equal(answer.text, slice_str(text))))
		fail_msg("%s: answered %s \"%.*s\"", wire_admin_verb_name(verb), err_slug(got),
			 (int)answer.text.size, (const char *)answer.text.data);
}

static void nothing_has_changed(struct fixture *f)
{
	const struct wire_admin_request none = {0};
	struct wire_admin_answer answer;

	assert_int_equal(ask(f, WIRE_ADMIN_OPS, &none, &answer), 0);
	assert_int_equal(answer.operation_count, 0);
	assert_int_equal(ask(f, WIRE_ADMIN_SHARDS, &none, &answer), 0);
	assert_int_equal(answer.shard_count, 4);
	for (uint32_t i = 0; i < answer.shard_count; i++)
		assert_false(answer.shards[i].pinned || answer.shards[i].frozen);
	assert_int_equal(ask(f, WIRE_ADMIN_NODES, &none, &answer), 0);
	assert_int_equal(answer.node_count, 2);
	for (uint32_t i = 0; i < answer.node_count; i++)
		assert_false(answer.nodes[i].cordoned || answer.nodes[i].drained);
}

static void what_is_no_message(void **state)
{
	struct fixture *f = *state;
	struct wire_admin_answer answer;
	const struct wire_admin_request none = {0};

	assert_int_equal(ask_bytes(f, "saga.v1.admin.drain.x", slice_of(NULL, 0), &answer),
			 SAGA_E_EMPTY);
	assert_int_equal(ask_bytes(f, "saga.v1.admin.drain.x", slice_str("hello"), &answer),
			 SAGA_E_DECODE);
	encode(f, &none);
	assert_int_equal(ask_bytes(f, "saga.v1.admin.drian.x", buf_slice(&f->request), &answer),
			 SAGA_E_KIND);
	assert_int_equal(ask_bytes(f, "saga.v1.admin.nodes.a+b", buf_slice(&f->request), &answer),
			 SAGA_E_KIND);
	f->request.data[f->request.size - 1] ^= 0x55;
	(void)ask_bytes(f, "saga.v1.admin.nodes.x", buf_slice(&f->request), &answer);
	assert_true(answer.code != 0);
	nothing_has_changed(f);
}

static void what_does_not_fit_the_verb(void **state)
{
	struct fixture *f = *state;
	struct wire_admin_request r = {.actor = slice_str("alice")};
	struct wire_admin_move move = {.shard = 1, .to = slice_str("nobody")};

	expect(f, WIRE_ADMIN_PIN, &r, SAGA_E_MISSING, "has_shard");
	r.has_shard = true;
	expect(f, WIRE_ADMIN_PIN, &r, SAGA_E_MISSING, "reason");
	r.reason = slice_str("why");
	r.actor = slice_of(NULL, 0);
	expect(f, WIRE_ADMIN_PIN, &r, SAGA_E_MISSING, "actor");
	r.actor = slice_str("two words");
	r.node = slice_str("n1");
	expect(f, WIRE_ADMIN_PIN, &r, SAGA_E_NAME, NULL);
	r.actor = slice_str("alice");
	expect(f, WIRE_ADMIN_NODES, &r, SAGA_E_FIELD, "has_shard");
	r.has_shard = false;
	expect(f, WIRE_ADMIN_OPS, &r, SAGA_E_FIELD, "node");
	expect(f, WIRE_ADMIN_CANCEL, &r, SAGA_E_MISSING, "operation");
	r.node = slice_of(NULL, 0);
	r.operation = slice_str("op-1");
	expect(f, WIRE_ADMIN_CANCEL, &r, SAGA_E_NO_SUCH, NULL);
	r.operation = slice_str("tuesday");
	expect(f, WIRE_ADMIN_PAUSE, &r, SAGA_E_NO_SUCH, NULL);
	expect(f, WIRE_ADMIN_OP, &r, SAGA_E_NO_SUCH, NULL);
	r.operation = slice_of(NULL, 0);
	r.has_shard = true;
	r.shard = 4;
	expect(f, WIRE_ADMIN_FREEZE, &r, SAGA_E_NO_SUCH, "shard");
	expect(f, WIRE_ADMIN_EXPLAIN, &r, SAGA_E_NO_SUCH, "shard");
	r.has_shard = false;
	r.node = slice_str("nobody");
	expect(f, WIRE_ADMIN_DRAIN, &r, SAGA_E_NO_SUCH, "node");
	r.node = slice_of(NULL, 0);
	r.moves = &move;
	r.move_count = 1;
	r.apply = true;
	expect(f, WIRE_ADMIN_MOVE, &r, SAGA_E_NO_SUCH, NULL);
	move.to = slice_str("n1");
	move.from = slice_str("n9");
	expect(f, WIRE_ADMIN_REBALANCE, &r, SAGA_E_PREFLIGHT, NULL);
	r.plan_version = 999;
	expect(f, WIRE_ADMIN_REBALANCE, &r, SAGA_E_PLAN_STALE, NULL);
	expect(f, WIRE_ADMIN_FREEZE, &r, SAGA_E_MISSING, "has_shard");
	nothing_has_changed(f);
}

/* Two nodes: one may be drained, and a removal would leave one. */
static void what_is_not_safe(void **state)
{
	struct fixture *f = *state;
	struct wire_admin_request r = {.actor = slice_str("alice"),
				       .reason = slice_str("why"),
				       .node = slice_str("n1"),
				       .apply = true};

	expect(f, WIRE_ADMIN_REMOVE, &r, SAGA_E_PREFLIGHT, NULL);
	nothing_has_changed(f);
}

/* Orders whose bytes were turned on the way: most are refused, none stops a node. */
static void mangled_requests(void **state)
{
	struct fixture *f = *state;
	const struct wire_admin_load load = {.shard = 3, .load = 7};
	const struct wire_admin_move move = {
		.shard = 3, .from = slice_str("n1"), .to = slice_str("n2"), .why = 1};
	const struct wire_admin_request whole = {.strategy = WIRE_STRATEGY_LOAD,
						 .threshold_percent = 5,
						 .max_moves = 4,
						 .pace_ms = 500,
						 .timeout_ms = 20000,
						 .loads = (struct wire_admin_load *)&load,
						 .load_count = 1,
						 .moves = (struct wire_admin_move *)&move,
						 .move_count = 1};
	const struct subject subject =
		subject_admin("saga", WIRE_ADMIN_REBALANCE, slice_str("default"));
	struct wire_admin_answer answer;
	struct prng prng;

	prng_seed(&prng, 4);
	for (uint32_t i = 0; i < MANGLED; i++) {
		encode(f, &whole);
		for (uint64_t turns = 1 + prng_below(&prng, 3); turns > 0; turns--)
			f->request.data[prng_below(&prng, f->request.size)] ^=
				(uint8_t)(1U << prng_below(&prng, 8));
		if (prng_below(&prng, 8) == 0)
			buf_truncate(&f->request, (uint32_t)prng_below(&prng, f->request.size));
		(void)ask_bytes(f, subject.text, buf_slice(&f->request), &answer);
	}
	nothing_has_changed(f);
	assert_true(cluster_pid(f->cluster, "n1") > 0 && cluster_pid(f->cluster, "n2") > 0);
	assert_int_equal(cluster_wait_serving(f->cluster, 20000), 0);
}

/* Nobody answers to where a client has no right to publish (S20). */
static void a_reply_subject_that_is_none(void **state)
{
	struct fixture *f = *state;
	const struct wire_admin_request r = {.actor = slice_str("alice"),
					     .reason = slice_str("why"),
					     .has_shard = true,
					     .shard = 1};
	natsSubscription *listener = NULL;
	natsMsg *message = NULL;

	assert_int_equal(natsConnection_SubscribeSync(&listener, f->nats, "saga.v1.journal.0.0"),
			 NATS_OK);
	encode(f, &r);
	assert_int_equal(natsConnection_PublishRequest(f->nats, "saga.v1.admin.freeze.default",
						       "saga.v1.journal.0.0", f->request.data,
						       (int)f->request.size),
			 NATS_OK);
	nothing_has_changed(f); /* the same node or the other one: both are asked in the end */
	nothing_has_changed(f);
	assert_int_equal(natsSubscription_NextMsg(&message, listener, 200), NATS_TIMEOUT);
	natsSubscription_Destroy(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_message),
		cmocka_unit_test(what_does_not_fit_the_verb),
		cmocka_unit_test(what_is_not_safe),
		cmocka_unit_test(mangled_requests),
		cmocka_unit_test(a_reply_subject_that_is_none),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
