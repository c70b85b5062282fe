/* What the HTTP listener is told: the listener itself is node/http_microhttpd.c. */
#include <stdio.h>

#include "base/os_clock.h"
#include "base/os_log.h"
#include "node/daemon_uv_internal.h"
#include "node/version.h"

static void write_metrics(void *context, bool openmetrics, struct buf *out)
{
	metrics_write(context, openmetrics, out);
}

int daemon_http_open(struct daemon *d)
{
	char why[256] = "";
	const struct http_config config = {
		.listen = d->config->http_listen,
		.metrics_listen = d->config->http_metrics_listen,
		.source = {.health = &d->health,
			   .version = d->version_text,
			   .metrics = write_metrics,
			   .context = &d->metrics},
		.health = &d->health,
	};

	d->metrics.health = &d->health;
	d->metrics.lease = &d->lease_clock;
	d->metrics.start_ms = os_clock_wall_ms();
	(void)snprintf(
		d->version_text, sizeof d->version_text,
		"{\"version\":\"%s\",\"revision\":\"%s\",\"node\":\"%s\",\"cluster\":\"%s\"}\n",
		SAGAD_VERSION, SAGAD_REVISION, d->config->node_id.text,
		d->config->cluster_name.text);
	const int error = http_open(&config, &d->metrics.http, &d->http, why);
	if (error != 0) {
		LOG(LOG_ERROR, "http.not_started", log_code(error), log_str("text", why));
		return error;
	}
	if (d->http != NULL)
		LOG(LOG_INFO, "http.listening", log_str("listen", config.listen),
		    log_num("port", http_port(d->http)),
		    log_str("metrics_listen", config.metrics_listen),
		    log_num("metrics_port", http_metrics_port(d->http)));
	return 0;
}

void daemon_http_close(struct daemon *d)
{
	http_close(d->http);
	d->http = NULL;
}

/* What readiness asks; the workers tell of their own connections. */
void daemon_health_tick(struct daemon *d, uint64_t boot_ns)
{
	struct transport_stats stats;

	health_tick(&d->health, 0, os_clock_mono_ns());
	if (boot_ns < d->health_at_ns)
		return;
	d->health_at_ns = boot_ns + DAEMON_HEALTH_NS;
	d->transport->ops->stats(d->transport, &stats);
	health_nats(&d->health, 0, stats.connected);
	d->health.lease = boot_ns < atomic_load(&d->lease_clock.until_ns);
	d->health.draining = d->signals > 0;
	d->health.map = control_phase(d->control) == CONTROL_READY && control_has_plan(d->control);
	d->health.started = true;
}
