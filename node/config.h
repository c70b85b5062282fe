/* The daemon's configuration: built-in default, then YAML file, then SAGAD_* environment, then
 * flags; the later one wins, lists are replaced. Every key is a row of one table (config_table.c):
 * name, type, default, range, help; the environment name follows (nats.url -> SAGAD_NATS_URL).
 * Durations carry units (ms, s, m, h, d), sizes too (KiB, MiB, GiB).
 */
#ifndef SAGAD_NODE_CONFIG_H
#define SAGAD_NODE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"

enum { CONFIG_TEXT_MAX = 1024, CONFIG_LIST_MAX = 8 };

struct config_tls {
	char ca_file[CONFIG_TEXT_MAX];
	char cert_file[CONFIG_TEXT_MAX];
	char key_file[CONFIG_TEXT_MAX];
	bool required;
};

struct config {
	/* node.* */
	struct id node_id;                  /* node.id: default host name, cleaned */
	struct id node_zone;                /* node.zone */
	uint32_t node_weight;               /* node.weight: 1..1000, 100 */
	char node_address[CONFIG_TEXT_MAX]; /* node.address: for people */
	struct id cluster_name;             /* cluster.name: "sagad" */
	char data_dir[CONFIG_TEXT_MAX];     /* data_dir: high-water files (S7) */
	uint32_t workers;                   /* workers: 1..64, 1 */
	bool standby;                       /* standby: true */
	/* nats.* */
	char nats_url[CONFIG_TEXT_MAX];
	char nats_user[CONFIG_TEXT_MAX];
	char nats_password_file[CONFIG_TEXT_MAX];
	char nats_token_file[CONFIG_TEXT_MAX];
	char nats_credentials_file[CONFIG_TEXT_MAX];
	char nats_nkey_seed_file[CONFIG_TEXT_MAX];
	struct config_tls nats_tls;
	char nats_prefix[64];        /* nats.prefix: first subject token, "saga" */
	char nats_stream_prefix[64]; /* nats.stream_prefix: "SAGA" */
	char nats_inbox_prefixes[CONFIG_LIST_MAX][64]; /* nats.inbox_prefixes: "_INBOX" (S20) */
	uint32_t nats_inbox_prefix_count;
	/* etcd.* */
	char etcd_endpoints[CONFIG_TEXT_MAX];
	char etcd_user[CONFIG_TEXT_MAX];
	char etcd_password_file[CONFIG_TEXT_MAX];
	struct config_tls etcd_tls;
	uint32_t lease_ttl_ms;       /* lease.ttl: 2s..60s, 2s */
	uint32_t placement_grace_ms; /* placement.grace: 1m */
	/* limits.* */
	uint32_t limit_open_sagas; /* limits.open_sagas: a shard; 100,000 */
	uint32_t limit_branches;   /* limits.branches: a shard; 400,000 */
	uint32_t limit_remembered; /* limits.remembered: a shard; 1,000,000 */
	uint32_t limit_waiters;    /* limits.waiters: a shard; 100,000 */
	uint32_t limit_parked;     /* limits.parked: a shard; 0 = half of open_sagas */
	uint64_t limit_payload;    /* limits.payload: a shard; 1 GiB */
	/* journal.*, history.* */
	uint64_t segment_bytes;  /* journal.segment_bytes: 16 MiB; 0 = one segment for ever */
	uint32_t history_age_ms; /* history.max_age: 30d; used at initialisation */
	uint64_t history_bytes;  /* history.max_bytes: 1 GiB; used at initialisation */
	/* saga.* */
	uint32_t retry_window_max_ms;      /* saga.retry_window_max: 24h */
	uint32_t remember_margin_ms;       /* saga.remember_margin: 10m */
	uint32_t parked_retry_ms;          /* saga.parked_retry: 5m; 0 = never */
	uint32_t deadline_max_ms;          /* saga.deadline_max: 24h */
	uint32_t resend_per_second;        /* saga.resend_per_second: a shard; 2000 */
	uint32_t command_age_ms;           /* commands.max_age: 15s; used at initialisation too */
	uint32_t call_resend_ms;           /* commands.call_resend: 500ms */
	char http_listen[CONFIG_TEXT_MAX]; /* http.listen: "" = none */
	char http_metrics_listen[CONFIG_TEXT_MAX]; /* http.metrics_listen: "" = with the other */
	uint32_t stop_timeout_ms;                  /* stop_timeout: graceful stop at most; 30s */
	int log_level;                             /* log.level */
	int log_format;                            /* log.format */
	char crash_point[64];                      /* test.crash_point: "" in production */
};

/* `argv` as main got it (flags: --config FILE, --set key=value, --node-id, --nats-url,
 * --etcd-endpoints, --data-dir, --log-level, --check, --help, --version ...), `env` NULL-terminated
 * "NAME=value" strings. All problems go into `errors`, one line each ("file:line:column: unknown
 * key "nats.ulr": did you mean "nats.url"?"). Returns SAGA_E_NONE, SAGA_E_CONFIG or SAGA_E_USAGE.
 */
enum config_action {
	CONFIG_RUN,
	CONFIG_CHECK_ONLY,
	CONFIG_HELP,
	CONFIG_SHOW_VERSION,
	CONFIG_DEFAULTS
};
int config_load(int argc, char **argv, char **env, struct config *config,
		enum config_action *action, struct buf *errors) MUST_CHECK;
/* The commented file with all defaults; `--help` text; the effective values (secrets are files, so
 * nothing needs masking). */
void config_print_defaults(struct buf *out);
void config_print_help(struct buf *out);

struct nats_config;
struct etcd_config;
struct txn_limits;
/* The parts as the adapters want them; strings stay the config's. (config_parts.c) */
void config_nats(const struct config *config, struct nats_config *nats);
void config_etcd(const struct config *config, struct etcd_config *etcd);
struct txn_limits config_limits(const struct config *config);

#endif
