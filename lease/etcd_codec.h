/* What goes to and comes from etcd's JSON gateway (v3, grpc-gateway 1 and 2). Pure: no I/O.
 *
 * 64-bit integers come as strings or numbers; zero, false and empty fields are left out. */
#ifndef SAGAD_LEASE_ETCD_CODEC_H
#define SAGAD_LEASE_ETCD_CODEC_H

#include "base/buf.h"
#include "lease/lease.h"

enum { ETCD_MESSAGE_MAX = 160, ETCD_TOKEN_MAX = 4096 };

/* gRPC codes that are told apart. */
enum {
	ETCD_GRPC_INVALID_ARGUMENT = 3,
	ETCD_GRPC_NOT_FOUND = 5,
	ETCD_GRPC_PERMISSION_DENIED = 7,
	ETCD_GRPC_RESOURCE_EXHAUSTED = 8,
	ETCD_GRPC_FAILED_PRECONDITION = 9,
	ETCD_GRPC_OUT_OF_RANGE = 11,
	ETCD_GRPC_UNIMPLEMENTED = 12,
	ETCD_GRPC_UNAVAILABLE = 14,
	ETCD_GRPC_UNAUTHENTICATED = 16,
};

struct etcd_reply {
	int error; /* 0 or as lease.h says */
	int code;  /* gRPC's, 0 = none */
	char message[ETCD_MESSAGE_MAX];
	bool authenticate; /* refused for its token, not carried out: once more with a new one */
	int64_t revision;
	int64_t lease_id;
	uint32_t ttl_s;
	bool succeeded;
	struct lease_kv *kvs; /* slices into `text` */
	uint32_t kv_count;
	uint32_t kv_capacity;
	struct buf text;
};

void etcd_reply_init(struct etcd_reply *reply, uint32_t text_size_max);
void etcd_reply_close(struct etcd_reply *reply);
void etcd_reply_clear(struct etcd_reply *reply); /* keeps its memory */

/* "/v3/kv/range" ... */
const char *etcd_request_path(enum lease_request_kind kind);
/* SAGA_E_FULL, SAGA_E_NO_MEMORY; SAGA_E_RANGE for a request that makes no sense. */
int etcd_request_build(const struct lease_request *request, struct buf *body) MUST_CHECK;
/* Never fails: what cannot be understood is an error in the reply. */
void etcd_reply_parse(enum lease_request_kind kind, long http_status, struct slice body,
		      struct etcd_reply *reply);

int etcd_watch_build(struct slice prefix, struct buf *body) MUST_CHECK;
struct etcd_watch_frame {
	bool created;
	bool canceled; /* compacted or refused: open it anew */
	uint32_t events;
	int code; /* gRPC's, 0 = none */
	bool authenticate;
	char message[ETCD_MESSAGE_MAX];
};
/* SAGA_E_BAD_REPLY. */
int etcd_watch_parse(struct slice frame, struct etcd_watch_frame *parsed) MUST_CHECK;

int etcd_authenticate_build(const char *user, struct slice password, struct buf *body) MUST_CHECK;
/* 0 and the token; SAGA_E_AUTH when refused; SAGA_E_STATE when authentication is not enabled;
 * SAGA_E_NO_LEADER, SAGA_E_ETCD, SAGA_E_BAD_REPLY. */
int etcd_authenticate_parse(long http_status, struct slice body,
			    char token[ETCD_TOKEN_MAX]) MUST_CHECK;

/* etcd_errors.c: what a gRPC code means for a request (lease.h). */
int etcd_error_of(enum lease_request_kind kind, int code, const char *message, bool *authenticate);
/* A transfer that failed: `maybe_sent` = some of it may have reached the server. */
int etcd_error_of_transfer(enum lease_request_kind kind, bool timed_out, bool maybe_sent);

#endif
