#include "node/daemon_uv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_log.h"
#include "node/admin.h"
#include "node/daemon_uv_internal.h"
#include "node/version.h"

enum { TICK_MS = 20, MAILBOX_ITEMS = 4096 };

void daemon_exit(struct daemon *d, int exit_code)
{
	if (d->closing)
		return;
	d->closing = true;
	d->exit_code = exit_code;
	lease_clock_set(&d->lease_clock, 0); /* nothing leaves any more */
	uv_stop(&d->loop);
}

static void check_phase(struct daemon *d)
{
	switch (control_phase(d->control)) {
	case CONTROL_STOPPED:
		daemon_exit(d, DAEMON_EXIT_OK);
		break;
	case CONTROL_FAILED: {
		const int error = control_error(d->control);
		LOG(LOG_ERROR, "node.failed", log_code(error), log_str("text", err_text(error)));
		daemon_exit(d, error == SAGA_E_NODE_ID_TAKEN ? DAEMON_EXIT_NODE_ID
							     : DAEMON_EXIT_CLUSTER);
		break;
	}
	default:
		break;
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	const uint64_t now_ns = os_clock_boot_ns();
	control_tick(d->control, now_ns);
	if (!d->closing)
		daemon_check_broker(d, now_ns);
	if (!d->closing)
		admin_tick(d->admin, now_ns);
	check_phase(d);
	daemon_health_tick(d, now_ns);
	daemon_meter_tick(d, now_ns);
	notify_tick(&d->notify, now_ns, health_live(&d->health, os_clock_mono_ns(), false, NULL));
}

static void on_report(void *context, const void *item)
{
	struct daemon *d = context;
	if (!d->closing)
		daemon_on_report(d, item);
}

static void on_stop_timeout(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	LOG(LOG_ERROR, "node.stop_timeout", log_num("ms", d->config->stop_timeout_ms));
	daemon_exit(d, DAEMON_EXIT_STOP_TIMEOUT);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *d = handle->data;
	LOG(LOG_INFO, "node.signal", log_num("signal", number));
	if (++d->signals > 1) {
		daemon_exit(d, DAEMON_EXIT_SECOND_SIGNAL);
		return;
	}
	notify_stopping(&d->notify);
	notify_status(&d->notify, "handing over its shards");
	notify_tick(&d->notify, os_clock_boot_ns(), true); /* it may end before the next tick */
	uv_timer_start(&d->stop_timer, on_stop_timeout, d->config->stop_timeout_ms, 0);
	control_stop(d->control, os_clock_boot_ns());
	check_phase(d);
}

static void timer_open(struct daemon *d, uv_timer_t *timer)
{
	CHECK_EQ(uv_timer_init(&d->loop, timer), 0);
	timer->data = d;
}

static void signal_open(struct daemon *d, uv_signal_t *handle, int number)
{
	CHECK_EQ(uv_signal_init(&d->loop, handle), 0);
	handle->data = d;
	CHECK_EQ(uv_signal_start(handle, on_signal, number), 0);
}

static void on_connection(void *context, bool connected)
{
	(void)context;
	LOG(connected ? LOG_INFO : LOG_WARN, connected ? "nats.connected" : "nats.disconnected",
	    log_str("connection", "control"));
}

static int open_all(struct daemon *d)
{
	struct nats_config nats;
	struct etcd_config etcd;
	const struct nats_hooks hooks = {.connection = on_connection, .context = d};
	char why[256] = "";
	config_nats(d->config, &nats);
	config_etcd(d->config, &etcd);
	if (mkdir(d->config->data_dir, 0700) != 0 && errno != EEXIST) {
		LOG(LOG_ERROR, "data_dir.unusable", log_str("path", d->config->data_dir),
		    log_num("errno", errno));
		return SAGA_E_CONFIG;
	}
	int error = mailbox_open(&d->mailbox, &d->loop, sizeof(struct worker_report), MAILBOX_ITEMS,
				 on_report, d);
	if (error == 0)
		error = nats_transport_open(&d->loop, &nats, &hooks, &d->transport, why);
	if (error == 0)
		error = etcd_open(&d->loop, &etcd, &d->lease, why);
	if (error == 0)
		error = daemon_control_open(d);
	if (error == 0)
		error = daemon_info_open(d);
	if (error == 0)
		error = admin_open(d, &d->admin);
	if (error == 0)
		error = daemon_http_open(d);
	if (error != 0)
		LOG(LOG_ERROR, "node.not_started", log_code(error), log_str("text", why));
	return error;
}

static void close_handle(uv_handle_t *handle, void *context)
{
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void close_all(struct daemon *d)
{
	d->closing = true;
	daemon_http_close(d); /* it looks at what ends here */
	for (uint32_t i = 0; i < d->worker_count; i++)
		worker_stop(d->workers[i]);
	if (d->lease != NULL)
		d->lease->ops->close(d->lease);
	if (d->transport != NULL) {
		daemon_info_close(d);
		admin_close(d->admin);
		d->transport->ops->close(d->transport, true);
	}
	if (d->mailbox.items != NULL)
		mailbox_close(&d->mailbox);
	close_handle((uv_handle_t *)&d->tick, NULL);
	close_handle((uv_handle_t *)&d->stop_timer, NULL);
	close_handle((uv_handle_t *)&d->sigterm, NULL);
	close_handle((uv_handle_t *)&d->sigint, NULL);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&d->loop), 0);
	notify_close(&d->notify);
	buf_close(&d->scratch);
	free(d->control_memory);
}

/* A node that cannot tell its supervisor serves all the same; the supervisor will end it. */
static void supervisor_open(struct daemon *d)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const int error =
		notify_open(&d->notify, path, getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));

	if (error != 0)
		LOG(LOG_WARN, "notify.unusable", log_code(error), log_str("path", path));
}

int daemon_run(const struct config *config)
{
	struct daemon *d = calloc(1, sizeof *d);
	if (d == NULL)
		return DAEMON_EXIT_CONFIG;
	d->config = config;
	buf_init(&d->scratch, WIRE_MESSAGE_SIZE_MAX);
	CHECK_EQ(uv_loop_init(&d->loop), 0);
	CHECK_EQ(health_loop_add(&d->health, os_clock_mono_ns()), 0);
	timer_open(d, &d->tick);
	timer_open(d, &d->stop_timer);
	signal_open(d, &d->sigterm, SIGTERM);
	signal_open(d, &d->sigint, SIGINT);
	LOG(LOG_INFO, "node.starting", log_str("version", SAGAD_VERSION),
	    log_str("nats", config->nats_url), log_str("etcd", config->etcd_endpoints));
	supervisor_open(d);
	if (open_all(d) == 0) {
		notify_ready(&d->notify);
		CHECK_EQ(uv_timer_start(&d->tick, on_tick, 0, TICK_MS), 0);
		uv_run(&d->loop, UV_RUN_DEFAULT);
	} else {
		d->exit_code = DAEMON_EXIT_CONFIG;
	}
	const int exit_code = d->exit_code;
	close_all(d);
	LOG(LOG_INFO, "node.stopped", log_num("exit", exit_code));
	free(d);
	return exit_code;
}
