/* Tells a supervisor that speaks systemd's notification protocol (sd_notify(3)) how this process
 * does: one datagram each to the socket that it names in NOTIFY_SOCKET. Kubernetes and a plain
 * shell name none, and everything here does nothing.
 *
 *	notify_open  ->  notify_ready  ->  notify_tick ...  ->  notify_stopping  ->  notify_close
 *
 * The protocol is spoken directly: it is promised to be stable, and libsystemd would bring
 * compression and cryptography into a daemon that needs four words of it.
 *
 * Nothing here waits: what the supervisor's queue has no room for is sent by a later tick. One
 * thread uses a notify.
 */
#ifndef SAGAD_NODE_NOTIFY_SYSTEMD_H
#define SAGAD_NODE_NOTIFY_SYSTEMD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

enum { NOTIFY_STATUS_SIZE = 160 };

struct notify {
	int fd; /* -1 = nobody wants to know */
	struct sockaddr_un address;
	socklen_t address_size;
	uint64_t watchdog_ns; /* the supervisor's patience; 0 = it has no watchdog */
	uint64_t alive_at_ns; /* when it is told again */
	bool ready, stopping, status_changed; /* yet to be sent */
	char status[NOTIFY_STATUS_SIZE];
};

/* What the three variables of the environment say; each may be NULL. A watchdog for another process
 * than this one is not ours to feed. SAGA_E_CONFIG: the socket cannot be used, and `notify` is as
 * if none were named. */
int notify_open(struct notify *notify, const char *notify_socket, const char *watchdog_usec,
		const char *watchdog_pid) MUST_CHECK;
void notify_close(struct notify *notify);

void notify_ready(struct notify *notify);    /* once: it has started */
void notify_stopping(struct notify *notify); /* once: it will end by itself */
/* One line for people; cut at NOTIFY_STATUS_SIZE, sent when it differs from the last one. */
void notify_status(struct notify *notify, const char *text);

/* Sends what is due. `alive` = every loop of this process does its rounds: only then the watchdog
 * is fed, three times as often as it asks for. */
void notify_tick(struct notify *notify, uint64_t now_ns, bool alive);

#endif
