/* One request: built, sent, sent again where that is harmless, answered once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_clock.h"
#include "base/os_log.h"
#include "lease/etcd_internal.h"

enum { ETCD_NS_PER_MS = 1000000 };

void etcd_log_trouble(struct etcd *etcd, const char *what, uint32_t endpoint, int error,
		      const char *text)
{
	const uint64_t now_ns = os_clock_boot_ns();

	if (etcd->logged_ns != 0 &&
	    now_ns < etcd->logged_ns + (uint64_t)ETCD_LOG_PAUSE_MS * ETCD_NS_PER_MS)
		return;
	etcd->logged_ns = now_ns;
	LOG(LOG_WARN, "etcd.trouble", log_str("request", what),
	    log_str("endpoint", etcd->settings.endpoints[endpoint]), log_code(error),
	    log_str("text", text));
}

size_t etcd_collect(char *data, size_t size, size_t count, void *answer)
{
	(void)size; /* always 1 */
	if (count > UINT32_MAX || buf_put(answer, data, (uint32_t)count) != 0)
		return 0; /* ends the transfer */
	return count;
}

void etcd_rotate(struct etcd_lane *lane, uint32_t failed_endpoint)
{
	/* Several that fail together turn it once. */
	if (lane->endpoint == failed_endpoint)
		lane->endpoint = (failed_endpoint + 1) % lane->etcd->settings.endpoint_count;
}

static bool etcd_add_header(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (longer)
		*headers = longer;
	return longer != NULL;
}

static bool etcd_add_headers(const struct etcd *etcd, struct curl_slist **headers)
{
	char line[ETCD_TOKEN_MAX + 32];

	if (!etcd_add_header(headers, "Content-Type: application/json") ||
	    !etcd_add_header(headers, "Grpc-Metadata-hasleader: true") ||
	    !etcd_add_header(headers, "Expect:"))
		return false;
	if (etcd->auth.token[0] == '\0')
		return true;
	(void)snprintf(line, sizeof line, "Authorization: %s", etcd->auth.token);
	return etcd_add_header(headers, line);
}

static void etcd_prepare_tls(const struct etcd_settings *settings, CURL *easy)
{
	if (settings->ca_file)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
	if (settings->cert_file)
		(void)curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->cert_file);
	if (settings->key_file)
		(void)curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->key_file);
}

int etcd_prepare(struct etcd *etcd, CURL *easy, uint32_t endpoint, const char *path,
		 const struct buf *body, struct curl_slist **headers)
{
	char url[ETCD_ENDPOINT_SIZE_MAX + 64];

	curl_slist_free_all(*headers);
	*headers = NULL;
	if (!etcd_add_headers(etcd, headers))
		return SAGA_E_NO_MEMORY;
	curl_easy_reset(easy);
	(void)snprintf(url, sizeof url, "%s%s", etcd->settings.endpoints[endpoint], path);
	if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
		return SAGA_E_NO_MEMORY;
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
	(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->data);
	(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
	/* HTTP/2 with TLS starves watches of etcd 3.4; and one request a connection is the point.
	 */
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			       (long)etcd->settings.connect_timeout_ms);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 5L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 2L);
	etcd_prepare_tls(&etcd->settings, easy);
	return 0;
}

/* ---- the end of a call -------------------------------------------------------------------- */

static void etcd_call_decide(struct etcd_call *call, int error)
{
	CHECK(call->state != ETCD_CALL_FREE && call->state != ETCD_CALL_DECIDED);
	CHECK(!call->transfer.running);
	call->reply.error = error;
	call->state = ETCD_CALL_DECIDED;
}

static void etcd_call_deliver(struct etcd_call *call)
{
	const struct lease_result result = {
		.error = call->reply.error,
		.sent_ns = call->sent_ns,
		.revision = call->reply.revision,
		.lease_id = call->reply.lease_id,
		.ttl_s = call->reply.ttl_s,
		.succeeded = call->reply.succeeded,
		.kvs = call->reply.kvs,
		.kv_count = call->reply.error == 0 ? call->reply.kv_count : 0,
	};

	CHECK_EQ(call->state, ETCD_CALL_DECIDED);
	call->done(call->context, call->token, &result);
	call->state = ETCD_CALL_FREE;
}

void etcd_calls_deliver(struct etcd *etcd)
{
	for (struct etcd_call *call = etcd->calls; call; call = call->next) {
		if (call->state == ETCD_CALL_DECIDED)
			etcd_call_deliver(call);
	}
}

/* ---- its transfer ------------------------------------------------------------------------- */

static uint64_t etcd_call_left_ms(const struct etcd_call *call)
{
	const uint64_t now_ns = os_clock_boot_ns();

	return now_ns >= call->deadline_ns ? 0 : (call->deadline_ns - now_ns) / ETCD_NS_PER_MS;
}

static void etcd_call_start(struct etcd_call *call)
{
	struct etcd *etcd = call->etcd;
	const uint64_t left_ms = etcd_call_left_ms(call);
	int error;

	if (left_ms == 0) {
		etcd_call_decide(call, SAGA_E_TIMEOUT); /* nothing was sent */
		etcd_kick(etcd);
		return;
	}
	if (!etcd_auth_ready(etcd)) {
		call->state = ETCD_CALL_WAITING;
		etcd_auth_start(etcd);
		return;
	}
	call->state = ETCD_CALL_RUNNING;
	call->endpoint = call->lane->endpoint;
	buf_clear(&call->answer);
	error = etcd_prepare(etcd, call->transfer.easy, call->endpoint,
			     etcd_request_path(call->kind), &call->body, &call->headers);
	(void)curl_easy_setopt(call->transfer.easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
	(void)curl_easy_setopt(call->transfer.easy, CURLOPT_WRITEFUNCTION, etcd_collect);
	(void)curl_easy_setopt(call->transfer.easy, CURLOPT_WRITEDATA, &call->answer);
	call->sent_ns = os_clock_boot_ns(); /* before: S28 counts from here */
	if (!error)
		error = etcd_transfer_start(&call->lane->multi, &call->transfer);
	if (error) {
		etcd_call_decide(call, SAGA_E_ETCD);
		etcd_kick(etcd);
	}
}

/* True when nothing of the request can have reached the server. */
static bool etcd_never_sent(CURL *easy, CURLcode result)
{
	long bytes = 0;

	switch (result) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_URL_MALFORMAT:
		return true;
	case CURLE_OPERATION_TIMEDOUT:
		return curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK &&
		       bytes == 0;
	default:
		return false;
	}
}

static void etcd_call_failed(struct etcd_call *call, CURLcode result)
{
	struct etcd *etcd = call->etcd;
	const bool never_sent = etcd_never_sent(call->transfer.easy, result);
	const bool timed_out = result == CURLE_OPERATION_TIMEDOUT;

	etcd_rotate(call->lane, call->endpoint);
	etcd_watch_suspect(etcd, call->endpoint);
	/* What never left may go to another server; all else is the caller's to decide. */
	if (never_sent && ++call->tries < etcd->settings.endpoint_count &&
	    etcd_call_left_ms(call) > 0) {
		etcd_call_start(call);
		return;
	}
	etcd_reply_clear(&call->reply);
	etcd_call_decide(call, etcd_error_of_transfer(call->kind, timed_out, !never_sent));
	etcd_log_trouble(etcd, etcd_request_path(call->kind), call->endpoint, call->reply.error,
			 curl_easy_strerror(result));
}

static void etcd_call_answered(struct etcd_call *call)
{
	struct etcd *etcd = call->etcd;
	long http_status = 0;

	(void)curl_easy_getinfo(call->transfer.easy, CURLINFO_RESPONSE_CODE, &http_status);
	etcd_reply_parse(call->kind, http_status, buf_slice(&call->answer), &call->reply);
	if (call->reply.authenticate && etcd->settings.user && !call->authenticated_anew) {
		/* It was refused before it was looked at. */
		call->authenticated_anew = true;
		etcd_auth_forget(etcd, etcd->auth.generation);
		etcd_call_start(call);
		return;
	}
	if (call->reply.error != 0 && call->reply.error != SAGA_E_LEASE_LOST) {
		etcd_log_trouble(etcd, etcd_request_path(call->kind), call->endpoint,
				 call->reply.error, call->reply.message);
		etcd_rotate(call->lane, call->endpoint);
	}
	etcd_call_decide(call, call->reply.error);
}

static void etcd_call_done(struct etcd_transfer *transfer, CURLcode result)
{
	struct etcd_call *call = (struct etcd_call *)transfer;

	if (result == CURLE_OK)
		etcd_call_answered(call);
	else
		etcd_call_failed(call, result);
	/* We are outside of libcurl and of the caller's call. */
	if (call->state == ETCD_CALL_DECIDED)
		etcd_call_deliver(call);
}

/* ---- its begin ---------------------------------------------------------------------------- */

static struct etcd_call *etcd_call_take(struct etcd *etcd)
{
	struct etcd_call *call = etcd->calls;

	while (call && call->state != ETCD_CALL_FREE)
		call = call->next;
	if (call || etcd->call_count == ETCD_CALLS_MAX)
		return call;
	call = calloc(1, sizeof *call);
	if (!call)
		return NULL;
	call->transfer.easy = curl_easy_init();
	if (!call->transfer.easy) {
		free(call);
		return NULL;
	}
	call->transfer.done = etcd_call_done;
	call->etcd = etcd;
	buf_init(&call->body, ETCD_BODY_MAX);
	buf_init(&call->answer, ETCD_ANSWER_MAX);
	etcd_reply_init(&call->reply, ETCD_ANSWER_MAX);
	call->next = etcd->calls;
	etcd->calls = call;
	etcd->call_count++;
	return call;
}

int etcd_call_submit(struct etcd *etcd, const struct lease_request *request, uint64_t token,
		     lease_completion done, void *context)
{
	struct etcd_call *call = etcd_call_take(etcd);
	int error;

	if (!call)
		return SAGA_E_FULL;
	buf_clear(&call->body);
	error = etcd_request_build(request, &call->body);
	if (error)
		return error;
	etcd_reply_clear(&call->reply);
	call->lane = request->kind == LEASE_RENEW ? &etcd->renewals : &etcd->others;
	call->kind = request->kind;
	call->token = token;
	call->done = done;
	call->context = context;
	call->sent_ns = os_clock_boot_ns();
	call->deadline_ns = call->sent_ns + (uint64_t)request->timeout_ms * ETCD_NS_PER_MS;
	call->tries = 0;
	call->authenticated_anew = false;
	call->state = ETCD_CALL_WAITING;
	etcd_call_start(call);
	return 0;
}

void etcd_calls_go_on(struct etcd *etcd, int error)
{
	for (struct etcd_call *call = etcd->calls; call; call = call->next) {
		if (call->state != ETCD_CALL_WAITING)
			continue;
		if (error)
			etcd_call_decide(call, error);
		else
			etcd_call_start(call);
	}
	etcd_kick(etcd);
}

void etcd_calls_stop(struct etcd *etcd)
{
	for (struct etcd_call *call = etcd->calls; call; call = call->next) {
		etcd_transfer_stop(&call->transfer);
		if (call->state == ETCD_CALL_WAITING || call->state == ETCD_CALL_RUNNING)
			etcd_call_decide(call, SAGA_E_STOPPING);
	}
}

void etcd_calls_free(struct etcd *etcd)
{
	while (etcd->calls) {
		struct etcd_call *call = etcd->calls;

		etcd->calls = call->next;
		curl_easy_cleanup(call->transfer.easy);
		curl_slist_free_all(call->headers);
		buf_close(&call->body);
		buf_close(&call->answer);
		etcd_reply_close(&call->reply);
		free(call);
	}
}
