#include <inttypes.h>

#include "examples/bank/check.h"

void check_print(const struct check_report *report, FILE *file)
{
	(void)fprintf(file, "transfers      %8" PRIu32 "   moved %" PRId64 "\n", report->transfers,
		      report->moved);
	for (uint32_t i = 0; i < CHECK_PROTOCOLS; i++)
		(void)fprintf(file, "  %-10s   %8" PRIu32 " committed, %" PRIu32 " aborted\n",
			      check_protocol_names[i], report->committed[i], report->aborted[i]);
	(void)fprintf(file, "  read only    %8" PRIu32 "   committed, nothing to move\n",
		      report->read_only);
	(void)fprintf(file, "  refused      %8" PRIu32 "   aborted, a bank said no\n",
		      report->refused);
	(void)fprintf(file, "trouble        %8" PRIu32 "   transfers; ", report->troubled);
	for (uint32_t i = 0; i < CHECK_TROUBLES; i++)
		(void)fprintf(file, "%s%s %" PRIu32, i == 0 ? "" : ", ", check_trouble_names[i],
			      report->troubles[i]);
	(void)fprintf(file, "\ncrashed        %8" PRIu32 "   and committed after all\n",
		      report->crashes_survived);
	(void)fprintf(file, "asked          %8" PRIu32 "   by banks in doubt, and answered\n",
		      report->inquiries);
	(void)fprintf(file, "effects        %8" PRIu64 "\n", report->effects);
	(void)fprintf(file,
		      "barriers met   %8" PRIu64 " duplicates, %" PRIu64 " empty undos, %" PRIu64
		      " late forwards, %" PRIu64 " settled\n",
		      report->duplicates, report->empty_undos, report->late_forwards,
		      report->settled);
	findings_print(&report->findings, check_rules, CHECK_RULES, file);
}

void check_print_json(const struct check_report *report, FILE *file)
{
	(void)fprintf(file, "{\"transfers\":%" PRIu32 ",\"moved\":%" PRId64, report->transfers,
		      report->moved);
	for (uint32_t i = 0; i < CHECK_PROTOCOLS; i++)
		(void)fprintf(file, ",\"%s\":{\"committed\":%" PRIu32 ",\"aborted\":%" PRIu32 "}",
			      check_protocol_names[i], report->committed[i], report->aborted[i]);
	(void)fprintf(file,
		      ",\"read_only\":%" PRIu32 ",\"refused\":%" PRIu32 ",\"troubled\":%" PRIu32,
		      report->read_only, report->refused, report->troubled);
	for (uint32_t i = 0; i < CHECK_TROUBLES; i++)
		(void)fprintf(file, ",\"%s\":%" PRIu32, check_trouble_names[i],
			      report->troubles[i]);
	(void)fprintf(file,
		      ",\"inquiries\":%" PRIu32 ",\"crashes_survived\":%" PRIu32
		      ",\"effects\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"empty_undos\":%" PRIu64
		      ",\"late_forwards\":%" PRIu64 ",\"settled\":%" PRIu64 ",",
		      report->inquiries, report->crashes_survived, report->effects,
		      report->duplicates, report->empty_undos, report->late_forwards,
		      report->settled);
	findings_print_json(&report->findings, check_rules, CHECK_RULES, file);
	(void)fprintf(file, "}");
}
