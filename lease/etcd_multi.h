/* libcurl's multi interface on a libuv loop.
 *
 * M1 libcurl is never called from inside one of its callbacks (they only note what is wanted);
 * M2 a poll handle lives until its close callback, whatever becomes of its socket's number;
 * M3 `done` and `after` are called outside of libcurl: they may start and stop transfers, and close
 *    the multi. */
#ifndef SAGAD_LEASE_ETCD_MULTI_H
#define SAGAD_LEASE_ETCD_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct etcd_multi {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
	struct etcd_socket *sockets;
	uint32_t handles; /* of libuv, not closed yet */
	bool inside;      /* a call of libcurl is running */
	bool closing;
	void (*after)(void *context);  /* after each round of work */
	void (*closed)(void *context); /* all handles are closed */
	void *context;
};

struct etcd_transfer {
	struct etcd_multi *multi;
	CURL *easy;
	bool running;
	/* Once, after the transfer has left the multi. Not after etcd_transfer_stop. */
	void (*done)(struct etcd_transfer *t, CURLcode result);
};

/* `m` must stay where it is until `closed` has been called. */
int etcd_multi_open(struct etcd_multi *m, uv_loop_t *loop) MUST_CHECK;
/* Transfers must have been stopped. */
void etcd_multi_close(struct etcd_multi *m);
int etcd_transfer_start(struct etcd_multi *m, struct etcd_transfer *t) MUST_CHECK;
void etcd_transfer_stop(struct etcd_transfer *t);

#endif
