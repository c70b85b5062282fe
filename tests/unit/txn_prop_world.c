/* The world around the engine: a journal that becomes durable late, a network, crashes, time. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/unit/txn_prop.h"
#include "wire/record.h"

static const struct txn_limits limits = {
	.open_max = 2,
	.remembered_max = 4,
	.branches_max = 8,
	.waiters_max = 64,
	.payload_max = 24 * 1024,
};

static struct {
	void *areas[PROP_AREAS];
	size_t size;
	struct buf journal, step_records;
	struct wire_slots slots;
} space;

struct prop_case prop;
uint64_t prop_seen[SEEN_COUNT];

void prop_memory_take(void)
{
	space.size = txn_memory_size(&limits);
	for (int i = 0; i < PROP_AREAS; i++) {
		space.areas[i] = mmap(NULL, space.size, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		PROP_REQUIRE(space.areas[i] != MAP_FAILED, "no memory");
	}
	buf_init(&space.journal, 4 * 1024 * 1024);
	buf_init(&space.step_records, 2 * TXN_STEP_RECORDS_MAX);
	PROP_REQUIRE(wire_slots_even(&space.slots, 1) == 0, "no slots");
}

struct slice prop_record_bytes(const struct prop_record *r)
{
	return slice_of(space.journal.data + r->offset, r->size);
}

void prop_fold_into(struct txn_shard *t, uint32_t index)
{
	const int err = txn_apply(t, prop_record_bytes(&prop.records[index]), index + 1,
				  prop.records[index].at);

	PROP_REQUIRE(err == 0, "22: record %u cannot be replayed: %s", index + 1, err_name(err));
}

struct txn_shard *prop_fresh_engine(int area)
{
	/* Zeroes, of which only those pages cost anything that were touched. */
	PROP_REQUIRE(madvise(space.areas[area], space.size, MADV_DONTNEED) == 0, "no zeroes");
	return txn_create(space.areas[area], space.size, &limits, &prop.config);
}

static void same_state(const char *when)
{
	const struct hash128 live = txn_state_hash(prop.t);
	const struct hash128 replayed = txn_state_hash(prop.replica);

	PROP_REQUIRE(memcmp(&live, &replayed, sizeof live) == 0,
		     "22: the replay has another state %s", when);
}

/* ---- what the engine says -------------------------------------------------------------------- */

static void take_records(void)
{
	struct slice rest = buf_slice(&space.step_records);

	while (rest.size > 0) {
		struct prop_record *r = &prop.records[prop.record_count];
		uint32_t size;

		PROP_REQUIRE(prop.record_count < PROP_RECORDS, "too many records");
		PROP_REQUIRE(wire_value_size(rest, &size) == 0, "a record is no value");
		/* A batch has one time for all its records: never exactly that of the step. */
		*r = (struct prop_record){.offset = space.journal.size,
					  .size = size,
					  .at = prop.now - prop.now % 64 - 1,
					  .made_at = prop.now,
					  .answered = prop.answered,
					  .step_number = prop.steps_done,
					  .parked_retry_ms = prop.config.parked_retry_ms};
		PROP_REQUIRE(buf_put(&space.journal, rest.data, size) == 0, "the journal is full");
		prop.record_count++;
		rest = slice_of(rest.data + size, rest.size - size);
	}
	buf_clear(&space.step_records);
}

static void copy_text(char *to, size_t size, struct slice from)
{
	PROP_REQUIRE(from.size < size, "\"%.*s\" is too long", (int)from.size,
		     (const char *)from.data);
	if (from.size > 0)
		memcpy(to, from.data, from.size);
	to[from.size] = '\0';
}

static void take_command(const struct txn_message *m, struct prop_packet *p)
{
	const struct wire_command *c = &m->u.command;

	PROP_REQUIRE(slice_equal(c->saga, slice_str("s")), "a command for another saga");
	PROP_REQUIRE(c->step_name.size == 1 && c->step_name.data[0] >= 'a' &&
			     c->step_name.data[0] < 'a' + PROP_STEPS,
		     "a command for another step");
	p->kind = PACKET_COMMAND;
	p->call = m->delivery == WIRE_DELIVERY_DIRECT;
	p->again = m->again;
	p->fallback = m->fallback;
	p->overdue = prop.overdue;
	p->step = c->step_name.data[0] - (uint32_t)'a';
	p->index = c->step;
	p->op = c->op;
	p->attempt = c->attempt;
	p->operation = c->operation;
	p->token = c->admission;
	copy_text(p->op_name, sizeof p->op_name, c->op_name);
	copy_text(p->service, sizeof p->service, m->service);
	copy_text(p->input, sizeof p->input, c->input);
	p->input_size = c->input.size;
	PROP_REQUIRE(p->op >= WIRE_OP_FORWARD && p->op <= WIRE_OP_SETTLE, "op %u", p->op);
}

static void take_answer(const struct txn_message *m, struct prop_packet *p)
{
	const struct wire_answer *a = &m->u.answer;

	p->kind = PACKET_ANSWER;
	p->token = m->reply_to;
	p->final = m->final;
	p->answer_code = a->code;
	p->state = a->state;
	p->reason = a->reason;
	p->decision = a->decision;
	p->heuristics = a->heuristics;
}

static void on_message(void *context, const struct txn_message *m)
{
	struct prop_packet p = {.gate = m->gate, .made_at = prop.now, .epoch = prop.epoch};

	(void)context;
	take_records();
	prop_carry_heard(m);
	/* T1, in the strict form: all records of the step stand before its messages. */
	PROP_REQUIRE(m->gate == prop.record_count, "S1: gate %llu of a message after record %u",
		     (unsigned long long)m->gate, prop.record_count);
	switch (m->kind) {
	case TXN_MESSAGE_COMMAND:
		take_command(m, &p);
		break;
	case TXN_MESSAGE_ANSWER:
		take_answer(m, &p);
		break;
	case TXN_MESSAGE_ALERT:
		p.kind = PACKET_ALERT;
		p.code = m->u.alert.code;
		break;
	case TXN_MESSAGE_LIST:
		p.kind = PACKET_LIST;
		p.listed = m->u.list.saga_count;
		p.heuristics = p.listed > 0 ? m->u.list.sagas[0].heuristics : 0;
		break;
	case TXN_MESSAGE_DISPOSITION:
		prop.dispositions++;
		PROP_REQUIRE(m->u.disposition.kind == WIRE_DISPOSITION_RECORDED ||
				     prop.record_count > prop.step_first,
			     "S2: obsolete, and no record behind it");
		return;
	}
	PROP_REQUIRE(prop.outbox_count < PROP_PACKETS, "too many messages");
	prop.outbox[prop.outbox_count++] = p;
}

/* ---- what leaves ----------------------------------------------------------------------------- */

void prop_send(const struct prop_packet *p)
{
	const uint32_t copies = prop_trouble(15) ? 0 : prop_trouble(15) ? 2 : 1;

	for (uint32_t i = 0; i < copies && prop.network_count < PROP_PACKETS; i++)
		prop.network[prop.network_count++] = *p;
}

static void message_leaves(const struct prop_packet *p)
{
	struct prop_note *n;

	switch (p->kind) {
	case PACKET_COMMAND:
		n = prop_note('>', p->step, p->op, 0);
		n->number = p->attempt;
		n->code = p->call;
		prop_check_command(p);
		prop_send(p);
		break;
	case PACKET_ANSWER:
		n = prop_note('A', p->final, p->decision, p->state);
		n->number = (uint32_t)p->token;
		n->code = p->answer_code;
		prop_check_answer(p);
		prop_client_answer(p);
		break;
	case PACKET_ALERT:
		prop.alerts++;
		break;
	case PACKET_LIST:
		PROP_REQUIRE(p->heuristics == prop.heuristics &&
				     (p->listed > 0) == (prop.heuristics > 0),
			     "38: the list of heuristics tells %u of %u", p->heuristics,
			     prop.heuristics);
		break;
	case PACKET_REPLY:
		break;
	}
}

static void leave_up_to(uint32_t durable)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < prop.outbox_count; i++) {
		const struct prop_packet p = prop.outbox[i];

		if (p.gate > durable)
			prop.outbox[kept++] = p;
		else
			message_leaves(&p);
	}
	prop.outbox_count = kept;
}

void prop_flush(uint32_t durable)
{
	while (prop.durable < durable) {
		prop_check_record(&prop.records[prop.durable]);
		prop.durable++;
		leave_up_to(prop.durable);
	}
	leave_up_to(prop.durable);
}

/* ---- events ---------------------------------------------------------------------------------- */

static struct slice written_since(uint32_t first)
{
	uint32_t size = 0;

	for (uint32_t i = first; i < prop.record_count; i++)
		size += prop.records[i].size;
	return slice_of(space.journal.data + space.journal.size - size, size);
}

void prop_step_engine(struct txn_event event)
{
	const uint32_t first = prop.record_count;
	struct txn_effects effects = {.records = &space.step_records, .emit = on_message};
	const char *wrong;
	int err;

	prop.step_first = first;
	prop.dispositions = 0;
	event.now_ms = prop.now;
	event.entropy = prng_mix(prop.seed + ++prop.entropy);
	err = txn_step(prop.t, &event, &effects);
	take_records();
	PROP_REQUIRE(err == 0, "a step fails: %s", err_name(err));
	prop.contradicted = effects.contradiction;
	PROP_REQUIRE(effects.record_count == prop.record_count - first, "records are miscounted");
	for (uint32_t i = first; i < prop.record_count; i++)
		prop_fold_into(prop.replica, i);
	prop_carry_step(&event, written_since(first));
	if (prop.record_count > first)
		prop.records[prop.record_count - 1].ends_step = true;
	same_state("after an event");
	wrong = txn_verify(prop.t, true);
	PROP_REQUIRE(wrong == NULL, "txn_verify: %s", wrong);
	prop.steps_done++;
	/* A tick may leave what is due to the next one. */
	prop.overdue |= event.kind == TXN_EVENT_TICK && prop.accepted &&
			prop.now >= prop.deadline_at && txn_next_deadline(prop.t) > prop.now;
	leave_up_to(prop.durable); /* what rests on nothing new */
}

static void tick(void)
{
	const uint64_t deadline = txn_next_deadline(prop.t);
	/* The programs of interactive ones mostly come back in time. */
	const uint32_t percent = prop.interactive && !prop.closed ? 15 : 67;

	if (deadline != UINT64_MAX && prop_chance(percent))
		prop.now = deadline > prop.now ? deadline : prop.now;
	else
		prop.now += prop_below(500);
	(void)prop_note('T', 0, 0, 0);
	prop_step_engine((struct txn_event){.kind = TXN_EVENT_TICK});
}

static void deliver_one(void)
{
	const uint32_t n = (uint32_t)prop_below(prop.network_count);
	const struct prop_packet p = prop.network[n];

	prop.network[n] = prop.network[--prop.network_count];
	if (p.kind == PACKET_COMMAND) {
		struct prop_packet reply;
		const uint32_t before = prop.network_count;

		prop_command_arrives(&p);
		/* Its answer may be on its way at once, or take its time. */
		if (prop.network_count == before + 1 && prop_chance(50)) {
			reply = prop.network[--prop.network_count];
			prop_reply_arrives(&reply);
		}
	} else {
		prop_reply_arrives(&p);
	}
}

/* ---- crashes --------------------------------------------------------------------------------- */

static void saw_crash(void)
{
	bool votes = true, settling = false;

	for (uint32_t i = 0; i < prop.count; i++) {
		votes &= prop_satisfied(i);
		settling |=
			prop.s[i].sent[WIRE_OP_SETTLE] > 0 && prop.s[i].result[WIRE_OP_SETTLE] == 0;
	}
	if (!prop.accepted)
		prop_saw(SEEN_CRASH_UNBORN);
	else if (prop.finished)
		prop_saw(SEEN_CRASH_OVER);
	else if (prop_any_parked())
		prop_saw(SEEN_CRASH_PARKED);
	else if (prop.decision == WIRE_DECISION_COMMIT)
		prop_saw(SEEN_CRASH_FINISHING);
	else if (prop.decision == WIRE_DECISION_ABORT)
		prop_saw(SEEN_CRASH_UNDOING);
	else if (settling)
		prop_saw(SEEN_CRASH_SETTLING);
	else if (prop.interactive && !prop.closed)
		prop_saw(prop.order_count > 0 ? SEEN_CRASH_ENLISTED : SEEN_CRASH_OPEN);
	else if (votes)
		prop_saw(SEEN_CRASH_VOTES_IN);
	else if (prop.pivot < PROP_STEPS && prop.s[prop.pivot].sent[WIRE_OP_FORWARD] > 0)
		prop_saw(SEEN_CRASH_PIVOT_OUT);
	else
		prop_saw(SEEN_CRASH_RUNNING);
}

/* What is not durable is gone; the next owner begins with the rest. */
static void take_over(void)
{
	struct prop_note *n;
	const char *wrong;
	uint64_t entropy;

	n = prop_note('X', 0, 0, 0);
	n->number = prop.record_count;
	n->code = prop.durable;
	prop.record_count = prop.durable;
	space.journal.size = prop.durable > 0 ? prop.records[prop.durable - 1].offset +
							prop.records[prop.durable - 1].size
					      : 0;
	prop.outbox_count = 0;
	prop.overdue = false;
	for (uint32_t i = 0; i < prop.request_count; i++)
		prop.requests[i].lost = true; /* its clients ask again */
	prop.t = prop_carry_take_over(0);
	prop.replica = prop_fresh_engine(1);
	for (uint32_t i = 0; i < prop.durable; i++)
		prop_fold_into(prop.replica, i);
	entropy = prng_mix(prop.seed + ++prop.entropy);
	txn_resume(prop.t, prop.now, ++prop.epoch, entropy);
	prop_carry_resumed(entropy);
	same_state("after a crash");
	wrong = txn_verify(prop.t, true);
	PROP_REQUIRE(wrong == NULL, "txn_verify after a crash: %s", wrong);
}

/* The owner dies: what is not durable is gone, what was to be said is not said; what was said stays
 * on its way. Batches end where steps do, mostly: a large step's records may need two. */
static void crash(void)
{
	uint32_t durable;

	/* In the middle of something, if there is something. */
	if (prop.network_count > 0 && prop_chance(70))
		deliver_one();
	else if (prop_chance(30))
		tick();
	durable = prop.durable + (uint32_t)prop_below(prop.record_count - prop.durable + 1);
	if (prop_chance(60)) {
		while (durable < prop.record_count && durable > 0 &&
		       !prop.records[durable - 1].ends_step)
			durable++;
	} else if (durable > 0 && !prop.records[durable - 1].ends_step) {
		prop_saw(SEEN_CRASH_WITHIN_STEP);
	}
	prop_flush(durable);
	saw_crash();
	if (prop_chance(30)) /* nobody owned it for a while */
		prop.now += prop_below(4000);
	prop.config.parked_retry_ms = prop_chance(85) ? PROP_PARKED_RETRY_MS : 0;
	take_over();
}

static void random_event(void)
{
	const bool early = !prop.begun || (prop.interactive && !prop.closed);
	const uint64_t kind = prop_below(100);

	prop_carry_random();
	/* A turn that comes late: what is queued is handled before the timers (S16). */
	if (prop_below(10) == 0)
		prop.now += prop_below(300);
	if (kind < (early ? 60 : 14))
		prop_client();
	else if (kind < 74 && prop.network_count > 0)
		deliver_one();
	else if (kind < 83)
		tick();
	else if (kind < 85)
		prop_bogus_reply();
	else if (kind < 87)
		prop_contradiction();
	else if (kind < 96)
		prop_flush(prop.durable +
			   (uint32_t)prop_below(prop.record_count - prop.durable + 1));
	else if (kind < 99)
		crash();
	else
		prop_step_engine((struct txn_event){.kind = TXN_EVENT_PROBE});
	if (prop_chance(70))
		prop_flush(prop.record_count);
}

/* No more trouble and no new work: everything comes to its end, but for what waits for a
 * participant that never answers, which is parked. */
static void heal(void)
{
	bool silent = false;
	uint32_t parked_turns = 0;

	prop.healing = true;
	prop.trouble_percent = 0;
	(void)prop_note('H', 0, 0, 0);
	for (uint32_t i = 0; i < prop.count; i++)
		silent |= prop.s[i].silent != 0 || prop.s[i].refused != 0 ||
			  (prop_picks(i) && prop.steps[i].flags & WIRE_STEP_RETRIABLE);
	if (prop.config.parked_retry_ms == 0) { /* what is parked for good is nobody's */
		prop_flush(prop.record_count);
		prop.config.parked_retry_ms = PROP_PARKED_RETRY_MS;
		take_over();
	}
	for (int i = 0; i < 5000; i++) {
		prop_flush(prop.record_count);
		if (prop.network_count > 0) {
			deliver_one();
			continue;
		}
		if (!prop.accepted || prop.finished)
			return;
		if (silent && prop_any_parked() && ++parked_turns > 40) {
			prop_saw(SEEN_LEFT_PARKED);
			return;
		}
		PROP_REQUIRE(txn_next_deadline(prop.t) != UINT64_MAX, "L1: nobody looks after it");
		if (txn_next_deadline(prop.t) > prop.now)
			prop.now = txn_next_deadline(prop.t);
		prop_step_engine((struct txn_event){.kind = TXN_EVENT_TICK});
	}
	prop_fail("L1: it does not end");
}

static void put_genesis(void)
{
	const struct wire_record_genesis genesis = {
		.cluster = slice_str("prop"),
		.shard_count = 1,
		.slots = {.bytes = {1}},
		.created = slice_str("today"),
	};

	PROP_REQUIRE(wire_encode(WIRE_RECORD_GENESIS, &genesis, &space.step_records) == 0,
		     "no genesis");
	take_records();
	prop.records[0].ends_step = true;
	prop.durable = 1;
}

static void set_up(uint64_t seed)
{
	static const uint32_t troubles[] = {0, 0, 10, 20, 40, 70, 100};

	memset(&prop, 0, offsetof(struct prop_case, records));
	memset((char *)&prop + offsetof(struct prop_case, record_count), 0,
	       offsetof(struct prop_case, outbox) - offsetof(struct prop_case, record_count));
	memset((char *)&prop + offsetof(struct prop_case, outbox_count), 0,
	       sizeof prop - offsetof(struct prop_case, outbox_count));
	prop.seed = seed;
	prng_seed(&prop.random, seed);
	prop.now = PROP_START_MS;
	prop_story_begin();
	prop.trouble_percent = troubles[prop_below(7)];
	prop.cancel_percent = prop_chance(40) ? 15 : 0;
	prop.wants_commit = prop_chance(75);
	prop.wants_rollback = !prop.wants_commit && prop_chance(60);
	prop_plan_random();
	for (uint32_t i = 0; i < prop.count; i++) {
		if (prop_trouble(8))
			prop.s[i].silent = (uint8_t)(1U << (1 + prop_below(4)));
		if (prop.steps[i].flags & WIRE_STEP_RETRIABLE && prop_trouble(10))
			prop.s[i].refused = 1U << WIRE_OP_FORWARD;
	}
	prop.config = (struct txn_config){
		.slots = &space.slots,
		.retry_window_max_ms = 86400000,
		.remember_margin_ms = 10000,
		.parked_retry_ms = prop_chance(85) ? PROP_PARKED_RETRY_MS : 0,
		.deadline_max_ms = 3600000,
		.command_age_ms = PROP_AGE_MS,
		.command_leave_ms = PROP_LEAVE_MS,
		.resend_per_second = prop_chance(50) ? 100 : 0,
		.resend_after_ms = prop_chance(60) ? 100 : 0,
	};
	buf_clear(&space.journal);
	buf_clear(&space.step_records);
	prop.epoch = 1;
	prop.t = prop_fresh_engine(0);
	prop.replica = prop_fresh_engine(1);
	put_genesis();
	prop_fold_into(prop.t, 0);
	prop_fold_into(prop.replica, 0);
	txn_resume(prop.t, prop.now, prop.epoch, prng_mix(seed));
	prop_carry_begin();
}

void prop_run(uint64_t seed)
{
	set_up(seed);
	const uint32_t events = 15 + (uint32_t)prop_below(80);

	for (uint32_t i = 0; i < events && !(prop.finished && prop.network_count == 0 && i > 10);
	     i++)
		random_event();
	heal();
	prop_client_end();
	prop_check_end();
	prop_carry_end();
}
