/* The stream of the inbox: one for all shards, kept whether or not a node is up. Each request goes
 * to the stream's leader and back; either way may fail. One that leads no more, and does not know
 * it, may answer, too: its stream is without what came since. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

enum {
	REQUEST_MS = 2000, /* as inbox_jetstream.c */
	SLOW_MS = 2500,    /* after its sender has given it up */
	MISSING_MS = 6000, /* between the deletion of a stream and its making: operations.md */
};

enum request_kind { LOOK, READ, PURGE };

/* Travels as an event's bytes, there and back. */
struct request {
	enum request_kind kind;
	uint32_t node, shard;
	uint64_t life, serial;
	uint64_t sent;     /* the order, of PURGE */
	uint64_t position; /* READ: from; PURGE: up to */
	/* The answer. */
	int error;
	uint64_t incarnation, last;
	uint32_t entry; /* + 1; 0 = none */
};

/* ---- the stream ---------------------------------------------------------------------------------
 */

uint64_t sim_inbox_store(struct sim *sim, uint32_t letter)
{
	struct sim_stream_inbox *in = &sim->inbox;

	if (in->missing)
		return 0;
	history_add_entry(&sim->history, sim->now_ms)->letter = letter;
	in->last++;
	sim_note(sim, "inbox.stored", letter, in->letters[letter].shard, in->incarnation, in->last);
	return in->last;
}

static uint32_t shard_of(const struct sim *sim, const struct history_entry *e)
{
	return sim->inbox.letters[e->letter].shard;
}

static void created_text(uint64_t incarnation, char text[32])
{
	(void)snprintf(text, 32, "2026-01-01T00:00:%02" PRIu64 "Z", incarnation);
}

static bool there(const struct sim *sim, const struct history_entry *e)
{
	return e->incarnation + 1 == sim->inbox.incarnation && e->purge_sent == 0 && !e->lost;
}

static uint32_t first_from(const struct sim *sim, uint32_t shard, uint64_t from, uint64_t end)
{
	for (uint32_t i = 0; i < sim->history.entry_count; i++) {
		const struct history_entry *e = &sim->history.entries[i];

		if (there(sim, e) && shard_of(sim, e) == shard && e->sequence >= from &&
		    e->sequence <= end)
			return i + 1;
	}
	return 0;
}

static void purge_up_to(struct sim *sim, const struct request *r)
{
	for (uint32_t i = 0; i < sim->history.entry_count; i++) {
		struct history_entry *e = &sim->history.entries[i];

		if (!there(sim, e) || shard_of(sim, e) != r->shard || e->sequence > r->position)
			continue;
		e->purge_sent = r->sent;
		sim->count.inbox_purged++;
		sim_note(sim, "inbox.purged", r->node, r->shard, e->incarnation, e->sequence);
	}
}

void sim_inbox_made(struct sim *sim)
{
	char text[32];

	sim->inbox.missing = false;
	sim->inbox.incarnation++;
	sim->inbox.last = 0;
	created_text(sim->inbox.incarnation, text);
	history_add_incarnation(&sim->history, text);
}

static void made(struct sim *sim, struct sim_event *e)
{
	(void)e;
	sim_inbox_made(sim);
	sim->count.inbox_made_again++;
	sim_note(sim, "inbox.made", sim->inbox.incarnation, 0, 0, 0);
}

void sim_inbox_depose(struct sim *sim, uint64_t until_ms)
{
	const uint64_t lost_max = sim->inbox.last < 3 ? sim->inbox.last : 3;

	if (sim->inbox.missing)
		return;
	sim->inbox.deposed_until_ms = until_ms;
	/* Deposed some entries ago, and reached from now on. */
	sim->inbox.deposed_last = sim->inbox.last - sim_draw(sim, SIM_INBOX, lost_max + 1);
	sim->inbox.deposed_odds = sim_draw(sim, SIM_INBOX, 3) == 0 ? 1000 : 500;
	sim_note(sim, "inbox.deposed", sim->inbox.last, until_ms - sim->now_ms, 0, 0);
}

/* Somebody deletes it, and what nobody has read by then is lost with it. */
static void deleted(struct sim *sim, struct sim_event *e)
{
	(void)e;
	for (uint32_t i = 0; i < sim->history.entry_count; i++)
		if (there(sim, &sim->history.entries[i]))
			sim->history.entries[i].lost = true;
	sim->inbox.missing = true;
	sim->inbox.deposed_until_ms = 0;
	sim_note(sim, "inbox.deleted", sim->inbox.incarnation, sim->inbox.last, 0, 0);
	(void)sim_at(sim, sim->now_ms + MISSING_MS, SIM_WORLD, made);
}

void sim_inbox_create(struct sim *sim)
{
	sim_inbox_made(sim);
	sim->open_max = 64;
	if (sim_draw(sim, SIM_INBOX, 4) == 0)
		sim->open_max = 2 + (uint32_t)sim_draw(sim, SIM_INBOX, 4);
	if (sim_draw(sim, SIM_INBOX, 5) == 0)
		(void)sim_at(sim,
			     sim->now_ms + 1500 +
				     sim_draw(sim, SIM_INBOX, sim->heal_ms - sim->now_ms),
			     SIM_WORLD, deleted);
}

void sim_inbox_close(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->inbox.letter_count; i++)
		free(sim->inbox.letters[i].bytes);
	free(sim->inbox.letters);
}

/* ---- requests -----------------------------------------------------------------------------------
 */

static uint64_t arrival_ms(struct sim *sim)
{
	uint64_t ms = 1 + sim_draw(sim, SIM_INBOX, sim->faults.inbox_ms + 1);

	if (sim_chance(sim, SIM_INBOX, sim->faults.inbox_slow))
		ms += sim_draw(sim, SIM_INBOX, SLOW_MS);
	return sim->now_ms + ms;
}

static bool lost(struct sim *sim, const struct sim_node *node)
{
	return sim_link_down(node) || sim_chance(sim, SIM_INBOX, sim->faults.inbox_lost);
}

static bool close_request(struct sim_inbox *in, const struct request *r)
{
	uint64_t *open = r->kind == LOOK ? &in->look_open : &in->read_open[r->shard];

	if (*open != r->serial)
		return false;
	*open = 0;
	return true;
}

static void tell_read(struct sim_node *node, const struct request *r)
{
	const struct sim *sim = node->sim;
	struct inbox_message message = {0};

	if (r->entry > 0) {
		const struct history_entry *e = &sim->history.entries[r->entry - 1];
		const struct sim_letter *letter = &sim->inbox.letters[e->letter];

		message.sequence = e->sequence;
		message.subject = slice_str(letter->subject);
		message.bytes = slice_of(letter->bytes, letter->size);
	}
	node->inbox.events.read(node->inbox.events.context, r->shard, r->error, &message);
}

static void answered(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];
	const struct request *r = (const void *)e->bytes;
	char created[32];

	if (!close_request(&node->inbox, r))
		return;
	sim->count.inbox_failed += r->error != 0;
	if (r->kind == READ) {
		sim_note(sim, "inbox.read", e->node, r->shard, r->position, r->entry);
		tell_read(node, r);
		return;
	}
	created_text(r->incarnation, created);
	node->inbox.events.looked(node->inbox.events.context, r->error,
				  r->error != 0 ? slice_of(NULL, 0) : slice_str(created), r->last);
}

/* At the stream's leader, or at one that was: it does not know the last entries. */
static void serve(struct sim *sim, struct request *r)
{
	uint64_t end = sim->inbox.last;

	if (sim->inbox.missing) {
		r->error = SAGA_E_JOURNAL_MISSING;
		return;
	}
	if (sim->inbox.deposed_until_ms > sim->now_ms &&
	    sim_chance(sim, SIM_INBOX, sim->inbox.deposed_odds)) {
		end = sim->inbox.deposed_last;
		sim->count.inbox_told_short += end < sim->inbox.last;
		sim->history.inbox_told_short |= end < sim->inbox.last;
	}
	r->incarnation = sim->inbox.incarnation;
	r->last = end;
	if (r->kind == READ)
		r->entry = first_from(sim, r->shard, r->position, end);
}

static void carry_out(struct sim *sim, struct sim_event *e)
{
	struct request r;

	memcpy(&r, e->bytes, sizeof r);
	if (r.kind == PURGE) {
		purge_up_to(sim, &r);
		return;
	}
	serve(sim, &r);
	if (sim->nodes[r.node].life == r.life && !lost(sim, &sim->nodes[r.node]))
		sim_event_bytes(sim_at(sim, arrival_ms(sim), r.node, answered),
				slice_of(&r, sizeof r));
}

static void send(struct sim_node *node, const struct request *r)
{
	struct sim *sim = node->sim;

	if (!lost(sim, node))
		sim_event_bytes(sim_at(sim, arrival_ms(sim), SIM_WORLD, carry_out),
				slice_of(r, sizeof *r));
	if (r->kind == PURGE)
		return;
	struct request late = *r;

	late.error = SAGA_E_TIMEOUT;
	sim_event_bytes(sim_at(sim, sim->now_ms + REQUEST_MS, node->index, answered),
			slice_of(&late, sizeof late));
}

/* ---- the node's end -----------------------------------------------------------------------------
 */

static struct request request_of(struct inbox *inbox, enum request_kind kind)
{
	struct sim_inbox *in = (struct sim_inbox *)(void *)inbox;

	return (struct request){
		.kind = kind,
		.node = in->node->index,
		.life = in->node->life,
		.serial = ++in->serial,
	};
}

static int look(struct inbox *inbox)
{
	struct sim_inbox *in = (struct sim_inbox *)(void *)inbox;
	const struct request r = request_of(inbox, LOOK);

	CHECK_EQ(in->look_open, 0);
	if (sim_link_down(in->node))
		return SAGA_E_DISCONNECTED;
	in->look_open = r.serial;
	send(in->node, &r);
	return 0;
}

static int read(struct inbox *inbox, uint32_t shard, uint64_t from)
{
	struct sim_inbox *in = (struct sim_inbox *)(void *)inbox;
	struct request r = request_of(inbox, READ);

	CHECK_LT(shard, ((struct sim_inbox *)(void *)inbox)->node->sim->shard_count);
	CHECK_EQ(in->read_open[shard], 0);
	CHECK(from > 0);
	if (sim_link_down(in->node))
		return SAGA_E_DISCONNECTED;
	r.shard = shard;
	r.position = from;
	in->read_open[shard] = r.serial;
	send(in->node, &r);
	return 0;
}

static void purge(struct inbox *inbox, uint32_t shard, uint64_t last)
{
	struct sim_inbox *in = (struct sim_inbox *)(void *)inbox;
	struct request r = request_of(inbox, PURGE);

	CHECK_LT(shard, ((struct sim_inbox *)(void *)inbox)->node->sim->shard_count);
	r.shard = shard;
	r.position = last;
	r.sent = ++in->node->sim->history.order;
	sim_note(in->node->sim, "inbox.purge", r.node, shard, last, 0);
	send(in->node, &r);
}

static void cancel(struct inbox *inbox, uint32_t shard)
{
	CHECK_LT(shard, ((struct sim_inbox *)(void *)inbox)->node->sim->shard_count);
	((struct sim_inbox *)(void *)inbox)->read_open[shard] = 0;
}

static void close_nothing(struct inbox *inbox)
{
	(void)inbox;
}

static const struct inbox_ops ops = {
	.look = look, .read = read, .purge = purge, .cancel = cancel, .close = close_nothing};

void sim_inbox_open(struct sim_node *node, const struct inbox_events *events)
{
	memset(&node->inbox, 0, sizeof node->inbox);
	node->inbox.base.ops = &ops;
	node->inbox.node = node;
	node->inbox.events = *events;
}
