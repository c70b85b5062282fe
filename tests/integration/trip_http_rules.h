/* What Prometheus makes of nodes' metrics: `promtool`, if there is one. */
#ifndef SAGAD_TESTS_INTEGRATION_TRIP_HTTP_RULES_H
#define SAGAD_TESTS_INTEGRATION_TRIP_HTTP_RULES_H

#include <stdbool.h>

/* Fails the running test when promtool does not like the text; passes when there is none. */
void rules_check_metrics(const char *metrics);

/* The alert rules on what nodes said, as if they said it for ten minutes:
 * begin, nodes, expectations, run. */
void rules_begin(void);
void rules_node(const char *instance, const char *metrics);
/* Every alert that is not expected to fire must not. */
void rules_expect(const char *alert, const char *labels, const char *summary);
void rules_run(bool others_may_fire);

#endif
