/* Shared by the daemon_*.c files only. */
#ifndef SAGAD_NODE_DAEMON_UV_INTERNAL_H
#define SAGAD_NODE_DAEMON_UV_INTERNAL_H

#include <uv.h>

#include "journal/jetstream.h"
#include "lease/etcd.h"
#include "node/daemon_uv.h"
#include "node/health.h"
#include "node/http_microhttpd.h"
#include "node/mailbox_uv.h"
#include "node/metrics.h"
#include "node/notify_systemd.h"
#include "node/worker_uv.h"
#include "sharding/control.h"
#include "transport/nats.h"
#include "wire/codec.h"
#include "wire/subject.h"

enum {
	DAEMON_WORKERS_MAX = 64,
	DAEMON_REQUESTS = 1024,                   /* more than may be open */
	DAEMON_HEALTH_NS = 50000000,              /* between two looks at what readiness asks */
	DAEMON_STREAMS_MAX = WIRE_SHARDS_MAX + 2, /* the journals, then the other two */
};
_Static_assert((int)JETSTREAM_INBOX < (int)DAEMON_STREAMS_MAX, "it has a place");

struct daemon_request {
	uint64_t token, sent_ns; /* 0 = answered */
	enum lease_request_kind kind;
};
struct admin;

struct daemon {
	const struct config *config;
	uv_loop_t loop;
	uv_timer_t tick;
	uv_timer_t stop_timer;
	uv_signal_t sigterm, sigint;
	struct health health;
	uint64_t health_at_ns;
	struct http *http;
	struct metrics metrics;
	struct daemon_request requests[DAEMON_REQUESTS]; /* to etcd, for their times */
	uint64_t meter_tick_ms, meter_view_ms;
	char version_text[320];
	struct mailbox mailbox; /* of worker_report */
	struct notify notify;   /* the service manager, where there is one */
	struct lease *lease;
	struct control *control;
	void *control_memory;
	struct lease_clock lease_clock;
	struct transport *transport;
	struct transport_subscription *info_subscription, *init_subscription;
	struct admin *admin; /* the operator's verbs */
	struct control_cluster cluster;
	struct jetstream_config jetstream;
	bool cluster_known;
	bool verified, verifying;
	int stream_errors[DAEMON_STREAMS_MAX]; /* of the last whole look */
	bool wrong_now[DAEMON_STREAMS_MAX];    /* in the look at work */
	uint32_t wrong_journals;
	bool foreign_commands;
	uint64_t verify_at_ns;
	struct worker *workers[DAEMON_WORKERS_MAX];
	bool worker_unhealthy[DAEMON_WORKERS_MAX];
	uint32_t worker_count;
	char init_reply[SUBJECT_SIZE_MAX]; /* "" = no init at work */
	struct buf scratch;
	const char *warning; /* what an acknowledgement is worth here; static or NULL */
	bool version_checked;
	uint32_t signals;
	bool closing;
	int exit_code;
};

/* daemon_uv.c */
void daemon_exit(struct daemon *d, int exit_code);
/* daemon_info.c */
int daemon_info_open(struct daemon *d);
void daemon_info_close(struct daemon *d);
/* daemon_http.c */
int daemon_http_open(struct daemon *d);
void daemon_http_close(struct daemon *d);
void daemon_health_tick(struct daemon *d, uint64_t boot_ns);
/* daemon_meter.c */
void daemon_meter_request(struct daemon *d, enum lease_request_kind kind, uint64_t token);
void daemon_meter_result(struct daemon *d, uint64_t token, int error);
void daemon_meter_note(struct daemon *d, const char *event);
void daemon_meter_tick(struct daemon *d, uint64_t boot_ns);
/* daemon_control.c */
int daemon_control_open(struct daemon *d);
void daemon_on_report(struct daemon *d, const struct worker_report *report);
/* Once connected: server version, stream configuration. */
void daemon_check_broker(struct daemon *d, uint64_t now_ns);

#endif
