/* A cluster in one process and in virtual time: the daemon's pure parts (control core, worker core,
 * engine, codec: the same archives) on models of journal, etcd, messages, services and clients.
 * Everything that happens is drawn from one seed, so the same seed gives the same story.
 *
 * The smallest unit of time is 1 ms. Within one, events run in the order in which they were made;
 * then each node that was touched has its turn, as a loop thread has after its queue is drained.
 */
#ifndef SAGAD_TESTS_SIM_SIM_H
#define SAGAD_TESTS_SIM_SIM_H

#include "base/prng.h"
#include "node/core.h"
#include "node/lease_clock.h"
#include "sharding/control.h"
#include "tests/sim/sim_inbox.h"
#include "wire/codec.h"
#include "wire/subject.h"

enum {
	SIM_NODES = 3,
	SIM_SHARDS = 3,
	SIM_SERVICES = 4,
	SIM_CLIENTS = 2,
	SIM_SAGAS = 24,
	SIM_STEPS = 6,
	SIM_BATCHES = 8192,
	SIM_KEYS = 32,
	SIM_LEASES = 512,
	SIM_QUEUED = 32768,
	SIM_PENDING = 512,
	SIM_TOKENS = 64,
	SIM_WORK = 0,    /* beside enum wire_op: what an interactive branch does before its vote */
	SIM_OPS = 5,     /* enum wire_op + 1 */
	SIM_WORLD = 255, /* as an event's node: it happens outside of all nodes */
};
#define SIM_START_MS  UINT64_C(1700000000000)
#define SIM_WINDOW_MS UINT64_C(2400000) /* no clock fault makes it pass */

/* One stream of chance per purpose, so that one consumer does not shift the others. */
enum sim_stream {
	SIM_PLAN,
	SIM_FAULTS,
	SIM_NETWORK,
	SIM_JOURNAL,
	SIM_ETCD,
	SIM_NODE,
	SIM_SERVICE,
	SIM_CLIENT,
	SIM_INBOX,
	SIM_KIND,     /* protocols and what is special about their steps */
	SIM_BRANCHES, /* interactive transactions */
	SIM_STREAMS,
};

/* Endpoints of messages. */
enum {
	SIM_AT_NODE = 0,
	SIM_AT_SERVICE = 16, /* dispositions */
	SIM_AT_CLIENT = 32,
	SIM_AT_PARTICIPANT = 40, /* answers to what a service asks an owner */
	SIM_ENDPOINTS = 48,
};

struct sim;
struct sim_event;
typedef void (*sim_run)(struct sim *sim, struct sim_event *event);

struct sim_event {
	uint64_t due_ms, order;
	sim_run run;
	uint32_t node; /* whose it is, or SIM_WORLD */
	uint64_t life; /* of that node: the event dies with it */
	uint64_t a, b, c, d;
	uint8_t *bytes; /* owned */
	uint32_t size;
	void (*drop)(struct sim_event *event); /* frees what the bytes point to; may be NULL */
};

/* Per mille and ms; all zero once healed. */
struct sim_faults {
	uint32_t loss, doubling, slow, delay_ms;
	uint32_t append_lost, append_mute, append_late, read_fails, read_stale, journal_ms;
	uint32_t etcd_lost, etcd_mute, etcd_late, etcd_ms, hint_lost;
	uint32_t crash_ms, pause_ms, cut_ms, deaf_ms, journal_cut_ms; /* mean gap; 0 = never */
	uint32_t expire_early_ms, expire_late, clock_ms, drain_ms, zombie_ms;
	uint32_t service_silent, service_slow, service_rejects, service_retries, service_parks;
	uint32_t service_crashes, heuristics;
	uint32_t mailbox_slow;
	uint32_t inbox_lost, inbox_ack_lost, inbox_slow, inbox_depose_ms, inbox_ms;
	uint32_t stuck_ms; /* mean gap */
	bool no_self_stop; /* safety must not rest on S28 */
};

/* ---- what is recorded ------------------------------------------------------------------------
 */

struct sim_batch {
	uint8_t *bytes;
	uint32_t size;
	uint64_t at_ms;
};

enum sim_effect_kind {
	SIM_DONE = 1,
	SIM_REFUSED,
	SIM_EMPTY, /* an undo of nothing; as a forward row: that undo was first */
	SIM_READ_ONLY,
	SIM_HEURISTIC,
	SIM_BLOCKED, /* by a settle that found nothing */
};
/* The participant's ledger, in its own order. */
struct sim_effect {
	uint64_t at_ms;
	uint32_t saga, step, op;
	enum sim_effect_kind kind;
	bool asked; /* nobody commanded it: the participant had asked what was decided */
};

/* A command on its way out of a node. */
struct sim_command_sent {
	uint64_t at_ms, epoch;
	uint32_t node, shard, saga, step, op, attempt;
	uint64_t input; /* its hash */
};

struct sim_answer {
	uint64_t at_ms, epoch, record_number;
	uint32_t node, request, code, state, shard, decision, heuristics;
};

enum sim_request_kind {
	SIM_SUBMIT = 1,
	SIM_CONFLICT,
	SIM_CANCEL,
	SIM_QUERY,
	SIM_WAIT_QUERY,
	SIM_WAIT_DECIDED,
	SIM_LIST, /* of sagas with heuristic branches, on the shard of this one */
	SIM_ENLIST,
	SIM_ENLIST_OTHER, /* the same name, another branch */
	SIM_COMMIT,
	SIM_INQUIRE,
};
struct sim_request {
	enum sim_request_kind kind;
	uint32_t saga, step;
	uint64_t sent_ms;
	bool probe, answered; /* as the client sees it */
	bool by_participant;
};

/* clang-format off */
#define SIM_COUNTERS(X) \
	X(accepted) X(completed) X(compensated) X(tombstones) X(failovers) X(crashes) \
	X(pauses) X(cuts) X(early_expiries) X(zombies) X(two_owners) X(unknown_appends) X(late_appends) \
	X(refused_appends) X(unfenced_epochs) X(skipped_batches) X(lost_messages) \
	X(doubled_messages) X(redeliveries) X(commands) X(resends) X(first_runs) \
	X(duplicates) X(rejections) X(empty_undos) X(late_forwards) X(stale_commands) \
	X(expired_commands) X(calls) X(fallbacks) X(obsolete) X(conflicts) X(expired_submits) X(cancels) \
	X(late_duplicates) X(parked) X(releases) X(service_crashes) X(unknown_steps) X(inbox_stored) \
	X(inbox_stored_again) X(inbox_acks_lost) X(inbox_taken) X(inbox_refused) X(inbox_purged) \
	X(inbox_failed) X(inbox_told_short) X(inbox_read_again) X(inbox_made_again) \
	X(busy) X(stuck_journals) X(sagas) X(pivots) X(retriables) X(optionals) X(mixed) X(votes) \
	X(one_phases) X(last_resources) X(read_only) X(confirms) X(commits) X(settles) X(settled_ok) \
	X(blocked) X(heuristics) X(optional_undos) X(gone_on_without) X(interactive) X(enlists) \
	X(enlists_refused) X(enlists_other) X(branch_sets_refused) X(closed_sets) X(idle_aborts) X(inquiries) \
	X(inquired_commits) X(inquired_aborts) X(rolled_back_alone) X(finished_alone) \
	X(pending_cancels) X(late_cancels) X(told_decided) X(picked_inputs) X(listed)
/* clang-format on */
struct sim_counters {
#define X(name) uint64_t name;
	SIM_COUNTERS(X)
#undef X
};

/* ---- the parts ---------------------------------------------------------------------------------
 */

struct sim_journal {
	struct journal base;
	struct sim_node *node;
	uint64_t open[SIM_TOKENS];
	uint64_t apply_ms[SIM_SHARDS]; /* appends of one connection arrive in order */
};

struct transport_subscription {
	char subject[64];          /* up to the '>' */
	transport_handler handler; /* NULL = free */
	void *context;
};

struct sim_transport {
	struct transport base;
	struct sim_node *node;
	struct transport_subscription subscriptions[SIM_SHARDS];
};

struct sim_node {
	struct sim *sim;
	uint32_t index;
	uint64_t life;
	bool running;
	struct core *core;
	struct control *control;
	void *control_memory;
	struct control_cluster *cluster;
	struct lease_clock lease;
	struct sim_journal journal;
	struct sim_transport transport;
	struct sim_inbox inbox;
	int64_t wall_offset_ms;
	struct highwater disk[SIM_SHARDS];  /* survives */
	struct highwater marks[SIM_SHARDS]; /* waits for the disk */
	uint64_t paused_until_ms, cut_until_ms, deaf_until_ms, journal_cut_until_ms;
	uint64_t etcd_cut_until_ms;
	uint64_t cut_since_ms;
	uint64_t order_ms, report_ms; /* mailboxes are first in, first out */
	uint64_t tick_ms, control_ms;
	bool healthy, touched;
	enum ownership state[SIM_SHARDS];
	uint64_t epoch[SIM_SHARDS];
};

struct sim_kv {
	bool used;
	char key[96];
	uint8_t *value;
	uint32_t size;
	int64_t create, mod, lease;
};

struct sim_lease {
	uint64_t ttl_ms, expires_ms;
	bool alive;
};

/* What a step is in the model. */
enum sim_class {
	SIM_ACTION,
	SIM_OPTIONAL,
	SIM_PIVOT, /* also the last resource of 2PC */
	SIM_RETRIABLE,
	SIM_VOTE, /* TCC and 2PC */
};

/* Of an interactive transaction, what its client and its participant know of a branch. */
enum sim_branch_state { SIM_BRANCH_NEW, SIM_BRANCH_CONFIRMED, SIM_BRANCH_REFUSED };

struct sim_step_plan {
	uint32_t service;
	uint32_t after; /* bits: as written */
	uint32_t edges; /* and with what S4 adds */
	enum sim_class class;
	uint32_t kind; /* enum wire_protocol */
	bool has_undo, direct, one_phase;
	bool asks; /* the participant asks when it is in doubt */
	uint32_t timeout_ms, attempts, budget_ms;
	/* Interactive: */
	bool by_participant; /* it enlists itself, and has worked before */
	bool late;           /* only when the set is closed */
	enum sim_branch_state enlisted;
	bool told; /* the client counts it in */
};

struct sim_saga {
	struct id id;
	uint32_t shard, client, step_count;
	struct sim_step_plan steps[SIM_STEPS];
	uint64_t submit_ms, retry_until_ms;
	uint32_t deadline_ms;
	bool wait, answered, cancelled_first;
	bool until_decided; /* what the submit and the commit wait for */
	uint32_t protocol;
	/* Interactive: */
	uint32_t idle_ms; /* 0 = it is not */
	bool begun, ended, careless;
	uint32_t branch_set; /* of the commit, as bits; ended = it is sent */
	uint32_t finale;     /* enum in sim_interactive.c */
	bool inbox_only;     /* until the probes */
};

/* S3, S8, S24: what a participant's database holds of one operation. */
struct sim_row {
	uint8_t outcome; /* 0 = none; else enum sim_effect_kind */
	bool one_phase;  /* the forward operation was all there is */
	uint64_t admission;
};

struct sim_command {
	uint32_t saga, step, op;
};

struct sim_queued {
	uint32_t service, deliveries, commands;
	uint64_t sent_ms, stored_ms, mask; /* of commands that need no delivery any more */
	uint64_t retried;                  /* of those answered with "again" */
	bool acked;
	uint8_t *bytes;
	uint32_t size;
	struct sim_command *contents;
	uint32_t content_count;
};

/* A reply that waits for its disposition. */
struct sim_pending {
	bool used;
	uint32_t queued, entry, shard;
	struct uuid operation;
	uint32_t attempt;
	uint64_t since_ms, serial;
	uint8_t *bytes;
	uint32_t size;
};

struct sim_service {
	uint64_t life;
	uint64_t down_until_ms;
	uint64_t epoch[SIM_SHARDS], low_water[SIM_SHARDS]; /* durable */
	struct sim_pending pending[SIM_PENDING];
	uint32_t rejects, slow; /* per mille: its personality */
	bool direct;            /* how definitions reach it */
};

struct sim {
	uint64_t seed, now_ms, heal_ms;
	bool healed, tracing;
	bool outage; /* one service is away until the healing, and little else happens */
	struct prng prng[SIM_STREAMS];
	struct sim_faults faults;
	struct sim_event **heap;
	uint32_t heap_count, heap_capacity;
	uint64_t next_order;
	uint8_t digest_block[4096];
	uint32_t digest_used;
	uint64_t digest;

	struct wire_slots slots;
	struct id cluster;
	struct sim_node nodes[SIM_NODES];
	uint32_t node_count;
	uint32_t open_max; /* sagas of a shard: beyond them is no room (S19) */
	uint32_t branches_max;
	struct sim_service services[SIM_SERVICES];
	struct sim_saga sagas[SIM_SAGAS];
	uint32_t saga_count;
	struct sim_row rows[SIM_SAGAS][SIM_STEPS][SIM_OPS];
	uint64_t arrive_ms[SIM_ENDPOINTS][SIM_ENDPOINTS];

	struct sim_batch *log[SIM_SHARDS];
	uint32_t log_count[SIM_SHARDS];
	struct sim_kv kvs[SIM_KEYS];
	struct sim_lease leases[SIM_LEASES]; /* id = index + 1 */
	uint32_t lease_count;
	int64_t revision;
	struct sim_queued *queue;
	uint32_t queued;
	uint32_t copies_max; /* live ones of one command in the stream (S14) */
	uint64_t pending_serial;
	struct sim_request *requests;
	uint32_t request_count, request_capacity;
	bool listed[SIM_SAGAS];     /* by an answer to SIM_LIST */
	bool list_told[SIM_SHARDS]; /* somebody has answered it */
	uint64_t probe_ms;          /* 0 = not yet */
	struct sim_stream_inbox inbox;

	struct sim_effect *effects;
	uint32_t effect_count, effect_capacity;
	struct sim_command_sent *commands;
	uint32_t command_count, command_capacity;
	struct sim_answer *answers;
	uint32_t answer_count, answer_capacity;
	struct sim_counters count;
	uint8_t *arena_memory;
	char failure[256]; /* "" = none: the first thing that was wrong */
	bool liveness;     /* it is that something did not end */
};

/* sim_time.c */
uint64_t sim_draw(struct sim *sim, enum sim_stream stream, uint64_t bound);
bool sim_chance(struct sim *sim, enum sim_stream stream, uint32_t per_mille);
struct sim_event *sim_at(struct sim *sim, uint64_t due_ms, uint32_t node, sim_run run);
void sim_event_bytes(struct sim_event *event, struct slice bytes);
bool sim_step(struct sim *sim, uint64_t until_ms); /* false = until_ms is reached */
void sim_close_heap(struct sim *sim);
void sim_note(struct sim *sim, const char *what, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
uint64_t sim_digest(struct sim *sim);
void sim_fail(struct sim *sim, bool liveness, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void *sim_grow(void *array, uint32_t count, uint32_t *capacity, size_t size);

/* sim_journal.c */
void sim_journal_create(struct sim *sim);
void sim_journal_open(struct sim_node *node);

/* sim_etcd.c */
void sim_etcd_create(struct sim *sim);
void sim_etcd_request(struct sim_node *node, const struct lease_request *request, uint64_t token);
void sim_etcd_expire(struct sim *sim);
void sim_etcd_end_lease(struct sim *sim, uint32_t index);
bool sim_etcd_end_node(struct sim *sim, const struct sim_node *node); /* false = had none */
void sim_etcd_close(struct sim *sim);

/* sim_network.c: data is copied; faults apply */
void sim_transport_open(struct sim_node *node);
void sim_send_node(struct sim *sim, uint32_t from, const char *subject, const char *reply,
		   struct slice data);
uint64_t sim_delay(struct sim *sim);
bool sim_link_down(const struct sim_node *node);

/* sim_node.c */
void sim_node_start(struct sim_node *node);
void sim_node_crash(struct sim_node *node);
struct core_time sim_node_time(const struct sim_node *node);
void sim_node_tick(struct sim_node *node);
void sim_node_turn(struct sim_node *node);
void sim_node_stop(struct sim_node *node);

/* sim_plan.c: what a transaction is, drawn */
void sim_plan_draw(struct sim *sim, struct sim_saga *saga);
struct sim_plan_memory {
	struct wire_step steps[SIM_STEPS];
	uint8_t after[SIM_STEPS][SIM_STEPS];
	char input[SIM_STEPS][96];
};
/* Borrows from the memory. */
void sim_plan_fill(const struct sim *sim, const struct sim_saga *saga,
		   struct sim_plan_memory *memory, struct wire_plan *plan);
void sim_step_fill(const struct sim *sim, const struct sim_saga *saga, uint32_t step,
		   struct wire_step *out);
bool sim_step_from(struct slice name, uint32_t *step);
static inline bool sim_interactive(const struct sim_saga *saga)
{
	return saga->idle_ms > 0;
}
/* What a participant answers to a step, and what a step is sent that picks from it. */
void sim_output_text(uint32_t saga, uint32_t step, char text[32]);
void sim_input_text(const struct sim_saga *saga, uint32_t step, const char *x, const char *p,
		    char text[96]);

/* sim_barrier.c: what a participant does with a command */
struct sim_work {
	uint32_t service, queued, entry, shard, saga, step, op, attempt;
	uint32_t index; /* of the step, as the engine has it */
	bool one_phase;
	uint64_t life, epoch, low_water, admission;
	struct uuid operation;
};
struct sim_verdict {
	uint32_t outcome, barrier, code;
};
struct sim_verdict sim_barrier_run(struct sim *sim, const struct sim_work *work);
/* Beside all commands: what it did before (SIM_WORK), or decided by what it was told. */
bool sim_barrier_work(struct sim *sim, uint32_t saga, uint32_t step);
void sim_barrier_decide(struct sim *sim, uint32_t saga, uint32_t step, bool commit);
bool sim_barrier_in_doubt(const struct sim *sim, uint32_t saga, uint32_t step);
static inline struct sim_row *sim_row(struct sim *sim, uint32_t saga, uint32_t step, uint32_t op)
{
	return &sim->rows[saga][step][op];
}

/* sim_interactive.c: the client's side */
void sim_interactive_create(struct sim *sim, uint32_t saga);
void sim_interactive_begun(struct sim *sim, uint32_t saga);
void sim_interactive_told(struct sim *sim, uint32_t saga, uint32_t step, bool good);
void sim_interactive_hear(struct sim *sim, const struct sim_request *r, uint32_t code);

/* sim_participant.c: what services ask owners */
void sim_participant_enlist(struct sim *sim, uint32_t saga, uint32_t step);
void sim_participant_doubt(struct sim *sim, uint32_t saga, uint32_t step);
void sim_participant_hear(struct sim *sim, uint32_t request, struct slice data);
bool sim_participants_done(struct sim *sim);

/* sim_service.c: the stream of commands and those who work on it */
void sim_queue_put(struct sim *sim, struct slice service, struct slice bytes);
void sim_service_hear(struct sim *sim, uint32_t service, struct slice data);
void sim_service_call(struct sim *sim, struct slice service, struct slice bytes);

/* sim_client.c */
void sim_client_create(struct sim *sim);
void sim_client_hear(struct sim *sim, uint32_t client, uint32_t request, struct slice data);
void sim_client_probe(struct sim *sim);
/* False: it is not to be asked any more. */
bool sim_ask(struct sim *sim, enum sim_request_kind kind, uint32_t saga, uint32_t step,
	     bool by_participant);
/* deadline_ms: 0 = the plan's. */
void sim_client_encode(struct sim *sim, enum sim_request_kind kind, const struct sim_saga *saga,
		       uint32_t deadline_ms, struct buf *out);
bool sim_saga_from(const struct sim *sim, struct slice id, uint32_t *saga);

/* sim_faults.c */
void sim_faults_draw(struct sim *sim);
void sim_outage_draw(struct sim *sim); /* after it */
void sim_faults_start(struct sim *sim);
void sim_heal(struct sim *sim);

/* sim_history.c: what the journals say, by a reader of its own. A time of 0 = never. */
struct sim_branch_facts {
	/* ok, rejected: of the forward operation, or what its settling found */
	uint64_t ok_ms, rejected_ms, unknown_ms, undone_ms;
	uint64_t read_only_ms, finished_ms, heuristic_ms, enlisted_ms;
};
struct sim_saga_facts {
	uint64_t accepted_ms, decision_ms, finished_ms, tombstone_ms;
	uint32_t accepted_times, decision_times, finished_times;
	uint64_t commit_ms, closed_ms; /* decision_ms is the abort's */
	uint32_t final_state, reason, heuristics;
	bool one_phase;                            /* its one branch is told to do it all at once */
	uint32_t step_of[SIM_STEPS], member_count; /* interactive: by the engine's index */
	bool other_body;                           /* that of SIM_CONFLICT was accepted */
	uint64_t accepted_batch;
	uint64_t taken_batch; /* the first that counts an entry of the inbox for it as taken */
	uint64_t refused_ms;  /* when one was refused, and that is remembered */
	struct sim_branch_facts steps[SIM_STEPS];
};
struct sim_history {
	struct sim_saga_facts sagas[SIM_SAGAS];
	struct sim_entry_facts entries[SIM_ENTRIES];
	uint64_t *record_ms[SIM_SHARDS]; /* by record number: when it was stored */
	uint64_t record_count[SIM_SHARDS];
	uint64_t skipped, read_again;
	/* When a command was first sent. */
	uint64_t sent_ms[SIM_SAGAS][SIM_STEPS][SIM_OPS];
};
/* NULL: memory is short. Free it with sim_history_close. */
struct sim_history *sim_history_read(struct sim *sim);
void sim_history_close(struct sim_history *history);

/* The first time of something that is over by then. */
static inline bool sim_by(uint64_t when, uint64_t at_ms)
{
	return when != 0 && when <= at_ms;
}

/* sim_check_answers.c, sim_check_commands.c, sim_check_effects.c */
void sim_check_answers(struct sim *sim, const struct sim_history *h);
void sim_check_commands(struct sim *sim, struct sim_history *h);
void sim_check_effects(struct sim *sim, const struct sim_history *h);
bool sim_step_takes_part(const struct sim *sim, const struct sim_history *h, uint32_t saga,
			 uint32_t step);
bool sim_step_irrevocable(const struct sim *sim, const struct sim_saga_facts *facts, uint32_t saga,
			  uint32_t step);

/* sim_check.c */
bool sim_all_final(struct sim *sim); /* and nothing is left in the inbox */
void sim_check(struct sim *sim);

/* sim.c */
struct sim_options {
	bool trace;
	uint64_t outage_ms; /* for so long a service is away; 0 = the usual faults */
};
struct sim_result {
	uint64_t seed, digest;
	bool failed, liveness;
	char failure[256];
	uint32_t copies_max;
	struct sim_counters count;
};
void sim_run_seed(uint64_t seed, const struct sim_options *options, struct sim_result *result);

/* plant_*.c: bugs in models (those in the product are wrapped by the linker) */
struct sim_plants {
	const char *name;        /* "" = none */
	bool forgets_rejections; /* S3, at the participant */
	bool settles_blindly;    /* S4, at the participant: it tells, and does not block */
	bool appends_unfenced;   /* the journal's fence */
};
extern const struct sim_plants sim_plants;

#endif
