#include "transport/ack_subject.h"

#include "tests/unit/unit.h"

static void expect(const char *reply, uint64_t delivered, uint64_t sequence)
{
	uint64_t got_delivered = 0;
	uint64_t got_sequence = 0;

	assert_true(ack_subject_parse(slice_str(reply), &got_delivered, &got_sequence));
	assert_int_equal(got_delivered, delivered);
	assert_int_equal(got_sequence, sequence);
}

static void expect_none(const char *reply)
{
	uint64_t delivered = 7;
	uint64_t sequence = 8;

	assert_false(ack_subject_parse(slice_str(reply), &delivered, &sequence));
	assert_int_equal(delivered, 7);
	assert_int_equal(sequence, 8);
}

static void test_nine_tokens(void **state)
{
	(void)state;
	expect("$JS.ACK.SAGA_CMD.flights.3.41.9.1700000000000000000.12", 3, 41);
	expect("$JS.ACK.S.c.1.18446744073709551615.9.1.0", 1, UINT64_MAX);
}

static void test_eleven_and_twelve_tokens(void **state)
{
	(void)state;
	expect("$JS.ACK._.hash.SAGA_CMD.flights.2.77.9.1700000000000000000.0", 2, 77);
	expect("$JS.ACK.hub.hash.SAGA_CMD.flights.2.78.9.1700000000000000000.0.rnd", 2, 78);
}

static void test_pending(void **state)
{
	uint64_t pending = 7;

	(void)state;
	assert_true(ack_subject_pending(slice_str("$JS.ACK.S.c.1.41.9.17.12"), &pending));
	assert_int_equal(pending, 12);
	assert_true(ack_subject_pending(slice_str("$JS.ACK.h.a.S.c.1.78.9.17.3.rnd"), &pending));
	assert_int_equal(pending, 3);
	assert_false(ack_subject_pending(slice_str("$JS.ACK.S.c.1.41.9.17.x"), &pending));
	assert_false(ack_subject_pending(slice_str("_INBOX.S.c.1.41.9.17.12"), &pending));
	assert_int_equal(pending, 3);
}

static void test_anything_else(void **state)
{
	(void)state;
	expect_none("");
	expect_none("_INBOX.abc.def");
	expect_none("$JS.ACK.");
	expect_none("$JS.ACK.S.c.1.2.3.4");
	expect_none("$JS.ACK.S.c.1.2.3.4.5.6");
	expect_none("$JS.ACK.a.b.S.c.1.2.3.4.5.6.7");
	expect_none("$JS.ACK.S.c.x.2.3.4.5");
	expect_none("$JS.ACK.S.c.1..3.4.5");
	expect_none("$JS.ACK.S.c.1.-2.3.4.5");
	expect_none("$JS.ACK.S.c.1.18446744073709551616.3.4.5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nine_tokens),
		cmocka_unit_test(test_eleven_and_twelve_tokens),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_anything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
