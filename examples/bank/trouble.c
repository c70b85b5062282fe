#include "base/hash.h"
#include "base/prng.h"
#include "examples/bank/account.h"
#include "examples/common/serve.h"

const char *bank_trouble_name(enum bank_trouble_kind kind)
{
	static const char *const names[] = {"", "no", "late", "twice", "never", "crash"};

	return names[kind];
}

struct bank_fate bank_trouble_draw(const struct bank_trouble *trouble, const char *service,
				   const char *saga)
{
	/* Cumulative, so that one draw gives one kind at most. */
	const double chances[] = {trouble->no, trouble->late, trouble->twice, trouble->never,
				  trouble->crash};
	const uint64_t draw = prng_mix(hash_xxh3_64(slice_str(saga)) ^
				       hash_xxh3_64(slice_str(service)) ^ trouble->seed);
	struct bank_fate fate = {.kind = TROUBLE_NONE, .at_vote = (prng_mix(draw) & 1) != 0};
	double below = 0.0;

	for (int i = 0; i < 5 && fate.kind == TROUBLE_NONE; i++) {
		below += chances[i];
		if (serve_hits(draw, below))
			fate.kind = (enum bank_trouble_kind)(i + 1);
	}
	return fate;
}
