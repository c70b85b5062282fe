/* The token: got with user and password when it is first needed, and again when it is refused.
 * Simple tokens of etcd live in one member and for five minutes of silence. */
#include <stdlib.h>
#include <string.h>

#include "lease/etcd_internal.h"

bool etcd_auth_ready(const struct etcd *etcd)
{
	return !etcd->settings.user || etcd->auth.not_enabled || etcd->auth.token[0] != '\0';
}

void etcd_auth_forget(struct etcd *etcd, uint32_t token)
{
	if (etcd->auth.generation != token)
		return;
	etcd->auth.not_enabled = false;
	explicit_bzero(etcd->auth.token, sizeof etcd->auth.token);
}

static void etcd_auth_done(struct etcd_transfer *transfer, CURLcode result)
{
	struct etcd_auth *auth = (struct etcd_auth *)transfer;
	struct etcd *etcd = auth->etcd;
	long http_status = 0;
	int error;

	explicit_bzero(auth->body.data, auth->body.size); /* the password */
	if (result == CURLE_OK) {
		(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &http_status);
		error = etcd_authenticate_parse(http_status, buf_slice(&auth->answer), auth->token);
	} else {
		error = result == CURLE_OPERATION_TIMEDOUT ? SAGA_E_TIMEOUT : SAGA_E_ETCD;
	}
	if (error == SAGA_E_STATE) {
		auth->not_enabled = true;
		error = 0;
	}
	auth->generation++;
	if (error) {
		etcd_rotate(&etcd->others, auth->endpoint);
		etcd_log_trouble(etcd, "/v3/auth/authenticate", auth->endpoint, error,
				 result == CURLE_OK ? "" : curl_easy_strerror(result));
	}
	etcd_calls_go_on(etcd, error);
	etcd_watch_work(etcd);
}

static int etcd_auth_send(struct etcd *etcd)
{
	struct etcd_auth *auth = &etcd->auth;
	char password[ETCD_PASSWORD_MAX];
	uint32_t size = 0;
	int error = etcd_read_password(&etcd->settings, password, &size);

	buf_clear(&auth->body);
	buf_clear(&auth->answer);
	if (!error)
		error = etcd_authenticate_build(etcd->settings.user, slice_of(password, size),
						&auth->body);
	explicit_bzero(password, sizeof password);
	if (error)
		return SAGA_E_AUTH;
	auth->endpoint = etcd->others.endpoint;
	error = etcd_prepare(etcd, auth->transfer.easy, auth->endpoint, "/v3/auth/authenticate",
			     &auth->body, &auth->headers);
	if (error)
		return error;
	(void)curl_easy_setopt(auth->transfer.easy, CURLOPT_TIMEOUT_MS, (long)ETCD_AUTHENTICATE_MS);
	(void)curl_easy_setopt(auth->transfer.easy, CURLOPT_WRITEFUNCTION, etcd_collect);
	(void)curl_easy_setopt(auth->transfer.easy, CURLOPT_WRITEDATA, &auth->answer);
	return etcd_transfer_start(&etcd->others.multi, &auth->transfer);
}

void etcd_auth_start(struct etcd *etcd)
{
	struct etcd_auth *auth = &etcd->auth;
	int error = SAGA_E_NO_MEMORY;

	if (auth->transfer.running)
		return;
	if (!auth->transfer.easy) {
		auth->etcd = etcd;
		auth->transfer.done = etcd_auth_done;
		auth->transfer.easy = curl_easy_init();
		buf_init(&auth->body, 4 * ETCD_PASSWORD_MAX);
		buf_init(&auth->answer, 64 * 1024);
	}
	if (auth->transfer.easy)
		error = etcd_auth_send(etcd);
	if (error)
		etcd_calls_go_on(etcd, error);
}

void etcd_auth_close(struct etcd *etcd)
{
	struct etcd_auth *auth = &etcd->auth;

	if (auth->body.data)
		explicit_bzero(auth->body.data, auth->body.capacity);
	if (auth->transfer.easy)
		curl_easy_cleanup(auth->transfer.easy);
	curl_slist_free_all(auth->headers);
	buf_close(&auth->body);
	buf_close(&auth->answer);
	explicit_bzero(auth->token, sizeof auth->token);
}
