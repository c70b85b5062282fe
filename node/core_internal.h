/* Shared by the core_*.c files only. */
#ifndef SAGAD_NODE_CORE_INTERNAL_H
#define SAGAD_NODE_CORE_INTERNAL_H

#include "base/arena.h"
#include "base/check.h"
#include "base/prng.h"
#include "journal/appender.h"
#include "journal/reader.h"
#include "node/core.h"
#include "node/core_meter.h"
#include "node/outbox.h"
#include "node/reply_subject.h"
#include "node/tokens.h"
#include "wire/archive_entry.h"
#include "wire/codec.h"
#include "wire/plan_cache.h"
#include "wire/subject.h"

enum {
	CORE_RECORDS_MAX = TXN_STEP_RECORDS_MAX + 256 * 1024, /* of a batch: below max_payload */
	CORE_COMMANDS_MAX = 512, /* gathered before frames are sealed early */
	CORE_COMMAND_BYTES = 4 * 1024 * 1024,
	CORE_FRAME_BYTES = 256 * 1024,
	/* Of the outbox: new work is refused, nothing more is begun, messages are lost. The room
	 * between the last two is for the commands of one saga, which may be 16 MiB at once. */
	CORE_OUTBOX_SOFT = 8 * 1024 * 1024,
	CORE_OUTBOX_HARD = 16 * 1024 * 1024,
	CORE_OUTBOX_MAX = 40 * 1024 * 1024,
	CORE_SHED_MS = 250, /* what waited longer for the loop is not begun any more */
	CORE_BUSY_NOTE_MS = 10000,
	CORE_INDEX_MAX = 65536, /* entries: then every second one goes */
	CORE_DECODE_BYTES = 4 * 1024 * 1024,
	CORE_EPOCH_TRIES = 5,          /* fenced epoch records before an unfenced one (S22) */
	CORE_CLOCK_STEP_MAX_MS = 1000, /* a longer gap between turns counts as this much (S16) */
	CORE_CLOCK_CATCHUP_MAX_MS = 10000, /* at take-over: clamped wall difference (S16) */
	CORE_CLOCK_STALL_MS = 500,         /* append open for longer: shard time stands still */
	CORE_STUCK_MS = 5000,              /* a release waits no longer for an open append */
	/* Longer than a NATS server needs to notice that a leader is gone and to elect another (4
	 * to 9 s): moving shards about would not make that faster. */
	CORE_ILL_MS = 12000,
	CORE_PROBE_MS = CORE_ILL_MS / 2, /* stuck for so long, a journal has others asked */
	CORE_ALERT_MS = 60000,           /* between two alerts of a halted shard */
	CORE_ALERT_RETRY_MS = 1000,      /* when one could not be sent */
	CORE_HIGHWATER_MS = 1000,
	CORE_RETRY_MS = 200,         /* pause before a failed replay read is tried again */
	CORE_READS_MAX = 16,         /* replays reading at a time */
	CORE_DOUBT_MS = 10000,       /* a bad look at the journal must last that long to halt */
	CORE_DOUBT_STEP_MS = 1000,   /* of it, at most, between two looks */
	CORE_HISTORY_BATCHES = 4096, /* read for one page of a history */
	CORE_PASS_BYTES = 4 * 1024 * 1024, /* submits passed on in one turn; more are `busy` */
	CORE_OTHER_RETRY_MS = 100,         /* the hint with what is no `busy` */
	CORE_MOVED_RETRY_MS = 20,          /* with `not_owner`: the next one is there soon */
	CORE_WORDS_MAX = 128,              /* what is wrong with a message, in words */
	CORE_STANDBY_READS_MAX = 4,        /* standbys that catch up at a time */
	CORE_STANDBY_RETRY_MS = 1000,      /* after the broker's trouble */
	CORE_STANDBY_AGAIN_MS = 10000,     /* after a cache was dropped */
	CORE_STANDBY_MEMORY_MS = 60000,    /* after memory was short */
	ARCHIVE_ENTRY_MAX = WIRE_MESSAGE_SIZE_MAX + 4096, /* any batch, and what is around it */
	ARCHIVE_GATHER_MAX = 512 * 1024, /* no more is gathered while one entry is on its way */
	ARCHIVE_WRITE_BYTES = 128 * 1024,
	ARCHIVE_WRITE_MS = 5000,
	ARCHIVE_RETRY_MS = 1000,
	ARCHIVE_ILL_MS = 30000,
	ARCHIVE_READ_BATCHES = 256,
	ARCHIVE_SEGMENTS_MAX = 8,     /* a segment that large waits for history: busy */
	CORE_SEGMENT_BATCHES = 16384, /* a segment has no more; decision 0006 */
	CORE_CARRY_BYTES = 64 * 1024, /* of what is carried forward in one batch */
	CORE_INDEX_STEP = 32,         /* batches between entries of the sequence index, at first */
};

/* Where shard time stands (S16). */
struct shard_clock {
	uint64_t time_ms; /* shard time */
	uint64_t mono_ms; /* when it was last advanced */
};

/* How many requests found a place lately, and how many did not. */
struct core_load {
	uint64_t halved_ms; /* monotonic; both lose half of themselves each second */
	uint32_t taken, refused;
	bool refused_one; /* in the step under way */
};

/* A history request being read from the journal; one a shard at a time. */
struct shard_history {
	bool active;
	uint64_t token;
	uint64_t reply_to;
	struct id saga;
	uint64_t admission;
	uint64_t first_record, last_record;
	bool full;              /* the page: it ended before its last batch */
	int error;              /* of its memory: then there is no page */
	uint64_t epoch;         /* newest met in this page */
	bool finding;           /* in the history stream */
	uint64_t from_sequence; /* asked for */
	uint64_t next_sequence; /* where the next page begins; 0 = this is the last */
	uint32_t count;
	struct wire_history_entry *entries; /* WIRE_HISTORY_MAX, in reserved memory */
	struct buf bytes; /* of the entries' records; entries hold offsets first */
};

/* What is known of the inbox's stream: of all shards. */
struct core_inbox {
	bool looking;
	bool known;
	int error; /* of the last look, as told */
	uint64_t look_at_ms;
	uint64_t asked_ms;   /* when the look under way began */
	uint64_t known_ms;   /* when the last one that went well began: all here is as of then */
	uint64_t generation; /* rises when it is not the stream that it was */
	uint64_t last;
	uint32_t created_size;
	uint8_t created[TXN_INBOX_CREATED_MAX];
};

/* Where a shard stands in it. */
struct shard_inbox {
	uint64_t generation; /* of the members below */
	uint64_t passed;     /* there is nothing more for us up to here */
	bool reading;
	uint64_t read_generation, read_to, read_ms; /* as the read under way began */
	/* Nothing behind `passed` up to there, some server has said again and again since then;
	 * 0 = nobody has. And when and of what end it was said last. */
	uint64_t nothing_to, nothing_since_ms;
	uint64_t heard_to, heard_ms;
	uint64_t retry_at_ms;
	uint64_t doubt_since_ms; /* the stream ends before the cursor since then; 0 = no */
	uint64_t purge_at_ms;
	uint64_t purge_to, purge_gate; /* to be deleted once that record is durable */
	uint64_t purged;
	bool noted;
	uint64_t noted_ms; /* when a refused entry was told last */
};

/* Where a command of this turn goes; those of one frame agree in all but `alone`. */
struct command_route {
	struct slice service; /* empty = taken */
	uint32_t delivery;    /* enum wire_delivery */
	bool fallback;
	bool alone; /* S15 */
};

/* Where the segments of a shard's journal begin (S17). */
struct shard_segments {
	uint64_t number; /* of the one that is appended to */
	struct {
		uint64_t first_record; /* 0 = not known */
		uint64_t sequence;
	} begins[JOURNAL_NAMES]; /* by name */
	uint64_t bytes;          /* of the last one */
	uint32_t batches;
	bool next; /* the batch that gathers begins another */
	bool begins_in_flight;
};

/* What goes into history next; see core_archive.c. */
struct archive_page {
	struct archive_entry entry;
	struct buf bytes;
	uint64_t since_ms; /* when it got its first batch */
};
struct shard_archive {
	bool begun;
	bool writing, full;
	uint32_t gathers; /* which entry; the other one is on its way, or empty */
	struct archive_page entries[2];
	uint64_t next_sequence, next_record; /* to be gathered */
	uint64_t known_record;               /* history has everything up to it */
	uint64_t read_token, read_at_ms, write_at_ms;
	uint64_t well_ms, alert_at_ms;
	int error; /* of the last write */
};

struct shard {
	struct core *core;
	uint32_t number;
	enum ownership state;
	uint64_t revision;
	uint64_t lease_generation;
	uint64_t epoch;
	uint64_t nonce;
	struct highwater mark; /* as loaded, then as last handed to io */
	bool mark_checked;     /* the replay has passed the mark's sequence with its hash */
	bool mark_dirty;
	uint64_t mark_stored_ms;

	struct reader reader;
	struct appender appender;
	struct txn_shard *engine;
	void *engine_memory;
	size_t engine_size;

	uint64_t read_token;   /* of the replay */
	uint64_t settle_token; /* of the appender's settling read */
	uint64_t append_token;
	struct journal_place append_place; /* of the batch in flight */
	uint64_t append_since_ms;
	uint32_t append_sends; /* of the batch in flight */
	uint64_t doubt_ms;     /* the journal has looked short, holed or missing for so long */
	uint64_t doubt_at_ms;  /* the last look said so, then; 0 = it did not */
	uint64_t retry_at_ms;  /* replay read is tried again then; 0 = no */
	uint64_t replay_from;  /* the replay begins at or behind it; 0 = with the oldest */
	bool behind_gap;       /* it has met one */
	bool passed_over;      /* this read has met something in front of the row of segments */
	uint64_t replay_since_ms;
	uint64_t replay_heard_ms; /* when the replay has got something last */
	/* What a standby left us was not read under this assignment: anything odd, and the journal
	 * is read from its begin. Unverified until the last batch of it has been found again. */
	bool cached, unverified;
	uint32_t epoch_tries;
	bool epoch_in_flight;
	bool epoch_unfenced; /* the epoch batch was sent unfenced: look for it by reading */

	struct buf records; /* of the next batch */
	uint32_t record_count;
	uint64_t durable_record;

	struct outbox outbox;
	struct tokens tokens;
	struct transport_subscription *subscription;
	struct shard_clock clock;
	int halt_code;
	uint64_t alert_at_ms; /* of a halted shard: when the alert is said again */

	/* Commands of this turn, grouped into frames when it ends. */
	struct wire_command *commands;
	struct command_route *command_routes;
	uint32_t command_count;
	struct arena command_bytes;
	uint64_t command_gate;    /* newest gate among them */
	uint64_t command_made_ms; /* shard time of the first of them */
	uint64_t low_water;       /* as of the begin of the last step */
	uint64_t low_water_gate;  /* the records it rests on (S1, S8) */

	/* Dispositions for the reply frame in hand. */
	struct wire_disposition dispositions[WIRE_FRAME_MAX];
	uint32_t disposition_count;
	uint64_t disposition_gate;

	bool contradiction_told;
	uint64_t contradiction_ms; /* when it was told last */

	struct shard_segments segments;
	struct shard_archive archive;
	struct buf index;    /* of struct index_entry: record number -> sequence */
	uint32_t index_step; /* batches between its entries */
	struct core_load load;
	struct shard_history history;
	struct shard_inbox inbox;
	void *side_memory; /* commands, services, command bytes, tokens, history entries */
	size_t side_size;
};

struct index_entry {
	uint64_t first_record;
	uint64_t sequence;
};

/* A hot standby of a shard (S29). */
struct core_standby {
	bool wanted;
	struct highwater mark;
	struct shard *shard; /* not in core->shards, state unowned; NULL = nothing is held */
	uint64_t behind;     /* a gap in the journal; 0 = none was met */
	uint64_t token;      /* of the tail; 0 = it does not run */
	uint64_t retry_at_ms;
	uint64_t last_sequence; /* of the journal, as told */
	bool known;             /* that has been told since the tail was begun */
	bool warm;              /* it had caught up once */
};

/* S21: whether the journals are out of reach. */
struct core_health {
	bool ill;
	uint64_t progress_ms; /* when a journal has taken or given anything last */
	uint64_t probe_token; /* of a read that only asks whether one answers; 0 = none */
	uint64_t probe_at_ms;
	uint32_t probe_shard; /* the next one to be asked */
};

struct core {
	struct core_config config;
	struct core_io io;
	struct journal *journal;
	struct transport *transport;
	struct prng prng;
	uint64_t next_token;
	struct shard *shards[WIRE_SHARDS_MAX];
	struct core_standby standbys[WIRE_SHARDS_MAX];
	uint32_t standby_end; /* one more than the highest that was ever wanted */
	uint32_t shard_end;   /* one more than the highest that was ever ours */
	struct buf scratch;   /* encoded messages */
	struct arena decode;
	void *decode_memory;
	struct wire_plan_cache *plans; /* of all shards */
	struct core_time now;          /* of the call in progress */
	bool connected;                /* as of the last turn or wake */
	struct core_health health;
	struct transport_subscription *submits; /* of any node; NULL = not listening */
	uint64_t passed_bytes;                  /* in this turn */
	struct core_inbox inbox;
	struct core_load load; /* of what is for the shards of others */
	uint64_t busy_noted, shed_noted, busy_noted_ms;
	struct core_stats stats;
};

/* core.c */
/* Shard time as of now (S16): before each step of the engine. */
void core_clock_run(struct shard *s);
void core_note_event(struct shard *s, const char *event, int code);
void core_report(struct shard *s, int code);
uint64_t core_token(struct core *core);
bool core_reply_allowed(const struct core *core, struct slice reply);
/* Both end everything of the shard; `s` is gone after core_lose, a husk after core_halt. */
void core_lose(struct shard *s, int code);
/* A shard with nothing in it, that nobody knows yet; NULL when memory is short. */
struct shard *core_shard_create(struct core *core, uint32_t number);
void core_shard_destroy(struct shard *s);
/* An engine that has seen nothing, in place of the one there is; false when memory is short. */
bool core_engine_renew(struct shard *s);
void core_halt(struct shard *s, int code);

/* core_acquire.c */
void core_acquire_start(struct shard *s);
void core_acquire_due(struct shard *s);
/* One batch into the engine, with all checks. */
int core_acquire_fold(struct shard *s, uint64_t sequence, struct slice bytes);
void core_acquire_batch(struct shard *s, uint64_t sequence, struct slice bytes);
void core_acquire_read_end(struct shard *s, int error);
void core_acquire_epoch_durable(struct shard *s);
void core_acquire_epoch_lost(struct shard *s);
void core_acquire_unfenced_done(struct shard *s);

/* core_standby.c */
/* What is held for the shard, to be gone on with; NULL when that is nothing of use. */
struct shard *core_standby_take(struct core *core, uint32_t shard, const struct highwater *mark);
bool core_standby_owns(const struct core *core, uint32_t shard, uint64_t token);
void core_standby_batch(struct core *core, uint32_t shard, uint64_t sequence, struct slice bytes);
void core_standby_end(struct core *core, uint32_t shard, int error);
void core_standby_turn(struct core *core);
void core_standby_stop(struct core *core);
void core_standby_stats(const struct core *core, struct core_stats *stats);

/* core_append.c */
void core_append_flush(struct shard *s);
void core_append_act(struct shard *s, enum appender_act act);
void core_append_due(struct shard *s);

/* core_segments.c */
/* Behind each batch that was folded: how far the reader is. */
void core_segments_fold(struct shard *s, uint32_t size);
/* Of the batch that is about to be sent. */
struct journal_place core_segments_place(struct shard *s);
/* The batch that was sent is durable. */
void core_segments_durable(struct shard *s, uint64_t first_record, uint32_t size);
/* Right behind a flush, when nothing has gathered yet. */
void core_segments_turn(struct shard *s);
/* The first batch that is still needed. */
uint64_t core_segments_oldest(const struct shard *s);
uint64_t core_segments_oldest_record(const struct shard *s);

/* A segment has its size, and cannot end for want of history. */
bool core_segments_waits(const struct shard *s);

/* core_archive.c */
void core_archive_init(struct shard *s);
void core_archive_begin(struct shard *s);
void core_archive_stop(struct shard *s);
void core_archive_close(struct shard *s);
void core_archive_durable(struct shard *s, uint64_t sequence, struct slice bytes);
void core_archive_batch(struct shard *s, uint64_t sequence, struct slice bytes);
void core_archive_read_end(struct shard *s, int error);
void core_archive_written(struct shard *s, int error);
void core_archive_turn(struct shard *s);
/* Writes down how far history has got, when that is news. */
bool core_archive_mark(struct shard *s);
/* That history has everything up to `record` stands in the journal. */
bool core_archive_has(const struct shard *s, uint64_t record);
/* False: new work is refused until history can be written again. */
bool core_archive_room(const struct shard *s);

/* core_health.c */
bool core_append_stalled(const struct shard *s, uint64_t bound_ms);
/* An append was stored, or a replay has got something. */
void core_health_progress(struct shard *s);
void core_health_turn(struct core *core);
void core_health_probed(struct core *core, int error);
void core_health_stop(struct core *core);

/* core_serve.c */
void core_serve_message(struct shard *s, enum subject_verb verb, struct slice party,
			const struct transport_message *message);
void core_serve_ticks(struct shard *s);
/* Something to append that changes nothing. */
bool core_serve_probe(struct shard *s);
/* An event that nobody waits for; false when there is no room for it. */
bool core_serve_event(struct shard *s, struct txn_event *event);
/* Where and what, for whoever wrote the message: "id, at byte 7". Nothing of it is echoed. */
struct slice core_fault_words(const struct wire_fault *fault, void *memory, uint32_t size);
void core_serve_begin(struct shard *s);
void core_serve_end(struct shard *s);
/* Tells all who wait for an answer that the shard goes to another owner. */
void core_serve_moved(struct shard *s);

/* The soft mark of N7. */
bool core_serve_room(const struct shard *s);
/* False: no room, the entry has to come again. *code: why it was refused, 0 = it was not. */
bool core_serve_inbox(struct shard *s, const struct txn_inbox_entry *entry, int *code);

/* core_inbox.c */
void core_inbox_look(struct core *core);
void core_inbox_turn(struct shard *s);
void core_inbox_stop(struct shard *s);

/* core_send.c */
bool core_send_now(struct shard *s, const char *subject, struct slice data); /* was it? */
void core_send_gated(struct shard *s, uint64_t gate, const char *subject, struct slice data);
void core_send_reply(struct shard *s, uint64_t gate, uint64_t reply_to, bool final,
		     struct slice data);
void core_send_flush(struct shard *s);
void core_emit(void *context, const struct txn_message *message);
void core_frames_seal(struct shard *s);

/* core_submit.c */
void core_unlisten(struct core *core);
/* A request that has come too late for a shard that was ours. */
void core_submit_moved(struct core *core, uint32_t shard, enum subject_verb verb,
		       const struct transport_message *message);

/* core_load.c */
void core_load_taken(struct core *core, struct core_load *load);
void core_load_refused(struct core *core, struct core_load *load);
/* How soon somebody who is refused now should come again; without jitter. */
uint32_t core_load_retry_ms(struct core *core, struct core_load *load);
/* The hint in an answer with this code, jitter and all. Counts what is busy. */
uint32_t core_load_hint(struct core *core, struct core_load *load, int code);
void core_load_note(struct core *core); /* says so in the log, now and then */

/* core_meter.c: counted for those who watch */
void core_meter_engine_gone(struct shard *s);
void core_meter_appended(const struct shard *s, enum journal_append_status status);
void core_meter_batch(const struct shard *s, uint32_t records);
void core_meter_timers_due(const struct shard *s);

/* core_history.c */
void core_history_request(struct shard *s, const struct wire_history_request *request,
			  uint64_t reply_to);
void core_history_batch(struct shard *s, uint64_t sequence, struct slice bytes);
void core_history_end(struct shard *s, int error);
/* An entry of the history stream, or why there is none. */
void core_history_entry(struct shard *s, int error, struct slice bytes);
void core_index_add(struct shard *s, uint64_t first_record, uint64_t sequence);
void core_index_forget(struct shard *s, uint64_t before_sequence);
/* A sequence at or before the batch that holds `record`. */
uint64_t core_index_before(const struct shard *s, uint64_t record);

/* core_clock.c */
void shard_clock_start(struct shard_clock *c, uint64_t last_ms, uint64_t first_wall_ms,
		       struct core_time now);
void shard_clock_advance(struct shard_clock *c, uint64_t mono_ms, bool running);

#endif
