/* A growable byte buffer whose maximum is given at the start.
 *
 * Errors stick: after a failed put the buffer keeps its content as before that put, every later
 * put fails too, and buf_error tells; so a writer may check once at the end.
 * Growth uses realloc unless the buffer is fixed; a warmed-up buffer that is cleared and reused
 * does not allocate, which is how the hot path uses it.
 * Not thread-safe.
 */
#ifndef SAGAD_BASE_BUF_H
#define SAGAD_BASE_BUF_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct buf {
	uint8_t *data;
	uint32_t size;     /* bytes used */
	uint32_t capacity; /* bytes there are */
	uint32_t max;      /* never grows beyond */
	int error;         /* 0, SAGA_E_FULL or SAGA_E_NO_MEMORY */
	bool fixed;        /* memory is the caller's, never grown or freed */
};

void buf_init(struct buf *b, uint32_t max);                      /* allocates nothing yet */
void buf_init_fixed(struct buf *b, void *memory, uint32_t size); /* caller keeps the memory */
void buf_close(struct buf *b);                                   /* safe on a zeroed one */
void buf_clear(struct buf *b);                                   /* size 0, error 0 */
int buf_put(struct buf *b, const void *data, uint32_t size);     /* 0 or the sticking error */
int buf_put_slice(struct buf *b, struct slice s);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room and returns a pointer to `size` uninitialised bytes at the end; NULL on error. */
uint8_t *buf_grow(struct buf *b, uint32_t size);
/* Cuts back to an earlier size (for undoing a half-written item); also clears the error. */
void buf_truncate(struct buf *b, uint32_t size);

/* Where the next bytes go, if there is room for `size` of them without growing; else NULL. For
 * writers that put many small things: they add to b->size what they have written. */
static inline uint8_t *buf_room(const struct buf *b, uint32_t size)
{
	return b->error == 0 && size <= b->capacity - b->size ? b->data + b->size : NULL;
}
static inline int buf_error(const struct buf *b)
{
	return b->error;
}
static inline struct slice buf_slice(const struct buf *b)
{
	return slice_of(b->data, b->size);
}

#endif
