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

/* Reads on until the text holds `wanted`; false at the end, at a time-out, or when full. */
static bool read_until(int fd, char *text, size_t size, const char *wanted)
{
	size_t used = 0;

	while (used + 1 < size) {
		const ssize_t got = recv(fd, text + used, size - 1 - used, 0);

		if (got <= 0)
			return false;
		used += (size_t)got;
		text[used] = '\0';
		if (strstr(text, wanted) != NULL)
			return true;
	}
	return false;
}

/* Ready means that JetStream's API answers, which in a cluster needs an elected leader. */
bool nats_answers(const struct cluster_part *part)
{
	static const char request[] = "CONNECT {\"verbose\":false,\"headers\":true,"
				      "\"no_responders\":true}\r\nSUB probe.answer 1\r\n"
				      "PUB $JS.API.INFO probe.answer 0\r\n\r\n";
	const int fd = ports_connect(part->port);
	char text[16384] = "";
	bool ready = false;

	if (fd < 0)
		return false;
	if (read_until(fd, text, sizeof text, "\r\n") &&
	    send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1 &&
	    read_until(fd, text, sizeof text, "}\r\n"))
		ready = strstr(text, "account_info_response") != NULL &&
			strstr(text, "\"error\"") == NULL;
	(void)close(fd);
	return ready;
}
