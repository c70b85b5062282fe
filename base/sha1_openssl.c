#include "base/sha1_openssl.h"

#include <openssl/sha.h>

#include "base/check.h"

void sha1_digest(struct slice data, uint8_t digest[SHA1_SIZE])
{
	_Static_assert((int)SHA1_SIZE == (int)SHA_DIGEST_LENGTH, "a SHA-1 digest is 20 bytes");

	CHECK(SHA1(data.data, data.size, digest) != NULL);
}
