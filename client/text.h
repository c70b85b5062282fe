/* Words for people on their way into a message. Pure. */
#ifndef SAGAD_CLIENT_TEXT_H
#define SAGAD_CLIENT_TEXT_H

#include <stddef.h>

/* Copies at most `from_size` bytes up to a NUL, cut to fit with a NUL. What is not UTF-8 and
 * control characters become '?': the codec refuses both, and a reason must not cost the answer. */
void text_clean(char *into, size_t into_size, const char *from, size_t from_size);

#endif
