#include <inttypes.h>

#include "examples/shop/check.h"

void check_print(const struct check_report *report, FILE *file)
{
	(void)fprintf(file, "orders         %8" PRIu32 "\n", report->orders);
	(void)fprintf(file,
		      "  completed    %8" PRIu32 "   with a gift %" PRIu32 ", without %" PRIu32
		      " (%" PRIu32 " undone, as nobody knew); %" PRIu32
		      " were parked before they were sent\n",
		      report->completed, report->gifts, report->without_gift, report->gifts_undone,
		      report->patient);
	(void)fprintf(file,
		      "  undone       %8" PRIu32 "   sold out %" PRIu32 ", card declined %" PRIu32
		      ", other %" PRIu32 "\n",
		      report->undone, report->sold_out, report->declined, report->undone_otherwise);
	(void)fprintf(file, "  not final    %8" PRIu32 "\n", report->open);
	(void)fprintf(file, "lost           %8" PRIu32 "\n", report->lost);
	(void)fprintf(file, "doubled        %8" PRIu32 "\n", report->doubled);
	(void)fprintf(file, "effects        %8" PRIu64 "\n", report->effects);
	(void)fprintf(file, "races lost     %8" PRIu64 "   and tried again with a newer version\n",
		      report->races);
	(void)fprintf(file,
		      "charges settled %7" PRIu32 "   %" PRIu32 " were done, %" PRIu32
		      " had not begun and were blocked\n",
		      report->settled_done + report->settled_blocked, report->settled_done,
		      report->settled_blocked);
	(void)fprintf(file,
		      "barriers met   %8" PRIu64 " duplicates, %" PRIu64 " empty undos, %" PRIu64
		      " late forwards\n",
		      report->duplicates, report->empty_undos, report->late_forwards);
	findings_print(&report->findings, check_rules, CHECK_RULES, file);
}

void check_print_json(const struct check_report *report, FILE *file)
{
	const struct {
		const char *name;
		uint64_t value;
	} members[] = {
		{"orders", report->orders},
		{"completed", report->completed},
		{"undone", report->undone},
		{"open", report->open},
		{"sold_out", report->sold_out},
		{"declined", report->declined},
		{"undone_otherwise", report->undone_otherwise},
		{"gifts", report->gifts},
		{"without_gift", report->without_gift},
		{"gifts_undone", report->gifts_undone},
		{"patient", report->patient},
		{"lost", report->lost},
		{"doubled", report->doubled},
		{"effects", report->effects},
		{"races", report->races},
		{"settled_done", report->settled_done},
		{"settled_blocked", report->settled_blocked},
		{"duplicates", report->duplicates},
		{"empty_undos", report->empty_undos},
		{"late_forwards", report->late_forwards},
	};

	(void)fputc('{', file);
	for (uint32_t i = 0; i < sizeof members / sizeof members[0]; i++)
		(void)fprintf(file, "\"%s\":%" PRIu64 ",", members[i].name, members[i].value);
	findings_print_json(&report->findings, check_rules, CHECK_RULES, file);
	(void)fputc('}', file);
}
