#include "base/id.h"

#include "base/check.h"
#include "base/sha1_openssl.h"

enum { UUID_NAME_MAX = 256 };

/* e9495a2a-9aee-5f96-98fd-72caec31d36d: the UUIDv5 of "sagad.operation" in the DNS namespace of RFC
 * 9562. */
const struct uuid SAGA_OP_NAMESPACE = {{0xe9, 0x49, 0x5a, 0x2a, 0x9a, 0xee, 0x5f, 0x96, 0x98, 0xfd,
					0x72, 0xca, 0xec, 0x31, 0xd3, 0x6d}};

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS       EACH_BYTE(0x80)

/* The high bit of each byte that is one of low..high; all bytes are below 0x80. */
static inline uint64_t bytes_within(uint64_t bytes, uint8_t low, uint8_t high)
{
	const uint64_t at_least = bytes + EACH_BYTE(0x80U - low);
	const uint64_t beyond = bytes + EACH_BYTE(0x7fU - high);

	return at_least & ~beyond;
}

/* The high bit of each byte that is no character of an id. Eight at once, and by hand, not by
 * isalnum: a locale must not change which ids are valid. */
static inline uint64_t bad_characters(uint64_t bytes)
{
	const uint64_t low = bytes & ~HIGH_BITS;
	const uint64_t good = bytes_within(low | EACH_BYTE(0x20), 'a', 'z') |
			      bytes_within(low, '0', '9') | bytes_within(low, '_', '_') |
			      bytes_within(low, '-', '-');

	return (bytes | ~good) & HIGH_BITS;
}

static inline uint64_t load_8(const uint8_t *at)
{
	uint64_t bytes;

	memcpy(&bytes, at, sizeof bytes);
	return bytes;
}

/* 1..7 bytes, the first, the middle and the last ones, which may be the same: all are looked at. */
static inline uint64_t load_few(const uint8_t *at, uint32_t size)
{
	uint32_t first, last;

	if (size < sizeof first)
		return EACH_BYTE('0') << 24 | (uint64_t)at[0] << 16 | (uint64_t)at[size / 2] << 8 |
		       at[size - 1];
	memcpy(&first, at, sizeof first);
	memcpy(&last, at + size - sizeof last, sizeof last);
	return (uint64_t)first << 32 | last;
}

bool id_valid(struct slice text)
{
	uint64_t bad;

	if (text.size == 0 || text.size > ID_SIZE_MAX)
		return false;
	if (text.size < sizeof bad)
		return bad_characters(load_few(text.data, text.size)) == 0;
	bad = bad_characters(load_8(text.data + text.size - sizeof bad));
	for (uint32_t at = 0; at < text.size - sizeof bad; at += (uint32_t)sizeof bad)
		bad |= bad_characters(load_8(text.data + at));
	return bad == 0;
}

int id_from(struct id *id, struct slice text)
{
	struct id result = {0};

	if (!id_valid(text))
		return SAGA_E_NAME;
	result.size = (uint8_t)text.size;
	memcpy(result.text, text.data, text.size);
	*id = result;
	return 0;
}

/* RFC 9562 4.1 and 4.2: the variant is 10 in binary. */
static void uuid_stamp(struct uuid *u, unsigned version)
{
	u->bytes[6] = (uint8_t)((u->bytes[6] & 0x0f) | (version << 4));
	u->bytes[8] = (uint8_t)((u->bytes[8] & 0x3f) | 0x80);
}

struct uuid uuid_v7(uint64_t unix_ms, const uint8_t random[10])
{
	struct uuid u;

	CHECK(unix_ms >> 48 == 0);
	for (unsigned i = 0; i < 6; i++)
		u.bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
	memcpy(&u.bytes[6], random, 10);
	uuid_stamp(&u, 7);
	return u;
}

struct uuid uuid_v5(const struct uuid *space, struct slice name)
{
	uint8_t text[UUID_SIZE + UUID_NAME_MAX];
	uint8_t digest[SHA1_SIZE];
	struct uuid u;

	CHECK_LE(name.size, UUID_NAME_MAX);
	memcpy(text, space->bytes, UUID_SIZE);
	if (name.size > 0)
		memcpy(text + UUID_SIZE, name.data, name.size);
	sha1_digest(slice_of(text, UUID_SIZE + name.size), digest);
	memcpy(u.bytes, digest, UUID_SIZE);
	uuid_stamp(&u, 5);
	return u;
}

/* The separator cannot stand in an id, so no two triples share a text. */
struct uuid uuid_operation(struct slice saga, struct slice step, struct slice op)
{
	const struct slice parts[] = {saga, slice_str("/"), step, slice_str("/"), op};
	uint8_t text[UUID_NAME_MAX];
	uint32_t size = 0;

	CHECK(id_valid(saga));
	CHECK(id_valid(step));
	CHECK(id_valid(op));
	for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		CHECK_LE(size + parts[i].size, sizeof text);
		memcpy(text + size, parts[i].data, parts[i].size);
		size += parts[i].size;
	}
	return uuid_v5(&SAGA_OP_NAMESPACE, slice_of(text, size));
}

/* A dash stands before these bytes: 8-4-4-4-12 hex digits. */
static bool uuid_dash_before(unsigned byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_format(const struct uuid *u, char text[UUID_TEXT_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned at = 0;

	for (unsigned i = 0; i < UUID_SIZE; i++) {
		if (uuid_dash_before(i))
			text[at++] = '-';
		text[at++] = digits[u->bytes[i] >> 4];
		text[at++] = digits[u->bytes[i] & 0x0f];
	}
	text[at] = '\0';
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int uuid_parse(struct uuid *u, struct slice text)
{
	struct uuid result;
	unsigned at = 0;

	if (text.size != UUID_TEXT_SIZE)
		return SAGA_E_NAME;
	for (unsigned i = 0; i < UUID_SIZE; i++) {
		int high;
		int low;

		if (uuid_dash_before(i) && text.data[at++] != '-')
			return SAGA_E_NAME;
		high = hex_value(text.data[at++]);
		low = hex_value(text.data[at++]);
		if (high < 0 || low < 0)
			return SAGA_E_NAME;
		result.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*u = result;
	return 0;
}
