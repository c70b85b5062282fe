/* Work that other threads hand over to the loop's thread of a connection. */
#ifndef SAGAD_CLIENT_TASK_H
#define SAGAD_CLIENT_TASK_H

struct saga_connection;

/* `run` is called exactly once, on the loop's thread, also when the connection closes. Embedded in
 * what it is about. */
struct client_task {
	struct client_task *next;
	void (*run)(struct saga_connection *connection, struct client_task *task);
};

#endif
