/* Core messages: lost, doubled, late; in order between one sender and one receiver, as long as
 * nobody connects again. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

bool sim_link_down(const struct sim_node *node)
{
	return node->cut_until_ms > node->sim->now_ms;
}

uint64_t sim_delay(struct sim *sim)
{
	uint64_t ms = 1 + sim_draw(sim, SIM_NETWORK, sim->faults.delay_ms + 1);

	if (sim_chance(sim, SIM_NETWORK, sim->faults.slow))
		ms += sim_draw(sim, SIM_NETWORK, 3000);
	return ms;
}

static uint64_t arrival_ms(struct sim *sim, uint32_t from, uint32_t to)
{
	uint64_t at = sim->now_ms + sim_delay(sim);

	if (at < sim->arrive_ms[from][to]) {
		if (sim_chance(sim, SIM_NETWORK, sim->faults.reorder)) {
			sim->count.reordered++;
			return at;
		}
		at = sim->arrive_ms[from][to];
	}
	sim->arrive_ms[from][to] = at;
	return at;
}

void sim_network_hold(struct sim *sim, const struct sim_node *node, uint64_t until_ms)
{
	const uint32_t here = SIM_AT_NODE + node->index;

	for (uint32_t i = 0; i < SIM_ENDPOINTS; i++) {
		if (sim->arrive_ms[i][here] < until_ms)
			sim->arrive_ms[i][here] = until_ms;
		if (sim->arrive_ms[here][i] < until_ms)
			sim->arrive_ms[here][i] = until_ms;
	}
}

/* How many copies arrive. */
static uint32_t copies(struct sim *sim)
{
	if (sim_chance(sim, SIM_NETWORK, sim->faults.loss)) {
		sim->count.lost_messages++;
		return 0;
	}
	if (!sim_chance(sim, SIM_NETWORK, sim->faults.doubling))
		return 1;
	sim->count.doubled_messages++;
	return 2;
}

/* ---- to nodes ---------------------------------------------------------------------------------
 */

/* The bytes: subject, NUL, reply, NUL, data. */
static void node_hears(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];
	const char *subject = (const char *)e->bytes;
	const uint32_t subject_size = (uint32_t)strlen(subject);
	const char *reply = subject + subject_size + 1;
	const uint32_t head = subject_size + (uint32_t)strlen(reply) + 2;
	const struct transport_message message = {
		.subject = slice_str(subject),
		.reply = slice_str(reply),
		.data = slice_of(e->bytes + head, e->size - head),
	};

	if (sim_link_down(node) || node->deaf_until_ms > sim->now_ms)
		return;
	if (node->core != NULL)
		core_wake(node->core, sim_node_time(node));
	for (uint32_t i = 0; i < SIM_SHARDS_MAX; i++) {
		const struct transport_subscription *s = &node->transport.subscriptions[i];

		if (s->handler != NULL && subject_size >= s->size &&
		    memcmp(subject, s->subject, s->size) == 0)
			s->handler(s->context, &message);
	}
}

static void send_node(struct sim *sim, uint32_t from, const char *subject, const char *reply,
		      struct slice data)
{
	const uint32_t subject_size = (uint32_t)strlen(subject) + 1;
	const uint32_t reply_size = (uint32_t)strlen(reply) + 1;
	uint8_t *bytes = malloc((size_t)subject_size + reply_size + data.size);

	CHECK(bytes != NULL);
	memcpy(bytes, subject, subject_size);
	memcpy(bytes + subject_size, reply, reply_size);
	if (data.size > 0)
		memcpy(bytes + subject_size + reply_size, data.data, data.size);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		if (!sim->nodes[i].running)
			continue;
		for (uint32_t n = copies(sim); n > 0; n--)
			sim_event_bytes(
				sim_at(sim, arrival_ms(sim, from, SIM_AT_NODE + i), i, node_hears),
				slice_of(bytes, subject_size + reply_size + data.size));
	}
	free(bytes);
}

static uint32_t number_at(const char **at)
{
	uint32_t number = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++)
		number = number * 10 + (uint32_t)(**at - '0');
	return number;
}

/* A client whose routes are wrong asks another shard, too (S11). */
static void misroute(struct sim *sim, uint32_t from, const char *subject, const char *reply,
		     struct slice data)
{
	static const char head[] = "saga.v1.shard.";
	const char *rest = subject + sizeof head - 1;
	char other[SUBJECT_SIZE_MAX];
	uint32_t shard;

	if (strncmp(subject, head, sizeof head - 1) != 0)
		return;
	shard = number_at(&rest) + 1 + (uint32_t)sim_draw(sim, SIM_NETWORK, sim->shard_count - 1);
	(void)snprintf(other, sizeof other, "%s%u%s", head, shard % sim->shard_count, rest);
	sim->count.misrouted++;
	send_node(sim, from, other, reply, data);
}

void sim_send_node(struct sim *sim, uint32_t from, const char *subject, const char *reply,
		   struct slice data)
{
	if (from >= SIM_AT_CLIENT && sim_chance(sim, SIM_NETWORK, sim->faults.misroute))
		misroute(sim, from, subject, reply, data);
	send_node(sim, from, subject, reply, data);
}

/* ---- from nodes ---------------------------------------------------------------------------------
 */

static void outside_hears(struct sim *sim, struct sim_event *e)
{
	const struct slice data = slice_of(e->bytes, e->size);

	if (e->c != 0 && sim->history.answers[e->c - 1].heard == 0)
		sim->history.answers[e->c - 1].heard = ++sim->history.order;
	if (e->a >= SIM_AT_PARTICIPANT)
		sim_participant_hear(sim, (uint32_t)e->b, data);
	else if (e->a >= SIM_AT_CLIENT)
		sim_client_hear(sim, (uint32_t)e->a - SIM_AT_CLIENT, (uint32_t)e->b, data);
	else
		sim_service_hear(sim, (uint32_t)e->a - SIM_AT_SERVICE, data);
}

/* `answer`: as of record_answer. */
static void send_outside(struct sim *sim, const struct sim_node *node, uint32_t to, uint64_t number,
			 uint32_t answer, struct slice data)
{
	for (uint32_t n = copies(sim); n > 0; n--) {
		struct sim_event *e = sim_at(sim, arrival_ms(sim, SIM_AT_NODE + node->index, to),
					     SIM_WORLD, outside_hears);

		e->a = to;
		e->b = number;
		e->c = answer;
		sim_event_bytes(e, data);
	}
}

static void record_listed(struct sim *sim, uint32_t request, uint32_t shard, uint32_t saga)
{
	struct history_listed *listed = history_add_listed(&sim->history, sim->now_ms);

	listed->request = request;
	listed->shard = shard;
	listed->saga = saga;
}

static void record_list(struct sim *sim, uint32_t request, struct slice data)
{
	struct wire_list list;
	struct arena arena;
	uint32_t saga;

	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_EQ(wire_decode(WIRE_LIST, data, &arena, &list, NULL), 0);
	CHECK_EQ(list.next, 0);
	sim_note(sim, "list", request, list.shard, list.code, list.saga_count);
	if (list.code != 0)
		return;
	record_listed(sim, request, list.shard, HISTORY_NONE);
	for (uint32_t i = 0; i < list.saga_count; i++)
		if (sim_saga_from(sim, list.sagas[i].id, &saga))
			record_listed(sim, request, list.shard, saga);
}

/* Returns its number + 1; 0 = it is none. */
static uint32_t record_answer(struct sim *sim, const struct sim_node *node, uint32_t request,
			      struct slice data)
{
	struct history_answer *a;
	struct wire_answer answer;
	struct arena arena;
	enum wire_kind kind;

	if (wire_peek_kind(data, &kind) != 0)
		return 0;
	if (kind == WIRE_LIST)
		record_list(sim, request, data);
	if (kind != WIRE_ANSWER)
		return 0;
	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_EQ(wire_decode(WIRE_ANSWER, data, &arena, &answer, NULL), 0);
	a = history_add_answer(&sim->history, sim->now_ms);
	a->epoch = answer.epoch;
	a->record_number = answer.record_number;
	a->node = node->index;
	a->request = request;
	a->code = answer.code;
	a->state = answer.state;
	a->shard = answer.shard;
	a->decision = answer.decision;
	a->heuristics = answer.heuristics;
	sim_note(sim, "answer", node->index, request, answer.code, answer.state);
	return sim->history.answer_count;
}

static const char *const COMMANDS[SIM_OPS] = {"", "command.forward", "command.finish",
					      "command.undo", "command.settle"};

static const char *op_name(const struct wire_command *c)
{
	if (c->op == WIRE_OP_FINISH)
		return "finish";
	return c->op == WIRE_OP_UNDO ? "undo" : "do";
}

static bool well_named(const struct wire_command *c)
{
	return slice_equal(c->op_name, slice_str(op_name(c))) ||
	       ((c->op == WIRE_OP_FORWARD || c->op == WIRE_OP_SETTLE) &&
		slice_equal(c->op_name, slice_str("one")));
}

static void record_command(struct sim *sim, const struct sim_node *node,
			   const struct wire_command_frame *frame, const struct wire_command *c)
{
	struct history_command *command = history_add_command(&sim->history, sim->now_ms);

	command->epoch = frame->epoch;
	command->node = node->index;
	command->shard = frame->shard;
	command->op = c->op;
	command->attempt = c->attempt;
	command->input = hash_xxh3_64(c->input);
	command->saga = command->step = HISTORY_NONE;
	if (!sim_saga_from(sim, c->saga, &command->saga) ||
	    !history_find_step(&sim->history, command->saga, c->step_name, &command->step) ||
	    !well_named(c))
		command->step = HISTORY_NONE;
	sim->count.commands++;
	sim->count.resends += c->attempt > 1;
	sim_note(sim, COMMANDS[c->op], command->saga, command->step, c->attempt, frame->epoch);
}

static void record_commands(struct sim *sim, const struct sim_node *node, struct slice data)
{
	struct wire_command_frame frame;
	struct arena arena;

	arena_init(&arena, sim->arena_memory, 65536);
	CHECK_EQ(wire_decode(WIRE_COMMAND_FRAME, data, &arena, &frame, NULL), 0);
	sim->count.fallbacks += frame.fallback;
	for (uint32_t i = 0; i < frame.command_count; i++)
		record_command(sim, node, &frame, &frame.commands[i]);
}

static struct sim_transport *self(struct transport *t)
{
	return (struct sim_transport *)(void *)t;
}

static char *put_number(char *at, uint32_t number)
{
	char digits[10];
	uint32_t count = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	while (count > 0)
		*at++ = digits[--count];
	return at;
}

void sim_reply_subject(char text[32], char kind, uint32_t party, uint32_t number)
{
	char *at = text + sizeof "_INBOX." - 1;

	memcpy(text, "_INBOX.", sizeof "_INBOX." - 1);
	*at++ = kind;
	at = put_number(at, party);
	*at++ = '.';
	*put_number(at, number) = '\0';
}

static void publish_reply(struct sim_node *node, const char *subject, struct slice data)
{
	struct sim *sim = node->sim;
	const char *rest = subject + sizeof "_INBOX." - 1;
	const char kind = *rest++;
	const uint32_t party = number_at(&rest);

	CHECK(*rest == '.' && (kind == 'c' || kind == 'p' || kind == 's'));
	rest++;
	const uint32_t number = number_at(&rest);
	CHECK(*rest == '\0');
	if (kind != 's') {
		const uint32_t at = kind == 'c' ? SIM_AT_CLIENT : SIM_AT_PARTICIPANT;

		send_outside(sim, node, at + party, number, record_answer(sim, node, number, data),
			     data);
	} else {
		send_outside(sim, node, SIM_AT_SERVICE + party, number, 0, data);
	}
}

static int publish(struct transport *t, const char *subject, struct slice reply,
		   const struct transport_header *headers, uint32_t header_count, struct slice data)
{
	struct sim_node *node = self(t)->node;
	struct sim *sim = node->sim;

	(void)reply;
	(void)headers;
	CHECK_EQ(header_count, 0);
	if (sim_link_down(node))
		return SAGA_E_DISCONNECTED;
	if (sim_chance(sim, SIM_NETWORK, sim->faults.publish_busy)) { /* the socket takes nothing */
		sim->count.publish_busy++;
		return SAGA_E_BUSY;
	}
	if (node->dumb_until_ms > sim->now_ms) {
		sim->count.lost_messages++;
		return 0;
	}
	if (strncmp(subject, "_INBOX.", 7) == 0) {
		publish_reply(node, subject, data);
	} else if (strncmp(subject, "saga.v1.cmd.", 12) == 0) {
		record_commands(sim, node, data);
		for (uint32_t n = copies(sim); n > 0; n--)
			sim_queue_put(sim, slice_str(subject + 12), data);
	} else if (strncmp(subject, "saga.v1.call.", 13) == 0) {
		record_commands(sim, node, data);
		sim->count.calls++;
		for (uint32_t n = copies(sim); n > 0; n--)
			sim_service_call(sim, slice_str(subject + 13), data);
	} else if (strcmp(subject, "saga.v1.alert") == 0) {
		sim->count.parked++;
		sim_note(sim, "alert", node->index, 0, 0, 0);
	} else {
		CHECK(false);
	}
	return 0;
}

static int request(struct transport *t, const char *subject, const struct transport_header *headers,
		   uint32_t header_count, struct slice data, uint32_t timeout_ms,
		   transport_completion done, void *context, uint64_t *token)
{
	(void)t, (void)subject, (void)headers, (void)header_count, (void)data, (void)timeout_ms;
	(void)done, (void)context, (void)token;
	return SAGA_E_BUSY; /* the core asks nobody */
}

static void cancel(struct transport *t, uint64_t token)
{
	(void)t, (void)token;
}

static int subscribe(struct transport *t, const char *subject, const char *queue,
		     transport_handler handler, void *context,
		     struct transport_subscription **subscription)
{
	struct sim_transport *transport = self(t);

	CHECK(queue == NULL); /* S2: owners hear all, never one of a group */
	for (uint32_t i = 0; i < SIM_SHARDS_MAX; i++) {
		struct transport_subscription *s = &transport->subscriptions[i];
		const size_t size = strlen(subject);

		if (s->handler != NULL)
			continue;
		CHECK(size > 1 && size < sizeof s->subject && subject[size - 1] == '>');
		memcpy(s->subject, subject, size - 1);
		s->subject[size - 1] = '\0';
		s->size = size - 1;
		s->handler = handler;
		s->context = context;
		*subscription = s;
		return 0;
	}
	return SAGA_E_BUSY;
}

static void unsubscribe(struct transport *t, struct transport_subscription *subscription)
{
	(void)t;
	subscription->handler = NULL;
}

static void stats(const struct transport *t, struct transport_stats *stats)
{
	const struct sim_transport *transport = (const struct sim_transport *)(const void *)t;

	*stats = (struct transport_stats){.connected = !sim_link_down(transport->node)};
}

static void inbox(struct transport *t, char *text, uint32_t size)
{
	(void)snprintf(text, size, "_INBOX.n%u", self(t)->node->index);
}

static void close_nothing(struct transport *t, bool drain)
{
	(void)t, (void)drain;
}

static const struct transport_ops ops = {
	.publish = publish,
	.request = request,
	.cancel = cancel,
	.subscribe = subscribe,
	.unsubscribe = unsubscribe,
	.stats = stats,
	.inbox = inbox,
	.close = close_nothing,
};

void sim_transport_open(struct sim_node *node)
{
	memset(&node->transport, 0, sizeof node->transport);
	node->transport.base.ops = &ops;
	node->transport.node = node;
}
