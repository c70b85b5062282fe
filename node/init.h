/* Cluster initialisation, carried out by one waiting node when `sagactl init` asks: the only place
 * where streams are created (S7). May be repeated after a crash at any point:
 *
 *   etcd .../init (cluster id, shards, replicas)      -> fixes the cluster id; a repetition takes
 *                                                         it over, if there is no config
 *   JetStream: all streams and their GENESIS batches  -> repeatable with that id
 *   JetStream: the streams that are no truth
 *   etcd .../config, if init is still this attempt's  -> from here on it is initialised
 *
 * So two attempts may be at work at once (one node is slow and another is asked): only the one that
 * began last may end it.
 */
#ifndef SAGAD_NODE_INIT_H
#define SAGAD_NODE_INIT_H

#include "journal/jetstream.h"
#include "lease/lease.h"
#include "sharding/control.h"

struct init_config {
	struct id name; /* cluster name: the etcd prefix is /sagad/<name>/ */
	const char *prefix;
	const char *stream_prefix;
	uint32_t command_age_ms;
	uint64_t history_age_ms, history_bytes;
	uint64_t entropy; /* for the random part of the cluster id */
};

struct init;
/* Exactly once: 0 and the cluster id, or an error and a sentence. `init` is gone after it. */
typedef void (*init_done)(void *context, int error, const char *cluster, const char *text);

/* `lease` and `transport` are borrowed until done. SAGA_E_RANGE for bad numbers, SAGA_E_NO_MEMORY.
 */
int init_start(const struct init_config *config, uint32_t shard_count, uint32_t replicas,
	       struct lease *lease, struct transport *transport, init_done done,
	       void *context) MUST_CHECK;

#endif
