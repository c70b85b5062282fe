#include "node/http_listen.h"

#include <string.h>

bool http_listen_parse(const char *text, char host[HTTP_HOST_SIZE], uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	const bool brackets = text[0] == '[';
	const char *begin = text + brackets;
	const char *end = colon == NULL ? text : colon - brackets;
	uint32_t number = 0;

	if (colon == NULL || end <= begin || (brackets && *end != ']') ||
	    (size_t)(end - begin) >= HTTP_HOST_SIZE)
		return false;
	for (const char *at = begin; at < end; at++) {
		const bool digit = (*at >= '0' && *at <= '9') || *at == '.';
		const bool hex =
			(*at >= 'a' && *at <= 'f') || (*at >= 'A' && *at <= 'F') || *at == ':';

		if (!digit && !(brackets && hex))
			return false;
	}
	if (colon[1] == '\0' || strlen(colon + 1) > 5)
		return false;
	for (const char *at = colon + 1; *at != '\0'; at++) {
		if (*at < '0' || *at > '9')
			return false;
		number = number * 10 + (uint32_t)(*at - '0');
	}
	if (number > UINT16_MAX)
		return false;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	*port = (uint16_t)number;
	return true;
}
