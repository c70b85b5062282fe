#include "base/near.h"

#include <stddef.h>
#include <string.h>

enum { NEAR_SIZE_MAX = 64 };

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: a swap of two neighbours counts as one edit, because that is how
 * people mistype. Three rows of the table are enough. */
static uint32_t edit_distance(const char *a, uint32_t a_size, const char *b, uint32_t b_size)
{
	uint32_t rows[3][NEAR_SIZE_MAX + 1];
	uint32_t *before = rows[0];
	uint32_t *above = rows[1];
	uint32_t *row = rows[2];

	for (uint32_t j = 0; j <= b_size; j++)
		above[j] = j;
	for (uint32_t i = 1; i <= a_size; i++) {
		uint32_t *const spare = before;

		row[0] = i;
		for (uint32_t j = 1; j <= b_size; j++) {
			const uint32_t change = a[i - 1] == b[j - 1] ? 0 : 1;

			row[j] = min_u32(min_u32(above[j], row[j - 1]) + 1, above[j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min_u32(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b_size];
}

const char *near_name(const char *word, const char *const *names, uint32_t count)
{
	const size_t word_size = strlen(word);
	const char *nearest = NULL;
	uint32_t nearest_distance = UINT32_MAX;

	if (word_size > NEAR_SIZE_MAX)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		const size_t size = strlen(names[i]);
		const size_t longer = size > word_size ? size : word_size;
		const uint32_t limit = longer >= 3 ? (uint32_t)longer / 3 : 1;
		uint32_t distance;

		if (size > NEAR_SIZE_MAX)
			continue;
		distance = edit_distance(word, (uint32_t)word_size, names[i], (uint32_t)size);
		if (distance <= limit && distance < nearest_distance) {
			nearest = names[i];
			nearest_distance = distance;
		}
	}
	return nearest;
}
