/* The wire decoder on any bytes: what it takes has one canonical form, and nothing of it is lost
 * or added on the way there and back. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/plan.h"
#include "wire/plan_cache.h"
#include "wire/schema.h"
#include "wire/subject.h"

enum { ARENA_SIZE = 8 * 1024 * 1024, STRUCT_MAX = 4096, RENDER_MAX = 4 * 1024 * 1024 };

static struct {
	_Alignas(16) uint8_t memory[ARENA_SIZE];
	_Alignas(16) uint8_t message[STRUCT_MAX];
	struct buf first, second, text;
	void *cache;
	bool open;
} fuzz;

static void open_once(void)
{
	if (fuzz.open)
		return;
	buf_init(&fuzz.first, WIRE_MESSAGE_SIZE_MAX);
	buf_init(&fuzz.second, WIRE_MESSAGE_SIZE_MAX);
	buf_init(&fuzz.text, RENDER_MAX);
	fuzz.cache = calloc(1, wire_plan_cache_size());
	CHECK(fuzz.cache != NULL);
	fuzz.open = true;
}

static int decode(enum wire_kind kind, struct slice bytes, struct wire_fault *fault)
{
	struct arena arena;

	arena_init(&arena, fuzz.memory, sizeof fuzz.memory);
	CHECK(wire_table_of(kind)->size <= sizeof fuzz.message);
	return wire_decode(kind, bytes, &arena, fuzz.message, fault);
}

static void render(struct slice bytes)
{
	buf_clear(&fuzz.text);
	const int error = wire_render(bytes, &fuzz.text);

	CHECK(error == 0 || error == SAGA_E_FULL);
	/* One clean line, whatever was in there. */
	if (error == 0)
		CHECK_EQ(wire_text_cut(buf_slice(&fuzz.text), UINT32_MAX - 4).size, fuzz.text.size);
}

/* Resolving leaves no default open, so it changes nothing the second time; and a plan that was
 * found good can be hashed. */
static void look_at_submit(struct wire_submit *submit)
{
	static uint8_t scratch[WIRE_MESSAGE_SIZE_MAX];
	struct hash128 hash;
	struct buf out;
	uint8_t words[256];
	struct buf why;

	wire_plan_resolve(&submit->plan);
	buf_init_fixed(&why, words, sizeof words);
	const int verdict = wire_plan_check(&submit->plan, &why);

	if (verdict != 0) {
		CHECK(why.size > 0);
		CHECK_EQ(wire_text_cut(buf_slice(&why), sizeof words).size, why.size);
	}
	buf_init_fixed(&out, scratch, sizeof scratch);
	const int error = wire_body_hash(submit, &out, &hash);

	CHECK(error == 0 || error == SAGA_E_FULL);
}

/* With plans that have come before and without: the same verdict, the same words, the same submit.
 * The third time a good plan is known. */
static void decode_as_known(struct slice bytes, int error, const struct wire_fault *fault)
{
	struct wire_plan_cache *cache;
	struct wire_submit submit;
	struct wire_fault other;
	struct arena arena;

	memset(fuzz.cache, 0, wire_plan_cache_size());
	cache = wire_plan_cache_init(fuzz.cache);
	for (int round = 0; round < 3; round++) {
		arena_init(&arena, fuzz.memory, sizeof fuzz.memory);
		CHECK_EQ(wire_decode_submit(bytes, &arena, cache, &submit, &other), error);
		if (error != 0) {
			CHECK_EQ(other.offset, fault->offset);
			CHECK_EQ(strcmp(other.field, fault->field), 0);
			continue;
		}
		buf_clear(&fuzz.second);
		CHECK_EQ(wire_encode(WIRE_SUBMIT, &submit, &fuzz.second), 0);
		CHECK(slice_equal(buf_slice(&fuzz.first), buf_slice(&fuzz.second)));
	}
}

/* Who only passes a submit on reads the same id as who takes it. */
static void look_at_id(const struct wire_submit *submit, struct slice bytes)
{
	struct slice id;

	CHECK_EQ(wire_peek_id(WIRE_SUBMIT, bytes, &id, NULL), 0);
	CHECK(slice_equal(id, submit->id));
}

static void take(enum wire_kind kind, struct slice bytes)
{
	struct wire_fault fault;
	uint32_t size = 0;

	if (kind == WIRE_SUBMIT) {
		const void *submit = fuzz.message;

		look_at_id(submit, bytes);
	}

	CHECK_EQ(wire_value_size(bytes, &size), 0);
	CHECK_EQ(size, bytes.size);
	buf_clear(&fuzz.first);
	CHECK_EQ(wire_encode(kind, fuzz.message, &fuzz.first), 0);
	/* The canonical form is the shortest. */
	CHECK_LE(fuzz.first.size, bytes.size);
	render(bytes);

	CHECK_EQ(decode(kind, buf_slice(&fuzz.first), &fault), 0);
	buf_clear(&fuzz.second);
	CHECK_EQ(wire_encode(kind, fuzz.message, &fuzz.second), 0);
	CHECK(slice_equal(buf_slice(&fuzz.first), buf_slice(&fuzz.second)));
	if (kind == WIRE_SUBMIT) {
		void *submit = fuzz.message;

		look_at_submit(submit);
		decode_as_known(bytes, 0, &fault);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice bytes = slice_of(data, (uint32_t)size);
	struct batch_header header;
	struct slice rest, party;
	struct wire_fault fault;
	enum subject_verb verb;
	enum wire_kind kind;
	uint32_t number;

	open_once();
	if (batch_decode(bytes, &header, &rest) == 0)
		CHECK_EQ(rest.size, bytes.size - BATCH_HEADER_SIZE);
	if (wire_value_size(bytes, &number) == 0)
		CHECK_LE(number, bytes.size);
	if (subject_parse_shard("saga", bytes, &number, &verb, &party) == 0) {
		const struct subject subject = subject_shard("saga", number, verb, party);

		CHECK(slice_equal(slice_str(subject.text), bytes));
	}
	(void)(wire_peek_id(WIRE_QUERY, bytes, &party, &fault) == 0);
	if (wire_peek_kind(bytes, &kind) != 0) {
		/* What no head can be read of is no message of any kind. */
		CHECK(decode(WIRE_QUERY, bytes, &fault) != 0);
		return 0;
	}
	const int error = decode(kind, bytes, &fault);

	CHECK_EQ(error, fault.code);
	if (error == 0) {
		take(kind, bytes);
		return 0;
	}
	if (kind == WIRE_SUBMIT)
		decode_as_known(bytes, error, &fault);
	CHECK_LE(fault.offset, bytes.size);
	CHECK(fault.field != NULL);
	CHECK(err_class(error) == ERR_CLASS_REFUSE);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	return fuzz_message_mutate(data, size, max_size, seed);
}
