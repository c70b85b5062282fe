/* The limits of message.h, the same for encoding and decoding: at the limit is fine, one beyond is
 * refused. What our own encoder refuses to write is packed by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"
#include "tests/unit/wire_support.h"
#include "wire/codec.h"
#include "wire/pack.h"
#include "wire/record.h"

enum { ARENA_SIZE = 4 * 1024 * 1024, BIG = WIRE_INPUT_SIZE_MAX + 16 };

struct fixture {
	struct arena arena;
	struct buf out;
	uint8_t *big; /* BIG letters */
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	arena_init(&fixture->arena, malloc(ARENA_SIZE), ARENA_SIZE);
	buf_init(&fixture->out, 2 * WIRE_MESSAGE_SIZE_MAX);
	fixture->big = malloc(BIG);
	memset(fixture->big, 'x', BIG);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	free(fixture->arena.memory);
	buf_close(&fixture->out);
	free(fixture->big);
	free(fixture);
	return 0;
}

static struct slice letters(const struct fixture *fixture, uint32_t size)
{
	assert_true(size <= BIG);
	return slice_of(fixture->big, size);
}

static int encode(struct fixture *fixture, enum wire_kind kind, const void *message)
{
	buf_clear(&fixture->out);
	CHECK(buf_put(&fixture->out, "keep", 4) == 0);
	const int error = wire_encode(kind, message, &fixture->out);
	if (error != 0) { /* and the buffer is as before, fit for use */
		CHECK_EQ(fixture->out.size, 4);
		CHECK_EQ(buf_error(&fixture->out), 0);
	}
	return error;
}

static int decode(struct fixture *fixture, enum wire_kind kind, struct slice bytes)
{
	_Alignas(16) uint8_t message[4096];

	arena_reset(&fixture->arena);
	return wire_decode(kind, bytes, &fixture->arena, message, NULL);
}

/* {0: 1, 1: kind, ...}: begins a message by hand. */
static void begin(struct fixture *fixture, enum wire_kind kind, uint32_t more)
{
	buf_clear(&fixture->out);
	wire_pack_map(&fixture->out, 2 + more);
	wire_pack_unsigned(&fixture->out, 0);
	wire_pack_unsigned(&fixture->out, WIRE_FORMAT);
	wire_pack_unsigned(&fixture->out, 1);
	wire_pack_unsigned(&fixture->out, (uint64_t)kind);
}

static void put_str(struct fixture *fixture, uint32_t key, struct slice text)
{
	wire_pack_unsigned(&fixture->out, key);
	wire_pack_str(&fixture->out, text);
}

static void names(void **state)
{
	struct fixture *fixture = *state;
	struct wire_query query = {.id = letters(fixture, ID_SIZE_MAX)};

	assert_int_equal(encode(fixture, WIRE_QUERY, &query), 0);
	query.id = letters(fixture, ID_SIZE_MAX + 1);
	assert_int_equal(encode(fixture, WIRE_QUERY, &query), SAGA_E_NAME);
	query.id = slice_str("a.b");
	assert_int_equal(encode(fixture, WIRE_QUERY, &query), SAGA_E_NAME);
	query.id = slice_str("");
	assert_int_equal(encode(fixture, WIRE_QUERY, &query), SAGA_E_NAME);

	begin(fixture, WIRE_QUERY, 1);
	put_str(fixture, 2, letters(fixture, ID_SIZE_MAX + 1));
	assert_int_equal(decode(fixture, WIRE_QUERY, buf_slice(&fixture->out)), SAGA_E_NAME);
}

static void texts(void **state)
{
	struct fixture *fixture = *state;
	struct wire_cancel cancel = {.id = slice_str("a")};

	cancel.reason = letters(fixture, WIRE_TEXT_SIZE_MAX);
	assert_int_equal(encode(fixture, WIRE_CANCEL, &cancel), 0);
	cancel.reason = letters(fixture, WIRE_TEXT_SIZE_MAX + 1);
	assert_int_equal(encode(fixture, WIRE_CANCEL, &cancel), SAGA_E_TOO_LARGE);
	cancel.reason = slice_str("line\nend");
	assert_int_equal(encode(fixture, WIRE_CANCEL, &cancel), SAGA_E_CHARSET);
	cancel.reason = slice_str("\xff");
	assert_int_equal(encode(fixture, WIRE_CANCEL, &cancel), SAGA_E_CHARSET);

	begin(fixture, WIRE_CANCEL, 2);
	put_str(fixture, 2, slice_str("a"));
	put_str(fixture, 3, letters(fixture, WIRE_TEXT_SIZE_MAX + 1));
	assert_int_equal(decode(fixture, WIRE_CANCEL, buf_slice(&fixture->out)), SAGA_E_TOO_LARGE);
}

static void text_is_cut_at_a_character(void **state)
{
	(void)state;
	assert_int_equal(wire_text_cut(slice_str("abc"), 10).size, 3);
	assert_int_equal(wire_text_cut(slice_str("abc"), 2).size, 2);
	assert_int_equal(wire_text_cut(slice_str("a\xe2\x82\xac"), 3).size, 1);
	assert_int_equal(wire_text_cut(slice_str("a\xe2\x82\xac"), 4).size, 4);
	assert_int_equal(wire_text_cut(slice_str("ab\ncd"), 10).size, 2);
	assert_int_equal(wire_text_cut(slice_str("ab\xe2\x82"), 10).size, 2);
	assert_int_equal(wire_text_cut(slice_of(NULL, 0), 10).size, 0);
}

/* Plain text is looked at eight characters at a time: each counts, whatever its neighbours are. */
static void each_character_counts(void **state)
{
	(void)state;
	for (uint32_t size = 1; size <= 24; size++) {
		for (uint32_t at = 0; at < size; at++) {
			for (uint32_t c = 0; c < 256; c++) {
				uint8_t text[24];
				const bool good = c >= 0x20 && c < 0x7f;

				memset(text, " ~a}"[(at + c) % 4], sizeof text);
				text[at] = (uint8_t)c;
				assert_int_equal(wire_text_cut(slice_of(text, size), 20).size,
						 good || at > 20 ? (size < 20 ? size : 20)
								 : (at < 20 ? at : 20));
			}
		}
	}
}

static struct wire_step some_step(void)
{
	return (struct wire_step){
		.name = slice_str("n"), .service = slice_str("s"), .forward = slice_str("f")};
}

static void inputs_and_outputs(void **state)
{
	struct fixture *fixture = *state;
	struct wire_step step = some_step();
	struct wire_submit submit = {
		.id = slice_str("a"),
		.plan = {.name = slice_str("p"), .steps = &step, .step_count = 1},
	};
	struct wire_record_branch branch = {.op = WIRE_OP_FORWARD, .event = WIRE_EVENT_OK};

	submit.input = letters(fixture, WIRE_INPUT_SIZE_MAX);
	assert_int_equal(encode(fixture, WIRE_SUBMIT, &submit), 0);
	submit.input = letters(fixture, WIRE_INPUT_SIZE_MAX + 1);
	assert_int_equal(encode(fixture, WIRE_SUBMIT, &submit), SAGA_E_TOO_LARGE);
	branch.output = letters(fixture, WIRE_OUTPUT_SIZE_MAX);
	assert_int_equal(encode(fixture, WIRE_RECORD_BRANCH, &branch), 0);
	branch.output = letters(fixture, WIRE_OUTPUT_SIZE_MAX + 1);
	assert_int_equal(encode(fixture, WIRE_RECORD_BRANCH, &branch), SAGA_E_TOO_LARGE);

	begin(fixture, WIRE_SUBMIT, 1);
	wire_pack_unsigned(&fixture->out, 4);
	wire_pack_bin(&fixture->out, letters(fixture, WIRE_INPUT_SIZE_MAX + 1));
	assert_int_equal(decode(fixture, WIRE_SUBMIT, buf_slice(&fixture->out)), SAGA_E_TOO_LARGE);
	begin(fixture, WIRE_RECORD_BRANCH, 1);
	wire_pack_unsigned(&fixture->out, 9);
	wire_pack_bin(&fixture->out, letters(fixture, WIRE_OUTPUT_SIZE_MAX + 1));
	assert_int_equal(decode(fixture, WIRE_RECORD_BRANCH, buf_slice(&fixture->out)),
			 SAGA_E_TOO_LARGE);
}

static void steps(void **state)
{
	struct fixture *fixture = *state;
	struct wire_step many[WIRE_STEPS_MAX + 1];
	struct wire_submit submit = {.id = slice_str("a"),
				     .plan = {.name = slice_str("p"), .steps = many}};

	for (uint32_t i = 0; i <= WIRE_STEPS_MAX; i++)
		many[i] = some_step();
	submit.plan.step_count = WIRE_STEPS_MAX;
	assert_int_equal(encode(fixture, WIRE_SUBMIT, &submit), 0);
	submit.plan.step_count = WIRE_STEPS_MAX + 1;
	assert_int_equal(encode(fixture, WIRE_SUBMIT, &submit), SAGA_E_PLAN);

	begin(fixture, WIRE_SUBMIT, 2);
	put_str(fixture, 2, slice_str("a"));
	wire_pack_unsigned(&fixture->out, 3);
	wire_pack_map(&fixture->out, 1);
	wire_pack_unsigned(&fixture->out, 6);
	wire_pack_array(&fixture->out, WIRE_STEPS_MAX + 1);
	for (uint32_t i = 0; i <= WIRE_STEPS_MAX; i++)
		wire_pack_map(&fixture->out, 0);
	assert_int_equal(decode(fixture, WIRE_SUBMIT, buf_slice(&fixture->out)), SAGA_E_PLAN);
}

static void labels(void **state)
{
	struct fixture *fixture = *state;
	struct wire_label many[WIRE_LABELS_MAX + 1];
	struct wire_answer answer = {.labels = many};

	for (uint32_t i = 0; i <= WIRE_LABELS_MAX; i++)
		many[i] = (struct wire_label){.key = slice_str("k"), .value = slice_str("v")};
	answer.label_count = WIRE_LABELS_MAX;
	assert_int_equal(encode(fixture, WIRE_ANSWER, &answer), 0);
	answer.label_count = WIRE_LABELS_MAX + 1;
	assert_int_equal(encode(fixture, WIRE_ANSWER, &answer), SAGA_E_TOO_LARGE);

	begin(fixture, WIRE_ANSWER, 1);
	wire_pack_unsigned(&fixture->out, 17);
	wire_pack_array(&fixture->out, WIRE_LABELS_MAX + 1);
	for (uint32_t i = 0; i <= WIRE_LABELS_MAX; i++)
		wire_pack_map(&fixture->out, 0);
	assert_int_equal(decode(fixture, WIRE_ANSWER, buf_slice(&fixture->out)), SAGA_E_TOO_LARGE);
}

static void frames(void **state)
{
	struct fixture *fixture = *state;
	struct wire_command many[WIRE_FRAME_MAX + 1];
	struct wire_command_frame frame = {.service = slice_str("s"), .commands = many};

	for (uint32_t i = 0; i <= WIRE_FRAME_MAX; i++)
		many[i] = (struct wire_command){
			.saga = slice_str("a"),
			.step_name = slice_str("n"),
			.op = WIRE_OP_FORWARD,
			.op_name = slice_str("f"),
			.attempt = 1,
		};
	frame.command_count = WIRE_FRAME_MAX;
	assert_int_equal(encode(fixture, WIRE_COMMAND_FRAME, &frame), 0);
	frame.command_count = WIRE_FRAME_MAX + 1;
	assert_int_equal(encode(fixture, WIRE_COMMAND_FRAME, &frame), SAGA_E_TOO_LARGE);
	frame.command_count = 0;
	assert_int_equal(encode(fixture, WIRE_COMMAND_FRAME, &frame), SAGA_E_RANGE);
	frame.command_count = 1;
	many[0].attempt = 0;
	assert_int_equal(encode(fixture, WIRE_COMMAND_FRAME, &frame), SAGA_E_RANGE);
	many[0].attempt = 1;
	many[0].op = WIRE_OP_SETTLE + 1;
	assert_int_equal(encode(fixture, WIRE_COMMAND_FRAME, &frame), SAGA_E_RANGE);

	begin(fixture, WIRE_COMMAND_FRAME, 1);
	wire_pack_unsigned(&fixture->out, 6);
	wire_pack_array(&fixture->out, WIRE_FRAME_MAX + 1);
	for (uint32_t i = 0; i <= WIRE_FRAME_MAX; i++)
		wire_pack_map(&fixture->out, 0);
	assert_int_equal(decode(fixture, WIRE_COMMAND_FRAME, buf_slice(&fixture->out)),
			 SAGA_E_TOO_LARGE);
}

/* Row 11: the whole message. Legal parts can add up to more than a message may hold. */
static void whole_messages(void **state)
{
	struct fixture *fixture = *state;
	struct wire_command many[5];
	struct wire_command_frame frame = {
		.service = slice_str("s"), .commands = many, .command_count = 5};

	for (uint32_t i = 0; i < 5; i++)
		many[i] = (struct wire_command){
			.saga = slice_str("a"),
			.step_name = slice_str("n"),
			.op = WIRE_OP_FORWARD,
			.op_name = slice_str("f"),
			.attempt = 1,
			.input = letters(fixture, WIRE_INPUT_SIZE_MAX),
		};
	assert_int_equal(encode(fixture, WIRE_COMMAND_FRAME, &frame), SAGA_E_TOO_LARGE);
	frame.command_count = 3;
	assert_int_equal(encode(fixture, WIRE_COMMAND_FRAME, &frame), 0);

	uint8_t *body = calloc(1, WIRE_MESSAGE_SIZE_MAX + 1);
	assert_int_equal(decode(fixture, WIRE_QUERY, slice_of(body, WIRE_MESSAGE_SIZE_MAX + 1)),
			 SAGA_E_TOO_LARGE);
	enum wire_kind kind;
	assert_int_equal(wire_peek_kind(slice_of(body, WIRE_MESSAGE_SIZE_MAX + 1), &kind),
			 SAGA_E_TOO_LARGE);
	free(body);
}

static void buffers_that_are_full(void **state)
{
	struct fixture *fixture = *state;
	const struct wire_query query = {.id = slice_str("abcdef"), .wait = true};
	uint8_t memory[64];

	assert_int_equal(encode(fixture, WIRE_QUERY, &query), 0);
	const uint32_t size = fixture->out.size - 4;
	for (uint32_t room = 0; room <= size; room++) {
		struct buf out;
		buf_init_fixed(&out, memory, room);
		assert_int_equal(wire_encode(WIRE_QUERY, &query, &out),
				 room < size ? SAGA_E_FULL : 0);
		assert_int_equal(out.size, room < size ? 0 : size);
	}
}

static void arenas_that_are_full(void **state)
{
	struct fixture *fixture = *state;
	struct wire_label label = {.key = slice_str("k")};
	struct wire_answer answer = {.labels = &label, .label_count = 1};
	struct wire_fault fault;
	struct arena none;

	assert_int_equal(encode(fixture, WIRE_ANSWER, &answer), 0);
	arena_init(&none, fixture->arena.memory, 0);
	const struct slice bytes = slice_of(fixture->out.data + 4, fixture->out.size - 4);
	assert_int_equal(wire_decode(WIRE_ANSWER, bytes, &none, &answer, &fault), SAGA_E_TOO_LARGE);
	assert_string_equal(fault.field, "labels");
}

/* A submit may leave numbers of its plan open, and steps too: the plan check has better words. */
static void plans_may_be_unresolved(void **state)
{
	struct fixture *fixture = *state;
	const struct wire_submit submit = {.id = slice_str("a"), .plan = {.name = slice_str("p")}};

	assert_int_equal(encode(fixture, WIRE_SUBMIT, &submit), 0);
	assert_int_equal(decode(fixture, WIRE_SUBMIT,
				slice_of(fixture->out.data + 4, fixture->out.size - 4)),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(texts),
		cmocka_unit_test(text_is_cut_at_a_character),
		cmocka_unit_test(each_character_counts),
		cmocka_unit_test(inputs_and_outputs),
		cmocka_unit_test(steps),
		cmocka_unit_test(labels),
		cmocka_unit_test(frames),
		cmocka_unit_test(whole_messages),
		cmocka_unit_test(buffers_that_are_full),
		cmocka_unit_test(arenas_that_are_full),
		cmocka_unit_test(plans_may_be_unresolved),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
