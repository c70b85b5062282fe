/* A definition: a resolved plan and the memory its names live in. */
#ifndef SAGAD_CLIENT_DEFINITION_H
#define SAGAD_CLIENT_DEFINITION_H

#include <saga.h>

#include "base/buf.h"
#include "base/id.h"
#include "wire/message.h"

struct definition_step_names {
	struct id name, service, action, compensate;
	uint8_t after[WIRE_STEPS_MAX];
};

struct saga_definition {
	struct wire_plan plan; /* points into the members below */
	struct buf encoded;    /* of the plan: what each submit of it carries */
	struct id name;
	struct wire_step steps[WIRE_STEPS_MAX];
	struct definition_step_names names[WIRE_STEPS_MAX];
};

struct problems;

/* Fills a zeroed definition. It is good when there are no problems. definition_yaml.c. */
void definition_read_yaml(const char *text, size_t size, struct saga_definition *definition,
			  struct problems *problems);

#endif
