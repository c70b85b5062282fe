#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/sha1_openssl.h"

#include <openssl/sha.h>

#include "base/check.h"

/* The old interface, because it only computes: the one-shot SHA1() of OpenSSL 3 looks its algorithm
 * up each time, with locks and allocations that cost ten times as much as the digest. */
void sha1_digest(struct slice data, uint8_t digest[SHA1_SIZE])
{
	SHA_CTX context;

	_Static_assert((int)SHA1_SIZE == (int)SHA_DIGEST_LENGTH, "a SHA-1 digest is 20 bytes");

	CHECK_EQ(SHA1_Init(&context), 1);
	CHECK_EQ(SHA1_Update(&context, data.data, data.size), 1);
	CHECK_EQ(SHA1_Final(digest, &context), 1);
}
