/* The small, strongly consistent key-value store with leases that ownership rests on: etcd
 * (lease/etcd.c), later also a local one for the embedded mode.
 *
 * One store object belongs to one loop thread; completions come on that thread, never from inside a
 * call, exactly once a request. A request that failed or timed out may have been carried out: for
 * grants and transactions SAGA_E_UNKNOWN says so, and the caller re-reads; nothing is retried
 * blindly. A lease is a hint about who should try; safety is the journal's fence.
 */
#ifndef SAGAD_LEASE_LEASE_H
#define SAGAD_LEASE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum lease_request_kind {
	LEASE_GRANT = 1, /* ttl_s -> lease_id, ttl_s (may be raised) */
	LEASE_RENEW,     /* lease_id -> ttl_s; a lease that is gone: SAGA_E_LEASE_LOST */
	LEASE_REVOKE,    /* lease_id; gone already = success */
	LEASE_RANGE,     /* prefix -> kvs; linearizable */
	LEASE_TXN,       /* compares, then puts and deletes if all hold -> succeeded */
};

enum { LEASE_COMPARES_MAX = 4, LEASE_WRITES_MAX = 4 };

struct lease_compare {
	struct slice key;
	enum { LEASE_CREATE_REVISION, LEASE_MOD_REVISION } target;
	int64_t equals; /* create revision 0 = the key does not exist */
};

struct lease_write {
	bool remove;
	struct slice key;
	struct slice value;
	int64_t lease_id; /* 0 = none */
};

/* Slices are copied by the call. */
struct lease_request {
	enum lease_request_kind kind;
	uint32_t timeout_ms;
	uint32_t ttl_s;
	int64_t lease_id;
	struct slice prefix;
	struct lease_compare compares[LEASE_COMPARES_MAX];
	uint32_t compare_count;
	struct lease_write writes[LEASE_WRITES_MAX];
	uint32_t write_count;
};

struct lease_kv {
	struct slice key;
	struct slice value;
	int64_t create_revision;
	int64_t mod_revision;
	int64_t lease_id;
};

struct lease_result {
	int error;        /* 0, SAGA_E_LEASE_LOST, SAGA_E_UNKNOWN, SAGA_E_NO_LEADER, SAGA_E_TIMEOUT,
			     SAGA_E_ETCD, SAGA_E_AUTH, SAGA_E_BAD_REPLY, SAGA_E_STOPPING */
	uint64_t sent_ns; /* CLOCK_BOOTTIME just before it was sent (S28) */
	int64_t revision; /* the store's, from the reply's header */
	int64_t lease_id;
	uint32_t ttl_s;
	/* Of a txn's compares. False may also mean that an earlier copy of this very txn did it:
	 * libcurl re-sends on a kept connection that dies before the first byte of an answer. Look
	 * at what is there before taking it for somebody else's. */
	bool succeeded;
	const struct lease_kv *kvs; /* borrowed until return */
	uint32_t kv_count;
};

typedef void (*lease_completion)(void *context, uint64_t token, const struct lease_result *result);
/* Something under the prefix changed, or the watch was interrupted: read again. A hint. */
typedef void (*lease_hint)(void *context);

struct lease;

struct lease_ops {
	int (*submit)(struct lease *l, const struct lease_request *request, uint64_t token,
		      lease_completion done, void *context);
	/* At most one watch a store; kept alive and re-opened by itself. */
	int (*watch)(struct lease *l, struct slice prefix, lease_hint hint, void *context);
	void (*close)(struct lease *l); /* open requests end with SAGA_E_STOPPING */
};

struct lease {
	const struct lease_ops *ops;
};

#endif
