sagad_unit_test(cli_options SOURCES cli_options.c LIBS sagad_cli)
sagad_unit_test(cli_main SOURCES cli_main.c cli_run.c LIBS sagad_cli PkgConfig::JANSSON)
sagad_unit_test(cli_definitions SOURCES cli_definitions_jansson.c cli_run.c
	LIBS sagad_cli PkgConfig::JANSSON)
sagad_unit_test(cli_dry_run SOURCES cli_dry_run.c LIBS sagad_cli)
sagad_unit_test(cli_views
	SOURCES cli_views.c cli_views_json.c LIBS sagad_cli PkgConfig::JANSSON)
foreach(module IN ITEMS show show_kinds)
	sagad_unit_test(cli_${module}
		SOURCES cli_${module}.c cli_show_journal.c cli_views_json.c
		LIBS sagad_cli PkgConfig::JANSSON)
endforeach()

# Those that people copy from.
file(GLOB definitions CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/examples/*/*.yaml")
add_test(NAME unit.cli_examples COMMAND sagactl definitions validate --strict ${definitions})
set_tests_properties(unit.cli_examples PROPERTIES LABELS unit TIMEOUT 60)
