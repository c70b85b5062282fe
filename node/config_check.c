/* What a value cannot tell alone: files that must be there, and keys that need each other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "node/config_internal.h"
#include "node/http_listen.h"

static const char *place_of(const struct config_loader *loader, const char *name)
{
	const uint32_t key = config_find(name);

	CHECK_LT(key, config_key_count);
	return loader->source[key].place;
}

static const char *text_of(const struct config_loader *loader, const char *name)
{
	const uint32_t key = config_find(name);

	CHECK_LT(key, config_key_count);
	return (const char *)loader->config + config_keys[key].offset;
}

static bool given(const struct config_loader *loader, const char *name)
{
	return text_of(loader, name)[0] != '\0';
}

static void check_files(struct config_loader *loader)
{
	for (uint32_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *path = (const char *)loader->config + key->offset;
		struct stat status;

		if (key->type != CONFIG_FILE || path[0] == '\0')
			continue;
		if (stat(path, &status) != 0 || access(path, R_OK) != 0)
			config_complain(loader, loader->source[i].place,
					"%s: %s cannot be read: %s", key->name, path,
					strerror(errno));
		else if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))
			config_complain(loader, loader->source[i].place, "%s: %s is not a file",
					key->name, path);
	}
}

static void check_data_dir(struct config_loader *loader)
{
	const char *path = loader->config->data_dir;
	const char *place = place_of(loader, "data_dir");
	char parent[CONFIG_TEXT_MAX];
	char *slash = NULL;
	struct stat status;

	if (stat(path, &status) == 0) {
		if (!S_ISDIR(status.st_mode))
			config_complain(loader, place, "data_dir: %s is not a folder", path);
		else if (access(path, W_OK | X_OK) != 0)
			config_complain(loader, place, "data_dir: %s cannot be written to: %s",
					path, strerror(errno));
		return;
	}
	/* It is made at start, but not its parents: a typing error must not become a folder tree.
	 */
	(void)snprintf(parent, sizeof parent, "%s", path);
	slash = strrchr(parent, '/');
	while (slash != NULL && slash[1] == '\0' && slash != parent) {
		*slash = '\0';
		slash = strrchr(parent, '/');
	}
	if (slash == NULL)
		(void)snprintf(parent, sizeof parent, ".");
	else
		slash[slash == parent ? 1 : 0] = '\0';
	if (access(parent, W_OK | X_OK) != 0)
		config_complain(loader, place, "data_dir: %s cannot be made in %s: %s", path,
				parent, strerror(errno));
}

static void check_needs(struct config_loader *loader, const char *name, const char *other)
{
	if (given(loader, name) && !given(loader, other))
		config_complain(loader, place_of(loader, name), "%s needs %s", name, other);
}

/* One way to prove who we are; which of two was meant cannot be guessed. */
static void check_one_identity(struct config_loader *loader)
{
	static const char *const names[] = {"nats.credentials_file", "nats.nkey_seed_file",
					    "nats.token_file", "nats.user"};
	const char *first = NULL;

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!given(loader, names[i]))
			continue;
		if (first != NULL)
			config_complain(loader, place_of(loader, names[i]),
					"%s and %s exclude each other", first, names[i]);
		first = names[i];
	}
}

static void check_urls(struct config_loader *loader, const char *name, const char *plain,
		       const char *secure)
{
	const char *at = text_of(loader, name);

	for (;;) {
		const size_t size = strcspn(at, ",");
		const size_t plain_size = strlen(plain);
		const size_t secure_size = strlen(secure);
		const bool good = (size > plain_size && strncmp(at, plain, plain_size) == 0) ||
				  (size > secure_size && strncmp(at, secure, secure_size) == 0);

		if (!good)
			config_complain(loader, place_of(loader, name),
					"%s: \"%.*s\" does not begin with %s or %s", name,
					size < 200 ? (int)size : 200, at, plain, secure);
		if (at[size] == '\0')
			return;
		at += size + 1;
	}
}

static void check_etcd_tls(struct config_loader *loader)
{
	static const char *const names[] = {"etcd.tls.ca_file", "etcd.tls.cert_file"};

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (given(loader, names[i]) &&
		    strstr(loader->config->etcd_endpoints, "https://") == NULL)
			config_complain(loader, place_of(loader, names[i]),
					"%s has no effect: no etcd.endpoints begins with https://",
					names[i]);
	}
}

static void check_listeners(struct config_loader *loader)
{
	const struct config *c = loader->config;
	char host[HTTP_HOST_SIZE];
	uint16_t port = 0;

	if (strcmp(c->http_listen, c->http_metrics_listen) == 0 &&
	    http_listen_parse(c->http_listen, host, &port) && port != 0)
		config_complain(loader, place_of(loader, "http.metrics_listen"),
				"http.metrics_listen is the same as http.listen: leave it out");
}

void config_cross_check(struct config_loader *loader)
{
	if (loader->config->lease_ttl_ms % 1000 != 0)
		config_complain(loader, place_of(loader, "lease.ttl"),
				"lease.ttl: etcd counts in whole seconds");
	check_files(loader);
	check_data_dir(loader);
	check_needs(loader, "nats.tls.cert_file", "nats.tls.key_file");
	check_needs(loader, "nats.tls.key_file", "nats.tls.cert_file");
	check_needs(loader, "etcd.tls.cert_file", "etcd.tls.key_file");
	check_needs(loader, "etcd.tls.key_file", "etcd.tls.cert_file");
	check_needs(loader, "nats.user", "nats.password_file");
	check_needs(loader, "nats.password_file", "nats.user");
	check_needs(loader, "etcd.user", "etcd.password_file");
	check_needs(loader, "etcd.password_file", "etcd.user");
	check_one_identity(loader);
	check_urls(loader, "nats.url", "nats://", "tls://");
	check_urls(loader, "etcd.endpoints", "http://", "https://");
	check_etcd_tls(loader);
	check_listeners(loader);
}
