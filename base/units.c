#include "base/units.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* The largest first: formatting takes the first that divides. */
static const struct unit duration_units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit size_units[] = {
	{"GiB", 1073741824}, {"MiB", 1048576}, {"KiB", 1024}, {"B", 1}};

enum {
	DURATION_UNIT_COUNT = sizeof duration_units / sizeof duration_units[0],
	SIZE_UNIT_COUNT = sizeof size_units / sizeof size_units[0]
};

/* The digits at the start of `text`; *rest is what follows them. */
static int parse_digits(const char *text, uint64_t *number, const char **rest)
{
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		const uint64_t digit = (uint64_t)(*at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return SAGA_E_RANGE;
		value = value * 10 + digit;
	}
	if (at == text)
		return SAGA_E_TYPE;
	*number = value;
	*rest = at;
	return 0;
}

static int parse_with_unit(const char *text, const struct unit *units, size_t unit_count,
			   uint64_t *value)
{
	const char *rest = NULL;
	uint64_t number = 0;
	const int err = parse_digits(text, &number, &rest);

	if (err != 0)
		return err;
	if (number == 0 && *rest == '\0') {
		*value = 0;
		return 0;
	}
	for (size_t i = 0; i < unit_count; i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		if (number > UINT64_MAX / units[i].factor)
			return SAGA_E_RANGE;
		*value = number * units[i].factor;
		return 0;
	}
	return SAGA_E_TYPE;
}

int units_parse_count(const char *text, uint64_t *count)
{
	const char *rest = NULL;
	uint64_t number = 0;
	const int err = parse_digits(text, &number, &rest);

	if (err != 0)
		return err;
	if (*rest != '\0')
		return SAGA_E_TYPE;
	*count = number;
	return 0;
}

int units_parse_duration(const char *text, uint64_t *duration_ms)
{
	return parse_with_unit(text, duration_units, DURATION_UNIT_COUNT, duration_ms);
}

int units_parse_size(const char *text, uint64_t *size_bytes)
{
	return parse_with_unit(text, size_units, SIZE_UNIT_COUNT, size_bytes);
}

static void format_with_unit(uint64_t value, const struct unit *units, size_t unit_count,
			     char text[UNITS_TEXT_SIZE])
{
	size_t i = 0;

	if (value == 0) {
		(void)snprintf(text, UNITS_TEXT_SIZE, "0");
		return;
	}
	while (i + 1 < unit_count && value % units[i].factor != 0)
		i++;
	(void)snprintf(text, UNITS_TEXT_SIZE, "%llu%s",
		       (unsigned long long)(value / units[i].factor), units[i].name);
}

void units_format_duration(uint64_t duration_ms, char text[UNITS_TEXT_SIZE])
{
	format_with_unit(duration_ms, duration_units, DURATION_UNIT_COUNT, text);
}

void units_format_size(uint64_t size_bytes, char text[UNITS_TEXT_SIZE])
{
	format_with_unit(size_bytes, size_units, SIZE_UNIT_COUNT, text);
}
