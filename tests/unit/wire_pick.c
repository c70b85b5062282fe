/* Templates of inputs: what is JSON, what may be picked, what comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/pick.h"
#include "wire/plan.h"

/* ---- the reader -------------------------------------------------------------------------------*/

/* The tokens as letters; ! at the end: not JSON. */
static void tokens_of(struct slice text, uint32_t depth_max, char *letters)
{
	static const char names[] = "!.{}[]ksnl";
	enum wire_json_token token;
	struct wire_json json;
	struct slice raw;
	uint32_t count = 0;

	wire_json_open(&json, text, depth_max);
	do {
		token = wire_json_next(&json, &raw);
		letters[count++] = names[token];
		if (raw.size > 0) {
			assert_true(raw.data >= text.data);
			assert_true(raw.data + raw.size <= text.data + text.size);
		}
	} while (token != WIRE_JSON_BAD && token != WIRE_JSON_END && count < 200);
	letters[count] = '\0';
	assert_int_equal(wire_json_next(&json, &raw), token); /* and so it stays */
}

static const struct {
	const char *text;
	const char *tokens;
} json_cases[] = {
	{"1", "n."},
	{" \t\r\n-0.5e+10 ", "n."},
	{"0", "n."},
	{"-0", "n."},
	{"10E7", "n."},
	{"01", "n!"},
	{"1.", "!"},
	{".5", "!"},
	{"+1", "!"},
	{"-", "!"},
	{"1e", "!"},
	{"1e+", "!"},
	{"true", "l."},
	{"false", "l."},
	{"null", "l."},
	{"tru", "!"},
	{"truex", "l!"},
	{"True", "!"},
	{"NaN", "!"},
	{"", "!"},
	{"  ", "!"},
	{"\"\"", "s."},
	{"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "s."},
	{"\"\\u0000\"", "s."},
	{"\"\\x\"", "!"},
	{"\"\\u12\"", "!"},
	{"\"\\u12g4\"", "!"},
	{"\"\\ud83d\\ude00\"", "s."},
	{"\"\\ud83d\"", "!"},
	{"\"\\ud83dx\"", "!"},
	{"\"\\ud83d\\n\"", "!"},
	{"\"\\ud83d\\u0041\"", "!"},
	{"\"\\ude00\"", "!"},
	{"\"open", "!"},
	{"\"\\", "!"},
	{"\"tab\there\"", "!"},
	{"\"\x7f\"", "s."},
	{"\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\x80\"", "s."},
	{"\"\xc0\x80\"", "!"},
	{"\"\xc1\xbf\"", "!"},
	{"\"\xe0\x9f\xbf\"", "!"},
	{"\"\xed\xa0\x80\"", "!"},
	{"\"\xf0\x8f\xbf\xbf\"", "!"},
	{"\"\xf4\x90\x80\x80\"", "!"},
	{"\"\xf5\x80\x80\x80\"", "!"},
	{"\"\xc3\"", "!"},
	{"\"\xe2\x82\"", "!"},
	{"\"\x80\"", "!"},
	{"\"\xff\"", "!"},
	{"\xef\xbb\xbf"
	 "1",
	 "!"},
	{"{}", "{}."},
	{"[]", "[]."},
	{"[ ]", "[]."},
	{"[1,2]", "[nn]."},
	{"[1,]", "[n!"},
	{"[,1]", "[!"},
	{"[1 2]", "[n!"},
	{"[1}", "[n!"},
	{"{]", "{!"},
	{"[", "[!"},
	{"{", "{!"},
	{"{\"a\":1}", "{kn}."},
	{"{ \"a\" : [ { } , \"b\" ] , \"c\" : null }", "{k[{}s]kl}."},
	{"{\"a\" 1}", "{!"},
	{"{\"a\":}", "{k!"},
	{"{\"a\"}", "{!"},
	{"{\"a\":1,}", "{kn!"},
	{"{,}", "{!"},
	{"{a:1}", "{!"},
	{"{1:1}", "{!"},
	{"{\"a\":1 \"b\":2}", "{kn!"},
	{"1 1", "n!"},
	{"{} x", "{}!"},
	{"[]]", "[]!"},
	{"[[[[", "[[[!"},
	{"[[[]]]", "[[[]]]."},
	{"[[{\"a\":[]}]]", "[[{k!"},
};

static void json_reader(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof json_cases / sizeof json_cases[0]; i++) {
		char letters[256];

		tokens_of(slice_str(json_cases[i].text), 3, letters);
		if (strcmp(letters, json_cases[i].tokens) != 0)
			fail_msg("%s: %s, not %s", json_cases[i].text, letters,
				 json_cases[i].tokens);
	}
}

/* A NUL is no white space, no end and no part of a string. */
static void json_nul(void **state)
{
	char letters[256];

	(void)state;
	tokens_of(slice_of("1\0", 2), 3, letters);
	assert_string_equal(letters, "n!");
	tokens_of(slice_of("[1,\0]", 5), 3, letters);
	assert_string_equal(letters, "[n!");
	tokens_of(slice_of("\"\0\"", 3), 3, letters);
	assert_string_equal(letters, "!");
}

static void json_depth(void **state)
{
	char text[2 * WIRE_JSON_DEPTH_MAX + 3];
	char letters[256];

	(void)state;
	memset(text, '[', WIRE_JSON_DEPTH_MAX);
	memset(text + WIRE_JSON_DEPTH_MAX, ']', WIRE_JSON_DEPTH_MAX);
	tokens_of(slice_of(text, 2 * WIRE_JSON_DEPTH_MAX), WIRE_JSON_DEPTH_MAX, letters);
	assert_int_equal(strlen(letters), 2 * WIRE_JSON_DEPTH_MAX + 1);
	tokens_of(slice_of(text, 2 * WIRE_JSON_DEPTH_MAX), WIRE_JSON_DEPTH_MAX - 1, letters);
	assert_int_equal(letters[WIRE_JSON_DEPTH_MAX - 1], '!');
}

/* ---- templates --------------------------------------------------------------------------------*/

static struct wire_step steps[4];
static struct wire_plan plan;

/* a; b after a; c after b; d after a. */
static void make_plan(void)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	static const uint8_t after[] = {0, 0, 1, 0};

	for (uint32_t i = 0; i < 4; i++)
		steps[i] = (struct wire_step){
			.name = slice_str(names[i]),
			.service = slice_str("service"),
			.forward = slice_str("do"),
			.after = slice_of(&after[i], i > 0 ? 1 : 0),
		};
	plan = (struct wire_plan){
		.name = slice_str("trip"), .version = 1, .steps = steps, .step_count = 4};
	wire_plan_resolve(&plan);
}

/* Of step c, in a plan. */
static void judge(struct slice template, const char *sentence)
{
	char words[256];
	struct buf why;

	make_plan();
	steps[2].input = template;
	buf_init_fixed(&why, words, sizeof words - 1);
	const int error = wire_plan_check(&plan, &why);

	words[why.size] = '\0';
	if (sentence == NULL) {
		assert_string_equal(words, "");
		assert_int_equal(error, 0);
		return;
	}
	assert_int_equal(error, SAGA_E_PLAN);
	assert_memory_equal(words, "step \"c\": its input ", 20);
	if (strstr(words + 20, sentence) == NULL)
		fail_msg("%.*s: %s, not %s", (int)template.size, (const char *)template.data, words,
			 sentence);
}

static void what_may_be_picked(void **state)
{
	static const struct {
		const char *template;
		const char *sentence; /* a part of it */
	} cases[] = {
		{"{}", NULL},
		{"7", NULL},
		{"\"$.input\"", NULL},
		{"\"$.input.a-B_9.0.1\"", NULL},
		{"{\"x\": \"$.steps.a.output\", \"y\": [\"$.steps.b.output.id.7\"]}", NULL},
		{"{\"$.nothing\": 1}", NULL},
		{"\"$$.nothing\"", NULL},
		{"\"5 $\"", NULL},
		{"\"$.input.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16\"", NULL},
		{"\"$.input.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17\"", "more than 16 names"},
		{"\"$\"", "is no pick"},
		{"\"$5\"", "is no pick"},
		{"\"$.\"", "is no pick"},
		{"\"$.inputs\"", "is no pick"},
		{"\"$input\"", "is no pick"},
		{"\"$.steps\"", "is no pick"},
		{"\"$.steps.a\"", "is no pick"},
		{"\"$.steps.a.input\"", "is no pick"},
		{"\"$.steps..output\"", "is no pick"},
		{"\"$.input.\"", "not names and numbers"},
		{"\"$.input..a\"", "not names and numbers"},
		{"\"$.input.a b\"", "not names and numbers"},
		{"\"$.input[0]\"", "not names and numbers"},
		{"\"$.input.a\\u0062\"", "not names and numbers"},
		{"\"$.steps.a.output.*\"", "not names and numbers"},
		{"\"$.steps.z.output\"", "picks from a step there is not"},
		{"\"$.steps.d.output\"", "picks from step \"d\", which it does not wait for"},
		{"\"$.steps.c.output\"", "picks from a step it does not wait for"},
		{"{\"a\": 1", "is not JSON"},
		{"{a: 1}", "is not JSON"},
		{"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", NULL},
		{"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "is not JSON that nests"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		judge(slice_str(cases[i].template), cases[i].sentence);
}

static void bounds_of_templates(void **state)
{
	static char text[WIRE_TEMPLATE_SIZE_MAX + 2];
	uint32_t size = 1;

	(void)state;
	memset(text, ' ', sizeof text);
	text[0] = '1';
	judge(slice_of(text, WIRE_TEMPLATE_SIZE_MAX), NULL);
	judge(slice_of(text, WIRE_TEMPLATE_SIZE_MAX + 1), "is larger than 1024 bytes");

	text[0] = '[';
	for (uint32_t i = 0; i < WIRE_PICKS_MAX; i++)
		size += (uint32_t)snprintf(text + size, sizeof text - size, "%s\"$.input\"",
					   i > 0 ? "," : "");
	text[size] = ']';
	judge(slice_of(text, size + 1), NULL);
	size += (uint32_t)snprintf(text + size, sizeof text - size, ",\"$.input\"]");
	judge(slice_of(text, size), "has more than 64 picks");
}

/* The pivot waits for every step that does not wait for it, so it may pick from all of them. */
static void implied_edges_count(void **state)
{
	(void)state;
	make_plan();
	steps[3].flags = WIRE_STEP_PIVOT;
	steps[3].input = slice_str("\"$.steps.c.output\"");
	assert_int_equal(wire_plan_check(&plan, NULL), 0);
	steps[3].flags = 0;
	assert_int_equal(wire_plan_check(&plan, NULL), SAGA_E_PLAN);
}

/* ---- filling ----------------------------------------------------------------------------------*/

struct outputs {
	struct slice of[4];
	uint32_t asked;
};

static struct slice output_of(const void *context, uint32_t step)
{
	struct outputs *outputs = (struct outputs *)(uintptr_t)context;

	assert_true(step < 4);
	outputs->asked++;
	return outputs->of[step];
}

static void fill(const char *template, const char *input, const char *output, const char *expected)
{
	struct outputs outputs = {.of = {[0] = slice_str(output)}};
	const struct wire_pick_source source = {slice_str(input), output_of, &outputs};
	char text[512] = "before:";
	struct buf out;

	make_plan();
	buf_init_fixed(&out, text, sizeof text - 1);
	assert_int_equal(buf_put(&out, text, 7), 0);
	const int error = wire_pick_fill(slice_str(template), &plan, &source, &out);

	text[out.size] = '\0';
	if (error != 0 || strcmp(text + 7, expected) != 0)
		fail_msg("%s of %s: %d, %s, not %s", template, input, error, text, expected);
	assert_memory_equal(text, "before:", 7);
}

static void what_is_picked(void **state)
{
	static const struct {
		const char *template;
		const char *input;
		const char *expected;
	} cases[] = {
		{"{ \"a\" : 1 }", "", "{ \"a\" : 1 }"},
		{"\"$.input\"", " {\"a\" : [ ] } ", "{\"a\" : [ ] }"},
		{"\"$.input\"", "7", "7"},
		{"\"$.input\"", "\"$.input\"", "\"$.input\""}, /* once, not again */
		{"\"$.input\"", "", "null"},
		{"\"$.input\"", "{\"a\": 1", "null"},
		{"\"$.input.a\"", "{\"a\": 1} x", "null"},
		{"[\"$.input.a\", \"$.input.b\"]", "{\"b\":-1.50,\"a\":\"\\u00e9\"}",
		 "[\"\\u00e9\", -1.50]"},
		{"\"$.input.a.b\"", "{\"a\":{\"b\":{\"c\":[1,2]}}}", "{\"c\":[1,2]}"},
		{"\"$.input.a.b\"", "{\"b\":1,\"x\":{\"b\":2},\"a\":{\"x\":{\"b\":3},\"b\":4}}",
		 "4"},
		{"\"$.input.a.b\"", "{\"a\":1}", "null"},
		{"\"$.input.a.b\"", "{\"a\":[{\"b\":1}]}", "null"},
		{"\"$.input.a.0.b\"", "{\"a\":[{\"b\":1}]}", "1"},
		{"\"$.input.1\"", "[1,[2],3]", "[2]"},
		{"\"$.input.3\"", "[1,[2],3]", "null"},
		{"\"$.input.01\"", "[1,[2],3]", "null"},
		{"\"$.input.x\"", "[1,[2],3]", "null"},
		{"\"$.input.1.0\"", "[[9,9],[2],[9]]", "2"},
		{"\"$.input.10\"", "[0,1,2,3,4,5,6,7,8,9,{}]", "{}"},
		{"\"$.input.4294967296\"", "[1]", "null"},
		{"\"$.input.1\"", "{\"1\":true}", "true"},
		{"\"$.input.a\"", "{\"a\":1,\"a\":2}", "2"},
		{"\"$.input.a.b\"", "{\"a\":{\"b\":1},\"a\":{}}", "null"},
		{"\"$.input.a.b\"", "{\"a\":{},\"a\":{\"b\":1}}", "1"},
		{"\"$.input.ab-\"", "{\"a\\u0062\\u002D\":1}", "1"},
		{"\"$.input.ab-\"", "{\"a\\u0062\\u002d\":1}", "1"},
		{"\"$.input.ab\"", "{\"a\\u0063\":1}", "null"},
		{"\"$.input.ab\"", "{\"a\\u0162\":1,\"ab\\n\":2,\"abc\":3,\"a\":4}", "null"},
		{"\"$.input.abcdef\"", "{\"\\u0061\":1}", "null"},
		{"[\"$.input.a\",\"$.input.a\",\"$.input\"]", "{\"a\":1}", "[1,1,{\"a\":1}]"},
		{"[\"$.input.a\",\"$.input.a.b\"]", "{\"a\":{\"b\":[]}}", "[{\"b\":[]},[]]"},
		{"{\"$.input\":\"$$.input\",\"x\":\"$$\",\"y\":\"$$$\"}", "1",
		 "{\"$.input\":\"$.input\",\"x\":\"$\",\"y\":\"$$\"}"},
		{"[\"$.steps.a.output.id\",\"$.input.id\"]", "{\"id\":2}", "[1,2]"},
		{"[\"$.steps.b.output\"]", "{}", "[null]"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		fill(cases[i].template, cases[i].input, "{\"id\":1}", cases[i].expected);
	fill("\"$.steps.a.output\"", "", "plain text", "null");
}

/* However many picks, each source is gone through once. */
static void sources_are_asked_once(void **state)
{
	struct outputs outputs = {.of = {slice_str("[1,2]"), slice_str("3")}};
	const struct wire_pick_source source = {slice_str("4"), output_of, &outputs};
	char text[64];
	struct buf out;

	(void)state;
	make_plan();
	buf_init_fixed(&out, text, sizeof text);
	assert_int_equal(wire_pick_fill(slice_str("[\"$.steps.a.output.0\",\"$.input\","
						  "\"$.steps.b.output\",\"$.steps.a.output.1\"]"),
					&plan, &source, &out),
			 0);
	assert_true(slice_equal(buf_slice(&out), slice_str("[1,4,3,2]")));
	assert_int_equal(outputs.asked, 2);
}

static void a_deep_source(void **state)
{
	char input[2 * WIRE_JSON_DEPTH_MAX + 16];
	uint32_t size = 5;

	(void)state;
	memcpy(input, "{\"a\":", 5);
	memset(input + size, '[', WIRE_JSON_DEPTH_MAX);
	size += WIRE_JSON_DEPTH_MAX;
	memset(input + size, ']', WIRE_JSON_DEPTH_MAX);
	memcpy(input + size + WIRE_JSON_DEPTH_MAX, ",\"b\":1}", 8);
	fill("\"$.input.b\"", input, "", "null"); /* one too deep: not JSON here */
	memcpy(input, "{\"a\": ", 6);
	input[size] = ' ';
	fill("\"$.input.b\"", input, "", "1");
}

static void what_does_not_fit(void **state)
{
	struct outputs outputs = {0};
	const struct wire_pick_source source = {slice_str("\"0123456789\""), output_of, &outputs};
	const struct slice template = slice_str("[\"$.input\",\"$.input\"]");
	char text[32];
	struct buf out;

	(void)state;
	make_plan();
	buf_init_fixed(&out, text, 28);
	assert_int_equal(buf_put(&out, "x", 1), 0);
	assert_int_equal(wire_pick_fill(template, &plan, &source, &out), 0);
	assert_int_equal(out.size, 28);

	buf_init_fixed(&out, text, 27);
	assert_int_equal(buf_put(&out, "x", 1), 0);
	assert_int_equal(wire_pick_fill(template, &plan, &source, &out), SAGA_E_TOO_LARGE);
	assert_int_equal(out.size, 1);
	assert_int_equal(buf_error(&out), 0);

	assert_int_equal(wire_pick_fill(slice_str("\"$.nothing\""), &plan, &source, &out),
			 SAGA_E_PLAN);
	assert_int_equal(out.size, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_reader),         cmocka_unit_test(json_nul),
		cmocka_unit_test(json_depth),          cmocka_unit_test(what_may_be_picked),
		cmocka_unit_test(bounds_of_templates), cmocka_unit_test(implied_edges_count),
		cmocka_unit_test(what_is_picked),      cmocka_unit_test(sources_are_asked_once),
		cmocka_unit_test(a_deep_source),       cmocka_unit_test(what_does_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
