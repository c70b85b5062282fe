/* Saga definitions in YAML: good ones can be submitted, bad ones are complained about in words. */
#include <saga.h>
#include <string.h>

#include "client/definition.h"
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
	return 0;
}
