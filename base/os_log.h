/* Impure: structured logs on stderr: one JSON object a line, or text on a terminal.
 *
 * A line is an event name, a level and up to LOG_FIELDS_MAX fields. Text values are escaped and
 * cut at 512 bytes; no payload ever goes into a log. Thread-safe: a line is one write(2).
 */
#ifndef SAGAD_BASE_OS_LOG_H
#define SAGAD_BASE_OS_LOG_H

#include <stdint.h>

#include "base/slice.h"

enum { LOG_FIELDS_MAX = 24, LOG_TEXT_SIZE_MAX = 512 };

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

struct log_field {
	const char *key;
	enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER } type;
	struct slice text;
	int64_t number;
};

static inline struct log_field log_str(const char *key, const char *text)
{
	return (struct log_field){key, LOG_FIELD_TEXT, slice_str(text), 0};
}
static inline struct log_field log_slice(const char *key, struct slice text)
{
	return (struct log_field){key, LOG_FIELD_TEXT, text, 0};
}
static inline struct log_field log_num(const char *key, int64_t number)
{
	return (struct log_field){key, LOG_FIELD_NUMBER, {NULL, 0}, number};
}
/* Adds "code":"SAGA-nnnn"; the text of the code belongs to the message. */
struct log_field log_code(int code);

/* Once at start; `node` is copied and stands in each line. */
void log_open(const char *node, enum log_level level, enum log_format format);
void log_write(enum log_level level, const char *event, const struct log_field *fields,
	       uint32_t count);

/* Lines of this level that were written so far, by all threads. */
uint64_t log_count(enum log_level level);

/* A check_sink (base/check.h) for programs: one line of level error, event "check.failed". */
void log_check_sink(const char *file, int line, const char *expression, int64_t left,
		    int64_t right);

/* LOG(LOG_WARN, "lease.renew_failed", log_num("age_ms", age), log_code(err)) */
#define LOG(level, event, ...)                                                                     \
	do {                                                                                       \
		const struct log_field log_fields_[] = {__VA_ARGS__};                              \
		log_write((level), (event), log_fields_,                                           \
			  (uint32_t)(sizeof log_fields_ / sizeof log_fields_[0]));                 \
	} while (0)

#endif
