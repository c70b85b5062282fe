/* The pure part of a worker: for each shard it was given, ownership, replay, engine, appender and
 * outbox. The daemon and the simulator run this same code: time comes in with each call, journal
 * and transport are tables of functions, all else goes out through core_io.
 *
 * Invariants:
 *  N1  nothing leaves for the outside before the journal is durable up to its gate (S1), and
 *      nothing at all while io->may_emit says no (S28): one function sends, and it checks both.
 *  N2  one batch in flight a shard; the next gathers meanwhile (group commit from load).
 *  N3  a shard serves only after its own EPOCH record was accepted at the journal's end (S22).
 *  N4  the engine has applied exactly the records that are durable, in flight or gathered.
 *  N5  a fenced or halted shard sends nothing, ever, but for a halted one's alert that it is so;
 *      serving again means a full replay.
 *  N6  replies that arrived before a turn are handled before that turn's timers (S16).
 *  N7  two marks (S19): at the soft one new work is refused with `busy` and a hint, what lies
 *      between it and the hard one is for replies and timers of sagas that were taken. What waited
 *      too long for the loop is refused before anybody decodes it: then taking it would only make
 *      everything later, and refusing must cost less than taking.
 *  N8  what a standby holds is what a replay of the same batches would hold; it sends nothing.
 */
#ifndef SAGAD_NODE_CORE_H
#define SAGAD_NODE_CORE_H

#include <stddef.h>

#include "journal/archive.h"
#include "journal/highwater.h"
#include "journal/inbox.h"
#include "journal/journal.h"
#include "sharding/ownership.h"
#include "transport/transport.h"
#include "txn/txn.h"

struct core;
struct core_meter;

struct core_time {
	uint64_t mono_ms; /* never goes back */
	uint64_t wall_ms; /* Unix time: for the clamp of S16 and for people */
};

/* How long a durable command may wait for the journal (S14): until shard time stands still for want
 * of the batch in flight (S16), then for its own, and a few turns. */
enum { CORE_COMMAND_LEAVE_MS = 1200 };

struct core_config {
	struct id cluster; /* cluster id, as in the journals */
	struct id node;
	const struct wire_slots *slots;
	const char *prefix;               /* of subjects */
	const char (*inbox_prefixes)[64]; /* S20 */
	uint32_t inbox_prefix_count;
	struct txn_limits limits; /* a shard */
	struct txn_config txn;    /* shard and slots are filled in */
	uint32_t frame_max;       /* commands in a frame; 0 = 32 */
	uint64_t segment_bytes;   /* of a journal, or as much as lives (S17); 0 = there is one for
				     ever */
	uint32_t segment_batches; /* a segment has no more; 0 = CORE_SEGMENT_BATCHES */
	struct inbox *inbox;      /* borrowed; NULL = none is read */
	struct core_meter *meter; /* node/core_meter.h; borrowed; NULL = nothing is counted */
	struct archive *archive;  /* borrowed; NULL = what leaves the journal is gone */
	uint64_t seed;            /* from the kernel: nonces and jitter come from it */
};

/* What happened, for logs. Unused members are zero. */
#define CORE_NO_SHARD UINT32_MAX
struct core_note {
	const char *event;
	uint32_t shard; /* or CORE_NO_SHARD */
	uint64_t epoch;
	int code;
	struct slice saga, step;
	uint32_t attempt;
	uint64_t records, duration_ms;
	uint32_t sends; /* of one append */
	struct slice text;
	bool debug; /* too frequent for the ordinary log */
};

struct core_io {
	/* Is the lease of this generation young enough (S28)? Asked at each emission. */
	bool (*may_emit)(void *context, uint64_t lease_generation);
	/* SERVING (with epoch), RELEASED, FENCED, HALTED. */
	void (*report)(void *context, uint32_t shard, enum ownership state, uint64_t epoch,
		       int code);
	/* Store soon and durably (S7). */
	void (*highwater)(void *context, uint32_t shard, const struct highwater *mark);
	/* Zeroed, 64-byte aligned address space; pages are touched on use. NULL = none. */
	void *(*reserve)(void *context, size_t size);
	void (*release)(void *context, void *memory, size_t size);
	void (*note)(void *context, const struct core_note *note);
	/* What stands by for a shard has caught up with its journal, or no longer has; what an
	 * assignment ends, ends without a word. May be NULL. */
	void (*standby)(void *context, uint32_t shard, bool warm);
	/* A named crash point was reached; the daemon may be armed to die here (tests). */
	void (*point)(void *context, const char *name);
	void *context;
};

/* Everything but slots, prefix and inbox_prefixes is copied. NULL when memory is short. */
struct core *core_create(const struct core_config *config, const struct core_io *io,
			 struct journal *journal, struct transport *transport);
/* Drops all shards without a word. */
void core_destroy(struct core *core);

/* Orders from the control core. `mark` is this node's high-water; halt_code != 0 halts at once: the
 * mark cannot be read, or the stream is known to be wrong. */
void core_assign(struct core *core, struct core_time now, uint32_t shard, uint64_t revision,
		 uint64_t lease_generation, const struct highwater *mark, int halt_code);
void core_release(struct core *core, struct core_time now, uint32_t shard);
void core_keep(struct core *core, struct core_time now, uint32_t shard);
void core_fence(struct core *core, struct core_time now, uint32_t shard, int code);
/* The shard's stream is not what initialisation made (S7): nobody goes on with it. */
void core_halt_shard(struct core *core, struct core_time now, uint32_t shard, int code);

/* Hot standby (S29): follows the shard's journal into an engine of its own, without owning it,
 * until it is ordered off or the shard is assigned to us. It is a cache: an assignment goes on from
 * its last batch, once that has been found in the journal again, and from the journal's begin after
 * anything odd. `mark` as in core_assign: an assignment with another one finds no use in it. */
void core_standby(struct core *core, struct core_time now, uint32_t shard, bool on,
		  const struct highwater *mark);

/* What came is about to be handed out: the messages that follow came no earlier than `now`, and are
 * dated by it. Without it they are dated by the last turn, and a stop between the two (SIGSTOP, a
 * long turn) would count as time that passed after them. */
void core_wake(struct core *core, struct core_time now);

/* A message on one of our shard subjects. */
void core_message(struct core *core, struct core_time now, const struct transport_message *message);

/* Submit through any node: listens, with all nodes as one queue group, on <prefix>.v1.submit.*,
 * until core_destroy. What arrives there goes to its owner: into our own engine, or once over the
 * shard's subject, with the reply subject kept (S20). Errors of the transport's subscribe. */
int core_listen(struct core *core) MUST_CHECK;
/* A message on it. */
void core_submit(struct core *core, struct core_time now, const struct transport_message *message);

/* The journal's callbacks. */
void core_appended(struct core *core, struct core_time now, uint32_t shard, uint64_t token,
		   enum journal_append_status status, uint64_t sequence);
void core_batch(struct core *core, struct core_time now, uint32_t shard, uint64_t token,
		uint64_t sequence, struct slice bytes);
void core_read_end(struct core *core, struct core_time now, uint32_t shard, uint64_t token,
		   int error, uint64_t last_sequence);

void core_tailed(struct core *core, struct core_time now, uint32_t shard, uint64_t token,
		 uint64_t last_sequence);

/* The inbox's callbacks. */
void core_inbox_looked(struct core *core, struct core_time now, int error, struct slice created,
		       uint64_t last_sequence);
void core_inbox_read(struct core *core, struct core_time now, uint32_t shard, int error,
		     const struct inbox_message *message);

/* The history's callbacks. */
void core_history_written(struct core *core, struct core_time now, uint32_t shard, int error);
void core_history_found(struct core *core, struct core_time now, uint32_t shard, int error,
			struct slice entry);

/* The end of a loop turn, and at least every 10 ms: clocks, timers, batches, outboxes. */
void core_turn(struct core *core, struct core_time now);

struct core_stats {
	uint32_t serving, replaying, halted;
	struct txn_stats txn; /* sums over shards */
	uint64_t batches, batch_records, batch_bytes, appends_unknown, fenced;
	uint64_t messages_sent, messages_dropped, refused_messages, frames_sent, commands_sent;
	uint64_t submits_passed_on, submits_answered; /* of those sent to any node */
	uint64_t outbox_bytes;
	uint64_t busy_total; /* requests refused for want of room or time */
	uint64_t shed_total; /* of them, those that had waited too long */
	uint64_t segments_begun_total, carried_bytes_total;  /* S17 */
	uint64_t history_entries_total, history_bytes_total; /* S25: written */
	uint64_t history_lag_records; /* durable, and not known to be there */
	uint32_t history_ill;         /* shards whose last write failed */
	uint64_t replies_deferred;    /* answers of participants left for their next sending */
	/* Shards that this node stands by for; those of them that have caught up; batches that all
	 * of them are behind, as the broker said last. */
	uint32_t standbys, standbys_warm;
	uint64_t standby_lag_batches;
	uint64_t standby_drops_total; /* caches that were of no use any more */
	uint64_t takeovers_warm_total, takeovers_cold_total; /* shards that were begun to serve */
	/* S21: an append or a replay has waited for long, and no journal here has taken or given
	 * anything for as long, though those that had nothing to take were given a record to find
	 * out; and since then none has answered. What others append is not known here: the planner
	 * moves this node's shards only while another one calls itself well. Who has a single
	 * journal, or none but stuck ones, cannot tell the broker's trouble from its own, and takes
	 * it for its own. */
	bool journal_stuck;
};
void core_stats(const struct core *core, struct core_stats *stats);
/* The most memory that one shard of these limits takes, its buffers included; owned or stood by
 * for: a node does not do both for one shard. */
uint64_t core_memory_ceiling(const struct txn_limits *limits);

#endif
