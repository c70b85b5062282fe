/* Submit through any node: a client that knows nothing of shards sends to
 * <prefix>.v1.submit.<tenant>, and whichever node gets it finds the shard's owner.
 *
 *   we own the shard            -> as if it had come on the shard's subject; no hop
 *   somebody else may own it    -> passed on to saga.v1.shard.<n>.submit.<tenant>, same bytes, same
 *                                  reply subject; the owner answers the client itself
 *   its form is wrong           -> answered here: the owner is not bothered
 *   we hold it, but do not serve (replaying, halted) -> `not_owner` at once
 *
 * One hop (S20): what arrives on a shard's subject is never passed on, whoever sent it, so a
 * message cannot go round. If ownership moved meanwhile nobody hears it, or one who says
 * `not_owner`; the client asks again, under the same id. A node does not ask its view of etcd
 * whether there is an owner: the view may be older than the take-over, and silence is what clients
 * must cope with.
 *
 * The reply subject is checked before anything is published, here and by the owner again. Only the
 * id is read; the bytes are passed on as they are. No lease is needed for that: nothing is claimed.
 */
#include "node/core_internal.h"

static const char QUEUE[] = "sagad"; /* one node takes it */

static void on_submit_message(void *context, const struct transport_message *message)
{
	struct core *core = context;

	core_submit(core, core->now, message);
}

int core_listen(struct core *core)
{
	const struct subject subject = subject_submit_all(core->config.prefix);

	CHECK(core->submits == NULL);
	return core->transport->ops->subscribe(core->transport, subject.text, QUEUE,
					       on_submit_message, core, &core->submits);
}

void core_unlisten(struct core *core)
{
	if (core->submits != NULL)
		core->transport->ops->unsubscribe(core->transport, core->submits);
	core->submits = NULL;
}

/* Says nothing that the journal would have to confirm: of the form, or that nobody serves now. */
static void answer(struct core *core, const struct transport_message *message, struct slice id,
		   uint32_t shard, int code, struct slice text)
{
	char subject[SUBJECT_SIZE_MAX];
	const struct wire_answer body = {
		.code = err_to_wire(code),
		.id = id_valid(id) ? id : slice_of(NULL, 0),
		.shard = shard,
		.retry_after_ms = core_load_hint(core, &core->load, code),
		.text = text,
	};

	core->stats.submits_answered++;
	if (message->reply.size == 0)
		return;
	reply_subject_copy(message->reply, subject);
	buf_clear(&core->scratch);
	if (wire_encode(WIRE_ANSWER, &body, &core->scratch) != 0)
		return;
	if (core->transport->ops->publish(core->transport, subject, slice_of(NULL, 0), NULL, 0,
					  buf_slice(&core->scratch)) == 0)
		core->stats.messages_sent++;
	else
		core->stats.messages_dropped++;
}

/* It was on its way when the shard was given up: silence would cost its sender half a second. */
void core_submit_moved(struct core *core, uint32_t shard, enum subject_verb verb,
		       const struct transport_message *message)
{
	if (verb != SUBJECT_REPLY && message->reply.size > 0)
		answer(core, message, slice_of(NULL, 0), shard, SAGA_E_NOT_OWNER,
		       slice_of(NULL, 0));
}

static void note_passed_on(const struct core *core, uint32_t shard, struct slice id)
{
	const struct core_note note = {
		.event = "submit.passed_on", .shard = shard, .saga = id, .debug = true};

	core->io.note(core->io.context, &note);
}

static void pass_on(struct core *core, uint32_t shard, struct slice tenant, struct slice id,
		    const struct transport_message *message)
{
	const struct subject subject =
		subject_shard(core->config.prefix, shard, SUBJECT_SUBMIT, tenant);

	/* A flood of submits for others must not keep our own shards from their turn. */
	if (core->passed_bytes + message->data.size > CORE_PASS_BYTES) {
		answer(core, message, id, shard, SAGA_E_BUSY, slice_of(NULL, 0));
		return;
	}
	core->passed_bytes += message->data.size;
	if (core->transport->ops->publish(core->transport, subject.text, message->reply, NULL, 0,
					  message->data) != 0) {
		core->stats.messages_dropped++; /* the client asks again */
		return;
	}
	core->stats.submits_passed_on++;
	core_load_taken(core, &core->load);
	note_passed_on(core, shard, id);
}

static void route(struct core *core, struct slice tenant, const struct transport_message *message)
{
	struct wire_fault fault;
	struct slice id = {0};
	char words[CORE_WORDS_MAX];

	if (wire_peek_id(WIRE_SUBMIT, message->data, &id, &fault) != 0) {
		core->stats.refused_messages++;
		answer(core, message, slice_of(NULL, 0), 0, fault.code,
		       core_fault_words(&fault, words, sizeof words));
		return;
	}
	const uint32_t number = wire_shard_of(core->config.slots, id);
	struct shard *s = core->shards[number];
	if (s == NULL)
		pass_on(core, number, tenant, id, message);
	else if (s->state == OWNERSHIP_SERVING || s->state == OWNERSHIP_QUIESCING)
		core_serve_message(s, SUBJECT_SUBMIT, tenant, message);
	else
		answer(core, message, id, number, SAGA_E_NOT_OWNER,
		       slice_str(ownership_name(s->state)));
}

void core_submit(struct core *core, struct core_time now, const struct transport_message *message)
{
	struct slice tenant;

	core->now = now;
	if (message->status != 0) {
		core->stats.refused_messages++;
		return;
	}
	if (!core_reply_allowed(core, message->reply)) {
		core->stats.refused_messages++;
		return;
	}
	if (subject_parse_submit(core->config.prefix, message->subject, &tenant) != 0) {
		core->stats.refused_messages++;
		answer(core, message, slice_of(NULL, 0), 0, SAGA_E_NAME, slice_str("tenant"));
		return;
	}
	if (message->waited_ms > CORE_SHED_MS) { /* N7, before it is looked into */
		core->stats.shed_total++;
		answer(core, message, slice_of(NULL, 0), 0, SAGA_E_BUSY, slice_of(NULL, 0));
		return;
	}
	route(core, tenant, message);
}
