/* What a definition that is valid will hardly be meant to do. */
#include "client/definition.h"
#include "client/definition_problems.h"

void definition_lint(const struct saga_definition *definition,
		     const struct definition_places *places, struct problems *problems)
{
	(void)definition;
	(void)places;
	(void)problems;
}
