#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "wire/message.h"

void output_init(struct output *o)
{
	*o = (struct output){.headers = true};
	buf_init(&o->text, OUTPUT_SIZE_MAX);
}

void output_close(struct output *o)
{
	buf_close(&o->text);
}

enum style style_of_state(uint32_t state)
{
	switch ((enum wire_state)state) {
	case WIRE_STATE_COMPLETED:
		return STYLE_GOOD;
	case WIRE_STATE_UNDOING:
	case WIRE_STATE_COMPENSATED:
	case WIRE_STATE_CANCELLED:
		return STYLE_WARN;
	case WIRE_STATE_PARKED:
		return STYLE_BAD;
	case WIRE_STATE_NONE:
	case WIRE_STATE_RUNNING:
	case WIRE_STATE_FINISHING:
	case WIRE_STATE_OPEN:
		break;
	}
	return STYLE_PLAIN;
}

void time_text(uint64_t unix_ms, char text[TIME_TEXT_SIZE])
{
	const time_t seconds = (time_t)(unix_ms / 1000);
	struct tm parts;
	size_t size;

	text[0] = '-';
	text[1] = '\0';
	if (unix_ms == 0 || gmtime_r(&seconds, &parts) == NULL)
		return;
	size = strftime(text, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
	(void)snprintf(text + size, TIME_TEXT_SIZE - size, ".%03uZ", (unsigned)(unix_ms % 1000));
}

void elapsed_text(uint64_t ms, char text[TIME_TEXT_SIZE])
{
	(void)snprintf(text, TIME_TEXT_SIZE, "%llu.%03us", (unsigned long long)(ms / 1000),
		       (unsigned)(ms % 1000));
}
