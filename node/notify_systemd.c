#include "node/notify_systemd.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NANOSECONDS_A_MICROSECOND = 1000, FEEDS_A_PERIOD = 3 };

/* A number above 0, or 0 when it is none. */
static uint64_t number(const char *text)
{
	char *end = NULL;
	unsigned long long value = 0;

	if (text == NULL || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno != 0 || *end != '\0' ? 0 : value;
}

/* '/...' is a path, '@...' a name in the abstract namespace. */
static bool address_set(struct notify *notify, const char *text)
{
	const size_t size = strlen(text);

	if (size < 2 || size >= sizeof notify->address.sun_path)
		return false;
	if (text[0] != '/' && text[0] != '@')
		return false;
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, text, size);
	if (text[0] == '@')
		notify->address.sun_path[0] = '\0';
	notify->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
	return true;
}

static uint64_t watchdog(const char *usec, const char *pid)
{
	const uint64_t period_us = number(usec);

	if (pid != NULL && number(pid) != (uint64_t)getpid())
		return 0;
	if (period_us > UINT64_MAX / NANOSECONDS_A_MICROSECOND)
		return 0;
	return period_us * NANOSECONDS_A_MICROSECOND;
}

int notify_open(struct notify *notify, const char *notify_socket, const char *watchdog_usec,
		const char *watchdog_pid)
{
	memset(notify, 0, sizeof *notify);
	notify->fd = -1;
	if (notify_socket == NULL || *notify_socket == '\0')
		return 0;
	if (!address_set(notify, notify_socket))
		return SAGA_E_CONFIG;
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notify->fd < 0)
		return SAGA_E_CONFIG;
	notify->watchdog_ns = watchdog(watchdog_usec, watchdog_pid);
	return 0;
}

void notify_close(struct notify *notify)
{
	if (notify->fd >= 0)
		(void)close(notify->fd);
	notify->fd = -1;
}

void notify_ready(struct notify *notify)
{
	notify->ready = true;
}

void notify_stopping(struct notify *notify)
{
	notify->stopping = true;
}

void notify_status(struct notify *notify, const char *text)
{
	char line[NOTIFY_STATUS_SIZE];

	(void)snprintf(line, sizeof line, "%s", text);
	line[strcspn(line, "\n")] = '\0'; /* the next line would be a message of its own */
	if (strcmp(line, notify->status) == 0)
		return;
	memcpy(notify->status, line, sizeof line);
	notify->status_changed = true;
}

/* False: not now. */
static bool put(const struct notify *notify, const char *text)
{
	return sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
		      (const struct sockaddr *)&notify->address, notify->address_size) >= 0;
}

static void put_status(struct notify *notify)
{
	char line[sizeof "STATUS=" + NOTIFY_STATUS_SIZE];

	(void)snprintf(line, sizeof line, "STATUS=%s", notify->status);
	if (put(notify, line))
		notify->status_changed = false;
}

void notify_tick(struct notify *notify, uint64_t now_ns, bool alive)
{
	if (notify->fd < 0)
		return;
	if (notify->ready && put(notify, "READY=1"))
		notify->ready = false;
	if (notify->stopping && put(notify, "STOPPING=1"))
		notify->stopping = false;
	if (notify->status_changed)
		put_status(notify);
	if (notify->watchdog_ns == 0 || !alive || now_ns < notify->alive_at_ns)
		return;
	if (put(notify, "WATCHDOG=1"))
		notify->alive_at_ns = now_ns + notify->watchdog_ns / FEEDS_A_PERIOD;
}
