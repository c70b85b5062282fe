/* sagad: see daemon_uv.h for the exit codes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/os_log.h"
#include "node/config.h"
#include "node/daemon_uv.h"
#include "node/version.h"

extern char **environ;

static int print(struct buf *text)
{
	(void)fwrite(text->data, 1, text->size, stdout);
	buf_close(text);
	return DAEMON_EXIT_OK;
}

int main(int argc, char **argv)
{
	static struct config config;
	enum config_action action = CONFIG_RUN;
	struct buf errors;
	struct buf text;
	buf_init(&errors, 256 * 1024);
	buf_init(&text, 256 * 1024);
	const int error = config_load(argc, argv, environ, &config, &action, &errors);
	if (error != 0) {
		(void)fwrite(errors.data, 1, errors.size, stderr);
		buf_close(&errors);
		return DAEMON_EXIT_CONFIG;
	}
	buf_close(&errors);
	switch (action) {
	case CONFIG_HELP:
		config_print_help(&text);
		return print(&text);
	case CONFIG_DEFAULTS:
		config_print_defaults(&text);
		return print(&text);
	case CONFIG_SHOW_VERSION:
		(void)puts("sagad " SAGAD_VERSION);
		return DAEMON_EXIT_OK;
	case CONFIG_CHECK_ONLY:
		(void)puts("the configuration is valid");
		return DAEMON_EXIT_OK;
	case CONFIG_RUN:
		break;
	}
	check_set_sink(log_check_sink);
	(void)signal(SIGPIPE, SIG_IGN);
	log_open(config.node_id.text, (enum log_level)config.log_level,
		 (enum log_format)config.log_format);
	return daemon_run(&config);
}
