#include "base/error.h"

#include <stddef.h>
#include <string.h>

struct err_row {
	int code;
	enum err_class class;
	const char *name;
	const char *slug;
	const char *text;
};

#define ERR_ROW(symbol, number, class, slug, text)                                                 \
	{symbol, ERR_CLASS_##class, "SAGA-" #number, slug, text},

static const struct err_row err_rows[] = {
	{SAGA_E_NONE, ERR_CLASS_NONE, "SAGA-0000", "ok", "success"}, SAGA_ERROR_MAP(ERR_ROW)};

enum { ERR_ROW_COUNT = sizeof err_rows / sizeof err_rows[0] };

/* The last row, SAGA_E_INTERNAL, stands in for every code that is not in the table. */
static const struct err_row *err_row_of(int code)
{
	for (size_t i = 0; i < ERR_ROW_COUNT; i++) {
		if (err_rows[i].code == code)
			return &err_rows[i];
	}
	return &err_rows[ERR_ROW_COUNT - 1];
}

const char *err_name(int code)
{
	return err_row_of(code)->name;
}

const char *err_slug(int code)
{
	return err_row_of(code)->slug;
}

const char *err_text(int code)
{
	return err_row_of(code)->text;
}

enum err_class err_class(int code)
{
	return err_row_of(code)->class;
}

int err_from_wire(unsigned number)
{
	for (size_t i = 0; i < ERR_ROW_COUNT; i++) {
		if (err_to_wire(err_rows[i].code) == number)
			return err_rows[i].code;
	}
	return SAGA_E_INTERNAL;
}

int err_find(const char *name)
{
	const size_t prefix_size = sizeof "SAGA-" - 1;

	for (size_t i = 1; i < ERR_ROW_COUNT; i++) {
		const struct err_row *row = &err_rows[i];

		if (strcmp(row->name, name) == 0 || strcmp(row->name + prefix_size, name) == 0 ||
		    strcmp(row->slug, name) == 0)
			return row->code;
	}
	return SAGA_E_NONE;
}
