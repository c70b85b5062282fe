/* What `sagactl definitions` prints. */
#ifndef SAGAD_CLI_DEFINITION_VIEWS_H
#define SAGAD_CLI_DEFINITION_VIEWS_H

#include "cli/dry_run.h"
#include "cli/output.h"

/* As text, as Graphviz's dot, or as JSON (output->json). SAGA_E_NO_MEMORY. */
int view_graph(const struct wire_plan *plan, bool dot, struct output *o) MUST_CHECK;
/* The path of a run, and where it ended. SAGA_E_NO_MEMORY. */
int view_dry_run(const struct dry_run *run, struct output *o) MUST_CHECK;

#endif
