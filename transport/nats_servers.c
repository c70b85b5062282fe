/* The servers to connect to, one after the other. cnats is given one at a time: then we know which
 * one failed, and the next attempt begins with another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "transport/nats_internal.h"

static bool url_valid(const char *url)
{
	const char *scheme = strstr(url, "://");
	const char *host = scheme == NULL ? url : scheme + 3;
	const char *at = strrchr(host, '@');
	const char *port;

	if (scheme != NULL && strncmp(url, "nats://", 7) != 0 && strncmp(url, "tls://", 6) != 0)
		return false;
	if (at != NULL)
		host = at + 1;
	if (*host == '\0' || *host == ':' || strpbrk(host, " \t\r\n") != NULL)
		return false;
	port = strrchr(host, ':');
	if (port == NULL || strchr(port, ']') != NULL)
		return true;
	return port[1] != '\0' && strspn(port + 1, "0123456789") == strlen(port + 1) &&
	       strlen(port + 1) <= 5 && strtol(port + 1, NULL, 10) <= UINT16_MAX;
}

static int add_configured(struct nats_servers *servers, char *url, char why[256])
{
	url += strspn(url, " ");
	url[strcspn(url, " ")] = '\0';
	if (servers->configured_count == NATS_SERVERS_MAX)
		return nats_refuse(why, "more than %d NATS URLs", NATS_SERVERS_MAX);
	/* Never the whole text: a URL may hold a password. */
	if (!url_valid(url))
		return nats_refuse(why, "NATS URL number %u is not nats://host:port",
				   servers->configured_count + 1);
	servers->configured[servers->configured_count] = strdup(url);
	if (servers->configured[servers->configured_count] == NULL)
		return SAGA_E_NO_MEMORY;
	servers->configured_count++;
	return 0;
}

int nats_servers_init(struct nats_servers *servers, const char *url, uint32_t random, char why[256])
{
	char *rest = NULL;
	char *copy;
	int err = 0;

	*servers = (struct nats_servers){0};
	if (url == NULL || url[0] == '\0')
		return nats_refuse(why, "no NATS URL is given");
	copy = strdup(url);
	if (copy == NULL)
		return SAGA_E_NO_MEMORY;
	for (char *one = strtok_r(copy, ",", &rest); one != NULL && err == 0;
	     one = strtok_r(NULL, ",", &rest))
		err = add_configured(servers, one, why);
	free(copy);
	if (err == 0 && servers->configured_count == 0)
		err = nats_refuse(why, "no NATS URL is given");
	if (err != 0)
		nats_servers_free(servers);
	else
		servers->next = random % servers->configured_count; /* clients spread */
	return err;
}

static void forget_discovered(struct nats_servers *servers)
{
	for (uint32_t i = 0; i < servers->discovered_count; i++)
		free(servers->discovered[i]);
	servers->discovered_count = 0;
}

void nats_servers_free(struct nats_servers *servers)
{
	forget_discovered(servers);
	for (uint32_t i = 0; i < servers->configured_count; i++)
		free(servers->configured[i]);
	servers->configured_count = 0;
}

const char *nats_servers_next(struct nats_servers *servers)
{
	const uint32_t count = servers->configured_count + servers->discovered_count;
	const uint32_t index = servers->next % count;

	servers->next = index + 1;
	servers->tried++;
	return index < servers->configured_count
		       ? servers->configured[index]
		       : servers->discovered[index - servers->configured_count];
}

bool nats_servers_round_over(struct nats_servers *servers)
{
	if (servers->tried < servers->configured_count + servers->discovered_count)
		return false;
	servers->tried = 0;
	return true;
}

/* Servers tell addresses without a user: they take the one of the URLs that were configured. */
static char *with_user(const struct nats_servers *servers, const char *url)
{
	const char *own = servers->configured[0];
	const char *own_scheme = strstr(own, "://");
	const char *own_user = own_scheme == NULL ? own : own_scheme + 3;
	const char *at = strrchr(own_user, '@');
	const char *scheme = strstr(url, "://");
	const char *host = scheme == NULL ? url : scheme + 3;
	char *made = NULL;

	if (at == NULL || strchr(host, '@') != NULL)
		return strdup(url);
	if (asprintf(&made, "%.*s%.*s%s", (int)(host - url), url, (int)(at + 1 - own_user),
		     own_user, host) < 0)
		return NULL;
	return made;
}

static bool known(const struct nats_servers *servers, const char *url)
{
	for (uint32_t i = 0; i < servers->configured_count; i++)
		if (strcmp(servers->configured[i], url) == 0)
			return true;
	return false;
}

void nats_servers_learn(struct nats_servers *servers, char *const *urls, uint32_t count)
{
	forget_discovered(servers);
	for (uint32_t i = 0; i < count && servers->discovered_count < NATS_SERVERS_MAX; i++) {
		char *url = with_user(servers, urls[i]);

		if (url == NULL || !url_valid(url) || known(servers, url)) {
			free(url);
			continue;
		}
		servers->discovered[servers->discovered_count++] = url;
	}
}
