#include "tests/unit/unit.h"
#include "transport/nats_internal.h"

/* The pair of the NATS documentation. */
static const char seed[] = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
static const char public_key[] = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

static void test_known_pair(void **state)
{
	char made[NATS_NKEY_SIZE + 1];

	(void)state;
	assert_int_equal(nats_nkey_public(slice_str(seed), made), 0);
	assert_string_equal(made, public_key);
}

static void test_what_is_not_a_seed(void **state)
{
	char text[sizeof seed];
	char made[NATS_NKEY_SIZE + 1];

	(void)state;
	assert_int_equal(nats_nkey_public(slice_str(""), made), SAGA_E_CONFIG);
	assert_int_equal(nats_nkey_public(slice_str(public_key), made), SAGA_E_CONFIG);
	assert_int_equal(nats_nkey_public(slice_of(seed, sizeof seed - 2), made), SAGA_E_CONFIG);
	for (size_t i = 0; i < sizeof seed - 1; i++) {
		memcpy(text, seed, sizeof seed);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_int_equal(nats_nkey_public(slice_str(text), made), SAGA_E_CONFIG);
		text[i] = '1'; /* not in the alphabet */
		assert_int_equal(nats_nkey_public(slice_str(text), made), SAGA_E_CONFIG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_pair),
		cmocka_unit_test(test_what_is_not_a_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
