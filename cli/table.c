#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/output.h"

enum { COLUMNS_MAX = 16, GAP = 2, LINE_NAME_WIDTH = 11, LINE_TEXT_SIZE = 2048 };

struct cell {
	uint32_t offset, size; /* in `texts` */
	uint32_t width;        /* characters */
	enum style style;
	bool right;
};

static const char *style_begin(enum style style)
{
	switch (style) {
	case STYLE_GOOD:
		return "\x1b[32m";
	case STYLE_WARN:
		return "\x1b[33m";
	case STYLE_BAD:
		return "\x1b[1;31m";
	case STYLE_DIM:
		return "\x1b[2m";
	case STYLE_PLAIN:
		break;
	}
	return "";
}

static void put_styled(struct output *o, enum style style, struct slice text)
{
	const bool color = o->color && style != STYLE_PLAIN && text.size > 0;

	if (color)
		(void)buf_printf(&o->text, "%s", style_begin(style));
	(void)buf_put_slice(&o->text, text);
	if (color)
		(void)buf_printf(&o->text, "\x1b[0m");
}

/* Characters of UTF-8; wide ones count as one, which is only a matter of looks. */
static uint32_t width_of(struct slice text)
{
	uint32_t width = 0;

	for (uint32_t i = 0; i < text.size; i++)
		width += (text.data[i] & 0xc0U) != 0x80U ? 1U : 0U;
	return width;
}

static void add(struct table *t, enum style style, bool right, struct slice text)
{
	const struct cell cell = {.offset = t->texts.size,
				  .size = text.size,
				  .width = width_of(text),
				  .style = style,
				  .right = right};

	if (buf_put_slice(&t->texts, text) == 0 && buf_put(&t->cells, &cell, sizeof cell) == 0)
		t->cell_count++;
}

void table_open(struct table *t, struct output *o, const char *const *headers)
{
	*t = (struct table){.output = o};
	buf_init(&t->texts, OUTPUT_SIZE_MAX);
	buf_init(&t->cells, OUTPUT_SIZE_MAX);
	for (; headers[t->column_count] != NULL; t->column_count++) {
		const char *header = headers[t->column_count];
		const bool right = header[0] == '>';

		add(t, STYLE_DIM, right, slice_str(right ? header + 1 : header));
	}
	CHECK_LE(t->column_count, COLUMNS_MAX);
}

void table_text(struct table *t, enum style style, struct slice text)
{
	add(t, style, false, text.size > 0 ? text : slice_str("-"));
}

void table_str(struct table *t, enum style style, const char *text)
{
	table_text(t, style, slice_str(text));
}

void table_number(struct table *t, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
	add(t, STYLE_PLAIN, true, slice_str(text));
}

static void pad(struct output *o, uint32_t count)
{
	(void)buf_printf(&o->text, "%*s", (int)count, "");
}

static void put_row(struct table *t, const struct cell *cells, const uint32_t *widths)
{
	for (uint32_t i = 0; i < t->column_count; i++) {
		const struct cell *c = &cells[i];
		const bool last = i + 1 == t->column_count;
		const uint32_t space = widths[i] - c->width;

		if (c->right)
			pad(t->output, space);
		put_styled(t->output, c->style, slice_of(t->texts.data + c->offset, c->size));
		if (!last)
			pad(t->output, GAP + (c->right ? 0 : space));
	}
	(void)buf_put(&t->output->text, "\n", 1);
}

void table_close(struct table *t)
{
	const struct cell *cells = (const struct cell *)(const void *)t->cells.data;
	uint32_t widths[COLUMNS_MAX] = {0};
	const uint32_t first = t->output->headers ? 0 : t->column_count;

	/* A cell that found no memory leaves its row incomplete: then the output fails as a whole.
	 */
	if (buf_error(&t->cells) != 0 || buf_error(&t->texts) != 0) {
		t->output->text.error = SAGA_E_NO_MEMORY;
		goto out;
	}
	CHECK_EQ(t->cell_count % t->column_count, 0);
	for (uint32_t i = first; i < t->cell_count; i++) {
		uint32_t *width = &widths[i % t->column_count];

		*width = cells[i].width > *width ? cells[i].width : *width;
	}
	for (uint32_t i = first; i < t->cell_count; i += t->column_count)
		put_row(t, &cells[i], widths);
out:
	buf_close(&t->texts);
	buf_close(&t->cells);
}

void output_line(struct output *o, const char *name, enum style style, const char *format, ...)
{
	char text[LINE_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	(void)buf_printf(&o->text, "%-*s ", LINE_NAME_WIDTH, name);
	put_styled(o, style, slice_str(text));
	(void)buf_put(&o->text, "\n", 1);
}
