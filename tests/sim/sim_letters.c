/* Clients that leave submits in the inbox, and publish the same bytes again until the broker's
 * acknowledgement reaches them; others' bodies under their ids, and what nobody can read. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

enum { RETRY_MS = 400, GARBAGE_SIZE = 48 };

/* ---- publishing ---------------------------------------------------------------------------------
 */

static void acknowledged(struct sim *sim, struct sim_event *e)
{
	sim->inbox.letters[e->a].acknowledged = true;
}

static void arrives(struct sim *sim, struct sim_event *e)
{
	const struct sim_letter *letter = &sim->inbox.letters[e->a];

	if (sim_inbox_store(sim, (uint32_t)e->a) == 0)
		return;
	sim->count.inbox_stored++;
	sim->count.inbox_stored_again += letter->acknowledged || e->b > 0;
	if (sim_chance(sim, SIM_INBOX, sim->faults.inbox_ack_lost)) {
		sim->count.inbox_acks_lost++;
		return;
	}
	sim_at(sim, sim->now_ms + 1 + sim_draw(sim, SIM_INBOX, sim->faults.inbox_ms + 1), SIM_WORLD,
	       acknowledged)
		->a = e->a;
}

/* `b`: how often before. */
static void publish(struct sim *sim, struct sim_event *e)
{
	struct sim_letter *letter = &sim->inbox.letters[e->a];

	if (letter->acknowledged || sim->now_ms >= letter->until_ms ||
	    sim->sagas[letter->saga].mute) {
		letter->ended = true;
		return;
	}
	if (!sim_chance(sim, SIM_INBOX, sim->faults.inbox_lost)) {
		struct sim_event *there = sim_at(
			sim, sim->now_ms + 1 + sim_draw(sim, SIM_INBOX, sim->faults.inbox_ms + 1),
			SIM_WORLD, arrives);

		there->a = e->a;
		there->b = e->b;
	}
	struct sim_event *again =
		sim_at(sim, sim->now_ms + RETRY_MS + sim_draw(sim, SIM_INBOX, RETRY_MS), SIM_WORLD,
		       publish);
	again->a = e->a;
	again->b = e->b + 1;
}

/* ---- what is left -------------------------------------------------------------------------------
 */

static void address(struct sim_letter *letter, const char *tenant)
{
	(void)snprintf(letter->subject, sizeof letter->subject, "saga.v1.inbox.%u.%s",
		       letter->shard, tenant);
}

/* `bytes` become the letter's. */
static struct sim_letter *leave(struct sim *sim, uint64_t at_ms, enum history_letter_kind kind,
				uint32_t saga, struct buf *bytes)
{
	const uint32_t number = sim->inbox.letter_count;
	const struct sim_saga *s = &sim->sagas[saga];
	struct sim_letter *letter;

	sim->inbox.letters = sim_grow(sim->inbox.letters, number, &sim->inbox.letter_capacity,
				      sizeof *sim->inbox.letters);
	letter = &sim->inbox.letters[number];
	sim->inbox.letter_count++;
	*letter = (struct sim_letter){.kind = kind,
				      .saga = saga,
				      .shard = s->shard,
				      .until_ms = s->retry_until_ms,
				      .bytes = bytes->data,
				      .size = bytes->size};
	address(letter, "default");
	sim_at(sim, at_ms, SIM_WORLD, publish)->a = number;
	return letter;
}

static void leave_submit(struct sim *sim, uint64_t at_ms, enum history_request_kind body,
			 uint32_t saga)
{
	struct buf bytes;

	buf_init(&bytes, 65536);
	sim_client_encode(sim, body, &sim->sagas[saga], 0, &bytes);
	(void)leave(sim, at_ms, body == HISTORY_SUBMIT ? HISTORY_LETTER_GOOD : HISTORY_LETTER_OTHER,
		    saga, &bytes);
}

enum wrong { WRONG_BYTES, WRONG_END, WRONG_DEADLINE, WRONG_SHARD, WRONG_TENANT, WRONGS };

static void leave_wrong(struct sim *sim, uint64_t at_ms, enum wrong wrong, uint32_t saga)
{
	struct sim_letter *letter;
	struct buf bytes;

	buf_init(&bytes, 65536);
	sim_client_encode(sim, HISTORY_SUBMIT, &sim->sagas[saga], wrong == WRONG_DEADLINE, &bytes);
	letter = leave(sim, at_ms, HISTORY_LETTER_WRONG, saga, &bytes);
	switch (wrong) {
	case WRONG_BYTES:
		CHECK(letter->size > GARBAGE_SIZE);
		letter->size = (uint32_t)sim_draw(sim, SIM_INBOX, GARBAGE_SIZE);
		for (uint32_t i = 0; i < letter->size; i++)
			letter->bytes[i] = (uint8_t)sim_draw(sim, SIM_INBOX, 256);
		break;
	case WRONG_END:
		letter->size -= 1 + (uint32_t)sim_draw(sim, SIM_INBOX, letter->size);
		break;
	case WRONG_SHARD:
		letter->shard = (letter->shard + 1) % sim->shard_count;
		address(letter, "default");
		break;
	case WRONG_TENANT:
		address(letter, "who?");
		break;
	case WRONG_DEADLINE:
	case WRONGS:
		break;
	}
}

static uint64_t soon(struct sim *sim, uint32_t saga, uint64_t span_ms)
{
	return sim->sagas[saga].submit_ms + sim_draw(sim, SIM_INBOX, span_ms);
}

static bool one_in(struct sim *sim, uint64_t count)
{
	return sim_draw(sim, SIM_INBOX, count) == 0;
}

void sim_letters_create(struct sim *sim, uint64_t span_ms)
{
	for (uint32_t i = 0; i < sim->saga_count; i++) {
		struct sim_saga *saga = &sim->sagas[i];

		/* Before any node serves, too. */
		if (one_in(sim, 3)) {
			saga->inbox_only = one_in(sim, 2);
			leave_submit(sim, one_in(sim, 8) ? sim->now_ms : soon(sim, i, 30),
				     HISTORY_SUBMIT, i);
		}
		if (one_in(sim, 8))
			leave_submit(sim, soon(sim, i, 8000), HISTORY_SUBMIT, i);
		if (one_in(sim, 12))
			leave_submit(sim, soon(sim, i, 3000), HISTORY_CONFLICT, i);
		if (one_in(sim, 12))
			leave_wrong(sim, saga->submit_ms - 100 + sim_draw(sim, SIM_INBOX, 400),
				    WRONG_DEADLINE, i);
	}
	for (uint64_t n = sim_draw(sim, SIM_INBOX, 6); n > 0; n--) {
		const uint64_t at_ms = sim->now_ms + sim_draw(sim, SIM_INBOX, span_ms);
		const enum wrong wrong = (enum wrong)sim_draw(sim, SIM_INBOX, WRONGS);

		leave_wrong(sim, at_ms, wrong, (uint32_t)sim_draw(sim, SIM_INBOX, sim->saga_count));
	}
}
