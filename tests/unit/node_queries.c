/* Alerts, dashboards and runbooks against what there is: metrics, labels, their values, commands.
 */
#include "tests/unit/unit.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/metrics.h"

enum { FILE_MAX = 512 * 1024, NAME_MAX_SIZE = 128, OUT_MAX = 4 * 1024 * 1024 };

static char text[FILE_MAX];
static const char *shown; /* of the file in hand */
static struct buf rendered;

static int setup(void **state)
{
	struct metrics *m = calloc(1, sizeof *m);
	static struct health health;

	(void)state;
	if (m == NULL)
		return 1;
	m->health = &health;
	buf_init(&rendered, OUT_MAX);
	metrics_write(m, false, &rendered);
	free(m);
	return buf_put(&rendered, "", 1);
}

static int teardown(void **state)
{
	(void)state;
	buf_close(&rendered);
	return 0;
}

static void load(const char *path)
{
	FILE *file = fopen(path, "r");

	if (file == NULL)
		fail_msg("%s cannot be read", path);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	assert_true(feof(file));
	(void)fclose(file);
	shown = path + sizeof SAGAD_SOURCE_DIR;
}

/* Calls for each file; fails when there are fewer. */
static void each_file(const char *pattern, uint32_t least, void (*visit)(void))
{
	char path[512];
	glob_t found = {0};

	(void)snprintf(path, sizeof path, SAGAD_SOURCE_DIR "/%s", pattern);
	assert_int_equal(glob(path, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= least);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		load(found.gl_pathv[i]);
		visit();
	}
	globfree(&found);
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) != 0 || c == '_' || c == ':';
}

static void take_name(const char **at, char name[NAME_MAX_SIZE])
{
	size_t size = 0;

	while (is_name(**at)) {
		assert_true(size < NAME_MAX_SIZE - 1);
		name[size++] = *(*at)++;
	}
	name[size] = '\0';
}

/* ---- metrics -----------------------------------------------------------------------------------
 */

static const struct metric_row *find_metric(const char *name)
{
	static const char *const endings[] = {"", "_bucket", "_sum", "_count"};
	char full[NAME_MAX_SIZE + 8];

	for (uint32_t i = 0; i < METRICS_COUNT; i++) {
		const uint32_t count = metrics_table[i].type == METRIC_HISTOGRAM ? 4 : 1;

		for (uint32_t e = 0; e < count; e++) {
			(void)snprintf(full, sizeof full, "%s%s", metrics_table[i].name,
				       endings[e]);
			if (strcmp(full, name) == 0)
				return &metrics_table[i];
		}
	}
	return NULL;
}

static bool one_of(const char *name, const char *list)
{
	const size_t size = strlen(name);

	for (const char *at = list; (at = strstr(at, name)) != NULL; at++) {
		if ((at == list || at[-1] == ',') && (at[size] == ',' || at[size] == '\0'))
			return true;
	}
	return false;
}

/* A value that we write ourselves must be one that is written. */
static void check_value(const char *metric, const char *label, const char *value)
{
	char wanted[3 * NAME_MAX_SIZE];
	const char *at = (const char *)rendered.data;
	size_t size;

	if (one_of(label, "definition,service,step,instance,job") || strcmp(value, "") == 0 ||
	    (strcmp(metric, "sagad_sagas_parked") == 0 && strcmp(label, "code") == 0))
		return;
	size = (size_t)snprintf(wanted, sizeof wanted, "\n%s{", metric);
	if (strstr((const char *)rendered.data, wanted) == NULL) /* a histogram by its name */
		size = (size_t)snprintf(wanted, sizeof wanted, "\n%s_bucket{", metric);
	while ((at = strstr(at, wanted)) != NULL) {
		char pair[2 * NAME_MAX_SIZE + 4];
		const char *end = strchr(at + 1, '}');
		const char *found;

		(void)snprintf(pair, sizeof pair, "%s=\"%s\"", label, value);
		found = strstr(at, pair);
		if (found != NULL && found < end)
			return;
		at += size;
	}
	/* These are shown once there have been any. */
	if ((strcmp(label, "op") == 0 && one_of(value, "finish,undo,settle")) ||
	    (strcmp(label, "kind") == 0 && one_of(value, "saga,tcc,2pc,mixed")) ||
	    (strcmp(label, "outcome") == 0 && one_of(value, "committed,aborted")))
		return;
	fail_msg("%s: %s never has %s=\"%s\"", shown, metric, label, value);
}

/* From behind '{' to behind '}'. In JSON quotes have a backslash before them. */
static const char *check_matchers(const char *at, const struct metric_row *row, const char *metric)
{
	char label[NAME_MAX_SIZE];
	char value[NAME_MAX_SIZE];

	while (*at != '}') {
		bool regex;
		size_t size = 0;

		take_name(&at, label);
		if (!one_of(label, row->labels) && !one_of(label, "instance,job") &&
		    !(row->type == METRIC_HISTOGRAM && strcmp(label, "le") == 0))
			fail_msg("%s: %s has no label \"%s\"", shown, metric, label);
		regex = at[1] == '~';
		at += strcspn(at, "\"") + 1;
		while (*at != '"' && *at != '\\' && size < sizeof value - 1)
			value[size++] = *at++;
		value[size] = '\0';
		at += *at == '\\' ? 2 : 1;
		if (!regex)
			check_value(metric, label, value);
		at += *at == ',';
		at += *at == ' ';
	}
	return at + 1;
}

static uint32_t seen;

static void check_metrics(void)
{
	const char *at = text;

	while (*at != '\0') {
		char name[NAME_MAX_SIZE];
		const char *begin = at;
		const struct metric_row *row;

		take_name(&at, name);
		if (at == begin) {
			at++;
			continue;
		}
		if ((strncmp(name, "sagad_", 6) != 0 && strncmp(name, "process_", 8) != 0) ||
		    (begin > text && begin[-1] == '"' && *at == '"'))
			continue;
		row = find_metric(name);
		/* A family may be meant: sagad_cluster_* */
		if (row == NULL && *at == '*')
			continue;
		if (row == NULL)
			fail_msg("%s: there is no metric \"%s\"", shown, name);
		seen++;
		if (*at == '{')
			at = check_matchers(at + 1, row, name);
	}
}

static void test_queries_ask_for_what_there_is(void **state)
{
	(void)state;
	seen = 0;
	each_file("deploy/prometheus/*.yml", 2, check_metrics);
	assert_true(seen > 40);
	seen = 0;
	each_file("deploy/grafana/*.json", 2, check_metrics);
	assert_true(seen > 60);
	seen = 0;
	each_file("docs/runbooks/*.md", 10, check_metrics);
	assert_true(seen > 40);
}

/* ---- runbooks ----------------------------------------------------------------------------------
 */

static char alerts[64][NAME_MAX_SIZE];
static uint32_t alert_count;

static void take_alerts(void)
{
	static const char alert[] = "- alert: ";

	for (const char *at = text; (at = strstr(at, alert)) != NULL;) {
		char page[NAME_MAX_SIZE + 64];
		const char *end;
		const char *found;

		at += sizeof alert - 1;
		assert_true(alert_count < 64);
		take_name(&at, alerts[alert_count]);
		end = strstr(at, alert);
		(void)snprintf(page, sizeof page, "runbook: docs/runbooks/%s.md\n",
			       alerts[alert_count]);
		found = strstr(at, page);
		if (found == NULL || (end != NULL && found > end))
			fail_msg("%s does not name its page", alerts[alert_count]);
		found = strstr(at, "severity: ");
		assert_true(found != NULL && (end == NULL || found < end));
		assert_true(strncmp(found + 10, "critical", 8) == 0 ||
			    strncmp(found + 10, "warning", 7) == 0);
		alert_count++;
	}
}

static void check_page(void)
{
	static const char *const parts[] = {"\n## What it means\n", "\n## What to look at\n",
					    "\n## What to do\n"};
	const char *name = strrchr(shown, '/') + 1;

	if (strcmp(name, "README.md") == 0)
		return;
	for (uint32_t i = 0; i < 3; i++) {
		if (strstr(text, parts[i]) == NULL)
			fail_msg("%s lacks%s", shown, parts[i]);
	}
	for (uint32_t i = 0; i < alert_count; i++) {
		const size_t size = strlen(alerts[i]);

		if (strncmp(name, alerts[i], size) == 0 && strcmp(name + size, ".md") == 0)
			return;
	}
	fail_msg("%s is about no alert", shown);
}

static void test_every_alert_has_its_page(void **state)
{
	(void)state;
	alert_count = 0;
	each_file("deploy/prometheus/sagad.rules.yml", 1, take_alerts);
	assert_true(alert_count >= 16);
	each_file("docs/runbooks/*.md", 10, check_page);
	for (uint32_t i = 0; i < alert_count; i++) {
		char path[512];
		char row[512];

		(void)snprintf(path, sizeof path, SAGAD_SOURCE_DIR "/docs/runbooks/%s.md",
			       alerts[i]);
		load(path);
		load(SAGAD_SOURCE_DIR "/docs/runbooks/README.md");
		(void)snprintf(row, sizeof row, "| [%s](%s.md) |", alerts[i], alerts[i]);
		if (strstr(text, row) == NULL)
			fail_msg("%s is not in the list of pages", alerts[i]);
	}
	/* And a test of its rule. */
	load(SAGAD_SOURCE_DIR "/deploy/prometheus/sagad.rules.test.yml");
	for (uint32_t i = 0; i < alert_count; i++) {
		char line[512];

		(void)snprintf(line, sizeof line, "runbook: docs/runbooks/%s.md", alerts[i]);
		if (strstr(text, line) == NULL)
			fail_msg("no test sees %s fire", alerts[i]);
	}
}

static uint32_t commands;

/* `sagactl sagas show ID`: what the words up to the first that is none name must have a help. */
static void check_commands(void)
{
	static const char begin[] = "`sagactl ";

	for (const char *at = text; (at = strstr(at, begin)) != NULL;) {
		char command[512];
		size_t size;

		at += sizeof begin - 1;
		size = (size_t)snprintf(command, sizeof command, "'%s'", SAGACTL);
		for (uint32_t word = 0; word < 3 && islower((unsigned char)*at); word++) {
			command[size++] = ' ';
			while (islower((unsigned char)*at) || *at == '-')
				command[size++] = *at++;
			at += *at == ' ' || *at == '\n';
		}
		(void)snprintf(command + size, sizeof command - size, " --help > /dev/null 2>&1");
		if (system(command) != 0)
			fail_msg("%s: there is no command %s", shown, command);
		/* Its flags, up to the end of the span. */
		const char *end = strchr(at, '`');
		assert_non_null(end);
		for (const char *flag = at; (flag = strstr(flag, "--")) != NULL && flag < end;) {
			char name[NAME_MAX_SIZE];
			const size_t length = strcspn(flag, " =`\n");

			assert_true(length < sizeof name);
			memcpy(name, flag, length);
			name[length] = '\0';
			(void)snprintf(command + size, sizeof command - size,
				       " --help 2>&1 | grep -q -e '%s'", name);
			if (system(command) != 0)
				fail_msg("%s: no flag %s: %s", shown, name, command);
			flag += length;
		}
		commands++;
	}
}

static void test_commands_of_the_pages_exist(void **state)
{
	(void)state;
	commands = 0;
	each_file("docs/runbooks/*.md", 10, check_commands);
	assert_true(commands > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_queries_ask_for_what_there_is, setup,
						teardown),
		cmocka_unit_test(test_every_alert_has_its_page),
		cmocka_unit_test(test_commands_of_the_pages_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
