/* The control core when nothing breaks outright: moves, reports, what is read (S21). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sharding_model.h"

static bool node_0_stopped(const struct model *m)
{
	return model_phase(m, 0) == CONTROL_STOPPED;
}

/* ---- moves -------------------------------------------------------------------------------- */

/* The plan names another, then the same again before the shard has quiesced. */
static void a_change_of_mind_keeps_the_shard(void **state)
{
	struct model *m = model_cluster(2);
	const uint32_t other = 1;
	const uint32_t had = model_serving(m, 0);

	(void)state;
	m->quiesce_ms = 60000;
	control_set_healthy(m->nodes[0].control, m->now_ns, false);
	(void)model_run(m, NULL, 700);
	assert_int_equal(m->nodes[0].releases, had);
	model_crash(m, other); /* nobody else is left */
	assert_true(model_run(m, model_all_serving, 6000));
	assert_int_equal(m->nodes[0].fences, 0);
	assert_int_equal(m->nodes[0].assigns, had + (MODEL_SHARDS - had));
	model_destroy(m);
}

/* A worker that never lets go must not keep the shard from its new owner, or the process alive. */
static void a_release_that_does_not_end_is_fenced(void **state)
{
	struct model *m = model_cluster(2);
	const uint32_t had = model_serving(m, 0);

	(void)state;
	m->quiesce_ms = 3600000;
	model_stop(m, 0);
	(void)model_run(m, NULL, 10000);
	assert_int_equal(m->nodes[0].fences, 0);
	assert_true(model_run(m, node_0_stopped, 10000));
	assert_int_equal(m->nodes[0].fences, had);
	assert_true(model_run(m, model_all_serving, 5000));
	assert_int_equal(model_serving(m, 1), MODEL_SHARDS);
	model_destroy(m);
}

/* Restored from a copy that is older than the last writes, but not than the leases. */
static void a_store_that_went_back_is_noticed(void **state)
{
	struct model *m = model_cluster(1);

	(void)state;
	m->tampered = true;
	m->revision -= 3;
	for (uint32_t i = 0; i < MODEL_KEYS; i++) {
		if (m->kvs[i].key != NULL && m->kvs[i].mod > m->revision)
			model_remove_kv(&m->kvs[i]);
	}
	assert_false(model_all_serving(m));
	assert_true(model_run(m, model_all_serving, 20000));
	/* Nothing was trusted. */
	assert_int_equal(m->nodes[0].assigns, 2 * MODEL_SHARDS);
	model_destroy(m);
}

static void ill_for_a_moment_moves_nothing(void **state)
{
	struct model *m = model_cluster(3);

	(void)state;
	control_set_healthy(m->nodes[1].control, m->now_ns, false);
	(void)model_run(m, NULL, 300);
	control_set_healthy(m->nodes[0].control, m->now_ns, false);
	control_set_healthy(m->nodes[2].control, m->now_ns, false);
	(void)model_run(m, NULL, 10000); /* all ill: a common fault */
	for (uint32_t i = 0; i < 3; i++)
		control_set_healthy(m->nodes[i].control, m->now_ns, true);
	(void)model_run(m, NULL, 10000);
	assert_true(model_all_serving(m));
	assert_int_equal(model_assigns(m), MODEL_SHARDS);
	model_destroy(m);
}

static void an_ill_node_gives_up_and_gets_back(void **state)
{
	struct model *m = model_cluster(3);

	(void)state;
	control_set_healthy(m->nodes[1].control, m->now_ns, false);
	(void)model_run(m, NULL, 1000);
	assert_int_equal(model_serving(m, 1), 0);
	assert_true(model_all_serving(m));
	control_set_healthy(m->nodes[1].control, m->now_ns, true);
	(void)model_run(m, NULL, 3500);
	assert_int_equal(model_serving(m, 1), 0); /* well only when it lasts */
	(void)model_run(m, NULL, 2500);
	assert_in_range(model_serving(m, 1), 5, 6);
	assert_true(model_all_serving(m));
	model_destroy(m);
}

static void a_cordoned_node_keeps_what_it_has(void **state)
{
	struct model *m = model_cluster(2);

	(void)state;
	model_put(m, "/sagad/test/cordons/n0", "sagad-cordon 1 actor=a at=1 until=0 reason=", 0);
	(void)model_run(m, NULL, 3000);
	assert_int_equal(model_serving(m, 0), 8);
	model_crash(m, 1);
	(void)model_run(m, NULL, 10000);
	assert_int_equal(model_serving(m, 0), 8);
	model_destroy(m);
}

/* A live node that cannot take what the plan gives it: others do, and it stays so (S21). */
static void what_its_target_does_not_take_another_does(void **state)
{
	struct model *m = model_create(5, 3);
	uint64_t writes;

	(void)state;
	m->nodes[1].no_shards = true;
	model_initialise(m);
	for (uint32_t i = 0; i < 3; i++)
		model_start(m, i);
	(void)model_run(m, NULL, 3000);
	assert_false(model_all_serving(m));
	assert_true(model_run(m, model_all_serving, 4000));
	assert_int_equal(model_serving(m, 1), 0);
	(void)model_run(m, NULL, 1000);
	writes = m->writes;
	(void)model_run(m, NULL, 40000);
	assert_int_equal(m->writes, writes);
	assert_true(model_all_serving(m));
	model_destroy(m);
}

static void a_dead_plan_does_not_leave_a_shard_to_nobody(void **state)
{
	struct model *m = model_cluster(2);
	const int64_t planner_lease = 0;

	(void)state;
	/* The planner's key stands, but nobody plans. */
	model_crash(m, model_planner(m));
	model_put(m, "/sagad/test/planner", "ghost", planner_lease);
	(void)model_run(m, NULL, 2600);
	assert_false(model_all_serving(m));
	assert_true(model_run(m, model_all_serving, 5000));
	model_destroy(m);
}

/* ---- reports ------------------------------------------------------------------------------ */

static void a_fenced_shard_is_tried_again_with_pauses(void **state)
{
	struct model *m = model_cluster(1);
	uint32_t assigns;

	(void)state;
	model_report(m, 0, 3, OWNERSHIP_FENCED);
	(void)model_run(m, NULL, 400);
	assert_int_equal(model_assigns(m), MODEL_SHARDS);
	assert_null(model_owner(m, 3));
	(void)model_run(m, NULL, 200);
	assert_int_equal(model_assigns(m), MODEL_SHARDS + 1);
	assert_true(model_all_serving(m));
	assigns = model_assigns(m);
	for (int i = 0; i < 200; i++) { /* fenced whenever it serves, for 20 s */
		if (m->nodes[0].workers[3].serving)
			model_report(m, 0, 3, OWNERSHIP_FENCED);
		(void)model_run(m, NULL, 100);
	}
	assert_in_range(model_assigns(m) - assigns, 2, 6);
	assert_true(model_run(m, model_all_serving, 10000));
	model_destroy(m);
}

static void a_halted_shard_keeps_its_key(void **state)
{
	struct model *m = model_cluster(2);
	uint32_t shard = 0;
	int64_t create;

	(void)state;
	while (!m->nodes[0].workers[shard].has)
		shard++;
	create = model_owner(m, shard)->create;
	model_report(m, 0, shard, OWNERSHIP_HALTED);
	assert_int_equal(control_ownership(m->nodes[0].control, shard), OWNERSHIP_HALTED);
	control_set_healthy(m->nodes[0].control, m->now_ns, false); /* the plan moves all away */
	(void)model_run(m, NULL, 20000);
	assert_int_equal(model_serving(m, 1), MODEL_SHARDS - 1);
	assert_int_equal(model_owner(m, shard)->create, create);
	assert_int_equal(control_ownership(m->nodes[0].control, shard), OWNERSHIP_HALTED);
	/* Whichever node is asked says that it is halted, by whom and why. */
	assert_non_null(strstr(model_owner(m, shard)->value, " halted 3004"));
	for (uint32_t i = 0; i < 2; i++) {
		struct control_view view;

		control_view(m->nodes[i].control, &view);
		assert_int_equal(view.shards[shard].state, WIRE_SHARD_HALTED);
		assert_int_equal(view.shards[shard].code, err_to_wire(SAGA_E_JOURNAL_SHORT));
		assert_true(slice_equal(view.shards[shard].owner, slice_str("n0")));
	}
	model_stop(m, 0); /* and a halted one does not hold up the stop */
	assert_true(model_run(m, node_0_stopped, 1000));
	model_destroy(m);
}

static void a_report_of_an_earlier_assignment_is_ignored(void **state)
{
	struct model *m = model_cluster(1);
	struct control *c = m->nodes[0].control;
	const uint64_t revision = m->nodes[0].workers[3].revision;

	(void)state;
	control_report(c, m->now_ns, 3, OWNERSHIP_FENCED, revision - 1, 0);
	assert_int_equal(control_ownership(c, 3), OWNERSHIP_SERVING);
	control_report(c, m->now_ns, 3, OWNERSHIP_FENCED, revision, 0);
	assert_int_not_equal(control_ownership(c, 3), OWNERSHIP_SERVING);
	model_destroy(m);
}

static void another_cluster_under_the_same_name_is_fatal(void **state)
{
	struct model *m = model_cluster(1);
	struct model_kv *config = (struct model_kv *)(uintptr_t)model_get(m, "/sagad/test/config");

	(void)state;
	memcpy(strstr(config->value, "test-1"), "test-2", 6);
	config->mod = ++m->revision;
	(void)model_run(m, NULL, 3000);
	assert_int_equal(model_phase(m, 0), CONTROL_FAILED);
	assert_int_equal(control_error(m->nodes[0].control), SAGA_E_CLUSTER_MISMATCH);
	assert_int_equal(m->nodes[0].fences, MODEL_SHARDS);
	model_destroy(m);
}

static void the_view_shows_what_was_read(void **state)
{
	struct model *m = model_cluster(2);
	struct control_view view;
	uint32_t owned = 0;

	(void)state;
	(void)model_run(m, NULL, 3000);
	control_view(m->nodes[0].control, &view);
	assert_int_equal(view.node_count, 2);
	assert_int_equal(view.shard_count, MODEL_SHARDS);
	assert_int_equal(view.plan_version, 1);
	assert_int_equal(view.planner.size, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(view.nodes[i].shards, 8);
		assert_int_equal(view.nodes[i].state, 1);
		assert_true(slice_equal(view.nodes[i].address, slice_str("127.0.0.1:7000")));
		assert_true(slice_equal(view.nodes[i].version, slice_str("0.1.0")));
		assert_true(view.nodes[i].since_unix_ms >= 1700000000000);
	}
	for (uint32_t s = 0; s < MODEL_SHARDS; s++) {
		assert_int_equal(view.shards[s].shard, s);
		assert_true(slice_equal(view.shards[s].owner, view.shards[s].target));
		assert_true(view.shards[s].epoch == m->journal_epoch[s]);
		owned += slice_equal(view.shards[s].owner, slice_str("n1"));
	}
	assert_int_equal(owned, 8);
	model_destroy(m);
}

/* Values that are not ours, or not well-formed, under our prefix: reported, ignored, survived. */
static void garbage_in_the_store_is_survived(void **state)
{
	static const char *const keys[] = {
		"nodes/x",
		"nodes/",
		"nodes/a/b",
		"plan",
		"planner/x",
		"planx",
		"shards/3",
		"shards/99",
		"shards/03/owner",
		"shards/128/owner",
		"cordons/",
		"other",
		"",
		"nodes/-",
	};
	struct model *m = model_cluster(2);

	(void)state;
	for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		char key[64];

		(void)snprintf(key, sizeof key, "/sagad/test/%s", keys[i]);
		model_put(m, key, "\x01 garbage \xff", 0);
		(void)model_run(m, NULL, 700);
	}
	(void)model_run(m, NULL, 5000);
	assert_true(model_all_serving(m));
	assert_int_equal(model_assigns(m), MODEL_SHARDS);
	/* The planner has put a readable plan over the garbage. */
	assert_non_null(strstr(model_get(m, "/sagad/test/plan")->value, "sagad-plan 2 "));
	model_destroy(m);
}

static void config_text_is_strict(void **state)
{
	struct control_cluster cluster = {.format = 1, .replicas = 3};
	struct control_cluster back;
	struct buf text;

	(void)state;
	assert_int_equal(id_from(&cluster.cluster, slice_str("c-1")), 0);
	cluster.slots.shard_count = 128;
	for (uint32_t i = 0; i < WIRE_SLOTS; i++)
		cluster.slots.shard_of_slot[i] = (uint8_t)(i % 128);
	buf_init(&text, 16 * 1024);
	assert_int_equal(control_cluster_encode(&cluster, &text), 0);
	assert_int_equal(control_cluster_decode(buf_slice(&text), &back), 0);
	assert_string_equal(back.cluster.text, "c-1");
	assert_int_equal(back.format, 1);
	assert_int_equal(back.replicas, 3);
	assert_memory_equal(&back.slots, &cluster.slots, sizeof back.slots);
	for (uint32_t size = 0; size < text.size; size += size < 80 ? 1 : 97)
		assert_int_equal(control_cluster_decode(slice_of(text.data, size), &back),
				 SAGA_E_BAD_REPLY);
	text.data[text.size - 2] = 'F'; /* one spelling only */
	assert_int_equal(control_cluster_decode(buf_slice(&text), &back), SAGA_E_BAD_REPLY);
	buf_clear(&text);
	cluster.slots.shard_of_slot[9] = 128;
	assert_int_equal(control_cluster_encode(&cluster, &text), SAGA_E_RANGE);
	buf_close(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_of_mind_keeps_the_shard),
		cmocka_unit_test(a_release_that_does_not_end_is_fenced),
		cmocka_unit_test(a_store_that_went_back_is_noticed),
		cmocka_unit_test(ill_for_a_moment_moves_nothing),
		cmocka_unit_test(an_ill_node_gives_up_and_gets_back),
		cmocka_unit_test(a_cordoned_node_keeps_what_it_has),
		cmocka_unit_test(what_its_target_does_not_take_another_does),
		cmocka_unit_test(a_dead_plan_does_not_leave_a_shard_to_nobody),
		cmocka_unit_test(a_fenced_shard_is_tried_again_with_pauses),
		cmocka_unit_test(a_halted_shard_keeps_its_key),
		cmocka_unit_test(a_report_of_an_earlier_assignment_is_ignored),
		cmocka_unit_test(another_cluster_under_the_same_name_is_fatal),
		cmocka_unit_test(the_view_shows_what_was_read),
		cmocka_unit_test(garbage_in_the_store_is_survived),
		cmocka_unit_test(config_text_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
