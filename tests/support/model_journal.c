#include "tests/support/model_journal.h"

#include <stdlib.h>

#include "base/check.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/record.h"

int model_log_put(struct model_log *log, uint32_t shard, struct slice bytes)
{
	CHECK_LT(log->count[shard], MODEL_BATCHES_MAX);
	struct model_batch *batch = &log->batches[shard][log->count[shard]++];
	batch->bytes = malloc(bytes.size);
	CHECK(batch->bytes != NULL);
	memcpy(batch->bytes, bytes.data, bytes.size);
	batch->size = bytes.size;
	return 0;
}

void model_log_init(struct model_log *log, const struct id *cluster, const struct wire_slots *slots,
		    uint64_t shard_time)
{
	struct buf record, batch;
	buf_init(&record, 4096);
	buf_init(&batch, 8192);
	for (uint32_t n = 0; n < slots->shard_count; n++) {
		const struct wire_record_genesis genesis = {.cluster = id_slice(cluster),
							    .shard = n,
							    .shard_count = slots->shard_count,
							    .slots = wire_slots_hash(slots),
							    .created = slice_str("2026-01-01")};
		const struct batch_header header = {.shard = n,
						    .record_count = 1,
						    .first_record = 1,
						    .shard_time = shard_time,
						    .cluster = *cluster};
		buf_clear(&record);
		buf_clear(&batch);
		CHECK_EQ(wire_encode(WIRE_RECORD_GENESIS, &genesis, &record), 0);
		CHECK_EQ(batch_encode(&header, buf_slice(&record), &batch), 0);
		CHECK_EQ(model_log_put(log, n, buf_slice(&batch)), 0);
	}
	buf_close(&record);
	buf_close(&batch);
}

void model_log_close(struct model_log *log)
{
	for (uint32_t n = 0; n < WIRE_SHARDS_MAX; n++)
		for (uint32_t i = 0; i < log->count[n]; i++)
			free(log->batches[n][i].bytes);
}

static struct model_journal *self(struct journal *j)
{
	return (struct model_journal *)(void *)j;
}

static struct model_call *queue(struct model_journal *j)
{
	CHECK_LT(j->call_count, sizeof j->calls / sizeof j->calls[0]);
	struct model_call *call = &j->calls[j->call_count++];
	*call = (struct model_call){0};
	return call;
}

static int append(struct journal *journal, uint32_t shard, uint64_t expected,
		  struct journal_place place, struct slice bytes, uint64_t token)
{
	struct model_journal *j = self(journal);
	struct model_call *call = queue(j);
	call->append = true;
	call->shard = shard;
	call->expected = expected;
	call->place = place;
	call->token = token;
	call->bytes = malloc(bytes.size);
	CHECK(call->bytes != NULL);
	memcpy(call->bytes, bytes.data, bytes.size);
	call->size = bytes.size;
	j->appends++;
	return 0;
}

static int read(struct journal *journal, uint32_t shard, uint64_t from, uint64_t to, uint64_t token)
{
	struct model_call *call = queue(self(journal));
	call->shard = shard;
	call->from = from;
	call->to = to;
	call->token = token;
	return 0;
}

/* One a shard: the model of a standby has no use for more. */
static int tail(struct journal *journal, uint32_t shard, uint64_t from, uint64_t token)
{
	struct model_journal *j = self(journal);
	CHECK_EQ(j->tails[shard].token, 0);
	if (j->tail_refused > 0) {
		j->tail_refused--;
		return SAGA_E_DISCONNECTED;
	}
	j->tails[shard] = (struct model_tail){.next = from & ~JOURNAL_ANYWHERE, .token = token};
	j->tails_begun++;
	return 0;
}

/* The token stays in the queue as 0: carried out, but nobody hears of it. */
static void cancel(struct journal *journal, uint64_t token)
{
	struct model_journal *j = self(journal);
	for (uint32_t i = 0; i < j->call_count; i++)
		if (j->calls[i].token == token)
			j->calls[i].token = 0;
	for (uint32_t n = 0; n < WIRE_SHARDS_MAX; n++)
		if (j->tails[n].token == token)
			j->tails[n] = (struct model_tail){0};
}

static void close_nothing(struct journal *journal)
{
	(void)journal;
}

static const struct journal_ops ops = {
	.append = append, .read = read, .tail = tail, .cancel = cancel, .close = close_nothing};

void model_journal_open(struct model_journal *j, struct model_log *log,
			const struct journal_events *events)
{
	*j = (struct model_journal){.base = {&ops}, .log = log, .events = *events};
}

void model_journal_close(struct model_journal *j)
{
	for (uint32_t i = 0; i < j->call_count; i++)
		free(j->calls[i].bytes);
	j->call_count = 0;
}

/* What stands on the name goes (S17). */
static void roll_up(struct model_log *log, uint32_t shard, uint32_t name)
{
	for (uint32_t i = 0; i < log->count[shard]; i++) {
		struct model_batch *batch = &log->batches[shard][i];
		if (batch->name != name)
			continue;
		free(batch->bytes);
		batch->bytes = NULL;
	}
}

static void store(struct model_log *log, const struct model_call *call)
{
	const uint32_t name = call->expected == JOURNAL_UNFENCED
				      ? JOURNAL_UNFENCED_NAME
				      : (uint32_t)(call->place.segment % JOURNAL_NAMES);
	if (call->place.begins)
		roll_up(log, call->shard, name);
	CHECK_EQ(model_log_put(log, call->shard, slice_of(call->bytes, call->size)), 0);
	log->batches[call->shard][log->count[call->shard] - 1].name = name;
}

static void run_append(struct model_journal *j, const struct model_call *call)
{
	struct model_log *log = j->log;
	const uint64_t last = log->count[call->shard];
	const bool fits = call->expected == JOURNAL_UNFENCED || call->expected == last;
	const bool fine = (j->fine_shards >> call->shard & 1) != 0;
	const enum model_fault fault = fine ? MODEL_FINE : j->append_fault;
	enum journal_append_status status = JOURNAL_UNKNOWN;
	uint64_t sequence = 0;
	if (fault != MODEL_LOSE_REQUEST) {
		if (fits)
			store(log, call);
		if (fault == MODEL_FINE) {
			status = fits ? JOURNAL_STORED : JOURNAL_REFUSED;
			sequence = fits ? last + 1 : last;
		}
	}
	if (call->token != 0)
		j->events.appended(j->events.context, call->shard, call->token, status, sequence);
}

static bool still_wanted(const struct model_journal *j, const struct model_call *call)
{
	return call->token != 0 && j->call_count > 0;
}

static void run_read(struct model_journal *j, const struct model_call *call)
{
	const struct model_log *log = j->log;
	if ((j->silent_reads >> call->shard & 1) != 0) {
		if (call->token != 0)
			j->events.read_end(j->events.context, call->shard, call->token,
					   SAGA_E_TIMEOUT, 0);
		return;
	}
	uint64_t from = call->from & ~JOURNAL_ANYWHERE;
	while (from != call->from && from < log->count[call->shard] &&
	       log->batches[call->shard][from - 1].bytes == NULL)
		from++;
	if (from <= log->count[call->shard] && log->batches[call->shard][from - 1].bytes == NULL) {
		if (call->token != 0)
			j->events.read_end(j->events.context, call->shard, call->token,
					   SAGA_E_JOURNAL_GAP, from - 1);
		return;
	}
	for (uint64_t s = from; s <= call->to && s <= log->count[call->shard]; s++) {
		const struct model_batch *batch = &log->batches[call->shard][s - 1];
		if (batch->bytes == NULL)
			continue; /* its reader sees the jump */
		if (call->token != 0)
			j->events.batch(j->events.context, call->shard, call->token, s,
					slice_of(batch->bytes, batch->size));
	}
	if (still_wanted(j, call))
		j->events.read_end(j->events.context, call->shard, call->token, 0,
				   log->count[call->shard]);
}

static void run_tail(struct model_journal *j, uint32_t shard)
{
	const struct model_log *log = j->log;
	struct model_tail *t = &j->tails[shard];
	const uint64_t token = t->token;
	if (j->tail_error != 0) {
		*t = (struct model_tail){0};
		j->events.read_end(j->events.context, shard, token, j->tail_error, 0);
		return;
	}
	for (uint32_t i = 0; t->token == token && t->next <= log->count[shard]; i++) {
		const struct model_batch *batch = &log->batches[shard][t->next - 1];
		if (j->tail_most != 0 && i == j->tail_most)
			break;
		t->next++;
		if (batch->bytes != NULL) /* else its reader sees the jump */
			j->events.batch(j->events.context, shard, token, t->next - 1,
					slice_of(batch->bytes, batch->size));
	}
	if (t->token == token && j->events.tailed != NULL)
		j->events.tailed(j->events.context, shard, token, log->count[shard]);
}

uint32_t model_journal_pump(struct model_journal *j)
{
	const uint32_t count = j->call_count;
	for (uint32_t i = 0; i < count; i++) {
		struct model_call *call = &j->calls[i];
		if (call->append && j->append_fault == MODEL_HOLD)
			return 0;
		if (call->append)
			run_append(j, call);
		else
			run_read(j, call);
		free(call->bytes);
		call->bytes = NULL;
	}
	for (uint32_t n = 0; n < WIRE_SHARDS_MAX; n++)
		if (j->tails[n].token != 0 && (j->held_tails >> n % 64 & 1) == 0)
			run_tail(j, n);
	memmove(j->calls, j->calls + count, (j->call_count - count) * sizeof j->calls[0]);
	j->call_count -= count;
	return count;
}
