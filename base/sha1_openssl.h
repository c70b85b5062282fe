/* SHA-1 for name-based UUIDs only (RFC 9562 5.5): an identifier, not a proof of anything. */
#ifndef SAGAD_BASE_SHA1_OPENSSL_H
#define SAGAD_BASE_SHA1_OPENSSL_H

#include <stdint.h>

#include "base/slice.h"

enum { SHA1_SIZE = 20 };

void sha1_digest(struct slice data, uint8_t digest[SHA1_SIZE]);

#endif
