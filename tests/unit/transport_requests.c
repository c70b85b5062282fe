#include "base/prng.h"
#include "tests/unit/unit.h"
#include "transport/request_table.h"

static void done(void *context, int error, const struct transport_message *message)
{
	(void)context;
	(void)error;
	(void)message;
}

static uint64_t open_request(struct request_table *table, uint64_t deadline_ms, void *context)
{
	uint64_t token = 0;

	assert_int_equal(
		request_table_open(table, deadline_ms, (struct request){done, context}, &token), 0);
	assert_true(token != 0);
	return token;
}

static void test_take_ends_a_request_once(void **state)
{
	struct request_table table;
	struct request request;
	uint64_t token;
	int mark;

	(void)state;
	request_table_init(&table, 10);
	token = open_request(&table, 5, &mark);
	assert_int_equal(table.open, 1);
	assert_true(request_table_take(&table, token, &request));
	assert_ptr_equal(request.context, &mark);
	assert_true(request.done == done);
	assert_int_equal(table.open, 0);
	assert_false(request_table_take(&table, token, &request));
	request_table_close(&table);
}

static void test_a_late_token_does_not_meet_the_next_request(void **state)
{
	struct request_table table;
	struct request request;
	uint64_t first;
	uint64_t second;

	(void)state;
	request_table_init(&table, 1);
	first = open_request(&table, 5, NULL);
	assert_true(request_table_take(&table, first, &request));
	second = open_request(&table, 5, NULL);
	assert_int_equal((uint32_t)first, (uint32_t)second); /* the slot is used again */
	assert_true(first != second);
	assert_false(request_table_take(&table, first, &request));
	assert_true(request_table_take(&table, second, &request));
	request_table_close(&table);
}

static void test_unknown_tokens(void **state)
{
	struct request_table table;
	struct request request;
	uint64_t token;

	(void)state;
	request_table_init(&table, 1000);
	assert_false(request_table_take(&table, 0, &request));
	assert_false(request_table_take(&table, UINT64_MAX, &request));
	token = open_request(&table, 5, NULL);
	assert_false(request_table_take(&table, token + 1, &request));
	assert_false(request_table_take(&table, token + REQUEST_BLOCK_SIZE, &request));
	assert_false(request_table_take(&table, token ^ (uint64_t)1 << 40, &request));
	assert_true(request_table_take(&table, token, &request));
	request_table_close(&table);
}

static void test_time_outs_come_in_order(void **state)
{
	struct request_table table;
	struct request request;
	uint64_t deadline = 0;
	int marks[3];

	(void)state;
	request_table_init(&table, 10);
	assert_false(request_table_next_deadline(&table, &deadline));
	(void)open_request(&table, 30, &marks[2]);
	(void)open_request(&table, 10, &marks[0]);
	(void)open_request(&table, 10, &marks[1]);
	assert_true(request_table_next_deadline(&table, &deadline));
	assert_int_equal(deadline, 10);
	assert_false(request_table_take_due(&table, 9, &request));
	for (int i = 0; i < 2; i++) {
		assert_true(request_table_take_due(&table, 10, &request));
		assert_ptr_equal(request.context, &marks[i]);
	}
	assert_false(request_table_take_due(&table, 29, &request));
	assert_true(request_table_take_any(&table, &request));
	assert_ptr_equal(request.context, &marks[2]);
	assert_false(request_table_take_any(&table, &request));
	request_table_close(&table);
}

static void test_the_bound_refuses(void **state)
{
	struct request_table table;
	struct request request;
	uint64_t token = 0;

	(void)state;
	request_table_init(&table, 2 * REQUEST_BLOCK_SIZE);
	for (uint32_t i = 0; i < 2 * REQUEST_BLOCK_SIZE; i++)
		(void)open_request(&table, i, NULL);
	assert_int_equal(request_table_open(&table, 0, (struct request){done, NULL}, &token),
			 SAGA_E_BUSY);
	assert_true(request_table_take_due(&table, 0, &request));
	(void)open_request(&table, 0, NULL);
	while (request_table_take_any(&table, &request))
		continue;
	request_table_close(&table);
}

/* Against the obvious model: a flag per token. */
static void test_random_use_ends_each_request_once(void **state)
{
	enum { ROUNDS = 20000, CONTEXTS = 4096 };
	static uint64_t tokens[CONTEXTS];
	static char context[CONTEXTS];
	static uint64_t deadlines[CONTEXTS];
	struct request_table table;
	struct request request;
	struct prng random;
	uint64_t now_ms = 0;
	uint32_t open = 0;

	(void)state;
	prng_seed(&random, 20261121);
	request_table_init(&table, 1024);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const uint32_t i = (uint32_t)prng_below(&random, CONTEXTS);

		if (tokens[i] == 0 && open < 1024) {
			deadlines[i] = now_ms + prng_below(&random, 500);
			tokens[i] = open_request(&table, deadlines[i], &context[i]);
			open++;
		} else if (tokens[i] != 0) {
			assert_true(request_table_take(&table, tokens[i], &request));
			assert_ptr_equal(request.context, &context[i]);
			tokens[i] = 0;
			open--;
		}
		now_ms += prng_below(&random, 2);
		while (request_table_take_due(&table, now_ms, &request)) {
			const size_t ended = (size_t)((char *)request.context - context);

			assert_true(tokens[ended] != 0 && deadlines[ended] <= now_ms);
			tokens[ended] = 0;
			open--;
		}
		assert_int_equal(table.open, open);
	}
	while (request_table_take_any(&table, &request))
		open--;
	assert_int_equal(open, 0);
	request_table_close(&table);
}

static void test_token_text(void **state)
{
	static const uint64_t values[] = {0, 1, 0x123456789abcdef0, UINT64_MAX};
	char text[REQUEST_TOKEN_TEXT_SIZE + 1];
	uint64_t back = 0;

	(void)state;
	for (uint32_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		request_token_format(values[i], text);
		assert_int_equal(strlen(text), REQUEST_TOKEN_TEXT_SIZE);
		assert_true(request_token_parse(slice_str(text), &back));
		assert_true(back == values[i]);
	}
	assert_string_equal(text, "ffffffffffffffff");
	assert_false(request_token_parse(slice_str("fffffffffffffff"), &back));
	assert_false(request_token_parse(slice_str("ffffffffffffffff0"), &back));
	assert_false(request_token_parse(slice_str("fffffffFffffffff"), &back));
	assert_false(request_token_parse(slice_str("fffffff.ffffffff"), &back));
}

static void close_with_one_open(void)
{
	struct request_table table;
	uint64_t token;

	request_table_init(&table, 1);
	if (request_table_open(&table, 0, (struct request){done, NULL}, &token) == 0)
		request_table_close(&table);
}

static void test_a_forgotten_request_is_a_bug(void **state)
{
	(void)state;
	assert_true(aborts(close_with_one_open));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_ends_a_request_once),
		cmocka_unit_test(test_a_late_token_does_not_meet_the_next_request),
		cmocka_unit_test(test_unknown_tokens),
		cmocka_unit_test(test_time_outs_come_in_order),
		cmocka_unit_test(test_the_bound_refuses),
		cmocka_unit_test(test_random_use_ends_each_request_once),
		cmocka_unit_test(test_token_text),
		cmocka_unit_test(test_a_forgotten_request_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
