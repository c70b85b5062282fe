/* What a client makes of the answers of nodes: states, slot tables, words for people. */
#include <saga.h>
#include <string.h>

#include "client/status.h"
#include "client/text.h"
#include "tests/fuzz/fuzz.h"
#include "wire/codec.h"
#include "wire/shard.h"

enum { ARENA_SIZE = 4 * 1024 * 1024 };

static _Alignas(16) uint8_t memory[ARENA_SIZE];

static bool decode(enum wire_kind kind, struct slice bytes, void *message)
{
	struct arena arena;

	arena_init(&arena, memory, sizeof memory);
	return wire_decode(kind, bytes, &arena, message, NULL) == 0;
}

static void take_answer(const struct wire_answer *answer)
{
	struct saga_status status;

	memset(&status, 'x', sizeof status);
	status_from_answer(&status, answer);
	CHECK(memchr(status.text, '\0', sizeof status.text) != NULL);
	/* Cut at the border of a character. */
	CHECK_EQ(wire_text_cut(slice_str(status.text), sizeof status.text).size,
		 strlen(status.text));
	CHECK(saga_state_name(status.state) != NULL && saga_reason_name(status.reason) != NULL);
	CHECK(saga_decision_name(status.decision) != NULL);
	/* Never aborted once it is decided otherwise. */
	CHECK(answer->decision != WIRE_DECISION_COMMIT ||
	      (saga_status_fate(&status) != SAGA_FATE_ABORTED &&
	       saga_status_fate(&status) != SAGA_FATE_UNDECIDED));
	CHECK(err_class(err_from_wire(answer->code)) != ERR_CLASS_NONE || answer->code == 0);
}

static void take_info(const struct wire_info *info)
{
	static struct wire_slots slots;

	if (wire_slots_from(&slots, info->shard_count, info->slots) == 0)
		CHECK_LT(wire_shard_of(&slots, slice_str("any-id")), info->shard_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice bytes = slice_of(data, (uint32_t)size);
	struct wire_answer answer;
	struct wire_info info;
	char text[64];

	if (decode(WIRE_ANSWER, bytes, &answer))
		take_answer(&answer);
	else if (decode(WIRE_INFO, bytes, &info))
		take_info(&info);
	text_clean(text, sizeof text, (const char *)data, size);
	CHECK_EQ(wire_text_cut(slice_str(text), sizeof text).size, strlen(text));
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	return fuzz_message_mutate(data, size, max_size, seed);
}
