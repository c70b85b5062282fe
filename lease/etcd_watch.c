/* The watch: one open stream whose frames say no more than "read again". So nothing of them is
 * kept, no revision is followed, and every interruption is one more hint. What is missed while it
 * is silently dead, the caller's own ranges find. */
#include <stdlib.h>
#include <string.h>

#include "lease/etcd_internal.h"

static void etcd_watch_read(struct etcd_watch *w, struct slice frame)
{
	struct etcd_watch_frame parsed;

	if (etcd_watch_parse(frame, &parsed) != 0) {
		w->broken = true;
		return;
	}
	if (parsed.code != 0 || parsed.canceled) {
		/* Compacted, no leader, or a token that is no longer good. */
		if (parsed.authenticate)
			etcd_auth_forget(w->etcd, w->etcd->auth.generation);
		w->broken = true;
		return;
	}
	if (parsed.created)
		w->pause_ms = ETCD_WATCH_PAUSE_MIN_MS;
	if (parsed.created || parsed.events > 0)
		w->hint_due = true;
}

/* Inside libcurl: only notes what is to be done (M1). */
static size_t etcd_watch_collect(char *data, size_t size, size_t count, void *context)
{
	struct etcd_watch *w = context;
	struct slice input = slice_of(data, (uint32_t)count);

	(void)size;
	while (input.size > 0 && !w->broken) {
		struct slice frame;
		const int got = etcd_frames_next(&w->frames, &input, &frame);

		if (got < 0)
			w->broken = true;
		else if (got == 1)
			etcd_watch_read(w, frame);
	}
	return count;
}

static void etcd_watch_begin(struct etcd *etcd)
{
	struct etcd_watch *w = &etcd->watch;

	etcd_frames_reset(&w->frames);
	w->broken = false;
	w->endpoint = etcd->others.endpoint;
	if (etcd_prepare(etcd, w->transfer.easy, w->endpoint, "/v3/watch", &w->body, &w->headers) !=
	    0) {
		w->broken = true;
		return;
	}
	(void)curl_easy_setopt(w->transfer.easy, CURLOPT_WRITEFUNCTION, etcd_watch_collect);
	(void)curl_easy_setopt(w->transfer.easy, CURLOPT_WRITEDATA, w);
	if (etcd_transfer_start(&etcd->others.multi, &w->transfer) != 0)
		w->broken = true;
}

static void etcd_watch_on_timer(uv_timer_t *timer)
{
	struct etcd_watch *w = timer->data;
	struct etcd *etcd = w->etcd;

	if (!w->wanted || w->transfer.running)
		return;
	if (!etcd_auth_ready(etcd)) {
		etcd_auth_start(etcd); /* and again when that is done */
		(void)uv_timer_start(&w->timer, etcd_watch_on_timer, w->pause_ms, 0);
		return;
	}
	etcd_watch_begin(etcd);
	etcd_watch_work(etcd);
}

static void etcd_watch_done(struct etcd_transfer *transfer, CURLcode result)
{
	struct etcd_watch *w = (struct etcd_watch *)transfer;

	if (result != CURLE_OK) {
		etcd_rotate(&w->etcd->others, w->endpoint);
		etcd_log_trouble(w->etcd, "/v3/watch", w->endpoint, SAGA_E_ETCD,
				 curl_easy_strerror(result));
	}
	w->broken = true; /* etcd_watch_work follows */
}

void etcd_watch_work(struct etcd *etcd)
{
	struct etcd_watch *w = &etcd->watch;

	if (etcd->closing || !w->wanted)
		return;
	if (w->broken) {
		etcd_transfer_stop(&w->transfer);
		w->broken = false;
		w->hint_due = true;
		(void)uv_timer_start(&w->timer, etcd_watch_on_timer, w->pause_ms, 0);
		w->pause_ms *= 2;
		if (w->pause_ms > ETCD_WATCH_PAUSE_MAX_MS)
			w->pause_ms = ETCD_WATCH_PAUSE_MAX_MS;
	}
	if (w->hint_due) {
		w->hint_due = false;
		w->hint(w->context); /* last: it may close the store */
	}
}

void etcd_watch_suspect(struct etcd *etcd, uint32_t endpoint)
{
	struct etcd_watch *w = &etcd->watch;

	if (w->wanted && w->transfer.running && w->endpoint == endpoint &&
	    etcd->settings.endpoint_count > 1)
		w->broken = true;
}

int etcd_watch_open(struct etcd *etcd, struct slice prefix, lease_hint hint, void *context)
{
	struct etcd_watch *w = &etcd->watch;
	int error;

	CHECK(!w->wanted); /* at most one a store */
	if (!w->transfer.easy)
		w->transfer.easy = curl_easy_init();
	if (!w->transfer.easy)
		return SAGA_E_NO_MEMORY;
	buf_init(&w->body, 4096);
	error = etcd_watch_build(prefix, &w->body);
	if (error) {
		buf_close(&w->body);
		return error;
	}
	etcd_frames_init(&w->frames, ETCD_FRAME_MAX);
	w->etcd = etcd;
	w->transfer.done = etcd_watch_done;
	w->timer.data = w;
	w->hint = hint;
	w->context = context;
	w->pause_ms = ETCD_WATCH_PAUSE_MIN_MS;
	w->wanted = true;
	/* On the loop's next turn: a hint must not come from inside this call. */
	return uv_timer_start(&w->timer, etcd_watch_on_timer, 0, 0) == 0 ? 0 : SAGA_E_INTERNAL;
}

void etcd_watch_stop(struct etcd *etcd)
{
	etcd->watch.wanted = false;
	etcd_transfer_stop(&etcd->watch.transfer);
}

void etcd_watch_close(struct etcd *etcd)
{
	struct etcd_watch *w = &etcd->watch;

	if (w->transfer.easy)
		curl_easy_cleanup(w->transfer.easy);
	curl_slist_free_all(w->headers);
	buf_close(&w->body);
	etcd_frames_close(&w->frames);
}
