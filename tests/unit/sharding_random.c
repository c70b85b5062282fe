/* Random lives of a cluster: crashes, stops, cuts, pauses, a silent store, lost and late answers,
 * watches that do not fire. The model checks the invariants after every event; at the end all heals
 * and the cluster must come to rest, evenly shared.
 *
 *	test_sharding_random            all seeds
 *	test_sharding_random <seed>     one, with SAGAD_MODEL_TRACE=1 to see it */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/sharding_model.h"

/* Sanitizers make a life about ten times as long: they get fewer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SEEDS = 60, LIFE_MS = 30000 };
#else
enum { SEEDS = 300, LIFE_MS = 30000 };
#endif

static uint64_t first_seed = 1;
static uint64_t seed_count = SEEDS;

struct tally {
	uint64_t crashes, stops, refused, takeovers;
};

static bool roll(struct model *m, uint32_t percent)
{
	return prng_below(&m->prng, 100) < percent;
}

static void choose_faults(struct model *m)
{
	m->latency_ms_max = (uint32_t)(1 + prng_below(&m->prng, 30));
	m->hint_ms_max = (uint32_t)prng_below(&m->prng, 50);
	m->replay_ms = (uint32_t)prng_below(&m->prng, 400);
	m->quiesce_ms = (uint32_t)prng_below(&m->prng, 400);
	if (roll(m, 60)) {
		m->lose_request_percent = (uint32_t)prng_below(&m->prng, 15);
		m->lose_answer_percent = (uint32_t)prng_below(&m->prng, 15);
		m->late_percent = (uint32_t)prng_below(&m->prng, 6);
	}
}

static void disturb_running(struct model *m, struct model_node *n, struct tally *tally)
{
	switch (prng_below(&m->prng, 12)) {
	case 0:
		tally->crashes++;
		model_crash(m, n->index);
		break;
	case 1:
		tally->stops++;
		model_stop(m, n->index);
		break;
	case 2:
	case 3:
		n->cut = !n->cut;
		break;
	case 4:
	case 5:
		n->paused = !n->paused;
		break;
	case 6:
		n->deaf = !n->deaf;
		break;
	case 7:
		n->no_shards = !n->no_shards;
		break;
	case 8:
		if (!n->paused)
			control_set_healthy(n->control, m->now_ns, roll(m, 60));
		break;
	case 9:
		if (!n->paused)
			model_report(m, n->index, (uint32_t)prng_below(&m->prng, MODEL_SHARDS),
				     OWNERSHIP_FENCED);
		break;
	default:
		break;
	}
}

static void disturb(struct model *m, struct tally *tally)
{
	struct model_node *n = &m->nodes[prng_below(&m->prng, m->node_count)];

	if (roll(m, 4))
		m->down = !m->down;
	else if (m->down && roll(m, 40))
		m->down = false;
	if (!n->running) {
		model_start(m, n->index);
		return;
	}
	if (!n->paused && model_phase(m, n->index) >= CONTROL_STOPPED) {
		tally->refused += model_phase(m, n->index) == CONTROL_FAILED;
		model_crash(m, n->index); /* the process ends */
		return;
	}
	disturb_running(m, n, tally);
}

static void heal(struct model *m)
{
	m->down = false;
	m->lose_request_percent = m->lose_answer_percent = m->late_percent = 0;
	for (uint32_t i = 0; i < m->node_count; i++) {
		struct model_node *n = &m->nodes[i];

		n->cut = n->paused = n->deaf = n->no_shards = false;
	}
	(void)model_run(m, NULL, 4000); /* late requests come to be, stops end */
	for (uint32_t i = 0; i < m->node_count; i++) {
		struct model_node *n = &m->nodes[i];

		if (n->running && model_phase(m, i) == CONTROL_STOPPING)
			(void)model_run(m, NULL, 8000);
		if (n->running && model_phase(m, i) >= CONTROL_STOPPED)
			model_crash(m, i);
		if (!n->running)
			model_start(m, i);
		control_set_healthy(n->control, m->now_ns, true);
	}
}

static uint64_t live(uint64_t seed, struct tally *tally)
{
	struct model *m = model_create(seed, 3);
	uint64_t writes;
	uint64_t digest;

	choose_faults(m);
	if (seed % 2 == 0) /* the others have no standbys */
		m->warm_ms = 1 + (uint32_t)prng_below(&m->prng, 3000);
	m->skew_ms_max = (uint32_t)prng_below(&m->prng, 3000);
	m->grace_ms = 5000 + (uint32_t)prng_below(&m->prng, 25000);
	model_initialise(m);
	for (uint32_t i = 0; i < m->node_count; i++)
		model_start(m, i);
	(void)model_run(m, NULL, 1000 + prng_below(&m->prng, 2000));
	for (uint64_t end_ns = m->now_ns + LIFE_MS * MODEL_MS; m->now_ns < end_ns;) {
		disturb(m, tally);
		(void)model_run(m, NULL, 20 + prng_below(&m->prng, 700));
	}
	heal(m);
	if (!model_run(m, model_all_serving, 20000))
		fail_msg("seed %" PRIu64 ": not all shards serve after healing", seed);
	(void)model_run(m, NULL, 70000); /* suspicion ends after 60 s */
	for (uint32_t i = 0; i < m->node_count; i++) {
		const uint32_t has = model_serving(m, i);

		if (has < 5 || has > 6)
			fail_msg("seed %" PRIu64 ": n%u ends with %u shards", seed, i, has);
		tally->takeovers += m->nodes[i].assigns;
	}
	writes = m->writes;
	(void)model_run(m, NULL, 10000);
	if (m->writes != writes)
		fail_msg("seed %" PRIu64 ": no rest", seed);
	digest = m->digest;
	model_destroy(m);
	return digest;
}

static void every_seed_keeps_the_invariants(void **state)
{
	struct tally tally = {0};

	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
		print_message("seed %" PRIu64 "\r", seed);
		(void)live(seed, &tally);
	}
	print_message("crashes %" PRIu64 ", stops %" PRIu64 ", ids refused %" PRIu64
		      ", shards assigned %" PRIu64 "\n",
		      tally.crashes, tally.stops, tally.refused, tally.takeovers);
	/* The runs must have met what they are for. */
	if (seed_count == SEEDS) {
		assert_true(tally.crashes > SEEDS * 3);
		assert_true(tally.stops > SEEDS * 3 / 2);
		assert_true(tally.takeovers > SEEDS * 60);
	}
}

static void the_same_seed_repeats(void **state)
{
	struct tally tally = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		assert_true(live(seed, &tally) == live(seed, &tally));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_seed_keeps_the_invariants),
		cmocka_unit_test(the_same_seed_repeats),
	};

	if (argc > 1) {
		first_seed = strtoull(argv[1], NULL, 10);
		seed_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
