/* The parts of the etcd store. Included by etcd*.c only. */
#ifndef SAGAD_LEASE_ETCD_INTERNAL_H
#define SAGAD_LEASE_ETCD_INTERNAL_H

#include "base/check.h"
#include "lease/etcd.h"
#include "lease/etcd_codec.h"
#include "lease/etcd_frames.h"
#include "lease/etcd_multi.h"

enum {
	ETCD_ENDPOINTS_MAX = 8,
	ETCD_ENDPOINT_SIZE_MAX = 255,
	ETCD_PASSWORD_MAX = 1024,
	ETCD_CALLS_MAX = 512,
	ETCD_BODY_MAX = 2 * 1024 * 1024,    /* etcd takes 1.5 MiB */
	ETCD_ANSWER_MAX = 32 * 1024 * 1024, /* of a range */
	ETCD_FRAME_MAX = 8 * 1024 * 1024,   /* of the watch */
	ETCD_AUTHENTICATE_MS = 1000,
	ETCD_WATCH_PAUSE_MIN_MS = 100,
	ETCD_WATCH_PAUSE_MAX_MS = 2000,
	ETCD_LOG_PAUSE_MS = 1000,
};

/* Strings are ours; NULL = not given. */
struct etcd_settings {
	char endpoints[ETCD_ENDPOINTS_MAX][ETCD_ENDPOINT_SIZE_MAX + 1];
	uint32_t endpoint_count;
	char *user;
	char *password_file;
	char *ca_file;
	char *cert_file;
	char *key_file;
	uint32_t connect_timeout_ms;
};

/* Connections for one purpose: renewals have theirs, so that nothing slow stands before them. */
struct etcd_lane {
	struct etcd *etcd;
	struct etcd_multi multi;
	uint32_t endpoint; /* where the next request goes */
};

enum etcd_call_state {
	ETCD_CALL_FREE,
	ETCD_CALL_WAITING, /* for a token */
	ETCD_CALL_RUNNING,
	ETCD_CALL_DECIDED, /* its result is delivered on the loop's next turn */
};

struct etcd_call {
	struct etcd_transfer transfer; /* first: a transfer is its call */
	struct etcd *etcd;
	struct etcd_call *next; /* in the list of all */
	enum etcd_call_state state;
	struct etcd_lane *lane;
	enum lease_request_kind kind;
	uint64_t token;
	lease_completion done;
	void *context;
	uint64_t deadline_ns;
	uint64_t sent_ns;
	uint32_t endpoint;
	uint32_t tries;
	bool authenticated_anew;
	struct buf body;
	struct buf answer;
	struct curl_slist *headers;
	struct etcd_reply reply;
};

struct etcd_watch {
	struct etcd_transfer transfer;
	struct etcd *etcd;
	bool wanted;
	bool broken; /* to be opened anew */
	bool hint_due;
	uv_timer_t timer;
	uint32_t pause_ms;
	uint32_t endpoint;
	struct buf body;
	struct etcd_frames frames;
	struct curl_slist *headers;
	lease_hint hint;
	void *context;
};

struct etcd_auth {
	struct etcd_transfer transfer;
	struct etcd *etcd;
	bool not_enabled; /* the server knows no users: go without */
	struct buf body;
	struct buf answer;
	struct curl_slist *headers;
	uint32_t endpoint;
	uint32_t generation; /* of the token */
	char token[ETCD_TOKEN_MAX];
};

struct etcd {
	struct lease lease; /* first: the contract's object */
	uv_loop_t *loop;
	struct etcd_settings settings;
	struct etcd_lane renewals;
	struct etcd_lane others;
	struct etcd_call *calls;
	uint32_t call_count;
	struct etcd_watch watch;
	struct etcd_auth auth;
	uv_timer_t kick; /* delivers what was decided outside of the loop's turn */
	uint32_t open;   /* lanes, kick and watch timer not closed yet */
	bool closing;
	uint64_t logged_ns;
};

/* etcd_config.c */
int etcd_settings_init(struct etcd_settings *settings, const struct etcd_config *config,
		       char why[256]) MUST_CHECK;
void etcd_settings_close(struct etcd_settings *settings);
/* Without the line end; wipe it after use. */
int etcd_read_password(const struct etcd_settings *settings, char password[ETCD_PASSWORD_MAX],
		       uint32_t *size) MUST_CHECK;

/* etcd_call.c */
int etcd_call_submit(struct etcd *etcd, const struct lease_request *request, uint64_t token,
		     lease_completion done, void *context) MUST_CHECK;
/* A token has come (error 0) or could not be had: what waits for it goes on, or ends. */
void etcd_calls_go_on(struct etcd *etcd, int error);
void etcd_calls_deliver(struct etcd *etcd); /* of those decided */
void etcd_calls_stop(struct etcd *etcd);    /* decides all with SAGA_E_STOPPING */
void etcd_calls_free(struct etcd *etcd);
/* Sets what every request to etcd has in common. */
int etcd_prepare(struct etcd *etcd, CURL *easy, uint32_t endpoint, const char *path,
		 const struct buf *body, struct curl_slist **headers) MUST_CHECK;
/* Collects an answer in a buffer. */
size_t etcd_collect(char *data, size_t size, size_t count, void *answer);
void etcd_rotate(struct etcd_lane *lane, uint32_t failed_endpoint);
void etcd_kick(struct etcd *etcd);
void etcd_log_trouble(struct etcd *etcd, const char *what, uint32_t endpoint, int error,
		      const char *text);

/* etcd_auth.c */
bool etcd_auth_ready(const struct etcd *etcd);
void etcd_auth_start(struct etcd *etcd);                  /* no-op while one is running */
void etcd_auth_forget(struct etcd *etcd, uint32_t token); /* of that generation */
void etcd_auth_close(struct etcd *etcd);

/* etcd_watch.c */
int etcd_watch_open(struct etcd *etcd, struct slice prefix, lease_hint hint,
		    void *context) MUST_CHECK;
void etcd_watch_work(struct etcd *etcd);                       /* after each round of libcurl */
void etcd_watch_suspect(struct etcd *etcd, uint32_t endpoint); /* it was silent to others */
void etcd_watch_stop(struct etcd *etcd);
void etcd_watch_close(struct etcd *etcd);

/* etcd.c */
void etcd_part_closed(struct etcd *etcd);

#endif
