/* The notification protocol of systemd, heard by a socket of the test's own. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "node/notify_systemd.h"

enum { TEXT_SIZE = 512 };
#define SECOND_NS UINT64_C(1000000000)

struct listener {
	int fd;
	char folder[64], name[100];
};

/* `abstract`: a name without a file, as systemd uses it for its users' own services. */
static void listener_open(struct listener *l, bool abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(l->folder, sizeof l->folder, "/tmp/sagad-notify-XXXXXX");
	assert_non_null(mkdtemp(l->folder));
	(void)snprintf(l->name, sizeof l->name, "%s%s/socket", abstract ? "@" : "", l->folder);
	memcpy(address.sun_path, l->name, strlen(l->name));
	if (abstract)
		address.sun_path[0] = '\0';
	l->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(l->fd >= 0);
	assert_int_equal(
		bind(l->fd, (const struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(l->name))),
		0);
}

static void listener_close(struct listener *l)
{
	(void)close(l->fd);
	if (l->name[0] == '/')
		(void)unlink(l->name);
	(void)rmdir(l->folder);
}

/* The next datagram, "" when there is none. */
static const char *heard(const struct listener *l)
{
	static char text[TEXT_SIZE];
	const ssize_t size = recv(l->fd, text, sizeof text - 1, 0);

	text[size < 0 ? 0 : size] = '\0';
	return text;
}

static void opened(struct notify *notify, const struct listener *l, const char *usec)
{
	assert_int_equal(notify_open(notify, l->name, usec, NULL), 0);
}

static void test_life_of_a_process(void **state)
{
	for (int abstract = 0; abstract < 2; abstract++) {
		struct listener l;
		struct notify notify;

		(void)state;
		listener_open(&l, abstract != 0);
		opened(&notify, &l, NULL);
		notify_tick(&notify, 0, true);
		assert_string_equal(heard(&l), "");
		notify_ready(&notify);
		notify_tick(&notify, 0, true);
		assert_string_equal(heard(&l), "READY=1");
		notify_status(&notify, "serving\nSTOPPING=1");
		notify_tick(&notify, 0, true);
		assert_string_equal(heard(&l), "STATUS=serving");
		notify_status(&notify, "serving");
		notify_tick(&notify, 0, true);
		assert_string_equal(heard(&l), "");
		notify_stopping(&notify);
		notify_tick(&notify, 0, true);
		assert_string_equal(heard(&l), "STOPPING=1");
		notify_tick(&notify, 100 * SECOND_NS, true);
		assert_string_equal(heard(&l), "");
		notify_close(&notify);
		listener_close(&l);
	}
}

static void test_watchdog_is_fed_while_all_loops_live(void **state)
{
	struct listener l;
	struct notify notify;
	uint32_t fed = 0;

	(void)state;
	listener_open(&l, false);
	opened(&notify, &l, "3000000");
	for (uint64_t ms = 0; ms < 3000; ms += 20) {
		notify_tick(&notify, SECOND_NS + ms * 1000000, true);
		fed += strcmp(heard(&l), "WATCHDOG=1") == 0;
	}
	assert_int_equal(fed, 3);
	/* One loop hangs: silence, however long. */
	for (uint64_t ms = 0; ms < 9000; ms += 20) {
		notify_tick(&notify, 4 * SECOND_NS + ms * 1000000, false);
		assert_string_equal(heard(&l), "");
	}
	notify_tick(&notify, 14 * SECOND_NS, true);
	assert_string_equal(heard(&l), "WATCHDOG=1");
	notify_close(&notify);
	listener_close(&l);
}

static void test_watchdog_of_another_process_is_not_ours(void **state)
{
	struct listener l;
	struct notify notify;
	char pid[16];

	(void)state;
	listener_open(&l, false);
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	assert_int_equal(notify_open(&notify, l.name, "1000", pid), 0);
	notify_tick(&notify, 1, true);
	assert_string_equal(heard(&l), "WATCHDOG=1");
	notify_close(&notify);
	const char *const wrong[][2] = {{"1000", "1"},
					{"1000", ""},
					{"0", pid},
					{"", pid},
					{"1s", pid},
					{"-5", pid},
					{"99999999999999999999", pid}};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(notify_open(&notify, l.name, wrong[i][0], wrong[i][1]), 0);
		notify_tick(&notify, 1, true);
		assert_string_equal(heard(&l), "");
		notify_close(&notify);
	}
	listener_close(&l);
}

/* What a full queue does not take comes later: a lost READY=1 would end the process. */
static void test_a_full_queue_delays_and_loses_nothing(void **state)
{
	struct listener l;
	struct notify notify, filler;
	uint32_t seen_ready = 0;
	char text[16] = "";

	(void)state;
	listener_open(&l, false);
	opened(&filler, &l, NULL);
	opened(&notify, &l, NULL);
	for (int i = 0; i < 10000; i++) { /* far more than any queue has room for */
		(void)snprintf(text, sizeof text, "%d", i);
		notify_status(&filler, text);
		notify_tick(&filler, 0, true);
	}
	assert_true(filler.status_changed); /* it is full */
	notify_ready(&notify);
	notify_tick(&notify, 0, true);
	notify_tick(&notify, 0, true);
	for (const char *line = heard(&l); *line != '\0'; line = heard(&l))
		assert_string_not_equal(line, "READY=1");
	notify_tick(&notify, 0, true);
	notify_tick(&notify, 0, true);
	for (const char *line = heard(&l); *line != '\0'; line = heard(&l))
		seen_ready += strcmp(line, "READY=1") == 0;
	assert_int_equal(seen_ready, 1);
	notify_close(&filler);
	notify_close(&notify);
	listener_close(&l);
}

static void test_nobody_listens(void **state)
{
	struct notify notify;
	char longest[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 2];

	(void)state;
	memset(longest, 'a', sizeof longest);
	longest[0] = '/';
	longest[sizeof longest - 1] = '\0';
	const char *const refused[] = {"relative", "/", "@", longest};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		assert_int_equal(notify_open(&notify, refused[i], NULL, NULL), SAGA_E_CONFIG);
		notify_ready(&notify);
		notify_tick(&notify, 0, true);
		notify_close(&notify);
	}
	const char *const absent[] = {NULL, "", "/tmp/sagad-no-such-folder/socket"};
	for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
		assert_int_equal(notify_open(&notify, absent[i], "1000", NULL), 0);
		notify_ready(&notify);
		notify_status(&notify, "alone");
		notify_stopping(&notify);
		notify_tick(&notify, 0, true);
		notify_close(&notify);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life_of_a_process),
		cmocka_unit_test(test_watchdog_is_fed_while_all_loops_live),
		cmocka_unit_test(test_watchdog_of_another_process_is_not_ours),
		cmocka_unit_test(test_a_full_queue_delays_and_loses_nothing),
		cmocka_unit_test(test_nobody_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
