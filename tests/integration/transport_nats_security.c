/* The NATS transport with credentials and TLS, and configurations that cannot work. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/transport_nats_server.h"

static const char nkey_seed[] = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
static const char nkey_public[] = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

static int setup(void **state)
{
	struct bench *bench = malloc(sizeof *bench);

	if (bench == NULL)
		return -1;
	bench_init(bench);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	free(*state);
	return 0;
}

/* In, and of use. */
static void expect_in(struct bench *bench, const struct nats_config *config)
{
	struct client *client = bench_connect(bench, config);

	client_sync(bench, client);
	assert_int_equal(client->downs, 0);
}

static void expect_out(struct bench *bench, const struct nats_config *config)
{
	struct client *client = bench_open(bench, config);

	bench_run_for(bench, 700);
	assert_int_equal(client->ups, 0);
	bench_close(client, false);
}

static void test_token(void **state)
{
	struct bench *bench = *state;
	struct nats_config config = {0};
	char path[SERVER_PATH_SIZE];

	server_start(&bench->server, "authorization { token: \"s3cret\" }");
	server_path(&bench->server, "token", path);
	config.token_file = path;
	server_write(&bench->server, "token", "wrong");
	expect_out(bench, &config);
	server_write(&bench->server, "token", "  s3cret \n");
	expect_in(bench, &config);
}

static void test_user_and_password(void **state)
{
	struct bench *bench = *state;
	struct nats_config config = {.user = "sagad"};
	char path[SERVER_PATH_SIZE];

	server_start(&bench->server, "authorization { user: sagad, password: \"pass word\" }");
	server_path(&bench->server, "password", path);
	config.password_file = path;
	server_write(&bench->server, "password", "password\n");
	expect_out(bench, &config);
	server_write(&bench->server, "password", "pass word\n");
	expect_in(bench, &config);
}

static void test_nkey(void **state)
{
	struct bench *bench = *state;
	struct nats_config config = {0};
	char path[SERVER_PATH_SIZE];
	char text[256];

	(void)snprintf(text, sizeof text, "authorization { users: [ { nkey: %s } ] }", nkey_public);
	server_start(&bench->server, text);
	expect_out(bench, NULL);
	(void)snprintf(text, sizeof text, "%s\n", nkey_seed);
	server_write(&bench->server, "seed", text);
	server_path(&bench->server, "seed", path);
	config.nkey_seed_file = path;
	expect_in(bench, &config);
}

static void test_own_inbox_prefix(void **state)
{
	struct bench *bench = *state;
	struct nats_config config = {.inbox_prefix = "_INBOX_n1", .user = "n1"};
	char path[SERVER_PATH_SIZE];

	server_start(&bench->server,
		     "authorization { users: [ { user: n1, password: p, permissions: {"
		     " publish: \">\", subscribe: [\"_INBOX_n1.>\"] } } ] }");
	server_write(&bench->server, "password", "p");
	server_path(&bench->server, "password", path);
	config.password_file = path;
	expect_in(bench, &config);
}

/* ---- TLS ------------------------------------------------------------------------------------ */

static void test_tls(void **state)
{
	struct bench *bench = *state;
	struct nats_config config = {0};
	struct inbox inbox = {0};
	struct client *client;
	char good[SERVER_PATH_SIZE];
	char other[SERVER_PATH_SIZE];

	server_start_tls(&bench->server, "");
	server_path(&bench->server, "server.crt", good);
	server_path(&bench->server, "other.crt", other);
	config.tls_ca_file = other;
	expect_out(bench, &config);
	config.tls_ca_file = NULL;
	config.tls_required = true; /* the system's authorities: they do not know it */
	expect_out(bench, &config);
	config.tls_ca_file = good;
	client = bench_connect(bench, &config);
	(void)client_subscribe(client, "x", NULL, &inbox);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(client_publish(client, "x", "hidden"), 0);
	RUN_UNTIL(bench, inbox.count == 1000);
	assert_memory_equal(client_stats(client).server_version, "2.", 2);
	/* And again after a restart. */
	server_kill(&bench->server);
	RUN_UNTIL(bench, client->downs == 1);
	server_restart(&bench->server);
	RUN_UNTIL(bench, client->ups == 2);
	assert_int_equal(client_publish(client, "x", "hidden"), 0);
	RUN_UNTIL(bench, inbox.count == 1001);
}

static void test_tls_wrong_host(void **state)
{
	struct bench *bench = *state;
	struct nats_config config = {0};
	char certificate[SERVER_PATH_SIZE];
	char text[3 * SERVER_PATH_SIZE];

	server_make_certificate(&bench->server, "server", "DNS:elsewhere.example");
	(void)snprintf(text, sizeof text,
		       "tls { cert_file: \"%s/server.crt\", key_file: \"%s/server.key\" }",
		       bench->server.folder, bench->server.folder);
	server_start(&bench->server, text);
	server_path(&bench->server, "server.crt", certificate);
	config.tls_ca_file = certificate;
	expect_out(bench, &config);
}

static void test_tls_client_certificate(void **state)
{
	struct bench *bench = *state;
	struct nats_config config = {0};
	char server[SERVER_PATH_SIZE];
	char certificate[SERVER_PATH_SIZE];
	char key[SERVER_PATH_SIZE];
	char more[SERVER_PATH_SIZE + 64];

	server_path(&bench->server, "server.crt", server);
	server_path(&bench->server, "other.crt", certificate);
	server_path(&bench->server, "other.key", key);
	(void)snprintf(more, sizeof more, ", ca_file: \"%s\", verify: true", certificate);
	server_start_tls(&bench->server, more);
	config.tls_ca_file = server;
	expect_out(bench, &config);
	config.tls_cert_file = certificate;
	config.tls_key_file = key;
	expect_in(bench, &config);
}

/* ---- what is refused at once ---------------------------------------------------------------- */

static void expect_refused(struct bench *bench, const struct nats_config *config, const char *words)
{
	struct transport *t = NULL;
	char why[256] = "";

	assert_int_equal(nats_transport_open(&bench->loop, config, NULL, &t, why), SAGA_E_CONFIG);
	assert_null(t);
	if (strstr(why, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, words);
}

static void test_configurations(void **state)
{
	static const char url[] = "nats://127.0.0.1:4222";
	static const char none[] = "/nonexistent/file";
	struct bench *bench = *state;
	char empty[SERVER_PATH_SIZE];
	char junk[SERVER_PATH_SIZE];

	server_write(&bench->server, "empty", "\n");
	server_path(&bench->server, "empty", empty);
	server_write(&bench->server, "junk", "not what it should be\n");
	server_path(&bench->server, "junk", junk);
	expect_refused(bench, &(struct nats_config){0}, "no NATS URL");
	expect_refused(bench, &(struct nats_config){.url = " , "}, "number 1");
	expect_refused(bench, &(struct nats_config){.url = "nats://a:4222,http://b"}, "number 2");
	expect_refused(bench, &(struct nats_config){.url = "nats://:4222"}, "number 1");
	expect_refused(bench, &(struct nats_config){.url = "nats://a:70000"}, "number 1");
	expect_refused(bench, &(struct nats_config){.url = url, .inbox_prefix = "a.*"}, "inbox");
	expect_refused(bench, &(struct nats_config){.url = url, .inbox_prefix = "a..b"}, "inbox");
	expect_refused(bench, &(struct nats_config){.url = url, .token_file = none}, none);
	expect_refused(bench, &(struct nats_config){.url = url, .token_file = empty}, "empty");
	expect_refused(bench, &(struct nats_config){.url = url, .credentials_file = none}, none);
	expect_refused(bench, &(struct nats_config){.url = url, .nkey_seed_file = junk}, "seed");
	expect_refused(bench, &(struct nats_config){.url = url, .user = "u"}, "password file");
	expect_refused(bench, &(struct nats_config){.url = url, .password_file = junk}, "user");
	expect_refused(
		bench,
		&(struct nats_config){.url = url, .token_file = junk, .nkey_seed_file = junk},
		"only one");
	expect_refused(bench, &(struct nats_config){.url = url, .tls_ca_file = none}, none);
	expect_refused(bench, &(struct nats_config){.url = url, .tls_ca_file = junk}, "TLS CA");
	expect_refused(bench, &(struct nats_config){.url = url, .tls_cert_file = junk}, "key");
	expect_refused(
		bench,
		&(struct nats_config){.url = url, .tls_cert_file = junk, .tls_key_file = junk},
		"TLS certificate");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_token),
		TEST(test_user_and_password),
		TEST(test_nkey),
		TEST(test_own_inbox_prefix),
		TEST(test_tls),
		TEST(test_tls_wrong_host),
		TEST(test_tls_client_certificate),
		TEST(test_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
