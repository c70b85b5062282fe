#include "base/os_log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "unit.h"

static int saved_stderr;
static FILE *capture;

/* Each test's standard error goes to a file of its own. */
static int begin_capture(void **state)
{
	(void)state;
	capture = tmpfile();
	saved_stderr = dup(STDERR_FILENO);
	return capture && saved_stderr >= 0 && dup2(fileno(capture), STDERR_FILENO) >= 0 ? 0 : -1;
}

static int end_capture(void **state)
{
	(void)state;
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
	(void)fclose(capture);
	return 0;
}

static size_t captured(char *text, size_t size)
{
	size_t got;

	rewind(capture);
	got = fread(text, 1, size - 1, capture);
	text[got] = '\0';
	return got;
}

/* Exactly one line, and valid JSON without a key twice. The caller releases it. */
static json_t *captured_object(void)
{
	static char text[64 * 1024];
	const size_t size = captured(text, sizeof text);
	json_error_t error;
	json_t *object;

	assert_true(size > 0);
	assert_ptr_equal(strchr(text, '\n'), text + size - 1);
	object = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	assert_non_null(object);
	return object;
}

static void assert_text(json_t *object, const char *key, const char *expected)
{
	assert_string_equal(json_string_value(json_object_get(object, key)), expected);
}

static void a_line_has_the_fixed_keys_and_the_fields(void **state)
{
	json_t *object;
	const char *ts;

	(void)state;
	log_open("n1", LOG_INFO, LOG_FORMAT_AUTO);
	LOG(LOG_WARN, "lease.renew_failed", log_num("age_ms", -5), log_str("peer", "n2"),
	    log_slice("saga", slice_of("order-1xx", 7)), log_code(SAGA_E_ETCD));
	object = captured_object();
	assert_int_equal(json_object_size(object), 8);
	assert_text(object, "level", "warn");
	assert_text(object, "node", "n1");
	assert_text(object, "event", "lease.renew_failed");
	assert_text(object, "peer", "n2");
	assert_text(object, "saga", "order-1");
	assert_text(object, "code", "SAGA-5005");
	assert_int_equal(json_integer_value(json_object_get(object, "age_ms")), -5);
	ts = json_string_value(json_object_get(object, "ts"));
	assert_int_equal(strlen(ts), strlen("2026-01-02T03:04:05.678Z"));
	assert_int_equal(ts[10], 'T');
	assert_int_equal(ts[23], 'Z');
	json_decref(object);
}

static void hostile_text_cannot_leave_its_field(void **state)
{
	const char *hostile = "\"},\n{\"level\":\"error\"\\\r\t\x1b[31m\x7f \xc2\x9b"
			      "31m \xc3\xa4";
	static char text[4096];
	json_t *object;

	(void)state;
	log_open("n1", LOG_INFO, LOG_FORMAT_JSON);
	LOG(LOG_INFO, "test", log_str("hostile", hostile));
	object = captured_object();
	assert_text(object, "level", "info");
	assert_text(object, "hostile", hostile);
	json_decref(object);
	/* On a terminal the raw bytes would do harm, so not one of them may be there. */
	(void)captured(text, sizeof text);
	assert_null(strpbrk(text, "\x1b\x7f\r\t"));
	assert_null(strstr(text, "\xc2\x9b"));
	assert_non_null(strstr(text, "\xc3\xa4"));
}

static void bad_utf8_is_replaced(void **state)
{
	json_t *object;

	(void)state;
	log_open("n1", LOG_INFO, LOG_FORMAT_JSON);
	/* A lone continuation, an overlong form, a surrogate, a value too high, a cut one. */
	LOG(LOG_INFO, "test", log_str("a", "x\x80y"), log_str("b", "\xc0\xaf"),
	    log_str("c", "\xed\xa0\x80"), log_str("d", "\xf4\x90\x80\x80"),
	    log_str("e", "\xe2\x82"), log_str("f", "\xf0\x9f\x9a\x80"),
	    log_slice("g", slice_of("a\0b", 3)), log_str("h", "\xf0\x8f\xbf\xbf"),
	    log_str("i", "\xe0\x9f\xbf"));
	object = captured_object();
	assert_text(object, "a", "x\xef\xbf\xbdy");
	assert_text(object, "b", "\xef\xbf\xbd\xef\xbf\xbd");
	assert_text(object, "c", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_text(object, "d", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_text(object, "e", "\xef\xbf\xbd\xef\xbf\xbd");
	assert_text(object, "f", "\xf0\x9f\x9a\x80");
	assert_int_equal(json_string_length(json_object_get(object, "g")), 3);
	assert_text(object, "h", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_text(object, "i", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	json_decref(object);
}

static void long_text_is_cut_at_a_whole_character(void **state)
{
	char text[2000];
	json_t *object;
	const char *got;

	(void)state;
	memset(text, 'a', sizeof text);
	text[511] = '\xc3';
	text[512] = '\xa4';
	text[1999] = '\0';
	log_open("n1", LOG_INFO, LOG_FORMAT_JSON);
	LOG(LOG_INFO, "test", log_str("long", text), log_slice("fits", slice_of(text, 511)));
	object = captured_object();
	got = json_string_value(json_object_get(object, "long"));
	assert_int_equal(strlen(got), 511 + 3);
	assert_string_equal(got + 511, "...");
	assert_int_equal(json_string_length(json_object_get(object, "fits")), 511);
	json_decref(object);
}

/* Worst case: every byte becomes six. Fields that do not fit are left out whole. */
static void a_line_too_long_is_cut_between_fields(void **state)
{
	static char controls[512];
	static char keys[40][8];
	struct log_field fields[40];
	json_t *object;

	(void)state;
	memset(controls, 1, sizeof controls);
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(keys[i], sizeof keys[i], "k%u", i);
		fields[i] = log_slice(keys[i], slice_of(controls, sizeof controls));
	}
	log_open("n1", LOG_INFO, LOG_FORMAT_JSON);
	log_write(LOG_ERROR, "test", fields, 40);
	object = captured_object();
	assert_int_equal(json_integer_value(json_object_get(object, "cut")), 1);
	assert_int_equal(json_string_length(json_object_get(object, "k0")), 512);
	assert_null(json_object_get(object, "k39"));
	json_decref(object);
}

static void too_many_fields_are_marked(void **state)
{
	struct log_field fields[LOG_FIELDS_MAX + 1];
	static char keys[LOG_FIELDS_MAX + 1][8];
	json_t *object;

	(void)state;
	for (unsigned i = 0; i <= LOG_FIELDS_MAX; i++) {
		(void)snprintf(keys[i], sizeof keys[i], "k%u", i);
		fields[i] = log_num(keys[i], (int64_t)i);
	}
	log_open("n1", LOG_INFO, LOG_FORMAT_JSON);
	log_write(LOG_INFO, "test", fields, LOG_FIELDS_MAX + 1);
	object = captured_object();
	assert_int_equal(json_object_size(object), 4 + LOG_FIELDS_MAX + 1);
	assert_int_equal(json_integer_value(json_object_get(object, "cut")), 1);
	json_decref(object);
}

static void lower_levels_are_silent(void **state)
{
	char text[1024];

	(void)state;
	log_open("n1", LOG_WARN, LOG_FORMAT_JSON);
	LOG(LOG_DEBUG, "a", log_num("x", 1));
	LOG(LOG_INFO, "b", log_num("x", 1));
	assert_int_equal(captured(text, sizeof text), 0);
	log_write(LOG_WARN, "c", NULL, 0);
	log_write(LOG_ERROR, "d", NULL, 0);
	assert_true(captured(text, sizeof text) > 0);
	assert_null(strstr(text, "\"a\""));
	assert_non_null(strstr(text, "\"level\":\"warn\""));
	assert_non_null(strstr(text, "\"level\":\"error\""));
}

static void text_lines_quote_only_what_needs_it(void **state)
{
	char text[1024];

	(void)state;
	log_open("n1", LOG_DEBUG, LOG_FORMAT_TEXT);
	LOG(LOG_INFO, "saga.done", log_str("saga", "order-1"), log_num("ms", 12),
	    log_str("why", "two words\n"), log_str("empty", ""));
	(void)captured(text, sizeof text);
	assert_non_null(strstr(text, " INFO  n1 saga.done saga=order-1 ms=12 "
				     "why=\"two words\\n\" empty=\"\"\n"));
	/* A file is not a terminal: no colours. */
	assert_null(strchr(text, '\x1b'));
	assert_int_equal(text[2], ':');
	assert_int_equal(text[8], '.');
}

static void a_failed_check_is_one_line(void **state)
{
	json_t *object;

	(void)state;
	log_open("n1", LOG_ERROR, LOG_FORMAT_JSON);
	log_check_sink("base/x.c", 12, "a < b", 5, 4);
	object = captured_object();
	assert_text(object, "event", "check.failed");
	assert_text(object, "expression", "a < b");
	assert_int_equal(json_integer_value(json_object_get(object, "left")), 5);
	json_decref(object);
	check_set_sink(log_check_sink);
	check_set_sink(NULL);
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, begin_capture, end_capture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CAPTURED(a_line_has_the_fixed_keys_and_the_fields),
		CAPTURED(hostile_text_cannot_leave_its_field),
		CAPTURED(bad_utf8_is_replaced),
		CAPTURED(long_text_is_cut_at_a_whole_character),
		CAPTURED(a_line_too_long_is_cut_between_fields),
		CAPTURED(too_many_fields_are_marked),
		CAPTURED(lower_levels_are_silent),
		CAPTURED(text_lines_quote_only_what_needs_it),
		CAPTURED(a_failed_check_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
