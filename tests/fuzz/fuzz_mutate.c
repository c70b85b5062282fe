/* The mutator of targets whose input is one message. Apart from fuzz_message.c, which is also for
 * programs without a LLVMFuzzerMutate. */
#include <string.h>

#include "tests/fuzz/fuzz.h"

size_t fuzz_message_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct prng prng;
	struct buf out;

	prng_seed(&prng, seed);
	if (prng_below(&prng, 2) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	buf_init(&out, (uint32_t)max_size);
	if (fuzz_message_change(slice_of(data, (uint32_t)size), &prng, &out)) {
		size = out.size;
		memcpy(data, out.data, size);
	} else {
		size = LLVMFuzzerMutate(data, size, max_size);
	}
	buf_close(&out);
	return size;
}
