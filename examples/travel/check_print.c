#include <inttypes.h>

#include "examples/travel/check.h"

void check_print(const struct check_report *report, FILE *file)
{
	const uint32_t *rejected = report->rejected_at;

	(void)fprintf(file, "bookings       %8" PRIu32 "\n", report->bookings);
	(void)fprintf(file, "  completed    %8" PRIu32 "\n", report->completed);
	(void)fprintf(file,
		      "  compensated  %8" PRIu32 "   no balance %" PRIu32 ", no seat %" PRIu32
		      ", no room %" PRIu32 ", card declined %" PRIu32 ", other %" PRIu32 "\n",
		      report->compensated, rejected[CHECK_USER], rejected[CHECK_FLIGHT],
		      rejected[CHECK_HOTEL], rejected[CHECK_PAYMENT], report->undone_otherwise);
	(void)fprintf(file, "  not final    %8" PRIu32 "\n", report->open);
	(void)fprintf(file, "lost           %8" PRIu32 "\n", report->lost);
	(void)fprintf(file, "doubled        %8" PRIu32 "\n", report->doubled);
	(void)fprintf(file, "effects        %8" PRIu64 "\n", report->effects);
	(void)fprintf(file,
		      "barriers met   %8" PRIu64 " duplicates, %" PRIu64 " empty undos, %" PRIu64
		      " late forwards\n",
		      report->duplicates, report->empty_undos, report->late_forwards);
	findings_print(&report->findings, check_rules, CHECK_RULES, file);
}

void check_print_json(const struct check_report *report, FILE *file)
{
	(void)fprintf(file,
		      "{\"bookings\":%" PRIu32 ",\"completed\":%" PRIu32 ",\"compensated\":%" PRIu32
		      ",\"open\":%" PRIu32 ",\"lost\":%" PRIu32 ",\"doubled\":%" PRIu32
		      ",\"effects\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"empty_undos\":%" PRIu64
		      ",\"late_forwards\":%" PRIu64 ",",
		      report->bookings, report->completed, report->compensated, report->open,
		      report->lost, report->doubled, report->effects, report->duplicates,
		      report->empty_undos, report->late_forwards);
	findings_print_json(&report->findings, check_rules, CHECK_RULES, file);
	(void)fprintf(file, "}");
}
