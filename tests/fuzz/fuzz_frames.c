/* Parts of an input. */
#include "tests/fuzz/fuzz.h"

bool fuzz_part_next(struct slice *input, struct slice *part)
{
	uint32_t size;

	if (input->size < 2)
		return false;
	size = input->data[0] | (uint32_t)input->data[1] << 8;
	if (size > input->size - 2)
		size = input->size - 2;
	*part = slice_of(input->data + 2, size);
	*input = slice_of(input->data + 2 + size, input->size - 2 - size);
	return true;
}

bool fuzz_part_put(struct buf *out, struct slice part)
{
	const uint8_t size[2] = {(uint8_t)part.size, (uint8_t)(part.size >> 8)};
	const uint32_t before = out->size;

	if (part.size <= UINT16_MAX && buf_put(out, size, sizeof size) == 0 &&
	    buf_put_slice(out, part) == 0)
		return true;
	buf_truncate(out, before);
	return false;
}
