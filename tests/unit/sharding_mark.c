/* The stored forms of plans and marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sharding/mark.h"
#include "sharding/plan.h"

static struct id id_of(const char *text)
{
	struct id id;

	assert_int_equal(id_from(&id, slice_str(text)), 0);
	return id;
}

static void the_longest_plan_fits(void **state)
{
	struct plan *plan = calloc(1, sizeof *plan);
	struct plan *back = calloc(1, sizeof *back);
	struct buf text;
	uint8_t memory[PLAN_TEXT_MAX];
	char name[ID_SIZE_MAX + 1];

	(void)state;
	memset(name, 'x', ID_SIZE_MAX);
	name[ID_SIZE_MAX] = '\0';
	plan->version = plan->members = UINT64_MAX;
	plan->shard_count = WIRE_SHARDS_MAX;
	plan->away_count = PLAN_NODES_MAX;
	for (uint32_t s = 0; s < WIRE_SHARDS_MAX; s++)
		plan->target[s] = plan->standby[s] = plan->home[s] = id_of(name);
	for (uint32_t i = 0; i < PLAN_NODES_MAX; i++)
		plan->away[i] = (struct plan_away){id_of(name), UINT64_MAX, UINT64_MAX, UINT32_MAX};
	buf_init_fixed(&text, memory, sizeof memory);
	assert_int_equal(plan_encode(plan, &text), 0);
	assert_int_equal(plan_decode(buf_slice(&text), back), 0);
	assert_true(plan_equal(plan, back));
	assert_true(back->version == UINT64_MAX);
	back->away[3].times--;
	assert_false(plan_equal(plan, back));
	for (uint32_t size = 0; size < text.size; size += 97) /* cuts are refused */
		assert_int_equal(plan_decode(slice_of(text.data, size), back), SAGA_E_BAD_REPLY);
	plan->home[3] = id_of("-");
	buf_clear(&text);
	assert_int_equal(plan_encode(plan, &text), SAGA_E_NAME);
	plan->home[3] = plan->home[4];
	plan->away[3].node = id_of("-");
	buf_clear(&text);
	assert_int_equal(plan_encode(plan, &text), SAGA_E_NAME);
	free(plan);
	free(back);
}

static void marks_come_back_from_their_text(void **state)
{
	static const char *const expected[MARK_KINDS] = {
		"sagad-pin 1 node=n2 actor=alice at=5 until=9 reason=cache warm",
		"sagad-freeze 1 actor=alice at=5 until=9 reason=cache warm",
		"sagad-cordon 1 actor=alice at=5 until=9 reason=cache warm",
		"sagad-drain 1 actor=alice at=5 until=9 reason=cache warm",
	};
	struct mark mark = {
		.actor = "alice", .reason = "cache warm", .at_unix_ms = 5, .until_unix_ms = 9};
	struct mark back;
	struct buf text;

	(void)state;
	mark.node = id_of("n2");
	buf_init(&text, MARK_TEXT_MAX);
	for (unsigned kind = 0; kind < MARK_KINDS; kind++) {
		buf_clear(&text);
		assert_int_equal(mark_encode((enum mark_kind)kind, &mark, &text), 0);
		assert_true(slice_equal(buf_slice(&text), slice_str(expected[kind])));
		assert_int_equal(mark_decode((enum mark_kind)kind, buf_slice(&text), &back), 0);
		/* Every cut is refused but those of the reason. */
		for (uint32_t size = 0; size < text.size - 10; size++)
			assert_int_equal(
				mark_decode((enum mark_kind)kind, slice_of(text.data, size), &back),
				SAGA_E_BAD_REPLY);
		assert_string_equal(back.actor, "alice");
		assert_string_equal(back.reason, "cache warm");
		assert_true(back.at_unix_ms == 5 && back.until_unix_ms == 9);
		assert_int_equal(mark_decode((enum mark_kind)((kind + 1) % MARK_KINDS),
					     buf_slice(&text), &back),
				 SAGA_E_BAD_REPLY);
	}
	assert_true(mark_holds(&back, 8));
	assert_false(mark_holds(&back, 9));
	back.until_unix_ms = 0;
	assert_true(mark_holds(&back, UINT64_MAX));
	buf_close(&text);
}

static void marks_are_strict(void **state)
{
	static const char *const bad[] = {
		"",
		"sagad-pin 1 ",
		"sagad-pin 2 node=a actor=b at=1 until=0 reason=",
		"sagad-pin 1 node= actor=b at=1 until=0 reason=",
		"sagad-pin 1 node=- actor=b at=1 until=0 reason=",
		"sagad-pin 1 node=a/b actor=b at=1 until=0 reason=",
		"sagad-pin 1 node=a actor= at=1 until=0 reason=",
		"sagad-pin 1 node=a actor=b at=-1 until=0 reason=",
		"sagad-pin 1 node=a actor=b at=1 until=01 reason=",
		"sagad-pin 1 node=a actor=b at=1 until=0",
		"sagad-pin 1 node=a actor=b at=1 until=0 reason=\x1b[2J",
		"sagad-pin 1 node=a actor=b at=1 until=0 reason=x\n",
		"sagad-pin 1 node=a actor=b at=1 until=0 reason=\xff",
		" sagad-pin 1 node=a actor=b at=1 until=0 reason=",
	};
	struct mark mark = {.actor = "b"};
	char long_text[MARK_REASON_MAX + 80];
	struct buf text;

	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (mark_decode(MARK_PIN, slice_str(bad[i]), &mark) != SAGA_E_BAD_REPLY)
			fail_msg("taken: %s", bad[i]);
	}
	assert_string_equal(mark.actor, "b"); /* unchanged */
	(void)snprintf(long_text, sizeof long_text,
		       "sagad-drain 1 actor=b at=1 until=0 reason=%0*d", MARK_REASON_MAX, 0);
	assert_int_equal(mark_decode(MARK_DRAIN, slice_str(long_text), &mark), 0);
	(void)snprintf(long_text, sizeof long_text,
		       "sagad-drain 1 actor=b at=1 until=0 reason=%0*d", MARK_REASON_MAX + 1, 0);
	assert_int_equal(mark_decode(MARK_DRAIN, slice_str(long_text), &mark), SAGA_E_BAD_REPLY);
	buf_init(&text, MARK_TEXT_MAX);
	assert_int_equal(mark_encode(MARK_PIN, &mark, &text), SAGA_E_NAME); /* no node */
	mark.node = id_of("-");
	assert_int_equal(mark_encode(MARK_PIN, &mark, &text), SAGA_E_NAME);
	mark.actor[0] = '\0';
	assert_int_equal(mark_encode(MARK_DRAIN, &mark, &text), SAGA_E_NAME);
	(void)snprintf(mark.actor, sizeof mark.actor, "a b");
	assert_int_equal(mark_encode(MARK_DRAIN, &mark, &text), SAGA_E_NAME);
	(void)snprintf(mark.actor, sizeof mark.actor, "a");
	(void)snprintf(mark.reason, sizeof mark.reason, "a\nb");
	assert_int_equal(mark_encode(MARK_DRAIN, &mark, &text), SAGA_E_CHARSET);
	mark.reason[0] = '\0';
	buf_close(&text);
	buf_init(&text, 10);
	assert_int_equal(mark_encode(MARK_DRAIN, &mark, &text), SAGA_E_FULL);
	assert_int_equal(text.size, 0);
	buf_close(&text);
	assert_string_equal(mark_folder(MARK_PIN), "pins/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_plan_fits),
		cmocka_unit_test(marks_come_back_from_their_text),
		cmocka_unit_test(marks_are_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
