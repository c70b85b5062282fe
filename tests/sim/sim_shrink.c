/* A seed that fails, made small: whatever can be taken away and leaves the same rule broken is
 * taken away. First what is large (faults of a whole class, transactions, time, parts), then each
 * single choice that struck; and once more, until nothing goes any more or the time is over. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "tests/sim/sim_line.h"

enum {
	SHARDS_MIN = 2, /* a letter for another shard wants one */
	FEWER_TRIES = 100,
};

struct hunt {
	const struct sim_line *line;
	struct sim_options best;
	struct sim_choices kept; /* of the best one; counts once `chosen` */
	bool chosen;
	enum sim_ending ending;
	char failure[256]; /* as it was found last */
	uint32_t tries;
	time_t until;
};

/* ---- trying -----------------------------------------------------------------------------------
 */

static bool in_time(const struct hunt *h)
{
	return time(NULL) < h->until;
}

/* The same words, whatever the numbers. */
static bool alike(const char *a, const char *b)
{
	for (;;) {
		while (*a >= '0' && *a <= '9')
			a++;
		while (*b >= '0' && *b <= '9')
			b++;
		if (*a != *b)
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

/* Is it wrong in the same way? Then that is the best one. */
static bool improve(struct hunt *h, struct sim_options options)
{
	struct sim_choices struck = {0};
	struct sim_report report;

	options.struck = &struck;
	sim_try(h->line->first, &options, &report);
	h->tries++;
	if (report.ending != h->ending || !alike(report.result.failure, h->failure)) {
		free(struck.list);
		return false;
	}
	free(h->kept.list);
	h->kept = struck;
	h->best = options;
	h->best.struck = NULL;
	h->best.kept = h->chosen ? &h->kept : NULL;
	memcpy(h->failure, report.result.failure, sizeof h->failure);
	return true;
}

/* ---- many things of one kind ------------------------------------------------------------------
 */

typedef void (*take_away)(struct sim_options *options, uint32_t item);

static void take_class(struct sim_options *options, uint32_t item)
{
	options->calm[item / 64] |= UINT64_C(1) << item % 64;
}

static bool has_class(const struct sim_options *options, uint32_t item)
{
	return (options->calm[item / 64] >> item % 64 & 1) == 0;
}

static void take_saga(struct sim_options *options, uint32_t item)
{
	options->mute[item / 64] |= UINT64_C(1) << item % 64;
}

static bool has_saga(const struct sim_options *options, uint32_t item)
{
	return (options->mute[item / 64] >> item % 64 & 1) == 0;
}

/* In halves, quarters, ... one by one. True: something went. */
static bool reduce(struct hunt *h, uint32_t count, take_away take,
		   bool (*has)(const struct sim_options *, uint32_t))
{
	bool went = false;

	for (uint32_t size = count; size > 0; size /= 2)
		for (uint32_t from = 0; from < count && in_time(h); from += size) {
			struct sim_options options = h->best;
			bool any = false;

			for (uint32_t i = from; i < from + size && i < count; i++) {
				any |= has(&options, i);
				take(&options, i);
			}
			went |= any && improve(h, options);
		}
	return went;
}

static uint32_t class_count(void)
{
	uint32_t count = 0;

	while (sim_fault_name(count) != NULL)
		count++;
	return count;
}

/* The choices, in the same way. Those that do not strike any more are gone with them. */
static bool reduce_choices(struct hunt *h)
{
	const uint32_t before = h->kept.count;

	for (uint32_t size = before; size > 0; size /= 2)
		for (uint32_t from = 0; from < h->kept.count && in_time(h); from += size) {
			struct sim_options options = h->best;
			struct sim_choices rest = {
				.list = malloc((h->kept.count + 1) * sizeof *rest.list)};

			CHECK(rest.list != NULL);
			for (uint32_t i = 0; i < h->kept.count; i++)
				if (i < from || i >= from + size)
					rest.list[rest.count++] = h->kept.list[i];
			options.kept = &rest;
			h->chosen = true;
			if (improve(h, options))
				from -= from < size ? from : size;
			else
				h->chosen = h->best.kept != NULL;
			free(rest.list);
		}
	return h->kept.count < before;
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static bool lower_horizon(struct hunt *h, uint64_t *horizon_ms)
{
	bool went = false;

	for (uint64_t step_ms = *horizon_ms / 2; step_ms >= 250 && in_time(h); step_ms /= 2) {
		struct sim_options options = h->best;

		if (*horizon_ms <= step_ms)
			continue;
		options.horizon_ms = *horizon_ms - step_ms;
		if (!improve(h, options))
			continue;
		*horizon_ms = options.horizon_ms;
		went = true;
	}
	return went;
}

static uint32_t *size_of(struct sim_sizes *sizes, uint32_t which)
{
	uint32_t *all[] = {&sizes->nodes, &sizes->services, &sizes->clients, &sizes->shards,
			   &sizes->sagas};

	return which < sizeof all / sizeof all[0] ? all[which] : NULL;
}

static bool lower_sizes(struct hunt *h, struct sim_sizes *now)
{
	bool went = false;

	for (uint32_t which = 0; size_of(now, which) != NULL; which++)
		for (uint32_t to = which == 3 ? SHARDS_MIN : 1;
		     to < *size_of(now, which) && in_time(h);) {
			struct sim_options options = h->best;

			*size_of(&options.sizes, which) = to;
			if (improve(h, options)) {
				*size_of(now, which) = to;
				went = true;
				break;
			}
			to += to < 4 ? 1 : to;
		}
	return went;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static uint32_t list_sagas(const struct hunt *h, uint32_t end, uint32_t list[SIM_SAGAS_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < end; i++)
		if (has_saga(&h->best, i))
			list[count++] = i;
	return count;
}

/* Where nothing can be taken away any more, fewer transactions may do with other luck. */
static bool try_fewer(struct hunt *h, uint32_t end)
{
	uint32_t list[SIM_SAGAS_MAX];
	const uint32_t count = list_sagas(h, end, list);

	for (uint32_t keep = 1; keep < count; keep *= 2)
		for (uint32_t luck = 1; luck <= FEWER_TRIES && in_time(h); luck++) {
			struct sim_options options = h->best;
			const bool chosen = h->chosen;

			options.kept = NULL;
			options.salt = h->best.salt + luck;
			memset(options.mute, 0xff, sizeof options.mute);
			for (uint32_t i = 0; i < keep; i++) {
				const uint32_t saga = list[(luck + i) % count];

				options.mute[saga / 64] &= ~(UINT64_C(1) << saga % 64);
			}
			h->chosen = false;
			if (improve(h, options))
				return true;
			h->chosen = chosen;
		}
	return false;
}

static void hunt(struct hunt *h)
{
	struct sim_sizes sizes = {SIM_NODES_MAX, SIM_SHARDS_MAX, SIM_SERVICES_MAX, SIM_CLIENTS_MAX,
				  SIM_SAGAS_MAX};
	uint64_t horizon_ms = 65536;
	bool went = true;

	while (went && in_time(h)) {
		/* Transactions first: as long as much goes wrong, few of them are enough. */
		went = reduce(h, sizes.sagas, take_saga, has_saga);
		went |= lower_sizes(h, &sizes);
		went |= reduce(h, class_count(), take_class, has_class);
		went |= lower_horizon(h, &horizon_ms);
		(void)fprintf(stderr, "%u tries: %u choices, %s\n", h->tries, h->kept.count,
			      h->failure);
		went |= reduce_choices(h);
		went = went || try_fewer(h, sizes.sagas);
	}
	(void)fprintf(stderr, "%u tries: %u choices, %s\n", h->tries, h->kept.count, h->failure);
}

static bool write_down(struct hunt *h, const char *path)
{
	struct sim_regression regression = {
		.seed = h->line->first, .options = h->best, .kept = h->kept};
	const struct slice rule = sim_rule_of(h->failure);
	FILE *file = fopen(path, "w");

	if (file == NULL)
		return false;
	(void)snprintf(regression.bug, sizeof regression.bug, "%s", sim_plants.name);
	(void)snprintf(regression.expect, sizeof regression.expect, "%.*s", (int)rule.size,
		       (const char *)rule.data);
	regression.options.kept = h->best.kept != NULL ? &h->kept : NULL;
	const bool good = sim_regression_write(file, &regression, h->failure);
	return fclose(file) == 0 && good;
}

enum sim_exit sim_shrink(const struct sim_line *line)
{
	struct sim_choices struck = {0};
	struct sim_report report;
	struct hunt h = {
		.line = line, .best = line->options, .until = time(NULL) + (time_t)line->budget_s};
	char path[64];

	h.best.struck = &struck;
	h.best.trace = false;
	sim_try(line->first, &h.best, &report);
	h.best.struck = NULL;
	h.kept = struck;
	if (report.ending == SIM_ENDED_WELL) {
		(void)printf("seed %" PRIu64 ": nothing is wrong with it\n", line->first);
		free(h.kept.list);
		return SIM_EXIT_NOT_FOUND;
	}
	h.ending = report.ending;
	memcpy(h.failure, report.result.failure, sizeof h.failure);
	(void)printf("seed %" PRIu64 ": %s: %s (%u choices)\n", line->first,
		     sim_ending_name(h.ending), h.failure, h.kept.count);
	hunt(&h);
	(void)snprintf(path, sizeof path, "sim-%" PRIu64 ".seed", line->first);
	const char *into = line->into != NULL ? line->into : path;
	const bool written = write_down(&h, into);
	(void)printf("%s: %s, after %u tries: %s\n", into,
		     written ? "written" : "CANNOT BE WRITTEN", h.tries, h.failure);
	free(h.kept.list);
	return written ? SIM_EXIT_GOOD : SIM_EXIT_USAGE;
}
