/* The node's control thread: etcd, the control core, the workers, `info` and `init` over NATS,
 * signals. */
#ifndef SAGAD_NODE_DAEMON_UV_H
#define SAGAD_NODE_DAEMON_UV_H

#include "node/config.h"

/* Documented exit codes of sagad. */
enum daemon_exit {
	DAEMON_EXIT_OK = 0,           /* stopped gracefully, everything handed over */
	DAEMON_EXIT_CONFIG = 2,       /* wrong usage or configuration */
	DAEMON_EXIT_NODE_ID = 3,      /* another node runs under this id */
	DAEMON_EXIT_CLUSTER = 4,      /* etcd, journals and node disagree about the cluster */
	DAEMON_EXIT_STOP_TIMEOUT = 5, /* the graceful stop took too long: the lease runs out */
	DAEMON_EXIT_SECOND_SIGNAL = 6,
};

/* Runs until stopped by SIGTERM or SIGINT (a second one ends at once) or a fatal error. */
int daemon_run(const struct config *config);

#endif
