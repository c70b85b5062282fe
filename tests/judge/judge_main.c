/* sagad-judge: judges a history that was recorded.
 *
 *   sagad-judge FILE [-o json] [--saga N] [--excuse PART]... [--at-least COUNTER=N]...
 *
 * Exit: 0 = passed, 1 = a safety rule was broken, 2 = something did not end in time, 3 = too little
 * was seen to prove anything, 64 = wrong usage, 65 = the file is damaged, 66 = it cannot be read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/judge/history_file.h"
#include "tests/judge/judge.h"
#include "tests/judge/story.h"

enum { EXIT_WRONG_USAGE = 64, EXIT_DAMAGED = 65, EXIT_UNREADABLE = 66, WANTS_MAX = 32 };

struct want {
	char counter[48];
	uint64_t least;
};
struct command_line {
	const char *path;
	bool json;
	uint64_t saga; /* or UINT64_MAX */
	uint32_t excused, want_count;
	struct want wants[WANTS_MAX];
};

/* ---- the command line --------------------------------------------------------------------------
 */

static bool number(const char *text, uint64_t *value)
{
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool excuse(const char *text, uint32_t *parts)
{
	for (uint32_t i = 0; text != NULL && i < HISTORY_PARTS; i++)
		if (strcmp(text, history_part_name((enum history_part)(1U << i))) == 0) {
			*parts |= 1U << i;
			return true;
		}
	return false;
}

static bool want(const char *text, struct command_line *line)
{
	const struct verdict empty = {0};
	const char *equals = text == NULL ? NULL : strchr(text, '=');
	struct want *w = &line->wants[line->want_count];
	uint64_t value;

	if (equals == NULL || line->want_count == WANTS_MAX ||
	    (size_t)(equals - text) >= sizeof w->counter)
		return false;
	memcpy(w->counter, text, (size_t)(equals - text));
	line->want_count++;
	return verdict_counter(&empty, w->counter, &value) && number(equals + 1, &w->least);
}

static bool parse(int argc, char **argv, struct command_line *line)
{
	*line = (struct command_line){.saga = UINT64_MAX};
	for (int i = 1; i < argc; i++) {
		bool good = true;

		if (strcmp(argv[i], "-o") == 0)
			good = line->json = argv[++i] != NULL && strcmp(argv[i], "json") == 0;
		else if (strcmp(argv[i], "--saga") == 0)
			good = number(argv[++i], &line->saga);
		else if (strcmp(argv[i], "--excuse") == 0)
			good = excuse(argv[++i], &line->excused);
		else if (strcmp(argv[i], "--at-least") == 0)
			good = want(argv[++i], line);
		else if (argv[i][0] != '-' && line->path == NULL)
			line->path = argv[i];
		else
			good = false;
		if (!good)
			return false;
	}
	return line->path != NULL;
}

/* ---- what came of it ---------------------------------------------------------------------------
 */

static void print_text(const struct history *h, const struct verdict *v)
{
	const uint32_t shown = verdict_kept(v) < 10 ? verdict_kept(v) : 10;
	char text[320];

	(void)printf("%s: %s\n", h->source, judge_outcome_name(judge_outcome(v)));
	for (uint32_t i = 0; i < shown; i++) {
		finding_text(&v->findings[i], text, sizeof text);
		(void)printf("  %10.3f %s\n",
			     (double)(v->findings[i].at.at_ms - h->start_ms) / 1000, text);
	}
	if (v->finding_count > shown)
		(void)printf("  and %u more\n", v->finding_count - shown);
	for (uint32_t i = 0; i < v->unseen_count; i++)
		(void)printf("  %s\n", v->unseen[i]);
	if (shown > 0 && v->findings[0].saga != HISTORY_NONE)
		story_print(stdout, h, v->findings[0].saga);
	(void)printf("%u transactions, %u commands, %u effects, %u answers; completed %" PRIu64
		     ", compensated %" PRIu64 "\n",
		     h->saga_count, h->command_count, h->effect_count, h->answer_count,
		     v->count.completed, v->count.compensated);
}

static void print_string(const char *text)
{
	(void)putchar('"');
	for (; *text != '\0'; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			(void)printf("\\%c", c);
		else if (c < 0x20)
			(void)printf("\\u%04x", c);
		else
			(void)putchar(c);
	}
	(void)putchar('"');
}

static void print_number(const char *name, uint32_t value)
{
	if (value == HISTORY_NONE)
		(void)printf(", \"%s\": null", name);
	else
		(void)printf(", \"%s\": %u", name, value);
}

static void print_findings(const struct history *h, const struct verdict *v)
{
	for (uint32_t i = 0; i < verdict_kept(v); i++) {
		const struct finding *f = &v->findings[i];

		(void)printf("%s\n    {\"invariant\": %u, \"rule\": ", i > 0 ? "," : "",
			     f->law.invariant);
		print_string(f->law.rule);
		(void)printf(", \"kind\": \"%s\"", f->liveness ? "liveness" : "safety");
		print_number("saga", f->saga);
		print_number("step", f->step);
		(void)printf(", \"ms\": %" PRIu64 ", \"witness\": %u, \"text\": ",
			     f->at.at_ms - h->start_ms, f->witness);
		print_string(f->text);
		(void)putchar('}');
	}
}

static void print_json(const struct history *h, const struct verdict *v)
{
	const char *comma = "";

	(void)printf("{\n  \"source\": ");
	print_string(h->source);
	(void)printf(",\n  \"outcome\": \"%s\",\n  \"finding_count\": %u,\n  \"findings\": [",
		     judge_outcome_name(judge_outcome(v)), v->finding_count);
	print_findings(h, v);
	(void)printf("],\n  \"too_little\": [");
	for (uint32_t i = 0; i < v->unseen_count; i++) {
		(void)printf("%s", i > 0 ? ", " : "");
		print_string(v->unseen[i]);
	}
	(void)printf("],\n  \"counters\": {");
#define X(name)                                                                                    \
	(void)printf("%s\"%s\": %" PRIu64, comma, #name, v->count.name);                           \
	comma = ", ";
	JUDGE_COUNTERS(X)
#undef X
	(void)printf("}\n}\n");
}

static int judge(const struct command_line *line, const struct history *h)
{
	static const int codes[] = {0, 1, 2, 3};
	struct judge_options options = judge_defaults();
	static struct verdict v;

	options.excused = line->excused;
	/* Where some parts are never well, owners come and go, and what is due waits for the next.
	 */
	if (h->lasting) {
		options.timer_ms = options.moves = 0;
		options.grace_ms = 30000;
	}
	judge_all(h, &options, NULL, &v);
	for (uint32_t i = 0; i < line->want_count; i++) {
		uint64_t value = 0;

		(void)verdict_counter(&v, line->wants[i].counter, &value);
		if (value < line->wants[i].least)
			verdict_unseen(&v, "%s: %" PRIu64 " of %" PRIu64, line->wants[i].counter,
				       value, line->wants[i].least);
	}
	if (line->json)
		print_json(h, &v);
	else
		print_text(h, &v);
	return codes[judge_outcome(&v)];
}

int main(int argc, char **argv)
{
	struct history_refusal refusal;
	struct command_line line;
	struct history history;
	int code = 0;

	if (!parse(argc, argv, &line)) {
		(void)fprintf(stderr,
			      "usage: %s FILE [-o json] [--saga N] [--excuse PART]... "
			      "[--at-least COUNTER=N]...\n",
			      argv[0]);
		return EXIT_WRONG_USAGE;
	}
	if (!history_load(line.path, &history, &refusal)) {
		(void)fprintf(stderr, "%s: byte %" PRIu64 ": %s\n", line.path, refusal.offset,
			      refusal.text);
		return refusal.offset == 0 ? EXIT_UNREADABLE : EXIT_DAMAGED;
	}
	if (line.saga == UINT64_MAX)
		code = judge(&line, &history);
	else if (line.saga < history.saga_count)
		story_print(stdout, &history, (uint32_t)line.saga);
	else
		code = EXIT_WRONG_USAGE;
	history_close(&history);
	return code;
}
