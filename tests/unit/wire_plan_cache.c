/* Reading a submit with the cache of plans is the same as reading it without, whatever the bytes.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/pack.h"
#include "wire/plan.h"
#include "wire/plan_cache.h"

enum { ARENA_SIZE = 64 * 1024, MESSAGE_MAX = 16 * 1024, STEPS = 3 };

struct fixture {
	struct wire_plan_cache *cache;
	struct wire_step steps[STEPS];
	struct wire_submit submit;
	struct buf out, again[2];
	uint8_t memory[2][ARENA_SIZE];
	struct wire_submit read[2]; /* plain, with the cache */
};

static int setup(void **state)
{
	static const char names[] = "abc";
	static const uint8_t before[] = {0, 0, 1};
	struct fixture *f = calloc(1, sizeof *f);
	const size_t size = (wire_plan_cache_size() + 63) / 64 * 64;
	void *memory = aligned_alloc(64, size);

	assert_non_null(f);
	assert_non_null(memory);
	memset(memory, 0, size);
	f->cache = wire_plan_cache_init(memory);
	buf_init(&f->out, MESSAGE_MAX);
	buf_init(&f->again[0], MESSAGE_MAX);
	buf_init(&f->again[1], MESSAGE_MAX);
	for (uint32_t i = 0; i < STEPS; i++)
		f->steps[i] = (struct wire_step){
			.name = slice_of(&names[i], 1),
			.service = slice_str("service"),
			.forward = slice_str("do"),
			.undo = slice_str("undo"),
			.after = slice_of(&before[i], i > 0),
			.budget_ms = 40000 * i,
		};
	f->submit = (struct wire_submit){
		.id = slice_str("order-1"),
		.plan = {.name = slice_str("trip"),
			 .version = 7,
			 .steps = f->steps,
			 .step_count = STEPS},
		.input = slice_str("input"),
		.retry_until_at = 1700000000000,
		.wait = true,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_close(&f->out);
	buf_close(&f->again[0]);
	buf_close(&f->again[1]);
	free(f->cache);
	free(f);
	return 0;
}

/* Field by field, whatever the decoder vouches for. */
static void encode(const struct wire_submit *submit, struct buf *out)
{
	struct wire_submit bare = *submit;

	bare.plan.encoded = (struct slice){0};
	bare.plan.known = NULL;
	buf_clear(out);
	assert_int_equal(wire_encode(WIRE_SUBMIT, &bare, out), 0);
}

static void assert_slices(struct slice a, struct slice b)
{
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, a.size);
}

static void assert_known(const struct wire_submit *plain, const struct wire_known_plan *known)
{
	uint8_t memory[MESSAGE_MAX];
	struct wire_step steps[WIRE_STEPS_MAX];
	struct wire_plan plan = plain->plan;
	struct buf out;

	buf_init_fixed(&out, memory, sizeof memory);
	assert_int_equal(wire_plan_encode(&plan, &out), 0);
	assert_slices(known->plan.encoded, buf_slice(&out));
	memcpy(steps, plan.steps, plan.step_count * sizeof *steps);
	plan.steps = steps;
	wire_plan_resolve(&plan);
	assert_int_equal(wire_plan_check(&plan, NULL), 0);
	buf_clear(&out);
	assert_int_equal(wire_plan_encode(&plan, &out), 0);
	assert_slices(known->resolved.encoded, buf_slice(&out));
	assert_int_equal(known->hash, wire_plan_hash(&plan));
	assert_ptr_equal(known->resolved.known, known);
	assert_true(known->identity != 0);
}

/* Reads in both ways; returns what was known of the plan. */
static const struct wire_known_plan *read_both(struct fixture *f, struct slice bytes)
{
	struct wire_fault faults[2];
	struct arena arenas[2];
	struct hash128 hashes[2];
	int error;

	for (int i = 0; i < 2; i++)
		arena_init(&arenas[i], f->memory[i], ARENA_SIZE);
	error = wire_decode(WIRE_SUBMIT, bytes, &arenas[0], &f->read[0], &faults[0]);
	assert_int_equal(wire_decode_submit(bytes, &arenas[1], f->cache, &f->read[1], &faults[1]),
			 error);
	assert_int_equal(faults[0].code, faults[1].code);
	assert_int_equal(faults[0].offset, faults[1].offset);
	assert_string_equal(faults[0].field, faults[1].field);
	if (error != 0)
		return NULL;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wire_body_hash(&f->read[i], &f->again[i], &hashes[i]), 0);
		encode(&f->read[i], &f->again[i]);
	}
	assert_slices(buf_slice(&f->again[0]), buf_slice(&f->again[1]));
	assert_true(hash128_equal(&hashes[0], &hashes[1]));
	if (f->read[1].plan.known != NULL)
		assert_known(&f->read[0], f->read[1].plan.known);
	return f->read[1].plan.known;
}

static const struct wire_known_plan *send(struct fixture *f)
{
	encode(&f->submit, &f->out);
	return read_both(f, buf_slice(&f->out));
}

static void a_plan_is_known_when_it_has_come_twice(void **state)
{
	struct fixture *f = *state;

	assert_null(send(f));
	assert_null(send(f));
	const struct wire_known_plan *known = send(f);
	assert_non_null(known);
	f->submit.id = slice_str("order-2");
	f->submit.input = slice_str("");
	assert_ptr_equal(send(f), known);
}

static void a_resolved_plan_is_known_too(void **state)
{
	struct fixture *f = *state;

	wire_plan_resolve(&f->submit.plan);
	(void)send(f);
	(void)send(f);
	assert_non_null(send(f));
}

static void a_bad_plan_never_is(void **state)
{
	struct fixture *f = *state;

	f->steps[1].budget_ms = 1;
	for (int i = 0; i < 5; i++)
		assert_null(send(f));
}

static void another_plan_of_the_name_is_another_plan(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		(void)send(f);
	const uint64_t identity = send(f)->identity;
	f->steps[2].budget_ms = 40001; /* the same size: only the bytes differ */
	assert_null(send(f));
	(void)send(f);
	assert_non_null(send(f));
	assert_true(send(f)->identity != identity);
	f->steps[2].budget_ms = 80000;
	assert_int_equal(send(f)->identity, identity);
}

static void more_plans_than_places(void **state)
{
	struct fixture *f = *state;
	uint32_t known = 0;

	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t version = 1; version < 300; version++) {
			f->submit.plan.version = version;
			for (uint32_t i = 0; i < 3; i++)
				known += send(f) != NULL;
			assert_int_equal(f->read[1].plan.version, version);
		}
	}
	assert_true(known >= 3 * 299);
}

/* Neither puts out what is of use, though it has the same name and version. */
static void plans_made_for_one_saga_put_nobody_out(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		(void)send(f);
	assert_non_null(send(f));
	for (uint32_t i = 0; i < 20; i++) {
		f->steps[2].budget_ms = 50000 + i;
		assert_null(send(f));
	}
	f->steps[2].budget_ms = 80000;
	assert_non_null(send(f));
}

static void a_plan_too_large_to_keep(void **state)
{
	struct fixture *f = *state;
	static struct wire_step steps[WIRE_STEPS_MAX];
	static char names[WIRE_STEPS_MAX][8];

	for (int i = 0; i < 3; i++)
		(void)send(f);
	for (uint32_t i = 0; i < WIRE_STEPS_MAX; i++) {
		(void)snprintf(names[i], sizeof names[i], "s%u", i);
		steps[i] = f->steps[0];
		steps[i].name = slice_str(names[i]);
	}
	f->submit.plan.steps = steps;
	f->submit.plan.step_count = WIRE_STEPS_MAX;
	for (int i = 0; i < 10; i++)
		assert_null(send(f));
	f->submit.plan.steps = f->steps;
	f->submit.plan.step_count = STEPS;
	assert_non_null(send(f));
}

/* Keys in any order and numbers in any form mean the same; the hash is that of the canonical form.
 */
static void a_plan_in_another_form(void **state)
{
	struct fixture *f = *state;
	struct hash128 canonical, hash;

	f->submit.plan.step_count = 1;
	encode(&f->submit, &f->out);
	(void)read_both(f, buf_slice(&f->out));
	assert_int_equal(wire_body_hash(&f->submit, &f->again[0], &canonical), 0);

	struct buf *out = &f->out;
	buf_clear(out);
	wire_pack_map(out, 5);
	wire_pack_unsigned(out, 0);
	wire_pack_unsigned(out, WIRE_FORMAT);
	wire_pack_unsigned(out, 1);
	wire_pack_unsigned(out, WIRE_SUBMIT);
	wire_pack_unsigned(out, 2);
	wire_pack_str(out, f->submit.id);
	wire_pack_unsigned(out, 3);
	wire_pack_map(out, 4);
	wire_pack_unsigned(out, 3);
	assert_int_equal(buf_put(out, "\xcd\x00\x07", 3), 0); /* 7 in three bytes */
	wire_pack_unsigned(out, 2);
	wire_pack_str(out, f->submit.plan.name);
	wire_pack_unsigned(out, 100); /* an extension that nobody knows */
	wire_pack_array(out, 1);
	wire_pack_unsigned(out, 300);
	wire_pack_unsigned(out, 6);
	wire_pack_array(out, 1);
	wire_pack_map(out, 4);
	for (uint32_t key = 2; key <= 4; key++) {
		wire_pack_unsigned(out, key);
		wire_pack_str(out, key == 2   ? f->steps[0].name
				   : key == 3 ? f->steps[0].service
					      : f->steps[0].forward);
	}
	wire_pack_unsigned(out, 6);
	wire_pack_str(out, f->steps[0].undo);
	wire_pack_unsigned(out, 4);
	wire_pack_bin(out, f->submit.input);
	assert_int_equal(buf_error(out), 0);
	(void)read_both(f, buf_slice(out));
	(void)read_both(f, buf_slice(out));
	assert_non_null(read_both(f, buf_slice(out)));
	assert_int_equal(wire_body_hash(&f->read[1], &f->again[0], &hash), 0);
	assert_true(hash128_equal(&hash, &canonical));
}

/* Every cut, every bit flipped, bytes behind: also inside the plan that is known. */
static void damage(void **state)
{
	struct fixture *f = *state;
	static uint8_t bytes[MESSAGE_MAX];

	for (int i = 0; i < 3; i++)
		(void)send(f);
	assert_non_null(send(f));
	const uint32_t size = f->out.size;
	memcpy(bytes, f->out.data, size);
	for (uint32_t cut = 0; cut < size; cut++) {
		/* In a block of its own, so that a sanitizer sees each step too far. */
		uint8_t *copy = malloc(cut + 1);
		assert_non_null(copy);
		memcpy(copy, bytes, cut);
		(void)read_both(f, slice_of(copy, cut));
		free(copy);
	}
	for (uint32_t bit = 0; bit < 8 * size; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		(void)read_both(f, slice_of(bytes, size));
		bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	bytes[size] = 0;
	assert_null(read_both(f, slice_of(bytes, size + 1)));
	assert_non_null(read_both(f, slice_of(bytes, size)));
}

/* The plan once more, at the end: a double key, also when the first one was known. */
static void a_plan_twice(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		(void)send(f);
	const struct slice plan = send(f)->plan.encoded;
	f->out.data[0]++; /* one pair more */
	wire_pack_unsigned(&f->out, 3);
	assert_int_equal(buf_put_slice(&f->out, plan), 0);
	assert_null(read_both(f, buf_slice(&f->out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_plan_is_known_when_it_has_come_twice, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_resolved_plan_is_known_too, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_plan_never_is, setup, teardown),
		cmocka_unit_test_setup_teardown(another_plan_of_the_name_is_another_plan, setup,
						teardown),
		cmocka_unit_test_setup_teardown(more_plans_than_places, setup, teardown),
		cmocka_unit_test_setup_teardown(plans_made_for_one_saga_put_nobody_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_plan_too_large_to_keep, setup, teardown),
		cmocka_unit_test_setup_teardown(a_plan_in_another_form, setup, teardown),
		cmocka_unit_test_setup_teardown(damage, setup, teardown),
		cmocka_unit_test_setup_teardown(a_plan_twice, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
