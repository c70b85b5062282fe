/* The lease store on etcd v3 through its JSON gateway: libcurl's multi interface on libuv.
 * Renewals have connections of their own, so that a slow range or watch never delays one;
 * endpoints rotate on failure; every call carries Grpc-Metadata-hasleader: true. */
#ifndef SAGAD_LEASE_ETCD_H
#define SAGAD_LEASE_ETCD_H

#include "lease/lease.h"

struct uv_loop_s;

struct etcd_config {
	const char *endpoints; /* "http://127.0.0.1:2379,..." */
	const char *user, *password_file;
	const char *tls_ca_file, *tls_cert_file, *tls_key_file;
	uint32_t connect_timeout_ms; /* 0 = 500 */
};

/* Opens without talking to etcd yet. Strings are copied. SAGA_E_CONFIG with a sentence in `why`. */
int etcd_open(struct uv_loop_s *loop, const struct etcd_config *config, struct lease **lease,
	      char why[256]) MUST_CHECK;

#endif
