#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lease/etcd_internal.h"

static int etcd_wrong(char why[256], const char *what, const char *value)
{
	(void)snprintf(why, 256, "etcd: %s '%.150s'", what, value);
	return SAGA_E_CONFIG;
}

static bool etcd_given(const char *text)
{
	return text && text[0] != '\0';
}

/* One of the comma-separated list; spaces around it and a slash at its end are dropped. */
static int etcd_add_endpoint(struct etcd_settings *settings, const char *text, size_t size,
			     char why[256])
{
	char *endpoint = settings->endpoints[settings->endpoint_count];

	while (size > 0 && *text == ' ') {
		text++;
		size--;
	}
	while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '/'))
		size--;
	if (size > ETCD_ENDPOINT_SIZE_MAX)
		return etcd_wrong(why, "the endpoint is too long:", text);
	memcpy(endpoint, text, size);
	endpoint[size] = '\0';
	for (size_t i = 0; i < size; i++) {
		if (endpoint[i] <= ' ' || endpoint[i] > '~')
			return etcd_wrong(why, "the endpoint holds a strange character:", endpoint);
	}
	if ((strncmp(endpoint, "http://", 7) != 0 || size == 7) &&
	    (strncmp(endpoint, "https://", 8) != 0 || size == 8))
		return etcd_wrong(why, "an endpoint is http://host:port or https://host:port, not",
				  endpoint);
	settings->endpoint_count++;
	return 0;
}

static int etcd_add_endpoints(struct etcd_settings *settings, const char *list, char why[256])
{
	if (!etcd_given(list)) {
		(void)snprintf(why, 256, "etcd: no endpoint is given");
		return SAGA_E_CONFIG;
	}
	for (;;) {
		const size_t size = strcspn(list, ",");
		int error;

		if (settings->endpoint_count == ETCD_ENDPOINTS_MAX)
			return etcd_wrong(why, "too many endpoints, from", list);
		error = etcd_add_endpoint(settings, list, size, why);
		if (error)
			return error;
		if (list[size] == '\0')
			return 0;
		list += size + 1;
	}
}

static int etcd_add_file(char **copy, const char *path, char why[256])
{
	if (!etcd_given(path))
		return 0;
	if (access(path, R_OK) != 0)
		return etcd_wrong(why, "cannot read", path);
	*copy = strdup(path);
	return *copy ? 0 : SAGA_E_NO_MEMORY;
}

static int etcd_add_files(struct etcd_settings *settings, const struct etcd_config *config,
			  char why[256])
{
	int error = etcd_add_file(&settings->ca_file, config->tls_ca_file, why);

	if (!error)
		error = etcd_add_file(&settings->cert_file, config->tls_cert_file, why);
	if (!error)
		error = etcd_add_file(&settings->key_file, config->tls_key_file, why);
	if (!error)
		error = etcd_add_file(&settings->password_file, config->password_file, why);
	if (error)
		return error;
	if (!settings->cert_file != !settings->key_file) {
		(void)snprintf(why, 256,
			       "etcd: a TLS certificate needs its key, and a key its "
			       "certificate");
		return SAGA_E_CONFIG;
	}
	return 0;
}

int etcd_settings_init(struct etcd_settings *settings, const struct etcd_config *config,
		       char why[256])
{
	char password[ETCD_PASSWORD_MAX];
	uint32_t size;
	int error;

	*settings = (struct etcd_settings){0};
	settings->connect_timeout_ms =
		config->connect_timeout_ms ? config->connect_timeout_ms : 500;
	error = etcd_add_endpoints(settings, config->endpoints, why);
	if (!error)
		error = etcd_add_files(settings, config, why);
	if (!error && etcd_given(config->user)) {
		settings->user = strdup(config->user);
		if (!settings->user)
			error = SAGA_E_NO_MEMORY;
		else if (!settings->password_file)
			error = etcd_wrong(why, "no password file is given for user", config->user);
		else if (etcd_read_password(settings, password, &size) != 0)
			error = etcd_wrong(why, "no password in", settings->password_file);
		explicit_bzero(password, sizeof password);
	}
	if (error)
		etcd_settings_close(settings);
	return error;
}

void etcd_settings_close(struct etcd_settings *settings)
{
	free(settings->user);
	free(settings->password_file);
	free(settings->ca_file);
	free(settings->cert_file);
	free(settings->key_file);
	*settings = (struct etcd_settings){0};
}

int etcd_read_password(const struct etcd_settings *settings, char password[ETCD_PASSWORD_MAX],
		       uint32_t *size)
{
	const int fd = open(settings->password_file, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return SAGA_E_FILE;
	do {
		got = read(fd, password, ETCD_PASSWORD_MAX);
	} while (got < 0 && errno == EINTR);
	(void)close(fd);
	while (got > 0 && (password[got - 1] == '\n' || password[got - 1] == '\r'))
		got--;
	if (got <= 0 || got == ETCD_PASSWORD_MAX)
		return SAGA_E_FILE;
	*size = (uint32_t)got;
	return 0;
}
