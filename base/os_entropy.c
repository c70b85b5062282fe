#include "base/os_entropy.h"

#include <errno.h>
#include <sys/random.h>

#include "base/check.h"

void os_entropy(void *bytes, size_t size)
{
	uint8_t *at = bytes;

	while (size > 0) {
		const ssize_t got = getrandom(at, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		CHECK_LT(0, got);
		at += got;
		size -= (size_t)got;
	}
}

uint64_t os_entropy_u64(void)
{
	uint64_t value;

	os_entropy(&value, sizeof value);
	return value;
}
