#include "client/definition.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/definition_problems.h"
#include "wire/codec.h"
#include "wire/plan.h"

static const struct problem_place whole = {0, 0, ""};

static void say(char *why, size_t why_size, const char *name, const char *what)
{
	if (why != NULL && why_size > 0)
		(void)snprintf(why, why_size, "%s: %s", name, what);
}

/* Once, not with each submit. */
static void keep_encoding(struct saga_definition *definition, struct problems *problems)
{
	buf_init(&definition->encoded, WIRE_MESSAGE_SIZE_MAX);
	const int err = wire_plan_encode(&definition->plan, &definition->encoded);

	definition->plan.encoded = buf_slice(&definition->encoded);
	if (err != 0)
		problems_add(problems, whole, PROBLEM_MEMORY, "%s", err_text(err));
}

int definition_read(const char *text, size_t size, struct saga_definition **definition,
		    struct definition_places *places, struct problems *problems)
{
	struct saga_definition *made = calloc(1, sizeof *made);

	*definition = NULL;
	if (made == NULL) {
		problems_add(problems, whole, PROBLEM_MEMORY, "out of memory");
		return SAGA_E_NO_MEMORY;
	}
	if (size > DEFINITION_SIZE_MAX)
		problems_add(problems, whole, PROBLEM_RANGE, "larger than 1 MiB");
	else
		definition_read_yaml(text, size, made, places, problems);
	if (problems->errors == 0)
		keep_encoding(made, problems);
	if (problems->errors == 0)
		*definition = made;
	else
		saga_definition_free(made);
	return *definition != NULL ? 0 : SAGA_E_DEFINITION;
}

int saga_definition_parse(const char *text, size_t size, const char *name_for_errors,
			  struct saga_definition **definition_out, char *why, size_t why_size)
{
	const char *name = name_for_errors != NULL ? name_for_errors : "definition";
	struct problems *problems = calloc(1, sizeof *problems);

	*definition_out = NULL;
	if (why != NULL && why_size > 0)
		why[0] = '\0';
	if (problems == NULL) {
		say(why, why_size, name, "out of memory");
		return SAGA_E_NO_MEMORY;
	}
	const int err = definition_read(text, size, definition_out, NULL, problems);

	if (err != 0)
		problems_print(problems, name, why, why_size);
	free(problems);
	return err;
}

char *definition_read_file(const char *file, size_t *size)
{
	char *text = malloc(DEFINITION_SIZE_MAX + 1);
	FILE *stream = fopen(file, "re");
	bool good = false;

	*size = 0;
	if (stream != NULL && text != NULL) {
		*size = fread(text, 1, DEFINITION_SIZE_MAX + 1, stream);
		good = ferror(stream) == 0;
	}
	if (stream != NULL)
		(void)fclose(stream);
	if (good)
		return text;
	free(text);
	return NULL;
}

int saga_definition_load(const char *file, struct saga_definition **definition, char *why,
			 size_t why_size)
{
	size_t size;
	char *text = definition_read_file(file, &size);

	*definition = NULL;
	if (text == NULL) {
		say(why, why_size, file, "cannot be read");
		return SAGA_E_FILE;
	}
	const int err = saga_definition_parse(text, size, file, definition, why, why_size);

	free(text);
	return err;
}

void saga_definition_free(struct saga_definition *definition)
{
	if (definition != NULL) {
		buf_close(&definition->encoded);
		buf_close(&definition->inputs);
	}
	free(definition);
}

const char *saga_definition_name(const struct saga_definition *definition)
{
	return definition->name.text;
}
