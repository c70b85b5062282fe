/* Customers who change their mind: cancels of orders that are under way, from a thread of its own.
 *
 * A cancel that was answered with yes is an answer like any other: the order must be undone. When
 * the charge is out, and nobody can tell whether it was done, there is no yes to be had (S4).
 * Some cancel when it may be too late; others stand at the desk (desk.h) and cancel while their
 * reservation or their charge is under way: that both are seen must not be left to chance.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "examples/common/serve.h"
#include "examples/shop/demo.h"
#include "examples/shop/desk.h"

enum {
	PAUSE_MS = 40,
	CANCEL_MS = 300,
	/* One of so many customers is fickle, always the same: would they take whatever is open,
	 * then in the end all that is open for long, and what takes long is to be seen, too. */
	FICKLE_EVERY = 20,
	FICKLE = 7,
};

/* One that is open; NULL = there is none. */
static struct load_saga *choose(struct demo *demo, struct prng *prng)
{
	struct load *load = &demo->load;
	const uint32_t first = (uint32_t)prng_below(prng, load->count);
	struct load_saga *chosen = NULL;

	(void)pthread_mutex_lock(&load->lock);
	for (uint32_t i = 0; i < load->count && chosen == NULL; i++) {
		const uint32_t index = (first + i) % load->count;
		struct load_saga *order = &load->sagas[index];

		if (index % FICKLE_EVERY == FICKLE && order->phase == LOAD_OPEN &&
		    !demo->regret.tried[index] && !desk_has(order->id, NULL)) {
			demo->regret.tried[index] = true;
			chosen = order;
		}
	}
	(void)pthread_mutex_unlock(&load->lock);
	return chosen;
}

/* False = nobody has answered. */
static bool cancel(struct demo *demo, const struct load_saga *order)
{
	struct demo_regret *regret = &demo->regret;
	const uint32_t request = judged_asked(&demo->judged, order, HISTORY_CANCEL);
	struct saga_status status;
	const int err = saga_cancel(demo->load.connection, order->id, "changed my mind", CANCEL_MS,
				    &status);

	recorder_told(demo->judged.recorder, request, err, &status);
	regret->asked++;
	if (err == 0)
		regret->yes[order - demo->load.sagas] = true;
	regret->cancelled += err == 0 ? 1 : 0;
	regret->too_late += err == SAGA_ERR_TOO_LATE ? 1 : 0;
	regret->pending += err == SAGA_ERR_PENDING ? 1 : 0;
	return err == 0 || err == SAGA_ERR_TOO_LATE || err == SAGA_ERR_PENDING;
}

/* Serves all whom a service waits for; who is not answered (its node may be dead) asks again. */
static void visit_desk(struct demo *demo)
{
	const char *folder = cluster_folder(demo->stage.cluster);

	for (uint32_t i = 0; i < demo->load.count && !atomic_load(&demo->regret.stop); i++) {
		const struct load_saga *order = &demo->load.sagas[i];

		if (desk_has(order->id, NULL) && !demo->regret.tried[i] &&
		    desk_is_waiting(folder, order->id))
			demo->regret.tried[i] =
				cancel(demo, order) && desk_heard(folder, order->id);
	}
}

static void *run(void *context)
{
	struct demo *demo = context;
	struct prng prng;

	prng_seed(&prng, demo->flags.seed);
	while (!atomic_load(&demo->regret.stop)) {
		const struct load_saga *order = NULL;

		visit_desk(demo);
		order = choose(demo, &prng);
		if (order != NULL)
			(void)cancel(demo, order);
		serve_work(PAUSE_MS);
	}
	return NULL;
}

bool demo_regret_start(struct demo *demo)
{
	struct demo_regret *regret = &demo->regret;

	regret->tried = calloc(demo->load.count, sizeof *regret->tried);
	regret->yes = calloc(demo->load.count, sizeof *regret->yes);
	regret->started = regret->tried != NULL && regret->yes != NULL &&
			  pthread_create(&regret->thread, NULL, run, demo) == 0;
	return regret->started || stage_fail(&demo->stage, "cannot start a thread");
}

void demo_regret_stop(struct demo *demo)
{
	struct demo_regret *regret = &demo->regret;

	if (!regret->started)
		return;
	atomic_store(&regret->stop, true);
	(void)pthread_join(regret->thread, NULL);
	regret->started = false;
}

bool demo_regret_write(struct demo *demo, const char *answers)
{
	FILE *file = fopen(answers, "ae");
	bool good = file != NULL;

	for (uint32_t i = 0; good && i < demo->load.count; i++)
		good = !demo->regret.yes[i] ||
		       fprintf(file,
			       "{\"id\":\"%s\",\"accepted\":\"yes\",\"outcome\":\"compensated\"}\n",
			       demo->load.sagas[i].id) > 0;
	if (file != NULL)
		good = fclose(file) == 0 && good;
	return good;
}

void demo_regret_free(struct demo *demo)
{
	free(demo->regret.tried);
	free(demo->regret.yes);
}
