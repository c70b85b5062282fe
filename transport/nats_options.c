/* From our configuration to cnats' options. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/nats_internal.h"

enum { SECRET_SIZE_MAX = 4096 };

int nats_refuse(char why[256], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(why, 256, format, arguments);
	va_end(arguments);
	return SAGA_E_CONFIG;
}

static int translate(natsStatus status, const char *what, char why[256])
{
	const char *text;

	if (status == NATS_OK)
		return 0;
	if (status == NATS_NO_MEMORY)
		return SAGA_E_NO_MEMORY;
	text = nats_GetLastError(NULL);
	return nats_refuse(why, "%s: %s", what, text == NULL ? natsStatus_GetText(status) : text);
}

static int check_readable(const char *path, const char *what, char why[256])
{
	FILE *file = fopen(path, "re");
	int err = 0;

	if (file == NULL)
		return nats_refuse(why, "%s %s: %s", what, path, strerror(errno));
	if (fgetc(file) == EOF)
		err = nats_refuse(why, "%s %s is empty or cannot be read", what, path);
	(void)fclose(file);
	return err;
}

/* The first line of a file, without white space at its ends. */
static int read_secret(const char *path, const char *what, char secret[SECRET_SIZE_MAX],
		       char why[256])
{
	int err = check_readable(path, what, why);
	const char *begin = secret;
	size_t size;
	FILE *file;

	if (err != 0)
		return err;
	file = fopen(path, "re");
	if (file == NULL)
		return nats_refuse(why, "%s %s: %s", what, path, strerror(errno));
	if (fgets(secret, SECRET_SIZE_MAX, file) == NULL)
		secret[0] = '\0';
	(void)fclose(file);
	begin += strspn(begin, " \t\r\n");
	size = strcspn(begin, "\r\n");
	while (size > 0 && (begin[size - 1] == ' ' || begin[size - 1] == '\t'))
		size--;
	if (size == 0)
		return nats_refuse(why, "%s %s: its first line is empty", what, path);
	memmove(secret, begin, size);
	secret[size] = '\0';
	return 0;
}

static int set_nkey(natsOptions *options, const char *path, char why[256])
{
	char seed[SECRET_SIZE_MAX];
	char public_key[NATS_NKEY_SIZE + 1];
	int err = read_secret(path, "NKey seed file", seed, why);

	if (err == 0 && nats_nkey_public(slice_str(seed), public_key) != 0)
		err = nats_refuse(why, "NKey seed file %s: its first line is not a user's seed",
				  path);
	if (err == 0)
		err = translate(natsOptions_SetNKeyFromSeed(options, public_key, path),
				"NKey seed file", why);
	explicit_bzero(seed, sizeof seed);
	return err;
}

static int set_identity(natsOptions *options, const struct nats_config *config, char why[256])
{
	char secret[SECRET_SIZE_MAX];
	int err = 0;

	if (config->credentials_file != NULL) {
		err = check_readable(config->credentials_file, "credentials file", why);
		if (err == 0)
			err = translate(natsOptions_SetUserCredentialsFromFiles(
						options, config->credentials_file, NULL),
					"credentials file", why);
	}
	if (err == 0 && config->nkey_seed_file != NULL)
		err = set_nkey(options, config->nkey_seed_file, why);
	if (err == 0 && config->user != NULL) {
		if (config->password_file == NULL)
			return nats_refuse(why, "user %s without a password file", config->user);
		err = read_secret(config->password_file, "password file", secret, why);
		if (err == 0)
			err = translate(natsOptions_SetUserInfo(options, config->user, secret),
					"user and password", why);
		explicit_bzero(secret, sizeof secret);
	}
	if (err == 0 && config->token_file != NULL) {
		err = read_secret(config->token_file, "token file", secret, why);
		if (err == 0)
			err = translate(natsOptions_SetToken(options, secret), "token", why);
		explicit_bzero(secret, sizeof secret);
	}
	return err;
}

static int check_one_identity(const struct nats_config *config, char why[256])
{
	const int count = (config->credentials_file != NULL) + (config->nkey_seed_file != NULL) +
			  (config->user != NULL) + (config->token_file != NULL);

	if (config->user == NULL && config->password_file != NULL)
		return nats_refuse(why, "a password file without a user");
	if (count > 1)
		return nats_refuse(why, "give only one of credentials, NKey seed, user and token");
	return 0;
}

bool nats_options_tls(const struct nats_config *config)
{
	return config->tls_required || config->tls_ca_file != NULL ||
	       config->tls_cert_file != NULL ||
	       (config->url != NULL && strstr(config->url, "tls://") != NULL);
}

static int set_tls(natsOptions *options, const struct nats_config *config, char why[256])
{
	int err = 0;

	if ((config->tls_cert_file == NULL) != (config->tls_key_file == NULL))
		return nats_refuse(why,
				   "a TLS certificate needs its key, and a key its certificate");
	if (!config->tls_required && config->tls_ca_file == NULL && config->tls_cert_file == NULL)
		return 0;
	err = translate(natsOptions_SetSecure(options, true), "TLS", why);
	if (err == 0 && config->tls_ca_file != NULL)
		err = check_readable(config->tls_ca_file, "TLS CA file", why);
	if (err == 0 && config->tls_ca_file != NULL)
		err = translate(natsOptions_LoadCATrustedCertificates(options, config->tls_ca_file),
				"TLS CA file", why);
	if (err == 0 && config->tls_cert_file != NULL)
		err = translate(natsOptions_LoadCertificatesChain(options, config->tls_cert_file,
								  config->tls_key_file),
				"TLS certificate and key", why);
	return err;
}

/* One connection of cnats is one socket (see nats_internal.h). Its PINGs keep a server talking, but
 * the one that misses the answers is our own watch: cnats would close the socket from its thread.
 */
static natsStatus set_behaviour(natsOptions *options, const struct nats_config *config)
{
	const uint32_t connect_ms = config->connect_timeout_ms == 0 ? NATS_CONNECT_TIMEOUT_MS
								    : config->connect_timeout_ms;
	const uint32_t write_ms =
		config->write_deadline_ms == 0 ? NATS_WRITE_DEADLINE_MS : config->write_deadline_ms;
	natsStatus status = NATS_OK;

	if (config->name != NULL)
		status = natsOptions_SetName(options, config->name);
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, connect_ms);
	if (status == NATS_OK)
		status = natsOptions_SetWriteDeadline(options, write_ms);
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(options, true);
	if (status == NATS_OK)
		status = natsOptions_SetIOBufSize(options, NATS_IO_BUFFER_SIZE);
	if (status == NATS_OK)
		status = natsOptions_SetAllowReconnect(options, false);
	if (status == NATS_OK)
		status = natsOptions_SetPingInterval(options, NATS_PING_INTERVAL_MS);
	if (status == NATS_OK)
		status = natsOptions_SetMaxPingsOut(options, INT_MAX);
	if (status == NATS_OK)
		status = natsOptions_SetErrorHandler(options, nats_on_error, NULL);
	return status;
}

int nats_options_build(const struct nats_config *config, natsOptions **options, char why[256])
{
	natsOptions *made = NULL;
	int err = translate(natsOptions_Create(&made), "NATS options", why);

	if (err == 0)
		err = translate(set_behaviour(made, config), "NATS options", why);
	if (err == 0)
		err = check_one_identity(config, why);
	if (err == 0)
		err = set_identity(made, config, why);
	if (err == 0)
		err = set_tls(made, config, why);
	if (err != 0) {
		natsOptions_Destroy(made);
		return err;
	}
	*options = made;
	return 0;
}
