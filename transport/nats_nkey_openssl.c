/* NKeys: Ed25519 keys as base32 text with a type and a checksum. A seed file holds only the private
 * half, but cnats wants to be told the public one as well. */
#include <openssl/evp.h>
#include <string.h>

#include "transport/nats_internal.h"

enum {
	PREFIX_SEED = 18 << 3, /* 'S' */
	PREFIX_USER = 20 << 3, /* 'U' */
	KEY_SIZE = 32,
	SEED_TEXT_SIZE = 58,
	SEED_RAW_SIZE = 2 + KEY_SIZE + 2,   /* two prefixes, key, checksum */
	PUBLIC_RAW_SIZE = 1 + KEY_SIZE + 2, /* prefix, key, checksum */
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* CRC-16/XMODEM */
static uint16_t checksum(const uint8_t *data, uint32_t size)
{
	uint32_t crc = 0;

	for (uint32_t i = 0; i < size; i++) {
		crc ^= (uint32_t)data[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
	}
	return (uint16_t)crc;
}

static bool decode(struct slice text, uint8_t *raw, uint32_t size)
{
	uint32_t bits = 0;
	uint32_t bit_count = 0;
	uint32_t place = 0;

	for (uint32_t i = 0; i < text.size; i++) {
		const char *digit = memchr(alphabet, text.data[i], sizeof alphabet - 1);

		if (digit == NULL)
			return false;
		bits = (bits << 5 | (uint32_t)(digit - alphabet)) & 0xffff;
		bit_count += 5;
		if (bit_count >= 8) {
			if (place == size)
				return false;
			bit_count -= 8;
			raw[place++] = (uint8_t)(bits >> bit_count);
		}
	}
	return place == size;
}

static void encode(const uint8_t *raw, uint32_t size, char *text)
{
	uint32_t bits = 0;
	uint32_t bit_count = 0;

	for (uint32_t i = 0; i < size; i++) {
		bits = (bits << 8 | raw[i]) & 0xffff;
		bit_count += 8;
		while (bit_count >= 5) {
			bit_count -= 5;
			*text++ = alphabet[bits >> bit_count & 31];
		}
	}
	*text = '\0';
}

static bool derive(const uint8_t private_key[KEY_SIZE], uint8_t public_key[KEY_SIZE])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, KEY_SIZE);
	size_t size = KEY_SIZE;
	bool good;

	if (key == NULL)
		return false;
	good = EVP_PKEY_get_raw_public_key(key, public_key, &size) == 1 && size == KEY_SIZE;
	EVP_PKEY_free(key);
	return good;
}

int nats_nkey_public(struct slice seed, char public_key[NATS_NKEY_SIZE + 1])
{
	uint8_t raw[SEED_RAW_SIZE];
	uint8_t made[PUBLIC_RAW_SIZE] = {PREFIX_USER};
	int err = SAGA_E_CONFIG;
	uint16_t crc;

	_Static_assert(PUBLIC_RAW_SIZE * 8 == NATS_NKEY_SIZE * 5, "no padding");
	if (seed.size != SEED_TEXT_SIZE || !decode(seed, raw, sizeof raw))
		goto out;
	crc = checksum(raw, SEED_RAW_SIZE - 2);
	if (raw[SEED_RAW_SIZE - 2] != (crc & 0xff) || raw[SEED_RAW_SIZE - 1] != crc >> 8)
		goto out;
	/* The type of the key is spread over the low three bits of the first byte and the second.
	 */
	if ((raw[0] & 0xf8) != PREFIX_SEED || ((raw[0] & 7) << 5 | raw[1] >> 3) != PREFIX_USER)
		goto out;
	if (!derive(raw + 2, made + 1))
		goto out;
	crc = checksum(made, PUBLIC_RAW_SIZE - 2);
	made[PUBLIC_RAW_SIZE - 2] = (uint8_t)(crc & 0xff);
	made[PUBLIC_RAW_SIZE - 1] = (uint8_t)(crc >> 8);
	encode(made, sizeof made, public_key);
	err = 0;
out:
	OPENSSL_cleanse(raw, sizeof raw);
	return err;
}
