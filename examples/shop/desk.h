/* Where a service and a customer meet in the middle of an order.
 *
 * Of every few orders one is waited with at its reservation, and one at its charge: the service
 * says that it waits, and tells the coordinator that it goes on, until the customer, who comes to
 * cancel, has heard an answer. So each run has cancels that meet an open step, and an open charge,
 * however fast or slow the machine is. They meet by files in a folder.
 */
#ifndef SAGAD_EXAMPLES_SHOP_DESK_H
#define SAGAD_EXAMPLES_SHOP_DESK_H

#include <saga.h>

/* Is it one of those, at this step ("stock" or "card"; NULL = at any of the two)? By its number. */
bool desk_has(const char *saga, const char *step);

/* The service's side: until the customer has heard, or never came within half a minute. */
void desk_wait(const char *folder, struct saga_context *context);

/* The customer's side. */
bool desk_is_waiting(const char *folder, const char *saga);
bool desk_heard(const char *folder, const char *saga); /* false = cannot tell the service */

#endif
