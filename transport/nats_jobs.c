/* What may block for seconds, on a worker of libuv: one job at a time. */
#include "base/check.h"
#include "base/os_log.h"
#include "transport/nats_internal.h"

enum { URL_SIZE_MAX = 1024 };

static void run_connect(struct nats_work *work)
{
	work->connection = NULL;
	work->status = natsConnection_Connect(&work->connection, work->options);
}

static void run_ask(struct nats_work *work)
{
	char url[URL_SIZE_MAX];

	work->max_payload = natsConnection_GetMaxPayload(work->connection);
	work->version[0] = '\0';
	if (natsConnection_GetConnectedUrl(work->connection, url, sizeof url) == NATS_OK &&
	    url[0] != '\0')
		nats_info_version(url, work->timeout_ms, work->version);
}

/* Why cnats has given it up: refused at the first connection, nothing else tells. */
static void log_last_error(natsConnection *connection)
{
	const char *text = NULL;
	const natsStatus status = natsConnection_GetLastError(connection, &text);

	LOG(LOG_WARN, "nats.connection_lost", log_str("status", natsStatus_GetText(status)),
	    log_str("text", text == NULL ? "" : text),
	    log_code(status == NATS_CONNECTION_AUTH_FAILED ? SAGA_E_AUTH : SAGA_E_NATS));
}

static void run_end(struct nats_work *work)
{
	if (work->given_up)
		log_last_error(work->connection);
	if (work->flush)
		(void)natsConnection_FlushTimeout(work->connection, NATS_DRAIN_MS);
	natsConnection_Close(work->connection);
	/* After the close these only drop references: nothing is sent for them. */
	for (uint32_t i = 0; i < work->doomed_count; i++)
		natsSubscription_Destroy(work->doomed[i]);
	natsConnection_Destroy(work->connection);
}

void nats_job_run(uv_work_t *request)
{
	struct nats_work *work = request->data;
	sigset_t before;

	/* Threads that cnats starts in here inherit the mask. */
	nats_signals_block(&before);
	switch (work->job) {
	case NATS_JOB_CONNECT:
		run_connect(work);
		break;
	case NATS_JOB_ASK:
		run_ask(work);
		break;
	case NATS_JOB_END:
		run_end(work);
		break;
	case NATS_JOB_NONE:
		CHECK(false);
		break;
	}
	nats_ReleaseThreadMemory();
	nats_signals_restore(&before);
}

void nats_job_start(struct nats_transport *t, enum nats_job job, uv_after_work_cb done)
{
	CHECK_EQ(t->work.job, NATS_JOB_NONE);
	CHECK(job != NATS_JOB_NONE);
	t->work.job = job;
	t->work.request.data = &t->work;
	CHECK_EQ(uv_queue_work(t->loop, &t->work.request, nats_job_run, done), 0);
}
