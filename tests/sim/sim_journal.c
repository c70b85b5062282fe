/* The journals: one log a shard, shared by all nodes, fenced as JetStream does it. Whatever a
 * process has sent is carried out even when the process is dead by then. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"
#include "wire/batch.h"
#include "wire/record.h"

enum { APPEND_TIMEOUT_MS = 400, READ_CHUNK = 16, MUTE = 1, LATE_MS = 1500, HELD_MS = 8000 };
enum {
	TAIL = 0x100,         /* with the shard: it goes on with what comes */
	TAIL_LOOKS_MS = 1000, /* whether anybody still answers */
};

static uint32_t count_of(const struct sim *sim, uint32_t shard)
{
	return sim->history.journals[shard].count;
}

/* ---- names -------------------------------------------------------------------------------------
 */

static void roll_up(struct sim *sim, uint32_t shard, uint8_t name)
{
	struct sim_log *log = &sim->logs[shard];
	const uint32_t count = count_of(sim, shard);

	for (uint32_t i = 0; i < count; i++) {
		struct sim_stand *stand = &log->stands[i];

		if (stand->name != name || stand->gone_at != 0)
			continue;
		stand->gone_at = count + 1;
		log->rolled_up++;
		sim->count.batches_rolled_up++;
	}
}

static void read_chunk(struct sim *sim, struct sim_event *e);

static void go_on_tailing(struct sim *sim, uint32_t node, uint32_t shard, uint64_t at_ms)
{
	const struct sim_tail *tail = &sim->nodes[node].journal.tails[shard];
	struct sim_event *e = sim_at(sim, at_ms, node, read_chunk);

	e->a = shard | TAIL;
	e->b = tail->token;
	e->c = tail->next;
	e->d = UINT64_MAX;
}

static void wake_tails(struct sim *sim, uint32_t shard)
{
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_tail *tail = &sim->nodes[i].journal.tails[shard];

		if (!tail->waits)
			continue;
		tail->waits = false;
		go_on_tailing(sim, i, shard,
			      sim->now_ms + 1 +
				      sim_draw(sim, SIM_JOURNAL, sim->faults.journal_ms + 1));
	}
}

uint64_t sim_journal_put(struct sim *sim, uint32_t shard, struct journal_place place,
			 struct slice bytes)
{
	struct sim_log *log = &sim->logs[shard];
	const uint32_t count = count_of(sim, shard);
	const uint8_t name = (uint8_t)(place.segment % (JOURNAL_NAMES + 1));
	uint8_t *copy = malloc(bytes.size);

	CHECK(copy != NULL);
	memcpy(copy, bytes.data, bytes.size);
	if (place.begins)
		roll_up(sim, shard, name);
	if (count == log->capacity)
		log->stands = sim_grow(log->stands, count, &log->capacity, sizeof *log->stands);
	log->stands[count] = (struct sim_stand){.name = name};
	(void)history_add_batch(&sim->history, sim->now_ms, shard, copy, bytes.size);
	wake_tails(sim, shard);
	return count_of(sim, shard);
}

void sim_journal_close(struct sim *sim)
{
	for (uint32_t n = 0; n < SIM_SHARDS_MAX; n++)
		free(sim->logs[n].stands);
}

/* Whole segments, with gaps between them: seen of 2.9.10 with three replicas (decision 0006). */
void sim_journal_comes_back(struct sim *sim, uint32_t shard)
{
	struct sim_log *log = &sim->logs[shard];
	uint32_t names = 0, back = 0;

	for (uint32_t name = 0; name < JOURNAL_NAMES; name++)
		names |= (uint32_t)sim_draw(sim, SIM_JOURNAL, 2) << name;
	for (uint32_t i = 0; i < count_of(sim, shard); i++) {
		struct sim_stand *stand = &log->stands[i];

		if (stand->gone_at == 0 || stand->purged || (names >> stand->name & 1) == 0)
			continue;
		stand->gone_at = 0;
		log->rolled_up--;
		back++;
	}
	sim->count.segments_come_back += back > 0;
	sim_fault(sim, "journal.comes_back", shard, back, 0, 0);
}

/* To a server that knows the log up to `end`. */
static bool is_there(const struct sim *sim, uint32_t shard, uint64_t at, uint64_t end)
{
	const struct sim_stand *stand = &sim->logs[shard].stands[at - 1];

	return stand->gone_at == 0 || (stand->gone_at > end && !stand->purged);
}

void sim_journal_create(struct sim *sim)
{
	struct buf record, batch;

	buf_init(&record, 4096);
	buf_init(&batch, 8192);
	for (uint32_t n = 0; n < sim->shard_count; n++) {
		const struct wire_record_genesis genesis = {.cluster = id_slice(&sim->cluster),
							    .shard = n,
							    .shard_count = sim->shard_count,
							    .slots = wire_slots_hash(&sim->slots),
							    .created = slice_str("2026-01-01")};
		const struct batch_header header = {.shard = n,
						    .record_count = 1,
						    .first_record = 1,
						    .shard_time = SIM_START_MS,
						    .cluster = sim->cluster};

		buf_clear(&record);
		buf_clear(&batch);
		CHECK_EQ(wire_encode(WIRE_RECORD_GENESIS, &genesis, &record), 0);
		CHECK_EQ(batch_encode(&header, buf_slice(&record), &batch), 0);
		(void)sim_journal_put(sim, n, (struct journal_place){0}, buf_slice(&batch));
	}
	buf_close(&record);
	buf_close(&batch);
}

void sim_journal_depose(struct sim *sim, uint32_t shard, uint64_t away_ms, uint64_t deposed_ms)
{
	sim->leaders[shard] = (struct sim_leader){
		.away_until_ms = sim->now_ms + away_ms,
		.deposed_until_ms = sim->now_ms + deposed_ms,
		.deposed_last = count_of(sim, shard),
	};
	sim->count.leader_changes++;
	sim_note(sim, "journal.leader", shard, away_ms, deposed_ms, count_of(sim, shard));
}

void sim_journal_lose(struct sim *sim, uint32_t shard, uint32_t batches)
{
	history_lose_batches(&sim->history, shard, batches);
	sim_note(sim, "journal.lost", shard, count_of(sim, shard), 0, 0);
}

void sim_journal_purge(struct sim *sim, uint32_t shard)
{
	for (uint32_t i = 0; i < count_of(sim, shard); i++)
		sim->logs[shard].stands[i].gone_at = 1, sim->logs[shard].stands[i].purged = true;
	sim_note(sim, "journal.purged", shard, count_of(sim, shard), 0, 0);
}

void sim_journal_remake(struct sim *sim, uint32_t shard)
{
	sim_journal_lose(sim, shard, count_of(sim, shard));
}

/* ---- calls that are open ------------------------------------------------------------------------
 */

static struct sim_journal *self(struct journal *journal)
{
	return (struct sim_journal *)(void *)journal;
}

static bool is_open(const struct sim_journal *j, uint64_t token)
{
	for (uint32_t i = 0; token != 0 && i < SIM_TOKENS; i++)
		if (j->open[i] == token)
			return true;
	return false;
}

static void open_token(struct sim_journal *j, uint64_t token)
{
	CHECK(token != 0);
	for (uint32_t i = 0; i < SIM_TOKENS; i++) {
		if (j->open[i] != 0)
			continue;
		j->open[i] = token;
		return;
	}
	CHECK(false);
}

static void close_token(struct sim_journal *j, uint64_t token)
{
	for (uint32_t i = 0; i < SIM_TOKENS; i++)
		if (j->open[i] == token)
			j->open[i] = 0;
}

static bool link_down(const struct sim_node *node)
{
	return sim_link_down(node) || node->journal_cut_until_ms > node->sim->now_ms;
}

/* ---- appends ------------------------------------------------------------------------------------
 */

static void tell_appended(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];
	const uint32_t shard = (uint32_t)e->a;

	if (!is_open(&node->journal, e->b))
		return;
	close_token(&node->journal, e->b);
	sim_note(sim, "journal.told", e->node, shard, e->c, e->d);
	if (e->c == JOURNAL_UNKNOWN)
		sim->count.unknown_appends++;
	if (e->c == JOURNAL_STORED)
		sim_beyond_knows(node, shard, e->d);
	node->journal.events.appended(node->journal.events.context, shard, e->b,
				      (enum journal_append_status)e->c, e->d);
}

/* A server that leads no more and does not know it. */
static bool at_deposed(struct sim *sim, uint32_t shard)
{
	return sim->leaders[shard].deposed_until_ms > sim->now_ms &&
	       sim_draw(sim, SIM_JOURNAL, 2) == 0;
}

/* Nobody leads, or one that does not: it is stored nowhere. Either nobody answers, or it is said at
 * once; a newer server may even compare the position with what it takes for the end. */
static bool turned_away(struct sim *sim, const struct sim_event *e, uint32_t shard, uint32_t node,
			bool mute)
{
	const bool away = sim->leaders[shard].away_until_ms > sim->now_ms;
	const bool deposed = !away && at_deposed(sim, shard);
	/* A position may also be taken by something that its leader never gets through. */
	const bool wrongly = !away && sim_chance(sim, SIM_JOURNAL, sim->faults.refused_wrongly);

	if (!away && !deposed && !wrongly)
		return false;
	sim->count.leaderless_appends += away;
	sim->count.deposed_appends += deposed;
	if (mute || sim->nodes[node].life != e->d >> 16 ||
	    (!wrongly && sim_draw(sim, SIM_JOURNAL, 2) == 0))
		return true; /* the time-out tells */
	struct sim_event *answer = sim_at(sim, sim->now_ms + 1, node, tell_appended);
	const uint64_t last = deposed ? sim->leaders[shard].deposed_last : count_of(sim, shard) + 1;
	const bool refused = wrongly && e->b != JOURNAL_UNFENCED && e->b != last;

	sim->count.refused_wrongly += refused;
	answer->a = shard;
	answer->b = e->c;
	answer->c = refused ? JOURNAL_REFUSED : JOURNAL_UNKNOWN;
	answer->d = refused ? last : 0;
	return true;
}

/* `a`: shard, the name, whether it begins a segment there. */
static uint64_t packed(uint32_t shard, uint64_t expected, struct journal_place place)
{
	const uint64_t name = expected == JOURNAL_UNFENCED ? JOURNAL_UNFENCED_NAME
							   : place.segment % JOURNAL_NAMES;

	return shard | name << 8 | (uint64_t)place.begins << 16;
}

static struct journal_place place_of(uint64_t a)
{
	return (struct journal_place){.segment = a >> 8 & 0xff, .begins = (a >> 16 & 1) != 0};
}

/* The request reaches the stream's leader. `d`: node, its life, whether the answer is lost. */
static void carry_out(struct sim *sim, struct sim_event *e)
{
	const uint32_t shard = (uint32_t)(e->a & 0xff), node = (uint32_t)(e->d & 0xff);
	const struct journal_place place = place_of(e->a);
	const uint64_t last = count_of(sim, shard);
	const bool fits = e->b == JOURNAL_UNFENCED || e->b == last || sim_plants.appends_unfenced;
	const bool mute = ((e->d >> 8) & MUTE) != 0 || link_down(&sim->nodes[node]);

	if (turned_away(sim, e, shard, node, mute))
		return;
	if (fits)
		sim->last_writer[shard] = (struct sim_writer){
			node, e->d >> 16,
			sim_journal_put(sim, shard, place, slice_of(e->bytes, e->size))};
	else
		sim->count.refused_appends++;
	sim->count.segments += fits && place.begins;
	sim->count.refused_roll_ups += !fits && place.begins;
	if (e->b == JOURNAL_UNFENCED)
		sim->count.unfenced_epochs++;
	sim_note(sim, fits ? "journal.stored" : "journal.refused", node, shard, last + 1, mute);
	if (mute || sim->nodes[node].life != e->d >> 16)
		return;
	struct sim_event *answer = sim_at(
		sim, sim->now_ms + 1 + sim_draw(sim, SIM_JOURNAL, sim->faults.journal_ms + 1), node,
		tell_appended);
	answer->a = shard;
	answer->b = e->c;
	answer->c = fits ? JOURNAL_STORED : JOURNAL_REFUSED;
	answer->d = fits ? last + 1 : last;
}

static uint64_t arrival_ms(struct sim_journal *j, uint32_t shard)
{
	struct sim *sim = j->node->sim;
	uint64_t at = sim->now_ms + 1 + sim_draw(sim, SIM_JOURNAL, sim->faults.journal_ms + 1);

	if (at < j->apply_ms[shard])
		at = j->apply_ms[shard];
	j->apply_ms[shard] = at;
	return at;
}

/* The connection is gone, and the client knows. */
static bool unsent(struct sim_journal *j)
{
	struct sim *sim = j->node->sim;
	const bool down = link_down(j->node) && sim_draw(sim, SIM_JOURNAL, 2) == 0;

	if (!down && !sim_chance(sim, SIM_JOURNAL, sim->faults.unsent))
		return false;
	sim->count.unsent++;
	return true;
}

static int append(struct journal *journal, uint32_t shard, uint64_t expected,
		  struct journal_place place, struct slice bytes, uint64_t token)
{
	struct sim_journal *j = self(journal);
	struct sim *sim = j->node->sim;

	if (is_open(j, j->appending[shard]))
		return SAGA_E_BUSY;
	if (unsent(j))
		return SAGA_E_DISCONNECTED;
	const uint64_t timeout_ms = sim->now_ms + APPEND_TIMEOUT_MS;
	const bool lost =
		link_down(j->node) || sim_chance(sim, SIM_JOURNAL, sim->faults.append_lost);
	const bool late = !lost && sim_chance(sim, SIM_JOURNAL, sim->faults.append_late);
	const bool mute = late || sim_chance(sim, SIM_JOURNAL, sim->faults.append_mute);
	uint64_t at_ms = arrival_ms(j, shard);

	if (late) /* after its sender has given it up; a connection that hangs may hold it for long
		   */
		at_ms = timeout_ms +
			sim_draw(sim, SIM_JOURNAL,
				 sim_draw(sim, SIM_JOURNAL, 8) == 0 ? HELD_MS : LATE_MS);
	sim->count.late_appends += late;
	sim_note(sim, "journal.append", j->node->index, shard, expected + 1, lost ? 9 : late);
	open_token(j, token);
	j->appending[shard] = token;
	if (!lost) {
		struct sim_event *e = sim_at(sim, at_ms, SIM_WORLD, carry_out);

		e->a = packed(shard, expected, place);
		e->b = expected;
		e->c = token;
		e->d = j->node->index | (uint64_t)(mute ? MUTE : 0) << 8 | j->node->life << 16;
		sim_event_bytes(e, bytes);
	}
	struct sim_event *unknown = sim_at(sim, timeout_ms, j->node->index, tell_appended);
	/* A broken connection is noticed earlier than a time-out. */
	unknown->a = shard;
	unknown->b = token;
	unknown->c = JOURNAL_UNKNOWN;
	return 0;
}

/* ---- reads --------------------------------------------------------------------------------------
 */

static void read_fails(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];

	if (!is_open(&node->journal, e->b))
		return;
	close_token(&node->journal, e->b);
	node->journal.events.read_end(node->journal.events.context, (uint32_t)(e->a & 0xff), e->b,
				      SAGA_E_TIMEOUT, 0);
}

/* Nothing comes, and perhaps nobody is there. */
static void tail_looks(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];
	struct sim_tail *tail = &node->journal.tails[e->a & 0xff];

	if (!is_open(&node->journal, e->b) || tail->token != e->b || !tail->waits)
		return;
	tail->waits = false;
	go_on_tailing(sim, e->node, (uint32_t)(e->a & 0xff), sim->now_ms);
}

/* All that this reader's server has was told. */
static void tail_waits(struct sim *sim, const struct sim_event *e, uint64_t at, uint64_t end)
{
	struct sim_node *node = &sim->nodes[e->node];
	const uint32_t shard = (uint32_t)(e->a & 0xff);
	const struct journal_events *events = &node->journal.events;
	const bool more = end < count_of(sim, shard);
	struct sim_event *later;

	node->journal.tails[shard] = (struct sim_tail){.token = e->b, .next = at, .waits = true};
	if (events->tailed != NULL)
		events->tailed(events->context, shard, e->b, end);
	later = sim_at(sim, sim->now_ms + (more ? 100 : TAIL_LOOKS_MS), e->node, tail_looks);
	later->a = shard;
	later->b = e->b;
}

/* `c`: next position, `d`: last one wanted. */
static void read_chunk(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->node];
	const struct journal_events *events = &node->journal.events;
	const uint32_t shard = (uint32_t)(e->a & 0xff);
	const bool anywhere = (e->c & JOURNAL_ANYWHERE) != 0;
	uint64_t end = count_of(sim, shard);
	uint64_t at = e->c & ~JOURNAL_ANYWHERE;

	if (!is_open(&node->journal, e->b))
		return;
	if (link_down(node) || sim_chance(sim, SIM_JOURNAL, sim->faults.read_fails) ||
	    (sim->leaders[shard].away_until_ms > sim->now_ms &&
	     sim_draw(sim, SIM_JOURNAL, 2) == 0)) {
		read_fails(sim, e);
		return;
	}
	if (at_deposed(sim, shard) && sim->leaders[shard].deposed_last < end) {
		sim->count.deposed_reads++;
		end = sim->leaders[shard].deposed_last;
	}
	if (sim_chance(sim, SIM_JOURNAL, sim->faults.read_stale)) {
		const uint64_t behind = 1 + sim_draw(sim, SIM_JOURNAL, 3);

		end = end > behind ? end - behind : end > 0;
	}
	while (anywhere && at <= end && !is_there(sim, shard, at, end))
		at++;
	const bool none = anywhere && end > 0 && at > end;

	for (uint32_t i = 0; i < READ_CHUNK && at <= end && at <= e->d; i++, at++) {
		if (!is_there(sim, shard, at, end))
			break;
		const struct history_batch *batch = &sim->history.journals[shard].batches[at - 1];

		if (is_open(&node->journal, e->b))
			sim_beyond_knows(node, shard, at);
		if (is_open(&node->journal, e->b))
			events->batch(events->context, shard, e->b, at,
				      slice_of(batch->bytes, batch->size));
	}
	if (!is_open(&node->journal, e->b))
		return;
	if (none || (at <= end && at <= e->d && !is_there(sim, shard, at, end))) {
		sim->count.gaps_read++;
		sim_note(sim, "journal.gap", e->node, shard, at, end);
		close_token(&node->journal, e->b);
		events->read_end(events->context, shard, e->b, SAGA_E_JOURNAL_GAP, at - 1);
		return;
	}
	if (at > end && (e->a & TAIL) != 0) {
		tail_waits(sim, e, at, end);
		return;
	}
	if (at > end || at > e->d) {
		close_token(&node->journal, e->b);
		events->read_end(events->context, shard, e->b, 0, end);
		return;
	}
	struct sim_event *next = sim_at(
		sim, sim->now_ms + 1 + sim_draw(sim, SIM_JOURNAL, sim->faults.journal_ms + 1),
		e->node, read_chunk);
	next->a = e->a;
	next->b = e->b;
	next->c = at;
	next->d = e->d;
}

static int read_or_tail(struct journal *journal, uint64_t what, uint64_t from, uint64_t to,
			uint64_t token)
{
	struct sim_journal *j = self(journal);
	struct sim *sim = j->node->sim;

	if (unsent(j))
		return SAGA_E_DISCONNECTED;
	struct sim_event *e = sim_at(
		sim, sim->now_ms + 1 + sim_draw(sim, SIM_JOURNAL, sim->faults.journal_ms + 1),
		j->node->index, read_chunk);

	open_token(j, token);
	e->a = what;
	e->b = token;
	e->c = from;
	e->d = to;
	return 0;
}

static int read(struct journal *journal, uint32_t shard, uint64_t from, uint64_t to, uint64_t token)
{
	return read_or_tail(journal, shard, from, to, token);
}

static int tail(struct journal *journal, uint32_t shard, uint64_t from, uint64_t token)
{
	self(journal)->node->sim->count.tails++;
	return read_or_tail(journal, shard | TAIL, from, UINT64_MAX, token);
}

static void cancel(struct journal *journal, uint64_t token)
{
	if (token != 0)
		close_token(self(journal), token);
}

static void close_nothing(struct journal *journal)
{
	(void)journal;
}

static const struct journal_ops ops = {
	.append = append, .read = read, .tail = tail, .cancel = cancel, .close = close_nothing};

void sim_journal_open(struct sim_node *node, const struct journal_events *events)
{
	memset(&node->journal, 0, sizeof node->journal);
	node->journal.base.ops = &ops;
	node->journal.node = node;
	node->journal.events = *events;
}
