#include "tests/support/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os_entropy.h"

/* Below the range from which the kernel picks ports of outgoing connections. */
enum { PORT_FIRST = 12000, PORT_SPAN = 20000, PORT_TRIES = 500 };

void ports_init(struct ports *ports)
{
	memset(ports, 0, sizeof *ports);
	for (uint32_t i = 0; i < PORTS_MAX; i++)
		ports->holds[i] = -1;
}

void ports_release(struct ports *ports)
{
	for (uint32_t i = 0; i < ports->count; i++)
		if (ports->holds[i] >= 0)
			(void)close(ports->holds[i]);
	ports_init(ports);
}

/* An abstract Unix address is a lock that goes with its process and leaves no file. */
static int hold_number(uint16_t number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1,
				    "sagad-test-port-%u", number);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const size_t size = offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length;

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&address, (socklen_t)size) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static bool is_free(uint16_t port)
{
	const struct sockaddr_in address = loopback(port);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;
	bool bound = false;

	if (fd < 0)
		return false;
	/* As the servers do: connections that linger from a former run do not bar the port. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	bound = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
	(void)close(fd);
	return bound;
}

int ports_take(struct ports *ports, uint16_t *port)
{
	if (ports->count == PORTS_MAX)
		return SAGA_E_FULL;
	for (int i = 0; i < PORT_TRIES; i++) {
		const bool prefer = i == 0 && ports->preferred[ports->count] != 0;
		const uint16_t number =
			prefer ? ports->preferred[ports->count]
			       : (uint16_t)(PORT_FIRST + os_entropy_u64() % PORT_SPAN);
		const int hold = hold_number(number);

		if (hold < 0)
			continue;
		if (!is_free(number)) {
			(void)close(hold);
			continue;
		}
		ports->numbers[ports->count] = number;
		ports->holds[ports->count] = hold;
		ports->count++;
		*port = number;
		return SAGA_E_NONE;
	}
	return SAGA_E_FULL;
}

int ports_connect(uint16_t port)
{
	const struct sockaddr_in address = loopback(port);
	const struct timeval second = {.tv_sec = 1, .tv_usec = 0};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}
