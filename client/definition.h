/* A definition: a resolved plan and the memory its names live in. */
#ifndef SAGAD_CLIENT_DEFINITION_H
#define SAGAD_CLIENT_DEFINITION_H

#include <saga.h>

#include "base/buf.h"
#include "base/id.h"
#include "client/definition_keys.h"
#include "wire/message.h"

struct definition_step_names {
	struct id name, service, forward, finish, undo, one_phase;
	uint8_t after[WIRE_STEPS_MAX];
};

struct saga_definition {
	struct wire_plan plan; /* points into the members below */
	struct buf encoded;    /* of the plan: what each submit of it carries */
	struct buf inputs;     /* the templates of the steps, one behind the other */
	struct id name;
	struct wire_step steps[WIRE_STEPS_MAX];
	struct definition_step_names names[WIRE_STEPS_MAX];
};

/* Where something stands, from 1; line 0 = nowhere. Of keys: where their values begin. */
struct definition_place {
	uint32_t line, column;
};
struct definition_places {
	struct definition_place root[ROOT_KEYS];
	struct definition_place step[WIRE_STEPS_MAX];
	struct definition_place keys[WIRE_STEPS_MAX][STEP_KEYS];
};

enum { DEFINITION_SIZE_MAX = 1024 * 1024 };

struct problems;

/* Fills a zeroed definition. It is good when there are no errors among the problems. `places` (may
 * be NULL) is filled as far as the reading comes. definition_yaml.c. */
void definition_read_yaml(const char *text, size_t size, struct saga_definition *definition,
			  struct definition_places *places, struct problems *problems);

/* The whole of saga_definition_parse for those who want the problems one by one. *definition is
 * NULL when there are errors. SAGA_E_DEFINITION, SAGA_E_NO_MEMORY. */
int definition_read(const char *text, size_t size, struct saga_definition **definition,
		    struct definition_places *places, struct problems *problems) MUST_CHECK;
/* A file's text, with malloc; *size at most DEFINITION_SIZE_MAX + 1, which is too large. NULL: it
 * cannot be read. */
char *definition_read_file(const char *file, size_t *size);

/* Adds warnings about what a good plan will hardly be meant to do. definition_lint.c. */
void definition_lint(const struct saga_definition *definition,
		     const struct definition_places *places, struct problems *problems);

#endif
