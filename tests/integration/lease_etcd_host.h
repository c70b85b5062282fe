/* A store on a real etcd, and a loop that a test can see breathe. */
#ifndef SAGAD_TESTS_INTEGRATION_LEASE_ETCD_HOST_H
#define SAGAD_TESTS_INTEGRATION_LEASE_ETCD_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "base/buf.h"
#include "lease/etcd.h"
#include "tests/support/launcher.h"

enum { HOST_KVS_MAX = 4096 };

struct host_answer {
	bool done;
	struct lease_result result; /* kvs point into `kvs` */
	struct lease_kv *kvs;
	struct buf text;
	uint64_t took_ms;
};

struct host {
	struct cluster *cluster;
	uv_loop_t loop;
	struct lease *lease;
	uv_timer_t beat; /* every 5 ms: tells the longest time that the loop stood still */
	uv_timer_t limit;
	uint64_t beat_ns, gap_max_ns;
	bool limit_passed;
	uint32_t hints;
};

void host_start_etcd(struct host *h);
void host_stop_etcd(struct host *h);
void host_open(struct host *h, const struct etcd_config *config);
void host_close(struct host *h);
/* Runs the loop until *flag, or for at most ms; false = time over. */
bool host_run(struct host *h, const bool *flag, uint64_t ms);
bool host_run_hints(struct host *h, uint32_t hints, uint64_t ms);
/* Submits and waits. Frees the previous content of `answer`, which must be zeroed at first. */
void host_ask(struct host *h, const struct lease_request *request, struct host_answer *answer);
void host_submit(struct host *h, const struct lease_request *request, struct host_answer *answer);
void host_answer_close(struct host_answer *answer);
/* Asked until it is answered without an error. */
void host_ask_until_fine(struct host *h, const struct lease_request *request,
			 struct host_answer *answer);
/* Where etcd or etcdctl is. */
void host_find_tool(const char *name, char path[PROCESS_PATH_SIZE]);
void host_watch(struct host *h, const char *prefix);

struct lease_request request_grant(uint32_t ttl_s);
struct lease_request request_of_lease(enum lease_request_kind kind, int64_t lease_id);
struct lease_request request_range(const char *prefix);
/* Puts a key that does not exist; lease 0 = none. */
struct lease_request request_create(const char *key, const char *value, int64_t lease_id);

/* lease_etcd_faults.c */
void a_stopped_server_times_requests_out(void **state);
void a_restart_is_survived(void **state);
void the_watch_survives_a_restart(void **state);
void a_dead_endpoint_is_passed_over(void **state);
void without_a_leader_it_says_so_at_once(void **state);
void closing_ends_what_is_open(void **state);
void closing_from_a_completion(void **state);
void users_and_passwords(void **state);
/* lease_etcd_tls.c */
void both_sides_show_certificates(void **state);

#endif
