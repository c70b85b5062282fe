/* Saga definitions in YAML: good ones can be submitted, bad ones are complained about in words. */
#include <saga.h>
#include <string.h>

#include "client/definition.h"
#include "client/definition_problems.h"
#include "tests/fuzz/fuzz.h"
#include "wire/codec.h"
#include "wire/plan.h"

enum { WHY_MAX = 512 };

static void look_at(struct saga_definition *definition)
{
	static uint8_t bytes[WIRE_MESSAGE_SIZE_MAX];
	const struct wire_submit submit = {.id = slice_str("fuzz"), .plan = definition->plan};
	struct buf out;

	CHECK_EQ(wire_plan_check(&definition->plan, NULL), 0);
	buf_init_fixed(&out, bytes, sizeof bytes);
	CHECK_EQ(wire_encode(WIRE_SUBMIT, &submit, &out), 0);
	CHECK(id_valid(slice_str(saga_definition_name(definition))));
}

/* The problems one by one: each at a place of the text, with a pointer. And the warnings. */
static void look_at_problems(const uint8_t *data, size_t size)
{
	static struct problems problems;
	static struct definition_places places;
	struct saga_definition *definition;

	memset(&problems, 0, sizeof problems);
	memset(&places, 0, sizeof places);
	const int error =
		definition_read((const char *)data, size, &definition, &places, &problems);

	CHECK_EQ(error != 0, problems.errors > 0);
	if (error == 0)
		definition_lint(definition, &places, &problems);
	for (uint32_t i = 0; i < problems_kept(&problems); i++) {
		const struct problem *problem = &problems.list[i];

		CHECK(problem->text[0] != '\0');
		CHECK(problem->pointer[0] == '\0' || problem->pointer[0] == '/');
		CHECK(problem->line > 0 || problem->column == 0);
		CHECK(error != 0 || problem_is_warning(problem->code));
		CHECK(error == 0 || !problem_is_warning(problem->code));
	}
	saga_definition_free(definition);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct saga_definition *definition = NULL;
	char why[WHY_MAX];

	memset(why, 'x', sizeof why);
	const int error = saga_definition_parse((const char *)data, size, "fuzz", &definition, why,
						sizeof why);

	CHECK(memchr(why, '\0', sizeof why) != NULL);
	if (error == 0) {
		CHECK(definition != NULL && why[0] == '\0');
		look_at(definition);
		saga_definition_free(definition);
	} else {
		CHECK(definition == NULL && why[0] != '\0');
		CHECK_EQ(error, SAGA_E_DEFINITION);
	}
	look_at_problems(data, size);
	return 0;
}
