/* Every key from every layer, the order of the layers, and every complaint with its place. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "node/config_internal.h"

struct fixture {
	char folder[64];
	char file[96];     /* the configuration */
	char readable[96]; /* a file that may be named as a secret */
	struct config config;
	enum config_action action;
	struct buf errors;
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	(void)snprintf(f->folder, sizeof f->folder, "/tmp/sagad-config-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->file, sizeof f->file, "%s/sagad.yaml", f->folder);
	(void)snprintf(f->readable, sizeof f->readable, "%s/secret", f->folder);
	write_file(f->readable, "secret\n");
	buf_init(&f->errors, 64 * 1024);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->file);
	(void)unlink(f->readable);
	(void)rmdir(f->folder);
	buf_close(&f->errors);
	free(f);
	return 0;
}

enum { WORDS_MAX = 16 };

/* Loads with `yaml` (NULL = no file), one environment and flags after "sagad". */
static int load(struct fixture *f, const char *yaml, const char *const *env,
		const char *const *flags)
{
	char *argv[WORDS_MAX] = {(char *)(uintptr_t) "sagad"};
	char *variables[WORDS_MAX] = {NULL};
	int argc = 1;

	if (yaml != NULL) {
		write_file(f->file, yaml);
		argv[argc++] = (char *)(uintptr_t) "--config";
		argv[argc++] = f->file;
	}
	for (; flags != NULL && *flags != NULL; flags++) {
		assert_true(argc + 1 < WORDS_MAX);
		argv[argc++] = (char *)(uintptr_t)*flags;
	}
	for (uint32_t i = 0; env != NULL && env[i] != NULL; i++) {
		assert_true(i + 1 < WORDS_MAX);
		variables[i] = (char *)(uintptr_t)env[i];
	}
	buf_clear(&f->errors);
	const int err = config_load(argc, argv, variables, &f->config, &f->action, &f->errors);

	assert_int_equal(buf_put(&f->errors, "", 1), 0); /* so that it is a string */
	if (err == 0)
		assert_string_equal((const char *)f->errors.data, "");
	return err;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The whole output must be these lines; "FILE" stands for the file's path. */
static void expect_errors(struct fixture *f, const char *expected)
{
	char text[8192];
	uint32_t size = 0;

	for (const char *at = expected; *at != '\0';) {
		if (strncmp(at, "FILE", 4) == 0) {
			size += (uint32_t)snprintf(text + size, sizeof text - size, "%s", f->file);
			at += 4;
		} else {
			text[size++] = *at++;
		}
		assert_true(size < sizeof text - 1);
	}
	text[size] = '\0';
	assert_string_equal((const char *)f->errors.data, text);
}

/* ---- defaults ------------------------------------------------------------------------------ */

static void test_defaults(void **state)
{
	struct fixture *f = *state;
	const struct config *c = &f->config;
	char host[ID_SIZE_MAX + 1];

	assert_int_equal(load(f, NULL, NULL, NULL), 0);
	assert_int_equal(f->action, CONFIG_RUN);
	assert_string_equal(c->node_id.text,
			    config_initial(&config_keys[config_find("node.id")], host));
	assert_true(id_valid(id_slice(&c->node_id)));
	assert_int_equal(c->node_zone.size, 0);
	assert_int_equal(c->node_weight, 100);
	assert_string_equal(c->cluster_name.text, "sagad");
	assert_string_equal(c->data_dir, "./sagad-data");
	assert_int_equal(c->workers, 1);
	assert_string_equal(c->nats_url, "nats://127.0.0.1:4222");
	assert_string_equal(c->nats_prefix, "saga");
	assert_string_equal(c->nats_stream_prefix, "SAGA");
	assert_int_equal(c->nats_inbox_prefix_count, 1);
	assert_string_equal(c->nats_inbox_prefixes[0], "_INBOX");
	assert_string_equal(c->etcd_endpoints, "http://127.0.0.1:2379");
	assert_int_equal(c->lease_ttl_ms, 2000);
	assert_int_equal(c->placement_grace_ms, 60000);
	assert_int_equal(c->limit_open_sagas, 100000);
	assert_int_equal(c->limit_branches, 400000);
	assert_int_equal(c->limit_remembered, 1000000);
	assert_int_equal(c->limit_waiters, 100000);
	assert_true(c->limit_payload == 1024U * 1024 * 1024);
	assert_int_equal(c->retry_window_max_ms, 86400000);
	assert_int_equal(c->remember_margin_ms, 600000);
	assert_int_equal(c->parked_retry_ms, 300000);
	assert_int_equal(c->deadline_max_ms, 86400000);
	assert_int_equal(c->resend_per_second, 2000);
	assert_int_equal(c->command_age_ms, 15000);
	assert_int_equal(c->call_resend_ms, 500);
	assert_int_equal(c->stop_timeout_ms, 30000);
	assert_int_equal(c->log_level, 1);
	assert_int_equal(c->log_format, 0);
	assert_string_equal(c->crash_point, "");
}

static void test_printed_defaults_load_to_the_defaults(void **state)
{
	struct fixture *f = *state;
	struct config *plain = malloc(sizeof *plain);
	struct buf text;

	assert_non_null(plain);
	assert_int_equal(load(f, NULL, NULL, NULL), 0);
	*plain = f->config;
	buf_init(&text, 64 * 1024);
	config_print_defaults(&text);
	assert_int_equal(buf_put(&text, "", 1), 0);
	if (load(f, (const char *)text.data, NULL, NULL) != 0)
		fail_msg("%s", (const char *)f->errors.data);
	assert_memory_equal(plain, &f->config, sizeof *plain);
	for (uint32_t i = 0; i < config_key_count; i++) {
		const char *dot = strrchr(config_keys[i].name, '.');

		assert_non_null(strstr((const char *)text.data,
				       dot == NULL ? config_keys[i].name : dot + 1));
		assert_non_null(strstr((const char *)text.data, config_keys[i].help));
	}
	buf_close(&text);
	free(plain);
}

static void test_help_names_every_key(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 64 * 1024);
	config_print_help(&text);
	assert_int_equal(buf_put(&text, "", 1), 0);
	for (uint32_t i = 0; i < config_key_count; i++) {
		char env[CONFIG_ENV_MAX];

		config_env_name(&config_keys[i], env);
		assert_non_null(strstr((const char *)text.data, config_keys[i].name));
		assert_non_null(strstr((const char *)text.data, env));
	}
	buf_close(&text);
}

/* ---- layers -------------------------------------------------------------------------------- */

/* A value other than the default for each type; `variant` 0..2 tells the layers apart. */
static void value_for(struct fixture *f, const struct config_key *key, uint32_t variant, char *text,
		      size_t size)
{
	uint64_t number = 0;

	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_NAME:
	case CONFIG_ID:
	case CONFIG_LIST:
		(void)snprintf(text, size, "value-%u", variant);
		return;
	case CONFIG_LISTEN:
		(void)snprintf(text, size, "[::1]:%u", 7000 + variant);
		return;
	case CONFIG_URLS:
		(void)snprintf(text, size, "%s127.0.0.1:%u",
			       key->name[0] == 'n' ? "tls://" : "https://", 7000 + variant);
		return;
	case CONFIG_FILE:
		(void)snprintf(text, size, "%s", f->readable);
		return;
	case CONFIG_BOOL:
		(void)snprintf(text, size, "true");
		return;
	case CONFIG_ENUM:
		(void)snprintf(text, size, "%s", key->words[variant == 0 ? 2 : variant - 1]);
		return;
	case CONFIG_DURATION:
		(void)snprintf(text, size, "%us", 40 + variant);
		return;
	case CONFIG_SIZE:
		(void)snprintf(text, size, "%uMiB", 5 + variant);
		return;
	case CONFIG_U32:
		number = 41 + variant;
		break;
	}
	(void)snprintf(text, size, "%llu", (unsigned long long)number);
}

/* What else must be said for the key to be allowed. */
static const char *partner(const char *name)
{
	static const char *const pairs[][2] = {
		{"nats.user", "nats.password_file"},
		{"nats.tls.cert_file", "nats.tls.key_file"},
		{"etcd.user", "etcd.password_file"},
		{"etcd.tls.cert_file", "etcd.tls.key_file"},
	};

	for (uint32_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		if (strcmp(name, pairs[i][0]) == 0)
			return pairs[i][1];
		if (strcmp(name, pairs[i][1]) == 0)
			return pairs[i][0];
	}
	return NULL;
}

static void expect_member(struct fixture *f, const struct config_key *key, const char *value)
{
	char memory[1100];
	struct buf text;

	buf_init_fixed(&text, memory, sizeof memory - 1);
	config_format(key, &f->config, &text);
	memory[text.size] = '\0';
	assert_string_equal(memory, value);
}

static void test_every_key_from_every_layer(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *other = partner(key->name);
		char values[3][256];
		char yaml[1024];
		char env[512];
		char name[CONFIG_ENV_MAX];
		char flag[512];
		char extra[512] = "--set=etcd.endpoints=https://127.0.0.1:1";
		char pair[512] = "--set=node.address=here";

		for (uint32_t v = 0; v < 3; v++)
			value_for(f, key, v, values[v], sizeof values[v]);
		if (strcmp(key->name, "etcd.endpoints") == 0)
			(void)snprintf(extra, sizeof extra, "--set=node.zone=z");
		if (strcmp(key->name, "node.address") == 0)
			(void)snprintf(pair, sizeof pair, "--set=node.zone=z");
		if (other != NULL)
			(void)snprintf(pair, sizeof pair, "--set=%s=%s", other, f->readable);
		(void)snprintf(yaml, sizeof yaml, "%s: \"%s\"\n", key->name, values[0]);
		config_env_name(key, name);
		(void)snprintf(env, sizeof env, "%s=%s", name, values[1]);
		(void)snprintf(flag, sizeof flag, "--set=%s=%s", key->name, values[2]);
		if (load(f, yaml, NULL, WORDS(extra, pair)) != 0)
			fail_msg("%s", (const char *)f->errors.data);
		expect_member(f, key, values[0]);
		if (load(f, yaml, WORDS(env), WORDS(extra, pair)) != 0)
			fail_msg("%s", (const char *)f->errors.data);
		expect_member(f, key, values[1]);
		if (load(f, yaml, WORDS(env), WORDS(extra, pair, flag)) != 0)
			fail_msg("%s", (const char *)f->errors.data);
		expect_member(f, key, values[2]);
	}
}

static void test_short_flags_win_like_set(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "node:\n  id: file\n  zone: file\nnats:\n  url: nats://file:1\n",
			      WORDS("SAGAD_NODE_ID=env", "SAGAD_LOG_LEVEL=warn"),
			      WORDS("--node-id", "flag", "--nats-url=nats://a:1,tls://b:2",
				    "--etcd-endpoints", "http://c:3", "--data-dir", "/tmp",
				    "--zone", "z1", "--log-level", "debug")),
			 0);
	assert_string_equal(f->config.node_id.text, "flag");
	assert_string_equal(f->config.node_zone.text, "z1");
	assert_string_equal(f->config.nats_url, "nats://a:1,tls://b:2");
	assert_string_equal(f->config.etcd_endpoints, "http://c:3");
	assert_string_equal(f->config.data_dir, "/tmp");
	assert_int_equal(f->config.log_level, 0);
	/* The later of two flags wins. */
	assert_int_equal(load(f, NULL, NULL, WORDS("--node-id", "a", "--set", "node.id=b")), 0);
	assert_string_equal(f->config.node_id.text, "b");
}

static void test_file_named_by_the_environment(void **state)
{
	struct fixture *f = *state;
	char variable[128];

	write_file(f->file, "node: {id: from-file}\n");
	(void)snprintf(variable, sizeof variable, "SAGAD_CONFIG=%s", f->file);
	assert_int_equal(load(f, NULL, WORDS(variable), NULL), 0);
	assert_string_equal(f->config.node_id.text, "from-file");
	/* The flag names another one. */
	assert_int_equal(load(f, NULL, WORDS(variable), WORDS("--config", "/dev/null")), 0);
	assert_string_not_equal(f->config.node_id.text, "from-file");
}

static void test_yaml_forms(void **state)
{
	struct fixture *f = *state;

	if (load(f,
		 "# nothing but\n"
		 "nats:\n"
		 "  tls:\n"
		 "    required: true\n"
		 "  inbox_prefixes: [_INBOX, _INBOX_app.x]\n"
		 "  url:\n"
		 "    - nats://a:1\n"
		 "    - nats://b:2\n"
		 "etcd:\n" /* all commented out */
		 "lease.ttl: 3s\n",
		 NULL, NULL) != 0)
		fail_msg("%s", (const char *)f->errors.data);
	assert_true(f->config.nats_tls.required);
	assert_int_equal(f->config.nats_inbox_prefix_count, 2);
	assert_string_equal(f->config.nats_inbox_prefixes[1], "_INBOX_app.x");
	assert_string_equal(f->config.nats_url, "nats://a:1,nats://b:2");
	assert_int_equal(f->config.lease_ttl_ms, 3000);
	assert_int_equal(load(f, "", NULL, NULL), 0);
	assert_int_equal(load(f, "{}", NULL, NULL), 0);
}

/* Lists are replaced, not merged. */
static void test_list_from_environment(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "nats.inbox_prefixes: [a, b, c]\n",
			      WORDS("SAGAD_NATS_INBOX_PREFIXES=x,y"), NULL),
			 0);
	assert_int_equal(f->config.nats_inbox_prefix_count, 2);
	assert_string_equal(f->config.nats_inbox_prefixes[0], "x");
	assert_string_equal(f->config.nats_inbox_prefixes[2], "");
}

/* ---- complaints ---------------------------------------------------------------------------- */

static void test_unknown_keys(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f,
		     "nats:\n"
		     "  ulr: nats://a:1\n"
		     "  tls:\n"
		     "    ca_fiel: x\n"
		     "natz:\n"
		     "  url: said once\n"
		     "  user: for the section\n"
		     "completely.different: 1\n",
		     WORDS("SAGAD_NATS_ULR=x", "SAGAD_ZZZZZZZZZZZZZZZZZZ=1", "OTHER=1"),
		     WORDS("--set", "lease.tl=3s", "--set", "no-equals", "--nod-id", "x", "-z")),
		SAGA_E_USAGE);
	expect_errors(
		f,
		"--set lease.tl: unknown key \"lease.tl\": did you mean \"lease.ttl\"?\n"
		"--set: \"no-equals\" is not key=value\n"
		"command line: unknown flag --nod-id: did you mean --node-id?\n"
		"command line: unknown flag -z: see --help\n"
		"command line: unexpected argument \"x\"\n"
		"FILE:2:3: unknown key \"nats.ulr\": did you mean \"nats.url\"?\n"
		"FILE:4:5: unknown key \"nats.tls.ca_fiel\": did you mean "
		"\"nats.tls.ca_file\"?\n"
		"FILE:5:1: unknown section \"natz\": did you mean \"nats\"?\n"
		"FILE:8:1: unknown key \"completely.different\": `sagad --print-defaults` "
		"shows all keys\n"
		"environment SAGAD_NATS_ULR: unknown name: did you mean SAGAD_NATS_URL?\n"
		"environment SAGAD_ZZZZZZZZZZZZZZZZZZ: unknown name: `sagad --help` lists all\n");
}

static void test_bad_values_with_their_places(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f,
			      "node:\n"
			      "  id: \"a b\"\n"
			      "  weight: 1001\n"
			      "workers: many\n"
			      "nats.tls.required: yes\n"
			      "limits.payload: 5GB\n"
			      "saga:\n"
			      "  parked_retry: 5\n"
			      "log: {level: inof}\n"
			      "data_dir: \"\"\n",
			      WORDS("SAGAD_NATS_PREFIX=a.b"), NULL),
			 SAGA_E_CONFIG);
	expect_errors(
		f, "FILE:2:7: node.id: \"a b\" is not a name: 1 to 64 of A-Z a-z 0-9 _ -\n"
		   "FILE:3:11: node.weight: \"1001\" is out of range: 1 to 1000\n"
		   "FILE:4:10: workers: \"many\" is not a whole number\n"
		   "FILE:5:20: nats.tls.required: \"yes\" is neither true nor false\n"
		   "FILE:6:17: limits.payload: \"5GB\" is not a size: a number with B, KiB, MiB or "
		   "GiB\n"
		   "FILE:8:17: saga.parked_retry: \"5\" is not a duration: a number with ms, s, m, "
		   "h or d\n"
		   "FILE:9:14: log.level: \"inof\" is not one of debug, info, warn, error: did you "
		   "mean \"info\"?\n"
		   "FILE:10:11: data_dir: may not be empty\n"
		   "environment SAGAD_NATS_PREFIX: nats.prefix: \"a.b\" is not a name: 1 to 63 of "
		   "A-Z a-z 0-9 _ -\n");
}

static void test_ranges_and_flags_with_their_places(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, NULL, WORDS("SAGAD_LEASE_TTL=1s"),
			      WORDS("--set", "commands.max_age=999ms", "--zone", "!", "--set",
				    "nats.inbox_prefixes=_INBOX,a.*")),
			 SAGA_E_CONFIG);
	expect_errors(
		f, "environment SAGAD_LEASE_TTL: lease.ttl: \"1s\" is out of range: 2s to 1m\n"
		   "--set commands.max_age: commands.max_age: \"999ms\" is out of range: 1s to "
		   "1h\n"
		   "--zone: node.zone: \"!\" is not a name: 1 to 64 of A-Z a-z 0-9 _ -\n"
		   "--set nats.inbox_prefixes: nats.inbox_prefixes: \"a.*\" is not the start of a "
		   "subject: names of A-Z a-z 0-9 _ - with dots between\n");
}

static void test_structure_of_the_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "workers: 2\nnode:\n  id: a\nworkers: 3\n", NULL, NULL),
			 SAGA_E_CONFIG);
	expect_errors(f, "FILE:4:10: workers is set twice, first at FILE:1:10\n");
	assert_int_equal(load(f, "workers: [1, 2]\n", NULL, NULL), SAGA_E_CONFIG);
	expect_errors(f, "FILE:1:10: workers takes one value, not a list\n");
	assert_int_equal(load(f, "workers:\n  a: 1\n", NULL, NULL), SAGA_E_CONFIG);
	expect_errors(f, "FILE:2:3: this key takes a value\n");
	assert_int_equal(load(f, "workers:\n", NULL, NULL), SAGA_E_CONFIG);
	expect_errors(f, "FILE:1:1: the key has no value: write \"\" for an empty one\n");
	assert_int_equal(load(f, "- a\n", NULL, NULL), SAGA_E_CONFIG);
	expect_errors(f, "FILE:1:1: a list may not stand here\n");
	assert_int_equal(load(f, "just text\n", NULL, NULL), SAGA_E_CONFIG);
	expect_errors(f, "FILE:1:1: the file must hold keys and values\n");
	assert_int_equal(load(f, "a: &x 1\nb: *x\n", NULL, NULL), SAGA_E_CONFIG);
	assert_non_null(strstr((const char *)f->errors.data, ":2:4: aliases are not supported\n"));
	assert_int_equal(load(f, "node: {id: a\n", NULL, NULL), SAGA_E_CONFIG);
	assert_non_null(strstr((const char *)f->errors.data, ":2:1: "));
	assert_int_equal(load(f, "nats.url: [a, [b]]\n", NULL, NULL), SAGA_E_CONFIG);
	assert_non_null(strstr((const char *)f->errors.data, ":1:15: a list may not stand here\n"));
	assert_int_equal(load(f, "{a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}\n", NULL, NULL),
			 SAGA_E_CONFIG);
	assert_non_null(strstr((const char *)f->errors.data, "a section may not stand here\n"));
	assert_int_equal(load(f, "\"node.id\\nfake\": 1\n", NULL, NULL), SAGA_E_CONFIG);
	assert_non_null(strstr((const char *)f->errors.data, "\"node.id?fake\""));
}

static void test_missing_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, NULL, NULL, WORDS("--config", "/nonexistent/sagad.yaml")),
			 SAGA_E_CONFIG);
	expect_errors(f, "/nonexistent/sagad.yaml: cannot be read: No such file or directory\n");
}

static void test_cross_checks(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];

	(void)snprintf(yaml, sizeof yaml,
		       "lease.ttl: 2500ms\n"
		       "nats.tls.cert_file: %s\n"
		       "nats.user: me\n"
		       "nats.token_file: %s\n"
		       "nats.url: 127.0.0.1:4222\n"
		       "etcd.tls.ca_file: /nonexistent/ca\n"
		       "etcd.tls.key_file: %s\n"
		       "etcd.password_file: %s\n"
		       "data_dir: /nonexistent/a/\n",
		       f->readable, f->readable, f->folder, f->readable);
	assert_int_equal(load(f, yaml, NULL, NULL), SAGA_E_CONFIG);
	char expected[2048];
	(void)snprintf(
		expected, sizeof expected,
		"FILE:1:12: lease.ttl: etcd counts in whole seconds\n"
		"FILE:6:19: etcd.tls.ca_file: /nonexistent/ca cannot be read: No such file or "
		"directory\n"
		"FILE:7:20: etcd.tls.key_file: %s is not a file\n"
		"FILE:9:11: data_dir: /nonexistent/a/ cannot be made in /nonexistent: No such file "
		"or directory\n"
		"FILE:2:21: nats.tls.cert_file needs nats.tls.key_file\n"
		"FILE:7:20: etcd.tls.key_file needs etcd.tls.cert_file\n"
		"FILE:3:12: nats.user needs nats.password_file\n"
		"FILE:8:21: etcd.password_file needs etcd.user\n"
		"FILE:3:12: nats.token_file and nats.user exclude each other\n"
		"FILE:5:11: nats.url: \"127.0.0.1:4222\" does not begin with nats:// or tls://\n"
		"FILE:6:19: etcd.tls.ca_file has no effect: no etcd.endpoints begins with "
		"https://\n",
		f->folder);
	expect_errors(f, expected);
	assert_int_equal(load(f, NULL, NULL, WORDS("--data-dir", f->readable)), SAGA_E_CONFIG);
	assert_non_null(strstr((const char *)f->errors.data, "is not a folder"));
	assert_int_equal(load(f, NULL, NULL, WORDS("--data-dir", f->folder)), 0);

	assert_int_equal(load(f, "http:\n  listen: 127.0.0.1:9180\n  metrics_listen: here:9181\n",
			      NULL, NULL),
			 SAGA_E_CONFIG);
	expect_errors(f, "FILE:3:19: http.metrics_listen: \"here:9181\" is not an address and a "
			 "port, as 127.0.0.1:9180, 0.0.0.0:9180 or [::]:9180\n");
	assert_int_equal(load(f,
			      "http.listen: 127.0.0.1:9180\nhttp.metrics_listen: "
			      "127.0.0.1:9180\n",
			      NULL, NULL),
			 SAGA_E_CONFIG);
	expect_errors(f, "FILE:2:22: http.metrics_listen is the same as http.listen: leave it "
			 "out\n");
	assert_int_equal(
		load(f, "http.listen: 127.0.0.1:0\nhttp.metrics_listen: 127.0.0.1:0\n", NULL, NULL),
		0);
}

/* ---- flags --------------------------------------------------------------------------------- */

static void test_actions(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, NULL, NULL, WORDS("--check")), 0);
	assert_int_equal(f->action, CONFIG_CHECK_ONLY);
	assert_int_equal(load(f, NULL, WORDS("SAGAD_LEASE_TTL=x"), WORDS("--check")),
			 SAGA_E_CONFIG);
	/* Help must come even when the environment is broken. */
	assert_int_equal(load(f, NULL, WORDS("SAGAD_LEASE_TTL=x"), WORDS("--help")), 0);
	assert_int_equal(f->action, CONFIG_HELP);
	assert_int_equal(load(f, NULL, NULL, WORDS("--version")), 0);
	assert_int_equal(f->action, CONFIG_SHOW_VERSION);
	assert_int_equal(load(f, NULL, NULL, WORDS("--print-defaults")), 0);
	assert_int_equal(f->action, CONFIG_DEFAULTS);
}

static void test_flags_that_are_wrong(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, NULL, NULL, WORDS("--data", "x")), SAGA_E_USAGE);
	assert_non_null(strstr((const char *)f->errors.data, "unknown flag --data"));
	assert_int_equal(load(f, NULL, NULL, WORDS("--check=1")), SAGA_E_USAGE);
	assert_int_equal(load(f, NULL, NULL, WORDS("--node-id")), SAGA_E_USAGE);
	expect_errors(f, "command line: --node-id needs a value\n");
	assert_int_equal(load(f, NULL, NULL, WORDS("-c")), SAGA_E_USAGE);
	expect_errors(f, "command line: -c needs a value\n");
}

static void test_names_that_others_give(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, NULL,
			      WORDS("SAGAD_BIN=/x", "SAGAD_TOOLS=/y", "SAGAD_SERVICE_HOST=10.0.0.1",
				    "SAGAD_SERVICE_PORT_CLIENT=1", "SAGAD_PORT=tcp://10.0.0.1:1",
				    "SAGAD_PORT_1_TCP_ADDR=10.0.0.1"),
			      NULL),
			 0);
}

/* ---- the document -------------------------------------------------------------------------- */

static void test_document_has_every_key(void **state)
{
	static char text[128 * 1024];
	FILE *file = fopen(SAGAD_SOURCE_DIR "/docs/configuration.md", "re");
	const char *at = text;

	(void)state;
	assert_non_null(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	(void)fclose(file);
	for (uint32_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		char env[CONFIG_ENV_MAX];
		char initial[128] = "";
		char row[512];

		config_env_name(key, env);
		if (key->initial == NULL)
			(void)snprintf(initial, sizeof initial, "host name");
		else if (key->initial[0] != '\0')
			(void)snprintf(initial, sizeof initial, "`%s`", key->initial);
		(void)snprintf(row, sizeof row, "\n| `%s` | `%s` | %s | %s |", key->name, env,
			       config_type_name(key->type), initial);
		/* From the end of the former: the same order too. */
		at = strstr(at, row);
		if (at == NULL)
			fail_msg("docs/configuration.md lacks%s", row);
		at += strlen(row);
		assert_true(strcspn(at, "|") > 10); /* it says what the key means */
	}
	/* And none that is gone; the other table's rows are flags. */
	uint32_t rows = 0;
	for (at = strstr(text, "\n| `"); at != NULL; at = strstr(at + 1, "\n| `"))
		rows += at[sizeof "\n| `" - 1] == '-' ? 0U : 1U;
	assert_int_equal(rows, config_key_count);
}

static void test_table_is_sound(void **state)
{
	char names[CONFIG_KEYS_MAX][CONFIG_ENV_MAX];

	(void)state;
	for (uint32_t i = 0; i < config_key_count; i++) {
		config_env_name(&config_keys[i], names[i]);
		assert_int_equal(config_find(config_keys[i].name), i);
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
	assert_int_equal(config_find("nats"), config_key_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sound),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_printed_defaults_load_to_the_defaults),
		cmocka_unit_test(test_help_names_every_key),
		cmocka_unit_test(test_every_key_from_every_layer),
		cmocka_unit_test(test_short_flags_win_like_set),
		cmocka_unit_test(test_file_named_by_the_environment),
		cmocka_unit_test(test_yaml_forms),
		cmocka_unit_test(test_list_from_environment),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_bad_values_with_their_places),
		cmocka_unit_test(test_ranges_and_flags_with_their_places),
		cmocka_unit_test(test_structure_of_the_file),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_cross_checks),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_flags_that_are_wrong),
		cmocka_unit_test(test_names_that_others_give),
		cmocka_unit_test(test_document_has_every_key),
	};

	return cmocka_run_group_tests_name("node_config", tests, setup, teardown);
}
