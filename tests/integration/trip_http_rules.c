#include "tests/integration/trip_http_rules.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

enum { TEXT_MAX = 32 * 1024 * 1024, PATH_SIZE = 512, ALERTS_MAX = 64 };

static const char rules_path[] = SAGAD_SOURCE_DIR "/deploy/prometheus/sagad.rules.yml";
static struct buf series, expected;
static char firing[ALERTS_MAX][64];
static uint32_t firing_count;

static bool find_promtool(char path[PATH_SIZE])
{
	const char *tools = getenv("SAGAD_TOOLS");

	(void)snprintf(path, PATH_SIZE, "%s/usr/bin/promtool", tools == NULL ? "" : tools);
	if (access(path, X_OK) == 0)
		return true;
	(void)snprintf(path, PATH_SIZE, "%s", SAGAD_SOURCE_DIR "/.tools/usr/bin/promtool");
	if (access(path, X_OK) == 0)
		return true;
	(void)snprintf(path, PATH_SIZE, "promtool");
	return system("command -v promtool > /dev/null") == 0;
}

static void run(const char *arguments, struct slice text)
{
	char file[] = "/tmp/sagad-promtool-XXXXXX";
	char tool[PATH_SIZE];
	char command[2 * PATH_SIZE];
	const int fd = mkstemp(file);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.data, text.size), (ssize_t)text.size);
	assert_int_equal(close(fd), 0);
	if (find_promtool(tool)) {
		(void)snprintf(command, sizeof command, "'%s' %s %s >&2", tool, arguments, file);
		if (system(command) != 0)
			fail_msg("%s: see above and %s", command, file);
	} else {
		print_message("no promtool: not judged by Prometheus\n");
	}
	assert_int_equal(unlink(file), 0);
}

void rules_check_metrics(const char *metrics)
{
	run("check metrics <", slice_str(metrics));
}

void rules_begin(void)
{
	buf_init(&series, TEXT_MAX);
	buf_init(&expected, TEXT_MAX);
	firing_count = 0;
}

void rules_node(const char *instance, const char *metrics)
{
	char line[2048];

	(void)buf_printf(&series,
			 "      - {series: 'up{instance=\"%s\",job=\"sagad\"}', "
			 "values: '1+0x40'}\n",
			 instance);
	for (const char *at = metrics; *at != '\0'; at += strcspn(at, "\n") + 1) {
		const size_t size = strcspn(at, "\n");
		char *value;
		char *brace;

		if (*at == '#' || size == 0)
			continue;
		assert_true(size < sizeof line);
		memcpy(line, at, size);
		line[size] = '\0';
		value = strrchr(line, ' ');
		assert_non_null(value);
		*value++ = '\0';
		brace = strchr(line, '{');
		if (brace != NULL)
			*brace++ = '\0';
		(void)buf_printf(&series,
				 "      - {series: '%s{instance=\"%s\",job=\"sagad\"%s%s', values: "
				 "'%s+0x40'}\n",
				 line, instance, brace == NULL ? "" : ",",
				 brace == NULL ? "}" : brace, value);
	}
}

static void expect_head(const char *alert)
{
	(void)buf_printf(&expected, "      - eval_time: 9m\n        alertname: %s\n", alert);
}

void rules_expect(const char *alert, const char *labels, const char *summary)
{
	expect_head(alert);
	(void)buf_printf(&expected,
			 "        exp_alerts:\n          - exp_labels: {%s}\n"
			 "            exp_annotations: {summary: \"%s\", runbook: "
			 "docs/runbooks/%s.md}\n",
			 labels, summary, alert);
	assert_true(firing_count < ALERTS_MAX);
	(void)snprintf(firing[firing_count++], sizeof firing[0], "%s", alert);
}

static bool is_expected(const char *alert)
{
	for (uint32_t i = 0; i < firing_count; i++) {
		if (strcmp(firing[i], alert) == 0)
			return true;
	}
	return false;
}

/* All alerts of the file that are not to fire. */
static void expect_silence(void)
{
	FILE *file = fopen(rules_path, "r");
	char line[1024];
	char alert[64];
	uint32_t count = 0;

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, " - alert: %63s", alert) != 1)
			continue;
		count++;
		if (is_expected(alert))
			continue;
		expect_head(alert);
		(void)buf_printf(&expected, "        exp_alerts: []\n");
	}
	(void)fclose(file);
	assert_true(count > 10);
}

void rules_run(bool others_may_fire)
{
	struct buf all;

	if (!others_may_fire)
		expect_silence();
	buf_init(&all, 2 * TEXT_MAX);
	(void)buf_printf(&all,
			 "rule_files: ['%s']\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n"
			 "    input_series:\n",
			 rules_path);
	(void)buf_put_slice(&all, buf_slice(&series));
	(void)buf_printf(&all, "    alert_rule_test:\n");
	(void)buf_put_slice(&all, buf_slice(&expected));
	assert_int_equal(buf_error(&all), 0);
	run("test rules", buf_slice(&all));
	buf_close(&all);
	buf_close(&series);
	buf_close(&expected);
}
