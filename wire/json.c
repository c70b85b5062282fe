#include "wire/json.h"

#include "base/check.h"

enum wants {
	WANTS_VALUE = 0,
	WANTS_VALUE_OR_END, /* behind [ */
	WANTS_KEY,
	WANTS_KEY_OR_END, /* behind { */
	WANTS_MORE,       /* a comma or the end of the container */
	WANTS_NOTHING,
	WANTS_BAD,
};

void wire_json_open(struct wire_json *json, struct slice text, uint32_t depth_max)
{
	CHECK_LE(depth_max, WIRE_JSON_DEPTH_MAX);
	*json = (struct wire_json){.text = text, .depth_max = depth_max};
}

/* The next byte, 0 at the end: no token begins with it, and no string holds it. */
static uint8_t peek(const struct wire_json *json)
{
	return json->at < json->text.size ? json->text.data[json->at] : 0;
}

static void skip_space(struct wire_json *json)
{
	for (;; json->at++) {
		const uint8_t c = peek(json);

		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return;
	}
}

/* Well-formed characters above U+007F; table 3-7 of the Unicode standard. */
static bool pass_character(struct wire_json *json)
{
	const uint8_t *byte = json->text.data + json->at;
	const uint32_t left = json->text.size - json->at;
	uint32_t size = 2;
	uint8_t low = 0x80;
	uint8_t high = 0xbf;

	if (byte[0] < 0xc2 || byte[0] > 0xf4)
		return false;
	if (byte[0] >= 0xf0) {
		size = 4;
		low = byte[0] == 0xf0 ? 0x90 : low;
		high = byte[0] == 0xf4 ? 0x8f : high;
	} else if (byte[0] >= 0xe0) {
		size = 3;
		low = byte[0] == 0xe0 ? 0xa0 : low;
		high = byte[0] == 0xed ? 0x9f : high;
	}
	if (left < size || byte[1] < low || byte[1] > high)
		return false;
	for (uint32_t i = 2; i < size; i++)
		if ((byte[i] & 0xc0) != 0x80)
			return false;
	json->at += size;
	return true;
}

/* Behind \u. */
static bool pass_hex(struct wire_json *json, uint32_t *value)
{
	*value = 0;
	for (uint32_t i = 0; i < 4; i++, json->at++) {
		const uint8_t c = peek(json);
		const uint8_t small = c | 0x20;

		if (c >= '0' && c <= '9')
			*value = *value << 4 | (uint32_t)(c - '0');
		else if (small >= 'a' && small <= 'f')
			*value = *value << 4 | (uint32_t)(small - 'a' + 10);
		else
			return false;
	}
	return true;
}

static bool pass_escape(struct wire_json *json)
{
	uint32_t value;

	json->at++;
	if (peek(json) != 'u') {
		const uint8_t c = peek(json);

		json->at++;
		return c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' ||
		       c == 'r' || c == 't';
	}
	json->at++;
	if (!pass_hex(json, &value) || (value >= 0xdc00 && value <= 0xdfff))
		return false;
	if (value < 0xd800 || value > 0xdbff)
		return true;
	if (peek(json) != '\\')
		return false;
	json->at++;
	if (peek(json) != 'u')
		return false;
	json->at++;
	return pass_hex(json, &value) && value >= 0xdc00 && value <= 0xdfff;
}

static bool pass_string(struct wire_json *json)
{
	json->at++;
	while (json->at < json->text.size) {
		const uint8_t c = json->text.data[json->at];

		if (c == '"') {
			json->at++;
			return true;
		}
		if (c < 0x20)
			return false;
		if (c == '\\') {
			if (!pass_escape(json))
				return false;
		} else if (c < 0x80) {
			json->at++;
		} else if (!pass_character(json)) {
			return false;
		}
	}
	return false;
}

static bool pass_digits(struct wire_json *json)
{
	const uint32_t begin = json->at;

	while (peek(json) >= '0' && peek(json) <= '9')
		json->at++;
	return json->at > begin;
}

static bool pass_number(struct wire_json *json)
{
	if (peek(json) == '-')
		json->at++;
	if (peek(json) == '0')
		json->at++;
	else if (!pass_digits(json))
		return false;
	if (peek(json) == '.') {
		json->at++;
		if (!pass_digits(json))
			return false;
	}
	if (peek(json) != 'e' && peek(json) != 'E')
		return true;
	json->at++;
	if (peek(json) == '+' || peek(json) == '-')
		json->at++;
	return pass_digits(json);
}

static bool pass_literal(struct wire_json *json)
{
	static const char *const words[] = {"true", "false", "null"};

	for (uint32_t i = 0; i < 3; i++) {
		const struct slice word = slice_str(words[i]);

		if (json->text.size - json->at < word.size ||
		    memcmp(json->text.data + json->at, word.data, word.size) != 0)
			continue;
		json->at += word.size;
		return true;
	}
	return false;
}

static enum wire_json_token bad(struct wire_json *json)
{
	json->wants = WANTS_BAD;
	return WIRE_JSON_BAD;
}

static void value_over(struct wire_json *json)
{
	json->wants = json->depth > 0 ? WANTS_MORE : WANTS_NOTHING;
}

static enum wire_json_token begin(struct wire_json *json, bool object)
{
	if (json->depth >= json->depth_max)
		return bad(json);
	const uint64_t bit = UINT64_C(1) << json->depth++;

	json->objects = object ? json->objects | bit : json->objects & ~bit;
	json->wants = object ? WANTS_KEY_OR_END : WANTS_VALUE_OR_END;
	json->at++;
	return object ? WIRE_JSON_OBJECT : WIRE_JSON_ARRAY;
}

static enum wire_json_token end(struct wire_json *json)
{
	const bool object = wire_json_in_object(json);

	json->depth--;
	json->at++;
	value_over(json);
	return object ? WIRE_JSON_OBJECT_END : WIRE_JSON_ARRAY_END;
}

static enum wire_json_token value(struct wire_json *json)
{
	const uint8_t c = peek(json);
	enum wire_json_token token = WIRE_JSON_LITERAL;
	bool good;

	if (c == '{' || c == '[')
		return begin(json, c == '{');
	if (c == '"') {
		token = WIRE_JSON_STRING;
		good = pass_string(json);
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		token = WIRE_JSON_NUMBER;
		good = pass_number(json);
	} else {
		good = pass_literal(json);
	}
	if (!good)
		return bad(json);
	value_over(json);
	return token;
}

/* `raw` ends behind the string, before the colon. */
static enum wire_json_token key(struct wire_json *json, struct slice *raw)
{
	const uint32_t from = json->at;

	if (peek(json) != '"' || !pass_string(json))
		return bad(json);
	*raw = slice_of(json->text.data + from, json->at - from);
	skip_space(json);
	if (peek(json) != ':')
		return bad(json);
	json->at++;
	json->wants = WANTS_VALUE;
	return WIRE_JSON_KEY;
}

enum wire_json_token wire_json_next(struct wire_json *json, struct slice *raw)
{
	*raw = (struct slice){0};
	if (json->wants == WANTS_BAD)
		return WIRE_JSON_BAD;
	skip_space(json);
	if (json->wants == WANTS_NOTHING)
		return json->at == json->text.size ? WIRE_JSON_END : bad(json);
	if (json->wants == WANTS_MORE && peek(json) == ',') {
		json->wants = wire_json_in_object(json) ? WANTS_KEY : WANTS_VALUE;
		json->at++;
		skip_space(json);
	}
	const uint32_t from = json->at;
	const bool may_end = json->wants == WANTS_MORE || json->wants == WANTS_KEY_OR_END ||
			     json->wants == WANTS_VALUE_OR_END;
	enum wire_json_token token;

	if (may_end && peek(json) == (wire_json_in_object(json) ? '}' : ']'))
		token = end(json);
	else if (json->wants == WANTS_MORE)
		return bad(json);
	else if (json->wants == WANTS_KEY || json->wants == WANTS_KEY_OR_END)
		return key(json, raw);
	else
		token = value(json);
	if (token != WIRE_JSON_BAD)
		*raw = slice_of(json->text.data + from, json->at - from);
	return token;
}
