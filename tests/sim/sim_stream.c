/* The stream of commands as JetStream keeps it: an age limit, one consumer a service, redelivery
 * until acknowledged, at most so often. Consumers hang, and are lost and made again, which begins
 * with all that is in the stream; what was acknowledged to the one before is in it still. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

enum {
	AGE_MS = 800, /* the core's command_age_ms */
	ACK_WAIT_MS = 500,
	DELIVERIES_MAX = 5,
	NOBODY_MS = 20, /* until somebody may want the next message */
	LINGER_MS = 300,
};

/* ---- deliveries ---------------------------------------------------------------------------------
 */

static void deliver(struct sim *sim, struct sim_event *e);

static void deliver_at(struct sim *sim, uint32_t number, uint64_t at_ms)
{
	struct sim_event *e = sim_at(sim, at_ms, SIM_WORLD, deliver);

	e->a = number;
	e->b = ++sim->queue[number].serial; /* the last one made is the one that counts */
}

static bool gone(const struct sim *sim, const struct sim_queued *q)
{
	return q->acked || sim->now_ms - q->stored_ms > AGE_MS + q->linger_ms;
}

static void deliver(struct sim *sim, struct sim_event *e)
{
	const uint32_t number = (uint32_t)e->a;
	struct sim_queued *q = &sim->queue[number];
	const struct sim_consumer *consumer = &sim->consumers[q->service];
	const uint64_t away_ms = sim->services[q->service].down_until_ms;
	const uint64_t stuck_ms = consumer->stuck_until_ms;

	if (e->b != q->serial || gone(sim, q) || q->deliveries == DELIVERIES_MAX)
		return;
	if (away_ms > sim->now_ms || stuck_ms > sim->now_ms) {
		deliver_at(sim, number, away_ms > stuck_ms ? away_ms : stuck_ms);
		return;
	}
	q->deliveries++;
	q->consumer = consumer->generation;
	deliver_at(sim, number, sim->now_ms + ACK_WAIT_MS);
	if (sim_chance(sim, SIM_NETWORK, sim->faults.loss))
		return;
	if (!sim->take(sim, number)) {
		q->deliveries--;
		deliver_at(sim, number, sim->now_ms + NOBODY_MS);
		return;
	}
	sim->count.redeliveries += q->deliveries > 1;
}

void sim_stream_done(struct sim *sim, uint32_t number, uint32_t entry)
{
	struct sim_queued *q = &sim->queue[number];

	q->mask |= UINT64_C(1) << entry;
	if (q->mask == (q->commands == 64 ? UINT64_MAX : (UINT64_C(1) << q->commands) - 1))
		sim_stream_ack(sim, number);
}

void sim_stream_retried(struct sim *sim, uint32_t number, uint32_t entry)
{
	sim->queue[number].retried |= UINT64_C(1) << entry;
}

/* What a service says on the way to the consumer: lost, or nobody's any more. */
static bool heard(struct sim *sim, const struct sim_queued *q)
{
	return q->deliveries > 0 && !sim_chance(sim, SIM_NETWORK, sim->faults.loss) &&
	       q->consumer == sim->consumers[q->service].generation;
}

void sim_stream_ack(struct sim *sim, uint32_t number)
{
	struct sim_queued *q = &sim->queue[number];

	q->acked |= heard(sim, q);
}

void sim_stream_nak(struct sim *sim, uint32_t number)
{
	if (heard(sim, &sim->queue[number]))
		deliver_at(sim, number, sim->now_ms + 1);
}

void sim_stream_progress(struct sim *sim, uint32_t number)
{
	if (heard(sim, &sim->queue[number]))
		deliver_at(sim, number, sim->now_ms + ACK_WAIT_MS);
}

/* ---- consumers ----------------------------------------------------------------------------------
 */

void sim_stream_hang(struct sim *sim, uint32_t service, uint64_t until_ms)
{
	sim->consumers[service].stuck_until_ms = until_ms;
	sim->count.consumers_stuck++;
	sim_note(sim, "consumer.stuck", service, until_ms - sim->now_ms, 0, 0);
}

void sim_stream_remake(struct sim *sim, uint32_t service)
{
	sim->consumers[service].stuck_until_ms = 0;
	sim->consumers[service].generation++;
	sim->count.consumers_made_again++;
	sim_note(sim, "consumer.made", service, 0, 0, 0);
	uint32_t first = sim->queued;
	while (first > 0 && sim->now_ms - sim->queue[first - 1].stored_ms <= AGE_MS + LINGER_MS)
		first--;
	for (; first < sim->queued; first++) {
		struct sim_queued *q = &sim->queue[first];

		if (q->service != service || gone(sim, q))
			continue;
		q->deliveries = 0;
		deliver_at(sim, first, sim->now_ms + 1);
	}
}

/* ---- S14: copies of one command that somebody may still take out of the stream ------------------
 */

static void read_contents(struct sim *sim, struct sim_queued *q)
{
	struct wire_command_frame frame;
	struct arena arena;

	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_EQ(wire_decode(WIRE_COMMAND_FRAME, slice_of(q->bytes, q->size), &arena, &frame, NULL),
		 0);
	q->contents = calloc(frame.command_count, sizeof *q->contents);
	CHECK(q->contents != NULL);
	q->content_count = frame.command_count;
	for (uint32_t i = 0; i < frame.command_count; i++) {
		const struct wire_command *c = &frame.commands[i];

		q->contents[i] = (struct sim_command){.step = c->step, .op = c->op};
		CHECK(sim_saga_from(sim, c->saga, &q->contents[i].saga));
	}
}

/* An owner can only count from when it sent a copy: one may have been on its way for longer than
 * the next. */
static uint32_t live_copies(const struct sim *sim, const struct sim_command *c, uint64_t sent_ms)
{
	uint32_t count = 0;

	for (uint32_t k = sim->queued; k > 0; k--) {
		const struct sim_queued *q = &sim->queue[k - 1];

		if (sim->now_ms - q->stored_ms > AGE_MS)
			break;
		if (sent_ms >= q->sent_ms + AGE_MS)
			continue;
		for (uint32_t i = 0; i < q->content_count && !q->acked; i++)
			count += ((q->mask | q->retried) >> i & 1) == 0 &&
				 q->contents[i].saga == c->saga && q->contents[i].step == c->step &&
				 q->contents[i].op == c->op;
	}
	return count;
}

/* One; and where messages are late, another that was sent when the first should have been gone. A
 * network that doubles what nodes publish makes copies that are nobody's fault; they are there
 * still when it has been healed. */
static void check_copies(struct sim *sim, const struct sim_queued *newest)
{
	const uint32_t copies_max = sim->outage ? 1 : 2;

	for (uint32_t i = 0; i < newest->content_count && sim->count.doubled_messages == 0; i++) {
		const struct sim_command *c = &newest->contents[i];
		const uint32_t copies = live_copies(sim, c, newest->sent_ms);

		if (copies > sim->copies_max)
			sim->copies_max = copies;
		if (copies > copies_max)
			sim_fail(sim, false,
				 "S14: %u live copies of operation %u of step %u of saga %u in the "
				 "stream",
				 copies, c->op, c->step, c->saga);
	}
}

void sim_stream_store(struct sim *sim, uint32_t service, uint64_t sent_ms, struct slice bytes)
{
	struct sim_queued *q;

	sim->queue = sim_grow(sim->queue, sim->queued, &sim->queue_capacity, sizeof *sim->queue);
	q = &sim->queue[sim->queued];
	*q = (struct sim_queued){.service = service,
				 .commands = 1,
				 .sent_ms = sent_ms,
				 .stored_ms = sim->now_ms,
				 .bytes = malloc(bytes.size),
				 .size = bytes.size};
	CHECK(q->bytes != NULL);
	memcpy(q->bytes, bytes.data, bytes.size);
	/* The server looks for what is too old now and then. */
	if (sim_chance(sim, SIM_NETWORK, sim->faults.age_late))
		q->linger_ms = sim_draw(sim, SIM_NETWORK, LINGER_MS);
	deliver_at(sim, sim->queued++, sim->now_ms + sim_delay(sim));
}

static void arrives(struct sim *sim, struct sim_event *e)
{
	sim_stream_store(sim, (uint32_t)e->a, e->b, slice_of(e->bytes, e->size));
	struct sim_queued *q = &sim->queue[sim->queued - 1];
	read_contents(sim, q);
	check_copies(sim, q);
}

void sim_queue_put(struct sim *sim, struct slice service, struct slice bytes)
{
	struct sim_event *e = sim_at(sim, sim->now_ms + sim_delay(sim), SIM_WORLD, arrives);

	e->a = sim_service_number(sim, service);
	e->b = sim->now_ms;
	sim_event_bytes(e, bytes);
}
