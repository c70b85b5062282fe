/* Virtual time: the events, the trace and its digest. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "tests/sim/sim.h"

enum { HEAP_WIDTH = 4, WHEEL_MS = SIM_WHEEL_MS, WORD = 64 };

void *sim_grow(void *array, uint32_t count, uint32_t *capacity, size_t size)
{
	if (count < *capacity)
		return array;
	*capacity = *capacity == 0 ? 256 : *capacity * 2;
	array = realloc(array, *capacity * size);
	CHECK(array != NULL);
	return array;
}

/* ---- the heap ------------------------------------------------------------------------------- */

/* What it is ordered by lies in the heap itself, four to a parent: most of the time goes into
 * fetching. */
static bool earlier(const struct sim_due *a, const struct sim_due *b)
{
	return a->due_ms < b->due_ms || (a->due_ms == b->due_ms && a->order < b->order);
}

static void push(struct sim *sim, struct sim_event *event)
{
	const struct sim_due due = {event->due_ms, event->order, event};
	uint32_t at = sim->heap_count++;

	sim->heap = sim_grow(sim->heap, at, &sim->heap_capacity, sizeof *sim->heap);
	for (; at > 0 && earlier(&due, &sim->heap[(at - 1) / HEAP_WIDTH]);
	     at = (at - 1) / HEAP_WIDTH)
		sim->heap[at] = sim->heap[(at - 1) / HEAP_WIDTH];
	sim->heap[at] = due;
}

static struct sim_event *pop(struct sim *sim)
{
	struct sim_event *event = sim->heap[0].event;
	const struct sim_due last = sim->heap[--sim->heap_count];
	uint32_t at = 0;

	for (;;) {
		const uint32_t from = HEAP_WIDTH * at + 1;
		uint32_t least = from;

		if (from >= sim->heap_count)
			break;
		for (uint32_t i = from + 1; i < from + HEAP_WIDTH && i < sim->heap_count; i++)
			if (earlier(&sim->heap[i], &sim->heap[least]))
				least = i;
		if (earlier(&last, &sim->heap[least]))
			break;
		sim->heap[at] = sim->heap[least];
		at = least;
	}
	sim->heap[at] = last;
	return event;
}

static void free_event(struct sim *sim, struct sim_event *event)
{
	if (event->drop != NULL)
		event->drop(event);
	free(event->bytes);
	event->next = sim->free_events;
	sim->free_events = event;
}

/* ---- the wheel: what is due soon, a list for each ms -------------------------------------------
 * Events are made in rising order, so the end of a list is the place of the newest. What is due
 * later waits in the heap until the wheel reaches so far, and comes in before anything is made for
 * that ms directly. */

static void wheel_put(struct sim *sim, struct sim_event *event)
{
	const uint32_t at = event->due_ms % WHEEL_MS;
	struct sim_event **last = &sim->wheel_last[at];

	event->next = NULL;
	if (sim->wheel[at] == NULL)
		sim->wheel[at] = event;
	else
		(*last)->next = event;
	*last = event;
	sim->wheel_used[at / WORD] |= UINT64_C(1) << at % WORD;
}

static struct sim_event *wheel_take(struct sim *sim)
{
	const uint32_t at = sim->now_ms % WHEEL_MS;
	struct sim_event *event = sim->wheel[at];

	if (event == NULL)
		return NULL;
	sim->wheel[at] = event->next;
	if (event->next == NULL)
		sim->wheel_used[at / WORD] &= ~(UINT64_C(1) << at % WORD);
	return event;
}

static void put(struct sim *sim, struct sim_event *event)
{
	if (event->due_ms < sim->now_ms + WHEEL_MS)
		wheel_put(sim, event);
	else
		push(sim, event);
}

static void set_now(struct sim *sim, uint64_t now_ms)
{
	sim->now_ms = now_ms;
	while (sim->heap_count > 0 && sim->heap[0].due_ms < now_ms + WHEEL_MS)
		wheel_put(sim, pop(sim));
}

/* The next ms before `until_ms` that has events; until_ms: none has. */
static uint64_t wheel_next(const struct sim *sim, uint64_t until_ms)
{
	uint64_t at = sim->now_ms;

	while (at < until_ms) {
		const uint32_t place = at % WHEEL_MS;
		const uint64_t word = sim->wheel_used[place / WORD] >> place % WORD;

		if (word != 0) {
			at += (uint64_t)__builtin_ctzll(word);
			break;
		}
		at += WORD - place % WORD;
	}
	return at < until_ms ? at : until_ms;
}

struct sim_event *sim_at(struct sim *sim, uint64_t due_ms, uint32_t node, sim_run run)
{
	struct sim_event *event = sim->free_events;

	CHECK_LE(sim->now_ms, due_ms);
	if (event != NULL)
		sim->free_events = event->next;
	else
		event = malloc(sizeof *event);
	CHECK(event != NULL);
	*event = (struct sim_event){
		.due_ms = due_ms,
		.order = sim->next_order++,
		.run = run,
		.node = node,
		.life = node == SIM_WORLD ? 0 : sim->nodes[node].life,
	};
	put(sim, event);
	return event;
}

void sim_close_heap(struct sim *sim)
{
	while (sim->heap_count > 0)
		free_event(sim, pop(sim));
	for (uint32_t i = 0; i < WHEEL_MS; i++)
		while (sim->wheel[i] != NULL) {
			struct sim_event *event = sim->wheel[i];

			sim->wheel[i] = event->next;
			free_event(sim, event);
		}
	free(sim->heap);
	while (sim->free_events != NULL) {
		struct sim_event *event = sim->free_events;

		sim->free_events = event->next;
		free(event);
	}
}

void sim_event_bytes(struct sim_event *event, struct slice bytes)
{
	event->bytes = malloc(bytes.size > 0 ? bytes.size : 1);
	CHECK(event->bytes != NULL);
	if (bytes.size > 0)
		memcpy(event->bytes, bytes.data, bytes.size);
	event->size = bytes.size;
}

/* A stopped process (SIGSTOP) hears it all when it goes on. */
static bool put_off(struct sim *sim, struct sim_event *event)
{
	const struct sim_node *node = &sim->nodes[event->node];

	if (event->life != node->life || node->paused_until_ms <= sim->now_ms)
		return false;
	event->due_ms = node->paused_until_ms;
	event->order = sim->next_order++;
	put(sim, event);
	return true;
}

static void run_event(struct sim *sim, struct sim_event *event)
{
	if (event->node != SIM_WORLD) {
		struct sim_node *node = &sim->nodes[event->node];

		if (put_off(sim, event))
			return;
		if (event->life == node->life) {
			node->touched = true;
			event->run(sim, event);
		}
	} else {
		event->run(sim, event);
	}
	free_event(sim, event);
}

static uint64_t node_due(const struct sim_node *node)
{
	const uint64_t due = node->tick_ms < node->control_ms ? node->tick_ms : node->control_ms;

	return due > node->paused_until_ms ? due : node->paused_until_ms;
}

bool sim_step(struct sim *sim, uint64_t until_ms)
{
	struct sim_event *event;
	uint64_t due = until_ms;

	for (uint32_t i = 0; i < sim->node_count; i++)
		if (sim->nodes[i].running && node_due(&sim->nodes[i]) < due)
			due = node_due(&sim->nodes[i]);
	due = wheel_next(sim, due);
	if (due > sim->now_ms)
		set_now(sim, due);
	while ((event = wheel_take(sim)) != NULL)
		run_event(sim, event);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];

		if (!node->running || node->paused_until_ms > sim->now_ms)
			continue;
		if (node_due(node) <= sim->now_ms)
			sim_node_tick(node);
		if (node->running && node->touched)
			sim_node_turn(node);
		node->touched = false;
	}
	return sim->now_ms < until_ms;
}

/* ---- the story --------------------------------------------------------------------------------
 */

static void digest_put(struct sim *sim, const void *data, uint32_t size)
{
	if (sim->digest_used + size > sizeof sim->digest_block)
		(void)sim_digest(sim);
	memcpy(sim->digest_block + sim->digest_used, data, size);
	sim->digest_used += size;
}

uint64_t sim_digest(struct sim *sim)
{
	sim->digest =
		prng_mix(sim->digest ^ hash_xxh3_64(slice_of(sim->digest_block, sim->digest_used)));
	sim->digest_used = 0;
	return sim->digest;
}

void sim_note(struct sim *sim, const char *what, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t numbers[5] = {sim->now_ms, a, b, c, d};

	digest_put(sim, what, (uint32_t)strlen(what));
	digest_put(sim, numbers, sizeof numbers);
	if (sim->options->trace && sim->options->traced >= sim->saga_count)
		(void)printf("%9.3f %-22s %6" PRIu64 " %6" PRIu64 " %6" PRIu64 " %6" PRIu64 "\n",
			     (double)(sim->now_ms - SIM_START_MS) / 1000, what, a, b, c, d);
}

void sim_fault(struct sim *sim, const char *what, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct history_fault *fault = history_add_fault(&sim->history, sim->now_ms, what);

	fault->node = (uint32_t)a;
	fault->shard = HISTORY_NONE;
	fault->until_ms = b > 1 ? sim->now_ms + b : 0;
	sim_note(sim, what, a, b, c, d);
}

void sim_fail(struct sim *sim, bool liveness, const char *format, ...)
{
	va_list arguments;

	if (sim->failure[0] != '\0')
		return;
	sim->liveness = liveness;
	va_start(arguments, format);
	(void)vsnprintf(sim->failure, sizeof sim->failure, format, arguments);
	va_end(arguments);
	if (sim->options->trace)
		(void)printf("%9.3f FAILURE %s\n", (double)(sim->now_ms - SIM_START_MS) / 1000,
			     sim->failure);
}
