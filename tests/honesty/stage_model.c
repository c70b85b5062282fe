/* The models, alone: no node's cores, no sagas. Faults of all classes are drawn for each seed, and
 * far more often than the simulator draws them: what counts is what can happen. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/honesty/honesty.h"
#include "tests/sim/sim.h"

enum { EXPIRY_SCAN_MS = 250, TEN_TIMES = 10, MOST = 400 };

struct stage_model;
struct end {
	struct queue queue;
	struct stage_model *model;
	struct queue_events events;
	uint64_t pull_serial; /* 0 = none is open */
};

struct stage_model {
	struct stage stage;
	struct end ends[STAGE_CLIENTS];
	uint64_t pulls;
	bool beyond, kind;
	struct sim *sim;
	uint64_t seed;
	struct prng prng;
};

static struct stage_model *of(struct stage *stage)
{
	return (struct stage_model *)(void *)stage;
}

static struct stage_model *model_of(struct sim *sim)
{
	return sim->host;
}

static void expire(struct sim *sim, struct sim_event *e)
{
	(void)e;
	sim_etcd_expire(sim);
	(void)sim_at(sim, sim->now_ms + EXPIRY_SCAN_MS, SIM_WORLD, expire);
}

static void more(uint32_t *rate)
{
	*rate = *rate * TEN_TIMES > MOST ? MOST : *rate * TEN_TIMES;
}

static void draw_faults(struct sim *sim)
{
	struct sim_faults *f = &sim->faults;

	sim_faults_draw(sim);
	more(&f->append_lost);
	more(&f->append_mute);
	more(&f->append_late);
	more(&f->read_fails);
	more(&f->read_stale);
	more(&f->etcd_lost);
	more(&f->etcd_mute);
	more(&f->etcd_late);
	more(&f->expire_late);
	more(&f->hint_lost);
	more(&f->inbox_lost);
	more(&f->inbox_ack_lost);
	more(&f->unsent);
	more(&f->refused_wrongly);
	more(&f->etcd_refused);
	more(&f->etcd_twice);
	more(&f->renew_lied);
	more(&f->loss);
}

/* Half of the plays have one class of faults at most: then most of what happens is in order. */
static void draw_few(struct sim *sim, struct prng *prng)
{
	const struct sim_faults all = sim->faults;
	struct sim_faults *f = &sim->faults;

	if (prng_below(prng, 2) == 0)
		return;
	*f = (struct sim_faults){.journal_ms = all.journal_ms % 30,
				 .etcd_ms = all.etcd_ms % 20,
				 .inbox_ms = all.inbox_ms,
				 .delay_ms = all.delay_ms};
	switch (prng_below(prng, 8)) {
	case 0:
		f->append_mute = all.append_mute;
		f->etcd_mute = all.etcd_mute;
		f->etcd_broken = all.etcd_broken;
		f->inbox_ack_lost = all.inbox_ack_lost;
		break;
	case 1:
		f->append_late = all.append_late;
		f->etcd_late = all.etcd_late;
		break;
	case 2:
		f->append_lost = all.append_lost;
		f->etcd_lost = all.etcd_lost;
		f->etcd_broken = all.etcd_broken;
		f->inbox_lost = all.inbox_lost;
		break;
	case 3:
		f->unsent = all.unsent;
		f->etcd_refused = all.etcd_refused;
		break;
	case 4:
		f->read_fails = all.read_fails;
		f->expire_late = all.expire_late;
		break;
	case 5:
		f->loss = all.loss;
		f->etcd_twice = all.etcd_twice;
		break;
	default:
		break;
	}
}

/* ---- the stream of commands ---------------------------------------------------------------------
 */

static struct end *of_queue(struct queue *queue)
{
	return (struct end *)(void *)queue;
}

/* The event's `a`: the end; `b`: what is told. */
static void put_ends(struct sim *sim, struct sim_event *e)
{
	struct end *end = &model_of(sim)->ends[e->a];

	end->events.put(end->events.context, e->b != 0);
}

static int queue_put(struct queue *queue, const char *text)
{
	struct end *end = of_queue(queue);
	struct sim *sim = end->model->sim;
	const bool lost = sim_chance(sim, SIM_NETWORK, sim->faults.loss);
	const bool mute = lost || sim_chance(sim, SIM_NETWORK, sim->faults.loss);
	struct sim_event *e;

	if (sim_chance(sim, SIM_JOURNAL, sim->faults.unsent))
		return SAGA_E_DISCONNECTED;
	if (!lost)
		sim_stream_store(sim, 0, sim->now_ms, slice_str(text));
	e = sim_at(sim, sim->now_ms + (mute ? 400 : 2), SIM_WORLD, put_ends);
	e->a = (uint64_t)(end - end->model->ends);
	e->b = !mute;
	return 0;
}

static void pull_ends(struct sim *sim, struct sim_event *e)
{
	struct end *end = &model_of(sim)->ends[e->a];

	if (end->pull_serial != e->b)
		return;
	end->pull_serial = 0;
	end->events.pulled(end->events.context, NULL, 0);
}

static int queue_pull(struct queue *queue, uint32_t wait_ms)
{
	struct end *end = of_queue(queue);
	struct sim *sim = end->model->sim;
	struct sim_event *e;

	if (sim_chance(sim, SIM_JOURNAL, sim->faults.unsent))
		return SAGA_E_DISCONNECTED;
	end->pull_serial = ++end->model->pulls;
	e = sim_at(sim, sim->now_ms + wait_ms, SIM_WORLD, pull_ends);
	e->a = (uint64_t)(end - end->model->ends);
	e->b = end->pull_serial;
	return 0;
}

static bool take(struct sim *sim, uint32_t queued)
{
	struct stage_model *m = model_of(sim);
	const struct sim_queued *q = &sim->queue[queued];
	char text[16];

	(void)snprintf(text, sizeof text, "%.*s", (int)q->size, (const char *)q->bytes);
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++) {
		struct end *end = &m->ends[i];

		if (end->pull_serial == 0)
			continue;
		end->pull_serial = 0;
		end->events.pulled(end->events.context, text, q->deliveries);
		return true;
	}
	return false;
}

static void queue_say(struct queue *queue, const char *text, const char *word)
{
	struct sim *sim = of_queue(queue)->model->sim;

	for (uint32_t i = 0; i < sim->queued; i++) {
		const struct sim_queued *q = &sim->queue[i];

		if (!slice_equal(slice_of(q->bytes, q->size), slice_str(text)))
			continue;
		if (strcmp(word, "+ACK") == 0)
			sim_stream_ack(sim, i);
		else if (strcmp(word, "-NAK") == 0)
			sim_stream_nak(sim, i);
		else
			sim_stream_progress(sim, i);
	}
}

static const struct queue_ops queue_ops = {queue_put, queue_pull, queue_say};

/* ---- a play -------------------------------------------------------------------------------------
 */

static void begin(struct stage *stage, const struct script *script)
{
	struct stage_model *m = of(stage);
	struct sim *sim = sim_models_create(m->seed, STAGE_CLIENTS);

	m->sim = sim;
	prng_seed(&m->prng, prng_mix(m->seed));
	sim->take = take;
	sim->host = m;
	draw_faults(sim);
	draw_few(sim, &m->prng);
	if (m->kind)
		sim->faults = (struct sim_faults){.journal_ms = 10, .etcd_ms = 10};
	m->beyond = script->beyond;
	(void)sim_at(sim, sim->now_ms + EXPIRY_SCAN_MS, SIM_WORLD, expire);
	stage->shard = 0;
	(void)snprintf(stage->prefix, sizeof stage->prefix, "/play/");
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++) {
		struct sim_node *node = &sim->nodes[i];
		const struct journal_events journal = stage_journal_events(&stage->ends[i]);
		const struct inbox_events inbox = stage_inbox_events(&stage->ends[i]);

		sim_journal_open(node, &journal);
		sim_inbox_open(node, &inbox);
		sim_etcd_open(node);
		stage->journals[i] = &node->journal.base;
		stage->inboxes[i] = &node->inbox.base;
		stage->stores[i] = &node->store.base;
		m->ends[i] = (struct end){.queue = {&queue_ops},
					  .model = m,
					  .events = stage_queue_events(&stage->ends[i])};
		stage->queues[i] = &m->ends[i].queue;
	}
}

static bool run(struct stage *stage, const bool *done, uint32_t ms)
{
	struct sim *sim = of(stage)->sim;
	const uint64_t until_ms = sim->now_ms + ms;

	while (!(done != NULL && *done) && sim_step(sim, until_ms))
		continue;
	return done != NULL && *done;
}

/* Any kind, whatever the script asks for. */
static void damage(struct stage_model *m)
{
	switch (prng_below(&m->prng, 4)) {
	case 0:
		sim_journal_lose(m->sim, 0, 1 + (uint32_t)prng_below(&m->prng, 2));
		break;
	case 1:
		sim_journal_purge(m->sim, 0);
		break;
	case 2:
		sim_journal_remake(m->sim, 0);
		break;
	default: /* rolled up: all that was is gone, and there is a new message */
		sim_journal_purge(m->sim, 0);
		sim_journal_put(m->sim, 0, (struct journal_place){0}, slice_str("r"));
		break;
	}
}

/* Time passes for real, too, when a server is killed or a client waits for its connection. */
static void act(struct stage *stage, uint32_t client, const char *verb, const char *word)
{
	struct stage_model *m = of(stage);

	(void)client, (void)word;
	if (prng_below(&m->prng, 3) == 0 && !m->kind)
		sim_journal_depose(m->sim, 0, prng_below(&m->prng, 300),
				   prng_below(&m->prng, 1000));
	if (prng_below(&m->prng, 3) == 0 && !m->kind)
		sim_etcd_depose(m->sim, prng_below(&m->prng, 300));
	if (strcmp(verb, "consumer") == 0)
		sim_stream_remake(m->sim, 0);
	if (m->beyond && strcmp(verb, "damage") == 0)
		damage(m);
	(void)run(stage, NULL, 1 + (uint32_t)prng_below(&m->prng, 300));
}

/* As sim_letters.c publishes. */
static int leave(struct stage *stage, uint32_t client, const char *text)
{
	struct sim *sim = of(stage)->sim;
	const uint32_t number = sim->inbox.letter_count;

	(void)client;
	sim->inbox.letters = sim_grow(sim->inbox.letters, number, &sim->inbox.letter_capacity,
				      sizeof *sim->inbox.letters);
	sim->inbox.letter_count++;
	sim->inbox.letters[number] = (struct sim_letter){.bytes = (uint8_t *)strdup(text),
							 .size = (uint32_t)strlen(text)};
	if (sim_chance(sim, SIM_INBOX, sim->faults.inbox_lost))
		return SAGA_E_TIMEOUT;
	return sim_inbox_store(sim, number) == 0 ||
			       sim_chance(sim, SIM_INBOX, sim->faults.inbox_ack_lost)
		       ? SAGA_E_TIMEOUT
		       : 0;
}

static void end_play(struct stage *stage)
{
	sim_models_destroy(of(stage)->sim);
	of(stage)->sim = NULL;
}

static const struct stage_ops ops = {begin, run, act, leave, end_play};

struct stage *stage_model_open(void)
{
	struct stage_model *m = calloc(1, sizeof *m);

	CHECK(m != NULL);
	m->stage.ops = &ops;
	return &m->stage;
}

void stage_model_seed(struct stage *stage, uint64_t seed)
{
	of(stage)->seed = seed;
}

void stage_model_be_kind(struct stage *stage)
{
	of(stage)->kind = true;
}

void stage_model_close(struct stage *stage)
{
	free(of(stage));
}
