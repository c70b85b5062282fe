/* Seeds that once found something, kept as text with all that was taken away from them:
 *
 *   sagad-sim 1            the format
 *   seed <n>
 *   mode safety|liveness|outage
 *   outage_ms <n>          outage only
 *   disk 1                 all services on SQLite
 *   disk 1, beyond 1       as --disk and --beyond
 *   bug <name>             only the program with this planted bug runs it
 *   expect good|<rule>     `good` where the product is mended, else the rule that must be broken
 *   nodes|shards|services|clients|sagas <n>    at most
 *   horizon_ms <n>         faults are over by then
 *   salt <n>               the same transactions with other luck
 *   calm <class> ...       these faults never strike
 *   only <saga> ...        nobody begins any other
 *   choices <n>            with it, nothing strikes but the n that follow:
 *   strike <ms> <stream> <number>
 *   # for people
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim_line.h"

enum { LINE_MAX = 4096, FORMAT = 1 };

/* ---- writing ----------------------------------------------------------------------------------
 */

static void write_number(FILE *file, const char *name, uint64_t value)
{
	if (value != 0)
		(void)fprintf(file, "%s %" PRIu64 "\n", name, value);
}

static bool set(const uint64_t *bits, uint32_t number)
{
	return (bits[number / 64] >> number % 64 & 1) != 0;
}

static void write_lists(FILE *file, const struct sim_options *o)
{
	bool any = false;

	for (uint32_t i = 0; sim_fault_name(i) != NULL; i++)
		if (set(o->calm, i)) {
			(void)fprintf(file, "%s %s", any ? "" : "calm", sim_fault_name(i));
			any = true;
		}
	(void)fprintf(file, "%s", any ? "\n" : "");
	any = false;
	for (uint32_t i = 0; i < SIM_SAGAS_MAX; i++)
		any |= set(o->mute, i);
	if (any)
		(void)fprintf(file, "only");
	for (uint32_t i = 0; any && i < SIM_SAGAS_MAX; i++)
		if (!set(o->mute, i) && (o->sizes.sagas == 0 || i < o->sizes.sagas))
			(void)fprintf(file, " %u", i);
	(void)fprintf(file, "%s", any ? "\n" : "");
}

bool sim_regression_write(FILE *file, const struct sim_regression *r, const char *what)
{
	const struct sim_options *o = &r->options;

	(void)fprintf(file, "# %s\nsagad-sim %d\nseed %" PRIu64 "\n", what, FORMAT, r->seed);
	(void)fprintf(file, "mode %s\n",
		      sim_mode_name(o->mode != SIM_BY_SEED ? o->mode : sim_mode_of(r->seed)));
	write_number(file, "outage_ms", o->outage_ms);
	write_number(file, "disk", o->disk);
	write_number(file, "beyond", o->beyond);
	write_number(file, "disk", o->disk);
	if (r->bug[0] != '\0')
		(void)fprintf(file, "bug %s\n", r->bug);
	(void)fprintf(file, "expect %s\n", r->expect);
	write_number(file, "nodes", o->sizes.nodes);
	write_number(file, "shards", o->sizes.shards);
	write_number(file, "services", o->sizes.services);
	write_number(file, "clients", o->sizes.clients);
	write_number(file, "sagas", o->sizes.sagas);
	write_number(file, "horizon_ms", o->horizon_ms);
	write_number(file, "salt", o->salt);
	write_lists(file, o);
	if (o->kept != NULL) {
		(void)fprintf(file, "choices %u\n", o->kept->count);
		for (uint32_t i = 0; i < o->kept->count; i++)
			(void)fprintf(file, "strike %u %s %u\n", o->kept->list[i].at_ms,
				      sim_stream_name(o->kept->list[i].stream),
				      o->kept->list[i].number);
	}
	return ferror(file) == 0;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static bool read_number(const char *text, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*value = strtoull(text, &end, 10);
	return *end == '\0';
}

static bool read_class(struct sim_options *o, const char *word)
{
	for (uint32_t i = 0; sim_fault_name(i) != NULL; i++)
		if (strcmp(word, sim_fault_name(i)) == 0) {
			o->calm[i / 64] |= UINT64_C(1) << i % 64;
			return true;
		}
	return false;
}

static bool read_words(struct sim_options *o, char *text, bool classes)
{
	char *rest = NULL;

	if (!classes)
		memset(o->mute, 0xff, sizeof o->mute);
	for (char *word = strtok_r(text, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		uint64_t number;

		if (classes) {
			if (!read_class(o, word))
				return false;
			continue;
		}
		if (!read_number(word, &number) || number >= SIM_SAGAS_MAX)
			return false;
		o->mute[number / 64] &= ~(UINT64_C(1) << number % 64);
	}
	return true;
}

static bool read_strike(struct sim_regression *r, const char *text)
{
	struct sim_choice choice = {0};
	unsigned at_ms, number;
	char name[16];

	if (sscanf(text, "%u %15s %u", &at_ms, name, &number) != 3)
		return false;
	while (sim_stream_name(choice.stream) != NULL &&
	       strcmp(name, sim_stream_name(choice.stream)) != 0)
		choice.stream++;
	if (sim_stream_name(choice.stream) == NULL || number > UINT16_MAX)
		return false;
	choice.at_ms = at_ms;
	choice.number = (uint16_t)number;
	r->kept.list =
		sim_grow(r->kept.list, r->kept.count, &r->kept.capacity, sizeof *r->kept.list);
	r->kept.list[r->kept.count++] = choice;
	return true;
}

static bool read_mode(struct sim_options *o, const char *text)
{
	for (uint32_t i = SIM_SAFETY; i < SIM_MODES; i++)
		if (strcmp(text, sim_mode_name((enum sim_mode)i)) == 0) {
			o->mode = (enum sim_mode)i;
			return true;
		}
	return false;
}

/* A whole number by its name. */
static bool read_count(struct sim_regression *r, const char *name, const char *text)
{
	struct sim_sizes *sizes = &r->options.sizes;
	const struct {
		const char *name;
		uint64_t *wide;
		uint32_t *narrow;
	} counts[] = {
		{"seed", &r->seed, NULL},
		{"outage_ms", &r->options.outage_ms, NULL},
		{"horizon_ms", &r->options.horizon_ms, NULL},
		{"salt", &r->options.salt, NULL},
		{"nodes", NULL, &sizes->nodes},
		{"shards", NULL, &sizes->shards},
		{"services", NULL, &sizes->services},
		{"clients", NULL, &sizes->clients},
		{"sagas", NULL, &sizes->sagas},
	};
	uint64_t value;

	if (!read_number(text, &value))
		return false;
	for (uint32_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		if (strcmp(name, counts[i].name) != 0)
			continue;
		if (counts[i].wide != NULL)
			*counts[i].wide = value;
		else
			*counts[i].narrow = (uint32_t)value;
		return true;
	}
	return false;
}

static bool read_flag(const char *text, bool *flag)
{
	*flag = strcmp(text, "1") == 0;
	return *flag;
}

static bool read_line(struct sim_regression *r, char *line)
{
	char *text = strchr(line, ' ');
	uint64_t count;

	if (text == NULL && strcmp(line, "only") != 0)
		return false;
	if (text != NULL)
		*text++ = '\0';
	else
		text = line + strlen(line);
	if (strcmp(line, "sagad-sim") == 0)
		return read_number(text, &count) && count == FORMAT;
	if (strcmp(line, "disk") == 0)
		return read_flag(text, &r->options.disk);
	if (strcmp(line, "beyond") == 0)
		return read_flag(text, &r->options.beyond);
	if (strcmp(line, "mode") == 0)
		return read_mode(&r->options, text);
	if (strcmp(line, "disk") == 0) {
		r->options.disk = read_number(text, &count) && count == 1;
		return r->options.disk;
	}
	if (strcmp(line, "bug") == 0)
		return (size_t)snprintf(r->bug, sizeof r->bug, "%s", text) < sizeof r->bug;
	if (strcmp(line, "expect") == 0)
		return (size_t)snprintf(r->expect, sizeof r->expect, "%s", text) < sizeof r->expect;
	if (strcmp(line, "calm") == 0 || strcmp(line, "only") == 0)
		return read_words(&r->options, text, line[0] == 'c');
	if (strcmp(line, "strike") == 0)
		return read_strike(r, text);
	if (strcmp(line, "choices") == 0) {
		r->options.kept = &r->kept;
		return read_number(text, &count);
	}
	return read_count(r, line, text);
}

bool sim_regression_read(const char *path, struct sim_regression *r)
{
	FILE *file = fopen(path, "r");
	char line[LINE_MAX];
	uint32_t number = 0;

	*r = (struct sim_regression){.options = {.mode = SIM_SAFETY, .traced = SIM_SAGAS_MAX}};
	if (file == NULL) {
		(void)fprintf(stderr, "%s: cannot be opened\n", path);
		return false;
	}
	while (fgets(line, sizeof line, file) != NULL) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0' || line[0] == '#' || read_line(r, line))
			continue;
		(void)fprintf(stderr, "%s:%u: not understood\n", path, number);
		(void)fclose(file);
		return false;
	}
	(void)fclose(file);
	sim_choices_sort(&r->kept);
	return true;
}

/* ---- again ------------------------------------------------------------------------------------
 */

enum sim_exit sim_regression_run(const char *path, bool trace, uint32_t traced)
{
	struct sim_regression r;
	struct sim_report report;
	struct slice rule;

	if (!sim_regression_read(path, &r))
		return SIM_EXIT_USAGE;
	if (strcmp(r.bug, sim_plants.name) != 0) {
		(void)fprintf(stderr, "%s: is for the program with bug \"%s\"\n", path, r.bug);
		free(r.kept.list);
		return SIM_EXIT_USAGE;
	}
	r.options.trace = trace;
	r.options.traced = traced;
	sim_try(r.seed, &r.options, &report);
	free(r.kept.list);
	rule = report.ending == SIM_ENDED_WELL ? slice_str("good")
					       : sim_rule_of(report.result.failure);
	(void)printf("%s: %s%s%s\n", path, sim_ending_name(report.ending),
		     report.ending == SIM_ENDED_WELL ? "" : ": ", report.result.failure);
	if (slice_equal(rule, slice_str(r.expect)))
		return SIM_EXIT_GOOD;
	(void)printf("%s: expected: %s\n", path, r.expect);
	switch (report.ending) {
	case SIM_ENDED_DEAD:
		return SIM_EXIT_CRASH;
	case SIM_ENDED_UNSAFE:
		return SIM_EXIT_SAFETY;
	case SIM_ENDED_STUCK:
		return SIM_EXIT_LIVENESS;
	case SIM_ENDED_WELL:
		break;
	}
	return SIM_EXIT_NOT_FOUND;
}
