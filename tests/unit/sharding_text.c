/* What stands in the store is read strictly: anything that is not exactly in its form is refused
 * whole, because two nodes that read it differently would act differently. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "sharding/control_internal.h"
#include "sharding/text.h"

/* ---- nodes and owners ---- */

static const char node_text[] =
	"sagad-node 1 address=h:1 zone=z weight=9 version=0.1 healthy=1 stopping=0 since=7";

static int read_node(const char *text, uint32_t size)
{
	const struct control_node before = {.weight = 77, .since_unix_ms = 88};
	struct control_node n = before;
	const int error = control_node_decode(slice_of(text, size), &n);

	if (error != 0)
		assert_memory_equal(&n, &before, sizeof n); /* all of it or nothing */
	return error;
}

static void a_node_is_read_whole_or_not_at_all(void **state)
{
	const uint32_t size = (uint32_t)strlen(node_text);
	struct control_node n = {0};
	char other[sizeof node_text + 1];

	(void)state;
	assert_int_equal(control_node_decode(slice_str(node_text), &n), 0);
	assert_string_equal(n.address, "h:1");
	assert_true(slice_equal(id_slice(&n.zone), slice_str("z")));
	assert_int_equal(n.weight, 9);
	assert_string_equal(n.version, "0.1");
	assert_true(n.healthy);
	assert_false(n.stopping);
	assert_int_equal(n.since_unix_ms, 7);
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(read_node(node_text, i), SAGA_E_BAD_REPLY);
	/* One character too much, or another one than stands there, at every place. */
	for (uint32_t i = 0; i <= size; i++) {
		memcpy(other, node_text, i);
		other[i] = '\n';
		memcpy(other + i + 1, node_text + i, size - i);
		assert_int_equal(read_node(other, size + 1), SAGA_E_BAD_REPLY);
		memcpy(other, node_text, size);
		if (i < size)
			other[i] = '\x7f';
		assert_int_equal(read_node(other, size), i < size ? SAGA_E_BAD_REPLY : 0);
	}
}

#define NODE(weight, healthy, stopping, since)                                                     \
	"sagad-node 1 address= zone= weight=" weight " version= healthy=" healthy                  \
	" stopping=" stopping " since=" since

static void a_nodes_numbers_are_within_bounds(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{NODE("0", "0", "0", "0"), true},
		{NODE("1000", "1", "1", "18446744073709551615"), true},
		{NODE("1001", "1", "0", "1"), false},
		{NODE("1", "2", "0", "1"), false},
		{NODE("1", "1", "2", "1"), false},
		{NODE("1", "1", "0", "18446744073709551616"), false},
		{NODE("1", "1", "0", "99999999999999999999"), false},
		{NODE("01", "1", "0", "1"), false},
		{NODE("-1", "1", "0", "1"), false},
		{NODE("", "1", "0", "1"), false},
		{NODE("1", "", "0", "1"), false},
		{NODE("1", "1", "", "1"), false},
		{NODE("1", "1", "0", ""), false},
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(read_node(cases[i].text, (uint32_t)strlen(cases[i].text)),
				 cases[i].good ? 0 : SAGA_E_BAD_REPLY);
	for (int size = CONTROL_ADDRESS_MAX - 1; size <= CONTROL_ADDRESS_MAX + 1; size++) {
		(void)snprintf(text, sizeof text,
			       "sagad-node 1 address=%0*d zone= weight=1 version= healthy=1 "
			       "stopping=0 since=1",
			       size, 0);
		assert_int_equal(read_node(text, (uint32_t)strlen(text)),
				 size <= CONTROL_ADDRESS_MAX ? 0 : SAGA_E_BAD_REPLY);
	}
	for (int size = CONTROL_VERSION_MAX; size <= CONTROL_VERSION_MAX + 1; size++) {
		(void)snprintf(text, sizeof text,
			       "sagad-node 1 address= zone= weight=1 version=%0*d healthy=1 "
			       "stopping=0 since=1",
			       size, 0);
		assert_int_equal(read_node(text, (uint32_t)strlen(text)),
				 size <= CONTROL_VERSION_MAX ? 0 : SAGA_E_BAD_REPLY);
	}
	for (int size = ID_SIZE_MAX; size <= ID_SIZE_MAX + 1; size++) {
		(void)snprintf(text, sizeof text,
			       "sagad-node 1 address= zone=%0*d weight=1 version= healthy=1 "
			       "stopping=0 since=1",
			       size, 0);
		assert_int_equal(read_node(text, (uint32_t)strlen(text)),
				 size <= ID_SIZE_MAX ? 0 : SAGA_E_BAD_REPLY);
	}
}

static void an_owner_is_read_strictly(void **state)
{
	static const struct {
		const char *text;
		uint64_t epoch;
		uint32_t code;
	} good[] = {
		{"n1 0", 0, 0},
		{"n1 18446744073709551615", UINT64_MAX, 0},
		{"n1 7 halted 3", 7, 3},
		{"n1 7 halted 4294967295", 7, UINT32_MAX},
	};
	static const char *const bad[] = {"",
					  "n1",
					  "n1 ",
					  "- 7",
					  " 7",
					  "n1 x",
					  "n1  7",
					  "n1 18446744073709551616",
					  "n1 7 ",
					  "n1 7 halted",
					  "n1 7 halted ",
					  "n1 7 halted 0",
					  "n1 7 halted 4294967296",
					  "n1 7 halted 3 ",
					  "n1 7 stopped 3",
					  "n\x01 7"};
	struct id owner;
	uint64_t epoch;
	uint32_t code;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(
			control_owner_decode(slice_str(good[i].text), &owner, &epoch, &code), 0);
		assert_true(slice_equal(id_slice(&owner), slice_str("n1")));
		assert_int_equal(epoch, good[i].epoch);
		assert_int_equal(code, good[i].code);
	}
	epoch = 99;
	code = 98;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(control_owner_decode(slice_str(bad[i]), &owner, &epoch, &code),
				 SAGA_E_BAD_REPLY);
		assert_int_equal(epoch, 99);
		assert_int_equal(code, 98);
	}
}

/* ---- keys ---- */

static void keys_are_told_apart(void **state)
{
	static const struct {
		const char *key;
		uint32_t kind;
		const char *id;
		uint32_t shard;
	} cases[] = {
		{"/sagad/c/config", CONTROL_KEY_CONFIG, "", 0},
		{"/sagad/c/plan", CONTROL_KEY_PLAN, "", 0},
		{"/sagad/c/planner", CONTROL_KEY_PLANNER, "", 0},
		{"/sagad/c/nodes/n1", CONTROL_KEY_NODE, "n1", 0},
		{"/sagad/c/cordons/n1", CONTROL_KEY_MARK, "n1", 0},
		{"/sagad/c/shards/0/owner", CONTROL_KEY_OWNER, "", 0},
		{"/sagad/c/shards/127/owner", CONTROL_KEY_OWNER, "", 127},
		{"/sagad/c/shards/128/owner", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/shards/7/owners", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/shards/7/owne", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/shards/7", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/shards//owner", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/nodes/", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/nodes/-", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/nodes/n 1", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/nodes/n/1", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/cordons/", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/cordons/-", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/cordons/n 1", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/configs", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/plan/x", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c/", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/c", CONTROL_KEY_OTHER, "", 0},
		{"/sagad/other/plan", CONTROL_KEY_OTHER, "", 0},
		{"", CONTROL_KEY_OTHER, "", 0},
	};
	static struct control c;

	(void)state;
	(void)snprintf(c.prefix, sizeof c.prefix, "/sagad/c/");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct control_key_name name;

		control_key_parse(&c, slice_str(cases[i].key), &name);
		assert_int_equal(name.kind, cases[i].kind);
		if (name.kind == CONTROL_KEY_NODE || name.kind == CONTROL_KEY_MARK)
			assert_true(slice_equal(id_slice(&name.id), slice_str(cases[i].id)));
		if (name.kind == CONTROL_KEY_OWNER)
			assert_int_equal(name.shard, cases[i].shard);
	}
}

/* ---- the cluster ---- */

static struct control_cluster cluster_of(uint32_t shards)
{
	struct control_cluster c = {.format = 1, .replicas = 3};

	assert_int_equal(id_from(&c.cluster, slice_str("test-1")), 0);
	assert_int_equal(wire_slots_even(&c.slots, shards), 0);
	return c;
}

static void a_cluster_is_read_as_it_was_written(void **state)
{
	const struct control_cluster c = cluster_of(WIRE_SHARDS_MAX);
	static struct control_cluster read;
	struct buf text;

	(void)state;
	buf_init(&text, CONTROL_CONFIG_MAX);
	assert_int_equal(control_cluster_encode(&c, &text), 0);
	assert_int_equal(control_cluster_decode(buf_slice(&text), &read), 0);
	assert_true(id_equal(&read.cluster, &c.cluster));
	assert_int_equal(read.format, 1);
	assert_int_equal(read.replicas, 3);
	assert_memory_equal(&read.slots, &c.slots, sizeof c.slots);
	for (uint32_t i = 0; i < text.size; i++) {
		const uint8_t was = text.data[i];

		assert_int_equal(control_cluster_decode(slice_of(text.data, i), &read),
				 SAGA_E_BAD_REPLY);
		text.data[i] = '~';
		assert_int_equal(control_cluster_decode(buf_slice(&text), &read), SAGA_E_BAD_REPLY);
		text.data[i] = was;
	}
	assert_int_equal(buf_put(&text, "\n", 1), 0);
	assert_int_equal(control_cluster_decode(buf_slice(&text), &read), SAGA_E_BAD_REPLY);
	buf_close(&text);
}

#define NO_CLUSTER(change)                                                                         \
	do {                                                                                       \
		struct control_cluster c = cluster_of(4);                                          \
                                                                                                   \
		change;                                                                            \
		assert_int_equal(control_cluster_encode(&c, &text), SAGA_E_RANGE);                 \
		assert_int_equal(text.size, 3);                                                    \
	} while (0)

static void only_a_cluster_is_written(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, CONTROL_CONFIG_MAX);
	assert_int_equal(buf_put(&text, "abc", 3), 0);
	NO_CLUSTER(c.cluster = (struct id){0});
	NO_CLUSTER(c.format = 0);
	NO_CLUSTER(c.replicas = 0);
	NO_CLUSTER(c.slots.shard_count = 0);
	NO_CLUSTER(c.slots.shard_count = WIRE_SHARDS_MAX + 1);
	NO_CLUSTER(c.slots.shard_of_slot[WIRE_SLOTS - 1] = 4);
	buf_close(&text);
	/* Without room for it: what was there before stays as it was. */
	for (uint32_t max = 3; max < 8400; max += 83) {
		const struct control_cluster c = cluster_of(4);
		int error;

		buf_init(&text, max);
		assert_int_equal(buf_put(&text, "abc", 3), 0);
		error = control_cluster_encode(&c, &text);
		if (error != 0) {
			assert_int_equal(error, SAGA_E_FULL);
			assert_int_equal(text.size, 3);
		} else {
			assert_in_range(max, 2 * WIRE_SLOTS, 8400);
		}
		buf_close(&text);
	}
}

/* What can be read, and says what no cluster can be. */
static void an_impossible_cluster_is_not_read(void **state)
{
	static const char *const heads[] = {
		"sagad-config 1\ncluster -\nformat 1\nshards 4\nreplicas 3\nslots ",
		"sagad-config 1\ncluster c\nformat 0\nshards 4\nreplicas 3\nslots ",
		"sagad-config 1\ncluster c\nformat 1\nshards 0\nreplicas 3\nslots ",
		"sagad-config 1\ncluster c\nformat 1\nshards 129\nreplicas 3\nslots ",
		"sagad-config 1\ncluster c\nformat 1\nshards 4\nreplicas 0\nslots ",
		"sagad-config 1\ncluster c\nformat 1\nshards 4\nreplicas 256\nslots ",
		"sagad-config 1\ncluster c\nformat 1\nshards 3\nreplicas 3\nslots ", /* slot 3 */
		"sagad-config 1\ncluster c\nformat 1\nshards 4\nreplicas 3\nslots ", /* good */
	};
	const uint32_t count = sizeof heads / sizeof heads[0];
	static struct control_cluster read;
	struct buf text;

	(void)state;
	buf_init(&text, CONTROL_CONFIG_MAX);
	for (uint32_t i = 0; i < count; i++) {
		buf_clear(&text);
		assert_int_equal(buf_put(&text, heads[i], (uint32_t)strlen(heads[i])), 0);
		for (uint32_t k = 0; k < WIRE_SLOTS; k++)
			assert_int_equal(buf_put(&text, k == 9 ? "03" : "00", 2), 0);
		assert_int_equal(buf_put(&text, "\n", 1), 0);
		assert_int_equal(control_cluster_decode(buf_slice(&text), &read),
				 i + 1 < count ? SAGA_E_BAD_REPLY : 0);
	}
	buf_close(&text);
}

/* ---- the configuration of the core ---- */

static void no_request(void *context, const struct lease_request *request, uint64_t token)
{
	(void)context;
	(void)request;
	(void)token;
	fail_msg("a core that was not made asks for something");
}

static struct control_config config_of(void)
{
	struct control_config c = {
		.weight = 100, .address = "127.0.0.1:7000", .version = "0.1", .ttl_ms = 2000};

	assert_int_equal(id_from(&c.cluster, slice_str("test")), 0);
	assert_int_equal(id_from(&c.node, slice_str("n1")), 0);
	return c;
}

#define CONFIG(expected, change)                                                                   \
	do {                                                                                       \
		struct control_config c = config_of();                                             \
                                                                                                   \
		change;                                                                            \
		assert_int_equal(control_create(&c, &io, &memory, sizeof memory, &control),        \
				 (expected));                                                      \
	} while (0)
#define REFUSED(change) CONFIG(SAGA_E_CONFIG, change)
#define TAKEN(change)   CONFIG(0, change)

/* What could not be written to the store, or read from there, is refused at the start. */
static void a_configuration_is_checked(void **state)
{
	const struct control_io io = {.request = no_request};
	static struct control memory;
	static char text[CONTROL_ADDRESS_MAX + 2];
	struct control *control;

	(void)state;
	memset(text, 'x', CONTROL_ADDRESS_MAX + 1);
	TAKEN((void)c);
	assert_int_equal(control_phase(control), CONTROL_CONNECTING);
	REFUSED(c.cluster = (struct id){0});
	REFUSED(c.node = (struct id){0});
	REFUSED(assert_int_equal(id_from(&c.node, slice_str("-")), 0));
	REFUSED(assert_int_equal(id_from(&c.zone, slice_str("-")), 0));
	REFUSED(c.weight = 1001);
	TAKEN(c.weight = 1000);
	TAKEN(c.weight = 0);
	REFUSED(c.ttl_ms = 1000);
	REFUSED(c.ttl_ms = 61000);
	REFUSED(c.ttl_ms = 2001);
	TAKEN(c.ttl_ms = 60000);
	REFUSED(c.acquires_max = WIRE_SHARDS_MAX + 1);
	TAKEN(c.acquires_max = WIRE_SHARDS_MAX; c.refresh_ms = 100; c.join_delay_ms = 100);
	REFUSED(c.address = "two words");
	REFUSED(c.version = "line\n");
	REFUSED(c.address = text);
	REFUSED(c.version = text);
	TAKEN(c.address = text + 1);
	TAKEN(c.version = text + 1 + CONTROL_ADDRESS_MAX - CONTROL_VERSION_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_is_read_whole_or_not_at_all),
		cmocka_unit_test(a_nodes_numbers_are_within_bounds),
		cmocka_unit_test(an_owner_is_read_strictly),
		cmocka_unit_test(keys_are_told_apart),
		cmocka_unit_test(a_cluster_is_read_as_it_was_written),
		cmocka_unit_test(only_a_cluster_is_written),
		cmocka_unit_test(an_impossible_cluster_is_not_read),
		cmocka_unit_test(a_configuration_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
