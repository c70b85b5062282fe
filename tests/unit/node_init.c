/* Who may make streams, and who may say that they are made: node/init.c between an etcd of two keys
 * and a server that grants whatever it is asked. */
#include <stdio.h>
#include <stdlib.h>

#include "node/init.h"
#include "tests/unit/unit.h"

enum { CALLS_MAX = 8, VALUE_SIZE = 32 * 1024 };

struct pair {
	const char *name;
	char value[VALUE_SIZE];
	uint32_t size;
	int64_t revision; /* of its last write, 0 = not there */
};

struct stage;

struct call {
	bool open;
	struct stage *stage;
	transport_completion done;
	void *context;
	char answer[4096];
};

struct stage {
	struct lease lease;
	struct transport transport;
	struct pair intent, config;
	int64_t revision;
	/* one request of the store at a time */
	struct lease_result result;
	struct lease_kv kv;
	lease_completion done;
	void *context;
	struct call calls[CALLS_MAX];
	uint32_t asked; /* requests to the server */
	bool ended;
	int error;
	char cluster[ID_SIZE_MAX + 1];
};

static struct stage *stage_of(void *part, size_t offset)
{
	return (struct stage *)(void *)((char *)part - offset);
}

/* ---- etcd -------------------------------------------------------------------------------------
 */

static struct pair *pair_of(struct stage *s, struct slice key)
{
	if (slice_equal(key, slice_str(s->intent.name)))
		return &s->intent;
	assert_true(slice_equal(key, slice_str(s->config.name)));
	return &s->config;
}

static void write_pair(struct stage *s, struct pair *pair, struct slice value)
{
	assert_in_range(value.size, 1, VALUE_SIZE);
	memcpy(pair->value, value.data, value.size);
	pair->size = value.size;
	pair->revision = ++s->revision;
}

static int lease_submit(struct lease *l, const struct lease_request *request, uint64_t token,
			lease_completion done, void *context)
{
	struct stage *s = stage_of(l, offsetof(struct stage, lease));

	(void)token;
	assert_null(s->done);
	s->done = done;
	s->context = context;
	s->result = (struct lease_result){.succeeded = true};
	if (request->kind == LEASE_RANGE) {
		struct pair *pair = pair_of(s, request->prefix);

		s->kv = (struct lease_kv){.key = slice_str(pair->name),
					  .value = slice_of(pair->value, pair->size),
					  .mod_revision = pair->revision};
		s->result.kvs = &s->kv;
		s->result.kv_count = pair->revision != 0 ? 1 : 0;
		s->result.revision = s->revision;
		return 0;
	}
	assert_int_equal(request->kind, LEASE_TXN);
	for (uint32_t i = 0; i < request->compare_count; i++) {
		if (pair_of(s, request->compares[i].key)->revision != request->compares[i].equals)
			s->result.succeeded = false;
	}
	if (s->result.succeeded)
		write_pair(s, pair_of(s, request->writes[0].key), request->writes[0].value);
	s->result.revision = s->revision;
	return 0;
}

/* ---- the server -------------------------------------------------------------------------------
 */

static int server_request(struct transport *t, const char *subject,
			  const struct transport_header *headers, uint32_t header_count,
			  struct slice data, uint32_t timeout_ms, transport_completion done,
			  void *context, uint64_t *token)
{
	struct stage *s = stage_of(t, offsetof(struct stage, transport));
	struct call *call = s->calls;

	(void)headers;
	(void)header_count;
	(void)timeout_ms;
	while (call->open)
		call++;
	assert_in_range(call - s->calls, 0, CALLS_MAX - 1);
	*call = (struct call){.open = true, .stage = s, .done = done, .context = context};
	if (strncmp(subject, "$JS.API.STREAM.CREATE.", 22) == 0)
		(void)snprintf(call->answer, sizeof call->answer,
			       "{\"config\":%.*s,\"created\":\"now\",\"cluster\":{},\"state\":{}}",
			       (int)data.size, (const char *)data.data);
	else
		(void)snprintf(call->answer, sizeof call->answer,
			       "{\"stream\":\"SAGA_J_0\",\"seq\":1}");
	*token = (uint64_t)(call - s->calls) + 1;
	s->asked++;
	return 0;
}

static void server_cancel(struct transport *t, uint64_t token)
{
	stage_of(t, offsetof(struct stage, transport))->calls[token - 1].open = false;
}

/* ---- the play ---------------------------------------------------------------------------------
 */

static bool step_store(struct stage *s)
{
	const lease_completion done = s->done;

	s->done = NULL;
	if (done != NULL)
		done(s->context, 0, &s->result);
	return done != NULL;
}

static bool step_server(struct stage *s)
{
	for (uint32_t i = 0; i < CALLS_MAX; i++) {
		struct call call = s->calls[i];
		const struct transport_message message = {.data = slice_str(call.answer)};

		if (!call.open)
			continue;
		s->calls[i].open = false;
		call.done(call.context, 0, &message);
		return true;
	}
	return false;
}

static void ended(void *context, int error, const char *cluster, const char *text)
{
	struct stage *s = context;

	(void)text;
	assert_false(s->ended);
	s->ended = true;
	s->error = error;
	(void)snprintf(s->cluster, sizeof s->cluster, "%s", cluster);
}

static void start(struct stage *s)
{
	struct init_config config = {
		.prefix = "saga", .stream_prefix = "SAGA", .command_age_ms = 1000, .entropy = 0xaa};

	assert_int_equal(id_from(&config.name, slice_str("c")), 0);
	assert_int_equal(init_start(&config, 1, 1, &s->lease, &s->transport, ended, s), 0);
	assert_false(s->ended);
}

static int run(struct stage *s)
{
	while (step_store(s) || step_server(s))
		continue;
	assert_true(s->ended);
	return s->error;
}

static int setup(void **state)
{
	static const struct lease_ops lease_ops = {.submit = lease_submit};
	static const struct transport_ops transport_ops = {.request = server_request,
							   .cancel = server_cancel};
	struct stage *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -1;
	s->lease.ops = &lease_ops;
	s->transport.ops = &transport_ops;
	s->intent.name = "/sagad/c/init";
	s->config.name = "/sagad/c/config";
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void the_first_init_makes_a_cluster(void **state)
{
	struct stage *s = *state;

	start(s);
	assert_int_equal(run(s), 0);
	assert_string_equal(s->cluster, "c-000000aa");
	assert_int_equal(s->intent.revision, 1);
	assert_int_equal(s->config.revision, 2);
	assert_int_equal(s->asked, 6); /* five streams and a GENESIS */
}

static void a_repetition_goes_on_with_the_earlier_id(void **state)
{
	struct stage *s = *state;

	write_pair(s, &s->intent, slice_str("c-000000bb 1 1"));
	start(s);
	assert_int_equal(run(s), 0);
	assert_string_equal(s->cluster, "c-000000bb");
	assert_int_equal(s->intent.revision, 2); /* taken over, with the same words */
	assert_int_equal(s->intent.size, 14);
	assert_memory_equal(s->intent.value, "c-000000bb 1 1", 14);
	assert_int_equal(s->config.revision, 3);
}

static void other_numbers_are_refused(void **state)
{
	struct stage *s = *state;

	write_pair(s, &s->intent, slice_str("c-000000bb 2 1"));
	start(s);
	assert_int_equal(run(s), SAGA_E_CLUSTER_MISMATCH);
	assert_int_equal(s->asked, 0);
	assert_int_equal(s->revision, 1);
}

static void no_stream_of_an_initialised_cluster_is_touched(void **state)
{
	struct stage *s = *state;

	write_pair(s, &s->intent, slice_str("c-000000bb 1 1"));
	write_pair(s, &s->config, slice_str("config"));
	start(s);
	assert_int_equal(run(s), SAGA_E_ALREADY_INITIALISED);
	assert_int_equal(s->asked, 0);
	assert_int_equal(s->revision, 2);
	/* also when somebody has removed the intent */
	s->ended = false;
	s->intent.revision = 0;
	start(s);
	assert_int_equal(run(s), SAGA_E_ALREADY_INITIALISED);
	assert_int_equal(s->asked, 0);
}

/* Initialised between its look at the intent and its taking it over. */
static void a_late_config_is_seen(void **state)
{
	struct stage *s = *state;

	write_pair(s, &s->intent, slice_str("c-000000bb 1 1"));
	start(s);
	assert_true(step_store(s)); /* its own intent is refused, so it reads the other one */
	write_pair(s, &s->config, slice_str("config"));
	assert_int_equal(run(s), SAGA_E_ALREADY_INITIALISED);
	assert_int_equal(s->asked, 0);
	assert_int_equal(s->intent.revision, 1);
}

/* The earlier attempt is slow, not dead: it may not end what a later one has begun. */
static void only_the_last_attempt_writes_the_config(void **state)
{
	struct stage *s = *state;

	start(s);
	assert_true(step_store(s));
	assert_true(s->asked > 0);
	write_pair(s, &s->intent, slice_str("c-000000aa 1 1"));
	assert_int_equal(run(s), SAGA_E_BUSY);
	assert_int_equal(s->config.revision, 0);
	/* and the next one does */
	s->ended = false;
	start(s);
	assert_int_equal(run(s), 0);
	assert_true(s->config.revision > 0);
}

int main(void)
{
#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		STAGE_TEST(the_first_init_makes_a_cluster),
		STAGE_TEST(a_repetition_goes_on_with_the_earlier_id),
		STAGE_TEST(other_numbers_are_refused),
		STAGE_TEST(no_stream_of_an_initialised_cluster_is_touched),
		STAGE_TEST(a_late_config_is_seen),
		STAGE_TEST(only_the_last_attempt_writes_the_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
