#include "tests/honesty/cutter.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

enum { LINKS_MAX = 32, BLOCK = 65536 };

struct link {
	int client, server; /* -1 = free */
};

struct cutter {
	pthread_t thread;
	int listener, wake;
	uint16_t port, server_port;
	_Atomic int mode;
	_Atomic bool cut, ends;
	struct link links[LINKS_MAX];
	char block[BLOCK];
};

static int listen_on_loopback(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, size), 0);
	CHECK_EQ(listen(fd, 16), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void close_link(struct link *link)
{
	(void)close(link->client);
	if (link->server >= 0)
		(void)close(link->server);
	link->client = link->server = -1;
}

static void take_link(struct cutter *c)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons(c->server_port)};
	const int one = 1;
	struct link link = {.client = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC)};

	if (link.client < 0)
		return;
	link.server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(link.server >= 0);
	if (connect(link.server, (struct sockaddr *)&address, sizeof address) != 0) {
		close_link(&link);
		return;
	}
	(void)setsockopt(link.client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)setsockopt(link.server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	for (uint32_t i = 0; i < LINKS_MAX; i++) {
		if (c->links[i].client >= 0)
			continue;
		c->links[i] = link;
		return;
	}
	close_link(&link);
}

/* False: one side is gone. */
static bool pass_on(struct cutter *c, int from, int to, bool swallow)
{
	const ssize_t got = recv(from, c->block, BLOCK, MSG_DONTWAIT);
	ssize_t put = 0;

	if (got <= 0)
		return false;
	while (!swallow && put < got) {
		const ssize_t n = send(to, c->block + put, (size_t)(got - put), MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		put += n;
	}
	return true;
}

static void *work(void *context)
{
	struct cutter *c = context;

	while (!atomic_load(&c->ends)) {
		struct pollfd fds[2 + 2 * LINKS_MAX];
		const int mode = atomic_load(&c->mode);
		const short wanted = mode == CUTTER_HOLD ? 0 : POLLIN;

		if (atomic_exchange(&c->cut, false))
			for (uint32_t i = 0; i < LINKS_MAX; i++)
				if (c->links[i].client >= 0)
					close_link(&c->links[i]);
		fds[0] = (struct pollfd){.fd = c->wake, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = c->listener, .events = wanted};
		for (uint32_t i = 0; i < LINKS_MAX; i++) {
			/* What is held is not looked at, its end neither. */
			const bool held = mode == CUTTER_HOLD;

			fds[2 + 2 * i] = (struct pollfd){.fd = held ? -1 : c->links[i].client,
							 .events = POLLIN};
			fds[3 + 2 * i] = (struct pollfd){.fd = held ? -1 : c->links[i].server,
							 .events = POLLIN};
		}
		if (poll(fds, 2 + 2 * LINKS_MAX, 1000) <= 0)
			continue;
		if (fds[0].revents != 0) { /* then look at the mode first */
			uint64_t count;

			(void)!read(c->wake, &count, sizeof count);
			continue;
		}
		for (uint32_t i = 0; i < LINKS_MAX; i++) {
			struct link *l = &c->links[i];

			if (l->client < 0)
				continue;
			if ((fds[2 + 2 * i].revents != 0 &&
			     !pass_on(c, l->client, l->server, false)) ||
			    (fds[3 + 2 * i].revents != 0 &&
			     !pass_on(c, l->server, l->client, mode == CUTTER_MUTE)))
				close_link(l);
		}
		if (fds[1].revents != 0)
			take_link(c);
	}
	return NULL;
}

struct cutter *cutter_open(uint16_t server_port)
{
	struct cutter *c = calloc(1, sizeof *c);

	CHECK(c != NULL);
	c->server_port = server_port;
	c->listener = listen_on_loopback(&c->port);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(c->wake >= 0);
	for (uint32_t i = 0; i < LINKS_MAX; i++)
		c->links[i].client = c->links[i].server = -1;
	CHECK_EQ(pthread_create(&c->thread, NULL, work, c), 0);
	return c;
}

uint16_t cutter_port(const struct cutter *c)
{
	return c->port;
}

static void wake(struct cutter *c)
{
	const uint64_t one = 1;

	CHECK_EQ(write(c->wake, &one, sizeof one), (ssize_t)sizeof one);
}

void cutter_set(struct cutter *c, enum cutter_mode mode)
{
	/* What was swallowed is missing for good: nobody can go on from there. */
	if (atomic_exchange(&c->mode, mode) == CUTTER_MUTE && mode != CUTTER_MUTE)
		atomic_store(&c->cut, true);
	wake(c);
}

void cutter_cut(struct cutter *c)
{
	atomic_store(&c->cut, true);
	wake(c);
}

void cutter_close(struct cutter *c)
{
	if (c == NULL)
		return;
	atomic_store(&c->ends, true);
	wake(c);
	CHECK_EQ(pthread_join(c->thread, NULL), 0);
	for (uint32_t i = 0; i < LINKS_MAX; i++)
		if (c->links[i].client >= 0)
			close_link(&c->links[i]);
	(void)close(c->listener);
	(void)close(c->wake);
	free(c);
}
