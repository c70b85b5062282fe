/* The judge of the inbox (S12): each entry that the broker has stored leads to one record of its
 * shard's journal, and that record is true. */
#include <inttypes.h>

#include "base/check.h"
#include "tests/sim/sim.h"

static bool by(uint64_t when, uint64_t at_ms)
{
	return when != 0 && when <= at_ms;
}

/* May a submit of this body have been refused for this? */
static bool well_refused(const struct sim *sim, const struct sim_saga_facts *f,
			 const struct sim_letter *letter, const struct sim_entry_facts *r)
{
	const struct sim_saga *saga = &sim->sagas[letter->saga];
	const bool other = letter->kind == SIM_LETTER_OTHER;

	switch (err_from_wire(r->code)) {
	case SAGA_E_CANCELLED:
		return by(f->tombstone_ms, r->at_ms);
	case SAGA_E_CONFLICT:
		return by(f->accepted_ms, r->at_ms) && f->other_body != other;
	case SAGA_E_EXPIRED:
		return saga->retry_until_ms < saga->submit_ms + SIM_WINDOW_MS;
	default:
		return false;
	}
}

static void check_record(struct sim *sim, const struct sim_history *h, uint32_t number)
{
	const struct sim_entry *e = &sim->inbox.entries[number];
	const struct sim_letter *letter = &sim->inbox.letters[e->letter];
	const struct sim_entry_facts *r = &h->entries[number];
	const struct sim_saga_facts *f = &h->sagas[letter->saga];

	if (r->at_ms < e->stored_ms)
		sim_fail(sim, false, "S12: entry %" PRIu64 " was passed before it was stored",
			 e->sequence);
	sim->count.inbox_taken += r->code == 0;
	sim->count.inbox_refused += r->code != 0;
	if (letter->kind == SIM_LETTER_WRONG) {
		if (r->code == 0)
			sim_fail(sim, false, "S12: entry %" PRIu64 " was taken, and is wrong",
				 e->sequence);
		return;
	}
	if (r->code != 0 && !well_refused(sim, f, letter, r))
		sim_fail(sim, false,
			 "S12: entry %" PRIu64 " of saga %u was refused with code %u, and is right",
			 e->sequence, letter->saga, r->code);
	if (r->code == 0 &&
	    (!by(f->accepted_ms, r->at_ms) || f->other_body != (letter->kind == SIM_LETTER_OTHER)))
		sim_fail(sim, false,
			 "S12: entry %" PRIu64 " of saga %u counts as taken, the saga does not",
			 e->sequence, letter->saga);
}

static void check_purge(struct sim *sim, const struct sim_entry *e, const struct sim_entry_facts *r)
{
	if (e->purge_sent_ms != 0 && !by(r->at_ms, e->purge_sent_ms))
		sim_fail(sim, false,
			 "S12: entry %" PRIu64 " of shard %u was purged at %" PRIu64
			 " before its record was stored",
			 e->sequence, sim->inbox.letters[e->letter].shard,
			 e->purge_sent_ms - SIM_START_MS);
}

void sim_check_inbox(struct sim *sim, const struct sim_history *h)
{
	for (uint32_t i = 0; i < sim->inbox.entry_count; i++) {
		const struct sim_entry *e = &sim->inbox.entries[i];

		check_purge(sim, e, &h->entries[i]);
		if (h->entries[i].at_ms != 0)
			check_record(sim, h, i);
		else if (!e->lost)
			sim_fail(sim, true,
				 "S12: entry %" PRIu64 " of shard %u was left, and nobody knows it",
				 e->sequence, sim->inbox.letters[e->letter].shard);
	}
	/* The cursor stands in the batch that accepts: so it was not somebody else's submit. */
	for (uint32_t i = 0; i < sim->saga_count; i++)
		if (sim->sagas[i].inbox_only && by(h->sagas[i].accepted_ms, sim->probe_ms) &&
		    h->sagas[i].accepted_batch != h->sagas[i].taken_batch)
			sim_fail(sim, false,
				 "S12: saga %u was accepted from the inbox, its cursor does not "
				 "stand in that batch",
				 i);
}
