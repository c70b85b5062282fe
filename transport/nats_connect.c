/* Connecting: it may block for seconds, so it runs on a worker of libuv. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "transport/nats_internal.h"

enum { URL_SIZE_MAX = 1024 };

/* What is to be known of the server before anybody is told that we are connected. */
static void ask(struct nats_work *work)
{
	char url[URL_SIZE_MAX];

	work->max_payload = natsConnection_GetMaxPayload(work->connection);
	if (natsConnection_GetDiscoveredServers(work->connection, &work->discovered,
						&work->discovered_count) != NATS_OK) {
		work->discovered = NULL;
		work->discovered_count = 0;
	}
	if (natsConnection_GetConnectedUrl(work->connection, url, sizeof url) == NATS_OK &&
	    url[0] != '\0')
		nats_info_ask(url, work->timeout_ms, work->version, &work->tls);
}

void nats_connect_run(uv_work_t *request)
{
	struct nats_work *work = request->data;
	const char *text;
	sigset_t before;

	work->connection = NULL;
	work->socket = -1;
	work->version[0] = '\0';
	work->tls = false;
	work->discovered = NULL;
	work->discovered_count = 0;
	work->max_payload = 0;
	/* Threads that cnats starts in here inherit the mask. */
	nats_signals_block(&before);
	work->status = natsConnection_Connect(&work->connection, work->options);
	if (work->status == NATS_OK) {
		ask(work);
	} else {
		text = nats_GetLastError(NULL);
		(void)snprintf(work->why, sizeof work->why, "%s", text == NULL ? "" : text);
	}
	nats_ReleaseThreadMemory();
	nats_signals_restore(&before);
}

void nats_connect_forget(struct nats_work *work)
{
	for (int i = 0; i < work->discovered_count; i++)
		free(work->discovered[i]);
	free(work->discovered);
	work->discovered = NULL;
	work->discovered_count = 0;
}
