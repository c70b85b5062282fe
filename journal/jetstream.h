/* The journal on JetStream: stream SAGA_J_<shard> each, file storage, fenced by
 * Nats-Expected-Last-Sequence on every append (never the per-subject header, never a Nats-Msg-Id:
 * a duplicate would win over the fence).
 *
 * An acknowledgement that names another stream or position than the fence allows, or a duplicate,
 * breaks an invariant for good: it is logged (journal.fence_broken) and reported as REFUSED, which
 * stops the shard until a replay has judged what is there (an unknown one would be sent again).
 * A shard has one append in flight (SAGA_E_BUSY). Close the journal before its transport, and not
 * from inside a callback. A whole read compares the creation time in GENESIS with the stream's own
 * (S7) and ends with SAGA_E_JOURNAL_FOREIGN where they differ.
 */
#ifndef SAGAD_JOURNAL_JETSTREAM_H
#define SAGAD_JOURNAL_JETSTREAM_H

#include "journal/journal.h"
#include "transport/transport.h"
#include "wire/shard.h"

struct jetstream_config {
	const char *prefix;         /* of subjects, "saga" */
	const char *stream_prefix;  /* "SAGA" -> SAGA_J_3, SAGA_CMD */
	const char *cluster;        /* expected in each stream's description; mismatch = FOREIGN */
	uint32_t append_timeout_ms; /* 0 = 2000 */
	uint32_t replicas;          /* as initialisation set it; for jetstream_verify, 0 = any */
};

/* `transport` and the strings are borrowed for the journal's life. SAGA_E_CONFIG when a name is
 * not valid, SAGA_E_NO_MEMORY. */
int jetstream_open(struct transport *transport, const struct jetstream_config *config,
		   const struct journal_events *events, struct journal **journal) MUST_CHECK;

/* ---- cluster initialisation (S7: streams are created only here) ------------------------------ */

struct jetstream_provision {
	const char *cluster;
	uint32_t shard_count;
	uint32_t replicas;
	uint32_t command_age_ms; /* max_age of SAGA_CMD (S14) */
	struct hash128 slots;
};

/* Ends once with 0 or an error and a sentence. Creates SAGA_J_<n> for all shards, SAGA_CMD and
 * SAGA_INBOX, each with the cluster in its description, then writes the GENESIS batch (record 1,
 * sequence 1, epoch 0) to each journal, fenced at 0. May be repeated after a crash, of ours or of
 * the servers, with the same cluster id: a journal with its GENESIS is kept; one that is empty, or
 * that the server lost and made again with nothing but our GENESIS of then, is deleted and made
 * anew, as the other two are while they were never used (docs/decisions/0002); what else is there
 * and different refuses (SAGA_E_CLUSTER_MISMATCH / SAGA_E_JOURNAL_FOREIGN). Hence not for a cluster
 * that has been initialised: there a lost journal halts. What the server will not do at all (more
 * replicas than servers) is SAGA_E_CONFIG with its words; what it fails to do (its files) is tried
 * again for some 15 s, then SAGA_E_NATS. `done` runs after the call, on the transport's thread;
 * `text` lives until it returns. All arguments but `transport` are copied. On an error return
 * `done` does not run. Do not close the transport before `done`. */
typedef void (*jetstream_provisioned)(void *context, int error, const char *text);
int jetstream_provision(struct transport *transport, const struct jetstream_config *config,
			const struct jetstream_provision *what, jetstream_provisioned done,
			void *context) MUST_CHECK;

/* Makes SAGA_HISTORY (S25) and SAGA_OPS where they are not there yet; what is there stays as it is.
 * For a new cluster, and for one that was initialised before there were such streams. `done` as
 * above; the strings are copied. */
struct jetstream_extras {
	uint32_t replicas;
	uint64_t history_age_ms, history_bytes; /* limits: the oldest goes */
};
int jetstream_make_extras(struct transport *transport, const struct jetstream_config *config,
			  const struct jetstream_extras *what, jetstream_provisioned done,
			  void *context) MUST_CHECK;

/* Reads the configuration of all streams back and compares it (replicas,
 * storage, no limits, no dedupe reliance, description). Each stream that is missing or different is
 * told to `wrong`, with the first difference in `text`; `shard` is JETSTREAM_COMMANDS or
 * JETSTREAM_INBOX for these. `done` with 0 means that all were looked at, not that all were right.
 */
enum { JETSTREAM_COMMANDS = WIRE_SHARDS_MAX, JETSTREAM_INBOX }; /* in place of a shard */
typedef void (*jetstream_wrong)(void *context, uint32_t shard, int error, const char *text);
int jetstream_verify(struct transport *transport, const struct jetstream_config *config,
		     uint32_t shard_count, jetstream_wrong wrong, jetstream_provisioned done,
		     void *context) MUST_CHECK;

/* What an acknowledgement is worth with this server version: a sentence for warnings. NULL only for
 * an empty version (not connected yet): no server tells its clients whether it syncs at once. */
const char *jetstream_version_warning(const char *server_version);

#endif
