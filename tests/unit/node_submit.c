/* Submit through any node: to the owner in at most one hop, answered to where the client said and
 * nowhere else (S20). */
#include "tests/unit/node_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/reply_subject.h"

/* What went over the subjects of shards. */
struct spy {
	uint32_t count;
	char subject[128], reply[128];
};
static struct spy spy;

static void on_shard(void *context, const struct transport_message *m)
{
	struct spy *s = context;
	s->count++;
	(void)snprintf(s->subject, sizeof s->subject, "%.*s", (int)m->subject.size,
		       (const char *)m->subject.data);
	(void)snprintf(s->reply, sizeof s->reply, "%.*s", (int)m->reply.size,
		       m->reply.size == 0 ? "" : (const char *)m->reply.data);
}

/* Only the first node listens for anybody's submits: which one gets it is the test's choice. */
static int setup(void **state)
{
	struct transport_subscription *subscription;
	struct world *w;
	assert_int_equal(world_setup(state), 0);
	w = *state;
	spy = (struct spy){0};
	assert_int_equal(w->outside->ops->subscribe(w->outside, "saga.v1.shard.>", NULL, on_shard,
						    &spy, &subscription),
			 0);
	assert_int_equal(core_listen(w->nodes[0].core), 0);
	return 0;
}

static void raw_submit(struct world *w, const char *subject, const char *reply, struct slice data)
{
	assert_int_equal(
		w->outside->ops->publish(w->outside, subject, slice_str(reply), NULL, 0, data), 0);
	world_settle(w);
}

static void the_owner_takes_it_without_a_hop(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_assign(w, 0, 1, 5);
	world_settle(w);
	world_submit_any(w, &id, "default", "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(spy.count, 0);
	assert_int_equal(world_last_answer(w).code, 0);
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), 1);
}

static void another_node_passes_it_on_once(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_assign(w, 1, 1, 5);
	world_settle(w);
	world_submit_any(w, &id, "tenant-7", "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(spy.count, 1);
	assert_string_equal(spy.subject, "saga.v1.shard.1.submit.tenant-7"); /* the party */
	assert_string_equal(spy.reply, "_INBOX.client.1");
	assert_int_equal(world_count(w, WIRE_ANSWER), 1);
	assert_string_equal(world_last(w, WIRE_ANSWER)->subject, "_INBOX.client.1");
	assert_int_equal(world_last_answer(w).code, 0);
	assert_int_equal(world_last_answer(w).epoch, 5);
}

/* S20: one hop. The message of the hop, and whatever else comes on a shard's subject, stays there,
 * though another node owns the shard by now. */
static void a_hop_is_never_passed_on(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	assert_int_equal(core_listen(w->nodes[1].core), 0);
	world_submit_any(w, &id, "default", "_INBOX.client.1"); /* nobody owns it */
	world_settle(w);
	assert_int_equal(spy.count, 1);
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(spy.count, 2);
	assert_int_equal(w->caught_count, 0);
	/* An owner that is giving the shard up says so; it passes nothing on either. */
	world_assign(w, 0, 1, 5);
	world_settle(w);
	w->nodes[0].journal.append_fault = MODEL_HOLD;
	world_submit(w, &id, "_INBOX.client.1");
	world_turn(w, 1);
	core_release(w->nodes[0].core, w->now, 1);
	spy.count = 0;
	world_submit(w, &id, "_INBOX.client.2");
	assert_int_equal(spy.count, 1);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_NOT_OWNER));
	assert_true(world_last_answer(w).retry_after_ms > 0);
}

static void who_holds_it_but_does_not_serve_says_so(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_assign(w, 0, 1, 5); /* its replay has not begun */
	world_submit_any(w, &id, "default", "_INBOX.client.1");
	world_turn(w, 1);
	assert_int_equal(spy.count, 0);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_NOT_OWNER));
	assert_true(world_last_answer(w).retry_after_ms > 0);
}

static void foreign_reply_subjects_get_nothing(void **state) /* S20 */
{
	static const char *const replies[] = {"elsewhere.1", "saga.v1.cmd.svc", "_INBOX", "_INBOX.",
					      "_INBOXES.1"};
	struct world *w = *state;
	const struct id mine = world_id_on(w, 1, 0), others = world_id_on(w, 2, 0);
	world_assign(w, 0, 1, 5);
	world_assign(w, 1, 2, 6);
	world_settle(w);
	for (uint32_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
		const struct slice garbage = slice_str("garbage");
		world_submit_any(w, &mine, "default", replies[i]);
		world_submit_any(w, &others, "default", replies[i]);
		raw_submit(w, "saga.v1.submit.default", replies[i], garbage);
		world_settle(w);
	}
	assert_int_equal(spy.count, 0); /* not even passed on */
	assert_int_equal(w->caught_count, 0);
	/* The owner checks again: the hop may have come from anybody. */
	world_submit(w, &others, "elsewhere.1");
	world_settle(w);
	assert_int_equal(w->caught_count, 0);
}

static void wrong_forms_are_answered_by_the_first_node(void **state)
{
	struct world *w = *state;
	static const uint8_t no_id[] = {0x82, 0, 1, 1, WIRE_SUBMIT};
	static const uint8_t query[] = {0x83, 0, 1, 1, WIRE_QUERY, 2, 0xa1, 'a'};
	static const uint8_t version[] = {0x83, 0, 2, 1, WIRE_SUBMIT, 2, 0xa1, 'a'};
	static const uint8_t bad_id[] = {0x83, 0, 1, 1, WIRE_SUBMIT, 2, 0xa1, '.'};
	static const uint8_t cut[] = {0x84, 0, 1, 1, WIRE_SUBMIT, 2, 0xa1, 'a', 3};
	const struct {
		struct slice data;
		int code;
		const char *words;
	} cases[] = {
		{slice_of(NULL, 0), SAGA_E_EMPTY, "at byte 0"},
		{slice_str("garbage"), SAGA_E_DECODE, "at byte 1"},
		{slice_of(no_id, sizeof no_id), SAGA_E_MISSING, "id, at byte 0"},
		{slice_of(query, sizeof query), SAGA_E_KIND, "kind, at byte 0"},
		{slice_of(version, sizeof version), SAGA_E_VERSION,
		 "format, at byte 0: this node reads format 1"},
		{slice_of(bad_id, sizeof bad_id), SAGA_E_NAME, "id, at byte 6"},
		{slice_of(cut, sizeof cut), SAGA_E_DECODE, "at byte 9"},
	};
	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		raw_submit(w, "saga.v1.submit.default", "_INBOX.client.1", cases[i].data);
		assert_int_equal(world_count(w, WIRE_ANSWER), i + 1);
		assert_int_equal(world_last_answer(w).code, err_to_wire(cases[i].code));
		assert_true(slice_equal(world_last_answer(w).text, slice_str(cases[i].words)));
	}
	assert_int_equal(spy.count, 0);
	raw_submit(w, "saga.v1.submit.default", "", slice_str("garbage")); /* nobody to answer to */
	assert_int_equal(w->caught_count, sizeof cases / sizeof cases[0]);
}

static void the_tenant_must_be_a_name(void **state)
{
	struct world *w = *state;
	raw_submit(w, "saga.v1.submit.a+b", "_INBOX.client.1", slice_str("x"));
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_NAME));
	assert_true(slice_equal(world_last_answer(w).text, slice_str("tenant")));
}

/* A flood for others is answered `busy` within the turn, so that our own shards have theirs. */
static void what_one_turn_passes_on_is_bounded(void **state)
{
	enum { SIZE = 900 * 1024, FIT = 4 * 1024 * 1024 / SIZE };
	struct world *w = *state;
	const struct id id = world_id_on(w, 2, 0);
	uint8_t *bytes = calloc(1, SIZE);
	uint32_t at = 0;
	assert_non_null(bytes);
	const uint8_t head[] = {0x84, 0, 1, 1, WIRE_SUBMIT, 2, (uint8_t)(0xa0 | id.size)};
	memcpy(bytes, head, sizeof head);
	at = sizeof head;
	memcpy(bytes + at, id.text, id.size);
	at += id.size;
	const uint32_t rest = SIZE - at - 6;
	const uint8_t bin[] = {4,
			       0xc6,
			       (uint8_t)(rest >> 24),
			       (uint8_t)(rest >> 16),
			       (uint8_t)(rest >> 8),
			       (uint8_t)rest};
	memcpy(bytes + at, bin, sizeof bin);
	for (uint32_t i = 0; i < FIT + 1; i++) {
		struct transport_message m = {
			.subject = slice_str("saga.v1.submit.default"),
			.reply = slice_str("_INBOX.client.1"),
			.data = slice_of(bytes, SIZE),
		};
		core_submit(w->nodes[0].core, w->now, &m);
	}
	(void)loopback_pump(w->hub, w->now.mono_ms);
	assert_int_equal(spy.count, FIT);
	assert_int_equal(world_count(w, WIRE_ANSWER), 1);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_BUSY));
	assert_true(world_last_answer(w).retry_after_ms > 0);
	world_settle(w);
	world_submit_any(w, &id, "default", "_INBOX.client.1");
	assert_int_equal(spy.count, FIT + 1); /* a new turn */
	free(bytes);
}

static void inboxes_and_nothing_else(void **state) /* S20 */
{
	static const char prefixes[2][64] = {"_INBOX", "corp.inbox"};
	static const char *const good[] = {"_INBOX.a", "_INBOX.a.b.c", "corp.inbox.x"};
	static const char *const bad[] = {"",
					  "_INBOX",
					  "_INBOX.",
					  "_INBOX2.a",
					  "corp.inboxes.a",
					  "corp.x",
					  "saga.v1.info",
					  "_INBOX.*",
					  "_INBOX.a.>",
					  "_INBOX.a b",
					  "_INBOX.a\r\nPUB x 0\r\n",
					  "_INBOX.a\tb",
					  "x._INBOX.a"};
	char long_one[SUBJECT_SIZE_MAX + 1];
	(void)state;
	for (uint32_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(reply_subject_allowed(prefixes, 2, slice_str(good[i])));
	for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(reply_subject_allowed(prefixes, 2, slice_str(bad[i])));
	memset(long_one, 'a', sizeof long_one);
	memcpy(long_one, "_INBOX.", 7);
	assert_true(reply_subject_allowed(prefixes, 2, slice_of(long_one, SUBJECT_SIZE_MAX - 1)));
	assert_false(reply_subject_allowed(prefixes, 2, slice_of(long_one, SUBJECT_SIZE_MAX)));
	assert_false(reply_subject_allowed(prefixes, 0, slice_str("_INBOX.a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_owner_takes_it_without_a_hop, setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(another_node_passes_it_on_once, setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_hop_is_never_passed_on, setup, world_teardown),
		cmocka_unit_test_setup_teardown(who_holds_it_but_does_not_serve_says_so, setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(foreign_reply_subjects_get_nothing, setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(wrong_forms_are_answered_by_the_first_node, setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(the_tenant_must_be_a_name, setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_one_turn_passes_on_is_bounded, setup,
						world_teardown),
		cmocka_unit_test(inboxes_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
