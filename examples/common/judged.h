/* A load whose run is recorded, so that the judges of tests/judge can look at all of it: journals,
 * commands on the wire, what the services' databases say, and what the clients were told. */
#ifndef SAGAD_EXAMPLES_COMMON_JUDGED_H
#define SAGAD_EXAMPLES_COMMON_JUDGED_H

#include "examples/common/load.h"
#include "tests/judge/real/recorder.h"

struct judged {
	struct recorder *recorder;
	uint32_t *numbers, *requests;  /* as load->sagas */
	const struct history *history; /* what was judged; the recorder's */
	struct verdict verdict;
	enum judge_outcome outcome;
};

/* When the load is connected and its sagas are filled in, before the first is sent. False: `why`.
 */
bool judged_open(struct judged *judged, struct load *load, const struct recorder_options *options,
		 char *why, uint32_t size);
/* When services and load have ended. False: it could not be looked at. */
bool judged_run(struct judged *judged, const struct judge_options *options, bool ended, char *why,
		uint32_t size);
/* judges         12345   transactions, 0 findings; and what they found, if anything */
void judged_print(const struct judged *judged, FILE *file);
void judged_print_json(const struct judged *judged, FILE *file); /* an object */
void judged_close(struct judged *judged);                        /* a zeroed one, too */

#endif
