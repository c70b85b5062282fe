sagad_unit_test(judge_mangled SOURCES judge_mangled.c judge_mangles.c judge_tale.c judge_tale_base.c
	LIBS sagad_judge)
sagad_unit_test(judge_file SOURCES judge_file.c judge_tale.c judge_tale_base.c LIBS sagad_judge)
sagad_unit_test(judge_recorder SOURCES judge_recorder_sqlite.c
	LIBS sagad_recorder sagad_client_sqlite example_check)
