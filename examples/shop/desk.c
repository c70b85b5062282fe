#include "examples/shop/desk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "examples/common/serve.h"

/* Small numbers: the first orders of all find goods, and so come to their charge. */
enum { EVERY = 50, AT_STOCK = 5, AT_CARD = 15, PATH_SIZE = 1400, LOOK_MS = 20, TELL_MS = 200 };
enum { WAIT_MAX_MS = 30000 };

bool desk_has(const char *saga, const char *step)
{
	const char *dash = strrchr(saga, '-');
	const unsigned long number = dash == NULL ? 0 : strtoul(dash + 1, NULL, 10) % EVERY;

	return (number == AT_STOCK && (step == NULL || strcmp(step, "stock") == 0)) ||
	       (number == AT_CARD && (step == NULL || strcmp(step, "card") == 0));
}

static bool is_there(const char *folder, const char *saga, const char *what)
{
	char path[PATH_SIZE];

	(void)snprintf(path, sizeof path, "%s/%s.%s", folder, saga, what);
	return access(path, F_OK) == 0;
}

static bool put(const char *folder, const char *saga, const char *what)
{
	char path[PATH_SIZE];
	int file = -1;

	(void)snprintf(path, sizeof path, "%s/%s.%s", folder, saga, what);
	file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return file >= 0 && close(file) == 0;
}

void desk_wait(const char *folder, struct saga_context *context)
{
	const char *saga = saga_context_saga(context);

	if (!put(folder, saga, "waits"))
		return;
	for (uint32_t waited_ms = 0; waited_ms < WAIT_MAX_MS && !is_there(folder, saga, "heard");
	     waited_ms += LOOK_MS) {
		if (waited_ms % TELL_MS == 0)
			(void)saga_context_heartbeat(context);
		serve_work(LOOK_MS);
	}
}

bool desk_is_waiting(const char *folder, const char *saga)
{
	return is_there(folder, saga, "waits");
}

bool desk_heard(const char *folder, const char *saga)
{
	return put(folder, saga, "heard");
}
