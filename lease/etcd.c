/* Opening, closing, and the contract's table. */
#include <stdio.h>
#include <stdlib.h>

#include "lease/etcd_internal.h"

static int etcd_submit(struct lease *l, const struct lease_request *request, uint64_t token,
		       lease_completion done, void *context)
{
	struct etcd *etcd = (struct etcd *)l;

	if (etcd->closing)
		return SAGA_E_STOPPING;
	return etcd_call_submit(etcd, request, token, done, context);
}

static int etcd_watch_prefix(struct lease *l, struct slice prefix, lease_hint hint, void *context)
{
	struct etcd *etcd = (struct etcd *)l;

	if (etcd->closing)
		return SAGA_E_STOPPING;
	return etcd_watch_open(etcd, prefix, hint, context);
}

static void etcd_on_kick(uv_timer_t *timer)
{
	struct etcd *etcd = timer->data;

	if (!etcd->closing)
		etcd_calls_deliver(etcd);
}

void etcd_kick(struct etcd *etcd)
{
	if (!etcd->closing)
		(void)uv_timer_start(&etcd->kick, etcd_on_kick, 0, 0);
}

/* After the last handle has closed: nothing of the loop points here any more. */
void etcd_part_closed(struct etcd *etcd)
{
	CHECK(etcd->open > 0);
	if (--etcd->open > 0)
		return;
	etcd_calls_deliver(etcd); /* SAGA_E_STOPPING */
	etcd_calls_free(etcd);
	etcd_auth_close(etcd);
	etcd_watch_close(etcd);
	etcd_settings_close(&etcd->settings);
	free(etcd);
	curl_global_cleanup();
}

static void etcd_on_lane_closed(void *context)
{
	struct etcd_lane *lane = context;

	etcd_part_closed(lane->etcd);
}

static void etcd_on_timer_closed(uv_handle_t *handle)
{
	/* Both timers belong to the store; the watch's data is its watch. */
	struct etcd *etcd = handle->data;

	etcd_part_closed(etcd);
}

static void etcd_close(struct lease *l)
{
	struct etcd *etcd = (struct etcd *)l;

	CHECK(!etcd->closing);
	etcd->closing = true;
	etcd_watch_stop(etcd);
	etcd_transfer_stop(&etcd->auth.transfer);
	etcd_calls_stop(etcd);
	etcd->watch.timer.data = etcd;
	uv_close((uv_handle_t *)&etcd->watch.timer, etcd_on_timer_closed);
	uv_close((uv_handle_t *)&etcd->kick, etcd_on_timer_closed);
	etcd_multi_close(&etcd->renewals.multi);
	etcd_multi_close(&etcd->others.multi);
}

static void etcd_after_round(void *context)
{
	struct etcd_lane *lane = context;

	etcd_watch_work(lane->etcd);
}

static int etcd_lane_open(struct etcd *etcd, struct etcd_lane *lane)
{
	int error;

	lane->etcd = etcd;
	error = etcd_multi_open(&lane->multi, etcd->loop);
	if (error)
		return error;
	lane->multi.context = lane;
	lane->multi.after = etcd_after_round;
	lane->multi.closed = etcd_on_lane_closed;
	etcd->open++;
	return 0;
}

static const struct lease_ops etcd_ops = {
	.submit = etcd_submit,
	.watch = etcd_watch_prefix,
	.close = etcd_close,
};

/* The handles that were opened are closed on the loop; the rest goes with the last of them. */
static int etcd_open_failed(struct etcd *etcd, char why[256])
{
	(void)snprintf(why, 256, "etcd: out of memory");
	etcd->closing = true;
	etcd->watch.timer.data = etcd;
	uv_close((uv_handle_t *)&etcd->watch.timer, etcd_on_timer_closed);
	uv_close((uv_handle_t *)&etcd->kick, etcd_on_timer_closed);
	if (etcd->renewals.multi.multi)
		etcd_multi_close(&etcd->renewals.multi);
	return SAGA_E_NO_MEMORY;
}

int etcd_open(struct uv_loop_s *loop, const struct etcd_config *config, struct lease **lease,
	      char why[256])
{
	struct etcd *etcd = calloc(1, sizeof *etcd);
	int error;

	if (!etcd) {
		(void)snprintf(why, 256, "etcd: out of memory");
		return SAGA_E_NO_MEMORY;
	}
	error = etcd_settings_init(&etcd->settings, config, why);
	if (!error && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		(void)snprintf(why, 256, "etcd: libcurl does not start");
		etcd_settings_close(&etcd->settings);
		error = SAGA_E_NO_MEMORY;
	}
	if (error) {
		free(etcd);
		return error;
	}
	etcd->lease.ops = &etcd_ops;
	etcd->loop = loop;
	CHECK_EQ(uv_timer_init(loop, &etcd->kick), 0);
	etcd->kick.data = etcd;
	CHECK_EQ(uv_timer_init(loop, &etcd->watch.timer), 0);
	etcd->watch.etcd = etcd;
	etcd->open = 2;
	if (etcd_lane_open(etcd, &etcd->renewals) != 0 || etcd_lane_open(etcd, &etcd->others) != 0)
		return etcd_open_failed(etcd, why);
	*lease = &etcd->lease;
	return 0;
}
