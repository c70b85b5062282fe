/* nats-server: one, or three with routes between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cluster_parts.h"

int nats_add(struct cluster *cluster)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < cluster->options.nats_count; i++) {
		struct cluster_part *part = NULL;
		char name[PROCESS_NAME_SIZE];
		int err = SAGA_E_NONE;

		(void)snprintf(name, sizeof name, "nats%u", i + 1);
		err = cluster_part_add(cluster, PART_NATS, i, name, &part);
		if (err == SAGA_E_NONE)
			err = ports_take(&cluster->ports, &part->port);
		if (err == SAGA_E_NONE)
			err = ports_take(&cluster->ports, &part->peer_port);
		if (err != SAGA_E_NONE)
			return cluster_fail(cluster, err, "no free port for %s", name);
		used += (uint32_t)snprintf(cluster->nats_url + used,
					   sizeof cluster->nats_url - used, "%snats://127.0.0.1:%u",
					   i == 0 ? "" : ",", part->port);
	}
	(void)snprintf(cluster->env_nats_url, sizeof cluster->env_nats_url, "SAGA_NATS_URL=%s",
		       cluster->nats_url);
	return SAGA_E_NONE;
}

static void routes_text(struct cluster *cluster, char *text, uint32_t size)
{
	uint32_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < cluster->part_count; i++)
		if (cluster->parts[i].kind == PART_NATS)
			used += (uint32_t)snprintf(text + used, size - used,
						   "%s\"nats://127.0.0.1:%u\"", i == 0 ? "" : ", ",
						   cluster->parts[i].peer_port);
}

int nats_start(struct cluster *cluster, struct cluster_part *part)
{
	const char *name = part->process.name;
	char program[CLUSTER_TEXT_SIZE];
	char folder[CLUSTER_TEXT_SIZE];
	char file[CLUSTER_TEXT_SIZE + PROCESS_NAME_SIZE + 8];
	char routes[512];
	char text[4096];
	int used = 0;
	int err = cluster_find_tool(cluster, "nats-server", program, sizeof program);

	if (err == SAGA_E_NONE)
		err = cluster_make_folder(cluster, name, folder, sizeof folder);
	if (err != SAGA_E_NONE)
		return err;
	used = snprintf(text, sizeof text,
			"server_name: %s\nlisten: \"127.0.0.1:%u\"\n"
			"jetstream { store_dir: \"%s\" }\n",
			name, part->port, folder);
	if (cluster->options.nats_count > 1) {
		routes_text(cluster, routes, sizeof routes);
		(void)snprintf(text + used, sizeof text - (size_t)used,
			       "cluster { name: sagad, listen: \"127.0.0.1:%u\", routes: [%s] }\n",
			       part->peer_port, routes);
	}
	(void)snprintf(file, sizeof file, "%s/%s.conf", cluster->folder, name);
	err = cluster_write_file(cluster, file, text);
	if (err != SAGA_E_NONE)
		return err;
	return cluster_part_run(cluster, part, (const char *const[]){program, "-c", file, NULL},
				NULL);
}

/* ---- asking a server ------------------------------------------------------------------------ */

/* Reads on until the text holds `wanted` at or after `from`; NULL at the end, at a time-out, or
 * when full. */
static char *read_until(int fd, char *text, size_t size, size_t from, const char *wanted)
{
	size_t used = strlen(text);
	char *found = NULL;

	while (used < from || (found = strstr(text + from, wanted)) == NULL) {
		const ssize_t got = used + 1 < size ? recv(fd, text + used, size - 1 - used, 0) : 0;

		if (got <= 0)
			return NULL;
		used += (size_t)got;
		text[used] = '\0';
	}
	return found;
}

/* The body of the answer within `text`; NULL = there is none, or only the note that nobody listens.
 */
static char *read_answer(int fd, char *text, size_t size)
{
	char *head = read_until(fd, text, size, 0, "MSG probe.answer 1 ");
	char *end = NULL;
	unsigned length = 0;
	size_t start = 0;

	if (head == NULL || head == text || head[-1] == 'H')
		return NULL;
	end = read_until(fd, text, size, (size_t)(head - text), "\r\n");
	if (end == NULL || sscanf(head, "MSG probe.answer 1 %u", &length) != 1)
		return NULL;
	start = (size_t)(end + 2 - text);
	if (length + 3 > size - start || read_until(fd, text, size, start + length, "\r\n") == NULL)
		return NULL;
	text[start + length] = '\0';
	return text + start;
}

char *nats_ask(const struct cluster_part *part, const char *subject, char *text, size_t size)
{
	const int fd = ports_connect(part->port);
	char request[512];
	char *answer = NULL;
	int length = 0;

	if (fd < 0)
		return NULL;
	length = snprintf(request, sizeof request,
			  "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n"
			  "SUB probe.answer 1\r\nPUB %s probe.answer 0\r\n\r\n",
			  subject);
	text[0] = '\0';
	if (read_until(fd, text, size, 0, "\r\n") != NULL &&
	    send(fd, request, (size_t)length, MSG_NOSIGNAL) == (ssize_t)length)
		answer = read_answer(fd, text, size);
	(void)close(fd);
	return answer;
}

/* Ready means that JetStream's API answers, which in a cluster needs an elected leader. */
bool nats_answers(const struct cluster_part *part)
{
	char text[NATS_ANSWER_SIZE];
	const char *answer = nats_ask(part, "$JS.API.INFO", text, sizeof text);

	return answer != NULL && strstr(answer, "account_info_response") != NULL &&
	       strstr(answer, "\"error\"") == NULL;
}

/* ---- who leads --------------------------------------------------------------------------------
 */

struct leader_wait {
	struct cluster *cluster;
	char subject[CLUSTER_TEXT_SIZE];
	char *leader;
};

/* A server that has no leader yet, or is cut off from it, says nothing or names nobody. */
static bool leader_known(void *context)
{
	struct leader_wait *wait = context;
	char text[NATS_ANSWER_SIZE];

	for (uint32_t i = 0; i < wait->cluster->part_count; i++) {
		struct cluster_part *part = &wait->cluster->parts[i];
		const char *answer = NULL;

		if (part->kind != PART_NATS || !process_running(&part->process))
			continue;
		answer = nats_ask(part, wait->subject, text, sizeof text);
		if (answer != NULL && view_leader(answer, wait->leader) &&
		    cluster_pid(wait->cluster, wait->leader) != 0)
			return true;
	}
	return false;
}

int cluster_stream_leader(struct cluster *cluster, const char *stream,
			  char leader[PROCESS_NAME_SIZE], uint32_t timeout_ms)
{
	struct leader_wait wait = {.cluster = cluster, .leader = leader};

	(void)snprintf(wait.subject, sizeof wait.subject, "$JS.API.STREAM.INFO.%s", stream);
	if (wait_until(leader_known, &wait, timeout_ms))
		return SAGA_E_NONE;
	leader[0] = '\0';
	return cluster_fail(cluster, SAGA_E_TIMEOUT, "stream %s has no leader", stream);
}
