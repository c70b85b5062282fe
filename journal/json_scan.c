#include "journal/json_scan.h"

#include <string.h>

struct scan {
	const uint8_t *at;
	const uint8_t *end;
};

static void skip_space(struct scan *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool take_byte(struct scan *s, uint8_t byte)
{
	skip_space(s);
	if (s->at == s->end || *s->at != byte)
		return false;
	s->at++;
	return true;
}

/* At an opening quote. `text` = what stands between the quotes. */
static bool take_string(struct scan *s, struct slice *text)
{
	const uint8_t *start;

	if (!take_byte(s, '"'))
		return false;
	start = s->at;
	while (s->at < s->end && *s->at != '"') {
		if (*s->at == '\\')
			s->at++;
		if (s->at < s->end)
			s->at++;
	}
	if (s->at == s->end)
		return false;
	*text = slice_of(start, (uint32_t)(s->at - start));
	s->at++;
	return true;
}

static bool is_plain(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
	       (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '+' || byte == '.';
}

/* A number or literal: it must end before a separator, or it was cut. */
static bool skip_plain(struct scan *s)
{
	const uint8_t *start = s->at;

	while (s->at < s->end && is_plain(*s->at))
		s->at++;
	return s->at > start && s->at < s->end;
}

static bool skip_value(struct scan *s)
{
	struct slice text;
	uint32_t depth = 0;

	do {
		skip_space(s);
		if (s->at == s->end)
			return false;
		switch (*s->at) {
		case '"':
			if (!take_string(s, &text))
				return false;
			break;
		case '{':
		case '[':
			depth++;
			s->at++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return false;
			depth--;
			s->at++;
			break;
		case ',':
		case ':':
			if (depth == 0)
				return false;
			s->at++;
			break;
		default:
			if (!skip_plain(s))
				return false;
			break;
		}
	} while (depth > 0);
	return true;
}

/* Goes to the value of the member `name` of the object at the scan. */
static bool enter_member(struct scan *s, struct slice name)
{
	if (!take_byte(s, '{'))
		return false;
	for (;;) {
		struct slice key;

		if (!take_string(s, &key) || !take_byte(s, ':'))
			return false;
		if (slice_equal(key, name))
			return true;
		if (!skip_value(s) || !take_byte(s, ','))
			return false;
	}
}

bool json_scan_whole(struct slice json)
{
	struct scan s = {json.data, json.data + json.size};

	skip_space(&s);
	if (s.at == s.end || *s.at != '{' || !skip_value(&s))
		return false;
	skip_space(&s);
	return s.at == s.end;
}

bool json_scan_find(struct slice json, const char *path, struct slice *value)
{
	struct scan s = {json.data, json.data + json.size};

	for (const char *name = path;;) {
		const uint32_t size = (uint32_t)strcspn(name, ".");

		if (!enter_member(&s, slice_of(name, size)))
			return false;
		if (name[size] == '\0')
			break;
		name += size + 1;
	}
	skip_space(&s);
	const uint8_t *start = s.at;
	if (!skip_value(&s))
		return false;
	*value = slice_of(start, (uint32_t)(s.at - start));
	return true;
}

bool json_scan_u64(struct slice json, const char *path, uint64_t *value)
{
	struct slice text;
	uint64_t number = 0;

	if (!json_scan_find(json, path, &text))
		return false;
	for (uint32_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		const uint64_t digit = (uint64_t)(text.data[i] - '0');
		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*value = number;
	return true;
}

bool json_scan_text(struct slice json, const char *path, struct slice *value)
{
	struct slice text;

	if (!json_scan_find(json, path, &text) || text.size < 2 || text.data[0] != '"')
		return false;
	*value = slice_of(text.data + 1, text.size - 2);
	return true;
}

bool json_scan_true(struct slice json, const char *path)
{
	struct slice text;

	return json_scan_find(json, path, &text) && slice_equal(text, slice_str("true"));
}
