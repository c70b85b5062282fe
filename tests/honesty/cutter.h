/* A loopback proxy between a client and a server, in a thread of its own: it passes bytes on, holds
 * them back, swallows what the server says, or breaks the connections. */
#ifndef SAGAD_TESTS_HONESTY_CUTTER_H
#define SAGAD_TESTS_HONESTY_CUTTER_H

#include <stdint.h>

enum cutter_mode {
	CUTTER_PASS,
	CUTTER_HOLD, /* both ways, until PASS */
	CUTTER_MUTE, /* what the server says is lost; ends with a broken connection */
};

struct cutter;

struct cutter *cutter_open(uint16_t server_port);
uint16_t cutter_port(const struct cutter *cutter);
void cutter_set(struct cutter *cutter, enum cutter_mode mode);
void cutter_cut(struct cutter *cutter); /* all connections; new ones may come */
void cutter_close(struct cutter *cutter);

#endif
