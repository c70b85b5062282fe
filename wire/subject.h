/* The subjects of design.md section 6: building and taking apart. */
#ifndef SAGAD_WIRE_SUBJECT_H
#define SAGAD_WIRE_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum { SUBJECT_SIZE_MAX = 256 };
struct subject {
	char text[SUBJECT_SIZE_MAX];
};

enum subject_verb {
	SUBJECT_SUBMIT,
	SUBJECT_QUERY,
	SUBJECT_CANCEL,
	SUBJECT_REPLY,
	SUBJECT_LIST,
	SUBJECT_HISTORY,
	SUBJECT_ENLIST,
	SUBJECT_COMMIT,
	SUBJECT_INQUIRE,
	SUBJECT_VERBS,
};

/* `prefix` is the configured first token, "saga" by default. Names are CHECKed to be valid. */
struct subject subject_info(const char *prefix);  /* saga.v1.info */
struct subject subject_init(const char *prefix);  /* saga.v1.init */
struct subject subject_alert(const char *prefix); /* saga.v1.alert */
/* saga.v1.admin.<verb>.<party>, enum wire_admin_verb; all of them: saga.v1.admin.*.* */
struct subject subject_admin(const char *prefix, uint32_t verb, struct slice party);
struct subject subject_admin_all(const char *prefix);
/* In the stream SAGA_OPS: saga.v1.ops.op.<id> and saga.v1.ops.shard.<n>. */
struct subject subject_ops_operation(const char *prefix, struct slice id);
struct subject subject_ops_shard(const char *prefix, uint32_t shard);
struct subject subject_shard(const char *prefix, uint32_t shard, enum subject_verb verb,
			     struct slice party);
struct subject subject_shard_all(const char *prefix, uint32_t shard);     /* ...shard.<n>.> */
struct subject subject_command(const char *prefix, struct slice service); /* saga.v1.cmd.<s> */
struct subject subject_call(const char *prefix, struct slice service);    /* saga.v1.call.<s> */
struct subject subject_history(const char *prefix, uint32_t shard);       /* saga.v1.history.<n> */
struct subject subject_journal(const char *prefix, uint32_t shard, uint32_t segment);

struct subject subject_submit(const char *prefix, struct slice tenant); /* saga.v1.submit.<t> */
struct subject subject_submit_all(const char *prefix);                  /* saga.v1.submit.* */

/* saga.v1.inbox.<n>.<t>, and all of one shard: ...inbox.<n>.* */
struct subject subject_inbox(const char *prefix, uint32_t shard, struct slice tenant);
struct subject subject_inbox_all(const char *prefix, uint32_t shard);

/* Takes "<prefix>.v1.inbox.<n>.<tenant>" apart; SAGA_E_NAME when it is anything else. `tenant`
 * points into `subject`. */
int subject_parse_inbox(const char *prefix, struct slice subject, uint32_t *shard,
			struct slice *tenant) MUST_CHECK;

/* Takes "<prefix>.v1.admin.<verb>.<party>" apart; SAGA_E_NAME when it is anything else. `party`
 * points into `subject`. */
int subject_parse_admin(const char *prefix, struct slice subject, uint32_t *verb,
			struct slice *party) MUST_CHECK;

/* Takes "<prefix>.v1.submit.<tenant>" apart; SAGA_E_NAME when it is anything else. `tenant` points
 * into `subject`. */
int subject_parse_submit(const char *prefix, struct slice subject, struct slice *tenant) MUST_CHECK;

/* Takes "<prefix>.v1.shard.<n>.<verb>.<party>" apart; SAGA_E_NAME when it is anything else.
 * `party` points into `subject`. */
int subject_parse_shard(const char *prefix, struct slice subject, uint32_t *shard,
			enum subject_verb *verb, struct slice *party) MUST_CHECK;

/* Is it what somebody from outside asks of a shard, as opposed to what participants answer? Any
 * prefix; false for everything else. */
bool subject_is_request(struct slice subject);

#endif
