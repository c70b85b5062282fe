/* Cuts a stream of bytes into JSON objects, wherever the pieces are cut. Pure.
 *
 * Only braces and strings are looked at; whether an object is JSON is the parser's to say. Bytes
 * between objects must be white space. */
#ifndef SAGAD_LEASE_ETCD_FRAMES_H
#define SAGAD_LEASE_ETCD_FRAMES_H

#include "base/buf.h"

struct etcd_frames {
	struct buf frame; /* its maximum bounds a frame */
	uint32_t depth;
	bool in_string;
	bool escaped;
	bool complete; /* `frame` holds an object that was handed out */
};

void etcd_frames_init(struct etcd_frames *f, uint32_t frame_size_max);
void etcd_frames_close(struct etcd_frames *f);
void etcd_frames_reset(struct etcd_frames *f); /* a new stream */
/* Takes from *input what it needs. 1: *frame is the next object, until the next call; 0: more input
 * is needed; SAGA_E_BAD_REPLY: no JSON object; SAGA_E_FULL: larger than permitted;
 * SAGA_E_NO_MEMORY. After an error only reset helps. */
int etcd_frames_next(struct etcd_frames *f, struct slice *input, struct slice *frame) MUST_CHECK;

#endif
