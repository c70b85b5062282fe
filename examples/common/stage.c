#include "examples/common/stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	INIT_MS = 60000,
	SERVING_MS = 60000,
	RUN_MS = 60000,
	PROGRESS_TERMINAL_MS = 200,
	PROGRESS_PLAIN_MS = 5000,
	SILENT_MAX = 10,
};

void stage_init(struct stage *stage, const char *name)
{
	memset(stage, 0, sizeof *stage);
	stage->name = name;
	(void)sigemptyset(&stage->signals);
	(void)sigaddset(&stage->signals, SIGINT);
	(void)sigaddset(&stage->signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &stage->signals, NULL);
}

void stage_close(struct stage *stage, int exit_code, bool keep)
{
	if (stage->cluster == NULL)
		return;
	if (exit_code == STAGE_EXIT_FAILED)
		cluster_keep(stage->cluster); /* what went wrong stands in its logs */
	if (keep || exit_code == STAGE_EXIT_FAILED)
		stage_say("databases and logs are in %s", cluster_folder(stage->cluster));
	cluster_destroy(stage->cluster);
	stage->cluster = NULL;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool on_terminal(void)
{
	return isatty(STDERR_FILENO) == 1;
}

__attribute__((format(printf, 3, 0))) static void say(const char *name, const char *colon,
						      const char *format, va_list arguments)
{
	if (on_terminal())
		(void)fputs("\r\033[K", stderr);
	(void)fprintf(stderr, "%s%s", name, colon);
	(void)vfprintf(stderr, format, arguments);
	(void)fputc('\n', stderr);
}

void stage_say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("", "", format, arguments);
	va_end(arguments);
}

bool stage_fail(const struct stage *stage, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(stage->name, ": ", format, arguments);
	va_end(arguments);
	return false;
}

void stage_log(void *context, int level, const char *text)
{
	(void)context;
	if (level >= 2)
		stage_say("client: %s", text);
}

void stage_progress(bool last, const char *format, ...)
{
	const bool terminal = on_terminal();
	va_list arguments;

	if (terminal)
		(void)fputs("\r\033[K", stderr);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	if (!terminal || last)
		(void)fputc('\n', stderr);
	(void)fflush(stderr);
}

uint64_t stage_progress_ms(void)
{
	return on_terminal() ? PROGRESS_TERMINAL_MS : PROGRESS_PLAIN_MS;
}

void stage_doubt(char *text, size_t size, const char *format, ...)
{
	const size_t used = strlen(text);
	va_list arguments;

	if (used >= size)
		return;
	(void)snprintf(text + used, size - used, "%s", used == 0 ? "" : "; ");
	va_start(arguments, format);
	(void)vsnprintf(text + strlen(text), size - strlen(text), format, arguments);
	va_end(arguments);
}

/* ---- time ------------------------------------------------------------------------------------ */

bool stage_pause(struct stage *stage, uint32_t pause_ms)
{
	const struct timespec tick = {.tv_sec = pause_ms / 1000,
				      .tv_nsec = (long)(pause_ms % 1000) * 1000000};

	if (sigtimedwait(&stage->signals, NULL, &tick) > 0)
		stage->interrupted = true;
	return !stage->interrupted;
}

bool stage_is_past(uint64_t since_ms, uint64_t span_ms)
{
	return wait_now_ms() >= since_ms + span_ms;
}

/* ---- cluster --------------------------------------------------------------------------------- */

bool stage_create(struct stage *stage, const struct cluster_options *options)
{
	stage->nodes = options->nodes;
	return cluster_create(options, &stage->cluster) == 0 ||
	       stage_fail(stage, "%s", cluster_trouble(stage->cluster));
}

bool stage_start_servers(struct stage *stage, const char *what)
{
	stage_say("starting %s and etcd in %s", what, cluster_folder(stage->cluster));
	return cluster_start_servers(stage->cluster) == 0 ||
	       stage_fail(stage, "%s", cluster_trouble(stage->cluster));
}

bool stage_start_nodes(struct stage *stage)
{
	stage_say("starting %u node%s, initialising the cluster", stage->nodes,
		  stage->nodes == 1 ? "" : "s");
	return (cluster_start_nodes(stage->cluster) == 0 &&
		cluster_init(stage->cluster, INIT_MS) == 0 &&
		cluster_wait_serving(stage->cluster, SERVING_MS) == 0) ||
	       stage_fail(stage, "%s", cluster_trouble(stage->cluster));
}

bool stage_run(struct stage *stage, const char *const *argv)
{
	char output[1024];
	int exit_code = 0;

	if (cluster_run(stage->cluster, argv, RUN_MS, output, sizeof output, &exit_code) != 0)
		return stage_fail(stage, "%s", cluster_trouble(stage->cluster));
	return exit_code == 0 || stage_fail(stage, "%s ends with %d: see %s/tools.log", argv[0],
					    exit_code, cluster_folder(stage->cluster));
}

bool stage_restart(struct stage *stage, const char *name)
{
	if (cluster_restart(stage->cluster, name) != 0)
		return stage_fail(stage, "%s", cluster_trouble(stage->cluster));
	stage_say("restarted %s", name);
	return true;
}

uint32_t stage_say_open(struct stage *stage, struct load *load)
{
	uint32_t parked = 0;
	uint32_t silent = 0;

	/* Where nobody answers any more, each question lasts for seconds. */
	for (uint32_t i = 0; i < load->count && !stage->interrupted && silent < SILENT_MAX; i++) {
		const struct load_saga *saga = &load->sagas[i];
		struct saga_status status;

		if (saga->phase == LOAD_FINAL)
			continue;
		if (!load_ask(load, saga, &status))
			silent++;
		parked += status.state == SAGA_STATE_PARKED ? 1 : 0;
		stage_say("%s is not final: %s %s", saga->id, saga_state_name(status.state),
			  status.text);
	}
	return parked;
}
