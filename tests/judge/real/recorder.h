/* Makes a history (tests/judge/history.h) of a run on a real cluster, for the same judges that
 * judge simulated ones.
 *
 *   part      where it comes from
 *   clients   who drives the run tells it what is asked and what is answered, as it happens
 *   journal   each batch of each stream, by the broker's own times
 *   wire      a plain subscriber on all commands, also on those into the stream
 *   ledger    the table `witness` of each service's database (examples/common/witness_sqlite.h)
 *   accounts  the same rows, and what recorder_account is told
 *   end       when the driver says so
 *
 * Times are ns of the one machine's wall clock. What a client does is stamped here: a request
 * before it leaves, an answer when it is heard. A tap hears late, never early: a command that it
 * hears right behind its own effect is taken to have left right before that. A tap that has lost
 * its broker for a moment has not heard everything, and there is no part `wire` then.
 *
 * An answer is recorded for what the protocol defines as one. Silence (SAGA_ERR_UNKNOWN, a time
 * that is over, a lost connection) is no answer: the request stands there alone.
 *
 * What clients and the tap do may come from any thread; all else from one.
 */
#ifndef SAGAD_TESTS_JUDGE_REAL_RECORDER_H
#define SAGAD_TESTS_JUDGE_REAL_RECORDER_H

#include <stdio.h>

#include "client/include/saga.h"
#include "tests/judge/judge.h"

struct recorder;

struct recorder_options {
	const char *source;        /* for people */
	const char *nats_url;      /* must live as long as the recorder */
	const char *prefix;        /* of subjects; NULL = "saga" */
	const char *stream_prefix; /* of the journals' streams; NULL = "SAGA" */
	uint32_t shard_count;
	bool tap;
};
/* NULL: `why` says what could not be done. With a tap it is listening when this returns. */
struct recorder *recorder_create(const struct recorder_options *options, char *why, uint32_t size);
void recorder_free(struct recorder *recorder); /* NULL is fine */

/* ---- before the run ---------------------------------------------------------------------------
 */

void recorder_node(struct recorder *recorder, const char *name);
/* The database is opened by recorder_collect, when its service writes no more. */
void recorder_ledger(struct recorder *recorder, const char *service, const char *file);

/* What a client means by an id, as it is submitted: nothing is resolved here but the defaults that
 * the documentation promises. Of an interactive transaction the plan's steps are the branches that
 * somebody may enlist. Before anything is asked about it; from any thread. Returns its number. */
uint32_t recorder_saga(struct recorder *recorder, const char *id, const struct wire_plan *plan,
		       struct slice input, uint64_t retry_until_unix_ms);
/* A branch as saga_enlist is given it. Borrows its texts. */
struct wire_step recorder_branch(const struct saga_branch *branch);

/* ---- during it --------------------------------------------------------------------------------
 */

struct recorder_ask {
	enum history_request_kind kind;
	uint32_t saga;
	uint32_t step;     /* ENLIST */
	uint64_t branches; /* COMMIT: as bits */
};
/* Right before it is sent. Returns its number. */
uint32_t recorder_asked(struct recorder *recorder, const struct recorder_ask *ask);
/* What came of it; a request may be answered more than once (accepted, then final). */
void recorder_told(struct recorder *recorder, uint32_t request, int error,
		   const struct saga_status *status);
/* Asks owners what has become of transactions, one after the other and over again, each by a
 * message of its own: libsaga does not say on which record an answer rests, and this does. Every
 * other one as somebody who waits. Until recorder_free or recorder_probe_stop. */
bool recorder_probe(struct recorder *recorder, uint32_t pause_ms, char *why, uint32_t size);
void recorder_probe_stop(struct recorder *recorder);
void recorder_fault(struct recorder *recorder, const char *what);
/* Nothing gets worse from now on. */
void recorder_healed(struct recorder *recorder);
/* What the driver reads in the end of an account; behind recorder_ledger of its service. */
void recorder_account(struct recorder *recorder, const char *service, const char *name,
		      int64_t opening, int64_t balance, int64_t held);

/* ---- behind it --------------------------------------------------------------------------------
 */

/* Reads journals and ledgers and puts it all in order; again reads them anew. `ended`: it ran until
 * nothing moved. NULL: `why`. The history is the recorder's, until the next collect. */
struct history *recorder_collect(struct recorder *recorder, bool ended, char *why, uint32_t size);

/* One line a finding, at most `most` of them, then what too little was seen of. `history` is what
 * was judged. */
void recorder_print(const struct history *history, const struct verdict *verdict, uint32_t most,
		    FILE *file);

#endif
