/* etcd: one member, on loopback. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cluster_parts.h"

int etcd_add(struct cluster *cluster)
{
	struct cluster_part *part = NULL;
	int err = SAGA_E_NONE;

	if (cluster->options.etcd_count == 0)
		return SAGA_E_NONE;
	err = cluster_part_add(cluster, PART_ETCD, 0, "etcd1", &part);
	if (err == SAGA_E_NONE)
		err = ports_take(&cluster->ports, &part->port);
	if (err == SAGA_E_NONE)
		err = ports_take(&cluster->ports, &part->peer_port);
	if (err != SAGA_E_NONE)
		return cluster_fail(cluster, err, "no free port for etcd1");
	(void)snprintf(cluster->etcd_endpoints, sizeof cluster->etcd_endpoints,
		       "http://127.0.0.1:%u", part->port);
	return SAGA_E_NONE;
}

int etcd_start(struct cluster *cluster, struct cluster_part *part)
{
	char program[CLUSTER_TEXT_SIZE];
	char folder[CLUSTER_TEXT_SIZE];
	char client_url[64];
	char peer_url[64];
	char members[96];
	int err = cluster_find_tool(cluster, "etcd", program, sizeof program);

	if (err == SAGA_E_NONE)
		err = cluster_make_folder(cluster, part->process.name, folder, sizeof folder);
	if (err != SAGA_E_NONE)
		return err;
	(void)snprintf(client_url, sizeof client_url, "http://127.0.0.1:%u", part->port);
	(void)snprintf(peer_url, sizeof peer_url, "http://127.0.0.1:%u", part->peer_port);
	(void)snprintf(members, sizeof members, "etcd1=%s", peer_url);
	/* The smallest lease is 1.5 election time-outs: 500 ms allow a TTL of 2 s. */
	return cluster_part_run(cluster, part,
				(const char *const[]){program,    "--name",
						      "etcd1",    "--data-dir",
						      folder,     "--listen-client-urls",
						      client_url, "--advertise-client-urls",
						      client_url, "--listen-peer-urls",
						      peer_url,   "--initial-advertise-peer-urls",
						      peer_url,   "--initial-cluster",
						      members,    "--heartbeat-interval",
						      "100",      "--election-timeout",
						      "500",      "--logger",
						      "zap",      "--log-level",
						      "warn",     NULL},
				NULL);
}

/* /health is a linearizable read: true means there is a leader. */
bool etcd_answers(const struct cluster_part *part)
{
	static const char request[] = "GET /health HTTP/1.0\r\n\r\n";
	const int fd = ports_connect(part->port);
	char text[2048] = "";
	size_t used = 0;

	if (fd < 0)
		return false;
	if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1) {
		while (used + 1 < sizeof text) {
			const ssize_t got = recv(fd, text + used, sizeof text - 1 - used, 0);

			if (got <= 0)
				break;
			used += (size_t)got;
		}
	}
	(void)close(fd);
	return strstr(text, "\"health\":\"true\"") != NULL;
}
