#include "tests/integration/trip_http_ask.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/ports.h"

enum { START_MS = 60000 };

uint32_t http_ask(uint16_t port, const char *path, char *answer, uint32_t size)
{
	char request[256];
	uint32_t used = 0;
	ssize_t got = 0;
	const int fd = ports_connect(port);

	answer[0] = '\0';
	if (fd < 0)
		return 0;
	(void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path);
	(void)send(fd, request, strlen(request), MSG_NOSIGNAL);
	while (used < size - 1 && (got = recv(fd, answer + used, size - 1 - used, 0)) > 0)
		used += (uint32_t)got;
	answer[used] = '\0';
	(void)close(fd);
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (uint32_t)strtoul(answer + 9, NULL, 10) : 0;
}

struct search {
	struct cluster *cluster;
	const char *node;
	uint32_t wanted, starts;
	uint16_t port;
};

static void look(void *context, const struct cluster_event *event)
{
	struct search *s = context;
	const char *at;

	if (strcmp(event->event, "http.listening") != 0)
		return;
	at = strstr(event->line, "\"port\":");
	assert_non_null(at);
	s->port = (uint16_t)strtoul(at + 7, NULL, 10);
	s->starts++;
}

static bool is_there(void *context)
{
	struct search *s = context;
	uint64_t offset = 0;

	s->starts = 0;
	return cluster_events(s->cluster, s->node, &offset, look, s) == 0 && s->starts == s->wanted;
}

uint16_t http_port_of(struct cluster *cluster, const char *node, uint32_t starts)
{
	struct search s = {.cluster = cluster, .node = node, .wanted = starts};

	assert_true(wait_until(is_there, &s, START_MS));
	assert_int_not_equal(s.port, 0);
	return s.port;
}
