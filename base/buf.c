#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

enum { BUF_CAPACITY_MIN = 256, BUF_PRINTF_STACK = 512 };

void buf_init(struct buf *b, uint32_t max)
{
	*b = (struct buf){.max = max};
}

void buf_init_fixed(struct buf *b, void *memory, uint32_t size)
{
	CHECK(memory != NULL || size == 0);
	*b = (struct buf){.data = memory, .capacity = size, .max = size, .fixed = true};
}

void buf_close(struct buf *b)
{
	if (!b->fixed)
		free(b->data);
	*b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
	b->size = 0;
	b->error = 0;
}

static int buf_reserve(struct buf *b, uint32_t size)
{
	uint64_t capacity = b->capacity;
	uint8_t *data;

	CHECK_LE(b->size, b->capacity);
	CHECK_LE(b->capacity, b->max);
	if (b->error)
		return b->error;
	if (size > b->max - b->size)
		return b->error = SAGA_E_FULL;
	if (size <= b->capacity - b->size)
		return 0;

	/* A fixed buffer never comes here: its capacity is its max. */
	CHECK(!b->fixed);
	if (capacity < BUF_CAPACITY_MIN)
		capacity = BUF_CAPACITY_MIN;
	while (capacity < (uint64_t)b->size + size)
		capacity *= 2;
	if (capacity > b->max)
		capacity = b->max;
	data = realloc(b->data, (size_t)capacity);
	if (!data)
		return b->error = SAGA_E_NO_MEMORY;
	b->data = data;
	b->capacity = (uint32_t)capacity;
	return 0;
}

uint8_t *buf_grow(struct buf *b, uint32_t size)
{
	uint8_t *end;

	if (buf_reserve(b, size) != 0 || b->data == NULL)
		return NULL;
	end = b->data + b->size;
	b->size += size;
	return end;
}

int buf_put(struct buf *b, const void *data, uint32_t size)
{
	uint8_t *end = buf_grow(b, size);

	if (end && size > 0)
		memcpy(end, data, size);
	return b->error;
}

int buf_put_slice(struct buf *b, struct slice s)
{
	return buf_put(b, s.data, s.size);
}

/* Formats beside the buffer, not in it: vsnprintf needs a byte for its NUL that the buffer may
 * not have. */
__attribute__((format(printf, 3, 0))) static void buf_printf_long(struct buf *b, size_t size,
								  const char *format, va_list args)
{
	char *text;

	if (size > b->max - b->size) {
		b->error = SAGA_E_FULL;
		return;
	}
	text = malloc(size + 1);
	if (!text) {
		b->error = SAGA_E_NO_MEMORY;
		return;
	}
	(void)vsnprintf(text, size + 1, format, args);
	(void)buf_put(b, text, (uint32_t)size);
	free(text);
}

int buf_printf(struct buf *b, const char *format, ...)
{
	char text[BUF_PRINTF_STACK];
	va_list args;
	va_list again;
	int size;

	if (b->error)
		return b->error;
	va_start(args, format);
	va_copy(again, args);
	size = vsnprintf(text, sizeof text, format, args);
	CHECK_LE(0, size);
	if ((size_t)size < sizeof text)
		(void)buf_put(b, text, (uint32_t)size);
	else
		buf_printf_long(b, (size_t)size, format, again);
	va_end(again);
	va_end(args);
	return b->error;
}

void buf_truncate(struct buf *b, uint32_t size)
{
	CHECK_LE(size, b->size);
	b->size = size;
	b->error = 0;
}
