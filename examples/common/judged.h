/* A load whose run is recorded, so that the judges of tests/judge can look at all of it: journals,
 * commands on the wire, what the services' databases say, and what the clients were told. */
#ifndef SAGAD_EXAMPLES_COMMON_JUDGED_H
#define SAGAD_EXAMPLES_COMMON_JUDGED_H

#include "examples/common/stage.h"
#include "tests/judge/real/recorder.h"

struct judged {
	struct stage *stage;
	struct load *load;
	struct recorder *recorder;
	uint32_t *numbers, *requests;  /* as load->sagas */
	const struct history *history; /* what was judged; the recorder's */
	struct verdict verdict;
	enum judge_outcome outcome;
	bool spoiled;
	char kept[1200]; /* the file; empty = none */
};

struct judged_setup {
	const char *source; /* for people */
	uint32_t shards;
	/* Each with its database, <folder>/<service>.db; NULL-terminated. */
	const char *const *services;
	/* Listens to commands. Not where a broker is to be killed: then it does not hear all. */
	bool tap;
	bool spoiled; /* on purpose: nobody wants to keep what the judges find */
};
/* When the load is connected and its sagas are filled in, before the first is sent. Errors, here
 * and below, are told by stage_fail. */
bool judged_open(struct judged *judged, struct stage *stage, struct load *load,
		 const struct judged_setup *setup);
/* The load's own are recorded by themselves; this is for what else is asked about one of them:
 * before it is sent, and with recorder_told when it is answered. Any thread. */
uint32_t judged_asked(struct judged *judged, const struct load_saga *saga,
		      enum history_request_kind kind);
/* Bounds of a busy machine; nobody records owners, samples, states, or the inbox. */
struct judge_options judged_options(uint32_t excused);
/* When services and load have ended. What the judges find something in is kept as a file in the
 * cluster's folder, which then stays (sagad-judge reads it), unless it was spoiled. */
bool judged_run(struct judged *judged, const struct judge_options *options);
/* judges         12345   transactions, 0 findings; and what they found, if anything */
void judged_print(const struct judged *judged, FILE *file);
/* Keeps it now, and says so. */
void judged_keep(struct judged *judged);
void judged_print_json(const struct judged *judged, FILE *file);         /* an object */
void judged_doubt(const struct judged *judged, char *text, size_t size); /* as stage_doubt */
void judged_close(struct judged *judged);                                /* a zeroed one, too */

#endif
