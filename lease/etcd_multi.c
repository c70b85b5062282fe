#include "lease/etcd_multi.h"

#include <stdlib.h>

#include "base/check.h"

struct etcd_socket {
	uv_poll_t poll;
	struct etcd_multi *multi;
	struct etcd_socket *next;
	curl_socket_t fd;
};

static void etcd_handle_gone(struct etcd_multi *m)
{
	CHECK(m->handles > 0);
	m->handles--;
	if (m->handles == 0 && m->closing && m->closed)
		m->closed(m->context);
}

static void etcd_socket_closed(uv_handle_t *handle)
{
	struct etcd_socket *s = handle->data;
	struct etcd_multi *m = s->multi;

	free(s);
	etcd_handle_gone(m);
}

static void etcd_timer_closed(uv_handle_t *handle)
{
	etcd_handle_gone(handle->data);
}

static void etcd_socket_close(struct etcd_socket *s)
{
	struct etcd_socket **at = &s->multi->sockets;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	(void)uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, etcd_socket_closed);
}

/* Hands over what has ended. `done` may close the multi. */
static void etcd_multi_drain(struct etcd_multi *m)
{
	CURLMsg *message;
	int left;

	while (!m->closing && (message = curl_multi_info_read(m->multi, &left)) != NULL) {
		struct etcd_transfer *t = NULL;
		const CURLcode result = message->data.result; /* gone with the removal */
		char *private = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) ==
		      CURLE_OK);
		t = (struct etcd_transfer *)(void *)private;
		CHECK(t && t->running);
		etcd_transfer_stop(t);
		t->done(t, result);
	}
	if (!m->closing && m->after)
		m->after(m->context);
}

static void etcd_multi_act(struct etcd_multi *m, curl_socket_t fd, int events)
{
	int running;

	if (m->closing)
		return;
	CHECK(!m->inside); /* M1 */
	m->inside = true;
	(void)curl_multi_socket_action(m->multi, fd, events, &running);
	m->inside = false;
	etcd_multi_drain(m);
}

static void etcd_on_poll(uv_poll_t *poll, int status, int events)
{
	const struct etcd_socket *s = poll->data;
	int flags = 0;

	if (status < 0)
		flags = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	etcd_multi_act(s->multi, s->fd, flags);
}

static struct etcd_socket *etcd_socket_open(struct etcd_multi *m, curl_socket_t fd)
{
	struct etcd_socket *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	if (uv_poll_init_socket(m->loop, &s->poll, fd) != 0) {
		free(s);
		return NULL;
	}
	s->poll.data = s;
	s->multi = m;
	s->fd = fd;
	s->next = m->sockets;
	m->sockets = s;
	m->handles++;
	(void)curl_multi_assign(m->multi, fd, s);
	return s;
}

static int etcd_on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket)
{
	struct etcd_multi *m = context;
	struct etcd_socket *s = socket;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s) {
			(void)curl_multi_assign(m->multi, fd, NULL);
			etcd_socket_close(s);
		}
		return 0;
	}
	if (!s)
		s = etcd_socket_open(m, fd);
	if (!s)
		return -1; /* libcurl fails its transfers */
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= UV_READABLE;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= UV_WRITABLE;
	return uv_poll_start(&s->poll, events, etcd_on_poll) == 0 ? 0 : -1;
}

static void etcd_on_timer(uv_timer_t *timer)
{
	etcd_multi_act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* Never acts here (M1): even "at once" waits for the loop. */
static int etcd_on_timeout(CURLM *multi, long timeout_ms, void *context)
{
	struct etcd_multi *m = context;

	(void)multi;
	if (m->closing)
		return 0;
	if (timeout_ms < 0)
		return uv_timer_stop(&m->timer) == 0 ? 0 : -1;
	uv_update_time(m->loop); /* the loop's time is old after long work */
	return uv_timer_start(&m->timer, etcd_on_timer, (uint64_t)timeout_ms, 0) == 0 ? 0 : -1;
}

int etcd_multi_open(struct etcd_multi *m, uv_loop_t *loop)
{
	m->loop = loop;
	m->multi = curl_multi_init();
	if (!m->multi)
		return SAGA_E_NO_MEMORY;
	CHECK_EQ(uv_timer_init(loop, &m->timer), 0);
	m->timer.data = m;
	m->handles = 1;
	(void)curl_multi_setopt(m->multi, CURLMOPT_SOCKETFUNCTION, etcd_on_socket);
	(void)curl_multi_setopt(m->multi, CURLMOPT_SOCKETDATA, m);
	(void)curl_multi_setopt(m->multi, CURLMOPT_TIMERFUNCTION, etcd_on_timeout);
	(void)curl_multi_setopt(m->multi, CURLMOPT_TIMERDATA, m);
	/* One request a connection: a slow one delays no other. */
	(void)curl_multi_setopt(m->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	return 0;
}

void etcd_multi_close(struct etcd_multi *m)
{
	CHECK(!m->inside && !m->closing);
	m->closing = true;
	m->inside = true;
	(void)curl_multi_cleanup(m->multi);
	m->inside = false;
	m->multi = NULL;
	while (m->sockets)
		etcd_socket_close(m->sockets);
	(void)uv_timer_stop(&m->timer);
	uv_close((uv_handle_t *)&m->timer, etcd_timer_closed);
}

int etcd_transfer_start(struct etcd_multi *m, struct etcd_transfer *t)
{
	CHECK(!m->inside && !m->closing && !t->running); /* M1 */
	(void)curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	t->multi = m;
	m->inside = true;
	t->running = curl_multi_add_handle(m->multi, t->easy) == CURLM_OK;
	m->inside = false;
	return t->running ? 0 : SAGA_E_NO_MEMORY;
}

void etcd_transfer_stop(struct etcd_transfer *t)
{
	struct etcd_multi *m = t->multi;

	if (!t->running)
		return;
	CHECK(!m->inside); /* M1 */
	m->inside = true;
	(void)curl_multi_remove_handle(m->multi, t->easy);
	m->inside = false;
	t->running = false;
}
