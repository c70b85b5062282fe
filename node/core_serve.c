/* Requests and replies on a served shard: decode, one engine step, effects to their places. */
#include "node/core_internal.h"

/* Stands for "the reply frame in hand" in engine events; real tokens have a generation above. */
enum { DISPOSITION_TOKEN = 1, CONTRADICTION_MS = 1000 };

/* N7, the soft mark. Whatever a request may write, there is room for more behind it. */
bool core_serve_room(const struct shard *s)
{
	return s->records.size + TXN_STEP_RECORDS_MAX <= CORE_RECORDS_MAX &&
	       outbox_size(&s->outbox) < CORE_OUTBOX_SOFT && core_archive_room(s);
}

/* The hard mark; of records the engine says itself whether its step fits. */
static bool room_for_progress(const struct shard *s)
{
	return outbox_size(&s->outbox) < CORE_OUTBOX_HARD;
}

/* A participant takes back what it said (invariant 28): the first word stands, and somebody should
 * look at that service. Anybody with its rights can cause it, so it is not told each time. */
static void note_contradiction(struct shard *s, const struct txn_event *event)
{
	struct core *core = s->core;
	if (s->contradiction_told && core->now.mono_ms - s->contradiction_ms < CONTRADICTION_MS)
		return;
	s->contradiction_told = true;
	s->contradiction_ms = core->now.mono_ms;
	const struct core_note note = {
		.event = "saga.contradiction",
		.shard = s->number,
		.epoch = s->epoch,
		.code = SAGA_E_CONTRADICTION,
		.saga = event->u.reply.reply->saga,
		.attempt = event->u.reply.reply->attempt,
		.text = event->u.reply.service,
	};
	core->io.note(core->io.context, &note);
}

static int step_with(struct shard *s, struct txn_event *event, struct txn_effects *effects)
{
	effects->records = &s->records;
	effects->emit = core_emit;
	effects->emit_context = s;
	core_clock_run(s);
	event->now_ms = s->clock.time_ms;
	event->wall_ms = s->core->now.wall_ms;
	event->entropy = prng_next(&s->core->prng);
	event->busy_retry_ms = core_load_retry_ms(s->core, &s->load);
	/* Only ever rises, so an older one is safe; but it must not be told before what it rests on
	 * is durable (S1, S8). */
	s->low_water = txn_low_water(s->engine);
	s->low_water_gate = txn_last_record(s->engine);
	const int error = txn_step(s->engine, event, effects);
	s->record_count += effects->record_count;
	if (effects->contradiction)
		note_contradiction(s, event);
	CHECK(error == 0 || error == SAGA_E_EFFECTS_FULL);
	return error;
}

static bool step(struct shard *s, struct txn_event *event)
{
	struct txn_effects effects = {0};
	return step_with(s, event, &effects) == 0;
}

bool core_serve_inbox(struct shard *s, const struct txn_inbox_entry *entry, int *code)
{
	struct txn_event event = {.kind = TXN_EVENT_INBOX, .u.inbox = entry};
	struct txn_effects effects = {0};
	const int error = step_with(s, &event, &effects);
	*code = effects.inbox_code;
	return error == 0 && !effects.inbox_waits;
}

/* ---- begin and end of service ------------------------------------------------------------------
 */

static void on_message(void *context, const struct transport_message *message)
{
	struct core *core = context;
	core_message(core, core->now, message);
}

void core_serve_begin(struct shard *s)
{
	struct core *core = s->core;
	const struct subject subject = subject_shard_all(core->config.prefix, s->number);
	buf_clear(&s->records);
	s->record_count = 0;
	s->durable_record = txn_last_record(s->engine);
	CHECK_EQ(s->durable_record, appender_last_record(&s->appender));
	s->low_water = txn_low_water(s->engine);
	s->low_water_gate = s->durable_record;
	const int error = core->transport->ops->subscribe(core->transport, subject.text, NULL,
							  on_message, core, &s->subscription);
	if (error != 0) {
		core_lose(s, error); /* nobody could reach us: let another try */
		return;
	}
	core_archive_begin(s);
	txn_resume(s->engine, s->clock.time_ms, s->epoch, prng_next(&core->prng));
	ownership_move(&s->state, OWNERSHIP_SERVING);
	const struct core_note note = {
		.event = "shard.serving",
		.shard = s->number,
		.epoch = s->epoch,
		.records = s->durable_record,
		.duration_ms = core->now.mono_ms - s->replay_since_ms,
		.text = slice_str(s->cached ? "warm" : "cold"),
	};
	if (s->cached)
		core->stats.takeovers_warm_total++;
	else
		core->stats.takeovers_cold_total++;
	s->cached = false;
	core->io.note(core->io.context, &note);
	core_report(s, 0);
}

void core_serve_end(struct shard *s)
{
	struct core *core = s->core;
	if (s->subscription != NULL)
		core->transport->ops->unsubscribe(core->transport, s->subscription);
	s->subscription = NULL;
}

/* They are known to us only: whoever is not told asks again by itself, much later. */
void core_serve_moved(struct shard *s)
{
	struct core *core = s->core;
	const struct wire_answer answer = {
		.code = err_to_wire(SAGA_E_NOT_OWNER),
		.shard = s->number,
		.epoch = s->epoch,
		.retry_after_ms = CORE_MOVED_RETRY_MS,
	};
	const char *subject;
	buf_clear(&core->scratch);
	if (wire_encode(WIRE_ANSWER, &answer, &core->scratch) != 0)
		return;
	for (uint32_t at = 0; (subject = tokens_next(&s->tokens, &at)) != NULL;)
		if (!core_send_now(s, subject, buf_slice(&core->scratch)))
			return;
}

/* ---- requests
 * ------------------------------------------------------------------------------------ */

static void refuse(struct shard *s, const struct transport_message *message, struct slice id,
		   int code, struct slice text)
{
	struct core *core = s->core;
	char subject[SUBJECT_SIZE_MAX];
	if (message->reply.size == 0 || message->reply.size >= sizeof subject)
		return;
	memcpy(subject, message->reply.data, message->reply.size);
	subject[message->reply.size] = '\0';
	const struct wire_answer answer = {
		.code = err_to_wire(code),
		.id = id_valid(id) ? id : slice_of(NULL, 0),
		.shard = s->number,
		.epoch = s->epoch,
		.retry_after_ms = core_load_hint(core, &s->load, code),
		.text = text,
	};
	buf_clear(&core->scratch);
	if (wire_encode(WIRE_ANSWER, &answer, &core->scratch) == 0)
		(void)core_send_now(s, subject, buf_slice(&core->scratch));
}

static int decode(struct core *core, enum wire_kind kind, struct slice bytes, void *body,
		  struct wire_fault *fault)
{
	if (kind == WIRE_SUBMIT)
		return wire_decode_submit(bytes, &core->decode, core->plans, body, fault);
	return wire_decode(kind, bytes, &core->decode, body, fault);
}

struct slice core_fault_words(const struct wire_fault *fault, void *memory, uint32_t size)
{
	struct buf words;
	buf_init_fixed(&words, memory, size);
	if (fault->field != NULL && fault->field[0] != '\0')
		(void)buf_printf(&words, "%s, ", fault->field);
	(void)buf_printf(&words, "at byte %u", fault->offset);
	if (fault->code == SAGA_E_VERSION)
		(void)buf_printf(&words, ": this node reads format %d", WIRE_FORMAT);
	return buf_slice(&words);
}

/* Decodes into *body and takes a token for the answer; false when it was refused already. */
static bool take_request(struct shard *s, enum wire_kind kind, void *body,
			 const struct transport_message *message, uint64_t *reply_to)
{
	struct core *core = s->core;
	const struct slice none = slice_of(NULL, 0);
	struct wire_fault fault = {0};
	char words[CORE_WORDS_MAX];
	arena_reset(&core->decode);
	if (s->state != OWNERSHIP_SERVING) {
		refuse(s, message, none, SAGA_E_NOT_OWNER, none);
		return false;
	}
	if (!core_serve_room(s)) {
		refuse(s, message, none, SAGA_E_BUSY, none);
		return false;
	}
	if (decode(core, kind, message->data, body, &fault) != 0) {
		core->stats.refused_messages++;
		refuse(s, message, none, fault.code, core_fault_words(&fault, words, sizeof words));
		return false;
	}
	if (message->reply.size > TOKEN_SUBJECT_MAX) {
		refuse(s, message, none, SAGA_E_TOO_LARGE, slice_str("reply subject"));
		return false;
	}
	*reply_to = 0;
	if (message->reply.size != 0)
		*reply_to = tokens_take(&s->tokens, message->reply);
	if (message->reply.size != 0 && *reply_to == 0) {
		refuse(s, message, none, SAGA_E_BUSY, none);
		return false;
	}
	return true;
}

static void run(struct shard *s, struct txn_event *event, const struct transport_message *message)
{
	if (step(s, event))
		return;
	tokens_drop(&s->tokens, event->reply_to);
	refuse(s, message, slice_of(NULL, 0), SAGA_E_BUSY, slice_of(NULL, 0));
}

static void on_submit(struct shard *s, const struct transport_message *message)
{
	struct wire_submit submit;
	struct txn_event event = {.kind = TXN_EVENT_SUBMIT, .u.submit = &submit};
	s->load.refused_one = false;
	if (!take_request(s, WIRE_SUBMIT, &submit, message, &event.reply_to))
		return;
	run(s, &event, message);
	if (!s->load.refused_one)
		core_load_taken(s->core, &s->load);
}

static void on_query(struct shard *s, const struct transport_message *message)
{
	struct wire_query query;
	struct txn_event event = {.kind = TXN_EVENT_QUERY, .u.query = &query};
	if (take_request(s, WIRE_QUERY, &query, message, &event.reply_to))
		run(s, &event, message);
}

static void on_cancel(struct shard *s, const struct transport_message *message)
{
	struct wire_cancel cancel;
	struct txn_event event = {.kind = TXN_EVENT_CANCEL, .u.cancel = &cancel};
	if (take_request(s, WIRE_CANCEL, &cancel, message, &event.reply_to))
		run(s, &event, message);
}

static void on_list(struct shard *s, const struct transport_message *message)
{
	struct wire_list_request list;
	struct txn_event event = {.kind = TXN_EVENT_LIST, .u.list = &list};
	if (take_request(s, WIRE_LIST_REQUEST, &list, message, &event.reply_to))
		run(s, &event, message);
}

static void on_history(struct shard *s, const struct transport_message *message)
{
	struct wire_history_request request;
	uint64_t reply_to;
	if (take_request(s, WIRE_HISTORY_REQUEST, &request, message, &reply_to))
		core_history_request(s, &request, reply_to);
}

static void on_enlist(struct shard *s, const struct transport_message *message)
{
	struct wire_enlist enlist;
	struct txn_event event = {.kind = TXN_EVENT_ENLIST, .u.enlist = &enlist};
	if (take_request(s, WIRE_ENLIST, &enlist, message, &event.reply_to))
		run(s, &event, message);
}

static void on_commit(struct shard *s, const struct transport_message *message)
{
	struct wire_commit commit;
	struct txn_event event = {.kind = TXN_EVENT_COMMIT, .u.commit = &commit};
	if (take_request(s, WIRE_COMMIT, &commit, message, &event.reply_to))
		run(s, &event, message);
}

static void on_inquire(struct shard *s, struct slice party, const struct transport_message *message)
{
	struct wire_inquire inquire;
	struct txn_event event = {.kind = TXN_EVENT_INQUIRE, .u.inquire = {&inquire, party}};
	if (take_request(s, WIRE_INQUIRE, &inquire, message, &event.reply_to))
		run(s, &event, message);
}

/* ---- replies of participants
 * ------------------------------------------------------------------------ */

static void send_dispositions(struct shard *s, const struct transport_message *message, bool now)
{
	struct core *core = s->core;
	char subject[SUBJECT_SIZE_MAX];
	if (s->disposition_count == 0 || message->reply.size == 0 ||
	    message->reply.size >= sizeof subject)
		return;
	memcpy(subject, message->reply.data, message->reply.size);
	subject[message->reply.size] = '\0';
	const struct wire_disposition_frame frame = {
		.shard = s->number,
		.epoch = s->epoch,
		.dispositions = s->dispositions,
		.disposition_count = s->disposition_count,
	};
	buf_clear(&core->scratch);
	if (wire_encode(WIRE_DISPOSITION_FRAME, &frame, &core->scratch) != 0)
		return;
	if (now)
		(void)core_send_now(s, subject, buf_slice(&core->scratch));
	else
		core_send_gated(s, s->disposition_gate, subject, buf_slice(&core->scratch));
}

static void not_owner(struct shard *s, const struct wire_reply_frame *frame,
		      const struct transport_message *message)
{
	for (uint32_t i = 0; i < frame->reply_count; i++)
		s->dispositions[s->disposition_count++] = (struct wire_disposition){
			.operation = frame->replies[i].operation,
			.attempt = frame->replies[i].attempt,
			.kind = WIRE_DISPOSITION_NOT_OWNER,
		};
	send_dispositions(s, message, true);
}

static void on_reply(struct shard *s, struct slice party, const struct transport_message *message)
{
	struct core *core = s->core;
	struct wire_reply_frame frame;
	arena_reset(&core->decode);
	s->disposition_count = 0;
	s->disposition_gate = 0;
	/* The subject's last token is what the broker's permissions prove; the body must agree. */
	if (wire_decode(WIRE_REPLY_FRAME, message->data, &core->decode, &frame, NULL) != 0 ||
	    !slice_equal(frame.service, party) || frame.shard != s->number) {
		core->stats.refused_messages++;
		return;
	}
	if (s->state != OWNERSHIP_SERVING) {
		not_owner(s, &frame, message);
		return;
	}
	txn_expect(s->engine, frame.replies, frame.reply_count);
	for (uint32_t i = 0; i < frame.reply_count; i++) {
		struct txn_event event = {
			.kind = TXN_EVENT_REPLY,
			/* A call's answer wants no disposition. */
			.reply_to = message->reply.size > 0 ? DISPOSITION_TOKEN : 0,
			.u.reply = {.reply = &frame.replies[i],
				    .service = party,
				    .instance = frame.instance},
		};
		if (!room_for_progress(s) || !step(s, &event)) {
			/* Without a disposition they come again. */
			core->stats.replies_deferred += frame.reply_count - i;
			break;
		}
	}
	send_dispositions(s, message, false);
}

/* What would be a burden for long. Whoever asks how it stands, or wants an end of it, is heard. */
static bool may_be_shed(enum subject_verb verb)
{
	return verb == SUBJECT_SUBMIT;
}

void core_serve_message(struct shard *s, enum subject_verb verb, struct slice party,
			const struct transport_message *message)
{
	if (s->state != OWNERSHIP_SERVING && s->state != OWNERSHIP_QUIESCING)
		return;
	if (message->waited_ms > CORE_SHED_MS && may_be_shed(verb)) {
		s->core->stats.shed_total++;
		refuse(s, message, slice_of(NULL, 0), SAGA_E_BUSY, slice_of(NULL, 0));
		return;
	}
	switch (verb) {
	case SUBJECT_SUBMIT:
		on_submit(s, message);
		break;
	case SUBJECT_QUERY:
		on_query(s, message);
		break;
	case SUBJECT_CANCEL:
		on_cancel(s, message);
		break;
	case SUBJECT_REPLY:
		on_reply(s, party, message);
		break;
	case SUBJECT_LIST:
		on_list(s, message);
		break;
	case SUBJECT_HISTORY:
		on_history(s, message);
		break;
	case SUBJECT_ENLIST:
		on_enlist(s, message);
		break;
	case SUBJECT_COMMIT:
		on_commit(s, message);
		break;
	case SUBJECT_INQUIRE:
		on_inquire(s, party, message);
		break;
	case SUBJECT_VERBS:
		break;
	}
}

bool core_serve_event(struct shard *s, struct txn_event *event)
{
	return step(s, event);
}

bool core_serve_probe(struct shard *s)
{
	struct txn_event event = {.kind = TXN_EVENT_PROBE};
	return step(s, &event);
}

void core_serve_ticks(struct shard *s)
{
	core_meter_timers_due(s);
	while (txn_next_deadline(s->engine) <= s->clock.time_ms && room_for_progress(s)) {
		struct txn_event event = {.kind = TXN_EVENT_TICK};
		if (!step(s, &event))
			return;
	}
}
