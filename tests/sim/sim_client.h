/* Clients, of transactions that are submitted and of interactive ones. */
#ifndef SAGAD_TESTS_SIM_SIM_CLIENT_H
#define SAGAD_TESTS_SIM_SIM_CLIENT_H

#include "base/buf.h"
#include "tests/sim/sim_record.h"

struct sim;
struct sim_saga;

/* sim_client.c */
void sim_client_create(struct sim *sim);
void sim_client_hear(struct sim *sim, uint32_t client, uint32_t request, struct slice data);
void sim_client_probe(struct sim *sim);
/* False: it is not to be asked any more. */
bool sim_ask(struct sim *sim, enum history_request_kind kind, uint32_t saga, uint32_t step,
	     bool by_participant);
/* deadline_ms: 0 = the plan's. */
void sim_client_encode(struct sim *sim, enum history_request_kind kind, const struct sim_saga *saga,
		       uint32_t deadline_ms, struct buf *out);
bool sim_saga_from(const struct sim *sim, struct slice id, uint32_t *saga);

/* sim_interactive.c: the client's side */
void sim_interactive_create(struct sim *sim, uint32_t saga);
void sim_interactive_begun(struct sim *sim, uint32_t saga);
void sim_interactive_told(struct sim *sim, uint32_t saga, uint32_t step, bool good);
void sim_interactive_hear(struct sim *sim, const struct history_request *r, uint32_t code);

#endif
