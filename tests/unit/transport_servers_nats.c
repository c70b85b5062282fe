#include "tests/unit/unit.h"
#include "transport/nats_internal.h"

static void test_one_after_the_other(void **state)
{
	static const char *const expected[] = {"nats://b:2", "c", "nats://a:1"};
	struct nats_servers servers;
	char why[256];

	(void)state;
	assert_int_equal(nats_servers_init(&servers, "nats://a:1, nats://b:2 ,c", 1, why), 0);
	for (uint32_t i = 0; i < 9; i++) {
		assert_string_equal(nats_servers_next(&servers), expected[i % 3]);
		/* After each round there is a pause. */
		assert_int_equal(nats_servers_round_over(&servers), i % 3 == 2);
	}
	nats_servers_free(&servers);
}

static void test_what_servers_tell(void **state)
{
	char *told[] = {"nats://b:2", "nats://me:secret@a:1", "nats://c:3"};
	char *later[] = {"nats://d:4"};
	struct nats_servers servers;
	char why[256];

	(void)state;
	assert_int_equal(nats_servers_init(&servers, "nats://me:secret@a:1", 0, why), 0);
	nats_servers_learn(&servers, told, 3);
	assert_string_equal(nats_servers_next(&servers), "nats://me:secret@a:1");
	assert_string_equal(nats_servers_next(&servers), "nats://me:secret@b:2");
	assert_string_equal(nats_servers_next(&servers), "nats://me:secret@c:3");
	assert_true(nats_servers_round_over(&servers));
	/* Servers that are no more are forgotten, those of the configuration never. */
	nats_servers_learn(&servers, later, 1);
	assert_string_equal(nats_servers_next(&servers), "nats://me:secret@d:4");
	assert_string_equal(nats_servers_next(&servers), "nats://me:secret@a:1");
	assert_true(nats_servers_round_over(&servers));
	nats_servers_free(&servers);
}

static void test_no_more_than_there_is_room_for(void **state)
{
	char text[4 * (NATS_SERVERS_MAX + 1) + 1];
	char *told[NATS_SERVERS_MAX + 5];
	struct nats_servers servers;
	char why[256];

	(void)state;
	for (uint32_t i = 0; i <= NATS_SERVERS_MAX; i++)
		memcpy(text + 4 * i, "a:1,", 5);
	for (uint32_t i = 0; i < NATS_SERVERS_MAX + 5; i++)
		told[i] = "b:1";
	assert_int_equal(nats_servers_init(&servers, text, 0, why), SAGA_E_CONFIG);
	assert_non_null(strstr(why, "more than 32"));
	text[4 * NATS_SERVERS_MAX] = '\0';
	assert_int_equal(nats_servers_init(&servers, text, 0, why), 0);
	nats_servers_learn(&servers, told, NATS_SERVERS_MAX + 5);
	assert_int_equal(servers.discovered_count, NATS_SERVERS_MAX);
	nats_servers_free(&servers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_what_servers_tell),
		cmocka_unit_test(test_no_more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
