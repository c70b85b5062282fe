/* Questions to nodes and owners: one connection, requests that are sent again until somebody
 * answers. libuv stands in cluster_uv.c only. */
#ifndef SAGAD_CLI_CLUSTER_H
#define SAGAD_CLI_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "transport/nats.h"
#include "wire/codec.h"
#include "wire/subject.h"

struct cluster_link;

/* `notice` (may be NULL) is printed on standard error when nothing has come after a second, so that
 * people know what they wait for. It must live as long as the link. */
int cluster_open(const struct nats_config *config, const char *notice, struct cluster_link **link,
		 char why[256]) MUST_CHECK;
void cluster_close(struct cluster_link *link); /* NULL is fine */

/* 0: this answer is taken; else why it is not, and the request is sent again. */
typedef int (*cluster_judge)(struct slice answer);

struct cluster_request {
	struct subject subject;
	struct buf data;     /* the request, encoded */
	uint32_t try_ms;     /* patience of one try */
	cluster_judge judge; /* NULL = any answer is taken */
	int error;           /* out: 0, or the last trouble */
	struct buf answer;   /* out */
	bool doubtful;       /* out: an earlier try got no answer, but may have been taken */
	/* for cluster_uv.c */
	struct cluster_link *link;
	enum { CLUSTER_WAITS, CLUSTER_ASKS, CLUSTER_DONE } state;
	uint64_t next_ms;
	uint64_t token;
};

void cluster_request_init(struct cluster_request *r, const struct subject *subject,
			  cluster_judge judge);
void cluster_request_close(struct cluster_request *r);

/* Blocks until all are answered or the time is over; look at each one's error. */
void cluster_ask(struct cluster_link *link, struct cluster_request *requests, uint32_t count,
		 uint32_t timeout_ms);
/* Lets time pass, and the connection live. */
void cluster_pause(struct cluster_link *link, uint32_t pause_ms);

#endif
