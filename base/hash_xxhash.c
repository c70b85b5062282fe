#include "base/hash.h"

/* Inlined: nothing of xxHash's appears in our symbols or needs its library at run time. */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_xxh3_64(struct slice data)
{
	return XXH3_64bits(data.data, data.size);
}

struct hash128 hash_xxh3_128(struct slice data)
{
	struct hash128 hash;
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(data.data, data.size));
	_Static_assert(sizeof hash.bytes == sizeof canonical.digest, "128 bits");
	memcpy(hash.bytes, canonical.digest, sizeof hash.bytes);
	return hash;
}
