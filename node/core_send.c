/* The one door to the outside (N1): everything that a shard says waits here for the journal and
 * for the lease. */
#include "node/core_internal.h"

/* For refusals that rest on nothing the journal would have to confirm. */
bool core_send_now(struct shard *s, const char *subject, struct slice data)
{
	struct core *core = s->core;
	if (!core->io.may_emit(core->io.context, s->lease_generation))
		return false;
	const int error = core->transport->ops->publish(core->transport, subject, slice_of(NULL, 0),
							NULL, 0, data);
	if (error == 0)
		core->stats.messages_sent++;
	else
		core->stats.messages_dropped++;
	return error == 0;
}

static void send_by(struct shard *s, uint64_t gate, uint64_t leave_by_ms, const char *subject,
		    struct slice data)
{
	/* A full outbox loses the message, not the fact: timers and askers come again. */
	if (outbox_put(&s->outbox, gate, leave_by_ms, subject, data) != 0)
		s->core->stats.messages_dropped++;
}

void core_send_gated(struct shard *s, uint64_t gate, const char *subject, struct slice data)
{
	send_by(s, gate, UINT64_MAX, subject, data);
}

void core_send_reply(struct shard *s, uint64_t gate, uint64_t reply_to, bool final,
		     struct slice data)
{
	const char *subject = tokens_find(&s->tokens, reply_to);
	if (subject == NULL)
		return;
	core_send_gated(s, gate, subject, data);
	if (final)
		tokens_drop(&s->tokens, reply_to);
}

void core_send_flush(struct shard *s)
{
	struct core *core = s->core;
	struct outbox_entry entry;
	bool sent = false;
	while (outbox_peek(&s->outbox, s->durable_record, &entry)) {
		if (!core->io.may_emit(core->io.context, s->lease_generation))
			return;
		CHECK_LE(entry.gate, s->durable_record);
		if (s->clock.time_ms > entry.leave_by_ms) { /* S14 */
			core->stats.messages_dropped++;
			outbox_pop(&s->outbox);
			continue;
		}
		if (!sent)
			core->io.point(core->io.context, "before_send");
		const int error = core->transport->ops->publish(
			core->transport, entry.subject, slice_of(NULL, 0), NULL, 0, entry.data);
		if (error == SAGA_E_BUSY || error == SAGA_E_DISCONNECTED)
			return; /* go on when the socket takes it */
		if (error == 0)
			core->stats.messages_sent++;
		else
			core->stats.messages_dropped++;
		sent = true;
		outbox_pop(&s->outbox);
	}
	if (sent)
		core->io.point(core->io.context, "after_send");
}

/* ---- command frames ------------------------------------------------------------------------- */

/* Encodes the commands [picked] of one route as one frame. */
static void send_frame(struct shard *s, const struct command_route *route,
		       struct wire_command *commands, uint32_t count)
{
	struct core *core = s->core;
	const struct wire_command_frame frame = {
		.shard = s->number,
		.epoch = s->epoch,
		.low_water = s->low_water,
		.service = route->service,
		.commands = commands,
		.command_count = count,
		.cluster = id_slice(&core->config.cluster),
		.fallback = route->fallback,
	};
	const struct subject subject =
		route->delivery == WIRE_DELIVERY_DIRECT
			? subject_call(core->config.prefix, route->service)
			: subject_command(core->config.prefix, route->service);
	buf_clear(&core->scratch);
	if (wire_encode(WIRE_COMMAND_FRAME, &frame, &core->scratch) != 0) {
		core->stats.messages_dropped += count;
		return;
	}
	const uint64_t gate =
		s->command_gate > s->low_water_gate ? s->command_gate : s->low_water_gate;
	/* S14: the broker counts a copy's age from when it arrives, the engine that of the attempt
	 * from when it was made. So what waited for the journal for too long does not leave any
	 * more: the attempt is over in time, and the next one is made. */
	const uint64_t leave_by_ms =
		route->delivery == WIRE_DELIVERY_DIRECT
			? UINT64_MAX
			: s->command_made_ms + core->config.txn.command_leave_ms;
	send_by(s, gate, leave_by_ms, subject.text, buf_slice(&core->scratch));
	core->stats.frames_sent++;
	core->stats.commands_sent += count;
}

static bool same_route(const struct command_route *a, const struct command_route *b)
{
	return a->delivery == b->delivery && a->fallback == b->fallback &&
	       slice_equal(a->service, b->service);
}

/* Copies the commands that travel with number `first` to `group`. A re-send travels alone (S15). */
static uint32_t pick_group(struct shard *s, uint32_t first, struct wire_command *group)
{
	const struct command_route route = s->command_routes[first];
	uint32_t count = 0;
	uint32_t bytes = 0;
	for (uint32_t i = first; i < s->command_count && count < s->core->config.frame_max; i++) {
		const struct wire_command *c = &s->commands[i];
		struct command_route *other = &s->command_routes[i];
		if (!same_route(other, &route))
			continue;
		if (count > 0 && (other->alone || bytes + c->input.size > CORE_FRAME_BYTES))
			continue;
		group[count++] = *c;
		bytes += c->input.size + 256;
		other->service.size = 0; /* taken */
		if (other->alone)
			break;
	}
	return count;
}

void core_frames_seal(struct shard *s)
{
	struct wire_command group[WIRE_FRAME_MAX];
	for (uint32_t i = 0; i < s->command_count; i++) {
		const struct command_route route = s->command_routes[i];
		if (route.service.size == 0)
			continue;
		const uint32_t count = pick_group(s, i, group);
		send_frame(s, &route, group, count);
	}
	s->command_count = 0;
	s->command_gate = 0;
	arena_reset(&s->command_bytes);
}

static bool copy_slice(struct arena *arena, struct slice *slice)
{
	if (slice->size == 0)
		return true;
	void *copy = arena_take(arena, slice->size);
	if (copy == NULL)
		return false;
	memcpy(copy, slice->data, slice->size);
	slice->data = copy;
	return true;
}

static bool gather(struct shard *s, const struct txn_message *message)
{
	struct wire_command command = message->u.command;
	struct command_route route = {
		.service = message->service,
		.delivery = message->delivery,
		.fallback = message->fallback,
		.alone = message->again || command.attempt > 1,
	};
	struct arena *arena = &s->command_bytes;
	if (s->command_count == CORE_COMMANDS_MAX)
		return false;
	if (!copy_slice(arena, &command.saga) || !copy_slice(arena, &command.step_name) ||
	    !copy_slice(arena, &command.op_name) || !copy_slice(arena, &command.input) ||
	    !copy_slice(arena, &command.traceparent) || !copy_slice(arena, &route.service))
		return false;
	if (s->command_count == 0)
		s->command_made_ms = s->clock.time_ms;
	s->commands[s->command_count] = command;
	s->command_routes[s->command_count++] = route;
	if (message->gate > s->command_gate)
		s->command_gate = message->gate;
	return true;
}

static void note_retry(struct shard *s, const struct wire_command *command, bool fallback)
{
	const struct core_note note = {
		.event = fallback ? "step.fallback" : "step.retried",
		.shard = s->number,
		.epoch = s->epoch,
		.saga = command->saga,
		.step = command->step_name,
		.attempt = command->attempt,
		.text = command->op_name,
		.debug = true,
	};
	s->core->io.note(s->core->io.context, &note);
}

static void emit_command(struct shard *s, const struct txn_message *message)
{
	if (message->u.command.attempt > 1)
		note_retry(s, &message->u.command, message->fallback);
	if (gather(s, message))
		return;
	core_frames_seal(s);
	CHECK(gather(s, message));
}

/* ---- what the engine says -------------------------------------------------------------------- */

static void emit_encoded(struct shard *s, enum wire_kind kind, const void *body,
			 const struct txn_message *message)
{
	struct core *core = s->core;
	buf_clear(&core->scratch);
	const int error = wire_encode(kind, body, &core->scratch);
	if (error != 0) {
		core_note_event(s, "message.not_encodable", error);
		return;
	}
	core_send_reply(s, message->gate, message->reply_to, message->final,
			buf_slice(&core->scratch));
}

static void emit_alert(struct shard *s, const struct txn_message *message)
{
	struct core *core = s->core;
	const struct wire_alert *alert = &message->u.alert;
	const struct core_note note = {
		.event = "saga.parked",
		.shard = s->number,
		.epoch = s->epoch,
		.code = alert->code != 0 ? err_from_wire(alert->code) : SAGA_E_EXHAUSTED,
		.saga = alert->saga,
		.step = alert->step,
		.attempt = alert->attempts,
		.text = alert->text,
	};
	core->io.note(core->io.context, &note);
	buf_clear(&core->scratch);
	if (wire_encode(WIRE_ALERT, alert, &core->scratch) != 0)
		return;
	const struct subject subject = subject_alert(core->config.prefix);
	core_send_gated(s, message->gate, subject.text, buf_slice(&core->scratch));
}

static void emit_disposition(struct shard *s, const struct txn_message *message)
{
	CHECK_LT(s->disposition_count, WIRE_FRAME_MAX);
	s->dispositions[s->disposition_count++] = message->u.disposition;
	if (message->gate > s->disposition_gate)
		s->disposition_gate = message->gate;
}

void core_emit(void *context, const struct txn_message *message)
{
	struct shard *s = context;
	switch (message->kind) {
	case TXN_MESSAGE_COMMAND:
		emit_command(s, message);
		break;
	case TXN_MESSAGE_ANSWER:
		if (message->u.answer.code == err_to_wire(SAGA_E_BUSY))
			core_load_refused(s->core, &s->load);
		emit_encoded(s, WIRE_ANSWER, &message->u.answer, message);
		break;
	case TXN_MESSAGE_LIST:
		emit_encoded(s, WIRE_LIST, &message->u.list, message);
		break;
	case TXN_MESSAGE_DISPOSITION:
		emit_disposition(s, message);
		break;
	case TXN_MESSAGE_ALERT:
		emit_alert(s, message);
		break;
	}
}
