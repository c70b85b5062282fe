/* Inside of the launcher: the cluster's own fields, and its kinds of parts. */
#ifndef SAGAD_TESTS_SUPPORT_CLUSTER_PARTS_H
#define SAGAD_TESTS_SUPPORT_CLUSTER_PARTS_H

#include <stdarg.h>

#include "tests/support/launcher.h"
#include "tests/support/ports.h"

enum { CLUSTER_PARTS_MAX = 48, CLUSTER_TEXT_SIZE = 1024, NATS_ANSWER_SIZE = 16384 };

enum part_kind { PART_NATS, PART_ETCD, PART_NODE, PART_SERVICE };

struct cluster_part {
	struct process process;
	enum part_kind kind;
	uint32_t index; /* within its kind */
	uint16_t port;  /* clients' port; 0 = none */
	uint16_t peer_port;
};

struct cluster {
	struct cluster_options options;
	char folder[CLUSTER_TEXT_SIZE];
	char bin_dir[CLUSTER_TEXT_SIZE];
	char tools_dir[CLUSTER_TEXT_SIZE];
	char log_level[32];
	bool temporary;
	struct ports ports;
	struct cluster_part parts[CLUSTER_PARTS_MAX];
	uint32_t part_count;
	char nats_url[CLUSTER_TEXT_SIZE];
	char etcd_endpoints[CLUSTER_TEXT_SIZE];
	char env_nats_url[CLUSTER_TEXT_SIZE + 16]; /* "SAGA_NATS_URL=..." */
	char trouble[2 * CLUSTER_TEXT_SIZE];
};

/* Sets the words and returns `code`. */
int cluster_fail(struct cluster *cluster, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A new part in the table (SAGA_E_FULL), with its ports still to be taken. */
int cluster_part_add(struct cluster *cluster, enum part_kind kind, uint32_t index, const char *name,
		     struct cluster_part **part) MUST_CHECK;
struct cluster_part *cluster_part(struct cluster *cluster, const char *name);
/* process_init + process_start; a failure ends up in the words. */
int cluster_part_run(struct cluster *cluster, struct cluster_part *part, const char *const *argv,
		     const char *const *env) MUST_CHECK;
/* Until `answers` is true of the part; ends early when its process does. */
int cluster_part_wait(struct cluster *cluster, struct cluster_part *part,
		      bool (*answers)(const struct cluster_part *part),
		      uint32_t timeout_ms) MUST_CHECK;
int cluster_find_tool(struct cluster *cluster, const char *name, char *path,
		      uint32_t size) MUST_CHECK;
int cluster_write_file(struct cluster *cluster, const char *path, const char *text) MUST_CHECK;
int cluster_make_folder(struct cluster *cluster, const char *name, char *path,
			uint32_t size) MUST_CHECK;

/* nats.c, etcd.c, node.c: add the parts (ports are known then), start one, is it there? */
int nats_add(struct cluster *cluster) MUST_CHECK;
int nats_start(struct cluster *cluster, struct cluster_part *part) MUST_CHECK;
bool nats_answers(const struct cluster_part *part);
/* One request with an empty body, answered by this server; the answer's text within `text`, NULL =
 * none within a second. */
char *nats_ask(const struct cluster_part *part, const char *subject, char *text, size_t size);
int etcd_add(struct cluster *cluster) MUST_CHECK;
int etcd_start(struct cluster *cluster, struct cluster_part *part) MUST_CHECK;
bool etcd_answers(const struct cluster_part *part);
int node_add(struct cluster *cluster) MUST_CHECK;
int node_start(struct cluster *cluster, struct cluster_part *part) MUST_CHECK;

/* view_jansson.c */
int view_shards(const char *json, struct cluster_shards *shards) MUST_CHECK;
/* From the answer with a stream's information; false when it names nobody (a lone server
 * never does). */
bool view_leader(const char *json, char leader[PROCESS_NAME_SIZE]);
/* Calls visit when the line is a JSON object; the strings live for the call. */
void view_event(const char *line, const char *node,
		void (*visit)(void *context, const struct cluster_event *event), void *context);

#endif
