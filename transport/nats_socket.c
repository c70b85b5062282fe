/* What cnats does not tell about the socket that it has given us. */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "transport/nats_internal.h"

enum { TLS_HEADER_SIZE = 5 };

uint32_t nats_socket_waiting(int fd)
{
	int size = 0;

	return ioctl(fd, FIONREAD, &size) == 0 && size > 0 ? (uint32_t)size : 0;
}

bool nats_socket_readable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	return poll(&one, 1, 0) > 0;
}

static void wait_for(int fd, int size)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &size, sizeof size);
}

/* With TLS, cnats waits inside a read until a record is whole, for as long as that takes. A socket
 * that is readable although fewer bytes are there than it was told to wait for is at its end. */
bool nats_socket_record_is_partial(int fd, int *low_water)
{
	uint8_t header[TLS_HEADER_SIZE];
	const int before = *low_water;
	const ssize_t peeked = recv(fd, header, sizeof header, MSG_PEEK | MSG_DONTWAIT);
	int size = TLS_HEADER_SIZE;
	bool partial;

	if (peeked < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK;
	if (peeked == 0)
		return false;
	if (peeked == TLS_HEADER_SIZE)
		size += header[3] << 8 | header[4];
	partial = nats_socket_waiting(fd) < (uint32_t)size && before != size;
	*low_water = partial ? size : 0;
	if (partial || before != 0)
		wait_for(fd, partial ? size : 1);
	return partial;
}

/* Likewise inside a write until all has left. Half of the buffer is for the kernel's own needs.
 * What is larger than that goes out alone. */
bool nats_socket_has_room(int fd, uint32_t size)
{
	socklen_t length = sizeof(int);
	int total = 0;
	int unsent = 0;

	if (ioctl(fd, TIOCOUTQ, &unsent) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &total, &length) != 0)
		return true; /* the write will say */
	return unsent == 0 || (uint64_t)unsent + size <= (uint64_t)total / 2;
}
