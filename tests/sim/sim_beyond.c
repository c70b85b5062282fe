#include "tests/sim/sim_beyond.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"
#include "wire/batch.h"
#include "wire/record.h"

enum { ONE_SEED_IN = 40, TAIL_MOST = 6 };

static uint32_t count_of(const struct sim *sim, uint32_t shard)
{
	return sim->history.journals[shard].count;
}

bool sim_damaged(const struct sim *sim, uint32_t shard)
{
	return sim->damage[shard].kind != SIM_UNDAMAGED;
}

/* ---- the damage ---------------------------------------------------------------------------------
 */

/* It has read all of it, or will be told that the last one was its own. */
static bool has_all(const struct sim *sim, const struct sim_node *node, uint32_t shard)
{
	const struct sim_writer *last = &sim->last_writer[shard];
	const uint32_t count = count_of(sim, shard);
	const bool own =
		last->node == node->index && last->life == node->life && last->sequence == count;

	return node->running && node->known_end[shard] + own >= count;
}

static void strike(struct sim *sim, struct sim_event *e)
{
	const uint32_t shard = (uint32_t)sim_draw(sim, SIM_DAMAGE, sim->shard_count);
	const uint32_t tail = 1 + (uint32_t)sim_draw(sim, SIM_DAMAGE, TAIL_MOST);
	struct sim_damage *damage = &sim->damage[shard];
	bool has_it[SIM_NODES_MAX];

	(void)e;
	if (sim_damaged(sim, shard))
		return;
	for (uint32_t i = 0; i < sim->node_count; i++)
		has_it[i] = has_all(sim, &sim->nodes[i], shard);
	damage->kind = SIM_TAIL_LOST + (enum sim_damage_kind)sim_draw(sim, SIM_DAMAGE, 3);
	damage->at_ms = sim->now_ms;
	damage->end = count_of(sim, shard);
	if (damage->kind == SIM_PURGED) {
		sim->count.journals_purged++;
		sim_journal_purge(sim, shard);
	} else if (damage->kind == SIM_MADE_AGAIN) {
		sim->count.journals_made_again++;
		sim_journal_remake(sim, shard);
	} else {
		sim->count.journal_tails_lost++;
		/* GENESIS stays. */
		sim_journal_lose(sim, shard,
				 tail < count_of(sim, shard) ? tail : count_of(sim, shard) - 1);
	}
	if (damage->kind != SIM_PURGED)
		damage->end = count_of(sim, shard);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];

		if (node->known_end[shard] > damage->end)
			node->known_lost[shard] = node->known_end[shard];
		/* Nobody can take that from it. */
		node->has_all[shard] = has_it[i];
	}
}

void sim_beyond_draw(struct sim *sim, bool forced)
{
	const uint64_t span_ms = sim->heal_ms - sim->now_ms;

	sim->beyond =
		(sim_draw(sim, SIM_DAMAGE, ONE_SEED_IN) == 0 && sim->mode == SIM_SAFETY) || forced;
	if (!sim->beyond)
		return;
	for (uint64_t n = 1 + sim_draw(sim, SIM_DAMAGE, 2); n > 0; n--)
		(void)sim_at(sim, sim->now_ms + 1500 + sim_draw(sim, SIM_DAMAGE, span_ms),
			     SIM_WORLD, strike);
}

/* ---- who may serve ------------------------------------------------------------------------------
 */

static bool still_there(const struct sim *sim, uint32_t shard, const struct highwater *mark)
{
	const struct history_batch *batch;
	struct hash128 hash;

	if (mark->sequence == 0)
		return true;
	if (mark->sequence > count_of(sim, shard))
		return false;
	batch = &sim->history.journals[shard].batches[mark->sequence - 1];
	hash = batch_hash(slice_of(batch->bytes, batch->size));
	return hash128_equal(&hash, &mark->hash);
}

void sim_beyond_assigned(struct sim_node *node, uint32_t shard, const struct highwater *mark)
{
	const bool tailed = node->tailing[shard];

	node->given[shard] = *mark;
	node->tailing[shard] = false;
	node->known_lost[shard] = still_there(node->sim, shard, mark) ? 0 : mark->sequence;
	/* What its standby has in memory nobody can take from it; but it is a cache (S29): where
	 * the journal says otherwise, only the mark counts. */
	if (tailed && node->known_end[shard] >= mark->sequence)
		return;
	node->known_end[shard] = mark->sequence;
	node->has_all[shard] = false;
}

void sim_beyond_tails(struct sim_node *node, uint32_t shard, bool on)
{
	if (on && !node->tailing[shard]) {
		node->known_end[shard] = 0;
		node->has_all[shard] = false;
		node->known_lost[shard] = 0;
	}
	node->tailing[shard] = on;
}

void sim_beyond_knows(struct sim_node *node, uint32_t shard, uint64_t sequence)
{
	if (node->known_end[shard] < sequence)
		node->known_end[shard] = sequence;
}

/* S17: whoever had all of it in memory has carried that forward since, and needs nothing of what
 * was purged. */
static bool mended(const struct sim *sim, uint32_t shard)
{
	const struct history_journal *j = &sim->history.journals[shard];
	struct wire_record_segment segment;
	uint8_t memory[4096];
	struct arena arena;
	uint64_t lost = 0; /* the first record that is left */

	for (uint32_t i = (uint32_t)sim->damage[shard].end; i < j->count; i++) {
		struct batch_header header;
		struct slice records;

		CHECK_EQ(batch_decode(slice_of(j->batches[i].bytes, j->batches[i].size), &header,
				      &records),
			 0);
		if (lost == 0)
			lost = header.first_record;
		arena_init(&arena, memory, sizeof memory);
		if (lost > 0 &&
		    wire_decode(WIRE_RECORD_SEGMENT, records, &arena, &segment, NULL) == 0 &&
		    segment.whole_from >= lost)
			return true;
	}
	return false;
}

static bool knows_again(struct sim *sim, uint32_t shard)
{
	struct sim_damage *damage = &sim->damage[shard];

	if (damage->kind != SIM_PURGED || !mended(sim, shard))
		return false;
	sim->count.damage_mended += !damage->unnoticed;
	damage->unnoticed = true;
	return true;
}

void sim_beyond_serves(struct sim_node *node, uint32_t shard)
{
	struct sim *sim = node->sim;
	struct sim_damage *damage = &sim->damage[shard];

	node->serving_ms[shard] = sim->now_ms;
	if (damage->kind == SIM_UNDAMAGED || node->has_all[shard] || knows_again(sim, shard))
		return;
	/* An append that was on its way for long may have brought the batch back. */
	if (node->known_lost[shard] == node->given[shard].sequence &&
	    still_there(sim, shard, &node->given[shard]))
		node->known_lost[shard] = 0;
	/* What has left the journal since cannot be missed any more (S17). */
	if (node->known_lost[shard] > 0 && node->known_lost[shard] <= count_of(sim, shard) &&
	    sim->logs[shard].stands[node->known_lost[shard] - 1].gone_at != 0)
		node->known_lost[shard] = 0;
	if (damage->kind == SIM_TAIL_LOST && node->known_lost[shard] == 0) {
		sim->count.damage_unnoticed += !damage->unnoticed;
		damage->unnoticed = true;
		return;
	}
	sim_fail(sim, false,
		 "S7: node %u serves shard %u, which lost what is behind %" PRIu64
		 ", and knew batch %" PRIu64,
		 node->index, shard, damage->end, node->known_lost[shard]);
}

static bool halted(const struct sim *sim, uint32_t shard)
{
	for (uint32_t i = 0; i < sim->node_count; i++)
		if (sim->nodes[i].running && sim->nodes[i].state[shard] == OWNERSHIP_HALTED)
			return true;
	return false;
}

static bool kept(const struct sim *sim, uint32_t shard)
{
	for (uint32_t i = 0; i < sim->node_count; i++)
		if (sim->nodes[i].running && sim->nodes[i].state[shard] == OWNERSHIP_SERVING &&
		    (sim->nodes[i].has_all[shard] ||
		     sim->nodes[i].serving_ms[shard] <= sim->damage[shard].at_ms))
			return true;
	return false;
}

bool sim_beyond_settled(struct sim *sim)
{
	for (uint32_t n = 0; n < sim->shard_count; n++)
		if (sim_damaged(sim, n) && !sim->damage[n].unnoticed && !halted(sim, n) &&
		    !kept(sim, n) && !knows_again(sim, n))
			return false;
	return true;
}

/* ---- what was said of it ------------------------------------------------------------------------
 */

/* Known to a client before the damage, and then unknown, or over in another way. */
static bool denies(const struct history_answer *before, const struct history_answer *after)
{
	if (before->code != 0 || before->state == WIRE_STATE_NONE)
		return false;
	if (after->code == err_to_wire(SAGA_E_NOT_FOUND))
		return true;
	return after->code == 0 && wire_state_final(before->state) &&
	       wire_state_final(after->state) && before->state != after->state;
}

/* S5: its window is short, and shard time may be ahead of ours. */
static bool forgettable(const struct sim *sim, uint32_t saga)
{
	const struct sim_saga *s = &sim->sagas[saga];

	return s->retry_until_ms < s->submit_ms + SIM_WINDOW_MS;
}

static void judge_answers(struct sim *sim, uint32_t shard)
{
	const struct sim_damage *damage = &sim->damage[shard];
	struct history_answer *last = calloc(sim->saga_count, sizeof *last);

	CHECK(last != NULL);
	for (uint32_t i = 0; i < sim->history.answer_count; i++) {
		const struct history_answer *a = &sim->history.answers[i];
		const struct history_request *r = &sim->history.requests[a->request];
		const uint32_t saga = r->saga;

		if (sim->sagas[saga].shard != shard || a->shard != shard || r->by_participant ||
		    forgettable(sim, saga))
			continue;
		if (a->at_ms < damage->at_ms) {
			if (a->code == 0)
				last[saga] = *a;
			continue;
		}
		if (!denies(&last[saga], a))
			continue;
		sim->count.damage_denials++;
		if (!damage->unnoticed)
			sim_fail(sim, false,
				 "S7: saga %u of the damaged shard %u was in state %u, and node %u "
				 "says %u, state %u to request of kind %d",
				 saga, shard, last[saga].state, a->node, a->code, a->state,
				 (int)r->kind);
	}
	free(last);
}

/* Each of the others is over, and somebody says so. */
static void judge_others(struct sim *sim)
{
	const struct history *h = &sim->history;
	bool over[SIM_SAGAS_MAX] = {0};

	for (uint32_t i = 0; i < h->answer_count; i++) {
		const struct history_answer *a = &h->answers[i];
		const struct history_request *r = &h->requests[a->request];

		over[r->saga] |= r->kind == HISTORY_WAIT_QUERY && r->probe &&
				 (a->code != 0 || wire_state_final(a->state) ||
				  a->state == WIRE_STATE_PARKED);
	}
	for (uint32_t i = 0; i < sim->saga_count; i++)
		if (!over[i] && !sim_damaged(sim, sim->sagas[i].shard))
			sim_fail(sim, true,
				 "35: saga %u of shard %u, which is not damaged, does not end", i,
				 sim->sagas[i].shard);
}

void sim_beyond_judge(struct sim *sim)
{
	judge_others(sim);
	for (uint32_t n = 0; n < sim->shard_count; n++) {
		if (!sim_damaged(sim, n))
			continue;
		sim->count.damage_halts += halted(sim, n);
		if (!sim->damage[n].unnoticed && !halted(sim, n) && !kept(sim, n))
			sim_fail(sim, true, "S7: nobody halts shard %u, which was damaged", n);
		judge_answers(sim, n);
	}
}
