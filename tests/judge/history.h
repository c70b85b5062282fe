/* What was seen at the borders of a run: what clients meant, asked and were told, the journals, the
 * commands on the wire, the participants' ledgers, who owned what, samples of resources, faults.
 * Judges (judge.h) read it and nothing else, whether a simulator or a real cluster made it.
 *
 * Contract
 *  H1  Nothing in it comes out of the engine but by a border that the engine cannot avoid: bytes of
 *      the journals, commands and answers that left, rows of the participants' own databases. A
 *      plan here is what the client meant: judges work out themselves what S4 adds to its edges.
 *  H2  `order` says what was before what, over all arrays: a number that only rises. Where one
 *      observer sees all (a simulator) it counts what was added; where several do, each sets it to
 *      the ns of the one clock of their machine. 0 = never. `at_ms` is the observer's clock: bounds
 *      are measured in it. Each array but those of plans stands in rising order; the effects of one
 *      participant stand in the order of its ledger.
 *  H3  Parts may be missing: `parts` says which were recorded. What a judge lacks it does not
 * judge, and says so. H4  Numbers of sagas, steps, nodes, shards, requests, answers and letters are
 * indexes here, or HISTORY_NONE: something that is not known here (invariant 2).
 *
 * Each history_add_* gives a zeroed element at the end of its array, with at_ms and the next order;
 * it stays where it is until the next add of its kind. A want of memory ends the process. Not
 * thread-safe.
 */
#ifndef SAGAD_TESTS_JUDGE_HISTORY_H
#define SAGAD_TESTS_JUDGE_HISTORY_H

#include "base/hash.h"
#include "base/id.h"
#include "wire/message.h"

#define HISTORY_NONE UINT32_MAX

enum {
	HISTORY_WORK = 0, /* beside enum wire_op: what an interactive branch does before its vote */
	HISTORY_OPS = 5,  /* enum wire_op + 1 */
	HISTORY_SHARDS_MAX = 256,
};

enum history_part {
	HISTORY_CLIENTS = 1,   /* requests and all answers to them */
	HISTORY_JOURNAL = 2,   /* every batch of every shard */
	HISTORY_WIRE = 4,      /* every command that left a node */
	HISTORY_LEDGER = 8,    /* every effect at a participant */
	HISTORY_ACCOUNTS = 16, /* and what each is worth to an account */
	HISTORY_OWNERS = 32,   /* reports of nodes about shards */
	HISTORY_INBOX = 64,    /* every entry that the stream has stored */
	HISTORY_SAMPLES = 128, /* of resources with a limit */
	HISTORY_STATES = 256,  /* hashes of folded states */
	HISTORY_END = 512, /* it ran until nothing moved any more: what is open now stays open */
	HISTORY_REPLIES = 1024, /* of participants to commands */
	HISTORY_PARTS = 11,
};

/* ---- what clients meant -----------------------------------------------------------------------
 */

/* What a branch is. */
enum history_class {
	HISTORY_ACTION,
	HISTORY_OPTIONAL,
	HISTORY_PIVOT, /* also the last resource of 2PC */
	HISTORY_RETRIABLE,
	HISTORY_VOTE, /* TCC and 2PC */
};

struct history_step {
	struct id name;
	uint32_t service;
	enum history_class class;
	uint32_t kind;  /* enum wire_protocol: never MIXED */
	uint64_t after; /* bits: as the client wrote it */
	bool has_undo, one_phase;
	uint32_t timeout_ms, budget_ms;
	struct wire_retry retry, undo_retry;
	/* What it is to be sent: by [the saga's body is the other one][the step whose output it
	 * picks from was ok]. The hash (XXH3-64) of the bytes; 0 = not known beforehand. */
	uint64_t input[2][2];
	uint32_t input_from; /* that step, or HISTORY_NONE */
};

struct history_saga {
	struct id id;
	uint32_t shard; /* by its id */
	uint32_t client;
	uint32_t protocol;               /* enum wire_protocol */
	uint32_t first_step, step_count; /* in `steps` */
	uint32_t deadline_ms;
	uint32_t idle_ms;        /* interactive; else 0 */
	uint64_t retry_until_at; /* S5 */
	/* The hash of the input, of its own body and of the other one that somebody may submit
	 * under its id: 0 = any. */
	uint64_t body, other_body;
	/* Nobody submits it before this order but through the inbox; 0 = anybody may. */
	uint64_t inbox_only_until;
};

/* ---- clients -----------------------------------------------------------------------------------
 */

enum history_request_kind {
	HISTORY_SUBMIT = 1,
	HISTORY_CONFLICT, /* a submit of the other body */
	HISTORY_CANCEL,
	HISTORY_QUERY,
	HISTORY_WAIT_QUERY,
	HISTORY_WAIT_DECIDED,
	HISTORY_LIST, /* of sagas with heuristic branches, on the shard of this one */
	HISTORY_ENLIST,
	HISTORY_ENLIST_OTHER, /* the same name, another branch */
	HISTORY_COMMIT,
	HISTORY_INQUIRE,
};
#define HISTORY_REQUEST_KINDS 11

struct history_request {
	uint64_t at_ms, order; /* when it left the client */
	enum history_request_kind kind;
	uint32_t saga, step;
	uint32_t party;     /* whose session it is */
	uint64_t branches;  /* COMMIT: as bits: those that are meant */
	bool until_decided; /* it waits for the decision, or for the end */
	bool probe;         /* it is asked until somebody answers */
	bool filtered;      /* who asks drops what is older than what it has heard (S2) */
	bool by_participant;
	bool answered; /* somebody has heard an answer */
};

/* As it left the node; of real runs, as the client heard it. */
struct history_answer {
	uint64_t at_ms, order;
	uint64_t heard; /* the order; 0 = nobody has */
	uint64_t epoch, record_number;
	uint32_t node, request, code, state, shard, decision, heuristics;
};

/* One saga in an answer to LIST. One with saga = HISTORY_NONE stands for an empty list. */
struct history_listed {
	uint64_t at_ms, order;
	uint32_t request, shard, saga;
};

/* ---- journals, wire, participants --------------------------------------------------------------
 */

struct history_batch {
	uint64_t at_ms, order; /* when it was stored */
	uint8_t *bytes;        /* owned */
	uint32_t size;
};
struct history_journal {
	struct history_batch *batches; /* position 1 is the first */
	uint32_t count, capacity;
};

/* A command on its way out of a node. */
struct history_command {
	uint64_t at_ms, order, epoch;
	uint32_t node, shard, saga, step, op, attempt;
	uint64_t input; /* its hash */
};

enum history_effect_kind {
	HISTORY_DONE = 1,
	HISTORY_REFUSED,
	HISTORY_EMPTY, /* an undo of nothing; as a forward row: that undo was first */
	HISTORY_READ_ONLY,
	HISTORY_HEURISTIC,
	HISTORY_BLOCKED, /* by a settle that found nothing */
};
#define HISTORY_EFFECT_KINDS 6

struct history_effect {
	uint64_t at_ms, order;
	uint32_t saga, step, op; /* op: enum wire_op, or HISTORY_WORK */
	enum history_effect_kind kind;
	bool asked;     /* nobody commanded it: the participant had asked what was decided */
	bool one_phase; /* of a forward one: it is all there is */
	uint32_t service, shard;
	uint64_t epoch; /* of the command; 0 = of none */
	/* What it did to an account, or HISTORY_NONE: to its balance, and to what is held on it: by
	 * how much the balance will change (more or less) if it is decided so. */
	uint32_t account;
	int64_t delta, held;
};

/* An account at a service. */
struct history_account {
	uint32_t service;
	int64_t opening;
	bool read; /* at the end; then: */
	int64_t balance, held;
};

/* What a participant says of a command, as it leaves it. */
struct history_reply {
	uint64_t at_ms, order;
	uint32_t saga, step, op, attempt;
	uint32_t outcome; /* enum wire_outcome, or what is none */
};

/* ---- nodes -------------------------------------------------------------------------------------
 */

enum history_owner_kind {
	HISTORY_SERVES = 1,
	HISTORY_RELEASES,
	HISTORY_FENCED, /* it stopped by itself, or was made to */
	HISTORY_HALTS,  /* S7 */
	HISTORY_DIES,   /* the process: shard = HISTORY_NONE, of all */
};
#define HISTORY_OWNER_KINDS 5
struct history_owner {
	uint64_t at_ms, order, epoch;
	enum history_owner_kind kind;
	uint32_t node, shard;
};

/* At rest: value against its limit (34). */
enum history_sample_kind {
	HISTORY_OPEN_SAGAS = 1,
	HISTORY_BRANCHES,
	HISTORY_WAITERS,
	HISTORY_REMEMBERED,
	HISTORY_OUTBOX_BYTES,
	HISTORY_PAYLOAD_BYTES,
	HISTORY_RSS_KIB,
	HISTORY_DESCRIPTORS,
	HISTORY_THREADS,
	HISTORY_QUEUE,
};
#define HISTORY_SAMPLE_KINDS 10
struct history_sample {
	uint64_t at_ms, order, value, limit;
	enum history_sample_kind kind;
	uint32_t node, shard;
};

/* The hash of a shard's state with everything up to that record, as somebody holds it (22). */
struct history_state {
	uint64_t at_ms, order, record_number;
	uint32_t node, shard;
	bool replayed; /* by who has read the journal from its begin for it */
	struct hash128 hash;
};

/* For people: it stands in witnesses and is not judged. */
struct history_fault {
	uint64_t at_ms, order, until_ms; /* 0 = at once over, or until the end */
	char what[24];
	uint32_t node, shard;
};

/* ---- the durable inbox (S12) -------------------------------------------------------------------
 */

enum history_letter_kind {
	HISTORY_LETTER_GOOD = 1, /* the saga's own body */
	HISTORY_LETTER_OTHER,    /* its other body, under its id */
	HISTORY_LETTER_WRONG,    /* whatever can only be refused */
};
struct history_letter {
	enum history_letter_kind kind;
	uint32_t saga, shard; /* whose subject */
};
/* Of the stream: entries are numbered from 1 in each. */
struct history_incarnation {
	char created[32];
	uint32_t first_entry, entry_count;
};
struct history_entry {
	uint64_t at_ms, order; /* when it was stored */
	uint32_t letter;
	uint32_t incarnation;
	uint64_t sequence;
	uint64_t purge_sent; /* the order of the purge that deleted it; 0 = none has */
	bool lost;           /* it went with its stream, unpurged */
};

/* ---- all of it ---------------------------------------------------------------------------------
 */

struct history {
	uint32_t parts;    /* bits of enum history_part */
	char source[128];  /* for people: "sim, seed 12" */
	uint64_t start_ms; /* of times that people see */
	/* From then on nothing gets worse: faults are over, or stay what they are. 0 = never. */
	uint64_t heal_ms;
	uint64_t end_ms;
	uint64_t order; /* the last one given */
	uint32_t shard_count;
	/* Services, as bits: whose answers may be untrue (23 is not theirs); and who are away for
	 * ever, so that what needs them need not end. */
	uint64_t liars, dead;
	bool lasting;          /* from heal_ms on some faults stay for ever */
	bool inbox_told_short; /* somebody was told of an end of the inbox that was none */

	struct id *nodes, *services;
	uint32_t node_count, node_capacity, service_count, service_capacity;
	struct history_step *steps;
	uint32_t step_count, step_capacity;
	struct history_saga *sagas;
	uint32_t saga_count, saga_capacity;
	uint32_t *saga_index; /* by hash of the id: saga + 1 */
	uint32_t saga_index_size;
	struct history_request *requests;
	uint32_t request_count, request_capacity;
	struct history_answer *answers;
	uint32_t answer_count, answer_capacity;
	struct history_listed *listed;
	uint32_t listed_count, listed_capacity;
	struct history_journal *journals; /* [shard_count] */
	struct history_command *commands;
	uint32_t command_count, command_capacity;
	struct history_effect *effects;
	uint32_t effect_count, effect_capacity;
	struct history_reply *replies;
	uint32_t reply_count, reply_capacity;
	struct history_account *accounts;
	uint32_t account_count, account_capacity;
	struct history_owner *owners;
	uint32_t owner_count, owner_capacity;
	struct history_sample *samples;
	uint32_t sample_count, sample_capacity;
	struct history_state *states;
	uint32_t state_count, state_capacity;
	struct history_fault *faults;
	uint32_t fault_count, fault_capacity;
	struct history_letter *letters;
	uint32_t letter_count, letter_capacity;
	struct history_incarnation *incarnations;
	uint32_t incarnation_count, incarnation_capacity;
	struct history_entry *entries;
	uint32_t entry_count, entry_capacity;
};

/* `history` is zeroed by it; nothing is recorded in `parts` yet. */
void history_init(struct history *history, uint32_t shard_count);
void history_close(struct history *history); /* safe on a zeroed one */

uint32_t history_add_node(struct history *history, struct slice name);
uint32_t history_add_service(struct history *history, struct slice name);
/* Returns its number. Steps follow with history_add_step, before the next saga. */
uint32_t history_add_saga(struct history *history, const struct history_saga *saga);
struct history_step *history_add_step(struct history *history, const struct history_step *step);
struct history_request *history_add_request(struct history *history, uint64_t at_ms);
struct history_answer *history_add_answer(struct history *history, uint64_t at_ms);
struct history_listed *history_add_listed(struct history *history, uint64_t at_ms);
/* The bytes are taken over: of malloc. */
struct history_batch *history_add_batch(struct history *history, uint64_t at_ms, uint32_t shard,
					uint8_t *bytes, uint32_t size);
/* Beyond what any design survives: the last ones are gone. */
void history_lose_batches(struct history *history, uint32_t shard, uint32_t count);
struct history_command *history_add_command(struct history *history, uint64_t at_ms);
struct history_effect *history_add_effect(struct history *history, uint64_t at_ms);
struct history_reply *history_add_reply(struct history *history, uint64_t at_ms);
struct history_account *history_add_account(struct history *history);
struct history_owner *history_add_owner(struct history *history, uint64_t at_ms);
struct history_sample *history_add_sample(struct history *history, uint64_t at_ms);
struct history_state *history_add_state(struct history *history, uint64_t at_ms);
struct history_fault *history_add_fault(struct history *history, uint64_t at_ms, const char *what);
uint32_t history_add_letter(struct history *history, const struct history_letter *letter);
/* A stream of that creation time: entries that are stored from now on are its. */
void history_add_incarnation(struct history *history, const char *created);
struct history_entry *history_add_entry(struct history *history, uint64_t at_ms);

/* False: no such saga or step is known; then *saga or *step is HISTORY_NONE. */
bool history_find_saga(const struct history *history, struct slice id, uint32_t *saga);
bool history_find_step(const struct history *history, uint32_t saga, struct slice name,
		       uint32_t *step);
bool history_find_entry(const struct history *history, uint32_t shard, struct slice created,
			uint64_t sequence, uint32_t *entry);

static inline const struct history_step *history_step_of(const struct history *history,
							 uint32_t saga, uint32_t step)
{
	return &history->steps[history->sagas[saga].first_step + step];
}
static inline bool history_interactive(const struct history_saga *saga)
{
	return saga->idle_ms > 0;
}
const char *history_part_name(enum history_part part);

#endif
