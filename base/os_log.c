#include "base/os_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"

enum {
	LOG_LINE_MAX = 16 * 1024,
	LOG_TAIL_RESERVE = 32 /* room for the mark of a cut line and its end */
};

struct log_settings {
	char node[ID_SIZE_MAX + 1];
	enum log_level level;
	bool text;
	bool colour;
};

/* A log has one destination a process, so this is one of the few variables of a process. It is
 * written by log_open only, before threads start. The default serves what logs earlier. */
static struct log_settings settings = {.level = LOG_INFO};

/* Of all threads, for the metrics. */
static uint64_t lines_written[4];

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const level_labels[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
static const char *const level_colours[] = {"\033[2m", "\033[32m", "\033[33m", "\033[31m"};
static const char colour_off[] = "\033[0m";

void log_open(const char *node, enum log_level level, enum log_format format)
{
	const bool terminal = isatty(STDERR_FILENO) == 1;

	(void)snprintf(settings.node, sizeof settings.node, "%s", node);
	settings.level = level;
	settings.text = format == LOG_FORMAT_TEXT || (format == LOG_FORMAT_AUTO && terminal);
	settings.colour = settings.text && terminal && getenv("NO_COLOR") == NULL;
}

struct log_field log_code(int code)
{
	return log_str("code", err_name(code));
}

/* How many bytes of well-formed UTF-8 (RFC 3629) stand at the start; 0 when they are not. */
static uint32_t utf8_size(const uint8_t *at, uint32_t left)
{
	uint32_t size = 0;
	uint32_t point;

	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		size = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		size = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		size = 4;
	if (size == 0 || size > left)
		return 0;

	point = at[0] & (0x7fU >> size);
	for (uint32_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (at[i] & 0x3f);
	}
	if ((size == 3 && (point < 0x800 || (point >= 0xd800 && point <= 0xdfff))) ||
	    (size == 4 && (point < 0x10000 || point > 0x10ffff)))
		return 0;
	return size;
}

static void put_escaped_byte(struct buf *line, uint8_t c)
{
	switch (c) {
	case '"':
		(void)buf_put(line, "\\\"", 2);
		return;
	case '\\':
		(void)buf_put(line, "\\\\", 2);
		return;
	case '\n':
		(void)buf_put(line, "\\n", 2);
		return;
	case '\t':
		(void)buf_put(line, "\\t", 2);
		return;
	default:
		break;
	}
	if (c < 0x20 || c == 0x7f)
		(void)buf_printf(line, "\\u%04x", c);
	else
		(void)buf_put(line, &c, 1);
}

/* C1 controls (U+0080 to U+009F) steer terminals just as ESC does. */
static bool is_c1_control(const uint8_t *at, uint32_t size)
{
	return size == 2 && at[0] == 0xc2 && at[1] < 0xa0;
}

/* The same escapes serve both formats: text from outside must neither end a line nor steer the
 * terminal. Whole characters only, so that a cut never leaves half of one. */
static void put_escaped(struct buf *line, struct slice text)
{
	uint32_t at = 0;

	while (at < text.size) {
		const uint32_t size = utf8_size(text.data + at, text.size - at);

		if (at + (size == 0 ? 1 : size) > LOG_TEXT_SIZE_MAX)
			break;
		if (size == 1)
			put_escaped_byte(line, text.data[at]);
		else if (size == 0)
			(void)buf_put(line, "\\ufffd", 6);
		else if (is_c1_control(text.data + at, size))
			(void)buf_printf(line, "\\u%04x", text.data[at + 1]);
		else
			(void)buf_put(line, text.data + at, size);
		at += size == 0 ? 1 : size;
	}
	if (at < text.size)
		(void)buf_put(line, "...", 3);
}

static void put_quoted(struct buf *line, struct slice text)
{
	(void)buf_put(line, "\"", 1);
	put_escaped(line, text);
	(void)buf_put(line, "\"", 1);
}

static void put_json_field(struct buf *line, const struct log_field *field)
{
	(void)buf_put(line, ",", 1);
	put_quoted(line, slice_str(field->key));
	(void)buf_put(line, ":", 1);
	if (field->type == LOG_FIELD_NUMBER)
		(void)buf_printf(line, "%" PRId64, field->number);
	else
		put_quoted(line, field->text);
}

/* Quotes only where a reader could not tell the end of the value. */
static bool needs_quotes(struct slice text)
{
	for (uint32_t i = 0; i < text.size; i++) {
		const uint8_t c = text.data[i];

		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
			return true;
	}
	return text.size == 0;
}

static void put_text_field(struct buf *line, const struct log_field *field)
{
	(void)buf_put(line, " ", 1);
	put_escaped(line, slice_str(field->key));
	(void)buf_put(line, "=", 1);
	if (field->type == LOG_FIELD_NUMBER)
		(void)buf_printf(line, "%" PRId64, field->number);
	else if (needs_quotes(field->text))
		put_quoted(line, field->text);
	else
		put_escaped(line, field->text);
}

static void put_head(struct buf *line, enum log_level level, const char *event)
{
	struct timespec now = {0};
	struct tm parts = {0};
	char ts[40];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &parts);
	if (settings.text) {
		(void)strftime(ts, sizeof ts, "%H:%M:%S", &parts);
		(void)buf_printf(line, "%s.%03ld %s%s%s ", ts, now.tv_nsec / 1000000,
				 settings.colour ? level_colours[level] : "", level_labels[level],
				 settings.colour ? colour_off : "");
		if (settings.node[0] != '\0') {
			put_escaped(line, slice_str(settings.node));
			(void)buf_put(line, " ", 1);
		}
		put_escaped(line, slice_str(event));
		return;
	}
	(void)strftime(ts, sizeof ts, "%Y-%m-%dT%H:%M:%S", &parts);
	(void)buf_printf(line, "{\"ts\":\"%s.%03ldZ\",\"level\":\"%s\",\"node\":", ts,
			 now.tv_nsec / 1000000, level_names[level]);
	put_quoted(line, slice_str(settings.node));
	(void)buf_put(line, ",\"event\":", 9);
	put_quoted(line, slice_str(event));
}

/* One write(2) a line keeps the lines of several threads and processes apart. */
static void write_line(struct slice line)
{
	const int saved_errno = errno;

	while (line.size > 0) {
		const ssize_t written = write(STDERR_FILENO, line.data, line.size);

		if (written < 0 && errno == EINTR)
			continue;
		/* Nobody is left to tell that the log is gone. */
		if (written <= 0)
			break;
		line = slice_of(line.data + written, line.size - (uint32_t)written);
	}
	errno = saved_errno;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
	       uint32_t count)
{
	uint8_t memory[LOG_LINE_MAX];
	struct buf line;
	bool cut = count > LOG_FIELDS_MAX;

	if (level < settings.level)
		return;
	/* The tail is kept free until the end: a field that does not fit is left out whole. */
	buf_init_fixed(&line, memory, sizeof memory);
	line.max -= LOG_TAIL_RESERVE;
	line.capacity -= LOG_TAIL_RESERVE;
	put_head(&line, level, event);
	for (uint32_t i = 0; i < count && i < LOG_FIELDS_MAX; i++) {
		const uint32_t size = line.size;

		if (settings.text)
			put_text_field(&line, &fields[i]);
		else
			put_json_field(&line, &fields[i]);
		if (buf_error(&line)) {
			buf_truncate(&line, size);
			cut = true;
		}
	}
	line.max += LOG_TAIL_RESERVE;
	line.capacity += LOG_TAIL_RESERVE;
	if (cut)
		(void)buf_printf(&line, "%s", settings.text ? " cut=1" : ",\"cut\":1");
	(void)buf_printf(&line, "%s", settings.text ? "\n" : "}\n");
	write_line(buf_slice(&line));
	(void)__atomic_fetch_add(&lines_written[level], 1, __ATOMIC_RELAXED);
}

uint64_t log_count(enum log_level level)
{
	return __atomic_load_n(&lines_written[level], __ATOMIC_RELAXED);
}

void log_check_sink(const char *file, int line, const char *expression, int64_t left, int64_t right)
{
	const struct log_field fields[] = {
		log_str("file", file), log_num("line", line),   log_str("expression", expression),
		log_num("left", left), log_num("right", right),
	};

	log_write(LOG_ERROR, "check.failed", fields, sizeof fields / sizeof fields[0]);
}
