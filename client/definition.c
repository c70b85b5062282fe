#include "client/definition.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/definition_problems.h"
#include "wire/codec.h"
#include "wire/plan.h"

enum { DEFINITION_SIZE_MAX = 1024 * 1024 };

static void say(char *why, size_t why_size, const char *name, const char *what)
{
	if (why != NULL && why_size > 0)
		(void)snprintf(why, why_size, "%s: %s", name, what);
}

/* Once, not with each submit. */
static int keep_encoding(struct saga_definition *definition)
{
	buf_init(&definition->encoded, WIRE_MESSAGE_SIZE_MAX);
	const int err = wire_plan_encode(&definition->plan, &definition->encoded);

	definition->plan.encoded = buf_slice(&definition->encoded);
	return err;
}

int saga_definition_parse(const char *text, size_t size, const char *name_for_errors,
			  struct saga_definition **definition_out, char *why, size_t why_size)
{
	const char *name = name_for_errors != NULL ? name_for_errors : "definition";
	struct saga_definition *definition = calloc(1, sizeof *definition);
	struct problems *problems = calloc(1, sizeof *problems);
	int err = 0;

	*definition_out = NULL;
	if (why != NULL && why_size > 0)
		why[0] = '\0';
	if (definition == NULL || problems == NULL) {
		say(why, why_size, name, "out of memory");
		err = SAGA_E_NO_MEMORY;
	} else if (size > DEFINITION_SIZE_MAX) {
		say(why, why_size, name, "larger than 1 MiB");
		err = SAGA_E_DEFINITION;
	} else {
		definition_read_yaml(text, size, definition, problems);
		problems_print(problems, name, why, why_size);
		err = problems->count > 0 ? SAGA_E_DEFINITION : keep_encoding(definition);
	}
	if (err == 0)
		*definition_out = definition;
	else
		saga_definition_free(definition);
	free(problems);
	return err;
}

int saga_definition_load(const char *file, struct saga_definition **definition, char *why,
			 size_t why_size)
{
	char *text = malloc(DEFINITION_SIZE_MAX + 1);
	FILE *stream = fopen(file, "re");
	int err = SAGA_E_FILE;

	*definition = NULL;
	if (stream == NULL || text == NULL)
		say(why, why_size, file, stream == NULL ? "cannot be read" : "out of memory");
	else {
		const size_t size = fread(text, 1, DEFINITION_SIZE_MAX + 1, stream);

		if (ferror(stream) != 0)
			say(why, why_size, file, "cannot be read");
		else
			err = saga_definition_parse(text, size, file, definition, why, why_size);
	}
	if (stream != NULL)
		(void)fclose(stream);
	free(text);
	return err;
}

void saga_definition_free(struct saga_definition *definition)
{
	if (definition != NULL)
		buf_close(&definition->encoded);
	free(definition);
}

const char *saga_definition_name(const struct saga_definition *definition)
{
	return definition->name.text;
}
