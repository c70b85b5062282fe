/* The server's version, and whether it wants TLS. cnats 3.4 tells neither, and uses TLS with such a
 * server whatever its options say. But every NATS server greets each new connection with an INFO
 * line before anything else, TLS included; so we ask with one of our own and hang up. A server that
 * does not answer costs at most the time-out, on a worker's thread. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/os_clock.h"
#include "transport/nats_internal.h"

enum { HOST_SIZE_MAX = 256, INFO_SIZE_MAX = 8192 };

/* [scheme://][user[:password]@]host[:port], host perhaps in brackets. */
static bool split_url(const char *url, char host[HOST_SIZE_MAX], char port[8])
{
	const char *scheme = strstr(url, "://");
	const char *begin = scheme == NULL ? url : scheme + 3;
	const char *at = strrchr(begin, '@');
	const char *end;
	size_t size;

	if (at != NULL)
		begin = at + 1;
	if (*begin == '[') {
		begin++;
		end = strchr(begin, ']');
		if (end == NULL)
			return false;
	} else {
		end = begin + strcspn(begin, ":/");
	}
	size = (size_t)(end - begin);
	if (size == 0 || size >= HOST_SIZE_MAX)
		return false;
	memcpy(host, begin, size);
	host[size] = '\0';
	if (*end == ']')
		end++;
	(void)snprintf(port, 8, "4222");
	if (*end == ':') {
		size = strspn(end + 1, "0123456789");
		if (size == 0 || size > 5)
			return false;
		memcpy(port, end + 1, size);
		port[size] = '\0';
	}
	return true;
}

static int dial(const char *host, const char *port, uint32_t timeout_ms)
{
	const struct timeval limit = {.tv_sec = timeout_ms / 1000,
				      .tv_usec = timeout_ms % 1000 * 1000};
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return -1;
	for (const struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd < 0)
			continue;
		/* The sending limit bounds connect as well. */
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
		    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
		    connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			(void)close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	return fd;
}

static bool read_line(int fd, uint32_t timeout_ms, char line[INFO_SIZE_MAX])
{
	const uint64_t end_ms = os_clock_mono_ns() / 1000000 + timeout_ms;
	size_t size = 0;

	while (size < INFO_SIZE_MAX - 1 && os_clock_mono_ns() / 1000000 < end_ms) {
		const ssize_t got = recv(fd, line + size, INFO_SIZE_MAX - 1 - size, 0);

		if (got <= 0)
			return false;
		size += (size_t)got;
		line[size] = '\0';
		if (strchr(line, '\n') != NULL)
			return true;
	}
	return false;
}

static void copy_version(const char *line, char version[NATS_VERSION_SIZE])
{
	static const char key[] = "\"version\":\"";
	const char *value = strstr(line, key);
	size_t size;

	if (value == NULL)
		return;
	value += sizeof key - 1;
	size = strcspn(value, "\"\n");
	if (size >= NATS_VERSION_SIZE)
		return;
	memcpy(version, value, size);
	version[size] = '\0';
}

void nats_info_ask(const char *url, uint32_t timeout_ms, char version[NATS_VERSION_SIZE], bool *tls)
{
	char host[HOST_SIZE_MAX];
	char port[8];
	char line[INFO_SIZE_MAX];
	int fd;

	version[0] = '\0';
	*tls = false;
	if (!split_url(url, host, port))
		return;
	fd = dial(host, port, timeout_ms);
	if (fd < 0)
		return;
	if (read_line(fd, timeout_ms, line)) {
		copy_version(line, version);
		*tls = strstr(line, "\"tls_required\":true") != NULL;
	}
	(void)close(fd);
}
