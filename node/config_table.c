/* Every key of sagad. docs/configuration.md has the same rows; a test compares them. */
#include <stddef.h>
#include <stdint.h>

#include "base/os_log.h"
#include "node/config_internal.h"

#define MEMBER(member)                                                                             \
	(uint32_t) offsetof(struct config, member), (uint32_t)sizeof(((struct config *)0)->member)

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
#define DAYS_30 ((uint64_t)30 * DAY)
#define KIB     ((uint64_t)1024)
#define GIB     (KIB * KIB * KIB)

/* Indexes are the values of enum log_level and enum log_format. */
static const char *const level_words[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_words[] = {"auto", "json", "text", NULL};

_Static_assert(LOG_DEBUG == 0 && LOG_INFO == 1 && LOG_WARN == 2 && LOG_ERROR == 3,
	       "level_words are in the order of enum log_level");
_Static_assert(LOG_FORMAT_AUTO == 0 && LOG_FORMAT_JSON == 1 && LOG_FORMAT_TEXT == 2,
	       "format_words are in the order of enum log_format");

const struct config_key config_keys[] = {
	{"node.id", CONFIG_ID, MEMBER(node_id), 1, 0, NULL, NULL,
	 "name of this node, unique in the cluster; default: the host's name"},
	{"node.zone", CONFIG_ID, MEMBER(node_zone), 0, 0, "", NULL,
	 "failure domain: standbys are looked for in another one"},
	{"node.weight", CONFIG_U32, MEMBER(node_weight), 1, 1000, "100", NULL,
	 "share of the shards, relative to the other nodes"},
	{"node.address", CONFIG_TEXT, MEMBER(node_address), 0, 0, "", NULL,
	 "where people find this node; only shown"},
	{"cluster.name", CONFIG_ID, MEMBER(cluster_name), 1, 0, "sagad", NULL,
	 "etcd keys live below /sagad/<cluster.name>/"},
	{"data_dir", CONFIG_TEXT, MEMBER(data_dir), 1, 0, "./sagad-data", NULL,
	 "folder for what this node remembers of the journals' ends; made when missing"},
	{"workers", CONFIG_U32, MEMBER(workers), 1, 64, "1", NULL,
	 "worker threads; each serves some of the node's shards"},
	{"standby", CONFIG_BOOL, MEMBER(standby), 0, 0, "true", NULL,
	 "follow the journals of shards that this node is to take over, so that it is quick"},

	{"nats.url", CONFIG_URLS, MEMBER(nats_url), 1, 0, "nats://127.0.0.1:4222", NULL,
	 "NATS servers, comma-separated: nats:// or tls://"},
	{"nats.user", CONFIG_TEXT, MEMBER(nats_user), 0, 0, "", NULL,
	 "user name; needs nats.password_file"},
	{"nats.password_file", CONFIG_FILE, MEMBER(nats_password_file), 0, 0, "", NULL,
	 "file with the password of nats.user"},
	{"nats.token_file", CONFIG_FILE, MEMBER(nats_token_file), 0, 0, "", NULL,
	 "file with a token"},
	{"nats.credentials_file", CONFIG_FILE, MEMBER(nats_credentials_file), 0, 0, "", NULL,
	 "credentials file: user JWT and seed"},
	{"nats.nkey_seed_file", CONFIG_FILE, MEMBER(nats_nkey_seed_file), 0, 0, "", NULL,
	 "file with the seed of a user's nkey"},
	{"nats.tls.ca_file", CONFIG_FILE, MEMBER(nats_tls.ca_file), 0, 0, "", NULL,
	 "certificate authorities for NATS; when given, TLS is used"},
	{"nats.tls.cert_file", CONFIG_FILE, MEMBER(nats_tls.cert_file), 0, 0, "", NULL,
	 "this node's certificate for NATS; needs nats.tls.key_file"},
	{"nats.tls.key_file", CONFIG_FILE, MEMBER(nats_tls.key_file), 0, 0, "", NULL,
	 "key of that certificate"},
	{"nats.tls.required", CONFIG_BOOL, MEMBER(nats_tls.required), 0, 0, "false", NULL,
	 "use TLS also without nats.tls.ca_file, by the system's authorities"},
	{"nats.prefix", CONFIG_NAME, MEMBER(nats_prefix), 1, 0, "saga", NULL,
	 "first token of every subject"},
	{"nats.stream_prefix", CONFIG_NAME, MEMBER(nats_stream_prefix), 1, 0, "SAGA", NULL,
	 "start of every stream's name"},
	{"nats.inbox_prefixes", CONFIG_LIST, MEMBER(nats_inbox_prefixes), 1, 0, "_INBOX", NULL,
	 "reply subjects must start with one of these; the first is this node's own"},

	{"etcd.endpoints", CONFIG_URLS, MEMBER(etcd_endpoints), 1, 0, "http://127.0.0.1:2379", NULL,
	 "etcd servers, comma-separated: http:// or https://"},
	{"etcd.user", CONFIG_TEXT, MEMBER(etcd_user), 0, 0, "", NULL,
	 "user name; needs etcd.password_file"},
	{"etcd.password_file", CONFIG_FILE, MEMBER(etcd_password_file), 0, 0, "", NULL,
	 "file with the password of etcd.user"},
	{"etcd.tls.ca_file", CONFIG_FILE, MEMBER(etcd_tls.ca_file), 0, 0, "", NULL,
	 "certificate authorities for etcd; default: the system's"},
	{"etcd.tls.cert_file", CONFIG_FILE, MEMBER(etcd_tls.cert_file), 0, 0, "", NULL,
	 "this node's certificate for etcd; needs etcd.tls.key_file"},
	{"etcd.tls.key_file", CONFIG_FILE, MEMBER(etcd_tls.key_file), 0, 0, "", NULL,
	 "key of that certificate"},
	{"lease.ttl", CONFIG_DURATION, MEMBER(lease_ttl_ms), 2 * SECOND, 60 * SECOND, "2s", NULL,
	 "a node that is silent for this long loses its shards; whole seconds"},
	{"placement.grace", CONFIG_DURATION, MEMBER(placement_grace_ms), SECOND, HOUR, "1m", NULL,
	 "what a node had that went away is kept for it for so long; nothing is levelled "
	 "meanwhile"},

	{"limits.open_sagas", CONFIG_U32, MEMBER(limit_open_sagas), 1, 4000000, "100000", NULL,
	 "unfinished sagas a shard"},
	{"limits.branches", CONFIG_U32, MEMBER(limit_branches), 1, 16000000, "400000", NULL,
	 "steps of all unfinished sagas together, a shard"},
	{"limits.remembered", CONFIG_U32, MEMBER(limit_remembered), 1, 16000000, "1000000", NULL,
	 "finished ids that are still known, a shard"},
	{"limits.waiters", CONFIG_U32, MEMBER(limit_waiters), 1, 4000000, "100000", NULL,
	 "clients that wait for an outcome, a shard"},
	{"limits.parked", CONFIG_U32, MEMBER(limit_parked), 0, 4000000, "0", NULL,
	 "parked sagas before submits are refused, a shard; 0 = half of open_sagas"},
	{"limits.payload", CONFIG_SIZE, MEMBER(limit_payload), KIB *KIB, 64 * GIB, "1GiB", NULL,
	 "plans, inputs and outputs of unfinished sagas, a shard"},

	{"journal.segment_bytes", CONFIG_SIZE, MEMBER(segment_bytes), 0, GIB, "16MiB", NULL,
	 "a journal is four segments of this size, or of what is alive if that is more; 0 = it is "
	 "never cut"},
	{"history.max_age", CONFIG_DURATION, MEMBER(history_age_ms), SECOND, DAYS_30, "30d", NULL,
	 "what has left the journals is kept so long; used when its stream is made"},
	{"history.max_bytes", CONFIG_SIZE, MEMBER(history_bytes), KIB *KIB, 1024 * GIB, "1GiB",
	 NULL, "and only so much of it; used when its stream is made"},

	{"saga.retry_window_max", CONFIG_DURATION, MEMBER(retry_window_max_ms), SECOND, DAYS_30,
	 "1d", NULL, "longest time over which one id may be submitted again"},
	{"saga.remember_margin", CONFIG_DURATION, MEMBER(remember_margin_ms), SECOND, DAYS_30,
	 "10m", NULL, "how much longer than its retry window an id is known"},
	{"saga.parked_retry", CONFIG_DURATION, MEMBER(parked_retry_ms), 0, DAYS_30, "5m", NULL,
	 "pause between the attempts of a parked step; 0 = it waits for an operator"},
	{"saga.deadline_max", CONFIG_DURATION, MEMBER(deadline_max_ms), SECOND, DAYS_30, "1d", NULL,
	 "longest deadline that a saga may ask for"},
	{"saga.resend_per_second", CONFIG_U32, MEMBER(resend_per_second), 0, 1000000, "2000", NULL,
	 "commands a second that a new owner sends again, and calls that nobody answered, a shard; "
	 "0 = "
	 "without limit"},
	{"commands.max_age", CONFIG_DURATION, MEMBER(command_age_ms), SECOND, HOUR, "15s", NULL,
	 "after this a waiting command is dropped by the broker and sent again"},
	{"commands.call_resend", CONFIG_DURATION, MEMBER(call_resend_ms), 10, MINUTE, "500ms", NULL,
	 "a call that nobody answers is sent again after this, then after twice as long, up to 5s"},
	{"http.listen", CONFIG_LISTEN, MEMBER(http_listen), 0, 0, "", NULL,
	 "address:port for /healthz/..., /version and /metrics; empty = no listener"},
	{"http.metrics_listen", CONFIG_LISTEN, MEMBER(http_metrics_listen), 0, 0, "", NULL,
	 "address:port for /metrics alone, which http.listen then has no more"},
	{"stop_timeout", CONFIG_DURATION, MEMBER(stop_timeout_ms), SECOND, HOUR, "30s", NULL,
	 "a graceful stop takes no longer"},
	{"log.level", CONFIG_ENUM, MEMBER(log_level), 0, 0, "info", level_words,
	 "least level that is logged"},
	{"log.format", CONFIG_ENUM, MEMBER(log_format), 0, 0, "auto", format_words,
	 "JSON lines, or text; auto = text on a terminal"},
	{"test.crash_point", CONFIG_TEXT, MEMBER(crash_point), 0, 0, "", NULL,
	 "for tests of sagad itself: dies by SIGKILL at a named point"},
};

const uint32_t config_key_count = sizeof config_keys / sizeof config_keys[0];

_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX,
	       "a loader has room for every key");
