/* The NATS transport while its server is killed, started and stopped all the time, in the middle of
 * whatever is under way. STORM_SECONDS makes it longer than the few that a test run has.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/integration/transport_nats_server.h"

enum {
	SECONDS = 8,
	CLIENTS = 3,
	BURST_MAX = 40,
	BODY_MAX = 60000,
	REQUESTS_MAX = 200,
};

/* In front of each message. The rest is a pattern of `number`. */
struct head {
	uint32_t sender;
	uint32_t life; /* the connection of the sender on which it was published */
	uint64_t number;
	uint64_t size;
};

struct peer {
	struct storm *storm;
	uint32_t index;
	uint64_t sent;
	uint32_t last_life[CLIENTS]; /* by sender */
	uint64_t last_number[CLIENTS];
	uint64_t late_number[CLIENTS]; /* of those that an older connection brings after all */
	uint64_t received;
	uint32_t requests_open;
	uint64_t answered, lost;
};

struct storm {
	struct bench *bench;
	struct peer peers[CLIENTS];
	struct prng random;
	uint8_t body[sizeof(struct head) + BODY_MAX];
	uint32_t stopped_life[CLIENTS]; /* each one's connection when the server stood still */
	bool killed;                    /* the server, since then */
	bool over;
};

static int setup(void **state)
{
	struct bench *bench = malloc(sizeof *bench);

	if (bench == NULL)
		return -1;
	bench_init(bench);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	free(*state);
	return 0;
}

static uint8_t pattern(uint64_t number, uint64_t place)
{
	return (uint8_t)(number * 31 + place * 7);
}

/* A server that stood still for so long that its clients have left finds what they had sent before
 * in its sockets, and reads that beside their new connections. */
static bool may_be_late(const struct peer *peer, const struct head *head)
{
	return head->life <= peer->storm->stopped_life[head->sender];
}

/* Whole, in the order of its connection, and otherwise never of an older connection than one before
 * it. */
static void on_message(void *context, const struct transport_message *message)
{
	struct peer *peer = context;
	struct head head;

	assert_true(message->data.size >= sizeof head);
	memcpy(&head, message->data.data, sizeof head);
	assert_true(head.sender < CLIENTS);
	assert_int_equal(head.size, message->data.size - sizeof head);
	for (uint64_t i = 0; i < head.size; i += 97)
		assert_int_equal(message->data.data[sizeof head + i], pattern(head.number, i));
	peer->received++;
	if (head.life < peer->last_life[head.sender]) {
		assert_true(may_be_late(peer, &head));
		assert_true(head.number > peer->late_number[head.sender]);
		peer->late_number[head.sender] = head.number;
		return;
	}
	assert_true(head.number > peer->last_number[head.sender]);
	peer->last_life[head.sender] = head.life;
	peer->last_number[head.sender] = head.number;
}

static void on_question(void *context, const struct transport_message *message)
{
	struct peer *peer = context;
	struct transport *t = peer->storm->bench->clients[peer->index].t;
	char subject[256];

	(void)snprintf(subject, sizeof subject, "%.*s", (int)message->reply.size,
		       (const char *)message->reply.data);
	(void)t->ops->publish(t, subject, slice_of(NULL, 0), NULL, 0, message->data);
}

static void on_answer(void *context, int error, const struct transport_message *message)
{
	struct peer *peer = context;

	(void)message;
	assert_true(peer->requests_open > 0);
	peer->requests_open--;
	if (error == 0)
		peer->answered++;
	else
		peer->lost++;
}

static void publish_one(struct storm *storm, struct peer *peer)
{
	struct client *client = &storm->bench->clients[peer->index];
	const struct head head = {
		.sender = peer->index,
		.life = client->ups,
		.number = peer->sent + 1,
		.size = prng_below(&storm->random, 8) == 0 ? prng_below(&storm->random, BODY_MAX)
							   : prng_below(&storm->random, 200),
	};
	int err;

	memcpy(storm->body, &head, sizeof head);
	for (uint64_t i = 0; i < head.size; i++)
		storm->body[sizeof head + i] = pattern(head.number, i);
	err = client->t->ops->publish(client->t, "all", slice_of(NULL, 0), NULL, 0,
				      slice_of(storm->body, (uint32_t)(sizeof head + head.size)));
	assert_true(err == 0 || err == SAGA_E_DISCONNECTED || err == SAGA_E_BUSY);
	if (err == 0)
		peer->sent++;
}

static void ask_one(struct storm *storm, struct peer *peer)
{
	struct client *client = &storm->bench->clients[peer->index];

	if (peer->requests_open >= REQUESTS_MAX)
		return;
	if (client->t->ops->request(client->t, "question", NULL, 0, slice_str("?"), 2000, on_answer,
				    peer, NULL) == 0)
		peer->requests_open++;
}

static void blow(struct storm *storm, uint32_t duration_ms)
{
	const uint64_t end_ms = wait_now_ms() + duration_ms;

	while (wait_now_ms() < end_ms) {
		for (uint32_t i = 0; i < CLIENTS; i++) {
			const uint64_t burst = prng_below(&storm->random, BURST_MAX);

			for (uint64_t n = 0; n < burst; n++)
				publish_one(storm, &storm->peers[i]);
			ask_one(storm, &storm->peers[i]);
		}
		bench_run_for(storm->bench, (uint32_t)prng_below(&storm->random, 8));
	}
}

static void trouble(struct storm *storm)
{
	struct bench *bench = storm->bench;
	const uint64_t kind = prng_below(&storm->random, 8);

	if (kind < 5) {
		storm->killed = true;
		server_kill(&bench->server);
		blow(storm, (uint32_t)prng_below(&storm->random, 300));
		server_restart(&bench->server);
	} else {
		for (uint32_t i = 0; i < CLIENTS; i++)
			storm->stopped_life[i] = bench->clients[i].ups;
		server_signal(&bench->server, SIGSTOP);
		/* Now and then long enough for the silence to be noticed. */
		blow(storm, kind == 7 ? 4500 : (uint32_t)prng_below(&storm->random, 300));
		server_signal(&bench->server, SIGCONT);
	}
}

static bool all_connected(const struct bench *bench)
{
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (!bench->clients[i].connected)
			return false;
	return true;
}

static uint32_t requests_open(const struct storm *storm)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < CLIENTS; i++)
		count += storm->peers[i].requests_open;
	return count;
}

static void open_peer(struct storm *storm, uint32_t index, const struct nats_config *config)
{
	struct transport_subscription *subscription;
	struct client *client = bench_connect(storm->bench, config);
	struct peer *peer = &storm->peers[index];

	peer->storm = storm;
	peer->index = index;
	assert_int_equal(
		client->t->ops->subscribe(client->t, "all", NULL, on_message, peer, &subscription),
		0);
	assert_int_equal(client->t->ops->subscribe(client->t, "question", "group", on_question,
						   peer, &subscription),
			 0);
}

static void run_storm(struct bench *bench, const struct nats_config *config)
{
	const char *seconds = getenv("STORM_SECONDS");
	struct storm *storm = calloc(1, sizeof *storm);
	uint64_t received = 0;
	uint64_t answered = 0;
	uint32_t downs = 0;
	uint64_t end_ms;

	assert_non_null(storm);
	storm->bench = bench;
	prng_seed(&storm->random, wait_now_ms());
	for (uint32_t i = 0; i < CLIENTS; i++)
		open_peer(storm, i, config);
	end_ms = wait_now_ms() + 1000 * (seconds == NULL ? SECONDS : strtoull(seconds, NULL, 10));
	while (wait_now_ms() < end_ms) {
		blow(storm, (uint32_t)prng_below(&storm->random, 400));
		trouble(storm);
		RUN_UNTIL(bench, all_connected(bench));
		if (storm->killed) /* and with it what was in its sockets */
			memset(storm->stopped_life, 0, sizeof storm->stopped_life);
		storm->killed = false;
	}
	/* Each request has come to its end, once; and it all still works. */
	RUN_UNTIL(bench, requests_open(storm) == 0);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct peer *peer = &storm->peers[i];
		const uint64_t before = peer->received;

		client_sync(bench, &bench->clients[i]);
		publish_one(storm, peer);
		RUN_UNTIL(bench, peer->received > before);
		assert_int_equal(client_stats(&bench->clients[i]).requests_open, 0);
		assert_int_equal(client_stats(&bench->clients[i]).reconnects,
				 bench->clients[i].downs);
		received += peer->received;
		answered += peer->answered;
		downs += bench->clients[i].downs;
	}
	print_message("%u losses, %llu messages, %llu answers\n", downs,
		      (unsigned long long)received, (unsigned long long)answered);
	assert_true(downs > 0 && received > 0 && answered > 0);
	for (uint32_t i = 0; i < CLIENTS; i++)
		bench_close(&bench->clients[i], i == 0);
	free(storm);
}

static void test_storm(void **state)
{
	struct bench *bench = *state;

	server_start(&bench->server, "");
	run_storm(bench, NULL);
}

static void test_storm_with_tls(void **state)
{
	struct bench *bench = *state;
	char certificate[SERVER_PATH_SIZE];
	struct nats_config config = {.tls_ca_file = certificate};

	server_start_tls(&bench->server, "");
	server_path(&bench->server, "server.crt", certificate);
	run_storm(bench, &config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_storm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_storm_with_tls, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
