/* The lease store over TLS with certificates on both sides. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/os_clock.h"
#include "tests/integration/lease_etcd_host.h"
#include "tests/support/ports.h"

static const char openssl[] = "/usr/bin/openssl";

struct secure {
	struct process process;
	struct ports ports;
	char folder[64];
	char endpoint[64];
	char peer[64];
	char files[5][128]; /* server.crt, server.key, client.crt, client.key, trusted.crt */
};

enum { SERVER_CRT, SERVER_KEY, CLIENT_CRT, CLIENT_KEY, TRUSTED_CRT };

static void run(const char *const *argv)
{
	char output[256];
	int code = -1;

	assert_int_equal(process_run(argv, NULL, "/dev/null", 10000, output, sizeof output, &code),
			 0);
	assert_int_equal(code, 0);
}

static void make_certificate(const char *certificate, const char *key)
{
	run((const char *const[]){openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt",
				  "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
				  "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
				  "-keyout", key, "-out", certificate, NULL});
}

/* etcd trusts both: its gateway is a client of its own. */
static void make_trusted(const struct secure *s)
{
	FILE *out = fopen(s->files[TRUSTED_CRT], "w");
	char buffer[8192];

	assert_non_null(out);
	for (int i = SERVER_CRT; i <= CLIENT_CRT; i += CLIENT_CRT) {
		FILE *in = fopen(s->files[i], "r");
		size_t size;

		assert_non_null(in);
		size = fread(buffer, 1, sizeof buffer, in);
		assert_int_equal(fwrite(buffer, 1, size, out), size);
		assert_int_equal(fclose(in), 0);
	}
	assert_int_equal(fclose(out), 0);
}

static void start_secure(struct secure *s)
{
	static const char *const names[] = {"server.crt", "server.key", "client.crt", "client.key",
					    "trusted.crt"};
	char program[PROCESS_PATH_SIZE];
	char folder[96];
	char log[96];
	char member[80];
	uint16_t port = 0;
	const char *const argv[] = {program,
				    "--name",
				    "s",
				    "--data-dir",
				    folder,
				    "--listen-client-urls",
				    s->endpoint,
				    "--advertise-client-urls",
				    s->endpoint,
				    "--listen-peer-urls",
				    s->peer,
				    "--initial-advertise-peer-urls",
				    s->peer,
				    "--initial-cluster",
				    member,
				    "--cert-file",
				    s->files[SERVER_CRT],
				    "--key-file",
				    s->files[SERVER_KEY],
				    "--trusted-ca-file",
				    s->files[TRUSTED_CRT],
				    "--client-cert-auth",
				    NULL};

	*s = (struct secure){.folder = "/tmp/sagad-tls-XXXXXX"};
	ports_init(&s->ports);
	host_find_tool("etcd", program);
	assert_non_null(mkdtemp(s->folder));
	for (int i = 0; i < 5; i++)
		(void)snprintf(s->files[i], sizeof s->files[i], "%s/%s", s->folder, names[i]);
	make_certificate(s->files[SERVER_CRT], s->files[SERVER_KEY]);
	make_certificate(s->files[CLIENT_CRT], s->files[CLIENT_KEY]);
	make_trusted(s);
	assert_int_equal(ports_take(&s->ports, &port), 0);
	(void)snprintf(s->endpoint, sizeof s->endpoint, "https://127.0.0.1:%u", port);
	assert_int_equal(ports_take(&s->ports, &port), 0);
	(void)snprintf(s->peer, sizeof s->peer, "http://127.0.0.1:%u", port);
	(void)snprintf(member, sizeof member, "s=%s", s->peer);
	(void)snprintf(folder, sizeof folder, "%s/data", s->folder);
	(void)snprintf(log, sizeof log, "%s/log", s->folder);
	assert_int_equal(process_init(&s->process, "s", log, argv, NULL, false), 0);
	assert_int_equal(process_start(&s->process), 0);
}

static void stop_secure(struct secure *s)
{
	process_stop(&s->process, 0);
	process_destroy(&s->process);
	ports_release(&s->ports);
	run((const char *const[]){"/bin/rm", "-rf", s->folder, NULL});
}

void both_sides_show_certificates(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	struct lease_request request = request_grant(30);
	struct secure s;
	struct etcd_config config = {.endpoints = s.endpoint,
				     .tls_ca_file = s.files[SERVER_CRT],
				     .tls_cert_file = s.files[CLIENT_CRT],
				     .tls_key_file = s.files[CLIENT_KEY]};

	if (access(openssl, X_OK) != 0)
		skip();
	start_secure(&s);
	host_open(h, &config);
	host_watch(h, "/tls/");
	host_ask_until_fine(h, &request, &a);
	request = request_of_lease(LEASE_RENEW, a.result.lease_id);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, 0);
	assert_true(host_run_hints(h, 1, 5000));
	host_close(h);

	config.tls_ca_file = s.files[CLIENT_CRT]; /* does not vouch for the server */
	host_open(h, &config);
	request = request_create("/tls/key", "", 0);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, SAGA_E_ETCD); /* not sent, so surely not done */
	host_close(h);

	config.tls_ca_file = s.files[SERVER_CRT];
	config.tls_cert_file = config.tls_key_file = NULL; /* the server asks for one */
	host_open(h, &config);
	request = request_range("/tls/");
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, SAGA_E_ETCD);
	host_answer_close(&a);
	host_close(h);
	stop_secure(&s);
}
