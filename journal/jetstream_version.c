#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/jetstream.h"

/* Reads "2.10.23-RC.1" as {2, 10, 23}; false when it does not begin with three numbers. */
static bool parse_version(const char *text, uint32_t numbers[3])
{
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t digits = 0;

		numbers[i] = 0;
		for (; *text >= '0' && *text <= '9' && digits < 6; text++, digits++)
			numbers[i] = numbers[i] * 10 + (uint32_t)(*text - '0');
		if (digits == 0 || (i < 2 && *text++ != '.'))
			return false;
	}
	return true;
}

const char *jetstream_version_warning(const char *server_version)
{
	uint32_t v[3];

	if (server_version == NULL || server_version[0] == '\0')
		return NULL; /* not connected yet */
	if (!parse_version(server_version, v))
		return "the version of nats-server cannot be read: what an acknowledgement of the "
		       "journal is worth is not known";
	if (v[0] < 2 || (v[0] == 2 && v[1] < 10))
		return "nats-server before 2.10 has no setting to sync at once: an acknowledged "
		       "batch is in the page cache of one server (replicas: 1) or of two "
		       "(replicas: 3), and on disk up to 5 minutes later; it survives a crash of "
		       "processes and the loss of one machine of three, not a power cut. Use "
		       "2.10.23 or newer (better 2.12.4) with sync_interval: always";
	if (v[0] == 2 && v[1] == 10 && v[2] < 23)
		return "nats-server before 2.10.23 does not sync its raft logs even with "
		       "sync_interval: always: an acknowledged batch survives a crash of processes "
		       "and the loss of one machine of three, not a power cut. Use 2.10.23 or "
		       "newer (better 2.12.4)";
	return "an acknowledged batch is on disk (on a majority, with replicas) only where "
	       "nats-server runs with jetstream { sync_interval: always }, which cannot be seen "
	       "from here; without it a power cut may take what was acknowledged in the last "
	       "minutes";
}
