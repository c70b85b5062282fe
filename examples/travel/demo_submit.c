/* The bookings, and what clients were told of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/travel/demo.h"

/* Cuts the id out of {"id":"...",...}; the services and the checker read the line as JSON. */
static bool read_id(const char *line, char *id)
{
	const char *start = strstr(line, "\"id\":\"");
	const char *end = start == NULL ? NULL : strchr(start + 6, '"');

	if (end == NULL || end == start + 6 || end - start - 6 >= SAGA_ID_SIZE)
		return false;
	memcpy(id, start + 6, (size_t)(end - start) - 6);
	id[end - start - 6] = '\0';
	return true;
}

bool demo_load(struct demo *demo)
{
	const uint32_t max = demo->flags.bookings == 0 ? DEMO_BOOKINGS_MAX : demo->flags.bookings;
	struct load *load = &demo->load;
	char path[1200];
	FILE *file = NULL;
	bool good = true;

	(void)snprintf(path, sizeof path, "%s/bookings.jsonl", demo->flags.data_dir);
	file = fopen(path, "re");
	if (file == NULL || !load_init(load, max))
		good = stage_fail(&demo->stage, "cannot read %s", path);
	while (good && load->count < max) {
		struct load_saga *booking = &load->sagas[load->count];
		size_t capacity = 0;
		const ssize_t size = getline(&booking->input, &capacity, file);

		if (size <= 0) {
			free(booking->input);
			booking->input = NULL;
			break;
		}
		load->count++;
		booking->input_size = (size_t)size;
		if (!read_id(booking->input, booking->id))
			good = stage_fail(&demo->stage, "%s:%u has no id", path, load->count);
	}
	if (file != NULL)
		(void)fclose(file);
	if (good && demo->flags.bookings > load->count)
		return stage_fail(&demo->stage, "%s has only %u bookings", path, load->count);
	return good && load->count > 0;
}

static void on_final(void *context, struct load_saga *booking)
{
	struct demo *demo = context;

	if (demo->nats_killed && !demo->nats_restarted && demo->led[booking->shard])
		demo->ended_without++;
}

static bool open_judged(struct demo *demo)
{
	static const char *const services[] = {"user", "flight", "hotel", "payment", NULL};
	char source[64];
	const struct judged_setup setup = {.source = source,
					   .shards = DEMO_SHARDS,
					   .services = services,
					   .tap = !demo->flags.nats_cluster,
					   .spoiled = demo->flags.sabotage != SABOTAGE_NONE};

	(void)snprintf(source, sizeof source, "travel-demo, seed %llu",
		       (unsigned long long)demo->flags.seed);
	return judged_open(&demo->judged, &demo->stage, &demo->load, &setup);
}

bool demo_ask_judges(struct demo *demo)
{
	/* Whose money it is, is for the check to say; and whoever listens to one of three brokers
	 * that are killed does not hear all. */
	const struct judge_options options = judged_options(
		HISTORY_ACCOUNTS | (demo->flags.nats_cluster ? (uint32_t)HISTORY_WIRE : 0));

	return judged_run(&demo->judged, &options);
}

bool demo_connect(struct demo *demo)
{
	struct load *load = &demo->load;
	char path[1200];
	char why[2048] = "";
	int err = 0;

	(void)snprintf(path, sizeof path, "%s/%s", demo->flags.data_dir, demo->flags.definition);
	err = saga_definition_load(path, &demo->definition, why, sizeof why);
	if (err != 0)
		return stage_fail(&demo->stage, "%s", why);
	for (uint32_t i = 0; i < load->count; i++)
		load->sagas[i].definition = demo->definition;
	load->in_flight = demo->flags.in_flight;
	load->deadline_ms = demo->flags.slow ? DEMO_SLOW_DEADLINE_MS : 0;
	load->on_final = on_final;
	load->context = demo;
	err = load_open(load, cluster_nats_url(demo->stage.cluster), "travel-demo", stage_log,
			NULL);
	if (err != 0)
		return stage_fail(&demo->stage, "%s: %s", saga_error_name(err),
				  saga_error_text(err));
	return open_judged(demo);
}
