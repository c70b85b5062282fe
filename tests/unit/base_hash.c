#include "base/hash.h"

#include "base/hash_crc32c.h"
#include "unit.h"

typedef uint32_t (*crc_function)(uint32_t crc, const void *data, uint32_t size);

struct vector {
	uint8_t data[48];
	uint32_t size;
	uint32_t crc;
};

/* RFC 3720 B.4, and the usual check value of "123456789". */
static void make_vectors(struct vector vectors[6])
{
	static const uint8_t read_command[48] = {
		0x01,        0xc0,        [16] = 0x14, [22] = 0x04,
		[27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02};

	memset(vectors, 0, 6 * sizeof vectors[0]);
	for (unsigned i = 0; i < 32; i++) {
		vectors[1].data[i] = 0xff;
		vectors[2].data[i] = (uint8_t)i;
		vectors[3].data[i] = (uint8_t)(31 - i);
	}
	memcpy(vectors[4].data, read_command, sizeof read_command);
	memcpy(vectors[5].data, "123456789", 9);
	for (unsigned i = 0; i < 4; i++)
		vectors[i].size = 32;
	vectors[4].size = 48;
	vectors[5].size = 9;
	vectors[0].crc = 0x8a9136aa;
	vectors[1].crc = 0x62a8ab43;
	vectors[2].crc = 0x46dd794e;
	vectors[3].crc = 0x113fdb5c;
	vectors[4].crc = 0xd9963a56;
	vectors[5].crc = 0xe3069283;
}

static void assert_known_answers(crc_function crc)
{
	struct vector vectors[6];

	make_vectors(vectors);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(crc(0, vectors[i].data, vectors[i].size), vectors[i].crc);
	assert_int_equal(crc(0, NULL, 0), 0);
}

static void every_way_gives_the_known_answers(void **state)
{
	(void)state;
	assert_known_answers(hash_crc32c);
	assert_known_answers(hash_crc32c_table);
	if (hash_crc32c_machine_available())
		assert_known_answers(hash_crc32c_machine);
}

static uint32_t crc_bit_by_bit(uint32_t crc, const uint8_t *data, uint32_t size)
{
	crc = ~crc;
	for (uint32_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

static void every_way_agrees_for_all_sizes_and_alignments(void **state)
{
	uint8_t data[300];

	(void)state;
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 167 + 13);
	for (uint32_t start = 0; start < 9; start++) {
		for (uint32_t size = 0; size < 280; size++) {
			const uint32_t expected = crc_bit_by_bit(77, data + start, size);

			assert_int_equal(hash_crc32c_table(77, data + start, size), expected);
			assert_int_equal(hash_crc32c(77, data + start, size), expected);
			if (hash_crc32c_machine_available())
				assert_int_equal(hash_crc32c_machine(77, data + start, size),
						 expected);
		}
	}
}

static void crc_goes_on_where_it_stopped(void **state)
{
	(void)state;
	for (uint32_t cut = 0; cut <= 9; cut++) {
		const char *text = "123456789";
		const uint32_t first = hash_crc32c(0, text, cut);

		assert_int_equal(hash_crc32c(first, text + cut, 9 - cut), 0xe3069283);
	}
}

static void every_flipped_bit_changes_the_crc(void **state)
{
	uint8_t data[64] = {1, 2, 3};
	const uint32_t before = hash_crc32c(0, data, sizeof data);

	(void)state;
	for (unsigned bit = 0; bit < sizeof data * 8; bit++) {
		data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_not_equal(hash_crc32c(0, data, sizeof data), before);
		data[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

/* Slots of ids and chains of batches rest on these: they must be the same for ever. */
static void xxh3_gives_the_known_answers(void **state)
{
	static const uint8_t empty_128[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
					      0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
	struct hash128 hash = hash_xxh3_128(slice_str(""));
	struct hash128 other = hash_xxh3_128(slice_str("a"));

	(void)state;
	assert_true(hash_xxh3_64(slice_str("")) == UINT64_C(0x2d06800538d394c2));
	assert_true(hash_xxh3_64((struct slice){NULL, 0}) == UINT64_C(0x2d06800538d394c2));
	assert_true(hash_xxh3_64(slice_str("a")) == UINT64_C(0xe6c632b61e964e1f));
	assert_true(hash_xxh3_64(slice_str("abc")) == UINT64_C(0x78af5f94892f3950));
	assert_memory_equal(hash.bytes, empty_128, sizeof empty_128);
	assert_true(hash128_equal(&hash, &hash));
	assert_false(hash128_equal(&hash, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_gives_the_known_answers),
		cmocka_unit_test(every_way_agrees_for_all_sizes_and_alignments),
		cmocka_unit_test(crc_goes_on_where_it_stopped),
		cmocka_unit_test(every_flipped_bit_changes_the_crc),
		cmocka_unit_test(xxh3_gives_the_known_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
