/* Subjects, and which shard an id belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire/admin.h"
#include "wire/shard.h"
#include "wire/subject.h"

static void building(void **state)
{
	(void)state;
	const struct slice party = slice_str("default");

	assert_string_equal(subject_info("saga").text, "saga.v1.info");
	assert_string_equal(subject_init("saga").text, "saga.v1.init");
	assert_string_equal(subject_alert("prod-1").text, "prod-1.v1.alert");
	assert_string_equal(subject_shard("saga", 0, SUBJECT_SUBMIT, party).text,
			    "saga.v1.shard.0.submit.default");
	assert_string_equal(subject_shard("saga", 127, SUBJECT_HISTORY, party).text,
			    "saga.v1.shard.127.history.default");
	assert_string_equal(subject_shard("saga", 1, SUBJECT_ENLIST, party).text,
			    "saga.v1.shard.1.enlist.default");
	assert_string_equal(subject_shard("saga", 1, SUBJECT_COMMIT, party).text,
			    "saga.v1.shard.1.commit.default");
	assert_string_equal(subject_shard("saga", 1, SUBJECT_INQUIRE, party).text,
			    "saga.v1.shard.1.inquire.default");
	assert_string_equal(subject_shard_all("saga", 15).text, "saga.v1.shard.15.>");
	assert_string_equal(subject_submit("saga", party).text, "saga.v1.submit.default");
	assert_string_equal(subject_submit_all("saga").text, "saga.v1.submit.*");
	assert_string_equal(subject_command("saga", slice_str("flight")).text,
			    "saga.v1.cmd.flight");
	assert_string_equal(subject_call("saga", slice_str("flight")).text, "saga.v1.call.flight");
	assert_string_equal(subject_inbox("saga", 7, party).text, "saga.v1.inbox.7.default");
	assert_string_equal(subject_inbox_all("saga", 7).text, "saga.v1.inbox.7.*");
	assert_string_equal(subject_admin("saga", WIRE_ADMIN_DRAIN, party).text,
			    "saga.v1.admin.drain.default");
	assert_string_equal(subject_admin_all("saga").text, "saga.v1.admin.*.*");
	assert_string_equal(subject_ops_operation("saga", slice_str("op-12")).text,
			    "saga.v1.ops.op.op-12");
	assert_string_equal(subject_ops_shard("saga", 127).text, "saga.v1.ops.shard.127");
	assert_string_equal(subject_journal("saga", 3, 4294967295U).text,
			    "saga.v1.journal.3.4294967295");
}

static void the_longest_fits(void **state)
{
	(void)state;
	const char *name = "0123456789012345678901234567890123456789012345678901234567890123";
	const struct subject subject = subject_shard(name, 127, SUBJECT_HISTORY, slice_str(name));

	assert_true(strlen(subject.text) < SUBJECT_SIZE_MAX);
	assert_memory_equal(subject.text + strlen(subject.text) - 64, name, 64);
}

static void taking_an_admin_subject_apart(void **state)
{
	static const char *const others[] = {
		"saga.v1.admin.drain",     "saga.v1.admin.drain.",   "saga.v1.admin.drains.a",
		"saga.v1.admin.drain.a.b", "saga.v1.admin..a",       "saga.v2.admin.drain.a",
		"saga.v1.shard.drain.a",   "other.v1.admin.drain.a", "",
	};
	struct slice party;
	uint32_t verb;
	(void)state;

	for (uint32_t want = WIRE_ADMIN_SHARDS; want < WIRE_ADMIN_VERBS; want++) {
		const struct subject subject = subject_admin("saga", want, slice_str("ops-1"));

		assert_int_equal(
			subject_parse_admin("saga", slice_str(subject.text), &verb, &party), 0);
		assert_int_equal(verb, want);
		assert_true(slice_equal(party, slice_str("ops-1")));
	}
	for (uint32_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_int_equal(subject_parse_admin("saga", slice_str(others[i]), &verb, &party),
				 SAGA_E_NAME);
}

static void taking_an_inbox_subject_apart(void **state)
{
	static const char *const others[] = {
		"saga.v1.inbox.7",
		"saga.v1.inbox.7.",
		"saga.v1.inbox.07.a",
		"saga.v1.inbox.128.a",
		"saga.v1.inbox.x.a",
		"saga.v1.inbox.7.a.b",
		"saga.v1.inbox.7.a+",
		"prod.v1.inbox.7.a",
		"saga.v2.inbox.7.a",
		"saga.v1.shard.7.a",
		"",
	};
	struct slice tenant = {0};
	uint32_t shard = 999;
	(void)state;

	assert_int_equal(
		subject_parse_inbox("saga", slice_str("saga.v1.inbox.127.a_B-9"), &shard, &tenant),
		0);
	assert_int_equal(shard, 127);
	assert_true(slice_equal(tenant, slice_str("a_B-9")));
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_int_equal(subject_parse_inbox("saga", slice_str(others[i]), &shard, &tenant),
				 SAGA_E_NAME);
}

static void taking_apart(void **state)
{
	(void)state;
	for (uint32_t verb = 0; verb < SUBJECT_VERBS; verb++) {
		for (uint32_t shard = 0; shard < WIRE_SHARDS_MAX; shard++) {
			const struct subject subject = subject_shard(
				"saga", shard, (enum subject_verb)verb, slice_str("a_B-9"));
			uint32_t found_shard = 999;
			enum subject_verb found_verb = SUBJECT_VERBS;
			struct slice party = {0};

			assert_int_equal(subject_parse_shard("saga", slice_str(subject.text),
							     &found_shard, &found_verb, &party),
					 0);
			assert_int_equal(found_shard, shard);
			assert_int_equal(found_verb, verb);
			assert_true(slice_equal(party, slice_str("a_B-9")));
		}
	}
}

static void anything_else_is_refused(void **state)
{
	/* A party of 65 characters. */
	const char too_long[] = "saga.v1.shard.1.submit."
				"01234567890123456789012345678901234567890123456789012345678901234";
	const char *const subjects[] = {
		"",
		"saga",
		"saga.v1.shard.1.submit",
		"saga.v1.shard.1.submit.",
		"saga.v1.shard.1.submit.a.b",
		"saga.v1.shard.1.submit.*",
		"saga.v1.shard.1.submit.>",
		"saga.v1.shard.1.submit.a b",
		"saga.v1.shard.1.submit.a\r\n",
		"saga.v1.shard.1.Submit.a",
		"saga.v1.shard.1.submi.a",
		"saga.v1.shard.1..a",
		"saga.v1.shard.128.submit.a",
		"saga.v1.shard.01.submit.a",
		"saga.v1.shard.+1.submit.a",
		"saga.v1.shard.-1.submit.a",
		"saga.v1.shard. 1.submit.a",
		"saga.v1.shard.1x.submit.a",
		"saga.v1.shard..submit.a",
		"saga.v1.shard.4294967297.submit.a",
		"saga.v2.shard.1.submit.a",
		"sagas.v1.shard.1.submit.a",
		"saga.v1.cmd.a",
		".saga.v1.shard.1.submit.a",
		too_long,
	};
	(void)state;
	for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
		uint32_t shard = 77;
		enum subject_verb verb = SUBJECT_LIST;
		struct slice party = slice_str("untouched");

		if (subject_parse_shard("saga", slice_str(subjects[i]), &shard, &verb, &party) !=
		    SAGA_E_NAME)
			fail_msg("\"%s\" was taken", subjects[i]);
		assert_int_equal(shard, 77);
		assert_int_equal(verb, SUBJECT_LIST);
		assert_true(slice_equal(party, slice_str("untouched")));
	}
}

static void even_tables(void **state)
{
	(void)state;
	struct wire_slots slots;

	for (uint32_t count = 1; count <= WIRE_SHARDS_MAX; count++) {
		uint32_t sizes[WIRE_SHARDS_MAX] = {0};
		uint32_t last = 0;

		assert_int_equal(wire_slots_even(&slots, count), 0);
		assert_int_equal(slots.shard_count, count);
		for (uint32_t i = 0; i < WIRE_SLOTS; i++) {
			const uint32_t shard = slots.shard_of_slot[i];
			assert_true(shard == last || shard == last + 1); /* contiguous runs */
			last = shard;
			sizes[shard]++;
		}
		assert_int_equal(last, count - 1);
		for (uint32_t i = 0; i < count; i++)
			assert_true(sizes[i] == WIRE_SLOTS / count ||
				    sizes[i] == WIRE_SLOTS / count + 1);
	}
	assert_int_equal(wire_slots_even(&slots, 0), SAGA_E_RANGE);
	assert_int_equal(wire_slots_even(&slots, WIRE_SHARDS_MAX + 1), SAGA_E_RANGE);
}

static void tables_from_messages(void **state)
{
	(void)state;
	struct wire_slots slots;
	struct wire_slots read;

	assert_int_equal(wire_slots_even(&slots, 16), 0);
	const struct slice table = slice_of(slots.shard_of_slot, WIRE_SLOTS);
	assert_int_equal(wire_slots_from(&read, 16, table), 0);
	assert_memory_equal(read.shard_of_slot, slots.shard_of_slot, WIRE_SLOTS);
	assert_int_equal(wire_slots_from(&read, 15, table), SAGA_E_RANGE);
	assert_int_equal(wire_slots_from(&read, 0, table), SAGA_E_RANGE);
	assert_int_equal(wire_slots_from(&read, 129, table), SAGA_E_RANGE);
	assert_int_equal(wire_slots_from(&read, 16, slice_of(table.data, 4095)), SAGA_E_RANGE);

	const struct hash128 before = wire_slots_hash(&slots);
	slots.shard_of_slot[4095] = 0;
	const struct hash128 after = wire_slots_hash(&slots);
	assert_false(hash128_equal(&before, &after));
}

static void ids_spread(void **state)
{
	(void)state;
	struct wire_slots slots;
	uint32_t counts[16] = {0};

	assert_int_equal(wire_slots_even(&slots, 16), 0);
	for (uint32_t i = 0; i < 16000; i++) {
		char id[16];
		const int size = snprintf(id, sizeof id, "trip-%u", i);
		counts[wire_shard_of(&slots, slice_of(id, (uint32_t)size))]++;
	}
	for (uint32_t i = 0; i < 16; i++) /* 1000 each; 5 sigma is 160 */
		assert_in_range(counts[i], 800, 1200);
}

static void the_tenant_of_a_submit(void **state)
{
	static const char *const bad[] = {"",
					  "saga.v1.submit",
					  "saga.v1.submit.",
					  "saga.v1.submit.a.b",
					  "saga.v1.submit.a b",
					  "saga.v1.submit.*",
					  "saga.v2.submit.a",
					  "other.v1.submit.a"};
	struct slice tenant = {0};

	(void)state;
	assert_int_equal(subject_parse_submit("saga", slice_str("saga.v1.submit.t_1"), &tenant), 0);
	assert_true(slice_equal(tenant, slice_str("t_1")));
	for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(subject_parse_submit("saga", slice_str(bad[i]), &tenant),
				 SAGA_E_NAME);
}

/* What may wait under load, and what must not. */
static void requests_are_told_from_progress(void **state)
{
	static const char *const requests[] = {
		"saga.v1.shard.3.submit.default", "saga.v1.shard.127.query.default",
		"other.v1.shard.0.cancel.x",      "saga.v1.shard.3.list.default",
		"saga.v1.shard.3.history.a",      "saga.v1.submit.default",
		"saga.v1.shard.3.nonsense.a",
	};
	static const char *const others[] = {
		"saga.v1.shard.3.reply.hotel",
		"saga.v1.cmd.hotel",
		"_INBOX.abc.0000000100000002",
		"saga.v1.alert",
		"saga.v1.info",
		"saga.v2.shard.3.submit.default",
		"saga.v1.shard.3",
		"saga.v1.submit",
		"",
		"saga",
		"saga.v1.shard",
		"....",
	};
	(void)state;
	for (uint32_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
		assert_true(subject_is_request(slice_str(requests[i])));
	for (uint32_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_false(subject_is_request(slice_str(others[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tenant_of_a_submit),
		cmocka_unit_test(building),
		cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(taking_an_admin_subject_apart),
		cmocka_unit_test(taking_an_inbox_subject_apart),
		cmocka_unit_test(taking_apart),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(even_tables),
		cmocka_unit_test(tables_from_messages),
		cmocka_unit_test(ids_spread),
		cmocka_unit_test(requests_are_told_from_progress),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
